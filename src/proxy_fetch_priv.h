/*
 * proxy_fetch_priv.h: one exchange with an origin, as proxy_fetch*.c and
 * proxy_flight.c see it. It is made for a request, or to refresh what is
 * stored; a request that leaves may leave it behind for those that wait.
 * Thread: loop.
 */
#ifndef SQUIRE_PROXY_FETCH_PRIV_H
#define SQUIRE_PROXY_FETCH_PRIV_H

#include "proxy_priv.h"

/* How what is stored is used once the answer is over. */
typedef enum ProxyFetchUse {
    PROXY_FETCH_PASS_ON,   /* not at all: the answer is the client's */
    PROXY_FETCH_USE_VALID, /* it was validated */
    PROXY_FETCH_USE_STALE, /* the origin fails */
    PROXY_FETCH_ASK_AGAIN, /* without conditions */
} ProxyFetchUse;

typedef struct ProxyKept ProxyKept;

struct ProxyFetch {
    uint32_t magic;
    ListNode node;    /* in proxy->fetches once it is nobody's */
    ListNode flight;  /* in proxy->flights: others may wait */
    ListNode waiters; /* requests that do */
    CommTimer *patience;
    ListNode followers;    /* requests that read what arrives */
    CacheObject *arriving; /* that; NULL: nobody has asked for it */
    bool isPassing;        /* it is not stored any more: followers get it as the
                              first client does */
    CommTimer *laggard;    /* one of them holds the others back */
    Proxy *proxy;
    Config *config;
    ProxyRequest *request; /* NULL: nobody's */
    HttpRequest *asked;    /* the request's, or own */
    HttpRequest own;
    char *text; /* of the key */
    CacheKey key;
    CacheObject *object; /* stale, or to be validated; NULL: none */
    OriginRequest *origin;
    CacheWriter *writer;
    CacheObject *part;  /* what is added to the octets that come; or NULL */
    uint64_t partFrom;  /* its first octet that belongs after them */
    CacheObject *begun; /* the stored beginning of what was asked for; NULL:
                           none, or all of it is passed on */
    CacheReader begunReader;
    HttpPlace begunPlace;
    bool isCompletion;   /* the rest of it comes */
    ProxyKept *kept;     /* to store the beginning, if no more comes */
    HttpHeaders headers; /* as sent */
    time_t sentAt;
    HttpRange slice;     /* what of the body the client gets */
    bool isSlice;
    uint64_t length; /* of the body, or CACHE_LENGTH_UNKNOWN */
    uint64_t received;
    ProxyFetchUse use;
    bool isValidation;
    bool isAboutVariants;
    bool isShared;   /* what is stored does for others as it is */
    bool isTargeted; /* CDN-Cache-Control of the answer counts */
    bool isUncached; /* its answer is not to be stored */
    bool hasHead;
    bool isLeft; /* its request is over */
};

/* Begin to store the answer, if it may be stored. */
void proxyFetchStore(ProxyFetch *fetch, const HttpResponse *response);

/* Begin to store a 206, together with a part that is stored already. */
void proxyPartStore(ProxyFetch *fetch, const HttpResponse *response,
                    const HttpFreshness *freshness);

/* All octets have come: add those that are stored already. False: they cannot
 * be added. */
bool proxyPartFinish(ProxyFetch *fetch);

/* Ask also whether something that is stored for other requests is the
 * answer. */
void proxyVariantAsk(ProxyFetch *fetch);

/* What a 304 to that means: the request gets the object. */
ProxyFetchUse proxyVariantJudge(ProxyFetch *fetch,
                                const HttpResponse *notModified);

/* Ask for the rest of what is stored in part only. */
void proxyPartAsk(ProxyFetch *fetch, CacheObject *begun);

/* What the answer to that means. */
ProxyFetchUse proxyPartJudge(ProxyFetch *fetch, const HttpResponse *response);

/* Make the head of the rest that of the whole. */
void proxyPartHead(const ProxyFetch *fetch, HttpResponse *response);

/* The answer is a whole that is being stored: remember its head, if its
 * beginning alone would be of use (RFC 9111 3.3). */
void proxyPartRemember(ProxyFetch *fetch, const HttpResponse *response,
                       const HttpFreshness *freshness);

/* No more of it comes: store what has come of it, if that is worth it, and
 * forget the head. */
void proxyPartKeep(ProxyFetch *fetch);

/* Pass on what is stored, before the rest. False: not all of it yet. */
bool proxyPartPass(ProxyFetch *fetch);

/* Pass octets of the answer's body on to the client and the store. False: not
 * now. */
bool proxyFetchPass(ProxyFetch *fetch, const char *octets, size_t len);

/* Ask for the whole instead of a range, if range_offset_limit wants it. */
void proxySliceAsk(ProxyFetch *fetch);

/* The whole comes, but the client wants a range: make its head that of the
 * range. False: there is no such range, the client was told. */
bool proxySliceHead(ProxyFetch *fetch, HttpResponse *response);

/* Octets of the body, to the client if they are for it; it has room. */
void proxySliceBody(const ProxyFetch *fetch, const char *octets, size_t len);

/* What the head of an answer means for the stored response, which is updated
 * by it. */
ProxyFetchUse proxyFetchJudge(ProxyFetch *fetch, const HttpResponse *response);

/* True when a request with these fields may get the object although the
 * origin fails; NULL: there is none. */
bool proxyFetchMayBeStale(const CacheObject *object, const HttpHeaders *asked);

/* From now on others may wait for what the fetch stores. */
void proxyFlightAdd(ProxyFetch *fetch);

/* The head is here: nobody waits for what is not stored, or only to be
 * validated by each. */
void proxyFlightHead(ProxyFetch *fetch);

/* Remember whether the answer was of use to others. */
void proxyFlightNote(ProxyFetch *fetch, bool isShared);

/* Nothing more to wait for: those who do go on, later in this turn. */
void proxyFlightEnd(ProxyFetch *fetch);

/* Somebody waits or follows no more: what is then for nobody may be given
 * up. */
void proxyFetchMind(ProxyFetch *fetch);

/* The fetch's own request has no room: if others follow, let it follow, too.
 * False: not possible. */
bool proxyFollowTurn(ProxyFetch *fetch);

/* What was stored so far is not stored any more: followers read that to its
 * end and then get octets at the pace of the slowest of them. */
void proxyFollowGiveUp(ProxyFetch *fetch);

/* False: a follower has to be waited for; originResume is called. */
bool proxyFollowHasRoom(ProxyFetch *fetch);

/* Octets have come, and were stored unless that was given up. */
void proxyFollowBody(ProxyFetch *fetch, const char *octets, size_t len);

/* It is over, and the body is whole or not. Followers who are behind go on
 * without the fetch. */
void proxyFollowEnd(ProxyFetch *fetch, bool isWhole);

#endif
