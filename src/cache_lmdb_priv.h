/*
 * cache_lmdb_priv.h: the parts of the store in LMDB.
 *
 * cache_lmdb_env.c opens the database; cache_lmdb_owner.c knows who else has
 * it open; cache_lmdb_record.c has its keys and values; cache_lmdb_body.c
 * knows the bodies in use in this process; cache_lmdb_queue.c is the thread
 * that writes, cache_lmdb_write.c and cache_lmdb_evict.c what it does in a
 * transaction; cache_lmdb_read.c finds and reads on the loop;
 * cache_lmdb_writer.c makes what is to be written, and cache_lmdb_pending.c
 * knows it until it is; cache_store_lmdb.c is the store as callers see it.
 * Decision 0013 says why. Thread: the loop, unless stated.
 */
#ifndef SQUIRE_CACHE_LMDB_PRIV_H
#define SQUIRE_CACHE_LMDB_PRIV_H

#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <uthash.h>

#include "cache_lmdb.h"
#include "cache_store_priv.h"
#include "comm.h"
#include "list.h"

#define CACHE_LMDB_BODY_MAGIC 0x43424c30u

#define CACHE_LMDB_FORMAT 1u
/* With the checksum and the 16 octets of a page's head: whole pages. */
#define CACHE_LMDB_CHUNK (64u * 1024 - 16 - 8)
#define CACHE_LMDB_INLINE_MAX 4096u
#define CACHE_LMDB_VARIANTS_MAX 16u
#define CACHE_LMDB_DIGEST 16
#define CACHE_LMDB_HELD_S 60
#define CACHE_LMDB_CHANGES_MAX 4096u /* kept for other processes */

/* The tables: name, what it is called in the file. */
#define CACHE_LMDB_TABLES(X)                                                   \
    X(STATE, "squire") /* one value: CacheLmdbState */                         \
    X(OBJECTS, "objects")                                                      \
    X(BODIES, "bodies")                                                        \
    X(ORDER, "order")     /* number of a record: its key in OBJECTS */         \
    X(TOUCHED, "touched") /* digests used since the hand came by */            \
    X(HELD, "held")       /* number of a body: CacheLmdbHeld */                \
    X(CHANGES, "changes") /* number: CacheLmdbChange */

typedef enum CacheLmdbTable {
#define X(name, text) CACHE_LMDB_##name,
    CACHE_LMDB_TABLES(X)
#undef X
        CACHE_LMDB_TABLE_COUNT
} CacheLmdbTable;

/* All numbers but those in keys are as this machine writes them. */
typedef struct CacheLmdbState {
    uint32_t magic;
    uint32_t format;    /* with the size of what is stored as it is */
    uint64_t nextEpoch; /* of the next process */
    uint64_t seq;       /* of the newest record */
    uint64_t hand;      /* of the record looked at last for eviction */
    uint64_t roundEnd;  /* the hand starts anew behind this one */
    uint64_t changeSeq; /* the newest in CHANGES */
} CacheLmdbState;

typedef struct CacheLmdbHeld {
    int64_t until;  /* seconds since 1970 */
    uint32_t kind;  /* CacheLmdbHeldKind */
    uint32_t owner; /* epoch of the only process that holds it, or 0 */
} CacheLmdbHeld;

typedef enum CacheLmdbHeldKind {
    CACHE_LMDB_HELD_READ = 1,   /* it has a record; a process reads long */
    CACHE_LMDB_HELD_WRITE = 2,  /* it has no record yet */
    CACHE_LMDB_HELD_ORPHAN = 3, /* it has none any more */
} CacheLmdbHeldKind;

typedef struct CacheLmdbChange {
    uint8_t digest[CACHE_LMDB_DIGEST];
    uint64_t epoch; /* whose process invalidated it */
} CacheLmdbChange;

typedef struct CacheLmdbObjectKey {
    uint8_t digest[CACHE_LMDB_DIGEST];
    uint8_t seq[8]; /* falling */
} CacheLmdbObjectKey;

typedef struct CacheLmdbBodyKey {
    uint8_t id[8];
    uint8_t chunk[4];
} CacheLmdbBodyKey;

/* What stands in front of a record's texts: url, names of Vary, values of
 * Vary, etag, head, small body. */
typedef struct CacheLmdbRecord {
    uint64_t sum; /* of all that follows and the key */
    uint64_t bodyId;
    uint64_t length;
    int64_t lastModified;
    int64_t date;
    HttpFreshness freshness;
    uint32_t status;
    uint32_t keyClass;
    uint32_t urlLen;
    uint32_t namesLen;
    uint32_t valuesLen;
    uint32_t etagLen;
    uint32_t headLen;
    uint32_t hasEtag;
    uint32_t smallLen; /* of the body, if that is here (bodyId is 0) */
    uint32_t zero;
} CacheLmdbRecord;

/* A record taken apart; borrows the value. */
typedef struct CacheLmdbStored {
    CacheLmdbRecord record;
    CacheStored stored;
    HttpSlice url;
    HttpSlice small;
} CacheLmdbStored;

/*
 * A body with chunks that this process uses: objects, writers and what waits
 * to be written hold it. Fields but the first two are under the lock of its
 * CacheLmdbBodies.
 */
typedef struct CacheLmdbBody {
    uint32_t magic;
    uint64_t id;
    unsigned refsLocked;
    bool isLongLocked;           /* held since before the last renewal */
    bool isDoomedLocked;         /* its record is gone: remove it after use */
    uint64_t goneInLocked;       /* the batch that removed it, or 0 */
    atomic_bool hasFailed;       /* a chunk could not be written */
    struct CacheLmdbOp *pending; /* of the loop: chunks, the newest first;
                                    those that failed belong to the body */
    UT_hash_handle hh;
} CacheLmdbBody;

typedef struct CacheLmdbBodies {
    pthread_mutex_t lock;
    CacheLmdbBody *tableLocked;
    unsigned goneLocked;  /* how many were removed */
    uint64_t batchLocked; /* the batch in progress, from 1 on */
} CacheLmdbBodies;

/* The database as this process has it. */
typedef struct CacheLmdbEnv {
    MDB_env *env;
    MDB_dbi tables[CACHE_LMDB_TABLE_COUNT];
    char *path;
    uint64_t mapSize;
    uint64_t usedMax;    /* octets of pages, above which is evicted */
    uint64_t batchMax;   /* octets of one transaction */
    uint64_t pendingMax; /* octets that wait to be written */
    uint64_t epoch;      /* of this process */
    bool isReadOnly;
    CacheLmdbBodies bodies;
} CacheLmdbEnv;

typedef enum CacheLmdbOpKind {
    CACHE_LMDB_OP_CHUNK,
    CACHE_LMDB_OP_COMMIT,
    CACHE_LMDB_OP_UPDATE,
    CACHE_LMDB_OP_INVALIDATE,
    CACHE_LMDB_OP_FREE,
    CACHE_LMDB_OP_TOUCH,
    CACHE_LMDB_OP_COUNT
} CacheLmdbOpKind;

/* One thing to write. data is owned: the octets of a chunk, a record, or
 * digests. */
typedef struct CacheLmdbOp {
    struct CacheLmdbOp *next;
    struct CacheLmdbOp *nextOfBody; /* of the loop: CHUNKs not in the file */
    CacheLmdbOpKind kind;
    uint64_t number;     /* of the op, rising */
    CacheLmdbBody *body; /* a reference, or NULL */
    uint32_t chunk;
    uint8_t digest[CACHE_LMDB_DIGEST];
    uint64_t changeSeq; /* COMMIT: when the response was asked for */
    char *data;
    size_t len;
    char *old; /* UPDATE: the record it is for, as far as it is known */
    size_t oldLen;
} CacheLmdbOp;

/* What the thread has done; all but error only grow. */
typedef struct CacheLmdbDone {
    uint64_t stores;
    uint64_t updates;
    uint64_t evictions;
    uint64_t failures; /* responses that could not be written */
    int error;         /* of the last transaction; 0: it went well */
} CacheLmdbDone;

/* One transaction that writes, and what it knows. Thread: the writing one. */
typedef struct CacheLmdbTxn {
    CacheLmdbEnv *env;
    MDB_txn *txn;
    CacheLmdbState state;
    int64_t now;
    unsigned deletes;   /* chunks that may still be removed in it */
    bool hasOrphans;    /* something is left to be removed */
    CacheLmdbDone done; /* counted when it is committed */
} CacheLmdbTxn;

typedef struct CacheLmdbQueue CacheLmdbQueue;

/* Something was done; takes the finished ops (NULL: none). Called on the
 * loop. */
typedef void CacheLmdbDoneCb(const CacheLmdbDone *done, CacheLmdbOp *finished,
                             void *data);

/*
 * Open or make the database. 0, or an error of LMDB or errno with a reason
 * (constant) in whyOut. Blocks.
 */
int cacheLmdbEnvOpen(CacheLmdbEnv *env, const char *path, uint64_t bytesMax,
                     const char **whyOut);

/* Close it; no transaction may be open. */
void cacheLmdbEnvClose(CacheLmdbEnv *env);

/* Text of an error of LMDB or errno. Thread: any. */
const char *cacheLmdbErrorText(int rc);

/* True for errors after which the database is not to be used any more. */
bool cacheLmdbIsFatal(int rc);

/* Show to others that the process of env's epoch lives, until the database is
 * closed. 0 or an error. */
int cacheLmdbOwnerEnter(CacheLmdbEnv *env);

/* True when the process of this epoch (0: nobody's) has ended. Thread: any. */
bool cacheLmdbOwnerIsGone(const CacheLmdbEnv *env, uint32_t owner);

/* Octets of the pages in use. 0 or an error. Thread: any. */
int cacheLmdbUsed(const CacheLmdbEnv *env, MDB_txn *txn, uint64_t *usedOut);

/* The state, as it is in this transaction; MDB_VERSION_MISMATCH when it is of
 * another version. Thread: any. */
int cacheLmdbReadState(const CacheLmdbEnv *env, MDB_txn *txn,
                       CacheLmdbState *out);

/* Begin a transaction that writes. 0 or an error. Thread: the writing one;
 * blocks while another process writes. */
int cacheLmdbTxnBegin(CacheLmdbTxn *txn, CacheLmdbEnv *env);

/* Commit it if rc is 0, else give it up. 0 or an error. Blocks. */
int cacheLmdbTxnEnd(CacheLmdbTxn *txn, int rc);

/* Numbers in keys rise as octets do. */
void cacheLmdbPutNumber(uint8_t out[8], uint64_t number);

/* The same as a key; borrows out. */
MDB_val cacheLmdbNumber(uint8_t out[8], uint64_t number);

/* The number that cacheLmdbPutNumber wrote. */
uint64_t cacheLmdbGetNumber(const void *octets);

/* Key of a record; borrows key. */
MDB_val cacheLmdbObjectKey(CacheLmdbObjectKey *key, const uint8_t *digest,
                           uint64_t seq);

/* Number of a record, of its key. */
uint64_t cacheLmdbObjectSeq(const MDB_val *key);

/* Key of a chunk; borrows key. */
MDB_val cacheLmdbBodyKey(CacheLmdbBodyKey *key, uint64_t id, uint32_t chunk);

/* A value of LMDB that is these octets; borrows them. */
MDB_val cacheLmdbVal(const void *data, size_t len);

/* Write a record; small: the body, or absent. Returns owned (*lenOut octets),
 * without its checksum. */
char *cacheLmdbEncode(const CacheLmdbRecord *record, const CacheStored *stored,
                      HttpSlice url, HttpSlice small, size_t *lenOut);

/* Set the checksum of a record for its key; data is what Encode returned. */
void cacheLmdbSeal(char *data, size_t len, const CacheLmdbObjectKey *key);

/* Take a value apart; borrows it. False: it is damaged. */
bool cacheLmdbDecode(const MDB_val *key, const MDB_val *val,
                     CacheLmdbStored *out);

/* The same without its checksum, for what has none yet. */
bool cacheLmdbDecodeData(const char *data, size_t len, CacheLmdbStored *out);

/* Checksum of a chunk. Thread: any. */
uint64_t cacheLmdbChunkSum(const CacheLmdbBodyKey *key, const void *data,
                           size_t len);

/* A new body, with one reference. */
CacheLmdbBody *cacheLmdbBodyCreate(CacheLmdbBodies *bodies, uint64_t id);

/* A body of a record that was found, with one reference more; NULL when it is
 * just being removed. */
CacheLmdbBody *cacheLmdbBodyFind(CacheLmdbBodies *bodies, uint64_t id);

/* One more reference. Thread: any. */
CacheLmdbBody *cacheLmdbBodyRef(CacheLmdbBodies *bodies, CacheLmdbBody *body);

/*
 * Give one back and clear the pointer; NULL is fine. Returns the number of a
 * body that is to be removed now, else 0.
 */
uint64_t cacheLmdbBodyUnref(CacheLmdbBodies *bodies, CacheLmdbBody **body);

/*
 * It has no record any more, or gets none. True: nobody uses it, and until
 * cacheLmdbBodyForget nobody will. Thread: the writing one; for a body that
 * is held, any.
 */
bool cacheLmdbBodyDoom(CacheLmdbBodies *bodies, uint64_t id);

/* True while this process uses it. Thread: any. */
bool cacheLmdbBodyIsUsed(CacheLmdbBodies *bodies, uint64_t id);

/* The transactions of a batch are over. Thread: the writing one. */
void cacheLmdbBodyEndBatch(CacheLmdbBodies *bodies);

/* What is read from now on is as all batches that are over left it: forget
 * which bodies they removed. */
void cacheLmdbBodyForget(CacheLmdbBodies *bodies);

/* The bodies in use since before the last call. Returns how many, in an owned
 * array. Thread: the writing one. */
size_t cacheLmdbBodyLong(CacheLmdbBodies *bodies, uint64_t **idsOut);

/* Carry out one op. 0 or an error. Thread: the writing one, as all below. */
int cacheLmdbApply(CacheLmdbTxn *txn, CacheLmdbOp *op);

/* Renew what is held for bodies in long use. */
int cacheLmdbRenew(CacheLmdbTxn *txn, const uint64_t *ids, size_t count);

/* Remove a record and what belongs to it. */
int cacheLmdbDelete(CacheLmdbTxn *txn, const CacheLmdbObjectKey *key,
                    const CacheLmdbRecord *record);

/* Remove the chunks of a body as far as this transaction may, and keep a
 * note of the rest. */
int cacheLmdbDeleteBody(CacheLmdbTxn *txn, uint64_t id);

/* Remove some of what nobody holds any more. */
int cacheLmdbReclaim(CacheLmdbTxn *txn);

/* Make room for need octets, in transactions of its own. 0, ENOBUFS when
 * all is in use, or another error; done counts what was evicted. */
int cacheLmdbMakeRoom(CacheLmdbEnv *env, uint64_t need, CacheLmdbDone *done);

/*
 * Start the thread; cb is called on the calling loop when it has done
 * something. Returns owned, or NULL with errno.
 */
CacheLmdbQueue *cacheLmdbQueueCreate(CacheLmdbEnv *env, CacheLmdbDoneCb *cb,
                                     void *data);

/* Finish what waits, end the thread, call cb for the last time. Blocks. */
void cacheLmdbQueueDestroy(CacheLmdbQueue **queue);

/* Give it something to do; takes op. Returns its number. */
uint64_t cacheLmdbQueuePush(CacheLmdbQueue *queue, CacheLmdbOp *op);

/* Octets that wait. */
uint64_t cacheLmdbQueueBytes(CacheLmdbQueue *queue);

/* Wait until all that was pushed is done, and call cb. Blocks. */
void cacheLmdbQueueFlush(CacheLmdbQueue *queue);

/* Free an op. Returns the number of a body that is to be removed then, or
 * 0. */
uint64_t cacheLmdbOpFree(CacheLmdbEnv *env, CacheLmdbOp *op);

/* A response that is not in the file yet. */
typedef struct CacheLmdbPending {
    struct CacheLmdbPending *next;  /* an older one of the same digest */
    uint64_t number;                /* of the op that writes it */
    struct CacheLmdbObject *object; /* a reference */
    CacheKeyClass keyClass;
    HttpSlice url;
    char text[];
} CacheLmdbPending;

/* What is known of a digest until the file has it. */
typedef struct CacheLmdbRecent {
    uint8_t digest[CACHE_LMDB_DIGEST];
    uint64_t hiddenBy; /* op that invalidates what the file has; 0: none */
    CacheLmdbPending *pending; /* the newest first */
    UT_hash_handle hh;
} CacheLmdbRecent;

#define CACHE_LMDB_TOUCH_SLOTS 4096 /* a power of two */
#define CACHE_LMDB_TOUCH_MAX 1024

/* Uses that are not written yet. */
typedef struct CacheLmdbTouches {
    uint64_t slots[CACHE_LMDB_TOUCH_SLOTS]; /* parts of digests: seen */
    uint8_t digests[CACHE_LMDB_TOUCH_MAX][CACHE_LMDB_DIGEST];
    unsigned count;
    CommTimer *timer;
} CacheLmdbTouches;

typedef struct CacheLmdbStore {
    CacheStore base;
    unsigned holders; /* the owner and every object */
    CacheLmdbEnv env;
    CacheLmdbQueue *queue; /* NULL: it can only be read, or is closed */
    uint64_t bytesMax;
    uint64_t objectMax;
    CacheStoreStats stats;
    CacheLmdbDone done;
    MDB_txn *txn; /* for reading; reset between turns */
    MDB_cursor *cursor;
    bool isReading;
    CommDeferred endRead;
    bool isBroken;  /* damaged: nothing is found or stored any more */
    bool isFailing; /* the last transaction failed */
    int64_t pausedUntilUs;
    int64_t stalledSinceUs; /* nothing was done since; 0: it has room */
    CommTimer *roomTimer;
    ListNode writers;
    uint64_t writingMax; /* octets of bodies that are not complete */
    uint64_t writingBytes;
    CacheLmdbRecent *recent;
    CacheLmdbTouches touches;
    CacheVaryScratch scratch;
    uint64_t bodyCount; /* made by this process */
    uint64_t changeSeen;
    size_t txnSeen;
} CacheLmdbStore;

typedef struct CacheLmdbObject {
    CacheObject base;
    CacheLmdbStore *store;
    CacheLmdbBody *body; /* NULL: it is small */
    HttpSlice small;     /* what of the body is in no chunk of its own: all, or
                            the end of what is arriving */
    uint32_t smallChunk; /* which chunk that is */
    char *text;          /* all texts of base, and small */
    char *rest;          /* where small is when its writer has ended */
} CacheLmdbObject;

/* The operations of this kind of store. */
extern const CacheStoreOps cacheLmdbOps;

/* The transaction to read in for the rest of this turn, or NULL. */
MDB_txn *cacheLmdbRead(CacheLmdbStore *store);

/* End it, so that the next one sees what was written. */
void cacheLmdbEndRead(CacheLmdbStore *store);

/* Something went wrong with reading or writing: say so once. */
void cacheLmdbNoteError(CacheLmdbStore *store, int rc);

/* As cacheStoreLookup. */
CacheObject *cacheLmdbLookup(CacheStore *store, const CacheKey *key,
                             const HttpHeaders *request);

/* As cacheStoreList, without what waits to be written. */
bool cacheLmdbList(CacheStore *store, CacheCursor *cursor, unsigned max,
                   CacheListCb *cb, void *data);

/* As cacheStoreListKey, without what waits to be written. */
void cacheLmdbListKey(CacheStore *store, const CacheKey *key, CacheListCb *cb,
                      void *data);

/* Number of records of this key. */
unsigned cacheLmdbCount(CacheLmdbStore *store, const CacheKey *key);

/* Write a response's update or removal; op is taken. Returns its number. */
uint64_t cacheLmdbPush(CacheLmdbStore *store, CacheLmdbOp *op);

/* An op without a body; takes data. */
CacheLmdbOp *cacheLmdbOpCreate(CacheLmdbOpKind kind, const uint8_t *digest,
                               char *data, size_t len);

/* A response is to be written by an op of this number: it is found from now
 * on; takes object. */
void cacheLmdbPendingAdd(CacheLmdbStore *store, const CacheKey *key,
                         CacheLmdbObject *object, uint64_t number);

/* The newest response that waits for this request, borrowed, or NULL. */
CacheLmdbObject *cacheLmdbPendingFind(CacheLmdbStore *store,
                                      const CacheKey *key,
                                      const HttpHeaders *request);

/* The newest one that waits for the same variant as object, borrowed, or
 * NULL. */
CacheLmdbObject *cacheLmdbPendingTwin(const CacheLmdbStore *store,
                                      const CacheKey *key,
                                      const CacheObject *object);

/* Call cb for those of this key that wait. */
void cacheLmdbPendingList(const CacheLmdbStore *store, const CacheKey *key,
                          CacheListCb *cb, void *data);

/* How many responses of this key wait. */
unsigned cacheLmdbPendingCount(const CacheLmdbStore *store,
                               const CacheKey *key);

/* True when what the file has of a digest is invalid. */
bool cacheLmdbIsHidden(const CacheLmdbStore *store, const uint8_t *digest);

/* All of a digest that waits, and that the file has, is invalid; the op of
 * this number writes that. */
void cacheLmdbHide(CacheLmdbStore *store, const uint8_t *digest,
                   uint64_t number);

/* An op is done, or given up. */
void cacheLmdbPendingDone(CacheLmdbStore *store, const CacheLmdbOp *op);

/* Nothing is known but what the file has. */
void cacheLmdbPendingFini(CacheLmdbStore *store);

/* Write down the uses that were noted. */
void cacheLmdbFlushTouches(CacheLmdbStore *store);

/* As cacheStoreWrite, and so on: the writers' part of the operations. */
CacheWriter *cacheLmdbBegin(CacheStore *store, const CacheMeta *meta);

/* As cacheWriterHasRoom. */
bool cacheLmdbHasRoom(CacheWriter *writer, CacheRoomCb *cb, void *data);

/* As cacheWriterAppend. */
int cacheLmdbAppend(CacheWriter *writer, const void *data, size_t len);

/* As cacheWriterObject, the first time. */
CacheObject *cacheLmdbShow(CacheWriter *writer);

/* As cacheWriterChange. */
int cacheLmdbChangeWriter(CacheWriter *writer, const CacheMeta *meta);

/* As cacheWriterCommit. */
int cacheLmdbCommit(CacheWriter *writer, CacheObject **objectOut);

/* As cacheWriterAbort. */
void cacheLmdbAbort(CacheWriter *writer);

/* Cancel the writers of this digest. */
void cacheLmdbCancelWriters(CacheLmdbStore *store, const uint8_t *digest);

/* The thread has less to do: who waited for that may go on. */
void cacheLmdbTellRoom(CacheLmdbStore *store);

/* The last invalidation that this process knows of, by its number. */
uint64_t cacheLmdbChangeSeq(CacheLmdbStore *store);

/* The record of a response without its body and Content-Length. Returns
 * owned, or NULL: something cannot be kept. */
char *cacheLmdbEncodeMeta(const CacheMeta *meta, size_t *lenOut);

/* With the line that tells the length of the body in its head. Returns
 * owned. */
char *cacheLmdbEncodeWhole(const CacheLmdbStored *from,
                           const CacheLmdbRecord *record, HttpSlice small,
                           size_t *lenOut);

/* True when the file has this very response, as far as can be told. */
bool cacheLmdbHasTwin(CacheLmdbStore *store, const CacheKey *key,
                      const CacheObject *object);

/* An object with one reference; takes body (NULL: it is small), copies the
 * rest. */
CacheLmdbObject *cacheLmdbCreateObject(CacheLmdbStore *store,
                                       const CacheLmdbStored *stored,
                                       CacheLmdbBody *body);

/* As cacheReaderPeek. */
int cacheLmdbPeek(CacheReader *reader, struct iovec *iov, int max);

/* As cacheReaderAdvance. */
void cacheLmdbAdvance(CacheReader *reader, size_t len);

/* Let go of the store; the last to do so frees it. */
void cacheLmdbDrop(CacheLmdbStore *store);

/* Give back a body; what is to be removed then is pushed. */
void cacheLmdbDropBody(CacheLmdbStore *store, CacheLmdbBody **body);

#endif
