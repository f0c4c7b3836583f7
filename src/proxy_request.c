/* One request: its life, its URL, its body. DEBUG: section 33 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "debug.h"
#include "proxy_priv.h"
#include "xalloc.h"

#define TEXT_MAX (4 * HTTP_URL_MAX)
#define SPARE_MAX 128

static HttpParser *
createParser(const Config *config)
{
    HttpParseLimits limits = {.lineMax = HTTP_URL_MAX + 256,
                              .headMax = (size_t)config->requestHeaderMaxSize,
                              .fieldsMax = 128};

    return httpParserCreate(&limits);
}

/* For acls of kind random, which mix it well. */
static uint64_t
nextRandom(void)
{
    static uint64_t state;

    if (state == 0)
        state = (uint64_t)commWallUs();
    return state += UINT64_C(0xd1342543de82ef95);
}

static ProxyRequest *
allocate(Proxy *proxy)
{
    ProxyRequest *request = xcalloc(1, sizeof(*request));

    request->magic = PROXY_REQUEST_MAGIC;
    request->proxy = proxy;
    listInit(&request->node);
    listInit(&request->waiting);
    bufInit(&request->text, TEXT_MAX);
    authCheckInit(&request->auth);
    httpHeaderInit(&request->replyHeaders, HTTP_HEADER_TEXT_MAX * 2);
    return request;
}

static ProxyRequest *
takeSpare(Proxy *proxy)
{
    ListNode *node = listFirst(&proxy->spare);

    if (node == NULL)
        return allocate(proxy);
    listRemove(node);
    proxy->spareCount--;
    return LIST_OBJ(node, ProxyRequest, node);
}

ProxyRequest *
proxyRequestCreate(ProxyClient *client)
{
    Proxy *proxy = client->proxy;
    ProxyRequest *request = takeSpare(proxy);

    request->client = client;
    request->config = configRef(proxy->config);
    if (request->parser == NULL)
        request->parser = createParser(request->config);
    request->http = httpParserRequest(request->parser);
    request->urlText = request->report = httpSlice(NULL, 0);
    memset(&request->url, 0, sizeof(request->url));
    request->host = request->method = NULL;
    request->headOctets = 0;
    request->startUs = commNowUs();
    request->dstCount = 0;
    request->dstKnown = request->hasWaited = false;
    request->random = nextRandom();
    request->step = PROXY_STEP_ACCESS;
    request->forward = NULL;
    request->isRouted = request->isUncached = false;
    request->isAlwaysDirect = request->isNeverDirect = false;
    request->facts.clientNotes = &client->notes;
    request->peer[0] = request->peerName[0] = '\0';
    request->ownAddr[0] = '\0';
    request->peerPort = request->ownPort = 0;
    request->peersTried = 0;
    request->routeWhy[0] = '\0';
    request->tries = 0;
    request->isDirectTried = false;
    request->indirect.ss_family = AF_UNSPEC;
    memset(&request->body, 0, sizeof(request->body));
    memset(&request->reply, 0, offsetof(ProxyReply, contentType));
    request->reply.contentType[0] = '\0';
    request->reply.keepAlive = true;
    proxy->stats.active++;
    return request;
}

void
proxyRequestFree(ProxyRequest *request)
{
    httpParserDestroy(&request->parser);
    bufFini(&request->text);
    CHECK_OBJ_CLEAR(request);
    free(request);
}

static void
dropWork(ProxyRequest *request)
{
    proxyStepCancel(request);
    proxyFlightLeave(request);
    originConnectCancel(&request->connect);
    viaCancel(&request->via);
    tunnelClose(&request->tunnel, NULL);
    if (request->fetch != NULL)
        proxyFetchDetach(request->fetch);
    request->fetch = NULL;
    proxyPartsEnd(request);
    cacheObjectUnref(&request->object);
    aclFactsClear(&request->facts);
    httpHeaderFini(&request->replyHeaders);
    free(request->storeId);
    free(request->trailer);
    request->storeId = request->trailer = NULL;
    free(request->clientText);
    request->clientText = NULL;
}

void
proxyRequestRelease(ProxyRequest *request)
{
    Proxy *proxy = request->proxy;

    CHECK_OBJ(request, PROXY_REQUEST_MAGIC);
    dropWork(request);
    proxy->stats.active--;
    request->client = NULL;
    bufClear(&request->text);
    /* A parser made under other limits is not kept. */
    bool isCurrent = request->config == proxy->config;
    configUnref(&request->config);
    if (!isCurrent || proxy->spareCount >= SPARE_MAX) {
        proxyRequestFree(request);
        return;
    }
    httpParserNext(request->parser);
    listPushFront(&proxy->spare, &request->node);
    proxy->spareCount++;
}

static bool
mayKeepAlive(const ProxyRequest *request)
{
    return request->reply.keepAlive && !request->proxy->isStopping &&
           request->body.isDone;
}

void
proxyRequestFinish(ProxyRequest *request)
{
    ProxyClient *client = request->client;
    bool keepAlive = mayKeepAlive(request);

    proxyRequestLog(request, ACCESS_END_OK);
    client->request = NULL;
    client->hasServed = true;
    int64_t idleMs = request->config->clientIdlePconnTimeoutMs;
    proxyRequestRelease(request);
    if (!keepAlive) {
        proxyClientLinger(client);
        return;
    }
    proxyClientSetState(client, PROXY_CLIENT_IDLE, "reply sent");
    proxyClientArmTimeout(client, idleMs);
    proxyClientAdvance(client);
}

static ssize_t
failBody(ProxyRequest *request, int errnum)
{
    request->body.error = errnum;
    return -errnum;
}

static bool
isBodyTooLarge(const ProxyRequest *request)
{
    int64_t max = request->config->requestBodyMaxSize;

    return max > 0 && request->body.octets > (uint64_t)max;
}

/* Feed the parser at most `size` octets. Result as proxyRequestReadBody,
 * but -EAGAIN also when only framing was read. */
static ssize_t
readSome(ProxyRequest *request, char *out, size_t size)
{
    HttpSlice input = proxyClientInput(request->client);
    HttpSlice part = {NULL, 0};
    size_t used = 0;
    HttpParseEvent event =
        httpParserFeed(request->parser, input.data,
                       input.len < size ? input.len : size, &used, &part);

    if (event == HTTP_PARSE_BODY && part.len > 0)
        memcpy(out, part.data, part.len);
    proxyClientConsume(request->client, used);
    switch (event) {
    case HTTP_PARSE_BODY:
        request->body.octets += part.len;
        return isBodyTooLarge(request) ? failBody(request, EFBIG)
                                       : (ssize_t)part.len;
    case HTTP_PARSE_DONE:
        request->body.isDone = true;
        return 0;
    case HTTP_PARSE_ERROR:
        return failBody(request, EPROTO);
    default:
        return -EAGAIN;
    }
}

/* A client that is waited for has to send something in time. */
static void
noteWanted(ProxyRequest *request, bool isWanted)
{
    if (request->body.isWanted != isWanted)
        proxyClientArmTimeout(request->client,
                              isWanted ? request->config->requestTimeoutMs : 0);
    request->body.isWanted = isWanted;
}

ssize_t
proxyRequestReadBody(ProxyRequest *request, char *out, size_t size)
{
    ssize_t n;

    if (request->body.isDone)
        return 0;
    if (request->body.error != 0)
        return -request->body.error;
    do
        n = readSome(request, out, size);
    while (n == -EAGAIN && proxyClientInput(request->client).len > 0);
    if (n == -EAGAIN && request->client->isHalfClosed)
        return failBody(request, EPROTO);
    noteWanted(request, n == -EAGAIN);
    proxyClientArmRead(request->client);
    return n;
}

bool
proxyRequestIsBodyDone(ProxyRequest *request)
{
    char none[1];

    /* Only framing may be left: the parser tells without further input. */
    if (!request->body.isDone && request->body.error == 0)
        readSome(request, none, 0);
    return request->body.isDone;
}

static void
lowerCase(char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] >= 'A' && text[i] <= 'Z')
            text[i] = (char)(text[i] - 'A' + 'a');
}

static bool
storeText(ProxyRequest *request, const HttpUrl *url)
{
    Buf *text = &request->text;
    HttpSlice method = request->http->methodText;

    bufClear(text);
    if (httpUrlFormat(url, text) < 0)
        return false;
    size_t urlLen = bufLen(text);
    bufAppend(text, "", 1);
    size_t hostAt = bufLen(text);
    bufAppend(text, url->host.data, url->host.len);
    bufAppend(text, "", 1);
    lowerCase(bufData(text) + hostAt, url->host.len);
    size_t methodAt = bufLen(text);
    bufAppend(text, method.data, method.len);
    if (bufAppend(text, "", 1) < 0)
        return false;
    request->urlText = httpSlice(bufData(text), urlLen);
    request->host = bufData(text) + hostAt;
    request->method = bufData(text) + methodAt;
    return true;
}

bool
proxyRequestSetUrl(ProxyRequest *request, const HttpUrl *url)
{
    bool isConnect = url->scheme == HTTP_SCHEME_NONE;

    request->isServerWide =
        request->http->method == HTTP_METHOD_OPTIONS && url->path.len == 0;
    if (!storeText(request, url))
        return false;
    HttpUrlError error =
        isConnect ? httpUrlParseAuthority(request->urlText, 0, &request->url)
                  : httpUrlParse(request->urlText, &request->url);
    return error == HTTP_URL_ERROR_NONE;
}

FormatUrl
proxyRequestUrl(const ProxyRequest *request)
{
    const HttpUrl *url = &request->url;
    bool isConnect = url->scheme == HTTP_SCHEME_NONE;

    return (FormatUrl){
        .url = request->urlText,
        .scheme = isConnect ? NULL : httpSchemeText(url->scheme),
        .host = httpSliceText(request->host),
        .port = url->port,
        .path = isConnect ? httpSlice(NULL, 0) : url->path,
    };
}

void
proxyRequestKeepUrl(ProxyRequest *request)
{
    const char *old = bufData(&request->text);
    FormatUrl *url = &request->clientUrl;

    if (request->clientText != NULL)
        return;
    char *text = request->clientText = xmalloc(bufLen(&request->text));
    memcpy(text, old, bufLen(&request->text));
    *url = proxyRequestUrl(request);
    url->url.data = text + (url->url.data - old);
    url->host.data = text + (url->host.data - old);
    if (url->path.data != NULL)
        url->path.data = text + (url->path.data - old);
}

void
proxyRequestRefuseUrl(ProxyRequest *request, HttpUrlError error)
{
    proxyReplyError(request,
                    error == HTTP_URL_ERROR_TOO_LONG ? ERR_URI_TOO_LONG
                                                     : ERR_INVALID_URL,
                    httpUrlErrorReason(error));
}

/* The site that a request without a Host, or all, are for. */
static HttpUrlError
useDefaultSite(const ProxyRequest *request, HttpScheme scheme, HttpUrl *url)
{
    const ConfigAccel *accel = request->accel;
    HttpSlice path = url->path;
    HttpUrlError error;

    if (accel->defaultSite == NULL)
        return HTTP_URL_ERROR_FORM;
    error = httpUrlParseAuthority(httpSliceText(accel->defaultSite),
                                  httpSchemePort(scheme), url);
    url->scheme = scheme;
    url->path = path;
    return error;
}

/* What a path is asked for at a port that stands for web servers. */
static HttpUrlError
readPath(const ProxyRequest *request, HttpUrl *urlOut)
{
    const HttpRequest *http = request->http;
    const ConfigAccel *accel = request->accel;
    HttpScheme scheme = accel->isHttps ? HTTP_SCHEME_HTTPS : HTTP_SCHEME_HTTP;
    HttpUrl url = {.path = http->form == HTTP_TARGET_ORIGIN
                               ? http->target
                               : httpSlice("", 0)};
    HttpUrlError error;

    if (accel->noVhost || !httpHeaderHas(&http->headers, HTTP_HEADER_HOST))
        error = useDefaultSite(request, scheme, &url);
    else
        error = httpUrlOfRequest(http, scheme, &url);
    if (error != HTTP_URL_ERROR_NONE)
        return error;
    if (accel->vport != 0)
        url.port = (uint16_t)accel->vport;
    *urlOut = url;
    return HTTP_URL_ERROR_NONE;
}

/* What is asked for. A path alone is for a web server. */
static bool
readUrl(ProxyRequest *request)
{
    HttpTargetForm form = request->http->form;
    HttpUrl url;
    HttpUrlError error = request->accel == NULL ? HTTP_URL_ERROR_PATH_ALONE
                                                : HTTP_URL_ERROR_FORM;

    if (proxyReportTake(request, NULL))
        return true;
    if (form == HTTP_TARGET_ABSOLUTE ||
        (form == HTTP_TARGET_AUTHORITY && request->accel == NULL))
        error = httpUrlOfRequest(request->http, HTTP_SCHEME_HTTP, &url);
    else if (form != HTTP_TARGET_AUTHORITY && request->accel != NULL)
        error = readPath(request, &url);
    if (error == HTTP_URL_ERROR_NONE && proxyReportTake(request, &url))
        return true;
    if (error == HTTP_URL_ERROR_NONE && !proxyRequestSetUrl(request, &url))
        error = HTTP_URL_ERROR_TOO_LONG;
    if (error != HTTP_URL_ERROR_NONE)
        proxyRequestRefuseUrl(request, error);
    return error == HTTP_URL_ERROR_NONE;
}

static bool
isLoop(const ProxyRequest *request)
{
    HttpList list;
    HttpSlice item;
    HttpSlice own = httpSliceText(request->proxy->via);

    if (!request->config->via)
        return false;
    httpListStart(&list, &request->http->headers, HTTP_HEADER_VIA);
    while (httpListNext(&list, &item)) {
        const char *blank = memchr(item.data, ' ', item.len);
        if (blank == NULL)
            continue;
        size_t skip = (size_t)(blank + 1 - item.data);
        if (httpSliceEqual(httpSlice(blank + 1, item.len - skip), own))
            return true;
    }
    return false;
}

/* TRACE and OPTIONS end here when they have gone far enough. */
static bool
isLastHop(ProxyRequest *request)
{
    HttpHeaders *headers = &request->http->headers;
    HttpSlice text = httpHeaderGet(headers, HTTP_HEADER_MAX_FORWARDS);
    uint64_t hops;

    if (text.data == NULL || !httpSliceParseUint(text, UINT32_MAX, &hops) ||
        (request->http->method != HTTP_METHOD_TRACE &&
         request->http->method != HTTP_METHOD_OPTIONS))
        return false;
    if (hops == 0)
        return true;
    httpHeaderRemove(headers, HTTP_HEADER_MAX_FORWARDS);
    httpHeaderAddf(headers, HTTP_HEADER_MAX_FORWARDS, "%llu",
                   (unsigned long long)hops - 1);
    return false;
}

static void
answerLastHop(ProxyRequest *request)
{
    if (request->http->method == HTTP_METHOD_TRACE)
        proxyTraceReply(request);
    else
        proxyReplyBare(request, 200,
                       "Allow: GET, HEAD, POST, PUT, DELETE, OPTIONS, "
                       "CONNECT\r\nContent-Length: 0\r\n");
}

/* True when an answer was given already. */
static bool
refuseEarly(ProxyRequest *request)
{
    const HttpRequest *http = request->http;
    int64_t max = request->config->requestBodyMaxSize;
    bool isUnexpected = httpHeaderHas(&http->headers, HTTP_HEADER_EXPECT) &&
                        !http->expectContinue && http->minor > 0;

    if (http->framing == HTTP_FRAMING_LENGTH && max > 0 &&
        http->length > (uint64_t)max)
        proxyReplyError(request, ERR_TOO_BIG, NULL);
    else if (isUnexpected)
        proxyReplyError(request, ERR_EXPECTATION_FAILED, NULL);
    else if (isLoop(request))
        proxyReplyError(request, ERR_TOO_MANY_REDIRECTS, NULL);
    else if (isLastHop(request))
        answerLastHop(request);
    else
        return false;
    return true;
}

void
proxyRequestStart(ProxyRequest *request)
{
    const HttpRequest *http = request->http;

    request->accel =
        configAccelLookup(request->config, request->client->port->addr,
                          request->client->port->name);
    request->reply.keepAlive =
        http->keepAlive && request->config->clientPersistent;
    request->body.is100Wanted = http->expectContinue;
    if (http->framing == HTTP_FRAMING_NONE)
        proxyRequestIsBodyDone(request);
    if (!readUrl(request) || refuseEarly(request))
        return;
    proxyForwardedFollow(request);
    proxyClientArmTimeout(request->client, 0);
    proxyClientSetState(request->client, PROXY_CLIENT_ACCESS, "head");
    proxyStepStart(request);
}
