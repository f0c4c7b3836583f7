/* tls_client.c: whom we trust as a client, and what we show. DEBUG: section
 * 83 */
#include "tls_priv.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>

#include "check.h"
#include "xalloc.h"

#define TLS_CLIENT_MAGIC 0x715c1e01u

struct TlsClient {
    uint32_t magic;
    atomic_uint refs;
    uint64_t id;
    SSL_CTX *context; /* of our own streams */
    X509_STORE *store;
    TlsIdentity identity; /* cert NULL: none */
    TlsVersion minVersion;
    char *ciphers;
    char *suites;
};

static char *
copyOf(const char *text)
{
    return text != NULL ? xstrdup(text) : NULL;
}

static int
makeContext(TlsClient *client, const TlsClientConfig *config, char **whyOut)
{
    client->context = tlsFileContext(TLS_client_method());
    int rc = tlsFilePolicy(&config->policy, client->context, whyOut);
    if (rc == 0 && tlsClientApply(client, client->context) < 0)
        rc = tlsFileComplain(config->pair.cert, whyOut);
    return rc;
}

TlsClient *
tlsClientCreate(const TlsClientConfig *config, char **whyOut)
{
    static atomic_ullong made;
    TlsClient *client = xcalloc(1, sizeof(*client));

    client->id = atomic_fetch_add(&made, 1);
    client->magic = TLS_CLIENT_MAGIC;
    atomic_init(&client->refs, 1);
    client->minVersion = config->policy.minVersion;
    client->ciphers = copyOf(config->policy.ciphers);
    client->suites = copyOf(config->policy.suites);
    client->store = X509_STORE_new();
    CHECK(client->store != NULL);
    int rc = tlsFileTrust(&config->authority, client->store, whyOut);
    if (rc == 0 && config->pair.cert != NULL)
        rc = tlsFileIdentity(&config->pair, &client->identity, whyOut);
    if (rc == 0)
        rc = makeContext(client, config, whyOut);
    if (rc < 0) {
        tlsClientUnref(&client);
        errno = -rc;
    }
    return client;
}

TlsClient *
tlsClientRef(TlsClient *client)
{
    CHECK_OBJ(client, TLS_CLIENT_MAGIC);
    atomic_fetch_add(&client->refs, 1);
    return client;
}

void
tlsClientUnref(TlsClient **clientPtr)
{
    TlsClient *client = *clientPtr;

    *clientPtr = NULL;
    if (client == NULL)
        return;
    CHECK_OBJ(client, TLS_CLIENT_MAGIC);
    if (atomic_fetch_sub(&client->refs, 1) != 1)
        return;
    tlsFileIdentityFini(&client->identity);
    SSL_CTX_free(client->context);
    X509_STORE_free(client->store);
    free(client->ciphers);
    free(client->suites);
    CHECK_OBJ_CLEAR(client);
    free(client);
}

SSL_CTX *
tlsClientContext(const TlsClient *client)
{
    CHECK_OBJ(client, TLS_CLIENT_MAGIC);
    return client->context;
}

uint64_t
tlsClientId(const TlsClient *client)
{
    CHECK_OBJ(client, TLS_CLIENT_MAGIC);
    return client->id;
}

int
tlsClientApply(const TlsClient *client, struct ssl_ctx_st *context)
{
    const TlsIdentity *identity = &client->identity;
    TlsPolicy policy = {.minVersion = client->minVersion,
                        .ciphers = client->ciphers,
                        .suites = client->suites};
    char *why = NULL;

    CHECK_OBJ(client, TLS_CLIENT_MAGIC);
    SSL_CTX_set1_cert_store(context, client->store);
    if (tlsFilePolicy(&policy, context, &why) < 0) {
        free(why);
        return -EINVAL;
    }
    if (identity->cert != NULL &&
        SSL_CTX_use_cert_and_key(context, identity->cert, identity->key,
                                 identity->chain, 1) != 1)
        return -EINVAL;
    return 0;
}
