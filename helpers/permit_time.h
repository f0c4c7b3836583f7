/*
 * permit_time.h: days and hours of a week. Thread: any.
 */
#ifndef SQUIRE_PERMIT_TIME_H
#define SQUIRE_PERMIT_TIME_H

#include <stdbool.h>
#include <time.h>

#define PERMIT_TIME_EVERY_DAY 0x7fu

typedef struct PermitWindow {
    unsigned days; /* a bit for each, Sunday first */
    int fromMinute;
    int toMinute; /* not included; not above fromMinute: of the next day */
} PermitWindow;

/* Read "mon-fri,sun" as bits. False when it is none. */
bool permitTimeParseDays(const char *text, unsigned *daysOut);

/* Read "08:00-17:30" into the minutes of a window. False when it is none. */
bool permitTimeParseHours(const char *text, PermitWindow *window);

/* True when the window is open; of when the day of the week, the hour and the
 * minute count. */
bool permitTimeIsIn(const PermitWindow *window, const struct tm *when);

#endif
