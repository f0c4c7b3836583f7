/* The steps of a request before its answer: whether it may, what it is
 * rewritten to. DEBUG: section 33 */
#include <errno.h>
#include <string.h>

#include "check.h"
#include "debug.h"
#include "proxy_priv.h"

typedef enum StepResult {
    STEP_GO_ON, /* nothing to wait for */
    STEP_WAIT,  /* something calls back, or the request is answered */
} StepResult;

/* One step: rules, and what is done when they say yes or no (NULL: the next
 * step is taken). */
typedef struct Step {
    const AclRules *(*rules)(const Config *config);
    bool isOptional;                               /* without a rule, yes */
    bool (*isWanted)(const ProxyRequest *request); /* NULL: always */
    StepResult (*allowed)(ProxyRequest *request);
    StepResult (*denied)(ProxyRequest *request, const AclDecision *decision);
} Step;

AclInput
proxyStepInput(const ProxyRequest *request)
{
    const ProxyClient *client = request->client;
    bool isConnect = request->url.scheme == HTTP_SCHEME_NONE;

    return (AclInput){
        .client = (const struct sockaddr *)&client->peer,
        .local = (const struct sockaddr *)&client->local,
        .portName = client->port->name,
        .method = request->method,
        .scheme = isConnect ? NULL : httpSchemeText(request->url.scheme),
        .host = request->host,
        .port = request->url.port,
        .url = request->urlText.data,
        .dst = request->dst,
        .dstCount = request->dstCount,
        .dstKnown = request->dstKnown,
        .facts = &request->facts,
    };
}

static void
onResolved(const struct sockaddr_storage *addrs, size_t count, void *data)
{
    ProxyRequest *request = data;

    CHECK_OBJ(request, PROXY_REQUEST_MAGIC);
    request->resolve = NULL;
    memcpy(request->dst, addrs, count * sizeof(*addrs));
    request->dstCount = count;
    request->dstKnown = true;
    proxyStepResume(request);
}

static StepResult
needDst(ProxyRequest *request, const AclDecision *decision)
{
    (void)decision;
    request->resolve = resolveStart(request->host, onResolved, request);
    return STEP_WAIT;
}

/* Nobody can say who the user is. */
static StepResult
needAuth(ProxyRequest *request, const AclDecision *decision)
{
    (void)decision;
    request->facts.auth = ACL_AUTH_NONE;
    return STEP_GO_ON;
}

static StepResult
needExternal(ProxyRequest *request, const AclDecision *decision)
{
    aclFactsSetAnswer(&request->facts, decision->external, ACL_VERDICT_UNKNOWN);
    return STEP_GO_ON;
}

typedef StepResult Need(ProxyRequest *request, const AclDecision *decision);

/* How what the rules lack is found out: it is known when this goes on, or
 * when proxyStepResume is called. */
static Need *const needs[ACL_ANSWER_COUNT] = {
    [ACL_NEED_DST] = needDst,
    [ACL_NEED_AUTH] = needAuth,
    [ACL_NEED_EXTERNAL] = needExternal,
};

static const AclRules *
accessRules(const Config *config)
{
    return config->httpAccess;
}

static StepResult
denyAccess(ProxyRequest *request, const AclDecision *decision)
{
    (void)decision;
    request->reply.result = ACCESS_DENIED;
    proxyReplyError(request, ERR_ACCESS_DENIED, request->facts.message);
    return STEP_WAIT;
}

static const AclRules *
rewriteRules(const Config *config)
{
    return config->rewrite.helper.access;
}

static bool
hasRewriter(const ProxyRequest *request)
{
    return request->proxy->redirect != NULL;
}

/* What was found out about the old URL holds no more. */
static void
rewriteTo(ProxyRequest *request, const HttpUrl *url)
{
    if (!proxyRequestSetUrl(request, url)) {
        proxyRequestRefuseUrl(request, HTTP_URL_ERROR_TOO_LONG);
        return;
    }
    request->dstCount = 0;
    request->dstKnown = false;
    aclFactsForgetAnswers(&request->facts);
    proxyStepNext(request);
}

static void
onRewritten(const RedirectAnswer *answer, void *data)
{
    ProxyRequest *request = data;

    CHECK_OBJ(request, PROXY_REQUEST_MAGIC);
    switch (answer->action) {
    case REDIRECT_REWRITE:
        rewriteTo(request, &answer->parts);
        break;
    case REDIRECT_LOCATION:
        proxyReplyRedirect(request, answer->status, answer->url);
        break;
    case REDIRECT_FAIL:
        proxyReplyError(request, ERR_GATEWAY_FAILURE, NULL);
        break;
    default:
        proxyStepNext(request);
        break;
    }
}

static StepResult
askRewriter(ProxyRequest *request)
{
    const ProxyClient *client = request->client;
    RedirectQuery query = {
        .url = request->urlText,
        .method = request->http->methodText,
        .client = (const struct sockaddr *)&client->peer,
        .local = (const struct sockaddr *)&client->local,
        .user = aclFactsUser(&request->facts),
    };

    proxyClientSetState(request->client, PROXY_CLIENT_REWRITE, "asked");
    int rc = redirectSubmit(request->proxy->redirect, &query,
                            &request->redirect, onRewritten, request);
    if (rc == -EMSGSIZE)
        proxyReplyError(request, ERR_URI_TOO_LONG,
                        "The URL is too long for the rewriter.");
    else if (rc < 0 && !request->config->rewrite.helper.bypass)
        proxyReplyError(request, ERR_GATEWAY_FAILURE, NULL);
    return rc < 0 && rc != -EMSGSIZE && request->config->rewrite.helper.bypass
               ? STEP_GO_ON
               : STEP_WAIT;
}

static const Step steps[PROXY_STEP_COUNT] = {
    [PROXY_STEP_ACCESS] = {.rules = accessRules, .denied = denyAccess},
    [PROXY_STEP_REWRITE] = {.rules = rewriteRules,
                            .isOptional = true,
                            .isWanted = hasRewriter,
                            .allowed = askRewriter},
};

static StepResult
takeStep(const Step *step, ProxyRequest *request)
{
    const AclRules *rules = step->rules(request->config);
    AclDecision decision = {.answer = ACL_ALLOW};

    if (step->isWanted != NULL && !step->isWanted(request))
        return STEP_GO_ON;
    while (!step->isOptional || aclRulesCount(rules) > 0) {
        AclInput input = proxyStepInput(request);

        aclRulesDecide(rules, &input, &decision);
        if (needs[decision.answer] == NULL)
            break;
        if (needs[decision.answer](request, &decision) == STEP_WAIT)
            return STEP_WAIT;
    }
    if (decision.answer == ACL_DENY)
        return step->denied ? step->denied(request, &decision) : STEP_GO_ON;
    return step->allowed ? step->allowed(request) : STEP_GO_ON;
}

static void
answer(ProxyRequest *request)
{
    if (request->http->method == HTTP_METHOD_CONNECT)
        proxyTunnelStart(request);
    else
        proxyCacheStart(request);
}

void
proxyStepResume(ProxyRequest *request)
{
    while (request->step < PROXY_STEP_COUNT) {
        if (takeStep(&steps[request->step], request) == STEP_WAIT)
            return;
        request->step++;
    }
    answer(request);
}

void
proxyStepStart(ProxyRequest *request)
{
    request->step = PROXY_STEP_ACCESS;
    proxyStepResume(request);
}

void
proxyStepNext(ProxyRequest *request)
{
    request->step++;
    proxyStepResume(request);
}

void
proxyStepCancel(ProxyRequest *request)
{
    redirectCancel(&request->redirect);
    resolveCancel(&request->resolve);
}
