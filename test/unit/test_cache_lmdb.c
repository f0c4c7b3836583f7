/* test_cache_lmdb.c: what is special to the store in LMDB: eviction, bodies in
 * use, what dead writers and other processes leave. */
#include "cache_lmdb.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cache_lmdb_priv.h"
#include "comm.h"
#include "stores.h"
#include "support.h"

TestSuite(cacheLmdb, .init = storesInitLmdb, .fini = storesFini,
          .timeout = 120);

#define BLOCK 200000

static char block[BLOCK];

static void
putBlock(unsigned number)
{
    char url[32];

    snprintf(url, sizeof(url), "u%u", number);
    storesFill(block, sizeof(block), number);
    storesFinish(storesBegin(url, sizeof(block)), block, sizeof(block));
}

static bool
isThere(unsigned number)
{
    char url[32];

    snprintf(url, sizeof(url), "u%u", number);
    CacheKey key = storesKey(url);
    return cacheStoreHas(store, &key);
}

static CacheLmdbEnv *
envOf(void)
{
    return &((CacheLmdbStore *)store)->env;
}

/* Number of entries of a table in the file. */
static size_t
entries(CacheLmdbTable table)
{
    MDB_txn *txn;
    MDB_stat stat;

    cr_assert_eq(mdb_txn_begin(envOf()->env, NULL, MDB_RDONLY, &txn), 0);
    cr_assert_eq(mdb_stat(txn, envOf()->tables[table], &stat), 0);
    mdb_txn_abort(txn);
    return stat.ms_entries;
}

Test(cacheLmdb, what_is_used_stays_when_others_must_go)
{
    CacheStoreStats stats;

    for (unsigned i = 0; i < 600; i++) {
        putBlock(i);
        CacheObject *used = storesLookup("u0");
        cr_assert_not_null(used, "u0 is used all the time, after %u", i);
        cacheObjectUnref(&used);
    }
    cr_expect(isThere(599));
    cr_expect_not(isThere(1));
    cr_expect_not(isThere(300));
    cacheStoreStats(store, &stats);
    cr_expect_leq(stats.bytes, stats.bytesMax);
    cr_expect_gt(stats.objects, 150);
    cr_expect_eq(stats.objects + stats.evictions, 600);
    cr_expect_eq(entries(CACHE_LMDB_ORDER), stats.objects);
    cr_expect_eq(entries(CACHE_LMDB_BODIES), stats.objects * 4);
    cr_expect_eq(entries(CACHE_LMDB_HELD), 0);
}

Test(cacheLmdb, a_body_in_use_outlives_its_eviction_and_then_goes)
{
    putBlock(0);
    CacheObject *object = storesLookup("u0");

    for (unsigned i = 1; i < 600; i++)
        putBlock(i);
    storesInvalidate("u0");
    cacheStoreFlush(store);
    cr_expect_eq(entries(CACHE_LMDB_HELD), 1, "it is remembered");
    storesFill(block, sizeof(block), 0);
    cr_expect(storesHasBody(object, block, sizeof(block)));
    size_t before = entries(CACHE_LMDB_BODIES);
    cacheObjectUnref(&object);
    cacheStoreFlush(store);
    cr_expect_eq(entries(CACHE_LMDB_BODIES), before - 4);
    cr_expect_eq(entries(CACHE_LMDB_HELD), 0);
}

Test(cacheLmdb, what_was_aborted_leaves_nothing)
{
    CacheWriter *writer = storesBegin("u", CACHE_LENGTH_UNKNOWN);

    cr_assert_eq(cacheWriterAppend(writer, block, sizeof(block)), 0);
    cacheStoreFlush(store);
    cr_expect_eq(entries(CACHE_LMDB_BODIES), 3);
    cr_expect_eq(entries(CACHE_LMDB_HELD), 1);
    cacheWriterAbort(&writer);
    cacheStoreFlush(store);
    cr_expect_eq(entries(CACHE_LMDB_BODIES), 0);
    cr_expect_eq(entries(CACHE_LMDB_HELD), 0);
}

/* Make everything that is held due. */
static void
letTimePass(void)
{
    MDB_txn *txn;
    MDB_cursor *cursor;
    MDB_val key, val;

    cr_assert_eq(mdb_txn_begin(envOf()->env, NULL, 0, &txn), 0);
    cr_assert_eq(
        mdb_cursor_open(txn, envOf()->tables[CACHE_LMDB_HELD], &cursor), 0);
    while (mdb_cursor_get(cursor, &key, &val, MDB_NEXT) == 0) {
        CacheLmdbHeld held;
        memcpy(&held, val.mv_data, sizeof(held));
        held.until = 1;
        val = cacheLmdbVal(&held, sizeof(held));
        cr_assert_eq(mdb_cursor_put(cursor, &key, &val, MDB_CURRENT), 0);
    }
    mdb_cursor_close(cursor);
    cr_assert_eq(mdb_txn_commit(txn), 0);
}

static void
reclaimAll(void)
{
    CacheLmdbTxn txn = {.hasOrphans = true};

    while (txn.hasOrphans) {
        cr_assert_eq(cacheLmdbTxnBegin(&txn, envOf()), 0);
        cr_assert_eq(cacheLmdbReclaim(&txn), 0);
        cr_assert_eq(cacheLmdbTxnEnd(&txn, 0), 0);
    }
}

/* In a process that ends without a word. */
static void
inChild(void (*run)(void))
{
    int status;

    cacheStoreDestroy(&store);
    pid_t pid = fork();
    cr_assert_neq(pid, -1);
    if (pid == 0) {
        storesOpen();
        run();
        _exit(0);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert_eq(status, 0);
    storesOpen();
}

static void
writeHalf(void)
{
    CacheWriter *writer = storesBegin("half", STORES_OBJECT_MAX);

    cacheWriterAppend(writer, block, sizeof(block));
    cacheStoreFlush(store);
}

Test(cacheLmdb, what_a_dead_writer_left_is_removed_at_once)
{
    inChild(writeHalf);
    cr_expect_null(storesLookup("half"));
    reclaimAll();
    cr_expect_eq(entries(CACHE_LMDB_BODIES), 0);
    cr_expect_eq(entries(CACHE_LMDB_HELD), 0);
}

/* A process that has done something to the store, and then waits for its
 * death; ours has it open, too. */
static pid_t
startSleeper(void (*run)(void))
{
    int pipes[2];
    char octet;

    cr_assert_eq(pipe(pipes), 0);
    cacheStoreDestroy(&store);
    pid_t pid = fork();
    cr_assert_neq(pid, -1);
    if (pid == 0) {
        storesOpen();
        run();
        if (write(pipes[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(pipes[1]);
    cr_assert_eq(read(pipes[0], &octet, 1), 1);
    close(pipes[0]);
    storesOpen();
    return pid;
}

static void
killSleeper(pid_t pid)
{
    cr_assert_eq(kill(pid, SIGKILL), 0);
    cr_assert_eq(waitpid(pid, NULL, 0), pid);
}

Test(cacheLmdb, what_a_living_writer_holds_stays_until_its_time_is_over)
{
    pid_t pid = startSleeper(writeHalf);

    reclaimAll();
    cr_expect_eq(entries(CACHE_LMDB_BODIES), 3);
    cr_expect_eq(entries(CACHE_LMDB_HELD), 1);
    letTimePass();
    reclaimAll();
    cr_expect_eq(entries(CACHE_LMDB_BODIES), 0);
    cr_expect_eq(entries(CACHE_LMDB_HELD), 0);
    killSleeper(pid);
}

/* Most of the database, without a record. */
static void
writeManyHalves(void)
{
    for (unsigned i = 0; i < 200; i++)
        writeHalf();
}

Test(cacheLmdb, what_dead_writers_left_goes_before_anything_good)
{
    CacheStoreStats stats;
    pid_t pid = startSleeper(writeManyHalves);

    for (unsigned i = 0; i < 40; i++)
        putBlock(i);
    size_t before = entries(CACHE_LMDB_BODIES);
    cr_expect_eq(before, 40 * 4 + 200 * 3);
    killSleeper(pid);
    for (unsigned i = 40; i < 200; i++)
        putBlock(i);
    cacheStoreStats(store, &stats);
    cr_expect_eq(stats.evictions, 0);
    cr_expect_eq(stats.objects, 200);
    reclaimAll();
    cr_expect_eq(entries(CACHE_LMDB_BODIES), 200 * 4);
    cr_expect_eq(entries(CACHE_LMDB_HELD), 0);
}

Test(cacheLmdb, more_than_fits_is_not_begun)
{
    CacheLmdbStore *lmdb = (CacheLmdbStore *)store;

    lmdb->writingMax = 2 * sizeof(block);
    CacheWriter *known = storesBegin("known", sizeof(block));
    CacheWriter *unknown = storesBegin("unknown", CACHE_LENGTH_UNKNOWN);
    cr_expect_eq(cacheWriterAppend(unknown, block, sizeof(block)), 0);
    cr_expect_eq(cacheWriterAppend(unknown, block, 1), -ENOSPC);
    StoresWritten refused =
        storesStart(&(StoresWrite){.url = "more", .length = 1});
    cr_expect_null(refused.writer);
    cr_expect_eq(refused.error, ENOSPC);
    cacheWriterAbort(&unknown);
    CacheWriter *more = storesBegin("more", sizeof(block));
    cacheWriterAbort(&more);
    storesFinish(known, block, sizeof(block));
    cr_expect_eq(lmdb->writingBytes, 0);
}

Test(cacheLmdb, a_writer_that_slept_too_long_stores_nothing)
{
    CacheWriter *writer = storesBegin("u", CACHE_LENGTH_UNKNOWN);

    cr_assert_eq(cacheWriterAppend(writer, block, sizeof(block)), 0);
    cacheStoreFlush(store);
    /* As another process would, to which nothing says that it is used. */
    CacheLmdbTxn txn = {0};
    cr_assert_eq(cacheLmdbTxnBegin(&txn, envOf()), 0);
    cr_assert_eq(cacheLmdbDeleteBody(&txn, envOf()->epoch << 40 | 1), 0);
    cr_assert_eq(cacheLmdbTxnEnd(&txn, 0), 0);
    cr_expect_eq(entries(CACHE_LMDB_BODIES), 0);
    cr_expect_eq(cacheWriterAppend(writer, block, 50000), 0);
    cr_expect_eq(cacheWriterCommit(&writer, NULL), 0, "not known yet");
    cacheStoreFlush(store);
    cr_expect_null(storesLookup("u"));
    cr_expect_eq(entries(CACHE_LMDB_OBJECTS), 0);
    cr_expect_eq(entries(CACHE_LMDB_BODIES), 0);
}

static void
writeAll(void)
{
    storesPut("small", "hello");
    putBlock(7);
    cr_assert_eq(storesInvalidate("small"), 1);
    storesPut("small", "again");
}

Test(cacheLmdb, what_was_written_outlives_the_process)
{
    inChild(writeAll);
    storesExpect("small", "", "again");
    CacheObject *object = storesLookup("u7");
    cr_assert_not_null(object);
    storesFill(block, sizeof(block), 7);
    cr_expect(storesHasBody(object, block, sizeof(block)));
    cacheObjectUnref(&object);
}

/* Run it in another process that opens the store only now, as it must; ours
 * stays open. */
static pid_t
startOther(void (*run)(void), int *startFdOut)
{
    int pipes[2];
    char octet;

    cr_assert_eq(pipe(pipes), 0);
    cacheStoreDestroy(&store);
    pid_t pid = fork();
    cr_assert_neq(pid, -1);
    if (pid == 0) {
        close(pipes[1]);
        if (read(pipes[0], &octet, 1) != 1)
            _exit(1);
        storesOpen();
        run();
        cacheStoreFlush(store);
        _exit(0);
    }
    close(pipes[0]);
    storesOpen();
    *startFdOut = pipes[1];
    return pid;
}

static void
waitForOther(pid_t pid, int startFd)
{
    int status;

    cr_assert_eq(write(startFd, "x", 1), 1);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert_eq(status, 0);
    close(startFd);
    cacheStoreFlush(store); /* what was read is of before */
}

static void
removeBlock(void)
{
    storesInvalidate("u1");
}

/* As the thread does after some time. */
static void
renewAll(void)
{
    CacheLmdbTxn txn = {0};
    uint64_t *ids;

    free((cacheLmdbBodyLong(&envOf()->bodies, &ids), ids));
    size_t count = cacheLmdbBodyLong(&envOf()->bodies, &ids);
    cr_assert_eq(count, 1);
    cr_assert_eq(cacheLmdbTxnBegin(&txn, envOf()), 0);
    cr_assert_eq(cacheLmdbRenew(&txn, ids, count), 0);
    cr_assert_eq(cacheLmdbTxnEnd(&txn, 0), 0);
    free(ids);
}

Test(cacheLmdb, a_body_that_is_read_for_long_is_left_alone_by_others)
{
    int startFd;
    pid_t pid = startOther(removeBlock, &startFd);

    putBlock(1);
    CacheObject *object = storesLookup("u1");
    renewAll();
    waitForOther(pid, startFd);
    cr_expect_null(storesLookup("u1"));
    cr_expect(storesHasBody(object, block, sizeof(block)));
    cr_expect_eq(entries(CACHE_LMDB_BODIES), 4);
    cacheObjectUnref(&object);
    letTimePass();
    reclaimAll();
    cr_expect_eq(entries(CACHE_LMDB_BODIES), 0);
    cr_expect_eq(entries(CACHE_LMDB_HELD), 0);
}

/* Whoever has just begun to read it must not take the next chunk of anything
 * else for it. */
Test(cacheLmdb, a_body_that_others_remove_cannot_be_read_on)
{
    CacheReader reader;
    struct iovec iov[1];
    int startFd;
    pid_t pid = startOther(removeBlock, &startFd);

    putBlock(1);
    CacheObject *object = storesLookup("u1");
    cacheReaderInit(&reader, object);
    cr_expect_eq(cacheReaderPeek(&reader, iov, 1), 1);
    cacheReaderAdvance(&reader, iov[0].iov_len);
    waitForOther(pid, startFd);
    putBlock(2);
    cr_expect_eq(cacheReaderPeek(&reader, iov, 1), -EIO);
    cacheObjectUnref(&object);
}

static void
countChange(const uint8_t digest[16], void *data)
{
    CacheKey key = storesKey("small");

    cr_expect_eq(memcmp(digest, key.digest, 16), 0);
    ++*(unsigned *)data;
}

Test(cacheLmdb, others_learn_what_was_invalidated_once)
{
    unsigned count = 0;
    int startFd;
    pid_t pid = startOther(writeAll, &startFd);

    cr_expect(cacheLmdbForEachChange(store, countChange, &count));
    waitForOther(pid, startFd);
    cr_expect(cacheLmdbForEachChange(store, countChange, &count));
    cr_expect_eq(count, 1);
    storesInvalidate("small");
    cacheStoreFlush(store);
    cr_expect(cacheLmdbForEachChange(store, countChange, &count));
    cr_expect_eq(count, 1, "what it did itself it knows");
}

Test(cacheLmdb, what_cannot_fit_pushes_nothing_out)
{
    static char piece[65536];
    const CacheLmdbConfig config = {.path = supportTempPath("small"),
                                    .bytesMax = CACHE_LMDB_BYTES_MIN,
                                    .objectMax = UINT64_MAX / 2};
    CacheStore *usual = store;
    CacheStoreStats stats;
    int rc = 0;

    store = cacheLmdbCreate(&config);
    cr_assert_not_null(store);
    storesPut("u", "hello");
    StoresWritten refused = storesStart(
        &(StoresWrite){.url = "large", .length = CACHE_LMDB_BYTES_MIN});
    cr_expect_null(refused.writer);
    cr_expect_eq(refused.error, EFBIG);
    CacheWriter *writer = storesBegin("large", CACHE_LENGTH_UNKNOWN);
    while ((rc = cacheWriterAppend(writer, piece, sizeof(piece))) == 0)
        cacheStoreFlush(store);
    cr_expect_eq(rc, -EFBIG);
    cacheWriterAbort(&writer);
    cacheStoreFlush(store);
    storesExpect("u", "", "hello");
    cacheStoreStats(store, &stats);
    cr_expect_eq(stats.evictions, 0);
    cacheStoreDestroy(&store);
    store = usual;
}

/* Without room for it nothing is written, however much is evicted. */
Test(cacheLmdb, what_could_not_be_written_is_read_to_its_end)
{
    CacheWriter *writer = storesBegin("u", sizeof(block));
    CacheObject *object = NULL;

    storesFill(block, sizeof(block), 5);
    cr_assert_eq(cacheWriterAppend(writer, block, sizeof(block)), 0);
    cr_assert_eq(cacheWriterCommit(&writer, &object), 0);
    envOf()->usedMax = 1; /* there is never room */
    cacheStoreFlush(store);
    cr_expect_eq(entries(CACHE_LMDB_OBJECTS), 0);
    cr_expect_null(storesLookup("u"));
    cr_expect(storesHasBody(object, block, sizeof(block)));
    cacheObjectUnref(&object);
}

Test(cacheLmdb, what_arrives_and_cannot_be_written_is_read_as_far_as_it_came)
{
    CacheWriter *writer = storesBegin("u", CACHE_LENGTH_UNKNOWN);
    CacheObject *object = cacheWriterObject(writer);
    uint64_t length = 0;
    CacheReader reader;
    struct iovec iov[1];
    int rc = 0, count;

    ((CacheLmdbStore *)store)->objectMax = UINT64_MAX / 2;
    storesFill(block, sizeof(block), 5);
    envOf()->usedMax = 1; /* there is never room */
    for (; length < (64u << 20) && rc == 0; length += sizeof(block)) {
        rc = cacheWriterAppend(writer, block, sizeof(block));
        cacheStoreFlush(store);
    }
    length -= sizeof(block);
    cr_expect_eq(rc, -ENOSPC);
    cacheWriterAbort(&writer);
    cr_expect_eq(cacheObjectAvailable(object), length);
    cacheReaderInit(&reader, object);
    for (uint64_t at = 0; (count = cacheReaderPeek(&reader, iov, 1)) > 0;) {
        size_t from = at % sizeof(block);
        size_t part = iov[0].iov_len < sizeof(block) - from
                          ? iov[0].iov_len
                          : sizeof(block) - from;
        cr_assert_eq(memcmp(iov[0].iov_base, block + from, part), 0);
        cacheReaderAdvance(&reader, part);
        at += part;
        length -= part;
    }
    cr_expect_eq(count, -ECANCELED);
    cr_expect_eq(length, 0);
    cacheObjectUnref(&object);
}

Test(cacheLmdb, what_is_invalid_and_cannot_be_written_is_bounded)
{
    CacheLmdbTxn txn = {0};
    char url[32];

    storesPut("u", "hello");
    /* The thread waits for us. */
    cr_assert_eq(cacheLmdbTxnBegin(&txn, envOf()), 0);
    for (int i = 0; i < 200000; i++) {
        snprintf(url, sizeof(url), "u%d", i);
        storesInvalidate(url);
    }
    storesExpect("u", "", "hello");
    cr_expect_eq(storesInvalidate("one more"), 0);
    cr_expect_null(storesLookup("u"), "nothing is found any more");
    cr_assert_eq(cacheLmdbTxnEnd(&txn, 0), 0);
}

static void
setFormat(uint32_t format)
{
    CacheLmdbTxn txn = {0};

    cr_assert_eq(cacheLmdbTxnBegin(&txn, envOf()), 0);
    txn.state.format = format;
    cr_assert_eq(cacheLmdbTxnEnd(&txn, 0), 0);
}

/* Both ways: who opens it begins anew, who has it open stops. */
Test(cacheLmdb, another_version_and_this_one_do_not_mix)
{
    CacheLmdbTxn txn = {0};

    storesPut("u", "hello");
    setFormat(1);
    cr_expect_eq(cacheLmdbTxnBegin(&txn, envOf()), MDB_VERSION_MISMATCH);
    cr_expect(cacheLmdbForEachChange(store, countChange, NULL));
    cr_expect_null(storesLookup("u"));
    cacheStoreDestroy(&store);
    storesOpen();
    cr_expect_null(storesLookup("u"));
    cr_expect_eq(entries(CACHE_LMDB_OBJECTS), 0);
    storesPut("u", "again");
    storesExpect("u", "", "again");
}

/* A value of a byte more or less is no record; nor is one for another key. */
Test(cacheLmdb, records_are_believed_only_whole)
{
    CacheKey key = storesKey("http://h/a");
    HttpFreshness freshness = {.lifetime = 60};
    const CacheLmdbRecord record = {.length = 5};
    const CacheStored stored = {
        .status = 200,
        .freshness = &freshness,
        .validators = {.etag = httpSliceText("\"e\"")},
        .varyNames = httpSliceText("accept"),
        .varyValues = httpSliceText("\1text,"),
        .head = httpSliceText("HTTP/1.1 200 OK\r\n"),
    };
    CacheLmdbObjectKey name, other;
    CacheLmdbStored out;
    size_t len;
    char *data = cacheLmdbEncode(&record, &stored, key.text,
                                 httpSliceText("hello"), &len);
    MDB_val nameVal = cacheLmdbObjectKey(&name, key.digest, 9);
    MDB_val otherVal = cacheLmdbObjectKey(&other, key.digest, 10);

    cacheLmdbSeal(data, len, &name);
    MDB_val val = cacheLmdbVal(data, len);
    cr_assert(cacheLmdbDecode(&nameVal, &val, &out));
    cr_expect(httpSliceEqual(out.url, key.text));
    cr_expect(httpSliceEqual(out.small, httpSliceText("hello")));
    cr_expect(httpSliceEqual(out.stored.head, stored.head));
    cr_expect_eq(out.stored.freshness->lifetime, 60);
    cr_expect_not(cacheLmdbDecode(&otherVal, &val, &out));
    for (size_t i = 0; i < len; i++) {
        MDB_val part = cacheLmdbVal(data, i);
        cr_expect_not(cacheLmdbDecode(&nameVal, &part, &out), "%zu", i);
        data[i] ^= 1;
        cr_expect_not(cacheLmdbDecode(&nameVal, &val, &out), "%zu", i);
        data[i] ^= 1;
    }
    free(data);
}

static void
onRoom(void *data)
{
    *(bool *)data = true;
}

Test(cacheLmdb, a_full_queue_makes_who_writes_wait)
{
    static char piece[65536];
    CacheWriter *writer;
    bool hasRoom = true, isTold = false;
    uint64_t length = 0;
    CacheLmdbTxn txn = {0};

    ((CacheLmdbStore *)store)->objectMax = UINT64_MAX / 2;
    writer = storesBegin("u", CACHE_LENGTH_UNKNOWN);
    /* As a disk that takes nothing: another process writes. */
    cr_assert_eq(cacheLmdbTxnBegin(&txn, envOf()), 0);
    while (length < (64u << 20)) {
        hasRoom = cacheWriterHasRoom(writer, onRoom, &isTold);
        if (!hasRoom)
            break;
        cr_assert_eq(cacheWriterAppend(writer, piece, sizeof(piece)), 0);
        length += sizeof(piece);
    }
    cr_expect_not(hasRoom);
    cr_expect_leq(length, 8u << 20);
    cr_assert_eq(cacheLmdbTxnEnd(&txn, 0), 0);
    cr_expect(supportRunUntil(&isTold, 20000));
    cr_expect(cacheWriterHasRoom(writer, onRoom, &isTold));
    cr_expect_eq(cacheWriterAppend(writer, piece, sizeof(piece)), 0);
    cacheWriterAbort(&writer);
}
