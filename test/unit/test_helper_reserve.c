/* test_helper_reserve.c: dialogs, each with a process of its own. */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "comm.h"
#include "debug.h"
#include "pool.h"
#include "support.h"

#define DIALOGS 12

static HelperReservation *held[DIALOGS];

static void
fini(void)
{
    for (int i = 0; i < DIALOGS; i++)
        helperRelease(&held[i]);
    poolFini();
}

TestSuite(helperReserve, .init = poolInit, .fini = fini, .timeout = 120);

static void
reserve(int i)
{
    held[i] = helperReserve(pool, NULL);
    cr_assert_not_null(held[i]);
}

static HelperRequest *
ask(int i, const char *line, int tag)
{
    HelperRequest *request = NULL;

    cr_assert_eq(helperReservedSubmit(held[i], line, strlen(line), poolRecord,
                                      (void *)(intptr_t)tag, &request),
                 0);
    return request;
}

static void
expect(int tag, HelperResult result, const char *message)
{
    const PoolAnswer *answer = poolAnswer(tag);

    cr_assert_eq(answer->result, result, "%d: %s %s %s", tag,
                 helperProtoResultName(answer->result), answer->text,
                 answer->message);
    cr_assert_not_null(strstr(answer->message, message), "%d: %s", tag,
                       answer->message);
}

/* The process that gave this answer of `pid` or `dialog`. */
static pid_t
pidOf(int tag)
{
    const PoolAnswer *answer = poolAnswer(tag);

    return (pid_t)strtol(
        answer->result == HELPER_TT ? answer->text : answer->message, NULL, 10);
}

Test(helperReserve, all_lines_of_a_dialog_go_to_one_process)
{
    poolCreate("dialog");
    for (int i = 0; i < 4; i++) {
        reserve(i);
        (void)ask(i, "YR", i);
    }
    cr_assert(poolRunUntil(4));
    cr_assert_eq(poolStats().reserved, 4);
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < i; j++)
            cr_assert_neq(pidOf(i), pidOf(j), "each has its own");
    (void)ask(2, "KK c", 12);
    (void)ask(0, "KK a", 10);
    cr_assert(poolRunUntil(6));
    cr_assert_eq(poolAnswer(12)->result, HELPER_AF);
    cr_assert_str_eq(poolAnswer(12)->text, "c");
    cr_assert_str_eq(poolAnswer(10)->text, "a");
}

/* The whole dialog: each step is taken when the one before is answered. */
static void
onStep(const HelperReply *reply, void *data)
{
    intptr_t i = (intptr_t)data;
    char line[32];

    if (reply->result == HELPER_TT) {
        int len = snprintf(line, sizeof(line), "KK user%d", (int)i);
        cr_assert_eq(helperReservedSubmit(held[i], line, (size_t)len, onStep,
                                          data, NULL),
                     0);
        return;
    }
    poolRecord(reply, data);
    helperRelease(&held[i]);
}

static void
expectUsers(int count)
{
    char user[32];

    cr_assert(poolRunUntil(count));
    for (int i = 0; i < count; i++) {
        snprintf(user, sizeof(user), "user%d", i);
        cr_assert_eq(poolAnswer(i)->result, HELPER_AF, "%s",
                     poolAnswer(i)->message);
        cr_assert_str_eq(poolAnswer(i)->text, user);
    }
}

Test(helperReserve, many_dialogs_share_few_processes)
{
    poolConfig.max = 2;
    poolCreate("dialog");
    for (int i = 0; i < DIALOGS; i++) {
        reserve(i);
        cr_assert_eq(helperReservedSubmit(held[i], "YR", 2, onStep,
                                          (void *)(intptr_t)i, NULL),
                     0);
    }
    expectUsers(DIALOGS);
    cr_assert_eq(poolStats().active, 2);
    cr_assert_eq(poolStats().reserved, 0);
    cr_assert_eq(poolStats().restarts, 0);
}

Test(helperReserve, others_get_another_process_or_wait)
{
    poolConfig.max = 2;
    poolCreate("pid");
    reserve(0);
    (void)ask(0, "x", 0);
    cr_assert(poolRunUntil(1));
    for (int i = 1; i <= 20; i++)
        (void)poolSubmit("x", i);
    cr_assert(poolRunUntil(21));
    for (int i = 1; i <= 20; i++)
        cr_assert_neq(pidOf(i), pidOf(0));
    reserve(1);
    (void)ask(1, "x", 21);
    cr_assert(poolRunUntil(22));
    (void)poolSubmit("x", 22);
    cr_assert_not(supportRunLoop(30));
    cr_assert_eq(poolAnswerCount, 22, "both processes are reserved");
    helperRelease(&held[0]);
    cr_assert(poolRunUntil(23));
    cr_assert_eq(pidOf(22), pidOf(0));
}

Test(helperReserve, a_reservation_without_lines_costs_no_process)
{
    poolConfig.max = 1;
    poolCreate("");
    for (int i = 0; i < DIALOGS; i++)
        reserve(i);
    poolSubmitLines(3);
    poolExpectLines(3);
    cr_assert_eq(poolStats().reserved, 0);
}

Test(helperReserve, with_ids_a_dialog_waits_for_a_process_at_rest)
{
    poolConfig.max = 1;
    poolConfig.concurrency = 4;
    poolCreate("ids slow=10");
    poolSubmitLines(8);
    reserve(0);
    (void)ask(0, "line 8", 8);
    (void)poolSubmit("line 9", 9);
    cr_assert(poolRunUntil(9));
    (void)supportRunLoop(30);
    cr_assert_eq(poolAnswerCount, 9, "the last is behind the dialog");
    cr_assert_eq(poolAnswer(8)->result, HELPER_OK);
    helperRelease(&held[0]);
    poolExpectLines(10);
}

Test(helperReserve, one_line_at_a_time)
{
    poolCreate("");
    reserve(0);
    (void)ask(0, "x", 0);
    cr_assert_eq(helperReservedSubmit(held[0], "y", 1, poolRecord, NULL, NULL),
                 -EBUSY);
    cr_assert(poolRunUntil(1));
    (void)ask(0, "y", 1);
    cr_assert(poolRunUntil(2));
    cr_assert_eq(
        helperReservedSubmit(held[0], "a\nb", 3, poolRecord, NULL, NULL),
        -EINVAL);
}

Test(helperReserve, a_client_has_no_more_than_its_share)
{
    poolConfig.reservedPerClient = 2;
    poolCreate("");
    held[0] = helperReserve(pool, "10.0.0.1");
    held[1] = helperReserve(pool, "10.0.0.1");
    cr_assert(held[0] && held[1]);
    cr_assert_null(helperReserve(pool, "10.0.0.1"));
    cr_assert_eq(errno, EBUSY);
    held[2] = helperReserve(pool, "10.0.0.2");
    cr_assert_not_null(held[2], "another client");
    reserve(3); /* nobody's */
    helperRelease(&held[0]);
    held[0] = helperReserve(pool, "10.0.0.1");
    cr_assert_not_null(held[0]);
}

Test(helperReserve, the_longest_idle_is_taken_back_when_a_process_is_needed)
{
    poolConfig.max = 3;
    poolConfig.reservationMs = 60;
    poolCreate("pid");
    for (int i = 0; i < 3; i++) {
        reserve(i);
        (void)ask(i, "x", i);
        cr_assert(poolRunUntil(i + 1));
    }
    (void)ask(0, "again", 3); /* so that 1 is idle longest */
    cr_assert(poolRunUntil(4));
    (void)supportRunLoop(100);
    cr_assert_not(helperReservedIsLost(held[1]), "nobody needed it");
    (void)poolSubmit("x", 4);
    cr_assert(poolRunUntil(5));
    cr_assert_eq(pidOf(4), pidOf(1));
    cr_assert(helperReservedIsLost(held[1]));
    cr_assert_not(helperReservedIsLost(held[0]));
    cr_assert_not(helperReservedIsLost(held[2]));
    (void)ask(1, "more", 5);
    cr_assert_eq(poolAnswerCount, 5, "never before the call returned");
    cr_assert(poolRunUntil(6));
    expect(5, HELPER_UNKNOWN, "was needed by others");
    cr_assert_eq(poolStats().restarts, 0);
}

Test(helperReserve,
     a_waiting_request_gets_a_process_as_soon_as_one_may_be_taken)
{
    poolConfig.max = 1;
    poolConfig.reservationMs = 80;
    poolCreate("dialog");
    reserve(0);
    reserve(1);
    (void)ask(0, "YR", 0);
    cr_assert(poolRunUntil(1));
    (void)ask(1, "YR", 1);
    (void)supportRunLoop(20);
    cr_assert_eq(poolAnswerCount, 1, "not idle for long yet");
    cr_assert(poolRunUntil(2));
    cr_assert(helperReservedIsLost(held[0]));
    cr_assert_eq(poolAnswer(1)->result, HELPER_TT);
}

Test(helperReserve, never_taken_back_when_configured_so)
{
    poolConfig.max = 1;
    poolConfig.reservationMs = 0;
    poolConfig.timeoutMs = 100;
    poolCreate("");
    reserve(0);
    (void)ask(0, "x", 0);
    cr_assert(poolRunUntil(1));
    (void)poolSubmit("x", 1);
    cr_assert(poolRunUntil(2));
    expect(1, HELPER_TIMEOUT, "no process was free");
    cr_assert_not(helperReservedIsLost(held[0]));
}

Test(helperReserve, the_first_line_is_repeated_when_its_process_dies)
{
    poolConfig.max = 1;
    poolCreate("slow=200 pid");
    reserve(0);
    (void)ask(0, "x", 0);
    poolWaitForActive(1);
    (void)supportRunLoop(30);
    HelperProcessStats row;
    cr_assert_eq(helperPoolProcesses(pool, &row, 1), 1);
    kill(row.pid, SIGKILL);
    cr_assert(poolRunUntil(1));
    cr_assert_neq(pidOf(0), row.pid);
    cr_assert_not(helperReservedIsLost(held[0]));
    cr_assert_eq(poolStats().retries, 1);
}

Test(helperReserve, a_first_line_that_kills_ends_after_its_attempts)
{
    poolCreate("crash-after=0");
    reserve(0);
    (void)ask(0, "x", 0);
    cr_assert(poolRunUntil(1));
    expect(0, HELPER_UNKNOWN, "exited with status 3");
}

Test(helperReserve, later_lines_are_not_repeated)
{
    poolCreate("crash-after=1");
    reserve(0);
    (void)ask(0, "x", 0);
    cr_assert(poolRunUntil(1));
    (void)ask(0, "y", 1);
    cr_assert(poolRunUntil(2));
    expect(1, HELPER_UNKNOWN, "exited with status 3");
    cr_assert(helperReservedIsLost(held[0]));
    cr_assert_eq(poolStats().retries, 0);
    cr_assert_eq(poolStats().reserved, 0);
}

Test(helperReserve, a_process_that_dies_between_lines_loses_its_dialog)
{
    poolCreate("one-shot");
    reserve(0);
    (void)ask(0, "x", 0);
    cr_assert(poolRunUntil(1));
    poolWaitForRestarts(1);
    cr_assert(helperReservedIsLost(held[0]));
    (void)ask(0, "y", 1);
    cr_assert(poolRunUntil(2));
    expect(1, HELPER_UNKNOWN, "the dialog is lost");
}

Test(helperReserve, bh_is_an_answer_and_not_asked_again)
{
    poolCreate("dialog");
    reserve(0);
    (void)ask(0, "KK x", 0);
    cr_assert(poolRunUntil(1));
    expect(0, HELPER_BH, "no challenge");
    cr_assert_eq(poolStats().retries, 0);
    (void)ask(0, "YR", 1);
    cr_assert(poolRunUntil(2));
    cr_assert_eq(poolAnswer(1)->result, HELPER_TT);
}

Test(helperReserve, a_late_answer_ends_the_dialog_and_the_process)
{
    poolConfig.max = 1;
    poolConfig.timeoutMs = 150;
    poolCreate("silent");
    reserve(0);
    (void)ask(0, "x", 0);
    cr_assert(poolRunUntil(1));
    expect(0, HELPER_TIMEOUT, "no answer in time");
    cr_assert(helperReservedIsLost(held[0]));
    poolWaitForRestarts(1);
    cr_assert_eq(poolStats().timeouts, 1);
}

static void
releaseOwed(bool cancel)
{
    poolConfig.max = 1;
    poolCreate("slow=100 pid");
    reserve(0);
    HelperRequest *request = ask(0, "x", 0);
    (void)supportRunLoop(30);
    HelperProcessStats row;
    cr_assert_eq(helperPoolProcesses(pool, &row, 1), 1);
    if (cancel)
        helperCancel(request);
    else
        helperRelease(&held[0]);
    (void)poolSubmit("y", 1);
    cr_assert(poolRunUntil(1));
    cr_assert_neq(pidOf(1), row.pid, "the late answer reached it");
    cr_assert_eq(poolAnswerCount, 1);
    cr_assert_eq(poolStats().restarts, 0);
}

Test(helperReserve, a_process_that_owes_an_answer_at_release_is_replaced)
{
    releaseOwed(false);
}

Test(helperReserve, a_line_cancelled_at_its_process_ends_the_dialog)
{
    releaseOwed(true);
    cr_assert(helperReservedIsLost(held[0]));
}

Test(helperReserve, a_waiting_first_line_can_be_cancelled)
{
    poolConfig.max = 1;
    poolCreate("slow=20");
    (void)poolSubmit("x", 0);
    reserve(0);
    helperCancel(ask(0, "y", 1));
    cr_assert(poolRunUntil(1));
    (void)ask(0, "z", 2);
    cr_assert(poolRunUntil(2));
    expect(2, HELPER_OK, "z");
    cr_assert_not(helperReservedIsLost(held[0]));
}

Test(helperReserve, overload_is_told_and_the_dialog_may_try_again)
{
    poolConfig.max = 1;
    poolConfig.queueMax = 1;
    poolCreate("slow=20");
    (void)poolSubmit("x", 0);
    (void)poolSubmit("x", 1);
    reserve(0);
    (void)ask(0, "y", 2);
    cr_assert(poolRunUntil(3));
    expect(2, HELPER_OVERLOAD, "too many");
    (void)ask(0, "y", 3);
    cr_assert(poolRunUntil(4));
    expect(3, HELPER_OK, "y");
}

static void
onReplyRelease(const HelperReply *reply, void *data)
{
    helperRelease(&held[(intptr_t)data]);
    poolRecord(reply, data); /* borrowed until the callback returns */
}

Test(helperReserve, a_callback_may_release_its_dialog)
{
    poolConfig.max = 1;
    poolCreate("crash-after=2");
    for (int i = 0; i < 3; i++) {
        reserve(i);
        if (i == 2)
            held[3] = held[i];
        cr_assert_eq(helperReservedSubmit(held[i], "x", 1,
                                          i < 2 ? onReplyRelease : poolRecord,
                                          (void *)(intptr_t)i, NULL),
                     0);
    }
    cr_assert(poolRunUntil(3));
    cr_assert_null(held[0]);
    cr_assert_null(held[1]);
    held[3] = NULL;
}

Test(helperReserve, a_lost_dialog_may_be_released_by_the_callback_that_tells)
{
    poolCreate("crash-after=1");
    reserve(0);
    (void)ask(0, "x", 5);
    cr_assert(poolRunUntil(1));
    cr_assert_eq(
        helperReservedSubmit(held[0], "y", 1, onReplyRelease, (void *)0, NULL),
        0);
    cr_assert(poolRunUntil(2));
    expect(0, HELPER_UNKNOWN, "the dialog is lost");
    cr_assert_null(held[0]);
}

Test(helperReserve, processes_of_dialogs_do_not_keep_others_from_staying_idle)
{
    poolConfig.max = 4;
    poolConfig.idleMs = 40;
    poolCreate("slow=30");
    for (int i = 0; i < 2; i++) {
        reserve(i);
        (void)ask(i, "x", i);
    }
    (void)poolSubmit("x", 2);
    (void)poolSubmit("x", 3);
    cr_assert(poolRunUntil(4));
    poolWaitForActive(3);
    (void)supportRunLoop(100);
    cr_assert_eq(poolStats().active, 3, "one is kept idle");
    cr_assert_eq(poolStats().idle, 1);
}

Test(helperReserve, stop_ends_dialogs)
{
    poolCreate("slow=20");
    reserve(0);
    reserve(1);
    (void)ask(0, "x", 0);
    cr_assert(poolRunUntil(1));
    (void)ask(0, "y", 1);
    helperPoolStop(pool, POOL_WAIT_MS);
    cr_assert_eq(helperReservedSubmit(held[1], "x", 1, poolRecord, NULL, NULL),
                 -ESHUTDOWN);
    cr_assert_null(helperReserve(pool, NULL));
    cr_assert_eq(errno, ESHUTDOWN);
    cr_assert(poolRunUntil(2));
    expect(1, HELPER_OK, "y");
    cr_assert(poolRunUntilStopped());
    cr_assert(helperReservedIsLost(held[0]));
}

Test(helperReserve, reservations_outlive_the_pool)
{
    poolConfig.reservedPerClient = 5;
    poolCreate("silent");
    held[0] = helperReserve(pool, "a");
    held[1] = helperReserve(pool, "a");
    (void)ask(0, "x", 0);
    (void)supportRunLoop(30);
    helperPoolDestroy(&pool);
    expect(0, HELPER_SHUTDOWN, "");
    cr_assert(helperReservedIsLost(held[0]));
    cr_assert_eq(helperReservedSubmit(held[1], "x", 1, poolRecord, NULL, NULL),
                 -ESHUTDOWN);
    cr_assert_null(helperReserve(pool, NULL));
}

Test(helperReserve, extra_output_in_a_dialog_fails_its_process)
{
    poolCreate("two-later");
    reserve(0);
    (void)ask(0, "x", 0);
    cr_assert(poolRunUntil(1));
    poolWaitForRestarts(1);
    cr_assert(helperReservedIsLost(held[0]));
}

Test(helperReserve, a_process_of_an_old_configuration_keeps_its_share)
{
    HelperProcessStats row;

    poolConfig.max = 1;
    poolCreate("slow=50");
    held[0] = helperReserve(pool, NULL);
    cr_assert_eq(helperReservedSubmit(held[0], "x", 1, poolRecord, NULL, NULL),
                 0);
    cr_assert(poolRunUntil(1));
    poolConfig.concurrency = 5;
    cr_assert_eq(poolReconfigure("ids"), 0);
    helperRelease(&held[0]);
    for (int i = 1; i <= 3; i++)
        cr_assert_eq(poolSubmit("y", i), 0);
    cr_assert_eq(helperPoolProcesses(pool, &row, 1), 1);
    cr_assert_eq(row.inflight, 1, "it has no channel-IDs: one at a time");
    cr_assert(poolRunUntil(4));
}
