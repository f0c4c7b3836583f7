/* test_helper_cert.c: requests about certificates, and their answers. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "helper_cert.h"

TestSuite(helperCert, .timeout = 60);

#define CERT                                                                   \
    "-----BEGIN CERTIFICATE-----\nMIIC+/2A\nAA==\n-----END CERTIFICATE-----\n"
#define KEY "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n"
#define RSA                                                                    \
    "-----BEGIN RSA PRIVATE KEY-----\nMI==\n-----END RSA PRIVATE KEY-----\n"
#define PAIR(k, v)                                                             \
    (HelperPair)                                                               \
    {                                                                          \
        .key = (k), .value = (v), .valueLen = strlen(v)                        \
    }

static const char *why;
static char line[8192], scratch[8194];
static HelperReply reply;
static HelperCertMade made;
static HelperCertVerdict verdict;

static void
expectRequest(const HelperCertRequest *request, const char *expected)
{
    size_t len = strlen(expected);
    char *out = malloc(len);

    cr_assert_eq(helperCertFormatRequest(request, out, len, &why), (ssize_t)len,
                 "%s", why);
    cr_assert_eq(memcmp(out, expected, len), 0, "%.*s", (int)len, out);
    cr_assert_eq(helperCertFormatRequest(request, out, len - 1, &why),
                 -ENOBUFS);
    free(out);
}

Test(helperCert, a_certificate_is_asked_for)
{
    const HelperPair params[] = {
        PAIR("host", "www.example.com"),
        PAIR("Sign", "signTrusted"),
        PAIR("SignHash", "SHA256"),
    };
    HelperCertRequest request = {HELPER_CERT_MAKE, params, 3, CERT KEY,
                                 strlen(CERT KEY)};
    char expected[1024];

    snprintf(expected, sizeof(expected),
             "new_certificate %zu host=www.example.com\nSign=signTrusted\n"
             "SignHash=SHA256\n%s",
             54 + strlen(CERT KEY), CERT KEY);
    expectRequest(&request, expected);
    request.paramCount = 1;
    request.pem = NULL;
    request.pemLen = 0;
    expectRequest(&request, "new_certificate 21 host=www.example.com\n");
}

Test(helperCert, a_certificate_is_to_be_checked)
{
    const HelperPair params[] = {
        PAIR("host", "a.test"),
        PAIR("cert_0", CERT),
        PAIR("error_name_0", "X509_V_ERR_CERT_HAS_EXPIRED"),
        PAIR("error_cert_0", "cert_0"),
    };
    const HelperCertRequest request = {HELPER_CERT_CHECK, params, 4, NULL, 0};
    char expected[1024];

    snprintf(expected, sizeof(expected),
             "cert_validate %zu host=a.test\ncert_0=%s"
             "error_name_0=X509_V_ERR_CERT_HAS_EXPIRED\n"
             "error_cert_0=cert_0\n",
             12 + 7 + strlen(CERT) + 41 + 20, CERT);
    expectRequest(&request, expected);
}

static void
expectRefused(const char *code, HelperPair param, const char *pem,
              const char *reason)
{
    const HelperCertRequest request = {code, &param, 1, pem, strlen(pem)};
    char out[1024];

    why = NULL;
    cr_assert_eq(helperCertFormatRequest(&request, out, sizeof(out), &why),
                 -EINVAL);
    cr_assert_not_null(strstr(why, reason), "%s", why);
}

Test(helperCert, a_request_says_what_it_is_meant_to_say)
{
    const HelperPair host = PAIR("host", "a.test");

    expectRefused("", host, "", "a code");
    expectRefused("new certificate", host, "", "a code");
    expectRefused("a", PAIR("", "x"), "", "a key");
    expectRefused("a", PAIR("a b", "x"), "", "a key");
    expectRefused("a", PAIR("a=b", "x"), "", "a key");
    expectRefused("a", PAIR("host", "x\nSign=signSelf"), "", "control octet");
    expectRefused("a", PAIR("host", "x\n"), "", "control octet");
    expectRefused("a", PAIR("host", "x\r"), "", "control octet");
    expectRefused("a", PAIR("host", "x\x01"), "", "control octet");
    expectRefused("a", ((HelperPair){"host", "a\0b", 3}), "", "control octet");
    expectRefused("a", PAIR("cert_0", CERT CERT), "", "control octet");
    expectRefused("a", PAIR("cert_0", CERT "x"), "", "control octet");
    expectRefused("a", PAIR("cert_0", "x" CERT), "", "control octet");
    expectRefused("a", host, "Sign=signSelf\n" CERT, "not PEM");
    expectRefused("a", host, CERT "\n" KEY, "not PEM");
    expectRefused("a", host, CERT "\x01", "not PEM");
    expectRefused("a", host, "-----BEGIN A-----\nAA==\n-----END B-----\n",
                  "not PEM");
    expectRefused("a", host, "-----BEGIN A-----\n-----END A-----\n", "not PEM");
    expectRefused("a", host, "-----BEGIN A-----\nA\x01==\n-----END A-----\n",
                  "not PEM");
    expectRefused("a", host, "-----BEGIN A-----\nAA==\n", "not PEM");
    expectRefused("a", host, "-----BEGIN A", "not PEM");
    expectRefused("a", host, "-----BEGIN -----", "not PEM");
}

/* Let an answer be what a pool makes of it. */
static void
answer(const char *result, const char *body)
{
    int len =
        snprintf(line, sizeof(line), "%s %zu %s", result, strlen(body), body);

    cr_assert_eq(helperProtoParseReply(line, (size_t)len, scratch,
                                       sizeof(scratch), &reply),
                 0);
    why = NULL;
}

static void
answerRaw(const char *text)
{
    int len = snprintf(line, sizeof(line), "%s", text);

    cr_assert_eq(helperProtoParseReply(line, (size_t)len, scratch,
                                       sizeof(scratch), &reply),
                 0);
    why = NULL;
}

static void
expectText(const HelperCertText *text, const char *expected)
{
    cr_assert_eq(text->len, strlen(expected));
    cr_assert_eq(memcmp(text->data, expected, text->len), 0);
}

Test(helperCert, a_certificate_is_made)
{
    answer("OK", CERT KEY);
    cr_assert_eq(helperCertParseMade(&reply, &made, &why), 0, "%s", why);
    expectText(&made.cert, CERT);
    expectText(&made.key, KEY);
    answer("OK", CERT RSA);
    cr_assert_eq(helperCertParseMade(&reply, &made, &why), 0, "%s", why);
    expectText(&made.key, RSA);
}

static void
expectNotMade(const char *reason)
{
    made.cert.data = "untouched";
    cr_assert_eq(helperCertParseMade(&reply, &made, &why), -EBADMSG);
    cr_assert_not_null(strstr(why, reason), "%s", why);
    cr_assert_str_eq(made.cert.data, "untouched");
}

Test(helperCert, no_certificate_is_made_of_something_else)
{
    answer("BH", CERT KEY);
    expectNotMade("not OK");
    answer("OK", "");
    expectNotMade("does not begin with a certificate");
    answer("OK", KEY CERT);
    expectNotMade("does not begin with a certificate");
    answer("OK", CERT);
    expectNotMade("no key");
    answer("OK", CERT CERT);
    expectNotMade("no key");
    answer("OK", CERT KEY CERT);
    expectNotMade("more than");
}

Test(helperCert, a_length_is_what_comes)
{
    answerRaw("OK");
    expectNotMade("length");
    answerRaw("OK x");
    expectNotMade("length");
    answerRaw("OK 99999999999999999999999 x");
    expectNotMade("length");
    answerRaw("OK 10 abc");
    expectNotMade("length");
    answerRaw("OK 4 abc");
    expectNotMade("shorter");
    answerRaw("OK 3abc");
    expectNotMade("shorter");
    answerRaw("OK 2 abc");
    expectNotMade("longer");
    answerRaw("OK 3 \n\tabc");
    expectNotMade("does not begin");
}

#define SELF_SIGNED "X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT"

Test(helperCert, a_validator_says_what_is_wrong)
{
    answerRaw("ERR 113 error_name_0=" SELF_SIGNED "\n"
              "error_reason_0=Checked by Cert Validator\n"
              "error_cert_0=cert_0\n");
    cr_assert_eq(helperCertParseVerdict(&reply, &verdict, &why), 0, "%s", why);
    cr_assert_not(verdict.isValid);
    cr_assert_eq(verdict.errorCount, 1);
    const HelperCertError *error = &verdict.errors[0];
    cr_assert_eq(error->number, 0);
    expectText(&error->name, SELF_SIGNED);
    expectText(&error->reason, "Checked by Cert Validator");
    cr_assert_eq(error->certNumber, 0);
    cr_assert_eq(error->cert.len, 0);
    cr_assert_eq(error->depth, -1);
}

Test(helperCert, a_validator_has_nothing_to_say)
{
    answerRaw("OK 0 ");
    cr_assert_eq(helperCertParseVerdict(&reply, &verdict, &why), 0, "%s", why);
    cr_assert(verdict.isValid);
    cr_assert_eq(verdict.errorCount, 0);
    answer("OK", "cert_3=" CERT);
    cr_assert_eq(helperCertParseVerdict(&reply, &verdict, &why), 0, "%s", why);
    cr_assert(verdict.isValid);
}

Test(helperCert, errors_come_in_any_order_with_certificates_of_their_own)
{
    answer("ERR", "error_cert_7=cert_12\ncert_12=" CERT "\n\n"
                  "error_cert_1=cert_2\nerror_depth_7=3\n"
                  "error_name_7=SQUID_X509_V_ERR_DOMAIN_MISMATCH\n"
                  "error_reason_1=\n"
                  "error_name_1=X509_V_ERR_CERT_HAS_EXPIRED");
    cr_assert_eq(helperCertParseVerdict(&reply, &verdict, &why), 0, "%s", why);
    cr_assert_eq(verdict.errorCount, 2);
    const HelperCertError *error = verdict.errors;
    cr_assert_eq(error[0].number, 7);
    cr_assert_eq(error[0].depth, 3);
    cr_assert_eq(error[0].certNumber, 12);
    expectText(&error[0].name, "SQUID_X509_V_ERR_DOMAIN_MISMATCH");
    expectText(&error[0].cert, CERT);
    cr_assert_eq(error[1].number, 1);
    cr_assert_eq(error[1].certNumber, 2);
    expectText(&error[1].reason, "");
    expectText(&error[1].name, "X509_V_ERR_CERT_HAS_EXPIRED");
    cr_assert_eq(error[1].cert.len, 0);
}

static void
expectNoVerdict(const char *result, const char *body, const char *reason)
{
    answer(result, body);
    verdict.errorCount = 77;
    cr_assert_eq(helperCertParseVerdict(&reply, &verdict, &why), -EBADMSG, "%s",
                 body);
    cr_assert_not_null(strstr(why, reason), "%s: %s", body, why);
    cr_assert_eq(verdict.errorCount, 77);
}

#define NAME0 "error_name_0=X509_V_ERR_A\n"
#define CERT0 "error_cert_0=cert_0\n"

Test(helperCert, an_answer_that_is_not_whole_is_no_verdict)
{
    expectNoVerdict("BH", "", "neither OK nor ERR");
    expectNoVerdict("OK", NAME0 CERT0, "OK and has errors");
    expectNoVerdict("ERR", "", "has no errors");
    expectNoVerdict("ERR", NAME0, "no certificate");
    expectNoVerdict("ERR", CERT0, "no name");
    expectNoVerdict("ERR", NAME0 NAME0 CERT0, "twice");
    expectNoVerdict("ERR", NAME0 CERT0 CERT0, "twice");
    expectNoVerdict("ERR", "error_depth_0=1\nerror_depth_0=1\n", "twice");
    expectNoVerdict("ERR", "error_reason_0=\nerror_reason_0=\n", "twice");
    expectNoVerdict("ERR", "cert_0=" CERT "cert_0=" CERT, "twice");
    expectNoVerdict("ERR", "cert_0=" KEY, "no certificate");
    expectNoVerdict("ERR", "cert_0=x\n", "no certificate");
    expectNoVerdict("ERR", "cert_x=" CERT, "unknown key");
    expectNoVerdict("ERR", "error_name_100000=X509_V_ERR_A\n", "unknown key");
    expectNoVerdict("ERR", "error_name_=X509_V_ERR_A\n", "unknown key");
    expectNoVerdict("ERR", "host=x\n", "unknown key");
    expectNoVerdict("ERR", "=x\n", "unknown key");
    expectNoVerdict("ERR", "x\n", "not key=value");
    expectNoVerdict("ERR", "error_name_0=OTHER\n", "X509_V_ERR_");
    expectNoVerdict("ERR", "error_name_0=X509_V_ERR_a\n", "X509_V_ERR_");
    expectNoVerdict("ERR", "error_name_0=\n", "X509_V_ERR_");
    expectNoVerdict("ERR", "error_cert_0=cert_\n", "no cert_N");
    expectNoVerdict("ERR", "error_cert_0=0\n", "no cert_N");
    expectNoVerdict("ERR", "error_cert_0=cert_0x\n", "no cert_N");
    expectNoVerdict("ERR", "error_depth_0=-1\n", "no number");
    expectNoVerdict("ERR", "error_reason_0=a\tb\n", "control octet");
    expectNoVerdict("ERR", "error_reason_0=" CERT, "not key=value");
}

Test(helperCert, errors_and_certificates_have_a_limit)
{
    char text[8000] = "";
    size_t used = 0;

    for (int i = 0; i <= HELPER_CERT_ERRORS_MAX; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used,
                                 "error_name_%d=X509_V_ERR_A\n", i);
    expectNoVerdict("ERR", text, "too many errors");
    used = 0;
    for (int i = 0; i <= HELPER_CERT_ERRORS_MAX; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used,
                                 "cert_%d=" CERT, i);
    expectNoVerdict("ERR", text, "too many certificates");
}
