/* Requests that read the answer to another one while it arrives. DEBUG: section
 * 17 */
#include "check.h"
#include "debug.h"
#include "proxy_fetch_priv.h"

/* So long those who read what is not stored any more may wait for the slowest
 * of them, who is cut off then. */
#define LAGGARD_MS 10000

static ProxyRequest *
requestOf(ListNode *node)
{
    return LIST_OBJ(node, ProxyRequest, waiting);
}

/* What is arriving, as its readers see it; borrowed. NULL: nothing that others
 * may read. */
static CacheObject *
arrivingOf(ProxyFetch *fetch)
{
    if (fetch->arriving == NULL && fetch->writer != NULL && fetch->isShared &&
        fetch->part == NULL)
        fetch->arriving = cacheWriterObject(fetch->writer);
    return fetch->arriving != NULL && cacheObjectIsArriving(fetch->arriving)
               ? fetch->arriving
               : NULL;
}

/* Ranges are read from what has arrived, if the whole has a length. */
static bool
hasArrived(const ProxyRequest *request, const CacheObject *object)
{
    const HttpHeaders *headers = &request->http->headers;
    uint64_t length = cacheObjectLength(object);
    HttpRangeSet set;

    if (!httpHeaderHas(headers, HTTP_HEADER_RANGE) ||
        request->http->method != HTTP_METHOD_GET)
        return true;
    if (length == CACHE_LENGTH_UNKNOWN || cacheObjectStatus(object) != 200)
        return false;
    switch (httpRangeResolve(headers, cacheObjectValidators(object), length,
                             proxyNowSec(), &set)) {
    case HTTP_RANGE_PART:
        return set.count == 1 &&
               set.ranges[0].first <= cacheObjectAvailable(object);
    default:
        return true;
    }
}

CacheObject *
proxyFollowLookup(ProxyFetch *fetch, const ProxyRequest *request)
{
    const HttpHeaders *headers = &request->http->headers;
    CacheObject *object = arrivingOf(fetch);

    CHECK_OBJ(fetch, PROXY_FETCH_MAGIC);
    if (object == NULL || cacheObjectStatus(object) == 206 ||
        !cacheObjectIsFor(object, headers) ||
        httpFreshnessUse(cacheObjectFreshness(object), headers, proxyNowSec(),
                         NULL) != HTTP_USE_STORED ||
        !hasArrived(request, object))
        return NULL;
    return cacheObjectRef(object);
}

void
proxyFollowStart(ProxyFetch *fetch, ProxyRequest *request)
{
    CHECK_OBJ(fetch, PROXY_FETCH_MAGIC);
    request->leader = fetch;
    listPushBack(&fetch->followers, &request->waiting);
}

bool
proxyFollowTurn(ProxyFetch *fetch)
{
    ProxyRequest *request = fetch->request;
    uint64_t end = fetch->isSlice ? fetch->slice.last + 1 : fetch->length;

    if (listIsEmpty(&fetch->followers) || arrivingOf(fetch) == NULL)
        return false;
    debug(DBG_FORWARD, 3, "%s: the first client is slower than others",
          fetch->text);
    cacheObjectUnref(&request->object);
    request->object = cacheObjectRef(fetch->arriving);
    cacheReaderInitRange(&request->reader, request->object, fetch->received,
                         end - fetch->received);
    request->reply.source = PROXY_SOURCE_STORE;
    proxyFollowStart(fetch, request);
    return true;
}

/* The first client is one of them then, unless it gets a part. */
void
proxyFollowGiveUp(ProxyFetch *fetch)
{
    ProxyRequest *request = fetch->request;

    fetch->isPassing = !listIsEmpty(&fetch->followers);
    if (fetch->isPassing && request != NULL && request->leader == NULL &&
        !fetch->isSlice)
        proxyFollowStart(fetch, request);
    proxyFlightNote(fetch, false);
    proxyFlightEnd(fetch);
}

/* Nothing of what came before is to be sent to it any more, or little. */
static bool
isCaughtUp(const ProxyRequest *request)
{
    const ProxyReply *reply = &request->reply;

    return reply->isComplete ||
           (proxyReplyHasRoom(request) &&
            (reply->source == PROXY_SOURCE_FETCH ||
             cacheReaderIsAtLimit(&request->reader)));
}

static void
onLaggard(void *data)
{
    ProxyFetch *fetch = data;
    ListNode *node, *tmp;

    CHECK_OBJ(fetch, PROXY_FETCH_MAGIC);
    fetch->laggard = NULL;
    LIST_FOREACH(&fetch->followers, node, tmp) {
        ProxyRequest *request = requestOf(node);

        if (isCaughtUp(request))
            continue;
        debug(DBG_FORWARD, 2, "%s: cut short: too slow for the others",
              fetch->text);
        proxyReplyAbort(request);
    }
    originResume(fetch->origin);
}

bool
proxyFollowHasRoom(ProxyFetch *fetch)
{
    ListNode *node, *tmp;

    if (!fetch->isPassing)
        return true;
    LIST_FOREACH(&fetch->followers, node, tmp) {
        if (isCaughtUp(requestOf(node)))
            continue;
        if (fetch->laggard == NULL)
            fetch->laggard = commTimerAdd(LAGGARD_MS, onLaggard, fetch);
        return false;
    }
    commTimerCancel(&fetch->laggard);
    return true;
}

/* It reads the store no more, but gets the octets at once. A part of a whole
 * would have to be cut out of them: that is left. */
static void
passOn(ProxyFetch *fetch, ProxyRequest *request, const char *octets, size_t len)
{
    const ProxyReply *reply = &request->reply;

    if (reply->isComplete)
        return;
    if (reply->status == 206 ||
        (reply->bodyMax > 0 && fetch->received + len > reply->bodyMax)) {
        proxyReplyAbort(request);
        return;
    }
    request->reply.source = PROXY_SOURCE_FETCH;
    proxyReplyBody(request, octets, len);
}

void
proxyFollowBody(ProxyFetch *fetch, const char *octets, size_t len)
{
    ListNode *node, *tmp;

    LIST_FOREACH(&fetch->followers, node, tmp) {
        if (fetch->isPassing)
            passOn(fetch, requestOf(node), octets, len);
        else
            commDefer(&requestOf(node)->client->flush);
    }
}

/* One who reads the store goes on, to the end of what is there. */
static void
letGo(ProxyRequest *request, bool isWhole)
{
    request->leader = NULL;
    if (request->reply.source != PROXY_SOURCE_FETCH)
        commDefer(&request->client->flush);
    else if (isWhole)
        proxyReplyEnd(request);
    else
        proxyReplyAbort(request);
}

void
proxyFollowEnd(ProxyFetch *fetch, bool isWhole)
{
    ListNode *node;

    CHECK_OBJ(fetch, PROXY_FETCH_MAGIC);
    commTimerCancel(&fetch->laggard);
    if (isWhole && fetch->arriving != NULL)
        cacheObjectComplete(fetch->arriving);
    while ((node = listFirst(&fetch->followers)) != NULL) {
        listRemove(node);
        letGo(requestOf(node), isWhole);
    }
}
