/* helper_stats.c: figures of a pool and its processes. */
#include "helper_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "check.h"

static void
sumLatency(const HelperHistogram *histogram, HelperLatency *out)
{
    out->count = histogram->count;
    out->p50 = helperHistogramQuantile(histogram, 0.50) / 1000;
    out->p90 = helperHistogramQuantile(histogram, 0.90) / 1000;
    out->p99 = helperHistogramQuantile(histogram, 0.99) / 1000;
    out->max = (double)histogram->max / 1000;
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
        .timeouts = pool->timeouts,
        .retries = pool->retries,
        .overloads = pool->overloads,
        .restarts = pool->restarts,
        .cacheHits = pool->answers.hits,
        .cacheMisses = pool->answers.misses,
        .cacheRefreshes = pool->answers.refreshes,
        .staleAnswers = pool->answers.stale,
        .collapsed = pool->answers.collapsed,
    };
    if (pool->answers.cache)
        statsOut->cacheEntries = helperCacheCount(pool->answers.cache);
    for (int i = 0; i < HELPER_RESULT_COUNT; i++)
        statsOut->byResult[i] = pool->byResult[i];
    sumLatency(&pool->queueUs, &statsOut->queueMs);
    sumLatency(&pool->serviceUs, &statsOut->serviceMs);
}

/* Resident memory, or -1 when the process has gone. */
static long
readRss(pid_t pid)
{
    char path[64];
    long pages = -1;

    (void)snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return -1;
    if (fscanf(file, "%*d %ld", &pages) != 1)
        pages = -1;
    fclose(file);
    return pages < 0 ? -1 : pages * (sysconf(_SC_PAGESIZE) / 1024);
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
                .state = helperChannelStateName(channel->state),
                .requests = channel->requests,
                .inflight = channel->place.load,
                .rssKb = readRss(channel->pid),
                .startedUs = channel->startedUs,
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

    size_t count = fillRows(&pool->channels, rows, max, 0);
    return fillRows(&pool->leavers, rows, max, count);
}
