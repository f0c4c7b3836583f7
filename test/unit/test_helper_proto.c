/* test_helper_proto.c: every reply form, channel-IDs, and decode(encode(x)). */
#include "helper_proto.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define TEST_LINE_MAX 4096

static char lineBuf[TEST_LINE_MAX];
static char scratch[TEST_LINE_MAX + 2];

static int
parseLen(const char *text, size_t len, HelperReply *reply)
{
    memcpy(lineBuf, text, len);
    lineBuf[len] = '\0';
    return helperProtoParseReply(lineBuf, len, scratch, len + 2, reply);
}

static int
parse(const char *text, HelperReply *reply)
{
    return parseLen(text, strlen(text), reply);
}

typedef struct FormCase {
    const char *line;
    HelperResult result;
    const char *text; /* NULL: not looked at */
    const char *message;
    const char *key;   /* NULL: no pair looked at */
    const char *value; /* NULL: the key must be absent */
} FormCase;

static const FormCase formCases[] = {
    {"OK", HELPER_OK, "", "", NULL, NULL},
    {"OK ", HELPER_OK, "", "", NULL, NULL},
    {"OK\r", HELPER_OK, "", "", NULL, NULL},
    {"OK \r", HELPER_OK, "", "", NULL, NULL},
    {"OK url=http://h/a", HELPER_OK, "url=http://h/a", "", "url", "http://h/a"},
    {"OK  status=308 \turl=\"http://new.test/a\\\"b c%41\"\r", HELPER_OK,
     "status=308 \turl=\"http://new.test/a\\\"b c%41\"", "", "url",
     "http://new.test/a\"b c%41"},
    {"OK url=http://new.test/x%20y%41&z=1", HELPER_OK, NULL, "", "url",
     "http://new.test/x yA&z=1"},
    {"OK url=http://a/ url=http://b/", HELPER_OK, NULL, "", "url", "http://a/"},
    {"OK token= user=joe", HELPER_OK, NULL, "token= user=joe", "token", NULL},
    {"OK user=joe token=", HELPER_OK, NULL, "", "token", ""},
    {"OK token=\"\" user=joe", HELPER_OK, NULL, "", "user", "joe"},
    {"OK token=YWJj== user=joe", HELPER_OK, NULL, "", "token", "YWJj=="},
    {"OK x = y", HELPER_OK, "x = y", "x = y", "x", NULL},
    {"OK k=a\"b c\"d", HELPER_OK, NULL, "", "k", "ab cd"},
    {"OK k=\"ab\"cd", HELPER_OK, NULL, "", "k", "abcd"},
    {"OK k=\"ab cd", HELPER_OK, NULL, "", "k", "ab cd"},
    {"OK k=\"ab\\", HELPER_OK, NULL, "", "k", "ab\\"},
    {"OK k=a\\nb", HELPER_OK, NULL, "", "k", "a\\nb"},
    {"OK k=%%41", HELPER_OK, NULL, "", "k", "%41"},
    {"OK k=%%", HELPER_OK, NULL, "", "k", "%%"},
    {"OK k=a%00b%4", HELPER_OK, NULL, "", "k", "a%00b%4"},
    {"OK k=%zz%4g", HELPER_OK, NULL, "", "k", "%zz%4g"},
    {"OK k=%E2%82%ac", HELPER_OK, NULL, "", "k", "\xe2\x82\xac"},
    {"OK =v", HELPER_OK, NULL, "", "", "v"},
    {"OK clt_conn_tag=a my_key_=b rest", HELPER_OK, NULL, "rest", "my_key_",
     "b"},
    {"ERR", HELPER_ERR, "", "", NULL, NULL},
    {"ERR free text", HELPER_ERR, "free text", "free text", NULL, NULL},
    {"ERR message=\"no way\" tail", HELPER_ERR, NULL, "tail", "message",
     "no way"},
    {"BH", HELPER_BH, "", "", NULL, NULL},
    {"BH free text", HELPER_BH, "free text", "free text", NULL, NULL},
    {"BH message=\"db down\"", HELPER_BH, NULL, "", "message", "db down"},
    {"", HELPER_ERR, "", "", NULL, NULL},
    {"\r", HELPER_ERR, "", "", NULL, NULL},
    {"http://h/p", HELPER_UNKNOWN, "http://h/p", "", NULL, NULL},
    {"http://h/p 10.0.0.1/- - GET", HELPER_UNKNOWN,
     "http://h/p 10.0.0.1/- - GET", "", NULL, NULL},
    {"301:http://h/p\r", HELPER_UNKNOWN, "301:http://h/p", "", NULL, NULL},
    {"!grp!http://h/p", HELPER_UNKNOWN, "!grp!http://h/p", "", NULL, NULL},
    {"0123456789abcdef0123456789abcdef", HELPER_UNKNOWN,
     "0123456789abcdef0123456789abcdef", "", NULL, NULL},
    {" ERR", HELPER_UNKNOWN, " ERR", "", NULL, NULL},
    {"ok", HELPER_UNKNOWN, "ok", "", NULL, NULL},
    {"OKAY", HELPER_UNKNOWN, "OKAY", "", NULL, NULL},
    {"E", HELPER_UNKNOWN, "E", "", NULL, NULL},
    {"TT abc==", HELPER_TT, "abc==", "", "token", "abc=="},
    {"TT abc== clt_conn_tag=x", HELPER_TT, NULL, "", "clt_conn_tag", "x"},
    {"TT ", HELPER_TT, "", "", "token", NULL},
    {"AF joe", HELPER_AF, "joe", "", "user", "joe"},
    {"AF joe ", HELPER_AF, "joe ", "", "user", "joe"},
    {"AF DOM\\joe%41", HELPER_AF, NULL, "", "user", "DOM\\joe%41"},
    {"AF tok== joe@REALM group=a", HELPER_AF, NULL, "", "user", "joe@REALM"},
    {"AF = joe", HELPER_AF, NULL, "", "token", "="},
    {"NA message=x is not parsed", HELPER_NA, NULL, "message=x is not parsed",
     "message", NULL},
    {"OK 12 host=a\ncert_0=b\n", HELPER_OK, "12 host=a\ncert_0=b\n",
     "12 host=a\ncert_0=b\n", "host", NULL},
    {"ERR 9 error_x=\n", HELPER_ERR, NULL, "9 error_x=\n", NULL, NULL},
};

static void
checkForm(const FormCase *form)
{
    HelperReply reply;
    int rc = parse(form->line, &reply);

    cr_assert_eq(rc, 0, "%s", form->line);
    cr_assert_eq(reply.result, form->result, "%s", form->line);
    cr_assert_str_eq(reply.message, form->message, "%s", form->line);
    cr_assert_eq(reply.textLen, strlen(reply.text), "%s", form->line);
    if (form->text)
        cr_assert_str_eq(reply.text, form->text, "%s", form->line);
    if (!form->key)
        return;
    const char *value = helperReplyGet(&reply, form->key);
    if (form->value)
        cr_assert_str_eq(value ? value : "(none)", form->value, "%s",
                         form->line);
    else
        cr_assert_null(value, "%s", form->line);
}

Test(helperProto, parses_every_reply_form)
{
    for (size_t i = 0; i < sizeof(formCases) / sizeof(*formCases); i++)
        checkForm(&formCases[i]);
}

Test(helperProto, af_two_words_are_token_and_user)
{
    HelperReply reply;
    cr_assert_eq(parse("AF tok== joe group=a group=b", &reply), 0);
    cr_assert_eq(reply.pairCount, 4u);
    cr_assert_str_eq(helperReplyGet(&reply, "token"), "tok==");
    cr_assert_str_eq(helperReplyGet(&reply, "user"), "joe");
    cr_assert_str_eq(reply.pairs[3].value, "b");
}

static void
checkRefused(const char *line, size_t len)
{
    HelperReply reply;
    cr_assert_eq(parseLen(line, len, &reply), -EBADMSG, "%s", line);
    cr_assert_eq(reply.result, HELPER_UNKNOWN);
    cr_assert_eq(reply.pairCount, 0u);
    cr_assert_gt(strlen(reply.message), 0u);
    cr_assert_eq(reply.textLen, strlen(reply.text));
}

Test(helperProto, refuses_nul_anywhere)
{
    checkRefused("OK\0", 3);
    checkRefused("OK \0x", 5);
    checkRefused("\0", 1);
    checkRefused("http://h/\0x", 11);
    checkRefused("OK k=v\0", 7);
    checkRefused("O\0K", 3);
}

Test(helperProto, refuses_control_octets_in_decoded_values)
{
    static const char *const lines[] = {
        "OK url=http://x/%0d%0aX-Injected:%20yes",
        "OK a=b message=\"one\\ntwo\"",
        "OK a=%7fx",
        "OK a=\"tab\there\"",
        "TT a\x01",
        "AF joe\x1f",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
        checkRefused(lines[i], strlen(lines[i]));
}

Test(helperProto, pairs_beyond_the_maximum_are_dropped)
{
    char line[1024] = "OK";
    HelperReply reply;
    size_t len = 2;

    for (int i = 0; i < HELPER_PROTO_PAIRS_MAX + 10; i++)
        len += (size_t)snprintf(line + len, sizeof(line) - len, " k=%d", i);
    snprintf(line + len, sizeof(line) - len, " tail");
    cr_assert_eq(parse(line, &reply), 0);
    cr_assert_eq(reply.pairCount, (unsigned)HELPER_PROTO_PAIRS_MAX);
    cr_assert_str_eq(reply.message, "tail");
}

Test(helperProto, scratch_too_small_is_our_mistake, .signal = SIGABRT)
{
    HelperReply reply;
    char line[] = "OK k=v";
    helperProtoParseReply(line, 6, scratch, 7, &reply);
}

static size_t
parseId(const char *line, uint32_t *id)
{
    return helperProtoParseId(line, strlen(line), id);
}

Test(helperProto, channel_id_is_digits_then_blanks_or_end)
{
    uint32_t id = 77;
    cr_assert_eq(parseId("0 OK", &id), 2u);
    cr_assert_eq(id, 0u);
    cr_assert_eq(parseId("12 \t OK", &id), 5u);
    cr_assert_eq(id, 12u);
    cr_assert_eq(parseId("2147483647", &id), 10u);
    cr_assert_eq(id, 2147483647u);
}

Test(helperProto, what_is_no_channel_id_is_refused)
{
    static const char *const lines[] = {
        "2147483648 OK",
        "99999999999999999999 OK",
        "ERR",
        "3x",
        "-3 OK",
        " 3 OK",
        "",
        "301:http://h/",
    };
    uint32_t id = 5;
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
        cr_assert_eq(parseId(lines[i], &id), 0u, "%s", lines[i]);
    cr_assert_eq(id, 5u);
}

Test(helperProto, channel_id_roundtrip)
{
    for (uint64_t id = 0; id <= HELPER_PROTO_ID_MAX; id = id * 3 + 1) {
        char text[12];
        uint32_t back = 0;
        size_t len = helperProtoFormatId((uint32_t)id, text);
        cr_assert_leq(len, 11u);
        cr_assert_eq(helperProtoParseId(text, len, &back), len);
        cr_assert_eq(back, id);
    }
}

static void
checkQuote(HelperQuote quote, const char *value, const char *expected)
{
    char out[256];
    size_t used = 0;
    size_t len = strlen(value);
    cr_assert_eq(helperProtoQuote(quote, value, len, out, 256, &used), 0);
    out[used] = '\0';
    cr_assert_str_eq(out, expected);
}

Test(helperProto, quoting_styles)
{
    checkQuote(HELPER_QUOTE_NONE, "a b\"%", "a b\"%");
    checkQuote(HELPER_QUOTE_URL, "al ice%\t\"\xc3~", "al%20ice%25%09%22%C3%7E");
    checkQuote(HELPER_QUOTE_URL, "http://h/p?a=b&c=d", "http://h/p?a=b&c=d");
    checkQuote(HELPER_QUOTE_STRING, "", "\"\"");
    checkQuote(HELPER_QUOTE_STRING, "a \"b\\\r\n", "\"a \\\"b\\\\\\r\\n\"");
}

static void
checkQuoteFails(HelperQuote quote, const char *value, size_t len, int error)
{
    char out[8];
    size_t used = 3;
    cr_assert_eq(helperProtoQuote(quote, value, len, out, 8, &used), error);
    cr_assert_eq(used, 3u);
}

Test(helperProto, quoting_errors_leave_used_alone)
{
    checkQuoteFails(HELPER_QUOTE_URL, "a  ", 3, -ENOBUFS);
    checkQuoteFails(HELPER_QUOTE_STRING, "abcd", 4, -ENOBUFS);
    checkQuoteFails(HELPER_QUOTE_NONE, "abcdef", 6, -ENOBUFS);
    for (int quote = 0; quote < HELPER_QUOTE_COUNT; quote++)
        checkQuoteFails((HelperQuote)quote, "\0", 1, -EINVAL);
    checkQuoteFails(HELPER_QUOTE_STRING, "\t", 1, -EINVAL);
    checkQuoteFails(HELPER_QUOTE_NONE, "\n", 1, -EINVAL);
}

static char formatted[64];

static ssize_t
formatOne(HelperResult result, const char *key, const char *value,
          const char *message, size_t size)
{
    HelperReply reply = {.result = result,
                         .text = message,
                         .textLen = strlen(message),
                         .message = message};
    if (key) {
        reply.pairCount = 1;
        reply.pairs[0] = (HelperPair){key, value, strlen(value)};
    }
    memset(formatted, 0, sizeof(formatted));
    return helperProtoFormatReply(7, &reply, formatted, size);
}

Test(helperProto, formats_replies)
{
    cr_assert_eq(formatOne(HELPER_OK, "url", "a b", "", 63), 15);
    cr_assert_str_eq(formatted, "7 OK url=\"a b\"\n");
    cr_assert_eq(formatOne(HELPER_BH, "k", "", "what", 63), 15);
    cr_assert_str_eq(formatted, "7 BH k=\"\" what\n");
    cr_assert_eq(formatOne(HELPER_UNKNOWN, NULL, NULL, "301:u", 63), 8);
    cr_assert_str_eq(formatted, "7 301:u\n");
    cr_assert_eq(formatOne(HELPER_NA, NULL, NULL, "no", 63), 8);
    cr_assert_str_eq(formatted, "7 NA no\n");
}

Test(helperProto, format_refuses_what_cannot_be_carried)
{
    cr_assert_eq(formatOne(HELPER_OK, "a b", "v", "", 63), -EINVAL);
    cr_assert_eq(formatOne(HELPER_OK, "k", "a\nb", "", 63), -EINVAL);
    cr_assert_eq(formatOne(HELPER_OK, NULL, NULL, "a\nb", 63), -EINVAL);
    cr_assert_eq(formatOne(HELPER_TIMEOUT, NULL, NULL, "", 63), -EINVAL);
    for (size_t size = 0; size < 15; size++)
        cr_assert_eq(formatOne(HELPER_OK, "url", "a b", "", size), -ENOBUFS);
}

Test(helperProto, result_names)
{
    cr_assert_str_eq(helperProtoResultName(HELPER_OK), "OK");
    cr_assert_str_eq(helperProtoResultName(HELPER_SHUTDOWN), "SHUTDOWN");
    cr_assert_str_eq(helperProtoResultName((HelperResult)99), "UNKNOWN");
}

/* xorshift64: the same sequence on every machine. */
static uint64_t seed;

static uint32_t
randomBelow(uint32_t bound)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)((seed >> 16) % bound);
}

/* Any octet a value may have: half of them from the ones with a meaning. */
static size_t
randomValue(char *out, size_t max)
{
    static const char special[] = "\"\\% =%%\"nr41";
    size_t len = randomBelow((uint32_t)max);

    for (size_t i = 0; i < len; i++) {
        int c = 0x20 + (int)randomBelow(0xe0);
        if (randomBelow(2))
            c = special[randomBelow(sizeof(special) - 1)];
        out[i] = (char)(c == 0x7f ? '"' : c);
    }
    out[len] = '\0';
    return len;
}

typedef struct RandomReply {
    HelperReply reply;
    char keys[HELPER_PROTO_PAIRS_MAX][16];
    char values[HELPER_PROTO_PAIRS_MAX][40];
    char message[48];
} RandomReply;

static void
fillReply(RandomReply *r)
{
    static const HelperResult results[] = {HELPER_OK, HELPER_ERR, HELPER_BH};
    HelperReply *reply = &r->reply;

    reply->result = results[randomBelow(3)];
    reply->pairCount = randomBelow(HELPER_PROTO_PAIRS_MAX + 1);
    for (unsigned i = 0; i < reply->pairCount; i++) {
        snprintf(r->keys[i], 16, "%c-_%u", 'a' + (int)randomBelow(26), i);
        size_t len = randomValue(r->values[i], 39);
        reply->pairs[i] = (HelperPair){r->keys[i], r->values[i], len};
    }
    r->message[0] = '.'; /* neither blank nor key=value */
    randomValue(r->message + 1, 38);
    reply->message = randomBelow(2) ? r->message : "";
}

static void
checkSame(const HelperReply *a, const HelperReply *b)
{
    cr_assert_eq(a->result, b->result);
    cr_assert_str_eq(a->message, b->message);
    cr_assert_eq(a->pairCount, b->pairCount);
    for (unsigned i = 0; i < a->pairCount; i++) {
        cr_assert_str_eq(a->pairs[i].key, b->pairs[i].key);
        cr_assert_eq(a->pairs[i].valueLen, b->pairs[i].valueLen);
        cr_assert_str_eq(a->pairs[i].value, b->pairs[i].value);
    }
}

Test(helperProto, decode_of_encode_is_the_identity)
{
    seed = 0x5eed5eed5eedULL;
    for (int round = 0; round < 20000; round++) {
        RandomReply random;
        HelperReply back;
        char out[TEST_LINE_MAX];
        uint32_t id = 0;
        fillReply(&random);
        ssize_t len =
            helperProtoFormatReply(round, &random.reply, out, sizeof(out));
        cr_assert_gt(len, 0);
        cr_assert_eq(out[len - 1], '\n');
        size_t skip = helperProtoParseId(out, (size_t)len, &id);
        cr_assert_gt(skip, 0u);
        cr_assert_eq(id, (uint32_t)round);
        cr_assert_eq(parseLen(out + skip, (size_t)len - skip - 1, &back), 0);
        checkSame(&random.reply, &back);
    }
}

Test(helperProto, url_quoting_roundtrip_over_all_octets)
{
    seed = 42;
    for (int round = 0; round < 20000; round++) {
        char value[64], out[200];
        size_t len = randomBelow(64), used = 0;
        for (size_t i = 0; i < len; i++)
            value[i] = (char)(1 + randomBelow(255));
        cr_assert_eq(
            helperProtoQuote(HELPER_QUOTE_URL, value, len, out, 200, &used), 0);
        for (size_t i = 0; i < used; i++)
            cr_assert(out[i] > 0x20 && out[i] < 0x7f);
        cr_assert_eq(helperProtoUnescape(out, used), len);
        cr_assert(memcmp(out, value, len) == 0);
    }
}

static size_t
randomGarbage(char *raw, size_t size)
{
    static const char *const starts[] = {"",    "OK ",   "ERR ",    "AF ",
                                         "TT ", "BH k=", "OK k=\"", "OK %"};
    const char *start = starts[randomBelow(8)];
    size_t len = strlen(start);

    memcpy(raw, start, len);
    while (len < size && randomBelow(30)) {
        int c = (int)randomBelow(256);
        raw[len++] = (char)(randomBelow(3) ? "= \"\\%k1\r\t"[c % 9] : c);
    }
    return len;
}

/* Under the sanitizers an octet read or written beyond the bounds stops. */
Test(helperProto, garbage_is_parsed_or_refused)
{
    seed = 1;
    for (int round = 0; round < 100000; round++) {
        char raw[80];
        HelperReply reply;
        int rc = parseLen(raw, randomGarbage(raw, 79), &reply);
        cr_assert(rc == 0 || rc == -EBADMSG);
        cr_assert_leq(reply.pairCount, (unsigned)HELPER_PROTO_PAIRS_MAX);
        for (unsigned i = 0; i < reply.pairCount; i++)
            cr_assert_eq(strlen(reply.pairs[i].value), reply.pairs[i].valueLen);
    }
}
