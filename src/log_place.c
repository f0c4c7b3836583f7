/* log_place.c: files, sockets and the system's log. Debug section 50. */
#include "log_place.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <paths.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "comm.h"
#include "fd.h"
#include "log_shift.h"
#include "xalloc.h"

#define PLACE_MAGIC 0x104e91aeu
#define PACKET_MAX 1400 /* of udp: most nets carry it in one piece */
#define RETRY_US INT64_C(1000000)
#define HOST_MAX 255

typedef struct PlaceOps {
    const char *type;
    const char *prefix; /* of the text; NULL: a file */
    const char *(*check)(const char *rest);
    int (*prepare)(LogPlace *place, const char *rest); /* 0 or -errno */
    int (*open)(const LogPlace *place);                /* fd or -errno */
    ssize_t (*write)(LogPlace *place, const char *text, size_t len);
    bool isRetried;
} PlaceOps;

struct LogPlace {
    uint32_t magic;
    const PlaceOps *ops;
    char *text;
    int fd; /* -1: not open */
    int why;
    int64_t retryUs;
    bool isAnew; /* opened again, and nothing written yet */
    struct sockaddr_storage addr;
    socklen_t addrLen;
    int priority; /* of syslog */
};

/* HOST:PORT, [HOST]:PORT; false when it is none. */
static bool
splitHost(const char *text, char host[HOST_MAX + 1], const char **portOut)
{
    const char *colon = strrchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : 0;
    bool isBracketed = len > 2 && text[0] == '[' && text[len - 1] == ']';

    if (isBracketed) {
        text++;
        len -= 2;
    }
    if (len == 0 || len > HOST_MAX ||
        (!isBracketed && len != strcspn(text, ":[]")))
        return false;
    memcpy(host, text, len);
    host[len] = '\0';
    *portOut = colon + 1;
    return true;
}

static bool
isPort(const char *text)
{
    size_t len = strlen(text);

    return len > 0 && len <= 5 && strspn(text, "0123456789") == len &&
           strtol(text, NULL, 10) <= 65535 && strtol(text, NULL, 10) > 0;
}

static const char *
checkHost(const char *rest)
{
    char host[HOST_MAX + 1];
    const char *port;

    return splitHost(rest, host, &port) && isPort(port) ? NULL : "//HOST:PORT";
}

static int
findAddress(LogPlace *place, const char *rest)
{
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM}, *found;
    char host[HOST_MAX + 1];
    const char *port = NULL;

    if (!splitHost(rest, host, &port) ||
        getaddrinfo(host, port, &hints, &found) != 0)
        return -EHOSTUNREACH;
    memcpy(&place->addr, found->ai_addr, found->ai_addrlen);
    place->addrLen = found->ai_addrlen;
    freeaddrinfo(found);
    return 0;
}

/* fd or -errno. A connection may still be on its way. */
static int
openSocket(const LogPlace *place, int type)
{
    int fd = socket(place->addr.ss_family,
                    type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    fd = fdAboveStdio(fd);
    const struct sockaddr *addr = (const void *)&place->addr;
    if (fd < 0 || connect(fd, addr, place->addrLen) == 0 ||
        errno == EINPROGRESS)
        return fd;
    int rc = -errno;
    close(fd);
    return rc;
}

static int
openPacket(const LogPlace *place)
{
    return openSocket(place, SOCK_DGRAM);
}

static int
openStream(const LogPlace *place)
{
    return openSocket(place, SOCK_STREAM);
}

/* The lines at the begin of text that are together no longer than max, but
 * one at least. */
static size_t
wholeLines(const char *text, size_t len, size_t max)
{
    const char *end = NULL;

    if (len > max)
        end = memrchr(text, '\n', max);
    if (end == NULL)
        end = len > max ? memchr(text, '\n', len) : memrchr(text, '\n', len);
    return end != NULL ? (size_t)(end - text) + 1 : len;
}

static ssize_t
writeFile(LogPlace *place, const char *text, size_t len)
{
    ssize_t n = write(place->fd, text, len);

    return n >= 0 ? n : -errno;
}

/* The first octets after the other end was closed would be lost silently. */
static ssize_t
writeStream(LogPlace *place, const char *text, size_t len)
{
    char octet;
    ssize_t n = recv(place->fd, &octet, 1, MSG_PEEK | MSG_DONTWAIT);

    if (n == 0)
        return -EPIPE;
    if (n < 0 && errno != EAGAIN && errno != ENOTCONN)
        return -errno;
    n = send(place->fd, text, len, MSG_NOSIGNAL);
    return n >= 0 ? n : -errno;
}

static ssize_t
writePacket(LogPlace *place, const char *text, size_t len)
{
    size_t take = wholeLines(text, len, PACKET_MAX);
    ssize_t n = send(place->fd, text, take, MSG_NOSIGNAL);

    return n >= 0 ? (ssize_t)take : -errno;
}

/* syslog */

static const struct {
    const char *name;
    int code;
} facilities[] = {
    {"authpriv", LOG_AUTHPRIV}, {"auth", LOG_AUTH},     {"cron", LOG_CRON},
    {"daemon", LOG_DAEMON},     {"kern", LOG_KERN},     {"local0", LOG_LOCAL0},
    {"local1", LOG_LOCAL1},     {"local2", LOG_LOCAL2}, {"local3", LOG_LOCAL3},
    {"local4", LOG_LOCAL4},     {"local5", LOG_LOCAL5}, {"local6", LOG_LOCAL6},
    {"local7", LOG_LOCAL7},     {"lpr", LOG_LPR},       {"mail", LOG_MAIL},
    {"news", LOG_NEWS},         {"syslog", LOG_SYSLOG}, {"user", LOG_USER},
    {"uucp", LOG_UUCP},
}, priorities[] = {
    {"emerg", LOG_EMERG}, {"alert", LOG_ALERT},     {"crit", LOG_CRIT},
    {"err", LOG_ERR},     {"warning", LOG_WARNING}, {"notice", LOG_NOTICE},
    {"info", LOG_INFO},   {"debug", LOG_DEBUG},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ":FACILITY", ":FACILITY.PRIORITY", ":FACILITY|PRIORITY" or nothing. */
static bool
readPriority(const char *rest, int *codeOut)
{
    int facility = -1, priority = -1;

    if (*rest == '\0') {
        *codeOut = LOG_DAEMON | LOG_INFO;
        return true;
    }
    rest++;
    size_t len = strcspn(rest, ".|");
    const char *name = rest[len] != '\0' ? rest + len + 1 : "info";
    for (size_t i = 0; i < COUNT(facilities); i++)
        if (strlen(facilities[i].name) == len &&
            strncasecmp(facilities[i].name, rest, len) == 0)
            facility = facilities[i].code;
    for (size_t i = 0; i < COUNT(priorities); i++)
        if (strcasecmp(priorities[i].name, name) == 0)
            priority = priorities[i].code;
    if (facility < 0 || priority < 0)
        return false;
    *codeOut = facility | priority;
    return true;
}

static const char *
checkSyslog(const char *rest)
{
    int code;

    return readPriority(rest, &code)
               ? NULL
               : "FACILITY.PRIORITY, as daemon.info or local4.notice";
}

static int
prepareSyslog(LogPlace *place, const char *rest)
{
    return readPriority(rest, &place->priority) ? 0 : -EINVAL;
}

/* One line is one message. */
static ssize_t
writeMessage(LogPlace *place, const char *text, size_t len)
{
    const char *lf = memchr(text, '\n', len);
    size_t lineLen = lf != NULL ? (size_t)(lf - text) : len;
    char head[64];
    time_t now = (time_t)(commWallUs() / 1000000);
    struct tm when;
    size_t used;

    localtime_r(&now, &when);
    used = (size_t)snprintf(head, sizeof(head), "<%d>", place->priority);
    used += strftime(head + used, sizeof(head) - used, "%b %e %H:%M:%S", &when);
    used += (size_t)snprintf(head + used, sizeof(head) - used,
                             " squire[%d]: ", (int)getpid());
    struct iovec parts[] = {{head, used}, {(void *)(uintptr_t)text, lineLen}};
    const struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    ssize_t n = sendmsg(place->fd, &message, MSG_NOSIGNAL);
    return n >= 0 ? (ssize_t)(lineLen + (lf != NULL)) : -errno;
}

static int
openFile(const LogPlace *place)
{
    int fd = open(place->text,
                  O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0640);

    return fd < 0 ? -errno : fdAboveStdio(fd);
}

/* The last is for all other texts. */
static const PlaceOps kinds[] = {
    {"udp", "udp://", checkHost, findAddress, openPacket, writePacket, true},
    {"tcp", "tcp://", checkHost, findAddress, openStream, writeStream, true},
    {"syslog", "syslog", checkSyslog, prepareSyslog, openPacket, writeMessage,
     true},
    {"stdio", "", NULL, NULL, openFile, writeFile, false},
};

/* *restOut: what follows the prefix. */
static const PlaceOps *
kindOf(const char *text, const char **restOut)
{
    for (size_t i = 0;; i++) {
        size_t len = strlen(kinds[i].prefix);
        const char *rest = text + len;

        if (strncmp(text, kinds[i].prefix, len) != 0 ||
            (kinds[i].prepare == prepareSyslog && *rest != ':' && *rest))
            continue;
        *restOut = rest;
        return &kinds[i];
    }
}

const char *
logPlaceCheck(const char *text)
{
    const char *rest;
    const PlaceOps *ops = kindOf(text, &rest);

    if (ops->check != NULL)
        return ops->check(rest);
    return *text != '\0' ? NULL : "the name of a file";
}

bool
logPlaceIsFile(const char *text)
{
    const char *rest;

    return !kindOf(text, &rest)->isRetried;
}

static void
setSyslogAddress(LogPlace *place, const char *path)
{
    struct sockaddr_un *addr = (void *)&place->addr;

    addr->sun_family = AF_UNIX;
    snprintf(addr->sun_path, sizeof(addr->sun_path), "%s", path);
    place->addrLen = sizeof(*addr);
}

/* 0 or -errno. */
static int
openNow(LogPlace *place)
{
    int fd = place->ops->open(place);

    if (fd >= 0)
        place->fd = fd;
    else
        place->why = -fd;
    place->retryUs = commClockUs() + RETRY_US;
    return fd >= 0 || place->ops->isRetried ? 0 : fd;
}

LogPlace *
logPlaceOpen(const char *text, const char *syslog)
{
    LogPlace *place = xcalloc(1, sizeof(*place));
    const char *rest;
    int rc = 0;

    place->magic = PLACE_MAGIC;
    place->ops = kindOf(text, &rest);
    place->text = xstrdup(text);
    place->fd = -1;
    place->why = EAGAIN;
    setSyslogAddress(place, syslog != NULL ? syslog : _PATH_LOG);
    if (place->ops->prepare != NULL)
        rc = place->ops->prepare(place, rest);
    if (rc == 0)
        rc = openNow(place);
    if (rc == 0)
        return place;
    logPlaceClose(&place);
    errno = -rc;
    return NULL;
}

void
logPlaceClose(LogPlace **placep)
{
    LogPlace *place = *placep;

    *placep = NULL;
    if (place == NULL)
        return;
    CHECK_OBJ(place, PLACE_MAGIC);
    fdClosep(&place->fd);
    free(place->text);
    CHECK_OBJ_CLEAR(place);
    free(place);
}

int
logPlaceReopen(LogPlace *place, unsigned keep)
{
    CHECK_OBJ(place, PLACE_MAGIC);
    if (place->ops->isRetried)
        return 0;
    int rc = logShift(place->text, keep);
    if (rc < 0)
        return rc;
    int fd = place->ops->open(place);
    if (fd < 0)
        return fd;
    fdClosep(&place->fd);
    place->fd = fd;
    return 0;
}

const char *
logPlaceText(const LogPlace *place)
{
    CHECK_OBJ(place, PLACE_MAGIC);
    return place->text;
}

const char *
logPlaceType(const LogPlace *place)
{
    CHECK_OBJ(place, PLACE_MAGIC);
    return place->ops->type;
}

int
logPlaceWhy(const LogPlace *place)
{
    CHECK_OBJ(place, PLACE_MAGIC);
    return place->why;
}

/* False: not before some time is over. */
static bool
retry(LogPlace *place)
{
    if (commClockUs() < place->retryUs)
        return false;
    openNow(place);
    place->isAnew = place->fd >= 0;
    return place->isAnew;
}

ssize_t
logPlaceWrite(LogPlace *place, const char *text, size_t len)
{
    ssize_t n;

    CHECK_OBJ(place, PLACE_MAGIC);
    if (place->fd < 0 && !retry(place))
        return -EAGAIN;
    if (place->isAnew) {
        place->isAnew = false;
        return -ECONNRESET;
    }
    do
        n = place->ops->write(place, text, len);
    while (n == -EINTR);
    if (n >= 0 || n == -EAGAIN || n == -ENOBUFS || !place->ops->isRetried) {
        place->why = n >= 0 ? EAGAIN : (int)-n;
        return n == -ENOBUFS ? -EAGAIN : n;
    }
    place->why = (int)-n;
    fdClosep(&place->fd);
    place->retryUs = commClockUs() + RETRY_US;
    return -EAGAIN;
}
