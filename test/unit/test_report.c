/* test_report.c: which of the manager's documents is asked for. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "report.h"
#include "support.h"

TestSuite(report, .init = supportInit, .fini = supportFini, .timeout = 20);

static void
assertTarget(const char *target, const char *wanted)
{
    HttpSlice rest = reportTarget(httpSliceText(target));

    cr_assert_eq(rest.data == NULL, wanted == NULL, "%s", target);
    cr_assert(wanted == NULL || httpSliceEqual(rest, httpSliceText(wanted)),
              "%s: %.*s", target, HTTP_SLICE_ARG(rest));
}

Test(report, what_is_asked_for_is_the_last_part_of_the_target)
{
    assertTarget("/squid-internal-mgr/info", "info");
    assertTarget("/squid-internal-mgr/info?x=1", "info?x=1");
    assertTarget("/squid-internal-mgr/", "");
    assertTarget("http://localhost:3129/squid-internal-mgr/counters",
                 "counters");
    assertTarget("cache_object://localhost/info@secret", "info@secret");
    assertTarget("cache_object://h/", "");
}

Test(report, other_targets_ask_for_none)
{
    static const char *const targets[] = {
        "",
        "/",
        "/info",
        "/squid-internal-mgr",
        "http://",
        "http://host",
        "http://host/x/squid-internal-mgr/info",
        "cache_object://host",
        "/cache_object://host/info",
    };

    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
        assertTarget(targets[i], NULL);
}

static void
assertRead(const char *text, const char *authorization, const char *name,
           const char *password)
{
    HttpHeaders headers;
    Report report;

    httpHeaderInit(&headers, 1000);
    if (authorization)
        httpHeaderAdd(&headers, httpSliceText("Authorization"),
                      httpSliceText(authorization));
    reportRead(httpSliceText(text), &headers, NULL, &report);
    cr_expect(httpSliceEqual(report.name, httpSliceText(name)), "%s", text);
    cr_expect_eq(report.password.data == NULL, password == NULL, "%s", text);
    cr_expect(password == NULL ||
                  httpSliceEqual(report.password, httpSliceText(password)),
              "%s: %.*s", text, HTTP_SLICE_ARG(report.password));
    httpHeaderFini(&headers);
}

Test(report, the_password_is_in_the_target_or_in_a_field)
{
    assertRead("info", NULL, "info", NULL);
    assertRead("", NULL, "menu", NULL);
    assertRead("?x", NULL, "menu", NULL);
    assertRead("info@", NULL, "info", "");
    assertRead("info@a@b?c", NULL, "info", "a@b");
    assertRead("info", "Basic dTpzZWNyZXQ=", "info", "secret");
    assertRead("info@x", "Basic dTpzZWNyZXQ=", "info", "x");
    assertRead("info", "Basic !!", "info", NULL);
    assertRead("info", "Bearer dTpzZWNyZXQ=", "info", NULL);
}

static void
ignoreMessage(ConfigSeverity severity, const char *text, void *data)
{
    (void)severity;
    (void)text;
    (void)data;
}

static Config *
load(const char *text)
{
    const char *path = supportTempPath("squid.conf");
    FILE *file = fopen(path, "we");

    cr_assert(file);
    fprintf(file, "http_port 3128\n%s", text);
    fclose(file);
    Config *config = configLoad(path, ignoreMessage, NULL);
    cr_assert(config);
    return config;
}

static bool
isAllowed(const Config *config, const char *name, const char *password,
          bool isCommand)
{
    const Report report = {
        .name = httpSliceText(name),
        .password =
            password ? httpSliceText(password) : httpSlice(NULL, 0),
        .config = config};

    return reportIsAllowed(&report, isCommand);
}

Test(report, the_first_line_about_a_name_decides)
{
    Config *config = load("cachemgr_passwd none info\n"
                          "cachemgr_passwd secret shutdown\n"
                          "cachemgr_passwd disable mem menu\n"
                          "cachemgr_passwd other all\n");

    cr_expect(isAllowed(config, "info", NULL, false));
    cr_expect(isAllowed(config, "shutdown", "secret", true));
    cr_expect(!isAllowed(config, "shutdown", "secret2", true));
    cr_expect(!isAllowed(config, "shutdown", "other", true));
    cr_expect(!isAllowed(config, "shutdown", NULL, true));
    cr_expect(!isAllowed(config, "mem", "disable", false));
    cr_expect(isAllowed(config, "counters", "other", false));
    cr_expect(!isAllowed(config, "counters", "", false));
    cr_expect_str_eq(
        reportProtection(config, httpSliceText("info"), false), "public");
    cr_expect_str_eq(reportProtection(config, httpSliceText("mem"), false),
                     "disabled");
    cr_expect_str_eq(reportProtection(config, httpSliceText("rotate"), true),
                     "protected");
    configUnref(&config);
}

Test(report, without_a_line_commands_are_for_nobody)
{
    Config *config = load("");

    cr_expect(isAllowed(config, "info", NULL, false));
    cr_expect(!isAllowed(config, "shutdown", NULL, true));
    cr_expect(!isAllowed(config, "shutdown", "x", true));
    cr_expect_str_eq(reportProtection(config, httpSliceText("rotate"), true),
                     "hidden");
    configUnref(&config);
}
