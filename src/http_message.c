/* http_message.c: requests, responses, methods and statuses. */
#include "http_message.h"

#include "check.h"

typedef struct MethodRow {
    HttpSlice text;
    bool isSafe;
    bool isIdempotent;
} MethodRow;

static const MethodRow methods[HTTP_METHOD_COUNT] = {
    [HTTP_METHOD_OTHER] = {{"OTHER", 5}, false, false},
#define X(id, text, safe, idempotent)                                          \
    [HTTP_METHOD_##id] = {{text, sizeof(text) - 1}, safe, idempotent},
    HTTP_METHODS(X)
#undef X
};

void
httpRequestInit(HttpRequest *request, size_t textMax)
{
    memset(request, 0, sizeof(*request));
    httpHeaderInit(&request->headers, textMax);
}

void
httpRequestFini(HttpRequest *request)
{
    httpHeaderFini(&request->headers);
    httpRequestReset(request);
}

void
httpRequestReset(HttpRequest *request)
{
    httpHeaderReset(&request->headers);
    memset(request, 0, offsetof(HttpRequest, headers));
}

void
httpResponseInit(HttpResponse *response, size_t textMax)
{
    memset(response, 0, sizeof(*response));
    httpHeaderInit(&response->headers, textMax);
}

void
httpResponseFini(HttpResponse *response)
{
    httpHeaderFini(&response->headers);
    httpResponseReset(response);
}

void
httpResponseReset(HttpResponse *response)
{
    httpHeaderReset(&response->headers);
    memset(response, 0, offsetof(HttpResponse, headers));
}

int
httpResponseFormatHead(const HttpResponse *response, Buf *out)
{
    int rc = bufPrintf(out, "HTTP/1.1 %03d %s\r\n", response->status,
                       httpStatusReason(response->status));
    return rc ? rc : httpHeaderFormat(&response->headers, out);
}

HttpMethod
httpMethodOf(HttpSlice text)
{
    for (HttpMethod id = HTTP_METHOD_OTHER + 1; id < HTTP_METHOD_COUNT; id++) {
        if (httpSliceEqual(methods[id].text, text))
            return id;
    }
    return HTTP_METHOD_OTHER;
}

const char *
httpMethodText(HttpMethod method)
{
    CHECK(method < HTTP_METHOD_COUNT);
    return methods[method].text.data;
}

bool
httpMethodIsSafe(HttpMethod method)
{
    CHECK(method < HTTP_METHOD_COUNT);
    return methods[method].isSafe;
}

bool
httpMethodIsIdempotent(HttpMethod method)
{
    CHECK(method < HTTP_METHOD_COUNT);
    return methods[method].isIdempotent;
}

bool
httpStatusIsBodyless(int status)
{
    return (status >= 100 && status < 200) || status == 204 || status == 304;
}
