/* The field Cache-Status: what the cache did (RFC 9211). DEBUG: 20 */
#include <string.h>

#include "check.h"
#include "proxy_priv.h"

static const HttpSlice reasons[PROXY_STATUS_COUNT] = {
#define X(name, text) [PROXY_STATUS_##name] = {text, sizeof(text) - 1},
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

void
proxyTailPut(ProxyTail *tail, HttpSlice text)
{
    CHECK(text.len <= sizeof(tail->text) - tail->len);
    memcpy(tail->text + tail->len, text.data, text.len);
    tail->len += text.len;
}

void
proxyTailPutNumber(ProxyTail *tail, int64_t value)
{
    char digits[24];
    size_t at = sizeof(digits);
    uint64_t left = value < 0 ? -(uint64_t)value : (uint64_t)value;

    do
        digits[--at] = (char)('0' + left % 10);
    while ((left /= 10) > 0);
    if (value < 0)
        digits[--at] = '-';
    proxyTailPut(tail, httpSlice(digits + at, sizeof(digits) - at));
}

void
proxyStatusPut(const ProxyReply *reply, int64_t ttl, ProxyTail *tail)
{
    bool isHit = reply->cacheStatus == PROXY_STATUS_HIT;

    proxyTailPut(tail, reasons[reply->cacheStatus]);
    if (!isHit && reply->forwardStatus != 0 &&
        reply->forwardStatus != reply->status) {
        proxyTailPut(tail, httpSlice(";fwd-status=", 12));
        proxyTailPutNumber(tail, reply->forwardStatus);
    }
    if (reply->isStored)
        proxyTailPut(tail, httpSlice(";stored", 7));
    if (reply->isCollapsed)
        proxyTailPut(tail, httpSlice(";collapsed", 10));
    if (isHit) {
        proxyTailPut(tail, httpSlice(";ttl=", 5));
        proxyTailPutNumber(tail, ttl);
    }
    proxyTailPut(tail, httpSlice("\r\n", 2));
}
