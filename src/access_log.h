/*
 * access_log.h: one line per finished request, in Squid's native format.
 *
 * Lines are collected and written once a second, or when 64 KiB are full,
 * with one write; or they are handed to a daemon (log_daemon.h). A log that
 * cannot be written loses lines, counts them and says so in the debug log now
 * and then; it never waits. Thread: loop.
 */
#ifndef SQUIRE_ACCESS_LOG_H
#define SQUIRE_ACCESS_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "log_daemon.h"

typedef struct AccessLog AccessLog;

/* Result names: constant, with the text that the log shows. */
#define ACCESS_RESULTS(X)                                                      \
    X(NONE, "NONE_NONE") /* no request was understood */                       \
    X(HIT, "TCP_HIT")                                                          \
    X(MEM_HIT, "TCP_MEM_HIT")                                                  \
    X(IMS_HIT, "TCP_IMS_HIT") /* 304 out of the cache */                       \
    X(INM_HIT, "TCP_INM_HIT") /* the same by If-None-Match */                  \
    X(NEGATIVE_HIT, "TCP_NEGATIVE_HIT")                                        \
    X(CF_HIT, "TCP_CF_HIT") /* what another request has fetched */             \
    X(MISS, "TCP_MISS")                                                        \
    X(CLIENT_REFRESH, "TCP_CLIENT_REFRESH_MISS")                               \
    X(REFRESH_UNMODIFIED, "TCP_REFRESH_UNMODIFIED")                            \
    X(REFRESH_MODIFIED, "TCP_REFRESH_MODIFIED")                                \
    X(REFRESH_FAIL_OLD, "TCP_REFRESH_FAIL_OLD")                                \
    X(REFRESH_FAIL_ERR, "TCP_REFRESH_FAIL_ERR")                                \
    X(SWAPFAIL, "TCP_SWAPFAIL_MISS")                                           \
    X(DENIED, "TCP_DENIED")                                                    \
    X(DENIED_REPLY, "TCP_DENIED_REPLY")                                        \
    X(REDIRECT, "TCP_REDIRECT")                                                \
    X(TUNNEL, "TCP_TUNNEL")

typedef enum AccessResult {
#define X(name, text) ACCESS_##name,
    ACCESS_RESULTS(X)
#undef X
        ACCESS_RESULT_COUNT
} AccessResult;

/* True for an answer that came out of the cache. */
bool accessResultIsHit(AccessResult result);

/* True when the cache could have answered the request. */
bool accessResultIsLookup(AccessResult result);

typedef enum AccessEnd {
    ACCESS_END_OK,
    ACCESS_END_ABORTED,  /* the client went away: _ABORTED */
    ACCESS_END_TIMEDOUT, /* _TIMEDOUT */
    ACCESS_END_COUNT
} AccessEnd;

/* Who was asked: constant, with the text that the log shows. */
#define ACCESS_HIERARCHIES(X)                                                  \
    X(NONE, "HIER_NONE")                                                       \
    X(DIRECT, "HIER_DIRECT")                                                   \
    X(CLOSEST_PARENT, "CLOSEST_PARENT")                                        \
    X(ROUNDROBIN_PARENT, "ROUNDROBIN_PARENT")                                  \
    X(FIRSTUP_PARENT, "FIRSTUP_PARENT")                                        \
    X(CARP, "CARP")                                                            \
    X(SOURCEHASH_PARENT, "SOURCEHASH_PARENT")                                  \
    X(USERHASH_PARENT, "USERHASH_PARENT")                                      \
    X(DEFAULT_PARENT, "DEFAULT_PARENT")

typedef enum AccessHierarchy {
#define X(name, text) ACCESS_HIER_##name,
    ACCESS_HIERARCHIES(X)
#undef X
    ACCESS_HIER_COUNT
} AccessHierarchy;

/*
 * All borrowed for the call; a NULL or empty text is shown as "-". Blanks,
 * control octets and octets above 126 are shown as %XX; a URL is cut at 8192
 * octets, other texts at 255.
 */
typedef struct AccessEntry {
    int64_t wallUs;    /* end of the request, as commWallUs() */
    int64_t elapsedUs; /* since its first octet */
    const struct sockaddr *client;
    AccessResult result;
    AccessEnd end;
    int status;    /* 0 when none was sent */
    uint64_t size; /* octets sent to the client, head included */
    const char *method;
    const char *url;
    size_t urlLen;
    bool stripQuery; /* strip_query_terms: end the URL after its "?" */
    const char *user;
    AccessHierarchy hierarchy;
    const char *peer;        /* address of the origin, or its name */
    const char *contentType; /* cut at the first blank or ';' */
    size_t contentTypeLen;
} AccessEntry;

#define ACCESS_LOG_LINE_MAX (32 * 1024) /* of those made elsewhere */

/* "_ABORTED" and so on, or ""; constant. */
const char *accessEndName(AccessEnd end);

/* "HIER_DIRECT" and so on; constant. */
const char *accessHierarchyName(AccessHierarchy hierarchy);

/* "TCP_MISS" and so on, for stats; constant. */
const char *accessResultName(AccessResult result);

/*
 * Open a log at a place as log_place.h has them. The flush timer runs on this
 * thread's loop. Returns owned, or NULL with errno, as logPlaceOpen.
 */
AccessLog *accessLogOpen(const char *path);

/* Start a daemon that writes the log. Returns owned; never NULL: one that
 * cannot be started is tried again. */
AccessLog *accessLogOpenDaemon(const LogDaemonConfig *config);

/* True when the log is of this kind and place: at path, or, with config, such
 * a daemon. */
bool accessLogIsSame(const AccessLog *log, const char *path,
                     const LogDaemonConfig *config);

/* Write what is held and close; a daemon has some seconds for it. Clears *log;
 * NULL inside is accepted. */
void accessLogClose(AccessLog **log);

/* Add the line of one request. log may be NULL: nothing happens. */
void accessLogAdd(AccessLog *log, const AccessEntry *entry);

/* Add a line that is made already, without its end; a longer one than
 * ACCESS_LOG_LINE_MAX is cut. log may be NULL. */
void accessLogAddLine(AccessLog *log, const char *text, size_t len);

/* Write what is held now. */
void accessLogFlush(AccessLog *log);

/* Flush, then open the path anew, with so many old files kept (0: somebody
 * else has renamed it); a daemon rotates. 0, or -errno and the old file goes
 * on. */
int accessLogReopen(AccessLog *log, unsigned keep);

typedef struct AccessLogStats {
    const char *path;  /* borrowed from the log */
    const char *type;  /* "daemon", or as logPlaceType; constant */
    uint64_t lines;    /* of requests so far */
    uint64_t lost;     /* of them */
    uint64_t restarts; /* of the daemon */
    size_t queued;     /* lines not known to be written; of a daemon */
} AccessLogStats;

/* The figures of a log. */
void accessLogGetStats(const AccessLog *log, AccessLogStats *out);

/* Lines lost so far because the file could not be written. */
uint64_t accessLogLost(const AccessLog *log);

#endif
