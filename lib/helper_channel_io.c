/* helper_channel_io.c: request lines to one process, and its answers.
 * Section 84. */
#include "helper_priv.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "debug.h"
#include "xalloc.h"

#define OUT_FIRST 4u
#define PIECE                                                                  \
    16384                /* so much does not wait for the end of the turn: the \
                            process may begin while we go on */
#define OWN_CHUNK_LOAD 8 /* requests that make lines of its own worth it */
#define READ_REST_MAX 64 /* reads of what an ended process left */
#define PLACES_FIRST 8u
#define SHOWN_MAX 80 /* octets of a wrong line in the log */

#define REQUEST(n) LIST_OBJ(n, HelperRequest, node)

static CommSelectCb onReadable;
static CommSelectCb onWritable;

static void
growIds(HelperChannel *channel)
{
    uint32_t count = channel->idPlaces ? channel->idPlaces * 2 : PLACES_FIRST;
    HelperRequest **table = xcalloc(count, sizeof(*table));
    ListNode *node, *tmp;

    LIST_FOREACH(&channel->inflight, node, tmp)
        table[REQUEST(node)->id & (count - 1)] = REQUEST(node);
    free(channel->byId);
    channel->byId = table;
    channel->idPlaces = count;
}

/* Channel-IDs count up from 1, as Squid's do, so that none is used again
 * before two thousand million others. */
static void
takeId(HelperChannel *channel, HelperRequest *request)
{
    if ((channel->place.load + 1) * 2 > channel->idPlaces)
        growIds(channel);
    uint32_t mask = channel->idPlaces - 1;
    uint32_t id = channel->lastId;
    do
        id = id < HELPER_PROTO_ID_MAX ? id + 1 : 1;
    while (channel->byId[id & mask]);
    channel->lastId = request->id = id;
    channel->byId[id & mask] = request;
}

/* Add octets to what is to be written; neighbours become one piece. */
static void
appendOut(HelperChannel *channel, char *data, size_t len)
{
    channel->sent += len;
    if (channel->outCount > channel->outFirst) {
        struct iovec *last = &channel->out[channel->outCount - 1];
        if ((char *)last->iov_base + last->iov_len == data) {
            last->iov_len += len;
            return;
        }
    }
    if (channel->outCount == channel->outSize) {
        channel->outSize = channel->outSize ? channel->outSize * 2 : OUT_FIRST;
        channel->out =
            xrealloc(channel->out, channel->outSize * sizeof(*channel->out));
    }
    channel->out[channel->outCount++] = (struct iovec){data, len};
}

void
helperChannelDropOutput(HelperChannel *channel)
{
    free(channel->out);
    channel->out = NULL;
    channel->outFirst = channel->outCount = channel->outSize = 0;
    helperTextUnref(&channel->pool->texts, &channel->chunk);
}

static void
markDirty(HelperChannel *channel)
{
    HelperPool *pool = channel->pool;

    if (channel->waitsForRoom || !listIsEmpty(&channel->dirtyNode))
        return;
    listPushBack(&pool->dirty, &channel->dirtyNode);
    helperPoolSettle(pool);
}

static void
countIn(HelperChannel *channel, HelperRequest *request)
{
    HelperPool *pool = channel->pool;

    pool->inflight++;
    if (request->tries++ == 0)
        helperHistogramAdd(&pool->queueUs,
                           request->dispatchUs - request->submitUs);
    if (++channel->requests == channel->requestsMax)
        helperRetireNote(channel, HELPER_GONE_REQUESTS);
}

/* Take a request in, whose line and ID are in its chunk. */
static void
admit(HelperChannel *channel, HelperRequest *request, int64_t nowUs)
{
    HelperPool *pool = channel->pool;

    CHECK(request->state == HELPER_REQUEST_LOOSE);
    request->state = HELPER_REQUEST_SENT;
    request->channel = channel;
    request->attempts++;
    request->dispatchUs = nowUs;
    if (request->kind != HELPER_KIND_PROBE)
        countIn(channel, request);
    appendOut(channel, request->chunk->data + request->textAt - request->idLen,
              request->textLen + request->idLen);
    request->wireEnd = channel->sent;
    listPushBack(&channel->inflight, &request->node);
    helperPlaceLoad(&pool->place, &channel->place);
    if (!request->cb)
        helperQueueWatchProcess(request);
    markDirty(channel);
    if (channel->sent - channel->written >= PIECE && !channel->waitsForRoom)
        helperChannelFlush(channel);
}

void
helperChannelAsk(HelperChannel *channel, HelperRequest *request,
                 const char *line, size_t len)
{
    HelperPool *pool = channel->pool;
    HelperChunk **current =
        channel->place.load < OWN_CHUNK_LOAD ? &pool->chunk : &channel->chunk;
    size_t idLen = 0;

    char *room =
        helperTextReserve(&pool->texts, current, HELPER_ID_ROOM + len + 1);
    if (channel->hasIds) {
        takeId(channel, request);
        idLen = helperProtoFormatId(request->id, room);
    }
    memcpy(room + idLen, line, len);
    room[idLen + len] = '\n';
    request->idLen = (uint8_t)idLen;
    request->hasIdRoom = false;
    request->textLen = (uint32_t)len + 1;
    request->textAt = (uint32_t)(room + idLen - (*current)->data);
    request->chunk = helperTextCommit(*current, idLen + len + 1);
    admit(channel, request, request->submitUs);
}

void
helperChannelDispatch(HelperChannel *channel, HelperRequest *request,
                      int64_t nowUs)
{
    char id[HELPER_ID_ROOM];

    request->idLen = 0;
    if (channel->hasIds) {
        if (!request->hasIdRoom)
            helperRequestKeep(request, request->chunk->data + request->textAt,
                              request->textLen - 1);
        takeId(channel, request);
        request->idLen = (uint8_t)helperProtoFormatId(request->id, id);
        memcpy(request->chunk->data + request->textAt - request->idLen, id,
               request->idLen);
    }
    admit(channel, request, nowUs);
}

bool
helperChannelHasBegun(const HelperChannel *channel,
                      const HelperRequest *request)
{
    return request->wireEnd - request->textLen - request->idLen <
           channel->written;
}

/* A process without work keeps no memory for lines. */
static void
becomeIdle(HelperChannel *channel)
{
    if (channel->state == HELPER_CHANNEL_RETIRING)
        helperPoolSettle(channel->pool);
    if (channel->chunk)
        helperTextUnref(&channel->pool->texts, &channel->chunk);
}

void
helperChannelDetach(HelperChannel *channel, HelperRequest *request)
{
    if (channel->hasIds)
        channel->byId[request->id & (channel->idPlaces - 1)] = NULL;
    listRemove(&request->node);
    helperPlaceUnload(&channel->pool->place, &channel->place);
    if (request->kind == HELPER_KIND_PROBE)
        channel->probedUs = commNowUs();
    else if (channel->place.load == 0)
        channel->idleUs = commNowUs();
    if (request->state == HELPER_REQUEST_SENT)
        channel->pool->inflight -= request->kind != HELPER_KIND_PROBE;
    else if (request->isOverdue)
        channel->overdue--;
    if (!request->cb)
        listRemove(&request->deadlineNode);
    if (channel->place.load == 0)
        becomeIdle(channel);
    request->state = HELPER_REQUEST_LOOSE;
    request->channel = NULL;
    if (!listIsEmpty(&channel->pool->queue))
        helperPoolSettle(channel->pool);
}

void
helperChannelAbandon(HelperChannel *channel, HelperRequest *request)
{
    channel->pool->inflight--;
    helperQueueSetOverdue(request);
}

/* True for a process without channel-IDs that may get lines ahead. */
static bool
isSentAhead(const HelperChannel *channel)
{
    return !channel->hasIds && channel->pool->config.pipeline > 1;
}

/* Write once; the octets written, or -1 with errno. */
static ssize_t
writeOut(const HelperChannel *channel)
{
    struct iovec *first = channel->out + channel->outFirst;
    unsigned count = channel->outCount - channel->outFirst;
    struct msghdr message = {
        .msg_iov = first,
        .msg_iovlen = count < IOV_MAX ? count : IOV_MAX,
    };

    if (channel->writeFd != channel->readFd)
        return writev(channel->writeFd, first, (int)message.msg_iovlen);
    if (count == 1)
        return send(channel->writeFd, first->iov_base, first->iov_len,
                    MSG_NOSIGNAL);
    return sendmsg(channel->writeFd, &message, MSG_NOSIGNAL);
}

static void
consumeOut(HelperChannel *channel, size_t len)
{
    channel->written += len;
    if (channel->written == channel->sent) {
        channel->outFirst = channel->outCount = 0;
        return;
    }
    while (len >= channel->out[channel->outFirst].iov_len)
        len -= channel->out[channel->outFirst++].iov_len;
    struct iovec *first = channel->out + channel->outFirst;
    first->iov_base = (char *)first->iov_base + len;
    first->iov_len -= len;
}

static void
waitForRoom(HelperChannel *channel)
{
    channel->waitsForRoom = true;
    commSetSelect(channel->writeFd, COMM_SELECT_WRITE, onWritable, channel, 0);
}

void
helperChannelFlush(HelperChannel *channel)
{
    listRemove(&channel->dirtyNode);
    while (channel->written < channel->sent && channel->out) {
        ssize_t n = writeOut(channel);
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            /* What it said before is still to be read; then comes EOF. */
            helperChannelLose(channel, strerror(errno));
            return;
        }
        if (n < 0) {
            waitForRoom(channel);
            return;
        }
        uint64_t from = channel->written;
        consumeOut(channel, (size_t)n);
        if (isSentAhead(channel))
            helperAheadWritten(channel, from);
    }
}

static void
onWritable(int fd, void *data)
{
    HelperChannel *channel = data;
    CHECK_OBJ(channel, HELPER_CHANNEL_MAGIC);

    (void)fd;
    channel->waitsForRoom = false;
    helperChannelFlush(channel);
}

/* The request that a line with this ID answers, or NULL. */
static HelperRequest *
lookupId(const HelperChannel *channel, uint32_t id)
{
    if (channel->idPlaces == 0)
        return NULL;
    HelperRequest *request = channel->byId[id & (channel->idPlaces - 1)];
    return request && request->id == id ? request : NULL;
}

/* What a line without channel-ID comes from, most likely. */
static const char *
explainNoId(const HelperChannel *channel)
{
    if (channel->place.load == 0)
        return "it spoke without being asked";
    if (channel->hasAnswered)
        return "it said a line without channel-ID; does something print to "
               "its stdout?";
    return "it answered without channel-ID; is concurrency= set for a helper "
           "that does not support it?";
}

/* What is wrong with the answer, or NULL and the request it belongs to.
 * *skipOut: octets of the channel-ID. */
static const char *
matchLine(const HelperChannel *channel, const char *line, size_t len,
          size_t *skipOut, HelperRequest **requestOut)
{
    HelperRequest *request = NULL;
    uint32_t id;

    *skipOut = 0;
    if (!channel->hasIds) {
        ListNode *first = listFirst(&channel->inflight);
        request = first ? REQUEST(first) : NULL;
        if (!request)
            return "it spoke without being asked";
    } else {
        *skipOut = helperProtoParseId(line, len, &id);
        if (*skipOut == 0)
            return explainNoId(channel);
        request = lookupId(channel, id);
        if (!request)
            return "it answered a channel-ID that is not asked: twice, or "
                   "one of its own making";
    }
    if (request->wireEnd > channel->written)
        return "it answered before it was asked";
    *requestOut = request;
    return NULL;
}

/* True when no request of a process without channel-IDs, after this one, can
 * have an answer yet. */
static bool
isLastAsked(const HelperChannel *channel, const HelperRequest *request)
{
    ListNode *next = request->node.next;

    return next == &channel->inflight ||
           REQUEST(next)->wireEnd > channel->written;
}

void
helperChannelFailForLine(HelperChannel *channel, const char *wrong,
                         const char *line, size_t len)
{
    int shown = len < SHOWN_MAX ? (int)len : SHOWN_MAX;
    char why[256];

    snprintf(why, sizeof(why), "%s: \"%.*s\"%s", wrong, shown, line,
             len > SHOWN_MAX ? "..." : "");
    for (char *at = why; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            *at = '?';
    helperChannelFail(
        channel, channel->probe ? HELPER_GONE_PROBE : HELPER_GONE_GARBAGE, why);
}

/* What came after the answer that was due. */
static void
failForExtra(HelperChannel *channel, const char *extra, size_t len)
{
    const char *end = memchr(extra, channel->pool->config.endMark, len);

    helperChannelFailForLine(channel, "it answered with a line too many", extra,
                             end ? (size_t)(end - extra) : len);
}

/* One line, without its end. rest: octets that came after it. False when no
 * more can be read from the channel. */
static bool
takeLine(HelperChannel *channel, char *line, size_t len, size_t rest)
{
    HelperRequest *request = NULL;
    size_t skip;

    const char *wrong = matchLine(channel, line, len, &skip, &request);
    if (!wrong && rest > 0 && !channel->hasIds &&
        isLastAsked(channel, request)) {
        failForExtra(channel, line + len + 1, rest);
        return false;
    }
    if (!wrong && len >= channel->pool->config.replyMax)
        wrong = "its answer is longer than the limit";
    if (wrong) {
        helperChannelFailForLine(channel, wrong, line, len);
        return false;
    }

    bool isWanted = request->state != HELPER_REQUEST_ABANDONED;
    helperChannelDetach(channel, request);
    channel->missed = 0;
    if (request->kind == HELPER_KIND_PROBE) {
        helperProbeReplied(channel, request, line + skip, len - skip);
        return channel->readFd >= 0;
    }
    channel->replies++;
    if (!channel->hasAnswered)
        helperChannelAnswered(channel);
    if (isSentAhead(channel))
        helperAheadAnswered(channel, request);
    helperBriefAdd(&channel->serviceUs,
                   channel->pool->thread->readUs - request->dispatchUs);
    if (isWanted)
        helperPoolReplied(request, channel, line + skip, len - skip);
    else
        helperPoolRepliedLate(request, channel, line + skip, len - skip);
    return channel->readFd >= 0;
}

/* Handle all whole lines in text; octets used. The last unused ones have no
 * end from `from` on. */
static size_t
takeLines(HelperChannel *channel, char *text, size_t len, size_t from)
{
    const char mark = channel->pool->config.endMark;
    size_t used = 0;
    char *end;

    while ((end = memchr(text + from, mark, len - from))) {
        char *line = text + used;
        *end = '\0';
        used = from = (size_t)(end - text) + 1;
        if (!takeLine(channel, line, (size_t)(end - line), len - used))
            return len;
    }
    return used;
}

/* Octets of an answer that is not complete yet. */
static void
keepPartial(HelperChannel *channel, const char *text, size_t len)
{
    if (listIsEmpty(&channel->inflight))
        helperChannelFailForLine(channel, "it spoke without being asked", text,
                                 len);
    else if (bufAppend(&channel->partial, text, len) < 0)
        helperChannelFail(channel, HELPER_GONE_GARBAGE,
                          "its answer is longer than the limit");
}

static void
takeEnd(HelperChannel *channel, ssize_t n)
{
    const char *why = n < 0 ? strerror(errno) : "end of its output";
    int fd = channel->readFd;

    /* The write end stays open: a FIFO helper may still read. */
    if (channel->writeFd == fd)
        channel->writeFd = -1;
    channel->readFd = -1;
    listRemove(&channel->dirtyNode);
    commClose(fd);
    helperChannelLose(channel, why);
}

/* Read once into the buffer that all share, after the start of the line that
 * is already there. True when something came and more may follow. */
static bool
readOnce(HelperChannel *channel)
{
    HelperThread *thread = channel->pool->thread;
    char *text = thread->readBuf;
    size_t kept = bufLen(&channel->partial);

    ssize_t n = read(channel->readFd, text + kept, thread->readSize - kept);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n <= 0) {
        takeEnd(channel, n);
        return false;
    }
    if (kept > 0) {
        memcpy(text, bufData(&channel->partial), kept);
        bufFini(&channel->partial);
    }
    size_t len = kept + (size_t)n;
    if (memchr(text + kept, '\0', (size_t)n)) {
        helperChannelFail(channel, HELPER_GONE_GARBAGE,
                          "there is a NUL in its answer");
        return false;
    }
    thread->readUs = commNowUs();
    size_t used = takeLines(channel, text, len, kept);
    thread->readUs = 0;
    if (used < len)
        keepPartial(channel, text + used, len - used);
    return channel->readFd >= 0;
}

void
helperChannelListen(HelperChannel *channel)
{
    commSetSelect(channel->readFd, COMM_SELECT_READ, onReadable, channel, 0);
}

/*
 * A process that has answered all it was asked gets its next lines at once,
 * not at the end of the turn: taking its answer has already woken it (the
 * kernel tells a socket's reader that there is room to write), and soon
 * enough, that was not for nothing.
 */
static void
feedStarved(HelperChannel *channel)
{
    if (channel->place.load == 0 && channel->pool->queued > 0)
        helperRecruitPlace(channel->pool);
    ListNode *first = listFirst(&channel->inflight);
    if (first && !listIsEmpty(&channel->dirtyNode) &&
        !helperChannelHasBegun(channel, REQUEST(first)))
        helperChannelFlush(channel);
}

static void
onReadable(int fd, void *data)
{
    HelperChannel *channel = data;
    CHECK_OBJ(channel, HELPER_CHANNEL_MAGIC);

    (void)fd;
    (void)readOnce(channel);
    if (channel->readFd < 0)
        return;
    helperChannelListen(channel);
    feedStarved(channel);
}

void
helperChannelReadRest(HelperChannel *channel)
{
    for (int i = 0; i < READ_REST_MAX && channel->readFd >= 0; i++)
        if (!readOnce(channel))
            return;
}
