/*
 * proxy.h: the proxy: its ports, clients, cache, rewriter and logs. One per
 * loop; main.c makes it and tells it what happens.
 * Thread: loop.
 */
#ifndef SQUIRE_PROXY_H
#define SQUIRE_PROXY_H

#include <stdbool.h>
#include <stdint.h>

#include "access_log.h"
#include "cache_store.h"
#include "config.h"
#include "helper_histogram.h"
#include "peer.h"
#include "pinger.h"
#include "report.h"

typedef struct Proxy Proxy;

#define PROXY_STATUS_CLASSES 6 /* 0: no answer was sent */

typedef struct ProxyStats {
    int64_t startedUs;    /* commNowUs() then */
    uint64_t connections; /* accepted */
    uint64_t tlsFailures; /* handshakes of others that came to nothing */
    uint64_t requests;    /* finished, whatever came of them */
    uint64_t byResult[ACCESS_RESULT_COUNT];
    uint64_t byClass[PROXY_STATUS_CLASSES]; /* [4]: of 400 to 499 ... */
    uint64_t octetsIn;  /* from clients */
    uint64_t octetsOut; /* to clients */
    uint64_t hitOctets; /* of these, in answers out of the cache */
    uint64_t aborted;   /* clients that went away early */
    uint64_t failed;    /* answered by an error of 500 or above of our own */
    uint64_t asked;     /* requests that an origin or parent was asked for */
    uint64_t originFailed; /* of these, in vain */
    uint64_t originIn;     /* octets of their bodies */
    uint64_t originOut;    /* octets of these requests */
    unsigned clients;   /* connected now; each request by HTTP/2 is one */
    unsigned h2Sessions; /* HTTP/2 connections now */
    unsigned active;    /* with a request in progress */
    unsigned tunnels;
    unsigned origins; /* requests at origins now */
    bool isStopping;
    CacheStoreStats cache; /* in memory */
    CacheStoreStats disk;  /* cache_dir; all 0: there is none */
} ProxyStats;

/* What is stored; borrowed. */
CacheStore *proxyStore(const Proxy *proxy);

/* Remove all that is stored of a canonical URL or store-id. Returns how
 * many. */
unsigned proxyPurge(const Proxy *proxy, HttpSlice text);

/* Something that is wrong, for people ("FILE:LINE: http_port ..."); borrowed
 * until return. */
typedef void ProxyComplainCb(const char *text, void *data);

/* Open the ports that config says, and nothing else yet; keeps a reference.
 * Returns owned, or NULL after complaints, nothing left open. */
Proxy *proxyCreate(Config *config, ProxyComplainCb *complain, void *data);

/* Open the logs and start the helpers: what needs no special rights. 0, or
 * -errno after complaints. */
int proxyStart(Proxy *proxy, ProxyComplainCb *complain, void *data);

/*
 * Go on with another configuration: requests in progress keep theirs. Ports
 * are opened and closed, pools of helpers are replaced only if their
 * definition is another. 0, or -errno after complaints and with nothing
 * changed: a port or a log cannot be had. A pool that cannot be made is told
 * and left out.
 */
int proxyReconfigure(Proxy *proxy, Config *config, ProxyComplainCb *complain,
                     void *data);

/* Reopen the access logs, and have log daemons rotate theirs. No helper is
 * touched, but those that write to the debug log by themselves (stderr=raw)
 * are replaced. 0, or -errno after complaints: those logs stay as they
 * were. */
int proxyRotate(Proxy *proxy, ProxyComplainCb *complain, void *data);

/* Take no more requests; let those in progress finish, then stop the
 * helpers; commLoopStop is called when all is done or lifetimeMs is over. */
void proxyShutdown(Proxy *proxy, int64_t lifetimeMs);

/* Close everything now. Clears *proxy; NULL inside is accepted. */
void proxyDestroy(Proxy **proxy);

/* Copy the figures. */
void proxyStatsGet(const Proxy *proxy, ProxyStats *statsOut);

/* How many requests were answered out of the cache. */
uint64_t proxyStatsHits(const ProxyStats *stats);

/* How many the cache could have answered: without tunnels, and without what
 * was denied, redirected or not understood. */
uint64_t proxyStatsLookups(const ProxyStats *stats);

/* How long requests took, in microseconds: those that were answered to the end,
 * without tunnels; borrowed while the proxy lives. */
const HelperHistogram *proxyLatency(const Proxy *proxy);

/* The pinger, or NULL; borrowed until the loop's turn is over. */
const Pinger *proxyPinger(const Proxy *proxy);

/* The parents; borrowed as above. NULL before the start. */
const PeerSet *proxyPeers(const Proxy *proxy);

/* Copy the figures of at most room access logs. How many there are. */
size_t proxyLogStats(const Proxy *proxy, AccessLogStats *out, size_t room);

/* An address that clients come from. */
typedef struct ProxyAddressRow {
    const char *address;
    const char *name; /* as far as it was looked up, or NULL */
    unsigned connections;
} ProxyAddressRow;

typedef void ProxyAddressCb(const ProxyAddressRow *row, void *data);

/* Call cb for each address that is connected; a row is borrowed for the
 * call. */
void proxyForEachAddress(const Proxy *proxy, ProxyAddressCb *cb, void *data);

/* How many there are. */
unsigned proxyAddressCount(const Proxy *proxy);

/* A request in progress. */
typedef struct ProxyActiveRow {
    const struct sockaddr *client;
    const struct sockaddr *local;
    const char *method;
    const char *url;
    const char *state; /* what is done */
    const char *user;  /* or NULL */
    int64_t ageUs;
    uint64_t sent;
} ProxyActiveRow;

typedef void ProxyActiveCb(const ProxyActiveRow *row, void *data);

/* Call cb for each whose head is here; a row is borrowed for the call. */
void proxyForEachActive(const Proxy *proxy, ProxyActiveCb *cb, void *data);

/* Write the document of the manager that is asked for at an http_port; returns
 * the status: 200, 401 without its password, 404 ... Nothing is kept. */
typedef int ProxyReportCb(const Report *report, Buf *out, void *data);

/* Whom to ask for them; until then there are none. Borrows data for as long as
 * the loop runs. */
void proxySetReports(Proxy *proxy, ProxyReportCb *cb, void *data);

/* The address of the first http_port as text ("127.0.0.1:3128"); returns
 * borrowed while the proxy lives. */
const char *proxyFirstAddress(const Proxy *proxy);

#endif
