/* The manager port: connections and routes. DEBUG: section 16 */
#include "manager.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "address.h"
#include "check.h"
#include "comm.h"
#include "debug.h"
#include "http_date.h"
#include "http_parse.h"
#include "http_url.h"
#include "list.h"
#include "listener.h"
#include "manager_priv.h"
#include "xalloc.h"

#define MANAGER_MAGIC 0x3a9a6e01u
#define MANAGER_CONN_MAGIC 0x3a9a6e02u
#define HEAD_TIMEOUT_MS 10000
#define WRITE_TIMEOUT_MS 30000
#define LINGER_MS 1000
#define CONNECTIONS_MAX 128
#define DOCUMENT_MAX (16 * 1024 * 1024)

struct Manager {
    uint32_t magic;
    char *addr;
    const Proxy *proxy;
    Listener *listener;
    ListNode conns;
    unsigned connCount;
};

typedef struct ManagerConn {
    uint32_t magic;
    ListNode node;
    Manager *manager;
    int fd;
    HttpParser *parser;
    Buf out;
} ManagerConn;

typedef struct Route {
    const char *path;
    const char *type;
    const char *fields; /* more header fields */
    int (*write)(Buf *out, const Proxy *proxy);
} Route;

#define NOT_STORED "Cache-Control: no-store\r\n"
#define PAGE_POLICY                                                            \
    "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; " \
    "script-src 'unsafe-inline'; connect-src 'self'; img-src data:; "          \
    "base-uri 'none'; frame-ancestors 'none'\r\n"

static const Route routes[] = {
    {"/", "text/html; charset=utf-8", NOT_STORED PAGE_POLICY, managerWritePage},
    {"/helpers", "application/json", NOT_STORED, managerWriteHelpers},
    {"/info", "application/json", NOT_STORED, managerWriteInfo},
    {"/metrics", "text/plain; version=0.0.4; charset=utf-8", NOT_STORED,
     managerWriteMetrics},
    {"/demo", "text/html; charset=utf-8", "Cache-Control: max-age=60\r\n",
     managerWriteDemo},
};

static void
freeConn(void *data)
{
    ManagerConn *conn = data;

    CHECK_OBJ_CLEAR(conn);
    free(conn);
}

static void
closeConn(ManagerConn *conn)
{
    CHECK_OBJ(conn, MANAGER_CONN_MAGIC);
    listRemove(&conn->node);
    conn->manager->connCount--;
    commClose(conn->fd);
    httpParserDestroy(&conn->parser);
    bufFini(&conn->out);
    commFreeLater(conn, freeConn);
}

static void
onConnTimeout(int fd, void *data)
{
    (void)fd;
    closeConn(data);
}

/* Wait for the peer to have read it all. */
static void
onLingerReadable(int fd, void *data)
{
    char sink[4096];
    ssize_t n = read(fd, sink, sizeof(sink));

    if (n > 0 || (n == -1 && errno == EAGAIN))
        commSetSelect(fd, COMM_SELECT_READ, onLingerReadable, data, 0);
    else
        closeConn(data);
}

static void
onConnWritable(int fd, void *data)
{
    ManagerConn *conn = data;

    CHECK_OBJ(conn, MANAGER_CONN_MAGIC);
    ssize_t n = write(fd, bufData(&conn->out), bufLen(&conn->out));
    if (n == -1 && errno != EAGAIN && errno != EINTR) {
        closeConn(conn);
        return;
    }
    if (n > 0)
        bufConsume(&conn->out, (size_t)n);
    if (bufLen(&conn->out) > 0) {
        commSetSelect(fd, COMM_SELECT_WRITE, onConnWritable, conn, 0);
        return;
    }
    shutdown(fd, SHUT_WR);
    commSetTimeout(fd, LINGER_MS, onConnTimeout, conn);
    commSetSelect(fd, COMM_SELECT_READ, onLingerReadable, conn, 0);
}

static void
sendAnswer(ManagerConn *conn)
{
    commSetTimeout(conn->fd, WRITE_TIMEOUT_MS, onConnTimeout, conn);
    onConnWritable(conn->fd, conn);
}

static void
answerStatus(ManagerConn *conn, int status, const char *fields)
{
    const char *reason = httpStatusReason(status);

    bufPrintf(&conn->out,
              "HTTP/1.1 %d %s\r\nContent-Type: text/plain\r\n"
              "Content-Length: %zu\r\n%sConnection: close\r\n\r\n%s\n",
              status, reason, strlen(reason) + 1, fields, reason);
    sendAnswer(conn);
}

static void
answerDocument(ManagerConn *conn, const Route *route, bool isHead)
{
    Buf body;
    HttpSlice date = httpDateText(commWallUs() / 1000000);

    bufInit(&body, DOCUMENT_MAX);
    if (route->write(&body, conn->manager->proxy) < 0) {
        bufFini(&body);
        answerStatus(conn, 500, "");
        return;
    }
    bufPrintf(&conn->out,
              "HTTP/1.1 200 OK\r\nDate: %.*s\r\nContent-Type: %s\r\n"
              "Content-Length: %zu\r\nX-Content-Type-Options: nosniff\r\n%s"
              "Connection: close\r\n\r\n",
              HTTP_SLICE_ARG(date), route->type, bufLen(&body), route->fields);
    if (!isHead)
        bufAppend(&conn->out, bufData(&body), bufLen(&body));
    bufFini(&body);
    sendAnswer(conn);
}

/* The name in Host is under the control of whoever made the link. */
static bool
isHostTrusted(const HttpRequest *request)
{
    HttpSlice text = httpHeaderGet(&request->headers, HTTP_HEADER_HOST);
    HttpUrl url;

    if (text.data == NULL)
        return true; /* HTTP/1.0: no browser */
    return httpUrlParseAuthority(text, 80, &url) == HTTP_URL_ERROR_NONE &&
           (url.hostIsIpv4 || url.hostIsIpv6 ||
            httpSliceIs(url.host, "localhost"));
}

static const Route *
lookupRoute(HttpSlice target)
{
    const char *query = memchr(target.data, '?', target.len);

    if (query != NULL)
        target.len = (size_t)(query - target.data);
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
        if (httpSliceEqual(target, httpSliceText(routes[i].path)))
            return &routes[i];
    return NULL;
}

static void
answer(ManagerConn *conn)
{
    const HttpRequest *request = httpParserRequest(conn->parser);
    bool isHead = request->method == HTTP_METHOD_HEAD;
    const Route *route = lookupRoute(request->target);

    debug(DBG_MANAGER, 3, "manager: %.*s %.*s",
          HTTP_SLICE_ARG(request->methodText), HTTP_SLICE_ARG(request->target));
    if (!isHostTrusted(request))
        answerStatus(conn, 403, "");
    else if (route == NULL || request->form != HTTP_TARGET_ORIGIN)
        answerStatus(conn, 404, "");
    else if (!isHead && request->method != HTTP_METHOD_GET)
        answerStatus(conn, 405, "Allow: GET, HEAD\r\n");
    else
        answerDocument(conn, route, isHead);
}

static void
onConnReadable(int fd, void *data)
{
    ManagerConn *conn = data;
    char text[8192];
    HttpSlice body;
    size_t used;

    CHECK_OBJ(conn, MANAGER_CONN_MAGIC);
    ssize_t n = read(fd, text, sizeof(text));
    if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR)) {
        closeConn(conn);
        return;
    }
    HttpParseEvent event =
        httpParserFeed(conn->parser, text, n > 0 ? (size_t)n : 0, &used, &body);
    if (event == HTTP_PARSE_HEAD)
        answer(conn);
    else if (event == HTTP_PARSE_MORE)
        commSetSelect(fd, COMM_SELECT_READ, onConnReadable, conn, 0);
    else
        answerStatus(conn, httpParseErrorStatus(httpParserError(conn->parser)),
                     "");
}

static void
onConnection(Listener *listener, int fd, const ListenerPeer *peer, void *data)
{
    Manager *manager = data;

    (void)listener;
    (void)peer;
    CHECK_OBJ(manager, MANAGER_MAGIC);
    if (manager->connCount >= CONNECTIONS_MAX) {
        commClose(fd);
        return;
    }
    ManagerConn *conn = xcalloc(1, sizeof(*conn));
    conn->magic = MANAGER_CONN_MAGIC;
    conn->manager = manager;
    conn->fd = fd;
    conn->parser = httpParserCreate(NULL);
    bufInit(&conn->out, DOCUMENT_MAX + 4096);
    listPushBack(&manager->conns, &conn->node);
    manager->connCount++;
    commNote(fd, "manager client");
    commSetTimeout(fd, HEAD_TIMEOUT_MS, onConnTimeout, conn);
    commSetSelect(fd, COMM_SELECT_READ, onConnReadable, conn, 0);
}

static void
noteListening(const Manager *manager)
{
    struct sockaddr_storage addr;
    char text[ADDRESS_TEXT_MAX];

    listenerAddr(manager->listener, &addr);
    addressFormatPort((const struct sockaddr *)&addr, text);
    debug(DBG_MANAGER, 1, "manager at %s", text);
}

Manager *
managerCreate(const char *addr, const Proxy *proxy)
{
    Manager *manager = xcalloc(1, sizeof(*manager));
    ListenerConfig config;

    manager->magic = MANAGER_MAGIC;
    manager->proxy = proxy;
    listInit(&manager->conns);
    listenerConfigInit(&config);
    config.addr = addr;
    config.name = "manager_port";
    config.firstByteMs = HEAD_TIMEOUT_MS;
    config.ready = onConnection;
    config.data = manager;
    manager->listener = listenerCreate(&config);
    if (manager->listener == NULL) {
        free(manager);
        return NULL;
    }
    manager->addr = xstrdup(addr);
    noteListening(manager);
    return manager;
}

const char *
managerAddress(const Manager *manager)
{
    CHECK_OBJ(manager, MANAGER_MAGIC);
    return manager->addr;
}

void
managerDestroy(Manager **managerp)
{
    Manager *manager = *managerp;

    if (manager == NULL)
        return;
    CHECK_OBJ(manager, MANAGER_MAGIC);
    *managerp = NULL;
    listenerDestroy(&manager->listener);
    while (!listIsEmpty(&manager->conns))
        closeConn(LIST_OBJ(listFirst(&manager->conns), ManagerConn, node));
    free(manager->addr);
    CHECK_OBJ_CLEAR(manager);
    free(manager);
}
