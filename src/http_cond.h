/*
 * http_cond.h: conditional requests at a cache. RFC 9110 13, RFC 9111 4.3.
 * Pure; thread: any.
 */
#ifndef SQUIRE_HTTP_COND_H
#define SQUIRE_HTTP_COND_H

#include <stdbool.h>
#include <time.h>

#include "buf.h"
#include "http_header.h"

/* What a stored response can be compared by; etag borrowed. */
typedef struct HttpValidators {
    HttpSlice etag;      /* as it came; absent if none */
    time_t lastModified; /* -1: none */
    time_t date;         /* Date, or when it came */
} HttpValidators;

typedef enum HttpCond {
    HTTP_COND_NONE,         /* no condition that a cache evaluates */
    HTTP_COND_MODIFIED,     /* condition says: send the whole */
    HTTP_COND_NOT_MODIFIED, /* answer 304 */
    HTTP_COND_COUNT
} HttpCond;

/* Weak comparison, RFC 9110 8.8.3.2; false if one is no entity tag. One word
 * that is malformed, as without quotes, is a weak tag of its own. */
bool httpEtagWeakEqual(HttpSlice a, HttpSlice b);

/* Strong comparison, RFC 9110 8.8.3.2. */
bool httpEtagStrongEqual(HttpSlice a, HttpSlice b);

/* The validators among these fields; slices borrow them. */
void httpCondValidators(const HttpHeaders *response, time_t now,
                        HttpValidators *out);

/*
 * Evaluate If-None-Match, else If-Modified-Since, of a GET or HEAD against
 * a stored 200 (RFC 9110 13.1.2, 13.1.3, 13.2.2; RFC 9111 4.3.2).
 */
HttpCond httpCondEvaluate(const HttpHeaders *request,
                          const HttpValidators *stored, time_t now);

/*
 * True when the request has conditions that only the origin may evaluate
 * (If-Match, If-Unmodified-Since; RFC 9111 4.3.2): pass it on.
 */
bool httpCondIsForOrigin(const HttpHeaders *request);

/*
 * True unless an If-Range of the request fails (RFC 9110 13.1.5): its entity
 * tag or date is that of the stored response, and strong (8.8.2.2).
 */
bool httpCondIfRange(const HttpHeaders *request, const HttpValidators *stored,
                     time_t now);

/* True when there is something to validate by. */
static inline bool
httpCondCanValidate(const HttpValidators *stored)
{
    return stored->etag.data || stored->lastModified >= 0;
}

/* Take all conditions and Range off a request. */
void httpCondRemove(HttpHeaders *request);

/*
 * Make the request a validation of a stored response (RFC 9111 4.3.1): the
 * client's own conditions and Range go, If-None-Match and
 * If-Modified-Since of the stored one come. Entity tags that the client has
 * itself follow the stored one, unless there is none. False when there is
 * nothing to validate by; then all conditions are gone. -ENOBUFS counts as
 * that.
 */
bool httpCondBuild(HttpHeaders *request, const HttpValidators *stored);

/*
 * Take the fields of a 304 into the stored ones (RFC 9111 3.2, 4.3.4): each
 * name in the 304 replaces all of that name; Content-Length, -Encoding, -MD5
 * and -Range, which describe the stored octets, stay out. Age comes along, for
 * httpFreshnessCompute. First take off the 304 what is of one connection
 * (httpHeaderRemoveHopByHop).
 * 0, or -ENOBUFS with the stored fields in an undefined mix.
 */
int httpCondMerge(HttpHeaders *stored, const HttpHeaders *notModified);

/*
 * True when a 304, or a 200 to HEAD, is about this stored response (RFC 9111
 * 4.3.4, 4.3.5): its validators, where it has any, are the same.
 */
bool httpCondMatches(const HttpValidators *stored,
                     const HttpHeaders *notModified);

/* What a 304 to a request made by httpCondBuild is about. */
typedef enum HttpCondAbout {
    HTTP_COND_ABOUT_STORED, /* the stored response */
    HTTP_COND_ABOUT_CLIENT, /* the one that the client has */
    HTTP_COND_ABOUT_NONE,   /* neither, or it does not say: ask again */
    HTTP_COND_ABOUT_COUNT
} HttpCondAbout;

/* request: the client's fields, before httpCondBuild. */
HttpCondAbout httpCondAbout(const HttpHeaders *request,
                            const HttpValidators *stored,
                            const HttpHeaders *notModified);

/* The entity tag in a stored head (as below); absent if there is none. */
HttpSlice httpCondTagOf(HttpSlice storedHead);

/*
 * Append the head of a 304 made from a stored head (as
 * httpResponseFormatHead wrote it): only the fields a 304 needs (RFC 9110
 * 15.4.5). Without the empty line. 0, or -ENOBUFS.
 */
int httpCondFormat304(HttpSlice storedHead, Buf *out);

#endif
