/*
 * acl_facts.h: what has been found out about one request for its access
 * rules: whose it is, what helpers said. The one who asks the helpers writes
 * it; the rules only read. Thread: loop.
 */
#ifndef SQUIRE_ACL_FACTS_H
#define SQUIRE_ACL_FACTS_H

#include <stdbool.h>
#include <stddef.h>

#include "note.h"

/* One acl of kind external: which helpers it asks, with which words. */
typedef struct AclExternal {
    char *name;        /* of the acl */
    char *helperClass; /* of external_acl_type */
    char **args;
    size_t argCount;
} AclExternal;

/* What is known of the user's credentials. */
typedef enum AclAuth {
    ACL_AUTH_UNKNOWN, /* nobody has looked yet */
    ACL_AUTH_USER,    /* they are good */
    ACL_AUTH_NONE,    /* there are none, or they are wrong */
    ACL_AUTH_COUNT
} AclAuth;

typedef enum AclVerdict {
    ACL_VERDICT_NO,
    ACL_VERDICT_YES,
    ACL_VERDICT_UNKNOWN, /* the helper could not tell: the check is denied */
    ACL_VERDICT_COUNT
} AclVerdict;

typedef struct AclFact {
    const AclExternal *external;
    AclVerdict verdict;
} AclFact;

/* Texts are owned; NULL: not known. */
typedef struct AclFacts {
    AclAuth auth;
    char *user;     /* of good credentials */
    unsigned addrRank; /* which of its addresses it came from: see user_addr.h;
                          0: nobody has looked */
    char *extUser;  /* user= of an external acl */
    char *extLog;   /* log= */
    char *extTag;   /* tag=, the first one counts */
    char *password; /* password= */
    char *message;  /* message= of the last answer that had one */
    NoteList notes;
    const NoteList *clientNotes; /* of the connection; borrowed, or NULL */
    AclFact *answers;
    size_t answerCount;
} AclFacts;

/* Nothing is known; holds nothing. */
void aclFactsInit(AclFacts *facts);

/* Forget everything. */
void aclFactsClear(AclFacts *facts);

/* Replace one of the texts; value is copied, NULL clears it. */
void aclFactsSetText(char **field, const char *value);

/* Remember what came of asking about external. */
void aclFactsSetAnswer(AclFacts *facts, const AclExternal *external,
                       AclVerdict verdict);

/* The answer of external; NULL: not asked yet. Borrowed. */
const AclVerdict *aclFactsAnswer(const AclFacts *facts,
                                 const AclExternal *external);

/* Forget the answers, as when the request's URL is another one now; users,
 * tags and notes stay. */
void aclFactsForgetAnswers(AclFacts *facts);

/* Whom the request is from: the user of the credentials, else what an
 * external acl said; NULL: nobody knows. Borrowed. */
const char *aclFactsUser(const AclFacts *facts);

#endif
