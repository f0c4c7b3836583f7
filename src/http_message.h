/*
 * http_message.h: requests and responses as values.
 *
 * Filled by http_parse.h, or by hand. Slices point into the arena of the
 * message's header table and live as long as that is not reset.
 * Thread: the owner of the message.
 */
#ifndef SQUIRE_HTTP_MESSAGE_H
#define SQUIRE_HTTP_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "http_header.h"
#include "http_slice.h"

/* Name, text, safe (RFC 9110 9.2.1), idempotent (9.2.2). */
#define HTTP_METHODS(X)                                                        \
    X(GET, "GET", true, true)                                                  \
    X(HEAD, "HEAD", true, true)                                                \
    X(POST, "POST", false, false)                                              \
    X(PUT, "PUT", false, true)                                                 \
    X(DELETE, "DELETE", false, true)                                           \
    X(CONNECT, "CONNECT", false, false)                                        \
    X(OPTIONS, "OPTIONS", true, true)                                          \
    X(TRACE, "TRACE", true, true)                                              \
    X(PATCH, "PATCH", false, false)                                            \
    X(PURGE, "PURGE", false, true)

typedef enum HttpMethod {
    HTTP_METHOD_OTHER, /* another valid method: see methodText */
#define X(id, text, safe, idempotent) HTTP_METHOD_##id,
    HTTP_METHODS(X)
#undef X
        HTTP_METHOD_COUNT
} HttpMethod;

/* RFC 9112 3.2 */
typedef enum HttpTargetForm {
    HTTP_TARGET_ORIGIN,    /* /path?query */
    HTTP_TARGET_ABSOLUTE,  /* http://host/path?query */
    HTTP_TARGET_AUTHORITY, /* host:port, for CONNECT */
    HTTP_TARGET_ASTERISK,  /* "*", for OPTIONS */
    HTTP_TARGET_COUNT
} HttpTargetForm;

/* How the end of the body is known. RFC 9112 6.3 */
typedef enum HttpFraming {
    HTTP_FRAMING_NONE, /* no body */
    HTTP_FRAMING_LENGTH,
    HTTP_FRAMING_CHUNKED,
    HTTP_FRAMING_CLOSE, /* responses only: until the connection ends */
    HTTP_FRAMING_COUNT
} HttpFraming;

typedef struct HttpRequest {
    HttpMethod method;
    HttpTargetForm form;
    HttpFraming framing;
    HttpSlice methodText;
    HttpSlice target;    /* as received */
    bool isOtherScheme;  /* it is a URL, but neither http nor https */
    uint64_t length;     /* of the body, with HTTP_FRAMING_LENGTH */
    unsigned minor;      /* 1: HTTP/1.1 (and higher 1.x), 0: HTTP/1.0 */
    bool keepAlive;      /* the client wants to (RFC 9112 9.3) */
    bool expectContinue; /* Expect: 100-continue and HTTP/1.1 */
    HttpHeaders headers; /* the last: emptied on its own */
} HttpRequest;

typedef struct HttpResponse {
    int status;
    HttpFraming framing; /* as a response to GET */
    uint64_t length;     /* of the body, with HTTP_FRAMING_LENGTH */
    HttpHeaders headers; /* the last: emptied on its own */
} HttpResponse;

/* Prepare caller's storage with an empty header table. */
void httpRequestInit(HttpRequest *request, size_t textMax);

/* Free the memory; the request is empty and usable again. */
void httpRequestFini(HttpRequest *request);

/* Empty the request, keeping its memory. */
void httpRequestReset(HttpRequest *request);

/* Prepare caller's storage with an empty header table. */
void httpResponseInit(HttpResponse *response, size_t textMax);

/* Free the memory; the response is empty and usable again. */
void httpResponseFini(HttpResponse *response);

/* Empty the response, keeping its memory. */
void httpResponseReset(HttpResponse *response);

/*
 * Append "HTTP/1.1 STATUS REASON CR LF" and the fields, without the empty
 * line that ends the head. 0, or -ENOBUFS.
 */
int httpResponseFormatHead(const HttpResponse *response, Buf *out);

/* The method of a text (case matters), or HTTP_METHOD_OTHER. */
HttpMethod httpMethodOf(HttpSlice text);

/* Its text; constant. "OTHER" for HTTP_METHOD_OTHER. */
const char *httpMethodText(HttpMethod method);

/* RFC 9110 9.2.1; false for HTTP_METHOD_OTHER. */
bool httpMethodIsSafe(HttpMethod method);

/* RFC 9110 9.2.2; false for HTTP_METHOD_OTHER. */
bool httpMethodIsIdempotent(HttpMethod method);

/* The usual reason phrase of a status; constant. "Unknown" if none. */
const char *httpStatusReason(int status);

/* True for a status that a specification gave a meaning. */
bool httpStatusIsKnown(int status);

/* True for 1xx, 204 and 304, which never have a body (RFC 9112 6.3). */
bool httpStatusIsBodyless(int status);

#endif
