/* test_auth_nonce.c: nonces that are good, too old, replayed, forged. */
#include "auth_nonce.h"

#include <criterion/criterion.h>
#include <string.h>

#define DAY INT64_C(86400000)

static AuthNonceTable *table;
static AuthNonceRules rules;
static char nonce[AUTH_NONCE_SIZE];

static void
setUp(void)
{
    table = authNonceTableCreate(100);
    rules = (AuthNonceRules){.maxMs = 1800000,
                             .garbageMs = 300000,
                             .countMax = 50,
                             .isCounted = true};
    authNonceIssue(table, DAY, nonce);
}

static void
tearDown(void)
{
    authNonceTableDestroy(&table);
    cr_expect_null(table);
    authNonceTableDestroy(&table);
}

TestSuite(authNonce, .timeout = 20, .init = setUp, .fini = tearDown);

static AuthNonceState
use(uint32_t count)
{
    return authNonceUse(table, &rules, nonce, count, DAY + 1);
}

Test(authNonce, needs_no_memory_until_it_is_used)
{
    char other[AUTH_NONCE_SIZE];

    for (int i = 0; i < 1000; i++)
        authNonceIssue(table, DAY, other);
    cr_expect_str_neq(nonce, other);
    cr_expect_eq(authNonceTableCount(table), 0);
    cr_expect_eq(use(1), AUTH_NONCE_GOOD);
    cr_expect_eq(authNonceTableCount(table), 1);
}

Test(authNonce, ends_with_its_time)
{
    cr_expect_eq(authNonceUse(table, &rules, nonce, 1, DAY + 1800000),
                 AUTH_NONCE_GOOD);
    cr_expect_eq(authNonceUse(table, &rules, nonce, 2, DAY + 1800001),
                 AUTH_NONCE_STALE);
}

Test(authNonce, is_forgotten_after_its_time)
{
    char other[AUTH_NONCE_SIZE];

    use(1);
    authNonceIssue(table, DAY + 1800000, other);
    authNonceUse(table, &rules, other, 1, DAY + 1800002);
    cr_expect_eq(authNonceTableCount(table), 1);
}

Test(authNonce, takes_each_count_once)
{
    cr_expect_eq(use(1), AUTH_NONCE_GOOD);
    cr_expect_eq(use(1), AUTH_NONCE_REPLAYED);
    cr_expect_eq(use(5), AUTH_NONCE_GOOD);
    cr_expect_eq(use(3), AUTH_NONCE_GOOD);
    cr_expect_eq(use(3), AUTH_NONCE_REPLAYED);
    cr_expect_eq(use(5), AUTH_NONCE_REPLAYED);
    cr_expect_eq(use(69), AUTH_NONCE_GOOD);
    cr_expect_eq(use(6), AUTH_NONCE_GOOD);
    cr_expect_eq(use(5), AUTH_NONCE_REPLAYED);
    cr_expect_eq(use(4), AUTH_NONCE_REPLAYED);
    cr_expect_eq(use(200), AUTH_NONCE_GOOD);
    cr_expect_eq(use(69), AUTH_NONCE_REPLAYED);
    cr_expect_eq(use(199), AUTH_NONCE_GOOD);
    cr_expect_eq(use(UINT32_MAX), AUTH_NONCE_GOOD);
    cr_expect_eq(use(UINT32_MAX), AUTH_NONCE_REPLAYED);
}

Test(authNonce, counts_one_by_one_when_strict)
{
    rules.isStrict = true;
    cr_expect_eq(use(2), AUTH_NONCE_REPLAYED);
    cr_expect_eq(use(1), AUTH_NONCE_GOOD);
    cr_expect_eq(use(3), AUTH_NONCE_REPLAYED);
    cr_expect_eq(use(2), AUTH_NONCE_GOOD);
    cr_expect_eq(use(2), AUTH_NONCE_REPLAYED);
}

Test(authNonce, does_not_count_when_told_so)
{
    rules.isCounted = false;
    cr_expect_eq(use(7), AUTH_NONCE_GOOD);
    cr_expect_eq(use(7), AUTH_NONCE_GOOD);
    cr_expect_eq(use(0), AUTH_NONCE_GOOD);
}

Test(authNonce, without_qop_is_good_once)
{
    cr_expect_eq(use(0), AUTH_NONCE_GOOD);
    cr_expect_eq(use(0), AUTH_NONCE_REPLAYED);
}

Test(authNonce, says_when_it_is_used_up)
{
    rules.countMax = 2;
    cr_expect_eq(use(1), AUTH_NONCE_GOOD);
    cr_expect_eq(use(2), AUTH_NONCE_LAST);
    cr_expect_eq(use(3), AUTH_NONCE_STALE);
}

Test(authNonce, is_of_this_table_only)
{
    static const char *const others[] = {"", "x",
                                         "dcd98b7102dd2f0e8b11d0f600bfb0c093"};
    char copy[AUTH_NONCE_SIZE];

    for (size_t i = 0; i < 3; i++)
        cr_expect_eq(authNonceUse(table, &rules, others[i], 1, DAY),
                     AUTH_NONCE_FOREIGN);
    for (size_t i = 0; i < AUTH_NONCE_SIZE - 1; i++) {
        memcpy(copy, nonce, sizeof(copy));
        copy[i] = copy[i] == '0' ? '1' : '0';
        cr_expect_eq(authNonceUse(table, &rules, copy, 1, DAY),
                     AUTH_NONCE_FOREIGN, "octet %zu", i);
    }
    authNonceTableDestroy(&table);
    table = authNonceTableCreate(100);
    cr_expect_eq(use(1), AUTH_NONCE_FOREIGN);
}

Test(authNonce, is_never_good_again_when_the_table_was_full)
{
    char other[AUTH_NONCE_SIZE];

    use(1);
    for (int i = 0; i < 100; i++) {
        authNonceIssue(table, DAY + 1 + i, other);
        cr_expect_eq(authNonceUse(table, &rules, other, 1, DAY + 200),
                     AUTH_NONCE_GOOD);
    }
    cr_expect_eq(authNonceTableCount(table), 100);
    cr_expect_eq(use(1), AUTH_NONCE_STALE);
    cr_expect_eq(use(2), AUTH_NONCE_STALE);
}

Test(authNonce, has_names_for_its_states)
{
    cr_expect_str_eq(authNonceStateName(AUTH_NONCE_GOOD), "good");
    cr_expect_str_eq(authNonceStateName(AUTH_NONCE_STATE_COUNT), "unknown");
}
