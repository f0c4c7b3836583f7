/* http_list.c: comma-separated lists and their parameters. */
#include "http_header.h"

void
httpListStart(HttpList *list, const HttpHeaders *headers, HttpHeaderId id)
{
    list->headers = headers;
    list->field = httpHeaderNextOf(headers, id, NULL);
    list->rest = list->field ? httpFieldValue(list->field) : (HttpSlice){0};
}

void
httpListStartText(HttpList *list, HttpSlice text)
{
    list->headers = NULL;
    list->field = NULL;
    list->rest = text;
}

/* Octets up to the first comma outside of quotes. */
static size_t
memberLen(HttpSlice text)
{
    bool isQuoted = false;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == '"')
            isQuoted = !isQuoted;
        else if (c == '\\' && isQuoted)
            i++;
        else if (c == ',' && !isQuoted)
            return i;
    }
    return text.len;
}

/* Cut the next member that is not empty off the rest of this field. */
static bool
takeMember(HttpList *list, HttpSlice *itemOut)
{
    while (list->rest.len) {
        size_t len = memberLen(list->rest);
        HttpSlice item = httpSliceTrim(httpSlice(list->rest.data, len));
        size_t used = len < list->rest.len ? len + 1 : len;
        list->rest.data += used;
        list->rest.len -= used;
        if (item.len) {
            *itemOut = item;
            return true;
        }
    }
    return false;
}

static bool
takeField(HttpList *list)
{
    if (list->field)
        list->field =
            httpHeaderNextOf(list->headers, list->field->id, list->field);
    if (!list->field)
        return false;
    list->rest = httpFieldValue(list->field);
    return true;
}

bool
httpListNext(HttpList *list, HttpSlice *itemOut)
{
    while (!takeMember(list, itemOut)) {
        if (!takeField(list))
            return false;
    }
    return true;
}

void
httpListParam(HttpSlice item, HttpSlice *nameOut, HttpSlice *valueOut)
{
    const char *equals = item.len ? memchr(item.data, '=', item.len) : NULL;
    HttpSlice value = {0};

    if (!equals) {
        *nameOut = httpSliceTrim(item);
        *valueOut = value;
        return;
    }
    size_t nameLen = (size_t)(equals - item.data);
    *nameOut = httpSliceTrim(httpSlice(item.data, nameLen));
    value = httpSliceTrim(httpSlice(equals + 1, item.len - nameLen - 1));
    if (value.len >= 2 && value.data[0] == '"' &&
        value.data[value.len - 1] == '"')
        value = httpSlice(value.data + 1, value.len - 2);
    *valueOut = value;
}

bool
httpHeaderHasToken(const HttpHeaders *headers, HttpHeaderId id,
                   const char *token)
{
    HttpList list;
    HttpSlice item;

    httpListStart(&list, headers, id);
    while (httpListNext(&list, &item)) {
        if (httpSliceIs(item, token))
            return true;
    }
    return false;
}
