/* http_url.c: splitting, checking and writing URLs. */
#include "http_url.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>

#include "check.h"
#include "http_octet.h"

#define HOST_MAX 255 /* RFC 1035 2.3.4 */
#define LABEL_MAX 63
#define PORT_DIGITS_MAX 5
#define PORT_TEXT_SIZE 8 /* ":65535" and NUL */

typedef struct SchemeRow {
    const char *text;
    const char *prefix;
    uint16_t port;
} SchemeRow;

static const SchemeRow schemes[HTTP_SCHEME_COUNT] = {
    [HTTP_SCHEME_NONE] = {"", "", 0},
    [HTTP_SCHEME_HTTP] = {"http", "http://", 80},
    [HTTP_SCHEME_HTTPS] = {"https", "https://", 443},
};

static const char *const reasons[HTTP_URL_ERROR_COUNT] = {
#define X(id, reason) [HTTP_URL_ERROR_##id] = reason,
    HTTP_URL_ERRORS(X)
#undef X
};

static HttpSlice
dropFront(HttpSlice text, size_t len)
{
    return httpSlice(text.data + len, text.len - len);
}

/* Copy to a C string for inet_pton and let that decide. */
static bool
isAddress(int family, HttpSlice text)
{
    char copy[INET6_ADDRSTRLEN];
    struct in6_addr address;

    if (text.len >= sizeof(copy) || memchr(text.data, '\0', text.len))
        return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    return inet_pton(family, copy, &address) == 1;
}

static size_t
labelLen(HttpSlice host)
{
    const char *dot = memchr(host.data, '.', host.len);
    return dot ? (size_t)(dot - host.data) : host.len;
}

/* What a resolver may take for a number in decimal, octal or hex. */
static bool
isNumeric(HttpSlice label)
{
    if (httpOctetsAre(label.data, label.len, HTTP_OCTET_DIGIT))
        return true;
    return label.len >= 2 && label.data[0] == '0' &&
           (label.data[1] | 0x20) == 'x' &&
           httpOctetsAre(label.data + 2, label.len - 2, HTTP_OCTET_HEX);
}

/*
 * A name that ends in a number must be an IPv4 address in its one strict
 * form: resolvers read "127.1" or "0x7f000001" as addresses, and what the
 * access lists saw would not be what is connected to.
 */
static HttpUrlError
checkName(HttpUrl *url)
{
    HttpSlice rest = url->host;
    HttpSlice label;

    if (!httpOctetsAre(rest.data, rest.len, HTTP_OCTET_HOST))
        return HTTP_URL_ERROR_HOST;
    for (;;) {
        label = httpSlice(rest.data, labelLen(rest));
        if (!label.len || label.len > LABEL_MAX)
            return HTTP_URL_ERROR_HOST;
        if (label.len == rest.len)
            break;
        rest = dropFront(rest, label.len + 1);
    }
    if (!isNumeric(label))
        return HTTP_URL_ERROR_NONE;
    url->hostIsIpv4 = isAddress(AF_INET, url->host);
    return url->hostIsIpv4 ? HTTP_URL_ERROR_NONE : HTTP_URL_ERROR_HOST;
}

static HttpUrlError
checkHost(HttpUrl *url)
{
    HttpSlice *host = &url->host;

    if (host->len && host->data[host->len - 1] == '.')
        host->len--;
    if (!host->len || host->len > HOST_MAX)
        return HTTP_URL_ERROR_HOST;
    return checkName(url);
}

/* text: empty, or ":" and digits. */
static HttpUrlError
parsePort(HttpSlice text, HttpUrl *url)
{
    uint64_t port;

    if (text.len <= 1)
        return url->port ? HTTP_URL_ERROR_NONE : HTTP_URL_ERROR_PORT;
    text = dropFront(text, 1);
    if (text.len > PORT_DIGITS_MAX ||
        !httpSliceParseUint(text, UINT16_MAX, &port) || !port)
        return HTTP_URL_ERROR_PORT;
    url->port = (uint16_t)port;
    return HTTP_URL_ERROR_NONE;
}

/* text begins with "[". */
static HttpUrlError
parseIpv6(HttpSlice text, HttpUrl *url)
{
    const char *end = memchr(text.data, ']', text.len);

    if (!end)
        return HTTP_URL_ERROR_HOST;
    url->host = httpSlice(text.data + 1, (size_t)(end - text.data) - 1);
    url->hostIsIpv6 = isAddress(AF_INET6, url->host);
    HttpSlice rest = dropFront(text, url->host.len + 2);
    if (!url->hostIsIpv6 || (rest.len && rest.data[0] != ':'))
        return HTTP_URL_ERROR_HOST;
    return parsePort(rest, url);
}

/* url->port holds the default. */
static HttpUrlError
parseAuthority(HttpSlice text, HttpUrl *url)
{
    if (!text.len)
        return HTTP_URL_ERROR_HOST;
    if (memchr(text.data, '@', text.len))
        return HTTP_URL_ERROR_USERINFO;
    if (text.data[0] == '[')
        return parseIpv6(text, url);
    const char *colon = memchr(text.data, ':', text.len);
    size_t hostLen = colon ? (size_t)(colon - text.data) : text.len;
    url->host = httpSlice(text.data, hostLen);
    HttpUrlError error = checkHost(url);
    return error ? error : parsePort(dropFront(text, hostLen), url);
}

HttpUrlError
httpUrlParseAuthority(HttpSlice text, uint16_t defaultPort, HttpUrl *urlOut)
{
    HttpUrl url = {.port = defaultPort};

    if (!text.len)
        return HTTP_URL_ERROR_EMPTY;
    HttpUrlError error = parseAuthority(text, &url);
    if (error)
        return error;
    url.path = httpSlice("", 0);
    *urlOut = url;
    return HTTP_URL_ERROR_NONE;
}

static HttpScheme
schemeOf(HttpSlice text)
{
    for (HttpScheme id = HTTP_SCHEME_HTTP; id < HTTP_SCHEME_COUNT; id++) {
        size_t len = strlen(schemes[id].prefix);
        if (text.len >= len &&
            strncasecmp(text.data, schemes[id].prefix, len) == 0)
            return id;
    }
    return HTTP_SCHEME_NONE;
}

static size_t
authorityLen(HttpSlice text)
{
    size_t len = 0;

    while (len < text.len && text.data[len] != '/' && text.data[len] != '?')
        len++;
    return len;
}

static HttpUrlError
checkPath(HttpSlice path)
{
    if (!path.len || httpOctetsAre(path.data, path.len, HTTP_OCTET_TARGET))
        return HTTP_URL_ERROR_NONE;
    return memchr(path.data, '#', path.len) ? HTTP_URL_ERROR_FRAGMENT
                                            : HTTP_URL_ERROR_OCTET;
}

HttpUrlError
httpUrlParse(HttpSlice text, HttpUrl *urlOut)
{
    if (!text.len)
        return HTTP_URL_ERROR_EMPTY;
    if (text.len > HTTP_URL_MAX)
        return HTTP_URL_ERROR_TOO_LONG;
    HttpUrl url = {.scheme = schemeOf(text)};
    if (!url.scheme)
        return HTTP_URL_ERROR_SCHEME;
    url.port = schemes[url.scheme].port;
    HttpSlice rest = dropFront(text, strlen(schemes[url.scheme].prefix));
    HttpSlice authority = httpSlice(rest.data, authorityLen(rest));
    HttpUrlError error = parseAuthority(authority, &url);
    if (error)
        return error;
    url.path = dropFront(rest, authority.len);
    error = checkPath(url.path);
    if (error)
        return error;
    *urlOut = url;
    return HTTP_URL_ERROR_NONE;
}

static HttpUrlError
parseWithHost(const HttpRequest *request, HttpScheme scheme, HttpUrl *urlOut)
{
    HttpSlice host = httpHeaderGet(&request->headers, HTTP_HEADER_HOST);
    HttpUrl url;

    if (!host.data)
        return HTTP_URL_ERROR_FORM;
    HttpUrlError error =
        httpUrlParseAuthority(host, schemes[scheme].port, &url);
    if (error)
        return error;
    url.scheme = scheme;
    if (request->form == HTTP_TARGET_ORIGIN)
        url.path = request->target;
    error = checkPath(url.path);
    if (error)
        return error;
    *urlOut = url;
    return HTTP_URL_ERROR_NONE;
}

HttpUrlError
httpUrlOfRequest(const HttpRequest *request, HttpScheme scheme, HttpUrl *urlOut)
{
    CHECK(scheme > HTTP_SCHEME_NONE && scheme < HTTP_SCHEME_COUNT);
    if (request->form == HTTP_TARGET_ABSOLUTE)
        return httpUrlParse(request->target, urlOut);
    if (request->form == HTTP_TARGET_AUTHORITY)
        return httpUrlParseAuthority(request->target, 0, urlOut);
    return parseWithHost(request, scheme, urlOut);
}

static char *
putLower(char *at, HttpSlice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        *at++ = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    return at;
}

static char *
putPort(char *at, unsigned port)
{
    char text[PORT_TEXT_SIZE];
    int len = snprintf(text, sizeof(text), ":%u", port);

    memcpy(at, text, (size_t)len);
    return at + len;
}

static char *
putHost(char *at, const HttpUrl *url)
{
    if (url->hostIsIpv6)
        *at++ = '[';
    at = putLower(at, url->host);
    if (url->hostIsIpv6)
        *at++ = ']';
    if (url->port != schemes[url->scheme].port)
        at = putPort(at, url->port);
    return at;
}

/* Room for three octets for each of path must be there. */
static char *
putPath(char *at, HttpSlice path)
{
    static const char hex[] = "0123456789ABCDEF";

    for (size_t i = 0; i < path.len; i++) {
        unsigned char c = (unsigned char)path.data[i];
        if (c < 0x80) {
            *at++ = (char)c;
            continue;
        }
        *at++ = '%';
        *at++ = hex[c >> 4];
        *at++ = hex[c & 15];
    }
    return at;
}

static char *
putResource(char *at, const HttpUrl *url)
{
    const char *prefix = schemes[url->scheme].prefix;
    size_t prefixLen = strlen(prefix);

    memcpy(at, prefix, prefixLen);
    at = putHost(at + prefixLen, url);
    if (!url->scheme)
        return at;
    if (!url->path.len || url->path.data[0] != '/')
        *at++ = '/';
    return putPath(at, url->path);
}

/* The longest form of scheme, brackets, host and port. */
static size_t
hostRoom(const HttpUrl *url)
{
    return sizeof("https://[]") + url->host.len + PORT_TEXT_SIZE;
}

int
httpUrlFormat(const HttpUrl *url, Buf *out)
{
    char *start = bufReserve(out, hostRoom(url) + 1 + 3 * url->path.len);

    if (!start)
        return -ENOBUFS;
    bufCommit(out, (size_t)(putResource(start, url) - start));
    return 0;
}

int
httpUrlFormatHost(const HttpUrl *url, Buf *out)
{
    char *start = bufReserve(out, hostRoom(url));

    if (!start)
        return -ENOBUFS;
    bufCommit(out, (size_t)(putHost(start, url) - start));
    return 0;
}

uint16_t
httpSchemePort(HttpScheme scheme)
{
    CHECK(scheme < HTTP_SCHEME_COUNT);
    return schemes[scheme].port;
}

const char *
httpSchemeText(HttpScheme scheme)
{
    CHECK(scheme < HTTP_SCHEME_COUNT);
    return schemes[scheme].text;
}

const char *
httpUrlErrorReason(HttpUrlError error)
{
    CHECK(error < HTTP_URL_ERROR_COUNT);
    return reasons[error];
}
