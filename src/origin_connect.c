/* A TCP connection to an origin, for a tunnel. DEBUG: section 11 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "comm.h"
#include "origin_priv.h"
#include "xalloc.h"

#define ORIGIN_CONNECT_MAGIC 0x0516c0eeu

struct OriginConnect {
    uint32_t magic;
    OriginTransfer transfer;
    OriginConnectCb *cb;
    void *data;
    struct curl_slist *login; /* a field for the proxy, or NULL */
};

static OriginConnect *
connectOf(OriginTransfer *transfer)
{
    OriginConnect *connect = LIST_OBJ(transfer, OriginConnect, transfer);

    CHECK_OBJ(connect, ORIGIN_CONNECT_MAGIC);
    return connect;
}

static void
freeConnect(void *data)
{
    OriginConnect *connect = data;

    CHECK_OBJ_CLEAR(connect);
    free(connect);
}

static void
releaseConnect(OriginTransfer *transfer)
{
    OriginConnect *connect = connectOf(transfer);

    originTransferClose(transfer);
    curl_slist_free_all(connect->login);
    commFreeLater(connect, freeConnect);
}

/* A copy: libcurl closes its own when the handle goes. */
static int
takeSocket(CURL *easy)
{
    curl_socket_t fd = CURL_SOCKET_BAD;

    curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &fd);
    if (fd == CURL_SOCKET_BAD)
        return -1;
    return fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

static void
finishConnect(OriginTransfer *transfer, OriginResult result)
{
    OriginConnect *connect = connectOf(transfer);
    OriginConnectCb *cb = connect->cb;
    void *data = connect->data;
    char why[CURL_ERROR_SIZE];
    int fd = -1;

    snprintf(why, sizeof(why), "%s", transfer->why);
    if (result == ORIGIN_OK && (fd = takeSocket(transfer->easy)) == -1) {
        result = ORIGIN_CONNECT_FAIL;
        snprintf(why, sizeof(why), "%s", strerror(errno));
    }
    releaseConnect(transfer);
    cb(fd, result, why, data);
}

static char *
makeBase(const char *host, unsigned port)
{
    return strchr(host, ':') != NULL && host[0] != '['
               ? xasprintf("http://[%s]:%u/", host, port)
               : xasprintf("http://%s:%u/", host, port);
}

/* libcurl asks the proxy itself, octet by octet, so that what follows the
 * proxy's answer is left to the tunnel. */
static void
setRoute(CURL *easy, const char *via)
{
    ORIGIN_SET(easy, CURLOPT_CONNECT_ONLY, 1L);
    ORIGIN_SET(easy, CURLOPT_FRESH_CONNECT, 1L);
    if (via == NULL)
        return;
    ORIGIN_SET(easy, CURLOPT_PROXY, via);
    ORIGIN_SET(easy, CURLOPT_NOPROXY, "");
    ORIGIN_SET(easy, CURLOPT_HTTPPROXYTUNNEL, 1L);
}

static void
setLogin(OriginConnect *connect, const char *login)
{
    char *field = xasprintf("Proxy-Authorization: %s", login);

    connect->login = curl_slist_append(NULL, field);
    CHECK(connect->login != NULL);
    free(field);
    ORIGIN_SET(connect->transfer.easy, CURLOPT_PROXYHEADER, connect->login);
}

OriginConnect *
originConnectStart(const OriginRoute *route, int timeoutMs, OriginConnectCb *cb,
                   void *data)
{
    OriginConnect *connect = xcalloc(1, sizeof(*connect));
    char *base = makeBase(route->host, route->port);
    char *via = route->viaHost != NULL
                    ? makeBase(route->viaHost, route->viaPort)
                    : NULL;
    int rc = originTransferOpen(&connect->transfer, base, timeoutMs);

    if (rc == 0) {
        setRoute(connect->transfer.easy, via);
        originTransferFrom(&connect->transfer, route->outgoing);
        if (via != NULL && route->viaLogin != NULL)
            setLogin(connect, route->viaLogin);
        originTransferPrefer(&connect->transfer, via != NULL ? via : base,
                             route->addrs, route->addrCount);
    }
    free(base);
    free(via);
    if (rc < 0) {
        free(connect);
        errno = -rc;
        return NULL;
    }
    connect->magic = ORIGIN_CONNECT_MAGIC;
    connect->cb = cb;
    connect->data = data;
    connect->transfer.finish = finishConnect;
    connect->transfer.release = releaseConnect;
    originTransferStart(&connect->transfer);
    return connect;
}

void
originConnectCancel(OriginConnect **connect)
{
    if (*connect == NULL)
        return;
    CHECK_OBJ(*connect, ORIGIN_CONNECT_MAGIC);
    originTransferDrop(&(*connect)->transfer);
    *connect = NULL;
}
