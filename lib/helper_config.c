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

static bool
isUsable(const HelperConfig *config)
{
    bool isStream = config->ipcType == IPC_UNIX_STREAM ||
                    config->ipcType == IPC_TCP_SOCKET ||
                    config->ipcType == IPC_FIFO;

    return config->name && config->argv && config->argv[0] && isStream &&
           config->max > 0 && config->max <= PROCESSES_MAX &&
           config->concurrency <= CONCURRENCY_MAX && config->timeoutMs >= 0 &&
           (unsigned)config->overload < HELPER_OVERLOAD_COUNT &&
           (unsigned)config->fail < HELPER_FAIL_COUNT &&
           config->gracePct <= 100 &&
           config->lineMax > HELPER_ID_ROOM && config->replyMax > 0 &&
           config->lineMax <= INT32_MAX && config->replyMax <= INT32_MAX;
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

void
helperConfigFini(HelperConfig *config)
{
    union {
        const char *const *given;
        char **ours;
    } argv = {.given = config->argv};

    for (size_t i = 0; argv.ours && argv.ours[i]; i++)
        free(argv.ours[i]);
    free(argv.ours);
    union {
        const char *given;
        char *ours;
    } name = {.given = config->name};
    free(name.ours);
    *config = (HelperConfig){0};
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
