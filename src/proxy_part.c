/* Partial content: kept, put together, answered with (RFC 9111 3.3, 3.4).
 * DEBUG: section 20 */
#include <stdlib.h>

#include "check.h"
#include "debug.h"
#include "proxy_fetch_priv.h"
#include "xalloc.h"

#define PIECES 16
#define PIECE_MAX (16 * 1024)
#define KEPT_MIN (64 * 1024) /* less is not worth to be remembered */

/* A stored part and a new one, and what they make together. */
typedef struct Union {
    HttpPlace old;
    HttpPlace place;
    HttpPlace all;
} Union;

/* The head of a whole that may become one of a part. */
struct ProxyKept {
    HttpResponse response;
    HttpFreshness freshness;
};

static CacheObject *
lookup(Proxy *proxy, HttpSlice text, const HttpHeaders *asked)
{
    CacheKey key;

    cacheKeyInit(&key, CACHE_KEY_PART, text);
    return cacheStoreLookup(proxy->store, &key, asked);
}

static bool
isFresh(const CacheObject *object, const HttpHeaders *asked)
{
    return httpFreshnessUse(cacheObjectFreshness(object), asked, proxyNowSec(),
                            NULL) == HTTP_USE_STORED;
}

static void
serveParts(ProxyRequest *request, const HttpRangeSet *set,
           const HttpPlace *stored)
{
    request->reply.cacheStatus = PROXY_STATUS_HIT;
    request->reply.result = proxyCacheHit(request->object);
    if (httpCondEvaluate(&request->http->headers,
                         cacheObjectValidators(request->object),
                         proxyNowSec()) == HTTP_COND_NOT_MODIFIED)
        proxyReplyNotModified(request);
    else
        proxyReplyParts(request, set, stored);
}

bool
proxyPartServe(ProxyRequest *request)
{
    const HttpHeaders *headers = &request->http->headers;
    HttpPlace part;
    HttpRangeSet set;

    if (request->http->method != HTTP_METHOD_GET ||
        !httpHeaderHas(headers, HTTP_HEADER_RANGE))
        return false;
    request->object = lookup(request->proxy, proxyCacheText(request), headers);
    if (request->object != NULL && isFresh(request->object, headers) &&
        httpRangePlaceOf(cacheObjectHead(request->object), &part) &&
        httpRangeResolvePart(headers, cacheObjectValidators(request->object),
                             &part, proxyNowSec(), &set) == HTTP_RANGE_PART) {
        serveParts(request, &set, &part);
        return true;
    }
    cacheObjectUnref(&request->object);
    return false;
}

/* A beginning of known total, which may be completed (RFC 9111 3.3). */
static bool
isBeginning(const CacheObject *object, HttpPlace *place)
{
    HttpSlice etag = cacheObjectValidators(object)->etag;

    return httpRangePlaceOf(cacheObjectHead(object), place) &&
           place->range.first == 0 && place->total != HTTP_TOTAL_UNKNOWN &&
           httpEtagStrongEqual(etag, etag);
}

static bool
mayComplete(const HttpRequest *http)
{
    const HttpHeaders *headers = &http->headers;

    return http->method == HTTP_METHOD_GET && !httpFreshnessIsReload(headers) &&
           !httpHeaderHas(headers, HTTP_HEADER_RANGE) &&
           !httpHeaderHas(headers, HTTP_HEADER_IF_NONE_MATCH) &&
           !httpHeaderHas(headers, HTTP_HEADER_IF_MODIFIED_SINCE);
}

/* It need not be fresh: If-Range validates it. */
CacheObject *
proxyPartLookup(ProxyRequest *request)
{
    const HttpHeaders *headers = &request->http->headers;
    CacheObject *object = NULL;
    HttpPlace place;

    if (mayComplete(request->http))
        object = lookup(request->proxy, proxyCacheText(request), headers);
    if (object != NULL && !isBeginning(object, &place))
        cacheObjectUnref(&object);
    return object;
}

void
proxyPartAsk(ProxyFetch *fetch, CacheObject *begun)
{
    HttpHeaders *headers = &fetch->headers;

    if (!isBeginning(begun, &fetch->begunPlace))
        return;
    fetch->begun = cacheObjectRef(begun);
    cacheReaderInit(&fetch->begunReader, fetch->begun);
    httpHeaderAddf(headers, HTTP_HEADER_RANGE, "bytes=%llu-",
                   (unsigned long long)fetch->begunPlace.range.last + 1);
    httpHeaderAddId(headers, HTTP_HEADER_IF_RANGE,
                    cacheObjectValidators(begun)->etag);
}

/* The rest of what is stored, all of it. */
static bool
isRest(const ProxyFetch *fetch, const HttpResponse *response)
{
    const HttpPlace *begun = &fetch->begunPlace;
    HttpPlace rest;

    return httpRangePlace(&response->headers, &rest) &&
           rest.total == begun->total &&
           rest.range.first == begun->range.last + 1 &&
           rest.range.last + 1 == rest.total &&
           httpEtagStrongEqual(
               cacheObjectValidators(fetch->begun)->etag,
               httpHeaderGet(&response->headers, HTTP_HEADER_ETAG));
}

ProxyFetchUse
proxyPartJudge(ProxyFetch *fetch, const HttpResponse *response)
{
    if (response->status == 206 && isRest(fetch, response)) {
        fetch->isCompletion = true;
        fetch->length = fetch->begunPlace.total;
        return PROXY_FETCH_PASS_ON;
    }
    cacheObjectUnref(&fetch->begun);
    return response->status == 206 || response->status == 416
               ? PROXY_FETCH_ASK_AGAIN
               : PROXY_FETCH_PASS_ON;
}

void
proxyPartHead(const ProxyFetch *fetch, HttpResponse *response)
{
    HttpHeaders *headers = &response->headers;
    char text[24];

    response->status = 200;
    response->framing = HTTP_FRAMING_LENGTH;
    response->length = fetch->begunPlace.total;
    httpHeaderRemove(headers, HTTP_HEADER_CONTENT_RANGE);
    snprintf(text, sizeof(text), "%llu", (unsigned long long)response->length);
    httpHeaderSet(headers, HTTP_HEADER_CONTENT_LENGTH, httpSliceText(text));
}

/* Some of what is stored, as far as it is wanted now. */
static bool
passPiece(ProxyFetch *fetch, const struct iovec *piece)
{
    size_t len =
        piece->iov_len < PIECE_MAX ? piece->iov_len : (size_t)PIECE_MAX;

    if (!proxyFetchPass(fetch, piece->iov_base, len))
        return false;
    cacheReaderAdvance(&fetch->begunReader, len);
    return true;
}

bool
proxyPartPass(ProxyFetch *fetch)
{
    struct iovec piece;
    int count = 0;

    if (fetch->begun == NULL)
        return true;
    while ((count = cacheReaderPeek(&fetch->begunReader, &piece, 1)) > 0)
        if (!passPiece(fetch, &piece))
            return false;
    if (count < 0) { /* it cannot be read any more */
        cacheWriterAbort(&fetch->writer);
        if (fetch->request != NULL)
            proxyReplyAbort(fetch->request);
    }
    cacheObjectUnref(&fetch->begun);
    return true;
}

/* RFC 9111 3.4: parts of one representation, without a gap between them. */
static bool
canJoin(const CacheObject *old, const HttpResponse *response, Union *both)
{
    const HttpRange *a = &both->old.range;
    const HttpRange *b = &both->place.range;

    return httpEtagStrongEqual(
               cacheObjectValidators(old)->etag,
               httpHeaderGet(&response->headers, HTTP_HEADER_ETAG)) &&
           httpRangePlaceOf(cacheObjectHead(old), &both->old) &&
           both->old.total == both->place.total && a->first <= b->last + 1 &&
           b->first <= a->last + 1;
}

static void
join(Union *both)
{
    const HttpRange *a = &both->old.range;
    HttpRange *all = &both->all.range;

    if (a->first < all->first)
        all->first = a->first;
    if (a->last > all->last)
        all->last = a->last;
}

/* Octets of the stored part from its octet `from` on. */
static bool
appendOld(ProxyFetch *fetch, uint64_t from, uint64_t len)
{
    struct iovec iov[PIECES];
    CacheReader reader;
    int count;

    cacheReaderInitRange(&reader, fetch->part, from, len);
    while ((count = cacheReaderPeek(&reader, iov, PIECES)) > 0) {
        for (int i = 0; i < count; i++) {
            if (cacheWriterAppend(fetch->writer, iov[i].iov_base,
                                  iov[i].iov_len) < 0)
                return false;
            cacheReaderAdvance(&reader, iov[i].iov_len);
        }
    }
    return count == 0;
}

/* The head of what is stored: a 206, or a 200 when nothing is missing. */
static bool
makeHead(const HttpResponse *response, const HttpPlace *all,
         HttpResponse *headOut)
{
    Buf text;

    headOut->status = 200;
    if (httpHeaderCopy(&headOut->headers, &response->headers) < 0)
        return false;
    httpHeaderRemove(&headOut->headers, HTTP_HEADER_CONTENT_RANGE);
    if (all->range.first == 0 && all->range.last + 1 == all->total)
        return true;
    headOut->status = 206;
    bufInit(&text, 128);
    int rc = httpRangeFormatPlace(all, &text);
    if (rc == 0)
        rc = httpHeaderAddId(&headOut->headers, HTTP_HEADER_CONTENT_RANGE,
                             httpSlice(bufData(&text), bufLen(&text)));
    bufFini(&text);
    return rc == 0;
}

void
proxyPartRemember(ProxyFetch *fetch, const HttpResponse *response,
                  const HttpFreshness *freshness)
{
    HttpSlice etag = httpHeaderGet(&response->headers, HTTP_HEADER_ETAG);
    ProxyKept *kept;

    if (fetch->writer == NULL || fetch->length == CACHE_LENGTH_UNKNOWN ||
        fetch->length <= KEPT_MIN || !httpEtagStrongEqual(etag, etag))
        return;
    kept = xcalloc(1, sizeof(*kept));
    httpResponseInit(&kept->response, HTTP_HEADER_TEXT_MAX * 2);
    httpHeaderCopy(&kept->response.headers, &response->headers);
    kept->freshness = *freshness;
    fetch->kept = kept;
}

/* Nothing is gained if more of it was stored before. */
static bool
isMoreThanStored(const ProxyFetch *fetch)
{
    CacheObject *stored =
        lookup(fetch->proxy, fetch->key.text, &fetch->asked->headers);
    HttpSlice etag =
        httpHeaderGet(&fetch->kept->response.headers, HTTP_HEADER_ETAG);
    bool isMore =
        stored == NULL || cacheObjectLength(stored) < fetch->received ||
        !httpEtagStrongEqual(etag, cacheObjectValidators(stored)->etag);

    cacheObjectUnref(&stored);
    return isMore;
}

static bool
isWorthKeeping(const ProxyFetch *fetch)
{
    return fetch->writer != NULL && fetch->kept != NULL &&
           fetch->begun == NULL && fetch->received >= KEPT_MIN &&
           fetch->received < fetch->length &&
           fetch->received >= (uint64_t)fetch->config->minimumObjectSize &&
           isMoreThanStored(fetch);
}

static void
keepBeginning(ProxyFetch *fetch)
{
    const HttpPlace all = {{0, fetch->received - 1}, fetch->length};
    HttpResponse head;
    CacheKey key;

    cacheKeyInit(&key, CACHE_KEY_PART, fetch->key.text);
    httpResponseInit(&head, HTTP_HEADER_TEXT_MAX * 2);
    const CacheMeta meta = {.key = &key,
                            .request = &fetch->asked->headers,
                            .response = &head,
                            .freshness = &fetch->kept->freshness,
                            .length = fetch->received};
    if (makeHead(&fetch->kept->response, &all, &head) &&
        cacheWriterChange(fetch->writer, &meta) == 0)
        cacheWriterCommit(&fetch->writer, NULL);
    httpResponseFini(&head);
}

void
proxyPartKeep(ProxyFetch *fetch)
{
    if (isWorthKeeping(fetch))
        keepBeginning(fetch);
    if (fetch->kept != NULL)
        httpResponseFini(&fetch->kept->response);
    free(fetch->kept);
    fetch->kept = NULL;
}

static CacheWriter *
begin(ProxyFetch *fetch, const HttpResponse *response,
      const HttpFreshness *freshness, const HttpPlace *all)
{
    HttpSlice text = fetch->key.text;
    CacheWriter *writer = NULL;
    HttpResponse head;
    CacheKey key;

    httpResponseInit(&head, HTTP_HEADER_TEXT_MAX * 2);
    if (makeHead(response, all, &head)) {
        cacheKeyInit(&key, head.status == 200 ? CACHE_KEY_GET : CACHE_KEY_PART,
                     text);
        CacheMeta meta = {.key = &key,
                          .request = &fetch->asked->headers,
                          .response = &head,
                          .freshness = freshness,
                          .length = all->range.last - all->range.first + 1};
        writer = cacheStoreWrite(fetch->proxy->store, &meta);
    }
    httpResponseFini(&head);
    return writer;
}

/* Octets before the new ones now, those after them at the end. */
static void
addOld(ProxyFetch *fetch, const Union *both)
{
    const HttpRange *a = &both->old.range;
    const HttpRange *b = &both->place.range;

    fetch->partFrom =
        a->last > b->last ? b->last + 1 - a->first : a->last + 1 - a->first;
    if (a->first < b->first && !appendOld(fetch, 0, b->first - a->first))
        cacheWriterAbort(&fetch->writer);
}

/* A stored part that the new one can be put together with. */
static void
findPart(ProxyFetch *fetch, const HttpResponse *response, Union *both)
{
    fetch->part = lookup(fetch->proxy, fetch->key.text, &fetch->asked->headers);
    if (fetch->part != NULL && canJoin(fetch->part, response, both))
        join(both);
    else
        cacheObjectUnref(&fetch->part);
}

void
proxyPartStore(ProxyFetch *fetch, const HttpResponse *response,
               const HttpFreshness *freshness)
{
    Union both;

    if (!httpRangePlace(&response->headers, &both.place))
        return;
    both.all = both.place;
    if (fetch->isCompletion)
        both.all.range.first = 0; /* which proxyPartPass adds */
    else
        findPart(fetch, response, &both);
    fetch->writer = begin(fetch, response, freshness, &both.all);
    debug(DBG_STORE, 3, "%s: part %llu-%llu is stored", fetch->text,
          (unsigned long long)both.all.range.first,
          (unsigned long long)both.all.range.last);
    if (fetch->isCompletion)
        proxyPartRemember(fetch, response, freshness);
    if (fetch->writer != NULL && fetch->part != NULL)
        addOld(fetch, &both);
}

bool
proxyPartFinish(ProxyFetch *fetch)
{
    if (fetch->part == NULL)
        return true;
    return appendOld(fetch, fetch->partFrom,
                     cacheObjectLength(fetch->part) - fetch->partFrom);
}
