/*
 * cert_run.c: a pool of programs that make or check certificates, asked
 * through the codec, for integration tests.
 *
 * cert_run [NAME=VALUE]... make|check PEM FOLDER -- PROGRAM [ARG]...
 *
 * make: asks for the certificates of count=N hosts (10), hI.test, signed by the
 * certificate and key in the file PEM; that of host I becomes FOLDER/I.pem.
 * check: asks N times about the certificate in PEM, every second time with an
 * error. kill=N kills a process that has a request after every N answers.
 * For each answer a line on stdout: the number of the request and what came
 * of it; at the end a line of figures.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "comm.h"
#include "debug.h"
#include "helper.h"
#include "helper_cert.h"

#define TEXT_MAX 65536
#define ROWS 64

static HelperPool *pool;
static HelperConfig config;
static const char *folder;
static char pem[TEXT_MAX];
static size_t pemLen;
static bool isCheck;
static unsigned count = 10, killEvery, repeat = 1;
static unsigned answered, kills;

static const struct Option {
    const char *name;
    unsigned *value;
} options[] = {
    {"count", &count},
    {"kill", &killEvery},
    {"repeat", &repeat},
    {"max", &config.max},
    {"concurrency", &config.concurrency},
    {"attempts", &config.attempts},
};

static void
parseOption(const char *arg)
{
    size_t len = strcspn(arg, "=");

    for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
        if (strlen(options[i].name) != len ||
            strncmp(options[i].name, arg, len) != 0)
            continue;
        *options[i].value = (unsigned)strtoul(arg + len + 1, NULL, 10);
        return;
    }
    if (strncmp(arg, "log=", 4) != 0 || debugOpen(arg + 4) < 0)
        exit(2);
}

static void
killOne(void)
{
    HelperProcessStats rows[ROWS];
    size_t n = helperPoolProcesses(pool, rows, ROWS);

    for (size_t i = 0; i < n; i++)
        if (rows[i].inflight > 0 && kill(rows[i].pid, SIGKILL) == 0) {
            kills++;
            return;
        }
}

static void
save(uintptr_t number, const HelperCertMade *made)
{
    char path[4096];

    snprintf(path, sizeof(path), "%s/%u.pem", folder, (unsigned)number);
    FILE *file = fopen(path, "w");
    CHECK(file);
    CHECK(fwrite(made->cert.data, 1, made->cert.len, file) == made->cert.len);
    CHECK(fwrite(made->key.data, 1, made->key.len, file) == made->key.len);
    CHECK(fclose(file) == 0);
}

static void
showVerdict(uintptr_t number, const HelperCertVerdict *verdict)
{
    printf("%u\t%s", (unsigned)number, verdict->isValid ? "valid" : "wrong");
    for (unsigned i = 0; i < verdict->errorCount; i++) {
        const HelperCertError *error = &verdict->errors[i];
        printf("\t%u %.*s (%.*s) cert_%u", error->number, (int)error->name.len,
               error->name.data, (int)error->reason.len, error->reason.data,
               error->certNumber);
    }
    putchar('\n');
}

static void
onReply(const HelperReply *reply, void *data)
{
    uintptr_t number = (uintptr_t)data;
    const char *why = NULL;
    HelperCertVerdict verdict;
    HelperCertMade made;

    if (isCheck && helperCertParseVerdict(reply, &verdict, &why) == 0) {
        showVerdict(number, &verdict);
    } else if (!isCheck && helperCertParseMade(reply, &made, &why) == 0) {
        save(number, &made);
        printf("%u\tmade\n", (unsigned)number);
    } else {
        printf("%u\t%s: %s: %s\n", (unsigned)number,
               helperProtoResultName(reply->result), why, reply->message);
    }
    answered++;
    if (killEvery > 0 && answered % killEvery == 0)
        killOne();
    if (answered == count)
        commLoopStop();
}

static HelperPair
pair(const char *key, const char *value, size_t len)
{
    return (HelperPair){key, value, len};
}

static ssize_t
formatMake(unsigned number, char *out, const char **whyOut)
{
    char host[32];
    int len = snprintf(host, sizeof(host), "h%u.test", number / repeat);
    const HelperPair params[] = {
        pair("host", host, (size_t)len),
        pair("Sign", "signTrusted", 11),
        pair("SignHash", "SHA256", 6),
    };
    const HelperCertRequest request = {HELPER_CERT_MAKE, params, 3, pem,
                                       pemLen};

    return helperCertFormatRequest(&request, out, TEXT_MAX, whyOut);
}

static ssize_t
formatCheck(unsigned number, char *out, const char **whyOut)
{
    const HelperPair params[] = {
        pair("host", "www.example.com", 15),
        pair("proto_version", "TLSv1.3", 7),
        pair("cipher", "TLS_AES_256_GCM_SHA384", 22),
        pair("cert_0", pem, pemLen),
        pair("error_name_0", "X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT", 38),
        pair("error_cert_0", "cert_0", 6),
    };
    const HelperCertRequest request = {HELPER_CERT_CHECK, params,
                                       number % 2 ? 6 : 4, NULL, 0};

    return helperCertFormatRequest(&request, out, TEXT_MAX, whyOut);
}

static void
submitAll(void)
{
    char text[TEXT_MAX];
    const char *why = "no room";

    for (unsigned i = 0; i < count; i++) {
        ssize_t len =
            isCheck ? formatCheck(i, text, &why) : formatMake(i, text, &why);
        if (len < 0) {
            fprintf(stderr, "cert_run: %s\n", why);
            exit(1);
        }
        CHECK(helperSubmitLen(pool, text, (size_t)len, onReply,
                              (void *)(uintptr_t)i, NULL) == 0);
    }
}

static void
readPem(const char *path)
{
    FILE *file = fopen(path, "r");

    CHECK(file);
    pemLen = fread(pem, 1, sizeof(pem), file);
    CHECK(pemLen > 0 && pemLen < sizeof(pem));
    fclose(file);
}

int
main(int argc, char **argv)
{
    HelperPoolStats stats;
    int first = 1;

    helperConfigInit(&config);
    config.name = "certificates";
    config.endMark = HELPER_CERT_END;
    config.lineMax = TEXT_MAX;
    config.timeoutMs = 60000;
    config.queueMax = 100000;
    while (first < argc && strchr(argv[first], '='))
        parseOption(argv[first++]);
    if (argc < first + 5)
        exit(2);
    isCheck = strcmp(argv[first], "check") == 0;
    readPem(argv[first + 1]);
    folder = argv[first + 2];
    config.argv = (const char *const *)argv + first + 4;
    CHECK(commInit() == 0);
    pool = helperPoolCreate(&config);
    CHECK(pool);
    submitAll();
    CHECK(commLoopRun() == 0);
    helperPoolStats(pool, &stats);
    printf("figures\tkills=%u\trestarts=%llu\tretries=%llu\n", kills,
           (unsigned long long)stats.restarts,
           (unsigned long long)stats.retries);
    helperPoolDestroy(&pool);
    commFini();
    debugClose();
    return 0;
}
