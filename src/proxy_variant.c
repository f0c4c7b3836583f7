/* What is stored for other requests may be the answer to this one, too: the
 * origin is asked about all of it (RFC 9111 4.1, 4.3.1). DEBUG: section 20 */
#include "debug.h"
#include "proxy_fetch_priv.h"

#define TAGS_MAX 8
#define PIECES 16
#define COPY_MAX (512 * 1024)

/* The entity tags of what is stored under a key. */
typedef struct Tags {
    Buf text; /* a list for If-None-Match */
    unsigned count;
} Tags;

/* The first variant with this entity tag. */
typedef struct Wanted {
    HttpSlice etag;
    bool isFound;
    Buf names;
    Buf values;
} Wanted;

static HttpSlice
tagOf(const CacheListing *listing)
{
    return listing->status == 200 ? httpCondTagOf(listing->head)
                                  : httpSlice(NULL, 0);
}

static void
onTag(const CacheListing *listing, void *data)
{
    Tags *tags = data;
    HttpSlice tag = tagOf(listing);

    if (tag.len == 0 || tags->count == TAGS_MAX ||
        (bufLen(&tags->text) > 0 &&
         memmem(bufData(&tags->text), bufLen(&tags->text), tag.data, tag.len)))
        return;
    if (tags->count++ > 0)
        bufAppend(&tags->text, ", ", 2);
    if (bufAppend(&tags->text, tag.data, tag.len) < 0)
        tags->count = TAGS_MAX;
}

/* Conditions of its own mean something else to the client. */
static bool
isPlain(const HttpRequest *http)
{
    const HttpHeaders *headers = &http->headers;

    return http->method == HTTP_METHOD_GET &&
           !httpHeaderHas(headers, HTTP_HEADER_RANGE) &&
           !httpHeaderHas(headers, HTTP_HEADER_IF_NONE_MATCH) &&
           !httpHeaderHas(headers, HTTP_HEADER_IF_MODIFIED_SINCE) &&
           !httpCondIsForOrigin(headers);
}

void
proxyVariantAsk(ProxyFetch *fetch)
{
    Tags tags = {.count = 0};

    if (!isPlain(fetch->asked) || fetch->isUncached)
        return;
    bufInit(&tags.text, 4096);
    cacheStoreListKey(fetch->proxy->store, &fetch->key, onTag, &tags);
    fetch->isAboutVariants =
        tags.count > 0 &&
        httpHeaderAddId(&fetch->headers, HTTP_HEADER_IF_NONE_MATCH,
                        httpSlice(bufData(&tags.text), bufLen(&tags.text))) ==
            0;
    bufFini(&tags.text);
}

static void
onWanted(const CacheListing *listing, void *data)
{
    Wanted *wanted = data;

    if (wanted->isFound || !httpEtagWeakEqual(tagOf(listing), wanted->etag))
        return;
    wanted->isFound = bufAppend(&wanted->names, listing->varyNames.data,
                                listing->varyNames.len) == 0 &&
                      bufAppend(&wanted->values, listing->varyValues.data,
                                listing->varyValues.len) == 0;
}

/* The variant that a 304 is about, or NULL. Returns owned. */
static CacheObject *
findVariant(ProxyFetch *fetch, const HttpResponse *notModified)
{
    CacheObject *object = NULL;
    Wanted wanted = {
        .etag = httpHeaderGet(&notModified->headers, HTTP_HEADER_ETAG)};

    bufInit(&wanted.names, 16 * 1024);
    bufInit(&wanted.values, 16 * 1024);
    if (wanted.etag.data != NULL)
        cacheStoreListKey(fetch->proxy->store, &fetch->key, onWanted, &wanted);
    if (wanted.isFound)
        object = cacheStoreLookupVariant(
            fetch->proxy->store, &fetch->key,
            httpSlice(bufData(&wanted.names), bufLen(&wanted.names)),
            httpSlice(bufData(&wanted.values), bufLen(&wanted.values)));
    bufFini(&wanted.names);
    bufFini(&wanted.values);
    if (object != NULL &&
        !httpEtagWeakEqual(cacheObjectValidators(object)->etag, wanted.etag))
        cacheObjectUnref(&object);
    return object;
}

static bool
copyBody(CacheWriter *writer, CacheObject *from)
{
    struct iovec iov[PIECES];
    CacheReader reader;
    int count;

    cacheReaderInit(&reader, from);
    while ((count = cacheReaderPeek(&reader, iov, PIECES)) > 0) {
        for (int i = 0; i < count; i++) {
            if (cacheWriterAppend(writer, iov[i].iov_base, iov[i].iov_len) < 0)
                return false;
            cacheReaderAdvance(&reader, iov[i].iov_len);
        }
    }
    return count == 0;
}

/* The variant's body with its fields updated, kept for requests like this
 * one, if it may be and is not large. Returns owned. */
static CacheObject *
copyVariant(ProxyFetch *fetch, CacheObject *variant,
            const HttpResponse *notModified)
{
    uint64_t length = fetch->length;
    CacheObject *copy = NULL;
    HttpResponse merged;

    httpResponseInit(&merged, HTTP_HEADER_TEXT_MAX * 2);
    fetch->length = cacheObjectLength(variant);
    if (fetch->length <= COPY_MAX &&
        cacheObjectResponse(variant, &merged) == 0 &&
        httpCondMerge(&merged.headers, &notModified->headers) == 0)
        proxyFetchStore(fetch, &merged);
    if (fetch->writer != NULL && copyBody(fetch->writer, variant))
        cacheWriterCommit(&fetch->writer, &copy);
    cacheWriterAbort(&fetch->writer);
    fetch->length = length;
    httpResponseFini(&merged);
    return copy != NULL ? copy : cacheObjectRef(variant);
}

ProxyFetchUse
proxyVariantJudge(ProxyFetch *fetch, const HttpResponse *notModified)
{
    CacheObject *variant = findVariant(fetch, notModified);

    if (variant == NULL)
        return PROXY_FETCH_ASK_AGAIN;
    debug(DBG_STORE, 3, "%s: another variant is the answer, too", fetch->text);
    CacheObject *object = copyVariant(fetch, variant, notModified);
    if (fetch->request != NULL)
        fetch->request->object = cacheObjectRef(object);
    cacheObjectUnref(&object);
    cacheObjectUnref(&variant);
    return PROXY_FETCH_USE_VALID;
}
