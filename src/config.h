/*
 * config.h: the configuration, in squid.conf's syntax and names.
 *
 * A Config is made whole by configLoad, is never changed afterwards, and is
 * counted: a request keeps the one it started with over a reconfigure.
 * Every directive is a row of config_table.h. Thread: loop.
 */
#ifndef SQUIRE_CONFIG_H
#define SQUIRE_CONFIG_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "acl.h"
#include "format.h"
#include "auth_header.h"
#include "auth_nonce.h"
#include "helper.h"
#include "http_freshness.h"
#include "tls.h"

/* No limit of a head can be set higher. */
#define CONFIG_HEAD_MAX (96 * 1024)

/* A port that stands for web servers: requests name a path, not a URL. */
typedef struct ConfigAccel {
    bool isOn;
    bool isHttps;      /* the scheme of its URLs */
    bool isVhost;      /* "vhost": it does count */
    bool noVhost;      /* Host does not count */
    bool allowDirect;  /* also servers that are no cache_peer */
    char *defaultSite; /* HOST or HOST:PORT without a Host; or NULL */
    unsigned vport;    /* the port of its URLs; 0: as Host says */
} ConfigAccel;

typedef struct ConfigTlsPair {
    char *cert;
    char *key; /* NULL: in the same file */
} ConfigTlsPair;

/* What a line says of TLS, and what was read from the files that it names.
 * Texts are owned; NULL where not given. */
typedef struct ConfigTls {
    char *spec; /* the words of the line */
    ConfigTlsPair *pairs;
    size_t pairCount;
    char *clientCa;
    char *caFile;
    char *caPath;
    char *crlFile;
    char *ciphers;
    char *context;
    char *domain; /* the name that the certificate must have */
    TlsVersion minVersion;
    bool isHttp2; /* clients of a port may choose it */
    bool isAuthOptional; /* CONDITIONAL_AUTH */
    bool noResumption;
    bool noSystem;     /* default-ca=off */
    bool noVerify;     /* DONT_VERIFY_PEER */
    bool wantsCrl;     /* VERIFY_CRL */
    bool anyDomain;    /* DONT_VERIFY_DOMAIN */
    TlsServer *server; /* of a port; NULL: we may not read a file (any more) */
    TlsClient *client; /* of the others */
} ConfigTls;

typedef struct ConfigPort {
    char *addr;     /* for listenerCreate: "3128", "127.0.0.1:3128" */
    char *name;     /* name= or the same text; for AclInput.portName */
    char *where;    /* "FILE:LINE" */
    ConfigTls *tls; /* NULL: plain */
    ConfigAccel accel;
} ConfigPort;

/* One cachemgr_passwd. */
typedef struct ConfigManagerPassword {
    char *password; /* or "none", "disable" */
    char **actions; /* names of documents, or "all" */
    size_t count;
} ConfigManagerPassword;

/* One logformat, or one that is always there. */
typedef struct ConfigLogFormat {
    char *name;
    Format *format;
} ConfigLogFormat;

typedef struct ConfigAccessLog {
    char *path;    /* a place, as log_place.h has them; NULL: "none", those
                      that match are in no later log */
    bool isDaemon; /* written by logfile_daemon */
    const Format *format; /* NULL: Squid's native one */
    AclRules *rules;      /* NULL: all requests */
    int64_t rotate;       /* old files that are kept */
    char *where;          /* "FILE:LINE" */
} ConfigAccessLog;

typedef enum ConfigHeaderScope {
    CONFIG_HEADER_ONE,
    CONFIG_HEADER_OTHER, /* those without a name that we know */
    CONFIG_HEADER_ALL,
    CONFIG_HEADER_SCOPE_COUNT
} ConfigHeaderScope;

/* What holds for the fields of one name, or of none. */
typedef struct ConfigHeaderAccess {
    char *name;
    ConfigHeaderScope scope;
    AclRules *rules;   /* NULL: none were given */
    char *replacement; /* of a field that they deny, or NULL */
} ConfigHeaderAccess;

typedef struct ConfigHeaderAdd {
    char *name;
    char *text;
    Format *format;  /* NULL: the text as it is */
    AclRules *rules; /* NULL: always */
} ConfigHeaderAdd;

/* What the proxy does with the fields of requests, or of answers. */
typedef struct ConfigHeaderRules {
    bool isReply;
    ConfigHeaderAccess *access;
    size_t accessCount;
    ConfigHeaderAdd *adds;
    size_t addCount;
} ConfigHeaderRules;

/* A page of error_directory. */
typedef struct ConfigErrorPage {
    char *name;
    char *text;
} ConfigErrorPage;

typedef enum ConfigDenyKind {
    CONFIG_DENY_PAGE,
    CONFIG_DENY_REDIRECT,
    CONFIG_DENY_RESET, /* TCP_RESET */
    CONFIG_DENY_KIND_COUNT
} ConfigDenyKind;

/* One deny_info. */
typedef struct ConfigDenyInfo {
    ConfigDenyKind kind;
    char *what; /* the name of a page, or a URL with codes */
    int status; /* 0: the usual one */
    char **acls;
    size_t aclCount;
    char *file; /* where it stands */
    unsigned line;
} ConfigDenyInfo;

/* True for fields without which a message would not end where it ends, or
 * would be for nobody: no rule changes them. */
bool configHeaderIsFixed(HttpHeaderId id);

/* One tcp_outgoing_address. */
typedef struct ConfigOutgoing {
    char *addr;
    AclRules *rules; /* NULL: for all */
} ConfigOutgoing;

/* A size for those that rules allow. */
typedef struct ConfigLimit {
    int64_t octets;  /* -1: no limit */
    AclRules *rules; /* NULL: for all */
} ConfigLimit;

/* The first that fits counts. */
typedef struct ConfigLimits {
    ConfigLimit *all;
    size_t count;
} ConfigLimits;

typedef enum ConfigForwardedFor {
    CONFIG_FORWARDED_ON,          /* append the client's address */
    CONFIG_FORWARDED_OFF,         /* append "unknown" */
    CONFIG_FORWARDED_TRANSPARENT, /* leave the header as it is */
    CONFIG_FORWARDED_DELETE,      /* remove it */
    CONFIG_FORWARDED_TRUNCATE,    /* only the client's address */
    CONFIG_FORWARDED_COUNT
} ConfigForwardedFor;

typedef enum ConfigOnTimeout {
    CONFIG_ON_TIMEOUT_FAIL,     /* ERR_GATEWAY_FAILURE to the client */
    CONFIG_ON_TIMEOUT_BYPASS,   /* go on with the URL as it is */
    CONFIG_ON_TIMEOUT_RETRY,    /* ask once more */
    CONFIG_ON_TIMEOUT_RESPONSE, /* as if the helper had said `response` */
    CONFIG_ON_TIMEOUT_COUNT
} ConfigOnTimeout;

#define CONFIG_PEER_NAME_MAX 64 /* with its NUL */

/* Where responses are kept on disk. */
typedef struct ConfigCacheDir {
    char *path; /* NULL: nowhere */
    int64_t bytes;
} ConfigCacheDir;

/* What a parent is told of users. */
typedef enum ConfigPeerLogin {
    CONFIG_PEER_LOGIN_NONE,
    CONFIG_PEER_LOGIN_FIXED, /* login=USER:PASSWORD */
    CONFIG_PEER_LOGIN_USER,  /* login=*:PASSWORD, with the client's user */
    CONFIG_PEER_LOGIN_PASS,  /* login=PASS: the client's credentials */
    CONFIG_PEER_LOGIN_COUNT
} ConfigPeerLogin;

/* A parent. */
typedef struct ConfigPeer {
    char *name; /* name= or the host */
    char *host;
    unsigned port;
    unsigned weight;
    bool isDefault;
    bool isRoundRobin;
    bool isCarp;       /* one for each URL */
    bool isSourceHash; /* one for each address of clients */
    bool isUserHash;   /* one for each user */
    bool isClosestOnly;
    bool isNoQuery;
    bool isOriginServer;  /* a web server, no proxy */
    bool isProxyOnly;     /* its answers are not kept */
    int connectTimeoutMs; /* 0: that of peer_connect_timeout */
    unsigned failMax;     /* connect-fail-limit= */
    ConfigPeerLogin login;
    char *user; /* of CONFIG_PEER_LOGIN_FIXED */
    char *password;
    char *forcedDomain; /* for Host, or NULL */
    ConfigTls *tls;     /* NULL: plain */
    AclRules *access;   /* cache_peer_access; NULL: all requests */
    AclRules *domains;  /* cache_peer_domain, the same */
} ConfigPeer;

/* One refresh_pattern. */
typedef struct ConfigRefresh {
    regex_t regex;
    HttpRefresh rule;
} ConfigRefresh;

/* One class of helpers: a program, how its pool works and who is asked. */
typedef struct ConfigHelper {
    char *name;       /* of the pool */
    char **argv;      /* NULL-terminated; NULL: there is no program */
    char *spec;       /* the words of the *_children line, or NULL */
    HelperConfig pool; /* complete after configLoad, for helperPoolCreate;
                          its texts belong to this struct */
    AclRules *access; /* empty: every request is asked about */
    bool bypass;      /* no answer means: go on without */
    bool hasNegativeTtl;
    char **texts; /* what pool points to */
    size_t textCount;
    const char **env; /* NULL-terminated, for pool.attr; NULL: inherited */
    size_t envCount;
} ConfigHelper;

/* What follows the URL: "%>a/%>A %un %>rm myip=%la myport=%lp". */
typedef struct ConfigExtras {
    char *text;
    Format *format;
} ConfigExtras;

typedef struct ConfigRewrite {
    ConfigHelper helper;
    int timeoutMs; /* url_rewrite_timeout, in helper too; -1: not given */
    ConfigOnTimeout onTimeout;
    bool changesHost; /* url_rewrite_host_header */
    char *response; /* a helper's reply line, or NULL */
    ConfigExtras extras;
} ConfigRewrite;

typedef struct ConfigStoreId {
    ConfigHelper helper;
    ConfigExtras extras;
} ConfigStoreId;

/* One external_acl_type. */
typedef struct ConfigExternal {
    char *name;
    ConfigHelper helper; /* its pool is "external/NAME" */
    Format *format;
    bool hasData;   /* %DATA says where the words of the acl go */
    bool needsUser; /* the user has to be known first */
    bool isShell;   /* the words are quoted as for a shell, not as in URLs */
} ConfigExternal;
/* One scheme of auth_param. */
typedef struct ConfigAuthScheme {
    ConfigHelper helper; /* without argv: not offered */
    char *realm;
    char *keyExtras;       /* a format, or NULL */
    bool isUtf8;           /* utf8 */
    bool isCaseSensitive;  /* casesensitive */
    bool keepAlive;        /* keep_alive */
    int64_t ttlMs;         /* how long a helper's yes is good */
    AuthNonceRules nonce;  /* nonce_... */
} ConfigAuthScheme;

typedef struct ConfigAuth {
    ConfigAuthScheme schemes[AUTH_KIND_COUNT];
    AuthKind order[AUTH_KIND_COUNT]; /* as they are offered */
    unsigned count;                  /* of order */
} ConfigAuth;

/*
 * Times are milliseconds (0: no limit), sizes octets. Strings are owned by
 * the Config; NULL where "none" or not set.
 */
typedef struct Config {
    uint32_t magic;
    unsigned refs;
    char *path; /* the file that was read */

    ConfigPort *httpPorts; /* of http_port and https_port */
    size_t httpPortCount;
    ConfigPort *managerPorts; /* addresses or paths, for managerListen */
    size_t managerPortCount;
    ConfigManagerPassword *managerPasswords;
    size_t managerPasswordCount;

    bool quotedValues; /* quoted words of acls are no names of files */
    AclSet *acls;
    AclRules *httpAccess;
    /* NULL: no line */
    AclRules *adaptedAccess; /* adapted_http_access */
    AclRules *httpReplyAccess;
    AclRules *cache; /* who may be served from it and have answers stored */
    AclRules *sendHit;
    AclRules *storeMiss;
    AclRules *missAccess;
    AclRules *followForwarded; /* follow_x_forwarded_for */
    AclRules *alwaysDirect;
    AclRules *neverDirect;
    bool preferDirect;
    bool nonhierarchicalDirect;

    char *cacheLog;
    char *debugOptions;
    ConfigAccessLog *accessLogs;
    size_t accessLogCount;
    ConfigLogFormat *logFormats;
    size_t logFormatCount;
    bool logMimeHdrs;
    bool keepsReply; /* logs or rules want to know the fields of answers */
    char *logfileDaemon;
    int64_t logfileRotate; /* old files that the daemon keeps */
    bool bufferedLogs;
    bool stripQueryTerms; /* for AccessEntry.stripQuery */
    char *pidFilename;
    char *coredumpDir;
    char *effectiveUser;   /* cache_effective_user */
    char *effectiveGroup;  /* cache_effective_group */
    char *visibleHostname; /* never NULL */
    char *uniqueHostname;  /* in Via; or NULL */
    char *cacheMgr;        /* whom error pages name, or NULL */
    char *errorDirectory;  /* where pages are, or NULL */
    bool suppressVersion;  /* httpd_suppress_version_string */
    char *stylesheetFile;  /* err_page_stylesheet, or NULL */
    char *stylesheet;      /* its text */
    ConfigErrorPage *errorPages;
    size_t errorPageCount;
    ConfigDenyInfo *denyInfos;
    size_t denyInfoCount;

    int64_t cacheMem;
    ConfigCacheDir cacheDir;
    int64_t maximumObjectSize;
    int64_t minimumObjectSize;
    int64_t maximumObjectSizeInMemory;
    bool collapsedForwarding;
    ConfigRefresh *refreshes;
    size_t refreshCount;
    HttpRefresh refreshUsual; /* where none matches */
    bool reloadIntoIms;  /* for all of them */
    bool refreshAllIms;
    int64_t maxStaleMs;
    int64_t negativeTtlMs;
    int64_t requestHeaderMaxSize;
    int64_t requestBodyMaxSize; /* 0: no limit */
    int64_t replyHeaderMaxSize;

    int64_t requestTimeoutMs; /* request_timeout: header complete */
    int64_t readTimeoutMs;    /* from the origin */
    int64_t connectTimeoutMs; /* to the origin */
    int64_t clientIdlePconnTimeoutMs;
    int64_t clientLifetimeMs;
    int64_t shutdownLifetimeMs;
    int64_t writeTimeoutMs;
    int64_t serverIdlePconnTimeoutMs;
    int64_t forwardTimeoutMs;
    int64_t peerConnectTimeoutMs;
    int64_t forwardMaxTries;
    bool clientPersistent; /* client_persistent_connections */
    bool serverPersistent;
    bool halfClosedClients;
    int64_t quickAbortMin; /* -1: fetches always go on */
    int64_t quickAbortMax;
    int64_t quickAbortPct;
    int64_t clientIpMaxConnections; /* 0: any number */
    int64_t maxFiledescriptors; /* 0: as many as there may be */
    int64_t umask;              /* -1: as it is */

    ConfigHeaderRules requestHeaders;
    ConfigHeaderRules replyHeaders;
    ConfigOutgoing *outgoing; /* the first that fits */
    size_t outgoingCount;
    ConfigLimits replyBodyMax;
    ConfigLimits rangeOffsetLimit;
    bool aclUsesIndirect; /* acl_uses_indirect_client */
    bool logUsesIndirect;
    bool via;
    ConfigForwardedFor forwardedFor;

    ConfigRewrite rewrite;
    ConfigStoreId storeId;
    ConfigExternal **externals;
    size_t externalCount;
    ConfigAuth auth;
    ConfigAuth managerAuth; /* manager_auth: basic and digest only */
    int64_t authenticateTtlMs;
    int64_t authenticateIpTtlMs;

    ConfigTls tlsOutgoing; /* has a client after configLoad */
    ConfigPeer *peers;
    size_t peerCount;
    bool pingerEnable;
    char *pingerProgram; /* NULL: none */

    struct ConfigOrigin *origins; /* where each directive was set */
} Config;

typedef enum ConfigSeverity {
    CONFIG_WARNING,
    CONFIG_ERROR,
    CONFIG_SEVERITY_COUNT
} ConfigSeverity;

/* One thing wrong; text is "FILE:LINE: ..." and borrowed for the call. */
typedef void ConfigMessageCb(ConfigSeverity severity, const char *text,
                             void *data);

/*
 * Read path and what it includes. Every warning and error is told to cb, in
 * order. Returns owned (one reference), or NULL when there was an error; an
 * older Config stays as it is. Blocks (reads files).
 */
Config *configLoad(const char *path, ConfigMessageCb *cb, void *data);

/* The pid_filename of path as far as it can be read, whatever else is wrong
 * in it, without a word. Returns owned; NULL when there is none. Blocks. */
char *configPidFilename(const char *path);

/* "FILE:LINE" of a directive that does not repeat, "default" where no line
 * has it; returns owned. */
char *configWhere(const Config *config, const char *directive);

/* Take one more reference; returns config. */
Config *configRef(Config *config);

/* The external_acl_type of that name, or NULL; borrowed. */
const ConfigExternal *configExternalLookup(const Config *config,
                                           const char *name);

/* What a port of that address and name stands for, or NULL; borrowed. */
const ConfigAccel *configAccelLookup(const Config *config, const char *addr,
                                     const char *name);

/* The octets that the first limit that fits allows; otherwise when none does.
 * Rules that would have to wait do not fit. */
int64_t configLimitsFind(const ConfigLimits *limits, const AclInput *input,
                         int64_t otherwise);

/* The rule for the answer to that URL; borrowed. */
const HttpRefresh *configRefreshLookup(const Config *config, const char *url);

typedef void ConfigHelperCb(const ConfigHelper *helper, void *data);

/* Call cb for every class of helpers that there is, with a program or
 * without. */
void configForEachHelper(const Config *config, ConfigHelperCb *cb, void *data);

/* How many old files of cache_log are kept: rotate= of debug_options, else
 * logfile_rotate. */
unsigned configDebugKeep(const Config *config);

/* What cachemgr_passwd says of a document of the manager: the password, "none"
 * or "disable"; NULL: nothing. Borrowed. */
const char *configManagerPassword(const Config *config, HttpSlice action);

/* The text of error_directory for the page of that name, or NULL; borrowed. */
const char *configErrorPage(const Config *config, const char *name);

/* The deny_info of the acl of that name, or NULL; borrowed. */
const ConfigDenyInfo *configDenyInfo(const Config *config, const char *acl);

/* Drop a reference; the last one frees. Clears *config; NULL inside is
 * accepted. */
void configUnref(Config **config);

/* A ConfigMessageCb that writes to the debug log (section 3, level 0 for
 * errors and 1 for warnings). data is not used. */
void configMessageLog(ConfigSeverity severity, const char *text, void *data);

/* A ConfigMessageCb that writes to the FILE given as data. */
void configMessagePrint(ConfigSeverity severity, const char *text, void *data);

/* Print every directive with its value, and where that was set. */
void configPrint(const Config *config, FILE *out);

/* Print squire.conf(5) from the table of directives. */
void configPrintManual(FILE *out);

#endif
