/* The proxy as a whole: ports, logs, helpers, start and stop. DEBUG: 1 */
#include "proxy.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "check.h"
#include "debug.h"
#include "fd.h"
#include "proxy_priv.h"
#include "xalloc.h"

#define FDS_KEPT 16
#define STOP_POLL_MS 20
#define HELPER_DRAIN_MS 5000

static void
onConnection(Listener *listener, int fd, const ListenerPeer *peer, void *data)
{
    ProxyPort *port = data;

    (void)listener;
    CHECK_OBJ(port, PROXY_PORT_MAGIC);
    proxyClientAccept(port, fd, peer);
}

static void
noteListening(Proxy *proxy, const ProxyPort *port)
{
    struct sockaddr_storage addr;
    char text[ADDRESS_TEXT_MAX];

    listenerAddr(port->listener, &addr);
    addressFormatPort((const struct sockaddr *)&addr, text);
    debug(DBG_MAIN, 1, "accepting HTTP at %s", text);
    if (proxy->firstAddress == NULL)
        proxy->firstAddress = xstrdup(text);
}

/* Each client may need a second descriptor, for its origin; some are kept
 * for logs, helpers, pipes of tunnels and idle connections to origins. */
static unsigned
clientFdMax(void)
{
    size_t limit = fdLimit();
    size_t kept = FDS_KEPT + limit / 4;

    if (limit < kept + 2)
        return 1;
    return limit < UINT_MAX ? (unsigned)(limit - kept) / 2 : UINT_MAX;
}

/* 0 or -errno. */
static int
openPort(ProxyPort *port)
{
    ListenerConfig config;

    listenerConfigInit(&config);
    config.addr = port->addr;
    config.name = "http_port";
    config.fdMax = clientFdMax();
    config.firstByteMs = (int)port->proxy->config->requestTimeoutMs;
    config.ready = onConnection;
    config.data = port;
    port->listener = listenerCreate(&config);
    if (port->listener == NULL)
        return -errno;
    if (port->proxy->isStarted)
        noteListening(port->proxy, port);
    return 0;
}

static ProxyPort *
createPort(Proxy *proxy, const ConfigPort *config)
{
    ProxyPort *port = xcalloc(1, sizeof(*port));

    port->magic = PROXY_PORT_MAGIC;
    port->proxy = proxy;
    port->addr = xstrdup(config->addr);
    port->name = xstrdup(config->name);
    listPushBack(&proxy->ports, &port->node);
    return port;
}

static void
destroyPort(ProxyPort *port)
{
    listenerDestroy(&port->listener);
    listRemove(&port->node);
    free(port->addr);
    free(port->name);
    CHECK_OBJ_CLEAR(port);
    free(port);
}

static bool
isSamePort(const ProxyPort *port, const ConfigPort *config)
{
    return strcmp(port->addr, config->addr) == 0 &&
           strcmp(port->name, config->name) == 0;
}

/* The port of this configuration line; made when there never was one. */
static ProxyPort *
portFor(Proxy *proxy, const ConfigPort *config)
{
    ListNode *it, *tmp;

    LIST_FOREACH(&proxy->ports, it, tmp) {
        ProxyPort *port = LIST_OBJ(it, ProxyPort, node);

        if (isSamePort(port, config))
            return port;
    }
    return createPort(proxy, config);
}

static bool
isPortConfigured(const Config *config, const ProxyPort *port)
{
    for (size_t i = 0; i < config->httpPortCount; i++)
        if (isSamePort(port, &config->httpPorts[i]))
            return true;
    return false;
}

static void
closeRemovedPorts(Proxy *proxy)
{
    ListNode *it, *tmp;

    LIST_FOREACH(&proxy->ports, it, tmp) {
        ProxyPort *port = LIST_OBJ(it, ProxyPort, node);

        if (port->listener != NULL && !isPortConfigured(proxy->config, port))
            listenerDestroy(&port->listener);
    }
}

/* 0, or the last -errno; each failure is told. */
static int
openPorts(Proxy *proxy, ProxyComplainCb *complain, void *data)
{
    const Config *config = proxy->config;
    int failure = 0;

    for (size_t i = 0; i < config->httpPortCount; i++) {
        ProxyPort *port = portFor(proxy, &config->httpPorts[i]);
        int rc = port->listener != NULL ? 0 : openPort(port);
        if (rc == 0)
            continue;
        char *text = xasprintf("http_port %s: %s", port->addr, strerror(-rc));
        complain(text, data);
        free(text);
        failure = rc;
    }
    return failure;
}

/* The parents and the pinger that config asks for; what is the same stays. */
static void
takeRoutes(Proxy *proxy, const Config *config)
{
    bool isWanted = config->pingerEnable && config->pingerProgram != NULL;

    proxy->peers = peerSetCreate(config, proxy->peers);
    if (isWanted && pingerIsSame(proxy->pinger, config->pingerProgram))
        return;
    pingerDestroy(&proxy->pinger);
    if (isWanted)
        proxy->pinger = pingerCreate(config->pingerProgram);
}

/* The log of a line of the configuration: the one that is open, or a new
 * one; NULL with errno. */
static AccessLog *
takeLog(Proxy *proxy, const ConfigAccessLog *line)
{
    const Config *config = proxy->config;
    LogDaemonConfig daemonConfig = {.program = config->logfileDaemon,
                                    .path = line->path,
                                    .rotate = (unsigned)config->logfileRotate,
                                    .isBuffered = config->bufferedLogs};
    const LogDaemonConfig *daemon =
        line->isDaemon && config->logfileDaemon != NULL ? &daemonConfig : NULL;

    for (size_t i = 0; i < proxy->logCount; i++) {
        AccessLog *log = proxy->logs[i];

        if (log != NULL && accessLogIsSame(log, line->path, daemon)) {
            proxy->logs[i] = NULL;
            return log;
        }
    }
    return daemon != NULL ? accessLogOpenDaemon(daemon)
                          : accessLogOpen(line->path);
}

static void
closeLogs(Proxy *proxy)
{
    for (size_t i = 0; i < proxy->logCount; i++) {
        accessLogClose(&proxy->logs[i]);
        free(proxy->logPaths[i]);
    }
    free(proxy->logs);
    free(proxy->logPaths);
    proxy->logs = NULL;
    proxy->logPaths = NULL;
    proxy->logCount = 0;
}

/* Logs that stay configured stay open. 0, or the last -errno. */
static int
openLogs(Proxy *proxy, ProxyComplainCb *complain, void *data)
{
    const Config *config = proxy->config;
    size_t count = config->accessLogCount;
    AccessLog **logs = xcalloc(count + 1, sizeof(*logs));
    char **paths = xcalloc(count + 1, sizeof(*paths));
    int failure = 0;

    for (size_t i = 0; i < count; i++) {
        paths[i] = xstrdup(config->accessLogs[i].path);
        logs[i] = takeLog(proxy, &config->accessLogs[i]);
        if (logs[i] != NULL)
            continue;
        failure = -errno;
        char *text =
            xasprintf("access_log %s: %s", paths[i], strerror(-failure));
        complain(text, data);
        free(text);
    }
    closeLogs(proxy);
    proxy->logs = logs;
    proxy->logPaths = paths;
    proxy->logCount = count;
    return failure;
}

static void
takeConfig(Proxy *proxy, Config *config)
{
    configUnref(&proxy->config);
    proxy->config = configRef(config);
    free(proxy->via);
    proxy->via = xasprintf("%s (squire)", config->visibleHostname);
    proxyStatusFormat(config->visibleHostname, proxy->statusText);
    proxy->statusField = httpSliceText(proxy->statusText);
}

Proxy *
proxyCreate(Config *config, ProxyComplainCb *complain, void *data)
{
    Proxy *proxy = xcalloc(1, sizeof(*proxy));
    CacheMemConfig cache = {.bytesMax = (uint64_t)config->cacheMem,
                            .objectMax =
                                (uint64_t)config->maximumObjectSizeInMemory};

    proxy->magic = PROXY_MAGIC;
    listInit(&proxy->ports);
    listInit(&proxy->clients);
    listInit(&proxy->fetches);
    listInit(&proxy->spare);
    proxy->stats.startedUs = commNowUs();
    proxy->askers = askerSetCreate();
    takeConfig(proxy, config);
    proxy->store = cacheStoreMemCreate(&cache);
    if (openPorts(proxy, complain, data) < 0)
        proxyDestroy(&proxy);
    return proxy;
}

int
proxyStart(Proxy *proxy, ProxyComplainCb *complain, void *data)
{
    ListNode *it, *tmp;

    CHECK_OBJ(proxy, PROXY_MAGIC);
    int rc = openLogs(proxy, complain, data);
    if (rc < 0)
        return rc;
    LIST_FOREACH(&proxy->ports, it, tmp)
        noteListening(proxy, LIST_OBJ(it, ProxyPort, node));
    proxy->isStarted = true;
    takeRoutes(proxy, proxy->config);
    rc = askerSetConfigure(proxy->askers, proxy->config, 0);
    proxy->auth = authCreate(proxy->config);
    if (rc < 0)
        complain("cannot make the pools of all helpers", data);
    return rc;
}

static void
freeSpare(Proxy *proxy)
{
    ListNode *it;

    while ((it = listFirst(&proxy->spare)) != NULL) {
        listRemove(it);
        proxyRequestFree(LIST_OBJ(it, ProxyRequest, node));
    }
    proxy->spareCount = 0;
}

static void
logComplaint(const char *text, void *data)
{
    (void)data;
    debug(DBG_MAIN, 0, "%s", text);
}

void
proxyReconfigure(Proxy *proxy, Config *config)
{
    CHECK_OBJ(proxy, PROXY_MAGIC);
    if (proxy->isStopping)
        return;
    if (config->cacheMem != proxy->config->cacheMem ||
        config->maximumObjectSizeInMemory !=
            proxy->config->maximumObjectSizeInMemory)
        debug(DBG_MAIN, 1, "the cache's size changes with the next start");
    freeSpare(proxy); /* their parsers have the old limits */
    takeConfig(proxy, config);
    closeRemovedPorts(proxy);
    openPorts(proxy, logComplaint, NULL);
    openLogs(proxy, logComplaint, NULL);
    takeRoutes(proxy, config);
    askerSetConfigure(proxy->askers, config, (int)config->shutdownLifetimeMs);
    if (proxy->auth != NULL)
        authReconfigure(proxy->auth, config);
}

void
proxyRotate(Proxy *proxy)
{
    CHECK_OBJ(proxy, PROXY_MAGIC);
    for (size_t i = 0; i < proxy->logCount; i++) {
        int rc = proxy->logs[i] != NULL ? accessLogReopen(proxy->logs[i]) : 0;
        if (rc < 0)
            debug(DBG_MAIN, 0, "access_log %s: %s", proxy->logPaths[i],
                  strerror(-rc));
    }
    int drainMs = (int)proxy->config->shutdownLifetimeMs;
    askerSetRotate(proxy->askers, proxy->config, drainMs);
    if (proxy->auth != NULL)
        authRotate(proxy->auth, drainMs);
}

static void
closeClients(Proxy *proxy, bool isAll)
{
    ListNode *it, *tmp;

    LIST_FOREACH(&proxy->clients, it, tmp) {
        ProxyClient *client = LIST_OBJ(it, ProxyClient, node);

        if (isAll || client->state == PROXY_CLIENT_IDLE)
            proxyClientClose(client,
                             client->request != NULL ? ACCESS_END_ABORTED
                                                     : ACCESS_END_OK,
                             "shutting down");
    }
}

static void
cancelFetches(Proxy *proxy)
{
    ListNode *it;

    while ((it = listFirst(&proxy->fetches)) != NULL)
        proxyFetchCancel(proxyFetchOf(it));
}

static bool
areHelpersStopped(const Proxy *proxy)
{
    return askerSetIsStopped(proxy->askers) &&
           (proxy->auth == NULL || authIsStopped(proxy->auth));
}

static void
onStopPoll(void *data)
{
    Proxy *proxy = data;
    bool isLate = commNowUs() >= proxy->stopAtUs;

    CHECK_OBJ(proxy, PROXY_MAGIC);
    proxy->stopTimer = NULL;
    closeClients(proxy, isLate);
    if (listIsEmpty(&proxy->clients) && !proxy->isDraining) {
        proxy->isDraining = true;
        askerSetStop(proxy->askers, HELPER_DRAIN_MS);
        proxy->stopAtUs = commNowUs() + HELPER_DRAIN_MS * INT64_C(1000);
    }
    if (listIsEmpty(&proxy->clients) && proxy->auth != NULL)
        authStop(proxy->auth, HELPER_DRAIN_MS);
    if (listIsEmpty(&proxy->clients) && (isLate || areHelpersStopped(proxy))) {
        commLoopStop();
        return;
    }
    proxy->stopTimer = commTimerAdd(STOP_POLL_MS, onStopPoll, proxy);
}

void
proxyShutdown(Proxy *proxy, int64_t lifetimeMs)
{
    ListNode *it, *tmp;

    CHECK_OBJ(proxy, PROXY_MAGIC);
    if (proxy->isStopping)
        return;
    proxy->isStopping = true;
    proxy->stopAtUs = commNowUs() + lifetimeMs * 1000;
    LIST_FOREACH(&proxy->ports, it, tmp)
        listenerDestroy(&LIST_OBJ(it, ProxyPort, node)->listener);
    proxy->stopTimer = commTimerAdd(0, onStopPoll, proxy);
}

void
proxyDestroy(Proxy **proxyp)
{
    Proxy *proxy = *proxyp;

    if (proxy == NULL)
        return;
    CHECK_OBJ(proxy, PROXY_MAGIC);
    *proxyp = NULL;
    commTimerCancel(&proxy->stopTimer);
    closeClients(proxy, true);
    cancelFetches(proxy);
    pingerDestroy(&proxy->pinger);
    peerSetDestroy(&proxy->peers);
    askerSetDestroy(&proxy->askers);
    authDestroy(&proxy->auth);
    while (!listIsEmpty(&proxy->ports))
        destroyPort(LIST_OBJ(listFirst(&proxy->ports), ProxyPort, node));
    freeSpare(proxy);
    closeLogs(proxy);
    logDaemonFini();
    cacheStoreDestroy(&proxy->store);
    configUnref(&proxy->config);
    free(proxy->via);
    free(proxy->firstAddress);
    CHECK_OBJ_CLEAR(proxy);
    free(proxy);
}

void
proxyStatsGet(const Proxy *proxy, ProxyStats *statsOut)
{
    CHECK_OBJ(proxy, PROXY_MAGIC);
    *statsOut = proxy->stats;
    statsOut->origins = originActive();
    cacheStoreStats(proxy->store, &statsOut->cache);
}

const Pinger *
proxyPinger(const Proxy *proxy)
{
    CHECK_OBJ(proxy, PROXY_MAGIC);
    return proxy->pinger;
}

const PeerSet *
proxyPeers(const Proxy *proxy)
{
    CHECK_OBJ(proxy, PROXY_MAGIC);
    return proxy->peers;
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

const char *
proxyFirstAddress(const Proxy *proxy)
{
    CHECK_OBJ(proxy, PROXY_MAGIC);
    return proxy->firstAddress;
}
