/*
 * fake_listener.c: an echo server on lib/listener, for integration tests.
 *
 *     fake_listener ADDRESS [FIRST_BYTE_MS [MAX_CONNS]]
 *
 * Writes "port N" when it listens, answers "turns N" to each line on stdin,
 * and at its end "leaked N": descriptors that should have been closed.
 */
#include "comm.h"
#include "fd.h"
#include "listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static Listener *listener;

static void
onEcho(int fd, void *data)
{
    char text[4096];
    ssize_t len = read(fd, text, sizeof(text));

    if (len == 0 || (len < 0 && errno != EAGAIN) ||
        (len > 0 && write(fd, text, (size_t)len) != len)) {
        commClose(fd);
        return;
    }
    commSetSelect(fd, COMM_SELECT_READ, onEcho, data, 0);
}

static void
onReady(Listener *self, int fd, const ListenerPeer *peer, void *data)
{
    (void)self;
    (void)peer;
    onEcho(fd, data);
}

static void
onCommand(int fd, void *data)
{
    char text[256];
    CommStats stats;

    if (read(fd, text, sizeof(text)) <= 0) {
        listenerDestroy(&listener);
        commLoopStop();
        return;
    }
    commStatsGet(&stats, false);
    printf("turns %llu\n", (unsigned long long)stats.turns);
    fflush(stdout);
    commSetSelect(fd, COMM_SELECT_READ, onCommand, data, 0);
}

static unsigned
portOf(const struct sockaddr_storage *addr)
{
    /* The port is at the same place in both families. */
    return ntohs(((const struct sockaddr_in *)(const void *)addr)->sin_port);
}

int
main(int argc, char **argv)
{
    struct sockaddr_storage addr;
    ListenerConfig config;
    int fds = fdCount();

    if (argc < 2)
        return 2;
    listenerConfigInit(&config);
    config.addr = argv[1];
    config.ready = onReady;
    if (argc > 2)
        config.firstByteMs = (int)strtol(argv[2], NULL, 10);
    if (argc > 3)
        config.maxConns = (unsigned)strtoul(argv[3], NULL, 10);
    if (commInit() < 0)
        return 2;
    listener = listenerCreate(&config);
    if (!listener) {
        fprintf(stderr, "fake_listener: %s: %s\n", argv[1], strerror(errno));
        return 1;
    }
    listenerAddr(listener, &addr);
    printf("port %u\n", portOf(&addr));
    fflush(stdout);
    /* A copy, since comm closes what it knows at the end. */
    commSetSelect(dup(STDIN_FILENO), COMM_SELECT_READ, onCommand, NULL, 0);
    commLoopRun();
    commFini();
    printf("leaked %d\n", fdCount() - fds);
    return 0;
}
