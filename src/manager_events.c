/* The manager's stream of what happens to helpers. DEBUG: section 16 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "comm.h"
#include "helper.h"
#include "json_text.h"
#include "manager_stream.h"
#include "xalloc.h"

#define WATCH_MAGIC 0x3a9a6e04u
#define EVENT_MAX 8192

/* One reader. */
typedef struct Watch {
    uint32_t magic;
    ListNode node;
    ManagerStream *stream;
} Watch;

static ListNode watches;
static unsigned watchCount;

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
    if (--watchCount == 0)
        helperEventSet(NULL, NULL);
    CHECK_OBJ_CLEAR(watch);
    free(watch);
}

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
}
