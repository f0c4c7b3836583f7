/* password_hash.c: verify a password by any kind of hash. */
#include "password_hash.h"

#include "password_apr1.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#define SHA_PREFIX "{SHA}"
#define SHA_PREFIX_LEN 5
#define SHA_OCTETS 20
#define SHA_TEXT 28    /* of base64 */
#define DES_PASSWORD 8 /* characters that count; more would be ignored */

static bool
isSha(const char *hash)
{
    return strncmp(hash, SHA_PREFIX, SHA_PREFIX_LEN) == 0;
}

static bool
isDes(const char *hash)
{
    return hash[0] != '$' && hash[0] != '_';
}

const char *
passwordHashProblem(const char *hash)
{
    if (isSha(hash))
        return strlen(hash) == SHA_PREFIX_LEN + SHA_TEXT
                   ? NULL
                   : "{SHA} needs 28 characters";
    if (strncmp(hash, PASSWORD_APR1_PREFIX, strlen(PASSWORD_APR1_PREFIX)) == 0)
        return passwordApr1IsHash(hash) ? NULL : "not a whole $apr1$ hash";
    switch (crypt_checksalt(hash)) {
    case CRYPT_SALT_OK:
    case CRYPT_SALT_METHOD_LEGACY:
    case CRYPT_SALT_TOO_CHEAP:
        return NULL;
    default:
        return "a hash of no kind that is known here";
    }
}

static bool
isEqual(const char *a, const char *b)
{
    size_t len = strlen(a);

    return strlen(b) == len && CRYPTO_memcmp(a, b, len) == 0;
}

static bool
verifySha(const char *hash, const char *password)
{
    unsigned char digest[SHA_OCTETS];
    unsigned char text[SHA_TEXT + 1];
    const void *octets = text;

    if (EVP_Digest(password, strlen(password), digest, NULL, EVP_sha1(),
                   NULL) != 1)
        return false;
    EVP_EncodeBlock(text, digest, SHA_OCTETS);
    return isEqual(hash + SHA_PREFIX_LEN, octets);
}

static bool
verifyApr1(const char *hash, const char *password)
{
    char out[PASSWORD_APR1_SIZE];

    return passwordApr1(password, hash, out) && isEqual(hash, out);
}

static bool
verifyCrypt(const char *hash, const char *password)
{
    static struct crypt_data data;
    const char *out = crypt_r(password, hash, &data);
    /* What follows the eighth would be ignored: no password of ours. */
    bool isCut = isDes(hash) && strlen(password) > DES_PASSWORD;

    return out && out[0] != '*' && isEqual(hash, out) && !isCut;
}

bool
passwordHashVerify(const char *hash, const char *password)
{
    if (isSha(hash))
        return verifySha(hash, password);
    if (passwordApr1IsHash(hash))
        return verifyApr1(hash, password);
    return verifyCrypt(hash, password);
}
