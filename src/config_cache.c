/* config_cache.c: cache_dir. */
#include "config_priv.h"

#include <stdlib.h>
#include <string.h>

#include "cache_lmdb.h"
#include "xalloc.h"

#define MB (INT64_C(1024) * 1024)
#define MB_MIN (CACHE_LMDB_BYTES_MIN / MB)
#define MB_MAX (INT64_C(64) * 1024 * 1024) /* what an address space has */

/* A folder of one of Squid's stores is not touched; its size is proposed. */
static void
complainType(ConfigLoader *loader, const ConfigLine *line)
{
    const char *type = line->words[1].text;
    long mb;

    if (line->count > 3 &&
        configParseNumber(line->words[3].text, 1, INT32_MAX, &mb))
        configWarn(loader, line, 1,
                   "cache_dir: there are no stores of type \"%s\", the line is "
                   "ignored and nothing is kept on disk by it: say cache_dir "
                   "lmdb DIRECTORY %ld, with an empty directory",
                   type, mb > MB_MIN ? mb : (long)MB_MIN);
    else if (strcmp(type, "null") != 0) /* it kept nothing */
        configWarn(loader, line, 1,
                   "cache_dir: there are no stores of type \"%s\", only "
                   "\"lmdb DIRECTORY MB\": the line is ignored",
                   type);
}

static void
parseCacheDir(ConfigLoader *loader, const ConfigRow *row,
              const ConfigLine *line)
{
    ConfigCacheDir *dir = &loader->config->cacheDir;
    long mb;

    if (line->count >= 2 && strcmp(line->words[1].text, "lmdb") != 0) {
        complainType(loader, line);
        return;
    }
    if (!configWantWords(loader, row, line, 3))
        return;
    if (!configParseNumber(line->words[3].text, MB_MIN, MB_MAX, &mb)) {
        configError(loader, line, 3,
                    "cache_dir: expected megabytes, %d at least, not \"%s\"",
                    (int)MB_MIN, line->words[3].text);
        return;
    }
    if (dir->path)
        configWarn(loader, line, 0,
                   "cache_dir: one is used, this one in place of %s",
                   dir->path);
    free(dir->path);
    dir->path = configResolve(line->file, line->words[2].text);
    dir->bytes = mb * MB;
}

const ConfigKind configKindCacheDir = {
    .repeats = true,
    .parse = parseCacheDir,
};
