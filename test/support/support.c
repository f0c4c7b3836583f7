/* support.c: fixtures and small tools of the unit tests. */
#include "support.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buf.h"
#include "comm.h"
#include "fd.h"
#include "ipc.h"
#include "xalloc.h"

#define LEAVE_MS 10000

static int fdsAtStart;
static char *tempDir;
static char *tempPath;

void
supportInit(void)
{
    fdsAtStart = fdCount();
}

static int
removeOne(const char *path, const struct stat *info, int kind,
          struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

static void
removeTemp(void)
{
    if (tempDir)
        nftw(tempDir, removeOne, 8, FTW_DEPTH | FTW_PHYS);
    free(tempDir);
    free(tempPath);
    tempDir = tempPath = NULL;
}

/* Criterion prints an assertion that fails in a fixture's end, but counts
 * only its crash. */
static void
failFixture(const char *what, int number)
{
    fprintf(stderr, "the test leaves %s (%d)\n", what, number);
    abort();
}

/* The pid of a child that has ended and that nobody reaps, or 0. */
static pid_t
lostChild(void)
{
    siginfo_t info = {.si_pid = 0};

    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
        return 0;
    ipcClose(-1, -1, -1);
    if (info.si_pid == 0 || waitpid(info.si_pid, NULL, WNOHANG) < 0)
        return 0;
    return info.si_pid;
}

/* A child that ipcClose has told to end may take its time under load; one
 * that nobody has told does not end. */
static pid_t
leftChild(void)
{
    for (int ms = 0; ms < LEAVE_MS; ms++) {
        pid_t lost = lostChild();
        if (lost > 0)
            return lost;
        if (waitid(P_ALL, 0, NULL, WEXITED | WNOHANG | WNOWAIT) < 0)
            return -1;
        usleep(1000);
    }
    return 0;
}

void
supportFini(void)
{
    int fds;
    pid_t child;

    removeTemp();
    fds = fdCount();
    if (fds != fdsAtStart)
        failFixture("descriptors open, or closed too many",
                    fds - fdsAtStart);
    child = leftChild();
    if (child >= 0)
        failFixture("a child", (int)child);
}

void
supportCommInit(void)
{
    supportInit();
    cr_assert_eq(commInit(), 0);
}

void
supportCommFini(void)
{
    commFini();
    supportFini();
}

typedef struct Watchdog {
    const bool *done;
    CommTimer *tick;
    CommTimer *deadline;
    bool isLate;
} Watchdog;

static void
onTick(void *data)
{
    Watchdog *dog = data;

    dog->tick = NULL;
    if (*dog->done)
        commLoopStop();
    else
        dog->tick = commTimerAdd(1, onTick, dog);
}

static void
onDeadline(void *data)
{
    Watchdog *dog = data;

    dog->deadline = NULL;
    dog->isLate = true;
    commLoopStop();
}

static bool
runWatched(const bool *done, int ms)
{
    Watchdog dog = {.done = done};

    dog.deadline = commTimerAdd(ms, onDeadline, &dog);
    if (done)
        dog.tick = commTimerAdd(1, onTick, &dog);
    cr_assert_eq(commLoopRun(), 0);
    commTimerCancel(&dog.deadline);
    commTimerCancel(&dog.tick);
    return !dog.isLate;
}

bool
supportRunLoop(int ms)
{
    return runWatched(NULL, ms);
}

bool
supportRunUntil(const bool *done, int ms)
{
    if (!*done)
        runWatched(done, ms);
    return *done;
}

const char *
supportTempDir(void)
{
    const char *base = getenv("TMPDIR");

    if (tempDir)
        return tempDir;
    tempDir = xasprintf("%s/squire-test-XXXXXX", base ? base : "/tmp");
    cr_assert_not_null(mkdtemp(tempDir));
    return tempDir;
}

const char *
supportTempPath(const char *name)
{
    char *path = xasprintf("%s/%s", supportTempDir(), name);

    free(tempPath);
    tempPath = path;
    return path;
}

char *
supportReadFile(const char *path)
{
    Buf buf;
    char chunk[4096];
    char *text;
    ssize_t n;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return xstrdup("");
    bufInit(&buf, 64u << 20);
    while ((n = read(fd, chunk, sizeof(chunk))) > 0)
        cr_assert_eq(bufAppend(&buf, chunk, (size_t)n), 0);
    close(fd);
    text = xstrndup(bufLen(&buf) ? bufData(&buf) : "", bufLen(&buf));
    bufFini(&buf);
    return text;
}

void
supportSocketPair(int fds[2])
{
    cr_assert_eq(
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
        0);
}
