/* test_helper_ahead.c: lines sent ahead to programs without channel-IDs. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "debug.h"
#include "pool.h"
#include "support.h"

#define ROUNDS 800 /* a busy machine lets quick answers look slow */

static void
init(void)
{
    poolInit();
    cr_assert_eq(debugOpen(supportTempPath("debug.log")), 0);
    debugOptions("ALL,1");
    poolConfig.max = 1;
    poolConfig.startup = 1;
    poolConfig.pipeline = 4;
    poolConfig.restartMinMs = 1;
}

static void
fini(void)
{
    debugClose();
    poolFini();
}

TestSuite(helperAhead, .init = init, .fini = fini, .timeout = 120);

/* Ask four lines at once; the most that a count-lines helper read together. */
static int
askFour(void)
{
    int most = 0;

    poolAnswerCount = 0;
    for (int i = 0; i < 4; i++)
        cr_assert_eq(poolSubmit("x", i), 0);
    cr_assert(poolRunUntil(4));
    for (int i = 0; i < 4; i++) {
        int lines = (int)strtol(poolAnswer(i)->message, NULL, 10);
        most = lines > most ? lines : most;
    }
    return most;
}

static int
askManyRounds(int enough)
{
    int most = 0;

    for (int i = 0; i < ROUNDS && most < enough; i++) {
        int lines = askFour();
        most = lines > most ? lines : most;
    }
    return most;
}

Test(helperAhead, a_new_process_gets_one_line_at_a_time)
{
    poolCreate("count-lines");
    poolWaitForActive(1);
    cr_assert_eq(askFour(), 1);
    cr_assert_eq(askFour(), 1);
}

Test(helperAhead, a_quick_one_gets_lines_ahead_when_it_has_proven)
{
    poolCreate("count-lines");
    cr_assert_geq(askManyRounds(3), 3);
    cr_assert_eq(poolStats().restarts, 0);
}

Test(helperAhead, not_without_being_asked_for)
{
    poolConfig.pipeline = 0;
    poolCreate("count-lines");
    for (int i = 0; i < 60; i++)
        cr_assert_eq(askFour(), 1);
}

Test(helperAhead, a_slow_one_gets_one_line_at_a_time)
{
    poolCreate("count-lines slow=3");
    for (int i = 0; i < 40; i++)
        cr_assert_eq(askFour(), 1);
}

Test(helperAhead, answers_are_given_in_order)
{
    poolConfig.pipeline = 8;
    poolCreate("bytes");
    for (int i = 0; i < 40; i++) {
        poolAnswerCount = 0;
        poolSubmitLines(40);
        poolExpectLines(40);
    }
    cr_assert_eq(poolStats().restarts, 0);
}

/* Not lost, and not asked ahead again: also not of its replacement. */
Test(helperAhead, a_program_that_loses_lines_gets_one_at_a_time)
{
    poolCreate("one-per-read");
    for (int i = 0; i < ROUNDS && poolStats().retries == 0; i++) {
        poolAnswerCount = 0;
        poolSubmitLines(4);
        poolExpectLines(4);
    }
    HelperPoolStats stats = poolStats();
    cr_assert_eq(stats.retries, 1);
    cr_assert_eq(stats.gone[HELPER_GONE_PIPELINE], 1);
    for (int i = 0; i < 100; i++) {
        poolAnswerCount = 0;
        poolSubmitLines(4);
        poolExpectLines(4);
    }
    stats = poolStats();
    cr_assert_eq(stats.gone[HELPER_GONE_PIPELINE], 1);
    cr_assert_eq(stats.retries, 1);
    cr_assert_eq(stats.restarts, 0, "it did nothing that is forbidden");
}

/* Each process dies with lines ahead: only the first of them counts a try. */
Test(helperAhead, lines_do_not_suffer_for_the_one_that_kills)
{
    poolCreate("crash-after=100");
    for (int i = 0; i < 50; i++) {
        poolAnswerCount = 0;
        poolSubmitLines(40);
        cr_assert(poolRunUntil(40));
        for (int j = 0; j < 40; j++)
            cr_assert_eq(poolAnswer(j)->result, HELPER_OK);
    }
    cr_assert_geq(poolStats().restarts, 19);
}

Test(helperAhead, a_second_answer_is_noticed_before_lines_are_sent_ahead)
{
    poolConfig.graceMs = 50;
    poolCreate("two-for-one");
    cr_assert_eq(poolSubmit("x", 0), 0);
    cr_assert(poolRunUntil(1));
    cr_assert_eq(poolAnswer(0)->result, HELPER_UNKNOWN);
    cr_assert_not_null(strstr(poolAnswer(0)->message, "a line too many"));
}
