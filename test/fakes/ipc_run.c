/*
 * ipc_run.c: start a program by ipcCreate and join it to our 0 and 1.
 *
 *     ipc_run TYPE PROGRAM [ARGS...]    TYPE: tcp udp fifo unix-stream ...
 *
 * A datagram is a line of hexadecimal digits here. At the end of our input
 * the program is closed; at the end of its output we end. Exit 1 and one
 * line "errno text" on stdout when it cannot be started.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc.h"

#define WAIT_MS 60000

static char message[65536];
static char line[2 * sizeof(message) + 2];

static int
lookupType(const char *name)
{
    for (int type = IPC_NONE + 1; type < IPC_TYPE_COUNT; type++) {
        if (!strcmp(name, ipcTypeName(type)))
            return type;
    }
    return IPC_NONE;
}

static void
writeAll(int fd, const char *data, size_t len)
{
    if (write(fd, data, len) != (ssize_t)len)
        exit(3);
}

/* One line from our input; false at its end. */
static bool
takeDatagram(int wfd)
{
    size_t len = 0;
    unsigned octet;

    if (!fgets(line, sizeof(line), stdin))
        return false;
    while (sscanf(line + 2 * len, "%2x", &octet) == 1)
        message[len++] = (char)octet;
    writeAll(wfd, message, len);
    return true;
}

static bool
giveDatagram(int rfd)
{
    ssize_t n = read(rfd, message, sizeof(message));

    for (ssize_t i = 0; i < n; i++)
        printf("%02x", (unsigned char)message[i]);
    printf("\n");
    fflush(stdout);
    return n >= 0;
}

static bool
copyStream(int from, int to)
{
    ssize_t n = read(from, message, sizeof(message));

    if (n <= 0)
        return n < 0 && errno == EAGAIN;
    writeAll(to, message, (size_t)n);
    return true;
}

static void
join(int rfd, int wfd, bool isDatagram)
{
    struct pollfd entries[2] = {{.fd = STDIN_FILENO, .events = POLLIN},
                                {.fd = rfd, .events = POLLIN}};
    bool goesOn = true;

    while (goesOn && poll(entries, 2, WAIT_MS) > 0) {
        if (entries[1].revents)
            goesOn =
                isDatagram ? giveDatagram(rfd) : copyStream(rfd, STDOUT_FILENO);
        else
            goesOn =
                isDatagram ? takeDatagram(wfd) : copyStream(STDIN_FILENO, wfd);
    }
}

int
main(int argc, char **argv)
{
    int type = argc > 2 ? lookupType(argv[1]) : IPC_NONE;
    int rfd, wfd;
    pid_t pid;

    setvbuf(stdin, NULL, _IONBF, 0);
    pid = ipcCreate(type, argv[argc > 2 ? 2 : 0],
                    (const char *const *)(void *)(argv + 2), "ipc_run", &rfd,
                    &wfd, NULL);
    if (pid < 0) {
        printf("%d %s\n", errno, strerror(errno));
        return 1;
    }
    join(rfd, wfd, type == IPC_UDP_SOCKET || type == IPC_UNIX_DGRAM);
    ipcClose(pid, rfd, wfd);
    return 0;
}
