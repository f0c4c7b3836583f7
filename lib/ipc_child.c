/*
 * ipc_child.c: what the child does between clone and exec.
 *
 * It shares our memory, so it changes nothing but its own stack and the two
 * answer words of IpcSpawn, and makes system calls only: a C library call
 * might take a lock that another thread holds, and the wrappers of some
 * are instrumented in a sanitizer build.
 */
#include "ipc_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * Closing a descriptor here is time that the proxy stands still, so with
 * ten thousand connections the many are left to exec. The low ones are
 * closed here: in an ordinary process that is all of them, and the helper
 * is seen with nothing but 0, 1 and 2 as soon as ipcCreate has returned.
 */
#define CLOSED_HERE_MAX 127u

static const unsigned long noSecret[2];

IPC_IN_CHILD static int
errOf(long result)
{
    return result < 0 ? errno : 0;
}

IPC_IN_CHILD static int
closeRange(unsigned first, unsigned last, unsigned flags)
{
    return errOf(syscall(SYS_close_range, first, last, flags));
}

/* Without close_range only what was opened without close-on-exec remains;
 * then it is one call for each number. */
IPC_IN_CHILD static int
closeOneByOne(unsigned first, unsigned last)
{
    long top = sysconf(_SC_OPEN_MAX);

    for (long fd = first; fd < top && fd <= (long)last; fd++)
        syscall(SYS_fcntl, fd, F_SETFD, FD_CLOEXEC);
    return 0;
}

IPC_IN_CHILD static int
closeFrom(const IpcSpawn *spawn, unsigned first, unsigned last)
{
    unsigned here = last < CLOSED_HERE_MAX ? last : CLOSED_HERE_MAX;
    unsigned rest = first;
    int err = 0;

    if (spawn->reportFd < 0 && first <= here) {
        err = closeRange(first, here, 0);
        rest = here + 1;
    }
    if (!err && rest <= last)
        err = closeRange(rest, last, CLOSE_RANGE_CLOEXEC);
    return err == ENOSYS || err == EINVAL || err == EPERM
               ? closeOneByOne(first, last)
               : err;
}

/* All but 0, 1, 2 and the more that it is given, which are in order. */
IPC_IN_CHILD static int
closeOthers(const IpcSpawn *spawn)
{
    const IpcConfine *confine = spawn->confine;
    unsigned first = STDERR_FILENO + 1;
    int err = 0;

    for (size_t i = 0; i < confine->fdCount && !err; i++) {
        unsigned theirs = (unsigned)confine->fds[i].theirs;
        if (theirs > first)
            err = closeFrom(spawn, first, theirs - 1);
        first = theirs + 1;
    }
    return err ? err : closeFrom(spawn, first, ~0u);
}

/* Make *fd a number from low on, which exec closes. */
IPC_IN_CHILD static int
moveAbove(int *fd, int low)
{
    long moved = syscall(SYS_fcntl, *fd, F_DUPFD_CLOEXEC, low);

    if (moved < 0)
        return errno;
    *fd = (int)moved;
    return 0;
}

/* Any of them may have a number that another one is to get, or 0, 1, 2; so
 * all are moved out of the way before anything else is. The pipe of fork()
 * has memory of its own to note its number in. */
IPC_IN_CHILD static int
liftFds(IpcSpawn *spawn, int *lifted)
{
    const IpcConfine *confine = spawn->confine;
    int low = 0, err = 0;

    if (!confine->fdCount)
        return 0;
    low = confine->fds[confine->fdCount - 1].theirs + 1;
    for (size_t i = 0; i < confine->fdCount && !err; i++) {
        lifted[i] = confine->fds[i].ours;
        err = moveAbove(&lifted[i], low);
    }
    if (!err && spawn->reportFd >= 0)
        err = moveAbove(&spawn->reportFd, low);
    return err;
}

IPC_IN_CHILD static int
placeFds(const IpcConfine *confine, const int *lifted)
{
    int err = 0;

    for (size_t i = 0; i < confine->fdCount && !err; i++)
        err = errOf(syscall(SYS_dup3, lifted[i], confine->fds[i].theirs, 0));
    return err;
}

/* 2 was closed in the proxy, or no log is wanted. 0 and 1 are in use. */
IPC_IN_CHILD static int
openNull(void)
{
    long fd = syscall(SYS_openat, AT_FDCWD, "/dev/null", O_WRONLY);
    int err = errOf(fd);

    if (!err && fd != STDERR_FILENO)
        err = errOf(syscall(SYS_dup3, fd, STDERR_FILENO, 0));
    return err;
}

IPC_IN_CHILD static int
setStderr(int errFd)
{
    int err;

    if (errFd == STDERR_FILENO)
        err = errOf(syscall(SYS_fcntl, errFd, F_SETFD, 0));
    else
        err = errOf(syscall(SYS_dup3, errFd, STDERR_FILENO, 0));
    return err == EBADF ? openNull() : err;
}

/* The channel's numbers are above 2, the log's is not below. */
IPC_IN_CHILD static int
setDescriptors(IpcSpawn *spawn)
{
    int lifted[IPC_FDS_MAX];
    int err = liftFds(spawn, lifted);

    if (!err)
        err = errOf(syscall(SYS_dup3, spawn->readFd, STDIN_FILENO, 0));
    if (!err)
        err = errOf(syscall(SYS_dup3, spawn->writeFd, STDOUT_FILENO, 0));
    if (!err)
        err = setStderr(spawn->errFd);
    if (!err)
        err = placeFds(spawn->confine, lifted);
    return err ? err : closeOthers(spawn);
}

/* Dispositions before the mask: a handler of ours must not run here. A
 * zeroed kernel sigaction is SIG_DFL; SIGKILL and SIGSTOP give an error. */
IPC_IN_CHILD static int
resetSignals(void)
{
    unsigned long action[8] = {0};
    unsigned long mask[_NSIG / 8 / sizeof(unsigned long)] = {0};

    for (int signo = 1; signo < _NSIG; signo++)
        syscall(SYS_rt_sigaction, signo, action, NULL, _NSIG / 8);
    return errOf(
        syscall(SYS_rt_sigprocmask, SIG_SETMASK, mask, NULL, _NSIG / 8));
}

/* A group to signal, and no terminal of ours. Not a session: with that comes
 * a scheduling group of its own, and the child, put at its end, keeps a
 * parent on a busy machine waiting for milliseconds. */
IPC_IN_CHILD static int
leaveOurGroup(void)
{
    int err = errOf(syscall(SYS_setpgid, 0, 0));
    long tty;

    if (err)
        return err;
    tty = syscall(SYS_openat, AT_FDCWD, "/dev/tty", O_RDWR | O_CLOEXEC);
    if (tty < 0)
        return 0;
    err = errOf(syscall(SYS_ioctl, tty, TIOCNOTTY));
    syscall(SYS_close, tty);
    return err;
}

IPC_IN_CHILD static bool
isWorthTheNext(int err)
{
    return err == ENOENT || err == ENOTDIR || err == EACCES || err == ESTALE ||
           err == ENODEV || err == ETIMEDOUT;
}

/* As execvp: a file that may not be executed is remembered, and told when
 * there is no better one. The filter lets nothing but this execve pass. */
IPC_IN_CHILD static int
execFirst(const IpcSpawn *spawn)
{
    const IpcFilterProgram *filter = spawn->confine->filter;
    const unsigned long *secret = filter ? filter->secret : noSecret;
    int err = ENOENT;
    bool isDenied = false;

    for (char **path = spawn->paths; *path; path++) {
        err = errOf(syscall(SYS_execve, *path, spawn->argv, spawn->envp, 0UL,
                            secret[0], secret[1]));
        if (!isWorthTheNext(err))
            return err;
        isDenied = isDenied || err == EACCES;
    }
    return isDenied ? EACCES : err;
}

IPC_IN_CHILD int
ipcChildRun(IpcSpawn *spawn)
{
    int err = setDescriptors(spawn);

    if (err)
        return err;
    if (ipcTestHook)
        ipcTestHook(IPC_TEST_CHILD, STDOUT_FILENO);
    err = ipcHandshakeAnswer(spawn->timeoutMs);
    if (!err)
        err = resetSignals();
    if (!err)
        err = leaveOurGroup();
    if (!err)
        err = ipcConfineApply(spawn->confine);
    return err ? err : IPC_STEP_MARK(IPC_STEP_EXEC, execFirst(spawn));
}
