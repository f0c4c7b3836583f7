/* helper_rss.c: how much memory processes have, a few at a time. */
#include "helper_priv.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "xalloc.h"

#define BUDGET_US 1000   /* in one turn of the loop */
#define PAUSE_MS 2       /* between turns of work */
#define FRESH_US 1000000 /* so long a figure is good enough */

#define CHANNEL(n) LIST_OBJ(n, HelperChannel, node)

#define HELPER_RSS_MAGIC 0x8e455a3cu

struct HelperRss {
    uint32_t magic;
    HelperPool *pool;
    CommTimer *timer;
    int64_t wantedUs; /* when somebody asked */
};

static CommTimerCb onTurn;

HelperRss *
helperRssCreate(HelperPool *pool)
{
    HelperRss *rss = xcalloc(1, sizeof(*rss));

    rss->magic = HELPER_RSS_MAGIC;
    rss->pool = pool;
    return rss;
}

/* Resident memory in KiB, 0 when the process has gone. */
static long
readRss(pid_t pid)
{
    char path[64], text[64];
    long pages = 0;

    (void)snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, text, sizeof(text) - 1);
    (void)close(fd);
    text[n > 0 ? n : 0] = '\0';
    if (sscanf(text, "%*d %ld", &pages) != 1)
        return 0;
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* True when all figures are fresh enough for who asked last, false when the
 * time was up. */
static bool
sample(HelperRss *rss)
{
    int64_t startUs = commClockUs(), nowUs = startUs;
    ListNode *node, *tmp;

    LIST_FOREACH(&rss->pool->channels, node, tmp) {
        HelperChannel *channel = CHANNEL(node);
        if (channel->rssUs && rss->wantedUs - channel->rssUs < FRESH_US)
            continue;
        if (nowUs - startUs >= BUDGET_US)
            return false;
        channel->rssKb = readRss(channel->pid);
        nowUs = commClockUs();
        channel->rssUs = nowUs;
    }
    return true;
}

static void
sampleAndGoOn(HelperRss *rss)
{
    if (!sample(rss))
        rss->timer = commTimerAdd(PAUSE_MS, onTurn, rss);
}

static void
onTurn(void *data)
{
    HelperRss *rss = data;
    CHECK_OBJ(rss, HELPER_RSS_MAGIC);

    rss->timer = NULL;
    sampleAndGoOn(rss);
}

void
helperRssWant(HelperRss *rss)
{
    CHECK_OBJ(rss, HELPER_RSS_MAGIC);

    rss->wantedUs = commClockUs();
    if (!rss->timer)
        sampleAndGoOn(rss);
}

void
helperRssDestroy(HelperRss **rss)
{
    HelperRss *old = *rss;

    if (!old)
        return;
    CHECK_OBJ(old, HELPER_RSS_MAGIC);
    *rss = NULL;
    commTimerCancel(&old->timer);
    CHECK_OBJ_CLEAR(old);
    free(old);
}
