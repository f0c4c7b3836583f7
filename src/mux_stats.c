/* mux_stats.c: what squire-mux says of itself. */
#include "mux_stats.h"

#include <inttypes.h>
#include <stdlib.h>

#include "comm.h"
#include "xalloc.h"

static void
addLatency(Buf *out, const char *name, const HelperLatency *latency)
{
    (void)bufPrintf(out,
                    "  %s ms: p50 %.3f, p90 %.3f, p99 %.3f, max %.3f of "
                    "%" PRIu64 "\n",
                    name, latency->p50, latency->p90, latency->p99,
                    latency->max, latency->count);
}

static void
addResults(Buf *out, const HelperPoolStats *stats)
{
    (void)bufPrintf(out, "  results:");
    for (int i = 0; i < HELPER_RESULT_COUNT; i++)
        if (stats->byResult[i] > 0)
            (void)bufPrintf(out, " %s %" PRIu64,
                            helperProtoResultName((HelperResult)i),
                            stats->byResult[i]);
    if (stats->failedOpen > 0)
        (void)bufPrintf(out, " FAILED_OPEN %" PRIu64, stats->failedOpen);
    (void)bufPrintf(out, "\n");
}

static void
addGone(Buf *out, const HelperPoolStats *stats)
{
    const char *separator = "  processes that went:";

    for (int i = 0; i < HELPER_GONE_COUNT; i++) {
        if (stats->gone[i] == 0)
            continue;
        (void)bufPrintf(out, "%s %s %" PRIu64, separator,
                        helperGoneName((HelperGone)i), stats->gone[i]);
        separator = ",";
    }
    if (*separator == ',')
        (void)bufPrintf(out, "\n");
    if (stats->trouble[0])
        (void)bufPrintf(out, "  the last trouble: %s\n", stats->trouble);
}

static void
addKept(Buf *out, const HelperPoolStats *stats)
{
    if (stats->cacheHits + stats->cacheMisses + stats->collapsed == 0)
        return;
    (void)bufPrintf(
        out,
        "  kept answers: %u, %" PRIu64 " hits, %" PRIu64 " misses, %" PRIu64
        " renewed, %" PRIu64 " stale; %" PRIu64 " requests joined others\n",
        stats->cacheEntries, stats->cacheHits, stats->cacheMisses,
        stats->cacheRefreshes, stats->staleAnswers, stats->collapsed);
}

static int
addProcesses(Buf *out, const HelperPool *pool)
{
    size_t count = helperPoolProcesses(pool, NULL, 0);
    HelperProcessStats *list = xcalloc(count + 1, sizeof(*list));
    int error = 0;

    size_t now = helperPoolProcesses(pool, list, count);
    for (size_t i = 0; i < count && i < now && error == 0; i++)
        error = bufPrintf(out,
                          "  #%u pid %d %s: %" PRIu64 " requests, %u in "
                          "flight, %ld KiB, %.0f s old\n",
                          list[i].id, (int)list[i].pid, list[i].state,
                          list[i].requests, list[i].inflight, list[i].rssKb,
                          (double)(commNowUs() - list[i].startedUs) / 1e6);
    free(list);
    return error;
}

int
muxStatsFormat(const HelperPool *pool, const MuxRelay *relay, Buf *out)
{
    HelperPoolStats stats;
    MuxRelayStats mux;

    helperPoolStats(pool, &stats);
    muxRelayStats(relay, &mux);
    (void)bufPrintf(out, "squire-mux: %s: %s\n", stats.name, stats.program);
    (void)bufPrintf(out,
                    "  Squid: %" PRIu64 " requests, %" PRIu64
                    " answers, %" PRIu64 " refused, %zu in flight, %" PRIu64
                    " pauses, %zu octets to write\n",
                    mux.requests, mux.replies, mux.refused, mux.inflight,
                    mux.pauses, mux.outOctets);
    (void)bufPrintf(out,
                    "  processes: %u of %u, %u idle; %u requests wait, %u in "
                    "flight\n",
                    stats.active, stats.max, stats.idle, stats.queue,
                    stats.inflight);
    (void)bufPrintf(out,
                    "  %" PRIu64 " timeouts, %" PRIu64 " retries, %" PRIu64
                    " overloads, %" PRIu64 " restarts\n",
                    stats.timeouts, stats.retries, stats.overloads,
                    stats.restarts);
    addResults(out, &stats);
    addGone(out, &stats);
    addKept(out, &stats);
    addLatency(out, "waiting", &stats.queueMs);
    addLatency(out, "service", &stats.serviceMs);
    return addProcesses(out, pool);
}
