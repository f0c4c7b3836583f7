/* mux_relay.c: requests of one Squid to a pool, and the answers back.
 * Section 85. */
#include "mux_relay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "check.h"
#include "comm.h"
#include "debug.h"
#include "list.h"
#include "mux_input.h"
#include "mux_output.h"
#include "xalloc.h"

/* Squid waits while one of these is reached; each bounds our memory. */
#define INFLIGHT_MAX 4096u
#define HELD_MAX (8u << 20) /* octets of requests, and of answers kept */
#define OUT_HIGH (256u << 10)

#define TELL_US (60 * 1000000ll) /* between two words on the same mistake */
#define SHOWN_MAX 60             /* octets of a wrong line in the log */

#define MUX_RELAY_MAGIC 0x3a71e0c5u
#define MUX_REQUEST_MAGIC 0x3a71e0d6u

#define REQUEST(n) LIST_OBJ(n, MuxRequest, node)

typedef struct MuxRequest {
    uint32_t magic;
    uint32_t held; /* octets counted in the relay */
    ListNode node; /* in relay->order, or in relay->spare */
    MuxRelay *relay;
    char *kept; /* with order: the line that waits for its turn */
    size_t keptLen;
    uint8_t idLen;
    char id[MUX_ID_MAX];
} MuxRequest;

struct MuxRelay {
    uint32_t magic;
    MuxRelayConfig config;
    HelperPool *pool;
    int inFd, outFd;
    int inFlags, outFlags; /* of the descriptors, as we got them */
    MuxInput input;
    Buf out;
    Buf line;       /* one answer, until it is known whether it must wait */
    ListNode order; /* without IDs: requests whose answer has not left */
    ListNode spare; /* request objects for reuse */
    size_t held;
    bool isPaused;
    bool isStopping; /* no more is read */
    bool isGone;     /* nobody reads what we say */
    bool isDone;     /* all is answered and written */
    bool waitsForRoom;
    CommDeferred settle;
    CommTimer *giveUpTimer;
    int64_t toldUs; /* when the log last complained of Squid's lines */
    MuxRelayStats stats;
};

static CommSelectCb onReadable;
static CommSelectCb onWritable;
static CommTimerCb onGiveUp;
static HelperReplyCb onReply;

static MuxRequest *
takeRequest(MuxRelay *relay, const MuxLine *line)
{
    ListNode *node = listFirst(&relay->spare);
    MuxRequest *request;

    if (node) {
        request = REQUEST(node);
        listRemove(node);
    } else {
        request = xcalloc(1, sizeof(*request));
        request->magic = MUX_REQUEST_MAGIC;
        request->relay = relay;
        listInit(&request->node);
    }
    request->idLen = (uint8_t)line->idLen;
    memcpy(request->id, line->id, line->idLen);
    request->held = (uint32_t)line->len;
    relay->held += request->held;
    relay->stats.inflight++;
    if (relay->config.isPlain)
        listPushBack(&relay->order, &request->node);
    return request;
}

static void
freeRequest(MuxRequest *request)
{
    MuxRelay *relay = request->relay;

    relay->held -= request->held + request->keptLen;
    relay->stats.inflight--;
    free(request->kept);
    request->kept = NULL;
    request->keptLen = 0;
    listRemove(&request->node);
    listPushFront(&relay->spare, &request->node);
}

/* Nobody is there to answer: end at once. What is left of the input needs no
 * answers. */
static void
giveUp(MuxRelay *relay, const char *why)
{
    if (relay->isGone || relay->isDone)
        return;
    debug(DBG_MUX, 1, "Squid does not take answers any more: %s", why);
    relay->isGone = relay->isStopping = true;
    bufClear(&relay->out);
    helperPoolStop(relay->pool, 0);
    commDefer(&relay->settle);
}

/* The answers that are next in order, and there. */
static void
releaseOrdered(MuxRelay *relay)
{
    ListNode *node;

    while ((node = listFirst(&relay->order)) && REQUEST(node)->kept) {
        MuxRequest *request = REQUEST(node);
        if (bufAppend(&relay->out, request->kept, request->keptLen) < 0)
            giveUp(relay, "too much waits for it");
        freeRequest(request);
    }
}

/* Without IDs: an answer leaves when all before it have left. */
static void
keepOrdered(MuxRequest *request)
{
    MuxRelay *relay = request->relay;

    request->keptLen = bufLen(&relay->line);
    request->kept = xmalloc(request->keptLen);
    memcpy(request->kept, bufData(&relay->line), request->keptLen);
    relay->held += request->keptLen;
    releaseOrdered(relay);
}

/* Where the answer to this request is to be put now. */
static Buf *
placeAnswer(MuxRequest *request)
{
    MuxRelay *relay = request->relay;

    if (!relay->config.isPlain || listFirst(&relay->order) == &request->node)
        return &relay->out;
    bufClear(&relay->line);
    return &relay->line;
}

/* The answer to request is in out. Takes request. */
static void
finishRequest(MuxRequest *request, const Buf *out, int error)
{
    MuxRelay *relay = request->relay;

    relay->stats.replies++;
    if (out == &relay->line && error == 0) {
        keepOrdered(request);
    } else {
        freeRequest(request);
        releaseOrdered(relay);
    }
    if (error < 0)
        giveUp(relay, "too much waits for it");
    commDefer(&relay->settle);
}

static void
onReply(const HelperReply *reply, void *data)
{
    MuxRequest *request = data;
    CHECK_OBJ(request, MUX_REQUEST_MAGIC);
    MuxRelay *relay = request->relay;
    HelperReply passed = {.result = HELPER_OK};
    bool isPassed =
        reply->result == HELPER_OVERLOAD && relay->config.isBypassing;

    if (relay->isGone) {
        freeRequest(request);
        releaseOrdered(relay);
        bufClear(&relay->out);
        commDefer(&relay->settle);
        return;
    }
    Buf *out = placeAnswer(request);
    int error = muxOutputReply(out, request->id, request->idLen,
                               isPassed ? &passed : reply);
    finishRequest(request, out, error);
}

static void
refuse(MuxRequest *request, const char *why)
{
    Buf *out = placeAnswer(request);

    request->relay->stats.refused++;
    debug(DBG_MUX, 1, "request %.*s refused: %s", (int)request->idLen,
          request->id, why);
    int error = muxOutputRefuse(out, request->id, request->idLen, why);
    finishRequest(request, out, error);
}

/* Why the pool does not take a line. */
static const char *
explainSubmit(int error)
{
    switch (error) {
    case -EINVAL:
        return "there is a NUL in the request";
    case -EMSGSIZE:
        return "the request is longer than the limit";
    default:
        return "stopping";
    }
}

static void
submit(MuxRelay *relay, const MuxLine *line)
{
    MuxRequest *request = takeRequest(relay, line);
    HelperReply reply;

    if (relay->config.hasCache &&
        helperLookup(relay->pool, line->text, line->len, &reply)) {
        onReply(&reply, request);
        return;
    }
    int error = helperSubmitLen(relay->pool, line->text, line->len, onReply,
                                request, NULL);
    if (error < 0)
        refuse(request, explainSubmit(error));
}

/* There is no telling Squid; it will see that its request is not answered. */
static void
complainOfNoId(MuxRelay *relay, const MuxLine *line)
{
    int shown = line->len < SHOWN_MAX ? (int)line->len : SHOWN_MAX;
    int64_t nowUs = commNowUs();

    relay->stats.refused++;
    if (relay->toldUs && nowUs - relay->toldUs < TELL_US)
        return;
    relay->toldUs = nowUs;
    debug(DBG_MUX, 0,
          "a request without channel-ID cannot be answered: \"%.*s\"%s; is "
          "concurrency= set in squid.conf? without it, use --plain",
          shown, line->text, line->len > SHOWN_MAX ? "..." : "");
}

static void
handleLine(MuxRelay *relay, MuxInputKind kind, const MuxLine *line)
{
    relay->stats.requests++;
    if (kind == MUX_INPUT_REQUEST) {
        submit(relay, line);
    } else if (kind == MUX_INPUT_NO_ID ||
               (line->idLen == 0 && !relay->config.isPlain)) {
        complainOfNoId(relay, line);
    } else {
        MuxLine empty = {line->id, line->idLen, "", 0};
        refuse(takeRequest(relay, &empty), explainSubmit(-EMSGSIZE));
    }
}

static bool
hasRoom(const MuxRelay *relay)
{
    return relay->stats.inflight < INFLIGHT_MAX && relay->held < HELD_MAX &&
           bufLen(&relay->out) < OUT_HIGH;
}

/* Hand over the lines that were read, as far as there is room for them. */
static void
takeLines(MuxRelay *relay, bool evenWithout)
{
    MuxInputKind kind;
    MuxLine line;

    while (evenWithout || hasRoom(relay)) {
        kind = muxInputNext(&relay->input, &line);
        if (kind == MUX_INPUT_NONE)
            return;
        handleLine(relay, kind, &line);
    }
    relay->isPaused = true;
    relay->stats.pauses++;
}

static void
wantMore(MuxRelay *relay)
{
    if (!relay->isStopping && !relay->isPaused)
        commSetSelect(relay->inFd, COMM_SELECT_READ, onReadable, relay, 0);
}

static void
takeEnd(MuxRelay *relay, const char *why)
{
    if (muxInputIsPartial(&relay->input))
        debug(DBG_MUX, 1, "%s within a line; it is not answered", why);
    debug(DBG_MUX, 2, "%s: stopping", why);
    muxRelayStop(relay);
}

static void
onReadable(int fd, void *data)
{
    MuxRelay *relay = data;
    CHECK_OBJ(relay, MUX_RELAY_MAGIC);
    size_t room;

    if (relay->isStopping)
        return;
    char *at = muxInputRoom(&relay->input, &room);
    ssize_t n = read(fd, at, room);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        wantMore(relay);
    } else if (n <= 0) {
        takeEnd(relay, n < 0 ? strerror(errno) : "end of input");
    } else {
        muxInputCommit(&relay->input, (size_t)n);
        takeLines(relay, false);
        wantMore(relay);
    }
}

static void
flushOut(MuxRelay *relay)
{
    if (relay->isGone)
        bufClear(&relay->out);
    while (bufLen(&relay->out) > 0 && !relay->waitsForRoom) {
        ssize_t n =
            write(relay->outFd, bufData(&relay->out), bufLen(&relay->out));
        if (n >= 0) {
            bufConsume(&relay->out, (size_t)n);
        } else if (errno == EAGAIN) {
            relay->waitsForRoom = true;
            commSetSelect(relay->outFd, COMM_SELECT_WRITE, onWritable, relay,
                          0);
        } else if (errno != EINTR) {
            giveUp(relay, strerror(errno));
        }
    }
}

static void
onWritable(int fd, void *data)
{
    MuxRelay *relay = data;
    CHECK_OBJ(relay, MUX_RELAY_MAGIC);

    (void)fd;
    relay->waitsForRoom = false;
    commDefer(&relay->settle);
}

/* Forget a descriptor that others may have, too, as it was before. */
static void
restoreFd(int fd, int flags)
{
    if (!commIsOpen(fd))
        return;
    (void)commRelease(fd);
    (void)fcntl(fd, F_SETFL, flags);
}

/* Squid sees the end now; helpers may take longer to leave. */
static void
finish(MuxRelay *relay)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    relay->isDone = true;
    commTimerCancel(&relay->giveUpTimer);
    restoreFd(relay->inFd, relay->inFlags);
    restoreFd(relay->outFd, relay->outFlags);
    if (fd < 0)
        return;
    (void)dup2(fd, relay->inFd);
    (void)dup2(fd, relay->outFd);
    close(fd);
}

static void
onSettle(void *data)
{
    MuxRelay *relay = data;
    CHECK_OBJ(relay, MUX_RELAY_MAGIC);

    if (relay->isDone)
        return;
    flushOut(relay);
    if (relay->isPaused && !relay->isGone && hasRoom(relay)) {
        relay->isPaused = false;
        takeLines(relay, false);
        wantMore(relay);
    }
    if (relay->isStopping && relay->stats.inflight == 0 &&
        bufLen(&relay->out) == 0)
        finish(relay);
}

static void
onGiveUp(void *data)
{
    MuxRelay *relay = data;
    CHECK_OBJ(relay, MUX_RELAY_MAGIC);

    relay->giveUpTimer = NULL;
    giveUp(relay, "the time to finish is over");
}

/* Take a descriptor into the loop, and remember how it was. 0 or -errno. */
static int
openFd(int fd, const char *note, int *flagsOut)
{
    *flagsOut = fcntl(fd, F_GETFL);
    if (*flagsOut < 0)
        return -errno;
    return commOpen(fd, note);
}

MuxRelay *
muxRelayCreate(HelperPool *pool, const MuxRelayConfig *config, int inFd,
               int outFd)
{
    MuxRelay *relay = xcalloc(1, sizeof(*relay));
    size_t answerMax = config->replyMax + MUX_ID_MAX + MUX_OUTPUT_MORE;

    relay->magic = MUX_RELAY_MAGIC;
    relay->config = *config;
    relay->pool = pool;
    relay->inFd = inFd;
    relay->outFd = outFd;
    listInit(&relay->order);
    listInit(&relay->spare);
    muxInputInit(&relay->input, !config->isPlain, config->lineMax);
    /* No more can come: each request in flight has one answer. */
    bufInit(&relay->out, OUT_HIGH + (INFLIGHT_MAX + 1) * answerMax);
    bufInit(&relay->line, answerMax);
    commDeferInit(&relay->settle, onSettle, relay);
    int error = openFd(inFd, "requests", &relay->inFlags);
    if (error == 0)
        error = openFd(outFd, "answers", &relay->outFlags);
    if (error < 0) {
        muxRelayDestroy(&relay);
        errno = -error;
        return NULL;
    }
    wantMore(relay);
    return relay;
}

void
muxRelayStop(MuxRelay *relay)
{
    CHECK_OBJ(relay, MUX_RELAY_MAGIC);

    if (relay->isStopping)
        return;
    commSetSelect(relay->inFd, COMM_SELECT_READ, NULL, NULL, 0);
    takeLines(relay, true);
    relay->isStopping = true;
    helperPoolStop(relay->pool, relay->config.drainMs);
    /* A little more, for the answers that say so. */
    relay->giveUpTimer =
        commTimerAdd(relay->config.drainMs + 1000, onGiveUp, relay);
    commDefer(&relay->settle);
}

bool
muxRelayIsStopping(const MuxRelay *relay)
{
    return relay->isStopping;
}

void
muxRelayStats(const MuxRelay *relay, MuxRelayStats *statsOut)
{
    *statsOut = relay->stats;
    statsOut->outOctets = bufLen(&relay->out);
}

void
muxRelayDestroy(MuxRelay **relay)
{
    MuxRelay *old = *relay;
    ListNode *node;

    *relay = NULL;
    if (!old)
        return;
    CHECK_OBJ(old, MUX_RELAY_MAGIC);
    CHECK(old->stats.inflight == 0);
    commDeferCancel(&old->settle);
    commTimerCancel(&old->giveUpTimer);
    restoreFd(old->inFd, old->inFlags);
    restoreFd(old->outFd, old->outFlags);
    while ((node = listFirst(&old->spare))) {
        listRemove(node);
        CHECK_OBJ_CLEAR(REQUEST(node));
        free(REQUEST(node));
    }
    muxInputFini(&old->input);
    bufFini(&old->out);
    bufFini(&old->line);
    CHECK_OBJ_CLEAR(old);
    free(old);
}
