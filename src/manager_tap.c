/* The manager's stream of what a pool asks and is told. DEBUG: section 16 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "helper.h"
#include "helper_record.h"
#include "json_text.h"
#include "manager_stream.h"
#include "xalloc.h"

#define TAP_MAGIC 0x3a9a6e05u
#define NAME_MAX_OCTETS 256
#define EXCHANGE_MAX (512 * 1024)

/* How exchanges are written. Each appends to out; 0 or -ENOBUFS. */
typedef struct Format {
    const char *name;
    const char *type;
    int (*head)(Buf *out, const HelperPool *pool);
    int (*exchange)(Buf *out, const HelperTrace *trace);
    ManagerStreamLostCb *lost;
} Format;

typedef struct Tap {
    uint32_t magic;
    ManagerStream *stream;
    HelperTap *tap;
    const Format *format;
    long left; /* exchanges until the end; 0: no end */
} Tap;

static int
putJson(Buf *out, const HelperTrace *trace)
{
    bufPrintf(out,
              "{\"time\": %.6f, \"id\": %u, \"pid\": %ld, \"queue_ms\": %.3f, "
              "\"service_ms\": %.3f, \"result\": \"%s\", \"by_pool\": %s, "
              "\"cut\": %s, \"request\": ",
              (double)trace->wallUs / 1e6, trace->number, (long)trace->pid,
              (double)trace->queueUs / 1000, (double)trace->serviceUs / 1000,
              helperProtoResultName(trace->result),
              trace->isOwn ? "true" : "false", trace->isCut ? "true" : "false");
    jsonTextPut(out, trace->request, trace->requestLen);
    bufPrintf(out, ", \"reply\": ");
    jsonTextPut(out, trace->reply, trace->replyLen);
    return bufPrintf(out, "}\n");
}

static int
putNoHead(Buf *out, const HelperPool *pool)
{
    (void)out;
    (void)pool;
    return 0;
}

static int
putJsonLost(Buf *out, uint64_t lost)
{
    return bufPrintf(out, "{\"lost\": %llu}\n", (unsigned long long)lost);
}

/* No file can name a program that has LF in its words. */
static int
putRecordHead(Buf *out, const HelperPool *pool)
{
    HelperPoolStats stats;

    helperPoolStats(pool, &stats);
    HelperRecord head = {
        .argv = stats.argv,
        .concurrency = stats.concurrency,
        .endMark = stats.endMark,
    };
    int rc = helperRecordFormatHead(&head, out);
    if (rc == -EINVAL) {
        head.argv = NULL;
        rc = helperRecordFormatHead(&head, out);
    }
    return rc < 0
               ? rc
               : bufPrintf(out, "# pool %s: %s\n", stats.name, stats.program);
}

/* What is cut cannot be asked again, nor is the pool's own word an answer. */
static int
putRecord(Buf *out, const HelperTrace *trace)
{
    HelperRecordAnswer answer = {
        .expect = trace->result == HELPER_TIMEOUT ? HELPER_EXPECT_SILENCE
                                                  : HELPER_EXPECT_LINE,
        .text = trace->reply,
        .len = trace->replyLen,
    };
    const HelperRecordExchange exchange = {
        .request = trace->request,
        .requestLen = trace->requestLen,
        .answers = &answer,
        .answerCount = 1,
        .wallUs = trace->wallUs,
        .queueUs = trace->queueUs,
        .serviceUs = trace->serviceUs,
        .number = trace->number,
        .pid = trace->pid,
    };

    if (trace->isCut)
        return bufPrintf(out, "# left out: only its beginning is known\n");
    if (trace->isOwn && trace->result != HELPER_TIMEOUT)
        return bufPrintf(out, "# left out: answered by the pool, %s\n",
                         helperProtoResultName(trace->result));
    return helperRecordFormatExchange(&exchange, out);
}

static int
putRecordLost(Buf *out, uint64_t lost)
{
    return bufPrintf(out, "# %llu exchanges lost\n", (unsigned long long)lost);
}

static const Format formats[] = {
    {"json", "application/x-ndjson", putNoHead, putJson, putJsonLost},
    {"record", "text/plain; charset=utf-8", putRecordHead, putRecord,
     putRecordLost},
};

static void
onTrace(const HelperTrace *trace, void *data)
{
    Tap *tap = data;
    Buf text;

    CHECK_OBJ(tap, TAP_MAGIC);
    if (trace == NULL) {
        managerStreamEnd(tap->stream);
        return;
    }
    bufInit(&text, EXCHANGE_MAX);
    if (tap->format->exchange(&text, trace) == 0)
        managerStreamPut(tap->stream, bufData(&text), bufLen(&text));
    bufFini(&text);
    if (tap->left > 0 && --tap->left == 0)
        managerStreamEnd(tap->stream);
}

static void
endTap(void *data)
{
    Tap *tap = data;

    CHECK_OBJ(tap, TAP_MAGIC);
    helperTapRemove(&tap->tap);
    CHECK_OBJ_CLEAR(tap);
    free(tap);
}

static const Format *
lookupFormat(HttpSlice target)
{
    char name[16];

    if (!managerQueryGet(target, "format", name, sizeof(name)))
        return &formats[0];
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    return NULL;
}

static void
start(ManagerConn *conn, HelperPool *pool, const Format *format)
{
    HttpSlice target = httpParserRequest(conn->parser)->target;
    char last[8] = "", count[16] = "";
    Tap *tap = xcalloc(1, sizeof(*tap));
    const ManagerStreamConfig config = {
        .type = format->type,
        .lost = format->lost,
        .end = endTap,
        .data = tap,
    };
    Buf head;

    tap->magic = TAP_MAGIC;
    tap->format = format;
    if (managerQueryGet(target, "n", count, sizeof(count)))
        tap->left = strtol(count, NULL, 10);
    tap->stream = managerStreamStart(conn, &config);
    if (tap->stream == NULL) {
        free(tap);
        return;
    }
    bufInit(&head, EXCHANGE_MAX);
    format->head(&head, pool);
    managerStreamPut(tap->stream, bufData(&head), bufLen(&head));
    bufFini(&head);
    (void)managerQueryGet(target, "last", last, sizeof(last));
    if (strcmp(last, "1") == 0) {
        helperTraceForEach(pool, onTrace, tap);
        managerStreamEnd(tap->stream);
    } else {
        tap->tap = helperTapAdd(pool, onTrace, tap);
    }
}

/* Lines of a pool without a trace are nobody's business: those of auth_param
 * have passwords. */
static bool
isSecret(const HelperPool *pool)
{
    HelperPoolStats stats;

    helperPoolStats(pool, &stats);
    return stats.traceMax == 0;
}

/* last=1: what the pool remembers; n=N: so many; format=json|record. */
void
managerTapOpen(ManagerConn *conn)
{
    HttpSlice target = httpParserRequest(conn->parser)->target;
    const Format *format = lookupFormat(target);
    char name[NAME_MAX_OCTETS];

    if (format == NULL ||
        !managerQueryGet(target, "pool", name, sizeof(name))) {
        managerRouteRefuse(conn, 400, "",
                           "/tap?pool=NAME[&format=json|record][&last=1]"
                           "[&n=COUNT]");
        return;
    }
    HelperPool *pool = helperPoolLookup(name);
    if (pool == NULL)
        managerRouteRefuse(conn, 404, "", "there is no such pool");
    else if (isSecret(pool))
        managerRouteRefuse(conn, 403, "",
                           "nobody may listen to this pool: trace=0, which "
                           "auth_param's children have unless they say more");
    else
        start(conn, pool, format);
}
