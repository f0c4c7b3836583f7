/*
 * log_backlog.h: what a log daemon is to be told: commands that wait, and
 * those it was sent but may lose if it dies. Pure: no I/O, no clock.
 *
 * A daemon that acknowledges (log_file does) frees each command when it is
 * done. Of any other, all that is known is that it has read everything it was
 * sent; since it reads on only after doing what it read, what it read before
 * that is done. So commands leave in windows, and one is freed when the next
 * has been read. After a death what is not freed is sent again: a line may
 * then be there twice, none is missing.
 * Thread: one.
 */
#ifndef SQUIRE_LOG_BACKLOG_H
#define SQUIRE_LOG_BACKLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

#define LOG_BACKLOG_WINDOW 32768u /* octets sent before they must be read */
#define LOG_BACKLOG_AHEAD 262144u /* the same, with acknowledgement */

typedef struct LogBacklog {
    Buf held;         /* read before, the window, and what waits */
    size_t max;       /* octets of lines */
    size_t readLen;   /* octets of held that were read before the window */
    size_t sentLen;   /* of the window, sent */
    size_t windowLen; /* whole commands; sentLen of them are on their way */
    size_t lines;     /* in held */
    uint64_t lost;    /* lines that found no room */
    uint64_t done;    /* commands freed since the daemon was started */
    bool isAcked;     /* it acknowledges */
    bool needsFlush;  /* a line was added since the last F */
    bool isSettling;  /* all there is was read, and F was sent to be sure */
} LogBacklog;

/* Prepare an empty backlog for max octets of lines. */
void logBacklogInit(LogBacklog *backlog, size_t max);

/* Free what it holds. */
void logBacklogFini(LogBacklog *backlog);

/* Add an access log line, LF included; copies. False when there is no room:
 * it is counted as lost. */
bool logBacklogAddLine(LogBacklog *backlog, const char *line, size_t len);

/* Add F if lines were added since the last one. */
void logBacklogAddFlush(LogBacklog *backlog);

/* Add R. */
void logBacklogAddRotate(LogBacklog *backlog);

/* Octets that may be sent now, with *dataOut borrowed until the next call;
 * 0: wait until something was read or acknowledged, or was added. */
size_t logBacklogNext(LogBacklog *backlog, const char **dataOut);

/* len of these octets have been sent. */
void logBacklogSent(LogBacklog *backlog, size_t len);

/* The daemon has read all that was sent. */
void logBacklogRead(LogBacklog *backlog);

/* The daemon says that it has done so many of the commands that came from
 * here. A number that cannot be is ignored. */
void logBacklogDone(LogBacklog *backlog, uint64_t commands);

/*
 * The daemon has died: send all that is held to the next one. Rotations that
 * had been sent are left out, since they may have been done; returns how
 * many.
 */
unsigned logBacklogRewind(LogBacklog *backlog);

/* True when nothing waits and nothing can get lost any more. */
bool logBacklogIsEmpty(const LogBacklog *backlog);

/* Drop all; the lines count as lost. */
void logBacklogDrop(LogBacklog *backlog);

#endif
