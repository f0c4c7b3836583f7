/* The addresses of names, for the pinger. DEBUG: section 37 */
#include "pinger_priv.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "check.h"
#include "comm.h"
#include "list.h"
#include "xalloc.h"

#define PINGER_HOST_MAGIC 0x9149e405u
#define HOSTS_MAX 1024
#define LOOKUP_US (60 * INT64_C(1000000))

typedef struct Host {
    uint32_t magic;
    char *name;
    UT_hash_handle hh;
    ListNode node; /* in hosts->used, last used first */
    PingerHosts *hosts;
    Resolve *lookup; /* in progress */
    int64_t lookedUpUs;
    struct sockaddr_storage addrs[RESOLVE_MAX];
    size_t count;
} Host;

struct PingerHosts {
    Pinger *pinger;
    Host *byName;
    ListNode used;
};

PingerHosts *
pingerHostsCreate(Pinger *pinger)
{
    PingerHosts *hosts = xcalloc(1, sizeof(*hosts));

    hosts->pinger = pinger;
    listInit(&hosts->used);
    return hosts;
}

static void
dropHost(Host *host)
{
    CHECK_OBJ(host, PINGER_HOST_MAGIC);
    HASH_DEL(host->hosts->byName, host);
    listRemove(&host->node);
    resolveCancel(&host->lookup);
    free(host->name);
    CHECK_OBJ_CLEAR(host);
    free(host);
}

void
pingerHostsDestroy(PingerHosts **hosts)
{
    ListNode *it;

    while ((it = listFirst(&(*hosts)->used)) != NULL)
        dropHost(LIST_OBJ(it, Host, node));
    free(*hosts);
    *hosts = NULL;
}

/* A name that has no address now keeps those it had. */
static void
onLookup(const struct sockaddr_storage *addrs, size_t count, void *data)
{
    Host *host = data;

    CHECK_OBJ(host, PINGER_HOST_MAGIC);
    host->lookup = NULL;
    if (count == 0)
        return;
    memcpy(host->addrs, addrs, count * sizeof(*addrs));
    host->count = count;
    for (size_t i = 0; i < count; i++)
        pingerAsk(host->hosts->pinger, (const struct sockaddr *)&addrs[i]);
}

static Host *
addHost(PingerHosts *hosts, const char *name)
{
    Host *host = xcalloc(1, sizeof(*host));

    if (HASH_COUNT(hosts->byName) >= HOSTS_MAX)
        dropHost(LIST_OBJ(hosts->used.prev, Host, node));
    host->magic = PINGER_HOST_MAGIC;
    host->hosts = hosts;
    host->name = xstrdup(name);
    host->lookedUpUs = commNowUs() - LOOKUP_US;
    HASH_ADD_KEYPTR(hh, hosts->byName, host->name, strlen(host->name), host);
    listPushFront(&hosts->used, &host->node);
    return host;
}

/* An address needs no lookup. */
static size_t
parseAddress(const char *text, struct sockaddr_storage *addrOut)
{
    struct sockaddr_in *in = (void *)addrOut;
    struct sockaddr_in6 *in6 = (void *)addrOut;

    memset(addrOut, 0, sizeof(*addrOut));
    if (inet_pton(AF_INET, text, &in->sin_addr) == 1)
        in->sin_family = AF_INET;
    else if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1)
        in6->sin6_family = AF_INET6;
    return addrOut->ss_family != 0;
}

static void
askAgain(PingerHosts *hosts, const struct sockaddr_storage *addrs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        pingerAsk(hosts->pinger, (const struct sockaddr *)&addrs[i]);
}

size_t
pingerHostsGet(PingerHosts *hosts, const char *name,
               struct sockaddr_storage addrsOut[RESOLVE_MAX])
{
    Host *host = NULL;

    if (parseAddress(name, &addrsOut[0]) != 0) {
        askAgain(hosts, addrsOut, 1);
        return 1;
    }
    HASH_FIND_STR(hosts->byName, name, host);
    if (host == NULL)
        host = addHost(hosts, name);
    listRemove(&host->node);
    listPushFront(&hosts->used, &host->node);
    if (host->lookup == NULL && commNowUs() - host->lookedUpUs >= LOOKUP_US) {
        host->lookedUpUs = commNowUs();
        host->lookup = resolveStart(name, onLookup, host);
    }
    askAgain(hosts, host->addrs, host->count);
    memcpy(addrsOut, host->addrs, host->count * sizeof(*addrsOut));
    return host->count;
}
