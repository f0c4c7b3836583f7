/* tls_server.c: what a TLS server is and whom it lets in. DEBUG: section 83 */
#include "tls_priv.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "check.h"
#include "xalloc.h"

#define TLS_SERVER_MAGIC 0x715e4e01u
#define SESSIONS_MAX 4096 /* of clients that take no tickets */
#define TICKET_KEYS_SIZE 80

static int
useIdentity(SSL *ssl, const TlsIdentity *identity)
{
    return SSL_use_cert_and_key(ssl, identity->cert, identity->key,
                                identity->chain, 1);
}

/* Called when the client's wishes are known. Certificates for one name may
 * differ in their kind of key: OpenSSL picks what the client can check. */
static int
onCertWanted(SSL *ssl, void *data)
{
    const TlsServer *server = data;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    bool isFirst = true;

    CHECK_OBJ(server, TLS_SERVER_MAGIC);
    for (size_t i = 0; name != NULL && i < server->identityCount; i++) {
        const TlsIdentity *identity = &server->identities[i];

        if (X509_check_host(identity->cert, name, 0, 0, NULL) != 1)
            continue;
        if (isFirst)
            SSL_certs_clear(ssl);
        isFirst = false;
        if (useIdentity(ssl, identity) != 1)
            return 0;
    }
    return 1;
}

static int
onProtocolWanted(SSL *ssl, const unsigned char **out, unsigned char *outLen,
                 const unsigned char *offer, unsigned offerLen, void *data)
{
    const TlsServer *server = data;
    unsigned char *chosen;

    (void)ssl;
    CHECK_OBJ(server, TLS_SERVER_MAGIC);
    if (SSL_select_next_proto(&chosen, outLen, server->alpn, server->alpnLen,
                              offer, offerLen) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static void
setProtocols(TlsServer *server, const char *const *alpn)
{
    for (size_t i = 0; alpn[i] != NULL; i++) {
        size_t len = strlen(alpn[i]);

        CHECK(len > 0 && len < 256);
        server->alpn = xrealloc(server->alpn, server->alpnLen + len + 1);
        server->alpn[server->alpnLen] = (unsigned char)len;
        memcpy(server->alpn + server->alpnLen + 1, alpn[i], len);
        server->alpnLen += (unsigned)len + 1;
    }
    SSL_CTX_set_alpn_select_cb(server->context, onProtocolWanted, server);
}

static int
readIdentities(TlsServer *server, const TlsServerConfig *config, char **whyOut)
{
    server->identities = xcalloc(config->pairCount, sizeof(TlsIdentity));
    for (size_t i = 0; i < config->pairCount; i++) {
        int rc =
            tlsFileIdentity(&config->pairs[i], &server->identities[i], whyOut);
        if (rc < 0)
            return rc;
        server->identityCount++;
    }
    const TlsIdentity *first = &server->identities[0];
    if (SSL_CTX_use_cert_and_key(server->context, first->cert, first->key,
                                 first->chain, 1) != 1)
        return tlsFileComplain(config->pairs[0].cert, whyOut);
    if (config->pairCount > 1)
        SSL_CTX_set_cert_cb(server->context, onCertWanted, server);
    return 0;
}

/* Clients are told whose certificates will do. */
static int
nameAuthorities(SSL_CTX *context, const char *path, char **whyOut)
{
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(path);

    if (names == NULL)
        return tlsFileComplain(path, whyOut);
    SSL_CTX_set_client_CA_list(context, names);
    return 0;
}

static int
verifyClients(TlsServer *server, const TlsServerConfig *config, char **whyOut)
{
    static const int modes[TLS_VERIFY_COUNT] = {
        [TLS_VERIFY_NONE] = SSL_VERIFY_NONE,
        [TLS_VERIFY_OPTIONAL] = SSL_VERIFY_PEER,
        [TLS_VERIFY_REQUIRE] =
            SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
    };
    X509_STORE *store = SSL_CTX_get_cert_store(server->context);

    server->isVerifying = config->verify != TLS_VERIFY_NONE;
    SSL_CTX_set_verify(server->context, modes[config->verify], NULL);
    TlsAuthority named = {.caFile = config->clientCa};
    int rc = tlsFileTrust(&named, store, whyOut);
    if (rc == 0 && config->clientCa != NULL)
        rc = nameAuthorities(server->context, config->clientCa, whyOut);
    if (rc == 0)
        rc = tlsFileTrust(&config->authority, store, whyOut);
    return rc;
}

/* A session is good for the context that it was made in only. */
static void
setResumption(TlsServer *server, const TlsServerConfig *config)
{
    const char *name = config->context != NULL ? config->context : "";
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    server->isResuming = !config->noResumption;
    EVP_Digest(name, strlen(name), digest, &len, EVP_sha256(), NULL);
    SSL_CTX_set_session_id_context(server->context, digest, len);
    SSL_CTX_sess_set_cache_size(server->context, SESSIONS_MAX);
    if (server->isResuming)
        return;
    SSL_CTX_set_session_cache_mode(server->context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(server->context, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(server->context, 0);
}

TlsServer *
tlsServerCreate(const TlsServerConfig *config, char **whyOut)
{
    TlsServer *server = xcalloc(1, sizeof(*server));

    CHECK(config->pairCount > 0);
    server->magic = TLS_SERVER_MAGIC;
    atomic_init(&server->refs, 1);
    server->context = tlsFileContext(TLS_server_method());
    SSL_CTX_set_options(server->context, SSL_OP_CIPHER_SERVER_PREFERENCE |
                                             SSL_OP_PRIORITIZE_CHACHA);
    setResumption(server, config);
    if (config->alpn != NULL)
        setProtocols(server, config->alpn);
    int rc = tlsFilePolicy(&config->policy, server->context, whyOut);
    if (rc == 0)
        rc = readIdentities(server, config, whyOut);
    if (rc == 0)
        rc = verifyClients(server, config, whyOut);
    if (rc < 0) {
        tlsServerUnref(&server);
        errno = -rc;
    }
    return server;
}

int64_t
tlsServerExpires(const TlsServer *server, size_t pair)
{
    struct tm end = {0};

    CHECK_OBJ(server, TLS_SERVER_MAGIC);
    CHECK(pair < server->identityCount);
    ASN1_TIME_to_tm(X509_get0_notAfter(server->identities[pair].cert), &end);
    return timegm(&end);
}

TlsServer *
tlsServerRef(TlsServer *server)
{
    CHECK_OBJ(server, TLS_SERVER_MAGIC);
    atomic_fetch_add(&server->refs, 1);
    return server;
}

void
tlsServerUnref(TlsServer **serverPtr)
{
    TlsServer *server = *serverPtr;

    *serverPtr = NULL;
    if (server == NULL)
        return;
    CHECK_OBJ(server, TLS_SERVER_MAGIC);
    if (atomic_fetch_sub(&server->refs, 1) != 1)
        return;
    for (size_t i = 0; i < server->identityCount; i++)
        tlsFileIdentityFini(&server->identities[i]);
    free(server->identities);
    free(server->alpn);
    SSL_CTX_free(server->context);
    CHECK_OBJ_CLEAR(server);
    free(server);
}

void
tlsServerInherit(TlsServer *server, const TlsServer *older)
{
    unsigned char keys[TICKET_KEYS_SIZE];

    CHECK_OBJ(server, TLS_SERVER_MAGIC);
    CHECK_OBJ(older, TLS_SERVER_MAGIC);
    if (server->isVerifying || older->isVerifying || !server->isResuming ||
        !older->isResuming)
        return;
    if (SSL_CTX_get_tlsext_ticket_keys(older->context, keys, sizeof(keys)) == 1)
        SSL_CTX_set_tlsext_ticket_keys(server->context, keys, sizeof(keys));
    OPENSSL_cleanse(keys, sizeof(keys));
}
