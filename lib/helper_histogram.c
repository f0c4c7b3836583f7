/* helper_histogram.c: latencies counted in log-linear buckets. */
#include "helper_histogram.h"

/* The middle of the values that share a bucket. */
static double
valueOf(unsigned bucket)
{
    if (bucket < HELPER_HISTOGRAM_LINEAR)
        return bucket;
    unsigned above = bucket - HELPER_HISTOGRAM_LINEAR;
    unsigned shift = above / HELPER_HISTOGRAM_STEPS + 1;
    uint64_t top = above % HELPER_HISTOGRAM_STEPS + HELPER_HISTOGRAM_STEPS;

    return (double)(top << shift) + (double)((1ull << shift) - 1) / 2;
}

double
helperHistogramQuantile(const HelperHistogram *histogram, double q)
{
    uint64_t rank = (uint64_t)(q * (double)histogram->count);
    uint64_t seen = 0;
    double value;

    if (histogram->count == 0)
        return 0;
    if (rank < 1)
        rank = 1;
    for (unsigned i = 0; i < HELPER_HISTOGRAM_BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (seen < rank)
            continue;
        value = valueOf(i);
        return value < (double)histogram->max ? value : (double)histogram->max;
    }
    return (double)histogram->max;
}
