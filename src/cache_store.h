/*
 * cache_store.h: stored responses, behind one interface for all stores.
 *
 * A response is written by one CacheWriter and becomes visible only when it
 * is committed whole; from then on it never changes. A reader holds a
 * reference and may use the object as long as it likes: eviction and
 * invalidation take it out of sight, not out of reach. A newer response
 * or one updated by a 304 is another object. What is being written can be
 * had before that, too, by those who ask the writer (cacheWriterObject): an
 * object that is arriving, whose readers get what there is of the body and
 * come again. A store on disk writes later
 * (cacheStoreFlush), may be behind (cacheWriterHasRoom), and its octets may
 * be gone when they are wanted (cacheReaderPeek).
 * Thread: the loop of the store.
 */
#ifndef SQUIRE_CACHE_STORE_H
#define SQUIRE_CACHE_STORE_H

#include <stdint.h>
#include <sys/uio.h>

#include "cache_key.h"
#include "http_cond.h"
#include "http_freshness.h"
#include "http_message.h"

#define CACHE_LENGTH_UNKNOWN UINT64_MAX

/* A store that was behind may have room again. */
typedef void CacheRoomCb(void *data);

typedef struct CacheStore CacheStore;
typedef struct CacheObject CacheObject;
typedef struct CacheWriter CacheWriter;

typedef struct CacheStoreStats {
    uint64_t objects; /* visible */
    uint64_t bytes;   /* of all objects, those in writing or use too */
    uint64_t bytesMax;
    uint64_t writing; /* writers open */
    uint64_t lookups;
    uint64_t hits; /* lookups that found an object, fresh or not */
    uint64_t misses;
    uint64_t stores;   /* commits */
    uint64_t updates;  /* by a 304 */
    uint64_t aborts;   /* writers that ended otherwise */
    uint64_t refusals; /* too large, or no room */
    uint64_t evictions;
    uint64_t invalidations;
} CacheStoreStats;

typedef struct CacheMemConfig {
    uint64_t bytesMax;    /* cache_mem */
    uint64_t objectMax;   /* maximum_object_size_in_memory */
    unsigned variantsMax; /* of one key; 0: 16 */
} CacheMemConfig;

/* What is stored beside the body; all borrowed until cacheStoreWrite ends. */
typedef struct CacheMeta {
    const CacheKey *key;
    const HttpHeaders *request; /* for Vary */
    /*
     * Status and fields as clients shall see them. When the head is stored,
     * what belongs to one connection and Age are left out, and
     * Content-Length becomes that of the body stored.
     */
    const HttpResponse *response;
    const HttpFreshness *freshness;
    uint64_t length; /* of the body, or CACHE_LENGTH_UNKNOWN */
} CacheMeta;

/* Reads the body of an object from front to back. Fields are private. */
typedef struct CacheReader {
    CacheObject *object;
    const void *chunk;
    size_t chunkOffset;
    uint64_t offset;
    uint64_t end; /* of what is to be read; CACHE_LENGTH_UNKNOWN: of all */
} CacheReader;

/* A store in this process's memory. Returns owned. */
CacheStore *cacheStoreMemCreate(const CacheMemConfig *config);

/*
 * A store in memory in front of one of cacheLmdbCreate; takes both. Its
 * counters are those of the memory.
 */
CacheStore *cacheStoreTierCreate(CacheStore *mem, CacheStore *disk);

/* Free the store; no writer may be open. Objects in use live on. */
void cacheStoreDestroy(CacheStore **store);

/*
 * The stored response for this key whose Vary fields agree with the
 * request, the newest if several do; fresh or not. Returns an owned
 * reference (cacheObjectUnref), or NULL.
 */
CacheObject *cacheStoreLookup(CacheStore *store, const CacheKey *key,
                              const HttpHeaders *request);

/*
 * The stored response that was told of with these names and values
 * (CacheListing). Returns an owned reference, or NULL: it is gone, or a newer
 * one suits the same requests.
 */
CacheObject *cacheStoreLookupVariant(CacheStore *store, const CacheKey *key,
                                     HttpSlice varyNames, HttpSlice varyValues);

/* True when there is a response for this key, whatever its Vary says. */
bool cacheStoreHas(CacheStore *store, const CacheKey *key);

/*
 * Begin to store a response. Returns owned, to be given to cacheWriterCommit
 * or cacheWriterAbort; NULL with EFBIG larger than objectMax, ENOSPC no
 * room now, EINVAL Vary: * or a Vary that cannot be kept.
 */
CacheWriter *cacheStoreWrite(CacheStore *store, const CacheMeta *meta);

/*
 * True when an append of 64 KiB finds room now; always in memory, where
 * octets that find none are no reason to wait. Else the store is behind: cb
 * runs once, later, on the loop, when there is room or it has been waited for
 * too long (then an append may give -ENOSPC), unless the writer has ended.
 */
bool cacheWriterHasRoom(CacheWriter *writer, CacheRoomCb *cb, void *data);

/*
 * Append octets of the body. Errors: -EFBIG too large or more than the
 * length given, -ENOSPC; the writer can then only be aborted.
 */
int cacheWriterAppend(CacheWriter *writer, const void *data, size_t len);

/*
 * What is being written, to be read while it arrives: an object that nobody
 * finds, and that can be read on when the writer has ended. Returns an owned
 * reference, of the same object each time; NULL: an append has failed.
 */
CacheObject *cacheWriterObject(CacheWriter *writer);

/*
 * What has been written becomes the body of another response before it is
 * committed: its key, fields and length are those of meta from now on. Errors:
 * -EINVAL as Write, -ECANCELED as Commit; the writer can then only be aborted.
 * Who reads what was arriving finds that it is cut.
 */
int cacheWriterChange(CacheWriter *writer, const CacheMeta *meta);

/*
 * Make the response visible in place of the one it replaces; takes the
 * writer and clears the pointer. objectOut may be NULL, else it receives a
 * reference. Errors: -EPROTO body shorter than the length given, or an append
 * had failed; -ECANCELED the key was invalidated meanwhile; -ENOSPC. Nothing
 * is stored then. Readers of what was arriving get a body that is whole in any
 * case.
 */
int cacheWriterCommit(CacheWriter **writer, CacheObject **objectOut);

/* Forget what was written; takes the writer. NULL is fine. */
void cacheWriterAbort(CacheWriter **writer);

/*
 * After a 304: a new object with this head and freshness and the body of
 * the old one takes its place, if that is still visible. meta->length is
 * not used. Returns an owned reference, or NULL with ENOSPC or EINVAL.
 */
CacheObject *cacheStoreUpdate(CacheStore *store, CacheObject *old,
                              const CacheMeta *meta);

/*
 * Take all variants of a key out of sight (RFC 9111 4.4). Returns how many.
 * Writers in progress for that key will not become visible either.
 */
unsigned cacheStoreInvalidate(CacheStore *store, const CacheKey *key);

/*
 * Wait until all that was committed, updated and invalidated is visible to
 * whoever shares the store. Blocks.
 */
void cacheStoreFlush(CacheStore *store);

/* One stored response, as cacheStoreList tells of it; all borrowed. */
typedef struct CacheListing {
    const char *level; /* "memory" or "disk" */
    CacheKeyClass keyClass;
    HttpSlice url;
    HttpSlice varyNames; /* joined by commas */
    HttpSlice varyValues;
    HttpSlice head;
    int status;
    uint64_t length;
    const HttpFreshness *freshness;
} CacheListing;

/* Callback: must not call the store. */
typedef void CacheListCb(const CacheListing *listing, void *data);

/* A place in the list of all stored responses; all zero: its begin. */
typedef struct CacheCursor {
    uint8_t octets[25];
} CacheCursor;

/*
 * Call cb for some stored responses, max or a few more at most, in no order
 * that means anything. True: go on later where the cursor now is, be it that
 * none was told. What comes and goes meanwhile may be told or not.
 */
bool cacheStoreList(CacheStore *store, CacheCursor *cursor, unsigned max,
                    CacheListCb *cb, void *data);

/* Call cb for all variants of a key, on all levels, also for those that are
 * not written yet. */
void cacheStoreListKey(CacheStore *store, const CacheKey *key, CacheListCb *cb,
                       void *data);

/* The counters now. */
void cacheStoreStats(const CacheStore *store, CacheStoreStats *out);

/* One more reference. */
CacheObject *cacheObjectRef(CacheObject *object);

/* Give a reference back and clear the pointer; NULL is fine. */
void cacheObjectUnref(CacheObject **object);

/*
 * The stored head: status line and fields, each line with CR LF, no empty
 * line; add Age, Connection and what else is of this answer, then that.
 * Returns borrowed while a reference is held; so do the following.
 */
HttpSlice cacheObjectHead(const CacheObject *object);

/* Status of the stored response. */
int cacheObjectStatus(const CacheObject *object);

/* True when the last lookup that found it had to read it from a disk. */
bool cacheObjectIsFromDisk(const CacheObject *object);

/* Octets of the body; CACHE_LENGTH_UNKNOWN of some that are arriving. */
uint64_t cacheObjectLength(const CacheObject *object);

/* True while more octets may come. */
bool cacheObjectIsArriving(const CacheObject *object);

/* Octets of the body that are there; of one that is not arriving, all. */
uint64_t cacheObjectAvailable(const CacheObject *object);

/* True when an arriving one suits the request, as cacheStoreLookup has it. */
bool cacheObjectIsFor(const CacheObject *object, const HttpHeaders *request);

/* No more octets come: one that is arriving is whole, be it stored in the end
 * or not; unless some are missing to its length. */
void cacheObjectComplete(CacheObject *object);

/* For httpFreshnessUse and Age. */
const HttpFreshness *cacheObjectFreshness(const CacheObject *object);

/* For httpCondEvaluate and httpCondBuild. */
const HttpValidators *cacheObjectValidators(const CacheObject *object);

/*
 * The stored status and fields, parsed again (slow; for merging a 304).
 * response: initialised by the caller. 0, or -ENOBUFS.
 */
int cacheObjectResponse(const CacheObject *object, HttpResponse *response);

/* Start at the front of the body; borrows the caller's reference. */
void cacheReaderInit(CacheReader *reader, CacheObject *object);

/* Start at octet first and read len octets, which must be there. */
void cacheReaderInitRange(CacheReader *reader, CacheObject *object,
                          uint64_t first, uint64_t len);

/*
 * The next octets of the body, as up to max pieces. Returns how many pieces;
 * 0 at the end; -EAGAIN when they have not arrived yet: ask again after the
 * next append; -ECANCELED when the writer was aborted before they came; -EIO
 * when they cannot be had any more. What was begun must then end so that it
 * cannot look complete. The pieces are borrowed until the end of the loop turn,
 * those of what is arriving until the next append, commit or abort.
 */
int cacheReaderPeek(CacheReader *reader, struct iovec *iov, int max);

/* Go on by len octets, at most what Peek gave. */
void cacheReaderAdvance(CacheReader *reader, size_t len);

/* True when what is there has been read. */
bool cacheReaderIsAtLimit(const CacheReader *reader);

/* Octets left; of what has no known length yet, a number without meaning. */
uint64_t cacheReaderLeft(const CacheReader *reader);

#endif
