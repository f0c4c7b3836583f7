/* pid_file.c: a number in a file, and a lock on it. */
#include "pid_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "fd.h"
#include "xalloc.h"

#define PID_FILE_MAGIC 0x50494446u
#define OPEN_TRIES 10

struct PidFile {
    uint32_t magic;
    int fd; /* holds the lock */
    char *path;
};

static int
readPid(int fd, pid_t *pidOut)
{
    char text[32];
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
    char *end;
    long pid;

    if (n < 0)
        return -errno;
    text[n] = '\0';
    errno = 0;
    pid = strtol(text, &end, 10);
    if (end == text || errno != 0 || (*end && *end != '\n') || pid < 1 ||
        pid > INT32_MAX)
        return -EINVAL;
    *pidOut = (pid_t)pid;
    return 0;
}

/* True when path still names the file that fd is. */
static bool
isSameFile(int fd, const char *path)
{
    struct stat open, named;

    return fstat(fd, &open) == 0 && lstat(path, &named) == 0 &&
           open.st_dev == named.st_dev && open.st_ino == named.st_ino;
}

static int
openRegular(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
    struct stat info;
    int rc;

    if (fd < 0)
        return -errno;
    rc = fstat(fd, &info) != 0 ? -errno : !S_ISREG(info.st_mode) ? -EINVAL : 0;
    if (rc == 0)
        return fdAboveStdio(fd);
    fdClosep(&fd);
    return rc;
}

/*
 * Open and lock. A process that ends removes the file while it holds the
 * lock: then what was opened has no name any more, and it is tried again.
 */
static int
openLocked(const char *path, pid_t *runningOut)
{
    for (int i = 0; i < OPEN_TRIES; i++) {
        int fd = openRegular(path, O_RDWR | O_CREAT);
        int rc;

        if (fd < 0)
            return fd;
        if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
            if (isSameFile(fd, path))
                return fd;
            fdClosep(&fd);
            continue;
        }
        rc = errno == EWOULDBLOCK ? -EEXIST : -errno;
        if (rc == -EEXIST && runningOut && readPid(fd, runningOut) != 0)
            *runningOut = 0;
        fdClosep(&fd);
        return rc;
    }
    return -EAGAIN;
}

int
pidFileUpdate(PidFile *file)
{
    char text[32];
    int len;

    CHECK_OBJ(file, PID_FILE_MAGIC);
    len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    if (ftruncate(file->fd, 0) != 0)
        return -errno;
    if (pwrite(file->fd, text, (size_t)len, 0) != len)
        return errno ? -errno : -ENOSPC;
    return 0;
}

PidFile *
pidFileCreate(const char *path, pid_t *runningOut)
{
    int fd = openLocked(path, runningOut);
    PidFile *file;
    int rc;

    if (fd < 0) {
        errno = -fd;
        return NULL;
    }
    file = xcalloc(1, sizeof(*file));
    file->magic = PID_FILE_MAGIC;
    file->fd = fd;
    file->path = xstrdup(path);
    errno = 0;
    rc = pidFileUpdate(file);
    if (rc != 0) {
        pidFileRemove(&file);
        errno = -rc;
    }
    return file;
}

/* Without the right to remove it (root given up), an empty file and a free
 * lock say as much. */
void
pidFileRemove(PidFile **filep)
{
    PidFile *file = *filep;

    *filep = NULL;
    if (!file)
        return;
    CHECK_OBJ(file, PID_FILE_MAGIC);
    if (isSameFile(file->fd, file->path) && unlink(file->path) != 0 &&
        ftruncate(file->fd, 0) != 0)
        errno = 0;
    fdClosep(&file->fd);
    free(file->path);
    CHECK_OBJ_CLEAR(file);
    free(file);
}

int
pidFileRead(const char *path, pid_t *pidOut)
{
    int fd = openRegular(path, O_RDONLY);
    int rc;

    if (fd < 0)
        return fd;
    if (flock(fd, LOCK_SH | LOCK_NB) == 0)
        rc = -ESRCH;
    else if (errno != EWOULDBLOCK)
        rc = -errno;
    else
        rc = readPid(fd, pidOut);
    fdClosep(&fd);
    return rc;
}
