/*
 * helper_restart.h: when may a pool start its next process?
 *
 * Pure: history and time in, a time out. A process that has worked is
 * replaced at once, however often it dies (a client that can crash a helper
 * must not be able to close the pool). One that never answered doubles the
 * delay, from the least to the greatest, and only one process is tried per
 * delay, until one works. One killed from outside before it could answer
 * costs the least delay, never more.
 *
 * A request may kill every process that is asked it, before any of them has
 * answered anything, and clients may repeat it. So processes that end with a
 * request in hand are replaced nearly at once, some of them, and many when the
 * program is known to work, until the next one answers.
 * Thread: any.
 */
#ifndef SQUIRE_HELPER_RESTART_H
#define SQUIRE_HELPER_RESTART_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HELPER_RESTART_EXEC_MAX 3 /* failed tries to execute, in a row */
#define HELPER_RESTART_LIVED_US (30 * 1000000ll) /* so long is no bad start */
#define HELPER_RESTART_SPENT_MAX 200 /* ended at work, between answers */
#define HELPER_RESTART_SPENT_NEW 20  /* before the first answer of all */
#define HELPER_RESTART_TRIES_MAX 30 /* with blameless deaths, per request */

typedef struct HelperRestart {
    int64_t minUs; /* configuration */
    int64_t maxUs;
    unsigned patience;   /* bad starts that one request may cause */
    bool hasWorked;      /* some process of the program has answered */
    unsigned spent;      /* processes that ended at work since */
    unsigned failures;   /* bad starts in a row */
    unsigned notStarted; /* and how many of the last could not be executed */
    int64_t failedUs;    /* when the last of them was noticed */
    int64_t notBeforeUs; /* earliest next start */
} HelperRestart;

/* Somebody else reaped the process: the program itself, or the kernel where
 * SIGCHLD is ignored. */
#define HELPER_STATUS_UNKNOWN (-1)

/* What is known of an ended process. */
typedef struct HelperDeath {
    int64_t startedUs;
    bool answered;  /* gave at least one valid answer */
    bool atWork;    /* had been given a request, and did not let it wait */
    bool byUs;      /* put down for what it did, or for what it did not */
    int waitStatus; /* as from waitpid, or HELPER_STATUS_UNKNOWN; of no
                       meaning when byUs */
} HelperDeath;

/* Prepare an empty history. */
void helperRestartInit(HelperRestart *restart, int64_t minUs, int64_t maxUs,
                       unsigned patience);

/* Microseconds to wait before a start; 0: now. */
int64_t helperRestartWait(const HelperRestart *restart, int64_t nowUs);

/* A process was started. */
void helperRestartStarted(HelperRestart *restart, int64_t nowUs);

/* A process could not be started at all. */
void helperRestartFailed(HelperRestart *restart, int64_t nowUs);

/* A process has ended without being asked to. */
void helperRestartDied(HelperRestart *restart, const HelperDeath *death,
                       int64_t nowUs);

/* A process gave its first valid answer. */
void helperRestartWorked(HelperRestart *restart, int64_t startedUs);

/* True when the program could not be executed three times in a row, or when
 * more processes in a row than one bad request can cost gave no answer. */
bool helperRestartIsHopeless(const HelperRestart *restart);

/*
 * True when the requests of a dead process cannot have caused its end: a
 * signal that others send (SIGKILL, SIGTERM, SIGHUP), or exit status 0 of a
 * process that had worked (a one-shot helper, or one that recycles itself).
 */
bool helperRestartIsBlameless(const HelperDeath *death);

#ifdef __cplusplus
}
#endif

#endif
