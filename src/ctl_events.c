/* ctl_events.c: squirectl events: what happens to helpers, as it happens. */
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "ctl_stream.h"

typedef struct Events {
    const Ctl *ctl;
    bool isJson;
    int64_t ms;
} Events;

static void
show(const json_t *event)
{
    const char *text = ctlJsonText(event, "text");

    if (json_object_get(event, "lost") != NULL) {
        printf("... %lld events lost\n", (long long)ctlJsonInt(event, "lost"));
        return;
    }
    ctlPutTime(ctlJsonReal(event, "time"));
    printf("  %-8s %s", ctlJsonText(event, "event"),
           ctlJsonText(event, "pool"));
    if (ctlJsonInt(event, "id") > 0)
        printf(" #%lld (pid %lld)", (long long)ctlJsonInt(event, "id"),
               (long long)ctlJsonInt(event, "pid"));
    ctlPutLine(": ", text, strlen(text));
}

/* Server-sent events: only the data matters, it has all. */
static bool
onLine(const char *line, size_t len, void *data)
{
    const Events *events = data;

    (void)len;
    if (strncmp(line, "data: ", 6) != 0)
        return true;
    if (events->isJson) {
        puts(line + 6);
    } else {
        json_t *event = json_loads(line + 6, 0, NULL);
        show(event);
        json_decref(event);
    }
    return fflush(stdout) == 0;
}

int
ctlEvents(const Ctl *ctl, int argc, char *argv[])
{
    static const struct option longs[] = {
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    Events events = {.ctl = ctl};
    int letter;

    while ((letter = ctlOption(ctl, argc, argv, ":ht:", longs)) != -1) {
        if (letter == 'h')
            return ctlHelp(ctl);
        if (letter == '?' ||
            (letter == 't' && !ctlSeconds(ctl, "-t", optarg, &events.ms)))
            return CTL_USAGE;
        events.isJson |= letter == 'j';
    }
    if (optind < argc)
        return ctlMisused(ctl, "what is \"%.100s\"?", argv[optind]);
    return ctlStreamLines(ctl, "/events", events.ms, onLine, &events) == 0
               ? CTL_OK
               : CTL_FAILED;
}
