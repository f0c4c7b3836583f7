/*
 * mux_relay.h: requests of one Squid from stdin to a pool, and its answers to
 * stdout. Every request that was read is answered once, whatever the
 * helpers do. With IDs, answers leave as they come; without, in the order of
 * the requests. Thread: loop.
 */
#ifndef SQUIRE_MUX_RELAY_H
#define SQUIRE_MUX_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "helper.h"

typedef struct MuxRelay MuxRelay;

typedef struct MuxRelayConfig {
    bool isPlain;     /* no channel-IDs on Squid's side */
    bool isBypassing; /* OVERLOAD is answered OK */
    bool hasCache;    /* the pool keeps answers */
    size_t lineMax;   /* of a query, as the pool takes it */
    size_t replyMax;  /* of an answer */
    int drainMs;      /* for what is in flight, at the end */
} MuxRelayConfig;

typedef struct MuxRelayStats {
    uint64_t requests, replies, refused;
    uint64_t pauses; /* times that Squid was let wait */
    size_t inflight;
    size_t outOctets; /* to be written */
} MuxRelayStats;

/*
 * Begin to relay. Borrows pool, which must live as long, and both
 * descriptors; the loop knows those until muxRelayDestroy. Returns owned,
 * NULL with errno.
 */
MuxRelay *muxRelayCreate(HelperPool *pool, const MuxRelayConfig *config,
                         int inFd, int outFd);

/*
 * Read no more; answer what is in flight, at most for the drain time; then
 * let Squid see the end of both descriptors. The pool is stopped with it, so
 * that the loop ends. End of file on stdin does the same.
 */
void muxRelayStop(MuxRelay *relay);

/* True once it was stopped, for any reason. */
bool muxRelayIsStopping(const MuxRelay *relay);

/* Copy the figures. */
void muxRelayStats(const MuxRelay *relay, MuxRelayStats *statsOut);

/* Free. The pool must have called back for all requests: destroy it before.
 * Clears *relay; NULL inside is accepted. */
void muxRelayDestroy(MuxRelay **relay);

#endif
