/*
 * cache_key.h: what a stored response is found by.
 *
 * SHA-256 over the class of method and the canonical URL (or store-id),
 * with the text itself beside it, so that equal digests are never believed
 * without comparing. Thread: any.
 */
#ifndef SQUIRE_CACHE_KEY_H
#define SQUIRE_CACHE_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "http_slice.h"

/* What is kept apart under one text. HEAD is answered from GET. */
typedef enum CacheKeyClass {
    CACHE_KEY_GET,
    CACHE_KEY_PART, /* a 206 */
    CACHE_KEY_CLASS_COUNT
} CacheKeyClass;

typedef struct CacheKey {
    uint8_t digest[32];
    CacheKeyClass keyClass;
    HttpSlice text; /* borrowed: must outlive the key */
} CacheKey;

/* Make the key of a canonical URL or store-id; borrows text. */
void cacheKeyInit(CacheKey *key, CacheKeyClass keyClass, HttpSlice text);

/* Same digest, class and text. */
bool cacheKeyEqual(const CacheKey *a, const CacheKey *b);

#endif
