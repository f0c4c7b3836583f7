/* test_ipc.c: what ipcCreate promises, statements S004-1 to S004-15. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "comm.h"
#include "debug.h"
#include "fd.h"
#include "ipc_fake.h"
#include "ipc_priv.h"
#include "support.h"
#include "xalloc.h"

TestSuite(ipc, .init = supportCommInit, .fini = supportCommFini, .timeout = 60);

static bool
isDatagram(const IpcWay *way)
{
    return way->type == IPC_UDP_SOCKET || way->type == IPC_UNIX_DGRAM;
}

/* S004-1, S004-3 */
IPC_WAY_TEST(ipc, starts_and_talks_both_ways)
{
    char text[64];
    IpcFake fake;

    ipcFakeSetWay(way);
    fake = ipcFakeStart(way->type, "echo", NULL);
    cr_assert_gt(fake.rfd, STDERR_FILENO);
    cr_assert_gt(fake.wfd, STDERR_FILENO);
    cr_assert_eq(fake.rfd == fake.wfd, way->type != IPC_FIFO);
    cr_assert(fcntl(fake.rfd, F_GETFL) & O_NONBLOCK);
    cr_assert(fcntl(fake.wfd, F_GETFL) & O_NONBLOCK);
    cr_assert(fcntl(fake.rfd, F_GETFD) & FD_CLOEXEC);
    cr_assert(fcntl(fake.wfd, F_GETFD) & FD_CLOEXEC);
    ipcFakeWrite(&fake, "one\n");
    ipcFakeRead(&fake, text, sizeof(text));
    cr_assert_str_eq(text, "one\n");
    ipcFakeClose(&fake);
}

static void
expectFailure(int type, const char *prog, const char *name, int err)
{
    int rfd = 5, wfd = 5, fds = fdCount();
    void *handle = NULL;

    errno = 0;
    cr_assert_eq(ipcCreate(type, prog, NULL, name, &rfd, &wfd, &handle), -1);
    cr_assert_eq(errno, err, "%s: %s instead of %s", prog, strerror(errno),
                 strerror(err));
    cr_assert_eq(rfd, -1);
    cr_assert_eq(wfd, -1);
    cr_assert_null(handle);
    cr_assert_eq(fdCount(), fds);
    ipcFakeAwaitNoChild();
}

/* A file in the test's own folder. */
static const char *
makeFile(const char *name, const char *text, mode_t mode)
{
    const char *path = supportTempPath(name);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, mode);

    cr_assert_geq(fd, 0);
    cr_assert_eq(fdWriteAll(fd, text, strlen(text)), 0);
    close(fd);
    return path;
}

/* S004-2; F3: no program, no pid. */
IPC_WAY_TEST(ipc, exec_failure_is_minus_one_with_its_errno)
{
    ipcFakeSetWay(way);
    expectFailure(way->type, "/nonexistent/helper", "x", ENOENT);
    expectFailure(way->type, "no-such-helper-anywhere", "x", ENOENT);
    expectFailure(way->type, "", "x", ENOENT);
    expectFailure(way->type, "/etc/passwd/helper", "x", ENOTDIR);
    expectFailure(way->type, "/etc", "x", EACCES);
    expectFailure(way->type, makeFile("plain", "text\n", 0644), "x", EACCES);
    expectFailure(way->type, makeFile("bare", "echo text\n", 0755), "x",
                  ENOEXEC);
    expectFailure(way->type, makeFile("lost", "#!/nonexistent/sh\n", 0755), "x",
                  ENOENT);
}

/* S004-2; F5: an unknown type never aborts. */
Test(ipc, refuses_requests_that_make_no_sense)
{
    IpcAttr attr;
    int rfd, wfd;

    expectFailure(IPC_NONE, "/bin/cat", "x", EINVAL);
    expectFailure(IPC_TYPE_COUNT, "/bin/cat", "x", EINVAL);
    expectFailure(-1, "/bin/cat", "x", EINVAL);
    expectFailure(4711, "/bin/cat", "x", EINVAL);
    expectFailure(IPC_STREAM, NULL, "x", EINVAL);
    expectFailure(IPC_STREAM, "/bin/cat", NULL, EINVAL);
    ipcAttrInit(&attr);
    attr.stderrMode = IPC_STDERR_PIPE;
    cr_assert_eq(ipcCreateAttr(IPC_STREAM, "/bin/cat", NULL, "x", &attr, &rfd,
                               &wfd, NULL),
                 -1);
    cr_assert_eq(errno, EINVAL, "a stderr pipe that nobody can take");
}

/* S004-3: PATH is searched as by execvp; args[0] is free text. */
Test(ipc, looks_the_program_up_in_the_path)
{
    const char *const args[] = {"(tool)", NULL};
    int rfd, wfd;
    char *path, text[64];
    IpcFake fake;

    makeFile("tool", "#!/bin/sh\necho found\nexec cat\n", 0755);
    cr_assert_eq(mkdir(supportTempPath("denied"), 0755), 0);
    makeFile("denied/tool", "#!/bin/sh\n", 0644);
    path = xasprintf("/nonexistent:%s/denied:%s:/bin:/usr/bin",
                     supportTempDir(), supportTempDir());
    setenv("PATH", path, 1);
    fake.pid =
        ipcCreate(IPC_STREAM, "tool", args, "x", &fake.rfd, &fake.wfd, NULL);
    cr_assert_gt(fake.pid, 0);
    ipcFakeReadLine(&fake, text, sizeof(text));
    cr_assert_str_eq(text, "found\n");
    ipcFakeClose(&fake);

    free(path);
    path = xasprintf("/nonexistent:%s/denied", supportTempDir());
    setenv("PATH", path, 1);
    cr_assert_eq(ipcCreate(IPC_STREAM, "tool", NULL, "x", &rfd, &wfd, NULL),
                 -1);
    cr_assert_eq(errno, EACCES, "denied in one place, missing in the others");
    free(path);
}

Test(ipc, uses_the_usual_path_without_one)
{
    IpcFake fake;

    unsetenv("PATH");
    fake.pid =
        ipcCreate(IPC_STREAM, "cat", NULL, "x", &fake.rfd, &fake.wfd, NULL);
    cr_assert_gt(fake.pid, 0);
    ipcFakeClose(&fake);
}

/* The line of "fds" for one number, without the number. */
static void
findLink(const char *report, int fd, char *linkOut, size_t size)
{
    char *copy = strdup(report), *rest = copy, *line;

    linkOut[0] = '\0';
    while ((line = strsep(&rest, "\n"))) {
        char *end;
        if (*line && strtol(line, &end, 10) == fd)
            snprintf(linkOut, size, "%s", end + 1);
    }
    free(copy);
}

/* S004-4, S004-8 */
IPC_WAY_TEST(ipc, helper_has_the_channel_on_0_and_1_and_nothing_else)
{
    char report[1024], in[256], out[256], err[256];
    const char *nothing;
    IpcFake fake;

    ipcFakeSetWay(way);
    cr_assert_eq(dup2(STDERR_FILENO, 17), 17);
    cr_assert_eq(dup2(STDERR_FILENO, 200), 200);
    fake = ipcFakeStart(way->type, "fds", NULL);
    ipcFakeReadLine(&fake, report, sizeof(report));
    findLink(report, 0, in, sizeof(in));
    findLink(report, 1, out, sizeof(out));
    findLink(report, 2, err, sizeof(err));
    if (way->type == IPC_FIFO) {
        cr_assert(!strncmp(in, "pipe:", 5) && !strncmp(out, "pipe:", 5), "%s",
                  report);
        cr_assert_str_neq(in, out);
    } else {
        cr_assert(!strncmp(in, "socket:", 7), "%s", report);
        cr_assert_str_eq(in, out);
    }
    cr_assert(err[0], "%s", report);
    nothing = report;
    for (int line = 0; line < 3 && nothing; line++)
        nothing = strchr(nothing, '\n') + 1;
    cr_assert_str_eq(nothing, "", "more than 0, 1, 2: %s", report);
    ipcFakeClose(&fake);
    close(17);
    close(200);
}

/* S004-8: not only later, but as soon as the start has returned. */
Test(ipc, helper_has_only_three_descriptors_when_the_start_returns)
{
    IpcFake fake;
    char path[64];

    cr_assert_eq(dup2(STDERR_FILENO, 100), 100);
    fake = ipcFakeStart(IPC_STREAM, "echo", NULL);
    snprintf(path, sizeof(path), "/proc/%d/fd/100", (int)fake.pid);
    cr_assert_lt(access(path, F_OK), 0);
    snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)fake.pid, fake.rfd);
    cr_assert_lt(access(path, F_OK), 0);
    ipcFakeClose(&fake);
    close(100);
}

/* S004-5 */
IPC_WAY_TEST(ipc, stderr_is_the_debug_log)
{
    const char *path = supportTempPath("debug.log");
    char text[64], *log;
    IpcFake fake;

    ipcFakeSetWay(way);
    cr_assert_eq(debugOpen(path), 0);
    fake = ipcFakeStart(way->type, "stderr", "help", "me", NULL);
    ipcFakeWrite(&fake, "x\n");
    ipcFakeRead(&fake, text, sizeof(text));
    ipcFakeClose(&fake);
    log = supportReadFile(supportTempPath("debug.log"));
    cr_assert(strstr(log, "help\nme\n"), "log: %s", log);
    free(log);
    debugClose();
}

Test(ipc, stderr_can_be_a_pipe_of_ours)
{
    const char *const args[] = {"(fake)", "stderr", "a line", NULL};
    IpcFake fake, err;
    IpcChild *child = NULL;
    IpcAttr attr;
    void *handle;
    char text[64];

    ipcAttrInit(&attr);
    attr.stderrMode = IPC_STDERR_PIPE;
    fake.pid = ipcCreateAttr(IPC_STREAM, ipcFakeProgram(), args, "fake", &attr,
                             &fake.rfd, &fake.wfd, &handle);
    cr_assert_gt(fake.pid, 0);
    child = handle;
    cr_assert_eq(ipcChildPid(child), fake.pid);
    cr_assert_str_eq(ipcChildName(child), "fake");
    err.rfd = ipcChildTakeStderr(child);
    cr_assert(fcntl(err.rfd, F_GETFL) & O_NONBLOCK);
    cr_assert(fcntl(err.rfd, F_GETFD) & FD_CLOEXEC);
    cr_assert_eq(ipcChildTakeStderr(child), -1);
    ipcFakeReadLine(&err, text, sizeof(text));
    cr_assert_str_eq(text, "a line\n");
    ipcFakeClose(&fake);
    cr_assert_eq(ipcFakeRead(&err, text, sizeof(text)), 0);
    close(err.rfd);
}

Test(ipc, stderr_can_be_nothing)
{
    const char *const args[] = {"(fake)", "fds", NULL};
    char report[512], link[256];
    IpcFake fake;
    IpcAttr attr;

    ipcAttrInit(&attr);
    attr.stderrMode = IPC_STDERR_NULL;
    fake.pid = ipcCreateAttr(IPC_STREAM, ipcFakeProgram(), args, "fake", &attr,
                             &fake.rfd, &fake.wfd, NULL);
    cr_assert_gt(fake.pid, 0);
    ipcFakeReadLine(&fake, report, sizeof(report));
    findLink(report, 2, link, sizeof(link));
    cr_assert_str_eq(link, "/dev/null");
    ipcFakeClose(&fake);
}

/* S004-6; F1: what a helper says at once is all there, and nothing else. */
IPC_WAY_TEST(ipc, eager_helper_loses_nothing_and_sees_no_chat)
{
    char text[256];
    IpcFake fake;

    ipcFakeSetWay(way);
    for (int i = 0; i < 20; i++) {
        fake = ipcFakeStart(way->type, "eager", "banner", "more", NULL);
        ipcFakeReadLine(&fake, text, sizeof(text));
        cr_assert_str_eq(text, "banner\nmore\n");
        ipcFakeWrite(&fake, "first octets\n");
        ipcFakeReadLine(&fake, text, sizeof(text));
        cr_assert_str_eq(text, "first octets\n");
        ipcFakeClose(&fake);
    }
}

typedef struct Seen {
    bool isDone;
    ssize_t n;
    int err;
} Seen;

static void
onReadable(int fd, void *data)
{
    Seen *seen = data;
    char buf[64];

    seen->n = read(fd, buf, sizeof(buf));
    seen->err = seen->n < 0 ? errno : 0;
    seen->isDone = true;
}

/* S004-9, S004-10: an end of file is a read of 0. */
IPC_WAY_TEST(ipc, channel_works_with_commSetSelect_up_to_its_end)
{
    Seen seen = {.isDone = false};
    IpcFake fake;

    ipcFakeSetWay(way);
    fake = ipcFakeStart(way->type, "echo", NULL);
    commSetSelect(fake.rfd, COMM_SELECT_READ, onReadable, &seen, 10);
    ipcFakeWrite(&fake, "ping\n");
    cr_assert(supportRunUntil(&seen.isDone, 10000));
    cr_assert_eq(seen.n, 5);
    if (!isDatagram(way)) {
        seen.isDone = false;
        commSetSelect(fake.rfd, COMM_SELECT_READ, onReadable, &seen, 10);
        kill(fake.pid, SIGKILL);
        cr_assert(supportRunUntil(&seen.isDone, 10000));
        cr_assert_eq(seen.n, 0, "%zd: %s", seen.n, strerror(seen.err));
    }
    ipcFakeClose(&fake);
}

/* Whoever closes a descriptor that the loop knows by close() finds the next
 * helper under the same number: it works, and the old handler is not run. */
Test(ipc, a_number_closed_without_commClose_is_taken_anew)
{
    Seen stale = {.isDone = false}, seen = {.isDone = false};
    IpcFake old = ipcFakeStart(IPC_STREAM, "echo", NULL), next;

    commSetSelect(old.rfd, COMM_SELECT_READ, onReadable, &stale, 0);
    supportRunLoop(20);
    close(old.rfd);
    next = ipcFakeStart(IPC_STREAM, "echo", NULL);
    cr_assert_eq(next.rfd, old.rfd);
    cr_assert_not(commIsOpen(next.rfd));
    commSetSelect(next.rfd, COMM_SELECT_READ, onReadable, &seen, 0);
    ipcFakeWrite(&next, "ping\n");
    cr_assert(supportRunUntil(&seen.isDone, 10000));
    cr_assert_eq(seen.n, 5);
    cr_assert_not(stale.isDone);
    ipcClose(old.pid, -1, -1);
    ipcFakeClose(&next);
}

/* S004-11: an error is a read of -1 with errno. The helper ends with octets
 * unread, which resets a TCP connection and a unix stream alike. */
Test(ipc, channel_error_is_a_read_of_minus_one)
{
    const char *const args[] = {"(sleep)", "60", NULL};
    static const int types[] = {IPC_TCP_SOCKET, IPC_UNIX_STREAM};

    for (size_t i = 0; i < 2; i++) {
        Seen seen = {.isDone = false};
        IpcFake fake;
        fake.pid = ipcCreate(types[i], "sleep", args, "sleep", &fake.rfd,
                             &fake.wfd, NULL);
        cr_assert_gt(fake.pid, 0);
        ipcFakeWrite(&fake, "never read\n");
        commSetSelect(fake.rfd, COMM_SELECT_READ, onReadable, &seen, 10);
        kill(fake.pid, SIGKILL);
        cr_assert(supportRunUntil(&seen.isDone, 10000));
        cr_assert_eq(seen.n, -1);
        cr_assert_eq(seen.err, ECONNRESET);
        ipcFakeClose(&fake);
    }
}

/* S004-12, S004-13, S004-15 */
Test(ipc, types_have_their_numbers_and_names)
{
    cr_assert_eq(IPC_TCP_SOCKET, 1);
    cr_assert_eq(IPC_UDP_SOCKET, 2);
    cr_assert_eq(IPC_FIFO, 3);
    cr_assert_eq(IPC_UNIX_STREAM, 4);
    cr_assert_eq(IPC_UNIX_DGRAM, 5);
    cr_assert_eq(IPC_STREAM, IPC_UNIX_STREAM);
    cr_assert_eq(IPC_DGRAM, IPC_UNIX_DGRAM);
    cr_assert_str_eq(ipcTypeName(IPC_TCP_SOCKET), "tcp");
    cr_assert_str_eq(ipcTypeName(IPC_UDP_SOCKET), "udp");
    cr_assert_str_eq(ipcTypeName(IPC_FIFO), "fifo");
    cr_assert_str_eq(ipcTypeName(IPC_STREAM), "unix-stream");
    cr_assert_str_eq(ipcTypeName(IPC_DGRAM), "unix-dgram");
    cr_assert_str_eq(ipcTypeName(0), "unknown");
    cr_assert_str_eq(ipcTypeName(-1), "unknown");
    cr_assert_str_eq(ipcTypeName(6), "unknown");
}

static int
getSocketOption(int fd, int option)
{
    int value = -1;
    socklen_t len = sizeof(value);

    getsockopt(fd, SOL_SOCKET, option, &value, &len);
    return value;
}

/* S004-12: each type is what its name says. */
IPC_WAY_TEST(ipc, type_is_the_one_asked_for)
{
    static const int domains[] = {[IPC_TCP_SOCKET] = AF_INET,
                                  [IPC_UDP_SOCKET] = AF_INET,
                                  [IPC_UNIX_STREAM] = AF_UNIX,
                                  [IPC_UNIX_DGRAM] = AF_UNIX};
    struct stat info;
    IpcFake fake;

    ipcFakeSetWay(way);
    fake = ipcFakeStart(way->type, "echo", NULL);
    cr_assert_eq(fstat(fake.rfd, &info), 0);
    if (way->type == IPC_FIFO) {
        cr_assert(S_ISFIFO(info.st_mode));
    } else {
        cr_assert(S_ISSOCK(info.st_mode));
        cr_assert_eq(getSocketOption(fake.rfd, SO_DOMAIN), domains[way->type]);
        cr_assert_eq(getSocketOption(fake.rfd, SO_TYPE),
                     isDatagram(way) ? SOCK_DGRAM : SOCK_STREAM);
    }
    ipcFakeClose(&fake);
}

/* S004-13: one send is one receive, also of 8 KiB as pinger's are. */
IPC_WAY_TEST(ipc, datagrams_keep_their_boundaries)
{
    char big[8192], text[16384];
    IpcFake fake;

    if (!isDatagram(way))
        return;
    ipcFakeSetWay(way);
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    fake = ipcFakeStart(way->type, "echo", NULL);
    ipcFakeWrite(&fake, "one");
    ipcFakeWrite(&fake, "two!");
    ipcFakeWrite(&fake, big);
    ipcFakeRead(&fake, text, sizeof(text));
    cr_assert_str_eq(text, "one");
    ipcFakeRead(&fake, text, sizeof(text));
    cr_assert_str_eq(text, "two!");
    cr_assert_eq(ipcFakeRead(&fake, text, sizeof(text)), sizeof(big) - 1);
    ipcFakeClose(&fake);
}

static void
setHandler(int signo, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler};

    cr_assert_eq(sigaction(signo, &action, NULL), 0);
}

/* Signals that the proxy blocks, ignores or handles are not inherited, and
 * the proxy's own are as they were. */
IPC_WAY_TEST(ipc, helper_starts_with_signals_at_their_defaults)
{
    sigset_t blocked, after;
    struct sigaction action;
    char text[256];
    IpcFake fake;

    ipcFakeSetWay(way);
    setHandler(SIGPIPE, SIG_IGN);
    setHandler(SIGHUP, SIG_IGN);
    setHandler(SIGRTMIN + 1, SIG_IGN);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGRTMIN);
    sigprocmask(SIG_SETMASK, &blocked, NULL);
    fake = ipcFakeStart(way->type, "signals", NULL);
    ipcFakeReadLine(&fake, text, sizeof(text));
    cr_assert_str_eq(text, "SigBlk:\t0000000000000000\n"
                           "SigIgn:\t0000000000000000\n");
    ipcFakeClose(&fake);
    sigprocmask(SIG_SETMASK, NULL, &after);
    for (int signo = 1; signo <= SIGRTMAX; signo++)
        cr_assert_eq(sigismember(&after, signo), sigismember(&blocked, signo));
    sigaction(SIGHUP, NULL, &action);
    cr_assert_eq(action.sa_handler, SIG_IGN);
}

/* The caller's SIGCHLD may be ignored: then the kernel reaps. */
IPC_WAY_TEST(ipc, works_with_sigchld_ignored)
{
    IpcFake fake;

    ipcFakeSetWay(way);
    setHandler(SIGCHLD, SIG_IGN);
    expectFailure(way->type, "/nonexistent/helper", "x", ENOENT);
    fake = ipcFakeStart(way->type, "echo", NULL);
    ipcFakeClose(&fake);
    setHandler(SIGCHLD, SIG_DFL);
}

static volatile sig_atomic_t childSignals;

static void
onSigchld(int signo)
{
    (void)signo;
    childSignals++;
}

Test(ipc, works_with_sigchld_handled)
{
    IpcFake fake;

    setHandler(SIGCHLD, onSigchld);
    fake = ipcFakeStart(IPC_STREAM, "echo", NULL);
    ipcFakeClose(&fake);
    cr_assert_gt(childSignals, 0);
    setHandler(SIGCHLD, SIG_DFL);
}

/* Make this process the leader of a session with a terminal. */
static int
takeTerminal(void)
{
    int tty = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

    cr_assert_geq(tty, 0);
    setHandler(SIGHUP, SIG_IGN);
    if (getsid(0) != getpid())
        cr_assert_gt(setsid(), 0);
    cr_assert_eq(grantpt(tty) | unlockpt(tty), 0);
    close(open(ptsname(tty), O_RDWR | O_CLOEXEC));
    cr_assert_eq(close(open("/dev/tty", O_RDWR | O_CLOEXEC)), 0);
    return tty;
}

IPC_WAY_TEST(ipc, helper_leads_its_own_group_without_terminal)
{
    char text[64], expected[64];
    IpcFake fake;
    int tty = takeTerminal();

    ipcFakeSetWay(way);
    fake = ipcFakeStart(way->type, "ids", NULL);
    ipcFakeReadLine(&fake, text, sizeof(text));
    snprintf(expected, sizeof(expected), "%d %d none\n", (int)fake.pid,
             (int)fake.pid);
    cr_assert_str_eq(text, expected);
    ipcFakeClose(&fake);
    close(tty);
}

/* The debug options are in the environment, once, in place of older ones;
 * the rest is ours. */
IPC_WAY_TEST(ipc, environment_is_ours_and_the_debug_options)
{
    char text[256];
    IpcFake fake;

    ipcFakeSetWay(way);
    setenv("SQUID_DEBUG", "old", 1);
    setenv("MARK", "here", 1);
    cr_assert_eq(debugOptions("ALL,1 84,3"), 0);
    fake = ipcFakeStart(way->type, "env", "SQUID_DEBUG", "SQUIRE_DEBUG", "MARK",
                        NULL);
    ipcFakeReadLine(&fake, text, sizeof(text));
    cr_assert_str_eq(text, "SQUID_DEBUG=ALL,1 84,3\n"
                           "SQUIRE_DEBUG=ALL,1 84,3\nMARK=here\n");
    cr_assert_str_eq(getenv("SQUID_DEBUG"), "old");
    ipcFakeClose(&fake);
}

Test(ipc, attributes_set_environment_and_folder)
{
    const char *const env[] = {"ONLY=this", "SQUID_DEBUG=no", NULL};
    const char *const envArgs[] = {"(fake)", "env",          "ONLY",
                                   "HOME",   "SQUIRE_DEBUG", NULL};
    const char *const cwdArgs[] = {"(fake)", "cwd", NULL};
    char text[256];
    IpcFake fake;
    IpcAttr attr;

    setenv("HOME", "/somewhere", 1);
    ipcAttrInit(&attr);
    attr.env = env;
    attr.cwd = "/proc";
    attr.bufferSize = 65536;
    fake.pid = ipcCreateAttr(IPC_STREAM, ipcFakeProgram(), envArgs, "fake",
                             &attr, &fake.rfd, &fake.wfd, NULL);
    cr_assert_gt(fake.pid, 0);
    ipcFakeReadLine(&fake, text, sizeof(text));
    cr_assert(!strncmp(text, "ONLY=this\nHOME\nSQUIRE_DEBUG=", 28), "%s", text);
    cr_assert_geq(getSocketOption(fake.rfd, SO_SNDBUF), 65536);
    ipcFakeClose(&fake);
    fake.pid = ipcCreateAttr(IPC_STREAM, ipcFakeProgram(), cwdArgs, "fake",
                             &attr, &fake.rfd, &fake.wfd, NULL);
    cr_assert_gt(fake.pid, 0);
    ipcFakeReadLine(&fake, text, sizeof(text));
    cr_assert_str_eq(text, "/proc\n");
    ipcFakeClose(&fake);
    attr.cwd = "/nonexistent";
    cr_assert_eq(ipcCreateAttr(IPC_STREAM, "/bin/cat", NULL, "cat", &attr,
                               &fake.rfd, &fake.wfd, NULL),
                 -1);
    cr_assert_eq(errno, ENOENT);
}

IPC_WAY_TEST(ipc, buffer_size_is_set_when_asked_for)
{
    IpcFake fake;
    IpcAttr attr;
    int size;

    ipcFakeSetWay(way);
    ipcAttrInit(&attr);
    attr.bufferSize = 16384;
    fake.pid = ipcCreateAttr(way->type, "cat", NULL, "cat", &attr, &fake.rfd,
                             &fake.wfd, NULL);
    cr_assert_gt(fake.pid, 0);
    size = way->type == IPC_FIFO ? fcntl(fake.wfd, F_GETPIPE_SZ)
                                 : getSocketOption(fake.rfd, SO_SNDBUF) / 2;
    cr_assert_eq(size, 16384);
    ipcFakeClose(&fake);
}

/* A start that fails says so in the log that asks for it, with name, program
 * and reason. */
Test(ipc, failure_is_logged)
{
    const char *path = supportTempPath("debug.log");
    char *log;

    cr_assert_eq(debugOpen(path), 0);
    cr_assert_eq(debugOptions("54,2"), 0);
    expectFailure(IPC_STREAM, "/nonexistent/helper", "rewriter", ENOENT);
    log = supportReadFile(supportTempPath("debug.log"));
    cr_assert(strstr(log, "54,2| rewriter: cannot start /nonexistent/helper "
                          "(unix-stream): No such file or directory\n"),
              "log: %s", log);
    free(log);
    debugClose();
}
