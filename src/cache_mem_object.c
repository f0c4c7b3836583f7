/* cache_mem_object.c: objects of the store in memory. */
#include "cache_mem_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "xalloc.h"

#define HEAD_MAX (96 * 1024)
#define LENGTH_LINE_MAX 48 /* "Content-Length: 18446744073709551615" CR LF */

/* The texts of an object while they are put together. */
typedef struct ObjectTexts {
    Buf head;
    Buf names;
    Buf values;
} ObjectTexts;

static void
initTexts(ObjectTexts *texts)
{
    bufInit(&texts->head, HEAD_MAX);
    bufInit(&texts->names, CACHE_MEM_VARY_MAX);
    bufInit(&texts->values, CACHE_MEM_VARY_MAX);
}

static void
finiTexts(ObjectTexts *texts)
{
    bufFini(&texts->head);
    bufFini(&texts->names);
    bufFini(&texts->values);
}

static HttpSlice
bufSlice(const Buf *buf)
{
    return bufLen(buf) ? httpSlice(bufData(buf), bufLen(buf))
                       : httpSlice("", 0);
}

/* 0 or -EINVAL: something of it cannot be kept. */
static int
makeTexts(ObjectTexts *texts, const CacheMeta *meta)
{
    if (cacheHeadFormat(meta->response, &texts->head) ||
        cacheVaryNames(&meta->response->headers, &texts->names) ||
        cacheVaryValues(bufSlice(&texts->names), meta->request, &texts->values))
        return -EINVAL;
    return 0;
}

static HttpSlice
putText(char **at, HttpSlice text)
{
    HttpSlice copy = httpSlice(*at, text.len);

    memcpy(*at, text.data, text.len);
    *at += text.len;
    return copy;
}

/* The head comes last, so that Content-Length can be added to it. */
static void
keepTexts(CacheMemObject *object, const ObjectTexts *texts, HttpSlice etag)
{
    size_t size = etag.len + bufLen(&texts->names) + bufLen(&texts->values) +
                  bufLen(&texts->head) + LENGTH_LINE_MAX;
    char *at = object->text = xmalloc(size);

    if (etag.data)
        object->base.validators.etag = putText(&at, etag);
    object->varyNames = putText(&at, bufSlice(&texts->names));
    object->varyValues = putText(&at, bufSlice(&texts->values));
    object->base.head = putText(&at, bufSlice(&texts->head));
    object->cost = sizeof(*object) + size;
}

CacheMemObject *
cacheMemCreateObject(CacheMemStore *store, const CacheMeta *meta)
{
    ObjectTexts texts;
    HttpValidators validators;

    initTexts(&texts);
    if (makeTexts(&texts, meta)) {
        finiTexts(&texts);
        errno = EINVAL;
        return NULL;
    }
    httpCondValidators(&meta->response->headers, meta->freshness->responseTime,
                       &validators);
    CacheMemObject *object = xcalloc(1, sizeof(*object));
    object->base = (CacheObject){
        .magic = CACHE_OBJECT_MAGIC,
        .refs = 1,
        .ops = &cacheMemOps,
        .status = meta->response->status,
        .freshness = *meta->freshness,
        .validators = validators,
    };
    object->store = store;
    store->holders++;
    listInit(&object->inEntry);
    listInit(&object->idle);
    keepTexts(object, &texts, validators.etag);
    finiTexts(&texts);
    store->bytes += object->cost;
    return object;
}

void
cacheMemFinishObject(CacheMemObject *object)
{
    CacheObject *base = &object->base;
    char *end =
        object->text + (base->head.data - object->text) + base->head.len;

    base->length = object->body->length;
    if (httpStatusIsBodyless(base->status) && !base->length)
        return;
    int len = snprintf(end, LENGTH_LINE_MAX, "Content-Length: %llu\r\n",
                       (unsigned long long)base->length);
    CHECK(len > 0 && len < LENGTH_LINE_MAX);
    base->head.len += (size_t)len;
}

void
cacheMemFreeObject(CacheMemObject *object)
{
    CacheMemStore *store = object->store;

    CHECK(!object->entry && !object->base.refs);
    cacheBodyUnref(&object->body);
    store->bytes -= object->cost;
    CHECK_OBJ_CLEAR(&object->base);
    free(object->text);
    free(object);
    cacheMemDrop(store);
}

int
cacheMemPeek(const CacheReader *reader, struct iovec *iov, int max)
{
    const CacheMemObject *object = (const CacheMemObject *)reader->object;
    const CacheChunk *chunk =
        reader->chunk ? reader->chunk : object->body->first;
    size_t offset = reader->chunkOffset;
    int count = 0;

    for (; chunk && count < max; chunk = chunk->next, offset = 0) {
        if (offset == chunk->used)
            continue;
        iov[count++] = (struct iovec){
            /* writev() wants it so, and does not write there. */
            .iov_base = (void *)(uintptr_t)(chunk->data + offset),
            .iov_len = chunk->used - offset,
        };
    }
    return count;
}

void
cacheMemAdvance(CacheReader *reader, size_t len)
{
    const CacheMemObject *object = (const CacheMemObject *)reader->object;
    const CacheChunk *chunk =
        reader->chunk ? reader->chunk : object->body->first;

    reader->offset += len;
    while (len) {
        size_t left = chunk->used - reader->chunkOffset;
        size_t part = len < left ? len : left;
        reader->chunkOffset += part;
        len -= part;
        if (len) {
            chunk = chunk->next;
            reader->chunkOffset = 0;
        }
    }
    reader->chunk = chunk;
}
