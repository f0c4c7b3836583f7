/* The lines to and from URL rewriters, as pure functions. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "address.h"
#include "check.h"
#include "http_url.h"
#include "redirect.h"

typedef struct Line {
    char *out;
    size_t size; /* without room for the NUL */
    size_t used;
    bool isFull;
} Line;

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
}

/* [!group!] [30N:] URL [anything] */
static void
parseLegacy(HttpSlice text, HttpSlice asked, RedirectAnswer *out)
{
    const char *end;

    if (text.len > 1 && text.data[0] == '!' &&
        (end = memchr(text.data + 1, '!', text.len - 1)) != NULL) {
        text.len -= (size_t)(end + 1 - text.data);
        text.data = end + 1;
    }
    end = memchr(text.data, ' ', text.len);
    if (end != NULL)
        text.len = (size_t)(end - text.data);
    int status = text.len > 4 && text.data[3] == ':'
                     ? parseStatus(httpSlice(text.data, 3))
                     : 0;
    if (status != 0)
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

static void
put(Line *line, const char *text, size_t len)
{
    if (len > line->size - line->used) {
        line->isFull = true;
        return;
    }
    memcpy(line->out + line->used, text, len);
    line->used += len;
}

static void
putText(Line *line, const char *text)
{
    put(line, text, strlen(text));
}

static void
putQuoted(Line *line, const char *text)
{
    if (text == NULL || *text == '\0')
        putText(line, "-");
    else if (helperProtoQuote(HELPER_QUOTE_URL, text, strlen(text), line->out,
                              line->size, &line->used) < 0)
        line->isFull = true;
}

static void
putAddress(Line *line, const struct sockaddr *addr)
{
    char text[ADDRESS_TEXT_MAX];
    size_t len = addressFormat(addr, text);

    put(line, text, len);
}

static void
putPort(Line *line, const struct sockaddr *addr)
{
    char text[16] = "-";

    if (addressPort(addr) != 0)
        snprintf(text, sizeof(text), "%u", addressPort(addr));
    putText(line, text);
}

/* One code of the format, after its %. Returns its length. */
static size_t
putCode(Line *line, const char *code, const RedirectQuery *query)
{
    if (strncmp(code, ">a", 2) == 0)
        putAddress(line, query->client);
    else if (strncmp(code, ">p", 2) == 0)
        putPort(line, query->client);
    else if (strncmp(code, "la", 2) == 0)
        putAddress(line, query->local);
    else if (strncmp(code, "lp", 2) == 0)
        putPort(line, query->local);
    else if (strncmp(code, "un", 2) == 0)
        putQuoted(line, query->user);
    else if (strncmp(code, ">rm", 3) == 0)
        put(line, query->method.data, query->method.len);
    else if (strncmp(code, ">ru", 3) == 0)
        put(line, query->url.data, query->url.len);
    else if (code[0] == '%')
        putText(line, "%");
    else
        putText(line, "-"); /* also %>A: names are not looked up */
    if (code[0] == '>' && code[1] == 'r')
        return code[2] != '\0' ? 3 : 2;
    if (code[0] == '\0' || code[0] == '%')
        return code[0] == '%';
    return code[1] != '\0' ? 2 : 1;
}

ssize_t
redirectFormatQuery(const char *extras, const RedirectQuery *query, char *out,
                    size_t size)
{
    Line line = {.out = out, .size = size - 1};

    CHECK(size > 0);
    put(&line, query->url.data, query->url.len);
    if (extras != NULL && *extras != '\0')
        put(&line, " ", 1);
    for (const char *at = extras; at != NULL && *at != '\0'; at++) {
        if (*at == '%')
            at += putCode(&line, at + 1, query);
        else
            put(&line, at, 1);
    }
    if (line.isFull)
        return -EMSGSIZE;
    out[line.used] = '\0';
    return (ssize_t)line.used;
}
