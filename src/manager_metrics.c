/* The manager's figures for Prometheus. DEBUG: section 16 */
#include <stddef.h>
#include <string.h>

#include "comm.h"
#include "helper.h"
#include "manager_priv.h"

typedef struct PoolMetric {
    const char *name;
    const char *help;
    const char *type;
    size_t offset; /* in HelperPoolStats */
    size_t size;
} PoolMetric;

#define POOL_METRIC(type, name, field, help)                                   \
    {                                                                          \
        name, help, type, offsetof(HelperPoolStats, field),                    \
            sizeof(((HelperPoolStats *)0)->field)                              \
    }

static const PoolMetric poolMetrics[] = {
    POOL_METRIC("gauge", "squire_helper_processes_max", max,
                "Helper processes allowed."),
    POOL_METRIC("gauge", "squire_helper_processes", active,
                "Helper processes running."),
    POOL_METRIC("gauge", "squire_helper_processes_idle", idle,
                "Helper processes without a request."),
    POOL_METRIC("gauge", "squire_helper_queue", queue,
                "Requests waiting for a helper."),
    POOL_METRIC("gauge", "squire_helper_inflight", inflight,
                "Requests at a helper."),
    POOL_METRIC("counter", "squire_helper_requests_total", requests,
                "Requests submitted."),
    POOL_METRIC("counter", "squire_helper_replies_total", replies,
                "Replies of helpers."),
    POOL_METRIC("counter", "squire_helper_timeouts_total", timeouts,
                "Requests not answered in time."),
    POOL_METRIC("counter", "squire_helper_cancelled_total", cancelled,
                "Requests that nobody waited for any more."),
    POOL_METRIC("counter", "squire_helper_retries_total", retries,
                "Requests asked again."),
    POOL_METRIC("counter", "squire_helper_restarts_total", restarts,
                "Helper processes that died or were put down."),
    POOL_METRIC("counter", "squire_helper_overloads_total", overloads,
                "Requests refused because the queue was full."),
};

static void
putHead(Buf *out, const char *name, const char *type, const char *help)
{
    bufPrintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* One figure without labels. */
static void
putOne(Buf *out, const char *type, const char *name, uint64_t value,
       const char *help)
{
    putHead(out, name, type, help);
    bufPrintf(out, "%s %llu\n", name, (unsigned long long)value);
}

static void
putEscaped(Buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            bufAppend(out, "\\", 1);
        if (*text == '\n')
            bufAppend(out, "\\n", 2);
        else
            bufAppend(out, text, 1);
    }
}

static void
putLabelled(Buf *out, const char *name, const char *pool, const char *label)
{
    bufPrintf(out, "%s{pool=\"", name);
    putEscaped(out, pool);
    bufPrintf(out, "\"%s} ", label);
}

/* What one walk over the pools writes. */
typedef struct PoolWalk {
    Buf *out;
    const PoolMetric *metric;
} PoolWalk;

static void
putPoolMetric(HelperPool *pool, void *data)
{
    const PoolWalk *walk = data;
    HelperPoolStats stats;
    const char *field = (const char *)&stats + walk->metric->offset;
    uint64_t value = 0;
    unsigned small = 0;

    helperPoolStats(pool, &stats);
    if (walk->metric->size == sizeof(small)) {
        memcpy(&small, field, sizeof(small));
        value = small;
    } else {
        memcpy(&value, field, sizeof(value));
    }
    putLabelled(walk->out, walk->metric->name, stats.name, "");
    bufPrintf(walk->out, "%llu\n", (unsigned long long)value);
}

static void
putPoolResults(HelperPool *pool, void *data)
{
    HelperPoolStats stats;

    helperPoolStats(pool, &stats);
    for (int i = 0; i < HELPER_RESULT_COUNT; i++) {
        const char *result = helperProtoResultName((HelperResult)i);
        char label[64];

        snprintf(label, sizeof(label), ",result=\"%s\"", result);
        putLabelled(data, "squire_helper_results_total", stats.name, label);
        bufPrintf(data, "%llu\n", (unsigned long long)stats.byResult[i]);
    }
    putLabelled(data, "squire_helper_results_total", stats.name,
                ",result=\"FAILED_OPEN\"");
    bufPrintf(data, "%llu\n", (unsigned long long)stats.failedOpen);
}

static void
putPoolGone(HelperPool *pool, void *data)
{
    HelperPoolStats stats;

    helperPoolStats(pool, &stats);
    for (int why = 0; why < HELPER_GONE_COUNT; why++) {
        char label[64];

        snprintf(label, sizeof(label), ",reason=\"%s\"",
                 helperGoneName((HelperGone)why));
        putLabelled(data, "squire_helper_gone_total", stats.name, label);
        bufPrintf(data, "%llu\n", (unsigned long long)stats.gone[why]);
    }
}

static void
putLatency(Buf *out, const char *name, const char *pool,
           const HelperLatency *latency)
{
    const struct {
        const char *label;
        double ms;
    } rows[] = {{",quantile=\"0.5\"", latency->p50},
                {",quantile=\"0.9\"", latency->p90},
                {",quantile=\"0.99\"", latency->p99},
                {",quantile=\"1\"", latency->max}};
    char other[64];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        putLabelled(out, name, pool, rows[i].label);
        bufPrintf(out, "%.6f\n", rows[i].ms / 1000);
    }
    snprintf(other, sizeof(other), "%s_sum", name);
    putLabelled(out, other, pool, "");
    bufPrintf(out, "%.6f\n", latency->sum / 1000);
    snprintf(other, sizeof(other), "%s_count", name);
    putLabelled(out, other, pool, "");
    bufPrintf(out, "%llu\n", (unsigned long long)latency->count);
}

static void
putQueueLatency(HelperPool *pool, void *data)
{
    HelperPoolStats stats;

    helperPoolStats(pool, &stats);
    putLatency(data, "squire_helper_queue_seconds", stats.name, &stats.queueMs);
}

static void
putServiceLatency(HelperPool *pool, void *data)
{
    HelperPoolStats stats;

    helperPoolStats(pool, &stats);
    putLatency(data, "squire_helper_service_seconds", stats.name,
               &stats.serviceMs);
}

static void
putPools(Buf *out)
{
    for (size_t i = 0; i < sizeof(poolMetrics) / sizeof(poolMetrics[0]); i++) {
        PoolWalk walk = {.out = out, .metric = &poolMetrics[i]};

        putHead(out, walk.metric->name, walk.metric->type, walk.metric->help);
        helperPoolForEach(putPoolMetric, &walk);
    }
    putHead(out, "squire_helper_results_total", "counter",
            "What requests were told; the others were cancelled or are in "
            "progress.");
    helperPoolForEach(putPoolResults, out);
    putHead(out, "squire_helper_gone_total", "counter",
            "Helper processes that ended or were sent off, by why.");
    helperPoolForEach(putPoolGone, out);
    putHead(out, "squire_helper_queue_seconds", "summary",
            "Time from submission to a helper.");
    helperPoolForEach(putQueueLatency, out);
    putHead(out, "squire_helper_service_seconds", "summary",
            "Time from a helper's request to its reply.");
    helperPoolForEach(putServiceLatency, out);
}

static void
putProxy(Buf *out, const ProxyStats *stats)
{
    putOne(out, "counter", "squire_client_connections_total",
           stats->connections, "Client connections accepted.");
    putOne(out, "counter", "squire_client_tls_failures_total",
           stats->tlsFailures, "TLS handshakes of clients that failed.");
    putOne(out, "gauge", "squire_http2_sessions", stats->h2Sessions,
           "HTTP/2 connections now.");
    putOne(out, "gauge", "squire_clients", stats->clients,
           "Client connections now.");
    putOne(out, "gauge", "squire_requests_active", stats->active,
           "Requests in progress.");
    putOne(out, "gauge", "squire_tunnels", stats->tunnels, "Tunnels now.");
    putOne(out, "gauge", "squire_origin_requests_active", stats->origins,
           "Requests and connections at origins.");
    putOne(out, "counter", "squire_client_aborts_total", stats->aborted,
           "Requests whose client went away early.");
    putOne(out, "counter", "squire_client_octets_in_total", stats->octetsIn,
           "Octets read from clients.");
    putOne(out, "counter", "squire_client_octets_out_total", stats->octetsOut,
           "Octets sent to clients.");
    putHead(out, "squire_client_requests_total", "counter",
            "Finished requests by result.");
    for (int i = 0; i < ACCESS_RESULT_COUNT; i++)
        bufPrintf(out, "squire_client_requests_total{result=\"%s\"} %llu\n",
                  accessResultName((AccessResult)i),
                  (unsigned long long)stats->byResult[i]);
    putHead(out, "squire_client_responses_total", "counter",
            "Finished requests by the class of their answer's status.");
    for (int i = 1; i < PROXY_STATUS_CLASSES; i++)
        bufPrintf(out, "squire_client_responses_total{class=\"%dxx\"} %llu\n",
                  i, (unsigned long long)stats->byClass[i]);
}

typedef struct CacheMetric {
    const char *type;
    const char *name; /* behind squire_cache_ or squire_disk_ */
    size_t offset;    /* of a uint64_t in CacheStoreStats */
    const char *help;
} CacheMetric;

#define FIELD(name) offsetof(CacheStoreStats, name)

static const CacheMetric cacheMetrics[] = {
    {"gauge", "objects", FIELD(objects), "Stored responses."},
    {"gauge", "octets", FIELD(bytes), "Octets of stored responses."},
    {"gauge", "octets_max", FIELD(bytesMax), "Their bound."},
    {"counter", "hits_total", FIELD(hits), "Lookups that found a response."},
    {"counter", "misses_total", FIELD(misses), "Lookups that found none."},
    {"counter", "stores_total", FIELD(stores), "Responses stored."},
    {"counter", "updates_total", FIELD(updates),
     "Responses confirmed by the origin."},
    {"counter", "refusals_total", FIELD(refusals),
     "Responses that were too large or found no room."},
    {"counter", "evictions_total", FIELD(evictions),
     "Responses that made room for others."},
    {"counter", "invalidations_total", FIELD(invalidations),
     "Responses made untrue by requests."},
};

static void
putClientLatency(Buf *out, const HelperHistogram *histogram)
{
    static const char name[] = "squire_client_request_seconds";
    static const double quantiles[] = {0.5, 0.9, 0.99, 1};

    putHead(out, name, "summary",
            "Time from a request's first octet to its answer's last.");
    for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++)
        bufPrintf(out, "%s{quantile=\"%g\"} %.6f\n", name, quantiles[i],
                  helperHistogramQuantile(histogram, quantiles[i]) / 1e6);
    bufPrintf(out, "%s_sum %.6f\n", name, (double)histogram->sum / 1e6);
    bufPrintf(out, "%s_count %llu\n", name,
              (unsigned long long)histogram->count);
}

/* level: "cache" is the memory, "disk" what is behind it. */
static void
putCache(Buf *out, const char *level, const CacheStoreStats *cache)
{
    for (size_t i = 0; i < sizeof(cacheMetrics) / sizeof(*cacheMetrics); i++) {
        const CacheMetric *metric = &cacheMetrics[i];
        char name[64];
        uint64_t value;
        memcpy(&value, (const char *)cache + metric->offset, sizeof(value));
        snprintf(name, sizeof(name), "squire_%s_%s", level, metric->name);
        putOne(out, metric->type, name, value, metric->help);
    }
}

static void
putPinger(Buf *out, const Pinger *pinger)
{
    PingerStats stats;

    pingerStatsGet(pinger, &stats);
    putOne(out, "gauge", "squire_pinger_up", stats.isRunning,
           "Whether the pinger runs.");
    putOne(out, "gauge", "squire_pinger_addresses", stats.addresses,
           "Addresses whose distance is kept.");
    putOne(out, "counter", "squire_pinger_asked_total", stats.asked,
           "Addresses asked about.");
    putOne(out, "counter", "squire_pinger_answers_total", stats.answered,
           "Round trips told by the pinger.");
    putOne(out, "counter", "squire_pinger_lost_total", stats.lost,
           "Questions that the pinger had no room for.");
    putOne(out, "counter", "squire_pinger_starts_total", stats.starts,
           "Times that the pinger was started.");
}

static void
putPeerPicked(const PeerRow *row, void *data)
{
    bufPrintf(data, "squire_peer_requests_total{peer=\"");
    putEscaped(data, row->name);
    bufPrintf(data, "\"} %llu\n", (unsigned long long)row->picked);
}

static void
putPeerUp(const PeerRow *row, void *data)
{
    bufPrintf(data, "squire_peer_up{peer=\"");
    putEscaped(data, row->name);
    bufPrintf(data, "\"} %d\n", !row->isDead);
}

static void
putPeers(Buf *out, const PeerSet *peers)
{
    if (peers == NULL)
        return;
    putHead(out, "squire_peer_requests_total", "counter",
            "Requests for which a parent was chosen.");
    peerSetForEach(peers, putPeerPicked, out);
    putHead(out, "squire_peer_up", "gauge",
            "Whether a parent is asked at present.");
    peerSetForEach(peers, putPeerUp, out);
}

static void
putLoop(Buf *out)
{
    CommStats stats;

    commStatsGet(&stats, false);
    putOne(out, "counter", "squire_loop_turns_total", stats.turns,
           "Turns of the event loop.");
    putOne(out, "gauge", "squire_loop_descriptors", stats.openFds,
           "Descriptors in the event loop.");
    putHead(out, "squire_loop_stall_seconds", "gauge",
            "Longest work between two waits of the event loop.");
    bufPrintf(out, "squire_loop_stall_seconds %.6f\n",
              (double)stats.maxTurnUs / 1e6);
}

int
managerWriteMetrics(Buf *out, const Proxy *proxy)
{
    ProxyStats stats;

    proxyStatsGet(proxy, &stats);
    putProxy(out, &stats);
    putClientLatency(out, proxyLatency(proxy));
    putCache(out, "cache", &stats.cache);
    if (stats.disk.bytesMax > 0)
        putCache(out, "disk", &stats.disk);
    putLoop(out);
    putPools(out);
    putPinger(out, proxyPinger(proxy));
    putPeers(out, proxyPeers(proxy));
    /* Each line is small: when there was no room for one, then for none. */
    return bufPrintf(out, "# EOF\n");
}
