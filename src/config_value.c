/* config_value.c: plain kinds of values: texts, times, sizes, switches. */
#include "config_priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "xalloc.h"

typedef struct Unit {
    const char *name;
    int64_t factor;
} Unit;

#define SECOND INT64_C(1000)
#define COUNT_MAX 9999
#define DESCRIPTORS_MIN 64L
#define DESCRIPTORS_MAX 10000000L
#define DAY (24 * 3600 * SECOND)

/* The first spelling of a factor is the one that is shown. */
static const Unit timeUnits[] = {
    {"milliseconds", 1},
    {"millisecond", 1},
    {"ms", 1},
    {"seconds", SECOND},
    {"second", SECOND},
    {"s", SECOND},
    {"minutes", 60 * SECOND},
    {"minute", 60 * SECOND},
    {"min", 60 * SECOND},
    {"m", 60 * SECOND},
    {"hours", 3600 * SECOND},
    {"hour", 3600 * SECOND},
    {"h", 3600 * SECOND},
    {"days", DAY},
    {"day", DAY},
    {"d", DAY},
    {"weeks", 7 * DAY},
    {"week", 7 * DAY},
    {"fortnight", 14 * DAY},
    {"months", 30 * DAY},
    {"month", 30 * DAY},
    {"years", 365 * DAY},
    {"year", 365 * DAY},
    {NULL, 0},
};

static const Unit sizeUnits[] = {
    {"bytes", 1},
    {"byte", 1},
    {"KB", 1024},
    {"MB", 1024 * 1024},
    {"GB", 1024 * 1024 * 1024},
    {"k", 1024},
    {"m", 1024 * 1024},
    {"g", 1024 * 1024 * 1024},
    {NULL, 0},
};

#define TIME_WANTED                                                            \
    "expected a time such as 30 seconds (milliseconds, seconds, minutes, "     \
    "hours, days, weeks)"
#define SIZE_WANTED "expected a size such as 64 KB (bytes, KB, MB, GB)"

/* Values beyond this are no use and would overflow further on. */
#define TIME_MAX_MS (100 * 365 * DAY)
#define SIZE_MAX_OCTETS (INT64_C(1) << 50)

static const Unit *
lookupUnit(const Unit *units, const char *name)
{
    for (; units->name; units++)
        if (strcasecmp(units->name, name) == 0)
            return units;
    return NULL;
}

/* The unit in what follows a number: the rest of its word, or the next word
 * unless that is an option. False when it is no unit. */
static bool
takeUnit(const ConfigLine *line, size_t *index, const char *rest,
         const Unit *units, int64_t *factor)
{
    const char *next = NULL;
    const Unit *unit;

    if (*rest)
        next = rest;
    else if (*index < line->count && !strchr(line->words[*index].text, '='))
        next = line->words[(*index)++].text;
    if (!next)
        return true;
    unit = lookupUnit(units, next);
    if (unit)
        *factor = unit->factor;
    return unit != NULL;
}

/*
 * Read a number and its unit (factor is that of a number without) from word
 * *index on, which moves behind them. Negative when there is none.
 */
static double
takeQuantity(const ConfigLine *line, size_t *index, const Unit *units,
             int64_t factor)
{
    const char *text = *index < line->count ? line->words[*index].text : "";
    size_t digits = strspn(text, "0123456789.");
    double number;
    char *end;

    if (digits == 0 || digits > 18 || text[0] == '.')
        return -1;
    number = strtod(text, &end);
    if (end != text + digits)
        return -1;
    ++*index;
    if (number == 0 && !*end && *index < line->count &&
        !lookupUnit(units, line->words[*index].text))
        return 0; /* which needs no unit */
    if (!takeUnit(line, index, end, units, &factor))
        return -1;
    return number * (double)factor;
}

bool
configTakeTime(ConfigLoader *loader, const ConfigLine *line, size_t *index,
               int64_t *msOut)
{
    size_t first = *index;
    double value = takeQuantity(line, index, timeUnits, SECOND);

    if (value < 0)
        configError(loader, line, first, TIME_WANTED);
    else if (value > (double)TIME_MAX_MS)
        configError(loader, line, first, "expected less than 100 years");
    else
        *msOut = (int64_t)(value + 0.5);
    return value >= 0 && value <= (double)TIME_MAX_MS;
}

bool
configTakeSize(ConfigLoader *loader, const ConfigLine *line, size_t *index,
               int64_t *octetsOut)
{
    size_t first = *index;
    double value = takeQuantity(line, index, sizeUnits, 1);

    if (value < 0)
        configError(loader, line, first, SIZE_WANTED);
    else if (value > (double)SIZE_MAX_OCTETS)
        configError(loader, line, first, "expected less than 1048576 GB");
    else
        *octetsOut = (int64_t)(value + 0.5);
    return value >= 0 && value <= (double)SIZE_MAX_OCTETS;
}

/* As takeQuantity, of a word that is no more than that. */
static bool
parseQuantity(const char *text, const Unit *units, int64_t factor, int64_t most,
              int64_t *valueOut)
{
    ConfigWord word = {.text = (char *)(uintptr_t)text};
    const ConfigLine line = {.words = &word, .count = 1};
    size_t index = 0;
    double value = takeQuantity(&line, &index, units, factor);

    if (value < 0 || value > (double)most)
        return false;
    *valueOut = (int64_t)(value + 0.5);
    return true;
}

bool
configParseTime(const char *text, int64_t *msOut)
{
    return parseQuantity(text, timeUnits, SECOND, TIME_MAX_MS, msOut);
}

bool
configParseSize(const char *text, int64_t *octetsOut)
{
    return parseQuantity(text, sizeUnits, 1, SIZE_MAX_OCTETS, octetsOut);
}

bool
configParseNumber(const char *text, long min, long max, long *valueOut)
{
    char *end;
    long value;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    value = strtol(text, &end, 10);
    if (errno != 0 || *end || value < min || value > max)
        return false;
    *valueOut = value;
    return true;
}

bool
configTakeFlag(const ConfigFlag *flags, size_t count, const char *text,
               void *into)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(flags[i].name, text) != 0)
            continue;
        *(bool *)((char *)into + flags[i].offset) = true;
        return true;
    }
    return false;
}

bool
configParseBool(const char *text, bool *valueOut)
{
    bool on = strcmp(text, "on") == 0;

    if (!on && strcmp(text, "off") != 0)
        return false;
    *valueOut = on;
    return true;
}

bool
configIsListenAddr(const char *text)
{
    const char *colon = strrchr(text, ':');
    const char *port = colon ? colon + 1 : text;
    char addr[INET6_ADDRSTRLEN + 2];
    size_t len = colon ? (size_t)(colon - text) : 0;
    unsigned char binary[16];
    long number;

    if (!configParseNumber(port, 0, 65535, &number))
        return false;
    if (len == 0)
        return true;
    if (len >= sizeof(addr))
        return false;
    memcpy(addr, text, len);
    addr[len] = '\0';
    if (addr[0] != '[')
        return inet_pton(AF_INET, addr, binary) == 1;
    if (addr[len - 1] != ']')
        return false;
    addr[len - 1] = '\0';
    return inet_pton(AF_INET6, addr + 1, binary) == 1;
}

bool
configWantWords(ConfigLoader *loader, const ConfigRow *row,
                const ConfigLine *line, size_t count)
{
    if (line->count == count + 1)
        return true;
    if (line->count > count + 1)
        configError(loader, line, count + 1,
                    "\"%s\" is one word too many, expected: %s %s",
                    line->words[count + 1].text, row->name, row->syntax);
    else
        configError(loader, line, line->count, "expected: %s %s", row->name,
                    row->syntax);
    return false;
}

static void *
fieldOf(const ConfigLoader *loader, const ConfigRow *row)
{
    return (char *)loader->config + row->offset;
}

static void
replaceText(char **field, char *text)
{
    free(*field);
    *field = text;
}

static void
parseText(ConfigLoader *loader, const ConfigRow *row, const ConfigLine *line)
{
    if (configWantWords(loader, row, line, 1))
        replaceText(fieldOf(loader, row), xstrdup(line->words[1].text));
}

static void
formatText(const void *field, Buf *out)
{
    char *text = *(char *const *)field;
    ConfigWord word = {.text = text};
    const ConfigLine line = {NULL, &word, 1};
    char *shown;

    if (!text) {
        bufPrintf(out, "none");
        return;
    }
    word.quoted = text[strcspn(text, "\"'\\")] != '\0';
    shown = configJoinWords(&line, 0);
    bufPrintf(out, "%s", shown);
    free(shown);
}

const ConfigKind configKindText = {
    .parse = parseText,
    .format = formatText,
};

char *
configTakeWords(ConfigLoader *loader, const ConfigRow *row,
                const ConfigLine *line)
{
    if (line->count >= 2)
        return configTakeWordsFrom(loader, line, 1);
    configWantWords(loader, row, line, 1);
    return NULL;
}

char *
configTakeWordsFrom(ConfigLoader *loader, const ConfigLine *line, size_t first)
{
    char *words;
    Buf text;

    bufInit(&text, 64 * 1024);
    for (size_t i = first; i < line->count; i++)
        if (bufPrintf(&text, "%s%s", i > first ? " " : "", line->words[i].text))
            configError(loader, line, i, "the text is too long");
    words = xstrndup(bufLen(&text) ? bufData(&text) : "", bufLen(&text));
    bufFini(&text);
    return words;
}

static void
parseWords(ConfigLoader *loader, const ConfigRow *row, const ConfigLine *line)
{
    char *text = configTakeWords(loader, row, line);

    if (text)
        replaceText(fieldOf(loader, row), text);
}

const ConfigKind configKindWords = {
    .parse = parseWords,
};

/* A relative name counts from the directory of the configuration file. */
static void
parseFile(ConfigLoader *loader, const ConfigRow *row, const ConfigLine *line)
{
    const char *name;

    if (!configWantWords(loader, row, line, 1))
        return;
    name = line->words[1].text;
    replaceText(fieldOf(loader, row), strcmp(name, "none") == 0
                                          ? NULL
                                          : configResolve(line->file, name));
}

const ConfigKind configKindFile = {
    .parse = parseFile,
    .format = formatText,
};

static void
parseBool(ConfigLoader *loader, const ConfigRow *row, const ConfigLine *line)
{
    if (!configWantWords(loader, row, line, 1))
        return;
    if (!configParseBool(line->words[1].text, fieldOf(loader, row)))
        configError(loader, line, 1, "expected on or off, not \"%s\"",
                    line->words[1].text);
}

static void
formatBool(const void *field, Buf *out)
{
    bufPrintf(out, "%s", *(const bool *)field ? "on" : "off");
}

const ConfigKind configKindBool = {
    .parse = parseBool,
    .format = formatBool,
};

/* The largest unit that leaves no rest. */
static void
formatQuantity(int64_t value, const Unit *units, Buf *out)
{
    const Unit *best = units;

    for (const Unit *unit = units; unit->name; unit++)
        if (unit->factor > best->factor && value % unit->factor == 0 && value)
            best = unit;
    bufPrintf(out, "%" PRId64 " %s", value / best->factor, best->name);
}

static void
parseSize(ConfigLoader *loader, const ConfigRow *row, const ConfigLine *line)
{
    size_t index = 1;
    int64_t value;

    if (configTakeSize(loader, line, &index, &value) &&
        configWantWords(loader, row, line, index - 1))
        *(int64_t *)fieldOf(loader, row) = value;
}

static void
parseCount(ConfigLoader *loader, const ConfigRow *row, const ConfigLine *line)
{
    long value;

    if (!configWantWords(loader, row, line, 1))
        return;
    if (configParseNumber(line->words[1].text, 0, COUNT_MAX, &value))
        *(int64_t *)fieldOf(loader, row) = value;
    else
        configError(loader, line, 1,
                    "expected a number from 0 to %d, not "
                    "\"%s\"",
                    COUNT_MAX, line->words[1].text);
}

static void
formatCount(const void *field, Buf *out)
{
    bufPrintf(out, "%" PRId64, *(const int64_t *)field);
}

const ConfigKind configKindCount = {
    .parse = parseCount,
    .format = formatCount,
};

/* Buffers for heads are made for this much. */
static void
parseHeadSize(ConfigLoader *loader, const ConfigRow *row,
              const ConfigLine *line)
{
    int64_t *size = fieldOf(loader, row);

    parseSize(loader, row, line);
    if (*size <= CONFIG_HEAD_MAX)
        return;
    configWarn(loader, line, 1, "%s is taken as %d KB, the most it can be",
               row->name, CONFIG_HEAD_MAX / 1024);
    *size = CONFIG_HEAD_MAX;
}

/* "-1" with or without a unit is no size at all. */
static void
parseAnySize(ConfigLoader *loader, const ConfigRow *row, const ConfigLine *line)
{
    if (line->count > 1 && strcmp(line->words[1].text, "-1") == 0)
        *(int64_t *)fieldOf(loader, row) = -1;
    else
        parseSize(loader, row, line);
}

static void
formatAnySize(const void *field, Buf *out)
{
    if (*(const int64_t *)field < 0)
        bufPrintf(out, "-1");
    else
        formatQuantity(*(const int64_t *)field, sizeUnits, out);
}

const ConfigKind configKindAnySize = {
    .parse = parseAnySize,
    .format = formatAnySize,
};

static void
parseDescriptors(ConfigLoader *loader, const ConfigRow *row,
                 const ConfigLine *line)
{
    long value;

    if (!configWantWords(loader, row, line, 1))
        return;
    if (configParseNumber(line->words[1].text, 0, DESCRIPTORS_MAX, &value) &&
        (value == 0 || value >= DESCRIPTORS_MIN))
        *(int64_t *)fieldOf(loader, row) = value;
    else
        configError(loader, line, 1,
                    "expected 0 or a number from %ld to %ld, not \"%s\"",
                    DESCRIPTORS_MIN, DESCRIPTORS_MAX, line->words[1].text);
}

const ConfigKind configKindDescriptors = {
    .parse = parseDescriptors,
    .format = formatCount,
};

static void
parseUmask(ConfigLoader *loader, const ConfigRow *row, const ConfigLine *line)
{
    const char *text;

    if (!configWantWords(loader, row, line, 1))
        return;
    text = line->words[1].text;
    if (*text && strlen(text) <= 4 && text[strspn(text, "01234567")] == '\0' &&
        strtol(text, NULL, 8) <= 0777)
        *(int64_t *)fieldOf(loader, row) = strtol(text, NULL, 8);
    else
        configError(loader, line, 1,
                    "expected an octal number from 0 to 0777, not \"%s\"",
                    text);
}

static void
formatUmask(const void *field, Buf *out)
{
    bufPrintf(out, "0%" PRIo64, *(const int64_t *)field);
}

const ConfigKind configKindUmask = {
    .parse = parseUmask,
    .format = formatUmask,
};

static void
formatSize(const void *field, Buf *out)
{
    formatQuantity(*(const int64_t *)field, sizeUnits, out);
}

const ConfigKind configKindSize = {
    .parse = parseSize,
    .format = formatSize,
};

const ConfigKind configKindHeadSize = {
    .parse = parseHeadSize,
    .format = formatSize,
};

static void
parseTime(ConfigLoader *loader, const ConfigRow *row, const ConfigLine *line)
{
    size_t index = 1;
    int64_t value;

    if (configTakeTime(loader, line, &index, &value) &&
        configWantWords(loader, row, line, index - 1))
        *(int64_t *)fieldOf(loader, row) = value;
}

static void
formatTime(const void *field, Buf *out)
{
    formatQuantity(*(const int64_t *)field, timeUnits, out);
}

const ConfigKind configKindTime = {
    .parse = parseTime,
    .format = formatTime,
};

static const char *const forwardedNames[CONFIG_FORWARDED_COUNT] = {
    "on", "off", "transparent", "delete", "truncate",
};

static void
parseForwarded(ConfigLoader *loader, const ConfigRow *row,
               const ConfigLine *line)
{
    ConfigForwardedFor *field = fieldOf(loader, row);

    if (!configWantWords(loader, row, line, 1))
        return;
    for (int i = 0; i < CONFIG_FORWARDED_COUNT; i++) {
        if (strcmp(line->words[1].text, forwardedNames[i]) == 0) {
            *field = (ConfigForwardedFor)i;
            return;
        }
    }
    configError(loader, line, 1,
                "expected on, off, transparent, delete or truncate, not "
                "\"%s\"",
                line->words[1].text);
}

static void
formatForwarded(const void *field, Buf *out)
{
    bufPrintf(out, "%s", forwardedNames[*(const ConfigForwardedFor *)field]);
}

const ConfigKind configKindForwarded = {
    .parse = parseForwarded,
    .format = formatForwarded,
};

static bool
isDebugOption(const char *text)
{
    const char *comma = strchr(text, ',');
    char section[16];
    long number;

    if (strncmp(text, "rotate=", 7) == 0)
        return configParseNumber(text + 7, 0, 1000, &number);
    if (!comma || (size_t)(comma - text) >= sizeof(section))
        return false;
    memcpy(section, text, (size_t)(comma - text));
    section[comma - text] = '\0';
    return configParseNumber(comma + 1, 0, 9, &number) &&
           (strcmp(section, "ALL") == 0 ||
            configParseNumber(section, 0, 99, &number));
}

static void
parseDebug(ConfigLoader *loader, const ConfigRow *row, const ConfigLine *line)
{
    for (size_t i = 1; i < line->count; i++)
        if (!isDebugOption(line->words[i].text))
            configError(loader, line, i,
                        "expected SECTION,LEVEL (ALL or 0 to 99, then 0 to "
                        "9) or rotate=N, not \"%s\"",
                        line->words[i].text);
    parseWords(loader, row, line);
}

const ConfigKind configKindDebug = {
    .parse = parseDebug,
};

unsigned
configDebugKeep(const Config *config)
{
    const char *text =
        config->debugOptions ? strstr(config->debugOptions, "rotate=") : NULL;

    return text ? (unsigned)strtoul(text + strlen("rotate="), NULL, 10)
                : (unsigned)config->logfileRotate;
}
