/* json_text.c: octets as a JSON string. */
#include "json_text.h"

#include <stdbool.h>
#include <stdint.h>

/* Octets of the character at text that is not ASCII: 2 to 4, or 0 when it is
 * no UTF-8 (surrogates and overlong forms are none). */
static size_t
characterLength(const unsigned char *text, size_t len)
{
    size_t want = text[0] >= 0xf0 ? 4 : text[0] >= 0xe0 ? 3 : 2;
    uint32_t code = text[0] & (0xffu >> (want + 1));
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};

    if (text[0] < 0xc2 || text[0] > 0xf4 || want > len)
        return 0;
    for (size_t i = 1; i < want; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (text[i] & 0x3fu);
    }
    if (code < least[want] || code > 0x10ffff ||
        (code >= 0xd800 && code <= 0xdfff))
        return 0;
    return want;
}

static bool
isPlain(unsigned char octet)
{
    return octet >= 0x20 && octet < 0x7f && octet != '"' && octet != '\\';
}

int
jsonTextPut(Buf *out, const char *text, size_t len)
{
    const unsigned char *at = (const unsigned char *)text;
    const unsigned char *end = at + len;
    int rc = bufAppend(out, "\"", 1);

    while (at < end && rc == 0) {
        const unsigned char *start = at;
        size_t more;

        while (at < end && isPlain(*at))
            at++;
        if (at > start) {
            rc = bufAppend(out, start, (size_t)(at - start));
        } else if (*at >= 0x80 &&
                   (more = characterLength(at, (size_t)(end - at))) > 0) {
            rc = bufAppend(out, at, more);
            at += more;
        } else {
            bool isMark = *at == '"' || *at == '\\';
            rc = isMark ? bufPrintf(out, "\\%c", *at)
                        : bufPrintf(out, "\\u%04x", *at);
            at++;
        }
    }
    return rc == 0 ? bufAppend(out, "\"", 1) : rc;
}
