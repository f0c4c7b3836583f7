/* ctl_bench.c: squirectl bench: how fast a helper program answers. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "comm.h"
#include "ctl.h"
#include "debug.h"
#include "helper.h"
#include "xalloc.h"

#define BENCH_MAGIC 0xc7be4c01u
#define DEFAULT_LINE "http://www.example.com/ 127.0.0.1/- - GET"
#define DEFAULT_MS 5000
#define PROGRESS_MS 250
#define DRAIN_MS 5000
#define LINES_MAX 1000000
#define TIMEOUT_MS 10000

typedef struct Bench {
    uint32_t magic;
    const Ctl *ctl;
    long processes, concurrency, inflight;
    int64_t durationMs;
    bool isJson, showsProgress;
    char **lines; /* asked in turn */
    size_t lineCount, lineSize, nextLine;

    HelperPool *pool;
    CommTimer *end, *progress, *patience;
    bool isOver; /* asks no more */
    bool isInterrupted;
    long waiting; /* requests */
    uint64_t answered, refused;
    uint64_t byResult[HELPER_RESULT_COUNT];
    int64_t startUs, endUs;
    uint64_t toldAnswered;
    char trouble[256]; /* what the pool said instead of an answer */
} Bench;

static HelperReplyCb onReply;

static void
askNext(Bench *bench)
{
    const char *line = bench->lines[bench->nextLine];
    int rc = helperSubmit(bench->pool, line, onReply, bench);

    bench->nextLine = (bench->nextLine + 1) % bench->lineCount;
    if (rc == 0)
        bench->waiting++;
    else
        bench->refused++;
}

static void
onStopped(void *data)
{
    Bench *bench = data;

    CHECK_OBJ(bench, BENCH_MAGIC);
    bench->patience = NULL;
    if (helperPoolIsStopped(bench->pool))
        commLoopStop();
    else
        bench->patience = commTimerAdd(20, onStopped, bench);
}

/* Nothing is asked any more; what was asked is answered. */
static void
finish(Bench *bench)
{
    if (bench->endUs == 0)
        bench->endUs = commClockUs();
    helperPoolStop(bench->pool, DRAIN_MS);
    if (bench->patience == NULL)
        bench->patience = commTimerAdd(0, onStopped, bench);
}

static void
onEnd(void *data)
{
    Bench *bench = data;

    CHECK_OBJ(bench, BENCH_MAGIC);
    bench->end = NULL;
    bench->isOver = true;
    bench->endUs = commClockUs();
    finish(bench);
}

static void
onInterrupt(int signo, void *data)
{
    Bench *bench = data;

    (void)signo;
    CHECK_OBJ(bench, BENCH_MAGIC);
    if (bench->isInterrupted) {
        commLoopStop();
        return;
    }
    bench->isInterrupted = true;
    commTimerCancel(&bench->end);
    onEnd(bench);
}

/* An answer that the pool made tells why there is none. */
static void
count(Bench *bench, const HelperReply *reply)
{
    bool isMade = reply->result >= HELPER_TIMEOUT ||
                  (reply->result == HELPER_UNKNOWN && reply->textLen == 0);

    if (bench->isOver)
        return;
    bench->byResult[reply->result]++;
    bench->answered++;
    if (isMade)
        snprintf(bench->trouble, sizeof(bench->trouble), "%s", reply->message);
}

static bool
isHopeless(const Bench *bench)
{
    return bench->trouble[0] != '\0' &&
           bench->byResult[HELPER_UNKNOWN] == bench->answered &&
           bench->answered >= 3;
}

/* The clock starts with the first answer: the start of a process is no part of
 * the rate. */
static void
onReply(const HelperReply *reply, void *data)
{
    Bench *bench = data;

    CHECK_OBJ(bench, BENCH_MAGIC);
    bench->waiting--;
    if (bench->startUs == 0) {
        bench->startUs = commClockUs();
        bench->end = commTimerAdd(bench->durationMs, onEnd, bench);
    }
    count(bench, reply);
    if (bench->isOver)
        return;
    if (isHopeless(bench)) {
        commTimerCancel(&bench->end);
        onEnd(bench);
        return;
    }
    askNext(bench);
}

static void
onProgress(void *data)
{
    Bench *bench = data;

    CHECK_OBJ(bench, BENCH_MAGIC);
    double rate =
        (double)(bench->answered - bench->toldAnswered) * 1000 / PROGRESS_MS;
    double spent =
        bench->startUs > 0 ? (double)(commClockUs() - bench->startUs) / 1e6 : 0;
    fprintf(stderr, "\r%5.1f s  %9.0f requests/s ", spent, rate);
    bench->toldAnswered = bench->answered;
    bench->progress = commTimerAdd(PROGRESS_MS, onProgress, bench);
}

static void
putLatencyJson(const char *name, const HelperLatency *latency)
{
    printf(",\n  \"%s\": {\"p50\": %.6g, \"p90\": %.6g, \"p99\": %.6g, "
           "\"max\": %.6g}",
           name, latency->p50, latency->p90, latency->p99, latency->max);
}

static void
showJson(const Bench *bench, const HelperPoolStats *stats, double seconds)
{
    printf("{\n  \"seconds\": %.3f,\n  \"requests\": %" PRIu64 ",\n"
           "  \"requests_per_second\": %.1f,\n  \"processes\": %ld,\n"
           "  \"concurrency\": %ld,\n  \"inflight\": %ld,\n"
           "  \"refused\": %" PRIu64 ",\n  \"restarts\": %" PRIu64
           ",\n  \"results\": {",
           seconds, bench->answered, (double)bench->answered / seconds,
           bench->processes, bench->concurrency, bench->inflight,
           bench->refused, stats->restarts);
    bool isFirst = true;
    for (int i = 0; i < HELPER_RESULT_COUNT; i++) {
        if (bench->byResult[i] == 0)
            continue;
        printf("%s\"%s\": %" PRIu64, isFirst ? "" : ", ",
               helperProtoResultName((HelperResult)i), bench->byResult[i]);
        isFirst = false;
    }
    printf("}");
    putLatencyJson("queue_ms", &stats->queueMs);
    putLatencyJson("service_ms", &stats->serviceMs);
    printf("\n}\n");
}

static void
showLatency(const char *name, const HelperLatency *latency)
{
    printf("%-9s p50 %.3f  p90 %.3f  p99 %.3f  max %.3f ms\n", name,
           latency->p50, latency->p90, latency->p99, latency->max);
}

static void
show(const Bench *bench, const HelperPoolStats *stats, double seconds)
{
    printf("%.0f requests/s: %" PRIu64 " answers in %.2f s, %ld process%s, "
           "concurrency %ld, %ld in flight\n",
           (double)bench->answered / seconds, bench->answered, seconds,
           bench->processes, bench->processes == 1 ? "" : "es",
           bench->concurrency, bench->inflight);
    printf("answers  ");
    for (int i = 0; i < HELPER_RESULT_COUNT; i++)
        if (bench->byResult[i] > 0)
            printf(" %s %" PRIu64, helperProtoResultName((HelperResult)i),
                   bench->byResult[i]);
    putchar('\n');
    showLatency("service", &stats->serviceMs);
    if (bench->inflight >
        bench->processes * (bench->concurrency > 0 ? bench->concurrency : 1))
        showLatency("queue", &stats->queueMs);
    if (stats->restarts > 0)
        printf("restarts  %" PRIu64 "\n", stats->restarts);
}

static int
report(Bench *bench)
{
    HelperPoolStats stats;
    double seconds = (double)(bench->endUs - bench->startUs) / 1e6;

    if (bench->showsProgress)
        fprintf(stderr, "\r%40s\r", "");
    helperPoolStats(bench->pool, &stats);
    if (isHopeless(bench) || bench->startUs == 0)
        return ctlFail(bench->ctl, "no answer: %s",
                       bench->trouble[0] ? bench->trouble : "interrupted");
    if (seconds <= 0)
        seconds = 1e-6;
    if (bench->isJson)
        showJson(bench, &stats, seconds);
    else
        show(bench, &stats, seconds);
    if (bench->refused > 0)
        ctlFail(bench->ctl,
                "%" PRIu64 " lines were refused: too long, or "
                "with a NUL",
                bench->refused);
    return bench->byResult[HELPER_TIMEOUT] > 0 || bench->refused > 0
               ? CTL_FAILED
               : CTL_OK;
}

static HelperPool *
createPool(const Bench *bench, char *const argv[])
{
    HelperConfig config;

    helperConfigInit(&config);
    config.name = "bench";
    config.argv = (const char *const *)(const void *)argv;
    config.max = (unsigned)bench->processes;
    config.startup = config.max;
    config.concurrency = (unsigned)bench->concurrency;
    config.queueMax = (unsigned)bench->inflight + 1;
    config.timeoutMs = TIMEOUT_MS;
    config.attempts = 1;
    return helperPoolCreate(&config);
}

static int
run(Bench *bench, char *argv[])
{
    if (commInit() == -1)
        return ctlFail(bench->ctl, "%s", strerror(errno));
    bench->pool = createPool(bench, argv);
    if (bench->pool == NULL)
        return ctlFail(bench->ctl, "%s", strerror(errno));
    commSignalSet(SIGINT, onInterrupt, bench);
    commSignalSet(SIGTERM, onInterrupt, bench);
    bench->showsProgress = isatty(STDERR_FILENO) && !bench->isJson;
    if (bench->showsProgress)
        bench->progress = commTimerAdd(PROGRESS_MS, onProgress, bench);
    for (long i = 0; i < bench->inflight; i++)
        askNext(bench);
    if (bench->waiting == 0)
        finish(bench);
    commLoopRun();
    int status = report(bench);
    commTimerCancel(&bench->end);
    commTimerCancel(&bench->progress);
    commTimerCancel(&bench->patience);
    helperPoolDestroy(&bench->pool);
    commFini();
    return status;
}

static void
addLine(Bench *bench, const char *text, size_t len)
{
    if (bench->lineCount == bench->lineSize) {
        bench->lineSize = bench->lineSize ? bench->lineSize * 2 : 64;
        bench->lines =
            xrealloc(bench->lines, bench->lineSize * sizeof(*bench->lines));
    }
    bench->lines[bench->lineCount++] = xstrndup(text, len);
}

static bool
addFile(Bench *bench, const char *path)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    char *line = NULL;
    size_t size = 0;
    ssize_t n;

    if (file == NULL) {
        ctlFail(bench->ctl, "cannot read %s: %s", path, strerror(errno));
        return false;
    }
    while ((n = getline(&line, &size, file)) > 0 &&
           bench->lineCount < LINES_MAX)
        addLine(bench, line, (size_t)(n - (line[n - 1] == '\n')));
    free(line);
    if (file != stdin)
        fclose(file);
    if (bench->lineCount == 0)
        ctlFail(bench->ctl, "%s has no lines", path);
    return bench->lineCount > 0;
}

static int
takeOption(Bench *bench, int letter)
{
    long processes[2] = {1, 10000}, concurrency[2] = {0, 100000},
         inflight[2] = {1, 1000000};
    const Ctl *ctl = bench->ctl;
    bool isGood = true;

    if (letter == 'm')
        isGood =
            ctlNumber(ctl, "--processes", optarg, processes, &bench->processes);
    else if (letter == 'c')
        isGood = ctlNumber(ctl, "--concurrency", optarg, concurrency,
                           &bench->concurrency);
    else if (letter == 'k')
        isGood =
            ctlNumber(ctl, "--inflight", optarg, inflight, &bench->inflight);
    else if (letter == 't')
        isGood = ctlSeconds(ctl, "--time", optarg, &bench->durationMs);
    else if (letter == 'l')
        addLine(bench, optarg, strlen(optarg));
    else if (letter == 'f')
        return addFile(bench, optarg) ? -1 : CTL_FAILED;
    else if (letter == 'j')
        bench->isJson = true;
    else
        isGood = false;
    return isGood ? -1 : CTL_USAGE;
}

/* -1: go on; otherwise the exit status. */
static int
readOptions(Bench *bench, int argc, char *argv[])
{
    static const struct option longs[] = {
        {"concurrency", required_argument, NULL, 'c'},
        {"file", required_argument, NULL, 'f'},
        {"help", no_argument, NULL, 'h'},
        {"inflight", required_argument, NULL, 'k'},
        {"json", no_argument, NULL, 'j'},
        {"line", required_argument, NULL, 'l'},
        {"processes", required_argument, NULL, 'm'},
        {"time", required_argument, NULL, 't'},
        {0},
    };
    int letter;

    while ((letter = ctlOption(bench->ctl, argc, argv, "+:h", longs)) != -1) {
        int status =
            letter == 'h' ? ctlHelp(bench->ctl) : takeOption(bench, letter);
        if (status != -1)
            return status;
    }
    if (optind == argc)
        return ctlMisused(bench->ctl, "a program is needed");
    if (bench->lineCount == 0)
        addLine(bench, DEFAULT_LINE, strlen(DEFAULT_LINE));
    if (bench->inflight == 0)
        bench->inflight = bench->processes *
                          (bench->concurrency > 0 ? bench->concurrency : 1);
    return -1;
}

int
ctlBench(const Ctl *ctl, int argc, char *argv[])
{
    Bench bench = {
        .magic = BENCH_MAGIC,
        .ctl = ctl,
        .processes = 1,
        .durationMs = DEFAULT_MS,
    };
    int status = readOptions(&bench, argc, argv);

    if (status == -1)
        status = run(&bench, argv + optind);
    for (size_t i = 0; i < bench.lineCount; i++)
        free(bench.lines[i]);
    free(bench.lines);
    return status;
}
