/*
 * race_ipc.c: several threads start and end helpers at once, half of them
 * with a loop, for the thread sanitizer; the first half of the starts shares
 * memory with the child, the second is by fork. A plain program: Criterion
 * cannot run under the sanitizer.
 */
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "comm.h"
#include "debug.h"
#include "fd.h"
#include "ipc_priv.h"

enum { THREADS = 4, STARTS = 40, WAIT_MS = 20000 };

static void
talk(int rfd, int wfd)
{
    struct pollfd entry = {.fd = rfd, .events = POLLIN};
    char text[16];

    CHECK(write(wfd, "text\n", 5) == 5);
    CHECK(poll(&entry, 1, WAIT_MS) == 1);
    CHECK(read(rfd, text, sizeof(text)) == 5);
    CHECK(!memcmp(text, "text\n", 5));
}

static void
startOne(int type)
{
    void *handle;
    int rfd, wfd;
    pid_t pid;

    pid = ipcCreate(type, "cat", NULL, "cat", &rfd, &wfd, &handle);
    CHECK(pid > 0);
    CHECK(ipcChildPid(handle) == pid);
    talk(rfd, wfd);
    ipcClose(pid, rfd, wfd);
    CHECK(ipcCreate(type, "/nonexistent/helper", NULL, "x", &rfd, &wfd, NULL) ==
          -1);
}

static void *
runStarter(void *data)
{
    bool hasLoop = *(const int *)data % 2;

    if (hasLoop)
        CHECK(commInit() == 0);
    for (int i = 0; i < STARTS; i++)
        startOne(IPC_TCP_SOCKET + i % 5);
    if (hasLoop)
        CHECK(commLoopRun() == 0);
    if (hasLoop)
        commFini();
    return NULL;
}

static void
runStarters(void)
{
    pthread_t threads[THREADS];
    int numbers[THREADS];

    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        CHECK(!pthread_create(&threads[i], NULL, runStarter, &numbers[i]));
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

int
main(void)
{
    int fds;

    alarm(120);
    CHECK(debugOpen("/dev/null") == 0);
    CHECK(debugOptions("ALL,1 54,9") == 0);
    fds = fdCount();
    runStarters();
    ipcSpawnOps = &ipcSpawnForkOps;
    runStarters();
    CHECK(fdCount() == fds);
    while (waitpid(-1, NULL, WNOHANG) == 0) {
        usleep(1000);
        ipcClose(-1, -1, -1);
    }
    debugClose();
    return 0;
}
