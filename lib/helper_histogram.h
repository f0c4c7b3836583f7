/*
 * helper_histogram.h: latencies counted in log-linear buckets.
 *
 * Values below 128 are exact; above, each power of two has 64 buckets, so a
 * quantile is off by at most 1 %. Values beyond the last bucket count as the
 * last; the maximum is kept exactly. Zeroed memory is an empty histogram.
 * Thread: the owner of the histogram.
 */
#ifndef SQUIRE_HELPER_HISTOGRAM_H
#define SQUIRE_HELPER_HISTOGRAM_H

#include <stdint.h>

#define HELPER_HISTOGRAM_LINEAR 128 /* values with a bucket of their own */
#define HELPER_HISTOGRAM_STEPS 64   /* buckets per power of two above */
#define HELPER_HISTOGRAM_OCTAVES 26 /* up to 2^33 us, more than two hours */
#define HELPER_HISTOGRAM_BUCKETS                                               \
    (HELPER_HISTOGRAM_LINEAR +                                                 \
     HELPER_HISTOGRAM_OCTAVES * HELPER_HISTOGRAM_STEPS)

typedef struct HelperHistogram {
    uint64_t count;
    uint64_t max;
    uint32_t buckets[HELPER_HISTOGRAM_BUCKETS];
} HelperHistogram;

/* Count one value; a negative one (a clock that went back) counts as 0. */
void helperHistogramAdd(HelperHistogram *histogram, int64_t value);

/* The value that the share q (0 .. 1) of all values does not exceed; 0 when
 * empty. Walks all buckets. */
double helperHistogramQuantile(const HelperHistogram *histogram, double q);

#endif
