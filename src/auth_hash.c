/* auth_hash.c: keyed hashes, and MD5 as Digest wants it. */
#include "auth_hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <string.h>

#include "buf.h"
#include "check.h"

#define TEXTS_MAX (64 * 1024)

void
authHashKey(AuthHash *keyOut)
{
    CHECK(RAND_bytes(keyOut->octets, AUTH_HASH_SIZE) == 1);
}

void
authHashKeyed(const AuthHash *key, const HttpSlice *texts, size_t count,
              AuthHash *out)
{
    unsigned len = AUTH_HASH_SIZE;
    Buf all;

    bufInit(&all, TEXTS_MAX);
    for (size_t i = 0; i < count; i++) {
        uint32_t size = (uint32_t)texts[i].len;
        CHECK(bufAppend(&all, &size, sizeof(size)) == 0 &&
              bufAppend(&all, texts[i].data, texts[i].len) == 0);
    }
    CHECK(HMAC(EVP_sha256(), key->octets, AUTH_HASH_SIZE,
               (const unsigned char *)bufData(&all), bufLen(&all), out->octets,
               &len) != NULL);
    OPENSSL_cleanse(bufData(&all), bufLen(&all));
    bufFini(&all);
}

void
authHashHex(const unsigned char *octets, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < len; i++) {
        *out++ = digits[octets[i] >> 4];
        *out++ = digits[octets[i] & 15];
    }
    *out = '\0';
}

/* MD5 of the texts with colons between them. */
static bool
md5Joined(const HttpSlice *texts, size_t count, char out[AUTH_HASH_HEX_SIZE])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char digest[EVP_MAX_MD_SIZE];
    bool isOk =
        context != NULL && EVP_DigestInit_ex(context, EVP_md5(), NULL) == 1;

    for (size_t i = 0; i < count && isOk; i++)
        isOk = (i == 0 || EVP_DigestUpdate(context, ":", 1) == 1) &&
               EVP_DigestUpdate(context, texts[i].data, texts[i].len) == 1;
    isOk = isOk && EVP_DigestFinal_ex(context, digest, NULL) == 1;
    EVP_MD_CTX_free(context);
    if (isOk)
        authHashHex(digest, 16, out);
    return isOk;
}

bool
authHashSecret(const char *user, const char *realm, const char *password,
               char out[AUTH_HASH_HEX_SIZE])
{
    const HttpSlice texts[] = {httpSliceText(user), httpSliceText(realm),
                               httpSliceText(password)};

    return md5Joined(texts, 3, out);
}

bool
authHashResponse(const AuthDigest *digest, const char *ha1, HttpSlice method,
                 char out[AUTH_HASH_HEX_SIZE])
{
    char secret[AUTH_HASH_HEX_SIZE];
    char request[AUTH_HASH_HEX_SIZE];
    const HttpSlice nonce = httpSliceText(digest->nonce);
    const HttpSlice session[] = {httpSliceText(ha1), nonce,
                                 httpSliceText(digest->cnonce)};
    const HttpSlice asked[] = {method, httpSliceText(digest->uri)};

    if (!md5Joined(session, digest->isSess ? 3 : 1, secret) ||
        !md5Joined(asked, 2, request))
        return false;
    /* Without "sess" the helper's answer is the secret itself. */
    const HttpSlice first = digest->isSess ? httpSliceText(secret) : session[0];
    const HttpSlice last = httpSliceText(request);
    const HttpSlice old[] = {first, nonce, last};
    const HttpSlice whole[] = {first,
                               nonce,
                               httpSliceText(digest->nc),
                               httpSliceText(digest->cnonce),
                               httpSliceText("auth"),
                               last};
    return digest->hasQop ? md5Joined(whole, 6, out) : md5Joined(old, 3, out);
}

static char
lower(char c)
{
    return c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : c;
}

bool
authHashEqualHex(const char *a, const char *b)
{
    size_t len = strlen(a);
    unsigned char differ = 0;

    if (strlen(b) != len)
        return false;
    for (size_t i = 0; i < len; i++)
        differ |= (unsigned char)(lower(a[i]) ^ lower(b[i]));
    return differ == 0;
}
