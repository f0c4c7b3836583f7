/* storeid_apply.c: find the rule for a URL and make its store-id. */
#include "storeid_priv.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

static int
appendText(Buf *out, const char *text)
{
    return bufAppend(out, text, strlen(text));
}

static int
applyExact(const StoreidRules *rules, const char *url, Buf *out)
{
    const StoreidRule *rule;
    int rc;

    HASH_FIND_STR(rules->exact, url, rule);
    if (!rule)
        return 0;
    rc = appendText(out, rule->replacement);
    return rc < 0 ? rc : 1;
}

static int
applyPrefix(const StoreidRules *rules, const char *url, Buf *out)
{
    size_t len = strlen(url);

    for (const StoreidLength *at = rules->lengths; at; at = at->next) {
        const StoreidRule *rule = NULL;

        if (at->len <= len)
            HASH_FIND(hh, rules->prefixes, url, at->len, rule);
        if (!rule)
            continue;
        int rc = appendText(out, rule->replacement);
        if (rc == 0)
            rc = appendText(out, url + at->len);
        return rc < 0 ? rc : 1;
    }
    return 0;
}

/* $1 to $9 are the groups; any other $ is itself. */
static int
expand(const char *text, const char *url, const PCRE2_SIZE *ends, Buf *out)
{
    int rc = 0;

    while (*text && rc == 0) {
        size_t plain = strcspn(text + 1, "$") + 1;

        if (*text == '$' && text[1] >= '1' && text[1] <= '9') {
            size_t group = 2 * (size_t)(text[1] - '0');
            if (ends[group] != PCRE2_UNSET && ends[group] < ends[group + 1])
                rc = bufAppend(out, url + ends[group],
                               ends[group + 1] - ends[group]);
            text += 2;
        } else {
            rc = bufAppend(out, text, plain);
            text += plain;
        }
    }
    return rc;
}

static int
applyRegex(const StoreidRules *rules, const char *url, Buf *out)
{
    const void *subject = url;
    size_t len = strlen(url);

    for (const StoreidRule *rule = rules->regexes; rule; rule = rule->next) {
        /* 0: more groups than the ten that can be used. */
        if (pcre2_match(rule->code, subject, len, 0, 0, rules->match,
                        rules->limits) < 0)
            continue;
        int rc = expand(rule->replacement, url,
                        pcre2_get_ovector_pointer(rules->match), out);
        return rc < 0 ? rc : 1;
    }
    return 0;
}

static bool
isKeyText(const Buf *buf, size_t from)
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
storeidRulesApply(const StoreidRules *rules, const char *url, Buf *out)
{
    size_t before = bufLen(out);
    int rc = applyExact(rules, url, out);

    if (rc == 0)
        rc = applyPrefix(rules, url, out);
    if (rc == 0)
        rc = applyRegex(rules, url, out);
    return rc > 0 && !isKeyText(out, before) ? -EINVAL : rc;
}
