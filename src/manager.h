/*
 * manager.h: the manager port: what the proxy and its helpers do, as a page
 * (/), as JSON (/helpers, /info) and for Prometheus (/metrics). /demo is a
 * small page that may be cached, to try the proxy with.
 *
 * Only GET and HEAD, one request for each connection. A Host that is neither
 * an address nor localhost is refused, so that no web page elsewhere can
 * read it by a name of its own. Thread: loop.
 */
#ifndef SQUIRE_MANAGER_H
#define SQUIRE_MANAGER_H

#include "buf.h"
#include "proxy.h"

typedef struct Manager Manager;

/* Listen at addr ("127.0.0.1:3129"); proxy must live as long. Returns owned,
 * or NULL with errno. */
Manager *managerCreate(const char *addr, const Proxy *proxy);

/* The address it was created with; borrowed. */
const char *managerAddress(const Manager *manager);

/* Close the port and its connections. Clears *manager; NULL inside is
 * accepted. */
void managerDestroy(Manager **manager);

#endif
