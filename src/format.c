/* format.c: texts with codes: made ready once, then filled in. */
#include "format_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "xalloc.h"

#define FORMAT_MAGIC 0x464f524du
#define WIDTH_MAX 1000u
#define JOINED_MAX (128 * 1024)
#define LOG_VALUE_MAX 8192u /* of which three times as many may be shown */

struct Format {
    uint32_t magic;
    FormatToken *tokens;
    size_t count;
};

/* One code being read. */
typedef struct Reader {
    const char *at;
    FormatToken token;
    FormatComplainCb *complain;
    void *data;
    bool isLog;
    FormatQuote around; /* of a log: what the text before stands in */
} Reader;

static FormatToken *
addToken(Format *format, const FormatToken *token)
{
    format->tokens =
        xrealloc(format->tokens, (format->count + 1) * sizeof(FormatToken));
    format->tokens[format->count] = *token;
    return &format->tokens[format->count++];
}

static void
addText(Format *format, const char *text, size_t len)
{
    const FormatToken token = {.text = xstrndup(text, len)};

    addToken(format, &token);
}

static void
complainOf(Reader *reader, const char *what, const char *start)
{
    char text[160];

    snprintf(text, sizeof(text), "%s \"%%%.*s\"", what,
             (int)strcspn(start, " \t"), start);
    reader->complain(text, true, reader->data);
}

/* Of a code that Squid has, reader->at being behind it. */
static void
tellAbsent(Reader *reader, const char *start)
{
    char text[160];

    snprintf(text, sizeof(text), "%%%.*s is always - here",
             (int)(reader->at - start), start);
    if (reader->complain != NULL)
        reader->complain(text, false, reader->data);
}

/* FORMAT_QUOTE_DEFAULT for an octet that is none. */
static FormatQuote
quoteNamed(char octet)
{
    static const char octets[] = "#\"[/'";
    const char *at = octet != '\0' ? strchr(octets, octet) : NULL;

    return at != NULL ? (FormatQuote)(FORMAT_QUOTE_URL + (at - octets))
                      : FORMAT_QUOTE_DEFAULT;
}

static FormatQuote
takeQuote(Reader *reader)
{
    FormatQuote quote = quoteNamed(*reader->at);

    if (quote != FORMAT_QUOTE_DEFAULT)
        reader->at++;
    return quote;
}

int
formatValue(char quote, HttpSlice value, char *out, size_t size, size_t *used)
{
    return formatQuote(quoteNamed(quote), value, out, size, used);
}

static bool
takeFlag(Reader *reader, char flag)
{
    if (*reader->at != flag)
        return false;
    reader->at++;
    return true;
}

static unsigned
takeNumber(Reader *reader)
{
    unsigned number = 0;

    for (; *reader->at >= '0' && *reader->at <= '9'; reader->at++)
        if (number < WIDTH_MAX)
            number = number * 10 + (unsigned)(*reader->at - '0');
    return number < WIDTH_MAX ? number : WIDTH_MAX;
}

/* {Field}, {Field:member} or {Field:;member} with another separator. */
static void
splitArgument(FormatToken *token)
{
    char *colon = token->text != NULL ? strchr(token->text, ':') : NULL;

    if (colon == NULL)
        return;
    *colon = '\0';
    const char *member = colon + 1;
    if (*member == '\0')
        return;
    if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
               "0123456789-_",
               *member) == NULL)
        token->separator = *member++;
    token->member = xstrdup(member);
}

static void
takeArgument(Reader *reader)
{
    const char *end = *reader->at == '{' ? strchr(reader->at, '}') : NULL;

    if (end == NULL)
        return;
    free(reader->token.text);
    reader->token.text =
        xstrndup(reader->at + 1, (size_t)(end - reader->at - 1));
    reader->at = end + 1;
}

/* The end of something that looks like a code. */
static void
skipUnknown(Reader *reader)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";

    reader->at += strspn(reader->at, "<>");
    reader->at += strspn(reader->at, letters);
    while (reader->at[0] == ':' && reader->at[1] == ':') { /* %ssl::>sni */
        reader->at += 2 + strspn(reader->at + 2, "<>");
        reader->at += strspn(reader->at, letters);
    }
}

/* %USER_CERT_CN is %{CN}USER_CERT_. */
static void
takeTail(Reader *reader)
{
    size_t len = strspn(reader->at, "abcdefghijklmnopqrstuvwxyz"
                                    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.");

    free(reader->token.text);
    reader->token.text = xstrndup(reader->at, len);
    reader->at += len;
}

static bool
lacksArgument(const FormatToken *token)
{
    unsigned flags = token->code->flags;

    return (flags & FORMAT_CODE_ARG) && token->text == NULL &&
           !(token->isLog && (flags & FORMAT_CODE_ALL));
}

/* Older formats have names as http::>rm, which are those without. */
static void
skipProtocol(Reader *reader)
{
    if (strncmp(reader->at, "http::", 6) == 0)
        reader->at += 6;
}

static void
takeCode(Reader *reader, const char *start)
{
    skipProtocol(reader);
    const FormatCode *code = formatCodeLookup(reader->at);

    reader->token.code = code;
    if (code == NULL) {
        complainOf(reader, "unknown code", start);
        skipUnknown(reader);
        return;
    }
    reader->at += strlen(code->name);
    if (code->get == NULL) { /* whatever belongs to the name */
        skipUnknown(reader);
        tellAbsent(reader, start);
    }
    if (code->flags & FORMAT_CODE_TAIL)
        takeTail(reader);
    else
        takeArgument(reader);
    if (!(code->flags & FORMAT_CODE_WHOLE))
        splitArgument(&reader->token);
    if (lacksArgument(&reader->token))
        complainOf(reader, "a name in {} is missing in", start);
}

/* What stands for a code that is not known: an absent value. */
static const FormatCode *
absentCode(void)
{
    return formatCodeLookup(">eui");
}

/* reader->at is behind a '%'. */
static void
readCode(Format *format, Reader *reader)
{
    const char *start = reader->at;
    FormatToken *token = &reader->token;

    *token = (FormatToken){
        .quote = takeQuote(reader), .separator = ',', .isLog = reader->isLog};
    if (token->quote == FORMAT_QUOTE_DEFAULT)
        token->quote = reader->around;
    token->isLeft = takeFlag(reader, '-');
    token->isZero = takeFlag(reader, '0');
    token->width = takeNumber(reader);
    if (takeFlag(reader, '.'))
        token->max = takeNumber(reader);
    takeArgument(reader);
    takeCode(reader, start);
    if (token->code == NULL || lacksArgument(token))
        token->code = absentCode();
    addToken(format, token);
}

/* Quotes and brackets of a log's text begin and end what codes in them are
 * escaped for. */
static void
noteAround(Reader *reader, const char *text, size_t len)
{
    for (size_t i = 0; i < len && reader->isLog; i++) {
        bool isOpen = reader->around != FORMAT_QUOTE_DEFAULT;

        if (text[i] == '"' && reader->around != FORMAT_QUOTE_BLOB)
            reader->around =
                isOpen ? FORMAT_QUOTE_DEFAULT : FORMAT_QUOTE_STRING;
        else if (text[i] == '[' && !isOpen)
            reader->around = FORMAT_QUOTE_BLOB;
        else if (text[i] == ']' && reader->around == FORMAT_QUOTE_BLOB)
            reader->around = FORMAT_QUOTE_DEFAULT;
    }
}

static Format *
readAll(Reader *reader)
{
    Format *format = xcalloc(1, sizeof(*format));

    format->magic = FORMAT_MAGIC;
    while (*reader->at != '\0') {
        size_t len = strcspn(reader->at, "%");

        noteAround(reader, reader->at, len);
        if (len > 0)
            addText(format, reader->at, len);
        reader->at += len;
        if (*reader->at == '\0')
            break;
        reader->at++;
        readCode(format, reader);
    }
    return format;
}

Format *
formatCreate(const char *text, FormatComplainCb *complain, void *data)
{
    Reader reader = {.at = text, .complain = complain, .data = data};

    return readAll(&reader);
}

Format *
formatCreateLog(const char *text, FormatComplainCb *complain, void *data)
{
    Reader reader = {
        .at = text, .complain = complain, .data = data, .isLog = true};

    return readAll(&reader);
}

void
formatDestroy(Format **formatp)
{
    Format *format = *formatp;

    *formatp = NULL;
    if (format == NULL)
        return;
    CHECK_OBJ(format, FORMAT_MAGIC);
    for (size_t i = 0; i < format->count; i++) {
        free(format->tokens[i].text);
        free(format->tokens[i].member);
    }
    free(format->tokens);
    CHECK_OBJ_CLEAR(format);
    free(format);
}

void
formatSetQuote(Format *format, char quote)
{
    CHECK_OBJ(format, FORMAT_MAGIC);
    for (size_t i = 0; i < format->count; i++)
        if (format->tokens[i].quote == FORMAT_QUOTE_DEFAULT)
            format->tokens[i].quote = quoteNamed(quote);
}

bool
formatIsEmpty(const Format *format)
{
    CHECK_OBJ(format, FORMAT_MAGIC);
    return format->count == 0;
}

bool
formatHas(const Format *format, const char *code)
{
    const FormatCode *wanted = formatCodeLookup(code);

    for (size_t i = 0; i < format->count; i++) {
        const FormatCode *has = format->tokens[i].code;

        if (has != NULL && wanted != NULL &&
            (has == wanted || (has->get != NULL && has->get == wanted->get)))
            return true;
    }
    return false;
}

static FormatQuote
quoteOf(const FormatToken *token)
{
    if (token->code->flags & FORMAT_CODE_ESCAPED)
        return FORMAT_QUOTE_RAW;
    if (token->quote != FORMAT_QUOTE_DEFAULT)
        return token->quote;
    if (token->isLog)
        return token->code->flags & FORMAT_CODE_FREE ? FORMAT_QUOTE_LOG
                                                     : FORMAT_QUOTE_RAW;
    return token->code->flags & FORMAT_CODE_FREE ? FORMAT_QUOTE_URL
                                                 : FORMAT_QUOTE_RAW;
}

/* Fill what was written since start up to the token's width. */
static int
pad(const FormatToken *token, char *out, size_t size, size_t start,
    size_t *used)
{
    size_t len = *used - start;
    size_t more = token->width > len ? token->width - len : 0;

    if (more > size - *used)
        return -EMSGSIZE;
    if (token->isLeft) {
        memset(out + *used, ' ', more);
    } else {
        memmove(out + start + more, out + start, len);
        memset(out + start, token->isZero ? '0' : ' ', more);
    }
    *used += more;
    return 0;
}

static int
expandCode(const FormatToken *token, const FormatInput *input, char *out,
           size_t size, size_t *used)
{
    FormatValue value;
    size_t start = *used;
    int rc;

    value.slice = httpSlice(NULL, 0);
    bufInit(&value.joined, JOINED_MAX);
    if (token->code->get != NULL)
        token->code->get(input, token, &value);
    if (token->max > 0 && value.slice.len > token->max)
        value.slice.len = token->max;
    if (token->isLog && value.slice.len > LOG_VALUE_MAX)
        value.slice.len = LOG_VALUE_MAX;
    if (value.slice.len == 0)
        rc = formatQuote(FORMAT_QUOTE_RAW, httpSliceText("-"), out, size, used);
    else
        rc = formatQuote(quoteOf(token), value.slice, out, size, used);
    if (rc == -EINVAL && token->isLog)
        rc = formatQuote(FORMAT_QUOTE_LOG, value.slice, out, size, used);
    bufFini(&value.joined);
    if (rc == 0)
        rc = pad(token, out, size, start, used);
    return rc;
}

/* 0, or why it stopped with *used octets. */
static int
expandAll(const Format *format, const FormatInput *input, char *out,
          size_t size, size_t *used)
{
    int rc = 0;

    CHECK_OBJ(format, FORMAT_MAGIC);
    for (size_t i = 0; i < format->count && rc == 0; i++) {
        const FormatToken *token = &format->tokens[i];

        rc = token->code != NULL
                 ? expandCode(token, input, out, size, used)
                 : formatQuote(FORMAT_QUOTE_RAW, httpSliceText(token->text),
                               out, size, used);
    }
    return rc;
}

ssize_t
formatExpand(const Format *format, const FormatInput *input, char *out,
             size_t size)
{
    size_t used = 0;
    int rc = expandAll(format, input, out, size, &used);

    return rc < 0 ? rc : (ssize_t)used;
}

size_t
formatExpandLog(const Format *format, const FormatInput *input, char *out,
                size_t size)
{
    size_t used = 0;

    expandAll(format, input, out, size, &used);
    return used;
}
