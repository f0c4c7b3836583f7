/* helper_trace.c: the last exchanges of a pool, and who follows them. */
#include "helper_priv.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "xalloc.h"

#define TAP_MAGIC 0x8e7a9001u
#define RING_MAX 65536u
#define TEXT_MAX 220   /* octets kept of one exchange */
#define REPLY_ROOM 72  /* of them those that a reply has at least */
#define TRAIL_SIZE 256 /* whole cache lines */

#define TAP(n) LIST_OBJ(n, HelperTap, node)

struct HelperTrail {
    int64_t atUs; /* commNowUs() */
    int64_t queueUs;
    uint32_t number;
    pid_t pid;
    uint32_t serviceUs; /* more than an hour counts as that */
    uint16_t requestLen;
    uint16_t replyLen;
    uint8_t result;
    bool isOwn;
    bool isCut;
    char text[TEXT_MAX]; /* request and reply */
};

_Static_assert(sizeof(HelperTrail) == TRAIL_SIZE &&
                   HELPER_RESULT_COUNT <= UINT8_MAX,
               "they fit");

struct HelperTap {
    uint32_t magic;
    ListNode node; /* in the pool's taps */
    HelperTraceCb *cb;
    void *data;
};

void
helperTraceInit(HelperPool *pool)
{
    listInit(&pool->traces.taps);
    helperTraceReconfigure(pool);
}

void
helperTraceFini(HelperPool *pool)
{
    free(pool->traces.ring);
    pool->traces.ring = NULL;
    pool->traces.count = pool->traces.next = 0;
}

void
helperTraceReconfigure(HelperPool *pool)
{
    unsigned max =
        pool->config.traceMax < RING_MAX ? pool->config.traceMax : RING_MAX;

    if (max == pool->traces.max)
        return;
    helperTraceFini(pool);
    pool->traces.max = max;
}

static size_t
atMost(size_t value, size_t limit)
{
    return value < limit ? value : limit;
}

/* Exchanges are kept with the loop's time, which costs nothing to know. */
static int64_t
wallOf(int64_t atUs)
{
    return commWallUs() - (commNowUs() - atUs);
}

/* The place of the next exchange. */
static HelperTrail *
nextTrail(HelperTraces *traces)
{
    if (!traces->ring) {
        traces->ring = aligned_alloc(64, traces->max * sizeof(*traces->ring));
        CHECK(traces->ring != NULL);
    }
    HelperTrail *trail = &traces->ring[traces->next];
    traces->next = traces->next + 1 < traces->max ? traces->next + 1 : 0;
    traces->count += traces->count < traces->max;
    return trail;
}

/* Keep both texts, or their beginnings. */
static inline void
keepTexts(HelperTrail *trail, const HelperTrace *trace)
{
    size_t requestLen = trace->requestLen;
    size_t replyLen = trace->replyLen;

    trail->isCut = requestLen + replyLen > TEXT_MAX;
    if (trail->isCut) {
        requestLen =
            atMost(requestLen, TEXT_MAX - atMost(replyLen, REPLY_ROOM));
        replyLen = atMost(replyLen, TEXT_MAX - requestLen);
    }
    trail->requestLen = (uint16_t)requestLen;
    trail->replyLen = (uint16_t)replyLen;
    memcpy(trail->text, trace->request, requestLen);
    memcpy(trail->text + requestLen, trace->reply, replyLen);
}

/* Done for every exchange, so it does no more than it must. */
static inline void
keep(HelperTraces *traces, const HelperTrace *trace, int64_t atUs)
{
    HelperTrail *trail = nextTrail(traces);

    trail->atUs = atUs;
    trail->queueUs = trace->queueUs;
    trail->number = trace->number;
    trail->pid = trace->pid;
    trail->serviceUs =
        (uint32_t)(trace->serviceUs < UINT32_MAX ? trace->serviceUs
                                                 : UINT32_MAX);
    trail->result = (uint8_t)trace->result;
    trail->isOwn = trace->isOwn;
    keepTexts(trail, trace);
}

static void
showTaps(HelperPool *pool, const HelperTrace *trace, int64_t atUs)
{
    HelperTrace timed = *trace;
    ListNode *node, *tmp;

    timed.wallUs = wallOf(atUs);
    LIST_FOREACH(&pool->traces.taps, node, tmp)
        TAP(node)->cb(&timed, TAP(node)->data);
}

static inline void
add(HelperPool *pool, const HelperTrace *trace, int64_t atUs)
{
    if (pool->traces.max > 0)
        keep(&pool->traces, trace, atUs);
    if (!listIsEmpty(&pool->traces.taps))
        showTaps(pool, trace, atUs);
}

void
helperTraceReply(const HelperRequest *request, const HelperChannel *from,
                 HelperResult result, const char *line, size_t len)
{
    HelperPool *pool = request->pool;
    int64_t nowUs = pool->thread->readUs;
    HelperTrace trace = {
        .number = from->number,
        .pid = from->pid,
        .queueUs = request->dispatchUs - request->submitUs,
        .serviceUs = nowUs - request->dispatchUs,
        .result = result,
        .reply = line,
        .replyLen = len,
    };

    trace.request = helperRequestLine(request, &trace.requestLen);
    if (len > 0 && line[len - 1] == '\0') /* it was a CR */
        trace.replyLen--;
    add(pool, &trace, nowUs);
}

void
helperTraceOwn(const HelperRequest *request, HelperResult result)
{
    int64_t nowUs = commNowUs();
    HelperTrace trace = {
        .queueUs = nowUs - request->submitUs,
        .result = result,
        .reply = "",
        .isOwn = true,
    };

    trace.request = helperRequestLine(request, &trace.requestLen);
    if (!trace.request)
        trace.request = "";
    if (request->state == HELPER_REQUEST_SENT) {
        trace.number = request->channel->number;
        trace.pid = request->channel->pid;
        trace.queueUs = request->dispatchUs - request->submitUs;
        trace.serviceUs = nowUs - request->dispatchUs;
    }
    add(request->pool, &trace, nowUs);
}

void
helperTraceKept(HelperPool *pool, const HelperKept *kept, int64_t sinceUs,
                int64_t nowUs)
{
    HelperCacheItem item;
    HelperTrace trace = {
        .queueUs = nowUs - sinceUs,
        .result = helperKeptItem(kept, &item),
    };

    trace.request = item.key;
    trace.requestLen = item.keyLen;
    trace.reply = item.reply;
    trace.replyLen = item.replyLen;
    add(pool, &trace, nowUs);
}

static void
show(const HelperTrail *trail, HelperTraceCb *cb, void *data)
{
    HelperTrace trace = {
        .wallUs = wallOf(trail->atUs),
        .number = trail->number,
        .pid = trail->pid,
        .queueUs = trail->queueUs,
        .serviceUs = trail->serviceUs,
        .result = (HelperResult)trail->result,
        .request = trail->text,
        .requestLen = trail->requestLen,
        .reply = trail->text + trail->requestLen,
        .replyLen = trail->replyLen,
        .isOwn = trail->isOwn,
        .isCut = trail->isCut,
    };

    cb(&trace, data);
}

void
helperTraceForEach(const HelperPool *pool, HelperTraceCb *cb, void *data)
{
    CHECK_OBJ(pool, HELPER_POOL_MAGIC);
    const HelperTraces *traces = &pool->traces;
    unsigned oldest = traces->count < traces->max ? 0 : traces->next;

    for (unsigned i = 0; i < traces->count; i++)
        show(&traces->ring[(oldest + i) % traces->max], cb, data);
}

HelperTap *
helperTapAdd(HelperPool *pool, HelperTraceCb *cb, void *data)
{
    CHECK_OBJ(pool, HELPER_POOL_MAGIC);
    HelperTap *tap = xcalloc(1, sizeof(*tap));

    tap->magic = TAP_MAGIC;
    tap->cb = cb;
    tap->data = data;
    listPushBack(&pool->traces.taps, &tap->node);
    return tap;
}

void
helperTapRemove(HelperTap **tap)
{
    HelperTap *old = *tap;

    *tap = NULL;
    if (!old)
        return;
    CHECK_OBJ(old, TAP_MAGIC);
    listRemove(&old->node);
    CHECK_OBJ_CLEAR(old);
    free(old);
}

void
helperTraceEnd(HelperPool *pool)
{
    ListNode *node;

    while ((node = listFirst(&pool->traces.taps))) {
        listRemove(node);
        TAP(node)->cb(NULL, TAP(node)->data);
    }
}
