/* cache_vary.c: what tells the variants of one resource apart. */
#include <errno.h>
#include <stdlib.h>

#include "cache_store_priv.h"

#define NAMES_MAX 16
/* Before each value. A value has no control octets but TAB. */
#define PRESENT "\1"
#define ABSENT "\2"
#define WORDS_MAX 64
#define WEIGHT_MAX 7 /* "q=0.999" */

/* A list of words, in which blanks and case have no meaning. */
typedef struct WordList {
    HttpHeaderId id;
    bool isOrdered; /* which word comes first has a meaning to some */
} WordList;

static const WordList wordLists[] = {
    {HTTP_HEADER_ACCEPT_ENCODING, false},
    {HTTP_HEADER_ACCEPT_LANGUAGE, true}, /* RFC 9110 12.5.4 */
};

/* Fields by which servers believe that another URL or method was asked for,
 * though caches do not know them. */
static const char *const claims[] = {
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-proto",
    "x-forwarded-scheme",
    "x-forwarded-server",
    "x-host",
    "x-http-method-override",
    "x-original-url",
    "x-rewrite-url",
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

/* What the request claims, as if it were in Vary: who claims nothing is not
 * answered by what was made for such a claim. Number of names, or -EINVAL. */
static int
collectClaims(const HttpHeaders *request, HttpSlice names[NAMES_MAX], int count)
{
    for (size_t i = 0; i < sizeof(claims) / sizeof(*claims); i++) {
        HttpSlice name = httpSliceText(claims[i]);

        if (httpHeaderGetName(request, name).data == NULL)
            continue;
        if (count == NAMES_MAX)
            return -EINVAL;
        names[count++] = name;
    }
    return count;
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
cacheVaryNames(const HttpHeaders *response, const HttpHeaders *request,
               Buf *out)
{
    HttpSlice names[NAMES_MAX];
    int count = collectNames(response, names);
    int rc = 0;

    if (count >= 0)
        count = collectClaims(request, names, count);
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

static const WordList *
findWordList(HttpHeaderId id)
{
    for (size_t i = 0; i < sizeof(wordLists) / sizeof(*wordLists); i++) {
        if (wordLists[i].id == id)
            return &wordLists[i];
    }
    return NULL;
}

/* The octets before the next semicolon, without blanks around them. False:
 * there is none, they are the last. */
static bool
takePiece(HttpSlice *rest, HttpSlice *piece)
{
    const char *end = rest->len ? memchr(rest->data, ';', rest->len) : NULL;
    size_t len = end ? (size_t)(end - rest->data) : rest->len;

    *piece = httpSliceTrim(httpSlice(rest->data, len));
    if (end)
        *rest = httpSlice(end + 1, rest->len - len - 1);
    return end != NULL;
}

/* A weight without the zeros at its end, which say nothing. */
static HttpSlice
cutWeight(HttpSlice piece)
{
    if (piece.len <= WEIGHT_MAX && piece.len > 3 &&
        strncasecmp(piece.data, "q=", 2) == 0 && piece.data[3] == '.') {
        while (piece.data[piece.len - 1] == '0')
            piece.len--;
        if (piece.data[piece.len - 1] == '.')
            piece.len--;
    }
    return piece;
}

/* One word and its weight: "gzip; q=0.5". Without one it is 1 (RFC 9110
 * 12.4.2). */
static int
appendWord(Buf *out, HttpSlice word)
{
    HttpSlice piece;
    bool isMore = takePiece(&word, &piece);
    int rc = appendLower(out, piece);

    while (rc == 0 && isMore) {
        isMore = takePiece(&word, &piece);
        piece = cutWeight(piece);
        if (httpSliceEqualNoCase(piece, httpSliceText("q=1")))
            continue;
        rc = bufAppend(out, ";", 1);
        if (rc == 0)
            rc = appendLower(out, piece);
    }
    return rc ? rc : bufAppend(out, ",", 1);
}

static int
appendWords(const WordList *kind, const HttpHeaders *request, Buf *out)
{
    HttpSlice words[WORDS_MAX];
    HttpList list;
    size_t count = 0;
    int rc = 0;

    httpListStart(&list, request, kind->id);
    while (count < WORDS_MAX && httpListNext(&list, &words[count]))
        count++;
    if (count == WORDS_MAX)
        return -ENOBUFS;
    if (!kind->isOrdered)
        qsort(words, count, sizeof(*words), compareNames);
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = appendWord(out, words[i]);
    return rc;
}

/* The members of one line, without the blanks around them. */
static int
appendMembers(HttpSlice value, Buf *out)
{
    HttpList list;
    HttpSlice member;
    bool isFirst = true;
    int rc = 0;

    httpListStartText(&list, value);
    while (rc == 0 && httpListNext(&list, &member)) {
        if (!isFirst)
            rc = bufAppend(out, ", ", 2);
        if (rc == 0)
            rc = bufAppend(out, member.data, member.len);
        isFirst = false;
    }
    return rc;
}

/* Several lines mean what one with ", " between them does (RFC 9110 5.3).
 * What is in no table may be a list, where blanks around commas have no
 * meaning (5.6.1). */
static int
appendValues(HttpSlice name, const HttpHeaders *request, Buf *out)
{
    const HttpField *field = NULL;
    bool isFirst = true;
    int rc = 0;

    while (rc == 0 && (field = httpHeaderNext(request, field))) {
        if (!httpSliceEqualNoCase(httpFieldName(field), name))
            continue;
        if (!isFirst)
            rc = bufAppend(out, ", ", 2);
        if (rc == 0)
            rc = field->id == HTTP_HEADER_OTHER
                     ? appendMembers(httpFieldValue(field), out)
                     : bufAppend(out, field->value, field->valueLen);
        isFirst = false;
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
        const WordList *kind = findWordList(httpHeaderIdOf(name));
        bool isThere = httpHeaderGetName(request, name).data != NULL;
        rc = bufAppend(out, isThere ? PRESENT : ABSENT, 1);
        if (rc == 0)
            rc = kind ? appendWords(kind, request, out)
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

/* The octets before the mark of the next value. */
static HttpSlice
takeValue(HttpSlice *rest)
{
    size_t len = 0;

    while (len < rest->len && rest->data[len] != *PRESENT &&
           rest->data[len] != *ABSENT)
        len++;
    HttpSlice value = httpSlice(rest->data, len);
    *rest = httpSlice(rest->data + len, rest->len - len);
    return value;
}

int
cacheVaryRequest(HttpSlice names, HttpSlice values, HttpHeaders *request)
{
    HttpList list;
    HttpSlice name;
    int rc = 0;

    httpListStartText(&list, names);
    while (rc == 0 && httpListNext(&list, &name) && values.len) {
        bool isThere = *values.data == *PRESENT;
        values = httpSlice(values.data + 1, values.len - 1);
        HttpSlice value = takeValue(&values);
        if (isThere)
            rc = httpHeaderAdd(request, name, value);
    }
    return rc;
}
