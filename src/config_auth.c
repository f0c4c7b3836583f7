/* config_auth.c: auth_param and manager_auth: the schemes by which users are
 * known. */
#include "config_priv.h"

#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "nearest.h"
#include "xalloc.h"

#define BIT(kind) (1u << AUTH_##kind)
#define ANY (BIT(BASIC) | BIT(DIGEST) | BIT(NTLM) | BIT(NEGOTIATE))
#define NAMED (BIT(BASIC) | BIT(DIGEST))
#define DIALOG (BIT(NTLM) | BIT(NEGOTIATE))
#define VALUE 3 /* the word after auth_param SCHEME PARAM */

typedef struct AuthParam AuthParam;

/* One line that is being read. */
typedef struct Setting {
    ConfigLoader *loader;
    const ConfigLine *line;
    ConfigAuthScheme *scheme;
    const AuthParam *param;
    AuthKind kind;
} Setting;

struct AuthParam {
    const char *name;
    unsigned kinds;
    void (*set)(const Setting *setting); /* complains itself */
    size_t offset;                       /* in ConfigAuthScheme */
    const char *instead;                 /* of setGone: what is done */
};

static void *
fieldOf(const Setting *setting)
{
    return (char *)setting->scheme + setting->param->offset;
}

static void
complainValue(const Setting *setting, const char *wanted)
{
    configError(setting->loader, setting->line, VALUE, "%s %s %s: expected %s",
                setting->line->words[0].text, authKindName(setting->kind),
                setting->param->name, wanted);
}

/* The one word there may be, or NULL after a complaint. */
static const char *
oneWord(const Setting *setting, const char *wanted)
{
    if (setting->line->count == VALUE + 1)
        return setting->line->words[VALUE].text;
    complainValue(setting, wanted);
    return NULL;
}

static void
setProgram(const Setting *setting)
{
    configHelperProgram(setting->loader, &setting->scheme->helper,
                        setting->line, VALUE);
}

/* What this pool must not do, or NULL. A dialog has its process alone, so
 * there is nothing to number. Pools keep lines as they are, and for as long as
 * there is room; auth_answer.c keeps a keyed hash, for credentialsttl. */
static const char *
childrenFault(const HelperConfig *pool, AuthKind kind)
{
    if ((DIALOG & 1u << kind) != 0 && pool->concurrency > 0)
        return "concurrency= cannot be used with this scheme";
    if (pool->fail == HELPER_FAIL_OPEN)
        return "fail=open would let everybody in";
    if (pool->cacheMax > 0)
        return "cache= would keep passwords and secrets in memory "
               "(credentialsttl and authenticate_ttl say how long a user stays "
               "known)";
    if (pool->fail == HELPER_FAIL_STALE)
        return "fail=stale cannot be used, as the pool keeps no answers";
    return NULL;
}

static void
setChildren(const Setting *setting)
{
    configHelperChildren(setting->loader, &setting->scheme->helper,
                         setting->line, VALUE);
    const char *fault =
        childrenFault(&setting->scheme->helper.pool, setting->kind);
    if (fault)
        configError(setting->loader, setting->line, VALUE, "%s %s children: %s",
                    setting->line->words[0].text, authKindName(setting->kind),
                    fault);
}

static void
setText(const Setting *setting)
{
    char **field = fieldOf(setting);
    Buf text;

    if (setting->line->count <= VALUE) {
        complainValue(setting, "a text");
        return;
    }
    bufInit(&text, 64 * 1024);
    for (size_t i = VALUE; i < setting->line->count; i++)
        bufPrintf(&text, "%s%s", i > VALUE ? " " : "",
                  setting->line->words[i].text);
    free(*field);
    *field = xstrndup(bufData(&text), bufLen(&text));
    bufFini(&text);
}

/* Digest's helpers read it between quotes, without escapes. */
static void
setRealm(const Setting *setting)
{
    setText(setting);
    const char *realm = setting->scheme->realm;

    for (size_t i = 0; realm[i] != '\0'; i++) {
        unsigned char octet = (unsigned char)realm[i];

        if (octet < 0x20 || octet == 0x7f || octet == '"' || octet == '\\') {
            complainValue(setting,
                          "a text without quotes, backslashes and controls");
            return;
        }
    }
}

static void
setBool(const Setting *setting)
{
    const char *word = oneWord(setting, "on or off");

    if (word && !configParseBool(word, fieldOf(setting)))
        complainValue(setting, "on or off");
}

static void
setTime(const Setting *setting)
{
    size_t index = VALUE;
    int64_t ms;

    if (!configTakeTime(setting->loader, setting->line, &index, &ms))
        return;
    if (index < setting->line->count || ms > INT64_MAX / 1000000)
        complainValue(setting, "a time");
    else
        *(int64_t *)fieldOf(setting) = ms;
}

static void
setCount(const Setting *setting)
{
    const char *word = oneWord(setting, "a number from 1");
    long value;

    if (!word)
        return;
    if (!configParseNumber(word, 1, INT_MAX, &value))
        complainValue(setting, "a number from 1");
    else
        *(unsigned *)fieldOf(setting) = (unsigned)value;
}

/* Of older versions: nothing is done. */
static void
setGone(const Setting *setting)
{
    configWarn(setting->loader, setting->line, 2,
               "%s %s %s has no effect: %s", setting->line->words[0].text,
               authKindName(setting->kind), setting->line->words[2].text,
               setting->param->instead);
}

/* What only some old clients need is not needed: see the manual. */
static void
setIgnored(const Setting *setting)
{
    const char *word = oneWord(setting, "on or off");
    bool value;

    if (word && !configParseBool(word, &value))
        complainValue(setting, "on or off");
}

#define MEMBER(field) offsetof(ConfigAuthScheme, field)

static const AuthParam params[] = {
    {"program", ANY, setProgram, 0, NULL},
    {"children", ANY, setChildren, 0, NULL},
    {"key_extras", ANY, setText, MEMBER(keyExtras), NULL},
    {"realm", NAMED, setRealm, MEMBER(realm), NULL},
    {"utf8", NAMED, setBool, MEMBER(isUtf8), NULL},
    {"credentialsttl", BIT(BASIC), setTime, MEMBER(ttlMs), NULL},
    {"casesensitive", BIT(BASIC), setBool, MEMBER(isCaseSensitive), NULL},
    {"nonce_garbage_interval", BIT(DIGEST), setTime, MEMBER(nonce.garbageMs),
     NULL},
    {"nonce_max_duration", BIT(DIGEST), setTime, MEMBER(nonce.maxMs), NULL},
    {"nonce_max_count", BIT(DIGEST), setCount, MEMBER(nonce.countMax), NULL},
    {"nonce_strictness", BIT(DIGEST), setBool, MEMBER(nonce.isStrict), NULL},
    {"check_nonce_count", BIT(DIGEST), setBool, MEMBER(nonce.isCounted), NULL},
    {"post_workaround", BIT(DIGEST), setIgnored, 0, NULL},
    {"keep_alive", DIALOG, setBool, MEMBER(keepAlive), NULL},
    {"blankpassword", BIT(BASIC), setGone, 0,
     "the helper is asked about empty passwords, too"},
    {"concurrency", BIT(BASIC) | BIT(DIGEST), setGone, 0,
     "say concurrency= in children"},
    {"max_challenge_reuses", BIT(NTLM), setGone, 0,
     "a challenge is for one dialog"},
    {"max_challenge_lifetime", BIT(NTLM), setGone, 0,
     "a challenge is for one dialog"},
    {"use_ntlm_negotiate", BIT(NTLM), setGone, 0,
     "the helper gets what the client sends"},
};

static const AuthParam *
lookupParam(const char *name, AuthKind kind)
{
    for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++)
        if (strcmp(params[i].name, name) == 0 &&
            (params[i].kinds & 1u << kind) != 0)
            return &params[i];
    return NULL;
}

static void
complainParam(const Setting *setting)
{
    const char *name = setting->line->words[2].text;
    const char *near = NULL;

    for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++)
        if ((params[i].kinds & 1u << setting->kind) != 0)
            near = nearestPick(name, near, params[i].name);
    configError(setting->loader, setting->line, 2,
                "%s %s has no parameter \"%s\"%s%s%s",
                setting->line->words[0].text, authKindName(setting->kind), name,
                near ? ", did you mean \"" : "", near ? near : "",
                near ? "\"?" : "");
}

/* Schemes are offered in the order of their first lines. */
static void
noteOrder(ConfigAuth *auth, AuthKind kind)
{
    for (unsigned i = 0; i < auth->count; i++)
        if (auth->order[i] == kind)
            return;
    auth->order[auth->count++] = kind;
}

/* One of kinds, or AUTH_KIND_COUNT after a complaint. */
static AuthKind
parseKind(ConfigLoader *loader, const ConfigLine *line, unsigned kinds)
{
    const char *word = line->words[1].text;
    AuthKind kind = authKindOf(httpSliceText(word));

    if (kind < AUTH_KIND_COUNT && (kinds & 1u << kind) != 0)
        return kind;
    configError(loader, line, 1, "expected basic%sdigest%s, not \"%s\"",
                kinds == NAMED ? " or " : ", ",
                kinds == NAMED ? "" : ", ntlm or negotiate", word);
    return AUTH_KIND_COUNT;
}

static void
parseParam(ConfigLoader *loader, const ConfigRow *row, const ConfigLine *line,
           unsigned kinds)
{
    ConfigAuth *auth = (void *)((char *)loader->config + row->offset);

    if (line->count < VALUE) {
        configWantWords(loader, row, line, VALUE);
        return;
    }
    AuthKind kind = parseKind(loader, line, kinds);
    if (kind == AUTH_KIND_COUNT)
        return;
    Setting setting = {.loader = loader,
                       .line = line,
                       .scheme = &auth->schemes[kind],
                       .param = lookupParam(line->words[2].text, kind),
                       .kind = kind};
    if (!setting.param) {
        complainParam(&setting);
        return;
    }
    noteOrder(auth, kind);
    setting.param->set(&setting);
}

static void
parseAuth(ConfigLoader *loader, const ConfigRow *row, const ConfigLine *line)
{
    parseParam(loader, row, line, ANY);
}

const ConfigKind configKindAuth = {
    .repeats = true,
    .parse = parseAuth,
};

/* The manager has one request for each connection: no dialogs. */
static void
parseManagerAuth(ConfigLoader *loader, const ConfigRow *row,
                 const ConfigLine *line)
{
    parseParam(loader, row, line, NAMED);
}

const ConfigKind configKindManagerAuth = {
    .repeats = true,
    .parse = parseManagerAuth,
};

void
configAuthInit(ConfigAuth *auth, const char *prefix, const char *realm)
{
    for (int kind = 0; kind < AUTH_KIND_COUNT; kind++) {
        ConfigAuthScheme *scheme = &auth->schemes[kind];
        char *name = xasprintf("%s%sauthenticator", prefix,
                               authKindName((AuthKind)kind));

        configHelperInit(&scheme->helper, name);
        free(name);
        scheme->realm = xstrdup(realm);
        scheme->ttlMs = INT64_C(7200000);
        scheme->keepAlive = true;
        scheme->nonce = (AuthNonceRules){.maxMs = 1800000,
                                         .garbageMs = 300000,
                                         .countMax = 50,
                                         .isCounted = true};
    }
}

static bool
isGiven(const ConfigHelper *helper, const char *option)
{
    return helper->spec && strstr(helper->spec, option);
}

/* Lines have passwords in them, so traces are kept on demand only. Tokens
 * are long. */
static void
finishScheme(ConfigAuthScheme *scheme, AuthKind kind, int64_t ttlMs)
{
    HelperConfig *pool = &scheme->helper.pool;

    configHelperFinish(&scheme->helper);
    if (!isGiven(&scheme->helper, "trace="))
        pool->traceMax = 0;
    if ((DIALOG & 1u << kind) != 0 && !isGiven(&scheme->helper, "line-max="))
        pool->lineMax = 65535;
    if (kind == AUTH_DIGEST)
        scheme->ttlMs = ttlMs;
}

/* True when one of the schemes has a program. */
static bool
finishSchemes(ConfigAuth *auth, int64_t ttlMs)
{
    bool hasProgram = false;

    for (int kind = 0; kind < AUTH_KIND_COUNT; kind++) {
        finishScheme(&auth->schemes[kind], (AuthKind)kind, ttlMs);
        hasProgram = hasProgram || auth->schemes[kind].helper.argv;
    }
    return hasProgram;
}

void
configAuthFinish(ConfigLoader *loader)
{
    Config *config = loader->config;
    const char *acl = aclSetFindAuth(config->acls);

    /* Lines that let everybody in are a mistake. */
    if (!finishSchemes(&config->managerAuth, config->authenticateTtlMs) &&
        config->managerAuth.count > 0)
        configComplainAt(loader, CONFIG_ERROR, config->path, 0,
                         "there is manager_auth, but no \"manager_auth SCHEME "
                         "program\" to know users by");
    if (finishSchemes(&config->auth, config->authenticateTtlMs) || !acl)
        return;
    char *text = xasprintf("acl %s is about users, but there is no "
                           "\"auth_param SCHEME program\" to know them by",
                           acl);
    configComplainAt(loader, CONFIG_ERROR, loader->authFile, loader->authLine,
                     text);
    free(text);
}

void
configAuthFini(ConfigAuth *auth)
{
    for (int kind = 0; kind < AUTH_KIND_COUNT; kind++) {
        configHelperFini(&auth->schemes[kind].helper);
        free(auth->schemes[kind].realm);
        free(auth->schemes[kind].keyExtras);
    }
}
