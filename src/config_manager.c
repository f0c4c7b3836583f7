/* config_manager.c: cachemgr_passwd. */
#include "config_priv.h"

#include <stdlib.h>
#include <string.h>

#include "xalloc.h"

static void
parsePassword(ConfigLoader *loader, const ConfigRow *row,
              const ConfigLine *line)
{
    Config *config = loader->config;
    ConfigManagerPassword one = {.count = line->count - 2};

    if (line->count < 3) {
        configWantWords(loader, row, line, 2);
        return;
    }
    one.password = xstrdup(line->words[1].text);
    one.actions = xcalloc(one.count, sizeof(*one.actions));
    for (size_t i = 0; i < one.count; i++)
        one.actions[i] = xstrdup(line->words[i + 2].text);
    config->managerPasswords =
        xrealloc(config->managerPasswords,
                 (config->managerPasswordCount + 1) * sizeof(one));
    config->managerPasswords[config->managerPasswordCount++] = one;
}

const ConfigKind configKindManagerPassword = {
    .repeats = true,
    .parse = parsePassword,
};

static bool
isAbout(const ConfigManagerPassword *one, HttpSlice action)
{
    for (size_t i = 0; i < one->count; i++)
        if (strcmp(one->actions[i], "all") == 0 ||
            httpSliceEqual(action, httpSliceText(one->actions[i])))
            return true;
    return false;
}

const char *
configManagerPassword(const Config *config, HttpSlice action)
{
    for (size_t i = 0; i < config->managerPasswordCount; i++)
        if (isAbout(&config->managerPasswords[i], action))
            return config->managerPasswords[i].password;
    return NULL;
}

void
configManagerFini(Config *config)
{
    for (size_t i = 0; i < config->managerPasswordCount; i++) {
        ConfigManagerPassword *one = &config->managerPasswords[i];

        for (size_t n = 0; n < one->count; n++)
            free(one->actions[n]);
        free(one->actions);
        free(one->password);
    }
    free(config->managerPasswords);
}
