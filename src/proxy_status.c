/* The field Cache-Status: what the cache did (RFC 9211). DEBUG: 20 */
#include <string.h>

#include "proxy_priv.h"

static const char *const reasons[PROXY_STATUS_COUNT] = {
#define X(name, text) [PROXY_STATUS_##name] = text "\r\n",
    PROXY_STATUSES(X)
#undef X
};

static bool
isAlpha(char octet)
{
    return (octet >= 'a' && octet <= 'z') || (octet >= 'A' && octet <= 'Z');
}

/* What may stand without quotes (RFC 8941 3.3.4). */
static bool
isToken(const char *text)
{
    static const char others[] = "0123456789!#$%&'*+-.^_`|~:/";

    if (!isAlpha(*text) && *text != '*')
        return false;
    while (isAlpha(*text) || (*text != '\0' && strchr(others, *text) != NULL))
        text++;
    return *text == '\0';
}

/* Append text as a string; what a string cannot have becomes "?". */
static void
appendQuoted(char *out, size_t size, const char *text)
{
    size_t len = strlen(out);

    out[len++] = '"';
    for (; *text != '\0' && len + 4 < size; text++) {
        if (*text == '"' || *text == '\\')
            out[len++] = '\\';
        out[len++] = *text >= ' ' && *text <= '~' ? *text : '?';
    }
    out[len++] = '"';
    out[len] = '\0';
}

void
proxyStatusFormat(const char *hostname, char out[PROXY_STATUS_MAX])
{
    snprintf(out, PROXY_STATUS_MAX, "Cache-Status: ");
    if (isToken(hostname) && strlen(hostname) <= PROXY_STATUS_MAX / 2)
        snprintf(out + strlen(out), PROXY_STATUS_MAX - strlen(out), "%s",
                 hostname);
    else
        appendQuoted(out, PROXY_STATUS_MAX, hostname);
}

HttpSlice
proxyStatusReason(ProxyStatus status)
{
    return httpSliceText(reasons[status]);
}
