/* helper_env.c: what a pool tells its processes by their environment. */
#include "helper_priv.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "xalloc.h"

#define NAME "SQUIRE_CONCURRENCY="
#define TEXT_SIZE sizeof(NAME "4294967295")

const char **
helperEnvCreate(const HelperConfig *config)
{
    const char *const *from = config->attr.env;
    size_t count = 0, kept = 0;

    if (!from)
        from = (const char *const *)(void *)environ;
    while (from && from[count])
        count++;
    const char **env = xmalloc((count + 2) * sizeof(*env) + TEXT_SIZE);
    char *text = (char *)(env + count + 2);
    for (size_t i = 0; i < count; i++)
        if (strncmp(from[i], NAME, strlen(NAME)) != 0)
            env[kept++] = from[i];
    snprintf(text, TEXT_SIZE, NAME "%u", config->concurrency);
    env[kept++] = text;
    env[kept] = NULL;
    return env;
}
