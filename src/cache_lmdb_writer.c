/* Writers of responses to the database. */
#include "cache_lmdb_priv.h"

#include <errno.h>
#include <stdlib.h>

#include "check.h"
#include "xalloc.h"

#define ROOM_WANTED (2u * CACHE_LMDB_CHUNK)
#define PATIENCE_MS 5000
#define BUFFER_MIN 4096u
#define ID_BITS 40
#define HEAD_MAX (100 * 1024)

typedef struct LmdbWriter {
    CacheWriter base;
    CacheLmdbStore *store;
    ListNode node;      /* in store->writers */
    CacheKey key;       /* without its text, which the record has */
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
    uint64_t reserved; /* of store->writingMax */
    bool hasFailed;
    bool isCancelled;
    CacheRoomCb *roomCb; /* NULL: it does not wait */
    void *roomData;
} LmdbWriter;

void
cacheLmdbTellRoom(CacheLmdbStore *store)
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

static CacheWriter *
refuse(CacheLmdbStore *store, int error)
{
    store->stats.refusals++;
    errno = error;
    return NULL;
}

char *
cacheLmdbEncodeMeta(const CacheMeta *meta, size_t *lenOut)
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

char *
cacheLmdbEncodeWhole(const CacheLmdbStored *from, const CacheLmdbRecord *record,
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

/* Bodies that are not complete cannot be evicted: more than fit together would
 * push out all that is stored, and then fail. */
static bool
reserve(LmdbWriter *writer, uint64_t length)
{
    CacheLmdbStore *store = writer->store;

    if (length <= writer->reserved)
        return true;
    uint64_t more = length - writer->reserved;
    if (more > store->writingMax - store->writingBytes)
        return false;
    store->writingBytes += more;
    writer->reserved = length;
    return true;
}

CacheWriter *
cacheLmdbBegin(CacheStore *base, const CacheMeta *meta)
{
    CacheLmdbStore *store = (CacheLmdbStore *)base;
    size_t len;

    if (meta->length != CACHE_LENGTH_UNKNOWN && meta->length > store->objectMax)
        return refuse(store, EFBIG);
    if (store->queue == NULL || store->isBroken ||
        commClockUs() < store->pausedUntilUs ||
        (meta->length != CACHE_LENGTH_UNKNOWN &&
         meta->length > store->writingMax - store->writingBytes))
        return refuse(store, ENOSPC);
    char *record = cacheLmdbEncodeMeta(meta, &len);
    if (record == NULL)
        return refuse(store, EINVAL);
    LmdbWriter *writer = xcalloc(1, sizeof(*writer));
    writer->base.magic = CACHE_WRITER_MAGIC;
    writer->base.ops = &cacheLmdbOps;
    writer->store = store;
    writer->key = *meta->key;
    writer->changeSeq = cacheLmdbChangeSeq(store);
    writer->record = record;
    writer->recordLen = len;
    writer->expected = meta->length;
    listPushBack(&store->writers, &writer->node);
    reserve(writer, meta->length != CACHE_LENGTH_UNKNOWN ? meta->length : 0);
    store->stats.writing++;
    return &writer->base;
}

static bool
isFull(const CacheLmdbStore *store, uint64_t need)
{
    return cacheLmdbQueueBytes(store->queue) + need > store->env.pendingMax;
}

static void
onRoomTimer(void *data)
{
    CacheLmdbStore *store = data;

    store->roomTimer = NULL;
    cacheLmdbTellRoom(store);
}

bool
cacheLmdbHasRoom(CacheWriter *base, CacheRoomCb *cb, void *data)
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
    CacheLmdbOp *op = cacheLmdbOpCreate(CACHE_LMDB_OP_CHUNK, writer->key.digest,
                                        writer->buffer, writer->used);
    op->body = cacheLmdbBodyRef(&store->env.bodies, writer->body);
    op->chunk = writer->chunks++;
    op->nextOfBody = writer->body->pending;
    writer->body->pending = op;
    writer->buffer = NULL;
    writer->used = writer->size = 0;
    cacheLmdbPush(store, op);
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

/* Who reads along finds the octets that are in no chunk yet. */
static void
showRest(LmdbWriter *writer)
{
    CacheLmdbObject *object = (CacheLmdbObject *)writer->base.object;

    if (object == NULL)
        return;
    if (object->body == NULL && writer->body != NULL)
        object->body =
            cacheLmdbBodyRef(&writer->store->env.bodies, writer->body);
    object->small = httpSlice(writer->buffer, writer->used);
    object->smallChunk = writer->chunks;
}

/* Who has read along keeps it, and the writer goes on. */
static void
copyRest(LmdbWriter *writer)
{
    CacheLmdbObject *object = (CacheLmdbObject *)writer->base.object;

    if (object == NULL)
        return;
    showRest(writer);
    object->rest = xmalloc(writer->used + 1);
    if (writer->used > 0)
        memcpy(object->rest, writer->buffer, writer->used);
    object->small = httpSlice(object->rest, writer->used);
}

/* Readers keep what the file will never have. */
static void
leaveRest(LmdbWriter *writer)
{
    CacheLmdbObject *object = (CacheLmdbObject *)writer->base.object;

    if (object == NULL)
        return;
    showRest(writer);
    object->rest = writer->buffer;
    writer->buffer = NULL;
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
    if (!reserve(writer, writer->length + len))
        return -ENOSPC;
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

int
cacheLmdbAppend(CacheWriter *base, const void *data, size_t len)
{
    LmdbWriter *writer = (LmdbWriter *)base;

    if (writer->hasFailed)
        return -EFBIG;
    int rc = appendBody(writer, data, len);
    if (rc) {
        writer->hasFailed = true;
        writer->store->stats.refusals++;
    }
    showRest(writer);
    return rc;
}

/* The head as it is known: with the length, or without. */
static CacheLmdbObject *
createShown(LmdbWriter *writer)
{
    CacheLmdbStored stored;
    char *whole = NULL;
    size_t len;

    CHECK(cacheLmdbDecodeData(writer->record, writer->recordLen, &stored));
    if (writer->expected != CACHE_LENGTH_UNKNOWN) {
        CacheLmdbRecord record = stored.record;
        record.length = writer->expected;
        whole = cacheLmdbEncodeWhole(&stored, &record, (HttpSlice){0}, &len);
        CHECK(cacheLmdbDecodeData(whole, len, &stored));
    }
    CacheLmdbObject *object =
        cacheLmdbCreateObject(writer->store, &stored, NULL);
    free(whole);
    return object;
}

CacheObject *
cacheLmdbShow(CacheWriter *base)
{
    LmdbWriter *writer = (LmdbWriter *)base;
    CacheLmdbObject *object = createShown(writer);
    CacheObject *shown =
        cacheWriterShow(base, &object->base, writer->length, writer->expected);

    showRest(writer);
    return shown;
}

int
cacheLmdbChangeWriter(CacheWriter *base, const CacheMeta *meta)
{
    LmdbWriter *writer = (LmdbWriter *)base;
    size_t len;
    char *record;

    if (writer->isCancelled)
        return -ECANCELED;
    record = cacheLmdbEncodeMeta(meta, &len);
    if (record == NULL) {
        writer->hasFailed = true;
        return -EINVAL;
    }
    copyRest(writer);
    free(writer->record);
    writer->record = record;
    writer->recordLen = len;
    writer->key = *meta->key;
    writer->expected = meta->length;
    return 0;
}

static void
closeWriter(LmdbWriter *writer)
{
    CacheLmdbStore *store = writer->store;

    leaveRest(writer);
    cacheLmdbDropBody(store, &writer->body);
    listRemove(&writer->node);
    store->stats.writing--;
    store->writingBytes -= writer->reserved;
    free(writer->record);
    free(writer->buffer);
    CHECK_OBJ_CLEAR(&writer->base);
    free(writer);
}

void
cacheLmdbAbort(CacheWriter *base)
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

/* The record on its way, found from now on. */
static void
pushCommit(LmdbWriter *writer, CacheObject **objectOut)
{
    CacheLmdbStore *store = writer->store;
    CacheLmdbBody *body = NULL;
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
    char *data = cacheLmdbEncodeWhole(&stored, &record, small, &len);
    CacheLmdbOp *op =
        cacheLmdbOpCreate(CACHE_LMDB_OP_COMMIT, writer->key.digest, data, len);
    op->changeSeq = writer->changeSeq;
    if (writer->body != NULL) {
        op->body = cacheLmdbBodyRef(&store->env.bodies, writer->body);
        body = cacheLmdbBodyRef(&store->env.bodies, writer->body);
    }
    CHECK(cacheLmdbDecodeData(data, len, &stored));
    CacheLmdbObject *object = cacheLmdbCreateObject(store, &stored, body);
    writer->key.text = stored.url;
    if (objectOut != NULL)
        *objectOut = cacheObjectRef(&object->base);
    cacheLmdbPendingAdd(store, &writer->key, object, cacheLmdbPush(store, op));
}

int
cacheLmdbCommit(CacheWriter *base, CacheObject **objectOut)
{
    LmdbWriter *writer = (LmdbWriter *)base;
    int rc = checkCommit(writer);

    if (rc == 0 && writer->used > 0 &&
        (writer->body != NULL || writer->used > CACHE_LMDB_INLINE_MAX))
        rc = pushChunk(writer);
    else if (rc == 0 && isFull(writer->store, writer->recordLen))
        rc = -ENOSPC;
    if (rc) {
        cacheLmdbAbort(base);
        return rc;
    }
    pushCommit(writer, objectOut);
    closeWriter(writer);
    return 0;
}

void
cacheLmdbCancelWriters(CacheLmdbStore *store, const uint8_t *digest)
{
    ListNode *it, *tmp;

    LIST_FOREACH(&store->writers, it, tmp) {
        LmdbWriter *writer = LIST_OBJ(it, LmdbWriter, node);
        if (memcmp(writer->key.digest, digest, CACHE_LMDB_DIGEST) == 0)
            writer->isCancelled = true;
    }
}
