/* test_ipc_reap.c: the end of helpers, with a loop, without, and shared with
 * a caller that reaps itself. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "comm.h"
#include "debug.h"
#include "fd.h"
#include "ipc_fake.h"
#include "ipc_priv.h"
#include "support.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MANY 1000
#else
#define MANY 10000
#endif

TestSuite(ipcReap, .init = supportInit, .fini = supportFini, .timeout = 120);

static bool
isThere(pid_t pid)
{
    siginfo_t info;

    return !waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT);
}

static IpcFake
startCat(int type)
{
    IpcFake fake;

    fake.pid =
        ipcCreate(type, "/bin/cat", NULL, "cat", &fake.rfd, &fake.wfd, NULL);
    cr_assert_gt(fake.pid, 0, "%s", strerror(errno));
    return fake;
}

/* Ten thousand in a row, with no loop, leave nothing behind. */
static void
startMany(int type, int count)
{
    int fds = fdCount();

    for (int i = 0; i < count; i++) {
        IpcFake fake = startCat(type);
        ipcClose(fake.pid, fake.rfd, fake.wfd);
    }
    cr_assert_eq(fdCount(), fds);
    ipcFakeAwaitNoChild();
}

Test(ipcReap, ten_thousand_starts_leave_nothing)
{
    startMany(IPC_STREAM, MANY);
}

Test(ipcReap, a_thousand_starts_of_each_other_type_leave_nothing)
{
    startMany(IPC_TCP_SOCKET, MANY / 10);
    startMany(IPC_UDP_SOCKET, MANY / 10);
    startMany(IPC_FIFO, MANY / 10);
    startMany(IPC_UNIX_DGRAM, MANY / 10);
}

/* A loop that is there and never runs. */
Test(ipcReap, a_thousand_starts_beside_an_idle_loop_leave_nothing)
{
    cr_assert_eq(commInit(), 0);
    startMany(IPC_STREAM, MANY / 10);
    commFini();
}

Test(ipcReap, failed_starts_leave_nothing)
{
    int rfd, wfd, fds = fdCount();

    for (int i = 0; i < MANY / 10; i++)
        cr_assert_lt(ipcCreate(IPC_STREAM, "/nonexistent/helper", NULL, "x",
                               &rfd, &wfd, NULL),
                     0);
    cr_assert_eq(fdCount(), fds);
    ipcFakeAwaitNoChild();
}

/* Many that are closed before any has ended. */
Test(ipcReap, two_hundred_closed_at_once_leave_nothing)
{
    IpcFake fakes[200];

    for (int i = 0; i < 200; i++)
        fakes[i] = startCat(IPC_STREAM);
    for (int i = 0; i < 200; i++)
        ipcClose(fakes[i].pid, fakes[i].rfd, fakes[i].wfd);
    ipcFakeAwaitNoChild();
}

Test(ipcReap, caller_may_reap_after_the_close)
{
    IpcFake fake = startCat(IPC_STREAM);
    pid_t pid;

    ipcClose(fake.pid, fake.rfd, fake.wfd);
    pid = waitpid(fake.pid, NULL, 0);
    cr_assert(pid == fake.pid || (pid < 0 && errno == ECHILD));
    fake = startCat(IPC_STREAM);
    ipcFakeClose(&fake);
}

Test(ipcReap, caller_may_reap_before_the_close)
{
    IpcFake fake = startCat(IPC_STREAM);

    kill(fake.pid, SIGKILL);
    cr_assert_eq(waitpid(fake.pid, NULL, 0), fake.pid);
    ipcClose(fake.pid, fake.rfd, fake.wfd);
}

static void
ignoreSigchld(bool isIgnored)
{
    struct sigaction action = {.sa_handler = isIgnored ? SIG_IGN : SIG_DFL};

    cr_assert_eq(sigaction(SIGCHLD, &action, NULL), 0);
}

/* Reaped by the kernel: nobody kills what may get that number next. */
Test(ipcReap, number_of_a_reaped_helper_is_forgotten)
{
    struct timespec grace = {IPC_KILL_GRACE_MS / 1000, 100000000};
    const char *path = supportTempPath("log");
    IpcFake fake;
    char *log;

    cr_assert_eq(debugOpen(path), 0);
    ignoreSigchld(true);
    fake = startCat(IPC_STREAM);
    ipcFakeClose(&fake);
    nanosleep(&grace, NULL);
    ipcClose(-1, -1, -1);
    ignoreSigchld(false);
    log = supportReadFile(supportTempPath("log"));
    cr_assert_str_eq(log, "", "%s", log);
    free(log);
    debugClose();
}

/* A number that is no child of ours is left alone. */
Test(ipcReap, a_stranger_is_not_signalled)
{
    IpcFake fake;
    pid_t stranger = getppid();

    fake = startCat(IPC_STREAM);
    ipcClose(stranger, -1, -1);
    ipcClose(0, -1, -1);
    ipcClose(-1, fake.rfd, fake.wfd);
    cr_assert_eq(kill(stranger, 0), 0);
    ipcFakeClose(&(IpcFake){fake.pid, -1, -1});
}

Test(ipcReap, closing_twice_is_harmless)
{
    IpcFake fake = ipcFakeStart(IPC_STREAM, "stubborn", NULL);
    char text[16];

    ipcFakeReadLine(&fake, text, sizeof(text));
    ipcClose(fake.pid, fake.rfd, fake.wfd);
    cr_assert(isThere(fake.pid));
    ipcClose(fake.pid, -1, -1);
    ipcFakeAwaitNoChild();
}

/* A helper that ignores SIGTERM and the end of its input. */
Test(ipcReap, stubborn_helper_gets_sigkill_without_a_loop)
{
    IpcFake fake = ipcFakeStart(IPC_STREAM, "stubborn", NULL);
    int64_t fromUs = commClockUs();
    char text[16];

    ipcFakeReadLine(&fake, text, sizeof(text));
    ipcFakeClose(&fake);
    cr_assert_geq(commClockUs() - fromUs, IPC_KILL_GRACE_MS * 1000);
}

typedef struct Closing {
    IpcFake fake;
    bool isGone;
} Closing;

static void
onLook(void *data)
{
    Closing *closing = data;

    closing->isGone = !isThere(closing->fake.pid);
    if (!closing->isGone)
        commTimerAdd(5, onLook, closing);
}

static void
onCloseDue(void *data)
{
    Closing *closing = data;

    ipcClose(closing->fake.pid, closing->fake.rfd, closing->fake.wfd);
    commTimerAdd(5, onLook, closing);
}

/* The loop alone does it: no later call into ipc. */
Test(ipcReap, loop_reaps_what_is_closed_inside_it)
{
    Closing closing = {.isGone = false};

    cr_assert_eq(commInit(), 0);
    closing.fake = startCat(IPC_STREAM);
    commTimerAdd(1, onCloseDue, &closing);
    cr_assert(supportRunUntil(&closing.isGone, 20000));
    commFini();
}

Test(ipcReap, loop_kills_a_stubborn_helper)
{
    Closing closing = {.isGone = false};
    char text[16];

    cr_assert_eq(commInit(), 0);
    closing.fake = ipcFakeStart(IPC_STREAM, "stubborn", NULL);
    ipcFakeReadLine(&closing.fake, text, sizeof(text));
    commTimerAdd(1, onCloseDue, &closing);
    cr_assert(supportRunUntil(&closing.isGone, 20000));
    commFini();
}

/* The loop goes while a helper is still leaving: the next call reaps. */
Test(ipcReap, end_of_the_loop_loses_no_helper)
{
    IpcFake fake;
    char text[16];

    cr_assert_eq(commInit(), 0);
    fake = ipcFakeStart(IPC_STREAM, "stubborn", NULL);
    ipcFakeReadLine(&fake, text, sizeof(text));
    ipcClose(fake.pid, fake.rfd, fake.wfd);
    commFini();
    cr_assert(isThere(fake.pid));
    ipcFakeAwaitNoChild();
}

static void
onClosed(int fd, void *data)
{
    (void)fd;
    ++*(int *)data;
}

/* Descriptors that the loop knows are closed through it. */
Test(ipcReap, close_goes_through_comm)
{
    CommStats stats;
    IpcFake fake;
    int closed = 0;

    cr_assert_eq(commInit(), 0);
    fake = startCat(IPC_FIFO);
    cr_assert_eq(commOpen(fake.rfd, "from cat"), 0);
    commAddCloseHandler(fake.rfd, onClosed, &closed);
    ipcFakeClose(&fake);
    cr_assert_eq(closed, 1);
    commStatsGet(&stats, false);
    cr_assert_eq(stats.openFds, 0);
    commFini();
}

Test(ipcReap, close_frees_the_handle)
{
    IpcAttr attr;
    IpcFake fake;
    void *handle;

    ipcAttrInit(&attr);
    attr.stderrMode = IPC_STDERR_PIPE;
    fake.pid = ipcCreateAttr(IPC_STREAM, "/bin/cat", NULL, "cat", &attr,
                             &fake.rfd, &fake.wfd, &handle);
    cr_assert_gt(fake.pid, 0);
    cr_assert_str_eq(ipcChildName(handle), "cat");
    ipcFakeClose(&fake);
}

Test(ipcReap, handle_can_be_freed_alone)
{
    IpcChild *child = NULL;
    IpcFake fake;
    void *handle;

    ipcChildDestroy(&child);
    fake.pid = ipcCreate(IPC_STREAM, "/bin/cat", NULL, "cat", &fake.rfd,
                         &fake.wfd, &handle);
    cr_assert_gt(fake.pid, 0);
    child = handle;
    ipcChildDestroy(&child);
    cr_assert_null(child);
    cr_assert(isThere(fake.pid));
    ipcFakeClose(&fake);
}

/* errno survives, so that a caller can close on its way out of an error. */
Test(ipcReap, close_keeps_errno)
{
    IpcFake fake = startCat(IPC_STREAM);

    errno = EPROTO;
    ipcClose(fake.pid, fake.rfd, fake.wfd);
    cr_assert_eq(errno, EPROTO);
    ipcFakeAwaitNoChild();
}
