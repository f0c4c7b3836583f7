/* buf.c: a growing octet buffer with a hard maximum. */
#include "buf.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "xalloc.h"

#define BUF_SIZE_MIN 256u

void
bufInit(Buf *buf, size_t max)
{
    CHECK(max <= SIZE_MAX / 4);
    *buf = (Buf){.max = max};
}

void
bufFini(Buf *buf)
{
    free(buf->base);
    bufInit(buf, buf->max);
}

size_t
bufLen(const Buf *buf)
{
    return buf->tail - buf->head;
}

bool
bufIsShort(const Buf *buf)
{
    return buf->isShort;
}

char *
bufData(const Buf *buf)
{
    return buf->base + buf->head;
}

static void
moveToFront(Buf *buf)
{
    size_t len = bufLen(buf);

    if (len)
        memmove(buf->base, buf->base + buf->head, len);
    buf->head = 0;
    buf->tail = len;
}

/*
 * The storage may reach twice the maximum: then at least as many octets have
 * been consumed as are moved, and appending stays linear over time however
 * full the buffer is.
 */
static void
growFor(Buf *buf, size_t need)
{
    size_t size = buf->size ? buf->size : BUF_SIZE_MIN;

    while (size < need)
        size *= 2;
    if (size > 2 * buf->max && need <= 2 * buf->max)
        size = 2 * buf->max;
    buf->base = xrealloc(buf->base, size);
    buf->size = size;
}

char *
bufReserve(Buf *buf, size_t want)
{
    size_t len = bufLen(buf);

    if (want > buf->max || len > buf->max - want)
        return NULL;
    if (want > buf->size - buf->tail && buf->head >= len)
        moveToFront(buf);
    if (want > buf->size - buf->tail || !buf->base)
        growFor(buf, buf->tail + want);
    return buf->base + buf->tail;
}

void
bufCommit(Buf *buf, size_t len)
{
    CHECK(len <= buf->size - buf->tail);
    buf->tail += len;
}

static int
refuse(Buf *buf)
{
    buf->isShort = true;
    return -ENOBUFS;
}

int
bufAppend(Buf *buf, const void *data, size_t len)
{
    char *room;

    if (len == 0)
        return 0;
    room = bufReserve(buf, len);
    if (!room)
        return refuse(buf);
    memcpy(room, data, len);
    bufCommit(buf, len);
    return 0;
}

int
bufVprintf(Buf *buf, const char *fmt, va_list ap)
{
    va_list again;
    int len;
    char *room;

    va_copy(again, ap);
    len = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    CHECK(len >= 0);
    if ((size_t)len > buf->max - bufLen(buf))
        return refuse(buf);
    /* vsnprintf writes a NUL after the text, beyond what is counted. */
    room = bufReserve(buf, (size_t)len);
    if (buf->size - buf->tail <= (size_t)len) {
        growFor(buf, buf->tail + (size_t)len + 1);
        room = buf->base + buf->tail;
    }
    vsnprintf(room, (size_t)len + 1, fmt, ap);
    bufCommit(buf, (size_t)len);
    return 0;
}

int
bufPrintf(Buf *buf, const char *fmt, ...)
{
    va_list ap;
    int rc;

    va_start(ap, fmt);
    rc = bufVprintf(buf, fmt, ap);
    va_end(ap);
    return rc;
}

void
bufConsume(Buf *buf, size_t len)
{
    CHECK(len <= bufLen(buf));
    buf->head += len;
    if (buf->head == buf->tail)
        bufClear(buf);
}

void
bufClear(Buf *buf)
{
    buf->head = buf->tail = 0;
    buf->isShort = false;
}
