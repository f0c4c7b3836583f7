/* ctl_latency.c: what latencies were between two looks. */
#include "ctl_latency.h"

static double
edgeOf(const json_t *range, size_t edge)
{
    return json_number_value(json_array_get(range, edge));
}

static json_int_t
countOf(const json_t *range)
{
    return json_integer_value(json_array_get(range, 2));
}

static json_int_t
sumOf(const json_t *ranges)
{
    json_int_t sum = 0;

    for (size_t i = 0; i < json_array_size(ranges); i++)
        sum += countOf(json_array_get(ranges, i));
    return sum;
}

/* The count of the range that begins at `from`; *at moves up to it. */
static json_int_t
countAt(const json_t *ranges, double from, size_t *at)
{
    const json_t *range;

    while ((range = json_array_get(ranges, *at)) != NULL &&
           edgeOf(range, 0) < from)
        (*at)++;
    return range != NULL && edgeOf(range, 0) <= from ? countOf(range) : 0;
}

double
ctlLatencySince(const json_t *now, const json_t *before, double q)
{
    json_int_t sum = sumOf(now) - sumOf(before), seen = 0;
    size_t at = 0;

    if (sum < 0) { /* the pool, or the proxy, is another one */
        before = NULL;
        sum = sumOf(now);
    }
    for (size_t i = 0; sum > 0 && i < json_array_size(now); i++) {
        const json_t *range = json_array_get(now, i);
        double from = edgeOf(range, 0);
        json_int_t more = countOf(range) - countAt(before, from, &at);

        seen += more > 0 ? more : 0;
        if (seen > 0 && (double)seen >= q * (double)sum)
            return (from + edgeOf(range, 1)) / 2;
    }
    return -1;
}
