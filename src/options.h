/*
 * options.h: the command line of squire. Thread: startup.
 */
#ifndef SQUIRE_OPTIONS_H
#define SQUIRE_OPTIONS_H

#include <limits.h>
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
    char configPath[PATH_MAX]; /* -f, made absolute, or the installed one */
    bool foreground;        /* -N */
    bool version;           /* -v */
    bool help;              /* -h */
    OptionsAction action;   /* -k */
} Options;

/* Read the command line; a -k word may be cut as long as it is one only. 0,
 * or -EINVAL after a text on err that says what is wrong. */
int optionsParse(int argc, char *argv[], FILE *err, Options *optionsOut);

/* Print how squire is called. */
void optionsUsage(FILE *out);

/* "parse" and so on; constant. */
const char *optionsActionName(OptionsAction action);

#endif
