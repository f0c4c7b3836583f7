/*
 * ipc.h: start a helper program with a two-way channel.
 *
 * The cost does not depend on the size of this process: the child shares our
 * memory until exec. Before exec both sides exchange ten octets over the
 * very descriptors that the helper gets, under a deadline; the helper sees
 * none of it. (design.md section 4; S004-1 to S004-15.)
 * Thread: any; two threads may start helpers at the same time.
 */
#ifndef SQUIRE_IPC_H
#define SQUIRE_IPC_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>

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
    IPC_STDERR_PIPE, /* a pipe, read end from ipcChildStderr (tag) */
    IPC_STDERR_NULL
} IpcStderr;

typedef struct IpcChild IpcChild;

typedef struct IpcAttr {
    IpcStderr stderrMode;     /* default IPC_STDERR_LOG */
    int chatTimeoutMs;        /* deadline of the chat, default 5000 */
    const char *cwd;          /* working folder, NULL: ours */
    const char *const *env;   /* whole environment, NULL: ours; SQUID_DEBUG
                                 and SQUIRE_DEBUG are added in both cases */
    int bufferSize;           /* socket buffers in octets, 0: the system's */
} IpcAttr;

/* Fill attr with the defaults. */
void ipcAttrInit(IpcAttr *attr);

/*
 * Start prog (PATH lookup) with args (NULL-terminated, args[0] free text,
 * NULL: {prog}). In the helper 0 and 1 are the channel, 2 the debug log, all
 * else is closed, signals are reset, and it leads a session of its own.
 * Returns the pid with *rfd and *wfd ours (non-blocking, close-on-exec, two
 * different numbers only for IPC_FIFO); or -1 with errno, both set to -1,
 * nothing leaked and no child left. A program that cannot be executed is -1
 * with exec's errno. hIpc: NULL, or receives an IpcChild *, which ipcClose
 * or ipcChildDestroy ends. Blocks until exec, at most chatTimeoutMs.
 * Errors: EINVAL type or prog, ETIMEDOUT, EPROTO chat, and the system's.
 */
pid_t ipcCreate(int type, const char *prog, const char *const args[],
                const char *name, int *rfd, int *wfd, void **hIpc);

/* ipcCreate with attributes; attr NULL means the defaults. */
pid_t ipcCreateAttr(int type, const char *prog, const char *const args[],
                    const char *name, const IpcAttr *attr, int *rfd,
                    int *wfd, void **hIpc);

/*
 * Close both descriptors (through commClose where the loop knows them), send
 * SIGTERM, and reap the child when it ends: at once, on this thread's loop,
 * or by a later call into ipc. -1 descriptors are skipped. Frees the
 * IpcChild of that pid. A child that ignores SIGTERM gets SIGKILL later.
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

#endif
