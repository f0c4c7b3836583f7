/* fuzz_auth_header.c: any value of Proxy-Authorization is refused with a
 * reason, or gives credentials within their bounds. */
#include "auth_hash.h"
#include "auth_header.h"
#include "check.h"
#include "fuzz.h"

const char fuzzName[] = "auth_header";

static void
checkText(const char *text, size_t max)
{
    CHECK(text && strlen(text) <= max);
    for (; *text != '\0'; text++)
        CHECK((unsigned char)*text >= 0x20 && *text != 0x7f);
}

static void
checkBasic(HttpSlice rest)
{
    AuthBasic basic;

    if (authHeaderBasic(rest, &basic))
        return;
    checkText(basic.user, AUTH_USER_MAX);
    checkText(basic.password, AUTH_BASIC_MAX);
    CHECK(basic.user[0] != '\0' && !strchr(basic.user, ':'));
}

static void
checkDigest(HttpSlice rest)
{
    char response[AUTH_HASH_HEX_SIZE];
    AuthDigest digest;

    if (authHeaderDigest(rest, &digest))
        return;
    checkText(digest.user, AUTH_USER_MAX);
    checkText(digest.realm, AUTH_DIGEST_MAX);
    checkText(digest.nonce, AUTH_DIGEST_MAX);
    checkText(digest.uri, AUTH_DIGEST_MAX);
    checkText(digest.response, 32);
    CHECK(digest.hasQop == (digest.count != 0));
    if (digest.hasQop || digest.isSess)
        checkText(digest.cnonce, AUTH_DIGEST_MAX);
    CHECK(authHashResponse(&digest, "x", httpSliceText("GET"), response));
}

static void
checkToken(HttpSlice rest)
{
    HttpSlice token;

    if (authHeaderToken(rest, &token))
        return;
    CHECK(token.len > 0 && token.len <= AUTH_TOKEN_MAX);
    CHECK(!memchr(token.data, ' ', token.len));
    CHECK(!memchr(token.data, '\n', token.len));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    HttpSlice text = {(const char *)data, size};
    AuthHeader header;

    if (authHeaderParse(text, &header)) {
        header.rest = text;
        header.kind = AUTH_KIND_COUNT;
    }
    checkBasic(header.rest);
    checkDigest(header.rest);
    checkToken(header.rest);
    return 0;
}
