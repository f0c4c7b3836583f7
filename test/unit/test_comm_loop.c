/* test_comm_loop.c: running, stopping, figures, deferred free. */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "comm.h"
#include "support.h"

TestSuite(commLoop, .init = supportCommInit, .fini = supportCommFini,
          .timeout = 20);

static char order[32];

static void
note(void *data)
{
    size_t len = strlen(order);

    cr_assert_lt(len, sizeof(order) - 1);
    order[len] = *(const char *)data;
}

Test(commLoop, ends_at_once_when_nothing_is_left)
{
    int fds[2];

    cr_assert_eq(commLoopRun(), 0);
    supportSocketPair(fds);
    cr_assert_eq(commOpen(fds[0], "idle"), 0);
    cr_assert_eq(commLoopRun(), 0);
    commClose(fds[0]);
    close(fds[1]);
}

Test(commLoop, needs_init)
{
    commFini();
    errno = 0;
    cr_assert_eq(commLoopRun(), -1);
    cr_assert_eq(errno, ENOENT);
    cr_assert_null(commLoopSelf());
    cr_assert_not(commIsRunning());
    cr_assert_not(commIsOpen(0));
    cr_assert_eq(commInit(), 0);
}

/* However few descriptors are left: -1, or a loop that works. */
Test(commLoop, without_descriptors_init_is_an_ordinary_error)
{
    struct rlimit old, few;
    int failed = 0;

    commFini();
    getrlimit(RLIMIT_NOFILE, &old);
    few = old;
    for (few.rlim_cur = 0; few.rlim_cur < 30; few.rlim_cur++) {
        setrlimit(RLIMIT_NOFILE, &few);
        errno = 0;
        if (commInit() < 0) {
            cr_assert_eq(errno, EMFILE);
            failed++;
            continue;
        }
        cr_assert_eq(commLoopRun(), 0);
        commFini();
    }
    setrlimit(RLIMIT_NOFILE, &old);
    cr_assert(failed > 2 && failed < 30);
    cr_assert_eq(commInit(), 0);
}

Test(commLoop, init_is_counted)
{
    CommLoop *loop = commLoopSelf();

    cr_assert_eq(commInit(), 0);
    cr_assert_eq(commLoopSelf(), loop);
    commFini();
    cr_assert_eq(commLoopSelf(), loop);
}

static void
stopNow(void *data)
{
    cr_assert(commIsRunning());
    commLoopStop();
    note(data);
}

Test(commLoop, stop_finishes_the_turn_with_its_deferred_calls)
{
    static char a[] = "a", b[] = "b";
    CommTimer *timer = commTimerAdd(3600 * 1000, note, a);
    CommDeferred deferred;

    commDeferInit(&deferred, note, b);
    commTimerAdd(1, stopNow, a);
    commDefer(&deferred);
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_str_eq(order, "ba");
    cr_assert_not(commIsRunning());
    commTimerCancel(&timer);
}

Test(commLoop, a_stop_before_the_run_makes_it_one_turn)
{
    static char a[] = "a";
    CommTimer *timer = commTimerAdd(3600 * 1000, note, a);
    CommStats before, after;

    commStatsGet(&before, false);
    commLoopStop();
    cr_assert_eq(commLoopRun(), 0);
    commStatsGet(&after, false);
    cr_assert_leq(after.turns - before.turns, 2);
    commTimerCancel(&timer);
}

static void *
freed(const char *text)
{
    char *copy = strdup(text);

    cr_assert_not_null(copy);
    return copy;
}

static void
release(void *ptr)
{
    note(ptr);
    free(ptr);
}

static void
releaseMore(void *ptr)
{
    commFreeLater(freed("z"), release);
    release(ptr);
}

static void
freeSome(void *data)
{
    commFreeLater(freed("1"), releaseMore);
    commFreeLater(freed("2"), release);
    note(data);
}

Test(commLoop, free_later_waits_for_the_end_of_the_turn)
{
    static char a[] = "a", b[] = "b";
    CommDeferred first, second;

    commDeferInit(&first, freeSome, a);
    commDeferInit(&second, note, b);
    commDefer(&first);
    commDefer(&second);
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_str_eq(order, "ab12z");
}

Test(commLoop, free_later_holds_for_many_and_for_fini)
{
    for (int i = 0; i < 1000; i++)
        commFreeLater(malloc(10), free);
    cr_assert_eq(commLoopRun(), 0);
    commFreeLater(freed("f"), release);
    commFini();
    cr_assert_str_eq(order, "f");
    cr_assert_eq(commInit(), 0);
}

static void
sleepInHandler(void *data)
{
    usleep(20000);
    note(data);
}

Test(commLoop, figures_show_the_longest_turn)
{
    static char a[] = "a";
    CommStats stats;

    commTimerAdd(1, sleepInHandler, a);
    cr_assert_eq(commLoopRun(), 0);
    commStatsGet(&stats, true);
    cr_assert_geq(stats.maxTurnUs, 20000);
    cr_assert_geq(stats.turns, 2);
    commStatsGet(&stats, false);
    cr_assert_eq(stats.maxTurnUs, 0);
}

/* Waiting is no work. */
Test(commLoop, figures_leave_out_the_wait)
{
    static char a[] = "a";
    CommStats stats;

    commTimerAdd(50, note, a);
    commStatsGet(&stats, true);
    cr_assert_eq(commLoopRun(), 0);
    commStatsGet(&stats, false);
    cr_assert_lt(stats.maxTurnUs, 50000);
}

static int64_t seenNow[2];

static void
noteClock(void *data)
{
    seenNow[0] = commNowUs();
    usleep(2000);
    seenNow[1] = commNowUs();
    note(data);
}

Test(commLoop, the_clock_stands_still_within_a_turn)
{
    static char a[] = "a";
    int64_t before = commNowUs();
    int64_t wall;

    commTimerAdd(1, noteClock, a);
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_eq(seenNow[0], seenNow[1]);
    cr_assert_gt(seenNow[0], before);
    cr_assert_gt(commNowUs(), seenNow[1]);
    cr_assert_leq(commNowUs(), commClockUs());
    wall = commWallUs() / 1000000;
    cr_assert_leq(labs((long)(wall - time(NULL))), 1);
}

static void *
useOtherLoop(void *data)
{
    static char a[] = "a";

    cr_assert_null(commLoopSelf());
    cr_assert_eq(commInit(), 0);
    cr_assert_neq(commLoopSelf(), data);
    commTimerAdd(2, note, a);
    cr_assert_eq(commLoopRun(), 0);
    commFini();
    return NULL;
}

Test(commLoop, each_thread_has_its_own)
{
    pthread_t thread;

    cr_assert_eq(pthread_create(&thread, NULL, useOtherLoop, commLoopSelf()),
                 0);
    pthread_join(thread, NULL);
    cr_assert_str_eq(order, "a");
}

static void *
armForeign(void *data)
{
    commInit();
    commSetSelect(*(int *)data, COMM_SELECT_READ, NULL, NULL, 0);
    commOpen(*(int *)data, "stolen");
    return NULL;
}

Test(commLoop, a_descriptor_of_another_thread_is_a_mistake_of_ours,
     .signal = SIGABRT)
{
    int fds[2];
    pthread_t thread;

    supportSocketPair(fds);
    commOpen(fds[0], "mine");
    pthread_create(&thread, NULL, armForeign, &fds[0]);
    pthread_join(thread, NULL);
}
