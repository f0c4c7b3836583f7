/* cache_mem_index.c: keys, variants and eviction of the store in memory. */
#include "cache_mem_priv.h"

#include <stdlib.h>

#include "check.h"
#include "xalloc.h"

void
cacheMemDrop(CacheMemStore *store)
{
    if (--store->holders)
        return;
    bufFini(&store->scratch.values);
    free(store->buckets);
    CHECK_OBJ_CLEAR(&store->base);
    free(store);
}

/*
 * The digest is known to all the world; with a factor that is not, nobody
 * can choose URLs that end up in one bucket.
 */
CacheMemEntry **
cacheMemBucket(const CacheMemStore *store, const uint8_t *digest)
{
    uint64_t part;

    memcpy(&part, digest, sizeof(part));
    return &store->buckets[part * store->bucketFactor >> store->bucketShift];
}

CacheMemEntry *
cacheMemFindEntry(const CacheMemStore *store, const CacheKey *key)
{
    CacheMemEntry *entry = *cacheMemBucket(store, key->digest);

    while (entry && !cacheKeyEqual(&entry->key, key))
        entry = entry->next;
    return entry;
}

static uint64_t
entryCost(const CacheMemEntry *entry)
{
    return sizeof(*entry) + entry->key.text.len;
}

CacheMemEntry *
cacheMemAddEntry(CacheMemStore *store, const CacheKey *key)
{
    CacheMemEntry *entry = xmalloc(sizeof(*entry) + key->text.len);
    CacheMemEntry **bucket = cacheMemBucket(store, key->digest);

    memset(entry, 0, sizeof(*entry));
    memcpy(entry->text, key->text.data, key->text.len);
    entry->key = *key;
    entry->key.text = httpSlice(entry->text, key->text.len);
    listInit(&entry->objects);
    entry->next = *bucket;
    *bucket = entry;
    store->bytes += entryCost(entry);
    return entry;
}

void
cacheMemFreeEntry(CacheMemStore *store, CacheMemEntry *entry)
{
    CacheMemEntry **link = cacheMemBucket(store, entry->key.digest);

    if (entry->objectCount || entry->writers)
        return;
    while (*link != entry)
        link = &(*link)->next;
    *link = entry->next;
    store->bytes -= entryCost(entry);
    free(entry);
}

void
cacheMemUnlink(CacheMemObject *object)
{
    CacheMemEntry *entry = object->entry;

    object->entry = NULL;
    listRemove(&object->inEntry);
    listRemove(&object->idle);
    entry->objectCount--;
    object->store->stats.objects--;
    cacheMemFreeEntry(object->store, entry);
    if (!object->base.refs)
        cacheMemFreeObject(object);
}

static CacheMemObject *
objectInEntry(ListNode *node)
{
    return LIST_OBJ(node, CacheMemObject, inEntry);
}

/* The object with the same Vary names and values, or NULL. */
static CacheMemObject *
findTwin(const CacheMemEntry *entry, const CacheMemObject *object)
{
    ListNode *node;
    ListNode *tmp;

    LIST_FOREACH(&entry->objects, node, tmp) {
        CacheMemObject *other = objectInEntry(node);
        if (httpSliceEqual(other->base.varyNames, object->base.varyNames) &&
            httpSliceEqual(other->base.varyValues, object->base.varyValues))
            return other;
    }
    return NULL;
}

void
cacheMemLink(CacheMemEntry *entry, CacheMemObject *object)
{
    CacheMemStore *store = object->store;
    CacheMemObject *twin = findTwin(entry, object);

    object->entry = entry;
    listPushFront(&entry->objects, &object->inEntry);
    entry->objectCount++;
    store->stats.objects++;
    if (twin)
        cacheMemUnlink(twin);
    if (entry->objectCount > store->config.variantsMax) {
        store->stats.evictions++;
        cacheMemUnlink(objectInEntry(entry->objects.prev));
    }
}

bool
cacheMemMakeRoom(CacheMemStore *store, uint64_t need)
{
    uint64_t max = store->config.bytesMax;

    while (need > max || store->bytes > max - need) {
        if (need > max || listIsEmpty(&store->idle))
            return false;
        store->stats.evictions++;
        cacheMemUnlink(LIST_OBJ(store->idle.prev, CacheMemObject, idle));
    }
    return true;
}

CacheMemObject *
cacheMemFindVariant(CacheMemStore *store, const CacheMemEntry *entry,
                    const HttpHeaders *request)
{
    ListNode *node;
    ListNode *tmp;

    store->scratch.namesDone = (HttpSlice){0};
    LIST_FOREACH(&entry->objects, node, tmp) {
        CacheMemObject *object = objectInEntry(node);
        if (cacheVaryIsFor(&store->scratch, object->base.varyNames,
                           object->base.varyValues, request))
            return object;
    }
    return NULL;
}

unsigned
cacheMemDropObjects(CacheMemEntry *entry)
{
    unsigned count = 0;

    entry->writers++; /* the entry stays until the last is gone */
    while (!listIsEmpty(&entry->objects)) {
        cacheMemUnlink(objectInEntry(listFirst(&entry->objects)));
        count++;
    }
    entry->writers--;
    return count;
}
