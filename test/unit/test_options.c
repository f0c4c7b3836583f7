/* test_options.c: the command line. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "options.h"
#include "support.h"

TestSuite(options, .init = supportInit, .fini = supportFini, .timeout = 20);

#define ARGS_MAX 8

/* Parse words between blanks; complaints go to text (freed by the caller). */
static int
parse(const char *line, Options *options, char **textOut)
{
    char copy[512], *rest = NULL;
    char *argv[ARGS_MAX + 2] = {NULL};
    size_t size;
    int argc = 0, rc;
    FILE *err = open_memstream(textOut, &size);

    snprintf(copy, sizeof(copy), "squire %s", line);
    for (char *at = strtok_r(copy, " ", &rest); at && argc <= ARGS_MAX;
         at = strtok_r(NULL, " ", &rest))
        argv[argc++] = at;
    rc = optionsParse(argc, argv, err, options);
    fclose(err);
    return rc;
}

static Options
parseRight(const char *line)
{
    Options options;
    char *text = NULL;

    cr_assert_eq(parse(line, &options, &text), 0, "%s: %s", line, text);
    cr_expect_str_eq(text, "");
    free(text);
    return options;
}

Test(options, nothing_means_run_in_the_background)
{
    Options options = parseRight("");

    cr_expect_eq(options.action, OPTIONS_RUN);
    cr_expect_not(options.foreground);
    cr_expect_eq(options.configPath[0], '/');
    cr_expect(strstr(options.configPath, "/squire/squire.conf"));
}

Test(options, each_option)
{
    Options options = parseRight("-N -f /etc/x.conf -k parse");

    cr_expect(options.foreground);
    cr_expect_str_eq(options.configPath, "/etc/x.conf");
    cr_expect_eq(options.action, OPTIONS_PARSE);
    cr_expect(parseRight("-v").version);
    cr_expect(parseRight("-h").help);
    cr_expect_eq(parseRight("-Nkshutdown").action, OPTIONS_SHUTDOWN);
}

Test(options, a_relative_file_becomes_absolute)
{
    char folder[512], want[600];
    Options options = parseRight("-f x.conf");

    cr_assert(getcwd(folder, sizeof(folder)));
    snprintf(want, sizeof(want), "%s/x.conf", folder);
    cr_expect_str_eq(options.configPath, want);
}

Test(options, every_action_by_its_name_and_its_beginning)
{
    for (int i = OPTIONS_RUN + 1; i < OPTIONS_ACTION_COUNT; i++) {
        char line[64];

        snprintf(line, sizeof(line), "-k %s",
                 optionsActionName((OptionsAction)i));
        cr_expect_eq((int)parseRight(line).action, i);
    }
    cr_expect_eq(parseRight("-k rec").action, OPTIONS_RECONFIGURE);
    cr_expect_eq(parseRight("-k s").action, OPTIONS_SHUTDOWN);
}

static const char *const wrongLines[] = {
    "-k", "-k stop", "-k r", "-k run", "-f", "-x", "-N more", "-Nz", "--help",
};

Test(options, what_is_wrong_is_told)
{
    for (size_t i = 0; i < sizeof(wrongLines) / sizeof(wrongLines[0]); i++) {
        Options options = {.foreground = true};
        char *text = NULL;

        cr_expect_eq(parse(wrongLines[i], &options, &text), -EINVAL, "%s",
                     wrongLines[i]);
        cr_expect_eq(strncmp(text, "squire: ", 8), 0, "%s: %s", wrongLines[i],
                     text);
        cr_expect(options.foreground, "nothing is written on failure");
        free(text);
    }
}

Test(options, a_path_that_is_too_long)
{
    static char path[2 * PATH_MAX];
    char *argv[] = {(char[]){"squire"}, (char[]){"-f"}, path, NULL};
    Options options;
    char *text = NULL;
    size_t size;
    FILE *err = open_memstream(&text, &size);

    memset(path, 'x', sizeof(path) - 1);
    cr_expect_eq(optionsParse(3, argv, err, &options), -EINVAL);
    fclose(err);
    free(text);
}
