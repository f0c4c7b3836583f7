/* Kinds of acl about fields, answers, times, numbers, and groups. */
#include "acl.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 16
#define MONDAY_9_30 1700472600 /* 2023-11-20, UTC */

static unsigned errors, warnings;
static char last[512];

static void
onComplaint(AclSeverity severity, const char *text, void *data)
{
    (void)data;
    if (severity == ACL_ERROR)
        errors++;
    else
        warnings++;
    snprintf(last, sizeof(last), "%s", text);
}

static size_t
cutWords(char *text, const char *words[WORDS_MAX])
{
    char *rest = NULL;
    size_t count = 0;

    for (char *at = strtok_r(text, " ", &rest); at;
         at = strtok_r(NULL, " ", &rest))
        words[count++] = at;
    return count;
}

/* text: "NAME KIND VALUE..." */
static int
addAcl(AclSet *set, const char *text)
{
    const char *words[WORDS_MAX];
    char copy[1024];
    AclLine line;
    size_t count;

    snprintf(copy, sizeof(copy), "%s", text);
    count = cutWords(copy, words);
    line = (AclLine){words[0], words[1], words + 2, count - 2, false};
    return aclSetAdd(set, &line, onComplaint, NULL);
}

static int
addRule(AclRules *rules, const AclSet *set, const char *text, bool isBefore)
{
    const char *words[WORDS_MAX];
    char copy[1024];
    AclRuleLine line;
    size_t count;

    snprintf(copy, sizeof(copy), "%s", text);
    count = cutWords(copy, words);
    line = (AclRuleLine){strcmp(words[0], "allow") == 0, words + 1, count - 1,
                         text, isBefore};
    return aclRulesAdd(rules, set, &line, onComplaint, NULL);
}

/* What "allow x" says with these lines; the list ends in NULL. */
static AclAnswer
checkLines(const char *const *lines, const AclInput *input)
{
    AclSet *set = aclSetCreate();
    AclRules *rules = aclRulesCreate();
    AclAnswer answer;

    for (; *lines; lines++)
        cr_assert_eq(addAcl(set, *lines), 0, "%s: %s", *lines, last);
    cr_assert_eq(addRule(rules, set, "allow x", false), 0);
    aclSetFreeze(set);
    answer = aclRulesCheck(rules, input);
    aclRulesDestroy(&rules);
    aclSetDestroy(&set);
    return answer;
}

static AclAnswer
checkOne(const char *kindAndValues, const AclInput *input)
{
    char text[1024];

    snprintf(text, sizeof(text), "x %s", kindAndValues);
    return checkLines((const char *const[]){text, NULL}, input);
}

typedef struct Row {
    const char *acl;
    bool matches;
} Row;

static void
expectRows(const Row *rows, size_t count, const AclInput *input)
{
    for (size_t i = 0; i < count; i++)
        cr_expect_eq(checkOne(rows[i].acl, input),
                     rows[i].matches ? ACL_ALLOW : ACL_DENY, "%s", rows[i].acl);
}

#define EXPECT_ROWS(rows, input)                                               \
    expectRows(rows, sizeof(rows) / sizeof((rows)[0]), input)

static void
addField(HttpHeaders *headers, const char *name, const char *value)
{
    cr_assert_eq(
        httpHeaderAdd(headers, httpSliceText(name), httpSliceText(value)), 0);
}

Test(acl_kind, fields_of_requests_and_answers)
{
    static const Row rows[] = {
        {"browser Firefox", true},
        {"browser firefox", false},
        {"browser -i firefox", true},
        {"browser ^curl Firefox/[0-9]+$", true},
        {"referer_regex ^http://a\\.example/", true},
        {"referer_regex b\\.example", false},
        {"req_header X-Color ^red$", true},
        {"req_header x-color ^blue$", true},
        {"req_header X-Color ^green$", false},
        {"req_header X-Color -i ^RED$", true},
        {"req_header X-None .", false},
        {"req_mime_type ^text/", false},
        {"req_mime_type ^$", true},
        {"rep_header Server nginx", true},
        {"rep_header X-Color red", false},
        {"rep_mime_type ^text/html$", false},
        {"rep_mime_type ^text/html", true},
        {"http_status 404", true},
        {"http_status 200 400-403", false},
        {"http_status 400-499", true},
        {"hier_code HIER_DIRECT", false},
        {"hier_code FIRSTUP_PARENT HIER_NONE", true},
        {"peername up", true},
        {"peername down", false},
        {"peername_regex ^u", true},
    };
    HttpHeaders request, response;
    AclInput input = {.request = &request,
                      .response = &response,
                      .status = 404,
                      .hierarchy = "FIRSTUP_PARENT",
                      .peerName = "up"};

    httpHeaderInit(&request, HTTP_HEADER_TEXT_MAX);
    httpHeaderInit(&response, HTTP_HEADER_TEXT_MAX);
    addField(&request, "User-Agent", "Mozilla Firefox/115");
    addField(&request, "Referer", "http://a.example/x");
    addField(&request, "X-Color", "blue");
    addField(&request, "X-Color", "red");
    addField(&response, "Server", "nginx");
    addField(&response, "Content-Type", "text/html; charset=utf-8");
    EXPECT_ROWS(rows, &input);
    httpHeaderFini(&request);
    httpHeaderFini(&response);
}

Test(acl_kind, without_an_answer_nothing_about_it_matches)
{
    static const Row rows[] = {
        {"rep_header Server .", false},  {"rep_mime_type ^$", false},
        {"http_status 100-999", false},  {"hier_code HIER_NONE", false},
        {"peername_regex .", false},     {"browser .", false},
        {"req_header Accept .*", false},
    };
    AclInput input = {0};

    EXPECT_ROWS(rows, &input);
}

Test(acl_kind, days_and_hours)
{
    static const Row rows[] = {
        {"time M", true},
        {"time SA", false},
        {"time D", true},
        {"time TWHF", false},
        {"time 9:00-10:00", true},
        {"time 09:30-9:30", true},
        {"time 9:31-24:00", false},
        {"time 0:00-24:00", true},
        {"time M 9:00-10:00", true},
        {"time A M 8:00-9:00 9:20-9:40", true},
        {"time T 9:00-10:00", false},
    };
    AclInput input = {.now = MONDAY_9_30};

    setenv("TZ", "UTC", 1);
    tzset();
    EXPECT_ROWS(rows, &input);
}

Test(acl_kind, lines_of_time_stand_for_themselves)
{
    const char *const lines[] = {"x time M 8:00-9:00", "x time T 9:00-10:00",
                                 NULL};
    const char *const also[] = {"x time M 8:00-9:00", "x time M 9:00-10:00",
                                NULL};
    AclInput input = {.now = MONDAY_9_30};

    setenv("TZ", "UTC", 1);
    tzset();
    cr_expect_eq(checkLines(lines, &input), ACL_DENY);
    cr_expect_eq(checkLines(also, &input), ACL_ALLOW);
}

Test(acl_kind, maxconn_matches_above_its_number)
{
    AclInput input = {.connections = 4};

    cr_expect_eq(checkOne("maxconn 4", &input), ACL_DENY);
    cr_expect_eq(checkOne("maxconn 3", &input), ACL_ALLOW);
    cr_expect_eq(checkOne("maxconn 0", &input), ACL_ALLOW);
}

static int
countRandom(const char *acl)
{
    AclInput input = {0};
    int count = 0;

    for (uint64_t i = 0; i < 1000; i++) {
        input.random = i * UINT64_C(0xd1342543de82ef95);
        count += checkOne(acl, &input) == ACL_ALLOW;
    }
    return count;
}

Test(acl_kind, random_matches_as_often_as_it_should)
{
    cr_expect_float_eq(countRandom("random 0.25"), 250, 60);
    cr_expect_float_eq(countRandom("random 3/4"), 750, 60);
    cr_expect_float_eq(countRandom("random 1:3"), 250, 60);
}

Test(acl_kind, two_random_acls_draw_lots_of_their_own)
{
    const char *const lines[] = {"a random 1/2", "b random 1/2", "x all-of a b",
                                 NULL};
    AclInput input = {0};
    int count = 0;

    for (uint64_t i = 0; i < 1000; i++) {
        input.random = i * UINT64_C(0xd1342543de82ef95);
        count += checkLines(lines, &input) == ACL_ALLOW;
    }
    cr_expect_float_eq(count, 250, 60);
}

Test(acl_kind, names_of_clients)
{
    AclInput input = {0};

    cr_expect_eq(checkOne("srcdomain .example.com", &input), ACL_NEED_SRC);
    cr_expect_eq(checkOne("srcdom_regex x", &input), ACL_NEED_SRC);
    input.clientName = "pc1.Example.com";
    cr_expect_eq(checkOne("srcdomain .example.com", &input), ACL_ALLOW);
    cr_expect_eq(checkOne("srcdom_regex ^pc[0-9]", &input), ACL_ALLOW);
    input.clientName = "none";
    cr_expect_eq(checkOne("srcdomain .example.com", &input), ACL_DENY);
    cr_expect_eq(checkOne("srcdomain none", &input), ACL_ALLOW);
}

Test(acl_kind, dst_may_do_without_a_lookup)
{
    AclInput input = {.host = "www.example.com"};

    cr_expect_eq(checkOne("dst -n 10.0.0.0/8", &input), ACL_DENY);
    input.host = "10.1.1.1";
    cr_expect_eq(checkOne("dst -n 10.0.0.0/8", &input), ACL_ALLOW);
}

typedef struct GroupRow {
    const char *group;
    const char *more; /* a second line, or NULL */
    AclAnswer answer;
} GroupRow;

Test(acl_kind, groups_of_acls)
{
    static const GroupRow rows[] = {
        {"x any-of no yes", NULL, ACL_ALLOW},
        {"x any-of no no", NULL, ACL_DENY},
        {"x any-of !yes !no", NULL, ACL_ALLOW},
        {"x any-of no", "x any-of yes", ACL_ALLOW},
        {"x all-of yes yes", NULL, ACL_ALLOW},
        {"x all-of yes no", NULL, ACL_DENY},
        {"x all-of yes !no", NULL, ACL_ALLOW},
        {"x all-of yes no", "x all-of yes", ACL_ALLOW},
        {"x all-of no", "x all-of no yes", ACL_DENY},
        {"x any-of ten yes", NULL, ACL_ALLOW},
        {"x any-of ten no", NULL, ACL_NEED_DST},
        {"x all-of ten no", NULL, ACL_DENY},
        {"x all-of ten yes", NULL, ACL_NEED_DST},
        {"x any-of no asked", NULL, ACL_NEED_EXTERNAL},
        {"x any-of asked yes", NULL, ACL_NEED_EXTERNAL},
        {"x any-of", NULL, ACL_DENY},
        {"x all-of", NULL, ACL_DENY},
    };
    AclInput input = {.method = "GET", .host = "example.com"};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *const lines[] = {"yes method GET",
                                     "no method POST",
                                     "ten dst 10.0.0.0/8",
                                     "asked external helper",
                                     rows[i].group,
                                     rows[i].more,
                                     NULL};

        cr_expect_eq(checkLines(lines, &input), rows[i].answer, "%s",
                     rows[i].group);
    }
}

Test(acl_kind, a_decision_names_the_acl_within_a_group)
{
    AclSet *set = aclSetCreate();
    AclRules *rules = aclRulesCreate();
    AclInput input = {.method = "GET"};
    AclDecision decision;

    addAcl(set, "get method GET");
    addAcl(set, "asked external helper");
    addAcl(set, "inner all-of get asked");
    addAcl(set, "outer any-of !get inner");
    cr_assert_eq(addRule(rules, set, "deny outer", false), 0);
    aclSetFreeze(set);
    aclRulesDecide(rules, &input, &decision);
    cr_expect_eq(decision.answer, ACL_NEED_EXTERNAL);
    cr_assert_not_null(decision.external);
    cr_expect_str_eq(decision.external->helperClass, "helper");
    cr_expect_str_eq(decision.aclName, "asked");
    aclRulesDestroy(&rules);
    aclSetDestroy(&set);
}

Test(acl_kind, no_group_is_a_part_of_itself)
{
    AclSet *set = aclSetCreate();

    cr_expect_lt(addAcl(set, "a any-of a"), 0);
    addAcl(set, "b any-of all");
    addAcl(set, "c all-of b");
    cr_expect_lt(addAcl(set, "b any-of !c"), 0);
    cr_expect(strstr(last, "a part of itself"), "%s", last);
    aclSetDestroy(&set);
}

static const char *const wrongLines[] = {
    "x time 9:00",
    "x time 10:00-9:00",
    "x time 9:00-24:01",
    "x time MX",
    "x time 9:60-10:00",
    "x maxconn many",
    "x maxconn -1",
    "x http_status 99",
    "x http_status 500-400",
    "x http_status ok",
    "x random 1",
    "x random 0",
    "x random 3/2",
    "x random half",
    "x random 1/0",
    "x browser a(",
    "x req_header a:b c",
    "x req_header Cookie [",
    "x rep_mime_type *",
    "x hier_code HIER_DRCT",
    "x any-of nobody",
    "x all-of !",
    "x srcdomain a/b",
};

Test(acl_kind, wrong_values_are_told)
{
    for (size_t i = 0; i < sizeof(wrongLines) / sizeof(wrongLines[0]); i++) {
        AclSet *set = aclSetCreate();

        errors = 0;
        cr_expect_lt(addAcl(set, wrongLines[i]), 0, "%s", wrongLines[i]);
        cr_expect_eq(errors, 1, "%s", wrongLines[i]);
        aclSetDestroy(&set);
    }
}

Test(acl_kind, the_nearest_name_is_told)
{
    AclSet *set = aclSetCreate();

    addAcl(set, "x hier_code HIER_DRCT");
    cr_expect(strstr(last, "\"HIER_DIRECT\""), "%s", last);
    addAcl(set, "y any-of localhots");
    cr_expect(strstr(last, "\"localhost\""), "%s", last);
    aclSetDestroy(&set);
}

Test(acl_kind, an_acl_about_the_answer_is_warned_of_before_there_is_one)
{
    AclSet *set = aclSetCreate();
    AclRules *rules = aclRulesCreate();

    addAcl(set, "bad http_status 500-599");
    addAcl(set, "worse any-of bad all");
    warnings = 0;
    cr_expect_eq(addRule(rules, set, "deny all", true), 0);
    cr_expect_eq(addRule(rules, set, "deny worse", false), 0);
    cr_expect_eq(warnings, 0);
    cr_expect_eq(addRule(rules, set, "deny worse", true), 0);
    cr_expect_eq(warnings, 1);
    cr_expect(strstr(last, "acl bad is about the answer"), "%s", last);
    aclRulesDestroy(&rules);
    aclSetDestroy(&set);
}
