/* config_header.c: request_header_access and the others about fields. */
#include "config_priv.h"

#include <stdlib.h>
#include <string.h>

#include "xalloc.h"

bool
configHeaderIsFixed(HttpHeaderId id)
{
    return id == HTTP_HEADER_CONTENT_LENGTH ||
           id == HTTP_HEADER_TRANSFER_ENCODING ||
           id == HTTP_HEADER_CONNECTION || id == HTTP_HEADER_HOST;
}

/* A line of Squid 2 is about requests and about answers. */
static bool
isOfBoth(const ConfigRow *row)
{
    return strncmp(row->name, "header_", 7) == 0;
}

static ConfigHeaderRules *
fieldOf(const ConfigLoader *loader, const ConfigRow *row)
{
    void *field = (char *)loader->config + row->offset;

    return field;
}

/* False after a complaint. */
static bool
checkName(ConfigLoader *loader, const ConfigRow *row, const ConfigLine *line)
{
    const char *name = line->words[1].text;
    HttpHeaderId id = httpHeaderIdOf(httpSliceText(name));

    if (!httpIsToken(httpSliceText(name)))
        configError(loader, line, 1, "%s: \"%s\" is no name of a field",
                    row->name, name);
    else if (configHeaderIsFixed(id))
        configError(loader, line, 1, "%s: %s cannot be changed", row->name,
                    name);
    else
        return true;
    return false;
}

/* The entry of that name, made when new. */
static ConfigHeaderAccess *
openAccess(ConfigHeaderRules *rules, const char *name)
{
    ConfigHeaderAccess *access;

    for (size_t i = 0; i < rules->accessCount; i++)
        if (strcasecmp(rules->access[i].name, name) == 0)
            return &rules->access[i];
    rules->access = xrealloc(rules->access,
                             (rules->accessCount + 1) * sizeof(*rules->access));
    access = &rules->access[rules->accessCount++];
    *access = (ConfigHeaderAccess){.name = xstrdup(name)};
    access->scope = strcasecmp(name, "All") == 0     ? CONFIG_HEADER_ALL
                    : strcasecmp(name, "Other") == 0 ? CONFIG_HEADER_OTHER
                                                     : CONFIG_HEADER_ONE;
    return access;
}

static void
parseAccess(ConfigLoader *loader, const ConfigRow *row, const ConfigLine *line)
{
    ConfigHeaderAccess *access;

    if (line->count < 4)
        configWantWords(loader, row, line, 3);
    else if (checkName(loader, row, line)) {
        access = openAccess(fieldOf(loader, row), line->words[1].text);
        configTakeRule(loader, row, line, 2, &access->rules);
        if (!isOfBoth(row))
            return;
        access =
            openAccess(&loader->config->replyHeaders, line->words[1].text);
        configTakeRule(loader, row, line, 2, &access->rules);
    }
}

const ConfigKind configKindHeaderAccess = {
    .repeats = true,
    .parse = parseAccess,
};

static void
parseReplace(ConfigLoader *loader, const ConfigRow *row, const ConfigLine *line)
{
    ConfigHeaderAccess *access;
    char *text;

    if (line->count < 3) {
        configWantWords(loader, row, line, 2);
        return;
    }
    if (!checkName(loader, row, line))
        return;
    access = openAccess(fieldOf(loader, row), line->words[1].text);
    text = configTakeWordsFrom(loader, line, 2);
    if (access->scope != CONFIG_HEADER_ONE)
        configError(loader, line, 1, "%s: expected the name of one field",
                    row->name);
    else if (!httpIsFieldValue(httpSliceText(text)))
        configError(loader, line, 2, "%s: no field can have that value",
                    row->name);
    free(access->replacement);
    access->replacement = text;
    if (!isOfBoth(row))
        return;
    access = openAccess(&loader->config->replyHeaders, line->words[1].text);
    free(access->replacement);
    access->replacement = xstrdup(text);
}

const ConfigKind configKindHeaderReplace = {
    .repeats = true,
    .parse = parseReplace,
};

typedef struct Place {
    ConfigLoader *loader;
    const ConfigRow *row;
    const ConfigLine *line;
} Place;

static void
onBadCode(const char *text, bool isUnknown, void *data)
{
    const Place *place = data;
    const char *name = place->row->name;

    if (isUnknown)
        configError(place->loader, place->line, 2, "%s: %s", name, text);
    else
        configWarn(place->loader, place->line, 2, "%s: %s", name, text);
}

static void
parseAdd(ConfigLoader *loader, const ConfigRow *row, const ConfigLine *line)
{
    Place place = {loader, row, line};
    ConfigHeaderRules *rules = fieldOf(loader, row);
    ConfigHeaderAdd *add;

    if (line->count < 3) {
        configWantWords(loader, row, line, 2);
        return;
    }
    if (!checkName(loader, row, line))
        return;
    rules->adds =
        xrealloc(rules->adds, (rules->addCount + 1) * sizeof(*rules->adds));
    add = &rules->adds[rules->addCount++];
    *add = (ConfigHeaderAdd){.name = xstrdup(line->words[1].text),
                             .text = xstrdup(line->words[2].text)};
    if (line->words[2].quoted) {
        add->format = formatCreate(add->text, onBadCode, &place);
        formatSetQuote(add->format, '\'');
    }
    if (line->count > 3)
        add->rules = configTakeAcls(loader, line, 3, !rules->isReply);
}

const ConfigKind configKindHeaderAdd = {
    .repeats = true,
    .parse = parseAdd,
};

void
configHeadersFini(ConfigHeaderRules *rules)
{
    for (size_t i = 0; i < rules->accessCount; i++) {
        free(rules->access[i].name);
        free(rules->access[i].replacement);
        aclRulesDestroy(&rules->access[i].rules);
    }
    free(rules->access);
    for (size_t i = 0; i < rules->addCount; i++) {
        free(rules->adds[i].name);
        free(rules->adds[i].text);
        formatDestroy(&rules->adds[i].format);
        aclRulesDestroy(&rules->adds[i].rules);
    }
    free(rules->adds);
}
