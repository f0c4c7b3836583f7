/* What becomes of answers in the store. DEBUG: section 20 */
#include "debug.h"
#include "proxy_fetch_priv.h"

static HttpExchange
exchangeOf(const ProxyFetch *fetch, const HttpResponse *response)
{
    return (HttpExchange){.request = fetch->asked,
                          .response = response,
                          .requestTime = fetch->sentAt,
                          .responseTime = proxyNowSec(),
                          .isTargeted = fetch->isTargeted,
                          .refresh =
                              configRefreshLookup(fetch->config, fetch->text)};
}

static CacheMeta
metaOf(const ProxyFetch *fetch, const HttpResponse *response,
       const HttpFreshness *freshness)
{
    return (CacheMeta){.key = &fetch->key,
                       .request = &fetch->asked->headers,
                       .response = response,
                       .freshness = freshness,
                       .length = fetch->length};
}

/* store_miss; refreshing in the background is for nobody in particular. */
static bool
mayStore(const ProxyFetch *fetch, const HttpResponse *response)
{
    const AclRules *rules = fetch->config->storeMiss;

    if (aclRulesCount(rules) == 0 || fetch->request == NULL)
        return true;
    AclInput input = proxyStepReplyInput(fetch->request, &response->headers);
    input.status = response->status;
    return aclRulesCheck(rules, &input) == ACL_ALLOW;
}

/* Content-Location names what was asked for (RFC 9110 8.7, 9.3.3). */
static bool
isLocated(const ProxyFetch *fetch, const HttpResponse *response)
{
    HttpSlice value =
        httpHeaderGet(&response->headers, HTTP_HEADER_CONTENT_LOCATION);
    bool isSame;
    Buf url;

    if (fetch->asked->method != HTTP_METHOD_POST || fetch->request == NULL ||
        value.data == NULL)
        return false;
    bufInit(&url, 4 * HTTP_URL_MAX);
    isSame =
        httpUrlResolve(&fetch->request->url, value, &url) == 0 &&
        httpSliceEqual(httpSlice(bufData(&url), bufLen(&url)), fetch->key.text);
    bufFini(&url);
    return isSame;
}

void
proxyFetchStore(ProxyFetch *fetch, const HttpResponse *response)
{
    HttpExchange exchange = exchangeOf(fetch, response);
    HttpFreshness freshness;

    if (fetch->length < (uint64_t)fetch->config->minimumObjectSize ||
        fetch->isUncached || !mayStore(fetch, response))
        return;
    exchange.isLocated = isLocated(fetch, response);
    HttpStoreReason reason = httpFreshnessStorable(&exchange, &freshness);

    debug(DBG_STORE, 3, "%s: %s", fetch->text, httpStoreReasonText(reason));
    if (reason != HTTP_STORE_OK)
        return;
    fetch->isShared = httpFreshnessIsFresh(&freshness, proxyNowSec());
    if (response->status == 206) {
        proxyPartStore(fetch, response, &freshness);
        return;
    }
    CacheMeta meta = metaOf(fetch, response, &freshness);
    fetch->writer = cacheStoreWrite(fetch->proxy->store, &meta);
    if (response->status == 200)
        proxyPartRemember(fetch, response, &freshness);
}

/* The request that waits for the outcome gets the newer one, too. */
static void
replaceObject(ProxyFetch *fetch, CacheObject *updated)
{
    ProxyRequest *request = fetch->request;

    if (request != NULL) {
        cacheObjectUnref(&request->object);
        request->object = cacheObjectRef(updated);
    }
    cacheObjectUnref(&fetch->object);
    fetch->object = updated;
}

/* The stored response with the fields of a 304, or of a 200 to HEAD (RFC 9111
 * 4.3.4, 4.3.5). What may not be kept any more is used this once. */
static void
updateStored(ProxyFetch *fetch, const HttpResponse *newer)
{
    CacheStore *store = fetch->proxy->store;
    CacheObject *updated = NULL;
    HttpFreshness freshness;
    HttpResponse merged;

    httpResponseInit(&merged, HTTP_HEADER_TEXT_MAX * 2);
    HttpExchange exchange = exchangeOf(fetch, &merged);
    CacheMeta meta = metaOf(fetch, &merged, &freshness);
    if (cacheObjectResponse(fetch->object, &merged) == 0 &&
        httpCondMerge(&merged.headers, &newer->headers) == 0) {
        httpFreshnessCompute(&exchange, &freshness);
        updated = cacheStoreUpdate(store, fetch->object, &meta);
    }
    httpResponseFini(&merged);
    if (updated == NULL)
        return;
    proxyFlightNote(fetch, httpFreshnessIsFresh(&freshness, proxyNowSec()));
    if (freshness.flags & (HTTP_CC_NO_STORE | HTTP_CC_PRIVATE))
        cacheStoreInvalidate(store, &fetch->key);
    replaceObject(fetch, updated);
}

/* RFC 9111 4.3.5 */
static void
judgeHead(ProxyFetch *fetch, const HttpResponse *response)
{
    bool isSameLength = response->framing != HTTP_FRAMING_LENGTH ||
                        response->length == cacheObjectLength(fetch->object);

    if (isSameLength && httpCondMatches(cacheObjectValidators(fetch->object),
                                        &response->headers))
        updateStored(fetch, response);
    else
        cacheStoreInvalidate(fetch->proxy->store, &fetch->key);
}

static ProxyFetchUse
judgeNotModified(ProxyFetch *fetch, const HttpResponse *response)
{
    switch (httpCondAbout(&fetch->asked->headers,
                          cacheObjectValidators(fetch->object),
                          &response->headers)) {
    case HTTP_COND_ABOUT_STORED:
        updateStored(fetch, response);
        return PROXY_FETCH_USE_VALID;
    case HTTP_COND_ABOUT_CLIENT:
        return PROXY_FETCH_PASS_ON;
    default:
        return PROXY_FETCH_ASK_AGAIN;
    }
}

bool
proxyFetchMayBeStale(const CacheObject *object, const HttpHeaders *asked)
{
    return object != NULL &&
           httpFreshnessStaleIfError(cacheObjectFreshness(object), asked,
                                     proxyNowSec());
}

static bool
isServerFailure(int status)
{
    return status == 500 || (status >= 502 && status <= 504);
}

ProxyFetchUse
proxyFetchJudge(ProxyFetch *fetch, const HttpResponse *response)
{
    int status = response->status;

    if (fetch->begun != NULL)
        return proxyPartJudge(fetch, response);
    if (fetch->isAboutVariants && status == 304)
        return proxyVariantJudge(fetch, response);
    if (fetch->object == NULL)
        return PROXY_FETCH_PASS_ON;
    if (fetch->isValidation && status == 304)
        return judgeNotModified(fetch, response);
    if (isServerFailure(status) &&
        proxyFetchMayBeStale(fetch->object, &fetch->asked->headers))
        return PROXY_FETCH_USE_STALE;
    if (fetch->asked->method == HTTP_METHOD_HEAD && status == 200)
        judgeHead(fetch, response);
    return PROXY_FETCH_PASS_ON;
}
