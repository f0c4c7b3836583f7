/* test_cache_store.c: stores of responses through the interface of all: what
 * is true of all kinds, and how the one in memory evicts. */
#include "cache_store.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_parse.h"
#include "stores.h"

TestSuite(cacheStore, .init = storesInitMem, .fini = storesFini, .timeout = 60);
TestSuite(cacheStoreLmdb, .init = storesInitLmdb, .fini = storesFini,
          .timeout = 120);
TestSuite(cacheStoreTier, .init = storesInitTier, .fini = storesFini,
          .timeout = 120);
TestSuite(cacheKey, .timeout = 20);

/* A test that every kind of store has to pass. */
#define ALL(name)                                                              \
    static void name(void);                                                    \
    Test(cacheStore, name)                                                     \
    {                                                                          \
        name();                                                                \
    }                                                                          \
    Test(cacheStoreLmdb, name)                                                 \
    {                                                                          \
        name();                                                                \
    }                                                                          \
    Test(cacheStoreTier, name)                                                 \
    {                                                                          \
        name();                                                                \
    }                                                                          \
    static void name(void)

Test(cacheKey, tells_texts_apart_and_compares_them_whole)
{
    CacheKey a = storesKey("http://h/a");
    CacheKey same = storesKey("http://h/a");
    CacheKey b = storesKey("http://h/b");

    cr_expect(cacheKeyEqual(&a, &same));
    cr_expect_not(cacheKeyEqual(&a, &b));
    memcpy(b.digest, a.digest, sizeof(b.digest));
    cr_expect_not(cacheKeyEqual(&a, &b), "a collision is not believed");
}

ALL(what_was_committed_is_found)
{
    storesPut("http://h/a", "hello");
    CacheObject *object = storesLookup("http://h/a");

    cr_assert_not_null(object);
    cr_expect_eq(cacheObjectStatus(object), 200);
    cr_expect_eq(cacheObjectLength(object), 5);
    cr_expect_eq(cacheObjectFreshness(object)->lifetime, 60);
    cr_expect(httpSliceIs(cacheObjectValidators(object)->etag, "\"e\""));
    cr_expect(storesHasBody(object, "hello", 5));
    cacheObjectUnref(&object);
    cr_expect_null(object);
    cr_expect_null(storesLookup("http://h/b"));
    CacheStoreStats stats = storesStats();
    cr_expect_eq(stats.objects, 1);
    cr_expect_eq(stats.lookups, 2);
    cr_expect_eq(stats.hits, 1);
    cr_expect_eq(stats.misses, 1);
    cr_expect_eq(stats.stores, 1);
    cr_expect_eq(stats.writing, 0);
}

ALL(the_head_is_ready_to_send)
{
    CacheWriter *writer =
        storesStart(
            &(StoresWrite){.url = "u",
                           .status = 404,
                           .lines = "X-A: 1\r\nAge: 9\r\nConnection: x-b\r\n"
                                    "X-B: 2\r\nTransfer-Encoding: chunked\r\n"
                                    "Keep-Alive: 3\r\nSet-Cookie: a=b\r\n",
                           .length = CACHE_LENGTH_UNKNOWN})
            .writer;

    storesFinish(writer, "abc", 3);
    CacheObject *object = storesLookup("u");
    HttpSlice head = cacheObjectHead(object);
    cr_expect(httpSliceEqual(
                  head, httpSliceText("HTTP/1.1 404 Not Found\r\nX-A: 1\r\n"
                                      "Set-Cookie: a=b\r\n"
                                      "Content-Length: 3\r\n")),
              "got: %.*s", HTTP_SLICE_ARG(head));
    cacheObjectUnref(&object);
}

ALL(content_length_is_that_of_the_stored_body)
{
    CacheWriter *writer =
        storesStart(&(StoresWrite){.url = "u",
                                   .status = 204,
                                   .lines = "Content-Length: 7\r\n",
                                   .length = 0})
            .writer;

    storesFinish(writer, NULL, 0);
    CacheObject *object = storesLookup("u");
    cr_expect(httpSliceEqual(cacheObjectHead(object),
                             httpSliceText("HTTP/1.1 204 No Content\r\n")));
    cacheObjectUnref(&object);
}

ALL(the_response_can_be_had_again)
{
    HttpResponse response;

    storesPut("u", "hello");
    CacheObject *object = storesLookup("u");
    httpResponseInit(&response, HTTP_HEADER_TEXT_MAX);
    cr_assert_eq(cacheObjectResponse(object, &response), 0);
    cr_expect_eq(response.status, 200);
    cr_expect_eq(response.length, 5);
    cr_expect(httpSliceIs(httpHeaderGet(&response.headers, HTTP_HEADER_ETAG),
                          "\"e\""));
    httpResponseFini(&response);
    cacheObjectUnref(&object);
}

ALL(nothing_is_visible_before_the_commit)
{
    CacheWriter *writer = storesBegin("u", CACHE_LENGTH_UNKNOWN);

    cr_assert_eq(cacheWriterAppend(writer, "abc", 3), 0);
    cr_expect_null(storesLookup("u"));
    cr_expect_eq(storesStats().writing, 1);
    cacheWriterAbort(&writer);
    cr_expect_null(writer);
    cr_expect_null(storesLookup("u"));
    cr_expect_eq(storesStats().aborts, 1);
    storesExpectEmpty();
    cacheWriterAbort(&writer);
}

ALL(a_truncated_body_is_never_stored)
{
    storesPut("u", "old");
    CacheWriter *writer = storesBegin("u", 5);

    cr_assert_eq(cacheWriterAppend(writer, "abcd", 4), 0);
    cr_expect_eq(cacheWriterCommit(&writer, NULL), -EPROTO);
    cr_expect_null(writer);
    CacheObject *object = storesLookup("u");
    cr_assert_not_null(object, "the older one stays");
    cr_expect(storesHasBody(object, "old", 3));
    cacheObjectUnref(&object);
}

ALL(a_body_longer_than_announced_is_never_stored)
{
    CacheWriter *writer = storesBegin("u", 5);

    cr_assert_eq(cacheWriterAppend(writer, "abcd", 4), 0);
    cr_expect_eq(cacheWriterAppend(writer, "ef", 2), -EFBIG);
    cr_expect_eq(cacheWriterAppend(writer, "e", 1), -EFBIG);
    cr_expect_eq(cacheWriterCommit(&writer, NULL), -EPROTO);
    cr_expect_null(storesLookup("u"));
}

ALL(objects_are_bounded)
{
    static char block[STORES_OBJECT_MAX + 1];
    StoresWritten refused = storesStart(
        &(StoresWrite){.url = "u", .length = STORES_OBJECT_MAX + 1});

    cr_expect_null(refused.writer);
    cr_expect_eq(refused.error, EFBIG);
    CacheWriter *writer = storesBegin("u", CACHE_LENGTH_UNKNOWN);
    cr_expect_eq(cacheWriterAppend(writer, block, STORES_OBJECT_MAX), 0);
    cr_expect_eq(cacheWriterAppend(writer, block, 1), -EFBIG);
    cacheWriterAbort(&writer);
    writer = storesBegin("u", STORES_OBJECT_MAX);
    cr_expect_eq(cacheWriterAppend(writer, block, STORES_OBJECT_MAX), 0);
    cr_expect_eq(cacheWriterCommit(&writer, NULL), 0);
    cr_expect_eq(storesStats().refusals, 2);
}

ALL(bodies_of_every_size_come_back_whole)
{
    static char block[STORES_OBJECT_MAX];
    static const size_t sizes[] = {0,     1,     4095,  4096,   4097,
                                   65535, 65536, 65537, 131072, 200000};
    static const size_t steps[] = {1, 1000, 4096, 70000, STORES_OBJECT_MAX};

    storesFill(block, sizeof(block), 1);
    for (size_t i = 0; i < 50; i++) {
        size_t size = sizes[i % 10];
        size_t step = steps[i / 10];
        bool isKnown = i % 2;
        if (step == 1 && size > 5000)
            continue;
        CacheWriter *writer =
            storesBegin("u", isKnown ? size : CACHE_LENGTH_UNKNOWN);
        for (size_t at = 0; at < size; at += step)
            cr_assert_eq(cacheWriterAppend(writer, block + at,
                                           size - at < step ? size - at : step),
                         0);
        cr_assert_eq(cacheWriterCommit(&writer, NULL), 0);
        cacheStoreFlush(store);
        CacheObject *object = storesLookup("u");
        cr_expect(storesHasBody(object, block, size), "%zu by %zu", size, step);
        cacheObjectUnref(&object);
        if (storesIsMem)
            cr_expect_lt(storesStats().bytes, size + 2000,
                         "%zu by %zu: no slack", size, step);
    }
}

/* Also where it is written later, before, while and after that is done. */
ALL(what_was_committed_is_found_at_once)
{
    static char block[200000];
    CacheReader reader;
    struct iovec iov[4];
    CacheObject *object = NULL;

    storesFill(block, sizeof(block), 3);
    CacheWriter *writer = storesBegin("u", CACHE_LENGTH_UNKNOWN);
    cr_assert_eq(cacheWriterAppend(writer, block, sizeof(block)), 0);
    cr_assert_eq(cacheWriterCommit(&writer, &object), 0);
    CacheObject *found = storesLookup("u");
    cr_assert_not_null(object);
    cr_expect_eq(found, object);
    cr_expect(storesHasBody(found, block, sizeof(block)));
    cacheReaderInit(&reader, found);
    cr_expect_gt(cacheReaderPeek(&reader, iov, 4), 0);
    cacheReaderAdvance(&reader, 1000);
    cacheStoreFlush(store);
    uint64_t at = 1000;
    int count;
    while ((count = cacheReaderPeek(&reader, iov, 1)) > 0) {
        cr_expect_eq(memcmp(iov[0].iov_base, block + at, iov[0].iov_len), 0);
        at += iov[0].iov_len;
        cacheReaderAdvance(&reader, iov[0].iov_len);
    }
    cr_expect_eq(count, 0);
    cr_expect_eq(at, sizeof(block));
    cacheObjectUnref(&found);
    found = storesLookup("u");
    cr_expect(storesHasBody(found, block, sizeof(block)));
    cacheObjectUnref(&found);
    cacheObjectUnref(&object);
}

ALL(the_newest_is_found_before_it_is_written)
{
    CacheObject *old;
    CacheWriter *writer;

    storesPut("u", "old");
    writer = storesBegin("u", 3);
    cr_assert_eq(cacheWriterAppend(writer, "new", 3), 0);
    cr_assert_eq(cacheWriterCommit(&writer, NULL), 0);
    storesExpect("u", "", "new");
    old = storesLookup("u");
    StoresWritten updated =
        storesStart(&(StoresWrite){.url = "u", .update = old});
    CacheObject *found = storesLookup("u");
    cr_expect_eq(found, updated.object);
    cacheObjectUnref(&found);
    cacheObjectUnref(&old);
    cacheObjectUnref(&updated.object);
    cr_expect_gt(storesInvalidate("u"), 0);
    cr_expect_null(storesLookup("u"));
    cacheStoreFlush(store);
    cr_expect_null(storesLookup("u"));
}

ALL(a_newer_response_replaces_the_older_one)
{
    storesPut("u", "one");
    CacheObject *old = storesLookup("u");
    storesPut("u", "two");
    CacheObject *new = storesLookup("u");

    cr_assert_neq(old, new);
    cr_expect(storesHasBody(old, "one", 3), "a reader keeps what it has");
    cr_expect(storesHasBody(new, "two", 3));
    cr_expect_eq(storesStats().objects, 1);
    cacheObjectUnref(&old);
    cacheObjectUnref(&new);
}

Test(cacheStore, what_was_used_last_stays_longest)
{
    static char block[50000];
    char url[32];

    for (int i = 0; i < 200; i++) {
        snprintf(url, sizeof(url), "u%d", i);
        CacheWriter *writer = storesBegin(url, sizeof(block));
        cr_assert_eq(cacheWriterAppend(writer, block, sizeof(block)), 0);
        cr_assert_eq(cacheWriterCommit(&writer, NULL), 0);
        CacheObject *first = storesLookup("u0");
        cr_assert_not_null(first, "u0 is used all the time, after %d", i);
        cacheObjectUnref(&first);
    }
    cr_expect_null(storesLookup("u100"));
    CacheStoreStats stats = storesStats();
    cr_expect_eq(stats.stores, 200);
    cr_expect_eq(stats.objects, 20);
    cr_expect_eq(stats.evictions, 180);
}

Test(cacheStore, objects_in_use_are_not_evicted_and_bound_what_is_new)
{
    static char block[200000];
    CacheObject *held[5];
    char url[32];

    storesFill(block, sizeof(block), 9);
    for (int i = 0; i < 5; i++) {
        snprintf(url, sizeof(url), "u%d", i);
        CacheWriter *writer = storesBegin(url, sizeof(block));
        cr_assert_eq(cacheWriterAppend(writer, block, sizeof(block)), 0);
        cr_assert_eq(cacheWriterCommit(&writer, &held[i]), 0);
    }
    CacheWriter *writer = storesBegin("new", sizeof(block));
    cr_expect_eq(cacheWriterAppend(writer, block, sizeof(block)), -ENOSPC);
    cacheWriterAbort(&writer);
    cr_expect(storesHasBody(held[4], block, sizeof(block)));
    cacheObjectUnref(&held[4]);
    writer = storesBegin("new", sizeof(block));
    cr_expect_eq(cacheWriterAppend(writer, block, sizeof(block)), 0);
    cr_expect_eq(cacheWriterCommit(&writer, NULL), 0);
    cr_expect_null(storesLookup("u4"));
    for (int i = 0; i < 4; i++)
        cacheObjectUnref(&held[i]);
    storesStats();
}

ALL(invalidated_objects_live_until_their_reader_is_done)
{
    storesPut("u", "hello");
    CacheObject *object = storesLookup("u");

    cr_expect_eq(storesInvalidate("u"), 1);
    cr_expect_eq(storesInvalidate("u"), 0);
    cr_expect_eq(storesInvalidate("none"), 0);
    cr_expect_null(storesLookup("u"));
    cacheStoreFlush(store);
    cr_expect_null(storesLookup("u"));
    cr_expect_eq(storesStats().objects, 0);
    cr_expect_gt(storesStats().bytes, 0);
    cr_expect(storesHasBody(object, "hello", 5));
    cacheObjectUnref(&object);
    storesExpectEmpty();
}

ALL(invalidation_stops_writers_in_progress)
{
    CacheWriter *writer = storesBegin("u", 3);

    cr_assert_eq(cacheWriterAppend(writer, "abc", 3), 0);
    storesInvalidate("u");
    cr_expect_eq(cacheWriterCommit(&writer, NULL), -ECANCELED);
    cr_expect_null(storesLookup("u"));
    storesPut("u", "later");
    storesExpect("u", "", "later");
}

ALL(the_store_may_go_before_its_readers)
{
    storesPut("u", "hello");
    CacheObject *object = storesLookup("u");

    cacheStoreDestroy(&store);
    cr_expect(storesHasBody(object, "hello", 5));
    cacheObjectUnref(&object);
    storesOpen();
}

#define VARY_LANG "Vary: Accept-Language\r\n"
#define VARY_BOTH "Vary: accept-encoding, X-Test\r\n"

ALL(variants_are_told_apart_by_what_vary_names)
{
    storesPutVariant("u", "Accept-Language: de\r\n", VARY_LANG, "de");
    storesPutVariant("u", "Accept-Language: en\r\n", VARY_LANG, "en");
    storesPutVariant("u", "", VARY_LANG, "none");
    storesExpect("u", "Accept-Language: de\r\nX: y\r\n", "de");
    storesExpect("u", "accept-language:  EN \r\n", "en");
    storesExpect("u", "", "none");
    storesExpect("u", "Accept-Language: fr\r\n", NULL);
    storesExpect("u", "Accept-Language:\r\n", NULL);
    storesExpect("u", "Accept-Language: de, en\r\n", NULL);
    cr_expect_eq(storesStats().objects, 3);
    storesPutVariant("u", "Accept-Language: de\r\n", VARY_LANG, "new");
    storesExpect("u", "Accept-Language: de\r\n", "new");
    cr_expect_eq(storesStats().objects, 3);
    cr_expect_eq(storesInvalidate("u"), 3);
}

ALL(values_are_normalised_only_where_that_is_safe_9111_4_1)
{
    storesPutVariant("u", "Accept-Encoding: gzip, br\r\nX-Test: a, b\r\n",
                     VARY_BOTH, "1");
    storesExpect("u", "X-Test: a, b\r\nAccept-Encoding: gzip,br\r\n", "1");
    storesExpect("u",
                 "X-Test: a, b\r\nAccept-Encoding: GZIP\r\n"
                 "Accept-Encoding: br\r\n",
                 "1");
    storesExpect("u", "X-Test: a, b\r\nAccept-Encoding: br,, gzip\r\n", "1");
    storesExpect("u", "X-Test: a\r\nX-Test: b\r\nAccept-Encoding: gzip, br\r\n",
                 "1");
    storesExpect("u", "X-Test: a ,\tb\r\nAccept-Encoding: gzip,br\r\n", "1");
    storesExpect("u", "X-Test: a b\r\nAccept-Encoding: gzip,br\r\n", NULL);
    storesExpect("u", "X-Test: \"a, b\"\r\nAccept-Encoding: gzip,br\r\n",
                 NULL);
    storesExpect("u", "X-Test: b, a\r\nAccept-Encoding: gzip,br\r\n", NULL);
    storesExpect("u", "X-Test: A, b\r\nAccept-Encoding: gzip,br\r\n", NULL);
    storesExpect("u", "X-Test: a, b\r\nAccept-Encoding: gzipbr\r\n", NULL);
    storesExpect("u", "Accept-Encoding: gzip, br\r\n", NULL);
}

ALL(blanks_in_what_is_no_list_count_9111_4_1)
{
    storesPutVariant("u", "Cookie: a=1, 2\r\nX-Test: \"a, b\", c\r\n",
                     "Vary: Cookie, X-Test\r\n", "1");
    storesExpect("u", "Cookie: a=1, 2\r\nX-Test: \"a, b\",c\r\n", "1");
    storesExpect("u", "Cookie: a=1,2\r\nX-Test: \"a, b\", c\r\n", NULL);
    storesExpect("u", "Cookie: a=1, 2\r\nX-Test: \"a,b\", c\r\n", NULL);
}

ALL(weights_and_order_of_languages_count_9111_4_1)
{
    storesPutVariant("u", "Accept-Language: de;q=0.5, en\r\n", VARY_LANG, "1");
    storesExpect("u", "Accept-Language: DE ; q=0.5,EN\r\n", "1");
    storesExpect("u", "Accept-Language: de; Q=0.5, en\r\n", "1");
    storesExpect("u", "Accept-Language: en, de;q=0.5\r\n", NULL);
    storesExpect("u", "Accept-Language: de;q=0.6, en\r\n", NULL);
    storesExpect("u", "Accept-Language: d e;q=0.5, en\r\n", NULL);
    storesExpect("u", "Accept-Language: de;q=0.5;, en\r\n", NULL);
}

ALL(a_request_with_very_many_words_finds_nothing)
{
    static const char start[] = "Accept-Language: a";
    char line[1024];
    size_t len = sizeof(start) - 1;

    memcpy(line, start, len);
    for (int i = 0; i < 70; i++, len += 2)
        memcpy(line + len, ",a", 2);
    memcpy(line + len, "\r\n", 3);
    storesPutVariant("u", "Accept-Language: a\r\n", VARY_LANG, "1");
    storesExpect("u", line, NULL);
}

typedef struct Listed {
    unsigned count;
    char names[16][64];
    char values[16][64];
} Listed;

static void
onListed(const CacheListing *listing, void *data)
{
    Listed *listed = data;

    cr_assert_lt(listed->count, 16);
    snprintf(listed->names[listed->count], 64, "%.*s",
             HTTP_SLICE_ARG(listing->varyNames));
    snprintf(listed->values[listed->count++], 64, "%.*s",
             HTTP_SLICE_ARG(listing->varyValues));
}

/* A bit for each of the bodies "1" to "4" that is found by what was told. */
static unsigned
findListed(const CacheKey *key, const Listed *listed)
{
    unsigned found = 0;

    for (unsigned i = 0; i < listed->count; i++) {
        CacheObject *object =
            cacheStoreLookupVariant(store, key, httpSliceText(listed->names[i]),
                                    httpSliceText(listed->values[i]));
        cr_assert(object, "%s: %s", listed->names[i], listed->values[i]);
        for (unsigned n = 1; n <= 4; n++) {
            char body = (char)('0' + n);
            found |= storesHasBody(object, &body, 1) ? 1u << n : 0;
        }
        cacheObjectUnref(&object);
    }
    return found;
}

ALL(variants_are_found_by_what_was_told_of_them)
{
    Listed listed = {0};
    CacheKey key = storesKey("u");

    storesPutVariant("u", "Accept-Language: de;q=0.5, EN\r\n", VARY_LANG, "1");
    storesPutVariant("u", "", VARY_LANG, "2");
    storesPutVariant("u",
                     "X-Test: a, b\r\nX-Test: c\r\n"
                     "Accept-Encoding: gzip, br\r\n",
                     VARY_BOTH, "3");
    storesPutVariant("u", "X-Test:\r\n", VARY_BOTH, "4");
    cacheStoreListKey(store, &key, onListed, &listed);
    cr_assert_geq(listed.count, 4);
    cr_expect_eq(findListed(&key, &listed), 0x1e);
    cr_expect_null(cacheStoreLookupVariant(
        store, &key, httpSliceText("accept-language"), httpSliceText("\1fr,")));
    cr_expect_null(cacheStoreLookupVariant(store, &key, httpSliceText("a"),
                                           httpSlice("", 0)));
}

ALL(a_resource_may_change_its_vary)
{
    storesPutVariant("u", "Accept-Language: de\r\n", VARY_LANG, "old");
    storesPutVariant("u", "Accept-Language: de\r\nX-Test: 1\r\n", VARY_BOTH,
                     "new");
    storesExpect("u", "Accept-Language: de\r\nX-Test: 1\r\n", "new");
    storesExpect("u", "Accept-Language: de\r\nX-Test: 2\r\n", "old");
    storesPutVariant("u", "", "X: y\r\n", "all");
    storesExpect("u", "Accept-Language: de\r\nX-Test: 1\r\n", "all");
}

static void
checkVariantBound(void)
{
    char line[64];

    for (unsigned i = 0; i < storesVariantsMax + 6; i++) {
        snprintf(line, sizeof(line), "Accept-Language: l%u\r\n", i);
        storesPutVariant("u", line, VARY_LANG, "x");
    }
    cr_expect_eq(storesStats().objects, storesVariantsMax);
    storesExpect("u", "Accept-Language: l5\r\n", NULL);
    storesExpect("u", "Accept-Language: l6\r\n", "x");
}

Test(cacheStore, the_number_of_variants_is_bounded)
{
    checkVariantBound();
}

Test(cacheStoreLmdb, the_number_of_variants_is_bounded)
{
    checkVariantBound();
}

ALL(a_vary_that_cannot_be_kept_is_refused)
{
    static const char *const lines[] = {
        "Vary: *\r\n",
        "Vary: Accept, *\r\n",
        "Vary: a b\r\n",
        "Vary: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q\r\n",
    };

    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        StoresWritten refused =
            storesStart(&(StoresWrite){.url = "u", .lines = lines[i]});
        cr_expect_null(refused.writer, "%s", lines[i]);
        cr_expect_eq(refused.error, EINVAL, "%s", lines[i]);
    }
    storesExpectEmpty();
}

ALL(a_request_with_huge_vary_values_finds_nothing)
{
    static char line[10000] = "X-Test: ";

    memset(line + 8, 'x', sizeof(line) - 11);
    memcpy(line + sizeof(line) - 3, "\r\n", 3);
    storesPutVariant("u", "X-Test: 1\r\n", VARY_BOTH, "1");
    storesExpect("u", line, NULL);
    storesExpect("u", "X-Test: 1\r\n", "1");
    StoresWritten refused = storesStart(
        &(StoresWrite){.url = "u", .request = line, .lines = VARY_BOTH});
    cr_expect_eq(refused.error, EINVAL);
}

ALL(a_part_of_a_body_is_read)
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
    storesFinish(storesBegin("u", sizeof(body)), body, sizeof(body));
    CacheObject *object = storesLookup("u");
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

ALL(a_304_gives_a_new_head_to_the_same_body)
{
    storesPut("u", "hello");
    CacheObject *old = storesLookup("u");
    CacheObject *new =
        storesStart(
            &(StoresWrite){.url = "u",
                           .lines = "Cache-Control: max-age=99\r\nX: new\r\n",
                           .update = old})
            .object;

    cacheStoreFlush(store);
    CacheObject *found = storesLookup("u");
    cr_assert_not_null(new);
    cr_assert_not_null(found);
    cr_expect_eq(cacheObjectFreshness(found)->lifetime, 99);
    cr_expect(httpSliceEqual(cacheObjectHead(found), cacheObjectHead(new)));
    cr_expect(storesHasBody(found, "hello", 5));
    cr_expect_eq(cacheObjectFreshness(new)->lifetime, 99);
    cr_expect(httpSliceEqual(
        cacheObjectHead(new),
        httpSliceText("HTTP/1.1 200 OK\r\nCache-Control: max-age=99\r\n"
                      "X: new\r\nContent-Length: 5\r\n")));
    cr_expect(storesHasBody(new, "hello", 5));
    cr_expect(storesHasBody(old, "hello", 5));
    cacheObjectUnref(&old);
    cacheObjectUnref(&found);
    cr_expect(storesHasBody(new, "hello", 5), "the body outlives the old head");
    cr_expect_eq(storesStats().objects, 1);
    cr_expect_eq(storesStats().updates, 1);
    cacheObjectUnref(&new);
    cr_expect_eq(storesInvalidate("u"), 1);
    cacheStoreFlush(store);
    storesExpectEmpty();
}

ALL(a_304_may_change_vary)
{
    storesPutVariant("u", "Accept-Language: de\r\n", VARY_LANG, "x");
    CacheObject *old = storesLookupFor("u", "Accept-Language: de\r\n");
    CacheObject *new = storesStart(&(StoresWrite){.url = "u",
                                                  .request = "X-Test: 1\r\n",
                                                  .lines = VARY_BOTH,
                                                  .update = old})
                           .object;

    cr_assert_not_null(new);
    cacheObjectUnref(&old);
    cacheObjectUnref(&new);
    cacheStoreFlush(store);
    cr_expect_eq(storesStats().objects, 1);
    storesExpect("u", "X-Test: 1\r\n", "x");
    storesExpect("u", "Accept-Language: de\r\n", NULL);
}

ALL(a_304_for_what_is_gone_makes_nothing_visible)
{
    storesPut("u", "hello");
    CacheObject *old = storesLookup("u");
    storesInvalidate("u");
    CacheObject *new =
        storesStart(&(StoresWrite){.url = "u", .update = old}).object;

    cr_assert_not_null(new);
    cr_expect(storesHasBody(new, "hello", 5), "this answer can still be given");
    cacheStoreFlush(store);
    cr_expect_null(storesLookup("u"));
    cacheObjectUnref(&old);
    cacheObjectUnref(&new);
    storesExpectEmpty();
}

ALL(a_bad_update_leaves_the_old_one)
{
    storesPut("u", "hello");
    CacheObject *old = storesLookup("u");
    StoresWritten failed = storesStart(
        &(StoresWrite){.url = "u", .lines = "Vary: *\r\n", .update = old});

    cr_expect_null(failed.object);
    cr_expect_eq(failed.error, EINVAL);
    cacheObjectUnref(&old);
    storesExpect("u", "", "hello");
}

/* Many operations in an order that chance makes, the same every time. */
ALL(stays_within_bounds_whatever_happens)
{
    static char block[100000];
    CacheObject *held[8] = {0};
    CacheWriter *writers[8] = {0};
    unsigned state = 1;
    char url[16];

    for (int i = 0; i < (storesIsMem ? 20000 : 4000); i++) {
        state = state * 1103515245u + 12345u;
        unsigned dice = state >> 8;
        unsigned slot = dice >> 4 & 7;
        snprintf(url, sizeof(url), "u%u", dice >> 7 & 63);
        switch (dice & 7) {
        case 0:
        case 1:
            if (!writers[slot])
                writers[slot] =
                    storesStart(&(StoresWrite){.url = url,
                                               .length = CACHE_LENGTH_UNKNOWN})
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
            held[slot] = writers[slot] && dice >> 13 & 1
                             ? cacheWriterObject(writers[slot])
                             : storesLookup(url);
            break;
        case 6:
            cacheWriterAbort(&writers[slot]);
            break;
        default:
            if (dice >> 13 & 1)
                storesInvalidate(url);
            break;
        }
        storesStats();
    }
    for (int i = 0; i < 8; i++) {
        cacheWriterAbort(&writers[i]);
        cacheObjectUnref(&held[i]);
    }
    for (int i = 0; i < 64; i++) {
        snprintf(url, sizeof(url), "u%d", i);
        storesInvalidate(url);
    }
    cacheStoreFlush(store);
    storesExpectEmpty();
}

/* Read what there is; then why there is no more. The octets are checked
 * against the block. */
static int
readOn(CacheReader *reader, const char *block, uint64_t *at)
{
    struct iovec iov[3];
    int count;

    while ((count = cacheReaderPeek(reader, iov, 3)) > 0) {
        cr_assert_eq(memcmp(iov[0].iov_base, block + *at, iov[0].iov_len), 0);
        size_t part = iov[0].iov_len > 777 ? iov[0].iov_len - 777
                                           : iov[0].iov_len;
        cacheReaderAdvance(reader, part);
        *at += part;
    }
    return count;
}

ALL(what_arrives_is_read_piece_by_piece)
{
    static const uint64_t lengths[] = {200000, CACHE_LENGTH_UNKNOWN};
    static char block[200000];

    storesFill(block, sizeof(block), 7);
    for (int i = 0; i < 2; i++) {
        CacheWriter *writer = storesBegin("u", lengths[i]);
        CacheReader early, late;
        uint64_t at = 0, atLate = 0;

        CacheObject *object = cacheWriterObject(writer);
        cr_expect(cacheObjectIsArriving(object));
        cr_expect_eq(cacheObjectLength(object), lengths[i]);
        cacheReaderInit(&early, object);
        cr_expect_eq(readOn(&early, block, &at), -EAGAIN);
        for (size_t sent = 0; sent < sizeof(block); sent += 10000) {
            cr_assert_eq(cacheWriterAppend(writer, block + sent, 10000), 0);
            cr_expect_eq(cacheObjectAvailable(object), sent + 10000);
            if (sent % 50000 == 0)
                cacheStoreFlush(store);
            if (at < 150000) /* then this one is slow */
                readOn(&early, block, &at);
        }
        CacheObject *same = cacheWriterObject(writer);
        cr_expect_eq(same, object);
        cacheObjectUnref(&same);
        cacheReaderInit(&late, object);
        cr_expect_eq(readOn(&late, block, &atLate),
                     lengths[i] == CACHE_LENGTH_UNKNOWN ? -EAGAIN : 0);
        cr_expect_null(storesLookup("none"));
        cr_assert_eq(cacheWriterCommit(&writer, NULL), 0);
        cacheStoreFlush(store);
        cr_expect_not(cacheObjectIsArriving(object));
        cr_expect_eq(cacheObjectLength(object), sizeof(block));
        cr_expect_eq(readOn(&early, block, &at), 0);
        cr_expect_eq(readOn(&late, block, &atLate), 0);
        cr_expect_eq(at, sizeof(block));
        cr_expect_eq(atLate, sizeof(block));
        cacheObjectUnref(&object);
        object = storesLookup("u");
        cr_assert_not_null(object);
        cr_expect(storesHasBody(object, block, sizeof(block)));
        cacheObjectUnref(&object);
    }
}

ALL(the_head_of_what_arrives_has_a_length_if_there_is_one)
{
    static const char known[] = "Content-Length: 5\r\n";
    static const uint64_t lengths[] = {5, CACHE_LENGTH_UNKNOWN};

    for (int i = 0; i < 2; i++) {
        CacheWriter *writer = storesBegin("u", lengths[i]);
        CacheObject *object = cacheWriterObject(writer);
        HttpSlice head = cacheObjectHead(object);
        const void *found = memmem(head.data, head.len, known,
                                   sizeof(known) - 1);

        cr_expect_eq(found != NULL, i == 0);
        storesFinish(writer, "hello", 5);
        cacheObjectUnref(&object);
        storesExpect("u", "", "hello");
        object = storesLookup("u");
        head = cacheObjectHead(object);
        found = memmem(head.data, head.len, known, sizeof(known) - 1);
        cr_assert_not_null(found);
        cr_expect_eq((const char *)found + sizeof(known) - 1,
                     head.data + head.len, "once, at the end");
        cacheObjectUnref(&object);
    }
}

ALL(what_is_cut_short_is_read_as_far_as_it_came)
{
    static char block[150000];
    uint64_t at = 0;
    CacheReader reader;

    storesFill(block, sizeof(block), 3);
    CacheWriter *writer = storesBegin("u", sizeof(block) + 50000);
    cr_assert_eq(cacheWriterAppend(writer, block, 100000), 0);
    CacheObject *object = cacheWriterObject(writer);
    cr_assert_eq(cacheWriterAppend(writer, block + 100000, 50000), 0);
    cacheReaderInit(&reader, object);
    cacheWriterAbort(&writer);
    cacheStoreFlush(store);
    cr_expect_not(cacheObjectIsArriving(object));
    cr_expect_eq(readOn(&reader, block, &at), -ECANCELED);
    cr_expect_eq(at, sizeof(block));
    cr_expect_null(storesLookup("u"));
    cacheObjectUnref(&object);
    cacheStoreFlush(store);
    storesExpectEmpty();
}

/* The append that fails adds nothing for readers, so that they know where to
 * go on. */
ALL(what_becomes_too_large_is_read_to_where_it_was_given_up)
{
    static char block[STORES_OBJECT_MAX + 50000];
    uint64_t at = 0;
    CacheReader reader;

    storesFill(block, sizeof(block), 4);
    CacheWriter *writer = storesBegin("u", CACHE_LENGTH_UNKNOWN);
    CacheObject *object = cacheWriterObject(writer);
    cr_assert_eq(cacheWriterAppend(writer, block, STORES_OBJECT_MAX - 1), 0);
    cr_expect_eq(cacheWriterAppend(writer, block + STORES_OBJECT_MAX - 1, 9),
                 -EFBIG);
    cacheWriterAbort(&writer);
    cacheReaderInit(&reader, object);
    cr_expect_eq(readOn(&reader, block, &at), -ECANCELED);
    cr_expect_eq(at, STORES_OBJECT_MAX - 1);
    cacheObjectUnref(&object);
}

ALL(what_is_whole_is_read_to_its_end_although_it_is_not_stored)
{
    uint64_t at = 0;
    CacheReader reader;

    CacheWriter *writer = storesBegin("u", CACHE_LENGTH_UNKNOWN);
    CacheObject *object = cacheWriterObject(writer);
    cr_assert_eq(cacheWriterAppend(writer, "hello", 5), 0);
    storesInvalidate("u");
    cr_expect_eq(cacheWriterCommit(&writer, NULL), -ECANCELED);
    cacheReaderInit(&reader, object);
    cr_expect_eq(readOn(&reader, "hello", &at), 0);
    cr_expect_eq(at, 5);
    cacheObjectUnref(&object);
    writer = storesBegin("v", CACHE_LENGTH_UNKNOWN);
    object = cacheWriterObject(writer);
    cr_assert_eq(cacheWriterAppend(writer, "hello", 5), 0);
    cacheObjectComplete(object);
    cacheWriterAbort(&writer);
    cr_expect(storesHasBody(object, "hello", 5));
    cacheObjectUnref(&object);
    cacheStoreFlush(store);
    storesExpectEmpty();
}

ALL(a_part_of_what_arrives_is_read_from_what_is_there)
{
    static char block[100000];
    uint64_t at = 70001;
    CacheReader reader;

    storesFill(block, sizeof(block), 8);
    CacheWriter *writer = storesBegin("u", sizeof(block));
    CacheObject *object = cacheWriterObject(writer);
    cr_assert_eq(cacheWriterAppend(writer, block, 80000), 0);
    cacheReaderInitRange(&reader, object, 70001, 20000);
    cr_expect_eq(readOn(&reader, block, &at), -EAGAIN);
    cr_expect_eq(at, 80000);
    cr_assert_eq(cacheWriterAppend(writer, block + 80000, 20000), 0);
    cr_expect_eq(readOn(&reader, block, &at), 0);
    cr_expect_eq(at, 90001);
    cr_assert_eq(cacheWriterCommit(&writer, NULL), 0);
    cacheObjectUnref(&object);
}

Test(cacheStoreTier, what_is_read_from_the_disk_may_leave_the_memory)
{
    static char block[STORES_OBJECT_MAX];
    CacheObject *held[3];
    uint64_t at = 0;
    CacheReader reader;
    char url[16];

    storesFill(block, sizeof(block), 2);
    CacheWriter *writer = storesBegin("u", CACHE_LENGTH_UNKNOWN);
    CacheObject *object = cacheWriterObject(writer);
    for (int i = 0; i < 3; i++) { /* no room in memory is left */
        snprintf(url, sizeof(url), "u%d", i);
        storesFinish(storesBegin(url, sizeof(block)), block, sizeof(block));
        held[i] = storesLookup(url);
    }
    cr_assert_eq(cacheWriterAppend(writer, block, sizeof(block)), 0);
    cr_assert_eq(cacheWriterCommit(&writer, NULL), 0);
    cacheReaderInit(&reader, object);
    cr_expect_eq(readOn(&reader, block, &at), 0);
    cr_expect_eq(at, sizeof(block));
    cacheObjectUnref(&object);
    for (int i = 0; i < 3; i++)
        cacheObjectUnref(&held[i]);
}
