/* squire: a caching proxy. Wiring only. DEBUG: section 1 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "build_config.h"
#include "comm.h"
#include "config.h"
#include "control.h"
#include "daemon.h"
#include "debug.h"
#include "fd.h"
#include "log_shift.h"
#include "manager.h"
#include "options.h"
#include "origin.h"
#include "pid_file.h"
#include "proxy.h"
#include "resolve.h"
#include "tunnel.h"
#include "xalloc.h"

#define ORIGIN_IDLE_MAX 512
#define FDS_EXPECTED 65536
#define ORIGIN_IDLE_SHARE 8 /* of our descriptors, at most one in so many */
#define WARNINGS_MAX 65536

/* All that is running; written at the start and by reconfigure. */
static struct {
    Options options;
    Config *config;
    PidFile *pidFile;
    Proxy *proxy;
    Manager *manager;
    Buf warnings; /* of the configuration, until there is a log; each ends
                   * in NUL */
    bool isStopping;
} squire;

static void
complainToTerminal(const char *text, void *data)
{
    (void)data;
    fprintf(stderr, "squire: %s\n", text);
}

static void
complainOfErrno(const char *what, const char *which)
{
    fprintf(stderr, "squire: %s %s: %s\n", what, which, strerror(errno));
}

/* The log and its levels. 0, or -errno after a complaint. */
static int
openLog(const Config *config, ProxyComplainCb *complain, void *data)
{
    const char *options = config->debugOptions;

    if (debugOpen(config->cacheLog) == 0 &&
        debugOptions(options != NULL ? options : "ALL,1") == 0)
        return 0;
    int rc = -errno;
    char *where = configWhere(config, "cache_log");
    char *text = xasprintf("%s: cache_log %s: %s", where,
                           config->cacheLog ? config->cacheLog : "stderr",
                           strerror(-rc));
    complain(text, data);
    free(text);
    free(where);
    return rc;
}

/* A ConfigMessageCb: for the terminal now, for the log later. */
static void
keepMessage(ConfigSeverity severity, const char *text, void *data)
{
    (void)data;
    configMessagePrint(severity, text, stderr);
    if (severity == CONFIG_WARNING)
        bufAppend(&squire.warnings, text, strlen(text) + 1);
}

static void
logKeptMessages(const Config *config)
{
    while (bufLen(&squire.warnings) > 0) {
        const char *text = bufData(&squire.warnings);

        if (config->cacheLog != NULL) /* else it is the terminal */
            configMessageLog(CONFIG_WARNING, text, NULL);
        bufConsume(&squire.warnings, strlen(text) + 1);
    }
    bufFini(&squire.warnings);
}

/* A ConfigMessageCb: to the log, and to the Buf that data may be. */
static void
tellMessage(ConfigSeverity severity, const char *text, void *data)
{
    configMessageLog(severity, text, NULL);
    if (data != NULL)
        bufPrintf(data, "%s\n", text);
}

/* A ProxyComplainCb: to the Buf that data is, each ends in NUL. */
static void
keepComplaint(const char *text, void *data)
{
    bufAppend(data, text, strlen(text) + 1);
}

/* To the log, and to out unless that is NULL. */
static void
tellComplaints(Buf *complaints, Buf *out)
{
    while (bufLen(complaints) > 0) {
        const char *text = bufData(complaints);

        debug(DBG_MAIN, 0, "%s", text);
        if (out != NULL)
            bufPrintf(out, "%s\n", text);
        bufConsume(complaints, strlen(text) + 1);
    }
}

static int
listenForManager(const Config *config, ProxyComplainCb *complain, void *data)
{
    return managerListen(squire.manager, config->managerPorts,
                         config->managerPortCount, complain, data);
}

/* All of config, or nothing. 0 or -errno. */
static int
change(Config *config, Buf *complaints)
{
    const Config *old = squire.config;
    int rc = openLog(config, keepComplaint, complaints);

    if (rc < 0)
        return rc;
    rc = listenForManager(config, keepComplaint, complaints);
    if (rc == 0) {
        rc = proxyReconfigure(squire.proxy, config, keepComplaint, complaints);
        if (rc < 0)
            listenForManager(old, keepComplaint, complaints);
        else
            managerConfigure(squire.manager, config);
    }
    if (rc < 0)
        openLog(old, keepComplaint, complaints);
    return rc;
}

/* A configuration with an error, or with a port or log that cannot be had,
 * changes nothing. out: for whoever asked, or NULL. 0 or -errno. */
static int
reconfigure(Buf *out)
{
    Config *config = configLoad(squire.options.configPath, tellMessage, out);
    Buf complaints;

    if (config == NULL) {
        debug(DBG_MAIN, 0,
              "reconfigure: %s has errors; the configuration in force stays",
              squire.options.configPath);
        return -EINVAL;
    }
    bufInit(&complaints, WARNINGS_MAX);
    int rc = change(config, &complaints);
    tellComplaints(&complaints, out); /* to the log that is used from now on */
    bufFini(&complaints);
    if (rc < 0) {
        debug(DBG_MAIN, 0,
              "reconfigure: %s is refused; the configuration in force stays",
              config->path);
        configUnref(&config);
        return rc;
    }
    configUnref(&squire.config);
    squire.config = config;
    debug(DBG_MAIN, 1, "reconfigured from %s", config->path);
    return 0;
}

/* out as above. 0, or -errno: some logs are still the old ones. */
static int
rotate(Buf *out)
{
    Buf complaints;
    int rc = 0;

    bufInit(&complaints, WARNINGS_MAX);
    if (debugPath() != NULL)
        rc = logShift(debugPath(), configDebugKeep(squire.config));
    if (rc == 0 && debugReopen() == -1)
        rc = -errno;
    if (rc < 0) {
        bufPrintf(&complaints, "cache_log %s: %s", debugPath(), strerror(-rc));
        bufAppend(&complaints, "", 1);
    }
    managerRotate(squire.manager);
    int other = proxyRotate(squire.proxy, keepComplaint, &complaints);
    if (other < 0)
        rc = other;
    tellComplaints(&complaints, out);
    bufFini(&complaints);
    debug(DBG_MAIN, rc < 0 ? 0 : 1, "%s",
          rc < 0 ? "rotate: not all logs could be reopened" : "logs reopened");
    return rc;
}

static void
shutDown(void)
{
    squire.isStopping = true;
    proxyShutdown(squire.proxy, squire.config->shutdownLifetimeMs);
}

/* A ManagerCommandCb. */
static int
obey(ManagerCommand command, Buf *out, void *data)
{
    (void)data;
    if (squire.isStopping) {
        bufPrintf(out, "the proxy is shutting down\n");
        return -ESHUTDOWN;
    }
    if (command == MANAGER_RECONFIGURE)
        return reconfigure(out);
    if (command == MANAGER_ROTATE)
        return rotate(out);
    shutDown();
    return 0;
}

static void
onHangup(int signo, void *data)
{
    (void)signo;
    (void)data;
    if (!squire.isStopping)
        reconfigure(NULL);
}

static void
onRotate(int signo, void *data)
{
    (void)signo;
    (void)data;
    rotate(NULL);
}

static void
onStop(int signo, void *data)
{
    (void)data;
    if (squire.isStopping) {
        debug(DBG_MAIN, 1, "signal %d again: stopping now", signo);
        commLoopStop();
        return;
    }
    debug(DBG_MAIN, 1, "signal %d: stopping", signo);
    shutDown();
}

/* 0 or -errno. */
static int
takeSignals(void)
{
    const struct {
        int signo;
        CommSignalCb *cb;
    } rows[] = {{SIGHUP, onHangup},
                {SIGUSR1, onRotate},
                {SIGTERM, onStop},
                {SIGINT, onStop}};
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    sigaction(SIGPIPE, &ignore, NULL);
    sigaction(SIGXFSZ, &ignore, NULL); /* a log at its limit: EFBIG */
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int rc = commSignalSet(rows[i].signo, rows[i].cb, NULL);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Take the pid file; the process that has it is told. */
static int
takePidFile(const Config *config)
{
    pid_t running = 0;

    if (config->pidFilename == NULL)
        return 0;
    squire.pidFile = pidFileCreate(config->pidFilename, &running);
    if (squire.pidFile != NULL)
        return 0;
    if (errno == EEXIST)
        fprintf(stderr, "squire: already running as process %d (%s)\n",
                (int)running, config->pidFilename);
    else
        complainOfErrno("pid_filename", config->pidFilename);
    return -1;
}

/* What needs the rights that are then given up. A second start is told
 * whom it meets rather than that the ports are in use. */
static int
openPorts(Config *config)
{
    if (takePidFile(config) == -1)
        return -1;
    squire.proxy = proxyCreate(config, complainToTerminal, NULL);
    return squire.proxy != NULL ? 0 : -1;
}

static int
openManager(Config *config)
{
    const ManagerConfig manager = {.proxy = squire.proxy, .command = obey};

    squire.manager = managerCreate(&manager);
    managerConfigure(squire.manager, config);
    proxySetReports(squire.proxy, managerReport, squire.manager);
    return listenForManager(config, complainToTerminal, NULL);
}

static int
dropRights(const Config *config)
{
    int rc =
        daemonDropPrivileges(config->effectiveUser, config->effectiveGroup);

    if (rc < 0) {
        errno = -rc;
        complainOfErrno("cache_effective_user", config->effectiveUser);
        return -1;
    }
    if (config->coredumpDir != NULL && chdir(config->coredumpDir) == -1)
        complainOfErrno("coredump_dir", config->coredumpDir);
    return 0;
}

static unsigned
originIdleMax(void)
{
    size_t share = fdLimit() / ORIGIN_IDLE_SHARE;

    return share < ORIGIN_IDLE_MAX ? (unsigned)share : ORIGIN_IDLE_MAX;
}

static void
limitDescriptors(const Config *config)
{
    int rc = config->maxFiledescriptors > 0
                 ? fdSetLimit((size_t)config->maxFiledescriptors)
                 : 0;

    if (rc == 0)
        return;
    errno = -rc;
    complainOfErrno("max_filedescriptors", "more than the system allows");
}

/* Everything up to the loop. 0, or negative after telling the terminal. */
static int
start(Config *config)
{
    fdRaiseLimit();
    limitDescriptors(config);
    fdMakeRoom(FDS_EXPECTED);
    if (config->umask >= 0)
        umask((mode_t)config->umask);
    if (commInit() == -1 || originInit(originIdleMax()) < 0 ||
        takeSignals() < 0) {
        complainOfErrno("start", "loop");
        return -1;
    }
    if (openPorts(config) == -1 || dropRights(config) == -1)
        return -1;
    if (openLog(config, complainToTerminal, NULL) < 0)
        return -1;
    logKeptMessages(config);
    if (proxyStart(squire.proxy, complainToTerminal, NULL) < 0)
        return -1;
    return openManager(config);
}

/* Nobody takes signals from here on; they do not change how we end. */
static void
holdSignals(void)
{
    sigset_t all;

    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
}

static void
stop(void)
{
    holdSignals();
    managerDestroy(&squire.manager);
    proxyDestroy(&squire.proxy);
    pidFileRemove(&squire.pidFile);
    resolveFini();
    originFini();
    tunnelFini();
    commFini();
    configUnref(&squire.config);
    bufFini(&squire.warnings);
    debugClose();
}

static int
run(void)
{
    bufInit(&squire.warnings, WARNINGS_MAX);
    squire.config = configLoad(squire.options.configPath, keepMessage, NULL);
    if (squire.config == NULL)
        return EXIT_FAILURE;
    int rc = squire.options.foreground ? 0 : daemonStart();
    if (rc < 0) {
        fprintf(stderr, "squire: background: %s\n", strerror(-rc));
        return EXIT_FAILURE;
    }
    rc = start(squire.config);
    if (rc == 0) {
        daemonReady();
        debug(DBG_MAIN, 1, "squire %s runs as process %d", PACKAGE_VERSION,
              (int)getpid());
        rc = commLoopRun();
        debug(DBG_MAIN, 1, "squire %s ends", PACKAGE_VERSION);
    }
    stop();
    return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int
main(int argc, char *argv[])
{
    if (fdEnsureStdio() < 0 ||
        optionsParse(argc, argv, stderr, &squire.options) < 0)
        return EXIT_FAILURE;
    if (squire.options.action != OPTIONS_RUN || squire.options.version ||
        squire.options.help)
        return controlRun(&squire.options, stdout, stderr);
    return run();
}
