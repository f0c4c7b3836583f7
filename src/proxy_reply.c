/* Sending replies to clients. DEBUG: section 33 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "debug.h"
#include "http_date.h"
#include "proxy_priv.h"

#define EARLY_MAX (16 * 1024)
#define ROUNDS_PER_TURN 8

/* An early head and a final one, with what is added, find room. */
_Static_assert(2 * CONFIG_HEAD_MAX + EARLY_MAX + AUTH_TOKEN_MAX <
                   PROXY_OUTPUT_MAX - 1024,
               "room for heads");

static bool
isHead(const ProxyRequest *request)
{
    return request->http->method == HTTP_METHOD_HEAD;
}

void
proxyReplyBegin(ProxyRequest *request, int status)
{
    ProxyReply *reply = &request->reply;
    const ProxyClient *client = request->client;

    reply->status = status;
    if (!proxyRequestIsBodyDone(request) || request->proxy->isStopping ||
        (client->isHalfClosed && proxyClientInput(client).len == 0))
        reply->keepAlive = false;
    proxyClientSetState(request->client, PROXY_CLIENT_REPLY, "head");
}

const char *
proxyReplyConnection(const ProxyRequest *request)
{
    if (!request->reply.keepAlive)
        return "Connection: close\r\n";
    return request->http->minor == 0 ? "Connection: keep-alive\r\n" : "";
}

void
proxyReplyType(ProxyRequest *request, HttpSlice type)
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
    streamReset(&client->stream);
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
    streamWaitWrite(&client->stream, onWritable, client);
    proxyClientArmTimeout(client, client->proxy->config->writeTimeoutMs);
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

/* What has a length was refused before. */
static bool
isTooLarge(const ProxyRequest *request)
{
    return request->reply.bodyMax > 0 &&
           cacheObjectAvailable(request->object) > request->reply.bodyMax;
}

/* The reader has got to where nothing is yet. */
static bool
isMoreToCome(const ProxyRequest *request, int error)
{
    return error == -EAGAIN ||
           (error == -ECANCELED && request->leader != NULL);
}

static void
cutShort(ProxyRequest *request, int error)
{
    const char *why = "the origin's answer came to no end";

    if (error == -EFBIG)
        why = "larger than reply_body_max_size";
    else if (error == -EIO)
        why = "the stored body cannot be read";
    debug(DBG_CLIENT, error == -EIO ? 1 : 2, "%s: cut short: %s",
          request->urlText.data, why);
    request->reply.isReset = request->reply.isComplete = true;
}

int
proxyReplyPeek(ProxyRequest *request, struct iovec *iov, int max)
{
    int count = isTooLarge(request)
                    ? -EFBIG
                    : cacheReaderPeek(&request->reader, iov, max);

    if (count > 0)
        return count;
    if (count == 0)
        proxyReplyEnd(request);
    else if (!isMoreToCome(request, count))
        cutShort(request, count);
    return 0;
}

/* What arrives without a length is sent in chunks. */
static void
frameStored(ProxyRequest *request)
{
    Buf *out = &request->client->out;
    struct iovec piece;

    while (!request->reply.isComplete && proxyReplyHasRoom(request) &&
           proxyReplyPeek(request, &piece, 1) > 0) {
        bufPrintf(out, "%zx\r\n", piece.iov_len);
        int rc = bufAppend(out, piece.iov_base, piece.iov_len);
        if (rc == 0)
            rc = bufAppend(out, "\r\n", 2);
        CHECK(rc == 0); /* HIGH and a store's chunk are below MAX */
        cacheReaderAdvance(&request->reader, piece.iov_len);
    }
}

static int
gather(ProxyClient *client, struct iovec iov[PROXY_PIECES])
{
    ProxyRequest *request = client->request;
    bool isStored = request->reply.source == PROXY_SOURCE_STORE &&
                    !request->reply.isReset;
    int count = 0;

    if (request->parts != NULL && !request->reply.isReset)
        proxyPartsGoOn(request);
    if (isStored && request->reply.isChunked)
        frameStored(request);
    if (bufLen(&client->out) > 0)
        iov[count++] = (struct iovec){.iov_base = bufData(&client->out),
                                      .iov_len = bufLen(&client->out)};
    if (isStored && !request->reply.isChunked)
        count += proxyReplyPeek(request, iov + count, PROXY_PIECES - count);
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
    else if (request->leader != NULL)
        proxyFetchResume(request->leader);
}

void
proxyReplyFlush(ProxyClient *client)
{
    struct iovec iov[PROXY_PIECES];
    int count;

    if (client->isWriteArmed || client->request == NULL)
        return;
    for (int round = 0; (count = gather(client, iov)) > 0; round++) {
        ssize_t n = round < ROUNDS_PER_TURN
                        ? streamWritev(&client->stream, iov, count)
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
    ProxyTail tail = {.len = 0};

    proxyAnswerKeep(request, &response->headers);
    if (proxyAnswerRefuse(request, response->status,
                          response->framing == HTTP_FRAMING_LENGTH
                              ? response->length
                              : CACHE_LENGTH_UNKNOWN))
        return;
    proxyReplyBegin(request, response->status);
    proxyHeaderChangeReply(request, &response->headers);
    chooseFraming(request, response);
    reply->source = PROXY_SOURCE_FETCH;
    proxyReplyType(request,
                   httpHeaderGet(&response->headers, HTTP_HEADER_CONTENT_TYPE));
    proxyStatusPut(reply, 0, &tail);
    int rc = httpResponseFormatHead(response, out);
    if (rc == 0)
        rc = bufPrintf(out, "%s%.*s%s%s%s\r\n", request->proxy->statusText,
                       (int)tail.len, tail.text,
                       reply->isChunked ? "Transfer-Encoding: chunked\r\n" : "",
                       request->authInfo != NULL ? request->authInfo : "",
                       proxyReplyConnection(request));
    CHECK(rc == 0); /* the buffer is larger than any head */
    commDefer(&request->client->flush);
}

bool
proxyReplyHasRoom(const ProxyRequest *request)
{
    return bufLen(&request->client->out) <= PROXY_OUTPUT_HIGH;
}

void
proxyReplyBody(ProxyRequest *request, const char *octets, size_t len)
{
    Buf *out = &request->client->out;
    const ProxyReply *reply = &request->reply;

    if (isHead(request) || len == 0 || reply->isReset)
        return;
    if (reply->bodyMax > 0 && reply->originOctets + len > reply->bodyMax) {
        debug(DBG_CLIENT, 2, "%s: cut short: larger than reply_body_max_size",
              request->urlText.data);
        proxyReplyAbort(request);
        return;
    }
    if (request->reply.isChunked)
        bufPrintf(out, "%zx\r\n", len);
    int rc = bufAppend(out, octets, len);
    if (request->reply.isChunked && rc == 0)
        rc = bufAppend(out, "\r\n", 2);
    CHECK(rc == 0); /* HIGH and one piece are below MAX */
    commDefer(&request->client->flush);
}

void
proxyReplyEnd(ProxyRequest *request)
{
    if (request->reply.isReset || request->reply.isComplete)
        return;
    Buf *out = &request->client->out;

    request->reply.isComplete = true;
    if (request->reply.isChunked &&
        bufPrintf(out, "0\r\n%s\r\n",
                  request->trailer != NULL ? request->trailer : "") < 0)
        request->reply.isReset = true;
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

void
proxyReplyPage(ProxyRequest *request, ErrorPageInfo *info)
{
    dropFetch(request);
    /* A head that was not understood leaves us out of step. */
    if (request->method == NULL)
        request->reply.keepAlive = false;
    proxyErrorFill(request, info);
    info->headOnly = isHead(request);
    request->reply.error = errorPageNameOf(info);
    proxyReplyBegin(request, info->status > 0 ? info->status
                                              : errorPageStatus(info->id));
    request->reply.isComplete = true;
    info->keepAlive = request->reply.keepAlive;
    proxyReplyType(request, httpSliceText("text/html"));
    int rc = errorPageFormat(&request->client->out, info);
    CHECK(rc == 0);
    proxyReplyFlush(request->client);
}

void
proxyReplyError(ProxyRequest *request, ErrorPageId id, const char *detail)
{
    ErrorPageInfo info = {
        .id = id, .detail = detail, .fields = request->authInfo};

    proxyReplyPage(request, &info);
}

void
proxyReplyDemand(ProxyRequest *request, const char *fields)
{
    ErrorPageInfo info = {.id = ERR_CACHE_ACCESS_DENIED,
                          .detail = request->facts.message,
                          .fields = fields};

    proxyReplyPage(request, &info);
}

void
proxyReplyBare(ProxyRequest *request, int status, const char *fields)
{
    Buf *out = &request->client->out;
    char date[HTTP_DATE_SIZE];

    proxyReplyBegin(request, status);
    request->reply.isComplete = true;
    httpDateFormat(commWallUs() / 1000000, date);
    int rc = bufPrintf(out, "HTTP/1.1 %d %s\r\nDate: %s\r\n%s%s\r\n", status,
                       httpStatusReason(status), date, fields,
                       proxyReplyConnection(request));
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
proxyReplyLocation(ProxyRequest *request, int status, HttpSlice url)
{
    Buf fields;

    bufInit(&fields, 4 * HTTP_URL_MAX);
    bufPrintf(&fields, "Location: ");
    appendEscaped(&fields, url);
    bufPrintf(&fields, "\r\nContent-Length: 0\r\n");
    bufAppend(&fields, "", 1);
    proxyReplyBare(request, status, bufData(&fields));
    bufFini(&fields);
}

void
proxyReplyRedirect(ProxyRequest *request, int status, HttpSlice url)
{
    request->reply.result = ACCESS_REDIRECT;
    proxyReplyLocation(request, status, url);
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
