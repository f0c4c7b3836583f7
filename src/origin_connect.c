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

OriginConnect *
originConnectStart(const char *host, unsigned port, int timeoutMs,
                   OriginConnectCb *cb, void *data)
{
    OriginConnect *connect = xcalloc(1, sizeof(*connect));
    char *base = strchr(host, ':') != NULL && host[0] != '['
                     ? xasprintf("http://[%s]:%u/", host, port)
                     : xasprintf("http://%s:%u/", host, port);
    int rc = originTransferOpen(&connect->transfer, base, timeoutMs);

    free(base);
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
    ORIGIN_SET(connect->transfer.easy, CURLOPT_CONNECT_ONLY, 1L);
    ORIGIN_SET(connect->transfer.easy, CURLOPT_FRESH_CONNECT, 1L);
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
