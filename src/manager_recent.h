/*
 * manager_recent.h: the last five minutes, for whoever begins to watch: a
 * point with the proxy's figures for every second, the requests of each helper
 * pool, and what happened to helpers.
 *
 * The members of a point are "time", "interval_ms" (since the one before),
 * "pid", what was counted until then ("requests", "hits", "lookups",
 * "client_errors", "server_errors", "octets_in", "octets_out"), what there was
 * ("clients", "active", "tunnels"), and "latency_ms": {count, p50, p90, p99,
 * max} of the requests of that interval. Thread: loop.
 */
#ifndef SQUIRE_MANAGER_RECENT_H
#define SQUIRE_MANAGER_RECENT_H

#include "buf.h"
#include "proxy.h"

#define MANAGER_RECENT_MS 1000
#define MANAGER_RECENT_POINTS 300
#define MANAGER_RECENT_EVENTS 100
#define MANAGER_RECENT_MAX (480 * 1024) /* octets of it as text */

typedef struct ManagerRecent ManagerRecent;

/* A point was made. */
typedef void ManagerRecentCb(void *data);

/* Make a point now, without telling cb, and one every second from then on.
 * The proxy must live as long. Returns owned. */
ManagerRecent *managerRecentCreate(const Proxy *proxy, ManagerRecentCb *cb,
                                   void *data);

/* Clears *recent; NULL inside is accepted. */
void managerRecentDestroy(ManagerRecent **recent);

/* Remember what happened, a JSON object of len octets; the oldest one is
 * forgotten for it. Borrows text. */
void managerRecentAddEvent(ManagerRecent *recent, const char *text, size_t len);

/* Append the members of the last point. 0 or -ENOBUFS. */
int managerRecentPutLast(const ManagerRecent *recent, Buf *out);

/* Append {"points": [...], "pools": {NAME: [...]}, "events": [...]}, each the
 * oldest first: a pool's requests at each point, null before there was the
 * pool. 0 or -ENOBUFS. */
int managerRecentWrite(ManagerRecent *recent, Buf *out);

#endif
