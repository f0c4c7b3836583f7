/*
 * http_header.h: the header fields of one message, in their order.
 *
 * All text lies in one bounded arena for each message; nothing is allocated
 * per field. Names in HTTP_HEADERS are recognised once, when a field is
 * added, so that a lookup by id costs no comparison. Slices that come out
 * stay valid until the table is reset or finished; HttpField pointers only
 * until the next call that adds or removes. RFC 9110 section 5.
 * Thread: the owner of the table.
 */
#ifndef SQUIRE_HTTP_HEADER_H
#define SQUIRE_HTTP_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "http_slice.h"

/* Constant, canonical spelling, its first and last letter in lower case. */
#define HTTP_HEADERS(X)                                                        \
    X(ACCEPT, "Accept", 'a', 't')                                              \
    X(ACCEPT_ENCODING, "Accept-Encoding", 'a', 'g')                            \
    X(ACCEPT_LANGUAGE, "Accept-Language", 'a', 'e')                            \
    X(ACCEPT_RANGES, "Accept-Ranges", 'a', 's')                                \
    X(AGE, "Age", 'a', 'e')                                                    \
    X(ALLOW, "Allow", 'a', 'w')                                                \
    X(AUTHORIZATION, "Authorization", 'a', 'n')                                \
    X(CACHE_CONTROL, "Cache-Control", 'c', 'l')                                \
    X(CDN_CACHE_CONTROL, "CDN-Cache-Control", 'c', 'l')                        \
    X(CONNECTION, "Connection", 'c', 'n')                                      \
    X(CONTENT_ENCODING, "Content-Encoding", 'c', 'g')                          \
    X(CONTENT_LANGUAGE, "Content-Language", 'c', 'e')                          \
    X(CONTENT_LENGTH, "Content-Length", 'c', 'h')                              \
    X(CONTENT_LOCATION, "Content-Location", 'c', 'n')                          \
    X(CONTENT_MD5, "Content-MD5", 'c', '5')                                    \
    X(CONTENT_RANGE, "Content-Range", 'c', 'e')                                \
    X(CONTENT_TYPE, "Content-Type", 'c', 'e')                                  \
    X(COOKIE, "Cookie", 'c', 'e')                                              \
    X(DATE, "Date", 'd', 'e')                                                  \
    X(ETAG, "ETag", 'e', 'g')                                                  \
    X(EXPECT, "Expect", 'e', 't')                                              \
    X(EXPIRES, "Expires", 'e', 's')                                            \
    X(FORWARDED, "Forwarded", 'f', 'd')                                        \
    X(HOST, "Host", 'h', 't')                                                  \
    X(IF_MATCH, "If-Match", 'i', 'h')                                          \
    X(IF_MODIFIED_SINCE, "If-Modified-Since", 'i', 'e')                        \
    X(IF_NONE_MATCH, "If-None-Match", 'i', 'h')                                \
    X(IF_RANGE, "If-Range", 'i', 'e')                                          \
    X(IF_UNMODIFIED_SINCE, "If-Unmodified-Since", 'i', 'e')                    \
    X(KEEP_ALIVE, "Keep-Alive", 'k', 'e')                                      \
    X(LAST_MODIFIED, "Last-Modified", 'l', 'd')                                \
    X(LOCATION, "Location", 'l', 'n')                                          \
    X(MAX_FORWARDS, "Max-Forwards", 'm', 's')                                  \
    X(ORIGIN, "Origin", 'o', 'n')                                              \
    X(PRAGMA, "Pragma", 'p', 'a')                                              \
    X(PROXY_AUTHENTICATE, "Proxy-Authenticate", 'p', 'e')                      \
    X(PROXY_AUTHENTICATION_INFO, "Proxy-Authentication-Info", 'p', 'o')        \
    X(PROXY_AUTHORIZATION, "Proxy-Authorization", 'p', 'n')                    \
    X(PROXY_CONNECTION, "Proxy-Connection", 'p', 'n')                          \
    X(RANGE, "Range", 'r', 'e')                                                \
    X(REFERER, "Referer", 'r', 'r')                                            \
    X(RETRY_AFTER, "Retry-After", 'r', 'r')                                    \
    X(SERVER, "Server", 's', 'r')                                              \
    X(SET_COOKIE, "Set-Cookie", 's', 'e')                                      \
    X(TE, "TE", 't', 'e')                                                      \
    X(TRAILER, "Trailer", 't', 'r')                                            \
    X(TRANSFER_ENCODING, "Transfer-Encoding", 't', 'g')                        \
    X(UPGRADE, "Upgrade", 'u', 'e')                                            \
    X(USER_AGENT, "User-Agent", 'u', 't')                                      \
    X(VARY, "Vary", 'v', 'y')                                                  \
    X(VIA, "Via", 'v', 'a')                                                    \
    X(WARNING, "Warning", 'w', 'g')                                            \
    X(WWW_AUTHENTICATE, "WWW-Authenticate", 'w', 'e')                          \
    X(X_FORWARDED_FOR, "X-Forwarded-For", 'x', 'r')

typedef enum HttpHeaderId {
    HTTP_HEADER_OTHER, /* a name that is not in the table */
#define X(id, name, first, last) HTTP_HEADER_##id,
    HTTP_HEADERS(X)
#undef X
        HTTP_HEADER_COUNT
} HttpHeaderId;

#define HTTP_HEADER_FIELDS_MAX 256
#define HTTP_HEADER_TEXT_MAX (64 * 1024)

typedef struct HttpField {
    const char *name; /* as received or added; NULL when removed */
    const char *value;
    uint32_t valueLen;
    uint16_t nameLen;
    uint16_t next; /* next field of the same id, as index + 1 */
    HttpHeaderId id;
} HttpField;

typedef struct HttpHeaderBlock HttpHeaderBlock;

/* Fields are read through the functions below only. */
typedef struct HttpHeaders {
    HttpField *fields;
    HttpHeaderBlock *blocks; /* the newest first */
    uint32_t textMax;        /* bound on the octets of all text */
    uint32_t textLen;
    uint16_t fieldCount;               /* removed ones included */
    uint16_t fieldSize;                /* allocated */
    uint16_t first[HTTP_HEADER_COUNT]; /* index + 1; 0: none */
} HttpHeaders;

/*
 * Walk over the members of a comma-separated list, of all fields of one
 * name together. Commas in quoted strings do not separate.
 */
typedef struct HttpList {
    const HttpHeaders *headers;
    const HttpField *field;
    HttpSlice rest;
} HttpList;

/* Prepare caller's storage; allocates nothing. textMax: bound in octets. */
void httpHeaderInit(HttpHeaders *headers, size_t textMax);

/* Free the memory; the table is empty and usable again. */
void httpHeaderFini(HttpHeaders *headers);

/* Forget all fields; keeps a little memory for the next message. */
void httpHeaderReset(HttpHeaders *headers);

/* The id of a name in any case, or HTTP_HEADER_OTHER. */
HttpHeaderId httpHeaderIdOf(HttpSlice name);

/* The canonical name of an id; constant. "" for HTTP_HEADER_OTHER. */
const char *httpHeaderName(HttpHeaderId id);

/* The first value of a known name; the absent slice when there is none. */
HttpSlice httpHeaderGet(const HttpHeaders *headers, HttpHeaderId id);

/* The same for any name, in any case. */
HttpSlice httpHeaderGetName(const HttpHeaders *headers, HttpSlice name);

/* True when there is a field of this name. */
static inline bool
httpHeaderHas(const HttpHeaders *headers, HttpHeaderId id)
{
    return headers->first[id] != 0;
}

/* The field after `field` (NULL: the first), in order; NULL at the end. */
const HttpField *httpHeaderNext(const HttpHeaders *headers,
                                const HttpField *field);

/* The same, only over fields with the name of a known id. */
const HttpField *httpHeaderNextOf(const HttpHeaders *headers, HttpHeaderId id,
                                  const HttpField *field);

/* The name of a field. */
static inline HttpSlice
httpFieldName(const HttpField *field)
{
    return (HttpSlice){field->name, field->nameLen};
}

/* The value of a field, without blanks around it. */
static inline HttpSlice
httpFieldValue(const HttpField *field)
{
    return (HttpSlice){field->value, field->valueLen};
}

/*
 * Append a field; copies both. Errors: -EINVAL name is no token, or value
 * has octets that may not be there; -ENOBUFS table full.
 */
int httpHeaderAdd(HttpHeaders *headers, HttpSlice name, HttpSlice value);

/* The same with the name of a known id. Errors: -EINVAL, -ENOBUFS. */
int httpHeaderAddId(HttpHeaders *headers, HttpHeaderId id, HttpSlice value);

/* The same with a formatted value of at most 1 KiB. */
int httpHeaderAddf(HttpHeaders *headers, HttpHeaderId id, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Leave exactly one field of this name: the value takes the place of the
 * first one, or is appended. Errors: -EINVAL, -ENOBUFS, nothing changed.
 */
int httpHeaderSet(HttpHeaders *headers, HttpHeaderId id, HttpSlice value);

/* Remove all fields of a known name; harmless when there are none. */
void httpHeaderRemove(HttpHeaders *headers, HttpHeaderId id);

/* Remove all fields of any name. */
void httpHeaderRemoveName(HttpHeaders *headers, HttpSlice name);

/*
 * Remove what is meant for one connection only (RFC 9110 7.6.1): the usual
 * names, and others that the first 64 members of Connection list. Known
 * end-to-end names (Host, Cache-Control ...) stay, whatever it lists.
 */
void httpHeaderRemoveHopByHop(HttpHeaders *headers);

/* Append copies of all fields of src. -ENOBUFS: some may be missing. */
int httpHeaderCopy(HttpHeaders *headers, const HttpHeaders *src);

/* Append "Name: value CR LF" for each field. 0, or -ENOBUFS. */
int httpHeaderFormat(const HttpHeaders *headers, Buf *out);

/* Start a walk over the list members of a known name. */
void httpListStart(HttpList *list, const HttpHeaders *headers, HttpHeaderId id);

/* Start a walk over the list members of one text; borrows it. */
void httpListStartText(HttpList *list, HttpSlice text);

/* The next member, trimmed; empty ones are skipped. False at the end. */
bool httpListNext(HttpList *list, HttpSlice *itemOut);

/*
 * Split `name = value` (value: token or quoted string, its quotes taken
 * off, escapes left). Without "=", value is absent. RFC 9110 5.6.6.
 */
void httpListParam(HttpSlice item, HttpSlice *nameOut, HttpSlice *valueOut);

/* True when a list field of this name has the token, in any case. */
bool httpHeaderHasToken(const HttpHeaders *headers, HttpHeaderId id,
                        const char *token);

/* True for a token: one or more of the octets of RFC 9110 5.6.2. */
bool httpIsToken(HttpSlice text);

/* True when no octet is NUL, CR, LF, DEL or another control but TAB. */
bool httpIsFieldValue(HttpSlice text);

#endif
