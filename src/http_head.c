/* http_head.c: the strict reading of a request's head. RFC 9112 2 to 6. */
#include "http_priv.h"

#include "http_octet.h"
#include "http_url.h"

#define VERSION_LEN 8 /* HTTP/1.1 */

static HttpParseError
checkFirstLine(const HttpParseLimits *limits, HttpSlice line)
{
    return line.len > limits->lineMax ? HTTP_PARSE_ERROR_TARGET_TOO_LONG
                                      : HTTP_PARSE_ERROR_NONE;
}

/* text: a line with its LF. */
static HttpParseError
checkLine(const HttpHeadScan *scan, const HttpParseLimits *limits,
          HttpSlice text)
{
    if (text.len < 2 || text.data[text.len - 2] != '\r')
        return HTTP_PARSE_ERROR_BARE_LF;
    HttpSlice line = httpSlice(text.data, text.len - 2);
    if (!httpIsFieldValue(line))
        return memchr(line.data, '\r', line.len) ? HTTP_PARSE_ERROR_BARE_CR
                                                 : HTTP_PARSE_ERROR_CONTROL;
    if (scan->lines == 0)
        return checkFirstLine(limits, line);
    if (line.len && (line.data[0] == ' ' || line.data[0] == '\t'))
        return HTTP_PARSE_ERROR_FOLDED;
    if (line.len && scan->lines > limits->fieldsMax)
        return HTTP_PARSE_ERROR_TOO_MANY_FIELDS;
    return HTTP_PARSE_ERROR_NONE;
}

/* Whether what came so far, with no end in sight, is too much already. */
static HttpParseError
checkSize(const HttpHeadScan *scan, const HttpParseLimits *limits, size_t len)
{
    if (scan->lines == 0 && len > limits->lineMax + 2)
        return HTTP_PARSE_ERROR_TARGET_TOO_LONG;
    return len > limits->headMax ? HTTP_PARSE_ERROR_HEAD_TOO_LARGE
                                 : HTTP_PARSE_ERROR_NONE;
}

HttpParseError
httpHeadScan(HttpHeadScan *scan, const HttpParseLimits *limits, HttpSlice text,
             size_t *headLenOut)
{
    const char *lf;

    *headLenOut = 0;
    while ((lf = memchr(text.data + scan->seen, '\n', text.len - scan->seen))) {
        size_t end = (size_t)(lf - text.data) + 1;
        size_t len = end - scan->lineStart;
        HttpParseError error = checkSize(scan, limits, end);
        if (!error)
            error = checkLine(scan, limits,
                              httpSlice(text.data + scan->lineStart, len));
        if (error)
            return error;
        if (scan->lines++ == 0)
            scan->lineLen = len - 2;
        scan->lineStart = scan->seen = end;
        if (len == 2) {
            *headLenOut = end;
            return HTTP_PARSE_ERROR_NONE;
        }
    }
    scan->seen = text.len;
    return checkSize(scan, limits, text.len);
}

/*
 * version: "HTTP/D.D". RFC 9110 2.5: a higher minor version is read as the
 * highest known one; it is written so, for engines that know it not.
 */
static HttpParseError
parseVersion(HttpRequest *request, char *version)
{
    unsigned char major = (unsigned char)version[5];
    unsigned char minor = (unsigned char)version[7];

    if (memcmp(version, "HTTP/", 5) != 0 || version[6] != '.' ||
        !(httpOctets[major] & httpOctets[minor] & HTTP_OCTET_DIGIT))
        return HTTP_PARSE_ERROR_REQUEST_LINE;
    if (major == '0')
        return HTTP_PARSE_ERROR_VERSION_09;
    if (major != '1')
        return HTTP_PARSE_ERROR_VERSION;
    if (minor > '1')
        version[7] = '1';
    request->minor = minor != '0';
    return HTTP_PARSE_ERROR_NONE;
}

/* A line that does not end in a version as it should. */
static HttpParseError
explainVersion(HttpSlice version)
{
    uint64_t major;

    if (version.len < 5 || memcmp(version.data, "HTTP/", 5) != 0)
        return HTTP_PARSE_ERROR_REQUEST_LINE;
    version = httpSlice(version.data + 5, version.len - 5);
    const char *dot = memchr(version.data, '.', version.len);
    if (dot)
        version.len = (size_t)(dot - version.data);
    return httpSliceParseUint(version, UINT32_MAX, &major) && major > 1
               ? HTTP_PARSE_ERROR_VERSION
               : HTTP_PARSE_ERROR_REQUEST_LINE;
}

/* No method that is in use has small letters. An origin may take them for
 * capitals, and the acls that forbid a method would not have known it. */
static bool
hasSmallLetter(HttpSlice method)
{
    for (size_t i = 0; i < method.len; i++)
        if (method.data[i] >= 'a' && method.data[i] <= 'z')
            return true;
    return false;
}

/* method SP target SP version: one blank each, none elsewhere. */
static HttpParseError
parseRequestLine(HttpRequest *request, char *line, size_t len)
{
    const char *methodEnd = memchr(line, ' ', len);
    char *versionStart = memrchr(line, ' ', len);

    if (!methodEnd)
        return HTTP_PARSE_ERROR_REQUEST_LINE;
    request->methodText = httpSlice(line, (size_t)(methodEnd - line));
    if (!httpIsToken(request->methodText))
        return HTTP_PARSE_ERROR_REQUEST_LINE;
    if (methodEnd == versionStart)
        return HTTP_PARSE_ERROR_VERSION_09;
    request->target =
        httpSlice(methodEnd + 1, (size_t)(versionStart - methodEnd) - 1);
    versionStart++;
    size_t versionLen = len - (size_t)(versionStart - line);
    if (versionLen != VERSION_LEN)
        return explainVersion(httpSlice(versionStart, versionLen));
    if (!request->target.len)
        return HTTP_PARSE_ERROR_REQUEST_LINE;
    if (hasSmallLetter(request->methodText))
        return HTTP_PARSE_ERROR_METHOD;
    request->method = httpMethodOf(request->methodText);
    return parseVersion(request, versionStart);
}

/* scheme "://": http and https are looked at closely, others are left to
 * those who may have a use for them. */
static HttpParseError
checkAbsolute(HttpRequest *request)
{
    HttpSlice target = request->target;
    HttpUrl url;
    HttpUrlError error = httpUrlParse(target, &url);

    if (!error || error == HTTP_URL_ERROR_TOO_LONG)
        return HTTP_PARSE_ERROR_NONE;
    const char *colon = memchr(target.data, ':', target.len);
    size_t schemeLen = colon ? (size_t)(colon - target.data) : 0;
    if (error != HTTP_URL_ERROR_SCHEME || target.len < schemeLen + 3 ||
        memcmp(target.data + schemeLen, "://", 3) != 0 ||
        (target.data[0] | 0x20) < 'a' || (target.data[0] | 0x20) > 'z' ||
        !httpOctetsAre(target.data, schemeLen, HTTP_OCTET_HOST))
        return HTTP_PARSE_ERROR_TARGET;
    request->isOtherScheme = true;
    return HTTP_PARSE_ERROR_NONE;
}

/* RFC 9112 3.2 */
static HttpParseError
parseTarget(HttpRequest *request)
{
    HttpSlice target = request->target;
    HttpUrl url;

    if (!httpOctetsAre(target.data, target.len, HTTP_OCTET_TARGET))
        return HTTP_PARSE_ERROR_TARGET;
    if (request->method == HTTP_METHOD_CONNECT) {
        request->form = HTTP_TARGET_AUTHORITY;
        return httpUrlParseAuthority(target, 0, &url) ? HTTP_PARSE_ERROR_TARGET
                                                      : HTTP_PARSE_ERROR_NONE;
    }
    if (target.data[0] == '/') {
        request->form = HTTP_TARGET_ORIGIN;
        return HTTP_PARSE_ERROR_NONE;
    }
    if (request->method == HTTP_METHOD_OPTIONS && httpSliceIs(target, "*")) {
        request->form = HTTP_TARGET_ASTERISK;
        return HTTP_PARSE_ERROR_NONE;
    }
    request->form = HTTP_TARGET_ABSOLUTE;
    return checkAbsolute(request);
}

/* RFC 9112 3.2: exactly one in HTTP/1.1, whatever the target's form. */
static HttpParseError
checkHost(const HttpRequest *request)
{
    const HttpHeaders *headers = &request->headers;
    const HttpField *host = httpHeaderNextOf(headers, HTTP_HEADER_HOST, NULL);
    HttpUrl url;

    if (!host)
        return request->minor ? HTTP_PARSE_ERROR_HOST_MISSING
                              : HTTP_PARSE_ERROR_NONE;
    if (httpHeaderNextOf(headers, HTTP_HEADER_HOST, host))
        return HTTP_PARSE_ERROR_HOST_DUPLICATE;
    if (httpUrlParseAuthority(httpFieldValue(host), 80, &url))
        return HTTP_PARSE_ERROR_HOST_INVALID;
    return HTTP_PARSE_ERROR_NONE;
}

/* RFC 9112 6.1: exactly "chunked"; we decode nothing else. */
static HttpParseError
checkCoding(const HttpHeaders *headers, unsigned minor)
{
    const HttpField *field =
        httpHeaderNextOf(headers, HTTP_HEADER_TRANSFER_ENCODING, NULL);
    HttpList list;
    HttpSlice coding;

    if (httpHeaderHas(headers, HTTP_HEADER_CONTENT_LENGTH))
        return HTTP_PARSE_ERROR_LENGTH_AND_CODING;
    if (!minor)
        return HTTP_PARSE_ERROR_CODING_OLD;
    if (httpSliceIs(httpFieldValue(field), "chunked") &&
        !httpHeaderNextOf(headers, HTTP_HEADER_TRANSFER_ENCODING, field))
        return HTTP_PARSE_ERROR_NONE;
    httpListStart(&list, headers, HTTP_HEADER_TRANSFER_ENCODING);
    if (!httpListNext(&list, &coding) || httpSliceIs(coding, "chunked") ||
        !httpIsToken(coding))
        return HTTP_PARSE_ERROR_CODING_INVALID;
    return HTTP_PARSE_ERROR_CODING_UNKNOWN;
}

HttpParseError
httpHeadFraming(const HttpHeaders *headers, unsigned minor,
                HttpFraming *framingOut, uint64_t *lengthOut)
{
    const HttpField *length =
        httpHeaderNextOf(headers, HTTP_HEADER_CONTENT_LENGTH, NULL);

    if (httpHeaderHas(headers, HTTP_HEADER_TRANSFER_ENCODING)) {
        HttpParseError error = checkCoding(headers, minor);
        if (!error)
            *framingOut = HTTP_FRAMING_CHUNKED;
        return error;
    }
    if (!length) {
        *framingOut = HTTP_FRAMING_NONE;
        return HTTP_PARSE_ERROR_NONE;
    }
    if (httpHeaderNextOf(headers, HTTP_HEADER_CONTENT_LENGTH, length))
        return HTTP_PARSE_ERROR_LENGTH_DUPLICATE;
    if (!httpSliceParseUint(httpFieldValue(length), INT64_MAX, lengthOut))
        return HTTP_PARSE_ERROR_LENGTH_INVALID;
    *framingOut = HTTP_FRAMING_LENGTH;
    return HTTP_PARSE_ERROR_NONE;
}

static HttpParseError
parseFraming(HttpRequest *request)
{
    HttpParseError error = httpHeadFraming(&request->headers, request->minor,
                                           &request->framing, &request->length);

    if (error || request->method != HTTP_METHOD_CONNECT)
        return error;
    if (request->framing == HTTP_FRAMING_CHUNKED || request->length)
        return HTTP_PARSE_ERROR_CONNECT_BODY;
    request->framing = HTTP_FRAMING_NONE;
    return HTTP_PARSE_ERROR_NONE;
}

/* RFC 9112 9.3; Proxy-Connection is what old clients say to proxies. */
static bool
wantsKeepAlive(const HttpRequest *request)
{
    static const HttpHeaderId ids[] = {HTTP_HEADER_CONNECTION,
                                       HTTP_HEADER_PROXY_CONNECTION};
    const HttpHeaders *headers = &request->headers;
    bool isAsked = false;

    for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
        if (httpHeaderHasToken(headers, ids[i], "close"))
            return false;
        isAsked |= httpHeaderHasToken(headers, ids[i], "keep-alive");
    }
    return request->minor || isAsked;
}

/* Once framing is sure, the engine's own opinion on it tells no more. */
static HttpParseError
explainEngine(HttpRequest *request, HttpParseError error)
{
    HttpParseError own = HTTP_PARSE_ERROR_NONE;

    if (error == HTTP_PARSE_ERROR_LENGTH_DUPLICATE ||
        error == HTTP_PARSE_ERROR_CODING_INVALID)
        own = parseFraming(request);
    return own ? own : error;
}

HttpParseError
httpHeadParse(HttpRequest *request, HttpSlice head, size_t lineLen)
{
    char *text = httpHeaderText(&request->headers, head.len);

    if (!text)
        return HTTP_PARSE_ERROR_HEAD_TOO_LARGE;
    memcpy(text, head.data, head.len);
    HttpParseError error = parseRequestLine(request, text, lineLen);
    if (!error)
        error = parseTarget(request);
    if (error)
        return error;
    error = httpEngineParse(request, httpSlice(text, head.len));
    if (error)
        return explainEngine(request, error);
    error = checkHost(request);
    if (!error)
        error = parseFraming(request);
    if (error)
        return error;
    request->keepAlive = wantsKeepAlive(request);
    request->expectContinue =
        request->minor &&
        httpHeaderHasToken(&request->headers, HTTP_HEADER_EXPECT,
                           "100-continue");
    return HTTP_PARSE_ERROR_NONE;
}
