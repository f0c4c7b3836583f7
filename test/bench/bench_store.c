/*
 * bench_store.c: what cache_dir costs: responses stored and found a second,
 * memory beside the map, the time to open it; and a large body through
 * little memory.
 *
 *     bench_store [FOLDER]     all figures; the folder's disk is what counts
 *
 * SQUIRE_BENCH_OBJECTS (1000000) and SQUIRE_BENCH_BIG_MB (4096) make it
 * smaller.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "cache_lmdb.h"
#include "check.h"
#include "comm.h"
#include "debug.h"
#include "http_parse.h"
#include "xalloc.h"

#define BODY 1024
#define MB (1024.0 * 1024)
#define LOOKUPS 200000u
#define PIECE (16 * 1024)
#define OPENS 5
#define TURN 100

static CacheStore *store;
static CacheLmdbConfig config;
static HttpHeaders noFields;
static HttpResponse response;
static HttpFreshness freshness;
static char body[PIECE];
static CacheWriter *waiting; /* for room */

typedef struct Figure {
    const char *name;
    const char *unit;
    double value;
    double target; /* 0: none */
    const char *sense;
} Figure;

static void
printFigure(const Figure *figure)
{
    printf("{\"figure\": \"%s\", \"unit\": \"%s\", \"value\": %.4f",
           figure->name, figure->unit, figure->value);
    if (figure->target > 0)
        printf(", \"target\": %g, \"sense\": \"%s\"", figure->target,
               figure->sense);
    printf("}\n");
    fflush(stdout);
}

static unsigned long
setting(const char *name, unsigned long usual)
{
    const char *text = getenv(name);

    return text != NULL ? strtoul(text, NULL, 10) : usual;
}

static void
makeResponse(void)
{
    static const char lines[] =
        "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: text/html\r\n"
        "Cache-Control: max-age=3600\r\nETag: \"0123456789abcdef\"\r\n"
        "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: bench\r\n";

    httpHeaderInit(&noFields, 1000);
    httpResponseInit(&response, HTTP_HEADER_TEXT_MAX);
    CHECK(httpResponseParse(&response, 200, httpSliceText(lines)) == 0);
    const HttpExchange exchange = {.response = &response,
                                   .requestTime = 784111777,
                                   .responseTime = 784111777};
    httpFreshnessCompute(&exchange, &freshness);
}

static void
keyOf(CacheKey *key, char text[64], const char *kind, unsigned long number)
{
    int len = snprintf(text, 64, "http://www.example.com/%s/%lu/page.html",
                       kind, number);

    cacheKeyInit(key, CACHE_KEY_GET, httpSlice(text, (size_t)len));
}

static CacheWriter *
beginWrite(const char *kind, unsigned long number, uint64_t length)
{
    CacheKey key;
    char text[64];

    keyOf(&key, text, kind, number);
    const CacheMeta meta = {.key = &key,
                            .request = &noFields,
                            .response = &response,
                            .freshness = &freshness,
                            .length = length};
    CacheWriter *writer = cacheStoreWrite(store, &meta);
    CHECK(writer != NULL);
    return writer;
}

/* Octets of memory that are this process's own; the map's are not. */
static double
ownMemory(void)
{
    char line[256];
    double kb = 0;
    FILE *file = fopen("/proc/self/status", "re");

    CHECK(file != NULL);
    while (kb == 0 && fgets(line, sizeof(line), file) != NULL)
        if (strncmp(line, "RssAnon:", 8) == 0)
            kb = strtod(line + 8, NULL);
    fclose(file);
    return kb * 1024;
}

static double
now(void)
{
    return (double)commClockUs() / 1e6;
}

static struct {
    const char *kind;
    unsigned long next;
    unsigned long count;
} many;

/* What one turn of the loop may store: less than there is room for. */
static void
onTurn(void *data)
{
    (void)data;
    cacheWriterAbort(&waiting);
    for (int i = 0; i < TURN && many.next < many.count; i++) {
        CacheWriter *writer = beginWrite(many.kind, many.next, BODY);
        if (!cacheWriterHasRoom(writer, onTurn, NULL)) {
            waiting = writer;
            return;
        }
        CHECK(cacheWriterAppend(writer, body, BODY) == 0);
        CHECK(cacheWriterCommit(&writer, NULL) == 0);
        many.next++;
    }
    if (many.next < many.count)
        (void)commTimerAdd(0, onTurn, NULL);
    else
        commLoopStop();
}

/* As fast as they can be written. */
static void
storeMany(const char *kind, unsigned long count)
{
    many.kind = kind;
    many.next = 0;
    many.count = count;
    (void)commTimerAdd(0, onTurn, NULL);
    CHECK(commLoopRun() == 0);
    cacheStoreFlush(store);
}

static void
measureStoring(unsigned long count)
{
    CacheStoreStats stats;
    double before = ownMemory(), start = now();

    storeMany("small", count);
    double seconds = now() - start;
    cacheStoreStats(store, &stats);
    CHECK(stats.objects > count * 99 / 100);
    printFigure(&(Figure){"responses of 1 KiB stored on disk", "1/s",
                          (double)count / seconds, 0, NULL});
    printFigure(&(Figure){"memory of a response on disk, beside the map",
                          "octets", (ownMemory() - before) / (double)count, 100,
                          "max"});
    printFigure(&(Figure){"octets on disk of a response of 1 KiB", "octets",
                          (double)stats.bytes / (double)count, 0, NULL});
}

/* Also reads the octets of the body, as sending them would. */
static void
lookUp(unsigned long number)
{
    CacheKey key;
    CacheReader reader;
    struct iovec iov[4];
    char text[64];

    keyOf(&key, text, "small", number);
    CacheObject *object = cacheStoreLookup(store, &key, &noFields);
    CHECK(object != NULL);
    cacheReaderInit(&reader, object);
    CHECK(cacheReaderPeek(&reader, iov, 4) == 1 && iov[0].iov_len == BODY);
    cacheObjectUnref(&object);
}

static void
measureLookups(unsigned long count)
{
    double cpu = benchCpuUs();
    unsigned long at = 0;

    for (unsigned i = 0; i < LOOKUPS; i++) {
        at = (at + 7919) % count;
        lookUp(at);
    }
    printFigure(&(Figure){"CPU of a hit on disk (the page cache)", "us",
                          (benchCpuUs() - cpu) / LOOKUPS, 0, NULL});
}

/* Of a store that was closed. */
static void
measureOpening(void)
{
    double seconds[OPENS];

    for (int i = 0; i < OPENS; i++) {
        cacheStoreDestroy(&store);
        double start = now();
        store = cacheLmdbCreate(&config);
        CHECK(store != NULL);
        lookUp(0);
        seconds[i] = now() - start;
    }
    printFigure(&(Figure){"opening cache_dir, and the first hit", "s",
                          benchMedian(seconds, OPENS), 1, "max"});
}

/* One large body, as it comes from an origin that waits when it must. */
static struct {
    CacheWriter *writer;
    uint64_t left;
    double memoryMax;
} big;

static void
onRoom(void *data)
{
    (void)data;
    double memory = ownMemory();
    if (memory > big.memoryMax)
        big.memoryMax = memory;
    while (big.left > 0) {
        if (!cacheWriterHasRoom(big.writer, onRoom, NULL))
            return;
        CHECK(cacheWriterAppend(big.writer, body, PIECE) == 0);
        big.left -= PIECE;
    }
    CHECK(cacheWriterCommit(&big.writer, NULL) == 0);
    commLoopStop();
}

static void
measureBig(uint64_t size)
{
    CacheKey key;
    CacheReader reader;
    struct iovec iov[4];
    char text[64];
    int count;

    double start = now();
    big.writer = beginWrite("big", 0, size);
    big.left = size;
    (void)commTimerAdd(0, onRoom, NULL);
    CHECK(commLoopRun() == 0);
    cacheStoreFlush(store);
    printFigure(&(Figure){"a large body stored", "MB/s",
                          (double)size / MB / (now() - start), 0, NULL});
    keyOf(&key, text, "big", 0);
    CacheObject *object = cacheStoreLookup(store, &key, &noFields);
    CHECK(object != NULL && cacheObjectLength(object) == size);
    start = now();
    cacheReaderInit(&reader, object);
    while ((count = cacheReaderPeek(&reader, iov, 4)) > 0) {
        CHECK(memcmp(iov[0].iov_base, body, 64) == 0 || reader.offset > 0);
        cacheReaderAdvance(&reader, iov[0].iov_len);
    }
    CHECK(count == 0);
    printFigure(&(Figure){"a large body read and its checksums compared",
                          "MB/s", (double)size / MB / (now() - start), 0,
                          NULL});
    cacheObjectUnref(&object);
    printFigure(&(Figure){"memory while a large body is stored", "MB",
                          big.memoryMax / MB, 64, "max"});
}

static void
openStore(const char *folder, uint64_t octets)
{
    static char path[4096];

    snprintf(path, sizeof(path), "%s/store", folder);
    config = (CacheLmdbConfig){
        .path = path, .bytesMax = octets, .objectMax = UINT64_MAX / 2};
    store = cacheLmdbCreate(&config);
    CHECK(store != NULL);
}

static void
removeStore(void)
{
    char path[4200];

    cacheStoreDestroy(&store);
    for (const char *const *name =
             (const char *const[]){"data.mdb", "lock.mdb", NULL};
         *name != NULL; name++) {
        snprintf(path, sizeof(path), "%s/%s", config.path, *name);
        unlink(path);
    }
    rmdir(config.path);
}

/* A store that is full all the time. */
static void
measureEviction(unsigned long count)
{
    CacheStoreStats stats;
    double start = now();

    storeMany("evicting", count);
    double seconds = now() - start;
    cacheStoreStats(store, &stats);
    CHECK(stats.evictions > 0 && stats.bytes <= stats.bytesMax);
    printFigure(&(Figure){"the same into a store that is full", "1/s",
                          (double)count / seconds, 0, NULL});
}

int
main(int argc, char *argv[])
{
    char folder[] = "/tmp/squire-bench-XXXXXX";
    const char *place = argc > 1 ? argv[1] : mkdtemp(folder);
    unsigned long objects = setting("SQUIRE_BENCH_OBJECTS", 1000000);
    uint64_t bigSize = (uint64_t)setting("SQUIRE_BENCH_BIG_MB", 4096) << 20;

    CHECK(place != NULL && commInit() == 0);
    debugOptions("ALL,0");
    memset(body, 'x', sizeof(body));
    makeResponse();
    openStore(place, objects * 4096 + bigSize + bigSize / 4 + (64 << 20));
    measureStoring(objects);
    measureLookups(objects);
    measureOpening();
    measureBig(bigSize);
    removeStore();
    openStore(place, 64 << 20);
    measureEviction(objects / 20 + 20000);
    removeStore();
    if (argc < 2)
        rmdir(place);
    httpResponseFini(&response);
    httpHeaderFini(&noFields);
    commFini();
    return 0;
}
