/* HTTP/2 clients: each request of theirs is a client of its own. DEBUG:
 * section 33 */
#include <errno.h>
#include <stdlib.h>

#include "check.h"
#include "h2.h"
#include "proxy_priv.h"
#include "xalloc.h"

#define PROXY_H2_MAGIC 0x9a0c1e0bu

struct ProxyH2 {
    uint32_t magic;
    ListNode node;    /* in proxy->h2Sessions */
    ListNode clients; /* its requests */
    ProxyPort *port;
    ListenerPeer peer; /* what its requests come from; without TLS */
    const TlsStream *tls; /* the session's */
    ProxyAddr *addr;
    H2Session *session;
};

void
proxyH2Add(ProxyH2 *h2, ProxyClient *client)
{
    CHECK_OBJ(h2, PROXY_H2_MAGIC);
    client->h2 = h2;
    listPushBack(&h2->clients, &client->h2Node);
}

const TlsStream *
proxyH2Tls(const ProxyH2 *h2)
{
    CHECK_OBJ(h2, PROXY_H2_MAGIC);
    return h2->tls;
}

ProxyAddr *
proxyH2Addr(const ProxyH2 *h2)
{
    CHECK_OBJ(h2, PROXY_H2_MAGIC);
    return h2->addr;
}

/* Whoever is gone is not answered; and what rules ask about its certificate
 * is not known any more. */
static void
closeRequests(ProxyH2 *h2)
{
    ListNode *it, *tmp;

    LIST_FOREACH(&h2->clients, it, tmp) {
        ProxyClient *client = LIST_OBJ(it, ProxyClient, h2Node);

        proxyClientClose(client,
                         client->request != NULL ? ACCESS_END_ABORTED
                                                 : ACCESS_END_OK,
                         "its connection is gone");
    }
}

static void
destroyH2(ProxyH2 *h2)
{
    Proxy *proxy = h2->port->proxy;

    closeRequests(h2);
    proxyAddrLeave(proxy, &h2->addr);
    listRemove(&h2->node);
    proxy->stats.h2Sessions--;
    CHECK_OBJ_CLEAR(h2);
    free(h2);
}

static void
onEnd(void *data)
{
    ProxyH2 *h2 = data;

    CHECK_OBJ(h2, PROXY_H2_MAGIC);
    destroyH2(h2);
}

static int
onOpen(int fd, void *data)
{
    ProxyH2 *h2 = data;
    int rc;

    CHECK_OBJ(h2, PROXY_H2_MAGIC);
    rc = commOpen(fd, "client");
    if (rc < 0)
        return rc;
    if (!proxyPortsHaveRoom(h2->port->proxy)) {
        commClose(fd);
        return -EMFILE;
    }
    proxyClientAttach(h2->port, fd, &h2->peer, h2);
    return 0;
}

void
proxyH2Accept(ProxyPort *port, int fd, const ListenerPeer *peer)
{
    Proxy *proxy = port->proxy;
    const ConfigAccel *accel =
        configAccelLookup(proxy->config, port->addr, port->name);
    ProxyH2 *h2 = xcalloc(1, sizeof(*h2));
    H2Config config = {
        .isOriginForm = accel != NULL,
        .idleMs = proxy->config->clientIdlePconnTimeoutMs,
        .stallMs = proxy->config->writeTimeoutMs,
        .open = onOpen,
        .end = onEnd,
        .data = h2,
    };

    commNote(fd, "HTTP/2 client");
    h2->magic = PROXY_H2_MAGIC;
    h2->port = port;
    listInit(&h2->clients);
    h2->peer = *peer;
    h2->peer.tls = NULL;
    h2->tls = peer->tls;
    h2->addr = proxyAddrEnter(proxy, &peer->peer);
    listPushBack(&proxy->h2Sessions, &h2->node);
    proxy->stats.connections++;
    proxy->stats.h2Sessions++;
    h2->session = h2SessionStart(&config, streamOpen(fd, peer->tls));
    if (proxyAddrIsCrowded(proxy, h2->addr))
        h2SessionDrain(h2->session);
}

void
proxyH2Drain(Proxy *proxy)
{
    ListNode *it, *tmp;

    LIST_FOREACH(&proxy->h2Sessions, it, tmp)
        h2SessionDrain(LIST_OBJ(it, ProxyH2, node)->session);
}

void
proxyH2Close(Proxy *proxy)
{
    ListNode *it;

    while ((it = listFirst(&proxy->h2Sessions)) != NULL) {
        ProxyH2 *h2 = LIST_OBJ(it, ProxyH2, node);

        h2SessionClose(&h2->session);
        destroyH2(h2);
    }
}
