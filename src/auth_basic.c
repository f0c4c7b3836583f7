/* auth_basic.c: Basic (RFC 7617): a name and a password. DEBUG: section 29 */
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "auth_priv.h"
#include "xalloc.h"

/* What is asked about. */
typedef struct Credentials {
    char user[2 * AUTH_USER_MAX + 1]; /* as the helper is to know it */
    char password[2 * AUTH_BASIC_MAX + 1];
} Credentials;

/* 0: at is no UTF-8 sequence; else its octets. */
static size_t
utf8Len(const unsigned char *at)
{
    size_t len = at[0] < 0x80                    ? 1
                 : at[0] >= 0xc2 && at[0] < 0xe0 ? 2
                 : at[0] >= 0xe0 && at[0] < 0xf0 ? 3
                 : at[0] >= 0xf0 && at[0] < 0xf5 ? 4
                                                 : 0;

    for (size_t i = 1; i < len; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    return len;
}

static bool
isUtf8(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;

    while (*at != '\0') {
        size_t len = utf8Len(at);
        if (len == 0)
            return false;
        at += len;
    }
    return true;
}

/* Each octet of ISO 8859-1 becomes one or two; out has room for them. */
static void
copyText(const char *text, bool isUtf8Wanted, char *out)
{
    bool mustConvert = isUtf8Wanted && !isUtf8(text);

    for (; *text != '\0'; text++) {
        unsigned char octet = (unsigned char)*text;
        if (mustConvert && octet >= 0x80) {
            *out++ = (char)(0xc0 | octet >> 6);
            octet = 0x80 | (octet & 0x3f);
        }
        *out++ = (char)octet;
    }
    *out = '\0';
}

static void
lowerCase(char *text)
{
    for (; *text != '\0'; text++)
        if (*text >= 'A' && *text <= 'Z')
            *text = (char)(*text - 'A' + 'a');
}

/* NULL, or what is wrong. */
static const char *
readCredentials(const ConfigAuthScheme *config, HttpSlice rest,
                Credentials *out)
{
    AuthBasic basic;
    const char *why = authHeaderBasic(rest, &basic);

    if (!why && basic.password[0] == '\0')
        why = "an empty password in the credentials";
    if (!why) {
        copyText(basic.user, config->isUtf8, out->user);
        copyText(basic.password, config->isUtf8, out->password);
        if (!config->isCaseSensitive)
            lowerCase(out->user);
    }
    OPENSSL_cleanse(basic.text, sizeof(basic.text));
    return why;
}

/* "USER PASSWORD", escaped as helpers expect. 0, or -errno. */
static int
formatLine(const Credentials *credentials, char *line, size_t size, size_t *len)
{
    int rc = helperProtoQuote(HELPER_QUOTE_URL, credentials->user,
                              strlen(credentials->user), line, size, len);

    if (rc == 0 && *len < size)
        line[(*len)++] = ' ';
    if (rc == 0)
        rc = helperProtoQuote(HELPER_QUOTE_URL, credentials->password,
                              strlen(credentials->password), line, size, len);
    return rc;
}

/* The key is all that was asked, and it does not show it. */
static void
settleFrom(AuthCheck *check, const char *user, const AuthAnswer *answer)
{
    if (answer->isGood) {
        authCheckAccept(check, user, &answer->notes);
        return;
    }
    if (answer->message)
        check->message = xstrdup(answer->message);
    authCheckRefuse(check, answer->why);
}

static void
settle(AuthScheme *scheme, AuthCheck *check, const AuthAnswer *answer)
{
    Credentials credentials;

    if (readCredentials(scheme->config, check->rest, &credentials))
        authCheckRefuse(check, "credentials that changed");
    else
        settleFrom(check, credentials.user, answer);
    OPENSSL_cleanse(&credentials, sizeof(credentials));
}

static bool
startWith(AuthScheme *scheme, AuthCheck *check, const Credentials *credentials)
{
    char line[AUTH_LINE_MAX];
    size_t len = 0;
    AuthHash key;

    if (formatLine(credentials, line, sizeof(line), &len) < 0 ||
        !authAppendExtras(scheme, check, line, sizeof(line), &len)) {
        authCheckRefuse(check, "too long for the helper: credentials");
        return true;
    }
    const HttpSlice text = httpSlice(line, len);
    authAnswerKey(scheme, text, &key);
    const AuthAnswer *kept = authAnswerLookup(scheme, &key);
    if (kept)
        settleFrom(check, credentials->user, kept);
    bool isOver = kept || authAnswerAsk(scheme, &key, text, check);
    OPENSSL_cleanse(line, len);
    return isOver;
}

static bool
start(AuthScheme *scheme, AuthCheck *check)
{
    Credentials credentials;
    const char *why =
        readCredentials(scheme->config, check->rest, &credentials);

    if (why) {
        authCheckRefuse(check, why);
        return true;
    }
    check->claimed = xstrdup(credentials.user);
    bool isOver = startWith(scheme, check, &credentials);
    OPENSSL_cleanse(&credentials, sizeof(credentials));
    return isOver;
}

static int
challenge(AuthScheme *scheme, const AuthCheck *check, AuthOffer *offer,
          Buf *out)
{
    (void)check;
    (void)offer;
    int rc = bufPrintf(out, " realm=");

    if (rc == 0)
        rc = authFormatQuoted(scheme->config->realm, out);
    if (rc == 0 && scheme->config->isUtf8)
        rc = bufPrintf(out, ", charset=\"UTF-8\"");
    return rc;
}

const AuthSchemeOps authBasicOps = {
    .start = start,
    .settle = settle,
    .challenge = challenge,
};
