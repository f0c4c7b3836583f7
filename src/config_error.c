/* config_error.c: error_directory and deny_info. */
#include "config_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error_page.h"
#include "nearest.h"
#include "xalloc.h"

const char *
configErrorPage(const Config *config, const char *name)
{
    for (size_t i = 0; i < config->errorPageCount; i++)
        if (strcmp(config->errorPages[i].name, name) == 0)
            return config->errorPages[i].text;
    return NULL;
}

const ConfigDenyInfo *
configDenyInfo(const Config *config, const char *acl)
{
    for (size_t i = 0; i < config->denyInfoCount; i++) {
        const ConfigDenyInfo *deny = &config->denyInfos[i];

        for (size_t n = 0; n < deny->aclCount; n++)
            if (strcmp(deny->acls[n], acl) == 0)
                return deny;
    }
    return NULL;
}

/* "404:" in front of what; what follows it. */
static const char *
takeStatus(const char *text, int *statusOut)
{
    char digits[4] = "";
    long status;

    if (strcspn(text, ":") != 3)
        return text;
    memcpy(digits, text, 3);
    if (!configParseNumber(digits, 100, 999, &status))
        return text;
    *statusOut = (int)status;
    return text + 4;
}

/* What is wrong with it, or NULL. */
static const char *
judge(ConfigDenyInfo *deny)
{
    bool isRedirect = strchr(deny->what, ':') != NULL;

    if (strcmp(deny->what, "TCP_RESET") == 0)
        deny->kind = CONFIG_DENY_RESET;
    else if (isRedirect)
        deny->kind = CONFIG_DENY_REDIRECT;
    if (deny->status == 0)
        return NULL;
    if (isRedirect && (deny->status < 300 || deny->status > 399))
        return "with a URL, the status is from 300 to 399";
    if (!isRedirect && (deny->status < 400 || deny->status > 599))
        return "with a page, the status is from 400 to 599";
    return NULL;
}

static void
parseDenyInfo(ConfigLoader *loader, const ConfigRow *row,
              const ConfigLine *line)
{
    Config *config = loader->config;
    ConfigDenyInfo *deny;
    const char *wrong;

    if (line->count < 3) {
        configWantWords(loader, row, line, 2);
        return;
    }
    config->denyInfos =
        xrealloc(config->denyInfos,
                 (config->denyInfoCount + 1) * sizeof(*config->denyInfos));
    deny = &config->denyInfos[config->denyInfoCount++];
    *deny = (ConfigDenyInfo){.file = xstrdup(line->file),
                             .line = line->words[0].line};
    deny->what = xstrdup(takeStatus(line->words[1].text, &deny->status));
    wrong = judge(deny);
    if (wrong)
        configError(loader, line, 1, "deny_info %s: %s", line->words[1].text,
                    wrong);
    deny->acls = xcalloc(line->count, sizeof(char *));
    for (size_t i = 2; i < line->count; i++)
        deny->acls[deny->aclCount++] = xstrdup(line->words[i].text);
}

const ConfigKind configKindDenyInfo = {
    .repeats = true,
    .parse = parseDenyInfo,
};

/* The text of a file; NULL with errno. Returns owned. */
static char *
readText(const char *path)
{
    FILE *file = fopen(path, "re");
    char *text;
    size_t len;

    if (!file)
        return NULL;
    text = xmalloc(ERROR_PAGE_TEXT_MAX + 1);
    len = fread(text, 1, ERROR_PAGE_TEXT_MAX + 1, file);
    errno = ferror(file) ? EIO : len > ERROR_PAGE_TEXT_MAX ? EFBIG : 0;
    fclose(file);
    if (errno != 0 || memchr(text, '\0', len)) {
        errno = errno != 0 ? errno : EINVAL;
        free(text);
        return NULL;
    }
    text[len] = '\0';
    return text;
}

/* Read the page of that name from error_directory, once. True: it is
 * there. */
static bool
loadPage(ConfigLoader *loader, const char *name)
{
    Config *config = loader->config;
    char *path, *text;

    if (configErrorPage(config, name))
        return true;
    if (!config->errorDirectory || strchr(name, '/'))
        return false;
    path = xasprintf("%s/%s", config->errorDirectory, name);
    text = readText(path);
    if (!text && errno != ENOENT) {
        char *why = xasprintf("error page %s: %s", path, strerror(errno));

        configComplainAt(loader, CONFIG_WARNING, config->path, 0, why);
        free(why);
    }
    free(path);
    if (!text)
        return false;
    config->errorPages =
        xrealloc(config->errorPages,
                 (config->errorPageCount + 1) * sizeof(*config->errorPages));
    config->errorPages[config->errorPageCount++] =
        (ConfigErrorPage){xstrdup(name), text};
    return true;
}

static void
complain(ConfigLoader *loader, ConfigSeverity severity,
         const ConfigDenyInfo *deny, char *text)
{
    configComplainAt(loader, severity, deny->file, deny->line, text);
    free(text);
}

static void
checkPage(ConfigLoader *loader, const ConfigDenyInfo *deny)
{
    const char *near = NULL;
    ErrorPageId id;

    if (deny->kind != CONFIG_DENY_PAGE || loadPage(loader, deny->what) ||
        errorPageLookup(deny->what, &id))
        return;
    for (int i = 0; i < ERROR_PAGE_COUNT; i++)
        near = nearestPick(deny->what, near, errorPageName((ErrorPageId)i));
    /* What is denied stays so, whatever page says it. */
    complain(loader, CONFIG_WARNING, deny,
             xasprintf("deny_info: there is no page \"%s\"%s%s%s in "
                       "error_directory: ERR_ACCESS_DENIED is sent",
                       deny->what, near ? " (did you mean \"" : "",
                       near ? near : "", near ? "\"?)" : ""));
}

static void
checkDenyInfo(ConfigLoader *loader, const ConfigDenyInfo *deny)
{
    checkPage(loader, deny);
    for (size_t i = 0; i < deny->aclCount; i++)
        if (!aclSetHas(loader->config->acls, deny->acls[i]))
            complain(
                loader, CONFIG_ERROR, deny,
                xasprintf("deny_info: no acl is called \"%s\"", deny->acls[i]));
}

/* It is told, but pages are good without it. */
static void
loadStylesheet(ConfigLoader *loader)
{
    Config *config = loader->config;
    char *text;

    if (!config->stylesheetFile)
        return;
    config->stylesheet = readText(config->stylesheetFile);
    if (config->stylesheet)
        return;
    text = xasprintf("err_page_stylesheet %s: %s", config->stylesheetFile,
                     strerror(errno));
    configComplainAt(loader, CONFIG_WARNING, config->path, 0, text);
    free(text);
}

void
configErrorsFinish(ConfigLoader *loader)
{
    Config *config = loader->config;

    loadStylesheet(loader);
    for (int i = 0; config->errorDirectory && i < ERROR_PAGE_COUNT; i++)
        loadPage(loader, errorPageName((ErrorPageId)i));
    if (config->errorDirectory && config->errorPageCount == 0) {
        char *text = xasprintf("error_directory %s has none of our pages",
                               config->errorDirectory);

        configComplainAt(loader, CONFIG_WARNING, config->path, 0, text);
        free(text);
    }
    for (size_t i = 0; i < config->denyInfoCount; i++)
        checkDenyInfo(loader, &config->denyInfos[i]);
}

void
configErrorsFini(Config *config)
{
    for (size_t i = 0; i < config->errorPageCount; i++) {
        free(config->errorPages[i].name);
        free(config->errorPages[i].text);
    }
    free(config->errorPages);
    for (size_t i = 0; i < config->denyInfoCount; i++) {
        ConfigDenyInfo *deny = &config->denyInfos[i];

        for (size_t n = 0; n < deny->aclCount; n++)
            free(deny->acls[n]);
        free(deny->acls);
        free(deny->what);
        free(deny->file);
    }
    free(config->denyInfos);
}
