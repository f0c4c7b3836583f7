/*
 * reload.h: a text file that a helper follows: it is read line by line, and
 * again when it changes. What its lines mean is the business of a ReloadOps.
 * Thread: one.
 */
#ifndef SQUIRE_RELOAD_H
#define SQUIRE_RELOAD_H

#include <stdbool.h>
#include <stdio.h>

typedef struct ReloadOps {
    /* An empty table. Returns owned. */
    void *(*create)(void);
    /* Add a line that is neither empty nor a comment; it has no blanks at its
     * ends and may be changed. NULL, or what is wrong: a constant text, or
     * one that stays until the next call. */
    const char *(*addLine)(void *table, char *line);
    /* Free the table; NULL inside is accepted. */
    void (*destroy)(void **table);
    /* A wrong line is told and left out; else the whole file is refused. */
    bool skipsWrong;
} ReloadOps;

typedef struct Reload Reload;

/*
 * Read a table from file, whose name path is for messages only. Returns
 * owned, or NULL with *errorOut, owned by the caller: "PATH:LINE: what is
 * wrong". Wrong lines that are skipped are told on stderr, for program.
 */
void *reloadRead(const ReloadOps *ops, FILE *file, const char *program,
                 const char *path, char **errorOut);

/*
 * Read the file at path and begin to follow it. Borrows program and path for
 * its life. Returns owned, or NULL after telling stderr why.
 */
Reload *reloadOpen(const ReloadOps *ops, const char *program, const char *path);

/*
 * The table as the file is now, looked at most once a second; borrowed until
 * the next call. When the file has become wrong or is gone, stderr is told,
 * once, and the table stays as it was. Never NULL.
 */
const void *reloadTable(Reload *reload);

/* Free it and the table. Clears *reload; NULL inside is accepted. */
void reloadClose(Reload **reload);

#endif
