/* helper_cert_text.c: lines, PEM blocks and numbers in texts about
 * certificates. */
#include "helper_cert_text.h"

#include <string.h>

#define BEGIN "-----BEGIN "
#define END "-----END "
#define DASHES "-----"

static bool
isControl(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

bool
helperCertHasControl(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (isControl(text[i]))
            return true;
    return false;
}

bool
helperCertStartsWith(const HelperCertText *text, const char *start)
{
    size_t len = strlen(start);

    return text->len >= len && memcmp(text->data, start, len) == 0;
}

bool
helperCertEndsWith(const HelperCertText *text, const char *end)
{
    size_t len = strlen(end);

    return text->len >= len &&
           memcmp(text->data + text->len - len, end, len) == 0;
}

bool
helperCertIsText(const HelperCertText *text, const char *other)
{
    return text->len == strlen(other) && helperCertEndsWith(text, other);
}

static bool
isBase64(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c >= '0' && c <= '9') || c == '+' || c == '/' || c == '=';
}

bool
helperCertTakeLine(HelperCertCursor *cursor, HelperCertText *lineOut)
{
    size_t left = (size_t)(cursor->end - cursor->at);

    if (left == 0)
        return false;
    const char *lf = memchr(cursor->at, '\n', left);
    *lineOut =
        (HelperCertText){cursor->at, lf ? (size_t)(lf - cursor->at) : left};
    cursor->at = lf ? lf + 1 : cursor->end;
    if (lineOut->len > 0 && lineOut->data[lineOut->len - 1] == '\r')
        lineOut->len--;
    return true;
}

/* What stands between a prefix of the line and five dashes at its end. */
static bool
readLabel(const HelperCertText *line, const char *prefix,
          HelperCertText *labelOut)
{
    size_t before = strlen(prefix), after = strlen(DASHES);

    if (line->len <= before + after ||
        memcmp(line->data, prefix, before) != 0 ||
        memcmp(line->data + line->len - after, DASHES, after) != 0)
        return false;
    *labelOut =
        (HelperCertText){line->data + before, line->len - before - after};
    return !helperCertHasControl(labelOut->data, labelOut->len);
}

static bool
isBase64Line(const HelperCertText *line)
{
    for (size_t i = 0; i < line->len; i++)
        if (!isBase64(line->data[i]))
            return false;
    return line->len > 0;
}

bool
helperCertTakePem(HelperCertCursor *cursor, HelperCertText *blockOut,
                  HelperCertText *labelOut)
{
    HelperCertCursor next = *cursor;
    HelperCertText line, label;

    if (!helperCertTakeLine(&next, &line) || !readLabel(&line, BEGIN, labelOut))
        return false;
    bool isEmpty = true;
    while (helperCertTakeLine(&next, &line) && isBase64Line(&line))
        isEmpty = false;
    if (isEmpty || !readLabel(&line, END, &label) ||
        label.len != labelOut->len ||
        memcmp(label.data, labelOut->data, label.len) != 0)
        return false;
    *blockOut = (HelperCertText){cursor->at, (size_t)(next.at - cursor->at)};
    *cursor = next;
    return true;
}

/* Take a decimal number up to max; false when there is none. */
static bool
takeNumber(HelperCertCursor *cursor, size_t max, size_t *numberOut)
{
    const char *start = cursor->at;
    size_t number = 0;

    for (; cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9';
         cursor->at++) {
        number = number * 10 + (size_t)(*cursor->at - '0');
        if (number > max)
            return false;
    }
    *numberOut = number;
    return cursor->at > start;
}

bool
helperCertReadNumberAfter(const HelperCertText *text, const char *prefix,
                          unsigned *numberOut)
{
    HelperCertCursor cursor = {text->data, text->data + text->len};
    size_t number;

    if (!helperCertStartsWith(text, prefix))
        return false;
    cursor.at += strlen(prefix);
    if (!takeNumber(&cursor, HELPER_CERT_NUMBER_MAX, &number) ||
        cursor.at < cursor.end)
        return false;
    *numberOut = (unsigned)number;
    return true;
}

static bool
isBlank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

const char *
helperCertFindBody(const HelperReply *reply, HelperCertCursor *bodyOut)
{
    HelperCertCursor cursor = {reply->text, reply->text + reply->textLen};
    size_t len;

    if (!takeNumber(&cursor, reply->textLen, &len))
        return "its length is missing, or longer than what came";
    size_t left = (size_t)(cursor.end - cursor.at);
    if (left < len || (left == len && len > 0))
        return "it is shorter than it says";
    for (; left > len; left--)
        if (!isBlank(*cursor.at++))
            return "it is longer than it says";
    *bodyOut = cursor;
    return NULL;
}
