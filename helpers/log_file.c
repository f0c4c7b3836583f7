/* log_file.c: a log daemon: one thread reads, another writes the file. */
#include "buf.h"
#include "log_output.h"
#include "log_queue.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_MAX 65536u
#define LINE_MAX_OCTETS (4u * 1024 * 1024)
#define QUEUE_DEFAULT_MIB 32
#define QUEUE_MAX_MIB 4096
#define ACKNOWLEDGE_EVERY 64 /* commands, at least */
#define LAST_WORDS_MS 200    /* what may still arrive after SIGTERM */

static struct {
    LogQueue *queue;
    LogOutput *output;
    size_t queueMax;
    bool acknowledges; /* to squire, which started it */
    uint64_t told;     /* commands that were acknowledged */
    Buf partial;       /* the beginning of a command */
    bool skipping;     /* within a line that was too long */
} state;

/* "=DONE LOST": so many commands are done, so many lines of them lost. When
 * it finds no room, the next one says the same. */
static void
acknowledge(bool isFirst)
{
    uint64_t done = logOutputDone(state.output);
    char text[64];
    int len;

    if (!state.acknowledges || (done == state.told && !isFirst))
        return;
    len = snprintf(text, sizeof(text), "=%" PRIu64 " %" PRIu64 "\n", done,
                   logOutputLost(state.output));
    if (send(STDOUT_FILENO, text, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL) ==
        len)
        state.told = done;
}

static void
doCommands(const Buf *batch)
{
    const char *at = bufData(batch);
    const char *end = at + bufLen(batch);

    while (at < end) {
        const char *lf = memchr(at, '\n', (size_t)(end - at));
        const char *stop = lf ? lf : end;

        logOutputCommand(state.output, at, (size_t)(stop - at));
        if (logOutputDone(state.output) >= state.told + ACKNOWLEDGE_EVERY)
            acknowledge(false);
        at = stop + 1;
    }
    logOutputSettle(state.output);
}

static void *
runWriter(void *data)
{
    Buf batch;
    uint64_t lost;

    (void)data;
    bufInit(&batch, state.queueMax + LOG_QUEUE_SPARE);
    while (logQueueTake(state.queue, &batch, &lost)) {
        doCommands(&batch);
        logOutputAddLost(state.output, lost, "the file is too slow");
        acknowledge(false);
        bufClear(&batch);
    }
    bufFini(&batch);
    return NULL;
}

/* Commands go on to the writer when they are whole. */
static void
takeOctets(void)
{
    char *data = bufData(&state.partial);
    size_t len = bufLen(&state.partial);
    char *lf = len ? memrchr(data, '\n', len) : NULL;
    char *first;

    if (lf && state.skipping) {
        first = memchr(data, '\n', len);
        bufConsume(&state.partial, (size_t)(first + 1 - data));
        state.skipping = false;
        takeOctets();
        return;
    }
    if (lf) {
        logQueueAdd(state.queue, data, (size_t)(lf + 1 - data));
        bufConsume(&state.partial, (size_t)(lf + 1 - data));
    } else if (state.skipping) {
        bufClear(&state.partial);
    } else if (len >= LINE_MAX_OCTETS) {
        logQueueAddLost(state.queue);
        bufClear(&state.partial);
        state.skipping = true;
    }
}

/* False at the end of input. */
static bool
readSome(void)
{
    char *room = bufReserve(&state.partial, READ_MAX);
    ssize_t len = read(STDIN_FILENO, room, READ_MAX);

    if (len < 0)
        return errno == EINTR || errno == EAGAIN;
    bufCommit(&state.partial, (size_t)len);
    takeOctets();
    return len > 0;
}

/* The parent closes the channel and sends SIGTERM: what it wrote before is
 * read to the end. */
static void
readAll(int signals)
{
    struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                           {.fd = signals, .events = POLLIN}};
    int timeoutMs = -1;

    for (;;) {
        int ready = poll(fds, 2, timeoutMs);

        if (ready == 0)
            return;
        if (ready > 0 && fds[0].revents && !readSome())
            return;
        if (ready > 0 && fds[1].revents) {
            fds[1].fd = -1;
            timeoutMs = LAST_WORDS_MS;
        }
    }
}

static void
serve(int signals)
{
    pthread_t writer;

    acknowledge(true); /* before the first command is read */
    int error = pthread_create(&writer, NULL, runWriter, NULL);

    if (error) {
        fprintf(stderr, "log_file: thread: %s\n", strerror(error));
        return;
    }
    readAll(signals);
    if (bufLen(&state.partial) > 0)
        logQueueAdd(state.queue, bufData(&state.partial),
                    bufLen(&state.partial));
    logQueueEnd(state.queue);
    pthread_join(writer, NULL);
}

/* -1 with errno. Signals arrive as octets of the descriptor. */
static int
takeSignals(void)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaction(SIGPIPE, &ignore, NULL);
    sigaction(SIGXFSZ, &ignore, NULL);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC);
}

static int
run(const char *path)
{
    int signals = takeSignals();

    state.output = logOutputOpen(path);
    if (!state.output || signals < 0) {
        fprintf(stderr, "log_file: %s: %s\n", path, strerror(errno));
        return 1;
    }
    state.queue = logQueueCreate(state.queueMax);
    bufInit(&state.partial, LINE_MAX_OCTETS + READ_MAX);
    serve(signals);
    logQueueDestroy(&state.queue);
    bufFini(&state.partial);
    logOutputClose(&state.output);
    close(signals);
    return 0;
}

int
main(int argc, char **argv)
{
    long mib = QUEUE_DEFAULT_MIB;
    char *end = NULL;

    if (argc == 4 && strcmp(argv[1], "-m") == 0)
        mib = strtol(argv[2], &end, 10);
    if ((argc != 2 && !(end && *end == '\0')) || mib < 1 ||
        mib > QUEUE_MAX_MIB) {
        fprintf(stderr, "usage: log_file [-m MIB] FILE\n");
        return 1;
    }
    state.queueMax = (size_t)mib * 1024 * 1024;
    state.acknowledges = getenv("SQUIRE_DEBUG") != NULL;
    return run(argv[argc - 1]);
}
