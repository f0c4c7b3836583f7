/* test_manager_recent.c: what is remembered of the last minutes. Time and the
 * proxy's figures are the test's own. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "comm.h"
#include "helper.h"
#include "manager_recent.h"

static struct {
    int64_t us;
    CommTimerCb *due;
    void *data;
    ProxyStats stats;
    HelperHistogram latency;
    unsigned points;
} fake;

static int timer;

CommTimer *
commTimerAdd(int64_t ms, CommTimerCb *handler, void *data)
{
    cr_assert_eq(ms, MANAGER_RECENT_MS);
    fake.due = handler;
    fake.data = data;
    return (CommTimer *)&timer;
}

void
commTimerCancel(CommTimer **timerp)
{
    *timerp = NULL;
    fake.due = NULL;
}

int64_t
commNowUs(void)
{
    return fake.us;
}

int64_t
commWallUs(void)
{
    return 1000000000 + fake.us;
}

void
proxyStatsGet(const Proxy *proxy, ProxyStats *statsOut)
{
    (void)proxy;
    *statsOut = fake.stats;
}

const HelperHistogram *
proxyLatency(const Proxy *proxy)
{
    (void)proxy;
    return &fake.latency;
}

uint64_t
proxyStatsHits(const ProxyStats *stats)
{
    return stats->byResult[ACCESS_HIT];
}

uint64_t
proxyStatsLookups(const ProxyStats *stats)
{
    return stats->byResult[ACCESS_HIT] + stats->byResult[ACCESS_MISS];
}

static const char *pools[3] = {"a", "b\"", NULL};

void
helperPoolForEach(HelperPoolCb *cb, void *data)
{
    for (size_t i = 0; i < 3; i++)
        if (pools[i])
            cb((HelperPool *)&pools[i], data);
}

void
helperPoolStats(const HelperPool *pool, HelperPoolStats *statsOut)
{
    *statsOut = (HelperPoolStats){.name = *(const char *const *)pool,
                                  .requests = fake.stats.requests};
}

static void
onPoint(void *data)
{
    (void)data;
    fake.points++;
}

static void
passSecond(void)
{
    fake.us += 1000000;
    fake.due(fake.data);
}

static json_t *
written(ManagerRecent *recent)
{
    Buf out;

    bufInit(&out, MANAGER_RECENT_MAX);
    cr_assert_eq(managerRecentWrite(recent, &out), 0);
    json_t *all = json_loadb(bufData(&out), bufLen(&out), 0, NULL);
    bufFini(&out);
    cr_assert_not_null(all);
    return all;
}

static json_int_t
intOf(const json_t *all, const char *list, size_t i, const char *name)
{
    return json_integer_value(
        json_object_get(json_array_get(json_object_get(all, list), i), name));
}

static size_t
sizeOf(const json_t *all, const char *list)
{
    return json_array_size(json_object_get(all, list));
}

Test(managerRecent, the_first_point_is_there_at_once)
{
    fake.stats.requests = 7;
    ManagerRecent *recent = managerRecentCreate(NULL, onPoint, NULL);
    json_t *all = written(recent);

    cr_assert_eq(sizeOf(all, "points"), 1);
    cr_assert_eq(sizeOf(all, "events"), 0);
    cr_assert_eq(intOf(all, "points", 0, "requests"), 7);
    cr_assert_eq(fake.points, 0);
    json_decref(all);
    managerRecentDestroy(&recent);
    cr_assert_null(recent);
    cr_assert_null(fake.due);
    managerRecentDestroy(&recent);
}

Test(managerRecent, points_older_than_five_minutes_are_forgotten)
{
    ManagerRecent *recent = managerRecentCreate(NULL, onPoint, NULL);

    for (unsigned i = 1; i < MANAGER_RECENT_POINTS + 3; i++) {
        fake.stats.requests = i;
        passSecond();
    }
    json_t *all = written(recent);
    cr_assert_eq(fake.points, MANAGER_RECENT_POINTS + 2);
    cr_assert_eq(sizeOf(all, "points"), MANAGER_RECENT_POINTS);
    for (int i = 0; i < MANAGER_RECENT_POINTS; i++)
        cr_assert_eq(intOf(all, "points", i, "requests"), i + 3);
    json_decref(all);
    managerRecentDestroy(&recent);
}

static json_t *
poolOf(const json_t *all, const char *name)
{
    return json_object_get(json_object_get(all, "pools"), name);
}

Test(managerRecent, pools_have_requests_as_long_as_there_are_pools)
{
    ManagerRecent *recent = managerRecentCreate(NULL, onPoint, NULL);

    fake.stats.requests = 5;
    pools[0] = NULL;
    pools[2] = "c";
    passSecond();
    json_t *all = written(recent);
    cr_assert_null(poolOf(all, "a"));
    cr_assert_eq(json_array_size(poolOf(all, "b\"")), 2);
    cr_assert_eq(json_integer_value(json_array_get(poolOf(all, "b\""), 0)), 0);
    cr_assert_eq(json_integer_value(json_array_get(poolOf(all, "b\""), 1)), 5);
    cr_assert(json_is_null(json_array_get(poolOf(all, "c"), 0)));
    cr_assert_eq(json_integer_value(json_array_get(poolOf(all, "c"), 1)), 5);
    json_decref(all);
    for (unsigned i = 0; i < MANAGER_RECENT_POINTS; i++)
        passSecond();
    all = written(recent);
    cr_assert_eq(json_array_size(poolOf(all, "c")), MANAGER_RECENT_POINTS);
    cr_assert_eq(json_integer_value(json_array_get(poolOf(all, "c"), 0)), 5);
    json_decref(all);
    managerRecentDestroy(&recent);
}

Test(managerRecent, latencies_are_those_of_the_second)
{
    ManagerRecent *recent = managerRecentCreate(NULL, onPoint, NULL);
    Buf out;

    helperHistogramAdd(&fake.latency, 50);
    passSecond();
    helperHistogramAdd(&fake.latency, 3000);
    passSecond();
    bufInit(&out, 1000);
    bufPrintf(&out, "{");
    managerRecentPutLast(recent, &out);
    bufPrintf(&out, "}");
    json_t *point = json_loadb(bufData(&out), bufLen(&out), 0, NULL);
    const json_t *latency = json_object_get(point, "latency_ms");
    cr_assert_eq(json_integer_value(json_object_get(latency, "count")), 1);
    cr_assert_float_eq(json_number_value(json_object_get(latency, "p50")), 3,
                       0.1);
    cr_assert_float_eq(
        json_number_value(json_object_get(point, "interval_ms")), 1000, 0.01);
    json_decref(point);
    bufFini(&out);
    managerRecentDestroy(&recent);
}

Test(managerRecent, the_oldest_events_are_forgotten)
{
    ManagerRecent *recent = managerRecentCreate(NULL, onPoint, NULL);
    char text[32];

    for (int i = 0; i < MANAGER_RECENT_EVENTS + 2; i++) {
        int len = snprintf(text, sizeof(text), "{\"id\": %d}", i);
        managerRecentAddEvent(recent, text, (size_t)len);
    }
    json_t *all = written(recent);
    cr_assert_eq(sizeOf(all, "events"), MANAGER_RECENT_EVENTS);
    for (int i = 0; i < MANAGER_RECENT_EVENTS; i++)
        cr_assert_eq(intOf(all, "events", i, "id"), i + 2);
    json_decref(all);
    managerRecentDestroy(&recent);
}

Test(managerRecent, no_room_is_told)
{
    ManagerRecent *recent = managerRecentCreate(NULL, onPoint, NULL);
    Buf out;

    bufInit(&out, 100);
    cr_assert_lt(managerRecentWrite(recent, &out), 0);
    bufFini(&out);
    managerRecentDestroy(&recent);
}
