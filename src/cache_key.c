/* cache_key.c: digests of what is stored. */
#include "cache_key.h"

#include <openssl/evp.h>

#include "check.h"

/*
 * Made once for each thread: setting it up costs more than a digest. It
 * belongs to the thread and ends with the process.
 */
static EVP_MD_CTX *
threadContext(void)
{
    static _Thread_local EVP_MD_CTX *context;

    if (!context) {
        context = EVP_MD_CTX_new();
        CHECK(context && EVP_DigestInit_ex2(context, EVP_sha256(), NULL) == 1);
    }
    return context;
}

void
cacheKeyInit(CacheKey *key, CacheKeyClass keyClass, HttpSlice text)
{
    EVP_MD_CTX *context = threadContext();
    const char classOctet = (char)keyClass;

    CHECK(keyClass < CACHE_KEY_CLASS_COUNT);
    key->keyClass = keyClass;
    key->text = text;
    CHECK(EVP_DigestInit_ex2(context, NULL, NULL) == 1 &&
          EVP_DigestUpdate(context, &classOctet, 1) == 1 &&
          EVP_DigestUpdate(context, text.data, text.len) == 1 &&
          EVP_DigestFinal_ex(context, key->digest, NULL) == 1);
}

bool
cacheKeyEqual(const CacheKey *a, const CacheKey *b)
{
    return memcmp(a->digest, b->digest, sizeof(a->digest)) == 0 &&
           a->keyClass == b->keyClass && httpSliceEqual(a->text, b->text);
}
