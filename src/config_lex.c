/* config_lex.c: files, lines and words of a configuration; include. */
#include "config_priv.h"

#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "xalloc.h"

#define INCLUDE_DEPTH_MAX 16
#define LINE_MAX_OCTETS (1024 * 1024)

/* Where a physical line begins in a joined one. */
typedef struct Mark {
    size_t offset;
    unsigned line;
} Mark;

typedef struct Reader {
    ConfigLoader *loader;
    const char *path;
    FILE *file; /* NULL: a text that is no file */
    unsigned depth;
    unsigned line;
    char *physical; /* getline's */
    size_t physicalSize;
    Buf text; /* the joined line */
    Mark *marks;
    size_t markCount;
    size_t markSize;
    ConfigWord *words;
    size_t wordCount;
    size_t wordSize;
} Reader;

static void readFileAt(ConfigLoader *loader, const char *path, unsigned depth,
                       const ConfigLine *from);

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
    free(reader->physical);
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

/* Read one physical line without its end; false at the end of the file. */
static bool
readPhysical(Reader *reader, size_t *lenOut)
{
    ssize_t got =
        getline(&reader->physical, &reader->physicalSize, reader->file);
    size_t len = got > 0 ? (size_t)got : 0;

    if (got < 0)
        return false;
    reader->line++;
    if (len > 0 && reader->physical[len - 1] == '\n')
        len--;
    if (len > 0 && reader->physical[len - 1] == '\r')
        len--;
    if (memchr(reader->physical, '\0', len)) {
        complain(reader, reader->line, "the line has a NUL octet");
        len = 0;
    }
    reader->physical[len] = '\0';
    *lenOut = len;
    return true;
}

/* Join lines that end in a backslash; false at the end of the file. */
static bool
readLogical(Reader *reader)
{
    size_t len = 0;
    bool continued = true, tooLong = false;

    bufClear(&reader->text);
    reader->markCount = 0;
    while (continued && readPhysical(reader, &len)) {
        bool comment = reader->markCount == 0 && isComment(reader->physical);

        addMark(reader);
        continued = !comment && len > 0 && reader->physical[len - 1] == '\\';
        if (!tooLong && bufAppend(&reader->text, reader->physical,
                                  len - (continued ? 1 : 0)) != 0) {
            complain(reader, reader->line, "the line is too long");
            tooLong = true;
        }
    }
    if (tooLong)
        bufClear(&reader->text);
    return reader->markCount > 0;
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

/* Read the word at `at`; returns what follows it, or NULL after an error. */
static const char *
readWord(Reader *reader, const char *at, const char *end)
{
    const char *start = at, *base = bufData(&reader->text);
    ConfigWord *word = addWord(reader, (size_t)(at - base));
    char *to = word->text = xmalloc((size_t)(end - at) + 1);

    word->quoted = isQuote(*at);
    if (word->quoted)
        at = copyQuoted(at, end, &to);
    while (!word->quoted && at && at < end && !isspace((unsigned char)*at)) {
        if (at > start && isQuote(*at) && at[-1] == '=' &&
            quotesOptions(reader))
            at = copyQuoted(at, end, &to);
        else
            *to++ = *at++;
    }
    *to = '\0';
    if (!at) {
        complain(reader, word->line, "a quoted text does not end");
        return NULL;
    }
    if (at < end && !isspace((unsigned char)*at)) {
        complain(reader, word->line, "expected a blank after a quoted text");
        return NULL;
    }
    return at;
}

/* False after an error. */
static bool
splitWords(Reader *reader)
{
    const char *at = bufData(&reader->text);
    const char *end = at + bufLen(&reader->text);

    clearWords(reader);
    while (at && at < end) {
        if (isspace((unsigned char)*at))
            at++;
        else if (*at == '#')
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
        readFileAt(reader->loader, found.gl_pathv[n], reader->depth + 1, line);
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
        configError(reader->loader, line, 0,
                    "include: more than %d files deep (does a file include "
                    "itself?)",
                    INCLUDE_DEPTH_MAX);
    else
        for (size_t i = 1; i < line->count; i++)
            includePattern(reader, line, i);
}

static void
doLine(Reader *reader)
{
    ConfigLine line = {reader->path, NULL, 0};

    if (!splitWords(reader) || reader->wordCount == 0)
        return;
    line.words = reader->words;
    line.count = reader->wordCount;
    if (strcmp(line.words[0].text, "include") == 0)
        doInclude(reader, &line);
    else
        configDirective(reader->loader, &line);
}

static void
tellCannotRead(ConfigLoader *loader, const char *path, const ConfigLine *from)
{
    char *text = xasprintf("cannot read %s: %s", path, strerror(errno));

    if (from)
        configError(loader, from, 0, "include: %s", text);
    else
        configComplainAt(loader, CONFIG_ERROR, path, 0, text);
    free(text);
}

static void
readFileAt(ConfigLoader *loader, const char *path, unsigned depth,
           const ConfigLine *from)
{
    Reader reader;

    initReader(&reader, loader, path);
    reader.depth = depth;
    reader.file = fopen(path, "re");
    if (!reader.file) {
        tellCannotRead(loader, path, from);
        return;
    }
    while (readLogical(&reader))
        doLine(&reader);
    if (ferror(reader.file))
        tellCannotRead(loader, path, from);
    fclose(reader.file);
    finiReader(&reader);
}

void
configReadFile(ConfigLoader *loader, const char *path)
{
    readFileAt(loader, path, 0, NULL);
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

int
configReadValues(const char *path, ConfigValueCb *cb, void *data)
{
    FILE *file = fopen(path, "re");
    char *text = NULL;
    size_t size = 0;
    ssize_t len;
    int rc;

    if (!file)
        return -errno;
    errno = 0;
    for (unsigned line = 1; (len = getline(&text, &size, file)) >= 0; line++) {
        char *start = text;

        while (len > 0 && isspace((unsigned char)text[len - 1]))
            text[--len] = '\0';
        start += strspn(start, " \t");
        if (*start && *start != '#')
            cb(start, line, data);
    }
    rc = ferror(file) ? -(errno ? errno : EIO) : 0;
    free(text);
    fclose(file);
    return rc;
}

static bool
needsQuotes(const ConfigWord *word)
{
    return word->quoted || !*word->text ||
           word->text[strcspn(word->text, " \t\n\r#")];
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
