/*
 * comm_turns.c: TURNS loop turns, each one read and one write on a channel
 * to a child that echoes; a deferred call makes the write. For a test that
 * counts the system calls.
 */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "comm.h"

typedef struct Channel {
    int fd;
    long left;
    CommDeferred flush;
} Channel;

static void
flushChannel(void *data)
{
    const Channel *channel = data;

    CHECK(write(channel->fd, "x", 1) == 1);
}

static void
onReadable(int fd, void *data)
{
    Channel *channel = data;
    char c;

    CHECK(read(fd, &c, 1) == 1);
    if (--channel->left == 0) {
        commClose(fd);
        return;
    }
    commDefer(&channel->flush);
    commSetTimeout(fd, 20000, onReadable, channel);
    commSetSelect(fd, COMM_SELECT_READ, onReadable, channel, 10);
}

static void
echo(int fd)
{
    char c;

    while (read(fd, &c, 1) == 1 && write(fd, &c, 1) == 1)
        ;
}

static void
onChildEnd(pid_t pid, int status, void *data)
{
    (void)pid;
    (void)status;
    (void)data;
}

int
main(int argc, char **argv)
{
    Channel channel = {.left = argc > 1 ? strtol(argv[1], NULL, 10) : 1};
    int fds[2];
    pid_t pid;

    alarm(60);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
    pid = fork();
    if (pid == 0) {
        close(fds[0]);
        echo(fds[1]);
        _exit(0);
    }
    close(fds[1]);
    channel.fd = fds[0];
    CHECK(commInit() == 0);
    CHECK(commOpen(fds[0], "channel") == 0);
    commDeferInit(&channel.flush, flushChannel, &channel);
    commDefer(&channel.flush);
    commSetSelect(fds[0], COMM_SELECT_READ, onReadable, &channel, 10);
    CHECK(commWatchPid(pid, onChildEnd, NULL) != NULL);
    CHECK(commLoopRun() == 0);
    commFini();
    return 0;
}
