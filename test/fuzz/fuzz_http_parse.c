/* fuzz_http_parse.c: any octets are requests or refused; how they are cut
 * into pieces changes nothing; what was understood survives being written
 * and parsed again. The same octets are tried as a response. */
#include "buf.h"
#include "check.h"
#include "fuzz.h"
#include "http_freshness.h"
#include "http_parse.h"
#include "http_url.h"
#include "xalloc.h"

#include <stdlib.h>
#include <string.h>

const char fuzzName[] = "http_parse";

#define MESSAGES_MAX 64
#define TEXT_MAX (8u << 20)

/* All that a parser told of a stream, as one text to compare. */
typedef struct Story {
    HttpParser *parser;
    Buf told;
    unsigned messages;
    bool isOver;
} Story;

static void
tellSlice(Story *story, HttpSlice slice)
{
    CHECK(bufPrintf(&story->told, "%zu:", slice.len) == 0);
    CHECK(bufAppend(&story->told, slice.data, slice.len) == 0);
}

/* As it could be sent on. */
static void
formatRequest(const HttpRequest *request, Buf *out)
{
    CHECK(bufPrintf(out, "%.*s %.*s HTTP/1.%u\r\n",
                    HTTP_SLICE_ARG(request->methodText),
                    HTTP_SLICE_ARG(request->target), request->minor) == 0);
    CHECK(httpHeaderFormat(&request->headers, out) == 0);
    CHECK(bufAppend(out, "\r\n", 2) == 0);
}

static void
checkFields(const HttpHeaders *headers)
{
    const HttpField *field = NULL;

    while ((field = httpHeaderNext(headers, field))) {
        CHECK(httpIsToken(httpFieldName(field)));
        CHECK(httpIsFieldValue(httpFieldValue(field)));
        CHECK(field->id == httpHeaderIdOf(httpFieldName(field)));
    }
}

/* Written and read again it is the same request, and that is all of it. */
static void
checkRoundTrip(const HttpRequest *request)
{
    static const HttpParseLimits roomy = {1 << 16, 1 << 18, 200};
    HttpParser *parser = httpParserCreate(&roomy);
    HttpSlice body;
    size_t used = 0;
    Buf text;
    Buf again;

    bufInit(&text, TEXT_MAX);
    bufInit(&again, TEXT_MAX);
    formatRequest(request, &text);
    CHECK(httpParserFeed(parser, bufData(&text), bufLen(&text), &used, &body) ==
          HTTP_PARSE_HEAD);
    CHECK(used == bufLen(&text));
    const HttpRequest *back = httpParserRequest(parser);
    CHECK(back->framing == request->framing && back->form == request->form);
    CHECK(back->length == request->length);
    CHECK(back->keepAlive == request->keepAlive);
    formatRequest(back, &again);
    CHECK(bufLen(&again) == bufLen(&text) &&
          memcmp(bufData(&again), bufData(&text), bufLen(&text)) == 0);
    bufFini(&text);
    bufFini(&again);
    httpParserDestroy(&parser);
}

static void
tellHead(Story *story, HttpRequest *request)
{
    HttpUrl url;

    CHECK(bufPrintf(&story->told, "head %d %d %d %d ", request->method,
                    request->form, request->framing, request->keepAlive) == 0);
    tellSlice(story, request->target);
    checkFields(&request->headers);
    checkRoundTrip(request);
    if (httpUrlOfRequest(request, HTTP_SCHEME_HTTP, &url) == 0)
        tellSlice(story, url.host);
    CHECK(httpHeaderFormat(&request->headers, &story->told) == 0);
    httpHeaderRemoveHopByHop(&request->headers);
    checkFields(&request->headers);
}

static void
tellEvent(Story *story, HttpParseEvent event, HttpSlice body)
{
    switch (event) {
    case HTTP_PARSE_HEAD:
        tellHead(story, httpParserRequest(story->parser));
        break;
    case HTTP_PARSE_BODY:
        CHECK(body.len > 0);
        CHECK(bufAppend(&story->told, body.data, body.len) == 0);
        break;
    case HTTP_PARSE_DONE:
        CHECK(bufPrintf(&story->told, "done ") == 0);
        story->isOver = ++story->messages == MESSAGES_MAX;
        httpParserNext(story->parser);
        break;
    case HTTP_PARSE_ERROR:
        CHECK(httpParserError(story->parser) != HTTP_PARSE_ERROR_NONE);
        CHECK(bufPrintf(&story->told, "error %d",
                        httpParserError(story->parser)) == 0);
        story->isOver = true;
        break;
    default:
        break;
    }
}

/* In memory exactly as large as promised: a sanitizer sees one octet more. */
static void
feedPiece(Story *story, const uint8_t *data, size_t len)
{
    char *piece = xmalloc(len);
    HttpParseEvent event = HTTP_PARSE_BODY;
    size_t at = 0;

    memcpy(piece, data, len);
    while (!story->isOver && event != HTTP_PARSE_MORE) {
        HttpSlice body = {0};
        size_t used = 0;
        event =
            httpParserFeed(story->parser, piece + at, len - at, &used, &body);
        CHECK(used <= len - at);
        at += used;
        CHECK(event != HTTP_PARSE_MORE || at == len);
        tellEvent(story, event, body);
    }
    free(piece);
}

static void
initStory(Story *story, const uint8_t *data, size_t size, size_t pieceLen)
{
    *story = (Story){.parser = httpParserCreate(NULL)};
    bufInit(&story->told, TEXT_MAX);
    while (size && !story->isOver) {
        size_t len = size < pieceLen ? size : pieceLen;
        feedPiece(story, data, len);
        data += len;
        size -= len;
    }
}

static void
finiStory(Story *story)
{
    bufFini(&story->told);
    httpParserDestroy(&story->parser);
}

static void
checkRequests(const uint8_t *data, size_t size, size_t pieceLen)
{
    Story whole;
    Story pieces;

    initStory(&whole, data, size, size);
    initStory(&pieces, data, size, pieceLen);
    CHECK(bufLen(&whole.told) == bufLen(&pieces.told));
    CHECK(bufLen(&whole.told) == 0 ||
          memcmp(bufData(&whole.told), bufData(&pieces.told),
                 bufLen(&whole.told)) == 0);
    finiStory(&whole);
    finiStory(&pieces);
}

static void
checkResponse(const uint8_t *data, size_t size)
{
    HttpRequest request = {.method = HTTP_METHOD_GET};
    HttpResponse response;
    HttpFreshness freshness;
    HttpExchange exchange = {.request = &request,
                             .response = &response,
                             .requestTime = 1000,
                             .responseTime = 1001,
                             .isTargeted = true};

    httpRequestInit(&request, 0);
    httpResponseInit(&response, HTTP_HEADER_TEXT_MAX);
    if (httpResponseParse(&response, 200,
                          httpSlice((const char *)data, size)) == 0) {
        checkFields(&response.headers);
        httpFreshnessStorable(&exchange, &freshness);
        CHECK(httpFreshnessAge(&freshness, 1001) >= 0);
        CHECK(freshness.lifetime >= 0);
        httpFreshnessUse(&freshness, &response.headers, 2000, NULL);
        httpCacheControlRemoveFields(&response.headers);
        checkFields(&response.headers);
    }
    httpResponseFini(&response);
    httpRequestFini(&request);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    checkRequests(data + 1, size - 1, 1 + data[0] % 32u);
    checkResponse(data + 1, size - 1);
    return 0;
}
