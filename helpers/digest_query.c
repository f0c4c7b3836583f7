/* digest_query.c: the request of a digest helper. */
#include "digest_query.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#define DIGEST_OCTETS 16

bool
digestQueryParse(char *line, char **userOut, char **realmOut)
{
    char *middle = strstr(line, "\":\"");
    char *end = middle ? strchr(middle + 3, '"') : NULL;

    if (line[0] != '"' || !end || middle == line)
        return false;
    *middle = *end = '\0';
    *userOut = line + 1;
    *realmOut = middle + 3;
    return true;
}

bool
digestQueryHa1(const char *user, const char *realm, const char *password,
               char out[DIGEST_HA1_SIZE])
{
    const char *parts[] = {user, ":", realm, ":", password};
    unsigned char digest[DIGEST_OCTETS];
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool isGood = ctx && EVP_DigestInit_ex(ctx, EVP_md5(), NULL) == 1;

    for (size_t i = 0; isGood && i < sizeof(parts) / sizeof(*parts); i++)
        isGood = EVP_DigestUpdate(ctx, parts[i], strlen(parts[i])) == 1;
    isGood = isGood && EVP_DigestFinal_ex(ctx, digest, NULL) == 1;
    EVP_MD_CTX_free(ctx);
    for (int i = 0; isGood && i < DIGEST_OCTETS; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
    return isGood;
}
