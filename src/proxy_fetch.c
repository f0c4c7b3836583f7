/* What goes on at the origin for a request. DEBUG: section 17 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "check.h"
#include "debug.h"
#include "proxy_priv.h"
#include "xalloc.h"

/* A client that leaves when no more than this is missing does not stop the
 * storing. */
#define FINISH_OCTETS (64 * 1024)
#define BASE_MAX 512

struct ProxyFetch {
    uint32_t magic;
    ListNode node; /* in proxy->fetches once detached */
    Proxy *proxy;
    ProxyRequest *request; /* NULL once detached */
    OriginRequest *origin;
    CacheWriter *writer;
    HttpHeaders headers; /* as sent */
    time_t sentAt;
    uint64_t length; /* of the body, or CACHE_LENGTH_UNKNOWN */
    uint64_t received;
    bool isValidation;
    bool isNotModified; /* answer with the request's object */
    bool isRetry;       /* ask again without conditions */
    bool hasHead;
};

static time_t
nowSec(void)
{
    return commWallUs() / 1000000;
}

static void
freeFetch(void *data)
{
    ProxyFetch *fetch = data;

    CHECK_OBJ_CLEAR(fetch);
    free(fetch);
}

static void
releaseFetch(ProxyFetch *fetch)
{
    originCancel(&fetch->origin);
    cacheWriterAbort(&fetch->writer);
    httpHeaderFini(&fetch->headers);
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

static bool
isNearlyDone(const ProxyFetch *fetch)
{
    return fetch->writer != NULL && fetch->length != CACHE_LENGTH_UNKNOWN &&
           fetch->length - fetch->received <= FINISH_OCTETS;
}

void
proxyFetchDetach(ProxyFetch *fetch)
{
    CHECK_OBJ(fetch, PROXY_FETCH_MAGIC);
    if (!isNearlyDone(fetch)) {
        proxyFetchCancel(fetch);
        return;
    }
    fetch->request->fetch = NULL;
    fetch->request = NULL;
    listPushBack(&fetch->proxy->fetches, &fetch->node);
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

static void
setHost(const ProxyRequest *request, HttpHeaders *headers)
{
    Buf host;

    bufInit(&host, BASE_MAX);
    if (httpUrlFormatHost(&request->url, &host) == 0)
        httpHeaderSet(headers, HTTP_HEADER_HOST,
                      httpSlice(bufData(&host), bufLen(&host)));
    bufFini(&host);
}

/* The client's fields as the origin shall see them. */
static void
buildHeaders(ProxyFetch *fetch)
{
    const ProxyRequest *request = fetch->request;
    const HttpRequest *http = request->http;
    HttpHeaders *headers = &fetch->headers;

    httpHeaderInit(headers, HTTP_HEADER_TEXT_MAX * 2);
    httpHeaderCopy(headers, &http->headers);
    httpHeaderRemoveHopByHop(headers);
    httpHeaderRemove(headers, HTTP_HEADER_CONTENT_LENGTH);
    if (!http->expectContinue || http->framing == HTTP_FRAMING_NONE)
        httpHeaderRemove(headers, HTTP_HEADER_EXPECT);
    setHost(request, headers);
    if (request->config->via)
        httpHeaderAddf(headers, HTTP_HEADER_VIA, "1.%u %s", http->minor,
                       request->proxy->via);
    setForwardedFor(request, headers);
    if (fetch->isValidation)
        httpCondBuild(headers, cacheObjectValidators(request->object));
}

/* Fields of the origin's answer that every client shall see. */
static void
completeResponse(const ProxyRequest *request, HttpResponse *response)
{
    HttpHeaders *headers = &response->headers;

    httpHeaderRemoveHopByHop(headers);
    if (!httpHeaderHas(headers, HTTP_HEADER_DATE))
        httpHeaderAddId(headers, HTTP_HEADER_DATE, httpDateText(nowSec()));
    if (request->config->via)
        httpHeaderAddf(headers, HTTP_HEADER_VIA, "1.1 %s", request->proxy->via);
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
startStoring(ProxyFetch *fetch, const HttpResponse *response)
{
    ProxyRequest *request = fetch->request;
    HttpExchange exchange = {.request = request->http,
                             .response = response,
                             .requestTime = fetch->sentAt,
                             .responseTime = nowSec()};
    HttpFreshness freshness;
    CacheKey key;
    HttpStoreReason reason = httpFreshnessStorable(&exchange, &freshness);

    debug(DBG_STORE, 3, "%s: %s", request->urlText.data,
          httpStoreReasonText(reason));
    if (reason != HTTP_STORE_OK)
        return;
    proxyCacheKey(request, &key);
    CacheMeta meta = {.key = &key,
                      .request = &request->http->headers,
                      .response = response,
                      .freshness = &freshness,
                      .length = fetch->length};
    fetch->writer = cacheStoreWrite(request->proxy->store, &meta);
}

/* The stored response with the fields of this 304. */
static void
updateStored(ProxyFetch *fetch, const HttpResponse *notModified)
{
    ProxyRequest *request = fetch->request;
    HttpResponse merged;
    HttpExchange exchange = {.request = request->http,
                             .response = &merged,
                             .requestTime = fetch->sentAt,
                             .responseTime = nowSec()};
    HttpFreshness freshness;
    CacheKey key;
    CacheObject *updated = NULL;

    httpResponseInit(&merged, HTTP_HEADER_TEXT_MAX * 2);
    proxyCacheKey(request, &key);
    CacheMeta meta = {.key = &key,
                      .request = &request->http->headers,
                      .response = &merged,
                      .freshness = &freshness};
    if (cacheObjectResponse(request->object, &merged) == 0 &&
        httpCondMerge(&merged.headers, &notModified->headers) == 0) {
        httpFreshnessCompute(&exchange, &freshness);
        updated =
            cacheStoreUpdate(request->proxy->store, request->object, &meta);
    }
    httpResponseFini(&merged);
    if (updated == NULL)
        return;
    cacheObjectUnref(&request->object);
    request->object = updated;
}

static bool
mayServeStale(const ProxyRequest *request)
{
    return request->object != NULL &&
           httpFreshnessStaleIfError(cacheObjectFreshness(request->object),
                                     &request->http->headers, nowSec());
}

static bool
isServerFailure(int status)
{
    return status == 500 || (status >= 502 && status <= 504);
}

/* What the answer to a validation means. False: it is a new response. */
static bool
judgeValidation(ProxyFetch *fetch, HttpResponse *response)
{
    ProxyRequest *request = fetch->request;

    if (response->status == 304) {
        fetch->isNotModified = httpCondMatches(
            cacheObjectValidators(request->object), &response->headers);
        fetch->isRetry = !fetch->isNotModified;
        if (fetch->isNotModified)
            updateStored(fetch, response);
        return true;
    }
    if (!isServerFailure(response->status) || !mayServeStale(request))
        return false;
    proxyFetchCancel(fetch);
    proxyCacheServe(request, ACCESS_REFRESH_FAIL_OLD);
    return true;
}

static void
onEarly(HttpResponse *response, const char *peer, void *data)
{
    ProxyFetch *fetch = data;

    CHECK_OBJ(fetch, PROXY_FETCH_MAGIC);
    (void)peer;
    httpHeaderRemoveHopByHop(&response->headers);
    httpHeaderRemove(&response->headers, HTTP_HEADER_CONTENT_LENGTH);
    httpHeaderRemove(&response->headers, HTTP_HEADER_TRANSFER_ENCODING);
    proxyReplyEarly(fetch->request, response);
}

static void
onHead(HttpResponse *response, const char *peer, void *data)
{
    ProxyFetch *fetch = data;

    CHECK_OBJ(fetch, PROXY_FETCH_MAGIC);
    ProxyRequest *request = fetch->request;
    proxyRouteWorked(request);
    snprintf(request->peer, sizeof(request->peer), "%s",
             peer != NULL ? peer : "");
    completeResponse(request, response);
    fetch->hasHead = true;
    fetch->length = lengthOf(response);
    if (fetch->isValidation && judgeValidation(fetch, response))
        return;
    proxyCacheInvalidate(request, response);
    startStoring(fetch, response);
    proxyReplyOrigin(request, response);
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

static bool
onBody(const char *octets, size_t len, void *data)
{
    ProxyFetch *fetch = data;

    CHECK_OBJ(fetch, PROXY_FETCH_MAGIC);
    if (fetch->isNotModified || fetch->isRetry)
        return true;
    if (isStoreBehind(fetch))
        return false;
    if (fetch->request != NULL && !proxyReplyBody(fetch->request, octets, len))
        return false;
    fetch->received += len;
    store(fetch, octets, len);
    if (fetch->request == NULL && fetch->writer == NULL)
        proxyFetchCancel(fetch); /* for nobody any more */
    return true;
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
        [ORIGIN_TLS_FAIL] = ERR_CONNECT_FAIL,
        [ORIGIN_EMPTY] = ERR_ZERO_SIZE_OBJECT,
        [ORIGIN_INVALID] = ERR_INVALID_RESP,
        [ORIGIN_TOO_LARGE] = ERR_REPLY_TOO_BIG,
        [ORIGIN_READ_TIMEOUT] = ERR_READ_TIMEOUT,
        [ORIGIN_TRUNCATED] = ERR_READ_ERROR,
        [ORIGIN_FAIL] = ERR_READ_ERROR,
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
    if (mayServeStale(request)) {
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
isBodyComplete(const ProxyFetch *fetch, const ProxyRequest *request)
{
    return fetch->length == CACHE_LENGTH_UNKNOWN ||
           fetch->length == fetch->received ||
           request->http->method == HTTP_METHOD_HEAD;
}

static void
finishForRequest(ProxyRequest *request, const ProxyFetch *fetch,
                 OriginResult result, const char *why)
{
    if (result != ORIGIN_OK && proxyRouteFailed(request, result, why))
        proxyFetchStart(request, fetch->isValidation);
    else if (result != ORIGIN_OK)
        answerFailure(request, result, why);
    else if (fetch->isRetry)
        proxyFetchStart(request, false);
    else if (fetch->isNotModified)
        proxyCacheServe(request, ACCESS_REFRESH_UNMODIFIED);
    else if (!isBodyComplete(fetch, request))
        answerFailure(request, ORIGIN_TRUNCATED, "body is too short");
    else
        proxyReplyEnd(request);
}

static void
onDone(OriginResult result, const char *why, void *data)
{
    ProxyFetch *fetch = data;

    CHECK_OBJ(fetch, PROXY_FETCH_MAGIC);
    ProxyRequest *request = fetch->request;
    fetch->origin = NULL;
    fetch->request = NULL;
    if (result == ORIGIN_OK && fetch->writer != NULL)
        cacheWriterCommit(&fetch->writer, NULL);
    releaseFetch(fetch); /* the memory stays for this turn */
    if (request == NULL)
        return;
    request->fetch = NULL;
    finishForRequest(request, fetch, result, why);
}

static const OriginOps originOps = {.early = onEarly,
                                    .head = onHead,
                                    .body = onBody,
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
    HttpScheme scheme = route->isPeer ? HTTP_SCHEME_HTTP : request->url.scheme;
    bool isIpv6 = strchr(route->host, ':') != NULL;

    snprintf(base, BASE_MAX, "%s://%s%s%s:%u/", httpSchemeText(scheme),
             isIpv6 ? "[" : "", route->host, isIpv6 ? "]" : "", route->port);
}

/* RFC 9112 3.2.4: the last proxy makes "*" of an OPTIONS without a path. */
static const char *
targetOf(const ProxyRequest *request, const ProxyRoute *route)
{
    if (route->isPeer)
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

static OriginRequest *
createOrigin(ProxyFetch *fetch)
{
    ProxyRequest *request = fetch->request;
    const Config *config = request->config;
    char base[BASE_MAX];
    ProxyRoute route;

    proxyRoutePick(request, &route);
    OriginConfig origin = {
        .method = request->method,
        .base = base,
        .target = targetOf(request, &route),
        .addrs = route.addrs,
        .addrCount = route.addrCount,
        .bodyLen = bodyLenOf(request->http),
        .isIdempotent = httpMethodIsIdempotent(request->http->method),
        .isAlone = isConnectionBound(request->http),
        .connectTimeoutMs = (int)config->connectTimeoutMs,
        .readTimeoutMs = (int)config->readTimeoutMs,
        .headMax = (size_t)config->replyHeaderMaxSize,
        .ops = &originOps,
        .data = fetch,
    };

    formatBase(request, &route, base);
    return originCreate(&origin);
}

static ProxyFetch *
createFetch(ProxyRequest *request, bool isValidation)
{
    ProxyFetch *fetch = xcalloc(1, sizeof(*fetch));

    fetch->magic = PROXY_FETCH_MAGIC;
    listInit(&fetch->node);
    fetch->proxy = request->proxy;
    fetch->request = request;
    fetch->isValidation = isValidation;
    fetch->sentAt = nowSec();
    fetch->length = CACHE_LENGTH_UNKNOWN;
    buildHeaders(fetch);
    fetch->origin = createOrigin(fetch);
    return fetch;
}

void
proxyFetchStart(ProxyRequest *request, bool isValidation)
{
    const HttpField *field = NULL;
    ProxyFetch *fetch = createFetch(request, isValidation);

    if (request->client->state != PROXY_CLIENT_FETCH)
        proxyClientSetState(request->client, PROXY_CLIENT_FETCH, "not cached");
    request->fetch = fetch;
    if (fetch->origin == NULL) {
        proxyReplyError(request, ERR_INVALID_URL, NULL);
        return;
    }
    while ((field = httpHeaderNext(&fetch->headers, field)) != NULL)
        originAddHeader(fetch->origin, field->name, field->nameLen,
                        field->value, field->valueLen);
    proxyPortsMakeRoom(request->client->proxy);
    originStart(fetch->origin);
}
