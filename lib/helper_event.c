/* helper_event.c: what happens to processes, told to whoever wants to know. */
#include "helper_priv.h"

#include <stdarg.h>
#include <stdio.h>

#include "check.h"

#define TEXT_MAX 512

static _Thread_local HelperEventCb *listener;
static _Thread_local void *listenerData;

static const char *const names[HELPER_EVENT_COUNT] = {
    [HELPER_EVENT_START] = "start",
    [HELPER_EVENT_EXIT] = "exit",
    [HELPER_EVENT_FAIL] = "fail",
    [HELPER_EVENT_TIMEOUT] = "timeout",
};

const char *
helperEventName(HelperEventKind kind)
{
    CHECK(kind < HELPER_EVENT_COUNT);
    return names[kind];
}

void
helperEventSet(HelperEventCb *cb, void *data)
{
    listener = cb;
    listenerData = data;
}

void
helperEventRaise(const HelperPool *pool, const HelperChannel *channel,
                 HelperEventKind kind, const char *fmt, ...)
{
    char text[TEXT_MAX];
    va_list ap;

    if (!listener)
        return;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    HelperEvent event = {
        .kind = kind,
        .pool = pool->config.name,
        .number = channel ? channel->number : 0,
        .pid = channel ? channel->pid : 0,
        .text = text,
    };
    listener(&event, listenerData);
}
