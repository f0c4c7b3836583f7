/* listener_callback.c: connections wait in this loop for their first octet
 * and are then handed to a function. Section 5. */
#include "listener_priv.h"

#include <stdlib.h>

#include "check.h"
#include "debug.h"
#include "xalloc.h"

#define CONN_MAGIC 0x115fe002u

/* A connection that was accepted and has not spoken yet. It ends in
 * onConnClose, or is handed on in onFirstOctet; both by releaseConn. */
typedef struct Conn {
    uint32_t magic;
    ListNode node;
    Listener *listener;
    int fd;
    struct sockaddr_storage peer;
} Conn;

static void
freeConn(void *ptr)
{
    Conn *conn = ptr;

    CHECK_OBJ_CLEAR(conn);
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
onFirstOctet(int fd, void *data)
{
    Conn *conn = data;
    Listener *listener;
    ListenerPeer peer;

    CHECK_OBJ(conn, CONN_MAGIC);
    listener = conn->listener;
    commSetTimeout(fd, -1, NULL, NULL);
    commRemoveCloseHandler(fd, onConnClose, conn);
    peer.peer = conn->peer;
    listenerLocalAddr(listener, fd, &peer.local);
    releaseConn(conn);
    listener->ready(listener, fd, &peer, listener->data);
}

static void
takeConn(Listener *listener, int fd, const struct sockaddr_storage *peer)
{
    Conn *conn;

    if (commOpen(fd, listener->name) < 0) {
        listenerConnDone(listener);
        return;
    }
    conn = xmalloc(sizeof(*conn));
    conn->magic = CONN_MAGIC;
    conn->listener = listener;
    conn->fd = fd;
    conn->peer = *peer;
    listPushBack(&listener->conns, &conn->node);
    commAddCloseHandler(fd, onConnClose, conn);
    commSetSelect(fd, COMM_SELECT_READ, onFirstOctet, conn, 0);
    if (listener->firstByteMs > 0)
        commSetTimeout(fd, listener->firstByteMs, onSilent, conn);
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
