/* http_cache_control.c: the directives of Cache-Control. RFC 9111 5.2. */
#include "http_priv.h"

#include "http_octet.h"

#define DELTA_MAX ((int64_t)1 << 31) /* RFC 9111 1.2.2 */
#define DELTA_NONE ((int64_t)-1)

typedef struct FlagRow {
    const char *text;
    unsigned flag;
} FlagRow;

typedef struct DeltaRow {
    const char *text;
    size_t offset;
    int64_t bad;     /* for what is no number */
    int64_t missing; /* for no value at all */
    bool takesMost;  /* of several values the largest */
} DeltaRow;

static const FlagRow flagRows[] = {
#define X(id, bit, text) {text, HTTP_CC_##id},
    HTTP_CACHE_CONTROL_FLAGS(X)
#undef X
};

static const DeltaRow deltaRows[] = {
    {"max-age", offsetof(HttpCacheControl, maxAge), 0, 0, false},
    {"s-maxage", offsetof(HttpCacheControl, sMaxage), 0, 0, false},
    {"min-fresh", offsetof(HttpCacheControl, minFresh), DELTA_MAX, DELTA_MAX,
     true},
    {"max-stale", offsetof(HttpCacheControl, maxStale), 0, DELTA_MAX, false},
    {"stale-while-revalidate", offsetof(HttpCacheControl, staleWhileRevalidate),
     0, 0, false},
    {"stale-if-error", offsetof(HttpCacheControl, staleIfError), 0, 0, false},
};

/* Fields without which the rest of a response would mean something else. */
static const HttpHeaderId essential[] = {
    HTTP_HEADER_AGE,
    HTTP_HEADER_CACHE_CONTROL,
    HTTP_HEADER_CDN_CACHE_CONTROL,
    HTTP_HEADER_CONTENT_RANGE,
    HTTP_HEADER_CONTENT_ENCODING,
    HTTP_HEADER_CONTENT_TYPE,
    HTTP_HEADER_DATE,
    HTTP_HEADER_EXPIRES,
    HTTP_HEADER_VARY,
};

static int64_t
parseDelta(const DeltaRow *row, HttpSlice value)
{
    uint64_t seconds;

    if (!value.data)
        return row->missing;
    if (!value.len || !httpOctetsAre(value.data, value.len, HTTP_OCTET_DIGIT))
        return row->bad;
    return httpSliceParseUint(value, (uint64_t)DELTA_MAX, &seconds)
               ? (int64_t)seconds
               : DELTA_MAX;
}

static const DeltaRow *
findDelta(HttpSlice name)
{
    for (size_t i = 0; i < sizeof(deltaRows) / sizeof(*deltaRows); i++) {
        if (httpSliceIs(name, deltaRows[i].text))
            return &deltaRows[i];
    }
    return NULL;
}

static int64_t *
deltaOf(HttpCacheControl *control, const DeltaRow *row)
{
    return (int64_t *)(void *)((char *)control + row->offset);
}

static void
readDelta(HttpCacheControl *out, const DeltaRow *row, HttpSlice value)
{
    int64_t *field = deltaOf(out, row);
    int64_t seconds = parseDelta(row, value);

    if (*field == DELTA_NONE || (seconds > *field) == row->takesMost)
        *field = seconds;
}

void
httpCacheControlSetDelta(HttpCacheControl *control, HttpSlice name,
                         int64_t seconds)
{
    const DeltaRow *row = findDelta(name);

    if (!row)
        return;
    if (seconds < 0)
        seconds = row->bad;
    *deltaOf(control, row) = seconds < DELTA_MAX ? seconds : DELTA_MAX;
}

static bool
isSeparable(HttpSlice name)
{
    HttpHeaderId id = httpHeaderIdOf(name);

    for (size_t i = 0; i < sizeof(essential) / sizeof(*essential); i++) {
        if (essential[i] == id)
            return false;
    }
    return httpIsToken(name);
}

/* RFC 9111 5.2.2.4 and 5.2.2.7: names that can be left out of what is kept. */
static bool
areFieldNames(HttpSlice value)
{
    HttpList list;
    HttpSlice name;
    bool hasAny = false;

    httpListStartText(&list, value);
    while (httpListNext(&list, &name)) {
        if (!isSeparable(name))
            return false;
        hasAny = true;
    }
    return hasAny;
}

static bool
isAboutFields(HttpSlice name, HttpSlice value)
{
    return (httpSliceIs(name, "private") || httpSliceIs(name, "no-cache")) &&
           areFieldNames(value);
}

void
httpCacheControlSetFlag(HttpCacheControl *control, HttpSlice name,
                        HttpSlice value)
{
    if (isAboutFields(name, value))
        return;
    for (size_t i = 0; i < sizeof(flagRows) / sizeof(*flagRows); i++) {
        if (httpSliceIs(name, flagRows[i].text))
            control->flags |= flagRows[i].flag;
    }
}

/* There are no blanks around "=": what has some is malformed. */
static bool
isSpaced(HttpSlice item)
{
    const char *equals = memchr(item.data, '=', item.len);

    return equals && equals > item.data &&
           (memchr(" \t", equals[-1], 2) ||
            (equals + 1 < item.data + item.len && memchr(" \t", equals[1], 2)));
}

static void
readDirective(HttpCacheControl *out, HttpSlice item)
{
    HttpSlice name;
    HttpSlice value;

    httpListParam(item, &name, &value);
    if (isSpaced(item))
        value = httpSlice("", 0);
    const DeltaRow *row = findDelta(name);
    if (row)
        readDelta(out, row, value);
    else
        httpCacheControlSetFlag(out, name, value);
}

void
httpCacheControlParse(const HttpHeaders *headers, HttpCacheControl *out)
{
    HttpList list;
    HttpSlice item;

    *out = (HttpCacheControl)HTTP_CACHE_CONTROL_NONE;
    httpListStart(&list, headers, HTTP_HEADER_CACHE_CONTROL);
    while (httpListNext(&list, &item))
        readDirective(out, item);
}

static void
removeListed(HttpHeaders *headers, HttpHeaderId id)
{
    HttpList list;
    HttpList fields;
    HttpSlice item;
    HttpSlice name;
    HttpSlice value;

    httpListStart(&list, headers, id);
    while (httpListNext(&list, &item)) {
        httpListParam(item, &name, &value);
        if (isSpaced(item) || !isAboutFields(name, value))
            continue;
        httpListStartText(&fields, value);
        while (httpListNext(&fields, &name))
            httpHeaderRemoveName(headers, name);
    }
}

void
httpCacheControlRemoveFields(HttpHeaders *response)
{
    removeListed(response, HTTP_HEADER_CACHE_CONTROL);
    removeListed(response, HTTP_HEADER_CDN_CACHE_CONTROL);
}
