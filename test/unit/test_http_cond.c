/* test_http_cond.c: validators, 304 in and out. */
#include "http_cond.h"

#include <criterion/criterion.h>
#include <string.h>

#include "http_message.h"
#include "http_parse.h"

#define NOW ((time_t)784111777) /* Sun, 06 Nov 1994 08:49:37 GMT */
#define AT_NOW "Sun, 06 Nov 1994 08:49:37 GMT"
#define BEFORE "Sun, 06 Nov 1994 08:49:36 GMT"
#define AFTER "Sun, 06 Nov 1994 08:49:38 GMT"

static HttpResponse stored;
static HttpResponse other;

static void
setUp(void)
{
    httpResponseInit(&stored, HTTP_HEADER_TEXT_MAX);
    httpResponseInit(&other, HTTP_HEADER_TEXT_MAX);
}

static void
tearDown(void)
{
    httpResponseFini(&stored);
    httpResponseFini(&other);
}

TestSuite(httpCond, .init = setUp, .fini = tearDown, .timeout = 20);

static HttpHeaders *
setHeaders(HttpResponse *message, const char *lines)
{
    cr_assert_eq(httpResponseParse(message, 200, httpSliceText(lines)), 0);
    return &message->headers;
}

static void
expectLines(const HttpHeaders *headers, const char *lines)
{
    Buf out;

    bufInit(&out, 1 << 16);
    cr_assert_eq(httpHeaderFormat(headers, &out), 0);
    cr_expect(httpSliceEqual(httpSlice(bufData(&out), bufLen(&out)),
                             httpSliceText(lines)),
              "got: %.*s", (int)bufLen(&out), bufData(&out));
    bufFini(&out);
}

typedef struct TagCase {
    const char *a;
    const char *b;
    bool weak;
    bool strong;
} TagCase;

Test(httpCond, entity_tags_compare_9110_8_8_3_2)
{
    static const TagCase rows[] = {
        {"\"1\"", "\"1\"", true, true},
        {"W/\"1\"", "W/\"1\"", true, false},
        {"W/\"1\"", "\"1\"", true, false},
        {"\"1\"", "\"2\"", false, false},
        {"W/\"1\"", "W/\"2\"", false, false},
        {"\"\"", "\"\"", true, true},
        {"1", "1", true, false},
        {"1", "\"1\"", false, false},
        {"W/1", "W/1", true, false},
        {"W/", "1", false, false},
        {"w/\"1\"", "\"1\"", false, false},
        {"w/\"1\"", "w/\"1\"", true, false},
        {"1 2", "1 2", false, false},
        {"1,2", "1,2", false, false},
        {"*", "*", false, false},
        {"\"1", "\"1", false, false},
        {"\"1\"x", "\"1\"x", false, false},
        {"\"a\\\"", "\"a\\\"", true, true},
        {"", "", false, false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        HttpSlice a = httpSliceText(rows[i].a);
        HttpSlice b = httpSliceText(rows[i].b);
        cr_expect_eq(httpEtagWeakEqual(a, b), rows[i].weak, "row %zu", i);
        cr_expect_eq(httpEtagStrongEqual(a, b), rows[i].strong, "row %zu", i);
    }
    cr_expect_not(httpEtagWeakEqual((HttpSlice){0}, (HttpSlice){0}));
}

typedef struct CondCase {
    const char *stored;
    const char *request;
    HttpCond result;
} CondCase;

#define C(id) HTTP_COND_##id
#define INM "If-None-Match: "
#define IMS "If-Modified-Since: "
#define TAG "ETag: \"a\"\r\n"
#define MODIFIED "Last-Modified: " AT_NOW "\r\n"

static const CondCase condCases[] = {
    {TAG, "", C(NONE)},
    {TAG, INM "\"a\"\r\n", C(NOT_MODIFIED)},
    {TAG, INM "W/\"a\"\r\n", C(NOT_MODIFIED)},
    {TAG, INM "\"b\", \"a\"\r\n", C(NOT_MODIFIED)},
    {TAG, INM "\"b\"\r\n" INM "\"a\"\r\n", C(NOT_MODIFIED)},
    {TAG, INM "\"b\",,\t\"a\"\r\n", C(NOT_MODIFIED)},
    {TAG, INM "*\r\n", C(NOT_MODIFIED)},
    {TAG, INM "\"b\"\r\n", C(MODIFIED)},
    {TAG, INM "a\r\n", C(MODIFIED)},
    {TAG, INM "\r\n", C(MODIFIED)},
    {TAG, INM "\"A\"\r\n", C(MODIFIED)},
    {TAG, INM "x \"a\"\r\n", C(MODIFIED)},
    {"ETag: W/\"a\"\r\n", INM "\"a\"\r\n", C(NOT_MODIFIED)},
    {"ETag: \"a,b\"\r\n", INM "\"x\", \"a,b\"\r\n", C(NOT_MODIFIED)},
    {"ETag: \"a\\\"\r\n", INM "\"a\\\", \"b\"\r\n", C(NOT_MODIFIED)},
    {"ETag: a\r\n", INM "\"a\"\r\n", C(MODIFIED)},
    {"ETag: a\r\n", INM "\"b\", a , \"c\"\r\n", C(NOT_MODIFIED)},
    {"ETag: a\r\n", INM "ab\r\n", C(MODIFIED)},
    {MODIFIED, INM "\"a\"\r\n", C(MODIFIED)},
    {MODIFIED, INM "*\r\n", C(NOT_MODIFIED)},
    /* If-None-Match wins, RFC 9110 13.2.2 */
    {TAG MODIFIED, INM "\"b\"\r\n" IMS AT_NOW "\r\n", C(MODIFIED)},
    {TAG MODIFIED, INM "\"a\"\r\n" IMS BEFORE "\r\n", C(NOT_MODIFIED)},
    {MODIFIED, IMS AT_NOW "\r\n", C(NOT_MODIFIED)},
    {MODIFIED, IMS AFTER "\r\n", C(NOT_MODIFIED)},
    {MODIFIED, IMS BEFORE "\r\n", C(MODIFIED)},
    {MODIFIED, IMS "nonsense\r\n", C(NONE)},
    {MODIFIED, IMS AT_NOW "\r\n" IMS AFTER "\r\n", C(NONE)},
    /* RFC 9111 4.3.2: Date in place of Last-Modified */
    {"Date: " AT_NOW "\r\n", IMS AT_NOW "\r\n", C(NOT_MODIFIED)},
    {"Date: " AT_NOW "\r\n", IMS BEFORE "\r\n", C(MODIFIED)},
    {"", IMS AFTER "\r\n", C(NOT_MODIFIED)},
    {"", IMS BEFORE "\r\n", C(MODIFIED)},
    {"Last-Modified: nonsense\r\n", IMS BEFORE "\r\n", C(MODIFIED)},
};

Test(httpCond, conditions_are_evaluated_9111_4_3_2)
{
    for (size_t i = 0; i < sizeof(condCases) / sizeof(*condCases); i++) {
        HttpValidators validators;
        httpCondValidators(setHeaders(&stored, condCases[i].stored), NOW,
                           &validators);
        HttpHeaders *request = setHeaders(&other, condCases[i].request);
        cr_expect_eq(httpCondEvaluate(request, &validators, NOW),
                     condCases[i].result, "row %zu: %s", i,
                     condCases[i].request);
    }
}

Test(httpCond, some_conditions_are_for_the_origin)
{
    cr_expect(httpCondIsForOrigin(setHeaders(&other, "If-Match: *\r\n")));
    cr_expect(httpCondIsForOrigin(
        setHeaders(&other, "If-Unmodified-Since: " AT_NOW "\r\n")));
    cr_expect_not(httpCondIsForOrigin(setHeaders(&other, INM "*\r\n")));
}

#define CLIENT_CONDITIONS                                                      \
    "Accept: x\r\n" INM "\"z\"\r\n" IMS BEFORE "\r\nIf-Match: \"q\"\r\n"       \
    "If-Unmodified-Since: " BEFORE                                             \
    "\r\nIf-Range: \"q\"\r\nRange: bytes=0-1\r\n"

static void
expectBuilt(const char *storedLines, const char *requestLines)
{
    HttpValidators validators;

    httpCondValidators(setHeaders(&stored, storedLines), NOW, &validators);
    HttpHeaders *request = setHeaders(&other, CLIENT_CONDITIONS);
    cr_expect(httpCondBuild(request, &validators));
    expectLines(request, requestLines);
}

Test(httpCond, validation_asks_for_the_stored_one_9111_4_3_1)
{
    HttpValidators validators;

    expectBuilt(TAG MODIFIED,
                "Accept: x\r\n" INM "\"a\", \"z\"\r\n" IMS AT_NOW "\r\n");
    expectBuilt(TAG, "Accept: x\r\n" INM "\"a\", \"z\"\r\n");
    expectBuilt(MODIFIED, "Accept: x\r\n" IMS AT_NOW "\r\n");
    httpCondValidators(setHeaders(&stored, ""), NOW, &validators);
    HttpHeaders *request = setHeaders(&other, CLIENT_CONDITIONS);
    cr_expect_not(httpCondBuild(request, &validators));
    expectLines(request, "Accept: x\r\n");
}

Test(httpCond, tags_of_the_client_follow_the_stored_one_9111_4_3_1)
{
    static const struct {
        const char *stored;
        const char *client;
        const char *built;
    } rows[] = {
        {TAG, INM "\"b\", W/\"c\"\r\n", INM "\"a\", \"b\", W/\"c\"\r\n"},
        {TAG, INM "\"b\"\r\n" INM "\"c\"\r\n", INM "\"a\", \"b\", \"c\"\r\n"},
        {TAG, INM "*\r\n", INM "\"a\"\r\n"},
        {TAG, INM "b\r\n", INM "\"a\", b\r\n"},
        {TAG, INM "b c\r\n", INM "\"a\"\r\n"},
        {TAG, INM "\r\n", INM "\"a\"\r\n"},
        {MODIFIED, INM "\"b\"\r\n", IMS AT_NOW "\r\n"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        HttpValidators validators;
        httpCondValidators(setHeaders(&stored, rows[i].stored), NOW,
                           &validators);
        HttpHeaders *request = setHeaders(&other, rows[i].client);
        cr_expect(httpCondBuild(request, &validators));
        expectLines(request, rows[i].built);
    }
}

Test(httpCond, what_a_304_is_about_9111_4_3_4)
{
    static const struct {
        const char *stored;
        const char *client;
        const char *notModified;
        HttpCondAbout about;
    } rows[] = {
        {TAG, "", TAG, HTTP_COND_ABOUT_STORED},
        {TAG, "", "", HTTP_COND_ABOUT_STORED},
        {TAG, "", "ETag: \"b\"\r\n", HTTP_COND_ABOUT_NONE},
        {TAG, INM "\"b\"\r\n", TAG, HTTP_COND_ABOUT_STORED},
        {TAG, INM "\"b\"\r\n", "ETag: \"b\"\r\n", HTTP_COND_ABOUT_CLIENT},
        {TAG, INM "\"b\"\r\n", "ETag: \"c\"\r\n", HTTP_COND_ABOUT_NONE},
        {TAG, INM "\"b\"\r\n", "", HTTP_COND_ABOUT_NONE},
        {TAG, INM "*\r\n", "", HTTP_COND_ABOUT_STORED},
        {TAG, INM "*\r\n", "ETag: \"b\"\r\n", HTTP_COND_ABOUT_NONE},
        {MODIFIED, INM "\"b\"\r\n", "", HTTP_COND_ABOUT_STORED},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        HttpResponse request;
        HttpValidators validators;
        httpResponseInit(&request, HTTP_HEADER_TEXT_MAX);
        setHeaders(&request, rows[i].client);
        httpCondValidators(setHeaders(&stored, rows[i].stored), NOW,
                           &validators);
        cr_expect_eq(httpCondAbout(&request.headers, &validators,
                                   setHeaders(&other, rows[i].notModified)),
                     rows[i].about, "row %zu", i);
        httpResponseFini(&request);
    }
}

Test(httpCond, fields_of_a_304_replace_stored_ones_9111_3_2)
{
    setHeaders(&stored, "Date: " BEFORE "\r\nX-A: 1\r\nX-A: 2\r\n"
                        "Content-Length: 10\r\nContent-Type: t\r\n"
                        "Content-Encoding: gzip\r\nServer: s\r\n"
                        "Content-MD5: 1\r\n" TAG);
    setHeaders(&other, "Date: " AT_NOW "\r\nx-a: 3\r\nX-B: 4\r\nX-B: 5\r\n"
                       "Content-Length: 0\r\nContent-Type: u\r\n"
                       "Content-Encoding: br\r\nContent-Range: x\r\n"
                       "Content-MD5: 2\r\n"
                       "Age: 7\r\nETag: W/\"a\"\r\n");
    cr_assert_eq(httpCondMerge(&stored.headers, &other.headers), 0);
    expectLines(&stored.headers,
                "Content-Length: 10\r\n"
                "Content-Encoding: gzip\r\nServer: s\r\n"
                "Content-MD5: 1\r\nDate: " AT_NOW "\r\n"
                "x-a: 3\r\nX-B: 4\r\nX-B: 5\r\nContent-Type: u\r\nAge: 7\r\n"
                "ETag: W/\"a\"\r\n");
}

typedef struct MatchCase {
    const char *stored;
    const char *notModified;
    bool isMatch;
} MatchCase;

Test(httpCond, a_304_must_be_about_the_stored_one_9111_4_3_4)
{
    static const MatchCase rows[] = {
        {TAG, "", true},
        {TAG, TAG, true},
        {TAG, "ETag: W/\"a\"\r\n", true},
        {TAG, "ETag: \"b\"\r\n", false},
        {"", TAG, false},
        {MODIFIED, MODIFIED, true},
        {MODIFIED, "Last-Modified: " BEFORE "\r\n", false},
        {TAG, MODIFIED, true},
        {TAG MODIFIED, TAG "Last-Modified: " BEFORE "\r\n", true},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        HttpValidators validators;
        httpCondValidators(setHeaders(&stored, rows[i].stored), NOW,
                           &validators);
        cr_expect_eq(httpCondMatches(&validators,
                                     setHeaders(&other, rows[i].notModified)),
                     rows[i].isMatch, "row %zu", i);
    }
}

Test(httpCond, a_304_to_the_client_has_only_what_it_needs_9110_15_4_5)
{
    Buf head;
    Buf out;

    bufInit(&head, 4096);
    bufInit(&out, 4096);
    setHeaders(&stored, "Date: " AT_NOW "\r\nContent-Type: t\r\n" TAG
                        "Cache-Control: max-age=1\r\nX: y\r\nVary: Accept\r\n"
                        "Set-Cookie: a=b\r\nContent-Length: 4\r\n" MODIFIED
                        "Expires: 0\r\nContent-Location: /x\r\n");
    stored.status = 200;
    cr_assert_eq(httpResponseFormatHead(&stored, &head), 0);
    cr_assert_eq(
        httpCondFormat304(httpSlice(bufData(&head), bufLen(&head)), &out), 0);
    cr_expect(httpSliceEqual(
                  httpSlice(bufData(&out), bufLen(&out)),
                  httpSliceText("HTTP/1.1 304 Not Modified\r\nDate: " AT_NOW
                                "\r\n" TAG "Cache-Control: max-age=1\r\n"
                                "Vary: Accept\r\n" MODIFIED "Expires: 0\r\n"
                                "Content-Location: /x\r\n")),
              "got: %.*s", (int)bufLen(&out), bufData(&out));
    bufFini(&head);
    bufFini(&out);
}

Test(httpCond, the_tag_in_a_stored_head)
{
    static const struct {
        const char *head;
        const char *tag;
    } rows[] = {
        {"HTTP/1.1 200 OK\r\nA: b\r\netag: \"x\"\r\nC: d\r\n", "\"x\""},
        {"HTTP/1.1 200 OK\r\nETag:W/\"x:y\"\r\n", "W/\"x:y\""},
        {"HTTP/1.1 200 OK\r\nETag: x\r\n", "x"},
        {"HTTP/1.1 200 OK\r\nETag: \"x\r\n", NULL},
        {"HTTP/1.1 200 OK\r\n", NULL},
        {"", NULL},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        cr_expect(httpSliceEqual(httpCondTagOf(httpSliceText(rows[i].head)),
                                 httpSliceText(rows[i].tag)),
                  "row %zu", i);
}
