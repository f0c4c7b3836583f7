/* acl_regex.c: kinds that look for patterns: POSIX extended. */
#include "acl_priv.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "check.h"
#include "xalloc.h"

/* Patterns are joined to one of this many octets: one scan for all. */
#define JOINED_MAX 4096

/* More than any head has. */
#define VALUE_MAX (128 * 1024)

/* So few patterns are worth a look for their literals before a scan. */
#define LITERALS_MAX 4

typedef struct Pattern {
    char *text;
    int flags;
} Pattern;

/* One or more patterns in one. What has none of the literals in it does not
 * match; without literals every text is scanned. */
typedef struct Compiled {
    regex_t regex;
    bool ignoresCase;
    size_t literalCount;
    char literals[LITERALS_MAX][ACL_LITERAL_SIZE];
} Compiled;

struct AclRegexSet {
    Pattern *patterns; /* until frozen */
    size_t patternCount;
    Compiled *compiled;
    size_t compiledCount;
};

void *
aclRegexSetCreate(void)
{
    return xcalloc(1, sizeof(AclRegexSet));
}

static void
dropPatterns(AclRegexSet *set)
{
    for (size_t i = 0; i < set->patternCount; i++)
        free(set->patterns[i].text);
    free(set->patterns);
    set->patterns = NULL;
    set->patternCount = 0;
}

void
aclRegexSetDestroy(void *data)
{
    AclRegexSet *set = data;

    dropPatterns(set);
    for (size_t i = 0; i < set->compiledCount; i++)
        regfree(&set->compiled[i].regex);
    free(set->compiled);
    free(set);
}

void
aclRegexSetAdd(void *data, const char *value, unsigned flags, AclReport *report)
{
    AclRegexSet *set = data;
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

static void
noteLiterals(Compiled *compiled, const Pattern *patterns, size_t count)
{
    compiled->literalCount = 0;
    for (size_t i = 0; i < count && count <= LITERALS_MAX; i++) {
        if (!aclLiteralOf(patterns[i].text, compiled->literals[i])) {
            compiled->literalCount = 0;
            return;
        }
        compiled->literalCount++;
    }
}

/* Compile text, which stands for count patterns. False when the library
 * does not take it; nothing is added then. */
static bool
compilePatterns(AclRegexSet *set, const char *text, const Pattern *patterns,
                size_t count)
{
    Compiled *compiled;
    regex_t regex;

    if (regcomp(&regex, text, patterns->flags) != 0)
        return false;
    set->compiled =
        xrealloc(set->compiled, (set->compiledCount + 1) * sizeof(Compiled));
    compiled = &set->compiled[set->compiledCount++];
    compiled->regex = regex;
    compiled->ignoresCase = patterns->flags & REG_ICASE;
    noteLiterals(compiled, patterns, count);
    return true;
}

const char *
aclRegexSkipBracket(const char *at)
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
            at = aclRegexSkipBracket(at);
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
mayJoin(const AclRegexSet *set, size_t first, size_t other)
{
    return set->patterns[first].flags == set->patterns[other].flags &&
           meansSameInGroup(set->patterns[first].text) &&
           meansSameInGroup(set->patterns[other].text);
}

/* Join pattern `first` and those after it that fit; how many that were. */
static size_t
joinPatterns(const AclRegexSet *set, size_t first, Buf *joined)
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
void
aclRegexSetFreeze(void *data)
{
    AclRegexSet *set = data;
    size_t next = 0;
    Buf joined;

    bufInit(&joined, JOINED_MAX);
    while (next < set->patternCount) {
        size_t count = joinPatterns(set, next, &joined);
        const Pattern *first = &set->patterns[next];

        if (count < 2 ||
            !compilePatterns(set, bufData(&joined), first, count)) {
            CHECK(compilePatterns(set, first->text, first, 1));
            count = 1;
        }
        next += count;
    }
    bufFini(&joined);
    dropPatterns(set);
}

static bool
mayMatch(const Compiled *compiled, const char *text)
{
    for (size_t i = 0; i < compiled->literalCount; i++) {
        const char *literal = compiled->literals[i];

        if (compiled->ignoresCase ? strcasestr(text, literal)
                                  : strstr(text, literal))
            return true;
    }
    return compiled->literalCount == 0;
}

static AclMatch
matchText(const AclRegexSet *set, const char *text)
{
    for (size_t i = 0; text && i < set->compiledCount; i++) {
        const Compiled *compiled = &set->compiled[i];

        if (mayMatch(compiled, text) &&
            regexec(&compiled->regex, text, 0, NULL, 0) == 0)
            return ACL_MATCH_YES;
    }
    return ACL_MATCH_NO;
}

/* The library wants an end by NUL. */
AclMatch
aclRegexSetMatch(const AclRegexSet *set, HttpSlice text)
{
    char copy[VALUE_MAX];

    if (!text.data)
        return ACL_MATCH_NO;
    if (text.len >= sizeof(copy))
        text.len = sizeof(copy) - 1;
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    return matchText(set, copy);
}

static int
hexValue(char digit)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = digit != '\0' ? strchr(digits, digit | 0x20) : NULL;

    return at ? (int)(at - digits) : -1;
}

/* The octet that the text begins with, as itself or as %XX; its length. A NUL
 * would hide what is behind it: its %00 stays as it is written. */
static size_t
decodeOctet(const char *text, char *octetOut)
{
    int high = text[0] == '%' ? hexValue(text[1]) : -1;
    int low = high >= 0 ? hexValue(text[2]) : -1;

    if (low < 0 || high + low == 0) {
        *octetOut = text[0];
        return 1;
    }
    *octetOut = (char)(high * 16 + low);
    return 3;
}

/* Origins take an octet and its %XX for the same, so patterns see octets. */
static AclMatch
matchDecoded(const AclRegexSet *set, const char *text)
{
    char plain[VALUE_MAX];
    size_t len = 0;

    if (!text || !strchr(text, '%'))
        return matchText(set, text);
    while (*text && len < sizeof(plain) - 1)
        text += decodeOctet(text, &plain[len++]);
    plain[len] = '\0';
    return matchText(set, plain);
}

static AclMatch
matchUrl(const void *data, const AclInput *input)
{
    return matchDecoded(data, input->url);
}

static AclMatch
matchUrlPath(const void *data, const AclInput *input)
{
    const char *rest = input->url ? strstr(input->url, "://") : NULL;

    return matchDecoded(data, rest ? strchr(rest + 3, '/') : NULL);
}

static AclMatch
matchHost(const void *data, const AclInput *input)
{
    return matchText(data, input->host);
}

/* A URL with a user is refused before any rule is looked at. */
static AclMatch
matchUrlLogin(const void *data, const AclInput *input)
{
    (void)data;
    (void)input;
    return ACL_MATCH_NO;
}

const AclKindOps aclKindUrlLogin = {
    .name = "urllogin",
    .create = aclRegexSetCreate,
    .destroy = aclRegexSetDestroy,
    .add = aclRegexSetAdd,
    .freeze = aclRegexSetFreeze,
    .match = matchUrlLogin,
};

const AclKindOps aclKindUrlRegex = {
    .name = "url_regex",
    .create = aclRegexSetCreate,
    .destroy = aclRegexSetDestroy,
    .add = aclRegexSetAdd,
    .freeze = aclRegexSetFreeze,
    .match = matchUrl,
};

const AclKindOps aclKindUrlPathRegex = {
    .name = "urlpath_regex",
    .create = aclRegexSetCreate,
    .destroy = aclRegexSetDestroy,
    .add = aclRegexSetAdd,
    .freeze = aclRegexSetFreeze,
    .match = matchUrlPath,
};

/* Users by pattern; as a pattern, REQUIRED would be a trap. */
static void
addUserRegex(void *data, const char *value, unsigned flags, AclReport *report)
{
    aclRegexSetAdd(data, strcmp(value, "REQUIRED") == 0 ? "." : value, flags,
                   report);
}

static AclMatch
matchUser(const void *data, const AclInput *input)
{
    const char *user = NULL;
    AclMatch match = aclAuthMatch(input, &user);

    return match == ACL_MATCH_YES ? matchText(data, user) : match;
}

const AclKindOps aclKindProxyAuthRegex = {
    .name = "proxy_auth_regex",
    .isAuth = true,
    .create = aclRegexSetCreate,
    .destroy = aclRegexSetDestroy,
    .add = addUserRegex,
    .freeze = aclRegexSetFreeze,
    .match = matchUser,
};

static AclMatch
matchExtUser(const void *data, const AclInput *input)
{
    return matchText(data, input->facts ? input->facts->extUser : NULL);
}

const AclKindOps aclKindExtUserRegex = {
    .name = "ext_user_regex",
    .create = aclRegexSetCreate,
    .destroy = aclRegexSetDestroy,
    .add = addUserRegex,
    .freeze = aclRegexSetFreeze,
    .match = matchExtUser,
};

static AclMatch
matchPeerName(const void *data, const AclInput *input)
{
    return matchText(data, input->peerName);
}

const AclKindOps aclKindPeerNameRegex = {
    .name = "peername_regex",
    .isReply = true,
    .create = aclRegexSetCreate,
    .destroy = aclRegexSetDestroy,
    .add = aclRegexSetAdd,
    .freeze = aclRegexSetFreeze,
    .match = matchPeerName,
};

static AclMatch
matchSrcDomain(const void *data, const AclInput *input)
{
    return input->clientName ? matchText(data, input->clientName)
                             : ACL_MATCH_NEED_SRC;
}

const AclKindOps aclKindSrcDomRegex = {
    .name = "srcdom_regex",
    .create = aclRegexSetCreate,
    .destroy = aclRegexSetDestroy,
    .add = aclRegexSetAdd,
    .freeze = aclRegexSetFreeze,
    .match = matchSrcDomain,
};

const AclKindOps aclKindDstDomRegex = {
    .name = "dstdom_regex",
    .create = aclRegexSetCreate,
    .destroy = aclRegexSetDestroy,
    .add = aclRegexSetAdd,
    .freeze = aclRegexSetFreeze,
    .match = matchHost,
};
