/* test_ipc_error.c: why a helper could not be started, in words. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ipc.h"
#include "ipc_fake.h"
#include "support.h"

TestSuite(ipcError, .init = supportInit, .fini = supportFini, .timeout = 60);

static void
expectWhy(const IpcAttr *attr, const char *prog, int err, const char *why)
{
    int rfd, wfd;

    errno = 0;
    cr_assert_eq(
        ipcCreateAttr(IPC_STREAM, prog, NULL, "x", attr, &rfd, &wfd, NULL), -1);
    cr_assert_eq(errno, err, "%s", strerror(errno));
    cr_assert_str_eq(ipcErrorText(err), why);
}

static void
expectMissing(void)
{
    IpcAttr attr;

    ipcAttrInit(&attr);
    attr.cwd = "/nonexistent";
    expectWhy(&attr, "/bin/cat", ENOENT,
              "cwd /nonexistent: No such file or directory");
    attr.cwd = NULL;
    expectWhy(&attr, "/no/such", ENOENT, "No such file or directory");
    expectWhy(&attr, "no-such-program", ENOENT, "No such file or directory");
    if (geteuid() == 0)
        return;
    attr.user = "nobody";
    expectWhy(&attr, "/bin/cat", EPERM, "user nobody: Operation not permitted");
    attr.user = NULL;
    attr.group = "nogroup";
    expectWhy(&attr, "/bin/cat", EPERM,
              "group nogroup: Operation not permitted");
}

/* By a child that shares our memory, and by one that does not. */
Test(ipcError, what_a_child_finds_missing_is_told)
{
    IpcWay shared = {IPC_UNIX_STREAM, false}, fork = {IPC_UNIX_STREAM, true};

    ipcFakeSetWay(&shared);
    expectMissing();
    ipcFakeSetWay(&fork);
    expectMissing();
}

Test(ipcError, unknown_users_and_groups_are_told)
{
    IpcAttr attr;

    ipcAttrInit(&attr);
    attr.user = "no-such-user-here";
    expectWhy(&attr, "/bin/cat", ENOENT, "there is no user no-such-user-here");
    attr.user = "4294967295";
    expectWhy(&attr, "/bin/cat", ENOENT, "there is no user 4294967295");
    attr.user = "12345";
    expectWhy(&attr, "/bin/cat", ENOENT,
              "there is no user 12345: such a number needs a group");
    attr.group = "no-such-group-here";
    expectWhy(&attr, "/bin/cat", ENOENT,
              "there is no group no-such-group-here");
    attr.user = NULL;
    expectWhy(&attr, "/bin/cat", ENOENT,
              "there is no group no-such-group-here");
}

Test(ipcError, scripts_that_cannot_be_executed_are_told)
{
    const char *path = supportTempPath("script");
    FILE *file = fopen(path, "we");

    cr_assert_not_null(file);
    fputs("#!/no/such/interpreter\n", file);
    fclose(file);
    cr_assert_eq(chmod(path, 0755), 0);
    expectWhy(NULL, path, ENOENT,
              "No such file or directory (the program is there: its "
              "interpreter is not)");
}

Test(ipcError, text_is_that_of_the_error)
{
    expectWhy(NULL, "/no/such", ENOENT, "No such file or directory");
    cr_assert_str_eq(ipcErrorText(EMFILE), strerror(EMFILE));
    cr_assert_str_eq(ipcErrorText(0), strerror(0));
}
