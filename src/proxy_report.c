/* Documents of the manager that are asked for at an http_port.
 * DEBUG: section 16 */
#include <string.h>

#include "address.h"
#include "check.h"
#include "debug.h"
#include "http_date.h"
#include "proxy_priv.h"

#define NAME_MAX_OCTETS 64
#define DOCUMENT_MAX (PROXY_OUTPUT_MAX - 4096)

void
proxySetReports(Proxy *proxy, ProxyReportCb *cb, void *data)
{
    CHECK_OBJ(proxy, PROXY_MAGIC);
    proxy->report = cb;
    proxy->reportData = data;
}

/* Our own name, or another one for our end of the client's connection. */
static bool
isOurHost(const ProxyRequest *request, const HttpUrl *url)
{
    const struct sockaddr *local = (const void *)&request->client->local;
    char text[ADDRESS_TEXT_MAX];

    if (url->port != addressPort(local))
        return false;
    HttpSlice address = httpSlice(text, addressFormat(local, text));
    return httpSliceIs(url->host, "localhost") ||
           httpSliceIs(url->host, request->config->visibleHostname) ||
           httpSliceEqual(url->host, address);
}

/* Whatever it came as, rules and logs see one URL, without a password. */
static bool
setUrl(ProxyRequest *request)
{
    const struct sockaddr *local = (const void *)&request->client->local;
    HttpUrl url = {.scheme = HTTP_SCHEME_HTTP,
                   .host = httpSliceText(request->config->visibleHostname),
                   .port = (uint16_t)addressPort(local)};
    char path[NAME_MAX_OCTETS + 32];
    Report report;

    reportRead(request->report, &request->http->headers, request->config,
               &report);
    if (report.name.len > NAME_MAX_OCTETS)
        report.name.len = NAME_MAX_OCTETS;
    int len = snprintf(path, sizeof(path), "/squid-internal-mgr/%.*s",
                       HTTP_SLICE_ARG(report.name));
    url.path = httpSlice(path, (size_t)len);
    return proxyRequestSetUrl(request, &url);
}

bool
proxyReportTake(ProxyRequest *request, const HttpUrl *url)
{
    const HttpRequest *http = request->http;
    HttpSlice rest = reportTarget(http->target);
    bool isPath = http->form == HTTP_TARGET_ORIGIN && request->accel == NULL &&
                  reportIsHostTrusted(&http->headers,
                                      request->config->visibleHostname);

    if (rest.data == NULL || request->proxy->report == NULL)
        return false;
    if (!isPath && !http->isOtherScheme &&
        (url == NULL || !isOurHost(request, url)))
        return false;
    request->report = rest;
    return setUrl(request);
}

static void
putHead(ProxyRequest *request, int status, HttpSlice name, size_t len)
{
    Buf *out = &request->client->out;
    int rc = bufPrintf(out,
                       "HTTP/1.1 %d %s\r\nDate: %.*s\r\n"
                       "Content-Type: text/plain;charset=utf-8\r\n"
                       "Cache-Control: no-store\r\n"
                       "X-Content-Type-Options: nosniff\r\n"
                       "Content-Length: %zu\r\n%s",
                       status, httpStatusReason(status),
                       HTTP_SLICE_ARG(httpDateText(proxyNowSec())), len,
                       proxyReplyConnection(request));

    if (rc == 0 && status == 401)
        rc = bufPrintf(out, "WWW-Authenticate: Basic realm=\"%.*s\"\r\n",
                       name.len < NAME_MAX_OCTETS ? (int)name.len
                                                  : NAME_MAX_OCTETS,
                       name.data);
    if (rc == 0 && status == 405)
        rc = bufPrintf(out, "Allow: GET, HEAD\r\n");
    if (rc == 0)
        rc = bufAppend(out, "\r\n", 2);
    CHECK(rc == 0); /* the buffer is larger than any head */
}

static int
writeBody(const ProxyRequest *request, const Report *report, Buf *body)
{
    const Proxy *proxy = request->proxy;
    HttpMethod method = request->http->method;
    int status = 405;

    if (method == HTTP_METHOD_GET || method == HTTP_METHOD_HEAD)
        status = proxy->report(report, body, proxy->reportData);
    if (status != 200) {
        bufClear(body);
        bufPrintf(body, "%s\n", httpStatusReason(status));
    }
    return status;
}

void
proxyReportAnswer(ProxyRequest *request)
{
    Report report;
    Buf body;

    reportRead(request->report, &request->http->headers, request->config,
               &report);
    bufInit(&body, DOCUMENT_MAX);
    int status = writeBody(request, &report, &body);
    debug(DBG_MANAGER, 3, "%s: %d", request->urlText.data, status);
    request->reply.result = status == 401 ? ACCESS_DENIED : ACCESS_MISS;
    proxyReplyBegin(request, status);
    request->reply.isComplete = true;
    proxyReplyType(request, httpSliceText("text/plain"));
    putHead(request, status, report.name, bufLen(&body));
    if (request->http->method != HTTP_METHOD_HEAD)
        bufAppend(&request->client->out, bufData(&body), bufLen(&body));
    bufFini(&body);
    proxyReplyFlush(request->client);
}
