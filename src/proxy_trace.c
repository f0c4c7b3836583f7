/* TRACE that ends here: the request is sent back (RFC 9110 9.3.8). DEBUG:
 * section 33 */
#include "check.h"
#include "http_date.h"
#include "proxy_priv.h"

/* What must not be shown to whoever reads the answer. */
static bool
isSecret(HttpHeaderId id)
{
    return id == HTTP_HEADER_AUTHORIZATION || id == HTTP_HEADER_COOKIE ||
           id == HTTP_HEADER_PROXY_AUTHORIZATION;
}

static int
formatRequest(const HttpRequest *http, Buf *out)
{
    const HttpField *field = NULL;
    int rc = bufPrintf(out, "%.*s %.*s HTTP/1.%u\r\n",
                       HTTP_SLICE_ARG(http->methodText),
                       HTTP_SLICE_ARG(http->target), http->minor);

    while (rc == 0 && (field = httpHeaderNext(&http->headers, field)) != NULL) {
        if (!isSecret(field->id))
            rc = bufPrintf(out, "%.*s: %.*s\r\n",
                           HTTP_SLICE_ARG(httpFieldName(field)),
                           HTTP_SLICE_ARG(httpFieldValue(field)));
    }
    return rc == 0 ? bufAppend(out, "\r\n", 2) : rc;
}

void
proxyTraceReply(ProxyRequest *request)
{
    Buf *out = &request->client->out;
    Buf body;

    bufInit(&body, 2 * CONFIG_HEAD_MAX);
    int rc = formatRequest(request->http, &body);
    proxyReplyBegin(request, 200);
    request->reply.isComplete = true;
    if (rc == 0)
        rc = bufPrintf(out,
                       "HTTP/1.1 200 OK\r\nDate: %.*s\r\n"
                       "Content-Type: message/http\r\n"
                       "Content-Length: %zu\r\n%s\r\n",
                       HTTP_SLICE_ARG(httpDateText(proxyNowSec())),
                       bufLen(&body), proxyReplyConnection(request));
    if (rc == 0)
        rc = bufAppend(out, bufData(&body), bufLen(&body));
    CHECK(rc == 0); /* the buffer is larger than any head */
    bufFini(&body);
    proxyReplyFlush(request->client);
}
