/* ctl_cache.c: squirectl cache: what is stored. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "ctl_table.h"

#define PATH_MAX_OCTETS (64 * 1024)

typedef struct Wish {
    bool isJson;
    long max;        /* responses, 0: all */
    const char *url; /* or the beginning of URLs; NULL: none */
} Wish;

static const CtlColumn columns[] = {
    {"STATUS", false}, {"BYTES", false}, {"AGE", false},
    {"FRESH", false},  {"LEVEL", true},  {"URL", true},
};

static void
addRow(CtlTable *table, const json_t *object)
{
    const char *vary = ctlJsonText(object, "vary");

    ctlTablePut(table, "%" PRId64, ctlJsonInt(object, "status"));
    ctlTablePut(table, "%" PRId64, ctlJsonInt(object, "bytes"));
    ctlTablePut(table, "%" PRId64, ctlJsonInt(object, "age"));
    ctlTablePut(table, "%" PRId64, ctlJsonInt(object, "fresh_for"));
    ctlTablePut(table, "%s", ctlJsonText(object, "level"));
    ctlTablePut(table, "%s%s%s%s", ctlJsonText(object, "url"),
                vary[0] != '\0' ? "  vary: " : "", vary,
                json_is_true(json_object_get(object, "part")) ? "  part" : "");
}

static void
printTable(const CtlTable *table)
{
    Buf out;

    bufInit(&out, CTL_BODY_MAX);
    ctlTablePrint(table, 0, &out);
    fwrite(bufData(&out), 1, bufLen(&out), stdout);
    bufFini(&out);
}

/* The titles come once; a page is as wide as it needs. */
static void
printPage(const json_t *objects, long max, long *count)
{
    CtlTable table;
    const json_t *object;
    size_t i;

    ctlTableInit(&table, columns, sizeof(columns) / sizeof(columns[0]));
    json_array_foreach(objects, i, object)
    {
        if (max == 0 || *count < max) {
            addRow(&table, object);
            ++*count;
        }
    }
    if (table.cellCount > 0)
        printTable(&table);
    ctlTableFini(&table);
}

static void
printJson(const json_t *objects, long max, long *count)
{
    const json_t *object;
    size_t i;

    json_array_foreach(objects, i, object)
    {
        if (max != 0 && *count >= max)
            return;
        json_dumpf(object, stdout, JSON_COMPACT);
        putchar('\n');
        ++*count;
    }
}

/* "/cache?prefix=...&from=..."; the prefix of NULL is not there. */
static int
putListPath(Buf *path, const char *prefix, const char *from)
{
    bufPrintf(path, "/cache?");
    if (from[0] != '\0')
        bufPrintf(path, "from=%s&", from);
    if (prefix == NULL)
        return bufAppend(path, "", 1);
    bufPrintf(path, "prefix=");
    ctlQueryPut(path, prefix);
    return bufAppend(path, "", 1);
}

/* One page. Fills next: where the next one begins, "" at the end. False after
 * a complaint. */
static bool
listPage(const Ctl *ctl, const Wish *wish, char next[64], long *count)
{
    Buf path;
    json_t *page = NULL;

    bufInit(&path, PATH_MAX_OCTETS);
    if (putListPath(&path, wish->url, next) == 0)
        page = ctlHttpJson(ctl, bufData(&path));
    else
        ctlFail(ctl, "that is too long");
    bufFini(&path);
    if (page == NULL)
        return false;
    const json_t *objects = json_object_get(page, "objects");
    (wish->isJson ? printJson : printPage)(objects, wish->max, count);
    snprintf(next, 64, "%s", ctlJsonText(page, "next"));
    json_decref(page);
    return true;
}

static int
list(const Ctl *ctl, const Wish *wish)
{
    char next[64] = "";
    long count = 0;

    do {
        if (!listPage(ctl, wish, next, &count))
            return CTL_FAILED;
        if (fflush(stdout) == EOF)
            break; /* nobody reads any more */
    } while (next[0] != '\0' && (wish->max == 0 || count < wish->max));
    return CTL_OK;
}

static int
putUrlPath(Buf *path, const char *start, const char *url)
{
    bufPrintf(path, "%s?url=", start);
    ctlQueryPut(path, url);
    return bufAppend(path, "", 1);
}

static void
printObject(const json_t *object)
{
    printf("# %s, age %" PRId64 " s, fresh for %" PRId64 " s, %" PRId64
           " octets%s%s\n%s\n",
           ctlJsonText(object, "level"), ctlJsonInt(object, "age"),
           ctlJsonInt(object, "fresh_for"), ctlJsonInt(object, "bytes"),
           ctlJsonText(object, "vary")[0] != '\0' ? ", vary: " : "",
           ctlJsonText(object, "vary"), ctlJsonText(object, "head"));
}

static int
get(const Ctl *ctl, const Wish *wish)
{
    Buf path;
    json_t *found = NULL;
    const json_t *object;
    size_t i;

    bufInit(&path, PATH_MAX_OCTETS);
    if (putUrlPath(&path, "/cache/object", wish->url) == 0)
        found = ctlHttpJson(ctl, bufData(&path));
    bufFini(&path);
    if (found == NULL)
        return CTL_FAILED;
    const json_t *objects = json_object_get(found, "objects");
    size_t count = json_array_size(objects);
    json_array_foreach(objects, i, object)
    {
        if (!wish->isJson)
            printObject(object);
    }
    if (wish->isJson)
        printJson(objects, 0, &(long){0});
    json_decref(found);
    return count > 0 ? CTL_OK : ctlFail(ctl, "it is not stored");
}

static int
purge(const Ctl *ctl, const Wish *wish)
{
    Buf path, answer;
    int status = CTL_FAILED;

    bufInit(&path, PATH_MAX_OCTETS);
    bufInit(&answer, CTL_BODY_MAX);
    if (putUrlPath(&path, "/cache/purge", wish->url) == 0 &&
        ctlHttpPost(ctl, bufData(&path), &answer) == 0) {
        json_t *result = json_loadb(bufData(&answer), bufLen(&answer), 0, NULL);
        int64_t count = ctlJsonInt(result, "purged");
        status = count > 0 ? CTL_OK : ctlFail(ctl, "it is not stored");
        if (count > 0)
            printf("%" PRId64 " removed\n", count);
        json_decref(result);
    }
    bufFini(&path);
    bufFini(&answer);
    return status;
}

static void
printLevel(const char *level, const json_t *figures)
{
    static const char *const names[] = {
        "objects", "bytes",    "bytes_max", "lookups",
        "hits",    "stores",   "updates",   "writing",
        "aborts",  "refusals", "evictions", "invalidations",
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        printf("%s %s %" PRId64 "\n", level, names[i],
               ctlJsonInt(figures, names[i]));
}

static int
stats(const Ctl *ctl, const Wish *wish)
{
    json_t *info = ctlHttpJson(ctl, "/info");
    const json_t *mem = json_object_get(info, "cache");
    const json_t *disk = json_object_get(info, "disk");

    if (info == NULL)
        return CTL_FAILED;
    if (wish->isJson) {
        json_t *both = json_pack("{sO sO*}", "memory", mem, "disk", disk);
        json_dumpf(both, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(both);
    } else {
        printLevel("memory", mem);
        if (disk != NULL)
            printLevel("disk", disk);
    }
    json_decref(info);
    return CTL_OK;
}

typedef struct Action {
    const char *name;
    int (*run)(const Ctl *ctl, const Wish *wish);
    bool needsUrl;
} Action;

static const Action actions[] = {
    {"ls", list, false},
    {"get", get, true},
    {"purge", purge, true},
    {"stats", stats, false},
};

static const Action *
lookupAction(const char *name)
{
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
        if (strcmp(actions[i].name, name) == 0)
            return &actions[i];
    return NULL;
}

/* -1: go on; otherwise the exit status. */
static int
readOptions(const Ctl *ctl, int argc, char *argv[], Wish *wish)
{
    static const struct option longs[] = {
        {"help", no_argument, NULL, 'h'},
        {"json", no_argument, NULL, 'j'},
        {0},
    };
    long bounds[] = {1, INT32_MAX};
    int letter;

    while ((letter = ctlOption(ctl, argc, argv, ":hn:", longs)) != -1) {
        if (letter == 'h')
            return ctlHelp(ctl);
        if (letter == '?')
            return CTL_USAGE;
        if (letter == 'j')
            wish->isJson = true;
        else if (!ctlNumber(ctl, "-n", optarg, bounds, &wish->max))
            return CTL_USAGE;
    }
    return -1;
}

int
ctlCache(const Ctl *ctl, int argc, char *argv[])
{
    Wish wish = {0};
    int status = readOptions(ctl, argc, argv, &wish);

    if (status != -1)
        return status;
    if (optind == argc)
        return ctlMisused(ctl, "ls, get, purge or stats?");
    const Action *action = lookupAction(argv[optind]);
    if (action == NULL)
        return ctlMisused(ctl, "what is \"%.100s\"?", argv[optind]);
    if (++optind < argc)
        wish.url = argv[optind++];
    if (optind < argc || (wish.url != NULL && action->run == stats))
        return ctlMisused(ctl, "what is \"%.100s\"?", argv[optind - 1]);
    if (action->needsUrl && wish.url == NULL)
        return ctlMisused(ctl, "%s needs a URL", action->name);
    return action->run(ctl, &wish);
}
