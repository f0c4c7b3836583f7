/* test_log_shift.c: old files of a log. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log_shift.h"
#include "support.h"
#include "xalloc.h"

TestSuite(logShift, .init = supportInit, .fini = supportFini, .timeout = 20);

static char *
pathOf(int number)
{
    const char *path = supportTempPath("x.log");

    return number < 0 ? xstrdup(path) : xasprintf("%s.%d", path, number);
}

static void
writeNumbered(int number, const char *text)
{
    char *path = pathOf(number);
    FILE *file = fopen(path, "we");

    cr_assert(file);
    fputs(text, file);
    fclose(file);
    free(path);
}

/* text NULL: there is no such file. */
static void
expectNumbered(int number, const char *text)
{
    char *path = pathOf(number);

    if (text == NULL) {
        cr_expect_eq(access(path, F_OK), -1, "%s", path);
    } else {
        char *is = supportReadFile(path);
        cr_expect_str_eq(is, text, "%s", path);
        free(is);
    }
    free(path);
}

static int
shift(unsigned keep)
{
    char *path = pathOf(-1);
    int rc = logShift(path, keep);

    free(path);
    return rc;
}

Test(logShift, the_last_is_gone)
{
    writeNumbered(-1, "new");
    writeNumbered(0, "zero");
    writeNumbered(1, "one");
    writeNumbered(2, "two");
    cr_expect_eq(shift(2), 0);
    expectNumbered(-1, NULL);
    expectNumbered(0, "new");
    expectNumbered(1, "zero");
    expectNumbered(2, "two"); /* of more that were kept once */
}

Test(logShift, gaps_are_no_error)
{
    writeNumbered(-1, "new");
    writeNumbered(3, "three");
    cr_expect_eq(shift(10), 0);
    expectNumbered(0, "new");
    expectNumbered(4, "three");
}

Test(logShift, without_a_plain_file_nothing_happens)
{
    char *path = pathOf(-1);

    writeNumbered(0, "zero");
    cr_expect_eq(shift(5), 0);
    expectNumbered(0, "zero");
    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_expect_eq(shift(5), 0);
    expectNumbered(0, "zero");
    unlink(path);
    writeNumbered(-1, "new");
    cr_expect_eq(shift(0), 0);
    expectNumbered(-1, "new");
    free(path);
}

Test(logShift, what_is_in_the_way_is_told)
{
    char *path = pathOf(0);

    writeNumbered(-1, "new");
    cr_assert_eq(mkdir(path, 0700), 0);
    cr_expect_eq(shift(1), -EISDIR);
    expectNumbered(-1, "new");
    rmdir(path);
    free(path);
}
