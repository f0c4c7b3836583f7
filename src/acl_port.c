/* acl_port.c: port, localport: one bit for each port. */
#include "acl_priv.h"

#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "xalloc.h"

#define PORT_COUNT 65536u

typedef struct PortSet {
    uint8_t bits[PORT_COUNT / 8];
} PortSet;

static void *
createPortSet(void)
{
    return xcalloc(1, sizeof(PortSet));
}

/* Read a port; returns what follows it, or NULL. */
static const char *
parsePort(const char *text, unsigned *portOut)
{
    unsigned port = 0;
    const char *at = text;

    for (; *at >= '0' && *at <= '9'; at++) {
        port = port * 10 + (unsigned)(*at - '0');
        if (port >= PORT_COUNT)
            return NULL;
    }
    if (at == text)
        return NULL;
    *portOut = port;
    return at;
}

static bool
parseRange(const char *text, unsigned *lowOut, unsigned *highOut)
{
    const char *at = parsePort(text, lowOut);

    *highOut = *lowOut;
    if (at && *at == '-')
        at = parsePort(at + 1, highOut);
    return at && *at == '\0' && *lowOut <= *highOut;
}

static void
addPort(void *data, const char *value, unsigned flags, AclReport *report)
{
    PortSet *set = data;
    unsigned low = 0, high = 0;

    (void)flags;
    if (!parseRange(value, &low, &high)) {
        aclReportError(report,
                       "acl %s: \"%s\": expected a port or LOW-HIGH, 0 to "
                       "65535",
                       report->name, value);
        return;
    }
    for (unsigned port = low; port <= high; port++)
        set->bits[port / 8] |= (uint8_t)(1u << port % 8);
}

static AclMatch
matchPortNumber(const PortSet *set, unsigned port)
{
    bool is = port < PORT_COUNT && (set->bits[port / 8] & 1u << port % 8);

    return is ? ACL_MATCH_YES : ACL_MATCH_NO;
}

static AclMatch
matchPort(const void *data, const AclInput *input)
{
    return matchPortNumber(data, input->port);
}

static AclMatch
matchLocalPort(const void *data, const AclInput *input)
{
    const struct sockaddr *local = input->local;

    if (local && local->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)local;
        return matchPortNumber(data, ntohs(in->sin_port));
    }
    if (local && local->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)local;
        return matchPortNumber(data, ntohs(in6->sin6_port));
    }
    return ACL_MATCH_NO;
}

const AclKindOps aclKindPort = {
    .name = "port",
    .create = createPortSet,
    .destroy = free,
    .add = addPort,
    .match = matchPort,
};

const AclKindOps aclKindLocalPort = {
    .name = "localport",
    .create = createPortSet,
    .destroy = free,
    .add = addPort,
    .match = matchLocalPort,
};
