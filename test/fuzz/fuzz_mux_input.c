/* fuzz_mux_input.c: any stream of octets, in pieces of any size, gives the
 * same lines, within bounds, and every LF ends one. */
#include "check.h"
#include "fuzz.h"
#include "mux_input.h"

#include <string.h>

const char fuzzName[] = "mux_input";

/* What was told of the lines of one stream. */
typedef struct Told {
    size_t counts[MUX_INPUT_KIND_COUNT];
    uint64_t hash;
    bool isPartial;
} Told;

static void
addHash(Told *told, const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        told->hash = (told->hash ^ (unsigned char)data[i]) * 1099511628211u;
    told->hash = (told->hash ^ len) * 1099511628211u;
}

static void
takeAll(MuxInput *input, size_t lineMax, Told *told)
{
    MuxInputKind kind;
    MuxLine line;

    while ((kind = muxInputNext(input, &line)) != MUX_INPUT_NONE) {
        CHECK(kind < MUX_INPUT_KIND_COUNT && line.idLen <= MUX_ID_MAX);
        told->counts[kind]++;
        addHash(told, line.id, line.idLen);
        for (size_t i = 0; i < line.idLen; i++)
            CHECK(line.id[i] >= '0' && line.id[i] <= '9');
        if (kind == MUX_INPUT_TOO_LONG)
            continue; /* as much of it as came at once */
        CHECK(line.len <= lineMax && !memchr(line.text, '\n', line.len));
        CHECK((kind == MUX_INPUT_NO_ID) == (line.idLen == 0 && input->hasIds));
        addHash(told, line.text, line.len);
    }
}

static void
feedAll(const uint8_t *data, size_t size, size_t piece, Told *told)
{
    size_t lineMax = size > 0 ? data[0] : 0;
    MuxInput input;

    muxInputInit(&input, size % 2 == 0, lineMax);
    for (size_t at = 0; at < size;) {
        size_t len = size - at < piece ? size - at : piece;
        size_t room;
        char *to = muxInputRoom(&input, &room);
        len = len < room ? len : room;
        memcpy(to, data + at, len);
        muxInputCommit(&input, len);
        takeAll(&input, lineMax, told);
        at += len;
    }
    told->isPartial = muxInputIsPartial(&input);
    muxInputFini(&input);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Told whole = {0}, single = {0};
    size_t lines = 0, sum = 0;

    feedAll(data, size, SIZE_MAX, &whole);
    feedAll(data, size, 1, &single);
    for (int i = 0; i < MUX_INPUT_KIND_COUNT; i++) {
        CHECK(whole.counts[i] == single.counts[i]);
        sum += whole.counts[i];
    }
    for (size_t i = 0; i < size; i++)
        lines += data[i] == '\n';
    CHECK(sum == lines);
    CHECK(whole.hash == single.hash && whole.isPartial == single.isPartial);
    return 0;
}
