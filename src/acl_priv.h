/* acl_priv.h: what the kinds of acl share. */
#ifndef SQUIRE_ACL_PRIV_H
#define SQUIRE_ACL_PRIV_H

#include "acl.h"

#include <stdarg.h>

typedef enum AclMatch {
    ACL_MATCH_NO,
    ACL_MATCH_YES,
    ACL_MATCH_NEED_DST,
    ACL_MATCH_NEED_AUTH,
    ACL_MATCH_NEED_EXTERNAL, /* data is an AclExternal */
    ACL_MATCH_DUNNO,         /* cannot be told: the whole check is denied */
    ACL_MATCH_COUNT
} AclMatch;

#define ACL_FLAG_NOCASE 1u    /* -i */
#define ACL_FLAG_NO_LOOKUP 2u /* -n */

/* Where a kind reports about a value. */
typedef struct AclReport {
    AclComplainCb *complain;
    void *data;
    const char *name; /* of the acl */
    bool failed;      /* an error was told */
} AclReport;

/* One kind of acl. data is what create gave. */
typedef struct AclKindOps {
    const char *name;
    bool isAuth;     /* about the user */
    bool isWordwise; /* words as they are: no flags among them */
    void *(*create)(void);
    void (*destroy)(void *data);
    void (*add)(void *data, const char *value, unsigned flags,
                AclReport *report);
    void (*freeze)(void *data); /* may be NULL */
    AclMatch (*match)(const void *data, const AclInput *input);
} AclKindOps;

/* The kind called name, or NULL. */
const AclKindOps *aclKindLookup(const char *name);

/* The kind whose name looks most like name, or NULL. */
const char *aclKindNearest(const char *name);

/* True for a kind that Squid has and we do not. */
bool aclKindIsForeign(const char *name);

/* Tell about an error in a value. */
void aclReportError(AclReport *report, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Tell about something odd in a value. */
void aclReportWarning(AclReport *report, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#define ACL_LITERAL_SIZE 64
#define ACL_LITERAL_MIN 3

/*
 * A text that everything which matches the valid POSIX extended pattern
 * contains (in any case of letters, when the pattern ignores case). False
 * when none is found that is worth a search.
 */
bool aclLiteralOf(const char *pattern, char out[ACL_LITERAL_SIZE]);

/* at is the '[' of a valid pattern; returns its ']'. */
const char *aclRegexSkipBracket(const char *at);

/* YES with *userOut set (borrowed) when the user is known, DUNNO when it
 * cannot be, NEED_AUTH before anybody looked. */
AclMatch aclAuthMatch(const AclInput *input, const char **userOut);

extern const AclKindOps aclKindSrc;
extern const AclKindOps aclKindDst;
extern const AclKindOps aclKindLocalIp;
extern const AclKindOps aclKindDstDomain;
extern const AclKindOps aclKindPort;
extern const AclKindOps aclKindLocalPort;
extern const AclKindOps aclKindMethod;
extern const AclKindOps aclKindProto;
extern const AclKindOps aclKindMyPortName;
extern const AclKindOps aclKindUrlRegex;
extern const AclKindOps aclKindUrlPathRegex;
extern const AclKindOps aclKindDstDomRegex;
extern const AclKindOps aclKindProxyAuth;
extern const AclKindOps aclKindProxyAuthRegex;
extern const AclKindOps aclKindExternal;
extern const AclKindOps aclKindNote;
extern const AclKindOps aclKindTag;
extern const AclKindOps aclKindExtUser;

#endif
