/*
 * error_page.h: the pages the proxy makes itself.
 *
 * Every page is a row of one table: name, status, title, text; operators may
 * have texts of their own instead, with % codes. Values from requests are
 * HTML-escaped. Pure; thread: any.
 */
#ifndef SQUIRE_ERROR_PAGE_H
#define SQUIRE_ERROR_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "buf.h"

#define ERROR_PAGES(X)                                                         \
    X(ACCESS_DENIED, 403, "Access denied",                                     \
      "The rules of this proxy do not allow this request.")                    \
    X(CACHE_ACCESS_DENIED, 407, "Proxy authentication required",               \
      "This proxy wants to know who you are before it allows this request.")   \
    X(INVALID_REQ, 400, "Invalid request",                                     \
      "The request could not be understood.")                                  \
    X(INVALID_URL, 400, "Invalid URL", "The URL of the request is not valid.") \
    X(UNSUP_REQ, 501, "Unsupported request",                                   \
      "This proxy does not support that method or protocol.")                  \
    X(UNSUP_HTTPVERSION, 505, "Unsupported HTTP version",                      \
      "This proxy speaks HTTP/1.0 and HTTP/1.1.")                              \
    X(EXPECTATION_FAILED, 417, "Expectation failed",                           \
      "The request expects something this proxy cannot do.")                   \
    X(TOO_BIG, 413, "Request too large",                                       \
      "The body of the request is larger than this proxy accepts.")            \
    X(HEADER_TOO_BIG, 431, "Request header too large",                         \
      "The header of the request is larger than this proxy accepts.")          \
    X(URI_TOO_LONG, 414, "URL too long",                                       \
      "The URL of the request is longer than this proxy accepts.")             \
    X(REQUEST_TIMEOUT, 408, "Request timeout",                                 \
      "The request did not arrive in time.")                                   \
    X(CONNECT_FAIL, 503, "Connection failed",                                  \
      "The origin server could not be connected to.")                          \
    X(SECURE_CONNECT_FAIL, 503, "Secure connection failed",                    \
      "No secure connection to the origin server could be made.")              \
    X(DNS_FAIL, 503, "Host name not found",                                    \
      "The address of the origin server could not be found.")                  \
    X(READ_TIMEOUT, 504, "Origin server too slow",                             \
      "The origin server did not answer in time.")                             \
    X(CANNOT_VALIDATE, 504, "Cannot be checked",                               \
      "The stored answer must be checked with the origin server, which "       \
      "cannot be asked.")                                                      \
    X(READ_ERROR, 502, "Read error",                                           \
      "The connection to the origin server broke.")                            \
    X(ZERO_SIZE_OBJECT, 502, "Empty answer",                                   \
      "The origin server closed the connection without an answer.")            \
    X(INVALID_RESP, 502, "Invalid answer",                                     \
      "The origin server's answer could not be understood.")                   \
    X(REPLY_TOO_BIG, 502, "Answer header too large",                           \
      "The header of the origin server's answer is too large.")                \
    X(REPLY_BODY_TOO_BIG, 403, "Answer too large",                             \
      "The answer is larger than this proxy passes on.")                       \
    X(GATEWAY_FAILURE, 500, "Helper failure",                                  \
      "A helper process of this proxy did not answer.")                        \
    X(CANNOT_FORWARD, 503, "Cannot forward",                                   \
      "This request cannot be forwarded now.")                                 \
    X(FORWARDING_DENIED, 403, "Forwarding denied",                             \
      "This proxy has no answer of its own, and may not fetch one for you.")   \
    X(SHUTTING_DOWN, 503, "Shutting down", "This proxy is shutting down.")     \
    X(ONLY_IF_CACHED_MISS, 504, "Not in the cache",                            \
      "The request asks for a cached answer only, and there is none.")         \
    X(TOO_MANY_REDIRECTS, 508, "Loop detected",                                \
      "The request came back to this proxy.")

typedef enum ErrorPageId {
#define X(name, status, title, text) ERR_##name,
    ERROR_PAGES(X)
#undef X
    ERROR_PAGE_COUNT
} ErrorPageId;

/* What a page tells; all borrowed, NULL leaves the item out. */
typedef struct ErrorPageInfo {
    ErrorPageId id;
    int status; /* 0: the table's */
    int errnum; /* errno of the failure, or 0 */
    const char *url;
    const char *detail;   /* one sentence more */
    const char *name;     /* instead of the table's */
    const char *text;     /* a page instead of the table's, with codes */
    const char *message;  /* of an external acl */
    const char *user;
    const char *method;
    const char *scheme;
    const char *host;
    unsigned port;
    const char *path;
    const struct sockaddr *client;
    const struct sockaddr *local;
    const char *admin;    /* cache_mgr */
    const char *style;    /* CSS, as it is */
    const char *program;  /* "squire", perhaps with its version */
    const char *hostname; /* visible_hostname */
    const char *fields;   /* more of the head: lines with CR LF */
    int64_t wallUs;       /* for Date */
    bool keepAlive;       /* Connection: keep-alive or close */
    bool headOnly;        /* answer to HEAD: no body, same head */
} ErrorPageInfo;

/* "ERR_ACCESS_DENIED" and so on; constant. */
const char *errorPageName(ErrorPageId id);

/* The page called name; false: there is none. */
bool errorPageLookup(const char *name, ErrorPageId *idOut);

/* The name that a page with these facts has. */
const char *errorPageNameOf(const ErrorPageInfo *info);

/* The status in the table. */
int errorPageStatus(ErrorPageId id);

/*
 * Append the whole response: status line, header fields (Content-Type,
 * Content-Length, Connection, X-Squire-Error, Cache-Control: no-store),
 * empty line, body. 0 or -ENOBUFS with nothing appended; 16 KiB of room
 * beside fields always suffice (long values are cut), with info->text
 * ERROR_PAGE_BODY_MAX more.
 */
int errorPageFormat(Buf *out, const ErrorPageInfo *info);

#define ERROR_PAGE_BODY_MAX (96 * 1024)
#define ERROR_PAGE_TEXT_MAX (64 * 1024) /* of a file with codes */

/*
 * Append text with its codes filled in: %U the URL, %i the client's address
 * and so on, as Squid's error pages have them. What has no room is cut.
 */
void errorTemplateExpand(const char *text, const ErrorPageInfo *info, Buf *out);

/* The same for a URL: values are escaped as %XX. */
void errorTemplateExpandUrl(const char *text, const ErrorPageInfo *info,
                            Buf *out);

/* Append a value as HTML shows it, cut after some hundred octets. */
void errorTemplateAppend(Buf *out, const char *text);

#endif
