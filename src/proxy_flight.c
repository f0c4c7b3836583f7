/* Requests that wait for what another one fetches. DEBUG: section 17 */
#include "check.h"
#include "debug.h"
#include "proxy_fetch_priv.h"

/* A body that takes longer is not waited for. */
#define PATIENCE_MS 2000

static ListNode *
bucketOf(Proxy *proxy, const CacheKey *key)
{
    unsigned index = (unsigned)key->digest[0] << 8 | key->digest[1];

    return &proxy->flights[index % PROXY_FLIGHT_BUCKETS];
}

void
proxyFlightInit(Proxy *proxy)
{
    for (unsigned i = 0; i < PROXY_FLIGHT_BUCKETS; i++)
        listInit(&proxy->flights[i]);
}

ProxyFetch *
proxyFlightLookup(Proxy *proxy, const CacheKey *key)
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

static void
limitPatience(ProxyFetch *fetch)
{
    if (fetch->hasHead && fetch->patience == NULL &&
        !listIsEmpty(&fetch->waiters))
        fetch->patience = commTimerAdd(PATIENCE_MS, onImpatience, fetch);
}

void
proxyFlightHead(ProxyFetch *fetch)
{
    CHECK_OBJ(fetch, PROXY_FETCH_MAGIC);
    if (fetch->writer == NULL)
        proxyFlightEnd(fetch);
    else
        limitPatience(fetch);
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
    listPushBack(&fetch->waiters, &request->waiting);
    limitPatience(fetch);
}

void
proxyFlightLeave(ProxyRequest *request)
{
    listRemove(&request->waiting);
    commDeferCancel(&request->released);
}

/* libcurl may be on the stack: nobody can go on before it is not. */
void
proxyFlightEnd(ProxyFetch *fetch)
{
    ListNode *node;

    CHECK_OBJ(fetch, PROXY_FETCH_MAGIC);
    commTimerCancel(&fetch->patience);
    listRemove(&fetch->flight);
    while ((node = listFirst(&fetch->waiters)) != NULL) {
        listRemove(node);
        commDefer(&LIST_OBJ(node, ProxyRequest, waiting)->released);
    }
}
