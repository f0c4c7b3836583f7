/*
 * fake_helper.c: a helper program that behaves, and misbehaves, as told.
 *
 * fake_helper [ids] [WHAT[=N]]...   With ids, each request begins with a
 * channel-ID, which the answer repeats. The answer is OK with the line, if no
 * WHAT says otherwise.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

typedef enum What {
    IDS,          /* expect and repeat channel-IDs */
    NO_ID,        /* with ids: answer without it */
    UNKNOWN_ID,   /* with ids: answer another one */
    BARE,         /* answer the line alone */
    BH,           /* answer BH */
    BH_ONCE,      /* BH to the first request only */
    BH_AFTER,     /* =N answers: BH from then on */
    ERR,          /* answer ERR */
    NUMBERED,     /* begin the message with the answer's number */
    GARBAGE,      /* answer without sense */
    SILENT,       /* read, never answer */
    SILENT_FIRST, /* do not answer the first request */
    SILENT_AFTER, /* =N answers */
    SLOW,         /* =MS before each answer */
    CRASH_AFTER,  /* =N answers: exit with 3 on the next request */
    ABORT_AFTER,  /* =N: abort */
    KILL_AFTER,   /* =N: kill -9 itself */
    DIE,          /* exit with 3 when the line is "die" */
    ONE_SHOT,     /* end after one answer */
    EXIT_AT_START,
    BANNER,       /* speak before being asked */
    HALF_LINE,    /* write half of an answer, then end */
    NO_NEWLINE,   /* write an answer without line end */
    BIGLINE,      /* =N octets in the answer */
    NUL,          /* a NUL in the answer */
    CONTROL,      /* an escaped LF in a value of the answer */
    TWO_FOR_ONE,  /* two lines for one request */
    TWO_LATER,    /* the second one a little later */
    CLOSE_STDOUT, /* on the first request, and stay */
    BURSTS,       /* =N requests, answered together, last one first */
    BYTES,        /* write octet by octet */
    CRLF,         /* end lines with CR LF */
    NOISE,        /* =N lines to stderr per request */
    LAST_WORDS,   /* say something to stderr before the end */
    DEAF,         /* read nothing at all */
    STUBBORN,     /* ignore EOF and SIGTERM */
    PID,          /* answer with its pid */
    DIALOG,       /* YR: TT with its pid; KK after that: AF with the line;
                     any other: BH */
    COUNT_LINES,  /* answer how many requests came in the same read */
    FRAMES,       /* =N lines are a request; answers are what came after OK,
                     and end at 0x01 */
    ONE_PER_READ, /* take the first line of each read, drop the rest */
    WHAT_COUNT
} What;

static const char *const names[WHAT_COUNT] = {
    [IDS] = "ids",
    [NO_ID] = "no-id",
    [UNKNOWN_ID] = "unknown-id",
    [BARE] = "bare",
    [BH] = "bh",
    [BH_ONCE] = "bh-once",
    [BH_AFTER] = "bh-after",
    [ERR] = "err",
    [NUMBERED] = "numbered",
    [GARBAGE] = "garbage",
    [SILENT] = "silent",
    [SILENT_FIRST] = "silent-first",
    [SILENT_AFTER] = "silent-after",
    [SLOW] = "slow",
    [CRASH_AFTER] = "crash-after",
    [ABORT_AFTER] = "abort-after",
    [KILL_AFTER] = "kill-after",
    [DIE] = "die",
    [ONE_SHOT] = "one-shot",
    [EXIT_AT_START] = "exit-at-start",
    [BANNER] = "banner",
    [HALF_LINE] = "half-line",
    [NO_NEWLINE] = "no-newline",
    [BIGLINE] = "bigline",
    [NUL] = "nul",
    [CONTROL] = "control",
    [TWO_FOR_ONE] = "two-for-one",
    [TWO_LATER] = "two-later",
    [CLOSE_STDOUT] = "close-stdout",
    [BURSTS] = "bursts",
    [BYTES] = "bytes",
    [CRLF] = "crlf",
    [NOISE] = "noise",
    [LAST_WORDS] = "last-words",
    [DEAF] = "deaf",
    [STUBBORN] = "stubborn",
    [PID] = "pid",
    [DIALOG] = "dialog",
    [COUNT_LINES] = "count-lines",
    [FRAMES] = "frames",
    [ONE_PER_READ] = "one-per-read",
};

#define ANSWER_MAX (3 << 20)

static long option[WHAT_COUNT]; /* 0: not asked for; else N + 1 */
static long answers;

static void
parseOption(const char *arg)
{
    size_t len = strcspn(arg, "=");

    for (int i = 0; i < WHAT_COUNT; i++) {
        if (strlen(names[i]) != len || strncmp(names[i], arg, len) != 0)
            continue;
        option[i] = arg[len] ? strtol(arg + len + 1, NULL, 10) + 1 : 1;
        return;
    }
    fprintf(stderr, "fake_helper: what is %s?\n", arg);
    exit(2);
}

static void
sleepMs(long ms)
{
    struct timespec left = {ms / 1000, ms % 1000 * 1000000};

    while (nanosleep(&left, &left) < 0 && errno == EINTR)
        continue;
}

static void
sleepForever(void)
{
    for (;;)
        pause();
}

static void
put(const char *data, size_t len)
{
    size_t step = option[BYTES] ? 1 : len;

    for (size_t at = 0; at < len; at += step)
        if (write(STDOUT_FILENO, data + at, step) != (ssize_t)step)
            exit(4);
}

static void
end(int status)
{
    if (option[LAST_WORDS])
        fprintf(stderr, "one\ntwo\nthree\nlast words, no line end");
    exit(status);
}

static bool
isAfter(What what)
{
    return option[what] && answers >= option[what] - 1;
}

/* What happens instead of, or before, an answer. */
static void
misbehave(void)
{
    for (long i = 1; i < option[NOISE]; i++)
        fprintf(stderr, "noise %ld\n", i);
    if (option[SLOW])
        sleepMs(option[SLOW] - 1);
    if (isAfter(CRASH_AFTER))
        end(3);
    if (isAfter(ABORT_AFTER))
        abort();
    if (isAfter(KILL_AFTER))
        (void)raise(SIGKILL);
    if (option[CLOSE_STDOUT]) {
        if (shutdown(STDOUT_FILENO, SHUT_WR) < 0)
            close(STDOUT_FILENO);
        sleepForever();
    }
}

static int
formatDialog(const char *line, char *out, size_t size)
{
    static bool isChallenged;
    bool wasChallenged = isChallenged;

    isChallenged = strncmp(line, "YR", 2) == 0;
    if (isChallenged)
        return snprintf(out, size, "TT %d", (int)getpid());
    if (wasChallenged && strncmp(line, "KK ", 3) == 0)
        return snprintf(out, size, "AF %s", line + 3);
    return snprintf(out, size, "BH message=\"no challenge\"");
}

static size_t
formatAnswer(const char *line, char *out, size_t size)
{
    int len;

    if (option[BIGLINE]) {
        memset(out, 'x', (size_t)option[BIGLINE] - 1);
        return (size_t)option[BIGLINE] - 1;
    }
    if (option[BH] || (option[BH_ONCE] && answers == 1) ||
        (option[BH_AFTER] && answers >= option[BH_AFTER]))
        len = snprintf(out, size, "BH message=\"%s\"", line);
    else if (option[ERR])
        len = snprintf(out, size, "ERR message=\"%s\"", line);
    else if (option[NUMBERED])
        len = snprintf(out, size, "OK message=\"%ld %s\"", answers, line);
    else if (option[DIALOG])
        len = formatDialog(line, out, size);
    else if (option[PID])
        len = snprintf(out, size, "OK message=%d", (int)getpid());
    else if (option[BARE])
        len = snprintf(out, size, "%s", line);
    else if (option[GARBAGE])
        len = snprintf(out, size, "\xff\x01 garbage %s", line);
    else if (option[CONTROL])
        len = snprintf(out, size, "OK url=http://a/%%0d%%0aX:%s", line);
    else if (option[FRAMES])
        len = snprintf(out, size, "OK %s", line);
    else
        len = snprintf(out, size, "OK message=\"%s\"", line);
    return (size_t)len;
}

static void
putLine(long id, const char *text, size_t len)
{
    static char line[2 * ANSWER_MAX + 100];
    size_t used = 0;

    if (option[IDS] && !option[NO_ID])
        used = (size_t)snprintf(line, sizeof(line), "%ld ",
                                option[UNKNOWN_ID] ? id + 1000 : id);
    memcpy(line + used, text, len);
    used += len;
    if (option[NUL])
        line[used++] = '\0';
    if (option[HALF_LINE]) {
        put(line, used / 2);
        end(0);
    }
    if (option[CRLF])
        line[used++] = '\r';
    if (!option[NO_NEWLINE])
        line[used++] = option[FRAMES] ? '\x01' : '\n';
    if (option[TWO_FOR_ONE]) {
        memcpy(line + used, line, used);
        used *= 2;
    }
    put(line, used);
    if (option[TWO_LATER]) {
        sleepMs(20);
        put(line, used);
    }
}

static void
answer(char *line)
{
    static char text[ANSWER_MAX];
    long id = 0;

    if (option[IDS]) {
        id = strtol(line, &line, 10);
        line += *line == ' ';
    }
    answers++;
    putLine(id, text, formatAnswer(line, text, sizeof(text)));
    if (option[ONE_SHOT])
        end(0);
}

/* Gather a burst, then answer it from its last to its first line. */
static void
takeRequest(char *line)
{
    static char *held[1024];
    static long count;

    misbehave();
    if (option[DIE] && strcmp(line, "die") == 0)
        end(3);
    if (option[SILENT] || (option[SILENT_FIRST] && answers++ == 0) ||
        (option[SILENT_AFTER] && answers >= option[SILENT_AFTER] - 1))
        return;
    if (!option[BURSTS]) {
        answer(line);
        return;
    }
    held[count++] = strdup(line);
    if (count < option[BURSTS] - 1 && count < 1024)
        return;
    while (count > 0) {
        answer(held[--count]);
        free(held[count]);
    }
}

/* Requests that come split over reads are not expected here. */
static void
countLines(void)
{
    static char in[1 << 20];
    char count[32];
    ssize_t n;

    while ((n = read(STDIN_FILENO, in, sizeof(in))) > 0) {
        long lines = 0;
        for (ssize_t i = 0; i < n; i++)
            lines += in[i] == '\n';
        char *line = in;
        for (long i = 0; i < lines; i++) {
            long id = option[IDS] ? strtol(line, NULL, 10) : 0;
            int len = snprintf(count, sizeof(count), "OK message=%ld", lines);
            misbehave();
            putLine(id, count, (size_t)len);
            line = strchr(line, '\n') + 1;
        }
    }
}

/* Requests of several lines. */
static void
takeFrames(void)
{
    static char frame[ANSWER_MAX];
    size_t used = 0;
    long lines = 0;
    int c;

    while ((c = getchar()) != EOF && used < sizeof(frame)) {
        frame[used++] = (char)c;
        lines += c == '\n';
        if (lines < option[FRAMES] - 1)
            continue;
        frame[used - 1] = '\0';
        takeRequest(frame);
        lines = 0;
        used = 0;
    }
}

static void
takeOnePerRead(void)
{
    static char in[1 << 20];
    ssize_t n;

    while ((n = read(STDIN_FILENO, in, sizeof(in) - 1)) > 0) {
        in[n] = '\0';
        in[strcspn(in, "\n")] = '\0';
        takeRequest(in);
    }
}

int
main(int argc, char **argv)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t len;

    for (int i = 1; i < argc; i++)
        parseOption(argv[i]);
    if (option[STUBBORN])
        (void)sigaction(SIGTERM, &(struct sigaction){.sa_handler = SIG_IGN},
                        NULL);
    if (option[EXIT_AT_START])
        end(1);
    if (option[BANNER])
        put("hello, I am ready\n", 18);
    if (option[DEAF])
        sleepForever();
    if (option[COUNT_LINES])
        countLines();
    if (option[FRAMES])
        takeFrames();
    if (option[ONE_PER_READ])
        takeOnePerRead();
    while ((len = getline(&line, &size, stdin)) > 0) {
        if (line[len - 1] == '\n')
            line[len - 1] = '\0';
        takeRequest(line);
    }
    free(line);
    if (option[STUBBORN])
        sleepForever();
    return 0;
}
