/* auth_check.c: one check, from its field to its end. DEBUG: section 29 */
#include <stdlib.h>
#include <string.h>

#include "auth_priv.h"
#include "check.h"
#include "debug.h"
#include "xalloc.h"

void
authCheckInit(AuthCheck *check)
{
    memset(check, 0, sizeof(*check));
    check->kind = AUTH_KIND_COUNT;
    listInit(&check->node);
    noteListInit(&check->notes);
}

void
authCheckRefuse(AuthCheck *check, const char *why)
{
    check->outcome = AUTH_WRONG;
    authComplain(check->auth, check, "%s", why);
}

void
authCheckAccept(AuthCheck *check, const char *user, const NoteList *notes)
{
    check->outcome = AUTH_GOOD;
    free(check->user);
    check->user = xstrdup(user);
    for (size_t i = 0; i < notes->count; i++)
        noteListAdd(&check->notes, notes->notes[i].name, notes->notes[i].value);
    debug(DBG_AUTH, 3, "%s: user %s", authKindName(check->kind), user);
}

void
authCheckFinish(AuthCheck *check)
{
    AuthCheckCb *cb = check->cb;

    check->cb = NULL;
    check->conn = NULL;
    cb(check, check->data);
}

bool
authAppendExtras(const AuthScheme *scheme, const AuthCheck *check, char *line,
                 size_t size, size_t *len)
{
    if (!scheme->extras)
        return true;
    if (*len == size)
        return false;
    ssize_t added = formatExpand(scheme->extras, &check->query.format,
                                 line + *len + 1, size - *len - 1);
    if (added < 0)
        return false;
    line[*len] = ' ';
    *len += (size_t)added + 1;
    return true;
}

/* Without a field, whose connection is it? */
static bool
startWithout(AuthCheck *check)
{
    const AuthConn *conn = check->query.conn ? *check->query.conn : NULL;

    check->outcome = AUTH_MISSING;
    if (conn && authConnUser(conn)) {
        check->kind = authConnKind(conn);
        authCheckAccept(check, authConnUser(conn), authConnNotes(conn));
    }
    return true;
}

bool
authCheckStart(AuthCheck *check, Auth *auth, const AuthQuery *query,
               AuthCheckCb *cb, void *data)
{
    AuthHeader header;

    CHECK(check->cb == NULL);
    authCheckCancel(check);
    check->query = *query;
    check->auth = auth;
    if (query->header.data == NULL)
        return startWithout(check);
    const char *why = authHeaderParse(query->header, &header);
    if (why) {
        authCheckRefuse(check, why);
        return true;
    }
    AuthScheme *scheme = &auth->schemes[header.kind];
    check->kind = header.kind;
    check->rest = header.rest;
    if (!scheme->pool) {
        authCheckRefuse(check, "a scheme that is not offered");
        return true;
    }
    check->cb = cb;
    check->data = data;
    if (!scheme->ops->start(scheme, check))
        return false;
    check->cb = NULL;
    return true;
}

void
authCheckCancel(AuthCheck *check)
{
    listRemove(&check->node);
    authConnForget(check);
    noteListClear(&check->notes);
    free(check->user);
    free(check->claimed);
    free(check->message);
    free(check->token);
    authCheckInit(check);
}
