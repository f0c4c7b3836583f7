/*
 * bench_helper.c: helperSubmit beside a bare epoll loop over the same helper
 * program, both with channel-IDs; and what many processes cost.
 *
 *     bench_helper                         all figures
 *     bench_helper pool|bare HELPERS INFLIGHT SECONDS    one, for a profiler
 *     bench_helper echo                    the helper program itself
 *
 * The two take turns; each figure is the median of several rounds. The bare
 * loop does what must be done and no more: it reads what has come, looks up
 * by channel-ID whose answer it is, calls back, which asks again under that
 * ID, and writes what was asked together.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench.h"
#include "check.h"
#include "comm.h"
#include "debug.h"
#include "helper.h"
#include "ipc.h"
#include "xalloc.h"

#define ROUNDS 9
#define ROUND_S 0.3
#define STARTS 5
#define MANY 400
#define CONCURRENCY 1000
#define BUFFER 65536
#define BARE_IDS 1024

#define LINE                                                                   \
    "http://www.example.com/a/page.html?x=1 10.0.0.1/- - GET myip=10.0.0.9 "   \
    "myport=3128"

/* What one run gave. */
typedef struct Run {
    double perSecond;
    double cpuUs; /* of this process, per request */
} Run;

typedef Run RunFn(unsigned inflight, double seconds);

static char self[4096];

static void
writeAll(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n <= 0)
            exit(1);
        data += n;
        len -= (size_t)n;
    }
}

/* The helper: `ID line` is answered `ID OK`, all lines of a read at once. */
static int
serveEcho(void)
{
    static char in[BUFFER], out[BUFFER];
    size_t held = 0;
    ssize_t n;

    while ((n = read(0, in + held, sizeof(in) - held)) > 0) {
        char *line = in, *end = in + held + n, *lf;
        size_t used = 0;
        while ((lf = memchr(line, '\n', (size_t)(end - line)))) {
            while (*line >= '0' && *line <= '9')
                out[used++] = *line++;
            memcpy(out + used, " OK\n", 4);
            used += 4;
            line = lf + 1;
        }
        held = (size_t)(end - line);
        memmove(in, line, held);
        writeAll(1, out, used);
    }
    return 0;
}

/* One descriptor of the bare loop. */
typedef struct Bare {
    int fd;
    pid_t pid;
    size_t held, used;
    char in[BUFFER];
    char out[2 * BUFFER];
} Bare;

/* Who asked, by channel-ID. */
typedef void BareCb(Bare *bare, const char *reply, void *data);

typedef struct Asked {
    BareCb *cb;
    void *data;
} Asked;

static Asked asked[BARE_IDS];

/* The run of the bare loop. */
static struct {
    uint64_t done;
    uint64_t sent;
    bool isOver;
} bareLoad;

static Bare **bares;
static unsigned bareCount;
static int bareEpoll = -1;

static void
startBare(unsigned count)
{
    const char *const args[] = {self, "echo", NULL};

    bareEpoll = epoll_create1(EPOLL_CLOEXEC);
    bares = xcalloc(count, sizeof(*bares));
    for (bareCount = 0; bareCount < count; bareCount++) {
        Bare *bare = bares[bareCount] = xcalloc(1, sizeof(*bare));
        bare->pid = ipcCreate(IPC_STREAM, self, args, "bare", &bare->fd,
                              &bare->fd, NULL);
        CHECK(bare->pid > 0);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = bare};
        CHECK(!epoll_ctl(bareEpoll, EPOLL_CTL_ADD, bare->fd, &event));
    }
}

static void
stopBare(void)
{
    for (unsigned i = 0; i < bareCount; i++) {
        ipcClose(bares[i]->pid, bares[i]->fd, -1);
        free(bares[i]);
    }
    free(bares);
    close(bareEpoll);
}

static void
askBare(Bare *bare, unsigned id, const char *line, BareCb *cb, void *data)
{
    size_t len = strlen(line);
    unsigned rest = id;
    char digits[12];
    size_t count = 0;

    asked[id] = (Asked){cb, data};
    do
        digits[count++] = (char)('0' + rest % 10);
    while (rest /= 10);
    while (count > 0)
        bare->out[bare->used++] = digits[--count];
    bare->out[bare->used++] = ' ';
    memcpy(bare->out + bare->used, line, len);
    bare->used += len;
    bare->out[bare->used++] = '\n';
}

static void
flushBare(Bare *bare)
{
    size_t at = 0;

    while (at < bare->used) {
        ssize_t n = write(bare->fd, bare->out + at, bare->used - at);
        CHECK(n > 0 || errno == EAGAIN);
        at += n > 0 ? (size_t)n : 0;
    }
    bare->used = 0;
}

static void
onBareReply(Bare *bare, const char *reply, void *data)
{
    CHECK(!memcmp(reply, " OK", 3));
    bareLoad.done++;
    if (bareLoad.isOver)
        return;
    bareLoad.sent++;
    askBare(bare, (unsigned)(uintptr_t)data, LINE, onBareReply, data);
}

static void
readBare(Bare *bare)
{
    ssize_t n =
        read(bare->fd, bare->in + bare->held, sizeof(bare->in) - bare->held);
    CHECK(n > 0);
    char *line = bare->in, *end = bare->in + bare->held + n, *lf;

    while ((lf = memchr(line, '\n', (size_t)(end - line)))) {
        char *rest;
        unsigned long id = strtoul(line, &rest, 10);
        CHECK(id < BARE_IDS);
        asked[id].cb(bare, rest, asked[id].data);
        line = lf + 1;
    }
    bare->held = (size_t)(end - line);
    memmove(bare->in, line, bare->held);
    if (bare->used)
        flushBare(bare);
}

static Run
runBare(unsigned inflight, double seconds)
{
    struct epoll_event events[64];
    double cpu = benchCpuUs();
    int64_t startUs = commClockUs(), nowUs = startUs;
    int64_t endUs = startUs + (int64_t)(seconds * 1e6);

    bareLoad.done = 0;
    bareLoad.sent = inflight;
    bareLoad.isOver = false;
    for (unsigned i = 0; i < inflight; i++)
        askBare(bares[i % bareCount], i, LINE, onBareReply,
                (void *)(uintptr_t)i);
    for (unsigned i = 0; i < bareCount; i++)
        flushBare(bares[i]);
    while (bareLoad.done < bareLoad.sent) {
        int n = epoll_wait(bareEpoll, events, 64, -1);
        bareLoad.isOver = nowUs >= endUs;
        for (int i = 0; i < n; i++)
            readBare(events[i].data.ptr);
        nowUs = commClockUs();
    }
    return (Run){.perSecond =
                     (double)bareLoad.done * 1e6 / (double)(nowUs - startUs),
                 .cpuUs = (benchCpuUs() - cpu) / (double)bareLoad.done};
}

static HelperPool *pool;
static struct {
    uint64_t done;
    unsigned open;
    bool isOver;
} load;

static void
onReply(const HelperReply *reply, void *data)
{
    CHECK(reply->result == HELPER_OK);
    load.done++;
    if (!load.isOver)
        CHECK(helperSubmit(pool, LINE, onReply, data) == 0);
    else if (--load.open == 0)
        commLoopStop();
}

static void
onOver(void *data)
{
    (void)data;
    load.isOver = true;
}

static Run
runPool(unsigned inflight, double seconds)
{
    double cpu = benchCpuUs();
    int64_t startUs = commClockUs();

    load.done = 0;
    load.open = inflight;
    load.isOver = false;
    (void)commTimerAdd((int64_t)(seconds * 1e3), onOver, NULL);
    for (unsigned i = 0; i < inflight; i++)
        CHECK(helperSubmit(pool, LINE, onReply, NULL) == 0);
    CHECK(commLoopRun() == 0);
    return (Run){.perSecond = (double)load.done * 1e6 /
                              (double)(commClockUs() - startUs),
                 .cpuUs = (benchCpuUs() - cpu) / (double)load.done};
}

static void
stopWhenStarted(void *data)
{
    HelperPoolStats stats;
    const unsigned *count = data;

    helperPoolStats(pool, &stats);
    if (stats.active == *count)
        commLoopStop();
    else
        (void)commTimerAdd(1, stopWhenStarted, data);
}

/* A pool with all its processes; milliseconds until then. */
static double
startPool(unsigned count)
{
    const char *const argv[] = {self, "echo", NULL};
    HelperConfig config;
    int64_t startUs = commClockUs();

    helperConfigInit(&config);
    config.name = "bench";
    config.argv = argv;
    config.max = config.startup = count;
    config.concurrency = CONCURRENCY;
    pool = helperPoolCreate(&config);
    CHECK(pool);
    (void)commTimerAdd(1, stopWhenStarted, &count);
    CHECK(commLoopRun() == 0);
    return (double)(commClockUs() - startUs) / 1000;
}

/* Rates and costs of both, side by side. */
typedef struct Pair {
    double poolRate[ROUNDS], bareRate[ROUNDS], rateRatio[ROUNDS];
    double poolCpu[ROUNDS], bareCpu[ROUNDS], cpuRatio[ROUNDS];
} Pair;

static void
compare(unsigned inflight, Pair *pair)
{
    for (int i = -1; i < ROUNDS; i++) {
        Run bare = runBare(inflight, ROUND_S);
        Run ours = runPool(inflight, ROUND_S);
        if (i < 0)
            continue; /* to get warm */
        pair->bareRate[i] = bare.perSecond;
        pair->poolRate[i] = ours.perSecond;
        pair->rateRatio[i] = ours.perSecond / bare.perSecond;
        pair->bareCpu[i] = bare.cpuUs;
        pair->poolCpu[i] = ours.cpuUs;
        pair->cpuRatio[i] = ours.cpuUs / bare.cpuUs;
    }
}

static void
printRate(unsigned inflight, double target)
{
    Pair pair;

    compare(inflight, &pair);
    printf("{\"figure\": \"helperSubmit, %u in flight\", \"unit\": \"/s\", "
           "\"value\": %.0f, \"peer\": \"bare loop\", \"peer_value\": %.0f, "
           "\"ratio\": %.3f, \"target\": %g, \"sense\": \"min\"}\n",
           inflight, benchMedian(pair.poolRate, ROUNDS),
           benchMedian(pair.bareRate, ROUNDS),
           benchMedian(pair.rateRatio, ROUNDS), target);
    fflush(stdout);
}

static void
printCpu(unsigned inflight, double target)
{
    Pair pair;

    compare(inflight, &pair);
    printf("{\"figure\": \"CPU per request, %u helpers, %u in flight\", "
           "\"unit\": \"us\", \"value\": %.3f, \"peer\": \"bare loop\", "
           "\"peer_value\": %.3f, \"ratio\": %.3f, \"target\": %g, "
           "\"sense\": \"max\"}\n",
           MANY, inflight, benchMedian(pair.poolCpu, ROUNDS),
           benchMedian(pair.bareCpu, ROUNDS),
           benchMedian(pair.cpuRatio, ROUNDS), target);
    fflush(stdout);
}

static void
printValue(const char *figure, const char *unit, double value, double target)
{
    printf("{\"figure\": \"%s\", \"unit\": \"%s\", \"value\": %.3f, "
           "\"target\": %g, \"sense\": \"max\"}\n",
           figure, unit, value, target);
    fflush(stdout);
}

static double
residentKb(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");

    CHECK(file && fscanf(file, "%*d %ld", &pages) == 1);
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1024;
}

static void
measureFew(void)
{
    startBare(1);
    (void)startPool(1);
    printRate(1, 0.85);
    printRate(64, 0.75);
    printRate(512, 0.6);
    helperPoolDestroy(&pool);
    stopBare();
}

/* Milliseconds of the longest turn while a pool starts. */
static double
measureStall(void)
{
    CommStats stats;

    commStatsGet(&stats, true);
    double ms = startPool(MANY);
    commStatsGet(&stats, false);
    fprintf(stderr, "400 helpers were there after %.0f ms\n", ms);
    return (double)stats.maxTurnUs / 1000;
}

static void
measureMany(void)
{
    double stalls[STARTS];
    double before = residentKb();

    stalls[0] = measureStall();
    printValue("memory per idle helper, 400 of them", "KiB",
               (residentKb() - before) / MANY, 16);
    for (int i = 1; i < STARTS; i++) {
        helperPoolDestroy(&pool);
        stalls[i] = measureStall();
    }
    printValue("longest stall while 400 helpers start", "ms",
               benchMedian(stalls, STARTS), 5);
    startBare(MANY);
    printCpu(512, 1.5);
    helperPoolDestroy(&pool);
    stopBare();
}

/* 400 helpers need three descriptors each, and the bare loop its own. */
static void
raiseLimit(void)
{
    struct rlimit limit;

    CHECK(!getrlimit(RLIMIT_NOFILE, &limit));
    limit.rlim_cur = limit.rlim_max;
    CHECK(!setrlimit(RLIMIT_NOFILE, &limit));
}

static void
profile(char **argv)
{
    bool isPool = !strcmp(argv[1], "pool");
    unsigned helpers = (unsigned)strtoul(argv[2], NULL, 10);
    RunFn *run = isPool ? runPool : runBare;

    if (isPool)
        (void)startPool(helpers);
    else
        startBare(helpers);
    Run result =
        run((unsigned)strtoul(argv[3], NULL, 10), strtod(argv[4], NULL));
    fprintf(stderr, "%.0f /s, %.3f us of CPU each\n", result.perSecond,
            result.cpuUs);
    helperPoolDestroy(&pool);
    if (!isPool)
        stopBare();
}

int
main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "echo"))
        return serveEcho();
    CHECK(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
    raiseLimit();
    CHECK(commInit() == 0);
    debugOptions("ALL,0");
    if (argc == 5) {
        profile(argv);
    } else {
        measureMany();
        measureFew();
    }
    commFini();
    return 0;
}
