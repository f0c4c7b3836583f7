/*
 * log_place.h: where lines of a log go to.
 *
 * FILE; udp://HOST:PORT, with as many whole lines in a packet as fit;
 * tcp://HOST:PORT; syslog[:FACILITY[.PRIORITY]], by the socket of the system's
 * log. Nothing here waits: what is not taken has to be offered again. A
 * receiver that is not there is tried again every second. Thread: loop.
 */
#ifndef SQUIRE_LOG_PLACE_H
#define SQUIRE_LOG_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

typedef struct LogPlace LogPlace;

/* NULL when text is a place, else what was expected; constant. */
const char *logPlaceCheck(const char *text);

/* True when it is a file. */
bool logPlaceIsFile(const char *text);

/*
 * Open it; text must have passed logPlaceCheck, and is copied. syslog: path of
 * the socket of the system's log, NULL for the usual one; borrowed. Returns
 * owned, or NULL with errno: a file that cannot be opened, a host without an
 * address. Blocks while a name is looked up.
 */
LogPlace *logPlaceOpen(const char *text, const char *syslog);

/* Close it. Clears *place; NULL inside is accepted. */
void logPlaceClose(LogPlace **place);

/* Open a file anew, after it was renamed by somebody or now (logShift with
 * `keep`); others go on. 0, or -errno and the old file goes on. */
int logPlaceReopen(LogPlace *place, unsigned keep);

/* How it was given; borrowed. */
const char *logPlaceText(const LogPlace *place);

/* "stdio", "udp", "tcp" or "syslog"; constant. */
const char *logPlaceType(const LogPlace *place);

/*
 * Write some of text, which consists of lines with LF and perhaps the rest of
 * one. Returns the octets taken; -EAGAIN: offer them again later;
 * -ECONNRESET: the same, but whoever gets them has not got the line that they
 * begin with; other -errno: they cannot be written.
 */
ssize_t logPlaceWrite(LogPlace *place, const char *text, size_t len);

/* Why it takes nothing now: the errno of what failed last, or EAGAIN. */
int logPlaceWhy(const LogPlace *place);

#endif
