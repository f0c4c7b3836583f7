/*
 * helper_ahead.c: lines sent ahead to processes without channel-IDs. Section
 * 84.
 *
 * Such a process answers one line by one line, in order; most read a stream
 * and could be given the next lines while they work on the first. But some
 * take one line for each read() and drop what came with it, and a line ahead
 * waits where another process might be free. So a process has to earn it:
 *
 *     proving    so many lines, one at a time, answered right and quickly
 *     trying     some times two lines in one write, and no more until both
 *                are answered: a third might be answered as the second
 *     trusted    as many lines as it answers in AHEAD_BUDGET_US
 *
 * and one slow answer sends it back to proving. When the second line of a
 * trial is not answered, no process of this program gets lines ahead again.
 */
#include "helper_priv.h"

#include "check.h"
#include "debug.h"

#define PROOF_LINES 64      /* quick ones, one at a time */
#define TRIALS 4            /* then two in one write */
#define PROOF_WAIT_US 20000 /* requests wait for it, then others start */
#define TRIAL_MS 250        /* for the second answer */
#define AHEAD_BUDGET_US 250 /* the last of the lines ahead waits so long */
#define SLOW_US 2000        /* an answer that took so long is no quick one */
#define PACE_SHIFT 4        /* an answer weighs 1/16 */

#define REQUEST(n) LIST_OBJ(n, HelperRequest, node)

static CommTimerCb onTrialLate;

static void
setLines(HelperChannel *channel, unsigned lines)
{
    if (channel->place.limit != lines)
        helperPlaceSetEntryLimit(&channel->pool->place, &channel->place, lines);
}

void
helperAheadStart(HelperChannel *channel)
{
    HelperPool *pool = channel->pool;

    channel->ahead.isFirstProof =
        !channel->hasIds && pool->config.pipeline > 1 && !pool->hasNoAhead;
    pool->proving += channel->ahead.isFirstProof;
}

static void
endFirstProof(HelperChannel *channel)
{
    channel->pool->proving -= channel->ahead.isFirstProof;
    channel->ahead.isFirstProof = false;
}

void
helperAheadReset(HelperChannel *channel)
{
    HelperAhead *ahead = &channel->ahead;

    endFirstProof(channel);
    commTimerCancel(&ahead->timer);
    *ahead = (HelperAhead){.answeredUs = ahead->answeredUs};
    setLines(channel, 1);
}

/* It may have as many lines as it answers soon. */
static void
followPace(HelperChannel *channel)
{
    unsigned max = channel->pool->config.pipeline;
    uint32_t each = channel->ahead.paceUs >> PACE_SHIFT;
    uint32_t lines = AHEAD_BUDGET_US / (each + 1);

    setLines(channel, lines < 1 ? 1 : lines > max ? max : (unsigned)lines);
}

static void
passTrial(HelperChannel *channel)
{
    HelperAhead *ahead = &channel->ahead;

    ahead->trialEnd = 0;
    commTimerCancel(&ahead->timer);
    if (++ahead->trials < TRIALS)
        return;
    endFirstProof(channel);
    debug(DBG_HELPER, 3, "%s #%u (pid %d) takes lines ahead",
          channel->pool->config.name, channel->number, (int)channel->pid);
}

/* What one line took the process: from its arrival there, or from the answer
 * before it. */
static int64_t
lineUs(const HelperChannel *channel, const HelperRequest *request)
{
    int64_t nowUs = channel->pool->thread->readUs;
    int64_t since = request->dispatchUs > channel->ahead.answeredUs
                        ? request->dispatchUs
                        : channel->ahead.answeredUs;

    return nowUs - since;
}

void
helperAheadAnswered(HelperChannel *channel, const HelperRequest *request)
{
    HelperAhead *ahead = &channel->ahead;
    int64_t us = lineUs(channel, request);

    ahead->answeredUs = channel->pool->thread->readUs;
    if (ahead->trialEnd && request->wireEnd == ahead->trialEnd)
        passTrial(channel);
    if (us >= SLOW_US) {
        /* A trial goes on: its second line may be lost. */
        if (!ahead->trialEnd)
            helperAheadReset(channel);
        return;
    }
    ahead->paceUs += (uint32_t)us - (ahead->paceUs >> PACE_SHIFT);
    if (ahead->proof < PROOF_LINES)
        ahead->proof++;
    else if (ahead->trials == TRIALS)
        followPace(channel);
    else if (!channel->pool->hasNoAhead && channel->place.load == 0)
        setLines(channel, 2);
}

void
helperAheadWritten(HelperChannel *channel, uint64_t from)
{
    HelperAhead *ahead = &channel->ahead;
    ListNode *first = listFirst(&channel->inflight);
    ListNode *last = channel->inflight.prev;

    if (ahead->trials == TRIALS)
        return;
    setLines(channel, 1);
    if (ahead->trialEnd || !first || first->next != last ||
        channel->written < channel->sent)
        return;
    const HelperRequest *request = REQUEST(first);
    if (request->wireEnd - request->textLen < from)
        return;
    ahead->trialEnd = REQUEST(last)->wireEnd;
    ahead->timer = commTimerAdd(TRIAL_MS, onTrialLate, channel);
}

bool
helperAheadIsAwaited(HelperPool *pool)
{
    ListNode *first = listFirst(&pool->queue);

    return pool->proving > 0 && first &&
           commNowUs() - REQUEST(first)->submitUs < PROOF_WAIT_US;
}

/* The process may be slow with the first of the two, or has lost the
 * second. */
static void
onTrialLate(void *data)
{
    HelperChannel *channel = data;
    CHECK_OBJ(channel, HELPER_CHANNEL_MAGIC);
    HelperAhead *ahead = &channel->ahead;
    HelperPool *pool = channel->pool;

    ahead->timer = NULL;
    const HelperRequest *first = REQUEST(listFirst(&channel->inflight));
    if (first->wireEnd != ahead->trialEnd) {
        ahead->timer = commTimerAdd(TRIAL_MS, onTrialLate, channel);
        return;
    }
    pool->hasNoAhead = true;
    debug(DBG_HELPER, 1,
          "%s #%u (pid %d) answered one of two lines: it is replaced, and "
          "each process gets a line at a time from now on",
          pool->config.name, channel->number, (int)channel->pid);
    helperChannelLeave(channel, HELPER_GONE_PIPELINE,
                       "it lost a line that came with another");
}
