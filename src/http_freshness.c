/* http_freshness.c: storing and reusing, RFC 9111 as pure functions. */
#include "http_freshness.h"

#include "check.h"
#include "http_date.h"
#include "http_octet.h"
#include "http_range.h"

#define DELTA_MAX ((int64_t)1 << 31) /* RFC 9111 1.2.2 */
#define DAY ((int64_t)24 * 3600)

/* Both kinds of flags stand in one field. */
_Static_assert(!((HTTP_CC_IMMUTABLE * 2 - 1) & HTTP_REFRESH_OVERRIDE_EXPIRE),
               "bits of their own");

/* RFC 9111 4.2.2 */
static const HttpRefresh usual = {
    .max = 3 * DAY, .percent = 10, .staleMax = 7 * DAY};

/* RFC 9111 4.2.4: nothing may make a shared cache serve these stale. */
#define NEVER_STALE                                                            \
    (HTTP_CC_NO_CACHE | HTTP_CC_MUST_REVALIDATE | HTTP_CC_PROXY_REVALIDATE)

static const char *const storeTexts[HTTP_STORE_COUNT] = {
#define X(id, text) [HTTP_STORE_##id] = text,
    HTTP_STORE_REASONS(X)
#undef X
};

static const char *const useTexts[HTTP_USE_REASON_COUNT] = {
#define X(id, text) [HTTP_USE_REASON_##id] = text,
    HTTP_USE_REASONS(X)
#undef X
};

/* RFC 9110 15.1 */
bool
httpStatusIsCacheable(int status)
{
    static const int cacheable[] = {200, 203, 204, 206, 300, 301,
                                    308, 404, 405, 410, 414, 501};

    for (size_t i = 0; i < sizeof(cacheable) / sizeof(*cacheable); i++) {
        if (cacheable[i] == status)
            return true;
    }
    return false;
}

/* RFC 9111 5.1: the first member; what is no number does not count, what is
 * too large is as large as can be (1.2.2). */
static int64_t
ageValue(const HttpHeaders *response)
{
    HttpList list;
    HttpSlice item;
    uint64_t seconds;

    httpListStart(&list, response, HTTP_HEADER_AGE);
    if (!httpListNext(&list, &item) ||
        !httpOctetsAre(item.data, item.len, HTTP_OCTET_DIGIT))
        return 0;
    return httpSliceParseUint(item, (uint64_t)DELTA_MAX, &seconds)
               ? (int64_t)seconds
               : DELTA_MAX;
}

static int64_t
notNegative(int64_t value)
{
    return value > 0 ? value : 0;
}

static bool
dateOf(const HttpHeaders *headers, HttpHeaderId id, time_t now, time_t *out)
{
    HttpSlice text = httpHeaderGet(headers, id);
    return text.data && httpDateParse(text, now, out);
}

const HttpRefresh *
httpRefreshUsual(void)
{
    return &usual;
}

static const HttpRefresh *
refreshOf(const HttpExchange *exchange)
{
    return exchange->refresh ? exchange->refresh : &usual;
}

static int64_t
lifetimeSince(const HttpRefresh *refresh, int64_t seconds)
{
    int64_t lifetime = notNegative(seconds) * refresh->percent / 100;

    if (lifetime > refresh->max)
        lifetime = refresh->max;
    return lifetime < refresh->min &&
                   (refresh->flags & HTTP_REFRESH_OVERRIDE_LASTMOD)
               ? refresh->min
               : lifetime;
}

static bool
isNegative(const HttpResponse *response, const HttpRefresh *refresh)
{
    return response->status >= 400 && refresh->negative > 0;
}

/* RFC 9111 4.2.2 */
static int64_t
heuristicLifetime(const HttpExchange *exchange, time_t date, unsigned flags)
{
    const HttpResponse *response = exchange->response;
    const HttpRefresh *refresh = refreshOf(exchange);
    time_t modified;

    if (isNegative(response, refresh))
        return refresh->negative;
    if (!httpStatusIsCacheable(response->status) && !(flags & HTTP_CC_PUBLIC))
        return 0;
    /* It was made for one user: whether others get it is not to be guessed. */
    if (httpHeaderHas(&response->headers, HTTP_HEADER_SET_COOKIE))
        return 0;
    if (!dateOf(&response->headers, HTTP_HEADER_LAST_MODIFIED,
                exchange->responseTime, &modified))
        return refresh->min;
    return lifetimeSince(refresh, date - modified);
}

/* RFC 9111 5.3: what is no date, "0" above all, is long past. */
static int64_t
expiresLifetime(const HttpExchange *exchange, time_t date)
{
    time_t expires;

    if (!dateOf(&exchange->response->headers, HTTP_HEADER_EXPIRES,
                exchange->responseTime, &expires))
        return 0;
    int64_t lifetime = notNegative(expires - date);
    return lifetime < DELTA_MAX ? lifetime : DELTA_MAX;
}

/* RFC 9111 4.2.1, in this order. */
static void
computeLifetime(const HttpExchange *exchange, const HttpCacheControl *control,
                time_t date, HttpFreshness *out)
{
    if (control->sMaxage >= 0) {
        out->source = HTTP_LIFETIME_S_MAXAGE;
        out->lifetime = control->sMaxage;
    } else if (control->maxAge >= 0) {
        out->source = HTTP_LIFETIME_MAX_AGE;
        out->lifetime = control->maxAge;
    } else if (!control->isTargeted &&
               httpHeaderHas(&exchange->response->headers,
                             HTTP_HEADER_EXPIRES)) {
        out->source = HTTP_LIFETIME_EXPIRES;
        out->lifetime = expiresLifetime(exchange, date);
    } else {
        out->lifetime = heuristicLifetime(exchange, date, control->flags);
        out->source =
            out->lifetime ? HTTP_LIFETIME_HEURISTIC : HTTP_LIFETIME_NONE;
    }
    const HttpRefresh *refresh = refreshOf(exchange);
    if ((refresh->flags & HTTP_REFRESH_OVERRIDE_EXPIRE) &&
        out->lifetime < refresh->min) {
        out->source = HTTP_LIFETIME_HEURISTIC;
        out->lifetime = refresh->min;
    }
}

/* RFC 9111 4.2.3 */
static int64_t
initialAge(const HttpExchange *exchange, time_t date)
{
    int64_t apparent = notNegative(exchange->responseTime - date);
    int64_t delay = notNegative(exchange->responseTime - exchange->requestTime);
    int64_t corrected = ageValue(&exchange->response->headers) + delay;

    return apparent > corrected ? apparent : corrected;
}

static void
compute(const HttpExchange *exchange, const HttpCacheControl *control,
        HttpFreshness *out)
{
    time_t date = exchange->responseTime;

    dateOf(&exchange->response->headers, HTTP_HEADER_DATE,
           exchange->responseTime, &date);
    *out = (HttpFreshness){
        .responseTime = exchange->responseTime,
        .initialAge = initialAge(exchange, date),
        .flags = control->flags | refreshOf(exchange)->flags,
        .staleMax = refreshOf(exchange)->staleMax,
        .staleWhileRevalidate = control->staleWhileRevalidate,
        .staleIfError = control->staleIfError,
    };
    computeLifetime(exchange, control, date, out);
}

/* RFC 9213 2.2: the targeted field, where it is valid, is the only one. */
static void
readControl(const HttpExchange *exchange, HttpCacheControl *out)
{
    const HttpHeaders *headers = &exchange->response->headers;

    unsigned flags = refreshOf(exchange)->flags;

    if (!exchange->isTargeted || !httpTargetedParse(headers, out))
        httpCacheControlParse(headers, out);
    if (flags & HTTP_REFRESH_IGNORE_NO_STORE)
        out->flags &= ~(unsigned)HTTP_CC_NO_STORE;
    if (flags & HTTP_REFRESH_IGNORE_PRIVATE)
        out->flags &= ~(unsigned)HTTP_CC_PRIVATE;
}

void
httpFreshnessCompute(const HttpExchange *exchange, HttpFreshness *freshnessOut)
{
    HttpCacheControl control;

    readControl(exchange, &control);
    compute(exchange, &control, freshnessOut);
}

static bool
hasBody(const HttpRequest *request)
{
    return request->framing == HTTP_FRAMING_CHUNKED ||
           (request->framing == HTTP_FRAMING_LENGTH && request->length > 0);
}

/*
 * RFC 9111 3, what the request has to say. The answer may come of a body,
 * which is no part of the key: others must not get it.
 */
static HttpStoreReason
checkRequest(const HttpRequest *request, const HttpCacheControl *control)
{
    HttpCacheControl asked;

    if (hasBody(request) && request->method != HTTP_METHOD_POST)
        return HTTP_STORE_REQUEST_BODY;
    httpCacheControlParse(&request->headers, &asked);
    if (asked.flags & HTTP_CC_NO_STORE)
        return HTTP_STORE_REQUEST_NO_STORE;
    /* RFC 9111 3.5 */
    if (httpHeaderHas(&request->headers, HTTP_HEADER_AUTHORIZATION) &&
        !(control->flags & (HTTP_CC_PUBLIC | HTTP_CC_MUST_REVALIDATE)) &&
        control->sMaxage < 0)
        return HTTP_STORE_AUTHORIZATION;
    return HTTP_STORE_OK;
}

/* RFC 9110 9.3.3: the answer to a POST that is what GET gets from now on. */
static bool
isMethodStorable(const HttpExchange *exchange, const HttpFreshness *freshness)
{
    HttpMethod method = exchange->request->method;

    return method == HTTP_METHOD_GET ||
           (method == HTTP_METHOD_POST && exchange->isLocated &&
            exchange->response->status == 200 &&
            freshness->source != HTTP_LIFETIME_NONE &&
            freshness->source != HTTP_LIFETIME_HEURISTIC);
}

/* Not final, or an answer to conditions, a range or an expectation of one
 * request that no other request shares. */
static bool
isOfOneRequest(int status)
{
    return status < 200 || status == 304 || status == 412 || status == 416 ||
           status == 417;
}

/* RFC 9111 3 and 5.2.2.3: must-understand overrules no-store. */
static HttpStoreReason
checkStatus(const HttpResponse *response, const HttpCacheControl *control)
{
    int status = response->status;
    HttpPlace place;
    bool isUnderstood = httpStatusIsKnown(status);
    bool mustUnderstand = control->flags & HTTP_CC_MUST_UNDERSTAND;

    if (status == 206 && !httpRangePlace(&response->headers, &place))
        return HTTP_STORE_PARTIAL;
    if (isOfOneRequest(status) || (mustUnderstand && !isUnderstood))
        return HTTP_STORE_STATUS;
    if ((control->flags & HTTP_CC_NO_STORE) && !mustUnderstand)
        return HTTP_STORE_NO_STORE;
    return HTTP_STORE_OK;
}

/* RFC 9111 3, what the response has to say. */
static HttpStoreReason
checkResponse(const HttpExchange *exchange, const HttpCacheControl *control)
{
    const HttpResponse *response = exchange->response;
    HttpStoreReason reason = checkStatus(response, control);

    if (reason)
        return reason;
    if (control->flags & HTTP_CC_PRIVATE)
        return HTTP_STORE_PRIVATE;
    if (httpHeaderHasToken(&response->headers, HTTP_HEADER_VARY, "*"))
        return HTTP_STORE_VARY_ANY;
    if (control->sMaxage >= 0 || control->maxAge >= 0 ||
        (control->flags & HTTP_CC_PUBLIC) ||
        (!control->isTargeted &&
         httpHeaderHas(&response->headers, HTTP_HEADER_EXPIRES)) ||
        isNegative(response, refreshOf(exchange)) ||
        httpStatusIsCacheable(response->status))
        return HTTP_STORE_OK;
    return HTTP_STORE_NO_EXPIRY;
}

/* It came stale, and nothing allows to use it so. What was fresh in another
 * cache before may be of use when the origin fails. */
static bool
isOver(const HttpFreshness *freshness)
{
    return freshness->lifetime <= 0 || (freshness->flags & HTTP_CC_NO_CACHE) ||
           (freshness->lifetime <= freshness->initialAge &&
            httpFreshnessMustRevalidate(freshness));
}

/* Nothing could ever be done with it but throw it away. */
static bool
isUseless(const HttpResponse *response, const HttpFreshness *freshness)
{
    return !(freshness->flags & HTTP_REFRESH_STORE_STALE) &&
           isOver(freshness) &&
           !httpHeaderHas(&response->headers, HTTP_HEADER_ETAG) &&
           !httpHeaderHas(&response->headers, HTTP_HEADER_LAST_MODIFIED) &&
           freshness->staleWhileRevalidate <= 0 && freshness->staleIfError <= 0;
}

HttpStoreReason
httpFreshnessStorable(const HttpExchange *exchange, HttpFreshness *freshnessOut)
{
    HttpCacheControl control;

    readControl(exchange, &control);
    compute(exchange, &control, freshnessOut);
    if (!isMethodStorable(exchange, freshnessOut))
        return HTTP_STORE_METHOD;
    HttpStoreReason reason = checkRequest(exchange->request, &control);
    if (!reason)
        reason = checkResponse(exchange, &control);
    if (!reason && isUseless(exchange->response, freshnessOut))
        reason = HTTP_STORE_USELESS;
    return reason;
}

int64_t
httpFreshnessAge(const HttpFreshness *freshness, time_t now)
{
    return freshness->initialAge + notNegative(now - freshness->responseTime);
}

bool
httpFreshnessIsFresh(const HttpFreshness *freshness, time_t now)
{
    return !(freshness->flags & HTTP_CC_NO_CACHE) &&
           httpFreshnessAge(freshness, now) < freshness->lifetime;
}

bool
httpFreshnessMustRevalidate(const HttpFreshness *freshness)
{
    return (freshness->flags & NEVER_STALE) ||
           freshness->source == HTTP_LIFETIME_S_MAXAGE;
}

static bool
mayBeStale(const HttpFreshness *freshness, int64_t staleness, int64_t limit)
{
    return staleness <= limit && staleness <= freshness->staleMax &&
           !httpFreshnessMustRevalidate(freshness);
}

/* What the request asks for, Pragma included (RFC 9111 5.4). */
static void
parseAsked(const HttpHeaders *request, HttpCacheControl *asked, bool *isPragma)
{
    httpCacheControlParse(request, asked);
    *isPragma = !httpHeaderHas(request, HTTP_HEADER_CACHE_CONTROL) &&
                httpHeaderHasToken(request, HTTP_HEADER_PRAGMA, "no-cache");
}

/* What the request asks for of a response that is fresh or not. */
static HttpUseReason
reasonOfRequest(const HttpFreshness *freshness, const HttpCacheControl *asked,
                int64_t age)
{
    int64_t left = freshness->lifetime - age;

    if (freshness->flags & HTTP_REFRESH_IGNORE_RELOAD)
        return HTTP_USE_REASON_FRESH;
    if (asked->flags & HTTP_CC_NO_CACHE)
        return HTTP_USE_REASON_REQUEST_NO_CACHE;
    /* Ages are whole seconds; a reload wants nothing of this second. */
    if (asked->maxAge == 0 || (asked->maxAge > 0 && age > asked->maxAge))
        return HTTP_USE_REASON_REQUEST_MAX_AGE;
    if (asked->minFresh >= 0 && left < asked->minFresh)
        return HTTP_USE_REASON_REQUEST_MIN_FRESH;
    return HTTP_USE_REASON_FRESH;
}

static HttpUseReason
reasonFor(const HttpFreshness *freshness, const HttpCacheControl *asked,
          time_t now)
{
    int64_t age = httpFreshnessAge(freshness, now);
    int64_t left = freshness->lifetime - age;

    if (freshness->flags & HTTP_CC_NO_CACHE)
        return HTTP_USE_REASON_NO_CACHE;
    HttpUseReason reason = reasonOfRequest(freshness, asked, age);
    if (reason != HTTP_USE_REASON_FRESH || left > 0)
        return reason;
    if (mayBeStale(freshness, -left, asked->maxStale))
        return HTTP_USE_REASON_MAX_STALE;
    if (mayBeStale(freshness, -left, freshness->staleWhileRevalidate))
        return HTTP_USE_REASON_WHILE_REVALIDATE;
    return HTTP_USE_REASON_STALE;
}

HttpUse
httpFreshnessUse(const HttpFreshness *freshness, const HttpHeaders *request,
                 time_t now, HttpUseReason *reasonOut)
{
    HttpCacheControl asked;
    bool isPragma;

    parseAsked(request, &asked, &isPragma);
    HttpUseReason reason = reasonFor(freshness, &asked, now);
    if (isPragma && !(freshness->flags & HTTP_REFRESH_IGNORE_RELOAD))
        reason = HTTP_USE_REASON_REQUEST_PRAGMA;
    else if ((freshness->flags & HTTP_REFRESH_REFRESH_IMS) &&
             httpHeaderHas(request, HTTP_HEADER_IF_MODIFIED_SINCE))
        reason = HTTP_USE_REASON_REQUEST_IMS;
    if (reasonOut)
        *reasonOut = reason;
    if (reason == HTTP_USE_REASON_FRESH || reason == HTTP_USE_REASON_MAX_STALE)
        return HTTP_USE_STORED;
    if (reason == HTTP_USE_REASON_WHILE_REVALIDATE)
        return HTTP_USE_REFRESH;
    return asked.flags & HTTP_CC_ONLY_IF_CACHED ? HTTP_USE_TIMEOUT
                                                : HTTP_USE_REVALIDATE;
}

bool
httpFreshnessOnlyIfCached(const HttpHeaders *request)
{
    return httpHeaderHasToken(request, HTTP_HEADER_CACHE_CONTROL,
                              "only-if-cached");
}

bool
httpFreshnessMayWait(const HttpHeaders *request)
{
    HttpCacheControl asked;
    bool isPragma;

    parseAsked(request, &asked, &isPragma);
    return !isPragma && asked.maxAge != 0 &&
           !(asked.flags &
             (HTTP_CC_NO_CACHE | HTTP_CC_NO_STORE | HTTP_CC_ONLY_IF_CACHED)) &&
           !httpHeaderHas(request, HTTP_HEADER_AUTHORIZATION);
}

bool
httpFreshnessIsReload(const HttpHeaders *request)
{
    HttpCacheControl asked;
    bool isPragma;

    parseAsked(request, &asked, &isPragma);
    return isPragma || (asked.flags & HTTP_CC_NO_CACHE);
}

bool
httpFreshnessStaleIfError(const HttpFreshness *freshness,
                          const HttpHeaders *request, time_t now)
{
    HttpCacheControl asked;
    bool isPragma;

    parseAsked(request, &asked, &isPragma);
    int64_t limit = freshness->staleIfError > asked.staleIfError
                        ? freshness->staleIfError
                        : asked.staleIfError;
    if (isPragma || (asked.flags & HTTP_CC_NO_CACHE))
        return false;
    return mayBeStale(freshness,
                      httpFreshnessAge(freshness, now) - freshness->lifetime,
                      limit >= 0 ? limit : freshness->staleMax);
}

const char *
httpStoreReasonText(HttpStoreReason reason)
{
    CHECK(reason < HTTP_STORE_COUNT);
    return storeTexts[reason];
}

const char *
httpUseReasonText(HttpUseReason reason)
{
    CHECK(reason < HTTP_USE_REASON_COUNT);
    return useTexts[reason];
}
