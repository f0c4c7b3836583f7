/*
 * cache_lmdb.h: a store of responses in an LMDB database, which outlives the
 * process and may be shared by several.
 *
 * What is committed is found at once by this process; it is in the database,
 * and found by others, some time later, in one piece: see cacheStoreFlush.
 * cacheStoreWrite gives ENOSPC while the disk takes nothing.
 * Thread: loop.
 */
#ifndef SQUIRE_CACHE_LMDB_H
#define SQUIRE_CACHE_LMDB_H

#include "cache_store.h"

#define CACHE_LMDB_BYTES_MIN (16u * 1024 * 1024)

typedef struct CacheLmdbConfig {
    const char *path;   /* a folder; made if only the last part is missing */
    uint64_t bytesMax;  /* of the database, at least CACHE_LMDB_BYTES_MIN */
    uint64_t objectMax; /* maximum_object_size; also what fits */
} CacheLmdbConfig;

/*
 * Open or make the store. Returns owned, or NULL after a line in the log that
 * says why not. A store that can only be read is one, too. One process must
 * not have the same path twice. Needs the thread's loop. Blocks.
 */
CacheStore *cacheLmdbCreate(const CacheLmdbConfig *config);

/* Tell that the response of a key was used, though it was found elsewhere. */
void cacheLmdbTouch(CacheStore *store, const CacheKey *key);

/*
 * As cacheStoreUpdate, for an object that lies in another store and perhaps
 * in this one: what is here is updated when it is the same response.
 */
void cacheLmdbRefresh(CacheStore *store, const CacheObject *old,
                      const CacheMeta *meta);

/* The first octets of the digest of a key. Callback: must not call the
 * store. */
typedef void CacheLmdbChangeCb(const uint8_t digest[16], void *data);

/*
 * Call cb for each key that another process has invalidated since the last
 * call. False when there were so many that anything may have been. Costs
 * next to nothing when nobody has written.
 */
bool cacheLmdbForEachChange(CacheStore *store, CacheLmdbChangeCb *cb,
                            void *data);

#endif
