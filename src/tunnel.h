/*
 * tunnel.h: relay octets between two connections until both sides have
 * ended. Between plain ones the octets pass from socket to socket inside the
 * kernel; with TLS they are copied. An idle tunnel holds nothing but its two
 * streams. Thread: loop.
 */
#ifndef SQUIRE_TUNNEL_H
#define SQUIRE_TUNNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stream.h"

typedef struct Tunnel Tunnel;

typedef struct TunnelEnd {
    uint64_t fromClient; /* octets passed on to the origin */
    uint64_t fromOrigin; /* octets passed on to the client */
    bool isTimedOut;
    int errnum; /* of the failure that ended it, or 0 */
} TunnelEnd;

/* Both streams are closed and the tunnel is gone; end is borrowed until
 * return. */
typedef void TunnelEndCb(const TunnelEnd *end, void *data);

typedef struct TunnelConfig {
    Stream client;
    Stream origin;
    const char *early; /* octets the client has sent already, or NULL */
    size_t earlyLen;
    const char *greeting; /* octets the client gets first, or NULL */
    size_t greetingLen;
    int64_t idleMs; /* silence of both sides allowed; 0: no limit */
    TunnelEndCb *cb;
    void *data;
} TunnelConfig;

/* Relay from now on. Takes both streams, copies
 * the texts. cb runs exactly once, later, unless tunnelClose comes first.
 * Returns owned until then. */
Tunnel *tunnelStart(const TunnelConfig *config);

/* Close both sides now; cb will not run. Clears *tunnel; NULL inside is
 * accepted. endOut may be NULL. */
void tunnelClose(Tunnel **tunnel, TunnelEnd *endOut);

/* Free the pipes kept for reuse. */
void tunnelFini(void);

#endif
