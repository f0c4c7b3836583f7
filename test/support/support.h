/*
 * support.h: what unit tests share. Fixtures for a TestSuite: .init =
 * supportInit (or supportCommInit) and .fini = supportFini (supportCommFini)
 * fail the test when it leaves a descriptor or a child behind.
 * Thread: the test's main thread.
 */
#ifndef SQUIRE_SUPPORT_H
#define SQUIRE_SUPPORT_H

#include <stdbool.h>

/* Note the open descriptors. */
void supportInit(void);

/* Fail when descriptors or children are left; remove the folders made. */
void supportFini(void);

/* supportInit and commInit. */
void supportCommInit(void);

/* commFini and supportFini. */
void supportCommFini(void);

/* Run the loop; true when it ended by itself or by commLoopStop, false when
 * ms milliseconds went by first. The deadline keeps the loop running, so
 * that it ends by itself only through commLoopStop. */
bool supportRunLoop(int ms);

/* Run the loop until *done is true, looking every millisecond, at most ms.
 * Returns *done. */
bool supportRunUntil(const bool *done, int ms);

/* Make a folder that supportFini removes with all in it; returns borrowed
 * until then. */
const char *supportTempDir(void);

/* The path of name in supportTempDir; returns borrowed until the next call. */
const char *supportTempPath(const char *name);

/* All of a file as a string, which the caller frees; "" when it cannot be
 * read. */
char *supportReadFile(const char *path);

/* A connected non-blocking stream socketpair. */
void supportSocketPair(int fds[2]);

#endif
