/* test_helper_restart.c: the policy of starts, as a pure function of time. */
#include <criterion/criterion.h>
#include <signal.h>
#include <sys/wait.h>

#include "helper_restart.h"

#define MS 1000ll
#define EXITED(n) W_EXITCODE((n), 0)
#define KILLED(signo) W_EXITCODE(0, (signo))

static HelperRestart restart;

static void
init(void)
{
    helperRestartInit(&restart, 100 * MS, 30000 * MS, 3);
}

TestSuite(helperRestart, .init = init);

static void
die(int64_t startedUs, int64_t nowUs, bool answered, int status)
{
    HelperDeath death = {
        .startedUs = startedUs,
        .answered = answered,
        .waitStatus = status,
    };

    helperRestartDied(&restart, &death, nowUs);
}

Test(helperRestart, first_start_waits_for_nothing)
{
    cr_assert_eq(helperRestartWait(&restart, 0), 0);
    helperRestartStarted(&restart, 0);
    cr_assert_eq(helperRestartWait(&restart, 0), 0, "nor does the second");
}

Test(helperRestart, bad_starts_double_the_delay_up_to_the_bound)
{
    int64_t nowUs = 0;

    for (int64_t delay = 100 * MS; delay < 30000 * MS; delay *= 2) {
        die(nowUs, nowUs, false, EXITED(1));
        cr_assert_eq(helperRestartWait(&restart, nowUs), delay);
        nowUs += delay;
        cr_assert_eq(helperRestartWait(&restart, nowUs), 0);
    }
    for (int i = 0; i < 100; i++)
        helperRestartFailed(&restart, nowUs);
    cr_assert_eq(helperRestartWait(&restart, nowUs), 30000 * MS);
}

Test(helperRestart, one_process_is_tried_per_delay)
{
    helperRestartFailed(&restart, 0);
    helperRestartStarted(&restart, 100 * MS);
    cr_assert_eq(helperRestartWait(&restart, 100 * MS), 100 * MS);
}

Test(helperRestart, processes_started_together_fail_as_one)
{
    for (int i = 0; i < 20; i++)
        die(0, 5 * MS, false, EXITED(127));
    cr_assert_eq(restart.failures, 1);
    cr_assert_eq(helperRestartWait(&restart, 5 * MS), 100 * MS);
}

Test(helperRestart, a_process_that_worked_is_replaced_at_once)
{
    for (int i = 0; i < 1000; i++)
        die(0, i * MS, true, KILLED(SIGSEGV));
    cr_assert_eq(helperRestartWait(&restart, 1000 * MS), 0);
    cr_assert_not(helperRestartIsHopeless(&restart));
}

Test(helperRestart, success_resets)
{
    helperRestartFailed(&restart, 0);
    helperRestartFailed(&restart, 100 * MS);
    helperRestartWorked(&restart, 300 * MS);
    cr_assert_eq(restart.failures, 0);
    cr_assert_eq(helperRestartWait(&restart, 300 * MS), 0);
}

Test(helperRestart, an_older_process_is_no_proof_of_the_new_program)
{
    die(50 * MS, 60 * MS, false, EXITED(1));
    helperRestartWorked(&restart, 10 * MS);
    cr_assert_eq(restart.failures, 1);
    cr_assert_gt(helperRestartWait(&restart, 61 * MS), 0);
}

Test(helperRestart, killed_by_others_costs_the_least_delay_only)
{
    for (int i = 0; i < 50; i++)
        die(i * 100 * MS, i * 100 * MS, false, KILLED(SIGKILL));
    cr_assert_eq(helperRestartWait(&restart, 4900 * MS), 100 * MS);
    cr_assert_eq(restart.failures, 0);
}

Test(helperRestart, one_that_lived_long_was_no_bad_start)
{
    die(0, HELPER_RESTART_LIVED_US, false, EXITED(1));
    cr_assert_eq(helperRestartWait(&restart, HELPER_RESTART_LIVED_US), 0);
}

Test(helperRestart, hopeless_when_it_cannot_be_executed_three_times)
{
    helperRestartFailed(&restart, 0);
    helperRestartFailed(&restart, 0);
    cr_assert_not(helperRestartIsHopeless(&restart));
    helperRestartFailed(&restart, 0);
    cr_assert(helperRestartIsHopeless(&restart));
    helperRestartStarted(&restart, 1);
    cr_assert_not(helperRestartIsHopeless(&restart));
}

Test(helperRestart, one_bad_request_does_not_make_it_hopeless)
{
    for (int i = 0; i < 3; i++)
        die(i, i, false, EXITED(1));
    cr_assert_not(helperRestartIsHopeless(&restart));
    die(3, 3, false, EXITED(1));
    cr_assert(helperRestartIsHopeless(&restart));
    helperRestartWorked(&restart, 4);
    cr_assert_not(helperRestartIsHopeless(&restart));
}

static void
dieAtWork(int count)
{
    HelperDeath death = {.atWork = true, .waitStatus = EXITED(4)};

    for (int i = 0; i < count; i++)
        helperRestartDied(&restart, &death, 0);
}

Test(helperRestart, requests_that_kill_do_not_stop_a_program_that_works)
{
    helperRestartWorked(&restart, 0);
    dieAtWork(HELPER_RESTART_SPENT_MAX);
    cr_assert_eq(restart.failures, 0);
    cr_assert_eq(helperRestartWait(&restart, 0), 10 * MS);
    dieAtWork(3);
    cr_assert_gt(helperRestartWait(&restart, 0), 10 * MS);
    helperRestartWorked(&restart, 1);
    dieAtWork(HELPER_RESTART_SPENT_MAX);
    cr_assert_not(helperRestartIsHopeless(&restart));
}

Test(helperRestart, a_program_that_never_worked_is_tried_less_often)
{
    dieAtWork(HELPER_RESTART_SPENT_NEW);
    cr_assert_not(helperRestartIsHopeless(&restart));
    for (int i = 0; i < 4; i++) {
        HelperDeath death = {
            .startedUs = i, .atWork = true, .waitStatus = EXITED(4)};
        helperRestartDied(&restart, &death, i);
    }
    cr_assert(helperRestartIsHopeless(&restart));
}

Test(helperRestart, requests_are_blamed_for_crashes_only)
{
    HelperDeath death = {.waitStatus = KILLED(SIGKILL)};

    cr_assert(helperRestartIsBlameless(&death));
    death.waitStatus = KILLED(SIGTERM);
    cr_assert(helperRestartIsBlameless(&death));
    death.waitStatus = KILLED(SIGSEGV);
    cr_assert_not(helperRestartIsBlameless(&death));
    death.waitStatus = EXITED(0);
    cr_assert_not(helperRestartIsBlameless(&death), "it never worked");
    death.answered = true;
    cr_assert(helperRestartIsBlameless(&death), "one-shot");
    death.waitStatus = EXITED(1);
    cr_assert_not(helperRestartIsBlameless(&death));
    death.waitStatus = HELPER_STATUS_UNKNOWN;
    cr_assert(helperRestartIsBlameless(&death), "may have been one-shot");
    death.answered = false;
    cr_assert_not(helperRestartIsBlameless(&death), "may be no helper");
    death.waitStatus = KILLED(SIGKILL);
    death.byUs = true;
    cr_assert_not(helperRestartIsBlameless(&death));
}

Test(helperRestart, a_bound_below_the_least_delay_is_the_least_delay)
{
    helperRestartInit(&restart, 100 * MS, 1 * MS, 3);
    helperRestartFailed(&restart, 0);
    helperRestartFailed(&restart, 0);
    cr_assert_eq(helperRestartWait(&restart, 0), 100 * MS);
}
