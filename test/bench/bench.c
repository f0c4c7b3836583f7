/* bench.c: what the benchmarks share. */
#include "bench.h"

#include <stdlib.h>
#include <sys/resource.h>

#include "check.h"

double
benchCpuUs(void)
{
    struct rusage usage;

    CHECK(!getrusage(RUSAGE_SELF, &usage));
    return (double)usage.ru_utime.tv_sec * 1e6 +
           (double)usage.ru_utime.tv_usec +
           (double)usage.ru_stime.tv_sec * 1e6 + (double)usage.ru_stime.tv_usec;
}

static int
compareDoubles(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

double
benchMedian(double *values, size_t count)
{
    qsort(values, count, sizeof(*values), compareDoubles);
    return values[count / 2];
}
