/*
 * helper_stderr.h: what one helper writes to its stderr, tagged and bounded.
 *
 * Each line goes to the debug log with pool, helper number and pid. Above 20
 * lines a second lines are only counted, and the count is logged. The last
 * three lines are kept for the report of the process's end. Costs no memory
 * until the helper writes something. Thread: loop.
 */
#ifndef SQUIRE_HELPER_STDERR_H
#define SQUIRE_HELPER_STDERR_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "buf.h"

#define HELPER_STDERR_LINE_MAX 1024 /* a longer line is cut into lines */
#define HELPER_STDERR_RATE 20       /* lines a second */
#define HELPER_STDERR_KEEP 3        /* last lines */

#define HELPER_STDERR_MAGIC 0x8e57de22u

typedef struct HelperStderr {
    uint32_t magic;
    int fd;           /* -1: none */
    const char *pool; /* borrowed */
    unsigned number;
    pid_t pid;
    Buf partial;
    char *last[HELPER_STDERR_KEEP]; /* oldest first, NULL: none */
    int64_t windowUs;               /* when the current second began */
    unsigned inWindow;              /* lines logged in it */
    uint64_t suppressed;            /* lines not logged in it */
} HelperStderr;

/* Read lines from fd, which is taken (-1: none), until closed. Borrows pool
 * until helperStderrClose. */
void helperStderrOpen(HelperStderr *err, int fd, const char *pool,
                      unsigned number, pid_t pid);

/* Log what can be read now; at most 64 KiB. */
void helperStderrDrain(HelperStderr *err);

/* Write the last lines, joined by " | ", to out; "" if none. */
void helperStderrLast(const HelperStderr *err, char *out, size_t size);

/* Log what is left, close and free all; harmless when already closed. */
void helperStderrClose(HelperStderr *err);

#endif
