/* Requests that wait for what another one fetches. DEBUG: section 17 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "debug.h"
#include "proxy_fetch_priv.h"
#include "xalloc.h"

/* What takes longer is not waited for. */
#define PATIENCE_MS 5000

/* So long nobody waits for what could not be shared; else all who ask for the
 * same slow page would get it twice as late. */
#define UNSHARED_SEC 60

static ListNode *
bucketOf(const Proxy *proxy, const CacheKey *key)
{
    unsigned index = (unsigned)key->digest[0] << 8 | key->digest[1];

    return &proxy->flights[index % PROXY_FLIGHT_BUCKETS];
}

static uint64_t
partOf(const CacheKey *key)
{
    uint64_t part;

    memcpy(&part, key->digest, sizeof(part));
    return part;
}

void
proxyFlightNote(ProxyFetch *fetch, bool isShared)
{
    uint64_t part = partOf(&fetch->key);

    fetch->proxy->unshared[part % PROXY_UNSHARED_SLOTS] = (ProxyUnshared){
        .part = part, .until = isShared ? 0 : proxyNowSec() + UNSHARED_SEC};
}

bool
proxyFlightIsShared(const Proxy *proxy, const CacheKey *key)
{
    uint64_t part = partOf(key);
    const ProxyUnshared *slot = &proxy->unshared[part % PROXY_UNSHARED_SLOTS];

    return slot->part != part || slot->until <= proxyNowSec();
}

void
proxyFlightInit(Proxy *proxy)
{
    proxy->flights = xcalloc(PROXY_FLIGHT_BUCKETS, sizeof(*proxy->flights));
    for (unsigned i = 0; i < PROXY_FLIGHT_BUCKETS; i++)
        listInit(&proxy->flights[i]);
}

void
proxyFlightFini(Proxy *proxy)
{
    free(proxy->flights);
    proxy->flights = NULL;
}

ProxyFetch *
proxyFlightLookup(const Proxy *proxy, const CacheKey *key)
{
    ListNode *it, *tmp;

    LIST_FOREACH(bucketOf(proxy, key), it, tmp) {
        ProxyFetch *fetch = LIST_OBJ(it, ProxyFetch, flight);

        if (cacheKeyEqual(&fetch->key, key))
            return fetch;
    }
    return NULL;
}

void
proxyFlightAdd(ProxyFetch *fetch)
{
    CHECK_OBJ(fetch, PROXY_FETCH_MAGIC);
    if (proxyFlightLookup(fetch->proxy, &fetch->key) == NULL)
        listPushFront(bucketOf(fetch->proxy, &fetch->key), &fetch->flight);
}

static void
onImpatience(void *data)
{
    ProxyFetch *fetch = data;

    CHECK_OBJ(fetch, PROXY_FETCH_MAGIC);
    fetch->patience = NULL;
    proxyFlightEnd(fetch);
}

/* libcurl may be on the stack: nobody can go on before it is not. */
static void
releaseWaiters(ProxyFetch *fetch)
{
    ListNode *node;

    commTimerCancel(&fetch->patience);
    while ((node = listFirst(&fetch->waiters)) != NULL) {
        ProxyRequest *request = LIST_OBJ(node, ProxyRequest, waiting);

        listRemove(node);
        request->leader = NULL;
        commDefer(&request->released);
    }
}

void
proxyFlightHead(ProxyFetch *fetch)
{
    CHECK_OBJ(fetch, PROXY_FETCH_MAGIC);
    if (listIsEmpty(&fetch->flight))
        return;
    if (fetch->writer == NULL)
        fetch->isShared = false;
    proxyFlightNote(fetch, fetch->isShared);
    if (fetch->isShared)
        releaseWaiters(fetch); /* to follow */
    else
        proxyFlightEnd(fetch);
}

bool
proxyFlightHasHead(const ProxyFetch *fetch)
{
    CHECK_OBJ(fetch, PROXY_FETCH_MAGIC);
    return fetch->writer != NULL;
}

void
proxyFlightForget(const Proxy *proxy, const CacheKey *key)
{
    ProxyFetch *fetch = proxyFlightLookup(proxy, key);

    if (fetch != NULL)
        listRemove(&fetch->flight);
}

static void
onReleased(void *data)
{
    ProxyRequest *request = data;

    CHECK_OBJ(request, PROXY_REQUEST_MAGIC);
    proxyCacheResume(request);
}

void
proxyFlightJoin(ProxyFetch *fetch, ProxyRequest *request)
{
    CHECK_OBJ(fetch, PROXY_FETCH_MAGIC);
    proxyClientSetState(request->client, PROXY_CLIENT_FETCH,
                        "another one has asked");
    commDeferInit(&request->released, onReleased, request);
    request->leader = fetch;
    listPushBack(&fetch->waiters, &request->waiting);
    if (fetch->patience == NULL)
        fetch->patience = commTimerAdd(PATIENCE_MS, onImpatience, fetch);
}

void
proxyFlightLeave(ProxyRequest *request)
{
    ProxyFetch *leader = request->leader;

    listRemove(&request->waiting);
    commDeferCancel(&request->released);
    request->leader = NULL;
    if (leader != NULL)
        proxyFetchMind(leader);
}

void
proxyFlightEnd(ProxyFetch *fetch)
{
    CHECK_OBJ(fetch, PROXY_FETCH_MAGIC);
    listRemove(&fetch->flight);
    releaseWaiters(fetch);
}
