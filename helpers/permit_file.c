/* permit_file.c: read the lines of a rule file. */
#include "permit_priv.h"

#include "helper_proto.h"
#include "xalloc.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_MAX 4096

/* Where the value of a pair begins, or NULL when the word is no pair. */
static const char *
pairValue(const PermitWord *word)
{
    const char *c = word->text;

    if (word->isQuoted)
        return NULL;
    while (isalnum((unsigned char)*c) || *c == '-' || *c == '_')
        c++;
    return c > word->text && *c == '=' ? c + 1 : NULL;
}

/* The kind of condition that a word begins, or NULL. */
static const PermitKind *
kindOf(const PermitWord *word)
{
    const char *text = word->text + (word->text[0] == '!');

    return word->isQuoted ? NULL : permitKindFind(text);
}

static bool
isValue(const PermitWord *word)
{
    return word->isQuoted ||
           (!kindOf(word) && !pairValue(word) && word->text[0] != '!');
}

static const char *
addPair(PermitRule *rule, const PermitWord *word)
{
    static char scratch[VALUE_MAX];
    const char *value = pairValue(word);
    PermitAnswer *answer = &rule->answer;
    HelperReply reply = {.result = HELPER_OK, .message = "", .pairCount = 1};
    size_t number = answer->pairCount;

    if (number == PERMIT_PAIRS_MAX)
        return "more than eight pairs";
    answer->pairs[number].key =
        xstrndup(word->text, (size_t)(value - 1 - word->text));
    answer->pairs[number].value = xstrdup(value);
    answer->pairCount++;
    reply.pairs[0] =
        (HelperPair){answer->pairs[number].key, value, strlen(value)};
    return helperProtoFormatReply(-1, &reply, scratch, sizeof(scratch)) < 0
               ? "a value is too long or holds a control octet"
               : NULL;
}

/* Add the condition at *words and take it off them. */
static const char *
addCondition(const PermitRules *rules, PermitRule *rule,
             const PermitWord **words, const PermitWord *end)
{
    PermitCondition *condition = xcalloc(1, sizeof(*condition));
    const PermitWord *values = *words + 1;
    const PermitWord *next = values;

    condition->next = rule->conditions;
    rule->conditions = condition;
    condition->kind = kindOf(*words);
    condition->isNegated = (*words)->text[0] == '!';
    while (next < end && isValue(next))
        next++;
    *words = next;
    if (next == values)
        return "a condition has no value";
    return condition->kind->addValues(condition, rules, values,
                                      (size_t)(next - values));
}

static const char *
addWords(const PermitRules *rules, PermitRule *rule, const PermitWords *words)
{
    const PermitWord *word = words->words + 1;
    const PermitWord *end = words->words + words->count;
    const char *why = NULL;
    bool isAll = false;

    while (word < end && !why) {
        if (kindOf(word)) {
            why = addCondition(rules, rule, &word, end);
        } else if (pairValue(word)) {
            why = addPair(rule, word++);
        } else if (!word->isQuoted && strcmp(word->text, "all") == 0) {
            isAll = true;
            word++;
        } else {
            return "a condition is all, or [!]src, user, time or data and its "
                   "values";
        }
    }
    if (!why && !isAll && !rule->conditions)
        return "a rule without condition: write all";
    return why;
}

static const char *
addRule(PermitRules *rules, const PermitWords *words, bool isAllowed)
{
    PermitRule *rule = xcalloc(1, sizeof(*rule));
    const char *why = addWords(rules, rule, words);

    if (why) {
        permitRulesFreeRule(rule);
        return why;
    }
    rule->answer.isAllowed = isAllowed;
    *rules->tail = rule;
    rules->tail = &rule->next;
    return NULL;
}

static PermitGroup *
makeGroup(PermitRules *rules, const char *name)
{
    PermitGroup *group;

    HASH_FIND_STR(rules->groups, name, group);
    if (group)
        return group;
    group = xcalloc(1, sizeof(*group));
    group->name = xstrdup(name);
    HASH_ADD_KEYPTR(hh, rules->groups, group->name, strlen(group->name), group);
    return group;
}

static const char *
addGroup(PermitRules *rules, const PermitWords *words)
{
    const char *why = NULL;
    PermitGroup *group;

    if (words->count < 3)
        return "a group is: group NAME MEMBER...";
    group = makeGroup(rules, words->words[1].text);
    for (size_t i = 2; i < words->count && !why; i++) {
        const PermitWord *word = &words->words[i];

        if (word->isQuoted || word->text[0] != '@')
            permitKindAddName(&group->members, word->text);
        else if (strcmp(word->text + 1, group->name) != 0)
            why = permitKindAddGroup(&group->members, rules, word->text + 1);
    }
    return why;
}

const char *
permitFileAddLine(void *table, char *line)
{
    static PermitWords words;
    const char *why = permitWordsSplit(line, &words);
    const char *verb = words.words[0].text;

    if (why)
        return why;
    if (strcmp(verb, "group") == 0)
        return addGroup(table, &words);
    if (strcmp(verb, "allow") == 0)
        return addRule(table, &words, true);
    if (strcmp(verb, "deny") == 0)
        return addRule(table, &words, false);
    return "a line begins with allow, deny or group";
}
