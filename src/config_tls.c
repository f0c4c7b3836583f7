/* config_tls.c: options about TLS, of ports, parents and origins. */
#include "config_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "xalloc.h"

typedef struct TlsOption TlsOption;

/* One option that is being read. */
typedef struct Reader {
    ConfigLoader *loader;
    const ConfigLine *line;
    size_t i;
    ConfigTls *tls;
    const TlsOption *option;
    const char *value;
} Reader;

struct TlsOption {
    const char *name; /* with its "=" when it has a value */
    unsigned places;  /* bits: where it may stand */
    void (*set)(const Reader *reader);
    size_t offset; /* of the field, for those that set one */
};

/* A word of options= or flags=. */
typedef struct TlsWord {
    const char *name;
    size_t offset; /* of a bool in ConfigTls; 0: it is so anyway */
} TlsWord;

static void *
fieldOf(const Reader *reader, size_t offset)
{
    return (char *)reader->tls + offset;
}

static void
setPath(const Reader *reader)
{
    char **field = fieldOf(reader, reader->option->offset);

    free(*field);
    *field = configResolve(reader->line->file, reader->value);
}

static void
setText(const Reader *reader)
{
    char **field = fieldOf(reader, reader->option->offset);

    free(*field);
    *field = xstrdup(reader->value);
}

static void
setCert(const Reader *reader)
{
    ConfigTls *tls = reader->tls;

    tls->pairs =
        xrealloc(tls->pairs, (tls->pairCount + 1) * sizeof(*tls->pairs));
    tls->pairs[tls->pairCount++] = (ConfigTlsPair){
        .cert = configResolve(reader->line->file, reader->value)};
}

/* Of the certificate before it. */
static void
setKey(const Reader *reader)
{
    ConfigTls *tls = reader->tls;

    if (tls->pairCount == 0 || tls->pairs[tls->pairCount - 1].key != NULL)
        configError(reader->loader, reader->line, reader->i,
                    "key= comes after the cert= that it belongs to");
    else
        tls->pairs[tls->pairCount - 1].key =
            configResolve(reader->line->file, reader->value);
}

static void
setMinVersion(const Reader *reader)
{
    const char *value = reader->value;

    if (strcmp(value, "1.3") == 0)
        reader->tls->minVersion = TLS_VERSION_1_3;
    else if (strcmp(value, "1.2") == 0)
        reader->tls->minVersion = TLS_VERSION_1_2;
    else if (strcmp(value, "1.0") == 0 || strcmp(value, "1.1") == 0)
        configWarn(reader->loader, reader->line, reader->i,
                   "TLS %s is not supported: taken as 1.2", value);
    else
        configError(reader->loader, reader->line, reader->i,
                    "min-version= expected 1.2 or 1.3, not \"%s\"", value);
}

/* "NAME", "NAME=on" or "NAME=off". */
static bool
readSwitch(const Reader *reader)
{
    bool isOn = true;

    if (reader->value[0] != '\0' && !configParseBool(reader->value, &isOn))
        configError(reader->loader, reader->line, reader->i,
                    "%s expected on or off, not \"%s\"", reader->option->name,
                    reader->value);
    return isOn;
}

static void
setDefaultCa(const Reader *reader)
{
    reader->tls->noSystem = !readSwitch(reader);
}

static void
setHttp2(const Reader *reader)
{
    reader->tls->isHttp2 = readSwitch(reader);
}

static void
setNothing(const Reader *reader)
{
    configWarn(reader->loader, reader->line, reader->i,
               "%s has no effect: OpenSSL chooses the groups",
               reader->option->name);
}

static const TlsWord *
findWord(const TlsWord *words, const char *text, size_t len)
{
    while (words->name != NULL &&
           (strlen(words->name) != len || strncmp(words->name, text, len) != 0))
        words++;
    return words->name != NULL ? words : NULL;
}

static void
complainOfWord(const Reader *reader, bool isError, const char *word, size_t len)
{
    void (*complain)(ConfigLoader *, const ConfigLine *, size_t, const char *,
                     ...) = isError ? configError : configWarn;

    complain(reader->loader, reader->line, reader->i,
             "%s \"%.*s\" is not supported", reader->option->name, (int)len,
             word);
}

static void
setWords(const Reader *reader, const TlsWord *words, bool isStrict)
{
    const char *at = reader->value;

    while (*at != '\0') {
        size_t len = strcspn(at, ",:");
        const TlsWord *word = findWord(words, at, len);

        if (word == NULL && len > 0)
            complainOfWord(reader, isStrict, at, len);
        else if (word != NULL && word->offset != 0)
            *(bool *)fieldOf(reader, word->offset) = true;
        at += len;
        at += *at != '\0';
    }
}

/* To leave out one that is not known weakens nothing. */
static void
setOptions(const Reader *reader)
{
    static const TlsWord words[] = {
        {"NO_SSLv2", 0},
        {"NO_SSLv3", 0},
        {"NO_TLSv1", 0},
        {"NO_TLSv1_1", 0},
        {"NO_COMPRESSION", 0},
        {"No_Compression", 0},
        {"SINGLE_DH_USE", 0},
        {"SINGLE_ECDH_USE", 0},
        {"CIPHER_SERVER_PREFERENCE", 0},
        {"ALL", 0},
        {"NO_TICKET", offsetof(ConfigTls, noResumption)},
        {NULL, 0},
    };

    setWords(reader, words, false);
}

static void
setFlags(const Reader *reader)
{
    static const TlsWord words[] = {
        {"NO_SESSION_REUSE", offsetof(ConfigTls, noResumption)},
        {"CONDITIONAL_AUTH", offsetof(ConfigTls, isAuthOptional)},
        {"NO_DEFAULT_CA", offsetof(ConfigTls, noSystem)},
        {"DONT_VERIFY_PEER", offsetof(ConfigTls, noVerify)},
        {"DONT_VERIFY_DOMAIN", offsetof(ConfigTls, anyDomain)},
        {"VERIFY_CRL", offsetof(ConfigTls, wantsCrl)},
        {"VERIFY_CRL_ALL", offsetof(ConfigTls, wantsCrl)},
        {NULL, 0},
    };

    setWords(reader, words, true);
}

#define BIT(place) (1u << CONFIG_TLS_##place)
#define CLIENTS (BIT(PEER) | BIT(OUTGOING))
#define ALL (BIT(PORT) | CLIENTS)
#define FIELD(name) offsetof(ConfigTls, name)

static const TlsOption options[] = {
    {"cert=", ALL, setCert, 0},
    {"key=", ALL, setKey, 0},
    {"clientca=", BIT(PORT), setPath, FIELD(clientCa)},
    {"cafile=", ALL, setPath, FIELD(caFile)},
    {"capath=", ALL, setPath, FIELD(caPath)},
    {"crlfile=", ALL, setPath, FIELD(crlFile)},
    {"cipher=", ALL, setText, FIELD(ciphers)},
    {"context=", BIT(PORT), setText, FIELD(context)},
    {"domain=", BIT(PEER), setText, FIELD(domain)},
    {"min-version=", ALL, setMinVersion, 0},
    {"options=", ALL, setOptions, 0},
    {"flags=", ALL, setFlags, 0},
    {"default-ca=", CLIENTS, setDefaultCa, 0},
    {"default-ca", CLIENTS, setDefaultCa, 0},
    {"http2=", BIT(PORT), setHttp2, 0},
    {"http2", BIT(PORT), setHttp2, 0},
    {"dh=", BIT(PORT), setNothing, 0},
    {"dhparams=", BIT(PORT), setNothing, 0},
};

/* Squid's tls-cafile=, sslcafile= and, where nothing else can be meant,
 * cafile=. NULL: it is about something else. */
static const char *
skipPrefix(const char *text, ConfigTlsPlace place)
{
    if (strncmp(text, "tls-", 4) == 0)
        return text + 4;
    if (strncmp(text, "ssl", 3) == 0)
        return text + 3;
    return place == CONFIG_TLS_PEER ? NULL : text;
}

bool
configTlsOption(ConfigLoader *loader, ConfigTls *tls, ConfigTlsPlace place,
                const ConfigLine *line, size_t i)
{
    const char *text = skipPrefix(line->words[i].text, place);
    Reader reader = {.loader = loader, .line = line, .i = i, .tls = tls};
    const char *equals;

    if (text == NULL)
        return false;
    equals = strchr(text, '=');
    size_t len = equals ? (size_t)(equals - text) + 1 : strlen(text);
    for (size_t n = 0; n < sizeof(options) / sizeof(options[0]); n++) {
        if (!(options[n].places & 1u << place) ||
            strlen(options[n].name) != len ||
            strncmp(options[n].name, text, len) != 0)
            continue;
        reader.option = &options[n];
        reader.value = text + len;
        if (equals && reader.value[0] == '\0')
            configError(loader, line, i, "%s expected a value",
                        options[n].name);
        else
            options[n].set(&reader);
        return true;
    }
    return false;
}

void
configTlsFini(ConfigTls *tls)
{
    for (size_t i = 0; i < tls->pairCount; i++) {
        free(tls->pairs[i].cert);
        free(tls->pairs[i].key);
    }
    free(tls->pairs);
    free(tls->spec);
    free(tls->clientCa);
    free(tls->caFile);
    free(tls->caPath);
    free(tls->crlFile);
    free(tls->ciphers);
    free(tls->context);
    free(tls->domain);
    tlsServerUnref(&tls->server);
    tlsClientUnref(&tls->client);
    *tls = (ConfigTls){0};
}

static TlsServer *
createServer(const ConfigTls *tls, char **whyOut)
{
    static const char *const protocols[] = {"h2", "http/1.1", "http/1.0", NULL};
    TlsPair *pairs = xcalloc(tls->pairCount, sizeof(*pairs));
    TlsVerify wanted =
        tls->isAuthOptional ? TLS_VERIFY_OPTIONAL : TLS_VERIFY_REQUIRE;
    TlsServerConfig config = {
        .pairs = pairs,
        .pairCount = tls->pairCount,
        .alpn = tls->isHttp2 ? protocols : protocols + 1,
        .verify = tls->clientCa != NULL ? wanted : TLS_VERIFY_NONE,
        .clientCa = tls->clientCa,
        .authority = {.caFile = tls->caFile,
                      .caPath = tls->caPath,
                      .crlFile = tls->crlFile},
        .policy = {.minVersion = tls->minVersion, .ciphers = tls->ciphers},
        .context = tls->context,
        .noResumption = tls->noResumption,
    };

    for (size_t i = 0; i < tls->pairCount; i++)
        pairs[i] =
            (TlsPair){.cert = tls->pairs[i].cert, .key = tls->pairs[i].key};
    TlsServer *server = tlsServerCreate(&config, whyOut);
    int error = errno;
    free(pairs);
    errno = error;
    return server;
}

/* Clients will complain; so do we. */
static void
checkExpiry(ConfigLoader *loader, const ConfigTls *tls, const ConfigLine *line)
{
    for (size_t i = 0; i < tls->pairCount; i++)
        if (tlsServerExpires(tls->server, i) < time(NULL))
            configWarn(loader, line, 0, "%s: the certificate has expired",
                       tls->pairs[i].cert);
}

/* Else certificates that were revoked would be good. */
static void
checkCrl(ConfigLoader *loader, const ConfigTls *tls, const ConfigLine *line)
{
    if (tls->wantsCrl && tls->crlFile == NULL)
        configError(loader, line, 0, "%s: VERIFY_CRL needs crlfile=FILE",
                    line->words[0].text);
}

void
configTlsServer(ConfigLoader *loader, ConfigTls *tls, const ConfigLine *line)
{
    char *why = NULL;

    checkCrl(loader, tls, line);
    tls->spec = configJoinWords(line, 2);
    if (tls->pairCount == 0) {
        configError(loader, line, 0, "%s needs cert=FILE", line->words[0].text);
        return;
    }
    tls->server = createServer(tls, &why);
    if (tls->server == NULL && errno == EACCES)
        configWarn(loader, line, 0, "%s", why);
    else if (tls->server == NULL)
        configError(loader, line, 0, "%s", why);
    else
        checkExpiry(loader, tls, line);
    free(why);
}

void
configTlsClient(ConfigLoader *loader, ConfigTls *tls, const ConfigLine *line)
{
    TlsClientConfig config = {
        .authority = {.caFile = tls->caFile,
                      .caPath = tls->caPath,
                      .crlFile = tls->crlFile,
                      .useSystem = !tls->noSystem},
        .policy = {.minVersion = tls->minVersion, .ciphers = tls->ciphers},
    };
    char *why = NULL;

    checkCrl(loader, tls, line);
    if (tls->pairCount > 1)
        configError(loader, line, 0, "%s shows one certificate only",
                    line->words[0].text);
    if (tls->pairCount > 0)
        config.pair =
            (TlsPair){.cert = tls->pairs[0].cert, .key = tls->pairs[0].key};
    tls->client = tlsClientCreate(&config, &why);
    if (tls->client == NULL)
        configError(loader, line, 0, "%s", why);
    free(why);
}

/* What several lines say holds together. */
static void
parseOutgoing(ConfigLoader *loader, const ConfigRow *row,
              const ConfigLine *line)
{
    ConfigTls *tls = &loader->config->tlsOutgoing;

    tlsClientUnref(&tls->client);
    for (size_t i = 1; i < line->count; i++)
        if (!configTlsOption(loader, tls, CONFIG_TLS_OUTGOING, line, i))
            configError(loader, line, i, "%s: option \"%s\" is not supported",
                        row->name, line->words[i].text);
    /* The system's authorities may take a while to read: not for nothing. */
    if (loader->errors == 0)
        configTlsClient(loader, tls, line);
}

const ConfigKind configKindTlsOutgoing = {
    .repeats = true,
    .parse = parseOutgoing,
};
