/* The manager's pages for people. DEBUG: section 16 */
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "manager_priv.h"

#define HASH_LEN 32
#define HASH_TEXT_MAX 45 /* in base64, with NUL */

static const char page[] =
#include "manager_page.inc"
    ;

static const char demo[] =
    "<!doctype html>\n"
    "<html lang=\"en\"><meta charset=\"utf-8\">\n"
    "<title>Squire works</title>\n"
    "<body style=\"font-family: sans-serif; max-width: 40em; margin: 3em auto;"
    " padding: 0 1em\">\n"
    "<h1>It works.</h1>\n"
    "<p>This page came through Squire: a helper process changed the address"
    " that you asked for, and the next minute's requests for it are answered"
    " from the cache. Look at the fields <code>Via</code>, <code>Age</code>"
    " and <code>Cache-Status</code> of the answer.</p>\n";

/* The SHA-256 of what stands between begin and end in the page, which has it
 * once. */
static void
hashPart(const char *begin, const char *end, char out[HASH_TEXT_MAX])
{
    unsigned char hash[HASH_LEN];
    const char *from = strstr(page, begin);

    CHECK(from != NULL);
    from += strlen(begin);
    const char *to = strstr(from, end);
    CHECK(to != NULL);
    int ok =
        EVP_Digest(from, (size_t)(to - from), hash, NULL, EVP_sha256(), NULL);
    CHECK(ok == 1);
    EVP_EncodeBlock((unsigned char *)out, hash, HASH_LEN);
}

const char *
managerPagePolicy(void)
{
    static char policy[512];
    char style[HASH_TEXT_MAX], script[HASH_TEXT_MAX];

    if (policy[0] != '\0')
        return policy;
    hashPart("<style>", "</style>", style);
    hashPart("<script>", "</script>", script);
    snprintf(policy, sizeof(policy),
             "Content-Security-Policy: default-src 'none'; "
             "style-src 'sha256-%s'; script-src 'sha256-%s'; "
             "connect-src 'self'; img-src data:; base-uri 'none'; "
             "form-action 'none'; frame-ancestors 'none'\r\n"
             "Referrer-Policy: no-referrer\r\n",
             style, script);
    return policy;
}

int
managerWritePage(Buf *out, const Proxy *proxy)
{
    (void)proxy;
    return bufAppend(out, page, sizeof(page) - 1);
}

int
managerWriteDemo(Buf *out, const Proxy *proxy)
{
    (void)proxy;
    return bufAppend(out, demo, sizeof(demo) - 1);
}
