/*
 * Which processes that hold bodies still live: each has a lock on an octet of
 * the database's file, far behind its end, which the kernel takes away when
 * the process dies, however it does.
 */
#include "cache_lmdb_priv.h"

#include <errno.h>
#include <fcntl.h>

#define LOCKS_AT (INT64_C(1) << 62)

static int
lockOwner(const CacheLmdbEnv *env, int command, uint32_t owner,
          struct flock *out)
{
    mdb_filehandle_t fd;
    int rc = mdb_env_get_fd(env->env, &fd);

    if (rc)
        return rc;
    /* Locks of the open file, which nothing else that this process closes
     * can take away. */
    *out = (struct flock){.l_type = F_WRLCK,
                          .l_whence = SEEK_SET,
                          .l_start = LOCKS_AT + owner,
                          .l_len = 1};
    return fcntl(fd, command, out) == -1 ? errno : 0;
}

int
cacheLmdbOwnerEnter(CacheLmdbEnv *env)
{
    struct flock lock;
    mdb_filehandle_t fd;
    int rc = mdb_env_get_fd(env->env, &fd);

    if (rc)
        return rc;
    /* A helper that outlives us must not seem to be us. */
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) == -1)
        return errno;
    return lockOwner(env, F_OFD_SETLK, (uint32_t)env->epoch, &lock);
}

bool
cacheLmdbOwnerIsGone(const CacheLmdbEnv *env, uint32_t owner)
{
    struct flock lock;

    return owner != 0 && owner != (uint32_t)env->epoch &&
           lockOwner(env, F_OFD_GETLK, owner, &lock) == 0 &&
           lock.l_type == F_UNLCK;
}
