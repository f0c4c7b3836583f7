/* test_control.c: `squire -k`, against a child that plays the proxy. */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control.h"
#include "pid_file.h"
#include "support.h"

TestSuite(control, .init = supportInit, .fini = supportFini, .timeout = 60);

static Options
optionsWith(OptionsAction action, const char *lines)
{
    Options options = {.action = action};
    FILE *file;

    snprintf(options.configPath, sizeof(options.configPath), "%s",
             supportTempPath("squid.conf"));
    file = fopen(options.configPath, "we");
    cr_assert(file);
    fprintf(file, "pid_filename squire.pid\n%s\n", lines);
    fclose(file);
    return options;
}

/* Run; what it says on both channels is the caller's. */
static int
run(const Options *options, char **outText, char **errText)
{
    size_t outSize, errSize;
    FILE *out = open_memstream(outText, &outSize);
    FILE *err = open_memstream(errText, &errSize);
    int status = controlRun(options, out, err);

    fclose(out);
    fclose(err);
    return status;
}

static void
expectRun(const Options *options, int status, const char *outPart,
          const char *errPart)
{
    char *out = NULL, *err = NULL;

    cr_expect_eq(run(options, &out, &err), status, "out: %s err: %s", out, err);
    cr_expect(strstr(out, outPart), "wanted %s, got: %s", outPart, out);
    cr_expect(strstr(err, errPart), "wanted %s, got: %s", errPart, err);
    free(out);
    free(err);
}

Test(control, parse_shows_the_table)
{
    Options options = optionsWith(OPTIONS_PARSE, "http_port 1\nfoo");

    expectRun(&options, 0, "cache_mem 256 MB", ":3: warning: unknown");
    options = optionsWith(OPTIONS_PARSE, "http_port x");
    expectRun(&options, 1, "", ":2: error: ");
}

Test(control, version_and_help)
{
    Options options = {.version = true};

    expectRun(&options, 0, "squire ", "");
    options = (Options){.help = true};
    expectRun(&options, 0, "usage: squire", "");
}

Test(control, upgrade_is_told_to_be_missing)
{
    Options options = optionsWith(OPTIONS_UPGRADE, "http_port 1");

    expectRun(&options, 1, "", "not supported yet");
}

Test(control, without_a_process_it_says_so)
{
    Options options = optionsWith(OPTIONS_CHECK, "http_port 1");

    expectRun(&options, 1, "", "is not running: there is no ");
    fclose(fopen(supportTempPath("squire.pid"), "we"));
    expectRun(&options, 1, "", "was left behind");
    options = optionsWith(OPTIONS_CHECK, "pid_filename none");
    expectRun(&options, 1, "", "pid_filename none");
}

Test(control, a_configuration_that_is_not_there_is_told)
{
    Options options = {.action = OPTIONS_CHECK};

    snprintf(options.configPath, sizeof(options.configPath), "%s",
             supportTempPath("none.conf"));
    expectRun(&options, 1, "", "none.conf: No such file or directory");
}

/* A child that holds the pid file until a signal ends it. */
static pid_t
startProxy(void)
{
    int ready[2];
    pid_t child;
    char octet;

    cr_assert_eq(pipe(ready), 0);
    supportTempDir(); /* made here, not in the child */
    child = fork();
    if (child == 0) {
        const struct sigaction usual = {.sa_handler = SIG_DFL};

        /* They may be ignored where the tests run. */
        (void)sigaction(SIGHUP, &usual, NULL);
        (void)sigaction(SIGUSR1, &usual, NULL);
        alarm(60);
        PidFile *file = pidFileCreate(supportTempPath("squire.pid"), NULL);

        if (!file || write(ready[1], "", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    cr_assert_eq(read(ready[0], &octet, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return child;
}

static void
expectSignal(OptionsAction action, int signo)
{
    pid_t child = startProxy();
    Options options = optionsWith(action, "http_port 1");
    int status = 0;

    expectRun(&options, 0, "squire: process ", "");
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_expect(WIFSIGNALED(status));
    cr_expect_eq(WTERMSIG(status), signo);
}

Test(control, each_action_sends_its_signal)
{
    expectSignal(OPTIONS_ROTATE, SIGUSR1);
    expectSignal(OPTIONS_RECONFIGURE, SIGHUP);
    expectSignal(OPTIONS_SHUTDOWN, SIGTERM);
    expectSignal(OPTIONS_KILL, SIGKILL);
}

Test(control, check_leaves_the_process_alone)
{
    pid_t child = startProxy();
    Options options = optionsWith(OPTIONS_CHECK, "http_port 1");
    int status;

    expectRun(&options, 0, "is running", "");
    cr_expect_eq(waitpid(child, &status, WNOHANG), 0);
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
}

Test(control, a_bad_configuration_is_not_sent_but_does_not_hinder_a_stop)
{
    pid_t child = startProxy();
    Options options = optionsWith(OPTIONS_RECONFIGURE, "http_port x");
    int status;

    expectRun(&options, 1, "", "the running proxy keeps the configuration");
    cr_expect_eq(waitpid(child, &status, WNOHANG), 0);
    options.action = OPTIONS_SHUTDOWN;
    expectRun(&options, 0, "is shutting down", "");
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_expect_eq(WTERMSIG(status), SIGTERM);
}
