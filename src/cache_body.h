/*
 * cache_body.h: the octets of a stored body in memory, as a list of chunks.
 *
 * Counted references: a body may belong to two objects after a 304. Every
 * octet allocated is counted in the account given at birth.
 * Thread: the loop of the store.
 */
#ifndef SQUIRE_CACHE_BODY_H
#define SQUIRE_CACHE_BODY_H

#include <stddef.h>
#include <stdint.h>

#define CACHE_BODY_CHUNK_MAX (64 * 1024)

typedef struct CacheChunk {
    struct CacheChunk *next;
    uint32_t size;
    uint32_t used;
    char data[];
} CacheChunk;

typedef struct CacheBody {
    unsigned refs;
    uint64_t length;
    uint64_t expected; /* or UINT64_MAX */
    uint64_t *account; /* octets allocated are added here */
    CacheChunk *first;
    CacheChunk **last; /* where the newest chunk hangs; NULL: none yet */
} CacheBody;

/*
 * An empty body; expected: its length if known, else UINT64_MAX. account
 * must live as long as the body. Returns owned (one reference).
 */
CacheBody *cacheBodyCreate(uint64_t expected, uint64_t *account);

/* One more reference. */
CacheBody *cacheBodyRef(CacheBody *body);

/* Give a reference back and clear the pointer; NULL is fine. */
void cacheBodyUnref(CacheBody **body);

/* What the next append will allocate; 0 while there is room. */
size_t cacheBodyCost(const CacheBody *body);

/*
 * Append octets, allocating at most one chunk. Returns how many were taken,
 * at least one: call again with the rest. len is not 0.
 */
size_t cacheBodyAppend(CacheBody *body, const void *data, size_t len);

/* No more octets come: give back what is not needed. */
void cacheBodyFinish(CacheBody *body);

#endif
