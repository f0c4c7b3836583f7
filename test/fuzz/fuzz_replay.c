/* fuzz_replay.c: run a fuzz target once over each file of its corpus. */
#include "fuzz.h"
#include "xalloc.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#define INPUT_MAX (1u << 20)

static int
replayFile(const char *dir, const char *name)
{
    static uint8_t input[INPUT_MAX];
    char *path = xasprintf("%s/%s", dir, name);
    FILE *file = fopen(path, "rb");

    free(path);
    if (!file) {
        perror(name);
        return -1;
    }
    size_t len = fread(input, 1, sizeof(input), file);
    fclose(file);
    uint8_t *exact = xmalloc(len);
    for (size_t i = 0; i < len; i++)
        exact[i] = input[i];
    LLVMFuzzerTestOneInput(exact, len);
    free(exact);
    return 0;
}

/* Count of inputs replayed, or -1. */
static int
replayFolder(const char *dirName)
{
    DIR *dir = opendir(dirName);
    struct dirent *entry;
    int count = 0;

    if (!dir) {
        perror(dirName);
        return -1;
    }
    while (count >= 0 && (entry = readdir(dir))) {
        if (entry->d_name[0] == '.')
            continue;
        count = replayFile(dirName, entry->d_name) < 0 ? -1 : count + 1;
    }
    closedir(dir);
    return count;
}

int
main(int argc, char **argv)
{
    const char *source = getenv("SQUIRE_SOURCE");
    char *dir = argc > 1 ? xstrdup(argv[1])
                         : xasprintf("%s/test/fuzz/corpus/%s",
                                     source ? source : ".", fuzzName);
    int count = replayFolder(dir);

    printf("%s: %d inputs\n", dir, count);
    free(dir);
    return count > 0 ? 0 : 1;
}
