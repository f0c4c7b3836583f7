/* Which parent is asked. DEBUG: section 15 */
#include "peer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "check.h"
#include "debug.h"
#include "xalloc.h"

#define PEER_SET_MAGIC 0x9ee95e70u

typedef struct Peer {
    ConfigPeer config;   /* with texts of its own */
    int64_t deadUntilUs; /* 0: alive */
    unsigned fails;      /* since it was connected to */
    uint64_t turns;      /* of round-robin */
    uint64_t picked;
    uint64_t failed;
} Peer;

struct PeerSet {
    uint32_t magic;
    Peer *peers;
    size_t count;
};

static Peer *
find(const PeerSet *set, const char *name)
{
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->peers[i].config.name, name) == 0)
            return &set->peers[i];
    return NULL;
}

static void
inherit(Peer *peer, const PeerSet *older)
{
    const Peer *was = older != NULL ? find(older, peer->config.name) : NULL;

    if (was == NULL || was->config.port != peer->config.port ||
        strcmp(was->config.host, peer->config.host) != 0)
        return;
    peer->deadUntilUs = was->deadUntilUs;
    peer->picked = was->picked;
    peer->failed = was->failed;
}

PeerSet *
peerSetCreate(const Config *config, PeerSet *older)
{
    PeerSet *set = xcalloc(1, sizeof(*set));

    set->magic = PEER_SET_MAGIC;
    set->count = config->peerCount;
    set->peers = xcalloc(set->count + 1, sizeof(*set->peers));
    for (size_t i = 0; i < set->count; i++) {
        Peer *peer = &set->peers[i];
        peer->config = config->peers[i];
        peer->config.name = xstrdup(peer->config.name);
        peer->config.host = xstrdup(peer->config.host);
        /* The rest is the configuration's, and looked up there. */
        peer->config.user = peer->config.password = NULL;
        peer->config.forcedDomain = NULL;
        peer->config.access = peer->config.domains = NULL;
        peer->config.tls = NULL;
        inherit(peer, older);
    }
    peerSetDestroy(&older);
    return set;
}

void
peerSetDestroy(PeerSet **setp)
{
    PeerSet *set = *setp;

    if (set == NULL)
        return;
    CHECK_OBJ(set, PEER_SET_MAGIC);
    *setp = NULL;
    for (size_t i = 0; i < set->count; i++) {
        free(set->peers[i].config.name);
        free(set->peers[i].config.host);
    }
    free(set->peers);
    CHECK_OBJ_CLEAR(set);
    free(set);
}

/* What one pick goes by. */
typedef struct Pick {
    PeerSet *set;
    const PeerQuery *query;
    uint64_t tried;
} Pick;

static bool
isFree(const Pick *pick, size_t i)
{
    return (pick->tried & UINT64_C(1) << i) == 0 &&
           pick->set->peers[i].deadUntilUs == 0;
}

/* The one with the least figure, or NULL; a figure of 0 means: not this. */
static Peer *
pickLeast(const Pick *pick, double (*figure)(const Pick *, const Peer *))
{
    Peer *best = NULL;
    double least = 0;

    for (size_t i = 0; i < pick->set->count; i++) {
        Peer *peer = &pick->set->peers[i];
        double value = isFree(pick, i) ? figure(pick, peer) : 0;
        if (value > 0 && (best == NULL || value < least)) {
            best = peer;
            least = value;
        }
    }
    return best;
}

/* Each draws a lot of its own for the key; the least wins. Divided by weight,
 * the logarithms of even lots make each win as often as its weight says. */
static double
lotOf(const Peer *peer, bool isIn, const char *key)
{
    if (!isIn || key == NULL || peer->config.isClosestOnly)
        return 0;
    const char *name = peer->config.name;
    uint64_t hash = XXH3_64bits_withSeed(key, strlen(key),
                                         XXH3_64bits(name, strlen(name)));
    double even =
        ((double)(hash >> 11) + 1) / ((double)(UINT64_C(1) << 53) + 1);
    return -log(even) / peer->config.weight;
}

static double
urlLot(const Pick *pick, const Peer *peer)
{
    return lotOf(peer, peer->config.isCarp, pick->query->url);
}

static double
clientLot(const Pick *pick, const Peer *peer)
{
    return lotOf(peer, peer->config.isSourceHash, pick->query->client);
}

static double
userLot(const Pick *pick, const Peer *peer)
{
    return lotOf(peer, peer->config.isUserHash, pick->query->user);
}

static double
distance(const Pick *pick, const Peer *peer)
{
    const PeerQuery *query = pick->query;

    return (double)query->rtt(peer->config.host, query->data) /
           peer->config.weight;
}

static double
turnsTaken(const Pick *pick, const Peer *peer)
{
    (void)pick;
    return peer->config.isRoundRobin && !peer->config.isClosestOnly
               ? (double)(peer->turns + 1) / peer->config.weight
               : 0;
}

static double
isUsual(const Pick *pick, const Peer *peer)
{
    (void)pick;
    return !peer->config.isClosestOnly && !peer->config.isDefault;
}

static double
isLastResort(const Pick *pick, const Peer *peer)
{
    (void)pick;
    return !peer->config.isClosestOnly && peer->config.isDefault;
}

/* In this order. */
static const struct {
    double (*figure)(const Pick *, const Peer *);
    AccessHierarchy hierarchy;
} ways[] = {
    {userLot, ACCESS_HIER_USERHASH_PARENT},
    {clientLot, ACCESS_HIER_SOURCEHASH_PARENT},
    {urlLot, ACCESS_HIER_CARP},
    {distance, ACCESS_HIER_CLOSEST_PARENT},
    {turnsTaken, ACCESS_HIER_ROUNDROBIN_PARENT},
    {isUsual, ACCESS_HIER_FIRSTUP_PARENT},
    {isLastResort, ACCESS_HIER_DEFAULT_PARENT},
};

bool
peerSetPick(PeerSet *set, const PeerQuery *query, uint64_t *tried,
            PeerChoice *choiceOut)
{
    const Pick pick = {set, query, *tried};
    Peer *peer = NULL;
    size_t way = 0;

    CHECK_OBJ(set, PEER_SET_MAGIC);
    for (; way < sizeof(ways) / sizeof(ways[0]); way++) {
        peer = pickLeast(&pick, ways[way].figure);
        if (peer != NULL)
            break;
    }
    if (peer == NULL)
        return false;
    *tried |= UINT64_C(1) << (peer - set->peers);
    peer->picked++;
    peer->turns += peer->config.isRoundRobin;
    *choiceOut = (PeerChoice){.name = peer->config.name,
                              .host = peer->config.host,
                              .port = peer->config.port,
                              .hierarchy = ways[way].hierarchy};
    return true;
}

uint64_t
peerSetKind(const PeerSet *set, bool isOriginServer)
{
    uint64_t bits = 0;

    CHECK_OBJ(set, PEER_SET_MAGIC);
    for (size_t i = 0; i < set->count; i++)
        if (set->peers[i].config.isOriginServer == isOriginServer)
            bits |= UINT64_C(1) << i;
    return bits;
}

void
peerSetFailed(PeerSet *set, const char *name, const char *why, int64_t nowUs)
{
    CHECK_OBJ(set, PEER_SET_MAGIC);
    Peer *peer = find(set, name);
    if (peer == NULL)
        return;
    peer->failed++;
    if (++peer->fails < peer->config.failMax) {
        debug(DBG_PEER, 1, "cache_peer %s: %s", name, why);
        return;
    }
    debug(DBG_PEER, 1, "cache_peer %s: %s; not asked for %d s", name, why,
          (int)(PEER_DEAD_US / 1000000));
    peer->deadUntilUs = nowUs + PEER_DEAD_US;
}

void
peerSetWorked(PeerSet *set, const char *name)
{
    CHECK_OBJ(set, PEER_SET_MAGIC);
    Peer *peer = find(set, name);
    if (peer == NULL)
        return;
    peer->deadUntilUs = 0;
    peer->fails = 0;
}

/* Its turns begin with those of the others, or it would get all requests
 * until it has caught up. */
static void
revive(PeerSet *set, Peer *peer)
{
    peer->deadUntilUs = 0;
    debug(DBG_PEER, 2, "cache_peer %s: tried again", peer->config.name);
    for (size_t i = 0; i < set->count; i++)
        set->peers[i].turns = 0;
}

void
peerSetRevive(PeerSet *set, int64_t nowUs)
{
    CHECK_OBJ(set, PEER_SET_MAGIC);
    for (size_t i = 0; i < set->count; i++) {
        Peer *peer = &set->peers[i];
        if (peer->deadUntilUs != 0 && nowUs >= peer->deadUntilUs)
            revive(set, peer);
    }
}

void
peerSetForEach(const PeerSet *set, PeerRowCb *cb, void *data)
{
    CHECK_OBJ(set, PEER_SET_MAGIC);
    for (size_t i = 0; i < set->count; i++) {
        const Peer *peer = &set->peers[i];
        const PeerRow row = {.name = peer->config.name,
                             .host = peer->config.host,
                             .port = peer->config.port,
                             .isDead = peer->deadUntilUs != 0,
                             .picked = peer->picked,
                             .failed = peer->failed};
        cb(&row, data);
    }
}
