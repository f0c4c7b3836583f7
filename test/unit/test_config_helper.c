/* test_config_helper.c: what the options of pools take, and what has to be
 * there. */
#include "config.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "support.h"

TestSuite(configHelper, .init = supportInit, .fini = supportFini,
          .timeout = 20);

typedef struct Messages {
    int errors, warnings;
    char text[2048];
} Messages;

static void
onMessage(ConfigSeverity severity, const char *text, void *data)
{
    Messages *messages = data;
    size_t used = strlen(messages->text);

    *(severity == CONFIG_ERROR ? &messages->errors : &messages->warnings) += 1;
    snprintf(messages->text + used, sizeof(messages->text) - used, "%s\n",
             text);
}

/* Load lines after an http_port. */
static Config *
loadText(const char *lines, Messages *messages)
{
    const char *path = supportTempPath("squid.conf");
    FILE *file = fopen(path, "we");

    cr_assert(file);
    cr_assert_gt(fprintf(file, "http_port 1\n%s\n", lines), 0);
    cr_assert_eq(fclose(file), 0);
    memset(messages, 0, sizeof(*messages));
    return configLoad(path, onMessage, messages);
}

static Config *
loadLines(const char *lines)
{
    Messages messages;
    Config *config = loadText(lines, &messages);

    cr_assert(config, "%s", messages.text);
    return config;
}

/* What a line names has to be there; a program may come later. */
static void
expectAbsent(const char *line, bool isError, const char *text)
{
    Messages messages;
    Config *config = loadText(line, &messages);

    cr_expect_eq(config == NULL, isError, "%s", line);
    cr_expect_eq(messages.errors, isError, "%s", messages.text);
    cr_expect_eq(messages.warnings, !isError, "%s", messages.text);
    cr_expect_not_null(strstr(messages.text, text), "%s", messages.text);
    cr_expect_not_null(strstr(messages.text, "squid.conf:2: "));
    configUnref(&config);
}

Test(configHelper, what_helpers_need_has_to_be_there)
{
    expectAbsent("url_rewrite_children 2 user=no-such-user", true,
                 "user= expected a user that there is, not \"no-such-user\"");
    expectAbsent("url_rewrite_children 2 group=no-such-group", true,
                 "not \"no-such-group\"");
    expectAbsent("external_acl_type x cwd=/nonexistent %SRC /bin/cat", true,
                 "not \"/nonexistent\"");
    expectAbsent("url_rewrite_children 2 cwd=/etc/passwd", true,
                 "not \"/etc/passwd\"");
    expectAbsent("url_rewrite_program /nonexistent/foo -x", false,
                 "/nonexistent/foo cannot be started: No such file");
    expectAbsent("store_id_program /etc/passwd", false,
                 "/etc/passwd cannot be started: it is not executable");
    expectAbsent("external_acl_type x %SRC /etc", false,
                 "/etc cannot be started: it is a directory");
    expectAbsent("auth_param basic program no-such-program", false,
                 "no-such-program cannot be started: it is not in PATH");
    Config *config = loadLines("url_rewrite_program sh\n"
                               "url_rewrite_children 2 user=12345 group=54321");
    configUnref(&config);
}

/* What squire-mux takes. */
Test(configHelper, options_take_short_units)
{
    Config *config = loadLines(
        "url_rewrite_children 5 timeout=1m max-age=1h idle-time=300ms "
        "max-requests=5 cpu-limit=2d memory-limit=64m line-max=8k\n"
        "external_acl_type x ttl=5m memory-limit=1G %SRC /bin/cat");
    const HelperConfig *pool = &config->rewrite.helper.pool;

    cr_expect_eq(pool->timeoutMs, 60000);
    cr_expect_eq(pool->maxAgeMs, 3600000);
    cr_expect_eq(pool->idleMs, 300);
    cr_expect_eq(pool->attr.limitCpuSec, 172800);
    cr_expect_eq(pool->attr.limitMemory, 64 << 20);
    cr_expect_eq(pool->lineMax, 8192);
    pool = &config->externals[0]->helper.pool;
    cr_expect_eq(pool->ttlMs, 300000);
    cr_expect_eq(pool->attr.limitMemory, 1 << 30);
    configUnref(&config);
}
