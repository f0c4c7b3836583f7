/* cache_mem_object.c: objects of the store in memory. */
#include "cache_mem_priv.h"

#include <errno.h>
#include <stdlib.h>

#include "check.h"
#include "xalloc.h"

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
keepTexts(CacheMemObject *object, const CacheStored *stored)
{
    CacheObject *base = &object->base;
    size_t size = stored->validators.etag.len + stored->varyNames.len +
                  stored->varyValues.len + stored->head.len +
                  CACHE_LENGTH_LINE_MAX;
    char *at = object->text = xmalloc(size);

    base->validators = stored->validators;
    if (base->validators.etag.data)
        base->validators.etag = putText(&at, stored->validators.etag);
    base->varyNames = putText(&at, stored->varyNames);
    base->varyValues = putText(&at, stored->varyValues);
    base->head = putText(&at, stored->head);
    object->cost = sizeof(*object) + size;
}

CacheMemObject *
cacheMemCopyObject(CacheMemStore *store, const CacheStored *stored)
{
    CacheMemObject *object = xcalloc(1, sizeof(*object));

    object->base = (CacheObject){
        .magic = CACHE_OBJECT_MAGIC,
        .refs = 1,
        .ops = &cacheMemOps,
        .status = stored->status,
        .freshness = *stored->freshness,
    };
    object->store = store;
    store->holders++;
    listInit(&object->inEntry);
    listInit(&object->idle);
    keepTexts(object, stored);
    store->bytes += object->cost;
    return object;
}

CacheMemObject *
cacheMemCreateObject(CacheMemStore *store, const CacheMeta *meta)
{
    CacheTexts texts;

    if (cacheTextsInit(&texts, meta)) {
        errno = EINVAL;
        return NULL;
    }
    CacheStored stored = cacheTextsStored(&texts, meta);
    CacheMemObject *object = cacheMemCopyObject(store, &stored);
    cacheTextsFini(&texts);
    return object;
}

void
cacheMemFinishHead(CacheMemObject *object, uint64_t length)
{
    CacheObject *base = &object->base;
    char *end =
        object->text + (base->head.data - object->text) + base->head.len;

    base->length = length;
    base->head.len += cacheLengthLine(base->status, length, end);
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
cacheMemPeek(CacheReader *reader, struct iovec *iov, int max)
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
