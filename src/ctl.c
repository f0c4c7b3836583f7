/* squirectl: see and command what a squire and its helpers do. */
#include "ctl.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build_config.h"
#include "ctl_term.h"
#include "fd.h"

#define DEFAULT_SOCKET CONFIG_RUN_DIR "/squire/manager.sock"
#define DEFAULT_URL "http://127.0.0.1:3129"
#define SECONDS_MAX 1000000

typedef struct Command {
    const char *name;
    CtlCommandCb *run;
    const char *usage;
    const char *summary;
    const char *help;
} Command;

static const Command commands[] = {
    {"bench", ctlBench, "[OPTION...] PROGRAM [ARG...]",
     "how fast a helper program answers",
     "  --processes M     processes (1)\n"
     "  --concurrency N   channel-IDs, N requests at a time (0: no IDs)\n"
     "  --inflight K      requests waiting for an answer (as many as fit)\n"
     "  --time S          seconds (5)\n"
     "  --line TEXT       what is asked (a URL, as rewriters are)\n"
     "  --file LINES      a file of lines to ask in turn\n"
     "  --json            the figures as JSON\n"},
    {"cache", ctlCache, "[OPTION...] ls|get|purge|stats [URL]",
     "what is stored, and removing it",
     "  ls [PREFIX]   stored responses, those whose URL begins so\n"
     "  get URL       the stored head of each variant\n"
     "  purge URL     remove all variants, in memory and on disk\n"
     "  stats         the counters of memory and disk\n"
     "  -n N          ls: end after N\n"
     "  --json        one JSON object a line; stats: one in all\n"},
    {"events", ctlEvents, "[--json] [-t SECONDS]",
     "what happens to helpers, as it happens",
     "  --json        one JSON object a line\n"
     "  -t SECONDS    end after that time\n"},
    {"helpers", ctlHelpers, "[-a] [-p POOL] [--json]",
     "pools and processes as a table",
     "  -a            also the processes of all pools\n"
     "  -p POOL       only that pool, with its processes; may be repeated\n"
     "  --json        what the manager says, as it is\n"},
    {"log", ctlLog, "[OPTION...]", "the debug log, filtered and followed",
     "  -f FILE               the log; otherwise the manager is asked for it\n"
     "  -n N                  the last N lines that match\n"
     "  -F                    follow, also over rotation\n"
     "  --section N|NAME,...  only these sections\n"
     "  --level N             up to this level\n"
     "  --helper POOL[#N]     about this pool, or this process of it\n"
     "  --grep TEXT           with this text in it\n"},
    {"metrics", ctlMetrics, "", "all figures in Prometheus' text format", ""},
    {"reconfigure", ctlReconfigure, "", "read the configuration again", ""},
    {"record", ctlRecord, "[OPTION...] POOL FILE",
     "save exchanges of a pool to a file",
     "  -n N          end after N exchanges\n"
     "  -t SECONDS    end after that time\n"
     "  --last        only those that the pool remembers\n"
     "FILE may be \"-\". Interrupt ends it too.\n"},
    {"replay", ctlReplay, "[OPTION...] FILE [PROGRAM [ARG...]]",
     "ask a program what a file says, compare the answers",
     "  --concurrency N   channel-IDs, N requests at a time (0: no IDs)\n"
     "  --speed X         with the pauses of the record, X times as fast\n"
     "  --ignore-order    the answers of equal requests may be swapped\n"
     "  --timeout S       seconds for each answer (10)\n"
     "  -q                only whether there are differences\n"},
    {"rotate", ctlRotate, "", "open the logs anew; no helper is touched", ""},
    {"shutdown", ctlShutdown, "", "finish what is in progress and end", ""},
    {"snoop", ctlSnoop, "", "packets, live (not in this version)", ""},
    {"tap", ctlTap, "[OPTION...] POOL", "follow the exchanges of a pool",
     "  --last        those that the pool remembers, then end\n"
     "  --json        one JSON object a line\n"
     "  -n N          end after N exchanges\n"
     "  -t SECONDS    end after that time\n"},
    {"top", ctlTop, "[-b] [-n N] [-d SECONDS] [-s KEY]",
     "pools and processes, live",
     "  -b            plain text, for pipes and files\n"
     "  -n N          end after N pictures\n"
     "  -d SECONDS    between two pictures (1)\n"
     "  -s KEY        order: name, rate, busy, queue, p99, restarts\n"
     "Keys: q ends, s takes the next order, blank asks at once.\n"},
    {"try", ctlTry, "[--concurrency N] PROGRAM [ARG...]",
     "talk to a helper program by hand",
     "  --concurrency N   put a channel-ID before each line\n"
     "  --timeout S       seconds until a hint is given (2)\n"
     "Lines from the terminal or a pipe are requests. Empty lines are too.\n"},
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static const Command *
lookupCommand(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static void complain(const Ctl *ctl, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

static void
complain(const Ctl *ctl, const char *fmt, va_list ap)
{
    ctlTermClose(); /* so that it can be read */
    fflush(stdout);
    if (ctl->command != NULL)
        fprintf(stderr, "squirectl %s: ", ctl->command);
    else
        fprintf(stderr, "squirectl: ");
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
}

int
ctlFail(const Ctl *ctl, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    complain(ctl, fmt, ap);
    va_end(ap);
    return CTL_FAILED;
}

int
ctlMisused(const Ctl *ctl, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    complain(ctl, fmt, ap);
    va_end(ap);
    fprintf(stderr, "\"squirectl help%s%s\" shows the usage\n",
            ctl->command ? " " : "", ctl->command ? ctl->command : "");
    return CTL_USAGE;
}

int
ctlHelp(const Ctl *ctl)
{
    const Command *command = lookupCommand(ctl->command);

    printf("usage: squirectl [-s SOCKET|-u URL] %s%s%s\n%s\n%s", command->name,
           command->usage[0] ? " " : "", command->usage, command->summary,
           command->help);
    return CTL_OK;
}

int
ctlOption(const Ctl *ctl, int argc, char *argv[], const char *letters,
          const struct option *longs)
{
    int letter;

    opterr = 0;
    letter = getopt_long(argc, argv, letters, longs, NULL);
    if (letter == ':')
        ctlMisused(ctl, "%s needs a word after it", argv[optind - 1]);
    else if (letter == '?' && optopt != 0)
        ctlMisused(ctl, "there is no option -%c", optopt);
    else if (letter == '?')
        ctlMisused(ctl, "there is no option %s", argv[optind - 1]);
    return letter == ':' ? '?' : letter;
}

bool
ctlNumber(const Ctl *ctl, const char *what, const char *text, long minMax[2],
          long *valueOut)
{
    char *end;
    long value;

    errno = 0;
    value = strtol(text, &end, 10);
    if (end != text && *end == '\0' && errno == 0 && value >= minMax[0] &&
        value <= minMax[1]) {
        *valueOut = value;
        return true;
    }
    ctlMisused(ctl, "%s: expected a number of %ld to %ld, not \"%.100s\"", what,
               minMax[0], minMax[1], text);
    return false;
}

bool
ctlSeconds(const Ctl *ctl, const char *what, const char *text, int64_t *msOut)
{
    char *end;
    double value = strtod(text, &end);

    if (end != text && *end == '\0' && isfinite(value) && value >= 0.001 &&
        value <= SECONDS_MAX) {
        *msOut = (int64_t)(value * 1000);
        return true;
    }
    ctlMisused(ctl, "%s: expected seconds, not \"%.100s\"", what, text);
    return false;
}

static void
usage(void)
{
    printf("usage: squirectl [-s SOCKET|-u URL] COMMAND [ARG...]\n"
           "       squirectl help COMMAND\n"
           "       squirectl -v | -h\n"
           "  -s SOCKET  the manager_port that is a unix socket\n"
           "  -u URL     the manager_port as an address, "
           "http://127.0.0.1:3129\n"
           "Otherwise $SQUIRE_MANAGER says which (a path or a URL), else it "
           "is\n%s if there is one, else %s.\nCommands:\n",
           DEFAULT_SOCKET, DEFAULT_URL);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        printf("  %-12s %s\n", commands[i].name, commands[i].summary);
}

static int
help(int argc, char *argv[])
{
    Ctl ctl = {0};

    if (argc < 2) {
        usage();
        return CTL_OK;
    }
    if (lookupCommand(argv[1]) == NULL)
        return ctlMisused(&ctl, "there is no command \"%.100s\"", argv[1]);
    ctl.command = argv[1];
    return ctlHelp(&ctl);
}

static bool
isSocket(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* A path or a URL; a URL without scheme is taken too. */
static void
setPlace(Ctl *ctl, const char *place)
{
    static char url[1024];
    size_t len;

    if (strncmp(place, "unix:", 5) == 0)
        place += 5;
    if (place[0] == '/') {
        ctl->socketPath = place;
        return;
    }
    snprintf(url, sizeof(url), "%s%s", strstr(place, "://") ? "" : "http://",
             place);
    len = strlen(url);
    while (len > 0 && url[len - 1] == '/')
        url[--len] = '\0';
    ctl->url = url;
    ctl->socketPath = NULL;
}

static void
setDefaultPlace(Ctl *ctl)
{
    const char *place = getenv("SQUIRE_MANAGER");

    if (place != NULL && place[0] != '\0')
        setPlace(ctl, place);
    else if (isSocket(DEFAULT_SOCKET))
        setPlace(ctl, DEFAULT_SOCKET);
    else
        setPlace(ctl, DEFAULT_URL);
}

static int
run(Ctl *ctl, int argc, char *argv[])
{
    if (argc < 1) {
        ctlMisused(ctl, "a command is needed");
        return CTL_USAGE;
    }
    if (strcmp(argv[0], "help") == 0)
        return help(argc, argv);
    const Command *command = lookupCommand(argv[0]);
    if (command == NULL)
        return ctlMisused(ctl, "there is no command \"%.100s\"", argv[0]);
    ctl->command = command->name;
    if (ctl->socketPath == NULL && ctl->url == NULL)
        setDefaultPlace(ctl);
    optind = 0; /* begin anew */
    int status = command->run(ctl, argc, argv);
    if (fflush(stdout) == EOF && errno != EPIPE)
        return ctlFail(ctl, "output: %s", strerror(errno));
    return status;
}

int
main(int argc, char *argv[])
{
    static const struct option longs[] = {
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {0},
    };
    Ctl ctl = {0};
    int letter;

    if (fdEnsureStdio() < 0)
        return CTL_FAILED;
    while ((letter = ctlOption(&ctl, argc, argv, "+:s:u:hv", longs)) != -1) {
        if (letter == 'h') {
            usage();
            return CTL_OK;
        }
        if (letter == 'v') {
            printf("squirectl %s\n", PACKAGE_VERSION);
            return CTL_OK;
        }
        if (letter == '?')
            return CTL_USAGE;
        if (letter == 's')
            ctl.socketPath = optarg;
        else
            setPlace(&ctl, optarg);
    }
    return run(&ctl, argc - optind, argv + optind);
}
