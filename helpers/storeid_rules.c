/* storeid_rules.c: store-ids by a file of rules. */
#include "storeid_rules.h"

#include "check.h"
#include "helper_serve.h"
#include "ids_option.h"

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
    HelperIds ids;
    int status;

    const char *path = idsOptionFile(argc, argv, &ids);
    if (!path)
        return 1;
    storeId.rules = reloadOpen(&storeidRulesOps, "storeid_rules", path);
    if (!storeId.rules)
        return 1;
    bufInit(&storeId.key, HELPER_PROTO_LINE_MAX);
    status = helperServeWith(ids, onRequest, &storeId);
    bufFini(&storeId.key);
    reloadClose(&storeId.rules);
    return status;
}
