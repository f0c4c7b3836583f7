/* fd.c: small helpers for descriptors. */
#include "fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* ioctl sets each flag without reading the others first: two system calls
 * where fcntl needs four. */
int
fdSetFlags(int fd)
{
    int on = 1;

    if (ioctl(fd, FIOCLEX) < 0 || ioctl(fd, FIONBIO, &on) < 0)
        return -errno;
    return 0;
}

void
fdClosep(int *fd)
{
    int saved = errno;

    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    errno = saved;
}

int
fdAboveStdio(int fd)
{
    int flags, moved, err;

    if (fd > STDERR_FILENO)
        return fd;
    flags = fcntl(fd, F_GETFD);
    if (flags < 0)
        return -errno;
    moved = fcntl(fd, flags & FD_CLOEXEC ? F_DUPFD_CLOEXEC : F_DUPFD,
                  STDERR_FILENO + 1);
    err = errno;
    close(fd);
    return moved < 0 ? -err : moved;
}

int
fdWriteAll(int fd, const void *data, size_t len)
{
    const char *at = data;

    while (len) {
        ssize_t n = write(fd, at, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

int
fdCount(void)
{
    DIR *dir = opendir("/proc/self/fd");
    const struct dirent *entry;
    int count = 0;

    if (!dir)
        return -1;
    while ((entry = readdir(dir)))
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count - 1;
}

void
fdRaiseLimit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

int
fdSetLimit(size_t max)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return -errno;
    if (max > limit.rlim_max)
        return -EPERM;
    limit.rlim_cur = max;
    return setrlimit(RLIMIT_NOFILE, &limit) < 0 ? -errno : 0;
}

size_t
fdLimit(void)
{
    struct rlimit limit = {0};

    (void)getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur;
}

void
fdMakeRoom(size_t count)
{
    size_t limit = fdLimit();
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int last;

    if (null < 0)
        return;
    if (count > limit)
        count = limit;
    last = fcntl(null, F_DUPFD_CLOEXEC, (int)count - 1);
    if (last >= 0)
        close(last);
    close(null);
}

int
fdEnsureStdio(void)
{
    int fd;

    do {
        fd = open("/dev/null", O_RDWR | O_NOCTTY);
        if (fd < 0)
            return -errno;
    } while (fd <= STDERR_FILENO);
    close(fd);
    return 0;
}
