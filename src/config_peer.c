/* config_peer.c: cache_peer. */
#include "config_priv.h"

#include <stdlib.h>
#include <string.h>

#include "xalloc.h"

#define PEERS_MAX 64L /* a request remembers those tried in 64 bits */
#define PORT_MAX 65535L
#define WEIGHT_MAX 10000L

/* One word after the ports. Returns what was expected instead, or NULL. */
typedef struct PeerOption {
    const char *name; /* with its "=" when it has a value */
    const char *(*set)(ConfigPeer *peer, const char *value);
} PeerOption;

static const char *
setName(ConfigPeer *peer, const char *value)
{
    if (value[0] == '\0' || strlen(value) >= CONFIG_PEER_NAME_MAX)
        return "a name of at most 63 octets";
    free(peer->name);
    peer->name = xstrdup(value);
    return NULL;
}

static const char *
setWeight(ConfigPeer *peer, const char *value)
{
    long weight;

    if (!configParseNumber(value, 1, WEIGHT_MAX, &weight))
        return "a number from 1 to 10000";
    peer->weight = (unsigned)weight;
    return NULL;
}

static const char *
setDefault(ConfigPeer *peer, const char *value)
{
    (void)value;
    peer->isDefault = true;
    return NULL;
}

static const char *
setRoundRobin(ConfigPeer *peer, const char *value)
{
    (void)value;
    peer->isRoundRobin = true;
    return NULL;
}

static const char *
setClosestOnly(ConfigPeer *peer, const char *value)
{
    (void)value;
    peer->isClosestOnly = true;
    return NULL;
}

static const char *
setNoQuery(ConfigPeer *peer, const char *value)
{
    (void)value;
    peer->isNoQuery = true;
    return NULL;
}

static const char *
setOriginServer(ConfigPeer *peer, const char *value)
{
    (void)value;
    peer->isOriginServer = true;
    return NULL;
}

static const PeerOption options[] = {
    {"name=", setName},
    {"weight=", setWeight},
    {"default", setDefault},
    {"round-robin", setRoundRobin},
    {"closest-only", setClosestOnly},
    {"no-query", setNoQuery},
    {"originserver", setOriginServer},
};

static void
doOption(ConfigLoader *loader, ConfigPeer *peer, const ConfigLine *line,
         size_t i)
{
    const char *text = line->words[i].text;
    const char *equals = strchr(text, '=');
    size_t len = equals ? (size_t)(equals - text) + 1 : strlen(text);

    for (size_t n = 0; n < sizeof(options) / sizeof(options[0]); n++) {
        const char *wanted;
        if (strlen(options[n].name) != len ||
            strncmp(options[n].name, text, len) != 0)
            continue;
        wanted = options[n].set(peer, text + len);
        if (wanted)
            configError(loader, line, i, "%s expected %s, not \"%s\"",
                        options[n].name, wanted, text + len);
        return;
    }
    configWarn(loader, line, i,
               "option \"%.*s\" of cache_peer is not supported yet, it is "
               "ignored",
               (int)len, text);
}

/* A peer that would be used as what it is not is not used at all. */
static bool
isUsable(ConfigLoader *loader, const ConfigLine *line)
{
    const char *type = line->words[2].text;

    if (strcmp(type, "sibling") == 0 || strcmp(type, "multicast") == 0) {
        configWarn(loader, line, 2,
                   "cache_peer of type %s is not supported yet, the line is "
                   "ignored",
                   type);
        return false;
    }
    if (strcmp(type, "parent") != 0) {
        configError(loader, line, 2, "expected parent, not \"%s\"", type);
        return false;
    }
    return true;
}

static bool
readPorts(ConfigLoader *loader, const ConfigLine *line, ConfigPeer *peer,
          long *icpOut)
{
    long port;

    if (!configParseNumber(line->words[3].text, 1, PORT_MAX, &port)) {
        configError(loader, line, 3, "expected a port, not \"%s\"",
                    line->words[3].text);
        return false;
    }
    if (!configParseNumber(line->words[4].text, 0, PORT_MAX, icpOut)) {
        configError(loader, line, 4, "expected an ICP port or 0, not \"%s\"",
                    line->words[4].text);
        return false;
    }
    peer->port = (unsigned)port;
    return true;
}

static bool
isNameTaken(const Config *config, const char *name)
{
    for (size_t i = 0; i < config->peerCount; i++)
        if (strcmp(config->peers[i].name, name) == 0)
            return true;
    return false;
}

static void
addPeer(ConfigLoader *loader, const ConfigLine *line, ConfigPeer *peer)
{
    Config *config = loader->config;

    if (config->peerCount >= PEERS_MAX) {
        configError(loader, line, 0, "more than %ld lines of cache_peer",
                    PEERS_MAX);
    } else if (isNameTaken(config, peer->name)) {
        configError(
            loader, line, 0,
            "cache_peer %s: the name is taken, give another name=", peer->name);
    } else {
        config->peers = xrealloc(config->peers, (config->peerCount + 1) *
                                                    sizeof(*config->peers));
        config->peers[config->peerCount++] = *peer;
        return;
    }
    free(peer->name);
    free(peer->host);
}

static void
parsePeer(ConfigLoader *loader, const ConfigRow *row, const ConfigLine *line)
{
    ConfigPeer peer = {.weight = 1};
    unsigned errors = loader->errors;
    long icpPort = 0;

    if (line->count < 5) {
        configWantWords(loader, row, line, 4);
        return;
    }
    if (!isUsable(loader, line) || !readPorts(loader, line, &peer, &icpPort))
        return;
    if (setName(&peer, line->words[1].text)) {
        configError(loader, line, 1, "expected a host of at most 63 octets");
        return;
    }
    peer.host = xstrdup(line->words[1].text);
    for (size_t i = 5; i < line->count; i++)
        doOption(loader, &peer, line, i);
    if (icpPort != 0 && !peer.isNoQuery)
        configWarn(loader, line, 4,
                   "ICP is not supported yet: taken as no-query");
    if (loader->errors == errors) {
        addPeer(loader, line, &peer);
        return;
    }
    free(peer.name);
    free(peer.host);
}

const ConfigKind configKindPeer = {
    .repeats = true,
    .parse = parsePeer,
};

void
configPeersFini(Config *config)
{
    for (size_t i = 0; i < config->peerCount; i++) {
        free(config->peers[i].name);
        free(config->peers[i].host);
    }
    free(config->peers);
}
