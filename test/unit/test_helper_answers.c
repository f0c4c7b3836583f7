/* test_helper_answers.c: kept answers of a pool, and what it says when no
 * process can answer. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "comm.h"
#include "pool.h"
#include "support.h"

static void
init(void)
{
    poolInit();
    poolConfig.max = 1;
    poolConfig.cacheMax = 100;
}

TestSuite(helperAnswers, .init = init, .fini = poolFini, .timeout = 120);

/* Submit a line and wait for its answer. */
static const PoolAnswer *
ask(const char *line)
{
    int tag = poolAnswerCount;

    cr_assert_eq(poolSubmit(line, tag), 0);
    cr_assert_eq(poolAnswerCount, tag, "called back before the call returned");
    cr_assert(poolRunUntil(tag + 1));
    return poolAnswer(tag);
}

static void
expect(const char *line, HelperSource source, const char *message)
{
    const PoolAnswer *answer = ask(line);

    cr_assert_eq(answer->source, source, "%s: source %d", line, answer->source);
    cr_assert_str_eq(answer->message, message);
}

Test(helperAnswers, without_cache_all_is_asked)
{
    poolConfig.cacheMax = 0;
    poolCreate("numbered");
    expect("a", HELPER_SOURCE_PROCESS, "1 a");
    expect("a", HELPER_SOURCE_PROCESS, "2 a");
    HelperReply reply;
    cr_assert_not(helperLookup(pool, "a", 1, &reply));
}

Test(helperAnswers, several_lines_are_kept_as_well)
{
    HelperReply reply;

    poolConfig.endMark = '\x01';
    poolCreate("frames=2");
    expect("a\nb", HELPER_SOURCE_PROCESS, "a\nb");
    expect("a\nc", HELPER_SOURCE_PROCESS, "a\nc");
    expect("a\nb", HELPER_SOURCE_CACHE, "a\nb");
    cr_assert(helperLookup(pool, "a\nc", 3, &reply));
    cr_assert_str_eq(reply.text, "a\nc");
}

Test(helperAnswers, the_same_line_is_asked_once)
{
    poolCreate("numbered");
    expect("a", HELPER_SOURCE_PROCESS, "1 a");
    expect("a", HELPER_SOURCE_CACHE, "1 a");
    expect("b", HELPER_SOURCE_PROCESS, "2 b");
    expect("a", HELPER_SOURCE_CACHE, "1 a");
    cr_assert_eq(poolStats().cacheHits, 2);
    cr_assert_eq(poolStats().cacheMisses, 2);
    cr_assert_eq(poolStats().cacheEntries, 2);
    cr_assert_eq(poolStats().requests, 4);
    cr_assert_eq(poolStats().replies, 2);
    cr_assert_eq(poolStats().byResult[HELPER_OK], 4);
}

Test(helperAnswers, lookup_answers_at_once)
{
    HelperReply reply;

    poolCreate("numbered");
    cr_assert_not(helperLookup(pool, "a", 1, &reply));
    (void)ask("a");
    cr_assert(helperLookup(pool, "a", 1, &reply));
    cr_assert_eq(reply.result, HELPER_OK);
    cr_assert_eq(reply.source, HELPER_SOURCE_CACHE);
    cr_assert_str_eq(helperReplyGet(&reply, "message"), "1 a");
    cr_assert_not(helperLookup(pool, "b", 1, &reply));
    cr_assert_not(helperLookup(NULL, "a", 1, &reply));
    cr_assert_eq(poolStats().cacheHits, 1);
    helperPoolStop(pool, 0);
    cr_assert_not(helperLookup(pool, "a", 1, &reply));
}

static void
onLookUp(const HelperReply *reply, void *data)
{
    HelperReply other;

    cr_assert(helperLookup(pool, "a", 1, &other));
    cr_assert_str_eq(helperReplyGet(&other, "message"), "1 a");
    poolRecord(reply, data);
}

Test(helperAnswers, lookup_in_a_callback_leaves_its_answer_alone)
{
    poolCreate("numbered");
    (void)ask("a");
    cr_assert_eq(helperSubmit(pool, "bbbbbbbb", onLookUp, (void *)1), 0);
    cr_assert(poolRunUntil(2));
    cr_assert_str_eq(poolAnswer(1)->message, "2 bbbbbbbb");
}

Test(helperAnswers, an_old_answer_is_asked_again)
{
    poolConfig.ttlMs = 60;
    poolCreate("numbered");
    expect("a", HELPER_SOURCE_PROCESS, "1 a");
    (void)supportRunLoop(80);
    HelperReply reply;
    cr_assert_not(helperLookup(pool, "a", 1, &reply));
    expect("a", HELPER_SOURCE_PROCESS, "2 a");
}

Test(helperAnswers, err_has_its_own_ttl)
{
    poolConfig.negativeTtlMs = 0;
    poolCreate("err");
    expect("a", HELPER_SOURCE_PROCESS, "a");
    expect("a", HELPER_SOURCE_PROCESS, "a");
    cr_assert_eq(poolStats().cacheEntries, 0);
}

Test(helperAnswers, bh_and_legacy_answers_are_not_kept)
{
    poolCreate("bh");
    (void)ask("a");
    cr_assert_eq(poolStats().cacheEntries, 0);
    helperPoolDestroy(&pool);
    poolCreate("bare");
    (void)ask("http://a/");
    cr_assert_eq(poolStats().cacheEntries, 0);
}

/* Grace covers the whole ttl here, so that nothing has to be waited for. */
Test(helperAnswers, an_ageing_answer_is_given_and_asked_again_once)
{
    poolConfig.gracePct = 100;
    poolConfig.ttlMs = 600000;
    poolCreate("numbered");
    expect("a", HELPER_SOURCE_PROCESS, "1 a");
    (void)supportRunLoop(2);
    HelperReply reply;
    cr_assert_not(helperLookup(pool, "a", 1, &reply), "it is to be submitted");
    expect("a", HELPER_SOURCE_CACHE, "1 a");
    for (int ms = 0; ms < POOL_WAIT_MS && poolStats().replies < 2; ms++)
        (void)supportRunLoop(1);
    cr_assert_eq(poolStats().cacheRefreshes, 1);
    expect("a", HELPER_SOURCE_CACHE, "2 a");
}

static HelperRequest *
submitFor(const char *line, int tag)
{
    HelperRequest *request;

    cr_assert_eq(helperSubmitLen(pool, line, strlen(line), poolRecord,
                                 (void *)(intptr_t)tag, &request),
                 0);
    return request;
}

/* Each request is a result, was cancelled or is in progress. */
static void
expectSums(uint64_t requests, uint64_t cancelled)
{
    HelperPoolStats stats = poolStats();
    uint64_t sum = stats.cancelled + stats.failedOpen;

    for (int i = 0; i < HELPER_RESULT_COUNT; i++)
        sum += stats.byResult[i];
    cr_expect_eq(stats.requests, requests);
    cr_expect_eq(stats.cancelled, cancelled);
    cr_expect_eq(sum, requests, "sum %d", (int)sum);
}

Test(helperAnswers, a_refresh_is_no_request)
{
    for (int collapse = 0; collapse < 2; collapse++) {
        poolConfig.gracePct = 100;
        poolConfig.ttlMs = 600000;
        poolConfig.collapse = collapse;
        poolCreate("numbered");
        expect("a", HELPER_SOURCE_PROCESS, "1 a");
        (void)supportRunLoop(2);
        expect("a", HELPER_SOURCE_CACHE, "1 a");
        for (int ms = 0; ms < POOL_WAIT_MS && poolStats().replies < 2; ms++)
            (void)supportRunLoop(1);
        (void)supportRunLoop(2);
        cr_expect_eq(poolStats().cacheRefreshes, 1);
        expectSums(2, 0);
        helperPoolDestroy(&pool);
        poolAnswerCount = 0;
    }
}

Test(helperAnswers, a_refresh_that_is_late_is_no_request)
{
    for (int fail = 0; fail <= HELPER_FAIL_STALE; fail++) {
        poolConfig.gracePct = 100;
        poolConfig.ttlMs = 600000;
        poolConfig.timeoutMs = 100;
        poolConfig.fail = (HelperFail)fail;
        poolCreate("silent-after=1");
        (void)ask("a");
        (void)supportRunLoop(2);
        expect("a", HELPER_SOURCE_CACHE, "a");
        (void)supportRunLoop(300);
        cr_expect_eq(poolStats().timeouts, 0);
        cr_expect_eq(poolStats().staleAnswers, 0);
        expectSums(2, 0);
        helperPoolDestroy(&pool);
        poolAnswerCount = 0;
    }
}

/* The first process is silent the second time; another one answers after the
 * pause. */
Test(helperAnswers, a_refresh_that_failed_is_tried_again)
{
    poolConfig.gracePct = 100;
    poolConfig.ttlMs = 600000;
    poolConfig.timeoutMs = 200;
    poolCreate("numbered silent-after=1");
    expect("a", HELPER_SOURCE_PROCESS, "1 a");
    (void)supportRunLoop(2);
    expect("a", HELPER_SOURCE_CACHE, "1 a");
    for (int ms = 0; ms < POOL_WAIT_MS && poolStats().replies < 2; ms += 50) {
        (void)supportRunLoop(50);
        expect("a", HELPER_SOURCE_CACHE, "1 a");
    }
    cr_expect_geq(poolStats().cacheRefreshes, 2);
    cr_expect_eq(poolStats().cacheRefreshFailures,
                 poolStats().cacheRefreshes - 1);
    cr_expect_leq(poolStats().cacheRefreshes, 4, "there is a pause");
}

Test(helperAnswers, who_leaves_is_counted)
{
    for (int collapse = 0; collapse < 2; collapse++) {
        poolConfig.collapse = collapse;
        poolCreate("slow=50");
        helperCancel(submitFor("x", 7));
        helperCancel(submitFor("x", 7));
        (void)ask("x");
        expectSums(3, 2);
        helperPoolDestroy(&pool);
        poolAnswerCount = 0;
    }
}

Test(helperAnswers, a_refresh_in_flight_is_not_repeated)
{
    poolConfig.gracePct = 100;
    poolConfig.ttlMs = 600000;
    poolCreate("numbered slow=50");
    (void)ask("a");
    (void)supportRunLoop(2);
    for (int i = 0; i < 5; i++)
        expect("a", HELPER_SOURCE_CACHE, "1 a");
    HelperReply reply;
    cr_assert(helperLookup(pool, "a", 1, &reply));
    cr_assert_eq(poolStats().cacheRefreshes, 1);
}

Test(helperAnswers, a_helper_that_takes_its_word_back_is_believed)
{
    poolConfig.attempts = 1;
    poolConfig.gracePct = 100;
    poolConfig.ttlMs = 600000;
    poolCreate("bh-after=1");
    (void)ask("a");
    (void)supportRunLoop(2);
    expect("a", HELPER_SOURCE_CACHE, "a");
    for (int ms = 0; ms < POOL_WAIT_MS && poolStats().replies < 2; ms++)
        (void)supportRunLoop(1);
    cr_assert_eq(poolStats().cacheEntries, 0);
}

Test(helperAnswers, a_hit_may_be_cancelled)
{
    poolCreate("");
    (void)ask("a");
    helperCancel(submitFor("a", 5));
    (void)supportRunLoop(5);
    cr_assert_eq(poolAnswerCount, 1);
}

Test(helperAnswers, a_hit_that_is_due_outlives_its_answer)
{
    poolConfig.cacheMax = 1;
    poolConfig.ttlMs = 600000;
    poolCreate("");
    (void)ask("a");
    (void)submitFor("a", 5);
    helperPoolDestroy(&pool);
    cr_assert_eq(poolAnswer(5)->result, HELPER_SHUTDOWN);
}

Test(helperAnswers, closed_says_what_happened)
{
    poolConfig.timeoutMs = 60;
    poolCreate("silent");
    const PoolAnswer *answer = ask("a");
    cr_assert_eq(answer->result, HELPER_TIMEOUT);
    cr_assert_eq(answer->source, HELPER_SOURCE_POOL);
}

Test(helperAnswers, open_says_ok)
{
    poolConfig.fail = HELPER_FAIL_OPEN;
    poolConfig.timeoutMs = 60;
    poolCreate("silent");
    const PoolAnswer *answer = ask("a");
    cr_assert_eq(answer->result, HELPER_OK);
    cr_assert_eq(answer->source, HELPER_SOURCE_POOL);
    cr_assert_str_eq(answer->text, "");
    cr_assert_eq(poolStats().timeouts, 1);
    cr_assert_eq(poolStats().cacheEntries, 0, "it is not an answer");
    cr_assert_eq(poolStats().failedOpen, 1);
    cr_assert_eq(poolStats().byResult[HELPER_OK], 0, "nor one of the helper");
}

Test(helperAnswers, open_holds_for_queue_overload_start_and_bh)
{
    poolConfig.fail = HELPER_FAIL_OPEN;
    poolConfig.queueMax = 1;
    poolConfig.timeoutMs = 200;
    poolCreate("silent");
    for (int i = 0; i < 4; i++)
        cr_assert_eq(poolSubmit("x", i), 0);
    cr_assert(poolRunUntil(4));
    cr_assert_eq(poolStats().failedOpen, 4);
    expectSums(4, 0);
    helperPoolDestroy(&pool);
    poolConfig.timeoutMs = 20000;
    poolCreate("bh");
    cr_assert_eq(poolSubmit("x", 4), 0);
    cr_assert(poolRunUntil(5));
    helperPoolDestroy(&pool);
    poolCreateProgram("/nowhere/helper");
    cr_assert_eq(poolSubmit("x", 5), 0);
    cr_assert(poolRunUntil(6));
    for (int i = 0; i < 6; i++)
        cr_assert_eq(poolAnswer(i)->result, HELPER_OK, "%d", i);
}

Test(helperAnswers, the_end_of_the_pool_is_no_failure)
{
    poolConfig.fail = HELPER_FAIL_OPEN;
    poolCreate("silent");
    cr_assert_eq(poolSubmit("x", 0), 0);
    helperPoolDestroy(&pool);
    cr_assert_eq(poolAnswer(0)->result, HELPER_SHUTDOWN);
}

static void
expectStale(const char *line)
{
    const PoolAnswer *answer = ask(line);

    cr_assert_eq(answer->source, HELPER_SOURCE_STALE);
    cr_assert_eq(answer->result, HELPER_OK);
    cr_assert_str_eq(answer->message, line);
    answer = ask("never asked before");
    cr_assert_eq(answer->source, HELPER_SOURCE_PROCESS);
    cr_assert_eq(answer->result, HELPER_BH);
}

static void
createStale(const char *how)
{
    poolConfig.fail = HELPER_FAIL_STALE;
    poolConfig.ttlMs = 1;
    poolConfig.attempts = 1;
    poolCreate(how);
    (void)ask("a");
    (void)supportRunLoop(10);
}

Test(helperAnswers, stale_is_better_than_bh)
{
    createStale("bh-after=1");
    expectStale("a");
    expectStale("a");
    cr_assert_eq(poolStats().staleAnswers, 2);
}

Test(helperAnswers, stale_is_better_than_a_dead_helper)
{
    createStale("crash-after=1");
    const PoolAnswer *answer = ask("a");
    cr_assert_eq(answer->source, HELPER_SOURCE_STALE);
    cr_assert_str_eq(answer->message, "a");
}

static void
stopProcess(void)
{
    HelperProcessStats row;

    cr_assert_eq(helperPoolProcesses(pool, &row, 1), 1);
    cr_assert_eq(kill(row.pid, SIGSTOP), 0);
}

Test(helperAnswers, stale_is_better_than_a_timeout)
{
    poolConfig.timeoutMs = 200;
    createStale("");
    stopProcess();
    const PoolAnswer *answer = ask("a");
    cr_assert_eq(answer->source, HELPER_SOURCE_STALE);
    cr_assert_str_eq(answer->message, "a");
}

Test(helperAnswers, stale_is_better_than_overload)
{
    poolConfig.queueMax = 1;
    createStale("slow=30");
    for (int i = 1; i < 6; i++)
        cr_assert_eq(poolSubmit("a", i), 0);
    cr_assert(poolRunUntil(6));
    int stale = 0;
    for (int i = 1; i < 6; i++) {
        cr_assert_eq(poolAnswer(i)->result, HELPER_OK);
        stale += poolAnswer(i)->source == HELPER_SOURCE_STALE;
    }
    cr_assert_eq(stale, 3);
    cr_assert_eq(poolStats().overloads, 3);
}

Test(helperAnswers, an_answer_too_late_for_its_caller_serves_the_next_one)
{
    poolConfig.concurrency = 4;
    poolConfig.timeoutMs = 100;
    poolCreate("ids slow=200");
    cr_assert_eq(ask("a")->result, HELPER_TIMEOUT);
    for (int ms = 0; ms < POOL_WAIT_MS && poolStats().cacheEntries == 0; ms++)
        (void)supportRunLoop(1);
    expect("a", HELPER_SOURCE_CACHE, "a");
}

static uint64_t bucketTotal;

static void
onBucket(double fromMs, double toMs, uint64_t count, void *data)
{
    double *last = data;

    cr_assert_geq(fromMs, *last);
    cr_assert_gt(toMs, fromMs);
    cr_assert_gt(count, 0);
    *last = toMs;
    bucketTotal += count;
}

Test(helperAnswers, latencies_of_the_pool_and_of_each_process)
{
    HelperProcessStats row;
    double last = 0;

    poolCreate("slow=5");
    poolSubmitLines(10);
    poolExpectLines(10);
    helperPoolBuckets(pool, HELPER_LATENCY_SERVICE, onBucket, &last);
    cr_assert_eq(bucketTotal, 10);
    cr_assert_geq(last, 5);
    cr_assert_eq(helperPoolProcesses(pool, &row, 1), 1);
    cr_assert_eq(row.serviceMs.count, 10);
    cr_assert_geq(row.serviceMs.p50, 4.6);
    cr_assert_geq(row.serviceMs.max, row.serviceMs.p50);
}

Test(helperAnswers, another_configuration_keeps_them_another_program_does_not)
{
    HelperReply reply;
    const char *argv[] = {NULL, "numbered", "crlf", NULL};
    HelperConfig other;
    char path[512];

    poolCreate("numbered");
    const char *build = getenv("SQUIRE_BUILD");
    snprintf(path, sizeof(path), "%s%sfake_helper", build ? build : ".",
             build ? "/test/" : "/");
    argv[0] = path;
    other = poolConfig;
    other.argv = (const char *const[]){path, "numbered", NULL};
    other.timeoutMs = 5000;
    (void)ask("a");
    cr_assert_eq(helperPoolReconfigure(pool, &other), 0);
    cr_assert(helperLookup(pool, "a", 1, &reply));
    other.argv = argv;
    cr_assert_eq(helperPoolReconfigure(pool, &other), 0);
    cr_assert_not(helperLookup(pool, "a", 1, &reply));
    cr_assert_eq(poolStats().cacheEntries, 0);
    (void)ask("a");
    other.cacheMax = 0;
    cr_assert_eq(helperPoolReconfigure(pool, &other), 0);
    cr_assert_not(helperLookup(pool, "a", 1, &reply));
}
