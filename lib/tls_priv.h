/*
 * tls_priv.h: what tls*.c share: files, and the reasons of OpenSSL.
 */
#ifndef SQUIRE_TLS_PRIV_H
#define SQUIRE_TLS_PRIV_H

#include <openssl/ssl.h>
#include <stdatomic.h>

#include "tls.h"

/* A certificate with its key, read. */
typedef struct TlsIdentity {
    X509 *cert;
    EVP_PKEY *key;
    STACK_OF(X509) *chain; /* NULL: none follow */
} TlsIdentity;

struct TlsServer {
    uint32_t magic;
    atomic_uint refs;
    SSL_CTX *context;
    TlsIdentity *identities;
    size_t identityCount;
    unsigned char *alpn; /* as it is sent; NULL: no choice */
    unsigned alpnLen;
    bool isVerifying;
    bool isResuming;
};

/* A context for streams of method, with what is the same for all. */
SSL_CTX *tlsFileContext(const SSL_METHOD *method);

/* The context of a client's streams; borrowed. */
SSL_CTX *tlsClientContext(const TlsClient *client);

/* Read pair. 0, or a negative errno with *whyOut owned. */
int tlsFileIdentity(const TlsPair *pair, TlsIdentity *identityOut,
                    char **whyOut);

/* Free what tlsFileIdentity read. */
void tlsFileIdentityFini(TlsIdentity *identity);

/* Have store trust authority. 0, or a negative errno with *whyOut owned. */
int tlsFileTrust(const TlsAuthority *authority, X509_STORE *store,
                 char **whyOut);

/* Set the versions and ciphers of context. As above. */
int tlsFilePolicy(const TlsPolicy *policy, SSL_CTX *context, char **whyOut);

/* "path: REASON", REASON being the oldest of OpenSSL's errors, which are
 * forgotten. Always -EINVAL. */
int tlsFileComplain(const char *path, char **whyOut);

/* OpenSSL's text for code; or fallback. Constant. */
const char *tlsFileReason(unsigned long code, const char *fallback);

#endif
