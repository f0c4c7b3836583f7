/* ipc_unix.c: stream and datagram socket pairs (debug section 54). */
#include "ipc_priv.h"

#include <errno.h>
#include <sys/socket.h>

static int
openPair(IpcChannel *channel, int type, int bufferSize)
{
    int pair[2];
    int rc;

    if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    rc = ipcFdLift(&pair[0]);
    if (!rc)
        rc = ipcFdLift(&pair[1]);
    ipcChannelSetOurs(channel, pair[0]);
    ipcChannelSetTheirs(channel, pair[1]);
    if (!rc)
        rc = ipcFdSetBuffers(pair[0], bufferSize);
    if (!rc)
        rc = ipcFdSetBuffers(pair[1], bufferSize);
    return rc ? rc : ipcFdUnblock(pair[0]);
}

static int
openStream(IpcChannel *channel, int bufferSize, int64_t deadlineUs)
{
    (void)deadlineUs;
    return openPair(channel, SOCK_STREAM, bufferSize);
}

static int
openDgram(IpcChannel *channel, int bufferSize, int64_t deadlineUs)
{
    (void)deadlineUs;
    return openPair(channel, SOCK_DGRAM, bufferSize);
}

const IpcTransportOps ipcUnixStreamOps = {
    .name = "unix-stream",
    .open = openStream,
};

const IpcTransportOps ipcUnixDgramOps = {
    .name = "unix-dgram",
    .isDatagram = true,
    .open = openDgram,
};
