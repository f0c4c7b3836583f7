/* The proxy as a whole: start, reconfiguration and stop. DEBUG: 1 */
#include "proxy.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "build_config.h"
#include "cache_lmdb.h"
#include "check.h"
#include "debug.h"
#include "fd.h"
#include "proxy_priv.h"
#include "xalloc.h"

#define STOP_POLL_MS 20
#define HELPER_DRAIN_MS 5000

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

static void
takeConfig(Proxy *proxy, Config *config)
{
    configUnref(&proxy->config);
    proxy->config = configRef(config);
    free(proxy->via);
    proxy->program =
        config->suppressVersion ? "squire" : "squire/" PACKAGE_VERSION;
    const char *name = config->uniqueHostname != NULL
                           ? config->uniqueHostname
                           : config->visibleHostname;
    proxy->via = xasprintf("%s (%s)", name, proxy->program);
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
    listInit(&proxy->h2Sessions);
    listInit(&proxy->idleClients);
    listInit(&proxy->fetches);
    proxyFlightInit(proxy);
    listInit(&proxy->spare);
    proxy->stats.startedUs = commNowUs();
    proxy->askers = askerSetCreate();
    proxy->userAddrs = userAddrSetCreate();
    takeConfig(proxy, config);
    proxy->store = cacheStoreMemCreate(&cache);
    if (proxyPortsOpen(proxy, config, complain, data) < 0)
        proxyDestroy(&proxy);
    return proxy;
}

/* Opened by whom the proxy has become; without it there is the memory. */
static void
openDisk(Proxy *proxy, const Config *config)
{
    const CacheLmdbConfig disk = {
        .path = config->cacheDir.path,
        .bytesMax = (uint64_t)config->cacheDir.bytes,
        .objectMax = (uint64_t)config->maximumObjectSize,
    };

    if (disk.path == NULL)
        return;
    proxy->disk = cacheLmdbCreate(&disk);
    if (proxy->disk != NULL)
        proxy->store = cacheStoreTierCreate(proxy->store, proxy->disk);
}

static bool
hasOtherDisk(const Config *a, const Config *b)
{
    const char *left = a->cacheDir.path, *right = b->cacheDir.path;

    return a->cacheDir.bytes != b->cacheDir.bytes ||
           (left == NULL) != (right == NULL) ||
           (left != NULL && strcmp(left, right) != 0) ||
           (left != NULL && a->maximumObjectSize != b->maximumObjectSize);
}

int
proxyStart(Proxy *proxy, ProxyComplainCb *complain, void *data)
{
    CHECK_OBJ(proxy, PROXY_MAGIC);
    int rc = proxyLogsOpen(proxy, proxy->config, complain, data);
    if (rc < 0)
        return rc;
    openDisk(proxy, proxy->config);
    proxyPortsSettle(proxy, proxy->config);
    takeRoutes(proxy, proxy->config);
    rc = askerSetConfigure(proxy->askers, proxy->config, 0);
    proxy->auth = authCreate(proxy->config, AUTH_USE_PROXY);
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

/* All ports and logs of config, or none: what was opened in vain is closed,
 * what was closed to make room for it is opened. 0 or -errno. */
static int
openPlaces(Proxy *proxy, const Config *config, ProxyComplainCb *complain,
           void *data)
{
    int rc = proxyPortsOpen(proxy, config, complain, data);

    if (rc == 0)
        rc = proxyLogsOpen(proxy, config, complain, data);
    if (rc == 0) {
        proxyPortsSettle(proxy, config);
        return 0;
    }
    proxyPortsSettle(proxy, proxy->config);
    if (proxyPortsOpen(proxy, proxy->config, complain, data) == 0)
        proxyPortsSettle(proxy, proxy->config);
    return rc;
}

int
proxyReconfigure(Proxy *proxy, Config *config, ProxyComplainCb *complain,
                 void *data)
{
    CHECK_OBJ(proxy, PROXY_MAGIC);
    if (proxy->isStopping)
        return -ESHUTDOWN;
    int rc = openPlaces(proxy, config, complain, data);
    if (rc < 0)
        return rc;
    if (config->cacheMem != proxy->config->cacheMem ||
        config->maximumObjectSizeInMemory !=
            proxy->config->maximumObjectSizeInMemory)
        debug(DBG_MAIN, 1, "the cache's size changes with the next start");
    if (hasOtherDisk(config, proxy->config))
        debug(DBG_MAIN, 1, "cache_dir changes with the next start");
    freeSpare(proxy); /* their parsers have the old limits */
    takeConfig(proxy, config);
    takeRoutes(proxy, config);
    if (askerSetConfigure(proxy->askers, config,
                          (int)config->shutdownLifetimeMs) < 0)
        complain("cannot make the pools of all helpers", data);
    if (proxy->auth != NULL)
        authReconfigure(proxy->auth, config);
    return 0;
}

int
proxyRotate(Proxy *proxy, ProxyComplainCb *complain, void *data)
{
    CHECK_OBJ(proxy, PROXY_MAGIC);
    int rc = proxyLogsReopen(proxy, complain, data);
    int drainMs = (int)proxy->config->shutdownLifetimeMs;
    askerSetRotate(proxy->askers, proxy->config, drainMs);
    if (proxy->auth != NULL)
        authRotate(proxy->auth, drainMs);
    return rc;
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
    proxyH2Drain(proxy);
    if (isLate)
        proxyH2Close(proxy);
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
    CHECK_OBJ(proxy, PROXY_MAGIC);
    if (proxy->isStopping)
        return;
    proxy->isStopping = true;
    proxy->stopAtUs = commNowUs() + lifetimeMs * 1000;
    proxyPortsClose(proxy);
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
    proxyH2Close(proxy);
    closeClients(proxy, true);
    cancelFetches(proxy);
    pingerDestroy(&proxy->pinger);
    peerSetDestroy(&proxy->peers);
    askerSetDestroy(&proxy->askers);
    userAddrSetDestroy(&proxy->userAddrs);
    authDestroy(&proxy->auth);
    proxyPortsDestroy(proxy);
    freeSpare(proxy);
    proxyFlightFini(proxy);
    proxyLogsClose(proxy);
    logDaemonFini();
    cacheStoreDestroy(&proxy->store);
    configUnref(&proxy->config);
    free(proxy->via);
    free(proxy->firstAddress);
    CHECK_OBJ_CLEAR(proxy);
    free(proxy);
}

/* Over the results that isCounted holds for. */
static uint64_t
sumOfResults(const ProxyStats *stats, bool (*isCounted)(AccessResult))
{
    uint64_t sum = 0;

    for (AccessResult i = 0; i < ACCESS_RESULT_COUNT; i++)
        if (isCounted(i))
            sum += stats->byResult[i];
    return sum;
}

uint64_t
proxyStatsHits(const ProxyStats *stats)
{
    return sumOfResults(stats, accessResultIsHit);
}

uint64_t
proxyStatsLookups(const ProxyStats *stats)
{
    return sumOfResults(stats, accessResultIsLookup);
}

void
proxyStatsGet(const Proxy *proxy, ProxyStats *statsOut)
{
    CHECK_OBJ(proxy, PROXY_MAGIC);
    *statsOut = proxy->stats;
    statsOut->origins = originActive();
    statsOut->tlsFailures += proxyPortsTlsFailures(proxy);
    statsOut->isStopping = proxy->isStopping;
    cacheStoreStats(proxy->store, &statsOut->cache);
    statsOut->disk = (CacheStoreStats){0};
    if (proxy->disk != NULL)
        cacheStoreStats(proxy->disk, &statsOut->disk);
}

const HelperHistogram *
proxyLatency(const Proxy *proxy)
{
    CHECK_OBJ(proxy, PROXY_MAGIC);
    return &proxy->latencyUs;
}

CacheStore *
proxyStore(const Proxy *proxy)
{
    CHECK_OBJ(proxy, PROXY_MAGIC);
    return proxy->store;
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

const char *
proxyFirstAddress(const Proxy *proxy)
{
    CHECK_OBJ(proxy, PROXY_MAGIC);
    return proxy->firstAddress;
}
