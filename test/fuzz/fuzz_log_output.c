/* fuzz_log_output.c: commands of the log daemon protocol, and the backlog that
 * sends them: what goes in is done or counted. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "log_backlog.h"
#include "log_output.h"

const char fuzzName[] = "log_output";

static void
tryOutput(const char *at, size_t size)
{
    const char *end = at + size;
    LogOutput *output = logOutputOpen("/dev/null");
    uint64_t count = 0;

    if (!output)
        return;
    while (at < end) {
        const char *lf = memchr(at, '\n', (size_t)(end - at));
        const char *stop = lf ? lf : end;

        logOutputCommand(output, at, (size_t)(stop - at));
        count++;
        at = stop + 1;
    }
    logOutputCommand(output, "F", 1);
    if (logOutputDone(output) != count + 1 || logOutputLost(output) != 0)
        abort();
    logOutputClose(&output);
}

static void
sendPart(LogBacklog *backlog, size_t max)
{
    const char *data;
    size_t len = logBacklogNext(backlog, &data);

    if (len > 0)
        logBacklogSent(backlog, len < max ? len : max);
}

/* Each octet is something that happens. */
static void
tryBacklog(const uint8_t *data, size_t size)
{
    LogBacklog backlog;
    uint64_t added = 0;

    logBacklogInit(&backlog, 200);
    for (size_t i = 0; i < size; i++) {
        switch (data[i] & 7) {
        case 0:
        case 1:
            added++;
            logBacklogAddLine(&backlog, "Rline\n", 6);
            break;
        case 2:
            logBacklogAddFlush(&backlog);
            break;
        case 3:
            logBacklogAddRotate(&backlog);
            break;
        case 4:
            sendPart(&backlog, 1u + (data[i] >> 3));
            break;
        case 5:
            logBacklogRead(&backlog);
            break;
        case 6:
            logBacklogDone(&backlog, backlog.done + (data[i] >> 3));
            break;
        default:
            logBacklogRewind(&backlog);
            break;
        }
        if (backlog.lines + backlog.lost > added)
            abort();
    }
    logBacklogDrop(&backlog);
    logBacklogFini(&backlog);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const void *text = data;

    tryOutput(text, size);
    tryBacklog(data, size);
    return 0;
}
