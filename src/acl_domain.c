/* acl_domain.c: dstdomain, srcdomain: host names, exact or as suffix, in a
 * hash. */
#include "acl_priv.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "xalloc.h"

#define NAME_MAX_LEN 255

typedef struct Domain {
    UT_hash_handle hh;
    char name[]; /* lower case; with a leading dot: also what is below */
} Domain;

typedef struct DomainSet {
    Domain *byName;
} DomainSet;

static void *
createDomainSet(void)
{
    return xcalloc(1, sizeof(DomainSet));
}

static void
destroyDomainSet(void *data)
{
    DomainSet *set = data;
    Domain *domain, *tmp;

    HASH_ITER(hh, set->byName, domain, tmp)
    {
        HASH_DEL(set->byName, domain);
        free(domain);
    }
    free(set);
}

static bool
hasName(const DomainSet *set, const char *name, size_t len)
{
    Domain *domain;

    HASH_FIND(hh, set->byName, name, len, domain);
    return domain != NULL;
}

/* Lower case, without the dot of the root. Returns the length, or 0. */
static size_t
foldName(const char *name, char folded[NAME_MAX_LEN + 1])
{
    size_t len = strnlen(name, NAME_MAX_LEN + 2);

    if (len > 1 && name[len - 1] == '.')
        len--;
    if (len > NAME_MAX_LEN)
        return 0;
    for (size_t i = 0; i < len; i++)
        folded[i] = (char)tolower((unsigned char)name[i]);
    folded[len] = '\0';
    return len;
}

static void
addDomain(void *data, const char *value, unsigned flags, AclReport *report)
{
    DomainSet *set = data;
    char name[NAME_MAX_LEN + 1];
    size_t len = foldName(value, name);
    Domain *domain;

    (void)flags;
    if (len == 0 || strpbrk(value, "/:*@") || strcmp(value, ".") == 0) {
        aclReportError(report,
                       "acl %s: \"%s\": expected a host name, or .DOMAIN for "
                       "it and all below",
                       report->name, value);
        return;
    }
    if (hasName(set, name, len))
        return;
    domain = xcalloc(1, sizeof(*domain) + len + 1);
    memcpy(domain->name, name, len);
    HASH_ADD_KEYPTR(hh, set->byName, domain->name, len, domain);
}

/* host itself, ".host", and every ".parent" of it. */
static AclMatch
matchName(const DomainSet *data, const char *host)
{
    char name[NAME_MAX_LEN + 2];
    size_t len = host ? foldName(host, name + 1) : 0;

    if (len == 0)
        return ACL_MATCH_NO;
    if (hasName(data, name + 1, len))
        return ACL_MATCH_YES;
    name[0] = '.';
    for (const char *dot = name; dot; dot = strchr(dot + 1, '.')) {
        if (hasName(data, dot, len + 1 - (size_t)(dot - name)))
            return ACL_MATCH_YES;
    }
    return ACL_MATCH_NO;
}

static AclMatch
matchDomain(const void *data, const AclInput *input)
{
    return matchName(data, input->host);
}

static AclMatch
matchSrcDomain(const void *data, const AclInput *input)
{
    return input->clientName ? matchName(data, input->clientName)
                             : ACL_MATCH_NEED_SRC;
}

const AclKindOps aclKindSrcDomain = {
    .name = "srcdomain",
    .create = createDomainSet,
    .destroy = destroyDomainSet,
    .add = addDomain,
    .match = matchSrcDomain,
};

const AclKindOps aclKindDstDomain = {
    .name = "dstdomain",
    .create = createDomainSet,
    .destroy = destroyDomainSet,
    .add = addDomain,
    .match = matchDomain,
};
