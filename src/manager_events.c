/* The manager's stream of what happens to helpers, and of samples.
 * DEBUG: section 16 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "comm.h"
#include "helper.h"
#include "json_text.h"
#include "manager_sample.h"
#include "manager_stream.h"
#include "xalloc.h"

#define WATCH_MAGIC 0x3a9a6e04u
#define EVENT_MAX 8192

/* One reader. */
typedef struct Watch {
    uint32_t magic;
    ListNode node;
    ManagerStream *stream;
    bool wantsSamples;
} Watch;

static ListNode watches;
static unsigned watchCount;
static unsigned sampleWatchCount;
static ManagerSampler *sampler; /* NULL: nobody wants samples */

static void
putEvent(Buf *out, const HelperEvent *event)
{
    bufPrintf(out,
              "event: %s\ndata: {\"time\": %.3f, \"event\": \"%s\", "
              "\"pool\": ",
              helperEventName(event->kind), (double)commWallUs() / 1e6,
              helperEventName(event->kind));
    jsonTextPut(out, event->pool, strlen(event->pool));
    bufPrintf(out, ", \"id\": %u, \"pid\": %ld, \"text\": ", event->number,
              (long)event->pid);
    jsonTextPut(out, event->text, strlen(event->text));
    bufPrintf(out, "}\n\n");
}

static void
onHelperEvent(const HelperEvent *event, void *data)
{
    ListNode *node, *next;
    Buf text;

    (void)data;
    bufInit(&text, EVENT_MAX);
    putEvent(&text, event);
    LIST_FOREACH(&watches, node, next)
        managerStreamPut(LIST_OBJ(node, Watch, node)->stream, bufData(&text),
                         bufLen(&text));
    bufFini(&text);
}

/* Nothing when there was too much to tell for one sample. */
static void
putSample(Buf *out, const Buf *sample)
{
    if (bufLen(sample) == 0)
        return;
    bufPrintf(out, "event: sample\ndata: ");
    bufAppend(out, bufData(sample), bufLen(sample));
    bufPrintf(out, "\n\n");
}

/* A ManagerSampleCb. */
static void
onSample(const Buf *sample, void *data)
{
    ListNode *node, *next;
    Buf text;

    (void)data;
    bufInit(&text, bufLen(sample) + EVENT_MAX);
    putSample(&text, sample);
    LIST_FOREACH(&watches, node, next) {
        const Watch *watch = LIST_OBJ(node, Watch, node);

        if (watch->wantsSamples)
            managerStreamPut(watch->stream, bufData(&text), bufLen(&text));
    }
    bufFini(&text);
}

/* The first sample is there at once. */
static void
startSamples(const Watch *watch, const Proxy *proxy)
{
    Buf text;

    if (sampleWatchCount++ == 0)
        sampler = managerSamplerCreate(proxy, onSample, NULL);
    const Buf *last = managerSamplerLast(sampler);
    bufInit(&text, bufLen(last) + EVENT_MAX);
    putSample(&text, last);
    managerStreamPut(watch->stream, bufData(&text), bufLen(&text));
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
    if (watch->wantsSamples && --sampleWatchCount == 0)
        managerSamplerDestroy(&sampler);
    if (--watchCount == 0)
        helperEventSet(NULL, NULL);
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

/* samples=1: all figures, too, now and every second. */
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
    if (watchCount++ == 0) {
        listInit(&watches);
        helperEventSet(onHelperEvent, NULL);
    }
    listPushBack(&watches, &watch->node);
    managerStreamPut(watch->stream, ": squire\n\n", 10);
    watch->wantsSamples = wantsSamples(conn);
    if (watch->wantsSamples)
        startSamples(watch, managerConnConfig(conn)->proxy);
}
