/* error_page.c: pages made of a table, with every value escaped. */
#include "error_page.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "check.h"
#include "http_date.h"
#include "http_message.h"

#define BODY_MAX (8 * 1024)
/* A value may grow sixfold; three of them and the frame fit the body. */
#define VALUE_MAX 400u

static const struct {
    const char *name;
    int status;
    const char *title;
    const char *text;
} pages[ERROR_PAGE_COUNT] = {
#define X(id, code, heading, sentence)                                         \
    [ERR_##id] = {"ERR_" #id, code, heading, sentence},
    ERROR_PAGES(X)
#undef X
};

const char *
errorPageName(ErrorPageId id)
{
    CHECK(id < ERROR_PAGE_COUNT);
    return pages[id].name;
}

int
errorPageStatus(ErrorPageId id)
{
    CHECK(id < ERROR_PAGE_COUNT);
    return pages[id].status;
}

static const char *
entityOf(char c)
{
    switch (c) {
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '&':
        return "&amp;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

/* Octets that are no printable ASCII become "?": a page has one charset,
 * what comes in a request has none. */
static void
appendValue(Buf *out, const char *text)
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

static void
appendItem(Buf *out, const char *before, const char *value, const char *after)
{
    if (!value || !*value)
        return;
    bufPrintf(out, "%s", before);
    appendValue(out, value);
    bufPrintf(out, "%s", after);
}

static void
formatBody(Buf *out, const ErrorPageInfo *info)
{
    const char *title = pages[info->id].title;
    const char *why = info->errnum > 0 ? strerror(info->errnum) : NULL;

    bufPrintf(out,
              "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
              "<meta charset=\"utf-8\">\n<title>%s</title>\n</head>\n<body>\n"
              "<h1>%s</h1>\n",
              title, title);
    appendItem(out, "<p><code>", info->url, "</code></p>\n");
    bufPrintf(out, "<p>%s</p>\n", pages[info->id].text);
    appendItem(out, "<p>", info->detail, "</p>\n");
    appendItem(out, "<p>The system says: ", why, "</p>\n");
    bufPrintf(out, "<hr>\n<p><small>%s", pages[info->id].name);
    appendItem(out, " from ", info->hostname, "");
    bufPrintf(out, "</small></p>\n</body>\n</html>\n");
}

static int
formatHead(Buf *out, const ErrorPageInfo *info, size_t bodyLen)
{
    int status = info->status > 0 ? info->status : pages[info->id].status;
    HttpSlice date = httpDateText((time_t)(info->wallUs / 1000000));

    return bufPrintf(out,
                     "HTTP/1.1 %d %s\r\n"
                     "Date: %.*s\r\n"
                     "Server: squire\r\n"
                     "Content-Type: text/html; charset=utf-8\r\n"
                     "Content-Length: %zu\r\n"
                     "Cache-Control: no-store\r\n"
                     "X-Squire-Error: %s %d\r\n"
                     "%s"
                     "Connection: %s\r\n\r\n",
                     status, httpStatusReason(status), HTTP_SLICE_ARG(date),
                     bodyLen, pages[info->id].name, info->errnum,
                     info->fields ? info->fields : "",
                     info->keepAlive ? "keep-alive" : "close");
}

int
errorPageFormat(Buf *out, const ErrorPageInfo *info)
{
    Buf body, whole;
    int rc;

    CHECK(info->id < ERROR_PAGE_COUNT);
    bufInit(&body, BODY_MAX);
    bufInit(&whole,
            2 * BODY_MAX + (info->fields ? strlen(info->fields) : 0));
    formatBody(&body, info);
    rc = formatHead(&whole, info, bufLen(&body));
    if (rc == 0 && !info->headOnly)
        rc = bufAppend(&whole, bufData(&body), bufLen(&body));
    if (rc == 0)
        rc = bufAppend(out, bufData(&whole), bufLen(&whole));
    bufFini(&body);
    bufFini(&whole);
    return rc;
}
