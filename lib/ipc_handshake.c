/*
 * ipc_handshake.c: the ten octets each way before exec (debug section 54).
 *
 * They prove that the very descriptors the helper gets carry octets in both
 * directions. Exactly ten are read, so a helper that speaks at once loses
 * nothing.
 */
#include "ipc_priv.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const char ourHello[IPC_HELLO_SIZE] = "hi child\n";
static const char childHello[IPC_HELLO_SIZE] = "hi there\n";

int
ipcHandshakeOffer(const IpcChannel *channel)
{
    ssize_t n = write(channel->ourWrite, ourHello, sizeof(ourHello));

    if (n < 0)
        return -errno;
    return n == (ssize_t)sizeof(ourHello) ? 0 : -EPROTO;
}

IPC_IN_CHILD static int
readOurs(int timeoutMs, char *text)
{
    struct pollfd entry = {.fd = STDIN_FILENO, .events = POLLIN};
    size_t got = 0;

    while (got < IPC_HELLO_SIZE) {
        struct timespec left = {timeoutMs / 1000, timeoutMs % 1000 * 1000000L};
        long n = syscall(SYS_ppoll, &entry, 1, &left, NULL, _NSIG / 8);
        if (!n)
            return ETIMEDOUT;
        if (n > 0)
            n = syscall(SYS_read, STDIN_FILENO, text + got,
                        IPC_HELLO_SIZE - got);
        if (n < 0)
            return errno;
        if (n == 0)
            return EPROTO;
        got += (size_t)n;
    }
    return 0;
}

IPC_IN_CHILD int
ipcHandshakeAnswer(int timeoutMs)
{
    char text[IPC_HELLO_SIZE];
    long n;
    int err = readOurs(timeoutMs, text);

    if (err)
        return err;
    for (int i = 0; i < IPC_HELLO_SIZE; i++) {
        if (text[i] != ourHello[i])
            return EPROTO;
    }
    n = syscall(SYS_write, STDOUT_FILENO, childHello, IPC_HELLO_SIZE);
    if (n < 0)
        return errno;
    return n == IPC_HELLO_SIZE ? 0 : EPROTO;
}

/* The child died with our octets unread, or speaks another language. */
static int
chatError(int err)
{
    return err == ECONNRESET || err == ECONNREFUSED ? -EPROTO : -err;
}

/* A datagram is read with room for one octet more, which shows when it is
 * longer than it should be. */
int
ipcHandshakeFinish(const IpcChannel *channel, bool isDatagram,
                   int64_t deadlineUs)
{
    char text[IPC_HELLO_SIZE + 1];
    size_t got = 0;

    while (got < IPC_HELLO_SIZE) {
        ssize_t n = read(channel->ourRead, text + got,
                         IPC_HELLO_SIZE + isDatagram - got);
        if (n < 0 && errno == EAGAIN) {
            int rc = ipcFdWait(channel->ourRead, POLLIN, deadlineUs);
            if (rc)
                return rc;
        } else if (n < 0 && errno != EINTR) {
            return chatError(errno);
        } else if (n == 0 || (isDatagram && n != IPC_HELLO_SIZE)) {
            return -EPROTO;
        } else if (n > 0) {
            got += (size_t)n;
        }
    }
    return memcmp(text, childHello, IPC_HELLO_SIZE) ? -EPROTO : 0;
}
