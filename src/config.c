/* config.c: the life of a configuration. Debug section 3. */
#include "config_priv.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "debug.h"
#include "xalloc.h"

#define CONFIG_MAGIC 0x434f4e46u

void
configComplainAt(ConfigLoader *loader, ConfigSeverity severity,
                 const char *file, unsigned lineNo, const char *text)
{
    const char *word = severity == CONFIG_ERROR ? "error" : "warning";
    char *whole;

    if (severity == CONFIG_ERROR)
        loader->errors++;
    if (lineNo > 0)
        whole = xasprintf("%s:%u: %s: %s", file, lineNo, word, text);
    else
        whole = xasprintf("%s: %s: %s", file ? file : "default", word, text);
    loader->cb(severity, whole, loader->data);
    free(whole);
}

static void
complainWord(ConfigLoader *loader, ConfigSeverity severity,
             const ConfigLine *line, size_t i, const char *text)
{
    unsigned lineNo = line->words[i < line->count ? i : line->count - 1].line;

    configComplainAt(loader, severity, line->file, lineNo, text);
}

void
configError(ConfigLoader *loader, const ConfigLine *line, size_t i,
            const char *fmt, ...)
{
    char text[1024];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    complainWord(loader, CONFIG_ERROR, line, i, text);
}

void
configWarn(ConfigLoader *loader, const ConfigLine *line, size_t i,
           const char *fmt, ...)
{
    char text[1024];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    complainWord(loader, CONFIG_WARNING, line, i, text);
}

void
configMessageLog(ConfigSeverity severity, const char *text, void *data)
{
    (void)data;
    debug(DBG_CONFIG, severity == CONFIG_ERROR ? 0 : 1, "%s", text);
}

void
configMessagePrint(ConfigSeverity severity, const char *text, void *data)
{
    (void)severity;
    fprintf(data, "%s\n", text);
}

static void
dropOrigin(ConfigOrigin *origin)
{
    free(origin->file);
    free(origin->text);
    free(origin);
}

/* A line of a kind that does not repeat replaces the one before. */
static void
addOrigin(ConfigLoader *loader, const ConfigRow *row, const ConfigLine *line)
{
    ConfigOrigin *origin = xcalloc(1, sizeof(*origin));
    ConfigOrigin **at = &loader->config->origins;

    origin->row = row;
    origin->file = xstrdup(line->file);
    origin->line = line->words[0].line;
    origin->text = configJoinWords(line, 1);
    while (!row->kind->repeats && *at && (*at)->row != row)
        at = &(*at)->next;
    if (!row->kind->repeats && *at) {
        ConfigOrigin *old = *at;

        origin->next = old->next;
        *at = origin;
        if (loader->originTail == &old->next)
            loader->originTail = &origin->next;
        dropOrigin(old);
        return;
    }
    *loader->originTail = origin;
    loader->originTail = &origin->next;
}

static char *
formatWhere(const char *file, unsigned line)
{
    return line > 0 ? xasprintf("%s:%u", file, line) : xstrdup("default");
}

char *
configLineWhere(const ConfigLine *line)
{
    return formatWhere(line->file, line->words[0].line);
}

char *
configWhere(const Config *config, const char *directive)
{
    const ConfigRow *row = configRowLookup(directive);

    for (const ConfigOrigin *it = config->origins; it; it = it->next)
        if (it->row == row)
            return formatWhere(it->file, it->line);
    return formatWhere(NULL, 0);
}

static bool
meansTheSame(const ConfigForeign *foreign, const ConfigLine *line)
{
    char *value = configJoinWords(line, 1);
    bool isSame = foreign->same && strcmp(value, foreign->same) == 0;

    free(value);
    return isSame;
}

static void
tellUnknown(ConfigLoader *loader, const ConfigLine *line)
{
    const char *name = line->words[0].text;
    const ConfigForeign *foreign = configForeignLookup(name);
    const char *near = configNearest(name);

    if (foreign && !meansTheSame(foreign, line))
        configWarn(loader, line, 0,
                   "directive %s is not supported, the line is ignored: %s",
                   name, foreign->instead);
    else if (!foreign)
        configWarn(loader, line, 0,
                   "unknown directive \"%s\"%s%s%s, the line is ignored", name,
                   near ? " (did you mean \"" : "", near ? near : "",
                   near ? "\"?)" : "");
}

void
configDirective(ConfigLoader *loader, const ConfigLine *line)
{
    const ConfigRow *row = configRowLookup(line->words[0].text);

    if (!row) {
        tellUnknown(loader, line);
        return;
    }
    row->kind->parse(loader, row, line);
    addOrigin(loader, row, line);
}

static bool
isSet(const Config *config, const ConfigRow *row)
{
    for (const ConfigOrigin *it = config->origins; it; it = it->next)
        if (it->row == row)
            return true;
    return false;
}

/* What no line has set gets its default, read as if it stood in a file. */
static void
applyDefaults(ConfigLoader *loader)
{
    unsigned errors = loader->errors;

    for (size_t i = 0; i < configRowCount; i++) {
        const ConfigRow *row = &configRows[i];
        char *text;

        if (!row->fallback || isSet(loader->config, row))
            continue;
        text = xasprintf("%s %s", row->name, row->fallback);
        configReadText(loader, text);
        free(text);
    }
    CHECK(loader->errors == errors);
}

static void
nameHost(Config *config)
{
    char name[256];

    if (config->visibleHostname)
        return;
    if (gethostname(name, sizeof(name)) != 0)
        name[0] = '\0';
    name[sizeof(name) - 1] = '\0';
    config->visibleHostname = xstrdup(name[0] ? name : "localhost");
}

static void
finish(ConfigLoader *loader)
{
    Config *config = loader->config;

    applyDefaults(loader);
    configRewriteFinish(loader);
    configRefreshFinish(loader);
    configExternalFinish(loader);
    configAuthFinish(loader);
    configLogsFinish(loader);
    configErrorsFinish(loader);
    nameHost(config);
    aclSetFreeze(config->acls);
    if (config->httpPortCount == 0)
        configComplainAt(loader, CONFIG_ERROR, config->path, 0,
                         "no http_port is given: nothing to listen on");
}

static Config *
createConfig(const char *path)
{
    Config *config = xcalloc(1, sizeof(*config));

    config->magic = CONFIG_MAGIC;
    config->refs = 1;
    config->path = xstrdup(path);
    config->acls = aclSetCreate();
    config->httpAccess = aclRulesCreate();
    config->replyHeaders.isReply = true;
    config->umask = -1;
    configHelperInit(&config->rewrite.helper, "url_rewrite");
    config->rewrite.timeoutMs = -1;
    configHelperInit(&config->storeId.helper, "store_id");
    configAuthInit(&config->auth, "", "Squire proxy");
    configAuthInit(&config->managerAuth, "manager_", "Squire manager");
    return config;
}

static void
finiLoader(ConfigLoader *loader)
{
    free(loader->authFile);
    configPeersForget(loader);
}

Config *
configLoad(const char *path, ConfigMessageCb *cb, void *data)
{
    ConfigLoader loader = {
        .config = createConfig(path), .cb = cb, .data = data};

    loader.originTail = &loader.config->origins;
    configReadFile(&loader, path);
    if (loader.errors == 0 || loader.config->origins)
        finish(&loader);
    if (loader.errors > 0)
        configUnref(&loader.config);
    finiLoader(&loader);
    return loader.config;
}

static void
ignoreMessage(ConfigSeverity severity, const char *text, void *data)
{
    (void)severity;
    (void)text;
    (void)data;
}

char *
configPidFilename(const char *path)
{
    ConfigLoader loader = {.config = createConfig(path), .cb = ignoreMessage};
    char *name;

    loader.originTail = &loader.config->origins;
    configReadFile(&loader, path);
    finish(&loader);
    name = xstrdup(loader.config->pidFilename);
    configUnref(&loader.config);
    finiLoader(&loader);
    return name;
}

Config *
configRef(Config *config)
{
    CHECK_OBJ(config, CONFIG_MAGIC);
    config->refs++;
    return config;
}

static void
freeTexts(Config *config)
{
    free(config->path);
    free(config->cacheLog);
    free(config->logfileDaemon);
    free(config->debugOptions);
    free(config->pidFilename);
    free(config->coredumpDir);
    free(config->effectiveUser);
    free(config->effectiveGroup);
    free(config->visibleHostname);
    free(config->uniqueHostname);
    free(config->cacheMgr);
    free(config->errorDirectory);
    free(config->stylesheetFile);
    free(config->stylesheet);
    free(config->pingerProgram);
    free(config->cacheDir.path);
}

static void
destroyConfig(Config *config)
{
    configPortsFini(config);
    configLogsFini(config);
    configManagerFini(config);
    configErrorsFini(config);
    configHeadersFini(&config->requestHeaders);
    configHeadersFini(&config->replyHeaders);
    configLimitsFini(&config->replyBodyMax);
    configLimitsFini(&config->rangeOffsetLimit);
    configOutgoingFini(config);
    while (config->origins) {
        ConfigOrigin *origin = config->origins;
        config->origins = origin->next;
        dropOrigin(origin);
    }
    configPeersFini(config);
    configTlsFini(&config->tlsOutgoing);
    configRefreshFini(config);
    configRewriteFini(config);
    configExternalFini(config);
    configAuthFini(&config->auth);
    configAuthFini(&config->managerAuth);
    aclRulesDestroy(&config->httpAccess);
    aclRulesDestroy(&config->adaptedAccess);
    aclRulesDestroy(&config->httpReplyAccess);
    aclRulesDestroy(&config->cache);
    aclRulesDestroy(&config->sendHit);
    aclRulesDestroy(&config->storeMiss);
    aclRulesDestroy(&config->missAccess);
    aclRulesDestroy(&config->followForwarded);
    aclRulesDestroy(&config->alwaysDirect);
    aclRulesDestroy(&config->neverDirect);
    aclSetDestroy(&config->acls);
    freeTexts(config);
    CHECK_OBJ_CLEAR(config);
    free(config);
}

void
configForEachHelper(const Config *config, ConfigHelperCb *cb, void *data)
{
    cb(&config->rewrite.helper, data);
    cb(&config->storeId.helper, data);
    for (size_t i = 0; i < config->externalCount; i++)
        cb(&config->externals[i]->helper, data);
}

void
configUnref(Config **configp)
{
    Config *config = *configp;

    *configp = NULL;
    if (!config)
        return;
    CHECK_OBJ(config, CONFIG_MAGIC);
    if (--config->refs == 0)
        destroyConfig(config);
}
