/*
 * ipc_filter.c: the system calls that a confined helper is refused (debug
 * section 54).
 *
 * A program of the kernel's filter machine is made once by libseccomp. What
 * it does not name is allowed: a list of what all interpreters need would
 * never be complete. Refused is what reaches out of the process: new
 * sockets, programs, other processes' memory, mounts, the kernel itself
 * (doc/decisions/0007-confinement.md).
 */
#include "build_config.h"

#include "ipc_priv.h"

#include <errno.h>

#ifdef HAVE_LIBSECCOMP

#include <linux/filter.h>
#include <linux/sched.h>
#include <pthread.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "debug.h"
#include "fd.h"
#include "xalloc.h"

#define FILTER_LEN_MAX 4096u /* BPF_MAXINSNS */

/* A process that has its own user or network namespace may do in it what we
 * refuse here. */
#define NAMESPACE_FLAGS                                                        \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |             \
     CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

/* Refused with EPERM whatever the arguments are. */
static const char *const refused[] = {
    /* sockets: the channel is there already. sendmsg can name a receiver
     * in memory, where no filter looks */
    "socket",
    "connect",
    "bind",
    "listen",
    "accept",
    "accept4",
    "sendmsg",
    "sendmmsg",
    "socketcall",
    /* the same by another way */
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    /* programs; execve has a rule of its own */
    "execveat",
    "uselib",
    /* other processes */
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "process_madvise",
    "pidfd_getfd",
    "kcmp",
    "move_pages",
    "migrate_pages",
    /* mounts, namespaces, roots */
    "mount",
    "umount",
    "umount2",
    "pivot_root",
    "chroot",
    "open_tree",
    "move_mount",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    "mount_setattr",
    "unshare",
    "setns",
    "open_by_handle_at",
    "name_to_handle_at",
    "quotactl",
    "quotactl_fd",
    "fanotify_init",
    "fanotify_mark",
    /* the kernel */
    "bpf",
    "perf_event_open",
    "userfaultfd",
    "add_key",
    "request_key",
    "keyctl",
    "init_module",
    "finit_module",
    "delete_module",
    "create_module",
    "kexec_load",
    "kexec_file_load",
    "reboot",
    "swapon",
    "swapoff",
    "acct",
    "syslog",
    "iopl",
    "ioperm",
    "vm86",
    "vm86old",
    "modify_ldt",
    "lookup_dcookie",
    "nfsservctl",
    "_sysctl",
    "vhangup",
    "personality",
    /* what all processes share */
    "settimeofday",
    "stime",
    "clock_settime",
    "clock_settime64",
    "adjtimex",
    "clock_adjtime",
    "clock_adjtime64",
    "sethostname",
    "setdomainname",
};

static pthread_once_t filterOnce = PTHREAD_ONCE_INIT;
static IpcFilterProgram filter;
static int filterError;

static int
refuseAlways(scmp_filter_ctx ctx)
{
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        int number = seccomp_syscall_resolve_name(refused[i]);
        int rc;
        if (number < 0) /* not on this machine */
            continue;
        rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), number, 0);
        if (rc)
            return rc;
    }
    return 0;
}

/*
 * Refuse what depends on arguments. The kernel reads three of execve's, but
 * the filter sees six: ours brings the secret in the last two. It lives in
 * registers, which exec clears, so no helper ever sees it.
 */
static int
refuseSome(scmp_filter_ctx ctx)
{
    const uint32_t deny = SCMP_ACT_ERRNO(EPERM);
    int rc = seccomp_rule_add(ctx, deny, SCMP_SYS(execve), 1,
                              SCMP_A4(SCMP_CMP_NE, filter.secret[0], 0));

    if (!rc)
        rc = seccomp_rule_add(ctx, deny, SCMP_SYS(execve), 1,
                              SCMP_A5(SCMP_CMP_NE, filter.secret[1], 0));
    if (!rc)
        rc = seccomp_rule_add(ctx, deny, SCMP_SYS(sendto), 1,
                              SCMP_A4(SCMP_CMP_NE, 0, 0));
    for (unsigned long bit = 1; !rc && bit <= CLONE_NEWNET; bit <<= 1) {
        if (NAMESPACE_FLAGS & bit)
            rc = seccomp_rule_add(ctx, deny, SCMP_SYS(clone), 1,
                                  SCMP_A0(SCMP_CMP_MASKED_EQ, bit, bit));
    }
    /* Its flags are in memory; the C library then uses clone. */
    if (!rc)
        rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    /* Words put into a terminal are read by a shell. */
    if (!rc)
        rc =
            seccomp_rule_add(ctx, deny, SCMP_SYS(ioctl), 1,
                             SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffffu, TIOCSTI));
    return rc;
}

/* The secret may not be zero, which is what exec leaves in registers. */
static int
makeSecret(void)
{
    for (int i = 0; i < 2; i++) {
        unsigned long value;
        if (getrandom(&value, sizeof(value), 0) != (ssize_t)sizeof(value))
            return -EIO;
        filter.secret[i] = value | 1;
    }
    return 0;
}

/* Take the instructions out of the file that libseccomp writes them to. */
static int
loadProgram(scmp_filter_ctx ctx)
{
    const size_t one = sizeof(struct sock_filter);
    struct stat info;
    int fd = memfd_create("filter", MFD_CLOEXEC);
    int rc;

    if (fd < 0)
        return -errno;
    rc = seccomp_export_bpf(ctx, fd);
    if (!rc && fstat(fd, &info) < 0)
        rc = -errno;
    if (!rc && (!info.st_size || (size_t)info.st_size > FILTER_LEN_MAX * one))
        rc = -E2BIG;
    if (!rc) {
        filter.program.filter = xmalloc((size_t)info.st_size);
        filter.program.len = (unsigned short)((size_t)info.st_size / one);
        if (pread(fd, filter.program.filter, (size_t)info.st_size, 0) !=
            info.st_size)
            rc = -EIO;
    }
    fdClosep(&fd);
    return rc;
}

static void
makeFilter(void)
{
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
    int rc = ctx ? makeSecret() : -ENOMEM;

    /* A tree instead of a list: some calls are made very often. */
    if (!rc)
        rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (!rc)
        rc = refuseAlways(ctx);
    if (!rc)
        rc = refuseSome(ctx);
    if (!rc)
        rc = loadProgram(ctx);
    if (ctx)
        seccomp_release(ctx);
    if (rc)
        debug(DBG_IPC, 1, "cannot make the filter of system calls: %s",
              strerror(-rc));
    filterError = rc;
}

int
ipcFilterGet(const IpcFilterProgram **programOut)
{
    pthread_once(&filterOnce, makeFilter);
    if (!filterError)
        *programOut = &filter;
    return filterError;
}

#else

int
ipcFilterGet(const IpcFilterProgram **programOut)
{
    (void)programOut;
    return -ENOTSUP;
}

#endif
