/*
 * bench_external.c: what a check of http_access costs when its external acl
 * has a kept answer: the rules say that they need it, the line is written,
 * the answer found, its facts noted, and the rules say yes. And how much of
 * that is the answer alone.
 *
 *     bench_external          both figures
 *     bench_external echo     the helper program itself
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "asker.h"
#include "check.h"
#include "comm.h"
#include "config.h"
#include "debug.h"
#include "external_acl.h"

#define ROUNDS 9
#define CHECKS 50000

static char self[4096];

/* One request, as the proxy has it. */
static struct {
    Config *config;
    AskerSet *askers;
    Asker *asker;
    const ConfigExternal *kind;
    const AclExternal *acl;
    struct sockaddr_in client;
    HttpHeaders headers;
    FormatInput input;
} bench;

static int
serveEcho(void)
{
    char line[8192];

    while (fgets(line, sizeof(line), stdin) != NULL) {
        printf("%.*s OK user=al tag=t\n", (int)strcspn(line, " "), line);
        fflush(stdout);
    }
    return 0;
}

static void
loadConfig(void)
{
    char path[] = "/tmp/bench-external-XXXXXX";
    int fd = mkstemp(path);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;

    CHECK(file != NULL);
    fprintf(file,
            "http_port 1\ncache_log none\naccess_log none\n"
            "external_acl_type asker concurrency=100 %%SRC %%METHOD "
            "%%>ha{User-Agent} %s echo\n"
            "acl who external asker staff\nhttp_access allow who\n",
            self);
    fclose(file);
    bench.config = configLoad(path, configMessagePrint, stderr);
    unlink(path);
    CHECK(bench.config != NULL);
    bench.kind = configExternalLookup(bench.config, "asker");
    bench.askers = askerSetCreate();
    CHECK(askerSetConfigure(bench.askers, bench.config, 0) == 0);
    bench.asker = askerSetLookup(bench.askers, "external/asker");
    CHECK(bench.asker != NULL);
}

static void
makeRequest(void)
{
    bench.client = (struct sockaddr_in){.sin_family = AF_INET};
    CHECK(inet_pton(AF_INET, "192.0.2.17", &bench.client.sin_addr) == 1);
    httpHeaderInit(&bench.headers, 4096);
    httpHeaderAdd(&bench.headers, httpSliceText("User-Agent"),
                  httpSliceText("Mozilla/5.0 (X11; Linux x86_64)"));
    bench.input = (FormatInput){.client = (const void *)&bench.client,
                                .method = httpSliceText("GET"),
                                .request = &bench.headers};
}

static void
onFirst(const ExternalAnswer *answer, void *data)
{
    (void)data;
    CHECK(answer->verdict == ACL_VERDICT_YES);
    commLoopStop();
}

/* Ask once for real, so that the answer is kept. */
static void
warmUp(void)
{
    AclFacts facts;
    AclInput input = {.method = "GET", .facts = &facts};
    AclDecision decision;
    ExternalCall call = {.cb = onFirst};
    ExternalAnswer answer;
    HelperReply reply;

    aclFactsInit(&facts);
    aclRulesDecide(bench.config->httpAccess, &input, &decision);
    CHECK(decision.answer == ACL_NEED_EXTERNAL);
    bench.acl = decision.external;
    const ExternalQuery query = {bench.kind, bench.acl, &bench.input};
    CHECK(!externalSubmit(&call, bench.asker, &query, &reply, &answer));
    commLoopRun();
}

static void
lookup(ExternalAnswer *answer, HelperReply *reply)
{
    const ExternalQuery query = {bench.kind, bench.acl, &bench.input};
    ExternalCall call = {.cb = onFirst};

    CHECK(externalSubmit(&call, bench.asker, &query, reply, answer));
    CHECK(answer->verdict == ACL_VERDICT_YES);
}

static void
checkAll(void)
{
    AclFacts facts;
    AclInput input = {.method = "GET", .facts = &facts};
    AclDecision decision;
    ExternalAnswer answer;
    HelperReply reply;

    aclFactsInit(&facts);
    aclRulesDecide(bench.config->httpAccess, &input, &decision);
    lookup(&answer, &reply);
    aclFactsSetAnswer(&facts, decision.external, answer.verdict);
    externalNote(answer.reply, &facts);
    aclRulesDecide(bench.config->httpAccess, &input, &decision);
    CHECK(decision.answer == ACL_ALLOW);
    aclFactsClear(&facts);
}

static void
lookupOnly(void)
{
    ExternalAnswer answer;
    HelperReply reply;

    lookup(&answer, &reply);
}

static double
measure(void (*work)(void))
{
    double figures[ROUNDS];

    for (size_t round = 0; round < ROUNDS; round++) {
        double start = benchCpuUs();

        for (size_t i = 0; i < CHECKS; i++)
            work();
        figures[round] = (benchCpuUs() - start) / CHECKS;
    }
    return benchMedian(figures, ROUNDS);
}

static void
print(const char *figure, double value)
{
    printf("{\"figure\": \"%s\", \"unit\": \"us\", \"value\": %.3f, "
           "\"target\": 1.0, \"sense\": \"max\"}\n",
           figure, value);
}

int
main(int argc, char *argv[])
{
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

    CHECK(len > 0);
    if (argc > 1 && strcmp(argv[1], "echo") == 0)
        return serveEcho();
    CHECK(commInit() == 0);
    debugOptions("ALL,0");
    loadConfig();
    makeRequest();
    warmUp();
    print("external acl, kept answer: CPU per lookup", measure(lookupOnly));
    print("external acl, kept answer: CPU per check", measure(checkAll));
    askerSetDestroy(&bench.askers);
    configUnref(&bench.config);
    httpHeaderFini(&bench.headers);
    commFini();
    return EXIT_SUCCESS;
}
