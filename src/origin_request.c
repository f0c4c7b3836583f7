/* One HTTP request to an origin. DEBUG: section 11 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "buf.h"
#include "check.h"
#include "comm.h"
#include "http_parse.h"
#include "origin_priv.h"
#include "xalloc.h"

#define ORIGIN_REQUEST_MAGIC 0x0516e951u
#define HEAD_MAX (64 * 1024)

struct OriginRequest {
    uint32_t magic;
    OriginTransfer transfer;
    const OriginOps *ops;
    void *data;
    struct curl_slist *headers;
    struct curl_slist *lastHeader;
    Buf head; /* its lines, until it is complete */
    HttpResponse response;
    CommDeferred resume;
    bool hasAccept;
    bool hasExpect;
    bool isInHead;        /* between a status line and its empty line */
    bool hasHead;         /* the final head was delivered */
    bool isComplete;      /* stopped by us after a whole answer */
    OriginResult refusal; /* why we stopped it, or ORIGIN_OK */
    const char *refusalWhy;
    bool isBodyPaused;
    bool isUploadPaused;
    bool hasTrailer; /* its lines are in head */
};

static OriginRequest *
requestOf(OriginTransfer *transfer)
{
    OriginRequest *request = LIST_OBJ(transfer, OriginRequest, transfer);

    CHECK_OBJ(request, ORIGIN_REQUEST_MAGIC);
    return request;
}

/* why: constant. */
static bool
stopRefused(OriginRequest *request, OriginResult result, const char *why)
{
    request->refusal = result;
    request->refusalWhy = why;
    return false;
}

/* Silence counts against the server while we are ready to listen. */
static void
noteLife(OriginRequest *request)
{
    request->transfer.lastUs = commNowUs();
    request->transfer.isWaiting =
        request->isBodyPaused || request->isUploadPaused;
}

/* libcurl would ask again without the expectation; we pass the refusal on,
 * without its body. */
static void
cutRefusal(OriginRequest *request, HttpResponse *response)
{
    request->isComplete = true;
    response->framing = HTTP_FRAMING_LENGTH;
    response->length = 0;
    httpHeaderRemove(&response->headers, HTTP_HEADER_TRANSFER_ENCODING);
    httpHeaderSet(&response->headers, HTTP_HEADER_CONTENT_LENGTH,
                  httpSliceText("0"));
}

/* Borrowed from the handle. */
static void
findEnds(CURL *easy, OriginEnds *ends)
{
    char *peer = NULL, *local = NULL;
    long peerPort = 0, localPort = 0;

    curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &peer);
    curl_easy_getinfo(easy, CURLINFO_PRIMARY_PORT, &peerPort);
    curl_easy_getinfo(easy, CURLINFO_LOCAL_IP, &local);
    curl_easy_getinfo(easy, CURLINFO_LOCAL_PORT, &localPort);
    *ends = (OriginEnds){peer, (unsigned)peerPort, local, (unsigned)localPort};
}

static bool
deliverHead(OriginRequest *request)
{
    HttpResponse *response = &request->response;
    OriginEnds ends;

    request->hasHead = true;
    if (response->status == 417 && request->hasExpect)
        cutRefusal(request, response);
    findEnds(request->transfer.easy, &ends);
    request->ops->head(response, &ends, request->data);
    return !request->transfer.isDead && !request->isComplete;
}

/* Continue is between libcurl and the server. */
static bool
deliverEarly(OriginRequest *request)
{
    if (request->ops->early != NULL && request->response.status != 100)
        request->ops->early(&request->response, &(OriginEnds){0},
                            request->data);
    return !request->transfer.isDead;
}

static bool
finishHead(OriginRequest *request)
{
    HttpSlice lines = {bufData(&request->head), bufLen(&request->head)};
    long status = 0;

    request->isInHead = false;
    curl_easy_getinfo(request->transfer.easy, CURLINFO_RESPONSE_CODE, &status);
    if (status == 101)
        return stopRefused(request, ORIGIN_INVALID, "unasked 101");
    HttpParseError error =
        httpResponseParse(&request->response, (int)status, lines);
    if (error != HTTP_PARSE_ERROR_NONE)
        return stopRefused(request, ORIGIN_INVALID,
                           httpParseErrorReason(error));
    return status < 200 ? deliverEarly(request) : deliverHead(request);
}

static void
joinFolded(Buf *head, const char **line, size_t *len)
{
    size_t skip = 0;

    while (skip < *len && ((*line)[skip] == ' ' || (*line)[skip] == '\t'))
        skip++;
    if (skip == 0 || bufLen(head) < 2)
        return;
    *line += skip;
    *len -= skip;
    head->tail -= 2; /* its CRLF */
    bufAppend(head, " ", 1);
}

/* libcurl does not know a field by its name if a blank stands before the
 * colon: its body would come in its coding, and be passed as what it is not
 * (RFC 9112 5.1). */
static bool
hidesCoding(const char *line, size_t len)
{
    const char *colon = memchr(line, ':', len);

    if (colon == NULL || colon == line ||
        (colon[-1] != ' ' && colon[-1] != '\t'))
        return false;
    HttpSlice name = httpSliceTrim(httpSlice(line, (size_t)(colon - line)));
    return httpSliceIs(name, "Transfer-Encoding");
}

static bool
addLine(OriginRequest *request, const char *line, size_t len)
{
    Buf *head = &request->head;

    if (hidesCoding(line, len))
        return stopRefused(request, ORIGIN_INVALID,
                           "blank after the name Transfer-Encoding");
    joinFolded(head, &line, &len);
    if (bufAppend(head, line, len) < 0 || bufAppend(head, "\r\n", 2) < 0)
        return stopRefused(request, ORIGIN_TOO_LARGE, "head too large");
    return true;
}

/* What has no room is left out, all of it: nobody needs it. */
static void
takeTrailer(OriginRequest *request, const char *line, size_t len)
{
    Buf *head = &request->head;

    if (request->ops->trailer == NULL || len == 0)
        return;
    if (!request->hasTrailer)
        bufClear(head);
    request->hasTrailer = true;
    if (bufAppend(head, line, len) < 0 || bufAppend(head, "\r\n", 2) < 0) {
        bufClear(head);
        request->hasTrailer = false;
    }
}

static void
deliverTrailer(OriginRequest *request)
{
    HttpSlice lines = {bufData(&request->head), bufLen(&request->head)};

    if (request->hasTrailer &&
        httpResponseParse(&request->response, 200, lines) == 0)
        request->ops->trailer(&request->response.headers, request->data);
}

static bool
takeLine(OriginRequest *request, const char *line, size_t len)
{
    while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r'))
        len--;
    if (request->hasHead) {
        takeTrailer(request, line, len);
        return true;
    }
    if (!request->isInHead) { /* the status line */
        if (len < 7 || memcmp(line, "HTTP/1.", 7) != 0)
            return stopRefused(request, ORIGIN_INVALID, "not HTTP/1");
        request->isInHead = true;
        bufClear(&request->head);
        return true;
    }
    return len == 0 ? finishHead(request) : addLine(request, line, len);
}

static size_t
onHeader(char *line, size_t size, size_t count, void *data)
{
    OriginRequest *request = data;
    size_t len = size * count;

    CHECK_OBJ(request, ORIGIN_REQUEST_MAGIC);
    if (request->transfer.isDead)
        return 0;
    noteLife(request);
    return takeLine(request, line, len) ? len : 0;
}

static size_t
onBody(char *octets, size_t size, size_t count, void *data)
{
    OriginRequest *request = data;
    size_t len = size * count;

    CHECK_OBJ(request, ORIGIN_REQUEST_MAGIC);
    if (request->transfer.isDead)
        return CURL_WRITEFUNC_ERROR;
    request->isBodyPaused = !request->ops->body(octets, len, request->data);
    if (request->transfer.isDead)
        return CURL_WRITEFUNC_ERROR;
    noteLife(request);
    return request->isBodyPaused ? CURL_WRITEFUNC_PAUSE : len;
}

static size_t
onUpload(char *out, size_t size, size_t count, void *data)
{
    OriginRequest *request = data;

    CHECK_OBJ(request, ORIGIN_REQUEST_MAGIC);
    if (request->transfer.isDead)
        return CURL_READFUNC_ABORT;
    ssize_t n = request->ops->upload(out, size * count, request->data);
    if (request->transfer.isDead)
        return CURL_READFUNC_ABORT;
    request->isUploadPaused = n == -EAGAIN;
    noteLife(request);
    if (n == -EAGAIN)
        return CURL_READFUNC_PAUSE;
    return n < 0 ? CURL_READFUNC_ABORT : (size_t)n;
}

static void
resumeNow(void *data)
{
    OriginRequest *request = data;

    CHECK_OBJ(request, ORIGIN_REQUEST_MAGIC);
    if (request->transfer.isDead ||
        (!request->isBodyPaused && !request->isUploadPaused))
        return;
    request->isBodyPaused = request->isUploadPaused = false;
    noteLife(request);
    /* What libcurl holds back is delivered by this call. */
    curl_easy_pause(request->transfer.easy, CURLPAUSE_CONT);
}

void
originResume(OriginRequest *request)
{
    CHECK_OBJ(request, ORIGIN_REQUEST_MAGIC);
    if (request->isBodyPaused || request->isUploadPaused)
        commDefer(&request->resume);
}

static void
freeRequest(void *data)
{
    OriginRequest *request = data;

    CHECK_OBJ_CLEAR(request);
    free(request);
}

static void
releaseRequest(OriginTransfer *transfer)
{
    OriginRequest *request = requestOf(transfer);

    commDeferCancel(&request->resume);
    originTransferClose(transfer);
    curl_slist_free_all(request->headers);
    bufFini(&request->head);
    httpResponseFini(&request->response);
    commFreeLater(request, freeRequest);
}

static OriginResult
judge(const OriginRequest *request, OriginResult result)
{
    if (request->refusal != ORIGIN_OK)
        return request->refusal;
    if (request->isComplete)
        return ORIGIN_OK;
    if (result == ORIGIN_OK && !request->hasHead)
        return ORIGIN_EMPTY;
    if (result == ORIGIN_FAIL && request->hasHead)
        return ORIGIN_TRUNCATED;
    return result;
}

/* libcurl knows nothing of why we stopped it. */
static const char *
whyOf(const OriginRequest *request)
{
    return request->refusal != ORIGIN_OK ? request->refusalWhy
                                         : request->transfer.why;
}

static void
finishRequest(OriginTransfer *transfer, OriginResult result)
{
    OriginRequest *request = requestOf(transfer);
    OriginDoneCb *done = request->ops->done;
    void *data = request->data;
    char why[CURL_ERROR_SIZE], peer[INET6_ADDRSTRLEN];
    OriginEnds ends;

    snprintf(why, sizeof(why), "%s", whyOf(request));
    findEnds(transfer->easy, &ends);
    snprintf(peer, sizeof(peer), "%s", ends.peer != NULL ? ends.peer : "");
    result = judge(request, result);
    if (result == ORIGIN_OK) {
        originTransferRest(transfer);
        deliverTrailer(request);
    }
    releaseRequest(transfer);
    done(&(OriginEnd){result, why, peer, ends.peerPort}, data);
}

static void
setBody(CURL *easy, OriginRequest *request, int64_t bodyLen)
{
    ORIGIN_SET(easy, CURLOPT_UPLOAD, 1L);
    ORIGIN_SET(easy, CURLOPT_READFUNCTION, onUpload);
    ORIGIN_SET(easy, CURLOPT_READDATA, request);
    ORIGIN_SET(easy, CURLOPT_INFILESIZE_LARGE,
               (curl_off_t)(bodyLen == ORIGIN_CHUNKED ? -1 : bodyLen));
    if (bodyLen == ORIGIN_CHUNKED)
        originAddHeader(request, "Transfer-Encoding", 17, "chunked", 7);
}

static void
setOptions(OriginRequest *request, const OriginConfig *config)
{
    CURL *easy = request->transfer.easy;

    originTransferShare(&request->transfer);
    if (config->tls != NULL && strncmp(config->base, "https:", 6) == 0)
        originTransferSecure(&request->transfer, config->base, config->tls);
    originTransferPrefer(&request->transfer, config->base, config->addrs,
                         config->addrCount);
    ORIGIN_SET(easy, CURLOPT_REQUEST_TARGET, config->target);
    ORIGIN_SET(easy, CURLOPT_PATH_AS_IS, 1L);
    ORIGIN_SET(easy, CURLOPT_HEADERFUNCTION, onHeader);
    ORIGIN_SET(easy, CURLOPT_HEADERDATA, request);
    ORIGIN_SET(easy, CURLOPT_WRITEFUNCTION, onBody);
    ORIGIN_SET(easy, CURLOPT_WRITEDATA, request);
    /* Only for speed; a handle that has its buffer may refuse. */
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 65536L);
    if (strcmp(config->method, "HEAD") == 0)
        ORIGIN_SET(easy, CURLOPT_NOBODY, 1L);
    else if (config->bodyLen != ORIGIN_NO_BODY)
        setBody(easy, request, config->bodyLen);
    ORIGIN_SET(easy, CURLOPT_CUSTOMREQUEST, config->method);
    if (!config->isIdempotent || config->bodyLen != ORIGIN_NO_BODY)
        ORIGIN_SET(easy, CURLOPT_FRESH_CONNECT, 1L);
    originTransferFrom(&request->transfer, config->outgoing);
    if (config->idleMs > 0)
        ORIGIN_SET(easy, CURLOPT_MAXAGE_CONN,
                   (long)((config->idleMs + 999) / 1000));
    if (config->isAlone) {
        ORIGIN_SET(easy, CURLOPT_FRESH_CONNECT, 1L);
        ORIGIN_SET(easy, CURLOPT_FORBID_REUSE, 1L);
    }
}

OriginRequest *
originCreate(const OriginConfig *config)
{
    OriginRequest *request = xcalloc(1, sizeof(*request));
    size_t headMax = config->headMax > 0 ? config->headMax : HEAD_MAX;

    request->magic = ORIGIN_REQUEST_MAGIC;
    request->ops = config->ops;
    request->data = config->data;
    request->transfer.finish = finishRequest;
    request->transfer.release = releaseRequest;
    request->transfer.silenceMs = config->readTimeoutMs;
    if (originTransferOpen(&request->transfer, config->base,
                           config->connectTimeoutMs) < 0) {
        free(request);
        errno = EINVAL;
        return NULL;
    }
    bufInit(&request->head, headMax);
    httpResponseInit(&request->response, headMax);
    commDeferInit(&request->resume, resumeNow, request);
    setOptions(request, config);
    return request;
}

static void
appendHeaderLine(OriginRequest *request, const char *line)
{
    struct curl_slist *added = curl_slist_append(request->lastHeader, line);

    CHECK(added != NULL);
    if (request->headers == NULL)
        request->headers = request->lastHeader = added;
    else
        request->lastHeader = request->lastHeader->next;
}

void
originAddHeader(OriginRequest *request, const char *name, size_t nameLen,
                const char *value, size_t valueLen)
{
    /* libcurl takes "Name:" as "send none" and "Name;" as an empty one. */
    char *line = valueLen == 0 ? xasprintf("%.*s;", (int)nameLen, name)
                               : xasprintf("%.*s: %.*s", (int)nameLen, name,
                                           (int)valueLen, value);

    CHECK_OBJ(request, ORIGIN_REQUEST_MAGIC);
    if (nameLen == 6 && strncasecmp(name, "Accept", 6) == 0)
        request->hasAccept = true;
    if (nameLen == 6 && strncasecmp(name, "Expect", 6) == 0)
        request->hasExpect = true;
    appendHeaderLine(request, line);
    free(line);
}

void
originStart(OriginRequest *request)
{
    CHECK_OBJ(request, ORIGIN_REQUEST_MAGIC);
    if (!request->hasAccept)
        appendHeaderLine(request, "Accept:");
    if (!request->hasExpect)
        appendHeaderLine(request, "Expect:");
    ORIGIN_SET(request->transfer.easy, CURLOPT_HTTPHEADER, request->headers);
    originTransferStart(&request->transfer);
}

void
originCancel(OriginRequest **request)
{
    if (*request == NULL)
        return;
    CHECK_OBJ(*request, ORIGIN_REQUEST_MAGIC);
    originTransferDrop(&(*request)->transfer);
    *request = NULL;
}
