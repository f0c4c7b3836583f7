/* mux_options.c: the command line of squire-mux. */
#include "mux_options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "xalloc.h"

#define DRAIN_MS 10000

typedef enum Kind {
    FLAG,    /* bool */
    COUNT,   /* unsigned */
    COUNT64, /* uint64_t */
    OCTETS,  /* size_t, with k, m, g */
    LIMIT,   /* int64_t, the same */
    MS,      /* int or unsigned: seconds with a fraction, or ms, s, m, h */
    SECONDS, /* int64_t, the same, whole */
    TEXT,    /* const char * */
    WORD,    /* an enum: one of words */
    ENV,     /* NAME or NAME=VALUE */
} Kind;

typedef struct Row {
    const char *name;
    Kind kind;
    size_t at;
    const char *const *words;
    const char *value; /* what the usage calls it */
    const char *help;
} Row;

static const char *const overloadWords[] = {
    [HELPER_OVERLOAD_ERR] = "err",
    [HELPER_OVERLOAD_BYPASS] = "bypass",
    [HELPER_OVERLOAD_WAIT] = "wait",
    [HELPER_OVERLOAD_COUNT] = NULL,
};

static const char *const failWords[] = {
    [HELPER_FAIL_CLOSED] = "closed",
    [HELPER_FAIL_OPEN] = "open",
    [HELPER_FAIL_STALE] = "stale",
    [HELPER_FAIL_COUNT] = NULL,
};

static const char *const stderrWords[] = {"tag", "raw", NULL};

#define POOL(field) offsetof(MuxOptions, pool.field)
#define OURS(field) offsetof(MuxOptions, field)

static const Row rows[] = {
    {"max", COUNT, POOL(max), NULL, "N", "processes at most, 20"},
    {"startup", COUNT, POOL(startup), NULL, "N", "started at once, 1"},
    {"idle", COUNT, POOL(idle), NULL, "N", "started and kept at a time, 1"},
    {"idle-time", MS, POOL(idleMs), NULL, "T",
     "one too many leaves after this, 60"},
    {"concurrency", COUNT, POOL(concurrency), NULL, "N",
     "the program knows channel-IDs; requests at once for each process"},
    {"pipeline", COUNT, POOL(pipeline), NULL, "N",
     "without IDs: lines at once, if each one is surely answered; 1"},
    {"queue-size", COUNT, POOL(queueMax), NULL, "N",
     "requests that may wait, unless --overload wait"},
    {"overload", WORD, POOL(overload), overloadWords, "WORD",
     "wait (default), err or bypass"},
    {"timeout", MS, POOL(timeoutMs), NULL, "T", "for an answer, 10; 0: none"},
    {"attempts", COUNT, POOL(attempts), NULL, "N", "for each request, 3"},
    {"fail", WORD, POOL(fail), failWords, "WORD",
     "when there is no answer: closed (default), open or stale"},
    {"line-max", OCTETS, POOL(lineMax), NULL, "SIZE",
     "longest request with ID and LF, 8191"},
    {"reply-max", OCTETS, POOL(replyMax), NULL, "SIZE",
     "longest answer, 65536"},
    {"max-requests", COUNT64, POOL(maxRequests), NULL, "N",
     "for one process; then it is replaced"},
    {"max-age", MS, POOL(maxAgeMs), NULL, "T", "of a process, likewise"},
    {"probe", TEXT, POOL(probe), NULL, "LINE",
     "asked of a new process before others, and of idle ones"},
    {"probe-interval", MS, POOL(probeMs), NULL, "T", "for idle ones, 30"},
    {"cache", COUNT, POOL(cacheMax), NULL, "N", "answers to keep"},
    {"ttl", MS, POOL(ttlMs), NULL, "T", "how long OK is kept, 1h"},
    {"negative-ttl", MS, POOL(negativeTtlMs), NULL, "T",
     "how long ERR is kept, 1h"},
    {"grace", COUNT, POOL(gracePct), NULL, "PERCENT",
     "of the ttl, in which an answer is renewed ahead of time"},
    {"collapse", FLAG, POOL(collapse), NULL, NULL,
     "ask identical requests once"},
    {"stderr", WORD, POOL(stderrRaw), stderrWords, "WORD",
     "of helpers: tag (default) or raw"},
    {"user", TEXT, POOL(attr.user), NULL, "NAME", "whom helpers run as"},
    {"group", TEXT, POOL(attr.group), NULL, "NAME", "and their group"},
    {"memory", LIMIT, POOL(attr.limitMemory), NULL, "SIZE",
     "address space of a helper"},
    {"files", LIMIT, POOL(attr.limitFiles), NULL, "N", "its descriptors"},
    {"cpu", SECONDS, POOL(attr.limitCpuSec), NULL, "T", "its processor time"},
    {"processes", LIMIT, POOL(attr.limitProcesses), NULL, "N",
     "processes of its user"},
    {"no-new-privs", FLAG, POOL(attr.noNewPrivs), NULL, NULL,
     "setuid programs give it nothing"},
    {"no-capabilities", FLAG, POOL(attr.noCapabilities), NULL, NULL,
     "not even to root"},
    {"syscall-filter", FLAG, POOL(attr.filter), NULL, NULL,
     "no new sockets, no further programs"},
    {"cwd", TEXT, POOL(attr.cwd), NULL, "FOLDER", "where it works"},
    {"env", ENV, 0, NULL, "NAME[=VALUE]",
     "give it this variable, and only those so named"},
    {"name", TEXT, POOL(name), NULL, "NAME", "of the pool in the log"},
    {"plain", FLAG, OURS(isPlain), NULL, NULL,
     "Squid has no concurrency= here: no channel-IDs from it"},
    {"drain", MS, OURS(drainMs), NULL, "T", "to finish at the end, 10"},
    {"log", TEXT, OURS(logPath), NULL, "FILE", "instead of stderr"},
    {"debug", TEXT, OURS(debugOptions), NULL, "OPTIONS",
     "as debug_options in squid.conf"},
    {"help", FLAG, OURS(help), NULL, NULL, "show this"},
    {"version", FLAG, OURS(version), NULL, NULL, "show the version"},
};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

void
muxOptionsUsage(FILE *out)
{
    fprintf(out,
            "usage: squire-mux [options] -- PROGRAM [arguments]\n"
            "T is in seconds, or with ms, s, m, h, d; SIZE may end in k, m, "
            "g.\n");
    for (size_t i = 0; i < ROW_COUNT; i++) {
        char left[64];
        snprintf(left, sizeof(left), "--%s%s%s", rows[i].name,
                 rows[i].value ? " " : "", rows[i].value ? rows[i].value : "");
        fprintf(out, "  %-22s %s\n", left, rows[i].help);
    }
}

static int
parseCount(const char *text, uint64_t limit, uint64_t *out)
{
    char *end;

    if (*text < '0' || *text > '9')
        return -EINVAL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno || *end || value > limit)
        return -EINVAL;
    *out = value;
    return 0;
}

static int
parseSize(const char *text, uint64_t limit, uint64_t *out)
{
    static const char units[] = "kmg";
    unsigned shift = 0;
    char *end;

    if (*text < '0' || *text > '9')
        return -EINVAL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    const char *unit = *end ? strchr(units, *end | 0x20) : NULL;
    if (unit) {
        shift = (unsigned)(unit - units + 1) * 10;
        end += 1 + (end[1] == 'B' || end[1] == 'b');
    }
    if (errno || *end || value > limit >> shift)
        return -EINVAL;
    *out = value << shift;
    return 0;
}

static int
parseTime(const char *text, uint64_t *msOut)
{
    static const struct {
        const char *name;
        double ms;
    } units[] = {{"", 1e3},    {"s", 1e3},      {"ms", 1},
                 {"m", 6e4},   {"min", 6e4},    {"minutes", 6e4},
                 {"h", 36e5},  {"hours", 36e5}, {"seconds", 1e3},
                 {"d", 864e5}, {"days", 864e5}};
    char *end;

    if (*text < '0' || *text > '9')
        return -EINVAL;
    double value = strtod(text, &end);
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(end, units[i].name) != 0)
            continue;
        value *= units[i].ms;
        if (!(value <= INT_MAX))
            return -EINVAL;
        *msOut = (uint64_t)(value + 0.5);
        return 0;
    }
    return -EINVAL;
}

static int
parseWord(const char *text, const char *const *words, uint64_t *out)
{
    for (unsigned i = 0; words[i]; i++) {
        if (strcmp(words[i], text) != 0)
            continue;
        *out = i;
        return 0;
    }
    return -EINVAL;
}

static void
addEnv(MuxOptions *options, const char *text)
{
    const char *ours = strchr(text, '=') ? NULL : getenv(text);

    if (!strchr(text, '=') && !ours)
        return;
    options->env =
        xrealloc(options->env, (options->envCount + 2) * sizeof(*options->env));
    options->env[options->envCount++] =
        ours ? xasprintf("%s=%s", text, ours) : xstrdup(text);
    options->env[options->envCount] = NULL;
    options->pool.attr.env = options->env;
}

/* Set a field of a number to what the text says. */
static int
setNumber(const Row *row, const char *text, void *field)
{
    uint64_t value = 0;
    int error = 0;

    switch (row->kind) {
    case COUNT:
        error = parseCount(text, INT_MAX, &value);
        break;
    case COUNT64:
        error = parseCount(text, INT64_MAX, &value);
        break;
    case OCTETS:
        error = parseSize(text, INT_MAX, &value);
        break;
    case LIMIT:
        error = parseSize(text, INT64_MAX, &value);
        break;
    case WORD:
        error = parseWord(text, row->words, &value);
        break;
    default:
        error = parseTime(text, &value);
    }
    if (error < 0)
        return error;
    if (row->kind == OCTETS)
        *(size_t *)field = value;
    else if (row->kind == LIMIT)
        *(int64_t *)field = (int64_t)value;
    else if (row->kind == SECONDS)
        *(int64_t *)field = (int64_t)(value + 999) / 1000;
    else if (row->kind == COUNT64)
        *(uint64_t *)field = value;
    else if (row->words == stderrWords)
        *(bool *)field = value != 0;
    else
        *(unsigned *)field = (unsigned)value;
    return 0;
}

static int
setOption(MuxOptions *options, const Row *row, const char *text)
{
    void *field = (char *)options + row->at;

    switch (row->kind) {
    case FLAG:
        if (row->at == POOL(attr.filter))
            options->pool.attr.filter = IPC_FILTER_DEFAULT;
        else
            *(bool *)field = true;
        return 0;
    case TEXT:
        *(const char **)field = text;
        return 0;
    case ENV:
        addEnv(options, text);
        return 0;
    default:
        return setNumber(row, text, field);
    }
}

/* What was wrong with the value of an option. */
static int
complain(FILE *err, const Row *row, const char *text)
{
    fprintf(err, "squire-mux: --%s %.200s: ", row->name, text);
    if (row->kind == WORD) {
        fprintf(err, "expected");
        for (unsigned i = 0; row->words[i]; i++)
            fprintf(err, "%s %s", i ? " or" : "", row->words[i]);
        fprintf(err, "\n");
    } else {
        fprintf(err, "expected %s\n",
                row->kind == MS || row->kind == SECONDS
                    ? "a time such as 10, 2.5, 300ms, 5m or 1h"
                : row->kind == OCTETS || row->kind == LIMIT
                    ? "a size such as 8191, 64k or 8MB"
                    : "a number");
    }
    return -EINVAL;
}

static const Row *
findRow(int letter, int index)
{
    const char *name = letter == 'h' ? "help" : "version";

    if (letter == 0)
        return &rows[index];
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

static int
takeOption(MuxOptions *options, int letter, int index, FILE *err)
{
    const Row *row =
        letter == ':' || letter == '?' ? NULL : findRow(letter, index);

    if (row) {
        if (setOption(options, row, optarg) == 0)
            return 0;
        return complain(err, row, optarg);
    }
    if (letter == ':')
        fprintf(err, "squire-mux: an option needs a value after it\n");
    else
        fprintf(err, "squire-mux: there is no such option; squire-mux -h "
                     "shows all\n");
    return -EINVAL;
}

static void
setDefaults(MuxOptions *options)
{
    *options = (MuxOptions){.drainMs = DRAIN_MS};
    helperConfigInit(&options->pool);
    options->pool.startup = 1;
    options->pool.overload = HELPER_OVERLOAD_WAIT;
}

static void
fillLong(struct option *table)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        table[i] = (struct option){
            .name = rows[i].name,
            .has_arg = rows[i].value ? required_argument : no_argument,
        };
}

static int
takeProgram(MuxOptions *options, char *argv[], FILE *err)
{
    if (options->help || options->version)
        return 0;
    if (!argv[0]) {
        fprintf(err, "squire-mux: no PROGRAM given; squire-mux -h shows the "
                     "usage\n");
        return -EINVAL;
    }
    union {
        char **given;
        const char *const *ours;
    } words = {.given = argv};
    options->pool.argv = words.ours;
    if (!options->pool.name) {
        const char *slash = strrchr(argv[0], '/');
        options->pool.name = slash && slash[1] ? slash + 1 : argv[0];
    }
    return 0;
}

int
muxOptionsParse(int argc, char *argv[], FILE *err, MuxOptions *optionsOut)
{
    struct option table[ROW_COUNT + 1] = {{0}};
    MuxOptions options;
    int letter, index = 0, error = 0;

    setDefaults(&options);
    fillLong(table);
    opterr = 0;
    optind = 0; /* begin anew, also after an earlier call */
    while (error == 0 &&
           (letter = getopt_long(argc, argv, "+:hv", table, &index)) != -1)
        error = takeOption(&options, letter, index, err);
    if (error == 0)
        error = takeProgram(&options, argv + optind, err);
    if (error < 0)
        muxOptionsFini(&options);
    else
        *optionsOut = options;
    return error;
}

void
muxOptionsFini(MuxOptions *options)
{
    union {
        const char **given;
        char **ours;
    } env = {.given = options->env};

    for (size_t i = 0; i < options->envCount; i++)
        free(env.ours[i]);
    free(env.ours);
    options->env = NULL;
    options->envCount = 0;
}
