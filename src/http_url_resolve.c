/* http_url_resolve.c: references relative to a URL. RFC 3986 5.2. */
#include "http_url.h"

#include <errno.h>

#include "http_octet.h"

/* Scheme and authority of a reference, or of its base; and its path. */
typedef struct Target {
    HttpUrl url;
    HttpSlice path;  /* up to the query */
    HttpSlice query; /* with its "?", or empty */
} Target;

static HttpSlice
cutBefore(HttpSlice text, char end)
{
    const char *at = text.len ? memchr(text.data, end, text.len) : NULL;

    return at ? httpSlice(text.data, (size_t)(at - text.data)) : text;
}

static HttpSlice
after(HttpSlice text, HttpSlice front)
{
    return httpSlice(text.data + front.len, text.len - front.len);
}

/* Octets before a ":" that make it the end of a scheme. */
static bool
hasScheme(HttpSlice text)
{
    HttpSlice scheme = cutBefore(text, ':');

    if (!text.len || scheme.len == text.len || !scheme.len)
        return false;
    for (size_t i = 0; i < scheme.len; i++) {
        char c = scheme.data[i];
        bool isAlpha = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
        if (!isAlpha && (!i || !strchr("0123456789+-.", c)))
            return false;
    }
    return true;
}

static void
splitPath(Target *target, HttpSlice path)
{
    target->path = cutBefore(path, '?');
    target->query = after(path, target->path);
}

/* The base with its last segment replaced: RFC 3986 5.2.3. */
static int
mergePath(const HttpUrl *base, HttpSlice path, Buf *out)
{
    HttpSlice front = cutBefore(base->path, '?');

    while (front.len && front.data[front.len - 1] != '/')
        front.len--;
    if (!front.len)
        front = httpSlice("/", 1);
    int rc = bufAppend(out, front.data, front.len);
    return rc ? rc : bufAppend(out, path.data, path.len);
}

/* RFC 3986 5.2.4, in place; returns the length that is left. */
static size_t
removeDots(char *path, size_t len)
{
    size_t out = 0;

    for (size_t at = 0; at < len;) {
        const char *slash =
            at + 1 < len ? memchr(path + at + 1, '/', len - at - 1) : NULL;
        size_t end = slash ? (size_t)(slash - path) : len;
        HttpSlice segment = httpSlice(path + at, end - at);
        bool isUp = httpSliceEqual(segment, httpSlice("/..", 3));
        if (isUp)
            while (out && path[--out] != '/')
                ;
        if (isUp || httpSliceEqual(segment, httpSlice("/.", 2))) {
            if (end == len)
                path[out++] = '/';
        } else {
            memmove(path + out, segment.data, segment.len);
            out += segment.len;
        }
        at = end;
    }
    return out;
}

/* A reference without scheme and authority. */
static int
resolvePath(const HttpUrl *base, HttpSlice reference, Target *target, Buf *text)
{
    int rc = 0;

    target->url = *base;
    if (!reference.len || reference.data[0] == '?') {
        splitPath(target, base->path);
        if (reference.len)
            target->query = reference;
        return bufAppend(text, target->path.data, target->path.len);
    }
    splitPath(target, reference);
    if (reference.data[0] == '/')
        rc = bufAppend(text, target->path.data, target->path.len);
    else
        rc = mergePath(base, target->path, text);
    return rc;
}

static int
resolveUrl(HttpSlice reference, Target *target, Buf *text)
{
    if (httpUrlParse(reference, &target->url) != HTTP_URL_ERROR_NONE)
        return -EINVAL;
    splitPath(target, target->url.path);
    return bufAppend(text, target->path.data, target->path.len);
}

/* "//host/path": the scheme of the base. */
static int
resolveAuthority(const HttpUrl *base, HttpSlice reference, Target *target,
                 Buf *whole, Buf *text)
{
    int rc = bufPrintf(whole, "%s:%.*s", httpSchemeText(base->scheme),
                       HTTP_SLICE_ARG(reference));

    return rc ? rc
              : resolveUrl(httpSlice(bufData(whole), bufLen(whole)), target,
                           text);
}

static int
finishPath(Target *target, Buf *text, Buf *out)
{
    HttpSlice query = target->query;
    int rc;

    text->tail = text->head + removeDots(bufData(text), bufLen(text));
    rc = bufAppend(text, query.data, query.len);
    if (rc)
        return rc;
    target->url.path = httpSlice(bufData(text), bufLen(text));
    if (!httpOctetsAre(bufData(text), bufLen(text), HTTP_OCTET_TARGET))
        return -EINVAL;
    return httpUrlFormat(&target->url, out);
}

int
httpUrlResolve(const HttpUrl *base, HttpSlice reference, Buf *out)
{
    Target target;
    Buf whole;
    Buf text;
    int rc;

    bufInit(&whole, HTTP_URL_MAX + 16);
    bufInit(&text, 2 * HTTP_URL_MAX);
    reference = cutBefore(httpSliceTrim(reference), '#');
    if (hasScheme(reference))
        rc = resolveUrl(reference, &target, &text);
    else if (reference.len > 1 && memcmp(reference.data, "//", 2) == 0)
        rc = resolveAuthority(base, reference, &target, &whole, &text);
    else
        rc = resolvePath(base, reference, &target, &text);
    if (rc == 0)
        rc = finishPath(&target, &text, out);
    bufFini(&whole);
    bufFini(&text);
    return rc;
}
