/* rewrite_apply.c: find the rule for a URL and make the new URL. */
#include "rewrite_priv.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define GROUP_COUNT 10 /* \0 to \9 */
#define HOST_MAX 255

/* The parts of the URL that \0 to \9 stand for. */
typedef struct Groups {
    const char *url;
    regmatch_t parts[GROUP_COUNT];
} Groups;

static void
setGroup(Groups *groups, int number, size_t from, size_t to)
{
    groups->parts[number].rm_so = (regoff_t)from;
    groups->parts[number].rm_eo = (regoff_t)to;
}

static const RewriteRule *
findExact(const RewriteRules *rules, Groups *groups)
{
    const RewriteRule *rule;

    HASH_FIND_STR(rules->exact, groups->url, rule);
    if (rule)
        setGroup(groups, 0, 0, strlen(groups->url));
    return rule;
}

/* Where the host name of a URL is. False when there is none. */
static bool
findHost(const char *url, size_t *fromOut, size_t *toOut, size_t *pathOut)
{
    const char *scheme = strstr(url, "://");
    const char *host;
    const char *end;
    const char *at;

    if (!scheme || scheme > url + strcspn(url, "/?#"))
        return false;
    host = scheme + 3;
    end = host + strcspn(host, "/?#");
    *pathOut = (size_t)(end - url);
    at = memrchr(host, '@', (size_t)(end - host));
    if (at)
        host = at + 1;
    if (*host == '[')
        return false;
    *fromOut = (size_t)(host - url);
    *toOut = *fromOut + strcspn(host, ":/?#");
    if (*toOut > *fromOut && url[*toOut - 1] == '.')
        (*toOut)--;
    return *toOut > *fromOut;
}

/* \1 is what stands before the domain, \2 what follows the host. */
static const RewriteRule *
findDomain(const RewriteRules *rules, Groups *groups)
{
    char name[HOST_MAX + 1];
    size_t from, to, path;

    if (!rules->domains || !findHost(groups->url, &from, &to, &path) ||
        to - from > HOST_MAX)
        return NULL;
    for (size_t i = from; i < to; i++)
        name[i - from] = (char)tolower((unsigned char)groups->url[i]);
    name[to - from] = '\0';
    for (const char *suffix = name;;) {
        const RewriteRule *rule;
        HASH_FIND_STR(rules->domains, suffix, rule);
        if (rule) {
            setGroup(groups, 0, 0, strlen(groups->url));
            setGroup(groups, 1, from, from + (size_t)(suffix - name));
            setGroup(groups, 2, path, strlen(groups->url));
            return rule;
        }
        suffix = strchr(suffix, '.');
        if (!suffix)
            return NULL;
        suffix++;
    }
}

static const RewriteRule *
findRegex(const RewriteRules *rules, Groups *groups)
{
    for (const RewriteRule *rule = rules->regexes; rule; rule = rule->next) {
        if (regexec(&rule->regex, groups->url, GROUP_COUNT, groups->parts, 0) ==
            0)
            return rule;
    }
    return NULL;
}

static int
expand(const char *text, const Groups *groups, Buf *out)
{
    int rc = 0;

    while (*text && rc == 0) {
        size_t plain = strcspn(text, "\\");
        rc = bufAppend(out, text, plain);
        text += plain;
        if (rc < 0 || !*text)
            return rc;
        if (text[1] == '\\') {
            rc = bufAppend(out, "\\", 1);
        } else {
            const regmatch_t *part = &groups->parts[text[1] - '0'];
            if (part->rm_so >= 0)
                rc = bufAppend(out, groups->url + part->rm_so,
                               (size_t)(part->rm_eo - part->rm_so));
        }
        text += 2;
    }
    return rc;
}

static bool
isUrlText(const Buf *buf, size_t from)
{
    const char *data = bufData(buf);
    size_t len = bufLen(buf);

    for (size_t i = from; i < len; i++) {
        if ((unsigned char)data[i] <= ' ' || data[i] == 0x7f)
            return false;
    }
    return len > from;
}

int
rewriteRulesApply(const RewriteRules *rules, const char *url, Buf *out,
                  int *statusOut)
{
    Groups groups = {.url = url};
    size_t before = bufLen(out);
    const RewriteRule *rule = findExact(rules, &groups);
    int rc;

    if (!rule)
        rule = findDomain(rules, &groups);
    if (!rule)
        rule = findRegex(rules, &groups);
    if (!rule)
        return 0;
    rc = expand(rule->replacement, &groups, out);
    if (rc < 0)
        return rc;
    if (!isUrlText(out, before))
        return -EINVAL;
    *statusOut = rule->status;
    return 1;
}
