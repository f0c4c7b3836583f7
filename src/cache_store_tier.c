/* cache_store_tier.c: a store in memory in front of one on disk. What fits is
 * kept in both; an object is one of the store that it was found in. */
#include <errno.h>
#include <stdlib.h>

#include "cache_lmdb.h"
#include "cache_store_priv.h"
#include "check.h"
#include "xalloc.h"

#define ADOPT_MAX (64 * 1024) /* larger ones are sent from the disk's map */

typedef struct TierStore {
    CacheStore base;
    CacheStore *mem;
    CacheStore *disk;
} TierStore;

typedef struct TierWriter {
    CacheWriter base;
    TierStore *store;
    CacheWriter *mem; /* one of them may be NULL */
    CacheWriter *disk;
    bool isShown; /* by the disk's writer, or by that in memory without one */
    CacheKey key;
    char *text; /* of the key */
} TierWriter;

static void
forgetChanged(const uint8_t digest[16], void *data)
{
    cacheStoreMemForget(data, digest);
}

/* What other processes have invalidated is not in memory any more. */
static void
followChanges(TierStore *store)
{
    if (!cacheLmdbForEachChange(store->disk, forgetChanged, store->mem))
        cacheStoreMemForget(store->mem, NULL);
}

static CacheObject *
findOnDisk(TierStore *store, const CacheKey *key, const HttpHeaders *request)
{
    CacheObject *object = cacheStoreLookup(store->disk, key, request);
    CacheObject *copy = NULL;

    if (object && object->length <= ADOPT_MAX)
        copy = cacheStoreMemAdopt(store->mem, key, object);
    if (!copy)
        return object;
    copy->isFromDisk = true;
    cacheObjectUnref(&object);
    return copy;
}

static CacheObject *
lookupObject(CacheStore *base, const CacheKey *key, const HttpHeaders *request)
{
    TierStore *store = (TierStore *)base;

    followChanges(store);
    CacheObject *object = cacheStoreLookup(store->mem, key, request);
    if (!object)
        return findOnDisk(store, key, request);
    object->isFromDisk = false;
    cacheLmdbTouch(store->disk, key);
    return object;
}

static bool
hasKey(CacheStore *base, const CacheKey *key)
{
    TierStore *store = (TierStore *)base;

    return cacheStoreHas(store->mem, key) || cacheStoreHas(store->disk, key);
}

static void
setKey(TierWriter *writer, const CacheKey *key)
{
    free(writer->text);
    writer->key = *key;
    writer->text = xstrndup(key->text.data, key->text.len);
    writer->key.text.data = writer->text;
}

static CacheWriter *
beginWrite(CacheStore *base, const CacheMeta *meta)
{
    TierStore *store = (TierStore *)base;
    CacheWriter *mem = cacheStoreWrite(store->mem, meta);
    CacheWriter *disk = cacheStoreWrite(store->disk, meta);

    if (!mem && !disk)
        return NULL;
    TierWriter *writer = xcalloc(1, sizeof(*writer));
    writer->base.magic = CACHE_WRITER_MAGIC;
    writer->base.ops = base->ops;
    writer->store = store;
    writer->mem = mem;
    writer->disk = disk;
    setKey(writer, meta->key);
    return &writer->base;
}

static void
closeWriter(TierWriter *writer)
{
    cacheWriterAbort(&writer->mem);
    cacheWriterAbort(&writer->disk);
    CHECK_OBJ_CLEAR(&writer->base);
    free(writer->text);
    free(writer);
}

static void
abortWriter(CacheWriter *base)
{
    closeWriter((TierWriter *)base);
}

static bool
hasRoom(CacheWriter *base, CacheRoomCb *cb, void *data)
{
    TierWriter *writer = (TierWriter *)base;

    return !writer->disk || cacheWriterHasRoom(writer->disk, cb, data);
}

static int
appendTo(CacheWriter **writer, const void *data, size_t len)
{
    int rc = cacheWriterAppend(*writer, data, len);

    if (rc)
        cacheWriterAbort(writer);
    return rc;
}

/* What does not go into one store may still go into the other, unless somebody
 * reads it from there. */
static int
appendOctets(CacheWriter *base, const void *data, size_t len)
{
    TierWriter *writer = (TierWriter *)base;
    bool wasOnDisk = writer->disk != NULL;
    int memRc = -EFBIG, diskRc = -EFBIG;

    if (writer->mem)
        memRc = appendTo(&writer->mem, data, len);
    if (writer->disk)
        diskRc = appendTo(&writer->disk, data, len);
    if (diskRc && wasOnDisk && writer->isShown) {
        cacheWriterAbort(&writer->mem);
        return diskRc;
    }
    return diskRc && memRc ? diskRc : 0;
}

/* The disk has room for more. */
static CacheObject *
showObject(CacheWriter *base)
{
    TierWriter *writer = (TierWriter *)base;
    CacheWriter *shown = writer->disk ? writer->disk : writer->mem;

    writer->isShown = true;
    return shown ? cacheWriterObject(shown) : NULL;
}

static int
changeOne(CacheWriter **writer, const CacheMeta *meta)
{
    int rc = cacheWriterChange(*writer, meta);

    if (rc)
        cacheWriterAbort(writer);
    return rc;
}

static int
changeWriter(CacheWriter *base, const CacheMeta *meta)
{
    TierWriter *writer = (TierWriter *)base;
    int memRc = -EPROTO, diskRc = -EPROTO;

    if (writer->mem)
        memRc = changeOne(&writer->mem, meta);
    if (writer->disk)
        diskRc = changeOne(&writer->disk, meta);
    setKey(writer, meta->key);
    writer->isShown = false;
    return diskRc && memRc ? diskRc : 0;
}

/* An older response in the store that did not take this one is not to be
 * found behind it. */
static int
commitWriter(CacheWriter *base, CacheObject **objectOut)
{
    TierWriter *writer = (TierWriter *)base;
    TierStore *store = writer->store;
    int memRc = -EPROTO, diskRc = -EPROTO;

    if (writer->mem)
        memRc = cacheWriterCommit(&writer->mem, objectOut);
    if (writer->disk)
        diskRc = cacheWriterCommit(&writer->disk, memRc ? objectOut : NULL);
    if (!memRc && diskRc)
        cacheStoreInvalidate(store->disk, &writer->key);
    else if (memRc && !diskRc)
        cacheStoreInvalidate(store->mem, &writer->key);
    closeWriter(writer);
    return diskRc && memRc ? diskRc : 0;
}

static CacheObject *
updateObject(CacheStore *base, CacheObject *old, const CacheMeta *meta)
{
    TierStore *store = (TierStore *)base;

    if (old->ops != store->mem->ops)
        return cacheStoreUpdate(store->disk, old, meta);
    CacheObject *object = cacheStoreUpdate(store->mem, old, meta);
    if (object)
        cacheLmdbRefresh(store->disk, old, meta);
    return object;
}

static unsigned
invalidateKey(CacheStore *base, const CacheKey *key)
{
    TierStore *store = (TierStore *)base;
    unsigned onDisk = cacheStoreInvalidate(store->disk, key);
    unsigned inMem = cacheStoreInvalidate(store->mem, key);

    return onDisk > inMem ? onDisk : inMem;
}

static void
flushStore(CacheStore *base)
{
    cacheStoreFlush(((TierStore *)base)->disk);
}

typedef struct MemList {
    TierStore *store;
    CacheListCb *cb;
    void *data;
} MemList;

/* What is on both levels is told once. */
static void
onMemListed(const CacheListing *listing, void *data)
{
    const MemList *list = data;
    CacheKey key;

    cacheKeyInit(&key, listing->keyClass, listing->url);
    if (!cacheStoreHas(list->store->disk, &key))
        list->cb(listing, list->data);
}

/* The disk first; the first octet of the cursor says where it is. */
static bool
listObjects(CacheStore *base, CacheCursor *cursor, unsigned max,
            CacheListCb *cb, void *data)
{
    TierStore *store = (TierStore *)base;
    MemList list = {store, cb, data};

    if (cursor->octets[0])
        return cacheStoreList(store->mem, cursor, max, onMemListed, &list);
    if (!cacheStoreList(store->disk, cursor, max, cb, data))
        *cursor = (CacheCursor){.octets = {1}};
    return true;
}

static void
listKey(CacheStore *base, const CacheKey *key, CacheListCb *cb, void *data)
{
    TierStore *store = (TierStore *)base;

    cacheStoreListKey(store->mem, key, cb, data);
    cacheStoreListKey(store->disk, key, cb, data);
}

static void
readStats(const CacheStore *base, CacheStoreStats *out)
{
    cacheStoreStats(((const TierStore *)base)->mem, out);
}

static void
destroyStore(CacheStore *base)
{
    TierStore *store = (TierStore *)base;

    cacheStoreDestroy(&store->mem);
    cacheStoreDestroy(&store->disk);
    CHECK_OBJ_CLEAR(base);
    free(store);
}

static const CacheStoreOps tierOps = {
    .destroy = destroyStore,
    .lookup = lookupObject,
    .has = hasKey,
    .write = beginWrite,
    .hasRoom = hasRoom,
    .append = appendOctets,
    .change = changeWriter,
    .arriving = showObject,
    .commit = commitWriter,
    .abort = abortWriter,
    .update = updateObject,
    .invalidate = invalidateKey,
    .flush = flushStore,
    .list = listObjects,
    .listKey = listKey,
    .stats = readStats,
};

CacheStore *
cacheStoreTierCreate(CacheStore *mem, CacheStore *disk)
{
    TierStore *store = xcalloc(1, sizeof(*store));

    store->base.magic = CACHE_STORE_MAGIC;
    store->base.ops = &tierOps;
    store->mem = mem;
    store->disk = disk;
    return &store->base;
}
