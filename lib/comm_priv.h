/*
 * comm_priv.h: what the files of comm share. Thread: the loop's own, unless
 * stated.
 *
 * A turn: wait, read the clock, I/O handlers, timers; then, before the next
 * wait, timers without delay, deferred calls, changed requests, freeing.
 */
#ifndef SQUIRE_COMM_PRIV_H
#define SQUIRE_COMM_PRIV_H

#include <ev.h>
#include <pthread.h>

#include "comm.h"
#include "list.h"

#define COMM_NOTE_MAX 64
#define COMM_BLOCK_BITS 6
#define COMM_BLOCK_FDS (1 << COMM_BLOCK_BITS)

typedef enum CommSlotKind {
    COMM_SLOT_READ,
    COMM_SLOT_WRITE,
    COMM_SLOT_TIMEOUT,
    COMM_SLOT_COUNT
} CommSlotKind;

/* One request: who is called, and by when (0: no deadline). */
typedef struct CommSlot {
    CommSelectCb *handler; /* NULL: not requested */
    void *data;
    int64_t deadlineUs;
} CommSlot;

typedef struct CommCloser {
    struct CommCloser *next;
    CommCloseCb *handler;
    void *data;
} CommCloser;

/*
 * One descriptor. The request is in slots; what the kernel was told is in
 * io, and may lag behind: an unwanted read interest stays until an event
 * shows that it hurts.
 */
typedef struct CommFd {
    ev_io io;
    CommSlot slots[COMM_SLOT_COUNT];
    int fd;
    uint32_t generation;  /* changes when the number is closed */
    unsigned char wanted; /* COMM_SELECT_ bits of requests */
    unsigned char armed;  /* COMM_SELECT_ bits of io, 0: not started */
    bool isOpen;
    bool isClosing; /* close handlers are running */
    bool isTimedOut;
    bool isChanged;  /* is in the loop's list of changed entries */
    bool isUnwanted; /* an event nobody asked for came */
    bool isHeld;     /* keeps the loop running */
    struct CommFd *nextChanged;
    CommCloser *closers;
    ev_timer timer;    /* fires at or before the first deadline */
    int64_t timerAtUs; /* valid while timer is active */
    char note[COMM_NOTE_MAX];
} CommFd;

typedef struct CommGarbage {
    void *ptr;
    void (*release)(void *ptr);
} CommGarbage;

typedef struct CommPosted {
    CommPostCb *cb;
    void *data;
} CommPosted;

typedef struct CommSignal {
    ev_signal ev;
    CommSignalCb *cb;
    void *data;
} CommSignal;

struct CommLoop {
    uint32_t magic;
    unsigned initCount;
    unsigned id; /* 1 .. 255, owner mark of descriptors */
    struct ev_loop *ev;
    unsigned held; /* objects that keep the loop running */
    bool isRunning;
    bool isStopping;
    int64_t nowUs; /* of this turn */
    CommStats stats;
    ev_prepare prepare;
    ev_check check;
    ev_idle idle; /* active: the next wait must not sleep */

    CommFd **blocks; /* COMM_BLOCK_FDS entries each; NULL: none yet */
    unsigned blockCount;
    CommFd *changed;

    ListNode timers;     /* CommTimer with a delay */
    ListNode timersZero; /* CommTimer without */
    ListNode pidWatches;

    CommDeferred *deferred;
    CommDeferred **deferredTail;
    CommDeferred *deferredBatch; /* being run */

    CommGarbage *garbage;
    size_t garbageCount;
    size_t garbageSize;

    CommSignal *signals; /* NSIG entries; NULL: none yet */

    ev_async wake;
    struct {
        pthread_mutex_t lock;
        CommPosted *posts;
        size_t count;
        size_t size;
        bool isClosing;
    } _shared;
};

#define COMM_LOOP_MAGIC 0x434f4d4cu
#define COMM_TIMER_MAGIC 0x434f4d54u
#define COMM_PID_WATCH_MAGIC 0x434f4d50u

/* This thread's loop; aborts before commInit. */
CommLoop *commLoopNeed(void);

/* One more, or one less, reason to keep the loop running. */
void commLoopHold(CommLoop *loop);

/* Undo one commLoopHold. */
void commLoopUnhold(CommLoop *loop);

/* Bring the clock up to date outside of commLoopRun, where no turn does. */
void commLoopFreshen(CommLoop *loop);

/* Microseconds of a delay given by a user, within what a clock can add. */
int64_t commLoopDelayUs(int64_t ms);

/* Start a one-shot event library timer that does not by itself keep the
 * loop running. */
void commLoopTimerStart(CommLoop *loop, ev_timer *timer, int64_t delayUs);

/* Stop it; harmless when it is not active. */
void commLoopTimerStop(CommLoop *loop, ev_timer *timer);

/* To be called first when it has fired: it stopped itself. */
void commLoopTimerFired(CommLoop *loop);

/* Run timers without delay that were there before the call. */
void commTimerRunZero(CommLoop *loop);

/* Drop all timers. */
void commTimerDropAll(CommLoop *loop);

/* Run deferred calls. */
void commDeferRun(CommLoop *loop);

/* Unqueue all deferred calls without running them. */
void commDeferDropAll(CommLoop *loop);

/* Tell the event library what changed since the last turn. */
void commSelectApply(CommLoop *loop);

/* Close every descriptor and free the table. */
void commSelectDropAll(CommLoop *loop);

/* Prepare the queue from other threads. */
void commPostInit(CommLoop *loop);

/* Refuse further posts, run those accepted, free the queue. */
void commPostFini(CommLoop *loop);

/* Drop all pid watches. */
void commWatchPidDropAll(CommLoop *loop);

/* Drop all signal handlers. */
void commSignalDropAll(CommLoop *loop);

#endif
