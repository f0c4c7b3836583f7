/* What the figures were some minutes ago. DEBUG: section 16 */
#include "manager_history.h"

#include <stdlib.h>
#include <sys/resource.h>

#include "check.h"
#include "comm.h"
#include "xalloc.h"

#define HISTORY_MAGIC 0x3a9a6e07u
#define MINUTE_MS 60000
#define FINE_ROOM 5    /* one a minute */
#define COARSE_ROOM 12 /* one every FINE_ROOM minutes */

/* The last moments of one distance, the oldest at `next` once it is full. */
typedef struct Series {
    ManagerMoment *moments[COARSE_ROOM];
    size_t room;
    size_t next;
} Series;

struct ManagerHistory {
    uint32_t magic;
    const Proxy *proxy;
    CommTimer *timer;
    unsigned minutes;
    Series fine;
    Series coarse;
};

static double
secondsOf(const struct timeval *time)
{
    return (double)time->tv_sec + (double)time->tv_usec / 1e6;
}

void
managerMomentNow(const Proxy *proxy, ManagerMoment *momentOut)
{
    struct rusage usage;
    CommStats loop;

    getrusage(RUSAGE_SELF, &usage);
    commStatsGet(&loop, false);
    momentOut->atUs = commNowUs();
    proxyStatsGet(proxy, &momentOut->stats);
    momentOut->latencyUs = *proxyLatency(proxy);
    momentOut->loops = loop.turns;
    momentOut->faults = (uint64_t)usage.ru_majflt;
    momentOut->cpu = secondsOf(&usage.ru_utime) + secondsOf(&usage.ru_stime);
}

static void
addMoment(ManagerHistory *history, Series *series)
{
    ManagerMoment **at = &series->moments[series->next];

    if (*at == NULL)
        *at = xcalloc(1, sizeof(**at));
    managerMomentNow(history->proxy, *at);
    series->next = (series->next + 1) % series->room;
}

static void
onMinute(void *data)
{
    ManagerHistory *history = data;

    CHECK_OBJ(history, HISTORY_MAGIC);
    if (history->minutes++ % FINE_ROOM == 0)
        addMoment(history, &history->coarse);
    addMoment(history, &history->fine);
    history->timer = commTimerAdd(MINUTE_MS, onMinute, history);
}

ManagerHistory *
managerHistoryCreate(const Proxy *proxy)
{
    ManagerHistory *history = xcalloc(1, sizeof(*history));

    history->magic = HISTORY_MAGIC;
    history->proxy = proxy;
    history->fine.room = FINE_ROOM;
    history->coarse.room = COARSE_ROOM;
    onMinute(history);
    return history;
}

static void
dropMoments(Series *series)
{
    for (size_t i = 0; i < series->room; i++)
        free(series->moments[i]);
}

void
managerHistoryDestroy(ManagerHistory **historyp)
{
    ManagerHistory *history = *historyp;

    if (history == NULL)
        return;
    CHECK_OBJ(history, HISTORY_MAGIC);
    *historyp = NULL;
    commTimerCancel(&history->timer);
    dropMoments(&history->fine);
    dropMoments(&history->coarse);
    CHECK_OBJ_CLEAR(history);
    free(history);
}

const ManagerMoment *
managerHistoryBack(const ManagerHistory *history, bool isHour)
{
    CHECK_OBJ(history, HISTORY_MAGIC);
    const Series *series = isHour ? &history->coarse : &history->fine;
    const ManagerMoment *oldest = series->moments[series->next];

    return oldest != NULL ? oldest : series->moments[0];
}
