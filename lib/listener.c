/* listener.c: bind, accept, pause when resources run out. Section 5. */
#include "listener_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "check.h"
#include "debug.h"
#include "fd.h"
#include "xalloc.h"

#define LISTENER_MAGIC 0x115fe001u
#define BATCH_MAX 64 /* accepted in one turn, so that others get theirs */
#define PAUSE_MIN_MS 10
#define PAUSE_MAX_MS 1000

static void onAcceptable(int fd, void *data);

static const ListenerStrategyOps *const strategies[LISTENER_STRATEGY_COUNT] = {
    [LISTENER_CALLBACK] = &listenerCallbackOps,
};

static void
armAccept(Listener *listener)
{
    commSetSelect(listener->fd, COMM_SELECT_READ, onAcceptable, listener, 0);
}

static void
onPauseEnd(void *data)
{
    Listener *listener = data;

    CHECK_OBJ(listener, LISTENER_MAGIC);
    listener->pauseTimer = NULL;
    armAccept(listener);
}

/* Clients wait in the backlog meanwhile; nothing polls. */
static void
pauseAccept(Listener *listener, int error)
{
    int64_t nowUs = commNowUs();
    int ms = listener->pauseMs * 2;

    if (listener->pauseMs == 0 &&
        nowUs - listener->complainedUs >= LISTENER_COMPLAIN_US) {
        listener->complainedUs = nowUs;
        debug(DBG_COMM, 0,
              "listener %s: cannot accept: %s; new connections wait until it "
              "is over",
              listener->name, strerror(error));
    }
    if (ms < PAUSE_MIN_MS)
        ms = PAUSE_MIN_MS;
    listener->pauseMs = ms > PAUSE_MAX_MS ? PAUSE_MAX_MS : ms;
    listener->pauseTimer =
        commTimerAdd(listener->pauseMs, onPauseEnd, listener);
}

/* Errors of the connection that would have been, as opposed to ours. */
static bool
isPassing(int error)
{
    switch (error) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case EPERM:
    case ENETDOWN:
    case ENETUNREACH:
    case ENONET:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENOPROTOOPT:
    case EOPNOTSUPP:
    case ETIMEDOUT:
        return true;
    default:
        return false;
    }
}

/* 0 accepted (or that one failed), else a negative errno. */
static int
acceptOne(Listener *listener)
{
    struct sockaddr_storage peer = {0};
    socklen_t len = sizeof(peer);
    int fd = accept4(listener->fd, (struct sockaddr *)&peer, &len,
                     SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0)
        return isPassing(errno) ? 0 : -errno;
    fd = fdAboveStdio(fd);
    if (fd < 0)
        return fd;
    listenerAddrUnmap(&peer);
    listener->accepted++;
    listener->waiting++;
    listener->ops->accepted(listener, fd, &peer);
    return 0;
}

static bool
isAtLimit(const Listener *listener)
{
    return listener->maxConns && listener->waiting >= listener->maxConns;
}

static bool
isShortOfFds(const Listener *listener)
{
    CommStats stats;

    if (listener->fdMax == 0)
        return false;
    commStatsGet(&stats, false);
    if (stats.openFds < listener->fdMax)
        return false;
    return !listener->makeRoom || !listener->makeRoom(listener->data);
}

static void
onAcceptable(int fd, void *data)
{
    Listener *listener = data;
    int rc = 0;

    CHECK_OBJ(listener, LISTENER_MAGIC);
    CHECK(fd == listener->fd);
    for (int i = 0; i < BATCH_MAX && rc == 0; i++) {
        listener->isFull = isAtLimit(listener);
        if (listener->isFull)
            return;
        rc = isShortOfFds(listener) ? -EMFILE : acceptOne(listener);
        if (rc == 0)
            listener->pauseMs = 0; /* a pause that helped is not doubled */
    }
    if (rc < 0 && rc != -EAGAIN) {
        pauseAccept(listener, -rc);
        return;
    }
    listener->pauseMs = 0;
    armAccept(listener);
}

void
listenerConnDone(Listener *listener)
{
    CHECK_OBJ(listener, LISTENER_MAGIC);
    CHECK(listener->waiting > 0);
    listener->waiting--;
    if (!listener->isFull || listener->fd < 0)
        return;
    listener->isFull = false;
    armAccept(listener);
}

void
listenerLocalAddr(const Listener *listener, int fd,
                  struct sockaddr_storage *localOut)
{
    struct sockaddr_storage local = {0};
    socklen_t len = sizeof(local);

    if (!listenerAddrIsAny(&listener->addr) ||
        getsockname(fd, (struct sockaddr *)&local, &len) < 0)
        local = listener->addr;
    listenerAddrUnmap(&local);
    *localOut = local;
}

void
listenerConfigInit(ListenerConfig *config)
{
    *config = (ListenerConfig){
        .strategy = LISTENER_CALLBACK,
        .backlog = 1024,
        .firstByteMs = 60000,
        .handshakeMs = 30000,
    };
}

/* The loop is closing and takes the descriptor with it. */
static void
onListenClose(int fd, void *data)
{
    Listener *listener = data;

    CHECK_OBJ(listener, LISTENER_MAGIC);
    CHECK(fd == listener->fd);
    listener->fd = -1;
}

static int
startListening(Listener *listener, const ListenerConfig *config)
{
    int fd = listenerAddrOpen(config->addr, config->backlog, &listener->addr);

    if (fd < 0)
        return fd;
    if (listener->addr.ss_family == AF_UNIX)
        listener->unixPath = xstrdup(config->addr);
    int rc = commOpen(fd, listener->name);
    if (rc < 0)
        return rc;
    listener->fd = fd;
    commAddCloseHandler(fd, onListenClose, listener);
    armAccept(listener);
    return 0;
}

Listener *
listenerCreate(const ListenerConfig *config)
{
    Listener *listener;

    if (!config->addr || !config->ready ||
        (unsigned)config->strategy >= LISTENER_STRATEGY_COUNT) {
        errno = EINVAL;
        return NULL;
    }
    listener = xcalloc(1, sizeof(*listener));
    listener->magic = LISTENER_MAGIC;
    listener->ops = strategies[config->strategy];
    listener->ready = config->ready;
    listener->makeRoom = config->makeRoom;
    listener->data = config->data;
    listener->name = xstrdup(config->name ? config->name : config->addr);
    listener->maxConns = config->maxConns;
    listener->fdMax = config->fdMax;
    listener->firstByteMs = config->firstByteMs;
    listener->tls = config->tls != NULL ? tlsServerRef(config->tls) : NULL;
    listener->handshakeMs = config->handshakeMs;
    listener->tlsToldUs = -LISTENER_COMPLAIN_US;
    listener->fd = -1;
    listener->complainedUs = -LISTENER_COMPLAIN_US;
    listInit(&listener->conns);
    int rc = startListening(listener, config);
    if (rc < 0) {
        listenerDestroy(&listener);
        errno = -rc;
    }
    return listener;
}

static void
freeListener(void *ptr)
{
    Listener *listener = ptr;

    CHECK_OBJ_CLEAR(listener);
    tlsServerUnref(&listener->tls);
    free(listener->unixPath);
    free(listener->name);
    free(listener);
}

void
listenerDestroy(Listener **listenerPtr)
{
    Listener *listener = *listenerPtr;

    if (!listener)
        return;
    *listenerPtr = NULL;
    CHECK_OBJ(listener, LISTENER_MAGIC);
    commTimerCancel(&listener->pauseTimer);
    if (listener->fd >= 0)
        commClose(listener->fd);
    if (listener->unixPath)
        unlink(listener->unixPath);
    listener->ops->stop(listener);
    commFreeLater(listener, freeListener);
}

void
listenerAddr(const Listener *listener, struct sockaddr_storage *addrOut)
{
    CHECK_OBJ(listener, LISTENER_MAGIC);
    *addrOut = listener->addr;
}

const char *
listenerName(const Listener *listener)
{
    CHECK_OBJ(listener, LISTENER_MAGIC);
    return listener->name;
}

void
listenerSetTls(Listener *listener, TlsServer *tls)
{
    TlsServer *older = listener->tls;

    CHECK_OBJ(listener, LISTENER_MAGIC);
    CHECK(older != NULL);
    listener->tls = tlsServerRef(tls);
    tlsServerUnref(&older);
}

uint64_t
listenerTlsFailures(const Listener *listener)
{
    CHECK_OBJ(listener, LISTENER_MAGIC);
    return listener->tlsFailures;
}

uint64_t
listenerAccepted(const Listener *listener)
{
    CHECK_OBJ(listener, LISTENER_MAGIC);
    return listener->accepted;
}

unsigned
listenerWaiting(const Listener *listener)
{
    CHECK_OBJ(listener, LISTENER_MAGIC);
    return listener->waiting;
}
