/*
 * stores.h: what tests of stores of responses share: one store, of any
 * kind, and short ways to write and to look. Thread: the test's main thread.
 */
#ifndef SQUIRE_SUPPORT_STORES_H
#define SQUIRE_SUPPORT_STORES_H

#include "buf.h"
#include "cache_store.h"

#define STORES_NOW ((time_t)784111777)
#define STORES_MEM_MAX (1 << 20)
#define STORES_LMDB_MAX (64 << 20)
#define STORES_OBJECT_MAX (256 * 1024)

/* One of them is made by a fixture. */
extern CacheStore *store;

/* False for the store in LMDB alone, whose counters are about what is there
 * and not about what is in use. */
extern bool storesIsMem;

/* The most variants of one key. */
extern unsigned storesVariantsMax;

/* Fixture: a store in memory, a loop. */
void storesInitMem(void);

/* Fixture: a store in LMDB in the test's folder, a loop. */
void storesInitLmdb(void);

/* Fixture: the first in front of the second. */
void storesInitTier(void);

/* Fixture: end it, look for leaks. */
void storesFini(void);

/* Make the store of the fixture, after another one was destroyed. */
void storesOpen(void);

/* The suites of a file, for each kind of store. */
#define STORES_SUITES(suite)                                                   \
    TestSuite(suite, .init = storesInitMem, .fini = storesFini,                \
              .timeout = 60);                                                  \
    TestSuite(suite##Lmdb, .init = storesInitLmdb, .fini = storesFini,         \
              .timeout = 120);                                                 \
    TestSuite(suite##Tier, .init = storesInitTier, .fini = storesFini,         \
              .timeout = 120)

/* A test that every kind of store has to pass. */
#define STORES_ALL(suite, name)                                                \
    static void name(void);                                                    \
    Test(suite, name)                                                          \
    {                                                                          \
        name();                                                                \
    }                                                                          \
    Test(suite##Lmdb, name)                                                    \
    {                                                                          \
        name();                                                                \
    }                                                                          \
    Test(suite##Tier, name)                                                    \
    {                                                                          \
        name();                                                                \
    }                                                                          \
    static void name(void)

/* The response to be written. */
typedef struct StoresWrite {
    const char *url;
    const char *request; /* lines; NULL: none */
    const char *lines;   /* of the response; NULL: fresh for a minute */
    int status;          /* 0: 200 */
    uint64_t length;     /* declared */
    CacheObject *update; /* not NULL: cacheStoreUpdate of this */
    CacheWriter *change; /* not NULL: cacheWriterChange of this */
} StoresWrite;

/* Of writer and object, one at most is not NULL. */
typedef struct StoresWritten {
    CacheWriter *writer;
    CacheObject *object;
    int error;
} StoresWritten;

/* The key of a URL; borrows it. */
CacheKey storesKey(const char *url);

/* Call cacheStoreWrite, cacheStoreUpdate or cacheWriterChange. */
StoresWritten storesStart(const StoresWrite *what);

/* The same for a fresh response of this length; never NULL. */
CacheWriter *storesBegin(const char *url, uint64_t length);

/* Append, commit and flush; all must go well. */
void storesFinish(CacheWriter *writer, const void *body, size_t len);

/* Write a fresh response whole. */
void storesPut(const char *url, const char *body);

/* The same for one variant. */
void storesPutVariant(const char *url, const char *request, const char *vary,
                      const char *body);

/* Look for a response; owned. */
CacheObject *storesLookup(const char *url);

/* The same with fields of the request. */
CacheObject *storesLookupFor(const char *url, const char *request);

/* Whether an object's body is this one, as read in small pieces. */
bool storesHasBody(CacheObject *object, const void *body, size_t len);

/* Fail unless the variant for this request has this body; NULL: there is
 * none. */
void storesExpect(const char *url, const char *request, const char *body);

/* The counters; the bound must hold. */
CacheStoreStats storesStats(void);

/* Fail when the store still has something. */
void storesExpectEmpty(void);

/* Call cacheStoreInvalidate. */
unsigned storesInvalidate(const char *url);

/* Octets that differ from place to place, and by seed. */
void storesFill(char *block, size_t len, unsigned seed);

#endif
