/*
 * via.h: a connection to a server by way of a proxy that is spoken to by
 * TLS: connect, handshake, CONNECT, its answer. What follows the answer is
 * left to who gets the connection. Thread: loop.
 */
#ifndef SQUIRE_VIA_H
#define SQUIRE_VIA_H

#include "origin.h"
#include "stream.h"

typedef struct Via Via;

/* It ended: stream is given, for octets to and from the server; or NULL, with
 * a result and a text. The attempt is freed already. */
typedef void ViaCb(Stream *stream, OriginResult result, const char *why,
                   void *data);

typedef struct ViaConfig {
    OriginRoute proxy;    /* viaHost is NULL */
    const OriginTls *tls; /* of the proxy */
    const char *target;   /* "HOST:PORT" of the server */
    const char *login;    /* Proxy-Authorization, or NULL */
    int timeoutMs;        /* for connecting, and again for the rest; 0: no
                             limit */
    ViaCb *cb;
    void *data;
} ViaConfig;

/* Start; borrows config until return. cb runs exactly once, later, unless
 * cancelled. Returns owned until then; NULL with errno EINVAL. */
Via *viaStart(const ViaConfig *config);

/* Give up: cb will not run. Clears *via; NULL inside is accepted. */
void viaCancel(Via **via);

#endif
