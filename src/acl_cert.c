/* acl_cert.c: user_cert, ca_cert, connections_encrypted: the client's TLS. */
#include "acl_priv.h"

#include <stdlib.h>
#include <string.h>

#include "tls.h"
#include "xalloc.h"

#define VALUE_MAX 1024

/* ATTRIBUTE VALUE...: the attribute has one of the values. */
typedef struct CertSet {
    char *attribute; /* NULL: not given yet */
    char **values;
    size_t count;
} CertSet;

static void *
createCertSet(void)
{
    return xcalloc(1, sizeof(CertSet));
}

static void
destroyCertSet(void *data)
{
    CertSet *set = data;

    for (size_t i = 0; i < set->count; i++)
        free(set->values[i]);
    free(set->values);
    free(set->attribute);
    free(set);
}

static void
addCert(void *data, const char *value, unsigned flags, AclReport *report)
{
    CertSet *set = data;

    (void)flags;
    if (set->attribute == NULL && !tlsIsNameField(value)) {
        aclReportError(report,
                       "acl %s: \"%s\": expected an attribute of a name, as "
                       "CN, O, OU, emailAddress, or DN for all of it",
                       report->name, value);
    } else if (set->attribute == NULL) {
        set->attribute = xstrdup(value);
    } else {
        set->values =
            xrealloc(set->values, (set->count + 1) * sizeof(*set->values));
        set->values[set->count++] = xstrdup(value);
    }
}

static AclMatch
matchCert(const CertSet *set, const AclInput *input, bool isIssuer)
{
    char value[VALUE_MAX];

    if (input->tls == NULL || set->attribute == NULL ||
        !tlsStreamPeerField(input->tls, isIssuer, set->attribute, value,
                            sizeof(value)))
        return ACL_MATCH_NO;
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->values[i], value) == 0)
            return ACL_MATCH_YES;
    return ACL_MATCH_NO;
}

static AclMatch
matchUserCert(const void *data, const AclInput *input)
{
    return matchCert(data, input, false);
}

static AclMatch
matchCaCert(const void *data, const AclInput *input)
{
    return matchCert(data, input, true);
}

static void *
createNothing(void)
{
    return xcalloc(1, 1);
}

static void
refuseValue(void *data, const char *value, unsigned flags, AclReport *report)
{
    (void)data;
    (void)flags;
    aclReportError(report, "acl %s: \"%s\": the kind has no values",
                   report->name, value);
}

static AclMatch
matchEncrypted(const void *data, const AclInput *input)
{
    (void)data;
    return input->isEncrypted ? ACL_MATCH_YES : ACL_MATCH_NO;
}

const AclKindOps aclKindUserCert = {
    .name = "user_cert",
    .create = createCertSet,
    .destroy = destroyCertSet,
    .add = addCert,
    .match = matchUserCert,
};

const AclKindOps aclKindCaCert = {
    .name = "ca_cert",
    .create = createCertSet,
    .destroy = destroyCertSet,
    .add = addCert,
    .match = matchCaCert,
};

const AclKindOps aclKindEncrypted = {
    .name = "connections_encrypted",
    .create = createNothing,
    .destroy = free,
    .add = refuseValue,
    .match = matchEncrypted,
};
