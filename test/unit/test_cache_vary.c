/* test_cache_vary.c: the variants of a resource, in stores of every kind. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cache_store.h"
#include "stores.h"

STORES_SUITES(cacheVary);

#define ALL(name) STORES_ALL(cacheVary, name)

#define VARY_LANG "Vary: Accept-Language\r\n"
#define VARY_BOTH "Vary: accept-encoding, X-Test\r\n"

ALL(variants_are_told_apart_by_what_vary_names)
{
    storesPutVariant("u", "Accept-Language: de\r\n", VARY_LANG, "de");
    storesPutVariant("u", "Accept-Language: en\r\n", VARY_LANG, "en");
    storesPutVariant("u", "", VARY_LANG, "none");
    storesExpect("u", "Accept-Language: de\r\nX: y\r\n", "de");
    storesExpect("u", "accept-language:  EN \r\n", "en");
    storesExpect("u", "", "none");
    storesExpect("u", "Accept-Language: fr\r\n", NULL);
    storesExpect("u", "Accept-Language:\r\n", NULL);
    storesExpect("u", "Accept-Language: de, en\r\n", NULL);
    cr_expect_eq(storesStats().objects, 3);
    storesPutVariant("u", "Accept-Language: de\r\n", VARY_LANG, "new");
    storesExpect("u", "Accept-Language: de\r\n", "new");
    cr_expect_eq(storesStats().objects, 3);
    cr_expect_eq(storesInvalidate("u"), 3);
}

ALL(values_are_normalised_only_where_that_is_safe_9111_4_1)
{
    storesPutVariant("u", "Accept-Encoding: gzip, br\r\nX-Test: a, b\r\n",
                     VARY_BOTH, "1");
    storesExpect("u", "X-Test: a, b\r\nAccept-Encoding: gzip,br\r\n", "1");
    storesExpect("u",
                 "X-Test: a, b\r\nAccept-Encoding: GZIP\r\n"
                 "Accept-Encoding: br\r\n",
                 "1");
    storesExpect("u", "X-Test: a, b\r\nAccept-Encoding: br,, gzip\r\n", "1");
    storesExpect("u", "X-Test: a\r\nX-Test: b\r\nAccept-Encoding: gzip, br\r\n",
                 "1");
    storesExpect("u", "X-Test: a ,\tb\r\nAccept-Encoding: gzip,br\r\n", "1");
    storesExpect("u", "X-Test: a b\r\nAccept-Encoding: gzip,br\r\n", NULL);
    storesExpect("u", "X-Test: \"a, b\"\r\nAccept-Encoding: gzip,br\r\n", NULL);
    storesExpect("u", "X-Test: b, a\r\nAccept-Encoding: gzip,br\r\n", NULL);
    storesExpect("u", "X-Test: A, b\r\nAccept-Encoding: gzip,br\r\n", NULL);
    storesExpect("u", "X-Test: a, b\r\nAccept-Encoding: gzipbr\r\n", NULL);
    storesExpect("u", "Accept-Encoding: gzip, br\r\n", NULL);
}

ALL(blanks_in_what_is_no_list_count_9111_4_1)
{
    storesPutVariant("u", "Cookie: a=1, 2\r\nX-Test: \"a, b\", c\r\n",
                     "Vary: Cookie, X-Test\r\n", "1");
    storesExpect("u", "Cookie: a=1, 2\r\nX-Test: \"a, b\",c\r\n", "1");
    storesExpect("u", "Cookie: a=1,2\r\nX-Test: \"a, b\", c\r\n", NULL);
    storesExpect("u", "Cookie: a=1, 2\r\nX-Test: \"a,b\", c\r\n", NULL);
}

ALL(weights_and_order_of_languages_count_9111_4_1)
{
    storesPutVariant("u", "Accept-Language: de;q=0.5, en\r\n", VARY_LANG, "1");
    storesExpect("u", "Accept-Language: DE ; q=0.5,EN\r\n", "1");
    storesExpect("u", "Accept-Language: de; Q=0.5, en\r\n", "1");
    storesExpect("u", "Accept-Language: en, de;q=0.5\r\n", NULL);
    storesExpect("u", "Accept-Language: de;q=0.6, en\r\n", NULL);
    storesExpect("u", "Accept-Language: de;q=0.50, en; Q=1.0\r\n", "1");
    storesExpect("u", "Accept-Language: de;q=0.500, en;q=1\r\n", "1");
    storesExpect("u", "Accept-Language: de;q=0.5000, en\r\n", NULL);
    storesExpect("u", "Accept-Language: de;q=0.5, en;q=0\r\n", NULL);
    storesExpect("u", "Accept-Language: de;q=0.5, en;q=0.1\r\n", NULL);
    storesExpect("u", "Accept-Language: de;q=0.5, en;q=10\r\n", NULL);
    storesExpect("u", "Accept-Language: de;q=0.5, en;q=1;x\r\n", NULL);
    storesExpect("u", "Accept-Language: d e;q=0.5, en\r\n", NULL);
    storesExpect("u", "Accept-Language: de;q=0.5;, en\r\n", NULL);
}

ALL(a_request_with_very_many_words_finds_nothing)
{
    static const char start[] = "Accept-Language: a";
    char line[1024];
    size_t len = sizeof(start) - 1;

    memcpy(line, start, len);
    for (int i = 0; i < 70; i++, len += 2)
        memcpy(line + len, ",a", 2);
    memcpy(line + len, "\r\n", 3);
    storesPutVariant("u", "Accept-Language: a\r\n", VARY_LANG, "1");
    storesExpect("u", line, NULL);
}

typedef struct Listed {
    unsigned count;
    char names[16][64];
    char values[16][64];
} Listed;

static void
onListed(const CacheListing *listing, void *data)
{
    Listed *listed = data;

    cr_assert_lt(listed->count, 16);
    snprintf(listed->names[listed->count], 64, "%.*s",
             HTTP_SLICE_ARG(listing->varyNames));
    snprintf(listed->values[listed->count++], 64, "%.*s",
             HTTP_SLICE_ARG(listing->varyValues));
}

/* A bit for each of the bodies "1" to "4" that is found by what was told. */
static unsigned
findListed(const CacheKey *key, const Listed *listed)
{
    unsigned found = 0;

    for (unsigned i = 0; i < listed->count; i++) {
        CacheObject *object =
            cacheStoreLookupVariant(store, key, httpSliceText(listed->names[i]),
                                    httpSliceText(listed->values[i]));
        cr_assert(object, "%s: %s", listed->names[i], listed->values[i]);
        for (unsigned n = 1; n <= 4; n++) {
            char body = (char)('0' + n);
            found |= storesHasBody(object, &body, 1) ? 1u << n : 0;
        }
        cacheObjectUnref(&object);
    }
    return found;
}

ALL(variants_are_found_by_what_was_told_of_them)
{
    Listed listed = {0};
    CacheKey key = storesKey("u");

    storesPutVariant("u", "Accept-Language: de;q=0.5, EN\r\n", VARY_LANG, "1");
    storesPutVariant("u", "", VARY_LANG, "2");
    storesPutVariant("u",
                     "X-Test: a, b\r\nX-Test: c\r\n"
                     "Accept-Encoding: gzip, br\r\n",
                     VARY_BOTH, "3");
    storesPutVariant("u", "X-Test:\r\n", VARY_BOTH, "4");
    cacheStoreListKey(store, &key, onListed, &listed);
    cr_assert_geq(listed.count, 4);
    cr_expect_eq(findListed(&key, &listed), 0x1e);
    cr_expect_null(cacheStoreLookupVariant(
        store, &key, httpSliceText("accept-language"), httpSliceText("\1fr,")));
    cr_expect_null(cacheStoreLookupVariant(store, &key, httpSliceText("a"),
                                           httpSlice("", 0)));
}

ALL(a_resource_may_change_its_vary)
{
    storesPutVariant("u", "Accept-Language: de\r\n", VARY_LANG, "old");
    storesPutVariant("u", "Accept-Language: de\r\nX-Test: 1\r\n", VARY_BOTH,
                     "new");
    storesExpect("u", "Accept-Language: de\r\nX-Test: 1\r\n", "new");
    storesExpect("u", "Accept-Language: de\r\nX-Test: 2\r\n", "old");
    storesPutVariant("u", "", "X: y\r\n", "all");
    storesExpect("u", "Accept-Language: de\r\nX-Test: 1\r\n", "all");
}

static void
checkVariantBound(void)
{
    char line[64];

    for (unsigned i = 0; i < storesVariantsMax + 6; i++) {
        snprintf(line, sizeof(line), "Accept-Language: l%u\r\n", i);
        storesPutVariant("u", line, VARY_LANG, "x");
    }
    cr_expect_eq(storesStats().objects, storesVariantsMax);
    storesExpect("u", "Accept-Language: l5\r\n", NULL);
    storesExpect("u", "Accept-Language: l6\r\n", "x");
}

Test(cacheVary, the_number_of_variants_is_bounded)
{
    checkVariantBound();
}

Test(cacheVaryLmdb, the_number_of_variants_is_bounded)
{
    checkVariantBound();
}

ALL(a_vary_that_cannot_be_kept_is_refused)
{
    static const char *const lines[] = {
        "Vary: *\r\n",
        "Vary: Accept, *\r\n",
        "Vary: a b\r\n",
        "Vary: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q\r\n",
    };

    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        StoresWritten refused =
            storesStart(&(StoresWrite){.url = "u", .lines = lines[i]});
        cr_expect_null(refused.writer, "%s", lines[i]);
        cr_expect_eq(refused.error, EINVAL, "%s", lines[i]);
    }
    storesExpectEmpty();
}

ALL(a_request_with_huge_vary_values_finds_nothing)
{
    static char line[10000] = "X-Test: ";

    memset(line + 8, 'x', sizeof(line) - 11);
    memcpy(line + sizeof(line) - 3, "\r\n", 3);
    storesPutVariant("u", "X-Test: 1\r\n", VARY_BOTH, "1");
    storesExpect("u", line, NULL);
    storesExpect("u", "X-Test: 1\r\n", "1");
    StoresWritten refused = storesStart(
        &(StoresWrite){.url = "u", .request = line, .lines = VARY_BOTH});
    cr_expect_eq(refused.error, EINVAL);
}

ALL(a_304_may_change_vary)
{
    storesPutVariant("u", "Accept-Language: de\r\n", VARY_LANG, "x");
    CacheObject *old = storesLookupFor("u", "Accept-Language: de\r\n");
    CacheObject *new = storesStart(&(StoresWrite){.url = "u",
                                                  .request = "X-Test: 1\r\n",
                                                  .lines = VARY_BOTH,
                                                  .update = old})
                           .object;

    cr_assert_not_null(new);
    cacheObjectUnref(&old);
    cacheObjectUnref(&new);
    cacheStoreFlush(store);
    cr_expect_eq(storesStats().objects, 1);
    storesExpect("u", "X-Test: 1\r\n", "x");
    storesExpect("u", "Accept-Language: de\r\n", NULL);
}
