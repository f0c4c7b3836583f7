/* ctl_manager.c: squirectl metrics, reconfigure, rotate, shutdown, snoop. */
#include <stdio.h>

#include "ctl.h"

/* -h only. -1: go on; otherwise the exit status. */
static int
readHelpOnly(const Ctl *ctl, int argc, char *argv[])
{
    static const struct option longs[] = {
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    int letter = ctlOption(ctl, argc, argv, ":h", longs);

    if (letter == 'h')
        return ctlHelp(ctl);
    if (letter == '?')
        return CTL_USAGE;
    if (optind < argc)
        return ctlMisused(ctl, "what is \"%.100s\"?", argv[optind]);
    return -1;
}

int
ctlMetrics(const Ctl *ctl, int argc, char *argv[])
{
    int status = readHelpOnly(ctl, argc, argv);
    Buf text;

    if (status != -1)
        return status;
    bufInit(&text, CTL_BODY_MAX);
    if (ctlHttpGet(ctl, "/metrics", &text) == 0) {
        fwrite(bufData(&text), 1, bufLen(&text), stdout);
        status = CTL_OK;
    } else {
        status = CTL_FAILED;
    }
    bufFini(&text);
    return status;
}

/* Warnings that come back are for the person who asked. */
static int
command(const Ctl *ctl, int argc, char *argv[], const char *done)
{
    char path[64];
    int status = readHelpOnly(ctl, argc, argv);
    Buf text;

    if (status != -1)
        return status;
    bufInit(&text, CTL_BODY_MAX);
    snprintf(path, sizeof(path), "/%s", ctl->command);
    status = ctlHttpPost(ctl, path, &text) == 0 ? CTL_OK : CTL_FAILED;
    if (status == CTL_OK) {
        if (bufLen(&text) > 0)
            fwrite(bufData(&text), 1, bufLen(&text), stderr);
        puts(done);
    }
    bufFini(&text);
    return status;
}

int
ctlReconfigure(const Ctl *ctl, int argc, char *argv[])
{
    return command(ctl, argc, argv, "the configuration was read again");
}

int
ctlRotate(const Ctl *ctl, int argc, char *argv[])
{
    return command(ctl, argc, argv, "the logs were opened anew");
}

int
ctlShutdown(const Ctl *ctl, int argc, char *argv[])
{
    return command(ctl, argc, argv, "the proxy is shutting down");
}

int
ctlSnoop(const Ctl *ctl, int argc, char *argv[])
{
    int status = readHelpOnly(ctl, argc, argv);

    if (status != -1)
        return status;
    ctlFail(ctl, "packets are shown by squire-snoop, which this version does "
                 "not have");
    return CTL_USAGE;
}
