/* test_http_freshness.c: RFC 9111, a table for each rule. */
#include "http_freshness.h"

#include <criterion/criterion.h>
#include <string.h>

#include "http_parse.h"

#define NOW ((time_t)784111777) /* Sun, 06 Nov 1994 08:49:37 GMT */
#define DATE "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
#define HOUR_LATER "Sun, 06 Nov 1994 09:49:37 GMT"
#define HOUR_BEFORE "Sun, 06 Nov 1994 07:49:37 GMT"
#define DELTA_MAX ((int64_t)1 << 31)

static HttpRequest request;
static HttpResponse response;

static void
setUp(void)
{
    httpRequestInit(&request, HTTP_HEADER_TEXT_MAX);
    httpResponseInit(&response, HTTP_HEADER_TEXT_MAX);
}

static void
tearDown(void)
{
    httpRequestFini(&request);
    httpResponseFini(&response);
}

TestSuite(httpFreshness, .init = setUp, .fini = tearDown, .timeout = 20);

/* The fields of a request, by way of the parser for responses. */
static void
setRequest(HttpMethod method, const char *lines)
{
    HttpResponse parsed;

    httpRequestReset(&request);
    httpResponseInit(&parsed, HTTP_HEADER_TEXT_MAX);
    cr_assert_eq(httpResponseParse(&parsed, 200, httpSliceText(lines)), 0);
    cr_assert_eq(httpHeaderCopy(&request.headers, &parsed.headers), 0);
    httpResponseFini(&parsed);
    request.method = method;
}

static HttpExchange
makeExchange(int status, const char *lines)
{
    cr_assert_eq(httpResponseParse(&response, status, httpSliceText(lines)), 0);
    return (HttpExchange){.request = &request,
                          .response = &response,
                          .requestTime = NOW,
                          .responseTime = NOW};
}

typedef struct ControlCase {
    const char *lines;
    unsigned flags;
    int64_t maxAge;
    int64_t sMaxage;
    int64_t minFresh;
    int64_t maxStale;
} ControlCase;

static const ControlCase controlCases[] = {
    {"", 0, -1, -1, -1, -1},
    {"Cache-Control: \r\n", 0, -1, -1, -1, -1},
    {"Cache-Control: max-age=60\r\n", 0, 60, -1, -1, -1},
    {"Cache-Control: MAX-AGE=60\r\n", 0, 60, -1, -1, -1},
    {"Cache-Control: max-age=\"60\"\r\n", 0, 60, -1, -1, -1},
    {"Cache-Control: max-age = 60\r\n", 0, 0, -1, -1, -1},
    {"Cache-Control: max-age =60\r\n", 0, 0, -1, -1, -1},
    {"Cache-Control: max-age= 60\r\n", 0, 0, -1, -1, -1},
    {"Cache-Control: max-age='60'\r\n", 0, 0, -1, -1, -1},
    {"Cache-Control: max-age=60a\r\n", 0, 0, -1, -1, -1},
    {"Cache-Control: max-age=\"60\r\n", 0, 0, -1, -1, -1},
    {"Cache-Control: max-age=0060\r\n", 0, 60, -1, -1, -1},
    {"Cache-Control: a=\"max-age=5\", max-age=60\r\n", 0, 60, -1, -1, -1},
    {"Cache-Control: max-age=4294967296\r\n", 0, DELTA_MAX, -1, -1, -1},
    {"Cache-Control: max-age=99999999999999999999999\r\n", 0, DELTA_MAX, -1, -1,
     -1},
    {"Cache-Control: max-age\r\n", 0, 0, -1, -1, -1},
    {"Cache-Control: max-age=\r\n", 0, 0, -1, -1, -1},
    {"Cache-Control: max-age=x\r\n", 0, 0, -1, -1, -1},
    {"Cache-Control: max-age=-1\r\n", 0, 0, -1, -1, -1},
    {"Cache-Control: max-age=1.5\r\n", 0, 0, -1, -1, -1},
    {"Cache-Control: max-age=60, max-age=30\r\n", 0, 30, -1, -1, -1},
    {"Cache-Control: max-age=30\r\nCache-Control: max-age=60\r\n", 0, 30, -1,
     -1, -1},
    {"Cache-Control: max-age=60, max-age=x\r\n", 0, 0, -1, -1, -1},
    {"Cache-Control: s-maxage=5,max-age=60\r\n", 0, 60, 5, -1, -1},
    {"Cache-Control: min-fresh=5, min-fresh=9\r\n", 0, -1, -1, 9, -1},
    {"Cache-Control: min-fresh=x\r\n", 0, -1, -1, DELTA_MAX, -1},
    {"Cache-Control: max-stale\r\n", 0, -1, -1, -1, DELTA_MAX},
    {"Cache-Control: max-stale=7\r\n", 0, -1, -1, -1, 7},
    {"Cache-Control: max-stale=x\r\n", 0, -1, -1, -1, 0},
    {"Cache-Control: no-store, NO-CACHE\r\n",
     HTTP_CC_NO_STORE | HTTP_CC_NO_CACHE, -1, -1, -1, -1},
    /* 5.2.2.4, 5.2.2.7: about some fields only */
    {"Cache-Control: private=\"X-A, X-B\", public\r\n", HTTP_CC_PUBLIC, -1, -1,
     -1, -1},
    {"Cache-Control: no-cache=\"Set-Cookie\"\r\n", 0, -1, -1, -1, -1},
    {"Cache-Control: no-cache=Set-Cookie\r\n", 0, -1, -1, -1, -1},
    {"Cache-Control: no-cache=\"X-A\", no-cache\r\n", HTTP_CC_NO_CACHE, -1, -1,
     -1, -1},
    {"Cache-Control: no-cache=\"\"\r\n", HTTP_CC_NO_CACHE, -1, -1, -1, -1},
    {"Cache-Control: no-cache=\r\n", HTTP_CC_NO_CACHE, -1, -1, -1, -1},
    {"Cache-Control: no-cache =\"X-A\"\r\n", HTTP_CC_NO_CACHE, -1, -1, -1, -1},
    {"Cache-Control: private=\"X A\"\r\n", HTTP_CC_PRIVATE, -1, -1, -1, -1},
    {"Cache-Control: private=\"X-A, max-age=5\", public\r\n",
     HTTP_CC_PRIVATE | HTTP_CC_PUBLIC, -1, -1, -1, -1},
    {"Cache-Control: private=\"X-A, vary\"\r\n", HTTP_CC_PRIVATE, -1, -1, -1,
     -1},
    {"Cache-Control: must-revalidate, proxy-revalidate, no-transform, "
     "only-if-cached, must-understand, immutable\r\n",
     HTTP_CC_MUST_REVALIDATE | HTTP_CC_PROXY_REVALIDATE | HTTP_CC_NO_TRANSFORM |
         HTTP_CC_ONLY_IF_CACHED | HTTP_CC_MUST_UNDERSTAND | HTTP_CC_IMMUTABLE,
     -1, -1, -1, -1},
    {"Cache-Control: community=\"UCI\", max-agex=5, no-storex\r\n", 0, -1, -1,
     -1, -1},
    {"Pragma: no-cache\r\n", 0, -1, -1, -1, -1},
};

Test(httpFreshness, cache_control_is_read_with_distrust_5_2)
{
    for (size_t i = 0; i < sizeof(controlCases) / sizeof(*controlCases); i++) {
        const ControlCase *row = &controlCases[i];
        HttpCacheControl control;
        setRequest(HTTP_METHOD_GET, row->lines);
        httpCacheControlParse(&request.headers, &control);
        cr_expect_eq(control.flags, row->flags, "%s", row->lines);
        cr_expect_eq(control.maxAge, row->maxAge, "%s", row->lines);
        cr_expect_eq(control.sMaxage, row->sMaxage, "%s", row->lines);
        cr_expect_eq(control.minFresh, row->minFresh, "%s", row->lines);
        cr_expect_eq(control.maxStale, row->maxStale, "%s", row->lines);
    }
}

typedef struct StoreCase {
    HttpMethod method;
    const char *requestLines;
    int status;
    const char *lines;
    HttpStoreReason reason;
} StoreCase;

#define M(id) HTTP_METHOD_##id
#define S(id) HTTP_STORE_##id
#define AUTH "Authorization: Basic x\r\n"
#define AGE60 "Cache-Control: max-age=60\r\n"

static const StoreCase storeCases[] = {
    {M(GET), "", 200, AGE60, S(OK)},
    {M(HEAD), "", 200, AGE60, S(METHOD)},
    {M(POST), "", 200, AGE60, S(METHOD)},
    {M(OTHER), "", 200, AGE60, S(METHOD)},
    /* 3: status */
    {M(GET), "", 404, AGE60, S(OK)},
    {M(GET), "", 302, AGE60, S(OK)},
    {M(GET), "", 500, AGE60, S(OK)},
    {M(GET), "", 206, AGE60, S(PARTIAL)},
    {M(GET), "", 206, AGE60 "Content-Range: bytes 0-1/9\r\n", S(OK)},
    {M(GET), "", 304, AGE60, S(STATUS)},
    {M(GET), "", 100, AGE60, S(STATUS)},
    {M(GET), "", 412, AGE60, S(STATUS)},
    {M(GET), "", 416, AGE60, S(STATUS)},
    {M(GET), "", 417, AGE60, S(STATUS)},
    {M(GET), "", 299, "Cache-Control: max-age=60, must-understand\r\n",
     S(STATUS)},
    {M(GET), "", 302, "Cache-Control: max-age=60, must-understand\r\n", S(OK)},
    {M(GET), "", 200, "Cache-Control: max-age=60, no-store\r\n", S(NO_STORE)},
    {M(GET), "", 299, AGE60, S(OK)},
    {M(GET), "", 200,
     "Cache-Control: max-age=60, no-store, must-understand\r\n", S(OK)},
    {M(GET), "", 200, "Cache-Control: max-age=60, private\r\n", S(PRIVATE)},
    {M(GET), "", 200, "Cache-Control: max-age=60, private=\"X\"\r\n", S(OK)},
    {M(GET), "", 200, "Cache-Control: max-age=60, private=\"Content-Type\"\r\n",
     S(PRIVATE)},
    {M(GET), "Cache-Control: no-store\r\n", 200, AGE60, S(REQUEST_NO_STORE)},
    {M(GET), "Cache-Control: no-cache\r\n", 200, AGE60, S(OK)},
    {M(GET), "Pragma: no-cache\r\n", 200, AGE60, S(OK)},
    {M(GET), "", 200, AGE60 "Pragma: no-cache\r\n", S(OK)},
    /* 3.5 */
    {M(GET), AUTH, 200, AGE60, S(AUTHORIZATION)},
    {M(GET), AUTH, 200, "Cache-Control: public, max-age=60\r\n", S(OK)},
    {M(GET), AUTH, 200, "Cache-Control: s-maxage=60\r\n", S(OK)},
    {M(GET), AUTH, 200, "Cache-Control: must-revalidate, max-age=60\r\n",
     S(OK)},
    {M(GET), AUTH, 200, "Cache-Control: public, private, max-age=60\r\n",
     S(PRIVATE)},
    /* 4.1 */
    {M(GET), "", 200, AGE60 "Vary: Accept, *\r\n", S(VARY_ANY)},
    {M(GET), "", 200, AGE60 "Vary: Accept\r\n", S(OK)},
    /* 3: something must allow it */
    {M(GET), "", 302, "", S(NO_EXPIRY)},
    {M(GET), "", 302, "ETag: \"x\"\r\n", S(NO_EXPIRY)},
    {M(GET), "", 302, "Cache-Control: public\r\nETag: \"x\"\r\n", S(OK)},
    {M(GET), "", 302, DATE "Expires: " HOUR_LATER "\r\n", S(OK)},
    {M(GET), "", 200, "ETag: \"x\"\r\n", S(OK)},
    {M(GET), "", 200, "Last-Modified: " HOUR_BEFORE "\r\n", S(OK)},
    /* nothing to gain */
    {M(GET), "", 200, "", S(USELESS)},
    {M(GET), "", 200, "Cache-Control: max-age=0\r\n", S(USELESS)},
    {M(GET), "", 200, "Cache-Control: max-age=0\r\nETag: \"x\"\r\n", S(OK)},
    {M(GET), "", 200, "Cache-Control: no-cache, max-age=60\r\n", S(USELESS)},
    {M(GET), "", 200, "Cache-Control: no-cache\r\nETag: \"x\"\r\n", S(OK)},
    {M(GET), "", 200, DATE "Expires: 0\r\n", S(USELESS)},
    {M(GET), "", 200, AGE60 "Age: 60\r\n", S(OK)},
    {M(GET), "", 200, "Cache-Control: s-maxage=60\r\nAge: 60\r\n", S(USELESS)},
    {M(GET), "", 200, "Cache-Control: s-maxage=60\r\nAge: 59\r\n", S(OK)},
    {M(GET), "", 200, AGE60 "Age: 59\r\n", S(OK)},
    {M(GET), "", 200, "Cache-Control: max-age=0, stale-if-error=9\r\n", S(OK)},
    {M(GET), "", 200, "Cache-Control: max-age=0, stale-while-revalidate=9\r\n",
     S(OK)},
};

Test(httpFreshness, what_may_be_stored_3)
{
    for (size_t i = 0; i < sizeof(storeCases) / sizeof(*storeCases); i++) {
        const StoreCase *row = &storeCases[i];
        HttpFreshness freshness;
        setRequest(row->method, row->requestLines);
        HttpExchange exchange = makeExchange(row->status, row->lines);
        HttpStoreReason reason = httpFreshnessStorable(&exchange, &freshness);
        cr_expect_eq(reason, row->reason, "row %zu: %d %s: %s", i, row->status,
                     row->lines, httpStoreReasonText(reason));
        cr_expect_eq(freshness.responseTime, NOW);
    }
}

Test(httpFreshness, answers_to_post_that_get_may_have_9110_9_3_3)
{
    static const struct {
        int status;
        const char *lines;
        bool isLocated;
        HttpStoreReason reason;
    } rows[] = {
        {200, AGE60, true, S(OK)},
        {200, DATE "Expires: " HOUR_LATER "\r\n", true, S(OK)},
        {200, AGE60, false, S(METHOD)},
        {201, AGE60, true, S(METHOD)},
        {200, DATE "Last-Modified: " HOUR_BEFORE "\r\n", true, S(METHOD)},
        {200, "ETag: \"x\"\r\n", true, S(METHOD)},
        {200, "Cache-Control: max-age=60, no-store\r\n", true, S(NO_STORE)},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        HttpFreshness freshness;
        setRequest(HTTP_METHOD_POST, "");
        request.framing = HTTP_FRAMING_CHUNKED;
        HttpExchange exchange = makeExchange(rows[i].status, rows[i].lines);
        exchange.isLocated = rows[i].isLocated;
        cr_expect_eq(httpFreshnessStorable(&exchange, &freshness),
                     rows[i].reason, "row %zu", i);
    }
}

Test(httpFreshness, an_answer_to_a_body_is_not_for_others)
{
    HttpExchange exchange = makeExchange(200, AGE60);
    HttpFreshness freshness;

    request.method = HTTP_METHOD_GET;
    request.framing = HTTP_FRAMING_LENGTH;
    cr_expect_eq(httpFreshnessStorable(&exchange, &freshness), S(OK));
    request.length = 1;
    cr_expect_eq(httpFreshnessStorable(&exchange, &freshness), S(REQUEST_BODY));
    request.length = 0;
    request.framing = HTTP_FRAMING_CHUNKED;
    cr_expect_eq(httpFreshnessStorable(&exchange, &freshness), S(REQUEST_BODY));
}

typedef struct LifetimeCase {
    int status;
    const char *lines;
    int64_t lifetime;
    HttpLifetimeSource source;
} LifetimeCase;

#define L(id) HTTP_LIFETIME_##id

static const LifetimeCase lifetimeCases[] = {
    {200, "Cache-Control: s-maxage=5, max-age=60\r\n", 5, L(S_MAXAGE)},
    {200, "Cache-Control: s-maxage=0, max-age=60\r\n", 0, L(S_MAXAGE)},
    {200, AGE60 DATE "Expires: " HOUR_LATER "\r\n", 60, L(MAX_AGE)},
    {200, DATE "Expires: " HOUR_LATER "\r\n", 3600, L(EXPIRES)},
    {200, DATE "Expires: Sunday, 06-Nov-94 09:49:37 GMT\r\n", 3600, L(EXPIRES)},
    {200, DATE "Expires: Sun Nov  6 09:49:37 1994\r\n", 3600, L(EXPIRES)},
    {200, DATE "Expires: " HOUR_BEFORE "\r\n", 0, L(EXPIRES)},
    {200, DATE "Expires: 0\r\n", 0, L(EXPIRES)},
    {200, DATE "Expires: \r\n", 0, L(EXPIRES)},
    {200, DATE "Expires: soon\r\n", 0, L(EXPIRES)},
    {200, "Expires: " HOUR_LATER "\r\n", 3600, L(EXPIRES)},
    {200, "Date: nonsense\r\nExpires: " HOUR_LATER "\r\n", 3600, L(EXPIRES)},
    {200, "Date: " HOUR_LATER "\r\nExpires: " HOUR_LATER "\r\n", 0, L(EXPIRES)},
    {200, DATE "Expires: Fri, 31 Dec 9999 23:59:59 GMT\r\n", DELTA_MAX,
     L(EXPIRES)},
    {200, DATE "Last-Modified: " HOUR_BEFORE "\r\n", 360, L(HEURISTIC)},
    {200, DATE "Last-Modified: " HOUR_BEFORE "\r\nSet-Cookie: a=b\r\n", 0,
     L(NONE)},
    {200, AGE60 "Set-Cookie: a=b\r\n", 60, L(MAX_AGE)},
    {404, DATE "Last-Modified: " HOUR_BEFORE "\r\n", 360, L(HEURISTIC)},
    {302, DATE "Last-Modified: " HOUR_BEFORE "\r\n", 0, L(NONE)},
    {302, DATE "Cache-Control: public\r\nLast-Modified: " HOUR_BEFORE "\r\n",
     360, L(HEURISTIC)},
    {200, DATE "Last-Modified: " HOUR_LATER "\r\n", 0, L(NONE)},
    {200, DATE "Last-Modified: never\r\n", 0, L(NONE)},
    {200, DATE "Last-Modified: Thu, 01 Jan 1970 00:00:00 GMT\r\n", 259200,
     L(HEURISTIC)},
    {200, DATE, 0, L(NONE)},
};

Test(httpFreshness, lifetime_4_2_1_and_4_2_2)
{
    for (size_t i = 0; i < sizeof(lifetimeCases) / sizeof(*lifetimeCases);
         i++) {
        const LifetimeCase *row = &lifetimeCases[i];
        HttpFreshness freshness;
        HttpExchange exchange = makeExchange(row->status, row->lines);
        httpFreshnessCompute(&exchange, &freshness);
        cr_expect_eq(freshness.lifetime, row->lifetime, "%s: %lld", row->lines,
                     (long long)freshness.lifetime);
        cr_expect_eq(freshness.source, row->source, "%s", row->lines);
    }
}

typedef struct AgeCase {
    const char *lines;
    time_t requestTime;
    time_t responseTime;
    time_t now;
    int64_t age;
} AgeCase;

static const AgeCase ageCases[] = {
    {DATE, NOW, NOW, NOW, 0},
    {DATE, NOW, NOW, NOW + 10, 10},
    {DATE, NOW, NOW + 3, NOW + 10, 10},
    {DATE "Age: 100\r\n", NOW, NOW, NOW + 10, 110},
    {DATE "Age: 100\r\n", NOW, NOW + 4, NOW + 10, 110},
    {DATE "Age: 100, 200\r\n", NOW, NOW, NOW, 100},
    {DATE "Age: 100\r\nAge: 200\r\n", NOW, NOW, NOW, 100},
    {DATE "Age: 0, 100\r\n", NOW, NOW, NOW, 0},
    {DATE "Age: 99999999999999999999\r\n", NOW, NOW, NOW, DELTA_MAX},
    {DATE "Age: 2147483649\r\n", NOW, NOW, NOW, DELTA_MAX},
    {DATE "Age: 7.5\r\n", NOW, NOW, NOW, 0},
    {DATE "Age: 7a\r\n", NOW, NOW, NOW, 0},
    {DATE "Age: -5\r\n", NOW, NOW, NOW, 0},
    {DATE "Age: x\r\n", NOW, NOW, NOW, 0},
    {"Date: " HOUR_BEFORE "\r\n", NOW, NOW, NOW + 1, 3601},
    {"Date: " HOUR_BEFORE "\r\nAge: 10\r\n", NOW, NOW, NOW, 3600},
    {"Date: " HOUR_BEFORE "\r\nAge: 5000\r\n", NOW, NOW, NOW, 5000},
    {"Date: " HOUR_LATER "\r\n", NOW, NOW, NOW, 0},
    {"", NOW - 5, NOW, NOW, 5},
    {"", NOW, NOW, NOW - 100, 0},
    {"", NOW + 5, NOW, NOW, 0},
};

Test(httpFreshness, age_4_2_3)
{
    for (size_t i = 0; i < sizeof(ageCases) / sizeof(*ageCases); i++) {
        const AgeCase *row = &ageCases[i];
        HttpFreshness freshness;
        HttpExchange exchange = makeExchange(200, row->lines);
        exchange.requestTime = row->requestTime;
        exchange.responseTime = row->responseTime;
        httpFreshnessCompute(&exchange, &freshness);
        cr_expect_eq(httpFreshnessAge(&freshness, row->now), row->age,
                     "row %zu", i);
    }
}

typedef struct UseCase {
    const char *lines; /* of the stored response, max-age=60 first */
    const char *requestLines;
    int64_t age;
    HttpUse use;
    HttpUseReason reason;
} UseCase;

#define U(id) HTTP_USE_##id
#define R(id) HTTP_USE_REASON_##id
#define CC "Cache-Control: "

#define SWR10 CC "max-age=60, stale-while-revalidate=10\r\n"

static const UseCase useCases[] = {
    {AGE60, "", 0, U(STORED), R(FRESH)},
    {AGE60, "", 59, U(STORED), R(FRESH)},
    {AGE60, "", 60, U(REVALIDATE), R(STALE)},
    {AGE60, "", 1000, U(REVALIDATE), R(STALE)},
    {AGE60, CC "no-store\r\n", 0, U(STORED), R(FRESH)},
    /* 5.2.1.4, 5.4 */
    {AGE60, CC "no-cache\r\n", 0, U(REVALIDATE), R(REQUEST_NO_CACHE)},
    {AGE60, "Pragma: no-cache\r\n", 0, U(REVALIDATE), R(REQUEST_PRAGMA)},
    {AGE60, "Pragma: no-cache\r\n" CC "max-age=9\r\n", 0, U(STORED), R(FRESH)},
    {AGE60, "Pragma: other\r\n", 0, U(STORED), R(FRESH)},
    /* 5.2.1.1 */
    {AGE60, CC "max-age=0\r\n", 0, U(REVALIDATE), R(REQUEST_MAX_AGE)},
    {AGE60, CC "max-age=0\r\n", 1, U(REVALIDATE), R(REQUEST_MAX_AGE)},
    {AGE60, CC "max-age=30\r\n", 30, U(STORED), R(FRESH)},
    {AGE60, CC "max-age=30\r\n", 31, U(REVALIDATE), R(REQUEST_MAX_AGE)},
    {AGE60, CC "max-age=90\r\n", 70, U(REVALIDATE), R(STALE)},
    /* 5.2.1.2 */
    {AGE60, CC "max-stale\r\n", 5000, U(STORED), R(MAX_STALE)},
    {AGE60, CC "max-stale\r\n", 61 + 7 * 86400, U(REVALIDATE), R(STALE)},
    {AGE60, CC "max-stale=10\r\n", 70, U(STORED), R(MAX_STALE)},
    {AGE60, CC "max-stale=10\r\n", 71, U(REVALIDATE), R(STALE)},
    {AGE60, CC "max-stale=10\r\n", 5, U(STORED), R(FRESH)},
    {CC "max-age=60, must-revalidate\r\n", CC "max-stale\r\n", 70,
     U(REVALIDATE), R(STALE)},
    {CC "max-age=60, proxy-revalidate\r\n", CC "max-stale\r\n", 70,
     U(REVALIDATE), R(STALE)},
    {CC "s-maxage=60\r\n", CC "max-stale\r\n", 70, U(REVALIDATE), R(STALE)},
    {CC "max-age=60, must-revalidate\r\n", "", 59, U(STORED), R(FRESH)},
    /* 5.2.1.3 */
    {AGE60, CC "min-fresh=10\r\n", 50, U(STORED), R(FRESH)},
    {AGE60, CC "min-fresh=10\r\n", 51, U(REVALIDATE), R(REQUEST_MIN_FRESH)},
    /* 5.2.2.4 */
    {CC "max-age=60, no-cache\r\n", "", 0, U(REVALIDATE), R(NO_CACHE)},
    {CC "max-age=60, no-cache=\"X\"\r\n", "", 0, U(STORED), R(FRESH)},
    {CC "max-age=60, no-cache\r\n", CC "max-stale\r\n", 0, U(REVALIDATE),
     R(NO_CACHE)},
    /* RFC 8246 2: only while fresh, and not against the client's will */
    {CC "max-age=60, immutable\r\n", "", 60, U(REVALIDATE), R(STALE)},
    {CC "max-age=60, immutable\r\n", CC "no-cache\r\n", 0, U(REVALIDATE),
     R(REQUEST_NO_CACHE)},
    /* RFC 5861 3 */
    {SWR10, "", 59, U(STORED), R(FRESH)},
    {SWR10, "", 70, U(REFRESH), R(WHILE_REVALIDATE)},
    {SWR10, "", 71, U(REVALIDATE), R(STALE)},
    {SWR10, CC "max-age=30\r\n", 65, U(REVALIDATE), R(REQUEST_MAX_AGE)},
    {SWR10, CC "min-fresh=1\r\n", 65, U(REVALIDATE), R(REQUEST_MIN_FRESH)},
    {SWR10, CC "no-cache\r\n", 65, U(REVALIDATE), R(REQUEST_NO_CACHE)},
    {SWR10, CC "only-if-cached\r\n", 65, U(REFRESH), R(WHILE_REVALIDATE)},
    {SWR10 CC "must-revalidate\r\n", "", 65, U(REVALIDATE), R(STALE)},
    {SWR10 CC "proxy-revalidate\r\n", "", 65, U(REVALIDATE), R(STALE)},
    {SWR10 CC "s-maxage=60\r\n", "", 65, U(REVALIDATE), R(STALE)},
    /* 5.2.1.7 */
    {AGE60, CC "only-if-cached\r\n", 59, U(STORED), R(FRESH)},
    {AGE60, CC "only-if-cached\r\n", 60, U(TIMEOUT), R(STALE)},
    {AGE60, CC "only-if-cached, max-stale\r\n", 60, U(STORED), R(MAX_STALE)},
    {AGE60, CC "only-if-cached, no-cache\r\n", 0, U(TIMEOUT),
     R(REQUEST_NO_CACHE)},
};

Test(httpFreshness, what_a_request_may_get_4_and_5_2_1)
{
    for (size_t i = 0; i < sizeof(useCases) / sizeof(*useCases); i++) {
        const UseCase *row = &useCases[i];
        HttpFreshness freshness;
        HttpUseReason reason;
        HttpExchange exchange = makeExchange(200, row->lines);
        httpFreshnessCompute(&exchange, &freshness);
        if (!*row->requestLines)
            cr_expect_eq(httpFreshnessIsFresh(&freshness, NOW + row->age),
                         row->reason == R(FRESH), "row %zu", i);
        setRequest(HTTP_METHOD_GET, row->requestLines);
        HttpUse use = httpFreshnessUse(&freshness, &request.headers,
                                       NOW + row->age, &reason);
        cr_expect_eq(use, row->use, "row %zu: use %d", i, use);
        cr_expect_eq(reason, row->reason, "row %zu: %s", i,
                     httpUseReasonText(reason));
        cr_expect_eq(httpFreshnessUse(&freshness, &request.headers,
                                      NOW + row->age, NULL),
                     use);
    }
}

typedef struct StaleCase {
    const char *lines;
    const char *requestLines;
    int64_t age;
    bool mayServe;
} StaleCase;

static const StaleCase staleCases[] = {
    {AGE60, "", 100, true},
    {AGE60, "", 60 + 7 * 86400, true},
    {AGE60, "", 61 + 7 * 86400, false},
    {CC "max-age=60, stale-if-error=10\r\n", "", 70, true},
    {CC "max-age=60, stale-if-error=10\r\n", "", 71, false},
    {CC "max-age=60, stale-if-error=0\r\n", "", 61, false},
    {CC "max-age=60, must-revalidate\r\n", "", 61, false},
    {CC "max-age=60, must-revalidate, stale-if-error=10\r\n", "", 61, false},
    {CC "max-age=60, proxy-revalidate\r\n", "", 61, false},
    {CC "s-maxage=60\r\n", "", 61, false},
    {CC "no-cache, max-age=60\r\n", "", 10, false},
    /* RFC 5861 4: the request may ask for it, too */
    {CC "max-age=60, stale-if-error=10\r\n", CC "stale-if-error=20\r\n", 80,
     true},
    {CC "max-age=60, stale-if-error=10\r\n", CC "stale-if-error=5\r\n", 70,
     true},
    {AGE60, CC "stale-if-error=5\r\n", 65, true},
    {AGE60, CC "stale-if-error=5\r\n", 66, false},
    {CC "s-maxage=60\r\n", CC "stale-if-error=5\r\n", 61, false},
    /* 5.2.1.4, 5.4 */
    {AGE60, CC "no-cache\r\n", 61, false},
    {AGE60, "Pragma: no-cache\r\n", 61, false},
};

Test(httpFreshness, stale_when_the_origin_is_away_4_2_4)
{
    for (size_t i = 0; i < sizeof(staleCases) / sizeof(*staleCases); i++) {
        const StaleCase *row = &staleCases[i];
        HttpFreshness freshness;
        HttpExchange exchange = makeExchange(200, row->lines);
        httpFreshnessCompute(&exchange, &freshness);
        setRequest(HTTP_METHOD_GET, row->requestLines);
        cr_expect_eq(httpFreshnessStaleIfError(&freshness, &request.headers,
                                               NOW + row->age),
                     row->mayServe, "row %zu", i);
    }
}

Test(httpFreshness, what_must_be_validated_5_2_2_2)
{
    static const struct {
        const char *lines;
        bool must;
    } rows[] = {
        {AGE60, false},
        {CC "max-age=60, must-revalidate\r\n", true},
        {CC "max-age=60, proxy-revalidate\r\n", true},
        {CC "no-cache\r\n", true},
        {CC "s-maxage=60\r\n", true},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        HttpFreshness freshness;
        HttpExchange exchange = makeExchange(200, rows[i].lines);
        httpFreshnessCompute(&exchange, &freshness);
        cr_expect_eq(httpFreshnessMustRevalidate(&freshness), rows[i].must,
                     "row %zu", i);
    }
}

typedef struct TargetedCase {
    const char *lines;
    bool isValid;
    unsigned flags;
    int64_t maxAge;
} TargetedCase;

#define CDN "CDN-Cache-Control: "

static const TargetedCase targetedCases[] = {
    {CDN "max-age=60\r\n", true, 0, 60},
    {CDN "max-age=60;a=b\r\n", true, 0, 60},
    {CDN "max-age=60; a; b=?0\r\n", true, 0, 60},
    {CDN "a=1\r\n" CDN "max-age=60\r\n", true, 0, 60},
    {CDN "a ,\tmax-age=60\r\n", true, 0, 60},
    {CDN "max-age=5, max-age=60\r\n", true, 0, 60},
    {CDN "max-age=999999999999999\r\n", true, 0, DELTA_MAX},
    {CDN "max-age=-5\r\n", true, 0, 0},
    {CDN "no-store, private\r\n", true, HTTP_CC_NO_STORE | HTTP_CC_PRIVATE, -1},
    {CDN "no-store=?1\r\n", true, HTTP_CC_NO_STORE, -1},
    {CDN "no-store=?0, none\r\n", true, 0, -1},
    {CDN "no-cache=\"Set-Cookie\"\r\n", true, 0, -1},
    {CDN "no-cache=\"\"\r\n", true, HTTP_CC_NO_CACHE, -1},
    {CDN "a=(1 \"x\";q=1 b), c=:aGk=:, d=1.5, e=t/x, max-age=60\r\n", true, 0,
     60},
    {CDN "a=\"\\\"\\\\\", max-age=60\r\n", true, 0, 60},
    /* values of another type are not used */
    {CDN "max-age=\"60\"\r\n", true, 0, -1},
    {CDN "max-age=60.5\r\n", true, 0, -1},
    {CDN "max-age=x\r\n", true, 0, -1},
    {CDN "max-age\r\n", true, 0, -1},
    /* malformed or empty: as if it were not there */
    {"", false, 0, -1},
    {CDN "\r\n", false, 0, -1},
    {CDN "max-age=60,\r\n", false, 0, -1},
    {CDN ",max-age=60\r\n", false, 0, -1},
    {CDN "Max-Age=60\r\n", false, 0, -1},
    {CDN "max-age =60\r\n", false, 0, -1},
    {CDN "max-age= 60\r\n", false, 0, -1},
    {CDN "max-age=60 no-store\r\n", false, 0, -1},
    {CDN "max-age=60s\r\n", false, 0, -1},
    {CDN "max-age=1000000000000000\r\n", false, 0, -1},
    {CDN "a=\"x\r\n", false, 0, -1},
    {CDN "a=\"\\x\"\r\n", false, 0, -1},
    {CDN "a=\"x\\\r\n", false, 0, -1},
    {CDN "a=(1\r\n", false, 0, -1},
    {CDN "a=(1,2)\r\n", false, 0, -1},
    {CDN "a=1.\r\n", false, 0, -1},
    {CDN "a=1.2345\r\n", false, 0, -1},
    {CDN "a=-\r\n", false, 0, -1},
    {CDN "a=?2\r\n", false, 0, -1},
    {CDN "a=:x\r\n", false, 0, -1},
    {CDN "a=&\r\n", false, 0, -1},
    {CDN "a=\r\n", false, 0, -1},
    {CDN "a;B=1\r\n", false, 0, -1},
    {CDN "a;b=\r\n", false, 0, -1},
};

Test(httpFreshness, cdn_cache_control_is_a_dictionary_9213_2_1)
{
    for (size_t i = 0; i < sizeof(targetedCases) / sizeof(*targetedCases);
         i++) {
        const TargetedCase *row = &targetedCases[i];
        HttpCacheControl control = {.maxAge = -1};
        setRequest(HTTP_METHOD_GET, row->lines);
        cr_expect_eq(httpTargetedParse(&request.headers, &control),
                     row->isValid, "row %zu: %s", i, row->lines);
        cr_expect_eq(control.flags, row->flags, "row %zu: %s", i, row->lines);
        cr_expect_eq(control.maxAge, row->maxAge, "row %zu: %s", i, row->lines);
    }
}

Test(httpFreshness, cdn_cache_control_is_the_only_one_9213_2_2)
{
    static const struct {
        const char *lines;
        bool isTargeted;
        HttpStoreReason reason;
        int64_t lifetime;
    } rows[] = {
        {CDN "max-age=9\r\n" CC "no-store\r\n", true, S(OK), 9},
        {CDN "max-age=9\r\n" CC "no-store\r\n", false, S(NO_STORE), 0},
        {CDN "no-store\r\n" AGE60, true, S(NO_STORE), 0},
        {CDN "no-store\r\n" AGE60, false, S(OK), 60},
        {CDN "max-age=9, &\r\n" AGE60, true, S(OK), 60},
        {CDN "none\r\n" DATE "Expires: " HOUR_LATER "\r\n", true, S(USELESS),
         0},
        {CDN "max-age=9\r\n" CC "s-maxage=60\r\n", true, S(OK), 9},
        {CDN "private\r\n" AGE60, true, S(PRIVATE), 0},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        HttpFreshness freshness;
        setRequest(HTTP_METHOD_GET, "");
        HttpExchange exchange = makeExchange(200, rows[i].lines);
        exchange.isTargeted = rows[i].isTargeted;
        cr_expect_eq(httpFreshnessStorable(&exchange, &freshness),
                     rows[i].reason, "row %zu", i);
        cr_expect_eq(freshness.lifetime, rows[i].lifetime, "row %zu", i);
    }
}

Test(httpFreshness, named_fields_are_not_stored_5_2_2_4_and_5_2_2_7)
{
    HttpHeaders *headers = &response.headers;

    makeExchange(200, "X-A: 1\r\nx-b: 2\r\nX-C: 3\r\nX-D: 4\r\nX-E: 5\r\n"
                      "Set-Cookie: 1\r\nContent-Type: a/b\r\n" CC
                      "private=\"X-A, X-B\", no-cache=Set-Cookie, "
                      "private=\"X-C, Content-Type\", no-store=\"X-D\"\r\n" CDN
                      "private=\"x-e\"\r\n");
    httpCacheControlRemoveFields(headers);
    cr_expect_null(httpHeaderGetName(headers, httpSliceText("X-A")).data);
    cr_expect_null(httpHeaderGetName(headers, httpSliceText("X-B")).data);
    cr_expect_null(httpHeaderGetName(headers, httpSliceText("X-E")).data);
    cr_expect_not(httpHeaderHas(headers, HTTP_HEADER_SET_COOKIE));
    /* that one is about the whole response */
    cr_expect_not_null(httpHeaderGetName(headers, httpSliceText("X-C")).data);
    cr_expect_not_null(httpHeaderGetName(headers, httpSliceText("X-D")).data);
    cr_expect(httpHeaderHas(headers, HTTP_HEADER_CONTENT_TYPE));
}

typedef struct RefreshCase {
    HttpRefresh refresh;
    int status;
    const char *lines;
    HttpStoreReason reason;
    int64_t lifetime;
} RefreshCase;

#define F(id) HTTP_REFRESH_##id
#define LM DATE "Last-Modified: " HOUR_BEFORE "\r\n"

static const RefreshCase refreshCases[] = {
    {{.min = 60, .max = 900, .percent = 50}, 200, "", S(OK), 60},
    {{.min = 60, .max = 900, .percent = 50}, 200, LM, S(OK), 900},
    {{.min = 60, .max = 9000, .percent = 50}, 200, LM, S(OK), 1800},
    {{.min = 60, .max = 9000, .percent = 1}, 200, LM, S(OK), 36},
    {{.min = 60, .max = 9000, .percent = 1, .flags = F(OVERRIDE_LASTMOD)},
     200,
     LM,
     S(OK),
     60},
    {{.min = 60}, 200, CC "max-age=5\r\n", S(OK), 5},
    {{.min = 60, .flags = F(OVERRIDE_EXPIRE)},
     200,
     CC "max-age=5\r\n",
     S(OK),
     60},
    {{.min = 60, .flags = F(OVERRIDE_EXPIRE)},
     200,
     CC "max-age=90\r\n",
     S(OK),
     90},
    {{.min = 60}, 302, "", S(NO_EXPIRY), 0},
    {{.min = 60}, 200, CC "no-store\r\n", S(NO_STORE), 60},
    {{.min = 60, .flags = F(IGNORE_NO_STORE)},
     200,
     CC "no-store\r\n",
     S(OK),
     60},
    {{.min = 60, .flags = F(IGNORE_NO_STORE)},
     200,
     CC "private\r\n",
     S(PRIVATE),
     60},
    {{.min = 60, .flags = F(IGNORE_PRIVATE)}, 200, CC "private\r\n", S(OK), 60},
    {{.flags = F(STORE_STALE)}, 200, CC "max-age=0\r\n", S(OK), 0},
    {{.negative = 30}, 503, "", S(OK), 30},
    {{.negative = 30}, 404, LM, S(OK), 30},
    {{.negative = 30}, 404, CC "max-age=5\r\n", S(OK), 5},
    {{.negative = 30}, 302, "", S(NO_EXPIRY), 0},
    {{.negative = 30}, 200, "", S(USELESS), 0},
    {{.negative = 30}, 503, CC "no-store\r\n", S(NO_STORE), 30},
};

Test(httpFreshness, refresh_rules_of_the_administrator_4_2_2)
{
    for (size_t i = 0; i < sizeof(refreshCases) / sizeof(*refreshCases); i++) {
        const RefreshCase *row = &refreshCases[i];
        HttpFreshness freshness;
        setRequest(HTTP_METHOD_GET, "");
        HttpExchange exchange = makeExchange(row->status, row->lines);
        exchange.refresh = &row->refresh;
        HttpStoreReason reason = httpFreshnessStorable(&exchange, &freshness);
        cr_expect_eq(reason, row->reason, "row %zu: %s", i,
                     httpStoreReasonText(reason));
        cr_expect_eq(freshness.lifetime, row->lifetime, "row %zu: %lld", i,
                     (long long)freshness.lifetime);
    }
}

Test(httpFreshness, refresh_rules_against_the_client)
{
    static const struct {
        unsigned flags;
        const char *requestLines;
        int64_t age;
        HttpUse use;
    } rows[] = {
        {F(IGNORE_RELOAD), CC "no-cache\r\n", 5, U(STORED)},
        {F(IGNORE_RELOAD), CC "max-age=0\r\n", 5, U(STORED)},
        {F(IGNORE_RELOAD), "Pragma: no-cache\r\n", 5, U(STORED)},
        {F(IGNORE_RELOAD), CC "no-cache\r\n", 65, U(REVALIDATE)},
        {F(REFRESH_IMS), "", 5, U(STORED)},
        {F(REFRESH_IMS), "If-Modified-Since: " HOUR_BEFORE "\r\n", 5,
         U(REVALIDATE)},
        {F(RELOAD_INTO_IMS), CC "no-cache\r\n", 5, U(REVALIDATE)},
        {0, CC "max-stale\r\n", 70, U(STORED)},
        {0, CC "max-stale\r\n", 71, U(REVALIDATE)},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        HttpRefresh refresh = {.flags = rows[i].flags, .staleMax = 10};
        HttpFreshness freshness;
        HttpExchange exchange = makeExchange(200, AGE60);
        exchange.refresh = &refresh;
        httpFreshnessCompute(&exchange, &freshness);
        setRequest(HTTP_METHOD_GET, rows[i].requestLines);
        cr_expect_eq(httpFreshnessUse(&freshness, &request.headers,
                                      NOW + rows[i].age, NULL),
                     rows[i].use, "row %zu", i);
    }
}

Test(httpFreshness, only_if_cached_is_seen_with_nothing_stored)
{
    setRequest(HTTP_METHOD_GET, CC "max-age=1, ONLY-if-cached\r\n");
    cr_expect(httpFreshnessOnlyIfCached(&request.headers));
    setRequest(HTTP_METHOD_GET, CC "max-age=1\r\n");
    cr_expect_not(httpFreshnessOnlyIfCached(&request.headers));
}

Test(httpFreshness, reasons_have_texts)
{
    for (int i = 0; i < HTTP_STORE_COUNT; i++)
        cr_expect_gt(strlen(httpStoreReasonText((HttpStoreReason)i)), 3);
    for (int i = 0; i < HTTP_USE_REASON_COUNT; i++)
        cr_expect_gt(strlen(httpUseReasonText((HttpUseReason)i)), 3);
}

Test(httpFreshness, requests_that_want_nothing_stored_5_2_1_4)
{
    static const struct {
        const char *lines;
        bool isReload;
    } rows[] = {
        {"", false},
        {"Cache-Control: no-cache\r\n", true},
        {"Cache-Control: max-age=9, No-Cache\r\n", true},
        {"Cache-Control: max-age=0\r\n", false},
        {"Pragma: no-cache\r\n", true},
        {"Pragma: no-cache\r\nCache-Control: max-age=9\r\n", false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        setRequest(HTTP_METHOD_GET, rows[i].lines);
        cr_expect_eq(httpFreshnessIsReload(&request.headers), rows[i].isReload,
                     "row %zu", i);
    }
}
