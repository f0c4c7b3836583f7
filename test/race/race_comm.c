/*
 * race_comm.c: comm and debug used by several threads at once, for the
 * thread sanitizer. A plain program: Criterion cannot run under it.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "comm.h"
#include "debug.h"

enum { THREADS = 4, ROUNDS = 1000 };

typedef struct Worker {
    pthread_t thread;
    CommLoop *loop; /* set before ready */
    pthread_barrier_t *ready;
    struct Worker *next; /* to whom it passes the ball */
    int seen;
} Worker;

/* Passed from loop to loop: ownership goes with it. */
typedef struct Ball {
    Worker *holder;
    int left;
} Ball;

static Worker workers[THREADS];

/* The sanitizer does not see pidfd_open and takes a number that two threads
 * had one after the other for one descriptor. */
const char *__tsan_default_suppressions(void);

const char *
__tsan_default_suppressions(void)
{
    return "race:forgetWatch\n";
}

static void
onStop(void *data)
{
    (void)data;
    commLoopStop();
}

static void
stopAll(void)
{
    for (int i = 0; i < THREADS; i++)
        CHECK(commPost(workers[i].loop, onStop, NULL) == 0);
}

static void
onBall(void *data)
{
    Ball *ball = data;

    CHECK(ball->holder->loop == commLoopSelf());
    ball->holder->seen++;
    debug(DBG_COMM, 1, "ball has %d to go", ball->left);
    if (--ball->left == 0) {
        free(ball);
        stopAll();
        return;
    }
    ball->holder = ball->holder->next;
    CHECK(commPost(ball->holder->loop, onBall, ball) == 0);
}

/* Each thread also has descriptors, timers and children of its own. */
static void
onEcho(int fd, void *data)
{
    int *left = data;
    char c;

    CHECK(read(fd, &c, 1) == 1);
    if (--*left < 0)
        return;
    CHECK(write(fd, &c, 1) == 1);
    commSetSelect(fd, COMM_SELECT_READ, onEcho, data, 5);
}

static void
openEcho(int *left)
{
    int fds[2];

    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
    for (int i = 0; i < 2; i++) {
        CHECK(commOpen(fds[i], "echo") == 0);
        commSetSelect(fds[i], COMM_SELECT_READ, onEcho, left, 5);
    }
    CHECK(write(fds[0], "x", 1) == 1);
}

static void
onChild(pid_t pid, int status, void *data)
{
    (void)pid;
    CHECK(status == 0);
    *(bool *)data = true;
}

static void *
runWorker(void *data)
{
    Worker *worker = data;
    bool childEnded = false;
    int echoes = ROUNDS;
    pid_t pid;

    CHECK(commInit() == 0);
    worker->loop = commLoopSelf();
    pthread_barrier_wait(worker->ready);
    openEcho(&echoes);
    pid = fork();
    if (pid == 0)
        _exit(0);
    CHECK(commWatchPid(pid, onChild, &childEnded) != NULL);
    CHECK(commLoopRun() == 0);
    pthread_barrier_wait(worker->ready);
    while (!childEnded) {
        commLoopStop();
        CHECK(commLoopRun() == 0);
    }
    commFini();
    return NULL;
}

static void
startWorkers(pthread_barrier_t *ready)
{
    for (int i = 0; i < THREADS; i++) {
        workers[i].ready = ready;
        workers[i].next = &workers[(i + 1) % THREADS];
        CHECK(pthread_create(&workers[i].thread, NULL, runWorker,
                             &workers[i]) == 0);
    }
    pthread_barrier_wait(ready);
}

static void
throwBalls(void)
{
    static const char *const options[] = {"ALL,1", "ALL,0", "5,1 ALL,1"};
    Ball *ball = malloc(sizeof(*ball));

    CHECK(ball != NULL);
    *ball = (Ball){&workers[0], THREADS * ROUNDS};
    CHECK(commPost(workers[0].loop, onBall, ball) == 0);
    for (int i = 0; i < 30; i++) {
        CHECK(debugOptions(options[i % 3]) == 0);
        CHECK(debugReopen() == 0);
        usleep(500);
    }
}

int
main(void)
{
    pthread_barrier_t ready;
    int seen = 0;

    alarm(60);
    CHECK(debugOpen("/dev/null") == 0);
    CHECK(pthread_barrier_init(&ready, NULL, THREADS + 1) == 0);
    startWorkers(&ready);
    throwBalls();
    pthread_barrier_wait(&ready);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        seen += workers[i].seen;
    }
    pthread_barrier_destroy(&ready);
    CHECK(seen == THREADS * ROUNDS);
    debugClose();
    return 0;
}
