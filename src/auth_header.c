/* auth_header.c: schemes, Basic and tokens of Proxy-Authorization. */
#include "auth_header.h"

#include <openssl/evp.h>
#include <string.h>

#include "http_header.h"

static const struct {
    const char *name;
    const char *scheme;
} kinds[AUTH_KIND_COUNT] = {
#define X(id, name, scheme) [AUTH_##id] = {name, scheme},
    AUTH_KINDS(X)
#undef X
};

const char *
authKindName(AuthKind kind)
{
    return kind < AUTH_KIND_COUNT ? kinds[kind].name : "none";
}

const char *
authKindScheme(AuthKind kind)
{
    return kind < AUTH_KIND_COUNT ? kinds[kind].scheme : "";
}

AuthKind
authKindOf(HttpSlice name)
{
    int kind = 0;

    while (kind < AUTH_KIND_COUNT && !httpSliceIs(name, kinds[kind].name))
        kind++;
    return (AuthKind)kind;
}

const char *
authHeaderParse(HttpSlice value, AuthHeader *out)
{
    HttpSlice text = httpSliceTrim(value);
    size_t len = 0;

    while (len < text.len && text.data[len] != ' ' && text.data[len] != '\t')
        len++;
    HttpSlice name = httpSlice(text.data, len);
    if (!httpIsToken(name))
        return "no name of a scheme";
    AuthKind kind = authKindOf(name);
    if (kind == AUTH_KIND_COUNT)
        return "a scheme that is not known";
    out->kind = kind;
    out->rest = httpSliceTrim(httpSlice(text.data + len, text.len - len));
    return NULL;
}

static bool
isBase64Octet(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c >= '0' && c <= '9') || c == '+' || c == '/';
}

/* Whole groups of four, the last one padded. */
static bool
isBase64(HttpSlice text)
{
    size_t len = text.len;

    if (len == 0 || len % 4 != 0)
        return false;
    for (int pads = 0; pads < 2 && text.data[len - 1] == '='; pads++)
        len--;
    for (size_t i = 0; i < len; i++)
        if (!isBase64Octet(text.data[i]))
            return false;
    return true;
}

const char *
authHeaderToken(HttpSlice rest, HttpSlice *tokenOut)
{
    if (rest.len == 0)
        return "no token";
    if (rest.len > AUTH_TOKEN_MAX)
        return "a token that is too long";
    if (!isBase64(rest))
        return "a token that is not base64";
    *tokenOut = rest;
    return NULL;
}

static bool
hasControl(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return true;
    return false;
}

const char *
authHeaderBasic(HttpSlice rest, AuthBasic *out)
{
    unsigned char decoded[AUTH_BASIC_MAX + 3];

    if (rest.len > AUTH_BASIC_MAX / 3 * 4)
        return "credentials that are too long";
    if (!isBase64(rest))
        return "credentials that are not base64";
    int count = EVP_DecodeBlock(decoded, (const unsigned char *)rest.data,
                                (int)rest.len);
    if (count < 0)
        return "credentials that are not base64";
    size_t len = (size_t)count;
    for (size_t at = rest.len; rest.data[at - 1] == '='; at--)
        len--;
    memcpy(out->text, decoded, len);
    out->text[len] = '\0';
    if (hasControl(out->text, len))
        return "a control octet in the credentials";
    char *colon = strchr(out->text, ':');
    if (!colon)
        return "credentials without a colon";
    *colon = '\0';
    if (colon == out->text)
        return "no user name";
    if (colon - out->text > AUTH_USER_MAX)
        return "a user name that is too long";
    out->user = out->text;
    out->password = colon + 1;
    return NULL;
}
