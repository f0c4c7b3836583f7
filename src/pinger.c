/* The proxy's side of the pinger. DEBUG: section 37 */
#include "pinger_priv.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "comm.h"
#include "debug.h"
#include "helper_ping.h"
#include "helper_restart.h"
#include "helper_stderr.h"
#include "ipc.h"
#include "xalloc.h"

#define PINGER_MAGIC 0x9149e401u
#define ADDRESSES_MAX 4096
#define BATCH 64 /* answers taken in a turn */
#define RESTART_MIN_US (2 * INT64_C(1000000))
#define RESTART_MAX_US (60 * INT64_C(1000000))
#define START_MS 1000

struct Pinger {
    uint32_t magic;
    char *program;
    RttTable *table;
    PingerHosts *hosts;
    pid_t pid; /* 0: not running */
    int fd;
    CommPidWatch *watch;
    HelperStderr err;
    CommTimer *timer; /* of the next start */
    HelperRestart restart;
    int64_t startedUs;
    bool hasAnswered;
    uint32_t sequence;
    PingerStats stats;
};

static void startLater(Pinger *pinger);

/* The process as far as we have one is told to end and forgotten. */
static void
stopProcess(Pinger *pinger)
{
    if (pinger->pid == 0)
        return;
    commWatchPidCancel(&pinger->watch);
    helperStderrClose(&pinger->err);
    ipcClose(pinger->pid, pinger->fd, pinger->fd);
    pinger->pid = 0;
    pinger->fd = -1;
}

static void
replaceProcess(Pinger *pinger, int waitStatus, bool isByUs, const char *why)
{
    HelperDeath death = {.startedUs = pinger->startedUs,
                         .answered = pinger->hasAnswered,
                         .byUs = isByUs,
                         .waitStatus = waitStatus};

    helperStderrDrain(&pinger->err);
    debug(DBG_PINGER, 1, "pinger %d: %s", (int)pinger->pid, why);
    helperRestartDied(&pinger->restart, &death, commNowUs());
    stopProcess(pinger);
    startLater(pinger);
}

static void
onExit(pid_t pid, int status, void *data)
{
    Pinger *pinger = data;
    char why[64];

    (void)pid;
    CHECK_OBJ(pinger, PINGER_MAGIC);
    pinger->watch = NULL;
    snprintf(why, sizeof(why), "ended with status 0x%x", (unsigned)status);
    replaceProcess(pinger, status, false, why);
}

/* What is no answer is dropped: the channel keeps boundaries. */
static void
takeAnswer(Pinger *pinger, const unsigned char *octets, size_t len)
{
    HelperPing ping;
    RttRow sample = {.ageUs = 0};

    if (helperPingParseAnswer(octets, len, &ping) < 0) {
        debug(DBG_PINGER, 2, "pinger %d: %zu octets that are no answer",
              (int)pinger->pid, len);
        return;
    }
    if (!pinger->hasAnswered)
        helperRestartWorked(&pinger->restart, pinger->startedUs);
    pinger->hasAnswered = true;
    pinger->stats.answered++;
    sample.addr = ping.addr;
    sample.rttUs = ping.rttUs;
    sample.hops = ping.hops;
    rttTableAnswer(pinger->table, &sample, commNowUs());
}

static void
onReadable(int fd, void *data)
{
    Pinger *pinger = data;
    unsigned char octets[HELPER_PING_ANSWER_SIZE + 1];
    ssize_t n = 0;

    CHECK_OBJ(pinger, PINGER_MAGIC);
    for (int i = 0; i < BATCH; i++) {
        n = read(fd, octets, sizeof(octets));
        if (n < 0)
            break;
        takeAnswer(pinger, octets, (size_t)n);
    }
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        replaceProcess(pinger, 0, true, strerror(errno));
        return;
    }
    commSetSelect(fd, COMM_SELECT_READ, onReadable, pinger, 0);
}

/* 0 or -errno. */
static int
startProcess(Pinger *pinger)
{
    const char *const args[] = {"(pinger)", NULL};
    void *handle = NULL;
    IpcChild *child;
    int rfd, wfd;
    IpcAttr attr;

    ipcAttrInit(&attr);
    attr.diesWithUs = true;
    attr.stderrMode = IPC_STDERR_PIPE;
    attr.chatTimeoutMs = START_MS;
    pinger->pid = ipcCreateAttr(IPC_DGRAM, pinger->program, args, "pinger",
                                &attr, &rfd, &wfd, &handle);
    if (pinger->pid < 0) {
        pinger->pid = 0;
        return -errno;
    }
    child = handle;
    helperStderrOpen(&pinger->err, ipcChildTakeStderr(child), "pinger", 1,
                     pinger->pid);
    ipcChildDestroy(&child);
    pinger->fd = rfd;
    pinger->hasAnswered = false;
    pinger->startedUs = commNowUs();
    pinger->stats.starts++;
    pinger->watch = commWatchPid(pinger->pid, onExit, pinger);
    if (pinger->watch == NULL) {
        int err = errno;
        stopProcess(pinger);
        return -err;
    }
    commSetSelect(rfd, COMM_SELECT_READ, onReadable, pinger, 0);
    commNote(rfd, "pinger");
    return 0;
}

static void
onStart(void *data)
{
    Pinger *pinger = data;

    CHECK_OBJ(pinger, PINGER_MAGIC);
    pinger->timer = NULL;
    int rc = startProcess(pinger);
    if (rc == 0) {
        helperRestartStarted(&pinger->restart, commNowUs());
        debug(DBG_PINGER, 2, "pinger %d is %s", (int)pinger->pid,
              pinger->program);
        return;
    }
    helperRestartFailed(&pinger->restart, commNowUs());
    debug(DBG_PINGER, 1, "pinger_program %s: %s", pinger->program,
          strerror(-rc));
    startLater(pinger);
}

static void
startLater(Pinger *pinger)
{
    int64_t us = helperRestartWait(&pinger->restart, commNowUs());

    if (pinger->timer == NULL)
        pinger->timer = commTimerAdd((us + 999) / 1000, onStart, pinger);
}

Pinger *
pingerCreate(const char *program)
{
    Pinger *pinger = xcalloc(1, sizeof(*pinger));

    pinger->magic = PINGER_MAGIC;
    pinger->program = xstrdup(program);
    pinger->fd = -1;
    pinger->table = rttTableCreate(ADDRESSES_MAX);
    pinger->hosts = pingerHostsCreate(pinger);
    helperRestartInit(&pinger->restart, RESTART_MIN_US, RESTART_MAX_US, 0);
    startLater(pinger);
    return pinger;
}

void
pingerDestroy(Pinger **pingerp)
{
    Pinger *pinger = *pingerp;

    if (pinger == NULL)
        return;
    CHECK_OBJ(pinger, PINGER_MAGIC);
    *pingerp = NULL;
    commTimerCancel(&pinger->timer);
    stopProcess(pinger);
    pingerHostsDestroy(&pinger->hosts);
    rttTableDestroy(&pinger->table);
    free(pinger->program);
    CHECK_OBJ_CLEAR(pinger);
    free(pinger);
}

bool
pingerIsSame(const Pinger *pinger, const char *program)
{
    return pinger != NULL && strcmp(pinger->program, program) == 0;
}

/* A question that finds no room is lost; the address is asked about again
 * later. An error is seen when the process ends. */
void
pingerAsk(Pinger *pinger, const struct sockaddr *addr)
{
    unsigned char octets[HELPER_PING_ASK_SIZE];
    HelperPing ping = {.sequence = pinger->sequence};

    CHECK_OBJ(pinger, PINGER_MAGIC);
    if (pinger->pid == 0 || !rttTableAsk(pinger->table, addr, commNowUs()))
        return;
    memcpy(&ping.addr, addr,
           addr->sa_family == AF_INET ? sizeof(struct sockaddr_in)
                                      : sizeof(struct sockaddr_in6));
    if (helperPingFormatAsk(&ping, octets) < 0)
        return;
    pinger->sequence++;
    pinger->stats.asked++;
    if (write(pinger->fd, octets, sizeof(octets)) < 0)
        pinger->stats.lost++;
}

size_t
pingerPrefer(Pinger *pinger, const char *host,
             struct sockaddr_storage addrsOut[RESOLVE_MAX])
{
    if (pinger == NULL)
        return 0;
    CHECK_OBJ(pinger, PINGER_MAGIC);
    size_t count = pingerHostsGet(pinger->hosts, host, addrsOut);
    size_t known = rttTableSort(pinger->table, addrsOut, count, commNowUs());
    return known > 0 ? count : 0;
}

uint64_t
pingerHostRtt(Pinger *pinger, const char *host)
{
    struct sockaddr_storage addrs[RESOLVE_MAX];

    if (pingerPrefer(pinger, host, addrs) == 0)
        return 0;
    return rttTableGet(pinger->table, (const struct sockaddr *)&addrs[0],
                       commNowUs());
}

void
pingerStatsGet(const Pinger *pinger, PingerStats *statsOut)
{
    *statsOut = (PingerStats){.isRunning = false};
    if (pinger == NULL)
        return;
    CHECK_OBJ(pinger, PINGER_MAGIC);
    *statsOut = pinger->stats;
    statsOut->isRunning = pinger->pid != 0;
    statsOut->addresses = rttTableCount(pinger->table);
}

void
pingerForEach(const Pinger *pinger, RttRowCb *cb, void *data)
{
    if (pinger != NULL)
        rttTableForEach(pinger->table, commNowUs(), cb, data);
}
