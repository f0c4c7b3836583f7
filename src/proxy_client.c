/* One client connection: input, timeouts, states. DEBUG: section 33 */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "check.h"
#include "debug.h"
#include "proxy_priv.h"
#include "xalloc.h"

#define LINGER_MS 2000
#define HALF_CLOSED_MS 10000
#define ROOM_BATCH 16 /* idle clients closed at a time */
#define BIT(state) (1u << PROXY_CLIENT_##state)

static const char *const stateNames[PROXY_CLIENT_STATE_COUNT] = {
#define X(name, text) [PROXY_CLIENT_##name] = text,
    PROXY_CLIENT_STATES(X)
#undef X
};

/* The states that may follow each. */
static const unsigned nextStates[PROXY_CLIENT_STATE_COUNT] = {
    [PROXY_CLIENT_IDLE] = BIT(HEAD) | BIT(CLOSED),
    [PROXY_CLIENT_HEAD] = BIT(ACCESS) | BIT(REPLY) | BIT(CLOSED),
    [PROXY_CLIENT_ACCESS] = BIT(REWRITE) | BIT(STORE_ID) | BIT(FETCH) |
                            BIT(REPLY) | BIT(CONNECT) | BIT(CLOSED),
    [PROXY_CLIENT_REWRITE] =
        BIT(STORE_ID) | BIT(FETCH) | BIT(REPLY) | BIT(CONNECT) | BIT(CLOSED),
    [PROXY_CLIENT_STORE_ID] =
        BIT(FETCH) | BIT(REPLY) | BIT(CONNECT) | BIT(CLOSED),
    [PROXY_CLIENT_FETCH] = BIT(REPLY) | BIT(CLOSED),
    [PROXY_CLIENT_REPLY] = BIT(IDLE) | BIT(LINGER) | BIT(CLOSED),
    [PROXY_CLIENT_CONNECT] = BIT(TUNNEL) | BIT(REPLY) | BIT(CLOSED),
    [PROXY_CLIENT_TUNNEL] = BIT(CLOSED),
    [PROXY_CLIENT_LINGER] = BIT(CLOSED),
};

void
proxyClientSetState(ProxyClient *client, ProxyClientState next, const char *why)
{
    CHECK(nextStates[client->state] & (1u << next));
    debug(DBG_CLIENT, 5, "client %d: %s -> %s: %s", client->stream.fd,
          stateNames[client->state], stateNames[next], why);
    client->proxy->idleCount -= !listIsEmpty(&client->idleNode);
    listRemove(&client->idleNode);
    client->state = next;
    if (next == PROXY_CLIENT_IDLE) {
        client->proxy->idleCount++;
        listPushBack(&client->proxy->idleClients, &client->idleNode);
    }
}

bool
proxyClientMakeRoom(Proxy *proxy)
{
    ListNode *node;
    int count = 0;

    while (count < ROOM_BATCH && (node = listFirst(&proxy->idleClients))) {
        proxyClientClose(LIST_OBJ(node, ProxyClient, idleNode), ACCESS_END_OK,
                         "descriptors are short");
        count++;
    }
    if (count > 0)
        debug(DBG_CLIENT, 2,
              "descriptors are short: %d idle clients were closed", count);
    return count > 0;
}

static bool
wantsRequest(const ProxyClient *client)
{
    return client->state == PROXY_CLIENT_IDLE ||
           client->state == PROXY_CLIENT_HEAD;
}

HttpSlice
proxyClientInput(const ProxyClient *client)
{
    if (client->fresh.len > 0)
        return client->fresh;
    return httpSlice(bufData(&client->in), bufLen(&client->in));
}

void
proxyClientConsume(ProxyClient *client, size_t len)
{
    if (client->fresh.len > 0) {
        client->fresh.data += len;
        client->fresh.len -= len;
    } else if (len > 0) {
        bufConsume(&client->in, len);
    }
}

/* What was not parsed is kept; an empty buffer is not. */
static void
keepInput(ProxyClient *client)
{
    if (client->fresh.len > 0)
        CHECK(bufAppend(&client->in, client->fresh.data, client->fresh.len) ==
              0);
    client->fresh = httpSlice(NULL, 0);
    if (bufLen(&client->in) == 0 && client->in.base != NULL)
        bufFini(&client->in);
}

static void
onTimeout(int fd, void *data)
{
    ProxyClient *client = data;

    (void)fd;
    CHECK_OBJ(client, PROXY_CLIENT_MAGIC);
    if (client->request != NULL && client->request->body.isDropped) {
        proxyAuthGoOn(client->request, true);
        return;
    }
    if (client->state == PROXY_CLIENT_HEAD ||
        (client->state == PROXY_CLIENT_FETCH &&
         client->request->body.isWanted)) {
        proxyReplyError(client->request, ERR_REQUEST_TIMEOUT, NULL);
        return;
    }
    proxyClientClose(
        client, client->isHalfClosed ? ACCESS_END_ABORTED : ACCESS_END_TIMEDOUT,
        "timeout");
}

void
proxyClientArmTimeout(ProxyClient *client, int64_t ms)
{
    int64_t leftMs = (client->deadlineUs - commNowUs()) / 1000;

    if (client->isHalfClosed && (ms <= 0 || ms > HALF_CLOSED_MS))
        ms = HALF_CLOSED_MS;
    if (client->deadlineUs > 0 && (ms <= 0 || leftMs < ms))
        ms = leftMs > 1 ? leftMs : 1;
    commSetTimeout(client->stream.fd, ms > 0 ? ms : -1, onTimeout, client);
}

static HttpParseEvent
feed(ProxyRequest *request)
{
    ProxyClient *client = request->client;
    HttpSlice input = proxyClientInput(client);
    HttpSlice body;
    size_t used = 0;
    HttpParseEvent event =
        httpParserFeed(request->parser, input.data, input.len, &used, &body);

    request->headOctets += used;
    proxyClientConsume(client, used);
    return event;
}

static void
refuseHead(ProxyRequest *request)
{
    HttpParseError error = httpParserError(request->parser);
    ErrorPageId id;

    switch (httpParseErrorStatus(error)) {
    case 414:
        id = ERR_URI_TOO_LONG;
        break;
    case 431:
        id = ERR_HEADER_TOO_BIG;
        break;
    case 501:
        id = ERR_UNSUP_REQ;
        break;
    case 505:
        id = ERR_UNSUP_HTTPVERSION;
        break;
    default:
        id = ERR_INVALID_REQ;
        break;
    }
    proxyReplyError(request, id, httpParseErrorReason(error));
}

static void
beginHead(ProxyClient *client)
{
    client->request = proxyRequestCreate(client);
    proxyClientSetState(client, PROXY_CLIENT_HEAD, "input");
}

/* Parse input into the next request. False: more is needed. */
static bool
parseHead(ProxyClient *client)
{
    bool isFirst = client->state == PROXY_CLIENT_IDLE;

    if (isFirst)
        beginHead(client);
    switch (feed(client->request)) {
    case HTTP_PARSE_HEAD:
        proxyRequestStart(client->request);
        return true;
    case HTTP_PARSE_MORE:
        if (isFirst)
            proxyClientArmTimeout(client,
                                  client->request->config->requestTimeoutMs);
        return false;
    default:
        refuseHead(client->request);
        return true;
    }
}

/* No further request will come. */
static void
closeWithoutRequest(ProxyClient *client)
{
    if (client->request == NULL)
        proxyClientClose(client, ACCESS_END_OK, "closed by client");
    else
        proxyClientClose(client, ACCESS_END_ABORTED, "gone early");
}

void
proxyClientAdvance(ProxyClient *client)
{
    if (client->isAdvancing)
        return;
    client->isAdvancing = true;
    while (wantsRequest(client) && proxyClientInput(client).len > 0 &&
           parseHead(client))
        ;
    client->isAdvancing = false;
    if (client->state == PROXY_CLIENT_CLOSED)
        return;
    keepInput(client);
    if (client->isHalfClosed && wantsRequest(client))
        closeWithoutRequest(client);
    else
        proxyClientArmRead(client);
}

static void
takeInput(ProxyClient *client, size_t len)
{
    ProxyRequest *request = client->request;

    client->proxy->stats.octetsIn += len;
    client->fresh = httpSlice(client->proxy->readBuf, len);
    if (client->state == PROXY_CLIENT_LINGER) {
        client->fresh.len = 0;
        proxyClientArmRead(client);
        return;
    }
    if (bufLen(&client->in) > 0)
        keepInput(client);
    if (request != NULL && request->body.isWanted && request->fetch != NULL)
        proxyFetchResume(request->fetch);
    else if (request != NULL && request->body.isDropped)
        proxyAuthGoOn(request, false);
    proxyClientAdvance(client);
}

/* False: what is missing of the request will never come. */
static bool
canAnswer(const ProxyClient *client)
{
    ProxyRequest *request = client->request;

    if (request == NULL || wantsRequest(client))
        return false;
    return proxyRequestIsBodyDone(request) || request->reply.isComplete ||
           proxyClientInput(client).len > 0;
}

/*
 * The client has sent its last octet. One that did shutdown(SHUT_WR) waits
 * for its answer, one that did close() does not; TCP tells them apart only
 * by the RST that comes for what we send. So a request that is here as a
 * whole, and those pipelined behind it, are answered, but nothing may stand
 * still for longer than HALF_CLOSED_MS.
 */
static void
noteEof(ProxyClient *client)
{
    client->isHalfClosed = true;
    if (canAnswer(client) && client->request->config->halfClosedClients)
        proxyClientArmTimeout(client, 0);
    else
        closeWithoutRequest(client);
}

static void
onReadable(int fd, void *data)
{
    ProxyClient *client = data;

    (void)fd;
    CHECK_OBJ(client, PROXY_CLIENT_MAGIC);
    client->isReadArmed = false;
    ssize_t n =
        streamRead(&client->stream, client->proxy->readBuf, PROXY_READ_SIZE);
    if (n > 0)
        takeInput(client, (size_t)n);
    else if (n == 0)
        noteEof(client);
    else if (errno == EAGAIN || errno == EINTR)
        proxyClientArmRead(client);
    else
        closeWithoutRequest(client);
}

void
proxyClientArmRead(ProxyClient *client)
{
    if (client->isReadArmed || client->isHalfClosed ||
        client->stream.fd == -1 ||
        bufLen(&client->in) + PROXY_READ_SIZE > PROXY_INPUT_MAX)
        return;
    client->isReadArmed = true;
    streamWaitRead(&client->stream, onReadable, client);
}

static void
flushDeferred(void *data)
{
    ProxyClient *client = data;

    CHECK_OBJ(client, PROXY_CLIENT_MAGIC);
    proxyReplyFlush(client);
}

static int64_t
deadlineIn(int64_t ms)
{
    return ms > 0 ? commNowUs() + ms * 1000 : 0;
}

static ProxyClient *
createClient(ProxyPort *port, int fd, const ListenerPeer *peer,
             ProxyAddr *addr)
{
    ProxyClient *client = xcalloc(1, sizeof(*client));
    Proxy *proxy = port->proxy;

    client->magic = PROXY_CLIENT_MAGIC;
    client->proxy = proxy;
    client->port = port;
    client->stream = streamOpen(fd, peer->tls);
    client->peer = peer->peer;
    client->local = peer->local;
    client->addr = addr;
    client->deadlineUs = deadlineIn(proxy->config->clientLifetimeMs);
    bufInit(&client->in, PROXY_INPUT_MAX);
    bufInit(&client->out, PROXY_OUTPUT_MAX);
    commDeferInit(&client->flush, flushDeferred, client);
    listPushBack(&proxy->clients, &client->node);
    listInit(&client->idleNode);
    listInit(&client->h2Node);
    proxy->stats.clients++;
    return client;
}

static void
startClient(ProxyClient *client)
{
    proxyClientArmTimeout(client, client->proxy->config->requestTimeoutMs);
    onReadable(client->stream.fd, client);
}

void
proxyClientAccept(ProxyPort *port, int fd, const ListenerPeer *peer)
{
    ProxyAddr *addr = proxyAddrEnter(port->proxy, &peer->peer);
    ProxyClient *client = createClient(port, fd, peer, addr);
    int on = 1;

    commNote(fd, "client");
    port->proxy->stats.connections++;
    if (proxyAddrIsCrowded(port->proxy, addr)) {
        proxyClientClose(client, ACCESS_END_OK, "too many of its address");
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    startClient(client);
}

void
proxyClientAttach(ProxyPort *port, int fd, const ListenerPeer *peer,
                  ProxyH2 *h2)
{
    ProxyClient *client = createClient(port, fd, peer, proxyH2Addr(h2));

    proxyH2Add(h2, client);
    startClient(client);
}

const TlsStream *
proxyClientTls(const ProxyClient *client)
{
    return client->h2 != NULL ? proxyH2Tls(client->h2)
                              : streamTls(&client->stream);
}

static void
freeClient(void *data)
{
    ProxyClient *client = data;

    CHECK_OBJ_CLEAR(client);
    free(client);
}

void
proxyClientClose(ProxyClient *client, AccessEnd end, const char *why)
{
    Proxy *proxy = client->proxy;
    ProxyRequest *request = client->request;

    CHECK_OBJ(client, PROXY_CLIENT_MAGIC);
    proxyClientSetState(client, PROXY_CLIENT_CLOSED, why);
    if (request != NULL) {
        proxyRequestLog(request, end);
        client->request = NULL;
        proxyRequestRelease(request);
    }
    commDeferCancel(&client->flush);
    streamClose(&client->stream);
    bufFini(&client->in);
    bufFini(&client->out);
    noteListClear(&client->notes);
    authConnDestroy(&client->auth);
    if (client->h2 == NULL)
        proxyAddrLeave(proxy, &client->addr);
    listRemove(&client->node);
    listRemove(&client->h2Node);
    proxy->stats.clients--;
    commFreeLater(client, freeClient);
}

void
proxyClientLinger(ProxyClient *client)
{
    proxyClientSetState(client, PROXY_CLIENT_LINGER, "reply sent");
    bufFini(&client->in);
    client->fresh.len = 0;
    if (client->isHalfClosed || streamShutdown(&client->stream) == -1) {
        proxyClientClose(client, ACCESS_END_OK, "peer sends no more");
        return;
    }
    proxyClientArmTimeout(client, LINGER_MS);
    proxyClientArmRead(client);
}

static ProxyActiveRow
activeRow(const ProxyClient *client)
{
    const ProxyRequest *request = client->request;

    return (ProxyActiveRow){
        .client = (const struct sockaddr *)&client->peer,
        .local = (const struct sockaddr *)&client->local,
        .method = request->method,
        .url = request->urlText.data,
        .state = stateNames[client->state],
        .user = aclFactsUser(&request->facts),
        .ageUs = commNowUs() - request->startUs,
        .sent = request->reply.sent,
    };
}

void
proxyForEachActive(const Proxy *proxy, ProxyActiveCb *cb, void *data)
{
    ListNode *it, *tmp;

    CHECK_OBJ(proxy, PROXY_MAGIC);
    LIST_FOREACH(&proxy->clients, it, tmp) {
        const ProxyClient *client = LIST_OBJ(it, ProxyClient, node);

        if (client->request == NULL || client->request->urlText.data == NULL)
            continue;
        const ProxyActiveRow row = activeRow(client);
        cb(&row, data);
    }
}
