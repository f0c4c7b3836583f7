/*
 * rewrite_rules.h: the rule file of url_rewrite_map and what it says about a
 * URL. (url_rewrite_map(8) describes the file.) Thread: one.
 */
#ifndef SQUIRE_REWRITE_RULES_H
#define SQUIRE_REWRITE_RULES_H

#include "buf.h"

#include <stddef.h>

typedef struct RewriteRules RewriteRules;

/*
 * Read a rule file. Returns owned, or NULL with *errorOut, owned by the
 * caller: "FILE:LINE: what is wrong", or "FILE: why it cannot be read".
 */
RewriteRules *rewriteRulesLoad(const char *path, char **errorOut);

/* Free the rules. Clears *rules; NULL inside is accepted. */
void rewriteRulesDestroy(RewriteRules **rules);

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
