/* test_helper_reconfigure.c: a pool goes on with another configuration. */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "comm.h"
#include "pool.h"
#include "support.h"

TestSuite(helperReconfigure, .init = poolInit, .fini = poolFini,
          .timeout = 120);

#define ROWS 64

static HelperProcessStats rows[ROWS];

static void
waitForGone(uint64_t count)
{
    for (int ms = 0; ms < POOL_WAIT_MS &&
                     poolStats().gone[HELPER_GONE_RECONFIGURED] < count;
         ms++)
        (void)supportRunLoop(1);
    cr_assert_geq(poolStats().gone[HELPER_GONE_RECONFIGURED], count);
}

static void
ask(const char *line, int tag)
{
    cr_assert_eq(poolSubmit(line, tag), 0);
}

static void
expect(int answers, int tag, const char *message)
{
    cr_assert(poolRunUntil(answers));
    cr_assert_str_eq(poolAnswer(tag)->message, message, "%d: %s %s", tag,
                     helperProtoResultName(poolAnswer(tag)->result),
                     poolAnswer(tag)->text);
}

Test(helperReconfigure, the_same_again_touches_no_process)
{
    poolConfig.startup = 3;
    poolCreate("pid");
    poolWaitForActive(3);
    cr_assert_eq(poolReconfigure("pid"), 0);
    (void)supportRunLoop(50);
    cr_assert_eq(helperPoolProcesses(pool, rows, ROWS), 3);
    for (unsigned i = 0; i < 3; i++)
        cr_assert_eq(rows[i].id, i + 1);
    cr_assert_eq(poolStats().gone[HELPER_GONE_RECONFIGURED], 0);
}

Test(helperReconfigure, answers_end_as_they_did)
{
    poolCreate("pid");
    poolConfig.endMark = 1;
    cr_assert_eq(poolReconfigure("pid"), -EINVAL);
}

Test(helperReconfigure, processes_that_stay_may_answer_longer)
{
    poolConfig.replyMax = 1000;
    poolConfig.startup = 1;
    poolCreate("bigline=400000");
    poolWaitForActive(1);
    poolConfig.replyMax = 500000;
    cr_assert_eq(poolReconfigure("bigline=400000"), 0);
    ask("x", 0);
    cr_assert(poolRunUntil(1));
    cr_assert_eq(poolAnswer(0)->text[0], 'x');
    cr_assert_eq(poolStats().gone[HELPER_GONE_GARBAGE], 0);
}

Test(helperReconfigure, what_is_wrong_changes_nothing)
{
    poolCreate("");
    poolConfig.max = 0;
    cr_assert_eq(poolReconfigure("bare"), -EINVAL);
    poolConfig.max = 1;
    poolConfig.name = "other";
    cr_assert_eq(poolReconfigure("bare"), -EINVAL);
    cr_assert_eq(poolStats().max, 4);
    ask("x", 0);
    expect(1, 0, "x");
    poolConfig.name = "test";
    helperPoolStop(pool, 0);
    cr_assert_eq(poolReconfigure(""), -ESHUTDOWN);
    cr_assert(poolRunUntilStopped());
}

Test(helperReconfigure, another_program_comes_before_the_old_one_leaves)
{
    poolConfig.startup = 4;
    poolCreate("");
    poolWaitForActive(4);
    cr_assert_eq(poolReconfigure("pid"), 0);
    while (poolStats().gone[HELPER_GONE_RECONFIGURED] < 4) {
        (void)supportRunLoop(1);
        cr_assert_geq(poolStats().active, 4);
    }
    cr_assert_eq(poolStats().restarts, 0);
    cr_assert_not_null(strstr(poolStats().program, "fake_helper pid"));
    ask("x", 0);
    cr_assert(poolRunUntil(1));
    cr_assert_gt(strtol(poolAnswer(0)->message, NULL, 10), 0, "a new one");
}

Test(helperReconfigure, requests_at_the_old_one_and_waiting_ones_stay)
{
    poolConfig.max = 1;
    poolCreate("slow=100");
    for (int i = 0; i < 5; i++)
        ask("x", i);
    poolWaitForActive(1);
    (void)supportRunLoop(20);
    cr_assert_eq(poolReconfigure("bare"), 0);
    cr_assert(poolRunUntil(5));
    cr_assert_eq(poolAnswer(0)->result, HELPER_OK, "by the old one");
    for (int i = 1; i < 5; i++)
        cr_assert_str_eq(poolAnswer(i)->text, "x", "by the new one");
    cr_assert_eq(poolStats().retries, 0);
    waitForGone(1);
}

Test(helperReconfigure, what_a_program_that_never_answers_has_goes_to_the_next)
{
    poolConfig.startup = poolConfig.max = 1;
    poolConfig.timeoutMs = 200;
    poolConfig.attempts = 1;
    poolCreate("silent");
    ask("first", 0);
    cr_assert(poolRunUntil(1));
    poolWaitForActive(1); /* the next silent one */
    poolConfig.timeoutMs = 20000;
    cr_assert_eq(poolReconfigure("silent"), 0);
    ask("in flight", 1);
    (void)supportRunLoop(50);
    cr_assert_eq(poolStats().inflight, 1);
    cr_assert_eq(poolReconfigure("bare"), 0);
    cr_assert(poolRunUntil(2));
    cr_assert_str_eq(poolAnswer(1)->text, "in flight");
}

Test(helperReconfigure, a_program_that_never_answers_gets_no_more_requests)
{
    poolConfig.startup = poolConfig.max = 1;
    poolConfig.timeoutMs = 200;
    poolConfig.attempts = 1;
    poolCreate("silent");
    ask("asked of a silent one", 0);
    cr_assert(poolRunUntil(1));
    cr_assert_eq(poolAnswer(0)->result, HELPER_TIMEOUT);
    poolWaitForActive(1); /* the next silent one */
    poolConfig.timeoutMs = 20000;
    cr_assert_eq(poolReconfigure("bare"), 0);
    ask("asked of another", 1);
    cr_assert(poolRunUntil(2));
    cr_assert_str_eq(poolAnswer(1)->text, "asked of another");
    cr_assert_eq(poolStats().timeouts, 1);
}

Test(helperReconfigure, with_ids_and_back)
{
    poolConfig.max = 2;
    poolCreate("slow=20");
    for (int i = 0; i < 6; i++)
        ask("line", i);
    poolWaitForActive(2);
    poolConfig.concurrency = 10;
    cr_assert_eq(poolReconfigure("ids slow=20"), 0);
    for (int i = 6; i < 60; i++)
        ask("line", i);
    (void)supportRunLoop(100);
    poolConfig.concurrency = 0;
    cr_assert_eq(poolReconfigure(""), 0);
    for (int i = 60; i < 80; i++)
        ask("line", i);
    cr_assert(poolRunUntil(80));
    for (int i = 0; i < 80; i++)
        cr_assert_str_eq(poolAnswer(i)->message, "line");
    cr_assert_eq(poolStats().restarts, 0);
    cr_assert_eq(poolStats().retries, 0);
    poolWaitForActive(2);
}

Test(helperReconfigure, with_a_broken_program_the_old_one_serves_on)
{
    const char *argv[] = {"/nonexistent/helper", NULL};

    poolConfig.max = 2;
    poolConfig.startup = 2;
    poolCreate("");
    poolWaitForActive(2);
    poolConfig.argv = argv;
    cr_assert_eq(helperPoolReconfigure(pool, &poolConfig), 0);
    (void)supportRunLoop(100);
    ask("x", 0);
    expect(1, 0, "x");
    cr_assert_eq(poolReconfigure("bare"), 0);
    waitForGone(2);
    ask("y", 1);
    cr_assert(poolRunUntil(2));
    cr_assert_str_eq(poolAnswer(1)->text, "y");
}

Test(helperReconfigure, a_dialog_ends_at_its_old_process)
{
    poolConfig.max = 1;
    poolCreate("dialog");
    HelperReservation *dialog = helperReserve(pool, NULL);
    (void)helperReservedSubmit(dialog, "YR", 2, poolRecord, (void *)0, NULL);
    cr_assert(poolRunUntil(1));
    cr_assert_eq(poolReconfigure("dialog slow=1"), 0);
    (void)supportRunLoop(50);
    (void)helperReservedSubmit(dialog, "KK a", 4, poolRecord, (void *)1, NULL);
    cr_assert(poolRunUntil(2));
    cr_assert_eq(poolAnswer(1)->result, HELPER_AF);
    helperRelease(&dialog);
    waitForGone(1);
}

Test(helperReconfigure, a_deadline_holds_for_those_that_wait_already)
{
    poolConfig.max = 1;
    poolCreate("silent");
    ask("x", 0);
    ask("x", 1);
    (void)supportRunLoop(20);
    poolConfig.timeoutMs = 60;
    cr_assert_eq(poolReconfigure("silent"), 0);
    cr_assert(poolRunUntil(2));
    cr_assert_eq(poolAnswer(0)->result, HELPER_TIMEOUT);
    cr_assert_eq(poolAnswer(1)->result, HELPER_TIMEOUT);
}

Test(helperReconfigure, a_deadline_may_be_taken_away)
{
    poolConfig.max = 1;
    poolConfig.timeoutMs = 100;
    poolCreate("slow=200");
    ask("x", 0);
    (void)supportRunLoop(20);
    poolConfig.timeoutMs = 0;
    cr_assert_eq(poolReconfigure("slow=200"), 0);
    expect(1, 0, "x");
    ask("y", 1);
    expect(2, 1, "y");
}

Test(helperReconfigure, sizes_take_effect_at_once)
{
    poolConfig.max = 6;
    poolConfig.startup = 6;
    poolCreate("slow=50");
    poolWaitForActive(6);
    poolSubmitLines(6);
    (void)supportRunLoop(20);
    poolConfig.startup = 0;
    poolConfig.max = 2;
    cr_assert_eq(poolReconfigure("slow=50"), 0);
    poolExpectLines(6);
    poolWaitForActive(2);
    cr_assert_eq(poolStats().gone[HELPER_GONE_RECONFIGURED], 4);
    cr_assert_eq(poolStats().retries, 0);
    poolConfig.max = 5;
    poolConfig.startup = 5;
    cr_assert_eq(poolReconfigure("slow=50"), 0);
    poolWaitForActive(5);
}

static int
createShell(const char *const env[], bool again)
{
    const char *argv[] = {"/bin/sh", "-c",
                          "while read l; do echo \"OK message=$MARK\"; done",
                          NULL};

    poolConfig.argv = argv;
    poolConfig.attr.env = env;
    if (again)
        return helperPoolReconfigure(pool, &poolConfig);
    pool = helperPoolCreate(&poolConfig);
    return 0;
}

Test(helperReconfigure, processes_are_told_whether_lines_have_ids)
{
    const char *argv[] = {
        "/bin/sh", "-c",
        "while read i l; do echo $i OK message=$SQUIRE_CONCURRENCY,$L; done",
        NULL};
    const char *env[] = {"SQUIRE_CONCURRENCY=9", "L=l", NULL};

    poolConfig.max = 1;
    poolConfig.argv = argv;
    poolConfig.concurrency = 7;
    poolConfig.attr.env = env;
    pool = helperPoolCreate(&poolConfig);
    ask("x", 0);
    expect(1, 0, "7,l");
    argv[2] = "while read i l; do echo OK message=$SQUIRE_CONCURRENCY; done";
    poolConfig.concurrency = 0;
    poolConfig.attr.env = NULL;
    cr_assert_eq(helperPoolReconfigure(pool, &poolConfig), 0);
    waitForGone(1);
    ask("x", 1);
    expect(2, 1, "0");
}

Test(helperReconfigure, attr_is_copied_and_compared)
{
    char first[] = "MARK=first", path[] = "PATH=/usr/bin:/bin";
    const char *env[] = {path, first, NULL};
    char cwd[] = "/";

    poolConfig.max = 1;
    poolConfig.attr.cwd = cwd;
    (void)createShell(env, false);
    first[5] = cwd[0] = 'X'; /* ours no more */
    ask("x", 0);
    expect(1, 0, "first");
    first[5] = 'f';
    cwd[0] = '/';
    cr_assert_eq(createShell(env, true), 0);
    (void)supportRunLoop(50);
    cr_assert_eq(poolStats().gone[HELPER_GONE_RECONFIGURED], 0);
    env[1] = "MARK=second";
    cr_assert_eq(createShell(env, true), 0);
    waitForGone(1);
    ask("x", 1);
    expect(2, 1, "second");
    poolConfig.attr.cwd = "/tmp";
    cr_assert_eq(createShell(env, true), 0);
    waitForGone(2);
}
