/* What is removed from the database of stored responses, and when. */
#include "cache_lmdb_priv.h"

#include <errno.h>
#include <stdlib.h>

#define PASSES_MAX 256     /* records that the hand passes before one must go */
#define LOOKS_MAX 4096     /* records that one search looks at */
#define EVICTION_COST 4096 /* octets that one makes a transaction write */
#define ROOM_BATCHES 2
#define ROUNDS_MAX 64 /* transactions that make room for one batch */

static MDB_dbi
tableOf(const CacheLmdbTxn *txn, CacheLmdbTable table)
{
    return txn->env->tables[table];
}

/* Absence is no error. */
static int
deleteKey(CacheLmdbTxn *txn, CacheLmdbTable table, const void *key, size_t len)
{
    MDB_val val = cacheLmdbVal(key, len);
    int rc = mdb_del(txn->txn, tableOf(txn, table), &val, NULL);

    return rc == MDB_NOTFOUND ? 0 : rc;
}

/* owner: the only process that holds it, or 0. */
static int
putOrphan(CacheLmdbTxn *txn, uint64_t id, int64_t until, uint32_t owner)
{
    CacheLmdbHeld held = {
        .until = until, .kind = CACHE_LMDB_HELD_ORPHAN, .owner = owner};
    uint8_t number[8];
    MDB_val key = cacheLmdbNumber(number, id);
    MDB_val val = cacheLmdbVal(&held, sizeof(held));

    return mdb_put(txn->txn, tableOf(txn, CACHE_LMDB_HELD), &key, &val, 0);
}

/* Until when another process holds a body; 0: none does. */
static int
heldUntil(CacheLmdbTxn *txn, uint64_t id, int64_t *untilOut)
{
    CacheLmdbHeld held;
    uint8_t number[8];
    MDB_val key = cacheLmdbNumber(number, id), val;

    *untilOut = 0;
    int rc = mdb_get(txn->txn, tableOf(txn, CACHE_LMDB_HELD), &key, &val);
    if (rc == 0 && val.mv_size != sizeof(held))
        rc = MDB_CORRUPTED;
    if (rc)
        return rc == MDB_NOTFOUND ? 0 : rc;
    memcpy(&held, val.mv_data, sizeof(held));
    if (held.owner != (uint32_t)txn->env->epoch &&
        !cacheLmdbOwnerIsGone(txn->env, held.owner))
        *untilOut = held.until;
    return 0;
}

/* True in *isAllOut when there are no more chunks. */
static int
deleteChunks(CacheLmdbTxn *txn, uint64_t id, bool *isAllOut)
{
    CacheLmdbBodyKey from;
    MDB_val key = cacheLmdbBodyKey(&from, id, 0), val;
    MDB_cursor *cursor;

    int rc =
        mdb_cursor_open(txn->txn, tableOf(txn, CACHE_LMDB_BODIES), &cursor);
    if (rc)
        return rc;
    rc = mdb_cursor_get(cursor, &key, &val, MDB_SET_RANGE);
    while (rc == 0 && memcmp(key.mv_data, from.id, sizeof(from.id)) == 0 &&
           txn->deletes > 0) {
        txn->deletes--;
        rc = mdb_cursor_del(cursor, 0);
        if (rc == 0)
            rc = mdb_cursor_get(cursor, &key, &val, MDB_NEXT);
    }
    *isAllOut = rc == MDB_NOTFOUND ||
                (rc == 0 && memcmp(key.mv_data, from.id, sizeof(from.id)) != 0);
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

int
cacheLmdbDeleteBody(CacheLmdbTxn *txn, uint64_t id)
{
    uint8_t number[8];
    bool isAll;
    int rc = deleteChunks(txn, id, &isAll);

    if (rc)
        return rc;
    cacheLmdbPutNumber(number, id);
    if (isAll)
        return deleteKey(txn, CACHE_LMDB_HELD, number, sizeof(number));
    txn->hasOrphans = true;
    return putOrphan(txn, id, 0, 0);
}

/* Remove a body without a record, unless somebody reads it. */
static int
dropBody(CacheLmdbTxn *txn, uint64_t id)
{
    int64_t until;
    int rc = heldUntil(txn, id, &until);

    if (rc)
        return rc;
    bool isOurs = until <= txn->now;
    if (!cacheLmdbBodyDoom(&txn->env->bodies, id)) {
        if (until < txn->now + CACHE_LMDB_HELD_S)
            until = txn->now + CACHE_LMDB_HELD_S;
        return putOrphan(txn, id, until,
                         isOurs ? (uint32_t)txn->env->epoch : 0);
    }
    if (!isOurs)
        return putOrphan(txn, id, until, 0);
    return cacheLmdbDeleteBody(txn, id);
}

int
cacheLmdbDelete(CacheLmdbTxn *txn, const CacheLmdbObjectKey *key,
                const CacheLmdbRecord *record)
{
    uint8_t number[8];
    MDB_val val = cacheLmdbVal(key, sizeof(*key));

    cacheLmdbPutNumber(number, cacheLmdbObjectSeq(&val));
    int rc = deleteKey(txn, CACHE_LMDB_OBJECTS, key, sizeof(*key));
    if (rc == 0)
        rc = deleteKey(txn, CACHE_LMDB_ORDER, number, sizeof(number));
    if (rc == 0 && record->bodyId != 0)
        rc = dropBody(txn, record->bodyId);
    return rc;
}

/* True when no other process that lives holds it. */
static bool
isDue(const CacheLmdbTxn *txn, const CacheLmdbHeld *held)
{
    return held->until <= txn->now ||
           held->owner == (uint32_t)txn->env->epoch ||
           cacheLmdbOwnerIsGone(txn->env, held->owner);
}

/* One entry of HELD that is due. */
static int
reclaimOne(CacheLmdbTxn *txn, uint64_t id, const CacheLmdbHeld *held)
{
    uint8_t number[8];

    if (cacheLmdbBodyIsUsed(&txn->env->bodies, id))
        return 0;
    if (held->kind != CACHE_LMDB_HELD_READ)
        return cacheLmdbDeleteBody(txn, id);
    cacheLmdbPutNumber(number, id);
    return deleteKey(txn, CACHE_LMDB_HELD, number, sizeof(number));
}

int
cacheLmdbReclaim(CacheLmdbTxn *txn)
{
    MDB_val key, val;
    MDB_cursor *cursor;
    uint8_t last[8] = {0};

    txn->hasOrphans = false;
    int rc = mdb_cursor_open(txn->txn, tableOf(txn, CACHE_LMDB_HELD), &cursor);
    if (rc)
        return rc;
    key = cacheLmdbVal(last, sizeof(last));
    /* Found anew each time, since entries come and go meanwhile. */
    while ((rc = mdb_cursor_get(cursor, &key, &val, MDB_SET_RANGE)) == 0 &&
           txn->deletes > 0) {
        CacheLmdbHeld held;
        if (key.mv_size != sizeof(last) || val.mv_size != sizeof(held)) {
            rc = MDB_CORRUPTED;
            break;
        }
        memcpy(&held, val.mv_data, sizeof(held));
        uint64_t id = cacheLmdbGetNumber(key.mv_data);
        if (isDue(txn, &held) && (rc = reclaimOne(txn, id, &held)) != 0)
            break;
        cacheLmdbPutNumber(last, id + 1);
        key = cacheLmdbVal(last, sizeof(last));
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

/* The next record that the hand comes to. MDB_NOTFOUND: there is none. */
static int
moveHand(CacheLmdbTxn *txn, CacheLmdbObjectKey *keyOut)
{
    CacheLmdbState *state = &txn->state;
    MDB_cursor *cursor;
    uint8_t number[8];
    MDB_val key, val;
    int rc = mdb_cursor_open(txn->txn, tableOf(txn, CACHE_LMDB_ORDER), &cursor);

    if (rc)
        return rc;
    cacheLmdbPutNumber(number, state->hand + 1);
    key = cacheLmdbVal(number, sizeof(number));
    rc = mdb_cursor_get(cursor, &key, &val, MDB_SET_RANGE);
    if (rc == MDB_NOTFOUND ||
        (rc == 0 && cacheLmdbGetNumber(key.mv_data) > state->roundEnd)) {
        state->roundEnd = state->seq;
        rc = mdb_cursor_get(cursor, &key, &val, MDB_FIRST);
    }
    if (rc == 0 &&
        (key.mv_size != sizeof(number) || val.mv_size != sizeof(*keyOut)))
        rc = MDB_CORRUPTED;
    if (rc == 0) {
        state->hand = cacheLmdbGetNumber(key.mv_data);
        memcpy(keyOut, val.mv_data, sizeof(*keyOut));
    }
    mdb_cursor_close(cursor);
    return rc;
}

/* Take the mark that it was used. True: it had one. */
static int
takeMark(CacheLmdbTxn *txn, const CacheLmdbObjectKey *key, bool *hadOut)
{
    MDB_val mark = cacheLmdbVal(key->digest, sizeof(key->digest));
    int rc = mdb_del(txn->txn, tableOf(txn, CACHE_LMDB_TOUCHED), &mark, NULL);

    *hadOut = rc == 0;
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int
readRecord(CacheLmdbTxn *txn, const CacheLmdbObjectKey *key,
           CacheLmdbRecord *out)
{
    MDB_val name = cacheLmdbVal(key, sizeof(*key)), val;
    CacheLmdbStored stored;
    int rc = mdb_get(txn->txn, tableOf(txn, CACHE_LMDB_OBJECTS), &name, &val);

    if (rc == 0 && !cacheLmdbDecode(&name, &val, &stored))
        rc = MDB_CORRUPTED;
    if (rc == 0)
        *out = stored.record;
    return rc;
}

/* True in *outOfUse when nobody reads the body of a record just now. */
static int
checkUse(CacheLmdbTxn *txn, uint64_t id, bool *outOfUse)
{
    int64_t until = 0;
    int rc = id != 0 ? heldUntil(txn, id, &until) : 0;

    *outOfUse = until <= txn->now &&
                (id == 0 || !cacheLmdbBodyIsUsed(&txn->env->bodies, id));
    return rc;
}

/* Remove the record that was used least recently, nearly. MDB_NOTFOUND: there
 * is nothing to remove. */
static int
evictOne(CacheLmdbTxn *txn)
{
    CacheLmdbObjectKey key;
    CacheLmdbRecord record;
    bool wasUsed, isFree;
    int rc = 0;

    for (unsigned looks = 0; looks < LOOKS_MAX; looks++) {
        rc = moveHand(txn, &key);
        if (rc == 0)
            rc = takeMark(txn, &key, &wasUsed);
        if (rc == 0 && wasUsed && looks < PASSES_MAX)
            continue;
        if (rc == 0)
            rc = readRecord(txn, &key, &record);
        if (rc == 0)
            rc = checkUse(txn, record.bodyId, &isFree);
        if (rc == 0 && !isFree)
            continue;
        if (rc == 0)
            rc = cacheLmdbDelete(txn, &key, &record);
        txn->done.evictions += rc == 0;
        return rc;
    }
    return MDB_NOTFOUND;
}

/* Remove what is without a record first, then records. */
static int
removeSome(CacheLmdbTxn *txn, uint64_t need, bool *isEnoughOut)
{
    uint64_t used;
    int rc = txn->hasOrphans ? cacheLmdbReclaim(txn) : 0;

    *isEnoughOut = false;
    for (unsigned i = 0; rc == 0 && i < txn->env->batchMax / EVICTION_COST;
         i++) {
        rc = cacheLmdbUsed(txn->env, txn->txn, &used);
        if (rc == 0 && used + need <= txn->env->usedMax) {
            *isEnoughOut = true;
            return 0;
        }
        if (rc == 0 && (txn->deletes == 0 || txn->hasOrphans))
            return 0;
        if (rc == 0)
            rc = evictOne(txn);
    }
    return rc;
}

/* One transaction of it. MDB_NOTFOUND: nothing more can be removed. */
static int
makeSomeRoom(CacheLmdbEnv *env, uint64_t need, bool *hasOrphans,
             bool *isEnoughOut, CacheLmdbDone *done)
{
    CacheLmdbTxn txn = {.hasOrphans = *hasOrphans};
    int rc = cacheLmdbTxnBegin(&txn, env);

    if (rc)
        return rc;
    int removal = removeSome(&txn, need, isEnoughOut);
    *hasOrphans = txn.hasOrphans;
    rc = cacheLmdbTxnEnd(&txn, removal == MDB_NOTFOUND ? 0 : removal);
    if (rc == 0)
        done->evictions += txn.done.evictions;
    return rc ? rc : removal;
}

/* True when there is room without removing anything. */
static int
checkRoom(CacheLmdbEnv *env, uint64_t need, bool *isEnoughOut)
{
    MDB_txn *txn;
    uint64_t used = 0;
    int rc = mdb_txn_begin(env->env, NULL, MDB_RDONLY, &txn);

    if (rc)
        return rc;
    rc = cacheLmdbUsed(env, txn, &used);
    mdb_txn_abort(txn);
    *isEnoughOut = used + need <= env->usedMax;
    return rc;
}

int
cacheLmdbMakeRoom(CacheLmdbEnv *env, uint64_t need, CacheLmdbDone *done)
{
    bool isEnough = false, hasOrphans = true;
    int rc = checkRoom(env, need, &isEnough);

    /* Enough for the next batches, too. */
    if (!isEnough)
        need += ROOM_BATCHES * env->batchMax;
    for (int i = 0; rc == 0 && !isEnough && i < ROUNDS_MAX; i++)
        rc = makeSomeRoom(env, need, &hasOrphans, &isEnough, done);
    if (rc == MDB_NOTFOUND || (rc == 0 && !isEnough))
        rc = ENOBUFS;
    return rc;
}
