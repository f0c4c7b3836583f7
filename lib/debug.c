/* debug.c: the log people read. */
#include "debug.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "fd.h"
#include "xalloc.h"

#define TEXT_MAX 4096u
#define PREFIX_MAX 128u
#define LEVEL_DEFAULT 1
#define LEVEL_MAX 9

signed char debugLevels[DEBUG_SECTION_MAX] = {[0 ... DEBUG_SECTION_MAX - 1] =
                                                  LEVEL_DEFAULT};

static atomic_int logFd = STDERR_FILENO;
static atomic_int stderrLevel = -1;
static _Atomic(const char *) processName;
static char *logPath;
static char *optionsText;

static const struct {
    int number;
    const char *name;
} sections[] = {
#define X(number, name, text) {number, #name},
    DEBUG_SECTIONS(X)
#undef X
};

/* The date and second as text: converted once a second and thread. */
static const char *
secondText(time_t second)
{
    static _Thread_local time_t cachedSecond = -1;
    static _Thread_local char cachedText[24];
    struct tm local;

    if (second != cachedSecond && localtime_r(&second, &local)) {
        strftime(cachedText, sizeof(cachedText), "%Y/%m/%d %H:%M:%S", &local);
        cachedSecond = second;
    }
    return cachedText;
}

static size_t
formatPrefix(char *out, size_t size, int section, int level)
{
    const char *name = atomic_load(&processName);
    struct timespec now;
    int len;

    clock_gettime(CLOCK_REALTIME, &now);
    len = snprintf(out, size, "%s.%03ld %.60s%s%d,%d| ", secondText(now.tv_sec),
                   now.tv_nsec / 1000000, name ? name : "", name ? " " : "",
                   section, level);
    return (size_t)len < size ? (size_t)len : size - 1;
}

/* out has room for four octets for each of text. */
static size_t
escapeText(char *out, const char *text, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    size_t used = 0;

    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c >= 0x20 && c != 0x7f) {
            out[used++] = (char)c;
            continue;
        }
        out[used++] = '\\';
        out[used++] = 'x';
        out[used++] = hex[c >> 4];
        out[used++] = hex[c & 15];
    }
    return used;
}

/* One write, never repeated after an error: a full disk or a stuck reader
 * of the log loses lines, not time. */
static void
writeLine(int fd, const char *line, size_t len)
{
    ssize_t n;

    do {
        n = write(fd, line, len);
    } while (n < 0 && errno == EINTR);
}

void
debugWrite(int section, int level, const char *fmt, ...)
{
    static const char cut[] = "...";
    char text[TEXT_MAX + 1];
    char line[PREFIX_MAX + 4 * TEXT_MAX + sizeof(cut) + 1];
    int saved = errno;
    int fd = atomic_load(&logFd);
    va_list ap;
    int want;
    size_t len, used;

    va_start(ap, fmt);
    want = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    len = want < 0 ? 0 : (size_t)want;
    used = formatPrefix(line, PREFIX_MAX, section, level);
    used += escapeText(line + used, text, len < TEXT_MAX ? len : TEXT_MAX);
    if (len > TEXT_MAX) {
        memcpy(line + used, cut, sizeof(cut) - 1);
        used += sizeof(cut) - 1;
    }
    line[used++] = '\n';
    writeLine(fd, line, used);
    if (fd != STDERR_FILENO && level <= atomic_load(&stderrLevel))
        writeLine(STDERR_FILENO, line, used);
    errno = saved;
}

static void
onCheckFailed(const char *line)
{
    debugWrite(DBG_MISC, 0, "%s", line);
}

/* Non-blocking matters only where path is a FIFO or a terminal. */
static int
openLog(const char *path)
{
    int fd = open(
        path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
        0640);

    return fd < 0 ? -errno : fdAboveStdio(fd);
}

/* Other threads may be about to write to the log's number, so that number
 * is given the new file rather than closed. */
static int
replaceLog(int fd)
{
    int old = atomic_load(&logFd);

    if (old == STDERR_FILENO) {
        atomic_store(&logFd, fd);
        return 0;
    }
    if (dup3(fd, old, O_CLOEXEC) < 0) {
        fdClosep(&fd);
        return -1;
    }
    close(fd);
    return 0;
}

int
debugOpen(const char *path)
{
    char *copy;
    int fd;

    if (!path || strcmp(path, "stderr") == 0) {
        debugClose();
        return 0;
    }
    fd = openLog(path);
    if (fd < 0) {
        errno = -fd;
        return -1;
    }
    if (replaceLog(fd) < 0)
        return -1;
    copy = xstrdup(path);
    free(logPath);
    logPath = copy;
    checkSetReport(onCheckFailed);
    return 0;
}

const char *
debugPath(void)
{
    return logPath;
}

int
debugReopen(void)
{
    int fd;

    if (!logPath)
        return 0;
    fd = openLog(logPath);
    if (fd < 0) {
        errno = -fd;
        return -1;
    }
    return replaceLog(fd);
}

void
debugClose(void)
{
    int fd = atomic_exchange(&logFd, STDERR_FILENO);

    checkSetReport(NULL);
    if (fd != STDERR_FILENO)
        close(fd);
    free(logPath);
    logPath = NULL;
}

/* A section's number from its number or name; -1 when there is none. */
static int
parseSection(const char *text, size_t len)
{
    char *end;
    long number = strtol(text, &end, 10);

    if (end == text + len && len > 0 && text[0] >= '0' && text[0] <= '9')
        return number < DEBUG_SECTION_MAX ? (int)number : -1;
    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
        const char *name = sections[i].name;
        if (strlen(name) == len && strncasecmp(name, text, len) == 0)
            return sections[i].number;
    }
    return -1;
}

static int
applyWord(signed char *levels, const char *word)
{
    const char *comma = strchr(word, ',');
    char *end;
    long level;
    int section;

    if (strncmp(word, "rotate=", 7) == 0)
        return 0;
    if (!comma)
        return -1;
    level = strtol(comma + 1, &end, 10);
    if (end == comma + 1 || *end || level < -1 || level > LEVEL_MAX)
        return -1;
    if (comma == word + 3 && strncasecmp(word, "ALL", 3) == 0) {
        memset(levels, (int)level, DEBUG_SECTION_MAX);
        return 0;
    }
    section = parseSection(word, (size_t)(comma - word));
    if (section < 0)
        return -1;
    levels[section] = (signed char)level;
    return 0;
}

static int
parseOptions(signed char *levels, const char *text)
{
    char *copy = xstrdup(text);
    char *save = NULL;
    char *word = strtok_r(copy, " \t", &save);
    int rc = 0;

    memset(levels, LEVEL_DEFAULT, DEBUG_SECTION_MAX);
    for (; word && rc == 0; word = strtok_r(NULL, " \t", &save))
        rc = applyWord(levels, word);
    free(copy);
    return rc;
}

int
debugOptions(const char *text)
{
    signed char levels[DEBUG_SECTION_MAX];
    char *copy;

    if (!text || parseOptions(levels, text) < 0) {
        errno = EINVAL;
        return -1;
    }
    for (int i = 0; i < DEBUG_SECTION_MAX; i++)
        __atomic_store_n(&debugLevels[i], levels[i], __ATOMIC_RELAXED);
    copy = xstrdup(text);
    free(optionsText);
    optionsText = copy;
    return 0;
}

const char *
debugOptionsText(void)
{
    return optionsText ? optionsText : "ALL,1";
}

int
debugFd(void)
{
    return atomic_load(&logFd);
}

void
debugSetProcessName(const char *name)
{
    atomic_store(&processName, name);
}

void
debugSetStderrLevel(int level)
{
    atomic_store(&stderrLevel, level);
}
