/* cache_vary.c: what tells the variants of one resource apart. */
#include <errno.h>
#include <stdlib.h>

#include "cache_store_priv.h"

#define NAMES_MAX 16

/* Lists of words, in which blanks and case have no meaning. */
static const HttpHeaderId wordLists[] = {
    HTTP_HEADER_ACCEPT_ENCODING,
    HTTP_HEADER_ACCEPT_LANGUAGE,
};

static int
compareNames(const void *a, const void *b)
{
    const HttpSlice *left = a;
    const HttpSlice *right = b;
    size_t len = left->len < right->len ? left->len : right->len;
    int order = strncasecmp(left->data, right->data, len);

    return order ? order : (left->len > right->len) - (left->len < right->len);
}

static int
appendLower(Buf *out, HttpSlice text)
{
    char *room = bufReserve(out, text.len);

    if (!room)
        return -ENOBUFS;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        room[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    bufCommit(out, text.len);
    return 0;
}

/* Number of names, or -EINVAL. */
static int
collectNames(const HttpHeaders *response, HttpSlice names[NAMES_MAX])
{
    HttpList list;
    HttpSlice name;
    int count = 0;

    httpListStart(&list, response, HTTP_HEADER_VARY);
    while (httpListNext(&list, &name)) {
        if (count == NAMES_MAX || !httpIsToken(name) || httpSliceIs(name, "*"))
            return -EINVAL;
        names[count++] = name;
    }
    return count;
}

int
cacheVaryNames(const HttpHeaders *response, Buf *out)
{
    HttpSlice names[NAMES_MAX];
    int count = collectNames(response, names);
    int rc = 0;

    if (count < 0)
        return count;
    qsort(names, (size_t)count, sizeof(*names), compareNames);
    for (int i = 0; i < count && rc == 0; i++) {
        if (i && httpSliceEqualNoCase(names[i - 1], names[i]))
            continue;
        if (i)
            rc = bufAppend(out, ",", 1);
        if (rc == 0)
            rc = appendLower(out, names[i]);
    }
    return rc;
}

static bool
isWordList(HttpHeaderId id)
{
    for (size_t i = 0; i < sizeof(wordLists) / sizeof(*wordLists); i++) {
        if (wordLists[i] == id)
            return true;
    }
    return false;
}

/* A field value has no control octets but TAB: they can be marks here. */
static int
appendWords(HttpHeaderId id, const HttpHeaders *request, Buf *out)
{
    HttpList list;
    HttpSlice item;
    int rc = 0;

    httpListStart(&list, request, id);
    while (rc == 0 && httpListNext(&list, &item)) {
        rc = appendLower(out, item);
        if (rc == 0)
            rc = bufAppend(out, ",", 1);
    }
    return rc;
}

static int
appendValues(HttpSlice name, const HttpHeaders *request, Buf *out)
{
    const HttpField *field = NULL;
    int rc = 0;

    while (rc == 0 && (field = httpHeaderNext(request, field))) {
        if (!httpSliceEqualNoCase(httpFieldName(field), name))
            continue;
        rc = bufAppend(out, field->value, field->valueLen);
        if (rc == 0)
            rc = bufAppend(out, ",", 1);
    }
    return rc;
}

int
cacheVaryValues(HttpSlice names, const HttpHeaders *request, Buf *out)
{
    HttpList list;
    HttpSlice name;
    int rc = 0;

    httpListStartText(&list, names);
    while (rc == 0 && httpListNext(&list, &name)) {
        HttpHeaderId id = httpHeaderIdOf(name);
        bool isThere = httpHeaderGetName(request, name).data != NULL;
        rc = bufAppend(out, isThere ? "\1" : "\2", 1);
        if (rc == 0)
            rc = isWordList(id) ? appendWords(id, request, out)
                                : appendValues(name, request, out);
    }
    return rc;
}

bool
cacheVaryIsFor(CacheVaryScratch *scratch, HttpSlice names, HttpSlice values,
               const HttpHeaders *request)
{
    if (!names.len)
        return true;
    if (!scratch->namesDone.data ||
        !httpSliceEqual(names, scratch->namesDone)) {
        bufClear(&scratch->values);
        scratch->namesDone = (HttpSlice){0};
        if (cacheVaryValues(names, request, &scratch->values))
            return false;
        scratch->namesDone = names;
    }
    return httpSliceEqual(values, cacheTextsSlice(&scratch->values));
}
