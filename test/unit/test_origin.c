/* test_origin.c: one request at a server in the same loop. */
#include "origin.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "comm.h"
#include "http_parse.h"
#include "listener.h"
#include "support.h"

#define PATIENCE_MS 20000

/* The server: answers each connection's first read with `answer`. */
static struct {
    Listener *listener;
    char base[64];
    const char *answer;
    bool isSilent;
    bool keepsOpen;
    char asked[8192];
    int fds[8];
    int count;
} server;

/* What the request's callbacks saw. */
static struct {
    OriginRequest *request;
    int status;
    char field[64]; /* X-Field */
    int earlyStatus;
    char earlyField[64];
    char body[1024];
    size_t bodyLen;
    int refusals; /* how often the body is refused at first */
    const char *upload;
    int uploadDelays;
    bool cancelInHead;
    bool cancelInBody;
    OriginResult result;
    char why[100];
    char peer[50];
    bool isDone;
} seen;

static void
onServerReadable(int fd, void *data)
{
    ssize_t n = read(fd, server.asked + strlen(server.asked),
                     sizeof(server.asked) - 1 - strlen(server.asked));

    if (n <= 0 || server.isSilent) {
        if (n > 0 || (n == -1 && errno == EAGAIN))
            commSetSelect(fd, COMM_SELECT_READ, onServerReadable, data, 0);
        return;
    }
    cr_assert_eq(write(fd, server.answer, strlen(server.answer)),
                 (ssize_t)strlen(server.answer));
    if (!server.keepsOpen)
        shutdown(fd, SHUT_WR);
    commSetSelect(fd, COMM_SELECT_READ, onServerReadable, data, 0);
}

static void
onConnection(Listener *listener, int fd, const ListenerPeer *peer, void *data)
{
    (void)listener;
    (void)peer;
    (void)data;
    server.fds[server.count++] = fd;
    onServerReadable(fd, NULL);
}

static void
setUp(void)
{
    ListenerConfig config;
    struct sockaddr_storage addr;

    signal(SIGPIPE, SIG_IGN);
    supportCommInit();
    cr_assert_eq(originInit(8), 0);
    listenerConfigInit(&config);
    config.addr = "127.0.0.1:0";
    config.ready = onConnection;
    server.listener = listenerCreate(&config);
    listenerAddr(server.listener, &addr);
    snprintf(server.base, sizeof(server.base), "http://127.0.0.1:%u/",
             ntohs(((struct sockaddr_in *)(void *)&addr)->sin_port));
}

static void
tearDown(void)
{
    for (int i = 0; i < server.count; i++)
        commClose(server.fds[i]);
    listenerDestroy(&server.listener);
    originFini();
    supportCommFini();
}

TestSuite(origin, .init = setUp, .fini = tearDown, .timeout = 60);

static void
onEarly(HttpResponse *response, const OriginEnds *ends, void *data)
{
    HttpSlice field =
        httpHeaderGetName(&response->headers, httpSliceText("X-Field"));

    (void)ends;
    cr_assert_eq(data, &seen);
    cr_assert_eq(seen.status, 0);
    seen.earlyStatus = response->status;
    snprintf(seen.earlyField, sizeof(seen.earlyField), "%.*s", (int)field.len,
             field.data != NULL ? field.data : "");
}

static void
onHead(HttpResponse *response, const OriginEnds *ends, void *data)
{
    HttpSlice field =
        httpHeaderGetName(&response->headers, httpSliceText("X-Field"));

    cr_assert_eq(data, &seen);
    cr_assert_eq(seen.status, 0);
    cr_assert_str_eq(ends->peer, "127.0.0.1");
    cr_assert_neq(ends->peerPort, 0);
    cr_assert_str_eq(ends->local, "127.0.0.1");
    cr_assert_neq(ends->localPort, ends->peerPort);
    seen.status = response->status;
    snprintf(seen.field, sizeof(seen.field), "%.*s", (int)field.len,
             field.data != NULL ? field.data : "");
    if (seen.cancelInHead)
        originCancel(&seen.request);
}

static void
resumeLater(void *data)
{
    (void)data;
    originResume(seen.request);
}

static bool
onBody(const char *octets, size_t len, void *data)
{
    (void)data;
    if (seen.refusals > 0) {
        seen.refusals--;
        commTimerAdd(5, resumeLater, NULL);
        return false;
    }
    memcpy(seen.body + seen.bodyLen, octets, len);
    seen.bodyLen += len;
    if (seen.cancelInBody)
        originCancel(&seen.request);
    return true;
}

static ssize_t
onUpload(char *out, size_t size, void *data)
{
    size_t len = strlen(seen.upload);

    (void)data;
    if (seen.uploadDelays > 0) {
        seen.uploadDelays--;
        commTimerAdd(5, resumeLater, NULL);
        return -EAGAIN;
    }
    len = len > 2 ? 2 : len;
    cr_assert_leq(len, size);
    memcpy(out, seen.upload, len);
    seen.upload += len;
    return (ssize_t)len;
}

static void
onDone(const OriginEnd *end, void *data)
{
    (void)data;
    cr_assert_not(seen.isDone);
    seen.request = NULL;
    seen.result = end->result;
    snprintf(seen.why, sizeof(seen.why), "%s", end->why);
    snprintf(seen.peer, sizeof(seen.peer), "%s", end->peer);
    seen.isDone = true;
}

static const OriginOps ops = {.early = onEarly,
                              .head = onHead,
                              .body = onBody,
                              .upload = onUpload,
                              .done = onDone};

static OriginConfig
configFor(const char *target)
{
    return (OriginConfig){.method = "GET",
                          .base = server.base,
                          .target = target,
                          .bodyLen = ORIGIN_NO_BODY,
                          .isIdempotent = true,
                          .connectTimeoutMs = 5000,
                          .readTimeoutMs = 5000,
                          .ops = &ops,
                          .data = &seen};
}

static void
add(const char *name, const char *value)
{
    originAddHeader(seen.request, name, strlen(name), value, strlen(value));
}

static void
start(const OriginConfig *config)
{
    seen.request = originCreate(config);
    cr_assert_not_null(seen.request);
    add("Host", "host.test");
}

static OriginResult
ask(const char *answer)
{
    OriginConfig config = configFor("/");

    server.answer = answer;
    start(&config);
    originStart(seen.request);
    cr_assert(supportRunUntil(&seen.isDone, PATIENCE_MS));
    cr_assert_eq(originActive(), 0);
    return seen.result;
}

static void
checkBody(const char *expected)
{
    cr_assert_eq(seen.bodyLen, strlen(expected));
    cr_assert(memcmp(seen.body, expected, seen.bodyLen) == 0);
}

Test(origin, sends_what_it_is_told_and_nothing_else)
{
    OriginConfig config = configFor("/a/../b?c={d}");

    server.answer = "HTTP/1.1 204 No Content\r\n\r\n";
    start(&config);
    add("X-Empty", "");
    add("X-Full", "a;b: c");
    originStart(seen.request);
    cr_assert_not(seen.isDone);
    cr_assert(supportRunUntil(&seen.isDone, PATIENCE_MS));
    cr_assert_eq(seen.result, ORIGIN_OK);
    cr_assert_eq(seen.status, 204);
    cr_assert_str_eq(server.asked, "GET /a/../b?c={d} HTTP/1.1\r\n"
                                   "Host: host.test\r\nX-Empty:\r\n"
                                   "X-Full: a;b: c\r\n\r\n");
}

Test(origin, body_by_length_and_by_chunks)
{
    cr_assert_eq(ask("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"),
                 ORIGIN_OK);
    checkBody("abc");
    memset(&seen, 0, sizeof(seen));
    cr_assert_eq(ask("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                     "2\r\nab\r\n1\r\nc\r\n0\r\nX-Trailer: 1\r\n\r\n"),
                 ORIGIN_OK);
    checkBody("abc");
}

Test(origin, folded_lines_are_joined_and_early_heads_come_first)
{
    cr_assert_eq(ask("HTTP/1.1 103 Early Hints\r\nX-Field: early\r\n\r\n"
                     "HTTP/1.1 200 OK\r\nX-Field: one\r\n\ttwo\r\n"
                     "Content-Length: 0\r\n\r\n"),
                 ORIGIN_OK);
    cr_assert_str_eq(seen.field, "one two");
    cr_assert_eq(seen.earlyStatus, 103);
    cr_assert_str_eq(seen.earlyField, "early");
}

Test(origin, body_waits_until_it_is_wanted)
{
    seen.refusals = 3;
    cr_assert_eq(ask("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"),
                 ORIGIN_OK);
    checkBody("abc");
    cr_assert_eq(seen.refusals, 0);
}

static const char *
uploaded(int64_t bodyLen)
{
    OriginConfig config = configFor("/");

    config.method = "POST";
    config.isIdempotent = false;
    config.bodyLen = bodyLen;
    seen.upload = "hello";
    seen.uploadDelays = 2;
    server.isSilent = true;
    start(&config);
    originStart(seen.request);
    for (int i = 0; i < 100 && strstr(server.asked, "lo") == NULL; i++)
        supportRunLoop(20);
    supportRunLoop(50); /* the last chunk */
    originCancel(&seen.request);
    supportRunLoop(20);
    return strstr(server.asked, "\r\n\r\n") + 4;
}

Test(origin, upload_with_a_length)
{
    cr_assert_str_eq(uploaded(5), "hello");
    cr_assert_not_null(strstr(server.asked, "Content-Length: 5\r\n"));
}

Test(origin, upload_of_unknown_length_is_chunked)
{
    cr_assert_str_eq(uploaded(ORIGIN_CHUNKED),
                     "2\r\nhe\r\n2\r\nll\r\n1\r\no\r\n0\r\n\r\n");
    cr_assert_not_null(strstr(server.asked, "Transfer-Encoding: chunked"));
}

Test(origin, cut_short_is_not_ok)
{
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    };

    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        memset(&seen, 0, sizeof(seen));
        cr_assert_eq(ask(answers[i]), ORIGIN_TRUNCATED, "%zu: %s", i,
                     originResultName(seen.result));
    }
}

Test(origin, what_is_no_http_is_invalid)
{
    static const char *const answers[] = {
        "SSH-2.0-x\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nbad name: x\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    };

    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        memset(&seen, 0, sizeof(seen));
        ask(answers[i]);
        cr_assert_neq(seen.result, ORIGIN_OK, "%zu", i);
        cr_assert_eq(seen.status, 0, "%zu", i);
    }
}

Test(origin, a_refused_answer_says_why_and_whose_it_is)
{
    cr_assert_eq(ask("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n"
                     "Content-Length: 2\r\n\r\nab"),
                 ORIGIN_INVALID);
    cr_assert_str_eq(seen.why,
                     httpParseErrorReason(HTTP_PARSE_ERROR_LENGTH_DUPLICATE));
    cr_assert_str_eq(seen.peer, "127.0.0.1");
}

Test(origin, no_answer_is_empty)
{
    cr_assert_eq(ask(""), ORIGIN_EMPTY);
    cr_assert_str_eq(seen.peer, "127.0.0.1");
}

Test(origin, silence_has_a_limit)
{
    OriginConfig config = configFor("/");

    config.readTimeoutMs = 100;
    server.isSilent = true;
    start(&config);
    originStart(seen.request);
    cr_assert(supportRunUntil(&seen.isDone, PATIENCE_MS));
    cr_assert_eq(seen.result, ORIGIN_READ_TIMEOUT);
}

Test(origin, nobody_there)
{
    listenerDestroy(&server.listener);
    cr_assert_eq(ask(""), ORIGIN_CONNECT_FAIL);
}

Test(origin, connection_is_used_again)
{
    server.keepsOpen = true;
    for (int i = 0; i < 3; i++) {
        memset(&seen, 0, sizeof(seen));
        cr_assert_eq(ask("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"),
                     ORIGIN_OK);
    }
    cr_assert_eq(server.count, 1);
}

/* Neither octets that nobody asked for nor the end of an idle connection
 * are the next answer. */
Test(origin, idle_connection_that_speaks_is_not_used_again)
{
    static const char unasked[] =
        "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";

    server.keepsOpen = true;
    for (int i = 0; i < 3; i++) {
        memset(&seen, 0, sizeof(seen));
        cr_assert_eq(ask("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"),
                     ORIGIN_OK);
        checkBody("x");
        if (i == 0)
            cr_assert_gt(write(server.fds[0], unasked, strlen(unasked)), 0);
        else
            shutdown(server.fds[i], SHUT_WR);
        supportRunLoop(50);
    }
    cr_assert_eq(server.count, 3);
}

static void
checkCancelled(const char *answer)
{
    OriginConfig config = configFor("/");

    server.answer = answer;
    start(&config);
    originStart(seen.request);
    for (int i = 0; i < 200 && seen.request != NULL; i++)
        supportRunLoop(10);
    supportRunLoop(50);
    cr_assert_null(seen.request);
    cr_assert_not(seen.isDone);
    cr_assert_eq(originActive(), 0);
}

Test(origin, cancelled_in_its_own_callbacks)
{
    seen.cancelInHead = true;
    checkCancelled("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc");
    memset(&seen, 0, sizeof(seen));
    seen.cancelInBody = true;
    checkCancelled("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc");
    cr_assert_eq(seen.bodyLen, 3);
}

Test(origin, cancelled_before_and_after_its_start)
{
    OriginConfig config = configFor("/");

    start(&config);
    originCancel(&seen.request);
    start(&config);
    originStart(seen.request);
    originCancel(&seen.request);
    originCancel(&seen.request);
    supportRunLoop(50);
    cr_assert_eq(originActive(), 0);
    cr_assert_not(seen.isDone);
}

Test(origin, refuses_a_base_that_is_none)
{
    OriginConfig config = configFor("/");

    config.base = "http://a b/";
    seen.request = originCreate(&config);
    if (seen.request != NULL) { /* told when it connects, by some versions */
        originStart(seen.request);
        cr_assert(supportRunUntil(&seen.isDone, PATIENCE_MS));
        cr_assert_neq(seen.result, ORIGIN_OK);
    }
}

static int connectedFd;
static OriginResult connectResult;
static bool isConnected;

static void
onConnected(int fd, OriginResult result, const char *why, void *data)
{
    (void)why;
    (void)data;
    connectedFd = fd;
    connectResult = result;
    isConnected = true;
}

static unsigned
serverPort(void)
{
    return (unsigned)strtoul(strrchr(server.base, ':') + 1, NULL, 10);
}

static OriginConnect *
connectStart(void)
{
    const OriginRoute route = {.host = "127.0.0.1", .port = serverPort()};

    return originConnectStart(&route, 5000, onConnected, NULL);
}

Test(origin, connects_and_gives_the_socket)
{
    server.isSilent = true;
    connectStart();
    cr_assert_not(isConnected);
    cr_assert(supportRunUntil(&isConnected, PATIENCE_MS));
    cr_assert_eq(connectResult, ORIGIN_OK);
    cr_assert_eq(write(connectedFd, "hi", 2), 2);
    for (int i = 0; i < 100 && server.asked[0] == '\0'; i++)
        supportRunLoop(10);
    cr_assert_str_eq(server.asked, "hi");
    close(connectedFd);
}

Test(origin, connecting_to_nobody_fails)
{
    listenerDestroy(&server.listener);
    connectStart();
    cr_assert(supportRunUntil(&isConnected, PATIENCE_MS));
    cr_assert_eq(connectedFd, -1);
    cr_assert_eq(connectResult, ORIGIN_CONNECT_FAIL);
}

Test(origin, connecting_can_be_given_up)
{
    OriginConnect *connect =
        connectStart();

    originConnectCancel(&connect);
    supportRunLoop(50);
    cr_assert_not(isConnected);
    cr_assert_eq(originActive(), 0);
}
