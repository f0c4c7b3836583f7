/*
 * rewrite_priv.h: rules as rewrite_rules.c reads them and rewrite_apply.c
 * looks them up.
 */
#ifndef SQUIRE_REWRITE_PRIV_H
#define SQUIRE_REWRITE_PRIV_H

#include "rewrite_rules.h"

#include <regex.h>
#include <stdbool.h>
#include <uthash.h>

typedef struct RewriteRule {
    char *pattern;
    char *replacement;
    int status; /* of a redirect; 0: rewrite */
    bool hasRegex;
    regex_t regex;
    struct RewriteRule *next; /* in the list of regexes */
    UT_hash_handle hh;
} RewriteRule;

struct RewriteRules {
    RewriteRule *exact;   /* by URL */
    RewriteRule *domains; /* by lower-case name without leading dot */
    RewriteRule *regexes; /* in the order of the file */
    RewriteRule **regexTail;
};

#endif
