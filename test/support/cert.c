/* cert.c: certificates and TLS clients for unit tests. */
#include "cert.h"

#include <criterion/criterion.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#include "support.h"
#include "xalloc.h"

#define DAY 86400L

char *
certPath(const char *name, const char *suffix)
{
    return xasprintf("%s/%s%s", supportTempDir(), name, suffix);
}

static FILE *
openFile(const char *name, const char *suffix, const char *mode)
{
    char *path = certPath(name, suffix);
    FILE *file = fopen(path, mode);

    cr_assert_not_null(file, "%s", path);
    free(path);
    return file;
}

static void
addExtension(X509 *cert, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    cr_assert_not_null(extension, "%s", value);
    X509_add_ext(cert, extension, -1);
    X509_EXTENSION_free(extension);
}

static void
nameCert(X509 *cert, const CertSpec *spec)
{
    const char *name = spec->host ? spec->host : spec->name;

    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                               (const unsigned char *)name, -1, -1, 0);
    if (!spec->host) {
        addExtension(cert, NID_basic_constraints, "critical,CA:TRUE");
        return;
    }
    char *san = xasprintf("DNS:%s", spec->host);
    addExtension(cert, NID_subject_alt_name, san);
    free(san);
}

static EVP_PKEY *
issue(X509 *cert, const CertSpec *spec, EVP_PKEY *own)
{
    if (!spec->issuer) {
        X509_set_issuer_name(cert, X509_get_subject_name(cert));
        return own;
    }
    FILE *certFile = openFile(spec->issuer, ".crt", "r");
    FILE *keyFile = openFile(spec->issuer, ".key", "r");
    X509 *issuer = PEM_read_X509(certFile, NULL, NULL, NULL);
    EVP_PKEY *key = PEM_read_PrivateKey(keyFile, NULL, NULL, NULL);

    X509_set_issuer_name(cert, X509_get_subject_name(issuer));
    X509_free(issuer);
    fclose(certFile);
    fclose(keyFile);
    return key;
}

void
certMake(const CertSpec *spec)
{
    static long serial;
    X509 *cert = X509_new();
    EVP_PKEY *own = spec->isRsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");

    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(cert), -2 * DAY);
    X509_gmtime_adj(X509_getm_notAfter(cert), spec->isExpired ? -DAY : DAY);
    X509_set_pubkey(cert, own);
    nameCert(cert, spec);
    EVP_PKEY *signer = issue(cert, spec, own);
    cr_assert_gt(X509_sign(cert, signer, EVP_sha256()), 0);
    FILE *certFile = openFile(spec->name, ".crt", "w");
    FILE *keyFile = openFile(spec->name, ".key", "w");
    PEM_write_X509(certFile, cert);
    PEM_write_PrivateKey(keyFile, own, NULL, NULL, 0, NULL, NULL);
    fclose(certFile);
    fclose(keyFile);
    if (signer != own)
        EVP_PKEY_free(signer);
    EVP_PKEY_free(own);
    X509_free(cert);
}

SSL *
certClient(int fd, const char *ca)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    if (ca) {
        char *path = certPath(ca, ".crt");
        cr_assert_eq(SSL_CTX_load_verify_file(context, path), 1);
        free(path);
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    }
    SSL *client = SSL_new(context);
    SSL_CTX_free(context); /* client has its own reference */
    SSL_set_fd(client, fd);
    SSL_set_connect_state(client);
    return client;
}

void
certClientFree(SSL **client)
{
    SSL_free(*client);
    *client = NULL;
}
