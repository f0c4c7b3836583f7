/* One HTTP/2 connection: its frames, and when it ends. DEBUG: section 33 */
#include "h2_priv.h"

#include <errno.h>
#include <stdlib.h>

#include "check.h"
#include "debug.h"
#include "xalloc.h"

#define OUT_HIGH (64u * 1024) /* no more is made of streams above this */
#define OUT_MAX (2 * OUT_HIGH)
#define READS_PER_TURN 8

static CommSelectCb onReadable;
static CommSelectCb onWritable;

static void
freeSession(void *data)
{
    H2Session *session = data;

    CHECK_OBJ_CLEAR(session);
    free(session);
}

void
h2SessionClose(H2Session **sessionp)
{
    H2Session *session = *sessionp;
    ListNode *node;

    if (session == NULL)
        return;
    CHECK_OBJ(session, H2_SESSION_MAGIC);
    *sessionp = NULL;
    while ((node = listFirst(&session->streams)) != NULL)
        h2StreamDestroy(h2StreamOf(node));
    commDeferCancel(&session->flush);
    nghttp2_session_del(session->frames);
    bufFini(&session->out);
    streamClose(&session->stream);
    commFreeLater(session, freeSession);
}

static void
endSession(H2Session *session, const char *why)
{
    H2EndCb *end = session->config.end;
    void *data = session->config.data;

    debug(DBG_CLIENT, 3, "HTTP/2 client %d: %s", session->stream.fd, why);
    h2SessionClose(&session);
    end(data);
}

static void
onTimeout(int fd, void *data)
{
    H2Session *session = data;

    (void)fd;
    CHECK_OBJ(session, H2_SESSION_MAGIC);
    if (bufLen(&session->out) > 0 || session->isDraining) {
        endSession(session, "the client takes nothing");
        return;
    }
    h2SessionDrain(session);
}

/* One that has octets waiting may not stand still, one without requests goes
 * after a while; a request has the server's own limits. */
static void
armTimeout(H2Session *session)
{
    const H2Config *config = &session->config;
    int64_t leftMs = (session->idleUntilUs - commNowUs()) / 1000;
    int64_t ms = -1;

    if (bufLen(&session->out) > 0 && config->stallMs > 0)
        ms = config->stallMs;
    else if (session->active == 0 && config->idleMs > 0)
        ms = leftMs > 0 ? leftMs : 1;
    commSetTimeout(session->stream.fd, ms, onTimeout, session);
}

void
h2SessionCount(H2Session *session, int change)
{
    session->active += (unsigned)change;
    if (session->active == 0)
        session->idleUntilUs =
            commNowUs() + session->config.idleMs * INT64_C(1000);
    h2SessionWake(session);
}

void
h2SessionWake(H2Session *session)
{
    commDefer(&session->flush);
}

/* Frames that are due, as far as there is room. False: it is broken. */
static bool
makeFrames(H2Session *session)
{
    while (bufLen(&session->out) < OUT_HIGH) {
        const uint8_t *data;
        ssize_t n = nghttp2_session_mem_send(session->frames, &data);
        if (n <= 0)
            return n == 0;
        if (bufAppend(&session->out, data, (size_t)n) < 0)
            return false;
    }
    return true;
}

/* False: the connection is gone. */
static bool
sendFrames(H2Session *session)
{
    struct iovec iov = {.iov_base = bufData(&session->out),
                        .iov_len = bufLen(&session->out)};
    ssize_t n = streamWritev(&session->stream, &iov, 1);

    if (n >= 0)
        bufConsume(&session->out, (size_t)n);
    else if (errno == EAGAIN)
        streamWaitWrite(&session->stream, onWritable, session);
    return n >= 0 || errno == EAGAIN || errno == EINTR;
}

static void
onFlush(void *data)
{
    H2Session *session = data;
    size_t before;

    CHECK_OBJ(session, H2_SESSION_MAGIC);
    do {
        if (!makeFrames(session)) {
            endSession(session, "no more frames can be made");
            return;
        }
        before = bufLen(&session->out);
        if (before > 0 && !sendFrames(session)) {
            endSession(session, "writing failed");
            return;
        }
    } while (bufLen(&session->out) < before);
    if (before == 0 && !nghttp2_session_want_read(session->frames) &&
        !nghttp2_session_want_write(session->frames)) {
        endSession(session, "all is done");
        return;
    }
    armTimeout(session);
}

static void
onWritable(int fd, void *data)
{
    (void)fd;
    onFlush(data);
}

static void
onReadable(int fd, void *data)
{
    H2Session *session = data;
    uint8_t octets[H2_READ_SIZE];

    (void)fd;
    CHECK_OBJ(session, H2_SESSION_MAGIC);
    for (int i = 0; i < READS_PER_TURN; i++) {
        ssize_t n = streamRead(&session->stream, octets, sizeof(octets));
        if (n == -1 && (errno == EAGAIN || errno == EINTR))
            break;
        if (n <= 0) {
            endSession(session, "closed by client");
            return;
        }
        ssize_t used =
            nghttp2_session_mem_recv(session->frames, octets, (size_t)n);
        if (used < 0) {
            endSession(session, nghttp2_strerror((int)used));
            return;
        }
    }
    h2SessionWake(session);
    streamWaitRead(&session->stream, onReadable, session);
}

static H2Stream *
streamOf(nghttp2_session *frames, int32_t id)
{
    return nghttp2_session_get_stream_user_data(frames, id);
}

static int
onBeginHeaders(nghttp2_session *frames, const nghttp2_frame *frame, void *data)
{
    if (frame->hd.type == NGHTTP2_HEADERS &&
        frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        nghttp2_session_set_stream_user_data(
            frames, frame->hd.stream_id,
            h2StreamCreate(data, frame->hd.stream_id));
    return 0;
}

static int
onHeader(nghttp2_session *frames, const nghttp2_frame *frame,
         const uint8_t *name, size_t nameLen, const uint8_t *value,
         size_t valueLen, uint8_t flags, void *data)
{
    H2Stream *stream = streamOf(frames, frame->hd.stream_id);

    (void)flags;
    (void)data;
    if (stream != NULL)
        h2StreamField(stream, httpSlice((const char *)name, nameLen),
                      httpSlice((const char *)value, valueLen));
    return 0;
}

static int
onFrame(nghttp2_session *frames, const nghttp2_frame *frame, void *data)
{
    H2Stream *stream = streamOf(frames, frame->hd.stream_id);
    bool isEnd = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;

    (void)data;
    if (stream == NULL)
        return 0;
    if (frame->hd.type == NGHTTP2_HEADERS &&
        frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        h2StreamStart(stream, isEnd);
    else if (isEnd && (frame->hd.type == NGHTTP2_DATA ||
                       frame->hd.type == NGHTTP2_HEADERS))
        h2StreamEnd(stream);
    return 0;
}

static int
onData(nghttp2_session *frames, uint8_t flags, int32_t id,
       const uint8_t *octets, size_t len, void *data)
{
    H2Stream *stream = streamOf(frames, id);

    (void)flags;
    (void)data;
    if (stream != NULL)
        h2StreamBody(stream, octets, len);
    else
        nghttp2_session_consume_connection(frames, len);
    return 0;
}

static int
onFrameSent(nghttp2_session *frames, const nghttp2_frame *frame, void *data)
{
    H2Stream *stream = streamOf(frames, frame->hd.stream_id);

    (void)data;
    if (stream != NULL && frame->hd.flags & NGHTTP2_FLAG_END_STREAM &&
        (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS))
        h2StreamAnswered(stream);
    return 0;
}

static int
onStreamClose(nghttp2_session *frames, int32_t id, uint32_t code, void *data)
{
    H2Stream *stream = streamOf(frames, id);

    (void)code;
    (void)data;
    if (stream != NULL) {
        nghttp2_session_set_stream_user_data(frames, id, NULL);
        h2StreamDestroy(stream);
    }
    return 0;
}

static nghttp2_session *
createFrames(H2Session *session)
{
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option;
    nghttp2_session *frames;

    CHECK(nghttp2_session_callbacks_new(&callbacks) == 0);
    CHECK(nghttp2_option_new(&option) == 0);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks,
                                                            onBeginHeaders);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, onHeader);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, onFrame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks,
                                                              onData);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks,
                                                         onFrameSent);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks,
                                                           onStreamClose);
    nghttp2_option_set_no_auto_window_update(option, 1);
    CHECK(nghttp2_session_server_new2(&frames, callbacks, session, option) ==
          0);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    return frames;
}

static void
submitSettings(nghttp2_session *frames)
{
    static const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, H2_STREAMS_MAX},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2_STREAM_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, H2_FIELDS_MAX},
    };

    CHECK(nghttp2_submit_settings(frames, NGHTTP2_FLAG_NONE, settings,
                                  sizeof(settings) / sizeof(*settings)) == 0);
    CHECK(nghttp2_session_set_local_window_size(frames, NGHTTP2_FLAG_NONE, 0,
                                                (int32_t)H2_SESSION_WINDOW) ==
          0);
}

H2Session *
h2SessionStart(const H2Config *config, Stream stream)
{
    H2Session *session = xcalloc(1, sizeof(*session));

    session->magic = H2_SESSION_MAGIC;
    session->config = *config;
    session->stream = stream;
    listInit(&session->streams);
    bufInit(&session->out, OUT_MAX);
    commDeferInit(&session->flush, onFlush, session);
    session->frames = createFrames(session);
    submitSettings(session->frames);
    session->idleUntilUs = commNowUs() + config->idleMs * INT64_C(1000);
    streamWaitRead(&session->stream, onReadable, session);
    h2SessionWake(session);
    return session;
}

void
h2SessionDrain(H2Session *session)
{
    CHECK_OBJ(session, H2_SESSION_MAGIC);
    if (session->isDraining)
        return;
    session->isDraining = true;
    nghttp2_submit_goaway(
        session->frames, NGHTTP2_FLAG_NONE,
        nghttp2_session_get_last_proc_stream_id(session->frames),
        NGHTTP2_NO_ERROR, NULL, 0);
    h2SessionWake(session);
}
