/* log_backlog.c: what a log daemon is to be told. Pure. DEBUG: 46 */
#include "log_backlog.h"

#include <string.h>

#include "check.h"

#define SPARE 4096u /* for commands that are no lines */

void
logBacklogInit(LogBacklog *backlog, size_t max)
{
    memset(backlog, 0, sizeof(*backlog));
    backlog->max = max;
    bufInit(&backlog->held, max + SPARE);
}

void
logBacklogFini(LogBacklog *backlog)
{
    bufFini(&backlog->held);
}

bool
logBacklogAddLine(LogBacklog *backlog, const char *line, size_t len)
{
    if (bufLen(&backlog->held) + 1 + len > backlog->max) {
        backlog->lost++;
        return false;
    }
    bufAppend(&backlog->held, "L", 1);
    bufAppend(&backlog->held, line, len);
    backlog->lines++;
    backlog->needsFlush = true;
    backlog->isSettling = false;
    return true;
}

/* When even the spare room is full the daemon has stood still for an hour of
 * flushes: one more or less is nothing. */
static void
addCommand(LogBacklog *backlog, const char *command)
{
    bufAppend(&backlog->held, command, strlen(command));
}

void
logBacklogAddFlush(LogBacklog *backlog)
{
    if (!backlog->needsFlush)
        return;
    backlog->needsFlush = false;
    addCommand(backlog, "F\n");
}

void
logBacklogAddRotate(LogBacklog *backlog)
{
    backlog->isSettling = false;
    addCommand(backlog, "R\n");
}

/* The octets up to the last command that ends within max; of one that is
 * longer, all. */
static size_t
wholeCommands(const char *data, size_t len, size_t max)
{
    const char *lf;

    if (len <= max)
        return len;
    lf = memrchr(data, '\n', max);
    if (!lf)
        lf = memchr(data, '\n', len);
    CHECK(lf);
    return (size_t)(lf + 1 - data);
}

size_t
logBacklogNext(LogBacklog *backlog, const char **dataOut)
{
    const char *window = bufData(&backlog->held);
    size_t len = bufLen(&backlog->held) - backlog->readLen;
    size_t ahead = backlog->readLen + backlog->windowLen;

    if (len == 0)
        return 0;
    window += backlog->readLen;
    if (backlog->isAcked && ahead < LOG_BACKLOG_AHEAD)
        backlog->windowLen +=
            wholeCommands(window + backlog->windowLen, len - backlog->windowLen,
                          LOG_BACKLOG_AHEAD - ahead);
    else if (!backlog->isAcked && backlog->windowLen == 0)
        backlog->windowLen = wholeCommands(window, len, LOG_BACKLOG_WINDOW);
    *dataOut = window + backlog->sentLen;
    return backlog->windowLen - backlog->sentLen;
}

void
logBacklogSent(LogBacklog *backlog, size_t len)
{
    backlog->sentLen += len;
    CHECK(backlog->sentLen <= backlog->windowLen);
}

/* Whole commands of the front are done. */
static void
countCommands(LogBacklog *backlog, const char *data, size_t len)
{
    const char *end = data + len;

    while (data < end) {
        const char *lf = memchr(data, '\n', (size_t)(end - data));
        backlog->lines -= *data == 'L';
        backlog->done++;
        data = lf ? lf + 1 : end;
    }
}

/* Forget octets at the front: whole commands. */
static void
release(LogBacklog *backlog, size_t len)
{
    if (len == 0)
        return;
    countCommands(backlog, bufData(&backlog->held), len);
    bufConsume(&backlog->held, len);
}

/* All was read, the last of it perhaps not done: another F that is read tells
 * that it is. */
static void
settle(LogBacklog *backlog)
{
    if (backlog->isSettling || bufLen(&backlog->held) > backlog->readLen)
        return;
    backlog->isSettling = true;
    backlog->needsFlush = false;
    addCommand(backlog, "F\n");
}

void
logBacklogRead(LogBacklog *backlog)
{
    if (backlog->isAcked || backlog->windowLen == 0 ||
        backlog->sentLen < backlog->windowLen)
        return;
    release(backlog, backlog->readLen);
    backlog->readLen = backlog->windowLen;
    backlog->windowLen = backlog->sentLen = 0;
    if (backlog->isSettling && bufLen(&backlog->held) == backlog->readLen) {
        release(backlog, backlog->readLen); /* the F itself */
        backlog->readLen = 0;
    } else {
        settle(backlog);
    }
}

/* What was read before the window is sent, too. */
static void
trackAcked(LogBacklog *backlog)
{
    backlog->isAcked = true;
    backlog->sentLen += backlog->readLen;
    backlog->windowLen += backlog->readLen;
    backlog->readLen = 0;
}

void
logBacklogDone(LogBacklog *backlog, uint64_t commands)
{
    const char *data = bufData(&backlog->held);
    uint64_t left = commands > backlog->done ? commands - backlog->done : 0;
    size_t len = 0;

    if (!backlog->isAcked)
        trackAcked(backlog);
    for (; left > 0 && len < backlog->sentLen; left--) {
        const char *lf = memchr(data + len, '\n', backlog->sentLen - len);
        if (!lf)
            break;
        len = (size_t)(lf + 1 - data);
    }
    release(backlog, len);
    backlog->sentLen -= len;
    backlog->windowLen -= len;
}

/* Take the rotations out of the octets that were sent. */
static unsigned
dropRotations(LogBacklog *backlog, size_t sent)
{
    char *data = bufData(&backlog->held);
    size_t from = 0, to = 0;
    unsigned count = 0;

    while (from < sent) {
        const char *lf = memchr(data + from, '\n', sent - from);
        size_t next = lf ? (size_t)(lf + 1 - data) : sent;

        if (data[from] == 'R' && lf) {
            count++;
        } else {
            memmove(data + to, data + from, next - from);
            to += next - from;
        }
        from = next;
    }
    /* Move the gap to the front. */
    memmove(data + (from - to), data, to);
    if (from > to)
        bufConsume(&backlog->held, from - to);
    return count;
}

unsigned
logBacklogRewind(LogBacklog *backlog)
{
    size_t sent = backlog->readLen + backlog->sentLen;

    backlog->readLen = backlog->sentLen = backlog->windowLen = 0;
    backlog->done = 0;
    backlog->isAcked = false;
    backlog->isSettling = false;
    return sent > 0 ? dropRotations(backlog, sent) : 0;
}

bool
logBacklogIsEmpty(const LogBacklog *backlog)
{
    return bufLen(&backlog->held) == 0;
}

void
logBacklogDrop(LogBacklog *backlog)
{
    backlog->lost += backlog->lines;
    backlog->lines = 0;
    backlog->readLen = backlog->sentLen = backlog->windowLen = 0;
    bufClear(&backlog->held);
}
