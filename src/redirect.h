/*
 * redirect.h: url_rewrite_program: ask a helper pool about a URL.
 *
 * What a helper may answer is in doc/helper-protocol.md; nothing that it
 * answers is believed: a URL that is none leaves the request unchanged and
 * is told in the debug log (section 61) at a bounded rate.
 * Thread: loop.
 */
#ifndef SQUIRE_REDIRECT_H
#define SQUIRE_REDIRECT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "config.h"
#include "helper.h"
#include "http_url.h"

typedef struct Redirect Redirect;

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
} RedirectAnswer;

typedef void RedirectCb(const RedirectAnswer *answer, void *data);

/* What the helper is told; borrowed for the call. */
typedef struct RedirectQuery {
    HttpSlice url; /* canonical; CONNECT: host:port */
    HttpSlice method;
    const struct sockaddr *client;
    const struct sockaddr *local;
    const char *user; /* NULL: none */
} RedirectQuery;

#define REDIRECT_LINE_MAX 9216

/* One question; lives in its asker. */
typedef struct RedirectCall {
    Redirect *redirect; /* NULL while nothing is asked */
    HelperRequest *request;
    RedirectCb *cb;
    void *data;
    bool isRetry;
    char line[REDIRECT_LINE_MAX]; /* what was asked, ends in NUL */
} RedirectCall;

/* Start the pool of a configuration that has a url_rewrite_program; keeps a
 * reference to it. Returns owned, or NULL with errno. */
Redirect *redirectCreate(Config *config);

/* True when this configuration defines the very pool that runs. */
bool redirectIsSame(const Redirect *redirect, const Config *config);

/* Go on with another configuration of the same pool. */
void redirectUpdate(Redirect *redirect, Config *config);

/* Let the requests in progress finish for drainMs, then free, later. Clears
 * *redirect; NULL inside is accepted. */
void redirectStop(Redirect **redirect, int drainMs);

/* True once nothing that redirectStop was called for is left. */
bool redirectIsStopped(void);

/* Free what redirectStop left, at once; callbacks run as in
 * helperPoolDestroy. */
void redirectFini(void);

/*
 * Ask. call: the caller's storage, in use until cb has begun or
 * redirectCancel. cb runs exactly once, later.
 * Errors (cb will not run): -EMSGSIZE the URL is too long for the helper,
 * -ESHUTDOWN.
 */
int redirectSubmit(Redirect *redirect, const RedirectQuery *query,
                   RedirectCall *call, RedirectCb *cb, void *data);

/* Stop waiting: cb will not run. Harmless when nothing is asked. */
void redirectCancel(RedirectCall *call);

/*
 * What a helper's answer means, except for those the pool makes itself
 * (timeout, overload ...). asked: the URL of the request. Pure.
 */
void redirectParseReply(const HelperReply *reply, HttpSlice asked,
                        RedirectAnswer *out);

/*
 * Append the query line (without LF) to out[0 .. size): the URL and the
 * extras in the format of url_rewrite_extras. Returns the octets, or
 * -EMSGSIZE. Pure.
 */
ssize_t redirectFormatQuery(const char *extras, const RedirectQuery *query,
                            char *out, size_t size);

#endif
