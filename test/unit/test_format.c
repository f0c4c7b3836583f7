/* Tests of texts with codes. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "format.h"

static unsigned complaints;

static void
onComplaint(const char *text, bool isUnknown, void *data)
{
    (void)data;
    cr_assert(strchr(text, '%') != NULL, "%s", text);
    complaints += isUnknown;
}

/* A request of Squid's own test run, with what may be hard about it. */
typedef struct Sample {
    struct sockaddr_in client;
    struct sockaddr_in local;
    HttpHeaders headers;
    NoteList notes;
    NoteList clientNotes;
    FormatInput input;
} Sample;

static void
addField(Sample *sample, const char *name, const char *value)
{
    cr_assert_eq(httpHeaderAdd(&sample->headers, httpSliceText(name),
                               httpSliceText(value)),
                 0);
}

static void
setUp(Sample *sample)
{
    memset(sample, 0, sizeof(*sample));
    sample->client.sin_family = sample->local.sin_family = AF_INET;
    inet_pton(AF_INET, "10.0.0.1", &sample->client.sin_addr);
    inet_pton(AF_INET, "10.0.0.9", &sample->local.sin_addr);
    sample->client.sin_port = htons(4321);
    sample->local.sin_port = htons(3128);
    httpHeaderInit(&sample->headers, 65536);
    addField(sample, "User-Agent", "agent \"q\" 100% \\back");
    addField(sample, "Cookie", "a=1; id=x,y; b=2");
    addField(sample, "X-List", "one=1, two=\"2, 3\"");
    addField(sample, "X-List", "three=3");
    addField(sample, "X-Empty", "");
    noteListAdd(&sample->notes, "group", "staff");
    noteListAdd(&sample->notes, "group", "two words");
    noteListAdd(&sample->clientNotes, "clt_conn_tag", "t1");
    sample->input = (FormatInput){
        .client = (const void *)&sample->client,
        .clientName = "pc 1.test",
        .local = (const void *)&sample->local,
        .method = httpSliceText("GET"),
        .url = {.url = httpSliceText("http://h.test:8080/a%20b?x=1&z=\"w\"|"),
                .scheme = "http",
                .host = httpSliceText("h.test"),
                .port = 8080,
                .path = httpSliceText("/a%20b?x=1&z=\"w\"|")},
        .request = &sample->headers,
        .user = "al ice%",
        .extUser = "ext\nuser",
        .extLog = "log",
        .extTag = "tag",
        .notes = &sample->notes,
        .clientNotes = &sample->clientNotes,
        .aclName = "name",
        .data = httpSliceText("a%20b c"),
    };
}

static void
tearDown(Sample *sample)
{
    httpHeaderFini(&sample->headers);
    noteListClear(&sample->notes);
    noteListClear(&sample->clientNotes);
}

static const struct {
    const char *text;
    const char *shown;
} rows[] = {
    {"", ""},
    {"plain 100%%", "plain 100%"},
    {"%>a %>p %la %lp %>la %>lp", "10.0.0.1 4321 10.0.0.9 3128 10.0.0.9 3128"},
    {"%>rm %>rs %>rd %>rP", "GET http h.test 8080"},
    {"%>A", "pc%201.test"},
    /* hazards 5 and 6: one word, that can be decoded */
    {"%ul %un", "al%20ice%25 al%20ice%25"},
    {"%ue %ea %et", "ext%0Auser log tag"},
    {"%>rp", "/a%2520b?x=1&z=%22w%22%7C"},
    {"%ru", "http://h.test:8080/a%2520b?x=1&z=%22w%22%7C"},
    {"%>ha{User-Agent}", "agent%20%22q%22%20100%25%20%5Cback"},
    {"%{User-Agent}>h", "agent%20%22q%22%20100%25%20%5Cback"},
    /* quoting */
    {"%#>ha{User-Agent}", "agent%20%22q%22%20100%25%20%5Cback"},
    {"%\">ha{User-Agent}", "agent \\\"q\\\" 100% \\\\back"},
    {"%/>ha{User-Agent}", "\"agent \\\"q\\\" 100% \\\\back\""},
    {"%[>ha{User-Agent}", "agent \"q\" 100%25 \\\\back"},
    {"%'>ha{User-Agent}", "agent \"q\" 100% \\back"},
    {"%'ru", "http://h.test:8080/a%20b?x=1&z=\"w\"|"},
    {"%\"ue %[ue %/ue", "ext\\nuser ext\\nuser ext\\nuser"},
    /* members of lists */
    {"%>ha{Cookie:;id}", "x,y"},
    {"%>ha{Cookie:;none}", "-"},
    {"%>ha{X-List:two}", "%222,%203%22"},
    {"%>ha{X-List:three}", "3"},
    {"%'>ha{X-List}", "one=1, two=\"2, 3\", three=3"},
    {"%>ha{x-list:ONE}", "1"},
    /* what is missing */
    {"%>ha{X-Empty} %>ha{X-None} %<h{Server}", "- - -"},
    {"%ui %us %>eui %USER_CERT_CN %ssl::>sni", "- - - - -"},
    /* annotations */
    {"%note{group}", "staff,%20two%20words"},
    {"%note{clt_conn_tag} %{none}note", "t1 -"},
    /* external_acl_type */
    {"%ACL %DATA", "name a%20b c"},
    {"%LOGIN %SRC %SRCPORT", "al%20ice%25 10.0.0.1 4321"},
    {"%METHOD %PROTO %DST %PORT", "GET http h.test 8080"},
    {"%MYADDR %MYPORT %EXT_LOG", "10.0.0.9 3128 log"},
    {"%EXT_USER %TAG %EXT_TAG", "ext%0Auser tag tag"},
    {"%PATH", "/a%2520b?x=1&z=%22w%22%7C"},
    {"%>{User-Agent} %>{Cookie:;b}", "agent%20%22q%22%20100%25%20%5Cback 2"},
    {"%<{Server} %IDENT %SRCEUI48", "- - -"},
    /* widths */
    {"[%5>rs|%-6>rs|%06>p|%.2>rs]", "[ http|http  |004321|ht]"},
};

static const FormatLog someLog = {
    .wallUs = INT64_C(1795380539023456), /* 2026-11-22T20:48:59Z */
    .elapsedUs = 12999,
    .number = 7,
    .result = "TCP_MISS",
    .end = "_ABORTED",
    .hierarchy = "HIER_DIRECT",
    .peer = "192.0.2.1",
    .peerPort = 8080,
    .ownAddr = "192.0.2.9",
    .ownPort = 4000,
    .peerMs = -1,
    .peersMs = 17,
    .minor = 1,
    .status = 200,
    .originStatus = 304,
    .received = 300,
    .receivedHead = 280,
    .sent = 1000,
    .originBody = 900,
    .type = "text/html; charset=utf-8",
    .error = "ERR_NONE",
    .stripQuery = true,
};

static const struct {
    const char *text;
    const char *shown;
} logRows[] = {
    {"%ts.%03tu %6tr %tS", "1795380539.023     12 1795380539.010"},
    {"[%tg] %{%Y-%m-%dT%H:%M:%S}tg",
     "[22/Nov/2026:20:48:59 +0000] 2026-11-22T20:48:59"},
    {"%Ss/%03>Hs %Hs %<Hs %Sh/%<a %<A %mt %sn",
     "TCP_MISS_ABORTED/200 200 304 HIER_DIRECT/192.0.2.1 h.test text/html 7"},
    {"%st %>st %>sh %<st %<bs", "1300 300 280 1000 900"},
    {"HTTP/%rv %>rv %err_code %err_detail", "HTTP/1.1 1.1 ERR_NONE -"},
    {"%rm %http::>rm %<rm %<rs %<rd %<rP", "GET GET GET http h.test 8080"},
    /* the query is left out of %ru only; a percent sign stays as it is */
    {"%ru %>ru",
     "http://h.test:8080/a%20b? http://h.test:8080/a%20b?x=1&z=\"w\"|"},
    {"%un %ue", "al%20ice% ext%0Auser"},
    {"\"%{User-Agent}>h\"", "\"agent \\\"q\\\" 100% \\\\back\""},
    {"[%un] %un", "[al ice%25] al%20ice%"},
    {"%'ue", "ext%0Auser"},
    {"[%>h]", "[User-Agent: agent \"q\" 100%25 \\\\back\\r\\nCookie: a=1; "
              "id=x,y; b=2\\r\\nX-List: one=1, two=\"2, 3\"\\r\\nX-List: "
              "three=3\\r\\nX-Empty: \\r\\n]"},
    {"\"%note\"", "\"clt_conn_tag: t1\\r\\ngroup: staff\\r\\ngroup: two "
                  "words\""},
    {"%<p %<la %<lp %<pt %<tt", "8080 192.0.2.9 4000 - 17"},
    {"%<sh %ssl::>sni %icap::tt %adapt::all_trs", "- - - -"},
};

Test(format, codes_of_logs)
{
    Sample sample;

    setUp(&sample);
    sample.input.log = &someLog;
    for (size_t i = 0; i < sizeof(logRows) / sizeof(logRows[0]); i++) {
        Format *format = formatCreateLog(logRows[i].text, onComplaint, NULL);
        char out[512];
        size_t len = formatExpandLog(format, &sample.input, out, sizeof(out));

        cr_expect_eq(len, strlen(logRows[i].shown), "%s: %.*s", logRows[i].text,
                     (int)len, out);
        cr_expect_eq(memcmp(out, logRows[i].shown, len), 0, "%s: %.*s",
                     logRows[i].text, (int)len, out);
        formatDestroy(&format);
    }
    cr_expect_eq(complaints, 0);
    tearDown(&sample);
}

Test(format, a_line_of_a_log_is_cut_where_there_is_no_room)
{
    Sample sample;
    char out[8];

    setUp(&sample);
    Format *format = formatCreateLog("%>rm %>ru %>rm", onComplaint, NULL);
    size_t len = formatExpandLog(format, &sample.input, out, sizeof(out));
    cr_expect_eq(len, 4);
    cr_expect_eq(memcmp(out, "GET ", len), 0);
    formatDestroy(&format);
    tearDown(&sample);
}

Test(format, what_is_no_code_is_told)
{
    Format *format = formatCreateLog("%>a %zz", onComplaint, NULL);

    cr_expect_eq(complaints, 1);
    formatDestroy(&format);
}

Test(format, every_code)
{
    Sample sample;

    setUp(&sample);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        Format *format = formatCreate(rows[i].text, onComplaint, NULL);
        char out[512];
        ssize_t len = formatExpand(format, &sample.input, out, sizeof(out));

        cr_assert_geq(len, 0, "%s", rows[i].text);
        cr_expect_eq((size_t)len, strlen(rows[i].shown), "%s: %.*s",
                     rows[i].text, (int)len, out);
        cr_expect_eq(memcmp(out, rows[i].shown, (size_t)len), 0, "%s: %.*s",
                     rows[i].text, (int)len, out);
        formatDestroy(&format);
    }
    cr_expect_eq(complaints, 0);
    tearDown(&sample);
}

Test(format, unknown_codes_are_told_and_a_dash)
{
    static const char *const bad[] = {"%zz",  "%",     "%{a",
                                      "%>ha", "%note", "%99999zz"};
    Sample sample;
    char out[2048];

    setUp(&sample);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        unsigned before = complaints;
        Format *format = formatCreate(bad[i], onComplaint, NULL);

        cr_expect_eq(complaints, before + 1, "%s", bad[i]);
        cr_expect_geq(formatExpand(format, &sample.input, out, sizeof(out)), 1,
                      "%s", bad[i]);
        cr_expect(memchr(out, '-', 2000) != NULL, "%s", bad[i]);
        formatDestroy(&format);
    }
    tearDown(&sample);
}

Test(format, knows_what_is_in_it)
{
    Format *format = formatCreate("x %LOGIN %DATA", onComplaint, NULL);
    Format *empty = formatCreate("", onComplaint, NULL);

    cr_expect(formatHas(format, "ul"), "by any of its names");
    cr_expect(formatHas(format, "DATA"));
    cr_expect_not(formatHas(format, "ACL"));
    cr_expect_not(formatIsEmpty(format));
    cr_expect(formatIsEmpty(empty));
    formatDestroy(&format);
    formatDestroy(&empty);
    cr_expect_null(format);
}

Test(format, never_cut_and_never_two_lines)
{
    Format *format = formatCreate("%>a %ue", onComplaint, NULL);
    Format *raw = formatCreate("%'ue", onComplaint, NULL);
    Sample sample;
    char out[64];

    setUp(&sample);
    ssize_t len = formatExpand(format, &sample.input, out, sizeof(out));
    cr_assert_gt(len, 0);
    for (size_t size = 0; size < (size_t)len; size++)
        cr_expect_eq(formatExpand(format, &sample.input, out, size), -EMSGSIZE,
                     "%zu", size);
    cr_expect_eq(formatExpand(format, &sample.input, out, (size_t)len), len);
    cr_expect_eq(formatExpand(raw, &sample.input, out, sizeof(out)), -EINVAL,
                 "a line may not end in a value");
    formatDestroy(&format);
    formatDestroy(&raw);
    tearDown(&sample);
}

/* The codes with ">" and the old names show what the client has asked for. */
Test(format, tells_a_rewritten_url_from_the_clients)
{
    const char *text = "%>ru %URI %>rs %>rd %DST %>rP %>rp %PATH|%ru %rp";
    const FormatUrl client = {.url = httpSliceText("http://old.test:81/a?b"),
                              .scheme = "http",
                              .host = httpSliceText("old.test"),
                              .port = 81,
                              .path = httpSliceText("/a?b")};
    FormatInput input = {.url = {.url = httpSliceText("https://new.test/c"),
                                 .scheme = "https",
                                 .host = httpSliceText("new.test"),
                                 .port = 443,
                                 .path = httpSliceText("/c")},
                         .clientUrl = &client};
    Format *format = formatCreate(text, NULL, NULL);
    char out[256] = "";

    cr_assert_gt(formatExpand(format, &input, out, sizeof(out) - 1), 0);
    cr_expect_str_eq(out,
                     "http://old.test:81/a?b http://old.test:81/a?b http "
                     "old.test old.test 81 /a?b /a?b|https://new.test/c /c");
    formatDestroy(&format);
}
