/* test_permit.c: rules of ext_file_acl: words, addresses, times, and which
 * rule decides. */
#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "permit_addr.h"
#include "permit_rules.h"
#include "permit_time.h"
#include "permit_words.h"
#include "support.h"

TestSuite(permit, .init = supportInit, .fini = supportFini, .timeout = 20);

static void *table;

static void
readText(const char *text)
{
    FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    char *error = NULL;

    table = reloadRead(&permitRulesOps, file, "test", "rules", &error);
    fclose(file);
    cr_assert(table, "%s", error);
}

/* What is wrong with a text; the caller frees. */
static char *
errorOf(const char *text)
{
    FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    char *error = NULL;
    void *rules = reloadRead(&permitRulesOps, file, "test", "rules", &error);

    fclose(file);
    cr_expect_null(rules, "accepted: %s", text);
    permitRulesOps.destroy(&rules);
    return error;
}

/* Tuesday, 10:30. */
static PermitQuery
queryOf(const char *user, struct in6_addr *addr, const char *address)
{
    PermitQuery query = {.user = user,
                         .when = {.tm_wday = 2, .tm_hour = 10, .tm_min = 30}};

    if (address && permitAddrParse(address, addr))
        query.addr = addr;
    return query;
}

/* The message of the answer, "allow", "deny" or "none". */
static const char *
ask(const PermitQuery *query)
{
    const PermitAnswer *answer = permitRulesFind(table, query);

    if (!answer)
        return "none";
    if (answer->pairCount > 0)
        return answer->pairs[0].value;
    return answer->isAllowed ? "allow" : "deny";
}

static const char *
askFor(const char *user, const char *address)
{
    struct in6_addr addr;
    PermitQuery query = queryOf(user, &addr, address);

    return ask(&query);
}

Test(permit, words_and_quotes)
{
    static PermitWords words;
    char line[] = "allow  user \"al ice\" \"src\" m=\"a \\\"b\\\\\" x # c";

    cr_expect_null(permitWordsSplit(line, &words));
    cr_assert_eq(words.count, 6);
    cr_expect_str_eq(words.words[2].text, "al ice");
    cr_expect(words.words[3].isQuoted);
    cr_expect_str_eq(words.words[4].text, "m=a \"b\\");
    cr_expect_not(words.words[4].isQuoted);
    cr_expect_str_eq(words.words[5].text, "x");
    char open[] = "a \"b c";
    cr_expect(permitWordsSplit(open, &words));
    char many[2 * PERMIT_WORDS_MAX + 3] = "";
    for (size_t i = 0; i + 1 < sizeof(many); i++)
        many[i] = i % 2 ? ' ' : 'x';
    cr_expect(permitWordsSplit(many, &words));
}

static bool
isIn(const char *rangeText, const char *address)
{
    PermitRange range;
    struct in6_addr addr;

    cr_assert_null(permitAddrParseRange(rangeText, &range), "%s", rangeText);
    cr_assert(permitAddrParse(address, &addr), "%s", address);
    return permitAddrIsIn(&range, &addr);
}

Test(permit, addresses)
{
    cr_expect(isIn("10.0.0.1", "10.0.0.1"));
    cr_expect_not(isIn("10.0.0.1", "10.0.0.2"));
    cr_expect(isIn("10.1.2.3/8", "10.255.255.255"));
    cr_expect_not(isIn("10.0.0.0/8", "11.0.0.0"));
    cr_expect(isIn("0.0.0.0/0", "255.1.2.3"));
    cr_expect_not(isIn("0.0.0.0/0", "2001:db8::1"));
    cr_expect(isIn("::/0", "10.0.0.1"), "mapped");
    cr_expect(isIn("2001:db8::/33", "2001:db8:7fff::1"));
    cr_expect_not(isIn("2001:db8::/33", "2001:db8:8000::1"));
    cr_expect(isIn("10.0.0.9-10.0.1.2", "10.0.1.0"));
    cr_expect_not(isIn("10.0.0.9-10.0.1.2", "10.0.1.3"));
    cr_expect(isIn("10.0.0.1", "::ffff:10.0.0.1"));
    static const char *const bad[] = {
        "",
        "10.0.0",
        "10.0.0.0/33",
        "10.0.0.0/",
        "::/129",
        "a/8",
        "::/1x",
        "10.0.0.2-10.0.0.1",
        "10.0.0.1-",
        "10.0.0.0/0000",
        "1111111111111111111111111111111111111111111111111111"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        PermitRange range;
        cr_expect(permitAddrParseRange(bad[i], &range), "%s", bad[i]);
    }
}

static bool
isOpen(const char *days, const char *hours, int day, int hour, int minute)
{
    PermitWindow window = {0};
    struct tm when = {.tm_wday = day, .tm_hour = hour, .tm_min = minute};

    cr_assert(permitTimeParseDays(days, &window.days), "%s", days);
    cr_assert(permitTimeParseHours(hours, &window), "%s", hours);
    return permitTimeIsIn(&window, &when);
}

Test(permit, times)
{
    cr_expect(isOpen("mon-fri", "08:00-17:30", 1, 8, 0));
    cr_expect(isOpen("mon-fri", "08:00-17:30", 5, 17, 29));
    cr_expect_not(isOpen("mon-fri", "08:00-17:30", 5, 17, 30));
    cr_expect_not(isOpen("mon-fri", "08:00-17:30", 6, 12, 0));
    cr_expect(isOpen("sat,sun", "00:00-24:00", 0, 23, 59));
    cr_expect(isOpen("fri-mon", "00:00-24:00", 0, 0, 0));
    cr_expect_not(isOpen("fri-mon", "00:00-24:00", 3, 0, 0));
    cr_expect(isOpen("sat", "22:00-06:00", 6, 22, 0));
    cr_expect(isOpen("sat", "22:00-06:00", 0, 5, 59), "the day after");
    cr_expect_not(isOpen("sat", "22:00-06:00", 6, 5, 59));
    cr_expect_not(isOpen("sat", "22:00-06:00", 0, 22, 0));
    static const char *const bad[] = {"",       "mon-",        "mo",
                                      "monday", "mon,",        ",mon",
                                      "-mon",   "mon-fri-sun", "MON"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        unsigned days;
        cr_expect_not(permitTimeParseDays(bad[i], &days), "%s", bad[i]);
    }
    static const char *const badHours[] = {"",
                                           "8:00-9:00",
                                           "08:00",
                                           "08:60-09:00",
                                           "08:00-25:00",
                                           "24:00-24:00",
                                           "08:00-24:01",
                                           "08:00-09:00x"};
    for (size_t i = 0; i < sizeof(badHours) / sizeof(*badHours); i++) {
        PermitWindow window;
        cr_expect_not(permitTimeParseHours(badHours[i], &window), "%s",
                      badHours[i]);
    }
}

Test(permit, the_first_rule_that_fits_decides)
{
    readText("# who\n"
             "group admins root \"ad min\"\n"
             "group staff alice @admins\n"
             "group staff bob\n"
             "deny src 10.9.0.0/16 message=\"no access\"\n"
             "allow user @staff src 10.0.0.0/8 2001:db8::/32 tag=staff\n"
             "allow !src 10.0.0.0/8 user * tag=away\n"
             "deny user carol\n"
             "allow all\n");
    cr_expect_str_eq(askFor("alice", "10.9.1.1"), "no access");
    cr_expect_str_eq(askFor("alice", "10.1.1.1"), "staff");
    cr_expect_str_eq(askFor("bob", "2001:db8::1"), "staff");
    cr_expect_str_eq(askFor("ad min", "10.1.1.1"), "staff");
    cr_expect_str_eq(askFor("dave", "192.0.2.1"), "away");
    cr_expect_str_eq(askFor("carol", "10.1.1.1"), "deny");
    cr_expect_str_eq(askFor("dave", "10.1.1.1"), "allow");
    cr_expect_str_eq(askFor(NULL, "192.0.2.1"), "allow");
    permitRulesOps.destroy(&table);
}

Test(permit, without_a_rule_there_is_no_answer)
{
    readText("allow user alice\n");
    cr_expect_str_eq(askFor("bob", "10.1.1.1"), "none");
    cr_expect_str_eq(askFor(NULL, NULL), "none");
    permitRulesOps.destroy(&table);
}

Test(permit, times_and_data_of_rules)
{
    struct in6_addr addr;
    const char *data[] = {"x", "games"};
    PermitQuery query = queryOf("alice", &addr, "10.0.0.1");

    readText("deny data games sport time mon-fri 08:00-12:00 message=work\n"
             "deny data sport message=never\n"
             "allow time sat,sun tue 10:00-10:31 12:00-13:00 tag=open\n"
             "deny all message=closed\n");
    query.data = data;
    query.dataCount = 2;
    cr_expect_str_eq(ask(&query), "work");
    query.dataCount = 1;
    cr_expect_str_eq(ask(&query), "open");
    query.when.tm_min = 31;
    cr_expect_str_eq(ask(&query), "closed");
    query.when.tm_hour = 12;
    cr_expect_str_eq(ask(&query), "open",
                     "hours after hours are of the same "
                     "days");
    query.when.tm_wday = 6;
    query.when.tm_hour = 23;
    cr_expect_str_eq(ask(&query), "open");
    permitRulesOps.destroy(&table);
}

Test(permit, quotes_make_values_of_keywords)
{
    readText("allow user \"src\" \"all\" \"a=b\" \"@x\" \"*\" tag=quoted\n");
    cr_expect_str_eq(askFor("src", NULL), "quoted");
    cr_expect_str_eq(askFor("a=b", NULL), "quoted");
    cr_expect_str_eq(askFor("@x", NULL), "quoted");
    cr_expect_str_eq(askFor("anybody", NULL), "none");
    permitRulesOps.destroy(&table);
}

Test(permit, errors_have_a_line_and_a_reason)
{
    static const struct {
        const char *text;
        const char *why;
    } bad[] = {
        {"permit all", "rules:1: a line begins with"},
        {"allow all\n\nallow", "rules:3: a rule without condition"},
        {"allow tag=x", "rules:1: a rule without condition"},
        {"allow src", "has no value"},
        {"allow src user bob", "has no value"},
        {"allow src 10.0.0.0/40", "a prefix is"},
        {"allow src example.com", "not an address"},
        {"allow user @none", "a group must have its line"},
        {"allow time noon", "a time is"},
        {"allow foo bar", "a condition is"},
        {"allow ! user bob", "a condition is"},
        {"allow all message=\"a", "a quote has no end"},
        {"allow all message=a\001b", "control octet"},
        {"allow all a=1 b=1 c=1 d=1 e=1 f=1 g=1 h=1 i=1", "eight pairs"},
        {"group", "a group is"},
        {"group a", "a group is"},
        {"group a @b", "a group must have its line"},
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        char *error = errorOf(bad[i].text);

        cr_expect(error && strstr(error, bad[i].why), "%s: %s", bad[i].text,
                  error);
        free(error);
    }
}
