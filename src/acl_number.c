/* acl_number.c: maxconn, max_user_ip, http_status, random. */
#include "acl_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xalloc.h"

#define CONNECTIONS_MAX 1000000L
#define STATUS_MIN 100L
#define STATUS_MAX 999L

/* A number in [min, max]; what follows it, or NULL. */
static const char *
readNumber(const char *text, long min, long max, long *numberOut)
{
    char *end;

    if (*text < '0' || *text > '9')
        return NULL;
    errno = 0;
    *numberOut = strtol(text, &end, 10);
    if (errno != 0 || *numberOut < min || *numberOut > max)
        return NULL;
    return end;
}

static void *
createLimit(void)
{
    long *limit = xmalloc(sizeof(*limit));

    *limit = -1;
    return limit;
}

static void
addMaxConn(void *data, const char *value, unsigned flags, AclReport *report)
{
    long *limit = data;
    long number;
    const char *end = readNumber(value, 0, CONNECTIONS_MAX, &number);

    (void)flags;
    if (!end || *end)
        aclReportError(report,
                       "acl %s: \"%s\": expected a number",
                       report->name, value);
    else
        *limit = number;
}

static AclMatch
matchMaxConn(const void *data, const AclInput *input)
{
    const long *limit = data;

    return *limit >= 0 && (long)input->connections > *limit ? ACL_MATCH_YES
                                                            : ACL_MATCH_NO;
}

static void
addMaxUserIp(void *data, const char *value, unsigned flags, AclReport *report)
{
    if (strcmp(value, "-s") != 0) /* it is always strict */
        addMaxConn(data, value, flags, report);
}

static AclMatch
matchMaxUserIp(const void *data, const AclInput *input)
{
    const long *limit = data;
    const char *user;
    AclMatch match = aclAuthMatch(input, &user);

    if (match != ACL_MATCH_YES)
        return match;
    return *limit >= 0 && (long)input->facts->addrRank > *limit
               ? ACL_MATCH_YES
               : ACL_MATCH_NO;
}

typedef struct StatusSet {
    bool has[STATUS_MAX + 1];
} StatusSet;

static void *
createStatusSet(void)
{
    return xcalloc(1, sizeof(StatusSet));
}

static void
addStatus(void *data, const char *value, unsigned flags, AclReport *report)
{
    StatusSet *set = data;
    long first, last;
    const char *end = readNumber(value, STATUS_MIN, STATUS_MAX, &first);

    (void)flags;
    last = first;
    if (end && *end == '-')
        end = readNumber(end + 1, STATUS_MIN, STATUS_MAX, &last);
    if (!end || *end || first > last) {
        aclReportError(report,
                       "acl %s: \"%s\": expected a status or LOW-HIGH, 100 to "
                       "999",
                       report->name, value);
        return;
    }
    while (first <= last)
        set->has[first++] = true;
}

static AclMatch
matchStatus(const void *data, const AclInput *input)
{
    const StatusSet *set = data;

    return input->status > 0 && input->status <= STATUS_MAX &&
                   set->has[input->status]
               ? ACL_MATCH_YES
               : ACL_MATCH_NO;
}

typedef struct Chance {
    double share;
    uint64_t salt; /* several acls are to draw different lots */
} Chance;

static void *
createChance(void)
{
    static uint64_t salt;
    Chance *chance = xcalloc(1, sizeof(*chance));

    chance->salt = salt += UINT64_C(0x9e3779b97f4a7c15);
    return chance;
}

/* "0.25", "1/4" or, one to match and three not to, "1:3"; -1: none. */
static double
readShare(const char *value)
{
    long part, whole;
    const char *end = readNumber(value, 0, INT32_MAX, &part);
    char mark = end ? *end : '\0';
    char *rest;
    double share;

    if (mark == '/' || mark == ':') {
        end = readNumber(end + 1, 1, INT32_MAX, &whole);
        if (!end || *end)
            return -1;
        return (double)part / (double)(mark == ':' ? part + whole : whole);
    }
    if (!end && value[0] != '.')
        return -1;
    share = strtod(value, &rest);
    return *rest ? -1 : share;
}

static void
addRandom(void *data, const char *value, unsigned flags, AclReport *report)
{
    Chance *chance = data;
    double share = readShare(value);

    (void)flags;
    if (share > 0 && share < 1)
        chance->share = share;
    else
        aclReportError(report,
                       "acl %s: \"%s\": expected a chance between 0 and 1 as "
                       "0.25, 1/4 or 1:3",
                       report->name, value);
}

/* The finish of splitmix64: all bits depend on all. */
static uint64_t
mix(uint64_t x)
{
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static AclMatch
matchRandom(const void *data, const AclInput *input)
{
    const Chance *chance = data;
    uint64_t lot = mix(input->random + chance->salt) >> 11;

    return (double)lot < chance->share * (double)(UINT64_C(1) << 53)
               ? ACL_MATCH_YES
               : ACL_MATCH_NO;
}

const AclKindOps aclKindMaxConn = {
    .name = "maxconn",
    .create = createLimit,
    .destroy = free,
    .add = addMaxConn,
    .match = matchMaxConn,
};

const AclKindOps aclKindMaxUserIp = {
    .name = "max_user_ip",
    .isAuth = true,
    .create = createLimit,
    .destroy = free,
    .add = addMaxUserIp,
    .match = matchMaxUserIp,
};

const AclKindOps aclKindHttpStatus = {
    .name = "http_status",
    .isReply = true,
    .create = createStatusSet,
    .destroy = free,
    .add = addStatus,
    .match = matchStatus,
};

const AclKindOps aclKindRandom = {
    .name = "random",
    .create = createChance,
    .destroy = free,
    .add = addRandom,
    .match = matchRandom,
};
