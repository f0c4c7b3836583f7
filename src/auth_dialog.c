/*
 * auth_dialog.c: NTLM and Negotiate: some turns between a client and one
 * process, about a connection. DEBUG: section 29
 *
 * The process is reserved from the first token to the last answer, and given
 * back with the connection.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "auth_priv.h"
#include "check.h"
#include "debug.h"
#include "xalloc.h"

struct AuthConn {
    uint32_t magic;
    AuthScheme *scheme;
    unsigned generation;       /* of scheme, when the dialog began */
    HelperReservation *dialog; /* NULL: none is going on */
    AuthCheck *check;          /* waits for the answer, or NULL */
    char *user;                /* NULL: nobody's yet */
    AuthHash token;            /* the client's last one, with user */
    NoteList notes;
};

const char *
authConnUser(const AuthConn *conn)
{
    CHECK_OBJ(conn, AUTH_CONN_MAGIC);
    return conn->scheme->pool && conn->generation == conn->scheme->generation
               ? conn->user
               : NULL;
}

AuthKind
authConnKind(const AuthConn *conn)
{
    CHECK_OBJ(conn, AUTH_CONN_MAGIC);
    return conn->scheme->kind;
}

const NoteList *
authConnNotes(const AuthConn *conn)
{
    CHECK_OBJ(conn, AUTH_CONN_MAGIC);
    return &conn->notes;
}

/* Nobody's, and no dialog. */
static void
reset(AuthConn *conn)
{
    helperRelease(&conn->dialog);
    if (conn->check)
        conn->check->conn = NULL;
    conn->check = NULL;
    free(conn->user);
    conn->user = NULL;
    noteListClear(&conn->notes);
}

void
authConnDestroy(AuthConn **connp)
{
    AuthConn *conn = *connp;

    *connp = NULL;
    if (!conn)
        return;
    CHECK_OBJ(conn, AUTH_CONN_MAGIC);
    reset(conn);
    CHECK_OBJ_CLEAR(conn);
    free(conn);
}

void
authConnForget(AuthCheck *check)
{
    AuthConn *conn = check->conn;

    check->conn = NULL;
    if (!conn)
        return;
    CHECK_OBJ(conn, AUTH_CONN_MAGIC);
    reset(conn);
}

static AuthConn *
openConn(AuthScheme *scheme, AuthConn **connp)
{
    AuthConn *conn = *connp;

    if (!conn) {
        conn = xcalloc(1, sizeof(*conn));
        conn->magic = AUTH_CONN_MAGIC;
        conn->scheme = scheme;
        noteListInit(&conn->notes);
        *connp = conn;
    }
    CHECK_OBJ(conn, AUTH_CONN_MAGIC);
    if (conn->scheme != scheme)
        reset(conn);
    conn->scheme = scheme;
    return conn;
}

/* Something went wrong with this dialog: the next token begins another. */
static void
refuse(AuthConn *conn, AuthCheck *check, const char *why)
{
    reset(conn);
    authCheckRefuse(check, why);
}

/* The token for the client: one that is none would break the field. */
static bool
takeToken(AuthCheck *check, const char *token)
{
    HttpSlice valid;

    if (!token || authHeaderToken(httpSliceText(token), &valid) != NULL)
        return false;
    free(check->token);
    check->token = xstrdup(token);
    return true;
}

static void
acceptUser(AuthConn *conn, AuthCheck *check, const HelperReply *reply)
{
    const char *user = helperReplyGet(reply, "user");

    if (!user || user[0] == '\0') {
        refuse(conn, check, "success without a user from the helper");
        return;
    }
    if (strlen(user) > AUTH_USER_MAX) {
        refuse(conn, check, "a user name that is too long from the helper");
        return;
    }
    helperRelease(&conn->dialog);
    conn->user = xstrdup(user);
    for (unsigned i = 0; i < reply->pairCount; i++)
        if (strcmp(reply->pairs[i].key, "token") != 0)
            noteListAdd(&conn->notes, reply->pairs[i].key,
                        reply->pairs[i].value);
    authCheckAccept(check, user, &conn->notes);
    takeToken(check, helperReplyGet(reply, "token"));
}

static void
goOn(AuthConn *conn, AuthCheck *check, const HelperReply *reply)
{
    if (!takeToken(check, helperReplyGet(reply, "token"))) {
        refuse(conn, check, "a challenge without a token from the helper");
        return;
    }
    check->outcome = AUTH_GOES_ON;
}

static const char *
reasonOf(HelperResult result)
{
    switch (result) {
    case HELPER_ERR:
    case HELPER_NA:
        return "the helper refused the credentials";
    case HELPER_BH:
        return "the helper could not go on with the dialog";
    case HELPER_TIMEOUT:
        return "the helper was too slow in the dialog";
    case HELPER_OVERLOAD:
        return "the helpers have too much to do for the dialog";
    case HELPER_UNKNOWN:
        return "the helper is gone, or made no sense, in the dialog";
    default:
        return "no usable answer to the dialog";
    }
}

static void
end(AuthConn *conn, AuthCheck *check, const HelperReply *reply)
{
    const char *message = helperReplyGet(reply, "message");

    if (!message)
        message = reply->message[0] != '\0' ? reply->message : reply->text;
    debug(DBG_AUTH, 2, "%s: %s: %.200s", authKindName(check->kind),
          helperProtoResultName(reply->result), message);
    if ((reply->result == HELPER_ERR || reply->result == HELPER_NA) &&
        message[0] != '\0')
        check->message = xstrdup(message);
    takeToken(check, helperReplyGet(reply, "token"));
    refuse(conn, check, reasonOf(reply->result));
}

static void
onReply(const HelperReply *reply, void *data)
{
    AuthConn *conn = data;

    CHECK_OBJ(conn, AUTH_CONN_MAGIC);
    AuthCheck *check = conn->check;
    conn->check = NULL;
    if (reply->result == HELPER_OK || reply->result == HELPER_AF)
        acceptUser(conn, check, reply);
    else if (reply->result == HELPER_TT)
        goOn(conn, check, reply);
    else
        end(conn, check, reply);
    authCheckFinish(check);
}

static const char *
beginDialog(AuthScheme *scheme, AuthConn *conn, const AuthCheck *check)
{
    char client[ADDRESS_TEXT_MAX] = "?";

    if (check->query.client)
        addressFormat(check->query.client, client);
    conn->dialog = helperReserve(scheme->pool, client);
    if (conn->dialog)
        return NULL;
    return errno == EBUSY ? "too many dialogs of one client"
                          : "no helper for the dialog";
}

/* NULL, or why it cannot be asked. */
static const char *
ask(AuthScheme *scheme, AuthConn *conn, AuthCheck *check, HttpSlice token)
{
    char line[AUTH_LINE_MAX];
    const char *word = conn->dialog ? "KK " : "YR ";
    size_t len = 3 + token.len;
    const char *why = conn->dialog ? NULL : beginDialog(scheme, conn, check);

    if (why)
        return why;
    memcpy(line, word, 3);
    memcpy(line + 3, token.data, token.len);
    if (!authAppendExtras(scheme, check, line, sizeof(line), &len))
        return "too long for the helper: a token";
    int rc = helperReservedSubmit(conn->dialog, line, len, onReply, conn, NULL);
    if (rc == -EMSGSIZE)
        return "too long for the helper: a token";
    return rc < 0 ? "no helper to go on with the dialog" : NULL;
}

_Static_assert(AUTH_TOKEN_MAX + 3 < AUTH_LINE_MAX, "room for a token");

/* The same field again, on a connection that it made a user's. */
static bool
isRepeated(const AuthConn *conn, const AuthHash *token)
{
    return authConnUser(conn) &&
           memcmp(&conn->token, token, sizeof(*token)) == 0;
}

static bool
start(AuthScheme *scheme, AuthCheck *check)
{
    AuthConn *conn = openConn(scheme, check->query.conn);
    HttpSlice token;
    AuthHash hash;
    const char *why = authHeaderToken(check->rest, &token);

    CHECK(conn->check == NULL);
    if (why) {
        refuse(conn, check, why);
        return true;
    }
    authHashKeyed(&scheme->auth->key, &token, 1, &hash);
    if (isRepeated(conn, &hash)) {
        authCheckAccept(check, conn->user, &conn->notes);
        return true;
    }
    if (conn->user || conn->generation != scheme->generation)
        reset(conn);
    conn->token = hash;
    conn->generation = scheme->generation;
    why = ask(scheme, conn, check, token);
    if (why) {
        refuse(conn, check, why);
        return true;
    }
    conn->check = check;
    check->conn = conn;
    return false;
}

/* The token goes with the turn it belongs to. After a failure, and where
 * keep_alive is off, the connection is not used again. */
static int
challenge(AuthScheme *scheme, const AuthCheck *check, AuthOffer *offer,
          Buf *out)
{
    bool isOwn = check->kind == scheme->kind;

    if (isOwn && check->outcome == AUTH_GOES_ON)
        return bufPrintf(out, " %s", check->token);
    if ((isOwn && check->outcome == AUTH_WRONG) ||
        (check->outcome == AUTH_MISSING && !scheme->config->keepAlive))
        offer->mustClose = true;
    if (isOwn && check->outcome == AUTH_WRONG && check->token)
        return bufPrintf(out, " %s", check->token);
    return 0;
}

const AuthSchemeOps authDialogOps = {
    .start = start,
    .challenge = challenge,
};
