/*
 * log_daemon.h: a log that another process writes (logfile_daemon).
 *
 * The daemon may die, stand still or not be there: it is started again after
 * a delay that grows, what it had not written is sent again, lines wait in
 * memory, 4 MiB at most, and those that find no room are counted and told at
 * a bounded rate. Nothing here waits, but logDaemonFini.
 * Thread: loop.
 */
#ifndef SQUIRE_LOG_DAEMON_H
#define SQUIRE_LOG_DAEMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct LogDaemon LogDaemon;

typedef struct LogDaemonConfig {
    const char *program;
    const char *path; /* what it writes, its only argument */
    unsigned rotate;  /* old files that it keeps */
    bool isBuffered;  /* lines may wait for a second */
} LogDaemonConfig;

typedef struct LogDaemonStats {
    uint64_t lost;     /* lines, here and as far as the daemon tells */
    uint64_t restarts; /* starts after the first */
    size_t queued;     /* lines that are not known to be written */
} LogDaemonStats;

/* Start a daemon; copies config. A start that fails is tried again, later.
 * Returns owned. */
LogDaemon *logDaemonCreate(const LogDaemonConfig *config);

/* True when the daemon was made by such a configuration. */
bool logDaemonIsSame(const LogDaemon *daemon, const LogDaemonConfig *config);

/* Add a line, LF included. Copies. */
void logDaemonAdd(LogDaemon *daemon, const char *line, size_t len);

/* Have all lines so far written now. */
void logDaemonFlush(LogDaemon *daemon);

/* Have the daemon begin a new file. */
void logDaemonRotate(LogDaemon *daemon);

/* The figures. */
void logDaemonGetStats(const LogDaemon *daemon, LogDaemonStats *out);

/* Let the daemon write what it has, for some seconds, then end and free it.
 * Clears *daemon; NULL inside is accepted. */
void logDaemonStop(LogDaemon **daemon);

/* End those that logDaemonStop left. Blocks: until they have written, at most
 * 3 s. Outside of commLoopRun only. */
void logDaemonFini(void);

#endif
