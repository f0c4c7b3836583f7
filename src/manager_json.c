/* The manager's JSON documents. DEBUG: section 16 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "build_config.h"
#include "check.h"
#include "comm.h"
#include "debug.h"
#include "helper.h"
#include "json_text.h"
#include "manager_priv.h"
#include "xalloc.h"

static void
setInt(json_t *object, const char *name, uint64_t value)
{
    json_object_set_new(object, name, json_integer((json_int_t)value));
}

static void
setMs(json_t *object, const char *name, double us)
{
    json_object_set_new(object, name, json_real(us / 1000));
}

/* Names that come from a configuration need not be UTF-8. */
static void
setText(json_t *object, const char *name, const char *text)
{
    json_t *value = json_string(text);

    json_object_set_new(object, name,
                        value != NULL ? value : json_string("(not UTF-8)"));
}

/* A thousand processes are told within one turn of the loop: their rows are
 * printed, not made of objects. */
static void
putProcess(Buf *out, const HelperProcessStats *row, bool isFirst)
{
    bufPrintf(out,
              "%s\n      {\"id\": %u, \"pid\": %ld, \"state\": \"%s\", "
              "\"requests\": %llu, \"inflight\": %u, \"rss_kb\": %ld, "
              "\"age_ms\": %lld}",
              isFirst ? "" : ",", row->id, (long)row->pid, row->state,
              (unsigned long long)row->requests, row->inflight,
              row->rssKb > 0 ? row->rssKb : 0,
              (long long)(commNowUs() - row->startedUs) / 1000);
}

static void
putProcesses(Buf *out, const HelperPool *pool)
{
    size_t room = helperPoolProcesses(pool, NULL, 0);
    HelperProcessStats *rows = xcalloc(room + 1, sizeof(*rows));
    size_t count = helperPoolProcesses(pool, rows, room);

    bufPrintf(out, "    \"helpers\": [");
    for (size_t i = 0; i < count && i < room; i++)
        putProcess(out, &rows[i], i == 0);
    bufPrintf(out, "]");
    free(rows);
}

static void
putText(Buf *out, const char *name, const char *text)
{
    bufPrintf(out, "    \"%s\": ", name);
    jsonTextPut(out, text, strlen(text));
    bufPrintf(out, ",\n");
}

static void
putLatency(Buf *out, const char *name, const HelperLatency *latency)
{
    bufPrintf(out,
              "    \"%s\": {\"p50\": %.6g, \"p90\": %.6g, \"p99\": %.6g, "
              "\"max\": %.6g},\n",
              name, latency->p50, latency->p90, latency->p99, latency->max);
}

static void
putCounters(Buf *out, const HelperPoolStats *stats)
{
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        {"max", stats->max},
        {"active", stats->active},
        {"idle", stats->idle},
        {"queue", stats->queue},
        {"inflight", stats->inflight},
        {"reserved", stats->reserved},
        {"requests", stats->requests},
        {"cancelled", stats->cancelled},
        {"replies", stats->replies},
        {"ok", stats->byResult[HELPER_OK]},
        {"err", stats->byResult[HELPER_ERR]},
        {"bh", stats->byResult[HELPER_BH]},
        {"unknown", stats->byResult[HELPER_UNKNOWN]},
        {"timeouts", stats->timeouts},
        {"retries", stats->retries},
        {"restarts", stats->restarts},
        {"overloads", stats->overloads},
        {"cache_entries", stats->cacheEntries},
        {"cache_hits", stats->cacheHits},
        {"cache_misses", stats->cacheMisses},
        {"cache_refreshes", stats->cacheRefreshes},
        {"cache_refresh_failures", stats->cacheRefreshFailures},
        {"stale_answers", stats->staleAnswers},
        {"failed_open", stats->failedOpen},
        {"collapsed", stats->collapsed},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        bufPrintf(out, "    \"%s\": %llu,\n", rows[i].name,
                  (unsigned long long)rows[i].value);
}

/* What callers were told: with those that were cancelled and those in
 * progress, all requests. */
static void
putResults(Buf *out, const HelperPoolStats *stats)
{
    bufPrintf(out, "    \"results\": {");
    for (int i = 0; i < HELPER_RESULT_COUNT; i++)
        bufPrintf(out, "%s\"%s\": %llu", i > 0 ? ", " : "",
                  helperProtoResultName((HelperResult)i),
                  (unsigned long long)stats->byResult[i]);
    bufPrintf(out, ", \"FAILED_OPEN\": %llu},\n",
              (unsigned long long)stats->failedOpen);
}

/* Why processes went, and what befell the last one that did by itself. */
static void
putGone(Buf *out, const HelperPoolStats *stats)
{
    bufPrintf(out, "    \"restarts_by\": {");
    for (int why = 0; why < HELPER_GONE_COUNT; why++)
        bufPrintf(out, "%s\"%s\": %llu", why > 0 ? ", " : "",
                  helperGoneName((HelperGone)why),
                  (unsigned long long)stats->gone[why]);
    bufPrintf(out, "},\n");
    putText(out, "trouble", stats->trouble);
    bufPrintf(out, "    \"trouble_ago_ms\": %lld,\n",
              (long long)stats->troubleAgoMs);
}

void
managerPutPool(Buf *out, const HelperPool *pool)
{
    HelperPoolStats stats;

    helperPoolStats(pool, &stats);
    putText(out, "name", stats.name);
    putText(out, "program", stats.program);
    putCounters(out, &stats);
    putResults(out, &stats);
    putGone(out, &stats);
    putLatency(out, "queue_ms", &stats.queueMs);
    putLatency(out, "service_ms", &stats.serviceMs);
}

static void
putPool(HelperPool *pool, void *data)
{
    Buf *out = data;

    bufPrintf(out, "%s  {\n", bufLen(out) > 2 ? ",\n" : "");
    managerPutPool(out, pool);
    putProcesses(out, pool);
    bufPrintf(out, "\n  }");
}

int
managerWriteHelpers(Buf *out, const Proxy *proxy)
{
    (void)proxy;
    bufPrintf(out, "[\n");
    helperPoolForEach(putPool, out);
    /* When there was no room for one of the texts, then for this neither. */
    return bufPrintf(out, "\n]\n");
}

typedef struct BucketWalk {
    Buf *out;
    bool isFirst;
} BucketWalk;

static void
putBucket(double fromMs, double toMs, uint64_t count, void *data)
{
    BucketWalk *walk = data;

    bufPrintf(walk->out, "%s[%.6g, %.6g, %llu]", walk->isFirst ? "" : ", ",
              fromMs, toMs, (unsigned long long)count);
    walk->isFirst = false;
}

static void
putBuckets(Buf *out, const HelperPool *pool, const char *name,
           HelperLatencyKind kind)
{
    BucketWalk walk = {.out = out, .isFirst = true};

    bufPrintf(out, ",\n    \"%s\": [", name);
    helperPoolBuckets(pool, kind, putBucket, &walk);
    bufPrintf(out, "]");
}

static void
putPoolLatencies(HelperPool *pool, void *data)
{
    Buf *out = data;
    HelperPoolStats stats;

    helperPoolStats(pool, &stats);
    bufPrintf(out, "%s  {\n    \"name\": ", bufLen(out) > 2 ? ",\n" : "");
    jsonTextPut(out, stats.name, strlen(stats.name));
    putBuckets(out, pool, "queue_ms", HELPER_LATENCY_QUEUE);
    putBuckets(out, pool, "service_ms", HELPER_LATENCY_SERVICE);
    bufPrintf(out, "\n  }");
}

int
managerWriteLatencies(Buf *out, const Proxy *proxy)
{
    (void)proxy;
    bufPrintf(out, "[\n");
    helperPoolForEach(putPoolLatencies, out);
    return bufPrintf(out, "\n]\n");
}

/* Takes the value. */
static int
dump(Buf *out, json_t *value)
{
    char *text = json_dumps(value, JSON_INDENT(2) | JSON_REAL_PRECISION(6));

    json_decref(value);
    CHECK(text != NULL);
    int rc = bufPrintf(out, "%s\n", text);
    free(text);
    return rc;
}

static json_t *
resultsJson(const ProxyStats *stats)
{
    json_t *object = json_object();

    for (int i = 0; i < ACCESS_RESULT_COUNT; i++)
        if (stats->byResult[i] > 0)
            setInt(object, accessResultName((AccessResult)i),
                   stats->byResult[i]);
    return object;
}

static json_t *
statusesJson(const ProxyStats *stats)
{
    json_t *object = json_object();

    for (int i = 1; i < PROXY_STATUS_CLASSES; i++) {
        char name[] = {(char)('0' + i), 'x', 'x', '\0'};

        setInt(object, name, stats->byClass[i]);
    }
    return object;
}

static json_t *
latencyJson(const HelperHistogram *histogram)
{
    json_t *object = json_object();

    setInt(object, "count", histogram->count);
    setMs(object, "p50", helperHistogramQuantile(histogram, 0.5));
    setMs(object, "p90", helperHistogramQuantile(histogram, 0.9));
    setMs(object, "p99", helperHistogramQuantile(histogram, 0.99));
    setMs(object, "max", (double)histogram->max);
    return object;
}

static json_t *
cacheJson(const CacheStoreStats *cache)
{
    json_t *object = json_object();

    setInt(object, "objects", cache->objects);
    setInt(object, "bytes", cache->bytes);
    setInt(object, "bytes_max", cache->bytesMax);
    setInt(object, "lookups", cache->lookups);
    setInt(object, "hits", cache->hits);
    setInt(object, "stores", cache->stores);
    setInt(object, "updates", cache->updates);
    setInt(object, "writing", cache->writing);
    setInt(object, "aborts", cache->aborts);
    setInt(object, "refusals", cache->refusals);
    setInt(object, "evictions", cache->evictions);
    setInt(object, "invalidations", cache->invalidations);
    return object;
}

/* How busy the loop is: turns, descriptors, its longest turn. */
static json_t *
loopJson(void)
{
    CommStats stats;
    json_t *object = json_object();

    commStatsGet(&stats, false);
    setInt(object, "turns", stats.turns);
    setInt(object, "descriptors", stats.openFds);
    setMs(object, "stall_ms", (double)stats.maxTurnUs);
    return object;
}

static json_t *
pingerJson(const Pinger *pinger)
{
    PingerStats stats;
    json_t *object = json_object();

    pingerStatsGet(pinger, &stats);
    json_object_set_new(object, "running", json_boolean(stats.isRunning));
    setInt(object, "addresses", stats.addresses);
    setInt(object, "asked", stats.asked);
    setInt(object, "answered", stats.answered);
    return object;
}

static json_t *
logsJson(const Proxy *proxy)
{
    json_t *array = json_array();
    size_t room = proxyLogStats(proxy, NULL, 0);
    AccessLogStats *rows = xcalloc(room + 1, sizeof(*rows));
    size_t count = proxyLogStats(proxy, rows, room);

    for (size_t i = 0; i < count; i++) {
        json_t *object = json_object();

        setText(object, "path", rows[i].path);
        setText(object, "type", rows[i].type);
        setInt(object, "lines", rows[i].lines);
        setInt(object, "lost", rows[i].lost);
        setInt(object, "restarts", rows[i].restarts);
        setInt(object, "queued", rows[i].queued);
        json_array_append_new(array, object);
    }
    free(rows);
    return array;
}

int
managerWriteInfo(Buf *out, const Proxy *proxy)
{
    json_t *object = json_object();
    ProxyStats stats;

    proxyStatsGet(proxy, &stats);
    setText(object, "name", "squire");
    setText(object, "version", PACKAGE_VERSION);
    setInt(object, "pid", (uint64_t)getpid());
    setInt(object, "uptime_seconds",
           (uint64_t)(commNowUs() - stats.startedUs) / 1000000);
    setText(object, "state", stats.isStopping ? "stopping" : "running");
    setText(object, "http_port", proxyFirstAddress(proxy));
    setText(object, "cache_log", debugPath() != NULL ? debugPath() : "");
    setInt(object, "connections", stats.connections);
    setInt(object, "tls_failures", stats.tlsFailures);
    setInt(object, "clients", stats.clients);
    setInt(object, "active", stats.active);
    setInt(object, "tunnels", stats.tunnels);
    setInt(object, "origins", stats.origins);
    setInt(object, "requests", stats.requests);
    setInt(object, "aborted", stats.aborted);
    setInt(object, "octets_in", stats.octetsIn);
    setInt(object, "octets_out", stats.octetsOut);
    json_object_set_new(object, "loop", loopJson());
    json_object_set_new(object, "latency_ms", latencyJson(proxyLatency(proxy)));
    json_object_set_new(object, "results", resultsJson(&stats));
    json_object_set_new(object, "statuses", statusesJson(&stats));
    json_object_set_new(object, "cache", cacheJson(&stats.cache));
    if (stats.disk.bytesMax > 0)
        json_object_set_new(object, "disk", cacheJson(&stats.disk));
    json_object_set_new(object, "access_log", logsJson(proxy));
    if (proxyPinger(proxy) != NULL)
        json_object_set_new(object, "pinger", pingerJson(proxyPinger(proxy)));
    return dump(out, object);
}
