/*
 * resolve.h: addresses of a host name, and the name of an address, for
 * access rules that need them. Lookups run on threads of their own, a few at
 * a time. Thread: loop.
 */
#ifndef SQUIRE_RESOLVE_H
#define SQUIRE_RESOLVE_H

#include <stddef.h>
#include <sys/socket.h>

#define RESOLVE_MAX 8 /* addresses kept of one name */

typedef struct Resolve Resolve;

/* The answer, borrowed until return; count 0: the name has no address. */
typedef void ResolveCb(const struct sockaddr_storage *addrs, size_t count,
                       void *data);

/* Look up host. cb runs exactly once, later, unless cancelled. Returns owned
 * until cb has begun. */
Resolve *resolveStart(const char *host, ResolveCb *cb, void *data);

/* The name; borrowed until return. NULL: the address has none. */
typedef void ResolveNameCb(const char *name, void *data);

/* Look up the name of addr, which is copied; else as resolveStart. */
Resolve *resolveNameStart(const struct sockaddr *addr, ResolveNameCb *cb,
                          void *data);

/* Give up: cb will not run. Clears *resolve; NULL inside is accepted. */
void resolveCancel(Resolve **resolve);

/* Let lookups in progress end without this loop. */
void resolveFini(void);

#endif
