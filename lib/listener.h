/*
 * listener.h: accept connections by one of several strategies.
 *
 * CALLBACK: the handler runs in this loop when a new connection has octets
 * to read. (Further strategies come later as new files behind the same
 * operations table.) With a TlsServer the connections are TLS: the handshake
 * is done before they are handed on, in any strategy. Thread: loop.
 */
#ifndef SQUIRE_LISTENER_H
#define SQUIRE_LISTENER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "tls.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct Listener Listener;

/* Addresses of a connection; an IPv4 peer of a dual-stack listener is
 * AF_INET here too. */
typedef struct ListenerPeer {
    struct sockaddr_storage peer;
    struct sockaddr_storage local;
    TlsStream *tls; /* given with fd, after its handshake; NULL: plain */
} ListenerPeer;

/*
 * A new connection is readable (or closed by its peer). fd is given: it is
 * known to comm, non-blocking, close-on-exec, without requests, timeouts and
 * close handlers, and from now on the handler's to close with commClose. peer
 * is borrowed until return. The handler may destroy the listener.
 */
typedef void ListenerReadyCb(Listener *listener, int fd,
                             const ListenerPeer *peer, void *data);

/* fdMax is reached: true when one more is well all the same, perhaps because
 * others were closed now. */
typedef bool ListenerRoomCb(void *data);

typedef enum ListenerStrategy {
    LISTENER_CALLBACK,
    LISTENER_STRATEGY_COUNT
} ListenerStrategy;

typedef struct ListenerConfig {
    ListenerStrategy strategy;
    const char *addr;  /* "127.0.0.1:3128", "[::1]:3128"; "3128", ":3128":
                          all addresses, IPv4 and IPv6; "/path": a unix
                          stream socket. No host names */
    const char *name;  /* for logs and stats; default: addr */
    int backlog;       /* default 1024 */
    unsigned maxConns; /* accepted and not yet handed on; further ones
                          wait in the backlog. 0: no limit (default) */
    unsigned fdMax;    /* accepting pauses while this loop has as many
                          descriptors: the rest is for what those who were
                          accepted will need. 0: no limit (default) */
    int firstByteMs;   /* a silent connection is closed after; 0: never;
                          default 60000 */
    TlsServer *tls;    /* connections are TLS; referenced. NULL: plain */
    int handshakeMs;   /* what is not done by then is closed; 0: never;
                          default 30000 */
    ListenerReadyCb *ready;
    ListenerRoomCb *makeRoom; /* asked before a pause for fdMax; NULL
                                 (default): nobody is */
    void *data;
} ListenerConfig;

/* Set the defaults. */
void listenerConfigInit(ListenerConfig *config);

/*
 * Bind and listen, and accept from this loop until the listener is
 * destroyed. config is copied. When descriptors or memory run out it pauses
 * and resumes by itself, and says so once. TCP_NODELAY is set on the
 * connections. Returns owned, or NULL with errno (EADDRINUSE, EINVAL for the
 * address text or no ready, ...), nothing leaked.
 */
Listener *listenerCreate(const ListenerConfig *config);

/*
 * Close the listening socket and the connections not yet handed on; their
 * clients see the end. Removes a unix socket's file. Before commFini. Clears
 * *listener; NULL inside is accepted.
 */
void listenerDestroy(Listener **listener);

/* Use tls for the connections from now on, as after a change of
 * certificates; referenced. The listener has one already. */
void listenerSetTls(Listener *listener, TlsServer *tls);

/* The bound address, with the real port when 0 was asked for. */
void listenerAddr(const Listener *listener, struct sockaddr_storage *addrOut);

/* The name of the config; borrowed. */
const char *listenerName(const Listener *listener);

/* Connections accepted so far. */
uint64_t listenerAccepted(const Listener *listener);

/* Handshakes that failed or took too long so far. The log tells of each at
 * level 2, and at level 1 of at most one in ten seconds, but of none that
 * the client just left. */
uint64_t listenerTlsFailures(const Listener *listener);

/* Connections accepted and not yet handed on. */
unsigned listenerWaiting(const Listener *listener);

#ifdef __cplusplus
}
#endif

#endif
