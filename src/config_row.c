/* config_row.c: the table of directives, and finding names in it. */
#include "config_priv.h"

#include <stddef.h>
#include <string.h>

#include "config_foreign.h"
#include "config_table.h"
#include "nearest.h"

const ConfigRow configRows[] = {
#define X(name, kind, field, fallback, syntax, help)                           \
    {name, &configKind##kind, offsetof(Config, field), fallback, syntax, help},
    CONFIG_TABLE(X)
#undef X
};

const size_t configRowCount = sizeof(configRows) / sizeof(configRows[0]);

static const struct {
    const char *old;
    const char *name;
} aliases[] = {
#define X(old, name) {old, name},
    CONFIG_ALIASES(X)
#undef X
};

static const ConfigForeign foreign[] = {
#define X(name, same, instead) {name, same, instead},
    CONFIG_FOREIGN(X)
#undef X
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const ConfigRow *
configRowLookup(const char *name)
{
    for (size_t i = 0; i < COUNT(aliases); i++)
        if (strcmp(aliases[i].old, name) == 0)
            name = aliases[i].name;
    for (size_t i = 0; i < configRowCount; i++)
        if (strcmp(configRows[i].name, name) == 0)
            return &configRows[i];
    return NULL;
}

const ConfigForeign *
configForeignNext(const ConfigForeign *last)
{
    if (!last)
        return foreign;
    return ++last < foreign + COUNT(foreign) ? last : NULL;
}

const ConfigForeign *
configForeignLookup(const char *name)
{
    for (size_t i = 0; i < COUNT(foreign); i++)
        if (strcmp(foreign[i].name, name) == 0)
            return &foreign[i];
    return NULL;
}

const char *
configNearest(const char *name)
{
    const char *best = NULL;

    for (size_t i = 0; i < configRowCount; i++)
        best = nearestPick(name, best, configRows[i].name);
    for (size_t i = 0; i < COUNT(aliases); i++)
        best = nearestPick(name, best, aliases[i].old);
    for (size_t i = 0; i < COUNT(foreign); i++)
        best = nearestPick(name, best, foreign[i].name);
    return best;
}
