/* Who uses the manager: manager_auth. DEBUG: section 16 */
#include "check.h"
#include "debug.h"
#include "manager_priv.h"

#define FIELDS_MAX 16384

/* 401, with what would be right. */
static void
demand(ManagerConn *conn, Auth *auth)
{
    AuthOffer offer = {.mayKeepAlive = false};
    Buf fields;

    bufInit(&fields, FIELDS_MAX);
    if (authFormatChallenge(auth, &conn->auth, &offer, &fields) < 0)
        bufClear(&fields);
    bufAppend(&fields, "", 1);
    managerRouteRefuse(conn, 401, bufData(&fields),
                       "a name and a password are needed");
    bufFini(&fields);
}

/* manager_auth may have gone while its helper was asked. */
static void
answer(ManagerConn *conn)
{
    Auth *auth = managerConnAuth(conn);

    if (conn->auth.outcome != AUTH_GOOD && auth != NULL)
        demand(conn, auth);
    else
        managerRouteAnswer(conn);
}

static void
onChecked(AuthCheck *check, void *data)
{
    ManagerConn *conn = data;

    (void)check;
    CHECK_OBJ(conn, MANAGER_CONN_MAGIC);
    answer(conn);
}

void
managerLoginAnswer(ManagerConn *conn)
{
    const HttpRequest *request = httpParserRequest(conn->parser);
    Auth *auth = managerConnAuth(conn);
    const struct sockaddr *client = (const struct sockaddr *)&conn->peer;
    const AuthQuery query = {
        .header = httpHeaderGet(&request->headers, HTTP_HEADER_AUTHORIZATION),
        .method = request->methodText,
        .target = request->target,
        .client = client,
        .format = {.client = client,
                   .method = request->methodText,
                   .request = &request->headers},
    };

    if (auth == NULL || conn->isUnix)
        managerRouteAnswer(conn);
    else if (authCheckStart(&conn->auth, auth, &query, onChecked, conn))
        answer(conn);
}
