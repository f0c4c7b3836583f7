/*
 * ipc_inet.c: loopback TCP and UDP pairs (debug section 54).
 *
 * Any local process can reach a loopback port, so both ends are checked to
 * be our own before an octet is believed.
 */
#include "ipc_priv.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "comm.h"
#include "fd.h"

/* Connections that others may have waiting: were the queue full, ours would
 * be tried again only a second later. */
#define LISTEN_BACKLOG 1024

static bool
isSameAddr(const struct sockaddr_in *a, const struct sockaddr_in *b)
{
    return a->sin_addr.s_addr == b->sin_addr.s_addr &&
           a->sin_port == b->sin_port;
}

static int
getLocalAddr(int fd, struct sockaddr_in *addrOut)
{
    socklen_t len = sizeof(*addrOut);

    if (getsockname(fd, (struct sockaddr *)addrOut, &len) < 0)
        return -errno;
    return 0;
}

static int
openSocket(int type, int bufferSize, int *fdOut)
{
    int rc;

    *fdOut = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    if (*fdOut < 0)
        return -errno;
    rc = ipcFdLift(fdOut);
    return rc ? rc : ipcFdSetBuffers(*fdOut, bufferSize);
}

static int
bindLoopback(int fd, struct sockaddr_in *addrOut)
{
    struct sockaddr_in any = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };

    if (bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0)
        return -errno;
    return getLocalAddr(fd, addrOut);
}

static int
connectTo(int fd, const struct sockaddr_in *addr)
{
    if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0 &&
        errno != EINPROGRESS)
        return -errno;
    return 0;
}

/* Accept until the peer is our own socket at `own`; others are closed. */
static int
acceptOwn(int listener, const struct sockaddr_in *own, int64_t deadlineUs)
{
    struct sockaddr_in peer;
    socklen_t len;
    int fd, rc;

    for (;;) {
        rc = ipcFdWait(listener, POLLIN, deadlineUs);
        if (rc)
            return rc;
        len = sizeof(peer);
        fd = accept4(listener, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC);
        if (fd >= 0 && isSameAddr(&peer, own))
            return fd;
        if (fd >= 0)
            close(fd);
        else if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
            return -errno;
    }
}

static int
listenLoopback(int fd, struct sockaddr_in *addrOut)
{
    int rc = bindLoopback(fd, addrOut);

    if (!rc)
        rc = ipcFdUnblock(fd);
    if (!rc && listen(fd, LISTEN_BACKLOG) < 0)
        rc = -errno;
    return rc;
}

/* Lines are small and answered at once: never wait to fill a packet. */
static int
setNoDelay(int fd)
{
    int on = 1;

    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0)
        return -errno;
    return 0;
}

static int
connectPair(IpcChannel *channel, int listener, int64_t deadlineUs)
{
    struct sockaddr_in own;
    int rc, fd;

    rc = getLocalAddr(channel->ourRead, &own);
    if (rc)
        return rc;
    fd = acceptOwn(listener, &own, deadlineUs);
    if (fd < 0)
        return fd;
    rc = ipcFdLift(&fd);
    ipcChannelSetTheirs(channel, fd);
    if (!rc)
        rc = setNoDelay(channel->ourRead);
    return rc ? rc : setNoDelay(fd);
}

static int
openTcp(IpcChannel *channel, int bufferSize, int64_t deadlineUs)
{
    struct sockaddr_in addr;
    int listener = -1;
    int rc, ours;

    rc = openSocket(SOCK_STREAM, bufferSize, &listener);
    if (!rc)
        rc = listenLoopback(listener, &addr);
    if (rc)
        goto fail;
    if (ipcTestHook)
        ipcTestHook(IPC_TEST_LISTENING, listener);
    rc = openSocket(SOCK_STREAM | SOCK_NONBLOCK, bufferSize, &ours);
    ipcChannelSetOurs(channel, ours);
    if (rc)
        goto fail;
    rc = connectTo(ours, &addr);
    if (!rc)
        rc = connectPair(channel, listener, deadlineUs);
fail:
    fdClosep(&listener);
    return rc;
}

/* Once connected a socket takes octets from its peer only; what others sent
 * before that is still queued. */
static void
drainForeign(int fd)
{
    char octet;

    while (recv(fd, &octet, sizeof(octet), MSG_DONTWAIT) >= 0)
        continue;
}

static int
connectBoth(int ours, int theirs, const struct sockaddr_in *ourAddr,
            const struct sockaddr_in *theirAddr)
{
    int rc = connectTo(ours, theirAddr);

    if (!rc)
        rc = connectTo(theirs, ourAddr);
    if (rc)
        return rc;
    drainForeign(ours);
    drainForeign(theirs);
    return ipcFdUnblock(ours);
}

static int
openUdp(IpcChannel *channel, int bufferSize, int64_t deadlineUs)
{
    struct sockaddr_in ourAddr, theirAddr;
    int ours, theirs, rc;

    (void)deadlineUs;
    rc = openSocket(SOCK_DGRAM, bufferSize, &ours);
    ipcChannelSetOurs(channel, ours);
    if (rc)
        return rc;
    rc = openSocket(SOCK_DGRAM, bufferSize, &theirs);
    ipcChannelSetTheirs(channel, theirs);
    if (!rc)
        rc = bindLoopback(ours, &ourAddr);
    if (!rc)
        rc = bindLoopback(theirs, &theirAddr);
    if (rc)
        return rc;
    if (ipcTestHook)
        ipcTestHook(IPC_TEST_BOUND, theirs);
    return connectBoth(ours, theirs, &ourAddr, &theirAddr);
}

const IpcTransportOps ipcTcpOps = {
    .name = "tcp",
    .open = openTcp,
};

const IpcTransportOps ipcUdpOps = {
    .name = "udp",
    .isDatagram = true,
    .open = openUdp,
};
