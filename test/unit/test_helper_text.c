/* test_helper_text.c: request lines packed in chunks. */
#include <criterion/criterion.h>
#include <string.h>

#include "helper_text.h"

static HelperText store;
static HelperChunk *current;

static void
fini(void)
{
    helperTextUnref(&store, &current);
    helperTextFini(&store);
}

TestSuite(helperText, .fini = fini);

static HelperChunk *
put(size_t len, char **dataOut)
{
    *dataOut = helperTextReserve(&store, &current, len);
    memset(*dataOut, 'x', len);
    return helperTextCommit(current, len);
}

Test(helperText, lines_are_neighbours)
{
    char *first, *second;
    HelperChunk *a = put(100, &first);
    HelperChunk *b = put(50, &second);

    cr_assert_eq(a, b);
    cr_assert_eq(second, first + 100);
    helperTextUnref(&store, &a);
    helperTextUnref(&store, &b);
    cr_assert_null(a);
}

Test(helperText, room_not_used_is_not_kept)
{
    char *first, *second;

    first = helperTextReserve(&store, &current, 100);
    HelperChunk *a = helperTextCommit(current, 10);
    HelperChunk *b = put(10, &second);
    cr_assert_eq(second, first + 10);
    helperTextUnref(&store, &a);
    helperTextUnref(&store, &b);
}

Test(helperText, a_chunk_without_lines_is_filled_from_its_start)
{
    char *first, *second;

    HelperChunk *a = put(100, &first);
    helperTextUnref(&store, &a);
    a = put(100, &second);
    cr_assert_eq(first, second);
    helperTextUnref(&store, &a);
}

Test(helperText, a_line_keeps_its_chunk_and_later_lines_go_on_elsewhere)
{
    char *first, *data;
    HelperChunk *kept = put(100, &first);

    for (int i = 0; i < 1000; i++) {
        HelperChunk *chunk = put(100, &data);
        helperTextUnref(&store, &chunk);
    }
    for (int i = 0; i < 100; i++)
        cr_assert_eq(first[i], 'x');
    cr_assert_neq(current, kept);
    helperTextUnref(&store, &kept);
}

Test(helperText, a_long_line_has_a_chunk_of_its_own)
{
    char *data;
    HelperChunk *chunk = put(1000000, &data);

    cr_assert_geq(chunk->size, 1000000);
    HelperChunk *next = put(10, &data);
    cr_assert_neq(next, chunk);
    helperTextUnref(&store, &chunk);
    helperTextUnref(&store, &next);
}
