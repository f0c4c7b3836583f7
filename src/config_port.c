/* config_port.c: http_port, https_port, manager_port. */
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

#define REDIRECTED                                                             \
    "connections that a router redirects are not taken: clients have to be "   \
    "told of the proxy"
#define DECRYPTED                                                              \
    "TLS is not decrypted, tunnels pass as they are: leave out what is about " \
    "it"
#define PLAIN "it is about TLS, which https_port has and http_port has not"

/* Options of Squid's ports. NULL: what they ask for is done anyway. */
static const struct {
    const char *name;
    const char *why;
    bool isHarmless; /* the port does its work without it */
} foreign[] = {
    {"intercept", REDIRECTED, false},
    {"transparent", REDIRECTED, false},
    {"tproxy", REDIRECTED, false},
    {"ssl-bump", DECRYPTED, false},
    {"sslBump", DECRYPTED, false},
    {"generate-host-certificates", DECRYPTED, false},
    {"dynamic_cert_mem_cache_size", DECRYPTED, false},
    {"require-proxy-header", "the PROXY protocol is not spoken", false},
    {"cert", PLAIN, false},
    {"key", PLAIN, false},
    {"cafile", PLAIN, false},
    {"capath", PLAIN, false},
    {"clientca", PLAIN, false},
    {"cipher", PLAIN, false},
    {"options", PLAIN, false},
    {"tls-dh", PLAIN, false},
    {"act-as-origin", "answers have Via, Age and Cache-Status", true},
    {"ignore-cc", "Cache-Control of requests is obeyed", true},
    {"connection-auth", "NTLM and Negotiate are possible at each port", true},
    {"urlgroup", "helpers are not told of it", true},
    {"disable-pmtu-discovery", NULL, true},
    {"tcpkeepalive", NULL, true},
    {"worker-queues", NULL, true},
};

/* One error of a line will do: what is left out for it takes others along. */
static void
complainOption(ConfigLoader *loader, const ConfigLine *line, size_t i,
               bool isRefused)
{
    const char *word = line->words[i].text;
    const char *name = line->words[0].text;
    size_t len = strcspn(word, "=");

    for (size_t n = 0; n < sizeof(foreign) / sizeof(foreign[0]); n++) {
        const char *why = foreign[n].why;
        if (strlen(foreign[n].name) != len ||
            strncmp(foreign[n].name, word, len) != 0)
            continue;
        if (!foreign[n].isHarmless && !isRefused)
            configError(loader, line, i,
                        "%s: option \"%.*s\" is not supported: %s", name,
                        (int)len, word, why);
        else if (foreign[n].isHarmless && why)
            configWarn(loader, line, i, "%s: option \"%.*s\" is ignored: %s",
                       name, (int)len, word, why);
        return;
    }
    configError(loader, line, i, "%s: there is no option \"%s\"", name, word);
}

static void
addPort(ConfigPort **ports, size_t *count, const ConfigLine *line,
        const char *name, ConfigTls *tls)
{
    *ports = xrealloc(*ports, (*count + 1) * sizeof(**ports));
    (*ports)[(*count)++] = (ConfigPort){.addr = xstrdup(line->words[1].text),
                                        .name = xstrdup(name),
                                        .where = configLineWhere(line),
                                        .tls = tls};
}

static void
dropTls(ConfigTls *tls)
{
    if (tls == NULL)
        return;
    configTlsFini(tls);
    free(tls);
}

static void
dropPorts(ConfigPort **ports, size_t *count)
{
    while (*count > 0) {
        ConfigPort *port = &(*ports)[--*count];

        free(port->addr);
        free(port->name);
        free(port->where);
        dropTls(port->tls);
        free(port->accel.defaultSite);
    }
    free(*ports);
    *ports = NULL;
}

/* tls is NULL for a plain port, and taken. */
static void
readPort(ConfigLoader *loader, const ConfigRow *row, const ConfigLine *line,
         ConfigTls *tls)
{
    Config *config = loader->config;
    const char *name = NULL, *addr;
    ConfigAccel accel = {.isOn = false};
    unsigned errors = loader->errors;

    if (line->count < 2) {
        configWantWords(loader, row, line, 1);
        dropTls(tls);
        return;
    }
    addr = line->words[1].text;
    if (!configIsListenAddr(addr)) {
        configError(loader, line, 1, ADDR_WANTED, addr);
        dropTls(tls);
        return;
    }
    for (size_t i = 2; i < line->count; i++) {
        const char *value = optionValue(line->words[i].text, "name=");
        if (value)
            name = value;
        else if (!configAccelOption(loader, &accel, line, i) &&
                 (!tls ||
                  !configTlsOption(loader, tls, CONFIG_TLS_PORT, line, i)))
            complainOption(loader, line, i, loader->errors > errors);
    }
    if (tls)
        configTlsServer(loader, tls, line);
    configAccelFinish(loader, &accel, line);
    addPort(&config->httpPorts, &config->httpPortCount, line,
            name ? name : addr, tls);
    accel.isHttps = accel.isHttps || tls;
    config->httpPorts[config->httpPortCount - 1].accel = accel;
}

static void
parsePort(ConfigLoader *loader, const ConfigRow *row, const ConfigLine *line)
{
    readPort(loader, row, line, NULL);
}

const ConfigKind configKindPort = {
    .repeats = true,
    .parse = parsePort,
};

static void
parseHttpsPort(ConfigLoader *loader, const ConfigRow *row,
               const ConfigLine *line)
{
    readPort(loader, row, line, xcalloc(1, sizeof(ConfigTls)));
}

const ConfigKind configKindHttpsPort = {
    .repeats = true,
    .parse = parseHttpsPort,
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

/* What a port alone means: this machine. */
static void
keepLocal(ConfigPort *port)
{
    const char *colon = strrchr(port->addr, ':');

    if (port->addr[0] == '/' || (colon != NULL && colon != port->addr))
        return;
    char *addr =
        xasprintf("127.0.0.1%s%s", colon != NULL ? "" : ":", port->addr);
    free(port->addr);
    port->addr = addr;
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
    if (!isManagerAddr(loader, line, addr))
        return;
    addPort(&config->managerPorts, &config->managerPortCount, line, addr, NULL);
    keepLocal(&config->managerPorts[config->managerPortCount - 1]);
}

const ConfigKind configKindManager = {
    .repeats = true,
    .parse = parseManager,
};

void
configPortsFini(Config *config)
{
    dropPorts(&config->httpPorts, &config->httpPortCount);
    dropPorts(&config->managerPorts, &config->managerPortCount);
}
