/* test_helper_place.c: placement, least loaded first. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "helper_place.h"

#define COUNT 7

static HelperPlace place;
static HelperPlaceEntry entries[COUNT];

static void
open(unsigned limit, int count)
{
    helperPlaceInit(&place, limit);
    for (int i = 0; i < count; i++)
        helperPlaceOpen(&place, &entries[i]);
}

static void
fini(void)
{
    helperPlaceFini(&place);
}

TestSuite(helperPlace, .fini = fini);

static HelperPlaceEntry *
load(void)
{
    HelperPlaceEntry *entry = helperPlacePick(&place, NULL);

    if (entry)
        helperPlaceLoad(&place, entry);
    return entry;
}

Test(helperPlace, nothing_to_pick)
{
    open(3, 0);
    cr_assert_null(helperPlacePick(&place, NULL));
    cr_assert_null(helperPlaceOldestIdle(&place));
}

Test(helperPlace, load_spreads_evenly_until_all_are_full)
{
    open(3, COUNT);
    for (unsigned level = 1; level <= 3; level++) {
        for (int i = 0; i < COUNT; i++)
            load();
        for (int i = 0; i < COUNT; i++)
            cr_assert_eq(entries[i].load, level);
    }
    cr_assert_null(load());
    helperPlaceUnload(&place, &entries[4]);
    cr_assert_eq(load(), &entries[4]);
    cr_assert_null(load());
}

Test(helperPlace, the_last_that_answered_is_first)
{
    open(1, 3);
    for (int i = 0; i < 3; i++)
        load();
    helperPlaceUnload(&place, &entries[2]);
    helperPlaceUnload(&place, &entries[0]);
    helperPlaceUnload(&place, &entries[1]);
    cr_assert_eq(helperPlacePick(&place, NULL), &entries[1]);
    cr_assert_eq(helperPlaceOldestIdle(&place), &entries[2]);
    cr_assert_eq(place.idle, 3);
}

Test(helperPlace, another_one_is_found)
{
    open(2, 2);
    HelperPlaceEntry *first = load();
    HelperPlaceEntry *other = helperPlacePick(&place, first);
    cr_assert_neq(other, first);
    cr_assert_not_null(other);
    helperPlaceLoad(&place, other);
    helperPlaceLoad(&place, other);
    cr_assert_null(helperPlacePick(&place, first), "the other is full");
    cr_assert_eq(helperPlacePick(&place, NULL), first);
}

Test(helperPlace, a_closed_one_is_not_picked_and_counts_down)
{
    open(2, 1);
    load();
    helperPlaceClose(&place, &entries[0]);
    helperPlaceClose(&place, &entries[0]);
    cr_assert_null(helperPlacePick(&place, NULL));
    helperPlaceUnload(&place, &entries[0]);
    cr_assert_eq(entries[0].load, 0);
    cr_assert_null(helperPlacePick(&place, NULL));
    cr_assert_eq(place.idle, 0);
}

Test(helperPlace, an_entry_may_take_more_or_fewer)
{
    open(1, 2);
    helperPlaceSetEntryLimit(&place, &entries[0], 3);
    for (int i = 0; i < 4; i++)
        cr_assert_not_null(load());
    cr_assert_null(load());
    cr_assert_eq(entries[0].load, 3);
    helperPlaceSetEntryLimit(&place, &entries[0], 1);
    helperPlaceUnload(&place, &entries[0]);
    cr_assert_null(helperPlacePick(&place, NULL), "it still has two");
    helperPlaceUnload(&place, &entries[0]);
    helperPlaceUnload(&place, &entries[0]);
    cr_assert_eq(load(), &entries[0]);
    cr_assert_null(load());
}

/* What place says against a look at every entry. */
static void
compare(unsigned limit)
{
    unsigned least = limit, idle = 0;

    for (int i = 0; i < COUNT; i++) {
        if (!entries[i].open)
            continue;
        idle += entries[i].load == 0;
        if (entries[i].load < entries[i].limit && entries[i].load < least)
            least = entries[i].load;
    }
    HelperPlaceEntry *picked = helperPlacePick(&place, NULL);
    cr_assert_eq(place.idle, idle);
    if (least == limit)
        cr_assert_null(picked);
    else
        cr_assert(picked->open && picked->load == least);
}

/* Property: after any sequence, the pick is the least loaded open one. */
Test(helperPlace, any_sequence_keeps_the_order)
{
    unsigned limit = 5;

    srand(1);
    open(limit, COUNT);
    for (int step = 0; step < 100000; step++) {
        HelperPlaceEntry *entry = &entries[rand() % COUNT];
        int what = rand() % 21;
        if (what == 0)
            helperPlaceClose(&place, entry);
        else if (what == 1 && !entry->open && entry->load == 0)
            helperPlaceOpen(&place, entry);
        else if (what == 20 && entry->limit > 0)
            helperPlaceSetEntryLimit(&place, entry, 1 + (unsigned)rand() % 9);
        else if (what < 10 && entry->load > 0)
            helperPlaceUnload(&place, entry);
        else if (entry->open && entry->load < entry->limit)
            helperPlaceLoad(&place, entry);
        compare(10);
    }
}
