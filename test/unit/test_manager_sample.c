/* test_manager_sample.c: classes of latencies in samples. */
#include <criterion/criterion.h>
#include <string.h>

#include "manager_sample.h"

static double
beginMs(unsigned i)
{
    return (i < 16 ? i : (8 + i % 8) << (i / 8 - 1)) / 1000.0;
}

Test(managerSample, classes_begin_where_the_header_says)
{
    cr_assert_eq(managerSampleClass(0), 0);
    for (unsigned i = 1; i < MANAGER_SAMPLE_CLASSES - 16; i++) {
        cr_assert_eq(managerSampleClass(beginMs(i)), i, "%u", i);
        cr_assert_eq(managerSampleClass(beginMs(i) - 0.001), i - 1, "%u", i);
    }
}

Test(managerSample, what_lasts_longest_is_in_the_last_class)
{
    cr_assert_lt(managerSampleClass(1800e3), MANAGER_SAMPLE_CLASSES - 1);
    cr_assert_eq(managerSampleClass(1e15), MANAGER_SAMPLE_CLASSES - 1);
}

static void
assertCounts(const uint64_t *counts, size_t count, const char *wanted)
{
    Buf out;

    bufInit(&out, 100);
    cr_assert_eq(managerSamplePutCounts(&out, counts, count), 0);
    bufAppend(&out, "", 1);
    cr_assert_str_eq(bufData(&out), wanted);
    bufFini(&out);
}

Test(managerSample, counts_end_with_the_last_that_is_not_zero)
{
    assertCounts((uint64_t[]){0, 0, 0}, 3, "[]");
    assertCounts((uint64_t[]){0, 7, 0, 9, 0}, 5, "[0,7,0,9]");
    assertCounts((uint64_t[]){UINT64_MAX}, 1, "[18446744073709551615]");
}

Test(managerSample, no_room_for_counts_is_told)
{
    uint64_t counts[] = {1, 2, 3, 4, 5, 6};
    Buf out;

    bufInit(&out, 8);
    cr_assert_lt(managerSamplePutCounts(&out, counts, 6), 0);
    bufFini(&out);
}
