/*
 * bench_helper_cache.c: what kept answers cost: CPU of a lookup, and memory
 * beside line and answer.
 *
 *     bench_helper_cache           all figures
 *     bench_helper_cache echo      the helper program itself
 *
 * The pool is a real one with its default trace ring; the answers come from a
 * process. Each figure of time is the median of several rounds.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "check.h"
#include "comm.h"
#include "debug.h"
#include "helper.h"

#define ANSWERS 100000u
#define WARM 1000u /* lines that are asked again and again */
#define INFLIGHT 500u
#define ROUNDS 7
#define LOOKUPS 500000u
#define LINE_MAX 128
#define ANSWER "OK user=\"alice\" tag=red"

static char self[4096];
static char (*lines)[LINE_MAX];
static HelperPool *pool;
static unsigned asked, answered;

/* The helper: `ID line` is answered `ID OK ...`, all of a read together. */
static int
serveEcho(void)
{
    static char in[65536], out[65536];
    size_t held = 0;
    ssize_t n;

    while ((n = read(0, in + held, sizeof(in) - held)) > 0) {
        char *line = in, *end = in + held + n, *lf;
        size_t used = 0;
        while ((lf = memchr(line, '\n', (size_t)(end - line)))) {
            *lf = '\0';
            used += (size_t)snprintf(out + used, sizeof(out) - used,
                                     "%.*s " ANSWER "\n",
                                     (int)strcspn(line, " "), line);
            line = lf + 1;
        }
        held = (size_t)(end - line);
        memmove(in, line, held);
        if (write(1, out, used) != (ssize_t)used)
            return 1;
    }
    return 0;
}

static void
makeLines(void)
{
    lines = calloc(ANSWERS, sizeof(*lines));
    CHECK(lines);
    for (unsigned i = 0; i < ANSWERS; i++)
        (void)snprintf(lines[i], LINE_MAX,
                       "10.0.%u.%u http://www.example.com/path/%u/page.html "
                       "GET acl%%20data",
                       i >> 8 & 255, i & 255, i);
}

static void onReply(const HelperReply *reply, void *data);

static void
askNext(void)
{
    if (asked < ANSWERS)
        CHECK(!helperSubmit(pool, lines[asked++], onReply, NULL));
}

static void
onReply(const HelperReply *reply, void *data)
{
    (void)data;
    CHECK(reply->result == HELPER_OK);
    if (++answered == ANSWERS)
        commLoopStop();
    askNext();
}

static void
fill(void)
{
    for (unsigned i = 0; i < INFLIGHT; i++)
        askNext();
    CHECK(commLoopRun() == 0);
}

static void
printFigure(const char *figure, const char *unit, double value, double target)
{
    printf("{\"figure\": \"%s\", \"unit\": \"%s\", \"value\": %.4f, "
           "\"target\": %g, \"sense\": \"max\"}\n",
           figure, unit, value, target);
    fflush(stdout);
}

/* Microseconds of CPU for one lookup among the first count lines. */
static double
measureLookups(unsigned count)
{
    double us[ROUNDS];
    HelperReply reply;

    for (int round = 0; round < ROUNDS; round++) {
        unsigned at = 0;
        double cpu = benchCpuUs();
        for (unsigned i = 0; i < LOOKUPS; i++) {
            at = (at + 7919) % count;
            const char *line = lines[at];
            CHECK(helperLookup(pool, line, strlen(line), &reply));
        }
        us[round] = (benchCpuUs() - cpu) / LOOKUPS;
    }
    return benchMedian(us, ROUNDS);
}

/* In a turn of the loop, as real users are: the time is known there. */
static void
onMeasure(void *data)
{
    (void)data;
    printFigure("CPU of a warm lookup, 1,000 lines", "us", measureLookups(WARM),
                1);
    printFigure("CPU of a warm lookup, 100,000 lines", "us",
                measureLookups(ANSWERS), 1);
    commLoopStop();
}

static void
createPool(void)
{
    const char *const argv[] = {self, "echo", NULL};
    HelperConfig config;

    helperConfigInit(&config);
    config.name = "bench";
    config.argv = argv;
    config.max = 1;
    config.concurrency = INFLIGHT;
    config.timeoutMs = 0;
    config.cacheMax = ANSWERS;
    pool = helperPoolCreate(&config);
    CHECK(pool);
}

static void
measure(void)
{
    double payload = 0;

    for (unsigned i = 0; i < ANSWERS; i++)
        payload += (double)(strlen(lines[i]) + strlen(ANSWER));
    double before = (double)mallinfo2().uordblks + (double)mallinfo2().hblkhd;
    createPool();
    fill();
    double after = (double)mallinfo2().uordblks + (double)mallinfo2().hblkhd;
    printFigure("memory of a kept answer beside line and answer, 100,000 of "
                "them",
                "octets", (after - before - payload) / ANSWERS, 200);
    (void)commTimerAdd(0, onMeasure, NULL);
    CHECK(commLoopRun() == 0);
}

int
main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "echo"))
        return serveEcho();
    CHECK(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
    CHECK(commInit() == 0);
    debugOptions("ALL,0");
    makeLines();
    measure();
    helperPoolDestroy(&pool);
    commFini();
    free(lines);
    return 0;
}
