/* stores.c: a store of responses for tests. */
#include "stores.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache_lmdb.h"
#include "comm.h"
#include "debug.h"
#include "http_parse.h"
#include "support.h"

#define OK_LINES "Cache-Control: max-age=60\r\nETag: \"e\"\r\n"

CacheStore *store;
bool storesIsMem;
unsigned storesVariantsMax;
static bool hasDisk;
static HttpHeaders noFields;

void
storesOpen(void)
{
    const CacheMemConfig mem = {STORES_MEM_MAX, STORES_OBJECT_MAX, 4};
    const CacheLmdbConfig lmdb = {.path = supportTempPath("store"),
                                  .bytesMax = STORES_LMDB_MAX,
                                  .objectMax = STORES_OBJECT_MAX};

    store = NULL;
    if (hasDisk)
        store = cacheLmdbCreate(&lmdb);
    cr_assert_eq(store != NULL, hasDisk);
    if (storesIsMem && hasDisk)
        store = cacheStoreTierCreate(cacheStoreMemCreate(&mem), store);
    else if (storesIsMem)
        store = cacheStoreMemCreate(&mem);
}

static void
init(bool isMem, bool isOnDisk)
{
    supportCommInit();
    debugOptions("ALL,0");
    storesIsMem = isMem;
    hasDisk = isOnDisk;
    storesVariantsMax = isMem ? 4 : 16;
    storesOpen();
    httpHeaderInit(&noFields, 1000);
}

void
storesInitMem(void)
{
    init(true, false);
}

void
storesInitLmdb(void)
{
    init(false, true);
}

void
storesInitTier(void)
{
    init(true, true);
}

void
storesFini(void)
{
    cacheStoreDestroy(&store);
    cr_expect_null(store);
    httpHeaderFini(&noFields);
    supportCommFini();
}

CacheKey
storesKey(const char *url)
{
    CacheKey key;

    cacheKeyInit(&key, CACHE_KEY_GET, httpSliceText(url));
    return key;
}

static void
setFields(HttpHeaders *headers, const char *lines)
{
    HttpResponse parsed;

    httpHeaderInit(headers, HTTP_HEADER_TEXT_MAX);
    httpResponseInit(&parsed, HTTP_HEADER_TEXT_MAX);
    cr_assert_eq(httpResponseParse(&parsed, 200, httpSliceText(lines)), 0);
    cr_assert_eq(httpHeaderCopy(headers, &parsed.headers), 0);
    httpResponseFini(&parsed);
}

StoresWritten
storesStart(const StoresWrite *what)
{
    CacheKey key = storesKey(what->url);
    HttpHeaders request;
    HttpResponse response;
    HttpFreshness freshness;
    StoresWritten result = {0};

    setFields(&request, what->request ? what->request : "");
    httpResponseInit(&response, HTTP_HEADER_TEXT_MAX);
    cr_assert_eq(
        httpResponseParse(&response, what->status ? what->status : 200,
                          httpSliceText(what->lines ? what->lines : OK_LINES)),
        0);
    HttpExchange exchange = {.response = &response,
                             .requestTime = STORES_NOW,
                             .responseTime = STORES_NOW};
    httpFreshnessCompute(&exchange, &freshness);
    CacheMeta meta = {&key, &request, &response, &freshness, what->length};
    errno = 0;
    if (what->change)
        errno = -cacheWriterChange(what->change, &meta);
    else if (what->update)
        result.object = cacheStoreUpdate(store, what->update, &meta);
    else
        result.writer = cacheStoreWrite(store, &meta);
    result.error = errno;
    httpHeaderFini(&request);
    httpResponseFini(&response);
    return result;
}

CacheWriter *
storesBegin(const char *url, uint64_t length)
{
    CacheWriter *writer =
        storesStart(&(StoresWrite){.url = url, .length = length}).writer;

    cr_assert_not_null(writer);
    return writer;
}

void
storesFinish(CacheWriter *writer, const void *body, size_t len)
{
    cr_assert_not_null(writer);
    cr_assert_eq(cacheWriterAppend(writer, body, len), 0);
    cr_assert_eq(cacheWriterCommit(&writer, NULL), 0);
    cr_assert_null(writer);
    cacheStoreFlush(store);
}

void
storesPut(const char *url, const char *body)
{
    storesFinish(storesBegin(url, strlen(body)), body, strlen(body));
}

/* One variant: its body is its name. */
void
storesPutVariant(const char *url, const char *request, const char *vary,
                 const char *body)
{
    CacheWriter *writer = storesStart(&(StoresWrite){.url = url,
                                                     .request = request,
                                                     .lines = vary,
                                                     .length = strlen(body)})
                              .writer;

    storesFinish(writer, body, strlen(body));
}

CacheObject *
storesLookupFor(const char *url, const char *request)
{
    CacheKey key = storesKey(url);
    HttpHeaders fields;

    setFields(&fields, request);
    CacheObject *object = cacheStoreLookup(store, &key, &fields);
    httpHeaderFini(&fields);
    return object;
}

CacheObject *
storesLookup(const char *url)
{
    CacheKey key = storesKey(url);
    return cacheStoreLookup(store, &key, &noFields);
}

static void
readBody(CacheObject *object, Buf *out, int pieces, size_t step)
{
    CacheReader reader;
    struct iovec iov[4];
    int count;

    cacheReaderInit(&reader, object);
    while ((count = cacheReaderPeek(&reader, iov, pieces)) > 0) {
        size_t done = 0;
        for (int i = 0; i < count && done < step; i++) {
            size_t part = iov[i].iov_len;
            if (part > step - done)
                part = step - done;
            cr_assert_eq(bufAppend(out, iov[i].iov_base, part), 0);
            done += part;
        }
        cacheReaderAdvance(&reader, done);
    }
    cr_expect_eq(cacheReaderLeft(&reader), 0);
}

bool
storesHasBody(CacheObject *object, const void *body, size_t len)
{
    Buf got;

    bufInit(&got, 1 << 22);
    readBody(object, &got, 3, 1000);
    bool isSame =
        bufLen(&got) == len && (!len || memcmp(bufData(&got), body, len) == 0);
    bufFini(&got);
    return isSame;
}

/* The variant for this request has this body; NULL: there is none. */
void
storesExpect(const char *url, const char *request, const char *body)
{
    CacheObject *object = storesLookupFor(url, request);

    cr_expect_eq(object != NULL, body != NULL, "%s", request);
    if (object && body)
        cr_expect(storesHasBody(object, body, strlen(body)), "%s", request);
    cacheObjectUnref(&object);
}

CacheStoreStats
storesStats(void)
{
    CacheStoreStats stats;

    cacheStoreStats(store, &stats);
    cr_expect_leq(stats.bytes, stats.bytesMax);
    return stats;
}

unsigned
storesInvalidate(const char *url)
{
    CacheKey key = storesKey(url);
    return cacheStoreInvalidate(store, &key);
}

void
storesExpectEmpty(void)
{
    cr_expect_eq(storesStats().objects, 0);
    if (storesIsMem)
        cr_expect_eq(storesStats().bytes, 0);
}

void
storesFill(char *block, size_t len, unsigned seed)
{
    for (size_t i = 0; i < len; i++)
        block[i] = (char)(i * 31 + i / 251 + seed);
}
