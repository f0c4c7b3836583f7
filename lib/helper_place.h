/*
 * helper_place.h: which process gets the next request, in O(1).
 *
 * Processes with room wait in one list per load, and the lowest load that
 * has any is known: picking, loading and unloading touch two lists whatever
 * the number of processes. Among equals the one that answered last is first:
 * its caches are warm, and idle surplus gathers at the end of the list.
 * Thread: the owner.
 */
#ifndef SQUIRE_HELPER_PLACE_H
#define SQUIRE_HELPER_PLACE_H

#include <stdbool.h>

#include "check.h"
#include "list.h"

typedef struct HelperPlaceEntry {
    ListNode node;
    unsigned load;  /* requests it has */
    unsigned limit; /* load at which it is full */
    bool open;     /* takes part */
    bool held;     /* takes requests of its owner's choice, is never picked */
} HelperPlaceEntry;

typedef struct HelperPlace {
    ListNode *byLoad; /* [size]; those at their limit are in no list */
    unsigned size;
    unsigned limit;   /* of entries that are new from now on, >= 1 */
    unsigned lowest;  /* first non-empty list, or size */
    unsigned idle;    /* open entries with load 0 */
} HelperPlace;

/* Prepare for entries that take up to limit requests each. */
void helperPlaceInit(HelperPlace *place, unsigned limit);

/* Let entries that are opened for the first time from now on take up to limit
 * requests. */
void helperPlaceSetLimit(HelperPlace *place, unsigned limit);

/* Let this entry take up to limit requests; it may have more already. */
void helperPlaceSetEntryLimit(HelperPlace *place, HelperPlaceEntry *entry,
                              unsigned limit);

/* Free the lists; the entries belong to their owners. */
void helperPlaceFini(HelperPlace *place);

/* Make entry take part, with load 0. The first time, when its limit is 0, it
 * gets the limit of then; it keeps that. */
void helperPlaceOpen(HelperPlace *place, HelperPlaceEntry *entry);

/* Give entry no more requests; its load still counts up and down. */
void helperPlaceClose(HelperPlace *place, HelperPlaceEntry *entry);

/* Pick entry, which is open and has load 0, no more; it may still be loaded,
 * without limit, until helperPlaceOpen or helperPlaceClose. */
void helperPlaceHold(HelperPlace *place, HelperPlaceEntry *entry);

/* Let lowest name a list with members again. */
static inline void
helperPlaceRaise(HelperPlace *place)
{
    while (place->lowest < place->size &&
           listIsEmpty(&place->byLoad[place->lowest]))
        place->lowest++;
}

/* Link an open entry that is not full into the list of its load. */
static inline void
helperPlaceLink(HelperPlace *place, HelperPlaceEntry *entry, bool first)
{
    ListNode *head = &place->byLoad[entry->load];

    if (first)
        listPushFront(head, &entry->node);
    else
        listPushBack(head, &entry->node);
    place->idle += entry->load == 0;
    if (entry->load < place->lowest)
        place->lowest = entry->load;
}

/* Count one more request at entry; aborts when it is full or closed. */
static inline void
helperPlaceLoad(HelperPlace *place, HelperPlaceEntry *entry)
{
    if (entry->held) {
        entry->load++;
        return;
    }
    CHECK(entry->open && entry->load < entry->limit);
    listRemove(&entry->node);
    place->idle -= entry->load == 0;
    entry->load++;
    if (entry->load < entry->limit)
        listPushBack(&place->byLoad[entry->load], &entry->node);
    /* One step at most: the entry, unless full, is in the next list. */
    helperPlaceRaise(place);
}

/* Count one request less at entry. */
static inline void
helperPlaceUnload(HelperPlace *place, HelperPlaceEntry *entry)
{
    CHECK(entry->load > 0);
    if (!entry->open) {
        entry->load--;
        return;
    }
    listRemove(&entry->node);
    entry->load--;
    /* lowest may name the list just left; the entry is now below it, unless
     * its limit has been lowered. */
    if (entry->load < entry->limit)
        helperPlaceLink(place, entry, true);
    else
        helperPlaceRaise(place);
}

/* The least loaded open entry other than avoid (may be NULL), or NULL when
 * all are full. With avoid NULL in O(1). */
HelperPlaceEntry *helperPlacePick(const HelperPlace *place,
                                  const HelperPlaceEntry *avoid);

/* The open idle entry that has been idle longest, or NULL. */
HelperPlaceEntry *helperPlaceOldestIdle(const HelperPlace *place);

#endif
