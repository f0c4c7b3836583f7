/* helper_probe.c: processes are asked a line of the pool's own, to see that
 * they work. Section 84.
 *
 * A new process takes no requests until it has answered; an idle one takes
 * none meanwhile. What they answer is counted nowhere. */
#include "helper_priv.h"

#include <string.h>

#include "check.h"
#include "debug.h"

#define ANSWER_MS 10000 /* for the answer, where requests have no deadline */
#define TICKS 64        /* looks at idle ones in the time between probes */
#define AT_ONCE_MAX 16  /* probes in one of them */

#define CHANNEL_AT(n)                                                          \
    LIST_OBJ(LIST_OBJ(n, HelperPlaceEntry, node), HelperChannel, place)

static HelperReplyCb onNothing;
static CommTimerCb onLate;
static CommTimerCb onTick;

/* Probes end in helperProbeReplied. */
static void
onNothing(const HelperReply *reply, void *data)
{
    (void)reply;
    (void)data;
}

static void
ask(HelperChannel *channel)
{
    HelperPool *pool = channel->pool;
    const char *line = pool->config.probe;
    int ms = pool->config.timeoutMs > 0 ? pool->config.timeoutMs : ANSWER_MS;
    HelperRequest *request = helperRequestCreate(pool, onNothing, NULL);

    listRemove(&request->deadlineNode);
    request->kind = HELPER_KIND_PROBE;
    channel->probe = request;
    channel->probeTimer = commTimerAdd(ms, onLate, channel);
    helperPlaceHold(&pool->place, &channel->place);
    helperChannelAsk(channel, request, line, strlen(line));
}

void
helperProbeStart(HelperChannel *channel)
{
    channel->isUnproven = true;
    channel->pool->unproven++;
    ask(channel);
}

void
helperProbeForget(HelperChannel *channel, bool isOver)
{
    if (channel->isUnproven)
        channel->pool->unproven--;
    channel->isUnproven = false;
    if (!isOver)
        return;
    channel->probe = NULL;
    commTimerCancel(&channel->probeTimer);
}

static void
onLate(void *data)
{
    HelperChannel *channel = data;
    CHECK_OBJ(channel, HELPER_CHANNEL_MAGIC);

    channel->probeTimer = NULL;
    if (channel->state > HELPER_CHANNEL_RETIRING)
        return;
    helperChannelFail(channel, HELPER_GONE_PROBE,
                      channel->hasAnswered
                          ? "no answer to a probe in time"
                          : "no answer to its first probe in time: does it "
                            "flush after each line?");
}

static bool
isResult(const HelperPool *pool, char *line, size_t len)
{
    const HelperThread *thread = pool->thread;
    HelperReply reply;

    return helperProtoParseReply(line, len, thread->scratch,
                                 thread->scratchSize, &reply) >= 0 &&
           reply.result != HELPER_UNKNOWN;
}

/* True when a helper that wants channel-IDs got none: it repeats the first
 * word of the probe, or a number, before its result. */
static bool
hasForeignId(const HelperChannel *channel, char *line, size_t len)
{
    const char *probe = channel->pool->config.probe;
    size_t skip = strcspn(probe, " ");
    uint32_t id;

    if (channel->hasIds)
        return false;
    if (skip == 0 || skip + 1 >= len || memcmp(line, probe, skip) != 0 ||
        line[skip] != ' ')
        skip = helperProtoParseId(line, len, &id);
    else
        skip++;
    return skip > 0 && isResult(channel->pool, line + skip, len - skip);
}

/* What is wrong with an answer, or NULL. */
static const char *
judge(const HelperChannel *channel, char *line, size_t len)
{
    const HelperThread *thread = channel->pool->thread;
    HelperReply reply;

    /* It is parsed twice, and each time a CR would be taken off. */
    while (len > 0 && line[len - 1] == '\r')
        line[--len] = '\0';
    if (hasForeignId(channel, line, len))
        return "it answered the probe with a channel-ID, but got none; is "
               "concurrency= missing?";
    if (helperProtoParseReply(line, len, thread->scratch, thread->scratchSize,
                              &reply) < 0)
        return "its answer to the probe cannot be used";
    return reply.result == HELPER_BH ? "it answered the probe BH" : NULL;
}

void
helperProbeReplied(HelperChannel *channel, HelperRequest *request, char *line,
                   size_t len)
{
    HelperPool *pool = channel->pool;
    bool isServing = helperChannelIsServing(channel);
    const char *wrong = judge(channel, line, len);

    helperRequestFree(request);
    if (wrong && isServing) {
        helperChannelFailForLine(channel, wrong, line, len);
        return;
    }
    helperProbeForget(channel, true);
    if (!isServing)
        return;
    helperChannelAnswered(channel);
    helperPlaceOpen(&pool->place, &channel->place);
    helperPoolSettle(pool);
}

void
helperProbeWatch(HelperPool *pool)
{
    const HelperConfig *config = &pool->config;

    if (config->probe && config->probeMs > 0 && !pool->probeTimer &&
        pool->alive > 0 && !pool->stopping)
        pool->probeTimer =
            commTimerAdd(config->probeMs / TICKS + 1, onTick, pool);
}

/* Idle ones that have not been heard of for long; a few at a time. */
static void
onTick(void *data)
{
    HelperPool *pool = data;
    CHECK_OBJ(pool, HELPER_POOL_MAGIC);
    int64_t before = commNowUs() - pool->config.probeMs * 1000ll;
    unsigned left = AT_ONCE_MAX;
    ListNode *node, *tmp;

    pool->probeTimer = NULL;
    LIST_FOREACH(&pool->place.byLoad[0], node, tmp) {
        HelperChannel *channel = CHANNEL_AT(node);
        if (channel->idleUs > before || channel->probedUs > before)
            continue;
        if (left-- == 0)
            break;
        ask(channel);
    }
    helperProbeWatch(pool);
}
