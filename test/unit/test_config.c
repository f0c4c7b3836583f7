/* test_config.c: reading configurations: syntax, values, complaints. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "support.h"
#include "xalloc.h"

TestSuite(config, .init = supportInit, .fini = supportFini, .timeout = 20);

typedef struct Messages {
    unsigned errors;
    unsigned warnings;
    char text[16384]; /* one a line */
} Messages;

static void
onMessage(ConfigSeverity severity, const char *text, void *data)
{
    Messages *messages = data;
    size_t used = strlen(messages->text);

    if (severity == CONFIG_ERROR)
        messages->errors++;
    else
        messages->warnings++;
    snprintf(messages->text + used, sizeof(messages->text) - used, "%s\n",
             text);
}

/* Write a file of the test's folder; its path is owned by the caller. */
static char *
writeFile(const char *name, const char *text)
{
    char *path = xstrdup(supportTempPath(name));
    FILE *file = fopen(path, "we");

    cr_assert(file);
    cr_assert_eq(fwrite(text, 1, strlen(text), file), strlen(text));
    cr_assert_eq(fclose(file), 0);
    return path;
}

/* Load text as squid.conf, as it is. */
static Config *
loadText(const char *text, Messages *messages)
{
    char *path = writeFile("squid.conf", text);
    Config *config;

    memset(messages, 0, sizeof(*messages));
    config = configLoad(path, onMessage, messages);
    free(path);
    return config;
}

/* Load one or more lines after an http_port; they must be right. */
static Config *
loadLines(const char *lines)
{
    static Messages messages;
    char *text = xasprintf("http_port 3128\n%s\n", lines);
    Config *config = loadText(text, &messages);

    cr_assert(config, "%s", messages.text);
    free(text);
    return config;
}

Test(config, defaults_are_those_of_squid)
{
    Config *config = loadLines("");

    cr_expect_eq(config->cacheMem, 256 * 1024 * 1024);
    cr_expect_eq(config->maximumObjectSize, 4 * 1024 * 1024);
    cr_expect_eq(config->maximumObjectSizeInMemory, 512 * 1024);
    cr_expect_eq(config->requestHeaderMaxSize, 64 * 1024);
    cr_expect_eq(config->replyHeaderMaxSize, 64 * 1024);
    cr_expect_eq(config->requestBodyMaxSize, 0);
    cr_expect_eq(config->requestTimeoutMs, 300000);
    cr_expect_eq(config->readTimeoutMs, 900000);
    cr_expect_eq(config->connectTimeoutMs, 60000);
    cr_expect_eq(config->clientIdlePconnTimeoutMs, 120000);
    cr_expect_eq(config->clientLifetimeMs, 86400000);
    cr_expect_eq(config->shutdownLifetimeMs, 30000);
    cr_expect(config->via);
    cr_expect_eq(config->forwardedFor, CONFIG_FORWARDED_ON);
    cr_expect_str_eq(config->debugOptions, "ALL,1");
    cr_expect_eq(config->accessLogCount, 1);
    cr_expect_eq(config->managerPortCount, 0);
    cr_expect_null(config->rewrite.helper.argv);
    cr_expect_null(config->effectiveUser);
    cr_expect(config->visibleHostname[0]);
    cr_expect_str_eq(config->rewrite.extras.text,
                     "%>a/%>A %un %>rm myip=%la myport=%lp");
    configUnref(&config);
    cr_expect_null(config);
}

typedef struct SizeCase {
    const char *text;
    int64_t want; /* -1: an error */
} SizeCase;

static const SizeCase sizeCases[] = {
    {"256 MB", 256 * 1024 * 1024},
    {"64 KB", 65536},
    {"64KB", 65536},
    {"64 kb", 65536},
    {"2 GB", INT64_C(2) << 30},
    {"1.5 KB", 1536},
    {"100", 100},
    {"100 bytes", 100},
    {"0", 0},
    {"64 TB", -1},
    {"-1 KB", -1},
    {"KB", -1},
    {"1e3", -1},
    {"0x10", -1},
    {"64 KB KB", -1},
    {"99999999 GB", -1},
    {"9999999999999999999 GB", -1},
    {"1.2.3 KB", -1},
    {"", -1},
};

Test(config, sizes_have_units)
{
    for (size_t i = 0; i < sizeof(sizeCases) / sizeof(sizeCases[0]); i++) {
        const SizeCase *c = &sizeCases[i];
        char *text = xasprintf("http_port 1\ncache_mem %s\n", c->text);
        Messages messages;
        Config *config = loadText(text, &messages);

        cr_expect_eq(config ? config->cacheMem : -1, c->want, "%s", c->text);
        cr_expect_eq(messages.errors, c->want < 0, "%s", c->text);
        cr_expect(c->want >= 0 || strstr(messages.text, "squid.conf:2: error:"),
                  "%s", messages.text);
        configUnref(&config);
        free(text);
    }
}

static const SizeCase timeCases[] = {
    {"30 seconds", 30000},  {"1 second", 1000},
    {"30", 30000},          {"500 milliseconds", 500},
    {"1500ms", 1500},       {"2 minutes", 120000},
    {"2m", 120000},         {"1 minute", 60000},
    {"1.5 hours", 5400000}, {"2 days", 172800000},
    {"1 week", 604800000},  {"0 seconds", 0},
    {"30 fortnite", -1},    {"soon", -1},
    {"101 years", -1},      {"30 seconds more", -1},
};

Test(config, times_have_units)
{
    for (size_t i = 0; i < sizeof(timeCases) / sizeof(timeCases[0]); i++) {
        const SizeCase *c = &timeCases[i];
        char *text = xasprintf("http_port 1\nread_timeout %s\n", c->text);
        Messages messages;
        Config *config = loadText(text, &messages);

        cr_expect_eq(config ? config->readTimeoutMs : -1, c->want, "%s",
                     c->text);
        cr_expect_eq(messages.errors, c->want < 0, "%s", c->text);
        configUnref(&config);
        free(text);
    }
}

Test(config, ports_repeat_and_have_names)
{
    Config *config = loadLines("http_port 127.0.0.1:8080 name=office\n"
                               "http_port [::1]:8081\n"
                               "manager_port 127.0.0.1:3129");

    cr_assert_eq(config->httpPortCount, 3);
    cr_expect_str_eq(config->httpPorts[0].addr, "3128");
    cr_expect_str_eq(config->httpPorts[0].name, "3128");
    cr_expect_str_eq(config->httpPorts[1].addr, "127.0.0.1:8080");
    cr_expect_str_eq(config->httpPorts[1].name, "office");
    cr_expect_str_eq(config->httpPorts[2].addr, "[::1]:8081");
    cr_assert_eq(config->managerPortCount, 1);
    cr_expect_str_eq(config->managerPorts[0].addr, "127.0.0.1:3129");
    configUnref(&config);
}

Test(config, managers_are_local_unless_there_is_an_address)
{
    static const char *const rows[][2] = {
        {"3129", "127.0.0.1:3129"},
        {":3129", "127.0.0.1:3129"},
        {"0.0.0.0:3129", "0.0.0.0:3129"},
        {"[::]:3129", "[::]:3129"},
        {"/run/squire/manager.sock", "/run/squire/manager.sock"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *line = xasprintf("manager_port %s", rows[i][0]);
        Config *config = loadLines(line);

        cr_assert_eq(config->managerPortCount, 1);
        cr_expect_str_eq(config->managerPorts[0].addr, rows[i][1]);
        configUnref(&config);
        free(line);
    }
}

Test(config, words_are_split_quoted_continued_and_commented)
{
    Config *config = loadLines("  visible_hostname  a\\\n  # not a comment\n"
                               "# comment \\\n"
                               "url_rewrite_program /bin/p \"a b\" 'c \"d' \\\n"
                               "\te\\\n"
                               "f # comment\n"
                               "\tvia off\r\n"
                               "forwarded_for delete # comment");
    char **argv = config->rewrite.helper.argv;

    cr_expect_str_eq(config->visibleHostname, "a");
    cr_assert(argv);
    cr_expect_str_eq(argv[0], "/bin/p");
    cr_expect_str_eq(argv[1], "a b");
    cr_expect_str_eq(argv[2], "c \"d");
    cr_expect_str_eq(argv[3], "ef", "a line goes on where it was left");
    cr_expect_null(argv[4]);
    cr_expect_not(config->via);
    cr_expect_eq(config->forwardedFor, CONFIG_FORWARDED_DELETE);
    cr_expect_eq(config->rewrite.helper.pool.argv, (const char *const *)argv);
    configUnref(&config);
}

Test(config, the_last_line_counts_where_lines_do_not_add)
{
    Config *config = loadLines("cache_mem 1 MB\ncache_log /a\ncache_mem 2 MB\n"
                               "cache_log none");

    cr_expect_eq(config->cacheMem, 2 * 1024 * 1024);
    cr_expect_null(config->cacheLog);
    configUnref(&config);
}

Test(config, children_fill_a_pool)
{
    Config *config =
        loadLines("url_rewrite_children 7 startup=2 idle=3 concurrency=100 "
                  "queue-size=50 timeout=2500ms attempts=4 stderr=raw "
                  "on-persistent-overload=bypass");
    const HelperConfig *helper = &config->rewrite.helper.pool;

    cr_expect_eq(helper->max, 7);
    cr_expect_eq(helper->startup, 2);
    cr_expect_eq(helper->idle, 3);
    cr_expect_eq(helper->concurrency, 100);
    cr_expect_eq(helper->queueMax, 50);
    cr_expect_eq(helper->timeoutMs, 2500);
    cr_expect_eq(helper->attempts, 4);
    cr_expect(helper->stderrRaw);
    cr_expect_eq(helper->overload, HELPER_OVERLOAD_BYPASS);
    cr_expect_str_eq(helper->name, "url_rewrite");
    configUnref(&config);
}

Test(config, children_warn_about_what_is_overridden)
{
    Messages messages;
    Config *config = loadText("http_port 1\nurl_rewrite_children 2 startup=5 "
                              "idle=0 queue-size=0 "
                              "on-persistent-overload=die\n",
                              &messages);

    cr_assert(config, "%s", messages.text);
    cr_expect_eq(messages.warnings, 4, "%s", messages.text);
    cr_expect_eq(config->rewrite.helper.pool.startup, 2);
    cr_expect_eq(config->rewrite.helper.pool.idle, 1);
    cr_expect_eq(config->rewrite.helper.pool.queueMax, 1);
    cr_expect_eq(config->rewrite.helper.pool.overload, HELPER_OVERLOAD_ERR);
    configUnref(&config);
}

Test(config, children_have_all_options_of_pools)
{
    Config *config = loadLines(
        "url_rewrite_children 7 fail=stale max-requests=5000000000 "
        "max-age=2hours \"probe=a b\" probe-interval=5 line-max=16KB "
        "idle-time=9 leave-time=500ms trace=0 reservation-timeout=0 "
        "reservations-per-client=3 cache=1000 ttl=60 negative_ttl=100years "
        "grace=10% collapse=on");
    const HelperConfig *pool = &config->rewrite.helper.pool;

    cr_expect_eq(pool->fail, HELPER_FAIL_STALE);
    cr_expect_eq(pool->maxRequests, UINT64_C(5000000000));
    cr_expect_eq(pool->maxAgeMs, 7200000);
    cr_expect_str_eq(pool->probe, "a b");
    cr_expect_eq(pool->probeMs, 5000);
    cr_expect_eq(pool->lineMax, 16384);
    cr_expect_eq(pool->idleMs, 9000);
    cr_expect_eq(pool->graceMs, 500);
    cr_expect_eq(pool->traceMax, 0);
    cr_expect_eq(pool->reservationMs, 0);
    cr_expect_eq(pool->reservedPerClient, 3);
    cr_expect_eq(pool->cacheMax, 1000);
    cr_expect_eq(pool->ttlMs, 60000);
    cr_expect_eq(pool->negativeTtlMs, UINT32_MAX, "a year is not too long");
    cr_expect_eq(pool->gracePct, 10);
    cr_expect(pool->collapse);
    configUnref(&config);

    config = loadLines("url_rewrite_children 7 ttl=60");
    cr_expect_eq(config->rewrite.helper.pool.negativeTtlMs, 60000);
    configUnref(&config);
}

Test(config, children_are_confined)
{
    setenv("CONFIG_TEST", "ours", 1);
    Config *config = loadLines(
        "url_rewrite_children 7 user=nobody group=nogroup cwd=/tmp "
        "env=LANG=C env=CONFIG_TEST env=CONFIG_TEST_UNSET memory-limit=64MB "
        "files-limit=16 cpu-limit=1500ms processes-limit=8 no-new-privs=on "
        "capabilities=none syscall-filter=default");
    const IpcAttr *attr = &config->rewrite.helper.pool.attr;

    cr_expect_str_eq(attr->user, "nobody");
    cr_expect_str_eq(attr->group, "nogroup");
    cr_expect_str_eq(attr->cwd, "/tmp");
    cr_assert(attr->env);
    cr_expect_str_eq(attr->env[0], "LANG=C");
    cr_expect_str_eq(attr->env[1], "CONFIG_TEST=ours");
    cr_expect_null(attr->env[2]);
    cr_expect_eq(attr->limitMemory, 64 * 1024 * 1024);
    cr_expect_eq(attr->limitFiles, 16);
    cr_expect_eq(attr->limitCpuSec, 2, "a part of a second is one");
    cr_expect_eq(attr->limitProcesses, 8);
    cr_expect(attr->noNewPrivs);
    cr_expect(attr->noCapabilities);
    cr_expect_eq(attr->filter, IPC_FILTER_DEFAULT);
    configUnref(&config);

    config = loadLines("url_rewrite_children 7 user=root env=A=1\n"
                       "url_rewrite_children 3");
    attr = &config->rewrite.helper.pool.attr;
    cr_expect_null(attr->user, "the last line counts, whole");
    cr_expect_null(attr->env);
    cr_expect_eq(attr->limitMemory, IPC_LIMIT_OURS);
    configUnref(&config);
}

Test(config, rewrite_timeout_has_actions)
{
    Config *config =
        loadLines("url_rewrite_timeout 3 seconds "
                  "on_timeout=use_configured_response "
                  "response=\"OK status=302 url=\\\"http://x/ y\\\"\"\n"
                  "url_rewrite_children 3 timeout=9s\n"
                  "url_rewrite_bypass on");

    cr_expect_eq(config->rewrite.helper.pool.timeoutMs, 3000);
    cr_expect_eq(config->rewrite.onTimeout, CONFIG_ON_TIMEOUT_RESPONSE);
    cr_expect_str_eq(config->rewrite.response,
                     "OK status=302 url=\"http://x/ y\"");
    cr_expect_eq(config->rewrite.helper.pool.overload, HELPER_OVERLOAD_BYPASS);
    configUnref(&config);

    config = loadLines("url_rewrite_timeout 3 on_timeout=bypass");
    cr_expect_eq(config->rewrite.helper.pool.timeoutMs, 3000);
    cr_expect_eq(config->rewrite.onTimeout, CONFIG_ON_TIMEOUT_BYPASS);
    configUnref(&config);

    config = loadLines("");
    cr_expect_eq(config->rewrite.timeoutMs, -1);
    cr_expect_eq(config->rewrite.helper.pool.timeoutMs, 10000);
    configUnref(&config);
}

Test(config, external_acl_types_are_read)
{
    Config *config = loadLines(
        "external_acl_type who children-max=3 children-startup=2 "
        "children-idle=1 concurrency=4 queue-size=9 ttl=60 negative_ttl=5 "
        "grace=10% cache=77 collapse=off timeout=2s fail=stale protocol=2.5 "
        "ipv4 %LOGIN %>{X-Field:;m} %DATA /bin/asker -x \"a b\"\n"
        "external_acl_type plain %SRC /bin/plain\n"
        "acl w external who one -i two\n"
        "http_access allow w");
    const ConfigExternal *who = configExternalLookup(config, "who");
    const ConfigExternal *plain = configExternalLookup(config, "plain");
    const HelperConfig *pool;

    cr_assert(who);
    cr_assert(plain);
    pool = &who->helper.pool;
    cr_expect_str_eq(pool->name, "external/who");
    cr_expect_str_eq(pool->argv[0], "/bin/asker");
    cr_expect_str_eq(pool->argv[2], "a b");
    cr_expect_null(pool->argv[3]);
    cr_expect_eq(pool->max, 3);
    cr_expect_eq(pool->startup, 2);
    cr_expect_eq(pool->concurrency, 4);
    cr_expect_eq(pool->queueMax, 9);
    cr_expect_eq(pool->ttlMs, 60000);
    cr_expect_eq(pool->negativeTtlMs, 5000);
    cr_expect_eq(pool->gracePct, 10);
    cr_expect_eq(pool->cacheMax, 77);
    cr_expect_not(pool->collapse);
    cr_expect_eq(pool->timeoutMs, 2000);
    cr_expect_eq(pool->fail, HELPER_FAIL_STALE);
    cr_expect_eq(pool->ipcType, IPC_TCP_SOCKET);
    cr_expect(who->isShell);
    cr_expect(who->hasData);
    cr_expect(who->needsUser);
    pool = &plain->helper.pool;
    cr_expect_eq(pool->max, 5);
    cr_expect_eq(pool->cacheMax, 262144);
    cr_expect_eq(pool->ttlMs, 3600000);
    cr_expect_eq(pool->negativeTtlMs, 3600000);
    cr_expect(pool->collapse);
    cr_expect_eq(pool->ipcType, IPC_STREAM);
    cr_expect_not(plain->isShell);
    cr_expect_not(plain->needsUser);
    cr_expect_null(configExternalLookup(config, "none"));
    configUnref(&config);
}

Test(config, store_id_is_a_class_of_its_own)
{
    Config *config = loadLines("store_id_program /bin/s\n"
                               "store_id_children 3 concurrency=2\n"
                               "store_id_extras \"%>rm\"");

    cr_expect_str_eq(config->storeId.helper.pool.name, "store_id");
    cr_expect_str_eq(config->storeId.helper.pool.argv[0], "/bin/s");
    cr_expect_eq(config->storeId.helper.pool.max, 3);
    cr_expect(config->storeId.helper.bypass, "on by default");
    cr_expect_eq(config->storeId.helper.pool.overload, HELPER_OVERLOAD_BYPASS);
    cr_expect_str_eq(config->storeId.extras.text, "%>rm");
    cr_expect_null(config->rewrite.helper.argv);
    configUnref(&config);
}

Test(config, extras_are_quoted_or_plain)
{
    Config *config = loadLines("url_rewrite_extras \"%>a %un\"");

    cr_expect_str_eq(config->rewrite.extras.text, "%>a %un");
    configUnref(&config);
    config = loadLines("url_rewrite_extras %>a %un");
    cr_expect_str_eq(config->rewrite.extras.text, "%>a %un");
    configUnref(&config);
    config = loadLines("url_rewrite_extras \"\"");
    cr_expect_str_eq(config->rewrite.extras.text, "");
    configUnref(&config);
}

Test(config, access_logs)
{
    Config *config = loadLines("access_log /x/a squid\n"
                               "access_log stdio:/x/b\n"
                               "access_log daemon:/x/c logformat=squid");

    cr_assert_eq(config->accessLogCount, 3);
    cr_expect_str_eq(config->accessLogs[0].path, "/x/a");
    cr_expect_str_eq(config->accessLogs[1].path, "/x/b");
    cr_expect_str_eq(config->accessLogs[2].path, "/x/c");
    cr_expect_not(config->accessLogs[0].isDaemon);
    cr_expect_not(config->accessLogs[1].isDaemon);
    cr_expect(config->accessLogs[2].isDaemon);
    cr_expect_eq(config->logfileRotate, 10);
    cr_expect_not(config->bufferedLogs);
    configUnref(&config);
    config = loadLines("logfile_daemon /x/d\nlogfile_rotate 0\n"
                       "buffered_logs on");
    cr_expect_str_eq(config->logfileDaemon, "/x/d");
    cr_expect_eq(config->logfileRotate, 0);
    cr_expect(config->bufferedLogs);
    configUnref(&config);
    config = loadLines("access_log none");
    cr_expect_eq(config->accessLogCount, 1);
    cr_expect_null(config->accessLogs[0].path);
    configUnref(&config);
}

static AclAnswer
checkHost(const Config *config, const char *host, const char *method)
{
    struct sockaddr_in client = {.sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    AclInput input = {
        .client = (void *)&client, .host = host, .method = method, .port = 80};

    return aclRulesCheck(config->httpAccess, &input);
}

Test(config, rules_use_acls_and_their_files)
{
    char *path = writeFile("hosts", "# comment\n\n  www.one.example  \n"
                                    ".two.example\n");
    Config *config = loadLines("acl good dstdomain \"hosts\" .three.example\n"
                               "acl get method GET\n"
                               "http_access allow get good\n"
                               "http_access deny all");

    cr_expect_eq(checkHost(config, "www.one.example", "GET"), ACL_ALLOW);
    cr_expect_eq(checkHost(config, "a.two.example", "GET"), ACL_ALLOW);
    cr_expect_eq(checkHost(config, "three.example", "GET"), ACL_ALLOW);
    cr_expect_eq(checkHost(config, "one.example", "GET"), ACL_DENY);
    cr_expect_eq(checkHost(config, "www.one.example", "PUT"), ACL_DENY);
    cr_expect_eq(aclRulesCount(config->rewrite.helper.access), 0);
    configUnref(&config);
    free(path);
}

Test(config, no_http_access_denies_all)
{
    Config *config = loadLines("");

    cr_expect_eq(checkHost(config, "example.com", "GET"), ACL_DENY);
    configUnref(&config);
}

Test(config, includes_are_patterns_in_the_order_of_names)
{
    char *one = writeFile("10-a.inc", "cache_mem 1 MB\nvia off\n");
    char *two = writeFile("20-b.inc", "cache_mem 2 MB\n");
    Config *config = loadLines("include *.inc none-*.inc\n"
                               "shutdown_lifetime 1 second");

    cr_expect_eq(config->cacheMem, 2 * 1024 * 1024);
    cr_expect_not(config->via);
    cr_expect_eq(config->shutdownLifetimeMs, 1000);
    configUnref(&config);
    free(one);
    free(two);
}

Test(config, includes_have_a_depth_and_a_number)
{
    char *paths[20], *many, *leaf = writeFile("leaf", "# nothing\n");
    Messages messages;
    char name[16], text[64];
    size_t size;
    FILE *out = open_memstream(&many, &size);

    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof(name), "deep%d", i);
        snprintf(text, sizeof(text), "include deep%d\n", i + 1);
        paths[i] = writeFile(name, i == 19 ? "" : text);
    }
    cr_expect_null(loadText("http_port 1\ninclude deep0\n", &messages));
    cr_expect_eq(messages.errors, 1);
    cr_expect(strstr(messages.text, "/deep15:1: error: include: more than 16"),
              "%s", messages.text);
    for (int i = 0; i < 20; i++)
        free(paths[i]);
    for (int i = 0; i < 10001; i++)
        fprintf(out, "include leaf\n");
    fclose(out);
    cr_expect_null(loadText(many, &messages));
    cr_expect_eq(messages.errors, 1, "%s", messages.text);
    cr_expect(strstr(messages.text, "leaf: too many files"), "%s",
              messages.text);
    free(many);
    free(leaf);
}

/* A line, and what the complaint about it must say. */
static const struct {
    const char *line;
    const char *complaint;
} wrongLines[] = {
    {"cache_mem lots", "squid.conf:2: error: expected a size such as 64 KB"},
    {"read_timeout x", "squid.conf:2: error: expected a time such as 30"},
    {"via maybe", "squid.conf:2: error: expected on or off, not \"maybe\""},
    {"via", "squid.conf:2: error: expected: via on|off"},
    {"via on on", "squid.conf:2: error: \"on\" is one word too many"},
    {"http_port x:80", "squid.conf:2: error: expected PORT, ADDR:PORT"},
    {"http_port 65536", "squid.conf:2: error: expected PORT"},
    {"http_port 80 sslBump",
     "squid.conf:2: error: http_port: option \"sslBump\""},
    {"http_port 80 accel defaultsite=a/b",
     "squid.conf:2: error: defaultsite= expected HOST"},
    {"http_port 80 accel vport=x", "squid.conf:2: error: vport= expected a po"},
    {"http_port 80 accel protocol=ftp", "squid.conf:2: error: protocol= expec"},
    {"http_port 80 vport=80", "squid.conf:2: error: http_port: defaultsite="},
    {"http_port 80 accel no-vhost", "squid.conf:2: error: http_port: no-vhost"},
    {"http_port", "squid.conf:2: error: expected: http_port"},
    {"manager_port ::1:3129", "squid.conf:2: error: expected PORT"},
    {"forwarded_for yes", "squid.conf:2: error: expected on, off, transp"},
    {"debug_options ALL", "squid.conf:2: error: expected SECTION,LEVEL"},
    {"debug_options 101,1", "squid.conf:2: error: expected SECTION,LEVEL"},
    {"acl x", "squid.conf:2: error: expected: acl NAME KIND"},
    {"acl x port http", "squid.conf:2: error: acl x: \"http\": expected a po"},
    {"acl x port 1 \\\n  http", "squid.conf:3: error: acl x: \"http\""},
    {"acl x portt 1",
     "squid.conf:2: error: acl x: unknown kind \"portt\", did"},
    {"acl x src \"no-file\"", "squid.conf:2: error: acl x: cannot read "},
    {"acl x src \"hosts\"", "/hosts:2: error: acl x: \"bad host\": expected"},
    {"http_access permit all", "squid.conf:2: error: expected: http_access "},
    {"http_access allow nobody", "squid.conf:2: error: no acl is called"},
    {"http_access allow", "squid.conf:2: error: expected the name of an acl"},
    {"access_log pipe:x", "squid.conf:2: error: expected FILE, stdio:FILE"},
    {"url_rewrite_program", "squid.conf:2: error: expected: url_rewrite_p"},
    {"url_rewrite_children many", "squid.conf:2: error: expected a number"},
    {"url_rewrite_children 0", "squid.conf:2: error: expected a number"},
    {"url_rewrite_children 5 \\\n idle=x", "squid.conf:3: error: idle= expect"},
    {"url_rewrite_children 5 idel=1", "error: expected OPTION=VALUE"},
    {"url_rewrite_children 5 timeout=x",
     "error: timeout= expected a time such as 30s, 5m or 1h, not \"x\""},
    {"url_rewrite_children 5 stderr=x", "error: stderr= expected tag or raw"},
    {"url_rewrite_children 5 fail=x", "error: fail= expected closed, open or"},
    {"url_rewrite_children 5 env==x", "error: env= expected NAME=VALUE or N"},
    {"url_rewrite_children 5 grace=101%", "error: grace= expected a percent"},
    {"url_rewrite_children 5 line-max=9", "error: line-max= expected 64 to "},
    {"url_rewrite_children 5 memory-limit=x", "error: memory-limit= expected "},
    {"url_rewrite_children 5 children-max=3", "error: expected OPTION=VALUE"},
    {"url_rewrite_children 5 probe=", "error: probe= expected a line"},
    {"url_rewrite_timeout 9999 days", "error: expected less than 24 days"},
    {"url_rewrite_timeout 5 on_timeout=x", "error: on_timeout= expected fail"},
    {"url_rewrite_timeout 5 response=\"OK\"", "error: on_timeout=use_config"},
    {"url_rewrite_timeout 5 frob=1", "error: expected on_timeout= or respo"},
    {"external_acl_type a", "squid.conf:2: error: expected: external_acl_t"},
    {"external_acl_type a %SRC", "error: external_acl_type a has no program"},
    {"external_acl_type a %zz /p", "squid.conf:2: error: unknown code \"%zz\""},
    {"external_acl_type a ttl=x %SRC /p", "squid.conf:2: error: ttl= expected"},
    {"external_acl_type a frob=1 %SRC /p", "\"frob=1\" is no option of ext"},
    {"external_acl_type a startup=1 %SRC /p", "\"startup=1\" is no option"},
    {"external_acl_type a %SRC /p\nexternal_acl_type a %SRC /p",
     "squid.conf:3: error: external_acl_type a was given already"},
    {"acl x external", "error: acl x: expected the name of an external_acl"},
    {"acl x external y", "error: acl x: no external_acl_type is called \"y\""},
    {"external_acl_type a %SRC /p\nacl x external a\nacl x external a",
     "squid.conf:4: error: acl x: one of kind external has one line only"},
    {"visible_hostname \"a", "squid.conf:2: error: a quoted text does not end"},
    {"visible_hostname \"a\"b", "squid.conf:2: error: expected a blank after"},
    {"include no-such-file", "squid.conf:2: error: include: no file "},
    {"include", "squid.conf:2: error: include: expected the name"},
    {"include bad.inc", "/bad.inc:3: error: expected on or off"},
    {"include self.inc", "/self.inc: it includes itself"},
    {"include .", "squid.conf:2: error: include: cannot read "},
    {"include /dev/zero", "/dev/zero: it is no plain file"},
    {"acl x src \"/dev/zero\"", "/dev/zero: it is no plain file"},
    {"acl x src \"/\"", "acl x: cannot read /: Is a directory"},
    {"if true", "squid.conf:2: error: the if has no endif"},
};

Test(config, errors_name_file_and_line_and_what_was_expected)
{
    char *hosts = writeFile("hosts", "10.0.0.1\nbad host\n");
    char *bad = writeFile("bad.inc", "via on\n\nvia of\n");
    char *self = writeFile("self.inc", "include self.inc\n");

    for (size_t i = 0; i < sizeof(wrongLines) / sizeof(wrongLines[0]); i++) {
        char *text = xasprintf("http_port 1\n%s\n", wrongLines[i].line);
        Messages messages;
        Config *config = loadText(text, &messages);

        cr_expect_null(config, "%s", wrongLines[i].line);
        cr_expect_eq(messages.errors, 1, "%s: %s", wrongLines[i].line,
                     messages.text);
        cr_expect(strstr(messages.text, wrongLines[i].complaint),
                  "%s: wanted \"%s\", got \"%s\"", wrongLines[i].line,
                  wrongLines[i].complaint, messages.text);
        configUnref(&config);
        free(text);
    }
    free(hosts);
    free(bad);
    free(self);
}

Test(config, every_error_is_told)
{
    Messages messages;
    Config *config = loadText("via x\nhttp_port 0 bad\ncache_mem y\nacl\n"
                              "http_access allow nobody nothing\n",
                              &messages);

    cr_expect_null(config);
    cr_expect_eq(messages.errors, 6, "%s", messages.text);
}

Test(config, a_file_that_cannot_be_read)
{
    Messages messages = {0};

    cr_expect_null(configLoad("/nonexistent/squid.conf", onMessage, &messages));
    cr_expect_str_eq(messages.text,
                     "/nonexistent/squid.conf: error: cannot read: "
                     "No such file or directory\n");
}

Test(config, a_port_is_needed)
{
    Messages messages;

    cr_expect_null(loadText("via on\n", &messages));
    cr_expect(strstr(messages.text, "error: no http_port"), "%s",
              messages.text);
}

Test(config, ports_that_stand_for_web_servers)
{
    Config *config = loadLines("http_port 80 accel defaultsite=a.test:81 "
                               "no-vhost vport=8080 protocol=https "
                               "allow-direct name=x\nhttp_port 81 accel");
    const ConfigAccel *accel = configAccelLookup(config, "80", "x");

    cr_assert(accel);
    cr_expect_str_eq(accel->defaultSite, "a.test:81");
    cr_expect(accel->noVhost && accel->isHttps && accel->allowDirect);
    cr_expect_eq(accel->vport, 8080);
    accel = configAccelLookup(config, "81", "81");
    cr_assert(accel);
    cr_expect(!accel->noVhost && !accel->isHttps && !accel->allowDirect);
    cr_expect_null(accel->defaultSite);
    cr_expect_null(configAccelLookup(config, "80", "80"));
    cr_expect_null(configAccelLookup(config, "3128", "3128"));
    configUnref(&config);
}

Test(config, refresh_patterns_are_found_in_order)
{
    Config *config =
        loadLines("refresh_pattern -i ^HTTP://A/ 5 50% 10 override-expire "
                  "ignore-reload max-stale=3\n"
                  "refresh_pattern ^http://b/ 1 20 2\n"
                  "max_stale 2 days\nnegative_ttl 5 minutes");
    const HttpRefresh *rule = configRefreshLookup(config, "http://a/x");

    cr_expect_eq(rule->min, 300);
    cr_expect_eq(rule->percent, 50);
    cr_expect_eq(rule->max, 600);
    cr_expect_eq(rule->flags,
                 HTTP_REFRESH_OVERRIDE_EXPIRE | HTTP_REFRESH_IGNORE_RELOAD);
    cr_expect_eq(rule->staleMax, 180);
    cr_expect_eq(rule->negative, 300);
    rule = configRefreshLookup(config, "http://b/x");
    cr_expect_eq(rule->min, 60);
    cr_expect_eq(rule->percent, 20);
    cr_expect_eq(rule->max, 120);
    cr_expect_eq(rule->flags, 0);
    cr_expect_eq(rule->staleMax, 2 * 86400);
    rule = configRefreshLookup(config, "http://B/x");
    cr_expect_eq(rule->min, 0);
    cr_expect_eq(rule->percent, httpRefreshUsual()->percent);
    cr_expect_eq(rule->staleMax, 2 * 86400);
    cr_expect_eq(rule->negative, 300);
    configUnref(&config);
}

Test(config, unknown_directives_are_warnings_with_the_nearest)
{
    Messages messages;
    Config *config = loadText("http_port 1\nhttp_acces allow all\n"
                              "frobnicate\nwccp2_router 10.0.0.1\n",
                              &messages);

    cr_assert(config);
    cr_expect_eq(messages.warnings, 3);
    cr_expect(strstr(messages.text,
                     "squid.conf:2: warning: unknown directive "
                     "\"http_acces\" (did you mean \"http_access\"?), the"),
              "%s", messages.text);
    cr_expect(strstr(messages.text, "squid.conf:3: warning: unknown "
                                    "directive \"frobnicate\", the line"),
              "%s", messages.text);
    cr_expect(strstr(messages.text, "squid.conf:4: warning: directive "
                                    "wccp2_router is not supported, the "
                                    "line is ignored: no router is told"),
              "%s", messages.text);
    configUnref(&config);
}

Test(config, odd_octets_are_no_danger)
{
    char *path = xstrdup(supportTempPath("odd.conf"));
    FILE *file = fopen(path, "we");
    static const char text[] = "via\0 on\nhttp_port 1\n\xff\xfe\x01\n\\\n\\";
    Messages messages = {0};

    cr_assert(file);
    fwrite(text, 1, sizeof(text) - 1, file);
    fclose(file);
    cr_expect_null(configLoad(path, onMessage, &messages));
    cr_expect_eq(messages.errors, 1, "%s", messages.text);
    cr_expect(strstr(messages.text, "odd.conf:1: error: the line has a NUL"),
              "%s", messages.text);
    free(path);
}

Test(config, a_device_is_not_read_for_ever)
{
    Messages messages = {0};

    cr_expect_null(configLoad("/dev/zero", onMessage, &messages));
    cr_expect(strstr(messages.text, "/dev/zero:1: error: the line is too long"),
              "%s", messages.text);
}

Test(config, a_line_has_an_end)
{
    char *path = xstrdup(supportTempPath("long.conf"));
    FILE *file = fopen(path, "we");
    Messages messages = {0};

    cr_assert(file);
    fprintf(file, "http_port 1\nvisible_hostname ");
    for (int i = 0; i < 40000; i++)
        fprintf(file, "%s\\\n", "0123456789012345678901234567890123456789");
    fprintf(file, "\nvia off\n");
    fclose(file);
    cr_expect_null(configLoad(path, onMessage, &messages));
    cr_expect_eq(messages.errors, 1, "%s", messages.text);
    cr_expect(strstr(messages.text, "error: the line is too long"), "%s",
              messages.text);
    free(path);
}

Test(config, one_cache_dir_of_the_kind_that_there_is)
{
    static const struct {
        const char *lines;
        int64_t mb; /* 0: none; -1: an error */
        unsigned warnings;
    } cases[] = {
        {"", 0, 0},
        {"cache_dir lmdb /store 100", 100, 0},
        {"cache_dir lmdb /a 100\ncache_dir lmdb /store 200", 200, 1},
        {"cache_dir ufs /var/spool/squid 100 16 256", 0, 1},
        {"cache_dir rock /a 100\ncache_dir lmdb /store 100", 100, 1},
        {"cache_dir lmdb /store 15", -1, 0},
        {"cache_dir lmdb /store much", -1, 0},
        {"cache_dir lmdb /store", -1, 0},
        {"cache_dir lmdb /store 100 max-size=5", -1, 0},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char *text = xasprintf("http_port 1\n%s\n", cases[i].lines);
        Messages messages;
        Config *config = loadText(text, &messages);

        free(text);
        cr_expect_eq(config != NULL, cases[i].mb >= 0, "%s", cases[i].lines);
        cr_expect_eq(messages.warnings, cases[i].warnings, "%s", messages.text);
        if (config == NULL)
            continue;
        cr_expect_eq(config->cacheDir.bytes, cases[i].mb << 20);
        if (cases[i].mb > 0)
            cr_expect_str_eq(config->cacheDir.path, "/store");
        configUnref(&config);
    }
}

Test(config, references_keep_it_alive)
{
    Config *config = loadLines("");
    Config *second = configRef(config);
    Config *first = config;

    configUnref(&config);
    cr_expect_eq(second, first);
    cr_expect_eq(second->httpPortCount, 1);
    configUnref(&second);
    configUnref(&second);
}

static char *
printed(const Config *config)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    configPrint(config, out);
    fclose(out);
    return text;
}

Test(config, the_effective_table_tells_where_values_come_from)
{
    Config *config = loadLines("cache_mem 1.5 GB\n"
                               "acl x url_regex re a'b\n"
                               "persistent_request_timeout 90 seconds\n"
                               "url_rewrite_program /bin/p \"a b\"\n"
                               "http_access deny all");
    char *text = printed(config);

    cr_expect(strstr(text, "\nhttp_access deny all  "), "%s", text);
    cr_expect(strstr(text, "cache_mem 1536 MB  "), "%s", text);
    cr_expect(strstr(text, "squid.conf:2\n"), "%s", text);
    cr_expect(strstr(text, "client_idle_pconn_timeout 90 seconds"), "%s", text);
    cr_expect(strstr(text, "url_rewrite_program /bin/p \"a b\""), "%s", text);
    cr_expect(strstr(text, "read_timeout 15 minutes"), "%s", text);
    cr_expect(strstr(text, " # default\n"), "%s", text);
    cr_expect(strstr(text, "# manager_port is not set\n"), "%s", text);
    free(text);
    configUnref(&config);
}

Test(config, what_is_printed_can_be_read_again)
{
    Config *config = loadLines("http_port [::1]:0 name=x\n"
                               "cache_mem 3 KB\n"
                               "url_rewrite_program /p \"a b\" \"c\\\"d\\\\\" "
                               "'#' \"\"\n"
                               "url_rewrite_timeout 4 on_timeout="
                               "use_configured_response response=\"OK a=b\"\n"
                               "acl p port 1-5 \\\n 7\n"
                               "http_access allow !p all\n"
                               "visible_hostname \"a \\\"b\"\n"
                               "pid_filename \"x y\"\n"
                               "debug_options ALL,1 28,9 rotate=3");
    char *first = printed(config), *second;

    configUnref(&config);
    for (char *at = first; (at = strstr(at, " # ")); at++)
        at[1] = '#';
    Messages messages;
    config = loadText(first, &messages);
    cr_assert(config, "%s\n%s", messages.text, first);
    second = printed(config);
    for (char *a = strtok(first, "\n"), *b = second; a;
         a = strtok(NULL, "\n")) {
        size_t len = strcspn(a, "#");

        cr_expect_eq(strncmp(a, b, len), 0, "%s / %.60s", a, b);
        b = strchr(b, '\n') + 1;
    }
    free(first);
    free(second);
    configUnref(&config);
}

Test(config, the_manual_has_every_directive)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    configPrintManual(out);
    fclose(out);
    cr_expect(strstr(text, "url_rewrite_children"));
    cr_expect(strstr(text, "Default: 256 MB"));
    cr_expect_not(strstr(text, "\n\n"), "an empty line in roff");
    free(text);
}
