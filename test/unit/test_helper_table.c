/* test_helper_table.c: the table of lines, and its keyed hash. */
#include <criterion/criterion.h>
#include <string.h>

#include "helper_table.h"

static uint64_t
sipOf(const char *text)
{
    const uint64_t none[2] = {0, 0};

    return helperTableSip(none, text, strlen(text));
}

/* As Python 3.11 and later hash octets with PYTHONHASHSEED=0. */
Test(helperTable, hashes_as_others_do)
{
    cr_assert_eq(sipOf("a"), 0x407448d2b89b1813u);
    cr_assert_eq(sipOf("http://a"), 0x2a2d66e2fc066576u);
    cr_assert_eq(sipOf("http://www.example.com/a/page.html"),
                 0x6ecb17374d2d74f9u);
}

Test(helperTable, every_octet_the_length_and_the_seed_matter)
{
    const uint64_t seed[2] = {1, 2}, other[2] = {1, 3};
    char key[40] = {0};
    uint64_t plain = helperTableSip(seed, key, sizeof(key));

    for (size_t i = 0; i < sizeof(key); i++) {
        key[i] = 1;
        cr_assert_neq(helperTableSip(seed, key, sizeof(key)), plain, "%zu", i);
        key[i] = 0;
        cr_assert_neq(helperTableSip(seed, key, i), plain, "length %zu", i);
    }
    cr_assert_neq(helperTableSip(other, key, sizeof(key)), plain);
    cr_assert_eq(helperTableSip(seed, key, sizeof(key)), plain);
}

Test(helperTable, two_tables_hash_differently)
{
    HelperTable a, b;

    helperTableInit(&a, 0);
    helperTableInit(&b, 0);
    cr_assert(helperTableHash(&a, "line", 4) !=
                  helperTableHash(&b, "line", 4) ||
              helperTableHash(&a, "x", 1) != helperTableHash(&b, "x", 1));
    helperTableFini(&a);
    helperTableFini(&b);
}

static HelperTableNode *
find(const HelperTable *table, const char *key, size_t len)
{
    uint32_t hash = helperTableHash(table, key, len);
    HelperTableNode *node = helperTableFirst(table, hash);

    while (node && node->hash != hash)
        node = node->next;
    return node;
}

Test(helperTable, grows_and_loses_nothing)
{
    enum { COUNT = 5000 };
    static HelperTableNode nodes[COUNT];
    HelperTable table;

    helperTableInit(&table, 0);
    for (int i = 0; i < COUNT; i++) {
        nodes[i].hash = helperTableHash(&table, (char *)&i, sizeof(i));
        helperTableAdd(&table, &nodes[i]);
    }
    cr_assert_eq(table.count, COUNT);
    cr_assert_geq(table.mask + 1, COUNT);
    for (int i = 0; i < COUNT; i++)
        cr_assert_not_null(find(&table, (char *)&i, sizeof(i)));
    for (int i = 0; i < COUNT; i++)
        helperTableRemove(&table, &nodes[i]);
    cr_assert_eq(table.count, 0);
    for (int i = 0; i < COUNT; i++)
        cr_assert_null(find(&table, (char *)&i, sizeof(i)));
    helperTableFini(&table);
}
