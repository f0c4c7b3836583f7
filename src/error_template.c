/* error_template.c: texts of operators, with % codes for what happened. */
#include "error_page.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "address.h"
#include "http_date.h"

/* More than fits a line is no use to people. */
#define VALUE_MAX 400u

typedef struct Writer {
    Buf *out;
    const ErrorPageInfo *info;
    void (*put)(Buf *out, const char *text);
} Writer;

static const char *
entityOf(char c)
{
    static const char marks[] = "<>&\"'";
    static const char *const entities[] = {"&lt;", "&gt;", "&amp;", "&quot;",
                                           "&#39;"};
    const char *at = c != '\0' ? strchr(marks, c) : NULL;

    return at ? entities[at - marks] : NULL;
}

/* Octets that are no printable ASCII become "?": a page has one charset,
 * what comes in a request has none. */
void
errorTemplateAppend(Buf *out, const char *text)
{
    size_t len = strnlen(text, VALUE_MAX);

    for (size_t i = 0; i < len; i++) {
        const char *entity = entityOf(text[i]);
        char c = text[i] >= 0x20 && text[i] < 0x7f ? text[i] : '?';

        if (entity)
            bufAppend(out, entity, strlen(entity));
        else
            bufAppend(out, &c, 1);
    }
    if (text[len])
        bufPrintf(out, "...");
}

/* As one value in the query of a URL. */
static void
putUrl(Buf *out, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (isalnum(c) || strchr("-._~", c))
            bufAppend(out, text, 1);
        else
            bufPrintf(out, "%%%02X", c);
    }
}

static void
putValue(Writer *writer, const char *value, const char *absent)
{
    writer->put(writer->out, value && *value ? value : absent);
}

static void
putAddress(Writer *writer, const struct sockaddr *addr)
{
    char text[ADDRESS_TEXT_MAX];

    addressFormat(addr, text);
    writer->put(writer->out, text);
}

static void
putNumber(Writer *writer, unsigned number)
{
    bufPrintf(writer->out, "%u", number);
}

static void
putDate(Writer *writer)
{
    HttpSlice date = httpDateText((time_t)(writer->info->wallUs / 1000000));
    char text[HTTP_DATE_SIZE];

    snprintf(text, sizeof(text), "%.*s", HTTP_SLICE_ARG(date));
    writer->put(writer->out, text);
}

static void
putSignature(Writer *writer)
{
    bufPrintf(writer->out, "\n<br>\n<hr>\n<div id=\"footer\">\nGenerated ");
    putDate(writer);
    bufPrintf(writer->out, " by ");
    putValue(writer, writer->info->hostname, "");
    bufPrintf(writer->out, " (%s)\n</div>\n", writer->info->program);
}

/* What happened, as far as the system or a helper had to say. */
static const char *
reasonOf(const ErrorPageInfo *info)
{
    if (info->errnum > 0)
        return strerror(info->errnum);
    return info->detail;
}

/* False: that is no code. */
static bool
putRequest(Writer *writer, char code)
{
    const ErrorPageInfo *info = writer->info;

    switch (code) {
    case 'a':
        putValue(writer, info->user, "-");
        return true;
    case 'A':
        putAddress(writer, info->local);
        return true;
    case 'H':
        putValue(writer, info->host, "[unknown host]");
        return true;
    case 'i':
        putAddress(writer, info->client);
        return true;
    case 'M':
        putValue(writer, info->method, "[unknown method]");
        return true;
    case 'p':
        putNumber(writer, info->port);
        return true;
    case 'P':
        putValue(writer, info->scheme, "[unknown protocol]");
        return true;
    case 'R':
        putValue(writer, info->path, "[no path]");
        return true;
    case 'u':
    case 'U':
    case 'B':
        putValue(writer, info->url, "[no URL]");
        return true;
    default:
        return false;
    }
}

static bool
putFailure(Writer *writer, char code)
{
    const ErrorPageInfo *info = writer->info;

    switch (code) {
    case 'c':
    case 'x':
        putValue(writer, errorPageNameOf(info), "");
        return true;
    case 'e':
        putNumber(writer, (unsigned)info->errnum);
        return true;
    case 'E':
    case 'z':
        putValue(writer, reasonOf(info), "[no details]");
        return true;
    case 'o':
    case 'O':
    case 'm':
        putValue(writer, info->message, "[no message]");
        return true;
    case 'I':
        putValue(writer, info->host, "[unknown]");
        return true;
    default:
        return false;
    }
}

static bool
putProxy(Writer *writer, char code)
{
    const ErrorPageInfo *info = writer->info;

    switch (code) {
    case 'h':
        putValue(writer, info->hostname, "");
        return true;
    case 's':
        putValue(writer, info->program, "");
        return true;
    case 'S':
        putSignature(writer);
        return true;
    case 't':
    case 'T':
        putDate(writer);
        return true;
    case 'w':
        putValue(writer, info->admin, "");
        return true;
    case 'l': /* markup, which no URL has */
        if (info->style && writer->put == errorTemplateAppend)
            bufAppend(writer->out, info->style, strlen(info->style));
        return true;
    case '%':
        bufAppend(writer->out, "%", 1);
        return true;
    case 'b': /* what only Squid has is left empty */
    case 'd':
    case 'D':
    case 'f':
    case 'F':
    case 'g':
    case 'L':
    case 'N':
    case 'W':
    case 'Z':
        return true;
    default:
        return false;
    }
}

static void
expand(Writer *writer, const char *text)
{
    const char *at;

    for (at = text; *at; at++) {
        size_t len = strcspn(at, "%");

        bufAppend(writer->out, at, len);
        at += len;
        if (*at == '\0')
            break;
        if (at[1] != '\0' &&
            (putRequest(writer, at[1]) || putFailure(writer, at[1]) ||
             putProxy(writer, at[1])))
            at++;
        else
            bufAppend(writer->out, at, 1);
    }
}

void
errorTemplateExpand(const char *text, const ErrorPageInfo *info, Buf *out)
{
    Writer writer = {.out = out, .info = info, .put = errorTemplateAppend};

    expand(&writer, text);
}

void
errorTemplateExpandUrl(const char *text, const ErrorPageInfo *info, Buf *out)
{
    Writer writer = {.out = out, .info = info, .put = putUrl};

    expand(&writer, text);
}
