/*
 * asker.h: the classes of helpers that run: one pool for each, over
 * reconfigurations, found by name.
 *
 * A class is a ConfigHelper; its pool starts with the first configuration
 * that has a program for it and ends with one that has none. An Asker that
 * was stopped lives until its last request has been called back.
 * Thread: loop.
 */
#ifndef SQUIRE_ASKER_H
#define SQUIRE_ASKER_H

#include <stdbool.h>

#include "config.h"
#include "helper.h"

typedef struct Asker Asker;
typedef struct AskerSet AskerSet;

/* Make an empty set. Returns owned. */
AskerSet *askerSetCreate(void);

/*
 * Start, change and stop pools so that they are those of config. What a
 * change needs new processes for gets them before the old ones leave, which
 * have drainMs for what they have. 0, or -errno of the last class that could
 * not be started, which was logged and is left out.
 */
int askerSetConfigure(AskerSet *set, const Config *config, int drainMs);

/* Replace the processes that write to the debug log by themselves
 * (stderr=raw), as it has another name now; the others are not touched. */
void askerSetRotate(AskerSet *set, const Config *config, int drainMs);

/* The class of that name, or NULL; borrowed until its callbacks have run
 * after askerSetConfigure left it out. */
Asker *askerSetLookup(const AskerSet *set, const char *name);

/* Let requests in progress finish for drainMs; afterwards there is no class
 * in the set. */
void askerSetStop(AskerSet *set, int drainMs);

/* True once nothing that was stopped is left. */
bool askerSetIsStopped(const AskerSet *set);

/* Stop at once and free; callbacks run as in helperPoolDestroy. Clears *set;
 * NULL inside is accepted. */
void askerSetDestroy(AskerSet **set);

/* Its pool; borrowed, NULL once it was stopped. */
HelperPool *askerPool(const Asker *asker);

/* True for an answer of the pool itself, as there was none. */
bool askerIsAnswerless(const HelperReply *reply);

/* Tell in the debug log (section 84) what a helper did wrong, or why there
 * was no answer: the more often, the more seldom it is told. */
void askerComplain(Asker *asker, const char *what, const char *text);

#endif
