/* Tunnels by way of a proxy that is spoken to by TLS. DEBUG: section 26 */
#include "via.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "check.h"
#include "comm.h"
#include "debug.h"
#include "xalloc.h"

#define VIA_MAGIC 0x71a00001u
#define ANSWER_MAX (16 * 1024)
#define REQUEST_MAX (16 * 1024)

/* It goes through these in order; each holds what it names, and the next
 * takes it over. */
struct Via {
    uint32_t magic;
    OriginConnect *connect; /* until there is a socket */
    TlsStream *tls;         /* during the handshake on fd */
    Stream stream;          /* then */
    int fd;
    TlsClient *client;
    char *host;
    TlsTrust trust;
    int timeoutMs;
    Buf request; /* what is left to send of it */
    Buf answer;
    ViaCb *cb;
    void *data;
};

static void
freeVia(void *data)
{
    Via *via = data;

    CHECK_OBJ_CLEAR(via);
    free(via);
}

static void
releaseVia(Via *via)
{
    originConnectCancel(&via->connect);
    if (via->tls != NULL) {
        tlsStreamDestroy(&via->tls);
        commClose(via->fd);
    }
    if (via->stream.fd != -1)
        streamReset(&via->stream);
    streamClose(&via->stream);
    tlsClientUnref(&via->client);
    free(via->host);
    bufFini(&via->request);
    bufFini(&via->answer);
    commFreeLater(via, freeVia);
}

static void
fail(Via *via, OriginResult result, const char *why)
{
    ViaCb *cb = via->cb;
    void *data = via->data;
    char *text = xasprintf("%s: %s", via->host, why);

    debug(DBG_TUNNEL, 3, "by way of %s", text);
    releaseVia(via);
    cb(NULL, result, text, data);
    free(text);
}

static void
succeed(Via *via)
{
    ViaCb *cb = via->cb;
    void *data = via->data;
    Stream stream = streamTake(&via->stream);

    commSetTimeout(stream.fd, -1, NULL, NULL);
    releaseVia(via);
    cb(&stream, ORIGIN_OK, "", data);
}

static void
onLate(int fd, void *data)
{
    Via *via = data;

    (void)fd;
    CHECK_OBJ(via, VIA_MAGIC);
    fail(via, ORIGIN_CONNECT_TIMEOUT, "it takes too long");
}

/* 0 when there is no whole answer yet, its status, or -1 for what is none. */
static int
statusOf(Buf *answer)
{
    size_t len = bufLen(answer);
    const char *text = bufData(answer);
    int status = 0;

    if (len < 4 || memcmp(text + len - 4, "\r\n\r\n", 4) != 0)
        return 0;
    bufAppend(answer, "", 1);
    if (sscanf(bufData(answer), "HTTP/1.%*1[01] %3d", &status) != 1 ||
        status < 100)
        return -1;
    return status;
}

static void
judgeAnswer(Via *via, int status)
{
    char why[64];

    if (status >= 200 && status < 300) {
        succeed(via);
        return;
    }
    if (status > 0 && status < 200) { /* the real one is to come */
        bufClear(&via->answer);
        return;
    }
    snprintf(why, sizeof(why), "it answers CONNECT with %d", status);
    fail(via, ORIGIN_FAIL, status > 0 ? why : "its answer is not HTTP");
}

/* Octet by octet: what follows is for the client. */
static void
onReadable(int fd, void *data)
{
    Via *via = data;
    ssize_t n;
    char octet;

    (void)fd;
    CHECK_OBJ(via, VIA_MAGIC);
    while ((n = streamRead(&via->stream, &octet, 1)) == 1) {
        if (bufAppend(&via->answer, &octet, 1) < 0) {
            fail(via, ORIGIN_TOO_LARGE, "its answer is too large");
            return;
        }
        int status = octet == '\n' ? statusOf(&via->answer) : 0;
        if (status != 0)
            judgeAnswer(via, status);
        if (status < 0 || status >= 200)
            return;
    }
    if (n == -1 && errno == EAGAIN)
        streamWaitRead(&via->stream, onReadable, via);
    else
        fail(via, ORIGIN_EMPTY,
             n == 0 ? "it ends without an answer" : strerror(errno));
}

static void
onWritable(int fd, void *data)
{
    Via *via = data;
    struct iovec iov = {.iov_base = bufData(&via->request),
                        .iov_len = bufLen(&via->request)};

    CHECK_OBJ(via, VIA_MAGIC);
    ssize_t n = streamWritev(&via->stream, &iov, 1);
    if (n == -1 && errno != EAGAIN) {
        fail(via, ORIGIN_CONNECT_FAIL, strerror(errno));
        return;
    }
    if (n > 0)
        bufConsume(&via->request, (size_t)n);
    if (bufLen(&via->request) > 0)
        streamWaitWrite(&via->stream, onWritable, via);
    else
        onReadable(fd, via);
}

static void
onHandshake(int fd, void *data)
{
    Via *via = data;

    CHECK_OBJ(via, VIA_MAGIC);
    int rc = tlsStreamHandshake(via->tls);
    if (rc == -EAGAIN) {
        commSetSelect(fd, tlsStreamReadWants(via->tls), onHandshake, via, 0);
    } else if (rc < 0) {
        fail(via, ORIGIN_TLS_FAIL, tlsStreamWhy(via->tls));
    } else {
        via->stream = streamOpen(fd, via->tls);
        via->tls = NULL;
        onWritable(fd, via);
    }
}

static void
onConnected(int fd, OriginResult result, const char *why, void *data)
{
    Via *via = data;

    CHECK_OBJ(via, VIA_MAGIC);
    via->connect = NULL;
    if (fd == -1) {
        fail(via, result, why);
        return;
    }
    int rc = commOpen(fd, "parent");
    if (rc < 0) {
        fail(via, ORIGIN_CONNECT_FAIL, strerror(-rc));
        return;
    }
    via->fd = fd;
    via->tls = tlsStreamConnect(via->client, fd, via->host, via->trust);
    if (via->timeoutMs > 0)
        commSetTimeout(fd, via->timeoutMs, onLate, via);
    onHandshake(fd, via);
}

static TlsTrust
trustOf(const OriginTls *tls)
{
    if (tls->noVerify)
        return TLS_TRUST_ANYONE;
    return tls->anyDomain ? TLS_TRUST_CHAIN : TLS_TRUST_HOST;
}

/* 0 or -ENOBUFS. */
static int
writeRequest(Buf *request, const ViaConfig *config)
{
    const char *login = config->login;

    return bufPrintf(request, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n%s%s%s\r\n",
                     config->target, config->target,
                     login != NULL ? "Proxy-Authorization: " : "",
                     login != NULL ? login : "", login != NULL ? "\r\n" : "");
}

Via *
viaStart(const ViaConfig *config)
{
    const OriginTls *tls = config->tls;
    Via *via = xcalloc(1, sizeof(*via));

    via->magic = VIA_MAGIC;
    via->stream.fd = -1;
    via->client = tlsClientRef(tls->client);
    via->host = xstrdup(tls->domain != NULL ? tls->domain : config->proxy.host);
    via->trust = trustOf(tls);
    via->timeoutMs = config->timeoutMs;
    via->cb = config->cb;
    via->data = config->data;
    bufInit(&via->request, REQUEST_MAX);
    bufInit(&via->answer, ANSWER_MAX);
    if (writeRequest(&via->request, config) == 0)
        via->connect = originConnectStart(&config->proxy, config->timeoutMs,
                                          onConnected, via);
    if (via->connect == NULL) {
        releaseVia(via);
        errno = EINVAL;
        return NULL;
    }
    return via;
}

void
viaCancel(Via **viaPtr)
{
    Via *via = *viaPtr;

    if (via == NULL)
        return;
    CHECK_OBJ(via, VIA_MAGIC);
    *viaPtr = NULL;
    releaseVia(via);
}
