/*
 * debug.h: the log people read.
 *
 * One line: `2026/11/22 20:15:01.123 kid1 84,2| text`. Sections carry
 * Squid's numbers (debug_sections.h). The descriptor is opened O_APPEND, so
 * helpers may share it. Before debugOpen, lines go to descriptor 2.
 * Thread: debug() any; the others startup or the main loop.
 */
#ifndef SQUIRE_DEBUG_H
#define SQUIRE_DEBUG_H

#include <stdarg.h>
#include <stdbool.h>

#include "debug_sections.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Highest level that is on, per section; read by debug(), set by options. */
extern signed char debugLevels[DEBUG_SECTION_MAX];

/* True when a line of this section and level would be written. */
static inline bool
debugIsOn(int section, int level)
{
    return level <= __atomic_load_n(&debugLevels[section], __ATOMIC_RELAXED);
}

/*
 * Log one line. Evaluates its arguments only when the level is on. Control
 * octets in the text are written as \xNN; a text longer than 4 KiB is cut
 * and marked. The lower-case name is the one exception of our naming.
 */
#define debug(section, level, ...)                                             \
    do {                                                                       \
        if (debugIsOn((section), (level)))                                     \
            debugWrite((section), (level), __VA_ARGS__);                       \
    } while (0)

/* Write a line without the level test; use debug(). */
void debugWrite(int section, int level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4), cold));

/*
 * Open (create, append) the log at path; NULL or "stderr" means descriptor
 * 2. 0, or -1 with errno and the old log kept. A log that cannot be written
 * (full disk) loses lines silently: it never blocks or stops the program.
 */
int debugOpen(const char *path);

/* The path of debugOpen, NULL: descriptor 2; borrowed until the next
 * debugOpen. */
const char *debugPath(void);

/* Reopen the path of debugOpen, after a rename. 0 or -1 with errno. */
int debugReopen(void);

/* Close the log; later lines go to descriptor 2. */
void debugClose(void);

/*
 * Set levels from text such as "ALL,1 84,3 helper,3 rotate=4": section
 * number or name, comma, level -1 to 9, later words over earlier ones, all
 * others at 1. Takes rotate=N without effect. 0, or -1 with EINVAL and
 * nothing changed. The text is what helpers get as SQUID_DEBUG.
 */
int debugOptions(const char *text);

/* The text given to debugOptions; returns borrowed until the next call. */
const char *debugOptionsText(void);

/* The log's own descriptor, for helpers' stderr: 2 or above; borrowed. */
int debugFd(void);

/* Name shown as `kid1`; borrowed, must stay valid. NULL leaves it out. */
void debugSetProcessName(const char *name);

/*
 * Also copy lines of level <= level to descriptor 2 (start-up messages of a
 * foreground process); -1 switches that off.
 */
void debugSetStderrLevel(int level);

#ifdef __cplusplus
}
#endif

#endif
