/* What is particular about requests to a parent. DEBUG: section 15 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "check.h"
#include "debug.h"
#include "proxy_priv.h"
#include "xalloc.h"

#define CREDENTIALS_MAX 512

static bool
isAllowed(const ConfigPeer *peer, const AclInput *input)
{
    return (peer->access == NULL ||
            aclRulesCheck(peer->access, input) == ACL_ALLOW) &&
           (peer->domains == NULL ||
            aclRulesCheck(peer->domains, input) == ACL_ALLOW);
}

uint64_t
proxyPeerRuledOut(const ProxyRequest *request)
{
    const Config *config = request->proxy->config;
    uint64_t out = 0;
    AclInput input;

    if (config->peerCount == 0)
        return 0;
    input = proxyStepInput(request);
    for (size_t i = 0; i < config->peerCount; i++)
        if (!isAllowed(&config->peers[i], &input))
            out |= UINT64_C(1) << i;
    return out;
}

const ConfigPeer *
proxyPeerLookup(const Proxy *proxy, const char *name)
{
    for (size_t i = 0; i < proxy->config->peerCount; i++)
        if (strcmp(proxy->config->peers[i].name, name) == 0)
            return &proxy->config->peers[i];
    return NULL;
}

/* "Basic ..." of both; returns owned, NULL when they are too long. */
static char *
formatBasic(const char *user, const char *password)
{
    char plain[CREDENTIALS_MAX];
    unsigned char coded[CREDENTIALS_MAX * 4 / 3 + 8];
    int len = snprintf(plain, sizeof(plain), "%s:%s", user, password);

    if (len < 0 || (size_t)len >= sizeof(plain))
        return NULL;
    EVP_EncodeBlock(coded, (const unsigned char *)plain, len);
    return xasprintf("Basic %s", (const char *)coded);
}

/* The client's own credentials for us, or what a helper knows of it. */
static char *
passOn(const ProxyRequest *request)
{
    const AclFacts *facts = &request->facts;
    HttpSlice own =
        httpHeaderGet(&request->http->headers, HTTP_HEADER_PROXY_AUTHORIZATION);

    if (own.data != NULL)
        return xstrndup(own.data, own.len);
    if (facts->extUser != NULL && facts->password != NULL)
        return formatBasic(facts->extUser, facts->password);
    return NULL;
}

static char *
userWith(const ProxyRequest *request, const char *password)
{
    const char *user = aclFactsUser(&request->facts);

    return user != NULL ? formatBasic(user, password) : NULL;
}

char *
proxyPeerLogin(const ProxyRequest *request, const ConfigPeer *peer)
{
    switch (peer->login) {
    case CONFIG_PEER_LOGIN_PASS:
        return passOn(request);
    case CONFIG_PEER_LOGIN_USER:
        return userWith(request, peer->password);
    case CONFIG_PEER_LOGIN_FIXED:
        return formatBasic(peer->user, peer->password);
    default:
        return NULL;
    }
}

const char *
proxyPeerOutgoing(const ProxyRequest *request)
{
    const Config *config = request->config;
    AclInput input;

    if (config->outgoingCount == 0)
        return NULL;
    input = proxyStepInput(request);
    for (size_t i = 0; i < config->outgoingCount; i++) {
        const ConfigOutgoing *outgoing = &config->outgoing[i];

        if (outgoing->rules == NULL ||
            aclRulesCheck(outgoing->rules, &input) == ACL_ALLOW)
            return outgoing->addr;
    }
    return NULL;
}

int
proxyPeerConnectMs(const ProxyRequest *request, const ConfigPeer *peer)
{
    return peer->connectTimeoutMs > 0
               ? peer->connectTimeoutMs
               : (int)request->config->peerConnectTimeoutMs;
}

void
proxyPeerChange(const ProxyRequest *request, const ConfigPeer *peer,
                HttpHeaders *headers)
{
    char *login = proxyPeerLogin(request, peer);
    HttpHeaderId id = peer->isOriginServer ? HTTP_HEADER_AUTHORIZATION
                                           : HTTP_HEADER_PROXY_AUTHORIZATION;

    if (peer->forcedDomain != NULL)
        httpHeaderSet(headers, HTTP_HEADER_HOST,
                      httpSliceText(peer->forcedDomain));
    if (login != NULL)
        httpHeaderSet(headers, id, httpSliceText(login));
    free(login);
}
