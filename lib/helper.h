/*
 * helper.h: pools of helper processes.
 *
 * A pool answers lines with lines. Every submitted request gets its callback
 * exactly once, later, on the pool's loop, whatever the helpers do: a
 * process that dies, speaks garbage or misses its deadline is replaced and
 * its requests are asked again. (design.md section 6.)
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

typedef struct HelperPool HelperPool;
typedef struct HelperRequest HelperRequest;

typedef enum HelperOverload {
    HELPER_OVERLOAD_ERR,    /* answer HELPER_OVERLOAD, later, by callback */
    HELPER_OVERLOAD_BYPASS, /* the same; the caller goes on without */
    HELPER_OVERLOAD_WAIT,   /* queue without limit, deadline still holds */
    HELPER_OVERLOAD_COUNT
} HelperOverload;

typedef struct HelperConfig {
    const char *name;         /* pool name in logs and stats */
    const char *const *argv;  /* program and arguments, NULL-terminated */
    int ipcType;              /* IPC_STREAM */
    unsigned max;             /* processes at most, 20 */
    unsigned startup;         /* started with the pool, 0 */
    unsigned idle;            /* kept spare when growing, 1 */
    unsigned concurrency;     /* 0: no channel-ID, one request at a time */
    unsigned queueMax;        /* requests waiting; 0: 2 * max (at least 64) */
    HelperOverload overload;  /* HELPER_OVERLOAD_ERR */
    int timeoutMs;            /* from submission to answer; 0: none;
                                 default 10000 */
    unsigned attempts;        /* tries per request, 3 */
    size_t lineMax;           /* request line limit with LF, 8191 */
    size_t replyMax;          /* reply line limit, 65536 */
    bool stderrRaw;           /* false: tagged lines through a pipe */
    unsigned restartMinMs;    /* back-off after a bad start, 100 */
    unsigned restartMaxMs;    /* and its bound, 30000 */
} HelperConfig;

/*
 * Borrowed until the callback returns. Any class answer or one of the pool's
 * own: HELPER_TIMEOUT, HELPER_OVERLOAD, HELPER_SHUTDOWN.
 */
typedef void HelperReplyCb(const HelperReply *reply, void *data);

/* Set the defaults. */
void helperConfigInit(HelperConfig *config);

/*
 * Create a pool; config is copied. Start-up processes are started from the
 * loop, a few per turn. A program that cannot be executed does not make this
 * fail: the pool logs it, backs off, and answers as its policy says.
 * Returns owned; NULL with errno EINVAL for a config without name or argv.
 */
HelperPool *helperPoolCreate(const HelperConfig *config);

/*
 * Queue one request line (no LF). Borrows line until return. cb runs exactly
 * once, later; it may submit again, stop or destroy the pool.
 * Errors (cb will not run): -ESHUTDOWN stopping, -EINVAL the line has LF or
 * NUL, -EMSGSIZE longer than lineMax.
 */
int helperSubmit(HelperPool *pool, const char *line, HelperReplyCb *cb,
                 void *data);

/* helperSubmit for len octets at line, and a handle for helperCancel;
 * requestOut may be NULL; it is borrowed until cb has begun. */
int helperSubmitLen(HelperPool *pool, const char *line, size_t len,
                    HelperReplyCb *cb, void *data,
                    HelperRequest **requestOut);

/* Give up a request: cb will not run after this call. An answer still to
 * come is dropped. */
void helperCancel(HelperRequest *request);

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

/* Percentiles of one latency histogram, in milliseconds. */
typedef struct HelperLatency {
    uint64_t count;
    double p50, p90, p99, max;
} HelperLatency;

typedef struct HelperProcessStats {
    unsigned id; /* number within the pool's life, from 1 */
    pid_t pid;
    const char *state; /* constant: "starting", "ready", "leaving", ... */
    uint64_t requests;
    unsigned inflight;
    long rssKb;
    int64_t startedUs; /* commNowUs() at start */
} HelperProcessStats;

typedef struct HelperPoolStats {
    const char *name;    /* borrowed from the pool */
    const char *program; /* argv joined with blanks, borrowed */
    unsigned max, active, idle, queue, inflight;
    uint64_t requests, replies, byResult[HELPER_RESULT_COUNT];
    uint64_t timeouts, retries, restarts, overloads;
    HelperLatency queueMs, serviceMs;
} HelperPoolStats;

/* Copy the figures of a pool. */
void helperPoolStats(const HelperPool *pool, HelperPoolStats *statsOut);

/* Copy up to max process rows; returns how many there are. Reads /proc. */
size_t helperPoolProcesses(const HelperPool *pool, HelperProcessStats *rows,
                           size_t max);

typedef void HelperPoolCb(HelperPool *pool, void *data);

/* Call cb for every pool of this loop, in order of creation. */
void helperPoolForEach(HelperPoolCb *cb, void *data);

#endif
