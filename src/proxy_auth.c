/* Whose a request is, and asking the client for it. DEBUG: section 29 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "debug.h"
#include "proxy_priv.h"
#include "xalloc.h"

#define FIELDS_MAX (128 * 1024)
#define DROP_PIECE 4096
/* What is read of a body for the sake of the connection. */
#define DROP_MAX (256 * 1024)
#define DROP_MS 5000

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
    if (facts->auth == ACL_AUTH_USER && facts->user != NULL)
        facts->addrRank = userAddrNote(
            request->proxy->userAddrs, facts->user,
            proxyForwardedClient(request, false), commNowUs() / 1000,
            request->config->authenticateIpTtlMs);
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

/* Read of the body what is here. True: more of it is worth waiting for. */
static bool
dropBody(ProxyRequest *request)
{
    const HttpRequest *http = request->http;
    char unused[DROP_PIECE];
    ssize_t n;

    if (request->body.is100Wanted || !request->reply.keepAlive ||
        (http->framing == HTTP_FRAMING_LENGTH && http->length > DROP_MAX))
        return false;
    do
        n = proxyRequestReadBody(request, unused, sizeof(unused));
    while (n > 0 && request->body.octets <= DROP_MAX);
    return n == -EAGAIN;
}

static bool
sendDemand(ProxyRequest *request)
{
    AuthOffer offer = {.mayKeepAlive = false};
    bool isBodyDone = proxyRequestIsBodyDone(request);
    Buf fields;

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

/* The client has this long for all of its body, however it comes. */
static void
waitForBody(ProxyRequest *request)
{
    int64_t leftMs = (request->body.dropUntilUs - commNowUs()) / 1000;

    proxyClientArmTimeout(request->client, leftMs > 0 ? leftMs : 1);
}

/* The client is to try again on this connection, and in the middle of a
 * dialog it must: a body that is short is not worth losing that. */
bool
proxyAuthDemand(ProxyRequest *request)
{
    int64_t ms = request->config->requestTimeoutMs;

    if (!dropBody(request))
        return sendDemand(request);
    request->body.isDropped = true;
    request->body.dropUntilUs =
        commNowUs() + (ms > 0 && ms < DROP_MS ? ms : DROP_MS) * 1000;
    waitForBody(request);
    return true;
}

void
proxyAuthGoOn(ProxyRequest *request, bool isLate)
{
    CHECK(request->body.isDropped);
    if (!isLate && dropBody(request)) {
        waitForBody(request);
        return;
    }
    request->body.isDropped = false;
    if (!sendDemand(request))
        proxyReplyError(request, ERR_ACCESS_DENIED, request->facts.message);
}
