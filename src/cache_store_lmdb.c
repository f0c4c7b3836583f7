/* A store of responses in an LMDB database. DEBUG: section 20 */
#include "cache_lmdb_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/statvfs.h>

#include "check.h"
#include "debug.h"
#include "xalloc.h"

#define PAUSE_US (3 * INT64_C(1000000))
#define RECENT_MAX 200000 /* digests remembered for a disk that fails */
#define FULL_BLOCKS 64    /* fewer are free where a batch found no room */

static void
complain(const CacheLmdbStore *store, const char *what)
{
    debug(DBG_STORE, 0, "cache_dir %s: %s", store->env.path, what);
}

/* LMDB says EIO of a write that was cut short by a full disk. */
static int
reasonOf(const CacheLmdbStore *store, int rc)
{
    struct statvfs st;

    return rc == EIO && statvfs(store->env.path, &st) == 0 &&
                   st.f_bavail < FULL_BLOCKS
               ? ENOSPC
               : rc;
}

void
cacheLmdbNoteError(CacheLmdbStore *store, int rc)
{
    bool isFatal = cacheLmdbIsFatal(rc);

    store->pausedUntilUs = commClockUs() + PAUSE_US;
    if (store->isBroken || (store->isFailing && !isFatal))
        return;
    debug(DBG_STORE, 0, "cache_dir %s: %s: %s", store->env.path,
          cacheLmdbErrorText(reasonOf(store, rc)),
          isFatal ? "it is not used any more; remove its files to start anew"
                  : "nothing is stored there for now");
    store->isBroken = isFatal;
    store->isFailing = true;
}

/* hasStored: something was written since the last time. */
static void
noteResult(CacheLmdbStore *store, int error, bool hasStored)
{
    if (error)
        cacheLmdbNoteError(store, error);
    else if (store->isFailing && !store->isBroken && hasStored) {
        store->isFailing = false;
        complain(store, "responses are stored there again");
    }
}

static void
pushRemoval(CacheLmdbStore *store, uint64_t id)
{
    char *data = xmalloc(sizeof(id));

    cacheLmdbPutNumber((uint8_t *)data, id);
    cacheLmdbPush(
        store, cacheLmdbOpCreate(CACHE_LMDB_OP_FREE, NULL, data, sizeof(id)));
}

/* The file has the chunk now, or never will. */
static void
unlinkChunk(const CacheLmdbOp *op)
{
    CacheLmdbOp **link = &op->body->pending;

    while (*link != op)
        link = &(*link)->nextOfBody;
    *link = op->nextOfBody;
}

static void
freeOp(CacheLmdbStore *store, CacheLmdbOp *op)
{
    uint64_t doomed = cacheLmdbOpFree(&store->env, op);

    if (doomed != 0)
        pushRemoval(store, doomed);
}

/* Readers see what was written before it is freed here. */
static void
freeFinished(CacheLmdbStore *store, CacheLmdbOp *finished)
{
    while (finished != NULL) {
        CacheLmdbOp *op = finished;
        finished = op->next;
        if (op->kind == CACHE_LMDB_OP_CHUNK &&
            atomic_load(&op->body->hasFailed)) {
            /* Who has begun to read the body can do so to its end. */
            cacheLmdbDropBody(store, &op->body);
            continue;
        }
        if (op->kind == CACHE_LMDB_OP_CHUNK)
            unlinkChunk(op);
        else
            cacheLmdbPendingDone(store, op);
        freeOp(store, op);
    }
}

/* A CacheLmdbDoneCb. */
static void
onDone(const CacheLmdbDone *done, CacheLmdbOp *finished, void *data)
{
    CacheLmdbStore *store = data;

    CHECK_OBJ(&store->base, CACHE_STORE_MAGIC);
    bool hasStored = done->stores > store->done.stores;
    store->done = *done;
    store->stalledSinceUs = 0;
    cacheLmdbEndRead(store);
    cacheLmdbBodyForget(&store->env.bodies);
    freeFinished(store, finished);
    noteResult(store, done->error, hasStored);
    cacheLmdbTellRoom(store);
}

uint64_t
cacheLmdbPush(CacheLmdbStore *store, CacheLmdbOp *op)
{
    if (store->queue != NULL)
        return cacheLmdbQueuePush(store->queue, op);
    cacheLmdbOpFree(&store->env, op);
    return UINT64_MAX;
}

CacheLmdbOp *
cacheLmdbOpCreate(CacheLmdbOpKind kind, const uint8_t *digest, char *data,
                  size_t len)
{
    CacheLmdbOp *op = xcalloc(1, sizeof(*op));

    op->kind = kind;
    op->data = data;
    op->len = len;
    if (digest != NULL)
        memcpy(op->digest, digest, sizeof(op->digest));
    return op;
}

void
cacheLmdbDropBody(CacheLmdbStore *store, CacheLmdbBody **body)
{
    uint64_t doomed = cacheLmdbBodyUnref(&store->env.bodies, body);

    if (doomed != 0)
        pushRemoval(store, doomed);
}

static bool
hasKey(CacheStore *base, const CacheKey *key)
{
    return cacheLmdbCount((CacheLmdbStore *)base, key) > 0;
}

uint64_t
cacheLmdbChangeSeq(CacheLmdbStore *store)
{
    CacheLmdbState state = {0};
    MDB_txn *txn = cacheLmdbRead(store);
    int rc = txn != NULL ? cacheLmdbReadState(&store->env, txn, &state) : 0;

    if (rc)
        cacheLmdbNoteError(store, rc);
    return state.changeSeq;
}

/* The record of an object, as far as the object knows it. */
static char *
encodeObject(const CacheObject *object, const CacheKey *key, size_t *lenOut)
{
    CacheLmdbRecord record = {.keyClass = key->keyClass,
                              .length = object->length};
    CacheStored stored = {
        .status = object->status,
        .freshness = &object->freshness,
        .validators = object->validators,
        .varyNames = object->varyNames,
        .varyValues = object->varyValues,
    };

    return cacheLmdbEncode(&record, &stored, key->text, (HttpSlice){0}, lenOut);
}

/* The new record and its update on the way; owned by the op. NULL: something
 * of it cannot be kept. */
static CacheLmdbOp *
createUpdate(CacheLmdbStore *store, const CacheObject *old,
             const CacheMeta *meta)
{
    CacheLmdbStored stored;
    size_t len;
    char *data = cacheLmdbEncodeMeta(meta, &len);

    if (data == NULL)
        return NULL;
    CHECK(cacheLmdbDecodeData(data, len, &stored));
    CacheLmdbRecord record = stored.record;
    record.length = old->length;
    char *whole = cacheLmdbEncodeWhole(&stored, &record, (HttpSlice){0}, &len);
    free(data);
    CacheLmdbOp *op =
        cacheLmdbOpCreate(CACHE_LMDB_OP_UPDATE, meta->key->digest, whole, len);
    op->old = encodeObject(old, meta->key, &op->oldLen);
    op->changeSeq = cacheLmdbChangeSeq(store);
    return op;
}

/* True when it has not been replaced or removed: an update of it is to be
 * found then. */
static bool
isCurrent(CacheLmdbStore *store, const CacheKey *key, const CacheObject *object)
{
    const CacheLmdbObject *waiting = cacheLmdbPendingTwin(store, key, object);

    return waiting != NULL ? &waiting->base == object
                           : cacheLmdbHasTwin(store, key, object);
}

static CacheObject *
updateObject(CacheStore *base, CacheObject *oldBase, const CacheMeta *meta)
{
    CacheLmdbStore *store = (CacheLmdbStore *)base;
    const CacheLmdbObject *old = (const CacheLmdbObject *)oldBase;
    CacheLmdbOp *op = createUpdate(store, oldBase, meta);
    CacheLmdbStored stored;
    CacheLmdbBody *body = old->body;

    if (op == NULL) {
        errno = EINVAL;
        return NULL;
    }
    CHECK(cacheLmdbDecodeData(op->data, op->len, &stored));
    stored.small = old->small;
    if (body != NULL)
        body = cacheLmdbBodyRef(&store->env.bodies, body);
    CacheLmdbObject *object = cacheLmdbCreateObject(store, &stored, body);
    bool isFound = isCurrent(store, meta->key, oldBase);
    uint64_t number = cacheLmdbPush(store, op);
    if (isFound && store->queue != NULL) {
        cacheObjectRef(&object->base);
        cacheLmdbPendingAdd(store, meta->key, object, number);
    }
    return &object->base;
}

void
cacheLmdbRefresh(CacheStore *base, const CacheObject *old,
                 const CacheMeta *meta)
{
    CacheLmdbStore *store = (CacheLmdbStore *)base;
    CacheLmdbOp *op = createUpdate(store, old, meta);

    if (op != NULL)
        cacheLmdbPush(store, op);
}

static unsigned
invalidateKey(CacheStore *base, const CacheKey *key)
{
    CacheLmdbStore *store = (CacheLmdbStore *)base;
    unsigned count = cacheLmdbCount(store, key);

    if (!store->isBroken && HASH_COUNT(store->recent) >= RECENT_MAX) {
        complain(store, "too much that is invalid cannot be written: it is not "
                        "used any more");
        store->isBroken = true;
    }
    if (store->isBroken)
        return 0;
    cacheLmdbCancelWriters(store, key->digest);
    cacheLmdbHide(
        store, key->digest,
        cacheLmdbPush(store, cacheLmdbOpCreate(CACHE_LMDB_OP_INVALIDATE,
                                               key->digest, NULL, 0)));
    store->stats.invalidations += count;
    return count;
}

static void
flushStore(CacheStore *base)
{
    CacheLmdbStore *store = (CacheLmdbStore *)base;

    cacheLmdbFlushTouches(store);
    cacheLmdbEndRead(store); /* what is read stands in the writer's way */
    if (store->queue != NULL)
        cacheLmdbQueueFlush(store->queue);
    cacheLmdbEndRead(store);
}

static void
readStats(const CacheStore *base, CacheStoreStats *out)
{
    CacheLmdbStore *store = (CacheLmdbStore *)(uintptr_t)base;
    MDB_txn *txn = cacheLmdbRead(store);
    MDB_stat stat;

    *out = store->stats;
    out->bytesMax = store->bytesMax;
    out->stores = store->done.stores;
    out->updates = store->done.updates;
    out->evictions = store->done.evictions;
    out->refusals += store->done.failures;
    if (txn == NULL)
        return;
    if (mdb_stat(txn, store->env.tables[CACHE_LMDB_OBJECTS], &stat) == 0)
        out->objects = stat.ms_entries;
    cacheLmdbUsed(&store->env, txn, &out->bytes);
}

static void
releaseObject(CacheObject *base)
{
    CacheLmdbObject *object = (CacheLmdbObject *)base;
    CacheLmdbStore *store = object->store;

    cacheLmdbDropBody(store, &object->body);
    CHECK_OBJ_CLEAR(&object->base);
    free(object->text);
    free(object->rest);
    free(object);
    cacheLmdbDrop(store);
}

void
cacheLmdbDrop(CacheLmdbStore *store)
{
    if (--store->holders > 0)
        return;
    commDeferCancel(&store->endRead);
    if (store->cursor != NULL)
        mdb_cursor_close(store->cursor);
    if (store->txn != NULL)
        mdb_txn_abort(store->txn);
    cacheLmdbEnvClose(&store->env);
    bufFini(&store->scratch.values);
    CHECK_OBJ_CLEAR(&store->base);
    free(store);
}

static void
destroyStore(CacheStore *base)
{
    CacheLmdbStore *store = (CacheLmdbStore *)base;

    CHECK(listIsEmpty(&store->writers));
    cacheLmdbFlushTouches(store);
    commTimerCancel(&store->roomTimer);
    cacheLmdbQueueDestroy(&store->queue);
    cacheLmdbPendingFini(store);
    cacheLmdbDrop(store);
}

bool
cacheLmdbForEachChange(CacheStore *base, CacheLmdbChangeCb *cb, void *data)
{
    CacheLmdbStore *store = (CacheLmdbStore *)base;
    CacheLmdbState state;
    MDB_envinfo info;
    uint8_t number[8];

    if (mdb_env_info(store->env.env, &info) ||
        info.me_last_txnid == store->txnSeen)
        return true;
    MDB_txn *txn = cacheLmdbRead(store);
    int rc = txn != NULL ? cacheLmdbReadState(&store->env, txn, &state) : 0;
    if (rc)
        cacheLmdbNoteError(store, rc);
    if (rc || txn == NULL)
        return true;
    store->txnSeen = mdb_txn_id(txn);
    while (store->changeSeen < state.changeSeq) {
        CacheLmdbChange change;
        MDB_val key = cacheLmdbNumber(number, ++store->changeSeen), val;
        if (mdb_get(txn, store->env.tables[CACHE_LMDB_CHANGES], &key, &val) ||
            val.mv_size != sizeof(change)) {
            store->changeSeen = state.changeSeq;
            return false;
        }
        memcpy(&change, val.mv_data, sizeof(change));
        if (change.epoch != store->env.epoch)
            cb(change.digest, data);
    }
    return true;
}

static void
onEndRead(void *data)
{
    cacheLmdbEndRead(data);
}

const CacheStoreOps cacheLmdbOps = {
    .destroy = destroyStore,
    .lookup = cacheLmdbLookup,
    .has = hasKey,
    .write = cacheLmdbBegin,
    .hasRoom = cacheLmdbHasRoom,
    .append = cacheLmdbAppend,
    .change = cacheLmdbChangeWriter,
    .arriving = cacheLmdbShow,
    .commit = cacheLmdbCommit,
    .abort = cacheLmdbAbort,
    .update = updateObject,
    .invalidate = invalidateKey,
    .flush = flushStore,
    .list = cacheLmdbList,
    .listKey = cacheLmdbListKey,
    .stats = readStats,
    .release = releaseObject,
    .peek = cacheLmdbPeek,
    .advance = cacheLmdbAdvance,
};

/* The thread, unless nothing can be written. 0 or -errno. */
static int
startQueue(CacheLmdbStore *store)
{
    if (store->env.isReadOnly) {
        complain(store, "it can only be read: nothing is stored there");
        return 0;
    }
    store->queue = cacheLmdbQueueCreate(&store->env, onDone, store);
    return store->queue == NULL ? -errno : 0;
}

static void
tellOpen(const CacheLmdbStore *store)
{
    CacheStoreStats stats;

    readStats(&store->base, &stats);
    debug(DBG_STORE, 1, "cache_dir %s: %llu responses, %llu of %llu MB",
          store->env.path, (unsigned long long)stats.objects,
          (unsigned long long)(stats.bytes >> 20),
          (unsigned long long)(stats.bytesMax >> 20));
}

/* What would not fit is not to push out all others first. */
static uint64_t
writingMaxOf(const CacheLmdbEnv *env)
{
    return env->usedMax - env->usedMax / 16;
}

CacheStore *
cacheLmdbCreate(const CacheLmdbConfig *config)
{
    CacheLmdbStore *store = xcalloc(1, sizeof(*store));
    const char *why;
    int rc =
        cacheLmdbEnvOpen(&store->env, config->path, config->bytesMax, &why);

    if (rc) {
        debug(DBG_STORE, 0, "cache_dir %s: %s: nothing is stored there",
              config->path, why);
        free(store);
        return NULL;
    }
    store->base.magic = CACHE_STORE_MAGIC;
    store->base.ops = &cacheLmdbOps;
    store->holders = 1;
    store->bytesMax = config->bytesMax;
    store->writingMax = writingMaxOf(&store->env);
    store->objectMax = config->objectMax < store->writingMax
                           ? config->objectMax
                           : store->writingMax;
    listInit(&store->writers);
    bufInit(&store->scratch.values, CACHE_VARY_MAX);
    commDeferInit(&store->endRead, onEndRead, store);
    rc = startQueue(store);
    store->changeSeen = cacheLmdbChangeSeq(store);
    if (rc == 0) {
        tellOpen(store);
        return &store->base;
    }
    debug(DBG_STORE, 0, "cache_dir %s: no thread: %s", config->path,
          cacheLmdbErrorText(-rc));
    cacheLmdbDrop(store);
    return NULL;
}
