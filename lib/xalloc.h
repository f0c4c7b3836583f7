/*
 * xalloc.h: memory that cannot fail. Out of memory aborts with a message.
 * All results are owned by the caller and released with free().
 * Thread: any.
 */
#ifndef SQUIRE_XALLOC_H
#define SQUIRE_XALLOC_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Allocate size octets, uninitialised. size 0 gives a unique pointer. */
void *xmalloc(size_t size) __attribute__((malloc, returns_nonnull));

/* Allocate count * size zeroed octets; aborts on overflow. */
void *xcalloc(size_t count, size_t size)
    __attribute__((malloc, returns_nonnull));

/* Resize ptr (may be NULL) to size octets; ptr is taken. */
void *xrealloc(void *ptr, size_t size) __attribute__((returns_nonnull));

/* Copy a string; NULL gives NULL. */
char *xstrdup(const char *text);

/* Copy len octets of text and add a NUL. */
char *xstrndup(const char *text, size_t len)
    __attribute__((malloc, returns_nonnull));

/* printf into a new string. */
char *xasprintf(const char *fmt, ...)
    __attribute__((format(printf, 1, 2), returns_nonnull));

#ifdef __cplusplus
}
#endif

#endif
