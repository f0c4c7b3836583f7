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
                                   .rotate = (unsigned)config->logfileRotate,
                                   .isBuffered = config->bufferedLogs};
    return line->isDaemon && config->logfileDaemon != NULL;
}

/* An open log of that line, which is in isKept from now on, or NULL. */
static AccessLog *
keepLog(const Proxy *proxy, const char *path, const LogDaemonConfig *daemon,
        bool *isKept)
{
    for (size_t i = 0; i < proxy->logCount; i++) {
        if (isKept[i] || !accessLogIsSame(proxy->logs[i], path, daemon))
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

int
proxyLogsReopen(Proxy *proxy, ProxyComplainCb *complain, void *data)
{
    int failure = 0;

    for (size_t i = 0; i < proxy->logCount; i++) {
        const ConfigAccessLog *line = &proxy->config->accessLogs[i];
        int rc = accessLogReopen(proxy->logs[i]);

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
    CHECK_OBJ(proxy, PROXY_MAGIC);
    for (size_t i = 0; i < proxy->logCount && i < room; i++)
        accessLogGetStats(proxy->logs[i], &out[i]);
    return proxy->logCount;
}
