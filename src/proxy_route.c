/* Where a request goes: a parent, or the origin itself. DEBUG: section 17 */
#include "proxy_priv.h"

#include <string.h>

#include "address.h"
#include "check.h"
#include "debug.h"

static uint64_t
rttOf(const char *host, void *data)
{
    return pingerHostRtt(data, host);
}

/* A parent can be asked for http URLs and for tunnels; a web server for what
 * came in at a port that stands for it. */
static void
excludeOthers(ProxyRequest *request)
{
    const PeerSet *peers = request->proxy->peers;
    bool isTunnel = request->http->method == HTTP_METHOD_CONNECT;

    if (request->accel == NULL || isTunnel)
        request->peersTried |= peerSetKind(peers, true);
    if (!isTunnel && request->url.scheme != HTTP_SCHEME_HTTP)
        request->peersTried |= peerSetKind(peers, false);
    request->peersTried |= proxyPeerRuledOut(request);
}

static bool
pickPeer(ProxyRequest *request, ProxyRoute *route)
{
    Proxy *proxy = request->proxy;
    char client[ADDRESS_TEXT_MAX];
    const PeerQuery query = {.rtt = rttOf,
                             .data = proxy->pinger,
                             .url = request->urlText.data,
                             .client = client,
                             .user = aclFactsUser(&request->facts)};
    PeerChoice choice;

    if (request->isAlwaysDirect)
        return false;
    addressFormat(proxyForwardedClient(request, false), client);
    excludeOthers(request);
    peerSetRevive(proxy->peers, commNowUs());
    if (!peerSetPick(proxy->peers, &query, &request->peersTried, &choice))
        return false;
    snprintf(request->peerName, sizeof(request->peerName), "%s", choice.name);
    request->hierarchy = choice.hierarchy;
    route->peer = proxyPeerLookup(proxy, choice.name);
    route->host = choice.host;
    route->port = choice.port;
    return true;
}

static bool
mayGoDirect(const ProxyRequest *request)
{
    if (request->isAlwaysDirect)
        return true;
    return !request->isNeverDirect &&
           (request->accel == NULL || request->accel->allowDirect);
}

/* Without another way, one that could not be connected to is tried again. */
static bool
pickDeadPeer(ProxyRequest *request, ProxyRoute *route)
{
    peerSetRevive(request->proxy->peers, INT64_MAX);
    return pickPeer(request, route);
}

/* The origin before any parent: what rarely is in a parent's cache, or
 * everything. */
static bool
isDirectFirst(const ProxyRequest *request)
{
    const Config *config = request->config;
    HttpMethod method = request->http->method;
    bool isHierarchical =
        method == HTTP_METHOD_GET || method == HTTP_METHOD_HEAD;

    return request->accel == NULL && mayGoDirect(request) &&
           (config->preferDirect ||
            (config->nonhierarchicalDirect && !isHierarchical));
}

/* False: there is no way left. */
static bool
pickWay(ProxyRequest *request, ProxyRoute *route)
{
    bool isFirst = isDirectFirst(request) && !request->isDirectTried;

    if (!isFirst && pickPeer(request, route))
        return true;
    if (mayGoDirect(request))
        return !request->isDirectTried;
    return pickDeadPeer(request, route);
}

bool
proxyRoutePick(ProxyRequest *request, ProxyRoute *routeOut)
{
    CHECK_OBJ(request, PROXY_REQUEST_MAGIC);
    if (!request->isRouted)
        proxyStepRoute(request);
    request->tries++;
    request->peerName[0] = '\0';
    request->hierarchy = ACCESS_HIER_DIRECT;
    routeOut->peer = NULL;
    routeOut->host = request->host;
    routeOut->port = request->url.port;
    if (!pickWay(request, routeOut))
        return false;
    routeOut->addrCount =
        pingerPrefer(request->proxy->pinger, routeOut->host, routeOut->addrs);
    debug(DBG_FORWARD, 3, "%s: %s %s:%u, %zu addresses by distance",
          request->urlText.data, routeOut->peer != NULL ? "parent" : "direct",
          routeOut->host, routeOut->port, routeOut->addrCount);
    return true;
}

static bool
isNoConnection(OriginResult result)
{
    return result == ORIGIN_DNS_FAIL || result == ORIGIN_CONNECT_FAIL ||
           result == ORIGIN_CONNECT_TIMEOUT || result == ORIGIN_TLS_FAIL;
}

static bool
mayTryMore(const ProxyRequest *request)
{
    const Config *config = request->config;
    int64_t sinceUs = commNowUs() - request->startUs;

    return request->tries < config->forwardMaxTries &&
           (config->forwardTimeoutMs == 0 ||
            sinceUs < config->forwardTimeoutMs * 1000);
}

bool
proxyRouteFailed(ProxyRequest *request, OriginResult result, const char *why)
{
    CHECK_OBJ(request, PROXY_REQUEST_MAGIC);
    bool isPeer = request->peerName[0] != '\0';

    if (!isNoConnection(result) || (!isPeer && !isDirectFirst(request)))
        return false;
    if (isPeer)
        peerSetFailed(request->proxy->peers, request->peerName, why,
                      commNowUs());
    else
        request->isDirectTried = true;
    request->routeResult = result;
    snprintf(request->routeWhy, sizeof(request->routeWhy), "%s", why);
    return request->reply.status == 0 && request->body.octets == 0 &&
           mayTryMore(request);
}

const char *
proxyRouteWhy(const ProxyRequest *request, OriginResult *resultOut)
{
    CHECK_OBJ(request, PROXY_REQUEST_MAGIC);
    if (request->routeWhy[0] != '\0') {
        *resultOut = request->routeResult;
        return request->routeWhy;
    }
    *resultOut = ORIGIN_NO_ROUTE;
    return "there is no way to it";
}

void
proxyRouteWorked(ProxyRequest *request)
{
    CHECK_OBJ(request, PROXY_REQUEST_MAGIC);
    request->reply.hierarchy = request->hierarchy;
    /* What works is good for asking again. */
    request->peersTried = 0;
    request->isDirectTried = false;
    if (request->peerName[0] != '\0')
        peerSetWorked(request->proxy->peers, request->peerName);
}
