/* config_external.c: external_acl_type. */
#include "config_priv.h"

#include <stdlib.h>
#include <string.h>

#include "config_helper_option.h"
#include "xalloc.h"

#define CHILDREN_MAX 5
#define CACHE_MAX 262144

const ConfigExternal *
configExternalLookup(const Config *config, const char *name)
{
    for (size_t i = 0; i < config->externalCount; i++)
        if (strcmp(config->externals[i]->name, name) == 0)
            return config->externals[i];
    return NULL;
}

static ConfigExternal *
createExternal(const char *name)
{
    ConfigExternal *external = xcalloc(1, sizeof(*external));
    char *poolName = xasprintf("external/%s", name);

    external->name = xstrdup(name);
    configHelperInit(&external->helper, poolName);
    free(poolName);
    external->helper.pool.max = CHILDREN_MAX;
    external->helper.pool.cacheMax = CACHE_MAX;
    external->helper.pool.collapse = true;
    return external;
}

static void
destroyExternal(ConfigExternal *external)
{
    configHelperFini(&external->helper);
    formatDestroy(&external->format);
    free(external->name);
    free(external);
}

void
configExternalFini(Config *config)
{
    for (size_t i = 0; i < config->externalCount; i++)
        destroyExternal(config->externals[i]);
    free(config->externals);
}

void
configExternalFinish(ConfigLoader *loader)
{
    for (size_t i = 0; i < loader->config->externalCount; i++)
        configHelperFinish(&loader->config->externals[i]->helper);
}

/* The words that no pool has: true when this is one. */
static bool
takeFlag(ConfigExternal *external, const char *word)
{
    if (strcmp(word, "protocol=3.0") == 0 || strcmp(word, "quote=url") == 0)
        external->isShell = false;
    else if (strcmp(word, "protocol=2.5") == 0 ||
             strcmp(word, "quote=shell") == 0)
        external->isShell = true;
    else if (strcmp(word, "ipv4") == 0 || strcmp(word, "ipv6") == 0)
        external->helper.pool.ipcType = IPC_TCP_SOCKET;
    else
        return false;
    return true;
}

static void
complainOption(ConfigLoader *loader, const ConfigLine *line, size_t i)
{
    const char *word = line->words[i].text;
    const char *near = configHelperOptionNearest(word, CONFIG_HELPER_EXTERNAL);

    configError(
        loader, line, i, "\"%s\" is no option of external_acl_type%s%s%s", word,
        near ? ", did you mean \"" : "", near ? near : "", near ? "=\"?" : "");
}

/* The options; the index of the first word behind them. */
static size_t
takeOptions(ConfigLoader *loader, ConfigExternal *external,
            const ConfigLine *line)
{
    size_t i = 2;

    for (; i < line->count; i++) {
        const char *word = line->words[i].text;

        if (*word == '%' || *word == '/')
            break;
        if (takeFlag(external, word) ||
            configHelperOption(loader, &external->helper, line, i))
            continue;
        if (strchr(word, '=') == NULL)
            break;
        complainOption(loader, line, i);
    }
    return i;
}

typedef struct Place {
    ConfigLoader *loader;
    const ConfigLine *line;
    size_t i;
} Place;

static void
onBadCode(const char *text, bool isUnknown, void *data)
{
    const Place *place = data;

    if (isUnknown)
        configError(place->loader, place->line, place->i, "%s", text);
    else
        configWarn(place->loader, place->line, place->i,
                   "external_acl_type: %s", text);
}

/* The words that begin with a percent sign; the index of the next one. */
static size_t
takeFormat(ConfigLoader *loader, ConfigExternal *external,
           const ConfigLine *line, size_t first)
{
    Place place = {loader, line, first};
    char *text = xstrdup("");
    size_t i = first;

    for (; i < line->count && line->words[i].text[0] == '%'; i++) {
        char *longer = xasprintf("%s%s%s", text, i > first ? " " : "",
                                 line->words[i].text);

        free(text);
        text = longer;
    }
    external->format = formatCreate(text, onBadCode, &place);
    if (external->isShell)
        formatSetQuote(external->format, '/');
    external->hasData = formatHas(external->format, "DATA");
    external->needsUser = formatHas(external->format, "ul");
    free(text);
    return i;
}

static void
addExternal(Config *config, ConfigExternal *external)
{
    config->externals =
        xrealloc(config->externals,
                 (config->externalCount + 1) * sizeof(*config->externals));
    config->externals[config->externalCount++] = external;
}

static void
parseExternal(ConfigLoader *loader, const ConfigRow *row,
              const ConfigLine *line)
{
    ConfigExternal *external;
    size_t i;

    if (line->count < 3) {
        configWantWords(loader, row, line, 2);
        return;
    }
    if (configExternalLookup(loader->config, line->words[1].text)) {
        configError(loader, line, 1, "external_acl_type %s was given already",
                    line->words[1].text);
        return;
    }
    external = createExternal(line->words[1].text);
    addExternal(loader->config, external);
    i = takeOptions(loader, external, line);
    i = takeFormat(loader, external, line, i);
    external->helper.spec = configJoinWords(line, 1);
    if (i >= line->count)
        configError(loader, line, i,
                    "external_acl_type %s has no program behind its format",
                    external->name);
    else
        configHelperProgram(loader, &external->helper, line, i);
}

const ConfigKind configKindExternal = {
    .repeats = true,
    .parse = parseExternal,
};
