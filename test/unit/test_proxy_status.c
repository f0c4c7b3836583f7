/* test_proxy_status.c: how the proxy names itself in Cache-Status. */
#include <criterion/criterion.h>
#include <string.h>

#include "proxy_priv.h"

TestSuite(proxyStatus, .timeout = 20);

static void
expectField(const char *hostname, const char *field)
{
    char text[PROXY_STATUS_MAX];

    proxyStatusFormat(hostname, text);
    cr_expect_str_eq(text, field);
}

Test(proxyStatus, names_that_are_tokens_stand_alone)
{
    expectField("cache.example.net", "Cache-Status: cache.example.net");
    expectField("*x-1", "Cache-Status: *x-1");
}

Test(proxyStatus, other_names_are_quoted)
{
    expectField("127.0.0.1", "Cache-Status: \"127.0.0.1\"");
    expectField("a b", "Cache-Status: \"a b\"");
    expectField("a\"\\", "Cache-Status: \"a\\\"\\\\\"");
    expectField("a\r\n\x80", "Cache-Status: \"a???\"");
    expectField("", "Cache-Status: \"\"");
}

Test(proxyStatus, a_long_name_is_cut)
{
    char name[1000], text[PROXY_STATUS_MAX];

    memset(name, '"', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    proxyStatusFormat(name, text);
    cr_expect(strlen(text) < PROXY_STATUS_MAX);
    cr_expect(strlen(text) > PROXY_STATUS_MAX - 8);
    cr_expect_eq(text[strlen(text) - 1], '"');
    memset(name, 'a', sizeof(name) - 1);
    proxyStatusFormat(name, text);
    cr_expect(strlen(text) < PROXY_STATUS_MAX);
}

static void
expectReason(const ProxyReply *reply, int64_t ttl, const char *expected)
{
    ProxyTail tail = {.len = 0};

    proxyStatusPut(reply, ttl, &tail);
    cr_expect(
        httpSliceEqual(httpSlice(tail.text, tail.len), httpSliceText(expected)),
        "%.*s", (int)tail.len, tail.text);
}

Test(proxyStatus, what_was_done_9211_2)
{
    ProxyReply reply = {.status = 200, .cacheStatus = PROXY_STATUS_HIT};

    expectReason(&reply, 60, ";hit;ttl=60\r\n");
    expectReason(&reply, 0, ";hit;ttl=0\r\n");
    expectReason(&reply, -5, ";hit;ttl=-5\r\n");
    expectReason(&reply, INT64_MIN, ";hit;ttl=-9223372036854775808\r\n");
    reply.cacheStatus = PROXY_STATUS_STALE;
    expectReason(&reply, 0, ";fwd=stale\r\n");
    reply.forwardStatus = 200;
    expectReason(&reply, 0, ";fwd=stale\r\n");
    reply.isStored = true;
    expectReason(&reply, 0, ";fwd=stale;stored\r\n");
    reply.isStored = false;
    reply.forwardStatus = 304;
    expectReason(&reply, 0, ";fwd=stale;fwd-status=304\r\n");
    reply.forwardStatus = 0;
    reply.isCollapsed = true;
    expectReason(&reply, 0, ";fwd=stale;collapsed\r\n");
}

Test(proxyStatus, each_reason_ends_the_line)
{
    for (ProxyStatus i = 0; i < PROXY_STATUS_COUNT; i++) {
        ProxyReply reply = {.cacheStatus = i};
        ProxyTail tail = {.len = 0};

        proxyStatusPut(&reply, 1, &tail);
        cr_expect_eq(tail.text[0], ';');
        cr_expect_eq(memcmp(tail.text + tail.len - 2, "\r\n", 2), 0);
    }
}
