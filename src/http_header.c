/* http_header.c: the table of header fields of one message. */
#include "http_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "http_octet.h"
#include "xalloc.h"

#define BLOCK_SIZE 1024 /* usual room for text, with the block's head */
#define BLOCK_KEEP 4096 /* a larger block is not kept for the next message */
#define FIELDS_START 32
#define CONNECTION_OPTIONS_MAX 64

struct HttpHeaderBlock {
    HttpHeaderBlock *next;
    uint32_t size;
    uint32_t used;
    char data[];
};

/* No two known names share a slot: the compiler warns where they do. */
#define NAME_SLOT(len, first, last)                                            \
    (((unsigned)(len) + 11u * (unsigned)(first) + 33u * (unsigned)(last)) & 255)

static const uint8_t idBySlot[256] = {
#define X(id, name, first, last)                                               \
    [NAME_SLOT(sizeof(name) - 1, first, last)] = HTTP_HEADER_##id,
    HTTP_HEADERS(X)
#undef X
};

static const HttpSlice names[HTTP_HEADER_COUNT] = {
    [HTTP_HEADER_OTHER] = {"", 0},
#define X(id, name, first, last) [HTTP_HEADER_##id] = {name, sizeof(name) - 1},
    HTTP_HEADERS(X)
#undef X
};

/* RFC 9110 7.6.1, and the fields a proxy itself is the end of. */
static const HttpHeaderId hopByHop[] = {
    HTTP_HEADER_CONNECTION,
    HTTP_HEADER_KEEP_ALIVE,
    HTTP_HEADER_PROXY_AUTHENTICATE,
    HTTP_HEADER_PROXY_AUTHENTICATION_INFO,
    HTTP_HEADER_PROXY_AUTHORIZATION,
    HTTP_HEADER_PROXY_CONNECTION,
    HTTP_HEADER_TE,
    HTTP_HEADER_TRAILER,
    HTTP_HEADER_TRANSFER_ENCODING,
    HTTP_HEADER_UPGRADE,
};

void
httpHeaderInit(HttpHeaders *headers, size_t textMax)
{
    CHECK(textMax <= UINT32_MAX);
    memset(headers, 0, sizeof(*headers));
    headers->textMax = (uint32_t)textMax;
}

void
httpHeaderFini(HttpHeaders *headers)
{
    HttpHeaderBlock *block = headers->blocks;

    while (block) {
        HttpHeaderBlock *next = block->next;
        free(block);
        block = next;
    }
    free(headers->fields);
    httpHeaderInit(headers, headers->textMax);
}

static bool
isWorthKeeping(const HttpHeaders *headers)
{
    const HttpHeaderBlock *block = headers->blocks;
    return block && !block->next && block->size <= BLOCK_KEEP;
}

void
httpHeaderReset(HttpHeaders *headers)
{
    if (!isWorthKeeping(headers)) {
        httpHeaderFini(headers);
        return;
    }
    headers->blocks->used = 0;
    headers->textLen = 0;
    headers->fieldCount = 0;
    memset(headers->first, 0, sizeof(headers->first));
}

char *
httpHeaderText(HttpHeaders *headers, size_t len)
{
    HttpHeaderBlock *block = headers->blocks;

    if (len > headers->textMax - headers->textLen)
        return NULL;
    if (!block || len > block->size - block->used) {
        size_t size = BLOCK_SIZE - sizeof(*block);
        if (size < len)
            size = len;
        block = xmalloc(sizeof(*block) + size);
        block->next = headers->blocks;
        block->size = (uint32_t)size;
        block->used = 0;
        headers->blocks = block;
    }
    char *text = block->data + block->used;
    block->used += (uint32_t)len;
    headers->textLen += (uint32_t)len;
    return text;
}

HttpHeaderId
httpHeaderIdOf(HttpSlice name)
{
    if (!name.len)
        return HTTP_HEADER_OTHER;
    unsigned first = (unsigned char)name.data[0] | 0x20u;
    unsigned last = (unsigned char)name.data[name.len - 1] | 0x20u;
    HttpHeaderId id = idBySlot[NAME_SLOT(name.len, first, last)];
    return httpSliceEqualNoCase(names[id], name) ? id : HTTP_HEADER_OTHER;
}

const char *
httpHeaderName(HttpHeaderId id)
{
    CHECK(id < HTTP_HEADER_COUNT);
    return names[id].data;
}

/* Put the field with this index at the end of the chain of its id. */
static void
linkField(HttpHeaders *headers, uint16_t index)
{
    uint16_t *link = &headers->first[headers->fields[index].id];

    while (*link)
        link = &headers->fields[*link - 1].next;
    *link = index + 1;
}

int
httpHeaderAddChecked(HttpHeaders *headers, HttpSlice name, HttpSlice value)
{
    if (headers->fieldCount == HTTP_HEADER_FIELDS_MAX)
        return -ENOBUFS;
    if (headers->fieldCount == headers->fieldSize) {
        headers->fieldSize =
            headers->fieldSize ? headers->fieldSize * 2 : FIELDS_START;
        headers->fields =
            xrealloc(headers->fields, headers->fieldSize * sizeof(HttpField));
    }
    uint16_t index = headers->fieldCount++;
    headers->fields[index] = (HttpField){
        .name = name.data,
        .value = value.data,
        .valueLen = (uint32_t)value.len,
        .nameLen = (uint16_t)name.len,
        .id = httpHeaderIdOf(name),
    };
    if (headers->fields[index].id != HTTP_HEADER_OTHER)
        linkField(headers, index);
    return 0;
}

static HttpSlice
copyText(HttpHeaders *headers, HttpSlice text)
{
    char *copy = httpHeaderText(headers, text.len);

    if (copy && text.len)
        memcpy(copy, text.data, text.len);
    return httpSlice(copy, text.len);
}

int
httpHeaderAdd(HttpHeaders *headers, HttpSlice name, HttpSlice value)
{
    value = httpSliceTrim(value);
    if (!httpIsToken(name) || name.len > UINT16_MAX || !httpIsFieldValue(value))
        return -EINVAL;
    HttpSlice nameCopy = copyText(headers, name);
    HttpSlice valueCopy = copyText(headers, value);
    if (!nameCopy.data || !valueCopy.data)
        return -ENOBUFS;
    return httpHeaderAddChecked(headers, nameCopy, valueCopy);
}

int
httpHeaderAddId(HttpHeaders *headers, HttpHeaderId id, HttpSlice value)
{
    CHECK(id > HTTP_HEADER_OTHER && id < HTTP_HEADER_COUNT);
    value = httpSliceTrim(value);
    if (!httpIsFieldValue(value))
        return -EINVAL;
    HttpSlice copy = copyText(headers, value);
    if (!copy.data)
        return -ENOBUFS;
    return httpHeaderAddChecked(headers, names[id], copy);
}

int
httpHeaderAddf(HttpHeaders *headers, HttpHeaderId id, const char *fmt, ...)
{
    char text[1024];
    va_list ap;

    va_start(ap, fmt);
    int len = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (len < 0 || (size_t)len >= sizeof(text))
        return -ENOBUFS;
    return httpHeaderAddId(headers, id, httpSlice(text, (size_t)len));
}

int
httpHeaderSet(HttpHeaders *headers, HttpHeaderId id, HttpSlice value)
{
    uint16_t first = headers->first[id];

    if (!first)
        return httpHeaderAddId(headers, id, value);
    value = httpSliceTrim(value);
    if (!httpIsFieldValue(value))
        return -EINVAL;
    HttpSlice copy = copyText(headers, value);
    if (!copy.data)
        return -ENOBUFS;
    HttpField *field = &headers->fields[first - 1];
    HttpSlice name = httpFieldName(field);
    httpHeaderRemove(headers, id);
    *field = (HttpField){.name = name.data,
                         .nameLen = (uint16_t)name.len,
                         .value = copy.data,
                         .valueLen = (uint32_t)copy.len,
                         .id = id};
    headers->first[id] = first;
    return 0;
}

void
httpHeaderRemove(HttpHeaders *headers, HttpHeaderId id)
{
    uint16_t index = headers->first[id];

    headers->first[id] = 0;
    while (index) {
        HttpField *field = &headers->fields[index - 1];
        index = field->next;
        field->name = NULL;
    }
}

void
httpHeaderRemoveName(HttpHeaders *headers, HttpSlice name)
{
    HttpHeaderId id = httpHeaderIdOf(name);

    if (id != HTTP_HEADER_OTHER) {
        httpHeaderRemove(headers, id);
        return;
    }
    for (unsigned i = 0; i < headers->fieldCount; i++) {
        HttpField *field = &headers->fields[i];
        if (field->name && httpSliceEqualNoCase(httpFieldName(field), name))
            field->name = NULL;
    }
}

HttpSlice
httpHeaderGet(const HttpHeaders *headers, HttpHeaderId id)
{
    uint16_t first = headers->first[id];
    return first ? httpFieldValue(&headers->fields[first - 1]) : (HttpSlice){0};
}

HttpSlice
httpHeaderGetName(const HttpHeaders *headers, HttpSlice name)
{
    HttpHeaderId id = httpHeaderIdOf(name);
    const HttpField *field = NULL;

    if (id != HTTP_HEADER_OTHER)
        return httpHeaderGet(headers, id);
    while ((field = httpHeaderNext(headers, field))) {
        if (httpSliceEqualNoCase(httpFieldName(field), name))
            return httpFieldValue(field);
    }
    return (HttpSlice){0};
}

const HttpField *
httpHeaderNext(const HttpHeaders *headers, const HttpField *field)
{
    size_t index = field ? (size_t)(field - headers->fields) + 1 : 0;

    while (index < headers->fieldCount && !headers->fields[index].name)
        index++;
    return index < headers->fieldCount ? &headers->fields[index] : NULL;
}

const HttpField *
httpHeaderNextOf(const HttpHeaders *headers, HttpHeaderId id,
                 const HttpField *field)
{
    uint16_t index = field ? field->next : headers->first[id];
    return index ? &headers->fields[index - 1] : NULL;
}

static void
removeOption(HttpHeaders *headers, HttpSlice option)
{
    if (httpHeaderIdOf(option) == HTTP_HEADER_OTHER)
        httpHeaderRemoveName(headers, option);
}

void
httpHeaderRemoveHopByHop(HttpHeaders *headers)
{
    HttpList list;
    HttpSlice option;
    int left = CONNECTION_OPTIONS_MAX;

    httpListStart(&list, headers, HTTP_HEADER_CONNECTION);
    while (left-- && httpListNext(&list, &option))
        removeOption(headers, option);
    for (size_t i = 0; i < sizeof(hopByHop) / sizeof(*hopByHop); i++)
        httpHeaderRemove(headers, hopByHop[i]);
    httpHeaderRemoveName(headers, httpSliceText("HTTP2-Settings"));
}

int
httpHeaderCopy(HttpHeaders *headers, const HttpHeaders *src)
{
    const HttpField *field = NULL;

    while ((field = httpHeaderNext(src, field))) {
        int rc =
            httpHeaderAdd(headers, httpFieldName(field), httpFieldValue(field));
        if (rc)
            return rc;
    }
    return 0;
}

static char *
putSlice(char *at, HttpSlice slice)
{
    if (slice.len)
        memcpy(at, slice.data, slice.len);
    return at + slice.len;
}

int
httpHeaderFormat(const HttpHeaders *headers, Buf *out)
{
    const HttpField *field = NULL;
    size_t need = 0;

    while ((field = httpHeaderNext(headers, field)))
        need += field->nameLen + field->valueLen + 4u;
    if (!need)
        return 0;
    char *start = bufReserve(out, need);
    if (!start)
        return -ENOBUFS;
    char *at = start;
    while ((field = httpHeaderNext(headers, field))) {
        at = putSlice(at, httpFieldName(field));
        at = putSlice(at, httpSlice(": ", 2));
        at = putSlice(at, httpFieldValue(field));
        at = putSlice(at, httpSlice("\r\n", 2));
    }
    bufCommit(out, need);
    return 0;
}

bool
httpIsToken(HttpSlice text)
{
    return text.len && httpOctetsAre(text.data, text.len, HTTP_OCTET_TOKEN);
}

bool
httpIsFieldValue(HttpSlice text)
{
    return httpOctetsAre(text.data, text.len, HTTP_OCTET_VALUE);
}
