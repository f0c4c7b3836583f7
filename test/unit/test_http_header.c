/* test_http_header.c: the table of fields, lists, methods and statuses. */
#include "http_header.h"
#include "http_message.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static HttpHeaders headers;

static void
setUp(void)
{
    httpHeaderInit(&headers, HTTP_HEADER_TEXT_MAX);
}

static void
tearDown(void)
{
    httpHeaderFini(&headers);
}

TestSuite(httpHeader, .init = setUp, .fini = tearDown, .timeout = 20);
TestSuite(httpList, .init = setUp, .fini = tearDown, .timeout = 20);
TestSuite(httpMessage, .timeout = 20);

static int
add(const char *name, const char *value)
{
    return httpHeaderAdd(&headers, httpSliceText(name), httpSliceText(value));
}

static bool
isText(HttpSlice slice, const char *text)
{
    return slice.data && httpSliceEqual(slice, httpSliceText(text));
}

static void
expectLines(const char *lines)
{
    Buf out;

    bufInit(&out, 1 << 20);
    cr_assert_eq(httpHeaderFormat(&headers, &out), 0);
    cr_assert_eq(bufLen(&out), strlen(lines), "got: %.*s", (int)bufLen(&out),
                 bufData(&out));
    cr_assert(bufLen(&out) == 0 ||
              memcmp(bufData(&out), lines, bufLen(&out)) == 0);
    bufFini(&out);
}

Test(httpHeader, every_known_name_maps_to_its_id_in_any_case)
{
    for (HttpHeaderId id = HTTP_HEADER_OTHER + 1; id < HTTP_HEADER_COUNT;
         id++) {
        char upper[64];
        char lower[64];
        const char *name = httpHeaderName(id);
        size_t len = strlen(name);
        for (size_t i = 0; i <= len; i++) {
            bool isLetter = (name[i] | 0x20) >= 'a' && (name[i] | 0x20) <= 'z';
            upper[i] = isLetter ? (char)(name[i] & ~0x20) : name[i];
            lower[i] = isLetter ? (char)(name[i] | 0x20) : name[i];
        }
        cr_expect_eq(httpHeaderIdOf(httpSliceText(name)), id, "%s", name);
        cr_expect_eq(httpHeaderIdOf(httpSliceText(upper)), id, "%s", upper);
        cr_expect_eq(httpHeaderIdOf(httpSliceText(lower)), id, "%s", lower);
        cr_expect_eq(httpHeaderIdOf(httpSlice(name, len - 1)),
                     HTTP_HEADER_OTHER);
    }
    cr_expect_eq(httpHeaderIdOf(httpSliceText("")), HTTP_HEADER_OTHER);
    cr_expect_eq(httpHeaderIdOf(httpSliceText("X-Unknown")), HTTP_HEADER_OTHER);
}

Test(httpHeader, keeps_order_and_spelling)
{
    cr_assert_eq(add("hOST", "a"), 0);
    cr_assert_eq(add("X-One", " 1\t"), 0);
    cr_assert_eq(add("Vary", "b"), 0);
    cr_assert_eq(add("X-One", ""), 0);
    cr_assert_eq(add("vary", "c"), 0);
    expectLines("hOST: a\r\nX-One: 1\r\nVary: b\r\nX-One: \r\nvary: c\r\n");
    cr_expect(isText(httpHeaderGet(&headers, HTTP_HEADER_HOST), "a"));
    cr_expect(isText(httpHeaderGetName(&headers, httpSliceText("x-one")), "1"));
    cr_expect(isText(httpHeaderGetName(&headers, httpSliceText("VARY")), "b"));
    cr_expect_null(httpHeaderGet(&headers, HTTP_HEADER_ETAG).data);
    cr_expect_null(httpHeaderGetName(&headers, httpSliceText("none")).data);
}

Test(httpHeader, walks_all_fields_of_one_name)
{
    const HttpField *field = NULL;
    const char *values[] = {"1", "2", "3"};
    size_t count = 0;

    add("Via", "1");
    add("Age", "x");
    add("Via", "2");
    add("via", "3");
    while ((field = httpHeaderNextOf(&headers, HTTP_HEADER_VIA, field))) {
        cr_assert_lt(count, 3);
        cr_expect(isText(httpFieldValue(field), values[count++]));
    }
    cr_expect_eq(count, 3);
}

Test(httpHeader, refuses_what_could_split_a_message)
{
    static const struct {
        const char *name;
        const char *value;
    } rows[] = {
        {"", "x"},       {"a b", "x"},    {"a:", "x"},
        {"a\r\nb", "x"}, {"a\x80", "x"},  {"A", "x\r\nInjected: yes"},
        {"A", "x\ny"},   {"A", "x\ry"},   {"A", "x\x01y"},
        {"A", "x\x7fy"}, {"Host\t", "x"}, {"(", "x"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        cr_expect_eq(add(rows[i].name, rows[i].value), -EINVAL, "row %zu", i);
    cr_expect_eq(
        httpHeaderAdd(&headers, httpSliceText("A"), httpSlice("a\0b", 3)),
        -EINVAL);
    cr_expect_eq(
        httpHeaderSet(&headers, HTTP_HEADER_AGE, httpSliceText("1\r\nX: y")),
        -EINVAL);
    cr_expect_eq(httpHeaderAddf(&headers, HTTP_HEADER_AGE, "%s", "1\n"),
                 -EINVAL);
    expectLines("");
    cr_expect_eq(add("A", "tab\tand \xff are fine"), 0);
}

Test(httpHeader, set_leaves_one_field_in_the_first_place)
{
    add("Age", "1");
    add("Vary", "x");
    add("AGE", "2");
    cr_assert_eq(httpHeaderSet(&headers, HTTP_HEADER_AGE, httpSliceText("9")),
                 0);
    expectLines("Age: 9\r\nVary: x\r\n");
    cr_assert_eq(httpHeaderSet(&headers, HTTP_HEADER_VIA, httpSliceText("v")),
                 0);
    cr_assert_eq(httpHeaderAddf(&headers, HTTP_HEADER_AGE, "%d", 10), 0);
    expectLines("Age: 9\r\nVary: x\r\nVia: v\r\nAge: 10\r\n");
}

Test(httpHeader, removes_by_id_and_by_name)
{
    add("A", "1");
    add("Via", "1");
    add("a", "2");
    add("Via", "2");
    add("B", "3");
    httpHeaderRemoveName(&headers, httpSliceText("a"));
    httpHeaderRemoveName(&headers, httpSliceText("VIA"));
    httpHeaderRemove(&headers, HTTP_HEADER_AGE);
    expectLines("B: 3\r\n");
    cr_expect_not(httpHeaderHas(&headers, HTTP_HEADER_VIA));
    add("Via", "3");
    cr_expect(isText(httpHeaderGet(&headers, HTTP_HEADER_VIA), "3"));
}

Test(httpHeader, hop_by_hop_fields_go_and_end_to_end_fields_stay)
{
    add("Host", "h");
    add("Connection", "close, X-Mine , host");
    add("connection", "Cache-Control,\"x-quoted\", keep-alive");
    add("X-Mine", "1");
    add("x-mine", "2");
    add("X-Quoted", "3");
    add("Cache-Control", "no-cache");
    add("Keep-Alive", "300");
    add("Proxy-Connection", "close");
    add("Proxy-Authorization", "Basic x");
    add("TE", "trailers");
    add("Trailer", "X");
    add("Transfer-Encoding", "chunked");
    add("Upgrade", "h2c");
    add("HTTP2-Settings", "AAA");
    add("Accept", "*/*");
    httpHeaderRemoveHopByHop(&headers);
    expectLines("Host: h\r\nX-Quoted: 3\r\nCache-Control: no-cache\r\n"
                "Accept: */*\r\n");
}

Test(httpHeader, bounds_the_number_of_fields)
{
    for (int i = 0; i < HTTP_HEADER_FIELDS_MAX; i++)
        cr_assert_eq(add("Via", "x"), 0);
    cr_expect_eq(add("Via", "x"), -ENOBUFS);
    httpHeaderReset(&headers);
    cr_expect_eq(add("Via", "x"), 0);
}

Test(httpHeader, bounds_the_text)
{
    static char text[4000];
    int rc = 0;
    int count = 0;

    memset(text, 'x', sizeof(text) - 1);
    while (rc == 0 && count++ < 100)
        rc = add("Via", text);
    cr_expect_eq(rc, -ENOBUFS);
    cr_expect_eq(count, 17, "64 KiB hold 16 of these");
    cr_expect_eq(httpHeaderAddf(&headers, HTTP_HEADER_AGE, "%s", text),
                 -ENOBUFS);
}

Test(httpHeader, slices_survive_later_additions)
{
    HttpSlice first;

    add("Host", "stays");
    first = httpHeaderGet(&headers, HTTP_HEADER_HOST);
    for (int i = 0; i < 200; i++)
        add("X-Filler", "some text that needs room in further blocks");
    cr_expect(isText(first, "stays"));
    cr_expect_eq(first.data, httpHeaderGet(&headers, HTTP_HEADER_HOST).data);
}

Test(httpHeader, reset_forgets_everything)
{
    for (int round = 0; round < 3; round++) {
        add("Host", "h");
        add("X", "y");
        httpHeaderReset(&headers);
        cr_expect_not(httpHeaderHas(&headers, HTTP_HEADER_HOST));
        expectLines("");
    }
}

Test(httpHeader, copies_all_fields)
{
    HttpHeaders copy;

    add("A", "1");
    add("Via", "2");
    add("B", "3");
    httpHeaderRemove(&headers, HTTP_HEADER_VIA);
    httpHeaderInit(&copy, 100);
    cr_assert_eq(httpHeaderCopy(&copy, &headers), 0);
    httpHeaderFini(&headers);
    cr_expect(isText(httpHeaderGetName(&copy, httpSliceText("b")), "3"));
    cr_expect_not(httpHeaderHas(&copy, HTTP_HEADER_VIA));
    httpHeaderFini(&copy);
}

Test(httpHeader, format_says_when_it_does_not_fit)
{
    Buf out;

    add("Name", "value");
    bufInit(&out, 12);
    cr_expect_eq(httpHeaderFormat(&headers, &out), -ENOBUFS);
    cr_expect_eq(bufLen(&out), 0);
    bufFini(&out);
}

static void
expectMembers(const char *text, const char *joined)
{
    char got[256] = "";
    HttpList list;
    HttpSlice item;

    httpListStartText(&list, httpSliceText(text));
    while (httpListNext(&list, &item)) {
        strncat(got, item.data, item.len);
        strncat(got, "|", 2);
    }
    cr_expect_str_eq(got, joined, "of: %s", text);
}

Test(httpList, splits_at_commas_outside_of_quotes)
{
    expectMembers("", "");
    expectMembers(" , ,, ", "");
    expectMembers("a", "a|");
    expectMembers(" a ,\tb,c ", "a|b|c|");
    expectMembers("a=\"1,2\", b", "a=\"1,2\"|b|");
    expectMembers("a=\"1\\\",2\", b", "a=\"1\\\",2\"|b|");
    expectMembers("a=\"open, b", "a=\"open, b|");
    expectMembers("a\\,b", "a\\|b|");
    expectMembers("\"x\\", "\"x\\|");
}

Test(httpList, goes_over_all_fields_of_the_name)
{
    char got[64] = "";
    HttpList list;
    HttpSlice item;

    add("Vary", "a,");
    add("Via", "no");
    add("Vary", "");
    add("Vary", "b, c");
    httpListStart(&list, &headers, HTTP_HEADER_VARY);
    while (httpListNext(&list, &item))
        strncat(got, item.data, item.len);
    cr_expect_str_eq(got, "abc");
    cr_expect_not(httpListNext(&list, &item));
}

Test(httpList, finds_tokens_whole_and_in_any_case)
{
    add("Connection", "Upgrade, keep-aliveX");
    add("Connection", "CLOSE");
    cr_expect(httpHeaderHasToken(&headers, HTTP_HEADER_CONNECTION, "close"));
    cr_expect(httpHeaderHasToken(&headers, HTTP_HEADER_CONNECTION, "upgrade"));
    cr_expect_not(
        httpHeaderHasToken(&headers, HTTP_HEADER_CONNECTION, "keep-alive"));
    cr_expect_not(httpHeaderHasToken(&headers, HTTP_HEADER_TE, "close"));
}

Test(httpList, splits_parameters)
{
    static const struct {
        const char *item;
        const char *name;
        const char *value; /* NULL: absent */
    } rows[] = {
        {"a", "a", NULL},    {"a=1", "a", "1"},         {"a = 1", "a", "1"},
        {"a=", "a", ""},     {"a=\"1,2\"", "a", "1,2"}, {"a=\"\"", "a", ""},
        {"a=\"", "a", "\""}, {"a=b=c", "a", "b=c"},     {"=x", "", "x"},
    };
    HttpSlice name;
    HttpSlice value;

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        httpListParam(httpSliceText(rows[i].item), &name, &value);
        cr_expect(isText(name, rows[i].name), "row %zu", i);
        if (rows[i].value)
            cr_expect(isText(value, rows[i].value), "row %zu", i);
        else
            cr_expect_null(value.data, "row %zu", i);
    }
}

Test(httpMessage, methods_know_what_they_are)
{
    cr_expect_eq(httpMethodOf(httpSliceText("GET")), HTTP_METHOD_GET);
    cr_expect_eq(httpMethodOf(httpSliceText("get")), HTTP_METHOD_OTHER);
    cr_expect_eq(httpMethodOf(httpSliceText("PROPFIND")), HTTP_METHOD_OTHER);
    cr_expect_eq(httpMethodOf(httpSliceText("")), HTTP_METHOD_OTHER);
    cr_expect_str_eq(httpMethodText(HTTP_METHOD_CONNECT), "CONNECT");
    cr_expect(httpMethodIsSafe(HTTP_METHOD_HEAD));
    cr_expect_not(httpMethodIsSafe(HTTP_METHOD_PUT));
    cr_expect_not(httpMethodIsSafe(HTTP_METHOD_OTHER));
    cr_expect(httpMethodIsIdempotent(HTTP_METHOD_PUT));
    cr_expect_not(httpMethodIsIdempotent(HTTP_METHOD_POST));
}

Test(httpMessage, statuses_have_reasons)
{
    cr_expect_str_eq(httpStatusReason(200), "OK");
    cr_expect_str_eq(httpStatusReason(511), "Network Authentication Required");
    cr_expect_str_eq(httpStatusReason(299), "Unknown");
    cr_expect_str_eq(httpStatusReason(-1), "Unknown");
    cr_expect_str_eq(httpStatusReason(99), "Unknown");
    cr_expect_str_eq(httpStatusReason(999), "Unknown");
    cr_expect(httpStatusIsBodyless(100));
    cr_expect(httpStatusIsBodyless(204));
    cr_expect(httpStatusIsBodyless(304));
    cr_expect_not(httpStatusIsBodyless(200));
}

Test(httpMessage, numbers_are_digits_within_bounds)
{
    uint64_t value = 7;

    cr_expect(httpSliceParseUint(httpSliceText("0"), 10, &value));
    cr_expect_eq(value, 0);
    cr_expect(httpSliceParseUint(httpSliceText("00010"), 10, &value));
    cr_expect_eq(value, 10);
    cr_expect(httpSliceParseUint(httpSliceText("18446744073709551615"),
                                 UINT64_MAX, &value));
    cr_expect_eq(value, UINT64_MAX);
    value = 7;
    cr_expect_not(httpSliceParseUint(httpSliceText("18446744073709551616"),
                                     UINT64_MAX, &value));
    cr_expect_not(httpSliceParseUint(httpSliceText("11"), 10, &value));
    cr_expect_not(httpSliceParseUint(httpSliceText(""), 10, &value));
    cr_expect_not(httpSliceParseUint(httpSliceText("+1"), 10, &value));
    cr_expect_not(httpSliceParseUint(httpSliceText("-1"), 10, &value));
    cr_expect_not(httpSliceParseUint(httpSliceText("1 "), 10, &value));
    cr_expect_not(httpSliceParseUint(httpSliceText("0x1"), 10, &value));
    cr_expect_eq(value, 7);
}
