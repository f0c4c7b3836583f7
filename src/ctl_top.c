/* ctl_top.c: squirectl top: pools and processes, live. */
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "comm.h"
#include "ctl.h"
#include "ctl_latency.h"
#include "ctl_table.h"
#include "ctl_term.h"
#include "xalloc.h"

#define PICTURE_MAX (16 * 1024 * 1024)
#define NAME_COLUMNS 18

/* A pool or a process of it, with what changed since the picture before. */
typedef struct Row {
    const json_t *object;
    const char *pool;
    double rate;     /* requests a second */
    double p50, p99; /* of a pool, in milliseconds; -1: of nothing */
    size_t order;
} Row;

typedef struct Rows {
    Row *rows;
    size_t count, size;
} Rows;

typedef int CompareRows(const void *a, const void *b);

typedef struct SortKey {
    const char *name;
    CompareRows *pools;
    CompareRows *processes;
} SortKey;

typedef struct Top {
    const Ctl *ctl;
    bool isBatch;
    long count; /* pictures left; -1: no end */
    int64_t delayMs;
    const SortKey *key;
    json_t *info, *pools, *latencies;                   /* now */
    json_t *infoBefore, *poolsBefore, *latenciesBefore; /* or NULL */
    int64_t nowUs, beforeUs;
} Top;

static const CtlColumn poolColumns[] = {
    {"POOL", true},   {"REQ/s", false},    {"BUSY", false},  {"QUEUE", false},
    {"PROCS", false}, {"P50ms", false},    {"P99ms", false}, {"OPEN", false},
    {"LATE", false},  {"RESTARTS", false},
};

static const CtlColumn processColumns[] = {
    {"POOL", true},   {"ID", false},       {"PID", false},  {"STATE", true},
    {"REQ/s", false}, {"REQUESTS", false}, {"BUSY", false}, {"RSS", false},
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static int
byOrder(const Row *a, const Row *b)
{
    return a->order < b->order ? -1 : a->order > b->order;
}

/* The larger first, then as the manager has them. */
static int
byValue(const Row *a, const Row *b, double valueA, double valueB)
{
    if (valueA != valueB)
        return valueA > valueB ? -1 : 1;
    return byOrder(a, b);
}

static int
compareOrder(const void *a, const void *b)
{
    return byOrder(a, b);
}

static int
compareName(const void *a, const void *b)
{
    int order = strcmp(((const Row *)a)->pool, ((const Row *)b)->pool);

    return order != 0 ? order : byOrder(a, b);
}

static int
compareRate(const void *a, const void *b)
{
    return byValue(a, b, ((const Row *)a)->rate, ((const Row *)b)->rate);
}

static int
compareMember(const void *a, const void *b, const char *name)
{
    const Row *rowA = a, *rowB = b;

    return byValue(rowA, rowB, ctlJsonReal(rowA->object, name),
                   ctlJsonReal(rowB->object, name));
}

static int
compareBusy(const void *a, const void *b)
{
    return compareMember(a, b, "inflight");
}

static int
compareQueue(const void *a, const void *b)
{
    return compareMember(a, b, "queue");
}

static int
compareRestarts(const void *a, const void *b)
{
    return compareMember(a, b, "restarts");
}

static int
compareP99(const void *a, const void *b)
{
    return byValue(a, b, ((const Row *)a)->p99, ((const Row *)b)->p99);
}

static const SortKey sortKeys[] = {
    {"rate", compareRate, compareRate},
    {"busy", compareBusy, compareBusy},
    {"queue", compareQueue, compareOrder},
    {"p99", compareP99, compareOrder},
    {"restarts", compareRestarts, compareOrder},
    {"name", compareName, compareName},
};

/* Returns borrowed until the next call. */
static Row *
addRow(Rows *rows, const json_t *object, const char *pool, double rate)
{
    Row *row;

    if (rows->count == rows->size) {
        rows->size = rows->size ? rows->size * 2 : 64;
        rows->rows = xrealloc(rows->rows, rows->size * sizeof(*rows->rows));
    }
    row = &rows->rows[rows->count];
    *row = (Row){
        .object = object, .pool = pool, .rate = rate, .order = rows->count};
    rows->count++;
    return row;
}

/* The member of an array whose name is the same text or number; at is where
 * it is likely to be. */
static const json_t *
lookupBefore(const json_t *array, const json_t *object, const char *name,
             size_t at)
{
    const json_t *value = json_object_get(object, name);
    const json_t *other = json_array_get(array, at);
    size_t i;

    if (json_equal(json_object_get(other, name), value))
        return other;
    json_array_foreach(array, i,
                       other) if (json_equal(json_object_get(other, name),
                                             value)) return other;
    return NULL;
}

/* A second, since the picture before; 0 when there is none. */
static double
rateOf(const Top *top, const json_t *now, const json_t *before)
{
    double seconds = (double)(top->nowUs - top->beforeUs) / 1e6;
    double more =
        ctlJsonReal(now, "requests") - ctlJsonReal(before, "requests");

    return before != NULL && seconds > 0 && more > 0 ? more / seconds : 0;
}

static void
setLatency(const Top *top, Row *row, size_t at)
{
    const json_t *now = lookupBefore(top->latencies, row->object, "name", at);
    const json_t *before =
        lookupBefore(top->latenciesBefore, row->object, "name", at);

    now = json_object_get(now, "service_ms");
    before = json_object_get(before, "service_ms");
    row->p50 = ctlLatencySince(now, before, 0.5);
    row->p99 = ctlLatencySince(now, before, 0.99);
}

static void
collect(const Top *top, Rows *pools, Rows *processes)
{
    const json_t *pool, *row;
    size_t i, j;

    json_array_foreach(top->pools, i, pool)
    {
        const json_t *before = lookupBefore(top->poolsBefore, pool, "name", i);
        const char *name = ctlJsonText(pool, "name");

        setLatency(top, addRow(pools, pool, name, rateOf(top, pool, before)),
                   i);
        json_array_foreach(json_object_get(pool, "helpers"), j, row)
            addRow(processes, row, name,
                   rateOf(top, row,
                          lookupBefore(json_object_get(before, "helpers"), row,
                                       "id", j)));
    }
    if (pools->count > 1)
        qsort(pools->rows, pools->count, sizeof(Row), top->key->pools);
    if (processes->count > 1)
        qsort(processes->rows, processes->count, sizeof(Row),
              top->key->processes);
}

static void
putLatency(CtlTable *table, double ms)
{
    if (ms < 0)
        ctlTablePut(table, "-");
    else
        ctlTablePut(table, "%.2f", ms);
}

/* Whole where there is no screen to fit. */
static void
putName(CtlTable *table, const Row *row, unsigned width)
{
    ctlTablePut(table, "%.*s", width > 0 ? NAME_COLUMNS : INT_MAX, row->pool);
}

static void
putPools(const Rows *rows, unsigned width, Buf *out)
{
    CtlTable table;

    ctlTableInit(&table, poolColumns, COUNT_OF(poolColumns));
    for (size_t i = 0; i < rows->count; i++) {
        const Row *row = &rows->rows[i];

        putName(&table, row, width);
        ctlTablePut(&table, "%.1f", row->rate);
        ctlTablePut(&table, "%" PRId64, ctlJsonInt(row->object, "inflight"));
        ctlTablePut(&table, "%" PRId64, ctlJsonInt(row->object, "queue"));
        ctlTablePut(&table, "%" PRId64 "/%" PRId64,
                    ctlJsonInt(row->object, "active"),
                    ctlJsonInt(row->object, "max"));
        putLatency(&table, row->p50);
        putLatency(&table, row->p99);
        ctlTablePut(&table, "%" PRId64, ctlJsonInt(row->object, "failed_open"));
        ctlTablePut(&table, "%" PRId64, ctlJsonInt(row->object, "timeouts"));
        ctlTablePut(&table, "%" PRId64, ctlJsonInt(row->object, "restarts"));
    }
    ctlTablePrint(&table, width, out);
    ctlTableFini(&table);
}

static void
putProcesses(const Rows *rows, unsigned width, size_t max, Buf *out)
{
    CtlTable table;

    ctlTableInit(&table, processColumns, COUNT_OF(processColumns));
    for (size_t i = 0; i < rows->count && i < max; i++) {
        const Row *row = &rows->rows[i];

        putName(&table, row, width);
        ctlTablePut(&table, "%" PRId64, ctlJsonInt(row->object, "id"));
        ctlTablePut(&table, "%" PRId64, ctlJsonInt(row->object, "pid"));
        ctlTablePut(&table, "%s", ctlJsonText(row->object, "state"));
        ctlTablePut(&table, "%.1f", row->rate);
        ctlTablePut(&table, "%" PRId64, ctlJsonInt(row->object, "requests"));
        ctlTablePut(&table, "%" PRId64, ctlJsonInt(row->object, "inflight"));
        ctlTablePut(&table, "%.1f MB",
                    ctlJsonReal(row->object, "rss_kb") / 1024);
    }
    ctlTablePrint(&table, width, out);
    ctlTableFini(&table);
}

static void
putSummary(const Top *top, unsigned width, Buf *out)
{
    char line[256];
    int64_t up = ctlJsonInt(top->info, "uptime_seconds");

    snprintf(line, sizeof(line),
             "%s %s  up %" PRId64 "d %02d:%02d:%02d  clients %" PRId64
             "  requests %" PRId64 " (%.1f/s)  by %s",
             ctlJsonText(top->info, "name"), ctlJsonText(top->info, "version"),
             up / 86400, (int)(up / 3600 % 24), (int)(up / 60 % 60),
             (int)(up % 60), ctlJsonInt(top->info, "clients"),
             ctlJsonInt(top->info, "requests"),
             rateOf(top, top->info, top->infoBefore), top->key->name);
    int columns = width > 0 ? (int)width : (int)sizeof(line);
    bufPrintf(out, "%.*s\n", columns, line);
    if (top->latenciesBefore != NULL)
        snprintf(line, sizeof(line), "P50ms and P99ms: of the last %.1f s",
                 (double)(top->nowUs - top->beforeUs) / 1e6);
    else
        snprintf(line, sizeof(line), "P50ms and P99ms: since the start");
    bufPrintf(out, "%.*s\n", columns, line);
}

/* height 0: as long as it takes. */
static void
putPicture(const Top *top, unsigned width, unsigned height, Buf *out)
{
    Rows pools = {0}, processes = {0};

    collect(top, &pools, &processes);
    putSummary(top, width, out);
    putPools(&pools, width, out);
    bufPrintf(out, "\n");
    putProcesses(&processes, width, height > 0 ? height : SIZE_MAX, out);
    free(pools.rows);
    free(processes.rows);
}

static void
dropBefore(const Top *top)
{
    json_decref(top->infoBefore);
    json_decref(top->poolsBefore);
    json_decref(top->latenciesBefore);
}

static bool
fetch(Top *top)
{
    json_t *info = ctlHttpJson(top->ctl, "/info");
    json_t *pools = info != NULL ? ctlHttpJson(top->ctl, "/helpers") : NULL;
    json_t *latencies =
        pools != NULL ? ctlHttpJson(top->ctl, "/latencies") : NULL;

    if (latencies == NULL) {
        json_decref(info);
        json_decref(pools);
        return false;
    }
    dropBefore(top);
    top->infoBefore = top->info;
    top->poolsBefore = top->pools;
    top->latenciesBefore = top->latencies;
    top->info = info;
    top->pools = pools;
    top->latencies = latencies;
    top->beforeUs = top->nowUs;
    top->nowUs = commClockUs();
    return true;
}

static int
showBatch(Top *top)
{
    bool isFirst = true;
    Buf out;

    bufInit(&out, PICTURE_MAX);
    while (top->count != 0 && !ferror(stdout)) {
        if (!isFirst)
            poll(NULL, 0, (int)top->delayMs);
        if (!fetch(top))
            break;
        bufClear(&out);
        putPicture(top, 0, 0, &out);
        printf("%s%.*s", isFirst ? "" : "\n", (int)bufLen(&out), bufData(&out));
        fflush(stdout);
        isFirst = false;
        top->count -= top->count > 0;
    }
    bufFini(&out);
    return top->count == 0 ? CTL_OK : CTL_FAILED;
}

static void
draw(const Top *top)
{
    unsigned columns, rows;
    Buf out;

    ctlTermSize(&columns, &rows);
    bufInit(&out, PICTURE_MAX);
    putPicture(top, columns, rows, &out);
    bufAppend(&out, "", 1);
    ctlTermDraw(bufData(&out), 1);
    bufFini(&out);
}

static void
takeNextKey(Top *top)
{
    top->key++;
    if (top->key == sortKeys + COUNT_OF(sortKeys))
        top->key = sortKeys;
}

/* Until it is time for the next picture: true. False: the end. */
static bool
waitForNext(Top *top)
{
    int64_t endUs = top->nowUs + top->delayMs * 1000;
    int64_t left;

    while ((left = (endUs - commClockUs()) / 1000) > 0) {
        char key = 0;
        CtlTermEvent event = ctlTermWait(left, &key);

        if (event == CTL_TERM_END ||
            (event == CTL_TERM_KEY && (key == 'q' || key == 'Q')))
            return false;
        if (event == CTL_TERM_KEY && key == ' ')
            return true;
        if (event == CTL_TERM_KEY && key == 's')
            takeNextKey(top);
        if (event != CTL_TERM_TIMEOUT)
            draw(top);
    }
    return true;
}

static int
showLive(Top *top)
{
    int status = CTL_OK;

    if (!fetch(top))
        return CTL_FAILED;
    int rc = ctlTermOpen();
    if (rc < 0)
        return ctlFail(top->ctl, "%s; -b is for pipes and files",
                       strerror(-rc));
    while (true) {
        draw(top);
        top->count -= top->count > 0;
        if (top->count == 0 || !waitForNext(top))
            break;
        if (!fetch(top)) {
            status = CTL_FAILED;
            break;
        }
    }
    ctlTermClose();
    return status;
}

static bool
setKey(Top *top, const char *name)
{
    for (size_t i = 0; i < COUNT_OF(sortKeys); i++)
        if (strcmp(sortKeys[i].name, name) == 0) {
            top->key = &sortKeys[i];
            return true;
        }
    ctlMisused(top->ctl, "-s: there is no order \"%.100s\"", name);
    return false;
}

/* -1: go on; otherwise the exit status. */
static int
readOptions(Top *top, int argc, char *argv[])
{
    static const struct option longs[] = {
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    long counts[2] = {1, 1000000000};
    int letter;

    while ((letter = ctlOption(top->ctl, argc, argv, ":bd:n:s:h", longs)) !=
           -1) {
        if (letter == 'h')
            return ctlHelp(top->ctl);
        if (letter == '?' ||
            (letter == 'd' &&
             !ctlSeconds(top->ctl, "-d", optarg, &top->delayMs)) ||
            (letter == 'n' &&
             !ctlNumber(top->ctl, "-n", optarg, counts, &top->count)) ||
            (letter == 's' && !setKey(top, optarg)))
            return CTL_USAGE;
        top->isBatch |= letter == 'b';
    }
    if (optind < argc)
        return ctlMisused(top->ctl, "what is \"%.100s\"?", argv[optind]);
    return -1;
}

int
ctlTop(const Ctl *ctl, int argc, char *argv[])
{
    Top top = {.ctl = ctl, .count = -1, .delayMs = 1000, .key = sortKeys};
    int status = readOptions(&top, argc, argv);

    if (status != -1)
        return status;
    status = top.isBatch ? showBatch(&top) : showLive(&top);
    json_decref(top.info);
    json_decref(top.pools);
    json_decref(top.latencies);
    dropBefore(&top);
    return status;
}
