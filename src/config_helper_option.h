/* config_helper_option.h: the options of pools, within the configuration. */
#ifndef SQUIRE_CONFIG_HELPER_OPTION_H
#define SQUIRE_CONFIG_HELPER_OPTION_H

#include "config_priv.h"

#define CONFIG_HELPER_PROCESSES_MAX 100000L

/* Where an option is written; some have another name there. */
typedef enum ConfigHelperPlace {
    CONFIG_HELPER_CHILDREN = 1 << 0, /* a *_children line */
    CONFIG_HELPER_EXTERNAL = 1 << 1, /* external_acl_type */
} ConfigHelperPlace;

/* Carry out word i, NAME=VALUE. False when NAME is no option there; a wrong
 * value is told. */
bool configHelperOptionSet(ConfigLoader *loader, ConfigHelper *helper,
                           const ConfigLine *line, size_t i,
                           ConfigHelperPlace place);

/* The option that NAME or NAME=VALUE is probably meant to be, or NULL. */
const char *configHelperOptionNearest(const char *word,
                                      ConfigHelperPlace place);

#endif
