/* helper_reconfigure.c: a pool goes on with another configuration. Section
 * 84. */
#include "helper_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "debug.h"

#define CHANNEL(n) LIST_OBJ(n, HelperChannel, node)

/* A program that is another one has a fresh history: the back-off was for
 * the old one. */
static void
setRestart(HelperPool *pool, bool isOther)
{
    const HelperConfig *config = &pool->config;
    HelperRestart old = pool->restart;

    helperRestartInit(&pool->restart, config->restartMinMs * 1000ll,
                      config->restartMaxMs * 1000ll, config->attempts);
    if (isOther)
        return;
    pool->restart.hasWorked = old.hasWorked;
    pool->restart.spent = old.spent;
    pool->restart.failures = old.failures;
    pool->restart.notStarted = old.notStarted;
    pool->restart.failedUs = old.failedUs;
    pool->restart.notBeforeUs = old.notBeforeUs;
}

/* Where processes failed without an answer, one that has not answered yet is
 * not worth a request more. */
static bool
isUseless(const HelperChannel *channel, bool inTrouble)
{
    return inTrouble && channel->replies == 0 && !channel->reservation;
}

static void
replaceAll(HelperPool *pool, bool inTrouble)
{
    ListNode *node, *tmp;

    debug(DBG_HELPER, 1, "%s: %u processes are replaced: %s", pool->config.name,
          pool->alive, pool->program);
    LIST_FOREACH(&pool->channels, node, tmp) {
        HelperChannel *channel = CHANNEL(node);
        if (isUseless(channel, inTrouble) && helperChannelIsServing(channel))
            helperChannelLeave(channel, HELPER_GONE_RECONFIGURED,
                               "replaced, and has never answered");
        else
            helperRetireNote(channel, HELPER_GONE_RECONFIGURED);
    }
}

/* What depends on the program, beside its processes: answers of another one
 * are not kept. */
static void
setProgram(HelperPool *pool, bool isOther)
{
    helperAnswersReconfigure(pool, isOther);
    helperTraceReconfigure(pool);
    if (!isOther)
        return;
    pool->hasNoAhead = false;
    free(pool->program);
    pool->program = helperConfigProgram(&pool->config);
}

static void
setSize(HelperPool *pool)
{
    const HelperConfig *config = &pool->config;
    ListNode *node, *tmp;

    if (pool->target > config->max)
        pool->target = config->max;
    if (pool->target < config->startup)
        pool->target = config->startup;
    helperPlaceSetLimit(&pool->place, helperConfigShare(config));
    helperPoolGrowBuffers(pool->thread, config->replyMax);
    LIST_FOREACH(&pool->channels, node, tmp)
        CHANNEL(node)->partial.max = config->replyMax;
    commTimerCancel(&pool->idleTimer);
    commTimerCancel(&pool->probeTimer);
}

/* Let copy be the configuration; *oldOut is what was. The name stays the old
 * one: others borrow it. */
static void
exchange(HelperPool *pool, HelperConfig *copy, HelperConfig *oldOut)
{
    const char *name = copy->name;

    copy->name = pool->config.name;
    *oldOut = pool->config;
    oldOut->name = name;
    helperQueueRearm(pool, copy->timeoutMs);
    pool->config = *copy;
}

int
helperPoolReconfigure(HelperPool *pool, const HelperConfig *config)
{
    HelperConfig copy, old;

    if (!pool || pool->stopping)
        return -ESHUTDOWN;
    CHECK_OBJ(pool, HELPER_POOL_MAGIC);
    int error = helperConfigCopy(config, &copy);
    if (error < 0)
        return error;
    /* Requests that wait were taken for the endMark there is. */
    if (strcmp(copy.name, pool->config.name) != 0 ||
        copy.endMark != pool->config.endMark) {
        helperConfigFini(&copy);
        return -EINVAL;
    }
    exchange(pool, &copy, &old);
    bool isOther = helperConfigIsOther(&old, &pool->config);
    bool inTrouble = pool->restart.failures > 0;
    setSize(pool);
    setRestart(pool, isOther);
    helperRetireReset(pool);
    setProgram(pool, !helperConfigIsSameProgram(&old, &pool->config));
    if (isOther)
        replaceAll(pool, inTrouble);
    helperConfigFini(&old);
    helperPoolSettle(pool);
    return 0;
}
