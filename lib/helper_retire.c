/* helper_retire.c: processes leave when they are worn, replaced first.
 * Section 84.
 *
 * A process that is due waits in worn for its turn, so that few are replaced
 * at a time. Then it is outgoing: it serves, but is not counted, so that
 * another one is started. When that is there it retires: it finishes what it
 * has, and leaves. One that serves a dialog is due when that ends. */
#include "helper_priv.h"

#include "check.h"
#include "debug.h"

#define AT_ONCE_SHARE 8 /* of the processes are replaced at a time, or one */
#define AT_ONCE_MAX 8   /* they leave in one turn of the loop */
#define SPREAD_SHARE 8  /* of a limit by which processes differ */
#define LOOK_AGAIN_US 1000000

#define CHANNEL(n) LIST_OBJ(n, HelperChannel, node)
#define RETIREE(n) LIST_OBJ(n, HelperChannel, retireNode)
#define PLACED(entry) LIST_OBJ(entry, HelperChannel, place)

static CommTimerCb onAge;

/* Each process has another share of the last part, by its number. */
static uint64_t
spread(uint64_t limit, unsigned number)
{
    uint32_t mixed = (uint32_t)number * 2654435761u >> 24;

    return limit - limit / SPREAD_SHARE * mixed / 256;
}

void
helperRetireSetLimits(HelperChannel *channel)
{
    const HelperConfig *config = &channel->pool->config;

    channel->requestsMax = UINT64_MAX;
    channel->ageMaxUs = INT64_MAX;
    if (config->maxRequests > 0)
        channel->requestsMax = spread(config->maxRequests, channel->number);
    if (config->maxAgeMs > 0)
        channel->ageMaxUs =
            (int64_t)spread(config->maxAgeMs * 1000ull, channel->number);
}

void
helperRetireNote(HelperChannel *channel, HelperGone why)
{
    HelperPool *pool = channel->pool;

    if (!listIsEmpty(&channel->retireNode) || !helperChannelIsServing(channel))
        return;
    if (channel->isUnproven) {
        /* It has not begun to work. */
        helperChannelLeave(channel, why, helperGoneName(why));
        return;
    }
    channel->retireWhy = why;
    listPushBack(&pool->worn, &channel->retireNode);
    helperPoolSettle(pool);
}

void
helperRetireForget(HelperChannel *channel)
{
    HelperPool *pool = channel->pool;

    listRemove(&channel->retireNode);
    if (channel->isOutgoing)
        pool->outgoingCount--;
    if (channel->isOutgoing || channel->isRetiring)
        pool->replaced--;
    channel->isOutgoing = channel->isRetiring = false;
}

void
helperRetireBegin(HelperPool *pool)
{
    ListNode *node, *tmp;

    LIST_FOREACH(&pool->worn, node, tmp) {
        HelperChannel *channel = RETIREE(node);
        if (pool->outgoingCount > pool->alive / AT_ONCE_SHARE ||
            pool->outgoingCount >= AT_ONCE_MAX)
            return;
        if (channel->reservation || !helperChannelIsServing(channel))
            continue;
        listRemove(node);
        listPushBack(&pool->outgoing, node);
        channel->isOutgoing = true;
        pool->outgoingCount++;
        pool->replaced++;
    }
}

static void
retire(HelperChannel *channel)
{
    HelperPool *pool = channel->pool;

    helperRetireForget(channel);
    channel->isRetiring = true;
    pool->replaced++;
    listPushBack(&pool->retiring, &channel->retireNode);
    helperChannelRetire(channel);
}

static void
retireReplaced(HelperPool *pool)
{
    ListNode *node, *tmp;

    LIST_FOREACH(&pool->outgoing, node, tmp) {
        HelperChannel *channel = RETIREE(node);
        if (helperChannelIsServing(channel) && !channel->reservation) {
            retire(channel);
            continue;
        }
        /* A dialog has taken it meanwhile; or it is about to end. */
        helperRetireForget(channel);
        listPushBack(&pool->worn, &channel->retireNode);
    }
}

/* After max was lowered. Idle ones first; those of dialogs stay. */
static void
retireSurplus(HelperPool *pool)
{
    HelperPlaceEntry *entry;
    ListNode *node, *tmp;

    while (helperPoolStaff(pool) > pool->config.max &&
           (entry = helperPlaceOldestIdle(&pool->place)))
        helperChannelLeave(PLACED(entry), HELPER_GONE_RECONFIGURED,
                           "more than the maximum");
    LIST_FOREACH(&pool->channels, node, tmp) {
        HelperChannel *channel = CHANNEL(node);
        if (helperPoolStaff(pool) <= pool->config.max)
            return;
        if (channel->isOutgoing || channel->reservation ||
            !helperChannelIsServing(channel))
            continue;
        channel->retireWhy = HELPER_GONE_RECONFIGURED;
        retire(channel);
    }
}

void
helperRetireGo(HelperPool *pool)
{
    ListNode *node, *tmp;

    if (!listIsEmpty(&pool->outgoing) &&
        helperPoolStaff(pool) - pool->unproven >= pool->target)
        retireReplaced(pool);
    if (helperPoolStaff(pool) > pool->config.max)
        retireSurplus(pool);
    LIST_FOREACH(&pool->retiring, node, tmp) {
        HelperChannel *channel = RETIREE(node);
        if (channel->place.load == 0)
            helperChannelLeave(channel, channel->retireWhy,
                               helperGoneName(channel->retireWhy));
    }
}

/* Note those that are too old; how long until the next one is. */
static int64_t
noteOld(HelperPool *pool)
{
    int64_t nowUs = commNowUs();
    int64_t nextUs = LOOK_AGAIN_US;
    bool isNone = true;
    ListNode *node, *tmp;

    LIST_FOREACH(&pool->channels, node, tmp) {
        HelperChannel *channel = CHANNEL(node);
        if (channel->ageMaxUs == INT64_MAX ||
            !listIsEmpty(&channel->retireNode))
            continue;
        int64_t leftUs = channel->startedUs + channel->ageMaxUs - nowUs;
        if (leftUs <= 0) {
            helperRetireNote(channel, HELPER_GONE_AGE);
        } else if (isNone || leftUs < nextUs) {
            nextUs = leftUs;
            isNone = false;
        }
    }
    return nextUs;
}

void
helperRetireWatch(HelperPool *pool)
{
    if (pool->config.maxAgeMs == 0 || pool->ageTimer || pool->alive == 0 ||
        pool->stopping)
        return;
    pool->ageTimer = commTimerAdd((noteOld(pool) + 999) / 1000, onAge, pool);
}

static void
onAge(void *data)
{
    HelperPool *pool = data;
    CHECK_OBJ(pool, HELPER_POOL_MAGIC);

    pool->ageTimer = NULL;
    helperRetireWatch(pool);
}

void
helperRetireReset(HelperPool *pool)
{
    ListNode *node, *tmp;

    commTimerCancel(&pool->ageTimer);
    LIST_FOREACH(&pool->channels, node, tmp) {
        HelperChannel *channel = CHANNEL(node);
        helperRetireSetLimits(channel);
        if (channel->requests >= channel->requestsMax)
            helperRetireNote(channel, HELPER_GONE_REQUESTS);
    }
}
