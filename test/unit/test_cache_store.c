/* test_cache_store.c: the store in memory through the interface of all. */
#include "cache_store.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_parse.h"

#define NOW ((time_t)784111777)
#define STORE_MAX (1 << 20)
#define OBJECT_MAX (256 * 1024)
#define OK_LINES "Cache-Control: max-age=60\r\nETag: \"e\"\r\n"

static CacheStore *store;
static HttpHeaders noFields;

static void
setUp(void)
{
    CacheMemConfig config = {STORE_MAX, OBJECT_MAX, 4};

    store = cacheStoreMemCreate(&config);
    httpHeaderInit(&noFields, 1000);
}

static void
tearDown(void)
{
    cacheStoreDestroy(&store);
    cr_expect_null(store);
    httpHeaderFini(&noFields);
}

TestSuite(cacheStore, .init = setUp, .fini = tearDown, .timeout = 60);
TestSuite(cacheKey, .timeout = 20);

static CacheKey
keyOf(const char *text)
{
    CacheKey key;

    cacheKeyInit(&key, CACHE_KEY_GET, httpSliceText(text));
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

typedef struct Write {
    const char *url;
    const char *request; /* lines; NULL: none */
    const char *lines;   /* of the response; NULL: OK_LINES */
    int status;          /* 0: 200 */
    uint64_t length;     /* declared */
    CacheObject *update; /* not NULL: cacheStoreUpdate of this */
} Write;

typedef struct Written {
    CacheWriter *writer;
    CacheObject *object;
    int error;
} Written;

static Written
startWrite(const Write *what)
{
    CacheKey key = keyOf(what->url);
    HttpHeaders request;
    HttpResponse response;
    HttpFreshness freshness;
    Written result = {0};

    setFields(&request, what->request ? what->request : "");
    httpResponseInit(&response, HTTP_HEADER_TEXT_MAX);
    cr_assert_eq(
        httpResponseParse(&response, what->status ? what->status : 200,
                          httpSliceText(what->lines ? what->lines : OK_LINES)),
        0);
    HttpExchange exchange = {
        .response = &response, .requestTime = NOW, .responseTime = NOW};
    httpFreshnessCompute(&exchange, &freshness);
    CacheMeta meta = {&key, &request, &response, &freshness, what->length};
    errno = 0;
    if (what->update)
        result.object = cacheStoreUpdate(store, what->update, &meta);
    else
        result.writer = cacheStoreWrite(store, &meta);
    result.error = errno;
    httpHeaderFini(&request);
    httpResponseFini(&response);
    return result;
}

static CacheWriter *
begin(const char *url, uint64_t length)
{
    CacheWriter *writer =
        startWrite(&(Write){.url = url, .length = length}).writer;

    cr_assert_not_null(writer);
    return writer;
}

static void
put(const char *url, const char *body)
{
    CacheWriter *writer = begin(url, strlen(body));

    cr_assert_eq(cacheWriterAppend(writer, body, strlen(body)), 0);
    cr_assert_eq(cacheWriterCommit(&writer, NULL), 0);
    cr_assert_null(writer);
}

/* One variant: its body is its name. */
static void
putVariant(const char *url, const char *request, const char *vary,
           const char *body)
{
    CacheWriter *writer = startWrite(&(Write){.url = url,
                                              .request = request,
                                              .lines = vary,
                                              .length = strlen(body)})
                              .writer;

    cr_assert_not_null(writer);
    cr_assert_eq(cacheWriterAppend(writer, body, strlen(body)), 0);
    cr_assert_eq(cacheWriterCommit(&writer, NULL), 0);
}

static CacheObject *
lookupFor(const char *url, const char *request)
{
    CacheKey key = keyOf(url);
    HttpHeaders fields;

    setFields(&fields, request);
    CacheObject *object = cacheStoreLookup(store, &key, &fields);
    httpHeaderFini(&fields);
    return object;
}

static CacheObject *
lookup(const char *url)
{
    CacheKey key = keyOf(url);
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

static bool
hasBody(CacheObject *object, const void *body, size_t len)
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
static void
expectVariant(const char *url, const char *request, const char *body)
{
    CacheObject *object = lookupFor(url, request);

    cr_expect_eq(object != NULL, body != NULL, "%s", request);
    if (object && body)
        cr_expect(hasBody(object, body, strlen(body)), "%s", request);
    cacheObjectUnref(&object);
}

static CacheStoreStats
statsNow(void)
{
    CacheStoreStats stats;

    cacheStoreStats(store, &stats);
    cr_expect_leq(stats.bytes, stats.bytesMax);
    return stats;
}

static unsigned
invalidate(const char *url)
{
    CacheKey key = keyOf(url);
    return cacheStoreInvalidate(store, &key);
}

Test(cacheKey, tells_texts_apart_and_compares_them_whole)
{
    CacheKey a = keyOf("http://h/a");
    CacheKey same = keyOf("http://h/a");
    CacheKey b = keyOf("http://h/b");

    cr_expect(cacheKeyEqual(&a, &same));
    cr_expect_not(cacheKeyEqual(&a, &b));
    memcpy(b.digest, a.digest, sizeof(b.digest));
    cr_expect_not(cacheKeyEqual(&a, &b), "a collision is not believed");
}

Test(cacheStore, what_was_committed_is_found)
{
    put("http://h/a", "hello");
    CacheObject *object = lookup("http://h/a");

    cr_assert_not_null(object);
    cr_expect_eq(cacheObjectStatus(object), 200);
    cr_expect_eq(cacheObjectLength(object), 5);
    cr_expect_eq(cacheObjectFreshness(object)->lifetime, 60);
    cr_expect(httpSliceIs(cacheObjectValidators(object)->etag, "\"e\""));
    cr_expect(hasBody(object, "hello", 5));
    cacheObjectUnref(&object);
    cr_expect_null(object);
    cr_expect_null(lookup("http://h/b"));
    CacheStoreStats stats = statsNow();
    cr_expect_eq(stats.objects, 1);
    cr_expect_eq(stats.lookups, 2);
    cr_expect_eq(stats.hits, 1);
    cr_expect_eq(stats.misses, 1);
    cr_expect_eq(stats.stores, 1);
    cr_expect_eq(stats.writing, 0);
}

Test(cacheStore, the_head_is_ready_to_send)
{
    CacheWriter *writer =
        startWrite(&(Write){.url = "u",
                            .status = 404,
                            .lines = "X-A: 1\r\nAge: 9\r\nConnection: x-b\r\n"
                                     "X-B: 2\r\nTransfer-Encoding: chunked\r\n"
                                     "Keep-Alive: 3\r\nSet-Cookie: a=b\r\n",
                            .length = CACHE_LENGTH_UNKNOWN})
            .writer;
    CacheObject *object;

    cr_assert_eq(cacheWriterAppend(writer, "abc", 3), 0);
    cr_assert_eq(cacheWriterCommit(&writer, &object), 0);
    HttpSlice head = cacheObjectHead(object);
    cr_expect(httpSliceEqual(
                  head, httpSliceText("HTTP/1.1 404 Not Found\r\nX-A: 1\r\n"
                                      "Set-Cookie: a=b\r\n"
                                      "Content-Length: 3\r\n")),
              "got: %.*s", HTTP_SLICE_ARG(head));
    cacheObjectUnref(&object);
}

Test(cacheStore, content_length_is_that_of_the_stored_body)
{
    CacheWriter *writer = startWrite(&(Write){.url = "u",
                                              .status = 204,
                                              .lines = "Content-Length: 7\r\n",
                                              .length = 0})
                              .writer;
    CacheObject *object;

    cr_assert_eq(cacheWriterCommit(&writer, &object), 0);
    cr_expect(httpSliceEqual(cacheObjectHead(object),
                             httpSliceText("HTTP/1.1 204 No Content\r\n")));
    cacheObjectUnref(&object);
}

Test(cacheStore, the_response_can_be_had_again)
{
    HttpResponse response;

    put("u", "hello");
    CacheObject *object = lookup("u");
    httpResponseInit(&response, HTTP_HEADER_TEXT_MAX);
    cr_assert_eq(cacheObjectResponse(object, &response), 0);
    cr_expect_eq(response.status, 200);
    cr_expect_eq(response.length, 5);
    cr_expect(httpSliceIs(httpHeaderGet(&response.headers, HTTP_HEADER_ETAG),
                          "\"e\""));
    httpResponseFini(&response);
    cacheObjectUnref(&object);
}

Test(cacheStore, nothing_is_visible_before_the_commit)
{
    CacheWriter *writer = begin("u", CACHE_LENGTH_UNKNOWN);

    cr_assert_eq(cacheWriterAppend(writer, "abc", 3), 0);
    cr_expect_null(lookup("u"));
    cr_expect_eq(statsNow().writing, 1);
    cacheWriterAbort(&writer);
    cr_expect_null(writer);
    cr_expect_null(lookup("u"));
    cr_expect_eq(statsNow().aborts, 1);
    cr_expect_eq(statsNow().bytes, 0);
    cacheWriterAbort(&writer);
}

Test(cacheStore, a_truncated_body_is_never_stored)
{
    put("u", "old");
    CacheWriter *writer = begin("u", 5);

    cr_assert_eq(cacheWriterAppend(writer, "abcd", 4), 0);
    cr_expect_eq(cacheWriterCommit(&writer, NULL), -EPROTO);
    cr_expect_null(writer);
    CacheObject *object = lookup("u");
    cr_assert_not_null(object, "the older one stays");
    cr_expect(hasBody(object, "old", 3));
    cacheObjectUnref(&object);
}

Test(cacheStore, a_body_longer_than_announced_is_never_stored)
{
    CacheWriter *writer = begin("u", 5);

    cr_assert_eq(cacheWriterAppend(writer, "abcd", 4), 0);
    cr_expect_eq(cacheWriterAppend(writer, "ef", 2), -EFBIG);
    cr_expect_eq(cacheWriterAppend(writer, "e", 1), -EFBIG);
    cr_expect_eq(cacheWriterCommit(&writer, NULL), -EPROTO);
    cr_expect_null(lookup("u"));
}

Test(cacheStore, objects_are_bounded)
{
    static char block[OBJECT_MAX + 1];
    Written refused =
        startWrite(&(Write){.url = "u", .length = OBJECT_MAX + 1});

    cr_expect_null(refused.writer);
    cr_expect_eq(refused.error, EFBIG);
    CacheWriter *writer = begin("u", CACHE_LENGTH_UNKNOWN);
    cr_expect_eq(cacheWriterAppend(writer, block, OBJECT_MAX), 0);
    cr_expect_eq(cacheWriterAppend(writer, block, 1), -EFBIG);
    cacheWriterAbort(&writer);
    writer = begin("u", OBJECT_MAX);
    cr_expect_eq(cacheWriterAppend(writer, block, OBJECT_MAX), 0);
    cr_expect_eq(cacheWriterCommit(&writer, NULL), 0);
    cr_expect_eq(statsNow().refusals, 2);
}

static void
fill(char *block, size_t len, unsigned seed)
{
    for (size_t i = 0; i < len; i++)
        block[i] = (char)(i * 31 + i / 251 + seed);
}

Test(cacheStore, bodies_of_every_size_come_back_whole)
{
    static char block[OBJECT_MAX];
    static const size_t sizes[] = {0,     1,     4095,  4096,   4097,
                                   65535, 65536, 65537, 131072, 200000};
    static const size_t steps[] = {1, 1000, 4096, 70000, OBJECT_MAX};

    fill(block, sizeof(block), 1);
    for (size_t i = 0; i < 50; i++) {
        size_t size = sizes[i % 10];
        size_t step = steps[i / 10];
        bool isKnown = i % 2;
        CacheObject *object;
        if (step == 1 && size > 5000)
            continue;
        CacheWriter *writer = begin("u", isKnown ? size : CACHE_LENGTH_UNKNOWN);
        for (size_t at = 0; at < size; at += step)
            cr_assert_eq(cacheWriterAppend(writer, block + at,
                                           size - at < step ? size - at : step),
                         0);
        cr_assert_eq(cacheWriterCommit(&writer, &object), 0);
        cr_expect(hasBody(object, block, size), "%zu by %zu", size, step);
        cacheObjectUnref(&object);
        cr_expect_lt(statsNow().bytes, size + 2000, "%zu by %zu: no slack",
                     size, step);
    }
}

Test(cacheStore, a_newer_response_replaces_the_older_one)
{
    put("u", "one");
    CacheObject *old = lookup("u");
    put("u", "two");
    CacheObject *new = lookup("u");

    cr_assert_neq(old, new);
    cr_expect(hasBody(old, "one", 3), "a reader keeps what it has");
    cr_expect(hasBody(new, "two", 3));
    cr_expect_eq(statsNow().objects, 1);
    cacheObjectUnref(&old);
    cacheObjectUnref(&new);
}

Test(cacheStore, what_was_used_last_stays_longest)
{
    static char block[50000];
    char url[32];

    for (int i = 0; i < 200; i++) {
        snprintf(url, sizeof(url), "u%d", i);
        CacheWriter *writer = begin(url, sizeof(block));
        cr_assert_eq(cacheWriterAppend(writer, block, sizeof(block)), 0);
        cr_assert_eq(cacheWriterCommit(&writer, NULL), 0);
        CacheObject *first = lookup("u0");
        cr_assert_not_null(first, "u0 is used all the time, after %d", i);
        cacheObjectUnref(&first);
    }
    cr_expect_null(lookup("u100"));
    CacheStoreStats stats = statsNow();
    cr_expect_eq(stats.stores, 200);
    cr_expect_eq(stats.objects, 20);
    cr_expect_eq(stats.evictions, 180);
}

Test(cacheStore, objects_in_use_are_not_evicted_and_bound_what_is_new)
{
    static char block[200000];
    CacheObject *held[5];
    char url[32];

    fill(block, sizeof(block), 9);
    for (int i = 0; i < 5; i++) {
        snprintf(url, sizeof(url), "u%d", i);
        CacheWriter *writer = begin(url, sizeof(block));
        cr_assert_eq(cacheWriterAppend(writer, block, sizeof(block)), 0);
        cr_assert_eq(cacheWriterCommit(&writer, &held[i]), 0);
    }
    CacheWriter *writer = begin("new", sizeof(block));
    cr_expect_eq(cacheWriterAppend(writer, block, sizeof(block)), -ENOSPC);
    cacheWriterAbort(&writer);
    cr_expect(hasBody(held[4], block, sizeof(block)));
    cacheObjectUnref(&held[4]);
    writer = begin("new", sizeof(block));
    cr_expect_eq(cacheWriterAppend(writer, block, sizeof(block)), 0);
    cr_expect_eq(cacheWriterCommit(&writer, NULL), 0);
    cr_expect_null(lookup("u4"));
    for (int i = 0; i < 4; i++)
        cacheObjectUnref(&held[i]);
    statsNow();
}

Test(cacheStore, invalidated_objects_live_until_their_reader_is_done)
{
    put("u", "hello");
    CacheObject *object = lookup("u");

    cr_expect_eq(invalidate("u"), 1);
    cr_expect_eq(invalidate("u"), 0);
    cr_expect_eq(invalidate("none"), 0);
    cr_expect_null(lookup("u"));
    cr_expect_eq(statsNow().objects, 0);
    cr_expect_gt(statsNow().bytes, 0);
    cr_expect(hasBody(object, "hello", 5));
    cacheObjectUnref(&object);
    cr_expect_eq(statsNow().bytes, 0);
}

Test(cacheStore, invalidation_stops_writers_in_progress)
{
    CacheWriter *writer = begin("u", 3);

    cr_assert_eq(cacheWriterAppend(writer, "abc", 3), 0);
    invalidate("u");
    cr_expect_eq(cacheWriterCommit(&writer, NULL), -ECANCELED);
    cr_expect_null(lookup("u"));
    put("u", "later");
    expectVariant("u", "", "later");
}

Test(cacheStore, the_store_may_go_before_its_readers)
{
    put("u", "hello");
    CacheObject *object = lookup("u");

    cacheStoreDestroy(&store);
    cr_expect(hasBody(object, "hello", 5));
    cacheObjectUnref(&object);
    CacheMemConfig config = {STORE_MAX, OBJECT_MAX, 0};
    store = cacheStoreMemCreate(&config);
}

#define VARY_LANG "Vary: Accept-Language\r\n"
#define VARY_BOTH "Vary: accept-encoding, X-Test\r\n"

Test(cacheStore, variants_are_told_apart_by_what_vary_names)
{
    putVariant("u", "Accept-Language: de\r\n", VARY_LANG, "de");
    putVariant("u", "Accept-Language: en\r\n", VARY_LANG, "en");
    putVariant("u", "", VARY_LANG, "none");
    expectVariant("u", "Accept-Language: de\r\nX: y\r\n", "de");
    expectVariant("u", "accept-language:  EN \r\n", "en");
    expectVariant("u", "", "none");
    expectVariant("u", "Accept-Language: fr\r\n", NULL);
    expectVariant("u", "Accept-Language:\r\n", NULL);
    expectVariant("u", "Accept-Language: de, en\r\n", NULL);
    cr_expect_eq(statsNow().objects, 3);
    putVariant("u", "Accept-Language: de\r\n", VARY_LANG, "new");
    expectVariant("u", "Accept-Language: de\r\n", "new");
    cr_expect_eq(statsNow().objects, 3);
    cr_expect_eq(invalidate("u"), 3);
}

Test(cacheStore, values_are_normalised_only_where_that_is_safe_9111_4_1)
{
    putVariant("u", "Accept-Encoding: gzip, br\r\nX-Test: a, b\r\n", VARY_BOTH,
               "1");
    expectVariant("u", "X-Test: a, b\r\nAccept-Encoding: gzip,br\r\n", "1");
    expectVariant("u",
                  "X-Test: a, b\r\nAccept-Encoding: GZIP\r\n"
                  "Accept-Encoding: br\r\n",
                  "1");
    expectVariant("u", "X-Test: a, b\r\nAccept-Encoding: br,, gzip\r\n", "1");
    expectVariant(
        "u", "X-Test: a\r\nX-Test: b\r\nAccept-Encoding: gzip, br\r\n", "1");
    expectVariant("u", "X-Test: a,b\r\nAccept-Encoding: gzip,br\r\n", NULL);
    expectVariant("u", "X-Test: b, a\r\nAccept-Encoding: gzip,br\r\n", NULL);
    expectVariant("u", "X-Test: A, b\r\nAccept-Encoding: gzip,br\r\n", NULL);
    expectVariant("u", "X-Test: a, b\r\nAccept-Encoding: gzipbr\r\n", NULL);
    expectVariant("u", "Accept-Encoding: gzip, br\r\n", NULL);
}

Test(cacheStore, weights_and_order_of_languages_count_9111_4_1)
{
    putVariant("u", "Accept-Language: de;q=0.5, en\r\n", VARY_LANG, "1");
    expectVariant("u", "Accept-Language: DE ; q=0.5,EN\r\n", "1");
    expectVariant("u", "Accept-Language: de; Q=0.5, en\r\n", "1");
    expectVariant("u", "Accept-Language: en, de;q=0.5\r\n", NULL);
    expectVariant("u", "Accept-Language: de;q=0.6, en\r\n", NULL);
    expectVariant("u", "Accept-Language: d e;q=0.5, en\r\n", NULL);
    expectVariant("u", "Accept-Language: de;q=0.5;, en\r\n", NULL);
}

Test(cacheStore, a_request_with_very_many_words_finds_nothing)
{
    static const char start[] = "Accept-Language: a";
    char line[1024];
    size_t len = sizeof(start) - 1;

    memcpy(line, start, len);
    for (int i = 0; i < 70; i++, len += 2)
        memcpy(line + len, ",a", 2);
    memcpy(line + len, "\r\n", 3);
    putVariant("u", "Accept-Language: a\r\n", VARY_LANG, "1");
    expectVariant("u", line, NULL);
}

Test(cacheStore, a_resource_may_change_its_vary)
{
    putVariant("u", "Accept-Language: de\r\n", VARY_LANG, "old");
    putVariant("u", "Accept-Language: de\r\nX-Test: 1\r\n", VARY_BOTH, "new");
    expectVariant("u", "Accept-Language: de\r\nX-Test: 1\r\n", "new");
    expectVariant("u", "Accept-Language: de\r\nX-Test: 2\r\n", "old");
    putVariant("u", "", "X: y\r\n", "all");
    expectVariant("u", "Accept-Language: de\r\nX-Test: 1\r\n", "all");
}

Test(cacheStore, the_number_of_variants_is_bounded)
{
    char line[64];

    for (int i = 0; i < 10; i++) {
        snprintf(line, sizeof(line), "Accept-Language: l%d\r\n", i);
        putVariant("u", line, VARY_LANG, "x");
    }
    cr_expect_eq(statsNow().objects, 4);
    expectVariant("u", "Accept-Language: l5\r\n", NULL);
    expectVariant("u", "Accept-Language: l6\r\n", "x");
}

Test(cacheStore, a_vary_that_cannot_be_kept_is_refused)
{
    static const char *const lines[] = {
        "Vary: *\r\n",
        "Vary: Accept, *\r\n",
        "Vary: a b\r\n",
        "Vary: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q\r\n",
    };

    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        Written refused = startWrite(&(Write){.url = "u", .lines = lines[i]});
        cr_expect_null(refused.writer, "%s", lines[i]);
        cr_expect_eq(refused.error, EINVAL, "%s", lines[i]);
    }
    cr_expect_eq(statsNow().bytes, 0);
}

Test(cacheStore, a_request_with_huge_vary_values_finds_nothing)
{
    static char line[10000] = "X-Test: ";

    memset(line + 8, 'x', sizeof(line) - 11);
    memcpy(line + sizeof(line) - 3, "\r\n", 3);
    putVariant("u", "X-Test: 1\r\n", VARY_BOTH, "1");
    expectVariant("u", line, NULL);
    expectVariant("u", "X-Test: 1\r\n", "1");
    Written refused =
        startWrite(&(Write){.url = "u", .request = line, .lines = VARY_BOTH});
    cr_expect_eq(refused.error, EINVAL);
}

Test(cacheStore, a_part_of_a_body_is_read)
{
    static char body[200000];
    static const struct {
        uint64_t first;
        uint64_t len;
    } parts[] = {{0, 1},           {0, 200000}, {65535, 2},    {65536, 70000},
                 {199999, 1},      {200000, 0}, {70000, 0},    {1, 199998},
                 {131072 - 1, 10}, {0, 0},      {65536, 65536}};

    for (size_t i = 0; i < sizeof(body); i++)
        body[i] = (char)(i % 251);
    Written written = startWrite(&(Write){.url = "u", .length = sizeof(body)});
    cr_assert_eq(cacheWriterAppend(written.writer, body, sizeof(body)), 0);
    CacheObject *object = NULL;
    cr_assert_eq(cacheWriterCommit(&written.writer, &object), 0);
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        CacheReader reader;
        struct iovec iov[3];
        uint64_t at = parts[i].first;
        int count;
        cacheReaderInitRange(&reader, object, at, parts[i].len);
        cr_expect_eq(cacheReaderLeft(&reader), parts[i].len);
        while ((count = cacheReaderPeek(&reader, iov, 3)) > 0) {
            size_t len = iov[0].iov_len;
            cr_expect_eq(memcmp(iov[0].iov_base, body + at, len), 0);
            at += len;
            cacheReaderAdvance(&reader, len);
        }
        cr_expect_eq(at, parts[i].first + parts[i].len, "part %zu", i);
    }
    cacheObjectUnref(&object);
}

Test(cacheStore, a_304_gives_a_new_head_to_the_same_body)
{
    put("u", "hello");
    CacheObject *old = lookup("u");
    CacheObject *new =
        startWrite(&(Write){.url = "u",
                            .lines = "Cache-Control: max-age=99\r\nX: new\r\n",
                            .update = old})
            .object;
    CacheObject *found = lookup("u");

    cr_assert_not_null(new);
    cr_expect_eq(found, new);
    cr_expect_eq(cacheObjectFreshness(new)->lifetime, 99);
    cr_expect(httpSliceEqual(
        cacheObjectHead(new),
        httpSliceText("HTTP/1.1 200 OK\r\nCache-Control: max-age=99\r\n"
                      "X: new\r\nContent-Length: 5\r\n")));
    cr_expect(hasBody(new, "hello", 5));
    cr_expect(hasBody(old, "hello", 5));
    cacheObjectUnref(&old);
    cacheObjectUnref(&found);
    cr_expect(hasBody(new, "hello", 5), "the body outlives the old head");
    cr_expect_eq(statsNow().objects, 1);
    cr_expect_eq(statsNow().updates, 1);
    cacheObjectUnref(&new);
    cr_expect_eq(invalidate("u"), 1);
    cr_expect_eq(statsNow().bytes, 0);
}

Test(cacheStore, a_304_may_change_vary)
{
    putVariant("u", "Accept-Language: de\r\n", VARY_LANG, "x");
    CacheObject *old = lookupFor("u", "Accept-Language: de\r\n");
    CacheObject *new = startWrite(&(Write){.url = "u",
                                           .request = "X-Test: 1\r\n",
                                           .lines = VARY_BOTH,
                                           .update = old})
                           .object;

    cr_assert_not_null(new);
    cacheObjectUnref(&old);
    cacheObjectUnref(&new);
    cr_expect_eq(statsNow().objects, 1);
    expectVariant("u", "X-Test: 1\r\n", "x");
    expectVariant("u", "Accept-Language: de\r\n", NULL);
}

Test(cacheStore, a_304_for_what_is_gone_makes_nothing_visible)
{
    put("u", "hello");
    CacheObject *old = lookup("u");
    invalidate("u");
    CacheObject *new = startWrite(&(Write){.url = "u", .update = old}).object;

    cr_assert_not_null(new);
    cr_expect(hasBody(new, "hello", 5), "this answer can still be given");
    cr_expect_null(lookup("u"));
    cacheObjectUnref(&old);
    cacheObjectUnref(&new);
    cr_expect_eq(statsNow().bytes, 0);
}

Test(cacheStore, a_bad_update_leaves_the_old_one)
{
    put("u", "hello");
    CacheObject *old = lookup("u");
    Written failed =
        startWrite(&(Write){.url = "u", .lines = "Vary: *\r\n", .update = old});

    cr_expect_null(failed.object);
    cr_expect_eq(failed.error, EINVAL);
    cacheObjectUnref(&old);
    expectVariant("u", "", "hello");
}

/* Many operations in an order that chance makes, the same every time. */
Test(cacheStore, stays_within_bounds_whatever_happens)
{
    static char block[100000];
    CacheObject *held[8] = {0};
    CacheWriter *writers[8] = {0};
    unsigned state = 1;
    char url[16];

    for (int i = 0; i < 20000; i++) {
        state = state * 1103515245u + 12345u;
        unsigned dice = state >> 8;
        unsigned slot = dice >> 4 & 7;
        snprintf(url, sizeof(url), "u%u", dice >> 7 & 63);
        switch (dice & 7) {
        case 0:
        case 1:
            if (!writers[slot])
                writers[slot] =
                    startWrite(
                        &(Write){.url = url, .length = CACHE_LENGTH_UNKNOWN})
                        .writer;
            break;
        case 2:
        case 3:
            if (writers[slot])
                cacheWriterAppend(writers[slot], block, dice % sizeof(block));
            break;
        case 4:
            if (writers[slot])
                cacheWriterCommit(&writers[slot], NULL);
            break;
        case 5:
            cacheObjectUnref(&held[slot]);
            held[slot] = lookup(url);
            break;
        case 6:
            cacheWriterAbort(&writers[slot]);
            break;
        default:
            if (dice >> 13 & 1)
                invalidate(url);
            break;
        }
        statsNow();
    }
    for (int i = 0; i < 8; i++) {
        cacheWriterAbort(&writers[i]);
        cacheObjectUnref(&held[i]);
    }
    for (int i = 0; i < 64; i++) {
        snprintf(url, sizeof(url), "u%d", i);
        invalidate(url);
    }
    cr_expect_eq(statsNow().bytes, 0);
    cr_expect_eq(statsNow().objects, 0);
}
