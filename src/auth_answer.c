/* auth_answer.c: what helpers said about credentials, kept for a while, and
 * those who wait to hear it. DEBUG: section 29 */
#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "auth_priv.h"
#include "check.h"
#include "debug.h"
#include "xalloc.h"

static void
freeSecret(AuthAnswer *answer)
{
    if (answer->secret)
        OPENSSL_cleanse(answer->secret, strlen(answer->secret));
    free(answer->secret);
    answer->secret = NULL;
}

void
authAnswerDrop(AuthAnswer *answer)
{
    CHECK_OBJ(answer, AUTH_ANSWER_MAGIC);
    CHECK(answer->request == NULL && listIsEmpty(&answer->waiters));
    HASH_DEL(answer->scheme->answers, answer);
    freeSecret(answer);
    free(answer->message);
    noteListClear(&answer->notes);
    CHECK_OBJ_CLEAR(answer);
    free(answer);
}

void
authAnswerKey(const AuthScheme *scheme, HttpSlice line, AuthHash *keyOut)
{
    const HttpSlice texts[] = {
        line,
        httpSlice((const char *)&scheme->generation,
                  sizeof(scheme->generation)),
    };

    authHashKeyed(&scheme->auth->key, texts, 2, keyOut);
}

static AuthAnswer *
find(AuthScheme *scheme, const AuthHash *key)
{
    AuthAnswer *answer;

    HASH_FIND(hh, scheme->answers, key, sizeof(*key), answer);
    return answer;
}

AuthAnswer *
authAnswerLookup(AuthScheme *scheme, const AuthHash *key)
{
    AuthAnswer *answer = find(scheme, key);

    if (!answer || answer->request)
        return NULL;
    if (answer->untilUs > commNowUs())
        return answer;
    authAnswerDrop(answer);
    return NULL;
}

/* The oldest are at the head; those being asked about stay. */
static void
makeRoom(AuthScheme *scheme)
{
    AuthAnswer *answer, *tmp;

    HASH_ITER(hh, scheme->answers, answer, tmp)
    {
        if (HASH_COUNT(scheme->answers) < AUTH_ANSWERS_MAX)
            return;
        if (!answer->request)
            authAnswerDrop(answer);
    }
}

static AuthAnswer *
create(AuthScheme *scheme, const AuthHash *key)
{
    AuthAnswer *answer = xcalloc(1, sizeof(*answer));

    makeRoom(scheme);
    answer->magic = AUTH_ANSWER_MAGIC;
    answer->scheme = scheme;
    answer->key = *key;
    listInit(&answer->waiters);
    noteListInit(&answer->notes);
    HASH_ADD(hh, scheme->answers, key, sizeof(answer->key), answer);
    return answer;
}

static void
copyNotes(AuthAnswer *answer, const HelperReply *reply)
{
    for (unsigned i = 0; i < reply->pairCount; i++)
        if (strcmp(reply->pairs[i].key, "ha1") != 0 &&
            strcmp(reply->pairs[i].key, "password") != 0)
            noteListAdd(&answer->notes, reply->pairs[i].key,
                        reply->pairs[i].value);
}

/* Digest's helpers say ha1=, old ones the 32 digits alone. */
static const char *
secretOf(const HelperReply *reply)
{
    const char *secret = helperReplyGet(reply, "ha1");

    if (reply->result == HELPER_UNKNOWN)
        secret = reply->text;
    if (!secret || strlen(secret) != 32 ||
        strspn(secret, "0123456789abcdefABCDEF") != 32)
        return NULL;
    return secret;
}

static const char *
reasonOf(const HelperReply *reply)
{
    switch (reply->result) {
    case HELPER_ERR:
        return "the helper refused the credentials";
    case HELPER_BH:
        return "the helper could not check the credentials";
    case HELPER_TIMEOUT:
        return "the helper was too slow to check the credentials";
    case HELPER_OVERLOAD:
        return "the helpers have too much to do for the credentials";
    default:
        return "no usable answer about the credentials";
    }
}

static void
readReply(AuthAnswer *answer, const HelperReply *reply)
{
    bool isDigest = answer->scheme->kind == AUTH_DIGEST;
    const char *secret = isDigest ? secretOf(reply) : NULL;
    const char *message = helperReplyGet(reply, "message");

    answer->isGood = isDigest ? secret != NULL : reply->result == HELPER_OK;
    if (answer->isGood && isDigest && reply->result != HELPER_OK &&
        reply->result != HELPER_UNKNOWN)
        answer->isGood = false;
    if (answer->isGood) {
        answer->secret = secret ? xstrdup(secret) : NULL;
        copyNotes(answer, reply);
        return;
    }
    answer->why = reasonOf(reply);
    if (!message && reply->result == HELPER_ERR)
        message = reply->message;
    if (message && message[0] != '\0')
        answer->message = xstrdup(message);
    debug(DBG_AUTH, 2, "%s: %s: %s %.200s", authKindName(answer->scheme->kind),
          answer->why, helperProtoResultName(reply->result),
          message ? message : "");
}

/* Only what a helper itself said is worth keeping, and only good news. */
static bool
mayKeep(const AuthAnswer *answer, const HelperReply *reply)
{
    return answer->isGood && !answer->isOld &&
           reply->source != HELPER_SOURCE_POOL &&
           reply->source != HELPER_SOURCE_STALE &&
           answer->untilUs > commNowUs();
}

/*
 * All that wait are settled, and the answer is kept or gone, before the
 * first callback runs: that may do anything.
 */
static void
settleAll(AuthAnswer *answer, bool isKept)
{
    AuthScheme *scheme = answer->scheme;
    ListNode done;
    ListNode *node;

    listInit(&done);
    while ((node = listFirst(&answer->waiters)) != NULL) {
        AuthCheck *check = LIST_OBJ(node, AuthCheck, node);

        listRemove(node);
        scheme->ops->settle(scheme, check, answer);
        listPushBack(&done, node);
    }
    if (!isKept)
        authAnswerDrop(answer);
    while ((node = listFirst(&done)) != NULL) {
        listRemove(node);
        authCheckFinish(LIST_OBJ(node, AuthCheck, node));
    }
}

static void
onReply(const HelperReply *reply, void *data)
{
    AuthAnswer *answer = data;
    const ConfigAuthScheme *config = answer->scheme->config;

    CHECK_OBJ(answer, AUTH_ANSWER_MAGIC);
    answer->request = NULL;
    answer->untilUs = commNowUs() + config->ttlMs * 1000;
    readReply(answer, reply);
    settleAll(answer, mayKeep(answer, reply));
}

bool
authAnswerAsk(AuthScheme *scheme, const AuthHash *key, HttpSlice line,
              AuthCheck *check)
{
    AuthAnswer *answer = find(scheme, key);

    if (answer && !answer->request) {
        authAnswerDrop(answer);
        answer = NULL;
    }
    if (!answer) {
        answer = create(scheme, key);
        int rc = helperSubmitLen(scheme->pool, line.data, line.len, onReply,
                                 answer, &answer->request);
        if (rc < 0) {
            answer->request = NULL;
            authAnswerDrop(answer);
            authCheckRefuse(check, rc == -EMSGSIZE
                                       ? "too long for the helper: credentials"
                                       : "no helper to ask about credentials");
            return true;
        }
    }
    listPushBack(&answer->waiters, &check->node);
    return false;
}

void
authAnswerForget(AuthScheme *scheme)
{
    AuthAnswer *answer, *tmp;

    HASH_ITER(hh, scheme->answers, answer, tmp)
    {
        if (!answer->request)
            authAnswerDrop(answer);
        else
            answer->isOld = true;
    }
    scheme->generation++;
}

void
authAnswerClear(AuthScheme *scheme)
{
    AuthAnswer *answer, *tmp;

    HASH_ITER(hh, scheme->answers, answer, tmp)
    {
        ListNode *node;

        if (answer->request)
            helperCancel(answer->request);
        answer->request = NULL;
        while ((node = listFirst(&answer->waiters)) != NULL)
            listRemove(node);
        authAnswerDrop(answer);
    }
}
