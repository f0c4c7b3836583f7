/* test_h2_reply.c: answers of the server, in pieces of any size. */
#include "h2_priv.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static H2Reply reply;
static char said[1024]; /* one letter an event, and the body */

static void
start(const char *method)
{
    H2Request request;

    h2RequestInit(&request);
    h2RequestAdd(&request, httpSliceText(":method"), httpSliceText(method));
    h2ReplyInit(&reply, &request);
    h2RequestFini(&request);
    said[0] = '\0';
}

static void
tearDown(void)
{
    h2ReplyFini(&reply);
}

TestSuite(h2Reply, .fini = tearDown, .timeout = 20);

static void
note(H2ReplyEvent event, HttpSlice body)
{
    static const char letters[] = "-IHBDE";
    size_t len = strlen(said);

    if (event == H2_REPLY_BODY)
        snprintf(said + len, sizeof(said) - len, "%.*s", HTTP_SLICE_ARG(body));
    else if (event != H2_REPLY_MORE)
        snprintf(said + len, sizeof(said) - len, "[%c%d]", letters[event],
                 reply.response.status);
}

/* Give it octets as one who reads `step` more at a time. */
static void
feed(const char *text, size_t step)
{
    size_t len = strlen(text), have = 0, at = 0, used;
    H2ReplyEvent event;

    do {
        have = have + step < len ? have + step : len;
        do {
            HttpSlice body = {0};
            event = h2ReplyFeed(&reply, text + at, have - at, &used, &body);
            note(event, body);
            at += used;
        } while (event != H2_REPLY_MORE && event != H2_REPLY_DONE &&
                 event != H2_REPLY_ERROR);
    } while (have < len && event == H2_REPLY_MORE);
}

static void
check(const char *method, const char *text, const char *wanted)
{
    for (size_t step = 1; step <= strlen(text); step++) {
        start(method);
        feed(text, step);
        cr_assert_str_eq(said, wanted, "in steps of %zu: %s", step, said);
        tearDown();
    }
    start(method);
}

Test(h2Reply, a_body_of_known_length)
{
    check("GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
          "[H200]hello[D200]");
    check("GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
          "[H200][D200]");
}

Test(h2Reply, chunks)
{
    check("GET",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
          "5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n",
          "[H200]hello![D200]");
}

Test(h2Reply, a_trailer_is_kept)
{
    start("GET");
    feed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
         "1\r\nx\r\n0\r\nX-Sum: 12\r\nX-More: y\r\n\r\n",
         7);
    cr_assert_str_eq(said, "[H200]x[D200]");
    cr_assert_eq(reply.trailer.status, 200);
    HttpSlice sum = httpHeaderGetName(&reply.trailer.headers,
                                      httpSliceText("X-Sum"));
    cr_assert(httpSliceEqual(sum, httpSliceText("12")));
}

Test(h2Reply, no_body_where_none_can_be)
{
    check("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
          "[H200][D200]");
    check("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
          "[H304][D304]");
    check("GET", "HTTP/1.1 204 No Content\r\n\r\n", "[H204][D204]");
}

Test(h2Reply, interim_heads_come_first)
{
    check("GET",
          "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
          "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
          "[I103][H200]x[D200]");
}

Test(h2Reply, a_tunnel_ends_with_its_octets)
{
    check("CONNECT", "HTTP/1.1 200 OK\r\n\r\nany octets", "[H200]any octets");
    start("CONNECT");
    cr_assert_not(h2ReplyEnd(&reply));
    feed("HTTP/1.1 200 OK\r\n\r\nx", 3);
    cr_assert(h2ReplyEnd(&reply));
}

Test(h2Reply, a_refused_tunnel_is_an_answer_like_others)
{
    check("CONNECT", "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno",
          "[H403]no[D403]");
}

Test(h2Reply, one_that_is_cut_off_is_not_complete)
{
    start("GET");
    feed("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", 4);
    cr_assert_not(h2ReplyEnd(&reply));
    tearDown();
    start("GET");
    feed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello", 4);
    cr_assert_not(h2ReplyEnd(&reply));
}

Test(h2Reply, fields_of_the_connection_are_taken_off)
{
    start("GET");
    feed("HTTP/1.1 200 OK\r\nConnection: close\r\nKeep-Alive: x\r\n"
         "Content-Length: 0\r\nProxy-Authenticate: Basic\r\n\r\n",
         100);
    cr_assert_not(httpHeaderHas(&reply.response.headers,
                                HTTP_HEADER_CONNECTION));
    cr_assert_not(httpHeaderHas(&reply.response.headers,
                                HTTP_HEADER_KEEP_ALIVE));
    cr_assert(httpHeaderHas(&reply.response.headers,
                            HTTP_HEADER_PROXY_AUTHENTICATE));
}

Test(h2Reply, what_is_no_answer_is_an_error)
{
    check("GET", "nonsense\r\n\r\n", "[E0]");
    check("GET",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
          "[H200][E200]");
}
