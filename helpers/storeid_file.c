/* storeid_file.c: read a file of store-id rules. */
#include "storeid_priv.h"

#include "check.h"
#include "xalloc.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* What one URL may cost; a regex that would need more does not match. */
#define MATCH_LIMIT 100000

static const char *const grammar =
    "a rule is: exact|prefix|regex PATTERN KEY, or REGEX TAB KEY";

/* Parsers return NULL or a text that says what is wrong. */
typedef const char *AddRuleFn(StoreidRules *rules, StoreidRule *rule);

static void
freeRule(StoreidRule *rule)
{
    pcre2_code_free(rule->code);
    free(rule->pattern);
    free(rule->replacement);
    free(rule);
}

static const char *
addToTable(StoreidRule **table, StoreidRule *rule)
{
    const StoreidRule *old;

    HASH_FIND(hh, *table, rule->pattern, rule->patternLen, old);
    if (old)
        return "there is such a rule already";
    HASH_ADD_KEYPTR(hh, *table, rule->pattern, rule->patternLen, rule);
    return NULL;
}

static const char *
addExact(StoreidRules *rules, StoreidRule *rule)
{
    return addToTable(&rules->exact, rule);
}

static void
addLength(StoreidRules *rules, size_t len)
{
    StoreidLength **at = &rules->lengths;
    StoreidLength *entry;

    while (*at && (*at)->len > len)
        at = &(*at)->next;
    if (*at && (*at)->len == len)
        return;
    entry = xcalloc(1, sizeof(*entry));
    entry->len = len;
    entry->next = *at;
    *at = entry;
}

static const char *
addPrefix(StoreidRules *rules, StoreidRule *rule)
{
    const char *why = addToTable(&rules->prefixes, rule);

    if (!why)
        addLength(rules, rule->patternLen);
    return why;
}

static const char *
checkReplacement(const char *text, uint32_t groups)
{
    for (; (text = strchr(text, '$')); text++) {
        if (isdigit((unsigned char)text[1]) &&
            (uint32_t)(text[1] - '0') > groups)
            return "$N in the key names no group";
    }
    return NULL;
}

static const char *
addRegex(StoreidRules *rules, StoreidRule *rule)
{
    static unsigned char text[160];
    const void *pattern = rule->pattern;
    const void *message = text;
    uint32_t groups = 0;
    const char *why;
    PCRE2_SIZE offset;
    int error;

    rule->code =
        pcre2_compile(pattern, PCRE2_ZERO_TERMINATED, 0, &error, &offset, NULL);
    if (!rule->code) {
        pcre2_get_error_message(error, text, sizeof(text));
        return message;
    }
    pcre2_pattern_info(rule->code, PCRE2_INFO_CAPTURECOUNT, &groups);
    why = checkReplacement(rule->replacement, groups);
    if (why)
        return why;
    pcre2_jit_compile(rule->code, PCRE2_JIT_COMPLETE);
    *rules->regexTail = rule;
    rules->regexTail = &rule->next;
    return NULL;
}

static const char *
addRule(StoreidRules *rules, AddRuleFn *add, const char *pattern,
        const char *key)
{
    StoreidRule *rule = xcalloc(1, sizeof(*rule));
    const char *why;

    rule->pattern = xstrdup(pattern);
    rule->patternLen = strlen(pattern);
    rule->replacement = xstrdup(key);
    why = add(rules, rule);
    if (why)
        freeRule(rule);
    return why;
}

static AddRuleFn *
findKind(const char *kind)
{
    if (strcmp(kind, "exact") == 0)
        return addExact;
    if (strcmp(kind, "prefix") == 0)
        return addPrefix;
    return strcmp(kind, "regex") == 0 ? addRegex : NULL;
}

/* Squid's format: two columns with TABs between, which may hold blanks. */
static const char *
addColumns(StoreidRules *rules, char *line)
{
    char *tab = strchr(line, '\t');
    char *key;
    size_t len;

    if (!tab)
        return grammar;
    len = (size_t)(tab - line);
    key = tab + strspn(tab, "\t ");
    while (len > 0 && line[len - 1] == ' ')
        len--;
    line[len] = '\0';
    if (strpbrk(key, " \t"))
        return grammar;
    return addRule(rules, addRegex, line, key);
}

/* True when the line has three words, the first being the name of a kind. */
static bool
isRule(const char *line)
{
    size_t len = strcspn(line, " \t");
    char kind[8] = "";

    if (len >= sizeof(kind))
        return false;
    memcpy(kind, line, len);
    line += len + strspn(line + len, " \t");
    line += strcspn(line, " \t");
    return findKind(kind) && *line;
}

static const char *
addLine(void *table, char *line)
{
    char *rest = NULL;
    const char *kind, *pattern, *key;

    if (!isRule(line))
        return addColumns(table, line);
    kind = strtok_r(line, " \t", &rest);
    pattern = strtok_r(NULL, " \t", &rest);
    key = strtok_r(NULL, " \t", &rest);
    if (!kind || !pattern || !key || strtok_r(NULL, " \t", &rest))
        return grammar;
    return addRule(table, findKind(kind), pattern, key);
}

static void *
createRules(void)
{
    StoreidRules *rules = xcalloc(1, sizeof(*rules));

    rules->regexTail = &rules->regexes;
    rules->match = pcre2_match_data_create(10, NULL);
    rules->limits = pcre2_match_context_create(NULL);
    CHECK(rules->match && rules->limits); /* out of memory */
    pcre2_set_match_limit(rules->limits, MATCH_LIMIT);
    return rules;
}

static void
destroyTable(StoreidRule *table)
{
    StoreidRule *rule;
    StoreidRule *tmp;

    HASH_ITER(hh, table, rule, tmp)
    {
        HASH_DEL(table, rule);
        freeRule(rule);
    }
}

static void
destroyRules(void **table)
{
    StoreidRules *rules = *table;

    if (!rules)
        return;
    *table = NULL;
    destroyTable(rules->exact);
    destroyTable(rules->prefixes);
    for (StoreidRule *rule = rules->regexes, *next; rule; rule = next) {
        next = rule->next;
        freeRule(rule);
    }
    for (StoreidLength *len = rules->lengths, *next; len; len = next) {
        next = len->next;
        free(len);
    }
    pcre2_match_data_free(rules->match);
    pcre2_match_context_free(rules->limits);
    free(rules);
}

const ReloadOps storeidRulesOps = {
    .create = createRules,
    .addLine = addLine,
    .destroy = destroyRules,
};
