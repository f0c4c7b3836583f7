/* comm_timer.c: timers and deferred calls. Section 5. */
#include "comm_priv.h"

#include <stdlib.h>

#include "check.h"
#include "xalloc.h"

/* Rounds of deferred calls that queue deferred calls, before descriptors
 * get their turn. */
#define DEFER_ROUNDS 8

struct CommTimer {
    uint32_t magic;
    bool isZero;
    ListNode node;
    ev_timer ev;
    CommLoop *loop;
    CommTimerCb *cb;
    void *data;
};

static void
forgetTimer(CommTimer *timer)
{
    listRemove(&timer->node);
    commLoopUnhold(timer->loop);
    CHECK_OBJ_CLEAR(timer);
    free(timer);
}

static void
runTimer(CommTimer *timer)
{
    CommTimerCb *cb = timer->cb;
    void *data = timer->data;

    forgetTimer(timer);
    cb(data);
}

static void
onTimer(struct ev_loop *ev, ev_timer *watcher, int revents)
{
    CommTimer *timer = watcher->data;

    (void)ev;
    (void)revents;
    CHECK_OBJ(timer, COMM_TIMER_MAGIC);
    commLoopTimerFired(timer->loop);
    runTimer(timer);
}

/* The event library waits at least a millisecond for any timer; those
 * without delay are ours. Timers run after I/O, so that a reply which is
 * there already wins against its own deadline. */
CommTimer *
commTimerAdd(int64_t delayMs, CommTimerCb *cb, void *data)
{
    CommLoop *loop = commLoopNeed();
    CommTimer *timer = xmalloc(sizeof(*timer));

    timer->magic = COMM_TIMER_MAGIC;
    timer->isZero = delayMs <= 0;
    timer->loop = loop;
    timer->cb = cb;
    timer->data = data;
    commLoopHold(loop);
    if (timer->isZero) {
        listPushBack(&loop->timersZero, &timer->node);
        return timer;
    }
    listPushBack(&loop->timers, &timer->node);
    commLoopFreshen(loop);
    ev_init(&timer->ev, onTimer);
    ev_set_priority(&timer->ev, -1);
    timer->ev.data = timer;
    commLoopTimerStart(loop, &timer->ev, commLoopDelayUs(delayMs));
    return timer;
}

static void
cancelTimer(CommTimer *timer)
{
    CHECK_OBJ(timer, COMM_TIMER_MAGIC);
    if (!timer->isZero)
        commLoopTimerStop(timer->loop, &timer->ev);
    forgetTimer(timer);
}

void
commTimerCancel(CommTimer **timer)
{
    CommTimer *old = *timer;

    if (!old)
        return;
    *timer = NULL;
    CHECK(old->loop == commLoopNeed());
    cancelTimer(old);
}

void
commTimerRunZero(CommLoop *loop)
{
    ListNode batch, *node;

    if (listIsEmpty(&loop->timersZero))
        return;
    listPushBack(&loop->timersZero, &batch);
    listRemove(&loop->timersZero);
    while ((node = listFirst(&batch)))
        runTimer(LIST_OBJ(node, CommTimer, node));
}

void
commTimerDropAll(CommLoop *loop)
{
    ListNode *node, *tmp;

    LIST_FOREACH(&loop->timers, node, tmp)
    cancelTimer(LIST_OBJ(node, CommTimer, node));
    LIST_FOREACH(&loop->timersZero, node, tmp)
    cancelTimer(LIST_OBJ(node, CommTimer, node));
}

void
commDeferInit(CommDeferred *deferred, void (*cb)(void *data), void *data)
{
    *deferred = (CommDeferred){.cb = cb, .data = data};
}

void
commDefer(CommDeferred *deferred)
{
    CommLoop *loop = commLoopNeed();

    if (deferred->prevp)
        return;
    if (!loop->deferred)
        commLoopHold(loop);
    deferred->next = NULL;
    deferred->prevp = loop->deferredTail;
    *loop->deferredTail = deferred;
    loop->deferredTail = &deferred->next;
}

static void
unlinkDeferred(CommLoop *loop, CommDeferred *deferred)
{
    bool wasQueued = loop->deferred != NULL;

    *deferred->prevp = deferred->next;
    if (deferred->next)
        deferred->next->prevp = deferred->prevp;
    else if (loop->deferredTail == &deferred->next)
        loop->deferredTail = deferred->prevp;
    deferred->next = NULL;
    deferred->prevp = NULL;
    if (wasQueued && !loop->deferred)
        commLoopUnhold(loop);
}

void
commDeferCancel(CommDeferred *deferred)
{
    if (deferred->prevp)
        unlinkDeferred(commLoopNeed(), deferred);
}

static void
runBatch(CommLoop *loop)
{
    CommDeferred *first;

    loop->deferredBatch = loop->deferred;
    loop->deferredBatch->prevp = &loop->deferredBatch;
    loop->deferred = NULL;
    loop->deferredTail = &loop->deferred;
    commLoopUnhold(loop);
    while ((first = loop->deferredBatch)) {
        unlinkDeferred(loop, first);
        first->cb(first->data);
    }
}

void
commDeferRun(CommLoop *loop)
{
    for (int i = 0; i < DEFER_ROUNDS && loop->deferred; i++)
        runBatch(loop);
}

void
commDeferDropAll(CommLoop *loop)
{
    while (loop->deferred)
        unlinkDeferred(loop, loop->deferred);
}
