/* config_exist.c: whether there is what a line names: users, programs. */
#include "config_priv.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "xalloc.h"

static bool
isNumber(const char *name)
{
    return *name && name[strspn(name, "0123456789")] == '\0';
}

bool
configUserExists(const char *name)
{
    return *name && (isNumber(name) || getpwnam(name));
}

bool
configGroupExists(const char *name)
{
    return *name && (isNumber(name) || getgrnam(name));
}

bool
configFolderExists(const char *path)
{
    struct stat status;

    if (stat(path, &status) < 0)
        return errno != ENOENT && errno != ENOTDIR;
    return S_ISDIR(status.st_mode);
}

/* NULL, or why this file cannot be executed. */
static const char *
findFault(const char *path)
{
    struct stat status;

    if (stat(path, &status) < 0)
        return strerror(errno);
    if (S_ISDIR(status.st_mode))
        return "it is a directory";
    return access(path, X_OK) == 0 ? NULL : "it is not executable";
}

static bool
isInPath(const char *name)
{
    const char *folder = getenv("PATH");
    bool isFound = false;
    size_t len;

    for (; folder && *folder && !isFound;
         folder += len + (folder[len] == ':')) {
        len = strcspn(folder, ":");
        char *path = xasprintf("%.*s/%s", (int)len, folder, name);
        isFound = !findFault(path);
        free(path);
    }
    return isFound;
}

void
configCheckProgram(ConfigLoader *loader, const ConfigLine *line, size_t i)
{
    const char *program = line->words[i].text;
    const char *fault = strchr(program, '/') ? findFault(program)
                        : isInPath(program)  ? NULL
                                             : "it is not in PATH";

    if (fault)
        configWarn(loader, line, i, "%s cannot be started: %s", program, fault);
}
