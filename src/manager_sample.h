/*
 * manager_sample.h: what the live page shows, once a second: all figures as
 * one line of JSON.
 *
 * {"time", "interval_ms", "latency_ms": {count, p50, p90, p99, max} of the
 * requests of that interval, "info": as /info, "pools": as /helpers without
 * the processes, "peers": as /peers}. A pool has "queue_histogram" and
 * "service_histogram", too: how many latencies there were so far in each
 * class (see managerSampleClass), up to the last class that has any.
 * Thread: loop.
 */
#ifndef SQUIRE_MANAGER_SAMPLE_H
#define SQUIRE_MANAGER_SAMPLE_H

#include "buf.h"
#include "helper_histogram.h"
#include "proxy.h"

#define MANAGER_SAMPLE_MS 1000
#define MANAGER_SAMPLE_CLASSES HELPER_BRIEF_BUCKETS

typedef struct ManagerSampler ManagerSampler;

/* A sample was made; text is borrowed for the call. */
typedef void ManagerSampleCb(const Buf *text, void *data);

/* Make a sample now, without telling cb, and one every second from then on.
 * Returns owned. */
ManagerSampler *managerSamplerCreate(const Proxy *proxy, ManagerSampleCb *cb,
                                     void *data);

/* The sample made last; returns borrowed until the next one. */
const Buf *managerSamplerLast(const ManagerSampler *sampler);

/* No more samples. Clears *sampler; NULL inside is accepted. */
void managerSamplerDestroy(ManagerSampler **sampler);

/* The class of a latency: those of 0 to 15 microseconds have one each; above,
 * each power of two has eight, as a HelperBrief has: class i begins at
 * (8 + i % 8) * 2^(i / 8 - 1) microseconds. */
unsigned managerSampleClass(double ms);

/* Append counts as a JSON array that ends with the last one that is not 0. 0
 * or -ENOBUFS. */
int managerSamplePutCounts(Buf *out, const uint64_t *counts, size_t count);

#endif
