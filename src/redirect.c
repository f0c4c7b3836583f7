/* redirect.c: what an answer about a URL makes of a request. */
#include "redirect.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "xalloc.h"

/* What to do when there is no answer. */
static RedirectAction
withoutAnswer(const ConfigRewrite *config)
{
    return config->helper.bypass ? REDIRECT_UNCHANGED : REDIRECT_FAIL;
}

/* The configured text, parsed as a reply line; what out points to is in the
 * memory that is returned owned. */
static char *
useResponse(const ConfigRewrite *config, HttpSlice asked, RedirectAnswer *out)
{
    const char *text = config->response != NULL ? config->response : "";
    size_t len = strlen(text);
    char *memory = xmalloc(2 * len + 3);
    HelperReply reply;

    memcpy(memory, text, len + 1);
    if (helperProtoParseReply(memory, len, memory + len + 1, len + 2, &reply) ==
        0)
        redirectParseReply(&reply, asked, out);
    return memory;
}

static char *
afterTimeout(const RedirectCall *call, HttpSlice asked, RedirectAnswer *out)
{
    const ConfigRewrite *config = call->config;

    if (config->timeoutMs < 0) { /* on_timeout= was not given */
        out->action = withoutAnswer(config);
        return NULL;
    }
    switch (config->onTimeout) {
    case CONFIG_ON_TIMEOUT_BYPASS:
        out->action = REDIRECT_UNCHANGED;
        return NULL;
    case CONFIG_ON_TIMEOUT_RETRY:
        out->action = call->isRetry ? REDIRECT_FAIL : REDIRECT_RETRY;
        return NULL;
    case CONFIG_ON_TIMEOUT_RESPONSE:
        return useResponse(config, asked, out);
    default:
        out->action = REDIRECT_FAIL;
        return NULL;
    }
}

/* The memory returned owned is what out points to, or NULL. */
static char *
interpret(const RedirectCall *call, const HelperReply *reply,
          RedirectAnswer *out)
{
    char *memory = NULL;

    *out = (RedirectAnswer){.action = REDIRECT_UNCHANGED};
    if (reply->result == HELPER_TIMEOUT) {
        memory = afterTimeout(call, call->url.asked, out);
    } else if (askerIsAnswerless(reply)) {
        out->action = withoutAnswer(call->config);
    } else {
        redirectParseReply(reply, call->url.asked, out);
        out->reply = reply;
    }
    return memory;
}

static void
onAnswer(UrlCall *url, Asker *asker, const HelperReply *reply)
{
    RedirectCall *call = (RedirectCall *)(void *)url;
    RedirectCb *cb = call->cb;
    void *data = call->data;
    RedirectAnswer answer;
    char *memory = interpret(call, reply, &answer);

    if (askerIsAnswerless(reply))
        askerComplain(asker, helperProtoResultName(reply->result),
                      reply->message);
    else if (answer.why != NULL)
        askerComplain(asker, answer.why, reply->text);
    if (answer.action == REDIRECT_RETRY) {
        call->isRetry = true;
        if (urlCallRepeat(url, asker) == 0)
            return;
        answer.action = withoutAnswer(call->config);
    }
    cb(&answer, data);
    free(memory);
}

int
redirectSubmit(RedirectCall *call, Asker *asker, const ConfigRewrite *config,
               const FormatInput *input)
{
    call->config = config;
    call->isRetry = false;
    return urlCallSubmit(&call->url, asker, config->extras.format, input,
                         onAnswer);
}
