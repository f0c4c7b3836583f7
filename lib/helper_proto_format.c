/* helper_proto_format.c: quote values and format reply lines. */
#include "helper_proto.h"

#include <errno.h>
#include <string.h>

/* Where output goes; `used` never passes `size`. */
typedef struct Sink {
    char *out;
    size_t size;
    size_t used;
} Sink;

static int
putOctets(Sink *sink, const char *data, size_t len)
{
    if (len > sink->size - sink->used)
        return -ENOBUFS;
    memcpy(sink->out + sink->used, data, len);
    sink->used += len;
    return 0;
}

static int
putText(Sink *sink, const char *text)
{
    return putOctets(sink, text, strlen(text));
}

static bool
isControl(unsigned char c)
{
    return c < 0x20 || c == 0x7f;
}

static bool
hasControl(const char *value, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (isControl((unsigned char)value[i]))
            return true;
    }
    return false;
}

static int
quoteNone(Sink *sink, const char *value, size_t len)
{
    if (memchr(value, '\0', len) || memchr(value, '\n', len))
        return -EINVAL;
    return putOctets(sink, value, len);
}

/* Octets that existing parents escape too, so helpers expect to decode. */
static bool
isUnsafeInUrl(unsigned char c)
{
    switch (c) {
    case '%':
    case '<':
    case '>':
    case '"':
    case '#':
    case '{':
    case '}':
    case '|':
    case '\\':
    case '^':
    case '~':
    case '[':
    case ']':
    case '`':
    case '\'':
        return true;
    default:
        return c <= 0x20 || c >= 0x7f;
    }
}

static int
putEscaped(Sink *sink, unsigned char c)
{
    static const char hex[] = "0123456789ABCDEF";
    char escape[3] = {'%', hex[c >> 4], hex[c & 15]};

    return c == '\0' ? -EINVAL : putOctets(sink, escape, sizeof(escape));
}

/* Most octets are safe, so they go over in long pieces. */
static int
quoteUrl(Sink *sink, const char *value, size_t len)
{
    size_t from = 0;

    for (size_t i = 0; i < len; i++) {
        if (!isUnsafeInUrl((unsigned char)value[i]))
            continue;
        int rc = putOctets(sink, value + from, i - from);
        if (rc == 0)
            rc = putEscaped(sink, (unsigned char)value[i]);
        if (rc < 0)
            return rc;
        from = i + 1;
    }
    return from < len ? putOctets(sink, value + from, len - from) : 0;
}

static int
quoteOctet(Sink *sink, char c)
{
    switch (c) {
    case '\n':
        return putText(sink, "\\n");
    case '\r':
        return putText(sink, "\\r");
    case '"':
        return putText(sink, "\\\"");
    case '\\':
        return putText(sink, "\\\\");
    default:
        return isControl((unsigned char)c) ? -EINVAL : putOctets(sink, &c, 1);
    }
}

static int
quoteString(Sink *sink, const char *value, size_t len)
{
    int rc = putText(sink, "\"");

    for (size_t i = 0; i < len && rc == 0; i++)
        rc = quoteOctet(sink, value[i]);
    return rc == 0 ? putText(sink, "\"") : rc;
}

int
helperProtoQuote(HelperQuote quote, const char *value, size_t len, char *out,
                 size_t size, size_t *used)
{
    Sink sink = {out, size, *used};
    int rc = -EINVAL;

    if (quote == HELPER_QUOTE_NONE)
        rc = quoteNone(&sink, value, len);
    else if (quote == HELPER_QUOTE_URL)
        rc = quoteUrl(&sink, value, len);
    else if (quote == HELPER_QUOTE_STRING)
        rc = quoteString(&sink, value, len);
    if (rc == 0)
        *used = sink.used;
    return rc;
}

static bool
isKey(const char *key)
{
    return key[strspn(key, "abcdefghijklmnopqrstuvwxyz"
                           "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")] == '\0';
}

static int
putPair(Sink *sink, const HelperPair *pair)
{
    int rc;

    if (!isKey(pair->key) || hasControl(pair->value, pair->valueLen))
        return -EINVAL;
    if ((rc = putText(sink, " ")) < 0 || (rc = putText(sink, pair->key)) < 0 ||
        (rc = putText(sink, "=")) < 0)
        return rc;
    return quoteString(sink, pair->value, pair->valueLen);
}

static int
putFreeText(Sink *sink, const char *text, size_t len, bool blankFirst)
{
    int rc = 0;

    if (len > 0 && text[len - 1] == '\r')
        return -EINVAL;
    if (len > 0 && blankFirst)
        rc = putText(sink, " ");
    return rc == 0 ? quoteNone(sink, text, len) : rc;
}

static int
putBody(Sink *sink, const HelperReply *reply)
{
    int rc = 0;

    switch (reply->result) {
    case HELPER_UNKNOWN:
        return putFreeText(sink, reply->text, reply->textLen, false);
    case HELPER_TT:
    case HELPER_AF:
    case HELPER_NA:
        rc = putText(sink, helperProtoResultName(reply->result));
        return rc < 0 ? rc
                      : putFreeText(sink, reply->text, reply->textLen, true);
    case HELPER_OK:
    case HELPER_ERR:
    case HELPER_BH:
        break;
    default:
        return -EINVAL;
    }
    rc = putText(sink, helperProtoResultName(reply->result));
    for (unsigned i = 0; i < reply->pairCount && rc == 0; i++)
        rc = putPair(sink, &reply->pairs[i]);
    if (rc < 0)
        return rc;
    return putFreeText(sink, reply->message, strlen(reply->message), true);
}

static int
putId(Sink *sink, int64_t id)
{
    char text[12];

    if (id < 0)
        return 0;
    if (id > HELPER_PROTO_ID_MAX)
        return -EINVAL;
    return putOctets(sink, text, helperProtoFormatId((uint32_t)id, text));
}

ssize_t
helperProtoFormatReply(int64_t id, const HelperReply *reply, char *out,
                       size_t size)
{
    Sink sink = {out, size, 0};
    int rc;

    if ((rc = putId(&sink, id)) < 0 || (rc = putBody(&sink, reply)) < 0 ||
        (rc = putText(&sink, "\n")) < 0)
        return rc;
    return (ssize_t)sink.used;
}
