/* config_rewrite.c: the url_rewrite directives: a pool and its use. */
#include "config_priv.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "xalloc.h"

#define CHILDREN_MAX 100000L
#define QUEUE_MAX 10000000L

/* One name=value of a *_children line. set is given a copy of the line
 * whose word i is the value alone. */
typedef struct ChildOption {
    const char *name;
    const char *wanted; /* NULL: set complains itself; no set: later */
    bool (*set)(ConfigLoader *loader, HelperConfig *helper,
                const ConfigLine *line, size_t i);
} ChildOption;

static bool
setUnsigned(const ConfigLine *line, size_t i, long min, long max,
            unsigned *field)
{
    long value;

    if (!configParseNumber(line->words[i].text, min, max, &value))
        return false;
    *field = (unsigned)value;
    return true;
}

static bool
setStartup(ConfigLoader *loader, HelperConfig *helper, const ConfigLine *line,
           size_t i)
{
    (void)loader;
    return setUnsigned(line, i, 0, CHILDREN_MAX, &helper->startup);
}

static bool
setIdle(ConfigLoader *loader, HelperConfig *helper, const ConfigLine *line,
        size_t i)
{
    if (!setUnsigned(line, i, 0, CHILDREN_MAX, &helper->idle))
        return false;
    if (helper->idle == 0) {
        configWarn(loader, line, i, "idle=0 is taken as 1");
        helper->idle = 1;
    }
    return true;
}

static bool
setConcurrency(ConfigLoader *loader, HelperConfig *helper,
               const ConfigLine *line, size_t i)
{
    (void)loader;
    return setUnsigned(line, i, 0, CHILDREN_MAX, &helper->concurrency);
}

/* 0 stands for the default in a HelperConfig. */
static bool
setQueueSize(ConfigLoader *loader, HelperConfig *helper, const ConfigLine *line,
             size_t i)
{
    if (!setUnsigned(line, i, 0, QUEUE_MAX, &helper->queueMax))
        return false;
    if (helper->queueMax == 0) {
        configWarn(loader, line, i, "queue-size=0 is taken as 1");
        helper->queueMax = 1;
    }
    return true;
}

static bool
setOverload(ConfigLoader *loader, HelperConfig *helper, const ConfigLine *line,
            size_t i)
{
    const char *text = line->words[i].text;

    if (strcmp(text, "ERR") == 0)
        helper->overload = HELPER_OVERLOAD_ERR;
    else if (strcmp(text, "bypass") == 0)
        helper->overload = HELPER_OVERLOAD_BYPASS;
    else if (strcmp(text, "wait") == 0)
        helper->overload = HELPER_OVERLOAD_WAIT;
    else if (strcmp(text, "die") != 0)
        return false;
    if (strcmp(text, "die") == 0) {
        configWarn(loader, line, i,
                   "on-persistent-overload=die is taken as ERR: the proxy "
                   "does not end because of its helpers");
        helper->overload = HELPER_OVERLOAD_ERR;
    }
    return true;
}

static bool
takeTimeoutMs(ConfigLoader *loader, const ConfigLine *line, size_t *index,
              int *msOut)
{
    int64_t ms;
    size_t first = *index;

    if (!configTakeTime(loader, line, index, &ms))
        return false;
    if (ms > INT_MAX) {
        configError(loader, line, first, "expected less than 24 days");
        return false;
    }
    *msOut = (int)ms;
    return true;
}

static bool
setTimeout(ConfigLoader *loader, HelperConfig *helper, const ConfigLine *line,
           size_t i)
{
    const ConfigLine value = {line->file, &line->words[i], 1};
    size_t index = 0;

    return takeTimeoutMs(loader, &value, &index, &helper->timeoutMs);
}

static bool
setAttempts(ConfigLoader *loader, HelperConfig *helper, const ConfigLine *line,
            size_t i)
{
    (void)loader;
    return setUnsigned(line, i, 1, 100, &helper->attempts);
}

static bool
setStderr(ConfigLoader *loader, HelperConfig *helper, const ConfigLine *line,
          size_t i)
{
    const char *text = line->words[i].text;

    (void)loader;
    helper->stderrRaw = strcmp(text, "raw") == 0;
    return helper->stderrRaw || strcmp(text, "tag") == 0;
}

static const ChildOption childOptions[] = {
    {"startup", "a number from 0", setStartup},
    {"idle", "a number from 0", setIdle},
    {"concurrency", "a number from 0", setConcurrency},
    {"queue-size", "a number from 0", setQueueSize},
    {"on-persistent-overload", "ERR, bypass or wait", setOverload},
    {"timeout", NULL, setTimeout},
    {"attempts", "a number from 1 to 100", setAttempts},
    {"stderr", "tag or raw", setStderr},
    {"fail", NULL, NULL},
    {"user", NULL, NULL},
    {"max-requests", NULL, NULL},
    {"max-age", NULL, NULL},
    {"probe", NULL, NULL},
};

static const ChildOption *
lookupOption(const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof(childOptions) / sizeof(childOptions[0]); i++)
        if (strlen(childOptions[i].name) == len &&
            strncmp(childOptions[i].name, name, len) == 0)
            return &childOptions[i];
    return NULL;
}

static void
doChildOption(ConfigLoader *loader, HelperConfig *helper,
              const ConfigLine *line, size_t i)
{
    ConfigWord *word = &line->words[i];
    char *equals = strchr(word->text, '=');
    const ChildOption *option =
        equals ? lookupOption(word->text, (size_t)(equals - word->text)) : NULL;
    char *whole = word->text;

    if (!option) {
        configError(loader, line, i,
                    "expected OPTION=VALUE with an option of "
                    "url_rewrite_children, not \"%s\"",
                    word->text);
        return;
    }
    if (!option->set) {
        configWarn(loader, line, i, "option \"%s=\" is not supported yet",
                   option->name);
        return;
    }
    word->text = equals + 1;
    if (!option->set(loader, helper, line, i) && option->wanted)
        configError(loader, line, i, "%s= expected %s, not \"%s\"",
                    option->name, option->wanted, word->text);
    word->text = whole;
}

static void
capToMax(ConfigLoader *loader, const ConfigLine *line, const char *name,
         unsigned max, unsigned *field)
{
    if (*field <= max)
        return;
    configWarn(loader, line, 1,
               "%s=%u is more than the %u processes there "
               "may be",
               name, *field, max);
    *field = max;
}

static void
parseChildren(ConfigLoader *loader, const ConfigRow *row,
              const ConfigLine *line)
{
    HelperConfig helper;

    (void)row;
    helperConfigInit(&helper);
    if (line->count < 2 ||
        !setUnsigned(line, 1, 1, CHILDREN_MAX, &helper.max)) {
        configError(loader, line, 1,
                    "expected a number of processes from 1 to %ld",
                    CHILDREN_MAX);
        return;
    }
    for (size_t i = 2; i < line->count; i++)
        doChildOption(loader, &helper, line, i);
    capToMax(loader, line, "startup", helper.max, &helper.startup);
    capToMax(loader, line, "idle", helper.max, &helper.idle);
    loader->config->rewrite.helper = helper;
}

const ConfigKind configKindChildren = {
    .parse = parseChildren,
};

static void
freeArgv(char **argv)
{
    for (size_t i = 0; argv && argv[i]; i++)
        free(argv[i]);
    free(argv);
}

static void
parseProgram(ConfigLoader *loader, const ConfigRow *row, const ConfigLine *line)
{
    ConfigRewrite *rewrite = &loader->config->rewrite;

    if (line->count < 2) {
        configWantWords(loader, row, line, 1);
        return;
    }
    freeArgv(rewrite->argv);
    rewrite->argv = NULL;
    if (line->count == 2 && strcmp(line->words[1].text, "none") == 0)
        return;
    rewrite->argv = xcalloc(line->count, sizeof(char *));
    for (size_t i = 1; i < line->count; i++)
        rewrite->argv[i - 1] = xstrdup(line->words[i].text);
}

const ConfigKind configKindProgram = {
    .parse = parseProgram,
};

static const char *const onTimeoutNames[CONFIG_ON_TIMEOUT_COUNT] = {
    "fail",
    "bypass",
    "retry",
    "use_configured_response",
};

static void
parseOnTimeout(ConfigLoader *loader, const ConfigLine *line, size_t i)
{
    const char *text = strchr(line->words[i].text, '=') + 1;

    for (int n = 0; n < CONFIG_ON_TIMEOUT_COUNT; n++) {
        if (strcmp(text, onTimeoutNames[n]) == 0) {
            loader->config->rewrite.onTimeout = (ConfigOnTimeout)n;
            return;
        }
    }
    configError(loader, line, i,
                "on_timeout= expected fail, bypass, retry or "
                "use_configured_response, not \"%s\"",
                text);
}

static void
parseTimeoutOption(ConfigLoader *loader, const ConfigLine *line, size_t i)
{
    ConfigRewrite *rewrite = &loader->config->rewrite;
    const char *text = line->words[i].text;

    if (strncmp(text, "on_timeout=", 11) == 0) {
        parseOnTimeout(loader, line, i);
    } else if (strncmp(text, "response=", 9) == 0) {
        free(rewrite->response);
        rewrite->response = xstrdup(text + 9);
    } else {
        configError(loader, line, i,
                    "expected on_timeout= or response=, not \"%s\"", text);
    }
}

static void
parseHelperTimeout(ConfigLoader *loader, const ConfigRow *row,
                   const ConfigLine *line)
{
    ConfigRewrite *rewrite = &loader->config->rewrite;
    size_t index = 1;

    (void)row;
    free(rewrite->response);
    rewrite->response = NULL;
    rewrite->onTimeout = CONFIG_ON_TIMEOUT_FAIL;
    if (!takeTimeoutMs(loader, line, &index, &rewrite->timeoutMs))
        return;
    for (; index < line->count; index++)
        parseTimeoutOption(loader, line, index);
    if ((rewrite->onTimeout == CONFIG_ON_TIMEOUT_RESPONSE) !=
        (rewrite->response != NULL))
        configError(loader, line, 0,
                    "on_timeout=use_configured_response and response= need "
                    "each other");
}

const ConfigKind configKindHelperTimeout = {
    .parse = parseHelperTimeout,
};

void
configRewriteFinish(ConfigLoader *loader)
{
    ConfigRewrite *rewrite = &loader->config->rewrite;
    HelperConfig *helper = &rewrite->helper;

    helper->name = "url_rewrite";
    helper->argv = (const char *const *)rewrite->argv;
    if (rewrite->bypass)
        helper->overload = HELPER_OVERLOAD_BYPASS;
    if (rewrite->timeoutMs >= 0)
        helper->timeoutMs = rewrite->timeoutMs;
}

void
configRewriteFini(ConfigRewrite *rewrite)
{
    freeArgv(rewrite->argv);
    free(rewrite->response);
    free(rewrite->extras);
    aclRulesDestroy(&rewrite->access);
}
