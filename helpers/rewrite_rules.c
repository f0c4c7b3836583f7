/* rewrite_rules.c: read a rule file. */
#include "rewrite_priv.h"

#include "xalloc.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

typedef struct Fields {
    char *kind;
    char *pattern;
    char *replacement;
    char *action;
} Fields;

/* Parsers return a constant text that says what is wrong, or NULL. */
typedef const char *AddRuleFn(RewriteRules *rules, RewriteRule *rule,
                              size_t *groupsOut);

static void
freeRule(RewriteRule *rule)
{
    if (!rule)
        return;
    if (rule->hasRegex)
        regfree(&rule->regex);
    free(rule->pattern);
    free(rule->replacement);
    free(rule);
}

static const char *
addExact(RewriteRules *rules, RewriteRule *rule, size_t *groupsOut)
{
    const RewriteRule *old;

    *groupsOut = 1;
    HASH_FIND_STR(rules->exact, rule->pattern, old);
    if (old)
        return "this URL has a rule already";
    HASH_ADD_KEYPTR(hh, rules->exact, rule->pattern, strlen(rule->pattern),
                    rule);
    return NULL;
}

static const char *
addDomain(RewriteRules *rules, RewriteRule *rule, size_t *groupsOut)
{
    char *name = rule->pattern;
    const RewriteRule *old;

    *groupsOut = 3;
    if (name[0] == '.')
        memmove(name, name + 1, strlen(name));
    for (char *c = name; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    if (name[0] == '\0' || strpbrk(name, "/:@?#"))
        return "not a domain name";
    HASH_FIND_STR(rules->domains, name, old);
    if (old)
        return "this domain has a rule already";
    HASH_ADD_KEYPTR(hh, rules->domains, name, strlen(name), rule);
    return NULL;
}

static const char *
addRegex(RewriteRules *rules, RewriteRule *rule, size_t *groupsOut)
{
    static char text[128];
    int rc = regcomp(&rule->regex, rule->pattern, REG_EXTENDED);

    if (rc != 0) {
        regerror(rc, &rule->regex, text, sizeof(text));
        return text;
    }
    rule->hasRegex = true;
    *groupsOut = rule->regex.re_nsub + 1;
    *rules->regexTail = rule;
    rules->regexTail = &rule->next;
    return NULL;
}

static const struct {
    const char *kind;
    AddRuleFn *add;
} kinds[] = {
    {"exact", addExact},
    {"domain", addDomain},
    {"regex", addRegex},
};

static AddRuleFn *
findKind(const char *kind)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        if (strcmp(kind, kinds[i].kind) == 0)
            return kinds[i].add;
    }
    return NULL;
}

static bool
readAction(const char *action, int *statusOut)
{
    static const char *const redirects[] = {"301", "302", "303", "307", "308"};

    *statusOut = 0;
    if (!action || strcmp(action, "rewrite") == 0)
        return true;
    for (size_t i = 0; i < sizeof(redirects) / sizeof(*redirects); i++) {
        if (strcmp(action, redirects[i]) == 0)
            *statusOut = (int)strtol(action, NULL, 10);
    }
    return *statusOut != 0;
}

static const char *
checkReplacement(const char *text, size_t groups)
{
    for (; *text; text++) {
        if (*text != '\\')
            continue;
        text++;
        if (isdigit((unsigned char)*text)) {
            if ((size_t)(*text - '0') >= groups)
                return "\\N in the replacement names no group";
        } else if (*text != '\\') {
            return "\\ in the replacement must be \\\\ or \\0 to \\9";
        }
    }
    return NULL;
}

/* NULL, or what is wrong. */
static const char *
splitLine(char *line, Fields *fields)
{
    char *rest = NULL;

    fields->kind = strtok_r(line, " \t", &rest);
    fields->pattern = strtok_r(NULL, " \t", &rest);
    fields->replacement = strtok_r(NULL, " \t", &rest);
    fields->action = strtok_r(NULL, " \t", &rest);
    if (!fields->replacement)
        return "a rule is: exact|domain|regex PATTERN REPLACEMENT [ACTION]";
    return strtok_r(NULL, " \t", &rest) ? "more than four fields" : NULL;
}

static const char *
addRule(RewriteRules *rules, const Fields *fields)
{
    AddRuleFn *add = findKind(fields->kind);
    size_t groups = 0;
    const char *why;
    RewriteRule *rule;
    int status;

    if (!add)
        return "a rule begins with exact, domain or regex";
    if (!readAction(fields->action, &status))
        return "the action is rewrite, 301, 302, 303, 307 or 308";
    rule = xcalloc(1, sizeof(*rule));
    rule->pattern = xstrdup(fields->pattern);
    rule->replacement = xstrdup(fields->replacement);
    rule->status = status;
    why = add(rules, rule, &groups);
    if (why) {
        freeRule(rule);
        return why;
    }
    return checkReplacement(rule->replacement, groups);
}

static const char *
addLine(void *table, char *line)
{
    Fields fields;
    const char *why = splitLine(line, &fields);

    return why ? why : addRule(table, &fields);
}

static void *
createRules(void)
{
    RewriteRules *rules = xcalloc(1, sizeof(*rules));

    rules->regexTail = &rules->regexes;
    return rules;
}

static void
destroyTable(RewriteRule *table)
{
    RewriteRule *rule;
    RewriteRule *tmp;

    HASH_ITER(hh, table, rule, tmp)
    {
        HASH_DEL(table, rule);
        freeRule(rule);
    }
}

static void
destroyRules(void **table)
{
    RewriteRules *rules = *table;
    RewriteRule *next;

    if (!rules)
        return;
    *table = NULL;
    destroyTable(rules->exact);
    destroyTable(rules->domains);
    for (RewriteRule *rule = rules->regexes; rule; rule = next) {
        next = rule->next;
        freeRule(rule);
    }
    free(rules);
}

const ReloadOps rewriteRulesOps = {
    .create = createRules,
    .addLine = addLine,
    .destroy = destroyRules,
};
