/*
 * options.h: the command line of squire. Thread: startup.
 */
#ifndef SQUIRE_OPTIONS_H
#define SQUIRE_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

/* What -k asks for; OPTIONS_RUN is "no -k". */
#define OPTIONS_ACTIONS(X)                                                     \
    X(RUN, "run")                                                              \
    X(PARSE, "parse")                                                          \
    X(CHECK, "check")                                                          \
    X(RECONFIGURE, "reconfigure")                                              \
    X(ROTATE, "rotate")                                                        \
    X(UPGRADE, "upgrade")                                                      \
    X(SHUTDOWN, "shutdown")                                                    \
    X(KILL, "kill")

typedef enum OptionsAction {
#define X(name, text) OPTIONS_##name,
    OPTIONS_ACTIONS(X)
#undef X
    OPTIONS_ACTION_COUNT
} OptionsAction;

typedef struct Options {
    const char *configPath; /* -f, or the installed default; borrowed */
    bool foreground;        /* -N */
    bool version;           /* -v */
    bool help;              /* -h */
    OptionsAction action;   /* -k */
} Options;

/* Read the command line; argv is borrowed. 0, or -EINVAL after one line on
 * err that says what is wrong and how it is used. */
int optionsParse(int argc, char *argv[], FILE *err, Options *optionsOut);

/* Print how squire is called. */
void optionsUsage(FILE *out);

/* "parse" and so on; constant. */
const char *optionsActionName(OptionsAction action);

#endif
