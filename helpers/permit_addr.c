/* permit_addr.c: addresses and ranges of them. */
#include "permit_addr.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define V4_PREFIX 96 /* bits that an IPv4 address has before its own */
#define TEXT_MAX 46

static const char *const notAddress = "not an address";

bool
permitAddrParse(const char *text, struct in6_addr *addrOut)
{
    struct in6_addr addr = {.s6_addr = {[10] = 0xff, [11] = 0xff}};

    if (inet_pton(AF_INET, text, &addr.s6_addr[12]) == 1 ||
        inet_pton(AF_INET6, text, &addr) == 1) {
        *addrOut = addr;
        return true;
    }
    return false;
}

static bool
parsePart(const char *text, size_t len, struct in6_addr *addrOut)
{
    char part[TEXT_MAX];

    if (len >= sizeof(part))
        return false;
    memcpy(part, text, len);
    part[len] = '\0';
    return permitAddrParse(part, addrOut);
}

/* The first and the last address with the same first bits. */
static void
spread(PermitRange *range, unsigned bits)
{
    for (unsigned i = 0; i < 128; i++) {
        unsigned char mask = (unsigned char)(0x80u >> i % 8);

        if (i < bits)
            continue;
        range->first.s6_addr[i / 8] &= (unsigned char)~mask;
        range->last.s6_addr[i / 8] |= mask;
    }
}

static const char *
parsePrefix(const char *text, bool isV4, PermitRange *range)
{
    unsigned long bits = strtoul(text, NULL, 10);

    if (strlen(text) > 3 || strspn(text, "0123456789") != strlen(text) ||
        *text == '\0' || bits > (isV4 ? 32u : 128u))
        return "a prefix is /0 to /32, or to /128 for IPv6";
    spread(range, (unsigned)bits + (isV4 ? V4_PREFIX : 0));
    return NULL;
}

static int
compare(const struct in6_addr *a, const struct in6_addr *b)
{
    return memcmp(a->s6_addr, b->s6_addr, sizeof(a->s6_addr));
}

const char *
permitAddrParseRange(const char *text, PermitRange *rangeOut)
{
    size_t len = strcspn(text, "/-");
    PermitRange range;

    if (!parsePart(text, len, &range.first))
        return notAddress;
    range.last = range.first;
    if (text[len] == '/') {
        const char *why =
            parsePrefix(text + len + 1, !memchr(text, ':', len), &range);
        if (why)
            return why;
    } else if (text[len] == '-') {
        if (!permitAddrParse(text + len + 1, &range.last))
            return notAddress;
        if (compare(&range.first, &range.last) > 0)
            return "a range ends before it begins";
    }
    *rangeOut = range;
    return NULL;
}

bool
permitAddrIsIn(const PermitRange *range, const struct in6_addr *addr)
{
    return compare(addr, &range->first) >= 0 &&
           compare(addr, &range->last) <= 0;
}
