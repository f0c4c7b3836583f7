/* http_stored.c: the lines of a stored head. */
#include "http_stored.h"

#include <string.h>

#define CRLF_LEN 2

bool
httpStoredNext(HttpSlice *rest, HttpStoredLine *lineOut)
{
    const char *lf = rest->len ? memchr(rest->data, '\n', rest->len) : NULL;

    if (!lf)
        return false;
    size_t len = (size_t)(lf - rest->data) + 1;
    const char *colon = memchr(rest->data, ':', len);
    *lineOut = (HttpStoredLine){.text = httpSlice(rest->data, len),
                                .id = HTTP_HEADER_OTHER};
    if (colon) {
        size_t nameLen = (size_t)(colon - rest->data);
        lineOut->id = httpHeaderIdOf(httpSlice(rest->data, nameLen));
        lineOut->value =
            httpSliceTrim(httpSlice(colon + 1, len - nameLen - 1 - CRLF_LEN));
    }
    *rest = httpSlice(lf + 1, rest->len - len);
    return true;
}
