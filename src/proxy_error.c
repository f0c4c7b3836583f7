/* Error pages about requests, and what deny_info says. DEBUG: section 33 */
#include <string.h>

#include "check.h"
#include "debug.h"
#include "proxy_priv.h"

#define LOCATION_MAX (4 * HTTP_URL_MAX)

void
proxyErrorFill(const ProxyRequest *request, ErrorPageInfo *info)
{
    const ProxyClient *client = request->client;
    const Config *config = request->config;
    bool hasUrl = request->urlText.data != NULL;
    bool isConnect = request->url.scheme == HTTP_SCHEME_NONE;

    info->url = request->urlText.data;
    info->message = request->facts.message;
    info->user = aclFactsUser(&request->facts);
    info->method = request->method;
    info->scheme =
        hasUrl && !isConnect ? httpSchemeText(request->url.scheme) : NULL;
    info->host = request->host;
    info->port = request->url.port;
    info->path = hasUrl && !isConnect ? request->url.path.data : NULL;
    info->client = (const struct sockaddr *)&client->peer;
    info->local = (const struct sockaddr *)&client->local;
    info->hostname = config->visibleHostname;
    info->admin = config->cacheMgr;
    info->style = config->stylesheet;
    info->program = request->proxy->program;
    info->wallUs = commWallUs();
    if (info->text == NULL)
        info->text = configErrorPage(config, errorPageNameOf(info));
}

static void
sendDenyPage(ProxyRequest *request, const ConfigDenyInfo *deny)
{
    ErrorPageInfo info = {.id = ERR_ACCESS_DENIED,
                          .status = deny->status > 0 ? deny->status : 403,
                          .detail = request->facts.message,
                          .fields = request->authInfo};

    if (!errorPageLookup(deny->what, &info.id))
        info.name = deny->what;
    proxyReplyPage(request, &info);
}

static void
sendElsewhere(ProxyRequest *request, const ConfigDenyInfo *deny)
{
    HttpMethod method = request->http->method;
    bool isRead = method == HTTP_METHOD_GET || method == HTTP_METHOD_HEAD;
    ErrorPageInfo info = {.id = ERR_ACCESS_DENIED};
    int status = deny->status;
    Buf url;

    if (status == 0)
        status = isRead || request->http->minor == 0 ? 302 : 307;
    bufInit(&url, LOCATION_MAX);
    proxyErrorFill(request, &info);
    errorTemplateExpandUrl(deny->what, &info, &url);
    proxyReplyLocation(request, status, httpSlice(bufData(&url), bufLen(&url)));
    bufFini(&url);
}

static void
resetConnection(ProxyRequest *request)
{
    request->reply.keepAlive = false;
    proxyReplyBegin(request, 403);
    proxyReplyAbort(request);
}

void
proxyErrorDeny(ProxyRequest *request, const AclDecision *decision)
{
    const ConfigDenyInfo *deny =
        decision->aclName != NULL
            ? configDenyInfo(request->config, decision->aclName)
            : NULL;

    debug(DBG_CLIENT, 3, "%s: denied by acl %s: %s", request->urlText.data,
          decision->aclName != NULL ? decision->aclName : "-",
          deny != NULL ? deny->what : "ERR_ACCESS_DENIED");
    if (deny == NULL)
        proxyReplyError(request, ERR_ACCESS_DENIED, request->facts.message);
    else if (deny->kind == CONFIG_DENY_REDIRECT)
        sendElsewhere(request, deny);
    else if (deny->kind == CONFIG_DENY_RESET)
        resetConnection(request);
    else
        sendDenyPage(request, deny);
}
