/*
 * cache_store_priv.h: what a store implements, and what all objects have.
 * Thread: the loop of the store.
 */
#ifndef SQUIRE_CACHE_STORE_PRIV_H
#define SQUIRE_CACHE_STORE_PRIV_H

#include "buf.h"
#include "cache_store.h"

#define CACHE_STORE_MAGIC 0x43535430u
#define CACHE_OBJECT_MAGIC 0x434f4230u
#define CACHE_WRITER_MAGIC 0x43575230u

typedef struct CacheStoreOps {
    void (*destroy)(CacheStore *store);
    CacheObject *(*lookup)(CacheStore *store, const CacheKey *key,
                           const HttpHeaders *request);
    bool (*has)(CacheStore *store, const CacheKey *key);
    CacheWriter *(*write)(CacheStore *store, const CacheMeta *meta);
    /* NULL: always. */
    bool (*hasRoom)(CacheWriter *writer, CacheRoomCb *cb, void *data);
    int (*append)(CacheWriter *writer, const void *data, size_t len);
    int (*commit)(CacheWriter *writer, CacheObject **objectOut);
    void (*abort)(CacheWriter *writer);
    CacheObject *(*update)(CacheStore *store, CacheObject *old,
                           const CacheMeta *meta);
    unsigned (*invalidate)(CacheStore *store, const CacheKey *key);
    void (*flush)(CacheStore *store); /* NULL: nothing to wait for */
    void (*stats)(const CacheStore *store, CacheStoreStats *out);
    void (*release)(CacheObject *object); /* the last reference is gone */
    int (*peek)(const CacheReader *reader, struct iovec *iov, int max);
    void (*advance)(CacheReader *reader, size_t len);
} CacheStoreOps;

/* The first member of every kind of store, object and writer. */
struct CacheStore {
    uint32_t magic;
    const CacheStoreOps *ops;
};

struct CacheObject {
    uint32_t magic;
    unsigned refs;
    const CacheStoreOps *ops;
    int status;
    uint64_t length;
    HttpSlice head;
    HttpFreshness freshness;
    HttpValidators validators; /* etag lies with the object */
};

struct CacheWriter {
    uint32_t magic;
    const CacheStoreOps *ops;
};

/*
 * Append the head as it is stored, all but Content-Length. Errors: -ENOBUFS.
 */
int cacheHeadFormat(const HttpResponse *response, Buf *out);

/*
 * The names in Vary, in lower case, joined by commas; nothing when there is
 * no Vary. -EINVAL for "*", for what is no name, and for more than 16 names.
 */
int cacheVaryNames(const HttpHeaders *response, Buf *out);

/*
 * What a request has in the fields that names (of cacheVaryNames) lists, in
 * a form in which equal texts mean that RFC 9111 4.1 lets both requests use
 * one response. -ENOBUFS when that is more than out may hold.
 */
int cacheVaryValues(HttpSlice names, const HttpHeaders *request, Buf *out);

#endif
