/*
 * rewrite_rules.h: the rule file of url_rewrite_map and what it says about a
 * URL. (url_rewrite_map(8) describes the file.) Thread: one.
 */
#ifndef SQUIRE_REWRITE_RULES_H
#define SQUIRE_REWRITE_RULES_H

#include "buf.h"
#include "reload.h"

#include <stddef.h>

typedef struct RewriteRules RewriteRules;

/* How reload.h reads a rule file into a RewriteRules. */
extern const ReloadOps rewriteRulesOps;

/*
 * Apply the first rule that fits: an exact one, else the longest domain, else
 * the first regex of the file. Appends the new URL to out. Returns 1 with
 * *statusOut the status of a redirect or 0 for a rewrite; 0 when no rule
 * fits; -ENOBUFS when out is too small, -EINVAL when the new URL would be
 * empty or hold a blank or a control octet.
 */
int rewriteRulesApply(const RewriteRules *rules, const char *url, Buf *out,
                      int *statusOut);

#endif
