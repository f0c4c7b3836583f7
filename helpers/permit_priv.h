/*
 * permit_priv.h: rules as permit_file.c reads and permit_rules.c keeps them;
 * permit_kind.c knows their conditions.
 */
#ifndef SQUIRE_PERMIT_PRIV_H
#define SQUIRE_PERMIT_PRIV_H

#include "permit_addr.h"
#include "permit_rules.h"
#include "permit_time.h"
#include "permit_words.h"

#include <uthash.h>

typedef struct PermitName {
    char *text;
    UT_hash_handle hh;
} PermitName;

typedef struct PermitGroup {
    char *name;
    PermitName *members;
    UT_hash_handle hh;
} PermitGroup;

typedef struct PermitKind PermitKind;

typedef struct PermitCondition {
    const PermitKind *kind;
    bool isNegated;
    bool isAny;            /* user *: anybody who has logged in */
    PermitName *names;     /* of users, or of data */
    PermitRange *ranges;   /* or addresses, */
    PermitWindow *windows; /* or times */
    size_t count;          /* of ranges or windows */
    struct PermitCondition *next;
} PermitCondition;

/* What the first word of a condition stands for. */
struct PermitKind {
    const char *name;
    /* Add count values, at least one. NULL, or what is wrong. */
    const char *(*addValues)(PermitCondition *condition,
                             const PermitRules *rules, const PermitWord *words,
                             size_t count);
    bool (*fits)(const PermitCondition *condition, const PermitQuery *query);
};

typedef struct PermitRule {
    PermitCondition *conditions;
    PermitAnswer answer;
    struct PermitRule *next;
} PermitRule;

struct PermitRules {
    PermitRule *rules;
    PermitRule **tail;
    PermitGroup *groups;
};

/* The kind of that name, or NULL. */
const PermitKind *permitKindFind(const char *name);

/* Add a name to a set; one that is there already is harmless. */
void permitKindAddName(PermitName **names, const char *text);

/* Add all members of a group to a set. NULL, or what is wrong. */
const char *permitKindAddGroup(PermitName **names, const PermitRules *rules,
                               const char *group);

/* Free a set. */
void permitKindFreeNames(PermitName **names);

/* Add one line of a rule file to a PermitRules. NULL, or what is wrong. */
const char *permitFileAddLine(void *table, char *line);

/* Free a rule with all that is in it. */
void permitRulesFreeRule(PermitRule *rule);

#endif
