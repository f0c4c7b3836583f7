/* ipc_exec.c: what exec is given, made ready before there is a child. */
#include "ipc_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "debug.h"
#include "xalloc.h"

/* Where execvp looks when there is no PATH. */
#define PATH_DEFAULT "/bin:/usr/bin"

static const char *const debugNames[] = {"SQUID_DEBUG=", "SQUIRE_DEBUG="};

#define DEBUG_NAMES (sizeof(debugNames) / sizeof(debugNames[0]))

static bool
isDebugVariable(const char *entry)
{
    for (size_t i = 0; i < DEBUG_NAMES; i++) {
        if (!strncmp(entry, debugNames[i], strlen(debugNames[i])))
            return true;
    }
    return false;
}

char **
ipcEnvCreate(const char *const *env)
{
    const char *options = debugOptionsText();
    const char *const *from = env ? env : (const char *const *)(void *)environ;
    size_t count = 0, size, kept = 0;
    char **copy, *text;

    while (from && from[count])
        count++;
    options = options ? options : "";
    size = strlen(options) + sizeof("SQUIRE_DEBUG=");
    copy =
        xmalloc((count + DEBUG_NAMES + 1) * sizeof(*copy) + DEBUG_NAMES * size);
    text = (char *)(copy + count + DEBUG_NAMES + 1);
    for (size_t i = 0; i < count; i++) {
        if (!isDebugVariable(from[i]))
            memcpy(&copy[kept++], &from[i], sizeof(*copy));
    }
    for (size_t i = 0; i < DEBUG_NAMES; i++, text += size) {
        snprintf(text, size, "%s%s", debugNames[i], options);
        copy[kept++] = text;
    }
    copy[kept] = NULL;
    return copy;
}

static size_t
countElements(const char *path)
{
    size_t count = 1;

    for (; *path; path++)
        count += *path == ':';
    return count;
}

/* Write element/prog and its NUL; an empty element is the working folder.
 * Returns the octet after. */
static char *
joinPath(char *to, const char *element, size_t len, const char *prog)
{
    size_t progSize = strlen(prog) + 1;

    memcpy(to, element, len);
    to += len;
    if (len)
        *to++ = '/';
    memcpy(to, prog, progSize);
    return to + progSize;
}

char **
ipcPathsCreate(const char *prog)
{
    const char *path = getenv("PATH");
    size_t count, len;
    char **list, *text;

    if (strchr(prog, '/'))
        path = "";
    else if (!path)
        path = PATH_DEFAULT;
    count = countElements(path);
    list = xmalloc((count + 1) * sizeof(*list) + strlen(path) + 1 +
                   count * (strlen(prog) + 2));
    text = (char *)(list + count + 1);
    for (size_t i = 0; i < count; i++, path += len + 1) {
        len = strcspn(path, ":");
        list[i] = text;
        text = joinPath(text, path, len, prog);
    }
    list[count] = NULL;
    return list;
}
