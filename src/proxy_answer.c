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

/* Octets that its body may have; 0: any number. */
static uint64_t
bodyMax(const Config *config, const AclInput *input)
{
    for (size_t i = 0; i < config->replyBodyMaxCount; i++) {
        const ConfigBodyMax *max = &config->replyBodyMax[i];

        if (max->rules == NULL || aclRulesCheck(max->rules, input) == ACL_ALLOW)
            return (uint64_t)max->octets;
    }
    return 0;
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

    if (isHarmless(status) ||
        (rules == NULL && request->config->replyBodyMaxCount == 0))
        return false;
    input = proxyStepReplyInput(request, &request->replyHeaders);
    input.status = status;
    request->reply.bodyMax = bodyMax(request->config, &input);
    if (request->reply.bodyMax > 0 && length != CACHE_LENGTH_UNKNOWN &&
        length > request->reply.bodyMax && !isHead) {
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
