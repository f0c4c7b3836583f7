/* Relaying between two connections, by splice where both are plain. DEBUG:
 * section 26 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "buf.h"
#include "check.h"
#include "comm.h"
#include "debug.h"
#include "fd.h"
#include "tunnel.h"
#include "xalloc.h"

#define TUNNEL_MAGIC 0x7099e100u
#define CHUNK 65536
#define COPY_CHUNK 16384
#define ROUNDS_PER_TURN 8
#define PIPES_KEPT 64
#define PIPES_SHARE 16 /* one pipe for so many of our descriptors */

/* One direction. At most one of `held` and `copied` has octets. */
typedef struct TunnelFlow {
    Tunnel *tunnel;
    Stream *from;
    Stream *to;
    int pipeFds[2]; /* -1 while there is nothing to relay */
    size_t held;    /* octets in the pipe */
    Buf copied;     /* early octets, those of TLS or of a time without pipes */
    uint64_t moved;
    bool isEof;
    bool isShut; /* the end was passed on */
} TunnelFlow;

struct Tunnel {
    uint32_t magic;
    Stream client;
    Stream origin;
    int64_t idleMs;
    TunnelEndCb *cb;
    void *data;
    TunnelFlow up;
    TunnelFlow down;
};

static struct {
    int fds[PIPES_KEPT][2];
    unsigned count;
    size_t open; /* pipes in use, and these */
} kept;

static void pump(TunnelFlow *flow);

static void
takePipe(TunnelFlow *flow)
{
    if (flow->from->tls != NULL || flow->to->tls != NULL)
        return;
    if (kept.count > 0) {
        kept.count--;
        flow->pipeFds[0] = kept.fds[kept.count][0];
        flow->pipeFds[1] = kept.fds[kept.count][1];
        return;
    }
    /* Others need descriptors too, and we can do without. */
    if (kept.open >= fdLimit() / PIPES_SHARE)
        return;
    if (pipe2(flow->pipeFds, O_CLOEXEC | O_NONBLOCK) == -1) {
        debug(DBG_TUNNEL, 3, "tunnel: no pipe (errno %d), copying", errno);
        flow->pipeFds[0] = flow->pipeFds[1] = -1;
        return;
    }
    kept.open++;
}

static void
closePipe(int fds[2])
{
    fdClosep(&fds[0]);
    fdClosep(&fds[1]);
    kept.open--;
}

static void
givePipe(TunnelFlow *flow)
{
    if (flow->pipeFds[0] == -1)
        return;
    if (flow->held == 0 && kept.count < PIPES_KEPT) {
        kept.fds[kept.count][0] = flow->pipeFds[0];
        kept.fds[kept.count][1] = flow->pipeFds[1];
        kept.count++;
        flow->pipeFds[0] = flow->pipeFds[1] = -1;
        return;
    }
    closePipe(flow->pipeFds);
}

void
tunnelFini(void)
{
    while (kept.count > 0) {
        kept.count--;
        closePipe(kept.fds[kept.count]);
    }
}

static void
freeTunnel(void *data)
{
    Tunnel *tunnel = data;

    CHECK_OBJ_CLEAR(tunnel);
    free(tunnel);
}

static void
finiFlow(TunnelFlow *flow)
{
    givePipe(flow);
    bufFini(&flow->copied);
}

static void
releaseTunnel(Tunnel *tunnel, TunnelEnd *end)
{
    end->fromClient = tunnel->up.moved;
    end->fromOrigin = tunnel->down.moved;
    finiFlow(&tunnel->up);
    finiFlow(&tunnel->down);
    streamClose(&tunnel->client);
    streamClose(&tunnel->origin);
    commFreeLater(tunnel, freeTunnel);
}

/* What broke off on one side must not look whole on the other. */
static void
passAccident(Stream *stream)
{
    if (stream->tls != NULL)
        streamReset(stream);
}

static void
finishTunnel(Tunnel *tunnel, int errnum, bool isTimedOut)
{
    TunnelEndCb *cb = tunnel->cb;
    void *data = tunnel->data;
    TunnelEnd end = {.errnum = errnum, .isTimedOut = isTimedOut};

    if (errnum != 0) {
        passAccident(&tunnel->client);
        passAccident(&tunnel->origin);
    }
    releaseTunnel(tunnel, &end);
    cb(&end, data);
}

static void
onIdle(int fd, void *data)
{
    Tunnel *tunnel = data;

    (void)fd;
    CHECK_OBJ(tunnel, TUNNEL_MAGIC);
    finishTunnel(tunnel, ETIMEDOUT, true);
}

static void
noteProgress(Tunnel *tunnel)
{
    if (tunnel->idleMs > 0)
        commSetTimeout(tunnel->client.fd, tunnel->idleMs, onIdle, tunnel);
}

static void
onFlowReady(int fd, void *data)
{
    TunnelFlow *flow = data;

    (void)fd;
    CHECK_OBJ(flow->tunnel, TUNNEL_MAGIC);
    pump(flow);
}

static void
waitReadable(TunnelFlow *flow)
{
    givePipe(flow);
    bufFini(&flow->copied);
    streamWaitRead(flow->from, onFlowReady, flow);
}

static void
waitWritable(TunnelFlow *flow)
{
    streamWaitWrite(flow->to, onFlowReady, flow);
}

static ssize_t
flushCopied(TunnelFlow *flow)
{
    struct iovec iov = {.iov_base = bufData(&flow->copied),
                        .iov_len = bufLen(&flow->copied)};
    ssize_t n = streamWritev(flow->to, &iov, 1);

    if (n > 0)
        bufConsume(&flow->copied, (size_t)n);
    return n;
}

static ssize_t
flushPipe(TunnelFlow *flow)
{
    ssize_t n = splice(flow->pipeFds[0], NULL, flow->to->fd, NULL, flow->held,
                       SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

    if (n > 0)
        flow->held -= (size_t)n;
    return n;
}

static bool
isFlowEmpty(const TunnelFlow *flow)
{
    return flow->held == 0 && bufLen(&flow->copied) == 0;
}

/* 0, or -errno. */
static int
flushFlow(TunnelFlow *flow)
{
    while (!isFlowEmpty(flow)) {
        ssize_t n =
            bufLen(&flow->copied) > 0 ? flushCopied(flow) : flushPipe(flow);
        if (n == -1)
            return -errno;
        flow->moved += (uint64_t)n;
        noteProgress(flow->tunnel);
    }
    return 0;
}

static ssize_t
fillCopied(TunnelFlow *flow)
{
    char *room = bufReserve(&flow->copied, COPY_CHUNK);
    ssize_t n = streamRead(flow->from, room, COPY_CHUNK);

    if (n > 0)
        bufCommit(&flow->copied, (size_t)n);
    return n;
}

static ssize_t
fillPipe(TunnelFlow *flow)
{
    ssize_t n = splice(flow->from->fd, NULL, flow->pipeFds[1], NULL, CHUNK,
                       SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

    if (n > 0)
        flow->held += (size_t)n;
    return n;
}

/* 0, or -errno. */
static int
fillFlow(TunnelFlow *flow)
{
    if (flow->pipeFds[0] == -1)
        takePipe(flow);
    ssize_t n = flow->pipeFds[0] == -1 ? fillCopied(flow) : fillPipe(flow);
    if (n == -1)
        return -errno;
    flow->isEof = n == 0;
    return 0;
}

static void
passEnd(TunnelFlow *flow)
{
    Tunnel *tunnel = flow->tunnel;

    givePipe(flow);
    streamShutdown(flow->to);
    flow->isShut = true;
    if (tunnel->up.isShut && tunnel->down.isShut)
        finishTunnel(tunnel, 0, false);
}

static void
pump(TunnelFlow *flow)
{
    for (int round = 0; round < ROUNDS_PER_TURN; round++) {
        int rc = flushFlow(flow);
        if (rc == -EAGAIN) {
            waitWritable(flow);
            return;
        }
        if (rc == 0 && flow->isEof) {
            passEnd(flow);
            return;
        }
        if (rc == 0)
            rc = fillFlow(flow);
        if (rc == -EAGAIN) {
            waitReadable(flow);
            return;
        }
        if (rc < 0 && rc != -EINTR) {
            finishTunnel(flow->tunnel, -rc, false);
            return;
        }
    }
    /* Others have their turn too. */
    waitWritable(flow);
}

static void
initFlow(TunnelFlow *flow, Stream *from, Stream *to, const char *first,
         size_t len)
{
    flow->from = from;
    flow->to = to;
    flow->pipeFds[0] = flow->pipeFds[1] = -1;
    bufInit(&flow->copied, len > COPY_CHUNK ? len : COPY_CHUNK);
    if (len > 0)
        bufAppend(&flow->copied, first, len);
}

Tunnel *
tunnelStart(const TunnelConfig *config)
{
    Tunnel *tunnel = xcalloc(1, sizeof(*tunnel));

    tunnel->magic = TUNNEL_MAGIC;
    tunnel->client = config->client;
    tunnel->origin = config->origin;
    tunnel->idleMs = config->idleMs;
    tunnel->cb = config->cb;
    tunnel->data = config->data;
    tunnel->up.tunnel = tunnel->down.tunnel = tunnel;
    initFlow(&tunnel->up, &tunnel->client, &tunnel->origin, config->early,
             config->earlyLen);
    initFlow(&tunnel->down, &tunnel->origin, &tunnel->client, config->greeting,
             config->greetingLen);
    /* What the loop held for this descriptor was its former owner's. */
    commSetTimeout(tunnel->client.fd, -1, NULL, NULL);
    noteProgress(tunnel);
    waitWritable(&tunnel->up);
    waitWritable(&tunnel->down);
    return tunnel;
}

void
tunnelClose(Tunnel **tunnel, TunnelEnd *endOut)
{
    TunnelEnd end = {0};

    if (*tunnel == NULL)
        return;
    CHECK_OBJ(*tunnel, TUNNEL_MAGIC);
    releaseTunnel(*tunnel, &end);
    *tunnel = NULL;
    if (endOut != NULL)
        *endOut = end;
}
