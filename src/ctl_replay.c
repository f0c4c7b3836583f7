/* ctl_replay.c: squirectl replay: ask a program what a file says, compare. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "comm.h"
#include "ctl.h"
#include "helper.h"
#include "helper_record.h"
#include "xalloc.h"

#define REPLAY_MAGIC 0xc74e9a01u
#define DRAIN_MS 3000
#define POLL_MS 10
#define FRAME_MAX (1u << 20) /* octets of a request of several lines */
#define SHOWN_MAX 1024       /* octets of a line in a difference */

/* One request of the record, and what it is answered now. */
typedef struct Exchange {
    struct Replay *replay;
    const HelperRecordExchange *record;
    char *got; /* NULL: not yet */
    size_t gotLen;
    bool isSilent; /* no answer in time */
} Exchange;

typedef struct Replay {
    uint32_t magic;
    const Ctl *ctl;
    const char *path;
    long concurrency; /* -1: as the record says */
    double speed;     /* 0: as fast as it goes */
    int64_t timeoutMs;
    bool ignoresOrder, isQuiet;

    HelperRecord *record;
    Exchange *exchanges;
    size_t count, next, answered;

    HelperPool *pool;
    CommTimer *timer;
    int64_t startUs;
    char death[64]; /* how a process ended by itself since the last answer */
    char end[64];   /* how the last one ended, by itself or as asked */
} Replay;

static void submitMore(Replay *replay);

/* Result and text as the line that means the same. */
static void
keepAnswer(Exchange *exchange, const HelperReply *reply)
{
    const char *name = helperProtoResultName(reply->result);
    bool isMade = reply->result >= HELPER_TIMEOUT ||
                  (reply->result == HELPER_UNKNOWN && reply->textLen == 0);
    Buf text;

    bufInit(&text, 2 * 1024 * 1024);
    if (isMade && exchange->replay->death[0] != '\0')
        bufPrintf(&text, "(%s)", exchange->replay->death);
    else if (isMade)
        bufPrintf(&text, "(%s: %s)", name, reply->message);
    else if (reply->result == HELPER_UNKNOWN)
        bufAppend(&text, reply->text, reply->textLen);
    else
        bufPrintf(&text, "%s%s%.*s", name, reply->textLen > 0 ? " " : "",
                  (int)reply->textLen, reply->text);
    exchange->isSilent = reply->result == HELPER_TIMEOUT;
    exchange->gotLen = bufLen(&text);
    exchange->got =
        xstrndup(bufLen(&text) > 0 ? bufData(&text) : "", bufLen(&text));
    bufFini(&text);
}

static void
onStopped(void *data)
{
    Replay *replay = data;

    CHECK_OBJ(replay, REPLAY_MAGIC);
    replay->timer = NULL;
    if (helperPoolIsStopped(replay->pool))
        commLoopStop();
    else
        replay->timer = commTimerAdd(POLL_MS, onStopped, replay);
}

static void
goOn(Replay *replay)
{
    submitMore(replay);
    if (replay->answered < replay->count)
        return;
    helperPoolStop(replay->pool, DRAIN_MS);
    commTimerCancel(&replay->timer);
    replay->timer = commTimerAdd(0, onStopped, replay);
}

static void
onReply(const HelperReply *reply, void *data)
{
    Exchange *exchange = data;
    Replay *replay = exchange->replay;

    CHECK_OBJ(replay, REPLAY_MAGIC);
    keepAnswer(exchange, reply);
    replay->death[0] = '\0';
    replay->answered++;
    goOn(replay);
}

static void
refuse(Exchange *exchange, const char *why)
{
    exchange->got = xstrdup(why);
    exchange->gotLen = strlen(why);
    exchange->replay->answered++;
}

static void
submit(Replay *replay, Exchange *exchange)
{
    const HelperRecordExchange *record = exchange->record;

    if (record->request == NULL) {
        refuse(exchange, "(end of input)");
        return;
    }
    int rc = helperSubmitLen(replay->pool, record->request, record->requestLen,
                             onReply, exchange, NULL);
    if (rc < 0)
        refuse(exchange, rc == -EMSGSIZE
                             ? "(refused: longer than a helper is asked)"
                             : "(refused: NUL or line end in it)");
}

/* When it was asked, as far as the record says. */
static int64_t
askedUs(const Exchange *exchange)
{
    const HelperRecordExchange *record = exchange->record;

    return record->wallUs - (record->queueUs > 0 ? record->queueUs : 0) -
           (record->serviceUs > 0 ? record->serviceUs : 0);
}

/* Until the next is due, in the pace of the record. */
static int64_t
pauseUs(const Replay *replay)
{
    const Exchange *first = &replay->exchanges[0];
    const Exchange *next = &replay->exchanges[replay->next];

    if (replay->speed <= 0 || next->record->wallUs == 0)
        return 0;
    return (int64_t)((double)(askedUs(next) - askedUs(first)) / replay->speed) -
           (commClockUs() - replay->startUs);
}

static void
onPauseOver(void *data)
{
    Replay *replay = data;

    CHECK_OBJ(replay, REPLAY_MAGIC);
    replay->timer = NULL;
    goOn(replay);
}

static void
submitMore(Replay *replay)
{
    size_t room = replay->concurrency > 0 ? (size_t)replay->concurrency : 1;

    while (replay->next < replay->count &&
           replay->next - replay->answered < room) {
        int64_t waitUs = pauseUs(replay);

        if (waitUs > 0) {
            if (replay->timer == NULL)
                replay->timer =
                    commTimerAdd(waitUs / 1000 + 1, onPauseOver, replay);
            return;
        }
        submit(replay, &replay->exchanges[replay->next++]);
    }
}

/* As keepAnswer has it. */
static void
formatEnd(const HelperRecordAnswer *answer, char *out, size_t size)
{
    const char *name = answer->expect == HELPER_EXPECT_SIGNAL
                           ? sigabbrev_np(answer->number)
                           : NULL;

    if (answer->expect == HELPER_EXPECT_EXIT)
        snprintf(out, size, "(exited with status %d)", answer->number);
    else
        snprintf(out, size, "(killed by SIG%s)", name != NULL ? name : "?");
}

/* What the codec makes of both is the same: "ERR" is as good as an empty
 * line. */
static bool
isSameReply(const char *a, size_t aLen, const char *b, size_t bLen)
{
    char *lines[2] = {xstrndup(a, aLen), xstrndup(b, bLen)};
    size_t lens[2] = {aLen, bLen};
    HelperReply replies[2];
    bool isSame = true;

    for (int i = 0; i < 2; i++) {
        char *scratch = xmalloc(lens[i] + 2);

        isSame &= helperProtoParseReply(lines[i], lens[i], scratch, lens[i] + 2,
                                        &replies[i]) == 0;
        free(scratch);
    }
    isSame = isSame && replies[0].result == replies[1].result &&
             replies[0].textLen == replies[1].textLen &&
             memcmp(replies[0].text, replies[1].text, replies[0].textLen) == 0;
    free(lines[0]);
    free(lines[1]);
    return isSame;
}

static bool
isExpected(const Exchange *expected, const Exchange *got)
{
    const HelperRecordExchange *record = expected->record;
    const HelperRecordAnswer *answer = record->answers;
    char end[64];

    if (record->request == NULL)
        return true; /* see isEndExpected */
    if (record->answerCount == 0)
        return true; /* nothing in particular */
    if (record->answerCount != 1 || got->got == NULL)
        return false;
    switch (answer->expect) {
    case HELPER_EXPECT_SILENCE:
        return got->isSilent;
    case HELPER_EXPECT_EXIT:
    case HELPER_EXPECT_SIGNAL:
        formatEnd(answer, end, sizeof(end));
        return strcmp(got->got, end) == 0;
    case HELPER_EXPECT_GLOB:
        return helperRecordMatches(answer, got->got, got->gotLen);
    default:
        return isSameReply(answer->text, answer->len, got->got, got->gotLen);
    }
}

static bool
isSameQuestion(const HelperRecordExchange *a, const HelperRecordExchange *b)
{
    return a->request != NULL && b->request != NULL &&
           a->requestLen == b->requestLen &&
           memcmp(a->request, b->request, a->requestLen) == 0;
}

/* Another of the same question that waits for this answer. */
static bool
swapAnswer(Replay *replay, size_t at)
{
    Exchange *exchange = &replay->exchanges[at];

    for (size_t i = at + 1; i < replay->count; i++) {
        Exchange *other = &replay->exchanges[i];

        if (!isSameQuestion(exchange->record, other->record) ||
            isExpected(other, other) || !isExpected(exchange, other))
            continue;
        Exchange kept = *other;
        other->got = exchange->got;
        other->gotLen = exchange->gotLen;
        other->isSilent = exchange->isSilent;
        exchange->got = kept.got;
        exchange->gotLen = kept.gotLen;
        exchange->isSilent = kept.isSilent;
        return true;
    }
    return false;
}

static void
putLine(const char *mark, const char *text, size_t len)
{
    bool isLong = len > SHOWN_MAX;

    fputs(mark, stdout);
    ctlPutText(text, isLong ? SHOWN_MAX : len);
    puts(isLong ? "..." : "");
}

static void
showExpected(const HelperRecordAnswer *answer)
{
    char end[64];

    switch (answer->expect) {
    case HELPER_EXPECT_SILENCE:
        puts("  - (no answer)");
        break;
    case HELPER_EXPECT_EXIT:
    case HELPER_EXPECT_SIGNAL:
        formatEnd(answer, end, sizeof(end));
        printf("  - %s\n", end);
        break;
    case HELPER_EXPECT_GLOB:
        putLine("  - like ", answer->text, answer->len);
        break;
    default:
        putLine("  - ", answer->text, answer->len);
    }
}

static void
showDifference(const Replay *replay, const Exchange *exchange)
{
    const HelperRecordExchange *record = exchange->record;
    const char *got = exchange->got ? exchange->got : "(nothing)";

    printf("%s:%u\n", replay->path, record->line);
    if (record->request != NULL)
        putLine("  > ", record->request, record->requestLen);
    else
        puts("  > (end of input)");
    for (size_t i = 0; i < record->answerCount; i++)
        showExpected(&record->answers[i]);
    if (record->answerCount > 1)
        puts("  (a pool takes one answer for a request)");
    putLine("  + ", got, strlen(got));
}

/* The end of input is after the last answer, whatever the record says; how
 * the process ended then. */
static bool
isEndExpected(Replay *replay)
{
    Exchange *last = &replay->exchanges[replay->count - 1];
    char end[80], expected[80];

    if (last->record->request != NULL || last->record->answerCount != 1)
        return true;
    formatEnd(last->record->answers, expected, sizeof(expected));
    snprintf(end, sizeof(end), "(%s)", replay->end);
    free(last->got);
    last->got = xstrdup(end);
    last->gotLen = strlen(end);
    return last->record->answers[0].expect == HELPER_EXPECT_LINE ||
           strcmp(end, expected) == 0;
}

static int
compare(Replay *replay)
{
    size_t differences = 0;

    for (size_t i = 0; i < replay->count; i++) {
        Exchange *exchange = &replay->exchanges[i];

        if (isExpected(exchange, exchange) ||
            (replay->ignoresOrder && swapAnswer(replay, i)))
            continue;
        differences++;
        if (!replay->isQuiet)
            showDifference(replay, exchange);
    }
    if (replay->count > 0 && !isEndExpected(replay)) {
        differences++;
        if (!replay->isQuiet)
            showDifference(replay, &replay->exchanges[replay->count - 1]);
    }
    if (!replay->isQuiet)
        printf("%zu exchanges, %zu differ\n", replay->count, differences);
    return differences > 0 ? CTL_FAILED : CTL_OK;
}

static HelperPool *
createPool(const Replay *replay, const char *const argv[])
{
    HelperConfig config;

    helperConfigInit(&config);
    config.name = "replay";
    config.argv = argv;
    config.max = 1;
    config.startup = 1;
    config.concurrency = (unsigned)replay->concurrency;
    config.queueMax = (unsigned)replay->concurrency + 1;
    config.timeoutMs = (int)replay->timeoutMs;
    config.attempts = 1;
    config.endMark = replay->record->endMark;
    if (config.endMark != '\n')
        config.lineMax = config.replyMax = FRAME_MAX;
    return helperPoolCreate(&config);
}

/* "exited with status 0, as asked; it last said ...": the first words. */
static void
onEvent(const HelperEvent *event, void *data)
{
    Replay *replay = data;

    CHECK_OBJ(replay, REPLAY_MAGIC);
    if (event->kind != HELPER_EVENT_EXIT)
        return;
    snprintf(replay->end, sizeof(replay->end), "%.*s",
             (int)strcspn(event->text, ",;"), event->text);
    if (strstr(event->text, ", as asked") == NULL)
        memcpy(replay->death, replay->end, sizeof(replay->death));
}

static int
run(Replay *replay, const char *const argv[])
{
    if (commInit() == -1)
        return ctlFail(replay->ctl, "%s", strerror(errno));
    replay->pool = createPool(replay, argv);
    if (replay->pool == NULL)
        return ctlFail(replay->ctl, "%s", strerror(errno));
    helperEventSet(onEvent, replay);
    replay->startUs = commClockUs();
    goOn(replay);
    commLoopRun();
    int status = compare(replay);
    commTimerCancel(&replay->timer);
    helperPoolDestroy(&replay->pool);
    helperEventSet(NULL, NULL);
    commFini();
    return status;
}

/* False after a complaint. */
static bool
load(Replay *replay)
{
    char why[512];

    replay->record = helperRecordRead(replay->path, why, sizeof(why));
    if (replay->record == NULL) {
        ctlFail(replay->ctl, "%s", why);
        return false;
    }
    if (replay->concurrency < 0)
        replay->concurrency = replay->record->concurrency;
    replay->count = replay->record->count;
    replay->exchanges = xcalloc(replay->count + 1, sizeof(Exchange));
    for (size_t i = 0; i < replay->count; i++)
        replay->exchanges[i] = (Exchange){
            .replay = replay, .record = &replay->record->exchanges[i]};
    return true;
}

static int
takeOption(Replay *replay, int letter)
{
    long concurrency[2] = {0, 100000};
    const Ctl *ctl = replay->ctl;
    char *end;

    switch (letter) {
    case 'c':
        return ctlNumber(ctl, "--concurrency", optarg, concurrency,
                         &replay->concurrency)
                   ? -1
                   : CTL_USAGE;
    case 't':
        return ctlSeconds(ctl, "--timeout", optarg, &replay->timeoutMs)
                   ? -1
                   : CTL_USAGE;
    case 's':
        replay->speed = strtod(optarg, &end);
        return end != optarg && *end == '\0' && replay->speed > 0
                   ? -1
                   : ctlMisused(ctl,
                                "--speed: expected a number above 0, not "
                                "\"%.100s\"",
                                optarg);
    case 'i':
        replay->ignoresOrder = true;
        return -1;
    case 'q':
        replay->isQuiet = true;
        return -1;
    default:
        return letter == 'h' ? ctlHelp(ctl) : CTL_USAGE;
    }
}

/* FILE, or FILE -- PROGRAM: argv[0] and after it. -1: go on; otherwise the
 * exit status. */
static int
readOptions(Replay *replay, int argc, char *argv[])
{
    static const struct option longs[] = {
        {"concurrency", required_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},
        {"ignore-order", no_argument, NULL, 'i'},
        {"quiet", no_argument, NULL, 'q'},
        {"speed", required_argument, NULL, 's'},
        {"timeout", required_argument, NULL, 't'},
        {0},
    };
    int letter;

    while ((letter = ctlOption(replay->ctl, argc, argv, "+:hq", longs)) != -1) {
        int status = takeOption(replay, letter);
        if (status != -1)
            return status;
    }
    if (optind == argc)
        return ctlMisused(replay->ctl, "a file is needed");
    replay->path = argv[optind++];
    if (optind < argc && strcmp(argv[optind], "--") == 0)
        optind++;
    return -1;
}

static int
loadAndRun(Replay *replay, char *argv[])
{
    const char *const *program = (const char *const *)(const void *)argv;

    if (!load(replay))
        return CTL_FAILED;
    if (argv[0] == NULL)
        program = replay->record->argv;
    if (program == NULL)
        return ctlMisused(replay->ctl, "a program is needed: %s names none",
                          replay->path);
    return run(replay, program);
}

int
ctlReplay(const Ctl *ctl, int argc, char *argv[])
{
    Replay replay = {
        .magic = REPLAY_MAGIC,
        .ctl = ctl,
        .concurrency = -1,
        .timeoutMs = 10000,
    };
    int status = readOptions(&replay, argc, argv);

    if (status == -1)
        status = loadAndRun(&replay, argv + optind);
    for (size_t i = 0; i < replay.count; i++)
        free(replay.exchanges[i].got);
    free(replay.exchanges);
    helperRecordDestroy(&replay.record);
    return status;
}
