/* auth_digest.c: Digest (RFC 7616): HA1 from the helper, the rest is
 * arithmetic. DEBUG: section 29 */
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "auth_priv.h"
#include "xalloc.h"

/*
 * The line has no escapes, because no helper decodes any; so what would end
 * the quoted text, or the line, cannot be asked about.
 */
static bool
canBeAsked(const char *user)
{
    return strchr(user, '"') == NULL;
}

/* The part of a URL that a request to an origin would have. */
static HttpSlice
pathOf(HttpSlice target)
{
    const char *host = memmem(target.data, target.len, "://", 3);
    const char *end = target.data + target.len;

    if (!host)
        return target;
    for (host += 3; host < end && *host != '/' && *host != '?'; host++)
        ;
    return httpSlice(host, (size_t)(end - host));
}

/* The response holds for the uri it names, which must be that of the request:
 * clients of proxies write it whole, or as the origin sees it. */
static bool
isAbout(const AuthDigest *digest, HttpSlice target)
{
    HttpSlice uri = httpSliceText(digest->uri);
    HttpSlice path = pathOf(target);

    return httpSliceEqual(uri, target) || httpSliceEqual(uri, path) ||
           (path.len == 0 && httpSliceIs(uri, "/"));
}

static const char *
readDigest(const AuthScheme *scheme, const AuthCheck *check, AuthDigest *out)
{
    const char *why = authHeaderDigest(check->rest, out);

    if (why)
        return why;
    if (strcmp(out->realm, scheme->config->realm) != 0)
        return "another realm in the credentials";
    if (!isAbout(out, check->query.target))
        return "credentials for another uri";
    if (!canBeAsked(out->user))
        return "a quote in the user name";
    return NULL;
}

static bool
isRight(const AuthDigest *digest, const AuthCheck *check, const char *secret)
{
    char response[AUTH_HASH_HEX_SIZE];

    return authHashResponse(digest, secret, check->query.method, response) &&
           authHashEqualHex(response, digest->response);
}

/* Who knows the password only needs another nonce, whatever is wrong with
 * this one. */
static void
acceptRight(AuthScheme *scheme, AuthCheck *check, const AuthDigest *digest,
            const AuthAnswer *answer)
{
    AuthNonceState state =
        authNonceUse(scheme->auth->nonces, &scheme->config->nonce,
                     digest->nonce, digest->count, commNowUs() / 1000);

    if (state != AUTH_NONCE_GOOD && state != AUTH_NONCE_LAST) {
        check->isStale = true;
        check->outcome = AUTH_WRONG;
        if (state != AUTH_NONCE_STALE)
            authComplain(scheme->auth, check, "a nonce that is %s",
                         authNonceStateName(state));
        return;
    }
    check->isNonceUsedUp = state == AUTH_NONCE_LAST;
    authCheckAccept(check, digest->user, &answer->notes);
}

static void
settle(AuthScheme *scheme, AuthCheck *check, const AuthAnswer *answer)
{
    AuthDigest digest;
    const char *why = readDigest(scheme, check, &digest);

    if (!why && !answer->isGood)
        why = answer->why;
    if (answer->message)
        check->message = xstrdup(answer->message);
    if (!why && !isRight(&digest, check, answer->secret))
        why = "a wrong response in the credentials";
    if (why)
        authCheckRefuse(check, why);
    else
        acceptRight(scheme, check, &digest, answer);
}

/* "USER":"REALM" */
static bool
formatLine(const AuthScheme *scheme, const AuthCheck *check,
           const AuthDigest *digest, Buf *line)
{
    char extras[AUTH_LINE_MAX];
    size_t len = 0;

    return bufPrintf(line, "\"%s\":\"%s\"", digest->user,
                     scheme->config->realm) == 0 &&
           authAppendExtras(scheme, check, extras, sizeof(extras), &len) &&
           bufAppend(line, extras, len) == 0;
}

/* A kept secret that does not fit may be an old one: the helper is asked
 * again. */
static bool
startWith(AuthScheme *scheme, AuthCheck *check, const AuthDigest *digest,
          HttpSlice line)
{
    AuthHash key;

    authAnswerKey(scheme, line, &key);
    const AuthAnswer *kept = authAnswerLookup(scheme, &key);
    if (kept && isRight(digest, check, kept->secret)) {
        acceptRight(scheme, check, digest, kept);
        return true;
    }
    return authAnswerAsk(scheme, &key, line, check);
}

static bool
start(AuthScheme *scheme, AuthCheck *check)
{
    AuthDigest digest;
    Buf line;
    const char *why = readDigest(scheme, check, &digest);
    bool isOver = true;

    bufInit(&line, AUTH_LINE_MAX);
    if (!why && !formatLine(scheme, check, &digest, &line))
        why = "too long for the helper: credentials";
    if (!why)
        check->claimed = xstrdup(digest.user);
    if (why)
        authCheckRefuse(check, why);
    else
        isOver = startWith(scheme, check, &digest,
                           httpSlice(bufData(&line), bufLen(&line)));
    bufFini(&line);
    return isOver;
}

static int
challenge(AuthScheme *scheme, const AuthCheck *check, AuthOffer *offer,
          Buf *out)
{
    bool isStale = check->kind == AUTH_DIGEST && check->isStale;
    char nonce[AUTH_NONCE_SIZE];
    int rc = bufPrintf(out, " realm=");

    (void)offer;
    authNonceIssue(scheme->auth->nonces, commNowUs() / 1000, nonce);
    if (rc == 0)
        rc = authFormatQuoted(scheme->config->realm, out);
    if (rc == 0)
        rc = bufPrintf(out,
                       ", nonce=\"%s\", qop=\"auth\", algorithm=MD5, stale=%s",
                       nonce, isStale ? "true" : "false");
    if (rc == 0 && scheme->config->isUtf8)
        rc = bufPrintf(out, ", charset=\"UTF-8\"");
    return rc;
}

const AuthSchemeOps authDigestOps = {
    .start = start,
    .settle = settle,
    .challenge = challenge,
};
