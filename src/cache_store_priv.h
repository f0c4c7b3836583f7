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
    /* As cacheWriterObject; makes it writer->object, for which available is
     * kept up to date by the callers of append. */
    CacheObject *(*arriving)(CacheWriter *writer);
    int (*change)(CacheWriter *writer, const CacheMeta *meta);
    int (*commit)(CacheWriter *writer, CacheObject **objectOut);
    void (*abort)(CacheWriter *writer);
    CacheObject *(*update)(CacheStore *store, CacheObject *old,
                           const CacheMeta *meta);
    unsigned (*invalidate)(CacheStore *store, const CacheKey *key);
    void (*flush)(CacheStore *store); /* NULL: nothing to wait for */
    bool (*list)(CacheStore *store, CacheCursor *cursor, unsigned max,
                 CacheListCb *cb, void *data);
    void (*listKey)(CacheStore *store, const CacheKey *key, CacheListCb *cb,
                    void *data);
    void (*stats)(const CacheStore *store, CacheStoreStats *out);
    void (*release)(CacheObject *object); /* the last reference is gone */
    int (*peek)(CacheReader *reader, struct iovec *iov, int max);
    void (*advance)(CacheReader *reader, size_t len);
} CacheStoreOps;

typedef enum CacheObjectState {
    CACHE_OBJECT_WHOLE,
    CACHE_OBJECT_ARRIVING,
    CACHE_OBJECT_CUT, /* the writer was aborted */
} CacheObjectState;

/* The first member of every kind of store, object and writer. */
struct CacheStore {
    uint32_t magic;
    const CacheStoreOps *ops;
};

struct CacheObject {
    uint32_t magic;
    unsigned refs;
    const CacheStoreOps *ops;
    bool isFromDisk;
    CacheObjectState state;
    int status;
    uint64_t length;
    uint64_t available; /* unless it is whole */
    HttpSlice head;
    HttpFreshness freshness;
    HttpValidators validators; /* etag lies with the object */
    HttpSlice varyNames;       /* as these two, of cache_vary.c */
    HttpSlice varyValues;
};

struct CacheWriter {
    uint32_t magic;
    const CacheStoreOps *ops;
    CacheObject *object; /* that reads what is written; NULL: nobody does */
};

/* Where the readable octets of what is read end by now. */
uint64_t cacheReaderLimit(const CacheReader *reader);

/* Make object, which the writer has written so many octets of, one that is
 * arriving, of this length. The writer refers to it until it has ended. Returns
 * owned. */
CacheObject *cacheWriterShow(CacheWriter *writer, CacheObject *object,
                             uint64_t available, uint64_t length);

/*
 * Copy an object of another store into one in memory, in place of its twin.
 * Returns an owned reference, or NULL: there is no room, or it is too large.
 */
CacheObject *cacheStoreMemAdopt(CacheStore *mem, const CacheKey *key,
                                CacheObject *from);

/* Take all keys whose digest begins so out of sight, or with NULL all. */
void cacheStoreMemForget(CacheStore *mem, const uint8_t digest[16]);

#define CACHE_VARY_MAX 8192      /* of names, and of values */
#define CACHE_LENGTH_LINE_MAX 48 /* "Content-Length: 18446744073709551615" */

/* The texts that are stored with a response. */
typedef struct CacheTexts {
    Buf head; /* all but Content-Length */
    Buf names;
    Buf values;
    HttpValidators validators; /* etag is borrowed from the response */
} CacheTexts;

/*
 * Make them; the caller frees them by cacheTextsFini. -EINVAL: something
 * cannot be kept; nothing is to be freed then.
 */
int cacheTextsInit(CacheTexts *texts, const CacheMeta *meta);

/* A response as it is stored; all borrowed. */
typedef struct CacheStored {
    int status;
    const HttpFreshness *freshness;
    HttpValidators validators;
    HttpSlice varyNames;
    HttpSlice varyValues;
    HttpSlice head;
} CacheStored;

/* The texts as one; borrows both. */
CacheStored cacheTextsStored(const CacheTexts *texts, const CacheMeta *meta);

/* Free them. */
void cacheTextsFini(CacheTexts *texts);

/* What a Buf holds, never absent; borrows it. */
HttpSlice cacheTextsSlice(const Buf *buf);

/* Write the Content-Length line, unless this status goes without. Returns its
 * length, less than CACHE_LENGTH_LINE_MAX. */
size_t cacheLengthLine(int status, uint64_t length, char *out);

/*
 * What the request at hand has in the fields that the last names asked about
 * list, while several variants are compared; values is kept between requests.
 */
typedef struct CacheVaryScratch {
    Buf values;
    HttpSlice namesDone; /* absent: of none */
} CacheVaryScratch;

/* True when a variant with these names and values is for the request. All
 * names asked about must live until namesDone is set to absent again. */
bool cacheVaryIsFor(CacheVaryScratch *scratch, HttpSlice names,
                    HttpSlice values, const HttpHeaders *request);

/*
 * The names in Vary, and of those fields of the request by which servers take
 * it for another one (X-Forwarded-Host, X-Original-URL ...), in lower case,
 * joined by commas; nothing when there are none. -EINVAL for "*", for what is
 * no name, and for more than 16 names.
 */
int cacheVaryNames(const HttpHeaders *response, const HttpHeaders *request,
                   Buf *out);

/*
 * What a request has in the fields that names (of cacheVaryNames) lists, in
 * a form in which equal texts mean that RFC 9111 4.1 lets both requests use
 * one response. -ENOBUFS when that is more than out may hold.
 */
int cacheVaryValues(HttpSlice names, const HttpHeaders *request, Buf *out);

/*
 * Add fields to a request that it has these values for these names by.
 * -ENOBUFS: too many.
 */
int cacheVaryRequest(HttpSlice names, HttpSlice values, HttpHeaders *request);

#endif
