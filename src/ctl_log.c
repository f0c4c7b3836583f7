/* ctl_log.c: squirectl log: the debug log, filtered and followed. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ctl.h"
#include "debug_sections.h"
#include "xalloc.h"

#define FOLLOW_MS 200
#define FOLLOW_LAST 10
#define LAST_MAX 1000000

typedef struct Filter {
    bool hasSections;
    bool sections[DEBUG_SECTION_MAX];
    long level;       /* -1: any */
    const char *pool; /* NULL: any */
    size_t poolLen;
    const char *process; /* "#N" of it, NULL: any */
    const char *text;    /* NULL: any */
} Filter;

typedef struct Log {
    const Ctl *ctl;
    const char *path;
    Filter filter;
    FILE *file;
    bool follows;
    long last;   /* -1: all */
    char **kept; /* a ring of the last lines */
    size_t keptCount;
    bool isWithin; /* the line before, which has the head, was wanted */
} Log;

/* The text of "DATE TIME [NAME] S,L| text"; NULL when the line has no such
 * head. */
static const char *
parseHead(const char *line, int *sectionOut, int *levelOut)
{
    const char *bar = strstr(line, "| ");
    const char *at = bar;
    int used = 0;

    if (bar == NULL || line[0] < '0' || line[0] > '9')
        return NULL;
    while (at > line && at[-1] != ' ')
        at--;
    if (sscanf(at, "%d,%d%n", sectionOut, levelOut, &used) != 2 ||
        at + used != bar)
        return NULL;
    return bar + 2;
}

/* "POOL #3 ...", "POOL: ..." or "POOL ...". */
static bool
isAbout(const Filter *filter, const char *text)
{
    size_t len;

    if (strncmp(text, filter->pool, filter->poolLen) != 0)
        return false;
    text += filter->poolLen;
    if (filter->process == NULL)
        return *text == ' ' || *text == ':';
    len = strlen(filter->process);
    return text[0] == ' ' && strncmp(text + 1, filter->process, len) == 0 &&
           (text[len + 1] < '0' || text[len + 1] > '9');
}

/* A line without a head goes with the one before. */
static bool
isWanted(Log *log, const char *line)
{
    const Filter *filter = &log->filter;
    int section = -1, level = 0;
    const char *text = parseHead(line, &section, &level);

    if (text != NULL)
        log->isWithin = (!filter->hasSections ||
                         (section >= 0 && section < DEBUG_SECTION_MAX &&
                          filter->sections[section])) &&
                        (filter->level < 0 || level <= filter->level) &&
                        (filter->pool == NULL || isAbout(filter, text));
    else if (!filter->hasSections && filter->level < 0 && filter->pool == NULL)
        log->isWithin = true;
    return log->isWithin &&
           (filter->text == NULL || strstr(line, filter->text) != NULL);
}

static void
keepLine(Log *log, const char *line)
{
    size_t at = log->keptCount % (size_t)log->last;

    free(log->kept[at]);
    log->kept[at] = xstrdup(line);
    log->keptCount++;
}

static void
printKept(Log *log)
{
    size_t room = log->last > 0 ? (size_t)log->last : 0;
    size_t count = log->keptCount < room ? log->keptCount : room;

    for (size_t i = log->keptCount - count; i < log->keptCount; i++)
        fputs(log->kept[i % room], stdout);
    for (size_t i = 0; i < room; i++)
        free(log->kept[i]);
    free(log->kept);
    log->kept = NULL;
    log->last = -1;
}

static void
takeLine(Log *log, const char *line)
{
    if (!isWanted(log, line))
        return;
    if (log->last < 0)
        fputs(line, stdout);
    else if (log->last > 0)
        keepLine(log, line);
}

/* All there is. The rest of a line that is being written is waited for. */
static void
readLines(Log *log)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t n;
    off_t start = ftello(log->file);

    while ((n = getline(&line, &size, log->file)) > 0) {
        if (line[n - 1] != '\n' && log->follows) {
            fseeko(log->file, start, SEEK_SET);
            break;
        }
        takeLine(log, line);
        start = ftello(log->file);
    }
    clearerr(log->file);
    free(line);
    fflush(stdout);
}

static bool
isReplaced(const Log *log)
{
    struct stat now, ours;

    return stat(log->path, &now) == 0 && fstat(fileno(log->file), &ours) == 0 &&
           (now.st_ino != ours.st_ino || now.st_dev != ours.st_dev);
}

static bool
isCutShort(const Log *log)
{
    struct stat ours;

    return fstat(fileno(log->file), &ours) == 0 &&
           ours.st_size < ftello(log->file);
}

/* Until the output is closed. */
static int
follow(Log *log)
{
    struct pollfd out = {.fd = 1};

    while (!ferror(stdout)) {
        if (poll(&out, 1, FOLLOW_MS) > 0 &&
            (out.revents & (POLLERR | POLLHUP)) != 0)
            break;
        bool isOver = isReplaced(log);
        if (isCutShort(log))
            rewind(log->file);
        readLines(log);
        FILE *next = isOver ? fopen(log->path, "re") : NULL;
        if (next == NULL)
            continue;
        fclose(log->file);
        log->file = next;
        readLines(log);
    }
    return CTL_OK;
}

static bool
addSection(const Ctl *ctl, Filter *filter, const char *word)
{
    static const struct {
        int number;
        const char *name;
    } rows[] = {
#define X(number, name, text) {number, #name},
        DEBUG_SECTIONS(X)
#undef X
    };
    long minMax[2] = {0, DEBUG_SECTION_MAX - 1};
    long number;

    filter->hasSections = true;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strcasecmp(word, rows[i].name) == 0) {
            filter->sections[rows[i].number] = true;
            return true;
        }
    if (!ctlNumber(ctl, "--section", word, minMax, &number))
        return false;
    filter->sections[number] = true;
    return true;
}

static bool
addSections(const Ctl *ctl, Filter *filter, const char *text)
{
    char *copy = xstrdup(text);
    char *rest = copy;
    const char *word;
    bool isGood = true;

    while (isGood && (word = strsep(&rest, ",")) != NULL)
        isGood = addSection(ctl, filter, word);
    free(copy);
    return isGood;
}

static void
setHelper(Filter *filter, const char *text)
{
    const char *mark = strrchr(text, '#');

    filter->pool = text;
    filter->poolLen = mark != NULL ? (size_t)(mark - text) : strlen(text);
    filter->process = mark;
    while (mark != NULL && filter->poolLen > 0 &&
           text[filter->poolLen - 1] == ' ')
        filter->poolLen--;
}

static bool
takeOption(Log *log, int letter)
{
    long levels[2] = {0, 9}, lines[2] = {0, LAST_MAX};

    switch (letter) {
    case 'f':
        log->path = optarg;
        return true;
    case 'F':
        log->follows = true;
        return true;
    case 'n':
        return ctlNumber(log->ctl, "-n", optarg, lines, &log->last);
    case 's':
        return addSections(log->ctl, &log->filter, optarg);
    case 'l':
        return ctlNumber(log->ctl, "--level", optarg, levels,
                         &log->filter.level);
    case 'H':
        setHelper(&log->filter, optarg);
        return true;
    case 'g':
        log->filter.text = optarg;
        return true;
    default:
        return false;
    }
}

/* -1: go on; otherwise the exit status. */
static int
readOptions(Log *log, int argc, char *argv[])
{
    static const struct option longs[] = {
        {"file", required_argument, NULL, 'f'},
        {"follow", no_argument, NULL, 'F'},
        {"grep", required_argument, NULL, 'g'},
        {"help", no_argument, NULL, 'h'},
        {"helper", required_argument, NULL, 'H'},
        {"level", required_argument, NULL, 'l'},
        {"lines", required_argument, NULL, 'n'},
        {"section", required_argument, NULL, 's'},
        {0},
    };
    int letter;

    while ((letter = ctlOption(log->ctl, argc, argv, ":f:Fn:h", longs)) != -1) {
        if (letter == 'h')
            return ctlHelp(log->ctl);
        if (!takeOption(log, letter))
            return CTL_USAGE;
    }
    if (optind < argc)
        return ctlMisused(log->ctl, "what is \"%.100s\"?", argv[optind]);
    return -1;
}

static int
showFile(Log *log)
{
    log->file = fopen(log->path, "re");
    if (log->file == NULL)
        return ctlFail(log->ctl, "cannot read %s: %s", log->path,
                       strerror(errno));
    if (log->follows && log->last < 0)
        log->last = FOLLOW_LAST;
    if (log->last > 0)
        log->kept = xcalloc((size_t)log->last, sizeof(*log->kept));
    readLines(log);
    printKept(log);
    fflush(stdout);
    if (log->follows)
        follow(log);
    fclose(log->file);
    return CTL_OK;
}

int
ctlLog(const Ctl *ctl, int argc, char *argv[])
{
    Log log = {.ctl = ctl, .last = -1, .filter = {.level = -1}};
    int status = readOptions(&log, argc, argv);

    if (status != -1)
        return status;
    if (log.path != NULL)
        return showFile(&log);
    json_t *info = ctlHttpJson(ctl, "/info");
    if (info == NULL)
        return CTL_FAILED;
    log.path = ctlJsonText(info, "cache_log");
    status = log.path[0] != '\0'
                 ? showFile(&log)
                 : ctlFail(ctl, "this squire logs to its terminal "
                                "(cache_log none)");
    json_decref(info);
    return status;
}
