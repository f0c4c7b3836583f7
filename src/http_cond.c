/* http_cond.c: conditional requests and what comes of them. */
#include "http_cond.h"

#include "http_date.h"
#include "http_message.h"
#include "http_stored.h"

typedef struct EntityTag {
    HttpSlice opaque; /* with its quotes, if it has any */
    bool isWeak;
} EntityTag;

/* Fields that describe the stored octets. */
static const HttpHeaderId notMerged[] = {
    HTTP_HEADER_CONTENT_ENCODING,
    HTTP_HEADER_CONTENT_LENGTH,
    HTTP_HEADER_CONTENT_MD5,
    HTTP_HEADER_CONTENT_RANGE,
};

/* RFC 9110 15.4.5, and Last-Modified for caches without entity tags. */
static const HttpHeaderId kept304[] = {
    HTTP_HEADER_CACHE_CONTROL, HTTP_HEADER_CONTENT_LOCATION,
    HTTP_HEADER_DATE,          HTTP_HEADER_ETAG,
    HTTP_HEADER_EXPIRES,       HTTP_HEADER_LAST_MODIFIED,
    HTTP_HEADER_VARY,          HTTP_HEADER_VIA,
};

static bool
isOneOf(HttpHeaderId id, const HttpHeaderId *ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (ids[i] == id)
            return true;
    }
    return false;
}

/* One without quotes, or with a malformed W/, as some origins send it: the same
 * only as itself, and never strong. */
static bool
takeWord(HttpSlice *rest, EntityTag *out)
{
    const char *comma = memchr(rest->data, ',', rest->len);
    size_t len = comma ? (size_t)(comma - rest->data) : rest->len;
    HttpSlice word = httpSliceTrim(httpSlice(rest->data, len));

    if (!word.len || httpSliceIs(word, "*") || memchr(word.data, ' ', word.len))
        return false;
    *out = (EntityTag){word, true};
    *rest = httpSlice(rest->data + len, rest->len - len);
    return true;
}

/* Cut one entity tag off the front (RFC 9110 8.8.3: no escapes inside). */
static bool
takeTag(HttpSlice *rest, EntityTag *out)
{
    HttpSlice text = *rest;
    bool isWeak = text.len >= 2 && memcmp(text.data, "W/", 2) == 0;

    if (isWeak)
        text = httpSlice(text.data + 2, text.len - 2);
    if (!rest->len)
        return false;
    if (!text.len || text.data[0] != '"')
        return takeWord(rest, out);
    const char *end = memchr(text.data + 1, '"', text.len - 1);
    if (!end)
        return false;
    size_t len = (size_t)(end - text.data) + 1;
    *out = (EntityTag){httpSlice(text.data, len), isWeak};
    *rest = httpSlice(text.data + len, text.len - len);
    return true;
}

static bool
parseTag(HttpSlice text, EntityTag *out)
{
    return text.data && takeTag(&text, out) && !text.len;
}

bool
httpEtagWeakEqual(HttpSlice a, HttpSlice b)
{
    EntityTag tagA;
    EntityTag tagB;

    return parseTag(a, &tagA) && parseTag(b, &tagB) &&
           httpSliceEqual(tagA.opaque, tagB.opaque);
}

bool
httpEtagStrongEqual(HttpSlice a, HttpSlice b)
{
    EntityTag tagA;
    EntityTag tagB;

    return parseTag(a, &tagA) && parseTag(b, &tagB) && !tagA.isWeak &&
           !tagB.isWeak && httpSliceEqual(tagA.opaque, tagB.opaque);
}

static time_t
dateOr(const HttpHeaders *headers, HttpHeaderId id, time_t now, time_t other)
{
    HttpSlice text = httpHeaderGet(headers, id);
    time_t when;

    return text.data && httpDateParse(text, now, &when) ? when : other;
}

void
httpCondValidators(const HttpHeaders *response, time_t now, HttpValidators *out)
{
    EntityTag tag;

    out->etag = httpHeaderGet(response, HTTP_HEADER_ETAG);
    if (!parseTag(out->etag, &tag))
        out->etag = (HttpSlice){0};
    out->lastModified = dateOr(response, HTTP_HEADER_LAST_MODIFIED, now, -1);
    out->date = dateOr(response, HTTP_HEADER_DATE, now, now);
}

static HttpSlice
skipCommas(HttpSlice text)
{
    while (text.len && memchr(", \t", text.data[0], 3))
        text = httpSlice(text.data + 1, text.len - 1);
    return text;
}

/* One If-None-Match field. What is no list of tags matches nothing. */
static bool
listHasTag(HttpSlice list, const EntityTag *wanted)
{
    EntityTag tag;

    for (list = skipCommas(list); takeTag(&list, &tag);
         list = skipCommas(list)) {
        if (httpSliceEqual(tag.opaque, wanted->opaque))
            return true;
    }
    return false;
}

/* RFC 9110 13.1.2 */
static HttpCond
evaluateTags(const HttpHeaders *request, const HttpValidators *stored)
{
    const HttpField *field = NULL;
    EntityTag tag;
    bool hasTag = parseTag(stored->etag, &tag);

    while (
        (field = httpHeaderNextOf(request, HTTP_HEADER_IF_NONE_MATCH, field))) {
        HttpSlice value = httpFieldValue(field);
        if (httpSliceIs(value, "*") || (hasTag && listHasTag(value, &tag)))
            return HTTP_COND_NOT_MODIFIED;
    }
    return HTTP_COND_MODIFIED;
}

/* RFC 9110 13.1.3 and RFC 9111 4.3.2: without Last-Modified, Date counts. */
static HttpCond
evaluateDate(const HttpHeaders *request, const HttpValidators *stored,
             time_t now)
{
    const HttpField *field =
        httpHeaderNextOf(request, HTTP_HEADER_IF_MODIFIED_SINCE, NULL);
    time_t since;

    if (!field || !httpDateParse(httpFieldValue(field), now, &since) ||
        httpHeaderNextOf(request, HTTP_HEADER_IF_MODIFIED_SINCE, field))
        return HTTP_COND_NONE;
    time_t modified =
        stored->lastModified >= 0 ? stored->lastModified : stored->date;
    return modified <= since ? HTTP_COND_NOT_MODIFIED : HTTP_COND_MODIFIED;
}

HttpCond
httpCondEvaluate(const HttpHeaders *request, const HttpValidators *stored,
                 time_t now)
{
    if (httpHeaderHas(request, HTTP_HEADER_IF_NONE_MATCH))
        return evaluateTags(request, stored);
    return evaluateDate(request, stored, now);
}

bool
httpCondIsForOrigin(const HttpHeaders *request)
{
    return httpHeaderHas(request, HTTP_HEADER_IF_MATCH) ||
           httpHeaderHas(request, HTTP_HEADER_IF_UNMODIFIED_SINCE);
}

bool
httpCondIfRange(const HttpHeaders *request, const HttpValidators *stored,
                time_t now)
{
    HttpSlice value = httpHeaderGet(request, HTTP_HEADER_IF_RANGE);
    time_t modified;

    if (!value.data)
        return true;
    if (!httpDateParse(value, now, &modified))
        return httpEtagStrongEqual(value, stored->etag);
    return modified == stored->lastModified && modified < stored->date;
}

void
httpCondRemove(HttpHeaders *request)
{
    httpHeaderRemove(request, HTTP_HEADER_IF_MATCH);
    httpHeaderRemove(request, HTTP_HEADER_IF_NONE_MATCH);
    httpHeaderRemove(request, HTTP_HEADER_IF_MODIFIED_SINCE);
    httpHeaderRemove(request, HTTP_HEADER_IF_UNMODIFIED_SINCE);
    httpHeaderRemove(request, HTTP_HEADER_IF_RANGE);
    httpHeaderRemove(request, HTTP_HEADER_RANGE);
}

/* The client has responses of its own, known by their tags. */
static bool
hasOwnTags(const HttpHeaders *request)
{
    const HttpField *field = NULL;
    EntityTag tag;
    bool hasAny = false;

    while (
        (field = httpHeaderNextOf(request, HTTP_HEADER_IF_NONE_MATCH, field))) {
        HttpSlice rest = skipCommas(httpFieldValue(field));
        for (; rest.len; rest = skipCommas(rest)) {
            if (!takeTag(&rest, &tag))
                return false;
            hasAny = true;
        }
    }
    return hasAny;
}

/* The stored tag and those in `own`, which begins with a comma or is empty. */
static bool
addTags(HttpHeaders *request, HttpSlice etag, const Buf *own)
{
    Buf tags;

    bufInit(&tags, HTTP_HEADER_TEXT_MAX);
    int rc = bufAppend(&tags, etag.data, etag.len);
    if (rc == 0)
        rc = bufAppend(&tags, bufData(own), bufLen(own));
    if (rc == 0)
        rc = httpHeaderAddId(request, HTTP_HEADER_IF_NONE_MATCH,
                             httpSlice(bufData(&tags), bufLen(&tags)));
    bufFini(&tags);
    return rc == 0;
}

static bool
addConditions(HttpHeaders *request, const HttpValidators *stored,
              const Buf *own)
{
    char date[HTTP_DATE_SIZE];

    if (stored->etag.data && !addTags(request, stored->etag, own))
        return false;
    if (stored->lastModified < 0)
        return stored->etag.data != NULL;
    httpDateFormat(stored->lastModified, date);
    return httpHeaderAddId(request, HTTP_HEADER_IF_MODIFIED_SINCE,
                           httpSliceText(date)) == 0;
}

static int
copyOwnTags(const HttpHeaders *request, Buf *out)
{
    const HttpField *field = NULL;
    int rc = 0;

    while (rc == 0 && (field = httpHeaderNextOf(
                           request, HTTP_HEADER_IF_NONE_MATCH, field))) {
        rc = bufAppend(out, ", ", 2);
        if (rc == 0)
            rc = bufAppend(out, field->value, field->valueLen);
    }
    return rc;
}

bool
httpCondBuild(HttpHeaders *request, const HttpValidators *stored)
{
    Buf own;
    int rc = 0;

    bufInit(&own, HTTP_HEADER_TEXT_MAX);
    if (stored->etag.data && hasOwnTags(request))
        rc = copyOwnTags(request, &own);
    httpCondRemove(request);
    bool isBuilt = rc == 0 && addConditions(request, stored, &own);
    bufFini(&own);
    if (!isBuilt)
        httpCondRemove(request);
    return isBuilt;
}

static bool
isMerged(const HttpField *field)
{
    return !isOneOf(field->id, notMerged,
                    sizeof(notMerged) / sizeof(*notMerged));
}

int
httpCondMerge(HttpHeaders *stored, const HttpHeaders *notModified)
{
    const HttpField *field = NULL;

    while ((field = httpHeaderNext(notModified, field))) {
        if (isMerged(field))
            httpHeaderRemoveName(stored, httpFieldName(field));
    }
    while ((field = httpHeaderNext(notModified, field))) {
        int rc = isMerged(field) ? httpHeaderAdd(stored, httpFieldName(field),
                                                 httpFieldValue(field))
                                 : 0;
        if (rc)
            return rc;
    }
    return 0;
}

bool
httpCondMatches(const HttpValidators *stored, const HttpHeaders *notModified)
{
    HttpValidators now;

    httpCondValidators(notModified, stored->date, &now);
    if (now.etag.data)
        return httpEtagWeakEqual(stored->etag, now.etag);
    return now.lastModified < 0 || stored->lastModified < 0 ||
           now.lastModified == stored->lastModified;
}

HttpCondAbout
httpCondAbout(const HttpHeaders *request, const HttpValidators *stored,
              const HttpHeaders *notModified)
{
    HttpValidators now;
    bool isAlone = !stored->etag.data || !hasOwnTags(request);

    httpCondValidators(notModified, stored->date, &now);
    if ((isAlone || now.etag.data) && httpCondMatches(stored, notModified))
        return HTTP_COND_ABOUT_STORED;
    if (!isAlone && now.etag.data &&
        evaluateTags(request, &now) == HTTP_COND_NOT_MODIFIED)
        return HTTP_COND_ABOUT_CLIENT;
    return HTTP_COND_ABOUT_NONE;
}

HttpSlice
httpCondTagOf(HttpSlice storedHead)
{
    HttpStoredLine line;
    EntityTag tag;

    while (httpStoredNext(&storedHead, &line))
        if (line.id == HTTP_HEADER_ETAG)
            return parseTag(line.value, &tag) ? line.value : (HttpSlice){0};
    return (HttpSlice){0};
}

int
httpCondFormat304(HttpSlice storedHead, Buf *out)
{
    int rc = bufPrintf(out, "HTTP/1.1 304 %s\r\n", httpStatusReason(304));
    HttpStoredLine line;

    while (rc == 0 && httpStoredNext(&storedHead, &line))
        if (isOneOf(line.id, kept304, sizeof(kept304) / sizeof(*kept304)))
            rc = bufAppend(out, line.text.data, line.text.len);
    return rc;
}
