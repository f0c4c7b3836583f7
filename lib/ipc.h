/*
 * ipc.h: start a helper program with a two-way channel.
 *
 * The cost does not depend on the size of this process: the child shares our
 * memory until exec. Before exec both sides exchange ten octets over the
 * very descriptors that the helper gets, under a deadline; the helper sees
 * none of it.
 *
 * The caller's SIGCHLD may be at its default, handled or ignored. A caller
 * that reaps a helper itself may still call ipcClose for that pid. Close a
 * descriptor that the loop knows by ipcClose or commClose, not close(). The end
 * of a helper shows as end of file on the stream types and IPC_FIFO; a
 * datagram channel has none, so watch the pid (commWatchPid).
 * Thread: any; two threads may start helpers at the same time.
 */
#ifndef SQUIRE_IPC_H
#define SQUIRE_IPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum IpcType {
    IPC_NONE = 0,
    IPC_TCP_SOCKET = 1,  /* loopback TCP pair; a foreign peer is refused */
    IPC_UDP_SOCKET = 2,  /* loopback UDP pair, both ends connected */
    IPC_FIFO = 3,        /* two pipes */
    IPC_UNIX_STREAM = 4, /* one stream socketpair; recommended */
    IPC_UNIX_DGRAM = 5,  /* one datagram socketpair, keeps boundaries */
    IPC_TYPE_COUNT
} IpcType;

#define IPC_STREAM IPC_UNIX_STREAM
#define IPC_DGRAM IPC_UNIX_DGRAM

typedef enum IpcStderr {
    IPC_STDERR_LOG,  /* the debug log's own descriptor (raw) */
    IPC_STDERR_PIPE, /* a pipe, read end by ipcChildTakeStderr (tag) */
    IPC_STDERR_NULL,
    IPC_STDERR_COUNT
} IpcStderr;

typedef struct IpcChild IpcChild;

typedef enum IpcFilter {
    IPC_FILTER_NONE,
    IPC_FILTER_DEFAULT, /* no sockets but those it has, no further exec (nor
                           "#!/usr/bin/env"), no traces, mounts and so on:
                           EPERM; doc/decisions/0007-confinement.md */
    IPC_FILTER_COUNT
} IpcFilter;

/* A descriptor of ours that the helper gets as number theirs, above 2. */
typedef struct IpcFd {
    int ours;
    int theirs;
} IpcFd;

#define IPC_FDS_MAX 16
#define IPC_LIMIT_OURS (-1) /* leave a limit as ours is */

typedef struct IpcAttr {
    IpcStderr stderrMode;   /* IPC_STDERR_LOG */
    int chatTimeoutMs;      /* deadline of the whole start, 5000 */
    const char *cwd;        /* working folder, NULL: ours */
    const char *const *env; /* whole environment, NULL: ours; SQUID_DEBUG and
                               SQUIRE_DEBUG are set in both cases */
    int bufferSize;         /* of the channel in octets, 0: the system's */
    const char *user;       /* name or number whom it becomes, with that
                               user's groups; NULL: ours */
    const char *group;      /* name or number; NULL: the user's own; without
                               a user it is the only group left */
    int64_t limitMemory;    /* RLIMIT_AS, octets; too few: exec kills it */
    int64_t limitFiles;     /* RLIMIT_NOFILE, at least 3 */
    int64_t limitCpuSec;    /* RLIMIT_CPU: SIGXCPU, SIGKILL a second later */
    int64_t limitProcesses; /* RLIMIT_NPROC: of its user, not for root; it
                               fails no start, but what it forks */
    bool noNewPrivs;        /* setuid programs give it nothing */
    bool noCapabilities;    /* all capability sets empty, also for root (the
                               bounding set, where we may); with noNewPrivs */
    IpcFilter filter;       /* of system calls; with noNewPrivs */
    bool diesWithUs;        /* SIGTERM when the thread that started it ends;
                               not for a setuid program */
    const IpcFd *fds;       /* more descriptors for it */
    size_t fdCount;         /* at most IPC_FDS_MAX */
} IpcAttr;

/* Fill attr with the defaults. */
void ipcAttrInit(IpcAttr *attr);

/*
 * Start prog (looked up in our PATH when it has no slash) with args (NULL-
 * terminated, args[0] free text; NULL: {prog}). In the helper 0 and 1 are
 * the channel, 2 the debug log, all else is closed, signals are reset, and
 * it leads a process group of its own, without a terminal. Returns the pid
 * with *rfd and *wfd ours (non-blocking, close-on-exec, above 2, two numbers
 * only for IPC_FIFO); or -1 with errno, both set to -1, nothing leaked and no
 * child left. hIpc: NULL, or receives an IpcChild *, which ipcClose or
 * ipcChildDestroy ends. Blocks until exec, at most 5 s. Errors: exec's own
 * when prog cannot be executed (ENOEXEC for a script without #!), EINVAL for
 * type, prog or name, ETIMEDOUT, EPROTO for the chat, and the system's.
 */
pid_t ipcCreate(int type, const char *prog, const char *const args[],
                const char *name, int *rfd, int *wfd, void **hIpc);

/*
 * ipcCreate with attributes, which are borrowed; attr NULL means the
 * defaults. cwd is entered and prog executed as the user it becomes. More
 * errors: ENOENT no such user or group, EPERM only root may do this, EINVAL
 * a limit out of range, a number taken twice, below 3 or too high for a
 * descriptor, EBADF a descriptor that is not open, ENOTSUP no filter in this
 * build. May also block on the user database.
 */
pid_t ipcCreateAttr(int type, const char *prog, const char *const args[],
                    const char *name, const IpcAttr *attr, int *rfd, int *wfd,
                    void **hIpc);

/*
 * Why the last start of this thread failed with error (its errno): which user,
 * group, folder or interpreter is not there, else errno's text. Borrowed until
 * the next start.
 */
const char *ipcErrorText(int error);

/*
 * Close both descriptors (by commClose where this thread's loop knows them;
 * -1 is skipped), send SIGTERM, and see to it that the child is reaped; its
 * process group gets SIGKILL when it has not ended 2 s later. Frees the
 * IpcChild of that pid. A pid that is no child of ours any more is left
 * alone. Blocks: never inside commLoopRun; elsewhere until the child has
 * ended, at most 20 ms. What is left then is reaped by this thread's loop
 * and by every later ipcCreate and ipcClose.
 */
void ipcClose(pid_t pid, int rfd, int wfd);

/* The child's pid. */
pid_t ipcChildPid(const IpcChild *child);

/* The name given at start; borrowed. */
const char *ipcChildName(const IpcChild *child);

/* Take the read end of the stderr pipe: the caller owns it. -1 when there is
 * none (any more). */
int ipcChildTakeStderr(IpcChild *child);

/* Free the handle only: neither closes the channel nor signals the child.
 * Clears *child; NULL inside is accepted. */
void ipcChildDestroy(IpcChild **child);

/* The type's name ("unix-stream"), or "unknown". */
const char *ipcTypeName(int type);

#ifdef __cplusplus
}
#endif

#endif
