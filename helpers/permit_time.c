/* permit_time.c: days and hours of a week. */
#include "permit_time.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

#define DAY_MINUTES (24 * 60)

static const char days[7][4] = {"sun", "mon", "tue", "wed",
                                "thu", "fri", "sat"};

/* The number of the day that *text begins with, taken off it; -1: none. */
static int
takeDay(const char **text)
{
    for (int i = 0; i < 7; i++) {
        if (strncmp(*text, days[i], 3) == 0) {
            *text += 3;
            return i;
        }
    }
    return -1;
}

bool
permitTimeParseDays(const char *text, unsigned *daysOut)
{
    unsigned bits = 0;

    for (;; text++) {
        int first = takeDay(&text);
        int last = first;

        if (first >= 0 && *text == '-') {
            text++;
            last = takeDay(&text);
        }
        if (first < 0 || last < 0)
            return false;
        for (int day = first;; day = (day + 1) % 7) {
            bits |= 1u << day;
            if (day == last)
                break;
        }
        if (*text != ',')
            break;
    }
    if (*text != '\0')
        return false;
    *daysOut = bits;
    return true;
}

/* Minutes of HH:MM at *text, taken off it; -1 when it is none. */
static int
takeMinutes(const char **text)
{
    const char *t = *text;

    for (int i = 0; i < 5; i++) {
        if (i == 2 ? t[i] != ':' : !isdigit((unsigned char)t[i]))
            return -1;
    }
    int minutes =
        ((t[0] - '0') * 10 + t[1] - '0') * 60 + (t[3] - '0') * 10 + t[4] - '0';
    *text += 5;
    return t[3] < '6' && minutes <= DAY_MINUTES ? minutes : -1;
}

bool
permitTimeParseHours(const char *text, PermitWindow *window)
{
    int from = takeMinutes(&text);

    if (from < 0 || from == DAY_MINUTES || *text++ != '-')
        return false;
    int to = takeMinutes(&text);
    if (to < 0 || *text != '\0')
        return false;
    window->fromMinute = from;
    window->toMinute = to;
    return true;
}

bool
permitTimeIsIn(const PermitWindow *window, const struct tm *when)
{
    int minute = when->tm_hour * 60 + when->tm_min;
    bool isDay = window->days >> when->tm_wday & 1;
    bool isDayAfter = window->days >> (when->tm_wday + 6) % 7 & 1;

    if (window->fromMinute < window->toMinute)
        return isDay && minute >= window->fromMinute &&
               minute < window->toMinute;
    return (isDay && minute >= window->fromMinute) ||
           (isDayAfter && minute < window->toMinute);
}
