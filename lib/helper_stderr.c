/* helper_stderr.c: helper stderr to the debug log, tagged (section 84). */
#include "helper_stderr.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "comm.h"
#include "debug.h"
#include "xalloc.h"

#define READ_SIZE 4096
#define DRAIN_MAX 65536
#define LAST_LINE_MAX 200 /* of a line, in the report of the end */

static CommSelectCb onReadable;

void
helperStderrOpen(HelperStderr *err, int fd, const char *pool, unsigned number,
                 pid_t pid)
{
    *err = (HelperStderr){
        .magic = HELPER_STDERR_MAGIC,
        .fd = fd,
        .pool = pool,
        .number = number,
        .pid = pid,
    };
    bufInit(&err->partial, HELPER_STDERR_LINE_MAX);
    if (fd < 0)
        return;
    if (commOpen(fd, "helper stderr") < 0) {
        err->fd = -1;
        return;
    }
    commNote(fd, "%s #%u stderr", pool, number);
    commSetSelect(fd, COMM_SELECT_READ, onReadable, err, 0);
}

static void
tellSuppressed(HelperStderr *err)
{
    if (err->suppressed > 0)
        debug(DBG_HELPER, 1, "%s #%u (pid %d): %llu lines suppressed",
              err->pool, err->number, (int)err->pid,
              (unsigned long long)err->suppressed);
    err->suppressed = 0;
}

static void
keepLine(HelperStderr *err, const char *line, size_t len)
{
    free(err->last[0]);
    for (int i = 1; i < HELPER_STDERR_KEEP; i++)
        err->last[i - 1] = err->last[i];
    err->last[HELPER_STDERR_KEEP - 1] =
        xstrndup(line, len < LAST_LINE_MAX ? len : LAST_LINE_MAX);
}

static void
takeLine(HelperStderr *err, const char *line, size_t len)
{
    int64_t nowUs = commNowUs();

    if (len == 0)
        return;
    keepLine(err, line, len);
    if (nowUs - err->windowUs >= 1000000) {
        tellSuppressed(err);
        err->windowUs = nowUs;
        err->inWindow = 0;
    }
    if (err->inWindow >= HELPER_STDERR_RATE) {
        err->suppressed++;
        return;
    }
    err->inWindow++;
    debug(DBG_HELPER, 1, "%s #%u (pid %d): %.*s", err->pool, err->number,
          (int)err->pid, (int)len, line);
}

/* Log the lines of text; an unfinished one is kept, or cut when too long. */
static void
takeText(HelperStderr *err, const char *text, size_t len)
{
    const char *end = text + len;
    const char *lf;

    while ((lf = memchr(text, '\n', (size_t)(end - text)))) {
        if (bufAppend(&err->partial, text, (size_t)(lf - text)) < 0) {
            takeLine(err, bufData(&err->partial), bufLen(&err->partial));
            takeLine(err, text, (size_t)(lf - text));
        } else {
            takeLine(err, bufData(&err->partial), bufLen(&err->partial));
        }
        bufClear(&err->partial);
        text = lf + 1;
    }
    while (text < end) {
        size_t room = HELPER_STDERR_LINE_MAX - bufLen(&err->partial);
        size_t part = (size_t)(end - text) < room ? (size_t)(end - text) : room;
        (void)bufAppend(&err->partial, text, part);
        text += part;
        if (part == room) {
            takeLine(err, bufData(&err->partial), bufLen(&err->partial));
            bufClear(&err->partial);
        }
    }
}

static void
closePipe(HelperStderr *err)
{
    if (err->fd >= 0)
        commClose(err->fd);
    err->fd = -1;
}

/* Read once; the number of octets, 0 when there is nothing more for now. */
static size_t
readOnce(HelperStderr *err)
{
    char text[READ_SIZE];
    ssize_t n = read(err->fd, text, sizeof(text));

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n <= 0) {
        closePipe(err);
        return 0;
    }
    takeText(err, text, (size_t)n);
    return (size_t)n;
}

/* One read a turn: a helper that floods its stderr gets a small share. */
static void
onReadable(int fd, void *data)
{
    HelperStderr *err = data;
    CHECK_OBJ(err, HELPER_STDERR_MAGIC);

    (void)readOnce(err);
    if (bufLen(&err->partial) == 0)
        bufFini(&err->partial);
    if (err->fd >= 0)
        commSetSelect(fd, COMM_SELECT_READ, onReadable, err, 0);
}

void
helperStderrDrain(HelperStderr *err)
{
    size_t total = 0, n;

    while (err->fd >= 0 && total < DRAIN_MAX && (n = readOnce(err)) > 0)
        total += n;
    if (bufLen(&err->partial) > 0)
        takeLine(err, bufData(&err->partial), bufLen(&err->partial));
    bufFini(&err->partial);
}

void
helperStderrLast(const HelperStderr *err, char *out, size_t size)
{
    size_t used = 0;

    out[0] = '\0';
    for (int i = 0; i < HELPER_STDERR_KEEP; i++) {
        if (!err->last[i] || used >= size)
            continue;
        int n = snprintf(out + used, size - used, "%s%s", used ? " | " : "",
                         err->last[i]);
        used += n > 0 ? (size_t)n : 0;
    }
}

void
helperStderrClose(HelperStderr *err)
{
    tellSuppressed(err);
    closePipe(err);
    bufFini(&err->partial);
    for (int i = 0; i < HELPER_STDERR_KEEP; i++) {
        free(err->last[i]);
        err->last[i] = NULL;
    }
}
