/*
 * redirect.h: url_rewrite_program: ask a helper pool about a URL.
 *
 * What a helper may answer is in doc/helper-protocol.md; nothing that it
 * answers is believed: a URL that is none leaves the request unchanged and
 * is told in the debug log at a bounded rate.
 * Thread: loop.
 */
#ifndef SQUIRE_REDIRECT_H
#define SQUIRE_REDIRECT_H

#include <stdbool.h>

#include "config.h"
#include "helper.h"
#include "http_url.h"
#include "url_call.h"

typedef enum RedirectAction {
    REDIRECT_UNCHANGED, /* go on with the URL as it is */
    REDIRECT_REWRITE,   /* go on with this URL instead */
    REDIRECT_LOCATION,  /* send the client there */
    REDIRECT_FAIL,      /* no answer, and bypassing is not allowed */
    REDIRECT_RETRY,     /* ask once more (within redirect.c only) */
    REDIRECT_ACTION_COUNT
} RedirectAction;

typedef struct RedirectAnswer {
    RedirectAction action;
    int status;      /* of REDIRECT_LOCATION */
    HttpSlice url;   /* REWRITE and LOCATION; borrowed until return */
    HttpUrl parts;   /* the same, of REWRITE */
    const char *why; /* constant: what was wrong with the reply, or NULL */
    const HelperReply *reply; /* the helper's; NULL when there was none */
} RedirectAnswer;

/* answer and all in it are borrowed until return. */
typedef void RedirectCb(const RedirectAnswer *answer, void *data);

/* One question; lives in its asker, all zero at first. */
typedef struct RedirectCall {
    UrlCall url; /* first */
    const ConfigRewrite *config;
    RedirectCb *cb;
    void *data;
    bool isRetry;
} RedirectCall;

/*
 * Ask; call->cb and data are set by the caller. call is in use until cb has
 * begun or urlCallCancel; config is borrowed as long. cb runs exactly once,
 * later. Errors (cb will not run): as urlCallSubmit.
 */
int redirectSubmit(RedirectCall *call, Asker *asker,
                   const ConfigRewrite *config, const FormatInput *input);

/*
 * What a helper's answer means, except for those the pool makes itself
 * (timeout, overload ...). asked: the URL of the request. Pure.
 */
void redirectParseReply(const HelperReply *reply, HttpSlice asked,
                        RedirectAnswer *out);

#endif
