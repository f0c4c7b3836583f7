/* ctl_try.c: squirectl try: talk to a helper program by hand. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "comm.h"
#include "ctl.h"
#include "ctl_hint.h"
#include "ipc.h"
#include "xalloc.h"

#define HINT_MS 2000
#define LEAVE_MS 2000
#define INPUT_MAX (1024 * 1024)
#define REPLY_MAX (1024 * 1024)
#define LISTEN_MS 200 /* before the first request */
#define SURPLUS_MS 10 /* after an answer */

/* One program, asked one line after another. */
typedef struct Try {
    const Ctl *ctl;
    bool hasIds;
    bool isTerminal;
    int64_t hintMs;

    pid_t pid;
    IpcChild *child;
    int fd;    /* the channel; -1: it has closed it */
    int errFd; /* -1: closed */
    bool hasEnded;
    int status; /* of waitpid */

    Buf input; /* of ours, not asked yet */
    bool inputEnded;
    Buf reply; /* not yet a line */
    Buf errText;

    bool isLeaving; /* our side is closed */
    bool isPending; /* a request is not answered */
    bool isHinted;  /* and that has been told */
    uint32_t id;
    int64_t askedUs;
    unsigned asked, answered, surplus;
    unsigned silent; /* requests given up, without answer so far */
    unsigned lines;  /* of any kind */
} Try;

static void
hint(const char *text)
{
    printf("  hint: %s\n", text);
}

static void
showHints(const CtlHints *hints)
{
    for (size_t i = 0; i < hints->count; i++)
        hint(hints->texts[i]);
}

/* What the codec made of an answer. */
static void
showReply(const HelperReply *reply, int64_t us)
{
    printf("  %s in %.3f ms\n", helperProtoResultName(reply->result),
           (double)us / 1000);
    for (unsigned i = 0; i < reply->pairCount; i++) {
        printf("  %s = ", reply->pairs[i].key);
        ctlPutLine("", reply->pairs[i].value, reply->pairs[i].valueLen);
    }
    if (reply->message[0] != '\0')
        ctlPutLine("  text: ", reply->message, strlen(reply->message));
}

/* An answer that nobody waits for. */
static void
takeSurplus(Try *try)
{
    if (try->asked == 0) {
        hint("it writes before it is asked; the first request would get this "
             "as its answer");
    } else if (try->silent > 0) {
        try->silent--;
        if (!try->isLeaving)
            hint("a late answer, to a request before");
    } else if (try->isLeaving) {
        hint("it writes when its input ends; nobody reads that");
    } else {
        try->surplus++;
        hint("more than one line for one request (or one before the first): "
             "the next request would get it as its answer");
    }
}

/* Takes the ID off. */
static void
checkId(Try *try, const char **line, size_t *len, CtlHints *hints)
{
    uint32_t id = 0;
    size_t used = helperProtoParseId(*line, *len, &id);

    if (!try->hasIds) {
        ctlHintId(hints, *line + used, *len - used, false, used > 0);
        return;
    }
    ctlHintId(hints, *line, *len, true, used > 0);
    if (used > 0 && try->isPending && id != try->id)
        ctlHintAdd(hints, "the channel-ID is not that of the request");
    *line += used;
    *len -= used;
}

static void
takeLine(Try *try, char *text, size_t whole)
{
    CtlHints hints = {0};
    HelperReply reply;
    const char *line = text;
    size_t len = whole > 0 && text[whole - 1] == '\r' ? whole - 1 : whole;
    int64_t us = commClockUs() - try->askedUs;
    Buf copy;

    try->lines++;
    ctlPutLine("< ", text, whole);
    if (!try->isPending) {
        takeSurplus(try);
        return;
    }
    checkId(try, &line, &len, &hints);
    bufInit(&copy, 2 * REPLY_MAX + 8);
    bufAppend(&copy, line, len);
    bufAppend(&copy, "", 1);
    char *scratch = xmalloc(len + 2);
    int rc =
        helperProtoParseReply(bufData(&copy), len, scratch, len + 2, &reply);
    if (!try->hasIds && try->silent > 0 && !try->isLeaving)
        ctlHintAdd(&hints, "or is it the answer to a request before?");
    if (rc == 0) {
        showReply(&reply, us);
        ctlHintAnswer(&hints, line, len, &reply);
    } else {
        printf("  not used: %s\n", reply.message);
    }
    showHints(&hints);
    free(scratch);
    bufFini(&copy);
    try->isPending = false;
    try->answered++;
}

static void
takeReplies(Try *try)
{
    char *lf;

    while (bufLen(&try->reply) > 0 &&
           (lf = memchr(bufData(&try->reply), '\n', bufLen(&try->reply)))) {
        size_t len = (size_t)(lf - bufData(&try->reply));

        takeLine(try, bufData(&try->reply), len);
        bufConsume(&try->reply, len + 1);
    }
    fflush(stdout);
}

/* False at its end. */
static bool
readInto(int fd, Buf *buf)
{
    char text[4096];
    ssize_t n = read(fd, text, sizeof(text));

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (n <= 0)
        return false;
    if (bufAppend(buf, text, (size_t)n) < 0) {
        bufClear(buf);
        hint("a line without end; it is thrown away");
    }
    return true;
}

static void
readReplies(Try *try)
{
    if (!readInto(try->fd, &try->reply)) {
        close(try->fd);
        try->fd = -1;
    }
    takeReplies(try);
}

/* Shown as it comes; the last lines are remembered for the end. */
static void
readStderr(Try *try)
{
    size_t before = bufLen(&try->errText);
    bool isOpen = readInto(try->errFd, &try->errText);
    char *lf;

    if (!isOpen && before > 0)
        bufAppend(&try->errText, "\n", 1);
    while (bufLen(&try->errText) > 0 &&
           (lf = memchr(bufData(&try->errText), '\n', bufLen(&try->errText)))) {
        size_t len = (size_t)(lf - bufData(&try->errText));

        ctlPutLine("stderr| ", bufData(&try->errText), len);
        bufConsume(&try->errText, len + 1);
    }
    fflush(stdout);
    if (isOpen)
        return;
    close(try->errFd);
    try->errFd = -1;
}

/* 0, or -errno. */
static int
writeAll(Try *try, const char *text, size_t len)
{
    int64_t endUs = commClockUs() + try->hintMs * 1000;

    while (len > 0) {
        ssize_t n = write(try->fd, text, len);
        struct pollfd out = {.fd = try->fd, .events = POLLOUT};

        if (n > 0) {
            text += n;
            len -= (size_t)n;
        } else if (n < 0 && errno != EAGAIN && errno != EINTR) {
            return -errno;
        } else if (commClockUs() > endUs) {
            return -ETIMEDOUT;
        } else {
            poll(&out, 1, 50);
        }
    }
    return 0;
}

static void
ask(Try *try, const char *line, size_t len)
{
    char id[16];
    size_t idLen = 0;
    Buf text;

    if (memchr(line, '\0', len) != NULL) {
        hint("a request cannot have a NUL in it; not sent");
        return;
    }
    if (len + 12 > HELPER_PROTO_LINE_MAX) {
        hint("longer than 8191 octets with ID and line end: many helpers make "
             "two answers of such a line, so pools refuse it; not sent");
        return;
    }
    try->id++;
    if (try->hasIds)
        idLen = helperProtoFormatId(try->id, id);
    bufInit(&text, HELPER_PROTO_LINE_MAX + 16);
    bufAppend(&text, id, idLen);
    bufAppend(&text, line, len);
    if (!try->isTerminal || try->hasIds)
        ctlPutLine("> ", bufData(&text), bufLen(&text));
    bufAppend(&text, "\n", 1);
    fflush(stdout);
    try->isPending = true;
    try->isHinted = false;
    try->asked++;
    try->askedUs = commClockUs();
    int rc = writeAll(try, bufData(&text), bufLen(&text));
    bufFini(&text);
    if (rc == -ETIMEDOUT)
        hint("it does not read its standard input");
}

/* A whole line of our input, or its rest at the end. */
static bool
askNext(Try *try)
{
    size_t len = bufLen(&try->input);
    const char *data = bufData(&try->input);
    const char *lf = len > 0 ? memchr(data, '\n', len) : NULL;

    if (lf == NULL && (!try->inputEnded || len == 0))
        return false;
    size_t lineLen = lf != NULL ? (size_t)(lf - data) : len;
    ask(try, data, lineLen);
    bufConsume(&try->input, lf != NULL ? lineLen + 1 : len);
    return true;
}

static void
tellSilence(Try *try)
{
    try->isHinted = true;
    printf("  no answer within %.3g s\n", (double)try->hintMs / 1000);
    if (bufLen(&try->reply) > 0) {
        ctlPutLine("< ", bufData(&try->reply), bufLen(&try->reply));
        hint("this answer has no line end yet");
    } else {
        hint("does it flush its output after each line? (C: fflush; Python: "
             "flush=True; Perl: $| = 1.) The end of input will tell");
    }
    fflush(stdout);
}

static void
noteEnd(Try *try)
{
    if (!try->hasEnded && waitpid(try->pid, &try->status, WNOHANG) == try->pid)
        try->hasEnded = true;
}

/* Wait for anything for at most ms, and handle it. */
static void
turn(Try *try, bool wantsInput, int64_t ms)
{
    struct pollfd fds[3] = {
        {.fd = wantsInput ? STDIN_FILENO : -1, .events = POLLIN},
        {.fd = try->fd, .events = POLLIN},
        {.fd = try->errFd, .events = POLLIN},
    };

    if (poll(fds, 3, ms > 0 ? (int)ms : 0) <= 0)
        return;
    if (fds[2].revents != 0)
        readStderr(try);
    if (fds[1].revents != 0)
        readReplies(try);
    if (fds[0].revents != 0 && !readInto(STDIN_FILENO, &try->input))
        try->inputEnded = true;
}

static int64_t
leftMs(int64_t fromUs, int64_t ms)
{
    return ms - (commClockUs() - fromUs) / 1000;
}

/* All that there is to read within ms. */
static void
settle(Try *try, int64_t ms)
{
    int64_t startUs = commClockUs();

    while ((try->fd >= 0 || try->errFd >= 0) && leftMs(startUs, ms) > 0)
        turn(try, false, leftMs(startUs, ms));
}

static void
prompt(const Try *try)
{
    if (!try->isTerminal)
        return;
    fputs("? ", stdout);
    fflush(stdout);
}

/* Until our input or the program has ended. */
static void
talk(Try *try)
{
    bool isPrompted = false;

    while (try->fd >= 0) {
        bool mayAsk = !try->isPending || try->isHinted;

        if (mayAsk && try->isPending && bufLen(&try->input) > 0) {
            try->silent++;
            try->isPending = false;
        }
        if (mayAsk && !try->isTerminal)
            settle(try, SURPLUS_MS);
        if (mayAsk && askNext(try)) {
            isPrompted = false;
            continue;
        }
        if (mayAsk && try->inputEnded)
            return;
        if (mayAsk && !isPrompted)
            prompt(try);
        isPrompted = mayAsk;
        turn(try, mayAsk, mayAsk ? 60000 : leftMs(try->askedUs, try->hintMs));
        if (try->isPending && !try->isHinted &&
            leftMs(try->askedUs, try->hintMs) <= 0)
            tellSilence(try);
    }
}

static void
tellEnd(Try *try)
{
    if (!try->hasEnded)
        printf("it did not leave within %d s of the end of its input\n",
               LEAVE_MS / 1000);
    else if (WIFSIGNALED(try->status))
        printf("it was ended by signal %d (%s)\n", WTERMSIG(try->status),
               strsignal(WTERMSIG(try->status)));
    else
        printf("it ended with status %d\n", WEXITSTATUS(try->status));
}

static void
waitForEnd(Try *try, int64_t ms)
{
    int64_t startUs = commClockUs();

    noteEnd(try);
    while (!try->hasEnded && leftMs(startUs, ms) > 0) {
        poll(NULL, 0, 10);
        noteEnd(try);
    }
}

/* It closed its side while ours was open. */
static void
tellDeath(Try *try)
{
    settle(try, LEAVE_MS / 4);
    waitForEnd(try, LEAVE_MS / 4);
    tellEnd(try);
    if (try->asked == 0)
        hint("it does not stay: a helper reads lines until its input ends; "
             "the lines of stderr above may say why it cannot");
    else
        hint("a helper must outlive its requests, whatever they are");
    if (!try->hasIds && try->answered == 0)
        hint("some programs want channel-IDs: --concurrency 1");
}

/* Answers that come only now were kept back. */
static void
leave(Try *try)
{
    bool owes = try->answered < try->asked;
    unsigned lines = try->lines;

    try->isLeaving = true;
    shutdown(try->fd, SHUT_WR);
    settle(try, LEAVE_MS);
    if (try->fd < 0 && bufLen(&try->reply) > 0) {
        takeLine(try, bufData(&try->reply), bufLen(&try->reply));
        hint("the last line has no line end");
    }
    if (owes && try->lines > lines)
        hint("it answered only when its input had ended: it does not flush "
             "its output, or it is slow");
    waitForEnd(try, LEAVE_MS / 4);
    tellEnd(try);
}

/* Whatever it does. */
static void
end(Try *try)
{
    if (!try->hasEnded) {
        kill(try->pid, SIGTERM);
        waitForEnd(try, LEAVE_MS / 4);
    }
    if (!try->hasEnded) {
        kill(-try->pid, SIGKILL);
        waitForEnd(try, LEAVE_MS);
    }
    if (try->fd >= 0)
        close(try->fd);
    if (try->errFd >= 0)
        close(try->errFd);
}

static int
run(Try *try)
{
    settle(try, LISTEN_MS);
    talk(try);
    if (try->fd >= 0)
        leave(try);
    else
        tellDeath(try);
    bool isGood = try->answered == try->asked && try->surplus == 0 &&
                  try->isLeaving && try->hasEnded && !WIFSIGNALED(try->status);
    fflush(stdout);
    end(try);
    return isGood ? CTL_OK : CTL_FAILED;
}

static int
start(Try *try, char *argv[])
{
    IpcAttr attr;
    int writeFd;

    ipcAttrInit(&attr);
    attr.stderrMode = IPC_STDERR_PIPE;
    try->pid =
        ipcCreateAttr(IPC_STREAM, argv[0], (const char *const *)(void *)argv,
                      "try", &attr, &try->fd, &writeFd, (void **)&try->child);
    if (try->pid == -1)
        return ctlFail(try->ctl, "cannot start %s: %s", argv[0],
                       ipcErrorText(errno));
    try->errFd = ipcChildTakeStderr(try->child);
    ipcChildDestroy(&try->child);
    return CTL_OK;
}

/* -1: go on; otherwise the exit status. */
static int
readOptions(Try *try, int argc, char *argv[])
{
    static const struct option longs[] = {
        {"concurrency", required_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},
        {"timeout", required_argument, NULL, 't'},
        {0},
    };
    long minMax[2] = {0, 100000}, concurrency = 0;
    int letter;

    while ((letter = ctlOption(try->ctl, argc, argv, "+:h", longs)) != -1) {
        if (letter == 'h')
            return ctlHelp(try->ctl);
        if (letter == '?' ||
            (letter == 'c' && !ctlNumber(try->ctl, "--concurrency", optarg,
                                         minMax, &concurrency)) ||
            (letter == 't' &&
             !ctlSeconds(try->ctl, "--timeout", optarg, &try->hintMs)))
            return CTL_USAGE;
    }
    try->hasIds = concurrency > 0;
    if (try->hasIds) /* as a pool tells its processes */
        setenv("SQUIRE_CONCURRENCY", "1", 1);
    return optind < argc ? -1 : ctlMisused(try->ctl, "a program is needed");
}

int
ctlTry(const Ctl *ctl, int argc, char *argv[])
{
    Try try = {.ctl = ctl, .hintMs = HINT_MS, .fd = -1, .errFd = -1};
    int status = readOptions(&try, argc, argv);

    if (status != -1)
        return status;
    try.isTerminal = isatty(STDIN_FILENO);
    bufInit(&try.input, INPUT_MAX);
    bufInit(&try.reply, REPLY_MAX);
    bufInit(&try.errText, INPUT_MAX);
    status = start(&try, argv + optind);
    if (status == CTL_OK)
        status = run(&try);
    bufFini(&try.input);
    bufFini(&try.reply);
    bufFini(&try.errText);
    return status;
}
