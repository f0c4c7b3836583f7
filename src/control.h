/*
 * control.h: `squire -k ...`: what acts on a configuration or a running
 * proxy instead of being one. Thread: startup.
 */
#ifndef SQUIRE_CONTROL_H
#define SQUIRE_CONTROL_H

#include <stdio.h>

#include "options.h"

/*
 * Do options->action (not OPTIONS_RUN), or what -v and -h ask: results on
 * out, complaints on err. parse prints the effective table; check, rotate,
 * reconfigure, shutdown and kill find the process by its pid file and send
 * 0, USR1, HUP, TERM, KILL. Returns the exit status: 0 done, 1 not done.
 */
int controlRun(const Options *options, FILE *out, FILE *err);

#endif
