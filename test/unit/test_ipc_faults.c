/*
 * test_ipc_faults.c: starts that go wrong. F1 to F6 are faults of the
 * original; none of them may come back.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "comm.h"
#include "debug.h"
#include "fd.h"
#include "ipc_fake.h"
#include "ipc_priv.h"
#include "support.h"

TestSuite(ipcFaults, .init = supportInit, .fini = supportFini, .timeout = 60);

/* Start with a short deadline and expect errno err and nothing left. */
static void
expectFailure(int type, int chatMs, int err)
{
    int rfd, wfd, fds = fdCount();
    IpcAttr attr;

    ipcAttrInit(&attr);
    attr.chatTimeoutMs = chatMs;
    errno = 0;
    cr_assert_eq(ipcCreateAttr(type, "cat", NULL, "x", &attr, &rfd, &wfd, NULL),
                 -1);
    cr_assert_eq(errno, err, "%s instead of %s", strerror(errno),
                 strerror(err));
    cr_assert_eq(rfd, -1);
    cr_assert_eq(wfd, -1);
    cr_assert_eq(fdCount(), fds);
    ipcFakeAwaitNoChild();
}

static void
expectSuccess(int type)
{
    IpcFake fake = ipcFakeStart(type, "eager", "hello", NULL);
    char text[64];

    ipcFakeReadLine(&fake, text, sizeof(text));
    cr_assert_str_eq(text, "hello\n");
    ipcFakeClose(&fake);
}

/* What the hooks below do in the child shares the memory of this process:
 * system calls only. */
IPC_IN_CHILD static void
hangChild(IpcTestStage stage, int fd)
{
    (void)fd;
    while (stage == IPC_TEST_CHILD)
        syscall(SYS_ppoll, NULL, 0, NULL, NULL, 0);
}

/* F2: a child that never answers costs its deadline and no more. */
IPC_WAY_TEST(ipcFaults, f2_hung_child_ends_at_the_deadline)
{
    int64_t fromUs = commClockUs();

    ipcFakeSetWay(way);
    ipcTestHook = hangChild;
    expectFailure(way->type, 100, ETIMEDOUT);
    cr_assert_geq(commClockUs() - fromUs, 100000);
    ipcTestHook = NULL;
    expectSuccess(way->type);
}

IPC_IN_CHILD static void
killChild(IpcTestStage stage, int fd)
{
    (void)fd;
    if (stage == IPC_TEST_CHILD)
        syscall(SYS_exit_group, 0);
}

/* F2, F5: a child that dies before its hello is a failed chat. */
IPC_WAY_TEST(ipcFaults, f5_child_that_dies_before_the_chat)
{
    ipcFakeSetWay(way);
    ipcTestHook = killChild;
    expectFailure(
        way->type,
        way->type == IPC_UDP_SOCKET || way->type == IPC_UNIX_DGRAM ? 100
                                                                   : 10000,
        way->type == IPC_UDP_SOCKET || way->type == IPC_UNIX_DGRAM ? ETIMEDOUT
                                                                   : EPROTO);
}

IPC_IN_CHILD static void
speakFirst(IpcTestStage stage, int fd)
{
    if (stage == IPC_TEST_CHILD)
        syscall(SYS_write, fd, "something else\n", 15);
}

/* S004-7, F5: a wrong hello fails the start, and the child, which has
 * executed the program by then, is gone. */
IPC_WAY_TEST(ipcFaults, f5_wrong_hello_leaves_no_child)
{
    ipcFakeSetWay(way);
    ipcTestHook = speakFirst;
    expectFailure(way->type, 10000, EPROTO);
}

IPC_IN_CHILD static void
eatGreeting(IpcTestStage stage, int fd)
{
    char text[32];

    (void)fd;
    if (stage == IPC_TEST_CHILD)
        syscall(SYS_read, STDIN_FILENO, text, sizeof(text));
}

/* C11: the way to the child is part of the chat, too. */
IPC_WAY_TEST(ipcFaults, child_that_hears_nothing_fails_the_start)
{
    ipcFakeSetWay(way);
    ipcTestHook = eatGreeting;
    expectFailure(way->type, 200, ETIMEDOUT);
}

IPC_IN_CHILD static void
closeInput(IpcTestStage stage, int fd)
{
    (void)fd;
    if (stage == IPC_TEST_CHILD)
        syscall(SYS_close, STDIN_FILENO);
}

/* F4: a child whose descriptors fail never returns into our own code. Were
 * it to, it would count here as a second process that got to this line. */
IPC_WAY_TEST(ipcFaults, f4_failing_child_never_becomes_a_second_proxy)
{
    atomic_int *returns = mmap(NULL, sizeof(*returns), PROT_READ | PROT_WRITE,
                               MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int rfd, wfd;

    cr_assert_neq(returns, MAP_FAILED);
    ipcFakeSetWay(way);
    ipcTestHook = closeInput;
    cr_assert_eq(ipcCreate(way->type, "cat", NULL, "x", &rfd, &wfd, NULL), -1);
    atomic_fetch_add(returns, 1);
    cr_assert_eq(errno, EBADF, "%s", strerror(errno));
    ipcFakeAwaitNoChild();
    cr_assert_eq(*returns, 1);
    munmap(returns, sizeof(*returns));
}

static int foreigner = -1;
static int foreignerToo = -1;

static void
getAddr(int fd, struct sockaddr_in *addrOut)
{
    socklen_t len = sizeof(*addrOut);

    cr_assert_eq(getsockname(fd, (struct sockaddr *)addrOut, &len), 0);
}

/* Connect before our own end can, and speak at once. */
static void
connectFirst(IpcTestStage stage, int fd)
{
    struct sockaddr_in addr;

    if (stage != IPC_TEST_LISTENING)
        return;
    getAddr(fd, &addr);
    foreigner = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    foreignerToo = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(connect(foreigner, (struct sockaddr *)&addr, sizeof(addr)), 0);
    cr_assert_eq(connect(foreignerToo, (struct sockaddr *)&addr, sizeof(addr)),
                 0);
    cr_assert_eq(write(foreigner, "hi there\n", 10), 10);
}

/* F6: a local process that connects first is turned away, not believed. */
IPC_WAY_TEST(ipcFaults, f6_foreign_tcp_peer_is_refused)
{
    char text[16];

    if (way->type != IPC_TCP_SOCKET)
        return;
    ipcFakeSetWay(way);
    for (int i = 0; i < 10; i++) {
        ipcTestHook = connectFirst;
        expectSuccess(IPC_TCP_SOCKET);
        ipcTestHook = NULL;
        cr_assert_leq(read(foreigner, text, sizeof(text)), 0);
        cr_assert_leq(read(foreignerToo, text, sizeof(text)), 0);
        fdClosep(&foreigner);
        fdClosep(&foreignerToo);
    }
}

/* Send before and while both ends are connected. */
static void
sendFirst(IpcTestStage stage, int fd)
{
    struct sockaddr_in addr;

    if (stage != IPC_TEST_BOUND)
        return;
    getAddr(fd, &addr);
    foreigner = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(connect(foreigner, (struct sockaddr *)&addr, sizeof(addr)), 0);
    for (int i = 0; i < 5; i++)
        cr_assert_eq(write(foreigner, "hi child\n", 10), 10);
    cr_assert_eq(send(foreigner, "", 0, 0), 0);
}

/* F6 */
IPC_WAY_TEST(ipcFaults, f6_foreign_datagrams_are_dropped)
{
    char text[64];
    IpcFake fake;

    if (way->type != IPC_UDP_SOCKET)
        return;
    ipcFakeSetWay(way);
    ipcTestHook = sendFirst;
    fake = ipcFakeStart(IPC_UDP_SOCKET, "eager", "hello", NULL);
    ipcTestHook = NULL;
    ipcFakeRead(&fake, text, sizeof(text));
    cr_assert_str_eq(text, "hello\n");
    (void)!write(foreigner, "late", 4);
    ipcFakeWrite(&fake, "ours");
    ipcFakeRead(&fake, text, sizeof(text));
    cr_assert_str_eq(text, "ours", "the helper saw a foreign datagram");
    ipcFakeClose(&fake);
    fdClosep(&foreigner);
}

/* A local process that hammers every port that appears. */
static atomic_bool attackStops;
static atomic_int attackPort;

static void *
onAttack(void *data)
{
    (void)data;
    while (!attackStops) {
        struct sockaddr_in addr = {.sin_family = AF_INET,
                                   .sin_port = (in_port_t)attackPort};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (!connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
            (void)!send(fd, "hi there\n", 10, MSG_NOSIGNAL);
        close(fd);
    }
    return NULL;
}

static void
tellAttacker(IpcTestStage stage, int fd)
{
    struct sockaddr_in addr;

    if (stage != IPC_TEST_LISTENING)
        return;
    getAddr(fd, &addr);
    attackPort = addr.sin_port;
    usleep(2000);
}

/* F6, in earnest: the queue is full of others while ours connects. */
Test(ipcFaults, f6_tcp_start_survives_a_hammering_neighbour)
{
    pthread_t attacker;

    ipcTestHook = tellAttacker;
    cr_assert_eq(pthread_create(&attacker, NULL, onAttack, NULL), 0);
    for (int i = 0; i < 10; i++)
        expectSuccess(IPC_TCP_SOCKET);
    attackStops = true;
    pthread_join(attacker, NULL);
}

/* With n descriptors free, for every n up to enough: all or nothing. */
IPC_WAY_TEST(ipcFaults, few_free_descriptors_are_emfile_and_no_leak)
{
    struct rlimit limit, saved;
    int fds = fdCount(), tried = 0, rfd, wfd;
    IpcAttr attr;
    pid_t pid = -1;
    void *handle;

    ipcFakeSetWay(way);
    ipcAttrInit(&attr);
    attr.stderrMode = IPC_STDERR_PIPE;
    getrlimit(RLIMIT_NOFILE, &saved);
    limit = saved;
    for (rlim_t top = 3; pid < 0; top++, tried++) {
        cr_assert_lt(tried, 64, "never enough descriptors");
        limit.rlim_cur = top;
        setrlimit(RLIMIT_NOFILE, &limit);
        errno = 0;
        pid = ipcCreateAttr(way->type, "cat", NULL, "x", &attr, &rfd, &wfd,
                            &handle);
        if (pid < 0)
            cr_assert_eq(errno, EMFILE, "%s", strerror(errno));
        setrlimit(RLIMIT_NOFILE, &saved);
        if (pid < 0)
            cr_assert_eq(fdCount(), fds);
    }
    cr_assert_geq(tried, 4);
    ipcClose(pid, rfd, wfd);
    ipcFakeAwaitNoChild();
}

static int savedStdio[3];

static void
closeStdio(unsigned which)
{
    for (int fd = 0; fd < 3; fd++) {
        savedStdio[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 50);
        if (which & 1u << fd)
            close(fd);
    }
}

static void
restoreStdio(void)
{
    for (int fd = 0; fd < 3; fd++) {
        dup2(savedStdio[fd], fd);
        close(savedStdio[fd]);
    }
}

/* The proxy's own 0, 1, 2 closed, in all combinations. */
IPC_WAY_TEST(ipcFaults, works_with_0_1_2_closed)
{
    char text[64];

    ipcFakeSetWay(way);
    for (unsigned which = 0; which < 8; which++) {
        int rfd = -1, wfd = -1;
        IpcFake fake;
        pid_t pid;
        closeStdio(which);
        pid = ipcCreate(way->type, "cat", NULL, "cat", &rfd, &wfd, NULL);
        restoreStdio();
        cr_assert_gt(pid, 0, "%u: %s", which, strerror(errno));
        cr_assert(rfd > 2 && wfd > 2);
        fake = (IpcFake){pid, rfd, wfd};
        ipcFakeWrite(&fake, "text\n");
        ipcFakeRead(&fake, text, sizeof(text));
        cr_assert_str_eq(text, "text\n");
        ipcFakeClose(&fake);
    }
}

/* A log opened while 0, 1 or 2 is the lowest free number is the helper's 2
 * all the same, with the channel on 0 and 1. */
IPC_WAY_TEST(ipcFaults, log_opened_with_0_1_2_closed_is_stderr)
{
    const char *const args[] = {"(sh)", "-c", "echo told >&2; exec cat", NULL};

    ipcFakeSetWay(way);
    for (int logFd = 0; logFd < 3; logFd++) {
        const char *path = supportTempPath("log");
        char text[64], *log;
        IpcFake fake;
        unlink(path);
        closeStdio(7);
        for (int fd = 0; fd < logFd; fd++)
            cr_assert_eq(open("/dev/null", O_RDWR | O_CLOEXEC), fd);
        cr_assert_eq(debugOpen(path), 0);
        for (int fd = 0; fd < logFd; fd++)
            close(fd);
        fake.pid =
            ipcCreate(way->type, "sh", args, "sh", &fake.rfd, &fake.wfd, NULL);
        debugClose();
        restoreStdio();
        cr_assert_gt(fake.pid, 0, "%s", strerror(errno));
        ipcFakeWrite(&fake, "text\n");
        ipcFakeRead(&fake, text, sizeof(text));
        cr_assert_str_eq(text, "text\n");
        ipcFakeClose(&fake);
        log = supportReadFile(supportTempPath("log"));
        cr_assert_str_eq(log, "told\n");
        free(log);
    }
}

enum { THREADS = 4, STARTS = 25 };

static void *
onStarter(void *data)
{
    const IpcWay *way = data;

    for (int i = 0; i < STARTS; i++)
        expectSuccess(way->type);
    return NULL;
}

/* Several threads start helpers at the same time, with the loop of none. */
IPC_WAY_TEST(ipcFaults, threads_start_helpers_at_the_same_time)
{
    pthread_t threads[THREADS];

    ipcFakeSetWay(way);
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, onStarter, way), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    ipcFakeAwaitNoChild();
}
