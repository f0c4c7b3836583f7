/* cache_store_mem.c: a store in memory, of bounded size, oldest use first
 * out. */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "cache_mem_priv.h"
#include "check.h"
#include "xalloc.h"

#define VARIANTS_USUAL 16
#define BUCKET_BITS_MIN 10
#define BUCKET_BITS_MAX 20
#define OBJECT_SIZE_USUAL 4096
#define LIST_COST 64 /* of telling an object, in empty buckets */

static CacheObject *
lookupObject(CacheStore *base, const CacheKey *key, const HttpHeaders *request)
{
    CacheMemStore *store = (CacheMemStore *)base;
    CacheMemEntry *entry = cacheMemFindEntry(store, key);
    CacheMemObject *object =
        entry ? cacheMemFindVariant(store, entry, request) : NULL;

    store->stats.lookups++;
    if (!object) {
        store->stats.misses++;
        return NULL;
    }
    store->stats.hits++;
    listRemove(&object->idle);
    return cacheObjectRef(&object->base);
}

static bool
hasKey(CacheStore *base, const CacheKey *key)
{
    const CacheMemEntry *entry = cacheMemFindEntry((CacheMemStore *)base, key);

    return entry && entry->objectCount > 0;
}

static void
releaseObject(CacheObject *base)
{
    CacheMemObject *object = (CacheMemObject *)base;

    if (object->entry)
        listPushFront(&object->store->idle, &object->idle);
    else
        cacheMemFreeObject(object);
}

static CacheWriter *
refuse(CacheMemStore *store, int error)
{
    store->stats.refusals++;
    errno = error;
    return NULL;
}

static CacheMemWriter *
createWriter(CacheMemStore *store, CacheMemObject *object,
             const CacheMeta *meta)
{
    CacheMemWriter *writer = xcalloc(1, sizeof(*writer));
    CacheMemEntry *entry = cacheMemFindEntry(store, meta->key);

    if (!entry)
        entry = cacheMemAddEntry(store, meta->key);
    entry->writers++;
    store->stats.writing++;
    writer->base.magic = CACHE_WRITER_MAGIC;
    writer->base.ops = &cacheMemOps;
    writer->object = object;
    writer->entry = entry;
    writer->generation = entry->generation;
    writer->expected = meta->length;
    return writer;
}

/* Free the writer; the reference to its object goes to the caller. */
static CacheMemObject *
closeWriter(CacheMemWriter *writer)
{
    CacheMemObject *object = writer->object;

    writer->entry->writers--;
    object->store->stats.writing--;
    cacheMemFreeEntry(object->store, writer->entry);
    CHECK_OBJ_CLEAR(&writer->base);
    free(writer);
    return object;
}

static void
abortWriter(CacheWriter *base)
{
    CacheMemObject *object = closeWriter((CacheMemWriter *)base);
    CacheObject *unwanted = &object->base;

    object->store->stats.aborts++;
    cacheObjectUnref(&unwanted);
}

static CacheWriter *
beginWrite(CacheStore *base, const CacheMeta *meta)
{
    CacheMemStore *store = (CacheMemStore *)base;

    if (meta->length != CACHE_LENGTH_UNKNOWN &&
        meta->length > store->config.objectMax)
        return refuse(store, EFBIG);
    CacheMemObject *object = cacheMemCreateObject(store, meta);
    if (!object)
        return refuse(store, EINVAL);
    object->body = cacheBodyCreate(meta->length, &store->bytes);
    CacheMemWriter *writer = createWriter(store, object, meta);
    if (cacheMemMakeRoom(store, 0))
        return &writer->base;
    CacheWriter *unwanted = &writer->base;
    cacheWriterAbort(&unwanted);
    return refuse(store, ENOSPC);
}

/* 0 or -errno. */
static int
checkLength(const CacheMemWriter *writer, size_t len)
{
    const CacheMemObject *object = writer->object;
    uint64_t max = object->store->config.objectMax;

    if (writer->expected < max)
        max = writer->expected;
    return len > max - object->body->length ? -EFBIG : 0;
}

static int
appendBody(CacheMemWriter *writer, const char *data, size_t len)
{
    CacheMemObject *object = writer->object;
    int rc = checkLength(writer, len);

    while (rc == 0 && len) {
        if (!cacheMemMakeRoom(object->store, cacheBodyCost(object->body)))
            return -ENOSPC;
        size_t part = cacheBodyAppend(object->body, data, len);
        data += part;
        len -= part;
    }
    return rc;
}

static int
appendOctets(CacheWriter *base, const void *data, size_t len)
{
    CacheMemWriter *writer = (CacheMemWriter *)base;

    if (writer->hasFailed)
        return -EFBIG;
    int rc = appendBody(writer, data, len);
    if (rc) {
        writer->hasFailed = true;
        writer->object->store->stats.refusals++;
    }
    return rc;
}

static CacheObject *
showObject(CacheWriter *base)
{
    CacheMemWriter *writer = (CacheMemWriter *)base;
    CacheMemObject *object = writer->object;

    if (writer->expected != CACHE_LENGTH_UNKNOWN) {
        cacheMemFinishHead(object, writer->expected);
        writer->isHeadWhole = true;
    }
    cacheObjectRef(&object->base);
    return cacheWriterShow(base, &object->base, object->body->length,
                           writer->expected);
}

/* The writer is at work on another key. */
static void
setEntry(CacheMemWriter *writer, const CacheKey *key)
{
    CacheMemStore *store = writer->object->store;
    CacheMemEntry *entry = cacheMemFindEntry(store, key);

    if (!entry)
        entry = cacheMemAddEntry(store, key);
    entry->writers++;
    writer->entry->writers--;
    cacheMemFreeEntry(store, writer->entry);
    writer->entry = entry;
    writer->generation = entry->generation;
}

static int
changeWriter(CacheWriter *base, const CacheMeta *meta)
{
    CacheMemWriter *writer = (CacheMemWriter *)base;
    CacheObject *unwanted = &writer->object->base;
    CacheMemObject *object;

    if (writer->generation != writer->entry->generation)
        return -ECANCELED;
    object = cacheMemCreateObject(writer->object->store, meta);
    if (!object) {
        writer->hasFailed = true;
        return -EINVAL;
    }
    object->body = cacheBodyRef(writer->object->body);
    setEntry(writer, meta->key);
    writer->object = object;
    writer->expected = meta->length;
    writer->isHeadWhole = false;
    cacheObjectUnref(&unwanted);
    return 0;
}

static int
checkCommit(const CacheMemWriter *writer)
{
    if (writer->hasFailed || (writer->expected != CACHE_LENGTH_UNKNOWN &&
                              writer->expected != writer->object->body->length))
        return -EPROTO;
    return writer->generation == writer->entry->generation ? 0 : -ECANCELED;
}

/* The last chunk may move when nobody reads it. */
static void
finishObject(CacheMemWriter *writer)
{
    CacheMemObject *object = writer->object;

    if (object->base.refs == 1 && object->body->refs == 1)
        cacheBodyFinish(object->body);
    if (!writer->isHeadWhole)
        cacheMemFinishHead(object, object->body->length);
}

static int
commitWriter(CacheWriter *base, CacheObject **objectOut)
{
    CacheMemWriter *writer = (CacheMemWriter *)base;
    int rc = checkCommit(writer);

    if (rc) {
        abortWriter(base);
        return rc;
    }
    finishObject(writer);
    cacheMemLink(writer->entry, writer->object);
    CacheMemObject *object = closeWriter(writer);
    CacheObject *result = &object->base;
    object->store->stats.stores++;
    if (objectOut)
        *objectOut = result;
    else
        cacheObjectUnref(&result);
    return 0;
}

static CacheObject *
updateObject(CacheStore *base, CacheObject *oldBase, const CacheMeta *meta)
{
    CacheMemStore *store = (CacheMemStore *)base;
    CacheMemObject *old = (CacheMemObject *)oldBase;
    CacheMemObject *object = cacheMemCreateObject(store, meta);

    if (!object)
        return NULL;
    object->body = cacheBodyRef(old->body);
    cacheMemFinishHead(object, object->body->length);
    store->stats.updates++;
    if (old->entry) {
        cacheMemLink(old->entry, object);
        /* With another Vary it was no twin of the new one. */
        if (old->entry)
            cacheMemUnlink(old);
    }
    if (cacheMemMakeRoom(store, 0))
        return &object->base;
    CacheObject *unwanted = &object->base;
    if (object->entry)
        cacheMemUnlink(object);
    cacheObjectUnref(&unwanted);
    errno = ENOSPC;
    return NULL;
}

static unsigned
invalidateKey(CacheStore *base, const CacheKey *key)
{
    CacheMemStore *store = (CacheMemStore *)base;
    CacheMemEntry *entry = cacheMemFindEntry(store, key);

    if (!entry)
        return 0;
    entry->generation++;
    unsigned count = cacheMemDropObjects(entry);
    cacheMemFreeEntry(store, entry);
    store->stats.invalidations += count;
    return count;
}

static void
listEntry(const CacheMemEntry *entry, CacheListCb *cb, void *data)
{
    ListNode *node, *tmp;

    LIST_FOREACH(&entry->objects, node, tmp) {
        const CacheObject *object =
            &LIST_OBJ(node, CacheMemObject, inEntry)->base;
        const CacheListing listing = {
            .level = "memory",
            .keyClass = entry->key.keyClass,
            .url = entry->key.text,
            .varyNames = object->varyNames,
            .varyValues = object->varyValues,
            .head = object->head,
            .status = object->status,
            .length = object->length,
            .freshness = &object->freshness,
        };
        cb(&listing, data);
    }
}

/* The cursor is the number of a bucket; empty ones count a little. */
static bool
listObjects(CacheStore *base, CacheCursor *cursor, unsigned max,
            CacheListCb *cb, void *data)
{
    const CacheMemStore *store = (const CacheMemStore *)base;
    uint64_t last = UINT64_MAX >> store->bucketShift, at;
    unsigned long cost = 0;

    memcpy(&at, cursor->octets + 1, sizeof(at));
    for (; at <= last && cost < (unsigned long)max * LIST_COST; at++, cost++) {
        const CacheMemEntry *entry = store->buckets[at];
        for (; entry; entry = entry->next) {
            listEntry(entry, cb, data);
            cost += entry->objectCount * LIST_COST;
        }
    }
    memcpy(cursor->octets + 1, &at, sizeof(at));
    return at <= last;
}

static void
listKey(CacheStore *base, const CacheKey *key, CacheListCb *cb, void *data)
{
    const CacheMemEntry *entry = cacheMemFindEntry((CacheMemStore *)base, key);

    if (entry)
        listEntry(entry, cb, data);
}

static void
readStats(const CacheStore *base, CacheStoreStats *out)
{
    const CacheMemStore *store = (const CacheMemStore *)base;

    *out = store->stats;
    out->bytes = store->bytes;
    out->bytesMax = store->config.bytesMax;
}

static void
destroyStore(CacheStore *base)
{
    CacheMemStore *store = (CacheMemStore *)base;

    CHECK(!store->stats.writing);
    cacheStoreMemForget(base, NULL);
    cacheMemDrop(store);
}

const CacheStoreOps cacheMemOps = {
    .destroy = destroyStore,
    .lookup = lookupObject,
    .has = hasKey,
    .write = beginWrite,
    .append = appendOctets,
    .change = changeWriter,
    .arriving = showObject,
    .commit = commitWriter,
    .abort = abortWriter,
    .update = updateObject,
    .invalidate = invalidateKey,
    .list = listObjects,
    .listKey = listKey,
    .stats = readStats,
    .release = releaseObject,
    .peek = cacheMemPeek,
    .advance = cacheMemAdvance,
};

static unsigned
bucketBits(uint64_t bytesMax)
{
    unsigned bits = BUCKET_BITS_MIN;

    while (bits < BUCKET_BITS_MAX &&
           (uint64_t)OBJECT_SIZE_USUAL << bits < bytesMax)
        bits++;
    return bits;
}

CacheStore *
cacheStoreMemCreate(const CacheMemConfig *config)
{
    CacheMemStore *store = xcalloc(1, sizeof(*store));
    unsigned bits = bucketBits(config->bytesMax);

    store->base.magic = CACHE_STORE_MAGIC;
    store->base.ops = &cacheMemOps;
    store->holders = 1;
    store->config = *config;
    if (!store->config.variantsMax)
        store->config.variantsMax = VARIANTS_USUAL;
    store->buckets = xcalloc((size_t)1 << bits, sizeof(*store->buckets));
    store->bucketShift = 64 - bits;
    CHECK(getrandom(&store->bucketFactor, sizeof(store->bucketFactor), 0) ==
          sizeof(store->bucketFactor));
    store->bucketFactor |= 1;
    listInit(&store->idle);
    bufInit(&store->scratch.values, CACHE_VARY_MAX);
    return &store->base;
}

/* 0 or -ENOSPC. */
static int
copyBody(CacheMemObject *object, CacheObject *from)
{
    CacheReader reader;
    struct iovec iov;
    int count;

    cacheReaderInit(&reader, from);
    while ((count = cacheReaderPeek(&reader, &iov, 1)) > 0) {
        if (!cacheMemMakeRoom(object->store, cacheBodyCost(object->body)))
            return -ENOSPC;
        size_t part = cacheBodyAppend(object->body, iov.iov_base, iov.iov_len);
        cacheReaderAdvance(&reader, part);
    }
    return count;
}

CacheObject *
cacheStoreMemAdopt(CacheStore *base, const CacheKey *key, CacheObject *from)
{
    CacheMemStore *store = (CacheMemStore *)base;
    const CacheStored stored = {
        .status = from->status,
        .freshness = &from->freshness,
        .validators = from->validators,
        .varyNames = from->varyNames,
        .varyValues = from->varyValues,
        .head = from->head,
    };

    if (from->length > store->config.objectMax)
        return NULL;
    CacheMemObject *object = cacheMemCopyObject(store, &stored);
    CacheObject *result = &object->base;
    object->base.length = from->length;
    object->body = cacheBodyCreate(from->length, &store->bytes);
    if (copyBody(object, from) || !cacheMemMakeRoom(store, 0)) {
        cacheObjectUnref(&result);
        return NULL;
    }
    CacheMemEntry *entry = cacheMemFindEntry(store, key);
    cacheMemLink(entry ? entry : cacheMemAddEntry(store, key), object);
    return result;
}

/* An entry that writers have stays, without objects. */
static void
forgetBucket(CacheMemStore *store, CacheMemEntry *entry, const uint8_t *digest)
{
    while (entry) {
        CacheMemEntry *next = entry->next;
        if (!digest || memcmp(entry->key.digest, digest, 16) == 0) {
            entry->generation++;
            cacheMemDropObjects(entry);
            cacheMemFreeEntry(store, entry);
        }
        entry = next;
    }
}

void
cacheStoreMemForget(CacheStore *base, const uint8_t digest[16])
{
    CacheMemStore *store = (CacheMemStore *)base;

    if (digest) {
        forgetBucket(store, *cacheMemBucket(store, digest), digest);
        return;
    }
    for (size_t i = 0; i <= UINT64_MAX >> store->bucketShift; i++)
        forgetBucket(store, store->buckets[i], NULL);
}
