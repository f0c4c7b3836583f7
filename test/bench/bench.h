/* bench.h: what the benchmarks share. */
#ifndef SQUIRE_BENCH_H
#define SQUIRE_BENCH_H

#include <stddef.h>

/* Microseconds of CPU that this process has used so far. */
double benchCpuUs(void);

/* The median; sorts the values. */
double benchMedian(double *values, size_t count);

#endif
