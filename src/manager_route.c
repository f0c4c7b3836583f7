/* What the manager is asked for. DEBUG: section 16 */
#include <string.h>

#include "comm.h"
#include "debug.h"
#include "http_date.h"
#include "http_url.h"
#include "manager_priv.h"

#define COMMAND_TEXT_MAX (256 * 1024)

typedef struct Route {
    const char *path;
    const char *type;
    const char *fields;                         /* more header fields */
    int (*write)(Buf *out, const Proxy *proxy); /* NULL: a command */
    ManagerCommand command;
} Route;

#define NOT_STORED "Cache-Control: no-store\r\n"
#define PAGE_POLICY                                                            \
    "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; " \
    "script-src 'unsafe-inline'; connect-src 'self'; img-src data:; "          \
    "base-uri 'none'; frame-ancestors 'none'\r\n"
#define TEXT "text/plain; charset=utf-8"

static const Route routes[] = {
    {"/", "text/html; charset=utf-8", NOT_STORED PAGE_POLICY, managerWritePage,
     0},
    {"/helpers", "application/json", NOT_STORED, managerWriteHelpers, 0},
    {"/info", "application/json", NOT_STORED, managerWriteInfo, 0},
    {"/peers", "application/json", NOT_STORED, managerWritePeers, 0},
    {"/pinger", "application/json", NOT_STORED, managerWritePinger, 0},
    {"/metrics", "text/plain; version=0.0.4; charset=utf-8", NOT_STORED,
     managerWriteMetrics, 0},
    {"/demo", "text/html; charset=utf-8", "Cache-Control: max-age=60\r\n",
     managerWriteDemo, 0},
    {"/reconfigure", TEXT, NOT_STORED, NULL, MANAGER_RECONFIGURE},
    {"/rotate", TEXT, NOT_STORED, NULL, MANAGER_ROTATE},
    {"/shutdown", TEXT, NOT_STORED, NULL, MANAGER_SHUTDOWN},
};

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

static void
answerDocument(ManagerConn *conn, const Route *route, bool isHead)
{
    Buf body;

    bufInit(&body, MANAGER_DOCUMENT_MAX);
    if (route->write(&body, managerConnConfig(conn)->proxy) < 0) {
        bufFini(&body);
        managerRouteRefuse(conn, 500, "", "");
        return;
    }
    putHead(conn, 200, route->type, bufLen(&body));
    bufPrintf(&conn->out, "%s\r\n", route->fields);
    if (!isHead)
        bufAppend(&conn->out, bufData(&body), bufLen(&body));
    bufFini(&body);
    managerConnSend(conn);
}

/* 409: it was understood and did not work. */
static void
answerCommand(ManagerConn *conn, const Route *route)
{
    const ManagerConfig *config = managerConnConfig(conn);
    const char *refusal = managerGuardRefusal(conn);
    Buf text;

    if (refusal != NULL) {
        managerRouteRefuse(conn, 403, "", refusal);
        return;
    }
    debug(DBG_MANAGER, 1, "manager: %s was asked for", route->path + 1);
    bufInit(&text, COMMAND_TEXT_MAX);
    int rc = config->command(route->command, &text, config->data);
    putHead(conn, rc == 0 ? 200 : 409, route->type, bufLen(&text));
    bufPrintf(&conn->out, "%s\r\n", route->fields);
    bufAppend(&conn->out, bufData(&text), bufLen(&text));
    bufFini(&text);
    managerConnSend(conn);
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

void
managerRouteAnswer(ManagerConn *conn)
{
    const HttpRequest *request = httpParserRequest(conn->parser);
    bool isHead = request->method == HTTP_METHOD_HEAD;
    bool isGet = isHead || request->method == HTTP_METHOD_GET;
    bool isPost = request->method == HTTP_METHOD_POST;
    const Route *route = lookupRoute(request->target);

    debug(DBG_MANAGER, 3, "manager: %.*s %.*s",
          HTTP_SLICE_ARG(request->methodText), HTTP_SLICE_ARG(request->target));
    if (!isHostTrusted(request))
        managerRouteRefuse(conn, 403, "", "");
    else if (route == NULL || request->form != HTTP_TARGET_ORIGIN)
        managerRouteRefuse(conn, 404, "", "");
    else if (route->write != NULL && isGet)
        answerDocument(conn, route, isHead);
    else if (route->write == NULL && isPost)
        answerCommand(conn, route);
    else
        managerRouteRefuse(
            conn, 405,
            route->write ? "Allow: GET, HEAD\r\n" : "Allow: POST\r\n", "");
}
