/*
 * pool_run.c: a helper pool for integration tests.
 *
 * pool_run [NAME=VALUE]... -- PROGRAM [ARG]...
 *
 * Each line of stdin is a request; all that came in one read are submitted
 * together. Each answer is a line on stdout: the number of the request (from
 * 0), result, text, message and key=value pairs, separated by tabs. With
 * load=SECONDS, inflight=N requests (`line I`) are kept going instead. With
 * dialogs=1 a line holds the lines of a dialog, separated by tabs: the next is
 * asked after TT, and the last answer counts. At the end a line of figures, and
 * what is left open: descriptors and children.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "comm.h"
#include "debug.h"
#include "fd.h"
#include "helper.h"

#define LINES_MAX (1 << 20)

static HelperPool *pool;
static HelperConfig config;
static const char *logPath;
static double loadS;
static unsigned loadInflight = 16;
static unsigned isDialogs;

static char *input;
static size_t inputLen;
static unsigned long asked, answered;
static bool isOver; /* no more requests will come */

static HelperReplyCb onReply;

static const struct Option {
    const char *name;
    unsigned *value;
} options[] = {
    {"max", &config.max},        {"startup", &config.startup},
    {"idle", &config.idle},      {"concurrency", &config.concurrency},
    {"queue", &config.queueMax}, {"attempts", &config.attempts},
    {"inflight", &loadInflight}, {"dialogs", &isDialogs},
};

static void
parseOption(const char *arg)
{
    size_t len = strcspn(arg, "=");
    const char *value = arg + len + (arg[len] == '=');

    for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
        if (strlen(options[i].name) != len ||
            strncmp(options[i].name, arg, len) != 0)
            continue;
        *options[i].value = (unsigned)strtoul(value, NULL, 10);
        return;
    }
    if (strncmp(arg, "timeout=", 8) == 0)
        config.timeoutMs = (int)strtol(value, NULL, 10);
    else if (strncmp(arg, "log=", 4) == 0)
        logPath = value;
    else if (strncmp(arg, "load=", 5) == 0)
        loadS = strtod(value, NULL);
    else
        exit(2);
}

static void
stopWhenDone(void)
{
    if (isOver && asked == answered)
        commLoopStop();
}

typedef struct Dialog {
    HelperReservation *reservation;
    unsigned long number;
    char *lines, *next;
} Dialog;

static HelperReplyCb onStep;

static int
askNext(Dialog *dialog)
{
    const char *line = strsep(&dialog->next, "\t");

    return helperReservedSubmit(dialog->reservation, line, strlen(line), onStep,
                                dialog, NULL);
}

static void
endDialog(Dialog *dialog)
{
    helperRelease(&dialog->reservation);
    free(dialog->lines);
    free(dialog);
}

static void
onStep(const HelperReply *reply, void *data)
{
    Dialog *dialog = data;

    if (reply->result == HELPER_TT && dialog->next) {
        CHECK(askNext(dialog) == 0);
        return;
    }
    void *number = (void *)(uintptr_t)dialog->number;
    onReply(reply, number);
    endDialog(dialog);
}

static int
beginDialog(const char *lines)
{
    Dialog *dialog = calloc(1, sizeof(*dialog));

    CHECK(dialog);
    dialog->reservation = helperReserve(pool, NULL);
    dialog->number = asked;
    dialog->next = dialog->lines = strdup(lines);
    CHECK(dialog->reservation && dialog->lines);
    int error = askNext(dialog);
    if (error < 0)
        endDialog(dialog);
    return error;
}

static void
submit(const char *line)
{
    int error =
        isDialogs ? beginDialog(line)
                  : helperSubmit(pool, line, onReply, (void *)(uintptr_t)asked);

    asked++;
    if (error == 0)
        return;
    answered++;
    printf("%lu\trefused\t%s\n", asked - 1, strerrorname_np(-error));
}

static void
printReply(unsigned long number, const HelperReply *reply)
{
    printf("%lu\t%s\t%s\t%s", number, helperProtoResultName(reply->result),
           reply->text, reply->message);
    for (unsigned i = 0; i < reply->pairCount; i++)
        printf("\t%s=%s", reply->pairs[i].key, reply->pairs[i].value);
    printf("\n");
    fflush(stdout);
}

static void
onReply(const HelperReply *reply, void *data)
{
    answered++;
    if (loadS <= 0 || reply->result != HELPER_OK)
        printReply((uintptr_t)data, reply);
    if (loadS > 0 && !isOver)
        submit("line");
    stopWhenDone();
}

/* Submit the whole lines of what was read. */
static void
takeLines(void)
{
    char *line = input, *lf;

    while ((lf = memchr(line, '\n', inputLen - (size_t)(line - input)))) {
        *lf = '\0';
        submit(line);
        line = lf + 1;
    }
    inputLen -= (size_t)(line - input);
    memmove(input, line, inputLen);
}

static void
onStdin(int fd, void *data)
{
    ssize_t n = read(fd, input + inputLen, LINES_MAX - inputLen);

    if (n > 0) {
        inputLen += (size_t)n;
        takeLines();
    }
    isOver = n == 0;
    if (!isOver)
        commSetSelect(fd, COMM_SELECT_READ, onStdin, data, 0);
    stopWhenDone();
}

static void
onLoadOver(void *data)
{
    (void)data;
    isOver = true;
    stopWhenDone();
}

static void
onLook(void *data)
{
    (void)data;
    if (helperPoolIsStopped(pool))
        commLoopStop();
    else
        (void)commTimerAdd(5, onLook, NULL);
}

static void
printFigures(void)
{
    HelperPoolStats stats;

    helperPoolStats(pool, &stats);
    printf("figures\trequests=%llu\tok=%llu\tretries=%llu\trestarts=%llu\t"
           "timeouts=%llu\toverloads=%llu\tactive=%u\n",
           (unsigned long long)stats.requests,
           (unsigned long long)stats.byResult[HELPER_OK],
           (unsigned long long)stats.retries,
           (unsigned long long)stats.restarts,
           (unsigned long long)stats.timeouts,
           (unsigned long long)stats.overloads, stats.active);
}

static void
runRequests(void)
{
    if (loadS > 0) {
        for (unsigned i = 0; i < loadInflight; i++)
            submit("line");
        (void)commTimerAdd((int64_t)(loadS * 1000), onLoadOver, NULL);
    } else {
        commSetSelect(STDIN_FILENO, COMM_SELECT_READ, onStdin, NULL, 0);
    }
    CHECK(commLoopRun() == 0);
}

int
main(int argc, char **argv)
{
    int first = 1;

    helperConfigInit(&config);
    config.name = "test";
    config.queueMax = 100000;
    while (first < argc && strcmp(argv[first], "--") != 0)
        parseOption(argv[first++]);
    config.argv = (const char *const *)argv + first + 1;
    input = malloc(LINES_MAX);
    CHECK(input);
    if (logPath)
        CHECK(debugOpen(logPath) == 0);
    int fds = fdCount();
    CHECK(commInit() == 0);
    pool = helperPoolCreate(&config);
    CHECK(pool);
    runRequests();
    printFigures();
    helperPoolStop(pool, 0);
    onLook(NULL);
    CHECK(commLoopRun() == 0);
    helperPoolDestroy(&pool);
    if (commIsOpen(STDIN_FILENO))
        (void)commRelease(STDIN_FILENO);
    commFini();
    printf("left\tdescriptors=%d\tchildren=%d\n", fdCount() - fds,
           waitpid(-1, NULL, WNOHANG) >= 0 || errno != ECHILD);
    debugClose();
    free(input);
    return 0;
}
