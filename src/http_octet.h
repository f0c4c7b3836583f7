/*
 * http_octet.h: which octets may stand where, as one table of bits.
 * Thread: any.
 */
#ifndef SQUIRE_HTTP_OCTET_H
#define SQUIRE_HTTP_OCTET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HTTP_OCTET_TOKEN = 1 << 0,  /* tchar, RFC 9110 5.6.2 */
    HTTP_OCTET_VALUE = 1 << 1,  /* field value: no control but TAB */
    HTTP_OCTET_TARGET = 1 << 2, /* path and query: no blank, control or # */
    HTTP_OCTET_HOST = 1 << 3,   /* a name of DNS, or an IPv4 address */
    HTTP_OCTET_DIGIT = 1 << 4,
    HTTP_OCTET_HEX = 1 << 5,
};

/* Bits of each octet; constant. */
extern const uint8_t httpOctets[256];

/* True when all octets at data have the bit. */
static inline bool
httpOctetsAre(const char *data, size_t len, unsigned bit)
{
    unsigned bits = bit;

    for (size_t i = 0; i < len; i++)
        bits &= httpOctets[(unsigned char)data[i]];
    return bits != 0;
}

#endif
