/* log_output.c: the file of a log. */
#include "log_output.h"

#include "check.h"
#include "fd.h"
#include "xalloc.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define OUTPUT_MAGIC 0x5e12e007u
#define HELD_MAX 65536
#define OLD_FILES_MAX 9999
#define TELL_EVERY_SEC 60
#define SHOWN_MAX 80 /* of a command that is not known */

struct LogOutput {
    uint32_t magic;
    char *path;
    int fd;
    bool isBuffered;
    bool midLine; /* the file ends within a line */
    long oldFiles;
    uint64_t commands; /* so far */
    uint64_t done;     /* of them */
    uint64_t lost;
    bool failing;    /* lines were lost, and nobody was told that it ended */
    time_t nextTell; /* seconds of the monotonic clock */
    size_t used;
    char held[HELD_MAX];
};

static int
openFile(const char *path)
{
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
}

/* Whoever wrote it before was killed in the middle of a write. */
static bool
endsMidLine(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char last = '\n';

    if (fd < 0)
        return false;
    if (lseek(fd, -1, SEEK_END) >= 0 && read(fd, &last, 1) != 1)
        last = '\n';
    fdClosep(&fd);
    return last != '\n';
}

LogOutput *
logOutputOpen(const char *path)
{
    int fd = openFile(path);
    LogOutput *output;

    if (fd < 0)
        return NULL;
    output = xcalloc(1, sizeof(*output));
    output->magic = OUTPUT_MAGIC;
    output->path = xstrdup(path);
    output->fd = fd;
    output->midLine = endsMidLine(path);
    return output;
}

/* True at most once a minute. */
static bool
mayTell(LogOutput *output)
{
    struct timespec now = {0};

    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    if (output->nextTell != 0 && now.tv_sec < output->nextTell)
        return false;
    output->nextTell = now.tv_sec + TELL_EVERY_SEC;
    return true;
}

static void
addLost(LogOutput *output, uint64_t lines, const char *why)
{
    if (lines == 0)
        return;
    output->lost += lines;
    output->failing = true;
    if (mayTell(output))
        fprintf(stderr, "log_file: %s: %s; %" PRIu64 " lines lost so far\n",
                output->path, why, output->lost);
}

void
logOutputAddLost(LogOutput *output, uint64_t lines, const char *why)
{
    CHECK_OBJ(output, OUTPUT_MAGIC);
    output->commands += lines;
    if (output->used == 0)
        output->done = output->commands;
    addLost(output, lines, why);
}

static void
tellRecovery(LogOutput *output)
{
    if (!output->failing || !mayTell(output))
        return;
    output->failing = false;
    fprintf(stderr,
            "log_file: %s: is written again; %" PRIu64 " lines were lost\n",
            output->path, output->lost);
}

static uint64_t
countLines(const char *text, size_t len)
{
    uint64_t lines = 0;

    for (size_t i = 0; i < len; i++)
        lines += text[i] == '\n';
    return lines;
}

/* Whole lines, or the end of one. The line that was cut by a full disk gets
 * its end first, so that no two lines become one. */
static void
writeText(LogOutput *output, const char *text, size_t len)
{
    size_t done = 0;

    if (output->midLine && write(output->fd, "\n", 1) == 1)
        output->midLine = false;
    while (done < len && !output->midLine) {
        ssize_t n = write(output->fd, text + done, len - done);

        if (n > 0) {
            done += (size_t)n;
        } else if (n == 0 || errno != EINTR) {
            output->midLine = done > 0 && text[done - 1] != '\n';
            break;
        }
    }
    if (done == len)
        tellRecovery(output);
    else
        addLost(output, countLines(text + done, len - done), strerror(errno));
}

static void
flush(LogOutput *output)
{
    size_t len = output->used;

    output->used = 0;
    if (len > 0)
        writeText(output, output->held, len);
    output->done = output->commands;
}

static void
hold(LogOutput *output, const char *text, size_t len)
{
    memcpy(output->held + output->used, text, len);
    output->used += len;
    output->held[output->used++] = '\n';
}

static void
addLine(LogOutput *output, const char *text, size_t len)
{
    char *line;

    if (len + 1 > HELD_MAX - output->used)
        flush(output);
    if (len + 1 <= HELD_MAX) {
        hold(output, text, len);
        return;
    }
    line = xmalloc(len + 1);
    memcpy(line, text, len);
    line[len] = '\n';
    writeText(output, line, len + 1);
    free(line);
}

static void
tellFailure(const LogOutput *output, const char *what)
{
    fprintf(stderr, "log_file: %s: cannot %s: %s\n", output->path, what,
            strerror(errno));
}

/* When it cannot be opened, the file that is open goes on. */
static void
reopen(LogOutput *output)
{
    int fd;

    flush(output);
    fd = openFile(output->path);
    if (fd < 0) {
        tellFailure(output, "open");
        return;
    }
    fdClosep(&output->fd);
    output->fd = fd;
    output->midLine = endsMidLine(output->path);
}

static void
moveFile(const LogOutput *output, const char *from, long number)
{
    char *to = xasprintf("%s.%ld", output->path, number);

    if (rename(from, to) < 0 && errno != ENOENT)
        tellFailure(output, "rename");
    free(to);
}

static void
rotate(LogOutput *output)
{
    struct stat file;

    flush(output);
    if (lstat(output->path, &file) == 0 && S_ISREG(file.st_mode)) {
        for (long i = output->oldFiles - 1; i > 0; i--) {
            char *from = xasprintf("%s.%ld", output->path, i - 1);
            moveFile(output, from, i);
            free(from);
        }
        if (output->oldFiles > 0)
            moveFile(output, output->path, 0);
    }
    reopen(output);
}

static void
truncateFile(LogOutput *output)
{
    flush(output);
    if (ftruncate(output->fd, 0) < 0)
        tellFailure(output, "truncate");
    else
        output->midLine = false;
}

static bool
setNumber(const char *text, size_t len, long max, long *out)
{
    long value = 0;

    for (size_t i = 0; i < len && value <= max; i++) {
        if (!isdigit((unsigned char)text[i]))
            return false;
        value = value * 10 + text[i] - '0';
    }
    if (len == 0 || value > max)
        return false;
    *out = value;
    return true;
}

/* False when there is no such command. */
static bool
doControl(LogOutput *output, const char *command, size_t len)
{
    long isBuffered = 0;

    switch (command[0]) {
    case 'r':
        return setNumber(command + 1, len - 1, OLD_FILES_MAX,
                         &output->oldFiles);
    case 'b':
        if (!setNumber(command + 1, len - 1, 1, &isBuffered))
            return false;
        output->isBuffered = isBuffered;
        return true;
    default:
        break;
    }
    if (len != 1)
        return false;
    switch (command[0]) {
    case 'F':
        flush(output);
        return true;
    case 'R':
        rotate(output);
        return true;
    case 'O':
        reopen(output);
        return true;
    case 'T':
        truncateFile(output);
        return true;
    default:
        return false;
    }
}

void
logOutputCommand(LogOutput *output, const char *command, size_t len)
{
    CHECK_OBJ(output, OUTPUT_MAGIC);
    if (len > 0 && command[0] == 'L')
        addLine(output, command + 1, len - 1);
    else if (len == 0 || !doControl(output, command, len))
        fprintf(stderr, "log_file: not a command: \"%.*s\"\n",
                (int)(len < SHOWN_MAX ? len : SHOWN_MAX), command);
    output->commands++;
    if (output->used == 0)
        output->done = output->commands;
}

void
logOutputSettle(LogOutput *output)
{
    CHECK_OBJ(output, OUTPUT_MAGIC);
    if (!output->isBuffered)
        flush(output);
}

uint64_t
logOutputDone(const LogOutput *output)
{
    CHECK_OBJ(output, OUTPUT_MAGIC);
    return output->done;
}

uint64_t
logOutputLost(const LogOutput *output)
{
    CHECK_OBJ(output, OUTPUT_MAGIC);
    return output->lost;
}

void
logOutputClose(LogOutput **outputp)
{
    LogOutput *output = *outputp;

    if (!output)
        return;
    CHECK_OBJ(output, OUTPUT_MAGIC);
    *outputp = NULL;
    flush(output);
    fdClosep(&output->fd);
    free(output->path);
    CHECK_OBJ_CLEAR(output);
    free(output);
}
