/* test_http_url.c: URLs and authorities, honest and forged. */
#include "http_url.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

TestSuite(httpUrl, .timeout = 20);

#define ERR(id) HTTP_URL_ERROR_##id

typedef struct UrlCase {
    const char *text;
    HttpUrlError error;
    const char *canonical; /* with error NONE */
} UrlCase;

static void
expectCanonical(const HttpUrl *url, const char *canonical)
{
    Buf out;

    bufInit(&out, 1 << 16);
    cr_assert_eq(httpUrlFormat(url, &out), 0);
    cr_expect(httpSliceEqual(httpSlice(bufData(&out), bufLen(&out)),
                             httpSliceText(canonical)),
              "got %.*s, not %s", (int)bufLen(&out), bufData(&out), canonical);
    bufFini(&out);
}

static const UrlCase urlCases[] = {
    {"http://h/", ERR(NONE), "http://h/"},
    {"http://h", ERR(NONE), "http://h/"},
    {"http://h?q", ERR(NONE), "http://h/?q"},
    {"HTTP://H.Test/Path", ERR(NONE), "http://h.test/Path"},
    {"http://h:80/", ERR(NONE), "http://h/"},
    {"http://h:/", ERR(NONE), "http://h/"},
    {"http://h:0080/", ERR(NONE), "http://h/"},
    {"http://h:443/", ERR(NONE), "http://h:443/"},
    {"https://h:443/", ERR(NONE), "https://h/"},
    {"https://h:65535/", ERR(NONE), "https://h:65535/"},
    {"http://h./", ERR(NONE), "http://h/"},
    {"http://a-b_c.d~e.x1/", ERR(NONE), "http://a-b_c.d~e.x1/"},
    {"http://127.0.0.1:8080/", ERR(NONE), "http://127.0.0.1:8080/"},
    {"http://1.2.3.test/", ERR(NONE), "http://1.2.3.test/"},
    {"http://0xtest/", ERR(NONE), "http://0xtest/"},
    {"http://[::1]/", ERR(NONE), "http://[::1]/"},
    {"http://[2001:DB8::1]:81/x", ERR(NONE), "http://[2001:db8::1]:81/x"},
    {"http://[::ffff:1.2.3.4]/", ERR(NONE), "http://[::ffff:1.2.3.4]/"},
    {"http://h/a%20b?x=1&y=%22z%22%7Cw", ERR(NONE),
     "http://h/a%20b?x=1&y=%22z%22%7Cw"},
    {"http://h/\"|'{}^`\\<>", ERR(NONE), "http://h/\"|'{}^`\\<>"},
    {"http://h/\xc3\xa4?\xff", ERR(NONE), "http://h/%C3%A4?%FF"},
    {"http://h/../a/./b//c", ERR(NONE), "http://h/../a/./b//c"},
    {"http://h/@:x", ERR(NONE), "http://h/@:x"},
    {"", ERR(EMPTY), NULL},
    {"/", ERR(SCHEME), NULL},
    {"h", ERR(SCHEME), NULL},
    {"http:", ERR(SCHEME), NULL},
    {"http:/h/", ERR(SCHEME), NULL},
    {"htt://h/", ERR(SCHEME), NULL},
    {"httpx://h/", ERR(SCHEME), NULL},
    {"ftp://h/", ERR(SCHEME), NULL},
    {"file:///etc/passwd", ERR(SCHEME), NULL},
    {" http://h/", ERR(SCHEME), NULL},
    {"0", ERR(SCHEME), NULL},
    {"http://", ERR(HOST), NULL},
    {"http:///x", ERR(HOST), NULL},
    {"http://?x", ERR(HOST), NULL},
    {"http://:80/", ERR(HOST), NULL},
    {"http://./", ERR(HOST), NULL},
    {"http://h../", ERR(HOST), NULL},
    {"http://.h/", ERR(HOST), NULL},
    {"http://a..b/", ERR(HOST), NULL},
    {"http://a b/", ERR(HOST), NULL},
    {"http://a%2eb/", ERR(HOST), NULL},
    {"http://a\\b/", ERR(HOST), NULL},
    {"http://h\\@evil/", ERR(USERINFO), NULL},
    {"http://h#@evil/", ERR(USERINFO), NULL},
    {"http://h#x", ERR(HOST), NULL},
    {"http://a,b/", ERR(HOST), NULL},
    {"http://a\xc3\xa4/", ERR(HOST), NULL},
    {"http://a\r\nb/", ERR(HOST), NULL},
    {"http://[::1/", ERR(HOST), NULL},
    {"http://::1/", ERR(HOST), NULL},
    {"http://[::1]x/", ERR(HOST), NULL},
    {"http://[::1%25eth0]/", ERR(HOST), NULL},
    {"http://[v1.x]/", ERR(HOST), NULL},
    {"http://[127.0.0.1]/", ERR(HOST), NULL},
    {"http://[]/", ERR(HOST), NULL},
    {"http://127.1/", ERR(HOST), NULL},
    {"http://2130706433/", ERR(HOST), NULL},
    {"http://0x7f000001/", ERR(HOST), NULL},
    {"http://0X7F.1/", ERR(HOST), NULL},
    {"http://a.0x7f/", ERR(HOST), NULL},
    {"http://0177.0.0.1/", ERR(HOST), NULL},
    {"http://1.2.3.4.5/", ERR(HOST), NULL},
    {"http://256.1.1.1/", ERR(HOST), NULL},
    {"http://h:0/", ERR(PORT), NULL},
    {"http://h:65536/", ERR(PORT), NULL},
    {"http://h:000080/", ERR(PORT), NULL},
    {"http://h:+80/", ERR(PORT), NULL},
    {"http://h:8a/", ERR(PORT), NULL},
    {"http://h:80:80/", ERR(PORT), NULL},
    {"http://[::1]:x/", ERR(PORT), NULL},
    {"http://u@h/", ERR(USERINFO), NULL},
    {"http://u:p@h/", ERR(USERINFO), NULL},
    {"http://@h/", ERR(USERINFO), NULL},
    {"http://h/a b", ERR(OCTET), NULL},
    {"http://h/a\tb", ERR(OCTET), NULL},
    {"http://h/a\r\nX: y", ERR(OCTET), NULL},
    {"http://h/\x7f", ERR(OCTET), NULL},
    {"http://h/a#b", ERR(FRAGMENT), NULL},
    {"http://h/#", ERR(FRAGMENT), NULL},
};

Test(httpUrl, is_split_and_made_canonical_or_refused)
{
    for (size_t i = 0; i < sizeof(urlCases) / sizeof(*urlCases); i++) {
        HttpUrl url;
        HttpUrlError error =
            httpUrlParse(httpSliceText(urlCases[i].text), &url);
        cr_expect_eq(error, urlCases[i].error, "%s: %s", urlCases[i].text,
                     httpUrlErrorReason(error));
        if (!error && !urlCases[i].error)
            expectCanonical(&url, urlCases[i].canonical);
    }
}

/* What a C string would hide, found by the fuzz target. */
Test(httpUrl, nul_ends_nothing)
{
    static const char *const urls[] = {"http://[::1|x]/", "http://1.2.3.4|x/",
                                       "http://h|x/", "http://h/|x",
                                       "http://h:8|0/"};

    for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
        char text[32];
        HttpUrl url;
        size_t len = strlen(urls[i]);
        memcpy(text, urls[i], len);
        *(char *)memchr(text, '|', len) = '\0';
        cr_expect_neq(httpUrlParse(httpSlice(text, len), &url), ERR(NONE), "%s",
                      urls[i]);
    }
}

Test(httpUrl, canonical_form_is_a_fixed_point)
{
    for (size_t i = 0; i < sizeof(urlCases) / sizeof(*urlCases); i++) {
        HttpUrl url;
        if (urlCases[i].error)
            continue;
        cr_assert_eq(httpUrlParse(httpSliceText(urlCases[i].canonical), &url),
                     ERR(NONE));
        expectCanonical(&url, urlCases[i].canonical);
    }
}

static const UrlCase authorityCases[] = {
    {"h:443", ERR(NONE), "h:443"},
    {"H.Test:1", ERR(NONE), "h.test:1"},
    {"[::1]:443", ERR(NONE), "[::1]:443"},
    {"127.0.0.1:80", ERR(NONE), "127.0.0.1:80"},
    {"", ERR(EMPTY), NULL},
    {"h", ERR(PORT), NULL},
    {"h:", ERR(PORT), NULL},
    {"[::1]", ERR(PORT), NULL},
    {":443", ERR(HOST), NULL},
    {"h:443/x", ERR(PORT), NULL},
    {"h/x:443", ERR(HOST), NULL},
    {"u@h:443", ERR(USERINFO), NULL},
    {"http://h:443", ERR(PORT), NULL},
};

Test(httpUrl, authorities_of_connect_need_a_port)
{
    for (size_t i = 0; i < sizeof(authorityCases) / sizeof(*authorityCases);
         i++) {
        HttpUrl url;
        HttpUrlError error = httpUrlParseAuthority(
            httpSliceText(authorityCases[i].text), 0, &url);
        cr_expect_eq(error, authorityCases[i].error, "%s",
                     authorityCases[i].text);
        if (!error && !authorityCases[i].error)
            expectCanonical(&url, authorityCases[i].canonical);
    }
}

Test(httpUrl, the_result_is_untouched_on_failure)
{
    HttpUrl url = {.port = 7};

    cr_expect_neq(httpUrlParse(httpSliceText("http://h:x/"), &url), ERR(NONE));
    cr_expect_neq(httpUrlParseAuthority(httpSliceText("a b"), 80, &url),
                  ERR(NONE));
    cr_expect_eq(url.port, 7);
}

Test(httpUrl, parts_are_told)
{
    HttpUrl url;

    cr_assert_eq(httpUrlParse(httpSliceText("https://[::1]:8443/x?y"), &url),
                 ERR(NONE));
    cr_expect_eq(url.scheme, HTTP_SCHEME_HTTPS);
    cr_expect(url.hostIsIpv6);
    cr_expect_not(url.hostIsIpv4);
    cr_expect(httpSliceIs(url.host, "::1"));
    cr_expect_eq(url.port, 8443);
    cr_expect(httpSliceIs(url.path, "/x?y"));
    cr_assert_eq(httpUrlParse(httpSliceText("http://1.2.3.4"), &url),
                 ERR(NONE));
    cr_expect(url.hostIsIpv4);
    cr_expect_eq(url.path.len, 0);
}

Test(httpUrl, lengths_are_bounded)
{
    static char text[HTTP_URL_MAX + 2];
    HttpUrl url;

    memset(text, 'a', sizeof(text));
    memcpy(text, "http://h/", 9);
    cr_expect_eq(httpUrlParse(httpSlice(text, HTTP_URL_MAX), &url), ERR(NONE));
    cr_expect_eq(httpUrlParse(httpSlice(text, HTTP_URL_MAX + 1), &url),
                 ERR(TOO_LONG));
    text[8] = 'a';
    cr_expect_eq(httpUrlParse(httpSlice(text, 7 + 64), &url), ERR(HOST));
    cr_expect_eq(httpUrlParse(httpSlice(text, 7 + 63), &url), ERR(NONE));
    for (size_t i = 10; i < 400; i += 10)
        text[i] = '.';
    cr_expect_eq(httpUrlParse(httpSlice(text, 7 + 255), &url), ERR(NONE));
    cr_expect_eq(httpUrlParse(httpSlice(text, 7 + 256), &url), ERR(HOST));
}

Test(httpUrl, format_says_when_it_does_not_fit)
{
    HttpUrl url;
    Buf out;

    bufInit(&out, 16);
    cr_assert_eq(httpUrlParse(httpSliceText("http://host.test/x"), &url),
                 ERR(NONE));
    cr_expect_eq(httpUrlFormat(&url, &out), -ENOBUFS);
    cr_expect_eq(httpUrlFormatHost(&url, &out), -ENOBUFS);
    cr_expect_eq(bufLen(&out), 0);
    bufFini(&out);
}

/* canonical NULL: must fail with this error. */
static void
expectUrlOf(HttpTargetForm form, const char *target, const char *host,
            HttpUrlError expected, const char *canonical)
{
    HttpRequest request;
    HttpUrl url;

    httpRequestInit(&request, 1000);
    request.form = form;
    request.target = httpSliceText(target);
    if (host)
        httpHeaderAddId(&request.headers, HTTP_HEADER_HOST,
                        httpSliceText(host));
    HttpUrlError error = httpUrlOfRequest(&request, HTTP_SCHEME_HTTP, &url);
    cr_expect_eq(error, expected, "%s", target);
    if (!error && canonical)
        expectCanonical(&url, canonical);
    httpRequestFini(&request);
}

Test(httpUrl, of_a_request_comes_from_target_and_host)
{
    expectUrlOf(HTTP_TARGET_ABSOLUTE, "http://a/x", "b", ERR(NONE),
                "http://a/x");
    expectUrlOf(HTTP_TARGET_ORIGIN, "/x?y", "B:81", ERR(NONE),
                "http://b:81/x?y");
    expectUrlOf(HTTP_TARGET_ORIGIN, "//evil/x", "b", ERR(NONE),
                "http://b//evil/x");
    expectUrlOf(HTTP_TARGET_AUTHORITY, "a:443", "b", ERR(NONE), "a:443");
    expectUrlOf(HTTP_TARGET_ASTERISK, "*", "b", ERR(NONE), "http://b/");
    expectUrlOf(HTTP_TARGET_ORIGIN, "/x", NULL, ERR(FORM), NULL);
    expectUrlOf(HTTP_TARGET_ORIGIN, "/x", "a b", ERR(HOST), NULL);
    expectUrlOf(HTTP_TARGET_ABSOLUTE, "ftp://a/x", "a", ERR(SCHEME), NULL);
    expectUrlOf(HTTP_TARGET_ORIGIN, "/x y", "a", ERR(OCTET), NULL);
}

Test(httpUrl, host_alone_is_what_the_host_field_needs)
{
    HttpUrl url;
    Buf out;

    bufInit(&out, 1000);
    httpUrlParse(httpSliceText("http://A.test:80/x"), &url);
    cr_assert_eq(httpUrlFormatHost(&url, &out), 0);
    bufAppend(&out, " ", 1);
    httpUrlParse(httpSliceText("https://[::A]:80/x"), &url);
    cr_assert_eq(httpUrlFormatHost(&url, &out), 0);
    cr_expect(httpSliceEqual(httpSlice(bufData(&out), bufLen(&out)),
                             httpSliceText("a.test [::a]:80")));
    bufFini(&out);
    cr_expect_eq(httpSchemePort(HTTP_SCHEME_HTTPS), 443);
    cr_expect_str_eq(httpSchemeText(HTTP_SCHEME_HTTP), "http");
}

Test(httpUrl, references_3986_5_2)
{
    static const struct {
        const char *reference;
        const char *url; /* NULL: refused */
    } rows[] = {
        /* RFC 3986 5.4.1 and 5.4.2 */
        {"g", "http://a/b/c/g"},
        {"./g", "http://a/b/c/g"},
        {"g/", "http://a/b/c/g/"},
        {"/g", "http://a/g"},
        {"//g", "http://g/"},
        {"?y", "http://a/b/c/d;p?y"},
        {"g?y", "http://a/b/c/g?y"},
        {"#s", "http://a/b/c/d;p?q"},
        {"g#s", "http://a/b/c/g"},
        {"g?y#s", "http://a/b/c/g?y"},
        {";x", "http://a/b/c/;x"},
        {"g;x?y#s", "http://a/b/c/g;x?y"},
        {"", "http://a/b/c/d;p?q"},
        {".", "http://a/b/c/"},
        {"./", "http://a/b/c/"},
        {"..", "http://a/b/"},
        {"../", "http://a/b/"},
        {"../g", "http://a/b/g"},
        {"../..", "http://a/"},
        {"../../", "http://a/"},
        {"../../g", "http://a/g"},
        {"../../../g", "http://a/g"},
        {"../../../../g", "http://a/g"},
        {"/./g", "http://a/g"},
        {"/../g", "http://a/g"},
        {"g.", "http://a/b/c/g."},
        {"..g", "http://a/b/c/..g"},
        {"./../g", "http://a/b/g"},
        {"g/./h", "http://a/b/c/g/h"},
        {"g/../h", "http://a/b/c/h"},
        {"g;x=1/../y", "http://a/b/c/y"},
        {"g?y/./x", "http://a/b/c/g?y/./x"},
        /* others */
        {" /g ", "http://a/g"},
        {"HTTP://A:80/x/../y?z", "http://a/y?z"},
        {"https://a/g", "https://a/g"},
        {"http://h", "http://h/"},
        {"http://h?q", "http://h/?q"},
        {"//h:81/x/..", "http://h:81/"},
        {"/a//b/..", "http://a/a//"},
        {"g:h", NULL},
        {"http:g", NULL},
        {"mailto:x@y", NULL},
        {"http://u@h/", NULL},
        {"//", NULL},
        {"a b", NULL},
        {"./g:h", "http://a/b/c/g:h"},
        {"/\xe9", "http://a/%E9"},
    };
    HttpUrl base;

    cr_assert_eq(httpUrlParse(httpSliceText("http://a/b/c/d;p?q"), &base), 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        Buf out;
        bufInit(&out, 1 << 16);
        int rc = httpUrlResolve(&base, httpSliceText(rows[i].reference), &out);
        cr_expect_eq(rc, rows[i].url ? 0 : -EINVAL, "%s: %d", rows[i].reference,
                     rc);
        if (rows[i].url)
            cr_expect(httpSliceEqual(httpSlice(bufData(&out), bufLen(&out)),
                                     httpSliceText(rows[i].url)),
                      "%s: %.*s", rows[i].reference, (int)bufLen(&out),
                      bufData(&out));
        bufFini(&out);
    }
    cr_assert_eq(httpUrlParse(httpSliceText("http://a"), &base), 0);
    Buf out;
    bufInit(&out, 1 << 16);
    cr_expect_eq(httpUrlResolve(&base, httpSliceText("g"), &out), 0);
    cr_expect(httpSliceEqual(httpSlice(bufData(&out), bufLen(&out)),
                             httpSliceText("http://a/g")));
    bufFini(&out);
}
