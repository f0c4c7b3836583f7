/* test_rtt_table.c: distances: smoothed, bounded, growing old. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "rtt_table.h"
#include "support.h"

TestSuite(rttTable, .init = supportInit, .fini = supportFini, .timeout = 30);

static struct sockaddr_storage
addrOf(const char *text, unsigned port)
{
    struct sockaddr_storage addr = {0};
    struct sockaddr_in *in = (void *)&addr;
    struct sockaddr_in6 *in6 = (void *)&addr;

    if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
        in->sin_family = AF_INET;
        in->sin_port = htons((uint16_t)port);
    } else {
        cr_assert_eq(inet_pton(AF_INET6, text, &in6->sin6_addr), 1);
        in6->sin6_family = AF_INET6;
    }
    return addr;
}

static bool
ask(RttTable *table, const char *text, int64_t nowUs)
{
    struct sockaddr_storage addr = addrOf(text, 80);

    return rttTableAsk(table, (struct sockaddr *)&addr, nowUs);
}

static void
answer(RttTable *table, const char *text, uint64_t rttUs, int64_t nowUs)
{
    RttRow row = {.addr = addrOf(text, 0), .rttUs = rttUs, .hops = 3};

    rttTableAnswer(table, &row, nowUs);
}

static uint64_t
get(RttTable *table, const char *text, int64_t nowUs)
{
    struct sockaddr_storage addr = addrOf(text, 443);

    return rttTableGet(table, (struct sockaddr *)&addr, nowUs);
}

Test(rttTable, asks_once_in_a_while)
{
    RttTable *table = rttTableCreate(10);
    struct sockaddr_storage local = {.ss_family = AF_UNIX};

    cr_assert(ask(table, "192.0.2.1", 5));
    cr_assert_not(ask(table, "192.0.2.1", 6));
    cr_assert_not(ask(table, "192.0.2.1", 4 + RTT_ASK_US));
    cr_assert(ask(table, "192.0.2.1", 5 + RTT_ASK_US));
    cr_assert(ask(table, "2001:db8::1", 5));
    cr_assert_not(rttTableAsk(table, (struct sockaddr *)&local, 5));
    cr_assert_eq(rttTableCount(table), 2);
    rttTableDestroy(&table);
    rttTableDestroy(&table);
}

Test(rttTable, smooths_and_does_not_mind_ports)
{
    RttTable *table = rttTableCreate(10);

    answer(table, "192.0.2.1", 800, 1);
    cr_assert_eq(get(table, "192.0.2.1", 1), 0, "nobody asked");
    ask(table, "192.0.2.1", 1);
    cr_assert_eq(get(table, "192.0.2.1", 1), 0);
    answer(table, "192.0.2.1", 800, 2);
    cr_assert_eq(get(table, "192.0.2.1", 2), 800);
    answer(table, "192.0.2.1", 1600, 3);
    cr_assert_eq(get(table, "192.0.2.1", 3), 900);
    answer(table, "192.0.2.1", 0, 3);
    cr_assert_gt(get(table, "192.0.2.1", 3), 0);
    rttTableDestroy(&table);
}

/* By age, and when questions are not answered any more. */
Test(rttTable, forgets_what_is_not_true_any_more)
{
    RttTable *table = rttTableCreate(10);
    int64_t nowUs = 0;

    ask(table, "192.0.2.1", 0);
    answer(table, "192.0.2.1", 800, 0);
    cr_assert_eq(get(table, "192.0.2.1", RTT_VALID_US - 1), 800);
    cr_assert_eq(get(table, "192.0.2.1", RTT_VALID_US), 0);
    answer(table, "192.0.2.1", 100, RTT_VALID_US);
    cr_assert_eq(get(table, "192.0.2.1", RTT_VALID_US), 100, "smoothed");
    ask(table, "192.0.2.2", 0);
    answer(table, "192.0.2.2", 800, 0);
    for (int i = 0; i < RTT_SILENT_MAX; i++)
        cr_assert(ask(table, "192.0.2.2", nowUs += RTT_ASK_US));
    cr_assert_eq(get(table, "192.0.2.2", nowUs), 800);
    cr_assert(ask(table, "192.0.2.2", nowUs += RTT_ASK_US));
    cr_assert_eq(get(table, "192.0.2.2", nowUs), 0);
    rttTableDestroy(&table);
}

Test(rttTable, is_bounded_and_keeps_what_is_used)
{
    RttTable *table = rttTableCreate(3);
    char text[32];

    ask(table, "192.0.2.1", 1);
    answer(table, "192.0.2.1", 500, 1);
    for (int i = 2; i < 200; i++) {
        snprintf(text, sizeof(text), "192.0.2.%d", i);
        cr_assert(ask(table, text, i));
        cr_assert_eq(get(table, "192.0.2.1", i), 500);
        cr_assert_leq(rttTableCount(table), 3);
    }
    cr_assert(ask(table, "192.0.2.2", 200), "is long gone");
    answer(table, "192.0.2.9", 1, 200);
    cr_assert_eq(get(table, "192.0.2.9", 200), 0);
    rttTableDestroy(&table);
}

/* The nearest first; equal and unknown ones as they were. */
Test(rttTable, sorts_addresses)
{
    static const char *const before[] = {
        "192.0.2.1", "192.0.2.2", "2001:db8::3", "192.0.2.4", "192.0.2.5"};
    static const int after[] = {2, 3, 1, 0, 4};
    RttTable *table = rttTableCreate(10);
    struct sockaddr_storage addrs[5], expected[5];

    for (size_t i = 0; i < 5; i++) {
        ask(table, before[i], 1);
        addrs[i] = addrOf(before[i], 80);
    }
    cr_assert_eq(rttTableSort(table, addrs, 5, 2), 0);
    answer(table, "192.0.2.2", 900, 2);
    answer(table, "2001:db8::3", 100, 2);
    answer(table, "192.0.2.4", 100, 2);
    cr_assert_eq(rttTableSort(table, addrs, 5, 2), 3);
    for (size_t i = 0; i < 5; i++) {
        expected[i] = addrOf(before[after[i]], 80);
        cr_assert(!memcmp(&addrs[i], &expected[i], sizeof(addrs[i])), "%zu", i);
    }
    rttTableDestroy(&table);
}

static void
takeRow(const RttRow *row, void *data)
{
    RttRow *rows = data;

    rows[rows[0].hops ? 1 : 0] = *row;
}

Test(rttTable, tells_its_rows)
{
    RttTable *table = rttTableCreate(10);
    RttRow rows[2] = {{.hops = 0}};

    ask(table, "192.0.2.1", 1);
    ask(table, "192.0.2.2", 1);
    answer(table, "192.0.2.2", 700, 10);
    rttTableForEach(table, 15, takeRow, rows);
    cr_assert_eq(rows[0].rttUs, 700);
    cr_assert_eq(rows[0].samples, 1);
    cr_assert_eq(rows[0].hops, 3);
    cr_assert_eq(rows[0].ageUs, 5);
    cr_assert_eq(rows[1].rttUs, 0);
    cr_assert_eq(rows[1].ageUs, -1);
    rttTableDestroy(&table);
}
