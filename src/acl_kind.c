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
    &aclKindMaxUserIp,    &aclKindUserCert,     &aclKindCaCert,
    &aclKindEncrypted,    &aclKindUrlLogin,
};

#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

#define NO_BUMP "TLS is not decrypted"
#define NO_ETHERNET "hardware addresses are not looked up"
#define NO_AS "autonomous systems are not looked up"
#define NO_IDENT "clients are not asked who their users are"
#define NO_MARK "packets and connections have no marks"
#define NO_CERTIFICATE "origins' certificates are verified by OpenSSL alone"

/* Kinds that Squid has or had, so that a line with one is no spelling
 * mistake, and why not. */
static const struct {
    const char *name;
    const char *why;
} foreign[] = {
    {"adaptation_service", "there is no ICAP"},
    {"annotate_client", "only helpers make annotations"},
    {"annotate_transaction", "only helpers make annotations"},
    {"arp", NO_ETHERNET},
    {"at_step", NO_BUMP},
    {"client_connection_mark", NO_MARK},
    {"clientside_mark", NO_MARK},
    {"dst_as", NO_AS},
    {"eui64", NO_ETHERNET},
    {"has", "http_status 100-999 tells whether there is an answer"},
    {"hasrequest", "there always is a request"},
    {"ident", NO_IDENT},
    {"ident_regex", NO_IDENT},
    {"server_cert_fingerprint", NO_CERTIFICATE},
    {"snmp_community", "there is no SNMP"},
    {"squid_error", "acl http_status tells of errors"},
    {"src_as", NO_AS},
    {"ssl::certDomainMismatch", NO_CERTIFICATE},
    {"ssl::certHasExpired", NO_CERTIFICATE},
    {"ssl::certNotYetValid", NO_CERTIFICATE},
    {"ssl::certSelfSigned", NO_CERTIFICATE},
    {"ssl::certUntrusted", NO_CERTIFICATE},
    {"ssl::server_name", NO_BUMP},
    {"ssl::server_name_regex", NO_BUMP},
    {"ssl_error", NO_CERTIFICATE},
    {"transaction_initiator", "all requests are of clients"},
    {"urlgroup", "helpers' answers have annotations: acl note"},
};

/* Older names. */
static const struct {
    const char *old;
    const char *name;
} aliases[] = {
    {"myip", "localip"},
    {"myport", "localport"},
};

const char *
aclKindName(const char *name)
{
    for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
        if (strcmp(aliases[i].old, name) == 0)
            return aliases[i].name;
    return name;
}

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

const char *
aclKindWhyNot(const char *name)
{
    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
        if (strcmp(foreign[i].name, name) == 0)
            return foreign[i].why;
    return NULL;
}
