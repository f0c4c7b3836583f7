/* helper_place.c: which process gets the next request, in O(1). */
#include "helper_place.h"

#include <stdlib.h>

#include "check.h"
#include "xalloc.h"

#define ENTRY(n) LIST_OBJ(n, HelperPlaceEntry, node)

void
helperPlaceInit(HelperPlace *place, unsigned limit)
{
    CHECK(limit > 0);
    place->limit = limit;
    place->lowest = limit;
    place->idle = 0;
    place->byLoad = xcalloc(limit, sizeof(*place->byLoad));
    for (unsigned i = 0; i < limit; i++)
        listInit(&place->byLoad[i]);
}

void
helperPlaceFini(HelperPlace *place)
{
    free(place->byLoad);
    place->byLoad = NULL;
}

/* Let lowest name a list with members again. */
static void
raiseLowest(HelperPlace *place)
{
    while (place->lowest < place->limit &&
           listIsEmpty(&place->byLoad[place->lowest]))
        place->lowest++;
}

/* Link an open entry that is not full into the list of its load. */
static void
linkEntry(HelperPlace *place, HelperPlaceEntry *entry, bool first)
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

void
helperPlaceOpen(HelperPlace *place, HelperPlaceEntry *entry)
{
    listInit(&entry->node);
    entry->load = 0;
    entry->open = true;
    linkEntry(place, entry, false);
}

void
helperPlaceClose(HelperPlace *place, HelperPlaceEntry *entry)
{
    if (!entry->open)
        return;
    entry->open = false;
    listRemove(&entry->node);
    place->idle -= entry->load == 0;
    raiseLowest(place);
}

void
helperPlaceLoad(HelperPlace *place, HelperPlaceEntry *entry)
{
    CHECK(entry->open && entry->load < place->limit);
    listRemove(&entry->node);
    place->idle -= entry->load == 0;
    entry->load++;
    if (entry->load < place->limit)
        listPushBack(&place->byLoad[entry->load], &entry->node);
    /* One step at most: the entry, unless full, is in the next list. */
    raiseLowest(place);
}

void
helperPlaceUnload(HelperPlace *place, HelperPlaceEntry *entry)
{
    CHECK(entry->load > 0);
    if (!entry->open) {
        entry->load--;
        return;
    }
    listRemove(&entry->node);
    entry->load--;
    /* lowest may name the list just left; the entry is now below it. */
    linkEntry(place, entry, true);
}

/* The first entry of load or more that is not avoid. */
static HelperPlaceEntry *
pickOther(const HelperPlace *place, const HelperPlaceEntry *avoid)
{
    ListNode *it, *tmp;

    for (unsigned i = place->lowest; i < place->limit; i++)
        LIST_FOREACH(&place->byLoad[i], it, tmp)
            if (ENTRY(it) != avoid)
                return ENTRY(it);
    return NULL;
}

HelperPlaceEntry *
helperPlacePick(const HelperPlace *place, const HelperPlaceEntry *avoid)
{
    if (place->lowest == place->limit)
        return NULL;
    if (avoid)
        return pickOther(place, avoid);
    return ENTRY(place->byLoad[place->lowest].next);
}

HelperPlaceEntry *
helperPlaceOldestIdle(const HelperPlace *place)
{
    ListNode *head = &place->byLoad[0];

    return listIsEmpty(head) ? NULL : ENTRY(head->prev);
}
