/* A connected socket, plain or TLS. DEBUG: section 83 */
#include "stream.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "check.h"
#include "debug.h"
#include "xalloc.h"

#define STREAM_TLS_MAGIC 0x57e41715u

typedef struct Waiter {
    CommSelectCb *handler; /* NULL: nobody waits */
    void *data;
} Waiter;

/* A read may wait for the socket to be writable, and a write to be readable,
 * so both handlers of the socket are ours. */
typedef struct StreamTls {
    uint32_t magic;
    int fd; /* -1: closed */
    TlsStream *stream;
    Waiter reader;
    Waiter writer;
    CommDeferred again; /* there is more to read inside the TlsStream */
    bool isDry;         /* the last read found nothing */
    bool isEnding;      /* the end is to be told when there is room */
    bool isReset;
} StreamTls;

static void
freeTls(void *data)
{
    StreamTls *tls = data;

    CHECK_OBJ_CLEAR(tls);
    free(tls);
}

static void
wake(StreamTls *tls, Waiter *waiter)
{
    Waiter woken = *waiter;

    waiter->handler = NULL;
    if (tls->fd != -1 && woken.handler != NULL)
        woken.handler(tls->fd, woken.data);
}

static void
onAgain(void *data)
{
    StreamTls *tls = data;

    CHECK_OBJ(tls, STREAM_TLS_MAGIC);
    wake(tls, &tls->reader);
}

static void armTls(StreamTls *tls);

static void
tellEnd(StreamTls *tls)
{
    tls->isEnding = tlsStreamShutdown(tls->stream) == -EAGAIN;
    if (!tls->isEnding)
        shutdown(tls->fd, SHUT_WR);
}

static void
onReady(StreamTls *tls, unsigned what)
{
    CHECK_OBJ(tls, STREAM_TLS_MAGIC);
    if (tls->isEnding && tlsStreamWriteWants(tls->stream) == what)
        tellEnd(tls);
    if (tlsStreamWriteWants(tls->stream) == what)
        wake(tls, &tls->writer);
    if (tls->fd != -1 && tlsStreamReadWants(tls->stream) == what)
        wake(tls, &tls->reader);
    if (tls->fd != -1)
        armTls(tls);
}

static void
onReadable(int fd, void *data)
{
    (void)fd;
    onReady(data, COMM_SELECT_READ);
}

static void
onWritable(int fd, void *data)
{
    (void)fd;
    onReady(data, COMM_SELECT_WRITE);
}

static void
armTls(StreamTls *tls)
{
    unsigned wants = 0;

    if (tls->reader.handler != NULL)
        wants |= tlsStreamReadWants(tls->stream);
    if (tls->writer.handler != NULL || tls->isEnding)
        wants |= tlsStreamWriteWants(tls->stream);
    commSetSelect(tls->fd, COMM_SELECT_READ,
                  wants & COMM_SELECT_READ ? onReadable : NULL, tls, 0);
    commSetSelect(tls->fd, COMM_SELECT_WRITE,
                  wants & COMM_SELECT_WRITE ? onWritable : NULL, tls, 0);
}

Stream
streamOpen(int fd, TlsStream *stream)
{
    StreamTls *tls;

    if (stream == NULL)
        return (Stream){.fd = fd};
    tls = xcalloc(1, sizeof(*tls));
    tls->magic = STREAM_TLS_MAGIC;
    tls->fd = fd;
    tls->stream = stream;
    commDeferInit(&tls->again, onAgain, tls);
    return (Stream){.fd = fd, .tls = tls};
}

Stream
streamTake(Stream *stream)
{
    Stream taken = *stream;

    streamWaitRead(stream, NULL, NULL);
    streamWaitWrite(stream, NULL, NULL);
    *stream = (Stream){.fd = -1};
    return taken;
}

const TlsStream *
streamTls(const Stream *stream)
{
    return stream->tls != NULL ? stream->tls->stream : NULL;
}

ssize_t
streamRead(Stream *stream, void *out, size_t size)
{
    StreamTls *tls = stream->tls;

    if (tls == NULL)
        return recv(stream->fd, out, size, 0);
    CHECK_OBJ(tls, STREAM_TLS_MAGIC);
    ssize_t n = tlsStreamRead(tls->stream, out, size);
    tls->isDry = n <= 0;
    if (n == -1 && errno == EPROTO)
        debug(DBG_TLS, 2, "connection %d: %s", tls->fd,
              tlsStreamWhy(tls->stream));
    return n;
}

ssize_t
streamWritev(Stream *stream, const struct iovec *iov, int count)
{
    if (stream->tls == NULL)
        return writev(stream->fd, iov, count);
    CHECK_OBJ(stream->tls, STREAM_TLS_MAGIC);
    return tlsStreamWritev(stream->tls->stream, iov, count);
}

void
streamWaitRead(Stream *stream, CommSelectCb *handler, void *data)
{
    StreamTls *tls = stream->tls;

    if (tls == NULL) {
        commSetSelect(stream->fd, COMM_SELECT_READ, handler, data, 0);
        return;
    }
    CHECK_OBJ(tls, STREAM_TLS_MAGIC);
    tls->reader = (Waiter){.handler = handler, .data = data};
    if (handler == NULL)
        commDeferCancel(&tls->again);
    else if (!tls->isDry && tlsStreamHasPending(tls->stream))
        commDefer(&tls->again);
    armTls(tls);
}

void
streamWaitWrite(Stream *stream, CommSelectCb *handler, void *data)
{
    StreamTls *tls = stream->tls;

    if (tls == NULL) {
        commSetSelect(stream->fd, COMM_SELECT_WRITE, handler, data, 0);
        return;
    }
    CHECK_OBJ(tls, STREAM_TLS_MAGIC);
    tls->writer = (Waiter){.handler = handler, .data = data};
    armTls(tls);
}

int
streamShutdown(Stream *stream)
{
    StreamTls *tls = stream->tls;

    if (tls == NULL)
        return shutdown(stream->fd, SHUT_WR);
    CHECK_OBJ(tls, STREAM_TLS_MAGIC);
    tellEnd(tls);
    armTls(tls);
    return 0;
}

void
streamReset(Stream *stream)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};

    setsockopt(stream->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    if (stream->tls != NULL)
        stream->tls->isReset = true;
}

static void
closeTls(StreamTls *tls)
{
    CHECK_OBJ(tls, STREAM_TLS_MAGIC);
    commDeferCancel(&tls->again);
    if (!tls->isReset)
        tlsStreamShutdown(tls->stream);
    tlsStreamDestroy(&tls->stream);
    tls->fd = -1;
    commFreeLater(tls, freeTls);
}

void
streamClose(Stream *stream)
{
    Stream closed = *stream;

    *stream = (Stream){.fd = -1};
    if (closed.fd == -1)
        return;
    if (closed.tls != NULL)
        closeTls(closed.tls);
    commClose(closed.fd);
}
