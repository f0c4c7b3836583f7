/*
 * ctl.h: what the files of squirectl share. ctl.c has the table of commands;
 * each command is a function of a ctl_*.c file. Thread: one.
 */
#ifndef SQUIRE_CTL_H
#define SQUIRE_CTL_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "buf.h"

/* What a program ends with. */
enum {
    CTL_OK = 0,
    CTL_FAILED = 1, /* also: there are differences */
    CTL_USAGE = 2,
};

#define CTL_BODY_MAX (64 * 1024 * 1024)

/* Where the manager is. */
typedef struct Ctl {
    const char *socketPath; /* NULL: by url */
    const char *url;        /* without "/" at its end */
    const char *command;    /* for messages and help */
} Ctl;

/* A command with its own arguments (argv[0] is its name). Returns the exit
 * status. */
typedef int CtlCommandCb(const Ctl *ctl, int argc, char *argv[]);

CtlCommandCb ctlBench, ctlCache, ctlEvents, ctlHelpers, ctlLog, ctlMetrics,
    ctlReconfigure, ctlRecord, ctlReplay, ctlRotate, ctlShutdown, ctlSnoop,
    ctlTap, ctlTop, ctlTry;

/* "squirectl COMMAND: text" to stderr. Returns CTL_FAILED. */
int ctlFail(const Ctl *ctl, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The same and where help is. Returns CTL_USAGE. */
int ctlMisused(const Ctl *ctl, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Print the help of this command. Returns CTL_OK. */
int ctlHelp(const Ctl *ctl);

/*
 * getopt_long with "-h" and "--help" added by the caller's lists; what is
 * wrong is told. Returns the letter, -1 at the end, '?' after a complaint.
 */
int ctlOption(const Ctl *ctl, int argc, char *argv[], const char *letters,
              const struct option *longs);

/* A whole number of min to max. False after a complaint that names what. */
bool ctlNumber(const Ctl *ctl, const char *what, const char *text,
               long minMax[2], long *valueOut);

/* A number of seconds, also "0.5", as milliseconds; at least 1. False after a
 * complaint that names what. */
bool ctlSeconds(const Ctl *ctl, const char *what, const char *text,
                int64_t *msOut);

/* Print octets with control octets as \xNN. */
void ctlPutText(const char *text, size_t len);

/* Print a mark, the same and a line end. */
void ctlPutLine(const char *mark, const char *text, size_t len);

/* Append what "GET path" gives. 0, or -1 after a complaint. Blocks: 10 s at
 * most. */
int ctlHttpGet(const Ctl *ctl, const char *path, Buf *out);

/* Append what "POST path" gives. 0; -1 after a complaint (what the manager
 * said to a refusal is part of it). Blocks: 60 s at most. */
int ctlHttpPost(const Ctl *ctl, const char *path, Buf *out);

/* Takes part of a stream; false ends it. Callback: must not call ctlHttp. */
typedef bool CtlStreamCb(const char *text, size_t len, void *data);

/* Hand on what "GET path" gives until it ends, cb has enough, ms (0: never)
 * are over, or SIGINT or SIGTERM comes. 0, or -1 after a complaint. Blocks. */
int ctlHttpStream(const Ctl *ctl, const char *path, int64_t ms, CtlStreamCb *cb,
                  void *data);

/* The JSON of "GET path". Returns owned, or NULL after a complaint. */
json_t *ctlHttpJson(const Ctl *ctl, const char *path);

/* A member of a JSON object as a number, 0 when it has none. */
int64_t ctlJsonInt(const json_t *object, const char *name);

/* The same as a real number. */
double ctlJsonReal(const json_t *object, const char *name);

/* Print the local time of day of seconds since 1970, to the millisecond. */
void ctlPutTime(double seconds);

/* The same as text, "" when it has none; borrowed from object. */
const char *ctlJsonText(const json_t *object, const char *name);

/* Write text as %XX wherever a query must not have it; 0 or -ENOBUFS. */
int ctlQueryPut(Buf *out, const char *text);

#endif
