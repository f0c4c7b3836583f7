/* xalloc.c: memory that cannot fail. */
#include "xalloc.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *
mustHave(void *ptr, size_t size)
{
    if (!ptr) {
        fprintf(stderr, "squire: out of memory (%zu octets)\n", size);
        abort();
    }
    return ptr;
}

void *
xmalloc(size_t size)
{
    return mustHave(malloc(size ? size : 1), size);
}

void *
xcalloc(size_t count, size_t size)
{
    return mustHave(calloc(count ? count : 1, size ? size : 1), size);
}

void *
xrealloc(void *ptr, size_t size)
{
    return mustHave(realloc(ptr, size ? size : 1), size);
}

char *
xstrdup(const char *text)
{
    return text ? xstrndup(text, strlen(text)) : NULL;
}

char *
xstrndup(const char *text, size_t len)
{
    char *copy = xmalloc(len + 1);
    memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

char *
xasprintf(const char *fmt, ...)
{
    va_list ap;
    char *text = NULL;

    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) < 0)
        text = NULL;
    va_end(ap);
    return mustHave(text, 0);
}
