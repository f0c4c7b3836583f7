/* test_pid_file.c: one process holds the file, whatever is left in it. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pid_file.h"
#include "support.h"

TestSuite(pid_file, .init = supportInit, .fini = supportFini, .timeout = 20);

static const char *
filePath(void)
{
    return supportTempPath("squire.pid");
}

static void
writeText(const char *text)
{
    FILE *file = fopen(filePath(), "we");

    cr_assert(file);
    fputs(text, file);
    fclose(file);
}

Test(pid_file, names_this_process_and_goes_with_it)
{
    PidFile *file = pidFileCreate(filePath(), NULL);
    pid_t pid = 0;
    struct stat info;

    cr_assert(file);
    cr_expect_eq(pidFileRead(filePath(), &pid), 0);
    cr_expect_eq(pid, getpid());
    pidFileRemove(&file);
    cr_expect_null(file);
    pidFileRemove(&file);
    cr_expect_eq(stat(filePath(), &info), -1);
    cr_expect_eq(pidFileRead(filePath(), &pid), -ENOENT);
}

Test(pid_file, a_second_process_is_refused)
{
    PidFile *file = pidFileCreate(filePath(), NULL);
    pid_t running = 0;

    cr_assert(file);
    errno = 0;
    cr_expect_null(pidFileCreate(filePath(), &running));
    cr_expect_eq(errno, EEXIST);
    cr_expect_eq(running, getpid());
    pidFileRemove(&file);
}

/* The number is a living process's, which is not ours. */
Test(pid_file, a_file_left_behind_is_replaced)
{
    PidFile *file;
    pid_t pid = 0;

    writeText("1\n");
    cr_expect_eq(pidFileRead(filePath(), &pid), -ESRCH);
    cr_expect_eq(pid, 0);
    file = pidFileCreate(filePath(), NULL);
    cr_assert(file);
    cr_expect_eq(pidFileRead(filePath(), &pid), 0);
    cr_expect_eq(pid, getpid());
    pidFileRemove(&file);
}

Test(pid_file, another_processes_file_is_not_removed)
{
    PidFile *file = pidFileCreate(filePath(), NULL), *other;
    pid_t pid;

    cr_assert(file);
    cr_assert_eq(unlink(filePath()), 0);
    other = pidFileCreate(filePath(), NULL);
    cr_assert(other);
    pidFileRemove(&file);
    cr_expect_eq(pidFileRead(filePath(), &pid), 0);
    pidFileRemove(&other);
}

Test(pid_file, a_number_is_needed)
{
    static const char *const texts[] = {
        "", "x", "-5\n", "0\n", "12 34\n", "99999999999999999999\n"};
    PidFile *file = pidFileCreate(filePath(), NULL);

    cr_assert(file);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        pid_t pid = 7;

        writeText(texts[i]);
        cr_expect_eq(pidFileRead(filePath(), &pid), -EINVAL, "%s", texts[i]);
        cr_expect_eq(pid, 7);
    }
    pidFileRemove(&file);
}

Test(pid_file, what_is_no_file_is_refused)
{
    pid_t pid;

    cr_assert_eq(mkfifo(filePath(), 0600), 0);
    cr_expect_null(pidFileCreate(filePath(), NULL));
    cr_expect_eq(errno, EINVAL);
    cr_expect_eq(pidFileRead(filePath(), &pid), -EINVAL);
    cr_assert_eq(unlink(filePath()), 0);
    cr_assert_eq(symlink("elsewhere", filePath()), 0);
    cr_expect_null(pidFileCreate(filePath(), NULL));
    cr_expect_eq(errno, ELOOP);
    cr_expect_null(pidFileCreate("/nonexistent/squire.pid", NULL));
    cr_expect_eq(errno, ENOENT);
}

Test(pid_file, a_child_takes_it_over)
{
    PidFile *file = pidFileCreate(filePath(), NULL);
    pid_t child, pid = 0;
    int status;

    cr_assert(file);
    child = fork();
    if (child == 0)
        _exit(pidFileUpdate(file) == 0 ? 0 : 1);
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_expect_eq(status, 0);
    cr_expect_eq(pidFileRead(filePath(), &pid), 0);
    cr_expect_eq(pid, child);
    pidFileRemove(&file);
}
