/* test_daemon.c: what the waiting process says, and what root gives up. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon.h"
#include "support.h"

TestSuite(daemon, .init = supportInit, .fini = supportFini, .timeout = 60);

/* Start a process that runs body, which goes to the background in it; the
 * wait status of that process. */
static int
statusOfStart(void (*body)(void))
{
    int status = -1;
    pid_t child;

    supportTempDir(); /* made here, not in the child */
    child = fork();
    if (child == 0) {
        alarm(60);
        body();
        _exit(99);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    return status;
}

static void
leaveMark(const char *name)
{
    int fd = open(supportTempPath(name), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

    if (fd < 0)
        _exit(98);
    close(fd);
}

static bool
hasMark(const char *name)
{
    struct stat info;

    return stat(supportTempPath(name), &info) == 0;
}

static void
getReady(void)
{
    if (daemonStart() != 0)
        _exit(97);
    usleep(50000);
    if (getsid(0) == getpid())
        leaveMark("session");
    leaveMark("ready");
    daemonReady();
    daemonReady();
    _exit(5);
}

Test(daemon, the_waiting_process_ends_well_once_all_is_ready)
{
    cr_expect_eq(statusOfStart(getReady), 0);
    cr_expect(hasMark("ready"), "it did not wait");
    cr_expect(hasMark("session"));
}

static void
endEarly(void)
{
    if (daemonStart() != 0)
        _exit(97);
    _exit(42);
}

static void
endTooWell(void)
{
    if (daemonStart() != 0)
        _exit(97);
    _exit(0);
}

static void
dieEarly(void)
{
    if (daemonStart() != 0)
        _exit(97);
    close(STDERR_FILENO);
    raise(SIGKILL);
}

Test(daemon, an_early_end_is_passed_on)
{
    int status = statusOfStart(endEarly);

    cr_expect(WIFEXITED(status));
    cr_expect_eq(WEXITSTATUS(status), 42);
    cr_expect_eq(WEXITSTATUS(statusOfStart(endTooWell)), 1);
    cr_expect_eq(WEXITSTATUS(statusOfStart(dieEarly)), 1);
}

static void
startWithoutStdio(void)
{
    close(0);
    close(1);
    close(2);
    if (daemonStart() != 0)
        _exit(97);
    leaveMark("bare");
    daemonReady();
    _exit(0);
}

Test(daemon, starts_with_0_1_2_closed)
{
    cr_expect_eq(statusOfStart(startWithoutStdio), 0);
    cr_expect(hasMark("bare"));
}

static void
letGo(void)
{
    struct stat null, output;

    if (daemonStart() != 0)
        _exit(97);
    daemonReady();
    if (stat("/dev/null", &null) == 0 && fstat(1, &output) == 0 &&
        null.st_rdev == output.st_rdev)
        leaveMark("null");
    leaveMark("done");
    _exit(0);
}

Test(daemon, ready_lets_go_of_the_terminal)
{
    cr_expect_eq(statusOfStart(letGo), 0);
    for (int i = 0; i < 1000 && !hasMark("done"); i++)
        usleep(10000);
    cr_expect(hasMark("null"));
}

Test(daemon, privileges_of_nobody_known)
{
    struct passwd *self = getpwuid(geteuid());

    cr_expect_eq(daemonDropPrivileges(NULL, NULL), 0);
    cr_expect_eq(daemonDropPrivileges("no-such-user", NULL), -ENOENT);
    if (!self)
        return;
    cr_expect_eq(daemonDropPrivileges(self->pw_name, "no-such-group"), -ENOENT);
    if (geteuid() != 0) {
        cr_expect_eq(daemonDropPrivileges(self->pw_name, NULL), 0);
        cr_expect_eq(daemonDropPrivileges("root", NULL), -EPERM);
    }
}

/* The whole of it, in a process that may lose its rights. */
static int
dropToNobody(void)
{
    struct passwd *nobody = getpwnam("nobody");
    gid_t groups[4];
    uid_t real, effective, saved;

    if (!nobody || daemonDropPrivileges("nobody", "nogroup") != 0)
        return 1;
    if (getresuid(&real, &effective, &saved) != 0 || real != nobody->pw_uid ||
        effective != nobody->pw_uid || saved != nobody->pw_uid)
        return 2;
    if (getgroups(4, groups) != 1 || groups[0] != getgid())
        return 3;
    return setuid(0) == 0 ? 4 : 0;
}

Test(daemon, root_is_given_up_for_good)
{
    int status = -1;
    pid_t child;

    if (geteuid() != 0 || !getgrnam("nogroup"))
        return;
    child = fork();
    if (child == 0)
        _exit(dropToNobody());
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_expect_eq(status, 0, "step %d", WEXITSTATUS(status));
}
