/* http_date.c: the three date forms of HTTP, and writing the one. */
#include "http_date.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define DATE_TEXT_MAX 64
#define YEAR_BASE 1900
#define DAY_MIN 6 /* "Sunday" */
#define DAY_MAX 9 /* "Wednesday" */

static const char dayNames[7][4] = {"Sun", "Mon", "Tue", "Wed",
                                    "Thu", "Fri", "Sat"};
static const char monthNames[12][4] = {"Jan", "Feb", "Mar", "Apr",
                                       "May", "Jun", "Jul", "Aug",
                                       "Sep", "Oct", "Nov", "Dec"};

static bool
findMonth(const char *name, int *monthOut)
{
    for (int i = 0; i < 12; i++) {
        if (strcasecmp(monthNames[i], name) == 0) {
            *monthOut = i;
            return true;
        }
    }
    return false;
}

/* 0 is a digit, _ a digit or a blank, a any letter; others are themselves in
 * any case (RFC 9111 4.2). */
static bool
isAsFormed(char form, unsigned char octet)
{
    switch (form) {
    case '0':
        return isdigit(octet);
    case '_':
        return isdigit(octet) || octet == ' ';
    case 'a':
        return isalpha(octet);
    default:
        return tolower(octet) == tolower((unsigned char)form);
    }
}

/* True when text has this form and nothing after it. */
static bool
hasForm(const char *text, const char *form)
{
    while (*form && isAsFormed(*form, (unsigned char)*text)) {
        text++;
        form++;
    }
    return !*form && !*text;
}

static bool
matchImf(const char *text, struct tm *tm, char month[4])
{
    return hasForm(text, "aaa, 00 aaa 0000 00:00:00 GMT") &&
           sscanf(text + 5, "%2d %3s %4d %2d:%2d:%2d", &tm->tm_mday, month,
                  &tm->tm_year, &tm->tm_hour, &tm->tm_min, &tm->tm_sec) == 6;
}

static bool
matchRfc850(const char *text, struct tm *tm, char month[4])
{
    const char *comma = strchr(text, ',');
    size_t dayLen = comma ? (size_t)(comma - text) : 0;

    return dayLen >= DAY_MIN && dayLen <= DAY_MAX &&
           hasForm(text,
                   &"aaaaaaaaa, 00-aaa-00 00:00:00 GMT"[DAY_MAX - dayLen]) &&
           sscanf(comma + 2, "%2d-%3[A-Za-z]-%2d %2d:%2d:%2d", &tm->tm_mday,
                  month, &tm->tm_year, &tm->tm_hour, &tm->tm_min,
                  &tm->tm_sec) == 6;
}

static bool
matchAsctime(const char *text, struct tm *tm, char month[4])
{
    return hasForm(text, "aaa aaa _0 00:00:00 0000") &&
           sscanf(text + 4, "%3s %2d %2d:%2d:%2d %4d", month, &tm->tm_mday,
                  &tm->tm_hour, &tm->tm_min, &tm->tm_sec, &tm->tm_year) == 6;
}

/* RFC 9110 5.6.7: more than 50 years ahead means the last such year. */
static int
fullYear(int twoDigits, time_t now)
{
    struct tm tm;

    gmtime_r(&now, &tm);
    int thisYear = tm.tm_year + YEAR_BASE;
    int year = thisYear - thisYear % 100 + twoDigits;
    return year > thisYear + 50 ? year - 100 : year;
}

static bool
match(const char *text, time_t now, struct tm *tm, char month[4])
{
    if (matchRfc850(text, tm, month)) {
        tm->tm_year = fullYear(tm->tm_year, now);
        return true;
    }
    return matchImf(text, tm, month) || matchAsctime(text, tm, month);
}

/* timegm mends what is out of range: then it was no such date. */
static bool
isSame(const struct tm *a, const struct tm *b)
{
    return a->tm_mday == b->tm_mday && a->tm_mon == b->tm_mon &&
           a->tm_hour == b->tm_hour && a->tm_min == b->tm_min &&
           a->tm_sec == b->tm_sec;
}

bool
httpDateParse(HttpSlice text, time_t now, time_t *timeOut)
{
    char copy[DATE_TEXT_MAX];
    char month[4] = "";
    struct tm tm = {0};
    time_t when;

    if (!text.len || text.len >= sizeof(copy) ||
        memchr(text.data, '\0', text.len))
        return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    if (!match(copy, now, &tm, month) || !findMonth(month, &tm.tm_mon))
        return false;
    tm.tm_year -= YEAR_BASE;
    if (tm.tm_sec == 60)
        tm.tm_sec = 59; /* a leap second, which time_t has not */
    struct tm mended = tm;
    when = timegm(&mended);
    if (when < 0 || !isSame(&tm, &mended))
        return false;
    *timeOut = when;
    return true;
}

void
httpDateFormat(time_t when, char out[HTTP_DATE_SIZE])
{
    struct tm tm;

    gmtime_r(&when, &tm);
    snprintf(out, HTTP_DATE_SIZE, "%s, %02u %s %04u %02u:%02u:%02u GMT",
             dayNames[tm.tm_wday], (unsigned)tm.tm_mday % 100u,
             monthNames[tm.tm_mon], (unsigned)(tm.tm_year + YEAR_BASE) % 10000u,
             (unsigned)tm.tm_hour % 100u, (unsigned)tm.tm_min % 100u,
             (unsigned)tm.tm_sec % 100u);
}

HttpSlice
httpDateText(time_t now)
{
    static _Thread_local time_t last = -1;
    static _Thread_local char text[HTTP_DATE_SIZE];

    if (now != last) {
        httpDateFormat(now, text);
        last = now;
    }
    return httpSlice(text, HTTP_DATE_SIZE - 1);
}
