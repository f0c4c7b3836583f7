/*
 * permit_rules.h: the rule file of ext_file_acl and what it says to a request.
 * (ext_file_acl(8) describes the file.) Thread: one.
 */
#ifndef SQUIRE_PERMIT_RULES_H
#define SQUIRE_PERMIT_RULES_H

#include "reload.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <time.h>

#define PERMIT_PAIRS_MAX 8

typedef struct PermitRules PermitRules;

/* How reload.h reads a rule file into a PermitRules. */
extern const ReloadOps permitRulesOps;

/* All borrowed. */
typedef struct PermitQuery {
    const struct in6_addr *addr; /* NULL: not known */
    const char *user;            /* NULL: nobody has logged in */
    const char *const *data;     /* words that name what is asked */
    size_t dataCount;
    struct tm when; /* local time */
} PermitQuery;

typedef struct PermitAnswer {
    bool isAllowed;
    size_t pairCount;
    struct {
        char *key;
        char *value;
    } pairs[PERMIT_PAIRS_MAX];
} PermitAnswer;

/* The answer of the first rule that fits; borrowed from the rules. NULL when
 * none does. */
const PermitAnswer *permitRulesFind(const PermitRules *rules,
                                    const PermitQuery *query);

#endif
