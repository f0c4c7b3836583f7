/* Whether an answer may reach the client. DEBUG: section 33 */
#include "check.h"
#include "debug.h"
#include "proxy_priv.h"

/* Those without anything in them. */
static bool
isHarmless(int status)
{
    return status < 200 || status == 204 || status == 304;
}

void
proxyAnswerKeep(ProxyRequest *request, const HttpHeaders *headers)
{
    if (!request->config->keepsReply && !request->proxy->config->keepsReply)
        return;
    httpHeaderReset(&request->replyHeaders);
    httpHeaderCopy(&request->replyHeaders, headers);
}

bool
proxyAnswerRefuse(ProxyRequest *request, int status, uint64_t length)
{
    const AclRules *rules = request->config->httpReplyAccess;
    bool isHead = request->http->method == HTTP_METHOD_HEAD;
    AclDecision decision = {.answer = ACL_ALLOW};
    AclInput input;
    int64_t max;

    if (isHarmless(status) ||
        (rules == NULL && request->config->replyBodyMax.count == 0))
        return false;
    input = proxyStepReplyInput(request, &request->replyHeaders);
    input.status = status;
    max = configLimitsFind(&request->config->replyBodyMax, &input, -1);
    request->reply.bodyMax =
        max > 0 && length == CACHE_LENGTH_UNKNOWN ? (uint64_t)max : 0;
    if (max > 0 && length != CACHE_LENGTH_UNKNOWN && length > (uint64_t)max &&
        !isHead) {
        request->reply.result = ACCESS_DENIED_REPLY;
        proxyReplyError(request, ERR_REPLY_BODY_TOO_BIG, NULL);
        return true;
    }
    if (aclRulesCount(rules) > 0)
        aclRulesDecide(rules, &input, &decision);
    if (decision.answer == ACL_ALLOW)
        return false;
    debug(DBG_CLIENT, 2, "%s: the answer is denied", request->urlText.data);
    request->reply.result = ACCESS_DENIED_REPLY;
    proxyErrorDeny(request, &decision);
    return true;
}
