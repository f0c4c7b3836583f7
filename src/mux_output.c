/* mux_output.c: reply lines to Squid. */
#include "mux_output.h"

#include <errno.h>
#include <string.h>

#define MESSAGE_MAX 200 /* octets of a reason */

static bool
isControl(char c)
{
    return (unsigned char)c < ' ' || c == 0x7f;
}

static char *
add(char *at, const char *data, size_t len)
{
    memcpy(at, data, len);
    return at + len;
}

static int
putLine(Buf *out, const char *id, size_t idLen, const char *line, size_t len)
{
    char *start = bufReserve(out, idLen + len + 2);
    char *at = start;

    if (!start)
        return -ENOBUFS;
    if (idLen > 0) {
        at = add(at, id, idLen);
        *at++ = ' ';
    }
    at = add(at, line, len);
    *at++ = '\n';
    bufCommit(out, (size_t)(at - start));
    return 0;
}

int
muxOutputRefuse(Buf *out, const char *id, size_t idLen, const char *why)
{
    char line[MUX_OUTPUT_MORE] = "BH message=";
    char clean[MESSAGE_MAX];
    size_t used = strlen(line), len = 0;

    /* Quoting doubles an octet at most. */
    for (; why[len] && len < sizeof(clean); len++)
        clean[len] = isControl(why[len]) ? '?' : why[len];
    (void)helperProtoQuote(HELPER_QUOTE_STRING, clean, len, line, sizeof(line),
                           &used);
    return putLine(out, id, idLen, line, used);
}

int
muxOutputReply(Buf *out, const char *id, size_t idLen, const HelperReply *reply)
{
    if (reply->line)
        return putLine(out, id, idLen, reply->line, reply->lineLen);
    if (reply->result == HELPER_OK)
        return putLine(out, id, idLen, "OK", 2);
    if (reply->result == HELPER_ERR)
        return putLine(out, id, idLen, "ERR", 3);
    return muxOutputRefuse(out, id, idLen,
                           reply->message[0]
                               ? reply->message
                               : helperProtoResultName(reply->result));
}
