/* The ports that clients connect to. DEBUG: section 1 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "check.h"
#include "debug.h"
#include "fd.h"
#include "h2.h"
#include "proxy_priv.h"
#include "xalloc.h"

#define FDS_KEPT 16

static void
onConnection(Listener *listener, int fd, const ListenerPeer *peer, void *data)
{
    ProxyPort *port = data;

    (void)listener;
    CHECK_OBJ(port, PROXY_PORT_MAGIC);
    if (peer->tls != NULL && tlsStreamSpeaks(peer->tls, H2_PROTOCOL))
        proxyH2Accept(port, fd, peer);
    else
        proxyClientAccept(port, fd, peer);
}

static void
noteListening(ProxyPort *port)
{
    Proxy *proxy = port->proxy;
    struct sockaddr_storage addr;
    char text[ADDRESS_TEXT_MAX];

    port->isNoted = true;
    listenerAddr(port->listener, &addr);
    addressFormatPort((const struct sockaddr *)&addr, text);
    debug(DBG_MAIN, 1, "accepting %s at %s", port->isTls ? "HTTPS" : "HTTP",
          text);
    if (proxy->firstAddress == NULL)
        proxy->firstAddress = xstrdup(text);
}

/* Some are kept for logs, helpers, pipes of tunnels and idle connections to
 * origins. */
static size_t
clientFds(size_t limit)
{
    size_t kept = FDS_KEPT + limit / 4;

    return limit < kept + 2 ? 2 : limit - kept;
}

/* A client at work may need a second descriptor, for its origin; an idle one
 * gives way to others. */
bool
proxyPortsHaveRoom(Proxy *proxy)
{
    CommStats stats;

    commStatsGet(&stats, false);
    return stats.openFds * 2 - proxy->idleCount < clientFds(proxy->fdLimit) ||
           proxyClientMakeRoom(proxy);
}

static bool
onShortOfFds(void *data)
{
    ProxyPort *port = data;

    CHECK_OBJ(port, PROXY_PORT_MAGIC);
    return proxyPortsHaveRoom(port->proxy);
}

void
proxyPortsMakeRoom(Proxy *proxy)
{
    CommStats stats;

    commStatsGet(&stats, false);
    if (stats.openFds + FDS_KEPT + proxy->fdLimit / 8 >= proxy->fdLimit)
        (void)proxyClientMakeRoom(proxy);
}

/* What connections to the port of this line get. NULL when its files cannot
 * be read now and were not read before; borrowed. */
static TlsServer *
serverFor(const ProxyPort *port, const ConfigPort *line)
{
    if (line->tls->server != NULL)
        return line->tls->server;
    return port->tls != NULL && strcmp(port->tlsSpec, line->tls->spec) == 0
               ? port->tls
               : NULL;
}

static void
keepTls(ProxyPort *port, TlsServer *server, const char *spec)
{
    TlsServer *older = port->tls;

    port->tls = tlsServerRef(server);
    tlsServerUnref(&older);
    free(port->tlsSpec);
    port->tlsSpec = xstrdup(spec);
}

/* 0 or -errno. */
static int
openPort(ProxyPort *port, const Config *proxyConfig, const ConfigPort *line)
{
    ListenerConfig config;

    listenerConfigInit(&config);
    config.addr = port->addr;
    config.name = port->isTls ? "https_port" : "http_port";
    config.fdMax = (unsigned)(clientFds(port->proxy->fdLimit) / 2);
    config.firstByteMs = (int)proxyConfig->requestTimeoutMs;
    config.ready = onConnection;
    config.makeRoom = onShortOfFds;
    config.data = port;
    if (port->isTls) {
        config.tls = serverFor(port, line);
        if (config.firstByteMs > 0 && config.firstByteMs < config.handshakeMs)
            config.handshakeMs = config.firstByteMs;
        keepTls(port, config.tls, line->tls->spec);
    }
    port->listener = listenerCreate(&config);
    port->isNoted = false;
    return port->listener != NULL ? 0 : -errno;
}

static ProxyPort *
createPort(Proxy *proxy, const ConfigPort *config)
{
    ProxyPort *port = xcalloc(1, sizeof(*port));

    port->magic = PROXY_PORT_MAGIC;
    port->proxy = proxy;
    port->addr = xstrdup(config->addr);
    port->name = xstrdup(config->name);
    port->isTls = config->tls != NULL;
    listPushBack(&proxy->ports, &port->node);
    return port;
}

static void
closeListener(ProxyPort *port)
{
    if (port->listener == NULL)
        return;
    port->proxy->stats.tlsFailures += listenerTlsFailures(port->listener);
    listenerDestroy(&port->listener);
}

static void
destroyPort(ProxyPort *port)
{
    closeListener(port);
    listRemove(&port->node);
    free(port->addr);
    free(port->name);
    free(port->tlsSpec);
    tlsServerUnref(&port->tls);
    CHECK_OBJ_CLEAR(port);
    free(port);
}

static bool
isSamePort(const ProxyPort *port, const ConfigPort *config)
{
    return strcmp(port->addr, config->addr) == 0 &&
           strcmp(port->name, config->name) == 0 &&
           port->isTls == (config->tls != NULL);
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

/* The line of a port, or NULL. */
static const ConfigPort *
lineOf(const Config *config, const ProxyPort *port)
{
    for (size_t i = 0; i < config->httpPortCount; i++)
        if (isSamePort(port, &config->httpPorts[i]))
            return &config->httpPorts[i];
    return NULL;
}

/* Close what will not be needed and may hold the address: the same port by
 * another name, at one address or at all. True: something was closed. */
static bool
makeRoom(Proxy *proxy, const Config *config, const char *addr)
{
    ListNode *it, *tmp;
    bool isClosed = false;

    LIST_FOREACH(&proxy->ports, it, tmp) {
        ProxyPort *port = LIST_OBJ(it, ProxyPort, node);

        if (port->listener == NULL || lineOf(config, port) != NULL ||
            !addressIsSamePort(port->addr, addr))
            continue;
        closeListener(port);
        isClosed = true;
    }
    return isClosed;
}

/* 0 or -errno. */
static int
havePort(Proxy *proxy, const Config *config, const ConfigPort *line)
{
    ProxyPort *port = portFor(proxy, line);

    if (port->isTls && serverFor(port, line) == NULL)
        return -EACCES;
    if (port->listener != NULL)
        return 0;
    int rc = openPort(port, config, line);
    if (rc == -EADDRINUSE && makeRoom(proxy, config, line->addr))
        rc = openPort(port, config, line);
    return rc;
}

int
proxyPortsOpen(Proxy *proxy, const Config *config, ProxyComplainCb *complain,
               void *data)
{
    int failure = 0;

    proxy->fdLimit = fdLimit();
    for (size_t i = 0; i < config->httpPortCount; i++) {
        const ConfigPort *line = &config->httpPorts[i];
        int rc = havePort(proxy, config, line);

        if (rc == 0)
            continue;
        char *text = xasprintf("%s: %s %s: %s", line->where,
                               line->tls != NULL ? "https_port" : "http_port",
                               line->addr, strerror(-rc));
        complain(text, data);
        free(text);
        failure = rc;
    }
    return failure;
}

/* New connections get what the line's files say now. */
static void
renewTls(ProxyPort *port, const ConfigPort *line)
{
    TlsServer *server = line->tls->server;

    if (server == NULL) {
        debug(DBG_MAIN, 1,
              "%s: https_port %s goes on with the certificates that it has",
              line->where, line->addr);
        return;
    }
    if (server == port->tls)
        return;
    tlsServerInherit(server, port->tls);
    listenerSetTls(port->listener, server);
    keepTls(port, server, line->tls->spec);
}

void
proxyPortsSettle(Proxy *proxy, const Config *config)
{
    ListNode *it, *tmp;

    LIST_FOREACH(&proxy->ports, it, tmp) {
        ProxyPort *port = LIST_OBJ(it, ProxyPort, node);
        const ConfigPort *line = lineOf(config, port);

        if (line == NULL)
            closeListener(port);
        if (port->listener == NULL)
            continue;
        if (port->isTls)
            renewTls(port, line);
        if (!port->isNoted)
            noteListening(port);
    }
}

uint64_t
proxyPortsTlsFailures(const Proxy *proxy)
{
    uint64_t failures = 0;
    ListNode *it, *tmp;

    LIST_FOREACH(&proxy->ports, it, tmp) {
        const ProxyPort *port = LIST_OBJ(it, ProxyPort, node);

        if (port->listener != NULL)
            failures += listenerTlsFailures(port->listener);
    }
    return failures;
}

void
proxyPortsClose(Proxy *proxy)
{
    ListNode *it, *tmp;

    LIST_FOREACH(&proxy->ports, it, tmp)
        closeListener(LIST_OBJ(it, ProxyPort, node));
}

void
proxyPortsDestroy(Proxy *proxy)
{
    while (!listIsEmpty(&proxy->ports))
        destroyPort(LIST_OBJ(listFirst(&proxy->ports), ProxyPort, node));
}
