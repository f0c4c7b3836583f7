/* mux_stats.h: what squire-mux says of itself on SIGUSR1. */
#ifndef SQUIRE_MUX_STATS_H
#define SQUIRE_MUX_STATS_H

#include "buf.h"
#include "helper.h"
#include "mux_relay.h"

/* Append one block of lines for people. 0, or -ENOBUFS: cut. */
int muxStatsFormat(const HelperPool *pool, const MuxRelay *relay, Buf *out);

#endif
