/* helper_stats.c: figures of a pool and its processes. */
#include "helper_priv.h"

#include <inttypes.h>
#include <string.h>

#include "check.h"

static const char *const goneNames[HELPER_GONE_COUNT] = {
    [HELPER_GONE_EXIT] = "exit",
    [HELPER_GONE_SIGNAL] = "signal",
    [HELPER_GONE_GARBAGE] = "garbage",
    [HELPER_GONE_TIMEOUT] = "timeout",
    [HELPER_GONE_PROBE] = "probe",
    [HELPER_GONE_REQUESTS] = "max_requests",
    [HELPER_GONE_AGE] = "max_age",
    [HELPER_GONE_RECONFIGURED] = "reconfigured",
    [HELPER_GONE_IDLE] = "idle",
    [HELPER_GONE_DIALOG] = "dialog",
    [HELPER_GONE_PIPELINE] = "pipeline",
    [HELPER_GONE_STOPPED] = "stopped",
};

const char *
helperGoneName(HelperGone why)
{
    return (unsigned)why < HELPER_GONE_COUNT ? goneNames[why] : "?";
}

static void
sumLatency(const HelperHistogram *histogram, HelperLatency *out)
{
    out->count = histogram->count;
    out->p50 = helperHistogramQuantile(histogram, 0.50) / 1000;
    out->p90 = helperHistogramQuantile(histogram, 0.90) / 1000;
    out->p99 = helperHistogramQuantile(histogram, 0.99) / 1000;
    out->max = (double)histogram->max / 1000;
    out->sum = (double)histogram->sum / 1000;
}

void
helperPoolBuckets(const HelperPool *pool, HelperLatencyKind kind,
                  HelperBucketCb *cb, void *data)
{
    CHECK_OBJ(pool, HELPER_POOL_MAGIC);
    const HelperHistogram *histogram =
        kind == HELPER_LATENCY_QUEUE ? &pool->queueUs : &pool->serviceUs;
    uint64_t from, to;

    for (unsigned i = 0; i < HELPER_HISTOGRAM_BUCKETS; i++) {
        if (histogram->buckets[i] == 0)
            continue;
        helperHistogramRange(i, &from, &to);
        cb((double)from / 1000, (double)to / 1000, histogram->buckets[i], data);
    }
}

static HelperLatency
sumBrief(const HelperBrief *brief)
{
    return (HelperLatency){
        .count = brief->count,
        .p50 = helperBriefQuantile(brief, 0.50) / 1000,
        .p90 = helperBriefQuantile(brief, 0.90) / 1000,
        .p99 = helperBriefQuantile(brief, 0.99) / 1000,
        .max = (double)brief->max / 1000,
        .sum = (double)brief->sum / 1000,
    };
}

void
helperPoolStats(const HelperPool *pool, HelperPoolStats *statsOut)
{
    CHECK_OBJ(pool, HELPER_POOL_MAGIC);

    *statsOut = (HelperPoolStats){
        .name = pool->config.name,
        .program = pool->program,
        .max = pool->config.max,
        .active = pool->alive,
        .idle = pool->place.idle,
        .queue = pool->queued,
        .inflight = pool->inflight,
        .reserved = pool->reserved,
        .requests = pool->requests,
        .replies = pool->replies,
        .failedOpen = pool->failedOpen,
        .cancelled = pool->cancelled,
        .timeouts = pool->timeouts,
        .retries = pool->retries,
        .overloads = pool->overloads,
        .restarts = pool->restarts,
        .cacheHits = pool->answers.hits,
        .cacheMisses = pool->answers.misses,
        .cacheRefreshes = pool->answers.refreshes,
        .cacheRefreshFailures = pool->answers.refreshFailures,
        .staleAnswers = pool->answers.stale,
        .collapsed = pool->answers.collapsed,
        .traceMax = pool->config.traceMax,
        .argv = pool->config.argv,
        .concurrency = pool->config.concurrency,
        .endMark = pool->config.endMark,
        .trouble = pool->trouble,
        .troubleAgoMs = pool->trouble[0]
                            ? (commNowUs() - pool->troubleAtUs) / 1000
                            : 0,
    };
    memcpy(statsOut->gone, pool->gone, sizeof(statsOut->gone));
    if (pool->answers.cache)
        statsOut->cacheEntries = helperCacheCount(pool->answers.cache);
    for (int i = 0; i < HELPER_RESULT_COUNT; i++)
        statsOut->byResult[i] = pool->byResult[i];
    sumLatency(&pool->queueUs, &statsOut->queueMs);
    sumLatency(&pool->serviceUs, &statsOut->serviceMs);
}

/* One that runs and has not been asked anything is ready as far as anybody
 * can know. */
static const char *
stateOf(const HelperChannel *channel)
{
    bool isUnasked = channel->state == HELPER_CHANNEL_STARTING &&
                     channel->place.load == 0 && !channel->probe;

    return helperChannelStateName(isUnasked ? HELPER_CHANNEL_READY
                                            : channel->state);
}

static size_t
fillRows(const ListNode *list, HelperProcessStats *rows, size_t max,
         size_t count)
{
    for (const ListNode *node = list->next; node != list; node = node->next) {
        const HelperChannel *channel =
            (const HelperChannel *)(const void *)((const char *)node -
                                                  offsetof(HelperChannel,
                                                           node));
        if (count < max)
            rows[count] = (HelperProcessStats){
                .id = channel->number,
                .pid = channel->pid,
                .state = stateOf(channel),
                .requests = channel->requests,
                .inflight = channel->place.load,
                .rssKb = channel->rssKb,
                .startedUs = channel->startedUs,
                .serviceMs = sumBrief(&channel->serviceUs),
            };
        count++;
    }
    return count;
}

size_t
helperPoolProcesses(const HelperPool *pool, HelperProcessStats *rows,
                    size_t max)
{
    CHECK_OBJ(pool, HELPER_POOL_MAGIC);

    if (max > 0)
        helperRssWant(pool->rss);
    size_t count = fillRows(&pool->channels, rows, max, 0);
    return fillRows(&pool->leavers, rows, max, count);
}
