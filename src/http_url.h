/*
 * http_url.h: http and https URLs and authorities, split and checked.
 *
 * Used for request targets and for what helpers answer: nothing here trusts
 * its input. Parts are slices of the text that was parsed; the canonical
 * form is made by httpUrlFormat. RFC 3986, RFC 9110 4.2. Pure; thread: any.
 */
#ifndef SQUIRE_HTTP_URL_H
#define SQUIRE_HTTP_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "http_message.h"
#include "http_slice.h"

#define HTTP_URL_MAX (8 * 1024)

/* Every way to fail: name, reason. */
#define HTTP_URL_ERRORS(X)                                                     \
    X(NONE, "no error")                                                        \
    X(EMPTY, "empty URL")                                                      \
    X(TOO_LONG, "URL too long")                                                \
    X(SCHEME, "not an http or https URL")                                      \
    X(HOST, "malformed host")                                                  \
    X(PORT, "malformed port")                                                  \
    X(USERINFO, "user name in the URL")                                        \
    X(OCTET, "forbidden octet in the URL")                                     \
    X(FRAGMENT, "fragment in the URL")                                         \
    X(PATH_ALONE, "this is a proxy, which needs a whole URL")                  \
    X(FORM, "not the form this method needs")

typedef enum HttpUrlError {
#define X(id, reason) HTTP_URL_ERROR_##id,
    HTTP_URL_ERRORS(X)
#undef X
        HTTP_URL_ERROR_COUNT
} HttpUrlError;

typedef enum HttpScheme {
    HTTP_SCHEME_NONE, /* an authority only */
    HTTP_SCHEME_HTTP,
    HTTP_SCHEME_HTTPS,
    HTTP_SCHEME_COUNT
} HttpScheme;

typedef struct HttpUrl {
    HttpScheme scheme;
    HttpSlice host; /* any case; IPv6 without brackets; no trailing dot */
    bool hostIsIpv6;
    bool hostIsIpv4;
    uint16_t port;  /* never 0; the scheme's when not given */
    HttpSlice path; /* begins with "/" or "?", or is empty; with the query */
} HttpUrl;

/*
 * Split an absolute http or https URL. urlOut borrows text and is written
 * only on success. Refused: user names, fragments, blanks, control octets,
 * percent signs and odd octets in the host, numbers that are no IPv4
 * address where one must be (RFC 3986 3.2.2), port 0, more than 8 KiB.
 */
HttpUrlError httpUrlParse(HttpSlice text, HttpUrl *urlOut);

/*
 * Split "host[:port]", as in CONNECT and Host. defaultPort 0: the port must
 * be there. Scheme is HTTP_SCHEME_NONE, path empty. As httpUrlParse.
 */
HttpUrlError httpUrlParseAuthority(HttpSlice text, uint16_t defaultPort,
                                   HttpUrl *urlOut);

/*
 * The URL that a request asks for: its absolute target; or scheme, Host
 * and path (`scheme` is that of the port it came in by); or the authority
 * of CONNECT. "*" has an empty path. urlOut borrows the request's text.
 * HTTP_URL_ERROR_FORM: origin form without a Host.
 */
HttpUrlError httpUrlOfRequest(const HttpRequest *request, HttpScheme scheme,
                              HttpUrl *urlOut);

/*
 * Append the canonical form: lower-case scheme and host, port only if not
 * the scheme's, "/" for an empty path, octets above 0x7e as %XX. Two URLs
 * with one canonical form are the same resource. An authority without
 * scheme gives host:port. 0, or -ENOBUFS.
 */
int httpUrlFormat(const HttpUrl *url, Buf *out);

/*
 * Append the canonical form of what a reference (as in Location) means at
 * base, an http or https URL: RFC 3986 5.2, without its fragment. 0, -EINVAL
 * for what is no http or https URL, or -ENOBUFS.
 */
int httpUrlResolve(const HttpUrl *base, HttpSlice reference, Buf *out);

/* Append host, lower-case, brackets for IPv6, and port if not the scheme's. */
int httpUrlFormatHost(const HttpUrl *url, Buf *out);

/* 80, 443, or 0. */
uint16_t httpSchemePort(HttpScheme scheme);

/* "http", "https", or ""; constant. */
const char *httpSchemeText(HttpScheme scheme);

/* One phrase for logs and error pages; constant. */
const char *httpUrlErrorReason(HttpUrlError error);

#endif
