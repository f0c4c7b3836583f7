/* An answer of the manager that goes on. DEBUG: section 16 */
#include "manager_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "comm.h"
#include "debug.h"
#include "xalloc.h"

#define STREAM_MAGIC 0x3a9a6e03u
#define OUT_MAX (512 * 1024)
#define RESUME_BELOW (OUT_MAX / 2) /* a reader that lost something */
#define CHUNK_EXTRA 16             /* length and line ends */
#define STALL_MS 300000
#define STREAMS_MAX 32

struct ManagerStream {
    uint32_t magic;
    ManagerConn *conn;
    ManagerStreamConfig config;
    Buf out;
    CommDeferred flush;
    uint64_t lost;  /* and not told yet */
    bool isBlocked; /* waits for room in the socket */
    bool isEnding;
    bool hasEnd; /* the last chunk is in out */
};

static unsigned streamCount;

static void
putChunk(Buf *out, const void *data, size_t len)
{
    bufPrintf(out, "%zx\r\n", len);
    bufAppend(out, data, len);
    bufAppend(out, "\r\n", 2);
}

static void
tellLost(ManagerStream *stream)
{
    Buf text;

    if (stream->lost == 0 || bufLen(&stream->out) > RESUME_BELOW)
        return;
    bufInit(&text, 1024);
    stream->config.lost(&text, stream->lost);
    putChunk(&stream->out, bufData(&text), bufLen(&text));
    bufFini(&text);
    stream->lost = 0;
}

/* What a reader has to be told still comes before the end. */
static void
putRest(ManagerStream *stream)
{
    tellLost(stream);
    if (!stream->isEnding || stream->hasEnd || stream->lost > 0)
        return;
    stream->hasEnd = bufAppend(&stream->out, "0\r\n\r\n", 5) == 0;
}

static void
onStalled(int fd, void *data)
{
    ManagerStream *stream = data;

    (void)fd;
    CHECK_OBJ(stream, STREAM_MAGIC);
    debug(DBG_MANAGER, 2, "manager: a reader that does not read is dropped");
    managerConnClose(stream->conn);
}

static void
onWritable(int fd, void *data)
{
    ManagerStream *stream = data;

    (void)fd;
    CHECK_OBJ(stream, STREAM_MAGIC);
    stream->isBlocked = false;
    commSetTimeout(fd, -1, NULL, NULL);
    commDefer(&stream->flush);
}

/* May close: last statement of its callers. */
static void
onFlush(void *data)
{
    ManagerStream *stream = data;

    CHECK_OBJ(stream, STREAM_MAGIC);
    int fd = stream->conn->fd;
    putRest(stream);
    while (bufLen(&stream->out) > 0 && !stream->isBlocked) {
        ssize_t n = write(fd, bufData(&stream->out), bufLen(&stream->out));
        if (n > 0) {
            bufConsume(&stream->out, (size_t)n);
            putRest(stream);
            continue;
        }
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN) {
            managerConnClose(stream->conn);
            return;
        }
        stream->isBlocked = true;
        commSetTimeout(fd, STALL_MS, onStalled, stream);
        commSetSelect(fd, COMM_SELECT_WRITE, onWritable, stream, 0);
    }
    if (stream->hasEnd && bufLen(&stream->out) == 0)
        managerConnSend(stream->conn); /* nothing more: lingers */
}

/* The reader has nothing to say but that it is gone. */
static void
onReadable(int fd, void *data)
{
    ManagerStream *stream = data;
    char sink[1024];

    CHECK_OBJ(stream, STREAM_MAGIC);
    ssize_t n = read(fd, sink, sizeof(sink));
    if (n > 0 || (n == -1 && (errno == EAGAIN || errno == EINTR)))
        commSetSelect(fd, COMM_SELECT_READ, onReadable, stream, 0);
    else
        managerConnClose(stream->conn);
}

ManagerStream *
managerStreamStart(ManagerConn *conn, const ManagerStreamConfig *config)
{
    if (streamCount >= STREAMS_MAX) {
        managerRouteRefuse(conn, 503, "", "too many streams");
        return NULL;
    }
    ManagerStream *stream = xcalloc(1, sizeof(*stream));
    stream->magic = STREAM_MAGIC;
    stream->conn = conn;
    stream->config = *config;
    bufInit(&stream->out, OUT_MAX);
    commDeferInit(&stream->flush, onFlush, stream);
    conn->stream = stream;
    streamCount++;
    bufPrintf(&stream->out,
              "HTTP/1.1 200 OK\r\nContent-Type: %s\r\n"
              "Transfer-Encoding: chunked\r\nCache-Control: no-store\r\n"
              "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
              config->type);
    commSetTimeout(conn->fd, -1, NULL, NULL);
    commSetSelect(conn->fd, COMM_SELECT_READ, onReadable, stream, 0);
    commDefer(&stream->flush);
    return stream;
}

void
managerStreamPut(ManagerStream *stream, const void *data, size_t len)
{
    CHECK_OBJ(stream, STREAM_MAGIC);
    if (stream->isEnding || len == 0)
        return;
    if (stream->lost > 0 ||
        bufLen(&stream->out) + len + CHUNK_EXTRA > OUT_MAX) {
        stream->lost++;
        return;
    }
    putChunk(&stream->out, data, len);
    if (!stream->isBlocked)
        commDefer(&stream->flush);
}

void
managerStreamEnd(ManagerStream *stream)
{
    CHECK_OBJ(stream, STREAM_MAGIC);
    if (stream->isEnding)
        return;
    stream->isEnding = true;
    if (!stream->isBlocked)
        commDefer(&stream->flush);
}

void
managerStreamDestroy(ManagerStream **streamp)
{
    ManagerStream *stream = *streamp;

    if (stream == NULL)
        return;
    CHECK_OBJ(stream, STREAM_MAGIC);
    *streamp = NULL;
    streamCount--;
    commDeferCancel(&stream->flush);
    stream->config.end(stream->config.data);
    bufFini(&stream->out);
    CHECK_OBJ_CLEAR(stream);
    commFreeLater(stream, free);
}
