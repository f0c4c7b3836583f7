/* Fields after the body, for clients that want them (RFC 9110 6.5). DEBUG:
 * section 33 */
#include <stdlib.h>
#include <string.h>

#include "debug.h"
#include "proxy_priv.h"
#include "xalloc.h"

#define TRAILER_MAX (16 * 1024)

bool
proxyReplyTakesTrailer(const HttpRequest *http)
{
    return http->minor > 0 &&
           httpHeaderHasToken(&http->headers, HTTP_HEADER_TE, "trailers");
}

/* Those that would change what the message is, or who may read it, have no
 * place here (RFC 9110 6.5.1). */
static bool
isAllowed(HttpHeaderId id)
{
    static const HttpHeaderId refused[] = {
        HTTP_HEADER_AGE,
        HTTP_HEADER_AUTHORIZATION,
        HTTP_HEADER_CACHE_CONTROL,
        HTTP_HEADER_CDN_CACHE_CONTROL,
        HTTP_HEADER_CONTENT_ENCODING,
        HTTP_HEADER_CONTENT_LENGTH,
        HTTP_HEADER_CONTENT_RANGE,
        HTTP_HEADER_CONTENT_TYPE,
        HTTP_HEADER_DATE,
        HTTP_HEADER_EXPIRES,
        HTTP_HEADER_HOST,
        HTTP_HEADER_LOCATION,
        HTTP_HEADER_SET_COOKIE,
        HTTP_HEADER_TRAILER,
        HTTP_HEADER_VARY,
        HTTP_HEADER_WWW_AUTHENTICATE,
    };

    for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
        if (refused[i] == id)
            return false;
    return true;
}

static void
copyAllowed(const HttpHeaders *fields, HttpHeaders *out)
{
    const HttpField *field = NULL;

    while ((field = httpHeaderNext(fields, field)) != NULL)
        if (isAllowed(field->id))
            httpHeaderAdd(out, httpFieldName(field), httpFieldValue(field));
    httpHeaderRemoveHopByHop(out);
}

void
proxyReplyTrailer(ProxyRequest *request, const HttpHeaders *fields)
{
    HttpHeaders allowed;
    Buf text;

    if (!request->reply.isChunked || !proxyReplyTakesTrailer(request->http))
        return;
    httpHeaderInit(&allowed, TRAILER_MAX);
    copyAllowed(fields, &allowed);
    bufInit(&text, TRAILER_MAX);
    if (httpHeaderFormat(&allowed, &text) == 0 && bufLen(&text) > 0)
        request->trailer = xstrndup(bufData(&text), bufLen(&text));
    bufFini(&text);
    httpHeaderFini(&allowed);
}
