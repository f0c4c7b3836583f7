/*
 * race_store.c: a store on disk and its thread, for the thread sanitizer:
 * responses are written, found, replaced, validated, invalidated and evicted
 * while their bodies are read, in an order that chance makes, the same every
 * time. Every octet read must be of the response it was read from.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache_lmdb.h"
#include "check.h"
#include "comm.h"
#include "debug.h"
#include "http_parse.h"

enum { URLS = 500, SLOTS = 8, TURNS = 600, OPS = 20, BODY_MAX = 300000 };

typedef struct Read {
    CacheObject *object; /* NULL: free */
    CacheReader reader;
    uint64_t at;
    unsigned seed; /* of the body */
} Read;

static CacheStore *store;
static HttpHeaders noFields;
static Read reads[SLOTS];
static unsigned state = 1, turns;
static unsigned long found, octetsRead;
static char body[BODY_MAX];

static unsigned
dice(unsigned sides)
{
    state = state * 1103515245u + 12345u;
    return (state >> 8) % sides;
}

/* The first octets of a body tell its seed; all others follow from it. */
static unsigned char
octetOf(unsigned seed, uint64_t at)
{
    return at < sizeof(seed) ? (unsigned char)(seed >> 8 * at)
                             : (unsigned char)(seed + at * 31 + at / 251);
}

static void
makeResponse(HttpResponse *response, HttpFreshness *freshness, unsigned seed)
{
    char lines[100];

    snprintf(lines, sizeof(lines),
             "Cache-Control: max-age=60\r\nETag: \"%u\"\r\n", seed);
    httpResponseInit(response, HTTP_HEADER_TEXT_MAX);
    CHECK(httpResponseParse(response, 200, httpSliceText(lines)) == 0);
    const HttpExchange exchange = {.response = response};
    httpFreshnessCompute(&exchange, freshness);
}

static void
writeOne(const CacheKey *key)
{
    static unsigned seed;
    HttpResponse response;
    HttpFreshness freshness;
    size_t size = dice(2) ? dice(5000) + 4 : dice(BODY_MAX - 4) + 4;

    makeResponse(&response, &freshness, ++seed);
    const CacheMeta meta = {.key = key,
                            .request = &noFields,
                            .response = &response,
                            .freshness = &freshness,
                            .length = CACHE_LENGTH_UNKNOWN};
    CacheWriter *writer = cacheStoreWrite(store, &meta);
    httpResponseFini(&response);
    if (writer == NULL)
        return;
    for (size_t i = 0; i < size; i++)
        body[i] = (char)octetOf(seed, i);
    if (cacheWriterAppend(writer, body, size) < 0 || dice(10) == 0)
        cacheWriterAbort(&writer);
    else
        cacheWriterCommit(&writer, NULL);
}

static void
validate(const CacheKey *key, CacheObject *old)
{
    HttpResponse response;
    HttpFreshness freshness;

    httpResponseInit(&response, HTTP_HEADER_TEXT_MAX);
    CHECK(cacheObjectResponse(old, &response) == 0);
    const HttpExchange exchange = {.response = &response};
    httpFreshnessCompute(&exchange, &freshness);
    const CacheMeta meta = {.key = key,
                            .request = &noFields,
                            .response = &response,
                            .freshness = &freshness};
    CacheObject *new = cacheStoreUpdate(store, old, &meta);
    CHECK(new != NULL);
    cacheObjectUnref(&new);
    httpResponseFini(&response);
}

static void
startRead(Read *slot, const CacheKey *key)
{
    cacheObjectUnref(&slot->object);
    slot->object = cacheStoreLookup(store, key, &noFields);
    if (slot->object == NULL)
        return;
    found++;
    HttpSlice etag = cacheObjectValidators(slot->object)->etag;
    slot->seed = (unsigned)strtoul(etag.data + 1, NULL, 10);
    slot->at = 0;
    cacheReaderInit(&slot->reader, slot->object);
}

/* Some octets, as a client that takes them slowly. */
static void
readOn(Read *slot)
{
    struct iovec iov[2];

    if (slot->object == NULL)
        return;
    int count = cacheReaderPeek(&slot->reader, iov, 2);
    CHECK(count >= 0);
    if (count == 0) {
        CHECK(slot->at == cacheObjectLength(slot->object));
        cacheObjectUnref(&slot->object);
        return;
    }
    const unsigned char *data = iov[0].iov_base;
    size_t len = iov[0].iov_len < 20000 ? iov[0].iov_len : 20000;
    for (size_t i = 0; i < len; i++)
        CHECK(data[i] == octetOf(slot->seed, slot->at + i));
    slot->at += len;
    octetsRead += len;
    cacheReaderAdvance(&slot->reader, len);
}

static void
act(void)
{
    char url[32];
    CacheKey key;
    Read *slot = &reads[dice(SLOTS)];

    snprintf(url, sizeof(url), "http://h/%u", dice(URLS));
    cacheKeyInit(&key, CACHE_KEY_GET, httpSliceText(url));
    switch (dice(8)) {
    case 0:
    case 1:
        writeOne(&key);
        break;
    case 2:
        startRead(slot, &key);
        break;
    case 3: {
        CacheObject *old = cacheStoreLookup(store, &key, &noFields);
        if (old != NULL)
            validate(&key, old);
        cacheObjectUnref(&old);
        break;
    }
    case 4:
        if (dice(4) == 0)
            cacheStoreInvalidate(store, &key);
        break;
    default:
        readOn(slot);
        break;
    }
}

static void
onTurn(void *data)
{
    (void)data;
    for (int i = 0; i < OPS; i++)
        act();
    if (++turns == TURNS)
        commLoopStop();
    else
        (void)commTimerAdd(dice(3), onTurn, NULL);
}

int
main(void)
{
    char folder[] = "/tmp/squire-race-XXXXXX", path[64], file[80];
    CacheStoreStats stats;

    CHECK(mkdtemp(folder) != NULL && commInit() == 0);
    debugOptions("ALL,0");
    snprintf(path, sizeof(path), "%s/store", folder);
    const CacheLmdbConfig config = {
        .path = path, .bytesMax = CACHE_LMDB_BYTES_MIN, .objectMax = BODY_MAX};
    store = cacheLmdbCreate(&config);
    CHECK(store != NULL);
    httpHeaderInit(&noFields, 1000);
    (void)commTimerAdd(0, onTurn, NULL);
    CHECK(commLoopRun() == 0);
    for (int i = 0; i < SLOTS; i++)
        cacheObjectUnref(&reads[i].object);
    cacheStoreFlush(store);
    cacheStoreStats(store, &stats);
    printf("%lu found, %lu octets read, %llu stored, %llu updated, "
           "%llu evicted\n",
           found, octetsRead, (unsigned long long)stats.stores,
           (unsigned long long)stats.updates,
           (unsigned long long)stats.evictions);
    fflush(stdout);
    CHECK(found > 0 && octetsRead > 0 && stats.evictions > 0 &&
          stats.updates > 0 && stats.bytes <= stats.bytesMax);
    cacheStoreDestroy(&store);
    httpHeaderFini(&noFields);
    commFini();
    snprintf(file, sizeof(file), "%s/data.mdb", path);
    unlink(file);
    snprintf(file, sizeof(file), "%s/lock.mdb", path);
    unlink(file);
    rmdir(path);
    rmdir(folder);
    return 0;
}
