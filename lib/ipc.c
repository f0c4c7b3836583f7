/*
 * ipc.c: ipcCreate, the order of its steps (debug section 54).
 */
#include "ipc_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "comm.h"
#include "debug.h"
#include "fd.h"

/* One start, from the request to its result. */
typedef struct IpcStart {
    const IpcTransportOps *transport;
    const IpcAttr *attr;
    const char *prog;
    const char *const *args;
    int64_t deadlineUs;
    IpcConfine confine;
    IpcStep failedAt;
    IpcChannel channel;
    int errRead; /* our end of the stderr pipe, or -1 */
    int errWrite;
    pid_t pid;
} IpcStart;

static const IpcTransportOps *const transports[IPC_TYPE_COUNT] = {
    [IPC_TCP_SOCKET] = &ipcTcpOps,
    [IPC_UDP_SOCKET] = &ipcUdpOps,
    [IPC_FIFO] = &ipcFifoOps,
    [IPC_UNIX_STREAM] = &ipcUnixStreamOps,
    [IPC_UNIX_DGRAM] = &ipcUnixDgramOps,
};

static const IpcTransportOps *
lookupTransport(int type)
{
    return type > IPC_NONE && type < IPC_TYPE_COUNT ? transports[type] : NULL;
}

const char *
ipcTypeName(int type)
{
    const IpcTransportOps *transport = lookupTransport(type);

    return transport ? transport->name : "unknown";
}

void
ipcAttrInit(IpcAttr *attr)
{
    *attr = (IpcAttr){
        .stderrMode = IPC_STDERR_LOG,
        .chatTimeoutMs = IPC_CHAT_TIMEOUT_MS,
        .limitMemory = IPC_LIMIT_OURS,
        .limitFiles = IPC_LIMIT_OURS,
        .limitCpuSec = IPC_LIMIT_OURS,
        .limitProcesses = IPC_LIMIT_OURS,
    };
}

static int
openStderr(IpcStart *start)
{
    int ends[2];
    int rc;

    if (start->attr->stderrMode != IPC_STDERR_PIPE)
        return 0;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    rc = ipcFdLift(&ends[0]);
    if (!rc)
        rc = ipcFdLift(&ends[1]);
    start->errRead = ends[0];
    start->errWrite = ends[1];
    return rc ? rc : ipcFdUnblock(ends[0]);
}

static int
openEnds(IpcStart *start)
{
    int rc = start->transport->open(&start->channel, start->attr->bufferSize,
                                    start->deadlineUs);

    return rc ? rc : openStderr(start);
}

static int
stderrOf(const IpcStart *start)
{
    switch (start->attr->stderrMode) {
    case IPC_STDERR_LOG:
        return debugFd();
    case IPC_STDERR_PIPE:
        return start->errWrite;
    default:
        return -1;
    }
}

static int
spawnChild(IpcStart *start)
{
    IpcSpawn spawn = {
        .readFd = start->channel.childRead,
        .writeFd = start->channel.childWrite,
        .errFd = stderrOf(start),
        .confine = &start->confine,
        .timeoutMs = start->attr->chatTimeoutMs,
        .deadlineUs = start->deadlineUs,
    };
    pid_t pid = ipcSpawnRun(&spawn, start->prog, start->args, start->attr->env);

    start->failedAt = spawn.failedAt;
    if (pid < 0)
        return pid;
    start->pid = pid;
    return 0;
}

static int
runSteps(IpcStart *start)
{
    int rc = ipcConfinePrepare(&start->confine, start->attr);

    if (rc)
        start->failedAt = start->confine.user.failedAt;
    if (!rc)
        rc = openEnds(start);
    if (!rc)
        rc = ipcHandshakeOffer(&start->channel);
    if (!rc)
        rc = spawnChild(start);
    ipcConfineFini(&start->confine);
    ipcChannelCloseTheirs(&start->channel);
    fdClosep(&start->errWrite);
    if (!rc)
        rc = ipcHandshakeFinish(&start->channel, start->transport->isDatagram,
                                start->deadlineUs);
    if (!rc)
        return 0;
    if (start->pid > 0)
        ipcReapKill(start->pid);
    ipcChannelCloseOurs(&start->channel);
    fdClosep(&start->errRead);
    return rc;
}

/* What the caller asked for, or -errno. A pipe for stderr needs the handle
 * to take it from. */
static int
checkRequest(int type, const char *prog, const char *name, const IpcAttr *attr,
             bool wantHandle)
{
    if (!lookupTransport(type) || !prog || !name)
        return -EINVAL;
    if (attr->stderrMode >= IPC_STDERR_COUNT || attr->chatTimeoutMs <= 0 ||
        attr->bufferSize < 0)
        return -EINVAL;
    if (attr->stderrMode == IPC_STDERR_PIPE && !wantHandle)
        return -EINVAL;
    return *prog ? 0 : -ENOENT;
}

/* Level 2: who asked has errno and tells it, perhaps for the tenth time. */
static pid_t
failStart(int type, const char *prog, const char *name, const IpcStart *start,
          int err)
{
    ipcErrorNote(prog, start->attr, start->failedAt, err);
    debug(DBG_IPC, 2, "%s: cannot start %s (%s): %s", name ? name : "(no name)",
          prog ? prog : "(no program)", ipcTypeName(type), ipcErrorText(err));
    errno = err;
    return -1;
}

/* A new descriptor that this thread's loop still knows was closed behind its
 * back: events of the new one must not go to the old one's handlers. */
static void
forgetStale(int fd)
{
    if (!commIsOpen(fd))
        return;
    debug(DBG_IPC, 1, "descriptor %d was closed without commClose", fd);
    (void)commRelease(fd);
}

pid_t
ipcCreateAttr(int type, const char *prog, const char *const args[],
              const char *name, const IpcAttr *attr, int *rfd, int *wfd,
              void **hIpc)
{
    IpcAttr defaults;
    IpcStart start = {.errRead = -1, .errWrite = -1};
    IpcChild *child;
    int rc;

    CHECK(rfd && wfd);
    *rfd = *wfd = -1;
    ipcAttrInit(&defaults);
    attr = attr ? attr : &defaults;
    ipcReapSweep();
    start.attr = attr;
    rc = checkRequest(type, prog, name, attr, hIpc != NULL);
    if (rc)
        return failStart(type, prog, name, &start, -rc);
    start.transport = transports[type];
    start.prog = prog;
    start.args = args;
    start.deadlineUs = commClockUs() + attr->chatTimeoutMs * INT64_C(1000);
    ipcChannelInit(&start.channel);
    rc = runSteps(&start);
    if (rc)
        return failStart(type, prog, name, &start, -rc);
    child = ipcChildCreate(start.pid, name, start.errRead, hIpc != NULL);
    if (hIpc)
        *hIpc = child;
    forgetStale(start.channel.ourRead);
    forgetStale(start.channel.ourWrite);
    *rfd = start.channel.ourRead;
    *wfd = start.channel.ourWrite;
    debug(DBG_IPC, 3, "%s: started %s (%s), pid %d, descriptors %d %d", name,
          prog, ipcTypeName(type), (int)start.pid, *rfd, *wfd);
    return start.pid;
}

pid_t
ipcCreate(int type, const char *prog, const char *const args[],
          const char *name, int *rfd, int *wfd, void **hIpc)
{
    return ipcCreateAttr(type, prog, args, name, NULL, rfd, wfd, hIpc);
}
