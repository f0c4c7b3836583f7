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

STORES_SUITES(cacheStore);
TestSuite(cacheKey, .timeout = 20);

#define ALL(name) STORES_ALL(cacheStore, name)

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

static int
change(CacheWriter *writer, const char *url, const char *lines, uint64_t length)
{
    return storesStart(&(StoresWrite){.url = url,
                                      .lines = lines,
                                      .status = 206,
                                      .length = length,
                                      .change = writer})
        .error;
}

ALL(what_was_written_may_become_another_response)
{
    static char block[150000];
    static const size_t sizes[] = {1, 4000, 100000, sizeof(block)};

    memset(block, 'b', sizeof(block));
    for (size_t i = 0; i < 4; i++) {
        CacheWriter *writer = storesBegin("u", 200000);
        cr_assert_eq(cacheWriterAppend(writer, block, sizes[i]), 0);
        cr_assert_eq(change(writer, "v", "ETag: \"1\"\r\n", sizes[i]), 0);
        cr_assert_eq(cacheWriterCommit(&writer, NULL), 0);
        cacheStoreFlush(store);
        cr_expect_null(storesLookup("u"));
        CacheObject *object = storesLookup("v");
        cr_assert_not_null(object);
        cr_expect_eq(cacheObjectStatus(object), 206);
        cr_expect(storesHasBody(object, block, sizes[i]));
        cacheObjectUnref(&object);
    }
    cr_expect_eq(storesStats().objects, 1);
    cr_expect_eq(storesStats().writing, 0);
}

static CacheWriter *
beginFour(void)
{
    CacheWriter *writer = storesBegin("u", 10);

    cr_assert_eq(cacheWriterAppend(writer, "abcd", 4), 0);
    return writer;
}

ALL(what_cannot_become_another_response_is_not_stored)
{
    CacheWriter *writer = beginFour();

    cr_expect_eq(change(writer, "v", "Vary: *\r\n", 4), EINVAL);
    cacheWriterAbort(&writer);
    writer = beginFour();
    cr_assert_eq(change(writer, "v", "", 5), 0);
    cr_expect_eq(cacheWriterCommit(&writer, NULL), -EPROTO);
    writer = beginFour();
    storesInvalidate("u");
    cr_expect_eq(change(writer, "v", "", 4), ECANCELED);
    cacheWriterAbort(&writer);
    writer = beginFour();
    cr_assert_eq(change(writer, "v", "", 4), 0);
    storesInvalidate("v");
    cr_expect_eq(cacheWriterCommit(&writer, NULL), -ECANCELED);
    cr_expect_null(storesLookup("v"));
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
        size_t part =
            iov[0].iov_len > 777 ? iov[0].iov_len - 777 : iov[0].iov_len;
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
        const void *found =
            memmem(head.data, head.len, known, sizeof(known) - 1);

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

ALL(what_was_read_before_it_became_another_is_cut)
{
    static char block[150000];
    static const size_t sizes[] = {1000, 100000, sizeof(block)};
    CacheReader reader;

    storesFill(block, sizeof(block), 5);
    for (size_t i = 0; i < 3; i++) {
        uint64_t at = 0;
        CacheWriter *writer = storesBegin("u", 200000);
        CacheObject *object = cacheWriterObject(writer);
        cr_assert_eq(cacheWriterAppend(writer, block, sizes[i]), 0);
        cacheReaderInit(&reader, object);
        cr_assert_eq(change(writer, "v", "", sizes[i]), 0);
        cr_expect_not(cacheObjectIsArriving(object));
        cr_assert_eq(cacheWriterCommit(&writer, NULL), 0);
        cacheStoreFlush(store);
        cr_expect_eq(readOn(&reader, block, &at), -ECANCELED);
        cr_expect_eq(at, sizes[i]);
        cacheObjectUnref(&object);
        object = storesLookup("v");
        cr_assert_not_null(object);
        cr_expect(storesHasBody(object, block, sizes[i]));
        cacheObjectUnref(&object);
    }
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
