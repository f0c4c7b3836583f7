/* test_http_parse.c: requests whole, in pieces, in a row, and forged. */
#include "http_parse.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY_MAX 4096

typedef struct Result {
    HttpParseEvent event; /* DONE, MORE or ERROR */
    HttpParseError error;
    bool hasHead;
    size_t used;
    size_t bodyLen;
    char body[BODY_MAX];
} Result;

static HttpParser *parser;

static void
setUp(void)
{
    parser = httpParserCreate(NULL);
}

static void
tearDown(void)
{
    httpParserDestroy(&parser);
    cr_expect_null(parser);
}

TestSuite(httpParse, .init = setUp, .fini = tearDown, .timeout = 30);

/* One call of feed; false when the message is over or wants more. */
static bool
feedOnce(Result *result, const char *data, size_t len)
{
    HttpSlice body = {0};
    size_t used = 0;

    result->event = httpParserFeed(parser, data, len, &used, &body);
    cr_assert_leq(used, len);
    result->used += used;
    if (result->event == HTTP_PARSE_HEAD) {
        cr_assert_not(result->hasHead);
        result->hasHead = true;
        return true;
    }
    if (result->event != HTTP_PARSE_BODY)
        return false;
    cr_assert(result->hasHead && body.len > 0);
    cr_assert(body.data >= data && body.data + body.len <= data + used);
    cr_assert_leq(result->bodyLen + body.len, BODY_MAX);
    memcpy(result->body + result->bodyLen, body.data, body.len);
    result->bodyLen += body.len;
    return true;
}

static void
feed(Result *result, const char *data, size_t len)
{
    size_t start = result->used;

    while (feedOnce(result, data + (result->used - start),
                    len - (result->used - start)))
        ;
    result->error = httpParserError(parser);
}

/* Each piece lies in memory of its own size, so that sanitizers see. */
static Result
parseInPieces(const char *text, size_t len, size_t piece)
{
    Result result = {.event = HTTP_PARSE_MORE};

    for (size_t at = 0; at < len && result.event == HTTP_PARSE_MORE;) {
        size_t part = len - at < piece ? len - at : piece;
        char *copy = malloc(part);
        memcpy(copy, text + at, part);
        feed(&result, copy, part);
        free(copy);
        at += part;
    }
    return result;
}

static Result
parse(const char *text)
{
    return parseInPieces(text, strlen(text), strlen(text));
}

static bool
isText(HttpSlice slice, const char *text)
{
    return slice.data && httpSliceEqual(slice, httpSliceText(text));
}

Test(httpParse, understands_a_request_to_a_proxy)
{
    Result result = parse("GET http://h.test/p?q HTTP/1.1\r\n"
                          "Host: h.test\r\nX-Empty:\r\nAccept:  */* \t\r\n\r\n"
                          "GET next");
    HttpRequest *request = httpParserRequest(parser);

    cr_assert_eq(result.event, HTTP_PARSE_DONE);
    cr_expect_eq(request->method, HTTP_METHOD_GET);
    cr_expect_eq(request->form, HTTP_TARGET_ABSOLUTE);
    cr_expect_eq(request->framing, HTTP_FRAMING_NONE);
    cr_expect_eq(request->minor, 1);
    cr_expect(request->keepAlive);
    cr_expect_not(request->expectContinue);
    cr_expect(isText(request->methodText, "GET"));
    cr_expect(isText(request->target, "http://h.test/p?q"));
    cr_expect(
        isText(httpHeaderGet(&request->headers, HTTP_HEADER_HOST), "h.test"));
    cr_expect(
        isText(httpHeaderGet(&request->headers, HTTP_HEADER_ACCEPT), "*/*"));
    cr_expect(isText(
        httpHeaderGetName(&request->headers, httpSliceText("x-empty")), ""));
    cr_expect_eq(result.used, strlen("GET http://h.test/p?q HTTP/1.1\r\n"
                                     "Host: h.test\r\nX-Empty:\r\n"
                                     "Accept:  */* \t\r\n\r\n"));
}

Test(httpParse, methods_of_no_list_are_methods)
{
    Result result = parse("FOO http://h.test/p HTTP/1.1\r\nHost: h.test\r\n"
                          "Content-Length: 2\r\n\r\nxy");
    HttpRequest *request = httpParserRequest(parser);

    cr_assert_eq(result.event, HTTP_PARSE_DONE);
    cr_expect_eq(request->method, HTTP_METHOD_OTHER);
    cr_expect(isText(request->methodText, "FOO"));
    cr_expect(isText(request->target, "http://h.test/p"));
    cr_expect_eq(request->framing, HTTP_FRAMING_LENGTH);
    cr_expect_eq(request->length, 2);
    cr_expect(
        isText(httpHeaderGet(&request->headers, HTTP_HEADER_HOST), "h.test"));
}

/* A request whose line and fields vary; NUL must be written as octets. */
typedef struct HeadCase {
    const char *text;
    HttpParseError error;
} HeadCase;

#define ERR(id) HTTP_PARSE_ERROR_##id
#define GET "GET / HTTP/1.1\r\nHost: h\r\n"
#define POST "POST / HTTP/1.1\r\nHost: h\r\n"

static const HeadCase lineCases[] = {
    {"GET / HTTP/1.0\r\n\r\n", ERR(NONE)},
    {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", ERR(NONE)},
    {"GET / HTTP/1.9\r\nHost: h\r\n\r\n", ERR(NONE)},
    {"PROPFIND / HTTP/1.1\r\nHost: h\r\n\r\n", ERR(NONE)},
    {"GET /\r\n\r\n", ERR(VERSION_09)},
    {"GET / HTTP/0.9\r\n\r\n", ERR(VERSION_09)},
    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ERR(VERSION)},
    {"GET / HTTP/2\r\n\r\n", ERR(VERSION)},
    {"GET / HTTP/2.0\r\nHost: h\r\n\r\n", ERR(VERSION)},
    {"GET / HTTP/10.1\r\nHost: h\r\n\r\n", ERR(VERSION)},
    {"GET / HTTP/1.10\r\nHost: h\r\n\r\n", ERR(REQUEST_LINE)},
    {"GET / HTTP/1\r\nHost: h\r\n\r\n", ERR(REQUEST_LINE)},
    {"GET / HTTP/1.x\r\nHost: h\r\n\r\n", ERR(REQUEST_LINE)},
    {"GET / http/1.1\r\nHost: h\r\n\r\n", ERR(REQUEST_LINE)},
    {"GET / HTPP/1.1\r\nHost: h\r\n\r\n", ERR(REQUEST_LINE)},
    {"GET / HTTP/1.1 \r\nHost: h\r\n\r\n", ERR(REQUEST_LINE)},
    {"GET  HTTP/1.1\r\nHost: h\r\n\r\n", ERR(REQUEST_LINE)},
    {"GET HTTP/1.1\r\nHost: h\r\n\r\n", ERR(VERSION_09)},
    {"GET\r\n\r\n", ERR(REQUEST_LINE)},
    {" GET / HTTP/1.1\r\nHost: h\r\n\r\n", ERR(REQUEST_LINE)},
    {"\tGET / HTTP/1.1\r\nHost: h\r\n\r\n", ERR(REQUEST_LINE)},
    {"GET  / HTTP/1.1\r\nHost: h\r\n\r\n", ERR(TARGET)},
    {"GET /  HTTP/1.1\r\nHost: h\r\n\r\n", ERR(TARGET)},
    {"GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", ERR(TARGET)},
    {"GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n", ERR(REQUEST_LINE)},
    {"G(T / HTTP/1.1\r\nHost: h\r\n\r\n", ERR(REQUEST_LINE)},
    {"NOSUCH / HTTP/1.1\r\nHost: h\r\n\r\n", ERR(NONE)},
    {"X / HTTP/1.1\r\nHost: h\r\n\r\n", ERR(NONE)},
    {"GETS !/ HTTP/1.1\r\nHost: h\r\n\r\n", ERR(TARGET)},
    {"GE / HTTP/1.1\r\nHost: h\r\n\r\n", ERR(NONE)},
    {"1!#$%&'*+-.^_`|~ / HTTP/1.1\r\nHost: h\r\n\r\n", ERR(NONE)},
    {"FOO h:80 HTTP/1.1\r\nHost: h\r\n\r\n", ERR(TARGET)},
    {"FOO * HTTP/1.1\r\nHost: h\r\n\r\n", ERR(TARGET)},
    {"FOO / HTTP/1.1\r\nHost: h\r\nA B: c\r\n\r\n", ERR(FIELD_NAME)},
    {"propfind / HTTP/1.1\r\nHost: h\r\n\r\n", ERR(METHOD)},
    {"Get / HTTP/1.1\r\nHost: h\r\n\r\n", ERR(METHOD)},
    {"get / HTTP/1.1\r\nHost: h\r\n\r\n", ERR(METHOD)},
    {"\x16\x03\x01\x02\r\n\r\n", ERR(CONTROL)},
};

static void
expectErrors(const HeadCase *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(rows[i].text);
        for (size_t piece = len; piece; piece = piece > 1 ? 1 : 0) {
            Result result = parseInPieces(rows[i].text, len, piece);
            cr_expect_eq(result.error, rows[i].error,
                         "row %zu by %zu: %s, got: %s", i, piece, rows[i].text,
                         httpParseErrorReason(result.error));
            cr_expect_eq(result.event,
                         rows[i].error ? HTTP_PARSE_ERROR : HTTP_PARSE_DONE,
                         "row %zu by %zu: event %d", i, piece, result.event);
            httpParserNext(parser);
        }
    }
}

#define EXPECT_ERRORS(rows) expectErrors(rows, sizeof(rows) / sizeof(*(rows)))

Test(httpParse, request_lines)
{
    EXPECT_ERRORS(lineCases);
}

static const HeadCase targetCases[] = {
    {"GET * HTTP/1.1\r\nHost: h\r\n\r\n", ERR(TARGET)},
    {"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", ERR(NONE)},
    {"OPTIONS http://h HTTP/1.1\r\nHost: h\r\n\r\n", ERR(NONE)},
    {"GET h.test HTTP/1.1\r\nHost: h\r\n\r\n", ERR(TARGET)},
    {"GET h.test:80 HTTP/1.1\r\nHost: h\r\n\r\n", ERR(TARGET)},
    {"GET http:/h HTTP/1.1\r\nHost: h\r\n\r\n", ERR(TARGET)},
    {"GET http:///x HTTP/1.1\r\nHost: h\r\n\r\n", ERR(TARGET)},
    {"GET http://u@h/ HTTP/1.1\r\nHost: h\r\n\r\n", ERR(TARGET)},
    {"GET http://h:0/ HTTP/1.1\r\nHost: h\r\n\r\n", ERR(TARGET)},
    {"GET http://h:99999/ HTTP/1.1\r\nHost: h\r\n\r\n", ERR(TARGET)},
    {"GET http://h/#f HTTP/1.1\r\nHost: h\r\n\r\n", ERR(TARGET)},
    {"GET /#f HTTP/1.1\r\nHost: h\r\n\r\n", ERR(TARGET)},
    {"GET HTTP://H/ HTTP/1.1\r\nHost: h\r\n\r\n", ERR(NONE)},
    {"GET http://[::1]:80/ HTTP/1.1\r\nHost: h\r\n\r\n", ERR(NONE)},
    {"GET ftp://h/x HTTP/1.1\r\nHost: h\r\n\r\n", ERR(NONE)},
    {"GET cache_object://h/x HTTP/1.0\r\n\r\n", ERR(NONE)},
    {"GET 1http://h/x HTTP/1.1\r\nHost: h\r\n\r\n", ERR(TARGET)},
    {"GET ://h/x HTTP/1.1\r\nHost: h\r\n\r\n", ERR(TARGET)},
    {"GET mailto:x HTTP/1.1\r\nHost: h\r\n\r\n", ERR(TARGET)},
    {"GET /\"|'{}^`\\ HTTP/1.1\r\nHost: h\r\n\r\n", ERR(NONE)},
    {"CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n", ERR(NONE)},
    {"CONNECT [::1]:443 HTTP/1.1\r\nHost: h\r\n\r\n", ERR(NONE)},
    {"CONNECT h HTTP/1.1\r\nHost: h\r\n\r\n", ERR(TARGET)},
    {"CONNECT h: HTTP/1.1\r\nHost: h\r\n\r\n", ERR(TARGET)},
    {"CONNECT /x HTTP/1.1\r\nHost: h\r\n\r\n", ERR(TARGET)},
    {"CONNECT http://h:80/ HTTP/1.1\r\nHost: h\r\n\r\n", ERR(TARGET)},
    {"CONNECT h:443/x HTTP/1.1\r\nHost: h\r\n\r\n", ERR(TARGET)},
    {"CONNECT u@h:443 HTTP/1.1\r\nHost: h\r\n\r\n", ERR(TARGET)},
};

Test(httpParse, targets_have_the_form_of_their_method)
{
    EXPECT_ERRORS(targetCases);
}

static const HeadCase hostCases[] = {
    {"GET / HTTP/1.1\r\n\r\n", ERR(HOST_MISSING)},
    {"GET http://h/ HTTP/1.1\r\n\r\n", ERR(HOST_MISSING)},
    {"CONNECT h:443 HTTP/1.1\r\n\r\n", ERR(HOST_MISSING)},
    {"GET http://h/ HTTP/1.0\r\n\r\n", ERR(NONE)},
    {GET "Host: h\r\n\r\n", ERR(HOST_DUPLICATE)},
    {GET "hOST: other\r\n\r\n", ERR(HOST_DUPLICATE)},
    {"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", ERR(HOST_DUPLICATE)},
    {"GET / HTTP/1.1\r\nHost:\r\n\r\n", ERR(HOST_INVALID)},
    {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", ERR(HOST_INVALID)},
    {"GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", ERR(HOST_INVALID)},
    {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", ERR(HOST_INVALID)},
    {"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", ERR(HOST_INVALID)},
    {"GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", ERR(HOST_INVALID)},
    {"GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", ERR(NONE)},
    {"GET / HTTP/1.1\r\nHost: http://a\r\n\r\n", ERR(HOST_INVALID)},
};

Test(httpParse, host_is_there_once_and_is_an_authority)
{
    EXPECT_ERRORS(hostCases);
}

static const HeadCase fieldCases[] = {
    {GET "A: b\nC: d\r\n\r\n", ERR(BARE_LF)},
    {"GET / HTTP/1.1\nHost: h\r\n\r\n", ERR(BARE_LF)},
    {GET "A: b\r\n\n", ERR(BARE_LF)},
    {GET "\n", ERR(BARE_LF)},
    {GET "A: b\rC: d\r\n\r\n", ERR(BARE_CR)},
    {GET "A: b\r\r\n\r\n", ERR(BARE_CR)},
    {"GET / HTTP/1.1\r\r\nHost: h\r\n\r\n", ERR(BARE_CR)},
    {GET "A: b\r\n c\r\n\r\n", ERR(FOLDED)},
    {GET "A: b\r\n\tc\r\n\r\n", ERR(FOLDED)},
    {"GET / HTTP/1.1\r\n Host: h\r\n\r\n", ERR(FOLDED)},
    {GET " \r\n\r\n", ERR(FOLDED)},
    {GET "A : b\r\n\r\n", ERR(FIELD_NAME)},
    {GET "A\t: b\r\n\r\n", ERR(FIELD_NAME)},
    {GET "A b: c\r\n\r\n", ERR(FIELD_NAME)},
    {GET "A\x80: c\r\n\r\n", ERR(FIELD_NAME)},
    {GET "A(: c\r\n\r\n", ERR(FIELD_NAME)},
    {GET ": c\r\n\r\n", ERR(FIELD_NAME)},
    {GET "no colon\r\n\r\n", ERR(FIELD_NAME)},
    {GET "nocolon\r\n\r\n", ERR(FIELD_NAME)},
    {GET "A: b\x01\r\n\r\n", ERR(CONTROL)},
    {GET "A: b\x7f\r\n\r\n", ERR(CONTROL)},
    {GET "A: \x1b[0m\r\n\r\n", ERR(CONTROL)},
    {GET "A\x0b: b\r\n\r\n", ERR(CONTROL)},
    {"GET /\x01 HTTP/1.1\r\nHost: h\r\n\r\n", ERR(CONTROL)},
    {GET "A: tab\there \x80\xff\r\n\r\n", ERR(NONE)},
    {GET "!#$%&'*+-.^_`|~09azAZ: x\r\n\r\n", ERR(NONE)},
};

Test(httpParse, fields_are_lines_without_tricks)
{
    EXPECT_ERRORS(fieldCases);
}

Test(httpParse, nul_is_refused_everywhere_in_the_head)
{
    static const char text[] = GET "A: b\r\n\r\n\r\n";

    for (size_t i = 0; i < sizeof(text) - 3; i++) {
        char copy[sizeof(text)];
        memcpy(copy, text, sizeof(text));
        copy[i] = '\0';
        Result result = parseInPieces(copy, sizeof(text) - 1, sizeof(text));
        cr_expect_eq(result.event, HTTP_PARSE_ERROR, "at %zu", i);
        cr_expect_eq(httpParseErrorStatus(result.error), 400, "at %zu", i);
        httpParserNext(parser);
    }
}

static const HeadCase framingCases[] = {
    {POST "Content-Length: 0\r\n\r\n", ERR(NONE)},
    {POST "Content-Length: 3\r\n\r\nabc", ERR(NONE)},
    {POST "Content-Length: 3 \r\n\r\nabc", ERR(NONE)},
    {POST "Content-Length:\r\n\r\n", ERR(LENGTH_INVALID)},
    {POST "Content-Length: +3\r\n\r\nabc", ERR(LENGTH_INVALID)},
    {POST "Content-Length: -3\r\n\r\nabc", ERR(LENGTH_INVALID)},
    {POST "Content-Length: 0x3\r\n\r\nabc", ERR(LENGTH_INVALID)},
    {POST "Content-Length: 3,3\r\n\r\nabc", ERR(LENGTH_INVALID)},
    {POST "Content-Length: 3 3\r\n\r\nabc", ERR(LENGTH_INVALID)},
    {POST "Content-Length: 3;\r\n\r\nabc", ERR(LENGTH_INVALID)},
    {POST "Content-Length: three\r\n\r\nabc", ERR(LENGTH_INVALID)},
    {POST "Content-Length: 9223372036854775808\r\n\r\n", ERR(LENGTH_INVALID)},
    {POST "Content-Length: 18446744073709551619\r\n\r\n", ERR(LENGTH_INVALID)},
    {POST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
     ERR(LENGTH_DUPLICATE)},
    {POST "Content-Length: 3\r\ncontent-length: 3\r\n\r\nabc",
     ERR(LENGTH_DUPLICATE)},
    {POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
     ERR(LENGTH_AND_CODING)},
    {POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
     ERR(LENGTH_AND_CODING)},
    {POST "Transfer-Encoding: identity\r\nContent-Length: 3\r\n\r\n",
     ERR(LENGTH_AND_CODING)},
    {POST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ERR(NONE)},
    {POST "transfer-encoding: CHUNKED\r\n\r\n0\r\n\r\n", ERR(NONE)},
    {POST "Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n", ERR(CODING_INVALID)},
    {POST "Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n", ERR(CODING_INVALID)},
    {POST "Transfer-Encoding: identity\r\n\r\n", ERR(CODING_UNKNOWN)},
    {POST "Transfer-Encoding: gzip, chunked\r\n\r\n", ERR(CODING_UNKNOWN)},
    {POST "Transfer-Encoding: xchunked\r\n\r\n", ERR(CODING_UNKNOWN)},
    {POST "Transfer-Encoding: chunkedx\r\n\r\n", ERR(CODING_UNKNOWN)},
    {POST "Transfer-Encoding: chunked, identity\r\n\r\n", ERR(CODING_INVALID)},
    {POST "Transfer-Encoding: chunked, chunked\r\n\r\n", ERR(CODING_INVALID)},
    {POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n",
     ERR(CODING_INVALID)},
    {POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
     ERR(CODING_INVALID)},
    {POST "Transfer-Encoding: \"chunked\"\r\n\r\n", ERR(CODING_INVALID)},
    {POST "Transfer-Encoding: chunked;q=1\r\n\r\n", ERR(CODING_INVALID)},
    {POST "Transfer-Encoding:\r\n\r\n", ERR(CODING_INVALID)},
    {POST "Transfer-Encoding : chunked\r\n\r\n", ERR(FIELD_NAME)},
    {POST "Transfer-Encoding: \x0b"
          "chunked\r\n\r\n",
     ERR(CONTROL)},
    {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", ERR(CODING_OLD)},
    {"CONNECT h:1 HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", ERR(NONE)},
    {"CONNECT h:1 HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n",
     ERR(CONNECT_BODY)},
    {"CONNECT h:1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
     ERR(CONNECT_BODY)},
    {GET "Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n", ERR(NONE)},
};

Test(httpParse, framing_is_never_in_doubt)
{
    EXPECT_ERRORS(framingCases);
}

#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"

typedef struct ChunkCase {
    const char *body;
    HttpParseError error;
    const char *decoded;
} ChunkCase;

static const ChunkCase chunkCases[] = {
    {"0\r\n\r\n", ERR(NONE), ""},
    {"3\r\nabc\r\n0\r\n\r\n", ERR(NONE), "abc"},
    {"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", ERR(NONE), "abcde"},
    {"000000000000003\r\nabc\r\n0\r\n\r\n", ERR(NONE), "abc"},
    {"A\r\n0123456789\r\n00\r\n\r\n", ERR(NONE), "0123456789"},
    {"a\r\n\r\n234567\r\n\r\n0\r\n\r\n", ERR(NONE), "\r\n234567\r\n"},
    {"3;x=y\r\nabc\r\n0;z\r\n\r\n", ERR(NONE), "abc"},
    {"3 ;x=\"q;\"\r\nabc\r\n0\r\n\r\n", ERR(NONE), "abc"},
    {"3\r\nabc\r\n0\r\nA: b\r\nC:\r\n\r\n", ERR(NONE), "abc"},
    {"0000000000000003\r\nabc\r\n0\r\n\r\n", ERR(CHUNK), ""},
    {"fffffffffffffffff\r\n", ERR(CHUNK), ""},
    {"\r\n0\r\n\r\n", ERR(CHUNK), ""},
    {"x\r\n", ERR(CHUNK), ""},
    {"-3\r\nabc\r\n0\r\n\r\n", ERR(CHUNK), ""},
    {"+3\r\nabc\r\n0\r\n\r\n", ERR(CHUNK), ""},
    {"0x3\r\nabc\r\n0\r\n\r\n", ERR(CHUNK), ""},
    {" 3\r\nabc\r\n0\r\n\r\n", ERR(CHUNK), ""},
    {"3 \r\nabc\r\n0\r\n\r\n", ERR(CHUNK), ""},
    {"3\nabc\r\n0\r\n\r\n", ERR(CHUNK), ""},
    {"3\rXabc\r\n0\r\n\r\n", ERR(CHUNK), ""},
    {"3;x\nabc\r\n0\r\n\r\n", ERR(CHUNK), ""},
    {"3;\x01\r\nabc\r\n0\r\n\r\n", ERR(CHUNK), ""},
    {"3\r\nabcd\r\n0\r\n\r\n", ERR(CHUNK), "abc"},
    {"3\r\nabc\n0\r\n\r\n", ERR(CHUNK), "abc"},
    {"3\r\nabc\rX0\r\n\r\n", ERR(CHUNK), "abc"},
    {"3\r\nabc0\r\n\r\n", ERR(CHUNK), "abc"},
    {"0\r\n\n", ERR(CHUNK), ""},
    {"0\r\n\rX", ERR(CHUNK), ""},
    {"0\r\nA b: c\r\n\r\n", ERR(CHUNK), ""},
    {"0\r\n: c\r\n\r\n", ERR(CHUNK), ""},
    {"0\r\nA: b\nC: d\r\n\r\n", ERR(CHUNK), ""},
    {"0\r\n A: b\r\n\r\n", ERR(CHUNK), ""},
    {"0\r\nA: \x7f\r\n\r\n", ERR(CHUNK), ""},
    {"0\r\nnocolon\r\n\r\n", ERR(CHUNK), ""},
};

static void
expectChunks(const ChunkCase *row, size_t piece)
{
    char text[512];
    int len = snprintf(text, sizeof(text), "%s%s", CHUNKED, row->body);
    Result result = parseInPieces(text, (size_t)len, piece);

    cr_expect_eq(result.error, row->error, "by %zu: %s", piece, row->body);
    cr_expect_eq(result.event, row->error ? HTTP_PARSE_ERROR : HTTP_PARSE_DONE,
                 "by %zu: %s", piece, row->body);
    cr_expect_eq(result.bodyLen, strlen(row->decoded), "by %zu: %s", piece,
                 row->body);
    cr_expect(memcmp(result.body, row->decoded, result.bodyLen) == 0);
    if (!row->error)
        cr_expect_eq(result.used, (size_t)len);
    httpParserNext(parser);
}

Test(httpParse, chunks_are_decoded_strictly)
{
    for (size_t i = 0; i < sizeof(chunkCases) / sizeof(*chunkCases); i++) {
        for (size_t piece = 1; piece < 80; piece += piece < 8 ? 1 : 35)
            expectChunks(&chunkCases[i], piece);
    }
}

Test(httpParse, a_trailer_without_end_is_cut)
{
    Result result = parse(CHUNKED "0\r\nA: ");
    char filler[1000];
    int rounds = 0;

    memset(filler, 'x', sizeof(filler));
    while (result.event == HTTP_PARSE_MORE && rounds++ < 100)
        feed(&result, filler, sizeof(filler));
    cr_expect_eq(result.error, ERR(TRAILER_TOO_LARGE));
    cr_expect_eq(httpParseErrorStatus(result.error), 431);
    cr_expect_eq(rounds, 17);
}

Test(httpParse, a_chunk_extension_without_end_is_cut)
{
    Result result = parse(CHUNKED "3;");
    char filler[100];
    int rounds = 0;

    memset(filler, 'x', sizeof(filler));
    while (result.event == HTTP_PARSE_MORE && rounds++ < 100)
        feed(&result, filler, sizeof(filler));
    cr_expect_eq(result.error, ERR(CHUNK));
    cr_expect_lt(rounds, 12);
}

Test(httpParse, every_cut_gives_the_same_message)
{
    static const char text[] =
        "\r\n\r\nPOST http://h.test:81/x?y HTTP/1.1\r\nHost: h.test:81\r\n"
        "Via: 1.1 a\r\nTransfer-Encoding: chunked\r\nVia: 1.1 b\r\n\r\n"
        "5;e=f\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\nT: u\r\n\r\n"
        "GET / HTTP/1.1\r\n";
    size_t end = strlen(text) - strlen("GET / HTTP/1.1\r\n");

    for (size_t piece = 1; piece < sizeof(text); piece++) {
        Result result = parseInPieces(text, sizeof(text) - 1, piece);
        HttpRequest *request = httpParserRequest(parser);
        cr_assert_eq(result.event, HTTP_PARSE_DONE, "by %zu: %s", piece,
                     httpParseErrorReason(result.error));
        cr_expect_eq(result.used, end, "by %zu", piece);
        cr_expect_eq(result.bodyLen, 11);
        cr_expect(memcmp(result.body, "hello world", 11) == 0);
        cr_expect(isText(request->target, "http://h.test:81/x?y"));
        cr_expect(
            isText(httpHeaderGet(&request->headers, HTTP_HEADER_VIA), "1.1 a"));
        httpParserNext(parser);
    }
}

Test(httpParse, pipelined_requests_come_one_by_one)
{
    static const char text[] =
        "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n"
        "POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nGET "
        "\r\nGET /3 HTTP/1.1\r\nHost: h\r\n\r\n";
    const char *targets[] = {"/1", "/2", "/3"};
    size_t at = 0;

    for (int i = 0; i < 3; i++) {
        Result result = {0};
        cr_expect(httpParserIsIdle(parser));
        feed(&result, text + at, sizeof(text) - 1 - at);
        cr_assert_eq(result.event, HTTP_PARSE_DONE);
        cr_expect(isText(httpParserRequest(parser)->target, targets[i]));
        cr_expect_eq(result.bodyLen, i == 1 ? 4 : 0);
        at += result.used;
        httpParserNext(parser);
    }
    cr_expect_eq(at, sizeof(text) - 1);
}

Test(httpParse, what_follows_connect_is_left_for_the_tunnel)
{
    static const char head[] = "CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n";
    char text[128];
    int len = snprintf(text, sizeof(text), "%s\x16\x03\x01tls", head);
    Result result = parseInPieces(text, (size_t)len, (size_t)len);

    cr_expect_eq(result.event, HTTP_PARSE_DONE);
    cr_expect_eq(result.used, strlen(head));
    cr_expect_eq(httpParserRequest(parser)->form, HTTP_TARGET_AUTHORITY);
}

Test(httpParse, head_is_told_before_its_body_and_done_needs_no_octets)
{
    static const char text[] = POST "Content-Length: 2\r\n\r\nab";
    size_t used = 0;
    HttpSlice body = {0};

    cr_expect_eq(httpParserFeed(parser, text, sizeof(text) - 1, &used, &body),
                 HTTP_PARSE_HEAD);
    cr_expect_eq(used, sizeof(text) - 3);
    cr_expect_null(body.data);
    cr_expect_eq(httpParserFeed(parser, NULL, 0, &used, &body),
                 HTTP_PARSE_MORE);
    cr_expect_eq(used, 0);
    cr_expect_eq(httpParserFeed(parser, "ab", 2, &used, &body),
                 HTTP_PARSE_BODY);
    cr_expect_eq(body.len, 2);
    cr_expect_eq(httpParserFeed(parser, NULL, 0, &used, &body),
                 HTTP_PARSE_DONE);
    cr_expect_eq(httpParserFeed(parser, "x", 1, &used, &body), HTTP_PARSE_DONE);
    cr_expect_eq(used, 0);
}

Test(httpParse, empty_lines_before_a_request_are_few)
{
    cr_expect_eq(parse("\r\n\r\n" GET "\r\n").event, HTTP_PARSE_DONE);
    httpParserNext(parser);
    cr_expect_eq(parse("\n" GET "\r\n").error, ERR(BARE_LF));
    httpParserNext(parser);
    cr_expect_eq(parse("\r" GET "\r\n").error, ERR(BARE_CR));
    httpParserNext(parser);
    cr_expect_eq(parse("\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n").error,
                 ERR(MALFORMED));
}

Test(httpParse, is_idle_until_an_octet_of_a_request_came)
{
    cr_expect(httpParserIsIdle(parser));
    parse("\r\n");
    cr_expect(httpParserIsIdle(parser));
    parse("\r");
    cr_expect_not(httpParserIsIdle(parser));
    parse("\nG");
    cr_expect_not(httpParserIsIdle(parser));
    httpParserNext(parser);
    cr_expect(httpParserIsIdle(parser));
}

typedef struct KeepAliveCase {
    const char *head;
    bool keepAlive;
} KeepAliveCase;

Test(httpParse, keep_alive_follows_version_and_connection)
{
    static const KeepAliveCase rows[] = {
        {GET "\r\n", true},
        {GET "Connection: close\r\n\r\n", false},
        {GET "Connection: x, CLOSE\r\n\r\n", false},
        {GET "Connection: keep-alive\r\nConnection: close\r\n\r\n", false},
        {GET "Proxy-Connection: close\r\n\r\n", false},
        {GET "Connection: \"close\"\r\n\r\n", true},
        {"GET / HTTP/1.0\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true},
        {"GET / HTTP/1.0\r\nProxy-Connection: keep-alive\r\n\r\n", true},
        {"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        cr_assert_eq(parse(rows[i].head).event, HTTP_PARSE_DONE, "row %zu", i);
        cr_expect_eq(httpParserRequest(parser)->keepAlive, rows[i].keepAlive,
                     "row %zu", i);
        httpParserNext(parser);
    }
}

Test(httpParse, expect_is_for_http_1_1)
{
    parse(POST "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\n");
    cr_expect(httpParserRequest(parser)->expectContinue);
    httpParserNext(parser);
    parse("POST / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n");
    cr_expect_not(httpParserRequest(parser)->expectContinue);
}

static void
appendFill(Buf *text, char fill, size_t len)
{
    char *room = bufReserve(text, len);

    cr_assert_not_null(room);
    memset(room, fill, len);
    bufCommit(text, len);
}

/* A request with so many octets of target, or of one field, or fields. */
static Result
parseLarge(size_t targetLen, size_t valueLen, size_t fields, size_t piece)
{
    Buf text;

    bufInit(&text, 1 << 20);
    bufPrintf(&text, "GET /");
    appendFill(&text, 'a', targetLen - 1);
    bufPrintf(&text, " HTTP/1.1\r\nHost: h\r\n");
    for (size_t i = 0; i < fields; i++)
        bufPrintf(&text, "A: b\r\n");
    if (valueLen) {
        bufPrintf(&text, "B: ");
        appendFill(&text, 'c', valueLen);
        bufPrintf(&text, "\r\n");
    }
    bufPrintf(&text, "\r\n");
    Result result = parseInPieces(bufData(&text), bufLen(&text), piece);
    bufFini(&text);
    httpParserNext(parser);
    return result;
}

Test(httpParse, request_lines_are_bounded)
{
    size_t longest = 8192 - strlen("GET  HTTP/1.1");
    size_t pieces[] = {1, 100, 4096, 1 << 20};

    for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
        cr_expect_eq(parseLarge(longest, 0, 0, pieces[i]).error, ERR(NONE));
        Result result = parseLarge(longest + 1, 0, 0, pieces[i]);
        cr_expect_eq(result.error, ERR(TARGET_TOO_LONG));
        cr_expect_eq(httpParseErrorStatus(result.error), 414);
        result = parseLarge(200000, 0, 0, pieces[i]);
        cr_expect_eq(result.error, ERR(TARGET_TOO_LONG));
    }
}

Test(httpParse, heads_are_bounded)
{
    size_t around = strlen("GET / HTTP/1.1\r\nHost: h\r\nB: \r\n\r\n");
    size_t longest = 65536 - around;
    size_t pieces[] = {97, 4096, 1 << 20};

    for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
        cr_expect_eq(parseLarge(1, longest, 0, pieces[i]).error, ERR(NONE));
        Result result = parseLarge(1, longest + 1, 0, pieces[i]);
        cr_expect_eq(result.error, ERR(HEAD_TOO_LARGE), "got %s",
                     httpParseErrorReason(result.error));
        cr_expect_eq(httpParseErrorStatus(result.error), 431);
        result = parseLarge(1, 300000, 0, pieces[i]);
        cr_expect_eq(result.error, ERR(HEAD_TOO_LARGE));
    }
}

Test(httpParse, the_number_of_fields_is_bounded)
{
    cr_expect_eq(parseLarge(1, 0, 127, 1 << 20).error, ERR(NONE));
    Result result = parseLarge(1, 0, 128, 1 << 20);
    cr_expect_eq(result.error, ERR(TOO_MANY_FIELDS));
    cr_expect_eq(httpParseErrorStatus(result.error), 431);
    cr_expect_eq(parseLarge(1, 0, 5000, 100).error, ERR(TOO_MANY_FIELDS));
}

Test(httpParse, a_failed_parser_stays_failed_until_next)
{
    size_t used = 9;
    HttpSlice body;

    cr_assert_eq(parse("BAD\r\n\r\n").event, HTTP_PARSE_ERROR);
    cr_expect_eq(httpParserFeed(parser, "GET", 3, &used, &body),
                 HTTP_PARSE_ERROR);
    cr_expect_eq(used, 0);
    httpParserNext(parser);
    cr_expect_eq(httpParserError(parser), ERR(NONE));
    cr_expect_eq(parse(GET "\r\n").event, HTTP_PARSE_DONE);
}

Test(httpParse, every_error_has_a_status_and_a_reason)
{
    for (int error = 1; error < HTTP_PARSE_ERROR_COUNT; error++) {
        int status = httpParseErrorStatus((HttpParseError)error);
        cr_expect(status == 400 || status == 414 || status == 431 ||
                  status == 501 || status == 505);
        cr_expect_gt(strlen(httpParseErrorReason((HttpParseError)error)), 4);
    }
}
