/*
 * comm.h: the event loop, one per thread.
 *
 * commInit makes the calling thread's loop; every other call acts on the
 * calling thread's loop unless it says "any". A descriptor belongs to the
 * thread that opened it (asserted). Only comm*.c know which event library is
 * below. Callbacks run from commLoopRun, never from the call that asks for
 * them. Handlers may close, cancel and free anything, also what they run
 * for: memory is freed at the end of the loop turn.
 * Thread: loop, unless stated.
 */
#ifndef SQUIRE_COMM_H
#define SQUIRE_COMM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define COMM_SELECT_READ 1u
#define COMM_SELECT_WRITE 2u

typedef struct CommLoop CommLoop;
typedef struct CommTimer CommTimer;
typedef struct CommPidWatch CommPidWatch;

typedef void CommSelectCb(int fd, void *data);
typedef void CommCloseCb(int fd, void *data);
typedef void CommTimerCb(void *data);
typedef void CommPostCb(void *data);
typedef void CommSignalCb(int signo, void *data);
typedef void CommPidCb(pid_t pid, int status, void *data);

/* Make this thread's loop; counted, so a second call is harmless. 0, or -1
 * with errno. Each call needs its commFini. Thread: any. */
int commInit(void);

/* Run until commLoopStop, or until nothing is left to wait for: no request
 * or timeout on a descriptor, timer, deferred call or pid watch. Blocks. 0,
 * or -1 with errno ENOENT without commInit. */
int commLoopRun(void);

/* End commLoopRun of this thread after the current turn. A stop before the
 * run makes the next run return after one turn. */
void commLoopStop(void);

/* Undo one commInit; the last one closes the loop: registered descriptors
 * are closed (close handlers run), timers and watches dropped. */
void commFini(void);

/* True while this thread is inside commLoopRun. Thread: any. */
bool commIsRunning(void);

/* This thread's loop, or NULL before commInit; borrowed. Thread: any. */
CommLoop *commLoopSelf(void);

/*
 * Call handler once when fd is readable / writable; both bits are two
 * requests, each once. Replaces an earlier request of the same kind; NULL
 * handler cancels. Re-arming inside the handler costs no system call. An fd
 * not yet known is adopted as by commOpen. timeoutSec > 0: when nothing
 * happened by then, the commSetTimeout handler runs if there is one (this
 * request stays), else this handler with commIsTimedOut(fd) true. EOF:
 * read() gives 0; error: it gives -1.
 */
void commSetSelect(int fd, unsigned type, CommSelectCb *handler, void *data,
                   int timeoutSec);

/* Call handler once unless replaced within ms milliseconds; ms < 0 clears.
 * Cheap to move: re-arming costs no system call and no heap operation. */
void commSetTimeout(int fd, int64_t ms, CommSelectCb *handler, void *data);

/* True inside a handler that runs because of a timeout. */
bool commIsTimedOut(int fd);

/* Take fd into the loop under a name: sets O_NONBLOCK and FD_CLOEXEC.
 * 0, or -errno (fd is closed then too). */
int commOpen(int fd, const char *note);

/* Run the close handlers, last added first, forget all requests, close. */
void commClose(int fd);

/* True when this thread's loop knows fd; false without a loop. Thread: any. */
bool commIsOpen(int fd);

/* Forget fd without closing it: the caller owns it again. Close handlers
 * are dropped, not run. Returns fd. */
int commRelease(int fd);

/* Add a handler for commClose; several may be added. */
void commAddCloseHandler(int fd, CommCloseCb *handler, void *data);

/* Remove one handler added with the same arguments. */
void commRemoveCloseHandler(int fd, CommCloseCb *handler, void *data);

/* Name the descriptor (shown in stats); copied, cut at 63 octets. */
void commNote(int fd, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Call cb once after delayMs. Returns owned until it ran or was cancelled;
 * from inside cb the handle is already gone. A delay of 0 runs at the end of
 * this turn; added from such a timer or a deferred call: in the next turn,
 * without sleeping (the way to go on with long work).
 */
CommTimer *commTimerAdd(int64_t delayMs, CommTimerCb *cb, void *data);

/* Cancel; takes and clears *timer; NULL inside is accepted. */
void commTimerCancel(CommTimer **timer);

/*
 * A deferred call lives in its owner's object. commDefer queues it to run
 * once at the end of this loop turn, before the loop sleeps, in order;
 * queueing twice is one run. From outside a turn it runs in the next. Calls
 * queued by deferred calls run in the same turn too, up to a bound after
 * which descriptors get their turn first. O(1), no allocation.
 */
typedef struct CommDeferred {
    struct CommDeferred *next;
    struct CommDeferred **prevp; /* NULL when not queued */
    void (*cb)(void *data);
    void *data;
} CommDeferred;

/* Prepare a deferred call in the caller's storage. */
void commDeferInit(CommDeferred *deferred, void (*cb)(void *data),
                   void *data);

/* Queue it. */
void commDefer(CommDeferred *deferred);

/* Unqueue it; harmless when not queued. */
void commDeferCancel(CommDeferred *deferred);

/* Call release(ptr) at the end of this loop turn (deferred free). */
void commFreeLater(void *ptr, void (*release)(void *ptr));

/* Run cb(data) on another thread's loop, in order, at the latest in its
 * commFini. 0, or -ESHUTDOWN when that loop is closing (cb will not run).
 * Does not keep the loop running. Thread: any; loop must live. */
int commPost(CommLoop *loop, CommPostCb *cb, void *data);

/* Call cb once with the wait status when the child pid has ended; reaps it.
 * status is -1 when somebody else reaped it. NULL with errno: ECHILD pid is
 * no child of ours, EMFILE. Works in any loop. */
CommPidWatch *commWatchPid(pid_t pid, CommPidCb *cb, void *data);

/* Stop watching (the child is then not reaped); clears *watch. */
void commWatchPidCancel(CommPidWatch **watch);

/* Call cb on each arrival of signo, in this loop; NULL cb removes and gives
 * the signal its default action. Does not keep the loop running. 0, or
 * -EINVAL, or -EBUSY: it belongs to another loop. */
int commSignalSet(int signo, CommSignalCb *cb, void *data);

/* Monotonic time of this loop turn in microseconds: one clock read a turn. */
int64_t commNowUs(void);

/* Wall clock of this loop turn, microseconds since 1970. */
int64_t commWallUs(void);

/* Read the clock afresh: monotonic microseconds. Thread: any. */
int64_t commClockUs(void);

typedef struct CommStats {
    uint64_t turns;        /* loop turns so far */
    uint64_t maxTurnUs;    /* longest work between two sleeps, since reset */
    unsigned openFds;      /* descriptors that this loop knows */
} CommStats;

/* Copy this loop's figures; resets maxTurnUs when reset is true. */
void commStatsGet(CommStats *statsOut, bool reset);

typedef void CommFdCb(int fd, const char *note, void *data);

/* Call cb for every known descriptor, in order; cb must not open or close. */
void commForEachFd(CommFdCb *cb, void *data);

#ifdef __cplusplus
}
#endif

#endif
