/*
 * comm_child.c: learn of a child's end through its pidfd (section 5).
 *
 * Where pidfd_open is not to be had (Linux before 5.3, some containers'
 * system call filters, valgrind) the child is asked for from time to time.
 */
#include "comm_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "fd.h"
#include "xalloc.h"

#define STATUS_UNKNOWN (-1)
#define POLL_SEC 0.02

struct CommPidWatch {
    uint32_t magic;
    pid_t pid;
    int pidFd; /* -1: polled */
    ListNode node;
    ev_io io;
    ev_timer poll;
    CommLoop *loop;
    CommPidCb *cb;
    void *data;
};

static void
forgetWatch(CommPidWatch *watch)
{
    ev_ref(watch->loop->ev);
    ev_io_stop(watch->loop->ev, &watch->io);
    ev_timer_stop(watch->loop->ev, &watch->poll);
    commLoopUnhold(watch->loop);
    listRemove(&watch->node);
    if (watch->pidFd >= 0)
        close(watch->pidFd);
    CHECK_OBJ_CLEAR(watch);
    free(watch);
}

/* What waitpid() would have given. */
static int
statusFromInfo(const siginfo_t *info)
{
    switch (info->si_code) {
    case CLD_EXITED:
        return W_EXITCODE(info->si_status, 0);
    case CLD_DUMPED:
        return W_EXITCODE(0, info->si_status) | WCOREFLAG;
    default:
        return W_EXITCODE(0, info->si_status);
    }
}

static int
waitFor(const CommPidWatch *watch, siginfo_t *info)
{
    if (watch->pidFd >= 0)
        return waitid(P_PIDFD, (id_t)watch->pidFd, info, WEXITED | WNOHANG);
    return waitid(P_PID, (id_t)watch->pid, info, WEXITED | WNOHANG);
}

static void
checkChild(CommPidWatch *watch)
{
    CommPidCb *cb;
    void *data;
    pid_t pid;
    siginfo_t info = {0};
    int status;

    CHECK_OBJ(watch, COMM_PID_WATCH_MAGIC);
    if (waitFor(watch, &info) < 0)
        status = STATUS_UNKNOWN;
    else if (info.si_pid == 0)
        return;
    else
        status = statusFromInfo(&info);
    cb = watch->cb;
    data = watch->data;
    pid = watch->pid;
    forgetWatch(watch);
    cb(pid, status, data);
}

static void
onPidReadable(struct ev_loop *ev, ev_io *io, int revents)
{
    (void)ev;
    (void)revents;
    checkChild(io->data);
}

static void
onPoll(struct ev_loop *ev, ev_timer *timer, int revents)
{
    (void)ev;
    (void)revents;
    checkChild(timer->data);
}

static bool
isChild(pid_t pid)
{
    siginfo_t info = {0};

    if (pid > 0)
        return waitid(P_PID, (id_t)pid, &info,
                      WEXITED | WNOHANG | WNOWAIT) == 0;
    errno = ECHILD;
    return false;
}

/* A descriptor for pid, above 2, or -errno. */
static int
openPid(pid_t pid)
{
    int fd = pidfd_open(pid, 0);

    if (fd < 0)
        return -errno;
    return fdAboveStdio(fd);
}

static void
startWatch(CommPidWatch *watch)
{
    struct ev_loop *ev = watch->loop->ev;

    ev_io_init(&watch->io, onPidReadable, watch->pidFd, EV_READ);
    ev_timer_init(&watch->poll, onPoll, POLL_SEC, POLL_SEC);
    watch->io.data = watch->poll.data = watch;
    if (watch->pidFd >= 0)
        ev_io_start(ev, &watch->io);
    else
        ev_timer_start(ev, &watch->poll);
    ev_unref(ev);
    commLoopHold(watch->loop);
}

CommPidWatch *
commWatchPid(pid_t pid, CommPidCb *cb, void *data)
{
    CommLoop *loop = commLoopNeed();
    CommPidWatch *watch;

    if (!isChild(pid))
        return NULL;
    int pidFd = openPid(pid);
    if (pidFd < 0 && pidFd != -ENOSYS && pidFd != -EPERM) {
        errno = -pidFd;
        return NULL;
    }
    watch = xcalloc(1, sizeof(*watch));
    watch->magic = COMM_PID_WATCH_MAGIC;
    watch->pid = pid;
    watch->pidFd = pidFd >= 0 ? pidFd : -1;
    watch->loop = loop;
    watch->cb = cb;
    watch->data = data;
    listPushBack(&loop->pidWatches, &watch->node);
    startWatch(watch);
    return watch;
}

void
commWatchPidCancel(CommPidWatch **watch)
{
    CommPidWatch *old = *watch;

    if (!old)
        return;
    *watch = NULL;
    CHECK_OBJ(old, COMM_PID_WATCH_MAGIC);
    CHECK(old->loop == commLoopNeed());
    forgetWatch(old);
}

void
commWatchPidDropAll(CommLoop *loop)
{
    ListNode *node, *tmp;

    LIST_FOREACH(&loop->pidWatches, node, tmp)
    forgetWatch(LIST_OBJ(node, CommPidWatch, node));
}
