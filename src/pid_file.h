/*
 * pid_file.h: the file that names the running process.
 *
 * The running process holds a lock on it, so a file left behind by a crash
 * is told from a living one whatever process has its number now.
 * Thread: startup.
 */
#ifndef SQUIRE_PID_FILE_H
#define SQUIRE_PID_FILE_H

#include <sys/types.h>

typedef struct PidFile PidFile;

/*
 * Create path with this process's number and lock it; a stale file is
 * replaced. After a fork the child keeps the lock and calls pidFileUpdate.
 * Returns owned, or NULL with errno: EEXIST when a process holds it (its
 * number in *runningOut, which may be NULL), else what the kernel said.
 */
PidFile *pidFileCreate(const char *path, pid_t *runningOut);

/* Write the calling process's number (after going to the background).
 * 0 or -errno. */
int pidFileUpdate(PidFile *file);

/* Remove the file and release the lock. Clears *file; NULL inside is
 * accepted. */
void pidFileRemove(PidFile **file);

/*
 * The process that holds path. Errors: -ENOENT no file, -ESRCH the file is
 * stale, -EINVAL no number in it, or what open says.
 */
int pidFileRead(const char *path, pid_t *pidOut);

#endif
