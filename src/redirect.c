/* Asking a helper pool about URLs. DEBUG: section 61 */
#include "redirect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "comm.h"
#include "debug.h"
#include "list.h"
#include "xalloc.h"

#define REDIRECT_MAGIC 0x61ed19e7u
#define COMPLAIN_FIRST_US INT64_C(1000000)
#define COMPLAIN_MAX_US INT64_C(60000000)
#define STOP_POLL_MS 50

struct Redirect {
    uint32_t magic;
    ListNode node; /* in `stopping` */
    Config *config;
    HelperPool *pool;
    int64_t quietUntilUs;
    int64_t quietUs; /* doubled by each complaint */
    uint64_t unsaid; /* complaints not written */
    char *response;  /* the configured reply line, while it is used */
};

static struct {
    ListNode list;
    CommTimer *timer;
} stopping;

/* A helper may be wrong in each answer: the more seldom it is told. */
static void
beQuiet(Redirect *redirect)
{
    int64_t now = commNowUs();

    if (now > redirect->quietUntilUs + COMPLAIN_MAX_US)
        redirect->quietUs = COMPLAIN_FIRST_US;
    else if (redirect->quietUs < COMPLAIN_MAX_US / 2)
        redirect->quietUs *= 2;
    else
        redirect->quietUs = COMPLAIN_MAX_US;
    redirect->quietUntilUs = now + redirect->quietUs;
}

static void
complain(Redirect *redirect, const char *what, const char *text)
{
    char others[64] = "";

    if (commNowUs() < redirect->quietUntilUs) {
        redirect->unsaid++;
        return;
    }
    if (redirect->unsaid > 0)
        snprintf(others, sizeof(others), " (%llu more not shown)",
                 (unsigned long long)redirect->unsaid);
    debug(DBG_REDIRECT, 1, "url_rewrite: %s: \"%.200s\"%s", what, text, others);
    redirect->unsaid = 0;
    beQuiet(redirect);
}

static bool
isSameArgv(char *const *a, char *const *b)
{
    for (; *a != NULL && *b != NULL; a++, b++)
        if (strcmp(*a, *b) != 0)
            return false;
    return *a == *b;
}

static bool
isSameText(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

bool
redirectIsSame(const Redirect *redirect, const Config *config)
{
    const ConfigHelper *a = &redirect->config->rewrite.helper;
    const ConfigHelper *b = &config->rewrite.helper;

    CHECK_OBJ(redirect, REDIRECT_MAGIC);
    return b->argv != NULL && isSameArgv(a->argv, b->argv) &&
           isSameText(a->spec, b->spec) &&
           a->pool.overload == b->pool.overload &&
           a->pool.timeoutMs == b->pool.timeoutMs;
}

Redirect *
redirectCreate(Config *config)
{
    Redirect *redirect = xcalloc(1, sizeof(*redirect));

    redirect->magic = REDIRECT_MAGIC;
    redirect->quietUs = COMPLAIN_FIRST_US / 2;
    listInit(&redirect->node);
    redirect->pool = helperPoolCreate(&config->rewrite.helper.pool);
    if (redirect->pool == NULL) {
        free(redirect);
        return NULL;
    }
    redirect->config = configRef(config);
    return redirect;
}

void
redirectUpdate(Redirect *redirect, Config *config)
{
    CHECK_OBJ(redirect, REDIRECT_MAGIC);
    configUnref(&redirect->config);
    redirect->config = configRef(config);
}

static void
freeRedirect(Redirect *redirect)
{
    listRemove(&redirect->node);
    helperPoolDestroy(&redirect->pool);
    configUnref(&redirect->config);
    free(redirect->response);
    CHECK_OBJ_CLEAR(redirect);
    free(redirect);
}

static void
onStopPoll(void *data)
{
    ListNode *it, *tmp;

    (void)data;
    stopping.timer = NULL;
    LIST_FOREACH(&stopping.list, it, tmp) {
        Redirect *redirect = LIST_OBJ(it, Redirect, node);

        if (helperPoolIsStopped(redirect->pool))
            freeRedirect(redirect);
    }
    if (!listIsEmpty(&stopping.list))
        stopping.timer = commTimerAdd(STOP_POLL_MS, onStopPoll, NULL);
}

void
redirectStop(Redirect **redirect, int drainMs)
{
    if (*redirect == NULL)
        return;
    CHECK_OBJ(*redirect, REDIRECT_MAGIC);
    if (stopping.list.next == NULL)
        listInit(&stopping.list);
    helperPoolStop((*redirect)->pool, drainMs);
    listPushBack(&stopping.list, &(*redirect)->node);
    *redirect = NULL;
    if (stopping.timer == NULL)
        stopping.timer = commTimerAdd(STOP_POLL_MS, onStopPoll, NULL);
}

bool
redirectIsStopped(void)
{
    return stopping.list.next == NULL || listIsEmpty(&stopping.list);
}

void
redirectFini(void)
{
    while (!redirectIsStopped())
        freeRedirect(LIST_OBJ(listFirst(&stopping.list), Redirect, node));
    commTimerCancel(&stopping.timer);
}

/* What to do when there is no answer. */
static RedirectAction
withoutAnswer(const ConfigRewrite *config)
{
    return config->helper.bypass ? REDIRECT_UNCHANGED : REDIRECT_FAIL;
}

/* The configured text, parsed as a reply line. */
static void
useResponse(Redirect *redirect, HttpSlice asked, RedirectAnswer *out)
{
    const char *text = redirect->config->rewrite.response;
    size_t len = text != NULL ? strlen(text) : 0;
    HelperReply reply;

    out->action = REDIRECT_UNCHANGED;
    free(redirect->response);
    redirect->response = xmalloc(2 * len + 3);
    memcpy(redirect->response, text != NULL ? text : "", len + 1);
    char *scratch = redirect->response + len + 1;
    if (helperProtoParseReply(redirect->response, len, scratch, len + 2,
                              &reply) == 0)
        redirectParseReply(&reply, asked, out);
}

static void
afterTimeout(const RedirectCall *call, HttpSlice asked, RedirectAnswer *out)
{
    Redirect *redirect = call->redirect;
    const ConfigRewrite *config = &redirect->config->rewrite;

    if (config->timeoutMs < 0) { /* on_timeout= was not given */
        out->action = withoutAnswer(config);
        return;
    }
    switch (config->onTimeout) {
    case CONFIG_ON_TIMEOUT_BYPASS:
        out->action = REDIRECT_UNCHANGED;
        break;
    case CONFIG_ON_TIMEOUT_RETRY:
        out->action = call->isRetry ? REDIRECT_FAIL : REDIRECT_RETRY;
        break;
    case CONFIG_ON_TIMEOUT_RESPONSE:
        useResponse(redirect, asked, out);
        break;
    default:
        out->action = REDIRECT_FAIL;
        break;
    }
}

/* The pool's OK is its fail policy, and its BH stands for an answer not to be
 * used: they count like those of a helper. */
static bool
isNoAnswer(const HelperReply *reply)
{
    return reply->source == HELPER_SOURCE_POOL &&
           reply->result != HELPER_OK && reply->result != HELPER_BH;
}

static void
interpret(RedirectCall *call, const HelperReply *reply, RedirectAnswer *out)
{
    Redirect *redirect = call->redirect;
    HttpSlice asked = {call->line, strcspn(call->line, " ")};

    *out = (RedirectAnswer){.action = REDIRECT_UNCHANGED};
    if (reply->result == HELPER_TIMEOUT)
        afterTimeout(call, asked, out);
    else if (isNoAnswer(reply))
        out->action = withoutAnswer(&redirect->config->rewrite);
    else
        redirectParseReply(reply, asked, out);
    if (isNoAnswer(reply))
        complain(redirect, helperProtoResultName(reply->result),
                 reply->message);
    else if (out->why != NULL)
        complain(redirect, out->why, reply->text);
}

static void onReply(const HelperReply *reply, void *data);

static int
ask(RedirectCall *call)
{
    return helperSubmitLen(call->redirect->pool, call->line, strlen(call->line),
                           onReply, call, &call->request);
}

static void
onReply(const HelperReply *reply, void *data)
{
    RedirectCall *call = data;
    RedirectCb *cb = call->cb;
    void *cbData = call->data;
    RedirectAnswer answer;

    CHECK_OBJ(call->redirect, REDIRECT_MAGIC);
    call->request = NULL;
    interpret(call, reply, &answer);
    if (answer.action == REDIRECT_RETRY) {
        call->isRetry = true;
        if (ask(call) == 0)
            return;
        answer.action = withoutAnswer(&call->redirect->config->rewrite);
    }
    call->redirect = NULL;
    cb(&answer, cbData);
}

int
redirectSubmit(Redirect *redirect, const RedirectQuery *query,
               RedirectCall *call, RedirectCb *cb, void *data)
{
    CHECK_OBJ(redirect, REDIRECT_MAGIC);
    CHECK(call->redirect == NULL);
    ssize_t len = redirectFormatQuery(redirect->config->rewrite.extras, query,
                                      call->line, sizeof(call->line));
    if (len < 0)
        return (int)len;
    call->redirect = redirect;
    call->cb = cb;
    call->data = data;
    call->isRetry = false;
    int rc = ask(call);
    if (rc < 0)
        call->redirect = NULL;
    return rc;
}

void
redirectCancel(RedirectCall *call)
{
    if (call->redirect == NULL)
        return;
    helperCancel(call->request);
    call->request = NULL;
    call->redirect = NULL;
}
