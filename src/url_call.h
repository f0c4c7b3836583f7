/*
 * url_call.h: one question to a class of helpers about the URL of a request:
 * the URL, a blank and what the class's extras say. Shared by what rewrites
 * URLs and what gives them store-ids. Thread: loop.
 */
#ifndef SQUIRE_URL_CALL_H
#define SQUIRE_URL_CALL_H

#include "asker.h"
#include "format.h"

#define URL_CALL_LINE_MAX 9216

typedef struct UrlCall UrlCall;

/* The answer, borrowed until return. call can be used again. */
typedef void UrlCallCb(UrlCall *call, Asker *asker, const HelperReply *reply);

/* Lives in its asker, all zero at first; the first member of what knows
 * more. */
struct UrlCall {
    Asker *asker; /* NULL while nothing is asked */
    HelperRequest *request;
    UrlCallCb *cb;
    HttpSlice asked;              /* the URL, in line */
    char line[URL_CALL_LINE_MAX]; /* what was asked, ends in NUL */
};

/*
 * Ask. call is in use until cb has begun or urlCallCancel. cb runs exactly
 * once, later. Errors (cb will not run): -EMSGSIZE the line is too long for
 * the helpers, -EINVAL it has an octet they cannot be told, -ESHUTDOWN.
 */
int urlCallSubmit(UrlCall *call, Asker *asker, const Format *extras,
                  const FormatInput *input, UrlCallCb *cb);

/* Ask the same once more, from within cb. Errors as urlCallSubmit. */
int urlCallRepeat(UrlCall *call, Asker *asker);

/* Stop waiting: cb will not run. Harmless when nothing is asked. */
void urlCallCancel(UrlCall *call);

/*
 * Write the query line (without LF, with a NUL) to out[0 .. size): the URL,
 * and the extras when there are any. Returns the octets without the NUL,
 * -EMSGSIZE, or -EINVAL. Pure.
 */
ssize_t urlCallFormat(const Format *extras, const FormatInput *input, char *out,
                      size_t size);

#endif
