/* config_peer.c: cache_peer, cache_peer_access. */
#include "config_priv.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "nearest.h"
#include "xalloc.h"

#define PEERS_MAX 64L /* a request remembers those tried in 64 bits */
#define PORT_MAX 65535L
#define WEIGHT_MAX 10000L
#define CONNECT_SECONDS_MAX 3600L
#define FAIL_LIMIT_MAX 1000L

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
setConnectTimeout(ConfigPeer *peer, const char *value)
{
    long seconds;

    if (!configParseNumber(value, 1, CONNECT_SECONDS_MAX, &seconds))
        return "seconds from 1 to 3600";
    peer->connectTimeoutMs = (int)seconds * 1000;
    return NULL;
}

static const char *
setFailLimit(ConfigPeer *peer, const char *value)
{
    long limit;

    if (!configParseNumber(value, 1, FAIL_LIMIT_MAX, &limit))
        return "a number from 1 to 1000";
    peer->failMax = (unsigned)limit;
    return NULL;
}

static const char *
setForcedDomain(ConfigPeer *peer, const char *value)
{
    if (!*value || !httpIsFieldValue(httpSliceText(value)))
        return "the name of a host";
    free(peer->forcedDomain);
    peer->forcedDomain = xstrdup(value);
    return NULL;
}

static int
hexValue(char digit)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = digit != '\0' ? strchr(digits, digit | 0x20) : NULL;

    return at ? (int)(at - digits) : -1;
}

/* %XX stands for an octet. */
static char *
unescape(const char *text, size_t len)
{
    char *plain = xmalloc(len + 1);
    size_t to = 0;

    for (size_t i = 0; i < len; i++) {
        bool isCode = text[i] == '%' && i + 2 < len &&
                      hexValue(text[i + 1]) >= 0 && hexValue(text[i + 2]) >= 0;

        plain[to++] =
            isCode ? (char)(hexValue(text[i + 1]) * 16 + hexValue(text[i + 2]))
                   : text[i];
        i += isCode ? 2 : 0;
    }
    plain[to] = '\0';
    return plain;
}

static void
dropLogin(ConfigPeer *peer)
{
    free(peer->user);
    free(peer->password);
    peer->user = peer->password = NULL;
}

static const char *
setLogin(ConfigPeer *peer, const char *value)
{
    const char *colon = strchr(value, ':');

    dropLogin(peer);
    if (strcmp(value, "PASS") == 0 || strcmp(value, "PASSTHRU") == 0) {
        peer->login = CONFIG_PEER_LOGIN_PASS;
        return NULL;
    }
    if (!colon || colon == value)
        return "USER:PASSWORD, *:PASSWORD, PASS or PASSTHRU";
    peer->password = unescape(colon + 1, strlen(colon + 1));
    peer->login = CONFIG_PEER_LOGIN_USER;
    if (colon == value + 1 && value[0] == '*')
        return NULL;
    peer->user = unescape(value, (size_t)(colon - value));
    peer->login = CONFIG_PEER_LOGIN_FIXED;
    return NULL;
}

static const PeerOption options[] = {
    {"name=", setName},
    {"weight=", setWeight},
    {"connect-timeout=", setConnectTimeout},
    {"connect-fail-limit=", setFailLimit},
    {"forceddomain=", setForcedDomain},
    {"login=", setLogin},
};

static const ConfigFlag flags[] = {
    {"default", offsetof(ConfigPeer, isDefault)},
    {"round-robin", offsetof(ConfigPeer, isRoundRobin)},
    {"weighted-round-robin", offsetof(ConfigPeer, isRoundRobin)},
    {"carp", offsetof(ConfigPeer, isCarp)},
    {"sourcehash", offsetof(ConfigPeer, isSourceHash)},
    {"userhash", offsetof(ConfigPeer, isUserHash)},
    {"closest-only", offsetof(ConfigPeer, isClosestOnly)},
    {"no-query", offsetof(ConfigPeer, isNoQuery)},
    {"originserver", offsetof(ConfigPeer, isOriginServer)},
    {"proxy-only", offsetof(ConfigPeer, isProxyOnly)},
};

#define NO_ICP "peers are not asked by ICP or HTCP"

/* What is done instead; NULL: nothing else is done anyway. */
static const struct {
    const char *name;
    const char *instead;
} foreign[] = {
    {"no-digest", NULL},
    {"no-netdb-exchange", NULL},
    {"no-delay", NULL},
    {"no-tproxy", NULL},
    {"allow-miss", NULL},
    {"htcp", NO_ICP},
    {"htcp=", NO_ICP},
    {"background-ping", NO_ICP},
    {"multicast-responder", NO_ICP},
    {"multicast-siblings", NO_ICP},
    {"ttl=", NO_ICP},
    {"basetime=", NO_ICP},
    {"digest-url=", "digests are not fetched"},
    {"max-conn=", "the number of connections to it is not limited"},
    {"standby=", "connections are made when they are needed"},
    {"carp-key=", "carp goes by the whole URL"},
    {"front-end-https", "it is not told that clients came by https: see "
                        "request_header_add"},
    {"front-end-https=", "it is not told that clients came by https: see "
                         "request_header_add"},
    {"auth-no-keytab", "there is no Kerberos to peers"},
    {"connection-auth=", "connections are not kept for one client"},
    {"monitorurl=", "a peer is found dead by requests alone"},
    {"monitorsize=", "a peer is found dead by requests alone"},
    {"monitorinterval=", "a peer is found dead by requests alone"},
    {"monitortimeout=", "a peer is found dead by requests alone"},
};

static void
complainOption(ConfigLoader *loader, const ConfigLine *line, size_t i,
               size_t len)
{
    const char *text = line->words[i].text;

    for (size_t n = 0; n < sizeof(foreign) / sizeof(foreign[0]); n++) {
        if (strlen(foreign[n].name) != len ||
            strncmp(foreign[n].name, text, len) != 0)
            continue;
        if (foreign[n].instead)
            configWarn(loader, line, i,
                       "option \"%s\" of cache_peer is not supported and "
                       "ignored: %s",
                       foreign[n].name, foreign[n].instead);
        return;
    }
    configWarn(loader, line, i,
               "option \"%.*s\" of cache_peer is not known, it is ignored",
               (int)len, text);
}

/* "tls", or an option of it. False: it is about something else. */
static bool
doTlsOption(ConfigLoader *loader, ConfigPeer *peer, const ConfigLine *line,
            size_t i, bool *isOn)
{
    const char *text = line->words[i].text;
    bool isSwitch = strcmp(text, "tls") == 0 || strcmp(text, "ssl") == 0;

    if (!isSwitch && strncmp(text, "tls-", 4) != 0 &&
        strncmp(text, "ssl", 3) != 0)
        return false;
    if (!peer->tls)
        peer->tls = xcalloc(1, sizeof(*peer->tls));
    if (isSwitch)
        *isOn = true;
    else
        return configTlsOption(loader, peer->tls, CONFIG_TLS_PEER, line, i);
    return true;
}

static void
finishTls(ConfigLoader *loader, ConfigPeer *peer, const ConfigLine *line,
          bool isOn)
{
    if (isOn)
        configTlsClient(loader, peer->tls, line);
    else if (peer->tls)
        configError(loader, line, 0,
                    "cache_peer: options about TLS need the word tls");
}

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
    if (!configTakeFlag(flags, sizeof(flags) / sizeof(flags[0]), text, peer))
        complainOption(loader, line, i, len);
}

static void
ignorePeer(ConfigLoader *loader, const ConfigLine *line)
{
    const char *name = line->words[1].text;

    for (size_t i = 5; i < line->count; i++)
        if (strncmp(line->words[i].text, "name=", 5) == 0)
            name = line->words[i].text + 5;
    loader->ignoredPeers = xrealloc(
        loader->ignoredPeers, (loader->ignoredPeerCount + 1) * sizeof(char *));
    loader->ignoredPeers[loader->ignoredPeerCount++] = xstrdup(name);
}

static bool
isIgnored(const ConfigLoader *loader, const char *name)
{
    for (size_t i = 0; i < loader->ignoredPeerCount; i++)
        if (strcmp(loader->ignoredPeers[i], name) == 0)
            return true;
    return false;
}

void
configPeersForget(ConfigLoader *loader)
{
    for (size_t i = 0; i < loader->ignoredPeerCount; i++)
        free(loader->ignoredPeers[i]);
    free(loader->ignoredPeers);
}

/* A peer that would be used as what it is not is not used at all. */
static bool
isUsable(ConfigLoader *loader, const ConfigLine *line)
{
    const char *type = line->words[2].text;

    if (strcmp(type, "sibling") == 0 || strcmp(type, "multicast") == 0) {
        configWarn(loader, line, 2,
                   "cache_peer of type %s is not supported, the line is "
                   "ignored: " NO_ICP,
                   type);
        ignorePeer(loader, line);
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
dropPeer(ConfigPeer *peer)
{
    free(peer->name);
    free(peer->host);
    free(peer->forcedDomain);
    dropLogin(peer);
    aclRulesDestroy(&peer->access);
    aclRulesDestroy(&peer->domains);
    if (peer->tls)
        configTlsFini(peer->tls);
    free(peer->tls);
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
    dropPeer(peer);
}

static void
parsePeer(ConfigLoader *loader, const ConfigRow *row, const ConfigLine *line)
{
    ConfigPeer peer = {.weight = 1};
    unsigned errors = loader->errors;
    bool isTls = false;
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
        if (!doTlsOption(loader, &peer, line, i, &isTls))
            doOption(loader, &peer, line, i);
    finishTls(loader, &peer, line, isTls);
    if (icpPort != 0 && !peer.isNoQuery)
        configWarn(loader, line, 4,
                   "cache_peer: taken as no-query: " NO_ICP);
    if (loader->errors == errors) {
        addPeer(loader, line, &peer);
        return;
    }
    ignorePeer(loader, line);
    dropPeer(&peer);
}

const ConfigKind configKindPeer = {
    .repeats = true,
    .parse = parsePeer,
};

static void
complainPeer(ConfigLoader *loader, const ConfigLine *line)
{
    const Config *config = loader->config;
    const char *name = line->words[1].text;
    const char *near = NULL;

    for (size_t i = 0; i < config->peerCount; i++)
        near = nearestPick(name, near, config->peers[i].name);
    configError(loader, line, 1, "no cache_peer is called \"%s\"%s%s%s", name,
                near ? ", did you mean \"" : "", near ? near : "",
                near ? "\"?" : "");
}

/* The one that word 1 names; NULL after a complaint. */
static ConfigPeer *
lookupPeer(ConfigLoader *loader, const ConfigLine *line)
{
    const char *name = line->words[1].text;

    for (size_t i = 0; i < loader->config->peerCount; i++)
        if (strcmp(loader->config->peers[i].name, name) == 0)
            return &loader->config->peers[i];
    if (isIgnored(loader, name))
        configWarn(loader, line, 1,
                   "the cache_peer \"%s\" is ignored, and so is the line",
                   name);
    else
        complainPeer(loader, line);
    return NULL;
}

static void
parsePeerAccess(ConfigLoader *loader, const ConfigRow *row,
                const ConfigLine *line)
{
    ConfigPeer *peer;

    if (line->count < 4) {
        configWantWords(loader, row, line, 3);
        return;
    }
    peer = lookupPeer(loader, line);
    if (peer)
        configTakeRule(loader, row, line, 2, &peer->access);
}

const ConfigKind configKindPeerAccess = {
    .repeats = true,
    .parse = parsePeerAccess,
};

static void
parsePeerDomain(ConfigLoader *loader, const ConfigRow *row,
                const ConfigLine *line)
{
    ConfigPeer *peer;

    if (line->count < 3) {
        configWantWords(loader, row, line, 2);
        return;
    }
    peer = lookupPeer(loader, line);
    for (size_t i = 2; peer && i < line->count; i++)
        configTakeDomain(loader, line, i, &peer->domains);
}

const ConfigKind configKindPeerDomain = {
    .repeats = true,
    .parse = parsePeerDomain,
};

void
configPeersFini(Config *config)
{
    for (size_t i = 0; i < config->peerCount; i++)
        dropPeer(&config->peers[i]);
    free(config->peers);
}
