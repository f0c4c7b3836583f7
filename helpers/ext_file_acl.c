/* ext_file_acl.c: access by address, user, group and time, from a file. */
#include "check.h"
#include "helper_serve.h"
#include "ids_option.h"
#include "permit_addr.h"
#include "permit_rules.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ACL_MAGIC 0x5e12e006u
#define FIELDS_MAX 16
#define DATA_MAX 64

typedef enum Field { FIELD_SRC, FIELD_USER, FIELD_OTHER, FIELD_COUNT } Field;

static const char *const fieldNames[FIELD_COUNT] = {"src", "user", "-"};

typedef struct FileAcl {
    uint32_t magic;
    Reload *rules;
    Field fields[FIELDS_MAX]; /* how a request begins; data follow */
    size_t fieldCount;
} FileAcl;

/* What a request refers to. */
typedef struct Request {
    PermitQuery query;
    struct in6_addr addr;
    const char *data[DATA_MAX];
} Request;

static size_t
countWords(const char *line)
{
    size_t count = 0;

    while (*(line += strspn(line, " \t"))) {
        count++;
        line += strcspn(line, " \t");
    }
    return count;
}

/* NULL, or why the request cannot be answered. */
static const char *
takeField(Request *request, Field field, const char *word)
{
    bool isKnown = strcmp(word, "-") != 0;

    if (field == FIELD_USER && isKnown)
        request->query.user = word;
    if (field != FIELD_SRC || !isKnown)
        return NULL;
    if (!permitAddrParse(word, &request->addr))
        return "Not an address";
    request->query.addr = &request->addr;
    return NULL;
}

static const char *
readRequest(const FileAcl *acl, char *line, Request *request)
{
    time_t now = time(NULL);
    const char *why = NULL;
    char *word;

    for (size_t i = 0; i < acl->fieldCount && !why; i++) {
        word = helperServeField(&line);
        why = word ? takeField(request, acl->fields[i], word)
                   : "Fewer words than fields";
    }
    while (!why && (word = helperServeField(&line))) {
        if (request->query.dataCount == DATA_MAX)
            return "Too many words";
        request->data[request->query.dataCount++] = word;
    }
    request->query.data = request->data;
    localtime_r(&now, &request->query.when);
    return why;
}

static void
sendAnswer(HelperServe *serve, const PermitAnswer *answer)
{
    for (size_t i = 0; answer && i < answer->pairCount; i++)
        helperServeAdd(serve, answer->pairs[i].key, answer->pairs[i].value);
    helperServeReply(
        serve, answer && answer->isAllowed ? HELPER_OK : HELPER_ERR, NULL);
}

static void
onRequest(HelperServe *serve, char *line, size_t len, void *data)
{
    FileAcl *acl = data;
    Request request = {0};
    const char *why;

    (void)len;
    CHECK_OBJ(acl, ACL_MAGIC);
    /* No address is a number; where a first field may be one, a channel-ID is
     * one word more. */
    if (acl->fields[0] != FIELD_SRC && countWords(line) < acl->fieldCount)
        line = helperServeWholeLine(serve);
    why = readRequest(acl, line, &request);
    if (why) {
        helperServeAdd(serve, "message", why);
        helperServeReply(serve, HELPER_BH, NULL);
        return;
    }
    sendAnswer(serve, permitRulesFind(reloadTable(acl->rules), &request.query));
}

static bool
readFields(FileAcl *acl, char *text)
{
    char *rest = NULL;

    acl->fieldCount = 0;
    for (char *name = strtok_r(text, ",", &rest); name;
         name = strtok_r(NULL, ",", &rest)) {
        Field field = FIELD_SRC;

        while (field < FIELD_COUNT && strcmp(name, fieldNames[field]) != 0)
            field++;
        if (field == FIELD_COUNT || acl->fieldCount == FIELDS_MAX)
            return false;
        acl->fields[acl->fieldCount++] = field;
    }
    return true;
}

int
main(int argc, char **argv)
{
    FileAcl acl = {
        .magic = ACL_MAGIC, .fields = {FIELD_SRC, FIELD_USER}, .fieldCount = 2};
    HelperIds ids = HELPER_IDS_DETECT;
    bool isRight = true;
    int option, status;

    while ((option = getopt(argc, argv, IDS_OPTION "f:")) != -1)
        isRight =
            isRight && (option == 'f' ? readFields(&acl, optarg)
                                      : idsOptionTake(option, optarg, &ids));
    if (!isRight || optind != argc - 1) {
        fprintf(stderr,
                "usage: ext_file_acl " IDS_USAGE " [-f src|user|-,...] FILE\n");
        return 1;
    }
    acl.rules = reloadOpen(&permitRulesOps, "ext_file_acl", argv[optind]);
    if (!acl.rules)
        return 1;
    status = helperServeWith(ids, onRequest, &acl);
    reloadClose(&acl.rules);
    return status;
}
