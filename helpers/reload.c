/* reload.c: follow a text file. */
#include "reload.h"

#include "check.h"
#include "xalloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define RELOAD_MAGIC 0x5e12e002u
#define CHECK_EVERY_SEC 1

struct Reload {
    uint32_t magic;
    const ReloadOps *ops;
    const char *program;
    const char *path;
    void *table;
    struct stat seen; /* the file as it was read; zeroed: not there */
    time_t checkedAt; /* seconds of the monotonic clock */
};

static bool
isSameFile(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev &&
           a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static char *
trim(char *text)
{
    size_t len;

    text += strspn(text, " \t");
    len = strlen(text);
    while (len > 0 && strchr(" \t\r\n", text[len - 1]))
        text[--len] = '\0';
    return text;
}

static const char *
takeLine(const ReloadOps *ops, void *table, char *text, size_t len)
{
    if (strlen(text) != len)
        return "NUL in the line";
    text = trim(text);
    return *text == '\0' || *text == '#' ? NULL : ops->addLine(table, text);
}

void *
reloadRead(const ReloadOps *ops, FILE *file, const char *program,
           const char *path, char **errorOut)
{
    void *table = ops->create();
    const char *why = NULL;
    char *text = NULL;
    size_t size = 0;
    unsigned line = 0;
    ssize_t len;

    while (!why && (len = getline(&text, &size, file)) >= 0) {
        line++;
        why = takeLine(ops, table, text, (size_t)len);
        if (!why || !ops->skipsWrong)
            continue;
        fprintf(stderr, "%s: %s:%u: %s (the line is left out)\n", program, path,
                line, why);
        why = NULL;
    }
    free(text);
    if (!why && !ferror(file))
        return table;
    *errorOut = why ? xasprintf("%s:%u: %s", path, line, why)
                    : xasprintf("%s: %s", path, strerror(errno));
    ops->destroy(&table);
    return NULL;
}

/* Read the file; when it is wrong say so, and keep the table there is. */
static bool
load(Reload *reload)
{
    char *error = NULL;
    void *table = NULL;
    FILE *file = fopen(reload->path, "re");

    if (file) {
        table = reloadRead(reload->ops, file, reload->program, reload->path,
                           &error);
        fclose(file);
    } else {
        error = xasprintf("%s: %s", reload->path, strerror(errno));
    }
    if (!table) {
        fprintf(stderr, "%s: %s%s\n", reload->program, error,
                reload->table ? " (what was read before stays in force)" : "");
        free(error);
        return false;
    }
    reload->ops->destroy(&reload->table);
    reload->table = table;
    return true;
}

/* Before the file is read, so that a change meanwhile is seen as one. */
static void
look(const Reload *reload, struct stat *nowOut)
{
    if (stat(reload->path, nowOut) < 0)
        memset(nowOut, 0, sizeof(*nowOut));
}

Reload *
reloadOpen(const ReloadOps *ops, const char *program, const char *path)
{
    Reload *reload = xcalloc(1, sizeof(*reload));

    reload->magic = RELOAD_MAGIC;
    reload->ops = ops;
    reload->program = program;
    reload->path = path;
    look(reload, &reload->seen);
    if (!load(reload))
        reloadClose(&reload);
    return reload;
}

const void *
reloadTable(Reload *reload)
{
    struct stat now = {0};
    struct timespec clock = {0};

    CHECK_OBJ(reload, RELOAD_MAGIC);
    clock_gettime(CLOCK_MONOTONIC_COARSE, &clock);
    if (clock.tv_sec - reload->checkedAt < CHECK_EVERY_SEC)
        return reload->table;
    reload->checkedAt = clock.tv_sec;
    look(reload, &now);
    if (!isSameFile(&now, &reload->seen)) {
        reload->seen = now;
        load(reload);
    }
    return reload->table;
}

void
reloadClose(Reload **reloadp)
{
    Reload *reload = *reloadp;

    if (!reload)
        return;
    CHECK_OBJ(reload, RELOAD_MAGIC);
    *reloadp = NULL;
    reload->ops->destroy(&reload->table);
    CHECK_OBJ_CLEAR(reload);
    free(reload);
}
