/* acl_kind.c: the table of kinds. A new kind is one file and one row. */
#include "acl_priv.h"

#include <string.h>

#include "nearest.h"

static const AclKindOps *const kinds[] = {
    &aclKindSrc,       &aclKindDst,          &aclKindLocalIp,
    &aclKindDstDomain, &aclKindPort,         &aclKindLocalPort,
    &aclKindMethod,    &aclKindProto,        &aclKindMyPortName,
    &aclKindUrlRegex,  &aclKindUrlPathRegex, &aclKindDstDomRegex,
    &aclKindExternal,  &aclKindNote,         &aclKindTag,
    &aclKindExtUser,   &aclKindProxyAuth,    &aclKindProxyAuthRegex,
};

#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

/* Kinds that Squid has, so that a line with one is no spelling mistake. */
static const char *const foreign[] = {
    "adaptation_service",
    "all-of",
    "annotate_client",
    "annotate_transaction",
    "any-of",
    "arp",
    "at_step",
    "browser",
    "ca_cert",
    "client_connection_mark",
    "clientside_mark",
    "connections_encrypted",
    "dst_as",
    "eui64",
    "ext_user_regex",
    "hasrequest",
    "hier_code",
    "http_status",
    "ident",
    "ident_regex",
    "max_user_ip",
    "maxconn",
    "peername",
    "peername_regex",
    "random",
    "referer_regex",
    "rep_header",
    "rep_mime_type",
    "req_header",
    "req_mime_type",
    "server_cert_fingerprint",
    "snmp_community",
    "squid_error",
    "src_as",
    "srcdom_regex",
    "srcdomain",
    "ssl::certDomainMismatch",
    "ssl::server_name",
    "ssl::server_name_regex",
    "ssl_error",
    "time",
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
