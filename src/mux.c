/* squire-mux: Squid's helper protocol on stdin and stdout, a pool of helpers
 * behind it. Wiring only. DEBUG: section 85 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "build_config.h"
#include "comm.h"
#include "debug.h"
#include "fd.h"
#include "mux_options.h"
#include "mux_relay.h"
#include "mux_stats.h"

#define EXIT_USAGE 2
#define STATS_MAX (1u << 20)
#define ID_ROOM 11 /* that the pool keeps for an ID */

static struct {
    MuxOptions options;
    HelperPool *pool;
    MuxRelay *relay;
} mux;

static void
onStop(int signo, void *data)
{
    (void)data;
    if (muxRelayIsStopping(mux.relay)) {
        debug(DBG_MUX, 1, "signal %d again: stopping now", signo);
        commLoopStop();
        return;
    }
    debug(DBG_MUX, 1, "signal %d: stopping", signo);
    muxRelayStop(mux.relay);
}

static void
onHangup(int signo, void *data)
{
    (void)signo;
    (void)data;
    if (debugReopen() == -1)
        debug(DBG_MUX, 0, "--log %s: %s", mux.options.logPath, strerror(errno));
}

static void
onStats(int signo, void *data)
{
    Buf text;

    (void)signo;
    (void)data;
    bufInit(&text, STATS_MAX);
    (void)muxStatsFormat(mux.pool, mux.relay, &text);
    (void)fdWriteAll(debugFd(), bufData(&text), bufLen(&text));
    bufFini(&text);
}

static int
takeSignals(void)
{
    const struct {
        int signo;
        CommSignalCb *cb;
    } rows[] = {{SIGTERM, onStop},
                {SIGINT, onStop},
                {SIGHUP, onHangup},
                {SIGUSR1, onStats}};
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    sigaction(SIGPIPE, &ignore, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int error = commSignalSet(rows[i].signo, rows[i].cb, NULL);
        if (error < 0)
            return error;
    }
    return 0;
}

/* Levels: as we are told, else as Squid has them, which tells its helpers. */
static int
openLog(const MuxOptions *options)
{
    const char *inherited = getenv("SQUID_DEBUG");

    debugSetProcessName("mux");
    if (options->debugOptions) {
        if (debugOptions(options->debugOptions) == -1) {
            fprintf(stderr,
                    "squire-mux: --debug %.200s: expected such as "
                    "ALL,1 helper,3\n",
                    options->debugOptions);
            return -EINVAL;
        }
    } else if (inherited) {
        (void)debugOptions(inherited);
    }
    if (debugOpen(options->logPath) == 0)
        return 0;
    fprintf(stderr, "squire-mux: --log %s: %s\n",
            options->logPath ? options->logPath : "stderr", strerror(errno));
    return -EINVAL;
}

static int
complain(const char *what, int error)
{
    fprintf(stderr, "squire-mux: %s: %s\n", what, strerror(-error));
    return error;
}

/* Everything up to the loop. 0, or -errno after saying why. */
static int
start(const MuxOptions *options)
{
    const HelperConfig *config = &options->pool;
    size_t extra = config->concurrency > 0 ? ID_ROOM + 1 : 1; /* with LF */
    MuxRelayConfig relay = {
        .isPlain = options->isPlain,
        .hasCache = config->cacheMax > 0,
        .isBypassing = config->overload == HELPER_OVERLOAD_BYPASS,
        .lineMax = config->lineMax > extra ? config->lineMax - extra : 0,
        .replyMax = config->replyMax,
        .drainMs = options->drainMs,
    };

    fdRaiseLimit();
    int error = takeSignals();
    if (error < 0)
        return complain("signals", error);
    mux.pool = helperPoolCreate(config);
    if (!mux.pool)
        return complain("the numbers given do not make a pool", -errno);
    mux.relay = muxRelayCreate(mux.pool, &relay, STDIN_FILENO, STDOUT_FILENO);
    return mux.relay ? 0 : complain("stdin and stdout", -errno);
}

static int
run(const MuxOptions *options)
{
    if (openLog(options) < 0)
        return EXIT_USAGE;
    if (commInit() == -1) {
        (void)complain("loop", -errno);
        return EXIT_FAILURE;
    }
    int error = start(options);
    if (error == 0) {
        debug(DBG_MUX, 2, "squire-mux %s begins: %s", PACKAGE_VERSION,
              options->pool.name);
        (void)commLoopRun();
    }
    helperPoolDestroy(&mux.pool);
    muxRelayDestroy(&mux.relay);
    commFini();
    debugClose();
    return error == 0 ? EXIT_SUCCESS : EXIT_USAGE;
}

int
main(int argc, char *argv[])
{
    int status = EXIT_SUCCESS;

    if (fdEnsureStdio() < 0)
        return EXIT_FAILURE;
    if (muxOptionsParse(argc, argv, stderr, &mux.options) < 0)
        return EXIT_USAGE;
    if (mux.options.help)
        muxOptionsUsage(stdout);
    else if (mux.options.version)
        printf("squire-mux %s\n", PACKAGE_VERSION);
    else
        status = run(&mux.options);
    muxOptionsFini(&mux.options);
    return status;
}
