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

/* The bucket of a value. */
static inline unsigned
helperHistogramBucket(uint64_t value)
{
    if (value < HELPER_HISTOGRAM_LINEAR)
        return (unsigned)value;
    /* The top seven bits: 1xxxxxx, of which the six x choose the step. */
    unsigned shift = 63u - (unsigned)__builtin_clzll(value) - 6u;
    if (shift > HELPER_HISTOGRAM_OCTAVES)
        return HELPER_HISTOGRAM_BUCKETS - 1;
    return HELPER_HISTOGRAM_LINEAR + (shift - 1) * HELPER_HISTOGRAM_STEPS +
           (unsigned)(value >> shift) - HELPER_HISTOGRAM_STEPS;
}

/* Count one value; a negative one (a clock that went back) counts as 0. */
static inline void
helperHistogramAdd(HelperHistogram *histogram, int64_t value)
{
    uint64_t v = value > 0 ? (uint64_t)value : 0;

    histogram->count++;
    histogram->buckets[helperHistogramBucket(v)]++;
    if (v > histogram->max)
        histogram->max = v;
}

/* The value that the share q (0 .. 1) of all values does not exceed; 0 when
 * empty. Walks all buckets. */
double helperHistogramQuantile(const HelperHistogram *histogram, double q);

#endif
