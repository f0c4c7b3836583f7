/* What the manager is asked for. DEBUG: section 16 */
#include <errno.h>
#include <string.h>

#include "comm.h"
#include "debug.h"
#include "http_date.h"
#include "manager_priv.h"

/* One of write, query, open and none: a document, one about what the query
 * says, a stream, a command. */
typedef struct Route {
    const char *path;
    const char *type;
    const char *fields;          /* more header fields */
    const char *(*policy)(void); /* and more, or NULL */
    int (*write)(Buf *out, const Proxy *proxy);
    int (*query)(Buf *out, const Proxy *proxy, HttpSlice target);
    void (*open)(ManagerConn *conn);
    ManagerCommand command;
    bool isPost;    /* of query: it changes something */
    bool isGuarded; /* see managerGuardRefusal */
    bool isForAll;  /* clients of the proxy get it through the proxy */
    bool hasJson;   /* jsonRoute instead, for those who want JSON */
} Route;

#define VARIES "Vary: Accept\r\n"
#define NOT_STORED "Cache-Control: no-store\r\n"
#define HTML "text/html; charset=utf-8"
#define JSON "application/json"
#define TEXT "text/plain; charset=utf-8"
#define PROMETHEUS "text/plain; version=0.0.4; charset=utf-8"

#define DOCUMENT(where, what, writer)                                          \
    {                                                                          \
        .path = where, .type = what, .fields = NOT_STORED, .write = writer     \
    }
#define QUERY(where, writer, post)                                             \
    {                                                                          \
        .path = where, .type = JSON, .fields = NOT_STORED, .query = writer,    \
        .isPost = post, .isGuarded = true                                      \
    }
#define COMMAND(where, what)                                                   \
    {                                                                          \
        .path = where, .type = TEXT, .fields = NOT_STORED, .command = what,    \
        .isGuarded = true                                                      \
    }

static const Route routes[] = {
    {.path = "/",
     .type = HTML,
     .fields = VARIES NOT_STORED,
     .policy = managerPagePolicy,
     .write = managerWritePage,
     .hasJson = true},
    DOCUMENT("/helpers", JSON, managerWriteHelpers),
    DOCUMENT("/latencies", JSON, managerWriteLatencies),
    DOCUMENT("/info", JSON, managerWriteInfo),
    DOCUMENT("/peers", JSON, managerWritePeers),
    DOCUMENT("/pinger", JSON, managerWritePinger),
    {.path = "/metrics",
     .type = PROMETHEUS,
     .fields = VARIES NOT_STORED,
     .write = managerWriteMetrics,
     .hasJson = true},
    {.path = "/demo",
     .type = HTML,
     .fields = "Cache-Control: max-age=60\r\n",
     .write = managerWriteDemo,
     .isForAll = true},
    {.path = "/events", .open = managerEventsOpen},
    {.path = "/tap", .open = managerTapOpen, .isGuarded = true},
    QUERY("/cache", managerCacheList, false),
    QUERY("/cache/object", managerCacheObject, false),
    QUERY("/cache/purge", managerCachePurge, true),
    COMMAND("/reconfigure", MANAGER_RECONFIGURE),
    COMMAND("/rotate", MANAGER_ROTATE),
    COMMAND("/shutdown", MANAGER_SHUTDOWN),
};

static const Route jsonRoute = {
    .type = JSON, .fields = VARIES NOT_STORED, .write = managerWriteFigures};

static void
putHead(ManagerConn *conn, int status, const char *type, size_t length)
{
    HttpSlice date = httpDateText(commWallUs() / 1000000);

    bufPrintf(&conn->out,
              "HTTP/1.1 %d %s\r\nDate: %.*s\r\nContent-Type: %s\r\n"
              "Content-Length: %zu\r\nX-Content-Type-Options: nosniff\r\n"
              "Connection: close\r\n",
              status, httpStatusReason(status), HTTP_SLICE_ARG(date), type,
              length);
}

void
managerRouteRefuse(ManagerConn *conn, int status, const char *fields,
                   const char *why)
{
    if (why[0] == '\0')
        why = httpStatusReason(status);
    putHead(conn, status, TEXT, strlen(why) + 1);
    bufPrintf(&conn->out, "%s\r\n%s\n", fields, why);
    managerConnSend(conn);
}

/* What rc says, or 200 with body. */
static void
sendDocument(ManagerConn *conn, const Route *route, int rc, const Buf *body,
             HttpMethod method)
{
    if (rc < 0) {
        int status = rc == -ENOENT ? 404 : rc == -EINVAL ? 400 : 500;
        managerRouteRefuse(conn, status, "", "");
        return;
    }
    putHead(conn, 200, route->type, bufLen(body));
    bufPrintf(&conn->out, "%s%s\r\n", route->fields,
              route->policy != NULL ? route->policy() : "");
    if (method != HTTP_METHOD_HEAD)
        bufAppend(&conn->out, bufData(body), bufLen(body));
    managerConnSend(conn);
}

static void
answerDocument(ManagerConn *conn, const Route *route, HttpMethod method)
{
    const Proxy *proxy = managerConnConfig(conn)->proxy;
    Buf body;

    bufInit(&body, MANAGER_DOCUMENT_MAX);
    int rc = route->write != NULL
                 ? route->write(&body, proxy)
                 : route->query(&body, proxy,
                                httpParserRequest(conn->parser)->target);
    if (bufIsShort(&body))
        rc = -ENOBUFS;
    sendDocument(conn, route, rc, &body, method);
    bufFini(&body);
}

/* One that Squid has, too. */
static void
answerText(ManagerConn *conn, HttpSlice text)
{
    static const Route route = {.type = TEXT, .fields = NOT_STORED};
    const HttpRequest *request = httpParserRequest(conn->parser);
    const Config *config = managerConnRules(conn);
    HttpMethod method = request->method;
    Report report;
    Buf body;

    if (config == NULL ||
        (method != HTTP_METHOD_GET && method != HTTP_METHOD_HEAD)) {
        managerRouteRefuse(conn, config == NULL ? 503 : 405,
                           "Allow: GET, HEAD\r\n", "");
        return;
    }
    reportRead(text, &request->headers, config, &report);
    bufInit(&body, MANAGER_DOCUMENT_MAX);
    int status = managerReport(&report, &body, conn->manager);
    if (status == 200)
        sendDocument(conn, &route, 0, &body, method);
    else
        managerRouteRefuse(conn, status,
                           status == 401
                               ? "WWW-Authenticate: Basic realm=\"manager\"\r\n"
                               : "",
                           "");
    bufFini(&body);
}

/* 409: it was understood and did not work. */
static void
answerCommand(ManagerConn *conn, const Route *route)
{
    const ManagerConfig *config = managerConnConfig(conn);
    Buf text;

    const char *user = conn->auth.user;

    debug(DBG_MANAGER, 1, "manager: %s was asked for%s%s", route->path + 1,
          user != NULL ? " by " : "", user != NULL ? user : "");
    bufInit(&text, COMMAND_TEXT_MAX);
    int rc = config->command(route->command, &text, config->data);
    putHead(conn, rc == 0 ? 200 : 409, route->type, bufLen(&text));
    bufPrintf(&conn->out, "%s\r\n", route->fields);
    bufAppend(&conn->out, bufData(&text), bufLen(&text));
    bufFini(&text);
    managerConnSend(conn);
}

/* Whether JSON is wanted rather than what people or Prometheus read. */
static bool
isJsonWanted(const HttpRequest *request)
{
    HttpSlice text = httpHeaderGet(&request->headers, HTTP_HEADER_ACCEPT);

    return text.data != NULL &&
           memmem(text.data, text.len, JSON, strlen(JSON)) != NULL &&
           memmem(text.data, text.len, "text/html", 9) == NULL;
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
answerRoute(ManagerConn *conn, const Route *route, HttpMethod method)
{
    const char *refusal = route->isGuarded ? managerGuardRefusal(conn) : NULL;
    bool isGet = method == HTTP_METHOD_GET;
    bool isHead = method == HTTP_METHOD_HEAD;
    bool isDocument = route->write != NULL || route->query != NULL;
    bool isRead = isDocument && !route->isPost;

    if (isRead && !isGet && !isHead)
        managerRouteRefuse(conn, 405, "Allow: GET, HEAD\r\n", "");
    else if (route->open != NULL && !isGet)
        managerRouteRefuse(conn, 405, "Allow: GET\r\n", "");
    else if (!isRead && !route->open && method != HTTP_METHOD_POST)
        managerRouteRefuse(conn, 405, "Allow: POST\r\n", "");
    else if (refusal != NULL)
        managerRouteRefuse(conn, 403, "", refusal);
    else if (isDocument)
        answerDocument(conn, route, method);
    else if (route->open != NULL)
        route->open(conn);
    else
        answerCommand(conn, route);
}

void
managerRouteAnswer(ManagerConn *conn)
{
    const HttpRequest *request = httpParserRequest(conn->parser);
    const Route *route = lookupRoute(request->target);
    HttpSlice text = reportTarget(request->target);

    if (route != NULL && route->hasJson && isJsonWanted(request))
        route = &jsonRoute;

    debug(DBG_MANAGER, 3, "manager: %.*s %.*s",
          HTTP_SLICE_ARG(request->methodText), HTTP_SLICE_ARG(request->target));
    if (!reportIsHostTrusted(&request->headers, managerConnHostname(conn)))
        managerRouteRefuse(conn, 403, "", "");
    else if ((route == NULL || !route->isForAll) && managerGuardIsOurs(conn))
        managerRouteRefuse(conn, 403, "", "not through the proxy");
    else if (text.data != NULL)
        answerText(conn, text);
    else if (route == NULL || request->form != HTTP_TARGET_ORIGIN)
        managerRouteRefuse(conn, 404, "", "");
    else
        answerRoute(conn, route, request->method);
}
