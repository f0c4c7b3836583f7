/*
 * origin.h: the origin side: one HTTP request to a server, or one TCP
 * connection for a tunnel, by libcurl's multi interface on comm. Only
 * origin*.c know libcurl.
 *
 * The octets of the request target and of the header fields are sent as
 * given; nothing is added, followed or decoded, except that chunked framing
 * is removed from answers and put on uploads of unknown length.
 * Thread: loop.
 */
#ifndef SQUIRE_ORIGIN_H
#define SQUIRE_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "http_message.h"
#include "tls.h"

typedef struct OriginRequest OriginRequest;

typedef enum OriginResult {
    ORIGIN_OK,              /* the whole answer was delivered */
    ORIGIN_DNS_FAIL,        /* the name has no address */
    ORIGIN_CONNECT_FAIL,    /* refused, unreachable */
    ORIGIN_CONNECT_TIMEOUT, /* no connection in time */
    ORIGIN_TLS_FAIL,        /* handshake or certificate */
    ORIGIN_EMPTY,           /* closed without an answer */
    ORIGIN_INVALID,         /* the answer is not HTTP */
    ORIGIN_TOO_LARGE,       /* the head of the answer is */
    ORIGIN_READ_TIMEOUT,    /* silent for too long */
    ORIGIN_TRUNCATED,       /* ended before its announced end */
    ORIGIN_FAIL,            /* anything else */
    ORIGIN_NO_ROUTE,        /* there is nobody who may be asked */
    ORIGIN_RESULT_COUNT
} OriginResult;

#define ORIGIN_NO_BODY (-1)
#define ORIGIN_CHUNKED (-2)

/* Both ends of a connection; addresses are texts, NULL: not known. */
typedef struct OriginEnds {
    const char *peer;
    unsigned peerPort;
    const char *local;
    unsigned localPort;
} OriginEnds;

/* The head of an answer and where it came from; borrowed until return, the
 * header fields may be changed. */
typedef void OriginHeadCb(HttpResponse *response, const OriginEnds *ends,
                          void *data);

/* Octets of the body, without framing. False: not taken, offer them again
 * after originResume. */
typedef bool OriginBodyCb(const char *octets, size_t len, void *data);

/* Fields after the body, as they came; borrowed until return. Before done, if
 * there are any that can be understood. */
typedef void OriginTrailerCb(const HttpHeaders *fields, void *data);

/* Fill out with up to size octets to send. Returns how many, 0 at the end,
 * -EAGAIN for none yet (ask again after originResume), other -errno: stop. */
typedef ssize_t OriginUploadCb(char *out, size_t size, void *data);

/* How it ended; texts are never NULL. */
typedef struct OriginEnd {
    OriginResult result;
    const char *why;  /* for people */
    const char *peer; /* the address that was connected to, or "" */
    unsigned peerPort;
} OriginEnd;

/* The end, exactly once unless cancelled; the request is freed already. end is
 * borrowed until return. */
typedef void OriginDoneCb(const OriginEnd *end, void *data);

/* Early, head, body and upload may call originCancel. */
typedef struct OriginOps {
    OriginHeadCb *early; /* 102 to 199, before the final head; may be NULL */
    OriginHeadCb *head;
    OriginBodyCb *body;
    OriginTrailerCb *trailer; /* may be NULL */
    OriginUploadCb *upload;
    OriginDoneCb *done;
} OriginOps;

/* How https is spoken. */
typedef struct OriginTls {
    TlsClient *client;  /* whom to trust, what to show; referenced */
    bool noVerify;      /* whoever answers will do */
    bool anyDomain;     /* so will a certificate for another name */
    const char *domain; /* the name that is asked for and that the certificate
                           must have; NULL: the host of base */
} OriginTls;

typedef struct OriginConfig {
    const char *method;
    const char *base;   /* "http://host:port": where to connect */
    const OriginTls *tls; /* for a base of "https:"; else not looked at */
    const char *target; /* the request target, octet by octet */
    const struct sockaddr_storage *addrs; /* of base's host, best first */
    size_t addrCount;   /* 0: it is looked up */
    int64_t bodyLen;    /* octets, ORIGIN_NO_BODY or ORIGIN_CHUNKED */
    bool isIdempotent;  /* may use, and retry after, a reused connection */
    bool isAlone;       /* on a connection that nothing else is sent on */
    int connectTimeoutMs;
    const char *outgoing; /* our address, or NULL */
    int64_t idleMs;    /* a connection that has been kept for longer is not
                          used; 0: any */
    int readTimeoutMs; /* silence allowed while an answer is due */
    size_t headMax;    /* octets of the answer's head; 0: 64 KiB */
    const OriginOps *ops;
    void *data;
} OriginConfig;

/* Make this thread's origin side. maxIdle: connections kept for reuse.
 * 0 or -errno. Thread: startup. */
int originInit(unsigned maxIdle);

/* Drop all requests (their callbacks do not run) and connections. */
void originFini(void);

/* Prepare one request; borrows the config's strings until return. Returns
 * owned until done has begun or originCancel; NULL with errno EINVAL for a
 * base that is no address. */
OriginRequest *originCreate(const OriginConfig *config);

/* Add one header field; Host is one of them. Before originStart. */
void originAddHeader(OriginRequest *request, const char *name, size_t nameLen,
                     const char *value, size_t valueLen);

/* Send it. */
void originStart(OriginRequest *request);

/* Body or upload may be asked again. Harmless when not waiting; the
 * callbacks run later. */
void originResume(OriginRequest *request);

/* Give up: no callback runs after this. Clears *request; NULL inside is
 * accepted. */
void originCancel(OriginRequest **request);

typedef struct OriginConnect OriginConnect;

/* A connection attempt ended: fd is given, connected and unknown to comm,
 * or -1 with a result and a text. The attempt is freed already. */
typedef void OriginConnectCb(int fd, OriginResult result, const char *why,
                             void *data);

/* Where a connection goes. */
typedef struct OriginRoute {
    const char *host;
    unsigned port;
    const char *viaHost; /* a proxy that is asked to CONNECT, or NULL */
    unsigned viaPort;
    const char *viaLogin; /* Proxy-Authorization for it, or NULL */
    const struct sockaddr_storage *addrs; /* of what is connected to, best
                                             first */
    size_t addrCount;                     /* 0: it is looked up */
    const char *outgoing;                 /* our address, or NULL */
} OriginRoute;

/* Resolve and connect without blocking; borrows route until return. cb runs
 * exactly once, later, unless cancelled. Returns owned until then; NULL with
 * errno EINVAL. */
OriginConnect *originConnectStart(const OriginRoute *route, int timeoutMs,
                                  OriginConnectCb *cb, void *data);

/* Give up: cb will not run. Clears *connect; NULL inside is accepted. */
void originConnectCancel(OriginConnect **connect);

/* The name of a result: "CONNECT_FAIL". */
const char *originResultName(OriginResult result);

/* Requests and connections in progress. */
unsigned originActive(void);

#endif
