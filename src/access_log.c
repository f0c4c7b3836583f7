/* access_log.c: request lines, collected and written. Debug section 46. */
#include "access_log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "comm.h"
#include "debug.h"
#include "log_place.h"
#include "xalloc.h"

#define ACCESS_LOG_MAGIC 0x414c4f47u
#define HELD_MAX (64 * 1024)
#define URL_MAX 8192u
#define TEXT_MAX 255u
/* A line without its URL: every text escaped, and all between them. */
#define LINE_ROOM (3u * 5u * TEXT_MAX + 512u)
#define FLUSH_MS 1000
#define TELL_EVERY_US (60 * INT64_C(1000000))
#define ELAPSED_WIDTH 6

struct AccessLog {
    uint32_t magic;
    char *path;
    LogPlace *place;   /* NULL: of a daemon */
    LogDaemon *daemon; /* then what follows is used for one line only */
    uint64_t lines;
    CommTimer *timer; /* runs while lines are held */
    int64_t second;   /* whose text secondText is */
    char secondText[24];
    size_t secondLen;
    bool midLine; /* the file ends within a line */
    uint64_t lost;
    bool failing; /* lines were lost, and nobody was told that it ended */
    int64_t nextTellUs;
    size_t used;
    char held[HELD_MAX];
};

static const char *const resultNames[ACCESS_RESULT_COUNT] = {
#define X(name, text) [ACCESS_##name] = text,
    ACCESS_RESULTS(X)
#undef X
};

static const char *const endNames[ACCESS_END_COUNT] = {
    [ACCESS_END_OK] = "",
    [ACCESS_END_ABORTED] = "_ABORTED",
    [ACCESS_END_TIMEDOUT] = "_TIMEDOUT",
};

static const char *const hierarchyNames[ACCESS_HIER_COUNT] = {
#define X(name, text) [ACCESS_HIER_##name] = (text),
    ACCESS_HIERARCHIES(X)
#undef X
};

const char *
accessResultName(AccessResult result)
{
    CHECK(result < ACCESS_RESULT_COUNT);
    return resultNames[result];
}

bool
accessResultIsHit(AccessResult result)
{
    return result == ACCESS_HIT || result == ACCESS_MEM_HIT ||
           result == ACCESS_IMS_HIT || result == ACCESS_INM_HIT ||
           result == ACCESS_NEGATIVE_HIT || result == ACCESS_CF_HIT ||
           result == ACCESS_REFRESH_UNMODIFIED ||
           result == ACCESS_REFRESH_FAIL_OLD;
}

bool
accessResultIsLookup(AccessResult result)
{
    return result != ACCESS_NONE && result != ACCESS_DENIED &&
           result != ACCESS_DENIED_REPLY && result != ACCESS_REDIRECT &&
           result != ACCESS_TUNNEL;
}

const char *
accessEndName(AccessEnd end)
{
    CHECK(end < ACCESS_END_COUNT);
    return endNames[end];
}

const char *
accessHierarchyName(AccessHierarchy hierarchy)
{
    CHECK(hierarchy < ACCESS_HIER_COUNT);
    return hierarchyNames[hierarchy];
}

/* place is taken. */
static AccessLog *
createLog(const char *path, LogPlace *place)
{
    AccessLog *log = xmalloc(sizeof(*log));

    memset(log, 0, offsetof(AccessLog, held));
    log->magic = ACCESS_LOG_MAGIC;
    log->place = place;
    log->path = xstrdup(path);
    log->second = -1;
    return log;
}

AccessLog *
accessLogOpen(const char *path)
{
    LogPlace *place = logPlaceOpen(path, NULL);

    return place != NULL ? createLog(path, place) : NULL;
}

AccessLog *
accessLogOpenDaemon(const LogDaemonConfig *config)
{
    AccessLog *log = createLog(config->path, NULL);

    log->daemon = logDaemonCreate(config);
    return log;
}

bool
accessLogIsSame(const AccessLog *log, const char *path,
                const LogDaemonConfig *config)
{
    CHECK_OBJ(log, ACCESS_LOG_MAGIC);
    if (log->daemon == NULL || config == NULL)
        return log->daemon == NULL && config == NULL &&
               strcmp(log->path, path) == 0;
    return logDaemonIsSame(log->daemon, config);
}

static size_t
countLines(const char *text, size_t len)
{
    const char *end = text + len;
    size_t lines = 0;

    while (text < end && (text = memchr(text, '\n', (size_t)(end - text)))) {
        lines++;
        text++;
    }
    return lines;
}

/* True at most once a minute. */
static bool
mayTell(AccessLog *log)
{
    int64_t now = commClockUs();

    if (log->nextTellUs != 0 && now < log->nextTellUs)
        return false;
    log->nextTellUs = now + TELL_EVERY_US;
    return true;
}

static void
tellLoss(AccessLog *log, int error)
{
    log->failing = true;
    if (mayTell(log))
        debug(DBG_ACCESS_LOG, 0,
              "access log %s: cannot write: %s; %" PRIu64 " lines lost so far",
              log->path, strerror(error), log->lost);
}

static void
tellRecovery(AccessLog *log)
{
    if (!log->failing || !mayTell(log))
        return;
    log->failing = false;
    debug(DBG_ACCESS_LOG, 0,
          "access log %s: is written again; %" PRIu64 " lines were lost",
          log->path, log->lost);
}

/*
 * Lose what is held. A line of which a part is in the file gets its end when
 * writing works again; that end, held alone, is no line of its own.
 */
static void
dropHeld(AccessLog *log, int error)
{
    size_t ends = log->held[0] == '\n' ? 1 : 0;
    size_t lines = countLines(log->held + ends, log->used - ends);

    log->lost += lines;
    log->used = 0;
    if (log->midLine)
        log->held[log->used++] = '\n';
    if (lines > 0)
        tellLoss(log, error);
}

static void
consume(AccessLog *log, size_t len)
{
    log->midLine = log->held[len - 1] != '\n';
    log->used -= len;
    memmove(log->held, log->held + len, log->used);
}

/* Whoever reads now has not read the begin of the line: its rest is lost. */
static void
dropRest(AccessLog *log)
{
    const char *lf = log->midLine ? memchr(log->held, '\n', log->used) : NULL;

    log->midLine = false;
    if (lf == NULL)
        return;
    log->lost++;
    log->used -= (size_t)(lf + 1 - log->held);
    memmove(log->held, lf + 1, log->used);
}

/* What stays held because the reader is slow is tried again later. */
static void
writeHeld(AccessLog *log)
{
    while (log->used > 0) {
        ssize_t n = logPlaceWrite(log->place, log->held, log->used);

        if (n > 0) {
            consume(log, (size_t)n);
        } else if (n == -ECONNRESET) {
            dropRest(log);
        } else if (n == 0 || n == -EAGAIN) {
            return;
        } else {
            dropHeld(log, (int)-n);
            return;
        }
    }
    tellRecovery(log);
}

static void
onFlushTime(void *data)
{
    AccessLog *log = data;

    CHECK_OBJ(log, ACCESS_LOG_MAGIC);
    log->timer = NULL;
    accessLogFlush(log);
}

static void
armTimer(AccessLog *log)
{
    if (!log->timer)
        log->timer = commTimerAdd(FLUSH_MS, onFlushTime, log);
}

void
accessLogFlush(AccessLog *log)
{
    if (!log)
        return;
    CHECK_OBJ(log, ACCESS_LOG_MAGIC);
    if (log->daemon != NULL) {
        logDaemonFlush(log->daemon);
        return;
    }
    writeHeld(log);
    if (log->used > 0)
        armTimer(log);
    else
        commTimerCancel(&log->timer);
}

void
accessLogClose(AccessLog **logp)
{
    AccessLog *log = *logp;

    *logp = NULL;
    if (!log)
        return;
    CHECK_OBJ(log, ACCESS_LOG_MAGIC);
    logDaemonStop(&log->daemon);
    if (log->place != NULL)
        writeHeld(log);
    if (log->used > 0)
        dropHeld(log, logPlaceWhy(log->place));
    commTimerCancel(&log->timer);
    logPlaceClose(&log->place);
    free(log->path);
    CHECK_OBJ_CLEAR(log);
    free(log);
}

int
accessLogReopen(AccessLog *log, unsigned keep)
{
    CHECK_OBJ(log, ACCESS_LOG_MAGIC);
    if (log->daemon != NULL) {
        logDaemonRotate(log->daemon);
        return 0;
    }
    accessLogFlush(log);
    int rc = logPlaceReopen(log->place, keep);
    if (rc == 0 && logPlaceIsFile(log->path))
        log->midLine = false;
    return rc;
}

void
accessLogGetStats(const AccessLog *log, AccessLogStats *out)
{
    LogDaemonStats stats = {.lost = log->lost};
    const char *type = "daemon";

    CHECK_OBJ(log, ACCESS_LOG_MAGIC);
    if (log->daemon != NULL)
        logDaemonGetStats(log->daemon, &stats);
    else
        type = logPlaceType(log->place);
    *out = (AccessLogStats){.path = log->path,
                            .type = type,
                            .lines = log->lines,
                            .lost = stats.lost,
                            .restarts = stats.restarts,
                            .queued = stats.queued};
}

uint64_t
accessLogLost(const AccessLog *log)
{
    AccessLogStats stats;

    accessLogGetStats(log, &stats);
    return stats.lost;
}

static char *
putText(char *to, const char *text)
{
    size_t len = strlen(text);

    memcpy(to, text, len);
    return to + len;
}

/* The digits of value, at least width of them, with pad before. */
static char *
putNumber(char *to, uint64_t value, int width, char pad)
{
    char digits[20];
    int count = 0;

    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    for (int i = count; i < width; i++)
        *to++ = pad;
    while (count > 0)
        *to++ = digits[--count];
    return to;
}

/* What would end a field, or harm a terminal. */
static bool
needsEscape(unsigned char c)
{
    return c <= 0x20 || c >= 0x7f;
}

static char *
putEscaped(char *to, const char *text, size_t len)
{
    static const char hex[] = "0123456789ABCDEF";

    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if (!needsEscape(c)) {
            *to++ = (char)c;
            continue;
        }
        *to++ = '%';
        *to++ = hex[c >> 4];
        *to++ = hex[c & 15];
    }
    return to;
}

static char *
putField(char *to, const char *text, size_t len, size_t max)
{
    if (!text || len == 0)
        *to++ = '-';
    else
        to = putEscaped(to, text, len < max ? len : max);
    return to;
}

/* As Squid writes them: the percent sign is escaped, too, so that each name
 * has a text of its own. */
static char *
putUser(char *to, const char *text)
{
    size_t len = text ? strnlen(text, TEXT_MAX) : 0;

    if (len == 0)
        *to++ = '-';
    for (size_t i = 0; i < len; i++)
        to = text[i] == '%' ? (char *)mempcpy(to, "%25", 3)
                            : putEscaped(to, text + i, 1);
    return to;
}

static char *
putString(char *to, const char *text)
{
    return putField(to, text, text ? strnlen(text, TEXT_MAX) : 0, TEXT_MAX);
}

/* The seconds change rarely, so that their text is kept. */
static char *
putTime(AccessLog *log, char *to, int64_t wallUs)
{
    int64_t second = wallUs / 1000000;

    if (second != log->second) {
        log->second = second;
        log->secondLen =
            (size_t)(putNumber(log->secondText, (uint64_t)second, 0, ' ') -
                     log->secondText);
    }
    memcpy(to, log->secondText, log->secondLen);
    to += log->secondLen;
    *to++ = '.';
    return putNumber(to, (uint64_t)(wallUs / 1000 % 1000), 3, '0');
}

static char *
putV4(char *to, const unsigned char *octets)
{
    for (int i = 0; i < 4; i++) {
        if (i > 0)
            *to++ = '.';
        to = putNumber(to, octets[i], 0, ' ');
    }
    return to;
}

static char *
putV6(char *to, const struct in6_addr *addr)
{
    char text[INET6_ADDRSTRLEN];

    if (IN6_IS_ADDR_V4MAPPED(addr))
        return putV4(to, addr->s6_addr + 12);
    if (!inet_ntop(AF_INET6, addr, text, sizeof(text)))
        return putText(to, "-");
    return putText(to, text);
}

static char *
putClient(char *to, const struct sockaddr *client)
{
    const void *any = client;

    if (client && client->sa_family == AF_INET) {
        const struct sockaddr_in *in = any;
        const void *octets = &in->sin_addr;
        return putV4(to, octets);
    }
    if (client && client->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = any;
        return putV6(to, &in6->sin6_addr);
    }
    return putText(to, "-");
}

static char *
putUrl(char *to, const AccessEntry *entry)
{
    size_t len = entry->url ? entry->urlLen : 0;
    const char *mark =
        len > 0 && entry->stripQuery ? memchr(entry->url, '?', len) : NULL;

    if (mark)
        len = (size_t)(mark - entry->url) + 1;
    return putField(to, entry->url, len, URL_MAX);
}

static char *
putContentType(char *to, const AccessEntry *entry)
{
    const char *type = entry->contentType;
    size_t len = 0;

    while (type && len < entry->contentTypeLen && type[len] != ';' &&
           type[len] != ' ' && type[len] != '\t')
        len++;
    return putField(to, type, len, TEXT_MAX);
}

static char *
putEntry(AccessLog *log, char *to, const AccessEntry *entry)
{
    int64_t ms = entry->elapsedUs > 0 ? entry->elapsedUs / 1000 : 0;
    int status = entry->status > 0 ? entry->status : 0;

    to = putTime(log, to, entry->wallUs);
    *to++ = ' ';
    to = putNumber(to, (uint64_t)ms, ELAPSED_WIDTH, ' ');
    *to++ = ' ';
    to = putClient(to, entry->client);
    *to++ = ' ';
    to = putText(to, resultNames[entry->result]);
    to = putText(to, endNames[entry->end]);
    *to++ = '/';
    to = putNumber(to, (uint64_t)status, 3, '0');
    *to++ = ' ';
    to = putNumber(to, entry->size, 0, ' ');
    *to++ = ' ';
    to = putString(to, entry->method);
    *to++ = ' ';
    to = putUrl(to, entry);
    *to++ = ' ';
    to = putUser(to, entry->user);
    *to++ = ' ';
    to = putText(to, hierarchyNames[entry->hierarchy]);
    *to++ = '/';
    to = putString(to, entry->peer);
    *to++ = ' ';
    to = putContentType(to, entry);
    *to++ = '\n';
    return to;
}

/* Make room for a line. False: it is lost. */
static bool
makeRoom(AccessLog *log, size_t len)
{
    if (log->used + len > HELD_MAX)
        accessLogFlush(log);
    if (log->used + len <= HELD_MAX)
        return true;
    log->lost++;
    tellLoss(log, logPlaceWhy(log->place));
    return false;
}

static size_t
roomFor(const AccessEntry *entry)
{
    size_t urlLen = entry->urlLen < URL_MAX ? entry->urlLen : URL_MAX;

    return LINE_ROOM + 3 * urlLen;
}

void
accessLogAdd(AccessLog *log, const AccessEntry *entry)
{
    char *end;

    if (!log)
        return;
    CHECK_OBJ(log, ACCESS_LOG_MAGIC);
    log->lines++;
    CHECK(entry->result < ACCESS_RESULT_COUNT && entry->end < ACCESS_END_COUNT);
    CHECK(entry->hierarchy < ACCESS_HIER_COUNT);
    if (log->daemon != NULL) {
        end = putEntry(log, log->held, entry);
        logDaemonAdd(log->daemon, log->held, (size_t)(end - log->held));
        return;
    }
    if (!makeRoom(log, roomFor(entry)))
        return;
    end = putEntry(log, log->held + log->used, entry);
    log->used = (size_t)(end - log->held);
    armTimer(log);
}

void
accessLogAddLine(AccessLog *log, const char *text, size_t len)
{
    char *to;

    if (!log)
        return;
    CHECK_OBJ(log, ACCESS_LOG_MAGIC);
    log->lines++;
    if (len > ACCESS_LOG_LINE_MAX)
        len = ACCESS_LOG_LINE_MAX;
    if (log->daemon == NULL && !makeRoom(log, len + 1))
        return;
    to = mempcpy(log->held + log->used, text, len);
    *to++ = '\n';
    if (log->daemon != NULL) {
        logDaemonAdd(log->daemon, log->held, len + 1);
        return;
    }
    log->used += len + 1;
    armTimer(log);
}
