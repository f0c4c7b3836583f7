/* test_resolve.c: name lookups on threads. */
#include "resolve.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>

#include "comm.h"
#include "support.h"

#define PATIENCE_MS 30000
#define MANY 40

static size_t answers, addresses;
static bool isDone;
static size_t expected = 1;

static void
onAnswer(const struct sockaddr_storage *addrs, size_t count, void *data)
{
    (void)data;
    for (size_t i = 0; i < count; i++)
        cr_assert(addrs[i].ss_family == AF_INET ||
                  addrs[i].ss_family == AF_INET6);
    addresses += count;
    isDone = ++answers == expected;
}

TestSuite(resolve, .init = supportCommInit, .fini = supportCommFini,
          .timeout = 60);

Test(resolve, name_that_is_known)
{
    cr_assert_not_null(resolveStart("localhost", onAnswer, NULL));
    cr_assert_eq(answers, 0);
    cr_assert(supportRunUntil(&isDone, PATIENCE_MS));
    cr_assert_geq(addresses, 1);
}

Test(resolve, name_that_is_not)
{
    resolveStart("nowhere.invalid", onAnswer, NULL);
    cr_assert(supportRunUntil(&isDone, PATIENCE_MS));
    cr_assert_eq(addresses, 0);
}

static char nameFound[256];

static void
onName(const char *name, void *data)
{
    (void)data;
    snprintf(nameFound, sizeof(nameFound), "%s", name != NULL ? name : "-");
    isDone = true;
}

Test(resolve, names_of_addresses)
{
    struct sockaddr_in addr = {.sin_family = AF_INET};

    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    resolveNameStart((const struct sockaddr *)&addr, onName, NULL);
    cr_assert(supportRunUntil(&isDone, PATIENCE_MS));
    cr_assert_str_eq(nameFound, "localhost");
    isDone = false;
    addr.sin_addr.s_addr = htonl(0xf0000001); /* of no use to anybody */
    resolveNameStart((const struct sockaddr *)&addr, onName, NULL);
    cr_assert(supportRunUntil(&isDone, PATIENCE_MS));
    cr_assert_str_eq(nameFound, "-");
}

Test(resolve, many_wait_for_their_turn)
{
    expected = MANY;
    for (int i = 0; i < MANY; i++)
        resolveStart("127.0.0.1", onAnswer, NULL);
    cr_assert(supportRunUntil(&isDone, PATIENCE_MS));
    cr_assert_eq(addresses, MANY);
}

Test(resolve, cancelled_ones_are_not_answered)
{
    Resolve *resolves[MANY];

    expected = MANY / 2;
    for (int i = 0; i < MANY; i++)
        resolves[i] = resolveStart("127.0.0.1", onAnswer, NULL);
    for (int i = 0; i < MANY; i += 2) {
        resolveCancel(&resolves[i]);
        cr_assert_null(resolves[i]);
        resolveCancel(&resolves[i]);
    }
    cr_assert(supportRunUntil(&isDone, PATIENCE_MS));
    supportRunLoop(50);
    cr_assert_eq(answers, MANY / 2);
}

Test(resolve, ends_while_lookups_are_running)
{
    for (int i = 0; i < MANY; i++)
        resolveStart("127.0.0.1", onAnswer, NULL);
    resolveFini();
    supportRunLoop(100); /* the threads end without the loop's help */
}
