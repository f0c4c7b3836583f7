/*
 * ipc_reap.c: the end of helpers, with or without a loop (debug section 54).
 *
 * Nothing here relies on SIGCHLD, and a pid is signalled only after the
 * kernel has said that it is still our child.
 */
#include "ipc_priv.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <uthash.h>

#include "check.h"
#include "comm.h"
#include "debug.h"
#include "fd.h"
#include "list.h"
#include "xalloc.h"

#define IPC_CHILD_MAGIC 0x1bc0c41du
#define SWEEP_MAX 16
#define FIRST_LOOK_MS 2
#define LAST_LOOK_MS 250
#define KILL_WAIT_MS 1000

/*
 * A helper that the caller holds a handle of, or one that is leaving. In
 * `children` at most one has a pid: an older one drops out when a new helper
 * gets its pid, since then it must have been reaped by somebody else.
 */
struct IpcChild {
    uint32_t magic;
    pid_t pid;
    char *name; /* NULL: closed without a handle */
    int errFd;
    bool isListed; /* in `children` */
    bool isKilled;
    int64_t killAtUs;
    int lookMs;       /* until the loop looks again */
    ListNode leaving; /* in `leaving`; then it is ours to free */
    UT_hash_handle hh;
};

static pthread_mutex_t childrenLock = PTHREAD_MUTEX_INITIALIZER;
static IpcChild *children;
static ListNode leaving = {&leaving, &leaving};

static IpcChild *
newChild(pid_t pid, const char *name, int errFd)
{
    IpcChild *child = xcalloc(1, sizeof(*child));

    child->magic = IPC_CHILD_MAGIC;
    child->pid = pid;
    child->name = xstrdup(name);
    child->errFd = errFd;
    child->lookMs = FIRST_LOOK_MS;
    listInit(&child->leaving);
    return child;
}

static void
freeChild(IpcChild *child)
{
    fdClosep(&child->errFd);
    free(child->name);
    CHECK_OBJ_CLEAR(child);
    free(child);
}

static IpcChild *
findLocked(pid_t pid)
{
    IpcChild *child;

    HASH_FIND_INT(children, &pid, child);
    return child;
}

static void
addLocked(IpcChild *child)
{
    HASH_ADD_INT(children, pid, child);
    child->isListed = true;
}

static void
removeLocked(IpcChild *child)
{
    if (child->isListed)
        HASH_DEL(children, child);
    child->isListed = false;
    listRemove(&child->leaving);
}

/* A pid that has just been given to a new child belongs to no other. */
static void
forgetLocked(pid_t pid)
{
    IpcChild *old = findLocked(pid);
    bool isLeaving = old && !listIsEmpty(&old->leaving);

    if (old)
        removeLocked(old);
    if (isLeaving)
        freeChild(old);
}

IpcChild *
ipcChildCreate(pid_t pid, const char *name, int errFd, bool wantHandle)
{
    IpcChild *child = wantHandle ? newChild(pid, name, errFd) : NULL;

    pthread_mutex_lock(&childrenLock);
    forgetLocked(pid);
    if (child)
        addLocked(child);
    pthread_mutex_unlock(&childrenLock);
    return child;
}

void
ipcChildDestroy(IpcChild **child)
{
    IpcChild *gone = *child;

    if (!gone)
        return;
    CHECK_OBJ(gone, IPC_CHILD_MAGIC);
    *child = NULL;
    pthread_mutex_lock(&childrenLock);
    removeLocked(gone);
    pthread_mutex_unlock(&childrenLock);
    freeChild(gone);
}

pid_t
ipcChildPid(const IpcChild *child)
{
    CHECK_OBJ(child, IPC_CHILD_MAGIC);
    return child->pid;
}

const char *
ipcChildName(const IpcChild *child)
{
    CHECK_OBJ(child, IPC_CHILD_MAGIC);
    return child->name;
}

int
ipcChildTakeStderr(IpcChild *child)
{
    int fd;

    CHECK_OBJ(child, IPC_CHILD_MAGIC);
    fd = child->errFd;
    child->errFd = -1;
    return fd;
}

/* Reap pid if it has ended. True also when it is no child of ours (any
 * more): reaped by the caller, or by the kernel where SIGCHLD is ignored. */
static bool
isGone(pid_t pid)
{
    siginfo_t info = {.si_pid = 0};

    if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG) < 0)
        return errno == ECHILD;
    return info.si_pid == pid;
}

static bool
waitGone(pid_t pid, int ms)
{
    int64_t endUs = commClockUs() + (int64_t)ms * 1000;
    struct timespec nap = {0, 50000};

    while (!isGone(pid)) {
        if (commClockUs() >= endUs)
            return false;
        nanosleep(&nap, NULL);
        if (nap.tv_nsec < 1000000)
            nap.tv_nsec *= 2;
    }
    return true;
}

/* True when the child is gone and off the lists. */
static bool
lookLocked(IpcChild *child)
{
    if (isGone(child->pid)) {
        removeLocked(child);
        return true;
    }
    if (!child->isKilled && commClockUs() >= child->killAtUs) {
        debug(DBG_IPC, 1, "%s (pid %d) is still there: SIGKILL",
              child->name ? child->name : "helper", (int)child->pid);
        kill(-child->pid, SIGKILL);
        child->isKilled = true;
    }
    return false;
}

static void
onLookDue(void *data)
{
    pid_t pid = (pid_t)(intptr_t)data;
    IpcChild *child;
    int againMs = 0;

    pthread_mutex_lock(&childrenLock);
    child = findLocked(pid);
    if (child && !listIsEmpty(&child->leaving)) {
        if (lookLocked(child)) {
            freeChild(child);
        } else {
            child->lookMs *= child->lookMs < LAST_LOOK_MS ? 2 : 1;
            againMs = child->lookMs;
        }
    }
    pthread_mutex_unlock(&childrenLock);
    if (againMs)
        commTimerAdd(againMs, onLookDue, data);
}

/* Only some at a time, the longest unseen first, so that closing many
 * helpers costs each close the same. */
void
ipcReapSweep(void)
{
    const ListNode *firstKept = NULL;
    ListNode *node;

    pthread_mutex_lock(&childrenLock);
    for (int i = 0; i < SWEEP_MAX; i++) {
        IpcChild *child;
        node = listFirst(&leaving);
        if (!node || node == firstKept)
            break;
        child = LIST_OBJ(node, IpcChild, leaving);
        if (lookLocked(child)) {
            freeChild(child);
            continue;
        }
        firstKept = firstKept ? firstKept : node;
        listRemove(node);
        listPushBack(&leaving, node);
    }
    pthread_mutex_unlock(&childrenLock);
}

/* Takes child, which is on no list; it is reaped by later looks. */
static void
leaveLater(IpcChild *child, bool isKilled)
{
    pid_t pid = child->pid;

    child->isKilled = isKilled;
    child->killAtUs = commClockUs() + IPC_KILL_GRACE_MS * 1000;
    pthread_mutex_lock(&childrenLock);
    forgetLocked(pid);
    addLocked(child);
    listPushBack(&leaving, &child->leaving);
    pthread_mutex_unlock(&childrenLock);
    if (commLoopSelf())
        commTimerAdd(FIRST_LOOK_MS, onLookDue, (void *)(intptr_t)pid);
}

/* The child's record, now on no list; NULL when it is leaving already. */
static IpcChild *
takeChild(pid_t pid)
{
    IpcChild *child;
    bool isLeaving;

    pthread_mutex_lock(&childrenLock);
    child = findLocked(pid);
    isLeaving = child && !listIsEmpty(&child->leaving);
    if (child && !isLeaving)
        removeLocked(child);
    pthread_mutex_unlock(&childrenLock);
    if (isLeaving)
        return NULL;
    return child ? child : newChild(pid, NULL, -1);
}

static void
endChild(pid_t pid)
{
    IpcChild *child = takeChild(pid);

    if (!child)
        return;
    fdClosep(&child->errFd);
    if (!isGone(pid)) {
        kill(pid, SIGTERM);
        if (commIsRunning() || !waitGone(pid, IPC_CLOSE_WAIT_MS)) {
            leaveLater(child, false);
            return;
        }
    }
    freeChild(child);
}

bool
ipcReapKill(pid_t pid)
{
    if (isGone(pid))
        return true;
    kill(pid, SIGKILL);
    if (waitGone(pid, KILL_WAIT_MS))
        return true;
    leaveLater(newChild(pid, NULL, -1), true);
    return false;
}

static void
closeEnd(int fd)
{
    if (fd >= 0 && commIsOpen(fd))
        commClose(fd);
    else
        fdClosep(&fd);
}

void
ipcClose(pid_t pid, int rfd, int wfd)
{
    int saved = errno;

    closeEnd(rfd);
    if (wfd != rfd)
        closeEnd(wfd);
    ipcReapSweep();
    if (pid > 0)
        endChild(pid);
    errno = saved;
}
