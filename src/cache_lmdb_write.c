/* What is written to the database of stored responses: one op at a time, in
 * the transaction at hand. */
#include "cache_lmdb_priv.h"

#include <errno.h>
#include <stdlib.h>

#include "check.h"

static MDB_dbi
tableOf(const CacheLmdbTxn *txn, CacheLmdbTable table)
{
    return txn->env->tables[table];
}

/* 0; MDB_NOTFOUND when it is held by nobody. */
static int
readHeld(CacheLmdbTxn *txn, uint64_t id, CacheLmdbHeld *out)
{
    uint8_t number[8];
    MDB_val key = cacheLmdbNumber(number, id), val;

    int rc = mdb_get(txn->txn, tableOf(txn, CACHE_LMDB_HELD), &key, &val);
    if (rc == 0 && val.mv_size != sizeof(*out))
        rc = MDB_CORRUPTED;
    if (rc == 0)
        memcpy(out, val.mv_data, sizeof(*out));
    return rc;
}

static int
putHeld(CacheLmdbTxn *txn, uint64_t id, CacheLmdbHeldKind kind, uint32_t owner)
{
    CacheLmdbHeld held = {
        .until = txn->now + CACHE_LMDB_HELD_S, .kind = kind, .owner = owner};
    uint8_t number[8];
    MDB_val key = cacheLmdbNumber(number, id);
    MDB_val val = cacheLmdbVal(&held, sizeof(held));

    return mdb_put(txn->txn, tableOf(txn, CACHE_LMDB_HELD), &key, &val, 0);
}

/* A writer that slept for too long has lost its body to another process. */
static int
checkHeld(CacheLmdbTxn *txn, CacheLmdbBody *body)
{
    CacheLmdbHeld held;

    if (atomic_load(&body->hasFailed))
        return ECANCELED;
    int rc = readHeld(txn, body->id, &held);
    if (rc == MDB_NOTFOUND || (rc == 0 && held.kind != CACHE_LMDB_HELD_WRITE))
        return ECANCELED;
    return rc;
}

static int
putChunk(CacheLmdbTxn *txn, const CacheLmdbOp *op)
{
    CacheLmdbBodyKey name;
    MDB_val key = cacheLmdbBodyKey(&name, op->body->id, op->chunk);
    MDB_val val = {.mv_size = sizeof(uint64_t) + op->len};

    int rc = mdb_put(txn->txn, tableOf(txn, CACHE_LMDB_BODIES), &key, &val,
                     MDB_RESERVE);
    if (rc)
        return rc;
    uint64_t sum = cacheLmdbChunkSum(&name, op->data, op->len);
    memcpy(val.mv_data, &sum, sizeof(sum));
    memcpy((char *)val.mv_data + sizeof(sum), op->data, op->len);
    return 0;
}

static int
applyChunk(CacheLmdbTxn *txn, CacheLmdbOp *op)
{
    int rc = op->chunk == 0 ? 0 : checkHeld(txn, op->body);

    if (rc == 0)
        rc = putHeld(txn, op->body->id, CACHE_LMDB_HELD_WRITE,
                     (uint32_t)txn->env->epoch);
    return rc ? rc : putChunk(txn, op);
}

/* What is already there under the key of a record. */
typedef struct Siblings {
    bool hasTwin; /* of the same variant */
    CacheLmdbObjectKey twin;
    CacheLmdbRecord twinRecord;
    bool hasOldest;
    CacheLmdbObjectKey oldest; /* of all others */
    CacheLmdbRecord oldestRecord;
    unsigned count; /* of the others */
} Siblings;

typedef struct Variant {
    HttpSlice url;
    HttpSlice names;
    HttpSlice values;
    uint32_t keyClass;
} Variant;

static Variant
variantOf(const CacheLmdbStored *stored)
{
    return (Variant){stored->url, stored->stored.varyNames,
                     stored->stored.varyValues, stored->record.keyClass};
}

static void
noteSibling(Siblings *siblings, const MDB_val *key,
            const CacheLmdbStored *found, const Variant *variant)
{
    if (!httpSliceEqual(found->url, variant->url) ||
        found->record.keyClass != variant->keyClass)
        return;
    if (httpSliceEqual(found->stored.varyNames, variant->names) &&
        httpSliceEqual(found->stored.varyValues, variant->values)) {
        memcpy(&siblings->twin, key->mv_data, sizeof(siblings->twin));
        siblings->twinRecord = found->record;
        siblings->hasTwin = true;
        return;
    }
    memcpy(&siblings->oldest, key->mv_data, sizeof(siblings->oldest));
    siblings->oldestRecord = found->record;
    siblings->hasOldest = true;
    siblings->count++;
}

typedef int RecordCb(CacheLmdbTxn *txn, const MDB_val *key,
                     const CacheLmdbStored *found, void *data);

/* Call cb for each record under a digest, the newest first. cb may delete the
 * one it is called for by its key, nothing else. */
static int
forEachRecord(CacheLmdbTxn *txn, const uint8_t *digest, RecordCb *cb,
              void *data)
{
    CacheLmdbObjectKey from;
    MDB_val key = cacheLmdbObjectKey(&from, digest, UINT64_MAX), val;
    MDB_cursor *cursor;

    int rc =
        mdb_cursor_open(txn->txn, tableOf(txn, CACHE_LMDB_OBJECTS), &cursor);
    if (rc)
        return rc;
    rc = mdb_cursor_get(cursor, &key, &val, MDB_SET_RANGE);
    while (rc == 0 && memcmp(key.mv_data, digest, CACHE_LMDB_DIGEST) == 0) {
        CacheLmdbStored found;
        rc = cacheLmdbDecode(&key, &val, &found) ? cb(txn, &key, &found, data)
                                                 : MDB_CORRUPTED;
        if (rc == 0)
            rc = mdb_cursor_get(cursor, &key, &val, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

typedef struct SiblingsWanted {
    Siblings siblings;
    Variant variant;
} SiblingsWanted;

static int
onSibling(CacheLmdbTxn *txn, const MDB_val *key, const CacheLmdbStored *found,
          void *data)
{
    SiblingsWanted *wanted = data;

    (void)txn;
    noteSibling(&wanted->siblings, key, found, &wanted->variant);
    return 0;
}

static int
findSiblings(CacheLmdbTxn *txn, const uint8_t *digest, const Variant *variant,
             Siblings *out)
{
    SiblingsWanted wanted = {.variant = *variant};
    int rc = forEachRecord(txn, digest, onSibling, &wanted);

    *out = wanted.siblings;
    return rc;
}

/* Another process may have invalidated the key since the response was asked
 * for; what this one invalidated was seen on the loop. */
static int
checkChanges(CacheLmdbTxn *txn, const CacheLmdbOp *op)
{
    uint8_t number[8];

    for (uint64_t seq = op->changeSeq + 1; seq <= txn->state.changeSeq; seq++) {
        MDB_val key = cacheLmdbNumber(number, seq), val;
        int rc =
            mdb_get(txn->txn, tableOf(txn, CACHE_LMDB_CHANGES), &key, &val);
        CacheLmdbChange change;
        if (rc == MDB_NOTFOUND || rc)
            return rc == MDB_NOTFOUND ? ECANCELED : rc;
        if (val.mv_size != sizeof(change))
            return MDB_CORRUPTED;
        memcpy(&change, val.mv_data, sizeof(change));
        if (change.epoch != txn->env->epoch &&
            memcmp(change.digest, op->digest, sizeof(change.digest)) == 0)
            return ECANCELED;
    }
    return 0;
}

/* Put a record in front of its siblings. */
static int
putRecord(CacheLmdbTxn *txn, const uint8_t *digest, const char *data,
          size_t len)
{
    CacheLmdbObjectKey name;
    uint8_t number[8];
    uint64_t seq = ++txn->state.seq;
    MDB_val key = cacheLmdbObjectKey(&name, digest, seq);
    MDB_val val = {.mv_size = len};
    MDB_val order = cacheLmdbNumber(number, seq);

    int rc = mdb_put(txn->txn, tableOf(txn, CACHE_LMDB_OBJECTS), &key, &val,
                     MDB_RESERVE);
    if (rc)
        return rc;
    memcpy(val.mv_data, data, len);
    cacheLmdbSeal(val.mv_data, len, &name);
    return mdb_put(txn->txn, tableOf(txn, CACHE_LMDB_ORDER), &order, &key,
                   MDB_APPEND);
}

static int
deleteSiblings(CacheLmdbTxn *txn, const Siblings *siblings)
{
    int rc = 0;

    if (siblings->hasTwin)
        rc = cacheLmdbDelete(txn, &siblings->twin, &siblings->twinRecord);
    if (rc == 0 && siblings->hasOldest &&
        siblings->count >= CACHE_LMDB_VARIANTS_MAX) {
        txn->done.evictions++;
        rc = cacheLmdbDelete(txn, &siblings->oldest, &siblings->oldestRecord);
    }
    return rc;
}

/* The body has its record now. */
static int
releaseHeld(CacheLmdbTxn *txn, uint64_t id)
{
    uint8_t number[8];
    MDB_val key = cacheLmdbNumber(number, id);

    return mdb_del(txn->txn, tableOf(txn, CACHE_LMDB_HELD), &key, NULL);
}

static int
applyCommit(CacheLmdbTxn *txn, CacheLmdbOp *op)
{
    CacheLmdbStored stored;
    Siblings siblings;

    CHECK(cacheLmdbDecodeData(op->data, op->len, &stored));
    Variant variant = variantOf(&stored);
    int rc = op->body != NULL ? checkHeld(txn, op->body) : 0;
    if (rc == 0)
        rc = checkChanges(txn, op);
    if (rc == 0)
        rc = findSiblings(txn, op->digest, &variant, &siblings);
    if (rc == 0)
        rc = deleteSiblings(txn, &siblings);
    if (rc == 0)
        rc = putRecord(txn, op->digest, op->data, op->len);
    if (rc == 0 && op->body != NULL)
        rc = releaseHeld(txn, op->body->id);
    if (rc == 0)
        txn->done.stores++;
    return rc;
}

/* A record may be of another response than the one that was validated. */
static bool
isSameResponse(const CacheLmdbStored *a, const CacheLmdbStored *b)
{
    return a->record.length == b->record.length &&
           a->record.status == b->record.status &&
           a->record.lastModified == b->record.lastModified &&
           a->record.hasEtag == b->record.hasEtag &&
           httpSliceEqual(a->stored.validators.etag, b->stored.validators.etag);
}

typedef struct UpdateWanted {
    CacheLmdbStored old;
    bool isFound;
    CacheLmdbObjectKey key;
    CacheLmdbRecord record;
    char *data; /* the new record with the body of the old one */
    size_t len;
    const CacheLmdbStored *update;
} UpdateWanted;

static int
onUpdated(CacheLmdbTxn *txn, const MDB_val *key, const CacheLmdbStored *found,
          void *data)
{
    UpdateWanted *wanted = data;
    const Variant old = variantOf(&wanted->old);
    Siblings siblings = {0};

    (void)txn;
    noteSibling(&siblings, key, found, &old);
    if (wanted->isFound || !siblings.hasTwin ||
        !isSameResponse(found, &wanted->old))
        return 0;
    CacheLmdbRecord record = wanted->update->record;
    record.bodyId = found->record.bodyId;
    record.length = found->record.length;
    wanted->isFound = true;
    wanted->key = siblings.twin;
    wanted->record = found->record;
    wanted->data =
        cacheLmdbEncode(&record, &wanted->update->stored, wanted->update->url,
                        found->small, &wanted->len);
    return 0;
}

/* The record goes and its body stays. */
static int
replaceRecord(CacheLmdbTxn *txn, CacheLmdbOp *op, UpdateWanted *wanted)
{
    Siblings siblings;
    CacheLmdbRecord bare = wanted->record;

    bare.bodyId = 0;
    int rc = cacheLmdbDelete(txn, &wanted->key, &bare);
    Variant variant = variantOf(wanted->update);
    if (rc == 0)
        rc = findSiblings(txn, op->digest, &variant, &siblings);
    if (rc == 0)
        rc = deleteSiblings(txn, &siblings);
    if (rc == 0)
        rc = putRecord(txn, op->digest, wanted->data, wanted->len);
    if (rc == 0)
        txn->done.updates++;
    return rc;
}

static int
applyUpdate(CacheLmdbTxn *txn, CacheLmdbOp *op)
{
    CacheLmdbStored update;
    UpdateWanted wanted = {.update = &update};

    CHECK(cacheLmdbDecodeData(op->data, op->len, &update) &&
          cacheLmdbDecodeData(op->old, op->oldLen, &wanted.old));
    int rc = checkChanges(txn, op);
    if (rc == 0)
        rc = forEachRecord(txn, op->digest, onUpdated, &wanted);
    if (rc == 0 && wanted.isFound)
        rc = replaceRecord(txn, op, &wanted);
    free(wanted.data);
    return rc;
}

static int
onInvalid(CacheLmdbTxn *txn, const MDB_val *key, const CacheLmdbStored *found,
          void *data)
{
    CacheLmdbObjectKey name;

    (void)data;
    memcpy(&name, key->mv_data, sizeof(name));
    return cacheLmdbDelete(txn, &name, &found->record);
}

/* Other processes shall forget it, too. */
static int
putChange(CacheLmdbTxn *txn, const uint8_t *digest)
{
    CacheLmdbChange change = {.epoch = txn->env->epoch};
    uint8_t number[8];
    uint64_t seq = ++txn->state.changeSeq;
    MDB_dbi table = tableOf(txn, CACHE_LMDB_CHANGES);
    MDB_val key = cacheLmdbNumber(number, seq);
    MDB_val val = cacheLmdbVal(&change, sizeof(change));

    memcpy(change.digest, digest, sizeof(change.digest));
    int rc = mdb_put(txn->txn, table, &key, &val, MDB_APPEND);
    if (rc || seq <= CACHE_LMDB_CHANGES_MAX)
        return rc;
    cacheLmdbPutNumber(number, seq - CACHE_LMDB_CHANGES_MAX);
    rc = mdb_del(txn->txn, table, &key, NULL);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

/* Records of another URL with the same octets of a digest go with it. */
static int
applyInvalidate(CacheLmdbTxn *txn, CacheLmdbOp *op)
{
    int rc = forEachRecord(txn, op->digest, onInvalid, NULL);

    return rc ? rc : putChange(txn, op->digest);
}

static int
applyFree(CacheLmdbTxn *txn, CacheLmdbOp *op)
{
    uint64_t id = cacheLmdbGetNumber(op->data);
    CacheLmdbHeld held;
    int rc = readHeld(txn, id, &held);

    if (rc == MDB_NOTFOUND)
        return 0;
    if (rc == 0 && held.kind != CACHE_LMDB_HELD_READ)
        rc = cacheLmdbDeleteBody(txn, id);
    return rc;
}

/* Only of what is there, so that the table stays small. */
static int
touch(CacheLmdbTxn *txn, MDB_cursor *cursor, const uint8_t *digest)
{
    CacheLmdbObjectKey from;
    MDB_val key = cacheLmdbObjectKey(&from, digest, UINT64_MAX), val;
    MDB_val mark = cacheLmdbVal(digest, CACHE_LMDB_DIGEST), none = {0};

    int rc = mdb_cursor_get(cursor, &key, &val, MDB_SET_RANGE);
    if (rc == MDB_NOTFOUND)
        return 0;
    if (rc || memcmp(key.mv_data, digest, CACHE_LMDB_DIGEST) != 0)
        return rc;
    rc = mdb_put(txn->txn, tableOf(txn, CACHE_LMDB_TOUCHED), &mark, &none,
                 MDB_NOOVERWRITE);
    return rc == MDB_KEYEXIST ? 0 : rc;
}

static int
applyTouch(CacheLmdbTxn *txn, CacheLmdbOp *op)
{
    MDB_cursor *cursor;
    int rc =
        mdb_cursor_open(txn->txn, tableOf(txn, CACHE_LMDB_OBJECTS), &cursor);

    if (rc)
        return rc;
    for (size_t at = 0; rc == 0 && at < op->len; at += CACHE_LMDB_DIGEST)
        rc = touch(txn, cursor, (const uint8_t *)op->data + at);
    mdb_cursor_close(cursor);
    return rc;
}

typedef int ApplyCb(CacheLmdbTxn *txn, CacheLmdbOp *op);

static ApplyCb *const appliers[CACHE_LMDB_OP_COUNT] = {
    [CACHE_LMDB_OP_CHUNK] = applyChunk,
    [CACHE_LMDB_OP_COMMIT] = applyCommit,
    [CACHE_LMDB_OP_UPDATE] = applyUpdate,
    [CACHE_LMDB_OP_INVALIDATE] = applyInvalidate,
    [CACHE_LMDB_OP_FREE] = applyFree,
    [CACHE_LMDB_OP_TOUCH] = applyTouch,
};

int
cacheLmdbApply(CacheLmdbTxn *txn, CacheLmdbOp *op)
{
    int rc = appliers[op->kind](txn, op);

    if (rc != ECANCELED)
        return rc;
    /* Only this response fails, not what else is in the transaction. */
    txn->done.failures += op->kind == CACHE_LMDB_OP_COMMIT;
    if (op->body != NULL) {
        atomic_store(&op->body->hasFailed, true);
        cacheLmdbBodyDoom(&txn->env->bodies, op->body->id);
    }
    return 0;
}

int
cacheLmdbRenew(CacheLmdbTxn *txn, const uint64_t *ids, size_t count)
{
    const uint32_t own = (uint32_t)txn->env->epoch;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < count; i++) {
        CacheLmdbHeld held = {.kind = CACHE_LMDB_HELD_READ, .owner = own};
        rc = readHeld(txn, ids[i], &held);
        if (rc == MDB_NOTFOUND)
            rc = 0;
        if (rc == 0)
            rc = putHeld(txn, ids[i], held.kind, held.owner == own ? own : 0);
    }
    return rc;
}
