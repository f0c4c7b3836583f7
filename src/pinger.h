/*
 * pinger.h: the proxy's side of the pinger: it runs one, asks it about the
 * addresses that are used, and knows which of a host's is nearest.
 *
 * Never waits and never fails: without an answer nothing is known, and
 * everything goes on as without a pinger. The process is started again when
 * it ends, later each time if it never worked. Every function but
 * pingerCreate accepts NULL for no pinger. Thread: loop.
 */
#ifndef SQUIRE_PINGER_H
#define SQUIRE_PINGER_H

#include "resolve.h"
#include "rtt_table.h"

typedef struct Pinger Pinger;

typedef struct PingerStats {
    bool isRunning;
    uint64_t asked;
    uint64_t answered;
    uint64_t lost;   /* questions that the channel had no room for */
    uint64_t starts; /* of the process */
    size_t addresses;
} PingerStats;

/* Run program, soon. Returns owned. */
Pinger *pingerCreate(const char *program);

/* End it. Clears *pinger; NULL inside is accepted. */
void pingerDestroy(Pinger **pinger);

/* True when it runs this program. */
bool pingerIsSame(const Pinger *pinger, const char *program);

/*
 * The addresses of a host, nearest first. Returns their number, or 0 when
 * they are not known (yet) or nothing is known about how far they are: then
 * the name is looked up and asked about for the next time. host may be an
 * address too.
 */
size_t pingerPrefer(Pinger *pinger, const char *host,
                    struct sockaddr_storage addrsOut[RESOLVE_MAX]);

/* The round trip to the nearest address of a host in microseconds; 0: not
 * known (yet), as above. */
uint64_t pingerHostRtt(Pinger *pinger, const char *host);

/* Copy the figures. */
void pingerStatsGet(const Pinger *pinger, PingerStats *statsOut);

/* Call cb for each address that was asked about. */
void pingerForEach(const Pinger *pinger, RttRowCb *cb, void *data);

#endif
