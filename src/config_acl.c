/* config_acl.c: acl, http_access, url_rewrite_access. */
#include "config_priv.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "nearest.h"
#include "xalloc.h"

/* The flags of an acl line and the room for one value behind them. */
typedef struct AclValues {
    ConfigLoader *loader;
    const char *file; /* where the present value stands */
    unsigned lineNo;
    AclLine line;
    const char *words[8];
    size_t flagCount;
    size_t valueCount;
    bool areFlagsOver; /* after -- */
} AclValues;

static void
onComplaint(AclSeverity severity, const char *text, void *data)
{
    const AclValues *values = data;

    configComplainAt(values->loader,
                     severity == ACL_ERROR ? CONFIG_ERROR : CONFIG_WARNING,
                     values->file, values->lineNo, text);
}

/* Each value goes in alone, so that a complaint knows its place. */
static void
addValue(AclValues *values, const char *text)
{
    values->valueCount += text ? 1 : 0;
    values->words[values->flagCount] = text;
    values->line.words = values->words;
    values->line.count = values->flagCount + (text ? 1 : 0);
    values->line.isMore = text != NULL;
    aclSetAdd(values->loader->config->acls, &values->line, onComplaint, values);
}

static void
onFileValue(char *text, unsigned lineNo, void *data)
{
    AclValues *values = data;

    values->lineNo = lineNo;
    addValue(values, text);
}

static void
addFile(AclValues *values, const ConfigLine *line, size_t i)
{
    char *path = configResolve(line->file, line->words[i].text);
    const char *why;

    values->file = path;
    why = configReadValues(path, onFileValue, values);
    if (why)
        configError(values->loader, line, i, "acl %s: cannot read %s: %s",
                    values->line.name, path, why);
    values->file = line->file;
    free(path);
}

static bool
isFlag(const AclValues *values, const char *word)
{
    if (values->areFlagsOver || strcmp(values->line.kind, "external") == 0)
        return false;
    if (strcmp(word, "-s") == 0)
        return strcmp(values->line.kind, "max_user_ip") == 0;
    return strcmp(word, "-i") == 0 || strcmp(word, "+i") == 0 ||
           strcmp(word, "-n") == 0 || strcmp(word, "--") == 0;
}

static void
addFlag(AclValues *values, const ConfigLine *line, size_t i)
{
    const char *flag = line->words[i].text;

    values->areFlagsOver = strcmp(flag, "--") == 0;
    if (values->flagCount + 1 <
        sizeof(values->words) / sizeof(values->words[0]))
        values->words[values->flagCount++] = flag;
    else
        configError(values->loader, line, i, "too many flags");
}

static void
addWord(AclValues *values, const ConfigLine *line, size_t i)
{
    const ConfigWord *word = &line->words[i];

    values->lineNo = word->line;
    if (word->isFile ||
        (word->quoted && !values->loader->config->quotedValues))
        addFile(values, line, i);
    else if (isFlag(values, word->text))
        addFlag(values, line, i);
    else
        addValue(values, word->text);
}

static void
complainClass(ConfigLoader *loader, const ConfigLine *line)
{
    const Config *config = loader->config;
    const char *name = line->words[3].text;
    const char *near = NULL;

    for (size_t i = 0; i < config->externalCount; i++)
        near = nearestPick(name, near, config->externals[i]->name);
    configError(loader, line, 3,
                "acl %s: no external_acl_type is called \"%s\"%s%s%s",
                line->words[1].text, name, near ? ", did you mean \"" : "",
                near ? near : "", near ? "\"?" : "");
}

/* False after a complaint. */
static bool
checkExternal(ConfigLoader *loader, const ConfigLine *line)
{
    if (line->count < 4)
        configError(loader, line, 3,
                    "acl %s: expected the name of an external_acl_type",
                    line->words[1].text);
    else if (!configExternalLookup(loader->config, line->words[3].text))
        complainClass(loader, line);
    else if (aclSetHas(loader->config->acls, line->words[1].text))
        configError(loader, line, 1,
                    "acl %s: one of kind external has one line only",
                    line->words[1].text);
    else
        return true;
    return false;
}

/* The line of files for Squid before 3.2, where it was not built in. */
static bool
isOldManager(const ConfigLine *line)
{
    return line->count == 4 && strcmp(line->words[1].text, "manager") == 0 &&
           strcmp(line->words[2].text, "proto") == 0 &&
           strcmp(line->words[3].text, "cache_object") == 0;
}

/* For fields, a name is no value yet. */
static void
warnOfEmpty(const AclValues *values, const ConfigLine *line)
{
    const char *kind = values->line.kind;
    bool isField =
        strcmp(kind, "req_header") == 0 || strcmp(kind, "rep_header") == 0;

    bool isBare = strcmp(kind, "connections_encrypted") == 0;

    isField = isField || strcmp(kind, "user_cert") == 0 ||
              strcmp(kind, "ca_cert") == 0;
    if (!isBare && values->valueCount < (isField ? 2 : 1))
        configWarn(values->loader, line, 1,
                   "empty acl: acl %s has no %s in this line",
                   values->line.name, isField ? "pattern" : "value");
}

static void
parseAcl(ConfigLoader *loader, const ConfigRow *row, const ConfigLine *line)
{
    AclValues values = {.loader = loader, .file = line->file};
    unsigned errors = loader->errors;

    if (line->count < 3) {
        configWantWords(loader, row, line, 3);
        return;
    }
    if (isOldManager(line)) {
        configWarn(loader, line, 0,
                   "acl manager is built in, the line is ignored");
        return;
    }
    if (strcmp(line->words[2].text, "external") == 0 &&
        !checkExternal(loader, line))
        return;
    values.line.name = line->words[1].text;
    values.line.kind = line->words[2].text;
    values.lineNo = line->words[2].line;
    addValue(&values, NULL);
    for (size_t i = 3; i < line->count && loader->errors == errors; i++)
        addWord(&values, line, i);
    if (loader->errors == errors)
        warnOfEmpty(&values, line);
    if (!loader->authFile && aclSetFindAuth(loader->config->acls)) {
        loader->authFile = xstrdup(line->file);
        loader->authLine = line->words[0].line;
    }
}

const ConfigKind configKindAcl = {
    .repeats = true,
    .parse = parseAcl,
};

/* Words `first` on are acls. 0 or -EINVAL after complaints. */
static int
addRule(ConfigLoader *loader, const ConfigLine *line, size_t first,
        AclRuleLine *rule, AclRules *rules)
{
    AclValues place = {
        .loader = loader, .file = line->file, .lineNo = line->words[0].line};
    const char **names = xcalloc(line->count, sizeof(*names));
    char *text = configJoinWords(line, 0);

    for (size_t i = first; i < line->count; i++)
        names[rule->count++] = line->words[i].text;
    rule->names = names;
    rule->text = text;
    int rc =
        aclRulesAdd(rules, loader->config->acls, rule, onComplaint, &place);
    free(names);
    free(text);
    return rc;
}

/* Lists that are checked when there is an answer. */
static bool
isOfReply(const ConfigRow *row)
{
    return row->kind == &configKindReplyRules ||
           row->offset == offsetof(Config, replyHeaders);
}

void
configTakeRule(ConfigLoader *loader, const ConfigRow *row,
               const ConfigLine *line, size_t first, AclRules **rules)
{
    const char *verb = line->count > first ? line->words[first].text : "";
    AclRuleLine rule = {.allow = strcmp(verb, "allow") == 0,
                        .isBeforeAnswer = !isOfReply(row)};

    if (!rule.allow && strcmp(verb, "deny") != 0) {
        configError(loader, line, first, "expected: %s %s", row->name,
                    row->syntax);
        return;
    }
    if (*rules == NULL)
        *rules = aclRulesCreate();
    addRule(loader, line, first + 1, &rule, *rules);
}

void
configTakeDomain(ConfigLoader *loader, const ConfigLine *line, size_t i,
                 AclRules **rules)
{
    const char *word = line->words[i].text;
    const char *domain = word + (word[0] == '!');
    char *name = xasprintf("cache_peer_domain %s", domain);
    const AclLine acl = {
        .name = name, .kind = "dstdomain", .words = &domain, .count = 1};
    const char *names[] = {name};
    AclRuleLine rule = {
        .allow = domain == word, .names = names, .count = 1, .text = name};
    AclValues place = {.loader = loader,
                       .file = line->file,
                       .lineNo = line->words[i].line};
    AclSet *acls = loader->config->acls;

    if (*rules == NULL)
        *rules = aclRulesCreate();
    if (aclSetHas(acls, name) ||
        aclSetAdd(acls, &acl, onComplaint, &place) == 0)
        aclRulesAdd(*rules, acls, &rule, onComplaint, &place);
    free(name);
}

AclRules *
configTakeAcls(ConfigLoader *loader, const ConfigLine *line, size_t first,
               bool isBeforeAnswer)
{
    AclRules *rules = aclRulesCreate();
    AclRuleLine rule = {.allow = true, .isBeforeAnswer = isBeforeAnswer};

    if (addRule(loader, line, first, &rule, rules) < 0)
        aclRulesDestroy(&rules);
    return rules;
}

static void
parseRules(ConfigLoader *loader, const ConfigRow *row, const ConfigLine *line)
{
    void *field = (char *)loader->config + row->offset;

    configTakeRule(loader, row, line, 1, field);
}

const ConfigKind configKindRules = {
    .repeats = true,
    .parse = parseRules,
};

const ConfigKind configKindReplyRules = {
    .repeats = true,
    .parse = parseRules,
};
