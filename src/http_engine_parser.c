/* http_engine_parser.c: request heads by http-parser. */
#include "http_priv.h"

#include <http_parser.h>

#include "check.h"
#include "http_octet.h"

typedef struct EngineRun {
    HttpRequest *request;
    HttpSlice name;
    HttpParseError error;
    bool isComplete;
} EngineRun;

/* The library may be built lenient: it then takes blanks in a name. */
static int
onName(http_parser *parser, const char *at, size_t len)
{
    EngineRun *run = parser->data;

    run->name = httpSlice(at, len);
    if (httpIsToken(run->name))
        return 0;
    run->error = HTTP_PARSE_ERROR_FIELD_NAME;
    return -1;
}

static int
onValue(http_parser *parser, const char *at, size_t len)
{
    EngineRun *run = parser->data;
    HttpSlice value = httpSliceTrim(httpSlice(at, len));

    if (httpHeaderAddChecked(&run->request->headers, run->name, value) == 0)
        return 0;
    run->error = HTTP_PARSE_ERROR_TOO_MANY_FIELDS;
    return -1;
}

static int
onHeadComplete(http_parser *parser)
{
    EngineRun *run = parser->data;

    run->isComplete = true;
    return 0;
}

static const http_parser_settings callbacks = {
    .on_header_field = onName,
    .on_header_value = onValue,
    .on_headers_complete = onHeadComplete,
};

static HttpParseError
errorOf(enum http_errno code)
{
    switch (code) {
    case HPE_INVALID_VERSION:
        return HTTP_PARSE_ERROR_VERSION;
    case HPE_INVALID_METHOD:
        return HTTP_PARSE_ERROR_METHOD;
    case HPE_INVALID_URL:
    case HPE_INVALID_HOST:
    case HPE_INVALID_PORT:
    case HPE_INVALID_PATH:
    case HPE_INVALID_QUERY_STRING:
    case HPE_INVALID_FRAGMENT:
        return HTTP_PARSE_ERROR_TARGET;
    case HPE_INVALID_HEADER_TOKEN:
        return HTTP_PARSE_ERROR_FIELD_NAME;
    case HPE_INVALID_CONTENT_LENGTH:
        return HTTP_PARSE_ERROR_LENGTH_INVALID;
    case HPE_UNEXPECTED_CONTENT_LENGTH:
        return HTTP_PARSE_ERROR_LENGTH_DUPLICATE;
    case HPE_INVALID_TRANSFER_ENCODING:
        return HTTP_PARSE_ERROR_CODING_INVALID;
    case HPE_HEADER_OVERFLOW:
        return HTTP_PARSE_ERROR_HEAD_TOO_LARGE;
    default:
        return HTTP_PARSE_ERROR_MALFORMED;
    }
}

/* The library knows a list of methods, and schemes without an underscore: for
 * what may not be among them it is told another request line. Returns what of
 * head is still to be told. */
static HttpSlice
tellLine(http_parser *parser, const HttpRequest *request, HttpSlice head)
{
    static const char standIn[] = "POST / HTTP/1.1\r\n";

    if (request->method != HTTP_METHOD_OTHER && !request->isOtherScheme)
        return head;
    const char *lf = memchr(head.data, '\n', head.len);
    CHECK(lf != NULL); /* the line was read */
    http_parser_execute(parser, &callbacks, standIn, sizeof(standIn) - 1);
    size_t len = (size_t)(lf + 1 - head.data);
    return httpSlice(head.data + len, head.len - len);
}

HttpParseError
httpEngineParse(HttpRequest *request, HttpSlice head)
{
    EngineRun run = {.request = request};
    http_parser parser;

    http_parser_init(&parser, HTTP_REQUEST);
    parser.data = &run;
    head = tellLine(&parser, request, head);
    size_t used = http_parser_execute(&parser, &callbacks, head.data, head.len);
    if (run.error)
        return run.error;
    if (HTTP_PARSER_ERRNO(&parser) != HPE_OK)
        return errorOf(HTTP_PARSER_ERRNO(&parser));
    if (!run.isComplete || used != head.len)
        return HTTP_PARSE_ERROR_MALFORMED;
    return HTTP_PARSE_ERROR_NONE;
}
