/* test_fd.c: the descriptor helpers. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd.h"
#include "support.h"

TestSuite(fd, .init = supportInit, .fini = supportFini, .timeout = 10);

Test(fd, flags_are_set_on_each_kind_of_descriptor)
{
    int fds[2], file;

    cr_assert_eq(pipe(fds), 0);
    file = open("/dev/null", O_RDWR);
    cr_assert_eq(fdSetFlags(fds[0]), 0);
    cr_assert_eq(fdSetFlags(file), 0);
    cr_assert(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
    cr_assert(fcntl(fds[0], F_GETFD) & FD_CLOEXEC);
    cr_assert_not(fcntl(fds[1], F_GETFL) & O_NONBLOCK);
    cr_assert(fcntl(file, F_GETFD) & FD_CLOEXEC);
    fdClosep(&fds[0]);
    fdClosep(&fds[1]);
    fdClosep(&file);
    cr_assert_eq(fdSetFlags(9999), -EBADF);
}

Test(fd, limit_is_raised_as_far_as_allowed)
{
    struct rlimit limit;

    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = 64;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    cr_assert_eq(fdLimit(), 64u);
    fdRaiseLimit();
    cr_assert_eq(fdLimit(), limit.rlim_max);
    cr_assert_eq(fdSetLimit(100), 0);
    cr_assert_eq(fdLimit(), 100u);
    cr_assert_eq(fdSetLimit(limit.rlim_max + 1), -EPERM);
    cr_assert_eq(fdLimit(), 100u);
}

Test(fd, making_room_leaves_nothing_open)
{
    int before = fdCount();

    fdMakeRoom(5000);
    cr_assert_eq(fdCount(), before);
}

Test(fd, closep_clears_and_keeps_errno)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    errno = EPROTO;
    fdClosep(&fd);
    cr_assert_eq(errno, EPROTO);
    cr_assert_eq(fd, -1);
    fdClosep(&fd);
    cr_assert_eq(errno, EPROTO);
    fd = 9999;
    fdClosep(&fd);
    cr_assert_eq(errno, EPROTO);
}

Test(fd, write_all_reports_the_error)
{
    int fds[2];

    cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
    cr_assert_eq(fdWriteAll(fds[1], "hello", 5), 0);
    close(fds[1]);
    cr_assert_eq(fdWriteAll(fds[1], "hello", 5), -EBADF);
    close(fds[0]);
}

/* In a child, since the test needs its own 0, 1 and 2. */
static int
runWithoutStdio(int (*body)(void))
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        close(STDIN_FILENO);
        close(STDOUT_FILENO);
        close(STDERR_FILENO);
        _exit(body());
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int
moveAbove(void)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    int moved = fdAboveStdio(fd);

    if (fd != 0 || moved < 3)
        return 1;
    if (!(fcntl(moved, F_GETFD) & FD_CLOEXEC))
        return 2;
    return fcntl(fd, F_GETFD) < 0 ? 0 : 3;
}

static int
ensureStdio(void)
{
    if (fdEnsureStdio() != 0)
        return 1;
    for (int fd = 0; fd < 3; fd++) {
        if (fcntl(fd, F_GETFD) != 0)
            return 2;
    }
    return write(STDERR_FILENO, "x", 1) == 1 ? 0 : 3;
}

Test(fd, moves_above_the_standard_descriptors)
{
    cr_assert_eq(runWithoutStdio(moveAbove), 0);
}

Test(fd, a_descriptor_above_stays_where_it_is)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    cr_assert_eq(fdAboveStdio(fd), fd);
    close(fd);
}

Test(fd, makes_missing_standard_descriptors)
{
    cr_assert_eq(fdEnsureStdio(), 0);
    cr_assert_eq(runWithoutStdio(ensureStdio), 0);
}

Test(fd, count_sees_one_more_and_one_less)
{
    int before = fdCount();
    int fd = dup(STDERR_FILENO);

    cr_assert_eq(fdCount(), before + 1);
    close(fd);
    cr_assert_eq(fdCount(), before);
}
