/* test_helper_chaos.c: random requests to helpers that do all kinds of wrong:
 * whatever happens, each request is answered exactly once, or cancelled. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pool.h"
#include "support.h"

#define STEPS 250
#define SEEDS 24
#define TAGS (STEPS * 4)

typedef enum Fate { NEVER, PENDING, ANSWERED, CANCELLED, FATE_COUNT } Fate;

static const char *const manners[] = {
    "",
    "crash-after=3",
    "kill-after=2",
    "one-shot",
    "two-for-one",
    "bh-once",
    "slow=1",
    "silent-first",
    "half-line",
    "nul",
    "control",
    "bytes",
    "abort-after=5 noise=3",
};

static Fate fates[TAGS];
static HelperRequest *requests[TAGS];
static int tagCount, pending;

static void act(void);

static void
onAnswer(const HelperReply *reply, void *data)
{
    int tag = (int)(intptr_t)data;

    cr_assert_not_null(reply->text);
    cr_assert_not_null(reply->message);
    cr_assert_eq(fates[tag], PENDING, "request %d had fate %d", tag,
                 fates[tag]);
    fates[tag] = ANSWERED;
    pending--;
    if (pool && rand() % 4 == 0)
        act();
}

static void
submitRandom(void)
{
    static char line[9000];
    size_t len = rand() % 10 ? (size_t)rand() % 100 : (size_t)rand() % 8000;
    int tag = tagCount;

    if (tag >= TAGS)
        return;
    if (poolConfig.collapse || poolConfig.cacheMax > 0)
        len = (size_t)rand() % 3; /* the same lines again and again */
    memset(line, 'a' + (len < 3 ? 0 : tag % 26), len);
    if (helperSubmitLen(pool, line, len, onAnswer, (void *)(intptr_t)tag,
                        &requests[tag]) < 0)
        return;
    fates[tag] = PENDING;
    tagCount++;
    pending++;
}

static void
cancelRandom(void)
{
    if (tagCount == 0)
        return;
    int tag = rand() % tagCount;

    if (fates[tag] != PENDING)
        return;
    helperCancel(requests[tag]);
    fates[tag] = CANCELLED;
    pending--;
}

static void
act(void)
{
    if (rand() % 5 == 0)
        cancelRandom();
    else
        submitRandom();
}

static void
createRandom(unsigned seed)
{
    const int types[] = {IPC_UNIX_STREAM, IPC_TCP_SOCKET, IPC_FIFO};
    const unsigned concurrencies[] = {0, 1, 7, 100};
    char args[100];

    srand(seed);
    poolConfig.concurrency = concurrencies[rand() % 4];
    poolConfig.max = 1 + (unsigned)rand() % 5;
    poolConfig.startup = (unsigned)rand() % 3;
    poolConfig.ipcType = types[rand() % 3];
    poolConfig.queueMax = rand() % 3 ? 1000 : 5;
    poolConfig.timeoutMs = rand() % 4 ? 150 : 0;
    poolConfig.graceMs = 30;
    poolConfig.restartMinMs = 2;
    poolConfig.restartMaxMs = 30;
    if (poolConfig.timeoutMs == 0)
        poolConfig.attempts = 2;
    poolConfig.collapse = rand() % 2;
    poolConfig.cacheMax = rand() % 2 ? (unsigned)rand() % 3 : 0;
    poolConfig.ttlMs = 1 + (unsigned)rand() % 20;
    poolConfig.gracePct = rand() % 2 ? 50 : 0;
    poolConfig.fail = (HelperFail)(rand() % HELPER_FAIL_COUNT);
    snprintf(args, sizeof(args), "%s%s", poolConfig.concurrency ? "ids " : "",
             manners[seed % (sizeof(manners) / sizeof(*manners))]);
    poolCreate(args);
}

/* What the pool counts is what the callers have seen. */
static void
expectSums(void)
{
    HelperPoolStats stats = poolStats();
    uint64_t seen[FATE_COUNT] = {0};
    uint64_t told = stats.failedOpen;

    for (int i = 0; i < tagCount; i++)
        seen[fates[i]]++;
    for (int i = 0; i < HELPER_RESULT_COUNT; i++)
        told += stats.byResult[i];
    cr_assert_eq(stats.requests, (uint64_t)tagCount);
    cr_assert_eq(told, seen[ANSWERED]);
    cr_assert_eq(stats.cancelled, seen[CANCELLED]);
}

ParameterizedTestParameters(helperChaos, each_request_has_one_end)
{
    static unsigned seeds[SEEDS];

    for (unsigned i = 0; i < SEEDS; i++)
        seeds[i] = i;
    return cr_make_param_array(unsigned, seeds, SEEDS);
}

ParameterizedTest(unsigned *seed, helperChaos, each_request_has_one_end,
                  .init = poolInit, .fini = poolFini, .timeout = 120)
{
    createRandom(*seed);
    for (int i = 0; i < STEPS; i++) {
        for (int n = rand() % 4; n > 0; n--)
            act();
        if (rand() % 3 == 0)
            (void)supportRunLoop(rand() % 3);
    }
    expectSums();
    if (*seed % 3)
        helperPoolStop(pool, *seed % 3 == 1 ? 0 : 400);
    if (*seed % 3)
        cr_assert(poolRunUntilStopped());
    helperPoolDestroy(&pool);
    cr_assert_eq(pending, 0);
    for (int i = 0; i < tagCount; i++)
        cr_assert(fates[i] == ANSWERED || fates[i] == CANCELLED);
}
