/*
 * ipc_user.c: whom a helper becomes, looked up before there is a child
 * (debug section 54).
 */
#include "ipc_priv.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "xalloc.h"

#define ENTRY_SIZE_MAX (1024u * 1024)
#define GROUPS_FIRST 32

/* The databases' result: 0 also when there is no such entry. */
typedef int LookupFn(const char *name, IpcUser *user, char *buf, size_t size,
                     char **nameOut);

/* A number as id; -1 is none that anybody may have. */
static bool
parseId(const char *text, unsigned *idOut)
{
    unsigned long value;
    char *end;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    value = strtoul(text, &end, 10);
    if (*end || errno || value >= UINT_MAX)
        return false;
    *idOut = (unsigned)value;
    return true;
}

static int
findUser(const char *name, IpcUser *user, char *buf, size_t size,
         char **nameOut)
{
    struct passwd entry, *found = NULL;
    unsigned id;
    int err = getpwnam_r(name, &entry, buf, size, &found);

    if (!err && !found && parseId(name, &id)) {
        user->uid = id;
        user->hasUid = true;
        err = getpwuid_r(id, &entry, buf, size, &found);
    }
    if (err || !found)
        return err;
    user->uid = entry.pw_uid;
    user->gid = entry.pw_gid;
    user->hasUid = user->hasGid = true;
    *nameOut = entry.pw_name;
    return 0;
}

static int
findGroup(const char *name, IpcUser *user, char *buf, size_t size,
          char **nameOut)
{
    struct group entry, *found = NULL;
    unsigned id;
    int err = getgrnam_r(name, &entry, buf, size, &found);

    (void)nameOut;
    if (err)
        return err;
    if (found)
        user->gid = entry.gr_gid;
    else if (parseId(name, &id))
        user->gid = id;
    else
        return ENOENT;
    user->hasGid = true;
    return 0;
}

/* Some databases tell "not found" by one of these. */
static bool
isNotFound(int err)
{
    return err == ENOENT || err == ESRCH || err == EBADF || err == EPERM;
}

/* Call a lookup with as much room as the entry needs. Returns 0 or -errno;
 * *nameOut is owned, NULL without an entry. */
static int
lookup(LookupFn *find, const char *name, IpcUser *user, char **nameOut)
{
    char *buf = NULL, *entryName = NULL;
    int err = ERANGE;

    for (size_t size = 2048; err == ERANGE && size <= ENTRY_SIZE_MAX;
         size *= 4) {
        buf = xrealloc(buf, size);
        err = find(name, user, buf, size, &entryName);
    }
    *nameOut = xstrdup(entryName);
    free(buf);
    return isNotFound(err) ? -ENOENT : -err;
}

/* The groups of a user whom the database knows, with gid; else gid alone. */
static void
fillGroups(IpcUser *user, const char *name)
{
    int count = name ? GROUPS_FIRST : 1;

    user->groups = xcalloc((size_t)count, sizeof(*user->groups));
    user->groups[0] = user->gid;
    while (name && getgrouplist(name, user->gid, user->groups, &count) < 0)
        user->groups =
            xrealloc(user->groups, (size_t)count * sizeof(*user->groups));
    user->groupCount = (size_t)count;
}

static int
compareIds(const void *a, const void *b)
{
    gid_t left = *(const gid_t *)a, right = *(const gid_t *)b;

    return (left > right) - (left < right);
}

/* The kernel keeps a process's groups sorted. */
static bool
hasOurGroups(IpcUser *user)
{
    size_t size = user->groupCount * sizeof(gid_t);
    int count = getgroups(0, NULL);
    gid_t *ours;
    bool isSame;

    if (count < 0 || (size_t)count != user->groupCount)
        return false;
    ours = xcalloc(user->groupCount, sizeof(*ours));
    count = getgroups(count, ours);
    qsort(user->groups, user->groupCount, sizeof(gid_t), compareIds);
    qsort(ours, user->groupCount, sizeof(gid_t), compareIds);
    isSame =
        (size_t)count == user->groupCount && !memcmp(ours, user->groups, size);
    free(ours);
    return isSame;
}

/* Whom we are already, we become without any right to. */
static bool
isOurs(IpcUser *user)
{
    uid_t uids[3];
    gid_t gids[3];

    if (getresuid(&uids[0], &uids[1], &uids[2]) < 0 ||
        getresgid(&gids[0], &gids[1], &gids[2]) < 0)
        return false;
    for (int i = 0; i < 3; i++) {
        if ((user->hasUid && uids[i] != user->uid) || gids[i] != user->gid)
            return false;
    }
    return hasOurGroups(user);
}

int
ipcUserResolve(IpcUser *user, const char *name, const char *group)
{
    char *entryName = NULL, *none = NULL;
    int rc = 0;

    *user = (IpcUser){.groups = NULL};
    if (name)
        rc = lookup(findUser, name, user, &entryName);
    if (!rc && name && !user->hasUid)
        rc = -ENOENT;
    user->failedAt = rc || !group ? IPC_STEP_USER : IPC_STEP_GROUP;
    if (!rc && group)
        rc = lookup(findGroup, group, user, &none);
    if (!rc && !user->hasGid)
        rc = -ENOENT;
    if (!rc) {
        user->failedAt = IPC_STEP_OTHER;
        fillGroups(user, entryName);
        user->isOther = !isOurs(user);
    }
    free(entryName);
    free(none);
    return rc;
}
