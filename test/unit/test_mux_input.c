/* test_mux_input.c: Squid's request lines out of a stream. */
#include <criterion/criterion.h>
#include <string.h>

#include "mux_input.h"

#define LINE_MAX_HERE 20

static MuxInput input;
static MuxLine line;

static void
fini(void)
{
    muxInputFini(&input);
}

TestSuite(muxInput, .fini = fini);

static void
initWith(bool hasIds)
{
    muxInputInit(&input, hasIds, LINE_MAX_HERE);
}

static void
feedOctets(const char *data, size_t len)
{
    size_t room;
    char *at = muxInputRoom(&input, &room);

    cr_assert_geq(room, len);
    memcpy(at, data, len);
    muxInputCommit(&input, len);
}

static void
feed(const char *text)
{
    feedOctets(text, strlen(text));
}

static void
expectLine(MuxInputKind kind, const char *id, const char *text)
{
    cr_assert_eq(muxInputNext(&input, &line), kind);
    cr_assert_eq(line.idLen, strlen(id));
    cr_assert_eq(memcmp(line.id, id, line.idLen), 0);
    cr_assert_eq(line.len, strlen(text), "%zu", line.len);
    cr_assert_eq(memcmp(line.text, text, line.len), 0);
}

static void
expectNone(void)
{
    cr_assert_eq(muxInputNext(&input, &line), MUX_INPUT_NONE);
}

Test(muxInput, splits_lines_and_ids)
{
    initWith(true);
    feed("1 a b\n22  two blanks\n18446744073709551615 x\n7\n8 \n9 c");
    expectLine(MUX_INPUT_REQUEST, "1", "a b");
    expectLine(MUX_INPUT_REQUEST, "22", " two blanks");
    expectLine(MUX_INPUT_REQUEST, "18446744073709551615", "x");
    expectLine(MUX_INPUT_REQUEST, "7", "");
    expectLine(MUX_INPUT_REQUEST, "8", "");
    expectNone();
    cr_assert(muxInputIsPartial(&input));
    feed("ut\r\n");
    expectLine(MUX_INPUT_REQUEST, "9", "cut\r");
    cr_assert(!muxInputIsPartial(&input));
}

Test(muxInput, tells_lines_without_id)
{
    initWith(true);
    feed("\nx\n 1 x\n1x\n-1 x\n123456789012345678901 x\n");
    expectLine(MUX_INPUT_NO_ID, "", "");
    expectLine(MUX_INPUT_NO_ID, "", "x");
    expectLine(MUX_INPUT_NO_ID, "", " 1 x");
    expectLine(MUX_INPUT_NO_ID, "", "1x");
    expectLine(MUX_INPUT_NO_ID, "", "-1 x");
    cr_assert_eq(muxInputNext(&input, &line), MUX_INPUT_TOO_LONG);
    cr_assert_eq(line.idLen, 0);
    expectNone();
}

Test(muxInput, leaves_digits_alone_where_there_are_no_ids)
{
    initWith(false);
    feed("1 a\n\n");
    expectLine(MUX_INPUT_REQUEST, "", "1 a");
    expectLine(MUX_INPUT_REQUEST, "", "");
}

Test(muxInput, passes_over_a_line_too_long_in_one_piece)
{
    initWith(true);
    feed("3 12345678901234567890\n4 123456789012345678901\n5 x\n");
    expectLine(MUX_INPUT_REQUEST, "3", "12345678901234567890");
    cr_assert_eq(muxInputNext(&input, &line), MUX_INPUT_TOO_LONG);
    cr_assert_eq(line.idLen, 1);
    cr_assert_eq(line.id[0], '4');
    expectLine(MUX_INPUT_REQUEST, "5", "x");
}

Test(muxInput, passes_over_a_line_too_long_in_many_pieces)
{
    initWith(true);
    feed("77 ");
    for (int i = 0; i < 200000; i++) {
        feed("z");
        expectNone();
    }
    cr_assert(muxInputIsPartial(&input));
    feed("\n6 y\n");
    expectLine(MUX_INPUT_TOO_LONG, "77", "");
    expectLine(MUX_INPUT_REQUEST, "6", "y");
    expectNone();
    cr_assert(!muxInputIsPartial(&input));
}

Test(muxInput, takes_octets_one_by_one)
{
    const char *text = "1 a\n2 b\n";
    int count = 0;

    initWith(true);
    for (; *text; text++) {
        feedOctets(text, 1);
        if (muxInputNext(&input, &line) == MUX_INPUT_REQUEST)
            count++;
    }
    cr_assert_eq(count, 2);
}
