/* comm_child.c: learn of a child's end through its pidfd. Section 5. */
#include "comm_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "debug.h"
#include "fd.h"
#include "xalloc.h"

#define STATUS_UNKNOWN (-1)

struct CommPidWatch {
    uint32_t magic;
    pid_t pid;
    int pidFd;
    ListNode node;
    ev_io io;
    CommLoop *loop;
    CommPidCb *cb;
    void *data;
};

static void
forgetWatch(CommPidWatch *watch)
{
    ev_ref(watch->loop->ev);
    ev_io_stop(watch->loop->ev, &watch->io);
    commLoopUnhold(watch->loop);
    listRemove(&watch->node);
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

static void
onPidReadable(struct ev_loop *ev, ev_io *io, int revents)
{
    CommPidWatch *watch = io->data;
    CommPidCb *cb;
    void *data;
    pid_t pid;
    siginfo_t info = {0};
    int status;

    (void)ev;
    (void)revents;
    CHECK_OBJ(watch, COMM_PID_WATCH_MAGIC);
    if (waitid(P_PIDFD, (id_t)watch->pidFd, &info, WEXITED | WNOHANG) < 0)
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

/* A descriptor for pid, or -1 with errno. */
static int
openPid(pid_t pid)
{
    siginfo_t info = {0};
    int fd;

    if (pid <= 0) {
        errno = ECHILD;
        return -1;
    }
    if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
        return -1;
    fd = pidfd_open(pid, 0);
    if (fd < 0 && errno == ENOSYS)
        debug(DBG_COMM, 0,
              "this kernel has no pidfd_open (Linux 5.3): children cannot "
              "be watched");
    return fd;
}

CommPidWatch *
commWatchPid(pid_t pid, CommPidCb *cb, void *data)
{
    CommLoop *loop = commLoopNeed();
    CommPidWatch *watch;
    int pidFd = openPid(pid);

    if (pidFd < 0)
        return NULL;
    pidFd = fdAboveStdio(pidFd);
    if (pidFd < 0) {
        errno = -pidFd;
        return NULL;
    }
    watch = xcalloc(1, sizeof(*watch));
    watch->magic = COMM_PID_WATCH_MAGIC;
    watch->pid = pid;
    watch->pidFd = pidFd;
    watch->loop = loop;
    watch->cb = cb;
    watch->data = data;
    listPushBack(&loop->pidWatches, &watch->node);
    ev_io_init(&watch->io, onPidReadable, pidFd, EV_READ);
    watch->io.data = watch;
    ev_io_start(loop->ev, &watch->io);
    ev_unref(loop->ev);
    commLoopHold(loop);
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
