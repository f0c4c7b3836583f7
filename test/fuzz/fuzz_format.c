/* fuzz_format.c: any text is a format, and what it shows is one line. The
 * part behind the first LF is what the request has in it. */
#include "check.h"
#include "format.h"
#include "fuzz.h"
#include "xalloc.h"

#include <stdlib.h>
#include <string.h>

const char fuzzName[] = "format";

#define ROOM 4096

static void
ignore(const char *text, bool isUnknown, void *data)
{
    (void)isUnknown;
    (void)data;
    CHECK(text[0] != '\0');
}

/* The same text for a log, which no value makes fail. */
static void
expandLog(const char *text, const FormatInput *facts, char *out)
{
    static const FormatLog log = {.result = "TCP_MISS",
                                  .end = "",
                                  .hierarchy = "HIER_NONE",
                                  .type = "a/b; c",
                                  .stripQuery = true};
    Format *format = formatCreateLog(text, ignore, NULL);
    FormatInput input = *facts;

    input.log = &log;
    size_t len = formatExpandLog(format, &input, out, ROOM);
    CHECK(len <= ROOM);
    for (size_t i = 0; i < len; i++)
        CHECK(out[i] != '\0' && out[i] != '\n' && out[i] != '\r');
    CHECK(formatExpandLog(format, &input, out, 0) == 0);
    formatDestroy(&format);
}

static void
expand(const char *text, HttpSlice octets, const char *word)
{
    NoteList notes;
    HttpHeaders headers;
    char *out = xmalloc(ROOM);
    Format *format = formatCreate(text, ignore, NULL);

    noteListInit(&notes);
    noteListAdd(&notes, "n", word);
    httpHeaderInit(&headers, 65536);
    httpHeaderAdd(&headers, httpSliceText("H"), octets);
    httpHeaderAdd(&headers, httpSliceText("H"), httpSliceText("a=1, b=2"));
    const FormatInput input = {.method = httpSliceText("GET"),
                               .url = {.url = octets, .path = octets},
                               .user = word,
                               .extUser = word,
                               .request = &headers,
                               .notes = &notes,
                               .data = httpSliceText("a b")};
    ssize_t len = formatExpand(format, &input, out, ROOM);
    CHECK(len <= ROOM);
    for (ssize_t i = 0; i < len; i++)
        CHECK(out[i] != '\0' && out[i] != '\n' && out[i] != '\r');
    CHECK(formatExpand(format, &input, out, 0) <= 0);
    expandLog(text, &input, out);
    formatIsEmpty(format);
    formatHas(format, text);
    formatDestroy(&format);
    httpHeaderFini(&headers);
    noteListClear(&notes);
    free(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = xmalloc(size + 1);

    if (size > 0)
        memcpy(copy, data, size);
    copy[size] = '\0';
    char *end = memchr(copy, '\n', size);
    if (end != NULL)
        *end = '\0';
    const char *word = end != NULL ? end + 1 : "";
    expand(copy, httpSlice(word, (size_t)(copy + size - word) * (end != NULL)),
           word);
    free(copy);
    return 0;
}
