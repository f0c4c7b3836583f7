/* All figures as one line.
 * DEBUG: section 16 */
#include "manager_sample.h"

#include <errno.h>
#include <string.h>

#include "helper.h"
#include "manager_priv.h"

unsigned
managerSampleClass(double ms)
{
    return helperHistogramPlace((uint64_t)(ms * 1000 + 0.5), HELPER_BRIEF_BITS,
                                HELPER_BRIEF_OCTAVES);
}

int
managerSamplePutCounts(Buf *out, const uint64_t *counts, size_t count)
{
    while (count > 0 && counts[count - 1] == 0)
        count--;
    bufPrintf(out, "[");
    for (size_t i = 0; i < count; i++)
        bufPrintf(out, "%s%llu", i > 0 ? "," : "",
                  (unsigned long long)counts[i]);
    return bufPrintf(out, "]");
}

static void
addBucket(double fromMs, double toMs, uint64_t count, void *data)
{
    uint64_t *counts = data;

    (void)toMs;
    counts[managerSampleClass(fromMs)] += count;
}

static void
putHistogram(Buf *out, const HelperPool *pool, const char *name,
             HelperLatencyKind kind)
{
    uint64_t counts[MANAGER_SAMPLE_CLASSES] = {0};

    helperPoolBuckets(pool, kind, addBucket, counts);
    bufPrintf(out, "\"%s\": ", name);
    managerSamplePutCounts(out, counts, MANAGER_SAMPLE_CLASSES);
}

static void
putPool(HelperPool *pool, void *data)
{
    Buf *out = data;
    bool isFirst = bufData(out)[bufLen(out) - 1] == '[';

    bufPrintf(out, "%s{", isFirst ? "" : ", ");
    managerPutPool(out, pool);
    putHistogram(out, pool, "queue_histogram", HELPER_LATENCY_QUEUE);
    bufPrintf(out, ", ");
    putHistogram(out, pool, "service_histogram", HELPER_LATENCY_SERVICE);
    bufPrintf(out, "}");
}

/* Line ends stand only between the parts of JSON, never in a text. */
static void
joinLines(Buf *text)
{
    char *at = bufData(text), *end = at + bufLen(text);

    while ((at = memchr(at, '\n', (size_t)(end - at))) != NULL)
        *at++ = ' ';
}

/* The members info, peers and pools. */
static void
putFigures(Buf *out, const Proxy *proxy)
{
    bufPrintf(out, "\"info\": ");
    managerWriteInfo(out, proxy);
    bufPrintf(out, ", \"peers\": ");
    managerWritePeers(out, proxy);
    bufPrintf(out, ", \"pools\": [");
    helperPoolForEach(putPool, out);
    bufPrintf(out, "]");
}

int
managerWriteFigures(Buf *out, const Proxy *proxy)
{
    bufPrintf(out, "{");
    putFigures(out, proxy);
    return bufPrintf(out, "}\n");
}

int
managerSampleWrite(Buf *out, const Proxy *proxy, const ManagerRecent *recent)
{
    bufClear(out);
    bufPrintf(out, "{");
    managerRecentPutLast(recent, out);
    bufPrintf(out, ", ");
    putFigures(out, proxy);
    bufPrintf(out, "}");
    joinLines(out);
    return bufIsShort(out) ? -ENOBUFS : 0;
}
