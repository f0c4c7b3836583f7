/* test_helper_probe.c: processes that are asked whether they work. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "comm.h"
#include "debug.h"
#include "pool.h"
#include "support.h"

static void
init(void)
{
    poolInit();
    cr_assert_eq(debugOpen(supportTempPath("debug.log")), 0);
    debugOptions("ALL,1");
    poolConfig.max = 1;
    poolConfig.graceMs = 50;
    poolConfig.probe = "hello world";
}

static void
fini(void)
{
    debugClose();
    poolFini();
}

TestSuite(helperProbe, .init = init, .fini = fini, .timeout = 120);

static void
expectLogged(const char *text)
{
    char *log = supportReadFile(supportTempPath("debug.log"));

    cr_assert_not_null(strstr(log, text), "%s", log);
    free(log);
}

static void
waitForGone(HelperGone why, uint64_t count)
{
    for (int ms = 0; ms < POOL_WAIT_MS && poolStats().gone[why] < count; ms++)
        (void)supportRunLoop(1);
    cr_assert_geq(poolStats().gone[why], count);
}

/* The request shows that answers are not mixed up. */
static void
expectProbed(const char *args)
{
    poolCreate(args);
    cr_assert_eq(poolSubmit("x", 0), 0);
    cr_assert(poolRunUntil(1));
    cr_assert_str_eq(poolAnswer(0)->message, "2 x", "the probe was the first");
    HelperProcessStats row;
    cr_assert_eq(helperPoolProcesses(pool, &row, 1), 1);
    cr_assert_eq(row.requests, 1);
    cr_assert_str_eq(row.state, "ready");
    HelperPoolStats stats = poolStats();
    cr_assert_eq(stats.requests, 1);
    cr_assert_eq(stats.replies, 1);
    cr_assert_eq(stats.byResult[HELPER_OK], 1);
    cr_assert_eq(stats.serviceMs.count, 1);
    cr_assert_eq(stats.queueMs.count, 1);
    cr_assert_eq(stats.inflight, 0);
}

Test(helperProbe, a_process_is_asked_before_it_gets_requests)
{
    expectProbed("numbered");
}

Test(helperProbe, an_answer_like_the_probe_may_end_in_cr)
{
    poolCreate("bare crlf");
    cr_assert_eq(poolSubmit("x", 0), 0);
    cr_assert(poolRunUntil(1));
    cr_assert_str_eq(poolAnswer(0)->text, "x");
    cr_assert_eq(poolStats().gone[HELPER_GONE_PROBE], 0);
}

Test(helperProbe, with_ids_too)
{
    poolConfig.concurrency = 5;
    expectProbed("ids numbered");
}

Test(helperProbe, a_startup_process_is_ready_when_it_has_answered)
{
    poolConfig.startup = 1;
    poolCreate("slow=100");
    poolWaitForActive(1);
    cr_assert_eq(poolStats().idle, 0);
    cr_assert_eq(poolStats().inflight, 0);
    for (int ms = 0; ms < POOL_WAIT_MS && poolStats().idle == 0; ms++)
        (void)supportRunLoop(1);
    cr_assert_eq(poolStats().idle, 1);
}

/* No request is ever asked; those that wait get to know why. */
static void
expectFailure(const char *args, const char *cause)
{
    poolCreate(args);
    cr_assert_eq(poolSubmit("x", 0), 0);
    waitForGone(HELPER_GONE_PROBE, 1);
    expectLogged(cause);
    cr_assert(poolRunUntil(1));
    cr_assert_eq(poolAnswer(0)->result, HELPER_UNKNOWN);
    cr_assert_not_null(strstr(poolAnswer(0)->message, cause), "%s",
                       poolAnswer(0)->message);
    cr_assert_eq(poolStats().replies, 0);
}

Test(helperProbe, bh_fails_the_process)
{
    expectFailure("bh", "it answered the probe BH");
}

Test(helperProbe, what_cannot_be_used_fails_the_process)
{
    expectFailure("control", "its answer to the probe cannot be used");
}

Test(helperProbe, no_channel_id_where_one_is_due)
{
    poolConfig.concurrency = 5;
    expectFailure("", "is concurrency= set for a helper that does not");
}

Test(helperProbe, a_channel_id_where_none_is_due)
{
    expectFailure("ids", "is concurrency= missing?");
}

Test(helperProbe, a_word_taken_for_a_channel_id)
{
    const char *argv[] = {"/bin/sh", "-c",
                          "while read id l; do echo \"$id OK\"; done", NULL};

    poolConfig.argv = argv;
    pool = helperPoolCreate(&poolConfig);
    cr_assert_eq(poolSubmit("x", 0), 0);
    waitForGone(HELPER_GONE_PROBE, 1);
    expectLogged("is concurrency= missing?");
    cr_assert(poolRunUntil(1));
}

Test(helperProbe, two_lines_in_answer)
{
    expectFailure("two-for-one", "a line too many");
}

Test(helperProbe, silence_fails_the_process)
{
    poolConfig.timeoutMs = 100;
    poolCreate("silent");
    cr_assert_eq(poolSubmit("x", 0), 0);
    cr_assert(poolRunUntil(1));
    cr_assert_eq(poolAnswer(0)->result, HELPER_TIMEOUT);
    waitForGone(HELPER_GONE_PROBE, 1);
    expectLogged("no answer to its first probe in time");
    cr_assert_eq(poolStats().timeouts, 1, "the request's own");
}

Test(helperProbe, an_end_instead_of_an_answer_is_an_end)
{
    poolCreate("exit-at-start");
    cr_assert_eq(poolSubmit("x", 0), 0);
    waitForGone(HELPER_GONE_EXIT, 1);
    cr_assert(poolRunUntil(1));
    cr_assert_eq(poolAnswer(0)->result, HELPER_UNKNOWN);
    cr_assert_eq(poolStats().gone[HELPER_GONE_PROBE], 0);
}

Test(helperProbe, idle_ones_are_asked_again)
{
    poolConfig.startup = 1;
    poolConfig.probeMs = 30;
    poolCreate("numbered");
    (void)supportRunLoop(300);
    cr_assert_eq(poolSubmit("x", 0), 0);
    cr_assert(poolRunUntil(1));
    cr_assert_geq(strtol(poolAnswer(0)->message, NULL, 10), 4);
    cr_assert_eq(poolStats().requests, 1);
    cr_assert_eq(poolStats().replies, 1);
    cr_assert_eq(poolStats().restarts, 0);
}

Test(helperProbe, an_idle_one_that_broke_is_replaced)
{
    poolConfig.startup = 1;
    poolConfig.probeMs = 20;
    poolCreate("bh-after=3");
    waitForGone(HELPER_GONE_PROBE, 2);
    expectLogged("it answered the probe BH");
    cr_assert_eq(poolStats().byResult[HELPER_BH], 0);
    poolWaitForActive(1);
}

Test(helperProbe, probes_do_not_keep_a_surplus_alive)
{
    poolConfig.max = 4;
    poolConfig.idleMs = 300;
    poolConfig.probeMs = 20;
    poolCreate("slow=30");
    for (int i = 0; i < 4; i++)
        cr_assert_eq(poolSubmit("x", i), 0);
    poolWaitForActive(4);
    cr_assert(poolRunUntil(4));
    poolWaitForActive(1);
    cr_assert_eq(poolStats().gone[HELPER_GONE_IDLE], 3);
}

Test(helperProbe, waiting_for_the_answer_starts_no_more_processes)
{
    poolConfig.max = 10;
    poolCreate("slow=100");
    cr_assert_eq(poolSubmit("x", 0), 0);
    cr_assert(poolRunUntil(1));
    cr_assert_eq(poolStats().active, 1);
}

Test(helperProbe, an_old_process_serves_until_the_new_one_has_answered)
{
    poolConfig.startup = 1;
    poolCreate("numbered");
    while (poolStats().idle == 0)
        (void)supportRunLoop(1);
    cr_assert_eq(poolReconfigure("numbered slow=300"), 0);
    (void)supportRunLoop(50);
    cr_assert_eq(poolStats().active, 2);
    cr_assert_eq(poolSubmit("x", 0), 0);
    cr_assert(poolRunUntil(1));
    cr_assert_eq(poolStats().gone[HELPER_GONE_RECONFIGURED], 0);
    waitForGone(HELPER_GONE_RECONFIGURED, 1);
    cr_assert_eq(poolStats().active, 1);
}

Test(helperProbe, one_that_cannot_work_never_replaces_an_old_one)
{
    poolConfig.startup = 1;
    poolCreate("");
    while (poolStats().idle == 0)
        (void)supportRunLoop(1);
    cr_assert_eq(poolReconfigure("bh"), 0);
    waitForGone(HELPER_GONE_PROBE, 2);
    cr_assert_eq(poolSubmit("x", 0), 0);
    cr_assert(poolRunUntil(1));
    cr_assert_str_eq(poolAnswer(0)->message, "x");
    cr_assert_eq(poolStats().gone[HELPER_GONE_RECONFIGURED], 0);
}

Test(helperProbe, stop_does_not_wait_for_it)
{
    poolConfig.startup = 1;
    poolCreate("silent");
    poolWaitForActive(1);
    helperPoolStop(pool, POOL_WAIT_MS);
    cr_assert(poolRunUntilStopped());
}

Test(helperProbe, a_line_that_cannot_be_sent_is_refused)
{
    const char *argv[] = {"x", NULL};

    poolConfig.argv = argv;
    poolConfig.probe = "a\nb";
    cr_assert_null(helperPoolCreate(&poolConfig));
    cr_assert_eq(errno, EINVAL);
}
