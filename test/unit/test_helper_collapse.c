/* test_helper_collapse.c: identical lines in flight are asked once, and
 * everybody has an answer of his own. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "comm.h"
#include "pool.h"
#include "support.h"

static void
init(void)
{
    poolInit();
    poolConfig.max = 1;
    poolConfig.collapse = true;
}

TestSuite(helperCollapse, .init = init, .fini = poolFini, .timeout = 120);

static HelperRequest *
submitFor(const char *line, int tag)
{
    HelperRequest *request;

    cr_assert_eq(helperSubmitLen(pool, line, strlen(line), poolRecord,
                                 (void *)(intptr_t)tag, &request),
                 0);
    return request;
}

static void
expectAll(int count, HelperResult result, const char *message)
{
    cr_assert(poolRunUntil(count));
    for (int i = 0; i < count; i++) {
        cr_assert_eq(poolAnswer(i)->result, result, "%d: %s", i,
                     helperProtoResultName(poolAnswer(i)->result));
        cr_assert_str_eq(poolAnswer(i)->message, message);
    }
}

Test(helperCollapse, one_question_many_answers)
{
    poolCreate("numbered");
    for (int i = 0; i < 10; i++)
        (void)submitFor("a", i);
    cr_assert_eq(poolAnswerCount, 0);
    expectAll(10, HELPER_OK, "1 a");
    for (int i = 0; i < 10; i++)
        cr_assert_eq(poolAnswer(i)->source, HELPER_SOURCE_PROCESS);
    cr_assert_eq(poolStats().replies, 1);
    cr_assert_eq(poolStats().collapsed, 9);
    cr_assert_eq(poolStats().requests, 10);
    cr_assert_eq(poolStats().byResult[HELPER_OK], 10);
    cr_assert_eq(poolStats().inflight, 0);
}

Test(helperCollapse, other_lines_are_asked_apart_and_so_are_later_ones)
{
    poolCreate("numbered");
    (void)submitFor("a", 0);
    (void)submitFor("b", 1);
    cr_assert(poolRunUntil(2));
    (void)submitFor("a", 2);
    cr_assert(poolRunUntil(3));
    cr_assert_str_eq(poolAnswer(1)->message, "2 b");
    cr_assert_str_eq(poolAnswer(2)->message, "3 a");
    cr_assert_eq(poolStats().collapsed, 0);
}

Test(helperCollapse, without_it_each_is_asked)
{
    poolConfig.collapse = false;
    poolCreate("numbered");
    (void)submitFor("a", 0);
    (void)submitFor("a", 1);
    cr_assert(poolRunUntil(2));
    cr_assert_eq(poolStats().replies, 2);
}

Test(helperCollapse, any_of_them_may_be_cancelled)
{
    poolCreate("numbered slow=30");
    HelperRequest *first = submitFor("a", 9);
    (void)submitFor("a", 0);
    HelperRequest *third = submitFor("a", 9);
    (void)submitFor("a", 1);
    (void)supportRunLoop(10);
    helperCancel(first);
    helperCancel(third);
    expectAll(2, HELPER_OK, "1 a");
    (void)supportRunLoop(5);
    cr_assert_eq(poolAnswerCount, 2);
}

Test(helperCollapse, the_last_one_to_leave_takes_the_question_along)
{
    poolCreate("numbered slow=30");
    HelperRequest *first = submitFor("a", 9);
    HelperRequest *second = submitFor("a", 9);
    (void)supportRunLoop(10);
    helperCancel(first);
    cr_assert_eq(poolStats().inflight, 1);
    helperCancel(second);
    cr_assert_eq(poolStats().inflight, 0);
    HelperRequest *waiting = submitFor("b", 9);
    cr_assert_eq(poolStats().queue, 1);
    helperCancel(waiting);
    cr_assert_eq(poolStats().queue, 0);
    (void)submitFor("c", 0);
    expectAll(1, HELPER_OK, "2 c");
}

static HelperRequest *victim;

static void
onCancelVictim(const HelperReply *reply, void *data)
{
    poolRecord(reply, data);
    helperCancel(victim);
}

Test(helperCollapse, a_callback_may_cancel_another_of_the_same_answer)
{
    poolCreate("");
    cr_assert_eq(helperSubmit(pool, "a", onCancelVictim, (void *)0), 0);
    victim = submitFor("a", 9);
    (void)submitFor("a", 1);
    expectAll(2, HELPER_OK, "a");
    (void)supportRunLoop(5);
    cr_assert_eq(poolAnswerCount, 2);
}

/* Each has a deadline of its own: the first one's passes, the second one has
 * its answer. */
Test(helperCollapse, a_later_one_may_wait_longer)
{
    poolConfig.timeoutMs = 400;
    poolConfig.concurrency = 2;
    poolCreate("ids slow=500");
    (void)submitFor("a", 0);
    (void)supportRunLoop(300);
    (void)submitFor("a", 1);
    cr_assert(poolRunUntil(1));
    cr_assert_eq(poolAnswer(0)->result, HELPER_TIMEOUT);
    cr_assert(poolRunUntil(2));
    /* On a machine that stood still it may be late, too. */
    cr_assert(poolAnswer(1)->result == HELPER_OK ||
              poolAnswer(1)->result == HELPER_TIMEOUT);
}

/* The process says nothing: it is put down when its time is over, and the
 * next one answers whoever still waits. */
Test(helperCollapse, a_silent_process_is_replaced_for_those_who_wait)
{
    poolConfig.timeoutMs = 1000;
    poolCreate("");
    (void)submitFor("warm", 0);
    cr_assert(poolRunUntil(1));
    HelperProcessStats row;
    cr_assert_eq(helperPoolProcesses(pool, &row, 1), 1);
    cr_assert_eq(kill(row.pid, SIGSTOP), 0);
    (void)submitFor("a", 1);
    (void)supportRunLoop(500);
    (void)submitFor("a", 2);
    cr_assert(poolRunUntil(3));
    cr_assert_eq(poolAnswer(1)->result, HELPER_TIMEOUT);
    cr_assert_eq(poolAnswer(2)->result, HELPER_OK);
    cr_assert_eq(poolStats().restarts, 1);
}

Test(helperCollapse, a_steady_stream_does_not_hide_a_silent_process)
{
    poolConfig.timeoutMs = 200;
    poolCreate("silent");
    int tag = 0;
    for (int ms = 0; ms < POOL_WAIT_MS && poolStats().restarts < 2; ms += 20) {
        (void)submitFor("a", tag++);
        (void)supportRunLoop(20);
    }
    cr_assert_geq(poolStats().restarts, 2);
    cr_assert(poolRunUntil(tag));
    for (int i = 0; i < tag; i++)
        cr_assert_eq(poolAnswer(i)->result, HELPER_TIMEOUT);
}

Test(helperCollapse, a_process_that_dies_is_asked_for_all)
{
    poolConfig.attempts = 3;
    poolCreate("crash-after=1");
    (void)submitFor("warm", 0);
    cr_assert(poolRunUntil(1));
    poolAnswerCount = 0;
    for (int i = 0; i < 5; i++)
        (void)submitFor("a", i);
    expectAll(5, HELPER_OK, "a");
    cr_assert_eq(poolStats().replies, 2);
}

Test(helperCollapse, when_all_tries_fail_all_know)
{
    poolConfig.attempts = 2;
    poolCreate("crash-after=0");
    for (int i = 0; i < 5; i++)
        (void)submitFor("a", i);
    cr_assert(poolRunUntil(5));
    for (int i = 0; i < 5; i++)
        cr_assert_eq(poolAnswer(i)->result, HELPER_UNKNOWN);
}

Test(helperCollapse, bad_answers_reach_all)
{
    poolConfig.attempts = 2;
    poolCreate("control");
    for (int i = 0; i < 3; i++)
        (void)submitFor("a", i);
    expectAll(3, HELPER_BH, "control octet in a value");
    cr_assert_eq(poolAnswer(0)->source, HELPER_SOURCE_POOL);
}

Test(helperCollapse, overload_reaches_all)
{
    poolConfig.queueMax = 1;
    poolCreate("slow=30");
    (void)submitFor("a", 0);
    (void)submitFor("b", 1);
    (void)submitFor("c", 2);
    (void)submitFor("c", 3);
    (void)submitFor("b", 4);
    cr_assert(poolRunUntil(5));
    cr_assert_eq(poolAnswer(2)->result, HELPER_OVERLOAD);
    cr_assert_eq(poolAnswer(3)->result, HELPER_OVERLOAD);
    cr_assert_eq(poolAnswer(4)->result, HELPER_OK);
}

Test(helperCollapse, the_fail_policy_holds_for_each)
{
    poolConfig.fail = HELPER_FAIL_OPEN;
    poolConfig.timeoutMs = 100;
    poolCreate("silent");
    for (int i = 0; i < 3; i++)
        (void)submitFor("a", i);
    cr_assert(poolRunUntil(3));
    for (int i = 0; i < 3; i++)
        cr_assert_eq(poolAnswer(i)->result, HELPER_OK);
}

Test(helperCollapse, stale_answers_reach_all)
{
    poolConfig.fail = HELPER_FAIL_STALE;
    poolConfig.cacheMax = 10;
    poolConfig.ttlMs = 1;
    poolConfig.attempts = 1;
    poolCreate("bh-after=1");
    (void)submitFor("a", 9);
    cr_assert(poolRunUntil(1));
    (void)supportRunLoop(10);
    poolAnswerCount = 0;
    for (int i = 0; i < 3; i++)
        (void)submitFor("a", i);
    expectAll(3, HELPER_OK, "a");
    for (int i = 0; i < 3; i++)
        cr_assert_eq(poolAnswer(i)->source, HELPER_SOURCE_STALE);
}

Test(helperCollapse, with_a_cache_the_answer_is_kept_for_later)
{
    poolConfig.cacheMax = 10;
    poolCreate("numbered");
    for (int i = 0; i < 3; i++)
        (void)submitFor("a", i);
    expectAll(3, HELPER_OK, "1 a");
    (void)submitFor("a", 3);
    expectAll(4, HELPER_OK, "1 a");
    cr_assert_eq(poolAnswer(3)->source, HELPER_SOURCE_CACHE);
}

static void
onSubmitAgain(const HelperReply *reply, void *data)
{
    poolRecord(reply, data);
    if (poolAnswerCount < 50)
        cr_assert_eq(helperSubmit(pool, "a", onSubmitAgain,
                                  (void *)(intptr_t)(100 + poolAnswerCount)),
                     0);
}

Test(helperCollapse, callbacks_may_ask_the_same_again)
{
    poolCreate("");
    for (int i = 0; i < 3; i++)
        cr_assert_eq(
            helperSubmit(pool, "a", onSubmitAgain, (void *)(intptr_t)i), 0);
    cr_assert(poolRunUntil(50));
}

static void
onDestroy(const HelperReply *reply, void *data)
{
    poolRecord(reply, data);
    helperPoolDestroy(&pool);
}

Test(helperCollapse, a_callback_may_end_the_pool)
{
    poolCreate("");
    for (int i = 0; i < 3; i++)
        cr_assert_eq(helperSubmit(pool, "a", onDestroy, (void *)(intptr_t)i),
                     0);
    cr_assert(poolRunUntil(3));
    cr_assert_eq(poolAnswers[0].result, HELPER_OK);
    cr_assert_eq(poolAnswers[1].result, HELPER_SHUTDOWN);
    cr_assert_eq(poolAnswers[2].result, HELPER_SHUTDOWN);
}

Test(helperCollapse, stop_and_destroy_answer_all)
{
    poolCreate("slow=20");
    (void)submitFor("a", 0);
    (void)submitFor("a", 1);
    (void)submitFor("b", 2);
    helperPoolStop(pool, POOL_WAIT_MS);
    cr_assert(poolRunUntil(3));
    cr_assert_eq(poolAnswer(2)->result, HELPER_OK);
    cr_assert(poolRunUntilStopped());
    helperPoolDestroy(&pool);
    poolAnswerCount = 0;
    poolCreate("silent");
    (void)submitFor("a", 0);
    (void)supportRunLoop(20);
    (void)submitFor("a", 1);
    (void)submitFor("b", 2);
    helperPoolDestroy(&pool);
    cr_assert_eq(poolAnswerCount, 3);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(poolAnswer(i)->result, HELPER_SHUTDOWN);
}
