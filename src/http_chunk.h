/*
 * http_chunk.h: the chunked coding, decoded. RFC 9112 7.1.
 *
 * Stricter than the libraries: every line ends in CR LF, a size has at most
 * 15 digits, no octet stands where the grammar has none. Extensions and
 * trailer fields are checked, then dropped. Thread: the owner.
 */
#ifndef SQUIRE_HTTP_CHUNK_H
#define SQUIRE_HTTP_CHUNK_H

#include <stddef.h>
#include <stdint.h>

#include "http_parse.h"

typedef enum HttpChunkState {
    HTTP_CHUNK_SIZE_START, /* the first digit is due */
    HTTP_CHUNK_SIZE,
    HTTP_CHUNK_BLANK,     /* blanks after a size: ";" must follow */
    HTTP_CHUNK_EXTENSION, /* to the end of the line */
    HTTP_CHUNK_SIZE_LF,
    HTTP_CHUNK_DATA,
    HTTP_CHUNK_DATA_CR,
    HTTP_CHUNK_DATA_LF,
    HTTP_CHUNK_TRAILER_START, /* a field, or the empty line */
    HTTP_CHUNK_TRAILER_NAME,
    HTTP_CHUNK_TRAILER_VALUE,
    HTTP_CHUNK_TRAILER_LF,
    HTTP_CHUNK_LAST_LF,
    HTTP_CHUNK_DONE,
    HTTP_CHUNK_STATE_COUNT
} HttpChunkState;

typedef struct HttpChunk {
    HttpChunkState state;
    uint64_t left;     /* octets of this chunk still to come */
    unsigned lineLen;  /* octets of this size line */
    unsigned trailLen; /* octets of all trailer lines */
    HttpParseError error;
} HttpChunk;

/* Be ready for the first chunk of a body. */
void httpChunkInit(HttpChunk *chunk);

/*
 * Read octets until there is something to say: HTTP_PARSE_BODY with a part
 * of the body in *bodyOut (points into data), MORE, DONE, or ERROR with
 * chunk->error set. usedOut: how many octets were used.
 */
HttpParseEvent httpChunkFeed(HttpChunk *chunk, const char *data, size_t len,
                             size_t *usedOut, HttpSlice *bodyOut);

#endif
