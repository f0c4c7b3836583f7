/* external_acl.c: acls that a class of helpers answers. */
#include "external_acl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "helper.h"
#include "xalloc.h"

/* Append the words of the acl line to out[*used .. size), with a blank between
 * them. 0 or -errno. */
static int
formatData(const ExternalQuery *query, char *out, size_t size, size_t *used)
{
    for (size_t i = 0; i < query->acl->argCount; i++) {
        HttpSlice arg = httpSliceText(query->acl->args[i]);
        int rc;

        if (i > 0 && *used < size)
            out[(*used)++] = ' ';
        rc =
            formatValue(query->kind->isShell ? '/' : '#', arg, out, size, used);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* The data stands where %DATA says. */
static ssize_t
formatAround(const ExternalQuery *query, char *out, size_t size)
{
    FormatInput *input = query->input;
    char *data = xmalloc(size);
    size_t used = 0;
    ssize_t len = formatData(query, data, size, &used);

    if (len == 0) {
        input->data = httpSlice(data, used);
        len = formatExpand(query->kind->format, input, out, size);
        input->data = httpSlice(NULL, 0);
    }
    free(data);
    return len;
}

/* The data goes to the end, where it needs no memory of its own. */
static ssize_t
formatBefore(const ExternalQuery *query, char *out, size_t size)
{
    ssize_t len = formatExpand(query->kind->format, query->input, out, size);
    size_t used = len > 0 ? (size_t)len : 0;
    size_t start = used;
    int rc;

    if (len < 0)
        return len;
    if (used > 0 && used < size)
        out[used++] = ' ';
    size_t before = used;
    rc = formatData(query, out, size, &used);
    if (rc < 0)
        return rc;
    return (ssize_t)(used > before ? used : start);
}

ssize_t
externalFormat(const ExternalQuery *query, char *out, size_t size)
{
    query->input->aclName = query->acl->name;
    return query->kind->hasData ? formatAround(query, out, size)
                                : formatBefore(query, out, size);
}

/* Why a reply is no answer; NULL when it is one. */
static const char *
findFault(const HelperReply *reply)
{
    const char *user = helperReplyGet(reply, "user");

    if (askerIsAnswerless(reply))
        return helperProtoResultName(reply->result);
    if (reply->result == HELPER_BH)
        return "could not decide (BH)";
    if (reply->result != HELPER_OK && reply->result != HELPER_ERR)
        return "gave no OK, ERR or BH: does concurrency= fit the program?";
    if (user != NULL && strlen(user) > EXTERNAL_USER_MAX)
        return "gave a user name that is too long";
    return NULL;
}

static void
interpret(Asker *asker, const HelperReply *reply, ExternalAnswer *answerOut)
{
    const char *fault = findFault(reply);

    if (fault != NULL) {
        askerComplain(asker, fault,
                      *reply->text != '\0' ? reply->text : reply->message);
        *answerOut = (ExternalAnswer){ACL_VERDICT_UNKNOWN, NULL};
        return;
    }
    answerOut->reply = reply;
    answerOut->verdict =
        reply->result == HELPER_OK ? ACL_VERDICT_YES : ACL_VERDICT_NO;
}

static void
onReply(const HelperReply *reply, void *data)
{
    ExternalCall *call = data;
    ExternalCb *cb = call->cb;
    void *cbData = call->data;
    ExternalAnswer answer;

    CHECK(call->asker != NULL);
    interpret(call->asker, reply, &answer);
    call->asker = NULL;
    call->request = NULL;
    cb(&answer, cbData);
}

/* 1 answered, 0 asked, or -errno. */
static int
askPool(ExternalCall *call, Asker *asker, const char *line, size_t len,
        HelperReply *replyOut)
{
    HelperPool *pool = askerPool(asker);
    int rc;

    if (helperLookup(pool, line, len, replyOut))
        return 1;
    rc = helperSubmitLen(pool, line, len, onReply, call, &call->request);
    if (rc == 0)
        call->asker = asker;
    return rc;
}

static const char *
whyNot(int rc)
{
    switch (rc) {
    case -EMSGSIZE:
        return "not asked: the line would be longer than line-max=";
    case -EINVAL:
        return "not asked: NUL or the end of a line in a value";
    case -ESHUTDOWN:
        return "not asked: the helpers are leaving";
    default:
        return "not asked";
    }
}

bool
externalSubmit(ExternalCall *call, Asker *asker, const ExternalQuery *query,
               HelperReply *replyOut, ExternalAnswer *answerOut)
{
    size_t size = query->kind->helper.pool.lineMax;
    ssize_t len;
    char *line;
    int rc;

    *answerOut = (ExternalAnswer){ACL_VERDICT_UNKNOWN, NULL};
    if (asker == NULL)
        return true;
    CHECK(call->asker == NULL);
    line = xmalloc(size + 1);
    len = externalFormat(query, line, size);
    rc = len < 0 ? (int)len : askPool(call, asker, line, (size_t)len, replyOut);
    if (rc == 1)
        interpret(asker, replyOut, answerOut);
    else if (rc < 0)
        askerComplain(asker, whyNot(rc), query->acl->name);
    free(line);
    return rc != 0;
}

void
externalCancel(ExternalCall *call)
{
    if (call->asker == NULL)
        return;
    helperCancel(call->request);
    call->request = NULL;
    call->asker = NULL;
}

static void
noteText(const HelperReply *reply, const char *key, char **field)
{
    const char *value = helperReplyGet(reply, key);

    if (value != NULL)
        aclFactsSetText(field, value);
}

void
externalNote(const HelperReply *reply, AclFacts *facts)
{
    noteText(reply, "user", &facts->extUser);
    noteText(reply, "log", &facts->extLog);
    noteText(reply, "password", &facts->password);
    noteText(reply, "error", &facts->message); /* its name long ago */
    noteText(reply, "message", &facts->message);
    if (facts->extTag == NULL)
        noteText(reply, "tag", &facts->extTag);
}
