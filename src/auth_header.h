/*
 * auth_header.h: what clients send in Proxy-Authorization (RFC 9110 11.6).
 *
 * Basic is RFC 7617, Digest RFC 7616 and 2617, NTLM and Negotiate are one
 * token68. Whatever is not exactly that is refused with a reason, which is a
 * constant text for the log. Pure, no allocation; thread: any.
 */
#ifndef SQUIRE_AUTH_HEADER_H
#define SQUIRE_AUTH_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http_slice.h"

#define AUTH_KINDS(X)                                                          \
    X(BASIC, "basic", "Basic")                                                 \
    X(DIGEST, "digest", "Digest")                                              \
    X(NTLM, "ntlm", "NTLM")                                                    \
    X(NEGOTIATE, "negotiate", "Negotiate")

typedef enum AuthKind {
#define X(id, name, scheme) AUTH_##id,
    AUTH_KINDS(X)
#undef X
        AUTH_KIND_COUNT
} AuthKind;

#define AUTH_USER_MAX 1023    /* octets of a user's name */
#define AUTH_BASIC_MAX 6000   /* of name and password together */
#define AUTH_TOKEN_MAX 65000  /* of a token68 */
#define AUTH_DIGEST_MAX 16384 /* of all values of a Digest field */

typedef struct AuthHeader {
    AuthKind kind;
    HttpSlice rest; /* what follows the scheme; may be empty */
} AuthHeader;

/* Both end in NUL; neither has control octets, user is not empty. */
typedef struct AuthBasic {
    const char *user;
    const char *password; /* may be empty */
    char text[AUTH_BASIC_MAX + 2];
} AuthBasic;

/* Pointers go into text and end in NUL; NULL: not given. Copy no such
 * struct. */
typedef struct AuthDigest {
    const char *user; /* username, or username* decoded */
    const char *realm;
    const char *nonce;
    const char *uri;
    const char *response; /* 32 digits */
    const char *cnonce;   /* with qop */
    const char *nc;       /* with qop: 8 digits, as given */
    uint32_t count;       /* the value of nc; 0 without qop */
    bool hasQop;          /* qop=auth; else as RFC 2069 */
    bool isSess;          /* algorithm=MD5-sess */
    size_t used;
    char text[AUTH_DIGEST_MAX];
} AuthDigest;

/* "basic" and "Basic"; constant. */
const char *authKindName(AuthKind kind);

/* The scheme as it stands in fields; constant. */
const char *authKindScheme(AuthKind kind);

/* The kind with this name in any case, or AUTH_KIND_COUNT. */
AuthKind authKindOf(HttpSlice name);

/* Take the scheme off a field's value. rest borrows it. NULL, or what is
 * wrong. */
const char *authHeaderParse(HttpSlice value, AuthHeader *out);

/* The rest of a Basic field. NULL, or what is wrong. */
const char *authHeaderBasic(HttpSlice rest, AuthBasic *out);

/* The rest of a Digest field: complete, or it is refused. NULL, or what is
 * wrong. */
const char *authHeaderDigest(HttpSlice rest, AuthDigest *out);

/* The rest of an NTLM or Negotiate field: base64. *tokenOut borrows it. NULL,
 * or what is wrong. */
const char *authHeaderToken(HttpSlice rest, HttpSlice *tokenOut);

#endif
