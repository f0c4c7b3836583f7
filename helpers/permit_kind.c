/* permit_kind.c: the conditions that a rule may have. */
#include "permit_priv.h"

#include "xalloc.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

void
permitKindAddName(PermitName **names, const char *text)
{
    PermitName *name;

    HASH_FIND_STR(*names, text, name);
    if (name)
        return;
    name = xcalloc(1, sizeof(*name));
    name->text = xstrdup(text);
    HASH_ADD_KEYPTR(hh, *names, name->text, strlen(name->text), name);
}

const char *
permitKindAddGroup(PermitName **names, const PermitRules *rules,
                   const char *group)
{
    const PermitGroup *found;

    HASH_FIND_STR(rules->groups, group, found);
    if (!found)
        return "a group must have its line before it is used";
    for (const PermitName *name = found->members; name; name = name->hh.next)
        permitKindAddName(names, name->text);
    return NULL;
}

void
permitKindFreeNames(PermitName **names)
{
    PermitName *name;
    PermitName *tmp;

    HASH_ITER(hh, *names, name, tmp)
    {
        HASH_DEL(*names, name);
        free(name->text);
        free(name);
    }
}

static bool
hasName(const PermitName *names, const char *text)
{
    const PermitName *name;

    HASH_FIND_STR(names, text, name);
    return name != NULL;
}

static const char *
addSrc(PermitCondition *condition, const PermitRules *rules,
       const PermitWord *words, size_t count)
{
    const char *why = NULL;

    (void)rules;
    condition->ranges = xcalloc(count, sizeof(*condition->ranges));
    condition->count = count;
    for (size_t i = 0; i < count && !why; i++)
        why = permitAddrParseRange(words[i].text, &condition->ranges[i]);
    return why;
}

static bool
fitsSrc(const PermitCondition *condition, const PermitQuery *query)
{
    for (size_t i = 0; query->addr && i < condition->count; i++) {
        if (permitAddrIsIn(&condition->ranges[i], query->addr))
            return true;
    }
    return false;
}

static const char *
addUser(PermitCondition *condition, const PermitRules *rules,
        const PermitWord *words, size_t count)
{
    const char *why = NULL;

    for (size_t i = 0; i < count && !why; i++) {
        const char *text = words[i].text;

        if (!words[i].isQuoted && text[0] == '@')
            why = permitKindAddGroup(&condition->names, rules, text + 1);
        else if (!words[i].isQuoted && strcmp(text, "*") == 0)
            condition->isAny = true;
        else
            permitKindAddName(&condition->names, text);
    }
    return why;
}

static bool
fitsUser(const PermitCondition *condition, const PermitQuery *query)
{
    return query->user &&
           (condition->isAny || hasName(condition->names, query->user));
}

static const char *
addTime(PermitCondition *condition, const PermitRules *rules,
        const PermitWord *words, size_t count)
{
    PermitWindow *window = xcalloc(count, sizeof(*window));
    unsigned days = PERMIT_TIME_EVERY_DAY;

    (void)rules;
    condition->windows = window;
    for (size_t i = 0; i < count; i++) {
        PermitWindow wholeDay = {.toMinute = 24 * 60};

        if (permitTimeParseDays(words[i].text, &days)) {
            /* Hours may follow, of these days. */
            if (i + 1 < count && isdigit((unsigned char)words[i + 1].text[0]))
                continue;
            *window = wholeDay;
        } else if (!permitTimeParseHours(words[i].text, window)) {
            return "a time is days (mon-fri,sun), hours (08:00-17:30), or "
                   "both";
        }
        window->days = days;
        window++;
        condition->count++;
    }
    return NULL;
}

static bool
fitsTime(const PermitCondition *condition, const PermitQuery *query)
{
    for (size_t i = 0; i < condition->count; i++) {
        if (permitTimeIsIn(&condition->windows[i], &query->when))
            return true;
    }
    return false;
}

static const char *
addData(PermitCondition *condition, const PermitRules *rules,
        const PermitWord *words, size_t count)
{
    (void)rules;
    for (size_t i = 0; i < count; i++)
        permitKindAddName(&condition->names, words[i].text);
    return NULL;
}

static bool
fitsData(const PermitCondition *condition, const PermitQuery *query)
{
    for (size_t i = 0; i < query->dataCount; i++) {
        if (hasName(condition->names, query->data[i]))
            return true;
    }
    return false;
}

static const PermitKind kinds[] = {
    {"src", addSrc, fitsSrc},
    {"user", addUser, fitsUser},
    {"time", addTime, fitsTime},
    {"data", addData, fitsData},
};

const PermitKind *
permitKindFind(const char *name)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        if (strcmp(name, kinds[i].name) == 0)
            return &kinds[i];
    }
    return NULL;
}
