/* test_listener_tls.c: handshakes before connections are handed on, clients
 * and loop in one process. Section 7 of the design. */
#include "listener.h"

#include "cert.h"
#include "comm.h"
#include "debug.h"
#include "fd.h"
#include "support.h"
#include "xalloc.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static Listener *listener;
static TlsServer *server;
static bool isHandedOn;
static bool isStopped; /* what runs the loop ends when this is true */
static int handedFd = -1;
static TlsStream *stream;
static int clientFd = -1;
static SSL *client;

static void
onReady(Listener *self, int fd, const ListenerPeer *peer, void *data)
{
    (void)data;
    cr_assert_eq(self, listener);
    cr_assert_not(isHandedOn);
    handedFd = fd;
    stream = peer->tls;
    isHandedOn = true;
}

static TlsServer *
serverOf(const char *name)
{
    char *cert = certPath(name, ".crt");
    char *key = certPath(name, ".key");
    TlsPair pair = {.cert = cert, .key = key};
    TlsServerConfig config = {.pairs = &pair, .pairCount = 1};
    char *why = NULL;
    TlsServer *made = tlsServerCreate(&config, &why);

    cr_assert_not_null(made, "%s", why);
    free(cert);
    free(key);
    return made;
}

static void
openListener(int handshakeMs)
{
    ListenerConfig config;

    listenerConfigInit(&config);
    config.addr = "127.0.0.1:0";
    config.name = "test";
    config.ready = onReady;
    config.tls = server;
    config.handshakeMs = handshakeMs;
    config.firstByteMs = handshakeMs;
    listener = listenerCreate(&config);
    cr_assert_not_null(listener);
}

static void
dial(void)
{
    struct sockaddr_storage addr;

    listenerAddr(listener, &addr);
    clientFd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(
        connect(clientFd, (struct sockaddr *)&addr, sizeof(struct sockaddr_in)),
        0);
    fcntl(clientFd, F_SETFL, O_NONBLOCK);
}

static void
setUp(void)
{
    signal(SIGPIPE, SIG_IGN);
    supportCommInit();
    certMake(&(CertSpec){.name = "a", .host = "a.test"});
    server = serverOf("a");
    debugOpen(supportTempPath("log"));
}

static void
tearDown(void)
{
    debugClose();
    certClientFree(&client);
    tlsStreamDestroy(&stream);
    if (isHandedOn)
        commClose(handedFd);
    fdClosep(&clientFd);
    listenerDestroy(&listener);
    tlsServerUnref(&server);
    supportCommFini();
}

TestSuite(listenerTls, .init = setUp, .fini = tearDown, .timeout = 30);

/* The client's part of the handshake, as the loop turns. */
static void
onClientTurn(int fd, void *data)
{
    (void)fd;
    if (SSL_do_handshake(client) != 1 &&
        SSL_get_error(client, -1) == SSL_ERROR_WANT_READ)
        commSetSelect(clientFd, COMM_SELECT_READ, onClientTurn, data, 0);
    else
        isStopped = true;
}

static void
shakeHands(void)
{
    client = certClient(clientFd, NULL);
    isStopped = false;
    onClientTurn(clientFd, NULL);
    cr_assert(supportRunUntil(&isStopped, 10000));
    cr_assert(SSL_is_init_finished(client));
}

static unsigned
countInLog(const char *text)
{
    char *log = supportReadFile(supportTempPath("log"));
    unsigned count = 0;

    for (const char *at = log; (at = strstr(at, text)) != NULL; at++)
        count++;
    free(log);
    return count;
}

/* Until so many handshakes have failed. */
static void
waitForFailures(uint64_t count)
{
    for (int i = 0; i < 1000 && listenerTlsFailures(listener) < count; i++)
        supportRunLoop(10);
    cr_assert_eq(listenerTlsFailures(listener), count);
}

Test(listenerTls, a_connection_is_handed_on_when_it_speaks)
{
    char got[16] = "";

    openListener(10000);
    dial();
    shakeHands();
    supportRunLoop(50);
    cr_assert_not(isHandedOn);
    cr_assert_eq(listenerWaiting(listener), 1u);
    cr_assert_eq(SSL_write(client, "hello", 5), 5);
    cr_assert(supportRunUntil(&isHandedOn, 10000));
    cr_assert_not_null(stream);
    cr_assert_eq(tlsStreamRead(stream, got, sizeof(got)), 5);
    cr_assert_str_eq(got, "hello");
    cr_assert_eq(listenerWaiting(listener), 0u);
    cr_assert_eq(listenerTlsFailures(listener), 0u);
}

Test(listenerTls, a_slow_handshake_hits_the_deadline)
{
    openListener(100);
    dial();
    cr_assert_eq(write(clientFd, "\x16\x03\x01", 3), 3);
    waitForFailures(1);
    char octet;
    cr_assert_eq(read(clientFd, &octet, 1), 0);
    cr_assert_eq(countInLog("it takes too long"), 1u);
}

Test(listenerTls, silence_after_the_handshake_has_its_own_deadline)
{
    char octet;

    openListener(200);
    dial();
    shakeHands();
    supportRunLoop(1000);
    cr_assert_not(isHandedOn);
    cr_assert_eq(listenerWaiting(listener), 0u);
    cr_assert_eq(SSL_read(client, &octet, 1), 0);
    cr_assert_eq(listenerTlsFailures(listener), 0u);
}

Test(listenerTls, of_much_garbage_one_line_is_logged)
{
    openListener(10000);
    for (unsigned i = 1; i <= 3; i++) {
        dial();
        cr_assert_eq(write(clientFd, "GET / HTTP/1.1\r\n\r\n", 18), 18);
        waitForFailures(i);
        fdClosep(&clientFd);
    }
    cr_assert_eq(countInLog("TLS handshake with 127.0.0.1:"), 1u);
    cr_assert_eq(countInLog("plain HTTP where TLS is due"), 1u);
}

Test(listenerTls, who_only_looks_is_not_told)
{
    openListener(10000);
    dial();
    supportRunLoop(20);
    fdClosep(&clientFd);
    waitForFailures(1);
    cr_assert_eq(countInLog("handshake"), 0u);
}

Test(listenerTls, new_certificates_are_for_new_connections)
{
    char got[16] = "";
    X509 *shown;

    certMake(&(CertSpec){.name = "b", .host = "b.test"});
    TlsServer *next = serverOf("b");
    openListener(10000);
    dial();
    shakeHands();
    listenerSetTls(listener, next);
    tlsServerUnref(&next);
    tlsServerUnref(&server);
    cr_assert_eq(SSL_write(client, "old", 3), 3);
    cr_assert(supportRunUntil(&isHandedOn, 10000));
    int firstFd = clientFd;
    SSL *first = client;
    dial();
    shakeHands();
    shown = SSL_get1_peer_certificate(client);
    X509_NAME_get_text_by_NID(X509_get_subject_name(shown), NID_commonName, got,
                              sizeof(got));
    X509_free(shown);
    cr_assert_str_eq(got, "b.test");
    cr_assert_eq(tlsStreamRead(stream, got, sizeof(got)), 3);
    certClientFree(&first);
    close(firstFd);
}

Test(listenerTls, destroying_ends_handshakes)
{
    openListener(10000);
    dial();
    cr_assert_eq(write(clientFd, "\x16\x03\x01", 3), 3);
    supportRunLoop(50);
    cr_assert_eq(listenerWaiting(listener), 1u);
    listenerDestroy(&listener);
    char octet;
    cr_assert_eq(read(clientFd, &octet, 1), 0);
}
