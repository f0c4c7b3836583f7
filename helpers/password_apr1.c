/* password_apr1.c: Apache's variant of MD5 crypt. */
#include "password_apr1.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#define PREFIX_LEN 6
#define SALT_MAX 8
#define DIGEST 16
#define DIGITS 22
#define ROUNDS 1000

static const char alphabet[] =
    "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

typedef struct Apr1 {
    EVP_MD_CTX *ctx;
    const char *password;
    size_t passwordLen;
    const char *salt;
    size_t saltLen;
    unsigned char digest[DIGEST];
    bool failed;
} Apr1;

bool
passwordApr1IsHash(const char *hash)
{
    size_t saltLen;

    if (strncmp(hash, PASSWORD_APR1_PREFIX, PREFIX_LEN) != 0)
        return false;
    hash += PREFIX_LEN;
    saltLen = strcspn(hash, "$");
    if (saltLen < 1 || saltLen > SALT_MAX || hash[saltLen] != '$')
        return false;
    hash += saltLen + 1;
    return strlen(hash) == DIGITS && strspn(hash, alphabet) == DIGITS;
}

static void
begin(Apr1 *apr1)
{
    if (EVP_DigestInit_ex(apr1->ctx, NULL, NULL) != 1)
        apr1->failed = true;
}

static void
add(Apr1 *apr1, const void *data, size_t len)
{
    if (EVP_DigestUpdate(apr1->ctx, data, len) != 1)
        apr1->failed = true;
}

static void
addPassword(Apr1 *apr1)
{
    add(apr1, apr1->password, apr1->passwordLen);
}

static void
addSalt(Apr1 *apr1)
{
    add(apr1, apr1->salt, apr1->saltLen);
}

static void
end(Apr1 *apr1)
{
    if (EVP_DigestFinal_ex(apr1->ctx, apr1->digest, NULL) != 1)
        apr1->failed = true;
}

static void
hashFirst(Apr1 *apr1)
{
    unsigned char inner[DIGEST];

    begin(apr1);
    addPassword(apr1);
    addSalt(apr1);
    addPassword(apr1);
    end(apr1);
    memcpy(inner, apr1->digest, DIGEST);
    begin(apr1);
    addPassword(apr1);
    add(apr1, PASSWORD_APR1_PREFIX, PREFIX_LEN);
    addSalt(apr1);
    for (size_t left = apr1->passwordLen; left > 0;) {
        size_t part = left < DIGEST ? left : DIGEST;
        add(apr1, inner, part);
        left -= part;
    }
    for (size_t bits = apr1->passwordLen; bits > 0; bits >>= 1)
        add(apr1, bits & 1 ? "" : apr1->password, 1);
    end(apr1);
}

static void
hashAgain(Apr1 *apr1, int round)
{
    begin(apr1);
    if (round & 1)
        addPassword(apr1);
    else
        add(apr1, apr1->digest, DIGEST);
    if (round % 3 != 0)
        addSalt(apr1);
    if (round % 7 != 0)
        addPassword(apr1);
    if (round & 1)
        add(apr1, apr1->digest, DIGEST);
    else
        addPassword(apr1);
    end(apr1);
}

static char *
putDigits(char *out, unsigned value, int count)
{
    while (count-- > 0) {
        *out++ = alphabet[value & 0x3f];
        value >>= 6;
    }
    return out;
}

static void
putDigest(const unsigned char *digest, char *out)
{
    static const unsigned char order[5][3] = {
        {0, 6, 12}, {1, 7, 13}, {2, 8, 14}, {3, 9, 15}, {4, 10, 5}};

    for (int i = 0; i < 5; i++)
        out = putDigits(out,
                        (unsigned)digest[order[i][0]] << 16 |
                            (unsigned)digest[order[i][1]] << 8 |
                            digest[order[i][2]],
                        4);
    *putDigits(out, digest[11], 2) = '\0';
}

bool
passwordApr1(const char *password, const char *hash,
             char out[PASSWORD_APR1_SIZE])
{
    Apr1 apr1 = {.password = password,
                 .passwordLen = strlen(password),
                 .salt = hash + PREFIX_LEN};

    apr1.saltLen = strcspn(apr1.salt, "$");
    if (apr1.saltLen > SALT_MAX)
        apr1.saltLen = SALT_MAX;
    apr1.ctx = EVP_MD_CTX_new();
    apr1.failed =
        !apr1.ctx || EVP_DigestInit_ex(apr1.ctx, EVP_md5(), NULL) != 1;
    if (!apr1.failed) {
        hashFirst(&apr1);
        for (int round = 0; round < ROUNDS; round++)
            hashAgain(&apr1, round);
        int used = snprintf(out, PASSWORD_APR1_SIZE, "%s%.*s$",
                            PASSWORD_APR1_PREFIX, (int)apr1.saltLen, apr1.salt);
        putDigest(apr1.digest, out + used);
    }
    EVP_MD_CTX_free(apr1.ctx);
    return !apr1.failed;
}
