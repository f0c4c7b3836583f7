/* test_mux_options.c: the command line of squire-mux. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mux_options.h"

static MuxOptions options;
static char complaint[1000];

static void
fini(void)
{
    muxOptionsFini(&options);
}

TestSuite(muxOptions, .fini = fini);

/* Parse words that are separated by blanks. */
static int
parse(const char *text)
{
    static char copy[1000];
    static char *argv[64];
    int argc = 0;
    FILE *err = fmemopen(complaint, sizeof(complaint), "w");

    memset(complaint, 0, sizeof(complaint));
    snprintf(copy, sizeof(copy), "squire-mux %s", text);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    argv[argc] = NULL;
    int rc = muxOptionsParse(argc, argv, err, &options);
    fclose(err);
    return rc;
}

static void
expectComplaint(const char *text, const char *cause)
{
    cr_assert_eq(parse(text), -EINVAL, "%s", text);
    cr_assert_not_null(strstr(complaint, cause), "%s: %s", text, complaint);
}

Test(muxOptions, has_defaults)
{
    cr_assert_eq(parse("-- /bin/prog -x --max 3"), 0);
    cr_assert_str_eq(options.pool.name, "prog");
    cr_assert_str_eq(options.pool.argv[1], "-x");
    cr_assert_eq(options.pool.max, 20);
    cr_assert_eq(options.pool.startup, 1);
    cr_assert_eq(options.pool.timeoutMs, 10000);
    cr_assert_eq(options.pool.overload, HELPER_OVERLOAD_WAIT);
    cr_assert_eq(options.drainMs, 10000);
    cr_assert(!options.isPlain);
}

Test(muxOptions, sets_each_kind_of_field)
{
    cr_assert_eq(parse("--max 7 --timeout 2.5 --idle-time 300ms --max-age 2h "
                       "--max-requests 5000000000 --line-max 64k "
                       "--memory 2G --cpu 90s --plain --stderr raw "
                       "--fail stale --overload bypass --syscall-filter "
                       "--probe ping --user nobody --name pool --drain 0 "
                       "prog --plain"),
                 0);
    const HelperConfig *pool = &options.pool;
    cr_assert_eq(pool->max, 7);
    cr_assert_eq(pool->timeoutMs, 2500);
    cr_assert_eq(pool->idleMs, 300);
    cr_assert_eq(pool->maxAgeMs, 7200000);
    cr_assert_eq(pool->maxRequests, 5000000000);
    cr_assert_eq(pool->lineMax, 65536);
    cr_assert_eq(pool->attr.limitMemory, 2ll << 30);
    cr_assert_eq(pool->attr.limitCpuSec, 90);
    cr_assert(options.isPlain && pool->stderrRaw);
    cr_assert_eq(pool->fail, HELPER_FAIL_STALE);
    cr_assert_eq(pool->overload, HELPER_OVERLOAD_BYPASS);
    cr_assert_eq(pool->attr.filter, IPC_FILTER_DEFAULT);
    cr_assert_str_eq(pool->probe, "ping");
    cr_assert_str_eq(pool->attr.user, "nobody");
    cr_assert_str_eq(pool->name, "pool");
    cr_assert_eq(options.drainMs, 0);
    cr_assert_str_eq(pool->argv[1], "--plain");
}

Test(muxOptions, gives_only_the_variables_that_are_named)
{
    setenv("MUX_SEEN", "1", 1);
    unsetenv("MUX_UNSEEN");
    cr_assert_eq(parse("--env MUX_SEEN --env A=b --env MUX_UNSEEN p"), 0);
    cr_assert_str_eq(options.pool.attr.env[0], "MUX_SEEN=1");
    cr_assert_str_eq(options.pool.attr.env[1], "A=b");
    cr_assert_null(options.pool.attr.env[2]);
}

Test(muxOptions, takes_what_squire_conf_takes)
{
    cr_assert_eq(parse("--timeout 30seconds --max-age 2d --idle-time 5min "
                       "--memory 64MB --line-max 8kb prog"),
                 0);
    cr_assert_eq(options.pool.timeoutMs, 30000);
    cr_assert_eq(options.pool.maxAgeMs, 172800000);
    cr_assert_eq(options.pool.idleMs, 300000);
    cr_assert_eq(options.pool.attr.limitMemory, 64 << 20);
    cr_assert_eq(options.pool.lineMax, 8192);
}

Test(muxOptions, says_what_is_wrong)
{
    expectComplaint("", "no PROGRAM");
    expectComplaint("--max 3", "no PROGRAM");
    expectComplaint("--max x p", "--max x: expected a number");
    expectComplaint("--max -1 p", "expected a number");
    expectComplaint("--max 99999999999 p", "expected a number");
    expectComplaint("--memory 9999999999G p", "expected a size");
    expectComplaint("--timeout 5y p", "--timeout 5y: expected a time such as");
    expectComplaint("--memory 64XB p", "expected a size such as 8191, 64k");
    expectComplaint("--timeout 1e99 p", "expected a time");
    expectComplaint("--fail x p", "expected closed or open or stale");
    expectComplaint("--max", "needs a value");
    expectComplaint("--nothing p", "no such option");
    expectComplaint("-x p", "no such option");
}

Test(muxOptions, needs_no_program_to_show_itself)
{
    cr_assert_eq(parse("-h"), 0);
    cr_assert(options.help);
    cr_assert_eq(parse("--version"), 0);
    cr_assert(options.version);
}
