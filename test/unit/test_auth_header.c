/* test_auth_header.c: credentials, honest and forged. */
#include "auth_header.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xalloc.h"

TestSuite(authHeader, .timeout = 20);

static void
expectWhy(const char *got, const char *wanted, const char *text)
{
    if (!wanted)
        cr_expect(got == NULL, "%s: refused for %s", text, got);
    else
        cr_expect(got && strcmp(got, wanted) == 0, "%s: got %s, not %s", text,
                  got ? got : "nothing", wanted);
}

Test(authHeader, splits_the_scheme_off)
{
    static const struct {
        const char *text, *why, *rest;
        AuthKind kind;
    } cases[] = {
        {"Basic abc=", NULL, "abc=", AUTH_BASIC},
        {"bASIC\tabc ", NULL, "abc", AUTH_BASIC},
        {" Digest  a=b, c=d", NULL, "a=b, c=d", AUTH_DIGEST},
        {"NTLM", NULL, "", AUTH_NTLM},
        {"Negotiate YII=", NULL, "YII=", AUTH_NEGOTIATE},
        {"", "no name of a scheme", "", 0},
        {"\"Basic\" x", "no name of a scheme", "", 0},
        {"Bearer x", "a scheme that is not known", "", 0},
        {"BasicYWI6Yw==", "no name of a scheme", "", 0},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        AuthHeader header;
        const char *why =
            authHeaderParse(httpSliceText(cases[i].text), &header);
        expectWhy(why, cases[i].why, cases[i].text);
        if (why)
            continue;
        cr_expect_eq(header.kind, cases[i].kind);
        cr_expect(httpSliceEqual(header.rest, httpSliceText(cases[i].rest)));
    }
}

Test(authHeader, knows_kinds_by_both_names)
{
    cr_expect_str_eq(authKindName(AUTH_NEGOTIATE), "negotiate");
    cr_expect_str_eq(authKindScheme(AUTH_NTLM), "NTLM");
    cr_expect_eq(authKindOf(httpSliceText("NTLM")), AUTH_NTLM);
    cr_expect_eq(authKindOf(httpSliceText("ntl")), AUTH_KIND_COUNT);
    cr_expect_str_eq(authKindName(AUTH_KIND_COUNT), "none");
    cr_expect_str_eq(authKindScheme(AUTH_KIND_COUNT), "");
}

Test(authHeader, reads_basic)
{
    static const struct {
        const char *text, *why, *user, *password;
    } cases[] = {
        {"YWxpY2U6c2VjcmV0", NULL, "alice", "secret"},
        {"YWxpY2U6", NULL, "alice", ""},
        {"YTpiOmM=", NULL, "a", "b:c"},
        {"YWwgaWNlJTpwQHNzICJ3XG9yZA==", NULL, "al ice%", "p@ss \"w\\ord"},
        {"w6R6OvY=", NULL, "\xc3\xa4z", "\xf6"},
        {"", "credentials that are not base64", 0, 0},
        {"YWxpY2U6c2VjcmV", "credentials that are not base64", 0, 0},
        {"YWxpY2U6c2Vj mV0", "credentials that are not base64", 0, 0},
        {"YWxpY2U6c2Vj-mV0", "credentials that are not base64", 0, 0},
        {"YWxpY2U6c2=jcmV0", "credentials that are not base64", 0, 0},
        {"YQ====", "credentials that are not base64", 0, 0},
        {"====", "credentials that are not base64", 0, 0},
        {"YWxpY2U=", "credentials without a colon", 0, 0},
        {"OnNlY3JldA==", "no user name", 0, 0},
        {"YQA6Yg==", "a control octet in the credentials", 0, 0},
        {"YTpiAGM=", "a control octet in the credentials", 0, 0},
        {"YTpiCmM=", "a control octet in the credentials", 0, 0},
        {"YTpifw==", "a control octet in the credentials", 0, 0},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        AuthBasic basic;
        const char *why = authHeaderBasic(httpSliceText(cases[i].text), &basic);
        expectWhy(why, cases[i].why, cases[i].text);
        if (why)
            continue;
        cr_expect_str_eq(basic.user, cases[i].user);
        cr_expect_str_eq(basic.password, cases[i].password);
    }
}

/* "aaaa...a:" of n octets is YWFh... */
static const char *
basicOfLength(size_t users, AuthBasic *out)
{
    size_t groups = users / 3;
    char *text = xmalloc(4 * groups + 5);

    for (size_t i = 0; i < groups; i++)
        memcpy(text + 4 * i, "YWFh", 4);
    memcpy(text + 4 * groups, "OmI=", 5); /* ":b" */
    const char *why = authHeaderBasic(httpSliceText(text), out);
    free(text);
    return why;
}

Test(authHeader, bounds_basic)
{
    AuthBasic basic;

    expectWhy(basicOfLength(1023, &basic), NULL, "1023");
    cr_expect_eq(strlen(basic.user), 1023);
    expectWhy(basicOfLength(1026, &basic), "a user name that is too long",
              "1026");
    expectWhy(basicOfLength(5997, &basic), "a user name that is too long",
              "5997");
    expectWhy(basicOfLength(6000, &basic), "credentials that are too long",
              "6000");
}

#define REST                                                                   \
    "realm=\"r\", nonce=\"n\", uri=\"/x\", "                                   \
    "response=\"0123456789abcdef0123456789ABCDEF\""
#define QOP "qop=auth, nc=0000000a, cnonce=\"c\", "

Test(authHeader, reads_digest)
{
    AuthDigest digest;

    cr_assert_null(authHeaderDigest(
        httpSliceText(" , username=\"al \\\"i\\\\ce\" ,, algorithm=\"MD5\", "
                      "opaque=\"\", new=1, " QOP REST " , "),
        &digest));
    cr_expect_str_eq(digest.user, "al \"i\\ce");
    cr_expect_str_eq(digest.realm, "r");
    cr_expect_str_eq(digest.nonce, "n");
    cr_expect_str_eq(digest.uri, "/x");
    cr_expect_str_eq(digest.response, "0123456789abcdef0123456789ABCDEF");
    cr_expect_str_eq(digest.cnonce, "c");
    cr_expect_str_eq(digest.nc, "0000000a");
    cr_expect_eq(digest.count, 10);
    cr_expect(digest.hasQop && !digest.isSess);
    cr_assert_null(authHeaderDigest(
        httpSliceText("USERNAME*=utf-8'de'J%C3%a4s%20x, "
                      "algorithm=md5-SESS, qop=\"auth\", nc=ffffffff, "
                      "cnonce=c, userhash=false, " REST),
        &digest));
    cr_expect_str_eq(digest.user, "J\xc3\xa4s x");
    cr_expect_eq(digest.count, 0xffffffffu);
    cr_expect(digest.isSess);
    cr_assert_null(
        authHeaderDigest(httpSliceText("username=a, " REST), &digest));
    cr_expect(!digest.hasQop && digest.count == 0 && !digest.nc);
}

Test(authHeader, refuses_wrong_digest)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "no user name"},
        {REST, "no user name"},
        {"username=\"\", " REST, "no user name"},
        {"username=a, username*=UTF-8''b, " REST, "two user names"},
        {"username*=ISO-8859-1''b, " REST, "a username* that is not UTF-8"},
        {"username*=UTF-8'b, " REST, "a username* that is not UTF-8"},
        {"username*=UTF-8, " REST, "a username* that is not UTF-8"},
        {"username*=UTF-8''b%4, " REST, "a username* with a broken escape"},
        {"username*=UTF-8''b%, " REST, "a username* with a broken escape"},
        {"username*=UTF-8''b%00, " REST, "a control octet in a value"},
        {"username*=UTF-8''b%0a, " REST, "a control octet in a value"},
        {"username=a, userhash=true, " REST, "a hashed user name"},
        {"username=a, username=b, " REST, "a parameter that is there twice"},
        {"username=\"a, " REST, "parameters without a comma between them"},
        {"username=\"a", "a quoted text without its end"},
        {"username=\"a\\", "a quoted text without its end"},
        {"username=\"a\"b, " REST, "parameters without a comma between them"},
        {"username=\"a\tb\", " REST, "a control octet in a value"},
        {"username=, " REST, "a parameter without a value"},
        {"username", "something that is no parameter"},
        {"=a", "something that is no parameter"},
        {"\"username\"=a", "something that is no parameter"},
        {"username=a, algorithm=SHA-256, " REST,
         "an algorithm other than MD5 and MD5-sess"},
        {"username=a, algorithm=MD5-sess, " REST, "MD5-sess without cnonce"},
        {"username=a, qop=auth-int, nc=00000001, cnonce=c, " REST,
         "a qop other than auth"},
        {"username=a, qop=auth, nc=00000001, " REST, "qop without cnonce"},
        {"username=a, qop=auth, nc=00000001, cnonce=\"\", " REST,
         "qop without cnonce"},
        {"username=a, qop=auth, cnonce=c, " REST,
         "nc that is not eight digits"},
        {"username=a, qop=auth, cnonce=c, nc=0000001g, " REST,
         "nc that is not eight digits"},
        {"username=a, qop=auth, cnonce=c, nc=000000001, " REST,
         "nc that is not eight digits"},
        {"username=a, qop=auth, cnonce=c, nc=00000000, " REST,
         "nc that is zero"},
        {"username=a, nonce=n, uri=u, response=x", "no realm"},
        {"username=a, realm=\"\", uri=u, response=x", "no nonce"},
        {"username=a, realm=\"\", nonce=\"\", uri=u, response=x", "no nonce"},
        {"username=a, realm=\"\", nonce=n, response=x", "no uri"},
        {"username=a, realm=\"\", nonce=n, uri=u",
         "a response that is not 32 digits"},
        {"username=a, realm=\"\", nonce=n, uri=u, response=abc",
         "a response that is not 32 digits"},
    };
    AuthDigest digest;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        expectWhy(authHeaderDigest(httpSliceText(cases[i].text), &digest),
                  cases[i].why, cases[i].text);
}

Test(authHeader, refuses_nul_in_digest)
{
    static const char text[] = "username=\"a\0b\", " REST;
    static const char between[] = "username=\"a\",\0 " REST;
    AuthDigest digest;

    expectWhy(authHeaderDigest(httpSlice(text, sizeof(text) - 1), &digest),
              "a control octet in a value", text);
    expectWhy(
        authHeaderDigest(httpSlice(between, sizeof(between) - 1), &digest),
        "something that is no parameter", between);
}

Test(authHeader, bounds_digest)
{
    char *name = xmalloc(20001);
    AuthDigest digest;

    memset(name, 'a', 20000);
    name[20000] = '\0';
    for (size_t len = 1023; len <= 1024; len++) {
        char *text = xasprintf("username=%.*s, " REST, (int)len, name);
        expectWhy(authHeaderDigest(httpSliceText(text), &digest),
                  len == 1023 ? NULL : "a user name that is too long", "name");
        free(text);
    }
    for (int quote = 0; quote < 2; quote++) {
        char *text = xasprintf("x=%s%s", quote ? "\"" : "", name);
        expectWhy(authHeaderDigest(httpSliceText(text), &digest),
                  "values that are too long", "value");
        free(text);
    }
    free(name);
}

Test(authHeader, reads_tokens)
{
    HttpSlice token;
    char *longText = xmalloc(AUTH_TOKEN_MAX + 8);

    cr_assert_null(authHeaderToken(httpSliceText("TlRMTVNTUAAB+/8="), &token));
    cr_expect_eq(token.len, 16);
    expectWhy(authHeaderToken(httpSliceText(""), &token), "no token", "");
    expectWhy(authHeaderToken(httpSliceText("abc"), &token),
              "a token that is not base64", "abc");
    expectWhy(authHeaderToken(httpSliceText("abc\n"), &token),
              "a token that is not base64", "LF");
    expectWhy(authHeaderToken(httpSliceText("ab c"), &token),
              "a token that is not base64", "blank");
    memset(longText, 'A', AUTH_TOKEN_MAX + 8);
    cr_assert_null(
        authHeaderToken(httpSlice(longText, AUTH_TOKEN_MAX), &token));
    expectWhy(authHeaderToken(httpSlice(longText, AUTH_TOKEN_MAX + 4), &token),
              "a token that is too long", "long");
    free(longText);
}
