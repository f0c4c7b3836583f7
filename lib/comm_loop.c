/* comm_loop.c: make, run and end a thread's loop; its clock; deferred free.
 * Section 5. */
#include "comm_priv.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>

#include "check.h"
#include "debug.h"
#include "fd.h"
#include "xalloc.h"

#define LONG_TURN_US 100000
#define DELAY_MAX_MS (INT64_C(100) * 365 * 86400 * 1000)

static _Thread_local CommLoop *self __attribute__((tls_model("initial-exec")));

int64_t
commClockUs(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

CommLoop *
commLoopSelf(void)
{
    return self;
}

bool
commIsRunning(void)
{
    return self && self->isRunning;
}

CommLoop *
commLoopNeed(void)
{
    CHECK(self && "commInit was called in this thread");
    CHECK_OBJ(self, COMM_LOOP_MAGIC);
    return self;
}

/* The event library counts watchers for the same purpose; all of ours are
 * hidden from it, and one count of its own stands for our number. */
void
commLoopHold(CommLoop *loop)
{
    if (loop->held++ == 0)
        ev_ref(loop->ev);
}

void
commLoopUnhold(CommLoop *loop)
{
    CHECK(loop->held > 0);
    if (--loop->held == 0)
        ev_unref(loop->ev);
}

void
commLoopFreshen(CommLoop *loop)
{
    if (loop->isRunning)
        return;
    ev_now_update(loop->ev);
    loop->nowUs = commClockUs();
}

int64_t
commLoopDelayUs(int64_t ms)
{
    if (ms < 0)
        return 0;
    return (ms < DELAY_MAX_MS ? ms : DELAY_MAX_MS) * 1000;
}

void
commLoopTimerStart(CommLoop *loop, ev_timer *timer, int64_t delayUs)
{
    ev_timer_set(timer, (double)delayUs / 1e6, 0.);
    ev_timer_start(loop->ev, timer);
    ev_unref(loop->ev);
}

void
commLoopTimerStop(CommLoop *loop, ev_timer *timer)
{
    /* Pending: it fired and stopped itself, and will now not be seen. */
    if (ev_clear_pending(loop->ev, timer))
        commLoopTimerFired(loop);
    if (!ev_is_active(timer))
        return;
    ev_ref(loop->ev);
    ev_timer_stop(loop->ev, timer);
}

void
commLoopTimerFired(CommLoop *loop)
{
    ev_ref(loop->ev);
}

void
commFreeLater(void *ptr, void (*release)(void *ptr))
{
    CommLoop *loop = commLoopNeed();

    if (loop->garbageCount == loop->garbageSize) {
        loop->garbageSize = loop->garbageSize ? loop->garbageSize * 2 : 64;
        loop->garbage =
            xrealloc(loop->garbage, loop->garbageSize * sizeof(*loop->garbage));
    }
    loop->garbage[loop->garbageCount++] = (CommGarbage){ptr, release};
}

/* A release may add to the list. */
static void
releaseGarbage(CommLoop *loop)
{
    for (size_t i = 0; i < loop->garbageCount; i++) {
        CommGarbage item = loop->garbage[i];
        item.release(item.ptr);
    }
    loop->garbageCount = 0;
}

static void
noteTurn(CommLoop *loop)
{
    uint64_t us = (uint64_t)(commClockUs() - loop->nowUs);

    loop->stats.turns++;
    if (us > loop->stats.maxTurnUs)
        loop->stats.maxTurnUs = us;
    if (us > LONG_TURN_US)
        debug(DBG_COMM, 2, "the loop was busy for %llu ms without a pause",
              (unsigned long long)us / 1000);
}

static void
endTurn(CommLoop *loop)
{
    commTimerRunZero(loop);
    commDeferRun(loop);
    commSelectApply(loop);
    releaseGarbage(loop);
    noteTurn(loop);
}

static void
setIdle(CommLoop *loop, bool on)
{
    if (on == (bool)ev_is_active(&loop->idle))
        return;
    if (on)
        ev_idle_start(loop->ev, &loop->idle);
    else
        ev_idle_stop(loop->ev, &loop->idle);
}

static void
onPrepare(struct ev_loop *ev, ev_prepare *watcher, int revents)
{
    CommLoop *loop = watcher->data;

    (void)ev;
    (void)revents;
    endTurn(loop);
    setIdle(loop, loop->deferred || !listIsEmpty(&loop->timersZero));
}

static void
onCheck(struct ev_loop *ev, ev_check *watcher, int revents)
{
    CommLoop *loop = watcher->data;

    (void)ev;
    (void)revents;
    loop->nowUs = commClockUs();
}

static void
onIdle(struct ev_loop *ev, ev_idle *watcher, int revents)
{
    (void)ev;
    (void)watcher;
    (void)revents;
}

/* The watchers that drive the loop do not keep it running. onCheck is first
 * after the wait, so that all handlers see the new time. */
static void
startInternal(CommLoop *loop)
{
    ev_prepare_init(&loop->prepare, onPrepare);
    loop->prepare.data = loop;
    ev_prepare_start(loop->ev, &loop->prepare);
    ev_unref(loop->ev);
    ev_check_init(&loop->check, onCheck);
    ev_set_priority(&loop->check, EV_MAXPRI);
    loop->check.data = loop;
    ev_check_start(loop->ev, &loop->check);
    ev_unref(loop->ev);
    ev_idle_init(&loop->idle, onIdle);
    ev_set_priority(&loop->idle, EV_MINPRI);
}

static unsigned
nextLoopId(void)
{
    static atomic_uint made;

    return atomic_fetch_add(&made, 1) % 255 + 1;
}

static CommLoop *
createLoop(struct ev_loop *ev)
{
    CommLoop *loop = xcalloc(1, sizeof(*loop));

    loop->magic = COMM_LOOP_MAGIC;
    loop->id = nextLoopId();
    loop->ev = ev;
    loop->nowUs = commClockUs();
    loop->deferredTail = &loop->deferred;
    listInit(&loop->timers);
    listInit(&loop->timersZero);
    listInit(&loop->pidWatches);
    startInternal(loop);
    commPostInit(loop);
    return loop;
}

/* The event library aborts when it has no descriptor for its second need,
 * the wake-up; so both must be there before it is asked. */
static bool
hasDescriptors(void)
{
    int first = eventfd(0, EFD_CLOEXEC);
    int second = eventfd(0, EFD_CLOEXEC);
    bool both = first >= 0 && second >= 0;

    fdClosep(&first);
    fdClosep(&second);
    return both;
}

int
commInit(void)
{
    struct ev_loop *ev;

    if (!self) {
        if (!hasDescriptors())
            return -1;
        ev = ev_loop_new(EVFLAG_NOENV | EVFLAG_NOTIMERFD | EVBACKEND_EPOLL);
        if (!ev)
            return -1;
        self = createLoop(ev);
    }
    self->initCount++;
    return 0;
}

int
commLoopRun(void)
{
    CommLoop *loop = self;

    if (!loop) {
        errno = ENOENT;
        return -1;
    }
    CHECK_OBJ(loop, COMM_LOOP_MAGIC);
    CHECK(!loop->isRunning);
    commLoopFreshen(loop);
    loop->isRunning = true;
    ev_run(loop->ev, loop->isStopping ? EVRUN_NOWAIT : 0);
    endTurn(loop);
    loop->isRunning = false;
    loop->isStopping = false;
    return 0;
}

void
commLoopStop(void)
{
    CommLoop *loop = commLoopNeed();

    loop->isStopping = true;
    if (loop->isRunning)
        ev_break(loop->ev, EVBREAK_ONE);
}

static void
destroyLoop(CommLoop *loop)
{
    commPostFini(loop);
    commSelectDropAll(loop);
    commWatchPidDropAll(loop);
    commSignalDropAll(loop);
    commTimerDropAll(loop);
    commDeferDropAll(loop);
    releaseGarbage(loop);
    free(loop->garbage);
    ev_loop_destroy(loop->ev);
    CHECK_OBJ_CLEAR(loop);
    free(loop);
}

void
commFini(void)
{
    CommLoop *loop = commLoopNeed();

    if (--loop->initCount > 0)
        return;
    CHECK(!loop->isRunning);
    destroyLoop(loop);
    self = NULL;
}

int64_t
commNowUs(void)
{
    CommLoop *loop = commLoopNeed();

    commLoopFreshen(loop);
    return loop->nowUs;
}

int64_t
commWallUs(void)
{
    CommLoop *loop = commLoopNeed();

    commLoopFreshen(loop);
    return (int64_t)(ev_now(loop->ev) * 1e6);
}

void
commStatsGet(CommStats *statsOut, bool reset)
{
    CommLoop *loop = commLoopNeed();

    *statsOut = loop->stats;
    if (reset)
        loop->stats.maxTurnUs = 0;
}
