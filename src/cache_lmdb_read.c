/* Finding and reading stored responses in the database. */
#include "cache_lmdb_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "check.h"
#include "xalloc.h"

#define PIECES_MAX 4
#define PAGE_SIZE 4096u

MDB_txn *
cacheLmdbRead(CacheLmdbStore *store)
{
    int rc = 0;

    if (store->isReading || store->isBroken)
        return store->isBroken ? NULL : store->txn;
    if (store->txn != NULL)
        rc = mdb_txn_renew(store->txn);
    else
        rc = mdb_txn_begin(store->env.env, NULL, MDB_RDONLY, &store->txn);
    if (rc == 0 && store->cursor != NULL)
        rc = mdb_cursor_renew(store->txn, store->cursor);
    else if (rc == 0)
        rc = mdb_cursor_open(store->txn, store->env.tables[CACHE_LMDB_OBJECTS],
                             &store->cursor);
    if (rc) {
        cacheLmdbNoteError(store, rc);
        return NULL;
    }
    store->isReading = true;
    commDefer(&store->endRead);
    return store->txn;
}

void
cacheLmdbEndRead(CacheLmdbStore *store)
{
    if (!store->isReading)
        return;
    store->isReading = false;
    mdb_txn_reset(store->txn);
}

typedef bool FoundCb(CacheLmdbStore *store, const CacheLmdbStored *found,
                     void *data);

/* Call cb for each record of this key, the newest first, until it returns
 * false. */
static void
forEachRecord(CacheLmdbStore *store, const CacheKey *key, FoundCb *cb,
              void *data)
{
    CacheLmdbObjectKey from;
    MDB_val name = cacheLmdbObjectKey(&from, key->digest, UINT64_MAX), val;
    MDB_txn *txn = cacheLmdbRead(store);
    bool goOn = true;

    if (txn == NULL || cacheLmdbIsHidden(store, key->digest))
        return;
    int rc = mdb_cursor_get(store->cursor, &name, &val, MDB_SET_RANGE);
    while (goOn && rc == 0 &&
           memcmp(name.mv_data, key->digest, CACHE_LMDB_DIGEST) == 0) {
        CacheLmdbStored found;
        if (!cacheLmdbDecode(&name, &val, &found))
            rc = MDB_CORRUPTED;
        else if (found.record.keyClass == key->keyClass &&
                 httpSliceEqual(found.url, key->text))
            goOn = cb(store, &found, data);
        if (goOn && rc == 0)
            rc = mdb_cursor_get(store->cursor, &name, &val, MDB_NEXT);
    }
    if (rc && rc != MDB_NOTFOUND)
        cacheLmdbNoteError(store, rc);
}

static HttpSlice
putText(char **at, HttpSlice text)
{
    HttpSlice copy = httpSlice(*at, text.len);

    if (text.len)
        memcpy(*at, text.data, text.len);
    *at += text.len;
    return copy;
}

CacheLmdbObject *
cacheLmdbCreateObject(CacheLmdbStore *store, const CacheLmdbStored *from,
                      CacheLmdbBody *body)
{
    const CacheStored *stored = &from->stored;
    CacheLmdbObject *object = xcalloc(1, sizeof(*object));
    CacheObject *base = &object->base;
    char *at = xmalloc(stored->validators.etag.len + stored->varyNames.len +
                       stored->varyValues.len + stored->head.len +
                       from->small.len + 1);

    *base = (CacheObject){
        .magic = CACHE_OBJECT_MAGIC,
        .refs = 1,
        .ops = &cacheLmdbOps,
        .isFromDisk = true,
        .status = stored->status,
        .length = from->record.length,
        .freshness = *stored->freshness,
        .validators = stored->validators,
    };
    object->text = at;
    object->store = store;
    object->body = body;
    store->holders++;
    if (base->validators.etag.data)
        base->validators.etag = putText(&at, stored->validators.etag);
    base->varyNames = putText(&at, stored->varyNames);
    base->varyValues = putText(&at, stored->varyValues);
    base->head = putText(&at, stored->head);
    object->small = putText(&at, from->small);
    return object;
}

typedef struct Wanted {
    const HttpHeaders *request;
    CacheLmdbObject *object;
} Wanted;

static bool
onVariant(CacheLmdbStore *store, const CacheLmdbStored *found, void *data)
{
    Wanted *wanted = data;
    CacheLmdbBody *body = NULL;

    if (!cacheVaryIsFor(&store->scratch, found->stored.varyNames,
                        found->stored.varyValues, wanted->request))
        return true;
    if (found->record.bodyId != 0) {
        body = cacheLmdbBodyFind(&store->env.bodies, found->record.bodyId);
        if (body == NULL)
            return true;
    }
    wanted->object = cacheLmdbCreateObject(store, found, body);
    return false;
}

CacheObject *
cacheLmdbLookup(CacheStore *base, const CacheKey *key,
                const HttpHeaders *request)
{
    CacheLmdbStore *store = (CacheLmdbStore *)base;
    Wanted wanted = {.request = request};

    store->scratch.namesDone = (HttpSlice){0};
    store->stats.lookups++;
    if (!store->isBroken)
        wanted.object = cacheLmdbPendingFind(store, key, request);
    if (wanted.object != NULL)
        cacheObjectRef(&wanted.object->base);
    else
        forEachRecord(store, key, onVariant, &wanted);
    if (wanted.object == NULL) {
        store->stats.misses++;
        return NULL;
    }
    store->stats.hits++;
    cacheLmdbTouch(base, key);
    return &wanted.object->base;
}

static bool
onCounted(CacheLmdbStore *store, const CacheLmdbStored *found, void *data)
{
    unsigned *count = data;

    (void)store;
    (void)found;
    ++*count;
    return true;
}

unsigned
cacheLmdbCount(CacheLmdbStore *store, const CacheKey *key)
{
    unsigned count = cacheLmdbPendingCount(store, key);

    forEachRecord(store, key, onCounted, &count);
    return count;
}

typedef struct Twin {
    const CacheObject *object;
    bool isThere;
} Twin;

static bool
onTwin(CacheLmdbStore *store, const CacheLmdbStored *found, void *data)
{
    Twin *twin = data;
    const CacheObject *object = twin->object;
    const CacheLmdbBody *body = ((const CacheLmdbObject *)object)->body;
    const HttpValidators *validators = &found->stored.validators;

    (void)store;
    if (!httpSliceEqual(found->stored.varyNames, object->varyNames) ||
        !httpSliceEqual(found->stored.varyValues, object->varyValues))
        return true;
    twin->isThere =
        found->record.bodyId == (body != NULL ? body->id : 0) &&
        found->record.length == object->length &&
        validators->lastModified == object->validators.lastModified &&
        httpSliceEqual(validators->etag, object->validators.etag);
    return false;
}

bool
cacheLmdbHasTwin(CacheLmdbStore *store, const CacheKey *key,
                 const CacheObject *object)
{
    Twin twin = {.object = object};

    forEachRecord(store, key, onTwin, &twin);
    return twin.isThere;
}

static CacheListing
listingOf(const CacheLmdbStored *found)
{
    const CacheStored *stored = &found->stored;

    return (CacheListing){
        .level = "disk",
        .keyClass = (CacheKeyClass)found->record.keyClass,
        .url = found->url,
        .varyNames = stored->varyNames,
        .varyValues = stored->varyValues,
        .head = stored->head,
        .status = stored->status,
        .length = found->record.length,
        .freshness = stored->freshness,
    };
}

/* The cursor is the key of the next record. */
bool
cacheLmdbList(CacheStore *base, CacheCursor *cursor, unsigned max,
              CacheListCb *cb, void *data)
{
    CacheLmdbStore *store = (CacheLmdbStore *)base;
    MDB_val key = cacheLmdbVal(cursor->octets + 1, sizeof(CacheLmdbObjectKey));
    MDB_val val;

    if (cacheLmdbRead(store) == NULL)
        return false;
    int rc = mdb_cursor_get(store->cursor, &key, &val, MDB_SET_RANGE);
    for (unsigned count = 0; rc == 0 && count < max; count++) {
        CacheLmdbStored found;
        if (cacheLmdbDecode(&key, &val, &found)) {
            const CacheListing listing = listingOf(&found);
            cb(&listing, data);
        }
        rc = mdb_cursor_get(store->cursor, &key, &val, MDB_NEXT);
    }
    if (rc == 0 && key.mv_size == sizeof(CacheLmdbObjectKey))
        memcpy(cursor->octets + 1, key.mv_data, key.mv_size);
    return rc == 0;
}

typedef struct ListWanted {
    CacheListCb *cb;
    void *data;
} ListWanted;

static bool
onListed(CacheLmdbStore *store, const CacheLmdbStored *found, void *data)
{
    const ListWanted *wanted = data;
    const CacheListing listing = listingOf(found);

    (void)store;
    wanted->cb(&listing, wanted->data);
    return true;
}

void
cacheLmdbListKey(CacheStore *store, const CacheKey *key, CacheListCb *cb,
                 void *data)
{
    ListWanted wanted = {cb, data};

    cacheLmdbPendingList((const CacheLmdbStore *)store, key, cb, data);
    forEachRecord((CacheLmdbStore *)store, key, onListed, &wanted);
}

/* Have it read from the disk meanwhile. */
static void
askAhead(const MDB_val *val)
{
    uintptr_t start = (uintptr_t)val->mv_data & ~(uintptr_t)(PAGE_SIZE - 1);
    uintptr_t end = (uintptr_t)val->mv_data + val->mv_size;

    madvise((void *)start, end - start, MADV_WILLNEED);
}

static int
findChunk(CacheLmdbStore *store, const CacheLmdbBodyKey *name, MDB_val *valOut)
{
    MDB_val key = cacheLmdbVal(name, sizeof(*name));

    return mdb_get(store->txn, store->env.tables[CACHE_LMDB_BODIES], &key,
                   valOut);
}

static void
askForNext(CacheLmdbStore *store, uint64_t id, uint32_t chunk)
{
    CacheLmdbBodyKey name;
    MDB_val val;

    cacheLmdbBodyKey(&name, id, chunk);
    if (findChunk(store, &name, &val) == 0)
        askAhead(&val);
}

/* A chunk that is not in the file yet, as the op that writes it. */
static const CacheLmdbOp *
findPending(const CacheLmdbBody *body, uint32_t chunk)
{
    const CacheLmdbOp *op = body->pending;

    while (op != NULL && op->chunk != chunk)
        op = op->nextOfBody;
    return op;
}

/* Of what is arriving only the last chunk will be smaller, and that is still
 * with the writer. */
static size_t
chunkLen(const CacheLmdbObject *object, uint32_t chunk)
{
    uint64_t left = object->base.length - (uint64_t)chunk * CACHE_LMDB_CHUNK;

    return left < CACHE_LMDB_CHUNK &&
                   object->base.state == CACHE_OBJECT_WHOLE
               ? (size_t)left
               : CACHE_LMDB_CHUNK;
}

/* The octets of a chunk; each is checked when it is read first. 0 or -EIO. */
static int
readChunk(CacheReader *reader, uint32_t chunk, HttpSlice *out)
{
    const CacheLmdbObject *object = (const CacheLmdbObject *)reader->object;
    CacheLmdbStore *store = object->store;
    size_t len = chunkLen(object, chunk);
    CacheLmdbBodyKey name;
    MDB_val val;
    uint64_t sum;

    if (object->small.len > 0 && chunk == object->smallChunk) {
        *out = object->small;
        return 0;
    }
    if (object->body == NULL || cacheLmdbRead(store) == NULL)
        return -EIO;
    const CacheLmdbOp *op = findPending(object->body, chunk);
    if (op != NULL) {
        *out = httpSlice(op->data, op->len);
        return op->len == len ? 0 : -EIO;
    }
    cacheLmdbBodyKey(&name, object->body->id, chunk);
    int rc = findChunk(store, &name, &val);
    if (rc && rc != MDB_NOTFOUND)
        cacheLmdbNoteError(store, rc);
    if (rc || val.mv_size != sizeof(sum) + len)
        return -EIO;
    *out = httpSlice((const char *)val.mv_data + sizeof(sum), len);
    if (chunk < reader->chunkOffset)
        return 0;
    if (chunk == 0 || chunk != reader->chunkOffset)
        askAhead(&val); /* else it was the next one before */
    askForNext(store, object->body->id, chunk + 1);
    memcpy(&sum, val.mv_data, sizeof(sum));
    if (sum != cacheLmdbChunkSum(&name, out->data, len)) {
        cacheLmdbNoteError(store, MDB_CORRUPTED);
        return -EIO;
    }
    reader->chunkOffset = chunk + 1;
    return 0;
}

static struct iovec
pieceOf(HttpSlice text, size_t from)
{
    return (struct iovec){.iov_base = (void *)(uintptr_t)(text.data + from),
                          .iov_len = text.len - from};
}

int
cacheLmdbPeek(CacheReader *reader, struct iovec *iov, int max)
{
    uint64_t offset = reader->offset;
    uint64_t limit = cacheReaderLimit(reader);
    int count = 0;

    while (count < max && count < PIECES_MAX && offset < limit) {
        HttpSlice octets;
        uint32_t chunk = (uint32_t)(offset / CACHE_LMDB_CHUNK);
        int rc = readChunk(reader, chunk, &octets);
        if (rc)
            return count > 0 ? count : rc;
        iov[count++] = pieceOf(octets, (size_t)(offset % CACHE_LMDB_CHUNK));
        offset = (uint64_t)(chunk + 1) * CACHE_LMDB_CHUNK;
    }
    return count;
}

void
cacheLmdbAdvance(CacheReader *reader, size_t len)
{
    reader->offset += len;
}
