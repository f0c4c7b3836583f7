/*
 * ipc_spawn.c: make a process and wait until it has executed a program
 * (debug section 54).
 *
 * The child is not a vfork child: the parent waits with a deadline, on the
 * word that the kernel clears and wakes when the child gives up our memory
 * (doc/decisions/0003-spawn.md).
 */
#include "build_config.h"

#include "ipc_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "comm.h"
#include "fd.h"

#define STACK_SIZE 65536u
#define STACK_TOP_SIZE 64u /* room for ChildStack, keeps the alignment */
#define EXIT_NO_EXEC 127

/*
 * The thread sanitizer takes every clone() for a fork, and lets the child
 * set right what here is its parent's state. So go past it.
 */
#if !defined(__SANITIZE_THREAD__) && defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define __SANITIZE_THREAD__
#endif
#endif
#ifdef __SANITIZE_THREAD__
int __clone(int (*fn)(void *), void *stack, int flags, void *arg, ...);
#define clone __clone
#endif

/*
 * The top of a child's stack; the lowest page of it gives no access. Kept
 * for the next start: there are as many as starts were ever made at once.
 */
typedef struct ChildStack {
    struct ChildStack *next;
    atomic_int isSharing; /* cleared and woken by the kernel at exec or exit */
} ChildStack;

static pthread_mutex_t stackLock = PTHREAD_MUTEX_INITIALIZER;
static ChildStack *freeStacks;

IpcTestCb *ipcTestHook;

#ifdef IPC_PLAIN_FORK
const IpcSpawnOps *ipcSpawnOps = &ipcSpawnForkOps;
#else
const IpcSpawnOps *ipcSpawnOps = &ipcSpawnVmOps;
#endif

/* Valgrind follows fork(), but ends a program that makes such a clone(). */
__attribute__((constructor)) static void
yieldToValgrind(void)
{
    const char *preload = getenv("LD_PRELOAD");

    if (preload && strstr(preload, "vgpreload_"))
        ipcSpawnOps = &ipcSpawnForkOps;
}

static ChildStack *
createStack(void)
{
    char *base = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (base == MAP_FAILED)
        return NULL;
    if (mprotect(base, (size_t)sysconf(_SC_PAGESIZE), PROT_NONE) < 0) {
        munmap(base, STACK_SIZE);
        return NULL;
    }
    return (ChildStack *)(void *)(base + STACK_SIZE - STACK_TOP_SIZE);
}

static ChildStack *
takeStack(void)
{
    ChildStack *stack;

    pthread_mutex_lock(&stackLock);
    stack = freeStacks;
    if (stack)
        freeStacks = stack->next;
    pthread_mutex_unlock(&stackLock);
    return stack ? stack : createStack();
}

static void
giveStack(ChildStack *stack)
{
    pthread_mutex_lock(&stackLock);
    stack->next = freeStacks;
    freeStacks = stack;
    pthread_mutex_unlock(&stackLock);
}

IPC_IN_CHILD static int
onCloned(void *data)
{
    IpcSpawn *spawn = data;

    spawn->error = ipcChildRun(spawn);
    syscall(SYS_exit_group, EXIT_NO_EXEC);
    return 0;
}

static pid_t
startVm(IpcSpawn *spawn)
{
    pid_t pid;

    spawn->stack = takeStack();
    if (!spawn->stack)
        return -errno;
    spawn->stack->isSharing = 1;
    pid =
        clone(onCloned, spawn->stack, CLONE_VM | CLONE_CHILD_CLEARTID | SIGCHLD,
              spawn, NULL, NULL, &spawn->stack->isSharing);
    if (pid < 0) {
        pid = -errno;
        giveStack(spawn->stack);
    }
    return pid;
}

/* errno is not used: the child has the same one. */
static int
awaitVm(IpcSpawn *spawn)
{
    atomic_int *word = &spawn->stack->isSharing;

    while (*word) {
        int64_t leftUs = spawn->deadlineUs - commClockUs();
        struct timespec left = {leftUs / 1000000, leftUs % 1000000 * 1000};
        if (leftUs <= 0)
            return -ETIMEDOUT;
        syscall(SYS_futex, word, FUTEX_WAIT, 1, &left);
    }
    return -spawn->error;
}

/* A child that is stuck in the kernel keeps its stack: when it is released
 * and dies of our SIGKILL, the kernel still clears the word there. */
static void
finishVm(IpcSpawn *spawn, bool isGone)
{
    if (isGone)
        giveStack(spawn->stack);
}

static pid_t
startFork(IpcSpawn *spawn)
{
    int report[2];
    pid_t pid = -1;
    int rc;

    if (pipe2(report, O_CLOEXEC) < 0)
        return -errno;
    rc = ipcFdLift(&report[0]);
    if (!rc)
        rc = ipcFdLift(&report[1]);
    if (rc)
        goto fail;
    spawn->reportFd = report[1];
    pid = fork();
    if (pid == 0) {
        int err = ipcChildRun(spawn);
        syscall(SYS_write, spawn->reportFd, &err, sizeof(err));
        _exit(EXIT_NO_EXEC);
    }
    if (pid < 0)
        rc = -errno;
fail:
    fdClosep(&report[1]);
    if (rc)
        fdClosep(&report[0]);
    spawn->reportFd = report[0];
    return rc ? rc : pid;
}

static int
awaitFork(IpcSpawn *spawn)
{
    int err = 0;
    int rc = ipcFdWait(spawn->reportFd, POLLIN, spawn->deadlineUs);
    ssize_t n;

    if (rc)
        return rc;
    n = read(spawn->reportFd, &err, sizeof(err));
    if (n < 0)
        return -errno;
    return n ? -err : 0;
}

static void
finishFork(IpcSpawn *spawn, bool isGone)
{
    (void)isGone;
    fdClosep(&spawn->reportFd);
}

/* Start and wait; no signal handler and no cancellation in between, since
 * both would run on a memory that is in two processes' hands. */
static pid_t
startAndAwait(IpcSpawn *spawn)
{
    sigset_t all, saved;
    int cancelState, rc;
    bool isGone = true;
    pid_t pid;

    sigfillset(&all);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelState);
    pthread_sigmask(SIG_SETMASK, &all, &saved);
    pid = ipcSpawnOps->start(spawn);
    if (pid > 0) {
        rc = ipcSpawnOps->await(spawn);
        if (rc)
            isGone = ipcReapKill(pid);
        ipcSpawnOps->finish(spawn, isGone);
        spawn->failedAt = (IpcStep)(-rc >> IPC_STEP_SHIFT);
        pid = rc ? -(-rc & ((1 << IPC_STEP_SHIFT) - 1)) : pid;
    }
    pthread_sigmask(SIG_SETMASK, &saved, NULL);
    pthread_setcancelstate(cancelState, NULL);
    return pid;
}

pid_t
ipcSpawnRun(IpcSpawn *spawn, const char *prog, const char *const args[],
            const char *const *env)
{
    const char *const justProg[] = {prog, NULL};
    pid_t pid;

    spawn->argv = (char *const *)(const void *)(args ? args : justProg);
    spawn->paths = ipcPathsCreate(prog);
    spawn->envp = ipcEnvCreate(env);
    spawn->reportFd = -1;
    spawn->error = 0;
    spawn->failedAt = IPC_STEP_OTHER;
    ipcConfineEnter(spawn->confine);
    pid = startAndAwait(spawn);
    ipcConfineLeave(spawn->confine);
    free(spawn->paths);
    free(spawn->envp);
    return pid;
}

const IpcSpawnOps ipcSpawnVmOps = {
    .start = startVm,
    .await = awaitVm,
    .finish = finishVm,
};

const IpcSpawnOps ipcSpawnForkOps = {
    .start = startFork,
    .await = awaitFork,
    .finish = finishFork,
};
