/*
 * store_id.h: store_id_program: under which name an answer is kept.
 *
 * Only `OK store-id=KEY` gives one; everything else leaves the URL as the
 * key. Wrong answers are told in the debug log at a bounded rate.
 * Thread: loop.
 */
#ifndef SQUIRE_STORE_ID_H
#define SQUIRE_STORE_ID_H

#include <stdbool.h>

#include "config.h"
#include "url_call.h"

typedef struct StoreIdAnswer {
    HttpSlice key;   /* absent: the URL is the key */
    bool isFailed;   /* no answer, and going on without is not allowed */
    const char *why; /* constant: what was wrong with the reply, or NULL */
    const HelperReply *reply; /* the helper's; NULL when there was none */
} StoreIdAnswer;

/* answer and all in it are borrowed until return. */
typedef void StoreIdCb(const StoreIdAnswer *answer, void *data);

/* One question; lives in its asker, all zero at first. */
typedef struct StoreIdCall {
    UrlCall url; /* first */
    bool bypass;
    StoreIdCb *cb;
    void *data;
} StoreIdCall;

/* Ask, as redirectSubmit; call->cb and data are set by the caller. */
int storeIdSubmit(StoreIdCall *call, Asker *asker, const ConfigStoreId *config,
                  const FormatInput *input);

/* What a helper's answer means, except for those the pool makes itself.
 * asked: the URL of the request. Pure. */
void storeIdParseReply(const HelperReply *reply, HttpSlice asked,
                       StoreIdAnswer *out);

#endif
