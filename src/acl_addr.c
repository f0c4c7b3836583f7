/* acl_addr.c: src, dst, localip: sorted ranges of addresses. */
#include "acl_priv.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xalloc.h"

/* The family (4 or 6), then the address with leading zeros: keys compare
 * with memcmp, and no range spans both families. */
#define KEY_LEN 17

typedef struct AddrRange {
    uint8_t low[KEY_LEN];
    uint8_t high[KEY_LEN];
} AddrRange;

typedef struct AddrSet {
    AddrRange *ranges; /* once frozen: sorted, none overlaps another */
    size_t count;
    size_t size;
    bool isNoLookup; /* -n: names are not looked up */
} AddrSet;

static void *
createAddrSet(void)
{
    return xcalloc(1, sizeof(AddrSet));
}

static void
destroyAddrSet(void *data)
{
    AddrSet *set = data;

    free(set->ranges);
    free(set);
}

static void
keyFrom4(const void *addr, uint8_t *key)
{
    memset(key, 0, KEY_LEN);
    key[0] = 4;
    memcpy(key + KEY_LEN - 4, addr, 4);
}

static void
keyFrom6(const struct in6_addr *addr, uint8_t *key)
{
    if (IN6_IS_ADDR_V4MAPPED(addr)) {
        keyFrom4(addr->s6_addr + 12, key);
        return;
    }
    key[0] = 6;
    memcpy(key + 1, addr->s6_addr, 16);
}

static bool
keyFromSockaddr(const struct sockaddr *addr, uint8_t *key)
{
    if (addr && addr->sa_family == AF_INET) {
        const void *v4 =
            &((const struct sockaddr_in *)(const void *)addr)->sin_addr;
        keyFrom4(v4, key);
        return true;
    }
    if (addr && addr->sa_family == AF_INET6) {
        keyFrom6(&((const struct sockaddr_in6 *)(const void *)addr)->sin6_addr,
                 key);
        return true;
    }
    return false;
}

static bool
keyFromText(const char *text, uint8_t *key)
{
    struct in_addr v4;
    struct in6_addr v6;

    if (inet_pton(AF_INET, text, &v4) == 1) {
        keyFrom4(&v4, key);
        return true;
    }
    if (inet_pton(AF_INET6, text, &v6) == 1) {
        keyFrom6(&v6, key);
        return true;
    }
    return false;
}

/* Number of leading bits of a dotted mask, or -1 when it has holes. */
static int
prefixOfMask(const uint8_t *key)
{
    uint32_t mask;
    int bits = 0;

    memcpy(&mask, key + KEY_LEN - 4, 4);
    mask = ntohl(mask);
    while (mask & 0x80000000u) {
        mask <<= 1;
        bits++;
    }
    return mask ? -1 : bits;
}

/* Prefix length out of "24" or "255.255.255.0" for a family, or -1. */
static int
parsePrefix(const char *text, int family)
{
    int bits = 0, max = family == 4 ? 32 : 128;
    uint8_t key[KEY_LEN];

    if (family == 4 && strchr(text, '.')) {
        if (!keyFromText(text, key))
            return -1;
        return prefixOfMask(key);
    }
    if (!*text || strlen(text) > 3)
        return -1;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return -1;
        bits = bits * 10 + (*text - '0');
    }
    return bits <= max ? bits : -1;
}

/* Set the bits after the prefix to zeros in low and ones in high; true when
 * low had some of them set. */
static bool
applyPrefix(AddrRange *range, int bits)
{
    bool masked = false;
    int first = range->low[0] == 4 ? KEY_LEN - 4 : 1;

    for (int i = first; i < KEY_LEN; i++, bits -= 8) {
        uint8_t host = bits >= 8 ? 0 : bits <= 0 ? 0xff : 0xff >> bits;

        masked = masked || (range->low[i] & host);
        range->low[i] &= (uint8_t)~host;
        range->high[i] |= host;
    }
    return masked;
}

static void
addRange(AddrSet *set, const AddrRange *range)
{
    if (set->count == set->size) {
        set->size = set->size ? set->size * 2 : 8;
        set->ranges = xrealloc(set->ranges, set->size * sizeof(*set->ranges));
    }
    set->ranges[set->count++] = *range;
}

static void
addFamily(AddrSet *set, uint8_t family)
{
    AddrRange range = {{family}, {family}};

    applyPrefix(&range, 0);
    addRange(set, &range);
}

/* The words that stand for whole families. */
static bool
addKeyword(AddrSet *set, const char *value)
{
    bool all = strcmp(value, "all") == 0;

    if (all || strcmp(value, "ipv4") == 0)
        addFamily(set, 4);
    if (all || strcmp(value, "ipv6") == 0)
        addFamily(set, 6);
    return all || strcmp(value, "ipv4") == 0 || strcmp(value, "ipv6") == 0 ||
           strcmp(value, "none") == 0;
}

/* value: "ADDR", "ADDR-ADDR", each with "/PREFIX" or "/MASK". It is cut up. */
static const char *
parseRange(char *value, AddrRange *range, bool *maskedOut)
{
    char *slash = strchr(value, '/');
    char *dash;
    int bits;

    if (slash)
        *slash++ = '\0';
    dash = strchr(value, '-');
    if (dash)
        *dash++ = '\0';
    if (!keyFromText(value, range->low) ||
        !keyFromText(dash ? dash : value, range->high))
        return "expected an address, ADDR/PREFIX, ADDR/MASK, ADDR-ADDR or the "
               "name of a host";
    if (range->low[0] != range->high[0])
        return "the ends of the range are of different families";
    if (slash) {
        bits = parsePrefix(slash, range->low[0]);
        if (bits < 0)
            return "expected a prefix length or a mask without holes after /";
        *maskedOut = applyPrefix(range, bits);
    }
    if (memcmp(range->low, range->high, KEY_LEN) > 0)
        return "the range ends before it begins";
    return NULL;
}

/* Only what no address can be meant by: a slip of the pen in one is to be
 * told, not to be looked up. */
static bool
isHostName(const char *value)
{
    const char *dot = strrchr(value, '.');
    const char *last = dot ? dot + 1 : value;

    for (const char *at = value; *at; at++)
        if (!isalnum((unsigned char)*at) && !strchr("-_.", *at))
            return false;
    return isalpha((unsigned char)*last);
}

/* All addresses that the name has now. */
static void
addHost(AddrSet *set, const char *name, AclReport *report)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int rc = getaddrinfo(name, NULL, &hints, &found);

    if (rc != 0) {
        /* As a rule that denies it would let everything pass. */
        aclReportError(report, "acl %s: the name %s cannot be resolved: %s",
                       report->name, name, gai_strerror(rc));
        return;
    }
    for (const struct addrinfo *at = found; at; at = at->ai_next) {
        AddrRange range;

        if (!keyFromSockaddr(at->ai_addr, range.low))
            continue;
        memcpy(range.high, range.low, KEY_LEN);
        addRange(set, &range);
    }
    freeaddrinfo(found);
}

static void
addAddr(void *data, const char *value, unsigned flags, AclReport *report)
{
    AddrSet *set = data;
    AddrRange range;
    bool masked = false;
    const char *wrong;
    char *copy;

    if ((flags & ACL_FLAG_NO_LOOKUP) != 0)
        set->isNoLookup = true;
    if (addKeyword(set, value))
        return;
    if (isHostName(value) && (flags & ACL_FLAG_NO_LOOKUP) == 0) {
        addHost(set, value, report);
        return;
    }
    copy = xstrdup(value);
    wrong = parseRange(copy, &range, &masked);
    free(copy);
    if (wrong) {
        aclReportError(report, "acl %s: \"%s\": %s", report->name, value,
                       wrong);
        return;
    }
    if (masked)
        aclReportWarning(report,
                         "acl %s: \"%s\": the mask removes a part of the "
                         "address",
                         report->name, value);
    addRange(set, &range);
}

static int
compareRanges(const void *a, const void *b)
{
    return memcmp(((const AddrRange *)a)->low, ((const AddrRange *)b)->low,
                  KEY_LEN);
}

static void
freezeAddrSet(void *data)
{
    AddrSet *set = data;
    size_t kept = 0;

    if (set->count == 0)
        return;
    qsort(set->ranges, set->count, sizeof(*set->ranges), compareRanges);
    for (size_t i = 1; i < set->count; i++) {
        AddrRange *last = &set->ranges[kept];
        const AddrRange *range = &set->ranges[i];

        if (memcmp(range->low, last->high, KEY_LEN) > 0)
            set->ranges[++kept] = *range;
        else if (memcmp(range->high, last->high, KEY_LEN) > 0)
            memcpy(last->high, range->high, KEY_LEN);
    }
    set->count = kept + 1;
}

static bool
hasKey(const AddrSet *set, const uint8_t *key)
{
    size_t low = 0, high = set->count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        const AddrRange *range = &set->ranges[middle];

        if (memcmp(key, range->low, KEY_LEN) < 0)
            high = middle;
        else if (memcmp(key, range->high, KEY_LEN) > 0)
            low = middle + 1;
        else
            return true;
    }
    return false;
}

static AclMatch
matchAddr(const AddrSet *set, const struct sockaddr *addr)
{
    uint8_t key[KEY_LEN];

    if (!keyFromSockaddr(addr, key))
        return ACL_MATCH_NO;
    return hasKey(set, key) ? ACL_MATCH_YES : ACL_MATCH_NO;
}

static AclMatch
matchSrc(const void *data, const AclInput *input)
{
    return matchAddr(data, input->client);
}

static AclMatch
matchLocalIp(const void *data, const AclInput *input)
{
    return matchAddr(data, input->local);
}

static AclMatch
matchDst(const void *data, const AclInput *input)
{
    const AddrSet *set = data;
    uint8_t key[KEY_LEN];

    if (!input->host)
        return ACL_MATCH_NO;
    if (keyFromText(input->host, key))
        return hasKey(data, key) ? ACL_MATCH_YES : ACL_MATCH_NO;
    if (set->isNoLookup)
        return ACL_MATCH_NO;
    if (!input->dstKnown)
        return ACL_MATCH_NEED_DST;
    for (size_t i = 0; i < input->dstCount; i++) {
        const void *addr = &input->dst[i];

        if (matchAddr(data, addr) == ACL_MATCH_YES)
            return ACL_MATCH_YES;
    }
    return ACL_MATCH_NO;
}

const AclKindOps aclKindSrc = {
    .name = "src",
    .create = createAddrSet,
    .destroy = destroyAddrSet,
    .add = addAddr,
    .freeze = freezeAddrSet,
    .match = matchSrc,
};

const AclKindOps aclKindDst = {
    .name = "dst",
    .create = createAddrSet,
    .destroy = destroyAddrSet,
    .add = addAddr,
    .freeze = freezeAddrSet,
    .match = matchDst,
};

const AclKindOps aclKindLocalIp = {
    .name = "localip",
    .create = createAddrSet,
    .destroy = destroyAddrSet,
    .add = addAddr,
    .freeze = freezeAddrSet,
    .match = matchLocalIp,
};
