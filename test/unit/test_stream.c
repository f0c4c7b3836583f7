/* test_stream.c: the same calls over a plain socket and over TLS. */
#include "stream.h"

#include "cert.h"
#include "comm.h"
#include "fd.h"
#include "support.h"
#include "xalloc.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static Stream stream;
static int peerFd;
static SSL *peer; /* NULL: plain */
static TlsServer *server;
static bool isWoken;

static TlsServer *
makeServer(void)
{
    certMake(&(CertSpec){.name = "a", .host = "a.test"});
    char *cert = certPath("a", ".crt");
    char *key = certPath("a", ".key");
    TlsPair pair = {.cert = cert, .key = key};
    TlsServerConfig config = {.pairs = &pair, .pairCount = 1};
    char *why = NULL;
    TlsServer *made = tlsServerCreate(&config, &why);

    cr_assert_not_null(made, "%s", why);
    free(cert);
    free(key);
    return made;
}

static TlsStream *
shakeHands(int fd)
{
    TlsStream *tls;

    server = makeServer();
    tls = tlsStreamAccept(server, fd);
    peer = certClient(peerFd, NULL);
    while (tlsStreamHandshake(tls) == -EAGAIN)
        SSL_do_handshake(peer);
    cr_assert_eq(SSL_do_handshake(peer), 1);
    return tls;
}

static void
open(bool isTls)
{
    int fds[2];

    signal(SIGPIPE, SIG_IGN);
    supportCommInit();
    supportSocketPair(fds);
    peerFd = fds[1];
    cr_assert_eq(commOpen(fds[0], "test"), 0);
    stream = streamOpen(fds[0], isTls ? shakeHands(fds[0]) : NULL);
}

static void
closeBoth(void)
{
    certClientFree(&peer);
    tlsServerUnref(&server);
    fdClosep(&peerFd);
    streamClose(&stream);
    supportCommFini();
}

static ssize_t
peerWrite(const char *text)
{
    return peer ? SSL_write(peer, text, (int)strlen(text))
                : write(peerFd, text, strlen(text));
}

static ssize_t
peerRead(char *out, size_t size)
{
    return peer ? SSL_read(peer, out, (int)size) : read(peerFd, out, size);
}

static void
onWoken(int fd, void *data)
{
    cr_assert_eq(fd, stream.fd);
    cr_assert_eq(data, &isWoken);
    isWoken = true;
}

static bool kinds[] = {false, true};

ParameterizedTestParameters(stream, octets_pass)
{
    return cr_make_param_array(bool, kinds, 2);
}

ParameterizedTest(bool *isTls, stream, octets_pass, .timeout = 30)
{
    char one[] = "one ", two[] = "two";
    struct iovec iov[] = {{one, 4}, {two, 3}};
    char got[16] = "";

    open(*isTls);
    cr_assert_eq(streamRead(&stream, got, sizeof(got)), -1);
    cr_assert_eq(errno, EAGAIN);
    streamWaitRead(&stream, onWoken, &isWoken);
    cr_assert_not(supportRunLoop(20));
    cr_assert_not(isWoken);
    cr_assert_eq(peerWrite("hello"), 5);
    cr_assert(supportRunUntil(&isWoken, 10000));
    cr_assert_eq(streamRead(&stream, got, sizeof(got)), 5);
    cr_assert_str_eq(got, "hello");
    isWoken = false;
    streamWaitWrite(&stream, onWoken, &isWoken);
    cr_assert(supportRunUntil(&isWoken, 10000));
    cr_assert_eq(streamWritev(&stream, iov, 2), 7);
    cr_assert_eq(peerRead(got, sizeof(got)), 7);
    cr_assert_str_eq(got, "one two");
    closeBoth();
}

ParameterizedTestParameters(stream, rest_of_what_came_wakes_again)
{
    return cr_make_param_array(bool, kinds, 2);
}

ParameterizedTest(bool *isTls, stream, rest_of_what_came_wakes_again,
                  .timeout = 30)
{
    char got[4];

    open(*isTls);
    cr_assert_eq(peerWrite("12345678"), 8);
    for (int i = 0; i < 2; i++) {
        isWoken = false;
        streamWaitRead(&stream, onWoken, &isWoken);
        cr_assert(supportRunUntil(&isWoken, 10000));
        cr_assert_eq(streamRead(&stream, got, 4), 4);
    }
    closeBoth();
}

ParameterizedTestParameters(stream, shutdown_tells_the_end_only)
{
    return cr_make_param_array(bool, kinds, 2);
}

ParameterizedTest(bool *isTls, stream, shutdown_tells_the_end_only,
                  .timeout = 30)
{
    char got[8] = "";

    open(*isTls);
    cr_assert_eq(streamShutdown(&stream), 0);
    cr_assert_eq(peerRead(got, sizeof(got)), 0);
    cr_assert_eq(peerWrite("still"), 5);
    cr_assert_eq(streamRead(&stream, got, sizeof(got)), 5);
    closeBoth();
}

/* With the socket full the end is told when there is room. */
Test(stream, shutdown_waits_for_room, .timeout = 30)
{
    static char block[65536];
    ssize_t len = 0;

    open(true);
    while (write(stream.fd, block, sizeof(block)) > 0)
        continue;
    cr_assert_eq(errno, EAGAIN);
    cr_assert_eq(streamShutdown(&stream), 0);
    for (int i = 0; i < 1000 && (len > 0 || i == 0 || errno == EAGAIN); i++) {
        len = read(peerFd, block, sizeof(block));
        if (len == 0)
            break;
        supportRunLoop(1);
    }
    cr_assert_eq(len, 0);
    closeBoth();
}

Test(stream, a_reset_does_not_tell_the_end, .timeout = 30)
{
    char octet;

    open(true);
    streamReset(&stream);
    streamClose(&stream);
    cr_assert_eq(stream.fd, -1);
    cr_assert_leq(SSL_read(peer, &octet, 1), 0);
    cr_assert_neq(SSL_get_error(peer, 0), SSL_ERROR_ZERO_RETURN);
    closeBoth();
}

Test(stream, close_tells_the_end, .timeout = 30)
{
    char octet;

    open(true);
    streamClose(&stream);
    cr_assert_eq(SSL_read(peer, &octet, 1), 0);
    cr_assert_eq(SSL_get_error(peer, 0), SSL_ERROR_ZERO_RETURN);
    closeBoth();
}

ParameterizedTestParameters(stream, a_stream_that_is_taken_wakes_nobody)
{
    return cr_make_param_array(bool, kinds, 2);
}

ParameterizedTest(bool *isTls, stream, a_stream_that_is_taken_wakes_nobody,
                  .timeout = 30)
{
    open(*isTls);
    streamWaitRead(&stream, onWoken, &isWoken);
    streamWaitWrite(&stream, onWoken, &isWoken);
    Stream taken = streamTake(&stream);
    cr_assert_eq(stream.fd, -1);
    cr_assert_eq(peerWrite("x"), 1);
    cr_assert_not(supportRunLoop(50));
    cr_assert_not(isWoken);
    stream = taken;
    closeBoth();
}
