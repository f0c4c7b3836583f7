/* daemon.c: into the background, and out of root. */
#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd.h"

#define READY_MS (120 * 1000)

static int readyFd = -1; /* tells the waiting process */

/* The exit status of a child that ended before it was ready. */
static int
statusOf(pid_t child)
{
    int status;

    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return 1;
    if (WIFSIGNALED(status)) {
        fprintf(stderr, "squire: the background process ended by signal %d\n",
                WTERMSIG(status));
        return 1;
    }
    return WEXITSTATUS(status) ? WEXITSTATUS(status) : 1;
}

static void __attribute__((noreturn)) waitForChild(pid_t child, int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    char octet;
    int rc;

    do
        rc = poll(&wait, 1, READY_MS);
    while (rc < 0 && errno == EINTR);
    if (rc <= 0) {
        fprintf(stderr, "squire: the background process is not ready after "
                        "two minutes, it is ended\n");
        kill(child, SIGTERM);
        _exit(1);
    }
    _exit(read(fd, &octet, 1) == 1 ? 0 : statusOf(child));
}

int
daemonStart(void)
{
    int fds[2] = {-1, -1};
    int rc = fdEnsureStdio();
    pid_t child;

    if (rc != 0)
        return rc;
    if (pipe2(fds, O_CLOEXEC) != 0)
        return -errno;
    fflush(NULL); /* else both processes would write what is held */
    child = fork();
    if (child < 0) {
        rc = -errno;
        fdClosep(&fds[0]);
        fdClosep(&fds[1]);
        return rc;
    }
    if (child > 0) {
        fdClosep(&fds[1]);
        waitForChild(child, fds[0]);
    }
    fdClosep(&fds[0]);
    readyFd = fds[1];
    setsid();
    return 0;
}

void
daemonReady(void)
{
    int null;

    if (readyFd < 0)
        return;
    fflush(NULL);
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd < 3 && null >= 0; fd++)
        dup2(null, fd);
    if (null > 2)
        fdClosep(&null);
    while (write(readyFd, "", 1) < 0 && errno == EINTR)
        ;
    fdClosep(&readyFd);
}

static int
lookupGroup(const char *name, gid_t *gidOut)
{
    struct group *entry;

    errno = 0;
    entry = getgrnam(name);
    if (!entry)
        return errno ? -errno : -ENOENT;
    *gidOut = entry->gr_gid;
    return 0;
}

static int
changeIds(const char *user, uid_t uid, const gid_t *only, gid_t gid)
{
    int rc = only ? setgroups(1, only) : initgroups(user, gid);

    if (rc != 0 || setresgid(gid, gid, gid) != 0 ||
        setresuid(uid, uid, uid) != 0)
        return -errno;
    return 0;
}

int
daemonDropPrivileges(const char *user, const char *group)
{
    struct passwd *entry;
    gid_t gid;
    uid_t uid;

    if (!user)
        return 0;
    errno = 0;
    entry = getpwnam(user);
    if (!entry)
        return errno ? -errno : -ENOENT;
    uid = entry->pw_uid;
    gid = entry->pw_gid;
    if (group) {
        int rc = lookupGroup(group, &gid);
        if (rc != 0)
            return rc;
    }
    if (geteuid() != 0)
        return geteuid() == uid && (!group || getegid() == gid) ? 0 : -EPERM;
    return changeIds(user, uid, group ? &gid : NULL, gid);
}
