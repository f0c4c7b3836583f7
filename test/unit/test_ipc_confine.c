/*
 * test_ipc_confine.c: what IpcAttr takes from a helper is gone: by what the
 * kernel says in /proc, and by what a helper can do. Some parts need root.
 */
#include "build_config.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd.h"
#include "ipc_fake.h"
#include "ipc_priv.h"
#include "support.h"
#include "xalloc.h"

TestSuite(ipcConfine, .init = supportInit, .fini = supportFini, .timeout = 60);

static IpcWay bothWays[] = {{IPC_UNIX_STREAM, false}, {IPC_UNIX_STREAM, true}};

/* As IPC_WAY_TEST, over one transport. */
#define BOTH_WAYS_TEST(name)                                                   \
    ParameterizedTestParameters(ipcConfine, name)                              \
    {                                                                          \
        return cr_make_param_array(IpcWay, bothWays, 2);                       \
    }                                                                          \
    ParameterizedTest(IpcWay *way, ipcConfine, name)

static bool
isRoot(void)
{
    if (geteuid() == 0)
        return true;
    fprintf(stderr, "skipped: this part needs root\n");
    return false;
}

static IpcFake
startWith(const IpcAttr *attr, const char *prog, const char *const args[])
{
    IpcFake fake;

    fake.pid = ipcCreateAttr(IPC_STREAM, prog, args, "x", attr, &fake.rfd,
                             &fake.wfd, NULL);
    cr_assert_gt(fake.pid, 0, "%s: %s", prog, strerror(errno));
    return fake;
}

/* A cat with attr, that works. */
static IpcFake
startCat(const IpcAttr *attr)
{
    IpcFake fake = startWith(attr, "/bin/cat", NULL);
    char text[64];

    ipcFakeWrite(&fake, "works\n");
    ipcFakeReadLine(&fake, text, sizeof(text));
    cr_assert_str_eq(text, "works\n");
    return fake;
}

static void
expectError(const IpcAttr *attr, int err)
{
    int rfd = 5, wfd = 5, fds = fdCount();
    void *handle = NULL;

    errno = 0;
    cr_assert_eq(ipcCreateAttr(IPC_STREAM, "/bin/cat", NULL, "x", attr, &rfd,
                               &wfd, &handle),
                 -1);
    cr_assert_eq(errno, err, "%s instead of %s", strerror(errno),
                 strerror(err));
    cr_assert_eq(rfd, -1);
    cr_assert_eq(wfd, -1);
    cr_assert_null(handle);
    cr_assert_eq(fdCount(), fds);
    ipcFakeAwaitNoChild();
}

/* All of /proc/PID/name; the caller frees it. */
static char *
readProc(pid_t pid, const char *name)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    return supportReadFile(path);
}

/* Expect a line that is field and, after blanks, value. */
static void
expectField(pid_t pid, const char *file, const char *field, const char *value)
{
    char *text = readProc(pid, file), *line = strstr(text, field);

    cr_assert(line, "no %s in %s", field, text);
    line += strlen(field);
    line += strspn(line, " \t");
    line[strcspn(line, "\n")] = '\0';
    for (size_t len = strlen(line); len && line[len - 1] == ' '; len--)
        line[len - 1] = '\0';
    cr_assert_str_eq(line, value, "%s is %s, not %s", field, line, value);
    free(text);
}

static void
expectStatus(const IpcFake *fake, const char *field, const char *value)
{
    expectField(fake->pid, "status", field, value);
}

/* Nothing is taken from a helper that is not asked for. */
BOTH_WAYS_TEST(defaults_take_nothing)
{
    char ours[64];
    IpcFake fake;
    IpcAttr attr;

    ipcFakeSetWay(way);
    ipcAttrInit(&attr);
    fake = startCat(&attr);
    snprintf(ours, sizeof(ours), "%d\t%d\t%d\t%d", (int)getuid(), (int)getuid(),
             (int)getuid(), (int)getuid());
    expectStatus(&fake, "Uid:", ours);
    expectStatus(&fake, "NoNewPrivs:", "0");
    expectStatus(&fake, "Seccomp:", "0");
    ipcFakeClose(&fake);
}

BOTH_WAYS_TEST(user_and_group_are_those_of_the_database)
{
    const struct passwd *nobody = getpwnam("nobody");
    char expected[64];
    IpcFake fake;
    IpcAttr attr;

    if (!isRoot())
        return;
    cr_assert(nobody);
    ipcFakeSetWay(way);
    ipcAttrInit(&attr);
    attr.user = "nobody";
    fake = startCat(&attr);
    snprintf(expected, sizeof(expected), "%u\t%u\t%u\t%u", nobody->pw_uid,
             nobody->pw_uid, nobody->pw_uid, nobody->pw_uid);
    expectStatus(&fake, "Uid:", expected);
    snprintf(expected, sizeof(expected), "%u\t%u\t%u\t%u", nobody->pw_gid,
             nobody->pw_gid, nobody->pw_gid, nobody->pw_gid);
    expectStatus(&fake, "Gid:", expected);
    snprintf(expected, sizeof(expected), "%u", nobody->pw_gid);
    expectStatus(&fake, "Groups:", expected);
    expectStatus(&fake, "CapEff:", "0000000000000000");
    cr_assert_eq(getuid(), 0, "the C library's setuid was called");
    ipcFakeClose(&fake);
}

/* Our own /etc/group, for this process only. */
static bool
replaceGroups(const char *text)
{
    const char *path = supportTempPath("group");
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

    cr_assert_eq(fdWriteAll(fd, text, strlen(text)), 0);
    close(fd);
    if (!unshare(CLONE_NEWNS) &&
        !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
        !mount(path, "/etc/group", NULL, MS_BIND, NULL))
        return true;
    fprintf(stderr, "skipped: no mounts here: %s\n", strerror(errno));
    return false;
}

/* With 70 groups there are more than are asked for at first. */
BOTH_WAYS_TEST(supplementary_groups_are_the_users)
{
    char text[4096] = "nogroup:x:65534:\nfirst:x:7001:\n";
    char expected[1024] = "";
    IpcFake fake;
    IpcAttr attr;

    if (!isRoot())
        return;
    for (int i = 0; i < 70; i++) {
        size_t len = strlen(text), got = strlen(expected);
        snprintf(text + len, sizeof(text) - len, "g%d:x:%d:daemon,nobody\n", i,
                 8000 + i);
        snprintf(expected + got, sizeof(expected) - got, " %d", 8000 + i);
    }
    if (!replaceGroups(text))
        return;
    ipcFakeSetWay(way);
    ipcAttrInit(&attr);
    attr.user = "nobody";
    attr.group = "first";
    fake = startCat(&attr);
    expectStatus(&fake, "Gid:", "7001\t7001\t7001\t7001");
    memmove(expected + 4, expected, strlen(expected) + 1);
    memcpy(expected, "7001", 4);
    expectStatus(&fake, "Groups:", expected);
    ipcFakeClose(&fake);
    cr_assert_eq(umount2("/etc/group", MNT_DETACH), 0);
}

/* What is left is what was asked for, whatever we have. */
BOTH_WAYS_TEST(no_group_of_ours_is_left)
{
    const gid_t ours[] = {1, 2, 3, 4};
    IpcFake fake;
    IpcAttr attr;

    if (!isRoot())
        return;
    ipcFakeSetWay(way);
    cr_assert_eq(setgroups(4, ours), 0);
    ipcAttrInit(&attr);
    attr.user = "12345";
    attr.group = "daemon";
    fake = startCat(&attr);
    expectStatus(&fake, "Uid:", "12345\t12345\t12345\t12345");
    expectStatus(&fake, "Gid:", "1\t1\t1\t1");
    expectStatus(&fake, "Groups:", "1");
    ipcFakeClose(&fake);
    attr.user = NULL;
    attr.group = "54321";
    fake = startCat(&attr);
    expectStatus(&fake, "Uid:", "0\t0\t0\t0");
    expectStatus(&fake, "Gid:", "54321\t54321\t54321\t54321");
    expectStatus(&fake, "Groups:", "54321");
    ipcFakeClose(&fake);
}

/* Run a child of the test that has given up root, and expect its success. */
static void
runAsNobody(void (*body)(void))
{
    pid_t pid = fork();
    int status = -1;

    if (pid == 0) {
        if (syscall(SYS_setgroups, 0, NULL) || setresgid(65534, 65534, 65534) ||
            setresuid(65534, 65534, 65534))
            _exit(9);
        body();
        _exit(0);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert_eq(status, 0, "status %x", (unsigned)status);
}

static int
errorOf(const IpcAttr *attr)
{
    int rfd, wfd;
    pid_t pid = ipcCreateAttr(IPC_STREAM, "/bin/cat", NULL, "x", attr, &rfd,
                              &wfd, NULL);

    if (pid < 0)
        return errno;
    ipcClose(pid, rfd, wfd);
    return 0;
}

/* The exit status tells which step was not as it should be. */
static void
askWithoutRights(void)
{
    IpcAttr attr;

    ipcAttrInit(&attr);
    attr.user = "daemon";
    if (errorOf(&attr) != EPERM)
        _exit(1);
    attr.user = "0";
    attr.group = "0";
    if (errorOf(&attr) != EPERM)
        _exit(2);
    attr.user = attr.group = NULL;
    attr.noCapabilities = attr.noNewPrivs = true;
    if (errorOf(&attr) != 0)
        _exit(3);
    attr.limitProcesses = 0;
    attr.limitFiles = 20;
    if (errorOf(&attr) != 0)
        _exit(4);
    attr.limitFiles = INT64_C(1) << 40;
    if (errorOf(&attr) != EPERM)
        _exit(5);
}

BOTH_WAYS_TEST(who_is_not_root_gets_eperm)
{
    if (!isRoot())
        return;
    ipcFakeSetWay(way);
    runAsNobody(askWithoutRights);
}

/* The proxy after cache_effective_user, with a helper of the same user. */
static void
askForOurselves(void)
{
    IpcAttr attr;

    ipcAttrInit(&attr);
    attr.user = "4242";
    attr.group = "4343";
    if (errorOf(&attr) != 0)
        _exit(1);
    attr.group = "4344";
    if (errorOf(&attr) != EPERM)
        _exit(2);
}

BOTH_WAYS_TEST(whom_we_are_already_needs_no_rights)
{
    const gid_t group = 4343;
    int status = -1;
    pid_t pid;

    if (!isRoot())
        return;
    ipcFakeSetWay(way);
    pid = fork();
    if (pid == 0) {
        if (setgroups(1, &group) || setresgid(group, group, group) ||
            setresuid(4242, 4242, 4242))
            _exit(9);
        askForOurselves();
        _exit(0);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert_eq(status, 0, "status %x", (unsigned)status);
}

Test(ipcConfine, unknown_names_are_enoent)
{
    IpcAttr attr;

    ipcAttrInit(&attr);
    attr.user = "no-such-user-here";
    expectError(&attr, ENOENT);
    attr.user = "4294967295";
    expectError(&attr, ENOENT);
    attr.user = "-1";
    expectError(&attr, ENOENT);
    attr.user = "";
    expectError(&attr, ENOENT);
    attr.user = "12345";
    expectError(&attr, ENOENT);
    attr.user = NULL;
    attr.group = "no-such-group-here";
    expectError(&attr, ENOENT);
}

/* A child of another user makes the memory that it shares undumpable, which
 * would cost the proxy its core file, and us a look into /proc. */
BOTH_WAYS_TEST(our_process_stays_dumpable)
{
    IpcFake fake;
    IpcAttr attr;

    if (!isRoot())
        return;
    ipcFakeSetWay(way);
    cr_assert_eq(prctl(PR_GET_DUMPABLE), 1);
    ipcAttrInit(&attr);
    attr.user = "nobody";
    fake = startCat(&attr);
    cr_assert_eq(prctl(PR_GET_DUMPABLE), 1);
    ipcFakeClose(&fake);
    attr.cwd = "/nonexistent";
    expectError(&attr, ENOENT);
    cr_assert_eq(prctl(PR_GET_DUMPABLE), 1);
}

static void *
startMany(void *data)
{
    IpcAttr attr;

    ipcAttrInit(&attr);
    attr.user = data;
    for (int i = 0; i < 30; i++)
        if (errorOf(&attr) != 0)
            return data;
    return NULL;
}

/* Several starts at once, so that one begins while another has the memory
 * undumpable. */
BOTH_WAYS_TEST(our_process_stays_dumpable_with_threads)
{
    static char users[2][8] = {"nobody", "daemon"};
    pthread_t threads[4];
    void *failed;

    if (!isRoot())
        return;
    ipcFakeSetWay(way);
    for (size_t i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, startMany, users[i % 2]),
                     0);
    for (size_t i = 0; i < 4; i++) {
        cr_assert_eq(pthread_join(threads[i], &failed), 0);
        cr_assert_null(failed);
    }
    cr_assert_eq(prctl(PR_GET_DUMPABLE), 1);
    cr_assert_eq(getuid(), 0);
    ipcFakeAwaitNoChild();
}

/* The folder is entered, and the program found, by whom it becomes. */
BOTH_WAYS_TEST(folder_and_program_are_those_of_the_user)
{
    char *folder = xstrdup(supportTempDir()), link[256] = "";
    char path[64];
    IpcFake fake;
    IpcAttr attr;

    if (!isRoot()) {
        free(folder);
        return;
    }
    ipcFakeSetWay(way);
    ipcAttrInit(&attr);
    attr.user = "nobody";
    attr.cwd = "/usr";
    fake = startCat(&attr);
    snprintf(path, sizeof(path), "/proc/%d/cwd", (int)fake.pid);
    cr_assert_gt(readlink(path, link, sizeof(link) - 1), 0);
    cr_assert_str_eq(link, "/usr");
    ipcFakeClose(&fake);
    cr_assert_eq(chmod(folder, 0700), 0);
    attr.cwd = folder;
    expectError(&attr, EACCES);
    free(folder);
}

BOTH_WAYS_TEST(limits_are_in_force)
{
    IpcFake fake;
    IpcAttr attr;

    ipcFakeSetWay(way);
    ipcAttrInit(&attr);
    attr.limitMemory = 256 << 20;
    attr.limitFiles = 17;
    attr.limitCpuSec = 5;
    attr.limitProcesses = 3;
    fake = startCat(&attr);
    expectField(fake.pid, "limits", "Max address space",
                "268435456            268435456            bytes");
    expectField(fake.pid, "limits", "Max open files",
                "17                   17                   files");
    expectField(fake.pid, "limits", "Max cpu time",
                "5                    6                    seconds");
    expectField(fake.pid, "limits", "Max processes",
                "3                    3                    processes");
    ipcFakeClose(&fake);
}

/* Fork fails in the helper, not the start of the helper. */
BOTH_WAYS_TEST(limit_of_processes_stops_forks_only)
{
    const char *const args[] = {"sh", "-c", "echo up; (echo forked); echo on",
                                NULL};
    char text[64];
    IpcFake fake;
    IpcAttr attr;

    if (!isRoot())
        return;
    ipcFakeSetWay(way);
    ipcAttrInit(&attr);
    attr.user = "nobody";
    attr.limitProcesses = 0;
    fake = startWith(&attr, "/bin/sh", args);
    ipcFakeReadLine(&fake, text, sizeof(text));
    cr_assert_str_eq(text, "up\n");
    cr_assert_eq(ipcFakeRead(&fake, text, sizeof(text)), 0, "%s", text);
    ipcFakeClose(&fake);
}

BOTH_WAYS_TEST(limit_of_cpu_ends_it_with_its_signal)
{
    const char *const args[] = {"sh", "-c", "while :; do :; done", NULL};
    siginfo_t info = {0};
    IpcFake fake;
    IpcAttr attr;

    ipcFakeSetWay(way);
    ipcAttrInit(&attr);
    attr.limitCpuSec = 1;
    fake = startWith(&attr, "/bin/sh", args);
    cr_assert_eq(waitid(P_PID, (id_t)fake.pid, &info, WEXITED | WNOWAIT), 0);
    cr_assert_eq(info.si_status, SIGXCPU);
    ipcFakeClose(&fake);
}

Test(ipcConfine, limits_out_of_range_are_einval)
{
    int64_t *fields[4];
    IpcAttr attr;

    fields[0] = &attr.limitMemory;
    fields[1] = &attr.limitFiles;
    fields[2] = &attr.limitCpuSec;
    fields[3] = &attr.limitProcesses;
    for (size_t i = 0; i < 4; i++) {
        ipcAttrInit(&attr);
        *fields[i] = -2;
        expectError(&attr, EINVAL);
        *fields[i] = INT64_MIN;
        expectError(&attr, EINVAL);
        *fields[i] = 0;
        if (i < 3)
            expectError(&attr, EINVAL);
    }
    ipcAttrInit(&attr);
    attr.limitFiles = 2;
    expectError(&attr, EINVAL);
    ipcAttrInit(&attr);
    attr.filter = IPC_FILTER_COUNT;
    expectError(&attr, EINVAL);
}

BOTH_WAYS_TEST(no_new_privs_is_set)
{
    IpcFake fake;
    IpcAttr attr;

    ipcFakeSetWay(way);
    ipcAttrInit(&attr);
    attr.noNewPrivs = true;
    fake = startCat(&attr);
    expectStatus(&fake, "NoNewPrivs:", "1");
    ipcFakeClose(&fake);
    cr_assert_eq(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0);
}

static void
expectNoCapabilities(const IpcAttr *attr)
{
    IpcFake fake = startCat(attr);

    expectStatus(&fake, "CapInh:", "0000000000000000");
    expectStatus(&fake, "CapPrm:", "0000000000000000");
    expectStatus(&fake, "CapEff:", "0000000000000000");
    expectStatus(&fake, "CapAmb:", "0000000000000000");
    if (geteuid() == 0)
        expectStatus(&fake, "CapBnd:", "0000000000000000");
    expectStatus(&fake, "NoNewPrivs:", "1");
    ipcFakeClose(&fake);
}

BOTH_WAYS_TEST(capability_sets_are_empty)
{
    char *before, *after;
    IpcAttr attr;

    ipcFakeSetWay(way);
    before = readProc(getpid(), "status");
    ipcAttrInit(&attr);
    attr.noCapabilities = true;
    expectNoCapabilities(&attr);
    if (isRoot()) {
        attr.user = "nobody";
        expectNoCapabilities(&attr);
    }
    after = readProc(getpid(), "status");
    cr_assert(!strncmp(strstr(before, "CapInh"), strstr(after, "CapInh"),
                       5 * strlen("CapInh:\t0000000000000000\n")),
              "ours have changed");
    free(before);
    free(after);
}

/* Root without rights reads no file of others. */
BOTH_WAYS_TEST(root_without_capabilities_is_nobody)
{
    const char *path = supportTempPath("theirs");
    const char *const args[] = {"cat", path, "/dev/null", NULL};
    char text[64];
    IpcFake fake;
    IpcAttr attr;
    int fd;

    if (!isRoot())
        return;
    ipcFakeSetWay(way);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    cr_assert_eq(fdWriteAll(fd, "secret\n", 7) | fchown(fd, 1, 1), 0);
    close(fd);
    ipcAttrInit(&attr);
    attr.noCapabilities = true;
    attr.stderrMode = IPC_STDERR_NULL;
    fake = startWith(&attr, "/bin/cat", args);
    cr_assert_eq(ipcFakeRead(&fake, text, sizeof(text)), 0, "%s", text);
    ipcFakeClose(&fake);
}

BOTH_WAYS_TEST(environment_is_the_one_given)
{
    const char *const env[] = {"ONLY=this", NULL};
    IpcFake fake;
    IpcAttr attr;
    char *text;

    ipcFakeSetWay(way);
    setenv("HOME", "/somewhere", 1);
    ipcAttrInit(&attr);
    attr.env = env;
    fake = startCat(&attr);
    text = readProc(fake.pid, "environ");
    cr_assert_str_eq(text, "ONLY=this");
    cr_assert(!strncmp(text + 10, "SQUID_DEBUG=", 12));
    free(text);
    ipcFakeClose(&fake);
}

/* Makes a file of its own for each descriptor, so that they can be told. */
static int
openMark(const char *mark)
{
    int fd = open(supportTempPath(mark), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    cr_assert_geq(fd, 0);
    return fd;
}

/* Expect the child's descriptor to be that file; NULL: to be closed. */
static void
expectMark(const IpcFake *fake, int fd, const char *mark)
{
    char path[64], link[256] = "";
    ssize_t n;

    snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)fake->pid, fd);
    n = readlink(path, link, sizeof(link) - 1);
    if (!mark) {
        cr_assert_lt(n, 0, "%d is %s", fd, link);
        return;
    }
    cr_assert_gt(n, 0, "%d is closed", fd);
    cr_assert_str_eq(link, supportTempPath(mark));
}

static int
countFds(const IpcFake *fake)
{
    char path[64], link[8];
    int count = 0;

    for (int fd = 0; fd < 1024; fd++) {
        snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)fake->pid, fd);
        count += readlink(path, link, sizeof(link)) > 0;
    }
    return count;
}

/* Numbers that stand in each other's way, in every order; the pipe of
 * fork() and the ends of the channel are among them. */
BOTH_WAYS_TEST(descriptors_get_the_numbers_asked_for)
{
    int a, b, c;
    IpcFake fake;
    IpcAttr attr;

    ipcFakeSetWay(way);
    a = openMark("a");
    b = openMark("b");
    c = openMark("c");
    for (int theirs = 3; theirs < 12; theirs++) {
        const IpcFd fds[] = {
            {a, theirs + 2}, {b, theirs}, {c, theirs + 1}, {a, 130}, {b, 700}};
        ipcAttrInit(&attr);
        attr.fds = fds;
        attr.fdCount = sizeof(fds) / sizeof(fds[0]);
        fake = startCat(&attr);
        expectMark(&fake, theirs, "b");
        expectMark(&fake, theirs + 1, "c");
        expectMark(&fake, theirs + 2, "a");
        expectMark(&fake, 130, "a");
        expectMark(&fake, 700, "b");
        cr_assert_eq(countFds(&fake), 8);
        ipcFakeClose(&fake);
    }
    close(a);
    close(b);
    close(c);
}

/* Ours swapped, and our 0 and 2 handed over before they are replaced. */
BOTH_WAYS_TEST(descriptors_may_be_swapped_and_low)
{
    int a, b, in = openMark("in");
    IpcFake fake;
    IpcAttr attr;
    IpcFd fds[3];

    ipcFakeSetWay(way);
    a = openMark("a");
    b = openMark("b");
    cr_assert_eq(dup2(in, STDIN_FILENO), STDIN_FILENO);
    fds[0] = (IpcFd){a, b};
    fds[1] = (IpcFd){b, a};
    fds[2] = (IpcFd){STDIN_FILENO, 9};
    ipcAttrInit(&attr);
    attr.fds = fds;
    attr.fdCount = 3;
    fake = startCat(&attr);
    expectMark(&fake, b, "a");
    expectMark(&fake, a, "b");
    expectMark(&fake, 9, "in");
    cr_assert_eq(countFds(&fake), 6);
    ipcFakeClose(&fake);
    close(a);
    close(b);
    close(in);
}

Test(ipcConfine, descriptors_that_make_no_sense_are_refused)
{
    const struct {
        IpcFd fds[2];
        int err;
    } cases[] = {
        {{{2, 3}, {2, 2}}, EINVAL},       {{{2, 3}, {2, 0}}, EINVAL},
        {{{2, 3}, {2, -1}}, EINVAL},      {{{2, 3}, {2, 3}}, EINVAL},
        {{{2, 3}, {2, 1 << 30}}, EINVAL}, {{{2, 3}, {987, 4}}, EBADF},
        {{{2, 3}, {-1, 4}}, EBADF},       {{{2, INT32_MIN}, {2, 4}}, EINVAL},
    };
    IpcFd many[IPC_FDS_MAX + 1];
    IpcAttr attr;

    ipcAttrInit(&attr);
    attr.fdCount = 2;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        attr.fds = cases[i].fds;
        expectError(&attr, cases[i].err);
    }
    attr.fds = NULL;
    expectError(&attr, EINVAL);
    for (int i = 0; i <= IPC_FDS_MAX; i++)
        many[i] = (IpcFd){2, 10 + i};
    attr.fds = many;
    attr.fdCount = IPC_FDS_MAX + 1;
    expectError(&attr, EINVAL);
}

/* A process of ours that starts a helper deaf to the end of its input, and
 * is killed. The helper becomes ours, so that we see how it ends. */
static void
startAndWait(int report, const IpcAttr *attr)
{
    const char *const args[] = {"sleep", "60", NULL};
    IpcFake fake = startWith(attr, "/bin/sleep", args);

    cr_assert_eq(fdWriteAll(report, &fake.pid, sizeof(fake.pid)), 0);
    for (;;)
        pause();
}

static void
expectDeathWithUs(const IpcAttr *attr)
{
    int report[2], status = 0;
    pid_t parent, helper = -1;

    cr_assert_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    cr_assert_eq(pipe2(report, O_CLOEXEC), 0);
    parent = fork();
    if (parent == 0)
        startAndWait(report[1], attr);
    close(report[1]);
    cr_assert_eq(read(report[0], &helper, sizeof(helper)),
                 (ssize_t)sizeof(helper));
    close(report[0]);
    kill(parent, SIGKILL);
    cr_assert_eq(waitpid(parent, NULL, 0), parent);
    cr_assert_eq(waitpid(helper, &status, 0), helper);
    cr_assert(WIFSIGNALED(status));
    cr_assert_eq(WTERMSIG(status), SIGTERM);
}

BOTH_WAYS_TEST(dies_with_us)
{
    IpcAttr attr;

    ipcFakeSetWay(way);
    ipcAttrInit(&attr);
    attr.diesWithUs = true;
    expectDeathWithUs(&attr);
    attr.noCapabilities = true;
    expectDeathWithUs(&attr);
    if (isRoot()) {
        attr.user = "nobody";
        expectDeathWithUs(&attr);
    }
}

#ifdef HAVE_LIBSECCOMP

static void
expectAttempts(const IpcAttr *attr, const char *const args[],
               const char *expected)
{
    IpcFake fake = startWith(attr, ipcFakeProgram(), args);
    char text[512], line[64];

    ipcFakeReadLine(&fake, text, sizeof(text));
    cr_assert_str_eq(text, expected);
    ipcFakeWrite(&fake, "the channel works\n");
    ipcFakeReadLine(&fake, line, sizeof(line));
    cr_assert_str_eq(line, "the channel works\n");
    ipcFakeClose(&fake);
}

BOTH_WAYS_TEST(filter_stops_sockets_programs_and_more)
{
    const char *const args[] = {
        "(fake)", "try",  "inet",    "unix",      "sendto", "sendmsg", "pair",
        "trace",  "ring", "unshare", "namespace", "mount",  NULL};
    const char *const programs[] = {"(fake)",  "try",  "exec",   "exec-more",
                                    "exec-fd", "fork", "lookup", NULL};
    IpcAttr attr;

    ipcFakeSetWay(way);
    ipcAttrInit(&attr);
    attr.filter = IPC_FILTER_DEFAULT;
    expectAttempts(&attr, args,
                   "inet EPERM\nunix EPERM\nsendto EPERM\nsendmsg EPERM\n"
                   "pair done\ntrace EPERM\nring EPERM\nunshare EPERM\n"
                   "namespace EPERM\nmount EPERM\n");
    expectAttempts(&attr, programs,
                   "exec EPERM\nexec-more EPERM\nexec-fd EPERM\nfork done\n"
                   "lookup done\n");
}

BOTH_WAYS_TEST(filter_is_seen_in_the_status)
{
    IpcFake fake;
    IpcAttr attr;

    ipcFakeSetWay(way);
    ipcAttrInit(&attr);
    attr.filter = IPC_FILTER_DEFAULT;
    fake = startCat(&attr);
    expectStatus(&fake, "Seccomp:", "2");
    expectStatus(&fake, "NoNewPrivs:", "1");
    ipcFakeClose(&fake);
    expectField(getpid(), "status", "Seccomp:", "0");
}

/* PATH is tried in turn, and the error is exec's, also below the filter. */
BOTH_WAYS_TEST(filter_changes_no_error_of_exec)
{
    IpcFake fake;
    IpcAttr attr;

    ipcFakeSetWay(way);
    setenv("PATH", "/nonexistent:/etc:/bin:/usr/bin", 1);
    ipcAttrInit(&attr);
    attr.filter = IPC_FILTER_DEFAULT;
    fake = startWith(&attr, "cat", NULL);
    ipcFakeClose(&fake);
    setenv("PATH", "/nonexistent", 1);
    cr_assert_eq(ipcCreateAttr(IPC_STREAM, "cat", NULL, "x", &attr, &fake.rfd,
                               &fake.wfd, NULL),
                 -1);
    cr_assert_eq(errno, ENOENT);
    ipcFakeAwaitNoChild();
}

static void
expectScript(const IpcAttr *attr, const char *head, const char *text)
{
    const char *path = supportTempPath("script");
    char *whole = xasprintf("#!%s\n%s", head, text), line[128];
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    IpcFake fake;

    cr_assert_eq(fdWriteAll(fd, whole, strlen(whole)), 0);
    close(fd);
    free(whole);
    fake = startWith(attr, path, NULL);
    ipcFakeReadLine(&fake, line, sizeof(line));
    cr_assert_str_eq(line, "ready\n", "%s", head);
    ipcFakeWrite(&fake, "word\n");
    ipcFakeReadLine(&fake, line, sizeof(line));
    cr_assert_str_eq(line, "got word\n", "%s", head);
    ipcFakeClose(&fake);
}

/* A shell may call itself what it has built in, and nothing else. */
BOTH_WAYS_TEST(filter_leaves_interpreters_working)
{
    IpcAttr attr;

    ipcFakeSetWay(way);
    ipcAttrInit(&attr);
    attr.filter = IPC_FILTER_DEFAULT;
    attr.noCapabilities = true;
    attr.stderrMode = IPC_STDERR_NULL;
    expectScript(&attr, "/bin/sh",
                 "/bin/echo never\necho ready\n"
                 "while read x; do echo got $x; done\n");
    if (!access("/usr/bin/perl", X_OK))
        expectScript(&attr, "/usr/bin/perl",
                     "$| = 1; system('/bin/echo never'); print \"ready\\n\";\n"
                     "while (<STDIN>) { print \"got $_\"; }\n");
    if (!access("/usr/bin/python3", X_OK))
        expectScript(&attr, "/usr/bin/python3",
                     "import socket, sys, urllib.request\n"
                     "try:\n    socket.create_connection(('127.0.0.1', 9))\n"
                     "except PermissionError:\n    print('ready', flush=True)\n"
                     "for line in sys.stdin:\n"
                     "    print('got', line, end='', flush=True)\n");
}

#else

Test(ipcConfine, filter_is_not_in_this_build)
{
    IpcAttr attr;

    ipcAttrInit(&attr);
    attr.filter = IPC_FILTER_DEFAULT;
    expectError(&attr, ENOTSUP);
}

#endif

/* Everything at once, many times: nothing is left behind. */
BOTH_WAYS_TEST(all_at_once)
{
    const char *const env[] = {"A=b", NULL};
    IpcFake fake;
    IpcAttr attr;
    IpcFd fds[] = {{STDERR_FILENO, 5}};

    if (!isRoot())
        return;
    ipcFakeSetWay(way);
    ipcAttrInit(&attr);
    attr.cwd = "/";
    attr.env = env;
    attr.user = "nobody";
    attr.limitMemory = 256 << 20;
    attr.limitFiles = 64;
    attr.limitCpuSec = 100;
    attr.limitProcesses = 1;
    attr.noNewPrivs = attr.noCapabilities = attr.diesWithUs = true;
#ifdef HAVE_LIBSECCOMP
    attr.filter = IPC_FILTER_DEFAULT;
#endif
    attr.fds = fds;
    attr.fdCount = 1;
    for (int i = 0; i < 50; i++) {
        fake = startCat(&attr);
        ipcFakeClose(&fake);
    }
}
