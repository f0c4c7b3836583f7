/* auth_nonce.c: nonces that prove themselves, and the memory of their use. */
#include "auth_nonce.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "auth_hash.h"
#include "check.h"
#include "xalloc.h"

#define TABLE_MAGIC 0xa07401ceu
#define NAME_LEN 32 /* time and random octets, as digits */
#define TIME_LEN 16
#define RANDOM_LEN 8 /* octets */
#define MAC_LEN 16   /* octets */
#define WINDOW 64    /* how much nc may be out of order */

typedef struct Nonce {
    UT_hash_handle hh;
    char name[NAME_LEN];
    int64_t issuedMs;
    uint32_t highest; /* nc so far */
    uint64_t seen;    /* bit i: highest - i was there */
    unsigned uses;
} Nonce;

struct AuthNonceTable {
    uint32_t magic;
    AuthHash key;
    Nonce *byName; /* in order of first use */
    size_t max;
    int64_t collectedMs;
    int64_t floorMs; /* those issued until then have no memory here */
};

AuthNonceTable *
authNonceTableCreate(size_t max)
{
    AuthNonceTable *table = xcalloc(1, sizeof(*table));

    table->magic = TABLE_MAGIC;
    table->max = max;
    table->floorMs = INT64_MIN;
    authHashKey(&table->key);
    return table;
}

static void
drop(AuthNonceTable *table, Nonce *nonce)
{
    HASH_DEL(table->byName, nonce);
    free(nonce);
}

void
authNonceTableDestroy(AuthNonceTable **tablep)
{
    AuthNonceTable *table = *tablep;
    Nonce *nonce, *tmp;

    *tablep = NULL;
    if (!table)
        return;
    CHECK_OBJ(table, TABLE_MAGIC);
    HASH_ITER(hh, table->byName, nonce, tmp)
    {
        drop(table, nonce);
    }
    OPENSSL_cleanse(&table->key, sizeof(table->key));
    CHECK_OBJ_CLEAR(table);
    free(table);
}

static void
formatMac(const AuthNonceTable *table, const char *name, char *out)
{
    const HttpSlice text = httpSlice(name, NAME_LEN);
    AuthHash mac;

    authHashKeyed(&table->key, &text, 1, &mac);
    authHashHex(mac.octets, MAC_LEN, out);
}

void
authNonceIssue(AuthNonceTable *table, int64_t nowMs, char out[AUTH_NONCE_SIZE])
{
    unsigned char octets[RANDOM_LEN];

    CHECK_OBJ(table, TABLE_MAGIC);
    CHECK(RAND_bytes(octets, sizeof(octets)) == 1);
    snprintf(out, AUTH_NONCE_SIZE, "%016llx", (unsigned long long)nowMs);
    authHashHex(octets, sizeof(octets), out + TIME_LEN);
    formatMac(table, out, out + NAME_LEN);
}

/* False: it is not from here. */
static bool
readNonce(const AuthNonceTable *table, const char *text, int64_t *issuedMsOut)
{
    char mac[2 * MAC_LEN + 1];
    char digits[TIME_LEN + 1] = "";

    if (strlen(text) != AUTH_NONCE_SIZE - 1)
        return false;
    formatMac(table, text, mac);
    if (CRYPTO_memcmp(mac, text + NAME_LEN, sizeof(mac)) != 0)
        return false;
    memcpy(digits, text, TIME_LEN);
    *issuedMsOut = (int64_t)strtoull(digits, NULL, 16);
    return true;
}

static void
collect(AuthNonceTable *table, const AuthNonceRules *rules, int64_t nowMs)
{
    Nonce *nonce, *tmp;

    if (nowMs - table->collectedMs < rules->garbageMs)
        return;
    table->collectedMs = nowMs;
    HASH_ITER(hh, table->byName, nonce, tmp)
    {
        if (nowMs - nonce->issuedMs > rules->maxMs)
            drop(table, nonce);
    }
}

/* The head of the hash's list was used first. */
static void
makeRoom(AuthNonceTable *table)
{
    while (table->byName && HASH_COUNT(table->byName) >= table->max) {
        Nonce *oldest = table->byName;
        if (oldest->issuedMs > table->floorMs)
            table->floorMs = oldest->issuedMs;
        drop(table, oldest);
    }
}

/* NULL: it is used for the first time, but may have been before. */
static Nonce *
openNonce(AuthNonceTable *table, const char *text, int64_t issuedMs)
{
    Nonce *nonce;

    HASH_FIND(hh, table->byName, text, NAME_LEN, nonce);
    if (nonce || issuedMs <= table->floorMs)
        return nonce;
    makeRoom(table);
    if (issuedMs <= table->floorMs)
        return NULL;
    nonce = xcalloc(1, sizeof(*nonce));
    memcpy(nonce->name, text, NAME_LEN);
    nonce->issuedMs = issuedMs;
    HASH_ADD(hh, table->byName, name, NAME_LEN, nonce);
    return nonce;
}

/* Strict: the next number. Else any number that was not there yet, as far
 * back as the window remembers: requests overtake each other. */
static bool
takeCount(Nonce *nonce, uint32_t count, bool isStrict)
{
    uint32_t ahead = count - nonce->highest;

    if (isStrict && count != nonce->highest + 1)
        return false;
    if (count > nonce->highest) {
        nonce->seen = ahead < WINDOW ? nonce->seen << ahead : 0;
        nonce->seen |= 1;
        nonce->highest = count;
        return true;
    }
    uint32_t behind = nonce->highest - count;
    if (behind >= WINDOW || (nonce->seen >> behind & 1) != 0)
        return false;
    nonce->seen |= UINT64_C(1) << behind;
    return true;
}

AuthNonceState
authNonceUse(AuthNonceTable *table, const AuthNonceRules *rules,
             const char *text, uint32_t count, int64_t nowMs)
{
    int64_t issuedMs;

    CHECK_OBJ(table, TABLE_MAGIC);
    if (!readNonce(table, text, &issuedMs))
        return AUTH_NONCE_FOREIGN;
    collect(table, rules, nowMs);
    if (nowMs - issuedMs > rules->maxMs)
        return AUTH_NONCE_STALE;
    Nonce *nonce = openNonce(table, text, issuedMs);
    if (!nonce || nonce->uses >= rules->countMax)
        return AUTH_NONCE_STALE;
    if (rules->isCounted &&
        !takeCount(nonce, count > 0 ? count : 1, rules->isStrict))
        return AUTH_NONCE_REPLAYED;
    nonce->uses++;
    return nonce->uses == rules->countMax ? AUTH_NONCE_LAST : AUTH_NONCE_GOOD;
}

size_t
authNonceTableCount(const AuthNonceTable *table)
{
    CHECK_OBJ(table, TABLE_MAGIC);
    return HASH_COUNT(table->byName);
}

const char *
authNonceStateName(AuthNonceState state)
{
    static const char *const names[AUTH_NONCE_STATE_COUNT] = {
        "good", "good for the last time", "too old or used too often",
        "used with this count already", "not from this proxy"};

    return state < AUTH_NONCE_STATE_COUNT ? names[state] : "unknown";
}
