/* helper_restart.c: when may a pool start its next process? Pure policy. */
#include "helper_restart.h"

#include <signal.h>
#include <sys/wait.h>

void
helperRestartInit(HelperRestart *restart, int64_t minUs, int64_t maxUs,
                  unsigned patience)
{
    *restart = (HelperRestart){
        .minUs = minUs,
        .maxUs = maxUs > minUs ? maxUs : minUs,
        .patience = patience,
    };
}

static int64_t
delayOf(const HelperRestart *restart)
{
    int64_t delay = restart->minUs;

    for (unsigned i = 1; i < restart->failures; i++) {
        if (delay >= restart->maxUs / 2)
            return restart->maxUs;
        delay *= 2;
    }
    return delay;
}

static void
holdUntil(HelperRestart *restart, int64_t us)
{
    if (us > restart->notBeforeUs)
        restart->notBeforeUs = us;
}

int64_t
helperRestartWait(const HelperRestart *restart, int64_t nowUs)
{
    return restart->notBeforeUs > nowUs ? restart->notBeforeUs - nowUs : 0;
}

void
helperRestartStarted(HelperRestart *restart, int64_t nowUs)
{
    restart->notStarted = 0;
    if (restart->failures > 0)
        holdUntil(restart, nowUs + delayOf(restart));
}

static void
noteBadStart(HelperRestart *restart, int64_t nowUs)
{
    restart->failures++;
    restart->failedUs = nowUs;
    holdUntil(restart, nowUs + delayOf(restart));
}

void
helperRestartFailed(HelperRestart *restart, int64_t nowUs)
{
    restart->notStarted++;
    noteBadStart(restart, nowUs);
}

static bool
isKilled(const HelperDeath *death)
{
    if (death->byUs || !WIFSIGNALED(death->waitStatus))
        return false;
    int signo = WTERMSIG(death->waitStatus);
    return signo == SIGKILL || signo == SIGTERM || signo == SIGHUP;
}

static unsigned
spentMax(const HelperRestart *restart)
{
    return restart->hasWorked ? HELPER_RESTART_SPENT_MAX
                              : HELPER_RESTART_SPENT_NEW;
}

void
helperRestartDied(HelperRestart *restart, const HelperDeath *death,
                  int64_t nowUs)
{
    if (death->answered || nowUs - death->startedUs >= HELPER_RESTART_LIVED_US)
        return;
    if (isKilled(death)) {
        holdUntil(restart, nowUs + restart->minUs);
        return;
    }
    if (death->atWork && restart->spent < spentMax(restart)) {
        restart->spent++;
        holdUntil(restart, nowUs + restart->minUs / 10);
        return;
    }
    /* Processes started together fail together: that is one bad start. */
    if (restart->failures == 0 || death->startedUs >= restart->failedUs)
        noteBadStart(restart, nowUs);
}

void
helperRestartWorked(HelperRestart *restart, int64_t startedUs)
{
    /* An older process that still works says nothing of the program that
     * failed since. */
    if (restart->failures > 0 && startedUs < restart->failedUs)
        return;
    restart->hasWorked = true;
    restart->spent = 0;
    restart->failures = 0;
    restart->notBeforeUs = 0;
}

bool
helperRestartIsHopeless(const HelperRestart *restart)
{
    return restart->notStarted >= HELPER_RESTART_EXEC_MAX ||
           restart->failures > restart->patience;
}

bool
helperRestartIsBlameless(const HelperDeath *death)
{
    if (death->byUs)
        return false;
    if (death->answered && death->waitStatus == HELPER_STATUS_UNKNOWN)
        return true;
    return isKilled(death) ||
           (death->answered && WIFEXITED(death->waitStatus) &&
            WEXITSTATUS(death->waitStatus) == 0);
}
