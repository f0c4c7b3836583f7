/* http_cache_control.c: the directives of Cache-Control. RFC 9111 5.2. */
#include "http_freshness.h"

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

static bool
readDelta(HttpCacheControl *out, HttpSlice name, HttpSlice value)
{
    for (size_t i = 0; i < sizeof(deltaRows) / sizeof(*deltaRows); i++) {
        const DeltaRow *row = &deltaRows[i];
        if (!httpSliceIs(name, row->text))
            continue;
        int64_t *field = (int64_t *)(void *)((char *)out + row->offset);
        int64_t seconds = parseDelta(row, value);
        if (*field == DELTA_NONE || (seconds > *field) == row->takesMost)
            *field = seconds;
        return true;
    }
    return false;
}

static void
readFlag(HttpCacheControl *out, HttpSlice name)
{
    for (size_t i = 0; i < sizeof(flagRows) / sizeof(*flagRows); i++) {
        if (httpSliceIs(name, flagRows[i].text))
            out->flags |= flagRows[i].flag;
    }
}

void
httpCacheControlParse(const HttpHeaders *headers, HttpCacheControl *out)
{
    HttpList list;
    HttpSlice item;
    HttpSlice name;
    HttpSlice value;

    *out = (HttpCacheControl){0,          DELTA_NONE, DELTA_NONE, DELTA_NONE,
                              DELTA_NONE, DELTA_NONE, DELTA_NONE};
    httpListStart(&list, headers, HTTP_HEADER_CACHE_CONTROL);
    while (httpListNext(&list, &item)) {
        httpListParam(item, &name, &value);
        if (!readDelta(out, name, value))
            readFlag(out, name);
    }
}
