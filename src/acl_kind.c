/* acl_kind.c: the table of kinds. A new kind is one file and one row. */
#include "acl_priv.h"

#include <string.h>

#include "nearest.h"

static const AclKindOps *const kinds[] = {
    &aclKindSrc,          &aclKindDst,          &aclKindLocalIp,
    &aclKindDstDomain,    &aclKindPort,         &aclKindLocalPort,
    &aclKindMethod,       &aclKindProto,        &aclKindMyPortName,
    &aclKindUrlRegex,     &aclKindUrlPathRegex, &aclKindDstDomRegex,
    &aclKindExternal,     &aclKindNote,         &aclKindTag,
    &aclKindExtUser,      &aclKindProxyAuth,    &aclKindProxyAuthRegex,
    &aclKindBrowser,      &aclKindRefererRegex, &aclKindReqHeader,
    &aclKindRepHeader,    &aclKindReqMimeType,  &aclKindRepMimeType,
    &aclKindTime,         &aclKindMaxConn,      &aclKindHttpStatus,
    &aclKindRandom,       &aclKindHierCode,     &aclKindPeerName,
    &aclKindAnyOf,        &aclKindAllOf,        &aclKindPeerNameRegex,
    &aclKindExtUserRegex, &aclKindSrcDomain,    &aclKindSrcDomRegex,
};

#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

/* Kinds that Squid has, so that a line with one is no spelling mistake. */
static const char *const foreign[] = {
    "adaptation_service",
    "annotate_client",
    "annotate_transaction",
    "arp",
    "at_step",
    "ca_cert",
    "client_connection_mark",
    "clientside_mark",
    "connections_encrypted",
    "dst_as",
    "eui64",
    "hasrequest",
    "ident",
    "ident_regex",
    "max_user_ip",
    "server_cert_fingerprint",
    "snmp_community",
    "squid_error",
    "src_as",
    "ssl::certDomainMismatch",
    "ssl::server_name",
    "ssl::server_name_regex",
    "ssl_error",
    "transaction_initiator",
    "urllogin",
    "user_cert",
};

const AclKindOps *
aclKindLookup(const char *name)
{
    for (size_t i = 0; i < KIND_COUNT; i++)
        if (strcmp(kinds[i]->name, name) == 0)
            return kinds[i];
    return NULL;
}

const char *
aclKindNearest(const char *name)
{
    const char *best = NULL;

    for (size_t i = 0; i < KIND_COUNT; i++)
        best = nearestPick(name, best, kinds[i]->name);
    return best;
}

bool
aclKindIsForeign(const char *name)
{
    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
        if (strcmp(foreign[i], name) == 0)
            return true;
    return false;
}
