/* permit_rules.c: a table of rules, and the one that fits a request. */
#include "permit_priv.h"

#include "xalloc.h"

#include <stdlib.h>
#include <string.h>

static void
freeConditions(PermitCondition *condition)
{
    PermitCondition *next;

    for (; condition; condition = next) {
        next = condition->next;
        permitKindFreeNames(&condition->names);
        free(condition->ranges);
        free(condition->windows);
        free(condition);
    }
}

void
permitRulesFreeRule(PermitRule *rule)
{
    freeConditions(rule->conditions);
    for (size_t i = 0; i < rule->answer.pairCount; i++) {
        free(rule->answer.pairs[i].key);
        free(rule->answer.pairs[i].value);
    }
    free(rule);
}

static bool
fitsAll(const PermitRule *rule, const PermitQuery *query)
{
    for (const PermitCondition *condition = rule->conditions; condition;
         condition = condition->next) {
        if (condition->kind->fits(condition, query) == condition->isNegated)
            return false;
    }
    return true;
}

const PermitAnswer *
permitRulesFind(const PermitRules *rules, const PermitQuery *query)
{
    for (const PermitRule *rule = rules->rules; rule; rule = rule->next) {
        if (fitsAll(rule, query))
            return &rule->answer;
    }
    return NULL;
}

static void *
createRules(void)
{
    PermitRules *rules = xcalloc(1, sizeof(*rules));

    rules->tail = &rules->rules;
    return rules;
}

static void
destroyRules(void **table)
{
    PermitRules *rules = *table;
    PermitGroup *group;
    PermitGroup *tmp;

    if (!rules)
        return;
    *table = NULL;
    for (PermitRule *rule = rules->rules, *next; rule; rule = next) {
        next = rule->next;
        permitRulesFreeRule(rule);
    }
    HASH_ITER(hh, rules->groups, group, tmp)
    {
        HASH_DEL(rules->groups, group);
        permitKindFreeNames(&group->members);
        free(group->name);
        free(group);
    }
    free(rules);
}

const ReloadOps permitRulesOps = {
    .create = createRules,
    .addLine = permitFileAddLine,
    .destroy = destroyRules,
};
