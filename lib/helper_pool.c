/* helper_pool.c: what a pool takes, starts, answers and gives up. Section
 * 84. */
#include "helper_priv.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "debug.h"
#include "xalloc.h"

#define READ_SIZE 65536
#define OVERLOAD_TELL_US (60 * 1000000ll)

#define POOL(n) LIST_OBJ(n, HelperPool, node)
#define CHANNEL(n) LIST_OBJ(n, HelperChannel, node)
#define PLACED(entry) LIST_OBJ(entry, HelperChannel, place)

static _Thread_local HelperThread *thisThread;

static void onSettle(void *data);
static CommTimerCb onDrained;

/* Buffers grow by being replaced: the old one may be in use further up. */
static void
growBuffer(char **buffer, size_t *size, size_t want)
{
    if (want <= *size)
        return;
    if (*buffer)
        commFreeLater(*buffer, free);
    *buffer = xmalloc(want);
    *size = want;
}

void
helperPoolGrowBuffers(HelperThread *thread, size_t replyMax)
{
    growBuffer(&thread->readBuf, &thread->readSize, READ_SIZE + replyMax);
    growBuffer(&thread->scratch, &thread->scratchSize, replyMax + 2);
}

static HelperThread *
joinThread(size_t replyMax)
{
    if (!thisThread) {
        thisThread = xcalloc(1, sizeof(*thisThread));
        listInit(&thisThread->pools);
    }
    helperPoolGrowBuffers(thisThread, replyMax);
    return thisThread;
}

static void
freeThread(HelperThread *thread)
{
    free(thread->readBuf);
    free(thread->scratch);
    free(thread);
}

static void
initLists(HelperPool *pool)
{
    listInit(&pool->node);
    listInit(&pool->channels);
    listInit(&pool->leavers);
    listInit(&pool->dirty);
    listInit(&pool->queue);
    listInit(&pool->resting);
    listInit(&pool->due);
    listInit(&pool->deadlines);
    listInit(&pool->overdue);
    listInit(&pool->reservations);
    listInit(&pool->idleReservations);
    listInit(&pool->worn);
    listInit(&pool->outgoing);
    listInit(&pool->retiring);
}

/* A pipe has no way to write without this signal. */
static void
ignoreSigpipe(void)
{
    struct sigaction old, ignore = {.sa_handler = SIG_IGN};

    if (sigaction(SIGPIPE, NULL, &old) == 0 && old.sa_handler == SIG_DFL)
        (void)sigaction(SIGPIPE, &ignore, NULL);
}

HelperPool *
helperPoolCreate(const HelperConfig *config)
{
    HelperConfig copy;

    int error = helperConfigCopy(config, &copy);
    if (error < 0) {
        errno = -error;
        return NULL;
    }
    HelperPool *pool = xcalloc(1, sizeof(*pool));
    pool->magic = HELPER_POOL_MAGIC;
    pool->config = copy;
    pool->program = helperConfigProgram(&copy);
    pool->target = copy.startup;
    initLists(pool);
    helperPlaceInit(&pool->place, helperConfigShare(&copy));
    helperRestartInit(&pool->restart, copy.restartMinMs * 1000ll,
                      copy.restartMaxMs * 1000ll, copy.attempts);
    commDeferInit(&pool->settle, onSettle, pool);
    helperAnswersInit(pool);
    helperTraceInit(pool);
    pool->rss = helperRssCreate(pool);
    pool->thread = joinThread(copy.replyMax);
    listPushBack(&pool->thread->pools, &pool->node);
    if (copy.ipcType == IPC_FIFO)
        ignoreSigpipe();
    helperPoolSettle(pool);
    return pool;
}

void
helperPoolNoteTrouble(HelperPool *pool, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(pool->trouble, sizeof(pool->trouble), fmt, ap);
    va_end(ap);
    pool->troubleAtUs = commNowUs();
}

void
helperPoolSettle(HelperPool *pool)
{
    if (!pool->destroyed)
        commDefer(&pool->settle);
}

/* True when the queue is longer than its limit even if every process that
 * may still be started took its share. */
static bool
isOverloaded(const HelperPool *pool)
{
    const HelperConfig *config = &pool->config;
    unsigned staff = helperPoolStaff(pool);
    uint64_t missing = config->max > staff ? config->max - staff : 0;

    return config->overload != HELPER_OVERLOAD_WAIT &&
           pool->queued >= config->queueMax + missing * pool->place.limit;
}

static void
refuse(HelperPool *pool, HelperRequest *request)
{
    int64_t nowUs = commNowUs();

    pool->overloads++;
    helperAnswersFail(request, HELPER_OVERLOAD, "too many requests wait");
    if (pool->overloadToldUs && nowUs - pool->overloadToldUs < OVERLOAD_TELL_US)
        return;
    pool->overloadToldUs = nowUs;
    debug(DBG_HELPER, 1,
          "%s: overloaded: all %u of %u processes are busy, %u requests "
          "wait; more processes or a larger queue may help",
          pool->config.name, pool->alive, pool->config.max, pool->queued);
}

void
helperPoolEnqueue(HelperRequest *request, const char *line, size_t len)
{
    HelperPool *pool = request->pool;

    helperRequestKeep(request, line, len);
    if (isOverloaded(pool))
        refuse(pool, request);
    else
        helperQueuePush(request, false);
}

/* Lines may be submitted, and have no more than this many octets. */
static int
checkLen(const HelperPool *pool, size_t len)
{
    size_t more = pool->config.concurrency > 0 ? HELPER_ID_ROOM : 1;

    if (pool->stopping)
        return -ESHUTDOWN;
    return len + more > pool->config.lineMax ? -EMSGSIZE : 0;
}

void
helperPoolPlace(HelperRequest *request, const char *line, size_t len)
{
    HelperPool *pool = request->pool;
    HelperPlaceEntry *entry = NULL;

    if (pool->queued == 0)
        entry = helperPlacePick(&pool->place, NULL);
    if (entry)
        helperChannelAsk(PLACED(entry), request, line, len);
    else
        helperPoolEnqueue(request, line, len);
}

int
helperPoolCheckLine(const HelperPool *pool, const char *line, size_t len)
{
    int error = checkLen(pool, len);

    if (error == 0 &&
        (memchr(line, pool->config.endMark, len) || memchr(line, '\0', len)))
        error = -EINVAL;
    return error;
}

static HelperRequest *
submit(HelperPool *pool, const char *line, size_t len, HelperReplyCb *cb,
       void *data)
{
    HelperRequest *request = helperRequestCreate(pool, cb, data);

    pool->requests++;
    if (!pool->answers.isUsed || !helperAnswersTake(request, line, len))
        helperPoolPlace(request, line, len);
    return request;
}

int
helperSubmit(HelperPool *pool, const char *line, HelperReplyCb *cb, void *data)
{
    if (!pool)
        return -ESHUTDOWN;
    CHECK_OBJ(pool, HELPER_POOL_MAGIC);
    const char *end = strchrnul(line, pool->config.endMark);
    size_t len = (size_t)(end - line);

    int error = *end ? -EINVAL : checkLen(pool, len);
    if (error == 0)
        (void)submit(pool, line, len, cb, data);
    return error;
}

int
helperSubmitLen(HelperPool *pool, const char *line, size_t len,
                HelperReplyCb *cb, void *data, HelperRequest **requestOut)
{
    if (!pool)
        return -ESHUTDOWN;
    CHECK_OBJ(pool, HELPER_POOL_MAGIC);

    int error = helperPoolCheckLine(pool, line, len);
    if (error < 0)
        return error;
    HelperRequest *request = submit(pool, line, len, cb, data);
    if (requestOut)
        *requestOut = request;
    return 0;
}

/* Another process than the one that could not decide, at once; or the same
 * after a rest. */
static void
askAgain(HelperRequest *request, const HelperChannel *from)
{
    HelperPool *pool = request->pool;
    HelperPlaceEntry *entry = NULL;

    pool->retries++;
    if (pool->queued == 0)
        entry = helperPlacePick(&pool->place, &from->place);
    if (entry)
        helperChannelDispatch(PLACED(entry), request, pool->thread->readUs);
    else
        helperQueueRest(request);
}

void
helperPoolReplied(HelperRequest *request, const HelperChannel *from, char *line,
                  size_t len)
{
    HelperPool *pool = request->pool;
    HelperThread *thread = pool->thread;
    HelperReply reply;

    int error = helperProtoParseReply(line, len, thread->scratch,
                                      thread->scratchSize, &reply);
    pool->replies++;
    helperHistogramAdd(&pool->serviceUs, thread->readUs - request->dispatchUs);
    if (helperTraceIsOn(pool))
        helperTraceReply(request, from, reply.result, line, len);
    if (error < 0) {
        debug(DBG_HELPER, 1, "%s #%u (pid %d): answer not used: %s",
              pool->config.name, from->number, (int)from->pid, reply.message);
        reply.result = HELPER_BH;
        reply.source = HELPER_SOURCE_POOL;
        reply.line = NULL;
        reply.lineLen = 0;
        reply.text = "";
        reply.textLen = 0;
    }
    if (reply.result == HELPER_BH && request->kind == HELPER_KIND_LOOKUP &&
        request->attempts < pool->config.attempts)
        askAgain(request, from);
    else if (pool->answers.isUsed && request->kind == HELPER_KIND_LOOKUP)
        helperAnswersGive(request, &reply, line);
    else
        helperRequestFinish(request, &reply);
}

/* Too late for its caller, but the next one may use it. */
void
helperPoolRepliedLate(HelperRequest *request, const HelperChannel *from,
                      char *line, size_t len)
{
    const HelperPool *pool = request->pool;
    const HelperThread *thread = pool->thread;
    HelperReply reply;

    if (pool->answers.cache && request->kind == HELPER_KIND_LOOKUP &&
        helperProtoParseReply(line, len, thread->scratch, thread->scratchSize,
                              &reply) == 0) {
        helperAnswersKeep(request, &reply, line);
        if (helperTraceIsOn(pool))
            helperTraceReply(request, from, reply.result, line, len);
    }
    helperRequestFree(request);
}

void
helperPoolTakeBack(HelperRequest *request, bool counts)
{
    HelperPool *pool = request->pool;
    const char *lost = helperReservedWhyLost(request);

    if (!counts)
        request->attempts--;
    if (pool->closing) {
        helperQueueAnswer(request, HELPER_SHUTDOWN, "the pool is closed");
    } else if (lost) {
        helperQueueAnswer(request, HELPER_UNKNOWN, lost);
    } else if (request->attempts >= pool->config.attempts ||
               (request->tries >= pool->config.attempts &&
                request->tries >= HELPER_RESTART_TRIES_MAX)) {
        helperAnswersFail(request, HELPER_UNKNOWN, pool->trouble);
    } else {
        pool->retries++;
        helperQueuePush(request, true);
    }
}

static void
flushDirty(HelperPool *pool)
{
    ListNode *node;

    while ((node = listFirst(&pool->dirty)))
        helperChannelFlush(LIST_OBJ(node, HelperChannel, dirtyNode));
}

static bool
hasRequests(const HelperPool *pool)
{
    return pool->queued > 0 || pool->inflight > 0 || pool->dueCount > 0;
}

static void
leaveAll(HelperPool *pool)
{
    ListNode *node, *tmp;

    pool->target = 0;
    LIST_FOREACH(&pool->channels, node, tmp)
        helperChannelLeave(CHANNEL(node), HELPER_GONE_STOPPED,
                           "the pool stops");
}

static void
stopTimers(HelperPool *pool)
{
    commTimerCancel(&pool->restTimer);
    commTimerCancel(&pool->startTimer);
    commTimerCancel(&pool->idleTimer);
    commTimerCancel(&pool->drainTimer);
    commTimerCancel(&pool->deadlineTimer);
    commTimerCancel(&pool->reclaimTimer);
    commTimerCancel(&pool->ageTimer);
    commTimerCancel(&pool->probeTimer);
}

/* A stopping pool sends its processes off when the last request is done. */
static void
stopWhenDone(HelperPool *pool)
{
    if (hasRequests(pool))
        return;
    leaveAll(pool);
    stopTimers(pool);
}

static void
onSettle(void *data)
{
    HelperPool *pool = data;
    CHECK_OBJ(pool, HELPER_POOL_MAGIC);

    /* Those answered by the pool meanwhile have their callback in the next
     * round: a caller that asks again at once does not stop the loop. */
    for (unsigned n = pool->dueCount; n > 0 && pool->dueCount > 0; n--) {
        helperQueueCallFirst(pool);
        if (pool->destroyed)
            return;
    }
    if (!pool->closing)
        helperRecruit(pool);
    flushDirty(pool);
    helperRecruitWatchIdle(pool);
    helperRetireWatch(pool);
    helperProbeWatch(pool);
    if (pool->stopping)
        stopWhenDone(pool);
}

/* Give up all requests that are not answered. */
static void
closePool(HelperPool *pool)
{
    pool->closing = true;
    leaveAll(pool);
    helperQueueAnswerAll(pool, HELPER_SHUTDOWN, "the pool is closed");
}

static void
onDrained(void *data)
{
    HelperPool *pool = data;
    CHECK_OBJ(pool, HELPER_POOL_MAGIC);

    pool->drainTimer = NULL;
    closePool(pool);
}

void
helperPoolStop(HelperPool *pool, int drainMs)
{
    CHECK_OBJ(pool, HELPER_POOL_MAGIC);

    pool->stopping = true;
    if (pool->closing)
        return;
    commTimerCancel(&pool->drainTimer);
    if (drainMs > 0)
        pool->drainTimer = commTimerAdd(drainMs, onDrained, pool);
    else
        closePool(pool);
    helperPoolSettle(pool);
}

bool
helperPoolIsStopped(const HelperPool *pool)
{
    return pool->stopping && !hasRequests(pool) && pool->alive == 0 &&
           pool->leaving == 0;
}

static void
freePool(void *ptr)
{
    HelperPool *pool = ptr;

    helperRequestFreeSpare(pool);
    helperAnswersFini(pool);
    helperTraceFini(pool);
    helperTextUnref(&pool->texts, &pool->chunk);
    helperTextFini(&pool->texts);
    helperPlaceFini(&pool->place);
    helperConfigFini(&pool->config);
    free(pool->program);
    CHECK_OBJ_CLEAR(pool);
    free(pool);
}

static void
freeThreadLater(void *ptr)
{
    freeThread(ptr);
}

/* Processes end side by side when all are told before any is waited for. */
static void
releaseAll(const ListNode *list)
{
    ListNode *node, *tmp;

    LIST_FOREACH(list, node, tmp)
        if (!CHANNEL(node)->isDead)
            (void)kill(-CHANNEL(node)->pid, SIGTERM);
    LIST_FOREACH(list, node, tmp)
        helperChannelRelease(CHANNEL(node));
}

void
helperPoolDestroy(HelperPool **pool)
{
    HelperPool *old = *pool;

    if (!old)
        return;
    CHECK_OBJ(old, HELPER_POOL_MAGIC);
    *pool = NULL;
    if (old->destroyed)
        return;
    old->stopping = old->closing = old->destroyed = true;
    stopTimers(old);
    helperRssDestroy(&old->rss);
    commDeferCancel(&old->settle);
    releaseAll(&old->channels);
    releaseAll(&old->leavers);
    helperQueueAnswerAll(old, HELPER_SHUTDOWN, "the pool is closed");
    while (old->dueCount > 0)
        helperQueueCallFirst(old);
    helperTraceEnd(old);
    helperReservedEnd(old);
    listRemove(&old->node);
    commFreeLater(old, freePool);
    if (listIsEmpty(&old->thread->pools)) {
        commFreeLater(old->thread, freeThreadLater);
        thisThread = NULL;
    }
}

HelperPool *
helperPoolLookup(const char *name)
{
    ListNode *node, *tmp;

    if (!thisThread)
        return NULL;
    LIST_FOREACH(&thisThread->pools, node, tmp)
        if (strcmp(POOL(node)->config.name, name) == 0)
            return POOL(node);
    return NULL;
}

void
helperPoolForEach(HelperPoolCb *cb, void *data)
{
    ListNode *node, *tmp;

    if (!thisThread)
        return;
    LIST_FOREACH(&thisThread->pools, node, tmp)
        cb(POOL(node), data);
}
