/* acl_time.c: time: days of the week and hours of the day. */
#include "acl_priv.h"

#include <stdlib.h>
#include <string.h>

#include "xalloc.h"

#define DAY_MINUTES (24 * 60)

typedef struct Span {
    int first; /* minutes of the day, both inclusive */
    int last;
} Span;

/* One line: its days, and its hours on each of them. */
typedef struct TimeLine {
    unsigned days; /* a bit for each, Sunday is the first; 0: all */
    Span *spans;   /* none: the whole day */
    size_t count;
} TimeLine;

typedef struct TimeSet {
    TimeLine *lines;
    size_t count;
} TimeSet;

static void *
createTimeSet(void)
{
    return xcalloc(1, sizeof(TimeSet));
}

static void
destroyTimeSet(void *data)
{
    TimeSet *set = data;

    for (size_t i = 0; i < set->count; i++)
        free(set->lines[i].spans);
    free(set->lines);
    free(set);
}

static void
startLine(void *data)
{
    TimeSet *set = data;

    set->lines = xrealloc(set->lines, (set->count + 1) * sizeof(TimeLine));
    set->lines[set->count++] = (TimeLine){0, NULL, 0};
}

/* The bit of a letter, 0 for another one. */
static unsigned
daysOf(char letter)
{
    static const char letters[] = "SMTWHFA";
    const char *at = strchr(letters, letter);

    if (letter == 'D')
        return 0x3e; /* Monday to Friday */
    return at && letter ? 1u << (at - letters) : 0;
}

static bool
readDays(const char *value, unsigned *daysOut)
{
    unsigned days = 0;

    for (const char *at = value; *at; at++) {
        unsigned more = daysOf(*at);

        if (more == 0)
            return false;
        days |= more;
    }
    *daysOut |= days;
    return days != 0;
}

/* "9:00", up to 24:00; what follows it, or NULL. */
static const char *
readMinute(const char *text, int *minuteOut)
{
    char *end;
    long hour, minute;

    if (*text < '0' || *text > '9')
        return NULL;
    hour = strtol(text, &end, 10);
    if (*end != ':' || end[1] < '0' || end[1] > '9')
        return NULL;
    minute = strtol(end + 1, &end, 10);
    if (hour > 24 || minute > 59 || hour * 60 + minute > DAY_MINUTES)
        return NULL;
    *minuteOut = (int)(hour * 60 + minute);
    return end;
}

static bool
readSpan(const char *value, Span *spanOut)
{
    const char *at = readMinute(value, &spanOut->first);

    if (at && *at == '-')
        at = readMinute(at + 1, &spanOut->last);
    else
        at = NULL;
    return at && !*at && spanOut->first <= spanOut->last;
}

static void
addTime(void *data, const char *value, unsigned flags, AclReport *report)
{
    TimeSet *set = data;
    TimeLine *line = &set->lines[set->count - 1];
    Span span;

    (void)flags;
    if (readDays(value, &line->days))
        return;
    if (!readSpan(value, &span)) {
        aclReportError(report,
                       "acl %s: \"%s\": expected days (some of SMTWHFA, D for "
                       "Monday to Friday) or HH:MM-HH:MM, the earlier first",
                       report->name, value);
        return;
    }
    line->spans = xrealloc(line->spans, (line->count + 1) * sizeof(Span));
    line->spans[line->count++] = span;
}

static bool
isIn(const TimeLine *line, int day, int minute)
{
    if (line->days != 0 && !(line->days & 1u << day))
        return false;
    for (size_t i = 0; i < line->count; i++)
        if (minute >= line->spans[i].first && minute <= line->spans[i].last)
            return true;
    return line->count == 0 && line->days != 0;
}

static AclMatch
matchTime(const void *data, const AclInput *input)
{
    const TimeSet *set = data;
    struct tm now;

    if (!localtime_r(&input->now, &now))
        return ACL_MATCH_NO;
    for (size_t i = 0; i < set->count; i++)
        if (isIn(&set->lines[i], now.tm_wday, now.tm_hour * 60 + now.tm_min))
            return ACL_MATCH_YES;
    return ACL_MATCH_NO;
}

const AclKindOps aclKindTime = {
    .name = "time",
    .create = createTimeSet,
    .destroy = destroyTimeSet,
    .startLine = startLine,
    .add = addTime,
    .match = matchTime,
};
