/* helper_record.c: read record files. */
#include "helper_record.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "fd.h"
#include "xalloc.h"

#define FIRST_LINE "# squire record 1"
#define CONCURRENCY_MAX (1u << 20)

/* A record with what it owns. */
typedef struct Owned {
    HelperRecord record;
    char *text; /* all strings, decoded in place */
    const char **argv;
    HelperRecordExchange *exchanges;
    HelperRecordAnswer *answers;
    size_t exchangeSize, answerCount, answerSize;
} Owned;

typedef struct Parser {
    Owned *owned;
    HelperRecordExchange about; /* of the next exchange, from its @ line */
    unsigned line;
    const char *wrong; /* what is wrong with the line; NULL: nothing yet */
} Parser;

typedef void LineFn(Parser *parser, char *text);

static bool
isBlank(char c)
{
    return c == ' ' || c == '\t';
}

static int
hexDigit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Read the escape after a backslash; octets used, or 0. */
static size_t
readEscape(const char *in, bool isGlob, char *out)
{
    static const char plain[] = "n\nr\rt\t\\\\";

    for (size_t i = 0; i < sizeof(plain) - 1; i += 2)
        if (*in == plain[i]) {
            *out = plain[i + 1];
            return 1;
        }
    if (isGlob && (*in == '*' || *in == '?')) {
        *out = *in;
        return 1;
    }
    if (*in != 'x' || hexDigit(in[1]) < 0 || hexDigit(in[2]) < 0)
        return 0;
    *out = (char)(hexDigit(in[1]) << 4 | hexDigit(in[2]));
    return 3;
}

/* What is wrong with an octet in a text that ends at endMark, or NULL. */
static const char *
judgeOctet(char octet, char endMark)
{
    if (octet != '\0' && octet != endMark)
        return NULL;
    return endMark == '\n' ? "a line cannot hold LF or NUL"
                           : "this cannot hold NUL or its end mark";
}

/* Decode escapes in place; a glob keeps a backslash before each octet that
 * would mean something there. Returns the length. */
static size_t
decode(Parser *parser, char *text, bool isGlob, char endMark)
{
    const char *in = text, *wrong;
    char *out = text, octet;

    while (*in) {
        bool isEscape = *in == '\\';
        size_t used = isEscape ? readEscape(in + 1, isGlob, &octet) : 0;
        if (isEscape && used == 0) {
            parser->wrong = "an escape is \\\\, \\n, \\r, \\t or \\xNN";
            break;
        }
        if (!isEscape)
            octet = *in;
        if ((wrong = judgeOctet(octet, endMark)))
            parser->wrong = wrong;
        if (isEscape && isGlob &&
            (octet == '*' || octet == '?' || octet == '\\'))
            *out++ = '\\';
        *out++ = octet;
        in += used + 1;
    }
    *out = '\0';
    return (size_t)(out - text);
}

/* A request or an answer. */
static size_t
decodeText(Parser *parser, char *text, bool isGlob)
{
    return decode(parser, text, isGlob, parser->owned->record.endMark);
}

/* A whole number up to max, and nothing else; -1 else. */
static int64_t
readNumber(const char *text, int64_t max)
{
    char *end;

    if (*text < '0' || *text > '9')
        return -1;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    return errno || *end || value > max ? -1 : value;
}

static void *
grown(void *array, size_t count, size_t *size, size_t each)
{
    if (count < *size)
        return array;
    *size = *size ? *size * 2 : 16;
    return xrealloc(array, *size * each);
}

static HelperRecordExchange *
addExchange(Parser *parser)
{
    Owned *owned = parser->owned;

    owned->exchanges = grown(owned->exchanges, owned->record.count,
                             &owned->exchangeSize, sizeof(*owned->exchanges));
    HelperRecordExchange *exchange = &owned->exchanges[owned->record.count++];
    *exchange = parser->about;
    exchange->line = parser->line;
    parser->about = (HelperRecordExchange){.queueUs = -1, .serviceUs = -1};
    return exchange;
}

static void
takeRequest(Parser *parser, char *text)
{
    HelperRecordExchange *exchange = addExchange(parser);

    exchange->request = text;
    exchange->requestLen = decodeText(parser, text, false);
}

static void
takeRequestEvent(Parser *parser, char *text)
{
    if (strcmp(text, "eof") != 0)
        parser->wrong = "after >! comes eof";
    (void)addExchange(parser);
}

static void
addAnswer(Parser *parser, const HelperRecordAnswer *answer)
{
    Owned *owned = parser->owned;

    if (owned->record.count == 0) {
        parser->wrong = "there is no request before this answer";
        return;
    }
    owned->answers = grown(owned->answers, owned->answerCount,
                           &owned->answerSize, sizeof(*owned->answers));
    owned->answers[owned->answerCount] = *answer;
    owned->answers[owned->answerCount++].line = parser->line;
    owned->exchanges[owned->record.count - 1].answerCount++;
}

static void
takeAnswer(Parser *parser, char *text)
{
    HelperRecordAnswer answer = {HELPER_EXPECT_LINE, .text = text};

    answer.len = decodeText(parser, text, false);
    addAnswer(parser, &answer);
}

static void
takeGlob(Parser *parser, char *text)
{
    HelperRecordAnswer answer = {HELPER_EXPECT_GLOB, .text = text};

    answer.len = decodeText(parser, text, true);
    addAnswer(parser, &answer);
}

static void
takeEvent(Parser *parser, char *text)
{
    HelperRecordAnswer answer = {.text = ""};
    int64_t number = 0;

    if (strcmp(text, "silence") == 0) {
        answer.expect = HELPER_EXPECT_SILENCE;
    } else if (strncmp(text, "exit ", 5) == 0) {
        answer.expect = HELPER_EXPECT_EXIT;
        number = readNumber(text + 5, 255);
    } else if (strncmp(text, "signal ", 7) == 0) {
        answer.expect = HELPER_EXPECT_SIGNAL;
        number = readNumber(text + 7, SIGRTMAX);
    } else {
        number = -1;
    }
    if (number < 0)
        parser->wrong = "after <! comes silence, exit N or signal N";
    answer.number = (int)number;
    addAnswer(parser, &answer);
}

/* YYYY-MM-DDTHH:MM:SS[.ffffff]Z in microseconds since 1970; 0 if it is not. */
static int64_t
readTime(const char *text)
{
    struct tm tm = {0};
    int64_t us = 0, scale = 100000;

    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    if (!end)
        return 0;
    if (*end == '.')
        for (end++; *end >= '0' && *end <= '9'; end++, scale /= 10)
            us += (*end - '0') * scale;
    if (strcmp(end, "Z") != 0)
        return 0;
    return (int64_t)timegm(&tm) * 1000000 + us;
}

static void
takeAttribute(Parser *parser, const char *key, const char *value)
{
    HelperRecordExchange *about = &parser->about;
    int64_t number = readNumber(value, INT64_MAX);

    if (strcmp(key, "time") == 0) {
        about->wallUs = readTime(value);
        if (about->wallUs == 0)
            parser->wrong = "a time is like 2026-01-31T23:59:59.000001Z";
        return;
    }
    bool isKnown = true;
    if (strcmp(key, "queue_us") == 0)
        about->queueUs = number;
    else if (strcmp(key, "service_us") == 0)
        about->serviceUs = number;
    else if (strcmp(key, "process") == 0 && number <= UINT_MAX)
        about->number = (unsigned)number;
    else if (strcmp(key, "pid") == 0 && number <= INT_MAX)
        about->pid = (pid_t)number;
    else
        isKnown = false; /* of a later version */
    if (isKnown && number < 0)
        parser->wrong = "a whole number is needed here";
}

/* The next word of *text, cut out of it; NULL at the end. */
static char *
nextWord(char **text)
{
    char *word = *text;

    while (isBlank(*word))
        word++;
    if (!*word)
        return NULL;
    char *end = word;
    while (*end && !isBlank(*end))
        end++;
    *text = *end ? end + 1 : end;
    *end = '\0';
    return word;
}

static void
takeAbout(Parser *parser, char *text)
{
    char *word;

    while ((word = nextWord(&text))) {
        char *equals = strchr(word, '=');
        if (!equals) {
            parser->wrong = "key=value is needed here";
            return;
        }
        *equals = '\0';
        takeAttribute(parser, word, equals + 1);
    }
}

static void
takeProgram(Parser *parser, char *text)
{
    Owned *owned = parser->owned;
    size_t count = 0, size = 0;
    char *word;

    if (owned->argv || owned->record.count > 0) {
        parser->wrong = "the program is said once, before all requests";
        return;
    }
    while ((word = nextWord(&text))) {
        owned->argv = grown(owned->argv, count + 1, &size, sizeof(char *));
        if (strcmp(word, "\"\"") == 0)
            *word = '\0';
        (void)decode(parser, word, false, '\n');
        owned->argv[count++] = word;
        owned->argv[count] = NULL;
    }
    if (count == 0)
        parser->wrong = "which program?";
    owned->record.argv = owned->argv;
}

static void
takeConcurrency(Parser *parser, char *text)
{
    int64_t number = readNumber(text, CONCURRENCY_MAX);

    if (number < 0 || parser->owned->record.count > 0)
        parser->wrong = "concurrency is a whole number, before all requests";
    else
        parser->owned->record.concurrency = (unsigned)number;
}

static void
takeEndMark(Parser *parser, char *text)
{
    size_t len = decode(parser, text, false, '\0');
    bool isMark = len == 1 && text[0] > '\0' && text[0] < ' ' &&
                  text[0] != '\t' && text[0] != '\r';

    if (!isMark || parser->owned->record.count > 0)
        parser->wrong = "an end mark is one control octet but NUL, \\t and "
                        "\\r, before all requests";
    else
        parser->owned->record.endMark = text[0];
}

static void
ignoreLine(Parser *parser, char *text)
{
    (void)parser;
    (void)text;
}

/* What a line begins with, which a blank or the end follows. */
static const struct {
    const char *word;
    LineFn *take;
} kinds[] = {
    {">", takeRequest},        {"<", takeAnswer},
    {"@", takeAbout},          {"<~", takeGlob},
    {"<!", takeEvent},         {">!", takeRequestEvent},
    {"program", takeProgram},  {"concurrency", takeConcurrency},
    {"end-mark", takeEndMark}, {"#", ignoreLine},
};

static void
takeLine(Parser *parser, char *text)
{
    size_t len = strcspn(text, " ");

    if (text[0] == '\0' || text[0] == '#')
        return;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        if (strlen(kinds[i].word) != len ||
            strncmp(kinds[i].word, text, len) != 0)
            continue;
        kinds[i].take(parser, text + len + (text[len] == ' '));
        return;
    }
    parser->wrong = "a line begins with >, >!, <, <~, <!, @, #, program, "
                    "concurrency or end-mark";
}

/* Parse the lines of a text that ends with NUL; false when one is wrong. */
static bool
takeLines(Parser *parser, char *text, size_t len)
{
    char *end = text + len;

    for (parser->line = 1; text < end; parser->line++) {
        char *lf = memchr(text, '\n', (size_t)(end - text));
        char *next = lf ? lf + 1 : end;
        char *stop = lf ? lf : end;
        if (stop > text && stop[-1] == '\r')
            stop--;
        *stop = '\0';
        if (strlen(text) != (size_t)(stop - text))
            parser->wrong = "there is a NUL";
        else if (parser->line > 1)
            takeLine(parser, text);
        else if (strcmp(text, FIRST_LINE) != 0)
            parser->wrong = "a record begins with \"" FIRST_LINE "\"";
        if (parser->wrong)
            return false;
        text = next;
    }
    if (parser->line == 1)
        parser->wrong = "the file is empty";
    return parser->wrong == NULL;
}

/* Arrays have stopped growing: let the exchanges point to their answers. */
static void
linkAnswers(Owned *owned)
{
    const HelperRecordAnswer *at = owned->answers;

    for (size_t i = 0; i < owned->record.count; i++) {
        owned->exchanges[i].answers = at;
        at += owned->exchanges[i].answerCount;
    }
    owned->record.exchanges = owned->exchanges;
}

HelperRecord *
helperRecordParse(const char *name, const char *text, size_t len, char *why,
                  size_t whySize)
{
    Owned *owned = xcalloc(1, sizeof(*owned));
    Parser parser = {
        .owned = owned,
        .about = {.queueUs = -1, .serviceUs = -1},
    };
    HelperRecord *record = &owned->record;

    record->endMark = '\n';
    owned->text = xmalloc(len + 1);
    memcpy(owned->text, text, len);
    owned->text[len] = '\0';
    if (takeLines(&parser, owned->text, len)) {
        linkAnswers(owned);
        return record;
    }
    (void)snprintf(why, whySize, "%s:%u: %s", name, parser.line, parser.wrong);
    helperRecordDestroy(&record);
    errno = EBADMSG;
    return NULL;
}

void
helperRecordDestroy(HelperRecord **record)
{
    Owned *owned = (Owned *)(void *)*record; /* its first member */

    *record = NULL;
    if (!owned)
        return;
    free(owned->text);
    free(owned->argv);
    free(owned->exchanges);
    free(owned->answers);
    free(owned);
}

/* All octets of an open file; NULL with errno. */
static char *
readAll(int fd, size_t *lenOut)
{
    Buf buf;
    ssize_t n = 1;
    char *room;

    bufInit(&buf, HELPER_RECORD_FILE_MAX + 1);
    while (n > 0 && bufLen(&buf) <= HELPER_RECORD_FILE_MAX) {
        size_t left = HELPER_RECORD_FILE_MAX + 1 - bufLen(&buf);
        size_t want = left < 65536 ? left : 65536;
        room = bufReserve(&buf, want);
        n = room ? read(fd, room, want) : -1;
        if (n > 0)
            bufCommit(&buf, (size_t)n);
        else if (n < 0 && errno == EINTR)
            n = 1;
    }
    if (n > 0)
        errno = EFBIG;
    char *text = NULL;
    if (n == 0) {
        *lenOut = bufLen(&buf);
        text = xstrndup(*lenOut ? bufData(&buf) : "", *lenOut);
    }
    int error = errno;
    bufFini(&buf);
    errno = error;
    return text;
}

HelperRecord *
helperRecordRead(const char *path, char *why, size_t whySize)
{
    HelperRecord *record = NULL;
    char *text = NULL;
    size_t len;

    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        text = readAll(fd, &len);
    int error = errno;
    fdClosep(&fd);
    errno = error;
    if (text)
        record = helperRecordParse(path, text, len, why, whySize);
    else
        (void)snprintf(why, whySize, "%s: %s", path, strerror(errno));
    error = errno;
    free(text);
    errno = error;
    return record;
}
