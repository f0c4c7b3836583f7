/* mux_input.c: Squid's request lines out of a stream. */
#include "mux_input.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "xalloc.h"

#define READ_ROOM 65536u /* for one read, at least */

void
muxInputInit(MuxInput *input, bool hasIds, size_t lineMax)
{
    *input = (MuxInput){.hasIds = hasIds, .lineMax = lineMax};
    input->size = MUX_ID_MAX + 2 + lineMax + READ_ROOM;
    input->base = xmalloc(input->size);
}

void
muxInputFini(MuxInput *input)
{
    free(input->base);
    *input = (MuxInput){0};
}

char *
muxInputRoom(MuxInput *input, size_t *roomOut)
{
    if (input->head == input->tail) {
        input->head = input->tail = 0;
    } else if (input->size - input->tail < READ_ROOM) {
        memmove(input->base, input->base + input->head,
                input->tail - input->head);
        input->tail -= input->head;
        input->head = 0;
    }
    *roomOut = input->size - input->tail;
    CHECK(*roomOut > 0);
    return input->base + input->tail;
}

void
muxInputCommit(MuxInput *input, size_t len)
{
    CHECK(len <= input->size - input->tail);
    input->tail += len;
}

/* Octets of the ID and its blank at the start of a line, 0 when it has none;
 * *idLenOut: those of the ID. */
static size_t
measureId(const char *line, size_t len, size_t *idLenOut)
{
    size_t limit = len < MUX_ID_MAX + 1 ? len : MUX_ID_MAX + 1;
    size_t count = 0;

    while (count < limit && line[count] >= '0' && line[count] <= '9')
        count++;
    if (count == 0 || count > MUX_ID_MAX)
        return 0;
    if (count < len && line[count] != ' ')
        return 0;
    *idLenOut = count;
    return count < len ? count + 1 : count;
}

/* One whole line. */
static MuxInputKind
splitLine(const MuxInput *input, const char *line, size_t len, MuxLine *lineOut)
{
    size_t idLen = 0;
    size_t skip = input->hasIds ? measureId(line, len, &idLen) : 0;

    *lineOut = (MuxLine){line, idLen, line + skip, len - skip};
    if (len - skip > input->lineMax)
        return MUX_INPUT_TOO_LONG;
    return input->hasIds && idLen == 0 ? MUX_INPUT_NO_ID : MUX_INPUT_REQUEST;
}

/* The rest of a line whose start was dropped. */
static MuxInputKind
endSkipped(MuxInput *input, MuxLine *lineOut)
{
    input->isSkipping = false;
    *lineOut = (MuxLine){input->id, input->idLen, "", 0};
    return MUX_INPUT_TOO_LONG;
}

/* No LF is there. Drop what is already more than a line may be. */
static void
waitForEnd(MuxInput *input)
{
    size_t len = input->tail - input->head;

    if (!input->isSkipping && len > MUX_ID_MAX + 1 + input->lineMax) {
        input->isSkipping = true;
        input->idLen = 0;
        if (input->hasIds)
            (void)measureId(input->base + input->head, len, &input->idLen);
        memcpy(input->id, input->base + input->head, input->idLen);
    }
    if (input->isSkipping)
        input->head = input->tail;
    input->scanned = input->tail - input->head;
}

MuxInputKind
muxInputNext(MuxInput *input, MuxLine *lineOut)
{
    char *line = input->base + input->head;
    size_t len = input->tail - input->head;

    char *lf = memchr(line + input->scanned, '\n', len - input->scanned);
    if (!lf) {
        waitForEnd(input);
        return MUX_INPUT_NONE;
    }
    input->head += (size_t)(lf - line) + 1;
    input->scanned = 0;
    if (input->isSkipping)
        return endSkipped(input, lineOut);
    return splitLine(input, line, (size_t)(lf - line), lineOut);
}

bool
muxInputIsPartial(const MuxInput *input)
{
    return input->isSkipping || input->tail > input->head;
}
