/* test_comm_timer.c: timers and deferred calls. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "comm.h"
#include "support.h"

TestSuite(commTimer, .init = supportCommInit, .fini = supportCommFini,
          .timeout = 20);

static char order[64];

static void
note(void *data)
{
    size_t len = strlen(order);

    cr_assert_lt(len, sizeof(order) - 1);
    order[len] = *(const char *)data;
}

static char letters[] = "abcdefgh";

Test(commTimer, runs_in_the_order_of_delays)
{
    commTimerAdd(20, note, &letters[2]);
    commTimerAdd(5, note, &letters[0]);
    commTimerAdd(10, note, &letters[1]);
    cr_assert_str_eq(order, "");
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_str_eq(order, "abc");
}

Test(commTimer, is_not_early)
{
    int64_t start = commNowUs();

    commTimerAdd(20, note, &letters[0]);
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_geq(commNowUs() - start, 19500);
}

/* The loop's idea of now is old when it has not run for a while. */
Test(commTimer, counts_from_now_although_the_loop_slept)
{
    int64_t start;

    cr_assert_eq(commLoopRun(), 0);
    usleep(30000);
    start = commClockUs();
    commTimerAdd(20, note, &letters[0]);
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_geq(commClockUs() - start, 19500);
}

Test(commTimer, takes_any_delay)
{
    CommTimer *timer = commTimerAdd(INT64_MAX, note, &letters[0]);

    commTimerAdd(INT64_MIN, note, &letters[1]);
    commLoopStop();
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_str_eq(order, "b");
    commTimerCancel(&timer);
}

Test(commTimer, cancel_clears_and_accepts_null)
{
    CommTimer *timer = commTimerAdd(1, note, &letters[0]);
    CommTimer *zero = commTimerAdd(0, note, &letters[0]);

    commTimerCancel(&timer);
    commTimerCancel(&zero);
    cr_assert_null(timer);
    commTimerCancel(&timer);
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_str_eq(order, "");
}

static CommTimer *victims[2];

static void
cancelVictims(void *data)
{
    note(data);
    commTimerCancel(&victims[0]);
    commTimerCancel(&victims[1]);
}

/* All three have expired when the first runs. */
Test(commTimer, a_timer_may_cancel_others_that_are_due)
{
    commTimerAdd(1, cancelVictims, &letters[0]);
    victims[0] = commTimerAdd(2, note, &letters[1]);
    victims[1] = commTimerAdd(3, note, &letters[2]);
    usleep(10000);
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_str_eq(order, "a");
    commTimerAdd(0, cancelVictims, &letters[1]);
    victims[0] = commTimerAdd(0, note, &letters[2]);
    victims[1] = commTimerAdd(1, note, &letters[2]);
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_str_eq(order, "ab");
}

static CommStats turnsAt[3];
static int zeroRuns;

static void
addZero(void *data)
{
    commStatsGet(&turnsAt[zeroRuns++], false);
    if (zeroRuns < 3)
        commTimerAdd(0, addZero, data);
}

/* And no millisecond of sleep each, which a thousand would show. */
Test(commTimer, without_delay_each_takes_a_turn_of_its_own)
{
    commTimerAdd(-5, addZero, NULL);
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_eq(zeroRuns, 3);
    cr_assert_eq(turnsAt[1].turns, turnsAt[0].turns + 1);
    cr_assert_eq(turnsAt[2].turns, turnsAt[1].turns + 1);
}

Test(commTimer, fini_drops_what_is_pending)
{
    CommDeferred deferred;

    commDeferInit(&deferred, note, &letters[0]);
    commDefer(&deferred);
    commTimerAdd(0, note, &letters[0]);
    commTimerAdd(1, note, &letters[0]);
    commTimerAdd(100000, note, &letters[0]);
    commFini();
    cr_assert_eq(commInit(), 0);
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_str_eq(order, "");
    commDefer(&deferred);
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_str_eq(order, "a");
}

static CommDeferred deferreds[5];

static void
initDeferreds(void)
{
    for (int i = 0; i < 5; i++)
        commDeferInit(&deferreds[i], note, &letters[i]);
}

Test(commTimer, deferred_calls_run_in_order_and_once)
{
    initDeferreds();
    commDefer(&deferreds[1]);
    commDefer(&deferreds[0]);
    commDefer(&deferreds[1]);
    commDefer(&deferreds[2]);
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_str_eq(order, "bac");
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_str_eq(order, "bac");
    commDefer(&deferreds[0]);
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_str_eq(order, "baca");
}

Test(commTimer, deferred_calls_can_be_cancelled_in_any_place)
{
    initDeferreds();
    for (int i = 0; i < 5; i++)
        commDefer(&deferreds[i]);
    commDeferCancel(&deferreds[4]);
    commDeferCancel(&deferreds[0]);
    commDeferCancel(&deferreds[2]);
    commDeferCancel(&deferreds[2]);
    commDefer(&deferreds[0]);
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_str_eq(order, "bda");
    for (int i = 0; i < 5; i++)
        commDefer(&deferreds[i]);
    for (int i = 0; i < 5; i++)
        commDeferCancel(&deferreds[i]);
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_str_eq(order, "bda");
}

static void
queueAndCancel(void *data)
{
    note(data);
    commDefer(&deferreds[4]);
    commDeferCancel(&deferreds[1]);
    commDeferCancel(&deferreds[2]);
    commDefer(&deferreds[2]);
}

Test(commTimer, a_deferred_call_may_queue_and_cancel_others)
{
    initDeferreds();
    commDeferInit(&deferreds[0], queueAndCancel, &letters[0]);
    for (int i = 0; i < 4; i++)
        commDefer(&deferreds[i]);
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_str_eq(order, "adec");
}

static void
stopWhenReadable(int fd, void *data)
{
    (void)fd;
    note(data);
    commLoopStop();
}

static void
deferAgain(void *data)
{
    commDefer(data);
}

/* One that queues itself for ever must not keep others from running. */
Test(commTimer, endless_deferred_calls_do_not_starve_descriptors)
{
    CommDeferred endless;
    int fds[2];

    supportSocketPair(fds);
    commSetSelect(fds[0], COMM_SELECT_WRITE, stopWhenReadable, &letters[0], 0);
    commDeferInit(&endless, deferAgain, &endless);
    commDefer(&endless);
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_str_eq(order, "a");
    commDeferCancel(&endless);
    commClose(fds[0]);
    close(fds[1]);
}

static void
stopLoop(void *data)
{
    (void)data;
    commLoopStop();
}

static void
deferFromTimer(void *data)
{
    note(data);
    commDefer(&deferreds[1]);
    commDefer(&deferreds[2]);
}

/* The purpose: writes of a turn leave together, before the loop sleeps. */
Test(commTimer, deferred_in_a_handler_runs_before_the_loop_sleeps)
{
    CommTimer *later = commTimerAdd(3600 * 1000, note, &letters[7]);

    initDeferreds();
    commDeferInit(&deferreds[2], stopLoop, NULL);
    commTimerAdd(2, deferFromTimer, &letters[0]);
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_str_eq(order, "ab");
    commTimerCancel(&later);
}
