/*
 * auth_hash.h: the hashes that authentication needs. Thread: any.
 */
#ifndef SQUIRE_AUTH_HASH_H
#define SQUIRE_AUTH_HASH_H

#include <stdbool.h>
#include <stddef.h>

#include "auth_header.h"

#define AUTH_HASH_SIZE 32     /* octets of a keyed hash and of its key */
#define AUTH_HASH_HEX_SIZE 33 /* 32 hexadecimal digits and NUL */

typedef struct AuthHash {
    unsigned char octets[AUTH_HASH_SIZE];
} AuthHash;

/* A new random key; aborts when the system has no random numbers. */
void authHashKey(AuthHash *keyOut);

/* HMAC-SHA256 of count texts, which cannot run into each other. */
void authHashKeyed(const AuthHash *key, const HttpSlice *texts, size_t count,
                   AuthHash *out);

/* len octets as 2 * len small hexadecimal digits and NUL. */
void authHashHex(const unsigned char *octets, size_t len, char *out);

/* H(user:realm:password) of RFC 7616. False: this OpenSSL has no MD5. */
bool authHashSecret(const char *user, const char *realm, const char *password,
                    char out[AUTH_HASH_HEX_SIZE]);

/* The response that digest should have, with ha1 from the helper. False as
 * authHashSecret. */
bool authHashResponse(const AuthDigest *digest, const char *ha1,
                      HttpSlice method, char out[AUTH_HASH_HEX_SIZE]);

/* The same two texts, in a time that does not tell where they differ; case of
 * letters is ignored. */
bool authHashEqualHex(const char *a, const char *b);

#endif
