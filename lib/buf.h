/*
 * buf.h: a growing octet buffer with a hard maximum set at birth.
 *
 * Octets are appended at the end and consumed at the front. Appending beyond
 * the maximum is an error the caller sees, never an abort.
 * Thread: the owner of the buffer.
 */
#ifndef SQUIRE_BUF_H
#define SQUIRE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct Buf {
    char *base;   /* NULL while nothing is allocated */
    size_t head;  /* first unread octet */
    size_t tail;  /* one past the last octet */
    size_t size;  /* allocated */
    size_t max;   /* bound on tail - head */
    bool isShort; /* a piece of what it holds was refused */
} Buf;

/* Prepare caller's storage; allocates nothing. max: bound in octets. */
void bufInit(Buf *buf, size_t max);

/* Free the memory; the buffer is empty and usable again. */
void bufFini(Buf *buf);

/* Octets held. */
size_t bufLen(const Buf *buf);

/* Whether an append was refused since it was last empty: for who writes a text
 * in many pieces and looks once, at its end. */
bool bufIsShort(const Buf *buf);

/* The octets held; returns borrowed until the next call that adds. */
char *bufData(const Buf *buf);

/* Append len octets. 0, or -ENOBUFS when it would exceed the maximum. */
int bufAppend(Buf *buf, const void *data, size_t len);

/* Append formatted text without the NUL. 0 or -ENOBUFS. */
int bufPrintf(Buf *buf, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* As bufPrintf with a va_list. */
int bufVprintf(Buf *buf, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

/*
 * Make room for want octets at the end and return where they go; the caller
 * fills them and calls bufCommit. NULL when that would exceed the maximum.
 */
char *bufReserve(Buf *buf, size_t want);

/* Count len octets written into the room that bufReserve gave. */
void bufCommit(Buf *buf, size_t len);

/* Drop len octets from the front; aborts when fewer are held. */
void bufConsume(Buf *buf, size_t len);

/* Drop all; keeps the memory for reuse. */
void bufClear(Buf *buf);

#ifdef __cplusplus
}
#endif

#endif
