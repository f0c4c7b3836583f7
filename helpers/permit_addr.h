/*
 * permit_addr.h: addresses and ranges of them. IPv4 is seen as ::ffff:a.b.c.d,
 * so that both families compare alike. Thread: any.
 */
#ifndef SQUIRE_PERMIT_ADDR_H
#define SQUIRE_PERMIT_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>

typedef struct PermitRange {
    struct in6_addr first;
    struct in6_addr last;
} PermitRange;

/* Read an address. False when it is none. */
bool permitAddrParse(const char *text, struct in6_addr *addrOut);

/* Read ADDR, ADDR/PREFIX or ADDR-ADDR. NULL, or what is wrong: constant. */
const char *permitAddrParseRange(const char *text, PermitRange *rangeOut);

/* True when the range holds the address, its ends included. */
bool permitAddrIsIn(const PermitRange *range, const struct in6_addr *addr);

#endif
