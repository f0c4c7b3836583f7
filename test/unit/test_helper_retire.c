/* test_helper_retire.c: processes are replaced in time, and leave in steps. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "comm.h"
#include "pool.h"
#include "support.h"

TestSuite(helperRetire, .init = poolInit, .fini = poolFini, .timeout = 120);

#define ROWS 64

static HelperProcessStats rows[ROWS];

/* How many processes are in this state; all of them with NULL. */
static size_t
countRows(const char *state)
{
    size_t count = helperPoolProcesses(pool, rows, ROWS), found = 0;

    for (size_t i = 0; i < count && i < ROWS; i++)
        found += !state || strcmp(rows[i].state, state) == 0;
    return found;
}

static void
waitForGone(HelperGone why, uint64_t count)
{
    for (int ms = 0; ms < POOL_WAIT_MS && poolStats().gone[why] < count; ms++)
        (void)supportRunLoop(1);
    cr_assert_geq(poolStats().gone[why], count, "%s", helperGoneName(why));
}

static void
askOneByOne(int from, int to)
{
    for (int i = from; i < to; i++) {
        cr_assert_eq(poolSubmit("x", i), 0);
        cr_assert(poolRunUntil(i + 1));
        cr_assert_eq(poolAnswer(i)->result, HELPER_OK);
    }
}

Test(helperRetire, every_reason_has_a_name)
{
    for (int why = 0; why < HELPER_GONE_COUNT; why++)
        cr_assert_str_neq(helperGoneName(why), "?");
    cr_assert_str_eq(helperGoneName(HELPER_GONE_COUNT), "?");
}

Test(helperRetire, a_process_is_replaced_after_its_requests)
{
    poolConfig.max = 1;
    poolConfig.maxRequests = 5;
    poolCreate("pid");
    askOneByOne(0, 23);
    cr_assert_eq(poolStats().gone[HELPER_GONE_REQUESTS], 4);
    for (int i = 0; i < 5; i++)
        cr_assert_str_eq(poolAnswer(i)->message, poolAnswer(0)->message);
    cr_assert_str_neq(poolAnswer(5)->message, poolAnswer(0)->message);
    cr_assert_eq(poolStats().restarts, 0, "that is no crash");
    cr_assert_eq(poolStats().retries, 0);
}

Test(helperRetire, the_replacement_starts_while_the_old_one_finishes)
{
    poolConfig.max = 1;
    poolConfig.maxRequests = 1;
    poolCreate("slow=300 pid");
    (void)poolSubmit("x", 0);
    for (int ms = 0; ms < 280 && countRows("retiring") == 0; ms++)
        (void)supportRunLoop(1);
    cr_assert_eq(countRows("retiring"), 1);
    cr_assert_eq(countRows(NULL), 2);
    pid_t old = rows[0].pid;
    cr_assert_eq(rows[0].requests, 1);
    cr_assert_str_eq(rows[1].state, "ready", "nobody has asked it yet");
    (void)poolSubmit("y", 1);
    cr_assert_eq(countRows("starting"), 1, "its first answer is due");
    cr_assert(poolRunUntil(2));
    cr_assert_eq(strtol(poolAnswer(0)->message, NULL, 10), old);
    cr_assert_neq(strtol(poolAnswer(1)->message, NULL, 10), old);
    cr_assert_eq(poolStats().retries, 0);
}

Test(helperRetire, many_in_flight_are_all_answered)
{
    poolConfig.concurrency = 20;
    poolConfig.maxRequests = 50;
    poolCreate("ids");
    poolSubmitLines(2000);
    poolExpectLines(2000);
    cr_assert_gt(poolStats().gone[HELPER_GONE_REQUESTS], 5);
    cr_assert_eq(poolStats().restarts, 0);
    cr_assert_eq(poolStats().retries, 0);
}

Test(helperRetire, old_ones_are_replaced_a_few_at_a_time)
{
    poolConfig.max = 16;
    poolConfig.startup = 16;
    poolCreate("");
    poolWaitForActive(16);
    /* All are old at once. */
    poolConfig.maxAgeMs = 1;
    cr_assert_eq(poolReconfigure(""), 0);
    for (int ms = 0;
         ms < POOL_WAIT_MS && poolStats().gone[HELPER_GONE_AGE] < 16; ms++) {
        (void)supportRunLoop(1);
        HelperPoolStats stats = poolStats();
        cr_assert_geq(stats.active, 16, "the new ones come first");
        cr_assert_leq(stats.active, 16 + 3);
    }
    cr_assert_geq(poolStats().gone[HELPER_GONE_AGE], 16);
    cr_assert_eq(poolStats().restarts, 0);
}

Test(helperRetire, age_counts_from_the_start)
{
    poolConfig.startup = 1;
    poolConfig.maxAgeMs = 400;
    poolCreate("");
    (void)supportRunLoop(200);
    cr_assert_eq(poolStats().gone[HELPER_GONE_AGE], 0);
    waitForGone(HELPER_GONE_AGE, 1);
    cr_assert_geq(poolStats().active, 1);
}

Test(helperRetire, a_process_with_a_dialog_stays_until_that_ends)
{
    poolConfig.max = 1;
    poolConfig.maxRequests = 2;
    poolCreate("pid");
    HelperReservation *dialog = helperReserve(pool, NULL);
    for (int i = 0; i < 6; i++) {
        cr_assert_eq(helperReservedSubmit(dialog, "x", 1, poolRecord,
                                          (void *)(intptr_t)i, NULL),
                     0);
        cr_assert(poolRunUntil(i + 1));
        cr_assert_str_eq(poolAnswer(i)->message, poolAnswer(0)->message);
    }
    cr_assert_eq(poolStats().gone[HELPER_GONE_REQUESTS], 0);
    helperRelease(&dialog);
    waitForGone(HELPER_GONE_REQUESTS, 1);
    askOneByOne(6, 7);
    cr_assert_str_neq(poolAnswer(6)->message, poolAnswer(0)->message);
}

Test(helperRetire, worn_processes_serve_while_no_new_one_can_be_started)
{
    const char *build = getenv("SQUIRE_BUILD");
    const char *link = supportTempPath("helper");
    char target[1024];

    snprintf(target, sizeof(target), "%s/test/fake_helper",
             build ? build : "..");
    cr_assert_eq(symlink(target, link), 0);
    poolConfig.max = 1;
    poolConfig.maxRequests = 3;
    poolCreateProgram(link);
    askOneByOne(0, 1);
    cr_assert_eq(unlink(link), 0);
    askOneByOne(1, 20);
    cr_assert_eq(poolStats().gone[HELPER_GONE_REQUESTS], 0);
    cr_assert_not_null(strstr(poolStats().trouble, "cannot start"));
    cr_assert_eq(symlink(target, link), 0);
    waitForGone(HELPER_GONE_REQUESTS, 1);
    askOneByOne(20, 23);
}

Test(helperRetire, stop_ends_what_was_to_be_replaced)
{
    poolConfig.max = 2;
    poolConfig.maxRequests = 1;
    poolCreate("slow=50");
    poolSubmitLines(6);
    helperPoolStop(pool, POOL_WAIT_MS);
    poolExpectLines(6);
    cr_assert(poolRunUntilStopped());
}

Test(helperRetire, idle_ones_are_counted_as_such)
{
    poolConfig.idleMs = 40;
    poolCreate("slow=100");
    poolSubmitLines(4);
    poolExpectLines(4);
    waitForGone(HELPER_GONE_IDLE, 3);
    cr_assert_eq(poolStats().restarts, 0);
}

static void
expectGone(const char *args, HelperGone why)
{
    poolConfig.timeoutMs = why == HELPER_GONE_TIMEOUT ? 500 : 60000;
    poolConfig.max = poolConfig.startup = 1;
    poolCreate(args);
    poolWaitForActive(1);
    (void)poolSubmit("x", 0);
    waitForGone(why, 1);
    for (int other = 0; other < HELPER_GONE_COUNT; other++)
        if (other != (int)why)
            cr_assert_eq(poolStats().gone[other], 0, "%s",
                         helperGoneName(other));
    cr_assert_str_neq(poolStats().trouble, "");
}

Test(helperRetire, an_exit_is_counted_as_such)
{
    expectGone("crash-after=0", HELPER_GONE_EXIT);
}

Test(helperRetire, a_signal_is_counted_as_such)
{
    expectGone("abort-after=0", HELPER_GONE_SIGNAL);
}

Test(helperRetire, garbage_is_counted_as_such)
{
    expectGone("nul", HELPER_GONE_GARBAGE);
}

Test(helperRetire, a_timeout_is_counted_as_such)
{
    expectGone("silent", HELPER_GONE_TIMEOUT);
}

Test(helperRetire, a_process_leaves_in_steps)
{
    const char *const states[] = {"leaving", "terminated", "killed"};
    size_t at = 0;

    poolConfig.startup = 1;
    poolConfig.graceMs = 60;
    poolCreate("stubborn");
    askOneByOne(0, 1);
    helperPoolStop(pool, 0);
    for (int ms = 0; ms < POOL_WAIT_MS && at < 3; ms++) {
        (void)supportRunLoop(1);
        if (countRows(NULL) == 0)
            break;
        if (strcmp(rows[0].state, states[at]) == 0)
            at++;
        else if (at > 0)
            cr_assert_str_eq(rows[0].state, states[at - 1]);
    }
    cr_assert_geq(at, 2, "the last step may be over at once");
    cr_assert(poolRunUntilStopped());
}

static bool
isRunning(long pid)
{
    char path[64], state = 'Z';

    snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    if (fscanf(file, "%*d %*s %c", &state) != 1)
        state = 'Z';
    fclose(file);
    return state != 'Z' && state != 'X';
}

Test(helperRetire, what_a_helper_has_started_is_killed_with_it)
{
    const char *argv[] = {"/bin/sh", "-c",
                          "trap '' TERM; sleep 600 & "
                          "while read l; do echo \"OK message=$!\"; done; wait",
                          NULL};

    poolConfig.argv = argv;
    poolConfig.graceMs = 30;
    pool = helperPoolCreate(&poolConfig);
    askOneByOne(0, 1);
    long child = strtol(poolAnswer(0)->message, NULL, 10);
    cr_assert(isRunning(child));
    helperPoolStop(pool, 0);
    cr_assert(poolRunUntilStopped());
    for (int ms = 0; ms < POOL_WAIT_MS && isRunning(child); ms++)
        (void)supportRunLoop(1);
    cr_assert_not(isRunning(child));
}

/* No fixture: the loop is the other process's. */
TestSuite(helperOrphan, .timeout = 120);

static void
runUntilKilled(int reportFd)
{
    poolInit();
    poolConfig.startup = 1;
    poolConfig.attr.diesWithUs = false; /* pools know better */
    poolCreate("deaf");
    poolWaitForActive(1);
    (void)countRows(NULL);
    if (write(reportFd, &rows[0].pid, sizeof(pid_t)) != sizeof(pid_t))
        _exit(1);
    for (;;)
        pause();
}

Test(helperOrphan, processes_die_with_the_proxy)
{
    int ends[2];
    pid_t helper = -1;

    cr_assert_eq(pipe(ends), 0);
    pid_t proxy = fork();
    cr_assert_geq(proxy, 0);
    if (proxy == 0)
        runUntilKilled(ends[1]);
    cr_assert_eq(read(ends[0], &helper, sizeof(helper)), sizeof(helper));
    cr_assert(isRunning(helper));
    cr_assert_eq(kill(proxy, SIGKILL), 0);
    cr_assert_eq(waitpid(proxy, NULL, 0), proxy);
    for (int ms = 0; ms < POOL_WAIT_MS && isRunning(helper); ms += 5)
        (void)usleep(5000);
    cr_assert_not(isRunning(helper));
}
