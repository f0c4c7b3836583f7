/* The access logs of the proxy. DEBUG: section 46 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "proxy_priv.h"
#include "xalloc.h"

/* What logfile_daemon is to do for a line; false: the line wants none. */
static bool
daemonOf(const Config *config, const ConfigAccessLog *line,
         LogDaemonConfig *daemonOut)
{
    *daemonOut = (LogDaemonConfig){.program = config->logfileDaemon,
                                   .path = line->path,
                                   .rotate = (unsigned)line->rotate,
                                   .isBuffered = config->bufferedLogs};
    return line->isDaemon && config->logfileDaemon != NULL;
}

/* An open log of that line, which is in isKept from now on, or NULL. */
static AccessLog *
keepLog(const Proxy *proxy, const char *path, const LogDaemonConfig *daemon,
        bool *isKept)
{
    for (size_t i = 0; i < proxy->logCount; i++) {
        if (isKept[i] || proxy->logs[i] == NULL ||
            !accessLogIsSame(proxy->logs[i], path, daemon))
            continue;
        isKept[i] = true;
        return proxy->logs[i];
    }
    return NULL;
}

/* NULL with errno. */
static AccessLog *
takeLog(const Proxy *proxy, const Config *config, const ConfigAccessLog *line,
        bool *isKept)
{
    LogDaemonConfig daemonConfig;
    const LogDaemonConfig *daemon =
        daemonOf(config, line, &daemonConfig) ? &daemonConfig : NULL;
    AccessLog *log = keepLog(proxy, line->path, daemon, isKept);

    if (log != NULL)
        return log;
    return daemon != NULL ? accessLogOpenDaemon(daemon)
                          : accessLogOpen(line->path);
}

static bool
isInUse(const Proxy *proxy, const AccessLog *log)
{
    for (size_t i = 0; i < proxy->logCount; i++)
        if (proxy->logs[i] == log)
            return true;
    return false;
}

/* Some could not be opened: the others are closed again. */
static void
dropLogs(const Proxy *proxy, AccessLog **logs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!isInUse(proxy, logs[i]))
            accessLogClose(&logs[i]);
    free(logs);
}

/* logs instead of those that there are. */
static void
changeLogs(Proxy *proxy, AccessLog **logs, size_t count, const bool *isKept)
{
    for (size_t i = 0; i < proxy->logCount; i++)
        if (!isKept[i])
            accessLogClose(&proxy->logs[i]);
    free(proxy->logs);
    proxy->logs = logs;
    proxy->logCount = count;
}

int
proxyLogsOpen(Proxy *proxy, const Config *config, ProxyComplainCb *complain,
              void *data)
{
    size_t count = config->accessLogCount;
    AccessLog **logs = xcalloc(count + 1, sizeof(*logs));
    bool *isKept = xcalloc(proxy->logCount + 1, sizeof(*isKept));
    int failure = 0;

    for (size_t i = 0; i < count; i++) {
        const ConfigAccessLog *line = &config->accessLogs[i];

        if (line->path == NULL)
            continue;
        logs[i] = takeLog(proxy, config, line, isKept);
        if (logs[i] != NULL)
            continue;
        failure = -errno;
        char *text = xasprintf("%s: access_log %s: %s", line->where, line->path,
                               strerror(-failure));
        complain(text, data);
        free(text);
    }
    if (failure < 0)
        dropLogs(proxy, logs, count);
    else
        changeLogs(proxy, logs, count, isKept);
    free(isKept);
    return failure;
}

/* True when one before the one at index goes to the same place: it is
 * shifted once. */
static bool
isShifted(const Proxy *proxy, size_t index)
{
    const ConfigAccessLog *lines = proxy->config->accessLogs;

    for (size_t i = 0; i < index; i++)
        if (proxy->logs[i] != NULL && proxy->logs[index] != NULL &&
            strcmp(lines[i].path, lines[index].path) == 0)
            return true;
    return false;
}

int
proxyLogsReopen(Proxy *proxy, ProxyComplainCb *complain, void *data)
{
    int failure = 0;

    for (size_t i = 0; i < proxy->logCount; i++) {
        const ConfigAccessLog *line = &proxy->config->accessLogs[i];
        unsigned shift = isShifted(proxy, i) ? 0 : (unsigned)line->rotate;
        int rc = proxy->logs[i] != NULL
                     ? accessLogReopen(proxy->logs[i], shift)
                     : 0;

        if (rc == 0)
            continue;
        char *text = xasprintf("%s: access_log %s: %s", line->where, line->path,
                               strerror(-rc));
        complain(text, data);
        free(text);
        failure = rc;
    }
    return failure;
}

void
proxyLogsClose(Proxy *proxy)
{
    for (size_t i = 0; i < proxy->logCount; i++)
        accessLogClose(&proxy->logs[i]);
    free(proxy->logs);
    proxy->logs = NULL;
    proxy->logCount = 0;
}

size_t
proxyLogStats(const Proxy *proxy, AccessLogStats *out, size_t room)
{
    size_t count = 0;

    CHECK_OBJ(proxy, PROXY_MAGIC);
    for (size_t i = 0; i < proxy->logCount; i++) {
        if (proxy->logs[i] == NULL)
            continue;
        if (count < room)
            accessLogGetStats(proxy->logs[i], &out[count]);
        count++;
    }
    return count;
}

/* Whose name the log shows: a 407 has that of credentials which were not good
 * enough. */
static const char *
userOf(const ProxyRequest *request)
{
    const char *user = aclFactsUser(&request->facts);

    return user != NULL || request->reply.status != 407 ? user
                                                        : request->auth.claimed;
}

static AccessEntry
entryOf(const ProxyRequest *request, AccessEnd end)
{
    const ProxyReply *reply = &request->reply;

    return (AccessEntry){
        .wallUs = commWallUs(),
        .elapsedUs = commNowUs() - request->startUs,
        .client = proxyForwardedClient(request, true),
        .result = reply->result,
        .end = end,
        .status = reply->status,
        .size = reply->sent,
        .method = request->method,
        .url = request->urlText.data,
        .urlLen = request->urlText.len,
        .user = userOf(request),
        .stripQuery = request->config->stripQueryTerms,
        .hierarchy = reply->hierarchy,
        .peer = request->peer[0] != '\0' ? request->peer : NULL,
        .contentType =
            reply->contentType[0] != '\0' ? reply->contentType : NULL,
        .contentTypeLen = strlen(reply->contentType),
    };
}

static int64_t
sinceMs(const ProxyReply *reply, int64_t us)
{
    return us > 0 && reply->originEndUs >= us ? (reply->originEndUs - us) / 1000
                                              : -1;
}

static FormatLog
formatLogOf(const ProxyRequest *request, const AccessEntry *entry)
{
    const ProxyReply *reply = &request->reply;

    return (FormatLog){
        .wallUs = entry->wallUs,
        .elapsedUs = entry->elapsedUs,
        .number = request->proxy->stats.requests + 1,
        .result = accessResultName(reply->result),
        .end = accessEndName(entry->end),
        .hierarchy = accessHierarchyName(reply->hierarchy),
        .peer = entry->peer,
        .peerName = request->peerName[0] != '\0' ? request->peerName : NULL,
        .peerPort = request->peerPort,
        .ownAddr = request->ownAddr[0] != '\0' ? request->ownAddr : NULL,
        .ownPort = request->ownPort,
        .peerMs = sinceMs(reply, reply->askedUs),
        .peersMs = sinceMs(reply, reply->firstAskedUs),
        .minor = request->http->minor,
        .status = reply->status,
        .originStatus = reply->forwardStatus,
        .received = request->headOctets + request->body.octets,
        .receivedHead = request->headOctets,
        .sent = reply->sent,
        .originBody = reply->originOctets,
        .type = entry->contentType,
        .error = reply->error,
        .stripQuery = entry->stripQuery,
    };
}

static void
addFormatted(const ProxyRequest *request, AccessLog *log, const Format *format,
             const AccessEntry *entry)
{
    FormatLog facts = formatLogOf(request, entry);
    FormatInput input = proxyStepFacts(request);
    char line[ACCESS_LOG_LINE_MAX];

    input.client = entry->client;
    input.log = &facts;
    input.response = &request->replyHeaders;
    if (input.user == NULL && request->reply.status == 407)
        input.user = request->auth.claimed;
    accessLogAddLine(log, line,
                     formatExpandLog(format, &input, line, sizeof(line)));
}

static bool
isFor(const AclRules *rules, const ProxyRequest *request)
{
    AclInput input = proxyStepReplyInput(request, &request->replyHeaders);

    return aclRulesCheck(rules, &input) == ACL_ALLOW;
}

/* Lines have their rules in the order of the configuration. */
static void
addToLogs(const ProxyRequest *request, const AccessEntry *entry)
{
    const Proxy *proxy = request->proxy;

    for (size_t i = 0; i < proxy->logCount; i++) {
        const ConfigAccessLog *line = &proxy->config->accessLogs[i];

        if (line->rules != NULL && !isFor(line->rules, request))
            continue;
        if (line->path == NULL)
            return;
        if (line->format != NULL)
            addFormatted(request, proxy->logs[i], line->format, entry);
        else
            accessLogAdd(proxy->logs[i], entry);
    }
}

/* The loop's own time stands still while it works, and that is most of what a
 * hit takes. */
static void
countLatency(ProxyRequest *request, AccessEnd end)
{
    if (end == ACCESS_END_OK && request->reply.result != ACCESS_TUNNEL)
        helperHistogramAdd(&request->proxy->latencyUs,
                           commClockUs() - request->startUs);
}

static unsigned
classOf(int status)
{
    unsigned class = (unsigned)status / 100;

    return class < PROXY_STATUS_CLASSES ? class : 0;
}

static void
countOutcome(ProxyStats *stats, const ProxyRequest *request)
{
    const ProxyReply *reply = &request->reply;
    bool isFailed = reply->error != NULL && reply->status >= 500;

    stats->requests++;
    stats->byResult[reply->result]++;
    stats->byClass[classOf(reply->status)]++;
    stats->failed += isFailed;
    if (accessResultIsHit(reply->result))
        stats->hitOctets += reply->sent;
    if (reply->firstAskedUs == 0)
        return;
    stats->asked++;
    stats->originFailed += isFailed;
    stats->originIn += reply->originOctets;
    stats->originOut += request->headOctets + request->body.octets;
}

void
proxyRequestLog(ProxyRequest *request, AccessEnd end)
{
    Proxy *proxy = request->proxy;
    AccessEntry entry = entryOf(request, end);

    addToLogs(request, &entry);
    countOutcome(&proxy->stats, request);
    countLatency(request, end);
    if (end == ACCESS_END_ABORTED)
        proxy->stats.aborted++;
}
