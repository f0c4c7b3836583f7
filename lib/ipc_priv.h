/*
 * ipc_priv.h: what the files of ipc share.
 *
 * A start goes: transport makes both ends, offer (our ten octets wait in the
 * channel), spawn (child: answer, then exec), finish (read the child's ten).
 * Every step gives 0 or a negative errno. Thread: any.
 */
#ifndef SQUIRE_IPC_PRIV_H
#define SQUIRE_IPC_PRIV_H

#include <linux/filter.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "ipc.h"

#define IPC_HELLO_SIZE 10
#define IPC_CHAT_TIMEOUT_MS 5000
#define IPC_CLOSE_WAIT_MS 20
#define IPC_KILL_GRACE_MS 2000

/* Both ends of a channel, or -1; all above 2 and close-on-exec. The two
 * numbers of one side are equal where one socket serves both directions. */
typedef struct IpcChannel {
    int ourRead;
    int ourWrite;
    int childRead;
    int childWrite;
} IpcChannel;

/* How a channel of one type comes to be. */
typedef struct IpcTransportOps {
    const char *name;
    bool isDatagram;
    /* Fill *channel, all -1 until now; on failure what is open is left in
     * it. bufferSize 0 leaves the system's. */
    int (*open)(IpcChannel *channel, int bufferSize, int64_t deadlineUs);
} IpcTransportOps;

extern const IpcTransportOps ipcTcpOps;
extern const IpcTransportOps ipcUdpOps;
extern const IpcTransportOps ipcFifoOps;
extern const IpcTransportOps ipcUnixStreamOps;
extern const IpcTransportOps ipcUnixDgramOps;

/* Make every number -1. */
void ipcChannelInit(IpcChannel *channel);

/* Make fd both numbers of our, or of the child's, side. */
void ipcChannelSetOurs(IpcChannel *channel, int fd);

/* The same for the child's side. */
void ipcChannelSetTheirs(IpcChannel *channel, int fd);

/* Close our side. */
void ipcChannelCloseOurs(IpcChannel *channel);

/* Close the child's side. */
void ipcChannelCloseTheirs(IpcChannel *channel);

/* Move *fd above 2 where it is not; -1 in it on failure. 0 or -errno. */
int ipcFdLift(int *fd);

/* Make a descriptor of our own non-blocking. 0 or -errno. */
int ipcFdUnblock(int fd);

/* Set both socket buffers; octets 0 changes nothing. 0 or -errno. */
int ipcFdSetBuffers(int fd, int octets);

/* Wait for poll events. Blocks. 0, -ETIMEDOUT or -errno. */
int ipcFdWait(int fd, short events, int64_t deadlineUs);

/* Put our ten octets into the channel, where the child will find them. */
int ipcHandshakeOffer(const IpcChannel *channel);

/*
 * In the child: read our ten octets from 0, write its own to 1. Only makes
 * calls that are safe between clone and exec. 0 or a positive errno.
 */
int ipcHandshakeAnswer(int timeoutMs);

/* Read the child's ten octets and not one more. Blocks. -EPROTO when it is
 * something else. */
int ipcHandshakeFinish(const IpcChannel *channel, bool isDatagram,
                       int64_t deadlineUs);

#define IPC_LIMITS_MAX 4

/* As the kernel takes it, whatever the C library's rlim_t is. */
typedef struct IpcLimit {
    int resource;
    struct {
        uint64_t cur;
        uint64_t max;
    } value;
} IpcLimit;

/* What a start failed at; a child puts it beside its errno. */
typedef enum IpcStep {
    IPC_STEP_OTHER,
    IPC_STEP_USER,
    IPC_STEP_GROUP,
    IPC_STEP_CWD,
    IPC_STEP_EXEC,
    IPC_STEP_COUNT
} IpcStep;

#define IPC_STEP_SHIFT 16 /* errno is below */
#define IPC_STEP_MARK(step, err) ((err) ? (err) | (step) << IPC_STEP_SHIFT : 0)

/* Whom a helper becomes. */
typedef struct IpcUser {
    IpcStep failedAt; /* user or group, when it cannot be told whom */
    bool isOther;     /* than we are: there is something to do */
    bool hasUid;
    bool hasGid;
    uid_t uid;
    gid_t gid;
    gid_t *groups;
    size_t groupCount;
} IpcUser;

/* A filter of system calls; secret lets an execve pass that brings it as
 * its fifth and sixth argument. */
typedef struct IpcFilterProgram {
    struct sock_fprog program;
    unsigned long secret[2];
} IpcFilterProgram;

/* What is taken from a helper and given to it, ready for the child. */
typedef struct IpcConfine {
    const char *cwd;
    bool diesWithUs;
    bool noNewPrivs;
    bool noCapabilities;
    pid_t parent;
    IpcLimit limits[IPC_LIMITS_MAX];
    size_t limitCount;
    IpcFd fds[IPC_FDS_MAX]; /* by their numbers, none twice */
    size_t fdCount;
    IpcUser user;
    const IpcFilterProgram *filter; /* or NULL */
} IpcConfine;

/* Check attr and look up what it names; borrows attr as long as confine is
 * used. May block on the user database. Nothing to undo on failure. */
int ipcConfinePrepare(IpcConfine *confine, const IpcAttr *attr);

/* Free what Prepare made; also of a zeroed one. */
void ipcConfineFini(IpcConfine *confine);

/* Around a start, whatever comes of it: keep our process as dumpable as it
 * was, once no child with another user has our memory. */
void ipcConfineEnter(const IpcConfine *confine);

/* The other half. */
void ipcConfineLeave(const IpcConfine *confine);

/* In the child, all but the descriptors. 0 or a positive errno, marked with
 * its step. */
int ipcConfineApply(const IpcConfine *confine);

/* Fill *user from a name or number of either kind, one may be NULL; groups
 * is owned by the caller. -ENOENT: no such user or group, or a number
 * without an entry and no group given. */
int ipcUserResolve(IpcUser *user, const char *name, const char *group);

/* The default filter, made at the first call; kept for good. -ENOTSUP: this
 * build has no libseccomp. */
int ipcFilterGet(const IpcFilterProgram **programOut);

/* What the child needs; it reads this while its parent sleeps. */
typedef struct IpcSpawn {
    int readFd;  /* becomes 0 */
    int writeFd; /* becomes 1 */
    int errFd;   /* becomes 2; -1: /dev/null */
    const IpcConfine *confine;
    char **paths; /* tried in turn, NULL-terminated */
    char *const *argv;
    char **envp;
    int timeoutMs;
    int64_t deadlineUs;
    atomic_int error; /* answer of the child: why there was no exec, with the
                         step */
    IpcStep failedAt; /* of that */
    int reportFd;     /* by fork() only: the error as an int; exec closes it;
                         may get another number in the child */
    struct ChildStack *stack; /* by clone() only */
} IpcSpawn;

/* A way to make a process that runs the child's part. */
typedef struct IpcSpawnOps {
    /* The pid, or -errno. */
    pid_t (*start)(IpcSpawn *spawn);
    /* Wait for exec: 0, the child's error negative, -ETIMEDOUT. */
    int (*await)(IpcSpawn *spawn);
    /* Release what start took; isGone: the child can run no more. */
    void (*finish)(IpcSpawn *spawn, bool isGone);
} IpcSpawnOps;

extern const IpcSpawnOps ipcSpawnVmOps;
extern const IpcSpawnOps ipcSpawnForkOps;

/* The one in use; a test may change it before it starts anything. */
extern const IpcSpawnOps *ipcSpawnOps;

/*
 * Make a process that runs prog over spawn's descriptors; fills the rest of
 * spawn. Returns the pid once it has executed prog; else -errno and no
 * child is left. Blocks until deadlineUs.
 */
pid_t ipcSpawnRun(IpcSpawn *spawn, const char *prog, const char *const args[],
                  const char *const *env);

/* Keep what a start failed at, for ipcErrorText. */
void ipcErrorNote(const char *prog, const IpcAttr *attr, IpcStep step,
                  int error);

/* The child's part, up to exec: returns only its error, positive, marked with
 * its step. */
int ipcChildRun(IpcSpawn *spawn);

/* Copy env (NULL: ours) with the debug options in it; one block, free(). */
char **ipcEnvCreate(const char *const *env);

/* The files that execvp would try for prog; one block, free(). */
char **ipcPathsCreate(const char *prog);

/* Take note of a new child: what was known of its pid is out of date.
 * Takes errFd. Returns owned, NULL when no handle is wanted. */
IpcChild *ipcChildCreate(pid_t pid, const char *name, int errFd,
                         bool wantHandle);

/* SIGKILL a child that never got as far as a helper and wait for its end,
 * at most a second; true when it is gone. What is left is reaped later. */
bool ipcReapKill(pid_t pid);

/* Reap some of the closed children that have ended meanwhile. */
void ipcReapSweep(void);

typedef enum IpcTestStage {
    IPC_TEST_LISTENING, /* fd: the listening TCP socket */
    IPC_TEST_BOUND,     /* fd: the child's UDP socket, not yet connected */
    IPC_TEST_CHILD      /* in the child, before the chat; fd: 1 */
} IpcTestStage;

typedef void IpcTestCb(IpcTestStage stage, int fd);

/* For tests: called at those points when not NULL. */
extern IpcTestCb *ipcTestHook;

/* Functions that run in a child sharing our memory are not instrumented. */
#define IPC_IN_CHILD                                                           \
    __attribute__((no_sanitize("address"), no_sanitize("thread"),              \
                   no_sanitize("undefined")))

#endif
