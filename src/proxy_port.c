/* The ports that clients connect to. DEBUG: section 1 */
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

static void
onConnection(Listener *listener, int fd, const ListenerPeer *peer, void *data)
{
    ProxyPort *port = data;

    (void)listener;
    CHECK_OBJ(port, PROXY_PORT_MAGIC);
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
    debug(DBG_MAIN, 1, "accepting HTTP at %s", text);
    if (proxy->firstAddress == NULL)
        proxy->firstAddress = xstrdup(text);
}

/* Some are kept for logs, helpers, pipes of tunnels and idle connections to
 * origins. */
static size_t
clientFds(void)
{
    size_t limit = fdLimit();
    size_t kept = FDS_KEPT + limit / 4;

    return limit < kept + 2 ? 2 : limit - kept;
}

/* A client at work may need a second descriptor, for its origin; an idle one
 * gives way to others. */
static bool
onShortOfFds(void *data)
{
    ProxyPort *port = data;
    CommStats stats;

    CHECK_OBJ(port, PROXY_PORT_MAGIC);
    commStatsGet(&stats, false);
    return stats.openFds * 2 - port->proxy->idleCount < clientFds() ||
           proxyClientMakeRoom(port->proxy);
}

void
proxyPortsMakeRoom(Proxy *proxy)
{
    size_t limit = fdLimit();
    CommStats stats;

    commStatsGet(&stats, false);
    if (stats.openFds + FDS_KEPT + limit / 8 >= limit)
        (void)proxyClientMakeRoom(proxy);
}

/* 0 or -errno. */
static int
openPort(ProxyPort *port, const Config *proxyConfig)
{
    ListenerConfig config;

    listenerConfigInit(&config);
    config.addr = port->addr;
    config.name = "http_port";
    config.fdMax = (unsigned)(clientFds() / 2);
    config.firstByteMs = (int)proxyConfig->requestTimeoutMs;
    config.ready = onConnection;
    config.makeRoom = onShortOfFds;
    config.data = port;
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

/* Close what will not be needed and may hold the address: the same port by
 * another name, at one address or at all. True: something was closed. */
static bool
makeRoom(Proxy *proxy, const Config *config, const char *addr)
{
    ListNode *it, *tmp;
    bool isClosed = false;

    LIST_FOREACH(&proxy->ports, it, tmp) {
        ProxyPort *port = LIST_OBJ(it, ProxyPort, node);

        if (port->listener == NULL || isPortConfigured(config, port) ||
            !addressIsSamePort(port->addr, addr))
            continue;
        listenerDestroy(&port->listener);
        isClosed = true;
    }
    return isClosed;
}

int
proxyPortsOpen(Proxy *proxy, const Config *config, ProxyComplainCb *complain,
               void *data)
{
    int failure = 0;

    for (size_t i = 0; i < config->httpPortCount; i++) {
        const ConfigPort *line = &config->httpPorts[i];
        ProxyPort *port = portFor(proxy, line);
        int rc = port->listener != NULL ? 0 : openPort(port, config);

        if (rc == -EADDRINUSE && makeRoom(proxy, config, line->addr))
            rc = openPort(port, config);
        if (rc == 0)
            continue;
        char *text = xasprintf("%s: http_port %s: %s", line->where, line->addr,
                               strerror(-rc));
        complain(text, data);
        free(text);
        failure = rc;
    }
    return failure;
}

void
proxyPortsSettle(Proxy *proxy, const Config *config)
{
    ListNode *it, *tmp;

    LIST_FOREACH(&proxy->ports, it, tmp) {
        ProxyPort *port = LIST_OBJ(it, ProxyPort, node);

        if (!isPortConfigured(config, port))
            listenerDestroy(&port->listener);
        else if (port->listener != NULL && !port->isNoted)
            noteListening(port);
    }
}

void
proxyPortsClose(Proxy *proxy)
{
    ListNode *it, *tmp;

    LIST_FOREACH(&proxy->ports, it, tmp)
        listenerDestroy(&LIST_OBJ(it, ProxyPort, node)->listener);
}

void
proxyPortsDestroy(Proxy *proxy)
{
    while (!listIsEmpty(&proxy->ports))
        destroyPort(LIST_OBJ(listFirst(&proxy->ports), ProxyPort, node));
}
