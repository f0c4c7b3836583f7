/* http_chunk.c: the chunked coding, one octet of framing at a time. */
#include "http_chunk.h"

#include "check.h"
#include "http_octet.h"

#define SIZE_DIGITS_MAX 15
#define SIZE_LINE_MAX 1024
#define TRAILER_MAX (16 * 1024)

typedef HttpParseError ChunkStep(HttpChunk *chunk, unsigned char c);

void
httpChunkInit(HttpChunk *chunk)
{
    *chunk = (HttpChunk){.state = HTTP_CHUNK_SIZE_START};
}

static HttpParseError
goTo(HttpChunk *chunk, HttpChunkState next)
{
    chunk->state = next;
    return HTTP_PARSE_ERROR_NONE;
}

/* Only this octet may come; then go on. */
static HttpParseError
expect(HttpChunk *chunk, unsigned char c, char wanted, HttpChunkState next)
{
    if (c != (unsigned char)wanted)
        return HTTP_PARSE_ERROR_CHUNK;
    return goTo(chunk, next);
}

static HttpParseError
addDigit(HttpChunk *chunk, unsigned char c)
{
    unsigned digit = c <= '9' ? c - (unsigned)'0' : (c | 0x20u) - 'a' + 10u;

    if (chunk->lineLen > SIZE_DIGITS_MAX)
        return HTTP_PARSE_ERROR_CHUNK;
    chunk->left = chunk->left << 4 | digit;
    return goTo(chunk, HTTP_CHUNK_SIZE);
}

static HttpParseError
stepSizeStart(HttpChunk *chunk, unsigned char c)
{
    chunk->left = 0;
    chunk->lineLen = 1;
    if (!(httpOctets[c] & HTTP_OCTET_HEX))
        return HTTP_PARSE_ERROR_CHUNK;
    return addDigit(chunk, c);
}

static HttpParseError
stepBlank(HttpChunk *chunk, unsigned char c)
{
    if (++chunk->lineLen > SIZE_LINE_MAX)
        return HTTP_PARSE_ERROR_CHUNK;
    if (c == ' ' || c == '\t')
        return goTo(chunk, HTTP_CHUNK_BLANK);
    return expect(chunk, c, ';', HTTP_CHUNK_EXTENSION);
}

static HttpParseError
stepSize(HttpChunk *chunk, unsigned char c)
{
    if (c == '\r')
        return goTo(chunk, HTTP_CHUNK_SIZE_LF);
    if (!(httpOctets[c] & HTTP_OCTET_HEX))
        return stepBlank(chunk, c);
    chunk->lineLen++;
    return addDigit(chunk, c);
}

static HttpParseError
stepExtension(HttpChunk *chunk, unsigned char c)
{
    if (c == '\r')
        return goTo(chunk, HTTP_CHUNK_SIZE_LF);
    if (++chunk->lineLen > SIZE_LINE_MAX || !(httpOctets[c] & HTTP_OCTET_VALUE))
        return HTTP_PARSE_ERROR_CHUNK;
    return HTTP_PARSE_ERROR_NONE;
}

static HttpParseError
stepSizeLf(HttpChunk *chunk, unsigned char c)
{
    return expect(chunk, c, '\n',
                  chunk->left ? HTTP_CHUNK_DATA : HTTP_CHUNK_TRAILER_START);
}

static HttpParseError
stepDataCr(HttpChunk *chunk, unsigned char c)
{
    return expect(chunk, c, '\r', HTTP_CHUNK_DATA_LF);
}

static HttpParseError
stepDataLf(HttpChunk *chunk, unsigned char c)
{
    return expect(chunk, c, '\n', HTTP_CHUNK_SIZE_START);
}

static HttpParseError
stepTrailerStart(HttpChunk *chunk, unsigned char c)
{
    if (c == '\r')
        return goTo(chunk, HTTP_CHUNK_LAST_LF);
    if (!(httpOctets[c] & HTTP_OCTET_TOKEN))
        return HTTP_PARSE_ERROR_CHUNK;
    return goTo(chunk, HTTP_CHUNK_TRAILER_NAME);
}

static HttpParseError
stepTrailerName(HttpChunk *chunk, unsigned char c)
{
    if (httpOctets[c] & HTTP_OCTET_TOKEN)
        return HTTP_PARSE_ERROR_NONE;
    return expect(chunk, c, ':', HTTP_CHUNK_TRAILER_VALUE);
}

static HttpParseError
stepTrailerValue(HttpChunk *chunk, unsigned char c)
{
    if (httpOctets[c] & HTTP_OCTET_VALUE)
        return HTTP_PARSE_ERROR_NONE;
    return expect(chunk, c, '\r', HTTP_CHUNK_TRAILER_LF);
}

static HttpParseError
stepTrailerLf(HttpChunk *chunk, unsigned char c)
{
    return expect(chunk, c, '\n', HTTP_CHUNK_TRAILER_START);
}

static HttpParseError
stepLastLf(HttpChunk *chunk, unsigned char c)
{
    return expect(chunk, c, '\n', HTTP_CHUNK_DONE);
}

static ChunkStep *const steps[HTTP_CHUNK_STATE_COUNT] = {
    [HTTP_CHUNK_SIZE_START] = stepSizeStart,
    [HTTP_CHUNK_SIZE] = stepSize,
    [HTTP_CHUNK_BLANK] = stepBlank,
    [HTTP_CHUNK_EXTENSION] = stepExtension,
    [HTTP_CHUNK_SIZE_LF] = stepSizeLf,
    [HTTP_CHUNK_DATA_CR] = stepDataCr,
    [HTTP_CHUNK_DATA_LF] = stepDataLf,
    [HTTP_CHUNK_TRAILER_START] = stepTrailerStart,
    [HTTP_CHUNK_TRAILER_NAME] = stepTrailerName,
    [HTTP_CHUNK_TRAILER_VALUE] = stepTrailerValue,
    [HTTP_CHUNK_TRAILER_LF] = stepTrailerLf,
    [HTTP_CHUNK_LAST_LF] = stepLastLf,
};

static HttpParseError
step(HttpChunk *chunk, unsigned char c)
{
    if (chunk->state >= HTTP_CHUNK_TRAILER_START &&
        ++chunk->trailLen > TRAILER_MAX)
        return HTTP_PARSE_ERROR_TRAILER_TOO_LARGE;
    return steps[chunk->state](chunk, c);
}

static size_t
takeData(HttpChunk *chunk, HttpSlice data, HttpSlice *bodyOut)
{
    size_t len = data.len < chunk->left ? data.len : (size_t)chunk->left;

    *bodyOut = httpSlice(data.data, len);
    chunk->left -= len;
    if (!chunk->left)
        chunk->state = HTTP_CHUNK_DATA_CR;
    return len;
}

HttpParseEvent
httpChunkFeed(HttpChunk *chunk, const char *data, size_t len, size_t *usedOut,
              HttpSlice *bodyOut)
{
    size_t used = 0;

    while (!chunk->error && chunk->state != HTTP_CHUNK_DONE && used < len) {
        if (chunk->state == HTTP_CHUNK_DATA) {
            HttpSlice rest = httpSlice(data + used, len - used);
            *usedOut = used + takeData(chunk, rest, bodyOut);
            return HTTP_PARSE_BODY;
        }
        chunk->error = step(chunk, (unsigned char)data[used]);
        used += !chunk->error;
    }
    *usedOut = used;
    if (chunk->error)
        return HTTP_PARSE_ERROR;
    return chunk->state == HTTP_CHUNK_DONE ? HTTP_PARSE_DONE : HTTP_PARSE_MORE;
}
