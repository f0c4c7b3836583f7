/* test_debug.c: the log. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <regex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "debug.h"
#include "support.h"

static void
fini(void)
{
    debugClose();
    supportFini();
}

TestSuite(debug, .init = supportInit, .fini = fini, .timeout = 20);

static const char *
openLog(void)
{
    const char *path = supportTempPath("debug.log");

    cr_assert_eq(debugOpen(path), 0);
    return path;
}

static char *
readLog(void)
{
    return supportReadFile(supportTempPath("debug.log"));
}

static void
assertLogMatches(const char *pattern)
{
    regex_t regex;
    char *text = readLog();

    cr_assert_eq(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
    cr_assert_eq(regexec(&regex, text, 0, NULL, 0), 0, "not %s: %s", pattern,
                 text);
    regfree(&regex);
    free(text);
}

Test(debug, line_has_time_process_section_and_level)
{
    openLog();
    debugSetProcessName("kid1");
    debug(DBG_HELPER, 1, "helper %d says %s", 3, "hello");
    assertLogMatches("^20[0-9]{2}/[01][0-9]/[0-3][0-9] "
                     "[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\\.[0-9]{3} "
                     "kid1 84,1\\| helper 3 says hello\n$");
}

Test(debug, process_name_may_be_left_out)
{
    openLog();
    debugSetProcessName(NULL);
    debug(DBG_COMM, 0, "text");
    assertLogMatches("\\.[0-9]{3} 5,0\\| text\n$");
}

Test(debug, nothing_is_evaluated_when_off)
{
    int evaluated = 0;

    openLog();
    cr_assert_eq(debugOptions("ALL,1 84,3"), 0);
    debug(DBG_COMM, 2, "%d", ++evaluated);
    cr_assert_eq(evaluated, 0);
    debug(DBG_HELPER, 3, "%d", ++evaluated);
    cr_assert_eq(evaluated, 1);
    cr_assert_not(debugIsOn(DBG_HELPER, 4));
    assertLogMatches("84,3\\| 1\n$");
}

Test(debug, options_take_numbers_names_and_the_last_word_wins)
{
    cr_assert_str_eq(debugOptionsText(), "ALL,1");
    cr_assert_eq(debugOptions("ALL,2 84,5 ipc,3\trotate=4 5,-1"), 0);
    cr_assert(debugIsOn(DBG_HELPER, 5));
    cr_assert(debugIsOn(DBG_IPC, 3));
    cr_assert_not(debugIsOn(DBG_IPC, 4));
    cr_assert_not(debugIsOn(DBG_COMM, 0));
    cr_assert(debugIsOn(DBG_STORE, 2));
    cr_assert_str_eq(debugOptionsText(), "ALL,2 84,5 ipc,3\trotate=4 5,-1");
    cr_assert_eq(debugOptions(debugOptionsText()), 0);
    cr_assert_eq(debugOptions("84,5 all,0"), 0);
    cr_assert_not(debugIsOn(DBG_HELPER, 1));
    cr_assert_eq(debugOptions(""), 0);
    cr_assert(debugIsOn(DBG_HELPER, 1));
    cr_assert_not(debugIsOn(DBG_HELPER, 2));
}

Test(debug, wrong_options_change_nothing)
{
    static const char *const wrong[] = {
        "ALL",   "84",          "84,",    ",3",
        "84,x",  "84,3x",       "84,10",  "84,-2",
        "100,1", "nosection,1", "-1,1",   "ALL,1 84",
        "+5,1",  "5 ,1",        "ALLX,1", "99999999999999999999,1",
        NULL};

    cr_assert_eq(debugOptions("84,4"), 0);
    for (int i = 0; wrong[i]; i++) {
        errno = 0;
        cr_assert_eq(debugOptions(wrong[i]), -1, "%s", wrong[i]);
        cr_assert_eq(errno, EINVAL);
    }
    cr_assert_eq(debugOptions(NULL), -1);
    cr_assert(debugIsOn(DBG_HELPER, 4));
    cr_assert_str_eq(debugOptionsText(), "84,4");
}

Test(debug, control_octets_are_shown_not_written)
{
    openLog();
    debug(DBG_MISC, 0, "a\nb\r\x1b[31m\x7f\tc \xc3\xa9");
    assertLogMatches("a\\\\x0ab\\\\x0d\\\\x1b\\[31m\\\\x7f\\\\x09c "
                     "\xc3\xa9\n$");
}

Test(debug, a_long_text_is_cut_and_marked)
{
    char *text = malloc(100001);
    char *log;

    openLog();
    memset(text, 'x', 100000);
    text[100000] = '\0';
    debug(DBG_MISC, 0, "%s", text);
    memset(text, '\x01', 100000);
    debug(DBG_MISC, 0, "%s", text);
    free(text);
    log = readLog();
    cr_assert_eq(strcspn(strstr(log, "| ") + 2, "\n"), 4096 + 3);
    cr_assert_not_null(strstr(log, "xxx...\n"));
    cr_assert_not_null(strstr(log, "\\x01\\x01...\n"));
    free(log);
}

Test(debug, errno_is_kept)
{
    openLog();
    errno = EPROTO;
    debug(DBG_MISC, 0, "text");
    cr_assert_eq(errno, EPROTO);
    if (access("/dev/full", W_OK) == 0) {
        cr_assert_eq(debugOpen("/dev/full"), 0);
        errno = EPROTO;
        debug(DBG_MISC, 0, "lost");
        cr_assert_eq(errno, EPROTO);
    }
}

Test(debug, stderr_is_a_log_too)
{
    openLog();
    cr_assert_neq(debugFd(), STDERR_FILENO);
    cr_assert_eq(debugOpen("stderr"), 0);
    cr_assert_eq(debugFd(), STDERR_FILENO);
    cr_assert_eq(debugReopen(), 0);
    cr_assert_eq(debugFd(), STDERR_FILENO);
}

Test(debug, reopen_follows_a_rename_and_keeps_the_descriptor)
{
    char *old;
    char *path = strdup(openLog());
    char *moved = strdup(supportTempPath("debug.log.0"));
    int fd = debugFd();

    debug(DBG_MISC, 0, "one");
    cr_assert_eq(rename(path, moved), 0);
    debug(DBG_MISC, 0, "two");
    cr_assert_eq(debugReopen(), 0);
    debug(DBG_MISC, 0, "three");
    cr_assert_eq(debugFd(), fd);
    cr_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    cr_assert(fcntl(fd, F_GETFL) & O_APPEND);
    old = supportReadFile(moved);
    cr_assert(strstr(old, "one\n") && strstr(old, "two\n"));
    cr_assert_null(strstr(old, "three"));
    assertLogMatches("^[^\n]*three\n$");
    free(old);
    free(path);
    free(moved);
}

Test(debug, a_log_that_cannot_be_opened_leaves_the_old_one)
{
    openLog();
    errno = 0;
    cr_assert_eq(debugOpen("/nonexistent/debug.log"), -1);
    cr_assert_eq(errno, ENOENT);
    debug(DBG_MISC, 0, "still here");
    assertLogMatches("still here\n$");
}

Test(debug, copies_to_stderr_up_to_a_level)
{
    int saved = dup(STDERR_FILENO);
    char *path = strdup(supportTempPath("stderr"));
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    char *text;

    openLog();
    cr_assert_eq(debugOptions("ALL,5"), 0);
    dup2(fd, STDERR_FILENO);
    debugSetStderrLevel(1);
    debug(DBG_MISC, 1, "for all");
    debug(DBG_MISC, 2, "for the log");
    debugSetStderrLevel(-1);
    debug(DBG_MISC, 0, "for the log again");
    debugClose();
    debug(DBG_MISC, 0, "no log");
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(fd);
    text = supportReadFile(path);
    cr_assert_not_null(strstr(text, "for all\n"));
    cr_assert_null(strstr(text, "for the log"));
    cr_assert_not_null(strstr(text, "no log\n"));
    free(text);
    free(path);
}

enum { THREADS = 4, LINES = 500 };

static void *
writeLines(void *name)
{
    for (int i = 0; i < LINES; i++)
        debug(DBG_MISC, 0, "%0200ld$", (long)name);
    return NULL;
}

/* S004-5 rests on this: several writers share the file by O_APPEND. */
Test(debug, threads_write_whole_lines)
{
    pthread_t threads[THREADS];
    char *log, *save = NULL;
    int count = 0;

    openLog();
    for (long i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, writeLines, (void *)i);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    log = readLog();
    for (char *line = strtok_r(log, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        size_t len = strlen(line);
        cr_assert(len > 204 && line[len - 1] == '$', "%s", line);
        count++;
    }
    cr_assert_eq(count, THREADS * LINES);
    free(log);
}

/* In a child: the limit would hurt the test's own files. */
Test(debug, a_full_disk_is_ignored)
{
    pid_t pid;
    int status;

    openLog();
    pid = fork();
    if (pid == 0) {
        struct rlimit limit = {100, 100};
        struct sigaction ignore = {.sa_handler = SIG_IGN};
        setrlimit(RLIMIT_FSIZE, &limit);
        sigaction(SIGXFSZ, &ignore, NULL);
        for (int i = 0; i < 100; i++)
            debug(DBG_MISC, 0, "line %d", i);
        _exit(0);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    if (access("/dev/full", W_OK) == 0) {
        cr_assert_eq(debugOpen("/dev/full"), 0);
        debug(DBG_MISC, 0, "lost");
    }
}

Test(debug, a_stuck_reader_of_a_fifo_costs_lines_not_time)
{
    char *path = strdup(supportTempPath("fifo"));
    int reader;

    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_assert_eq(debugOpen(path), -1);
    cr_assert_eq(errno, ENXIO);
    reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    cr_assert_eq(debugOpen(path), 0);
    for (int i = 0; i < 2000; i++)
        debug(DBG_MISC, 0, "%0100d", i);
    close(reader);
    free(path);
}

Test(debug, a_failed_check_is_logged)
{
    pid_t pid;
    int status;

    openLog();
    pid = fork();
    if (pid == 0)
        CHECK(1 > 2);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assertLogMatches("0,0\\| .*test_debug.c:[0-9]+: .*check failed: 1 > 2\n$");
}

Test(debug, works_with_0_1_and_2_closed)
{
    pid_t pid;
    int status;
    char *path = strdup(supportTempPath("debug.log"));

    pid = fork();
    if (pid == 0) {
        close(STDIN_FILENO);
        close(STDOUT_FILENO);
        close(STDERR_FILENO);
        if (debugOpen(path) != 0 || debugFd() <= STDERR_FILENO)
            _exit(1);
        debug(DBG_MISC, 0, "first");
        if (debugReopen() != 0)
            _exit(2);
        debug(DBG_MISC, 0, "second");
        _exit(fcntl(STDIN_FILENO, F_GETFD) < 0 ? 0 : 3);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert_eq(status, 0);
    assertLogMatches("first\n.*second\n$");
    free(path);
}
