/* control.c: what `squire -k` does. */
#include "control.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "build_config.h"
#include "check.h"
#include "config.h"
#include "pid_file.h"

static const struct {
    int signo; /* -1: none is sent */
    const char *done;
} actions[OPTIONS_ACTION_COUNT] = {
    [OPTIONS_RUN] = {-1, NULL},
    [OPTIONS_PARSE] = {-1, NULL},
    [OPTIONS_CHECK] = {0, "is running"},
    [OPTIONS_RECONFIGURE] = {SIGHUP, "reads its configuration again"},
    [OPTIONS_ROTATE] = {SIGUSR1, "opens its logs anew"},
    [OPTIONS_UPGRADE] = {-1, NULL},
    [OPTIONS_SHUTDOWN] = {SIGTERM, "is shutting down"},
    [OPTIONS_KILL] = {SIGKILL, "was killed"},
};

static int
showTable(const Options *options, FILE *out, FILE *err)
{
    Config *config = configLoad(options->configPath, configMessagePrint, err);

    if (!config) {
        fprintf(err, "squire: %s has errors\n", options->configPath);
        return 1;
    }
    configPrint(config, out);
    configUnref(&config);
    return 0;
}

/* The running proxy would keep its configuration and say so in its log;
 * whoever asks shall see it here. */
static bool
isReadable(const Options *options, FILE *err)
{
    Config *config = configLoad(options->configPath, configMessagePrint, err);
    bool readable = config != NULL;

    configUnref(&config);
    if (!readable)
        fprintf(err,
                "squire: %s has errors; the running proxy keeps the "
                "configuration it has\n",
                options->configPath);
    return readable;
}

static void
tellNoProcess(FILE *err, const char *pidFile, int error)
{
    if (error == ENOENT)
        fprintf(err, "squire: is not running: there is no %s\n", pidFile);
    else if (error == ESRCH)
        fprintf(err, "squire: is not running: %s was left behind\n", pidFile);
    else if (error == EINVAL)
        fprintf(err, "squire: %s has no process number in it\n", pidFile);
    else
        fprintf(err, "squire: cannot read %s: %s\n", pidFile, strerror(error));
}

static int
signalProcess(const Options *options, const char *pidFile, FILE *out, FILE *err)
{
    pid_t pid;
    int rc = pidFileRead(pidFile, &pid);

    if (rc != 0) {
        tellNoProcess(err, pidFile, -rc);
        return 1;
    }
    if (kill(pid, actions[options->action].signo) != 0) {
        fprintf(err, "squire: process %ld: %s\n", (long)pid, strerror(errno));
        return 1;
    }
    fprintf(out, "squire: process %ld %s\n", (long)pid,
            actions[options->action].done);
    return 0;
}

/* A wrong -f would only lead to the default's pid file. */
static bool
isThere(const Options *options, FILE *err)
{
    if (access(options->configPath, R_OK) == 0)
        return true;
    fprintf(err, "squire: cannot read %s: %s\n", options->configPath,
            strerror(errno));
    return false;
}

static int
sendSignal(const Options *options, FILE *out, FILE *err)
{
    char *pidFile;
    int status = 1;

    if (!isThere(options, err) ||
        (options->action == OPTIONS_RECONFIGURE && !isReadable(options, err)))
        return 1;
    pidFile = configPidFilename(options->configPath);
    if (pidFile)
        status = signalProcess(options, pidFile, out, err);
    else
        fprintf(err,
                "squire: %s says pid_filename none: cannot find the "
                "running proxy\n",
                options->configPath);
    free(pidFile);
    return status;
}

int
controlRun(const Options *options, FILE *out, FILE *err)
{
    if (options->help) {
        optionsUsage(out);
        return 0;
    }
    if (options->version) {
        fprintf(out, "squire %s\n", PACKAGE_VERSION);
        return 0;
    }
    if (options->action == OPTIONS_PARSE)
        return showTable(options, out, err);
    if (options->action == OPTIONS_UPGRADE) {
        fprintf(err, "squire: -k upgrade is not supported yet\n");
        return 1;
    }
    CHECK(options->action != OPTIONS_RUN);
    return sendSignal(options, out, err);
}
