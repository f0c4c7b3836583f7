/*
 * manager_priv.h: the documents of the manager port. Each function appends
 * one to out; 0 or -ENOBUFS. Thread: loop.
 */
#ifndef SQUIRE_MANAGER_PRIV_H
#define SQUIRE_MANAGER_PRIV_H

#include "manager.h"

/* The live page. */
int managerWritePage(Buf *out, const Proxy *proxy);

/* A small page to try the proxy with. */
int managerWriteDemo(Buf *out, const Proxy *proxy);

/* The array of pools, as JSON. */
int managerWriteHelpers(Buf *out, const Proxy *proxy);

/* Figures of the proxy itself, as JSON. */
int managerWriteInfo(Buf *out, const Proxy *proxy);

/* All figures in Prometheus' text format. */
int managerWriteMetrics(Buf *out, const Proxy *proxy);

#endif
