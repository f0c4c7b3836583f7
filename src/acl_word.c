/* acl_word.c: method, proto, myportname: a few plain words each. */
#include "acl_priv.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "xalloc.h"

typedef struct WordSet {
    char **words;
    size_t count;
} WordSet;

static void *
createWordSet(void)
{
    return xcalloc(1, sizeof(WordSet));
}

static void
destroyWordSet(void *data)
{
    WordSet *set = data;

    for (size_t i = 0; i < set->count; i++)
        free(set->words[i]);
    free(set->words);
    free(set);
}

static void
addWord(void *data, const char *value, unsigned flags, AclReport *report)
{
    WordSet *set = data;

    (void)flags;
    (void)report;
    set->words = xrealloc(set->words, (set->count + 1) * sizeof(char *));
    set->words[set->count++] = xstrdup(value);
}

/* Methods are told apart by case (RFC 9110, 9.1), so "get" is never GET. */
static void
addMethod(void *data, const char *value, unsigned flags, AclReport *report)
{
    static const char token[] = "!#$%&'*+-.^_`|~0123456789"
                                "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

    if (!*value || value[strspn(value, token)])
        aclReportError(report, "acl %s: \"%s\": expected a method name",
                       report->name, value);
    else
        addWord(data, value, flags, report);
}

static AclMatch
matchExact(const WordSet *set, const char *text)
{
    for (size_t i = 0; text && i < set->count; i++)
        if (strcmp(set->words[i], text) == 0)
            return ACL_MATCH_YES;
    return ACL_MATCH_NO;
}

static AclMatch
matchMethod(const void *data, const AclInput *input)
{
    return matchExact(data, input->method);
}

static AclMatch
matchMyPortName(const void *data, const AclInput *input)
{
    return matchExact(data, input->portName);
}

static AclMatch
matchProto(const void *data, const AclInput *input)
{
    const WordSet *set = data;

    for (size_t i = 0; input->scheme && i < set->count; i++)
        if (strcasecmp(set->words[i], input->scheme) == 0)
            return ACL_MATCH_YES;
    return ACL_MATCH_NO;
}

const AclKindOps aclKindMethod = {
    .name = "method",
    .create = createWordSet,
    .destroy = destroyWordSet,
    .add = addMethod,
    .match = matchMethod,
};

const AclKindOps aclKindProto = {
    .name = "proto",
    .create = createWordSet,
    .destroy = destroyWordSet,
    .add = addWord,
    .match = matchProto,
};

const AclKindOps aclKindMyPortName = {
    .name = "myportname",
    .create = createWordSet,
    .destroy = destroyWordSet,
    .add = addWord,
    .match = matchMyPortName,
};
