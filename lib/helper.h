/*
 * helper.h: pools of helper processes.
 *
 * A pool answers lines with lines. Every submitted request gets its callback
 * exactly once, later, on the pool's loop, whatever the helpers do: a
 * process that dies, speaks garbage or misses its deadline is replaced and
 * its requests are asked again.
 * Thread: loop (the one that created the pool).
 */
#ifndef SQUIRE_HELPER_H
#define SQUIRE_HELPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "helper_proto.h"
#include "ipc.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct HelperPool HelperPool;
typedef struct HelperRequest HelperRequest;
typedef struct HelperReservation HelperReservation;

typedef enum HelperOverload {
    HELPER_OVERLOAD_ERR,    /* answer HELPER_OVERLOAD, later, by callback */
    HELPER_OVERLOAD_BYPASS, /* the same; the caller goes on without */
    HELPER_OVERLOAD_WAIT,   /* queue without limit, deadline still holds */
    HELPER_OVERLOAD_COUNT
} HelperOverload;

/* What a caller gets when no process can answer: the request would end in
 * HELPER_TIMEOUT, HELPER_OVERLOAD, HELPER_UNKNOWN or HELPER_BH. */
typedef enum HelperFail {
    HELPER_FAIL_CLOSED, /* that result */
    HELPER_FAIL_OPEN,   /* HELPER_OK without pairs */
    HELPER_FAIL_STALE,  /* a kept answer past its ttl, else that result */
    HELPER_FAIL_COUNT
} HelperFail;

typedef struct HelperConfig {
    const char *name;        /* pool name in logs and stats */
    const char *const *argv; /* program and arguments, NULL-terminated */
    int ipcType;             /* IPC_STREAM; any stream type */
    unsigned max;            /* processes at most, 20 */
    unsigned startup;        /* started with the pool, 0; kept alive */
    unsigned idle;           /* started at a time when growing, and kept when
                                shrinking, 1 */
    unsigned concurrency;    /* 0: no channel-ID, one request at a time */
    unsigned pipeline;       /* without channel-ID: requests that a process
                                may have at once when it has shown that it
                                takes lines ahead, and as long as it answers
                                quickly; 0 (default) or 1: never more than
                                one. Only for programs that surely answer
                                each line by one line, in order: answers are
                                paired by counting, and a line that is left
                                unanswered shifts them */
    unsigned queueMax;       /* requests waiting beyond what processes not yet
                                started could take; 0: 2 * max (at least 64) */
    HelperOverload overload; /* HELPER_OVERLOAD_ERR */
    int timeoutMs;           /* from submission to answer; 0: none;
                                default 10000 */
    unsigned attempts;       /* tries per request, 3 */
    size_t lineMax;          /* request line limit with ID and LF, 8191 */
    size_t replyMax;         /* reply line limit with ID and LF, 65536 */
    char endMark;            /* ends an answer, LF. Another control octet but
                                NUL, TAB and CR: requests, which still end
                                with LF, and answers may hold LF, and must
                                not hold this octet. Programs for
                                certificates have HELPER_CERT_END */
    bool stderrRaw;          /* false: tagged lines through a pipe */
    unsigned restartMinMs;   /* back-off after a bad start, 100 */
    unsigned restartMaxMs;   /* and its bound, 30000 */
    unsigned idleMs;         /* a process above the startup and idle numbers
                                leaves after so long without work, 60000;
                                0: never */
    unsigned graceMs;        /* between EOF, SIGTERM and SIGKILL, 2000 */

    /* The life of a process. */
    uint64_t maxRequests; /* it is replaced after so many, or up to an
                             eighth less, that not all leave at once; it
                             serves until its replacement has started; 0:
                             never */
    unsigned maxAgeMs;    /* likewise when so old; 0: never */
    const char *probe;    /* a line asked of each new process before it gets
                             requests, and of idle ones; NULL: none. Any
                             answer in time and in form but BH is good */
    unsigned probeMs;     /* between probes of an idle process, 30000 */
    IpcAttr attr;         /* what a process may; copied with its strings and
                             lists; the descriptors named must stay open.
                             SQUIRE_CONCURRENCY (0: lines have no ID) is
                             added to the environment.
                             stderrMode follows stderrRaw, diesWithUs is
                             always true */

    /* Answers. */
    bool collapse;          /* identical lines in flight are asked once */
    unsigned cacheMax;      /* answers kept, least recently used leaves
                               first; 0 (default): none */
    unsigned ttlMs;         /* how long an OK is fresh, 3600000 */
    unsigned negativeTtlMs; /* how long an ERR is fresh, 3600000 */
    unsigned gracePct;      /* with less than this share of the ttl left, a
                               kept answer is used and asked again in the
                               background; 0 (default): never */
    HelperFail fail;        /* HELPER_FAIL_CLOSED; dialogs always */
    unsigned traceMax;      /* exchanges kept for helperTraceForEach, 64 */

    /* Dialogs. */
    unsigned reservedPerClient; /* reservations of one client; 0: no limit */
    unsigned reservationMs;     /* one that was idle so long is taken back
                                   when a process is needed, the longest
                                   idle first; 64000; 0: never */
} HelperConfig;

/*
 * Receives the answer, borrowed until the callback returns: one of the
 * helper's own, now or kept, or one made by the pool (see source). Those have
 * text "" and say in message what happened: HELPER_TIMEOUT, HELPER_OVERLOAD,
 * HELPER_SHUTDOWN; HELPER_OK for fail=open;
 * HELPER_UNKNOWN when no process could be started or all attempts died;
 * HELPER_BH when the last attempt gave an answer that must not be used.
 * (An HELPER_UNKNOWN of the helper has the whole line in text, never "".)
 */
typedef void HelperReplyCb(const HelperReply *reply, void *data);

/* Why a process was replaced or sent off. */
typedef enum HelperGone {
    HELPER_GONE_EXIT,         /* ended, or closed its output, by itself */
    HELPER_GONE_SIGNAL,       /* killed by a signal that was not ours */
    HELPER_GONE_GARBAGE,      /* said what must not be used */
    HELPER_GONE_TIMEOUT,      /* answers overdue */
    HELPER_GONE_PROBE,        /* a wrong answer to its probe, or none */
    HELPER_GONE_REQUESTS,     /* had its maxRequests */
    HELPER_GONE_AGE,          /* had its maxAgeMs */
    HELPER_GONE_RECONFIGURED, /* another configuration */
    HELPER_GONE_IDLE,         /* no work for it */
    HELPER_GONE_DIALOG,       /* owed an answer to a dialog that had ended */
    HELPER_GONE_PIPELINE,     /* lost a line that was sent ahead */
    HELPER_GONE_STOPPED,      /* the pool stopped */
    HELPER_GONE_COUNT
} HelperGone;

/* "exit", "signal", "garbage", "timeout", "probe", "max_requests", "max_age",
 * "reconfigured", "idle", "dialog", "pipeline", "stopped". */
const char *helperGoneName(HelperGone why);

/* Set the defaults. */
void helperConfigInit(HelperConfig *config);

/*
 * Create a pool; config is copied. Start-up processes are started from the
 * loop, a few per turn. A program that cannot be executed does not make this
 * fail: the pool logs it and backs off; when three tries in a row failed, or
 * attempts + 1 processes in a row ended without an answer, and none lives,
 * requests are answered HELPER_UNKNOWN at once instead of at their deadline,
 * until a start succeeds. Returns owned; NULL with errno EINVAL: no name or
 * argv, no stream type, or a number too large.
 */
HelperPool *helperPoolCreate(const HelperConfig *config);

/*
 * Queue one request line (no LF). Borrows line until return. cb runs exactly
 * once, later; it may submit again, stop or destroy the pool. Errors (cb
 * will not run): -ESHUTDOWN stopping, or pool is NULL, as helperPoolDestroy
 * leaves it; -EINVAL the line has the endMark or NUL; -EMSGSIZE longer than
 * lineMax, counting LF and the longest ID (11 octets).
 */
int helperSubmit(HelperPool *pool, const char *line, HelperReplyCb *cb,
                 void *data);

/* helperSubmit for len octets at line, and a handle for helperCancel;
 * requestOut may be NULL; it is borrowed until cb has begun. */
int helperSubmitLen(HelperPool *pool, const char *line, size_t len,
                    HelperReplyCb *cb, void *data, HelperRequest **requestOut);

/* Give up a request: cb will not run after this call, the handle is no longer
 * valid. An answer still to come is dropped, unless others with the same line
 * wait for it. */
void helperCancel(HelperRequest *request);

/*
 * The fresh kept answer to this line, without asking: true with *replyOut,
 * which is borrowed until the next call into this pool. False when there is
 * none, or when it has to be asked again in the background (submit then:
 * the kept answer comes by callback).
 */
bool helperLookup(HelperPool *pool, const char *line, size_t len,
                  HelperReply *replyOut);

/*
 * Begin a dialog: all lines of a reservation go to one process, which
 * serves nobody else until helperRelease. The process is chosen by the first
 * submit, which waits for one like any request. client (borrowed, NULL:
 * none) is whom reservedPerClient counts by. Returns owned; NULL with errno:
 * EBUSY the client has as many as it may, ESHUTDOWN.
 */
HelperReservation *helperReserve(HelperPool *pool, const char *client);

/*
 * helperSubmitLen within a dialog; one request at a time. Never answered
 * from kept answers; repeated at another process only when the first one
 * ends before any answer. When the process is gone, late or taken back, cb
 * runs with HELPER_UNKNOWN (or HELPER_TIMEOUT, or never: it was cancelled)
 * and the dialog is lost: that is the answer to later lines too. Errors as
 * helperSubmitLen; -EBUSY the one before is not answered.
 */
int helperReservedSubmit(HelperReservation *reservation, const char *line,
                         size_t len, HelperReplyCb *cb, void *data,
                         HelperRequest **requestOut);

/* True when the dialog cannot go on: its process is gone or was taken back,
 * or the pool is destroyed. */
bool helperReservedIsLost(const HelperReservation *reservation);

/* End a dialog: a request of it in flight is cancelled, the process serves
 * others (or is replaced, when it owes an answer). Clears *reservation;
 * NULL inside is accepted; also after helperPoolDestroy. */
void helperRelease(HelperReservation **reservation);

/*
 * Go on with another configuration; config is copied. What needs no new
 * process takes effect at once. When program, channel type, concurrency or
 * attr changed, new processes are started before the old ones, which finish
 * what they have, leave; the old ones serve while no new one can be started.
 * Requests waiting stay. Kept answers stay unless the program changed.
 * Errors, nothing changed then: -EINVAL, also for another name or endMark;
 * -ESHUTDOWN.
 */
int helperPoolReconfigure(HelperPool *pool, const HelperConfig *config);

/*
 * Stop taking requests; let those submitted finish for drainMs, answer the
 * rest HELPER_SHUTDOWN; helpers leave by EOF, SIGTERM, SIGKILL. Returns at
 * once; goes on in the loop.
 */
void helperPoolStop(HelperPool *pool, int drainMs);

/* Stop at once and free. Callbacks still due run, with HELPER_SHUTDOWN,
 * before this returns. Clears *pool; NULL inside is accepted. */
void helperPoolDestroy(HelperPool **pool);

/* True once a stopped pool has no request and no process left. */
bool helperPoolIsStopped(const HelperPool *pool);

/* One latency histogram; all but the count in milliseconds. */
typedef struct HelperLatency {
    uint64_t count;
    double p50, p90, p99, max, sum;
} HelperLatency;

typedef struct HelperProcessStats {
    unsigned id; /* number within the pool's life, from 1 */
    pid_t pid;
    const char *state; /* constant: "ready": it runs, and has answered or was
                          not asked yet; "starting": its first answer (to its
                          probe, if there is one) is due; "retiring": gets no
                          more requests; "lost", "leaving", "terminated",
                          "killed" on the way out */
    uint64_t requests;
    unsigned inflight;
    long rssKb;              /* as of the last second, 0: not known yet */
    int64_t startedUs;       /* commNowUs() at start */
    HelperLatency serviceMs; /* off by at most 7 % */
} HelperProcessStats;

typedef struct HelperPoolStats {
    const char *name;        /* borrowed from the pool */
    const char *program;     /* argv joined with blanks, borrowed */
    const char *const *argv; /* borrowed likewise */
    unsigned concurrency;    /* as configured */
    unsigned max, active, idle, queue, inflight;
    unsigned reserved; /* processes that serve a dialog */
    uint64_t requests; /* submitted; each is in byResult or failedOpen, was
                          cancelled or is in progress */
    uint64_t byResult[HELPER_RESULT_COUNT]; /* what callers were told */
    uint64_t failedOpen; /* told OK by the pool, for fail=open */
    uint64_t cancelled;
    uint64_t replies;  /* lines from processes, for callers, for nobody any
                          more, and for refreshes */
    uint64_t timeouts; /* of requests */
    uint64_t retries, overloads;
    uint64_t restarts;                /* processes that died or were put down */
    uint64_t gone[HELPER_GONE_COUNT]; /* those, and those sent off, by why */
    const char *trouble;   /* how the last process ended badly or could not be
                              started; "": none did; borrowed likewise */
    int64_t troubleAgoMs;  /* how long ago that was */
    unsigned cacheEntries; /* answers kept, fresh or not */
    uint64_t cacheHits, cacheMisses; /* fresh answers given, also by
                                        helperLookup, which is no request; and
                                        submissions that found none */
    uint64_t cacheRefreshes; /* asked again in the background; no requests */
    uint64_t cacheRefreshFailures; /* of them; tried again after a pause */
    uint64_t staleAnswers;         /* given past their ttl, for fail=stale */
    uint64_t collapsed; /* requests that joined another one's question */
    unsigned traceMax;  /* exchanges that helperTraceForEach may show */
    char endMark;       /* as configured */
    HelperLatency queueMs, serviceMs;
} HelperPoolStats;

/* Copy the figures of a pool. */
void helperPoolStats(const HelperPool *pool, HelperPoolStats *statsOut);

typedef enum HelperLatencyKind {
    HELPER_LATENCY_QUEUE,   /* from submission to a process */
    HELPER_LATENCY_SERVICE, /* from there to the answer */
    HELPER_LATENCY_COUNT
} HelperLatencyKind;

typedef void HelperBucketCb(double fromMs, double toMs, uint64_t count,
                            void *data);

/* Call cb for each range of latencies that has any, in rising order. */
void helperPoolBuckets(const HelperPool *pool, HelperLatencyKind kind,
                       HelperBucketCb *cb, void *data);

/*
 * Copy up to max process rows; returns how many there are. Memory is sampled
 * from /proc for at most a millisecond in each call and each turn of the loop
 * after it, so that a caller who shows a thousand rows stalls nothing: ask
 * again a moment later for the rest.
 */
size_t helperPoolProcesses(const HelperPool *pool, HelperProcessStats *rows,
                           size_t max);

/* One exchange of a pool's past; all borrowed for the call. The texts need not
 * end with a NUL. */
typedef struct HelperTrace {
    int64_t wallUs;    /* of the answer, since 1970 */
    unsigned number;   /* of the process, also of one that did not answer in
                          time; 0: the pool or its kept answers */
    pid_t pid;         /* 0 likewise */
    int64_t queueUs;   /* from submission to a process */
    int64_t serviceUs; /* from there to the answer */
    HelperResult result;
    const char *request; /* the line, without ID and LF */
    size_t requestLen;
    const char *reply; /* the same; "" when the pool answered */
    size_t replyLen;
    bool isOwn; /* the pool answered, not a helper, now or before */
    bool isCut; /* the ring keeps the first octets of long lines only */
} HelperTrace;

typedef void HelperTraceCb(const HelperTrace *trace, void *data);
typedef struct HelperTap HelperTap;

/* Call cb for the exchanges in the pool's ring, oldest first. */
void helperTraceForEach(const HelperPool *pool, HelperTraceCb *cb, void *data);

/*
 * Call cb for every exchange of the pool from now on, whole, until
 * helperTapRemove; once more, with trace NULL, when the pool ends. cb must
 * not call into the pool, but may remove this tap. Returns owned.
 */
HelperTap *helperTapAdd(HelperPool *pool, HelperTraceCb *cb, void *data);

/* Stop. Clears *tap; NULL inside is accepted; also after the pool's end. */
void helperTapRemove(HelperTap **tap);

typedef enum HelperEventKind {
    HELPER_EVENT_START,
    HELPER_EVENT_EXIT,    /* by itself, or as it was asked */
    HELPER_EVENT_FAIL,    /* it is put down for what it did */
    HELPER_EVENT_TIMEOUT, /* a request had no answer in time */
    HELPER_EVENT_COUNT
} HelperEventKind;

/* What happened; all borrowed for the call. */
typedef struct HelperEvent {
    HelperEventKind kind;
    const char *pool;
    unsigned number; /* of the process, 0: none */
    pid_t pid;       /* 0 likewise */
    const char *text;
} HelperEvent;

typedef void HelperEventCb(const HelperEvent *event, void *data);

/* Call cb, which must not call into pools, for every event of this loop's
 * pools from now on, instead of the one before; NULL: nobody. */
void helperEventSet(HelperEventCb *cb, void *data);

/* "start", "exit", "fail", "timeout". Thread: any. */
const char *helperEventName(HelperEventKind kind);

/* The pool of this loop with that name, or NULL; borrowed. */
HelperPool *helperPoolLookup(const char *name);

typedef void HelperPoolCb(HelperPool *pool, void *data);

/* Call cb for every pool of this loop, in order of creation. */
void helperPoolForEach(HelperPoolCb *cb, void *data);

#ifdef __cplusplus
}
#endif

#endif
