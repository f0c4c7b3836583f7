/* helper_answers.c: answers without asking: kept ones, and what a pool says
 * when no process can answer. Section 84. */
#include "helper_priv.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "debug.h"
#include "xalloc.h"

static HelperReplyCb onRefreshed;

static HelperCacheLimits
limitsOf(const HelperConfig *config)
{
    return (HelperCacheLimits){
        .max = config->cacheMax,
        .ttlMs = config->ttlMs,
        .negativeTtlMs = config->negativeTtlMs,
        .gracePct = config->gracePct,
    };
}

/* The old answers may be in use by callbacks further up, which hold them. */
void
helperAnswersReconfigure(HelperPool *pool, bool forget)
{
    HelperAnswers *answers = &pool->answers;
    const HelperConfig *config = &pool->config;
    HelperCacheLimits limits = limitsOf(config);

    if (forget || config->cacheMax == 0)
        helperCacheDestroy(&answers->cache);
    if (answers->cache)
        helperCacheSetLimits(answers->cache, &limits);
    else if (config->cacheMax > 0)
        answers->cache = helperCacheCreate(&limits);
    if (config->collapse && !answers->flights.places)
        helperTableInit(&answers->flights, 0);
    /* Flights that began before collapse was switched off end as usual. */
    answers->isUsed = answers->cache || answers->flights.places ||
                      config->fail != HELPER_FAIL_CLOSED;
}

void
helperAnswersInit(HelperPool *pool)
{
    helperAnswersReconfigure(pool, true);
}

void
helperAnswersFini(HelperPool *pool)
{
    HelperAnswers *answers = &pool->answers;

    helperCacheDestroy(&answers->cache);
    helperTableFini(&answers->flights);
    free(answers->scratch);
}

/* What it was asked for has taken its place, or is not to be had now. */
static void
onRefreshed(const HelperReply *reply, void *data)
{
    HelperKept *kept = data;

    if (reply->result != HELPER_OK && reply->result != HELPER_ERR)
        helperKeptSetUnanswered(kept, commNowUs());
    helperKeptUnref(&kept);
}

static void
askTogether(HelperRequest *request, const char *line, size_t len)
{
    if (!helperCollapseJoin(request, line, len))
        helperPoolPlace(helperCollapseBegin(request, line, len), line, len);
}

/* Ask for an ageing answer again. Not while others wait: then it is asked for
 * when there is nobody, or when it is too old. */
static void
refresh(HelperPool *pool, HelperKept *kept, const char *line, size_t len)
{
    if (pool->queued > 0)
        return;
    HelperRequest *request =
        helperRequestCreate(pool, onRefreshed, helperKeptRef(kept));
    request->isRefresh = true;
    pool->answers.refreshes++;
    helperKeptSetAsked(kept);
    if (pool->config.collapse)
        askTogether(request, line, len);
    else
        helperPoolPlace(request, line, len);
}

static bool
takeKept(HelperRequest *request, const char *line, size_t len)
{
    HelperPool *pool = request->pool;
    HelperAnswers *answers = &pool->answers;
    HelperKept *kept = NULL;
    HelperCacheAge age =
        helperCacheLookup(answers->cache, line, len, request->submitUs, &kept);

    if (age != HELPER_CACHE_FRESH && age != HELPER_CACHE_AGING) {
        answers->misses++;
        return false;
    }
    answers->hits++;
    helperQueueAnswerKept(request, kept, HELPER_SOURCE_CACHE);
    if (age == HELPER_CACHE_AGING)
        refresh(pool, kept, line, len);
    return true;
}

bool
helperAnswersTake(HelperRequest *request, const char *line, size_t len)
{
    const HelperPool *pool = request->pool;

    if (pool->answers.cache && takeKept(request, line, len))
        return true;
    if (!pool->config.collapse)
        return false;
    askTogether(request, line, len);
    return true;
}

static void
growScratch(HelperAnswers *answers, size_t want)
{
    if (want <= answers->scratchSize)
        return;
    free(answers->scratch);
    answers->scratch = xmalloc(want);
    answers->scratchSize = want;
}

bool
helperLookup(HelperPool *pool, const char *line, size_t len,
             HelperReply *replyOut)
{
    HelperKept *kept = NULL;

    if (!pool)
        return false;
    CHECK_OBJ(pool, HELPER_POOL_MAGIC);
    HelperAnswers *answers = &pool->answers;
    if (!answers->cache || pool->stopping)
        return false;
    int64_t nowUs = commNowUs();
    if (helperCacheLookup(answers->cache, line, len, nowUs, &kept) !=
        HELPER_CACHE_FRESH)
        return false;
    answers->hits++;
    if (helperTraceIsOn(pool))
        helperTraceKept(pool, kept, nowUs, nowUs);
    growScratch(answers, helperKeptScratchSize(kept));
    helperKeptParse(kept, answers->scratch, answers->scratchSize, replyOut);
    return true;
}

/*
 * Keep an answer, or drop an older one that this one makes doubtful: the
 * helper does not stand by it any more. With fail=stale it stays, for this
 * is what it is kept for.
 */
void
helperAnswersKeep(const HelperRequest *request, const HelperReply *reply,
                  const char *line)
{
    HelperPool *pool = request->pool;
    HelperCacheItem item = {.reply = line};

    if (!pool->answers.cache)
        return;
    item.key = helperRequestLine(request, &item.keyLen);
    item.replyLen = (size_t)(reply->text - line) + reply->textLen;
    if (reply->result == HELPER_OK || reply->result == HELPER_ERR)
        helperCacheKeep(pool->answers.cache, &item, reply->result,
                        pool->thread->readUs);
    else if (pool->config.fail != HELPER_FAIL_STALE)
        helperCacheDrop(pool->answers.cache, item.key, item.keyLen);
}

/* The fail policy is for those who wait for an answer of any process. */
static bool
isInPolicy(const HelperRequest *request)
{
    return request->kind == HELPER_KIND_LOOKUP && !request->isRefresh;
}

/* The kept answer that fail=stale gives, or NULL. */
static HelperKept *
findStale(const HelperRequest *request)
{
    HelperPool *pool = request->pool;
    HelperKept *kept = NULL;
    size_t len;

    if (pool->config.fail != HELPER_FAIL_STALE || !pool->answers.cache ||
        !isInPolicy(request))
        return NULL;
    const char *line = helperRequestLine(request, &len);
    if (!line || helperCacheLookup(pool->answers.cache, line, len, commNowUs(),
                                   &kept) == HELPER_CACHE_NONE)
        return NULL;
    pool->answers.stale++;
    return kept;
}

bool
helperAnswersFailOver(HelperRequest *request, HelperResult result,
                      const char *why)
{
    const HelperPool *pool = request->pool;

    if (result == HELPER_SHUTDOWN || !request->cb || !isInPolicy(request))
        return false;
    if (pool->config.fail == HELPER_FAIL_OPEN) {
        helperQueueAnswer(request, HELPER_OK, why);
        return true;
    }
    HelperKept *kept = findStale(request);
    if (kept)
        helperQueueAnswerKept(request, kept, HELPER_SOURCE_STALE);
    return kept != NULL;
}

void
helperAnswersFail(HelperRequest *request, HelperResult result, const char *why)
{
    if (!helperAnswersFailOver(request, result, why))
        helperQueueAnswer(request, result, why);
}

void
helperAnswersFailNow(const HelperRequest *request, HelperResult result,
                     const char *why, HelperReply *replyOut,
                     HelperKept **keptOut)
{
    const HelperPool *pool = request->pool;
    const HelperThread *thread = pool->thread;
    HelperKept *kept = findStale(request);

    *keptOut = NULL;
    if (kept) {
        *keptOut = helperKeptRef(kept);
        if (helperTraceIsOn(request->pool))
            helperTraceKept(request->pool, kept, request->submitUs,
                            commNowUs());
        helperKeptParse(kept, thread->scratch, thread->scratchSize, replyOut);
        replyOut->source = HELPER_SOURCE_STALE;
        return;
    }
    if (pool->config.fail == HELPER_FAIL_OPEN && isInPolicy(request))
        result = HELPER_OK;
    if (helperTraceIsOn(pool))
        helperTraceOwn(request, result);
    replyOut->result = result;
    replyOut->source = HELPER_SOURCE_POOL;
    replyOut->line = NULL;
    replyOut->lineLen = 0;
    replyOut->text = "";
    replyOut->textLen = 0;
    replyOut->message = why;
    replyOut->pairCount = 0;
}

void
helperAnswersFinish(HelperRequest *request, const HelperReply *reply)
{
    if (reply->result != HELPER_BH ||
        !helperAnswersFailOver(request, HELPER_BH, "no process could decide"))
        helperRequestFinish(request, reply);
}

void
helperAnswersGive(HelperRequest *request, const HelperReply *reply,
                  const char *line)
{
    helperAnswersKeep(request, reply, line);
    if (request->cb)
        helperAnswersFinish(request, reply);
    else
        helperCollapseAnswer(request, reply, line);
}
