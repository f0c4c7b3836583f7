/*
 * ipc_confine.c: what a helper may not do (debug section 54).
 *
 * Prepare runs in the parent, where names are looked up and memory is
 * allocated; Apply runs in the child, which shares our memory, and makes
 * system calls only. The C library's setuid and its like would change every
 * thread of the proxy.
 */
#include "ipc_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fd.h"
#include "xalloc.h"

/* 32-bit systems keep the plain numbers for 16-bit ids. */
#ifdef SYS_setresuid32
#define CALL_SETRESUID SYS_setresuid32
#define CALL_SETRESGID SYS_setresgid32
#define CALL_SETGROUPS SYS_setgroups32
#else
#define CALL_SETRESUID SYS_setresuid
#define CALL_SETRESGID SYS_setresgid
#define CALL_SETGROUPS SYS_setgroups
#endif

/* Changing a child's user makes the memory that it shares with us, and so
 * the proxy, undumpable. The last such start to end sets that right, not
 * each: in between, the new user could trace a child that still has it. */
static pthread_mutex_t dumpLock = PTHREAD_MUTEX_INITIALIZER;
static int dumpStarts;
static int dumpBefore;

static int
addLimit(IpcConfine *confine, int resource, int64_t value, int64_t least)
{
    struct rlimit now;
    IpcLimit *limit = &confine->limits[confine->limitCount];

    if (value == IPC_LIMIT_OURS)
        return 0;
    if (value < least)
        return -EINVAL;
    if (getrlimit(resource, &now) < 0)
        return -errno;
    limit->resource = resource;
    limit->value.cur = limit->value.max = (uint64_t)value;
    /* At the first it gets SIGXCPU, which tells why; SIGKILL one later. */
    if (resource == RLIMIT_CPU && (rlim_t)value < now.rlim_max)
        limit->value.max++;
    confine->limitCount++;
    return 0;
}

/* A limit of processes counts those of the user it has at the call, so it
 * comes last and Apply sets it later than the others. */
static int
addLimits(IpcConfine *confine, const IpcAttr *attr)
{
    int rc = addLimit(confine, RLIMIT_AS, attr->limitMemory, 1);

    if (!rc)
        rc = addLimit(confine, RLIMIT_NOFILE, attr->limitFiles,
                      STDERR_FILENO + 1);
    if (!rc)
        rc = addLimit(confine, RLIMIT_CPU, attr->limitCpuSec, 1);
    if (!rc)
        rc = addLimit(confine, RLIMIT_NPROC, attr->limitProcesses, 0);
    return rc;
}

static int
compareTheirs(const void *a, const void *b)
{
    int left = ((const IpcFd *)a)->theirs, right = ((const IpcFd *)b)->theirs;

    return (left > right) - (left < right);
}

/* In the order of their numbers; the child moves them all to numbers above
 * the last one first, so there must be room. */
static int
addDescriptors(IpcConfine *confine, const IpcAttr *attr)
{
    size_t count = attr->fdCount;
    IpcFd *fds = confine->fds;

    if (!count)
        return 0;
    if (count > IPC_FDS_MAX || !attr->fds)
        return -EINVAL;
    memcpy(fds, attr->fds, count * sizeof(*fds));
    qsort(fds, count, sizeof(*fds), compareTheirs);
    for (size_t i = 0; i < count; i++) {
        if (fds[i].theirs <= STDERR_FILENO ||
            (i && fds[i].theirs == fds[i - 1].theirs))
            return -EINVAL;
        if (fcntl(fds[i].ours, F_GETFD) < 0)
            return -errno;
    }
    if ((size_t)fds[count - 1].theirs + count + 1 >= fdLimit())
        return -EINVAL;
    confine->fdCount = count;
    return 0;
}

int
ipcConfinePrepare(IpcConfine *confine, const IpcAttr *attr)
{
    int rc;

    *confine = (IpcConfine){
        .cwd = attr->cwd,
        .diesWithUs = attr->diesWithUs,
        .noCapabilities = attr->noCapabilities,
        .noNewPrivs = attr->noNewPrivs || attr->noCapabilities ||
                      attr->filter != IPC_FILTER_NONE,
        .parent = getpid(),
    };
    if (attr->filter >= IPC_FILTER_COUNT)
        return -EINVAL;
    rc = addLimits(confine, attr);
    if (!rc)
        rc = addDescriptors(confine, attr);
    if (!rc && (attr->user || attr->group))
        rc = ipcUserResolve(&confine->user, attr->user, attr->group);
    if (!rc && attr->filter == IPC_FILTER_DEFAULT)
        rc = ipcFilterGet(&confine->filter);
    if (rc)
        ipcConfineFini(confine);
    return rc;
}

void
ipcConfineFini(IpcConfine *confine)
{
    free(confine->user.groups);
    confine->user.groups = NULL;
}

void
ipcConfineEnter(const IpcConfine *confine)
{
    if (!confine->user.isOther)
        return;
    pthread_mutex_lock(&dumpLock);
    if (!dumpStarts++)
        dumpBefore = prctl(PR_GET_DUMPABLE);
    pthread_mutex_unlock(&dumpLock);
}

void
ipcConfineLeave(const IpcConfine *confine)
{
    if (!confine->user.isOther)
        return;
    pthread_mutex_lock(&dumpLock);
    if (!--dumpStarts && dumpBefore == 1)
        prctl(PR_SET_DUMPABLE, 1);
    pthread_mutex_unlock(&dumpLock);
}

IPC_IN_CHILD static int
errOf(long result)
{
    return result < 0 ? errno : 0;
}

IPC_IN_CHILD static int
control(int option, unsigned long value)
{
    return errOf(syscall(SYS_prctl, option, value, 0UL, 0UL, 0UL));
}

IPC_IN_CHILD static int
setLimits(const IpcConfine *confine, bool isProcesses)
{
    int err = 0;

    for (size_t i = 0; i < confine->limitCount && !err; i++) {
        const IpcLimit *limit = &confine->limits[i];
        if ((limit->resource == RLIMIT_NPROC) == isProcesses)
            err = errOf(syscall(SYS_prlimit64, 0, limit->resource,
                                &limit->value, NULL));
    }
    return err;
}

/* Only who has CAP_SETPCAP may; for the others no_new_privs keeps programs
 * with capabilities of their own from giving any. */
IPC_IN_CHILD static int
emptyBounding(void)
{
    int err = 0;

    for (unsigned long cap = 0; !err; cap++)
        err = control(PR_CAPBSET_DROP, cap);
    return err == EINVAL || err == EPERM ? 0 : err;
}

IPC_IN_CHILD static int
setUser(const IpcUser *user)
{
    int err = errOf(syscall(CALL_SETGROUPS, user->groupCount, user->groups));

    if (!err)
        err = errOf(syscall(CALL_SETRESGID, user->gid, user->gid, user->gid));
    if (!err && user->hasUid)
        err = errOf(syscall(CALL_SETRESUID, user->uid, user->uid, user->uid));
    return IPC_STEP_MARK(user->hasUid ? IPC_STEP_USER : IPC_STEP_GROUP, err);
}

IPC_IN_CHILD static int
emptyCapabilities(void)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
    int err = control(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL);

    return err ? err : errOf(syscall(SYS_capset, &header, none));
}

/* A parent that ended before the call sends nothing. */
IPC_IN_CHILD static int
dieWithParent(pid_t parent)
{
    int err = control(PR_SET_PDEATHSIG, SIGTERM);

    if (!err && syscall(SYS_getppid) != parent)
        return ESRCH;
    return err;
}

/*
 * The order matters: a limit may be raised and the bounding set emptied only
 * with the rights that the change of user takes; that change also clears the
 * signal of the parent's death. The folder is entered as the user whom the
 * helper becomes. The filter is last, since it knows no exceptions but exec.
 */
IPC_IN_CHILD int
ipcConfineApply(const IpcConfine *confine)
{
    int err = setLimits(confine, false);

    if (!err && confine->noCapabilities)
        err = emptyBounding();
    if (!err && confine->user.isOther)
        err = setUser(&confine->user);
    if (!err)
        err = setLimits(confine, true);
    if (!err && confine->noCapabilities)
        err = emptyCapabilities();
    if (!err && confine->diesWithUs)
        err = dieWithParent(confine->parent);
    if (!err && confine->cwd)
        err = IPC_STEP_MARK(IPC_STEP_CWD,
                            errOf(syscall(SYS_chdir, confine->cwd)));
    if (!err && confine->noNewPrivs)
        err = control(PR_SET_NO_NEW_PRIVS, 1);
    if (!err && confine->filter)
        err = errOf(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0UL,
                            &confine->filter->program));
    return err;
}
