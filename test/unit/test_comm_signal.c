/* test_comm_signal.c: signals as events. */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "comm.h"
#include "support.h"

TestSuite(commSignal, .init = supportCommInit, .fini = supportCommFini,
          .timeout = 20);

static void
countSignal(int signo, void *data)
{
    int *calls = data;

    calls[signo]++;
}

static void
turn(void)
{
    commLoopStop();
    cr_assert_eq(commLoopRun(), 0);
}

Test(commSignal, several_signals_arrive_as_events_again_and_again)
{
    int calls[NSIG] = {0};

    cr_assert_eq(commSignalSet(SIGHUP, countSignal, calls), 0);
    cr_assert_eq(commSignalSet(SIGUSR1, countSignal, calls), 0);
    cr_assert_eq(commSignalSet(SIGUSR1, countSignal, calls), 0);
    for (int i = 0; i < 3; i++) {
        kill(getpid(), SIGHUP);
        kill(getpid(), SIGUSR1);
        cr_assert_eq(calls[SIGHUP], i);
        turn();
        turn();
    }
    cr_assert_eq(calls[SIGHUP], 3);
    cr_assert_eq(calls[SIGUSR1], 3);
    cr_assert_eq(commSignalSet(SIGHUP, NULL, NULL), 0);
    cr_assert_eq(commSignalSet(SIGHUP, NULL, NULL), 0);
    kill(getpid(), SIGUSR1);
    turn();
    turn();
    cr_assert_eq(calls[SIGUSR1], 4);
}

Test(commSignal, can_be_removed_and_set_again)
{
    int calls[NSIG] = {0};
    struct sigaction action;

    for (int i = 0; i < 2; i++) {
        cr_assert_eq(commSignalSet(SIGHUP, countSignal, calls), 0);
        kill(getpid(), SIGHUP);
        turn();
        turn();
        cr_assert_eq(calls[SIGHUP], i + 1);
        cr_assert_eq(commSignalSet(SIGHUP, NULL, NULL), 0);
        sigaction(SIGHUP, NULL, &action);
        cr_assert(action.sa_handler == SIG_DFL);
    }
}

Test(commSignal, does_not_keep_the_loop_running)
{
    int calls[NSIG] = {0};

    cr_assert_eq(commSignalSet(SIGTERM, countSignal, calls), 0);
    cr_assert_eq(commLoopRun(), 0);
}

static void
onLate(void *data)
{
    (void)data;
    commLoopStop();
}

static void
onChildEnd(pid_t pid, int status, void *data)
{
    (void)pid;
    (void)status;
    (void)data;
    commLoopStop();
}

Test(commSignal, wakes_a_sleeping_loop)
{
    int calls[NSIG] = {0};
    CommTimer *timer;
    pid_t pid;

    cr_assert_eq(commSignalSet(SIGCHLD, countSignal, calls), 0);
    timer = commTimerAdd(10000, onLate, NULL);
    pid = fork();
    if (pid == 0)
        _exit(0);
    commWatchPid(pid, onChildEnd, NULL);
    cr_assert_eq(commLoopRun(), 0);
    turn();
    turn();
    cr_assert_eq(calls[SIGCHLD], 1);
    commTimerCancel(&timer);
}

Test(commSignal, refuses_what_cannot_be_caught)
{
    int calls[NSIG] = {0};

    cr_assert_eq(commSignalSet(0, countSignal, calls), -EINVAL);
    cr_assert_eq(commSignalSet(NSIG, countSignal, calls), -EINVAL);
    cr_assert_eq(commSignalSet(SIGKILL, countSignal, calls), -EINVAL);
}

static void *
takeSignal(void *data)
{
    int calls[NSIG] = {0};

    cr_assert_eq(commInit(), 0);
    *(int *)data = commSignalSet(SIGUSR2, countSignal, calls);
    commFini();
    return NULL;
}

static int
setInThread(void)
{
    pthread_t thread;
    int rc = 99;

    pthread_create(&thread, NULL, takeSignal, &rc);
    pthread_join(thread, NULL);
    return rc;
}

Test(commSignal, belongs_to_one_loop)
{
    int calls[NSIG] = {0};

    cr_assert_eq(setInThread(), 0);
    cr_assert_eq(commSignalSet(SIGUSR2, countSignal, calls), 0);
    cr_assert_eq(setInThread(), -EBUSY);
    kill(getpid(), SIGUSR2);
    turn();
    turn();
    cr_assert_eq(calls[SIGUSR2], 1);
}

static void
removeSelf(int signo, void *data)
{
    countSignal(signo, data);
    cr_assert_eq(commSignalSet(signo, NULL, NULL), 0);
    cr_assert_eq(commSignalSet(SIGUSR1, removeSelf, data), 0);
}

Test(commSignal, a_handler_may_remove_itself)
{
    int calls[NSIG] = {0};

    cr_assert_eq(commSignalSet(SIGHUP, removeSelf, calls), 0);
    kill(getpid(), SIGHUP);
    turn();
    kill(getpid(), SIGUSR1);
    turn();
    turn();
    cr_assert_eq(calls[SIGHUP], 1);
    cr_assert_eq(calls[SIGUSR1], 1);
}
