/* http_targeted.c: CDN-Cache-Control, a dictionary (RFC 9213, RFC 8941). */
#include "http_priv.h"

#include "http_octet.h"

#define TEXT_MAX 8192 /* of all its lines */
#define INTEGER_DIGITS 15
#define DECIMAL_DIGITS 12
#define FRACTION_DIGITS 3

typedef enum ValueKind {
    VALUE_OTHER, /* what no directive has */
    VALUE_INTEGER,
    VALUE_TRUE,
    VALUE_STRING,
} ValueKind;

typedef struct Value {
    ValueKind kind;
    int64_t number;
    HttpSlice text;
} Value;

/* What is left of a text; functions that take something of it are false for
 * what is malformed. */
typedef HttpSlice Scan;

static bool
isNext(const Scan *scan, char octet)
{
    return scan->len && *scan->data == octet;
}

static bool
take(Scan *scan, char octet)
{
    if (!isNext(scan, octet))
        return false;
    *scan = httpSlice(scan->data + 1, scan->len - 1);
    return true;
}

static size_t
countDigits(const Scan *scan)
{
    size_t count = 0;

    while (count < scan->len &&
           httpOctetsAre(scan->data + count, 1, HTTP_OCTET_DIGIT))
        count++;
    return count;
}

static void
skip(Scan *scan, size_t len)
{
    *scan = httpSlice(scan->data + len, scan->len - len);
}

static void
skipBlanks(Scan *scan, const char *blanks)
{
    while (scan->len && strchr(blanks, *scan->data))
        skip(scan, 1);
}

static bool
isLower(char octet)
{
    return octet >= 'a' && octet <= 'z';
}

static bool
takeKey(Scan *scan, HttpSlice *key)
{
    size_t len = 0;

    if (!scan->len || (!isLower(*scan->data) && *scan->data != '*'))
        return false;
    while (len < scan->len && (isLower(scan->data[len]) ||
                               memchr("0123456789_-.*", scan->data[len], 14)))
        len++;
    *key = httpSlice(scan->data, len);
    skip(scan, len);
    return true;
}

static bool
takeNumber(Scan *scan, Value *value)
{
    bool isNegative = take(scan, '-');
    size_t digits = countDigits(scan);
    uint64_t number;

    if (digits > INTEGER_DIGITS ||
        !httpSliceParseUint(httpSlice(scan->data, digits), INT64_MAX, &number))
        return false;
    skip(scan, digits);
    value->kind = VALUE_INTEGER;
    value->number = isNegative ? -(int64_t)number : (int64_t)number;
    if (!take(scan, '.'))
        return true;
    size_t fraction = countDigits(scan);
    value->kind = VALUE_OTHER;
    skip(scan, fraction);
    return digits <= DECIMAL_DIGITS && fraction && fraction <= FRACTION_DIGITS;
}

static bool
takeString(Scan *scan, Value *value)
{
    const char *start = scan->data + 1;

    skip(scan, 1);
    while (scan->len && *scan->data != '"') {
        if (take(scan, '\\') && !isNext(scan, '"') && !isNext(scan, '\\'))
            return false;
        if (*scan->data < ' ' || *scan->data > '~')
            return false;
        skip(scan, 1);
    }
    value->kind = VALUE_STRING;
    value->text = httpSlice(start, (size_t)(scan->data - start));
    return take(scan, '"');
}

static bool
takeToken(Scan *scan, Value *value)
{
    value->kind = VALUE_OTHER;
    while (scan->len && (httpOctetsAre(scan->data, 1, HTTP_OCTET_TOKEN) ||
                         memchr(":/", *scan->data, 2)))
        skip(scan, 1);
    return true;
}

static bool
takeOctets(Scan *scan, Value *value)
{
    value->kind = VALUE_OTHER;
    skip(scan, 1);
    while (scan->len && (httpOctetsAre(scan->data, 1, HTTP_OCTET_TOKEN) ||
                         memchr("/=", *scan->data, 2)))
        skip(scan, 1);
    return take(scan, ':');
}

static bool
takeBoolean(Scan *scan, Value *value)
{
    skip(scan, 1);
    value->kind = isNext(scan, '1') ? VALUE_TRUE : VALUE_OTHER;
    return take(scan, '0') || take(scan, '1');
}

static bool
takeItem(Scan *scan, Value *value)
{
    char first = scan->len ? *scan->data : '\0';

    if (first == '-' || httpOctetsAre(&first, 1, HTTP_OCTET_DIGIT))
        return takeNumber(scan, value);
    if (first == '"')
        return takeString(scan, value);
    if (first == ':')
        return takeOctets(scan, value);
    if (first == '?')
        return takeBoolean(scan, value);
    return (isLower((char)(first | 0x20)) || first == '*') &&
           takeToken(scan, value);
}

/* RFC 9213 2.1: parameters have no meaning, but a form. */
static bool
takeParameters(Scan *scan)
{
    HttpSlice key;
    Value value;

    while (take(scan, ';')) {
        skipBlanks(scan, " ");
        if (!takeKey(scan, &key) ||
            (take(scan, '=') && !takeItem(scan, &value)))
            return false;
    }
    return true;
}

static bool
takeInnerList(Scan *scan, Value *value)
{
    Value item;

    while (scan->len) {
        skipBlanks(scan, " ");
        value->kind = VALUE_OTHER;
        if (take(scan, ')'))
            return true;
        if (!takeItem(scan, &item) || !takeParameters(scan) ||
            (!isNext(scan, ' ') && !isNext(scan, ')')))
            return false;
    }
    return false;
}

static bool
takeValue(Scan *scan, Value *value)
{
    *value = (Value){.kind = VALUE_TRUE};
    if (!take(scan, '='))
        return true;
    return take(scan, '(') ? takeInnerList(scan, value) : takeItem(scan, value);
}

/* RFC 9213 2.1: what has a value of another type is not there. */
static void
setDirective(HttpCacheControl *out, HttpSlice key, const Value *value)
{
    if (value->kind == VALUE_INTEGER)
        httpCacheControlSetDelta(out, key, value->number);
    else if (value->kind == VALUE_TRUE)
        httpCacheControlSetFlag(out, key, httpSlice(NULL, 0));
    else if (value->kind == VALUE_STRING)
        httpCacheControlSetFlag(out, key, value->text);
}

static bool
parseText(Scan scan, HttpCacheControl *out)
{
    HttpSlice key;
    Value value;

    scan = httpSliceTrim(scan);
    if (!scan.len)
        return false;
    for (;;) {
        if (!takeKey(&scan, &key) || !takeValue(&scan, &value) ||
            !takeParameters(&scan))
            return false;
        setDirective(out, key, &value);
        skipBlanks(&scan, " \t");
        if (!scan.len)
            return true;
        if (!take(&scan, ','))
            return false;
        skipBlanks(&scan, " \t");
    }
}

bool
httpTargetedParse(const HttpHeaders *headers, HttpCacheControl *out)
{
    HttpCacheControl control = HTTP_CACHE_CONTROL_NONE;
    const HttpField *field = NULL;
    Buf text;
    int rc = 0;

    if (!httpHeaderHas(headers, HTTP_HEADER_CDN_CACHE_CONTROL))
        return false;
    bufInit(&text, TEXT_MAX);
    while (rc == 0 && (field = httpHeaderNextOf(
                           headers, HTTP_HEADER_CDN_CACHE_CONTROL, field))) {
        if (bufLen(&text))
            rc = bufAppend(&text, ",", 1);
        if (rc == 0)
            rc = bufAppend(&text, field->value, field->valueLen);
    }
    bool isValid =
        rc == 0 &&
        parseText(httpSlice(bufData(&text), bufLen(&text)), &control);
    bufFini(&text);
    control.isTargeted = true;
    if (isValid)
        *out = control;
    return isValid;
}
