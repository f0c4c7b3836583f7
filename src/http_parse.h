/*
 * http_parse.h: octets to messages, strictly. RFC 9112.
 *
 * A head is collected until it is complete, checked line by line for what
 * HTTP libraries let pass (bare LF, folded lines, control octets ...), then
 * parsed by http-parser or llhttp, whichever was built in. Chunked bodies
 * are decoded here. Nothing is forgiven that two parsers could read in two
 * ways. Thread: the owner of the parser.
 */
#ifndef SQUIRE_HTTP_PARSE_H
#define SQUIRE_HTTP_PARSE_H

#include <stddef.h>

#include "http_message.h"
#include "http_slice.h"

/* Every way to fail: name, status for the client, reason. */
#define HTTP_PARSE_ERRORS(X)                                                   \
    X(NONE, 0, "no error")                                                     \
    X(MALFORMED, 400, "malformed message")                                     \
    X(REQUEST_LINE, 400, "malformed request line")                             \
    X(VERSION_09, 400, "HTTP/0.9 request")                                     \
    X(VERSION, 505, "HTTP version not supported")                              \
    X(METHOD, 501, "method not supported")                                     \
    X(TARGET, 400, "malformed request target")                                 \
    X(TARGET_TOO_LONG, 414, "request line too long")                           \
    X(HEAD_TOO_LARGE, 431, "header too large")                                 \
    X(TOO_MANY_FIELDS, 431, "too many header fields")                          \
    X(BARE_LF, 400, "line feed without carriage return")                       \
    X(BARE_CR, 400, "carriage return without line feed")                       \
    X(CONTROL, 400, "control octet in the header")                             \
    X(FOLDED, 400, "folded header line")                                       \
    X(FIELD_NAME, 400, "malformed header field name")                          \
    X(HOST_MISSING, 400, "Host is missing")                                    \
    X(HOST_DUPLICATE, 400, "Host appears twice")                               \
    X(HOST_INVALID, 400, "Host is malformed")                                  \
    X(LENGTH_INVALID, 400, "malformed Content-Length")                         \
    X(LENGTH_DUPLICATE, 400, "Content-Length appears twice")                   \
    X(LENGTH_AND_CODING, 400, "both Content-Length and Transfer-Encoding")     \
    X(CODING_OLD, 400, "Transfer-Encoding in HTTP/1.0")                        \
    X(CODING_INVALID, 400, "malformed Transfer-Encoding")                      \
    X(CODING_UNKNOWN, 501, "transfer coding not supported")                    \
    X(CONNECT_BODY, 400, "CONNECT with a body")                                \
    X(CHUNK, 400, "malformed chunk")                                           \
    X(TRAILER_TOO_LARGE, 431, "trailer too large")

typedef enum HttpParseError {
#define X(id, status, reason) HTTP_PARSE_ERROR_##id,
    HTTP_PARSE_ERRORS(X)
#undef X
        HTTP_PARSE_ERROR_COUNT
} HttpParseError;

typedef enum HttpParseEvent {
    HTTP_PARSE_MORE,  /* all octets used, the message goes on */
    HTTP_PARSE_HEAD,  /* the head is complete: see httpParserRequest */
    HTTP_PARSE_BODY,  /* octets of the body, in *bodyOut */
    HTTP_PARSE_DONE,  /* the message is complete; nothing beyond is used */
    HTTP_PARSE_ERROR, /* see httpParserError; stays so until Next */
    HTTP_PARSE_EVENT_COUNT
} HttpParseEvent;

typedef struct HttpParseLimits {
    size_t lineMax;   /* request line; 8 KiB */
    size_t headMax;   /* request line and fields; 64 KiB */
    size_t fieldsMax; /* number of fields; 128 */
} HttpParseLimits;

typedef struct HttpParser HttpParser;

/* A parser for requests. limits: copied, NULL for the usual ones. */
HttpParser *httpParserCreate(const HttpParseLimits *limits);

/* Free the parser and its request, clear the pointer; NULL is fine. */
void httpParserDestroy(HttpParser **parser);

/*
 * Read octets until there is something to say. usedOut: how many were
 * used; call again with the rest. bodyOut: with HTTP_PARSE_BODY a part of
 * the body, dechunked, pointing into data; untouched otherwise.
 * After HTTP_PARSE_HEAD of a request without body the next call, even with
 * len 0, gives HTTP_PARSE_DONE. Empty lines before a request are skipped.
 */
HttpParseEvent httpParserFeed(HttpParser *parser, const char *data, size_t len,
                              size_t *usedOut, HttpSlice *bodyOut);

/*
 * The request, complete once HTTP_PARSE_HEAD was given; returns borrowed
 * until httpParserNext or Destroy. Its header table may be changed.
 */
HttpRequest *httpParserRequest(HttpParser *parser);

/* Forget this message and be ready for the next one. */
void httpParserNext(HttpParser *parser);

/* True when not an octet of the next request has been read. */
bool httpParserIsIdle(const HttpParser *parser);

/* Why it failed; HTTP_PARSE_ERROR_NONE if it has not. */
HttpParseError httpParserError(const HttpParser *parser);

/* The status to answer with: 400, 414, 431, 501 or 505. */
int httpParseErrorStatus(HttpParseError error);

/* One phrase for logs and error pages; constant. */
const char *httpParseErrorReason(HttpParseError error);

/*
 * Fill a response from its status and its header lines ("Name: value", each
 * with CR LF or LF, folded lines joined, no empty line), as libcurl gives
 * them. Copies all; response: initialised by the caller, emptied first.
 * Blanks before a colon go (RFC 9112 5.1). Framing is for a GET. On an
 * error, which is a 502 to the client, the response is empty.
 */
HttpParseError httpResponseParse(HttpResponse *response, int status,
                                 HttpSlice lines);

#endif
