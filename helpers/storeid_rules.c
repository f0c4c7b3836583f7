/* storeid_rules.c: store-ids by a file of rules. */
#include "storeid_rules.h"

#include "check.h"
#include "helper_serve.h"

#include <stdio.h>
#include <string.h>

#define STOREID_MAGIC 0x5e12e005u

typedef struct StoreId {
    uint32_t magic;
    Reload *rules;
    Buf key;
} StoreId;

static void
onRequest(HelperServe *serve, char *line, size_t len, void *data)
{
    StoreId *storeId = data;

    (void)len;
    CHECK_OBJ(storeId, STOREID_MAGIC);
    line[strcspn(line, " \t")] = '\0';
    bufClear(&storeId->key);
    int rc =
        storeidRulesApply(reloadTable(storeId->rules), line, &storeId->key);
    if (rc > 0)
        rc = bufAppend(&storeId->key, "", 1) < 0 ? -1 : 1;
    if (rc > 0)
        helperServeAdd(serve, "store-id", bufData(&storeId->key));
    helperServeReply(serve, rc > 0 ? HELPER_OK : HELPER_ERR,
                     rc < 0 ? "the rule gives no usable store-id" : NULL);
}

int
main(int argc, char **argv)
{
    StoreId storeId = {.magic = STOREID_MAGIC};
    int status;

    if (argc != 2) {
        fprintf(stderr, "usage: storeid_rules FILE\n");
        return 1;
    }
    storeId.rules = reloadOpen(&storeidRulesOps, "storeid_rules", argv[1]);
    if (!storeId.rules)
        return 1;
    bufInit(&storeId.key, HELPER_PROTO_LINE_MAX);
    status = helperServe(onRequest, &storeId);
    bufFini(&storeId.key);
    reloadClose(&storeId.rules);
    return status;
}
