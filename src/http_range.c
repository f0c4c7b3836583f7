/* http_range.c: ranges of octets, asked for and answered. */
#include "http_range.h"

#include <inttypes.h>

#include "http_date.h"
#include "http_message.h"
#include "http_octet.h"

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

/* "-N": the last N octets. */
static HttpRangeResult
resolveSuffix(HttpSlice text, uint64_t length, HttpRange *out)
{
    uint64_t count;

    if (!takeNumber(&text, &count) || text.len)
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
    if (first >= length)
        return HTTP_RANGE_UNSATISFIABLE;
    out->first = first;
    out->last = last < length ? last : length - 1;
    return HTTP_RANGE_PART;
}

/* The one range of a set in octets, or the absent slice. */
static HttpSlice
onlyRange(const HttpHeaders *request)
{
    static const char unit[] = "bytes=";
    const HttpField *field = httpHeaderNextOf(request, HTTP_HEADER_RANGE, NULL);
    HttpList list;
    HttpSlice range;
    HttpSlice other;

    if (!field || httpHeaderNextOf(request, HTTP_HEADER_RANGE, field))
        return (HttpSlice){0};
    HttpSlice value = httpFieldValue(field);
    if (value.len < sizeof(unit) ||
        strncasecmp(value.data, unit, sizeof(unit) - 1) != 0)
        return (HttpSlice){0};
    httpListStartText(&list, httpSlice(value.data + sizeof(unit) - 1,
                                       value.len - (sizeof(unit) - 1)));
    if (!httpListNext(&list, &range) || httpListNext(&list, &other))
        return (HttpSlice){0};
    return range;
}

HttpRangeResult
httpRangeResolve(const HttpHeaders *request, const HttpValidators *stored,
                 uint64_t length, time_t now, HttpRange *rangeOut)
{
    HttpSlice range = onlyRange(request);
    HttpRange part;

    if (!range.len || !httpCondIfRange(request, stored, now))
        return HTTP_RANGE_WHOLE;
    HttpRangeResult result =
        range.data[0] == '-'
            ? resolveSuffix(httpSlice(range.data + 1, range.len - 1), length,
                            &part)
            : resolveFrom(range, length, &part);
    if (result == HTTP_RANGE_PART)
        *rangeOut = part;
    return result;
}

/* line: "Name: value" CR LF. Of the whole are its status and length. */
static bool
isOfWhole(HttpSlice line)
{
    const char *colon = memchr(line.data, ':', line.len);

    if (!colon)
        return true;
    return httpHeaderIdOf(httpSlice(line.data, (size_t)(colon - line.data))) ==
           HTTP_HEADER_CONTENT_LENGTH;
}

int
httpRangeFormat206(HttpSlice storedHead, const HttpRange *range,
                   uint64_t length, Buf *out)
{
    int rc = bufPrintf(out, "HTTP/1.1 206 %s\r\n", httpStatusReason(206));
    const char *at = storedHead.data;
    const char *end = at + storedHead.len;
    const char *lf;

    while (rc == 0 && (lf = memchr(at, '\n', (size_t)(end - at)))) {
        HttpSlice line = httpSlice(at, (size_t)(lf - at) + 1);
        if (!isOfWhole(line))
            rc = bufAppend(out, line.data, line.len);
        at = lf + 1;
    }
    if (rc)
        return rc;
    return bufPrintf(out,
                     "Content-Range: bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64
                     "\r\nContent-Length: %" PRIu64 "\r\n",
                     range->first, range->last, length,
                     range->last - range->first + 1);
}
