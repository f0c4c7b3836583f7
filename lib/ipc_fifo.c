/* ipc_fifo.c: two pipes, one for each direction (debug section 54). */
#include "ipc_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static int
openPipe(int *readFd, int *writeFd, int bufferSize)
{
    int ends[2];
    int rc;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    rc = ipcFdLift(&ends[0]);
    if (!rc)
        rc = ipcFdLift(&ends[1]);
    *readFd = ends[0];
    *writeFd = ends[1];
    if (!rc && bufferSize && fcntl(ends[1], F_SETPIPE_SZ, bufferSize) < 0)
        rc = -errno;
    return rc;
}

static int
openFifo(IpcChannel *channel, int bufferSize, int64_t deadlineUs)
{
    int rc = openPipe(&channel->childRead, &channel->ourWrite, bufferSize);

    (void)deadlineUs;
    if (!rc)
        rc = openPipe(&channel->ourRead, &channel->childWrite, bufferSize);
    if (!rc)
        rc = ipcFdUnblock(channel->ourRead);
    return rc ? rc : ipcFdUnblock(channel->ourWrite);
}

const IpcTransportOps ipcFifoOps = {
    .name = "fifo",
    .open = openFifo,
};
