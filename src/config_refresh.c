/* config_refresh.c: refresh_pattern. */
#include "config_priv.h"

#include <stdlib.h>
#include <string.h>

#include "xalloc.h"

#define MINUTES_MAX (100L * 366 * 24 * 60)
#define PERCENT_MAX 1000000L

static const struct {
    const char *name;
    unsigned flag;
} options[] = {
#define X(id, bit, text) {text, HTTP_REFRESH_##id},
    HTTP_REFRESH_FLAGS(X)
#undef X
};

static bool
takeMinutes(ConfigLoader *loader, const ConfigLine *line, size_t i,
            int64_t *secondsOut)
{
    long minutes;

    if (!configParseNumber(line->words[i].text, 0, MINUTES_MAX, &minutes)) {
        configError(loader, line, i, "expected a number of minutes, not \"%s\"",
                    line->words[i].text);
        return false;
    }
    *secondsOut = 60 * (int64_t)minutes;
    return true;
}

static bool
takePercent(ConfigLoader *loader, const ConfigLine *line, size_t i,
            unsigned *percentOut)
{
    const char *text = line->words[i].text;
    char *number = xstrdup(text);
    size_t len = strlen(text);
    long percent;

    if (len > 0 && number[len - 1] == '%')
        number[len - 1] = '\0';
    bool isNumber = configParseNumber(number, 0, PERCENT_MAX, &percent);
    free(number);
    if (!isNumber) {
        configError(loader, line, i, "expected N%%, not \"%s\"", text);
        return false;
    }
    *percentOut = (unsigned)percent;
    return true;
}

/* Options of older versions, and what is done. */
static const struct {
    const char *name;
    const char *instead;
} gone[] = {
    {"ignore-no-cache", "answers with no-cache are validated each time"},
    {"ignore-must-revalidate", "must-revalidate is obeyed"},
    {"ignore-auth", "answers to requests with Authorization are kept only if "
                    "they allow it"},
};

static void
complainOption(ConfigLoader *loader, const ConfigLine *line, size_t i)
{
    const char *text = line->words[i].text;

    for (size_t n = 0; n < sizeof(gone) / sizeof(gone[0]); n++) {
        if (strcmp(gone[n].name, text) != 0)
            continue;
        configWarn(loader, line, i,
                   "option \"%s\" of refresh_pattern is not supported and "
                   "ignored: %s",
                   text, gone[n].instead);
        return;
    }
    configWarn(loader, line, i,
               "option \"%s\" of refresh_pattern is not known, it is ignored",
               text);
}

static void
takeOption(ConfigLoader *loader, const ConfigLine *line, size_t i,
           HttpRefresh *rule)
{
    const char *text = line->words[i].text;
    long minutes;

    for (size_t n = 0; n < sizeof(options) / sizeof(options[0]); n++) {
        if (strcmp(options[n].name, text) == 0) {
            rule->flags |= options[n].flag;
            return;
        }
    }
    if (strncmp(text, "max-stale=", 10) != 0)
        complainOption(loader, line, i);
    else if (configParseNumber(text + 10, 0, MINUTES_MAX, &minutes))
        rule->staleMax = 60 * (int64_t)minutes;
    else
        configError(loader, line, i,
                    "max-stale= expected a number of minutes, not \"%s\"",
                    text + 10);
}

/* The pattern of word i. False after a complaint. */
static bool
compile(ConfigLoader *loader, const ConfigLine *line, size_t i, int flags,
        regex_t *regexOut)
{
    char why[128];
    int rc = regcomp(regexOut, line->words[i].text,
                     REG_EXTENDED | REG_NOSUB | flags);

    if (rc == 0)
        return true;
    regerror(rc, regexOut, why, sizeof(why));
    configError(loader, line, i,
                "\"%s\": expected a POSIX extended regular expression: %s",
                line->words[i].text, why);
    return false;
}

static void
parseRefresh(ConfigLoader *loader, const ConfigRow *row, const ConfigLine *line)
{
    Config *config = loader->config;
    ConfigRefresh refresh = {.rule = {.staleMax = -1}};
    bool ignoresCase =
        line->count > 1 && strcmp(line->words[1].text, "-i") == 0;
    size_t at = ignoresCase ? 2 : 1;

    if (line->count < at + 4) {
        configError(loader, line, 0, "expected %s", row->syntax);
        return;
    }
    if (!takeMinutes(loader, line, at + 1, &refresh.rule.min) ||
        !takePercent(loader, line, at + 2, &refresh.rule.percent) ||
        !takeMinutes(loader, line, at + 3, &refresh.rule.max) ||
        !compile(loader, line, at, ignoresCase ? REG_ICASE : 0, &refresh.regex))
        return;
    for (size_t i = at + 4; i < line->count; i++)
        takeOption(loader, line, i, &refresh.rule);
    config->refreshes =
        xrealloc(config->refreshes,
                 (config->refreshCount + 1) * sizeof(*config->refreshes));
    config->refreshes[config->refreshCount++] = refresh;
}

const ConfigKind configKindRefresh = {
    .repeats = true,
    .parse = parseRefresh,
};

/* What is set by directives of their own holds for all rules. */
static void
finishRule(const Config *config, HttpRefresh *rule)
{
    if (rule->staleMax < 0)
        rule->staleMax = config->maxStaleMs / 1000;
    rule->negative = config->negativeTtlMs / 1000;
    if (config->reloadIntoIms)
        rule->flags |= HTTP_REFRESH_RELOAD_INTO_IMS;
    if (config->refreshAllIms)
        rule->flags |= HTTP_REFRESH_REFRESH_IMS;
}

void
configRefreshFinish(ConfigLoader *loader)
{
    Config *config = loader->config;

    config->refreshUsual = *httpRefreshUsual();
    config->refreshUsual.staleMax = -1;
    finishRule(config, &config->refreshUsual);
    for (size_t i = 0; i < config->refreshCount; i++)
        finishRule(config, &config->refreshes[i].rule);
}

const HttpRefresh *
configRefreshLookup(const Config *config, const char *url)
{
    for (size_t i = 0; i < config->refreshCount; i++)
        if (regexec(&config->refreshes[i].regex, url, 0, NULL, 0) == 0)
            return &config->refreshes[i].rule;
    return &config->refreshUsual;
}

void
configRefreshFini(Config *config)
{
    for (size_t i = 0; i < config->refreshCount; i++)
        regfree(&config->refreshes[i].regex);
    free(config->refreshes);
}
