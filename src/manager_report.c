/* The manager's documents that programs for monitoring read: lines as Squid's
 * have them, of what there is here. DEBUG: section 16 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "address.h"
#include "build_config.h"
#include "comm.h"
#include "fd.h"
#include "http_date.h"
#include "manager_priv.h"
#include "xalloc.h"

#define ROWS_MAX 1000 /* a document at an http_port has room for these */

static double
percentOf(uint64_t part, uint64_t whole)
{
    return whole > 0 ? 100.0 * (double)part / (double)whole : 0.0;
}

/* Two moments in this order, and what was counted between them. */
typedef struct Span {
    const ManagerMoment *from;
    const ManagerMoment *to;
} Span;

static double
spanSeconds(const Span *span)
{
    return (double)(span->to->atUs - span->from->atUs) / 1e6;
}

static uint64_t
spanHitCount(const Span *span)
{
    return proxyStatsHits(&span->to->stats) -
           proxyStatsHits(&span->from->stats);
}

static double
spanHits(const Span *span)
{
    return percentOf(spanHitCount(span), span->to->stats.requests -
                                             span->from->stats.requests);
}

static double
spanHitOctets(const Span *span)
{
    return percentOf(span->to->stats.hitOctets - span->from->stats.hitOctets,
                     span->to->stats.octetsOut - span->from->stats.octetsOut);
}

static double
spanMemoryHits(const Span *span)
{
    return percentOf(span->to->stats.byResult[ACCESS_MEM_HIT] -
                         span->from->stats.byResult[ACCESS_MEM_HIT],
                     spanHitCount(span));
}

static double
spanDiskHits(const Span *span)
{
    return percentOf(span->to->stats.byResult[ACCESS_HIT] -
                         span->from->stats.byResult[ACCESS_HIT],
                     spanHitCount(span));
}

static double
spanCpu(const Span *span)
{
    double seconds = spanSeconds(span);

    return seconds > 0 ? 100 * (span->to->cpu - span->from->cpu) / seconds : 0;
}

/* In seconds. */
static double
spanLatency(const Span *span, double share)
{
    HelperHistogram *since = xmalloc(sizeof(*since));
    double us;

    helperHistogramSince(&span->to->latencyUs, &span->from->latencyUs, since);
    us = helperHistogramQuantile(since, share);
    free(since);
    return us / 1e6;
}

/* What there is now, and what was 5 and 60 minutes ago. */
typedef struct Views {
    ManagerMoment now;
    Span five;
    Span sixty;
} Views;

static Views *
createViews(const ManagerView *view)
{
    Views *views = xcalloc(1, sizeof(*views));

    managerMomentNow(view->proxy, &views->now);
    views->five = (Span){managerHistoryBack(view->history, false), &views->now};
    views->sixty = (Span){managerHistoryBack(view->history, true), &views->now};
    return views;
}

static void
putShares(Buf *out, const Views *views, const char *label,
          double (*share)(const Span *))
{
    bufPrintf(out, "\t%s:\t5min: %.1f%%, 60min: %.1f%%\n", label,
              share(&views->five), share(&views->sixty));
}

static void
putCacheInfo(Buf *out, const Views *views)
{
    const CacheStoreStats *mem = &views->now.stats.cache;
    const CacheStoreStats *disk = &views->now.stats.disk;
    double used = percentOf(mem->bytes, mem->bytesMax);
    double swapped = percentOf(disk->bytes, disk->bytesMax);
    const CacheStoreStats *all = disk->objects > 0 ? disk : mem;

    bufPrintf(out, "Cache information for squire:\n");
    putShares(out, views, "Hits as % of all requests", spanHits);
    putShares(out, views, "Hits as % of bytes sent", spanHitOctets);
    putShares(out, views, "Memory hits as % of hit requests", spanMemoryHits);
    putShares(out, views, "Disk hits as % of hit requests", spanDiskHits);
    bufPrintf(out,
              "\tStorage Swap size:\t%llu KB\n"
              "\tStorage Swap capacity:\t%4.1f%% used, %4.1f%% free\n"
              "\tStorage Mem size:\t%llu KB\n"
              "\tStorage Mem capacity:\t%4.1f%% used, %4.1f%% free\n"
              "\tMean Object Size:\t%.2f KB\n",
              (unsigned long long)disk->bytes / 1024, swapped,
              disk->bytesMax > 0 ? 100 - swapped : 0.0,
              (unsigned long long)mem->bytes / 1024, used, 100 - used,
              all->objects > 0
                  ? (double)all->bytes / 1024 / (double)all->objects
                  : 0.0);
}

static void
putResources(Buf *out, const Views *views)
{
    const ManagerMoment *now = &views->now;
    double seconds = (double)(now->atUs - now->stats.startedUs) / 1e6;
    struct rusage usage;
    CommStats loop;
    size_t limit = fdLimit();

    getrusage(RUSAGE_SELF, &usage);
    commStatsGet(&loop, false);
    bufPrintf(out,
              "Median Service Times (seconds)  5 min    60 min:\n"
              "\tHTTP Requests (All):  %8.5f %8.5f\n"
              "Resource usage for squire:\n"
              "\tUP Time:\t%.3f seconds\n"
              "\tCPU Time:\t%.3f seconds\n"
              "\tCPU Usage:\t%.2f%%\n"
              "\tCPU Usage, 5 minute avg:\t%.2f%%\n"
              "\tCPU Usage, 60 minute avg:\t%.2f%%\n"
              "\tMaximum Resident Size: %ld KB\n"
              "\tPage faults with physical i/o: %llu\n"
              "File descriptor usage for squire:\n"
              "\tMaximum number of file descriptors:   %6zu\n"
              "\tNumber of file desc currently in use: %6u\n"
              "\tAvailable number of file descriptors: %6zu\n",
              spanLatency(&views->five, 0.5), spanLatency(&views->sixty, 0.5),
              seconds, now->cpu, seconds > 0 ? 100 * now->cpu / seconds : 0.0,
              spanCpu(&views->five), spanCpu(&views->sixty), usage.ru_maxrss,
              (unsigned long long)now->faults, limit, loop.openFds,
              limit > loop.openFds ? limit - loop.openFds : 0);
}

int
managerReportInfo(Buf *out, const ManagerView *view)
{
    Views *views = createViews(view);
    const ProxyStats *stats = &views->now.stats;
    double seconds = (double)(views->now.atUs - stats->startedUs) / 1e6;
    time_t now = (time_t)(commWallUs() / 1000000);
    char date[HTTP_DATE_SIZE];

    httpDateFormat(now - (time_t)seconds, date);
    bufPrintf(out, "Squire Object Cache: Version %s\nStart Time:\t%s\n",
              PACKAGE_VERSION, date);
    httpDateFormat(now, date);
    bufPrintf(out,
              "Current Time:\t%s\n"
              "Connection information for squire:\n"
              "\tNumber of clients accessing cache:\t%u\n"
              "\tNumber of HTTP requests received:\t%llu\n"
              "\tRequest failure ratio:\t%5.2f\n"
              "\tAverage HTTP requests per minute since start:\t%.1f\n"
              "\tSelect loop called: %llu times, %.3f ms avg\n",
              date, proxyAddressCount(view->proxy),
              (unsigned long long)stats->requests,
              stats->requests > stats->failed
                  ? (double)stats->failed /
                        (double)(stats->requests - stats->failed)
                  : 0.0,
              seconds > 0 ? (double)stats->requests * 60 / seconds : 0.0,
              (unsigned long long)views->now.loops,
              views->now.loops > 0
                  ? seconds * 1000 / (double)views->now.loops
                  : 0.0);
    putCacheInfo(out, views);
    putResources(out, views);
    int rc = bufPrintf(out,
                       "Internal Data Structures:\n"
                       "\t%6llu StoreEntries\n"
                       "\t%6llu StoreEntries with MemObjects\n"
                       "\t%6llu on-disk objects\n",
                       (unsigned long long)(stats->cache.objects +
                                            stats->disk.objects),
                       (unsigned long long)stats->cache.objects,
                       (unsigned long long)stats->disk.objects);
    free(views);
    return rc;
}

/* One line of counters, of 5min and of 60min. */
typedef struct Counter {
    const char *name;
    size_t offset; /* in ManagerMoment, of an uint64_t */
    unsigned unit; /* 1024 for kbytes */
} Counter;

#define COUNTER(name, field, unit) {name, offsetof(ManagerMoment, field), unit}

static const Counter counters[] = {
    COUNTER("client_http.requests", stats.requests, 1),
    COUNTER("client_http.hits", stats.requests, 0), /* summed up */
    COUNTER("client_http.errors", stats.failed, 1),
    COUNTER("client_http.kbytes_in", stats.octetsIn, 1024),
    COUNTER("client_http.kbytes_out", stats.octetsOut, 1024),
    COUNTER("client_http.hit_kbytes_out", stats.hitOctets, 1024),
    COUNTER("server.all.requests", stats.asked, 1),
    COUNTER("server.all.errors", stats.originFailed, 1),
    COUNTER("server.all.kbytes_in", stats.originIn, 1024),
    COUNTER("server.all.kbytes_out", stats.originOut, 1024),
    COUNTER("server.http.requests", stats.asked, 1),
    COUNTER("server.http.errors", stats.originFailed, 1),
    COUNTER("server.http.kbytes_in", stats.originIn, 1024),
    COUNTER("server.http.kbytes_out", stats.originOut, 1024),
    COUNTER("page_faults", faults, 1),
    COUNTER("select_loops", loops, 1),
    COUNTER("swap.outs", stats.disk.stores, 1),
    COUNTER("swap.ins", stats.disk.hits, 1),
    COUNTER("aborted_requests", stats.aborted, 1),
};

#define COUNTER_COUNT (sizeof(counters) / sizeof(counters[0]))

static uint64_t
valueOf(const Counter *counter, const ManagerMoment *moment)
{
    uint64_t value;

    if (counter->unit == 0)
        return proxyStatsHits(&moment->stats);
    memcpy(&value, (const char *)moment + counter->offset, sizeof(value));
    return value;
}

static void
putTime(Buf *out, const char *name, int64_t wallUs)
{
    bufPrintf(out, "%s = %.6f (%.*s)\n", name, (double)wallUs / 1e6,
              HTTP_SLICE_ARG(httpDateText(wallUs / 1000000)));
}

int
managerReportCounters(Buf *out, const ManagerView *view)
{
    ManagerMoment *now = xcalloc(1, sizeof(*now));

    managerMomentNow(view->proxy, now);
    putTime(out, "sample_time", commWallUs());
    for (size_t i = 0; i < COUNTER_COUNT; i++) {
        unsigned unit = counters[i].unit > 1 ? counters[i].unit : 1;

        bufPrintf(out, "%s = %llu\n", counters[i].name,
                  (unsigned long long)valueOf(&counters[i], now) / unit);
    }
    int rc = bufPrintf(out, "cpu_time = %.6f\nwall_time = %.6f\n", now->cpu,
                       (double)(now->atUs - now->stats.startedUs) / 1e6);
    free(now);
    return rc;
}

static int
writeRates(Buf *out, const Span *span)
{
    double seconds = spanSeconds(span);
    int64_t wallUs = commWallUs();

    putTime(out, "sample_start_time",
            wallUs - (span->to->atUs - span->from->atUs));
    putTime(out, "sample_end_time", wallUs);
    for (size_t i = 0; i < COUNTER_COUNT; i++) {
        double unit = counters[i].unit > 1 ? counters[i].unit : 1;
        uint64_t count =
            valueOf(&counters[i], span->to) - valueOf(&counters[i], span->from);

        bufPrintf(out, "%s = %.6f/sec\n", counters[i].name,
                  seconds > 0 ? (double)count / unit / seconds : 0.0);
    }
    return bufPrintf(out,
                     "client_http.all_median_svc_time = %.6f seconds\n"
                     "cpu_time = %.6f seconds\n"
                     "wall_time = %.6f seconds\n"
                     "cpu_usage = %.6f%%\n",
                     spanLatency(span, 0.5), span->to->cpu - span->from->cpu,
                     seconds, spanCpu(span));
}

int
managerReport5min(Buf *out, const ManagerView *view)
{
    Views *views = createViews(view);
    int rc = writeRates(out, &views->five);

    free(views);
    return rc;
}

int
managerReport60min(Buf *out, const ManagerView *view)
{
    Views *views = createViews(view);
    int rc = writeRates(out, &views->sixty);

    free(views);
    return rc;
}

int
managerReportServiceTimes(Buf *out, const ManagerView *view)
{
    Views *views = createViews(view);
    int rc =
        bufPrintf(out, "Service Time Percentiles            5 min    60 min:\n");

    for (int percent = 5; percent < 100; percent += 5)
        rc = bufPrintf(out, "\tHTTP Requests (All):  %2d%%  %8.5f %8.5f\n",
                       percent, spanLatency(&views->five, percent / 100.0),
                       spanLatency(&views->sixty, percent / 100.0));
    free(views);
    return rc;
}

int
managerReportStoredir(Buf *out, const ManagerView *view)
{
    ProxyStats stats;
    const CacheStoreStats *disk = &stats.disk;

    proxyStatsGet(view->proxy, &stats);
    double used = percentOf(disk->bytes, disk->bytesMax);
    bufPrintf(out,
              "Store Directory Statistics:\n"
              "Store Entries          : %llu\n"
              "Maximum Swap Size      : %llu KB\n"
              "Current Store Swap Size: %.2f KB\n"
              "Current Capacity       : %.2f%% used, %.2f%% free\n",
              (unsigned long long)(stats.cache.objects + disk->objects),
              (unsigned long long)disk->bytesMax / 1024,
              (double)disk->bytes / 1024, used,
              disk->bytesMax > 0 ? 100 - used : 0.0);
    if (view->config->cacheDir.path == NULL)
        return 0;
    return bufPrintf(out, "\nStore Directory #0 (lmdb): %s\n",
                     view->config->cacheDir.path);
}

int
managerReportMem(Buf *out, const ManagerView *view)
{
    ProxyStats stats;
    struct rusage usage;

    proxyStatsGet(view->proxy, &stats);
    getrusage(RUSAGE_SELF, &usage);
    return bufPrintf(out,
                     "Current memory usage:\n"
                     "Maximum Resident Size: %ld KB\n"
                     "Stored in memory: %llu KB of %llu KB, %llu objects\n",
                     usage.ru_maxrss,
                     (unsigned long long)stats.cache.bytes / 1024,
                     (unsigned long long)stats.cache.bytesMax / 1024,
                     (unsigned long long)stats.cache.objects);
}

int
managerReportIdns(Buf *out, const ManagerView *view)
{
    (void)view;
    return bufPrintf(out, "Names are looked up by the system's resolver: see "
                          "resolv.conf and nsswitch.conf.\n");
}

typedef struct Rows {
    Buf *out;
    unsigned count;
} Rows;

static void
putAddress(const ProxyAddressRow *row, void *data)
{
    Rows *rows = data;

    if (rows->count++ < ROWS_MAX)
        bufPrintf(rows->out,
                  "Address: %s\nName:    %s\n"
                  "Currently established connections: %u\n\n",
                  row->address, row->name != NULL ? row->name : row->address,
                  row->connections);
}

int
managerReportClients(Buf *out, const ManagerView *view)
{
    Rows rows = {.out = out};
    ProxyStats stats;

    proxyStatsGet(view->proxy, &stats);
    bufPrintf(out, "Cache Clients:\n");
    proxyForEachAddress(view->proxy, putAddress, &rows);
    if (rows.count > ROWS_MAX)
        bufPrintf(out, "(and %u more)\n\n", rows.count - ROWS_MAX);
    return bufPrintf(out, "TOTALS\nHTTP: %llu Requests, %llu Hits (%3.0f%%)\n",
                     (unsigned long long)stats.requests,
                     (unsigned long long)proxyStatsHits(&stats),
                     percentOf(proxyStatsHits(&stats), stats.requests));
}

static void
putActive(const ProxyActiveRow *row, void *data)
{
    Rows *rows = data;
    char client[ADDRESS_TEXT_MAX], local[ADDRESS_TEXT_MAX];

    if (rows->count++ >= ROWS_MAX)
        return;
    addressFormatPort(row->client, client);
    addressFormatPort(row->local, local);
    bufPrintf(rows->out,
              "Connection: %u\n\tremote: %s\n\tlocal: %s\n"
              "uri %s %.200s\nstate %s\n"
              "out.offset 0, out.size %llu\n"
              "start %.6f (%.6f seconds ago)\nusername %s\n\n",
              rows->count, client, local, row->method, row->url, row->state,
              (unsigned long long)row->sent,
              (double)(commWallUs() - row->ageUs) / 1e6,
              (double)row->ageUs / 1e6, row->user != NULL ? row->user : "-");
}

int
managerReportActive(Buf *out, const ManagerView *view)
{
    Rows rows = {.out = out};

    proxyForEachActive(view->proxy, putActive, &rows);
    return rows.count > ROWS_MAX
               ? bufPrintf(out, "(and %u more)\n", rows.count - ROWS_MAX)
               : 0;
}

static void
putPeer(const PeerRow *row, void *data)
{
    Rows *rows = data;

    rows->count++;
    bufPrintf(rows->out,
              "\nParent     : %s\nHost       : %s/%u/0\n"
              "Status     : %s\nFETCHES    : %llu\nFAILURES   : %llu\n",
              row->name, row->host, row->port, row->isDead ? "Down" : "Up",
              (unsigned long long)row->picked, (unsigned long long)row->failed);
}

int
managerReportPeers(Buf *out, const ManagerView *view)
{
    Rows rows = {.out = out};

    if (proxyPeers(view->proxy) != NULL)
        peerSetForEach(proxyPeers(view->proxy), putPeer, &rows);
    return rows.count == 0
               ? bufPrintf(out, "There are no neighbors installed.\n")
               : 0;
}
