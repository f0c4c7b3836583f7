/*
 * proxy_priv.h: what the files of the proxy share.
 *
 * A ProxyClient is one connection. While a request of it is in progress it
 * has a ProxyRequest, taken from a free list, so that an idle connection
 * holds little. A ProxyFetch is what goes on at the origin for a request;
 * it can outlive the request to finish storing. Calls go one way each: the
 * client's input starts a request (proxyRequestStart), the request ends by
 * a reply (proxyReply*), a finished reply returns to the client
 * (proxyRequestFinish). Thread: loop.
 */
#ifndef SQUIRE_PROXY_PRIV_H
#define SQUIRE_PROXY_PRIV_H

#include <netinet/in.h>
#include <sys/uio.h>

#include "asker.h"
#include "auth.h"
#include "buf.h"
#include "comm.h"
#include "error_page.h"
#include "external_acl.h"
#include "http_date.h"
#include "http_parse.h"
#include "http_range.h"
#include "http_url.h"
#include "list.h"
#include "listener.h"
#include "note.h"
#include "origin.h"
#include "peer.h"
#include "pinger.h"
#include "proxy.h"
#include "redirect.h"
#include "resolve.h"
#include "store_id.h"
#include "stream.h"
#include "tunnel.h"
#include "user_addr.h"
#include "via.h"

#define PROXY_MAGIC 0x9a0c1e01u
#define PROXY_PORT_MAGIC 0x9a0c1e02u
#define PROXY_CLIENT_MAGIC 0x9a0c1e03u
#define PROXY_REQUEST_MAGIC 0x9a0c1e04u
#define PROXY_FETCH_MAGIC 0x9a0c1e05u

#define PROXY_STATUS_MAX 320
#define PROXY_READ_SIZE 16384
#define PROXY_INPUT_MAX (4 * PROXY_READ_SIZE)
#define PROXY_OUTPUT_MAX (320 * 1024)
#define PROXY_FLIGHT_BUCKETS 1024
#define PROXY_UNSHARED_SLOTS 1024
#define PROXY_PIECES 14 /* of one writev */
#define PROXY_OUTPUT_HIGH (64 * 1024) /* the origin waits above this */

typedef struct ProxyClient ProxyClient;
typedef struct ProxyRequest ProxyRequest;
typedef struct ProxyFetch ProxyFetch;
typedef struct ProxyParts ProxyParts;

#define PROXY_CLIENT_STATES(X)                                                 \
    X(IDLE, "idle")                                                            \
    X(HEAD, "reading head")                                                    \
    X(ACCESS, "checking access")                                               \
    X(REWRITE, "waiting for rewriter")                                         \
    X(STORE_ID, "waiting for store-id")                                        \
    X(FETCH, "waiting for origin")                                             \
    X(REPLY, "sending reply")                                                  \
    X(CONNECT, "connecting tunnel")                                            \
    X(TUNNEL, "tunnel")                                                        \
    X(LINGER, "lingering")                                                     \
    X(CLOSED, "closed")

typedef enum ProxyClientState {
#define X(name, text) PROXY_CLIENT_##name,
    PROXY_CLIENT_STATES(X)
#undef X
        PROXY_CLIENT_STATE_COUNT
} ProxyClientState;

/* The clients of one address. */
typedef struct ProxyAddr ProxyAddr;

/* A connection of HTTP/2. */
typedef struct ProxyH2 ProxyH2;

typedef struct ProxyPort {
    uint32_t magic;
    ListNode node;
    Proxy *proxy;
    char *addr; /* as configured */
    char *name;
    bool isTls;
    TlsServer *tls; /* what new connections get; NULL: none yet, or plain */
    char *tlsSpec;  /* the line that it was made of */
    Listener *listener; /* NULL: not configured any more */
    bool isNoted;       /* that it listens is in the log */
} ProxyPort;

/* A key whose last answer was of no use to others. */
typedef struct ProxyUnshared {
    uint64_t part; /* of its digest */
    time_t until;
} ProxyUnshared;

struct Proxy {
    uint32_t magic;
    Config *config;
    CacheStore *store;
    CacheStore *disk; /* a part of it, or NULL */
    AskerSet *askers;   /* all classes of helpers */
    Pinger *pinger;     /* NULL: pinger_enable off */
    PeerSet *peers;
    Auth *auth;         /* NULL: not started */
    AccessLog **logs;   /* as config->accessLogs */
    size_t logCount;
    ListNode ports;
    ListNode clients;
    ListNode h2Sessions;
    ListNode idleClients; /* those that wait between requests, oldest first */
    unsigned idleCount;
    size_t fdLimit; /* descriptors that the process may have */
    ProxyAddr *addrs; /* of the clients */
    UserAddrSet *userAddrs;
    ListNode fetches; /* those without a request */
    ListNode *flights; /* PROXY_FLIGHT_BUCKETS: those that others wait for */
    ProxyUnshared unshared[PROXY_UNSHARED_SLOTS];
    ListNode spare;   /* requests not in use */
    unsigned spareCount;
    const char *program; /* "squire", perhaps with its version */
    char *via;          /* "HOSTNAME (squire)" */
    HttpSlice statusField; /* "Cache-Status: HOSTNAME", in statusText */
    char statusText[PROXY_STATUS_MAX];
    bool isStopping;
    bool isDraining; /* the helpers leave */
    CommTimer *stopTimer;
    int64_t stopAtUs;
    ProxyReportCb *report; /* or NULL */
    void *reportData;
    ProxyStats stats;
    HelperHistogram latencyUs;
    char *firstAddress;
    char readBuf[PROXY_READ_SIZE];
};

struct ProxyClient {
    uint32_t magic;
    ListNode node;
    ListNode idleNode; /* in proxy->idleClients */
    Proxy *proxy;
    ProxyPort *port;
    Stream stream; /* closed once it is given to a tunnel */
    ProxyH2 *h2;   /* the connection that it is a request of, or NULL */
    ListNode h2Node; /* among those of h2 */
    ProxyClientState state;
    ProxyRequest *request;
    HttpSlice fresh; /* octets just read, in the proxy's buffer */
    Buf in;          /* octets to be parsed later */
    Buf out;         /* octets to be sent */
    CommDeferred flush;
    int64_t deadlineUs; /* of client_lifetime; 0: none */
    bool isAdvancing;
    bool isReadArmed;
    bool isWriteArmed;
    bool isHalfClosed; /* the client has sent its last octet */
    bool isSlow;    /* the kernel had no room for all of the reply */
    bool hasServed; /* at least one request is done */
    struct sockaddr_storage peer;
    struct sockaddr_storage local;
    ProxyAddr *addr; /* of peer; that of h2 */
    NoteList notes; /* what helpers said about the connection */
    AuthConn *auth; /* NULL: nothing is known of it */
};

/* How a reply's body comes to the client. */
typedef enum ProxySource {
    PROXY_SOURCE_NONE, /* all is in the output buffer */
    PROXY_SOURCE_STORE,
    PROXY_SOURCE_FETCH,
    PROXY_SOURCE_COUNT
} ProxySource;

/* What the cache did for a request, as Cache-Status says it. */
#define PROXY_STATUSES(X)                                                      \
    X(BYPASS, ";fwd=bypass") /* no request that a cache answers */             \
    X(METHOD, ";fwd=method")                                                   \
    X(HIT, ";hit")                                                             \
    X(URI_MISS, ";fwd=uri-miss")                                               \
    X(VARY_MISS, ";fwd=vary-miss")                                             \
    X(STALE, ";fwd=stale")                                                     \
    X(REQUEST, ";fwd=request") /* the client wants a fresh one */

typedef enum ProxyStatus {
#define X(name, text) PROXY_STATUS_##name,
    PROXY_STATUSES(X)
#undef X
        PROXY_STATUS_COUNT
} ProxyStatus;

typedef struct ProxyReply {
    int status; /* 0: not begun */
    ProxyStatus cacheStatus;
    AccessResult result;
    AccessHierarchy hierarchy;
    ProxySource source;
    bool isChunked;
    bool keepAlive;
    bool isComplete; /* nothing will be added */
    bool isReset;    /* end so that it cannot look complete */
    bool isStored;
    bool isCollapsed;  /* the answer to another request's question */
    int forwardStatus; /* of the origin's answer; 0: none */
    uint64_t originOctets; /* of its body */
    int64_t firstAskedUs;  /* when an origin was asked; 0: never */
    int64_t askedUs;       /* the last time */
    int64_t originEndUs;   /* of what came; 0: nothing */
    uint64_t bodyMax;      /* of an unknown length; 0: none */
    const char *error;     /* name of our page, or NULL; borrowed from config */
    uint64_t sent;   /* octets given to the kernel */
    char contentType[64];
} ProxyReply;

/* What follows a head that is made already; written for each hit, so without
 * printf. */
typedef struct ProxyTail {
    char text[PROXY_STATUS_MAX + 192];
    size_t len;
} ProxyTail;

typedef struct ProxyBody {
    uint64_t octets; /* passed on so far */
    bool isDone;
    int error;        /* errno: malformed, or too large; 0: none */
    bool isWanted;    /* the origin waits for more */
    bool is100Wanted; /* the client waits for 100 Continue */
    bool isDropped;   /* it is read for nothing, before the answer */
    int64_t dropUntilUs;
} ProxyBody;

/* What is done about a request before it is answered, in this order. */
typedef enum ProxyStep {
    PROXY_STEP_ACCESS,
    PROXY_STEP_REWRITE,
    PROXY_STEP_ADAPTED,
    PROXY_STEP_STORE_ID,
    PROXY_STEP_CACHE,
    /* only for what is forwarded */
    PROXY_STEP_MISS,
    PROXY_STEP_ALWAYS_DIRECT,
    PROXY_STEP_NEVER_DIRECT,
    PROXY_STEP_COUNT
} ProxyStep;

struct ProxyRequest {
    uint32_t magic;
    ListNode node; /* in proxy->spare */
    Proxy *proxy;
    ProxyClient *client;
    Config *config;
    HttpParser *parser;
    HttpRequest *http;
    Buf text; /* url NUL host NUL method NUL */
    HttpSlice urlText;
    HttpUrl url; /* parts of text */
    char *clientText;    /* what text was before it was rewritten, or NULL */
    FormatUrl clientUrl; /* parts of that */
    const char *host;
    const char *method;
    int64_t startUs;
    union {
        UrlCall url;
        RedirectCall redirect;
        StoreIdCall storeId;
    } call; /* what helpers are asked about the URL */
    ExternalCall external;       /* what they are asked for the rules */
    const AclExternal *askedAcl; /* about which acl */
    char *storeId; /* what an answer is kept under; NULL: the URL */
    Resolve *resolve;
    struct sockaddr_storage dst[RESOLVE_MAX];
    size_t dstCount;
    bool dstKnown;
    uint64_t random; /* for acls of that kind */
    ProxyStep step;
    void (*forward)(ProxyRequest *request); /* NULL: not to be forwarded yet */
    bool isRouted;                          /* the next two are known */
    bool isAlwaysDirect;
    bool isNeverDirect;
    bool isUncached;   /* `cache` denies */
    AclFacts facts;    /* for access rules */
    AuthCheck auth;    /* of its credentials */
    char *trailer;     /* fields for the end of its reply; or NULL */
    char *authInfo;    /* a field for its reply, with CR LF; or NULL */
    HttpSlice report; /* of the manager: what is asked for; or absent */
    const ConfigAccel *accel; /* it came in for a web server; or NULL */
    bool isServerWide; /* OPTIONS of the server, not of a resource */
    size_t headOctets; /* of its head, as received */
    HttpHeaders replyHeaders; /* a copy, when logs want to know them */
    ProxyFetch *fetch;
    ListNode waiting;      /* in waiters or followers of that: */
    ProxyFetch *leader;    /* another request's fetch; NULL: none */
    CommDeferred released; /* it waits no more */
    bool hasWaited;
    OriginConnect *connect;
    Via *via; /* the same by a parent with TLS */
    Tunnel *tunnel;
    CacheObject *object; /* stored response in use */
    CacheReader reader;
    ProxyParts *parts; /* of it that are sent; NULL: one */
    ProxyBody body;
    ProxyReply reply;
    char peer[INET6_ADDRSTRLEN];
    unsigned peerPort;
    char ownAddr[INET6_ADDRSTRLEN]; /* our end of that connection */
    unsigned ownPort;
    AccessHierarchy hierarchy; /* of the route in use */
    uint64_t peersTried;
    unsigned tries;                      /* routes so far */
    bool isDirectTried;
    struct sockaddr_storage indirect;    /* the client by X-Forwarded-For; else
                                            family 0 */
    char peerName[CONFIG_PEER_NAME_MAX]; /* empty: direct */
    OriginResult routeResult; /* of the last one that came to nothing */
    char routeWhy[128];
};

/* Where a request goes; borrowed until the loop's turn is over. */
typedef struct ProxyRoute {
    const ConfigPeer *peer; /* NULL: the origin */
    const char *host;
    unsigned port;
    struct sockaddr_storage addrs[RESOLVE_MAX]; /* nearest first */
    size_t addrCount;                           /* 0: not known */
} ProxyRoute;

/* Open the ports of config that are not open; one that is not in it and
 * holds the address of one that is gets closed. 0, or the last -errno, each
 * failure told. */
int proxyPortsOpen(Proxy *proxy, const Config *config,
                   ProxyComplainCb *complain, void *data);

/* Close the ports that are not in config, and log which are new. */
void proxyPortsSettle(Proxy *proxy, const Config *config);

/* Handshakes that failed at ports that are open; those of ports that were
 * closed are in the proxy's figures. */
uint64_t proxyPortsTlsFailures(const Proxy *proxy);

/* Close all. Their clients stay. */
void proxyPortsClose(Proxy *proxy);

/* Close and free all, when there are no clients. */
void proxyPortsDestroy(Proxy *proxy);

/* A request is about to need more descriptors: if they are nearly used up,
 * let idle clients go. */
void proxyPortsMakeRoom(Proxy *proxy);

/* Have the access logs of config, and no others: those that are open stay
 * so. 0, or the last -errno and nothing changed, each failure told. */
int proxyLogsOpen(Proxy *proxy, const Config *config,
                  ProxyComplainCb *complain, void *data);

/* Reopen all files. 0, or the last -errno, each failure told. */
int proxyLogsReopen(Proxy *proxy, ProxyComplainCb *complain, void *data);

/* Write what is held, and close. */
void proxyLogsClose(Proxy *proxy);

/* The wall clock in seconds. */
static inline time_t
proxyNowSec(void)
{
    return commWallUs() / 1000000;
}

/* True when one more client can be served, perhaps since idle ones went. */
bool proxyPortsHaveRoom(Proxy *proxy);

/* Take a connection that has become readable. */
void proxyClientAccept(ProxyPort *port, int fd, const ListenerPeer *peer);

/* The same for one request of a connection of HTTP/2, which closes it before
 * its own end. peer is without TLS. */
void proxyClientAttach(ProxyPort *port, int fd, const ListenerPeer *peer,
                       ProxyH2 *h2);

/* The TLS by which it came, or NULL; borrowed while it is connected. */
const TlsStream *proxyClientTls(const ProxyClient *client);

/* One more request; it is closed with the connection. */
void proxyH2Add(ProxyH2 *h2, ProxyClient *client);

/* Those of this connection; borrowed while it lives. */
const TlsStream *proxyH2Tls(const ProxyH2 *h2);
ProxyAddr *proxyH2Addr(const ProxyH2 *h2);

/* Take a connection whose client chose HTTP/2. */
void proxyH2Accept(ProxyPort *port, int fd, const ListenerPeer *peer);

/* Tell those clients that no more requests are taken. */
void proxyH2Drain(Proxy *proxy);

/* Close their connections. */
void proxyH2Close(Proxy *proxy);

/* Count one more connection from this address. Returns borrowed until it
 * leaves. */
ProxyAddr *proxyAddrEnter(Proxy *proxy, const struct sockaddr_storage *addr);

/* It is gone. Clears *addr; NULL inside is accepted. */
void proxyAddrLeave(Proxy *proxy, ProxyAddr **addr);

/* How many are there now. */
unsigned proxyAddrCount(const ProxyAddr *addr);

/* There are more than client_ip_max_connections. */
bool proxyAddrIsCrowded(const Proxy *proxy, const ProxyAddr *addr);

/* The name of the address; NULL: never looked up. Borrowed. */
const char *proxyAddrName(const ProxyAddr *addr);

/* It was looked up; NULL: it has none. The name is copied. */
void proxyAddrSetName(ProxyAddr *addr, const char *name);

/* The only writer of the state. */
void proxyClientSetState(ProxyClient *client, ProxyClientState next,
                         const char *why);

/* Parse and start what input there is. */
void proxyClientAdvance(ProxyClient *client);

/* Ask to be told of input, if there is room for it. */
void proxyClientArmRead(ProxyClient *client);

/* Set the timeout for what the client is waiting for now. */
void proxyClientArmTimeout(ProxyClient *client, int64_t ms);

/* The one way to end a connection; a request in progress is logged with
 * end and dropped. The client is freed at the end of the loop turn. */
void proxyClientClose(ProxyClient *client, AccessEnd end, const char *why);

/* Close some of the clients that have been idle longest; false when there are
 * none. */
bool proxyClientMakeRoom(Proxy *proxy);

/* All is sent: close, but let the client read it first. */
void proxyClientLinger(ProxyClient *client);

/* Input that is waiting to be parsed, and its use. */
HttpSlice proxyClientInput(const ProxyClient *client);

/* Drop len octets of the input. */
void proxyClientConsume(ProxyClient *client, size_t len);

/* A request for this client, empty. Returns owned by the client. */
ProxyRequest *proxyRequestCreate(ProxyClient *client);

/* Take all that belongs to it away and keep it for another one. */
void proxyRequestRelease(ProxyRequest *request);

/* Free one for good. */
void proxyRequestFree(ProxyRequest *request);

/* The head is parsed: check, rewrite, answer. */
void proxyRequestStart(ProxyRequest *request);

/* Make url the request's; it may be part of the request's own text. False:
 * it is too long. */
bool proxyRequestSetUrl(ProxyRequest *request, const HttpUrl *url);

/* Its URL; borrows its text. */
FormatUrl proxyRequestUrl(const ProxyRequest *request);

/* It will have another URL: keep the client's, for clientUrl. */
void proxyRequestKeepUrl(ProxyRequest *request);

/* Tell the client what is wrong with its URL. */
void proxyRequestRefuseUrl(ProxyRequest *request, HttpUrlError error);

/* Take the steps before the answer, from the first on; then answer. */
void proxyStepStart(ProxyRequest *request);

/* Find out which way the request may go, then call forward, perhaps at
 * once. */
void proxyStepForward(ProxyRequest *request,
                      void (*forward)(ProxyRequest *request));

/* The same for what cannot wait: what is not known yet does not match. */
void proxyStepRoute(ProxyRequest *request);

/* What the rules of the present step need is known now: check again. */
void proxyStepResume(ProxyRequest *request);

/* The present step is done: take the next. */
void proxyStepNext(ProxyRequest *request);

/* Stop waiting for helpers and addresses. */
void proxyStepCancel(ProxyRequest *request);

/* What the request is for the rules; borrows from it. */
AclInput proxyStepInput(const ProxyRequest *request);

/* The same once there is an answer with these fields (or NULL). */
AclInput proxyStepReplyInput(const ProxyRequest *request,
                             const HttpHeaders *response);

/* What helpers can be told of it; borrows from it. */
FormatInput proxyStepFacts(const ProxyRequest *request);

/* The reply is sent: log it and let the client go on. */
void proxyRequestFinish(ProxyRequest *request);

/* Write the access log's lines and count the request. */
void proxyRequestLog(ProxyRequest *request, AccessEnd end);

/* Fill out (up to size octets) with the request's body: octets, 0 at the
 * end, -EAGAIN for none yet, -EPROTO or -EFBIG. */
ssize_t proxyRequestReadBody(ProxyRequest *request, char *out, size_t size);

/* True when the whole body was read, looking at input already here. */
bool proxyRequestIsBodyDone(ProxyRequest *request);

/* Answer from the cache, or fetch. */
void proxyCacheStart(ProxyRequest *request);

/* The same again, after another request's fetch was waited for. */
void proxyCacheResume(ProxyRequest *request);

/* Answer with a stored part that has all that is asked for. False: there is
 * none, nothing was done. */
bool proxyPartServe(ProxyRequest *request);

/* How the access log tells of an answer by this object alone. */
AccessResult proxyCacheHit(const CacheObject *object);

/* Answer PURGE: remove what is stored of the request's URL. */
void proxyCachePurge(ProxyRequest *request);

/* The stored beginning of what the request asks for, if it may be completed;
 * else NULL. Returns owned. */
CacheObject *proxyPartLookup(ProxyRequest *request);

/* Answer with the object of the request, as far as its conditions ask. */
void proxyCacheServe(ProxyRequest *request, AccessResult result);

/* What the answer is kept under; borrows the request's text. */
HttpSlice proxyCacheText(const ProxyRequest *request);

/* Forget what a request that changes things makes untrue. */
void proxyCacheInvalidate(ProxyRequest *request, const HttpResponse *response);

/* The field's name and the member's name, without what the cache did. */
void proxyStatusFormat(const char *hostname, char out[PROXY_STATUS_MAX]);

/* Append text, for which there is room. */
void proxyTailPut(ProxyTail *tail, HttpSlice text);

/* Append a number. */
void proxyTailPutNumber(ProxyTail *tail, int64_t value);

/* Append ";hit;ttl=9", ";fwd=stale;fwd-status=304" and so on, with the end of
 * the line. ttl: seconds that what is stored is fresh for, or -n. */
void proxyStatusPut(const ProxyReply *reply, int64_t ttl, ProxyTail *tail);

/* Peers that the request may not go to, a bit for each. */
uint64_t proxyPeerRuledOut(const ProxyRequest *request);

/* The one of that name, or NULL; borrowed until the loop's turn is over. */
const ConfigPeer *proxyPeerLookup(const Proxy *proxy, const char *name);

/* The credentials that it is told: the value of a field; returns owned, NULL:
 * none. */
char *proxyPeerLogin(const ProxyRequest *request, const ConfigPeer *peer);

/* Our address for connections to others, or NULL: any; borrowed from its
 * configuration. */
const char *proxyPeerOutgoing(const ProxyRequest *request);

/* Find out which client the request comes from as far as those who say so are
 * believed. */
void proxyForwardedFollow(ProxyRequest *request);

/* The client for acls and helpers, or for logs; borrows from the request. */
const struct sockaddr *proxyForwardedClient(const ProxyRequest *request,
                                            bool isForLog);

/* How long connecting to it may take. */
int proxyPeerConnectMs(const ProxyRequest *request, const ConfigPeer *peer);

/* Change the fields of a request to it. */
void proxyPeerChange(const ProxyRequest *request, const ConfigPeer *peer,
                     HttpHeaders *headers);

/* The next parent that the request has not tried, or the origin. False: it
 * may go nowhere. */
bool proxyRoutePick(ProxyRequest *request, ProxyRoute *routeOut);

/* It came to nothing. True: pick the next one. */
bool proxyRouteFailed(ProxyRequest *request, OriginResult result,
                      const char *why);

/* There is no way, or none any more: why, and what that is. Borrowed. */
const char *proxyRouteWhy(const ProxyRequest *request, OriginResult *resultOut);

/* It is connected; the reply's hierarchy is set. */
void proxyRouteWorked(ProxyRequest *request);

/* Send the request to the origin; an object of it is validated, as far as it
 * can be. */
void proxyFetchStart(ProxyRequest *request);

/* The same without conditions of ours: the object is kept for the case that
 * the origin fails. */
void proxyFetchAgain(ProxyRequest *request);

/* Ask the origin for what is stored as the request's object, for nobody. */
void proxyFetchRefresh(ProxyRequest *request);

/* Nothing is in flight. */
void proxyFlightInit(Proxy *proxy);

/* Free what that has allocated. */
void proxyFlightFini(Proxy *proxy);

/* A fetch whose answer will be stored under this key as it seems, or NULL. */
ProxyFetch *proxyFlightLookup(const Proxy *proxy, const CacheKey *key);

/* False when the answer to that key was of no use to others lately. */
bool proxyFlightIsShared(const Proxy *proxy, const CacheKey *key);

/* Wait for it; proxyCacheResume is called. */
void proxyFlightJoin(ProxyFetch *fetch, ProxyRequest *request);

/* True when its head is here, and stored. */
bool proxyFlightHasHead(const ProxyFetch *fetch);

/* What was asked for has changed: nobody new waits for it or reads it. */
void proxyFlightForget(const Proxy *proxy, const CacheKey *key);

/* Do not wait or follow any more; harmless when doing neither. */
void proxyFlightLeave(ProxyRequest *request);

/* What the fetch stores, if the request may be answered by it while it
 * arrives. Returns owned, or NULL. */
CacheObject *proxyFollowLookup(ProxyFetch *fetch, const ProxyRequest *request);

/* The request is going to be answered by that: tell it of all that comes,
 * until proxyFlightLeave. */
void proxyFollowStart(ProxyFetch *fetch, ProxyRequest *request);

/* The client has taken octets, or sent some of the body. */
void proxyFetchResume(ProxyFetch *fetch);

/* The request is over early: finish storing if little is missing, else give
 * up. */
void proxyFetchDetach(ProxyFetch *fetch);

/* The fetch of a node in proxy->fetches. */
ProxyFetch *proxyFetchOf(ListNode *node);

/* Give up. */
void proxyFetchCancel(ProxyFetch *fetch);

/* How TLS is spoken as tls says, which is borrowed; NULL: not. */
OriginTls proxyFetchTls(const ConfigTls *tls);

/* The page for what went wrong at the origin. */
ErrorPageId proxyFetchErrorPage(OriginResult result);

/* Find out whose the request is. True: it is known now (also that it is
 * nobody's); false: proxyStepResume is called. */
bool proxyAuthStart(ProxyRequest *request);

/* Stop finding out, and forget what was found. */
void proxyAuthCancel(ProxyRequest *request);

/* Answer 407, perhaps not before the end of a short body. False: there is no
 * way to be let in, nothing was answered. */
bool proxyAuthDemand(ProxyRequest *request);

/* There is more of the body that is dropped, or it is late. */
void proxyAuthGoOn(ProxyRequest *request, bool isLate);

/* Connect a tunnel. */
void proxyTunnelStart(ProxyRequest *request);

/* A reply with this status begins: what the connection becomes after it is
 * decided here. */
void proxyReplyBegin(ProxyRequest *request, int status);

/* The Connection field of the reply, with CR LF, or "". */
const char *proxyReplyConnection(const ProxyRequest *request);

/* Keep the content type for the log; the absent slice: there is none. */
void proxyReplyType(ProxyRequest *request, HttpSlice type);

/* Up to max pieces of the stored body; none when it cannot be read. */
int proxyReplyPeek(ProxyRequest *request, struct iovec *iov, int max);

/* Keep the fields of an answer, as far as somebody wants to know them. */
void proxyAnswerKeep(ProxyRequest *request, const HttpHeaders *headers);

/* True: rules do not let the answer through, the client gets a page. length:
 * of its body, or CACHE_LENGTH_UNKNOWN. */
bool proxyAnswerRefuse(ProxyRequest *request, int status, uint64_t length);

/* Take out, replace and add fields of a request to an origin. */
void proxyHeaderChangeRequest(const ProxyRequest *request,
                              HttpHeaders *headers);

/* The same for an answer to the client. */
void proxyHeaderChangeReply(const ProxyRequest *request, HttpHeaders *headers);

/* True when there are rules that may change answers. */
bool proxyHeaderIsReplyChanged(const ProxyRequest *request);

/* The same for a head of the reply's status that is text without its end;
 * append it to out. 0 or -errno. */
int proxyHeaderChangeHead(const ProxyRequest *request, HttpSlice head,
                          Buf *out);

/* Begin a reply that passes on an origin's, which may be changed. */
void proxyReplyOrigin(ProxyRequest *request, HttpResponse *response);

/* True when there is room for more of its body. */
bool proxyReplyHasRoom(const ProxyRequest *request);

/* More octets of its body; for which there is room. */
void proxyReplyBody(ProxyRequest *request, const char *octets, size_t len);

/* Whether fields after the body are wanted. */
bool proxyReplyTakesTrailer(const HttpRequest *http);

/* Such fields: proxyReplyEnd sends those that may be there. */
void proxyReplyTrailer(ProxyRequest *request, const HttpHeaders *fields);

/* The end of its body; harmless when that was told. */
void proxyReplyEnd(ProxyRequest *request);

/* It cannot be finished: end it so that the client notices. */
void proxyReplyAbort(ProxyRequest *request);

/* Send the stored object, whole. */
void proxyReplyStored(ProxyRequest *request);

/* Send 304 made of the stored object. */
void proxyReplyNotModified(ProxyRequest *request);

/* Send 206 with one or several parts of the stored object, which is the whole
 * or a part of it. */
void proxyReplyParts(ProxyRequest *request, const HttpRangeSet *set,
                     const HttpPlace *stored);

/* Make the head of one with several, which are then read from the
 * request's reader, one after another. 0, or -ENOBUFS. */
int proxyPartsStart(ProxyRequest *request, const HttpRangeSet *set,
                    const HttpPlace *stored, Buf *headOut);

/* When a part is read to its end, put what is between it and the next one into
 * the output buffer, and go on with that. */
void proxyPartsGoOn(ProxyRequest *request);

/* Free what that needs; not having begun is accepted. */
void proxyPartsEnd(ProxyRequest *request);

/* Send 416: what has length octets has no such part. */
void proxyReplyNoPart(ProxyRequest *request, uint64_t length);

/* Send one of our own pages; detail and errnum may be NULL and 0. */
void proxyReplyError(ProxyRequest *request, ErrorPageId id, const char *detail);

/* Tell the client that rules deny it, as deny_info of the acl that decided
 * has it. */
void proxyErrorDeny(ProxyRequest *request, const AclDecision *decision);

/* Send 407 with these Proxy-Authenticate fields. */
void proxyReplyDemand(ProxyRequest *request, const char *fields);

/* Send one of our pages with these facts; more of them are filled in. */
void proxyReplyPage(ProxyRequest *request, ErrorPageInfo *info);

/* Send the client elsewhere. */
void proxyReplyRedirect(ProxyRequest *request, int status, HttpSlice url);

/* The same as a result of its own. */
void proxyReplyLocation(ProxyRequest *request, int status, HttpSlice url);

/* Fill in what pages tell of a request; borrows from it. */
void proxyErrorFill(const ProxyRequest *request, ErrorPageInfo *info);

/* Send the head that is in the output buffer, and nothing else. */
void proxyReplyBare(ProxyRequest *request, int status, const char *fields);

/* True for a request for a document of the manager: its URL is set. url: what
 * its target is, NULL when that is no URL of http. */
bool proxyReportTake(ProxyRequest *request, const HttpUrl *url);

/* Answer it. */
void proxyReportAnswer(ProxyRequest *request);

/* Send a TRACE back. */
void proxyTraceReply(ProxyRequest *request);

/* Pass an informational answer on (RFC 9110 15.2). */
void proxyReplyEarly(ProxyRequest *request, const HttpResponse *response);

/* Send "100 Continue" before the reply. */
void proxyReplyContinue(ProxyRequest *request);

/* Write what there is to write. */
void proxyReplyFlush(ProxyClient *client);

#endif
