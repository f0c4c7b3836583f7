/*
 * storeid_priv.h: rules as storeid_file.c reads them and storeid_apply.c looks
 * them up.
 */
#ifndef SQUIRE_STOREID_PRIV_H
#define SQUIRE_STOREID_PRIV_H

#define PCRE2_CODE_UNIT_WIDTH 8

#include "storeid_rules.h"

#include <pcre2.h>
#include <uthash.h>

typedef struct StoreidRule {
    char *pattern;
    size_t patternLen;
    char *replacement;
    pcre2_code *code;         /* of a regex */
    struct StoreidRule *next; /* in the list of regexes */
    UT_hash_handle hh;
} StoreidRule;

/* A length that some prefix has. */
typedef struct StoreidLength {
    size_t len;
    struct StoreidLength *next; /* a shorter one */
} StoreidLength;

struct StoreidRules {
    StoreidRule *exact;
    StoreidRule *prefixes;
    StoreidLength *lengths; /* of the prefixes, the longest first */
    StoreidRule *regexes;   /* in the order of the file */
    StoreidRule **regexTail;
    pcre2_match_data *match;
    pcre2_match_context *limits;
};

#endif
