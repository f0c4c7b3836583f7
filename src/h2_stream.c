/* One request of an HTTP/2 connection, and its pair of sockets. DEBUG:
 * section 33 */
#include "h2_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "debug.h"
#include "xalloc.h"

/* A head, a body as far as the window goes, the lines of its chunks. */
#define UP_MAX (4 * H2_FIELDS_MAX + 2 * H2_STREAM_WINDOW)
#define CHUNK_LINES 32 /* around one chunk, at most */
#define IN_MAX (H2_FIELDS_MAX + 2 * H2_READ_SIZE)
#define DOWN_MAX (64u * 1024)

struct H2Stream {
    uint32_t magic;
    ListNode node; /* in session->streams */
    H2Session *session;
    int32_t id;
    int fd; /* our end; -1: not open yet, or closed */
    H2Request request;
    HttpHeaders trailer; /* of the request */
    H2Reply reply;
    Buf up;      /* octets for the server */
    size_t owed; /* octets of the body that are not told to be consumed */
    Buf in;      /* octets of the server, not understood yet */
    Buf down;    /* octets of the body for the client */
    bool isStarted;
    bool isChunked;
    bool isUpEnded;  /* the client has said all */
    bool isDeaf;     /* the server takes no more */
    bool isReplyEnd; /* `down` has the last octets */
    bool isWaiting;  /* nghttp2 waits for more of `down` */
    bool isCounted;  /* it is one of session->active */
};

static CommSelectCb onDown;
static CommSelectCb onUp;

H2Stream *
h2StreamCreate(H2Session *session, int32_t id)
{
    H2Stream *stream = xcalloc(1, sizeof(*stream));

    stream->magic = H2_STREAM_MAGIC;
    stream->session = session;
    stream->id = id;
    stream->fd = -1;
    h2RequestInit(&stream->request);
    httpHeaderInit(&stream->trailer, H2_FIELDS_MAX);
    h2ReplyInit(&stream->reply, &stream->request);
    bufInit(&stream->up, UP_MAX);
    bufInit(&stream->in, IN_MAX);
    bufInit(&stream->down, DOWN_MAX);
    listPushBack(&session->streams, &stream->node);
    return stream;
}

H2Stream *
h2StreamOf(ListNode *node)
{
    return LIST_OBJ(node, H2Stream, node);
}

static void
closeFd(H2Stream *stream)
{
    if (stream->fd != -1)
        commClose(stream->fd);
    stream->fd = -1;
}

static void
freeStream(void *data)
{
    H2Stream *stream = data;

    CHECK_OBJ_CLEAR(stream);
    free(stream);
}

static void
uncount(H2Stream *stream)
{
    if (stream->isCounted)
        h2SessionCount(stream->session, -1);
    stream->isCounted = false;
}

void
h2StreamDestroy(H2Stream *stream)
{
    CHECK_OBJ(stream, H2_STREAM_MAGIC);
    closeFd(stream);
    uncount(stream);
    nghttp2_session_consume_connection(stream->session->frames, stream->owed);
    listRemove(&stream->node);
    h2RequestFini(&stream->request);
    httpHeaderFini(&stream->trailer);
    h2ReplyFini(&stream->reply);
    bufFini(&stream->up);
    bufFini(&stream->in);
    bufFini(&stream->down);
    commFreeLater(stream, freeStream);
}

/* Give it up; the client is told why by a code (RFC 9113 7). */
static void
reset(H2Stream *stream, uint32_t code, const char *why)
{
    debug(DBG_CLIENT, code == NGHTTP2_NO_ERROR ? 5 : 3, "HTTP/2 stream %d: %s",
          (int)stream->id, why);
    closeFd(stream);
    nghttp2_submit_rst_stream(stream->session->frames, NGHTTP2_FLAG_NONE,
                              stream->id, code);
    h2SessionWake(stream->session);
}

/* There is more for the client, or nothing more will be. */
static void
resume(H2Stream *stream)
{
    if (!stream->isWaiting)
        return;
    stream->isWaiting = false;
    nghttp2_session_resume_data(stream->session->frames, stream->id);
    h2SessionWake(stream->session);
}

/* What the server has taken, or what will be of no use to it, makes room for
 * more. */
static void
consume(H2Stream *stream)
{
    if (stream->owed == 0 || bufLen(&stream->up) >= H2_STREAM_WINDOW / 2)
        return;
    nghttp2_session_consume(stream->session->frames, stream->id, stream->owed);
    stream->owed = 0;
    h2SessionWake(stream->session);
}

static void
goDeaf(H2Stream *stream)
{
    stream->isDeaf = true;
    bufFini(&stream->up);
    consume(stream);
}

static void
flushUp(H2Stream *stream)
{
    Buf *up = &stream->up;

    while (bufLen(up) > 0) {
        ssize_t n = send(stream->fd, bufData(up), bufLen(up), MSG_NOSIGNAL);
        if (n == -1 && errno == EINTR)
            continue;
        if (n == -1 && errno == EAGAIN) {
            commSetSelect(stream->fd, COMM_SELECT_WRITE, onUp, stream, 0);
            break;
        }
        if (n == -1) {
            goDeaf(stream);
            return;
        }
        bufConsume(up, (size_t)n);
    }
    consume(stream);
    /* Only a tunnel has an end of its own; a request has its framing. */
    if (bufLen(up) == 0 && stream->isUpEnded && stream->reply.isTunnel)
        shutdown(stream->fd, SHUT_WR);
}

static void
onUp(int fd, void *data)
{
    H2Stream *stream = data;

    (void)fd;
    CHECK_OBJ(stream, H2_STREAM_MAGIC);
    flushUp(stream);
}

/* A field for nghttp2, which copies it and writes names small. */
static nghttp2_nv
makeField(const char *name, size_t nameLen, const char *value, size_t valueLen)
{
    return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name,
                        .namelen = nameLen,
                        .value = (uint8_t *)(uintptr_t)value,
                        .valuelen = valueLen};
}

/* text: what its value is written to. */
static nghttp2_nv
makeStatus(int status, char text[3])
{
    text[0] = (char)('0' + status / 100 % 10);
    text[1] = (char)('0' + status / 10 % 10);
    text[2] = (char)('0' + status % 10);
    return makeField(":status", strlen(":status"), text, 3);
}

/* An answer of our own, with nothing but a status. */
static void
refuse(H2Stream *stream, int status)
{
    char text[3];
    nghttp2_nv field = makeStatus(status, text);

    debug(DBG_CLIENT, 2, "HTTP/2 stream %d: the request is refused: %d",
          (int)stream->id, status);
    stream->isDeaf = true;
    nghttp2_submit_response(stream->session->frames, stream->id, &field, 1,
                            NULL);
    h2SessionWake(stream->session);
}

static void
openPair(H2Stream *stream)
{
    H2Session *session = stream->session;
    int ends[2];
    int rc;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
                   ends) < 0) {
        reset(stream, NGHTTP2_REFUSED_STREAM, strerror(errno));
        return;
    }
    stream->fd = ends[0];
    rc = commOpen(ends[0], "HTTP/2 request");
    CHECK(rc == 0);
    commSetSelect(stream->fd, COMM_SELECT_READ, onDown, stream, 0);
    flushUp(stream);
    rc = session->config.open(ends[1], session->config.data);
    if (rc < 0)
        reset(stream, NGHTTP2_REFUSED_STREAM, strerror(-rc));
}

void
h2StreamField(H2Stream *stream, HttpSlice name, HttpSlice value)
{
    CHECK_OBJ(stream, H2_STREAM_MAGIC);
    if (!stream->isStarted)
        h2RequestAdd(&stream->request, name, value);
    else if (stream->isChunked &&
             httpHeaderAdd(&stream->trailer, name, value) < 0)
        debug(DBG_CLIENT, 3, "HTTP/2 stream %d: a trailer field is left out",
              (int)stream->id);
}

void
h2StreamStart(H2Stream *stream, bool isEnd)
{
    int status;

    CHECK_OBJ(stream, H2_STREAM_MAGIC);
    stream->isStarted = stream->isCounted = true;
    stream->isUpEnded = isEnd;
    h2SessionCount(stream->session, 1);
    stream->isChunked = h2RequestIsChunked(&stream->request, !isEnd);
    status = h2RequestFormat(&stream->request,
                             stream->session->config.isOriginForm, !isEnd,
                             &stream->up);
    if (status != 0) {
        bufFini(&stream->up);
        refuse(stream, status);
        return;
    }
    h2ReplyFini(&stream->reply);
    h2ReplyInit(&stream->reply, &stream->request);
    h2RequestFini(&stream->request);
    openPair(stream);
}

/* -ENOBUFS: more lines of chunks than octets; no honest client does that. */
static int
putBody(H2Stream *stream, const void *data, size_t len)
{
    Buf *up = &stream->up;

    if (bufLen(up) + len + CHUNK_LINES > UP_MAX)
        return -ENOBUFS;
    if (!stream->isChunked)
        return bufAppend(up, data, len);
    int rc = bufPrintf(up, "%zx\r\n", len);
    if (rc == 0)
        rc = bufAppend(up, data, len);
    return rc == 0 ? bufAppend(up, "\r\n", 2) : rc;
}

void
h2StreamBody(H2Stream *stream, const uint8_t *data, size_t len)
{
    CHECK_OBJ(stream, H2_STREAM_MAGIC);
    stream->owed += len;
    if (stream->isDeaf || stream->fd == -1 || len == 0)
        consume(stream);
    else if (putBody(stream, data, len) < 0)
        reset(stream, NGHTTP2_ENHANCE_YOUR_CALM, "too many small frames");
    else
        flushUp(stream);
}

/* 0, or -ENOBUFS. */
static int
putLastChunk(H2Stream *stream)
{
    Buf *up = &stream->up;
    int rc = bufAppend(up, "0\r\n", 3);

    if (rc == 0)
        rc = httpHeaderFormat(&stream->trailer, up);
    return rc == 0 ? bufAppend(up, "\r\n", 2) : rc;
}

void
h2StreamEnd(H2Stream *stream)
{
    CHECK_OBJ(stream, H2_STREAM_MAGIC);
    stream->isUpEnded = true;
    if (stream->isDeaf || stream->fd == -1)
        return;
    if (stream->isChunked && putLastChunk(stream) < 0)
        reset(stream, NGHTTP2_ENHANCE_YOUR_CALM, "too long a trailer");
    else
        flushUp(stream);
    resume(stream);
}

/* What is still to come is of no use (RFC 9113 8.1). */
void
h2StreamAnswered(H2Stream *stream)
{
    CHECK_OBJ(stream, H2_STREAM_MAGIC);
    uncount(stream);
    if (!stream->isUpEnded)
        reset(stream, NGHTTP2_NO_ERROR, "it has its answer");
}

/* Put all fields into list. Returns how many. */
static size_t
listFields(const HttpHeaders *headers, nghttp2_nv list[HTTP_HEADER_FIELDS_MAX])
{
    const HttpField *field = NULL;
    size_t count = 0;

    while ((field = httpHeaderNext(headers, field)) != NULL)
        list[count++] = makeField(field->name, field->nameLen, field->value,
                                  field->valueLen);
    return count;
}

static void
submitTrailer(H2Stream *stream)
{
    nghttp2_nv list[HTTP_HEADER_FIELDS_MAX];
    size_t count = listFields(&stream->reply.trailer.headers, list);

    nghttp2_submit_trailer(stream->session->frames, stream->id, list, count);
}

/* Read on while there is room for all that one read can give. */
static void
armDown(H2Stream *stream)
{
    if (stream->fd != -1 && bufLen(&stream->down) + H2_READ_SIZE <= DOWN_MAX &&
        bufLen(&stream->in) + H2_READ_SIZE <= IN_MAX)
        commSetSelect(stream->fd, COMM_SELECT_READ, onDown, stream, 0);
}

/* Its end waits for that of the request, while the server takes that: some
 * clients stop in the middle otherwise, and take the answer for lost. */
static bool
mayEnd(const H2Stream *stream)
{
    return stream->isReplyEnd && (stream->isUpEnded || stream->fd == -1);
}

static ssize_t
onBodyWanted(nghttp2_session *frames, int32_t id, uint8_t *out, size_t size,
             uint32_t *flags, nghttp2_data_source *source, void *data)
{
    H2Stream *stream = source->ptr;
    size_t len = bufLen(&stream->down);

    (void)frames;
    (void)id;
    (void)data;
    CHECK_OBJ(stream, H2_STREAM_MAGIC);
    if (len > size)
        len = size;
    if (len > 0) {
        memcpy(out, bufData(&stream->down), len);
        bufConsume(&stream->down, len);
    }
    stream->isWaiting = len == 0 && !mayEnd(stream);
    if (stream->isWaiting)
        return NGHTTP2_ERR_DEFERRED;
    if (bufLen(&stream->down) == 0 && mayEnd(stream)) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (stream->reply.trailer.status != 0) {
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            submitTrailer(stream);
        }
    }
    armDown(stream);
    return (ssize_t)len;
}

static void
submitHead(H2Stream *stream, bool isInterim)
{
    nghttp2_session *frames = stream->session->frames;
    nghttp2_data_provider body = {.source.ptr = stream,
                                  .read_callback = onBodyWanted};
    const H2Reply *reply = &stream->reply;
    bool hasBody =
        reply->framing != HTTP_FRAMING_NONE || !stream->isUpEnded;
    nghttp2_nv list[1 + HTTP_HEADER_FIELDS_MAX];
    char status[3];
    size_t count = 1 + listFields(&reply->response.headers, list + 1);

    list[0] = makeStatus(reply->response.status, status);
    if (isInterim)
        nghttp2_submit_headers(frames, NGHTTP2_FLAG_NONE, stream->id, NULL,
                               list, count, NULL);
    else
        nghttp2_submit_response(frames, stream->id, list, count,
                                hasBody ? &body : NULL);
    h2SessionWake(stream->session);
}

/* The answer is complete. The server takes what is still to come of the
 * request, for a while. */
static void
finish(H2Stream *stream)
{
    stream->isReplyEnd = true;
    resume(stream);
}

/* Returns false when no more can be understood now. */
static bool
takeEvent(H2Stream *stream, H2ReplyEvent event, HttpSlice body)
{
    switch (event) {
    case H2_REPLY_INTERIM:
        submitHead(stream, true);
        return true;
    case H2_REPLY_HEAD:
        submitHead(stream, false);
        return true;
    case H2_REPLY_BODY:
        CHECK(bufAppend(&stream->down, body.data, body.len) == 0);
        return true;
    case H2_REPLY_DONE:
        finish(stream);
        return false;
    case H2_REPLY_ERROR:
        reset(stream, NGHTTP2_INTERNAL_ERROR, "the answer is malformed");
        return false;
    default:
        return false;
    }
}

static void
understand(H2Stream *stream)
{
    HttpSlice body = {0};
    H2ReplyEvent event;
    size_t used;

    do {
        event = h2ReplyFeed(&stream->reply, bufData(&stream->in),
                            bufLen(&stream->in), &used, &body);
        /* Consumed octets stay where they are until more are added. */
        bufConsume(&stream->in, used);
    } while (takeEvent(stream, event, body));
    if (bufLen(&stream->down) > 0)
        resume(stream);
}

/* The server is done with it. */
static void
noteEof(H2Stream *stream)
{
    if (!h2ReplyEnd(&stream->reply)) {
        reset(stream, NGHTTP2_INTERNAL_ERROR, "the answer is cut off");
        return;
    }
    closeFd(stream);
    goDeaf(stream);
    finish(stream);
}

static void
onDown(int fd, void *data)
{
    H2Stream *stream = data;
    char *room;
    ssize_t n;

    CHECK_OBJ(stream, H2_STREAM_MAGIC);
    if (bufLen(&stream->down) + H2_READ_SIZE > DOWN_MAX)
        return;
    room = bufReserve(&stream->in, H2_READ_SIZE);
    CHECK(room);
    n = recv(fd, room, H2_READ_SIZE, 0);
    if (n > 0 && !stream->isReplyEnd) {
        bufCommit(&stream->in, (size_t)n);
        understand(stream);
    } else if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR)) {
        noteEof(stream);
    }
    armDown(stream);
}
