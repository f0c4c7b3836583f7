/* The steps of a request before its answer: whether it may, what it is
 * rewritten to. DEBUG: section 33 */
#include <errno.h>
#include <string.h>

#include "check.h"
#include "debug.h"
#include "proxy_priv.h"
#include "xalloc.h"

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
        .client = proxyForwardedClient(request, false),
        .local = (const struct sockaddr *)&client->local,
        .isEncrypted = client->port->isTls,
        .tls = proxyClientTls(client),
        .portName = client->port->name,
        .method = request->method,
        .scheme = request->report.data != NULL ? "cache_object"
                  : isConnect ? NULL
                              : httpSchemeText(request->url.scheme),
        .host = request->host,
        .port = request->url.port,
        .url = request->urlText.data,
        .dst = request->dst,
        .dstCount = request->dstCount,
        .dstKnown = request->dstKnown,
        .facts = &request->facts,
        .request = &request->http->headers,
        .clientName = proxyAddrName(client->addr),
        .connections = proxyAddrCount(client->addr),
        .now = commWallUs() / 1000000,
        .random = request->random,
    };
}

AclInput
proxyStepReplyInput(const ProxyRequest *request, const HttpHeaders *response)
{
    const ProxyReply *reply = &request->reply;
    AclInput input = proxyStepInput(request);

    input.status = reply->status;
    input.response = response;
    input.hierarchy = accessHierarchyName(reply->hierarchy);
    input.peerName = request->peerName[0] != '\0' ? request->peerName : NULL;
    return input;
}

FormatInput
proxyStepFacts(const ProxyRequest *request)
{
    const ProxyClient *client = request->client;

    return (FormatInput){
        .client = proxyForwardedClient(request, false),
        .clientName = proxyAddrName(client->addr),
        .local = (const struct sockaddr *)&client->local,
        .tls = proxyClientTls(client),
        .method = request->http->methodText,
        .url = proxyRequestUrl(request),
        .clientUrl = request->clientText != NULL ? &request->clientUrl : NULL,
        .request = &request->http->headers,
        .user = request->facts.user,
        .extUser = request->facts.extUser,
        .extLog = request->facts.extLog,
        .extTag = request->facts.extTag,
        .notes = &request->facts.notes,
        .clientNotes = request->facts.clientNotes,
    };
}

/* The pool of that class as far as there is one. */
static Asker *
askerOf(const ProxyRequest *request, const ConfigHelper *helper)
{
    return helper->argv != NULL
               ? askerSetLookup(request->proxy->askers, helper->name)
               : NULL;
}

/* Whatever helpers say about a request becomes annotations of it; a tag of
 * the connection stays with that. */
static void
noteReply(ProxyRequest *request, const HelperReply *reply)
{
    NoteList *client = &request->client->notes;

    for (unsigned i = 0; reply != NULL && i < reply->pairCount; i++) {
        const HelperPair *pair = &reply->pairs[i];

        noteListAdd(&request->facts.notes, pair->key, pair->value);
        if (strcmp(pair->key, "clt_conn_tag") != 0)
            continue;
        noteListRemove(client, pair->key);
        noteListAdd(client, pair->key, pair->value);
    }
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

static void
onNamed(const char *name, void *data)
{
    ProxyRequest *request = data;

    CHECK_OBJ(request, PROXY_REQUEST_MAGIC);
    request->resolve = NULL;
    proxyAddrSetName(request->client->addr, name);
    proxyStepResume(request);
}

static StepResult
needSrc(ProxyRequest *request, const AclDecision *decision)
{
    (void)decision;
    request->resolve = resolveNameStart(
        (const struct sockaddr *)&request->client->peer, onNamed, request);
    return STEP_WAIT;
}

static StepResult
needAuth(ProxyRequest *request, const AclDecision *decision)
{
    (void)decision;
    return proxyAuthStart(request) ? STEP_GO_ON : STEP_WAIT;
}

/* An answer that is none counts, too: the rules deny then. */
static void
takeAnswer(ProxyRequest *request, const AclExternal *acl,
           const ExternalAnswer *answer)
{
    aclFactsSetAnswer(&request->facts, acl, answer->verdict);
    if (answer->reply == NULL)
        return;
    externalNote(answer->reply, &request->facts);
    noteReply(request, answer->reply);
}

static void
onExternal(const ExternalAnswer *answer, void *data)
{
    ProxyRequest *request = data;

    CHECK_OBJ(request, PROXY_REQUEST_MAGIC);
    takeAnswer(request, request->askedAcl, answer);
    proxyStepResume(request);
}

static StepResult
needExternal(ProxyRequest *request, const AclDecision *decision)
{
    const AclExternal *acl = decision->external;
    const ConfigExternal *kind =
        configExternalLookup(request->config, acl->helperClass);
    FormatInput input = proxyStepFacts(request);
    const ExternalQuery query = {kind, acl, &input};
    ExternalCall *call = &request->external;
    ExternalAnswer answer = {ACL_VERDICT_UNKNOWN, NULL};
    HelperReply reply;

    if (kind->needsUser && request->facts.auth == ACL_AUTH_UNKNOWN)
        return needAuth(request, decision);
    if (kind->needsUser && request->facts.auth != ACL_AUTH_USER) {
        debug(DBG_ACL, 3, "acl %s: not asked: there is no user", acl->name);
        takeAnswer(request, acl, &answer);
        return STEP_GO_ON;
    }
    call->cb = onExternal;
    call->data = request;
    request->askedAcl = acl;
    if (!externalSubmit(call, askerOf(request, &kind->helper), &query, &reply,
                        &answer))
        return STEP_WAIT;
    takeAnswer(request, acl, &answer);
    return STEP_GO_ON;
}

typedef StepResult Need(ProxyRequest *request, const AclDecision *decision);

/* How what the rules lack is found out: it is known when this goes on, or
 * when proxyStepResume is called. */
static Need *const needs[ACL_ANSWER_COUNT] = {
    [ACL_NEED_DST] = needDst,
    [ACL_NEED_SRC] = needSrc,
    [ACL_NEED_AUTH] = needAuth,
    [ACL_NEED_EXTERNAL] = needExternal,
};

static const AclRules *
accessRules(const Config *config)
{
    return config->httpAccess;
}

/* Helpers that are told the user decide about users, as proxy_auth does. */
static bool
isAboutUser(const ProxyRequest *request, const AclDecision *decision)
{
    const ConfigExternal *kind =
        decision->external != NULL
            ? configExternalLookup(request->config,
                                   decision->external->helperClass)
            : NULL;

    return decision->isAuth || (kind != NULL && kind->needsUser);
}

static StepResult
denyAccess(ProxyRequest *request, const AclDecision *decision)
{
    request->reply.result = ACCESS_DENIED;
    /* Somebody else may be let in where this user is not, or nobody. */
    if (isAboutUser(request, decision) && proxyAuthDemand(request))
        return STEP_WAIT;
    proxyErrorDeny(request, decision);
    return STEP_WAIT;
}

static const AclRules *
rewriteRules(const Config *config)
{
    return config->rewrite.helper.access;
}

/* A question that could not be asked. */
static StepResult
afterSubmit(ProxyRequest *request, int rc, bool bypass)
{
    if (rc == 0)
        return STEP_WAIT;
    if (rc == -EMSGSIZE || rc == -EINVAL)
        proxyReplyError(request, ERR_URI_TOO_LONG,
                        "The helpers of this proxy cannot be asked about it.");
    else if (!bypass)
        proxyReplyError(request, ERR_GATEWAY_FAILURE, NULL);
    else
        return STEP_GO_ON;
    return STEP_WAIT;
}

static bool
hasRewriter(const ProxyRequest *request)
{
    return request->report.data == NULL &&
           askerOf(request, &request->config->rewrite.helper) != NULL;
}

/* What was found out about the old URL holds no more. */
static void
rewriteTo(ProxyRequest *request, const HttpUrl *url)
{
    proxyRequestKeepUrl(request);
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
    noteReply(request, answer->reply);
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
    const ConfigRewrite *config = &request->config->rewrite;
    RedirectCall *call = &request->call.redirect;
    FormatInput input = proxyStepFacts(request);

    proxyClientSetState(request->client, PROXY_CLIENT_REWRITE, "asked");
    call->cb = onRewritten;
    call->data = request;
    int rc =
        redirectSubmit(call, askerOf(request, &config->helper), config, &input);
    return afterSubmit(request, rc, config->helper.bypass);
}

static const AclRules *
adaptedRules(const Config *config)
{
    return config->adaptedAccess;
}

static const AclRules *
storeIdRules(const Config *config)
{
    return config->storeId.helper.access;
}

/* Tunnels are not kept. */
static bool
hasStoreId(const ProxyRequest *request)
{
    return request->http->method != HTTP_METHOD_CONNECT &&
           request->report.data == NULL &&
           askerOf(request, &request->config->storeId.helper) != NULL;
}

static void
onStoreId(const StoreIdAnswer *told, void *data)
{
    ProxyRequest *request = data;

    CHECK_OBJ(request, PROXY_REQUEST_MAGIC);
    noteReply(request, told->reply);
    if (told->key.data != NULL)
        request->storeId = xstrndup(told->key.data, told->key.len);
    if (told->isFailed)
        proxyReplyError(request, ERR_GATEWAY_FAILURE, NULL);
    else
        proxyStepNext(request);
}

static StepResult
askStoreId(ProxyRequest *request)
{
    const ConfigStoreId *config = &request->config->storeId;
    StoreIdCall *call = &request->call.storeId;
    FormatInput input = proxyStepFacts(request);

    proxyClientSetState(request->client, PROXY_CLIENT_STORE_ID, "asked");
    call->cb = onStoreId;
    call->data = request;
    int rc =
        storeIdSubmit(call, askerOf(request, &config->helper), config, &input);
    return afterSubmit(request, rc, config->helper.bypass);
}

static const AclRules *
cacheRules(const Config *config)
{
    return config->cache;
}

static StepResult
denyCache(ProxyRequest *request, const AclDecision *decision)
{
    (void)decision;
    request->isUncached = true;
    return STEP_GO_ON;
}

static const AclRules *
missRules(const Config *config)
{
    return config->missAccess;
}

static StepResult
denyMiss(ProxyRequest *request, const AclDecision *decision)
{
    (void)decision;
    request->reply.result = ACCESS_DENIED;
    proxyReplyError(request, ERR_FORWARDING_DENIED, NULL);
    return STEP_WAIT;
}

static const AclRules *
alwaysDirectRules(const Config *config)
{
    return config->alwaysDirect;
}

static bool
hasAlwaysDirect(const ProxyRequest *request)
{
    return aclRulesCount(request->config->alwaysDirect) > 0;
}

static StepResult
setAlwaysDirect(ProxyRequest *request)
{
    request->isAlwaysDirect = true;
    return STEP_GO_ON;
}

static const AclRules *
neverDirectRules(const Config *config)
{
    return config->neverDirect;
}

static bool
hasNeverDirect(const ProxyRequest *request)
{
    return aclRulesCount(request->config->neverDirect) > 0 &&
           !request->isAlwaysDirect;
}

static StepResult
setNeverDirect(ProxyRequest *request)
{
    request->isNeverDirect = true;
    return STEP_GO_ON;
}

static const Step steps[PROXY_STEP_COUNT] = {
    [PROXY_STEP_ACCESS] = {.rules = accessRules, .denied = denyAccess},
    [PROXY_STEP_REWRITE] = {.rules = rewriteRules,
                            .isOptional = true,
                            .isWanted = hasRewriter,
                            .allowed = askRewriter},
    [PROXY_STEP_ADAPTED] = {.rules = adaptedRules,
                            .isOptional = true,
                            .denied = denyAccess},
    [PROXY_STEP_STORE_ID] = {.rules = storeIdRules,
                             .isOptional = true,
                             .isWanted = hasStoreId,
                             .allowed = askStoreId},
    [PROXY_STEP_CACHE] = {.rules = cacheRules,
                          .isOptional = true,
                          .denied = denyCache},
    [PROXY_STEP_MISS] = {.rules = missRules,
                         .isOptional = true,
                         .denied = denyMiss},
    [PROXY_STEP_ALWAYS_DIRECT] = {.rules = alwaysDirectRules,
                                  .isWanted = hasAlwaysDirect,
                                  .allowed = setAlwaysDirect},
    [PROXY_STEP_NEVER_DIRECT] = {.rules = neverDirectRules,
                                 .isWanted = hasNeverDirect,
                                 .allowed = setNeverDirect},
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
    if (request->report.data != NULL)
        proxyReportAnswer(request);
    else if (request->http->method == HTTP_METHOD_CONNECT)
        proxyTunnelStart(request);
    else if (request->http->method == HTTP_METHOD_PURGE)
        proxyCachePurge(request);
    else
        proxyCacheStart(request);
}

void
proxyStepResume(ProxyRequest *request)
{
    ProxyStep end =
        request->forward != NULL ? PROXY_STEP_COUNT : PROXY_STEP_MISS;

    while (request->step < end) {
        if (takeStep(&steps[request->step], request) == STEP_WAIT)
            return;
        request->step++;
    }
    if (request->forward == NULL) {
        answer(request);
        return;
    }
    request->isRouted = true;
    request->forward(request);
}

void
proxyStepForward(ProxyRequest *request, void (*forward)(ProxyRequest *request))
{
    request->forward = forward;
    request->step = request->isRouted ? PROXY_STEP_COUNT : PROXY_STEP_MISS;
    proxyStepResume(request);
}

void
proxyStepRoute(ProxyRequest *request)
{
    const Config *config = request->config;
    AclInput input = proxyStepInput(request);

    request->isAlwaysDirect =
        aclRulesCheck(config->alwaysDirect, &input) == ACL_ALLOW;
    request->isNeverDirect =
        !request->isAlwaysDirect &&
        aclRulesCheck(config->neverDirect, &input) == ACL_ALLOW;
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
    urlCallCancel(&request->call.url);
    externalCancel(&request->external);
    proxyAuthCancel(request);
    resolveCancel(&request->resolve);
}
