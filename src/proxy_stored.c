/* Answers from the store. DEBUG: section 33 */
#include <inttypes.h>
#include <string.h>
#include <sys/uio.h>

#include "check.h"
#include "proxy_priv.h"

/* What a stored head lacks. */
static HttpSlice
formatTail(const ProxyRequest *request, ProxyTail *tail)
{
    const HttpFreshness *freshness = cacheObjectFreshness(request->object);
    int64_t age = httpFreshnessAge(freshness, proxyNowSec());

    tail->len = 0;
    proxyTailPut(tail, httpSlice("Age: ", 5));
    proxyTailPutNumber(tail, age);
    proxyTailPut(tail, httpSlice("\r\n", 2));
    proxyTailPut(tail, request->proxy->statusField);
    proxyStatusPut(&request->reply, freshness->lifetime - age, tail);
    if (request->reply.isChunked)
        proxyTailPut(tail, httpSliceText("Transfer-Encoding: chunked\r\n"));
    proxyTailPut(tail, httpSliceText(proxyReplyConnection(request)));
    proxyTailPut(tail, httpSlice("\r\n", 2));
    return httpSlice(tail->text, tail->len);
}

static HttpSlice
findType(HttpSlice head)
{
    static const char name[] = "\nContent-Type:";
    const char *at = memmem(head.data, head.len, name, sizeof(name) - 1);

    if (at == NULL)
        return httpSlice(NULL, 0);
    at += sizeof(name) - 1;
    const char *end = memchr(at, '\r', head.len - (size_t)(at - head.data));
    return end == NULL ? httpSlice(NULL, 0)
                       : httpSliceTrim(httpSlice(at, (size_t)(end - at)));
}

static struct iovec
pieceOf(HttpSlice text)
{
    return (struct iovec){.iov_base = (void *)(uintptr_t)text.data,
                          .iov_len = text.len};
}

/* One writev for all of it; what the kernel does not take goes the slow
 * way. */
static void
sendStored(ProxyRequest *request, HttpSlice head, HttpSlice tail)
{
    ProxyClient *client = request->client;
    struct iovec iov[PROXY_PIECES];
    size_t headLen = head.len + tail.len;
    int count = 2;

    iov[0] = pieceOf(head);
    iov[1] = pieceOf(tail);
    if (request->reply.source == PROXY_SOURCE_STORE)
        count += proxyReplyPeek(request, iov + count, PROXY_PIECES - count);
    ssize_t n = streamWritev(&client->stream, iov, count);
    size_t sent = n > 0 ? (size_t)n : 0;
    size_t fromHead = sent < head.len ? sent : head.len;
    size_t fromTail = sent - fromHead < tail.len ? sent - fromHead : tail.len;
    bufAppend(&client->out, head.data + fromHead, head.len - fromHead);
    bufAppend(&client->out, tail.data + fromTail, tail.len - fromTail);
    request->reply.sent += sent;
    client->proxy->stats.octetsOut += sent;
    if (sent > headLen)
        cacheReaderAdvance(&request->reader, sent - headLen);
    proxyReplyFlush(client);
}

/* What rules change in a head, or what is added to it, goes the slow way. A
 * stored head does not end yet, so that fields can follow it. */
static void
sendChanged(ProxyRequest *request, HttpSlice head)
{
    Buf *out = &request->client->out;
    ProxyTail tail;
    HttpSlice text = formatTail(request, &tail);
    int rc = proxyHeaderChangeHead(request, head, out);

    if (rc == 0 && request->authInfo != NULL)
        rc = bufAppend(out, request->authInfo, strlen(request->authInfo));
    if (rc < 0 || bufAppend(out, text.data, text.len) < 0)
        request->reply.isReset = true;
    proxyReplyFlush(request->client);
}

static void
keepHeaders(ProxyRequest *request)
{
    HttpResponse response;

    if (!request->config->keepsReply && !request->proxy->config->keepsReply)
        return;
    httpResponseInit(&response, HTTP_HEADER_TEXT_MAX * 2);
    if (cacheObjectResponse(request->object, &response) == 0)
        proxyAnswerKeep(request, &response.headers);
    httpResponseFini(&response);
}

static bool
isRefused(ProxyRequest *request)
{
    const CacheObject *object = request->object;

    keepHeaders(request);
    return proxyAnswerRefuse(request, cacheObjectStatus(object),
                             cacheObjectLength(object));
}

/* The body comes from the store, as far as it is there. */
static void
readStored(ProxyRequest *request)
{
    ProxyReply *reply = &request->reply;

    reply->source = PROXY_SOURCE_STORE;
    reply->isComplete = !cacheObjectIsArriving(request->object);
    if (cacheObjectLength(request->object) != CACHE_LENGTH_UNKNOWN)
        return;
    if (request->http->minor > 0)
        reply->isChunked = true;
    else
        reply->keepAlive = false;
}

void
proxyReplyStored(ProxyRequest *request)
{
    CacheObject *object = request->object;
    HttpSlice head = cacheObjectHead(object);
    ProxyTail tail;

    if (isRefused(request))
        return;
    proxyReplyBegin(request, cacheObjectStatus(object));
    request->reply.isComplete = true;
    proxyReplyType(request, findType(head));
    if (request->http->method != HTTP_METHOD_HEAD) {
        readStored(request);
        cacheReaderInit(&request->reader, object);
    }
    if (request->authInfo != NULL || request->reply.isChunked ||
        proxyHeaderIsReplyChanged(request))
        sendChanged(request, head);
    else
        sendStored(request, head, formatTail(request, &tail));
}

/* Send what was made of the stored head. */
static void
sendMade(ProxyRequest *request, int rc, Buf *head)
{
    if (rc < 0)
        request->reply.isReset = true;
    sendChanged(request, httpSlice(bufData(head), bufLen(head)));
    bufFini(head);
}

void
proxyReplyNotModified(ProxyRequest *request)
{
    Buf head;

    keepHeaders(request);
    proxyReplyBegin(request, 304);
    request->reply.isComplete = true;
    bufInit(&head, PROXY_OUTPUT_MAX);
    int rc = httpCondFormat304(cacheObjectHead(request->object), &head);
    sendMade(request, rc, &head);
}

static void
beginPart(ProxyRequest *request, HttpSlice type)
{
    proxyReplyBegin(request, 206);
    proxyReplyType(request, type);
    readStored(request);
}

static int
beginOne(ProxyRequest *request, const HttpPlace *place, uint64_t base,
         Buf *headOut)
{
    const HttpRange *range = &place->range;

    cacheReaderInitRange(&request->reader, request->object, range->first - base,
                         range->last - range->first + 1);
    return httpRangeFormat206(cacheObjectHead(request->object), place, headOut);
}

void
proxyReplyParts(ProxyRequest *request, const HttpRangeSet *set,
                const HttpPlace *stored)
{
    const HttpPlace first = {set->ranges[0], stored->total};
    bool isOne = set->count == 1;
    Buf head;

    if (isRefused(request))
        return;
    beginPart(request, isOne ? findType(cacheObjectHead(request->object))
                             : httpSliceText("multipart/byteranges"));
    bufInit(&head, PROXY_OUTPUT_MAX);
    int rc = isOne ? beginOne(request, &first, stored->range.first, &head)
                   : proxyPartsStart(request, set, stored, &head);
    sendMade(request, rc, &head);
}

void
proxyReplyNoPart(ProxyRequest *request, uint64_t length)
{
    char fields[128];

    snprintf(fields, sizeof(fields),
             "Content-Range: bytes */%" PRIu64 "\r\nContent-Length: 0\r\n",
             length);
    proxyReplyBare(request, 416, fields);
}
