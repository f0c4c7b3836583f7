/* test_comm_post.c: calls from other threads. */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "comm.h"
#include "support.h"

TestSuite(commPost, .init = supportCommInit, .fini = supportCommFini,
          .timeout = 30);

enum { THREADS = 3, POSTS = 2000 };

typedef struct Poster {
    pthread_t thread;
    CommLoop *target;
    int sent;
    int seen; /* by the target's thread only */
} Poster;

static int total;
static pthread_t loopThread;

static void
onPosted(void *data)
{
    Poster *poster = data;

    cr_assert(pthread_equal(pthread_self(), loopThread));
    poster->seen++;
    if (++total == THREADS * POSTS)
        commLoopStop();
}

static void *
postMany(void *data)
{
    Poster *poster = data;

    for (; poster->sent < POSTS; poster->sent++)
        cr_assert_eq(commPost(poster->target, onPosted, poster), 0);
    return NULL;
}

Test(commPost, every_call_arrives_on_the_loops_thread)
{
    Poster posters[THREADS] = {0};

    loopThread = pthread_self();
    for (int i = 0; i < THREADS; i++) {
        posters[i].target = commLoopSelf();
        pthread_create(&posters[i].thread, NULL, postMany, &posters[i]);
    }
    cr_assert(supportRunLoop(20000));
    for (int i = 0; i < THREADS; i++) {
        pthread_join(posters[i].thread, NULL);
        cr_assert_eq(posters[i].seen, POSTS);
    }
}

static int expected;

static void
onOrdered(void *data)
{
    cr_assert_eq((long)data, expected);
    expected++;
    if (expected == POSTS)
        commLoopStop();
}

static void *
postInOrder(void *data)
{
    for (long i = 0; i < POSTS; i++)
        cr_assert_eq(commPost(data, onOrdered, (void *)i), 0);
    return NULL;
}

Test(commPost, calls_of_one_thread_keep_their_order)
{
    pthread_t thread;

    pthread_create(&thread, NULL, postInOrder, commLoopSelf());
    cr_assert(supportRunLoop(20000));
    pthread_join(thread, NULL);
    cr_assert_eq(expected, POSTS);
}

static void
countPost(void *data)
{
    ++*(int *)data;
}

static void
postAgain(void *data)
{
    int *left = data;

    if (--*left > 0)
        cr_assert_eq(commPost(commLoopSelf(), postAgain, left), 0);
    else
        commLoopStop();
}

Test(commPost, a_post_does_not_keep_the_loop_running_but_is_run)
{
    int calls = 0;

    cr_assert_eq(commPost(commLoopSelf(), countPost, &calls), 0);
    cr_assert_eq(calls, 0);
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_eq(calls, 1);
}

Test(commPost, a_posted_call_may_post_again)
{
    int left = 100;

    cr_assert_eq(commPost(commLoopSelf(), postAgain, &left), 0);
    cr_assert(supportRunLoop(20000));
    cr_assert_eq(left, 0);
}

static int refused;

static void
postLate(int fd, void *data)
{
    (void)fd;
    refused = commPost(commLoopSelf(), countPost, data);
}

Test(commPost, fini_runs_what_it_accepted_and_refuses_the_rest)
{
    int calls = 0, late = 0;
    int fds[2];

    supportSocketPair(fds);
    cr_assert_eq(commOpen(fds[0], "closed by fini"), 0);
    commAddCloseHandler(fds[0], postLate, &late);
    cr_assert_eq(commPost(commLoopSelf(), countPost, &calls), 0);
    commFini();
    cr_assert_eq(calls, 1);
    cr_assert_eq(late, 0);
    cr_assert_eq(refused, -ESHUTDOWN);
    cr_assert_eq(commInit(), 0);
    close(fds[1]);
}

/* Two loops that answer each other: no message may get lost between the
 * check for posts and the sleep. */
typedef struct Rally {
    CommLoop *loops[2];
    int left;
    pthread_barrier_t ready;
} Rally;

static void
stopLoop(void *data)
{
    (void)data;
    commLoopStop();
}

static void
hit(void *data)
{
    Rally *rally = data;
    CommLoop *other = rally->loops[commLoopSelf() == rally->loops[0]];

    if (--rally->left > 0) {
        cr_assert_eq(commPost(other, hit, rally), 0);
        return;
    }
    cr_assert_eq(commPost(other, stopLoop, NULL), 0);
    commLoopStop();
}

static void *
runSecond(void *data)
{
    Rally *rally = data;

    cr_assert_eq(commInit(), 0);
    rally->loops[1] = commLoopSelf();
    pthread_barrier_wait(&rally->ready);
    cr_assert(supportRunLoop(20000));
    pthread_barrier_wait(&rally->ready);
    commFini();
    return NULL;
}

Test(commPost, two_loops_can_rally)
{
    Rally rally = {.left = 2000};
    pthread_t thread;

    pthread_barrier_init(&rally.ready, NULL, 2);
    rally.loops[0] = commLoopSelf();
    pthread_create(&thread, NULL, runSecond, &rally);
    pthread_barrier_wait(&rally.ready);
    cr_assert_eq(commPost(rally.loops[1], hit, &rally), 0);
    cr_assert(supportRunLoop(20000));
    pthread_barrier_wait(&rally.ready);
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&rally.ready);
    cr_assert_eq(rally.left, 0);
}
