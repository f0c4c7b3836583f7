/* report.c: which of the manager's documents is asked for. */
#include "report.h"

#include <string.h>

#include "http_url.h"

/* What follows prefix in text, or the absent slice. */
static HttpSlice
after(HttpSlice text, const char *prefix)
{
    size_t len = strlen(prefix);

    if (text.len < len || memcmp(text.data, prefix, len) != 0)
        return httpSlice(NULL, 0);
    return httpSlice(text.data + len, text.len - len);
}

static HttpSlice
upTo(HttpSlice text, const char *marks)
{
    size_t len = 0;

    while (len < text.len && strchr(marks, text.data[len]) == NULL)
        len++;
    return httpSlice(text.data, len);
}

HttpSlice
reportTarget(HttpSlice target)
{
    HttpSlice rest = after(target, "cache_object://");
    bool isOld = rest.data != NULL;

    if (!isOld)
        rest = after(target, "http://");
    if (rest.data != NULL) {
        size_t host = upTo(rest, "/").len;
        target = httpSlice(rest.data + host, rest.len - host);
    }
    return after(target, isOld ? "/" : "/squid-internal-mgr/");
}

static HttpSlice
basicPassword(const HttpHeaders *headers, AuthBasic *basic)
{
    HttpSlice value = httpHeaderGet(headers, HTTP_HEADER_AUTHORIZATION);
    AuthHeader header;

    if (value.data == NULL || authHeaderParse(value, &header) != NULL ||
        header.kind != AUTH_BASIC || authHeaderBasic(header.rest, basic))
        return httpSlice(NULL, 0);
    return httpSliceText(basic->password);
}

void
reportRead(HttpSlice text, const HttpHeaders *headers, const Config *config,
           Report *out)
{
    text = upTo(text, "?");
    out->config = config;
    out->name = upTo(text, "@");
    if (out->name.len < text.len)
        out->password = after(httpSlice(text.data + out->name.len,
                                        text.len - out->name.len),
                              "@");
    else
        out->password = basicPassword(headers, &out->basic);
    if (out->name.len == 0)
        out->name = httpSliceText("menu");
}

bool
reportIsHostTrusted(const HttpHeaders *headers, const char *hostname)
{
    HttpSlice text = httpHeaderGet(headers, HTTP_HEADER_HOST);
    HttpUrl url;

    if (text.data == NULL)
        return true; /* HTTP/1.0: no browser */
    return httpUrlParseAuthority(text, 80, &url) == HTTP_URL_ERROR_NONE &&
           (url.hostIsIpv4 || url.hostIsIpv6 ||
            httpSliceIs(url.host, "localhost") ||
            httpSliceIs(url.host, hostname));
}

bool
reportIsAllowed(const Report *report, bool isCommand)
{
    const char *wanted = configManagerPassword(report->config, report->name);

    if (wanted == NULL)
        return !isCommand;
    if (strcmp(wanted, "none") == 0)
        return true;
    return strcmp(wanted, "disable") != 0 && report->password.data != NULL &&
           httpSliceEqual(report->password, httpSliceText(wanted));
}

const char *
reportProtection(const Config *config, HttpSlice name, bool isCommand)
{
    const char *wanted = configManagerPassword(config, name);

    if (wanted == NULL)
        return isCommand ? "hidden" : "public";
    if (strcmp(wanted, "none") == 0)
        return "public";
    return strcmp(wanted, "disable") == 0 ? "disabled" : "protected";
}
