/* fuzz_helper_cert.c: any octets are an answer about certificates or refused,
 * and any request that is not refused is what it says. */
#include "check.h"
#include "fuzz.h"
#include "helper_cert.h"
#include "xalloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char fuzzName[] = "helper_cert";

static void
checkInside(const HelperReply *reply, const HelperCertText *text)
{
    CHECK(text->len == 0 ||
          (text->data >= reply->text &&
           text->data + text->len <= reply->text + reply->textLen));
}

static void
checkVerdict(const HelperReply *reply)
{
    HelperCertVerdict verdict;
    const char *why = NULL;

    if (helperCertParseVerdict(reply, &verdict, &why) < 0) {
        CHECK(why);
        return;
    }
    CHECK(verdict.isValid == (verdict.errorCount == 0));
    for (unsigned i = 0; i < verdict.errorCount; i++) {
        checkInside(reply, &verdict.errors[i].name);
        checkInside(reply, &verdict.errors[i].reason);
        checkInside(reply, &verdict.errors[i].cert);
        CHECK(verdict.errors[i].name.len > 0);
        CHECK(memchr(verdict.errors[i].reason.data
                         ? verdict.errors[i].reason.data
                         : "",
                     '\n', verdict.errors[i].reason.len) == NULL);
    }
}

static void
checkReply(const uint8_t *data, size_t size)
{
    char *line = xmalloc(size + 1), *scratch = xmalloc(size + 2);
    const char *why = NULL;
    HelperCertMade made;
    HelperReply reply;

    memcpy(line, data, size);
    line[size] = '\0';
    if (helperProtoParseReply(line, size, scratch, size + 2, &reply) == 0) {
        int rc = helperCertParseMade(&reply, &made, &why);
        CHECK((rc == 0) == (why == NULL));
        if (rc == 0) {
            checkInside(&reply, &made.cert);
            checkInside(&reply, &made.key);
        }
        checkVerdict(&reply);
    }
    free(line);
    free(scratch);
}

/* One value of a request and what follows it, cut at the first octet 0xff. */
static void
checkRequest(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data, *why = NULL;
    const char *cut = memchr(text, 0xff, size);
    size_t valueLen = cut ? (size_t)(cut - text) : size;
    const HelperPair pair = {"host", text, valueLen};
    const HelperCertRequest request = {
        .code = HELPER_CERT_MAKE,
        .params = &pair,
        .paramCount = 1,
        .pem = cut ? cut + 1 : NULL,
        .pemLen = cut ? size - valueLen - 1 : 0,
    };
    size_t room = size + 64;
    char *out = xmalloc(room);
    ssize_t len = helperCertFormatRequest(&request, out, room, &why);

    CHECK(len > 0 ? why == NULL : len == -EINVAL && why != NULL);
    if (len > 0) {
        CHECK(!memchr(out, HELPER_CERT_END, (size_t)len));
        CHECK(!memchr(out, '\0', (size_t)len));
        const char *at = out + strlen(HELPER_CERT_MAKE) + 1;
        size_t bodyLen = strtoul(at, NULL, 10);
        at = strchr(at, ' ') + 1;
        CHECK(bodyLen == (size_t)(out + len - at));
        CHECK(memcmp(at, "host=", 5) == 0);
    }
    free(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    checkReply(data, size);
    checkRequest(data, size);
    return 0;
}
