/* acl_group.c: any-of, all-of: acls made of others. */
#include "acl_priv.h"

#include <stdlib.h>
#include <string.h>

#include "xalloc.h"

static void *
createAnyOf(void)
{
    return xcalloc(1, sizeof(AclGroup));
}

static void *
createAllOf(void)
{
    AclGroup *group = createAnyOf();

    group->isAll = true;
    return group;
}

static void
destroyGroup(void *data)
{
    AclGroup *group = data;

    for (size_t i = 0; i < group->count; i++)
        free(group->lines[i].terms);
    free(group->lines);
    free(group);
}

static void
startLine(void *data)
{
    AclGroup *group = data;

    group->lines =
        xrealloc(group->lines, (group->count + 1) * sizeof(*group->lines));
    group->lines[group->count++] = (AclGroupLine){NULL, 0};
}

/* True when acl is that group or has it somewhere in it. */
static bool
reaches(const Acl *acl, const AclGroup *wanted)
{
    const AclGroup *group = acl->data;

    if (!acl->ops->isGroup || group == wanted)
        return group == wanted;
    for (size_t i = 0; i < group->count; i++)
        for (size_t j = 0; j < group->lines[i].count; j++)
            if (reaches(group->lines[i].terms[j].acl, wanted))
                return true;
    return false;
}

static void
addTerm(void *data, const char *value, unsigned flags, AclReport *report)
{
    AclGroup *group = data;
    AclGroupLine *line = &group->lines[group->count - 1];
    AclTerm term;

    (void)flags;
    if (!aclTermFill(report->set, value, report, &term))
        return;
    if (reaches(term.acl, group)) {
        aclReportError(report, "acl %s: with %s it would be a part of itself",
                       report->name, term.acl->name);
        return;
    }
    line->terms = xrealloc(line->terms, (line->count + 1) * sizeof(AclTerm));
    line->terms[line->count++] = term;
}

const AclKindOps aclKindAnyOf = {
    .name = "any-of",
    .isGroup = true,
    .create = createAnyOf,
    .destroy = destroyGroup,
    .startLine = startLine,
    .add = addTerm,
};

const AclKindOps aclKindAllOf = {
    .name = "all-of",
    .isGroup = true,
    .create = createAllOf,
    .destroy = destroyGroup,
    .startLine = startLine,
    .add = addTerm,
};
