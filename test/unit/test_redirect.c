/* Tests of the lines to and from URL rewriters. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "redirect.h"

#define ASKED "http://a.test/x"

/* Everything of one decision that a test looks at. */
typedef struct Answer {
    RedirectAction action;
    int status;
    char url[256];
    bool isWrong;
} Answer;

static Answer
answerTo(const char *line, const char *asked)
{
    char text[1024];
    char scratch[sizeof(text) + 2];
    HelperReply reply;
    RedirectAnswer answer;
    Answer out = {0};

    snprintf(text, sizeof(text), "%s", line);
    helperProtoParseReply(text, strlen(text), scratch, sizeof(scratch), &reply);
    redirectParseReply(&reply, httpSliceText(asked), &answer);
    out.action = answer.action;
    out.status = answer.status;
    out.isWrong = answer.why != NULL;
    if (answer.url.data != NULL)
        snprintf(out.url, sizeof(out.url), "%.*s", HTTP_SLICE_ARG(answer.url));
    return out;
}

typedef struct Case {
    const char *line;
    RedirectAction action;
    int status;
    const char *url;
    bool isWrong;
} Case;

static const Case cases[] = {
    {"", REDIRECT_UNCHANGED, 0, "", false},
    {"OK", REDIRECT_UNCHANGED, 0, "", false},
    {"ERR", REDIRECT_UNCHANGED, 0, "", false},
    {"ERR no change", REDIRECT_UNCHANGED, 0, "", false},
    {"OK note=x", REDIRECT_UNCHANGED, 0, "", false},
    {"BH message=broken", REDIRECT_UNCHANGED, 0, "", true},
    {"OK url=http://b.test/", REDIRECT_LOCATION, 302, "http://b.test/", false},
    {"OK status=301 url=\"http://b.test/\"", REDIRECT_LOCATION, 301,
     "http://b.test/", false},
    {"OK url=http://b.test/ status=303", REDIRECT_LOCATION, 303,
     "http://b.test/", false},
    {"OK status=307 url=http://b.test/", REDIRECT_LOCATION, 307,
     "http://b.test/", false},
    {"OK status=308 url=http://b.test/", REDIRECT_LOCATION, 308,
     "http://b.test/", false},
    {"OK status=200 url=http://b.test/", REDIRECT_UNCHANGED, 0, "", true},
    {"OK status=30x url=http://b.test/", REDIRECT_UNCHANGED, 0, "", true},
    {"OK url=/elsewhere", REDIRECT_LOCATION, 302, "/elsewhere", false},
    {"OK url=http://b.test/#top", REDIRECT_LOCATION, 302, "http://b.test/#top",
     false},
    {"OK url=ftp://b.test/f", REDIRECT_LOCATION, 302, "ftp://b.test/f", false},
    {"OK url=nonsense", REDIRECT_UNCHANGED, 0, "", true},
    {"OK url=http://", REDIRECT_UNCHANGED, 0, "", true},
    {"OK url=\"\"", REDIRECT_UNCHANGED, 0, "", true},
    {"OK url=" ASKED, REDIRECT_UNCHANGED, 0, "", true},
    {"OK rewrite-url=http://b.test/y", REDIRECT_REWRITE, 0, "http://b.test/y",
     false},
    {"OK rewrite-url=" ASKED, REDIRECT_UNCHANGED, 0, "", false},
    {"OK rewrite-url=b.test/y", REDIRECT_UNCHANGED, 0, "", true},
    {"OK rewrite-url=http://b.test/%20y", REDIRECT_UNCHANGED, 0, "", true},
    /* likely mistakes */
    {"OK rewrite_url=http://b.test/", REDIRECT_UNCHANGED, 0, "", true},
    {"OK URL=http://b.test/", REDIRECT_UNCHANGED, 0, "", true},
    {"OK status=301", REDIRECT_UNCHANGED, 0, "", true},
    {"OK rewrite-url=http://b.test/a file", REDIRECT_REWRITE, 0,
     "http://b.test/a", true},
    /* url wins, in either order */
    {"OK rewrite-url=http://b.test/ url=http://c.test/", REDIRECT_LOCATION, 302,
     "http://c.test/", false},
    {"OK url=http://c.test/ rewrite-url=http://b.test/", REDIRECT_LOCATION, 302,
     "http://c.test/", false},
    /* legacy forms */
    {"http://b.test/y", REDIRECT_REWRITE, 0, "http://b.test/y", false},
    {"http://b.test/y 127.0.0.1/- - GET", REDIRECT_REWRITE, 0,
     "http://b.test/y", false},
    {ASKED " 127.0.0.1/- - GET", REDIRECT_UNCHANGED, 0, "", false},
    {"301:http://b.test/", REDIRECT_LOCATION, 301, "http://b.test/", false},
    {"302:http://b.test/ rest", REDIRECT_LOCATION, 302, "http://b.test/",
     false},
    {"303:http://b.test/", REDIRECT_LOCATION, 303, "http://b.test/", false},
    {"307:http://b.test/", REDIRECT_LOCATION, 307, "http://b.test/", false},
    {"308:http://b.test/", REDIRECT_LOCATION, 308, "http://b.test/", false},
    {"300:http://b.test/", REDIRECT_UNCHANGED, 0, "", true},
    {"!cdn!http://b.test/y", REDIRECT_REWRITE, 0, "http://b.test/y", false},
    {"!cdn!301:http://b.test/", REDIRECT_LOCATION, 301, "http://b.test/",
     false},
    {"!cdn!", REDIRECT_UNCHANGED, 0, "", false},
    {"0 ERR", REDIRECT_UNCHANGED, 0, "", true},
    {ASKED " OK rewrite-url=http://b.test/", REDIRECT_UNCHANGED, 0, "", true},
    {ASKED " ERR", REDIRECT_UNCHANGED, 0, "", true},
    {"garbage", REDIRECT_UNCHANGED, 0, "", true},
    {"TT token", REDIRECT_UNCHANGED, 0, "", true},
    {"AF user", REDIRECT_UNCHANGED, 0, "", true},
    /* control octets never get through */
    {"OK url=http://b.test/%0d%0aX:%20y", REDIRECT_UNCHANGED, 0, "", true},
    {"http://b.test/\ty", REDIRECT_UNCHANGED, 0, "", true},
    {"301:http://b.test/\ry", REDIRECT_UNCHANGED, 0, "", true},
};

Test(redirectParse, every_reply_form)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const Case *expected = &cases[i];
        Answer got = answerTo(expected->line, ASKED);

        cr_assert_eq(got.action, expected->action, "%s: action %d",
                     expected->line, got.action);
        cr_assert_eq(got.status, expected->status, "%s: status %d",
                     expected->line, got.status);
        cr_assert_str_eq(got.url, expected->url, "%s", expected->line);
        cr_assert_eq(got.isWrong, expected->isWrong, "%s", expected->line);
    }
}

Test(redirectParse, connect_is_rewritten_to_host_and_port_only)
{
    cr_assert_eq(answerTo("OK rewrite-url=b.test:443", "a.test:443").action,
                 REDIRECT_REWRITE);
    cr_assert_eq(answerTo("OK rewrite-url=b.test", "a.test:443").action,
                 REDIRECT_UNCHANGED);
    cr_assert_eq(answerTo("OK rewrite-url=http://b.test/", "a.test:443").action,
                 REDIRECT_UNCHANGED);
}

static void
ignoreCode(const char *text, bool isUnknown, void *data)
{
    (void)isUnknown;
    (void)text;
    (void)data;
}

/* The query about a URL with these extras, or -EMSGSIZE. */
static ssize_t
formatQuery(const char *extras, char *out, size_t size)
{
    struct sockaddr_in client = {.sin_family = AF_INET};
    struct sockaddr_in6 local = {.sin6_family = AF_INET6};
    Format *format = formatCreate(extras, ignoreCode, NULL);
    FormatInput input = {.url = {.url = httpSliceText("http://h/p?q")},
                         .method = httpSliceText("GET"),
                         .client = (const void *)&client,
                         .local = (const void *)&local,
                         .user = "al ice%\n"};

    inet_pton(AF_INET, "10.0.0.1", &client.sin_addr);
    inet_pton(AF_INET6, "::ffff:10.0.0.9", &local.sin6_addr);
    local.sin6_port = htons(3128);
    ssize_t len = urlCallFormat(format, &input, out, size);
    formatDestroy(&format);
    return len;
}

Test(urlCall, default_extras)
{
    char out[256];

    formatQuery("%>a/%>A %un %>rm myip=%la myport=%lp", out, sizeof(out));
    cr_assert_str_eq(out, "http://h/p?q 10.0.0.1/- al%20ice%25%0A GET "
                          "myip=10.0.0.9 myport=3128");
}

Test(urlCall, unknown_codes_are_a_dash_each)
{
    char out[256];

    formatQuery("%{X-Foo}>h %ssl::>sni %>eui|%zz,%<st/%ru:%lp %{a", out,
                sizeof(out));
    cr_assert_str_eq(out, "http://h/p?q - - -|-,-/http://h/p?q:3128 -{a");
}

Test(urlCall, no_extras_is_the_url_alone)
{
    char out[256];

    formatQuery("", out, sizeof(out));
    cr_assert_str_eq(out, "http://h/p?q");
    formatQuery("100%% %", out, sizeof(out));
    cr_assert_str_eq(out, "http://h/p?q 100% -");
}

Test(urlCall, never_cut)
{
    const char expected[] = "http://h/p?q 10.0.0.1";
    char out[sizeof(expected)];

    cr_assert_eq(formatQuery("%>a", out, sizeof(expected)),
                 (ssize_t)sizeof(expected) - 1);
    cr_assert_eq(formatQuery("%>a", out, sizeof(expected) - 1), -EMSGSIZE);
}
