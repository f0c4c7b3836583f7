/* log_shift.c: old files of a log get other names. Debug section 50. */
#include "log_shift.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "xalloc.h"

/* A pipe or a device has no old files. */
static bool
isPlainFile(const char *path)
{
    struct stat info;

    return lstat(path, &info) == 0 && S_ISREG(info.st_mode);
}

/* The name of the file with that number; the log's own for -1. */
static char *
nameOf(const char *path, long number)
{
    return number < 0 ? xstrdup(path) : xasprintf("%s.%ld", path, number);
}

/* 0 or -errno. */
static int
shiftOne(const char *path, long number)
{
    char *from = nameOf(path, number - 1);
    char *to = nameOf(path, number);
    int rc = rename(from, to) == 0 || errno == ENOENT ? 0 : -errno;

    free(from);
    free(to);
    return rc;
}

int
logShift(const char *path, unsigned keep)
{
    int failure = 0;

    if (!isPlainFile(path))
        return 0;
    if (keep > LOG_SHIFT_MAX)
        keep = LOG_SHIFT_MAX;
    for (long number = (long)keep - 1; number >= 0; number--) {
        int rc = shiftOne(path, number);
        if (failure == 0)
            failure = rc;
    }
    return failure;
}
