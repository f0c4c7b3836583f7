/* Tests of what helpers say about the keys of answers. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "http_url.h"
#include "store_id.h"

#define ASKED "http://a.test/x"

static const struct {
    const char *line;
    const char *key; /* "": the URL */
    bool isWrong;
} rows[] = {
    {"OK store-id=http://cdn.internal/x", "http://cdn.internal/x", false},
    {"OK store-id=\"a key with blanks\"", "a key with blanks", false},
    {"OK store-id=" ASKED, "", false},
    {"OK", "", false},
    {"", "", false},
    {"ERR", "", false},
    {"ERR store-id=http://b.test/", "", false},
    {"OK store-id=\"\"", "", true},
    {"BH message=broken", "", true},
    {"OK note=x", "", false},
    /* a rewriter's forms are none of ours */
    {"http://b.test/y", "", true},
    {"302:http://b.test/y", "", true},
    {"TT x", "", true},
    /* control octets never get through */
    {"OK store-id=http://b.test/%0d%0aX", "", true},
    {"OK store-id=\"http://b.test/\\nX\"", "", true},
};

Test(storeId, every_reply_form)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[256], scratch[sizeof(text) + 2];
        HelperReply reply;
        StoreIdAnswer answer;

        snprintf(text, sizeof(text), "%s", rows[i].line);
        helperProtoParseReply(text, strlen(text), scratch, sizeof(scratch),
                              &reply);
        storeIdParseReply(&reply, httpSliceText(ASKED), &answer);
        cr_expect_eq(answer.why != NULL, rows[i].isWrong, "%s", rows[i].line);
        cr_expect_eq(answer.key.data != NULL, rows[i].key[0] != '\0', "%s",
                     rows[i].line);
        if (answer.key.data != NULL)
            cr_expect(httpSliceEqual(answer.key, httpSliceText(rows[i].key)),
                      "%s", rows[i].line);
        cr_expect_not(answer.isFailed);
    }
}

Test(storeId, a_key_is_not_longer_than_a_url)
{
    static char text[HTTP_URL_MAX + 64], scratch[sizeof(text) + 2];
    HelperReply reply;
    StoreIdAnswer answer;
    size_t len = strlen("OK store-id=");

    memcpy(text, "OK store-id=", len);
    memset(text + len, 'k', HTTP_URL_MAX + 1);
    helperProtoParseReply(text, len + HTTP_URL_MAX + 1, scratch,
                          sizeof(scratch), &reply);
    storeIdParseReply(&reply, httpSliceText(ASKED), &answer);
    cr_expect_null(answer.key.data);
    cr_expect(answer.why != NULL);
}
