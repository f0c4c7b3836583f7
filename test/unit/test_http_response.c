/* test_http_response.c: heads of responses as origins send them. */
#include "http_parse.h"

#include <criterion/criterion.h>
#include <string.h>

static HttpResponse response;

static void
setUp(void)
{
    httpResponseInit(&response, HTTP_HEADER_TEXT_MAX);
}

static void
tearDown(void)
{
    httpResponseFini(&response);
}

TestSuite(httpResponse, .init = setUp, .fini = tearDown, .timeout = 20);

static void
expectHead(const char *head)
{
    Buf out;

    bufInit(&out, 1 << 16);
    cr_assert_eq(httpResponseFormatHead(&response, &out), 0);
    cr_expect(httpSliceEqual(httpSlice(bufData(&out), bufLen(&out)),
                             httpSliceText(head)),
              "got: %.*s", (int)bufLen(&out), bufData(&out));
    bufFini(&out);
}

typedef struct ResponseCase {
    int status;
    const char *lines;
    HttpParseError error;
    HttpFraming framing;
    uint64_t length;
} ResponseCase;

#define ERR(id) HTTP_PARSE_ERROR_##id

static const ResponseCase cases[] = {
    {200, "", ERR(NONE), HTTP_FRAMING_CLOSE, 0},
    {200, "A: b\r\n", ERR(NONE), HTTP_FRAMING_CLOSE, 0},
    {200, "A: b\nC : d\n", ERR(NONE), HTTP_FRAMING_CLOSE, 0},
    {200, "A:b", ERR(NONE), HTTP_FRAMING_CLOSE, 0},
    {200, "Content-Length: 5\r\n", ERR(NONE), HTTP_FRAMING_LENGTH, 5},
    {200, "Content-Length: 5, 5\r\n", ERR(NONE), HTTP_FRAMING_LENGTH, 5},
    {200, "Content-Length: 5\r\nContent-Length: 5\r\n", ERR(NONE),
     HTTP_FRAMING_LENGTH, 5},
    {200, "Content-Length: 5\r\nContent-Length: 6\r\n", ERR(LENGTH_DUPLICATE),
     HTTP_FRAMING_NONE, 0},
    {200, "Content-Length: -5\r\n", ERR(LENGTH_INVALID), HTTP_FRAMING_NONE, 0},
    {200, "Content-Length:\r\n", ERR(LENGTH_INVALID), HTTP_FRAMING_NONE, 0},
    {200, "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", ERR(NONE),
     HTTP_FRAMING_CHUNKED, 0},
    {200, "Transfer-Encoding: CHUNKED\r\n", ERR(NONE), HTTP_FRAMING_CHUNKED, 0},
    {200, "Transfer-Encoding: gzip, chunked\r\n", ERR(CODING_UNKNOWN),
     HTTP_FRAMING_NONE, 0},
    {200, "Transfer-Encoding: gzip\r\n", ERR(CODING_UNKNOWN), HTTP_FRAMING_NONE,
     0},
    {200, "Transfer-Encoding:\r\n", ERR(CODING_UNKNOWN), HTTP_FRAMING_NONE, 0},
    {200, "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
     ERR(CODING_UNKNOWN), HTTP_FRAMING_NONE, 0},
    {204, "Content-Length: x\r\n", ERR(NONE), HTTP_FRAMING_NONE, 0},
    {304, "Content-Length: 5\r\n", ERR(NONE), HTTP_FRAMING_NONE, 0},
    {200, "no colon\r\n", ERR(MALFORMED), HTTP_FRAMING_NONE, 0},
    {200, "A: b\r\n\r\nC: d\r\n", ERR(MALFORMED), HTTP_FRAMING_NONE, 0},
    {200, ": b\r\n", ERR(FIELD_NAME), HTTP_FRAMING_NONE, 0},
    {200, "A b: c\r\n", ERR(FIELD_NAME), HTTP_FRAMING_NONE, 0},
    {200, "A: b\r\n c\r\n", ERR(FOLDED), HTTP_FRAMING_NONE, 0},
    {200, "A: b\rX: y\r\n", ERR(BARE_CR), HTTP_FRAMING_NONE, 0},
    {200, "A: \x01\r\n", ERR(CONTROL), HTTP_FRAMING_NONE, 0},
};

Test(httpResponse, heads_are_understood_or_refused)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const ResponseCase *row = &cases[i];
        HttpParseError error = httpResponseParse(&response, row->status,
                                                 httpSliceText(row->lines));
        cr_expect_eq(error, row->error, "row %zu: %s", i, row->lines);
        cr_expect_eq(response.framing, row->framing, "row %zu", i);
        cr_expect_eq(response.length, row->length, "row %zu", i);
        cr_expect_eq(response.status, error ? 0 : row->status, "row %zu", i);
    }
}

Test(httpResponse, blanks_before_a_colon_and_equal_lengths_are_mended)
{
    httpResponseParse(&response, 404,
                      httpSliceText("A : b \r\nContent-Length: 5, 5\r\n"
                                    "Content-Length: 5\r\nB:\r\n"));
    expectHead("HTTP/1.1 404 Not Found\r\nA: b\r\nContent-Length: 5\r\n"
               "B: \r\n");
}

Test(httpResponse, transfer_encoding_drives_content_length_out)
{
    httpResponseParse(
        &response, 200,
        httpSliceText("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"));
    expectHead("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n");
}

Test(httpResponse, what_has_no_body_speaks_of_none)
{
    HttpSlice lines = httpSliceText(
        "Content-Length: 5\r\nA: b\r\nTransfer-Encoding: chunked\r\n");

    httpResponseParse(&response, 204, lines);
    expectHead("HTTP/1.1 204 No Content\r\nA: b\r\n");
    httpResponseParse(&response, 103, lines);
    expectHead("HTTP/1.1 103 Early Hints\r\nA: b\r\n");
    httpResponseParse(&response, 304, httpSliceText("Content-Length: 5\r\n"));
    expectHead("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n");
}

Test(httpResponse, nul_is_refused)
{
    cr_expect_eq(httpResponseParse(&response, 200, httpSlice("A: \0\r\n", 6)),
                 ERR(CONTROL));
}

Test(httpResponse, size_and_number_of_fields_are_bounded)
{
    static char lines[70000];

    memset(lines, 'a', sizeof(lines));
    memcpy(lines, "A: ", 3);
    cr_expect_eq(
        httpResponseParse(&response, 200, httpSlice(lines, sizeof(lines))),
        ERR(HEAD_TOO_LARGE));
    for (size_t i = 0; i + 5 <= 5000; i += 5)
        memcpy(lines + i, "A: b\n", 5);
    cr_expect_eq(httpResponseParse(&response, 200, httpSlice(lines, 5000)),
                 ERR(TOO_MANY_FIELDS));
    cr_expect_eq(httpResponseParse(&response, 200, httpSlice(lines, 1000)),
                 ERR(NONE));
}
