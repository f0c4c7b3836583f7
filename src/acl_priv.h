/* acl_priv.h: what the kinds of acl share. */
#ifndef SQUIRE_ACL_PRIV_H
#define SQUIRE_ACL_PRIV_H

#include "acl.h"

#include <stdarg.h>
#include <uthash.h>

typedef enum AclMatch {
    ACL_MATCH_NO,
    ACL_MATCH_YES,
    ACL_MATCH_NEED_DST,
    ACL_MATCH_NEED_SRC,
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
    const AclSet *set;
    bool failed; /* an error was told */
} AclReport;

/* One kind of acl. data is what create gave. */
typedef struct AclKindOps {
    const char *name;
    bool isAuth;     /* about the user */
    bool isWordwise; /* words as they are: no flags among them */
    bool isReply;    /* about the answer */
    bool isGroup;    /* of other acls: data is an AclGroup */
    void *(*create)(void);
    void (*destroy)(void *data);
    void (*add)(void *data, const char *value, unsigned flags,
                AclReport *report);
    void (*startLine)(void *data); /* the values of another line follow; may
                                      be NULL */
    void (*freeze)(void *data);    /* may be NULL */
    AclMatch (*match)(const void *data, const AclInput *input); /* NULL: of a
                                                                   group */
} AclKindOps;

typedef struct Acl {
    UT_hash_handle hh;
    char *name;
    const AclKindOps *ops; /* NULL: of a kind that only Squid has */
    char *kind;
    void *data;
} Acl;

/* One acl as a rule or a group names it. */
typedef struct AclTerm {
    const Acl *acl;
    bool negated;
} AclTerm;

/* The terms of one line. */
typedef struct AclGroupLine {
    AclTerm *terms;
    size_t count;
} AclGroupLine;

/* It matches when one of its lines does; a line of all-of does when all of
 * its terms do, one of any-of when one does. */
typedef struct AclGroup {
    AclGroupLine *lines;
    size_t count;
    bool isAll;
} AclGroup;

/* The kind called name, or NULL. */
const AclKindOps *aclKindLookup(const char *name);

/* The kind whose name looks most like name, or NULL. */
const char *aclKindNearest(const char *name);

/* Why there is no such kind, of those that Squid has or had; else NULL. */
const char *aclKindWhyNot(const char *name);

/* The name of the kind that may be called by an older one; borrows. */
const char *aclKindName(const char *name);

/* Fill *termOut with the acl called "NAME" or "!NAME". False after a
 * complaint. */
bool aclTermFill(const AclSet *set, const char *name, AclReport *report,
                 AclTerm *termOut);

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

typedef struct AclRegexSet AclRegexSet;

/* No patterns. Returns owned. */
void *aclRegexSetCreate(void);

/* Free them; data is an AclRegexSet. */
void aclRegexSetDestroy(void *data);

/* Add one pattern; complains. */
void aclRegexSetAdd(void *data, const char *value, unsigned flags,
                    AclReport *report);

/* Make them ready for matching. */
void aclRegexSetFreeze(void *data);

/* YES when one of them is found in text. */
AclMatch aclRegexSetMatch(const AclRegexSet *set, HttpSlice text);

/* YES with *userOut set (borrowed) when the user is known, DUNNO when it
 * cannot be, NEED_AUTH before anybody looked. */
AclMatch aclAuthMatch(const AclInput *input, const char **userOut);

extern const AclKindOps aclKindSrc;
extern const AclKindOps aclKindDst;
extern const AclKindOps aclKindLocalIp;
extern const AclKindOps aclKindDstDomain;
extern const AclKindOps aclKindSrcDomain;
extern const AclKindOps aclKindPort;
extern const AclKindOps aclKindLocalPort;
extern const AclKindOps aclKindMethod;
extern const AclKindOps aclKindProto;
extern const AclKindOps aclKindMyPortName;
extern const AclKindOps aclKindUrlRegex;
extern const AclKindOps aclKindUrlLogin;
extern const AclKindOps aclKindUrlPathRegex;
extern const AclKindOps aclKindDstDomRegex;
extern const AclKindOps aclKindSrcDomRegex;
extern const AclKindOps aclKindProxyAuth;
extern const AclKindOps aclKindProxyAuthRegex;
extern const AclKindOps aclKindExternal;
extern const AclKindOps aclKindNote;
extern const AclKindOps aclKindTag;
extern const AclKindOps aclKindExtUser;
extern const AclKindOps aclKindExtUserRegex;
extern const AclKindOps aclKindBrowser;
extern const AclKindOps aclKindRefererRegex;
extern const AclKindOps aclKindReqHeader;
extern const AclKindOps aclKindRepHeader;
extern const AclKindOps aclKindReqMimeType;
extern const AclKindOps aclKindRepMimeType;
extern const AclKindOps aclKindTime;
extern const AclKindOps aclKindMaxConn;
extern const AclKindOps aclKindUserCert;
extern const AclKindOps aclKindCaCert;
extern const AclKindOps aclKindEncrypted;
extern const AclKindOps aclKindMaxUserIp;
extern const AclKindOps aclKindHttpStatus;
extern const AclKindOps aclKindRandom;
extern const AclKindOps aclKindHierCode;
extern const AclKindOps aclKindPeerName;
extern const AclKindOps aclKindPeerNameRegex;
extern const AclKindOps aclKindAnyOf;
extern const AclKindOps aclKindAllOf;

#endif
