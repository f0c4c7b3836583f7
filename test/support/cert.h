/*
 * cert.h: certificates and TLS clients for unit tests, by OpenSSL itself.
 * Thread: the test's main thread.
 */
#ifndef SQUIRE_CERT_H
#define SQUIRE_CERT_H

#include <openssl/ssl.h>
#include <stdbool.h>

typedef struct CertSpec {
    const char *name;   /* of the files: NAME.crt, NAME.key */
    const char *host;   /* subject and SAN; NULL: an authority */
    const char *issuer; /* NAME of it; NULL: itself */
    bool isRsa;         /* else an elliptic curve's key */
    bool isExpired;
} CertSpec;

/* Write both files into supportTempDir. The test fails if that fails. */
void certMake(const CertSpec *spec);

/* "DIR/NAME.crt", ".key"; the caller frees. */
char *certPath(const char *name, const char *suffix);

/* A TLS client on a non-blocking fd that trusts the authority `ca` (NULL:
 * trusts everybody). Freed by certClientFree. */
SSL *certClient(int fd, const char *ca);

/* Take such a client away. */
void certClientFree(SSL **client);

#endif
