/* The addresses that clients come from. DEBUG: section 33 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "check.h"
#include "proxy_priv.h"
#include "xalloc.h"

#define PROXY_ADDR_MAGIC 0x9a0c1e0au

struct ProxyAddr {
    uint32_t magic;
    unsigned count;
    char *name; /* NULL: not looked up */
    struct in6_addr key;
    UT_hash_handle hh;
};

/* IPv4 is mapped into IPv6; all others are one. */
static void
makeKey(const struct sockaddr_storage *addr, struct in6_addr *key)
{
    const void *any = addr;

    memset(key, 0, sizeof(*key));
    if (addr->ss_family == AF_INET) {
        const struct sockaddr_in *in = any;
        key->s6_addr[10] = key->s6_addr[11] = 0xff;
        memcpy(&key->s6_addr[12], &in->sin_addr, 4);
    } else if (addr->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = any;
        *key = in6->sin6_addr;
    }
}

ProxyAddr *
proxyAddrEnter(Proxy *proxy, const struct sockaddr_storage *addr)
{
    ProxyAddr *found;
    struct in6_addr key;

    makeKey(addr, &key);
    HASH_FIND(hh, proxy->addrs, &key, sizeof(key), found);
    if (found == NULL) {
        found = xcalloc(1, sizeof(*found));
        found->magic = PROXY_ADDR_MAGIC;
        found->key = key;
        HASH_ADD(hh, proxy->addrs, key, sizeof(found->key), found);
    }
    found->count++;
    return found;
}

void
proxyAddrLeave(Proxy *proxy, ProxyAddr **addrp)
{
    ProxyAddr *addr = *addrp;

    *addrp = NULL;
    if (addr == NULL)
        return;
    CHECK_OBJ(addr, PROXY_ADDR_MAGIC);
    if (--addr->count > 0)
        return;
    HASH_DEL(proxy->addrs, addr);
    free(addr->name);
    CHECK_OBJ_CLEAR(addr);
    free(addr);
}

unsigned
proxyAddrCount(const ProxyAddr *addr)
{
    CHECK_OBJ(addr, PROXY_ADDR_MAGIC);
    return addr->count;
}

bool
proxyAddrIsCrowded(const Proxy *proxy, const ProxyAddr *addr)
{
    int64_t max = proxy->config->clientIpMaxConnections;

    return max > 0 && proxyAddrCount(addr) > max;
}

const char *
proxyAddrName(const ProxyAddr *addr)
{
    CHECK_OBJ(addr, PROXY_ADDR_MAGIC);
    return addr->name;
}

void
proxyAddrSetName(ProxyAddr *addr, const char *name)
{
    CHECK_OBJ(addr, PROXY_ADDR_MAGIC);
    free(addr->name);
    addr->name = xstrdup(name != NULL ? name : "none");
}

void
proxyForEachAddress(const Proxy *proxy, ProxyAddressCb *cb, void *data)
{
    const ProxyAddr *addr, *tmp;
    char text[INET6_ADDRSTRLEN];

    CHECK_OBJ(proxy, PROXY_MAGIC);
    HASH_ITER(hh, proxy->addrs, addr, tmp) {
        bool isIpv4 = IN6_IS_ADDR_V4MAPPED(&addr->key);
        const void *octets =
            isIpv4 ? &addr->key.s6_addr[12] : &addr->key.s6_addr[0];

        inet_ntop(isIpv4 ? AF_INET : AF_INET6, octets, text, sizeof(text));
        cb(&(ProxyAddressRow){text, addr->name, addr->count}, data);
    }
}

unsigned
proxyAddressCount(const Proxy *proxy)
{
    CHECK_OBJ(proxy, PROXY_MAGIC);
    return HASH_COUNT(proxy->addrs);
}
