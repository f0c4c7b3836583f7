/* The manager's documents in text, under the names that Squid's have.
 * DEBUG: section 16 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "comm.h"
#include "helper.h"
#include "manager_priv.h"
#include "xalloc.h"

/* One document. Those of pools have the name of one, or how the names of
 * several begin, with "/" at the end. */
typedef struct TextPage {
    const char *name;
    const char *help;
    int (*write)(Buf *out, const ManagerView *view);
    const char *pool;
    bool isCommand;
    ManagerCommand command;
} TextPage;

static int writeMenu(Buf *out, const ManagerView *view);

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
    DOCUMENT("info", "General figures", managerReportInfo),
    DOCUMENT("counters", "Traffic and use of resources, as numbers",
             managerReportCounters),
    DOCUMENT("5min", "The same per second, of 5 minutes", managerReport5min),
    DOCUMENT("60min", "The same per second, of an hour", managerReport60min),
    DOCUMENT("service_times", "How long requests took",
             managerReportServiceTimes),
    DOCUMENT("storedir", "Use of the cache_dir", managerReportStoredir),
    DOCUMENT("mem", "Use of memory", managerReportMem),
    DOCUMENT("client_list", "Clients that are connected", managerReportClients),
    DOCUMENT("active_requests", "Requests in progress", managerReportActive),
    DOCUMENT("server_list", "Lines of cache_peer", managerReportPeers),
    DOCUMENT("idns", "How names are looked up", managerReportIdns),
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
writeMenu(Buf *out, const ManagerView *view)
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
    const ManagerView view = {managerProxy(manager), report->config,
                              managerHistory(manager)};

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
