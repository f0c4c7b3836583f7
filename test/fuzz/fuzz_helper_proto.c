/* fuzz_helper_proto.c: any octets are parsed or refused, within bounds, and
 * what was understood survives being formatted and parsed again. */
#include "check.h"
#include "fuzz.h"
#include "helper_proto.h"
#include "xalloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char fuzzName[] = "helper_proto";

typedef struct Parsed {
    char *line;
    char *scratch;
    HelperReply reply;
    int rc;
} Parsed;

/* In memory exactly as large as promised: a sanitizer sees one octet more. */
static void
initParsed(Parsed *parsed, const char *line, size_t len)
{
    parsed->line = xmalloc(len + 1);
    memcpy(parsed->line, line, len);
    parsed->line[len] = '\0';
    parsed->scratch = xmalloc(len + 2);
    parsed->rc = helperProtoParseReply(parsed->line, len, parsed->scratch,
                                       len + 2, &parsed->reply);
}

static void
finiParsed(Parsed *parsed)
{
    free(parsed->line);
    free(parsed->scratch);
}

static void
checkSame(const HelperReply *a, const HelperReply *b)
{
    CHECK(a->result == b->result && a->pairCount == b->pairCount);
    CHECK(strcmp(a->message, b->message) == 0);
    for (unsigned i = 0; i < a->pairCount; i++) {
        CHECK(strcmp(a->pairs[i].key, b->pairs[i].key) == 0);
        CHECK(strcmp(a->pairs[i].value, b->pairs[i].value) == 0);
    }
}

/* Not every reply can be formatted: a frame's text may hold LF. */
static void
checkRoundTrip(const HelperReply *reply, size_t len)
{
    size_t size = 4 * len + 64;
    char *out = xmalloc(size);
    ssize_t outLen = helperProtoFormatReply(-1, reply, out, size);

    CHECK(outLen > 0 || outLen == -EINVAL);
    if (outLen > 0) {
        Parsed back;
        initParsed(&back, out, (size_t)outLen - 1);
        CHECK(back.rc == 0);
        checkSame(reply, &back.reply);
        finiParsed(&back);
    }
    free(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *line = (const char *)data;
    uint32_t id = 0;
    size_t skip = helperProtoParseId(line, size, &id);
    Parsed parsed;

    CHECK(skip <= size && id <= HELPER_PROTO_ID_MAX);
    initParsed(&parsed, line + skip, size - skip);
    CHECK(strlen(parsed.reply.text) == parsed.reply.textLen);
    if (parsed.rc == 0)
        checkRoundTrip(&parsed.reply, size);
    finiParsed(&parsed);
    return 0;
}
