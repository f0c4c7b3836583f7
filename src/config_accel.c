/* config_accel.c: options of ports that stand for web servers. */
#include "config_priv.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "http_url.h"
#include "xalloc.h"

#define PORT_MAX 65535L

/* Returns what was expected instead of value, or NULL. */
typedef struct AccelOption {
    const char *name; /* with its "=" when it has a value */
    const char *(*set)(ConfigAccel *accel, const char *value);
} AccelOption;

static const char *
setDefaultSite(ConfigAccel *accel, const char *value)
{
    HttpUrl url;

    if (httpUrlParseAuthority(httpSliceText(value),
                              httpSchemePort(HTTP_SCHEME_HTTP),
                              &url) != HTTP_URL_ERROR_NONE)
        return "HOST or HOST:PORT";
    free(accel->defaultSite);
    accel->defaultSite = xstrdup(value);
    return NULL;
}

static const char *
setVport(ConfigAccel *accel, const char *value)
{
    long port;

    if (!configParseNumber(value, 1, PORT_MAX, &port))
        return "a port";
    accel->vport = (unsigned)port;
    return NULL;
}

static const char *
setProtocol(ConfigAccel *accel, const char *value)
{
    accel->isHttps = strcmp(value, "https") == 0;
    return accel->isHttps || strcmp(value, "http") == 0 ? NULL
                                                        : "http or https";
}

static const AccelOption options[] = {
    {"defaultsite=", setDefaultSite},
    {"vport=", setVport},
    {"protocol=", setProtocol},
};

/* Host counts without "vhost", too. */
static const ConfigFlag flags[] = {
    {"accel", offsetof(ConfigAccel, isOn)},
    {"vhost", offsetof(ConfigAccel, isVhost)},
    {"no-vhost", offsetof(ConfigAccel, noVhost)},
    {"allow-direct", offsetof(ConfigAccel, allowDirect)},
};

bool
configAccelOption(ConfigLoader *loader, ConfigAccel *accel,
                  const ConfigLine *line, size_t i)
{
    const char *text = line->words[i].text;
    const char *equals = strchr(text, '=');
    size_t len = equals ? (size_t)(equals - text) + 1 : strlen(text);

    for (size_t n = 0; n < sizeof(options) / sizeof(options[0]); n++) {
        const char *wanted;
        if (strlen(options[n].name) != len ||
            strncmp(options[n].name, text, len) != 0)
            continue;
        wanted = options[n].set(accel, text + len);
        if (wanted)
            configError(loader, line, i, "%s expected %s, not \"%s\"",
                        options[n].name, wanted, text + len);
        return true;
    }
    return configTakeFlag(flags, sizeof(flags) / sizeof(flags[0]), text, accel);
}

void
configAccelFinish(ConfigLoader *loader, ConfigAccel *accel,
                  const ConfigLine *line)
{
    accel->noVhost = accel->noVhost && !accel->isVhost;
    bool isOdd = accel->defaultSite || accel->vport || accel->noVhost ||
                 accel->allowDirect || accel->isHttps;

    if (isOdd && !accel->isOn)
        configError(loader, line, 0,
                    "%s: defaultsite=, vport=, protocol=, no-vhost and "
                    "allow-direct need accel",
                    line->words[0].text);
    if (accel->isOn && accel->noVhost && !accel->defaultSite)
        configError(loader, line, 0,
                    "%s: no-vhost needs defaultsite=", line->words[0].text);
}

const ConfigAccel *
configAccelLookup(const Config *config, const char *addr, const char *name)
{
    for (size_t i = 0; i < config->httpPortCount; i++) {
        const ConfigPort *port = &config->httpPorts[i];
        if (port->accel.isOn && strcmp(port->addr, addr) == 0 &&
            strcmp(port->name, name) == 0)
            return &port->accel;
    }
    return NULL;
}
