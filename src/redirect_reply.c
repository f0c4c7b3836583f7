/* redirect_reply.c: what URL rewriters answer, as pure functions. */
#include <string.h>

#include "http_url.h"
#include "redirect.h"

static bool
isRedirectStatus(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 ||
           status == 308;
}

static bool
isOctetAllowed(unsigned char octet)
{
    return octet >= 0x20 && octet != 0x7f;
}

static bool
hasControl(HttpSlice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!isOctetAllowed((unsigned char)text.data[i]))
            return true;
    return false;
}

static bool
hasPrefix(HttpSlice text, const char *prefix)
{
    size_t len = strlen(prefix);

    return text.len >= len && strncasecmp(text.data, prefix, len) == 0;
}

static bool
hasScheme(HttpSlice text)
{
    static const char schemeOctets[] = "abcdefghijklmnopqrstuvwxyz"
                                       "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                       "0123456789+-.";
    size_t len = 0;

    while (len < text.len && strchr(schemeOctets, text.data[len]) != NULL &&
           text.data[len] != '\0')
        len++;
    return len > 1 && len < text.len && text.data[len] == ':' &&
           (text.data[0] < '0' || text.data[0] > '9');
}

/* What a client may be sent to: a path here, or a URL of any scheme; those
 * we know must be right. */
static bool
isLocation(HttpSlice text)
{
    HttpUrl url;

    if (text.len == 0 || text.len > HTTP_URL_MAX || hasControl(text))
        return false;
    if (text.data[0] == '/')
        return true;
    if (!hasPrefix(text, "http:") && !hasPrefix(text, "https:"))
        return hasScheme(text);
    const char *fragment = memchr(text.data, '#', text.len);
    const char *blank = memchr(text.data, ' ', text.len);
    if (fragment != NULL)
        text.len = (size_t)(fragment - text.data);
    if (blank != NULL && blank < text.data + text.len)
        text.len = (size_t)(blank - text.data); /* sent as %20 */
    return httpUrlParse(text, &url) == HTTP_URL_ERROR_NONE;
}

/* The same kind of thing as was asked: a URL, or host:port for CONNECT. */
static HttpUrlError
parseTarget(HttpSlice text, HttpSlice asked, HttpUrl *partsOut)
{
    if (memchr(asked.data, '/', asked.len) != NULL)
        return httpUrlParse(text, partsOut);
    return httpUrlParseAuthority(text, 0, partsOut);
}

static void
answerRewrite(HttpSlice url, HttpSlice asked, RedirectAnswer *out)
{
    if (httpSliceEqual(url, asked))
        return;
    if (parseTarget(url, asked, &out->parts) != HTTP_URL_ERROR_NONE) {
        out->why = "rewrites to what is no URL";
        return;
    }
    out->action = REDIRECT_REWRITE;
    out->url = url;
}

static void
answerLocation(int status, HttpSlice url, HttpSlice asked, RedirectAnswer *out)
{
    if (!isRedirectStatus(status))
        out->why = "redirects with an unknown status";
    else if (!isLocation(url))
        out->why = "redirects to what is no URL";
    else if (httpSliceEqual(url, asked))
        out->why = "redirects to the URL itself";
    if (out->why != NULL)
        return;
    out->action = REDIRECT_LOCATION;
    out->status = status;
    out->url = url;
}

static int
parseStatus(HttpSlice text)
{
    uint64_t status;

    return httpSliceParseUint(text, 999, &status) ? (int)status : 0;
}

/* Keys of all names are allowed; one of these is a mistake. */
static const char *
findMistake(const HelperReply *reply)
{
    for (unsigned i = 0; i < reply->pairCount; i++)
        if (strcasestr(reply->pairs[i].key, "url") != NULL)
            return "has a key that is not known: is it url or rewrite-url?";
    if (helperReplyGet(reply, "status") != NULL)
        return "has a status, but no url";
    return NULL;
}

static void
parsePairs(const HelperReply *reply, HttpSlice asked, RedirectAnswer *out)
{
    HttpSlice url = httpSliceText(helperReplyGet(reply, "url"));
    HttpSlice rewrite = httpSliceText(helperReplyGet(reply, "rewrite-url"));
    HttpSlice status = httpSliceText(helperReplyGet(reply, "status"));

    if (url.data != NULL)
        answerLocation(status.data != NULL ? parseStatus(status) : 302, url,
                       asked, out);
    else if (rewrite.data != NULL)
        answerRewrite(rewrite, asked, out);
    else
        out->why = findMistake(reply);
    if (out->action != REDIRECT_UNCHANGED && *reply->message != '\0')
        out->why = "has words after the URL: should it be in quotes?";
}

/* A helper that takes the URL for its channel-ID, or counts by itself. */
static bool
hasChannelId(HttpSlice word, HttpSlice rest, HttpSlice asked)
{
    uint64_t id;

    if (httpSliceParseUint(word, HELPER_PROTO_ID_MAX, &id))
        return true;
    return httpSliceEqual(word, asked) &&
           (hasPrefix(rest, " OK") || hasPrefix(rest, " ERR") ||
            hasPrefix(rest, " BH"));
}

/* [!group!] [30N:] URL [anything] */
static void
parseLegacy(HttpSlice text, HttpSlice asked, RedirectAnswer *out)
{
    const char *end;
    HttpSlice rest = {NULL, 0};

    if (text.len > 1 && text.data[0] == '!' &&
        (end = memchr(text.data + 1, '!', text.len - 1)) != NULL) {
        text.len -= (size_t)(end + 1 - text.data);
        text.data = end + 1;
    }
    end = memchr(text.data, ' ', text.len);
    if (end != NULL) {
        rest = httpSlice(end, text.len - (size_t)(end - text.data));
        text.len = (size_t)(end - text.data);
    }
    int status = text.len > 4 && text.data[3] == ':'
                     ? parseStatus(httpSlice(text.data, 3))
                     : 0;
    if (hasChannelId(text, rest, asked))
        out->why = "has a channel-ID: does it need concurrency=?";
    else if (status != 0)
        answerLocation(status, httpSlice(text.data + 4, text.len - 4), asked,
                       out);
    else if (text.len > 0)
        answerRewrite(text, asked, out);
}

void
redirectParseReply(const HelperReply *reply, HttpSlice asked,
                   RedirectAnswer *out)
{
    *out = (RedirectAnswer){.action = REDIRECT_UNCHANGED};
    switch (reply->result) {
    case HELPER_OK:
        parsePairs(reply, asked, out);
        break;
    case HELPER_ERR:
        break;
    case HELPER_BH:
        out->why = "could not decide (BH)";
        break;
    case HELPER_UNKNOWN:
        parseLegacy(httpSlice(reply->text, reply->textLen), asked, out);
        break;
    default:
        out->why = "gave an answer of another kind of helper";
        break;
    }
}
