/* config_limit.c: sizes that depend on acls, as reply_body_max_size. */
#include "config_priv.h"

#include <stdlib.h>
#include <string.h>

#include "xalloc.h"

static bool
isNone(const char *word)
{
    return strcmp(word, "none") == 0 || strcmp(word, "-1") == 0;
}

static void
parseLimits(ConfigLoader *loader, const ConfigRow *row, const ConfigLine *line)
{
    void *field = (char *)loader->config + row->offset;
    ConfigLimits *limits = field;
    ConfigLimit limit = {.octets = -1};
    size_t index = 1;

    if (line->count < 2) {
        configWantWords(loader, row, line, 1);
        return;
    }
    if (isNone(line->words[1].text))
        index++;
    else if (!configTakeSize(loader, line, &index, &limit.octets))
        return;
    if (index < line->count)
        limit.rules = configTakeAcls(loader, line, index, false);
    limits->all =
        xrealloc(limits->all, (limits->count + 1) * sizeof(*limits->all));
    limits->all[limits->count++] = limit;
}

const ConfigKind configKindLimits = {
    .repeats = true,
    .parse = parseLimits,
};

int64_t
configLimitsFind(const ConfigLimits *limits, const AclInput *input,
                 int64_t otherwise)
{
    for (size_t i = 0; i < limits->count; i++) {
        const ConfigLimit *limit = &limits->all[i];

        if (limit->rules == NULL ||
            aclRulesCheck(limit->rules, input) == ACL_ALLOW)
            return limit->octets;
    }
    return otherwise;
}

void
configLimitsFini(ConfigLimits *limits)
{
    for (size_t i = 0; i < limits->count; i++)
        aclRulesDestroy(&limits->all[i].rules);
    free(limits->all);
}
