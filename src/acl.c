/* acl.c: the set of named acls, and lists of rules. Debug section 28. */
#include "acl_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "debug.h"
#include "list.h"
#include "nearest.h"
#include "xalloc.h"

#define ACL_SET_MAGIC 0x41534554u
#define ACL_RULES_MAGIC 0x41524c53u

struct AclSet {
    uint32_t magic;
    Acl *byName;
    bool frozen;
};

typedef struct AclRule {
    ListNode node;
    bool allow;
    char *text;
    size_t count;
    AclTerm terms[];
} AclRule;

struct AclRules {
    uint32_t magic;
    const AclSet *set; /* of the rules, once there is one */
    ListNode rules;
    size_t count;
};

static const struct {
    const char *name;
    const char *kind;
    const char *const words[5];
} builtins[] = {
    {"all", "src", {"all"}},
    {"localhost", "src", {"127.0.0.1", "::1"}},
    {"to_localhost", "dst", {"127.0.0.0/8", "0.0.0.0", "::1", "::"}},
    {"to_linklocal", "dst", {"169.254.0.0/16", "fe80::/10"}},
    {"manager",
     "url_regex",
     {"-i", "^cache_object://", "^[^:]+://[^/]+/squid-internal-mgr/"}},
    {"CONNECT", "method", {"CONNECT"}},
};

static void
ignoreComplaint(AclSeverity severity, const char *text, void *data)
{
    (void)severity;
    (void)text;
    (void)data;
}

AclSet *
aclSetCreate(void)
{
    AclSet *set = xcalloc(1, sizeof(*set));

    set->magic = ACL_SET_MAGIC;
    for (size_t i = 0; i < sizeof(builtins) / sizeof(builtins[0]); i++) {
        AclLine line = {.name = builtins[i].name,
                        .kind = builtins[i].kind,
                        .words = builtins[i].words};

        while (line.count < 5 && line.words[line.count])
            line.count++;
        CHECK(aclSetAdd(set, &line, ignoreComplaint, NULL) == 0);
    }
    return set;
}

static void
destroyAcl(Acl *acl)
{
    if (acl->ops)
        acl->ops->destroy(acl->data);
    free(acl->name);
    free(acl->kind);
    free(acl);
}

void
aclSetDestroy(AclSet **setp)
{
    AclSet *set = *setp;
    Acl *acl, *tmp;

    *setp = NULL;
    if (!set)
        return;
    CHECK_OBJ(set, ACL_SET_MAGIC);
    HASH_ITER(hh, set->byName, acl, tmp)
    {
        HASH_DEL(set->byName, acl);
        destroyAcl(acl);
    }
    CHECK_OBJ_CLEAR(set);
    free(set);
}

static Acl *
lookupAcl(const AclSet *set, const char *name)
{
    Acl *acl;

    HASH_FIND_STR(set->byName, name, acl);
    return acl;
}

bool
aclSetHas(const AclSet *set, const char *name)
{
    return lookupAcl(set, name) != NULL;
}

const char *
aclSetFindAuth(const AclSet *set)
{
    for (const Acl *acl = set->byName; acl; acl = acl->hh.next)
        if (acl->ops && acl->ops->isAuth)
            return acl->name;
    return NULL;
}

bool
aclSetHasMethod(const AclSet *set, const char *method)
{
    const AclInput input = {.method = method};

    for (const Acl *acl = set->byName; acl; acl = acl->hh.next)
        if (acl->ops && strcmp(acl->ops->name, "method") == 0 &&
            acl->ops->match(acl->data, &input) == ACL_MATCH_YES)
            return true;
    return false;
}

static void tellAbout(AclReport *report, AclSeverity severity, const char *fmt,
                      va_list ap) __attribute__((format(printf, 3, 0)));

static void
tellAbout(AclReport *report, AclSeverity severity, const char *fmt, va_list ap)
{
    char text[512];

    vsnprintf(text, sizeof(text), fmt, ap);
    report->complain(severity, text, report->data);
}

void
aclReportError(AclReport *report, const char *fmt, ...)
{
    va_list ap;

    report->failed = true;
    va_start(ap, fmt);
    tellAbout(report, ACL_ERROR, fmt, ap);
    va_end(ap);
}

void
aclReportWarning(AclReport *report, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    tellAbout(report, ACL_WARNING, fmt, ap);
    va_end(ap);
}

/* The acl of that name and kind, made when new; NULL after a complaint. */
static Acl *
openAcl(AclSet *set, const AclLine *line, AclReport *report)
{
    Acl *acl = lookupAcl(set, line->name);
    const char *kind = aclKindName(line->kind);
    const AclKindOps *ops = aclKindLookup(kind);
    const char *why = aclKindWhyNot(kind);

    if (acl && strcmp(acl->kind, kind) != 0) {
        aclReportError(report, "acl %s is of kind %s, not %s", line->name,
                       acl->kind, kind);
        return NULL;
    }
    if (acl)
        return acl;
    if (!ops && !why) {
        const char *near = aclKindNearest(line->kind);
        aclReportError(report, "acl %s: unknown kind \"%s\"%s%s%s", line->name,
                       line->kind, near ? ", did you mean \"" : "",
                       near ? near : "", near ? "\"?" : "");
        return NULL;
    }
    if (!ops)
        aclReportWarning(report, "acl %s: kind %s is not supported: %s",
                         line->name, kind, why);
    acl = xcalloc(1, sizeof(*acl));
    acl->name = xstrdup(line->name);
    acl->kind = xstrdup(kind);
    acl->ops = ops;
    acl->data = ops ? ops->create() : NULL;
    HASH_ADD_KEYPTR(hh, set->byName, acl->name, strlen(acl->name), acl);
    return acl;
}

/* True when word is a flag; it changes *flags. */
static bool
takeFlag(const char *word, unsigned *flags)
{
    if (strcmp(word, "-i") == 0)
        *flags |= ACL_FLAG_NOCASE;
    else if (strcmp(word, "+i") == 0)
        *flags &= ~ACL_FLAG_NOCASE;
    else if (strcmp(word, "-n") == 0)
        *flags |= ACL_FLAG_NO_LOOKUP;
    else
        return false;
    return true;
}

int
aclSetAdd(AclSet *set, const AclLine *line, AclComplainCb *complain, void *data)
{
    AclReport report = {complain, data, line->name, set, false};
    Acl *acl = openAcl(set, line, &report);
    bool flagsEnded;
    unsigned flags = 0;

    CHECK(!set->frozen);
    if (!acl)
        return -EINVAL;
    flagsEnded = acl->ops && acl->ops->isWordwise;
    if (!line->isMore && acl->ops && acl->ops->startLine)
        acl->ops->startLine(acl->data);
    for (size_t i = 0; i < line->count && acl->ops; i++) {
        const char *word = line->words[i];

        if (!flagsEnded && strcmp(word, "--") == 0)
            flagsEnded = true;
        else if (flagsEnded || !takeFlag(word, &flags))
            acl->ops->add(acl->data, word, flags, &report);
    }
    return report.failed ? -EINVAL : 0;
}

void
aclSetFreeze(AclSet *set)
{
    Acl *acl, *tmp;

    CHECK_OBJ(set, ACL_SET_MAGIC);
    if (set->frozen)
        return;
    set->frozen = true;
    HASH_ITER(hh, set->byName, acl, tmp)
    {
        if (acl->ops && acl->ops->freeze)
            acl->ops->freeze(acl->data);
    }
}

AclRules *
aclRulesCreate(void)
{
    AclRules *rules = xcalloc(1, sizeof(*rules));

    rules->magic = ACL_RULES_MAGIC;
    listInit(&rules->rules);
    return rules;
}

static void
destroyRule(AclRule *rule)
{
    listRemove(&rule->node);
    free(rule->text);
    free(rule);
}

void
aclRulesDestroy(AclRules **rulesp)
{
    AclRules *rules = *rulesp;
    ListNode *it, *tmp;

    *rulesp = NULL;
    if (!rules)
        return;
    CHECK_OBJ(rules, ACL_RULES_MAGIC);
    LIST_FOREACH(&rules->rules, it, tmp)
        destroyRule(LIST_OBJ(it, AclRule, node));
    CHECK_OBJ_CLEAR(rules);
    free(rules);
}

static const char *
nearestAcl(const AclSet *set, const char *name)
{
    const char *best = NULL;

    for (const Acl *acl = set->byName; acl; acl = acl->hh.next)
        best = nearestPick(name, best, acl->name);
    return best;
}

bool
aclTermFill(const AclSet *set, const char *name, AclReport *report,
            AclTerm *termOut)
{
    AclTerm term = {.negated = name[0] == '!'};

    name += term.negated;
    term.acl = lookupAcl(set, name);
    if (!term.acl) {
        const char *near = nearestAcl(set, name);
        aclReportError(report, "no acl is called \"%s\"%s%s%s", name,
                       near ? ", did you mean \"" : "", near ? near : "",
                       near ? "\"?" : "");
        return false;
    }
    if (!term.acl->ops) {
        aclReportError(report,
                       "acl %s cannot be used: kind %s is not supported: %s",
                       name, term.acl->kind, aclKindWhyNot(term.acl->kind));
        return false;
    }
    *termOut = term;
    return true;
}

/* The acl about the answer that acl is or has in it, or NULL. */
static const Acl *
findReply(const Acl *acl)
{
    const AclGroup *group = acl->data;
    const Acl *found = acl->ops->isReply ? acl : NULL;

    if (!acl->ops->isGroup)
        return found;
    for (size_t i = 0; i < group->count; i++)
        for (size_t j = 0; j < group->lines[i].count && !found; j++)
            found = findReply(group->lines[i].terms[j].acl);
    return found;
}

static void
warnOfReply(const AclTerm *term, const AclRuleLine *line, AclReport *report)
{
    const Acl *acl = line->isBeforeAnswer ? findReply(term->acl) : NULL;

    if (acl)
        aclReportWarning(report,
                         "acl %s is about the answer, which is not there yet: "
                         "it does not match",
                         acl->name);
}

int
aclRulesAdd(AclRules *rules, const AclSet *set, const AclRuleLine *line,
            AclComplainCb *complain, void *data)
{
    AclReport report = {complain, data, NULL, set, false};
    AclRule *rule;

    CHECK_OBJ(rules, ACL_RULES_MAGIC);
    CHECK(!rules->set || rules->set == set);
    rules->set = set;
    rule = xcalloc(1, sizeof(*rule) + line->count * sizeof(AclTerm));
    listInit(&rule->node);
    rule->allow = line->allow;
    rule->text = xstrdup(line->text);
    rule->count = line->count;
    if (line->count == 0)
        aclReportError(&report, "expected the name of an acl");
    for (size_t i = 0; i < line->count; i++)
        if (aclTermFill(set, line->names[i], &report, &rule->terms[i]))
            warnOfReply(&rule->terms[i], line, &report);
    if (report.failed) {
        destroyRule(rule);
        return -EINVAL;
    }
    listPushBack(&rules->rules, &rule->node);
    rules->count++;
    return 0;
}

size_t
aclRulesCount(const AclRules *rules)
{
    return rules ? rules->count : 0;
}

/* What a rule comes to, and the acl that made it so. */
typedef struct RuleMatch {
    AclMatch match;
    const Acl *acl;
} RuleMatch;

static RuleMatch matchGroup(const Acl *acl, const AclInput *input);

static RuleMatch
matchTerm(const AclTerm *term, const AclInput *input)
{
    const AclKindOps *ops = term->acl->ops;
    RuleMatch result;

    if (ops->isGroup)
        result = matchGroup(term->acl, input);
    else
        result = (RuleMatch){ops->match(term->acl->data, input), term->acl};
    if (term->negated && result.match == ACL_MATCH_YES)
        result.match = ACL_MATCH_NO;
    else if (term->negated && result.match == ACL_MATCH_NO)
        result.match = ACL_MATCH_YES;
    return result;
}

/*
 * Terms are looked at in order, as helpers may be asked for what their
 * answers do beside. Only the origin's address is not looked up when a
 * later term, which is known already, rules the rule out.
 */
static RuleMatch
matchAll(const AclTerm *terms, size_t count, const AclInput *input)
{
    RuleMatch result = {ACL_MATCH_YES, NULL};

    for (size_t i = 0; i < count; i++) {
        RuleMatch one = matchTerm(&terms[i], input);

        if (one.match == ACL_MATCH_NO)
            return one;
        if (result.match == ACL_MATCH_NEED_DST)
            continue;
        result = one;
        if (one.match != ACL_MATCH_YES && one.match != ACL_MATCH_NEED_DST)
            return result;
    }
    return result;
}

/* The same with yes and no exchanged. */
static RuleMatch
matchAny(const AclTerm *terms, size_t count, const AclInput *input)
{
    RuleMatch result = {ACL_MATCH_NO, NULL};

    for (size_t i = 0; i < count; i++) {
        RuleMatch one = matchTerm(&terms[i], input);

        if (one.match == ACL_MATCH_YES)
            return one;
        if (result.match == ACL_MATCH_NEED_DST)
            continue;
        result = one;
        if (one.match != ACL_MATCH_NO && one.match != ACL_MATCH_NEED_DST)
            return result;
    }
    return result;
}

/* The first line that does not say no decides. */
static RuleMatch
matchGroup(const Acl *acl, const AclInput *input)
{
    const AclGroup *group = acl->data;
    RuleMatch result = {ACL_MATCH_NO, acl};

    for (size_t i = 0; i < group->count; i++) {
        const AclGroupLine *line = &group->lines[i];

        if (line->count == 0)
            continue;
        RuleMatch one = group->isAll
                            ? matchAll(line->terms, line->count, input)
                            : matchAny(line->terms, line->count, input);

        result = one;
        if (result.match != ACL_MATCH_NO)
            break;
    }
    return result;
}

/* What is to be done about a rule that cannot be decided. */
static AclAnswer
answerOf(AclMatch match)
{
    static const AclAnswer answers[ACL_MATCH_COUNT] = {
        [ACL_MATCH_NEED_DST] = ACL_NEED_DST,
        [ACL_MATCH_NEED_SRC] = ACL_NEED_SRC,
        [ACL_MATCH_NEED_AUTH] = ACL_NEED_AUTH,
        [ACL_MATCH_NEED_EXTERNAL] = ACL_NEED_EXTERNAL,
        [ACL_MATCH_DUNNO] = ACL_DENY,
    };

    return answers[match];
}

static void
decide(AclDecision *decision, AclAnswer answer, const RuleMatch *last)
{
    decision->answer = answer;
    decision->isUnknown = last->match == ACL_MATCH_DUNNO;
    decision->aclName = last->acl->name;
    decision->isAuth = last->acl->ops->isAuth;
    decision->external =
        last->acl->ops == &aclKindExternal ? last->acl->data : NULL;
}

void
aclRulesDecide(const AclRules *rules, const AclInput *input,
               AclDecision *decisionOut)
{
    ListNode *it, *tmp;

    *decisionOut = (AclDecision){.answer = ACL_DENY};
    if (!rules || rules->count == 0)
        return;
    CHECK_OBJ(rules, ACL_RULES_MAGIC);
    CHECK(rules->set->frozen);
    LIST_FOREACH(&rules->rules, it, tmp) {
        const AclRule *rule = LIST_OBJ(it, AclRule, node);
        RuleMatch last = matchAll(rule->terms, rule->count, input);
        bool matches = last.match == ACL_MATCH_YES;

        if (matches || last.match == ACL_MATCH_NO)
            decide(decisionOut, rule->allow == matches ? ACL_ALLOW : ACL_DENY,
                   &last);
        else
            decide(decisionOut, answerOf(last.match), &last);
        if (last.match != ACL_MATCH_NO) {
            debug(DBG_ACL, 3, "%s: %s", rule->text,
                  aclAnswerName(decisionOut->answer));
            return;
        }
    }
    debug(DBG_ACL, 3, "no rule matches: %s",
          aclAnswerName(decisionOut->answer));
}

AclAnswer
aclRulesCheck(const AclRules *rules, const AclInput *input)
{
    AclDecision decision;

    aclRulesDecide(rules, input, &decision);
    return decision.answer;
}

const char *
aclAnswerName(AclAnswer answer)
{
    static const char *const names[ACL_ANSWER_COUNT] = {
        "denied",    "allowed",    "needs dst",
        "needs src", "needs user", "needs helper"};

    CHECK(answer < ACL_ANSWER_COUNT);
    return names[answer];
}
