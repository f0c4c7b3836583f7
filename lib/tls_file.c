/* tls_file.c: certificates, keys and lists from files, and what is wrong
 * with them. DEBUG: section 83 */
#include "tls_priv.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "xalloc.h"

const char *
tlsFileReason(unsigned long code, const char *fallback)
{
    const char *reason = NULL;

    if (ERR_SYSTEM_ERROR(code))
        reason = strerror(ERR_GET_REASON(code));
    else if (code != 0)
        reason = ERR_reason_error_string(code);
    return reason != NULL ? reason : fallback;
}

SSL_CTX *
tlsFileContext(const SSL_METHOD *method)
{
    SSL_CTX *context = SSL_CTX_new(method);

    CHECK(context != NULL);
    SSL_CTX_set_options(context,
                        SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS |
                                  SSL_MODE_NO_AUTO_CHAIN |
                                  SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    /* One read for a record, not one for its head and one for the rest. */
    SSL_CTX_set_read_ahead(context, 1);
    return context;
}

int
tlsFileComplain(const char *path, char **whyOut)
{
    unsigned long code = ERR_get_error();

    *whyOut = xasprintf("%s: %s", path, tlsFileReason(code, "cannot be used"));
    ERR_clear_error();
    return -EINVAL;
}

static int
complainOfErrno(const char *path, char **whyOut)
{
    int error = errno;

    *whyOut = xasprintf("%s: %s", path, strerror(error));
    return -error;
}

/* Nobody is there to be asked; *data says that it would be needed. */
static int
noPassword(char *out, int size, int isWriting, void *data)
{
    (void)out, (void)size, (void)isWriting;
    *(bool *)data = true;
    return -1;
}

static bool
isEndOfPem(unsigned long code)
{
    return ERR_GET_LIB(code) == ERR_LIB_PEM &&
           ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
}

/* Those that follow the first one. */
static int
readChain(FILE *file, TlsIdentity *identity)
{
    bool isLocked = false;
    X509 *next;

    identity->chain = sk_X509_new_null();
    while ((next = PEM_read_X509(file, NULL, noPassword, &isLocked)) != NULL)
        sk_X509_push(identity->chain, next);
    if (!isEndOfPem(ERR_peek_last_error()))
        return -EINVAL;
    ERR_clear_error();
    return 0;
}

static int
readCert(const char *path, TlsIdentity *identity, char **whyOut)
{
    FILE *file = fopen(path, "re");
    bool isLocked = false;
    int rc = 0;

    if (file == NULL)
        return complainOfErrno(path, whyOut);
    identity->cert = PEM_read_X509_AUX(file, NULL, noPassword, &isLocked);
    if (identity->cert == NULL && isEndOfPem(ERR_peek_last_error())) {
        ERR_clear_error();
        *whyOut = xasprintf("%s: there is no certificate in it (PEM)", path);
        rc = -EINVAL;
    } else if (identity->cert == NULL || readChain(file, identity) < 0) {
        rc = tlsFileComplain(path, whyOut);
    }
    fclose(file);
    return rc;
}

static const char *
keyProblem(unsigned long code, bool isLocked)
{
    if (isLocked)
        return "the key is locked with a password";
    if (isEndOfPem(code) || ERR_GET_LIB(code) == ERR_LIB_OSSL_DECODER)
        return "there is no private key in it (PEM)";
    return tlsFileReason(code, "the key cannot be read");
}

static int
readKey(const char *path, TlsIdentity *identity, char **whyOut)
{
    FILE *file = fopen(path, "re");
    bool isLocked = false;

    if (file == NULL)
        return complainOfErrno(path, whyOut);
    identity->key = PEM_read_PrivateKey(file, NULL, noPassword, &isLocked);
    fclose(file);
    if (identity->key != NULL)
        return 0;
    *whyOut = xasprintf("%s: %s", path, keyProblem(ERR_peek_error(), isLocked));
    ERR_clear_error();
    return -EINVAL;
}

void
tlsFileIdentityFini(TlsIdentity *identity)
{
    X509_free(identity->cert);
    EVP_PKEY_free(identity->key);
    sk_X509_pop_free(identity->chain, X509_free);
}

int
tlsFileIdentity(const TlsPair *pair, TlsIdentity *identityOut, char **whyOut)
{
    const char *keyPath = pair->key != NULL ? pair->key : pair->cert;
    TlsIdentity identity = {0};

    ERR_clear_error();
    int rc = readCert(pair->cert, &identity, whyOut);
    if (rc == 0)
        rc = readKey(keyPath, &identity, whyOut);
    if (rc == 0 && X509_check_private_key(identity.cert, identity.key) != 1) {
        ERR_clear_error();
        *whyOut = xasprintf("%s: the key does not belong to the certificate "
                            "in %s",
                            keyPath, pair->cert);
        rc = -EINVAL;
    }
    if (rc < 0)
        tlsFileIdentityFini(&identity);
    else
        *identityOut = identity;
    return rc;
}

/* OpenSSL takes a folder that is not there for an empty one, and tells of a
 * file only that something is wrong with it. */
static int
checkReadable(const char *path, bool isFolder, char **whyOut)
{
    DIR *folder = isFolder ? opendir(path) : NULL;
    FILE *file = isFolder ? NULL : fopen(path, "re");

    if (folder == NULL && file == NULL)
        return complainOfErrno(path, whyOut);
    if (folder != NULL)
        closedir(folder);
    if (file != NULL)
        fclose(file);
    return 0;
}

static int
trustCaFile(const char *path, X509_STORE *store, char **whyOut)
{
    int rc = checkReadable(path, false, whyOut);

    if (rc == 0 && X509_STORE_load_file(store, path) != 1)
        rc = tlsFileComplain(path, whyOut);
    return rc;
}

static int
trustCaPath(const char *path, X509_STORE *store, char **whyOut)
{
    int rc = checkReadable(path, true, whyOut);

    if (rc == 0 && X509_STORE_load_path(store, path) != 1)
        rc = tlsFileComplain(path, whyOut);
    return rc;
}

static int
distrustRevoked(const char *path, X509_STORE *store, char **whyOut)
{
    X509_LOOKUP *lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());
    int rc = checkReadable(path, false, whyOut);

    if (rc < 0)
        return rc;
    if (lookup == NULL ||
        X509_load_crl_file(lookup, path, X509_FILETYPE_PEM) < 1 ||
        X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK) != 1)
        return tlsFileComplain(path, whyOut);
    return 0;
}

/* True for a folder as c_rehash makes it: "01234567.0" and so on. */
static bool
isHashed(const char *path)
{
    DIR *folder = opendir(path);
    const struct dirent *entry;
    bool isFound = false;

    if (folder == NULL)
        return false;
    while (!isFound && (entry = readdir(folder)) != NULL)
        isFound = strspn(entry->d_name, "0123456789abcdef") == 8 &&
                  strcmp(entry->d_name + 8, ".0") == 0;
    closedir(folder);
    return isFound;
}

/* From a folder each authority is read when it is needed; a file is read as a
 * whole now, which takes some ten milliseconds. */
static int
trustSystem(X509_STORE *store, char **whyOut)
{
    const char *file = getenv(X509_get_default_cert_file_env());
    const char *folder = getenv(X509_get_default_cert_dir_env());
    int rc;

    if (folder == NULL)
        folder = X509_get_default_cert_dir();
    if (file == NULL && isHashed(folder))
        rc = X509_STORE_load_path(store, folder);
    else
        rc = X509_STORE_set_default_paths(store);
    return rc == 1 ? 0 : tlsFileComplain("the system's authorities", whyOut);
}

int
tlsFileTrust(const TlsAuthority *authority, X509_STORE *store, char **whyOut)
{
    int rc = 0;

    ERR_clear_error();
    if (authority->useSystem)
        rc = trustSystem(store, whyOut);
    if (rc == 0 && authority->caFile != NULL)
        rc = trustCaFile(authority->caFile, store, whyOut);
    if (rc == 0 && authority->caPath != NULL)
        rc = trustCaPath(authority->caPath, store, whyOut);
    if (rc == 0 && authority->crlFile != NULL)
        rc = distrustRevoked(authority->crlFile, store, whyOut);
    ERR_clear_error();
    return rc;
}

int
tlsFilePolicy(const TlsPolicy *policy, SSL_CTX *context, char **whyOut)
{
    static const int versions[TLS_VERSION_COUNT] = {
        [TLS_VERSION_1_2] = TLS1_2_VERSION,
        [TLS_VERSION_1_3] = TLS1_3_VERSION,
    };

    ERR_clear_error();
    SSL_CTX_set_min_proto_version(context, versions[policy->minVersion]);
    if (policy->ciphers != NULL &&
        SSL_CTX_set_cipher_list(context, policy->ciphers) != 1)
        return tlsFileComplain(policy->ciphers, whyOut);
    if (policy->suites != NULL &&
        SSL_CTX_set_ciphersuites(context, policy->suites) != 1)
        return tlsFileComplain(policy->suites, whyOut);
    return 0;
}
