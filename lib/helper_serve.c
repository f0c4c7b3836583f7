/* helper_serve.c: the loop of a helper program in C. */
#include "helper_serve.h"

#include "check.h"
#include "xalloc.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SERVE_MAGIC 0x5e12e001u
#define SERVE_PAIRS_MAX 32768
#define SERVE_OUT_MAX 131072

struct HelperServe {
    uint32_t magic;
    HelperServeCb *handler;
    void *data;
    HelperIds ids;
    int64_t id;     /* of the request being answered, -1: none */
    char *line;     /* that request, as it came, or after an ID that is sure */
    bool replied;   /* that request has its reply */
    bool badPair;   /* a pair of that reply could not be kept */
    bool skipping;  /* inside a line that was too long */
    int writeError; /* negative errno; ends the loop */
    size_t inLen;
    size_t pairsLen;
    size_t outLen;
    char in[HELPER_SERVE_LINE_MAX];
    char pairs[SERVE_PAIRS_MAX];
    char out[SERVE_OUT_MAX];
};

/* Also works on a descriptor that somebody made non-blocking. */
static bool
mayRetry(int fd, short events, int error)
{
    if (error == EAGAIN)
        poll(&(struct pollfd){.fd = fd, .events = events}, 1, -1);
    return error == EAGAIN || error == EINTR;
}

static void
flushReplies(HelperServe *serve)
{
    size_t done = 0;

    while (done < serve->outLen && serve->writeError == 0) {
        ssize_t len =
            write(STDOUT_FILENO, serve->out + done, serve->outLen - done);
        int error = errno;
        if (len >= 0)
            done += (size_t)len;
        else if (!mayRetry(STDOUT_FILENO, POLLOUT, error))
            serve->writeError = -error;
    }
    serve->outLen = 0;
}

static int
putReply(HelperServe *serve, HelperResult result, const char *text)
{
    HelperReply reply = {.result = HELPER_UNKNOWN};
    char *out = serve->out + serve->outLen;
    size_t size = sizeof(serve->out) - serve->outLen;
    const char *word = helperProtoResultName(result);
    size_t used = 0;
    ssize_t len;

    if (size < 32 + serve->pairsLen)
        return -ENOBUFS;
    if (serve->id >= 0)
        used = helperProtoFormatId((uint32_t)serve->id, out);
    if (result != HELPER_UNKNOWN) {
        memcpy(out + used, word, strlen(word));
        used += strlen(word);
        memcpy(out + used, serve->pairs, serve->pairsLen);
        used += serve->pairsLen;
        if (*text)
            out[used++] = ' ';
    }
    reply.text = text;
    reply.textLen = strlen(text);
    len = helperProtoFormatReply(-1, &reply, out + used, size - used);
    if (len < 0)
        return (int)len;
    serve->outLen += used + (size_t)len;
    return 0;
}

static void
putBroken(HelperServe *serve, const char *message)
{
    serve->pairsLen = 0;
    if (putReply(serve, HELPER_BH, message) < 0) {
        flushReplies(serve);
        CHECK(putReply(serve, HELPER_BH, message) == 0);
    }
    serve->replied = true;
}

void
helperServeReply(HelperServe *serve, HelperResult result, const char *text)
{
    CHECK_OBJ(serve, SERVE_MAGIC);
    CHECK(!serve->replied && (unsigned)result <= HELPER_NA);
    if (serve->badPair) {
        putBroken(serve, "message=\"a pair of the reply cannot be sent\"");
        return;
    }
    if (!text)
        text = "";
    int rc = putReply(serve, result, text);
    if (rc == -ENOBUFS) {
        flushReplies(serve);
        rc = putReply(serve, result, text);
    }
    if (rc < 0)
        putBroken(serve, "message=\"the reply cannot be sent\"");
    serve->replied = true;
}

void
helperServeAdd(HelperServe *serve, const char *key, const char *value)
{
    HelperReply reply = {.result = HELPER_OK, .message = "", .pairCount = 1};
    char *out = serve->pairs + serve->pairsLen;

    CHECK_OBJ(serve, SERVE_MAGIC);
    reply.pairs[0] = (HelperPair){key, value, strlen(value)};
    ssize_t len = helperProtoFormatReply(
        -1, &reply, out, sizeof(serve->pairs) - serve->pairsLen);
    if (len < 0) {
        serve->badPair = true;
        return;
    }
    /* Of `OK key="value" LF` the pair and its blank are wanted. */
    memmove(out, out + 2, (size_t)len - 3);
    serve->pairsLen += (size_t)len - 3;
}

char *
helperServeWholeLine(HelperServe *serve)
{
    CHECK_OBJ(serve, SERVE_MAGIC);
    CHECK(!serve->replied);
    if (serve->ids != HELPER_IDS_ON)
        serve->id = -1;
    return serve->line;
}

char *
helperServeWord(char **cursor)
{
    char *word = *cursor + strspn(*cursor, " \t");
    size_t len = strcspn(word, " \t");

    if (len == 0)
        return NULL;
    *cursor = word + len + (word[len] != '\0');
    word[len] = '\0';
    return word;
}

char *
helperServeField(char **cursor)
{
    char *field = helperServeWord(cursor);

    if (field)
        field[helperProtoUnescape(field, strlen(field))] = '\0';
    return field;
}

/* Take a channel-ID off the line. When it is not known that there is one, only
 * with a blank after it, since a query may be a number. Returns where the
 * query begins. */
static char *
takeId(HelperServe *serve, char *line, size_t len)
{
    uint32_t id;
    size_t skip = helperProtoParseId(line, len, &id);
    bool isSure = serve->ids == HELPER_IDS_ON;

    serve->line = line;
    serve->id = -1;
    if (skip == 0 || serve->ids == HELPER_IDS_OFF ||
        (!isSure && line[skip - 1] != ' ' && line[skip - 1] != '\t'))
        return line;
    serve->id = id;
    if (isSure)
        serve->line = line + skip;
    return line + skip;
}

static void
answerLine(HelperServe *serve, char *line, size_t len)
{
    if (len > 0 && line[len - 1] == '\r')
        len--;
    line[len] = '\0';
    char *query = takeId(serve, line, len);
    len -= (size_t)(query - line);
    serve->replied = serve->badPair = false;
    serve->pairsLen = 0;
    if (memchr(query, '\0', len)) {
        putBroken(serve, "message=\"NUL in the request\"");
        return;
    }
    if (serve->ids == HELPER_IDS_ON && serve->id < 0) {
        putBroken(serve, "message=\"no channel-ID in the request\"");
        return;
    }
    serve->handler(serve, query, len, serve->data);
    if (!serve->replied)
        putBroken(serve, "message=\"no answer\"");
}

static void
refuseLongLine(HelperServe *serve)
{
    takeId(serve, serve->in, serve->inLen);
    putBroken(serve, "message=\"request line too long\"");
    serve->skipping = true;
    serve->inLen = 0;
}

static void
answerLines(HelperServe *serve)
{
    char *line = serve->in;
    char *end = serve->in + serve->inLen;
    char *lf;

    while ((lf = memchr(line, '\n', (size_t)(end - line)))) {
        if (!serve->skipping)
            answerLine(serve, line, (size_t)(lf - line));
        serve->skipping = false;
        line = lf + 1;
    }
    serve->inLen = serve->skipping ? 0 : (size_t)(end - line);
    memmove(serve->in, line, serve->inLen);
    if (serve->inLen == sizeof(serve->in))
        refuseLongLine(serve);
}

/* Octets read, 0 at EOF, or a negative errno. */
static ssize_t
readMore(HelperServe *serve)
{
    for (;;) {
        ssize_t len = read(STDIN_FILENO, serve->in + serve->inLen,
                           sizeof(serve->in) - serve->inLen);
        if (len >= 0) {
            serve->inLen += (size_t)len;
            return len;
        }
        int error = errno;
        if (!mayRetry(STDIN_FILENO, POLLIN, error))
            return -error;
    }
}

static int
serveLines(HelperServe *serve)
{
    for (;;) {
        ssize_t len = readMore(serve);
        if (len <= 0)
            return (int)len;
        answerLines(serve);
        flushReplies(serve);
        if (serve->writeError < 0)
            return serve->writeError;
    }
}

/* What the pool that started us says of lines. */
static HelperIds
readEnvironment(void)
{
    const char *text = getenv("SQUIRE_CONCURRENCY");

    if (!text || !*text || text[strspn(text, "0123456789")])
        return HELPER_IDS_DETECT;
    return text[strspn(text, "0")] ? HELPER_IDS_ON : HELPER_IDS_OFF;
}

int
helperServe(HelperServeCb *handler, void *data)
{
    return helperServeWith(HELPER_IDS_DETECT, handler, data);
}

int
helperServeWith(HelperIds ids, HelperServeCb *handler, void *data)
{
    HelperServe *serve = xmalloc(sizeof(*serve));

    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    serve->magic = SERVE_MAGIC;
    serve->handler = handler;
    serve->data = data;
    serve->ids = ids == HELPER_IDS_DETECT ? readEnvironment() : ids;
    serve->skipping = false;
    serve->writeError = 0;
    serve->inLen = serve->outLen = 0;
    int rc = serveLines(serve);
    CHECK_OBJ_CLEAR(serve);
    free(serve);
    return rc == 0 || rc == -EPIPE || rc == -ECONNRESET ? 0 : 1;
}
