/* helper_record_format.c: write record files, and compare with them. */
#include "helper_record.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "check.h"

static int
appendWords(Buf *out, const char *words)
{
    return bufAppend(out, words, strlen(words));
}

static int
appendOctet(Buf *out, char octet, bool escapesBlank)
{
    unsigned char c = (unsigned char)octet;

    if (c == '\\')
        return appendWords(out, "\\\\");
    if (c == '\n')
        return appendWords(out, "\\n");
    if (c == '\t')
        return appendWords(out, "\\t");
    if (c == '\r')
        return appendWords(out, "\\r");
    if (c < ' ' || c >= 0x7f || (c == ' ' && escapesBlank))
        return bufPrintf(out, "\\x%02x", c);
    return bufAppend(out, &octet, 1);
}

/* The blank at the end is escaped: editors drop those. */
static int
appendText(Buf *out, const char *text, size_t len)
{
    int rc = 0;

    for (size_t i = 0; i < len && rc == 0; i++)
        rc = appendOctet(out, text[i], i + 1 == len);
    return rc;
}

/* A glob has backslashes of its own, before what would mean something. */
static int
appendGlob(Buf *out, const char *text, size_t len)
{
    int rc = 0;

    for (size_t i = 0; i < len && rc == 0; i++) {
        bool isPlain = text[i] == '\\' && i + 1 < len;
        if (isPlain)
            i++;
        bool hasMeaning = strchr("*?", text[i]) && text[i];
        if (isPlain && hasMeaning)
            rc = bufAppend(out, "\\", 1);
        if (rc == 0 && hasMeaning)
            rc = bufAppend(out, &text[i], 1);
        else if (rc == 0)
            rc = appendOctet(out, text[i], i + 1 == len);
    }
    return rc;
}

/* One word of the program: without blanks, and not "". */
static int
appendWord(Buf *out, const char *word)
{
    if (!*word)
        return appendWords(out, " \"\"");
    int rc = bufAppend(out, " ", 1);
    for (; *word && rc == 0; word++) {
        if (*word == '\n')
            rc = -EINVAL;
        else if (*word == '"')
            rc = appendWords(out, "\\x22");
        else
            rc = appendOctet(out, *word, true);
    }
    return rc;
}

/* Undo what was appended since; Buf can drop from its front only. */
static void
takeBack(Buf *out, size_t len)
{
    out->tail = out->head + len;
}

static int
appendProgram(Buf *out, const char *const *argv)
{
    int rc = appendWords(out, "program");

    for (size_t i = 0; rc == 0 && argv[i]; i++)
        rc = appendWord(out, argv[i]);
    return rc == 0 ? appendWords(out, "\n") : rc;
}

int
helperRecordFormatHead(const HelperRecord *record, Buf *out)
{
    size_t before = bufLen(out);

    int rc = appendWords(out, "# squire record 1\n");
    if (rc == 0 && record->argv && record->argv[0])
        rc = appendProgram(out, record->argv);
    if (rc == 0 && record->concurrency > 0)
        rc = bufPrintf(out, "concurrency %u\n", record->concurrency);
    if (rc == 0 && record->endMark != '\n')
        rc = bufPrintf(out, "end-mark \\x%02x\n",
                       (unsigned char)record->endMark);
    if (rc < 0)
        takeBack(out, before);
    return rc;
}

static int
appendTime(Buf *out, int64_t wallUs)
{
    time_t seconds = (time_t)(wallUs / 1000000);
    struct tm tm;
    char text[40];

    if (!gmtime_r(&seconds, &tm) ||
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
        return 0;
    return bufPrintf(out, " time=%s.%06uZ", text, (unsigned)(wallUs % 1000000));
}

static int
appendAbout(Buf *out, const HelperRecordExchange *exchange)
{
    int rc;

    if (exchange->wallUs <= 0 && exchange->queueUs < 0 &&
        exchange->serviceUs < 0 && exchange->number == 0 && exchange->pid <= 0)
        return 0;
    rc = appendWords(out, "@");
    if (rc == 0 && exchange->wallUs > 0)
        rc = appendTime(out, exchange->wallUs);
    if (rc == 0 && exchange->number > 0)
        rc = bufPrintf(out, " process=%u", exchange->number);
    if (rc == 0 && exchange->pid > 0)
        rc = bufPrintf(out, " pid=%d", (int)exchange->pid);
    if (rc == 0 && exchange->queueUs >= 0)
        rc = bufPrintf(out, " queue_us=%lld", (long long)exchange->queueUs);
    if (rc == 0 && exchange->serviceUs >= 0)
        rc = bufPrintf(out, " service_us=%lld", (long long)exchange->serviceUs);
    return rc == 0 ? appendWords(out, "\n") : rc;
}

static int
appendAnswer(Buf *out, const HelperRecordAnswer *answer)
{
    int rc = 0;

    switch (answer->expect) {
    case HELPER_EXPECT_LINE:
        rc = appendWords(out, answer->len ? "< " : "<");
        if (rc == 0)
            rc = appendText(out, answer->text, answer->len);
        break;
    case HELPER_EXPECT_GLOB:
        rc = appendWords(out, answer->len ? "<~ " : "<~");
        if (rc == 0)
            rc = appendGlob(out, answer->text, answer->len);
        break;
    case HELPER_EXPECT_EXIT:
        rc = bufPrintf(out, "<! exit %d", answer->number);
        break;
    case HELPER_EXPECT_SIGNAL:
        rc = bufPrintf(out, "<! signal %d", answer->number);
        break;
    default:
        rc = appendWords(out, "<! silence");
    }
    return rc == 0 ? appendWords(out, "\n") : rc;
}

static int
appendRequest(Buf *out, const HelperRecordExchange *exchange)
{
    if (!exchange->request)
        return appendWords(out, ">! eof\n");
    int rc = appendWords(out, exchange->requestLen ? "> " : ">");
    if (rc == 0)
        rc = appendText(out, exchange->request, exchange->requestLen);
    return rc == 0 ? appendWords(out, "\n") : rc;
}

int
helperRecordFormatExchange(const HelperRecordExchange *exchange, Buf *out)
{
    size_t before = bufLen(out);

    int rc = appendAbout(out, exchange);
    if (rc == 0)
        rc = appendRequest(out, exchange);
    for (size_t i = 0; rc == 0 && i < exchange->answerCount; i++)
        rc = appendAnswer(out, &exchange->answers[i]);
    if (rc < 0)
        takeBack(out, before);
    return rc;
}

/* One octet of a pattern against c; *usedOut: octets of the pattern. */
static bool
fitsOctet(const char *glob, const char *globEnd, char c, size_t *usedOut)
{
    bool isEscaped = *glob == '\\' && glob + 1 < globEnd;

    *usedOut = isEscaped ? 2 : 1;
    return isEscaped ? glob[1] == c : *glob == '?' || *glob == c;
}

/* In time that grows with the product of both lengths, at worst: only the
 * last star is ever tried again. */
static bool
fitsGlob(const HelperRecordAnswer *answer, const char *line, size_t len)
{
    const char *glob = answer->text, *globEnd = glob + answer->len;
    const char *end = line + len, *star = NULL, *resume = NULL;
    size_t used;

    while (line < end) {
        if (glob < globEnd && *glob == '*') {
            star = ++glob;
            resume = line;
        } else if (glob < globEnd && fitsOctet(glob, globEnd, *line, &used)) {
            glob += used;
            line++;
        } else if (star) {
            glob = star;
            line = ++resume;
        } else {
            return false;
        }
    }
    while (glob < globEnd && *glob == '*')
        glob++;
    return glob == globEnd;
}

bool
helperRecordMatches(const HelperRecordAnswer *answer, const char *line,
                    size_t len)
{
    if (answer->expect == HELPER_EXPECT_GLOB)
        return fitsGlob(answer, line, len);
    return answer->expect == HELPER_EXPECT_LINE && answer->len == len &&
           memcmp(answer->text, line, len) == 0;
}
