/* acl_word.c: method, proto, myportname, peername, hier_code: a few plain
 * words each. */
#include "acl_priv.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "nearest.h"
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

/* Methods are told apart by case (RFC 9110, 9.1), and requests with small
 * letters in theirs are refused: a rule with such a one means the other. */
static void
addMethod(void *data, const char *value, unsigned flags, AclReport *report)
{
    static const char token[] = "!#$%&'*+-.^_`|~0123456789"
                                "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

    char *capitals;

    if (!*value || value[strspn(value, token)]) {
        aclReportError(report, "acl %s: \"%s\": expected a method name",
                       report->name, value);
        return;
    }
    capitals = xstrdup(value);
    for (char *at = capitals; *at; at++)
        if (*at >= 'a' && *at <= 'z')
            *at = (char)(*at - 'a' + 'A');
    if (strcmp(capitals, value) != 0)
        aclReportWarning(report, "acl %s: \"%s\" is taken as %s", report->name,
                         value, capitals);
    addWord(data, capitals, flags, report);
    free(capitals);
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

static AclMatch
matchPeerName(const void *data, const AclInput *input)
{
    return matchExact(data, input->peerName);
}

/* All that Squid's logs can show. */
static const char *const hierCodes[] = {
    "HIER_NONE",      "HIER_DIRECT",       "SIBLING_HIT",
    "PARENT_HIT",     "DEFAULT_PARENT",    "SINGLE_PARENT",
    "FIRSTUP_PARENT", "FIRST_PARENT_MISS", "CLOSEST_PARENT_MISS",
    "CLOSEST_PARENT", "CLOSEST_DIRECT",    "NO_DIRECT_FAIL",
    "SOURCE_FASTEST", "ROUNDROBIN_PARENT", "CACHE_DIGEST_HIT",
    "CD_PARENT_HIT",  "CD_SIBLING_HIT",    "CARP",
    "ANY_OLD_PARENT", "USERHASH_PARENT",   "SOURCEHASH_PARENT",
    "PINNED",         "ORIGINAL_DST",
};

static void
addHierCode(void *data, const char *value, unsigned flags, AclReport *report)
{
    const char *near = NULL;

    for (size_t i = 0; i < sizeof(hierCodes) / sizeof(hierCodes[0]); i++) {
        if (strcmp(hierCodes[i], value) == 0) {
            addWord(data, value, flags, report);
            return;
        }
        near = nearestPick(value, near, hierCodes[i]);
    }
    aclReportError(report,
                   "acl %s: \"%s\": expected a code as HIER_DIRECT%s%s%s",
                   report->name, value, near ? ", did you mean \"" : "",
                   near ? near : "", near ? "\"?" : "");
}

static AclMatch
matchHierCode(const void *data, const AclInput *input)
{
    return matchExact(data, input->hierarchy);
}

const AclKindOps aclKindPeerName = {
    .name = "peername",
    .isReply = true,
    .create = createWordSet,
    .destroy = destroyWordSet,
    .add = addWord,
    .match = matchPeerName,
};

const AclKindOps aclKindHierCode = {
    .name = "hier_code",
    .isReply = true,
    .create = createWordSet,
    .destroy = destroyWordSet,
    .add = addHierCode,
    .match = matchHierCode,
};

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
