/* config_priv.h: what the files of the configuration module share. */
#ifndef SQUIRE_CONFIG_PRIV_H
#define SQUIRE_CONFIG_PRIV_H

#include "config.h"

#include "buf.h"

/* One word of a directive; its line differs from the directive's when that
 * is continued over several. */
typedef struct ConfigWord {
    char *text;
    unsigned line;
    bool quoted; /* all or a part was written as "..." or '...' */
    bool isFile; /* written as parameters("FILE") */
} ConfigWord;

/* One directive: words[0] is its name. Line 0: not from a file. */
typedef struct ConfigLine {
    const char *file;
    ConfigWord *words;
    size_t count;
} ConfigLine;

typedef struct ConfigRow ConfigRow;

/* Where a directive was set, in order of the files. */
typedef struct ConfigOrigin {
    struct ConfigOrigin *next;
    const ConfigRow *row;
    char *file;
    unsigned line; /* 0: the default */
    char *text;    /* the words after the name */
} ConfigOrigin;

/* The state of one configLoad. */
typedef struct ConfigLoader {
    Config *config;
    ConfigMessageCb *cb;
    void *data;
    unsigned errors;
    unsigned files; /* included so far */
    char *authFile; /* where the first acl about users stands, or NULL */
    unsigned authLine;
    char **ignoredPeers; /* by name: cache_peer_access is ignored as well */
    size_t ignoredPeerCount;
    ConfigOrigin **originTail;
} ConfigLoader;

/* How one kind of value is read and shown. */
typedef struct ConfigKind {
    bool repeats; /* every line adds; else the last line counts */
    /* Set the row's field from line; complains itself. */
    void (*parse)(ConfigLoader *loader, const ConfigRow *row,
                  const ConfigLine *line);
    /* Show the field's value; NULL: show the words of the line. */
    void (*format)(const void *field, Buf *out);
} ConfigKind;

struct ConfigRow {
    const char *name;
    const ConfigKind *kind;
    size_t offset; /* of the field in Config */
    const char *fallback;
    const char *syntax;
    const char *help;
};

/* Tell about word i of line (the last one when there are fewer). */
void configError(ConfigLoader *loader, const ConfigLine *line, size_t i,
                 const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* As configError, for what is odd and can be gone on with. */
void configWarn(ConfigLoader *loader, const ConfigLine *line, size_t i,
                const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Tell about a place that is no word: lineNo 0 leaves the number out. */
void configComplainAt(ConfigLoader *loader, ConfigSeverity severity,
                      const char *file, unsigned lineNo, const char *text);

/* Carry out one directive, of a file or a default. */
void configDirective(ConfigLoader *loader, const ConfigLine *line);

/* Read a file and what it includes; every directive goes to
 * configDirective. Blocks. */
void configReadFile(ConfigLoader *loader, const char *path);

#define CONFIG_IF_DEPTH_MAX 32

typedef struct ConfigIfLevel {
    unsigned line;     /* of the if */
    bool isTaken;      /* lines count now */
    bool isOuterTaken; /* one of the two branches is */
    bool isElse;       /* after the else */
} ConfigIfLevel;

/* The conditions around a line of one file. Zeroed memory: none. */
typedef struct ConfigIf {
    ConfigIfLevel levels[CONFIG_IF_DEPTH_MAX];
    unsigned depth;
} ConfigIf;

/* True when text is an if, else or endif, and is carried out; it may be
 * changed. *whyOut: what is wrong with it, constant, or NULL. */
bool configIfTake(ConfigIf *state, char *text, unsigned line,
                  const char **whyOut);

/* True when lines do not count here. */
bool configIfSkips(const ConfigIf *state);

/* Append text with the values of ${process_name} and the like. 0 or an error
 * of bufAppend. */
int configExpand(const char *text, Buf *out);

/* Split text into words as if it stood in a file; line 0. */
void configReadText(ConfigLoader *loader, const char *text);

/* name relative to the directory of file; returns owned. */
char *configResolve(const char *file, const char *name);

typedef void ConfigValueCb(char *text, unsigned lineNo, void *data);

/*
 * Call cb for every line of a file of values that is not empty and no
 * comment; text is borrowed for the call. NULL, or what was wrong with the
 * file (constant or until the next strerror). Blocks.
 */
const char *configReadValues(const char *path, ConfigValueCb *cb, void *data);

/* The words from index first on as one text, quoted where needed. */
char *configJoinWords(const ConfigLine *line, size_t first);

/* True when line has exactly count words after its name; complains with
 * what was expected. */
bool configWantWords(ConfigLoader *loader, const ConfigRow *row,
                     const ConfigLine *line, size_t count);

/* Read a whole number within [min, max]. */
bool configParseNumber(const char *text, long min, long max, long *valueOut);

/* Read "30 seconds", "30" (seconds) or "500ms" into milliseconds from word
 * *index on, which moves behind it. Complains. */
bool configTakeTime(ConfigLoader *loader, const ConfigLine *line, size_t *index,
                    int64_t *msOut);

/* Read "64 KB" or "64" (octets), as configTakeTime. */
bool configTakeSize(ConfigLoader *loader, const ConfigLine *line, size_t *index,
                    int64_t *octetsOut);

/* A word that sets a bool of a struct, at an offset in it. */
typedef struct ConfigFlag {
    const char *name;
    size_t offset;
} ConfigFlag;

/* Set that of `into` that text is the name of. False: it is none of them. */
bool configTakeFlag(const ConfigFlag *flags, size_t count, const char *text,
                    void *into);

/* Read "on" or "off". */
bool configParseBool(const char *text, bool *valueOut);

/* True for what listenerCreate takes: "PORT", ":PORT", "ADDR:PORT". */
bool configIsListenAddr(const char *text);

/* Where an option of TLS stands. */
typedef enum ConfigTlsPlace {
    CONFIG_TLS_PORT,
    CONFIG_TLS_PEER,
    CONFIG_TLS_OUTGOING,
    CONFIG_TLS_PLACE_COUNT
} ConfigTlsPlace;

/* Word i as an option of TLS. True when it is the name of one, whose value
 * may be wrong: that is told. */
bool configTlsOption(ConfigLoader *loader, ConfigTls *tls, ConfigTlsPlace place,
                     const ConfigLine *line, size_t i);

/* All of a port's options are read: read the files. Complains. */
void configTlsServer(ConfigLoader *loader, ConfigTls *tls,
                     const ConfigLine *line);

/* The same for who connects to others. */
void configTlsClient(ConfigLoader *loader, ConfigTls *tls,
                     const ConfigLine *line);

/* Free what it owns. */
void configTlsFini(ConfigTls *tls);

/* The table of directives. */
extern const ConfigRow configRows[];
extern const size_t configRowCount;

/* The row called name, also by an older name of it; NULL when unknown. */
const ConfigRow *configRowLookup(const char *name);

/* A directive that Squid has or had and we do not. */
typedef struct ConfigForeign {
    const char *name;
    const char *same;    /* the value that means what we do anyway, or NULL */
    const char *instead; /* what is done */
} ConfigForeign;

/* The row of that name of config_foreign.h; NULL when there is none. */
const ConfigForeign *configForeignLookup(const char *name);

/* The row after last, or the first one; NULL at the end. */
const ConfigForeign *configForeignNext(const ConfigForeign *last);

/* The known directive whose name looks most like name, or NULL. */
const char *configNearest(const char *name);

/* A class without a program, with the defaults of pools; name is copied. */
void configHelperInit(ConfigHelper *helper, const char *name);

/* Free what it owns. */
void configHelperFini(ConfigHelper *helper);

/* The program and its arguments: the words from index first on; the one
 * word "none" is no program. Complains. */
void configHelperProgram(ConfigLoader *loader, ConfigHelper *helper,
                         const ConfigLine *line, size_t first);

/* A *_children line: word first is MAX, OPTION=VALUE words follow. Options
 * not given get their defaults. Complains. */
void configHelperChildren(ConfigLoader *loader, ConfigHelper *helper,
                          const ConfigLine *line, size_t first);

/* Word i as an option of external_acl_type. True when it is the name of one
 * with a value, which may be wrong: that is told. */
bool configHelperOption(ConfigLoader *loader, ConfigHelper *helper,
                        const ConfigLine *line, size_t i);

/* One option of pools, for the manual; texts are constant. */
typedef void ConfigHelperOptionCb(const char *name, const char *syntax,
                                  const char *help, void *data);

/* Call cb for every option of pools, in the table's order. */
void configHelperForEachOption(ConfigHelperOptionCb *cb, void *data);

/* Make helper->pool complete: name, argv and what follows from the rest. */
void configHelperFinish(ConfigHelper *helper);

/* Read a time of at most 24 days, as configTakeTime. */
bool configTakeTimeMs(ConfigLoader *loader, const ConfigLine *line,
                      size_t *index, int *msOut);

/* No scheme has a program, all else has its default; the pools' names begin
 * with prefix. */
void configAuthInit(ConfigAuth *auth, const char *prefix, const char *realm);

/* Set what follows from several directives together; complains when acls
 * need users and no scheme can tell them. */
void configAuthFinish(ConfigLoader *loader);

/* Free what the auth directives own. */
void configAuthFini(ConfigAuth *auth);

/* Set what follows from several directives together. */
void configRewriteFinish(ConfigLoader *loader);

/* The same for every external_acl_type. */
void configExternalFinish(ConfigLoader *loader);

/* Free them. */
void configExternalFini(Config *config);

/* Free what the directives of url_rewrite and store_id own. */
void configRewriteFini(Config *config);

/* A quoted text, or all the words with a blank between them; returns owned.
 * NULL after a complaint. */
char *configTakeWords(ConfigLoader *loader, const ConfigRow *row,
                      const ConfigLine *line);

/* "FILE:LINE" of a line, "default" for a default's; returns owned. */
char *configLineWhere(const ConfigLine *line);

/* Word i as an option of a port that stands for web servers. True when it is
 * one, whose value may be wrong: that is told. */
bool configAccelOption(ConfigLoader *loader, ConfigAccel *accel,
                       const ConfigLine *line, size_t i);

/* All options are read: complain about those that need "accel". */
void configAccelFinish(ConfigLoader *loader, ConfigAccel *accel,
                       const ConfigLine *line);

/* Free what the lines of ports own. */
void configPortsFini(Config *config);

/* One "allow|deny [!]ACL..." from word `first` on, added to *rules, which is
 * made when it is NULL. Complains. */
void configTakeRule(ConfigLoader *loader, const ConfigRow *row,
                    const ConfigLine *line, size_t first, AclRules **rules);

/* Word i as "[!]DOMAIN", added to *rules: a request for it is allowed, or
 * denied. *rules is made when it is NULL. Complains. */
void configTakeDomain(ConfigLoader *loader, const ConfigLine *line, size_t i,
                      AclRules **rules);

/* The words from `first` on with a blank between them; returns owned. */
char *configTakeWordsFrom(ConfigLoader *loader, const ConfigLine *line,
                          size_t first);

/* Free what the lines about fields own. */
void configHeadersFini(ConfigHeaderRules *rules);

/* Free what they own. */
void configLimitsFini(ConfigLimits *limits);

/* Free what the lines of tcp_outgoing_address own. */
void configOutgoingFini(Config *config);

/* Read the pages of error_directory, and judge deny_info by them. Blocks. */
void configErrorsFinish(ConfigLoader *loader);

/* Free what the lines about error pages own. */
void configErrorsFini(Config *config);

/* Set what follows from several directives about logs together. */
void configLogsFinish(ConfigLoader *loader);

/* A time, in milliseconds, or a size: a number and its unit in one word. */
bool configParseTime(const char *text, int64_t *msOut);
bool configParseSize(const char *text, int64_t *octetsOut);

/* Whether the system knows this user or group, which may be a number. */
bool configUserExists(const char *name);
bool configGroupExists(const char *name);

/* False when there is no such folder; true when we may not look. */
bool configFolderExists(const char *path);

/* Warn when word i names no program that can be executed. */
void configCheckProgram(ConfigLoader *loader, const ConfigLine *line, size_t i);

/* Free what the lines of cachemgr_passwd own. */
void configManagerFini(Config *config);

/* Free what the lines about logs own. */
void configLogsFini(Config *config);

/* The list of one rule that allows what matches words `first` on of line, or
 * NULL after a complaint. Returns owned. */
AclRules *configTakeAcls(ConfigLoader *loader, const ConfigLine *line,
                         size_t first, bool isBeforeAnswer);

/* Set what follows from several directives together. */
void configRefreshFinish(ConfigLoader *loader);

/* Free what the refresh_pattern lines own. */
void configRefreshFini(Config *config);

/* Free what the cache_peer lines own. */
void configPeersFini(Config *config);

/* Forget the peers that were ignored. */
void configPeersForget(ConfigLoader *loader);

extern const ConfigKind configKindText;
extern const ConfigKind configKindWords;
extern const ConfigKind configKindFile;
extern const ConfigKind configKindBool;
extern const ConfigKind configKindCount;
extern const ConfigKind configKindHeadSize;
extern const ConfigKind configKindSize;
extern const ConfigKind configKindTime;
extern const ConfigKind configKindForwarded;
extern const ConfigKind configKindDebug;
extern const ConfigKind configKindPort;
extern const ConfigKind configKindHttpsPort;
extern const ConfigKind configKindTlsOutgoing;
extern const ConfigKind configKindManager;
extern const ConfigKind configKindManagerPassword;
extern const ConfigKind configKindAccessLog;
extern const ConfigKind configKindLogFormat;
extern const ConfigKind configKindFormatLog;
extern const ConfigKind configKindHeaderAccess;
extern const ConfigKind configKindHeaderReplace;
extern const ConfigKind configKindHeaderAdd;
extern const ConfigKind configKindLimits;
extern const ConfigKind configKindOutgoing;
extern const ConfigKind configKindAnySize;
extern const ConfigKind configKindDescriptors;
extern const ConfigKind configKindUmask;
extern const ConfigKind configKindDenyInfo;
extern const ConfigKind configKindAcl;
extern const ConfigKind configKindRules;
extern const ConfigKind configKindReplyRules; /* checked with an answer */
extern const ConfigKind configKindAuth;
extern const ConfigKind configKindManagerAuth;
extern const ConfigKind configKindProgram;
extern const ConfigKind configKindChildren;
extern const ConfigKind configKindExternal;
extern const ConfigKind configKindExtras;
extern const ConfigKind configKindHelperTimeout;
extern const ConfigKind configKindPeer;
extern const ConfigKind configKindPeerAccess;
extern const ConfigKind configKindPeerDomain;
extern const ConfigKind configKindCacheDir;
extern const ConfigKind configKindRefresh;

#endif
