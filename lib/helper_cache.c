/* helper_cache.c: answers of helpers, kept by the whole request line. */
#include "helper_cache.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "helper_table.h"
#include "list.h"
#include "xalloc.h"

#define KEPT(n) LIST_OBJ(n, HelperKept, node)
#define BY_USE(n) LIST_OBJ(n, HelperKept, use)

/* The pause before an answer is asked again after that failed; it doubles
 * each time, so often. */
#define PAUSE_MS 1000u
#define PAUSE_DOUBLED 5u

struct HelperKept {
    HelperTableNode node;
    ListNode use; /* in cache->use, the youngest last */
    int64_t keptUs;
    uint32_t refs; /* one of them is the cache's */
    uint32_t replyLen;
    uint32_t againMs; /* after keptUs; not asked again before */
    uint8_t failures; /* to be asked again */
    bool isErr;
    bool isAsked; /* again, without an answer yet */
    char data[]; /* the line, then the answer and a NUL */
};

struct HelperCache {
    HelperTable table;
    ListNode use;
    HelperCacheLimits limits;
};

static char *
replyOf(HelperKept *kept)
{
    return kept->data + kept->node.keyLen;
}

/* Each parse takes a CR off the end; an answer is parsed many times. */
static size_t
trimmedLen(const char *reply, size_t len)
{
    while (len > 0 && reply[len - 1] == '\r')
        len--;
    return len;
}

static HelperKept *
createKept(const HelperCacheItem *item)
{
    size_t replyLen = trimmedLen(item->reply, item->replyLen);
    HelperKept *kept =
        xmalloc(offsetof(HelperKept, data) + item->keyLen + replyLen + 1);

    CHECK(item->keyLen <= INT32_MAX && replyLen <= INT32_MAX);
    kept->node = (HelperTableNode){.keyLen = (uint32_t)item->keyLen};
    listInit(&kept->use);
    kept->keptUs = 0;
    kept->refs = 1;
    kept->replyLen = (uint32_t)replyLen;
    kept->againMs = 0;
    kept->failures = 0;
    kept->isErr = kept->isAsked = false;
    if (item->keyLen > 0)
        memcpy(kept->data, item->key, item->keyLen);
    memcpy(replyOf(kept), item->reply, replyLen);
    replyOf(kept)[replyLen] = '\0';
    return kept;
}

HelperKept *
helperKeptCreate(const char *reply, size_t len)
{
    return createKept(&(HelperCacheItem){.reply = reply, .replyLen = len});
}

HelperKept *
helperKeptRef(HelperKept *kept)
{
    kept->refs++;
    return kept;
}

void
helperKeptUnref(HelperKept **kept)
{
    HelperKept *old = *kept;

    *kept = NULL;
    if (old && --old->refs == 0)
        free(old);
}

void
helperKeptSetAsked(HelperKept *kept)
{
    kept->isAsked = true;
}

void
helperKeptSetUnanswered(HelperKept *kept, int64_t nowUs)
{
    int64_t againMs =
        (nowUs - kept->keptUs) / 1000 + (PAUSE_MS << kept->failures);

    kept->isAsked = false;
    kept->againMs = againMs < UINT32_MAX ? (uint32_t)againMs : UINT32_MAX;
    if (kept->failures < PAUSE_DOUBLED)
        kept->failures++;
}

HelperResult
helperKeptItem(const HelperKept *kept, HelperCacheItem *itemOut)
{
    *itemOut = (HelperCacheItem){
        .key = kept->data,
        .keyLen = kept->node.keyLen,
        .reply = kept->data + kept->node.keyLen,
        .replyLen = kept->replyLen,
    };
    return kept->isErr ? HELPER_ERR : HELPER_OK;
}

size_t
helperKeptScratchSize(const HelperKept *kept)
{
    return kept->replyLen + 2;
}

void
helperKeptParse(HelperKept *kept, char *scratch, size_t scratchSize,
                HelperReply *replyOut)
{
    (void)helperProtoParseReply(replyOf(kept), kept->replyLen, scratch,
                                scratchSize, replyOut);
    replyOut->source = HELPER_SOURCE_CACHE;
}

HelperCache *
helperCacheCreate(const HelperCacheLimits *limits)
{
    HelperCache *cache = xcalloc(1, sizeof(*cache));

    CHECK(limits->max > 0);
    cache->limits = *limits;
    listInit(&cache->use);
    helperTableInit(&cache->table, limits->max);
    return cache;
}

/* Take an answer out of the cache. */
static void
evict(HelperCache *cache, HelperKept *kept)
{
    helperTableRemove(&cache->table, &kept->node);
    listRemove(&kept->use);
    helperKeptUnref(&kept);
}

void
helperCacheDestroy(HelperCache **cache)
{
    HelperCache *old = *cache;
    ListNode *node;

    *cache = NULL;
    if (!old)
        return;
    while ((node = listFirst(&old->use)))
        evict(old, BY_USE(node));
    helperTableFini(&old->table);
    free(old);
}

void
helperCacheSetLimits(HelperCache *cache, const HelperCacheLimits *limits)
{
    CHECK(limits->max > 0);
    cache->limits = *limits;
}

unsigned
helperCacheCount(const HelperCache *cache)
{
    return cache->table.count;
}

static HelperKept *
find(const HelperCache *cache, uint32_t hash, const char *key, size_t len)
{
    HelperTableNode *node = helperTableFirst(&cache->table, hash);

    for (; node; node = node->next) {
        if (node->hash != hash || node->keyLen != len)
            continue;
        /* Among many answers, most of a lookup is waiting for memory: let
         * the neighbours, which a use changes, come meanwhile. */
        HelperKept *kept = KEPT(node);
        __builtin_prefetch(kept->use.prev, 1);
        __builtin_prefetch(kept->use.next, 1);
        __builtin_prefetch(kept->data + len);
        if (memcmp(kept->data, key, len) == 0)
            return kept;
    }
    return NULL;
}

static int64_t
ttlUs(const HelperCache *cache, bool isErr)
{
    const HelperCacheLimits *limits = &cache->limits;

    return (isErr ? limits->negativeTtlMs : limits->ttlMs) * 1000ll;
}

void
helperCacheDrop(HelperCache *cache, const char *key, size_t keyLen)
{
    uint32_t hash = helperTableHash(&cache->table, key, keyLen);
    HelperKept *kept = find(cache, hash, key, keyLen);

    if (kept)
        evict(cache, kept);
}

void
helperCacheKeep(HelperCache *cache, const HelperCacheItem *item,
                HelperResult result, int64_t nowUs)
{
    bool isErr = result == HELPER_ERR;

    if (result != HELPER_OK && !isErr)
        return;
    if (ttlUs(cache, isErr) == 0) {
        helperCacheDrop(cache, item->key, item->keyLen);
        return;
    }
    uint32_t hash = helperTableHash(&cache->table, item->key, item->keyLen);
    HelperKept *kept = createKept(item); /* item may be in the old one */
    HelperKept *old = find(cache, hash, item->key, item->keyLen);
    if (old)
        evict(cache, old);
    while (cache->table.count >= cache->limits.max)
        evict(cache, BY_USE(listFirst(&cache->use)));
    kept->node.hash = hash;
    kept->keptUs = nowUs;
    kept->isErr = isErr;
    helperTableAdd(&cache->table, &kept->node);
    listPushBack(&cache->use, &kept->use);
}

static HelperCacheAge
ageOf(const HelperCache *cache, const HelperKept *kept, int64_t nowUs)
{
    int64_t ttl = ttlUs(cache, kept->isErr);
    int64_t left = kept->keptUs + ttl - nowUs;

    if (left < 0)
        return HELPER_CACHE_STALE;
    if (!kept->isAsked && left < ttl / 100 * cache->limits.gracePct &&
        nowUs >= kept->keptUs + kept->againMs * INT64_C(1000))
        return HELPER_CACHE_AGING;
    return HELPER_CACHE_FRESH;
}

HelperCacheAge
helperCacheLookup(HelperCache *cache, const char *key, size_t keyLen,
                  int64_t nowUs, HelperKept **keptOut)
{
    uint32_t hash = helperTableHash(&cache->table, key, keyLen);
    HelperKept *kept = find(cache, hash, key, keyLen);

    if (!kept)
        return HELPER_CACHE_NONE;
    listRemove(&kept->use);
    listPushBack(&cache->use, &kept->use);
    *keptOut = kept;
    return ageOf(cache, kept, nowUs);
}
