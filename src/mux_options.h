/*
 * mux_options.h: the command line of squire-mux. Thread: startup.
 */
#ifndef SQUIRE_MUX_OPTIONS_H
#define SQUIRE_MUX_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

#include "helper.h"

typedef struct MuxOptions {
    HelperConfig pool; /* its texts are argv's, but env is ours */
    bool isPlain, help, version;
    int drainMs;
    const char *logPath;      /* NULL: stderr */
    const char *debugOptions; /* NULL: not given */
    const char **env;         /* what --env gave, NULL-terminated */
    size_t envCount;
} MuxOptions;

/*
 * Parse argv, borrowed for the life of the options. What is wrong is written
 * to err, one line. 0, or -EINVAL and nothing to free. With help or version
 * set, the rest need not be there.
 */
int muxOptionsParse(int argc, char *argv[], FILE *err, MuxOptions *optionsOut);

/* Write how the program is called. */
void muxOptionsUsage(FILE *out);

/* Free what the options own. */
void muxOptionsFini(MuxOptions *options);

#endif
