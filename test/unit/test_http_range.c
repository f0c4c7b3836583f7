/* test_http_range.c: RFC 9110 14, and 13.1.5. */
#include "http_range.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "http_message.h"
#include "http_parse.h"

#define NOW ((time_t)784111777) /* Sun, 06 Nov 1994 08:49:37 GMT */
#define AT_NOW "Sun, 06 Nov 1994 08:49:37 GMT"
#define BEFORE "Sun, 06 Nov 1994 08:49:36 GMT"

TestSuite(httpRange, .timeout = 20);

static HttpRangeResult
resolveSet(const char *lines, const char *stored, uint64_t length,
           HttpRangeSet *set)
{
    HttpResponse request;
    HttpResponse response;
    HttpValidators validators;

    httpResponseInit(&request, HTTP_HEADER_TEXT_MAX);
    httpResponseInit(&response, HTTP_HEADER_TEXT_MAX);
    cr_assert_eq(httpResponseParse(&request, 200, httpSliceText(lines)), 0);
    cr_assert_eq(httpResponseParse(&response, 200, httpSliceText(stored)), 0);
    httpCondValidators(&response.headers, NOW, &validators);
    HttpRangeResult result =
        httpRangeResolve(&request.headers, &validators, length, NOW, set);
    httpResponseFini(&request);
    httpResponseFini(&response);
    return result;
}

static HttpRangeResult
resolve(const char *lines, const char *stored, uint64_t length,
        HttpRange *range)
{
    HttpRangeSet set = {.count = 0};
    HttpRangeResult result = resolveSet(lines, stored, length, &set);

    cr_expect_eq(set.count, result == HTTP_RANGE_PART, "%s", lines);
    if (set.count)
        *range = set.ranges[0];
    return result;
}

typedef struct RangeCase {
    const char *value;
    uint64_t length;
    HttpRangeResult result;
    uint64_t first;
    uint64_t last;
} RangeCase;

#define R(id) HTTP_RANGE_##id

static const RangeCase rangeCases[] = {
    {"bytes=0-0", 10, R(PART), 0, 0},
    {"bytes=0-9", 10, R(PART), 0, 9},
    {"bytes=2-5", 10, R(PART), 2, 5},
    {"Bytes=2-5", 10, R(PART), 2, 5},
    {"bytes= 2-5 ,", 10, R(PART), 2, 5},
    {"bytes=2-500", 10, R(PART), 2, 9},
    {"bytes=2-99999999999999999999999999", 10, R(PART), 2, 9},
    {"bytes=9-", 10, R(PART), 9, 9},
    {"bytes=0-", 10, R(PART), 0, 9},
    {"bytes=-1", 10, R(PART), 9, 9},
    {"bytes=-10", 10, R(PART), 0, 9},
    {"bytes=-11", 10, R(PART), 0, 9},
    {"bytes=-99999999999999999999999999", 10, R(PART), 0, 9},
    /* 14.1.2: nothing of it is there */
    {"bytes=10-", 10, R(UNSATISFIABLE), 0, 0},
    {"bytes=10-11", 10, R(UNSATISFIABLE), 0, 0},
    {"bytes=99999999999999999999999999-", 10, R(UNSATISFIABLE), 0, 0},
    {"bytes=-0", 10, R(UNSATISFIABLE), 0, 0},
    {"bytes=0-", 0, R(UNSATISFIABLE), 0, 0},
    {"bytes=-5", 0, R(UNSATISFIABLE), 0, 0},
    /* 14.2: what is no range */
    {"bytes=5-2", 10, R(WHOLE), 0, 0},
    {"bytes=", 10, R(WHOLE), 0, 0},
    {"bytes=-", 10, R(WHOLE), 0, 0},
    {"bytes=5", 10, R(WHOLE), 0, 0},
    {"bytes=a-5", 10, R(WHOLE), 0, 0},
    {"bytes=5-a", 10, R(WHOLE), 0, 0},
    {"bytes=5-6x", 10, R(WHOLE), 0, 0},
    {"bytes=+5-6", 10, R(WHOLE), 0, 0},
    {"bytes=--5", 10, R(WHOLE), 0, 0},
    {"bytes=-5x", 10, R(WHOLE), 0, 0},
    {"bytes =1-2", 10, R(WHOLE), 0, 0},
    {"octets=1-2", 10, R(WHOLE), 0, 0},
    {"bytes:1-2", 10, R(WHOLE), 0, 0},
    {"1-2", 10, R(WHOLE), 0, 0},
    {"", 10, R(WHOLE), 0, 0},
    {"bytes=0-1,x", 10, R(WHOLE), 0, 0},
    {"bytes=0-1,3-2", 10, R(WHOLE), 0, 0},
    {"bytes=0-1\r\nRange: bytes=0-1", 10, R(WHOLE), 0, 0},
};

Test(httpRange, ranges_of_octets_9110_14_1_2)
{
    for (size_t i = 0; i < sizeof(rangeCases) / sizeof(*rangeCases); i++) {
        const RangeCase *row = &rangeCases[i];
        char lines[128];
        HttpRange range = {0, 0};
        snprintf(lines, sizeof(lines), "Range: %s\r\n", row->value);
        cr_expect_eq(resolve(lines, "", row->length, &range), row->result, "%s",
                     row->value);
        cr_expect_eq(range.first, row->first, "%s", row->value);
        cr_expect_eq(range.last, row->last, "%s", row->value);
    }
}

static void
expectSet(const char *value, const char *expected)
{
    static const char *const others[] = {
        [HTTP_RANGE_WHOLE] = "whole", [HTTP_RANGE_UNSATISFIABLE] = "none"};
    char lines[256];
    char text[256] = "";
    HttpRangeSet set = {.count = 0};

    snprintf(lines, sizeof(lines), "Range: bytes=%s\r\n", value);
    HttpRangeResult result = resolveSet(lines, "", 40, &set);
    for (size_t i = 0; i < set.count; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%d-%d",
                 i ? "," : "", (int)set.ranges[i].first,
                 (int)set.ranges[i].last);
    cr_expect_str_eq(result == HTTP_RANGE_PART ? text : others[result],
                     expected, "%s", value);
}

#define FOURTEEN                                                               \
    "0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14,16-16,18-18,20-20,22-22,24-24,"     \
    "26-26"

Test(httpRange, sets_of_ranges_9110_14_1_2)
{
    static const char *const rows[][2] = {
        {"0-1,3-4", "0-1,3-4"},
        {"5-6,,0-1,\t-2", "5-6,0-1,38-39"},
        {"0-1,90-99", "0-1"},
        {"90-,-0", "none"},
        /* 15.3.7.2: in the order asked for, without what is asked for twice */
        {"0-1,2-3", "0-3"},
        {"2-3,0-1", "0-3"},
        {"8-9,0-1,5-7,2-2", "5-9,0-2"},
        {"0-1,4-5,2-3", "0-5"},
        {"8-9,0-1,4-5,2-3", "8-9,0-5"},
        {"0-4,3-6", "0-6"},
        {"10-12,0-4,3-6,18-", "10-12,0-6,18-39"},
        {"0-,5-6", "0-39"},
        /* 17.15 */
        {"0-4,3-6,5-8", "whole"},
        {"0-,0-,0-", "whole"},
        {FOURTEEN ",28-28,30-30", FOURTEEN ",28-28,30-30"},
        {FOURTEEN ",28-28,30-30,32-32", "whole"},
        {"0-1,x", "whole"},
        {"0-1 3-4", "whole"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        expectSet(rows[i][0], rows[i][1]);
}

Test(httpRange, where_the_only_range_begins)
{
    static const struct {
        const char *value;
        bool isOne;
        uint64_t first;
    } rows[] = {
        {"bytes=0-0", true, 0},
        {"bytes=7-", true, 7},
        {"bytes=9223372036854775806-", true, INT64_MAX - 1},
        {"bytes=-7", true, HTTP_TOTAL_UNKNOWN},
        {"bytes=0-0,5-6", false, 0},
        {"bytes=1-0", false, 0},
        {"bytes=-0", false, 0},
        {"lines=1-2", false, 0},
        {"", false, 0},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        HttpResponse request;
        char lines[128];
        uint64_t first = 0;
        httpResponseInit(&request, HTTP_HEADER_TEXT_MAX);
        snprintf(lines, sizeof(lines), "Range: %s\r\n", rows[i].value);
        cr_assert_eq(httpResponseParse(&request, 200, httpSliceText(lines)), 0);
        cr_expect_eq(httpRangeFirst(&request.headers, &first), rows[i].isOne,
                     "%s", rows[i].value);
        cr_expect_eq(first, rows[i].first, "%s", rows[i].value);
        httpResponseFini(&request);
    }
}

Test(httpRange, if_range_needs_a_strong_validator_9110_13_1_5)
{
    static const struct {
        const char *ifRange;
        const char *stored;
        HttpRangeResult result;
    } rows[] = {
        {"\"a\"", "ETag: \"a\"\r\n", R(PART)},
        {"\"a\"", "ETag: \"b\"\r\n", R(WHOLE)},
        {"W/\"a\"", "ETag: W/\"a\"\r\n", R(WHOLE)},
        {"\"a\"", "ETag: W/\"a\"\r\n", R(WHOLE)},
        {"\"a\"", "", R(WHOLE)},
        {"", "ETag: \"a\"\r\n", R(WHOLE)},
        {"*", "ETag: \"a\"\r\n", R(WHOLE)},
        {BEFORE, "Last-Modified: " BEFORE "\r\nDate: " AT_NOW "\r\n", R(PART)},
        {BEFORE, "Last-Modified: " BEFORE "\r\nDate: " BEFORE "\r\n", R(WHOLE)},
        {AT_NOW, "Last-Modified: " BEFORE "\r\nDate: " AT_NOW "\r\n", R(WHOLE)},
        {BEFORE, "Date: " AT_NOW "\r\n", R(WHOLE)},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char lines[128];
        HttpRange range;
        snprintf(lines, sizeof(lines), "Range: bytes=1-2\r\nIf-Range: %s\r\n",
                 rows[i].ifRange);
        cr_expect_eq(resolve(lines, rows[i].stored, 10, &range), rows[i].result,
                     "row %zu", i);
    }
}

Test(httpRange, a_206_has_the_fields_of_the_whole_9110_15_3_7)
{
    static const char stored[] = "HTTP/1.1 200 OK\r\nETag: \"a\"\r\n"
                                 "content-length: 10\r\nX-Other: 1\r\n"
                                 "Content-Range: bytes 0-9/10\r\n";
    static const char expected[] = "HTTP/1.1 206 Partial Content\r\n"
                                   "ETag: \"a\"\r\nX-Other: 1\r\n"
                                   "Content-Range: bytes 2-5/10\r\n"
                                   "Content-Length: 4\r\n";
    HttpPlace place = {{2, 5}, 10};
    Buf out;
    Buf small;

    bufInit(&out, 4096);
    bufInit(&small, sizeof(expected) - 2);
    cr_assert_eq(httpRangeFormat206(httpSliceText(stored), &place, &out), 0);
    cr_expect(httpSliceEqual(httpSlice(bufData(&out), bufLen(&out)),
                             httpSliceText(expected)),
              "%.*s", (int)bufLen(&out), bufData(&out));
    cr_expect_lt(httpRangeFormat206(httpSliceText(stored), &place, &small), 0);
    place.total = HTTP_TOTAL_UNKNOWN;
    bufClear(&out);
    cr_assert_eq(httpRangeFormatPlace(&place, &out), 0);
    cr_expect(httpSliceEqual(httpSlice(bufData(&out), bufLen(&out)),
                             httpSliceText("bytes 2-5/*")));
    bufFini(&out);
    bufFini(&small);
}

Test(httpRange, several_parts_in_one_body_9110_14_6)
{
    static const char stored[] = "HTTP/1.1 200 OK\r\nETag: \"a\"\r\n"
                                 "Content-Length: 10\r\nContent-Type: a/b\r\n"
                                 "X-Other: 1\r\n";
    static const char expected[] =
        "HTTP/1.1 206 Partial Content\r\nETag: \"a\"\r\nX-Other: 1\r\n"
        "Content-Type: multipart/byteranges; boundary=BB\r\n"
        "Content-Length: 123\r\n"
        "\r\n--BB\r\nContent-Type: a/b\r\nContent-Range: bytes 2-5/10\r\n\r\n"
        "\r\n--BB--\r\n";
    const HttpPlace place = {{2, 5}, 10};
    Buf out;

    bufInit(&out, 4096);
    HttpSlice head = httpSliceText(stored);
    cr_assert_eq(httpRangeFormatSet206(head, "BB", 123, &out), 0);
    cr_assert_eq(httpRangeFormatPart(head, "BB", &place, &out), 0);
    cr_assert_eq(httpRangeFormatEnd("BB", &out), 0);
    cr_expect(httpSliceEqual(httpSlice(bufData(&out), bufLen(&out)),
                             httpSliceText(expected)),
              "%.*s", (int)bufLen(&out), bufData(&out));
    bufFini(&out);
}

Test(httpRange, where_a_part_belongs_9110_14_4)
{
    static const struct {
        const char *lines;
        bool isValid;
        HttpPlace place;
    } rows[] = {
        {"Content-Range: bytes 0-4/10\r\nContent-Length: 5\r\n",
         true,
         {{0, 4}, 10}},
        {"Content-Range: BYTES 3-3/4\r\nContent-Length: 1\r\n",
         true,
         {{3, 3}, 4}},
        {"Content-Range: bytes 0-4/*\r\nContent-Length: 5\r\n",
         true,
         {{0, 4}, HTTP_TOTAL_UNKNOWN}},
        {"Content-Range: bytes 0-4/10\r\n", true, {{0, 4}, 10}},
        {"Content-Length: 5\r\n", false, {{0, 0}, 0}},
        {"Content-Range: bytes 0-4/10\r\nContent-Length: 6\r\n",
         false,
         {{0, 0}, 0}},
        {"Content-Range: bytes 4-0/10\r\n", false, {{0, 0}, 0}},
        {"Content-Range: bytes 0-10/10\r\n", false, {{0, 0}, 0}},
        {"Content-Range: bytes */10\r\n", false, {{0, 0}, 0}},
        {"Content-Range: bytes 0-4/\r\n", false, {{0, 0}, 0}},
        {"Content-Range: bytes 0-4\r\n", false, {{0, 0}, 0}},
        {"Content-Range: bytes=0-4/10\r\n", false, {{0, 0}, 0}},
        {"Content-Range: bytes 0-4/10x\r\n", false, {{0, 0}, 0}},
        {"Content-Range: lines 0-4/10\r\n", false, {{0, 0}, 0}},
        {"Content-Range: \r\n", false, {{0, 0}, 0}},
        {"Content-Range: bytes 0-99999999999999999999/*\r\n",
         false,
         {{0, 0}, 0}},
        {"Content-Range: bytes 0-4/10\r\nContent-Range: bytes 0-4/10\r\n",
         false,
         {{0, 0}, 0}},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        HttpResponse response;
        HttpPlace place = {{0, 0}, 0};
        char head[256];
        httpResponseInit(&response, HTTP_HEADER_TEXT_MAX);
        cr_assert_eq(
            httpResponseParse(&response, 206, httpSliceText(rows[i].lines)), 0);
        cr_expect_eq(httpRangePlace(&response.headers, &place), rows[i].isValid,
                     "row %zu", i);
        cr_expect_eq(memcmp(&place, &rows[i].place, sizeof(place)), 0,
                     "row %zu", i);
        if (rows[i].isValid) {
            memset(&place, 0, sizeof(place));
            snprintf(head, sizeof(head), "HTTP/1.1 206 Part\r\nA: b\r\n%s",
                     rows[i].lines);
            cr_expect(httpRangePlaceOf(httpSliceText(head), &place));
            cr_expect_eq(memcmp(&place, &rows[i].place, sizeof(place)), 0);
        }
        httpResponseFini(&response);
    }
}

Test(httpRange, what_a_part_can_answer_9111_3_3)
{
    static const struct {
        const char *value;
        uint64_t total;
        HttpRangeResult result;
        uint64_t first;
        uint64_t last;
    } rows[] = {
        {"bytes=3-5", 10, R(PART), 3, 5},
        {"bytes=2-6", 10, R(PART), 2, 6},
        {"bytes=1-3", 10, R(WHOLE), 0, 0},
        {"bytes=5-7", 10, R(WHOLE), 0, 0},
        {"bytes=5-", 10, R(WHOLE), 0, 0},
        {"bytes=5-", 7, R(PART), 5, 6},
        {"bytes=5-99", 7, R(PART), 5, 6},
        {"bytes=-2", 7, R(PART), 5, 6},
        {"bytes=-2", 8, R(WHOLE), 0, 0},
        {"bytes=9-", 8, R(WHOLE), 0, 0},
        {"bytes=3-5", HTTP_TOTAL_UNKNOWN, R(PART), 3, 5},
        {"bytes=2-3,4-6", 10, R(PART), 2, 6},
        {"bytes=2-3,5-7", 10, R(WHOLE), 0, 0},
        {"bytes=1-1,5-6", 10, R(WHOLE), 0, 0},
        {"bytes=3-", HTTP_TOTAL_UNKNOWN, R(WHOLE), 0, 0},
        {"bytes=-2", HTTP_TOTAL_UNKNOWN, R(WHOLE), 0, 0},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        HttpResponse request;
        HttpValidators none = {.lastModified = -1};
        HttpPlace part = {{2, 6}, rows[i].total};
        HttpRangeSet set = {.count = 0};
        char lines[128];
        httpResponseInit(&request, HTTP_HEADER_TEXT_MAX);
        snprintf(lines, sizeof(lines), "Range: %s\r\n", rows[i].value);
        cr_assert_eq(httpResponseParse(&request, 200, httpSliceText(lines)), 0);
        cr_expect_eq(
            httpRangeResolvePart(&request.headers, &none, &part, NOW, &set),
            rows[i].result, "row %zu", i);
        cr_expect_eq(set.count, rows[i].result == HTTP_RANGE_PART, "row %zu",
                     i);
        cr_expect_eq(set.ranges[0].first, rows[i].first, "row %zu", i);
        cr_expect_eq(set.ranges[0].last, rows[i].last, "row %zu", i);
        httpResponseFini(&request);
    }
}
