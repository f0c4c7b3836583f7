/* A range for the client of an answer that is fetched whole, to be stored or
 * since what is stored was to be validated. DEBUG: section 20 */
#include <inttypes.h>

#include "proxy_fetch_priv.h"

/* range_offset_limit */
static bool
isWithinLimit(const ProxyRequest *request, uint64_t first)
{
    const ConfigLimits *limits = &request->config->rangeOffsetLimit;
    AclInput input;

    if (limits->count == 0)
        return false;
    input = proxyStepInput(request);
    int64_t limit = configLimitsFind(limits, &input, 0);
    return limit < 0 || (limit > 0 && first <= (uint64_t)limit);
}

void
proxySliceAsk(ProxyFetch *fetch)
{
    HttpHeaders *headers = &fetch->headers;
    uint64_t first;

    if (fetch->object != NULL || fetch->isUncached ||
        fetch->asked->method != HTTP_METHOD_GET ||
        httpCondIsForOrigin(headers) || !httpRangeFirst(headers, &first) ||
        !isWithinLimit(fetch->request, first))
        return;
    httpHeaderRemove(headers, HTTP_HEADER_RANGE);
    httpHeaderRemove(headers, HTTP_HEADER_IF_RANGE);
}

/* The whole was asked for, and comes. */
static bool
isOfWhole(const ProxyFetch *fetch, const HttpResponse *response)
{
    return response->status == 200 &&
           response->framing == HTTP_FRAMING_LENGTH &&
           fetch->asked->method == HTTP_METHOD_GET &&
           httpHeaderHas(&fetch->asked->headers, HTTP_HEADER_RANGE) &&
           !httpHeaderHas(&fetch->headers, HTTP_HEADER_RANGE);
}

static HttpRangeResult
resolve(const ProxyFetch *fetch, const HttpResponse *response,
        HttpRangeSet *setOut)
{
    time_t now = proxyNowSec();
    HttpValidators validators;

    if (!isOfWhole(fetch, response))
        return HTTP_RANGE_WHOLE;
    httpCondValidators(&response->headers, now, &validators);
    return httpRangeResolve(&fetch->asked->headers, &validators,
                            response->length, now, setOut);
}

/* Make the head of the whole that of a part. */
static void
setPlace(HttpResponse *response, const HttpPlace *place)
{
    HttpHeaders *headers = &response->headers;

    response->status = 206;
    response->length = place->range.last - place->range.first + 1;
    httpHeaderRemove(headers, HTTP_HEADER_CONTENT_RANGE);
    httpHeaderAddf(headers, HTTP_HEADER_CONTENT_RANGE,
                   "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, place->range.first,
                   place->range.last, place->total);
    httpHeaderRemove(headers, HTTP_HEADER_CONTENT_LENGTH);
    httpHeaderAddf(headers, HTTP_HEADER_CONTENT_LENGTH, "%" PRIu64,
                   response->length);
}

bool
proxySliceHead(ProxyFetch *fetch, HttpResponse *response)
{
    HttpPlace place = {.total = response->length};
    HttpRangeSet set;
    HttpRangeResult result = resolve(fetch, response, &set);

    if (result == HTTP_RANGE_UNSATISFIABLE) {
        proxyReplyNoPart(fetch->request, response->length);
        return false;
    }
    if (result != HTTP_RANGE_PART || set.count > 1)
        return true;
    fetch->isSlice = true;
    fetch->slice = place.range = set.ranges[0];
    setPlace(response, &place);
    return true;
}

void
proxySliceBody(const ProxyFetch *fetch, const char *octets, size_t len)
{
    uint64_t from = fetch->received;
    uint64_t end = fetch->slice.last + 1;

    if (!fetch->isSlice) {
        proxyReplyBody(fetch->request, octets, len);
        return;
    }
    size_t skipped = fetch->slice.first > from ? fetch->slice.first - from : 0;
    if (skipped >= len || from >= end)
        return;
    size_t taken = (from + len < end ? len : (size_t)(end - from)) - skipped;
    proxyReplyBody(fetch->request, octets + skipped, taken);
    if (from + skipped + taken == end)
        proxyReplyEnd(fetch->request);
}
