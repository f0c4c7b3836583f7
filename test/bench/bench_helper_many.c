/*
 * bench_helper_many.c: a thousand helpers: what listing, probing and
 * replacing them costs the loop.
 *
 *     bench_helper_many [HELPERS]
 *     bench_helper_many echo       the helper program itself
 *
 * A stall is the longest work between two sleeps of the loop. Starting a
 * process blocks until its exec, which a busy machine makes long: compare
 * with the stall while they start.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "check.h"
#include "comm.h"
#include "debug.h"
#include "helper.h"
#include "xalloc.h"

#define MANY 1000
#define LISTING_MS 1500
#define EVERY_MS 20

static char self[4096];
static unsigned many = MANY;
static HelperPool *pool;
static HelperConfig config;
static HelperProcessStats *rows;

static int
serveEcho(void)
{
    char line[256];

    while (fgets(line, sizeof(line), stdin)) {
        fputs("OK\n", stdout);
        fflush(stdout);
    }
    return 0;
}

static void
print(const char *figure, const char *unit, double value, double target)
{
    printf("{\"figure\": \"%s, %u helpers\", \"unit\": \"%s\", "
           "\"value\": %.3f, \"target\": %g, \"sense\": \"max\"}\n",
           figure, many, unit, value, target);
    fflush(stdout);
}

typedef bool IsDone(void);

static IsDone *isDone;

static void
onLook(void *data)
{
    if (isDone())
        commLoopStop();
    else
        (void)commTimerAdd(1, onLook, data);
}

/* Run the loop until done; the longest turn in milliseconds. */
static double
runUntil(IsDone *done)
{
    CommStats stats;

    isDone = done;
    commStatsGet(&stats, true);
    (void)commTimerAdd(1, onLook, NULL);
    CHECK(commLoopRun() == 0);
    commStatsGet(&stats, false);
    return (double)stats.maxTurnUs / 1000;
}

static HelperPoolStats
getStats(void)
{
    HelperPoolStats stats;

    helperPoolStats(pool, &stats);
    return stats;
}

static bool
areStarted(void)
{
    return getStats().idle >= many;
}

static bool
areReplaced(void)
{
    return getStats().gone[HELPER_GONE_RECONFIGURED] >= many;
}

static int64_t listedUs, endUs;
static double worstCallUs;

/* Somebody who shows all rows, again and again. */
static bool
isListed(void)
{
    int64_t nowUs = commClockUs();

    if (nowUs - listedUs >= EVERY_MS * 1000) {
        CHECK(helperPoolProcesses(pool, rows, many) >= many);
        listedUs = nowUs;
        double us = (double)(commClockUs() - nowUs);
        worstCallUs = us > worstCallUs ? us : worstCallUs;
    }
    return nowUs > endUs;
}

static bool
areKnown(void)
{
    size_t count = helperPoolProcesses(pool, rows, many), known = 0;

    for (size_t i = 0; i < count && i < many; i++)
        known += rows[i].rssKb > 0;
    return known == many;
}

static void
measureListing(void)
{
    int64_t fromUs = commClockUs();
    double stall = runUntil(areKnown);

    print("until all memory figures are known", "ms",
          (double)(commClockUs() - fromUs) / 1000, 1000);
    print("longest stall meanwhile", "ms", stall, 5);
    endUs = commClockUs() + LISTING_MS * 1000;
    stall = runUntil(isListed);
    print("longest call of helperPoolProcesses", "us", worstCallUs, 5000);
    print("longest stall while rows are listed", "ms", stall, 5);
}

static void
measureLife(void)
{
    print("longest stall while they start", "ms", runUntil(areStarted), 5);
    measureListing();
    config.probe = "probe";
    config.probeMs = 1000;
    CHECK(helperPoolReconfigure(pool, &config) == 0);
    endUs = commClockUs() + LISTING_MS * 1000;
    print("longest stall while idle ones are probed and listed", "ms",
          runUntil(isListed), 5);
    config.attr.cwd = "/";
    CHECK(helperPoolReconfigure(pool, &config) == 0);
    print("longest stall while all are replaced", "ms", runUntil(areReplaced),
          5);
    CHECK(getStats().restarts == 0);
}

static void
raiseLimit(void)
{
    struct rlimit limit;

    CHECK(!getrlimit(RLIMIT_NOFILE, &limit));
    limit.rlim_cur = limit.rlim_max;
    CHECK(!setrlimit(RLIMIT_NOFILE, &limit));
}

int
main(int argc, char **argv)
{
    const char *const command[] = {self, "echo", NULL};

    if (argc == 2 && !strcmp(argv[1], "echo"))
        return serveEcho();
    CHECK(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
    if (argc == 2)
        many = (unsigned)strtoul(argv[1], NULL, 10);
    raiseLimit();
    CHECK(commInit() == 0);
    debugOptions("ALL,0");
    helperConfigInit(&config);
    config.name = "bench";
    config.argv = command;
    config.max = config.startup = many;
    rows = xcalloc(many, sizeof(*rows));
    pool = helperPoolCreate(&config);
    CHECK(pool);
    measureLife();
    helperPoolDestroy(&pool);
    free(rows);
    commFini();
    return 0;
}
