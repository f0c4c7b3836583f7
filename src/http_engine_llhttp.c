/* http_engine_llhttp.c: request heads by llhttp. */
#include "http_priv.h"

#include <llhttp.h>

#include "check.h"

typedef struct EngineRun {
    llhttp_t parser; /* the first: callbacks get its address */
    HttpRequest *request;
    HttpSlice name;
    HttpSlice value;
    HttpParseError error;
    bool isComplete;
} EngineRun;

/* The text may be told in parts, which lie side by side. */
static void
extend(HttpSlice *slice, const char *at, size_t len)
{
    if (!slice->data)
        slice->data = at;
    slice->len = (size_t)(at - slice->data) + len;
}

static int
onName(llhttp_t *parser, const char *at, size_t len)
{
    EngineRun *run = (EngineRun *)(void *)parser;

    extend(&run->name, at, len);
    return 0;
}

static int
onNameEnd(llhttp_t *parser)
{
    EngineRun *run = (EngineRun *)(void *)parser;

    if (httpIsToken(run->name))
        return 0;
    run->error = HTTP_PARSE_ERROR_FIELD_NAME;
    return -1;
}

static int
onValue(llhttp_t *parser, const char *at, size_t len)
{
    EngineRun *run = (EngineRun *)(void *)parser;

    extend(&run->value, at, len);
    return 0;
}

static int
onValueEnd(llhttp_t *parser)
{
    EngineRun *run = (EngineRun *)(void *)parser;
    HttpSlice value =
        run->value.data ? httpSliceTrim(run->value) : httpSlice("", 0);
    int rc = httpHeaderAddChecked(&run->request->headers, run->name, value);

    run->name = run->value = (HttpSlice){0};
    if (rc == 0)
        return 0;
    run->error = HTTP_PARSE_ERROR_TOO_MANY_FIELDS;
    return -1;
}

static int
onHeadComplete(llhttp_t *parser)
{
    EngineRun *run = (EngineRun *)(void *)parser;

    run->isComplete = true;
    return 0;
}

static const llhttp_settings_t callbacks = {
    .on_header_field = onName,
    .on_header_field_complete = onNameEnd,
    .on_header_value = onValue,
    .on_header_value_complete = onValueEnd,
    .on_headers_complete = onHeadComplete,
};

static HttpParseError
errorOf(llhttp_errno_t code)
{
    switch (code) {
    case HPE_OK:
    case HPE_PAUSED_UPGRADE:
        return HTTP_PARSE_ERROR_NONE;
    case HPE_INVALID_VERSION:
        return HTTP_PARSE_ERROR_VERSION;
    case HPE_INVALID_METHOD:
        return HTTP_PARSE_ERROR_METHOD;
    case HPE_INVALID_URL:
        return HTTP_PARSE_ERROR_TARGET;
    case HPE_INVALID_HEADER_TOKEN:
        return HTTP_PARSE_ERROR_FIELD_NAME;
    case HPE_INVALID_CONTENT_LENGTH:
        return HTTP_PARSE_ERROR_LENGTH_INVALID;
    case HPE_UNEXPECTED_CONTENT_LENGTH:
        return HTTP_PARSE_ERROR_LENGTH_DUPLICATE;
    case HPE_INVALID_TRANSFER_ENCODING:
        return HTTP_PARSE_ERROR_CODING_INVALID;
    default:
        return HTTP_PARSE_ERROR_MALFORMED;
    }
}

/* The library knows a list of methods, and schemes without an underscore: for
 * what may not be among them it is told another request line. Returns what of
 * head is still to be told. */
static HttpSlice
tellLine(llhttp_t *parser, const HttpRequest *request, HttpSlice head)
{
    static const char standIn[] = "POST / HTTP/1.1\r\n";

    if (request->method != HTTP_METHOD_OTHER && !request->isOtherScheme)
        return head;
    const char *lf = memchr(head.data, '\n', head.len);
    CHECK(lf != NULL); /* the line was read */
    llhttp_execute(parser, standIn, sizeof(standIn) - 1);
    size_t len = (size_t)(lf + 1 - head.data);
    return httpSlice(head.data + len, head.len - len);
}

HttpParseError
httpEngineParse(HttpRequest *request, HttpSlice head)
{
    EngineRun run = {.request = request};

    llhttp_init(&run.parser, HTTP_REQUEST, &callbacks);
    head = tellLine(&run.parser, request, head);
    llhttp_errno_t code = llhttp_execute(&run.parser, head.data, head.len);
    if (run.error)
        return run.error;
    HttpParseError error = errorOf(code);
    if (!error && !run.isComplete)
        return HTTP_PARSE_ERROR_MALFORMED;
    return error;
}
