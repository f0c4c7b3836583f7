/* ctl_tap.c: squirectl tap and record: the exchanges of a pool. */
#include <errno.h>
#include <string.h>

#include "ctl.h"
#include "ctl_stream.h"

#define COUNT_MAX 1000000000
#define PATH_MAX_OCTETS 4096

typedef struct Tap {
    const Ctl *ctl;
    const char *pool;
    bool isJson, isLast;
    long count; /* exchanges left, 0: no end */
    int64_t ms;
} Tap;

static void
putMember(const char *mark, const json_t *trace, const char *name)
{
    const char *text = ctlJsonText(trace, name);

    ctlPutLine(mark, text, strlen(text));
}

/* Of an answer that the pool itself gave, the process is the one that was
 * asked, if there is one. */
static void
show(const json_t *trace)
{
    const char *result = ctlJsonText(trace, "result");
    bool isTold = json_is_true(json_object_get(trace, "by_pool")) &&
                  ctlJsonInt(trace, "id") > 0 && strcmp(result, "TIMEOUT") != 0;

    ctlPutTime(ctlJsonReal(trace, "time"));
    if (ctlJsonInt(trace, "id") > 0)
        printf("  #%lld (pid %lld)", (long long)ctlJsonInt(trace, "id"),
               (long long)ctlJsonInt(trace, "pid"));
    else
        printf("  the pool");
    printf("  %s%s  %.3f ms", result, isTold ? " by the pool" : "",
           ctlJsonReal(trace, "service_ms"));
    if (ctlJsonReal(trace, "queue_ms") >= 1)
        printf(" (+%.3f ms in the queue)", ctlJsonReal(trace, "queue_ms"));
    printf("%s\n", json_is_true(json_object_get(trace, "cut")) ? "  cut" : "");
    putMember("  > ", trace, "request");
    putMember("  < ", trace, "reply");
}

static bool
onLine(const char *line, size_t len, void *data)
{
    const Tap *tap = data;
    json_t *trace = json_loadb(line, len, 0, NULL);

    if (tap->isJson)
        puts(line);
    else if (json_object_get(trace, "lost") != NULL)
        printf("... %lld exchanges lost\n",
               (long long)ctlJsonInt(trace, "lost"));
    else
        show(trace);
    json_decref(trace);
    return fflush(stdout) == 0;
}

/* The path to ask; false after a complaint. */
static bool
formatPath(const Tap *tap, const char *format, Buf *out)
{
    int rc = bufPrintf(out, "/tap?format=%s&n=%ld%s&pool=", format, tap->count,
                       tap->isLast ? "&last=1" : "");

    if (rc == 0)
        rc = ctlQueryPut(out, tap->pool);
    if (rc == 0)
        rc = bufAppend(out, "", 1);
    if (rc < 0)
        ctlFail(tap->ctl, "the pool's name is too long");
    return rc == 0;
}

/* The names begin at argv[optind]. -1: go on; otherwise the exit status. */
static int
readOptions(Tap *tap, int argc, char *argv[])
{
    static const struct option longs[] = {
        {"json", no_argument, NULL, 'j'},
        {"last", no_argument, NULL, 'l'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    long counts[2] = {1, COUNT_MAX};
    int letter;

    while ((letter = ctlOption(tap->ctl, argc, argv, ":n:t:h", longs)) != -1) {
        if (letter == 'h')
            return ctlHelp(tap->ctl);
        if (letter == '?' ||
            (letter == 'n' &&
             !ctlNumber(tap->ctl, "-n", optarg, counts, &tap->count)) ||
            (letter == 't' && !ctlSeconds(tap->ctl, "-t", optarg, &tap->ms)))
            return CTL_USAGE;
        tap->isJson |= letter == 'j';
        tap->isLast |= letter == 'l';
    }
    return -1;
}

int
ctlTap(const Ctl *ctl, int argc, char *argv[])
{
    Tap tap = {.ctl = ctl};
    int status = readOptions(&tap, argc, argv);
    Buf path;

    if (status != -1)
        return status;
    if (optind + 1 != argc)
        return ctlMisused(ctl, "the name of one pool is needed");
    tap.pool = argv[optind];
    bufInit(&path, PATH_MAX_OCTETS);
    status =
        formatPath(&tap, "json", &path) &&
                ctlStreamLines(ctl, bufData(&path), tap.ms, onLine, &tap) == 0
            ? CTL_OK
            : CTL_FAILED;
    bufFini(&path);
    return status;
}

/* Saved as it comes: what is there is there, whatever happens. */
static bool
onRecordText(const char *text, size_t len, void *data)
{
    FILE *file = data;

    return fwrite(text, 1, len, file) == len && fflush(file) == 0;
}

static int
save(const Tap *tap, FILE *file)
{
    int status = CTL_FAILED;
    Buf path;

    bufInit(&path, PATH_MAX_OCTETS);
    if (formatPath(tap, "record", &path) &&
        ctlHttpStream(tap->ctl, bufData(&path), tap->ms, onRecordText, file) ==
            0)
        status = CTL_OK;
    bufFini(&path);
    return status;
}

int
ctlRecord(const Ctl *ctl, int argc, char *argv[])
{
    Tap tap = {.ctl = ctl};
    int status = readOptions(&tap, argc, argv);

    if (status != -1)
        return status;
    if (optind + 2 != argc || tap.isJson)
        return ctlMisused(ctl, "the names of a pool and of a file are needed");
    const char *name = argv[optind + 1];
    bool isStdout = strcmp(name, "-") == 0;
    FILE *file = isStdout ? stdout : fopen(name, "we");
    if (file == NULL)
        return ctlFail(ctl, "cannot write %s: %s", name, strerror(errno));
    tap.pool = argv[optind];
    status = save(&tap, file);
    bool isBad = ferror(file) != 0;
    if (!isStdout)
        isBad |= fclose(file) == EOF;
    return isBad ? ctlFail(ctl, "cannot write %s", name) : status;
}
