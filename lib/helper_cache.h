/*
 * helper_cache.h: answers of helpers, kept by the whole request line.
 *
 * OK and ERR are kept; an answer that says nothing for sure (BH, a timeout,
 * an unknown word) never is. What is past its ttl stays until the least
 * recently used ones make room: it may be all there is when no helper
 * answers. All calls are O(1). An answer is one block of memory with its
 * line, and is parsed anew at each use: that costs less than what a parsed
 * one would take.
 * Time is a parameter: microseconds of any clock that does not go back.
 * Thread: the owner.
 */
#ifndef SQUIRE_HELPER_CACHE_H
#define SQUIRE_HELPER_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "helper_proto.h"

typedef struct HelperCache HelperCache;
typedef struct HelperKept HelperKept;

typedef struct HelperCacheLimits {
    unsigned max;           /* answers; more than 0 */
    unsigned ttlMs;         /* for OK; 0: not kept */
    unsigned negativeTtlMs; /* for ERR; 0: not kept */
    unsigned gracePct;      /* share of the ttl left, below which an answer
                               is ageing; 0: never */
} HelperCacheLimits;

typedef enum HelperCacheAge {
    HELPER_CACHE_NONE,  /* there is no answer */
    HELPER_CACHE_FRESH, /* use it */
    HELPER_CACHE_AGING, /* use it and ask again; see helperKeptSetAsked */
    HELPER_CACHE_STALE, /* past its ttl */
    HELPER_CACHE_AGE_COUNT
} HelperCacheAge;

/* One line and its answer. */
typedef struct HelperCacheItem {
    const char *key;
    size_t keyLen;
    const char *reply; /* without ID and line end */
    size_t replyLen;
} HelperCacheItem;

/* An empty cache; returns owned. */
HelperCache *helperCacheCreate(const HelperCacheLimits *limits);

/* Free it and all answers that nobody holds. Clears *cache; NULL inside is
 * accepted. */
void helperCacheDestroy(HelperCache **cache);

/* Go on with other limits; a ttl holds for what is kept already. Surplus
 * answers leave when the next one comes. */
void helperCacheSetLimits(HelperCache *cache, const HelperCacheLimits *limits);

/* Keep the answer to a line instead of an older one. Copies item. Nothing
 * happens when result is neither OK nor ERR; where its ttl is 0, it is not
 * kept, and neither is the older one. */
void helperCacheKeep(HelperCache *cache, const HelperCacheItem *item,
                     HelperResult result, int64_t nowUs);

/* Forget the answer to a line, if any. */
void helperCacheDrop(HelperCache *cache, const char *key, size_t keyLen);

/* Find the answer to a line. Sets *keptOut, borrowed until the next keep or
 * drop, unless there is none. A use of it makes it the youngest. */
HelperCacheAge helperCacheLookup(HelperCache *cache, const char *key,
                                 size_t keyLen, int64_t nowUs,
                                 HelperKept **keptOut);

/* Answers kept now. */
unsigned helperCacheCount(const HelperCache *cache);

/* An answer that is in no cache; returns owned, by one reference. */
HelperKept *helperKeptCreate(const char *reply, size_t len);

/* Hold on to an answer; returns it. */
HelperKept *helperKeptRef(HelperKept *kept);

/* Let go; clears *kept; NULL inside is accepted. */
void helperKeptUnref(HelperKept **kept);

/* It is being asked again: it is fresh, not ageing. */
void helperKeptSetAsked(HelperKept *kept);

/* That brought no answer: it is ageing again after a pause, which grows from
 * one second to half a minute. */
void helperKeptSetUnanswered(HelperKept *kept, int64_t nowUs);

/* Its line (empty for one that was in no cache) and answer, borrowed from it.
 * Returns the result of one that was in a cache. */
HelperResult helperKeptItem(const HelperKept *kept, HelperCacheItem *itemOut);

/* Octets that helperKeptParse needs for decoding. */
size_t helperKeptScratchSize(const HelperKept *kept);

/* The answer, parsed; replyOut borrows kept and scratch, and its source is
 * HELPER_SOURCE_CACHE. */
void helperKeptParse(HelperKept *kept, char *scratch, size_t scratchSize,
                     HelperReply *replyOut);

#endif
