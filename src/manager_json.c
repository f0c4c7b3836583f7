/* The manager's JSON documents. DEBUG: section 16 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#include "build_config.h"
#include "check.h"
#include "comm.h"
#include "helper.h"
#include "manager_priv.h"
#include "xalloc.h"

static void
setInt(json_t *object, const char *name, uint64_t value)
{
    json_object_set_new(object, name, json_integer((json_int_t)value));
}

/* Names that come from a configuration need not be UTF-8. */
static void
setText(json_t *object, const char *name, const char *text)
{
    json_t *value = json_string(text);

    json_object_set_new(object, name,
                        value != NULL ? value : json_string("(not UTF-8)"));
}

static json_t *
latencyJson(const HelperLatency *latency)
{
    return json_pack("{s:f, s:f, s:f, s:f}", "p50", latency->p50, "p90",
                     latency->p90, "p99", latency->p99, "max", latency->max);
}

static json_t *
processJson(const HelperProcessStats *row)
{
    json_t *object = json_object();

    setInt(object, "id", row->id);
    setInt(object, "pid", (uint64_t)row->pid);
    setText(object, "state", row->state);
    setInt(object, "requests", row->requests);
    setInt(object, "inflight", row->inflight);
    setInt(object, "rss_kb", row->rssKb > 0 ? (uint64_t)row->rssKb : 0);
    return object;
}

static json_t *
processesJson(const HelperPool *pool)
{
    json_t *array = json_array();
    size_t room = helperPoolProcesses(pool, NULL, 0);
    HelperProcessStats *rows = xcalloc(room + 1, sizeof(*rows));
    size_t count = helperPoolProcesses(pool, rows, room);

    for (size_t i = 0; i < count && i < room; i++)
        json_array_append_new(array, processJson(&rows[i]));
    free(rows);
    return array;
}

static void
setCounters(json_t *object, const HelperPoolStats *stats)
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
        {"requests", stats->requests},
        {"replies", stats->replies},
        {"ok", stats->byResult[HELPER_OK]},
        {"err", stats->byResult[HELPER_ERR]},
        {"bh", stats->byResult[HELPER_BH]},
        {"unknown", stats->byResult[HELPER_UNKNOWN]},
        {"timeouts", stats->timeouts},
        {"retries", stats->retries},
        {"restarts", stats->restarts},
        {"overloads", stats->overloads},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        setInt(object, rows[i].name, rows[i].value);
}

static void
addPool(HelperPool *pool, void *data)
{
    json_t *object = json_object();
    HelperPoolStats stats;

    helperPoolStats(pool, &stats);
    setText(object, "name", stats.name);
    setText(object, "program", stats.program);
    setCounters(object, &stats);
    json_object_set_new(object, "queue_ms", latencyJson(&stats.queueMs));
    json_object_set_new(object, "service_ms", latencyJson(&stats.serviceMs));
    json_object_set_new(object, "helpers", processesJson(pool));
    json_array_append_new(data, object);
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

int
managerWriteHelpers(Buf *out, const Proxy *proxy)
{
    json_t *array = json_array();

    (void)proxy;
    helperPoolForEach(addPool, array);
    return dump(out, array);
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
cacheJson(const CacheStoreStats *cache)
{
    json_t *object = json_object();

    setInt(object, "objects", cache->objects);
    setInt(object, "bytes", cache->bytes);
    setInt(object, "bytes_max", cache->bytesMax);
    setInt(object, "lookups", cache->lookups);
    setInt(object, "hits", cache->hits);
    setInt(object, "stores", cache->stores);
    setInt(object, "evictions", cache->evictions);
    return object;
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
    setText(object, "http_port", proxyFirstAddress(proxy));
    setInt(object, "connections", stats.connections);
    setInt(object, "clients", stats.clients);
    setInt(object, "active", stats.active);
    setInt(object, "tunnels", stats.tunnels);
    setInt(object, "origins", stats.origins);
    setInt(object, "requests", stats.requests);
    setInt(object, "aborted", stats.aborted);
    setInt(object, "octets_in", stats.octetsIn);
    setInt(object, "octets_out", stats.octetsOut);
    json_object_set_new(object, "results", resultsJson(&stats));
    json_object_set_new(object, "cache", cacheJson(&stats.cache));
    return dump(out, object);
}
