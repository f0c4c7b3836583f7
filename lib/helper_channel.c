/* helper_channel.c: the life of one process of a pool. Section 84. */
#include "helper_priv.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "debug.h"
#include "fd.h"
#include "xalloc.h"

#define LOST_MS 50     /* from the end of its output to its own end */
#define MISSED_MAX 3   /* overdue answers in a row */
#define LAST_WORDS 400 /* octets of its stderr in the report */

#define REQUEST(n) LIST_OBJ(n, HelperRequest, node)
#define BIT(state) (1u << (state))

static const char *const stateNames[HELPER_CHANNEL_STATE_COUNT] = {
    [HELPER_CHANNEL_STARTING] = "starting",
    [HELPER_CHANNEL_READY] = "ready",
    [HELPER_CHANNEL_RETIRING] = "retiring",
    [HELPER_CHANNEL_LOST] = "lost",
    [HELPER_CHANNEL_LEAVING] = "leaving",
    [HELPER_CHANNEL_TERMINATED] = "terminated",
    [HELPER_CHANNEL_KILLED] = "killed",
    [HELPER_CHANNEL_ENDED] = "ended",
};

#define ON_THE_WAY_OUT                                                         \
    (BIT(HELPER_CHANNEL_LEAVING) | BIT(HELPER_CHANNEL_TERMINATED) |            \
     BIT(HELPER_CHANNEL_ENDED))

/* The states that may follow each state. */
static const unsigned legalNext[HELPER_CHANNEL_STATE_COUNT] = {
    [HELPER_CHANNEL_STARTING] = BIT(HELPER_CHANNEL_READY) |
                                BIT(HELPER_CHANNEL_RETIRING) |
                                BIT(HELPER_CHANNEL_LOST) | ON_THE_WAY_OUT,
    [HELPER_CHANNEL_READY] = BIT(HELPER_CHANNEL_RETIRING) |
                             BIT(HELPER_CHANNEL_LOST) | ON_THE_WAY_OUT,
    [HELPER_CHANNEL_RETIRING] = BIT(HELPER_CHANNEL_LOST) | ON_THE_WAY_OUT,
    [HELPER_CHANNEL_LOST] = ON_THE_WAY_OUT,
    [HELPER_CHANNEL_LEAVING] =
        BIT(HELPER_CHANNEL_TERMINATED) | BIT(HELPER_CHANNEL_ENDED),
    [HELPER_CHANNEL_TERMINATED] =
        BIT(HELPER_CHANNEL_KILLED) | BIT(HELPER_CHANNEL_ENDED),
    [HELPER_CHANNEL_KILLED] = BIT(HELPER_CHANNEL_ENDED),
};

static CommPidCb onExit;
static CommTimerCb onStep;

static void
setState(HelperChannel *channel, HelperChannelState next, const char *why)
{
    CHECK(legalNext[channel->state] & BIT(next));
    debug(DBG_HELPER, 3, "%s #%u (pid %d): %s -> %s: %s",
          channel->pool->config.name, channel->number, (int)channel->pid,
          stateNames[channel->state], stateNames[next], why);
    channel->state = next;
}

const char *
helperChannelStateName(HelperChannelState state)
{
    return stateNames[state];
}

static bool
isAlive(const HelperChannel *channel)
{
    return channel->state <= HELPER_CHANNEL_LOST;
}

/* What ipc gives for one process. */
typedef struct Started {
    pid_t pid;
    int readFd, writeFd, errFd;
} Started;

static int
spawnProcess(const HelperConfig *config, Started *started)
{
    const char **env = helperEnvCreate(config);
    IpcAttr attr = config->attr;
    void *handle = NULL;

    attr.env = env;
    started->pid = ipcCreateAttr(config->ipcType, config->argv[0], config->argv,
                                 config->name, &attr, &started->readFd,
                                 &started->writeFd, &handle);
    int error = errno;
    free(env);
    if (started->pid < 0)
        return -error;
    IpcChild *child = handle;
    started->errFd = ipcChildTakeStderr(child);
    ipcChildDestroy(&child);
    return 0;
}

/* Hand the descriptors to the loop. On failure some of them are closed, and
 * those are -1. */
static int
openFds(const HelperConfig *config, Started *started)
{
    bool isOne = started->writeFd == started->readFd;

    int error = commOpen(started->readFd, config->name);
    if (error < 0) {
        started->readFd = -1;
        if (isOne)
            started->writeFd = -1;
        return error;
    }
    if (isOne)
        return 0;
    error = commOpen(started->writeFd, config->name);
    if (error < 0)
        started->writeFd = -1;
    return error;
}

static HelperChannel *
createChannel(HelperPool *pool, const Started *started)
{
    HelperChannel *channel = xcalloc(1, sizeof(*channel));

    channel->magic = HELPER_CHANNEL_MAGIC;
    channel->state = HELPER_CHANNEL_STARTING;
    channel->pool = pool;
    channel->number = ++pool->lastNumber;
    channel->pid = started->pid;
    channel->readFd = started->readFd;
    channel->writeFd = started->writeFd;
    channel->startedUs = channel->idleUs = commNowUs();
    listInit(&channel->inflight);
    listInit(&channel->dirtyNode);
    listInit(&channel->retireNode);
    channel->hasIds = pool->config.concurrency > 0;
    helperRetireSetLimits(channel);
    bufInit(&channel->partial, pool->config.replyMax);
    return channel;
}

HelperChannel *
helperChannelStart(HelperPool *pool)
{
    Started started;
    HelperChannel *channel;

    int error = spawnProcess(&pool->config, &started);
    if (error < 0) {
        errno = -error;
        return NULL;
    }
    channel = createChannel(pool, &started);
    channel->watch = commWatchPid(started.pid, onExit, channel);
    error = channel->watch ? openFds(&pool->config, &started) : -errno;
    if (error < 0)
        goto fail;
    commNote(started.readFd, "%s #%u", pool->config.name, channel->number);
    helperStderrOpen(&channel->err, started.errFd, pool->config.name,
                     channel->number, channel->pid);
    helperChannelListen(channel);
    listPushBack(&pool->channels, &channel->node);
    pool->alive++;
    helperPlaceOpen(&pool->place, &channel->place);
    helperAheadStart(channel);
    if (pool->config.probe)
        helperProbeStart(channel);
    debug(DBG_HELPER, 2, "%s #%u (pid %d) started: %s", pool->config.name,
          channel->number, (int)channel->pid, pool->program);
    helperEventRaise(pool, channel, HELPER_EVENT_START, "%s", pool->program);
    return channel;

fail:
    fdClosep(&started.errFd);
    commWatchPidCancel(&channel->watch);
    ipcClose(started.pid, started.readFd, started.writeFd);
    CHECK_OBJ_CLEAR(channel);
    free(channel);
    errno = -error;
    return NULL;
}

static void
closeFds(HelperChannel *channel)
{
    int readFd = channel->readFd;
    int writeFd = channel->writeFd;

    channel->readFd = channel->writeFd = -1;
    helperChannelDropOutput(channel);
    listRemove(&channel->dirtyNode);
    bufFini(&channel->partial);
    if (readFd >= 0)
        commClose(readFd);
    if (writeFd >= 0 && writeFd != readFd)
        commClose(writeFd);
}

/* True when it may be this request that a process died of. Without
 * channel-IDs it has been working on its first. */
static bool
isSuspect(const HelperChannel *channel, const HelperRequest *request)
{
    if (!helperChannelHasBegun(channel, request))
        return false;
    return channel->hasIds || listFirst(&channel->inflight) == &request->node;
}

/* All its requests go back to the pool, in their order. Nothing is written
 * or read any more. */
static void
giveBack(HelperChannel *channel, bool counts, const char *why)
{
    helperPlaceClose(&channel->pool->place, &channel->place);
    helperReservedGone(channel, why);
    helperProbeForget(channel, true);
    helperAheadReset(channel);
    closeFds(channel);
    while (!listIsEmpty(&channel->inflight)) {
        HelperRequest *request = REQUEST(channel->inflight.prev);
        bool isWanted = request->state != HELPER_REQUEST_ABANDONED &&
                        request->kind != HELPER_KIND_PROBE;
        bool isBlamed = counts && isSuspect(channel, request);
        helperChannelDetach(channel, request);
        if (isWanted)
            helperPoolTakeBack(request, isBlamed);
        else
            helperRequestFree(request);
    }
}

static void
stepTo(HelperChannel *channel, HelperChannelState next, const char *why)
{
    HelperPool *pool = channel->pool;
    bool wasAlive = isAlive(channel);

    setState(channel, next, why);
    commTimerCancel(&channel->timer);
    helperPlaceClose(&pool->place, &channel->place);
    helperProbeForget(channel, false);
    if (wasAlive && next >= HELPER_CHANNEL_LEAVING) {
        helperRetireForget(channel);
        listRemove(&channel->node);
        listPushBack(&pool->leavers, &channel->node);
        pool->alive--;
        pool->leaving++;
    }
}

static void
signalGroup(const HelperChannel *channel, int signo)
{
    /* The process leads its group; until reaped, its number stays its own. */
    if (!channel->isDead)
        (void)kill(-channel->pid, signo);
}

static void
terminate(HelperChannel *channel, const char *why)
{
    stepTo(channel, HELPER_CHANNEL_TERMINATED, why);
    signalGroup(channel, SIGTERM);
    channel->timer =
        commTimerAdd(channel->pool->config.graceMs, onStep, channel);
}

static void
releaseChannel(void *ptr)
{
    HelperChannel *channel = ptr;

    CHECK_OBJ_CLEAR(channel);
    free(channel->byId);
    free(channel);
}

/* The end of every channel. */
static void
endChannel(HelperChannel *channel, const char *why)
{
    HelperPool *pool = channel->pool;

    stepTo(channel, HELPER_CHANNEL_ENDED, why);
    listRemove(&channel->node);
    pool->leaving--;
    giveBack(channel, true, why);
    helperStderrClose(&channel->err);
    commWatchPidCancel(&channel->watch);
    commFreeLater(channel, releaseChannel);
    helperPoolSettle(pool);
}

/* True when it has begun a request, which it may have ended of. */
static bool
isAtWork(const HelperChannel *channel)
{
    ListNode *first = channel->inflight.next;

    return first != &channel->inflight &&
           helperChannelHasBegun(channel, REQUEST(first));
}

static void
noteDeath(HelperChannel *channel, HelperGone reason, const int *waitStatus,
          HelperDeath *out)
{
    *out = (HelperDeath){
        .startedUs = channel->startedUs,
        .answered = channel->hasAnswered,
        .atWork = reason != HELPER_GONE_TIMEOUT && isAtWork(channel),
        .byUs = !waitStatus,
        .waitStatus = waitStatus ? *waitStatus : 0,
    };
    helperRestartDied(&channel->pool->restart, out, commNowUs());
    channel->pool->restarts++;
    channel->pool->gone[reason]++;
}

void
helperChannelFail(HelperChannel *channel, HelperGone reason, const char *why)
{
    HelperPool *pool = channel->pool;
    HelperDeath death;

    debug(DBG_HELPER, 1,
          "%s #%u (pid %d) is put down: %s; after %llu answers, with %u "
          "requests",
          pool->config.name, channel->number, (int)channel->pid, why,
          (unsigned long long)channel->replies, channel->place.load);
    helperEventRaise(pool, channel, HELPER_EVENT_FAIL, "%s", why);
    helperPoolNoteTrouble(pool, "%s: %s", pool->program, why);
    noteDeath(channel, reason, NULL, &death);
    terminate(channel, why);
    giveBack(channel, true, why);
    helperPoolSettle(pool);
}

void
helperChannelLose(HelperChannel *channel, const char *why)
{
    if (!isAlive(channel) || channel->state == HELPER_CHANNEL_LOST)
        return;
    stepTo(channel, HELPER_CHANNEL_LOST, why);
    channel->timer = commTimerAdd(LOST_MS, onStep, channel);
}

void
helperChannelLeave(HelperChannel *channel, HelperGone reason, const char *why)
{
    channel->pool->gone[reason]++;
    stepTo(channel, HELPER_CHANNEL_LEAVING, why);
    giveBack(channel, false, why);
    channel->timer =
        commTimerAdd(channel->pool->config.graceMs, onStep, channel);
}

void
helperChannelRetire(HelperChannel *channel)
{
    stepTo(channel, HELPER_CHANNEL_RETIRING,
           helperGoneName(channel->retireWhy));
}

void
helperChannelRelease(HelperChannel *channel)
{
    pid_t pid = channel->pid;
    bool isDead = channel->isDead;

    endChannel(channel, "the pool is destroyed");
    if (!isDead)
        ipcClose(pid, -1, -1);
}

static void
failOverdue(HelperChannel *channel, const char *what)
{
    char why[128];

    snprintf(why, sizeof(why), "%s%s", what,
             channel->hasAnswered
                 ? ""
                 : " (it never answered: does it flush after each line?)");
    helperChannelFail(channel, HELPER_GONE_TIMEOUT, why);
}

void
helperChannelFailLate(HelperChannel *channel)
{
    failOverdue(channel, "no answer in time");
}

bool
helperChannelIsServing(const HelperChannel *channel)
{
    return channel->state <= HELPER_CHANNEL_READY;
}

void
helperChannelMissed(HelperChannel *channel)
{
    channel->missed++;
    channel->overdue++;
    if (!isAlive(channel) || channel->state == HELPER_CHANNEL_LOST)
        return;
    if (!channel->hasIds)
        failOverdue(channel, "no answer in time");
    else if (channel->missed >= MISSED_MAX)
        failOverdue(channel, "too many answers in a row overdue");
    else if (channel->overdue * 2 > channel->place.limit)
        failOverdue(channel, "more than half of its answers overdue");
}

void
helperChannelAnswered(HelperChannel *channel)
{
    if (channel->hasAnswered)
        return;
    channel->hasAnswered = true;
    helperRestartWorked(&channel->pool->restart, channel->startedUs);
    if (channel->state == HELPER_CHANNEL_STARTING)
        setState(channel, HELPER_CHANNEL_READY, "first answer");
}

static void
onStep(void *data)
{
    HelperChannel *channel = data;
    CHECK_OBJ(channel, HELPER_CHANNEL_MAGIC);

    channel->timer = NULL;
    switch (channel->state) {
    case HELPER_CHANNEL_LOST:
        helperChannelFail(channel, HELPER_GONE_EXIT,
                          "closed its output, but did not end");
        break;
    case HELPER_CHANNEL_LEAVING:
        terminate(channel, "still there after EOF");
        break;
    default:
        stepTo(channel, HELPER_CHANNEL_KILLED, "still there after SIGTERM");
        signalGroup(channel, SIGKILL);
    }
}

static void
describeEnd(int status, char *out, size_t size)
{
    if (WIFEXITED(status))
        snprintf(out, size, "exited with status %d", WEXITSTATUS(status));
    else if (WIFSIGNALED(status))
        snprintf(out, size, "killed by SIG%s",
                 sigabbrev_np(WTERMSIG(status)) ? sigabbrev_np(WTERMSIG(status))
                                                : "?");
    else
        snprintf(out, size, "ended in an unknown way");
}

/* What the end of a process that never answered may come from. */
static const char *
explainEnd(const HelperChannel *channel, int status)
{
    bool isRefused = WIFEXITED(status) &&
                     (WEXITSTATUS(status) == 126 || WEXITSTATUS(status) == 127);

    if (!isRefused || channel->hasAnswered ||
        channel->pool->config.attr.filter == IPC_FILTER_NONE)
        return "";
    return " (the syscall-filter lets it start no program, nor does "
           "\"#!/usr/bin/env\": name the interpreter before the script, as "
           "in \"python3 script\", or in its first line)";
}

/* Say in the log how a process ended that was not asked to. */
static void
reportEnd(HelperChannel *channel, const HelperDeath *death)
{
    const HelperPool *pool = channel->pool;
    unsigned load = channel->place.load;
    bool isOrderly = load == 0 && helperRestartIsBlameless(death) &&
                     WIFEXITED(death->waitStatus);
    char how[64], words[LAST_WORDS];

    describeEnd(death->waitStatus, how, sizeof(how));
    helperPoolNoteTrouble(channel->pool, "%s: %s", pool->program, how);
    helperStderrDrain(&channel->err);
    helperStderrLast(&channel->err, words, sizeof(words));
    debug(DBG_HELPER, isOrderly ? 2 : 1,
          "%s #%u (pid %d) %s%s; after %llu answers, with %u requests%s%s",
          pool->config.name, channel->number, (int)channel->pid, how,
          explainEnd(channel, death->waitStatus),
          (unsigned long long)channel->replies, load,
          words[0] ? "; it last said: " : "", words);
    helperEventRaise(pool, channel, HELPER_EVENT_EXIT, "%s%s%s", how,
                     words[0] ? "; it last said: " : "", words);
}

/* A process has ended by itself, or was killed by others. */
static void
bury(HelperChannel *channel, int status)
{
    bool isSignal = status != HELPER_STATUS_UNKNOWN && WIFSIGNALED(status);
    HelperDeath death;

    noteDeath(channel, isSignal ? HELPER_GONE_SIGNAL : HELPER_GONE_EXIT,
              &status, &death);
    reportEnd(channel, &death);
    giveBack(channel, !helperRestartIsBlameless(&death),
             channel->pool->trouble);
    endChannel(channel, "it ended");
}

/* A process has ended that was asked to. */
static void
takeLeave(HelperChannel *channel, int status)
{
    char how[64];

    describeEnd(status, how, sizeof(how));
    helperEventRaise(channel->pool, channel, HELPER_EVENT_EXIT, "%s, as asked",
                     how);
    endChannel(channel, "it ended as asked");
}

static void
onExit(pid_t pid, int status, void *data)
{
    HelperChannel *channel = data;
    CHECK_OBJ(channel, HELPER_CHANNEL_MAGIC);

    (void)pid;
    channel->watch = NULL;
    channel->isDead = true;
    if (isAlive(channel))
        helperChannelReadRest(channel);
    if (isAlive(channel))
        bury(channel, status);
    else if (channel->state != HELPER_CHANNEL_ENDED)
        takeLeave(channel, status);
}
