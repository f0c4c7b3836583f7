/* pinger_priv.h: what the files of the pinger share. Thread: loop. */
#ifndef SQUIRE_PINGER_PRIV_H
#define SQUIRE_PINGER_PRIV_H

#include "pinger.h"

typedef struct PingerHosts PingerHosts;

/* The addresses of names, kept for a while. Borrows pinger. Returns owned. */
PingerHosts *pingerHostsCreate(Pinger *pinger);

/* Clears *hosts; lookups in progress are given up. */
void pingerHostsDestroy(PingerHosts **hosts);

/* The addresses of host as they were looked up last; 0: not known yet. They
 * are looked up (again) when that is due. */
size_t pingerHostsGet(PingerHosts *hosts, const char *host,
                      struct sockaddr_storage addrsOut[RESOLVE_MAX]);

/* Ask about an address, when that is due. */
void pingerAsk(Pinger *pinger, const struct sockaddr *addr);

#endif
