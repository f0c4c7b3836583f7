/*
 * ctl_latency.h: what latencies were between two looks at the manager's
 * /latencies. Pure.
 */
#ifndef SQUIRE_CTL_LATENCY_H
#define SQUIRE_CTL_LATENCY_H

#include <jansson.h>

/* The milliseconds that the share q (0 .. 1) of the values that are in now,
 * and were not in before (or NULL), does not exceed; -1 when there is none.
 * Both are arrays of [FROM, TO, COUNT], in rising order. */
double ctlLatencySince(const json_t *now, const json_t *before, double q);

#endif
