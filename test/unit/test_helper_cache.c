/* test_helper_cache.c: kept answers, without a pool and without waiting. */
#include <criterion/criterion.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "helper_cache.h"

#define SECOND 1000000ll

static HelperCache *cache;
static HelperCacheLimits limits;

static void
init(void)
{
    limits =
        (HelperCacheLimits){.max = 3, .ttlMs = 10000, .negativeTtlMs = 2000};
    cache = helperCacheCreate(&limits);
}

static void
fini(void)
{
    helperCacheDestroy(&cache);
    cr_assert_null(cache);
    helperCacheDestroy(&cache);
}

TestSuite(helperCache, .init = init, .fini = fini, .timeout = 60);

static void
keep(const char *key, const char *reply, int64_t nowUs)
{
    HelperCacheItem item = {key, strlen(key), reply, strlen(reply)};
    HelperResult result = reply[0] == 'E' ? HELPER_ERR : HELPER_OK;

    helperCacheKeep(cache, &item, result, nowUs);
}

static HelperCacheAge
look(const char *key, int64_t nowUs, HelperKept **keptOut)
{
    HelperKept *kept = NULL;
    HelperCacheAge age =
        helperCacheLookup(cache, key, strlen(key), nowUs, &kept);

    cr_assert_eq(kept == NULL, age == HELPER_CACHE_NONE);
    if (keptOut)
        *keptOut = kept;
    return age;
}

Test(helperCache, answers_that_end_in_more_than_one_cr_stay_what_they_are)
{
    HelperKept *kept;
    HelperReply reply;
    char scratch[100];

    keep("a", "OK rest\r\r", 0);
    cr_assert_eq(look("a", 0, &kept), HELPER_CACHE_FRESH);
    for (int i = 0; i < 3; i++) {
        helperKeptParse(kept, scratch, sizeof(scratch), &reply);
        cr_assert_eq(reply.result, HELPER_OK);
        cr_assert_str_eq(reply.message, "rest");
    }
}

Test(helperCache, gives_back_what_was_kept)
{
    HelperKept *kept;
    HelperReply reply;
    char scratch[100];

    cr_assert_eq(look("a", 0, NULL), HELPER_CACHE_NONE);
    keep("a", "OK user=me tag=%41 rest of it", 0);
    cr_assert_eq(look("a", 0, &kept), HELPER_CACHE_FRESH);
    cr_assert_leq(helperKeptScratchSize(kept), sizeof(scratch));
    for (int i = 0; i < 2; i++) {
        helperKeptParse(kept, scratch, sizeof(scratch), &reply);
        cr_assert_eq(reply.result, HELPER_OK);
        cr_assert_eq(reply.source, HELPER_SOURCE_CACHE);
        cr_assert_str_eq(helperReplyGet(&reply, "user"), "me");
        cr_assert_str_eq(helperReplyGet(&reply, "tag"), "A");
        cr_assert_str_eq(reply.message, "rest of it");
        cr_assert_str_eq(reply.text, "user=me tag=%41 rest of it");
    }
    cr_assert_eq(look("b", 0, NULL), HELPER_CACHE_NONE);
    cr_assert_eq(look("", 0, NULL), HELPER_CACHE_NONE);
    cr_assert_eq(look("aa", 0, NULL), HELPER_CACHE_NONE);
}

Test(helperCache, the_empty_line_and_the_empty_answer_are_kept)
{
    HelperCacheItem item = {"", 0, "", 0};
    HelperKept *kept;
    HelperReply reply;
    char scratch[2];

    helperCacheKeep(cache, &item, HELPER_ERR, 0);
    cr_assert_eq(look("", 0, &kept), HELPER_CACHE_FRESH);
    helperKeptParse(kept, scratch, sizeof(scratch), &reply);
    cr_assert_eq(reply.result, HELPER_ERR);
}

Test(helperCache, ok_and_err_have_a_ttl_each)
{
    keep("good", "OK", 0);
    keep("bad", "ERR", 0);
    cr_assert_eq(look("good", 10 * SECOND, NULL), HELPER_CACHE_FRESH);
    cr_assert_eq(look("good", 10 * SECOND + 1, NULL), HELPER_CACHE_STALE);
    cr_assert_eq(look("bad", 2 * SECOND, NULL), HELPER_CACHE_FRESH);
    cr_assert_eq(look("bad", 2 * SECOND + 1, NULL), HELPER_CACHE_STALE);
}

Test(helperCache, a_ttl_of_0_keeps_nothing)
{
    limits.negativeTtlMs = 0;
    helperCacheSetLimits(cache, &limits);
    keep("a", "ERR", 0);
    keep("b", "OK", 0);
    cr_assert_eq(helperCacheCount(cache), 1);
    cr_assert_eq(look("a", 0, NULL), HELPER_CACHE_NONE);
}

Test(helperCache, answers_that_say_nothing_are_not_kept)
{
    HelperCacheItem item = {"a", 1, "x", 1};

    for (int result = 0; result < HELPER_RESULT_COUNT; result++)
        if (result != HELPER_OK && result != HELPER_ERR)
            helperCacheKeep(cache, &item, (HelperResult)result, 0);
    cr_assert_eq(helperCacheCount(cache), 0);
}

Test(helperCache, a_newer_answer_replaces_the_older_one)
{
    HelperKept *kept;
    HelperReply reply;
    char scratch[100];

    keep("a", "OK tag=1", 0);
    keep("a", "ERR tag=2", SECOND);
    cr_assert_eq(helperCacheCount(cache), 1);
    cr_assert_eq(look("a", 3 * SECOND, &kept), HELPER_CACHE_FRESH);
    helperKeptParse(kept, scratch, sizeof(scratch), &reply);
    cr_assert_eq(reply.result, HELPER_ERR);
    cr_assert_str_eq(helperReplyGet(&reply, "tag"), "2");
}

Test(helperCache, drops_what_was_not_used_longest)
{
    keep("a", "OK", 0);
    keep("b", "OK", 0);
    keep("c", "OK", 0);
    (void)look("a", 0, NULL);
    keep("d", "OK", 0);
    cr_assert_eq(helperCacheCount(cache), 3);
    cr_assert_eq(look("b", 0, NULL), HELPER_CACHE_NONE);
    keep("e", "OK", 0);
    cr_assert_eq(look("c", 0, NULL), HELPER_CACHE_NONE);
    cr_assert_eq(look("a", 0, NULL), HELPER_CACHE_FRESH);
    cr_assert_eq(look("d", 0, NULL), HELPER_CACHE_FRESH);
}

Test(helperCache, drop_forgets_one)
{
    keep("a", "OK", 0);
    keep("b", "OK", 0);
    helperCacheDrop(cache, "a", 1);
    helperCacheDrop(cache, "x", 1);
    cr_assert_eq(look("a", 0, NULL), HELPER_CACHE_NONE);
    cr_assert_eq(look("b", 0, NULL), HELPER_CACHE_FRESH);
}

Test(helperCache, the_end_of_the_ttl_is_grace)
{
    HelperKept *kept;

    limits.gracePct = 25;
    helperCacheSetLimits(cache, &limits);
    keep("a", "OK", 0);
    cr_assert_eq(look("a", 7500000, NULL), HELPER_CACHE_FRESH);
    cr_assert_eq(look("a", 7500001, &kept), HELPER_CACHE_AGING);
    cr_assert_eq(look("a", 8 * SECOND, NULL), HELPER_CACHE_AGING);
    helperKeptSetAsked(kept);
    cr_assert_eq(look("a", 8 * SECOND, NULL), HELPER_CACHE_FRESH);
    cr_assert_eq(look("a", 11 * SECOND, NULL), HELPER_CACHE_STALE);
    keep("a", "OK", 8 * SECOND);
    cr_assert_eq(look("a", 16 * SECOND, NULL), HELPER_CACHE_AGING);
}

/* The pauses: a second, and twice as long each time, up to 32. */
Test(helperCache, who_is_asked_in_vain_is_asked_again_after_a_pause)
{
    static const int pauses[] = {1, 2, 4, 8, 16, 32, 32};
    int64_t now = 2 * SECOND;
    HelperKept *kept;

    limits.ttlMs = 1000000;
    limits.gracePct = 100;
    helperCacheSetLimits(cache, &limits);
    keep("a", "OK", SECOND);
    for (size_t i = 0; i < sizeof(pauses) / sizeof(pauses[0]); i++) {
        cr_assert_eq(look("a", now, &kept), HELPER_CACHE_AGING);
        helperKeptSetAsked(kept);
        cr_assert_eq(look("a", now + 90 * SECOND, NULL), HELPER_CACHE_FRESH);
        helperKeptSetUnanswered(kept, now);
        now += pauses[i] * SECOND;
        cr_assert_eq(look("a", now - 1, NULL), HELPER_CACHE_FRESH, "%zu", i);
    }
    cr_assert_eq(look("a", now, NULL), HELPER_CACHE_AGING);
    keep("a", "OK", now);
    cr_assert_eq(look("a", now + 1, NULL), HELPER_CACHE_AGING);
}

Test(helperCache, an_answer_that_is_not_kept_drops_the_older_one)
{
    limits.negativeTtlMs = 0;
    helperCacheSetLimits(cache, &limits);
    keep("a", "OK", 0);
    keep("a", "ERR", 1);
    cr_assert_eq(look("a", 1, NULL), HELPER_CACHE_NONE);
}

Test(helperCache, fewer_may_be_wanted_later)
{
    keep("a", "OK", 0);
    keep("b", "OK", 0);
    keep("c", "OK", 0);
    limits.max = 1;
    helperCacheSetLimits(cache, &limits);
    cr_assert_eq(look("a", 0, NULL), HELPER_CACHE_FRESH);
    keep("d", "OK", 0);
    cr_assert_eq(helperCacheCount(cache), 1);
    cr_assert_eq(look("d", 0, NULL), HELPER_CACHE_FRESH);
}

Test(helperCache, who_holds_an_answer_has_it_whatever_happens)
{
    HelperKept *kept, *loose = helperKeptCreate("TT abc", 6);
    HelperReply reply;
    char scratch[100];

    keep("a", "OK tag=held", 0);
    (void)look("a", 0, &kept);
    (void)helperKeptRef(kept);
    helperCacheDestroy(&cache);
    helperKeptParse(kept, scratch, sizeof(scratch), &reply);
    cr_assert_str_eq(helperReplyGet(&reply, "tag"), "held");
    helperKeptUnref(&kept);
    cr_assert_null(kept);
    helperKeptUnref(&kept);
    helperKeptParse(loose, scratch, sizeof(scratch), &reply);
    cr_assert_str_eq(helperReplyGet(&reply, "token"), "abc");
    helperKeptUnref(&loose);
}

/* Random use beside a plain list: the same answers, the same evictions. */
Test(helperCache, does_what_a_plain_list_does)
{
    enum { KEYS = 40, MAX = 16 };
    int list[MAX], count = 0;
    char key[8];

    srand(7);
    limits.max = MAX;
    helperCacheSetLimits(cache, &limits);
    for (int step = 0; step < 20000; step++) {
        int n = rand() % KEYS, at = 0;
        snprintf(key, sizeof(key), "k%d", n);
        while (at < count && list[at] != n)
            at++;
        bool isThere = at < count;
        bool isKept = rand() % 2;
        if (isKept)
            keep(key, "OK", 0);
        else
            cr_assert_eq(look(key, 0, NULL) == HELPER_CACHE_FRESH, isThere);
        if (!isThere && !isKept)
            continue;
        if (!isThere && count == MAX)
            at = 0;
        if (isThere || count == MAX)
            memmove(list + at, list + at + 1,
                    (size_t)(--count - at) * sizeof(*list));
        list[count++] = n;
        cr_assert_eq(helperCacheCount(cache), (unsigned)count);
    }
}
