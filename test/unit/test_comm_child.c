/* test_comm_child.c: watching processes. */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "comm.h"
#include "support.h"

TestSuite(commChild, .init = supportCommInit, .fini = supportCommFini,
          .timeout = 20);

typedef struct End {
    pid_t pid;
    int status;
    int calls;
} End;

static void
onEnd(pid_t pid, int status, void *data)
{
    End *end = data;

    end->pid = pid;
    end->status = status;
    end->calls++;
}

/* A child that ends by signo, or exits with code when signo is 0. */
static pid_t
startChild(int code, int signo)
{
    pid_t pid = fork();
    struct rlimit none = {0, 0};
    struct sigaction normal = {.sa_handler = SIG_DFL};

    if (pid)
        return pid;
    setrlimit(RLIMIT_CORE, &none);
    sigaction(SIGABRT, &normal, NULL);
    if (signo)
        raise(signo);
    _exit(code);
}

static pid_t
startSleeper(void)
{
    pid_t pid = fork();

    if (pid)
        return pid;
    alarm(30);
    for (;;)
        pause();
}

Test(commChild, tells_the_exit_status_and_reaps)
{
    End end = {0};
    pid_t pid = startChild(7, 0);

    cr_assert_not_null(commWatchPid(pid, onEnd, &end));
    cr_assert_eq(end.calls, 0);
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_eq(end.calls, 1);
    cr_assert_eq(end.pid, pid);
    cr_assert(WIFEXITED(end.status) && WEXITSTATUS(end.status) == 7);
    cr_assert_eq(waitpid(pid, NULL, WNOHANG), -1);
}

Test(commChild, tells_the_signal)
{
    End killed = {0}, aborted = {0};

    commWatchPid(startChild(0, SIGKILL), onEnd, &killed);
    commWatchPid(startChild(0, SIGABRT), onEnd, &aborted);
    cr_assert_eq(commLoopRun(), 0);
    cr_assert(WIFSIGNALED(killed.status));
    cr_assert_eq(WTERMSIG(killed.status), SIGKILL);
    cr_assert(WIFSIGNALED(aborted.status));
    cr_assert_eq(WTERMSIG(aborted.status), SIGABRT);
}

Test(commChild, a_child_that_has_ended_already_is_reported_too)
{
    End end = {0};
    siginfo_t info;
    pid_t pid = startChild(3, 0);

    cr_assert_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    cr_assert_not_null(commWatchPid(pid, onEnd, &end));
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_eq(WEXITSTATUS(end.status), 3);
}

Test(commChild, refuses_what_is_no_child)
{
    End end = {0};

    errno = 0;
    cr_assert_null(commWatchPid(getppid(), onEnd, &end));
    cr_assert_eq(errno, ECHILD);
    errno = 0;
    cr_assert_null(commWatchPid(0, onEnd, &end));
    cr_assert_eq(errno, ECHILD);
    errno = 0;
    cr_assert_null(commWatchPid(-5, onEnd, &end));
    cr_assert_eq(errno, ECHILD);
}

Test(commChild, status_is_minus_1_when_somebody_else_reaped_it)
{
    End end = {.status = 99};
    pid_t pid = startSleeper();

    cr_assert_not_null(commWatchPid(pid, onEnd, &end));
    kill(pid, SIGKILL);
    cr_assert_eq(waitpid(pid, NULL, 0), pid);
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_eq(end.calls, 1);
    cr_assert_eq(end.status, -1);
    cr_assert_not(WIFEXITED(end.status));
    cr_assert_not(WIFSIGNALED(end.status));
}

Test(commChild, a_cancelled_watch_leaves_the_child)
{
    End end = {0};
    pid_t pid = startSleeper();
    CommPidWatch *watch = commWatchPid(pid, onEnd, &end);

    commWatchPidCancel(&watch);
    cr_assert_null(watch);
    commWatchPidCancel(&watch);
    kill(pid, SIGKILL);
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_eq(end.calls, 0);
    cr_assert_eq(waitpid(pid, NULL, 0), pid);
}

Test(commChild, fini_drops_watches)
{
    End end = {0};
    pid_t pid = startSleeper();

    commWatchPid(pid, onEnd, &end);
    commFini();
    cr_assert_eq(commInit(), 0);
    kill(pid, SIGKILL);
    cr_assert_eq(waitpid(pid, NULL, 0), pid);
    cr_assert_eq(end.calls, 0);
}

/* As a kernel or a container's filter without that call. */
static void
forbidPidfdOpen(int error)
{
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_open, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof(rules) / sizeof(rules[0]), rules};

    cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    cr_assert_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
    cr_assert_eq(syscall(SYS_pidfd_open, getpid(), 0), -1);
}

static void
expectWatchedWithout(int error)
{
    End end = {0};
    pid_t sleeper = startSleeper();
    pid_t pid = startChild(7, 0);

    forbidPidfdOpen(error);
    CommPidWatch *watch = commWatchPid(sleeper, onEnd, &end);
    cr_assert_not_null(watch);
    commWatchPidCancel(&watch);
    cr_assert_not_null(commWatchPid(sleeper, onEnd, &end));
    kill(sleeper, SIGKILL);
    cr_assert_eq(commLoopRun(), 0);
    cr_assert(WIFSIGNALED(end.status) && WTERMSIG(end.status) == SIGKILL);
    cr_assert_not_null(commWatchPid(pid, onEnd, &end));
    cr_assert_eq(commLoopRun(), 0);
    cr_assert(WIFEXITED(end.status) && WEXITSTATUS(end.status) == 7);
    cr_assert_eq(end.calls, 2);
    cr_assert_null(commWatchPid(pid, onEnd, &end));
    cr_assert_eq(errno, ECHILD);
}

Test(commChild, works_on_a_kernel_without_pidfd)
{
    expectWatchedWithout(ENOSYS);
}

Test(commChild, works_where_pidfd_is_not_permitted)
{
    expectWatchedWithout(EPERM);
}

Test(commChild, without_descriptors_it_is_an_ordinary_error)
{
    struct rlimit old, none;
    End end = {0};
    pid_t pid = startSleeper();

    getrlimit(RLIMIT_NOFILE, &old);
    none = old;
    none.rlim_cur = 0;
    setrlimit(RLIMIT_NOFILE, &none);
    errno = 0;
    cr_assert_null(commWatchPid(pid, onEnd, &end));
    cr_assert_eq(errno, EMFILE);
    setrlimit(RLIMIT_NOFILE, &old);
    kill(pid, SIGKILL);
    cr_assert_eq(waitpid(pid, NULL, 0), pid);
}

static void *
watchInThread(void *data)
{
    cr_assert_eq(commInit(), 0);
    cr_assert_not_null(commWatchPid(startChild(5, 0), onEnd, data));
    cr_assert_eq(commLoopRun(), 0);
    commFini();
    return NULL;
}

Test(commChild, works_in_a_second_threads_loop)
{
    pthread_t thread;
    End mine = {0}, theirs = {0};

    pthread_create(&thread, NULL, watchInThread, &theirs);
    commWatchPid(startChild(6, 0), onEnd, &mine);
    cr_assert_eq(commLoopRun(), 0);
    pthread_join(thread, NULL);
    cr_assert_eq(WEXITSTATUS(mine.status), 6);
    cr_assert_eq(WEXITSTATUS(theirs.status), 5);
}

static int ends;

static void
startNext(pid_t pid, int status, void *data)
{
    int *left = data;

    (void)pid;
    (void)status;
    ends++;
    if (--*left > 0)
        commWatchPid(startChild(0, 0), startNext, left);
}

Test(commChild, a_callback_may_start_and_watch_the_next)
{
    int left = 20;

    commWatchPid(startChild(0, 0), startNext, &left);
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_eq(ends, 20);
}
