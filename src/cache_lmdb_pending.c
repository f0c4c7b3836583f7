/* What the database of stored responses does not have yet: responses on their
 * way, invalidations, uses. */
#include "cache_lmdb_priv.h"

#include <stdlib.h>

#include "check.h"
#include "xalloc.h"

#define TOUCH_MS 5000

static CacheLmdbRecent *
findRecent(const CacheLmdbStore *store, const uint8_t *digest)
{
    CacheLmdbRecent *recent = NULL;

    if (store->recent != NULL)
        HASH_FIND(hh, store->recent, digest, CACHE_LMDB_DIGEST, recent);
    return recent;
}

static CacheLmdbRecent *
makeRecent(CacheLmdbStore *store, const uint8_t *digest)
{
    CacheLmdbRecent *recent = findRecent(store, digest);

    if (recent != NULL)
        return recent;
    recent = xcalloc(1, sizeof(*recent));
    memcpy(recent->digest, digest, sizeof(recent->digest));
    HASH_ADD(hh, store->recent, digest, sizeof(recent->digest), recent);
    return recent;
}

static void
dropRecentIfEmpty(CacheLmdbStore *store, CacheLmdbRecent *recent)
{
    if (recent->hiddenBy != 0 || recent->pending != NULL)
        return;
    HASH_DELETE(hh, store->recent, recent);
    free(recent);
}

/* Take one off its list and free it. */
static void
dropPending(CacheLmdbPending **link)
{
    CacheLmdbPending *pending = *link;
    CacheObject *object = &pending->object->base;

    *link = pending->next;
    cacheObjectUnref(&object);
    free(pending);
}

void
cacheLmdbPendingAdd(CacheLmdbStore *store, const CacheKey *key,
                    CacheLmdbObject *object, uint64_t number)
{
    CacheLmdbRecent *recent = makeRecent(store, key->digest);
    CacheLmdbPending *pending = xmalloc(sizeof(*pending) + key->text.len);

    memcpy(pending->text, key->text.data, key->text.len);
    pending->url = httpSlice(pending->text, key->text.len);
    pending->keyClass = key->keyClass;
    pending->number = number;
    pending->object = object;
    pending->next = recent->pending;
    recent->pending = pending;
}

static bool
isOfKey(const CacheLmdbPending *pending, const CacheKey *key)
{
    return pending->keyClass == key->keyClass &&
           httpSliceEqual(pending->url, key->text);
}

CacheLmdbObject *
cacheLmdbPendingFind(CacheLmdbStore *store, const CacheKey *key,
                     const HttpHeaders *request)
{
    const CacheLmdbRecent *recent = findRecent(store, key->digest);
    CacheLmdbPending *pending = recent != NULL ? recent->pending : NULL;

    for (; pending != NULL; pending = pending->next) {
        const CacheObject *base = &pending->object->base;
        if (isOfKey(pending, key) &&
            cacheVaryIsFor(&store->scratch, base->varyNames, base->varyValues,
                           request))
            return pending->object;
    }
    return NULL;
}

CacheLmdbObject *
cacheLmdbPendingTwin(const CacheLmdbStore *store, const CacheKey *key,
                     const CacheObject *object)
{
    const CacheLmdbRecent *recent = findRecent(store, key->digest);
    CacheLmdbPending *pending = recent != NULL ? recent->pending : NULL;

    for (; pending != NULL; pending = pending->next) {
        const CacheObject *base = &pending->object->base;
        if (isOfKey(pending, key) &&
            httpSliceEqual(base->varyNames, object->varyNames) &&
            httpSliceEqual(base->varyValues, object->varyValues))
            return pending->object;
    }
    return NULL;
}

void
cacheLmdbPendingList(const CacheLmdbStore *store, const CacheKey *key,
                     CacheListCb *cb, void *data)
{
    const CacheLmdbRecent *recent = findRecent(store, key->digest);
    const CacheLmdbPending *pending = recent != NULL ? recent->pending : NULL;

    for (; pending != NULL; pending = pending->next) {
        const CacheObject *base = &pending->object->base;
        const CacheListing listing = {.level = "disk",
                                      .keyClass = pending->keyClass,
                                      .url = pending->url,
                                      .varyNames = base->varyNames,
                                      .varyValues = base->varyValues,
                                      .head = base->head,
                                      .status = base->status,
                                      .length = base->length,
                                      .freshness = &base->freshness};
        if (isOfKey(pending, key))
            cb(&listing, data);
    }
}

unsigned
cacheLmdbPendingCount(const CacheLmdbStore *store, const CacheKey *key)
{
    const CacheLmdbRecent *recent = findRecent(store, key->digest);
    const CacheLmdbPending *pending = recent != NULL ? recent->pending : NULL;
    unsigned count = 0;

    for (; pending != NULL; pending = pending->next)
        count += isOfKey(pending, key);
    return count;
}

bool
cacheLmdbIsHidden(const CacheLmdbStore *store, const uint8_t *digest)
{
    const CacheLmdbRecent *recent = findRecent(store, digest);

    return recent != NULL && recent->hiddenBy != 0;
}

void
cacheLmdbHide(CacheLmdbStore *store, const uint8_t *digest, uint64_t number)
{
    CacheLmdbRecent *recent = makeRecent(store, digest);

    while (recent->pending != NULL)
        dropPending(&recent->pending);
    recent->hiddenBy = number;
}

void
cacheLmdbPendingDone(CacheLmdbStore *store, const CacheLmdbOp *op)
{
    CacheLmdbRecent *recent = findRecent(store, op->digest);

    if (recent == NULL)
        return;
    if (recent->hiddenBy == op->number)
        recent->hiddenBy = 0;
    for (CacheLmdbPending **link = &recent->pending; *link != NULL;) {
        if ((*link)->number == op->number)
            dropPending(link);
        else
            link = &(*link)->next;
    }
    dropRecentIfEmpty(store, recent);
}

void
cacheLmdbPendingFini(CacheLmdbStore *store)
{
    CacheLmdbRecent *recent, *tmp;

    HASH_ITER(hh, store->recent, recent, tmp)
    {
        while (recent->pending != NULL)
            dropPending(&recent->pending);
        recent->hiddenBy = 0;
        dropRecentIfEmpty(store, recent);
    }
}

void
cacheLmdbFlushTouches(CacheLmdbStore *store)
{
    CacheLmdbTouches *touches = &store->touches;
    size_t len = touches->count * (size_t)CACHE_LMDB_DIGEST;

    commTimerCancel(&touches->timer);
    if (len == 0)
        return;
    char *data = xmalloc(len);
    memcpy(data, touches->digests, len);
    touches->count = 0;
    memset(touches->slots, 0, sizeof(touches->slots));
    cacheLmdbPush(store,
                  cacheLmdbOpCreate(CACHE_LMDB_OP_TOUCH, NULL, data, len));
}

static void
onTouchTimer(void *data)
{
    CacheLmdbStore *store = data;

    store->touches.timer = NULL;
    cacheLmdbFlushTouches(store);
}

void
cacheLmdbTouch(CacheStore *base, const CacheKey *key)
{
    CacheLmdbStore *store = (CacheLmdbStore *)base;
    CacheLmdbTouches *touches = &store->touches;
    uint64_t part;

    memcpy(&part, key->digest, sizeof(part));
    uint64_t *slot = &touches->slots[part % CACHE_LMDB_TOUCH_SLOTS];
    if (*slot == part || store->queue == NULL)
        return;
    *slot = part;
    memcpy(touches->digests[touches->count++], key->digest, CACHE_LMDB_DIGEST);
    if (touches->count == CACHE_LMDB_TOUCH_MAX)
        cacheLmdbFlushTouches(store);
    else if (touches->timer == NULL)
        touches->timer = commTimerAdd(TOUCH_MS, onTouchTimer, store);
}
