/*
 * peer.h: the parents (cache_peer) and which of them is asked next. A
 * parent that cannot be connected to is left out for a while. Time is a
 * parameter. Thread: one.
 */
#ifndef SQUIRE_PEER_H
#define SQUIRE_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "access_log.h"
#include "config.h"

#define PEER_DEAD_US (10 * INT64_C(1000000)) /* after a failure */

typedef struct PeerSet PeerSet;

/* The parent to ask, all borrowed until the set changes. */
typedef struct PeerChoice {
    const char *name;
    const char *host;
    unsigned port;
    AccessHierarchy hierarchy; /* why it was chosen */
} PeerChoice;

typedef struct PeerRow {
    const char *name;
    const char *host;
    unsigned port;
    bool isDead;
    uint64_t picked;
    uint64_t failed;
} PeerRow;

/* The round trip to a host in microseconds; 0: not known. */
typedef uint64_t PeerRttCb(const char *host, void *data);

/* What is to be asked for; texts are borrowed, and NULL where not known. */
typedef struct PeerQuery {
    PeerRttCb *rtt;
    void *data;
    const char *url;
    const char *client; /* its address */
    const char *user;
} PeerQuery;

typedef void PeerRowCb(const PeerRow *row, void *data);

/* The parents of config; they are copied. older: NULL, or a set whose
 * knowledge of parents of the same name and address is kept; taken. Returns
 * owned. */
PeerSet *peerSetCreate(const Config *config, PeerSet *older);

/* Clears *set; NULL inside is accepted. */
void peerSetDestroy(PeerSet **set);

/*
 * The next parent for a request: the one of the carp, sourcehash and userhash
 * ones that is for this URL, address or user (each of them for a share of
 * them as large as its weight=; the others' shares stay as they are when one
 * is left out); else the nearest one (its round trip divided by weight=);
 * else the one of the round-robin ones that had its turn longest ago; else the
 * first; a default one last. A closest-only one is chosen for being nearest
 * and for nothing else. *tried holds those that the request has tried, at
 * first 0. False: none is left, go direct.
 */
bool peerSetPick(PeerSet *set, const PeerQuery *query, uint64_t *tried,
                 PeerChoice *choiceOut);

/* Those that are web servers, or those that are proxies, as bits for `tried`:
 * a request that must not go there has tried them. */
uint64_t peerSetKind(const PeerSet *set, bool isOriginServer);

/* Leave the parent called name out for a while. Unknown names do nothing. */
void peerSetFailed(PeerSet *set, const char *name, const char *why,
                   int64_t nowUs);

/* It was connected to. */
void peerSetWorked(PeerSet *set, const char *name);

/* Let those be tried again whose time is over. */
void peerSetRevive(PeerSet *set, int64_t nowUs);

/* Call cb for each, in the order of the configuration. */
void peerSetForEach(const PeerSet *set, PeerRowCb *cb, void *data);

#endif
