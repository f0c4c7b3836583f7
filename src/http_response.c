/* http_response.c: heads of responses, as an origin sent them. */
#include "http_priv.h"

/* Fields that a proxy adds must find room. */
#define FIELDS_RECEIVED_MAX (HTTP_HEADER_FIELDS_MAX - 32)

/* Cut one line off the front; its end is no part of it. */
static HttpSlice
takeLine(HttpSlice *rest)
{
    const char *lf = memchr(rest->data, '\n', rest->len);
    HttpSlice line = *rest;
    size_t used = rest->len;

    if (lf) {
        line.len = (size_t)(lf - rest->data);
        used = line.len + 1;
    }
    if (line.len && line.data[line.len - 1] == '\r')
        line.len--;
    *rest = httpSlice(rest->data + used, rest->len - used);
    return line;
}

static HttpParseError
checkLine(HttpSlice line)
{
    if (!httpIsFieldValue(line))
        return memchr(line.data, '\r', line.len) ? HTTP_PARSE_ERROR_BARE_CR
                                                 : HTTP_PARSE_ERROR_CONTROL;
    if (line.len && (line.data[0] == ' ' || line.data[0] == '\t'))
        return HTTP_PARSE_ERROR_FOLDED;
    return HTTP_PARSE_ERROR_NONE;
}

static HttpParseError
addLine(HttpHeaders *headers, HttpSlice line)
{
    HttpParseError error = checkLine(line);

    if (error)
        return error;
    const char *colon = line.len ? memchr(line.data, ':', line.len) : NULL;
    if (!colon)
        return HTTP_PARSE_ERROR_MALFORMED;
    size_t nameLen = (size_t)(colon - line.data);
    HttpSlice name = httpSliceTrim(httpSlice(line.data, nameLen));
    HttpSlice value =
        httpSliceTrim(httpSlice(colon + 1, line.len - nameLen - 1));
    if (!httpIsToken(name))
        return HTTP_PARSE_ERROR_FIELD_NAME;
    if (headers->fieldCount >= FIELDS_RECEIVED_MAX ||
        httpHeaderAddChecked(headers, name, value))
        return HTTP_PARSE_ERROR_TOO_MANY_FIELDS;
    return HTTP_PARSE_ERROR_NONE;
}

/* Several equal lengths are one (RFC 9112 6.3); others cannot be believed. */
static HttpParseError
parseLength(HttpResponse *response)
{
    HttpHeaders *headers = &response->headers;
    HttpList list;
    HttpSlice item;
    HttpSlice first = {0};

    httpListStart(&list, headers, HTTP_HEADER_CONTENT_LENGTH);
    while (httpListNext(&list, &item)) {
        if (first.data && !httpSliceEqual(first, item))
            return HTTP_PARSE_ERROR_LENGTH_DUPLICATE;
        first = item;
    }
    if (!httpSliceParseUint(first, INT64_MAX, &response->length))
        return HTTP_PARSE_ERROR_LENGTH_INVALID;
    response->framing = HTTP_FRAMING_LENGTH;
    if (httpHeaderSet(headers, HTTP_HEADER_CONTENT_LENGTH, first))
        return HTTP_PARSE_ERROR_HEAD_TOO_LARGE;
    return HTTP_PARSE_ERROR_NONE;
}

/* RFC 9112 6.3: Transfer-Encoding overrides Content-Length, which goes. It
 * is "chunked" alone: nobody asked for another coding. */
static HttpParseError
parseCoding(HttpResponse *response)
{
    HttpHeaders *headers = &response->headers;
    const HttpField *field =
        httpHeaderNextOf(headers, HTTP_HEADER_TRANSFER_ENCODING, NULL);

    if (!httpSliceIs(httpFieldValue(field), "chunked") ||
        httpHeaderNextOf(headers, HTTP_HEADER_TRANSFER_ENCODING, field))
        return HTTP_PARSE_ERROR_CODING_UNKNOWN;
    response->framing = HTTP_FRAMING_CHUNKED;
    httpHeaderRemove(headers, HTTP_HEADER_CONTENT_LENGTH);
    return HTTP_PARSE_ERROR_NONE;
}

/* RFC 9110 8.6, RFC 9112 6.1: 1xx and 204 must not speak of a body. */
static void
dropFraming(HttpHeaders *headers)
{
    httpHeaderRemove(headers, HTTP_HEADER_CONTENT_LENGTH);
    httpHeaderRemove(headers, HTTP_HEADER_TRANSFER_ENCODING);
}

static HttpParseError
parseFraming(HttpResponse *response)
{
    if (httpStatusIsBodyless(response->status)) {
        response->framing = HTTP_FRAMING_NONE;
        if (response->status != 304)
            dropFraming(&response->headers);
        return HTTP_PARSE_ERROR_NONE;
    }
    if (httpHeaderHas(&response->headers, HTTP_HEADER_TRANSFER_ENCODING))
        return parseCoding(response);
    if (httpHeaderHas(&response->headers, HTTP_HEADER_CONTENT_LENGTH))
        return parseLength(response);
    response->framing = HTTP_FRAMING_CLOSE;
    return HTTP_PARSE_ERROR_NONE;
}

static HttpParseError
parseLines(HttpResponse *response, HttpSlice lines)
{
    HttpParseError error = HTTP_PARSE_ERROR_NONE;
    char *text = httpHeaderText(&response->headers, lines.len);

    if (!text)
        return HTTP_PARSE_ERROR_HEAD_TOO_LARGE;
    if (lines.len)
        memcpy(text, lines.data, lines.len);
    HttpSlice rest = httpSlice(text, lines.len);
    while (rest.len && !error)
        error = addLine(&response->headers, takeLine(&rest));
    return error;
}

HttpParseError
httpResponseParse(HttpResponse *response, int status, HttpSlice lines)
{
    httpResponseReset(response);
    response->status = status;
    HttpParseError error = parseLines(response, lines);
    if (!error)
        error = parseFraming(response);
    if (error)
        httpResponseReset(response);
    return error;
}
