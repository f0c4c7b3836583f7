/* test_listener.c: the CALLBACK strategy, clients and loop in one process:
 * the kernel completes their connections while nobody accepts. Section 2 of
 * the foundations: G1, G2, G5, G8. */
#include "listener.h"

#include "comm.h"
#include "fd.h"
#include "support.h"
#include "xalloc.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <unistd.h>

#define CLIENTS_MAX 64

typedef struct Seen {
    int fds[CLIENTS_MAX];
    ListenerPeer peers[CLIENTS_MAX];
    int count;
    int stopAt; /* end the loop after so many */
    bool destroy;
} Seen;

static Seen seen;
static Listener *listener;

static void
onReady(Listener *self, int fd, const ListenerPeer *peer, void *data)
{
    cr_assert_eq(self, listener);
    cr_assert_eq(data, &seen);
    cr_assert(commIsOpen(fd));
    cr_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
    cr_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    cr_assert_lt(seen.count, CLIENTS_MAX);
    seen.fds[seen.count] = fd;
    seen.peers[seen.count++] = *peer;
    if (seen.destroy)
        listenerDestroy(&listener);
    if (seen.count == seen.stopAt)
        commLoopStop();
}

static void
onDeadline(void *data)
{
    *(CommTimer **)data = NULL;
    commLoopStop();
}

/* Run the loop until `count` connections were handed on, or for ms. */
static void
runLoop(int count, int ms)
{
    CommTimer *timer = NULL;

    timer = commTimerAdd(ms, onDeadline, &timer);
    seen.stopAt = count;
    if (seen.count < count || count == 0)
        cr_assert_eq(commLoopRun(), 0);
    commTimerCancel(&timer);
}

static void
setUp(void)
{
    supportCommInit();
}

static void
tearDown(void)
{
    for (int i = 0; i < seen.count; i++)
        commClose(seen.fds[i]);
    listenerDestroy(&listener);
    supportCommFini();
}

TestSuite(listener, .init = setUp, .fini = tearDown, .timeout = 30);

static ListenerConfig
configFor(const char *addr)
{
    ListenerConfig config;

    listenerConfigInit(&config);
    config.addr = addr;
    config.name = "test";
    config.ready = onReady;
    config.data = &seen;
    return config;
}

static void
openListener(const ListenerConfig *config)
{
    listener = listenerCreate(config);
    cr_assert_not_null(listener, "%s: %s", config->addr, strerror(errno));
}

static void
openDefault(void)
{
    ListenerConfig config = configFor("127.0.0.1:0");
    openListener(&config);
}

static uint16_t
boundPort(void)
{
    struct sockaddr_storage addr;
    listenerAddr(listener, &addr);
    /* The port is at the same place in both families. */
    return ntohs(((struct sockaddr_in *)(void *)&addr)->sin_port);
}

static int
connectFrom(int family)
{
    struct sockaddr_in in = {.sin_family = AF_INET,
                             .sin_port = htons(boundPort()),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6,
                               .sin6_port = htons(boundPort()),
                               .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rc = family == AF_INET6
                 ? connect(fd, (struct sockaddr *)&in6, sizeof(in6))
                 : connect(fd, (struct sockaddr *)&in, sizeof(in));

    cr_assert_eq(rc, 0, "connect: %s", strerror(errno));
    return fd;
}

static int
connectAndSay(const char *text)
{
    int fd = connectFrom(AF_INET);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    return fd;
}

static void
expectOctet(int fd, char octet)
{
    char got = 0;
    cr_assert_eq(read(fd, &got, 1), 1);
    cr_assert_eq(got, octet);
}

static bool
isEnded(int fd)
{
    char octet;
    return recv(fd, &octet, 1, MSG_DONTWAIT) == 0;
}

Test(listener, hands_on_a_connection_with_its_addresses)
{
    struct sockaddr_in own;
    socklen_t len = sizeof(own);

    openDefault();
    int client = connectAndSay("x");
    cr_assert_eq(getsockname(client, (struct sockaddr *)&own, &len), 0);
    runLoop(1, 10000);
    cr_assert_eq(seen.count, 1);
    cr_assert_eq(memcmp(&seen.peers[0].peer, &own, sizeof(own)), 0);
    len = sizeof(own);
    cr_assert_eq(getpeername(client, (struct sockaddr *)&own, &len), 0);
    cr_assert_eq(memcmp(&seen.peers[0].local, &own, sizeof(own)), 0);
    expectOctet(seen.fds[0], 'x');
    cr_assert_eq(listenerAccepted(listener), 1u);
    cr_assert_eq(listenerWaiting(listener), 0u);
    close(client);
}

Test(listener, G2_two_clients_at_once)
{
    openDefault();
    int silent = connectFrom(AF_INET);
    int a = connectAndSay("a");
    int b = connectAndSay("b");
    runLoop(2, 10000);
    cr_assert_eq(seen.count, 2);
    expectOctet(seen.fds[0], 'a');
    expectOctet(seen.fds[1], 'b');
    cr_assert_eq(listenerWaiting(listener), 1u);
    cr_assert_eq(write(silent, "s", 1), 1);
    runLoop(3, 10000);
    expectOctet(seen.fds[2], 's');
    close(silent);
    close(a);
    close(b);
}

Test(listener, connection_ended_by_its_peer_is_handed_on)
{
    char octet;
    openDefault();
    close(connectFrom(AF_INET));
    runLoop(1, 10000);
    cr_assert_eq(seen.count, 1);
    cr_assert_eq(read(seen.fds[0], &octet, 1), 0);
}

Test(listener, silent_connection_is_closed_after_first_byte_time)
{
    ListenerConfig config = configFor("127.0.0.1:0");
    config.firstByteMs = 50;
    openListener(&config);
    int silent = connectFrom(AF_INET);
    int talker = connectAndSay("x");
    runLoop(0, 500);
    cr_assert(isEnded(silent));
    cr_assert_eq(seen.count, 1);
    cr_assert_not(isEnded(talker));
    cr_assert_eq(listenerWaiting(listener), 0u);
    close(silent);
    close(talker);
}

Test(listener, G1_waiting_does_not_turn_the_loop)
{
    CommStats stats;
    openDefault();
    int silent = connectFrom(AF_INET);
    runLoop(0, 50);
    commStatsGet(&stats, true);
    uint64_t before = stats.turns;
    runLoop(0, 500);
    commStatsGet(&stats, true);
    cr_assert_lt(stats.turns - before, 10u);
    close(silent);
}

Test(listener, limit_keeps_connections_in_the_backlog)
{
    ListenerConfig config = configFor("127.0.0.1:0");
    CommStats stats;
    config.maxConns = 2;
    openListener(&config);
    int silent[2] = {connectFrom(AF_INET), connectFrom(AF_INET)};
    int later = connectAndSay("l");
    runLoop(0, 50);
    commStatsGet(&stats, true);
    uint64_t before = stats.turns;
    runLoop(0, 300);
    commStatsGet(&stats, true);
    cr_assert_lt(stats.turns - before, 10u); /* G1 */
    cr_assert_eq(seen.count, 0);
    cr_assert_eq(listenerWaiting(listener), 2u);
    cr_assert_eq(write(silent[1], "s", 1), 1);
    runLoop(2, 10000);
    expectOctet(seen.fds[0], 's');
    expectOctet(seen.fds[1], 'l');
    close(silent[0]);
    close(silent[1]);
    close(later);
}

/* Descriptors are left over for what those who were accepted need. */
Test(listener, G8_accepts_no_more_than_leaves_some_descriptors)
{
    enum { COUNT = 12, MAX = 5 };
    ListenerConfig config = configFor("127.0.0.1:0");
    int clients[COUNT];
    CommStats stats;

    config.fdMax = MAX;
    openListener(&config);
    for (int i = 0; i < COUNT; i++)
        clients[i] = connectAndSay("x");
    runLoop(0, 300);
    commStatsGet(&stats, true);
    cr_assert_eq(stats.openFds, (unsigned)MAX);
    cr_assert_eq(seen.count, MAX - 1); /* and the listener itself */
    cr_assert_lt(stats.turns, 60u);
    for (int i = 0; i < COUNT; i++) {
        runLoop(i + 1, 10000);
        commClose(seen.fds[i]);
    }
    cr_assert_eq(seen.count, COUNT);
    seen.count = 0;
    for (int i = 0; i < COUNT; i++)
        close(clients[i]);
}

/* G8: accepting goes on by itself, and nothing spins meanwhile. */
Test(listener, G8_out_of_descriptors_and_back)
{
    enum { COUNT = 20 };
    int clients[COUNT];
    struct rlimit old, low;
    CommStats stats;

    openDefault();
    for (int i = 0; i < COUNT; i++)
        clients[i] = connectAndSay("x");
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
    low = old;
    low.rlim_cur = (rlim_t)clients[COUNT - 1] + 4;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
    runLoop(0, 400);
    commStatsGet(&stats, true);
    cr_assert_gt(seen.count, 0);
    cr_assert_leq(seen.count, 4);
    cr_assert_lt(stats.turns, 60u);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
    runLoop(COUNT, 10000);
    cr_assert_eq(seen.count, COUNT);
    for (int i = 0; i < COUNT; i++)
        close(clients[i]);
}

/* G8: numbers that do not fit an fd_set. */
Test(listener, G8_descriptor_numbers_above_1024)
{
    struct rlimit limit;
    int fillers[1100];

    openDefault();
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max < 4096 ? limit.rlim_max : 4096;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    for (int i = 0; i < 1100; i++)
        cr_assert_geq(fillers[i] = dup(STDERR_FILENO), 0);
    int client = connectAndSay("x");
    runLoop(1, 10000);
    cr_assert_eq(seen.count, 1);
    cr_assert_gt(seen.fds[0], 1024);
    expectOctet(seen.fds[0], 'x');
    close(client);
    for (int i = 0; i < 1100; i++)
        close(fillers[i]);
}

/* G5: tearDown counts the descriptors. */
Test(listener, G5_destroy_closes_what_waits)
{
    openDefault();
    int waiting = connectFrom(AF_INET);
    int queued;
    runLoop(0, 50);
    queued = connectFrom(AF_INET);
    listenerDestroy(&listener);
    cr_assert_null(listener);
    listenerDestroy(&listener);
    char octet;
    cr_assert_eq(recv(waiting, &octet, 1, 0), 0);
    cr_assert_leq(recv(queued, &octet, 1, 0), 0);
    close(waiting);
    close(queued);
}

Test(listener, handler_may_destroy_the_listener)
{
    seen.destroy = true;
    openDefault();
    int a = connectAndSay("a");
    int b = connectFrom(AF_INET);
    runLoop(1, 10000);
    cr_assert_eq(seen.count, 1);
    cr_assert_null(listener);
    close(a);
    close(b);
}

Test(listener, port_in_use)
{
    char addr[32];
    openDefault();
    int count = fdCount();
    snprintf(addr, sizeof(addr), "127.0.0.1:%u", boundPort());
    ListenerConfig config = configFor(addr);
    cr_assert_null(listenerCreate(&config));
    cr_assert_eq(errno, EADDRINUSE);
    cr_assert_eq(fdCount(), count);
}

Test(listener, wrong_addresses)
{
    static const char *const texts[] = {
        "",
        "x",
        "127.0.0.1",
        "127.0.0.1:",
        "1.2.3.4:x",
        ":65536",
        "[::1:80",
        "::1:80",
        "[::1]80",
        "host.test:80",
        "[]:80",
        "127.0.0.1:-1",
        ":99999999999",
        "[1.2.3.4]:80",
        ": 80",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        ListenerConfig config = configFor(texts[i]);
        cr_assert_null(listenerCreate(&config), "%s", texts[i]);
        cr_assert_eq(errno, EINVAL, "%s: %s", texts[i], strerror(errno));
    }
    ListenerConfig config = configFor("127.0.0.1:0");
    config.ready = NULL;
    cr_assert_null(listenerCreate(&config));
    cr_assert_eq(errno, EINVAL);
}

static void
checkDual(const char *addr)
{
    ListenerConfig config = configFor(addr);
    openListener(&config);
    int v4 = connectAndSay("4");
    int v6 = connectFrom(AF_INET6);
    cr_assert_eq(write(v6, "6", 1), 1);
    runLoop(2, 10000);
    cr_assert_eq(seen.count, 2);
    for (int i = 0; i < 2; i++) {
        char octet = 0;
        cr_assert_eq(read(seen.fds[i], &octet, 1), 1);
        int family = octet == '6' ? AF_INET6 : AF_INET;
        cr_assert_eq(seen.peers[i].peer.ss_family, family);
        cr_assert_eq(seen.peers[i].local.ss_family, family);
    }
    struct sockaddr_in *local = (void *)&seen.peers[0].local;
    cr_assert_eq(ntohs(local->sin_port), boundPort());
    close(v4);
    close(v6);
}

static bool
haveIpv6(void)
{
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6,
                               .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    bool have = fd >= 0 && bind(fd, (struct sockaddr *)&in6, sizeof(in6)) == 0;
    if (fd >= 0)
        close(fd);
    return have;
}

Test(listener, port_alone_is_both_families)
{
    if (haveIpv6())
        checkDual("0");
}

Test(listener, colon_port_is_both_families)
{
    if (haveIpv6())
        checkDual(":0");
}

Test(listener, ipv6_address)
{
    ListenerConfig config = configFor("[::1]:0");
    if (!haveIpv6())
        return;
    openListener(&config);
    int client = connectFrom(AF_INET6);
    cr_assert_eq(write(client, "x", 1), 1);
    runLoop(1, 10000);
    cr_assert_eq(seen.count, 1);
    cr_assert_eq(seen.peers[0].peer.ss_family, AF_INET6);
    close(client);
}

static void
checkUnix(const char *path)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    ListenerConfig config = configFor(path);
    int client = socket(AF_UNIX, SOCK_STREAM, 0);

    openListener(&config);
    memcpy(un.sun_path, path, strlen(path));
    cr_assert_eq(connect(client, (struct sockaddr *)&un, sizeof(un)), 0);
    cr_assert_eq(write(client, "u", 1), 1);
    runLoop(1, 10000);
    cr_assert_eq(seen.count, 1);
    expectOctet(seen.fds[0], 'u');
    close(client);
}

Test(listener, unix_socket_is_removed_at_the_end)
{
    char dir[] = "/tmp/listener-XXXXXX";
    cr_assert_not_null(mkdtemp(dir));
    char *path = xasprintf("%s/socket", dir);
    checkUnix(path);
    listenerDestroy(&listener);
    cr_assert_lt(access(path, F_OK), 0);
    cr_assert_eq(rmdir(dir), 0);
    free(path);
}

Test(listener, unix_socket_left_by_a_dead_process_is_replaced)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    char dir[] = "/tmp/listener-XXXXXX";
    cr_assert_not_null(mkdtemp(dir));
    char *path = xasprintf("%s/socket", dir);
    int dead = socket(AF_UNIX, SOCK_STREAM, 0);
    memcpy(un.sun_path, path, strlen(path));
    cr_assert_eq(bind(dead, (struct sockaddr *)&un, sizeof(un)), 0);
    close(dead);
    checkUnix(path);

    ListenerConfig second = configFor(path);
    cr_assert_null(listenerCreate(&second));
    cr_assert_eq(errno, EADDRINUSE);
    listenerDestroy(&listener);
    cr_assert_eq(rmdir(dir), 0);
    free(path);
}
