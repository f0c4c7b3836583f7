/* All figures once a second, for as long as somebody watches.
 * DEBUG: section 16 */
#include "manager_sample.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "comm.h"
#include "helper.h"
#include "manager_priv.h"
#include "xalloc.h"

#define SAMPLER_MAGIC 0x3a9a6e06u
#define SAMPLE_MAX (384 * 1024) /* less than a stream has room for */

struct ManagerSampler {
    uint32_t magic;
    const Proxy *proxy;
    ManagerSampleCb *cb;
    void *data;
    CommTimer *timer;
    int64_t atUs;           /* of the last sample */
    HelperHistogram before; /* client latencies then */
    HelperHistogram since;  /* and since the one before */
    Buf text;
};

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

static void
putLatency(Buf *out, const HelperHistogram *histogram)
{
    bufPrintf(out,
              "\"latency_ms\": {\"count\": %llu, \"p50\": %.6g, "
              "\"p90\": %.6g, \"p99\": %.6g, \"max\": %.6g}",
              (unsigned long long)histogram->count,
              helperHistogramQuantile(histogram, 0.5) / 1000,
              helperHistogramQuantile(histogram, 0.9) / 1000,
              helperHistogramQuantile(histogram, 0.99) / 1000,
              helperHistogramQuantile(histogram, 1) / 1000);
}

/* Line ends stand only between the parts of JSON, never in a text. */
static void
joinLines(Buf *text)
{
    char *at = bufData(text), *end = at + bufLen(text);

    while ((at = memchr(at, '\n', (size_t)(end - at))) != NULL)
        *at++ = ' ';
}

/* The members info, peers and pools. 0 or -ENOBUFS. */
static int
putFigures(Buf *out, const Proxy *proxy)
{
    bufPrintf(out, "\"info\": ");
    managerWriteInfo(out, proxy);
    bufPrintf(out, ", \"peers\": ");
    managerWritePeers(out, proxy);
    bufPrintf(out, ", \"pools\": [");
    helperPoolForEach(putPool, out);
    /* When there was no room for one of the texts, then for this neither. */
    return bufPrintf(out, "]");
}

int
managerWriteFigures(Buf *out, const Proxy *proxy)
{
    bufPrintf(out, "{");
    putFigures(out, proxy);
    return bufPrintf(out, "}\n");
}

static void
makeSample(ManagerSampler *sampler)
{
    const HelperHistogram *latency = proxyLatency(sampler->proxy);
    Buf *out = &sampler->text;
    int64_t now = commNowUs();

    helperHistogramSince(latency, &sampler->before, &sampler->since);
    sampler->before = *latency;
    bufClear(out);
    bufPrintf(out, "{\"time\": %.3f, \"interval_ms\": %.1f, ",
              (double)commWallUs() / 1e6, (double)(now - sampler->atUs) / 1000);
    sampler->atUs = now;
    putLatency(out, &sampler->since);
    bufPrintf(out, ", ");
    putFigures(out, sampler->proxy);
    if (bufPrintf(out, "}") < 0)
        bufClear(out);
    joinLines(out);
}

static void
onSecond(void *data)
{
    ManagerSampler *sampler = data;

    CHECK_OBJ(sampler, SAMPLER_MAGIC);
    makeSample(sampler);
    sampler->timer = commTimerAdd(MANAGER_SAMPLE_MS, onSecond, sampler);
    sampler->cb(&sampler->text, sampler->data);
}

ManagerSampler *
managerSamplerCreate(const Proxy *proxy, ManagerSampleCb *cb, void *data)
{
    ManagerSampler *sampler = xcalloc(1, sizeof(*sampler));

    sampler->magic = SAMPLER_MAGIC;
    sampler->proxy = proxy;
    sampler->cb = cb;
    sampler->data = data;
    sampler->atUs = commNowUs();
    sampler->before = *proxyLatency(proxy);
    bufInit(&sampler->text, SAMPLE_MAX);
    makeSample(sampler);
    sampler->timer = commTimerAdd(MANAGER_SAMPLE_MS, onSecond, sampler);
    return sampler;
}

const Buf *
managerSamplerLast(const ManagerSampler *sampler)
{
    CHECK_OBJ(sampler, SAMPLER_MAGIC);
    return &sampler->text;
}

void
managerSamplerDestroy(ManagerSampler **samplerp)
{
    ManagerSampler *sampler = *samplerp;

    *samplerp = NULL;
    if (sampler == NULL)
        return;
    CHECK_OBJ(sampler, SAMPLER_MAGIC);
    commTimerCancel(&sampler->timer);
    bufFini(&sampler->text);
    CHECK_OBJ_CLEAR(sampler);
    free(sampler);
}
