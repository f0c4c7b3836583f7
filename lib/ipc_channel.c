/* ipc_channel.c: the descriptors of a channel (debug section 54). */
#include "ipc_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "comm.h"
#include "fd.h"

static void
closePair(int *readFd, int *writeFd)
{
    if (*writeFd == *readFd)
        *writeFd = -1;
    fdClosep(readFd);
    fdClosep(writeFd);
}

void
ipcChannelInit(IpcChannel *channel)
{
    *channel = (IpcChannel){-1, -1, -1, -1};
}

void
ipcChannelSetOurs(IpcChannel *channel, int fd)
{
    channel->ourRead = channel->ourWrite = fd;
}

void
ipcChannelSetTheirs(IpcChannel *channel, int fd)
{
    channel->childRead = channel->childWrite = fd;
}

void
ipcChannelCloseOurs(IpcChannel *channel)
{
    closePair(&channel->ourRead, &channel->ourWrite);
}

void
ipcChannelCloseTheirs(IpcChannel *channel)
{
    closePair(&channel->childRead, &channel->childWrite);
}

int
ipcFdLift(int *fd)
{
    int lifted = fdAboveStdio(*fd);

    *fd = lifted < 0 ? -1 : lifted;
    return lifted < 0 ? lifted : 0;
}

int
ipcFdUnblock(int fd)
{
    int on = 1;

    return ioctl(fd, FIONBIO, &on) < 0 ? -errno : 0;
}

int
ipcFdSetBuffers(int fd, int octets)
{
    if (!octets)
        return 0;
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &octets, sizeof(octets)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &octets, sizeof(octets)) < 0)
        return -errno;
    return 0;
}

int
ipcFdWait(int fd, short events, int64_t deadlineUs)
{
    struct pollfd entry = {.fd = fd, .events = events};

    for (;;) {
        int64_t leftUs = deadlineUs - commClockUs();
        int count;
        if (leftUs <= 0)
            return -ETIMEDOUT;
        count = poll(&entry, 1, (int)((leftUs + 999) / 1000));
        if (count > 0)
            return 0;
        if (count < 0 && errno != EINTR)
            return -errno;
    }
}
