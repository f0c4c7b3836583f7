/*
 * manager_sample.h: what the live page shows, once a second: all figures as
 * one line of JSON.
 *
 * {the members of a point (manager_recent.h), "info": as /info, "pools": as
 * /helpers without the processes, "peers": as /peers}. A pool has
 * "queue_histogram" and "service_histogram", too: how many latencies there
 * were so far in each class (see managerSampleClass), up to the last class
 * that has any.
 * Thread: loop.
 */
#ifndef SQUIRE_MANAGER_SAMPLE_H
#define SQUIRE_MANAGER_SAMPLE_H

#include "buf.h"
#include "helper_histogram.h"
#include "manager_recent.h"
#include "proxy.h"

#define MANAGER_SAMPLE_MAX (384 * 1024) /* less than a stream has room for */
#define MANAGER_SAMPLE_CLASSES HELPER_BRIEF_BUCKETS

/* Write a sample of now, which belongs to the last point of recent; out has
 * room for MANAGER_SAMPLE_MAX. 0, or -ENOBUFS: there is too much to tell. */
int managerSampleWrite(Buf *out, const Proxy *proxy,
                       const ManagerRecent *recent);

/* The class of a latency: those of 0 to 15 microseconds have one each; above,
 * each power of two has eight, as a HelperBrief has: class i begins at
 * (8 + i % 8) * 2^(i / 8 - 1) microseconds. */
unsigned managerSampleClass(double ms);

/* Append counts as a JSON array that ends with the last one that is not 0. 0
 * or -ENOBUFS. */
int managerSamplePutCounts(Buf *out, const uint64_t *counts, size_t count);

#endif
