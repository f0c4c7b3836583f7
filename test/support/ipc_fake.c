/* ipc_fake.c: start fake_child and talk with it. */
#include "ipc_fake.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ipc_priv.h"

#define WAIT_MS 10000
#define WORDS_MAX 16

IpcWay ipcWays[IPC_WAYS] = {
    {IPC_TCP_SOCKET, false},  {IPC_UDP_SOCKET, false}, {IPC_FIFO, false},
    {IPC_UNIX_STREAM, false}, {IPC_UNIX_DGRAM, false}, {IPC_TCP_SOCKET, true},
    {IPC_UDP_SOCKET, true},   {IPC_FIFO, true},        {IPC_UNIX_STREAM, true},
    {IPC_UNIX_DGRAM, true},
};

void
ipcFakeSetWay(const IpcWay *way)
{
    ipcSpawnOps = way->isFork ? &ipcSpawnForkOps : &ipcSpawnVmOps;
}

const char *
ipcFakeProgram(void)
{
    static _Thread_local char path[4096];
    const char *build = getenv("SQUIRE_BUILD");

    snprintf(path, sizeof(path), "%s%s/fake_child", build ? build : "",
             build ? "/test" : ".");
    return path;
}

IpcFake
ipcFakeStart(int type, const char *mode, ...)
{
    const char *args[WORDS_MAX] = {"(fake)", mode};
    IpcFake fake;
    va_list ap;
    int count = 2;

    va_start(ap, mode);
    while (count < WORDS_MAX - 1 && (args[count] = va_arg(ap, char *)))
        count++;
    va_end(ap);
    args[count] = NULL;
    fake.pid = ipcCreate(type, ipcFakeProgram(), args, "fake", &fake.rfd,
                         &fake.wfd, NULL);
    cr_assert_gt(fake.pid, 0, "%s: %s", ipcFakeProgram(), strerror(errno));
    return fake;
}

size_t
ipcFakeRead(const IpcFake *fake, char *text, size_t size)
{
    struct pollfd entry = {.fd = fake->rfd, .events = POLLIN};
    ssize_t n;

    cr_assert_eq(poll(&entry, 1, WAIT_MS), 1, "the helper says nothing");
    n = read(fake->rfd, text, size - 1);
    cr_assert_geq(n, 0, "read: %s", strerror(errno));
    text[n] = '\0';
    return (size_t)n;
}

void
ipcFakeReadLine(const IpcFake *fake, char *text, size_t size)
{
    size_t got = 0;

    do {
        size_t n = ipcFakeRead(fake, text + got, size - got);
        if (!n)
            return;
        got += n;
    } while (text[got - 1] != '\n' && got < size - 1);
}

void
ipcFakeWrite(const IpcFake *fake, const char *text)
{
    cr_assert_eq(write(fake->wfd, text, strlen(text)), (ssize_t)strlen(text),
                 "write: %s", strerror(errno));
}

/* True when pid, or any child for -1, is there. */
static bool
isThere(pid_t pid)
{
    siginfo_t info;

    return !waitid(pid < 0 ? P_ALL : P_PID, pid < 0 ? 0 : (id_t)pid, &info,
                   WEXITED | WNOHANG | WNOWAIT);
}

static void
awaitGone(pid_t pid)
{
    struct timespec nap = {0, 1000000};

    for (int ms = 0; isThere(pid); ms++) {
        cr_assert_lt(ms, WAIT_MS, "a child was left");
        nanosleep(&nap, NULL);
        ipcClose(-1, -1, -1);
    }
}

void
ipcFakeAwaitNoChild(void)
{
    awaitGone(-1);
}

void
ipcFakeClose(IpcFake *fake)
{
    ipcClose(fake->pid, fake->rfd, fake->wfd);
    awaitGone(fake->pid);
    fake->pid = fake->rfd = fake->wfd = -1;
}
