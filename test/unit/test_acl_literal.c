/* test_acl_literal.c: what matches a pattern contains its literal. */
#include <criterion/criterion.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "acl_priv.h"

static const struct {
    const char *pattern;
    const char *literal; /* NULL: none */
} cases[] = {
    {"abc", "abc"},
    {"^http://example\\.com/$", "http://example.com/"},
    {"^[^:]+://[^/]+/squid-internal-mgr/", "/squid-internal-mgr/"},
    {"^cache_object://", "cache_object://"},
    {"abcd*", "abc"},
    {"abcd?efgh", "efgh"},
    {"abcd+efg", "abcd"},
    {"abcd{2,3}", "abc"},
    {"abcd{2", NULL},
    {"abcd+*", NULL},
    {"abc|def", NULL},
    {"abc(def)", NULL},
    {"a)bcd", NULL},
    {"ab", NULL},
    {"ab.cd", NULL},
    {"[abc]def[gh]", "def"},
    {"[]abc]def", "def"},
    {"[[:alpha:]abc]def", "def"},
    {"abc\\ddefg", "defg"},
    {"\\<abc\\>", "abc"},
    {"", NULL},
};

Test(acl_literal, longest_run_that_must_be_there)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char literal[ACL_LITERAL_SIZE] = "";
        bool found = aclLiteralOf(cases[i].pattern, literal);

        cr_expect_eq(found, cases[i].literal != NULL, "%s", cases[i].pattern);
        if (found && cases[i].literal)
            cr_expect_str_eq(literal, cases[i].literal, "%s", cases[i].pattern);
    }
}

Test(acl_literal, a_long_one_is_cut)
{
    char pattern[500], literal[ACL_LITERAL_SIZE];

    memset(pattern, 'a', sizeof(pattern) - 1);
    pattern[sizeof(pattern) - 1] = '\0';
    cr_assert(aclLiteralOf(pattern, literal));
    cr_expect_eq(strlen(literal), ACL_LITERAL_SIZE - 1);
}

static void
fillRandom(char *text, size_t len, const char *from)
{
    for (size_t i = 0; i < len; i++)
        text[i] = from[(size_t)rand() % strlen(from)];
    text[len] = '\0';
}

/* Patterns of all that has a meaning, on texts of few letters. */
Test(acl_literal, never_hides_a_match)
{
    size_t patterns = 0, matches = 0;

    srand(17);
    for (int i = 0; i < 200000; i++) {
        char pattern[16], text[16], literal[ACL_LITERAL_SIZE];
        regex_t regex;

        fillRandom(pattern, 3 + (size_t)rand() % 9, "aaaabbb.*+?[]^$\\{}1,|(");
        if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
            continue;
        if (aclLiteralOf(pattern, literal)) {
            patterns++;
            for (int n = 0; n < 30; n++) {
                fillRandom(text, (size_t)rand() % 15, "aaabbb{}1,]");
                if (regexec(&regex, text, 0, NULL, 0) != 0)
                    continue;
                matches++;
                cr_assert(strstr(text, literal), "%s on %s without %s", pattern,
                          text, literal);
            }
        }
        regfree(&regex);
    }
    cr_expect_gt(patterns, 1000);
    cr_expect_gt(matches, 1000);
}
