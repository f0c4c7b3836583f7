/* log_daemon.c: the process that writes a log. Debug section 46. */
#include "log_daemon.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/sockios.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "check.h"
#include "comm.h"
#include "debug.h"
#include "helper_restart.h"
#include "ipc.h"
#include "list.h"
#include "log_backlog.h"
#include "xalloc.h"

#define LOG_DAEMON_MAGIC 0x4c444d4eu
#define BACKLOG_MAX (4u * 1024 * 1024)
#define FLUSH_MS 1000
#define LOOK_MIN_MS 2
#define LOOK_MAX_MS 100
#define GONE_MS 1000 /* from the end of its channel to its own */
#define STOP_MS 5000
#define FINI_US (3 * INT64_C(1000000))
#define FINI_LOOK_MS 5
#define RESTART_MIN_US (100 * INT64_C(1000))
#define RESTART_MAX_US (30 * INT64_C(1000000))
#define WORKED_US (1 * INT64_C(1000000))
#define TELL_EVERY_US (30 * INT64_C(1000000))
#define TELL_DEATH_EVERY_US (10 * INT64_C(1000000))
#define HELLO_COMMANDS 2u
#define REPLY_MAX 64

struct LogDaemon {
    uint32_t magic;
    ListNode node; /* of those that stop */
    LogDaemonConfig config;
    LogBacklog backlog;
    HelperRestart restart;
    pid_t pid; /* 0: none runs */
    int fd;    /* -1: no channel, or it is broken */
    CommPidWatch *watch;
    int64_t startedUs;
    uint64_t starts;
    uint64_t theirLost;  /* lines that this process says it has lost */
    uint64_t formerLost; /* the same of those before */
    char reply[REPLY_MAX];
    size_t replyLen;
    CommTimer *startTimer;
    CommTimer *flushTimer;
    CommTimer *lookTimer; /* at what the daemon has read */
    unsigned lookMs;
    CommTimer *goneTimer;
    CommTimer *stopTimer;
    CommDeferred sendLater;
    int64_t nextTellUs;
    int64_t nextDeathTellUs;
    unsigned deathsUntold;
    bool isStopping;
};

static ListNode stopping = {.prev = &stopping, .next = &stopping};

static void startProcess(LogDaemon *daemon);
static void sendSome(LogDaemon *daemon);

/* True at most each 30 seconds. */
static bool
mayTell(LogDaemon *daemon)
{
    int64_t now = commClockUs();

    if (daemon->nextTellUs != 0 && now < daemon->nextTellUs)
        return false;
    daemon->nextTellUs = now + TELL_EVERY_US;
    return true;
}

static uint64_t
lostLines(const LogDaemon *daemon)
{
    return daemon->backlog.lost + daemon->formerLost + daemon->theirLost;
}

/* Stop sending. The pid watch tells of the end; a process that only closed its
 * channel is put down. */
static void
onGoneTime(void *data)
{
    LogDaemon *daemon = data;

    CHECK_OBJ(daemon, LOG_DAEMON_MAGIC);
    daemon->goneTimer = NULL;
    if (daemon->pid > 0)
        kill(daemon->pid, SIGKILL);
}

static void
closeChannel(LogDaemon *daemon)
{
    if (daemon->fd < 0)
        return;
    commClose(daemon->fd);
    daemon->fd = -1;
    commTimerCancel(&daemon->lookTimer);
    if (!daemon->goneTimer)
        daemon->goneTimer = commTimerAdd(GONE_MS, onGoneTime, daemon);
}

/* What is left is lost. The daemon gets end of file, then SIGTERM. */
static void
destroy(LogDaemon *daemon)
{
    size_t left = daemon->backlog.lines;

    if (left > 0)
        debug(DBG_ACCESS_LOG, 0,
              "access log %s: %s does not take them: %zu lines lost",
              daemon->config.path, daemon->config.program, left);
    commTimerCancel(&daemon->startTimer);
    commTimerCancel(&daemon->flushTimer);
    commTimerCancel(&daemon->lookTimer);
    commTimerCancel(&daemon->goneTimer);
    commTimerCancel(&daemon->stopTimer);
    commDeferCancel(&daemon->sendLater);
    commWatchPidCancel(&daemon->watch);
    if (daemon->pid > 0 && left > 0)
        kill(daemon->pid, SIGKILL);
    if (daemon->pid > 0)
        ipcClose(daemon->pid, daemon->fd, daemon->fd);
    logBacklogFini(&daemon->backlog);
    listRemove(&daemon->node);
    free((void *)(uintptr_t)daemon->config.program);
    free((void *)(uintptr_t)daemon->config.path);
    CHECK_OBJ_CLEAR(daemon);
    free(daemon);
}

/* The last thing that a handler does. */
static void
destroyWhenDone(LogDaemon *daemon)
{
    if (daemon->isStopping && logBacklogIsEmpty(&daemon->backlog))
        destroy(daemon);
}

static void
onStartTime(void *data)
{
    LogDaemon *daemon = data;

    CHECK_OBJ(daemon, LOG_DAEMON_MAGIC);
    daemon->startTimer = NULL;
    startProcess(daemon);
    destroyWhenDone(daemon);
}

/* How long until then, in milliseconds. */
static int64_t
startLater(LogDaemon *daemon)
{
    int64_t ms = helperRestartWait(&daemon->restart, commClockUs()) / 1000;

    if (!daemon->startTimer)
        daemon->startTimer = commTimerAdd(ms, onStartTime, daemon);
    return ms;
}

static void
describeStatus(int status, char *out, size_t size)
{
    if (status == -1)
        snprintf(out, size, "unknown status");
    else if (WIFSIGNALED(status))
        snprintf(out, size, "signal %d", WTERMSIG(status));
    else
        snprintf(out, size, "exit status %d", WEXITSTATUS(status));
}

/* One that is killed all the time is told now and then. */
static void
tellDeath(LogDaemon *daemon, int status, unsigned rotations, int64_t ms)
{
    int64_t now = commClockUs();
    char text[32];

    if (daemon->nextDeathTellUs != 0 && now < daemon->nextDeathTellUs) {
        daemon->deathsUntold++;
        return;
    }
    describeStatus(status, text, sizeof(text));
    debug(DBG_ACCESS_LOG, 1,
          "access log %s: %s[%d] has ended (%s); starts again in %" PRId64
          " ms, %zu lines wait%s; %u more had ended since this was told",
          daemon->config.path, daemon->config.program, (int)daemon->pid, text,
          ms, daemon->backlog.lines,
          rotations > 0 ? "; it may not have rotated" : "",
          daemon->deathsUntold);
    daemon->deathsUntold = 0;
    daemon->nextDeathTellUs = now + TELL_DEATH_EVERY_US;
}

static void
onExit(pid_t pid, int status, void *data)
{
    LogDaemon *daemon = data;

    CHECK_OBJ(daemon, LOG_DAEMON_MAGIC);
    HelperDeath death = {.startedUs = daemon->startedUs,
                         .waitStatus = status,
                         .answered =
                             commClockUs() - daemon->startedUs >= WORKED_US};
    daemon->watch = NULL;
    closeChannel(daemon);
    commTimerCancel(&daemon->goneTimer);
    ipcClose(pid, -1, -1);
    daemon->formerLost += daemon->theirLost;
    daemon->theirLost = 0;
    unsigned rotations = logBacklogRewind(&daemon->backlog);
    helperRestartDied(&daemon->restart, &death, commClockUs());
    tellDeath(daemon, status, rotations, startLater(daemon));
    daemon->pid = 0;
}

/* "=DONE LOST": what log_file says now and then. */
static void
takeReply(LogDaemon *daemon, const char *line)
{
    uint64_t done, lost;

    if (sscanf(line, "=%" SCNu64 " %" SCNu64, &done, &lost) != 2)
        return;
    daemon->theirLost = lost;
    logBacklogDone(&daemon->backlog,
                   done > HELLO_COMMANDS ? done - HELLO_COMMANDS : 0);
}

static void
takeReplies(LogDaemon *daemon, const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (data[i] == '\n') {
            daemon->reply[daemon->replyLen] = '\0';
            takeReply(daemon, daemon->reply);
            daemon->replyLen = 0;
        } else if (daemon->replyLen < REPLY_MAX - 1) {
            daemon->reply[daemon->replyLen++] = data[i];
        }
    }
}

/* False when the channel has ended. */
static bool
readReplies(LogDaemon *daemon)
{
    char data[4096];
    ssize_t len = recv(daemon->fd, data, sizeof(data), MSG_DONTWAIT);

    if (len > 0)
        takeReplies(daemon, data, (size_t)len);
    return len > 0 || (len < 0 && (errno == EAGAIN || errno == EINTR));
}

static void
onReadable(int fd, void *data)
{
    LogDaemon *daemon = data;

    CHECK_OBJ(daemon, LOG_DAEMON_MAGIC);
    if (!readReplies(daemon)) {
        closeChannel(daemon);
        return;
    }
    commSetSelect(fd, COMM_SELECT_READ, onReadable, daemon, 0);
    sendSome(daemon);
    destroyWhenDone(daemon);
}

static void
onWritable(int fd, void *data)
{
    LogDaemon *daemon = data;

    (void)fd;
    CHECK_OBJ(daemon, LOG_DAEMON_MAGIC);
    sendSome(daemon);
    destroyWhenDone(daemon);
}

static void
onLook(void *data)
{
    LogDaemon *daemon = data;

    CHECK_OBJ(daemon, LOG_DAEMON_MAGIC);
    daemon->lookTimer = NULL;
    sendSome(daemon);
    destroyWhenDone(daemon);
}

static void
onSendLater(void *data)
{
    LogDaemon *daemon = data;

    CHECK_OBJ(daemon, LOG_DAEMON_MAGIC);
    sendSome(daemon);
    destroyWhenDone(daemon);
}

/* Send what may be sent; false when nothing may. */
static bool
sendWindow(LogDaemon *daemon)
{
    const char *data;
    size_t len;

    while (daemon->fd >= 0 &&
           (len = logBacklogNext(&daemon->backlog, &data)) > 0) {
        ssize_t n = send(daemon->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n > 0) {
            logBacklogSent(&daemon->backlog, (size_t)n);
        } else if (n < 0 && errno == EAGAIN) {
            commSetSelect(daemon->fd, COMM_SELECT_WRITE, onWritable, daemon, 0);
            return false;
        } else if (n == 0 || errno != EINTR) {
            closeChannel(daemon);
        }
    }
    return daemon->fd >= 0 && daemon->backlog.windowLen > 0;
}

/*
 * True when the other end has read all that was sent. Of one that has died
 * nothing is unread either; and one that acknowledges, which reads on before
 * it has done what it read, has said so before it read anything. So what it
 * says is looked at afterwards.
 */
static bool
isAllRead(LogDaemon *daemon)
{
    int unread = 1;

    if (ioctl(daemon->fd, SIOCOUTQ, &unread) < 0 || unread > 0)
        return false;
    if (!readReplies(daemon))
        closeChannel(daemon);
    return daemon->fd >= 0;
}

static void
lookLater(LogDaemon *daemon)
{
    if (daemon->lookTimer)
        return;
    daemon->lookTimer = commTimerAdd(daemon->lookMs, onLook, daemon);
    daemon->lookMs =
        2 * daemon->lookMs < LOOK_MAX_MS ? 2 * daemon->lookMs : LOOK_MAX_MS;
}

static void
sendSome(LogDaemon *daemon)
{
    while (sendWindow(daemon) && !daemon->backlog.isAcked) {
        if (!isAllRead(daemon)) {
            if (daemon->fd >= 0)
                lookLater(daemon);
            return;
        }
        if (daemon->backlog.isAcked)
            continue;
        daemon->lookMs = LOOK_MIN_MS;
        logBacklogRead(&daemon->backlog);
    }
}

/* The socket is new: so little always fits. */
static void
sendHello(LogDaemon *daemon)
{
    char text[32];
    int len = snprintf(text, sizeof(text), "r%u\nb%d\n", daemon->config.rotate,
                       daemon->config.isBuffered);

    if (send(daemon->fd, text, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        closeChannel(daemon);
}

static void
tellNotStarted(LogDaemon *daemon)
{
    int error = errno;

    helperRestartFailed(&daemon->restart, commClockUs());
    startLater(daemon);
    if (mayTell(daemon))
        debug(DBG_ACCESS_LOG, 0,
              "access log %s: cannot start %s: %s; lines wait, %" PRIu64
              " lost so far",
              daemon->config.path, daemon->config.program, ipcErrorText(error),
              lostLines(daemon));
}

static void
startProcess(LogDaemon *daemon)
{
    const char *args[] = {"(logfile-daemon)", daemon->config.path, NULL};
    int rfd, wfd;
    pid_t pid = ipcCreateAttr(IPC_STREAM, daemon->config.program, args,
                              "logfile_daemon", NULL, &rfd, &wfd, NULL);

    if (pid < 0) {
        tellNotStarted(daemon);
        return;
    }
    daemon->pid = pid;
    daemon->fd = rfd;
    daemon->startedUs = commClockUs();
    daemon->starts++;
    daemon->replyLen = 0;
    daemon->lookMs = LOOK_MIN_MS;
    helperRestartStarted(&daemon->restart, daemon->startedUs);
    daemon->watch = commWatchPid(pid, onExit, daemon);
    commSetSelect(rfd, COMM_SELECT_READ, onReadable, daemon, 0);
    commNote(rfd, "log daemon %s", daemon->config.path);
    sendHello(daemon);
    sendSome(daemon);
}

LogDaemon *
logDaemonCreate(const LogDaemonConfig *config)
{
    LogDaemon *daemon = xcalloc(1, sizeof(*daemon));

    daemon->magic = LOG_DAEMON_MAGIC;
    listInit(&daemon->node);
    daemon->config = *config;
    daemon->config.program = xstrdup(config->program);
    daemon->config.path = xstrdup(config->path);
    daemon->fd = -1;
    logBacklogInit(&daemon->backlog, BACKLOG_MAX);
    helperRestartInit(&daemon->restart, RESTART_MIN_US, RESTART_MAX_US,
                      UINT32_MAX);
    commDeferInit(&daemon->sendLater, onSendLater, daemon);
    startProcess(daemon);
    return daemon;
}

bool
logDaemonIsSame(const LogDaemon *daemon, const LogDaemonConfig *config)
{
    CHECK_OBJ(daemon, LOG_DAEMON_MAGIC);
    return strcmp(daemon->config.program, config->program) == 0 &&
           strcmp(daemon->config.path, config->path) == 0 &&
           daemon->config.rotate == config->rotate &&
           daemon->config.isBuffered == config->isBuffered;
}

static void
onFlushTime(void *data)
{
    LogDaemon *daemon = data;

    CHECK_OBJ(daemon, LOG_DAEMON_MAGIC);
    daemon->flushTimer = NULL;
    logBacklogAddFlush(&daemon->backlog);
    sendSome(daemon);
    destroyWhenDone(daemon);
}

void
logDaemonAdd(LogDaemon *daemon, const char *line, size_t len)
{
    CHECK_OBJ(daemon, LOG_DAEMON_MAGIC);
    if (!logBacklogAddLine(&daemon->backlog, line, len) && mayTell(daemon))
        debug(DBG_ACCESS_LOG, 0,
              "access log %s: %s takes too few lines; %" PRIu64 " lost so far",
              daemon->config.path, daemon->config.program, lostLines(daemon));
    if (!daemon->flushTimer)
        daemon->flushTimer = commTimerAdd(FLUSH_MS, onFlushTime, daemon);
    if (!daemon->config.isBuffered ||
        bufLen(&daemon->backlog.held) >= LOG_BACKLOG_WINDOW)
        commDefer(&daemon->sendLater);
}

void
logDaemonFlush(LogDaemon *daemon)
{
    CHECK_OBJ(daemon, LOG_DAEMON_MAGIC);
    logBacklogAddFlush(&daemon->backlog);
    sendSome(daemon);
}

void
logDaemonRotate(LogDaemon *daemon)
{
    CHECK_OBJ(daemon, LOG_DAEMON_MAGIC);
    logBacklogAddRotate(&daemon->backlog);
    sendSome(daemon);
}

void
logDaemonGetStats(const LogDaemon *daemon, LogDaemonStats *out)
{
    CHECK_OBJ(daemon, LOG_DAEMON_MAGIC);
    out->lost = lostLines(daemon);
    out->restarts = daemon->starts > 0 ? daemon->starts - 1 : 0;
    out->queued = daemon->backlog.lines;
}

static void
onStopTime(void *data)
{
    LogDaemon *daemon = data;

    CHECK_OBJ(daemon, LOG_DAEMON_MAGIC);
    daemon->stopTimer = NULL;
    destroy(daemon);
}

void
logDaemonStop(LogDaemon **daemonp)
{
    LogDaemon *daemon = *daemonp;

    *daemonp = NULL;
    if (!daemon)
        return;
    CHECK_OBJ(daemon, LOG_DAEMON_MAGIC);
    daemon->isStopping = true;
    listPushBack(&stopping, &daemon->node);
    daemon->stopTimer = commTimerAdd(STOP_MS, onStopTime, daemon);
    logBacklogAddFlush(&daemon->backlog);
    commDefer(&daemon->sendLater);
}

/* Without the loop. */
static void
drain(LogDaemon *daemon, int64_t untilUs)
{
    while (!logBacklogIsEmpty(&daemon->backlog) && daemon->fd >= 0 &&
           commClockUs() < untilUs) {
        struct pollfd poller = {.fd = daemon->fd, .events = POLLIN};

        sendSome(daemon);
        commTimerCancel(&daemon->lookTimer);
        if (daemon->fd >= 0 && poll(&poller, 1, FINI_LOOK_MS) > 0 &&
            !readReplies(daemon))
            closeChannel(daemon);
    }
}

void
logDaemonFini(void)
{
    int64_t until = commClockUs() + FINI_US;
    ListNode *it;

    while ((it = listFirst(&stopping))) {
        LogDaemon *daemon = LIST_OBJ(it, LogDaemon, node);

        drain(daemon, until);
        destroy(daemon);
    }
}
