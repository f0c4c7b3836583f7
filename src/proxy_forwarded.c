/* Clients behind other proxies: X-Forwarded-For. DEBUG: section 33 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "address.h"
#include "check.h"
#include "debug.h"
#include "proxy_priv.h"

#define HOPS_MAX 64

/* False: that is no address. */
static bool
readAddress(HttpSlice text, struct sockaddr_storage *addr)
{
    struct sockaddr_in *in = (void *)addr;
    struct sockaddr_in6 *in6 = (void *)addr;
    char copy[INET6_ADDRSTRLEN];

    if (text.len == 0 || text.len >= sizeof(copy))
        return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    memset(addr, 0, sizeof(*addr));
    addr->ss_family = strchr(copy, ':') != NULL ? AF_INET6 : AF_INET;
    return addr->ss_family == AF_INET
               ? inet_pton(AF_INET, copy, &in->sin_addr) == 1
               : inet_pton(AF_INET6, copy, &in6->sin6_addr) == 1;
}

/* The last HOPS_MAX members of the list; how many. */
static size_t
readHops(const HttpHeaders *headers, HttpSlice hops[HOPS_MAX])
{
    HttpList list;
    HttpSlice item;
    size_t count = 0;

    httpListStart(&list, headers, HTTP_HEADER_X_FORWARDED_FOR);
    while (httpListNext(&list, &item)) {
        if (count == HOPS_MAX)
            memmove(hops, hops + 1, --count * sizeof(*hops));
        hops[count++] = item;
    }
    return count;
}

void
proxyForwardedFollow(ProxyRequest *request)
{
    const AclRules *rules = request->config->followForwarded;
    struct sockaddr_storage addr;
    HttpSlice hops[HOPS_MAX];
    char text[ADDRESS_TEXT_MAX];

    if (aclRulesCount(rules) == 0)
        return;
    for (size_t i = readHops(&request->http->headers, hops); i > 0; i--) {
        AclInput input = proxyStepInput(request);

        if (request->indirect.ss_family != AF_UNSPEC)
            input.client = (const struct sockaddr *)&request->indirect;
        if (aclRulesCheck(rules, &input) != ACL_ALLOW ||
            !readAddress(hops[i - 1], &addr))
            break;
        request->indirect = addr;
    }
    if (request->indirect.ss_family == AF_UNSPEC)
        return;
    addressFormat((const struct sockaddr *)&request->indirect, text);
    debug(DBG_CLIENT, 3, "%s: comes from %s", request->urlText.data, text);
}

const struct sockaddr *
proxyForwardedClient(const ProxyRequest *request, bool isForLog)
{
    const Config *config = request->config;
    bool isUsed = isForLog ? config->logUsesIndirect : config->aclUsesIndirect;

    return isUsed && request->indirect.ss_family != AF_UNSPEC
               ? (const struct sockaddr *)&request->indirect
               : (const struct sockaddr *)&request->client->peer;
}
