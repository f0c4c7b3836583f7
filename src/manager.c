/* The manager ports and their connections. DEBUG: section 16 */
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
#include "http_parse.h"
#include "list.h"
#include "listener.h"
#include "manager_stream.h"
#include "xalloc.h"

#define MANAGER_MAGIC 0x3a9a6e01u
#define HEAD_TIMEOUT_MS 10000
#define WRITE_TIMEOUT_MS 30000
#define LINGER_MS 1000
#define CONNECTIONS_MAX 128
#define DRAIN_MS 5000

typedef struct ManagerPort {
    char *addr;
    Listener *listener;
} ManagerPort;

struct Manager {
    uint32_t magic;
    ManagerConfig config;
    ManagerPort *ports;
    size_t portCount;
    ListNode conns;
    unsigned connCount;
    Auth *auth;   /* NULL: there was no manager_auth so far */
    Config *conf; /* in force, or NULL */
    ManagerHistory *history;
    ManagerEvents *events;
    CommDeferred deferred;
    ManagerCommand later; /* what it is to do */
};

static void
freeConn(void *data)
{
    ManagerConn *conn = data;

    CHECK_OBJ_CLEAR(conn);
    free(conn);
}

void
managerConnClose(ManagerConn *conn)
{
    CHECK_OBJ(conn, MANAGER_CONN_MAGIC);
    listRemove(&conn->node);
    conn->manager->connCount--;
    managerStreamDestroy(&conn->stream);
    authCheckCancel(&conn->auth);
    commClose(conn->fd);
    httpParserDestroy(&conn->parser);
    bufFini(&conn->out);
    commFreeLater(conn, freeConn);
}

static void
onConnTimeout(int fd, void *data)
{
    (void)fd;
    managerConnClose(data);
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
        managerConnClose(data);
}

static void
onConnWritable(int fd, void *data)
{
    ManagerConn *conn = data;

    CHECK_OBJ(conn, MANAGER_CONN_MAGIC);
    ssize_t n = write(fd, bufData(&conn->out), bufLen(&conn->out));
    if (n == -1 && errno != EAGAIN && errno != EINTR) {
        managerConnClose(conn);
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

void
managerConnSend(ManagerConn *conn)
{
    commSetTimeout(conn->fd, WRITE_TIMEOUT_MS, onConnTimeout, conn);
    onConnWritable(conn->fd, conn);
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
        managerConnClose(conn);
        return;
    }
    size_t len = n > 0 ? (size_t)n : 0;
    HttpParseEvent event =
        httpParserFeed(conn->parser, text, len, &used, &body);
    if (event == HTTP_PARSE_HEAD)
        managerLoginAnswer(conn);
    else if (event == HTTP_PARSE_MORE)
        commSetSelect(fd, COMM_SELECT_READ, onConnReadable, conn, 0);
    else
        managerRouteRefuse(
            conn, httpParseErrorStatus(httpParserError(conn->parser)), "", "");
}

static void
onConnection(Listener *listener, int fd, const ListenerPeer *peer, void *data)
{
    Manager *manager = data;

    (void)listener;
    CHECK_OBJ(manager, MANAGER_MAGIC);
    if (manager->connCount >= CONNECTIONS_MAX) {
        commClose(fd);
        return;
    }
    ManagerConn *conn = xcalloc(1, sizeof(*conn));
    conn->magic = MANAGER_CONN_MAGIC;
    conn->manager = manager;
    conn->fd = fd;
    conn->isUnix = peer->local.ss_family == AF_UNIX;
    conn->peer = peer->peer;
    authCheckInit(&conn->auth);
    conn->parser = httpParserCreate(NULL);
    bufInit(&conn->out, MANAGER_DOCUMENT_MAX + 4096);
    listPushBack(&manager->conns, &conn->node);
    manager->connCount++;
    commNote(fd, "manager client");
    commSetTimeout(fd, HEAD_TIMEOUT_MS, onConnTimeout, conn);
    commSetSelect(fd, COMM_SELECT_READ, onConnReadable, conn, 0);
}

static void
noteListening(const ManagerPort *port)
{
    struct sockaddr_storage addr;
    char text[ADDRESS_TEXT_MAX];

    listenerAddr(port->listener, &addr);
    if (addr.ss_family == AF_UNIX) {
        debug(DBG_MANAGER, 1, "manager at %s", port->addr);
        return;
    }
    addressFormatPort((const struct sockaddr *)&addr, text);
    debug(DBG_MANAGER, 1, "manager at %s", text);
}

static void
closePorts(ManagerPort *ports, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        listenerDestroy(&ports[i].listener);
        free(ports[i].addr);
    }
    free(ports);
}

/* 0 or -errno. */
static int
openPort(Manager *manager, ManagerPort *port)
{
    ListenerConfig config;

    listenerConfigInit(&config);
    config.addr = port->addr;
    config.name = "manager_port";
    config.firstByteMs = HEAD_TIMEOUT_MS;
    config.ready = onConnection;
    config.data = manager;
    port->listener = listenerCreate(&config);
    if (port->listener == NULL)
        return -errno;
    noteListening(port);
    return 0;
}

static ManagerPort *
lookupPort(const Manager *manager, const char *addr)
{
    for (size_t i = 0; i < manager->portCount; i++) {
        ManagerPort *port = &manager->ports[i];

        if (port->listener != NULL && strcmp(port->addr, addr) == 0)
            return port;
    }
    return NULL;
}

static bool
isWanted(const ConfigPort *lines, size_t count, const char *addr)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(lines[i].addr, addr) == 0)
            return true;
    return false;
}

/* Close what will not be needed and may hold the address. True: something
 * was closed. */
static bool
makeRoom(Manager *manager, const ConfigPort *lines, size_t count,
         const char *addr)
{
    bool isClosed = false;

    for (size_t i = 0; i < manager->portCount; i++) {
        ManagerPort *port = &manager->ports[i];

        if (port->listener == NULL || isWanted(lines, count, port->addr) ||
            !addressIsSamePort(port->addr, addr))
            continue;
        listenerDestroy(&port->listener);
        isClosed = true;
    }
    return isClosed;
}

static int
openLine(Manager *manager, const ConfigPort *lines, size_t count,
         ManagerPort *port)
{
    int rc = openPort(manager, port);

    if (rc == -EADDRINUSE && makeRoom(manager, lines, count, port->addr))
        rc = openPort(manager, port);
    return rc;
}

/* Open in ports what is not open yet. 0, or the last -errno. */
static int
openLines(Manager *manager, const ConfigPort *lines, size_t count,
          ManagerPort *ports, ProxyComplainCb *complain, void *data)
{
    int failure = 0;

    for (size_t i = 0; i < count; i++) {
        ManagerPort *port = &ports[i];

        port->addr = xstrdup(lines[i].addr);
        bool isOpen = lookupPort(manager, port->addr) != NULL;
        int rc = isOpen ? 0 : openLine(manager, lines, count, port);
        if (rc == 0)
            continue;
        char *text = xasprintf("%s: manager_port %s: %s", lines[i].where,
                               port->addr, strerror(-rc));
        complain(text, data);
        free(text);
        failure = rc;
    }
    return failure;
}

/* What was closed to make room is needed again. */
static void
reopenPorts(Manager *manager)
{
    for (size_t i = 0; i < manager->portCount; i++) {
        ManagerPort *port = &manager->ports[i];
        int rc = port->listener != NULL ? 0 : openPort(manager, port);

        if (rc < 0)
            debug(DBG_MANAGER, 0, "manager_port %s: %s", port->addr,
                  strerror(-rc));
    }
}

int
managerListen(Manager *manager, const ConfigPort *lines, size_t count,
              ProxyComplainCb *complain, void *data)
{
    CHECK_OBJ(manager, MANAGER_MAGIC);
    ManagerPort *ports = xcalloc(count + 1, sizeof(*ports));
    int rc = openLines(manager, lines, count, ports, complain, data);

    if (rc < 0) {
        closePorts(ports, count);
        reopenPorts(manager);
        return rc;
    }
    for (size_t i = 0; i < count; i++) {
        if (ports[i].listener != NULL)
            continue;
        ManagerPort *kept = lookupPort(manager, ports[i].addr);
        ports[i].listener = kept->listener;
        kept->listener = NULL;
    }
    closePorts(manager->ports, manager->portCount);
    manager->ports = ports;
    manager->portCount = count;
    return 0;
}

static void
onCommandDue(void *data)
{
    Manager *manager = data;
    Buf text;

    CHECK_OBJ(manager, MANAGER_MAGIC);
    bufInit(&text, COMMAND_TEXT_MAX);
    int rc =
        manager->config.command(manager->later, &text, manager->config.data);
    debug(DBG_MANAGER, 1, "manager: a command that was asked for: %s",
          rc == 0 ? "done" : strerror(-rc));
    bufFini(&text);
}

void
managerCommandLater(Manager *manager, ManagerCommand command)
{
    CHECK_OBJ(manager, MANAGER_MAGIC);
    manager->later = command;
    commDefer(&manager->deferred);
}

const Proxy *
managerProxy(const Manager *manager)
{
    CHECK_OBJ(manager, MANAGER_MAGIC);
    return manager->config.proxy;
}

const ManagerHistory *
managerHistory(const Manager *manager)
{
    CHECK_OBJ(manager, MANAGER_MAGIC);
    return manager->history;
}

Manager *
managerCreate(const ManagerConfig *config)
{
    Manager *manager = xcalloc(1, sizeof(*manager));

    manager->magic = MANAGER_MAGIC;
    manager->config = *config;
    listInit(&manager->conns);
    manager->history = managerHistoryCreate(config->proxy);
    manager->events = managerEventsCreate(config->proxy);
    commDeferInit(&manager->deferred, onCommandDue, manager);
    return manager;
}

const ManagerConfig *
managerConnConfig(const ManagerConn *conn)
{
    CHECK_OBJ(conn->manager, MANAGER_MAGIC);
    return &conn->manager->config;
}

ManagerEvents *
managerConnEvents(const ManagerConn *conn)
{
    CHECK_OBJ(conn->manager, MANAGER_MAGIC);
    return conn->manager->events;
}

void
managerConfigure(Manager *manager, Config *config)
{
    CHECK_OBJ(manager, MANAGER_MAGIC);
    configUnref(&manager->conf);
    manager->conf = configRef(config);
    if (manager->auth != NULL)
        authReconfigure(manager->auth, config);
    else if (config->managerAuth.count > 0)
        manager->auth = authCreate(config, AUTH_USE_MANAGER);
}

void
managerRotate(Manager *manager)
{
    CHECK_OBJ(manager, MANAGER_MAGIC);
    if (manager->auth != NULL)
        authRotate(manager->auth, DRAIN_MS);
}

Auth *
managerConnAuth(const ManagerConn *conn)
{
    CHECK_OBJ(conn->manager, MANAGER_MAGIC);
    const Config *conf = conn->manager->conf;

    return conf != NULL && conf->managerAuth.count > 0 ? conn->manager->auth
                                                       : NULL;
}

const Config *
managerConnRules(const ManagerConn *conn)
{
    CHECK_OBJ(conn->manager, MANAGER_MAGIC);
    return conn->manager->conf;
}

const char *
managerConnHostname(const ManagerConn *conn)
{
    CHECK_OBJ(conn->manager, MANAGER_MAGIC);
    const Config *conf = conn->manager->conf;

    return conf != NULL ? conf->visibleHostname : "localhost";
}

void
managerDestroy(Manager **managerp)
{
    Manager *manager = *managerp;

    if (manager == NULL)
        return;
    CHECK_OBJ(manager, MANAGER_MAGIC);
    *managerp = NULL;
    commDeferCancel(&manager->deferred);
    managerHistoryDestroy(&manager->history);
    closePorts(manager->ports, manager->portCount);
    while (!listIsEmpty(&manager->conns))
        managerConnClose(
            LIST_OBJ(listFirst(&manager->conns), ManagerConn, node));
    managerEventsDestroy(&manager->events);
    authDestroy(&manager->auth);
    configUnref(&manager->conf);
    CHECK_OBJ_CLEAR(manager);
    free(manager);
}
