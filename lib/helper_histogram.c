/* helper_histogram.c: latencies counted in log-linear buckets. */
#include "helper_histogram.h"

/* The values that share a bucket: the least, and how many. */
static uint64_t
rangeOf(unsigned bucket, unsigned bits, uint64_t *widthOut)
{
    unsigned steps = 1u << bits;

    *widthOut = 1;
    if (bucket < 2 * steps)
        return bucket;
    unsigned above = bucket - 2 * steps;
    unsigned shift = above / steps + 1;
    *widthOut = 1ull << shift;
    return (uint64_t)(above % steps + steps) << shift;
}

void
helperHistogramRange(unsigned bucket, uint64_t *fromOut, uint64_t *toOut)
{
    uint64_t width;

    *fromOut = rangeOf(bucket, HELPER_HISTOGRAM_BITS, &width);
    *toOut = *fromOut + width;
}

/* The middle of the bucket that has the value of this rank. */
static double
quantile(const uint32_t *buckets, unsigned last, unsigned bits, uint64_t count,
         double q)
{
    uint64_t rank = (uint64_t)(q * (double)count);
    uint64_t width, seen = buckets[0];
    unsigned i = 0;

    /* Not beyond the last one, should a bucket ever have overflowed. */
    while ((seen < rank || seen == 0) && i < last)
        seen += buckets[++i];
    uint64_t from = rangeOf(i, bits, &width);
    return (double)from + (double)(width - 1) / 2;
}

static double
atMost(double value, double max)
{
    return value < max ? value : max;
}

double
helperHistogramQuantile(const HelperHistogram *histogram, double q)
{
    if (histogram->count == 0)
        return 0;
    return atMost(quantile(histogram->buckets, HELPER_HISTOGRAM_BUCKETS - 1,
                           HELPER_HISTOGRAM_BITS, histogram->count, q),
                  (double)histogram->max);
}

void
helperHistogramSince(const HelperHistogram *histogram,
                     const HelperHistogram *before, HelperHistogram *out)
{
    out->count = histogram->count - before->count;
    out->sum = histogram->sum - before->sum;
    out->max = histogram->max;
    for (unsigned i = 0; i < HELPER_HISTOGRAM_BUCKETS; i++)
        out->buckets[i] = histogram->buckets[i] - before->buckets[i];
}

double
helperBriefQuantile(const HelperBrief *brief, double q)
{
    if (brief->count == 0)
        return 0;
    return atMost(quantile(brief->buckets, HELPER_BRIEF_BUCKETS - 1,
                           HELPER_BRIEF_BITS, brief->count, q),
                  brief->max);
}
