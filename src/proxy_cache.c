/* Answering from the cache. DEBUG: section 20 */
#include <string.h>

#include "check.h"
#include "debug.h"
#include "proxy_priv.h"

HttpSlice
proxyCacheText(const ProxyRequest *request)
{
    return request->storeId != NULL ? httpSliceText(request->storeId)
                                    : request->urlText;
}

AccessResult
proxyCacheHit(const CacheObject *object)
{
    if (cacheObjectStatus(object) >= 400)
        return ACCESS_NEGATIVE_HIT;
    return cacheObjectIsFromDisk(object) ? ACCESS_HIT : ACCESS_MEM_HIT;
}

/* Requests that a stored response may answer. */
static bool
isCacheable(const ProxyRequest *request)
{
    const HttpRequest *http = request->http;

    return (http->method == HTTP_METHOD_GET ||
            http->method == HTTP_METHOD_HEAD) &&
           (http->framing == HTTP_FRAMING_NONE ||
            (http->framing == HTTP_FRAMING_LENGTH && http->length == 0)) &&
           !httpCondIsForOrigin(&http->headers);
}

/* Of an object that is the whole. */
static void
serveParts(ProxyRequest *request, const HttpRangeSet *set)
{
    uint64_t length = cacheObjectLength(request->object);
    const HttpPlace whole = {{0, length - 1}, length};

    proxyReplyParts(request, set, &whole);
}

/* The object, or what of it a GET asks for. */
static void
serveWhole(ProxyRequest *request)
{
    HttpRangeResult result = HTTP_RANGE_WHOLE;
    HttpRangeSet set;

    if (request->http->method == HTTP_METHOD_GET &&
        cacheObjectStatus(request->object) == 200)
        result = httpRangeResolve(
            &request->http->headers, cacheObjectValidators(request->object),
            cacheObjectLength(request->object), proxyNowSec(), &set);
    if (result == HTTP_RANGE_PART)
        serveParts(request, &set);
    else if (result == HTTP_RANGE_UNSATISFIABLE)
        proxyReplyNoPart(request, cacheObjectLength(request->object));
    else
        proxyReplyStored(request);
}

void
proxyCacheServe(ProxyRequest *request, AccessResult result)
{
    const HttpHeaders *headers = &request->http->headers;
    HttpCond cond = HTTP_COND_NONE;

    if (cacheObjectStatus(request->object) == 200)
        cond = httpCondEvaluate(headers, cacheObjectValidators(request->object),
                                proxyNowSec());
    request->reply.result = result;
    if (cond != HTTP_COND_NOT_MODIFIED) {
        serveWhole(request);
        return;
    }
    if (result == ACCESS_MEM_HIT || result == ACCESS_HIT)
        request->reply.result =
            httpHeaderHas(headers, HTTP_HEADER_IF_NONE_MATCH) ? ACCESS_INM_HIT
                                                              : ACCESS_IMS_HIT;
    proxyReplyNotModified(request);
}

static void
startMiss(ProxyRequest *request, ProxyStatus status)
{
    cacheObjectUnref(&request->object);
    request->reply.cacheStatus = status;
    request->reply.result = ACCESS_MISS;
    if (httpFreshnessOnlyIfCached(&request->http->headers))
        proxyReplyError(request, ERR_ONLY_IF_CACHED_MISS, NULL);
    else
        proxyFetchStart(request);
}

/* send_hit */
static bool
mayHit(const ProxyRequest *request)
{
    const AclRules *rules = request->config->sendHit;
    HttpResponse response;
    bool may = false;

    if (aclRulesCount(rules) == 0)
        return true;
    httpResponseInit(&response, HTTP_HEADER_TEXT_MAX * 2);
    if (cacheObjectResponse(request->object, &response) == 0) {
        AclInput input = proxyStepReplyInput(request, &response.headers);

        input.status = cacheObjectStatus(request->object);
        may = aclRulesCheck(rules, &input) == ACL_ALLOW;
    }
    httpResponseFini(&response);
    return may;
}

/* What arrives for another request is the answer to this one, too, if it is
 * for both. */
static bool
followOther(ProxyRequest *request, ProxyFetch *other, ProxyStatus status)
{
    CacheObject *stale = request->object;

    request->object = proxyFollowLookup(other, request);
    if (request->object == NULL || !mayHit(request)) {
        cacheObjectUnref(&request->object);
        request->object = stale;
        return false;
    }
    cacheObjectUnref(&stale);
    request->reply.cacheStatus = status;
    request->reply.isCollapsed = true;
    proxyFollowStart(other, request);
    proxyCacheServe(request, ACCESS_CF_HIT);
    return true;
}

/* Another request has asked the origin already: its answer may do for this
 * one. */
static bool
waitForOther(ProxyRequest *request, const CacheKey *key, ProxyStatus status)
{
    ProxyFetch *other = NULL;

    if (request->config->collapsedForwarding &&
        httpFreshnessMayWait(&request->http->headers) &&
        proxyFlightIsShared(request->proxy, key))
        other = proxyFlightLookup(request->proxy, key);
    if (other == NULL)
        return false;
    if (proxyFlightHasHead(other))
        return followOther(request, other, status);
    if (request->hasWaited)
        return false;
    cacheObjectUnref(&request->object);
    request->reply.cacheStatus = status;
    proxyFlightJoin(other, request);
    return true;
}

static bool
isClientRefresh(HttpUseReason reason)
{
    return reason == HTTP_USE_REASON_REQUEST_NO_CACHE ||
           reason == HTTP_USE_REASON_REQUEST_PRAGMA ||
           reason == HTTP_USE_REASON_REQUEST_IMS ||
           reason == HTTP_USE_REASON_REQUEST_MAX_AGE ||
           reason == HTTP_USE_REASON_REQUEST_MIN_FRESH;
}

/* What came while the request waited is no hit (RFC 9211 2.6). */
static void
serveFound(ProxyRequest *request)
{
    if (!request->hasWaited)
        request->reply.cacheStatus = PROXY_STATUS_HIT;
    request->reply.isCollapsed = request->hasWaited;
    proxyCacheServe(request, request->hasWaited
                                 ? ACCESS_CF_HIT
                                 : proxyCacheHit(request->object));
}

static void
validateFound(ProxyRequest *request, const CacheKey *key, HttpUseReason reason)
{
    if (isClientRefresh(reason)) {
        request->reply.cacheStatus = PROXY_STATUS_REQUEST;
        request->reply.result = ACCESS_CLIENT_REFRESH;
    } else if (waitForOther(request, key, PROXY_STATUS_STALE)) {
        return;
    } else {
        request->reply.cacheStatus = PROXY_STATUS_STALE;
        request->reply.result = ACCESS_REFRESH_MODIFIED;
    }
    proxyFetchStart(request);
}

static void
startFound(ProxyRequest *request, const CacheKey *key)
{
    HttpUseReason reason;
    HttpUse use =
        httpFreshnessUse(cacheObjectFreshness(request->object),
                         &request->http->headers, proxyNowSec(), &reason);

    debug(DBG_STORE, 3, "%s: %s", request->urlText.data,
          httpUseReasonText(reason));
    switch (use) {
    case HTTP_USE_REFRESH:
        if (proxyFlightLookup(request->proxy, key) == NULL)
            proxyFetchRefresh(request);
        serveFound(request);
        break;
    case HTTP_USE_REVALIDATE:
        validateFound(request, key, reason);
        break;
    case HTTP_USE_TIMEOUT:
        request->reply.result = ACCESS_MISS;
        proxyReplyError(request, ERR_ONLY_IF_CACHED_MISS, NULL);
        break;
    default:
        serveFound(request);
        break;
    }
}

/* Why the cache does not look. */
static ProxyStatus
passingStatus(const ProxyRequest *request)
{
    HttpMethod method = request->http->method;

    return method == HTTP_METHOD_GET || method == HTTP_METHOD_HEAD
               ? PROXY_STATUS_BYPASS
               : PROXY_STATUS_METHOD;
}

static void
startMissing(ProxyRequest *request, const CacheKey *key)
{
    ProxyStatus status = cacheStoreHas(request->proxy->store, key)
                             ? PROXY_STATUS_VARY_MISS
                             : PROXY_STATUS_URI_MISS;

    if (proxyPartServe(request))
        return;
    if (!waitForOther(request, key, status))
        startMiss(request, status);
}

void
proxyCacheStart(ProxyRequest *request)
{
    CacheKey key;

    if (request->isUncached || !isCacheable(request)) {
        startMiss(request, passingStatus(request));
        return;
    }
    cacheKeyInit(&key, CACHE_KEY_GET, proxyCacheText(request));
    request->object =
        cacheStoreLookup(request->proxy->store, &key, &request->http->headers);
    if (request->object == NULL)
        startMissing(request, &key);
    else if (!mayHit(request))
        startMiss(request, PROXY_STATUS_BYPASS);
    else
        startFound(request, &key);
}

void
proxyCacheResume(ProxyRequest *request)
{
    request->hasWaited = true;
    proxyCacheStart(request);
}

unsigned
proxyPurge(const Proxy *proxy, HttpSlice text)
{
    unsigned count = 0;
    CacheKey key;

    for (CacheKeyClass i = 0; i < CACHE_KEY_CLASS_COUNT; i++) {
        cacheKeyInit(&key, i, text);
        proxyFlightForget(proxy, &key);
        count += cacheStoreInvalidate(proxy->store, &key);
    }
    debug(DBG_STORE, 3, "invalidated %.*s: %u", HTTP_SLICE_ARG(text), count);
    return count;
}

void
proxyCachePurge(ProxyRequest *request)
{
    if (!aclSetHasMethod(request->config->acls, "PURGE")) {
        request->reply.result = ACCESS_DENIED;
        proxyReplyError(request, ERR_ACCESS_DENIED, "no acl is about PURGE");
        return;
    }
    unsigned count = proxyPurge(request->proxy, proxyCacheText(request));
    request->reply.result = ACCESS_MISS;
    proxyReplyBare(request, count > 0 ? 200 : 404, "Content-Length: 0\r\n");
}

/* Location and Content-Location, of the same origin only (RFC 9111 4.4). */
static void
invalidateField(ProxyRequest *request, const HttpResponse *response,
                HttpHeaderId id)
{
    HttpSlice value = httpHeaderGet(&response->headers, id);
    HttpUrl url;
    Buf text;

    if (value.data == NULL)
        return;
    bufInit(&text, 4 * HTTP_URL_MAX);
    if (httpUrlResolve(&request->url, value, &text) == 0) {
        HttpSlice target = httpSlice(bufData(&text), bufLen(&text));
        if (httpUrlParse(target, &url) == HTTP_URL_ERROR_NONE &&
            url.scheme == request->url.scheme &&
            url.port == request->url.port &&
            httpSliceEqualNoCase(url.host, request->url.host))
            proxyPurge(request->proxy, target);
    }
    bufFini(&text);
}

void
proxyCacheInvalidate(ProxyRequest *request, const HttpResponse *response)
{
    if (httpMethodIsSafe(request->http->method) || response->status >= 400)
        return;
    if (request->storeId != NULL)
        proxyPurge(request->proxy, httpSliceText(request->storeId));
    proxyPurge(request->proxy, request->urlText);
    invalidateField(request, response, HTTP_HEADER_LOCATION);
    invalidateField(request, response, HTTP_HEADER_CONTENT_LOCATION);
}
