/* test_helper_pool.c: requests, answers, overload, deadlines, stopping. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "comm.h"
#include "pool.h"
#include "support.h"

TestSuite(helperPool, .init = poolInit, .fini = poolFini, .timeout = 120);

Test(helperPool, config_is_checked)
{
    const char *argv[] = {"x", NULL}, *none[] = {NULL};
    HelperConfig bad = poolConfig;

    cr_assert_null(helperPoolCreate(&bad));
    cr_assert_eq(errno, EINVAL, "no argv");
    bad.argv = none;
    cr_assert_null(helperPoolCreate(&bad), "an empty one");
    bad.argv = argv;
    bad.ipcType = IPC_DGRAM;
    cr_assert_null(helperPoolCreate(&bad), "datagrams are no lines");
    bad.ipcType = IPC_STREAM;
    bad.max = 0;
    cr_assert_null(helperPoolCreate(&bad));
    bad.max = 1;
    bad.name = NULL;
    cr_assert_null(helperPoolCreate(&bad));
}

Test(helperPool, answers_without_ids)
{
    poolCreate("");
    poolSubmitLines(50);
    poolExpectLines(50);
    cr_assert_leq(poolStats().active, 4);
    cr_assert_eq(poolStats().requests, 50);
    cr_assert_eq(poolStats().replies, 50);
    cr_assert_eq(poolStats().byResult[HELPER_OK], 50);
}

Test(helperPool, answers_with_ids)
{
    poolConfig.concurrency = 10;
    poolCreate("ids");
    poolSubmitLines(200);
    poolExpectLines(200);
}

Test(helperPool, concurrency_one_sends_ids_too)
{
    poolConfig.concurrency = 1;
    poolCreate("ids bare");
    cr_assert_eq(poolSubmit("http://a/", 1), 0);
    cr_assert(poolRunUntil(1));
    cr_assert_str_eq(poolAnswer(1)->text, "http://a/");
    cr_assert_eq(poolAnswer(1)->result, HELPER_UNKNOWN);
}

Test(helperPool, ids_begin_low_and_are_not_used_again_soon)
{
    poolConfig.concurrency = 1;
    poolCreate("bare"); /* answers the ID with the line: it is the answer's */
    for (int i = 0; i < 5; i++)
        cr_assert_eq(poolSubmit("x", i), 0);
    cr_assert(poolRunUntil(5));
    for (int i = 0; i < 5; i++)
        cr_assert_str_eq(poolAnswer(i)->text, "x");
}

Test(helperPool, answers_in_any_order_find_their_requests)
{
    poolConfig.max = 1;
    poolConfig.concurrency = 64;
    poolCreate("ids bursts=64");
    poolSubmitLines(640);
    poolExpectLines(640);
    cr_assert_eq(poolAnswers[0].tag, 63, "the fake answers backwards");
}

Test(helperPool, every_stream_type_works)
{
    const int types[] = {IPC_TCP_SOCKET, IPC_FIFO, IPC_UNIX_STREAM};

    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        poolConfig.ipcType = types[i];
        poolConfig.concurrency = 5;
        poolAnswerCount = 0;
        poolCreate("ids");
        poolSubmitLines(60);
        poolExpectLines(60);
        helperPoolDestroy(&pool);
    }
}

Test(helperPool, octets_that_trickle_and_crlf_make_whole_answers)
{
    poolCreate("bytes crlf");
    poolSubmitLines(10);
    poolExpectLines(10);
}

/* F7: 8 KB of an answer are no limit, and no reason to stop. */
Test(helperPool, long_lines_in_both_directions)
{
    char *line = calloc(1, 300001);

    memset(line, 'a', 300000);
    poolConfig.lineMax = 400000;
    poolConfig.replyMax = 400000;
    poolConfig.concurrency = 4;
    poolConfig.max = 1;
    poolCreate("ids bare");
    for (int i = 0; i < 8; i++)
        cr_assert_eq(poolSubmit(line, i), 0);
    cr_assert(poolRunUntil(8));
    for (int i = 0; i < 8; i++)
        cr_assert_eq(strlen(poolAnswer(i)->text), 199);
    cr_assert_eq(poolStats().restarts, 0);
    free(line);
}

Test(helperPool, bad_lines_are_refused_at_once)
{
    char line[8200];

    memset(line, 'a', sizeof(line));
    poolCreate("");
    line[8191] = '\0';
    cr_assert_eq(poolSubmit(line, 0), -EMSGSIZE);
    line[8190] = '\0';
    cr_assert_eq(poolSubmit(line, 0), 0, "8191 with its LF");
    cr_assert_eq(poolSubmit("a\nb", 1), -EINVAL);
    cr_assert_eq(helperSubmitLen(pool, "a\0b", 3, poolRecord, NULL, NULL),
                 -EINVAL);
    cr_assert(poolRunUntil(1));
}

Test(helperPool, the_limit_counts_the_longest_id)
{
    char line[8200];

    memset(line, 'a', sizeof(line));
    poolConfig.concurrency = 3;
    poolCreate("ids");
    line[8180] = '\0';
    cr_assert_eq(poolSubmit(line, 0), -EMSGSIZE);
    line[8179] = '\0';
    cr_assert_eq(poolSubmit(line, 0), 0);
    cr_assert(poolRunUntil(1));
}

Test(helperPool, empty_lines_are_requests_too)
{
    poolCreate("");
    cr_assert_eq(poolSubmit("", 7), 0);
    cr_assert(poolRunUntil(1));
    cr_assert_str_eq(poolAnswer(7)->message, "");
}

static int depth;

static void
onChained(const HelperReply *reply, void *data)
{
    cr_assert_eq(depth, 0, "called back from a call");
    depth++;
    poolRecord(reply, data);
    if (poolAnswerCount < 100)
        cr_assert_eq(helperSubmit(pool, "again", onChained,
                                  (void *)(intptr_t)poolAnswerCount),
                     0);
    depth--;
}

Test(helperPool, callbacks_may_submit)
{
    poolCreate("");
    cr_assert_eq(helperSubmit(pool, "first", onChained, NULL), 0);
    cr_assert(poolRunUntil(100));
}

static void
onSubmitMany(void *data)
{
    (void)data;
    for (int i = 0; i < 64; i++)
        cr_assert_eq(poolSubmit("line", i), 0);
}

static void
expectOneWrite(void)
{
    (void)commTimerAdd(0, onSubmitMany, NULL);
    cr_assert(poolRunUntil(64));
    for (int i = 0; i < 64; i++)
        cr_assert_str_eq(poolAnswer(i)->message, "64");
}

Test(helperPool, requests_of_a_turn_leave_together)
{
    poolConfig.max = 1;
    poolConfig.startup = 1;
    poolConfig.concurrency = 100;
    poolCreate("ids count-lines");
    poolWaitForActive(1);
    expectOneWrite();
    poolAnswerCount = 0;
    expectOneWrite();
}

/* They waited in the queue for the first process. */
Test(helperPool, requests_of_the_queue_leave_together)
{
    poolConfig.max = 1;
    poolConfig.concurrency = 100;
    poolCreate("ids count-lines");
    expectOneWrite();
}

Test(helperPool, processes_are_started_when_needed_only)
{
    poolConfig.max = 10;
    poolCreate("silent");
    (void)supportRunLoop(50);
    cr_assert_eq(poolStats().active, 0);
    poolSubmitLines(3);
    poolWaitForActive(3);
    (void)supportRunLoop(50);
    cr_assert_eq(poolStats().active, 3);
}

Test(helperPool, startup_processes_start_by_themselves)
{
    poolConfig.startup = 3;
    poolCreate("");
    poolWaitForActive(3);
    cr_assert_eq(poolStats().idle, 3);
}

Test(helperPool, growth_comes_in_steps_of_the_idle_number)
{
    poolConfig.max = 10;
    poolConfig.idle = 4;
    poolCreate("slow=100");
    poolSubmitLines(1);
    poolExpectLines(1);
    poolWaitForActive(4);
}

Test(helperPool, concurrency_grows_only_when_all_are_full)
{
    poolConfig.concurrency = 8;
    poolCreate("ids slow=20");
    poolSubmitLines(8);
    poolExpectLines(8);
    cr_assert_eq(poolStats().active, 1);
}

Test(helperPool, surplus_processes_leave_after_idle_time)
{
    poolConfig.idleMs = 40;
    poolCreate("slow=300");
    poolSubmitLines(4);
    poolWaitForActive(4);
    poolExpectLines(4);
    poolWaitForActive(1);
    cr_assert_eq(poolStats().restarts, 0);
    poolAnswerCount = 0;
    poolSubmitLines(4);
    poolExpectLines(4);
}

/* F7: too many requests end those requests, not the program. */
Test(helperPool, overload_is_answered_not_fatal)
{
    poolConfig.max = 1;
    poolConfig.queueMax = 5;
    poolCreate("slow=50");
    for (int i = 0; i < 10; i++)
        cr_assert_eq(poolSubmit("x", i), 0);
    cr_assert_eq(poolAnswerCount, 0, "never before the call returned");
    cr_assert(poolRunUntil(10));
    for (int i = 0; i < 10; i++)
        cr_assert_eq(poolAnswer(i)->result, i < 6 ? HELPER_OK : HELPER_OVERLOAD,
                     "%d", i);
    cr_assert_eq(poolStats().overloads, 4);
    cr_assert_eq(poolStats().byResult[HELPER_OVERLOAD], 4);
}

Test(helperPool, wait_policy_queues_without_limit)
{
    poolConfig.max = 1;
    poolConfig.queueMax = 1;
    poolConfig.overload = HELPER_OVERLOAD_WAIT;
    poolCreate("");
    poolSubmitLines(1000);
    poolExpectLines(1000);
}

static void
onOverload(const HelperReply *reply, void *data)
{
    int *count = data;

    if (!pool)
        return; /* it is being destroyed */
    cr_assert_eq(reply->result, HELPER_OVERLOAD);
    ++*count;
    cr_assert_eq(helperSubmit(pool, "again", onOverload, data), 0);
}

Test(helperPool, asking_again_on_overload_does_not_stop_the_loop)
{
    static int count; /* the last callback comes with the pool's end */

    poolConfig.max = 1;
    poolConfig.queueMax = 1;
    poolCreate("silent");
    (void)poolSubmit("a", 0);
    (void)poolSubmit("b", 1);
    cr_assert_eq(helperSubmit(pool, "c", onOverload, &count), 0);
    cr_assert_not(supportRunLoop(100), "the deadline came");
    cr_assert_gt(count, 1);
    cr_assert_eq(poolAnswerCount, 0);
}

Test(helperPool, deadlines_hold_in_the_queue)
{
    poolConfig.max = 1;
    poolConfig.timeoutMs = 100;
    poolCreate("silent");
    for (int i = 0; i < 5; i++)
        cr_assert_eq(poolSubmit("x", i), 0);
    cr_assert(poolRunUntil(5));
    for (int i = 0; i < 5; i++)
        cr_assert_eq(poolAnswer(i)->result, HELPER_TIMEOUT);
    cr_assert_eq(poolStats().timeouts, 5);
    cr_assert_eq(poolStats().queue, 0);
}

Test(helperPool, a_process_that_is_late_without_ids_is_replaced)
{
    poolConfig.max = 1;
    poolConfig.timeoutMs = 150;
    poolCreate("silent-first");
    cr_assert_eq(poolSubmit("x", 0), 0);
    cr_assert(poolRunUntil(1));
    cr_assert_eq(poolAnswer(0)->result, HELPER_TIMEOUT);
    poolWaitForRestarts(1);
}

/* A queue that is too long lets requests expire right after they got a
 * process: that is no fault of the process. */
Test(helperPool, a_busy_process_is_not_blamed_for_the_queue)
{
    poolConfig.max = 1;
    poolConfig.timeoutMs = 1000;
    poolCreate("slow=350");
    for (int i = 0; i < 10; i++)
        cr_assert_eq(poolSubmit("x", i), 0);
    cr_assert(poolRunUntil(10));
    cr_assert_eq(poolAnswer(9)->result, HELPER_TIMEOUT);
    cr_assert_eq(poolStats().restarts, 0);
}

Test(helperPool, with_ids_a_late_answer_is_dropped)
{
    poolConfig.max = 1;
    poolConfig.concurrency = 4;
    poolConfig.timeoutMs = 100;
    poolCreate("ids slow=150");
    cr_assert_eq(poolSubmit("late", 0), 0);
    cr_assert(poolRunUntil(1));
    cr_assert_eq(poolAnswer(0)->result, HELPER_TIMEOUT);
    (void)supportRunLoop(150);
    cr_assert_eq(poolStats().restarts, 0);
    cr_assert_eq(poolAnswerCount, 1);
}

Test(helperPool, with_ids_three_late_answers_in_a_row_are_too_many)
{
    poolConfig.max = 1;
    poolConfig.concurrency = 10;
    poolConfig.timeoutMs = 100;
    poolCreate("ids silent");
    for (int i = 0; i < 3; i++)
        cr_assert_eq(poolSubmit("x", i), 0);
    cr_assert(poolRunUntil(3));
    poolWaitForRestarts(1);
}

Test(helperPool, no_deadline_when_none_is_wanted)
{
    poolConfig.timeoutMs = 0;
    poolCreate("slow=50");
    poolSubmitLines(2);
    poolExpectLines(2);
}

static HelperRequest *
submitFor(int tag)
{
    HelperRequest *request;

    cr_assert_eq(helperSubmitLen(pool, "x", 1, poolRecord,
                                 (void *)(intptr_t)tag, &request),
                 0);
    return request;
}

Test(helperPool, cancel_in_the_queue_and_at_a_process)
{
    poolConfig.max = 1;
    poolCreate("slow=30");
    HelperRequest *first = submitFor(0);
    HelperRequest *second = submitFor(1);
    HelperRequest *third = submitFor(2);
    helperCancel(second);
    (void)supportRunLoop(10);
    helperCancel(first);
    (void)third;
    cr_assert(poolRunUntil(1));
    cr_assert_eq(poolAnswers[0].tag, 2);
    (void)supportRunLoop(50);
    cr_assert_eq(poolAnswerCount, 1);
    cr_assert_eq(poolStats().inflight, 0);
}

Test(helperPool, cancel_of_an_answer_that_is_due)
{
    poolConfig.max = 1;
    poolConfig.queueMax = 1;
    poolCreate("");
    (void)submitFor(0);
    (void)submitFor(1);
    helperCancel(submitFor(2));
    cr_assert(poolRunUntil(2));
    (void)supportRunLoop(10);
    cr_assert_eq(poolAnswerCount, 2);
}

static HelperRequest *victim;

static void
onCancelOther(const HelperReply *reply, void *data)
{
    poolRecord(reply, data);
    helperCancel(victim);
}

Test(helperPool, a_callback_may_cancel_another_of_the_same_read)
{
    poolConfig.max = 1;
    poolConfig.concurrency = 2;
    poolCreate("ids bursts=2");
    victim = submitFor(0);
    cr_assert_eq(helperSubmit(pool, "y", onCancelOther, (void *)1), 0);
    cr_assert(poolRunUntil(1));
    (void)supportRunLoop(20);
    cr_assert_eq(poolAnswerCount, 1);
    cr_assert_eq(poolAnswers[0].tag, 1);
}

Test(helperPool, a_cancelled_request_that_is_never_answered_is_missed)
{
    poolConfig.max = 1;
    poolConfig.timeoutMs = 100;
    poolCreate("silent");
    HelperRequest *request = submitFor(0);
    (void)supportRunLoop(30);
    helperCancel(request);
    poolWaitForRestarts(1);
    cr_assert_eq(poolAnswerCount, 0);
}

Test(helperPool, stop_lets_requests_finish)
{
    poolConfig.max = 2;
    poolCreate("slow=20");
    poolSubmitLines(8);
    helperPoolStop(pool, POOL_WAIT_MS);
    cr_assert_eq(poolSubmit("more", 9), -ESHUTDOWN);
    poolExpectLines(8);
    cr_assert(poolRunUntilStopped());
    cr_assert_eq(poolStats().restarts, 0);
}

Test(helperPool, stop_answers_the_rest_when_the_time_is_over)
{
    poolConfig.max = 1;
    poolConfig.graceMs = 30;
    poolCreate("silent");
    for (int i = 0; i < 3; i++)
        cr_assert_eq(poolSubmit("x", i), 0);
    (void)supportRunLoop(20);
    helperPoolStop(pool, 20);
    cr_assert(poolRunUntil(3));
    for (int i = 0; i < 3; i++)
        cr_assert_eq(poolAnswer(i)->result, HELPER_SHUTDOWN);
    cr_assert(poolRunUntilStopped());
}

Test(helperPool, stop_at_once_still_calls_back_later)
{
    poolCreate("");
    poolSubmitLines(2);
    helperPoolStop(pool, 0);
    cr_assert_eq(poolAnswerCount, 0);
    cr_assert(poolRunUntil(2));
    cr_assert_eq(poolAnswer(1)->result, HELPER_SHUTDOWN);
    cr_assert(poolRunUntilStopped());
}

Test(helperPool, a_stubborn_process_is_killed_in_steps)
{
    poolConfig.graceMs = 30;
    poolConfig.startup = 1;
    poolCreate("stubborn");
    poolSubmitLines(1);
    poolExpectLines(1);
    helperPoolStop(pool, 0);
    (void)supportRunLoop(10);
    HelperProcessStats row;
    cr_assert_eq(helperPoolProcesses(pool, &row, 1), 1);
    cr_assert_str_eq(row.state, "leaving");
    cr_assert(poolRunUntilStopped());
}

Test(helperPool, destroy_answers_before_it_returns)
{
    poolConfig.max = 1;
    poolCreate("silent");
    for (int i = 0; i < 3; i++)
        cr_assert_eq(poolSubmit("x", i), 0);
    (void)supportRunLoop(30);
    helperPoolDestroy(&pool);
    cr_assert_null(pool);
    cr_assert_eq(poolAnswerCount, 3);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(poolAnswer(i)->result, HELPER_SHUTDOWN);
    helperPoolDestroy(&pool);
}

static void
onDestroy(const HelperReply *reply, void *data)
{
    poolRecord(reply, data);
    helperPoolDestroy(&pool);
}

/* Two answers in one read: the first one's callback ends the pool. */
static void
onShutdownSubmit(const HelperReply *reply, void *data)
{
    cr_assert_eq(reply->result, HELPER_SHUTDOWN);
    *(int *)data = helperSubmit(pool, "again", poolRecord, NULL);
}

Test(helperPool, a_callback_of_destroy_may_submit_and_is_refused)
{
    int rc = 0;

    poolCreate("silent");
    cr_assert_eq(helperSubmit(pool, "line", onShutdownSubmit, &rc), 0);
    helperPoolDestroy(&pool);
    cr_assert_eq(rc, -ESHUTDOWN);
    cr_assert_eq(helperSubmitLen(pool, "l", 1, poolRecord, NULL, NULL),
                 -ESHUTDOWN);
}

Test(helperPool, a_callback_may_destroy_the_pool)
{
    poolConfig.max = 1;
    poolConfig.concurrency = 4;
    poolCreate("ids bursts=2");
    cr_assert_eq(helperSubmit(pool, "x", onDestroy, (void *)0), 0);
    cr_assert_eq(helperSubmit(pool, "y", onDestroy, (void *)1), 0);
    cr_assert(poolRunUntil(2));
    cr_assert_eq(poolAnswer(1)->result, HELPER_OK);
    cr_assert_eq(poolAnswer(0)->result, HELPER_SHUTDOWN);
    (void)supportRunLoop(30);
}

Test(helperPool, a_callback_of_a_deadline_may_destroy_the_pool)
{
    poolConfig.timeoutMs = 30;
    poolCreate("silent");
    cr_assert_eq(helperSubmit(pool, "x", onDestroy, (void *)0), 0);
    cr_assert_eq(poolSubmit("y", 1), 0);
    cr_assert(poolRunUntil(2));
    cr_assert_eq(poolAnswer(0)->result, HELPER_TIMEOUT);
    cr_assert_eq(poolAnswer(1)->result, HELPER_SHUTDOWN);
}

Test(helperPool, a_callback_of_an_overload_may_destroy_the_pool)
{
    poolConfig.max = 1;
    poolConfig.queueMax = 1;
    poolCreate("silent");
    (void)poolSubmit("x", 0);
    (void)poolSubmit("x", 1);
    cr_assert_eq(helperSubmit(pool, "x", onDestroy, (void *)2), 0);
    cr_assert(poolRunUntil(3));
    cr_assert_eq(poolAnswer(2)->result, HELPER_OVERLOAD);
}

static void
countPool(HelperPool *each, void *data)
{
    HelperPoolStats stats;
    char *names = data;

    helperPoolStats(each, &stats);
    strncat(names, stats.name, 50);
}

Test(helperPool, pools_of_the_loop_are_listed_in_order)
{
    char names[200] = "";

    poolConfig.name = "a";
    poolCreate("");
    HelperPool *first = pool;
    poolConfig.name = "b";
    poolCreate("x");
    helperPoolForEach(countPool, names);
    cr_assert_str_eq(names, "ab");
    helperPoolDestroy(&first);
    names[0] = '\0';
    helperPoolForEach(countPool, names);
    cr_assert_str_eq(names, "b");
}

Test(helperPool, figures_of_processes_and_times)
{
    HelperProcessStats rows[4];

    poolConfig.max = 1;
    poolCreate("slow=30");
    poolSubmitLines(2);
    poolExpectLines(2);
    HelperPoolStats stats = poolStats();
    cr_assert_str_eq(stats.name, "test");
    cr_assert_not_null(strstr(stats.program, "fake_helper slow=30"));
    cr_assert_eq(stats.serviceMs.count, 2);
    cr_assert_geq(stats.serviceMs.p50, 25);
    cr_assert_geq(stats.serviceMs.max, stats.serviceMs.p99);
    cr_assert_eq(stats.queueMs.count, 2);
    cr_assert_geq(stats.queueMs.max, 25, "the second had to wait");
    cr_assert_eq(helperPoolProcesses(pool, rows, 4), 1);
    cr_assert_eq(rows[0].id, 1);
    cr_assert_gt(rows[0].pid, 0);
    cr_assert_eq(rows[0].requests, 2);
    cr_assert_gt(rows[0].rssKb, 0);
    cr_assert_str_eq(rows[0].state, "ready");
}
