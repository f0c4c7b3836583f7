/* test_error_page.c: whole responses, and values that are no markup. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error_page.h"
#include "support.h"

TestSuite(error_page, .init = supportInit, .fini = supportFini, .timeout = 20);

static char *
pageOf(const ErrorPageInfo *info)
{
    Buf out;
    char *text;

    bufInit(&out, 16 * 1024);
    cr_assert_eq(errorPageFormat(&out, info), 0);
    text = strndup(bufData(&out), bufLen(&out));
    bufFini(&out);
    return text;
}

static void
expectText(const char *text, const char *part)
{
    cr_expect(strstr(text, part), "no %s in %s", part, text);
}

Test(error_page, a_page_is_a_whole_response)
{
    ErrorPageInfo info = {.id = ERR_CONNECT_FAIL,
                          .errnum = ECONNREFUSED,
                          .url = "http://example.com/",
                          .detail = "Tried 2 addresses.",
                          .hostname = "proxy.example",
                          .wallUs = INT64_C(784111777000000),
                          .keepAlive = true};
    char *text = pageOf(&info);
    char *body = strstr(text, "\r\n\r\n");
    char length[64];

    cr_assert(body);
    body += 4;
    snprintf(length, sizeof(length), "\r\nContent-Length: %zu\r\n",
             strlen(body));
    cr_expect_eq(strncmp(text, "HTTP/1.1 503 Service Unavailable\r\n", 34), 0);
    expectText(text, "\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
    expectText(text, length);
    expectText(text, "\r\nContent-Type: text/html; charset=utf-8\r\n");
    expectText(text, "\r\nX-Squire-Error: ERR_CONNECT_FAIL 111\r\n");
    expectText(text, "\r\nConnection: keep-alive\r\n");
    expectText(text, "\r\nCache-Control: no-store\r\n");
    expectText(body, "http://example.com/");
    expectText(body, "Connection refused");
    expectText(body, "Tried 2 addresses.");
    expectText(body, "proxy.example");
    free(text);
}

Test(error_page, values_are_escaped)
{
    ErrorPageInfo info = {.id = ERR_INVALID_URL,
                          .url = "http://x/<script>alert('1')&\"\r\n\xe9",
                          .detail = "<b>"};
    char *text = pageOf(&info);
    char *body = strstr(text, "\r\n\r\n");

    expectText(body, "http://x/&lt;script&gt;alert(&#39;1&#39;)&amp;&quot;???");
    expectText(body, "<p>&lt;b&gt;</p>");
    cr_expect_not(strstr(text, "<script>"));
    free(text);
}

Test(error_page, long_values_are_cut_and_room_always_suffices)
{
    char url[70000];
    ErrorPageInfo info = {
        .id = ERR_URI_TOO_LONG, .url = url, .detail = url, .hostname = url};

    memset(url, '"', sizeof(url) - 1);
    url[sizeof(url) - 1] = '\0';
    char *text = pageOf(&info);
    expectText(text, "&quot;...");
    expectText(text, "</html>\n");
    free(text);
}

Test(error_page, a_head_has_the_length_of_the_page_and_no_body)
{
    ErrorPageInfo info = {.id = ERR_ACCESS_DENIED};
    char *whole = pageOf(&info), *head;

    info.headOnly = true;
    head = pageOf(&info);
    cr_expect_eq(strncmp(whole, head, strlen(head)), 0);
    cr_expect_str_eq(head + strlen(head) - 4, "\r\n\r\n");
    cr_expect_gt(strlen(whole), strlen(head));
    expectText(head, "\r\nConnection: close\r\n");
    free(whole);
    free(head);
}

Test(error_page, every_page_has_a_name_and_a_reason)
{
    for (int i = 0; i < ERROR_PAGE_COUNT; i++) {
        ErrorPageInfo info = {.id = (ErrorPageId)i};
        char *text = pageOf(&info);
        char line[64];

        cr_expect_eq(strncmp(errorPageName(info.id), "ERR_", 4), 0);
        snprintf(line, sizeof(line), "HTTP/1.1 %d ", errorPageStatus(info.id));
        cr_expect_eq(strncmp(text, line, strlen(line)), 0, "%.40s", text);
        cr_expect_neq(strncmp(text + 13, "Unknown\r\n", 9), 0,
                      "status %d has no reason", errorPageStatus(info.id));
        free(text);
    }
}

Test(error_page, a_status_may_differ_from_the_table)
{
    ErrorPageInfo info = {.id = ERR_ACCESS_DENIED, .status = 404};
    char *text = pageOf(&info);

    cr_expect_eq(strncmp(text, "HTTP/1.1 404 Not Found\r\n", 24), 0);
    free(text);
}

Test(error_page, without_room_nothing_is_added)
{
    ErrorPageInfo info = {.id = ERR_ACCESS_DENIED};
    Buf out;

    bufInit(&out, 100);
    bufAppend(&out, "x", 1);
    cr_expect_eq(errorPageFormat(&out, &info), -ENOBUFS);
    cr_expect_eq(bufLen(&out), 1);
    bufFini(&out);
}

Test(error_page, texts_of_operators_have_codes)
{
    ErrorPageInfo info = {.id = ERR_DNS_FAIL,
                          .url = "http://a.test/<x>",
                          .host = "a.test",
                          .port = 8080,
                          .errnum = ECONNREFUSED,
                          .program = "squire",
                          .text = "%U %H:%p %e %E %c %M %s %q 5%"};
    char *text = pageOf(&info);

    expectText(text, "\r\n\r\nhttp://a.test/&lt;x&gt; a.test:8080 111 "
                     "Connection refused ERR_DNS_FAIL [unknown method] squire "
                     "%q 5%");
    expectText(text, "X-Squire-Error: ERR_DNS_FAIL 111");
    free(text);
}

Test(error_page, values_in_urls_are_escaped)
{
    ErrorPageInfo info = {.id = ERR_ACCESS_DENIED, .url = "http://a/?b=c&d e"};
    Buf out;

    bufInit(&out, 1024);
    errorTemplateExpandUrl("http://x/?u=%u&k=%%", &info, &out);
    bufAppend(&out, "", 1);
    cr_expect_str_eq(bufData(&out),
                     "http://x/?u=http%3A%2F%2Fa%2F%3Fb%3Dc%26d%20e&k=%");
    bufFini(&out);
}

Test(error_page, a_text_that_grows_too_large_is_cut)
{
    ErrorPageInfo info = {.id = ERR_ACCESS_DENIED};
    char *text = malloc(ERROR_PAGE_TEXT_MAX + 1);
    char url[500];
    Buf out;

    memset(url, '<', sizeof(url));
    url[sizeof(url) - 1] = '\0';
    for (size_t i = 0; i < ERROR_PAGE_TEXT_MAX; i += 2)
        memcpy(text + i, "%U", 2);
    text[ERROR_PAGE_TEXT_MAX] = '\0';
    info.url = url;
    info.text = text;
    bufInit(&out, ERROR_PAGE_BODY_MAX + 16 * 1024);
    cr_expect_eq(errorPageFormat(&out, &info), 0);
    bufFini(&out);
    free(text);
}
