/* CONNECT. DEBUG: section 26 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "address.h"
#include "check.h"
#include "debug.h"
#include "proxy_priv.h"
#include "xalloc.h"

#define GREETING "HTTP/1.1 200 Connection established\r\n"

static void
onTunnelEnd(const TunnelEnd *end, void *data)
{
    ProxyRequest *request = data;

    CHECK_OBJ(request, PROXY_REQUEST_MAGIC);
    request->tunnel = NULL;
    request->reply.sent = end->fromOrigin;
    request->proxy->stats.octetsIn += end->fromClient;
    request->proxy->stats.octetsOut += end->fromOrigin;
    request->proxy->stats.tunnels--;
    proxyClientClose(request->client,
                     end->isTimedOut ? ACCESS_END_TIMEDOUT : ACCESS_END_OK,
                     end->errnum != 0 ? strerror(end->errnum) : "ended");
}

/* The log names the address, as for other requests. */
static void
rememberPeer(ProxyRequest *request, int fd)
{
    struct sockaddr_storage addr = {0};
    socklen_t len = sizeof(addr);
    char text[ADDRESS_TEXT_MAX];

    if (getpeername(fd, (struct sockaddr *)&addr, &len) == -1)
        return;
    addressFormat((const struct sockaddr *)&addr, text);
    snprintf(request->peer, sizeof(request->peer), "%.40s", text);
    request->peerPort = addressPort((const struct sockaddr *)&addr);
    len = sizeof(addr);
    if (getsockname(fd, (struct sockaddr *)&addr, &len) == -1)
        return;
    addressFormat((const struct sockaddr *)&addr, text);
    snprintf(request->ownAddr, sizeof(request->ownAddr), "%.40s", text);
    request->ownPort = addressPort((const struct sockaddr *)&addr);
}

static void
startTunnel(ProxyRequest *request, Stream origin)
{
    ProxyClient *client = request->client;
    HttpSlice early = proxyClientInput(client);
    char *greeting = xasprintf(
        GREETING "%s\r\n", request->authInfo != NULL ? request->authInfo : "");
    TunnelConfig config = {
        .client = streamTake(&client->stream),
        .origin = origin,
        .early = early.data,
        .earlyLen = early.len,
        .greeting = greeting,
        .greetingLen = strlen(greeting),
        .idleMs = request->config->readTimeoutMs,
        .cb = onTunnelEnd,
        .data = request,
    };

    proxyClientSetState(client, PROXY_CLIENT_TUNNEL, "connected");
    request->reply.status = 200;
    proxyRouteWorked(request);
    rememberPeer(request, origin.fd);
    request->proxy->stats.tunnels++;
    request->tunnel = tunnelStart(&config);
    free(greeting);
    bufFini(&client->in);
}

static void startConnect(ProxyRequest *request);

static void
tryAgain(ProxyRequest *request, OriginResult result, const char *why)
{
    if (proxyRouteFailed(request, result, why))
        startConnect(request);
    else
        proxyReplyError(request, proxyFetchErrorPage(result), why);
}

static void
onConnected(int fd, OriginResult result, const char *why, void *data)
{
    ProxyRequest *request = data;

    CHECK_OBJ(request, PROXY_REQUEST_MAGIC);
    request->connect = NULL;
    if (fd != -1)
        startTunnel(request, streamOpen(fd, NULL));
    else
        tryAgain(request, result, why);
}

static void
onVia(Stream *stream, OriginResult result, const char *why, void *data)
{
    ProxyRequest *request = data;

    CHECK_OBJ(request, PROXY_REQUEST_MAGIC);
    request->via = NULL;
    if (stream != NULL)
        startTunnel(request, *stream);
    else
        tryAgain(request, result, why);
}

/* By a parent with TLS. */
static void
startVia(ProxyRequest *request, const ProxyRoute *route, const char *login,
         int timeoutMs)
{
    const OriginTls tls = proxyFetchTls(route->peer->tls);
    bool isIpv6 = strchr(request->host, ':') != NULL;
    char *target = xasprintf(isIpv6 ? "[%s]:%u" : "%s:%u", request->host,
                             request->url.port);
    ViaConfig config = {.proxy = {.host = route->host,
                                  .port = route->port,
                                  .addrs = route->addrs,
                                  .addrCount = route->addrCount,
                                  .outgoing = proxyPeerOutgoing(request)},
                        .tls = &tls,
                        .target = target,
                        .login = login,
                        .timeoutMs = timeoutMs,
                        .cb = onVia,
                        .data = request};

    request->via = viaStart(&config);
    free(target);
}

static void
startPlain(ProxyRequest *request, const ProxyRoute *route, const char *login,
           int timeoutMs)
{
    OriginRoute origin = {.host = request->host,
                          .port = request->url.port,
                          .viaHost = route->peer != NULL ? route->host : NULL,
                          .viaPort = route->port,
                          .viaLogin = login,
                          .addrs = route->addrs,
                          .addrCount = route->addrCount,
                          .outgoing = proxyPeerOutgoing(request)};

    request->connect =
        originConnectStart(&origin, timeoutMs, onConnected, request);
}

static void
startConnect(ProxyRequest *request)
{
    int timeoutMs = (int)request->config->connectTimeoutMs;
    char *login = NULL;
    ProxyRoute route;

    if (!proxyRoutePick(request, &route)) {
        OriginResult result;
        const char *why = proxyRouteWhy(request, &result);
        proxyReplyError(request, proxyFetchErrorPage(result), why);
        return;
    }
    if (route.peer != NULL)
        login = proxyPeerLogin(request, route.peer);
    if (route.peer != NULL)
        timeoutMs = proxyPeerConnectMs(request, route.peer);
    proxyPortsMakeRoom(request->client->proxy);
    if (route.peer != NULL && route.peer->tls != NULL)
        startVia(request, &route, login, timeoutMs);
    else
        startPlain(request, &route, login, timeoutMs);
    free(login);
    if (request->connect == NULL && request->via == NULL)
        proxyReplyError(request, ERR_INVALID_URL, NULL);
}

void
proxyTunnelStart(ProxyRequest *request)
{
    request->reply.result = ACCESS_TUNNEL;
    proxyClientSetState(request->client, PROXY_CLIENT_CONNECT, "CONNECT");
    proxyStepForward(request, startConnect);
}
