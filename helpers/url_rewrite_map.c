/* url_rewrite_map.c: a URL rewriter that follows a file of rules. */
#include "check.h"
#include "helper_serve.h"
#include "rewrite_rules.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define MAP_MAGIC 0x5e12e002u
#define CHECK_EVERY_SEC 1

typedef struct Map {
    uint32_t magic;
    const char *path;
    RewriteRules *rules;
    struct stat seen; /* the file as it was read; zeroed: not there */
    time_t checkedAt; /* seconds of the monotonic clock */
    Buf url;
} Map;

static bool
isSameFile(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev &&
           a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Read the file; when it is wrong say so, and keep the rules there are. */
static bool
loadRules(Map *map)
{
    char *error = NULL;
    RewriteRules *rules = rewriteRulesLoad(map->path, &error);

    if (!rules) {
        fprintf(stderr, "url_rewrite_map: %s%s\n", error,
                map->rules ? " (the rules read before stay in force)" : "");
        free(error);
        return false;
    }
    rewriteRulesDestroy(&map->rules);
    map->rules = rules;
    return true;
}

static void
reloadChanged(Map *map)
{
    struct stat now = {0};
    struct timespec clock = {0};

    clock_gettime(CLOCK_MONOTONIC_COARSE, &clock);
    if (clock.tv_sec - map->checkedAt < CHECK_EVERY_SEC)
        return;
    map->checkedAt = clock.tv_sec;
    if (stat(map->path, &now) < 0)
        memset(&now, 0, sizeof(now));
    if (isSameFile(&now, &map->seen))
        return;
    map->seen = now;
    loadRules(map);
}

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
    reloadChanged(map);
    line[strcspn(line, " \t")] = '\0';
    bufClear(&map->url);
    int rc = rewriteRulesApply(map->rules, line, &map->url, &status);
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
    int status;

    if (argc != 2) {
        fprintf(stderr, "usage: url_rewrite_map FILE\n");
        return 1;
    }
    map.path = argv[1];
    /* Before the file is read: a change meanwhile is seen as one. */
    if (stat(map.path, &map.seen) < 0)
        memset(&map.seen, 0, sizeof(map.seen));
    if (!loadRules(&map))
        return 1;
    bufInit(&map.url, HELPER_PROTO_LINE_MAX);
    status = helperServe(onRequest, &map);
    bufFini(&map.url);
    rewriteRulesDestroy(&map.rules);
    return status;
}
