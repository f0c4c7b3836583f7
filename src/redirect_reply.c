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

/* What a code of url_rewrite_extras stands for. */
typedef enum Code {
    CODE_UNKNOWN,
    CODE_CLIENT_ADDR,
    CODE_CLIENT_PORT,
    CODE_LOCAL_ADDR,
    CODE_LOCAL_PORT,
    CODE_USER,
    CODE_METHOD,
    CODE_URL,
    CODE_PERCENT,
} Code;

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

static void
putCode(Line *line, Code code, const RedirectQuery *query)
{
    switch (code) {
    case CODE_CLIENT_ADDR:
        putAddress(line, query->client);
        break;
    case CODE_CLIENT_PORT:
        putPort(line, query->client);
        break;
    case CODE_LOCAL_ADDR:
        putAddress(line, query->local);
        break;
    case CODE_LOCAL_PORT:
        putPort(line, query->local);
        break;
    case CODE_USER:
        putQuoted(line, query->user);
        break;
    case CODE_METHOD:
        put(line, query->method.data, query->method.len);
        break;
    case CODE_URL:
        put(line, query->url.data, query->url.len);
        break;
    case CODE_PERCENT:
        putText(line, "%");
        break;
    default:
        putText(line, "-"); /* also %>A: names are not looked up */
        break;
    }
}

/* The length of a code that we do not know: "{...}" and then its letters. */
static size_t
skipUnknown(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    const char *brace = text[0] == '{' ? strchr(text, '}') : NULL;
    const char *at = brace != NULL ? brace + 1 : text;

    at += strspn(at, "<>");
    at += strspn(at, letters);
    while (at[0] == ':' && at[1] == ':') { /* %ssl::>sni */
        at += 2 + strspn(at + 2, "<>");
        at += strspn(at, letters);
    }
    return (size_t)(at - text);
}

/* The code after a %. Returns its length. */
static size_t
takeCode(const char *text, Code *codeOut)
{
    static const struct {
        const char *name;
        Code code;
    } codes[] = {
        {">a", CODE_CLIENT_ADDR}, {">p", CODE_CLIENT_PORT},
        {"la", CODE_LOCAL_ADDR},  {"lp", CODE_LOCAL_PORT},
        {"un", CODE_USER},        {">rm", CODE_METHOD},
        {"rm", CODE_METHOD},      {">ru", CODE_URL},
        {"ru", CODE_URL},         {"%", CODE_PERCENT},
    };

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        size_t len = strlen(codes[i].name);
        if (strncmp(text, codes[i].name, len) != 0)
            continue;
        *codeOut = codes[i].code;
        return len;
    }
    *codeOut = CODE_UNKNOWN;
    return skipUnknown(text);
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
        Code code;
        if (*at != '%') {
            put(&line, at, 1);
            continue;
        }
        at += takeCode(at + 1, &code);
        putCode(&line, code, query);
    }
    if (line.isFull)
        return -EMSGSIZE;
    out[line.used] = '\0';
    return (ssize_t)line.used;
}
