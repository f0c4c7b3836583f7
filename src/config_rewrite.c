/* config_rewrite.c: what url_rewrite and store_id have beside a class of
 * helpers. */
#include "config_priv.h"

#include <stdlib.h>
#include <string.h>

#include "xalloc.h"

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
    if (!configTakeTimeMs(loader, line, &index, &rewrite->timeoutMs))
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

    configHelperFinish(&rewrite->helper);
    if (rewrite->timeoutMs >= 0)
        rewrite->helper.pool.timeoutMs = rewrite->timeoutMs;
    configHelperFinish(&loader->config->storeId.helper);
}

static void
freeExtras(ConfigExtras *extras)
{
    free(extras->text);
    formatDestroy(&extras->format);
}

void
configRewriteFini(Config *config)
{
    configHelperFini(&config->rewrite.helper);
    configHelperFini(&config->storeId.helper);
    free(config->rewrite.response);
    freeExtras(&config->rewrite.extras);
    freeExtras(&config->storeId.extras);
}

/* Where a code stands that is not known. */
typedef struct Place {
    ConfigLoader *loader;
    const ConfigLine *line;
} Place;

static void
onBadCode(const char *text, bool isUnknown, void *data)
{
    const Place *place = data;

    configWarn(place->loader, place->line, 1, "%s%s", text,
               isUnknown ? ", shown as -" : "");
}

static void
parseExtras(ConfigLoader *loader, const ConfigRow *row, const ConfigLine *line)
{
    ConfigExtras *extras =
        (ConfigExtras *)(void *)((char *)loader->config + row->offset);
    Place place = {loader, line};
    char *text = configTakeWords(loader, row, line);

    if (text == NULL)
        return;
    freeExtras(extras);
    extras->text = text;
    extras->format = formatCreate(text, onBadCode, &place);
}

const ConfigKind configKindExtras = {
    .parse = parseExtras,
};
