/* helper_queue.c: requests, where they wait, and their deadlines. Section
 * 84. */
#include "helper_priv.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "debug.h"
#include "xalloc.h"

#define SPARE_MAX 4096 /* request objects kept for reuse */

#define REQUEST(n) LIST_OBJ(n, HelperRequest, node)
#define BY_DEADLINE(n) LIST_OBJ(n, HelperRequest, deadlineNode)

static CommTimerCb onDeadline;
static CommTimerCb onRested;

static void
setState(HelperRequest *request, HelperRequestState state)
{
    request->state = (uint8_t)state;
}

static HelperRequest *
takeSpare(HelperPool *pool)
{
    HelperRequest *request = pool->spare;

    if (request) {
        pool->spare = request->u.next;
        pool->spareCount--;
        return request;
    }
    request = aligned_alloc(64, 128);
    CHECK(request != NULL);
    request->magic = HELPER_REQUEST_MAGIC;
    request->pool = pool;
    listInit(&request->node);
    listInit(&request->deadlineNode);
    return request;
}

static int64_t
timeoutUs(const HelperPool *pool)
{
    return (int64_t)pool->config.timeoutMs * 1000;
}

static void
armDeadline(HelperPool *pool, int64_t atUs, int64_t nowUs)
{
    int64_t ms = (atUs - nowUs + 999) / 1000;

    if (!pool->deadlineTimer)
        pool->deadlineTimer = commTimerAdd(ms > 0 ? ms : 0, onDeadline, pool);
}

HelperRequest *
helperRequestCreate(HelperPool *pool, HelperReplyCb *cb, void *data)
{
    HelperRequest *request = takeSpare(pool);

    setState(request, HELPER_REQUEST_LOOSE);
    request->chunk = NULL;
    request->isOverdue = request->isRefresh = false;
    request->tries = 0;
    request->attempts = 0;
    request->kind = HELPER_KIND_LOOKUP;
    request->channel = NULL;
    request->cb = cb;
    request->data = data;
    request->submitUs =
        pool->thread->readUs ? pool->thread->readUs : commNowUs();
    if (pool->config.timeoutMs > 0 && cb) {
        listPushBack(&pool->deadlines, &request->deadlineNode);
        /* All have the same time to live, so the timer that is set for an
         * older one never comes too late for this one. */
        if (!pool->deadlineTimer)
            armDeadline(pool, timeoutUs(pool), 0);
    }
    return request;
}

void
helperRequestKeep(HelperRequest *request, const char *line, size_t len)
{
    HelperPool *pool = request->pool;
    size_t total = HELPER_ID_ROOM + len + 1;

    char *room = helperTextReserve(&pool->texts, &pool->chunk, total);
    memcpy(room + HELPER_ID_ROOM, line, len);
    room[total - 1] = '\n';
    /* Last, as line may be in the chunk that is let go. */
    helperTextUnref(&pool->texts, &request->chunk);
    request->chunk = helperTextCommit(pool->chunk, total);
    request->textAt = (uint32_t)(room + HELPER_ID_ROOM - request->chunk->data);
    request->textLen = (uint32_t)len + 1;
    request->hasIdRoom = true;
}

void
helperRequestFree(HelperRequest *request)
{
    HelperPool *pool = request->pool;

    CHECK(request->state == HELPER_REQUEST_LOOSE);
    listRemove(&request->deadlineNode);
    helperTextUnref(&pool->texts, &request->chunk);
    setState(request, HELPER_REQUEST_FREE);
    if (pool->stopping)
        helperPoolSettle(pool); /* it may have been the last one */
    if (pool->spareCount >= SPARE_MAX) {
        CHECK_OBJ_CLEAR(request);
        free(request);
        return;
    }
    request->u.next = pool->spare;
    pool->spare = request;
    pool->spareCount++;
}

void
helperRequestFreeSpare(HelperPool *pool)
{
    while (pool->spare) {
        HelperRequest *request = pool->spare;
        pool->spare = request->u.next;
        CHECK_OBJ_CLEAR(request);
        free(request);
    }
    pool->spareCount = 0;
}

/* Somebody who waited is told; or nobody, and only the pool waited. */
static void
countResult(const HelperRequest *request, const HelperReply *reply)
{
    HelperPool *pool = request->pool;
    HelperResult result = reply->result;
    bool isOwn = reply->source == HELPER_SOURCE_POOL;

    if (!request->isRefresh && isOwn && result == HELPER_OK)
        pool->failedOpen++;
    else if (!request->isRefresh)
        pool->byResult[result]++;
    else if (result != HELPER_OK && result != HELPER_ERR)
        pool->answers.refreshFailures++;
}

void
helperRequestFinish(HelperRequest *request, const HelperReply *reply)
{
    HelperReplyCb *cb = request->cb;
    void *data = request->data;

    countResult(request, reply);
    helperRequestFree(request);
    cb(reply, data);
}

void
helperQueuePush(HelperRequest *request, bool front)
{
    HelperPool *pool = request->pool;

    CHECK(request->state == HELPER_REQUEST_LOOSE);
    setState(request, HELPER_REQUEST_QUEUED);
    pool->queued++;
    if (front)
        listPushFront(&pool->queue, &request->node);
    else
        listPushBack(&pool->queue, &request->node);
    helperPoolSettle(pool);
}

/* Take a request off the place where it waits for a process. */
static void
unqueue(HelperRequest *request)
{
    CHECK(request->state == HELPER_REQUEST_QUEUED ||
          request->state == HELPER_REQUEST_RESTING);
    listRemove(&request->node);
    request->pool->queued--;
    setState(request, HELPER_REQUEST_LOOSE);
}

HelperRequest *
helperQueuePop(HelperPool *pool)
{
    ListNode *node = listFirst(&pool->queue);

    if (!node)
        return NULL;
    unqueue(REQUEST(node));
    return REQUEST(node);
}

void
helperQueueRest(HelperRequest *request)
{
    HelperPool *pool = request->pool;

    CHECK(request->state == HELPER_REQUEST_LOOSE);
    setState(request, HELPER_REQUEST_RESTING);
    pool->queued++;
    request->dispatchUs = commNowUs();
    listPushBack(&pool->resting, &request->node);
    if (!pool->restTimer)
        pool->restTimer = commTimerAdd(HELPER_REST_MS, onRested, pool);
}

static void
onRested(void *data)
{
    HelperPool *pool = data;
    CHECK_OBJ(pool, HELPER_POOL_MAGIC);
    int64_t before = commNowUs() - HELPER_REST_MS * 1000;
    ListNode *node;

    pool->restTimer = NULL;
    while ((node = listFirst(&pool->resting))) {
        if (REQUEST(node)->dispatchUs > before)
            break;
        unqueue(REQUEST(node));
        helperQueuePush(REQUEST(node), true);
    }
    if (node)
        pool->restTimer = commTimerAdd(HELPER_REST_MS, onRested, pool);
}

static void
becomeDue(HelperRequest *request, HelperSource source)
{
    HelperPool *pool = request->pool;

    CHECK(request->state == HELPER_REQUEST_LOOSE);
    setState(request, HELPER_REQUEST_DUE);
    request->source = (uint8_t)source;
    listRemove(&request->deadlineNode);
    listPushBack(&pool->due, &request->node);
    pool->dueCount++;
    helperPoolSettle(pool);
}

void
helperQueueAnswer(HelperRequest *request, HelperResult result, const char *why)
{
    if (request->cb && helperTraceIsOn(request->pool))
        helperTraceOwn(request, result);
    becomeDue(request, HELPER_SOURCE_POOL);
    request->result = (uint8_t)result;
    request->u.why = why;
}

void
helperQueueAnswerKept(HelperRequest *request, HelperKept *kept,
                      HelperSource source)
{
    HelperPool *pool = request->pool;

    /* A new one, for many, was seen when it came. */
    if (source != HELPER_SOURCE_PROCESS && helperTraceIsOn(pool))
        helperTraceKept(pool, kept, request->submitUs, commNowUs());
    becomeDue(request, source);
    request->u.kept = helperKeptRef(kept);
}

const char *
helperRequestLine(const HelperRequest *request, size_t *lenOut)
{
    *lenOut = request->chunk ? request->textLen - 1 : 0;
    return request->chunk ? request->chunk->data + request->textAt : NULL;
}

void
helperQueueAnswerAll(HelperPool *pool, HelperResult result, const char *why)
{
    ListNode *node;

    while ((node = listFirst(&pool->queue)) ||
           (node = listFirst(&pool->resting))) {
        unqueue(REQUEST(node));
        helperAnswersFail(REQUEST(node), result, why);
    }
}

static void
finishWith(HelperRequest *request, HelperResult result, const char *why)
{
    HelperReply reply;

    reply.result = result;
    reply.source = HELPER_SOURCE_POOL;
    reply.line = NULL;
    reply.lineLen = 0;
    reply.text = "";
    reply.textLen = 0;
    reply.message = why;
    reply.pairCount = 0;
    helperRequestFinish(request, &reply);
}

/* Take a request, which is due, off its place. Returns the kept answer, if it
 * has one, to be let go. */
static HelperKept *
takeDue(HelperRequest *request)
{
    listRemove(&request->node);
    request->pool->dueCount--;
    setState(request, HELPER_REQUEST_LOOSE);
    return request->source == HELPER_SOURCE_POOL ? NULL : request->u.kept;
}

static void
finishKept(HelperRequest *request, HelperKept *kept)
{
    const HelperThread *thread = request->pool->thread;
    HelperReply reply;

    helperKeptParse(kept, thread->scratch, thread->scratchSize, &reply);
    reply.source = request->source;
    helperRequestFinish(request, &reply);
}

void
helperQueueCallFirst(HelperPool *pool)
{
    HelperRequest *request = REQUEST(listFirst(&pool->due));
    HelperKept *kept = takeDue(request);

    if (kept && pool->destroyed)
        finishWith(request, HELPER_SHUTDOWN, "the pool is closed");
    else if (kept)
        finishKept(request, kept);
    else if (!request->cb)
        helperCollapseFail(request, request->result, request->u.why);
    else
        finishWith(request, request->result, request->u.why);
    helperKeptUnref(&kept);
}

void
helperQueueSetOverdue(HelperRequest *request)
{
    setState(request, HELPER_REQUEST_ABANDONED);
    if (request->cb) /* else it is there already */
        helperQueueWatchProcess(request);
}

void
helperQueueWatchProcess(HelperRequest *request)
{
    HelperPool *pool = request->pool;
    ListNode *after = pool->overdue.prev;

    listRemove(&request->deadlineNode);
    if (pool->config.timeoutMs == 0)
        return;
    /* Nearly always the last: requests are dispatched in the order in which
     * they are submitted, and time out in it. */
    while (after != &pool->overdue &&
           BY_DEADLINE(after)->dispatchUs > request->dispatchUs)
        after = after->prev;
    listPushFront(after, &request->deadlineNode);
}

/* Call back for a request at a process, which stays there without caller. */
static void
expireSent(HelperRequest *request)
{
    HelperReplyCb *cb = request->cb;
    void *data = request->data;
    HelperReply reply;
    HelperKept *kept;

    helperAnswersFailNow(request, HELPER_TIMEOUT, "no answer in time", &reply,
                         &kept);
    countResult(request, &reply);
    if (request->kind == HELPER_KIND_DIALOG)
        helperReservedExpired(request);
    else
        helperChannelAbandon(request->channel, request);
    cb(&reply, data);
    helperKeptUnref(&kept);
}

/* Answer a request whose deadline has come. */
static void
expire(HelperRequest *request)
{
    bool isSent = request->state == HELPER_REQUEST_SENT;

    request->pool->timeouts += !request->isRefresh;
    helperEventRaise(request->pool, isSent ? request->channel : NULL,
                     HELPER_EVENT_TIMEOUT, "%s",
                     isSent || request->state == HELPER_REQUEST_JOINED
                         ? "no answer in time"
                         : "no process was free in time");
    switch ((HelperRequestState)request->state) {
    case HELPER_REQUEST_SENT:
        expireSent(request);
        return;
    case HELPER_REQUEST_JOINED:
        helperCollapseLeave(request);
        helperAnswersFail(request, HELPER_TIMEOUT, "no answer in time");
        return;
    default:
        unqueue(request);
        helperAnswersFail(request, HELPER_TIMEOUT,
                          "no process was free in time");
    }
}

/* The answer of a process is late. */
static void
missAnswer(HelperRequest *request)
{
    HelperChannel *channel = request->channel;

    listRemove(&request->deadlineNode);
    if (request->state == HELPER_REQUEST_SENT) {
        helperCollapseAskAgain(request);
        request->pool->inflight--;
        setState(request, HELPER_REQUEST_ABANDONED);
    }
    request->isOverdue = true;
    helperChannelMissed(channel);
}

/* The first of a list whose time, counted from *fromUs, has come. */
static HelperRequest *
firstLate(const ListNode *list, const HelperPool *pool, int64_t nowUs)
{
    ListNode *node = listFirst(list);
    if (!node || timeoutUs(pool) == 0)
        return NULL;

    HelperRequest *request = BY_DEADLINE(node);
    int64_t fromUs =
        list == &pool->overdue ? request->dispatchUs : request->submitUs;
    return nowUs - fromUs >= timeoutUs(pool) ? request : NULL;
}

static void
rearmDeadline(HelperPool *pool, int64_t nowUs)
{
    ListNode *first = listFirst(&pool->deadlines);
    ListNode *over = listFirst(&pool->overdue);
    int64_t atUs = INT64_MAX;

    /* A callback may have submitted, and so have set it for later. */
    commTimerCancel(&pool->deadlineTimer);
    if (first)
        atUs = BY_DEADLINE(first)->submitUs + timeoutUs(pool);
    if (over && BY_DEADLINE(over)->dispatchUs + timeoutUs(pool) < atUs)
        atUs = BY_DEADLINE(over)->dispatchUs + timeoutUs(pool);
    if (atUs != INT64_MAX)
        armDeadline(pool, atUs, nowUs);
}

static void
forgetDeadlines(ListNode *list)
{
    ListNode *node;

    while ((node = listFirst(list)))
        listRemove(node);
}

/* Requests without a deadline keep none. */
void
helperQueueRearm(HelperPool *pool, int timeoutMs)
{
    if (timeoutMs == 0) {
        forgetDeadlines(&pool->deadlines);
        forgetDeadlines(&pool->overdue);
    }
    pool->config.timeoutMs = timeoutMs;
    rearmDeadline(pool, commNowUs());
}

static void
onDeadline(void *data)
{
    HelperPool *pool = data;
    CHECK_OBJ(pool, HELPER_POOL_MAGIC);
    int64_t nowUs = commNowUs();
    HelperRequest *late;

    pool->deadlineTimer = NULL;
    while (!pool->destroyed &&
           (late = firstLate(&pool->deadlines, pool, nowUs)))
        expire(late);
    while (!pool->destroyed && (late = firstLate(&pool->overdue, pool, nowUs)))
        missAnswer(late);
    if (pool->destroyed)
        return;
    rearmDeadline(pool, nowUs);
    helperPoolSettle(pool);
}

void
helperCancel(HelperRequest *request)
{
    CHECK_OBJ(request, HELPER_REQUEST_MAGIC);
    HelperKept *kept = NULL;

    if (request->cb) /* else its flight is over */
        request->pool->cancelled++;
    if (request->kind == HELPER_KIND_DIALOG && helperReservedCancelled(request))
        return;
    switch ((HelperRequestState)request->state) {
    case HELPER_REQUEST_SENT:
        helperChannelAbandon(request->channel, request);
        return;
    case HELPER_REQUEST_DUE:
        kept = takeDue(request);
        break;
    case HELPER_REQUEST_JOINED:
        helperCollapseLeave(request);
        break;
    default:
        unqueue(request);
    }
    helperRequestFree(request);
    helperKeptUnref(&kept);
}
