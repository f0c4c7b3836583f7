/*
 * cache_mem_priv.h: the parts of the store in memory.
 *
 * cache_mem_index.c finds, links and evicts; cache_mem_object.c makes and
 * reads objects; cache_store_mem.c is the store as callers see it.
 * Thread: the loop of the store.
 */
#ifndef SQUIRE_CACHE_MEM_PRIV_H
#define SQUIRE_CACHE_MEM_PRIV_H

#include "cache_body.h"
#include "cache_store_priv.h"
#include "list.h"

/* All that is stored under one key, and the writers at work on it. */
typedef struct CacheMemEntry {
    struct CacheMemEntry *next; /* in the bucket */
    CacheKey key;
    ListNode objects; /* the newest first */
    unsigned objectCount;
    unsigned writers;
    unsigned generation; /* counts invalidations */
    char text[];
} CacheMemEntry;

/*
 * In the list of idle objects exactly while it is in an entry and nobody
 * holds a reference: only such objects can be evicted, and eviction never
 * has to look for one.
 */
typedef struct CacheMemObject {
    CacheObject base;
    struct CacheMemStore *store;
    CacheMemEntry *entry; /* NULL: out of sight */
    ListNode inEntry;
    ListNode idle;
    CacheBody *body;
    uint64_t cost; /* of this object without its body */
    char *text;    /* all texts above, and the head */
} CacheMemObject;

typedef struct CacheMemWriter {
    CacheWriter base;
    CacheMemObject *object;
    CacheMemEntry *entry;
    unsigned generation; /* of the entry at the start */
    uint64_t expected;
    bool hasFailed;
    bool isHeadWhole; /* with Content-Length */
} CacheMemWriter;

typedef struct CacheMemStore {
    CacheStore base;
    unsigned holders; /* the owner and every object */
    CacheMemConfig config;
    uint64_t bytes;
    CacheStoreStats stats;
    ListNode idle; /* used last first */
    CacheMemEntry **buckets;
    unsigned bucketShift;
    uint64_t bucketFactor; /* odd and secret */
    CacheVaryScratch scratch;
} CacheMemStore;

/* The operations of this kind of store. */
extern const CacheStoreOps cacheMemOps;

/* Let go of the store; the last to do so frees it. */
void cacheMemDrop(CacheMemStore *store);

/* Where the entries of a digest are linked. */
CacheMemEntry **cacheMemBucket(const CacheMemStore *store,
                               const uint8_t *digest);

/* The entry of a key, or NULL. */
CacheMemEntry *cacheMemFindEntry(const CacheMemStore *store,
                                 const CacheKey *key);

/* A new, empty entry for a key that has none; copies the key. */
CacheMemEntry *cacheMemAddEntry(CacheMemStore *store, const CacheKey *key);

/* Free the entry unless it has objects or writers. */
void cacheMemFreeEntry(CacheMemStore *store, CacheMemEntry *entry);

/*
 * Make an object visible in place of its twin; somebody holds a reference.
 */
void cacheMemLink(CacheMemEntry *entry, CacheMemObject *object);

/*
 * Take an object out of sight; it is freed now if nobody holds it, and so
 * is its entry if that is empty then.
 */
void cacheMemUnlink(CacheMemObject *object);

/* Take all objects of an entry out of sight, but keep it. Returns how many. */
unsigned cacheMemDropObjects(CacheMemEntry *entry);

/*
 * Evict until need octets more are within the bound. False when what is in
 * use leaves no room, whatever is evicted.
 */
bool cacheMemMakeRoom(CacheMemStore *store, uint64_t need);

/* The newest object of an entry that suits the request, or NULL. */
CacheMemObject *cacheMemFindVariant(CacheMemStore *store,
                                    const CacheMemEntry *entry,
                                    const HttpHeaders *request);

/*
 * An object with one reference, no body and in no entry. NULL with errno
 * EINVAL: something of it cannot be kept.
 */
CacheMemObject *cacheMemCreateObject(CacheMemStore *store,
                                     const CacheMeta *meta);

/* The same with texts made before, which are copied; all but the
 * Content-Length of its head. */
CacheMemObject *cacheMemCopyObject(CacheMemStore *store,
                                   const CacheStored *stored);

/* The length of the body is known: say so in the head. */
void cacheMemFinishHead(CacheMemObject *object, uint64_t length);

/* Free an object that is out of sight and that nobody holds. */
void cacheMemFreeObject(CacheMemObject *object);

/* As cacheReaderPeek. */
int cacheMemPeek(CacheReader *reader, struct iovec *iov, int max);

/* As cacheReaderAdvance. */
void cacheMemAdvance(CacheReader *reader, size_t len);

#endif
