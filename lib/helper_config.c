/* helper_config.c: defaults and limits of a pool's configuration. */
#include "helper_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xalloc.h"

#define PROCESSES_MAX 100000u
#define CONCURRENCY_MAX (1u << 20) /* leaves 2048 uses to each channel-ID */
#define QUEUE_MIN 64u

void
helperConfigInit(HelperConfig *config)
{
    *config = (HelperConfig){
        .ipcType = IPC_STREAM,
        .max = 20,
        .idle = 1,
        .overload = HELPER_OVERLOAD_ERR,
        .timeoutMs = 10000,
        .attempts = 3,
        .lineMax = HELPER_PROTO_LINE_MAX,
        .replyMax = 65536,
        .endMark = '\n',
        .restartMinMs = 100,
        .restartMaxMs = 30000,
        .idleMs = 60000,
        .graceMs = 2000,
        .probeMs = 30000,
        .ttlMs = 3600000,
        .negativeTtlMs = 3600000,
        .traceMax = 64,
        .reservationMs = 64000,
    };
    ipcAttrInit(&config->attr);
}

/* A line that can be sent. */
static bool
isProbe(const HelperConfig *config)
{
    return !config->probe ||
           (!strchr(config->probe, config->endMark) &&
            strlen(config->probe) + HELPER_ID_ROOM <= config->lineMax);
}

/* One that neither a channel-ID nor a blank can be. */
static bool
isEndMark(char c)
{
    return c > '\0' && c < ' ' && c != '\t' && c != '\r';
}

static bool
isUsable(const HelperConfig *config)
{
    bool isStream = config->ipcType == IPC_UNIX_STREAM ||
                    config->ipcType == IPC_TCP_SOCKET ||
                    config->ipcType == IPC_FIFO;

    return config->name && config->argv && config->argv[0] && isStream &&
           config->max > 0 && config->max <= PROCESSES_MAX &&
           config->concurrency <= CONCURRENCY_MAX &&
           config->pipeline <= CONCURRENCY_MAX && config->timeoutMs >= 0 &&
           (unsigned)config->overload < HELPER_OVERLOAD_COUNT &&
           (unsigned)config->fail < HELPER_FAIL_COUNT &&
           config->gracePct <= 100 && isEndMark(config->endMark) &&
           isProbe(config) && config->lineMax > HELPER_ID_ROOM &&
           config->replyMax > 0 && config->lineMax <= INT32_MAX &&
           config->replyMax <= INT32_MAX &&
           config->attr.fdCount <= IPC_FDS_MAX &&
           (config->attr.fdCount == 0 || config->attr.fds);
}

static const char *const *
copyArgv(const char *const *argv)
{
    size_t count = 0;

    while (argv[count])
        count++;
    char **copy = xcalloc(count + 1, sizeof(*copy));
    for (size_t i = 0; i < count; i++)
        copy[i] = xstrdup(argv[i]);
    return (const char *const *)copy;
}

static char *
copyText(const char *text)
{
    return text ? xstrdup(text) : NULL;
}

/* The descriptors themselves stay the caller's. */
static void
copyAttr(IpcAttr *attr, bool stderrRaw)
{
    attr->stderrMode = stderrRaw ? IPC_STDERR_LOG : IPC_STDERR_PIPE;
    attr->diesWithUs = true;
    attr->cwd = copyText(attr->cwd);
    attr->user = copyText(attr->user);
    attr->group = copyText(attr->group);
    if (attr->env)
        attr->env = copyArgv(attr->env);
    if (attr->fdCount == 0) {
        attr->fds = NULL;
        return;
    }
    IpcFd *fds = xcalloc(attr->fdCount, sizeof(*fds));
    memcpy(fds, attr->fds, attr->fdCount * sizeof(*fds));
    attr->fds = fds;
}

static unsigned
atMost(unsigned value, unsigned limit)
{
    return value < limit ? value : limit;
}

int
helperConfigCopy(const HelperConfig *config, HelperConfig *copyOut)
{
    if (!isUsable(config))
        return -EINVAL;

    HelperConfig copy = *config;
    copy.name = xstrdup(config->name);
    copy.argv = copyArgv(config->argv);
    if (config->probe)
        copy.probe = xstrdup(config->probe);
    copyAttr(&copy.attr, copy.stderrRaw);
    copy.startup = atMost(copy.startup, copy.max);
    copy.idle = copy.idle > 0 ? atMost(copy.idle, copy.max) : 1;
    if (copy.queueMax == 0)
        copy.queueMax = copy.max * 2 > QUEUE_MIN ? copy.max * 2 : QUEUE_MIN;
    copy.attempts = copy.attempts > 0 ? atMost(copy.attempts, UINT8_MAX) : 1;
    if (copy.restartMinMs == 0)
        copy.restartMinMs = 1;
    *copyOut = copy;
    return 0;
}

/* The copies are ours, though the fields promise not to change them. */
static void
freeConst(const void *ours)
{
    union {
        const void *given;
        void *ours;
    } pointer = {.given = ours};

    free(pointer.ours);
}

static void
freeList(const char *const *list)
{
    for (size_t i = 0; list && list[i]; i++)
        freeConst(list[i]);
    freeConst(list);
}

static bool
isSameText(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool
isSameList(const char *const *a, const char *const *b)
{
    size_t i = 0;

    if (!a || !b)
        return a == b;
    while (a[i] && b[i] && strcmp(a[i], b[i]) == 0)
        i++;
    return !a[i] && !b[i];
}

static bool
isSameAttr(const IpcAttr *a, const IpcAttr *b)
{
    return a->stderrMode == b->stderrMode &&
           a->chatTimeoutMs == b->chatTimeoutMs && isSameText(a->cwd, b->cwd) &&
           isSameList(a->env, b->env) && a->bufferSize == b->bufferSize &&
           isSameText(a->user, b->user) && isSameText(a->group, b->group) &&
           a->limitMemory == b->limitMemory && a->limitFiles == b->limitFiles &&
           a->limitCpuSec == b->limitCpuSec &&
           a->limitProcesses == b->limitProcesses &&
           a->noNewPrivs == b->noNewPrivs &&
           a->noCapabilities == b->noCapabilities && a->filter == b->filter &&
           a->fdCount == b->fdCount &&
           (a->fdCount == 0 ||
            memcmp(a->fds, b->fds, a->fdCount * sizeof(*a->fds)) == 0);
}

bool
helperConfigIsSameProgram(const HelperConfig *a, const HelperConfig *b)
{
    return isSameList(a->argv, b->argv);
}

bool
helperConfigIsOther(const HelperConfig *a, const HelperConfig *b)
{
    return !helperConfigIsSameProgram(a, b) || a->ipcType != b->ipcType ||
           a->concurrency != b->concurrency || a->pipeline != b->pipeline ||
           !isSameAttr(&a->attr, &b->attr);
}

void
helperConfigFini(HelperConfig *config)
{
    freeList(config->argv);
    freeConst(config->name);
    freeConst(config->probe);
    freeList(config->attr.env);
    freeConst(config->attr.cwd);
    freeConst(config->attr.user);
    freeConst(config->attr.group);
    freeConst(config->attr.fds);
    *config = (HelperConfig){0};
}

unsigned
helperConfigShare(const HelperConfig *config)
{
    return config->concurrency > 0 ? config->concurrency : 1;
}

char *
helperConfigProgram(const HelperConfig *config)
{
    char *text = xstrdup(config->argv[0]);

    for (size_t i = 1; config->argv[i]; i++) {
        char *longer = xasprintf("%s %s", text, config->argv[i]);
        free(text);
        text = longer;
    }
    return text;
}
