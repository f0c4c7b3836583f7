/* acl_auth.c: proxy_auth: users by name. */
#include "acl_priv.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "xalloc.h"

typedef struct UserSet {
    char **names; /* sorted when frozen */
    size_t count;
    size_t size;
    bool isAny;       /* REQUIRED */
    bool ignoresCase; /* of all names, as -i anywhere says */
} UserSet;

static void *
createUserSet(void)
{
    return xcalloc(1, sizeof(UserSet));
}

static void
destroyUserSet(void *data)
{
    UserSet *set = data;

    for (size_t i = 0; i < set->count; i++)
        free(set->names[i]);
    free(set->names);
    free(set);
}

static void
addUser(void *data, const char *value, unsigned flags, AclReport *report)
{
    UserSet *set = data;

    (void)report;
    if ((flags & ACL_FLAG_NOCASE) != 0)
        set->ignoresCase = true;
    if (strcmp(value, "REQUIRED") == 0) {
        set->isAny = true;
        return;
    }
    if (set->count == set->size) {
        set->size = set->size ? 2 * set->size : 8;
        set->names = xrealloc(set->names, set->size * sizeof(char *));
    }
    set->names[set->count++] = xstrdup(value);
}

static int
compareCase(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int
compareNoCase(const void *a, const void *b)
{
    return strcasecmp(*(const char *const *)a, *(const char *const *)b);
}

static void
freezeUserSet(void *data)
{
    UserSet *set = data;

    if (set->count > 0)
        qsort(set->names, set->count, sizeof(char *),
              set->ignoresCase ? compareNoCase : compareCase);
}

AclMatch
aclAuthMatch(const AclInput *input, const char **userOut)
{
    const AclFacts *facts = input->facts;

    if (!facts || facts->auth == ACL_AUTH_UNKNOWN)
        return ACL_MATCH_NEED_AUTH;
    *userOut = facts->user;
    return facts->auth == ACL_AUTH_USER && facts->user ? ACL_MATCH_YES
                                                       : ACL_MATCH_DUNNO;
}

static AclMatch
matchUser(const void *data, const AclInput *input)
{
    const UserSet *set = data;
    const char *user = NULL;
    AclMatch match = aclAuthMatch(input, &user);

    if (match != ACL_MATCH_YES || set->isAny)
        return match;
    if (set->count == 0)
        return ACL_MATCH_NO;
    return bsearch(&user, set->names, set->count, sizeof(char *),
                   set->ignoresCase ? compareNoCase : compareCase)
               ? ACL_MATCH_YES
               : ACL_MATCH_NO;
}

const AclKindOps aclKindProxyAuth = {
    .name = "proxy_auth",
    .isAuth = true,
    .create = createUserSet,
    .destroy = destroyUserSet,
    .add = addUser,
    .freeze = freezeUserSet,
    .match = matchUser,
};
