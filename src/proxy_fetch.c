/* What goes on at the origin for a request. DEBUG: section 17 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "check.h"
#include "debug.h"
#include "proxy_fetch_priv.h"
#include "xalloc.h"

#define BASE_MAX 512

static void
freeFetch(void *data)
{
    ProxyFetch *fetch = data;

    CHECK_OBJ_CLEAR(fetch);
    free(fetch->text);
    free(fetch);
}

static void
releaseFetch(ProxyFetch *fetch)
{
    proxyFlightEnd(fetch);
    proxyFollowEnd(fetch, false);
    originCancel(&fetch->origin);
    proxyPartKeep(fetch);
    cacheWriterAbort(&fetch->writer);
    cacheObjectUnref(&fetch->arriving);
    cacheObjectUnref(&fetch->object);
    cacheObjectUnref(&fetch->part);
    cacheObjectUnref(&fetch->begun);
    httpHeaderFini(&fetch->headers);
    httpRequestFini(&fetch->own);
    configUnref(&fetch->config);
    listRemove(&fetch->node);
    commFreeLater(fetch, freeFetch);
}

ProxyFetch *
proxyFetchOf(ListNode *node)
{
    return LIST_OBJ(node, ProxyFetch, node);
}

void
proxyFetchCancel(ProxyFetch *fetch)
{
    CHECK_OBJ(fetch, PROXY_FETCH_MAGIC);
    if (fetch->request != NULL)
        fetch->request->fetch = NULL;
    fetch->request = NULL;
    releaseFetch(fetch);
}

/* Whether a client that leaves does not stop the storing: quick_abort_*. */
static bool
isWorthIt(const ProxyFetch *fetch)
{
    const Config *config = fetch->config;
    int64_t missing = (int64_t)(fetch->length - fetch->received);

    if (fetch->writer == NULL)
        return false;
    if (config->quickAbortMin < 0)
        return true;
    if (fetch->length == CACHE_LENGTH_UNKNOWN)
        return false;
    if (missing <= config->quickAbortMin)
        return true;
    return missing <= config->quickAbortMax &&
           (double)fetch->received * 100 >
               (double)fetch->length * (double)config->quickAbortPct;
}

static bool
isForNobody(const ProxyFetch *fetch)
{
    return listIsEmpty(&fetch->waiters) && listIsEmpty(&fetch->followers);
}

/* What was asked is needed longer than the request lives. */
static void
keepAsked(ProxyFetch *fetch)
{
    const HttpRequest *asked = fetch->asked;

    fetch->own.method = asked->method;
    fetch->own.minor = asked->minor;
    httpHeaderCopy(&fetch->own.headers, &asked->headers);
    fetch->asked = &fetch->own;
}

/* It goes on for nobody. */
static void
disown(ProxyFetch *fetch)
{
    fetch->request = NULL;
    listPushBack(&fetch->proxy->fetches, &fetch->node);
}

void
proxyFetchDetach(ProxyFetch *fetch)
{
    CHECK_OBJ(fetch, PROXY_FETCH_MAGIC);
    if (isForNobody(fetch) && !isWorthIt(fetch)) {
        proxyFetchCancel(fetch);
        return;
    }
    fetch->request->fetch = NULL;
    fetch->isLeft = true;
    keepAsked(fetch);
    disown(fetch);
    originResume(fetch->origin);
}

void
proxyFetchMind(ProxyFetch *fetch)
{
    CHECK_OBJ(fetch, PROXY_FETCH_MAGIC);
    if (fetch->isLeft && isForNobody(fetch) && !isWorthIt(fetch))
        proxyFetchCancel(fetch);
    else
        originResume(fetch->origin);
}

void
proxyFetchResume(ProxyFetch *fetch)
{
    CHECK_OBJ(fetch, PROXY_FETCH_MAGIC);
    originResume(fetch->origin);
}

static void
addForwardedFor(const ProxyRequest *request, HttpHeaders *headers)
{
    char text[ADDRESS_TEXT_MAX] = "unknown";

    if (request->config->forwardedFor != CONFIG_FORWARDED_OFF)
        addressFormat((const struct sockaddr *)&request->client->peer, text);
    httpHeaderAddId(headers, HTTP_HEADER_X_FORWARDED_FOR, httpSliceText(text));
}

static void
setForwardedFor(const ProxyRequest *request, HttpHeaders *headers)
{
    switch (request->config->forwardedFor) {
    case CONFIG_FORWARDED_TRANSPARENT:
        return;
    case CONFIG_FORWARDED_DELETE:
        httpHeaderRemove(headers, HTTP_HEADER_X_FORWARDED_FOR);
        return;
    case CONFIG_FORWARDED_TRUNCATE:
        httpHeaderRemove(headers, HTTP_HEADER_X_FORWARDED_FOR);
        break;
    default:
        break;
    }
    addForwardedFor(request, headers);
}

/* Whatever Host the client has sent, it is that of a URL. */
static HttpUrl
hostUrl(const ProxyRequest *request)
{
    HttpUrl url;

    if (request->clientText == NULL || request->config->rewrite.changesHost ||
        httpUrlParse(request->clientUrl.url, &url) != HTTP_URL_ERROR_NONE)
        return request->url;
    return url;
}

static void
setHost(const ProxyRequest *request, HttpHeaders *headers)
{
    const HttpUrl url = hostUrl(request);
    Buf host;

    bufInit(&host, BASE_MAX);
    if (httpUrlFormatHost(&url, &host) == 0)
        httpHeaderSet(headers, HTTP_HEADER_HOST,
                      httpSlice(bufData(&host), bufLen(&host)));
    bufFini(&host);
}

/* The client's fields as the origin shall see them. */
static void
buildHeaders(ProxyFetch *fetch)
{
    const ProxyRequest *request = fetch->request;
    const HttpRequest *http = fetch->asked;
    HttpHeaders *headers = &fetch->headers;

    httpHeaderInit(headers, HTTP_HEADER_TEXT_MAX * 2);
    httpHeaderCopy(headers, &http->headers);
    httpHeaderRemoveHopByHop(headers);
    httpHeaderRemove(headers, HTTP_HEADER_CONTENT_LENGTH);
    if (!http->expectContinue || http->framing == HTTP_FRAMING_NONE)
        httpHeaderRemove(headers, HTTP_HEADER_EXPECT);
    setHost(request, headers);
    if (proxyReplyTakesTrailer(http)) {
        httpHeaderAddId(headers, HTTP_HEADER_TE, httpSliceText("trailers"));
        httpHeaderAddId(headers, HTTP_HEADER_CONNECTION, httpSliceText("TE"));
    }
    if (request->config->via)
        httpHeaderAddf(headers, HTTP_HEADER_VIA, "1.%u %s", http->minor,
                       request->proxy->via);
    setForwardedFor(request, headers);
    proxyHeaderChangeRequest(request, headers);
    fetch->isValidation =
        fetch->object != NULL &&
        httpCondCanValidate(cacheObjectValidators(fetch->object)) &&
        httpCondBuild(headers, cacheObjectValidators(fetch->object));
}

/* Fields of the origin's answer that every client shall see. */
static void
completeResponse(const ProxyFetch *fetch, HttpResponse *response)
{
    HttpHeaders *headers = &response->headers;
    HttpSlice trailer = httpHeaderGet(headers, HTTP_HEADER_TRAILER);

    httpHeaderRemoveHopByHop(headers);
    if (trailer.data != NULL && response->framing == HTTP_FRAMING_CHUNKED &&
        proxyReplyTakesTrailer(fetch->asked))
        httpHeaderAddId(headers, HTTP_HEADER_TRAILER, trailer);
    if (!httpHeaderHas(headers, HTTP_HEADER_DATE))
        httpHeaderAddId(headers, HTTP_HEADER_DATE, httpDateText(proxyNowSec()));
    if (fetch->config->via)
        httpHeaderAddf(headers, HTTP_HEADER_VIA, "1.1 %s", fetch->proxy->via);
}

static uint64_t
lengthOf(const HttpResponse *response)
{
    switch (response->framing) {
    case HTTP_FRAMING_NONE:
        return 0;
    case HTTP_FRAMING_LENGTH:
        return response->length;
    default:
        return CACHE_LENGTH_UNKNOWN;
    }
}

static void
onEarly(HttpResponse *response, const OriginEnds *ends, void *data)
{
    ProxyFetch *fetch = data;

    CHECK_OBJ(fetch, PROXY_FETCH_MAGIC);
    (void)ends;
    httpHeaderRemoveHopByHop(&response->headers);
    if (fetch->request != NULL)
        proxyReplyEarly(fetch->request, response);
}

static void
noteOrigin(ProxyRequest *request, const OriginEnds *ends, int status)
{
    proxyRouteWorked(request);
    snprintf(request->peer, sizeof(request->peer), "%s",
             ends->peer != NULL ? ends->peer : "");
    snprintf(request->ownAddr, sizeof(request->ownAddr), "%s",
             ends->local != NULL ? ends->local : "");
    request->peerPort = ends->peerPort;
    request->ownPort = ends->localPort;
    request->reply.forwardStatus = status;
    request->reply.originEndUs = commNowUs();
}

static void
replyWith(ProxyFetch *fetch, HttpResponse *response)
{
    if (fetch->isCompletion)
        proxyPartHead(fetch, response);
    else if (!proxySliceHead(fetch, response))
        return;
    proxyReplyOrigin(fetch->request, response);
}

static void
onHead(HttpResponse *response, const OriginEnds *ends, void *data)
{
    ProxyFetch *fetch = data;

    CHECK_OBJ(fetch, PROXY_FETCH_MAGIC);
    ProxyRequest *request = fetch->request;
    if (request != NULL)
        noteOrigin(request, ends, response->status);
    completeResponse(fetch, response);
    fetch->hasHead = true;
    fetch->length = lengthOf(response);
    fetch->use = proxyFetchJudge(fetch, response);
    if (fetch->use != PROXY_FETCH_PASS_ON)
        return;
    if (request != NULL)
        proxyCacheInvalidate(request, response);
    proxyFetchStore(fetch, response);
    proxyFlightHead(fetch);
    if (request != NULL) {
        request->reply.isStored = fetch->writer != NULL;
        replyWith(fetch, response);
    }
}

static void
store(ProxyFetch *fetch, const char *octets, size_t len)
{
    if (fetch->writer == NULL)
        return;
    int rc = cacheWriterAppend(fetch->writer, octets, len);
    if (rc == 0)
        return;
    debug(DBG_STORE, 3, "not stored: %s", strerror(-rc));
    cacheWriterAbort(&fetch->writer);
    proxyFollowGiveUp(fetch);
}

static void
onStoreRoom(void *data)
{
    ProxyFetch *fetch = data;

    CHECK_OBJ(fetch, PROXY_FETCH_MAGIC);
    originResume(fetch->origin);
}

/* A store on disk that is behind makes the origin wait. */
static bool
isStoreBehind(ProxyFetch *fetch)
{
    return fetch->writer != NULL &&
           !cacheWriterHasRoom(fetch->writer, onStoreRoom, fetch);
}

/* Its client waits for more of the answer, and does not read the store. */
static bool
isForClient(const ProxyFetch *fetch)
{
    const ProxyRequest *request = fetch->request;

    return request != NULL && request->leader == NULL &&
           !request->reply.isComplete;
}

/* False: someone has to be waited for, who calls originResume. */
static bool
hasRoom(ProxyFetch *fetch)
{
    return !isStoreBehind(fetch) && proxyFollowHasRoom(fetch) &&
           (!isForClient(fetch) || proxyReplyHasRoom(fetch->request) ||
            proxyFollowTurn(fetch));
}

bool
proxyFetchPass(ProxyFetch *fetch, const char *octets, size_t len)
{
    if (!hasRoom(fetch))
        return false;
    store(fetch, octets, len);
    if (!proxyFollowHasRoom(fetch))
        return false; /* just given up: these octets come again */
    if (isForClient(fetch))
        proxySliceBody(fetch, octets, len);
    proxyFollowBody(fetch, octets, len);
    fetch->received += len;
    return true;
}

static bool
onBody(const char *octets, size_t len, void *data)
{
    ProxyFetch *fetch = data;

    CHECK_OBJ(fetch, PROXY_FETCH_MAGIC);
    if (fetch->use != PROXY_FETCH_PASS_ON)
        return true;
    if (!proxyPartPass(fetch) || !proxyFetchPass(fetch, octets, len))
        return false;
    if (fetch->request != NULL) {
        fetch->request->reply.originOctets += len;
        fetch->request->reply.originEndUs = commNowUs();
    }
    if (fetch->request == NULL && fetch->writer == NULL && isForNobody(fetch))
        proxyFetchCancel(fetch);
    return true;
}

static void
onTrailer(const HttpHeaders *fields, void *data)
{
    ProxyFetch *fetch = data;

    CHECK_OBJ(fetch, PROXY_FETCH_MAGIC);
    if (fetch->request != NULL && fetch->use == PROXY_FETCH_PASS_ON)
        proxyReplyTrailer(fetch->request, fields);
}

static ssize_t
onUpload(char *out, size_t size, void *data)
{
    ProxyFetch *fetch = data;

    CHECK_OBJ(fetch, PROXY_FETCH_MAGIC);
    proxyReplyContinue(fetch->request);
    return proxyRequestReadBody(fetch->request, out, size);
}

ErrorPageId
proxyFetchErrorPage(OriginResult result)
{
    static const ErrorPageId pages[ORIGIN_RESULT_COUNT] = {
        [ORIGIN_OK] = ERR_READ_ERROR,
        [ORIGIN_DNS_FAIL] = ERR_DNS_FAIL,
        [ORIGIN_CONNECT_FAIL] = ERR_CONNECT_FAIL,
        [ORIGIN_CONNECT_TIMEOUT] = ERR_READ_TIMEOUT,
        [ORIGIN_TLS_FAIL] = ERR_SECURE_CONNECT_FAIL,
        [ORIGIN_EMPTY] = ERR_ZERO_SIZE_OBJECT,
        [ORIGIN_INVALID] = ERR_INVALID_RESP,
        [ORIGIN_TOO_LARGE] = ERR_REPLY_TOO_BIG,
        [ORIGIN_READ_TIMEOUT] = ERR_READ_TIMEOUT,
        [ORIGIN_TRUNCATED] = ERR_READ_ERROR,
        [ORIGIN_FAIL] = ERR_READ_ERROR,
        [ORIGIN_NO_ROUTE] = ERR_CANNOT_FORWARD,
    };

    return pages[result];
}

static ErrorPageId
errorPageOf(const ProxyRequest *request, OriginResult result)
{
    if (request->body.error == EFBIG)
        return ERR_TOO_BIG;
    if (request->body.error != 0)
        return ERR_INVALID_REQ;
    if (request->object != NULL &&
        httpFreshnessMustRevalidate(cacheObjectFreshness(request->object)))
        return ERR_CANNOT_VALIDATE;
    return proxyFetchErrorPage(result);
}

static void
answerFailure(ProxyRequest *request, OriginResult result, const char *why)
{
    if (request->reply.status != 0) {
        debug(DBG_FORWARD, 2, "%s: cut short: %s", request->urlText.data, why);
        proxyReplyAbort(request);
        return;
    }
    if (proxyFetchMayBeStale(request->object, &request->http->headers)) {
        proxyCacheServe(request, ACCESS_REFRESH_FAIL_OLD);
        return;
    }
    if (request->object != NULL)
        request->reply.result = ACCESS_REFRESH_FAIL_ERR;
    debug(DBG_FORWARD, 2, "%s: %s: %s", request->urlText.data,
          originResultName(result), why);
    proxyReplyError(request, errorPageOf(request, result), why);
}

static bool
isBodyComplete(const ProxyFetch *fetch)
{
    return fetch->length == CACHE_LENGTH_UNKNOWN ||
           fetch->length == fetch->received ||
           fetch->asked->method == HTTP_METHOD_HEAD;
}

static void
finishForRequest(ProxyRequest *request, const ProxyFetch *fetch,
                 OriginResult result, const char *why)
{
    if (fetch->use == PROXY_FETCH_USE_STALE)
        proxyCacheServe(request, ACCESS_REFRESH_FAIL_OLD);
    else if (result != ORIGIN_OK && proxyRouteFailed(request, result, why))
        proxyFetchStart(request);
    else if (result != ORIGIN_OK)
        answerFailure(request, result, why);
    else if (fetch->use == PROXY_FETCH_ASK_AGAIN)
        proxyFetchAgain(request);
    else if (fetch->use == PROXY_FETCH_USE_VALID)
        proxyCacheServe(request, ACCESS_REFRESH_UNMODIFIED);
    else if (!isBodyComplete(fetch))
        answerFailure(request, ORIGIN_TRUNCATED, "body is too short");
    else
        proxyReplyEnd(request);
}

/* Somebody was asked, and has not answered. */
static void
noteAsked(ProxyRequest *request, const OriginEnd *end)
{
    if (end->peer[0] == '\0' || request->reply.forwardStatus != 0)
        return;
    request->reply.hierarchy = request->hierarchy;
    snprintf(request->peer, sizeof(request->peer), "%s", end->peer);
    request->peerPort = end->peerPort;
}

static void
onDone(const OriginEnd *end, void *data)
{
    ProxyFetch *fetch = data;

    CHECK_OBJ(fetch, PROXY_FETCH_MAGIC);
    ProxyRequest *request = fetch->request;
    fetch->origin = NULL;
    fetch->request = NULL;
    proxyFollowEnd(fetch, end->result == ORIGIN_OK && isBodyComplete(fetch));
    if (end->result == ORIGIN_OK && fetch->writer != NULL &&
        fetch->received >= (uint64_t)fetch->config->minimumObjectSize &&
        proxyPartFinish(fetch))
        cacheWriterCommit(&fetch->writer, NULL);
    releaseFetch(fetch); /* the memory stays for this turn */
    if (request == NULL)
        return;
    request->fetch = NULL;
    if (end->result != ORIGIN_OK)
        noteAsked(request, end);
    if (!request->reply.isComplete &&
        request->reply.source != PROXY_SOURCE_STORE) /* whose end it finds */
        finishForRequest(request, fetch, end->result, end->why);
}

static const OriginOps originOps = {.early = onEarly,
                                    .head = onHead,
                                    .body = onBody,
                                    .trailer = onTrailer,
                                    .upload = onUpload,
                                    .done = onDone};

static int64_t
bodyLenOf(const HttpRequest *http)
{
    switch (http->framing) {
    case HTTP_FRAMING_LENGTH:
        return http->length == 0 && httpMethodIsSafe(http->method)
                   ? ORIGIN_NO_BODY
                   : (int64_t)http->length;
    case HTTP_FRAMING_CHUNKED:
        return ORIGIN_CHUNKED;
    default:
        return ORIGIN_NO_BODY;
    }
}

static void
formatBase(const ProxyRequest *request, const ProxyRoute *route,
           char base[BASE_MAX])
{
    bool isTls = route->peer != NULL && route->peer->tls != NULL;
    HttpScheme peerScheme = isTls ? HTTP_SCHEME_HTTPS : HTTP_SCHEME_HTTP;
    HttpScheme scheme = route->peer != NULL ? peerScheme : request->url.scheme;
    bool isIpv6 = strchr(route->host, ':') != NULL;

    snprintf(base, BASE_MAX, "%s://%s%s%s:%u/", httpSchemeText(scheme),
             isIpv6 ? "[" : "", route->host, isIpv6 ? "]" : "", route->port);
}

/* RFC 9112 3.2.4: the last proxy makes "*" of an OPTIONS without a path. */
static const char *
targetOf(const ProxyRequest *request, const ProxyRoute *route)
{
    if (route->peer != NULL && !route->peer->isOriginServer)
        return request->urlText.data;
    if (request->isServerWide)
        return "*";
    return request->url.path.data; /* ends where the URL ends */
}

/* Such credentials may make the connection the user's: what others ask must
 * not be sent on it. */
static bool
isConnectionBound(const HttpRequest *http)
{
    HttpSlice value =
        httpSliceTrim(httpHeaderGet(&http->headers, HTTP_HEADER_AUTHORIZATION));

    return (value.len >= 4 && strncasecmp(value.data, "NTLM", 4) == 0) ||
           (value.len >= 4 && strncasecmp(value.data, "Nego", 4) == 0) ||
           (value.len >= 8 && strncasecmp(value.data, "Kerberos", 8) == 0);
}

OriginTls
proxyFetchTls(const ConfigTls *tls)
{
    if (tls == NULL)
        return (OriginTls){.client = NULL};
    return (OriginTls){.client = tls->client,
                       .noVerify = tls->noVerify,
                       .anyDomain = tls->anyDomain,
                       .domain = tls->domain};
}

static void
usePeer(ProxyFetch *fetch, const ConfigPeer *peer, OriginConfig *origin)
{
    proxyPeerChange(fetch->request, peer, &fetch->headers);
    if (peer->isProxyOnly)
        fetch->isUncached = true;
    origin->connectTimeoutMs = proxyPeerConnectMs(fetch->request, peer);
}

/* NULL with errno: EINVAL, or ENETUNREACH when it may go nowhere. */
static OriginRequest *
createOrigin(ProxyFetch *fetch, const char *method)
{
    ProxyRequest *request = fetch->request;
    const Config *config = request->config;
    char base[BASE_MAX];
    ProxyRoute route;
    OriginTls tls;

    if (!proxyRoutePick(request, &route))
        return NULL;
    OriginConfig origin = {
        .method = method,
        .base = base,
        .tls = &tls,
        .target = targetOf(request, &route),
        .addrs = route.addrs,
        .addrCount = route.addrCount,
        .bodyLen = bodyLenOf(request->http),
        .isIdempotent = httpMethodIsIdempotent(request->http->method),
        .isAlone =
            isConnectionBound(request->http) || !config->serverPersistent,
        .idleMs = config->serverIdlePconnTimeoutMs,
        .outgoing = proxyPeerOutgoing(request),
        .connectTimeoutMs = (int)config->connectTimeoutMs,
        .readTimeoutMs = (int)config->readTimeoutMs,
        .headMax = (size_t)config->replyHeaderMaxSize,
        .ops = &originOps,
        .data = fetch,
    };

    formatBase(request, &route, base);
    tls = proxyFetchTls(route.peer != NULL ? route.peer->tls
                                           : &config->tlsOutgoing);
    if (route.peer != NULL)
        usePeer(fetch, route.peer, &origin);
    return originCreate(&origin);
}

static ProxyFetch *
createFetch(ProxyRequest *request, CacheObject *object)
{
    ProxyFetch *fetch = xcalloc(1, sizeof(*fetch));
    HttpSlice text;

    fetch->magic = PROXY_FETCH_MAGIC;
    listInit(&fetch->node);
    listInit(&fetch->flight);
    listInit(&fetch->waiters);
    listInit(&fetch->followers);
    fetch->proxy = request->proxy;
    fetch->config = configRef(request->config);
    fetch->request = request;
    fetch->asked = request->http;
    httpRequestInit(&fetch->own, HTTP_HEADER_TEXT_MAX * 2);
    fetch->isTargeted = request->accel != NULL;
    fetch->sentAt = proxyNowSec();
    fetch->length = CACHE_LENGTH_UNKNOWN;
    fetch->isUncached = request->isUncached;
    if (object != NULL)
        fetch->object = cacheObjectRef(object);
    text = proxyCacheText(request);
    fetch->text = xstrndup(text.data, text.len);
    cacheKeyInit(&fetch->key, CACHE_KEY_GET, httpSlice(fetch->text, text.len));
    return fetch;
}

static void
sendRequest(ProxyFetch *fetch)
{
    const HttpField *field = NULL;

    while ((field = httpHeaderNext(&fetch->headers, field)) != NULL)
        originAddHeader(fetch->origin, field->name, field->nameLen,
                        field->value, field->valueLen);
    proxyPortsMakeRoom(fetch->proxy);
    originStart(fetch->origin);
}

/* What one client asks may be what others ask, too. */
static bool
isForOthers(const ProxyFetch *fetch)
{
    const HttpHeaders *headers = &fetch->headers;

    return fetch->config->collapsedForwarding &&
           fetch->asked->method == HTTP_METHOD_GET && !fetch->isUncached &&
           fetch->asked->framing == HTTP_FRAMING_NONE &&
           !httpHeaderHas(headers, HTTP_HEADER_RANGE) &&
           !httpHeaderHas(headers, HTTP_HEADER_AUTHORIZATION) &&
           (fetch->isValidation || fetch->isAboutVariants ||
            (!httpHeaderHas(headers, HTTP_HEADER_IF_NONE_MATCH) &&
             !httpHeaderHas(headers, HTTP_HEADER_IF_MODIFIED_SINCE)));
}

static void
startFetch(ProxyRequest *request, CacheObject *object, CacheObject *begun,
           bool asksVariants)
{
    ProxyFetch *fetch = createFetch(request, object);

    buildHeaders(fetch);
    proxySliceAsk(fetch);
    if (begun != NULL)
        proxyPartAsk(fetch, begun);
    else if (asksVariants)
        proxyVariantAsk(fetch);
    if (request->client->state != PROXY_CLIENT_FETCH)
        proxyClientSetState(request->client, PROXY_CLIENT_FETCH, "not cached");
    request->reply.askedUs = commNowUs();
    if (request->reply.firstAskedUs == 0)
        request->reply.firstAskedUs = request->reply.askedUs;
    request->fetch = fetch;
    fetch->origin = createOrigin(fetch, request->method);
    if (fetch->origin == NULL) {
        OriginResult result;
        const char *why = proxyRouteWhy(request, &result);
        proxyFetchCancel(fetch);
        answerFailure(request, result, why);
        return;
    }
    if (isForOthers(fetch))
        proxyFlightAdd(fetch);
    sendRequest(fetch);
}

static void
startWithObject(ProxyRequest *request)
{
    CacheObject *begun = request->object == NULL && !request->isUncached
                             ? proxyPartLookup(request)
                             : NULL;

    startFetch(request, request->object, begun,
               request->reply.cacheStatus == PROXY_STATUS_VARY_MISS);
    cacheObjectUnref(&begun);
}

void
proxyFetchStart(ProxyRequest *request)
{
    proxyStepForward(request, startWithObject);
}

static void
startWithout(ProxyRequest *request)
{
    startFetch(request, NULL, NULL, false);
}

void
proxyFetchAgain(ProxyRequest *request)
{
    proxyStepForward(request, startWithout);
}

void
proxyFetchRefresh(ProxyRequest *request)
{
    ProxyFetch *fetch = createFetch(request, request->object);

    keepAsked(fetch);
    fetch->own.method = HTTP_METHOD_GET;
    httpCondRemove(&fetch->own.headers);
    buildHeaders(fetch);
    fetch->origin = createOrigin(fetch, "GET");
    disown(fetch);
    if (fetch->origin == NULL) {
        proxyFetchCancel(fetch);
        return;
    }
    proxyFlightAdd(fetch);
    sendRequest(fetch);
}
