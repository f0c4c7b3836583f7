/* config_port.c: http_port, manager_port, access_log. */
#include "config_priv.h"

#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "xalloc.h"

#define ADDR_WANTED                                                            \
    "expected PORT, ADDR:PORT or [ADDR]:PORT (an address, not a name), not "   \
    "\"%s\""

static const char *
optionValue(const char *word, const char *name)
{
    size_t len = strlen(name);

    return strncmp(word, name, len) == 0 ? word + len : NULL;
}

static void
addPort(ConfigPort **ports, size_t *count, const ConfigLine *line,
        const char *name)
{
    *ports = xrealloc(*ports, (*count + 1) * sizeof(**ports));
    (*ports)[(*count)++] = (ConfigPort){.addr = xstrdup(line->words[1].text),
                                        .name = xstrdup(name),
                                        .where = configLineWhere(line)};
}

static void
dropPorts(ConfigPort **ports, size_t *count)
{
    while (*count > 0) {
        ConfigPort *port = &(*ports)[--*count];

        free(port->addr);
        free(port->name);
        free(port->where);
    }
    free(*ports);
    *ports = NULL;
}

static void
parsePort(ConfigLoader *loader, const ConfigRow *row, const ConfigLine *line)
{
    Config *config = loader->config;
    const char *name = NULL, *addr;

    if (line->count < 2) {
        configWantWords(loader, row, line, 1);
        return;
    }
    addr = line->words[1].text;
    if (!configIsListenAddr(addr)) {
        configError(loader, line, 1, ADDR_WANTED, addr);
        return;
    }
    for (size_t i = 2; i < line->count; i++) {
        name = optionValue(line->words[i].text, "name=");
        if (!name)
            configError(loader, line, i,
                        "http_port: option \"%s\" is not supported yet",
                        line->words[i].text);
    }
    addPort(&config->httpPorts, &config->httpPortCount, line,
            name ? name : addr);
}

const ConfigKind configKindPort = {
    .repeats = true,
    .parse = parsePort,
};

/* A path must fit a unix socket's address. */
static bool
isManagerAddr(ConfigLoader *loader, const ConfigLine *line, const char *addr)
{
    const size_t room = sizeof(((struct sockaddr_un *)0)->sun_path);

    if (addr[0] == '/' && strlen(addr) < room)
        return true;
    if (addr[0] == '/')
        configError(loader, line, 1,
                    "manager_port: the path of a socket has at most %zu octets",
                    room - 1);
    else if (configIsListenAddr(addr))
        return true;
    else
        configError(loader, line, 1, ADDR_WANTED, addr);
    return false;
}

/* "none" takes back the lines before it. */
static void
parseManager(ConfigLoader *loader, const ConfigRow *row, const ConfigLine *line)
{
    Config *config = loader->config;
    const char *addr;

    if (!configWantWords(loader, row, line, 1))
        return;
    addr = line->words[1].text;
    if (strcmp(addr, "none") == 0) {
        dropPorts(&config->managerPorts, &config->managerPortCount);
        return;
    }
    if (isManagerAddr(loader, line, addr))
        addPort(&config->managerPorts, &config->managerPortCount, line, addr);
}

const ConfigKind configKindManager = {
    .repeats = true,
    .parse = parseManager,
};

/* The file of "stdio:FILE", "daemon:FILE" or "FILE"; NULL after an error. */
static const char *
logFile(ConfigLoader *loader, const ConfigLine *line, bool *isDaemonOut)
{
    const char *place = line->words[1].text;
    const char *file = optionValue(place, "stdio:");

    if (!file) {
        file = optionValue(place, "daemon:");
        *isDaemonOut = file != NULL;
    }
    if (!file && strchr(place, ':') && place[0] != '/') {
        configError(
            loader, line, 1,
            "expected FILE, stdio:FILE, daemon:FILE or none, not \"%s\"",
            place);
        return NULL;
    }
    if (!file)
        file = place;
    if (*file)
        return file;
    configError(loader, line, 1, "expected the name of a file");
    return NULL;
}

static void
checkLogOption(ConfigLoader *loader, const ConfigLine *line, size_t i)
{
    const char *word = line->words[i].text;
    const char *format = optionValue(word, "logformat=");

    if (!format && i == 2 && !strchr(word, '='))
        format = word;
    if (format && strcmp(format, "squid") == 0)
        return;
    if (format)
        configWarn(loader, line, i,
                   "access_log: format \"%s\" is not supported yet, Squid's "
                   "native format is written",
                   format);
    else if (strchr(word, '='))
        configWarn(loader, line, i,
                   "access_log: option \"%s\" is not supported yet", word);
    else
        configWarn(loader, line, i,
                   "access_log: acls are not supported yet, every request is "
                   "logged");
}

/* "none" alone switches logging off; with acls it would spare only some. */
static void
parseNoLog(ConfigLoader *loader, const ConfigLine *line)
{
    if (line->count > 2)
        configWarn(loader, line, 2,
                   "access_log: acls are not supported yet, the line is "
                   "ignored");
}

static void
parseAccessLog(ConfigLoader *loader, const ConfigRow *row,
               const ConfigLine *line)
{
    Config *config = loader->config;
    const char *file;
    bool isDaemon = false;

    if (line->count < 2) {
        configWantWords(loader, row, line, 1);
        return;
    }
    if (strcmp(line->words[1].text, "none") == 0) {
        parseNoLog(loader, line);
        return;
    }
    file = logFile(loader, line, &isDaemon);
    if (!file)
        return;
    for (size_t i = 2; i < line->count; i++)
        checkLogOption(loader, line, i);
    config->accessLogs =
        xrealloc(config->accessLogs,
                 (config->accessLogCount + 1) * sizeof(*config->accessLogs));
    config->accessLogs[config->accessLogCount++] =
        (ConfigAccessLog){.path = configResolve(line->file, file),
                          .isDaemon = isDaemon,
                          .where = configLineWhere(line)};
}

const ConfigKind configKindAccessLog = {
    .repeats = true,
    .parse = parseAccessLog,
};

void
configPortsFini(Config *config)
{
    dropPorts(&config->httpPorts, &config->httpPortCount);
    dropPorts(&config->managerPorts, &config->managerPortCount);
    for (size_t i = 0; i < config->accessLogCount; i++) {
        free(config->accessLogs[i].path);
        free(config->accessLogs[i].where);
    }
    free(config->accessLogs);
}
