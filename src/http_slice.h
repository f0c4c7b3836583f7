/*
 * http_slice.h: a piece of text that somebody else owns.
 *
 * Not NUL-terminated. data NULL means "absent", which differs from empty.
 * Thread: any.
 */
#ifndef SQUIRE_HTTP_SLICE_H
#define SQUIRE_HTTP_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

typedef struct HttpSlice {
    const char *data;
    size_t len;
} HttpSlice;

/* printf arguments for "%.*s". */
#define HTTP_SLICE_ARG(slice) (int)(slice).len, (slice).data

/* len octets at data; borrows them. */
static inline HttpSlice
httpSlice(const char *data, size_t len)
{
    return (HttpSlice){data, len};
}

/* A string without its NUL; borrows it. NULL gives the absent slice. */
static inline HttpSlice
httpSliceText(const char *text)
{
    return (HttpSlice){text, text ? strlen(text) : 0};
}

/* Same octets. */
static inline bool
httpSliceEqual(HttpSlice a, HttpSlice b)
{
    return a.len == b.len && (!a.len || memcmp(a.data, b.data, a.len) == 0);
}

/* Same octets but for the case of ASCII letters. */
static inline bool
httpSliceEqualNoCase(HttpSlice a, HttpSlice b)
{
    return a.len == b.len &&
           (!a.len || strncasecmp(a.data, b.data, a.len) == 0);
}

/* The slice is this text but for case. */
static inline bool
httpSliceIs(HttpSlice slice, const char *text)
{
    return httpSliceEqualNoCase(slice, httpSliceText(text));
}

/* The slice without blanks and tabs at both ends. */
static inline HttpSlice
httpSliceTrim(HttpSlice slice)
{
    while (slice.len && (*slice.data == ' ' || *slice.data == '\t')) {
        slice.data++;
        slice.len--;
    }
    while (slice.len && (slice.data[slice.len - 1] == ' ' ||
                         slice.data[slice.len - 1] == '\t'))
        slice.len--;
    return slice;
}

/*
 * A decimal number: digits only, at least one, no sign or blank, not above
 * max. False, with valueOut untouched, otherwise.
 */
static inline bool
httpSliceParseUint(HttpSlice slice, uint64_t max, uint64_t *valueOut)
{
    uint64_t value = 0;

    for (size_t i = 0; i < slice.len; i++) {
        unsigned digit = (unsigned char)slice.data[i] - (unsigned)'0';
        if (digit > 9 || value > max / 10 || digit > max - value * 10)
            return false;
        value = value * 10 + digit;
    }
    if (!slice.len)
        return false;
    *valueOut = value;
    return true;
}

#endif
