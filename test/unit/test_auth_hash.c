/* test_auth_hash.c: the vectors of the RFCs, and hashes that do not mix. */
#include "auth_hash.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(authHash, .timeout = 20);

typedef struct Vector {
    const char *user, *realm, *password, *nonce, *uri, *nc, *cnonce;
    bool isSess;
    const char *response;
} Vector;

static const Vector vectors[] = {
    /* RFC 2617 3.5 */
    {"Mufasa", "testrealm@host.com", "Circle Of Life",
     "dcd98b7102dd2f0e8b11d0f600bfb0c093", "/dir/index.html", "00000001",
     "0a4f113b", false, "6629fae49393a05397450978507c4ef1"},
    /* RFC 7616 3.9.1 */
    {"Mufasa", "http-auth@example.org", "Circle of Life",
     "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", "/dir/index.html",
     "00000001", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", false,
     "8ca523f5e9506fed4657c9700eebdbec"},
    /* RFC 2069 2.4, corrected by its erratum 749 */
    {"Mufasa", "testrealm@host.com", "CircleOfLife",
     "dcd98b7102dd2f0e8b11d0f600bfb0c093", "/dir/index.html", NULL, NULL, false,
     "1949323746fe6a43ef61f9606e7febea"},
};

static void
fill(AuthDigest *digest, const Vector *vector)
{
    memset(digest, 0, sizeof(*digest));
    digest->nonce = vector->nonce;
    digest->uri = vector->uri;
    digest->nc = vector->nc;
    digest->cnonce = vector->cnonce;
    digest->hasQop = vector->nc != NULL;
    digest->isSess = vector->isSess;
}

Test(authHash, computes_responses_as_the_rfcs_say)
{
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        const Vector *vector = &vectors[i];
        char ha1[AUTH_HASH_HEX_SIZE], response[AUTH_HASH_HEX_SIZE];
        AuthDigest digest;

        fill(&digest, vector);
        cr_assert(
            authHashSecret(vector->user, vector->realm, vector->password, ha1));
        cr_assert(
            authHashResponse(&digest, ha1, httpSliceText("GET"), response));
        cr_expect_str_eq(response, vector->response, "vector %zu", i);
    }
}

Test(authHash, binds_a_session_to_its_nonces)
{
    Vector vector = vectors[0];
    char ha1[AUTH_HASH_HEX_SIZE], session[AUTH_HASH_HEX_SIZE];
    char first[AUTH_HASH_HEX_SIZE], second[AUTH_HASH_HEX_SIZE];
    AuthDigest digest;

    vector.isSess = true;
    fill(&digest, &vector);
    cr_assert(authHashSecret(vector.user, vector.realm, vector.password, ha1));
    cr_assert(authHashResponse(&digest, ha1, httpSliceText("GET"), first));
    /* H(A1) of a session is H(H(user:realm:password):nonce:cnonce). */
    cr_assert(authHashSecret(ha1, vector.nonce, vector.cnonce, session));
    digest.isSess = false;
    cr_assert(authHashResponse(&digest, session, httpSliceText("GET"), second));
    cr_expect_str_eq(first, second);
}

Test(authHash, depends_on_method_and_uri)
{
    char first[AUTH_HASH_HEX_SIZE], second[AUTH_HASH_HEX_SIZE];
    AuthDigest digest;

    fill(&digest, &vectors[0]);
    cr_assert(authHashResponse(&digest, "x", httpSliceText("GET"), first));
    cr_assert(authHashResponse(&digest, "x", httpSliceText("PUT"), second));
    cr_expect_str_neq(first, second);
    digest.uri = "/dir/index.htm";
    cr_assert(authHashResponse(&digest, "x", httpSliceText("GET"), second));
    cr_expect_str_neq(first, second);
}

Test(authHash, keeps_texts_apart)
{
    const HttpSlice one[] = {httpSliceText("ab"), httpSliceText("c")};
    const HttpSlice two[] = {httpSliceText("a"), httpSliceText("bc")};
    AuthHash key, other, a, b;

    authHashKey(&key);
    authHashKey(&other);
    cr_expect_neq(memcmp(&key, &other, sizeof(key)), 0);
    authHashKeyed(&key, one, 2, &a);
    authHashKeyed(&key, two, 2, &b);
    cr_expect_neq(memcmp(&a, &b, sizeof(a)), 0);
    authHashKeyed(&key, one, 2, &b);
    cr_expect_eq(memcmp(&a, &b, sizeof(a)), 0);
    authHashKeyed(&other, one, 2, &b);
    cr_expect_neq(memcmp(&a, &b, sizeof(a)), 0);
}

Test(authHash, compares_digits)
{
    cr_expect(authHashEqualHex("00aF", "00Af"));
    cr_expect(!authHashEqualHex("00af", "00ae"));
    cr_expect(!authHashEqualHex("00af", "00a"));
}
