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
    place->limit = place->size = place->lowest = limit;
    place->idle = 0;
    place->byLoad = xcalloc(limit, sizeof(*place->byLoad));
    for (unsigned i = 0; i < limit; i++)
        listInit(&place->byLoad[i]);
}

/* Lists have their heads in the table: their members must know the new one. */
static void
growTable(HelperPlace *place, unsigned size)
{
    ListNode *old = place->byLoad;
    ListNode *grown = xcalloc(size, sizeof(*grown));

    for (unsigned i = 0; i < size; i++)
        listInit(&grown[i]);
    for (unsigned i = 0; i < place->size; i++) {
        if (listIsEmpty(&old[i]))
            continue;
        /* The new head goes in beside the old one, which is taken out. */
        listPushBack(&old[i], &grown[i]);
        listRemove(&old[i]);
    }
    if (place->lowest == place->size)
        place->lowest = size;
    place->byLoad = grown;
    place->size = size;
    free(old);
}

void
helperPlaceSetLimit(HelperPlace *place, unsigned limit)
{
    CHECK(limit > 0);
    if (limit > place->size)
        growTable(place, limit);
    place->limit = limit;
}

void
helperPlaceSetEntryLimit(HelperPlace *place, HelperPlaceEntry *entry,
                         unsigned limit)
{
    CHECK(limit > 0);
    if (limit > place->size)
        growTable(place, limit);
    entry->limit = limit;
    if (!entry->open || entry->load == 0)
        return;
    listRemove(&entry->node);
    if (entry->load < limit)
        helperPlaceLink(place, entry, true);
    helperPlaceRaise(place);
}

void
helperPlaceFini(HelperPlace *place)
{
    free(place->byLoad);
    place->byLoad = NULL;
}

void
helperPlaceOpen(HelperPlace *place, HelperPlaceEntry *entry)
{
    listInit(&entry->node);
    entry->load = 0;
    if (entry->limit == 0)
        entry->limit = place->limit;
    entry->open = true;
    entry->held = false;
    helperPlaceLink(place, entry, false);
}

void
helperPlaceClose(HelperPlace *place, HelperPlaceEntry *entry)
{
    entry->held = false;
    if (!entry->open)
        return;
    entry->open = false;
    listRemove(&entry->node);
    place->idle -= entry->load == 0;
    helperPlaceRaise(place);
}

void
helperPlaceHold(HelperPlace *place, HelperPlaceEntry *entry)
{
    CHECK(entry->open && entry->load == 0);
    helperPlaceClose(place, entry);
    entry->held = true;
}

/* The one that has been idle longest, and so not avoided a moment ago: asking
 * again and again goes round all. */
static HelperPlaceEntry *
pickOther(const HelperPlace *place, const HelperPlaceEntry *avoid)
{
    for (unsigned i = place->lowest; i < place->size; i++) {
        ListNode *head = &place->byLoad[i];
        for (ListNode *it = head->prev; it != head; it = it->prev)
            if (ENTRY(it) != avoid)
                return ENTRY(it);
    }
    return NULL;
}

HelperPlaceEntry *
helperPlacePick(const HelperPlace *place, const HelperPlaceEntry *avoid)
{
    if (place->lowest == place->size)
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
