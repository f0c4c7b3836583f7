/* fuzz_h2.c: any fields are refused, or one request of HTTP/1.1 with nothing
 * behind it. The same octets are tried as an answer: how they are cut into
 * pieces changes nothing. */
#include "buf.h"
#include "check.h"
#include "fuzz.h"
#include "h2_priv.h"
#include "http_parse.h"

#include <string.h>

const char fuzzName[] = "h2";

#define SEPARATOR 0xff
#define TEXT_MAX (8u << 20)

/* The octets up to a separator, which are taken off *rest. */
static HttpSlice
takeWord(HttpSlice *rest)
{
    const char *end =
        rest->len ? memchr(rest->data, SEPARATOR, rest->len) : NULL;
    size_t len = end ? (size_t)(end - rest->data) : rest->len;
    HttpSlice word = httpSlice(rest->data, len);

    rest->data += len + (end != NULL);
    rest->len -= len + (end != NULL);
    return word;
}

/* The server must see the request that was meant, and no other. */
static void
checkOne(const H2Request *request, bool hasBody, const Buf *text)
{
    static const HttpParseLimits roomy = {1 << 20, 1 << 20, 200};
    HttpParser *parser = httpParserCreate(&roomy);
    HttpSlice body;
    size_t used = 0;
    HttpParseEvent event =
        httpParserFeed(parser, bufData(text), bufLen(text), &used, &body);

    CHECK(event == HTTP_PARSE_HEAD || event == HTTP_PARSE_ERROR);
    if (event == HTTP_PARSE_HEAD) {
        const HttpRequest *http = httpParserRequest(parser);
        CHECK(used == bufLen(text));
        CHECK(http->minor == 1 && !http->keepAlive);
        CHECK((http->framing == HTTP_FRAMING_CHUNKED) ==
              h2RequestIsChunked(request, hasBody));
    }
    httpParserDestroy(&parser);
}

static void
tryRequest(HttpSlice rest, bool isOriginForm, bool hasBody)
{
    H2Request request;
    Buf text;

    h2RequestInit(&request);
    bufInit(&text, TEXT_MAX);
    while (rest.len > 0) {
        HttpSlice name = takeWord(&rest);
        h2RequestAdd(&request, name, takeWord(&rest));
    }
    if (h2RequestFormat(&request, isOriginForm, hasBody, &text) == 0)
        checkOne(&request, hasBody, &text);
    bufFini(&text);
    h2RequestFini(&request);
}

/* Read it as one who gets step more octets at a time; the body is added to
 * out. */
static H2ReplyEvent
readReply(HttpSlice text, size_t step, Buf *out)
{
    H2Request request;
    H2Reply reply;
    H2ReplyEvent event = H2_REPLY_MORE;
    size_t at = 0, used;

    h2RequestInit(&request);
    h2ReplyInit(&reply, &request);
    for (size_t have = 0; have <= text.len && event == H2_REPLY_MORE;
         have += step) {
        do {
            HttpSlice body = {0};
            event = h2ReplyFeed(&reply, text.data + at, have - at, &used,
                                &body);
            at += used;
            if (event == H2_REPLY_BODY)
                CHECK(bufAppend(out, body.data, body.len) == 0);
        } while (event == H2_REPLY_INTERIM || event == H2_REPLY_HEAD ||
                 event == H2_REPLY_BODY);
    }
    h2ReplyFini(&reply);
    h2RequestFini(&request);
    return event;
}

static void
tryReply(HttpSlice text)
{
    Buf whole, cut;

    if (text.len == 0)
        return;
    bufInit(&whole, TEXT_MAX);
    bufInit(&cut, TEXT_MAX);
    CHECK(readReply(text, text.len, &whole) == readReply(text, 1, &cut));
    CHECK(bufLen(&whole) == bufLen(&cut));
    CHECK(bufLen(&cut) == 0 ||
          memcmp(bufData(&whole), bufData(&cut), bufLen(&cut)) == 0);
    bufFini(&whole);
    bufFini(&cut);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    HttpSlice rest = httpSlice((const char *)data + 1, size - 1);
    tryRequest(rest, data[0] & 1, data[0] & 2);
    tryReply(rest);
    return 0;
}
