/* auth_header_digest.c: the parameters of Digest credentials. */
#include "auth_header.h"

#include <string.h>

#include "http_header.h"
#include "http_octet.h"

typedef enum ParamId {
    PARAM_USERNAME,
    PARAM_USERNAME_EXT,
    PARAM_REALM,
    PARAM_NONCE,
    PARAM_URI,
    PARAM_RESPONSE,
    PARAM_ALGORITHM,
    PARAM_QOP,
    PARAM_CNONCE,
    PARAM_NC,
    PARAM_USERHASH,
    PARAM_COUNT
} ParamId;

static const char *const paramNames[PARAM_COUNT] = {
    "username",  "username*", "realm",  "nonce", "uri",      "response",
    "algorithm", "qop",       "cnonce", "nc",    "userhash",
};

/* Where the parameters were found. */
typedef struct Params {
    const char *values[PARAM_COUNT];
    AuthDigest *digest;
} Params;

static const char unbalanced[] = "a quoted text without its end";

static bool
putOctet(AuthDigest *digest, char octet)
{
    if (digest->used == sizeof(digest->text))
        return false;
    digest->text[digest->used++] = octet;
    return true;
}

/* Blanks and commas between parameters. */
static void
skip(HttpSlice *text, const char *octets)
{
    while (text->len > 0 && *text->data != '\0' &&
           strchr(octets, *text->data)) {
        text->data++;
        text->len--;
    }
}

static char
take(HttpSlice *text)
{
    text->len--;
    return *text->data++;
}

/* text begins after the opening quote. NULL, or what is wrong. */
static const char *
takeQuoted(AuthDigest *digest, HttpSlice *text)
{
    while (text->len > 0) {
        char octet = take(text);

        if (octet == '"')
            return putOctet(digest, '\0') ? NULL : "values that are too long";
        if (octet == '\\') {
            if (text->len == 0)
                return unbalanced;
            octet = take(text);
        }
        if ((unsigned char)octet < 0x20 || octet == 0x7f)
            return "a control octet in a value";
        if (!putOctet(digest, octet))
            return "values that are too long";
    }
    return unbalanced;
}

static bool
isTokenOctet(char c)
{
    return (httpOctets[(unsigned char)c] & HTTP_OCTET_TOKEN) != 0;
}

static const char *
takeToken(AuthDigest *digest, HttpSlice *text)
{
    if (text->len == 0 || !isTokenOctet(*text->data))
        return "a parameter without a value";
    while (text->len > 0 && isTokenOctet(*text->data))
        if (!putOctet(digest, take(text)))
            return "values that are too long";
    return putOctet(digest, '\0') ? NULL : "values that are too long";
}

static ParamId
paramOf(HttpSlice name)
{
    int id = 0;

    while (id < PARAM_COUNT && !httpSliceIs(name, paramNames[id]))
        id++;
    return (ParamId)id;
}

/* One name=value; those that are not known are read and forgotten. */
static const char *
takeParam(Params *params, HttpSlice *text)
{
    AuthDigest *digest = params->digest;
    HttpSlice name = httpSlice(text->data, 0);
    size_t start = digest->used;

    while (name.len < text->len && isTokenOctet(name.data[name.len]))
        name.len++;
    *text = httpSlice(text->data + name.len, text->len - name.len);
    skip(text, " \t");
    if (name.len == 0 || text->len == 0 || *text->data != '=')
        return "something that is no parameter";
    take(text);
    skip(text, " \t");
    bool isQuoted = text->len > 0 && *text->data == '"';
    if (isQuoted)
        take(text);
    const char *why =
        isQuoted ? takeQuoted(digest, text) : takeToken(digest, text);
    if (why)
        return why;
    ParamId id = paramOf(name);
    if (id == PARAM_COUNT) {
        digest->used = start;
        return NULL;
    }
    if (params->values[id])
        return "a parameter that is there twice";
    params->values[id] = digest->text + start;
    return NULL;
}

static const char *
takeParams(Params *params, HttpSlice text)
{
    skip(&text, " \t,");
    while (text.len > 0) {
        const char *why = takeParam(params, &text);
        if (why)
            return why;
        skip(&text, " \t");
        if (text.len > 0 && *text.data != ',')
            return "parameters without a comma between them";
        skip(&text, " \t,");
    }
    return NULL;
}

static int
hexValue(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool
isHex(const char *text, size_t len)
{
    return strlen(text) == len && httpOctetsAre(text, len, HTTP_OCTET_HEX);
}

/* UTF-8''%4A%c3%a4 (RFC 8187), decoded where it stands. */
static const char *
decodeExtended(char *text, const char **valueOut)
{
    char *from = text + strlen("UTF-8'");
    char *to = text;

    if (strncasecmp(text, "UTF-8'", strlen("UTF-8'")) != 0 ||
        !(from = strchr(from, '\'')))
        return "a username* that is not UTF-8";
    for (from++; *from != '\0'; from++) {
        if (*from != '%') {
            *to++ = *from;
            continue;
        }
        int high = hexValue(from[1]);
        int low = high < 0 ? -1 : hexValue(from[2]);
        int octet = high * 16 + low;
        if (low < 0)
            return "a username* with a broken escape";
        if (octet < 0x20 || octet == 0x7f)
            return "a control octet in a value";
        *to++ = (char)octet;
        from += 2;
    }
    *to = '\0';
    *valueOut = text;
    return NULL;
}

/* The two ways to write a name exclude each other (RFC 7616 3.4). */
static const char *
takeUser(Params *params)
{
    const char **values = params->values;
    AuthDigest *digest = params->digest;
    const char *extended = values[PARAM_USERNAME_EXT];

    if (values[PARAM_USERHASH] &&
        strcasecmp(values[PARAM_USERHASH], "true") == 0)
        return "a hashed user name";
    if (!extended == !values[PARAM_USERNAME])
        return extended ? "two user names" : "no user name";
    digest->user = values[PARAM_USERNAME];
    if (extended) {
        const char *why = decodeExtended(
            digest->text + (extended - digest->text), &digest->user);
        if (why)
            return why;
    }
    if (digest->user[0] == '\0')
        return "no user name";
    return strlen(digest->user) > AUTH_USER_MAX ? "a user name that is too long"
                                                : NULL;
}

static const char *
takeAlgorithm(Params *params)
{
    const char *algorithm = params->values[PARAM_ALGORITHM];

    if (!algorithm || strcasecmp(algorithm, "MD5") == 0)
        return NULL;
    params->digest->isSess = true;
    return strcasecmp(algorithm, "MD5-sess") == 0
               ? NULL
               : "an algorithm other than MD5 and MD5-sess";
}

/* cnonce and nc belong to qop, and with MD5-sess there is no doing without. */
static const char *
takeQop(Params *params)
{
    AuthDigest *digest = params->digest;
    const char *qop = params->values[PARAM_QOP];
    const char *nc = params->values[PARAM_NC];

    digest->cnonce = params->values[PARAM_CNONCE];
    if (digest->isSess && !digest->cnonce)
        return "MD5-sess without cnonce";
    if (!qop)
        return NULL;
    if (strcasecmp(qop, "auth") != 0)
        return "a qop other than auth";
    if (!digest->cnonce || digest->cnonce[0] == '\0')
        return "qop without cnonce";
    if (!nc || !isHex(nc, 8))
        return "nc that is not eight digits";
    for (int i = 0; i < 8; i++)
        digest->count = digest->count << 4 | (uint32_t)hexValue(nc[i]);
    if (digest->count == 0)
        return "nc that is zero";
    digest->nc = nc;
    digest->hasQop = true;
    return NULL;
}

const char *
authHeaderDigest(HttpSlice rest, AuthDigest *out)
{
    Params params = {.digest = out};
    const char **values = params.values;
    const char *why;

    memset(out, 0, offsetof(AuthDigest, text));
    if ((why = takeParams(&params, rest)) || (why = takeUser(&params)) ||
        (why = takeAlgorithm(&params)) || (why = takeQop(&params)))
        return why;
    if (!values[PARAM_REALM])
        return "no realm";
    if (!values[PARAM_NONCE] || values[PARAM_NONCE][0] == '\0')
        return "no nonce";
    if (!values[PARAM_URI] || values[PARAM_URI][0] == '\0')
        return "no uri";
    if (!values[PARAM_RESPONSE] || !isHex(values[PARAM_RESPONSE], 32))
        return "a response that is not 32 digits";
    out->realm = values[PARAM_REALM];
    out->nonce = values[PARAM_NONCE];
    out->uri = values[PARAM_URI];
    out->response = values[PARAM_RESPONSE];
    return NULL;
}
