/* test_log_place.c: files, sockets and the system's log. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "comm.h"
#include "log_place.h"
#include "support.h"
#include "xalloc.h"

static void
init(void)
{
    supportInit();
    commInit();
}

static void
fini(void)
{
    commFini();
    supportFini();
}

TestSuite(logPlace, .init = init, .fini = fini, .timeout = 20);

Test(logPlace, texts_are_places)
{
    static const char *const good[] = {
        "access.log",
        "/var/log/a:b",
        "udp://127.0.0.1:514",
        "tcp://log.example.com:1",
        "tcp://[::1]:65535",
        "syslog",
        "syslog:daemon.info",
        "syslog:LOCAL7",
        "syslog:user|debug",
        "syslogs",
    };
    static const char *const bad[] = {
        "",           "udp://127.0.0.1",   "udp://:514",     "tcp://h:0",
        "tcp://h:x",  "tcp://h:65536",     "tcp://::1:514",  "tcp://[]:1",
        "syslog:",    "syslog:daemon.",    "syslog:x.info",  "syslog:daemon.x",
        "udp://[::1", "tcp://h:99999999999",
    };

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        cr_expect_null(logPlaceCheck(good[i]), "%s", good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_expect_not_null(logPlaceCheck(bad[i]), "%s", bad[i]);
    cr_expect(logPlaceIsFile("syslogs"));
    cr_expect(!logPlaceIsFile("syslog:x"));
    cr_expect(!logPlaceIsFile("udp://h:1"));
}

/* A socket at a port of its own, and the place that goes there. */
static int
listenAt(int type, const char *kind, char text[64])
{
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(addr);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

    cr_assert_eq(bind(fd, (struct sockaddr *)&addr, len), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
    if (type == SOCK_STREAM)
        cr_assert_eq(listen(fd, 1), 0);
    snprintf(text, 64, "%s://127.0.0.1:%u", kind, ntohs(addr.sin_port));
    return fd;
}

static void
expectText(int fd, const char *wanted)
{
    char text[4096];
    struct pollfd ready = {.fd = fd, .events = POLLIN};

    cr_assert_eq(poll(&ready, 1, 5000), 1);
    ssize_t n = read(fd, text, sizeof(text) - 1);
    cr_assert_geq(n, 0);
    text[n] = '\0';
    cr_expect_str_eq(text, wanted);
}

Test(logPlace, packets_have_whole_lines)
{
    char text[64], lines[4000];
    int fd = listenAt(SOCK_DGRAM, "udp", text);
    LogPlace *place = logPlaceOpen(text, NULL);

    cr_assert(place);
    cr_expect_str_eq(logPlaceType(place), "udp");
    cr_expect_eq(logPlaceWrite(place, "one\ntwo\n", 8), 8);
    expectText(fd, "one\ntwo\n");
    memset(lines, 'x', sizeof(lines));
    for (size_t i = 999; i < sizeof(lines); i += 1000)
        lines[i] = '\n';
    cr_expect_eq(logPlaceWrite(place, lines, sizeof(lines)), 1000);
    lines[999] = 'x'; /* longer than a packet: alone, and whole */
    cr_expect_eq(logPlaceWrite(place, lines, sizeof(lines)), 2000);
    logPlaceClose(&place);
    close(fd);
}

Test(logPlace, a_line_is_a_message_of_syslog)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    const char *path = supportTempPath("log");
    char text[256];
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    unsigned priority;
    int pid = 0, at = 0;

    snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
    cr_assert_eq(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    LogPlace *place = logPlaceOpen("syslog:local4.notice", path);
    cr_assert(place);
    cr_expect_eq(logPlaceWrite(place, "a b\nnext\n", 9), 4);
    ssize_t n = read(fd, text, sizeof(text) - 1);
    cr_assert_gt(n, 0);
    text[n] = '\0';
    cr_expect_eq(sscanf(text, "<%u>%*3s %*d %*d:%*d:%*d squire[%d]: %n",
                        &priority, &pid, &at),
                 2, "%s", text);
    cr_expect_eq(priority, 20 * 8 + 5);
    cr_expect_eq(pid, getpid());
    cr_expect_str_eq(text + at, "a b");
    logPlaceClose(&place);
    close(fd);
}

static ssize_t
writeUntilTaken(LogPlace *place, const char *text)
{
    ssize_t n;

    for (int i = 0; i < 500; i++) {
        n = logPlaceWrite(place, text, strlen(text));
        if (n != -EAGAIN)
            return n;
        poll(NULL, 0, 10);
    }
    return n;
}

Test(logPlace, a_connection_that_ends_is_made_again)
{
    char text[64];
    int fd = listenAt(SOCK_STREAM, "tcp", text);
    LogPlace *place = logPlaceOpen(text, NULL);

    cr_assert(place);
    cr_expect_eq(writeUntilTaken(place, "one\n"), 4);
    int first = accept(fd, NULL, NULL);
    expectText(first, "one\n");
    const struct linger now = {.l_onoff = 1};
    setsockopt(first, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close(first);
    poll(NULL, 0, 50);
    cr_expect_eq(logPlaceWrite(place, "two\n", 4), -EAGAIN);
    cr_expect_eq(logPlaceWhy(place), ECONNRESET);
    cr_expect_eq(writeUntilTaken(place, "two\n"), -ECONNRESET);
    cr_expect_eq(writeUntilTaken(place, "two\n"), 4);
    int second = accept(fd, NULL, NULL);
    expectText(second, "two\n");
    logPlaceClose(&place);
    close(second);
    close(fd);
}

Test(logPlace, nobody_there_is_no_error)
{
    char text[64];
    int fd = listenAt(SOCK_STREAM, "tcp", text);

    close(fd);
    LogPlace *place = logPlaceOpen(text, NULL);
    cr_assert(place);
    poll(NULL, 0, 50);
    cr_expect_eq(logPlaceWrite(place, "one\n", 4), -EAGAIN);
    cr_expect_eq(logPlaceWhy(place), ECONNREFUSED);
    logPlaceClose(&place);
    place = logPlaceOpen("syslog", supportTempPath("nothing"));
    cr_assert(place);
    cr_expect_eq(logPlaceWrite(place, "one\n", 4), -EAGAIN);
    cr_expect_eq(logPlaceWhy(place), ENOENT);
    logPlaceClose(&place);
    cr_expect_null(logPlaceOpen("/nonexistent/x", NULL));
    cr_expect_eq(errno, ENOENT);
}
