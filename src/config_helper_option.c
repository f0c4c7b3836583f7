/* config_helper_option.c: the table of the options of pools. */
#include "config_helper_option.h"

#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "nearest.h"
#include "xalloc.h"

#define QUEUE_MAX 10000000L

typedef struct Option Option;

/* One option that is being set. */
typedef struct Setting {
    ConfigLoader *loader;
    ConfigHelper *helper;
    const ConfigLine *line;
    size_t i;
    const char *value;
    const Option *option;
} Setting;

/* A row: which member of HelperConfig it sets, and within which limits. */
struct Option {
    const char *name;
    const char *syntax;
    bool (*set)(const Setting *setting); /* false: wanted is told */
    const char *wanted;                  /* NULL: set complains itself */
    size_t offset;
    size_t size;
    int64_t min;
    int64_t max;
    const char *const *names; /* the words it may be: 0, 1 ... */
    unsigned places;          /* 0: everywhere */
    const char *help;
};

#define MEMBER(field)                                                          \
    .offset = offsetof(HelperConfig, field),                                   \
    .size = sizeof(((HelperConfig *)NULL)->field)

static void *
memberOf(const Setting *setting)
{
    return (char *)&setting->helper->pool + setting->option->offset;
}

/* Numbers, times and sizes of all widths, switches and enums. */
static void
storeNumber(const Setting *setting, int64_t value)
{
    void *member = memberOf(setting);

    switch (setting->option->size) {
    case sizeof(bool):
        *(bool *)member = value != 0;
        break;
    case sizeof(uint32_t):
        *(uint32_t *)member = (uint32_t)value;
        break;
    default:
        CHECK(setting->option->size == sizeof(int64_t));
        *(int64_t *)member = value;
        break;
    }
}

static bool
setNumber(const Setting *setting)
{
    long value;

    if (!configParseNumber(setting->value, (long)setting->option->min,
                           (long)setting->option->max, &value))
        return false;
    storeNumber(setting, value);
    return true;
}

/* Where 0 stands for the default, or is none: taken as 1. */
static bool
setNumberFromOne(const Setting *setting)
{
    if (strcmp(setting->value, "0") != 0)
        return setNumber(setting);
    configWarn(setting->loader, setting->line, setting->i, "%s=0 is taken as 1",
               setting->option->name);
    storeNumber(setting, 1);
    return true;
}

static bool
takeTime(const Setting *setting, int64_t *msOut)
{
    if (configParseTime(setting->value, msOut))
        return true;
    configError(setting->loader, setting->line, setting->i,
                "%s= expected a time such as 30s, 5m or 1h, not \"%s\"",
                setting->option->name, setting->value);
    return false;
}

static bool
setTime(const Setting *setting)
{
    int64_t ms;

    if (!takeTime(setting, &ms))
        return false;
    if (ms > setting->option->max) {
        configError(setting->loader, setting->line, setting->i,
                    "expected less than 24 days");
        return false;
    }
    storeNumber(setting, ms);
    return true;
}

/* A ttl may be given as years to say "always". */
static bool
setTtl(const Setting *setting)
{
    int64_t ms;

    if (!takeTime(setting, &ms))
        return false;
    storeNumber(setting, ms < UINT32_MAX ? ms : UINT32_MAX);
    return true;
}

static bool
setNegativeTtl(const Setting *setting)
{
    setting->helper->hasNegativeTtl = true;
    return setTtl(setting);
}

static bool
setSeconds(const Setting *setting)
{
    int64_t ms;

    if (!takeTime(setting, &ms))
        return false;
    storeNumber(setting, (ms + 999) / 1000);
    return true;
}

static bool
setSize(const Setting *setting)
{
    int64_t octets;

    if (!configParseSize(setting->value, &octets)) {
        configError(setting->loader, setting->line, setting->i,
                    "%s= expected a size such as 64KB or 8MB, not \"%s\"",
                    setting->option->name, setting->value);
        return false;
    }
    if (octets < setting->option->min || octets > setting->option->max) {
        configError(setting->loader, setting->line, setting->i,
                    "%s= expected %lld to %lld octets", setting->option->name,
                    (long long)setting->option->min,
                    (long long)setting->option->max);
        return false;
    }
    storeNumber(setting, octets);
    return true;
}

static bool
setPercent(const Setting *setting)
{
    size_t digits = strspn(setting->value, "0123456789");
    char number[4] = "";
    long value;

    if (digits >= sizeof(number) || (setting->value[digits] != '\0' &&
                                     strcmp(setting->value + digits, "%") != 0))
        return false;
    memcpy(number, setting->value, digits);
    if (!configParseNumber(number, 0, 100, &value))
        return false;
    storeNumber(setting, value);
    return true;
}

static bool
setWord(const Setting *setting)
{
    const char *const *names = setting->option->names;

    for (int i = 0; names[i]; i++) {
        if (strcmp(setting->value, names[i]) == 0) {
            storeNumber(setting, i);
            return true;
        }
    }
    return false;
}

static bool
setOverload(const Setting *setting)
{
    if (strcmp(setting->value, "die") != 0)
        return setWord(setting);
    configWarn(setting->loader, setting->line, setting->i,
               "on-persistent-overload=die is taken as ERR: the proxy "
               "does not end because of its helpers");
    storeNumber(setting, HELPER_OVERLOAD_ERR);
    return true;
}

static const char *
keepText(ConfigHelper *helper, char *text)
{
    helper->texts =
        xrealloc(helper->texts, (helper->textCount + 1) * sizeof(char *));
    helper->texts[helper->textCount++] = text;
    return text;
}

static bool
setText(const Setting *setting)
{
    const char **member = memberOf(setting);

    if (*setting->value == '\0')
        return false;
    *member = keepText(setting->helper, xstrdup(setting->value));
    return true;
}

static bool
setUser(const Setting *setting)
{
    return configUserExists(setting->value) && setText(setting);
}

static bool
setGroup(const Setting *setting)
{
    return configGroupExists(setting->value) && setText(setting);
}

static bool
setFolder(const Setting *setting)
{
    return configFolderExists(setting->value) && setText(setting);
}

/* NAME=VALUE, or NAME to pass ours on. With the first one, a helper has
 * nothing of our environment but what is named. */
static bool
setEnv(const Setting *setting)
{
    ConfigHelper *helper = setting->helper;
    const char *equals = strchr(setting->value, '=');
    const char *ours = equals ? NULL : getenv(setting->value);

    if (*setting->value == '\0' || equals == setting->value)
        return false;
    helper->env =
        xrealloc(helper->env, (helper->envCount + 2) * sizeof(char *));
    if (equals)
        helper->env[helper->envCount++] =
            keepText(helper, xstrdup(setting->value));
    else if (ours)
        helper->env[helper->envCount++] =
            keepText(helper, xasprintf("%s=%s", setting->value, ours));
    helper->env[helper->envCount] = NULL;
    return true;
}

static const char *const overloadNames[] = {"ERR", "bypass", "wait", NULL};
static const char *const failNames[] = {"closed", "open", "stale", NULL};
static const char *const stderrNames[] = {"tag", "raw", NULL};
static const char *const switchNames[] = {"off", "on", NULL};
static const char *const capabilityNames[] = {"keep", "none", NULL};
static const char *const filterNames[] = {"none", "default", NULL};

#define CHILDREN .places = CONFIG_HELPER_CHILDREN
#define EXTERNAL .places = CONFIG_HELPER_EXTERNAL
#define PROCESSES .max = CONFIG_HELPER_PROCESSES_MAX
#define FROM_0 "a number from 0"
#define FROM_1 "a number from 1"

static const Option options[] = {
    /* How many, and how they are asked. */
    {"startup", "N", setNumber, FROM_0, MEMBER(startup), PROCESSES, CHILDREN,
     .help = "Processes started at once and kept; 0."},
    {"idle", "N", setNumberFromOne, FROM_0, MEMBER(idle), PROCESSES, CHILDREN,
     .help = "Processes started at a time when more are needed, and kept "
             "spare; 1."},
    {"children-max", "N", setNumber, FROM_1, MEMBER(max), .min = 1, PROCESSES,
     EXTERNAL, .help = "Processes at most (external_acl_type); 5."},
    {"children", "N", setNumber, FROM_1, MEMBER(max), .min = 1, PROCESSES,
     EXTERNAL, .help = "The older name of children-max."},
    {"children-startup", "N", setNumber, FROM_0, MEMBER(startup), PROCESSES,
     EXTERNAL, .help = "startup of external_acl_type."},
    {"children-idle", "N", setNumberFromOne, FROM_0, MEMBER(idle), PROCESSES,
     EXTERNAL, .help = "idle of external_acl_type."},
    {"concurrency", "N", setNumber, FROM_0, MEMBER(concurrency), PROCESSES,
     .help = "Requests one process has at a time, each with a channel-ID "
             "before it; 0: one at a time, without."},
    {"queue-size", "N", setNumberFromOne, FROM_0, MEMBER(queueMax),
     .max = QUEUE_MAX,
     .help = "Requests that may wait; twice the processes, at least 64."},
    {"on-persistent-overload", "ERR|bypass|wait", setOverload,
     "ERR, bypass or wait", MEMBER(overload), .names = overloadNames,
     .help = "What a request beyond queue-size gets: no answer, the same and "
             "the caller goes on without, or it waits; ERR."},
    {"timeout", "TIME", setTime, NULL, MEMBER(timeoutMs), .max = INT_MAX,
     .help = "How long an answer may take, waiting included; 10 seconds; 0 "
             "is for ever."},
    {"attempts", "N", setNumber, "a number from 1 to 100", MEMBER(attempts),
     .min = 1, .max = 100, .help = "Processes tried for one request; 3."},
    {"line-max", "SIZE", setSize, NULL, MEMBER(lineMax), .min = 64,
     .max = 1024 * 1024,
     .help = "The longest line that may be sent to a process, with its end "
             "and, when concurrency is above 0, 11 octets that are kept for "
             "the channel-ID; 8191. Longer ones are refused: many programs "
             "read no more and "
             "would answer twice."},
    {"fail", "closed|open|stale", setWord, "closed, open or stale",
     MEMBER(fail), .names = failNames,
     .help = "What a request gets when no process can answer: no answer, OK, "
             "or a kept answer past its ttl; closed."},
    {"stderr", "tag|raw", setWord, "tag or raw", MEMBER(stderrRaw),
     .names = stderrNames,
     .help = "How stderr of the processes comes to the debug log: line by "
             "line, with pool and pid, or on the log's own descriptor; tag. "
             "With raw the processes are replaced when logs are rotated."},
    {"trace", "N", setNumber, FROM_0, MEMBER(traceMax), .max = 100000,
     .help = "Exchanges kept for squirectl tap; 64. 0: none, and nobody may "
             "listen."},
    /* The life of a process. */
    {"max-requests", "N", setNumber, FROM_0, MEMBER(maxRequests),
     .max = LONG_MAX,
     .help = "A process is replaced after so many requests; 0: never."},
    {"max-age", "TIME", setTime, NULL, MEMBER(maxAgeMs), .max = INT_MAX,
     .help = "A process is replaced when so old; 0: never."},
    {"idle-time", "TIME", setTime, NULL, MEMBER(idleMs), .max = INT_MAX,
     .help = "A process beyond startup and idle leaves after so long without "
             "work; 60 seconds; 0: never."},
    {"leave-time", "TIME", setTime, NULL, MEMBER(graceMs), .max = INT_MAX,
     .help = "How long a process may take to leave after its input ended, "
             "and again after SIGTERM, before SIGKILL; 2 seconds."},
    {"probe", "LINE", setText, "a line", MEMBER(probe),
     .help = "A line that each new process has to answer before it gets "
             "requests, and idle ones from time to time. Any answer but BH "
             "is good."},
    {"probe-interval", "TIME", setTime, NULL, MEMBER(probeMs), .max = INT_MAX,
     .help = "How often idle ones are asked; 30 seconds."},
    /* Dialogs. */
    {"reservation-timeout", "TIME", setTime, NULL, MEMBER(reservationMs),
     .max = INT_MAX,
     .help = "A process that a client's dialog (NTLM, Negotiate) holds may "
             "be taken back after so long without a word; 64 seconds; 0: "
             "never."},
    {"reservations-per-client", "N", setNumber, FROM_0,
     MEMBER(reservedPerClient), PROCESSES,
     .help = "Dialogs one client may have at a time; 0: no limit."},
    /* Answers. */
    {"cache", "N", setNumber, FROM_0, MEMBER(cacheMax), .max = UINT_MAX / 2,
     .help = "Answers kept; 0, external_acl_type 262144."},
    {"ttl", "TIME", setTtl, NULL, MEMBER(ttlMs),
     .help = "How long an OK is kept; 1 hour."},
    {"negative_ttl", "TIME", setNegativeTtl, NULL, MEMBER(negativeTtlMs),
     .help = "How long an ERR is kept; as ttl."},
    {"grace", "N%", setPercent, "a percentage from 0 to 100", MEMBER(gracePct),
     .help = "When less than this share of the ttl is left, a kept answer is "
             "used and asked again in the background; 0: never."},
    {"collapse", "on|off", setWord, "on or off", MEMBER(collapse),
     .names = switchNames,
     .help = "Whether equal requests at the same time are asked once; off, "
             "external_acl_type on."},
    /* What a process may. */
    {"user", "USER", setUser, "a user that there is", MEMBER(attr.user),
     .help = "Whom the processes become; needs the right to."},
    {"group", "GROUP", setGroup, "a group that there is", MEMBER(attr.group),
     .help = "Their group, instead of the user's own."},
    {"cwd", "DIR", setFolder, "a directory that there is", MEMBER(attr.cwd),
     .help = "The directory they run in."},
    {"env", "NAME[=VALUE]", setEnv, "NAME=VALUE or NAME",
     .help =
         "A variable of their environment: with this value, or as it is "
         "in ours. May be given several times; with the first, nothing "
         "else of our environment is passed on but SQUID_DEBUG, SQUIRE_DEBUG "
         "and SQUIRE_CONCURRENCY, which tells whether lines have a "
         "channel-ID."},
    {"memory-limit", "SIZE", setSize, NULL, MEMBER(attr.limitMemory), .min = 1,
     .max = INT64_MAX, .help = "Their address space, each."},
    {"files-limit", "N", setNumber, "a number from 3", MEMBER(attr.limitFiles),
     .min = 3, .max = INT_MAX, .help = "Their open files, each."},
    {"cpu-limit", "TIME", setSeconds, NULL, MEMBER(attr.limitCpuSec),
     .help = "Their processor time, each, in whole seconds."},
    {"processes-limit", "N", setNumber, FROM_0, MEMBER(attr.limitProcesses),
     .max = INT_MAX, .help = "How many processes their user may have in all."},
    {"no-new-privs", "on|off", setWord, "on or off", MEMBER(attr.noNewPrivs),
     .names = switchNames,
     .help = "Whether setuid programs give them nothing; off."},
    {"capabilities", "keep|none", setWord, "none or keep",
     MEMBER(attr.noCapabilities), .names = capabilityNames,
     .help = "none: no capability, also for root; keep."},
    {"syscall-filter", "default|none", setWord, "default or none",
     MEMBER(attr.filter), .names = filterNames,
     .help = "default: they can make no connection and start no program; "
             "none. A script that begins with #!/usr/bin/env starts one: "
             "write \"program python3 script\", or name the interpreter in "
             "its first line, without env."},
};

static const Option *
lookupOption(const char *name, size_t len, ConfigHelperPlace place)
{
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        if ((options[i].places == 0 || (options[i].places & place) != 0) &&
            strlen(options[i].name) == len &&
            strncmp(options[i].name, name, len) == 0)
            return &options[i];
    return NULL;
}

const char *
configHelperOptionNearest(const char *word, ConfigHelperPlace place)
{
    char *name = xstrndup(word, strcspn(word, "="));
    const char *best = NULL;

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        if (options[i].places == 0 || (options[i].places & place) != 0)
            best = nearestPick(name, best, options[i].name);
    free(name);
    return best;
}

bool
configHelperOptionSet(ConfigLoader *loader, ConfigHelper *helper,
                      const ConfigLine *line, size_t i, ConfigHelperPlace place)
{
    ConfigWord *word = &line->words[i];
    char *whole = word->text;
    char *equals = strchr(whole, '=');
    const Option *option =
        equals ? lookupOption(whole, (size_t)(equals - whole), place) : NULL;

    if (!option)
        return false;
    word->text = equals + 1;
    const Setting setting = {loader, helper, line, i, word->text, option};
    if (!option->set(&setting) && option->wanted)
        configError(loader, line, i, "%s= expected %s, not \"%s\"",
                    option->name, option->wanted, word->text);
    word->text = whole;
    return true;
}

void
configHelperForEachOption(ConfigHelperOptionCb *cb, void *data)
{
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        cb(options[i].name, options[i].syntax, options[i].help, data);
}

bool
configTakeTimeMs(ConfigLoader *loader, const ConfigLine *line, size_t *index,
                 int *msOut)
{
    int64_t ms;
    size_t first = *index;

    if (!configTakeTime(loader, line, index, &ms))
        return false;
    if (ms > INT_MAX) {
        configError(loader, line, first, "expected less than 24 days");
        return false;
    }
    *msOut = (int)ms;
    return true;
}
