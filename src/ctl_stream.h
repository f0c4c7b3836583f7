/*
 * ctl_stream.h: a stream of lines from the manager. Thread: one.
 */
#ifndef SQUIRE_CTL_STREAM_H
#define SQUIRE_CTL_STREAM_H

#include "ctl.h"

/* Takes one line without its end, NUL-terminated; false ends the stream. */
typedef bool CtlLineCb(const char *line, size_t len, void *data);

/*
 * Hand on the lines of "GET path" until it ends, cb has enough, ms (0: never)
 * are over, or SIGINT or SIGTERM comes. 0, or -1 after a complaint. Blocks.
 */
int ctlStreamLines(const Ctl *ctl, const char *path, int64_t ms, CtlLineCb *cb,
                   void *data);

#endif
