/* ctl_helpers.c: squirectl helpers: pools and processes as a table. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "ctl_table.h"

#define NAMES_MAX 32

typedef struct Wish {
    bool isJson;
    bool showsProcesses;
    const char *names[NAMES_MAX];
    size_t nameCount;
} Wish;

static const CtlColumn poolColumns[] = {
    {"POOL", true},      {"PROCS", false}, {"IDLE", false},
    {"QUEUE", false},    {"BUSY", false},  {"REQUESTS", false},
    {"OK", false},       {"ERR", false},   {"BH", false},
    {"OPEN", false},     {"LATE", false},  {"AGAIN", false},
    {"RESTARTS", false}, {"P50ms", false}, {"P99ms", false},
};

static const CtlColumn processColumns[] = {
    {"POOL", true},      {"ID", false},   {"PID", false}, {"STATE", true},
    {"REQUESTS", false}, {"BUSY", false}, {"RSS", false},
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static bool
isWanted(const Wish *wish, const json_t *pool)
{
    for (size_t i = 0; i < wish->nameCount; i++)
        if (strcmp(wish->names[i], ctlJsonText(pool, "name")) == 0)
            return true;
    return wish->nameCount == 0;
}

static void
putInt(CtlTable *table, const json_t *object, const char *name)
{
    ctlTablePut(table, "%" PRId64, ctlJsonInt(object, name));
}

static void
addPool(CtlTable *table, const json_t *pool)
{
    static const char *const numbers[] = {
        "idle", "queue",       "inflight", "requests", "ok",       "err",
        "bh",   "failed_open", "timeouts", "retries",  "restarts",
    };
    const json_t *service = json_object_get(pool, "service_ms");

    ctlTablePut(table, "%s", ctlJsonText(pool, "name"));
    ctlTablePut(table, "%" PRId64 "/%" PRId64, ctlJsonInt(pool, "active"),
                ctlJsonInt(pool, "max"));
    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        putInt(table, pool, numbers[i]);
    ctlTablePut(table, "%.2f", ctlJsonReal(service, "p50"));
    ctlTablePut(table, "%.2f", ctlJsonReal(service, "p99"));
}

static void
addProcesses(CtlTable *table, const json_t *pool)
{
    const json_t *row;
    size_t i;

    json_array_foreach(json_object_get(pool, "helpers"), i, row)
    {
        ctlTablePut(table, "%s", ctlJsonText(pool, "name"));
        putInt(table, row, "id");
        putInt(table, row, "pid");
        ctlTablePut(table, "%s", ctlJsonText(row, "state"));
        putInt(table, row, "requests");
        putInt(table, row, "inflight");
        ctlTablePut(table, "%.1f MB", ctlJsonReal(row, "rss_kb") / 1024);
    }
}

/* How the last process ended badly, and why those before have gone. */
static void
showTroubles(const json_t *pool)
{
    const char *name = ctlJsonText(pool, "name");
    const char *trouble = ctlJsonText(pool, "trouble");
    const json_t *count;
    const char *why;

    json_object_foreach(json_object_get(pool, "restarts_by"), why,
                        count) if (json_number_value(count) > 0)
        printf("%s: %.0f gone by %s\n", name, json_number_value(count), why);
    if (trouble[0] == '\0')
        return;
    printf("%s: last trouble, %.0f s ago: ", name,
           ctlJsonReal(pool, "trouble_ago_ms") / 1000);
    ctlPutLine("", trouble, strlen(trouble));
}

static int
show(const Ctl *ctl, const Wish *wish, const json_t *pools)
{
    CtlTable poolTable, processTable;
    const json_t *pool;
    size_t i, found = 0;
    Buf out;

    bufInit(&out, CTL_BODY_MAX);
    ctlTableInit(&poolTable, poolColumns, COUNT_OF(poolColumns));
    ctlTableInit(&processTable, processColumns, COUNT_OF(processColumns));
    json_array_foreach(pools, i, pool)
    {
        if (!isWanted(wish, pool))
            continue;
        found++;
        addPool(&poolTable, pool);
        addProcesses(&processTable, pool);
    }
    ctlTablePrint(&poolTable, 0, &out);
    if (wish->showsProcesses) {
        bufPrintf(&out, "\n");
        ctlTablePrint(&processTable, 0, &out);
    }
    if (found > 0)
        fwrite(bufData(&out), 1, bufLen(&out), stdout);
    json_array_foreach(pools, i,
                       pool) if (wish->showsProcesses && isWanted(wish, pool))
        showTroubles(pool);
    ctlTableFini(&poolTable);
    ctlTableFini(&processTable);
    bufFini(&out);
    if (found > 0)
        return CTL_OK;
    return wish->nameCount > 0
               ? ctlFail(ctl, "there is no pool \"%s\"", wish->names[0])
               : (puts("no helper pools"), CTL_OK);
}

/* Those that were asked for, one object a pool. */
static int
showJson(const Wish *wish, const json_t *pools)
{
    json_t *wanted = json_array();
    json_t *pool;
    size_t i;

    json_array_foreach(pools, i, pool) if (isWanted(wish, pool))
        json_array_append(wanted, pool);
    json_dumpf(wanted, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(wanted);
    return CTL_OK;
}

/* CTL_OK, or the exit status; -1: there is nothing more to do. */
static int
readOptions(const Ctl *ctl, int argc, char *argv[], Wish *wish)
{
    static const struct option longs[] = {
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    int letter;

    while ((letter = ctlOption(ctl, argc, argv, ":ap:jh", longs)) != -1) {
        if (letter == 'h')
            return ctlHelp(ctl), -1;
        if (letter == '?')
            return CTL_USAGE;
        if (letter == 'j')
            wish->isJson = true;
        else
            wish->showsProcesses = true;
        if (letter == 'p' && wish->nameCount == NAMES_MAX)
            return ctlMisused(ctl, "more than %d pools", NAMES_MAX);
        if (letter == 'p')
            wish->names[wish->nameCount++] = optarg;
    }
    if (optind < argc)
        return ctlMisused(ctl, "what is \"%.100s\"?", argv[optind]);
    return CTL_OK;
}

int
ctlHelpers(const Ctl *ctl, int argc, char *argv[])
{
    Wish wish = {0};
    int status = readOptions(ctl, argc, argv, &wish);

    if (status != CTL_OK)
        return status == -1 ? CTL_OK : status;
    json_t *pools = ctlHttpJson(ctl, "/helpers");
    if (pools == NULL)
        return CTL_FAILED;
    status = wish.isJson ? showJson(&wish, pools) : show(ctl, &wish, pools);
    json_decref(pools);
    return status;
}
