/* url_rewrite_map.c: a URL rewriter that follows a file of rules. */
#include "check.h"
#include "helper_serve.h"
#include "ids_option.h"
#include "rewrite_rules.h"

#include <stdio.h>
#include <string.h>

#define MAP_MAGIC 0x5e12e003u

typedef struct Map {
    uint32_t magic;
    Reload *rules;
    Buf url;
} Map;

static void
sendUrl(HelperServe *serve, Map *map, int status)
{
    char text[16];

    if (bufAppend(&map->url, "", 1) < 0) {
        helperServeReply(serve, HELPER_ERR, "the new URL is too long");
        return;
    }
    if (status) {
        snprintf(text, sizeof(text), "%d", status);
        helperServeAdd(serve, "status", text);
    }
    helperServeAdd(serve, status ? "url" : "rewrite-url", bufData(&map->url));
    helperServeReply(serve, HELPER_OK, NULL);
}

static void
onRequest(HelperServe *serve, char *line, size_t len, void *data)
{
    Map *map = data;
    int status = 0;

    (void)len;
    CHECK_OBJ(map, MAP_MAGIC);
    line[strcspn(line, " \t")] = '\0';
    bufClear(&map->url);
    int rc =
        rewriteRulesApply(reloadTable(map->rules), line, &map->url, &status);
    if (rc > 0)
        sendUrl(serve, map, status);
    else
        helperServeReply(serve, HELPER_ERR,
                         rc < 0 ? "the rule gives no usable URL" : NULL);
}

int
main(int argc, char **argv)
{
    Map map = {.magic = MAP_MAGIC};
    HelperIds ids;
    int status;

    const char *path = idsOptionFile(argc, argv, &ids);
    if (!path)
        return 1;
    map.rules = reloadOpen(&rewriteRulesOps, "url_rewrite_map", path);
    if (!map.rules)
        return 1;
    bufInit(&map.url, HELPER_PROTO_LINE_MAX);
    status = helperServeWith(ids, onRequest, &map);
    bufFini(&map.url);
    reloadClose(&map.rules);
    return status;
}
