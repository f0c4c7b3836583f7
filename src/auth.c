/* auth.c: the schemes together, their pools, their offers. DEBUG: section 29 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "address.h"
#include "auth_priv.h"
#include "check.h"
#include "debug.h"
#include "xalloc.h"

#define STOP_POLL_MS 50
#define NONCES_MAX 100000
#define COMPLAIN_US INT64_C(1000000)

/* A pool that was stopped. */
typedef struct Leaving {
    ListNode node;
    HelperPool *pool;
} Leaving;

static const AuthSchemeOps *const schemeOps[AUTH_KIND_COUNT] = {
    [AUTH_BASIC] = &authBasicOps,
    [AUTH_DIGEST] = &authDigestOps,
    [AUTH_NTLM] = &authDialogOps,
    [AUTH_NEGOTIATE] = &authDialogOps,
};

/* What there is for one use. */
typedef struct AuthUseNames {
    size_t config; /* offset of the ConfigAuth in Config */
    const char *directive;
    const char *request;
    const char *challenge;
    const char *info;
} AuthUseNames;

static const AuthUseNames useNames[AUTH_USE_COUNT] = {
    [AUTH_USE_PROXY] = {offsetof(Config, auth), "auth_param",
                        "Proxy-Authorization", "Proxy-Authenticate",
                        "Proxy-Authentication-Info"},
    [AUTH_USE_MANAGER] = {offsetof(Config, managerAuth), "manager_auth",
                          "Authorization", "WWW-Authenticate",
                          "Authentication-Info"},
};

static const ConfigAuth *
rulesOf(const Auth *auth, const Config *config)
{
    return (const void *)((const char *)config + auth->names->config);
}

void
authComplain(Auth *auth, const AuthCheck *check, const char *fmt, ...)
{
    const struct sockaddr *client = check->query.client;
    char from[ADDRESS_TEXT_MAX] = "?";
    char text[512];
    int64_t now = commNowUs();
    va_list ap;

    if (now < auth->quietUntilUs) {
        auth->unsaid++;
        return;
    }
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (client)
        addressFormat(client, from);
    debug(DBG_AUTH, 1, "client %s: %s: %s", from,
          check->kind < AUTH_KIND_COUNT ? authKindName(check->kind)
                                        : auth->names->request,
          text);
    if (auth->unsaid > 0)
        debug(DBG_AUTH, 1, "%llu more refusals were not shown",
              (unsigned long long)auth->unsaid);
    auth->unsaid = 0;
    auth->quietUntilUs = now + COMPLAIN_US;
}

static void
complainFormat(const char *text, bool isUnknown, void *data)
{
    const AuthScheme *scheme = data;

    (void)isUnknown;
    debug(DBG_AUTH, 1, "%s %s key_extras: %s", scheme->auth->names->directive,
          authKindName(scheme->kind), text);
}

static void
openScheme(AuthScheme *scheme)
{
    const ConfigAuthScheme *config = scheme->config;

    formatDestroy(&scheme->extras);
    if (config->keyExtras)
        scheme->extras =
            formatCreate(config->keyExtras, complainFormat, scheme);
    if (!config->helper.argv)
        return;
    if (scheme->pool) {
        int rc = helperPoolReconfigure(scheme->pool, &config->helper.pool);
        if (rc < 0)
            debug(DBG_AUTH, 0, "%s %s: %s", scheme->auth->names->directive,
                  authKindName(scheme->kind), strerror(-rc));
        return;
    }
    scheme->pool = helperPoolCreate(&config->helper.pool);
    if (!scheme->pool)
        debug(DBG_AUTH, 0, "%s %s: cannot make the pool: %s",
              scheme->auth->names->directive, authKindName(scheme->kind),
              strerror(errno));
}

Auth *
authCreate(Config *config, AuthUse use)
{
    Auth *auth = xcalloc(1, sizeof(*auth));

    auth->magic = AUTH_MAGIC;
    auth->config = configRef(config);
    auth->names = &useNames[use];
    auth->nonces = authNonceTableCreate(NONCES_MAX);
    listInit(&auth->leaving);
    authHashKey(&auth->key);
    for (int kind = 0; kind < AUTH_KIND_COUNT; kind++) {
        AuthScheme *scheme = &auth->schemes[kind];

        scheme->auth = auth;
        scheme->kind = (AuthKind)kind;
        scheme->ops = schemeOps[kind];
        scheme->config = &rulesOf(auth, config)->schemes[kind];
        openScheme(scheme);
    }
    return auth;
}

static void
onStopPoll(void *data)
{
    Auth *auth = data;
    ListNode *it, *tmp;

    CHECK_OBJ(auth, AUTH_MAGIC);
    auth->timer = NULL;
    LIST_FOREACH(&auth->leaving, it, tmp) {
        Leaving *leaving = LIST_OBJ(it, Leaving, node);

        if (!helperPoolIsStopped(leaving->pool))
            continue;
        listRemove(&leaving->node);
        helperPoolDestroy(&leaving->pool);
        free(leaving);
    }
    if (!listIsEmpty(&auth->leaving))
        auth->timer = commTimerAdd(STOP_POLL_MS, onStopPoll, auth);
}

static void
stopScheme(AuthScheme *scheme, int drainMs)
{
    Auth *auth = scheme->auth;

    if (!scheme->pool)
        return;
    Leaving *leaving = xcalloc(1, sizeof(*leaving));
    leaving->pool = scheme->pool;
    scheme->pool = NULL;
    listPushBack(&auth->leaving, &leaving->node);
    helperPoolStop(leaving->pool, drainMs);
    if (!auth->timer)
        auth->timer = commTimerAdd(STOP_POLL_MS, onStopPoll, auth);
}

static bool
isSameProgram(const ConfigAuthScheme *a, const ConfigAuthScheme *b)
{
    char *const *one = a->helper.argv;
    char *const *two = b->helper.argv;

    if (!one || !two)
        return one == two;
    while (*one && *two && strcmp(*one, *two) == 0) {
        one++;
        two++;
    }
    return !*one && !*two;
}

void
authReconfigure(Auth *auth, Config *config)
{
    Config *old = auth->config;

    CHECK_OBJ(auth, AUTH_MAGIC);
    if (auth->isStopping)
        return;
    auth->config = configRef(config);
    for (int kind = 0; kind < AUTH_KIND_COUNT; kind++) {
        AuthScheme *scheme = &auth->schemes[kind];
        const ConfigAuthScheme *before = scheme->config;

        scheme->config = &rulesOf(auth, config)->schemes[kind];
        /* What was kept was said by another program. */
        if (!isSameProgram(before, scheme->config))
            authAnswerForget(scheme);
        if (!scheme->config->helper.argv)
            stopScheme(scheme, (int)config->shutdownLifetimeMs);
        openScheme(scheme);
    }
    configUnref(&old);
}

void
authRotate(Auth *auth, int drainMs)
{
    CHECK_OBJ(auth, AUTH_MAGIC);
    for (int kind = 0; kind < AUTH_KIND_COUNT; kind++) {
        AuthScheme *scheme = &auth->schemes[kind];

        if (!scheme->pool || !scheme->config->helper.pool.stderrRaw)
            continue;
        stopScheme(scheme, drainMs);
        openScheme(scheme);
    }
}

void
authStop(Auth *auth, int drainMs)
{
    CHECK_OBJ(auth, AUTH_MAGIC);
    auth->isStopping = true;
    for (int kind = 0; kind < AUTH_KIND_COUNT; kind++)
        stopScheme(&auth->schemes[kind], drainMs);
}

bool
authIsStopped(const Auth *auth)
{
    CHECK_OBJ(auth, AUTH_MAGIC);
    return auth->isStopping && listIsEmpty(&auth->leaving);
}

void
authDestroy(Auth **authp)
{
    Auth *auth = *authp;
    ListNode *node;

    *authp = NULL;
    if (!auth)
        return;
    CHECK_OBJ(auth, AUTH_MAGIC);
    commTimerCancel(&auth->timer);
    for (int kind = 0; kind < AUTH_KIND_COUNT; kind++) {
        authAnswerClear(&auth->schemes[kind]);
        helperPoolDestroy(&auth->schemes[kind].pool);
        formatDestroy(&auth->schemes[kind].extras);
    }
    while ((node = listFirst(&auth->leaving)) != NULL) {
        Leaving *leaving = LIST_OBJ(node, Leaving, node);

        listRemove(node);
        helperPoolDestroy(&leaving->pool);
        free(leaving);
    }
    authNonceTableDestroy(&auth->nonces);
    OPENSSL_cleanse(&auth->key, sizeof(auth->key));
    configUnref(&auth->config);
    CHECK_OBJ_CLEAR(auth);
    free(auth);
}

int
authFormatQuoted(const char *text, Buf *out)
{
    int rc = bufAppend(out, "\"", 1);

    for (; *text != '\0' && rc == 0; text++) {
        if (*text == '"' || *text == '\\')
            rc = bufAppend(out, "\\", 1);
        if (rc == 0)
            rc = bufAppend(out, text, 1);
    }
    return rc == 0 ? bufAppend(out, "\"", 1) : rc;
}

static int
formatOne(AuthScheme *scheme, const AuthCheck *check, AuthOffer *offer,
          Buf *out)
{
    int rc = bufPrintf(out, "%s: %s", scheme->auth->names->challenge,
                       authKindScheme(scheme->kind));

    if (rc == 0)
        rc = scheme->ops->challenge(scheme, check, offer, out);
    return rc == 0 ? bufPrintf(out, "\r\n") : rc;
}

/* Dialogs need a connection that lasts. */
static bool
isOffered(const AuthScheme *scheme, const AuthOffer *offer)
{
    return scheme->pool &&
           (scheme->ops != &authDialogOps || offer->mayKeepAlive);
}

int
authFormatChallenge(Auth *auth, const AuthCheck *check, AuthOffer *offer,
                    Buf *out)
{
    const ConfigAuth *config = rulesOf(auth, auth->config);
    int rc = 0;

    CHECK_OBJ(auth, AUTH_MAGIC);
    offer->mustClose = false;
    if (check->outcome == AUTH_GOES_ON)
        return formatOne(&auth->schemes[check->kind], check, offer, out);
    for (unsigned i = 0; i < config->count && rc == 0; i++) {
        AuthScheme *scheme = &auth->schemes[config->order[i]];

        if (isOffered(scheme, offer))
            rc = formatOne(scheme, check, offer, out);
    }
    return rc;
}

int
authFormatInfo(Auth *auth, const AuthCheck *check, Buf *out)
{
    char nonce[AUTH_NONCE_SIZE];

    CHECK_OBJ(auth, AUTH_MAGIC);
    if (check->outcome != AUTH_GOOD)
        return 0;
    if (check->isNonceUsedUp) {
        authNonceIssue(auth->nonces, commNowUs() / 1000, nonce);
        return bufPrintf(out, "%s: nextnonce=\"%s\"\r\n", auth->names->info,
                         nonce);
    }
    if (check->token)
        return bufPrintf(out, "%s: %s %s\r\n", auth->names->info,
                         authKindScheme(check->kind), check->token);
    return 0;
}
