/* A store of responses in an LMDB database. DEBUG: section 20 */
#include "cache_lmdb_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/statvfs.h>

#include "check.h"
#include "debug.h"
#include "xalloc.h"

#define PENDING_MAX (16u * 1024 * 1024) /* octets that wait to be written */
#define ROOM_WANTED (2u * CACHE_LMDB_CHUNK)
#define PATIENCE_MS 2000
#define PAUSE_US (10 * INT64_C(1000000))
#define TOUCH_MS 5000
#define BUFFER_MIN 4096u
#define ID_BITS 40
#define FULL_BLOCKS 64 /* fewer are free where a batch found no room */
#define HEAD_MAX (100 * 1024)

typedef struct LmdbWriter {
    CacheWriter base;
    CacheLmdbStore *store;
    ListNode node; /* in store->writers */
    uint8_t digest[CACHE_LMDB_DIGEST];
    uint64_t changeSeq; /* when it was begun */
    char *record;       /* the head is without Content-Length */
    size_t recordLen;
    CacheLmdbBody *body; /* NULL: nothing was handed over yet */
    uint32_t chunks;
    char *buffer; /* the next chunk */
    size_t used;
    size_t size;
    uint64_t length;
    uint64_t expected;
    bool hasFailed;
    bool isCancelled;
    CacheRoomCb *roomCb; /* NULL: it does not wait */
    void *roomData;
} LmdbWriter;

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
    if (store->isBroken)
        return;
    rc = reasonOf(store, rc);
    debug(DBG_STORE, 0, "cache_dir %s: %s: %s", store->env.path,
          cacheLmdbErrorText(rc),
          cacheLmdbIsFatal(rc) ? "it is not used any more; remove its files "
                                 "to start anew"
                               : "nothing is stored there for now");
    store->isBroken = cacheLmdbIsFatal(rc);
    store->isFailing = true;
    store->pausedUntilUs = commClockUs() + PAUSE_US;
}

/* The thread has less to do: who waited for that may go on. */
static void
tellRoom(CacheLmdbStore *store)
{
    ListNode *it, *tmp;

    LIST_FOREACH(&store->writers, it, tmp) {
        LmdbWriter *writer = LIST_OBJ(it, LmdbWriter, node);
        CacheRoomCb *cb = writer->roomCb;
        writer->roomCb = NULL;
        if (cb != NULL)
            cb(writer->roomData);
    }
}

static void
forgetHidden(CacheLmdbStore *store)
{
    CacheLmdbHidden *hidden, *tmp;

    HASH_ITER(hh, store->hidden, hidden, tmp)
    {
        if (hidden->number > store->done.number)
            continue;
        HASH_DELETE(hh, store->hidden, hidden);
        free(hidden);
    }
}

/* hasStored: something was written since the last time. */
static void
noteResult(CacheLmdbStore *store, int error, bool hasStored)
{
    if (error && (!store->isFailing || cacheLmdbIsFatal(error)))
        cacheLmdbNoteError(store, error);
    else if (error)
        store->pausedUntilUs = commClockUs() + PAUSE_US;
    else if (store->isFailing && !store->isBroken && hasStored) {
        store->isFailing = false;
        complain(store, "responses are stored there again");
    }
}

/* A CacheLmdbDoneCb. */
static void
onDone(const CacheLmdbDone *done, void *data)
{
    CacheLmdbStore *store = data;

    CHECK_OBJ(&store->base, CACHE_STORE_MAGIC);
    bool hasStored = done->stores > store->done.stores;
    store->done = *done;
    store->stalledSinceUs = 0;
    cacheLmdbEndRead(store);
    cacheLmdbBodyForget(&store->env.bodies);
    forgetHidden(store);
    noteResult(store, done->error, hasStored);
    tellRoom(store);
}

/* Takes op; gone when there is nobody to do it. */
static uint64_t
push(CacheLmdbStore *store, CacheLmdbOp *op)
{
    if (store->queue != NULL)
        return cacheLmdbQueuePush(store->queue, op);
    cacheLmdbOpFree(&store->env, op);
    return UINT64_MAX;
}

static CacheLmdbOp *
createOp(CacheLmdbOpKind kind, const uint8_t *digest, char *data, size_t len)
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

    if (doomed == 0)
        return;
    char *data = xmalloc(sizeof(uint64_t));
    cacheLmdbPutNumber((uint8_t *)data, doomed);
    push(store, createOp(CACHE_LMDB_OP_FREE, NULL, data, sizeof(uint64_t)));
}

static void
flushTouches(CacheLmdbStore *store)
{
    CacheLmdbTouches *touches = &store->touches;
    size_t len = touches->count * (size_t)CACHE_LMDB_DIGEST;

    commTimerCancel(&touches->timer);
    if (len == 0)
        return;
    char *data = xmalloc(len);
    memcpy(data, touches->digests, len);
    push(store, createOp(CACHE_LMDB_OP_TOUCH, NULL, data, len));
    touches->count = 0;
    memset(touches->slots, 0, sizeof(touches->slots));
}

static void
onTouchTimer(void *data)
{
    CacheLmdbStore *store = data;

    store->touches.timer = NULL;
    flushTouches(store);
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
        flushTouches(store);
    else if (touches->timer == NULL)
        touches->timer = commTimerAdd(TOUCH_MS, onTouchTimer, store);
}

static bool
hasKey(CacheStore *base, const CacheKey *key)
{
    return cacheLmdbCount((CacheLmdbStore *)base, key) > 0;
}

static CacheWriter *
refuse(CacheLmdbStore *store, int error)
{
    store->stats.refusals++;
    errno = error;
    return NULL;
}

/* The record as far as it is known before the body. NULL: something cannot be
 * kept. */
static char *
encodeMeta(const CacheMeta *meta, size_t *lenOut)
{
    CacheLmdbRecord record = {.keyClass = meta->key->keyClass};
    CacheTexts texts;

    if (cacheTextsInit(&texts, meta))
        return NULL;
    CacheStored stored = cacheTextsStored(&texts, meta);
    char *data = cacheLmdbEncode(&record, &stored, meta->key->text,
                                 (HttpSlice){0}, lenOut);
    cacheTextsFini(&texts);
    return data;
}

/* With the line that tells the length of the body in its head. */
static char *
encodeWhole(const CacheLmdbStored *from, const CacheLmdbRecord *record,
            HttpSlice small, size_t *lenOut)
{
    CacheStored stored = from->stored;
    Buf head;
    char line[CACHE_LENGTH_LINE_MAX];
    size_t len = cacheLengthLine(stored.status, record->length, line);

    bufInit(&head, HEAD_MAX);
    bufAppend(&head, stored.head.data, stored.head.len);
    CHECK(bufAppend(&head, line, len) == 0);
    stored.head = cacheTextsSlice(&head);
    char *data = cacheLmdbEncode(record, &stored, from->url, small, lenOut);
    bufFini(&head);
    return data;
}

static uint64_t
changeSeqNow(CacheLmdbStore *store)
{
    CacheLmdbState state = {0};
    MDB_txn *txn = cacheLmdbRead(store);
    int rc = txn != NULL ? cacheLmdbReadState(&store->env, txn, &state) : 0;

    if (rc)
        cacheLmdbNoteError(store, rc);
    return state.changeSeq;
}

static CacheWriter *
beginWrite(CacheStore *base, const CacheMeta *meta)
{
    CacheLmdbStore *store = (CacheLmdbStore *)base;
    size_t len;

    if (meta->length != CACHE_LENGTH_UNKNOWN && meta->length > store->objectMax)
        return refuse(store, EFBIG);
    if (store->queue == NULL || store->isBroken ||
        commClockUs() < store->pausedUntilUs)
        return refuse(store, ENOSPC);
    char *record = encodeMeta(meta, &len);
    if (record == NULL)
        return refuse(store, EINVAL);
    LmdbWriter *writer = xcalloc(1, sizeof(*writer));
    writer->base.magic = CACHE_WRITER_MAGIC;
    writer->base.ops = &cacheLmdbOps;
    writer->store = store;
    memcpy(writer->digest, meta->key->digest, sizeof(writer->digest));
    writer->changeSeq = changeSeqNow(store);
    writer->record = record;
    writer->recordLen = len;
    writer->expected = meta->length;
    listPushBack(&store->writers, &writer->node);
    store->stats.writing++;
    return &writer->base;
}

static bool
isFull(const CacheLmdbStore *store, uint64_t need)
{
    return cacheLmdbQueueBytes(store->queue) + need > PENDING_MAX;
}

static void
onRoomTimer(void *data)
{
    CacheLmdbStore *store = data;

    store->roomTimer = NULL;
    tellRoom(store);
}

static bool
hasRoom(CacheWriter *base, CacheRoomCb *cb, void *data)
{
    LmdbWriter *writer = (LmdbWriter *)base;
    CacheLmdbStore *store = writer->store;
    int64_t now = commClockUs();

    if (!isFull(store, ROOM_WANTED))
        return true;
    if (store->stalledSinceUs == 0)
        store->stalledSinceUs = now;
    if (now - store->stalledSinceUs >= PATIENCE_MS * 1000)
        return true;
    writer->roomCb = cb;
    writer->roomData = data;
    if (store->roomTimer == NULL)
        store->roomTimer = commTimerAdd(PATIENCE_MS, onRoomTimer, store);
    return false;
}

/* Hand the buffer over. 0 or -ENOSPC. */
static int
pushChunk(LmdbWriter *writer)
{
    CacheLmdbStore *store = writer->store;

    if (isFull(store, writer->used) ||
        (writer->body != NULL && atomic_load(&writer->body->hasFailed)))
        return -ENOSPC;
    if (writer->body == NULL)
        writer->body = cacheLmdbBodyCreate(&store->env.bodies,
                                           store->env.epoch << ID_BITS |
                                               ++store->bodyCount);
    CacheLmdbOp *op = createOp(CACHE_LMDB_OP_CHUNK, writer->digest,
                               writer->buffer, writer->used);
    op->body = cacheLmdbBodyRef(&store->env.bodies, writer->body);
    op->chunk = writer->chunks++;
    writer->buffer = NULL;
    writer->used = writer->size = 0;
    push(store, op);
    return 0;
}

static void
growBuffer(LmdbWriter *writer)
{
    uint64_t want = writer->size * 2;

    if (writer->expected != CACHE_LENGTH_UNKNOWN)
        want = writer->expected - writer->length;
    if (want < BUFFER_MIN)
        want = BUFFER_MIN;
    if (want > CACHE_LMDB_CHUNK)
        want = CACHE_LMDB_CHUNK;
    if (want <= writer->size)
        want = CACHE_LMDB_CHUNK;
    writer->size = (size_t)want;
    writer->buffer = xrealloc(writer->buffer, writer->size);
}

static int
appendBody(LmdbWriter *writer, const char *data, size_t len)
{
    uint64_t max = writer->store->objectMax;
    int rc = 0;

    if (writer->expected < max)
        max = writer->expected;
    if (len > max - writer->length)
        return -EFBIG;
    while (rc == 0 && len > 0) {
        if (writer->used == writer->size)
            growBuffer(writer);
        size_t room = writer->size - writer->used;
        size_t part = len < room ? len : room;
        memcpy(writer->buffer + writer->used, data, part);
        writer->used += part;
        writer->length += part;
        data += part;
        len -= part;
        if (writer->used == CACHE_LMDB_CHUNK)
            rc = pushChunk(writer);
    }
    return rc;
}

static int
appendOctets(CacheWriter *base, const void *data, size_t len)
{
    LmdbWriter *writer = (LmdbWriter *)base;

    if (writer->hasFailed)
        return -EFBIG;
    int rc = appendBody(writer, data, len);
    if (rc) {
        writer->hasFailed = true;
        writer->store->stats.refusals++;
    }
    return rc;
}

static void
closeWriter(LmdbWriter *writer)
{
    CacheLmdbStore *store = writer->store;

    cacheLmdbDropBody(store, &writer->body);
    listRemove(&writer->node);
    store->stats.writing--;
    free(writer->record);
    free(writer->buffer);
    CHECK_OBJ_CLEAR(&writer->base);
    free(writer);
}

static void
abortWriter(CacheWriter *base)
{
    LmdbWriter *writer = (LmdbWriter *)base;
    CacheLmdbStore *store = writer->store;

    store->stats.aborts++;
    if (writer->body != NULL)
        cacheLmdbBodyDoom(&store->env.bodies, writer->body->id);
    closeWriter(writer);
}

static int
checkCommit(const LmdbWriter *writer)
{
    if (writer->hasFailed || (writer->expected != CACHE_LENGTH_UNKNOWN &&
                              writer->expected != writer->length))
        return -EPROTO;
    return writer->isCancelled ? -ECANCELED : 0;
}

static void
pushCommit(LmdbWriter *writer)
{
    CacheLmdbStore *store = writer->store;
    CacheLmdbStored stored;
    HttpSlice small = {0};
    size_t len;

    CHECK(cacheLmdbDecodeData(writer->record, writer->recordLen, &stored));
    CacheLmdbRecord record = stored.record;
    record.length = writer->length;
    if (writer->body != NULL)
        record.bodyId = writer->body->id;
    else
        small = httpSlice(writer->buffer, writer->used);
    char *data = encodeWhole(&stored, &record, small, &len);
    CacheLmdbOp *op = createOp(CACHE_LMDB_OP_COMMIT, writer->digest, data, len);
    op->changeSeq = writer->changeSeq;
    if (writer->body != NULL)
        op->body = cacheLmdbBodyRef(&store->env.bodies, writer->body);
    push(store, op);
}

/* It becomes visible later: objectOut stays NULL. */
static int
commitWriter(CacheWriter *base, CacheObject **objectOut)
{
    LmdbWriter *writer = (LmdbWriter *)base;
    int rc = checkCommit(writer);

    (void)objectOut;
    if (rc == 0 && writer->used > 0 &&
        (writer->body != NULL || writer->used > CACHE_LMDB_INLINE_MAX))
        rc = pushChunk(writer);
    else if (rc == 0 && isFull(writer->store, writer->recordLen))
        rc = -ENOSPC;
    if (rc) {
        abortWriter(base);
        return rc;
    }
    pushCommit(writer);
    closeWriter(writer);
    return 0;
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
    char *data = encodeMeta(meta, &len);

    if (data == NULL)
        return NULL;
    CHECK(cacheLmdbDecodeData(data, len, &stored));
    CacheLmdbRecord record = stored.record;
    record.length = old->length;
    char *whole = encodeWhole(&stored, &record, (HttpSlice){0}, &len);
    free(data);
    CacheLmdbOp *op =
        createOp(CACHE_LMDB_OP_UPDATE, meta->key->digest, whole, len);
    op->old = encodeObject(old, meta->key, &op->oldLen);
    op->changeSeq = changeSeqNow(store);
    return op;
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
    push(store, op);
    return &object->base;
}

void
cacheLmdbRefresh(CacheStore *base, const CacheObject *old,
                 const CacheMeta *meta)
{
    CacheLmdbStore *store = (CacheLmdbStore *)base;
    CacheLmdbOp *op = createUpdate(store, old, meta);

    if (op != NULL)
        push(store, op);
}

static void
hideKey(CacheLmdbStore *store, const CacheKey *key, uint64_t number)
{
    CacheLmdbHidden *hidden;

    HASH_FIND(hh, store->hidden, key->digest, CACHE_LMDB_DIGEST, hidden);
    if (hidden == NULL) {
        hidden = xcalloc(1, sizeof(*hidden));
        memcpy(hidden->digest, key->digest, sizeof(hidden->digest));
        HASH_ADD(hh, store->hidden, digest, sizeof(hidden->digest), hidden);
    }
    hidden->number = number;
}

static unsigned
invalidateKey(CacheStore *base, const CacheKey *key)
{
    CacheLmdbStore *store = (CacheLmdbStore *)base;
    ListNode *it, *tmp;
    unsigned count = cacheLmdbCount(store, key);

    LIST_FOREACH(&store->writers, it, tmp) {
        LmdbWriter *writer = LIST_OBJ(it, LmdbWriter, node);
        if (memcmp(writer->digest, key->digest, sizeof(writer->digest)) == 0)
            writer->isCancelled = true;
    }
    uint64_t number =
        push(store, createOp(CACHE_LMDB_OP_INVALIDATE, key->digest, NULL, 0));
    hideKey(store, key, number);
    store->stats.invalidations += count;
    return count;
}

static void
flushStore(CacheStore *base)
{
    CacheLmdbStore *store = (CacheLmdbStore *)base;

    flushTouches(store);
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
    flushTouches(store);
    commTimerCancel(&store->roomTimer);
    cacheLmdbQueueDestroy(&store->queue);
    store->done.number = UINT64_MAX;
    forgetHidden(store);
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
    if (txn == NULL || cacheLmdbReadState(&store->env, txn, &state))
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
    .write = beginWrite,
    .hasRoom = hasRoom,
    .append = appendOctets,
    .commit = commitWriter,
    .abort = abortWriter,
    .update = updateObject,
    .invalidate = invalidateKey,
    .flush = flushStore,
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
    store->objectMax = config->objectMax;
    listInit(&store->writers);
    bufInit(&store->scratch.values, CACHE_VARY_MAX);
    commDeferInit(&store->endRead, onEndRead, store);
    rc = startQueue(store);
    store->changeSeen = changeSeqNow(store);
    if (rc == 0)
        return &store->base;
    debug(DBG_STORE, 0, "cache_dir %s: no thread: %s", config->path,
          cacheLmdbErrorText(-rc));
    cacheLmdbDrop(store);
    return NULL;
}
