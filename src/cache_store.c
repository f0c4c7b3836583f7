/* cache_store.c: the part of the store that all kinds have in common. */
#include "cache_store_priv.h"

#include <errno.h>
#include <stdio.h>

#include "check.h"
#include "http_parse.h"

#define HEAD_MAX (96 * 1024)

void
cacheStoreDestroy(CacheStore **store)
{
    CacheStore *self = *store;

    if (!self)
        return;
    CHECK_OBJ(self, CACHE_STORE_MAGIC);
    *store = NULL;
    self->ops->destroy(self);
}

CacheObject *
cacheStoreLookup(CacheStore *store, const CacheKey *key,
                 const HttpHeaders *request)
{
    CHECK_OBJ(store, CACHE_STORE_MAGIC);
    return store->ops->lookup(store, key, request);
}

CacheObject *
cacheStoreLookupVariant(CacheStore *store, const CacheKey *key,
                        HttpSlice varyNames, HttpSlice varyValues)
{
    CacheObject *object = NULL;
    HttpHeaders request;

    CHECK_OBJ(store, CACHE_STORE_MAGIC);
    httpHeaderInit(&request, 2 * CACHE_VARY_MAX);
    if (cacheVaryRequest(varyNames, varyValues, &request) == 0)
        object = store->ops->lookup(store, key, &request);
    httpHeaderFini(&request);
    if (object && (!httpSliceEqual(object->varyNames, varyNames) ||
                   !httpSliceEqual(object->varyValues, varyValues)))
        cacheObjectUnref(&object);
    return object;
}

bool
cacheStoreHas(CacheStore *store, const CacheKey *key)
{
    CHECK_OBJ(store, CACHE_STORE_MAGIC);
    return store->ops->has(store, key);
}

CacheWriter *
cacheStoreWrite(CacheStore *store, const CacheMeta *meta)
{
    CHECK_OBJ(store, CACHE_STORE_MAGIC);
    return store->ops->write(store, meta);
}

bool
cacheWriterHasRoom(CacheWriter *writer, CacheRoomCb *cb, void *data)
{
    CHECK_OBJ(writer, CACHE_WRITER_MAGIC);
    return !writer->ops->hasRoom || writer->ops->hasRoom(writer, cb, data);
}

int
cacheWriterAppend(CacheWriter *writer, const void *data, size_t len)
{
    CHECK_OBJ(writer, CACHE_WRITER_MAGIC);
    int rc = writer->ops->append(writer, data, len);

    if (rc == 0 && writer->object)
        writer->object->available += len;
    return rc;
}

CacheObject *
cacheWriterObject(CacheWriter *writer)
{
    CHECK_OBJ(writer, CACHE_WRITER_MAGIC);
    if (writer->object)
        return cacheObjectRef(writer->object);
    return writer->ops->arriving(writer);
}

CacheObject *
cacheWriterShow(CacheWriter *writer, CacheObject *object, uint64_t available,
                uint64_t length)
{
    object->state = CACHE_OBJECT_ARRIVING;
    object->available = available;
    object->length = length;
    writer->object = object;
    return cacheObjectRef(object);
}

/* Its writer has ended, or goes on with another one. */
static void
dropShown(CacheObject **shown)
{
    if (*shown && (*shown)->state == CACHE_OBJECT_ARRIVING)
        (*shown)->state = CACHE_OBJECT_CUT;
    cacheObjectUnref(shown);
}

int
cacheWriterChange(CacheWriter *writer, const CacheMeta *meta)
{
    CHECK_OBJ(writer, CACHE_WRITER_MAGIC);
    int rc = writer->ops->change(writer, meta);
    if (rc == 0)
        dropShown(&writer->object);
    return rc;
}

int
cacheWriterCommit(CacheWriter **writer, CacheObject **objectOut)
{
    CacheWriter *self = *writer;

    CHECK_OBJ(self, CACHE_WRITER_MAGIC);
    *writer = NULL;
    if (objectOut)
        *objectOut = NULL;
    CacheObject *shown = self->object;
    if (shown)
        cacheObjectComplete(shown);
    int rc = self->ops->commit(self, objectOut);
    dropShown(&shown);
    return rc;
}

void
cacheWriterAbort(CacheWriter **writer)
{
    CacheWriter *self = *writer;

    if (!self)
        return;
    CHECK_OBJ(self, CACHE_WRITER_MAGIC);
    *writer = NULL;
    CacheObject *shown = self->object;
    self->ops->abort(self);
    dropShown(&shown);
}

CacheObject *
cacheStoreUpdate(CacheStore *store, CacheObject *old, const CacheMeta *meta)
{
    CHECK_OBJ(store, CACHE_STORE_MAGIC);
    CHECK_OBJ(old, CACHE_OBJECT_MAGIC);
    return store->ops->update(store, old, meta);
}

unsigned
cacheStoreInvalidate(CacheStore *store, const CacheKey *key)
{
    CHECK_OBJ(store, CACHE_STORE_MAGIC);
    return store->ops->invalidate(store, key);
}

void
cacheStoreFlush(CacheStore *store)
{
    CHECK_OBJ(store, CACHE_STORE_MAGIC);
    if (store->ops->flush)
        store->ops->flush(store);
}

bool
cacheStoreList(CacheStore *store, CacheCursor *cursor, unsigned max,
               CacheListCb *cb, void *data)
{
    CHECK_OBJ(store, CACHE_STORE_MAGIC);
    return store->ops->list(store, cursor, max, cb, data);
}

void
cacheStoreListKey(CacheStore *store, const CacheKey *key, CacheListCb *cb,
                  void *data)
{
    CHECK_OBJ(store, CACHE_STORE_MAGIC);
    store->ops->listKey(store, key, cb, data);
}

void
cacheStoreStats(const CacheStore *store, CacheStoreStats *out)
{
    CHECK_OBJ(store, CACHE_STORE_MAGIC);
    store->ops->stats(store, out);
}

CacheObject *
cacheObjectRef(CacheObject *object)
{
    CHECK_OBJ(object, CACHE_OBJECT_MAGIC);
    object->refs++;
    return object;
}

void
cacheObjectUnref(CacheObject **object)
{
    CacheObject *self = *object;

    if (!self)
        return;
    CHECK_OBJ(self, CACHE_OBJECT_MAGIC);
    CHECK(self->refs > 0);
    *object = NULL;
    if (--self->refs == 0)
        self->ops->release(self);
}

HttpSlice
cacheObjectHead(const CacheObject *object)
{
    CHECK_OBJ(object, CACHE_OBJECT_MAGIC);
    return object->head;
}

int
cacheObjectStatus(const CacheObject *object)
{
    CHECK_OBJ(object, CACHE_OBJECT_MAGIC);
    return object->status;
}

bool
cacheObjectIsFromDisk(const CacheObject *object)
{
    CHECK_OBJ(object, CACHE_OBJECT_MAGIC);
    return object->isFromDisk;
}

uint64_t
cacheObjectLength(const CacheObject *object)
{
    CHECK_OBJ(object, CACHE_OBJECT_MAGIC);
    return object->length;
}

bool
cacheObjectIsArriving(const CacheObject *object)
{
    CHECK_OBJ(object, CACHE_OBJECT_MAGIC);
    return object->state == CACHE_OBJECT_ARRIVING;
}

uint64_t
cacheObjectAvailable(const CacheObject *object)
{
    CHECK_OBJ(object, CACHE_OBJECT_MAGIC);
    return object->state == CACHE_OBJECT_WHOLE ? object->length
                                               : object->available;
}

bool
cacheObjectIsFor(const CacheObject *object, const HttpHeaders *request)
{
    CacheVaryScratch scratch = {.namesDone = {0}};

    CHECK_OBJ(object, CACHE_OBJECT_MAGIC);
    bufInit(&scratch.values, CACHE_VARY_MAX);
    bool isFor = cacheVaryIsFor(&scratch, object->varyNames, object->varyValues,
                                request);
    bufFini(&scratch.values);
    return isFor;
}

void
cacheObjectComplete(CacheObject *object)
{
    CHECK_OBJ(object, CACHE_OBJECT_MAGIC);
    if (object->state != CACHE_OBJECT_ARRIVING ||
        (object->length != CACHE_LENGTH_UNKNOWN &&
         object->length != object->available))
        return;
    object->state = CACHE_OBJECT_WHOLE;
    object->length = object->available;
}

const HttpFreshness *
cacheObjectFreshness(const CacheObject *object)
{
    CHECK_OBJ(object, CACHE_OBJECT_MAGIC);
    return &object->freshness;
}

const HttpValidators *
cacheObjectValidators(const CacheObject *object)
{
    CHECK_OBJ(object, CACHE_OBJECT_MAGIC);
    return &object->validators;
}

int
cacheObjectResponse(const CacheObject *object, HttpResponse *response)
{
    CHECK_OBJ(object, CACHE_OBJECT_MAGIC);
    HttpSlice lines = object->head;
    const char *lf = memchr(lines.data, '\n', lines.len);
    size_t statusLine = (size_t)(lf + 1 - lines.data);

    lines = httpSlice(lf + 1, lines.len - statusLine);
    return httpResponseParse(response, object->status, lines) ? -ENOBUFS : 0;
}

void
cacheReaderInit(CacheReader *reader, CacheObject *object)
{
    CHECK_OBJ(object, CACHE_OBJECT_MAGIC);
    *reader = (CacheReader){.object = object, .end = object->length};
}

void
cacheReaderInitRange(CacheReader *reader, CacheObject *object, uint64_t first,
                     uint64_t len)
{
    CHECK_OBJ(object, CACHE_OBJECT_MAGIC);
    CHECK(first <= cacheObjectAvailable(object) &&
          len <= object->length - first);
    *reader = (CacheReader){.object = object, .end = first + len};
    if (first)
        object->ops->advance(reader, first);
}

uint64_t
cacheReaderLimit(const CacheReader *reader)
{
    uint64_t there = cacheObjectAvailable(reader->object);

    return there < reader->end ? there : reader->end;
}

bool
cacheReaderIsAtLimit(const CacheReader *reader)
{
    return reader->offset == cacheReaderLimit(reader);
}

/* 0 or -errno. */
static int
whyNothing(const CacheReader *reader)
{
    const CacheObject *object = reader->object;

    if (object->state == CACHE_OBJECT_WHOLE || reader->offset == reader->end)
        return 0;
    return object->state == CACHE_OBJECT_ARRIVING ? -EAGAIN : -ECANCELED;
}

int
cacheReaderPeek(CacheReader *reader, struct iovec *iov, int max)
{
    CHECK_OBJ(reader->object, CACHE_OBJECT_MAGIC);
    uint64_t left = cacheReaderLimit(reader) - reader->offset;

    if (!left)
        return whyNothing(reader);
    int count = reader->object->ops->peek(reader, iov, max);
    for (int i = 0; i < count; i++) {
        if (iov[i].iov_len >= left) {
            iov[i].iov_len = left;
            return i + 1;
        }
        left -= iov[i].iov_len;
    }
    return count;
}

void
cacheReaderAdvance(CacheReader *reader, size_t len)
{
    CHECK_OBJ(reader->object, CACHE_OBJECT_MAGIC);
    CHECK(len <= cacheReaderLeft(reader));
    reader->object->ops->advance(reader, len);
}

uint64_t
cacheReaderLeft(const CacheReader *reader)
{
    return reader->end - reader->offset;
}

/* What must not be stored: RFC 9111 3.1, and what is known better later. */
static void
stripHead(HttpHeaders *headers)
{
    httpHeaderRemoveHopByHop(headers);
    httpCacheControlRemoveFields(headers);
    httpHeaderRemove(headers, HTTP_HEADER_AGE);
    httpHeaderRemove(headers, HTTP_HEADER_CONTENT_LENGTH);
}

/* 0 or -ENOBUFS. */
static int
formatHead(const HttpResponse *response, Buf *out)
{
    HttpResponse stored;

    httpResponseInit(&stored, 2 * HTTP_HEADER_TEXT_MAX);
    stored.status = response->status;
    int rc = httpHeaderCopy(&stored.headers, &response->headers);
    if (rc == 0) {
        stripHead(&stored.headers);
        rc = httpResponseFormatHead(&stored, out);
    }
    httpResponseFini(&stored);
    return rc;
}

int
cacheTextsInit(CacheTexts *texts, const CacheMeta *meta)
{
    bufInit(&texts->head, HEAD_MAX);
    bufInit(&texts->names, CACHE_VARY_MAX);
    bufInit(&texts->values, CACHE_VARY_MAX);
    httpCondValidators(&meta->response->headers, meta->freshness->responseTime,
                       &texts->validators);
    if (formatHead(meta->response, &texts->head) == 0 &&
        cacheVaryNames(&meta->response->headers, meta->request,
                       &texts->names) == 0 &&
        cacheVaryValues(cacheTextsSlice(&texts->names), meta->request,
                        &texts->values) == 0)
        return 0;
    cacheTextsFini(texts);
    return -EINVAL;
}

void
cacheTextsFini(CacheTexts *texts)
{
    bufFini(&texts->head);
    bufFini(&texts->names);
    bufFini(&texts->values);
}

HttpSlice
cacheTextsSlice(const Buf *buf)
{
    return bufLen(buf) ? httpSlice(bufData(buf), bufLen(buf))
                       : httpSlice("", 0);
}

CacheStored
cacheTextsStored(const CacheTexts *texts, const CacheMeta *meta)
{
    return (CacheStored){
        .status = meta->response->status,
        .freshness = meta->freshness,
        .validators = texts->validators,
        .varyNames = cacheTextsSlice(&texts->names),
        .varyValues = cacheTextsSlice(&texts->values),
        .head = cacheTextsSlice(&texts->head),
    };
}

size_t
cacheLengthLine(int status, uint64_t length, char *out)
{
    if (httpStatusIsBodyless(status) && !length)
        return 0;
    int len = snprintf(out, CACHE_LENGTH_LINE_MAX, "Content-Length: %llu\r\n",
                       (unsigned long long)length);
    CHECK(len > 0 && len < CACHE_LENGTH_LINE_MAX);
    return (size_t)len;
}
