/* Stored responses, as the manager tells of them. DEBUG: section 16 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "comm.h"
#include "debug.h"
#include "http_url.h"
#include "json_text.h"
#include "manager_priv.h"

#define PAGE_OBJECTS 500
#define URL_MAX (4 * HTTP_URL_MAX)

typedef struct Listing {
    Buf *out;
    const char *prefix; /* of URLs */
    bool hasHead;
    unsigned count;
} Listing;

static void
putText(Buf *out, const char *name, HttpSlice text)
{
    bufPrintf(out, ", \"%s\": ", name);
    jsonTextPut(out, text.data, text.len);
}

static void
putNumber(Buf *out, const char *name, int64_t value)
{
    bufPrintf(out, ", \"%s\": %lld", name, (long long)value);
}

static bool
startsWith(HttpSlice text, const char *prefix)
{
    size_t len = strlen(prefix);

    return text.len >= len && memcmp(text.data, prefix, len) == 0;
}

/* A CacheListCb. */
static void
putListing(const CacheListing *object, void *data)
{
    Listing *listing = data;
    Buf *out = listing->out;
    int64_t age = httpFreshnessAge(object->freshness, commWallUs() / 1000000);

    if (!startsWith(object->url, listing->prefix))
        return;
    bufPrintf(out, "%s\n  {\"url\": ", listing->count++ > 0 ? "," : "");
    jsonTextPut(out, object->url.data, object->url.len);
    putText(out, "level", httpSliceText(object->level));
    putNumber(out, "status", object->status);
    putNumber(out, "bytes", (int64_t)object->length);
    putNumber(out, "age", age);
    putNumber(out, "fresh_for", object->freshness->lifetime - age);
    putText(out, "vary", object->varyNames);
    bufPrintf(out, ", \"part\": %s",
              object->keyClass == CACHE_KEY_PART ? "true" : "false");
    if (listing->hasHead)
        putText(out, "head", object->head);
    bufPrintf(out, "}");
}

/* The cursor as hexadecimal digits. */
static bool
readCursor(const char *text, CacheCursor *out)
{
    char pair[3] = "";

    if (strlen(text) != 2 * sizeof(out->octets) ||
        strspn(text, "0123456789abcdef") != strlen(text))
        return false;
    for (size_t i = 0; i < sizeof(out->octets); i++) {
        memcpy(pair, text + 2 * i, 2);
        out->octets[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return true;
}

int
managerCacheList(Buf *out, const Proxy *proxy, HttpSlice target)
{
    char prefix[URL_MAX] = "", from[2 * sizeof(CacheCursor) + 1];
    Listing listing = {.out = out, .prefix = prefix};
    CacheCursor cursor = {0};

    managerQueryGet(target, "prefix", prefix, sizeof(prefix));
    if (managerQueryGet(target, "from", from, sizeof(from)) &&
        !readCursor(from, &cursor))
        return -EINVAL;
    bufPrintf(out, "{\"objects\": [");
    bool hasMore = cacheStoreList(proxyStore(proxy), &cursor, PAGE_OBJECTS,
                                  putListing, &listing);
    bufPrintf(out, "\n],\n\"next\": %s", hasMore ? "\"" : "null");
    for (size_t i = 0; hasMore && i < sizeof(cursor.octets); i++)
        bufPrintf(out, "%02x", cursor.octets[i]);
    return bufPrintf(out, "%s}\n", hasMore ? "\"" : "");
}

/* What url= names, in the form that is stored: a URL, or a store-id. Appends
 * to out. False: there is none. */
static bool
takeUrl(HttpSlice target, Buf *out)
{
    char text[URL_MAX];
    HttpUrl url;

    if (!managerQueryGet(target, "url", text, sizeof(text)))
        return false;
    if (httpUrlParse(httpSliceText(text), &url) == HTTP_URL_ERROR_NONE)
        return httpUrlFormat(&url, out) == 0;
    return bufAppend(out, text, strlen(text)) == 0;
}

int
managerCacheObject(Buf *out, const Proxy *proxy, HttpSlice target)
{
    Listing listing = {.out = out, .prefix = "", .hasHead = true};
    CacheKey key;
    Buf url;

    bufInit(&url, URL_MAX);
    bool isGiven = takeUrl(target, &url);
    bufPrintf(out, "{\"objects\": [");
    for (CacheKeyClass i = 0; isGiven && i < CACHE_KEY_CLASS_COUNT; i++) {
        cacheKeyInit(&key, i, httpSlice(bufData(&url), bufLen(&url)));
        cacheStoreListKey(proxyStore(proxy), &key, putListing, &listing);
    }
    bufFini(&url);
    int rc = bufPrintf(out, "\n]}\n");
    return isGiven ? rc : -EINVAL;
}

int
managerCachePurge(Buf *out, const Proxy *proxy, HttpSlice target)
{
    Buf url;

    bufInit(&url, URL_MAX);
    bool isGiven = takeUrl(target, &url);
    if (isGiven) {
        HttpSlice text = httpSlice(bufData(&url), bufLen(&url));
        unsigned count = proxyPurge(proxy, text);
        debug(DBG_MANAGER, 1, "manager: %.*s was to be purged: %u responses",
              HTTP_SLICE_ARG(text), count);
        bufPrintf(out, "{\"purged\": %u}\n", count);
    }
    bufFini(&url);
    return isGiven ? 0 : -EINVAL;
}
