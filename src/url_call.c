/* url_call.c: one question about a URL. */
#include "url_call.h"

#include <errno.h>
#include <string.h>

#include "check.h"

ssize_t
urlCallFormat(const Format *extras, const FormatInput *input, char *out,
              size_t size)
{
    size_t used = input->url.url.len;
    ssize_t more;

    if (used + 1 >= size)
        return -EMSGSIZE;
    memcpy(out, input->url.url.data, used);
    if (extras != NULL && !formatIsEmpty(extras)) {
        out[used++] = ' ';
        more = formatExpand(extras, input, out + used, size - used - 1);
        if (more < 0)
            return more;
        used += (size_t)more;
    }
    out[used] = '\0';
    return (ssize_t)used;
}

/* The call can be used again, or be gone, when its owner hears of it. */
static void
onReply(const HelperReply *reply, void *data)
{
    UrlCall *call = data;
    Asker *asker = call->asker;

    CHECK(asker != NULL);
    call->request = NULL;
    call->asker = NULL;
    call->cb(call, asker, reply);
}

int
urlCallRepeat(UrlCall *call, Asker *asker)
{
    int rc = helperSubmitLen(askerPool(asker), call->line, strlen(call->line),
                             onReply, call, &call->request);

    call->asker = rc == 0 ? asker : NULL;
    return rc;
}

int
urlCallSubmit(UrlCall *call, Asker *asker, const Format *extras,
              const FormatInput *input, UrlCallCb *cb)
{
    ssize_t len;

    CHECK(call->asker == NULL);
    len = urlCallFormat(extras, input, call->line, sizeof(call->line));
    if (len < 0)
        return (int)len;
    call->cb = cb;
    call->asked = httpSlice(call->line, input->url.url.len);
    return urlCallRepeat(call, asker);
}

void
urlCallCancel(UrlCall *call)
{
    if (call->asker == NULL)
        return;
    helperCancel(call->request);
    call->request = NULL;
    call->asker = NULL;
}
