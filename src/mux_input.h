/*
 * mux_input.h: Squid's request lines out of a stream, by squire-mux: pure, no
 * I/O. A line that is too long costs no memory: it is passed over up to its
 * LF, and told of once. Thread: the owner.
 */
#ifndef SQUIRE_MUX_INPUT_H
#define SQUIRE_MUX_INPUT_H

#include <stdbool.h>
#include <stddef.h>

#define MUX_ID_MAX 20 /* digits: Squid counts in 64 bits */

typedef enum MuxInputKind {
    MUX_INPUT_NONE, /* no whole line there */
    MUX_INPUT_REQUEST,
    MUX_INPUT_TOO_LONG, /* id is set when the line began with one */
    MUX_INPUT_NO_ID,    /* text is the whole line */
    MUX_INPUT_KIND_COUNT
} MuxInputKind;

/* Borrowed until the next muxInputRoom. */
typedef struct MuxLine {
    const char *id; /* its digits; idLen 0 when there are none */
    size_t idLen;
    const char *text; /* after the ID and one blank; without LF */
    size_t len;
} MuxLine;

typedef struct MuxInput {
    char *base;
    size_t size;
    size_t head, tail; /* unread octets */
    size_t scanned;    /* those from head on are known to have no LF */
    size_t lineMax;
    bool hasIds;
    bool isSkipping; /* within a line that is too long */
    char id[MUX_ID_MAX];
    size_t idLen; /* of that line */
} MuxInput;

/* Prepare the caller's storage. lineMax: octets of a query, without ID and
 * LF. hasIds: each line begins with a channel-ID. */
void muxInputInit(MuxInput *input, bool hasIds, size_t lineMax);

/* Free the memory. */
void muxInputFini(MuxInput *input);

/* Where to read to, and *roomOut octets for it, never 0. Take all lines by
 * muxInputNext before. */
char *muxInputRoom(MuxInput *input, size_t *roomOut);

/* Count len octets that were read to muxInputRoom. */
void muxInputCommit(MuxInput *input, size_t len);

/* Take the next line. */
MuxInputKind muxInputNext(MuxInput *input, MuxLine *lineOut);

/* True when a line has begun, but not ended. */
bool muxInputIsPartial(const MuxInput *input);

#endif
