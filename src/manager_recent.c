/* The last five minutes, second by second. DEBUG: section 16 */
#include "manager_recent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "comm.h"
#include "helper.h"
#include "helper_histogram.h"
#include "json_text.h"
#include "list.h"
#include "xalloc.h"

#define RECENT_MAGIC 0x3a9a6e08u

/* Latencies of an interval, in milliseconds. */
typedef struct Latency {
    uint64_t count;
    double p50, p90, p99, max;
} Latency;

typedef struct Point {
    double time; /* seconds since the epoch */
    double intervalMs;
    uint64_t requests, hits, lookups;
    uint64_t clientErrors, serverErrors;
    uint64_t octetsIn, octetsOut;
    unsigned clients, active, tunnels;
    Latency latency;
} Point;

/* A helper pool's requests until each point; those before `since` are not
 * known. */
typedef struct Track {
    ListNode node;
    char *pool;
    uint64_t since; /* number of the first point that it has */
    uint64_t last;
    uint64_t requests[MANAGER_RECENT_POINTS];
} Track;

/* Of both rings the oldest is at its count modulo its room once it is full. */
struct ManagerRecent {
    uint32_t magic;
    const Proxy *proxy;
    ManagerRecentCb *cb;
    void *data;
    CommTimer *timer;
    int64_t atUs;           /* of the last point */
    HelperHistogram before; /* client latencies then */
    HelperHistogram since;  /* and since the one before */
    uint64_t pointCount;
    uint64_t eventCount;
    Point points[MANAGER_RECENT_POINTS];
    char *events[MANAGER_RECENT_EVENTS];
    ListNode tracks; /* in the order in which pools were made */
};

static Latency
latencySince(ManagerRecent *recent)
{
    const HelperHistogram *now = proxyLatency(recent->proxy);
    const HelperHistogram *since = &recent->since;

    helperHistogramSince(now, &recent->before, &recent->since);
    recent->before = *now;
    return (Latency){
        .count = since->count,
        .p50 = helperHistogramQuantile(since, 0.5) / 1000,
        .p90 = helperHistogramQuantile(since, 0.9) / 1000,
        .p99 = helperHistogramQuantile(since, 0.99) / 1000,
        .max = helperHistogramQuantile(since, 1) / 1000,
    };
}

static Track *
trackOf(ManagerRecent *recent, const char *pool)
{
    ListNode *node, *next;

    LIST_FOREACH(&recent->tracks, node, next) {
        Track *track = LIST_OBJ(node, Track, node);

        if (strcmp(track->pool, pool) == 0)
            return track;
    }
    Track *track = xcalloc(1, sizeof(*track));
    track->pool = xstrdup(pool);
    track->since = recent->pointCount;
    listPushBack(&recent->tracks, &track->node);
    return track;
}

static void
notePool(HelperPool *pool, void *data)
{
    ManagerRecent *recent = data;
    HelperPoolStats stats;

    helperPoolStats(pool, &stats);
    Track *track = trackOf(recent, stats.name);
    track->last = recent->pointCount;
    track->requests[track->last % MANAGER_RECENT_POINTS] = stats.requests;
}

/* Those whose last point is before this one: their pools are gone. */
static void
dropTracks(ManagerRecent *recent, uint64_t before)
{
    ListNode *node, *next;

    LIST_FOREACH(&recent->tracks, node, next) {
        Track *track = LIST_OBJ(node, Track, node);

        if (track->last >= before)
            continue;
        listRemove(&track->node);
        free(track->pool);
        free(track);
    }
}

static void
addPoint(ManagerRecent *recent)
{
    int64_t now = commNowUs();
    ProxyStats stats;

    helperPoolForEach(notePool, recent);
    dropTracks(recent, recent->pointCount);
    proxyStatsGet(recent->proxy, &stats);
    recent->points[recent->pointCount++ % MANAGER_RECENT_POINTS] = (Point){
        .time = (double)commWallUs() / 1e6,
        .intervalMs = (double)(now - recent->atUs) / 1000,
        .requests = stats.requests,
        .hits = proxyStatsHits(&stats),
        .lookups = proxyStatsLookups(&stats),
        .clientErrors = stats.byClass[4],
        .serverErrors = stats.byClass[5],
        .octetsIn = stats.octetsIn,
        .octetsOut = stats.octetsOut,
        .clients = stats.clients,
        .active = stats.active,
        .tunnels = stats.tunnels,
        .latency = latencySince(recent),
    };
    recent->atUs = now;
}

static void
onSecond(void *data)
{
    ManagerRecent *recent = data;

    CHECK_OBJ(recent, RECENT_MAGIC);
    recent->timer = commTimerAdd(MANAGER_RECENT_MS, onSecond, recent);
    addPoint(recent);
    recent->cb(recent->data);
}

ManagerRecent *
managerRecentCreate(const Proxy *proxy, ManagerRecentCb *cb, void *data)
{
    ManagerRecent *recent = xcalloc(1, sizeof(*recent));

    recent->magic = RECENT_MAGIC;
    recent->proxy = proxy;
    recent->cb = cb;
    recent->data = data;
    listInit(&recent->tracks);
    recent->atUs = commNowUs();
    recent->before = *proxyLatency(proxy);
    addPoint(recent);
    recent->timer = commTimerAdd(MANAGER_RECENT_MS, onSecond, recent);
    return recent;
}

void
managerRecentDestroy(ManagerRecent **recentp)
{
    ManagerRecent *recent = *recentp;

    *recentp = NULL;
    if (recent == NULL)
        return;
    CHECK_OBJ(recent, RECENT_MAGIC);
    commTimerCancel(&recent->timer);
    for (size_t i = 0; i < MANAGER_RECENT_EVENTS; i++)
        free(recent->events[i]);
    dropTracks(recent, UINT64_MAX);
    CHECK_OBJ_CLEAR(recent);
    free(recent);
}

void
managerRecentAddEvent(ManagerRecent *recent, const char *text, size_t len)
{
    CHECK_OBJ(recent, RECENT_MAGIC);
    char **at = &recent->events[recent->eventCount++ % MANAGER_RECENT_EVENTS];

    free(*at);
    *at = xstrndup(text, len);
}

static int
putPoint(Buf *out, const Point *point)
{
    const Latency *latency = &point->latency;

    bufPrintf(out,
              "\"time\": %.3f, \"interval_ms\": %.1f, \"pid\": %ld, "
              "\"requests\": %llu, \"hits\": %llu, \"lookups\": %llu, "
              "\"client_errors\": %llu, \"server_errors\": %llu, ",
              point->time, point->intervalMs, (long)getpid(),
              (unsigned long long)point->requests,
              (unsigned long long)point->hits,
              (unsigned long long)point->lookups,
              (unsigned long long)point->clientErrors,
              (unsigned long long)point->serverErrors);
    bufPrintf(out,
              "\"octets_in\": %llu, \"octets_out\": %llu, "
              "\"clients\": %u, \"active\": %u, \"tunnels\": %u, ",
              (unsigned long long)point->octetsIn,
              (unsigned long long)point->octetsOut, point->clients,
              point->active, point->tunnels);
    return bufPrintf(out,
                     "\"latency_ms\": {\"count\": %llu, \"p50\": %.6g, "
                     "\"p90\": %.6g, \"p99\": %.6g, \"max\": %.6g}",
                     (unsigned long long)latency->count, latency->p50,
                     latency->p90, latency->p99, latency->max);
}

int
managerRecentPutLast(const ManagerRecent *recent, Buf *out)
{
    CHECK_OBJ(recent, RECENT_MAGIC);
    return putPoint(
        out,
        &recent->points[(recent->pointCount - 1) % MANAGER_RECENT_POINTS]);
}

/* The number of the oldest of a ring's entries. */
static uint64_t
oldest(uint64_t count, uint64_t room)
{
    return count > room ? count - room : 0;
}

static void
putTrack(const ManagerRecent *recent, Buf *out, const Track *track)
{
    uint64_t first = oldest(recent->pointCount, MANAGER_RECENT_POINTS);

    jsonTextPut(out, track->pool, strlen(track->pool));
    for (uint64_t i = first; i < recent->pointCount; i++) {
        bufPrintf(out, i > first ? "," : ": [");
        if (i < track->since)
            bufPrintf(out, "null");
        else
            bufPrintf(
                out, "%llu",
                (unsigned long long)track->requests[i % MANAGER_RECENT_POINTS]);
    }
    bufPrintf(out, "]");
}

static void
putPools(ManagerRecent *recent, Buf *out)
{
    ListNode *node, *next;

    LIST_FOREACH(&recent->tracks, node, next) {
        if (node != listFirst(&recent->tracks))
            bufPrintf(out, ", ");
        putTrack(recent, out, LIST_OBJ(node, Track, node));
    }
}

int
managerRecentWrite(ManagerRecent *recent, Buf *out)
{
    CHECK_OBJ(recent, RECENT_MAGIC);
    uint64_t first = oldest(recent->pointCount, MANAGER_RECENT_POINTS);

    bufPrintf(out, "{\"points\": [");
    for (uint64_t i = first; i < recent->pointCount; i++) {
        bufPrintf(out, i > first ? ", {" : "{");
        putPoint(out, &recent->points[i % MANAGER_RECENT_POINTS]);
        bufPrintf(out, "}");
    }
    bufPrintf(out, "], \"pools\": {");
    putPools(recent, out);
    bufPrintf(out, "}, \"events\": [");
    first = oldest(recent->eventCount, MANAGER_RECENT_EVENTS);
    for (uint64_t i = first; i < recent->eventCount; i++)
        bufPrintf(out, "%s%s", i > first ? ", " : "",
                  recent->events[i % MANAGER_RECENT_EVENTS]);
    bufPrintf(out, "]}");
    return bufIsShort(out) ? -ENOBUFS : 0;
}
