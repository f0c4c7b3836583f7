/* fuzz_helper_files.c: the files of the shipped helpers, and what is asked of
 * them: the first octet chooses the kind of file, the last line is asked. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "digest_query.h"
#include "helper_proto.h"
#include "password_file.h"
#include "permit_rules.h"
#include "rewrite_rules.h"
#include "storeid_rules.h"
#include "xalloc.h"

const char fuzzName[] = "helper_files";

typedef void AskFn(const void *table, char *line);

static void
askRewrite(const void *table, char *line)
{
    int status = 0;
    Buf out;

    bufInit(&out, HELPER_PROTO_LINE_MAX);
    if (rewriteRulesApply(table, line, &out, &status) > 0 && bufLen(&out) == 0)
        abort();
    bufFini(&out);
}

static void
askStoreid(const void *table, char *line)
{
    Buf out;

    bufInit(&out, HELPER_PROTO_LINE_MAX);
    if (storeidRulesApply(table, line, &out) > 0 &&
        memchr(bufData(&out), ' ', bufLen(&out)))
        abort();
    bufFini(&out);
}

static void
askPermit(const void *table, char *line)
{
    static const struct in6_addr addr = IN6ADDR_LOOPBACK_INIT;
    const char *data[] = {line};
    PermitQuery query = {.addr = &addr,
                         .user = line,
                         .data = data,
                         .dataCount = 1,
                         .when = {.tm_wday = 6, .tm_hour = 23, .tm_min = 59}};
    const PermitAnswer *answer = permitRulesFind(table, &query);

    if (answer && answer->pairCount > PERMIT_PAIRS_MAX)
        abort();
}

static void
askPassword(const void *table, char *line)
{
    char ha1[DIGEST_HA1_SIZE];
    char *user, *realm;

    line[helperProtoUnescape(line, strlen(line))] = '\0';
    if (digestQueryParse(line, &user, &realm) &&
        digestQueryHa1(user, realm, line, ha1))
        passwordFileLookup(table, user);
    passwordFileLookup(table, line);
}

static const struct {
    const ReloadOps *ops;
    AskFn *ask;
} kinds[] = {
    {&rewriteRulesOps, askRewrite},          /* '0' */
    {&storeidRulesOps, askStoreid},          /* '1' */
    {&permitRulesOps, askPermit},            /* '2' */
    {&passwordFileHtpasswdOps, askPassword}, /* '3' */
    {&passwordFilePlainOps, askPassword},    /* '4' */
    {&passwordFileHa1Ops, askPassword},      /* '5' */
};

static void
tryFile(const ReloadOps *ops, AskFn *ask, char *text, size_t size)
{
    char *last = memrchr(text, '\n', size);
    FILE *file = fmemopen(text, size, "r");
    char *error = NULL;
    void *table;

    if (!file)
        return;
    table = reloadRead(ops, file, "fuzz", "file", &error);
    fclose(file);
    if (!table && !error)
        abort();
    if (table && last)
        ask(table, last + 1);
    ops->destroy(&table);
    free(error);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t kind = size > 1 ? data[0] - (size_t)'0' : SIZE_MAX;
    char *text;

    if (kind >= sizeof(kinds) / sizeof(*kinds))
        return 0;
    text = xmalloc(size);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    tryFile(kinds[kind].ops, kinds[kind].ask, text, size - 1);
    free(text);
    return 0;
}
