/*
 * external_acl.h: external_acl_type: ask a class of helpers whether an acl
 * matches.
 *
 * Nothing that a helper says is believed beyond its form: OK and ERR are
 * answers, everything else is none, and told in the debug log at a bounded
 * rate. Kept answers are found without waiting. Thread: loop.
 */
#ifndef SQUIRE_EXTERNAL_ACL_H
#define SQUIRE_EXTERNAL_ACL_H

#include <stdbool.h>

#include "acl_facts.h"
#include "asker.h"
#include "config.h"
#include "format.h"

#define EXTERNAL_USER_MAX 255 /* octets of user= */

typedef struct ExternalAnswer {
    AclVerdict verdict;
    const HelperReply *reply; /* NULL: there is none */
} ExternalAnswer;

/* answer and all in it are borrowed until return. */
typedef void ExternalCb(const ExternalAnswer *answer, void *data);

/* One question; lives in its asker, all zero at first. */
typedef struct ExternalCall {
    Asker *asker; /* NULL while nothing is asked */
    HelperRequest *request;
    ExternalCb *cb;
    void *data;
} ExternalCall;

/* What is asked; all borrowed for the call. */
typedef struct ExternalQuery {
    const ConfigExternal *kind; /* the external_acl_type */
    const AclExternal *acl;
    FormatInput *input; /* aclName and data are filled in */
} ExternalQuery;

/*
 * Ask; call->cb and data are set by the caller. True: the answer is in
 * *answerOut, and call->cb will not run: it was kept, or the helpers cannot
 * be asked; its reply is in *replyOut. False: cb runs exactly once, later,
 * unless externalCancel is called.
 */
bool externalSubmit(ExternalCall *call, Asker *asker,
                    const ExternalQuery *query, HelperReply *replyOut,
                    ExternalAnswer *answerOut);

/* Stop waiting: cb will not run. Harmless when nothing is asked. */
void externalCancel(ExternalCall *call);

/* Write what an answer says into facts: user, log, tag, message, password. */
void externalNote(const HelperReply *reply, AclFacts *facts);

/*
 * Write the query line (without LF) to out[0 .. size). Returns the octets,
 * -EMSGSIZE, or -EINVAL for an octet that cannot be told. Pure.
 */
ssize_t externalFormat(const ExternalQuery *query, char *out, size_t size);

#endif
