/*
 * storeid_rules.h: the rule file of storeid_rules and the store-id that it
 * gives a URL. (storeid_rules(8) describes the file.) Thread: one.
 */
#ifndef SQUIRE_STOREID_RULES_H
#define SQUIRE_STOREID_RULES_H

#include "buf.h"
#include "reload.h"

typedef struct StoreidRules StoreidRules;

/* How reload.h reads a rule file into a StoreidRules. */
extern const ReloadOps storeidRulesOps;

/*
 * Append the store-id of a URL: by its exact rule, else the longest prefix,
 * else the first regular expression of the file. Returns 1; 0 when no rule
 * fits; -ENOBUFS when out is too small, -EINVAL when the store-id would be
 * empty or hold a blank or a control octet.
 */
int storeidRulesApply(const StoreidRules *rules, const char *url, Buf *out);

#endif
