/* http_parse.c: requests out of a stream of octets. */
#include "http_parse.h"

#include <stdlib.h>

#include "check.h"
#include "http_chunk.h"
#include "http_priv.h"
#include "xalloc.h"

#define PARSER_MAGIC 0x48505253u
#define EMPTY_LINES_MAX 8

/* Room in the arena beyond the head, for what a proxy adds. */
#define ADDED_TEXT_MAX (16 * 1024)

typedef enum ParserState {
    PARSER_START, /* empty lines are skipped */
    PARSER_HEAD,
    PARSER_LENGTH, /* body with Content-Length */
    PARSER_CHUNKED,
    PARSER_DONE,
    PARSER_FAILED,
    PARSER_STATE_COUNT
} ParserState;

struct HttpParser {
    uint32_t magic;
    ParserState state;
    HttpParseError error;
    bool hasCr;          /* a CR of an empty line was read */
    unsigned emptyLines; /* skipped before this request */
    HttpParseLimits limits;
    HttpHeadScan scan;
    Buf head;      /* a head that came in pieces */
    uint64_t left; /* of a body with Content-Length */
    HttpChunk chunk;
    HttpRequest request;
};

static const HttpParseLimits usualLimits = {
    .lineMax = 8 * 1024,
    .headMax = 64 * 1024,
    .fieldsMax = 128,
};

static const struct {
    int status;
    const char *reason;
} errors[HTTP_PARSE_ERROR_COUNT] = {
#define X(id, status, reason) [HTTP_PARSE_ERROR_##id] = {status, reason},
    HTTP_PARSE_ERRORS(X)
#undef X
};

HttpParser *
httpParserCreate(const HttpParseLimits *limits)
{
    HttpParser *parser = xcalloc(1, sizeof(*parser));

    parser->magic = PARSER_MAGIC;
    parser->limits = limits ? *limits : usualLimits;
    CHECK(parser->limits.fieldsMax < HTTP_HEADER_FIELDS_MAX);
    bufInit(&parser->head, parser->limits.headMax);
    httpRequestInit(&parser->request, parser->limits.headMax + ADDED_TEXT_MAX);
    return parser;
}

void
httpParserDestroy(HttpParser **parser)
{
    HttpParser *self = *parser;

    if (!self)
        return;
    CHECK_OBJ(self, PARSER_MAGIC);
    *parser = NULL;
    bufFini(&self->head);
    httpRequestFini(&self->request);
    CHECK_OBJ_CLEAR(self);
    free(self);
}

void
httpParserNext(HttpParser *parser)
{
    CHECK_OBJ(parser, PARSER_MAGIC);
    parser->state = PARSER_START;
    parser->error = HTTP_PARSE_ERROR_NONE;
    parser->hasCr = false;
    parser->emptyLines = 0;
    parser->scan = (HttpHeadScan){0};
    bufFini(&parser->head);
    httpRequestReset(&parser->request);
}

static HttpParseEvent
fail(HttpParser *parser, HttpParseError error)
{
    parser->error = error;
    parser->state = PARSER_FAILED;
    return HTTP_PARSE_ERROR;
}

/* One octet before a request. RFC 9112 2.2 asks for tolerance here. */
static HttpParseError
skipOctet(HttpParser *parser, char c)
{
    if (parser->hasCr) {
        parser->hasCr = false;
        if (c != '\n')
            return HTTP_PARSE_ERROR_BARE_CR;
        return ++parser->emptyLines > EMPTY_LINES_MAX
                   ? HTTP_PARSE_ERROR_MALFORMED
                   : HTTP_PARSE_ERROR_NONE;
    }
    if (c == '\n')
        return HTTP_PARSE_ERROR_BARE_LF;
    if (c == '\r')
        parser->hasCr = true;
    else
        parser->state = PARSER_HEAD;
    return HTTP_PARSE_ERROR_NONE;
}

static HttpParseEvent
feedStart(HttpParser *parser, HttpSlice data, size_t *usedOut)
{
    size_t used = 0;

    while (parser->state == PARSER_START && used < data.len) {
        HttpParseError error = skipOctet(parser, data.data[used]);
        if (error)
            return fail(parser, error);
        used += parser->state == PARSER_START;
    }
    *usedOut = used;
    return HTTP_PARSE_MORE;
}

static void
startBody(HttpParser *parser)
{
    switch (parser->request.framing) {
    case HTTP_FRAMING_CHUNKED:
        httpChunkInit(&parser->chunk);
        parser->state = PARSER_CHUNKED;
        break;
    case HTTP_FRAMING_LENGTH:
        parser->left = parser->request.length;
        parser->state = parser->left ? PARSER_LENGTH : PARSER_DONE;
        break;
    default:
        parser->state = PARSER_DONE;
        break;
    }
}

static HttpParseEvent
finishHead(HttpParser *parser, HttpSlice head)
{
    HttpParseError error =
        httpHeadParse(&parser->request, head, parser->scan.lineLen);

    if (error)
        return fail(parser, error);
    bufFini(&parser->head);
    startBody(parser);
    return HTTP_PARSE_HEAD;
}

/* The head goes on: keep the octets and look at them together. */
static HttpParseEvent
collectHead(HttpParser *parser, HttpSlice data, size_t *usedOut)
{
    size_t before = bufLen(&parser->head);
    size_t room = parser->limits.headMax - before;
    size_t take = data.len < room ? data.len : room;
    size_t headLen;

    int rc = bufAppend(&parser->head, data.data, take);
    CHECK(rc == 0);
    HttpSlice text = httpSlice(bufData(&parser->head), before + take);
    HttpParseError error =
        httpHeadScan(&parser->scan, &parser->limits, text, &headLen);
    if (error)
        return fail(parser, error);
    if (headLen) {
        *usedOut = headLen - before;
        return finishHead(parser, httpSlice(text.data, headLen));
    }
    if (take < data.len)
        return fail(parser, HTTP_PARSE_ERROR_HEAD_TOO_LARGE);
    *usedOut = data.len;
    return HTTP_PARSE_MORE;
}

/* The usual case is a head that came whole: it is not collected. */
static HttpParseEvent
feedHead(HttpParser *parser, HttpSlice data, size_t *usedOut)
{
    HttpHeadScan scan = {0};
    size_t headLen;

    if (bufLen(&parser->head))
        return collectHead(parser, data, usedOut);
    HttpParseError error = httpHeadScan(&scan, &parser->limits, data, &headLen);
    if (error)
        return fail(parser, error);
    if (!headLen)
        return collectHead(parser, data, usedOut);
    parser->scan = scan;
    *usedOut = headLen;
    return finishHead(parser, httpSlice(data.data, headLen));
}

static HttpParseEvent
feedLength(HttpParser *parser, HttpSlice data, size_t *usedOut,
           HttpSlice *bodyOut)
{
    size_t len = data.len < parser->left ? data.len : (size_t)parser->left;

    *bodyOut = httpSlice(data.data, len);
    *usedOut = len;
    parser->left -= len;
    if (!parser->left)
        parser->state = PARSER_DONE;
    return HTTP_PARSE_BODY;
}

static HttpParseEvent
feedChunked(HttpParser *parser, HttpSlice data, size_t *usedOut,
            HttpSlice *bodyOut)
{
    HttpParseEvent event =
        httpChunkFeed(&parser->chunk, data.data, data.len, usedOut, bodyOut);

    if (event == HTTP_PARSE_ERROR)
        return fail(parser, parser->chunk.error);
    if (event == HTTP_PARSE_DONE)
        parser->state = PARSER_DONE;
    return event;
}

static HttpParseEvent
feedState(HttpParser *parser, HttpSlice data, size_t *usedOut,
          HttpSlice *bodyOut)
{
    switch (parser->state) {
    case PARSER_START:
        return feedStart(parser, data, usedOut);
    case PARSER_HEAD:
        return feedHead(parser, data, usedOut);
    case PARSER_LENGTH:
        return feedLength(parser, data, usedOut, bodyOut);
    case PARSER_CHUNKED:
        return feedChunked(parser, data, usedOut, bodyOut);
    case PARSER_DONE:
        return HTTP_PARSE_DONE;
    default:
        return HTTP_PARSE_ERROR;
    }
}

HttpParseEvent
httpParserFeed(HttpParser *parser, const char *data, size_t len,
               size_t *usedOut, HttpSlice *bodyOut)
{
    HttpParseEvent event;
    size_t total = 0;

    CHECK_OBJ(parser, PARSER_MAGIC);
    do {
        size_t used = 0;
        if (total == len && parser->state < PARSER_DONE) {
            event = HTTP_PARSE_MORE;
            break;
        }
        HttpSlice rest = httpSlice(total ? data + total : data, len - total);
        event = feedState(parser, rest, &used, bodyOut);
        total += used;
    } while (event == HTTP_PARSE_MORE && total < len);
    *usedOut = total;
    return event;
}

HttpRequest *
httpParserRequest(HttpParser *parser)
{
    CHECK_OBJ(parser, PARSER_MAGIC);
    return &parser->request;
}

bool
httpParserIsIdle(const HttpParser *parser)
{
    CHECK_OBJ(parser, PARSER_MAGIC);
    return parser->state == PARSER_START && !parser->hasCr;
}

HttpParseError
httpParserError(const HttpParser *parser)
{
    CHECK_OBJ(parser, PARSER_MAGIC);
    return parser->error;
}

int
httpParseErrorStatus(HttpParseError error)
{
    CHECK(error < HTTP_PARSE_ERROR_COUNT);
    return errors[error].status;
}

const char *
httpParseErrorReason(HttpParseError error)
{
    CHECK(error < HTTP_PARSE_ERROR_COUNT);
    return errors[error].reason;
}
