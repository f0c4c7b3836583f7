/* test_http_date.c: reading three forms, writing one. */
#include "http_date.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(httpDate, .timeout = 20);

#define NOW ((time_t)1790000000) /* September 2026 */

typedef struct DateCase {
    const char *text;
    time_t when; /* -1: no date */
} DateCase;

static const DateCase cases[] = {
    {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
    {"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
    {"Sun Nov  6 08:49:37 1994", 784111777},
    {"Sun Nov 16 08:49:37 1994", 784975777},
    {"sun, 06 nov 1994 08:49:37 GMT", 784111777},
    {"SUNDAY, 06-NOV-94 08:49:37 gmt", 784111777},
    {"sun nov  6 08:49:37 1994", 784111777},
    {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
    {"Tue, 29 Feb 2028 00:00:00 GMT", 1835395200},
    {"Fri, 31 Dec 9999 23:59:59 GMT", 253402300799},
    {"Sat, 31 Dec 2016 23:59:60 GMT", 1483228799},
    {"Sunday, 06-Nov-70 08:49:37 GMT", 3182489377},
    {"Sunday, 06-Nov-77 08:49:37 GMT", 247654177},
    {"", -1},
    {"0", -1},
    {"-1", -1},
    {"Sun, 06 Nov 1994 08:49:37", -1},
    {"Sun, 06 Nov 1994 08:49:37 GMT+1", -1},
    {"Sun, 06 Nov 1994 08:49:37 CET", -1},
    {"Sun, 06 Nov 1994 24:00:00 GMT", -1},
    {"Sun, 06 Nov 1994 08:60:37 GMT", -1},
    {"Sun, 06 Nov 1994 08:49:61 GMT", -1},
    {"Sun, 31 Nov 1994 08:49:37 GMT", -1},
    {"Sun, 00 Nov 1994 08:49:37 GMT", -1},
    {"Sun, 29 Feb 2027 08:49:37 GMT", -1},
    {"Sun, 06 Nix 1994 08:49:37 GMT", -1},
    {"Sun, 06 Nov 1969 08:49:37 GMT", -1},
    {"Wed Nov  6 08:49:37 1994 and more", -1},
    {"06 Nov 1994", -1},
    {"Sun 06 Nov 1994 08:49:37 GMT", -1},
    {"Sun,06 Nov 1994 08:49:37 GMT", -1},
    {"Sun,  06 Nov 1994 08:49:37 GMT", -1},
    {"Sun, 6 Nov 1994 08:49:37 GMT", -1},
    {"Sun, 06 Nov 94 08:49:37 GMT", -1},
    {"Sun, 06 Nov 1994 8:49:37 GMT", -1},
    {"Sun, 06 Nov 1994 08.49.37 GMT", -1},
    {"Sun, 06-Nov-1994 08:49:37 GMT", -1},
    {"Sun, 06-Nov-94 08:49:37 GMT", -1},
    {"Wednesdays, 06-Nov-94 08:49:37 GMT", -1},
    {"Sun Nov 6 08:49:37 1994", -1},
    {"Sun, +6 Nov 1994 08:49:37 GMT", -1},
    {"Sun, 06 Nov 1994 08:49: 7 GMT", -1},
    {"Sun, 06 Nov 1994 08:49:37 GMT                                     x", -1},
};

Test(httpDate, three_forms_are_read_and_nothing_else_9110_5_6_7)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        time_t when = 42;
        bool isDate = httpDateParse(httpSliceText(cases[i].text), NOW, &when);
        cr_expect_eq(isDate, cases[i].when >= 0, "%s", cases[i].text);
        cr_expect_eq(when, isDate ? cases[i].when : 42, "%s: %lld",
                     cases[i].text, (long long)when);
    }
}

Test(httpDate, what_is_cut_or_has_nul_is_no_date)
{
    static const char text[] = "Sun, 06 Nov 1994 08:49:37 GMT";
    time_t when;

    for (size_t len = 0; len < sizeof(text) - 1; len++)
        cr_expect_not(httpDateParse(httpSlice(text, len), NOW, &when));
    cr_expect_not(httpDateParse(httpSlice(text, sizeof(text)), NOW, &when));
}

Test(httpDate, writing_and_reading_agree)
{
    for (time_t when = 0; when < (time_t)8000000000; when += 86400 * 37 + 61) {
        char text[HTTP_DATE_SIZE];
        time_t back = -1;
        httpDateFormat(when, text);
        cr_assert_eq(strlen(text), HTTP_DATE_SIZE - 1);
        cr_assert(httpDateParse(httpSliceText(text), NOW, &back));
        cr_assert_eq(back, when, "%s", text);
    }
}

Test(httpDate, text_of_a_second_is_kept)
{
    HttpSlice first = httpDateText(784111777);

    cr_expect(
        httpSliceEqual(first, httpSliceText("Sun, 06 Nov 1994 08:49:37 GMT")));
    cr_expect_eq(httpDateText(784111777).data, first.data);
    cr_expect(httpSliceEqual(httpDateText(784111778),
                             httpSliceText("Sun, 06 Nov 1994 08:49:38 GMT")));
}
