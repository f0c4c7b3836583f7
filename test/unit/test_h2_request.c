/* test_h2_request.c: heads of HTTP/2 as HTTP/1.1 writes them. */
#include "h2_priv.h"

#include <criterion/criterion.h>
#include <string.h>

static H2Request request;
static Buf out;

static void
setUp(void)
{
    h2RequestInit(&request);
    bufInit(&out, 4 * H2_FIELDS_MAX);
}

static void
tearDown(void)
{
    h2RequestFini(&request);
    bufFini(&out);
}

TestSuite(h2Request, .init = setUp, .fini = tearDown, .timeout = 20);

static void
add(const char *name, const char *value)
{
    h2RequestAdd(&request, httpSliceText(name), httpSliceText(value));
}

static void
addPseudo(const char *method, const char *authority, const char *path)
{
    add(":method", method);
    if (path) {
        add(":scheme", "https");
        add(":path", path);
    }
    if (authority)
        add(":authority", authority);
}

static int
format(bool isOriginForm, bool hasBody)
{
    int status = h2RequestFormat(&request, isOriginForm, hasBody, &out);

    bufAppend(&out, "", 1);
    return status;
}

static void
check(bool isOriginForm, bool hasBody, const char *wanted)
{
    cr_assert_eq(format(isOriginForm, hasBody), 0);
    cr_assert_str_eq(bufData(&out), wanted);
}

Test(h2Request, a_web_server_gets_a_path)
{
    addPseudo("GET", "a.test:8443", "/x?y");
    add("accept", "*/*");
    check(true, false,
          "GET /x?y HTTP/1.1\r\naccept: */*\r\nHost: a.test:8443\r\n"
          "Connection: close\r\n\r\n");
}

Test(h2Request, a_proxy_gets_a_url)
{
    addPseudo("GET", "a.test", "/x?y");
    check(false, false,
          "GET https://a.test/x?y HTTP/1.1\r\nHost: a.test\r\n"
          "Connection: close\r\n\r\n");
}

Test(h2Request, options_of_a_server)
{
    addPseudo("OPTIONS", "a.test", "*");
    check(false, false,
          "OPTIONS https://a.test HTTP/1.1\r\nHost: a.test\r\n"
          "Connection: close\r\n\r\n");
}

Test(h2Request, a_tunnel_has_an_authority_only)
{
    addPseudo("CONNECT", "a.test:443", NULL);
    check(true, true,
          "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n"
          "Connection: close\r\n\r\n");
}

Test(h2Request, a_body_without_length_comes_in_chunks)
{
    addPseudo("POST", "a.test", "/");
    cr_assert(h2RequestIsChunked(&request, true));
    check(true, true,
          "POST / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n"
          "Transfer-Encoding: chunked\r\n\r\n");
}

Test(h2Request, a_body_with_length_keeps_it)
{
    addPseudo("POST", "a.test", "/");
    add("content-length", "5");
    cr_assert_not(h2RequestIsChunked(&request, true));
    check(true, true,
          "POST / HTTP/1.1\r\ncontent-length: 5\r\nHost: a.test\r\n"
          "Connection: close\r\n\r\n");
}

Test(h2Request, cookies_become_one_field)
{
    addPseudo("GET", "a.test", "/");
    add("cookie", "a=1");
    add("cookie", "b=2");
    check(true, false,
          "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n"
          "Cookie: a=1; b=2\r\n\r\n");
}

Test(h2Request, trailers_are_asked_for)
{
    addPseudo("GET", "a.test", "/");
    add("te", "trailers");
    check(true, false,
          "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close, TE\r\n"
          "TE: trailers\r\n\r\n");
}

Test(h2Request, fields_of_a_connection_do_not_pass)
{
    addPseudo("GET", "a.test", "/");
    add("connection", "x");
    add("transfer-encoding", "chunked");
    add("upgrade", "h2c");
    add("proxy-authorization", "Basic eDp5");
    check(true, false,
          "GET / HTTP/1.1\r\nproxy-authorization: Basic eDp5\r\n"
          "Host: a.test\r\nConnection: close\r\n\r\n");
}

Test(h2Request, host_stands_for_a_missing_authority)
{
    addPseudo("GET", NULL, "/");
    add("host", "a.test");
    check(true, false,
          "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
}

typedef struct BadHead {
    const char *fields[10]; /* names and values in turn */
} BadHead;

Test(h2Request, what_one_could_smuggle_by_is_refused)
{
    static const BadHead heads[] = {
        {{":method", "GET", ":scheme", "https", ":path", "/"}},
        {{":method", "GET", ":authority", "a", ":path", "/"}},
        {{":method", "GET", ":scheme", "https", ":authority", "a"}},
        {{":scheme", "https", ":authority", "a", ":path", "/"}},
        {{":method", "GE T", ":scheme", "https", ":authority", "a", ":path",
          "/"}},
        {{":method", "GET", ":scheme", "https", ":authority", "a", ":path",
          "/ HTTP/1.1"}},
        {{":method", "GET", ":scheme", "https", ":authority", "a", ":path",
          "/\r\nX: y"}},
        {{":method", "GET", ":scheme", "https", ":authority", "a", ":path",
          "x"}},
        {{":method", "GET", ":scheme", "https", ":authority", "a b", ":path",
          "/"}},
        {{":method", "GET", ":scheme", "https", ":authority", "a", ":path",
          "/", "host", "b"}},
        {{":method", "GET", ":scheme", "https", ":authority", "a", ":path",
          "/", "x", "y\r\nz: 1"}},
        {{":method", "GET", ":scheme", "https", ":authority", "a", ":path",
          "/", "x y", "z"}},
        {{":method", "GET", ":scheme", "https", ":authority", "a", ":path",
          "/", "cookie", "a\nb"}},
        {{":method", "GET", ":scheme", "https", ":authority", "a", ":path",
          "/", ":path", "/other"}},
        {{":method", "GET", ":scheme", "https", ":authority", "a", ":path",
          "/", ":other", "x"}},
        {{":method", "CONNECT", ":authority", "a:1", ":path", "/", ":scheme",
          "https"}},
    };

    for (size_t n = 0; n < sizeof(heads) / sizeof(*heads); n++) {
        for (size_t i = 0; i < 10 && heads[n].fields[i]; i += 2)
            add(heads[n].fields[i], heads[n].fields[i + 1]);
        cr_assert_eq(h2RequestFormat(&request, true, false, &out), 400,
                     "head %zu", n);
        tearDown();
        setUp();
    }
}

Test(h2Request, too_much_is_431)
{
    static char big[H2_FIELDS_MAX];

    memset(big, 'x', sizeof(big) - 1);
    addPseudo("GET", "a.test", "/");
    add("x", big);
    add("y", big);
    cr_assert_eq(format(true, false), 431);
}
