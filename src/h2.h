/*
 * h2.h: HTTP/2 in front of a server that speaks HTTP/1.1. RFC 9113.
 *
 * A session is one connection whose client chose "h2". Each request of it is
 * handed on as a connection of its own: a socket on which HTTP/1.1 is spoken
 * (doc/decisions/0018-http2.md). Frames, header compression and flow control
 * are nghttp2's. Thread: loop.
 */
#ifndef SQUIRE_H2_H
#define SQUIRE_H2_H

#include <stdbool.h>
#include <stdint.h>

#include "stream.h"

#define H2_PROTOCOL "h2" /* what it is called in ALPN */

typedef struct H2Session H2Session;

/* fd is given: the other end of it is a client whose request can be read
 * already. 0, or -errno: the client is told to ask again, fd is closed. */
typedef int H2OpenCb(int fd, void *data);

/* The session is over and frees itself, unless h2SessionClose did it. */
typedef void H2EndCb(void *data);

typedef struct H2Config {
    bool isOriginForm; /* requests name a path only, as a web server's do */
    int64_t idleMs;    /* without a request; 0: for ever */
    int64_t stallMs;   /* without the client taking an octet; 0: for ever */
    H2OpenCb *open;
    H2EndCb *end;
    void *data;
} H2Config;

/* Speak HTTP/2 on stream, which is taken. config is copied. Returns borrowed
 * until end was called, or owned until h2SessionClose. Neither callback runs
 * before return. */
H2Session *h2SessionStart(const H2Config *config, Stream stream);

/* Take no more requests, and end when those there are have their answers. */
void h2SessionDrain(H2Session *session);

/* Close it and what is open of it now, without calling end. Clears *session;
 * NULL inside is accepted. */
void h2SessionClose(H2Session **session);

#endif
