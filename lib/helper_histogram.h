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

#define HELPER_HISTOGRAM_BITS 6
#define HELPER_HISTOGRAM_LINEAR 128 /* values with a bucket of their own */
#define HELPER_HISTOGRAM_STEPS 64   /* buckets per power of two above */
#define HELPER_HISTOGRAM_OCTAVES 26 /* up to 2^33 us, more than two hours */
#define HELPER_HISTOGRAM_BUCKETS                                               \
    (HELPER_HISTOGRAM_LINEAR +                                                 \
     HELPER_HISTOGRAM_OCTAVES * HELPER_HISTOGRAM_STEPS)

typedef struct HelperHistogram {
    uint64_t count;
    uint64_t sum;
    uint64_t max;
    uint32_t buckets[HELPER_HISTOGRAM_BUCKETS];
} HelperHistogram;

/* The bucket of a value, with 2^bits buckets per power of two and as many
 * octaves above the values that have one of their own. */
static inline unsigned
helperHistogramPlace(uint64_t value, unsigned bits, unsigned octaves)
{
    unsigned steps = 1u << bits;

    if (value < 2 * steps)
        return (unsigned)value;
    /* The top bits + 1 bits: a one, then those that choose the step. */
    unsigned shift = 63u - (unsigned)__builtin_clzll(value) - bits;
    if (shift > octaves)
        return (octaves + 2) * steps - 1;
    return 2 * steps + (shift - 1) * steps + (unsigned)(value >> shift) - steps;
}

/* The bucket of a value in a HelperHistogram. */
static inline unsigned
helperHistogramBucket(uint64_t value)
{
    return helperHistogramPlace(value, HELPER_HISTOGRAM_BITS,
                                HELPER_HISTOGRAM_OCTAVES);
}

/* Count one value; a negative one (a clock that went back) counts as 0. */
static inline void
helperHistogramAdd(HelperHistogram *histogram, int64_t value)
{
    uint64_t v = value > 0 ? (uint64_t)value : 0;

    histogram->count++;
    histogram->sum += v;
    histogram->buckets[helperHistogramBucket(v)]++;
    if (v > histogram->max)
        histogram->max = v;
}

/* The least and the first value beyond those that share a bucket. */
void helperHistogramRange(unsigned bucket, uint64_t *fromOut, uint64_t *toOut);

/* The value that the share q (0 .. 1) of all values does not exceed; 0 when
 * empty. Walks all buckets. */
double helperHistogramQuantile(const HelperHistogram *histogram, double q);

/* What was counted since the histogram was like before; the maximum is that of
 * all. */
void helperHistogramSince(const HelperHistogram *histogram,
                          const HelperHistogram *before, HelperHistogram *out);

/* The same in a kilobyte, for what there are many of: a quantile is off by at
 * most 7 %. */
#define HELPER_BRIEF_BITS 3
#define HELPER_BRIEF_OCTAVES 29
#define HELPER_BRIEF_BUCKETS ((HELPER_BRIEF_OCTAVES + 2) << HELPER_BRIEF_BITS)

typedef struct HelperBrief {
    uint64_t sum;
    uint32_t count;
    uint32_t max; /* more than an hour counts as that */
    uint32_t buckets[HELPER_BRIEF_BUCKETS];
} HelperBrief;

/* Count one value, as helperHistogramAdd. */
static inline void
helperBriefAdd(HelperBrief *brief, int64_t value)
{
    uint32_t v = value <= 0           ? 0
                 : value < UINT32_MAX ? (uint32_t)value
                                      : UINT32_MAX;

    brief->count++;
    brief->sum += v;
    brief->buckets[helperHistogramPlace(v, HELPER_BRIEF_BITS,
                                        HELPER_BRIEF_OCTAVES)]++;
    if (v > brief->max)
        brief->max = v;
}

/* As helperHistogramQuantile. */
double helperBriefQuantile(const HelperBrief *brief, double q);

#endif
