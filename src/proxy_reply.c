/* Sending replies to clients. DEBUG: section 33 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "debug.h"
#include "http_date.h"
#include "proxy_priv.h"

#define PIECES 14
#define TAIL_MAX (PROXY_STATUS_MAX + 128)
#define EARLY_MAX (16 * 1024)
#define ROUNDS_PER_TURN 8
#define WRITE_TIMEOUT_MS (15 * 60 * 1000)

/* An early head and a final one, with what is added, find room. */
_Static_assert(2 * CONFIG_HEAD_MAX + EARLY_MAX + AUTH_TOKEN_MAX <
                   PROXY_OUTPUT_MAX - 1024,
               "room for heads");

typedef struct Tail {
    char text[TAIL_MAX];
    size_t len;
} Tail;

static bool
isHead(const ProxyRequest *request)
{
    return request->http->method == HTTP_METHOD_HEAD;
}

/* What the connection becomes after this reply is decided here. */
static void
begin(ProxyRequest *request, int status)
{
    ProxyReply *reply = &request->reply;
    const ProxyClient *client = request->client;

    reply->status = status;
    if (!proxyRequestIsBodyDone(request) || request->proxy->isStopping ||
        (client->isHalfClosed && proxyClientInput(client).len == 0))
        reply->keepAlive = false;
    proxyClientSetState(request->client, PROXY_CLIENT_REPLY, "head");
}

static const char *
connectionField(const ProxyRequest *request)
{
    if (!request->reply.keepAlive)
        return "Connection: close\r\n";
    return request->http->minor == 0 ? "Connection: keep-alive\r\n" : "";
}

static void
rememberType(ProxyRequest *request, HttpSlice type)
{
    ProxyReply *reply = &request->reply;

    if (type.data == NULL)
        return;
    if (type.len >= sizeof(reply->contentType))
        type.len = sizeof(reply->contentType) - 1;
    memcpy(reply->contentType, type.data, type.len);
    reply->contentType[type.len] = '\0';
}

static void
finish(ProxyClient *client)
{
    if (!client->request->reply.isReset) {
        proxyRequestFinish(client->request);
        return;
    }
    /* An RST tells the client even where the end alone would look fine. */
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    proxyClientClose(client, ACCESS_END_OK, "reply is incomplete");
}

static void
onWritable(int fd, void *data)
{
    ProxyClient *client = data;

    (void)fd;
    CHECK_OBJ(client, PROXY_CLIENT_MAGIC);
    client->isWriteArmed = false;
    proxyReplyFlush(client);
}

static void
armWrite(ProxyClient *client)
{
    if (client->isWriteArmed)
        return;
    client->isWriteArmed = client->isSlow = true;
    commSetSelect(client->fd, COMM_SELECT_WRITE, onWritable, client, 0);
    proxyClientArmTimeout(client, WRITE_TIMEOUT_MS);
}

/* Count what the kernel took; the output buffer goes first. */
static void
noteSent(ProxyClient *client, size_t len)
{
    ProxyRequest *request = client->request;
    size_t held = bufLen(&client->out);
    size_t fromOut = len < held ? len : held;

    request->reply.sent += len;
    client->proxy->stats.octetsOut += len;
    if (fromOut > 0)
        bufConsume(&client->out, fromOut);
    if (len > fromOut)
        cacheReaderAdvance(&request->reader, len - fromOut);
    if (client->isHalfClosed)
        proxyClientArmTimeout(client, 0);
}

/* Up to max pieces of the stored body; none when it cannot be read. */
static int
peekStored(ProxyRequest *request, struct iovec *iov, int max)
{
    int count = cacheReaderPeek(&request->reader, iov, max);

    if (count >= 0)
        return count;
    debug(DBG_CLIENT, 1, "%s: cut short: the stored body cannot be read",
          request->urlText.data);
    request->reply.isReset = true;
    return 0;
}

static int
gather(ProxyClient *client, struct iovec iov[PIECES])
{
    ProxyRequest *request = client->request;
    int count = 0;

    if (bufLen(&client->out) > 0)
        iov[count++] = (struct iovec){.iov_base = bufData(&client->out),
                                      .iov_len = bufLen(&client->out)};
    if (request->reply.source == PROXY_SOURCE_STORE && !request->reply.isReset)
        count += peekStored(request, iov + count, PIECES - count);
    return count;
}

/* All that could be sent was. */
static void
afterFlush(ProxyClient *client)
{
    ProxyRequest *request = client->request;

    if (client->out.base != NULL)
        bufFini(&client->out);
    if (client->isSlow && !request->reply.isComplete)
        proxyClientArmTimeout(client, 0);
    client->isSlow = false;
    if (request->reply.isComplete)
        finish(client);
    else if (request->fetch != NULL)
        proxyFetchResume(request->fetch);
}

void
proxyReplyFlush(ProxyClient *client)
{
    struct iovec iov[PIECES];
    int count;

    if (client->isWriteArmed || client->request == NULL)
        return;
    for (int round = 0; (count = gather(client, iov)) > 0; round++) {
        ssize_t n = round < ROUNDS_PER_TURN ? writev(client->fd, iov, count)
                                            : (errno = EAGAIN, -1);
        if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
            armWrite(client);
            return;
        }
        if (n == -1) {
            proxyClientClose(client, ACCESS_END_ABORTED, strerror(errno));
            return;
        }
        noteSent(client, (size_t)n);
    }
    afterFlush(client);
}

static int64_t
ageOf(const ProxyRequest *request)
{
    return httpFreshnessAge(cacheObjectFreshness(request->object),
                            commWallUs() / 1000000);
}

static void
put(Tail *tail, const char *text, size_t len)
{
    memcpy(tail->text + tail->len, text, len);
    tail->len += len;
}

static void
putNumber(Tail *tail, uint64_t value)
{
    char digits[24];
    size_t at = sizeof(digits);

    do
        digits[--at] = (char)('0' + value % 10);
    while ((value /= 10) > 0);
    put(tail, digits + at, sizeof(digits) - at);
}

/* What a stored head lacks; written for each hit, so without printf. */
static HttpSlice
formatTail(const ProxyRequest *request, Tail *tail)
{
    const char *connection = connectionField(request);
    HttpSlice field = request->proxy->statusField;
    HttpSlice reason = proxyStatusReason(request->reply.cacheStatus);

    tail->len = 0;
    put(tail, "Age: ", 5);
    putNumber(tail, (uint64_t)ageOf(request));
    put(tail, "\r\n", 2);
    put(tail, field.data, field.len);
    put(tail, reason.data, reason.len);
    put(tail, connection, strlen(connection));
    put(tail, "\r\n", 2);
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
    struct iovec iov[PIECES];
    size_t headLen = head.len + tail.len;
    int count = 2;

    iov[0] = pieceOf(head);
    iov[1] = pieceOf(tail);
    if (request->reply.source == PROXY_SOURCE_STORE)
        count += peekStored(request, iov + count, PIECES - count);
    ssize_t n = writev(client->fd, iov, count);
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

/* A stored head does not end yet, so one more field can follow it. */
static void
sendStoredWith(ProxyRequest *request, HttpSlice head, HttpSlice tail)
{
    Buf *out = &request->client->out;

    if (bufAppend(out, head.data, head.len) < 0 ||
        bufAppend(out, request->authInfo, strlen(request->authInfo)) < 0 ||
        bufAppend(out, tail.data, tail.len) < 0)
        request->reply.isReset = true;
    proxyReplyFlush(request->client);
}

void
proxyReplyStored(ProxyRequest *request)
{
    CacheObject *object = request->object;
    HttpSlice head = cacheObjectHead(object);
    Tail tail;

    begin(request, cacheObjectStatus(object));
    request->reply.isComplete = true;
    rememberType(request, findType(head));
    if (!isHead(request)) {
        request->reply.source = PROXY_SOURCE_STORE;
        cacheReaderInit(&request->reader, object);
    }
    if (request->authInfo != NULL)
        sendStoredWith(request, head, formatTail(request, &tail));
    else
        sendStored(request, head, formatTail(request, &tail));
}

void
proxyReplyNotModified(ProxyRequest *request)
{
    Buf *out = &request->client->out;
    Tail tail;

    begin(request, 304);
    request->reply.isComplete = true;
    HttpSlice text = formatTail(request, &tail);
    if (httpCondFormat304(cacheObjectHead(request->object), out) < 0 ||
        bufAppend(out, text.data, text.len) < 0)
        request->reply.isReset = true;
    proxyReplyFlush(request->client);
}

/* How the client will know the end of the body. */
static void
chooseFraming(ProxyRequest *request, HttpResponse *response)
{
    ProxyReply *reply = &request->reply;
    bool isBare = isHead(request) || httpStatusIsBodyless(response->status);

    httpHeaderRemove(&response->headers, HTTP_HEADER_TRANSFER_ENCODING);
    if (isBare || response->framing == HTTP_FRAMING_LENGTH)
        return;
    httpHeaderRemove(&response->headers, HTTP_HEADER_CONTENT_LENGTH);
    if (request->http->minor > 0)
        reply->isChunked = true;
    else
        reply->keepAlive = false;
}

void
proxyReplyOrigin(ProxyRequest *request, HttpResponse *response)
{
    ProxyReply *reply = &request->reply;
    Buf *out = &request->client->out;

    begin(request, response->status);
    chooseFraming(request, response);
    reply->source = PROXY_SOURCE_FETCH;
    rememberType(request,
                 httpHeaderGet(&response->headers, HTTP_HEADER_CONTENT_TYPE));
    int rc = httpResponseFormatHead(response, out);
    if (rc == 0)
        rc = bufPrintf(out, "%s%s%s%s%s\r\n", request->proxy->statusText,
                       proxyStatusReason(reply->cacheStatus).data,
                       reply->isChunked ? "Transfer-Encoding: chunked\r\n" : "",
                       request->authInfo != NULL ? request->authInfo : "",
                       connectionField(request));
    CHECK(rc == 0); /* the buffer is larger than any head */
    commDefer(&request->client->flush);
}

bool
proxyReplyBody(ProxyRequest *request, const char *octets, size_t len)
{
    Buf *out = &request->client->out;

    if (bufLen(out) > PROXY_OUTPUT_HIGH)
        return false;
    if (isHead(request) || len == 0)
        return true;
    if (request->reply.isChunked)
        bufPrintf(out, "%zx\r\n", len);
    int rc = bufAppend(out, octets, len);
    if (request->reply.isChunked && rc == 0)
        rc = bufAppend(out, "\r\n", 2);
    CHECK(rc == 0); /* HIGH and one piece are below MAX */
    commDefer(&request->client->flush);
    return true;
}

void
proxyReplyEnd(ProxyRequest *request)
{
    request->reply.isComplete = true;
    if (request->reply.isChunked)
        bufAppend(&request->client->out, "0\r\n\r\n", 5);
    commDefer(&request->client->flush);
}

void
proxyReplyAbort(ProxyRequest *request)
{
    request->reply.isComplete = request->reply.isReset = true;
    commDefer(&request->client->flush);
}

/* A reply that we make ourselves ends whatever was going on. */
static void
dropFetch(ProxyRequest *request)
{
    ProxyFetch *fetch = request->fetch;

    request->fetch = NULL;
    if (fetch != NULL)
        proxyFetchCancel(fetch);
}

static void
sendPage(ProxyRequest *request, ErrorPageId id, const char *detail,
         const char *fields)
{
    ErrorPageInfo info = {
        .id = id,
        .url = request->urlText.data,
        .detail = detail,
        .fields = fields,
        .hostname = request->config->visibleHostname,
        .wallUs = commWallUs(),
        .headOnly = isHead(request),
    };

    dropFetch(request);
    /* A head that was not understood leaves us out of step. */
    if (request->method == NULL)
        request->reply.keepAlive = false;
    begin(request, errorPageStatus(id));
    request->reply.isComplete = true;
    info.keepAlive = request->reply.keepAlive;
    rememberType(request, httpSliceText("text/html"));
    int rc = errorPageFormat(&request->client->out, &info);
    CHECK(rc == 0);
    proxyReplyFlush(request->client);
}

void
proxyReplyError(ProxyRequest *request, ErrorPageId id, const char *detail)
{
    sendPage(request, id, detail, request->authInfo);
}

void
proxyReplyDemand(ProxyRequest *request, const char *fields)
{
    sendPage(request, ERR_CACHE_ACCESS_DENIED, request->facts.message, fields);
}

void
proxyReplyBare(ProxyRequest *request, int status, const char *fields)
{
    Buf *out = &request->client->out;
    char date[HTTP_DATE_SIZE];

    begin(request, status);
    request->reply.isComplete = true;
    httpDateFormat(commWallUs() / 1000000, date);
    int rc = bufPrintf(out, "HTTP/1.1 %d %s\r\nDate: %s\r\n%s%s\r\n", status,
                       httpStatusReason(status), date, fields,
                       connectionField(request));
    CHECK(rc == 0);
    proxyReplyFlush(request->client);
}

/* Blanks and octets above ASCII, which a field may have but a URL not. */
static void
appendEscaped(Buf *out, HttpSlice url)
{
    for (size_t i = 0; i < url.len; i++) {
        unsigned char octet = (unsigned char)url.data[i];
        if (octet <= 0x20 || octet >= 0x7f)
            bufPrintf(out, "%%%02X", octet);
        else
            bufAppend(out, &url.data[i], 1);
    }
}

void
proxyReplyRedirect(ProxyRequest *request, int status, HttpSlice url)
{
    Buf fields;

    bufInit(&fields, 4 * HTTP_URL_MAX);
    bufPrintf(&fields, "Location: ");
    appendEscaped(&fields, url);
    bufPrintf(&fields, "\r\nContent-Length: 0\r\n");
    bufAppend(&fields, "", 1);
    request->reply.result = ACCESS_REDIRECT;
    proxyReplyBare(request, status, bufData(&fields));
    bufFini(&fields);
}

void
proxyReplyEarly(ProxyRequest *request, const HttpResponse *response)
{
    Buf *out = &request->client->out;

    /* One that a slow client has no room for is not worth waiting. */
    if (request->http->minor == 0 || request->reply.status != 0 ||
        bufLen(out) > 0)
        return;
    if (httpResponseFormatHead(response, out) < 0 ||
        bufAppend(out, "\r\n", 2) < 0 || bufLen(out) > EARLY_MAX)
        bufClear(out);
    commDefer(&request->client->flush);
}

void
proxyReplyContinue(ProxyRequest *request)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";

    if (!request->body.is100Wanted || request->reply.status != 0)
        return;
    request->body.is100Wanted = false;
    bufAppend(&request->client->out, text, sizeof(text) - 1);
    commDefer(&request->client->flush);
}
