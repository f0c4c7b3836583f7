/* fuzz_helper_record.c: any octets are a record or refused with the reason,
 * and what was read survives being written and read again. */
#include "check.h"
#include "fuzz.h"
#include "helper_record.h"
#include "xalloc.h"

#include <stdlib.h>
#include <string.h>

const char fuzzName[] = "helper_record";

static HelperRecord *
parse(const char *text, size_t len)
{
    char why[200] = "";
    char *copy = xmalloc(len + 1); /* a sanitizer sees what is beyond */

    memcpy(copy, text, len);
    HelperRecord *record =
        helperRecordParse("fuzz", copy, len, why, sizeof(why));
    free(copy);
    CHECK((record == NULL) == (why[0] != '\0'));
    return record;
}

static void
checkAnswer(const HelperRecordAnswer *a, const HelperRecordAnswer *b)
{
    CHECK(a->expect == b->expect && a->number == b->number);
    CHECK(a->len == b->len && memcmp(a->text, b->text, a->len) == 0);
    CHECK(strlen(a->text) == a->len);
    CHECK(helperRecordMatches(a, a->text, a->len) ||
          a->expect != HELPER_EXPECT_LINE);
    if (a->expect == HELPER_EXPECT_GLOB)
        (void)helperRecordMatches(a, "OK tag=x user=y", 15);
}

static void
checkSame(const HelperRecord *a, const HelperRecord *b)
{
    CHECK(a->count == b->count && a->concurrency == b->concurrency);
    CHECK(a->endMark == b->endMark);
    CHECK((a->argv == NULL) == (b->argv == NULL));
    for (size_t i = 0; a->argv && a->argv[i]; i++)
        CHECK(strcmp(a->argv[i], b->argv[i]) == 0);
    for (size_t i = 0; i < a->count; i++) {
        const HelperRecordExchange *x = &a->exchanges[i];
        const HelperRecordExchange *y = &b->exchanges[i];
        CHECK(x->answerCount == y->answerCount && x->number == y->number);
        CHECK(x->requestLen == y->requestLen);
        CHECK((x->request == NULL) == (y->request == NULL));
        CHECK(!x->request || strcmp(x->request, y->request) == 0);
        CHECK(x->wallUs == y->wallUs || x->wallUs < 0);
        for (size_t j = 0; j < x->answerCount; j++)
            checkAnswer(&x->answers[j], &y->answers[j]);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    HelperRecord *record = parse((const char *)data, size);
    Buf out;

    if (!record)
        return 0;
    bufInit(&out, 8 * size + 200);
    CHECK(!helperRecordFormatHead(record, &out));
    for (size_t i = 0; i < record->count; i++)
        CHECK(!helperRecordFormatExchange(&record->exchanges[i], &out));
    HelperRecord *back = parse(bufData(&out), bufLen(&out));
    CHECK(back);
    checkSame(record, back);
    helperRecordDestroy(&back);
    helperRecordDestroy(&record);
    bufFini(&out);
    return 0;
}
