/*
 * http_freshness.h: what a shared cache may store and reuse. RFC 9111.
 *
 * Pure functions: all times are arguments, in seconds of the wall clock.
 * Each decision comes with its reason. Thread: any.
 */
#ifndef SQUIRE_HTTP_FRESHNESS_H
#define SQUIRE_HTTP_FRESHNESS_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "http_header.h"
#include "http_message.h"

/* RFC 9111 5.2; bits of HttpCacheControl.flags. */
#define HTTP_CACHE_CONTROL_FLAGS(X)                                            \
    X(NO_STORE, 0, "no-store")                                                 \
    X(NO_CACHE, 1, "no-cache")                                                 \
    X(PRIVATE, 2, "private")                                                   \
    X(PUBLIC, 3, "public")                                                     \
    X(MUST_REVALIDATE, 4, "must-revalidate")                                   \
    X(PROXY_REVALIDATE, 5, "proxy-revalidate")                                 \
    X(NO_TRANSFORM, 6, "no-transform")                                         \
    X(ONLY_IF_CACHED, 7, "only-if-cached")                                     \
    X(MUST_UNDERSTAND, 8, "must-understand")                                   \
    X(IMMUTABLE, 9, "immutable")

enum {
#define X(id, bit, text) HTTP_CC_##id = 1 << (bit),
    HTTP_CACHE_CONTROL_FLAGS(X)
#undef X
};

/* Seconds are -1 when not given; at most 2^31 (RFC 9111 1.2.2). */
typedef struct HttpCacheControl {
    unsigned flags;
    bool isTargeted; /* from CDN-Cache-Control: no Expires */
    int64_t maxAge;
    int64_t sMaxage;
    int64_t minFresh;
    int64_t maxStale;             /* without a value: any, 2^31 */
    int64_t staleWhileRevalidate; /* RFC 5861 */
    int64_t staleIfError;
} HttpCacheControl;

/* What an administrator may ask for against the origin's or the client's
 * will: bits of HttpRefresh.flags and HttpFreshness.flags; names as in
 * refresh_pattern. */
#define HTTP_REFRESH_FLAGS(X)                                                  \
    X(OVERRIDE_EXPIRE, 16, "override-expire")                                  \
    X(OVERRIDE_LASTMOD, 17, "override-lastmod")                                \
    X(RELOAD_INTO_IMS, 18, "reload-into-ims")                                  \
    X(IGNORE_RELOAD, 19, "ignore-reload")                                      \
    X(IGNORE_NO_STORE, 20, "ignore-no-store")                                  \
    X(IGNORE_PRIVATE, 21, "ignore-private")                                    \
    X(REFRESH_IMS, 22, "refresh-ims")                                          \
    X(STORE_STALE, 23, "store-stale")

enum {
#define X(id, bit, text) HTTP_REFRESH_##id = 1 << (bit),
    HTTP_REFRESH_FLAGS(X)
#undef X
};

/* How long responses are good that do not say so; seconds. */
typedef struct HttpRefresh {
    int64_t min;      /* without Last-Modified */
    int64_t max;      /* with it, */
    unsigned percent; /* of the time since then */
    unsigned flags;
    int64_t staleMax; /* no stale response is used that is older by more */
    int64_t negative; /* of errors; 0: as of others */
} HttpRefresh;

/* May a response be stored: name, text for logs. RFC 9111 3. */
#define HTTP_STORE_REASONS(X)                                                  \
    X(OK, "storable")                                                          \
    X(METHOD, "method is not GET, or POST of what can be got")                 \
    X(STATUS, "status is not storable")                                        \
    X(PARTIAL, "partial content of no single place")                           \
    X(REQUEST_BODY, "request had a body")                                      \
    X(REQUEST_NO_STORE, "request says no-store")                               \
    X(NO_STORE, "response says no-store")                                      \
    X(PRIVATE, "response says private")                                        \
    X(AUTHORIZATION, "request was authorized")                                 \
    X(VARY_ANY, "response varies on anything")                                 \
    X(NO_EXPIRY, "neither expiry nor a status cacheable by default")           \
    X(USELESS, "would be stale at once and cannot be validated")

typedef enum HttpStoreReason {
#define X(id, text) HTTP_STORE_##id,
    HTTP_STORE_REASONS(X)
#undef X
        HTTP_STORE_COUNT
} HttpStoreReason;

/* Where the lifetime came from. RFC 9111 4.2.1 */
typedef enum HttpLifetimeSource {
    HTTP_LIFETIME_NONE,
    HTTP_LIFETIME_S_MAXAGE,
    HTTP_LIFETIME_MAX_AGE,
    HTTP_LIFETIME_EXPIRES,
    HTTP_LIFETIME_HEURISTIC,
    HTTP_LIFETIME_COUNT
} HttpLifetimeSource;

/* All that reuse needs to know of a stored response; a plain value, which is
 * stored as it is: another meaning needs another CACHE_LMDB_FORMAT. */
typedef struct HttpFreshness {
    time_t responseTime; /* when it came */
    int64_t initialAge;  /* corrected initial age, RFC 9111 4.2.3 */
    int64_t lifetime;    /* seconds */
    HttpLifetimeSource source;
    unsigned flags;   /* HTTP_CC_ bits of the response, HTTP_REFRESH_ bits */
    int64_t staleMax; /* as in HttpRefresh */
    int64_t staleWhileRevalidate; /* -1: not given */
    int64_t staleIfError;
} HttpFreshness;

/* What to do with a stored response for a request. RFC 9111 4. */
typedef enum HttpUse {
    HTTP_USE_STORED,     /* answer with it */
    HTTP_USE_REFRESH,    /* answer with it, and ask the origin for later */
    HTTP_USE_REVALIDATE, /* ask the origin first */
    HTTP_USE_TIMEOUT,    /* only-if-cached: answer 504 */
    HTTP_USE_COUNT
} HttpUse;

/* Why: name, text for logs. */
#define HTTP_USE_REASONS(X)                                                    \
    X(FRESH, "fresh")                                                          \
    X(MAX_STALE, "stale, but the request takes it")                            \
    X(WHILE_REVALIDATE, "stale, but good while it is validated")               \
    X(STALE, "stale")                                                          \
    X(NO_CACHE, "response says no-cache")                                      \
    X(REQUEST_NO_CACHE, "request says no-cache")                               \
    X(REQUEST_PRAGMA, "request says Pragma: no-cache")                         \
    X(REQUEST_IMS, "the rule for it says to ask, too")                         \
    X(REQUEST_MAX_AGE, "older than the request allows")                        \
    X(REQUEST_MIN_FRESH, "not fresh for as long as the request asks")

typedef enum HttpUseReason {
#define X(id, text) HTTP_USE_REASON_##id,
    HTTP_USE_REASONS(X)
#undef X
        HTTP_USE_REASON_COUNT
} HttpUseReason;

/* One exchange, for deciding whether to store it; all borrowed. */
typedef struct HttpExchange {
    const HttpRequest *request;
    const HttpResponse *response;
    time_t requestTime;         /* when the request was sent */
    time_t responseTime;        /* when the head of the response came */
    const HttpRefresh *refresh; /* NULL: the usual */
    bool isTargeted; /* CDN-Cache-Control is for this cache, RFC 9213 */
    bool isLocated;  /* Content-Location is the URL asked for */
} HttpExchange;

/*
 * Read Cache-Control. Unknown directives are skipped. A number that is none,
 * and values that disagree, are read in the way that trusts the cache less
 * (RFC 9111 4.2.1). no-cache and private with field names are about these
 * fields only (RFC 9111 5.2.2.4, 5.2.2.7), unless the rest would mean
 * something else without them.
 */
void httpCacheControlParse(const HttpHeaders *headers, HttpCacheControl *out);

/*
 * Take the fields away that no-cache and private name: they must not be
 * stored. Call it for what is stored, not for what is passed on.
 */
void httpCacheControlRemoveFields(HttpHeaders *response);

/*
 * Read CDN-Cache-Control (RFC 9213 2.1). False, out untouched: it is not
 * there, empty or malformed, so that Cache-Control counts.
 */
bool httpTargetedParse(const HttpHeaders *headers, HttpCacheControl *out);

/*
 * Whether a shared cache may and should store the response, RFC 9111 3 and
 * 3.5. freshnessOut is always written.
 */
HttpStoreReason httpFreshnessStorable(const HttpExchange *exchange,
                                      HttpFreshness *freshnessOut);

/*
 * Lifetime and initial age of a response, RFC 9111 4.2.1 to 4.2.3; also
 * after a 304, with the merged fields.
 */
void httpFreshnessCompute(const HttpExchange *exchange,
                          HttpFreshness *freshnessOut);

/* What refresh_pattern starts from: 10 % of the time since Last-Modified, at
 * most 3 days; constant. */
const HttpRefresh *httpRefreshUsual(void);

/* Current age in seconds, RFC 9111 4.2.3; never negative. */
int64_t httpFreshnessAge(const HttpFreshness *freshness, time_t now);

/*
 * What to do with a stored response for a request with these fields, RFC
 * 9111 4.2, 4.2.4, 5.2.1, 5.4. A request's no-store is no matter here
 * (5.2.1.5). reasonOut may be NULL.
 */
HttpUse httpFreshnessUse(const HttpFreshness *freshness,
                         const HttpHeaders *request, time_t now,
                         HttpUseReason *reasonOut);

/*
 * True when the request must be answered from the cache or not at all
 * (only-if-cached, RFC 9111 5.2.1.7): with nothing stored, 504.
 */
bool httpFreshnessOnlyIfCached(const HttpHeaders *request);

/* True when a request without wishes may be answered without asking. */
bool httpFreshnessIsFresh(const HttpFreshness *freshness, time_t now);

/*
 * True when the answer to a question that another client has put already
 * would do for a request with these fields (RFC 9111 4): it has no
 * credentials and wants nothing newer.
 */
bool httpFreshnessMayWait(const HttpHeaders *request);

/* True when the request wants nothing that is stored: RFC 9111 5.2.1.4, 5.4. */
bool httpFreshnessIsReload(const HttpHeaders *request);

/*
 * True when a stored response may be served stale to a request with these
 * fields because the origin cannot be reached (RFC 9111 4.2.4, RFC 5861 4):
 * no directive forbids it and stale-if-error of either, where given, covers
 * its age.
 */
bool httpFreshnessStaleIfError(const HttpFreshness *freshness,
                               const HttpHeaders *request, time_t now);

/*
 * True when a stale response must not be used whatever happens: without an
 * answer of the origin the client gets 504 (RFC 9111 5.2.2.2, 5.2.2.8).
 */
bool httpFreshnessMustRevalidate(const HttpFreshness *freshness);

/* Statuses cacheable by default, RFC 9110 15.1. */
bool httpStatusIsCacheable(int status);

/* Text of a decision; constant. */
const char *httpStoreReasonText(HttpStoreReason reason);

/* Text of a decision; constant. */
const char *httpUseReasonText(HttpUseReason reason);

#endif
