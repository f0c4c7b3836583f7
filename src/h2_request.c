/* h2_request.c: the head of a request, from HTTP/2 to HTTP/1.1. */
#include "h2_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xalloc.h"

static const char *const pseudoNames[H2_PSEUDO_COUNT] = {
    [H2_PSEUDO_METHOD] = ":method",
    [H2_PSEUDO_SCHEME] = ":scheme",
    [H2_PSEUDO_AUTHORITY] = ":authority",
    [H2_PSEUDO_PATH] = ":path",
};

void
h2RequestInit(H2Request *request)
{
    *request = (H2Request){0};
    httpHeaderInit(&request->fields, H2_FIELDS_MAX);
    bufInit(&request->cookie, H2_FIELDS_MAX);
}

void
h2RequestFini(H2Request *request)
{
    for (size_t i = 0; i < H2_PSEUDO_COUNT; i++) {
        free(request->pseudo[i]);
        request->pseudo[i] = NULL;
    }
    httpHeaderFini(&request->fields);
    bufFini(&request->cookie);
}

/* Nothing that would end a request line, or a word of it. */
static bool
isWord(HttpSlice text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char octet = (unsigned char)text.data[i];
        if (octet <= ' ' || octet == 0x7f)
            return false;
    }
    return text.len > 0;
}

static void
refuse(H2Request *request, int status)
{
    if (request->status == 0)
        request->status = status;
}

static void
addPseudo(H2Request *request, HttpSlice name, HttpSlice value)
{
    for (size_t i = 0; i < H2_PSEUDO_COUNT; i++) {
        if (!httpSliceEqual(name, httpSliceText(pseudoNames[i])))
            continue;
        if (request->pseudo[i] != NULL || !isWord(value)) {
            refuse(request, 400);
            return;
        }
        request->pseudo[i] = xstrndup(value.data, value.len);
        return;
    }
    refuse(request, 400);
}

/* They may come one by one; HTTP/1.1 has one field (RFC 9113 8.2.3). */
static void
addCookie(H2Request *request, HttpSlice value)
{
    Buf *cookie = &request->cookie;

    if (!httpIsFieldValue(value))
        refuse(request, 400);
    else if ((bufLen(cookie) > 0 && bufAppend(cookie, "; ", 2) < 0) ||
             bufAppend(cookie, value.data, value.len) < 0)
        refuse(request, 431);
}

void
h2RequestAdd(H2Request *request, HttpSlice name, HttpSlice value)
{
    int rc;

    if (name.len > 0 && name.data[0] == ':') {
        addPseudo(request, name, value);
        return;
    }
    if (httpHeaderIdOf(name) == HTTP_HEADER_COOKIE) {
        addCookie(request, value);
        return;
    }
    rc = httpHeaderAdd(&request->fields, name, value);
    if (rc < 0)
        refuse(request, rc == -ENOBUFS ? 431 : 400);
}

bool
h2RequestIs(const H2Request *request, const char *method)
{
    const char *own = request->pseudo[H2_PSEUDO_METHOD];

    return own != NULL && strcmp(own, method) == 0;
}

bool
h2RequestIsChunked(const H2Request *request, bool hasBody)
{
    return hasBody && !h2RequestIs(request, "CONNECT") &&
           !httpHeaderHas(&request->fields, HTTP_HEADER_CONTENT_LENGTH);
}

void
h2FieldsDrop(HttpHeaders *fields)
{
    static const HttpHeaderId dropped[] = {
        HTTP_HEADER_CONNECTION, HTTP_HEADER_KEEP_ALIVE,
        HTTP_HEADER_PROXY_CONNECTION, HTTP_HEADER_TE,
        HTTP_HEADER_TRANSFER_ENCODING, HTTP_HEADER_UPGRADE,
    };

    for (size_t i = 0; i < sizeof(dropped) / sizeof(*dropped); i++)
        httpHeaderRemove(fields, dropped[i]);
    httpHeaderRemoveName(fields, httpSliceText("HTTP2-Settings"));
}

/* Take its name out of the fields: :authority or Host, which are the same
 * where there are both. False: they are not. */
static bool
settleAuthority(H2Request *request)
{
    char **authority = &request->pseudo[H2_PSEUDO_AUTHORITY];
    HttpSlice host = httpHeaderGet(&request->fields, HTTP_HEADER_HOST);

    if (host.data != NULL && *authority == NULL && isWord(host))
        *authority = xstrndup(host.data, host.len);
    if (*authority == NULL ||
        (host.data != NULL &&
         !httpSliceEqualNoCase(host, httpSliceText(*authority))))
        return false;
    httpHeaderRemove(&request->fields, HTTP_HEADER_HOST);
    return true;
}

static bool
isComplete(H2Request *request)
{
    char *const *pseudo = request->pseudo;
    const char *path = pseudo[H2_PSEUDO_PATH];

    if (pseudo[H2_PSEUDO_METHOD] == NULL ||
        !httpIsToken(httpSliceText(pseudo[H2_PSEUDO_METHOD])) ||
        !settleAuthority(request))
        return false;
    if (h2RequestIs(request, "CONNECT"))
        return path == NULL && pseudo[H2_PSEUDO_SCHEME] == NULL;
    return path != NULL && pseudo[H2_PSEUDO_SCHEME] != NULL &&
           (path[0] == '/' ||
            (strcmp(path, "*") == 0 && h2RequestIs(request, "OPTIONS")));
}

static int
formatLine(const H2Request *request, bool isOriginForm, Buf *out)
{
    char *const *pseudo = request->pseudo;
    const char *method = pseudo[H2_PSEUDO_METHOD];
    const char *authority = pseudo[H2_PSEUDO_AUTHORITY];
    const char *path = pseudo[H2_PSEUDO_PATH];

    if (path == NULL)
        return bufPrintf(out, "%s %s HTTP/1.1\r\n", method, authority);
    if (isOriginForm)
        return bufPrintf(out, "%s %s HTTP/1.1\r\n", method, path);
    return bufPrintf(out, "%s %s://%s%s HTTP/1.1\r\n", method,
                     pseudo[H2_PSEUDO_SCHEME], authority,
                     path[0] == '/' ? path : "");
}

/* The server is told that this is its only request, and whether a trailer is
 * of use. */
static int
formatEnd(const H2Request *request, bool isChunked, bool wantsTrailer, Buf *out)
{
    int rc = bufPrintf(out, "Host: %s\r\nConnection: close%s",
                       request->pseudo[H2_PSEUDO_AUTHORITY],
                       wantsTrailer ? ", TE\r\nTE: trailers\r\n" : "\r\n");

    if (rc == 0 && bufLen(&request->cookie) > 0)
        rc = bufPrintf(out, "Cookie: %.*s\r\n", (int)bufLen(&request->cookie),
                       bufData(&request->cookie));
    if (rc == 0 && isChunked)
        rc = bufPrintf(out, "Transfer-Encoding: chunked\r\n");
    return rc == 0 ? bufAppend(out, "\r\n", 2) : rc;
}

int
h2RequestFormat(H2Request *request, bool isOriginForm, bool hasBody, Buf *out)
{
    HttpHeaders *fields = &request->fields;
    bool wantsTrailer = httpHeaderHasToken(fields, HTTP_HEADER_TE, "trailers");
    bool isChunked = h2RequestIsChunked(request, hasBody);

    if (request->status == 0 && !isComplete(request))
        request->status = 400;
    if (request->status != 0)
        return request->status;
    if (h2RequestIs(request, "CONNECT"))
        httpHeaderRemove(fields, HTTP_HEADER_CONTENT_LENGTH);
    h2FieldsDrop(fields);
    if (formatLine(request, isOriginForm, out) < 0 ||
        httpHeaderFormat(fields, out) < 0 ||
        formatEnd(request, isChunked, wantsTrailer, out) < 0)
        return 431;
    return 0;
}
