/* test_mux_output.c: reply lines to Squid. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "mux_output.h"

static Buf out;

static void
init(void)
{
    bufInit(&out, 1000);
}

static void
fini(void)
{
    bufFini(&out);
}

TestSuite(muxOutput, .init = init, .fini = fini);

static void
expectText(const char *text)
{
    cr_assert_eq(bufLen(&out), strlen(text), "%.*s", (int)bufLen(&out),
                 bufData(&out));
    cr_assert_eq(memcmp(bufData(&out), text, bufLen(&out)), 0, "%.*s",
                 (int)bufLen(&out), bufData(&out));
    bufClear(&out);
}

static void
expectReply(HelperResult result, const char *said, const char *message,
            const char *text)
{
    HelperReply reply = {.result = result,
                         .line = said,
                         .lineLen = said ? strlen(said) : 0,
                         .message = message};

    cr_assert_eq(muxOutputReply(&out, "17", 2, &reply), 0);
    expectText(text);
}

Test(muxOutput, passes_what_a_helper_said)
{
    expectReply(HELPER_OK, "OK a=\"b c\"", "", "17 OK a=\"b c\"\n");
    expectReply(HELPER_ERR, "", "", "17 \n");
    expectReply(HELPER_UNKNOWN, "301:http://x/", "", "17 301:http://x/\n");
}

Test(muxOutput, makes_a_line_of_what_the_pool_says)
{
    expectReply(HELPER_OK, NULL, "late", "17 OK\n");
    expectReply(HELPER_ERR, NULL, "", "17 ERR\n");
    expectReply(HELPER_TIMEOUT, NULL, "no answer in time",
                "17 BH message=\"no answer in time\"\n");
    expectReply(HELPER_UNKNOWN, NULL, "a \"b\" \\ \n\x7f",
                "17 BH message=\"a \\\"b\\\" \\\\ ??\"\n");
    expectReply(HELPER_OVERLOAD, NULL, "", "17 BH message=\"OVERLOAD\"\n");
}

Test(muxOutput, leaves_the_id_out_where_there_is_none)
{
    cr_assert_eq(muxOutputRefuse(&out, "", 0, "why"), 0);
    expectText("BH message=\"why\"\n");
}

Test(muxOutput, bounds_a_long_reason)
{
    char why[500];

    memset(why, '"', sizeof(why) - 1);
    why[sizeof(why) - 1] = '\0';
    cr_assert_eq(muxOutputRefuse(&out, "1", 1, why), 0);
    cr_assert_leq(bufLen(&out), MUX_OUTPUT_MORE);
    cr_assert_eq(bufData(&out)[bufLen(&out) - 1], '\n');
}

Test(muxOutput, appends_nothing_when_it_is_full)
{
    bufFini(&out);
    bufInit(&out, 10);
    cr_assert_eq(muxOutputRefuse(&out, "1", 1, "why"), -ENOBUFS);
    cr_assert_eq(bufLen(&out), 0);
}
