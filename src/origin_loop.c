/* libcurl's multi interface on comm. DEBUG: section 11 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <uthash.h>

#include "address.h"
#include "buf.h"
#include "check.h"
#include "comm.h"
#include "debug.h"
#include "origin_priv.h"
#include "xalloc.h"

#define ORIGIN_SOCKET_MAGIC 0x0516a50cu
#define SWEEP_MS 250
#define HANDLES_KEPT 64

typedef struct OriginSocket {
    uint32_t magic;
    int fd;   /* -1: forgotten */
    int what; /* CURL_POLL_*; NONE while no transfer uses it */
    UT_hash_handle hh;
} OriginSocket;

static struct {
    CURLM *multi;
    OriginSocket *sockets; /* by fd */
    CommTimer *timer;      /* libcurl's */
    CommTimer *sweep;      /* looks for silent servers */
    CommDeferred reap;     /* frees what was dropped */
    CommDeferred begin;    /* starts what waits */
    ListNode active;
    ListNode waiting; /* begun while libcurl was on the stack */
    ListNode dead;
    unsigned activeCount;
    CURL *kept[HANDLES_KEPT];
    unsigned keptCount;
    bool keepsHandles;
} loop;

static const char *const resultNames[ORIGIN_RESULT_COUNT] = {
    [ORIGIN_OK] = "OK",
    [ORIGIN_DNS_FAIL] = "DNS_FAIL",
    [ORIGIN_CONNECT_FAIL] = "CONNECT_FAIL",
    [ORIGIN_CONNECT_TIMEOUT] = "CONNECT_TIMEOUT",
    [ORIGIN_TLS_FAIL] = "TLS_FAIL",
    [ORIGIN_EMPTY] = "EMPTY",
    [ORIGIN_INVALID] = "INVALID",
    [ORIGIN_TOO_LARGE] = "TOO_LARGE",
    [ORIGIN_READ_TIMEOUT] = "READ_TIMEOUT",
    [ORIGIN_TRUNCATED] = "TRUNCATED",
    [ORIGIN_FAIL] = "FAIL",
    [ORIGIN_NO_ROUTE] = "NO_ROUTE",
};

const char *
originResultName(OriginResult result)
{
    return result < ORIGIN_RESULT_COUNT ? resultNames[result] : "FAIL";
}

static OriginResult
resultOf(CURLcode code)
{
    switch (code) {
    case CURLE_OK:
        return ORIGIN_OK;
    case CURLE_COULDNT_RESOLVE_HOST:
        return ORIGIN_DNS_FAIL;
    case CURLE_COULDNT_CONNECT:
        return ORIGIN_CONNECT_FAIL;
    case CURLE_OPERATION_TIMEDOUT:
        return ORIGIN_CONNECT_TIMEOUT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
        return ORIGIN_TLS_FAIL;
    case CURLE_GOT_NOTHING:
        return ORIGIN_EMPTY;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_BAD_CONTENT_ENCODING:
        return ORIGIN_INVALID;
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
        return ORIGIN_TRUNCATED;
    default:
        return ORIGIN_FAIL;
    }
}

/* Runs when libcurl is not on the stack. */
static void
finishTransfer(OriginTransfer *transfer, OriginResult result)
{
    if (transfer->isDead)
        return; /* the reaper has it */
    if (result != ORIGIN_OK)
        debug(DBG_HTTP, 3, "origin: %s: %s", originResultName(result),
              transfer->why);
    transfer->finish(transfer, result);
}

static void
collectFinished(void)
{
    CURLMsg *msg;
    int left;

    while ((msg = curl_multi_info_read(loop.multi, &left)) != NULL) {
        OriginTransfer *transfer = NULL;
        CURLcode code = msg->data.result;

        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &transfer);
        if (code != CURLE_OK && transfer->why[0] == '\0')
            snprintf(transfer->why, sizeof(transfer->why), "%s",
                     curl_easy_strerror(code));
        finishTransfer(transfer, resultOf(code));
    }
}

static void
act(curl_socket_t fd, int events)
{
    int running;

    curl_multi_socket_action(loop.multi, fd, events, &running);
    collectFinished();
}

static void watchSocket(OriginSocket *sock);

static void
onSocketEvent(int fd, void *data, int event)
{
    OriginSocket *sock = data;

    CHECK_OBJ(sock, ORIGIN_SOCKET_MAGIC);
    act(fd, event);
    if (sock->fd != -1)
        watchSocket(sock);
}

static void
onSocketReadable(int fd, void *data)
{
    onSocketEvent(fd, data, CURL_CSELECT_IN);
}

static void
onSocketWritable(int fd, void *data)
{
    onSocketEvent(fd, data, CURL_CSELECT_OUT);
}

static void
watchSocket(OriginSocket *sock)
{
    bool in = sock->what & CURL_POLL_IN;
    bool out = sock->what & CURL_POLL_OUT;

    commSetSelect(sock->fd, COMM_SELECT_READ, in ? onSocketReadable : NULL,
                  sock, 0);
    commSetSelect(sock->fd, COMM_SELECT_WRITE, out ? onSocketWritable : NULL,
                  sock, 0);
}

static OriginSocket *
findSocket(int fd)
{
    OriginSocket *sock = NULL;

    HASH_FIND_INT(loop.sockets, &fd, sock);
    return sock;
}

static OriginSocket *
rememberSocket(int fd)
{
    OriginSocket *sock = xcalloc(1, sizeof(*sock));

    sock->magic = ORIGIN_SOCKET_MAGIC;
    sock->fd = fd;
    HASH_ADD_INT(loop.sockets, fd, sock);
    return sock;
}

static void
forgetSocket(OriginSocket *sock)
{
    if (sock == NULL)
        return;
    HASH_DEL(loop.sockets, sock);
    commRelease(sock->fd);
    sock->fd = -1;
    commFreeLater(sock, free);
}

static int
onCurlSocket(CURL *easy, curl_socket_t fd, int what, void *data,
             void *socketData)
{
    OriginSocket *sock = findSocket(fd);

    (void)easy;
    (void)data;
    (void)socketData;
    if (what == CURL_POLL_REMOVE) {
        forgetSocket(sock);
        return 0;
    }
    if (sock == NULL) {
        sock = rememberSocket(fd);
        commSetSelect(fd, COMM_SELECT_READ, onSocketReadable, sock, 0);
        commNote(fd, "origin");
    }
    sock->what = what;
    watchSocket(sock);
    return 0;
}

/* Where this end of a transfer's connection is, as text and number. */
static bool
isAt(const OriginTransfer *transfer, const char *addr, long port)
{
    const char *ownAddr = NULL;
    long ownPort = 0;

    curl_easy_getinfo(transfer->easy, CURLINFO_LOCAL_IP, &ownAddr);
    curl_easy_getinfo(transfer->easy, CURLINFO_LOCAL_PORT, &ownPort);
    return ownPort == port && ownAddr != NULL && strcmp(ownAddr, addr) == 0;
}

/* A transfer that pauses before libcurl has looked at its socket for the first
 * time: what comes is for it. */
static bool
isInUse(int fd)
{
    struct sockaddr_storage own;
    struct sockaddr *addr = (struct sockaddr *)&own;
    socklen_t len = sizeof(own);
    char text[ADDRESS_TEXT_MAX];
    ListNode *it, *tmp;

    if (getsockname(fd, addr, &len) == -1)
        return false;
    addressFormat(addr, text);
    LIST_FOREACH(&loop.active, it, tmp) {
        const OriginTransfer *transfer = LIST_OBJ(it, OriginTransfer, node);

        if (transfer->isWaiting && isAt(transfer, text, addressPort(addr)))
            return true;
    }
    return false;
}

/* Octets that nobody asked for, or the end. Nothing that comes on this
 * connection can be the answer to a later request: after the shutdown
 * libcurl finds it dead and takes another one. */
static void
onIdleReadable(int fd, void *data)
{
    OriginSocket *sock = data;
    char octet;

    CHECK_OBJ(sock, ORIGIN_SOCKET_MAGIC);
    ssize_t n = recv(fd, &octet, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
        commSetSelect(fd, COMM_SELECT_READ, onIdleReadable, sock, 0);
        return;
    }
    if (isInUse(fd)) {
        forgetSocket(sock); /* libcurl tells of it when it goes on */
        return;
    }
    if (n > 0)
        debug(DBG_HTTP, 2, "origin: octets after the end of an answer");
    shutdown(fd, SHUT_RDWR);
    forgetSocket(sock);
}

static int
onCloseSocket(void *data, curl_socket_t fd)
{
    (void)data;
    forgetSocket(findSocket(fd));
    return close(fd);
}

void
originTransferShare(OriginTransfer *transfer)
{
    ORIGIN_SET(transfer->easy, CURLOPT_CLOSESOCKETFUNCTION, onCloseSocket);
}

void
originTransferRest(OriginTransfer *transfer)
{
    curl_socket_t fd = CURL_SOCKET_BAD;

    curl_easy_getinfo(transfer->easy, CURLINFO_ACTIVESOCKET, &fd);
    if (fd == CURL_SOCKET_BAD || findSocket(fd) != NULL)
        return; /* closed, or used again already */
    commSetSelect(fd, COMM_SELECT_READ, onIdleReadable, rememberSocket(fd), 0);
    commNote(fd, "idle origin");
}

static void
onCurlTimeout(void *data)
{
    (void)data;
    loop.timer = NULL;
    act(CURL_SOCKET_TIMEOUT, 0);
}

static int
onCurlTimer(CURLM *multi, long timeoutMs, void *data)
{
    (void)multi;
    (void)data;
    commTimerCancel(&loop.timer);
    if (timeoutMs >= 0)
        loop.timer = commTimerAdd(timeoutMs, onCurlTimeout, NULL);
    return 0;
}

static bool
isSilent(const OriginTransfer *transfer, int64_t nowUs)
{
    return transfer->silenceMs > 0 && !transfer->isWaiting &&
           nowUs - transfer->lastUs > transfer->silenceMs * INT64_C(1000);
}

static void
onSweep(void *data)
{
    ListNode *it, *tmp;
    ListNode silent;

    (void)data;
    loop.sweep = NULL;
    listInit(&silent);
    LIST_FOREACH(&loop.active, it, tmp) {
        if (isSilent(LIST_OBJ(it, OriginTransfer, node), commNowUs())) {
            listRemove(it);
            listPushBack(&silent, it);
        }
    }
    /* A finish may drop others of this list, so take the first each time. */
    while ((it = listFirst(&silent)) != NULL) {
        OriginTransfer *transfer = LIST_OBJ(it, OriginTransfer, node);

        listRemove(it);
        listPushBack(&loop.active, it);
        snprintf(transfer->why, sizeof(transfer->why), "no answer for %d ms",
                 transfer->silenceMs);
        finishTransfer(transfer, ORIGIN_READ_TIMEOUT);
    }
    if (!listIsEmpty(&loop.active))
        loop.sweep = commTimerAdd(SWEEP_MS, onSweep, NULL);
}

static void
reapDead(void *data)
{
    ListNode *it;

    (void)data;
    while ((it = listFirst(&loop.dead)) != NULL) {
        OriginTransfer *transfer = LIST_OBJ(it, OriginTransfer, node);

        transfer->release(transfer);
    }
}

static CURL *
takeHandle(void)
{
    if (loop.keptCount > 0)
        return loop.kept[--loop.keptCount];
    CURL *easy = curl_easy_init();
    CHECK(easy != NULL);
    return easy;
}

/* Before 8.1.1, libcurl keeps in a handle a pointer to the last field that
 * the handle got, although that field is freed with the next transfer: a head
 * whose first line is folded is then joined to what is no more. */
static bool
mayServeTwice(void)
{
    return curl_version_info(CURLVERSION_NOW)->version_num >= 0x080101;
}

static void
giveHandle(CURL *easy)
{
    if (!loop.keepsHandles || loop.keptCount == HANDLES_KEPT) {
        curl_easy_cleanup(easy);
        return;
    }
    curl_easy_reset(easy);
    loop.kept[loop.keptCount++] = easy;
}

int
originTransferOpen(OriginTransfer *transfer, const char *base,
                   int connectTimeoutMs)
{
    CURL *easy = takeHandle();

    if (curl_easy_setopt(easy, CURLOPT_URL, base) != CURLE_OK) {
        giveHandle(easy);
        return -EINVAL;
    }
    transfer->easy = easy;
    loop.activeCount++;
    listInit(&transfer->node);
    ORIGIN_SET(easy, CURLOPT_PRIVATE, transfer);
    ORIGIN_SET(easy, CURLOPT_ERRORBUFFER, transfer->why);
    ORIGIN_SET(easy, CURLOPT_NOSIGNAL, 1L);
    ORIGIN_SET(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    ORIGIN_SET(easy, CURLOPT_PROXY, "");
    ORIGIN_SET(easy, CURLOPT_NOPROXY, "*");
    ORIGIN_SET(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    ORIGIN_SET(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connectTimeoutMs);
    return 0;
}

/* The "+" lets the entry grow old as those do that libcurl looked up. */
void
originTransferPrefer(OriginTransfer *transfer, const char *base,
                     const struct sockaddr_storage *addrs, size_t count)
{
    const char *host = strstr(base, "://");
    char one[ADDRESS_TEXT_MAX];
    Buf text;

    if (count < 2 || host == NULL)
        return;
    host += 3;
    bufInit(&text, 4096);
    bufPrintf(&text, "+%.*s:", (int)strcspn(host, "/"), host);
    for (size_t i = 0; i < count; i++) {
        addressFormat((const struct sockaddr *)&addrs[i], one);
        bufPrintf(&text, "%s%s", i > 0 ? "," : "", one);
    }
    if (bufAppend(&text, "", 1) == 0) {
        transfer->addrs = curl_slist_append(NULL, bufData(&text));
        CHECK(transfer->addrs != NULL);
        ORIGIN_SET(transfer->easy, CURLOPT_RESOLVE, transfer->addrs);
    }
    bufFini(&text);
}

static CURLcode
onContext(CURL *easy, void *context, void *data)
{
    (void)easy;
    return tlsClientApply(data, context) == 0 ? CURLE_OK
                                              : CURLE_SSL_CERTPROBLEM;
}

/* The host that base names is connected to for a URL of that domain. */
static void
connectToBase(OriginTransfer *transfer, const char *base, const char *domain)
{
    const char *host = base + strlen("https://");
    int len = (int)strcspn(host, "/");
    const char *port = memrchr(host, ':', (size_t)len);
    char *to = xasprintf("::%.*s", len, host);
    char *url =
        xasprintf("https://%s%.*s/", domain, (int)(host + len - port), port);

    transfer->connectTo = curl_slist_append(NULL, to);
    CHECK(transfer->connectTo != NULL);
    ORIGIN_SET(transfer->easy, CURLOPT_CONNECT_TO, transfer->connectTo);
    ORIGIN_SET(transfer->easy, CURLOPT_URL, url);
    free(to);
    free(url);
}

void
originTransferSecure(OriginTransfer *transfer, const char *base,
                     const OriginTls *tls)
{
    CURL *easy = transfer->easy;
    char trust[40];

    transfer->tls = tlsClientRef(tls->client);
    ORIGIN_SET(easy, CURLOPT_SSL_CTX_FUNCTION, onContext);
    ORIGIN_SET(easy, CURLOPT_SSL_CTX_DATA, transfer->tls);
    ORIGIN_SET(easy, CURLOPT_SSL_VERIFYPEER, tls->noVerify ? 0L : 1L);
    ORIGIN_SET(easy, CURLOPT_SSL_VERIFYHOST,
               tls->noVerify || tls->anyDomain ? 0L : 2L);
    /* libcurl would read the system's authorities for each connection. No
     * file is read by this name: it only keeps libcurl from using connections
     * that were made with other trust. */
    snprintf(trust, sizeof(trust), "/nowhere/%" PRIu64,
             tlsClientId(tls->client));
    ORIGIN_SET(easy, CURLOPT_CAINFO, NULL);
    ORIGIN_SET(easy, CURLOPT_CAPATH, trust);
    if (tls->domain != NULL)
        connectToBase(transfer, base, tls->domain);
}

void
originTransferFrom(OriginTransfer *transfer, const char *outgoing)
{
    char text[ADDRESS_TEXT_MAX + 8];

    if (outgoing == NULL)
        return;
    snprintf(text, sizeof(text), "host!%s", outgoing);
    ORIGIN_SET(transfer->easy, CURLOPT_INTERFACE, text);
}

void
originTransferStart(OriginTransfer *transfer)
{
    CURLMcode code = curl_multi_add_handle(loop.multi, transfer->easy);

    if (code == CURLM_RECURSIVE_API_CALL) {
        listPushBack(&loop.waiting, &transfer->node);
        commDefer(&loop.begin);
        return;
    }
    CHECK(code == CURLM_OK);
    transfer->lastUs = commNowUs();
    listPushBack(&loop.active, &transfer->node);
    if (loop.sweep == NULL)
        loop.sweep = commTimerAdd(SWEEP_MS, onSweep, NULL);
}

static void
beginWaiting(void *data)
{
    ListNode *it;

    (void)data;
    while ((it = listFirst(&loop.waiting)) != NULL) {
        listRemove(it);
        originTransferStart(LIST_OBJ(it, OriginTransfer, node));
    }
}

void
originTransferDrop(OriginTransfer *transfer)
{
    CHECK(!transfer->isDead);
    transfer->isDead = true;
    /* libcurl may be on the stack: it is told at the end of the turn. */
    listRemove(&transfer->node);
    listPushBack(&loop.dead, &transfer->node);
    commDefer(&loop.reap);
}

void
originTransferClose(OriginTransfer *transfer)
{
    CURLMcode code = curl_multi_remove_handle(loop.multi, transfer->easy);

    CHECK(code == CURLM_OK);
    loop.activeCount--;
    listRemove(&transfer->node);
    giveHandle(transfer->easy);
    transfer->easy = NULL;
    curl_slist_free_all(transfer->addrs);
    curl_slist_free_all(transfer->connectTo);
    transfer->addrs = transfer->connectTo = NULL;
    tlsClientUnref(&transfer->tls);
}

unsigned
originActive(void)
{
    return loop.activeCount;
}

/* What it trusts is OpenSSL's. */
static bool
hasOpenssl(void)
{
    const char *version = curl_version_info(CURLVERSION_NOW)->ssl_version;

    if (version != NULL && strstr(version, "OpenSSL") != NULL)
        return true;
    debug(DBG_HTTP, 0, "this libcurl has %s, but OpenSSL is needed",
          version != NULL ? version : "no TLS");
    return false;
}

int
originInit(unsigned maxIdle)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return -ENOMEM;
    if (!hasOpenssl())
        return -ENOTSUP;
    loop.multi = curl_multi_init();
    if (loop.multi == NULL)
        return -ENOMEM;
    listInit(&loop.active);
    listInit(&loop.waiting);
    listInit(&loop.dead);
    loop.keepsHandles = mayServeTwice();
    commDeferInit(&loop.begin, beginWaiting, NULL);
    commDeferInit(&loop.reap, reapDead, NULL);
    curl_multi_setopt(loop.multi, CURLMOPT_SOCKETFUNCTION, onCurlSocket);
    curl_multi_setopt(loop.multi, CURLMOPT_TIMERFUNCTION, onCurlTimer);
    curl_multi_setopt(loop.multi, CURLMOPT_MAXCONNECTS, (long)maxIdle);
    return 0;
}

void
originFini(void)
{
    ListNode *it;

    while ((it = listFirst(&loop.active)) != NULL ||
           (it = listFirst(&loop.waiting)) != NULL)
        originTransferDrop(LIST_OBJ(it, OriginTransfer, node));
    commDeferCancel(&loop.begin);
    commDeferCancel(&loop.reap);
    reapDead(NULL);
    while (loop.keptCount > 0)
        curl_easy_cleanup(loop.kept[--loop.keptCount]);
    curl_multi_cleanup(loop.multi);
    loop.multi = NULL;
    commTimerCancel(&loop.timer);
    commTimerCancel(&loop.sweep);
    curl_global_cleanup();
}
