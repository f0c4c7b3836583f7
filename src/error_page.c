/* error_page.c: pages made of a table, with every value escaped. */
#include "error_page.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "check.h"
#include "http_date.h"
#include "http_message.h"

#define BODY_MAX (12 * 1024) /* of a page of ours */

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

bool
errorPageLookup(const char *name, ErrorPageId *idOut)
{
    for (int i = 0; i < ERROR_PAGE_COUNT; i++) {
        if (strcmp(pages[i].name, name) != 0)
            continue;
        *idOut = (ErrorPageId)i;
        return true;
    }
    return false;
}

const char *
errorPageNameOf(const ErrorPageInfo *info)
{
    return info->name ? info->name : pages[info->id].name;
}

int
errorPageStatus(ErrorPageId id)
{
    CHECK(id < ERROR_PAGE_COUNT);
    return pages[id].status;
}

static void
appendItem(Buf *out, const char *before, const char *value, const char *after)
{
    if (!value || !*value)
        return;
    bufPrintf(out, "%s", before);
    errorTemplateAppend(out, value);
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
    appendItem(out, "<p>Who looks after this proxy: ", info->admin, "</p>\n");
    bufPrintf(out, "<hr>\n<p><small>%s", errorPageNameOf(info));
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
                     "Server: %s\r\n"
                     "Content-Type: text/html; charset=utf-8\r\n"
                     "Content-Length: %zu\r\n"
                     "Cache-Control: no-store\r\n"
                     "X-Squire-Error: %s %d\r\n"
                     "%s"
                     "Connection: %s\r\n\r\n",
                     status, httpStatusReason(status), HTTP_SLICE_ARG(date),
                     info->program ? info->program : "squire", bodyLen,
                     errorPageNameOf(info), info->errnum,
                     info->fields ? info->fields : "",
                     info->keepAlive ? "keep-alive" : "close");
}

int
errorPageFormat(Buf *out, const ErrorPageInfo *info)
{
    Buf body, whole;
    int rc;

    CHECK(info->id < ERROR_PAGE_COUNT);
    bufInit(&body, info->text ? ERROR_PAGE_BODY_MAX : BODY_MAX);
    bufInit(&whole, ERROR_PAGE_BODY_MAX + BODY_MAX +
                        (info->fields ? strlen(info->fields) : 0));
    if (info->text)
        errorTemplateExpand(info->text, info, &body);
    else
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
