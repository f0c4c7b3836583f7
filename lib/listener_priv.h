/*
 * listener_priv.h: what listener*.c share. A strategy is one file with one
 * ListenerStrategyOps and one row in the table of listener.c.
 */
#ifndef SQUIRE_LISTENER_PRIV_H
#define SQUIRE_LISTENER_PRIV_H

#include "comm.h"
#include "list.h"
#include "listener.h"

/* At most one log line of a kind in so long. */
#define LISTENER_COMPLAIN_US INT64_C(10000000)

/* What differs between strategies. */
typedef struct ListenerStrategyOps {
    const char *name;

    /* Take an accepted connection: non-blocking, close-on-exec, not yet
     * known to comm. Takes fd. Calls nobody outside. */
    void (*accepted)(Listener *listener, int fd,
                     const struct sockaddr_storage *peer);

    /* Close the connections that were not handed on. */
    void (*stop)(Listener *listener);
} ListenerStrategyOps;

extern const ListenerStrategyOps listenerCallbackOps;

struct Listener {
    uint32_t magic;
    const ListenerStrategyOps *ops;
    ListenerReadyCb *ready;
    ListenerRoomCb *makeRoom;
    void *data;
    char *name;
    unsigned maxConns;
    unsigned fdMax;
    int firstByteMs;
    TlsServer *tls; /* NULL: plain */
    int handshakeMs;

    int fd; /* -1: closed */
    struct sockaddr_storage addr;
    char *unixPath; /* the file to remove, or NULL */

    uint64_t accepted;
    unsigned waiting; /* accepted and not handed on */
    ListNode conns;   /* the same, as the strategy keeps them */
    bool isFull;      /* not accepting because of maxConns */

    CommTimer *pauseTimer; /* set: not accepting until it fires */
    int pauseMs;           /* the last pause; 0: accepting went well */
    int64_t complainedUs;  /* time of the last log line about a pause */

    uint64_t tlsFailures;
    uint64_t tlsUntold; /* of them, since the last log line at level 1 */
    int64_t tlsToldUs;  /* time of that line */
};

/* A connection was handed on or closed: one waits less. Accepts again when
 * the limit was reached. */
void listenerConnDone(Listener *listener);

/* The local end of fd, which is the bound address unless that is "any". */
void listenerLocalAddr(const Listener *listener, int fd,
                       struct sockaddr_storage *localOut);

/*
 * Open, bind and listen on the address text of a ListenerConfig. Returns the
 * descriptor (non-blocking, close-on-exec) with *boundOut the real address;
 * or a negative errno, -EINVAL for the text.
 */
int listenerAddrOpen(const char *text, int backlog,
                     struct sockaddr_storage *boundOut);

/* Turn an IPv4 address mapped into IPv6 into plain IPv4, in place. */
void listenerAddrUnmap(struct sockaddr_storage *addr);

/* What a handshake has come to. */
typedef enum ListenerTlsStep {
    LISTENER_TLS_WAITING, /* it goes on by itself: again is called */
    LISTENER_TLS_DONE,
    LISTENER_TLS_FAILED, /* the log was told; close the connection */
    LISTENER_TLS_STEP_COUNT
} ListenerTlsStep;

/* Go on with the handshake of fd, which comm knows. For all strategies. */
ListenerTlsStep listenerTlsStep(Listener *listener, TlsStream *stream, int fd,
                                const struct sockaddr_storage *peer,
                                CommSelectCb *again, void *data);

/* A handshake came to nothing: an errno, and why in words. */
void listenerTlsFail(Listener *listener, const struct sockaddr_storage *peer,
                     int error, const char *why);

/* Text of an address and its port, for logs. */
#define LISTENER_ADDR_TEXT_MAX 64
void listenerAddrFormat(const struct sockaddr_storage *addr,
                        char out[LISTENER_ADDR_TEXT_MAX]);

/* True for 0.0.0.0 and [::]. */
bool listenerAddrIsAny(const struct sockaddr_storage *addr);

#endif
