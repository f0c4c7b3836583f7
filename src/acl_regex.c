/* acl_regex.c: url_regex, urlpath_regex, dstdom_regex: POSIX extended. */
#include "acl_priv.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "check.h"
#include "xalloc.h"

/* Patterns are joined to one of this many octets: one scan for all. */
#define JOINED_MAX 4096

typedef struct Pattern {
    char *text;
    int flags;
} Pattern;

typedef struct RegexSet {
    Pattern *patterns; /* until frozen */
    size_t patternCount;
    regex_t *compiled;
    size_t compiledCount;
} RegexSet;

static void *
createRegexSet(void)
{
    return xcalloc(1, sizeof(RegexSet));
}

static void
dropPatterns(RegexSet *set)
{
    for (size_t i = 0; i < set->patternCount; i++)
        free(set->patterns[i].text);
    free(set->patterns);
    set->patterns = NULL;
    set->patternCount = 0;
}

static void
destroyRegexSet(void *data)
{
    RegexSet *set = data;

    dropPatterns(set);
    for (size_t i = 0; i < set->compiledCount; i++)
        regfree(&set->compiled[i]);
    free(set->compiled);
    free(set);
}

static void
addRegex(void *data, const char *value, unsigned flags, AclReport *report)
{
    RegexSet *set = data;
    int regexFlags = REG_EXTENDED | REG_NOSUB;
    Pattern *pattern;
    regex_t trial;
    char why[128];
    int rc;

    if (flags & ACL_FLAG_NOCASE)
        regexFlags |= REG_ICASE;
    rc = regcomp(&trial, value, regexFlags);
    if (rc != 0) {
        regerror(rc, &trial, why, sizeof(why));
        aclReportError(report,
                       "acl %s: \"%s\": expected a POSIX extended "
                       "regular expression: %s",
                       report->name, value, why);
        return;
    }
    regfree(&trial);
    set->patterns =
        xrealloc(set->patterns, (set->patternCount + 1) * sizeof(*pattern));
    pattern = &set->patterns[set->patternCount++];
    pattern->text = xstrdup(value);
    pattern->flags = regexFlags;
}

/* 0, or regcomp's error and nothing added. */
static int
compilePattern(RegexSet *set, const char *text, int flags)
{
    regex_t regex;
    int rc = regcomp(&regex, text, flags);

    if (rc != 0)
        return rc;
    set->compiled =
        xrealloc(set->compiled, (set->compiledCount + 1) * sizeof(regex_t));
    set->compiled[set->compiledCount++] = regex;
    return 0;
}

/* at is the '[' of a valid pattern; returns its ']'. */
static const char *
skipBracket(const char *at)
{
    at += at[1] == '^' ? 2 : 1;
    at += *at == ']';
    while (*at && *at != ']') {
        char kind = at[0] == '[' ? at[1] : '\0';

        at++;
        if (kind != ':' && kind != '.' && kind != '=')
            continue;
        at++;
        while (*at && !(at[0] == kind && at[1] == ']'))
            at++;
        at += *at ? 2 : 0;
    }
    return at;
}

/*
 * False for what means something else inside a group: a back-reference (it
 * would name another group), and a ')' that closes nothing (alone it is an
 * ordinary character).
 */
static bool
meansSameInGroup(const char *at)
{
    int depth = 0;

    for (; *at; at++) {
        if (*at == '\\' && at[1] >= '1' && at[1] <= '9')
            return false;
        if (*at == '\\' && at[1])
            at++;
        else if (*at == '[')
            at = skipBracket(at);
        else if (*at == '(')
            depth++;
        else if (*at == ')' && --depth < 0)
            return false;
        if (!*at)
            break;
    }
    return true;
}

static bool
mayJoin(const RegexSet *set, size_t first, size_t other)
{
    return set->patterns[first].flags == set->patterns[other].flags &&
           meansSameInGroup(set->patterns[first].text) &&
           meansSameInGroup(set->patterns[other].text);
}

/* Join pattern `first` and those after it that fit; how many that were. */
static size_t
joinPatterns(const RegexSet *set, size_t first, Buf *joined)
{
    size_t count = 0;

    bufClear(joined);
    while (first + count < set->patternCount &&
           mayJoin(set, first, first + count) &&
           bufPrintf(joined, "%s(%s)", count ? "|" : "",
                     set->patterns[first + count].text) == 0)
        count++;
    if (count > 0 && bufAppend(joined, "", 1) != 0)
        count = 0;
    return count;
}

/* Joined text that is too much for the library is compiled piece by piece,
 * and so is a pattern that stands alone. */
static void
freezeRegexSet(void *data)
{
    RegexSet *set = data;
    size_t next = 0;
    Buf joined;

    bufInit(&joined, JOINED_MAX);
    while (next < set->patternCount) {
        size_t count = joinPatterns(set, next, &joined);
        int flags = set->patterns[next].flags;

        if (count < 2 || compilePattern(set, bufData(&joined), flags) != 0) {
            CHECK(compilePattern(set, set->patterns[next].text, flags) == 0);
            count = 1;
        }
        next += count;
    }
    bufFini(&joined);
    dropPatterns(set);
}

static AclMatch
matchText(const RegexSet *set, const char *text)
{
    for (size_t i = 0; text && i < set->compiledCount; i++)
        if (regexec(&set->compiled[i], text, 0, NULL, 0) == 0)
            return ACL_MATCH_YES;
    return ACL_MATCH_NO;
}

static AclMatch
matchUrl(const void *data, const AclInput *input)
{
    return matchText(data, input->url);
}

static AclMatch
matchUrlPath(const void *data, const AclInput *input)
{
    const char *rest = input->url ? strstr(input->url, "://") : NULL;

    return matchText(data, rest ? strchr(rest + 3, '/') : NULL);
}

static AclMatch
matchHost(const void *data, const AclInput *input)
{
    return matchText(data, input->host);
}

const AclKindOps aclKindUrlRegex = {
    .name = "url_regex",
    .create = createRegexSet,
    .destroy = destroyRegexSet,
    .add = addRegex,
    .freeze = freezeRegexSet,
    .match = matchUrl,
};

const AclKindOps aclKindUrlPathRegex = {
    .name = "urlpath_regex",
    .create = createRegexSet,
    .destroy = destroyRegexSet,
    .add = addRegex,
    .freeze = freezeRegexSet,
    .match = matchUrlPath,
};

const AclKindOps aclKindDstDomRegex = {
    .name = "dstdom_regex",
    .create = createRegexSet,
    .destroy = destroyRegexSet,
    .add = addRegex,
    .freeze = freezeRegexSet,
    .match = matchHost,
};
