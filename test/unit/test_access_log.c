/* test_access_log.c: the lines, and a file that cannot take them. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access_log.h"
#include "comm.h"
#include "debug.h"
#include "support.h"

TestSuite(access_log, .init = supportCommInit, .fini = supportCommFini,
          .timeout = 20);

static struct sockaddr_in home = {.sin_family = AF_INET};

static AccessEntry
someEntry(void)
{
    home.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return (AccessEntry){.wallUs = INT64_C(1795380539123456),
                         .elapsedUs = 117999,
                         .client = (void *)&home,
                         .result = ACCESS_MEM_HIT,
                         .status = 200,
                         .size = 1234,
                         .method = "GET",
                         .url = "http://example.com/",
                         .urlLen = strlen("http://example.com/"),
                         .hierarchy = ACCESS_HIER_DIRECT,
                         .peer = "127.0.0.1",
                         .contentType = "text/html; charset=utf-8",
                         .contentTypeLen = 24};
}

/* The lines that these entries give; the caller frees. */
static char *
linesOf(const AccessEntry *entries, size_t count)
{
    AccessLog *log = accessLogOpen(supportTempPath("access.log"));

    cr_assert(log);
    for (size_t i = 0; i < count; i++)
        accessLogAdd(log, &entries[i]);
    cr_expect_eq(accessLogLost(log), 0);
    accessLogClose(&log);
    cr_expect_null(log);
    return supportReadFile(supportTempPath("access.log"));
}

Test(access_log, a_line_is_squids)
{
    AccessEntry entry = someEntry();
    char *text = linesOf(&entry, 1);

    cr_expect_str_eq(text,
                     "1795380539.123    117 127.0.0.1 TCP_MEM_HIT/200 1234 "
                     "GET http://example.com/ - HIER_DIRECT/127.0.0.1 "
                     "text/html\n");
    free(text);
}

Test(access_log, what_is_not_known_is_a_dash)
{
    AccessEntry entry = {.wallUs = 1000};
    char *text = linesOf(&entry, 1);

    cr_expect_str_eq(text, "0.001      0 - NONE_NONE/000 0 - - - HIER_NONE/- "
                           "-\n");
    free(text);
}

Test(access_log, long_times_are_not_cut)
{
    AccessEntry entry = someEntry();

    entry.elapsedUs = INT64_C(123456789000);
    entry.wallUs = INT64_C(1795380539007000);
    entry.end = ACCESS_END_ABORTED;
    entry.user = "al ice\n";
    char *text = linesOf(&entry, 1);

    cr_expect_str_eq(text, "1795380539.007 123456789 127.0.0.1 "
                           "TCP_MEM_HIT_ABORTED/200 1234 GET "
                           "http://example.com/ al%20ice%0A "
                           "HIER_DIRECT/127.0.0.1 text/html\n");
    free(text);
}

Test(access_log, urls_are_escaped_cut_and_lose_their_query)
{
    AccessEntry entries[3] = {someEntry(), someEntry(), someEntry()};
    char url[10000];

    entries[0].url = "http://x/a b\x7f\xe9%20?q=1";
    entries[0].urlLen = strlen(entries[0].url);
    entries[1] = entries[0];
    entries[1].stripQuery = true;
    memset(url, ' ', sizeof(url));
    entries[2].url = url;
    entries[2].urlLen = sizeof(url);
    char *text = linesOf(entries, 3);
    char *third = strstr(text, "\n");

    cr_expect(strstr(text, " http://x/a%20b%7F%E9%20?q=1 - HIER"), "%s", text);
    cr_assert(third);
    cr_expect(strstr(third, " http://x/a%20b%7F%E9%20? - HIER"), "%s", third);
    third = strstr(third + 1, "\n");
    cr_assert(third);
    cr_expect_eq(strspn(strstr(third, "GET ") + 4, "%20"), 3 * 8192);
    free(text);
}

Test(access_log, clients_of_both_families)
{
    AccessEntry entries[3] = {someEntry(), someEntry(), someEntry()};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    struct sockaddr_in6 mapped = {.sin6_family = AF_INET6};
    struct sockaddr_in four = {.sin_family = AF_INET};

    inet_pton(AF_INET6, "2001:db8::17", &six.sin6_addr);
    inet_pton(AF_INET6, "::ffff:192.0.2.255", &mapped.sin6_addr);
    inet_pton(AF_INET, "255.10.0.1", &four.sin_addr);
    entries[0].client = (void *)&six;
    entries[1].client = (void *)&mapped;
    entries[2].client = (void *)&four;
    char *text = linesOf(entries, 3);

    cr_expect(strstr(text, " 2001:db8::17 TCP"), "%s", text);
    cr_expect(strstr(text, " 192.0.2.255 TCP"), "%s", text);
    cr_expect(strstr(text, " 255.10.0.1 TCP"), "%s", text);
    free(text);
}

Test(access_log, what_another_request_has_fetched_counts_as_a_hit)
{
    cr_expect_str_eq(accessResultName(ACCESS_CF_HIT), "TCP_CF_HIT");
    cr_expect(accessResultIsHit(ACCESS_CF_HIT));
    cr_expect_not(accessResultIsHit(ACCESS_MISS));
}

Test(access_log, every_result_has_a_name)
{
    cr_expect_str_eq(accessResultName(ACCESS_HIT), "TCP_HIT");
    cr_expect_str_eq(accessResultName(ACCESS_REFRESH_UNMODIFIED),
                     "TCP_REFRESH_UNMODIFIED");
    cr_expect_str_eq(accessResultName(ACCESS_TUNNEL), "TCP_TUNNEL");
    for (int i = 0; i < ACCESS_RESULT_COUNT; i++)
        cr_expect(accessResultName((AccessResult)i)[0]);
}

static size_t
countOf(const char *text, char c)
{
    size_t count = 0;

    for (; *text; text++)
        count += *text == c;
    return count;
}

static bool
hasLine(const char *path)
{
    char *text = supportReadFile(path);
    bool has = countOf(text, '\n') > 0;

    free(text);
    return has;
}

static void
onLook(void *data)
{
    bool *done = data;

    *done = hasLine(supportTempPath("access.log"));
    if (!*done)
        commTimerAdd(20, onLook, done);
}

Test(access_log, lines_wait_and_are_flushed_by_the_loop)
{
    AccessLog *log = accessLogOpen(supportTempPath("access.log"));
    AccessEntry entry = someEntry();
    bool done = false;

    accessLogAdd(log, &entry);
    cr_expect_not(hasLine(supportTempPath("access.log")), "written at once");
    commTimerAdd(20, onLook, &done);
    cr_expect(supportRunUntil(&done, 10000));
    accessLogClose(&log);
}

Test(access_log, a_full_buffer_is_written_at_once)
{
    AccessLog *log = accessLogOpen(supportTempPath("access.log"));
    AccessEntry entry = someEntry();

    for (int i = 0; i < 3000; i++)
        accessLogAdd(log, &entry);
    char *text = supportReadFile(supportTempPath("access.log"));
    cr_expect_gt(countOf(text, '\n'), 1000);
    cr_expect_eq(text[strlen(text) - 1], '\n', "whole lines only");
    free(text);
    accessLogFlush(log);
    text = supportReadFile(supportTempPath("access.log"));
    cr_expect_eq(countOf(text, '\n'), 3000);
    free(text);
    accessLogClose(&log);
}

Test(access_log, reopen_goes_on_in_a_new_file)
{
    char old[4096];
    AccessLog *log = accessLogOpen(supportTempPath("access.log"));
    AccessEntry entry = someEntry();

    snprintf(old, sizeof(old), "%s", supportTempPath("access.log.0"));
    accessLogAdd(log, &entry);
    cr_assert_eq(rename(supportTempPath("access.log"), old), 0);
    cr_expect_eq(accessLogReopen(log, 0), 0);
    accessLogAdd(log, &entry);
    accessLogAdd(log, &entry);
    accessLogClose(&log);
    char *before = supportReadFile(old);
    char *after = supportReadFile(supportTempPath("access.log"));
    cr_expect_eq(countOf(before, '\n'), 1);
    cr_expect_eq(countOf(after, '\n'), 2);
    free(before);
    free(after);
}

Test(access_log, a_reopen_that_fails_keeps_the_old_file)
{
    char folder[4096], away[4200], path[4300];
    AccessLog *log;
    AccessEntry entry = someEntry();

    snprintf(folder, sizeof(folder), "%s", supportTempPath("logs"));
    snprintf(away, sizeof(away), "%s.away", folder);
    cr_assert_eq(mkdir(folder, 0700), 0);
    snprintf(path, sizeof(path), "%s/a", folder);
    log = accessLogOpen(path);
    cr_assert(log);
    cr_assert_eq(rename(folder, away), 0);
    cr_expect_eq(accessLogReopen(log, 0), -ENOENT);
    accessLogAdd(log, &entry);
    accessLogClose(&log);
    snprintf(path, sizeof(path), "%s/a", away);
    cr_expect(hasLine(path));
}

Test(access_log, open_tells_why_it_fails)
{
    errno = 0;
    cr_expect_null(accessLogOpen("/nonexistent/access.log"));
    cr_expect_eq(errno, ENOENT);
    accessLogAdd(NULL, NULL);
    accessLogFlush(NULL);
}

/* A limit on the size of files is a disk that is full. */
static void
limitFiles(rlim_t octets)
{
    struct rlimit limit;
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    sigaction(SIGXFSZ, &ignore, NULL);
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = octets;
    setrlimit(RLIMIT_FSIZE, &limit);
}

/* F7: a log that cannot be written is told, counted and survived. */
Test(access_log, a_full_disk_loses_lines_and_counts_them)
{
    AccessLog *log = accessLogOpen(supportTempPath("access.log"));
    AccessEntry entry = someEntry();
    size_t total = 0;

    debugOpen(supportTempPath("debug.log"));
    limitFiles(1000);
    for (int i = 0; i < 20; i++, total++)
        accessLogAdd(log, &entry);
    accessLogFlush(log);
    cr_expect_gt(accessLogLost(log), 0);
    for (int i = 0; i < 20; i++, total++)
        accessLogAdd(log, &entry);
    accessLogFlush(log);
    accessLogFlush(log);
    limitFiles(RLIM_INFINITY);
    for (int i = 0; i < 5; i++, total++)
        accessLogAdd(log, &entry);
    accessLogFlush(log);

    char *text = supportReadFile(supportTempPath("access.log"));
    size_t whole = 0;
    for (char *at = text; (at = strstr(at, "text/html\n")); at++)
        whole++;
    cr_expect_eq(whole + accessLogLost(log), total, "%zu written, %zu lost",
                 whole, (size_t)accessLogLost(log));
    cr_expect_eq(countOf(text, '\n'), whole + 1,
                 "the line that was cut has an end: %s", text);
    free(text);
    accessLogClose(&log);
    debugClose();

    text = supportReadFile(supportTempPath("debug.log"));
    cr_expect_eq(countOf(text, '\n'), 1, "told once: %s", text);
    cr_expect(strstr(text, "lines lost"), "%s", text);
    free(text);
}

Test(access_log, a_reader_that_stands_still_does_not_block)
{
    char path[4096];
    AccessEntry entry = someEntry();
    AccessLog *log;
    int reader;
    size_t total = 10000;

    snprintf(path, sizeof(path), "%s", supportTempPath("fifo"));
    cr_assert_eq(mkfifo(path, 0600), 0);
    reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    log = accessLogOpen(path);
    cr_assert(log);
    for (size_t i = 0; i < total; i++)
        accessLogAdd(log, &entry);
    cr_expect_gt(accessLogLost(log), 0);
    cr_expect_lt(accessLogLost(log), total);

    char chunk[65536];
    size_t lines = 0;
    ssize_t n;
    for (int round = 0; round < 8; round++) {
        while ((n = read(reader, chunk, sizeof(chunk))) > 0)
            for (ssize_t i = 0; i < n; i++)
                lines += chunk[i] == '\n';
        accessLogFlush(log);
    }
    cr_expect_eq(lines + accessLogLost(log), total);
    accessLogClose(&log);
    close(reader);
}

Test(access_log, lines_made_elsewhere_are_added)
{
    AccessEntry entry = someEntry();
    AccessLog *log = accessLogOpen(supportTempPath("access.log"));

    accessLogAddLine(NULL, "x", 1);
    accessLogAddLine(log, "first line", 10);
    accessLogAdd(log, &entry);
    accessLogAddLine(log, "last line", 9);
    accessLogClose(&log);
    char *text = supportReadFile(supportTempPath("access.log"));
    cr_expect_eq(strncmp(text, "first line\n", 11), 0, "%s", text);
    cr_expect_not_null(strstr(text, "html\nlast line\n"), "%s", text);
    free(text);
}

Test(access_log, a_line_that_is_too_long_is_cut)
{
    AccessLog *log = accessLogOpen(supportTempPath("access.log"));
    char *line = malloc(2 * ACCESS_LOG_LINE_MAX);

    memset(line, 'x', 2 * ACCESS_LOG_LINE_MAX);
    for (int i = 0; i < 5; i++)
        accessLogAddLine(log, line, 2 * ACCESS_LOG_LINE_MAX);
    free(line);
    accessLogClose(&log);
    char *text = supportReadFile(supportTempPath("access.log"));
    cr_expect_eq(strlen(text), 5 * (ACCESS_LOG_LINE_MAX + 1));
    free(text);
}
