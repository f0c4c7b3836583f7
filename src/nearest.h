/*
 * nearest.h: "did you mean ...": the known name that an unknown one is
 * probably meant to be. Pure; thread: any.
 */
#ifndef SQUIRE_NEAREST_H
#define SQUIRE_NEAREST_H

#include <stddef.h>

/*
 * Edits (insert, delete, replace, swap of neighbours; case does not count)
 * that turn a into b. Texts longer than 63 octets are cut.
 */
unsigned nearestDistance(const char *a, const char *b);

/*
 * The best so far of two candidates for text: best (may be NULL), or
 * candidate when it is nearer and near enough to be meant.
 */
const char *nearestPick(const char *text, const char *best,
                        const char *candidate);

#endif
