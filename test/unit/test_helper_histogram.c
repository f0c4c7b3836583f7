/* test_helper_histogram.c: latency histogram. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "helper_histogram.h"

static HelperHistogram histogram;

static void
add(int64_t value, int times)
{
    while (times-- > 0)
        helperHistogramAdd(&histogram, value);
}

Test(helperHistogram, empty_gives_zero)
{
    cr_assert_float_eq(helperHistogramQuantile(&histogram, 0.5), 0, 1e-9);
    cr_assert_float_eq(helperHistogramQuantile(&histogram, 1.0), 0, 1e-9);
}

Test(helperHistogram, small_values_are_exact)
{
    for (int i = 0; i < 128; i++)
        add(i, 1);
    cr_assert_float_eq(helperHistogramQuantile(&histogram, 0.5), 63, 1e-9);
    cr_assert_float_eq(helperHistogramQuantile(&histogram, 1.0), 127, 1e-9);
    cr_assert_eq(histogram.count, 128);
}

Test(helperHistogram, quantiles_are_those_of_the_ranks)
{
    add(10, 90);
    add(20, 9);
    add(100, 1);
    cr_assert_float_eq(helperHistogramQuantile(&histogram, 0.50), 10, 1e-9);
    cr_assert_float_eq(helperHistogramQuantile(&histogram, 0.90), 10, 1e-9);
    cr_assert_float_eq(helperHistogramQuantile(&histogram, 0.99), 20, 1e-9);
    cr_assert_float_eq(helperHistogramQuantile(&histogram, 1.0), 100, 1e-9);
}

/* Property: each value alone is found again within one percent. */
Test(helperHistogram, any_value_is_kept_within_one_percent)
{
    for (double value = 1; value < 8e9; value *= 1.0137) {
        int64_t v = (int64_t)value;
        histogram = (HelperHistogram){0};
        add(v, 1);
        add((int64_t)1 << 40, 1); /* so that max does not mend it */
        double found = helperHistogramQuantile(&histogram, 0.5);
        cr_assert(fabs(found - (double)v) <= (double)v / 100, "%lld became %f",
                  (long long)v, found);
    }
}

Test(helperHistogram, neighbours_never_swap)
{
    double last = -1;

    for (int64_t v = 0; v < 100000; v += 1 + v / 200) {
        histogram = (HelperHistogram){0};
        add(v, 1);
        add((int64_t)1 << 40, 1);
        double found = helperHistogramQuantile(&histogram, 0.5);
        cr_assert_geq(found, last);
        last = found;
    }
}

Test(helperHistogram, values_out_of_range_count_at_the_ends)
{
    add(-5, 1);
    cr_assert_float_eq(helperHistogramQuantile(&histogram, 1.0), 0, 1e-9);
    add(INT64_MAX, 3);
    cr_assert_eq(histogram.count, 4);
    cr_assert_eq(histogram.max, (uint64_t)INT64_MAX);
    cr_assert_gt(helperHistogramQuantile(&histogram, 0.9), 8e9);
}

Test(helperHistogram, ranges_are_those_of_the_buckets)
{
    uint64_t from, to, last = 0;

    for (unsigned i = 0; i < HELPER_HISTOGRAM_BUCKETS; i++) {
        helperHistogramRange(i, &from, &to);
        cr_assert_eq(from, last, "they leave no gap");
        cr_assert_eq(helperHistogramBucket(from), i);
        cr_assert_eq(helperHistogramBucket(to - 1), i);
        last = to;
    }
}

Test(helperHistogram, a_brief_one_is_off_by_seven_percent_at_most)
{
    HelperBrief brief = {0};

    cr_assert_float_eq(helperBriefQuantile(&brief, 0.5), 0, 1e-9);
    for (double value = 1; value < 4e9; value *= 1.137) {
        int64_t v = (int64_t)value;
        brief = (HelperBrief){0};
        helperBriefAdd(&brief, v);
        helperBriefAdd(&brief, (int64_t)1 << 40);
        double found = helperBriefQuantile(&brief, 0.5);
        cr_assert(fabs(found - (double)v) <= (double)v * 0.07, "%lld became %f",
                  (long long)v, found);
    }
    cr_assert_eq(brief.max, UINT32_MAX);
    helperBriefAdd(&brief, -5);
    cr_assert_eq(brief.count, 3);
    cr_assert_gt(brief.sum, UINT32_MAX);
    cr_assert_eq(brief.buckets[0], 1);
}

Test(helperHistogram, the_difference_has_what_was_added)
{
    HelperHistogram before, since;

    add(10, 90);
    before = histogram;
    add(20, 10);
    add(5000, 10);
    helperHistogramSince(&histogram, &before, &since);
    cr_assert_eq(since.count, 20);
    cr_assert_eq(since.sum, 20 * 10 + 5000 * 10);
    cr_assert_float_eq(helperHistogramQuantile(&since, 0.5), 20, 1e-9);
    cr_assert_float_eq(helperHistogramQuantile(&since, 1), 5000, 50);
}
