/* http_range.c: ranges of octets, asked for and answered. */
#include "http_range.h"

#include <inttypes.h>

#include "http_date.h"
#include "http_message.h"
#include "http_octet.h"
#include "http_stored.h"

/* Cut a number off the front; one that is too large is as large as can be. */
static bool
takeNumber(HttpSlice *text, uint64_t *valueOut)
{
    size_t len = 0;

    while (len < text->len &&
           httpOctetsAre(text->data + len, 1, HTTP_OCTET_DIGIT))
        len++;
    if (!len)
        return false;
    if (!httpSliceParseUint(httpSlice(text->data, len), INT64_MAX, valueOut))
        *valueOut = INT64_MAX;
    *text = httpSlice(text->data + len, text->len - len);
    return true;
}

/* "-N": the last N octets, where the length is known. */
static HttpRangeResult
resolveSuffix(HttpSlice text, uint64_t length, HttpRange *out)
{
    uint64_t count;

    if (!takeNumber(&text, &count) || text.len)
        return HTTP_RANGE_WHOLE;
    if (length == HTTP_TOTAL_UNKNOWN)
        return HTTP_RANGE_WHOLE;
    if (!count || !length)
        return HTTP_RANGE_UNSATISFIABLE;
    out->first = count < length ? length - count : 0;
    out->last = length - 1;
    return HTTP_RANGE_PART;
}

/* "N-" or "N-M" */
static HttpRangeResult
resolveFrom(HttpSlice text, uint64_t length, HttpRange *out)
{
    uint64_t first;
    uint64_t last = INT64_MAX;

    if (!takeNumber(&text, &first) || !text.len || text.data[0] != '-')
        return HTTP_RANGE_WHOLE;
    text = httpSlice(text.data + 1, text.len - 1);
    if (text.len && (!takeNumber(&text, &last) || text.len || last < first))
        return HTTP_RANGE_WHOLE;
    if (last == INT64_MAX && length == HTTP_TOTAL_UNKNOWN)
        return HTTP_RANGE_WHOLE;
    if (first >= length)
        return HTTP_RANGE_UNSATISFIABLE;
    out->first = first;
    out->last = last < length ? last : length - 1;
    return HTTP_RANGE_PART;
}

static HttpRangeResult
resolveOne(HttpSlice range, uint64_t length, HttpRange *out)
{
    return range.data[0] == '-'
               ? resolveSuffix(httpSlice(range.data + 1, range.len - 1), length,
                               out)
               : resolveFrom(range, length, out);
}

/* The ranges of the only Range field, in octets; or the absent slice. */
static HttpSlice
rangesOf(const HttpHeaders *request)
{
    static const char unit[] = "bytes=";
    const size_t unitLen = sizeof(unit) - 1;
    const HttpField *field = httpHeaderNextOf(request, HTTP_HEADER_RANGE, NULL);

    if (!field || httpHeaderNextOf(request, HTTP_HEADER_RANGE, field))
        return (HttpSlice){0};
    HttpSlice value = httpFieldValue(field);
    if (value.len <= unitLen || strncasecmp(value.data, unit, unitLen) != 0)
        return (HttpSlice){0};
    return httpSlice(value.data + unitLen, value.len - unitLen);
}

bool
httpRangeFirst(const HttpHeaders *request, uint64_t *firstOut)
{
    HttpList list;
    HttpSlice text;
    HttpSlice more;
    HttpRange range;

    httpListStartText(&list, rangesOf(request));
    if (!httpListNext(&list, &text) || httpListNext(&list, &more) ||
        resolveOne(text, INT64_MAX, &range) != HTTP_RANGE_PART)
        return false;
    *firstOut = text.data[0] == '-' ? HTTP_TOTAL_UNKNOWN : range.first;
    return true;
}

/* Without a gap between them. */
static bool
isJoined(const HttpRange *a, const HttpRange *b)
{
    return a->first <= b->last + 1 && b->first <= a->last + 1;
}

static bool
isOverlap(const HttpRange *a, const HttpRange *b)
{
    return a->first <= b->last && b->first <= a->last;
}

static void
extend(HttpRange *range, const HttpRange *by)
{
    if (by->first < range->first)
        range->first = by->first;
    if (by->last > range->last)
        range->last = by->last;
}

/* Those that the new one joins become one with it, where the first of them
 * was. Returns how many of them overlapped it. */
static unsigned
addRange(HttpRangeSet *set, HttpRange range)
{
    HttpRange *ranges = set->ranges;
    size_t at = set->count;
    unsigned overlaps = 0;

    for (size_t i = 0; i < set->count;) {
        if (!isJoined(&ranges[i], &range)) {
            i++;
            continue;
        }
        overlaps += isOverlap(&ranges[i], &range);
        extend(&range, &ranges[i]);
        at = i < at ? i : at;
        memmove(&ranges[i], &ranges[i + 1],
                (--set->count - i) * sizeof(*ranges));
        i = 0; /* now it may join others */
    }
    memmove(&ranges[at + 1], &ranges[at], (set->count - at) * sizeof(*ranges));
    ranges[at] = range;
    set->count++;
    return overlaps;
}

HttpRangeResult
httpRangeResolve(const HttpHeaders *request, const HttpValidators *stored,
                 uint64_t length, time_t now, HttpRangeSet *setOut)
{
    HttpRangeSet set = {.count = 0};
    unsigned overlaps = 0;
    unsigned asked = 0;
    HttpSlice text;
    HttpRange range;
    HttpList list;

    httpListStartText(&list, rangesOf(request));
    while (httpListNext(&list, &text)) {
        HttpRangeResult result = resolveOne(text, length, &range);
        if (result == HTTP_RANGE_WHOLE || ++asked > HTTP_RANGES_MAX)
            return HTTP_RANGE_WHOLE;
        if (result == HTTP_RANGE_PART)
            overlaps += addRange(&set, range);
    }
    if (!asked || overlaps > HTTP_RANGE_OVERLAPS_MAX ||
        !httpCondIfRange(request, stored, now))
        return HTTP_RANGE_WHOLE;
    if (!set.count)
        return HTTP_RANGE_UNSATISFIABLE;
    *setOut = set;
    return HTTP_RANGE_PART;
}

HttpRangeResult
httpRangeResolvePart(const HttpHeaders *request, const HttpValidators *stored,
                     const HttpPlace *part, time_t now, HttpRangeSet *setOut)
{
    HttpRangeSet set;

    if (httpRangeResolve(request, stored, part->total, now, &set) !=
        HTTP_RANGE_PART)
        return HTTP_RANGE_WHOLE;
    for (size_t i = 0; i < set.count; i++)
        if (set.ranges[i].first < part->range.first ||
            set.ranges[i].last > part->range.last)
            return HTTP_RANGE_WHOLE;
    *setOut = set;
    return HTTP_RANGE_PART;
}

static bool
takeOctet(HttpSlice *text, char octet)
{
    if (!text->len || text->data[0] != octet)
        return false;
    *text = httpSlice(text->data + 1, text->len - 1);
    return true;
}

static bool
parsePlace(HttpSlice text, HttpPlace *out)
{
    static const char unit[] = "bytes ";
    size_t unitLen = sizeof(unit) - 1;

    if (text.len < unitLen || strncasecmp(text.data, unit, unitLen) != 0)
        return false;
    text = httpSlice(text.data + unitLen, text.len - unitLen);
    if (!takeNumber(&text, &out->range.first) || !takeOctet(&text, '-') ||
        !takeNumber(&text, &out->range.last) || !takeOctet(&text, '/'))
        return false;
    if (takeOctet(&text, '*'))
        out->total = HTTP_TOTAL_UNKNOWN;
    else if (!takeNumber(&text, &out->total))
        return false;
    return !text.len && out->range.first <= out->range.last &&
           out->range.last < out->total && out->range.last < INT64_MAX;
}

bool
httpRangePlace(const HttpHeaders *response, HttpPlace *placeOut)
{
    const HttpField *field =
        httpHeaderNextOf(response, HTTP_HEADER_CONTENT_RANGE, NULL);
    HttpSlice length = httpHeaderGet(response, HTTP_HEADER_CONTENT_LENGTH);
    HttpPlace place;
    uint64_t octets;

    if (!field ||
        httpHeaderNextOf(response, HTTP_HEADER_CONTENT_RANGE, field) ||
        !parsePlace(httpFieldValue(field), &place) ||
        (length.data && (!httpSliceParseUint(length, INT64_MAX, &octets) ||
                         octets != place.range.last - place.range.first + 1)))
        return false;
    *placeOut = place;
    return true;
}

bool
httpRangePlaceOf(HttpSlice storedHead, HttpPlace *placeOut)
{
    HttpStoredLine line;

    while (httpStoredNext(&storedHead, &line))
        if (line.id == HTTP_HEADER_CONTENT_RANGE)
            return parsePlace(line.value, placeOut);
    return false;
}

/* Its status, length and place are not those of another part. */
static bool
isOfItself(const HttpStoredLine *line)
{
    return !line->value.data || line->id == HTTP_HEADER_CONTENT_LENGTH ||
           line->id == HTTP_HEADER_CONTENT_RANGE;
}

int
httpRangeFormatPlace(const HttpPlace *place, Buf *out)
{
    int rc = bufPrintf(out, "bytes %" PRIu64 "-%" PRIu64 "/",
                       place->range.first, place->range.last);

    if (rc)
        return rc;
    return place->total == HTTP_TOTAL_UNKNOWN
               ? bufAppend(out, "*", 1)
               : bufPrintf(out, "%" PRIu64, place->total);
}

static int
appendPlace(const HttpPlace *place, Buf *out)
{
    int rc = bufPrintf(out, "Content-Range: ");

    if (rc == 0)
        rc = httpRangeFormatPlace(place, out);
    return rc ? rc : bufPrintf(out, "\r\n");
}

static int
appendLength(uint64_t length, Buf *out)
{
    return bufPrintf(out, "Content-Length: %" PRIu64 "\r\n", length);
}

/* The fields that all parts have, those of the type if there is one part. */
static int
appendShared(HttpSlice storedHead, bool isOne, Buf *out)
{
    int rc = bufPrintf(out, "HTTP/1.1 206 %s\r\n", httpStatusReason(206));
    HttpStoredLine line;

    while (rc == 0 && httpStoredNext(&storedHead, &line))
        if (!isOfItself(&line) &&
            (isOne || line.id != HTTP_HEADER_CONTENT_TYPE))
            rc = bufAppend(out, line.text.data, line.text.len);
    return rc;
}

int
httpRangeFormat206(HttpSlice storedHead, const HttpPlace *place, Buf *out)
{
    int rc = appendShared(storedHead, true, out);

    if (rc == 0)
        rc = appendPlace(place, out);
    return rc ? rc
              : appendLength(place->range.last - place->range.first + 1, out);
}

int
httpRangeFormatSet206(HttpSlice storedHead, const char *boundary,
                      uint64_t length, Buf *out)
{
    int rc = appendShared(storedHead, false, out);

    if (rc == 0)
        rc = bufPrintf(out,
                       "Content-Type: multipart/byteranges; boundary=%s\r\n",
                       boundary);
    return rc ? rc : appendLength(length, out);
}

int
httpRangeFormatPart(HttpSlice storedHead, const char *boundary,
                    const HttpPlace *place, Buf *out)
{
    int rc = bufPrintf(out, "\r\n--%s\r\n", boundary);
    HttpStoredLine line;

    while (rc == 0 && httpStoredNext(&storedHead, &line))
        if (line.id == HTTP_HEADER_CONTENT_TYPE)
            rc = bufAppend(out, line.text.data, line.text.len);
    if (rc == 0)
        rc = appendPlace(place, out);
    return rc ? rc : bufPrintf(out, "\r\n");
}

int
httpRangeFormatEnd(const char *boundary, Buf *out)
{
    return bufPrintf(out, "\r\n--%s--\r\n", boundary);
}
