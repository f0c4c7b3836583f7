/* config_log.c: access_log and logformat. */
#include "config_priv.h"

#include <stdlib.h>
#include <string.h>

#include "log_place.h"
#include "nearest.h"
#include "xalloc.h"

#define NATIVE "%ts.%03tu %6tr %>a %Ss/%03>Hs %<st %rm %ru %un %Sh/%<a %mt"
#define COMMON "%>a %ui %un [%tl] \"%rm %ru HTTP/%rv\" %>Hs %<st"
#define AGENTS " \"%{Referer}>h\" \"%{User-Agent}>h\""

/* "squid" alone is written without a format, since it is made so often. */
static const struct {
    const char *name;
    const char *text;
} builtins[] = {
    {"squid", NATIVE},
    {"common", COMMON " %Ss:%Sh"},
    {"combined", COMMON AGENTS " %Ss:%Sh"},
    {"referrer", "%ts.%03tu %>a %{Referer}>h %ru"},
    {"useragent", "%>a [%tl] \"%{User-Agent}>h\""},
    {NULL, NATIVE " [%>h] [%<h]"}, /* of log_mime_hdrs */
};

#define BUILTIN_COUNT (sizeof(builtins) / sizeof(builtins[0]))

#define ROTATE_MAX 1000L

typedef struct Place {
    ConfigLoader *loader;
    const ConfigLine *line;
} Place;

static void
onBadCode(const char *text, bool isUnknown, void *data)
{
    const Place *place = data;
    const char *name = place->line->words[1].text;

    if (isUnknown)
        configError(place->loader, place->line, 2, "logformat %s: %s", name,
                    text);
    else
        configWarn(place->loader, place->line, 2, "logformat %s: %s", name,
                   text);
}

static Format *
addFormat(Config *config, const char *name, Format *format)
{
    config->logFormats =
        xrealloc(config->logFormats,
                 (config->logFormatCount + 1) * sizeof(*config->logFormats));
    config->logFormats[config->logFormatCount++] =
        (ConfigLogFormat){xstrdup(name), format};
    return format;
}

static const Format *
addBuiltin(Config *config, size_t i)
{
    const char *name = builtins[i].name ? builtins[i].name : "";

    /* Its codes are known, so that nothing is complained of. */
    return addFormat(config, name,
                     formatCreateLog(builtins[i].text, NULL, NULL));
}

static const Format *
lookupFormat(const Config *config, const char *name)
{
    for (size_t i = 0; i < config->logFormatCount; i++)
        if (strcmp(config->logFormats[i].name, name) == 0)
            return config->logFormats[i].format;
    return NULL;
}

static size_t
lookupBuiltin(const char *name)
{
    size_t i = 0;

    while (builtins[i].name && strcmp(builtins[i].name, name) != 0)
        i++;
    return i;
}

static bool
isFormat(const Config *config, const char *name)
{
    return lookupFormat(config, name) ||
           builtins[lookupBuiltin(name)].name != NULL;
}

static void
parseLogFormat(ConfigLoader *loader, const ConfigRow *row,
               const ConfigLine *line)
{
    Place place = {loader, line};
    const char *name;

    if (!configWantWords(loader, row, line, 2))
        return;
    name = line->words[1].text;
    if (isFormat(loader->config, name))
        configWarn(loader, line, 1,
                   "logformat %s is there already, the line is ignored", name);
    else if (strpbrk(line->words[2].text, "\r\n"))
        configError(loader, line, 2,
                    "logformat %s: a line of a log has no line's end in it",
                    name);
    else
        addFormat(loader->config, name,
                  formatCreateLog(line->words[2].text, onBadCode, &place));
}

const ConfigKind configKindLogFormat = {
    .repeats = true,
    .parse = parseLogFormat,
};

static const char *
optionValue(const char *word, const char *name)
{
    size_t len = strlen(name);

    return strncmp(word, name, len) == 0 ? word + len : NULL;
}

/* As a module that there is not looks. */
static char *
takeFile(ConfigLoader *loader, const ConfigLine *line, const char *file)
{
    const char *text = line->words[1].text;

    if (file != text || text[0] == '/' || !strchr(text, ':'))
        return configResolve(line->file, file);
    configError(loader, line, 1,
                "expected FILE, stdio:FILE, daemon:FILE, "
                "syslog:FACILITY.PRIORITY, udp://HOST:PORT, tcp://HOST:PORT "
                "or none, not \"%s\"",
                text);
    return NULL;
}

/* The place of "stdio:FILE", "daemon:FILE", or as log_place.h has them;
 * returns owned, NULL after an error. */
static char *
logPlace(ConfigLoader *loader, const ConfigLine *line, bool *isDaemonOut)
{
    const char *text = line->words[1].text;
    const char *file = optionValue(text, "stdio:");
    const char *daemon = optionValue(text, "daemon:");
    const char *place = file ? file : daemon ? daemon : text;
    const char *wanted = logPlaceCheck(place);

    *isDaemonOut = daemon != NULL;
    if (wanted)
        configError(loader, line, 1, "access_log: \"%s\": expected %s", text,
                    wanted);
    else if (place != text || logPlaceIsFile(text))
        return takeFile(loader, line, place);
    else
        return xstrdup(place);
    return NULL;
}

static void
complainFormat(ConfigLoader *loader, const ConfigLine *line, size_t i,
               const char *name)
{
    const Config *config = loader->config;
    const char *near = NULL;

    for (size_t n = 0; n < config->logFormatCount; n++)
        near = nearestPick(name, near, config->logFormats[n].name);
    for (size_t n = 0; builtins[n].name; n++)
        near = nearestPick(name, near, builtins[n].name);
    configError(loader, line, i,
                "access_log: no logformat is called \"%s\"%s%s%s", name,
                near ? ", did you mean \"" : "", near ? near : "",
                near ? "\"?" : "");
}

/* Make the format called name that of log. */
static void
setFormat(ConfigLoader *loader, const ConfigLine *line, size_t i,
          ConfigAccessLog *log, const char *name)
{
    Config *config = loader->config;

    log->format = NULL;
    if (strcmp(name, "squid") == 0)
        return;
    log->format = lookupFormat(config, name);
    if (log->format)
        return;
    if (isFormat(config, name))
        log->format = addBuiltin(config, lookupBuiltin(name));
    else
        complainFormat(loader, line, i, name);
}

/* Word i as an option; false for one that is none. */
static bool
takeOption(ConfigLoader *loader, const ConfigLine *line, size_t i,
           ConfigAccessLog *log)
{
    static const char *const ignored[] = {
        "on-error=", "buffer-size="};
    const char *word = line->words[i].text;
    const char *format = optionValue(word, "logformat=");
    const char *keep = optionValue(word, "rotate=");
    long count;

    if (format)
        setFormat(loader, line, i, log, format);
    if (keep && configParseNumber(keep, 0, ROTATE_MAX, &count))
        log->rotate = count;
    else if (keep)
        configError(loader, line, i, "rotate= expected a number, not \"%s\"",
                    keep);
    if (keep)
        return true;
    for (size_t n = 0; n < sizeof(ignored) / sizeof(ignored[0]); n++)
        if (optionValue(word, ignored[n]))
            return true;
    if (!format && strchr(word, '='))
        configError(loader, line, i, "access_log: \"%s\" is no option", word);
    return strchr(word, '=') != NULL;
}

/* The format and the options; the index of the first acl. */
static size_t
takeOptions(ConfigLoader *loader, const ConfigLine *line, ConfigAccessLog *log)
{
    const AclSet *acls = loader->config->acls;
    size_t i = 2;
    const char *word = line->count > i ? line->words[i].text : "!";

    if (word[0] != '!' && !strchr(word, '=') &&
        (isFormat(loader->config, word) || !aclSetHas(acls, word)))
        setFormat(loader, line, i++, log, word);
    while (i < line->count && takeOption(loader, line, i, log))
        i++;
    return i;
}

static void
addLog(ConfigLoader *loader, const ConfigLine *line, ConfigAccessLog *log,
       size_t firstAcl)
{
    Config *config = loader->config;

    if (firstAcl < line->count)
        log->rules = configTakeAcls(loader, line, firstAcl, false);
    log->where = configLineWhere(line);
    config->accessLogs =
        xrealloc(config->accessLogs,
                 (config->accessLogCount + 1) * sizeof(*config->accessLogs));
    config->accessLogs[config->accessLogCount++] = *log;
}

static void
parseAccessLog(ConfigLoader *loader, const ConfigRow *row,
               const ConfigLine *line)
{
    ConfigAccessLog log = {.rotate = -1};

    if (line->count < 2) {
        configWantWords(loader, row, line, 1);
        return;
    }
    if (strcmp(line->words[1].text, "none") == 0) {
        addLog(loader, line, &log, 2);
        return;
    }
    log.path = logPlace(loader, line, &log.isDaemon);
    if (!log.path)
        return;
    addLog(loader, line, &log, takeOptions(loader, line, &log));
}

const ConfigKind configKindAccessLog = {
    .repeats = true,
    .parse = parseAccessLog,
};

/* A log of its own with the format that is called as the directive. */
static void
parseFormatLog(ConfigLoader *loader, const ConfigRow *row,
               const ConfigLine *line)
{
    ConfigAccessLog log = {.rotate = -1};
    const char *name =
        strcmp(row->name, "useragent_log") == 0 ? "useragent" : "referrer";

    if (!configWantWords(loader, row, line, 1) ||
        strcmp(line->words[1].text, "none") == 0)
        return;
    log.path = configResolve(line->file, line->words[1].text);
    setFormat(loader, line, 0, &log, name);
    addLog(loader, line, &log, line->count);
}

const ConfigKind configKindFormatLog = {
    .repeats = true,
    .parse = parseFormatLog,
};

void
configLogsFinish(ConfigLoader *loader)
{
    Config *config = loader->config;

    for (size_t i = 0; i < config->accessLogCount; i++) {
        ConfigAccessLog *log = &config->accessLogs[i];

        if (log->rotate < 0)
            log->rotate = config->logfileRotate;
        if (config->logMimeHdrs && !log->format && log->path)
            log->format = addBuiltin(config, BUILTIN_COUNT - 1);
        config->keepsReply = config->keepsReply || log->rules != NULL ||
                             (log->format && formatHas(log->format, "<h"));
    }
    config->keepsReply = config->keepsReply || config->httpReplyAccess ||
                         config->replyBodyMax.count ||
                         config->replyHeaders.access ||
                         config->replyHeaders.adds;
}

void
configLogsFini(Config *config)
{
    for (size_t i = 0; i < config->accessLogCount; i++) {
        ConfigAccessLog *log = &config->accessLogs[i];

        free(log->path);
        free(log->where);
        aclRulesDestroy(&log->rules);
    }
    free(config->accessLogs);
    for (size_t i = 0; i < config->logFormatCount; i++) {
        free(config->logFormats[i].name);
        formatDestroy(&config->logFormats[i].format);
    }
    free(config->logFormats);
}
