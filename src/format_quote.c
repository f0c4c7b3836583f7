/* format_quote.c: the ways a value is written. */
#include "format_priv.h"

#include <errno.h>
#include <string.h>

#include "helper_proto.h"

#define SHOWN_MAX 4 /* octets that one octet may become */

/* How one octet is written, at most SHOWN_MAX octets; the number of them, 0
 * when it cannot be. */
typedef size_t Style(unsigned char octet, char *out);

static size_t
showHex(unsigned char octet, char *out)
{
    static const char digits[] = "0123456789ABCDEF";

    out[0] = '%';
    out[1] = digits[octet >> 4];
    out[2] = digits[octet & 15];
    return 3;
}

static size_t
showPlain(unsigned char octet, char *out)
{
    out[0] = (char)octet;
    return 1;
}

/* True when octet is one of these; NUL never is. */
static bool
isOneOf(unsigned char octet, const char *these)
{
    return octet != '\0' && strchr(these, octet) != NULL;
}

static size_t
showBackslash(unsigned char octet, char *out)
{
    out[0] = '\\';
    switch (octet) {
    case '\r':
        out[1] = 'r';
        break;
    case '\n':
        out[1] = 'n';
        break;
    case '\t':
        out[1] = 't';
        break;
    default:
        out[1] = (char)octet;
    }
    return 2;
}

static size_t
showString(unsigned char octet, char *out)
{
    if (isOneOf(octet, "\"\\\r\n\t"))
        return showBackslash(octet, out);
    return octet < 0x20 || octet == 0x7f ? showHex(octet, out)
                                         : showPlain(octet, out);
}

static size_t
showLog(unsigned char octet, char *out)
{
    return octet <= 0x20 || octet >= 0x7f ? showHex(octet, out)
                                          : showPlain(octet, out);
}

static size_t
showBlob(unsigned char octet, char *out)
{
    if (isOneOf(octet, "\r\n\\"))
        return showBackslash(octet, out);
    return octet < 0x20 || octet >= 0x7f || isOneOf(octet, "%[]")
               ? showHex(octet, out)
               : showPlain(octet, out);
}

static size_t
showShell(unsigned char octet, char *out)
{
    if (isOneOf(octet, "\"\\\r\n"))
        return showBackslash(octet, out);
    return octet == '\0' ? 0 : showPlain(octet, out);
}

static int
append(const char *text, size_t len, char *out, size_t size, size_t *used)
{
    if (len > size - *used)
        return -EMSGSIZE;
    memcpy(out + *used, text, len);
    *used += len;
    return 0;
}

static int
appendStyled(Style *style, HttpSlice value, char *out, size_t size,
             size_t *used)
{
    size_t at = *used;

    for (size_t i = 0; i < value.len; i++) {
        char shown[SHOWN_MAX];
        size_t len = style((unsigned char)value.data[i], shown);

        if (len == 0)
            return -EINVAL;
        if (append(shown, len, out, size, &at) < 0)
            return -EMSGSIZE;
    }
    *used = at;
    return 0;
}

static int
appendRaw(HttpSlice value, char *out, size_t size, size_t *used)
{
    for (size_t i = 0; i < value.len; i++) {
        char octet = value.data[i];

        if (octet == '\0' || octet == '\n' || octet == '\r')
            return -EINVAL;
    }
    return value.len > 0 ? append(value.data, value.len, out, size, used) : 0;
}

/* A word with blanks in it stands between quotes. */
static int
appendShell(HttpSlice value, char *out, size_t size, size_t *used)
{
    bool isQuoted = memchr(value.data, ' ', value.len) != NULL;
    size_t at = *used;
    int rc = isQuoted ? append("\"", 1, out, size, &at) : 0;

    if (rc == 0)
        rc = appendStyled(showShell, value, out, size, &at);
    if (rc == 0 && isQuoted)
        rc = append("\"", 1, out, size, &at);
    if (rc == 0)
        *used = at;
    return rc;
}

int
formatQuote(FormatQuote quote, HttpSlice value, char *out, size_t size,
            size_t *used)
{
    int rc;

    switch (quote) {
    case FORMAT_QUOTE_URL:
        rc = helperProtoQuote(HELPER_QUOTE_URL, value.data, value.len, out,
                              size, used);
        return rc == -ENOBUFS ? -EMSGSIZE : rc;
    case FORMAT_QUOTE_STRING:
        return appendStyled(showString, value, out, size, used);
    case FORMAT_QUOTE_BLOB:
        return appendStyled(showBlob, value, out, size, used);
    case FORMAT_QUOTE_LOG:
        return appendStyled(showLog, value, out, size, used);
    case FORMAT_QUOTE_SHELL:
        return appendShell(value, out, size, used);
    default:
        return appendRaw(value, out, size, used);
    }
}
