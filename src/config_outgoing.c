/* config_outgoing.c: tcp_outgoing_address. */
#include "config_priv.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "xalloc.h"

static void
parseOutgoing(ConfigLoader *loader, const ConfigRow *row,
              const ConfigLine *line)
{
    Config *config = loader->config;
    ConfigOutgoing outgoing = {.addr = NULL};
    unsigned char binary[16];
    const char *addr;

    if (line->count < 2) {
        configWantWords(loader, row, line, 1);
        return;
    }
    addr = line->words[1].text;
    if (inet_pton(AF_INET, addr, binary) != 1 &&
        inet_pton(AF_INET6, addr, binary) != 1) {
        configError(loader, line, 1, "expected an address, not \"%s\"", addr);
        return;
    }
    outgoing.addr = xstrdup(addr);
    if (line->count > 2)
        outgoing.rules = configTakeAcls(loader, line, 2, true);
    config->outgoing = xrealloc(config->outgoing,
                                (config->outgoingCount + 1) * sizeof(outgoing));
    config->outgoing[config->outgoingCount++] = outgoing;
}

const ConfigKind configKindOutgoing = {
    .repeats = true,
    .parse = parseOutgoing,
};

void
configOutgoingFini(Config *config)
{
    for (size_t i = 0; i < config->outgoingCount; i++) {
        free(config->outgoing[i].addr);
        aclRulesDestroy(&config->outgoing[i].rules);
    }
    free(config->outgoing);
}
