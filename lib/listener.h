/*
 * listener.h: accept connections by one of several strategies.
 *
 * CALLBACK: the handler runs in this loop when a new connection has octets
 * to read. (foundations.md section 2; further strategies come later as new
 * files behind the same operations table.) Thread: loop.
 */
#ifndef SQUIRE_LISTENER_H
#define SQUIRE_LISTENER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

typedef struct Listener Listener;

typedef struct ListenerPeer {
    struct sockaddr_storage peer;
    struct sockaddr_storage local;
} ListenerPeer;

/*
 * A new connection is readable (or closed by its peer). fd is given: it is
 * known to comm, non-blocking, and from now on the handler's to close with
 * commClose. peer is borrowed until return.
 */
typedef void ListenerReadyCb(Listener *listener, int fd,
                             const ListenerPeer *peer, void *data);

typedef enum ListenerStrategy {
    LISTENER_CALLBACK,
    LISTENER_STRATEGY_COUNT
} ListenerStrategy;

typedef struct ListenerConfig {
    ListenerStrategy strategy;
    const char *addr;      /* "127.0.0.1:3128", "[::1]:3128", "3128",
                              ":3128" (all addresses) */
    const char *name;      /* for logs and stats */
    int backlog;           /* default 1024 */
    unsigned maxConns;     /* accepted and not yet handed on; 0: no limit */
    int firstByteMs;       /* a silent connection is closed after; 0: never */
    ListenerReadyCb *ready;
    void *data;
} ListenerConfig;

/* Set the defaults. */
void listenerConfigInit(ListenerConfig *config);

/*
 * Bind and listen, and accept from this loop until the listener is
 * destroyed. When descriptors run out it pauses and resumes by itself, and
 * says so once. Returns owned, or NULL with errno (EADDRINUSE, EINVAL for
 * the address text ...), nothing leaked.
 */
Listener *listenerCreate(const ListenerConfig *config);

/* Close the listening socket and connections not yet handed on. Clears
 * *listener; NULL inside is accepted. */
void listenerDestroy(Listener **listener);

/* The bound address, with the real port when 0 was asked for. */
void listenerAddr(const Listener *listener, struct sockaddr_storage *addrOut);

/* Connections accepted so far. */
uint64_t listenerAccepted(const Listener *listener);

#endif
