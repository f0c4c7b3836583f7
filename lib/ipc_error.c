/*
 * ipc_error.c: why a helper could not be started, in words
 * (debug section 54).
 */
#include "ipc_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TEXT_MAX 256

static _Thread_local char text[TEXT_MAX];
static _Thread_local int textError; /* whose text it is; 0: no start failed */

static void __attribute__((format(printf, 1, 2))) say(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
}

/* What the kernel's word for a failed exec leaves open. */
static const char *
explainExec(const char *prog, int error)
{
    if (error == ENOENT && strchr(prog, '/') && access(prog, F_OK) == 0)
        return " (the program is there: its interpreter is not)";
    if (error == ENOEXEC)
        return " (a script begins with a line such as #!/bin/sh)";
    return "";
}

/* True for a number that ipcUserResolve takes without an entry. */
static bool
isId(const char *name)
{
    size_t digits = strspn(name, "0123456789");

    return digits > 0 && digits < 10 && name[digits] == '\0';
}

void
ipcErrorNote(const char *prog, const IpcAttr *attr, IpcStep step, int error)
{
    const char *what = strerror(error);
    bool isMissing = error == ENOENT;

    textError = error;
    if (step == IPC_STEP_USER && isMissing)
        say("there is no user %s%s", attr->user,
            isId(attr->user) ? ": such a number needs a group" : "");
    else if (step == IPC_STEP_USER)
        say("user %s: %s", attr->user, what);
    else if (step == IPC_STEP_GROUP && isMissing)
        say("there is no group %s", attr->group);
    else if (step == IPC_STEP_GROUP)
        say("group %s: %s", attr->group, what);
    else if (step == IPC_STEP_CWD)
        say("cwd %s: %s", attr->cwd, what);
    else if (step == IPC_STEP_EXEC)
        say("%s%s", what, explainExec(prog, error));
    else
        say("%s", what);
}

const char *
ipcErrorText(int error)
{
    return error == textError && error != 0 ? text : strerror(error);
}
