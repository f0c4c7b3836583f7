/* test_helper_ping.c: the datagrams of the pinger, octet by octet. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "helper_ping.h"

static const unsigned char ask4[] = {1, 1, 4, 0, 1, 2, 3, 4, 192, 0, 2, 7,
                                     0, 0, 0, 0, 0, 0, 0, 0, 0,   0, 0, 0};
static const unsigned char answer6[] = {
    1, 2, 6, 0, 0, 0, 0, 9, 0x20, 1, 0xd, 0xb8, 0, 0,    0,    0,
    0, 0, 0, 0, 0, 0, 0, 1, 0,    1, 0,   0,    0, 0x00, 0x01, 0x02};

static HelperPing
pingTo(const char *text)
{
    HelperPing ping = {.sequence = 0x01020304};
    struct sockaddr_in *in = (void *)&ping.addr;
    struct sockaddr_in6 *in6 = (void *)&ping.addr;

    if (inet_pton(AF_INET, text, &in->sin_addr) == 1)
        in->sin_family = AF_INET;
    else if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1)
        in6->sin6_family = AF_INET6;
    return ping;
}

Test(helperPing, has_the_form_that_is_documented)
{
    HelperPing ping = pingTo("192.0.2.7");
    unsigned char ask[HELPER_PING_ASK_SIZE];
    unsigned char answer[HELPER_PING_ANSWER_SIZE];

    cr_assert_eq(sizeof(ask4), HELPER_PING_ASK_SIZE);
    cr_assert_eq(sizeof(answer6), HELPER_PING_ANSWER_SIZE);
    cr_assert_eq(helperPingFormatAsk(&ping, ask), 0);
    cr_assert(!memcmp(ask, ask4, sizeof(ask)));
    ping = pingTo("2001:db8::1");
    ping.sequence = 9;
    ping.rttUs = 65536;
    ping.hops = 258;
    cr_assert_eq(helperPingFormatAnswer(&ping, answer), 0);
    cr_assert(!memcmp(answer, answer6, sizeof(answer)));
}

Test(helperPing, reads_what_it_writes)
{
    const struct sockaddr_in6 *in6;
    HelperPing ping;

    cr_assert_eq(helperPingParseAsk(ask4, sizeof(ask4), &ping), 0);
    cr_assert_eq(ping.sequence, 0x01020304);
    cr_assert_eq(ping.addr.ss_family, AF_INET);
    cr_assert_eq(helperPingParseAnswer(answer6, sizeof(answer6), &ping), 0);
    in6 = (const void *)&ping.addr;
    cr_assert_eq(in6->sin6_family, AF_INET6);
    cr_assert_eq(in6->sin6_addr.s6_addr[0], 0x20);
    cr_assert_eq(ping.rttUs, 65536);
    cr_assert_eq(ping.hops, 258);
}

/* Each octet of the head in turn made wrong, and every length. */
Test(helperPing, refuses_what_is_something_else)
{
    unsigned char data[64] = {0};
    HelperPing ping = {.sequence = 77};

    for (size_t i = 0; i < 3; i++) {
        memcpy(data, ask4, sizeof(ask4));
        data[i] = 5;
        cr_assert_eq(helperPingParseAsk(data, sizeof(ask4), &ping), -EPROTO);
    }
    memcpy(data, ask4, sizeof(ask4));
    for (size_t len = 0; len < sizeof(data); len++) {
        if (len != HELPER_PING_ASK_SIZE)
            cr_assert_eq(helperPingParseAsk(data, len, &ping), -EPROTO);
        cr_assert_eq(helperPingParseAnswer(data, len, &ping), -EPROTO);
    }
    cr_assert_eq(ping.sequence, 77, "written on failure");
}

Test(helperPing, knows_two_families)
{
    unsigned char ask[HELPER_PING_ASK_SIZE];
    HelperPing ping = pingTo("no address");

    cr_assert_eq(helperPingFormatAsk(&ping, ask), -EINVAL);
}
