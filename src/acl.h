/*
 * acl.h: named access lists and the allow/deny rules made of them.
 *
 * Built while a configuration is read, then frozen: checking is pure, does
 * no I/O and allocates nothing. A rule that depends on what is not known yet
 * (the origin's address, the user, a helper's answer) says so (ACL_NEED_...)
 * instead of finding out; the caller does, and asks again.
 * Thread: startup to build, any to check.
 */
#ifndef SQUIRE_ACL_H
#define SQUIRE_ACL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <time.h>

#include "acl_facts.h"
#include "http_header.h"

typedef struct AclSet AclSet;     /* the named acls of one configuration */
typedef struct AclRules AclRules; /* one ordered list, as http_access */

typedef enum AclAnswer {
    ACL_DENY,
    ACL_ALLOW,
    ACL_NEED_DST,      /* cannot tell before dstKnown */
    ACL_NEED_SRC,      /* ... before clientName is there */
    ACL_NEED_AUTH,     /* ... before facts->auth is known */
    ACL_NEED_EXTERNAL, /* ... before the answer of AclDecision.external */
    ACL_ANSWER_COUNT
} AclAnswer;

/*
 * What a request is, as far as acls care; all borrowed for the call. Strings
 * end in NUL; a NULL string or address never matches.
 */
typedef struct AclInput {
    const struct sockaddr *client;
    const char *clientName;       /* of its address; "none": it has no name;
                                     NULL: not looked up yet */
    const struct sockaddr *local; /* our end of the client's connection */
    bool isEncrypted;             /* it came by an https_port */
    const struct TlsStream *tls;  /* of that connection, as far as there is one
                                     at hand, or NULL */
    const char *portName;         /* ConfigPort.name of the http_port */
    const char *method;
    const char *scheme; /* "http"; NULL for CONNECT */
    const char *host;   /* name or literal, without brackets */
    unsigned port;
    const char *url; /* CONNECT: host:port; %XX as it came: patterns see it
                        decoded */
    const struct sockaddr_storage *dst; /* addresses of host */
    size_t dstCount;
    bool dstKnown; /* dst is the whole answer (none: it failed). A literal
                      host needs no dst. */
    const AclFacts *facts;       /* NULL: nothing is known */
    const HttpHeaders *request;  /* its fields, or NULL */
    int status;                  /* of the answer; 0: there is none yet */
    const HttpHeaders *response; /* its fields; NULL as long as that */
    const char *hierarchy;       /* "HIER_DIRECT"; NULL: nobody was asked */
    const char *peerName;        /* of the parent that was */
    unsigned connections;        /* that the client's address has */
    time_t now;
    uint64_t random; /* another one for each request */
} AclInput;

/* An answer, and what is to be known about it. */
typedef struct AclDecision {
    AclAnswer answer;
    const AclExternal *external; /* the last one looked at, when it is of kind
                                    external; ACL_NEED_EXTERNAL: to be asked */
    const char *aclName;         /* the last one looked at, or NULL; borrowed
                                    from the set */
    bool isAuth;    /* that one is about the user: with ACL_DENY, others may
                       be let in */
    bool isUnknown; /* ACL_DENY because that one could not be told */
} AclDecision;

typedef enum AclSeverity {
    ACL_WARNING,
    ACL_ERROR,
    ACL_SEVERITY_COUNT
} AclSeverity;

/* Tells what is wrong with a value; text is borrowed for the call. */
typedef void AclComplainCb(AclSeverity severity, const char *text, void *data);

/* Make a set that holds the built-in names: all, localhost, to_localhost,
 * to_linklocal, manager, CONNECT. Returns owned. */
AclSet *aclSetCreate(void);

/* Free the set; rules made from it must be gone. Clears *set; NULL inside
 * is accepted. */
void aclSetDestroy(AclSet **set);

/* One acl line; all borrowed. */
typedef struct AclLine {
    const char *name;
    const char *kind;         /* "src", "dstdomain", ... */
    const char *const *words; /* flags and values */
    size_t count;
    bool isMore; /* words of the same line as those before */
} AclLine;

/*
 * Add values to the acl line->name, making it on first use. Every wrong
 * value is told to complain. A kind that Squid has and we do not is a
 * warning here, and an error in the rule that uses the acl. Blocks while the
 * host names among addresses are looked up.
 * Errors: -EINVAL when an error was told.
 */
int aclSetAdd(AclSet *set, const AclLine *line, AclComplainCb *complain,
              void *data);

/* Make the set ready for checks (sorts, compiles); nothing may be added
 * afterwards. */
void aclSetFreeze(AclSet *set);

/* True when the set has an acl of that name. */
bool aclSetHas(const AclSet *set, const char *name);

/* The name of an acl that is about the user, or NULL; borrowed. */
const char *aclSetFindAuth(const AclSet *set);

/* True when an acl of kind method has this one. */
bool aclSetHasMethod(const AclSet *set, const char *method);

/* Make an empty list. Returns owned. */
AclRules *aclRulesCreate(void);

/* Free the list. Clears *rules; NULL inside is accepted. */
void aclRulesDestroy(AclRules **rules);

/* One rule; all borrowed. */
typedef struct AclRuleLine {
    bool allow;
    const char *const *names; /* of acls, each may be written !name */
    size_t count;
    const char *text;    /* "http_access deny !Safe_ports" */
    bool isBeforeAnswer; /* there is no answer yet when it is checked: an acl
                            about one is a warning */
} AclRuleLine;

/*
 * Add one rule at the end: allow or deny when all of its acls match. The
 * text is copied for the log. The set must live as long as the rules.
 * Errors: -EINVAL, told to complain.
 */
int aclRulesAdd(AclRules *rules, const AclSet *set, const AclRuleLine *line,
                AclComplainCb *complain, void *data);

/* Number of rules; NULL has none. */
size_t aclRulesCount(const AclRules *rules);

/*
 * The answer of the first rule that matches; when none does, the opposite
 * of the last rule. An empty list (or NULL) denies; a caller whose list is
 * optional, as url_rewrite_access, tests aclRulesCount first.
 */
AclAnswer aclRulesCheck(const AclRules *rules, const AclInput *input);

/* aclRulesCheck with all there is to be told. */
void aclRulesDecide(const AclRules *rules, const AclInput *input,
                    AclDecision *decisionOut);

/* "denied", "allowed", "needs dst" ...; constant. */
const char *aclAnswerName(AclAnswer answer);

#endif
