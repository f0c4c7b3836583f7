/* Whose a request is, and asking the client for it. DEBUG: section 29 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "debug.h"
#include "proxy_priv.h"
#include "xalloc.h"

#define FIELDS_MAX (128 * 1024)
#define DRAIN_SIZE 4096

static AuthQuery
queryOf(ProxyRequest *request)
{
    ProxyClient *client = request->client;
    HttpRequest *http = request->http;

    return (AuthQuery){
        .header =
            httpHeaderGet(&http->headers, HTTP_HEADER_PROXY_AUTHORIZATION),
        .method = http->methodText,
        .target = http->target,
        .client = (const struct sockaddr *)&client->peer,
        .conn = &client->auth,
        .format = proxyStepFacts(request),
    };
}

/* What the check found is what the rules know. */
static void
learn(ProxyRequest *request)
{
    const AuthCheck *check = &request->auth;
    AclFacts *facts = &request->facts;
    Buf info;

    facts->auth = check->outcome == AUTH_GOOD ? ACL_AUTH_USER : ACL_AUTH_NONE;
    aclFactsSetText(&facts->user, check->user);
    if (check->message != NULL)
        aclFactsSetText(&facts->message, check->message);
    for (size_t i = 0; i < check->notes.count; i++)
        noteListAdd(&facts->notes, check->notes.notes[i].name,
                    check->notes.notes[i].value);
    bufInit(&info, FIELDS_MAX);
    if (check->outcome == AUTH_GOOD &&
        authFormatInfo(request->proxy->auth, check, &info) == 0 &&
        bufLen(&info) > 0)
        request->authInfo = xstrndup(bufData(&info), bufLen(&info));
    bufFini(&info);
}

static void
onChecked(AuthCheck *check, void *data)
{
    ProxyRequest *request = data;

    (void)check;
    CHECK_OBJ(request, PROXY_REQUEST_MAGIC);
    learn(request);
    proxyStepResume(request);
}

bool
proxyAuthStart(ProxyRequest *request)
{
    AuthQuery query = queryOf(request);

    if (!authCheckStart(&request->auth, request->proxy->auth, &query, onChecked,
                        request))
        return false;
    learn(request);
    return true;
}

void
proxyAuthCancel(ProxyRequest *request)
{
    authCheckCancel(&request->auth);
    free(request->authInfo);
    request->authInfo = NULL;
}

/* A body that is here already is not worth the connection, on which the
 * client is to try again; with a longer one, it does so on another. */
static void
drainBody(ProxyRequest *request)
{
    char unused[DRAIN_SIZE];

    while (!request->body.is100Wanted &&
           proxyClientInput(request->client).len > 0 &&
           proxyRequestReadBody(request, unused, sizeof(unused)) > 0)
        ;
}

bool
proxyAuthDemand(ProxyRequest *request)
{
    AuthOffer offer = {.mayKeepAlive = false};
    Buf fields;

    drainBody(request);
    bool isBodyDone = proxyRequestIsBodyDone(request);
    offer.mayKeepAlive = request->reply.keepAlive &&
                         !request->proxy->isStopping &&
                         (isBodyDone || request->auth.outcome == AUTH_MISSING);
    bufInit(&fields, FIELDS_MAX);
    int rc = authFormatChallenge(request->proxy->auth, &request->auth, &offer,
                                 &fields);
    bool isPossible = rc == 0 && bufLen(&fields) > 0;
    if (isPossible) {
        bufAppend(&fields, "", 1);
        if (offer.mustClose || !isBodyDone)
            request->reply.keepAlive = false;
        proxyReplyDemand(request, bufData(&fields));
    }
    bufFini(&fields);
    return isPossible;
}
