/*
 * fuzz_http_cache.c: what a response and a request say about caching, in any
 * words, leads to figures in their limits and to heads that parse. The input
 * is an octet for the status and one for the method, the fields of the
 * response, an empty line, and those of the request.
 */
#include <string.h>

#include "buf.h"
#include "check.h"
#include "fuzz.h"
#include "http_cond.h"
#include "http_freshness.h"
#include "http_message.h"
#include "http_parse.h"
#include "http_range.h"

const char fuzzName[] = "http_cache";

#define NOW ((time_t)784111777)
#define DELTA_MAX ((int64_t)1 << 31)
#define LENGTH 1000
#define TEXT_MAX (1u << 20)

static HttpRequest request;
static HttpResponse response;

static void
checkSeconds(int64_t seconds)
{
    CHECK(seconds >= -1 && seconds <= DELTA_MAX);
}

static void
checkControl(const HttpHeaders *headers)
{
    HttpCacheControl control;

    httpCacheControlParse(headers, &control);
    checkSeconds(control.maxAge);
    checkSeconds(control.sMaxage);
    checkSeconds(control.minFresh);
    checkSeconds(control.maxStale);
    checkSeconds(control.staleWhileRevalidate);
    checkSeconds(control.staleIfError);
    if (httpTargetedParse(headers, &control))
        checkSeconds(control.maxAge);
}

static void
checkUse(const HttpFreshness *freshness)
{
    HttpUseReason reason;
    int64_t age = httpFreshnessAge(freshness, NOW);

    CHECK(age >= 0 && httpFreshnessAge(freshness, NOW + 10) >= age);
    HttpUse use = httpFreshnessUse(freshness, &request.headers, NOW, &reason);
    CHECK(use < HTTP_USE_COUNT && reason < HTTP_USE_REASON_COUNT);
    if (httpFreshnessOnlyIfCached(&request.headers))
        CHECK(use != HTTP_USE_REVALIDATE);
    if (httpFreshnessMustRevalidate(freshness))
        CHECK(!httpFreshnessStaleIfError(freshness, &request.headers, NOW));
    (void)httpFreshnessMayWait(&request.headers);
}

static void
checkFreshness(void)
{
    HttpFreshness freshness;
    HttpExchange exchange = {.request = &request,
                             .response = &response,
                             .requestTime = NOW - 1,
                             .responseTime = NOW};

    CHECK(httpFreshnessStorable(&exchange, &freshness) < HTTP_STORE_COUNT);
    checkUse(&freshness);
    exchange.isTargeted = true;
    CHECK(httpFreshnessStorable(&exchange, &freshness) < HTTP_STORE_COUNT);
    checkUse(&freshness);
}

static void
checkPlace(HttpSlice head, const HttpPlace *place)
{
    HttpResponse part;
    HttpPlace back;
    Buf out;

    bufInit(&out, TEXT_MAX);
    httpResponseInit(&part, HTTP_HEADER_TEXT_MAX);
    CHECK(httpRangeFormat206(head, place, &out) == 0);
    CHECK(bufAppend(&out, "\r\n", 2) == 0);
    CHECK(httpRangePlaceOf(httpSlice(bufData(&out), bufLen(&out)), &back));
    CHECK(back.range.first == place->range.first &&
          back.range.last == place->range.last && back.total == place->total);
    httpResponseFini(&part);
    bufFini(&out);
}

static void
checkRanges(HttpSlice head, const HttpValidators *validators)
{
    HttpRangeSet set = {.count = 0};
    HttpRange range;
    HttpPlace place;

    bool isPart = httpRangeResolve(&request.headers, validators, LENGTH, NOW,
                                   &set) == HTTP_RANGE_PART;
    CHECK(isPart == (set.count > 0) && set.count <= HTTP_RANGES_MAX);
    for (size_t i = 0; i < set.count; i++) {
        range = set.ranges[i];
        CHECK(range.first <= range.last && range.last < LENGTH);
        place = (HttpPlace){.range = range, .total = LENGTH};
        checkPlace(head, &place);
        for (size_t j = 0; j < i; j++)
            CHECK(range.last + 1 < set.ranges[j].first ||
                  set.ranges[j].last + 1 < range.first);
    }
    if (!httpRangePlace(&response.headers, &place))
        return;
    CHECK(place.range.first <= place.range.last);
    CHECK(place.total == HTTP_TOTAL_UNKNOWN || place.range.last < place.total);
    set.count = 0;
    httpRangeResolvePart(&request.headers, validators, &place, NOW, &set);
    for (size_t i = 0; i < set.count; i++) {
        range = set.ranges[i];
        CHECK(range.first >= place.range.first &&
              range.last <= place.range.last && range.first <= range.last);
    }
}

static void
checkStored(void)
{
    HttpValidators validators;
    Buf head;
    Buf out;

    bufInit(&head, TEXT_MAX);
    bufInit(&out, TEXT_MAX);
    httpHeaderRemoveHopByHop(&response.headers);
    CHECK(!httpHeaderHas(&response.headers, HTTP_HEADER_CONNECTION));
    httpCacheControlRemoveFields(&response.headers);
    httpCondValidators(&response.headers, NOW, &validators);
    CHECK(httpResponseFormatHead(&response, &head) == 0);
    HttpSlice text = httpSlice(bufData(&head), bufLen(&head));
    CHECK(httpCondFormat304(text, &out) == 0);
    checkRanges(text, &validators);
    CHECK(httpCondEvaluate(&request.headers, &validators, NOW) <
          HTTP_COND_COUNT);
    CHECK(httpCondAbout(&request.headers, &validators, &response.headers) <
          HTTP_COND_ABOUT_COUNT);
    if (httpCondBuild(&request.headers, &validators))
        CHECK(httpCondCanValidate(&validators));
    else
        CHECK(!httpHeaderHas(&request.headers, HTTP_HEADER_IF_NONE_MATCH));
    CHECK(!httpHeaderHas(&request.headers, HTTP_HEADER_RANGE));
    bufFini(&head);
    bufFini(&out);
}

/* The octets before the first empty line; *text goes on behind it. */
static HttpSlice
takeFields(HttpSlice *text)
{
    const char *end =
        text->len ? memmem(text->data, text->len, "\r\n\r\n", 4) : NULL;
    size_t len = end ? (size_t)(end - text->data) + 2 : text->len;
    HttpSlice fields = httpSlice(text->data, len);
    size_t skip = end ? len + 2 : len;

    *text = httpSlice(text->data + skip, text->len - skip);
    return fields;
}

static bool
parse(HttpSlice text, int status)
{
    HttpResponse parsed;

    httpResponseInit(&parsed, HTTP_HEADER_TEXT_MAX);
    bool isGood =
        httpResponseParse(&response, status, takeFields(&text)) == 0 &&
        httpResponseParse(&parsed, 200, takeFields(&text)) == 0 &&
        httpHeaderCopy(&request.headers, &parsed.headers) == 0;
    httpResponseFini(&parsed);
    return isGood;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    httpRequestInit(&request, HTTP_HEADER_TEXT_MAX);
    httpResponseInit(&response, HTTP_HEADER_TEXT_MAX);
    request.method = data[1] % 4 == 0 ? HTTP_METHOD_HEAD : HTTP_METHOD_GET;
    if (parse(httpSlice((const char *)data + 2, size - 2),
              200 + data[0] % 64)) {
        checkControl(&request.headers);
        checkControl(&response.headers);
        checkFreshness();
        checkStored();
    }
    httpRequestFini(&request);
    httpResponseFini(&response);
    return 0;
}
