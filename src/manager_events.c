/* The manager's stream of what happens to helpers, and of samples.
 * DEBUG: section 16 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "comm.h"
#include "helper.h"
#include "json_text.h"
#include "manager_recent.h"
#include "manager_sample.h"
#include "manager_stream.h"
#include "xalloc.h"

#define EVENTS_MAGIC 0x3a9a6e06u
#define WATCH_MAGIC 0x3a9a6e04u
#define EVENT_MAX 8192
#define FRAME 64 /* what stands around a message */

struct ManagerEvents {
    uint32_t magic;
    const Proxy *proxy;
    ManagerRecent *recent;
    ListNode watches;
    unsigned sampleWatchCount;
};

/* One reader. */
typedef struct Watch {
    uint32_t magic;
    ListNode node;
    ManagerEvents *events;
    ManagerStream *stream;
    bool wantsSamples;
} Watch;

static void
putMessage(Watch *watch, const char *name, const Buf *data)
{
    Buf text;

    bufInit(&text, bufLen(data) + FRAME);
    bufPrintf(&text, "event: %s\ndata: ", name);
    bufAppend(&text, bufData(data), bufLen(data));
    bufPrintf(&text, "\n\n");
    managerStreamPut(watch->stream, bufData(&text), bufLen(&text));
    bufFini(&text);
}

static void
tellAll(ManagerEvents *events, const char *name, const Buf *data, bool isSample)
{
    ListNode *node, *next;

    LIST_FOREACH(&events->watches, node, next) {
        Watch *watch = LIST_OBJ(node, Watch, node);

        if (watch->wantsSamples || !isSample)
            putMessage(watch, name, data);
    }
}

static void
putEvent(Buf *out, const HelperEvent *event)
{
    bufPrintf(out, "{\"time\": %.3f, \"event\": \"%s\", \"pool\": ",
              (double)commWallUs() / 1e6, helperEventName(event->kind));
    jsonTextPut(out, event->pool, strlen(event->pool));
    bufPrintf(out, ", \"id\": %u, \"pid\": %ld, \"text\": ", event->number,
              (long)event->pid);
    jsonTextPut(out, event->text, strlen(event->text));
    bufPrintf(out, "}");
}

static void
onHelperEvent(const HelperEvent *event, void *data)
{
    ManagerEvents *events = data;
    Buf text;

    CHECK_OBJ(events, EVENTS_MAGIC);
    bufInit(&text, EVENT_MAX);
    putEvent(&text, event);
    managerRecentAddEvent(events->recent, bufData(&text), bufLen(&text));
    tellAll(events, helperEventName(event->kind), &text, false);
    bufFini(&text);
}

/* A ManagerRecentCb. Nothing is told when it would be too much. */
static void
onPoint(void *data)
{
    ManagerEvents *events = data;
    Buf text;

    CHECK_OBJ(events, EVENTS_MAGIC);
    if (events->sampleWatchCount == 0)
        return;
    bufInit(&text, MANAGER_SAMPLE_MAX);
    if (managerSampleWrite(&text, events->proxy, events->recent) == 0)
        tellAll(events, "sample", &text, true);
    bufFini(&text);
}

static void
tellPast(Watch *watch)
{
    Buf text;

    bufInit(&text, MANAGER_RECENT_MAX);
    if (managerRecentWrite(watch->events->recent, &text) == 0)
        putMessage(watch, "past", &text);
    bufFini(&text);
}

static int
putLost(Buf *out, uint64_t lost)
{
    return bufPrintf(out, "event: lost\ndata: {\"lost\": %llu}\n\n",
                     (unsigned long long)lost);
}

static void
endWatch(void *data)
{
    Watch *watch = data;

    CHECK_OBJ(watch, WATCH_MAGIC);
    listRemove(&watch->node);
    watch->events->sampleWatchCount -= watch->wantsSamples;
    CHECK_OBJ_CLEAR(watch);
    free(watch);
}

static bool
wantsSamples(const ManagerConn *conn)
{
    HttpSlice target = httpParserRequest(conn->parser)->target;
    char value[8];

    return managerQueryGet(target, "samples", value, sizeof(value)) &&
           strcmp(value, "1") == 0;
}

/* samples=1: what there was in the last minutes, and all figures every
 * second. */
void
managerEventsOpen(ManagerConn *conn)
{
    Watch *watch = xcalloc(1, sizeof(*watch));
    const ManagerStreamConfig config = {
        .type = "text/event-stream",
        .lost = putLost,
        .end = endWatch,
        .data = watch,
    };

    watch->magic = WATCH_MAGIC;
    watch->stream = managerStreamStart(conn, &config);
    if (watch->stream == NULL) {
        free(watch);
        return;
    }
    watch->events = managerConnEvents(conn);
    CHECK_OBJ(watch->events, EVENTS_MAGIC);
    listPushBack(&watch->events->watches, &watch->node);
    managerStreamPut(watch->stream, ": squire\n\n", 10);
    watch->wantsSamples = wantsSamples(conn);
    watch->events->sampleWatchCount += watch->wantsSamples;
    if (watch->wantsSamples)
        tellPast(watch);
}

ManagerEvents *
managerEventsCreate(const Proxy *proxy)
{
    ManagerEvents *events = xcalloc(1, sizeof(*events));

    events->magic = EVENTS_MAGIC;
    events->proxy = proxy;
    listInit(&events->watches);
    events->recent = managerRecentCreate(proxy, onPoint, events);
    helperEventSet(onHelperEvent, events);
    return events;
}

void
managerEventsDestroy(ManagerEvents **eventsp)
{
    ManagerEvents *events = *eventsp;

    *eventsp = NULL;
    if (events == NULL)
        return;
    CHECK_OBJ(events, EVENTS_MAGIC);
    CHECK(listIsEmpty(&events->watches));
    helperEventSet(NULL, NULL);
    managerRecentDestroy(&events->recent);
    CHECK_OBJ_CLEAR(events);
    free(events);
}
