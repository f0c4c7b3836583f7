/* test_user_addr.c: users and the addresses they came from. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "support.h"
#include "user_addr.h"

TestSuite(userAddr, .init = supportInit, .fini = supportFini, .timeout = 20);

static unsigned
note(UserAddrSet *set, const char *user, const char *text, int64_t nowMs)
{
    struct sockaddr_in addr = {.sin_family = AF_INET};
    struct sockaddr_in6 addr6 = {.sin6_family = AF_INET6};

    if (inet_pton(AF_INET, text, &addr.sin_addr) == 1)
        return userAddrNote(set, user, (struct sockaddr *)&addr, nowMs, 1000);
    cr_assert_eq(inet_pton(AF_INET6, text, &addr6.sin6_addr), 1);
    return userAddrNote(set, user, (struct sockaddr *)&addr6, nowMs, 1000);
}

Test(userAddr, addresses_have_ranks_as_they_came)
{
    UserAddrSet *set = userAddrSetCreate();

    cr_expect_eq(note(set, "a", "10.0.0.1", 0), 1);
    cr_expect_eq(note(set, "a", "10.0.0.2", 0), 2);
    cr_expect_eq(note(set, "a", "2001:db8::1", 0), 3);
    cr_expect_eq(note(set, "a", "10.0.0.1", 0), 1);
    cr_expect_eq(note(set, "a", "::ffff:10.0.0.2", 0), 2);
    cr_expect_eq(note(set, "b", "10.0.0.2", 0), 1);
    cr_expect_eq(userAddrCount(set), 2);
    userAddrSetDestroy(&set);
    userAddrSetDestroy(&set);
}

Test(userAddr, they_are_forgotten_when_not_seen_for_long)
{
    UserAddrSet *set = userAddrSetCreate();

    note(set, "a", "10.0.0.1", 0);
    note(set, "a", "10.0.0.2", 500);
    cr_expect_eq(note(set, "a", "10.0.0.2", 999), 2);
    cr_expect_eq(note(set, "a", "10.0.0.2", 1000), 1);
    cr_expect_eq(note(set, "a", "10.0.0.1", 1000), 2);
    note(set, "b", "10.0.0.9", 1500);
    cr_expect_eq(userAddrCount(set), 2);
    note(set, "c", "10.0.0.9", 2000);
    cr_expect_eq(userAddrCount(set), 2);
    note(set, "c", "10.0.0.9", 9000);
    cr_expect_eq(userAddrCount(set), 1);
    userAddrSetDestroy(&set);
}

Test(userAddr, what_is_remembered_is_bounded)
{
    UserAddrSet *set = userAddrSetCreate();
    char text[32];

    for (unsigned i = 0; i < 2 * USER_ADDR_MAX; i++) {
        unsigned wanted = i < USER_ADDR_MAX ? i + 1 : USER_ADDR_MAX + 1;
        snprintf(text, sizeof(text), "10.0.%u.%u", i >> 8, i & 255);
        cr_assert_eq(note(set, "a", text, 0), wanted);
    }
    cr_expect_eq(note(set, "a", "10.0.0.0", 0), 1);
    userAddrSetDestroy(&set);
}
