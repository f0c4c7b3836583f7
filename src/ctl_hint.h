/*
 * ctl_hint.h: what is likely wrong with a helper's answer, in words. Pure.
 * Thread: any.
 */
#ifndef SQUIRE_CTL_HINT_H
#define SQUIRE_CTL_HINT_H

#include <stdbool.h>
#include <stddef.h>

#include "helper_proto.h"

#define CTL_HINTS_MAX 4

typedef struct CtlHints {
    const char *texts[CTL_HINTS_MAX]; /* constants */
    size_t count;
} CtlHints;

/* Add a hint; beyond the maximum it is dropped. */
void ctlHintAdd(CtlHints *hints, const char *text);

/* Look at an answer without its channel-ID and line end, and at what the codec
 * made of it. */
void ctlHintAnswer(CtlHints *hints, const char *line, size_t len,
                   const HelperReply *reply);

/* Look at the channel-ID that an answer has (hasId) or lacks, when one was
 * sent (isDue) or not. */
void ctlHintId(CtlHints *hints, const char *line, size_t len, bool isDue,
               bool hasId);

#endif
