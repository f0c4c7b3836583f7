/* listener_callback.c: connections wait in this loop for the end of their
 * handshake and their first octet, and are then handed to a function.
 * Section 5. */
#include "listener_priv.h"

#include <errno.h>
#include <stdlib.h>

#include "check.h"
#include "debug.h"
#include "xalloc.h"

#define CONN_MAGIC 0x115fe002u

/* A connection that was accepted and has not spoken yet. It ends in
 * onConnClose, or is handed on in handOn; both by releaseConn. */
typedef struct Conn {
    uint32_t magic;
    ListNode node;
    Listener *listener;
    int fd;
    TlsStream *tls; /* NULL: plain, or handed on */
    struct sockaddr_storage peer;
} Conn;

static void
freeConn(void *ptr)
{
    Conn *conn = ptr;

    CHECK_OBJ_CLEAR(conn);
    tlsStreamDestroy(&conn->tls);
    free(conn);
}

static void
releaseConn(Conn *conn)
{
    listRemove(&conn->node);
    commFreeLater(conn, freeConn);
    listenerConnDone(conn->listener);
}

static void
onConnClose(int fd, void *data)
{
    Conn *conn = data;

    (void)fd;
    CHECK_OBJ(conn, CONN_MAGIC);
    releaseConn(conn);
}

static void
onSilent(int fd, void *data)
{
    const Conn *conn = data;

    CHECK_OBJ(conn, CONN_MAGIC);
    debug(DBG_COMM, 3, "listener %s: closing a silent connection",
          conn->listener->name);
    commClose(fd);
}

static void
handOn(Conn *conn)
{
    Listener *listener = conn->listener;
    int fd = conn->fd;
    ListenerPeer peer = {.peer = conn->peer, .tls = conn->tls};

    conn->tls = NULL;
    commSetTimeout(fd, -1, NULL, NULL);
    commRemoveCloseHandler(fd, onConnClose, conn);
    listenerLocalAddr(listener, fd, &peer.local);
    releaseConn(conn);
    listener->ready(listener, fd, &peer, listener->data);
}

static void
onFirstOctet(int fd, void *data)
{
    Conn *conn = data;

    (void)fd;
    CHECK_OBJ(conn, CONN_MAGIC);
    handOn(conn);
}

static void
waitForOctet(Conn *conn)
{
    int ms = conn->listener->firstByteMs;

    commSetSelect(conn->fd, COMM_SELECT_READ, onFirstOctet, conn, 0);
    commSetTimeout(conn->fd, ms > 0 ? ms : -1, onSilent, conn);
}

static void
onSlowHandshake(int fd, void *data)
{
    const Conn *conn = data;

    CHECK_OBJ(conn, CONN_MAGIC);
    listenerTlsFail(conn->listener, &conn->peer, ETIMEDOUT,
                    "it takes too long");
    commClose(fd);
}

static void
onHandshake(int fd, void *data)
{
    Conn *conn = data;

    CHECK_OBJ(conn, CONN_MAGIC);
    switch (listenerTlsStep(conn->listener, conn->tls, fd, &conn->peer,
                            onHandshake, conn)) {
    case LISTENER_TLS_DONE:
        if (tlsStreamHasPending(conn->tls))
            handOn(conn);
        else
            waitForOctet(conn);
        break;
    case LISTENER_TLS_FAILED:
        commClose(fd);
        break;
    default:
        break;
    }
}

static void
startHandshake(Conn *conn)
{
    int ms = conn->listener->handshakeMs;

    conn->tls = tlsStreamAccept(conn->listener->tls, conn->fd);
    commSetSelect(conn->fd, COMM_SELECT_READ, onHandshake, conn, 0);
    commSetTimeout(conn->fd, ms > 0 ? ms : -1, onSlowHandshake, conn);
}

static void
takeConn(Listener *listener, int fd, const struct sockaddr_storage *peer)
{
    Conn *conn;

    if (commOpen(fd, listener->name) < 0) {
        listenerConnDone(listener);
        return;
    }
    conn = xcalloc(1, sizeof(*conn));
    conn->magic = CONN_MAGIC;
    conn->listener = listener;
    conn->fd = fd;
    conn->peer = *peer;
    listPushBack(&listener->conns, &conn->node);
    commAddCloseHandler(fd, onConnClose, conn);
    if (listener->tls != NULL)
        startHandshake(conn);
    else
        waitForOctet(conn);
}

static void
closeConns(Listener *listener)
{
    ListNode *it;
    ListNode *tmp;

    LIST_FOREACH(&listener->conns, it, tmp)
        commClose(LIST_OBJ(it, Conn, node)->fd);
}

const ListenerStrategyOps listenerCallbackOps = {
    .name = "callback",
    .accepted = takeConn,
    .stop = closeConns,
};
