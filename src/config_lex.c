/* config_lex.c: files, lines and words of a configuration; include. */
#include "config_priv.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fd.h"
#include "xalloc.h"

#define INCLUDE_DEPTH_MAX 16
#define INCLUDE_FILES_MAX 10000
#define LINE_MAX_OCTETS (1024 * 1024)

/* Where a physical line begins in a joined one. */
typedef struct Mark {
    size_t offset;
    unsigned line;
} Mark;

typedef struct Reader {
    ConfigLoader *loader;
    const char *path;
    FILE *file;                /* NULL: a text that is no file */
    const struct Reader *from; /* of the file that includes this one */
    struct stat info;
    unsigned depth;
    unsigned line;
    bool ended; /* after what cannot be gone on from */
    ConfigIf conditions;
    Buf physical;
    Buf expanded;
    Buf text; /* the joined line */
    Mark *marks;
    size_t markCount;
    size_t markSize;
    ConfigWord *words;
    size_t wordCount;
    size_t wordSize;
} Reader;

static void includeFile(Reader *from, const ConfigLine *line, const char *path);

static void
complain(Reader *reader, unsigned line, const char *text)
{
    configComplainAt(reader->loader, CONFIG_ERROR, reader->path, line, text);
}

static void
initReader(Reader *reader, ConfigLoader *loader, const char *path)
{
    memset(reader, 0, sizeof(*reader));
    reader->loader = loader;
    reader->path = path;
    bufInit(&reader->physical, LINE_MAX_OCTETS);
    bufInit(&reader->expanded, LINE_MAX_OCTETS);
    bufInit(&reader->text, LINE_MAX_OCTETS);
}

static void
clearWords(Reader *reader)
{
    for (size_t i = 0; i < reader->wordCount; i++)
        free(reader->words[i].text);
    reader->wordCount = 0;
}

static void
finiReader(Reader *reader)
{
    clearWords(reader);
    free(reader->words);
    free(reader->marks);
    bufFini(&reader->physical);
    bufFini(&reader->expanded);
    bufFini(&reader->text);
}

static void
addMark(Reader *reader)
{
    if (reader->markCount == reader->markSize) {
        reader->markSize = reader->markSize ? reader->markSize * 2 : 4;
        reader->marks =
            xrealloc(reader->marks, reader->markSize * sizeof(Mark));
    }
    reader->marks[reader->markCount++] =
        (Mark){bufLen(&reader->text), reader->line};
}

static unsigned
lineOfOffset(const Reader *reader, size_t offset)
{
    unsigned line = 0;

    for (size_t i = 0; i < reader->markCount; i++)
        if (reader->marks[i].offset <= offset)
            line = reader->marks[i].line;
    return line;
}

static bool
isComment(const char *text)
{
    return text[strspn(text, " \t")] == '#';
}

/*
 * Read a line without its end, and add a NUL. 1, 0 at the end of the file,
 * or -EMSGSIZE when the line does not end where lines do (/dev/zero is no
 * configuration). The buffer bounds it.
 */
static int
readLine(FILE *file, Buf *line)
{
    int c;

    bufClear(line);
    while ((c = getc_unlocked(file)) != EOF && c != '\n') {
        char octet = (char)c;

        if (bufAppend(line, &octet, 1) != 0)
            return -EMSGSIZE;
    }
    if (c == EOF && bufLen(line) == 0)
        return 0;
    return bufAppend(line, "", 1) == 0 ? 1 : -EMSGSIZE;
}

/* The line in buf; a carriage return at its end is cut off. */
static char *
lineText(Buf *line, size_t *lenOut)
{
    char *text = bufData(line);
    size_t len = bufLen(line) - 1;

    if (len > 0 && text[len - 1] == '\r')
        text[--len] = '\0';
    *lenOut = len;
    return text;
}

/* The line with the values of macros, borrowed; NULL when it is too long. */
static const char *
expand(Reader *reader, const char *text, size_t *lenOut)
{
    Buf *out = &reader->expanded;

    if (!strstr(text, "${"))
        return text;
    bufClear(out);
    if (configExpand(text, out) != 0 || bufAppend(out, "", 1) != 0) {
        complain(reader, reader->line, "the line is too long");
        reader->ended = true;
        return NULL;
    }
    *lenOut = bufLen(out) - 1;
    return bufData(out);
}

/* The next physical line, borrowed; NULL when there is none. */
static const char *
readPhysical(Reader *reader, size_t *lenOut)
{
    int rc = readLine(reader->file, &reader->physical);
    char *text;

    if (rc < 0) {
        complain(reader, reader->line + 1, "the line is too long");
        reader->ended = true;
    }
    if (rc <= 0)
        return NULL;
    reader->line++;
    text = lineText(&reader->physical, lenOut);
    if (strlen(text) < *lenOut) {
        complain(reader, reader->line, "the line has a NUL octet");
        *lenOut = 0;
        text[0] = '\0';
    }
    return expand(reader, text, lenOut);
}

/* Join lines that end in a backslash; false at the end of the file. */
static bool
readLogical(Reader *reader)
{
    const char *text;
    size_t len = 0;
    bool continued = true;

    bufClear(&reader->text);
    reader->markCount = 0;
    while (continued && !reader->ended && (text = readPhysical(reader, &len))) {
        bool comment = reader->markCount == 0 && isComment(text);

        addMark(reader);
        continued = !comment && len > 0 && text[len - 1] == '\\';
        if (bufAppend(&reader->text, text, len - (continued ? 1 : 0)) != 0) {
            complain(reader, reader->line, "the line is too long");
            reader->ended = true;
        }
    }
    return reader->markCount > 0 && !reader->ended;
}

static ConfigWord *
addWord(Reader *reader, size_t offset)
{
    ConfigWord *word;

    if (reader->wordCount == reader->wordSize) {
        reader->wordSize = reader->wordSize ? reader->wordSize * 2 : 8;
        reader->words =
            xrealloc(reader->words, reader->wordSize * sizeof(ConfigWord));
    }
    word = &reader->words[reader->wordCount++];
    memset(word, 0, sizeof(*word));
    word->line = lineOfOffset(reader, offset);
    return word;
}

static char
unescape(char c)
{
    switch (c) {
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return c;
    }
}

/*
 * Copy the quoted text that begins at `at` (a quote) to *to, without quotes
 * and escapes. Returns what follows it, or NULL when its end is missing.
 */
static const char *
copyQuoted(const char *at, const char *end, char **to)
{
    char quote = *at++;

    for (; at < end && *at != quote; at++) {
        if (*at == '\\' && at + 1 < end)
            *(*to)++ = unescape(*++at);
        else
            *(*to)++ = *at;
    }
    return at < end ? at + 1 : NULL;
}

static bool
isQuote(char c)
{
    return c == '"' || c == '\'';
}

/* In acl values a quote within a word is an ordinary character. */
static bool
quotesOptions(const Reader *reader)
{
    return reader->wordCount > 1 && strcmp(reader->words[0].text, "acl") != 0;
}

/* As copyQuoted, up to a blank. */
static const char *
copyPlain(Reader *reader, const char *at, const char *end, char **to)
{
    const char *start = at;

    while (at && at < end && !isspace((unsigned char)*at)) {
        if (at > start && isQuote(*at) && at[-1] == '=' &&
            quotesOptions(reader)) {
            reader->words[reader->wordCount - 1].quoted = true;
            at = copyQuoted(at, end, to);
        } else {
            *(*to)++ = *at++;
        }
    }
    return at;
}

#define PARAMETERS "parameters("

/* As copyQuoted, of parameters("FILE"). */
static const char *
copyParameters(const char *at, const char *end, char **to)
{
    at += strlen(PARAMETERS);
    if (at == end || !isQuote(*at))
        return NULL;
    at = copyQuoted(at, end, to);
    return at && at < end && *at == ')' ? at + 1 : NULL;
}

/* Read the word at `at`; returns what follows it, or NULL after an error. */
static const char *
readWord(Reader *reader, const char *at, const char *end)
{
    const char *base = bufData(&reader->text);
    ConfigWord *word = addWord(reader, (size_t)(at - base));
    char *to = word->text = xmalloc((size_t)(end - at) + 1);

    word->quoted = isQuote(*at);
    word->isFile = (size_t)(end - at) > strlen(PARAMETERS) &&
                   strncmp(at, PARAMETERS, strlen(PARAMETERS)) == 0;
    if (word->isFile)
        at = copyParameters(at, end, &to);
    else if (word->quoted)
        at = copyQuoted(at, end, &to);
    else
        at = copyPlain(reader, at, end, &to);
    *to = '\0';
    if (!at) {
        complain(reader, word->line,
                 word->isFile ? "expected parameters(\"FILE\")"
                              : "a quoted text does not end");
        return NULL;
    }
    if (word->isFile && strcmp(reader->words[0].text, "acl") != 0) {
        complain(reader, word->line, "parameters() is for lines of acl only");
        return NULL;
    }
    if (at < end && !isspace((unsigned char)*at)) {
        complain(reader, word->line, "expected a blank after a quoted text");
        return NULL;
    }
    return at;
}

/* The text of a logformat is all of the line: quotes are a part of it. */
static bool
takesRest(const Reader *reader)
{
    return reader->wordCount == 2 &&
           strcmp(reader->words[0].text, "logformat") == 0;
}

/* True when nothing but a comment follows the quoted text at `at`. */
static bool
isQuotedRest(const char *at, const char *end)
{
    char *unused = xmalloc((size_t)(end - at) + 1);
    char *to = unused;
    const char *after = isQuote(*at) ? copyQuoted(at, end, &to) : NULL;

    free(unused);
    while (after && after < end && isspace((unsigned char)*after))
        after++;
    return after && (after == end || *after == '#');
}

static void
readRest(Reader *reader, const char *at, const char *end)
{
    const char *base = bufData(&reader->text);
    ConfigWord *word = addWord(reader, (size_t)(at - base));

    while (end > at && isspace((unsigned char)end[-1]))
        end--;
    word->text = xstrndup(at, (size_t)(end - at));
    word->quoted = true;
}

/* False after an error. */
static bool
splitWords(Reader *reader)
{
    const char *at = bufData(&reader->text);
    const char *end = at + bufLen(&reader->text);

    clearWords(reader);
    while (at && at < end) {
        if (isspace((unsigned char)*at)) {
            at++;
        } else if (takesRest(reader) && !isQuotedRest(at, end)) {
            readRest(reader, at, end);
            break;
        } else if (*at == '#')
            break;
        else
            at = readWord(reader, at, end);
    }
    return at != NULL;
}

char *
configResolve(const char *file, const char *name)
{
    const char *slash = file ? strrchr(file, '/') : NULL;

    if (name[0] == '/' || !slash)
        return xstrdup(name);
    return xasprintf("%.*s/%s", (int)(slash - file), file, name);
}

static void
includePattern(Reader *reader, const ConfigLine *line, size_t i)
{
    const char *name = line->words[i].text;
    char *pattern = configResolve(line->file, name);
    glob_t found = {0};
    int rc = glob(pattern, GLOB_ERR, NULL, &found);

    if (rc == GLOB_NOMATCH && !strpbrk(name, "*?["))
        configError(reader->loader, line, i, "include: no file %s", pattern);
    else if (rc != 0 && rc != GLOB_NOMATCH)
        configError(reader->loader, line, i, "include: cannot search %s: %s",
                    pattern, strerror(errno));
    for (size_t n = 0; rc == 0 && n < found.gl_pathc; n++)
        includeFile(reader, line, found.gl_pathv[n]);
    globfree(&found);
    free(pattern);
}

static void
doInclude(Reader *reader, const ConfigLine *line)
{
    if (line->count < 2)
        configError(reader->loader, line, 0,
                    "include: expected the name of a file");
    else if (reader->depth >= INCLUDE_DEPTH_MAX)
        configError(reader->loader, line, 0, "include: more than %d files deep",
                    INCLUDE_DEPTH_MAX);
    else
        for (size_t i = 1; i < line->count; i++)
            includePattern(reader, line, i);
}

/* True when it was one, or is not to be read because of one. */
static bool
takeCondition(Reader *reader)
{
    unsigned line = reader->markCount > 0 ? reader->marks[0].line : 0;
    char *end = bufReserve(&reader->text, 1);
    const char *why;

    if (!end)
        return false; /* too long for a condition */
    *end = '\0';
    if (!configIfTake(&reader->conditions, bufData(&reader->text), line, &why))
        return configIfSkips(&reader->conditions);
    if (why)
        complain(reader, line, why);
    return true;
}

static void
doLine(Reader *reader)
{
    ConfigLine line = {reader->path, NULL, 0};

    if (takeCondition(reader) || !splitWords(reader) || reader->wordCount == 0)
        return;
    line.words = reader->words;
    line.count = reader->wordCount;
    if (strcmp(line.words[0].text, "include") == 0)
        doInclude(reader, &line);
    else
        configDirective(reader->loader, &line);
}

/*
 * Open a file to read; NULL with what is wrong in *why. Only a plain one, so
 * that no pipe or device can hold up the proxy, unless any will do.
 */
static FILE *
openFile(const char *path, bool any, struct stat *info, const char **why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | (any ? 0 : O_NONBLOCK));

    if (fd < 0 || fstat(fd, info) != 0)
        *why = strerror(errno);
    else if (S_ISDIR(info->st_mode))
        *why = strerror(EISDIR);
    else if (!any && !S_ISREG(info->st_mode))
        *why = "it is no plain file";
    else
        return fdopen(fd, "r");
    fdClosep(&fd);
    return NULL;
}

/* Read the opened file; NULL, or what went wrong. */
static const char *
readAll(Reader *reader)
{
    const char *why = NULL;

    while (readLogical(reader))
        doLine(reader);
    while (reader->conditions.depth > 0 && !reader->ended)
        complain(reader,
                 reader->conditions.levels[--reader->conditions.depth].line,
                 "the if has no endif");
    if (ferror(reader->file))
        why = strerror(EIO);
    fclose(reader->file);
    return why;
}

static bool
isBeingRead(const Reader *reader, const struct stat *info)
{
    for (; reader; reader = reader->from)
        if (reader->info.st_dev == info->st_dev &&
            reader->info.st_ino == info->st_ino)
            return true;
    return false;
}

static void
includeFile(Reader *from, const ConfigLine *line, const char *path)
{
    const char *why = NULL;
    Reader reader;

    if (from->loader->files >= INCLUDE_FILES_MAX)
        return;
    initReader(&reader, from->loader, path);
    reader.depth = from->depth + 1;
    reader.from = from;
    reader.file = openFile(path, false, &reader.info, &why);
    if (reader.file && isBeingRead(from, &reader.info)) {
        why = "it includes itself";
        fclose(reader.file);
    } else if (reader.file && ++from->loader->files == INCLUDE_FILES_MAX) {
        why = "too many files";
        fclose(reader.file);
    } else if (reader.file) {
        why = readAll(&reader);
    }
    if (why)
        configError(from->loader, line, 0, "include: cannot read %s: %s", path,
                    why);
    finiReader(&reader);
}

void
configReadFile(ConfigLoader *loader, const char *path)
{
    const char *why = NULL;
    Reader reader;

    initReader(&reader, loader, path);
    reader.file = openFile(path, true, &reader.info, &why);
    if (reader.file)
        why = readAll(&reader);
    if (why) {
        char *text = xasprintf("cannot read: %s", why);
        configComplainAt(loader, CONFIG_ERROR, path, 0, text);
        free(text);
    }
    finiReader(&reader);
}

void
configReadText(ConfigLoader *loader, const char *text)
{
    Reader reader;

    initReader(&reader, loader, NULL);
    if (bufAppend(&reader.text, text, strlen(text)) == 0)
        doLine(&reader);
    finiReader(&reader);
}

/* Where a comment behind a value begins, or the end. */
static size_t
valueLen(const char *text)
{
    size_t len = 0;

    while (text[len] && !(text[len] == '#' && len > 0 &&
                          isspace((unsigned char)text[len - 1])))
        len++;
    return len;
}

/* Give a line to cb unless it is empty or a comment. */
static void
giveValue(Buf *line, unsigned lineNo, ConfigValueCb *cb, void *data)
{
    size_t len;
    char *text = lineText(line, &len);

    len = valueLen(text);
    text[len] = '\0';
    while (len > 0 && isspace((unsigned char)text[len - 1]))
        text[--len] = '\0';
    text += strspn(text, " \t");
    if (*text && *text != '#')
        cb(text, lineNo, data);
}

const char *
configReadValues(const char *path, ConfigValueCb *cb, void *data)
{
    const char *why = NULL;
    struct stat info;
    FILE *file = openFile(path, false, &info, &why);
    Buf line;
    int rc;

    if (!file)
        return why;
    bufInit(&line, LINE_MAX_OCTETS);
    for (unsigned lineNo = 1; (rc = readLine(file, &line)) > 0; lineNo++)
        giveValue(&line, lineNo, cb, data);
    if (rc < 0)
        why = "a line is too long";
    if (ferror(file))
        why = strerror(EIO);
    bufFini(&line);
    fclose(file);
    return why;
}

static bool
needsQuotes(const ConfigWord *word)
{
    return word->quoted || !*word->text || *word->text == '#' ||
           word->text[strcspn(word->text, " \t\n\v\f\r")];
}

/* The letter after a backslash, or NUL when c needs none. */
static char
escapeOf(char c)
{
    switch (c) {
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    case '"':
    case '\\':
        return c;
    default:
        return '\0';
    }
}

static size_t
quoteTo(char *to, const char *text)
{
    char *start = to;

    *to++ = '"';
    for (; *text; text++) {
        char escape = escapeOf(*text);

        if (escape)
            *to++ = '\\';
        *to++ = escape ? escape : *text;
    }
    *to++ = '"';
    return (size_t)(to - start);
}

char *
configJoinWords(const ConfigLine *line, size_t first)
{
    size_t size = 1;
    char *text, *to;

    for (size_t i = first; i < line->count; i++)
        size += 2 * strlen(line->words[i].text) + 3;
    to = text = xmalloc(size);
    for (size_t i = first; i < line->count; i++) {
        const ConfigWord *word = &line->words[i];

        if (i > first)
            *to++ = ' ';
        if (needsQuotes(word)) {
            to += quoteTo(to, word->text);
        } else {
            size_t len = strlen(word->text);
            memcpy(to, word->text, len);
            to += len;
        }
    }
    *to = '\0';
    return text;
}
