/* h2_reply.c: an answer in HTTP/1.1, of our own server, in events. */
#include "h2_priv.h"

#include <string.h>

void
h2ReplyInit(H2Reply *reply, const H2Request *request)
{
    *reply = (H2Reply){
        .isBodyless = h2RequestIs(request, "HEAD"),
        .isTunnel = h2RequestIs(request, "CONNECT"),
    };
    httpResponseInit(&reply->response, H2_FIELDS_MAX);
    httpResponseInit(&reply->trailer, H2_FIELDS_MAX);
    bufInit(&reply->trailerText, H2_FIELDS_MAX);
    httpChunkInit(&reply->chunk);
}

void
h2ReplyFini(H2Reply *reply)
{
    httpResponseFini(&reply->response);
    httpResponseFini(&reply->trailer);
    bufFini(&reply->trailerText);
}

/* How the body of this very answer ends. */
static void
settleFraming(H2Reply *reply)
{
    const HttpResponse *response = &reply->response;

    reply->framing = response->framing;
    reply->left = response->length;
    if (reply->isTunnel && response->status / 100 == 2)
        reply->framing = HTTP_FRAMING_CLOSE;
    else if (reply->isBodyless || httpStatusIsBodyless(response->status))
        reply->framing = HTTP_FRAMING_NONE;
    if (reply->framing == HTTP_FRAMING_LENGTH && reply->left == 0)
        reply->framing = HTTP_FRAMING_NONE;
}

/* "HTTP/1.1 200 OK" and the fields, up to the empty line. */
static bool
parseHead(H2Reply *reply, HttpSlice head)
{
    const char *end = memchr(head.data, '\n', head.len);
    const char *blank = memchr(head.data, ' ', head.len);
    uint64_t status;

    if (end == NULL || blank == NULL || end - blank < 4 ||
        !httpSliceParseUint(httpSlice(blank + 1, 3), 999, &status))
        return false;
    head.len -= (size_t)(end + 1 - head.data);
    head.data = end + 1;
    if (httpResponseParse(&reply->response, (int)status, head) !=
        HTTP_PARSE_ERROR_NONE)
        return false;
    settleFraming(reply);
    h2FieldsDrop(&reply->response.headers);
    return true;
}

static H2ReplyEvent
feedHead(H2Reply *reply, const char *data, size_t len, size_t *usedOut)
{
    const char *end = memmem(data, len, "\r\n\r\n", 4);

    if (end == NULL)
        return len < H2_FIELDS_MAX ? H2_REPLY_MORE : H2_REPLY_ERROR;
    if (!parseHead(reply, httpSlice(data, (size_t)(end - data) + 2)))
        return H2_REPLY_ERROR;
    *usedOut = (size_t)(end - data) + 4;
    if (reply->response.status < 200)
        return H2_REPLY_INTERIM;
    reply->hasHead = true;
    return H2_REPLY_HEAD;
}

static H2ReplyEvent
finish(H2Reply *reply)
{
    HttpSlice text =
        httpSlice(bufData(&reply->trailerText), bufLen(&reply->trailerText));

    if (text.len > 0 && httpResponseParse(&reply->trailer, 200, text) !=
                            HTTP_PARSE_ERROR_NONE)
        return H2_REPLY_ERROR;
    reply->isDone = true;
    return H2_REPLY_DONE;
}

static bool
isInTrailer(const HttpChunk *chunk)
{
    return chunk->state == HTTP_CHUNK_TRAILER_NAME ||
           chunk->state == HTTP_CHUNK_TRAILER_VALUE ||
           chunk->state == HTTP_CHUNK_TRAILER_LF;
}

/* One octet between chunks, so that those of the trailer can be kept. */
static H2ReplyEvent
feedBetween(H2Reply *reply, const char *data)
{
    HttpSlice none;
    size_t used = 0;
    bool wasInTrailer = isInTrailer(&reply->chunk);
    HttpParseEvent event =
        httpChunkFeed(&reply->chunk, data, 1, &used, &none);

    if (event == HTTP_PARSE_ERROR)
        return H2_REPLY_ERROR;
    if ((wasInTrailer || isInTrailer(&reply->chunk)) &&
        bufAppend(&reply->trailerText, data, 1) < 0)
        return H2_REPLY_ERROR;
    return event == HTTP_PARSE_DONE ? finish(reply) : H2_REPLY_MORE;
}

static H2ReplyEvent
feedChunks(H2Reply *reply, const char *data, size_t len, size_t *usedOut,
           HttpSlice *bodyOut)
{
    H2ReplyEvent event = H2_REPLY_MORE;
    size_t used;

    while (event == H2_REPLY_MORE && *usedOut < len) {
        if (reply->chunk.state != HTTP_CHUNK_DATA) {
            event = feedBetween(reply, data + (*usedOut)++);
            continue;
        }
        used = 0;
        if (httpChunkFeed(&reply->chunk, data + *usedOut, len - *usedOut,
                          &used, bodyOut) != HTTP_PARSE_BODY)
            return H2_REPLY_ERROR;
        *usedOut += used;
        event = H2_REPLY_BODY;
    }
    return event;
}

static H2ReplyEvent
feedPlain(H2Reply *reply, const char *data, size_t len, size_t *usedOut,
          HttpSlice *bodyOut)
{
    bool isCounted = reply->framing == HTTP_FRAMING_LENGTH;

    if (isCounted && reply->left == 0)
        return finish(reply);
    if (len == 0)
        return H2_REPLY_MORE;
    if (isCounted && len > reply->left)
        len = (size_t)reply->left;
    reply->left -= isCounted ? len : 0;
    *usedOut = len;
    *bodyOut = httpSlice(data, len);
    return H2_REPLY_BODY;
}

H2ReplyEvent
h2ReplyFeed(H2Reply *reply, const char *data, size_t len, size_t *usedOut,
            HttpSlice *bodyOut)
{
    *usedOut = 0;
    if (!reply->hasHead)
        return feedHead(reply, data, len, usedOut);
    if (reply->framing == HTTP_FRAMING_NONE)
        return finish(reply);
    if (reply->framing == HTTP_FRAMING_CHUNKED)
        return feedChunks(reply, data, len, usedOut, bodyOut);
    return feedPlain(reply, data, len, usedOut, bodyOut);
}

bool
h2ReplyEnd(H2Reply *reply)
{
    if (reply->hasHead && reply->framing == HTTP_FRAMING_CLOSE)
        reply->isDone = true;
    return reply->isDone;
}
