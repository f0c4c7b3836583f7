/* test_tunnel.c: relaying, with pipes and without. */
#include "tunnel.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "buf.h"
#include "comm.h"
#include "support.h"
#include "xalloc.h"

#define PATIENCE_MS 20000

/* The far end of one side: sends `text`, then ends; collects what comes. */
typedef struct Peer {
    int fd;
    const char *text;
    size_t left;
    Buf got;
    bool isEnded; /* saw the end of what comes */
} Peer;

static Peer client, origin;
static TunnelEnd seen;
static bool isDone;

static void
onEnd(const TunnelEnd *end, void *data)
{
    cr_assert_eq(data, &seen);
    cr_assert_not(isDone);
    seen = *end;
    isDone = true;
}

static void
onPeerReadable(int fd, void *data)
{
    Peer *peer = data;
    char *room = bufReserve(&peer->got, 65536);
    ssize_t n = read(fd, room, 65536);

    if (n > 0)
        bufCommit(&peer->got, (size_t)n);
    peer->isEnded = n == 0;
    if (n > 0 || (n == -1 && errno == EAGAIN))
        commSetSelect(fd, COMM_SELECT_READ, onPeerReadable, peer, 0);
}

static void
onPeerWritable(int fd, void *data)
{
    Peer *peer = data;
    ssize_t n = write(fd, peer->text, peer->left);

    if (n > 0) {
        peer->text += n;
        peer->left -= (size_t)n;
    }
    if (peer->left > 0)
        commSetSelect(fd, COMM_SELECT_WRITE, onPeerWritable, peer, 0);
    else
        shutdown(fd, SHUT_WR);
}

static void
startPeer(Peer *peer, int fd, const char *text, size_t len)
{
    *peer = (Peer){.fd = fd, .text = text, .left = len};
    bufInit(&peer->got, 64 << 20);
    commSetSelect(fd, COMM_SELECT_READ, onPeerReadable, peer, 0);
    if (text != NULL)
        commSetSelect(fd, COMM_SELECT_WRITE, onPeerWritable, peer, 0);
}

static void
stopPeer(Peer *peer)
{
    commClose(peer->fd);
    bufFini(&peer->got);
}

static Tunnel *
startTunnel(TunnelConfig config, const char *up, const char *down)
{
    int clientFds[2], originFds[2];

    supportSocketPair(clientFds);
    supportSocketPair(originFds);
    startPeer(&client, clientFds[0], up, up != NULL ? strlen(up) : 0);
    startPeer(&origin, originFds[0], down, down != NULL ? strlen(down) : 0);
    config.client = streamOpen(clientFds[1], NULL);
    config.origin = streamOpen(originFds[1], NULL);
    config.cb = onEnd;
    config.data = &seen;
    isDone = false;
    return tunnelStart(&config);
}

static void
setUp(void)
{
    signal(SIGPIPE, SIG_IGN);
    supportCommInit();
}

static void
tearDown(void)
{
    tunnelFini();
    supportCommFini();
}

TestSuite(tunnel, .init = setUp, .fini = tearDown, .timeout = 60);

static void
checkGot(const Peer *peer, const char *expected)
{
    cr_assert_eq(bufLen(&peer->got), strlen(expected));
    cr_assert(memcmp(bufData(&peer->got), expected, strlen(expected)) == 0);
}

Test(tunnel, octets_go_both_ways_and_ends_are_passed_on)
{
    startTunnel((TunnelConfig){0}, "from client", "from origin");
    cr_assert(supportRunUntil(&isDone, PATIENCE_MS));
    cr_assert(supportRunUntil(&client.isEnded, PATIENCE_MS));
    cr_assert(supportRunUntil(&origin.isEnded, PATIENCE_MS));
    checkGot(&origin, "from client");
    checkGot(&client, "from origin");
    cr_assert_eq(seen.fromClient, strlen("from client"));
    cr_assert_eq(seen.fromOrigin, strlen("from origin"));
    cr_assert_eq(seen.errnum, 0);
    stopPeer(&client);
    stopPeer(&origin);
}

Test(tunnel, early_octets_and_greeting_come_first)
{
    TunnelConfig config = {.early = "early ",
                           .earlyLen = 6,
                           .greeting = "hello ",
                           .greetingLen = 6};

    startTunnel(config, "up", "down");
    cr_assert(supportRunUntil(&isDone, PATIENCE_MS));
    cr_assert(supportRunUntil(&client.isEnded, PATIENCE_MS));
    cr_assert(supportRunUntil(&origin.isEnded, PATIENCE_MS));
    checkGot(&origin, "early up");
    checkGot(&client, "hello down");
    stopPeer(&client);
    stopPeer(&origin);
}

static char *
makeText(size_t len)
{
    char *text = xmalloc(len + 1);

    for (size_t i = 0; i < len; i++)
        text[i] = (char)('!' + (i * 7 + i / 251) % 90);
    text[len] = '\0';
    return text;
}

static void
checkMuch(void)
{
    char *up = makeText(3 << 20);
    char *down = makeText(5 << 20);

    startTunnel((TunnelConfig){0}, up, down);
    cr_assert(supportRunUntil(&isDone, PATIENCE_MS));
    cr_assert(supportRunUntil(&client.isEnded, PATIENCE_MS));
    cr_assert(supportRunUntil(&origin.isEnded, PATIENCE_MS));
    checkGot(&origin, up);
    checkGot(&client, down);
    stopPeer(&client);
    stopPeer(&origin);
    free(up);
    free(down);
}

Test(tunnel, much_at_once)
{
    checkMuch();
}

/* Leave room for so many descriptors and not one more. */
static void
limitDescriptors(int count)
{
    struct rlimit limit;
    int fds[16];

    getrlimit(RLIMIT_NOFILE, &limit);
    for (int i = 0; i < count; i++)
        fds[i] = dup(STDERR_FILENO);
    limit.rlim_cur = (rlim_t)fds[count - 1] + 1;
    for (int i = 0; i < count; i++)
        close(fds[i]);
    setrlimit(RLIMIT_NOFILE, &limit);
}

Test(tunnel, copies_when_there_are_no_descriptors_for_pipes)
{
    struct rlimit limit;
    int fds[2];

    getrlimit(RLIMIT_NOFILE, &limit);
    limitDescriptors(4); /* the sockets */
    checkMuch();
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    cr_assert_eq(pipe(fds), 0); /* none was kept */
    close(fds[0]);
    close(fds[1]);
}

Test(tunnel, silence_ends_it)
{
    startTunnel((TunnelConfig){.idleMs = 50}, NULL, NULL);
    cr_assert(supportRunUntil(&isDone, PATIENCE_MS));
    cr_assert(seen.isTimedOut);
    cr_assert(supportRunUntil(&client.isEnded, PATIENCE_MS));
    stopPeer(&client);
    stopPeer(&origin);
}

Test(tunnel, closed_by_its_owner_calls_nobody)
{
    TunnelEnd end = {.fromClient = 99};
    Tunnel *tunnel = startTunnel(
        (TunnelConfig){.greeting = "x", .greetingLen = 1}, NULL, NULL);

    supportRunLoop(20);
    tunnelClose(&tunnel, &end);
    cr_assert_null(tunnel);
    tunnelClose(&tunnel, NULL);
    cr_assert_eq(end.fromClient, 0);
    cr_assert_eq(end.fromOrigin, 1);
    cr_assert(supportRunUntil(&client.isEnded, PATIENCE_MS));
    cr_assert_not(isDone);
    stopPeer(&client);
    stopPeer(&origin);
}
