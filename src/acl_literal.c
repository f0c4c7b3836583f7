/* acl_literal.c: text that whatever matches a pattern must contain. */
#include "acl_priv.h"

#include <ctype.h>
#include <string.h>

/* The longest run of plain characters so far, and the present one. */
typedef struct Runs {
    char best[ACL_LITERAL_SIZE];
    size_t bestLen;
    char run[ACL_LITERAL_SIZE];
    size_t runLen;
} Runs;

static void
endRun(Runs *runs)
{
    if (runs->runLen > runs->bestLen) {
        memcpy(runs->best, runs->run, runs->runLen);
        runs->bestLen = runs->runLen;
    }
    runs->runLen = 0;
}

static void
addPlain(Runs *runs, char c)
{
    if (runs->runLen + 1 >= ACL_LITERAL_SIZE)
        endRun(runs);
    runs->run[runs->runLen++] = c;
}

static bool
isQuantifier(char c)
{
    return c && strchr("*+?{", c);
}

/*
 * at is a quantifier. What it makes optional leaves the run. Returns its
 * last character, or NULL when what it means is not this simple.
 */
static const char *
endByQuantifier(Runs *runs, const char *at)
{
    if (*at != '+' && runs->runLen > 0)
        runs->runLen--;
    endRun(runs);
    if (*at == '{')
        at = strchr(at, '}');
    return at && !isQuantifier(at[1]) ? at : NULL;
}

/* at is a backslash. What it makes of a letter or digit, and four GNU
 * anchors, is no plain character. */
static const char *
takeEscape(Runs *runs, const char *at)
{
    char c = at[1];

    if (!c)
        return NULL;
    if (isalnum((unsigned char)c) || strchr("<>`'", c))
        endRun(runs);
    else
        addPlain(runs, c);
    return at + 1;
}

/* One element of the pattern; returns its last character, or NULL. */
static const char *
takeElement(Runs *runs, const char *at)
{
    if (strchr("()|", *at))
        return NULL;
    if (isQuantifier(*at))
        return endByQuantifier(runs, at);
    if (*at == '\\')
        return takeEscape(runs, at);
    if (!strchr(".^$[", *at)) {
        addPlain(runs, *at);
        return at;
    }
    endRun(runs);
    return *at == '[' ? aclRegexSkipBracket(at) : at;
}

bool
aclLiteralOf(const char *pattern, char out[ACL_LITERAL_SIZE])
{
    Runs runs = {.bestLen = 0};

    for (const char *at = pattern; *at; at++) {
        at = takeElement(&runs, at);
        if (!at || !*at)
            return false;
    }
    endRun(&runs);
    memcpy(out, runs.best, runs.bestLen);
    out[runs.bestLen] = '\0';
    return runs.bestLen >= ACL_LITERAL_MIN;
}
