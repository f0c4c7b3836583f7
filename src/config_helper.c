/* config_helper.c: a class of helpers: its program, its *_children line. */
#include "config_priv.h"

#include <stdlib.h>
#include <string.h>

#include "config_helper_option.h"
#include "xalloc.h"

void
configHelperInit(ConfigHelper *helper, const char *name)
{
    memset(helper, 0, sizeof(*helper));
    helper->name = xstrdup(name);
    helper->access = aclRulesCreate();
    helperConfigInit(&helper->pool);
}

static void
freeTexts(char **texts)
{
    for (size_t i = 0; texts && texts[i]; i++)
        free(texts[i]);
    free(texts);
}

/* Forget what a *_children line has set. */
static void
clearOptions(ConfigHelper *helper)
{
    for (size_t i = 0; i < helper->textCount; i++)
        free(helper->texts[i]);
    free(helper->texts);
    free(helper->env);
    free(helper->spec);
    helper->texts = NULL;
    helper->env = NULL;
    helper->spec = NULL;
    helper->textCount = helper->envCount = 0;
    helper->hasNegativeTtl = false;
    helperConfigInit(&helper->pool);
}

void
configHelperFini(ConfigHelper *helper)
{
    clearOptions(helper);
    freeTexts(helper->argv);
    aclRulesDestroy(&helper->access);
    free(helper->name);
}

void
configHelperProgram(ConfigLoader *loader, ConfigHelper *helper,
                    const ConfigLine *line, size_t first)
{
    if (line->count <= first) {
        configError(loader, line, first, "expected a program, or none");
        return;
    }
    freeTexts(helper->argv);
    helper->argv = NULL;
    if (line->count == first + 1 &&
        strcmp(line->words[first].text, "none") == 0)
        return;
    helper->argv = xcalloc(line->count - first + 1, sizeof(char *));
    for (size_t i = first; i < line->count; i++)
        helper->argv[i - first] = xstrdup(line->words[i].text);
    configCheckProgram(loader, line, first);
}

static void
parseProgram(ConfigLoader *loader, const ConfigRow *row, const ConfigLine *line)
{
    ConfigHelper *helper =
        (ConfigHelper *)(void *)((char *)loader->config + row->offset);

    if (line->count < 2)
        configWantWords(loader, row, line, 1);
    else
        configHelperProgram(loader, helper, line, 1);
}

const ConfigKind configKindProgram = {
    .parse = parseProgram,
};

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
takeOption(ConfigLoader *loader, ConfigHelper *helper, const ConfigLine *line,
           size_t i)
{
    const char *near;

    if (configHelperOptionSet(loader, helper, line, i, CONFIG_HELPER_CHILDREN))
        return;
    near =
        configHelperOptionNearest(line->words[i].text, CONFIG_HELPER_CHILDREN);
    configError(loader, line, i,
                "expected OPTION=VALUE with an option of %s, not \"%s\"%s%s%s",
                line->words[0].text, line->words[i].text,
                near ? ", did you mean \"" : "", near ? near : "",
                near ? "=\"?" : "");
}

void
configHelperChildren(ConfigLoader *loader, ConfigHelper *helper,
                     const ConfigLine *line, size_t first)
{
    HelperConfig *pool = &helper->pool;
    long max = 0;

    if (line->count <= first ||
        !configParseNumber(line->words[first].text, 1,
                           CONFIG_HELPER_PROCESSES_MAX, &max)) {
        configError(loader, line, first,
                    "expected a number of processes from 1 to %ld",
                    CONFIG_HELPER_PROCESSES_MAX);
        return;
    }
    clearOptions(helper);
    pool->max = (unsigned)max;
    helper->spec = configJoinWords(line, first);
    for (size_t i = first + 1; i < line->count; i++)
        takeOption(loader, helper, line, i);
    capToMax(loader, line, "startup", pool->max, &pool->startup);
    capToMax(loader, line, "idle", pool->max, &pool->idle);
}

static void
parseChildren(ConfigLoader *loader, const ConfigRow *row,
              const ConfigLine *line)
{
    configHelperChildren(
        loader, (ConfigHelper *)(void *)((char *)loader->config + row->offset),
        line, 1);
}

const ConfigKind configKindChildren = {
    .parse = parseChildren,
};

bool
configHelperOption(ConfigLoader *loader, ConfigHelper *helper,
                   const ConfigLine *line, size_t i)
{
    return configHelperOptionSet(loader, helper, line, i,
                                 CONFIG_HELPER_EXTERNAL);
}

void
configHelperFinish(ConfigHelper *helper)
{
    HelperConfig *pool = &helper->pool;

    pool->name = helper->name;
    pool->argv = (const char *const *)helper->argv;
    pool->attr.env = helper->env;
    if (!helper->hasNegativeTtl)
        pool->negativeTtlMs = pool->ttlMs;
    if (helper->bypass)
        pool->overload = HELPER_OVERLOAD_BYPASS;
}
