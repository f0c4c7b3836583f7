/* acl_external.c: acls that helpers answer. */
#include "acl_priv.h"

#include <stdlib.h>
#include <string.h>

#include "xalloc.h"

static void *
createExternal(void)
{
    return xcalloc(1, sizeof(AclExternal));
}

static void
destroyExternal(void *data)
{
    AclExternal *external = data;

    for (size_t i = 0; i < external->argCount; i++)
        free(external->args[i]);
    free(external->args);
    free(external->helperClass);
    free(external->name);
    free(external);
}

/* The class, then the words its helpers are given. */
static void
addExternal(void *data, const char *value, unsigned flags, AclReport *report)
{
    AclExternal *external = data;

    (void)flags;
    if (!external->helperClass) {
        external->name = xstrdup(report->name);
        external->helperClass = xstrdup(value);
        return;
    }
    if (value[strcspn(value, "\r\n")] != '\0') {
        aclReportError(report, "acl %s: a word with the end of a line",
                       report->name);
        return;
    }
    external->args =
        xrealloc(external->args, (external->argCount + 1) * sizeof(char *));
    external->args[external->argCount++] = xstrdup(value);
}

static AclMatch
matchExternal(const void *data, const AclInput *input)
{
    static const AclMatch matches[ACL_VERDICT_COUNT] = {
        [ACL_VERDICT_NO] = ACL_MATCH_NO,
        [ACL_VERDICT_YES] = ACL_MATCH_YES,
        [ACL_VERDICT_UNKNOWN] = ACL_MATCH_DUNNO,
    };
    const AclVerdict *verdict =
        input->facts ? aclFactsAnswer(input->facts, data) : NULL;

    return verdict ? matches[*verdict] : ACL_MATCH_NEED_EXTERNAL;
}

const AclKindOps aclKindExternal = {
    .name = "external",
    .isWordwise = true,
    .create = createExternal,
    .destroy = destroyExternal,
    .add = addExternal,
    .match = matchExternal,
};
