/* helper_proto.c: parse and format the lines of the helper protocol. */
#include "helper_proto.h"

#include "check.h"

#include <errno.h>
#include <string.h>

/* More cannot overflow 64 bits; leading zeros beyond that are no ID. */
#define ID_DIGITS_MAX 19

static const char *const resultNames[HELPER_RESULT_COUNT] = {
    [HELPER_UNKNOWN] = "UNKNOWN",
    [HELPER_OK] = "OK",
    [HELPER_ERR] = "ERR",
    [HELPER_BH] = "BH",
    [HELPER_TT] = "TT",
    [HELPER_AF] = "AF",
    [HELPER_NA] = "NA",
    [HELPER_TIMEOUT] = "TIMEOUT",
    [HELPER_OVERLOAD] = "OVERLOAD",
    [HELPER_SHUTDOWN] = "SHUTDOWN",
};

/* What is left to read of a line, and where decoded octets go. Both are
 * NUL-terminated by construction: scratch is longer than the line. */
typedef struct Cursor {
    const char *in;
    char *out;
    HelperReply *reply;
} Cursor;

static inline bool
isBlank(char c)
{
    return c == ' ' || c == '\t';
}

static inline bool
isDigit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool
isControl(unsigned char c)
{
    return c < 0x20 || c == 0x7f;
}

static inline bool
isKeyOctet(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || isDigit(c) ||
           c == '-' || c == '_';
}

static inline bool
isEndOrBlank(char c)
{
    return c == '\0' || isBlank(c);
}

static const char *
skipBlanks(const char *text)
{
    while (isBlank(*text))
        text++;
    return text;
}

const char *
helperProtoResultName(HelperResult result)
{
    if ((unsigned)result >= HELPER_RESULT_COUNT)
        result = HELPER_UNKNOWN;
    return resultNames[result];
}

/* Octet by octet: a short line is not read beyond its NUL, and the common
 * answers are settled by two or three comparisons. */
static HelperResult
readResult(const char *line, size_t *lenOut)
{
    HelperResult result = HELPER_UNKNOWN;

    *lenOut = 2;
    if (line[0] == 'O' && line[1] == 'K') {
        result = HELPER_OK;
    } else if (line[0] == 'E' && line[1] == 'R' && line[2] == 'R') {
        result = HELPER_ERR;
        *lenOut = 3;
    } else if (line[0] == 'B' && line[1] == 'H') {
        result = HELPER_BH;
    } else if (line[0] == 'T' && line[1] == 'T') {
        result = HELPER_TT;
    } else if (line[0] == 'A' && line[1] == 'F') {
        result = HELPER_AF;
    } else if (line[0] == 'N' && line[1] == 'A') {
        result = HELPER_NA;
    }
    if (result == HELPER_UNKNOWN || !isEndOrBlank(line[*lenOut])) {
        *lenOut = 0;
        return HELPER_UNKNOWN;
    }
    return result;
}

static int
hexDigit(char c)
{
    if (isDigit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

size_t
helperProtoUnescape(char *text, size_t len)
{
    char *first = memchr(text, '%', len);
    if (!first)
        return len;

    size_t to = (size_t)(first - text);
    for (size_t from = to; from < len; to++) {
        text[to] = text[from++];
        if (text[to] != '%')
            continue;
        if (from < len && text[from] == '%') {
            from++;
        } else if (from + 1 < len) {
            int high = hexDigit(text[from]);
            int low = hexDigit(text[from + 1]);
            if (high < 0 || low < 0 || high + low == 0)
                continue;
            text[to] = (char)(high << 4 | low);
            from += 2;
        }
    }
    return to;
}

/* Copy up to a blank outside of quotes, without the quotes. */
static size_t
copyWord(Cursor *cursor)
{
    const char *in = cursor->in;
    char *out = cursor->out;
    bool quoted = false;

    for (; *in && (quoted || !isBlank(*in)); in++) {
        if (*in == '"') {
            quoted = !quoted;
        } else if (quoted && *in == '\\' && in[1]) {
            in++;
            *out++ = *in == 'n' ? '\n' : *in == 'r' ? '\r' : *in;
        } else {
            *out++ = *in;
        }
    }
    cursor->in = in;
    return (size_t)(out - cursor->out);
}

/* Read a value at the cursor and keep it as a pair. */
static int
readValue(Cursor *cursor, const char *key, bool mayDecode)
{
    HelperReply *reply = cursor->reply;
    char *value = cursor->out;
    bool decode = mayDecode && cursor->in[0] != '"';
    size_t len = copyWord(cursor);

    /* Two octets are never an escape to existing parsers, not even %%. */
    if (decode && len > 2)
        len = helperProtoUnescape(value, len);
    for (size_t i = 0; i < len; i++) {
        if (isControl((unsigned char)value[i]))
            return -EBADMSG;
    }
    value[len] = '\0';
    cursor->out += len + 1;
    if (reply->pairCount < HELPER_PROTO_PAIRS_MAX)
        reply->pairs[reply->pairCount++] = (HelperPair){key, value, len};
    return 0;
}

/* The '=' of the key=value that text begins with, or NULL. A blank may not
 * follow it: then it is free text. */
static const char *
findAssignment(const char *text)
{
    const char *end = text;

    while (isKeyOctet(*end))
        end++;
    return *end == '=' && !isBlank(end[1]) ? end : NULL;
}

static int
readPairs(Cursor *cursor)
{
    const char *equals;

    cursor->in = skipBlanks(cursor->in);
    while ((equals = findAssignment(cursor->in))) {
        size_t keyLen = (size_t)(equals - cursor->in);
        char *key = cursor->out;
        memcpy(key, cursor->in, keyLen);
        key[keyLen] = '\0';
        cursor->out += keyLen + 1;
        cursor->in = equals + 1;
        int rc = readValue(cursor, key, true);
        if (rc < 0)
            return rc;
        cursor->in = skipBlanks(cursor->in);
    }
    return 0;
}

/* The words without a key at the start of TT and AF. */
static int
readPositional(Cursor *cursor)
{
    bool two = false;

    if (cursor->reply->result == HELPER_AF) {
        const char *blank = strpbrk(cursor->in, " \t");
        two = blank && *skipBlanks(blank);
    }
    bool token = two || cursor->reply->result == HELPER_TT;
    int rc = readValue(cursor, token ? "token" : "user", false);
    if (rc < 0 || !two)
        return rc;
    cursor->in = skipBlanks(cursor->in);
    return readValue(cursor, "user", false);
}

static int
readText(Cursor *cursor)
{
    int rc = 0;

    switch (cursor->reply->result) {
    case HELPER_TT:
    case HELPER_AF:
        rc = readPositional(cursor);
        break;
    case HELPER_OK:
    case HELPER_ERR:
    case HELPER_BH:
        break;
    case HELPER_NA:
        cursor->reply->message = cursor->in;
        return 0;
    default:
        return 0;
    }
    if (rc == 0)
        rc = readPairs(cursor);
    if (rc == 0)
        cursor->reply->message = cursor->in;
    return rc;
}

static int
refuseReply(HelperReply *reply, char *line, const char *why)
{
    reply->result = HELPER_UNKNOWN;
    reply->text = line;
    reply->textLen = strlen(line);
    reply->message = why;
    reply->pairCount = 0;
    return -EBADMSG;
}

int
helperProtoParseReply(char *line, size_t len, char *scratch, size_t scratchSize,
                      HelperReply *reply)
{
    size_t wordLen;

    CHECK(scratchSize >= len + 2);
    if (len > 0 && line[len - 1] == '\r')
        line[--len] = '\0';
    reply->line = line;
    reply->lineLen = len;
    reply->result = len > 0 ? readResult(line, &wordLen) : HELPER_ERR;
    reply->source = HELPER_SOURCE_PROCESS;
    reply->message = "";
    reply->pairCount = 0;
    reply->text = len > 0 ? line + wordLen : line;
    if (reply->result != HELPER_UNKNOWN)
        reply->text = skipBlanks(reply->text);
    reply->textLen = len - (size_t)(reply->text - line);
    if (reply->textLen == 0)
        return 0;
    if (memchr(reply->text, '\0', reply->textLen))
        return refuseReply(reply, line, "NUL in the line");
    if (readText(&(Cursor){reply->text, scratch, reply}) < 0)
        return refuseReply(reply, line, "control octet in a value");
    return 0;
}

const char *
helperReplyGet(const HelperReply *reply, const char *key)
{
    for (unsigned i = 0; i < reply->pairCount; i++) {
        if (strcmp(reply->pairs[i].key, key) == 0)
            return reply->pairs[i].value;
    }
    return NULL;
}

size_t
helperProtoParseId(const char *line, size_t len, uint32_t *idOut)
{
    size_t limit = len < ID_DIGITS_MAX ? len : ID_DIGITS_MAX;
    uint64_t id = 0;
    size_t i = 0;

    for (; i < limit && isDigit(line[i]); i++)
        id = id * 10 + (uint64_t)(line[i] - '0');
    if (i == 0 || id > HELPER_PROTO_ID_MAX)
        return 0;
    if (i < len && !isBlank(line[i]))
        return 0;
    while (i < len && isBlank(line[i]))
        i++;
    *idOut = (uint32_t)id;
    return i;
}

static size_t
countDigits(uint32_t value)
{
    static const uint32_t powers[] = {
        0,      10,      100,      1000,      10000,
        100000, 1000000, 10000000, 100000000, 1000000000,
    };
    /* Binary digits by log10(2), which is at most one too many. */
    unsigned guess = (32 - (unsigned)__builtin_clz(value | 1)) * 1233 >> 12;

    return guess + (value >= powers[guess]);
}

/* Two digits at a time, in place: an ID is written for every request. */
size_t
helperProtoFormatId(uint32_t id, char *out)
{
    static const char pairs[] = "00010203040506070809"
                                "10111213141516171819"
                                "20212223242526272829"
                                "30313233343536373839"
                                "40414243444546474849"
                                "50515253545556575859"
                                "60616263646566676869"
                                "70717273747576777879"
                                "80818283848586878889"
                                "90919293949596979899";
    size_t len = countDigits(id);
    char *at = out + len;

    *at = ' ';
    while (id >= 10) {
        at -= 2;
        memcpy(at, &pairs[id % 100 * 2], 2);
        id /= 100;
    }
    if (at > out)
        *out = (char)('0' + id);
    return len + 1;
}
