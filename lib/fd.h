/*
 * fd.h: small helpers for descriptors. Thread: any.
 * Errors are negative errno values; results are written only on success.
 */
#ifndef SQUIRE_FD_H
#define SQUIRE_FD_H

#include <stddef.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Set O_NONBLOCK and FD_CLOEXEC. 0 or -errno. */
int fdSetFlags(int fd);

/* Close *fd unless it is -1, and set it to -1; errno is kept. */
void fdClosep(int *fd);

/*
 * Move fd to a number >= 3 when it is 0, 1 or 2 (a process that was started
 * with those closed). Takes fd; the new number keeps close-on-exec.
 * Returns the descriptor, or -errno with fd closed.
 */
int fdAboveStdio(int fd);

/* Write all of len octets to a blocking descriptor. Blocks. 0 or -errno. */
int fdWriteAll(int fd, const void *data, size_t len);

/* Open descriptors of this process (counts /proc/self/fd). For tests. */
int fdCount(void);

/* Let this process have as many descriptors as it is allowed to ask for.
 * Thread: startup. */
void fdRaiseLimit(void);

/* Let this process have at most max descriptors. 0, or -errno: -EPERM when
 * it may not have so many. Thread: startup. */
int fdSetLimit(size_t max);

/* How many descriptors this process may have. */
size_t fdLimit(void);

/*
 * Have the kernel make room for numbers up to count now, or as many as there
 * may be. When it needs more room in a process with several threads, it waits
 * for all processors: whoever opens that descriptor stands still for 10 ms
 * or more. Best called before there are threads.
 */
void fdMakeRoom(size_t count);

/* Make descriptors 0, 1 and 2 exist (/dev/null where closed). 0 or -errno. */
int fdEnsureStdio(void);

#ifdef __cplusplus
}
#endif

#endif
