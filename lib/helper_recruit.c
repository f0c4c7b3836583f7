/* helper_recruit.c: how many processes a pool has, and when they start.
 * Section 84. */
#include "helper_priv.h"

#include <errno.h>
#include <signal.h>

#include "check.h"
#include "debug.h"

#define START_BUDGET_US 1000 /* spent on starts in one turn of the loop */
#define START_PAUSE 2        /* times that, before the next start */
#define LOOK_US 2000         /* until requests that wait are seen again */
#define LEAVERS_MAX 16       /* beyond max, before starts wait for them */

#define REQUEST(n) LIST_OBJ(n, HelperRequest, node)
#define PLACED(entry) LIST_OBJ(entry, HelperChannel, place)

static CommTimerCb onMayStart;
static CommTimerCb onIdle;

static void
startLater(HelperPool *pool, int64_t us)
{
    commTimerCancel(&pool->startTimer);
    pool->startTimer = commTimerAdd((us + 999) / 1000, onMayStart, pool);
}

void
helperRecruitPlace(HelperPool *pool)
{
    int64_t nowUs = commNowUs();
    HelperPlaceEntry *entry;
    ListNode *node;

    while ((node = listFirst(&pool->queue)) &&
           (entry = helperPlacePick(&pool->place, NULL))) {
        bool isDialog = REQUEST(node)->kind == HELPER_KIND_DIALOG;
        /* Those behind it wait too, so that a process comes to rest. */
        if (isDialog && entry->load > 0)
            return;
        HelperRequest *request = helperQueuePop(pool);
        if (isDialog)
            helperReservedBind(request, PLACED(entry));
        helperChannelDispatch(PLACED(entry), request, nowUs);
    }
}

/* True when fewer processes live than are wanted. A request that cannot be
 * placed makes the pool want more. */
static bool
needsProcess(HelperPool *pool)
{
    const HelperConfig *config = &pool->config;
    unsigned staff = helperPoolStaff(pool);
    /* Those that are not proven yet will take their share. */
    uint64_t soon = (uint64_t)pool->unproven * pool->place.limit;

    bool isShort = !listIsEmpty(&pool->queue) && staff >= pool->target &&
                   staff < config->max && pool->queued > soon;

    if (isShort && helperAheadIsAwaited(pool)) {
        if (!pool->startTimer)
            startLater(pool, LOOK_US);
    } else if (isShort) {
        unsigned room = config->max - staff;
        pool->target = staff + (config->idle < room ? config->idle : room);
    }
    if (pool->stopping && listIsEmpty(&pool->queue))
        return false;
    return staff < pool->target;
}

static void
onMayStart(void *data)
{
    HelperPool *pool = data;
    CHECK_OBJ(pool, HELPER_POOL_MAGIC);

    pool->startTimer = NULL;
    helperPoolSettle(pool);
}

/*
 * True when a process may be started now; else the pool looks again later.
 * All pools of a thread share what a turn has for starts. The pause is for
 * the new processes: a start waits for its child, and that one for its turn
 * on a processor, which comes late when many are still getting up.
 */
static bool
mayStart(HelperPool *pool)
{
    HelperThread *thread = pool->thread;
    int64_t nowUs = commNowUs();
    int64_t waitUs = helperRestartWait(&pool->restart, nowUs);

    if (thread->turnUs != nowUs) {
        thread->turnUs = nowUs;
        thread->startUs = 0;
    }
    if (waitUs > 0)
        startLater(pool, waitUs);
    else if (thread->startUs >= START_BUDGET_US)
        startLater(pool, thread->startUs * START_PAUSE);
    else
        return pool->leaving < pool->config.max + LEAVERS_MAX;
    return false;
}

/* One that ended in its first moments, before its program began, was killed
 * by others. */
static void
noteFailedStart(HelperPool *pool, int error, int64_t nowUs)
{
    const HelperDeath killed = {.startedUs = nowUs, .waitStatus = SIGKILL};

    helperPoolNoteTrouble(pool, "cannot start %s: %s", pool->program,
                          ipcErrorText(error));
    if (error == EPROTO)
        helperRestartDied(&pool->restart, &killed, nowUs);
    else
        helperRestartFailed(&pool->restart, nowUs);
    debug(DBG_HELPER, 1, "%s: %s; next try in %lld ms", pool->config.name,
          pool->trouble,
          (long long)helperRestartWait(&pool->restart, nowUs) / 1000);
}

static void
startOne(HelperPool *pool)
{
    int64_t nowUs = commNowUs();
    int64_t clockUs = commClockUs();

    if (helperChannelStart(pool))
        helperRestartStarted(&pool->restart, nowUs);
    else
        noteFailedStart(pool, errno, nowUs);
    pool->thread->startUs += commClockUs() - clockUs;
}

void
helperRecruit(HelperPool *pool)
{
    helperRecruitPlace(pool);
    helperRetireBegin(pool);
    while (needsProcess(pool) && mayStart(pool)) {
        startOne(pool);
        helperRecruitPlace(pool);
    }
    helperRetireGo(pool);
    helperReservedReclaim(pool);
    if (pool->alive == 0 && helperRestartIsHopeless(&pool->restart) &&
        helperRestartWait(&pool->restart, commNowUs()) > 0)
        helperQueueAnswerAll(pool, HELPER_UNKNOWN, pool->trouble);
}

/* Processes of dialogs are no surplus, nor ready for the next request. */
static bool
hasSurplus(const HelperPool *pool)
{
    const HelperConfig *config = &pool->config;

    unsigned staff = helperPoolStaff(pool);

    return staff > config->startup && staff > pool->reserved + config->idle;
}

void
helperRecruitWatchIdle(HelperPool *pool)
{
    unsigned ms = pool->config.idleMs;

    if (ms > 0 && !pool->idleTimer && hasSurplus(pool))
        pool->idleTimer = commTimerAdd(ms / 4 + 1, onIdle, pool);
}

/* Let go of processes that have had no work for long. */
static void
onIdle(void *data)
{
    HelperPool *pool = data;
    CHECK_OBJ(pool, HELPER_POOL_MAGIC);
    int64_t before = commNowUs() - pool->config.idleMs * 1000ll;
    const ListNode *idle = &pool->place.byLoad[0];
    ListNode *node = idle->prev;

    pool->idleTimer = NULL;
    /* Oldest first, nearly: a probe puts a process to the end. */
    while (node != idle && hasSurplus(pool)) {
        HelperChannel *channel = PLACED(LIST_OBJ(node, HelperPlaceEntry, node));
        node = node->prev;
        if (channel->idleUs > before)
            continue;
        helperChannelLeave(channel, HELPER_GONE_IDLE, "no work for it");
        pool->target = helperPoolStaff(pool);
    }
    helperRecruitWatchIdle(pool);
}
