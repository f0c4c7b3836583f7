/* ctl_stream.c: a stream of lines from the manager. */
#include "ctl_stream.h"

#include <string.h>

#define LINE_MAX_OCTETS (1024 * 1024)

typedef struct Lines {
    Buf partial;
    CtlLineCb *cb;
    void *data;
} Lines;

static bool
takeText(const char *text, size_t len, void *data)
{
    Lines *lines = data;
    char *lf;

    if (bufAppend(&lines->partial, text, len) < 0)
        return false;
    while (bufLen(&lines->partial) > 0 &&
           (lf = memchr(bufData(&lines->partial), '\n',
                        bufLen(&lines->partial)))) {
        char *line = bufData(&lines->partial);
        size_t lineLen = (size_t)(lf - line);

        *lf = '\0';
        if (!lines->cb(line, lineLen, lines->data))
            return false;
        bufConsume(&lines->partial, lineLen + 1);
    }
    return true;
}

int
ctlStreamLines(const Ctl *ctl, const char *path, int64_t ms, CtlLineCb *cb,
               void *data)
{
    Lines lines = {.cb = cb, .data = data};

    bufInit(&lines.partial, LINE_MAX_OCTETS);
    int rc = ctlHttpStream(ctl, path, ms, takeText, &lines);
    bufFini(&lines.partial);
    return rc;
}
