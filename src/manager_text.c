/* The manager's documents in text, under the names that Squid's have.
 * DEBUG: section 16 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "build_config.h"
#include "comm.h"
#include "fd.h"
#include "helper.h"
#include "http_date.h"
#include "manager_priv.h"
#include "xalloc.h"

/* What documents are about. */
typedef struct View {
    const Proxy *proxy;
    const Config *config; /* that of the request */
} View;

/* One document. Those of pools have the name of one, or how the names of
 * several begin, with "/" at the end. */
typedef struct TextPage {
    const char *name;
    const char *help;
    int (*write)(Buf *out, const View *view);
    const char *pool;
    bool isCommand;
    ManagerCommand command;
} TextPage;

static int writeMenu(Buf *out, const View *view);
static int writeInfo(Buf *out, const View *view);
static int writeCounters(Buf *out, const View *view);

#define DOCUMENT(where, what, writer)                                          \
    {                                                                          \
        .name = where, .help = what, .write = writer                           \
    }
#define POOLS(where, what, which)                                              \
    {                                                                          \
        .name = where, .help = what, .pool = which                             \
    }
#define COMMAND(where, what, which)                                            \
    {                                                                          \
        .name = where, .help = what, .isCommand = true, .command = which       \
    }

static const TextPage pages[] = {
    DOCUMENT("menu", "This list", writeMenu),
    COMMAND("shutdown", "Shut the proxy down", MANAGER_SHUTDOWN),
    COMMAND("reconfigure", "Read the configuration again", MANAGER_RECONFIGURE),
    COMMAND("rotate", "Rotate the logs", MANAGER_ROTATE),
    DOCUMENT("info", "General figures", writeInfo),
    DOCUMENT("counters", "Traffic and use of resources, as numbers",
             writeCounters),
    POOLS("external_acl", "Helpers of external_acl_type", "external/"),
    POOLS("redirector", "Helpers of url_rewrite_program", "url_rewrite"),
    POOLS("store_id", "Helpers of store_id_program", "store_id"),
    POOLS("basicauthenticator", "Helpers of auth_param basic",
          "basicauthenticator"),
    POOLS("digestauthenticator", "Helpers of auth_param digest",
          "digestauthenticator"),
    POOLS("ntlmauthenticator", "Helpers of auth_param ntlm",
          "ntlmauthenticator"),
    POOLS("negotiateauthenticator", "Helpers of auth_param negotiate",
          "negotiateauthenticator"),
};

#define PAGE_COUNT (sizeof(pages) / sizeof(pages[0]))

/* Which pools a walk is about. */
typedef struct PoolWalk {
    const TextPage *page;
    Buf *out; /* NULL: only count them */
    unsigned count;
} PoolWalk;

static bool
isOf(const TextPage *page, const char *pool)
{
    size_t len = strlen(page->pool);

    return page->pool[len - 1] == '/' ? strncmp(pool, page->pool, len) == 0
                                      : strcmp(pool, page->pool) == 0;
}

static void
putProcesses(Buf *out, const HelperPool *pool)
{
    size_t room = helperPoolProcesses(pool, NULL, 0);
    HelperProcessStats *rows = xcalloc(room + 1, sizeof(*rows));
    size_t count = helperPoolProcesses(pool, rows, room);

    bufPrintf(out, "%7s %8s %12s %10s %10s %10s %8s\n", "ID #", "PID",
              "# Requests", "In flight", "State", "Memory KB", "Age s");
    for (size_t i = 0; i < count && i < room; i++)
        bufPrintf(out, "%7u %8ld %12llu %10u %10s %10ld %8lld\n", rows[i].id,
                  (long)rows[i].pid, (unsigned long long)rows[i].requests,
                  rows[i].inflight, rows[i].state, rows[i].rssKb,
                  (long long)(commNowUs() - rows[i].startedUs) / 1000000);
    free(rows);
}

static void
putPool(HelperPool *pool, void *data)
{
    PoolWalk *walk = data;
    HelperPoolStats stats;

    helperPoolStats(pool, &stats);
    if (!isOf(walk->page, stats.name))
        return;
    walk->count++;
    if (walk->out == NULL)
        return;
    bufPrintf(walk->out,
              "%s:\n"
              "program: %s\n"
              "number active: %u of %u\n"
              "requests sent: %llu\n"
              "replies received: %llu\n"
              "requests timedout: %llu\n"
              "queue length: %u\n"
              "median service time: %.3f msec\n"
              "99%% service time: %.3f msec\n\n",
              stats.name, stats.program, stats.active, stats.max,
              (unsigned long long)stats.requests,
              (unsigned long long)stats.replies,
              (unsigned long long)stats.timeouts, stats.queue,
              stats.serviceMs.p50, stats.serviceMs.p99);
    putProcesses(walk->out, pool);
    bufPrintf(walk->out, "\n");
}

static unsigned
walkPools(const TextPage *page, Buf *out)
{
    PoolWalk walk = {.page = page, .out = out};

    helperPoolForEach(putPool, &walk);
    return walk.count;
}

static bool
isThere(const TextPage *page)
{
    return page->pool == NULL || walkPools(page, NULL) > 0;
}

static int
writeMenu(Buf *out, const View *view)
{
    int rc = 0;

    for (size_t i = 0; i < PAGE_COUNT; i++)
        if (isThere(&pages[i]))
            rc = bufPrintf(out, " %-22s\t%-40s\t%s\n", pages[i].name,
                           pages[i].help,
                           reportProtection(view->config,
                                            httpSliceText(pages[i].name),
                                            pages[i].isCommand));
    return rc;
}

static uint64_t
hitsOf(const ProxyStats *stats)
{
    static const AccessResult hits[] = {ACCESS_HIT,
                                        ACCESS_MEM_HIT,
                                        ACCESS_IMS_HIT,
                                        ACCESS_INM_HIT,
                                        ACCESS_NEGATIVE_HIT,
                                        ACCESS_REFRESH_UNMODIFIED,
                                        ACCESS_REFRESH_FAIL_OLD};
    uint64_t sum = 0;

    for (size_t i = 0; i < sizeof(hits) / sizeof(hits[0]); i++)
        sum += stats->byResult[hits[i]];
    return sum;
}

static double
cpuSeconds(const struct rusage *usage)
{
    return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) +
           (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1e6;
}

static void
putResources(Buf *out, double seconds)
{
    struct rusage usage;
    CommStats loop;

    getrusage(RUSAGE_SELF, &usage);
    commStatsGet(&loop, false);
    double cpu = cpuSeconds(&usage);
    bufPrintf(out,
              "Resource usage for squire:\n"
              "\tUP Time:\t%.3f seconds\n"
              "\tCPU Time:\t%.3f seconds\n"
              "\tCPU Usage:\t%.2f%%\n"
              "\tMaximum Resident Size: %ld KB\n"
              "File descriptor usage for squire:\n"
              "\tMaximum number of file descriptors:   %6zu\n"
              "\tNumber of file desc currently in use: %6u\n",
              seconds, cpu, seconds > 0 ? 100 * cpu / seconds : 0.0,
              usage.ru_maxrss, fdLimit(), loop.openFds);
}

static void
putService(Buf *out, const HelperHistogram *histogram)
{
    bufPrintf(out,
              "Service Times (seconds) since start:\n"
              "\tHTTP Requests (median):\t%.6f\n"
              "\tHTTP Requests (99%%):\t%.6f\n",
              helperHistogramQuantile(histogram, 0.5) / 1e6,
              helperHistogramQuantile(histogram, 0.99) / 1e6);
}

static int
writeInfo(Buf *out, const View *view)
{
    ProxyStats stats;
    char date[HTTP_DATE_SIZE];
    time_t now = (time_t)(commWallUs() / 1000000);

    proxyStatsGet(view->proxy, &stats);
    double seconds = (double)(commNowUs() - stats.startedUs) / 1e6;
    httpDateFormat(now - (time_t)seconds, date);
    bufPrintf(out, "Squire Object Cache: Version %s\nStart Time:\t%s\n",
              PACKAGE_VERSION, date);
    httpDateFormat(now, date);
    bufPrintf(out,
              "Current Time:\t%s\n"
              "Connection information for squire:\n"
              "\tNumber of clients accessing cache:\t%u\n"
              "\tNumber of HTTP requests received:\t%llu\n"
              "\tAverage HTTP requests per minute since start:\t%.1f\n"
              "Cache information for squire:\n"
              "\tHits as %% of all requests:\tsince start: %.1f%%\n"
              "\tStorage Mem size:\t%llu KB\n"
              "\tStorage Mem capacity:\t%.1f%% used\n",
              date, stats.clients, (unsigned long long)stats.requests,
              seconds > 0 ? (double)stats.requests * 60 / seconds : 0.0,
              stats.requests > 0
                  ? 100.0 * (double)hitsOf(&stats) / (double)stats.requests
                  : 0.0,
              (unsigned long long)stats.cache.bytes / 1024,
              stats.cache.bytesMax > 0 ? 100.0 * (double)stats.cache.bytes /
                                             (double)stats.cache.bytesMax
                                       : 0.0);
    putService(out, proxyLatency(view->proxy));
    putResources(out, seconds);
    return bufPrintf(out,
                     "Internal Data Structures:\n"
                     "\t%6llu StoreEntries\n",
                     (unsigned long long)stats.cache.objects);
}

static int
writeCounters(Buf *out, const View *view)
{
    ProxyStats stats;
    CommStats loop;
    struct rusage usage;
    double now = (double)commWallUs() / 1e6;
    HttpSlice date = httpDateText((time_t)now);

    proxyStatsGet(view->proxy, &stats);
    commStatsGet(&loop, false);
    getrusage(RUSAGE_SELF, &usage);
    return bufPrintf(out,
                     "sample_time = %.6f (%.*s)\n"
                     "client_http.requests = %llu\n"
                     "client_http.hits = %llu\n"
                     "client_http.kbytes_in = %llu\n"
                     "client_http.kbytes_out = %llu\n"
                     "select_loops = %llu\n"
                     "cpu_time = %.6f\n"
                     "wall_time = %.6f\n"
                     "aborted_requests = %llu\n",
                     now, HTTP_SLICE_ARG(date),
                     (unsigned long long)stats.requests,
                     (unsigned long long)hitsOf(&stats),
                     (unsigned long long)stats.octetsIn / 1024,
                     (unsigned long long)stats.octetsOut / 1024,
                     (unsigned long long)loop.turns, cpuSeconds(&usage),
                     (double)(commNowUs() - stats.startedUs) / 1e6,
                     (unsigned long long)stats.aborted);
}

static int
statusOf(int rc)
{
    return rc == 0 ? 200 : rc == -ENOENT ? 404 : 500;
}

static const TextPage *
lookupPage(HttpSlice name)
{
    for (size_t i = 0; i < PAGE_COUNT; i++)
        if (httpSliceEqual(name, httpSliceText(pages[i].name)))
            return &pages[i];
    return NULL;
}

int
managerReport(const Report *report, Buf *out, void *data)
{
    Manager *manager = data;
    const TextPage *page = lookupPage(report->name);
    const View view = {managerProxy(manager), report->config};

    if (page == NULL)
        return 404;
    if (!reportIsAllowed(report, page->isCommand))
        return 401;
    if (page->isCommand) {
        managerCommandLater(manager, page->command);
        return statusOf(bufPrintf(out, "%s: at once\n", page->name));
    }
    if (page->write != NULL)
        return statusOf(page->write(out, &view));
    return walkPools(page, out) > 0 ? 200 : 404;
}
