/* cache_body.c: chunks of a stored body. */
#include "cache_body.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "xalloc.h"

#define CHUNK_MIN 4096

CacheBody *
cacheBodyCreate(uint64_t expected, uint64_t *account)
{
    CacheBody *body = xcalloc(1, sizeof(*body));

    body->refs = 1;
    body->expected = expected;
    body->account = account;
    *account += sizeof(*body);
    return body;
}

CacheBody *
cacheBodyRef(CacheBody *body)
{
    body->refs++;
    return body;
}

void
cacheBodyUnref(CacheBody **body)
{
    CacheBody *self = *body;

    *body = NULL;
    if (!self || --self->refs)
        return;
    while (self->first) {
        CacheChunk *chunk = self->first;
        self->first = chunk->next;
        *self->account -= sizeof(*chunk) + chunk->size;
        free(chunk);
    }
    *self->account -= sizeof(*self);
    free(self);
}

static size_t
roomLeft(const CacheBody *body)
{
    return body->last ? (*body->last)->size - (*body->last)->used : 0;
}

/* Exactly what is to come where that is known, else as much as there is. */
static size_t
nextSize(const CacheBody *body)
{
    uint64_t want = body->length;

    if (body->expected > body->length && body->expected != UINT64_MAX)
        want = body->expected - body->length;
    else if (want < CHUNK_MIN)
        want = CHUNK_MIN;
    return want < CACHE_BODY_CHUNK_MAX ? (size_t)want : CACHE_BODY_CHUNK_MAX;
}

size_t
cacheBodyCost(const CacheBody *body)
{
    return roomLeft(body) ? 0 : sizeof(CacheChunk) + nextSize(body);
}

static void
addChunk(CacheBody *body)
{
    size_t size = nextSize(body);
    CacheChunk *chunk = xmalloc(sizeof(*chunk) + size);

    chunk->next = NULL;
    chunk->size = (uint32_t)size;
    chunk->used = 0;
    body->last = body->last ? &(*body->last)->next : &body->first;
    *body->last = chunk;
    *body->account += sizeof(*chunk) + size;
}

size_t
cacheBodyAppend(CacheBody *body, const void *data, size_t len)
{
    CHECK(len > 0);
    if (!roomLeft(body))
        addChunk(body);
    CacheChunk *chunk = *body->last;
    size_t room = chunk->size - chunk->used;
    size_t part = len < room ? len : room;
    memcpy(chunk->data + chunk->used, data, part);
    chunk->used += (uint32_t)part;
    body->length += part;
    return part;
}

void
cacheBodyFinish(CacheBody *body)
{
    size_t room = roomLeft(body);

    if (!room)
        return;
    CacheChunk *chunk = *body->last;
    chunk->size = chunk->used;
    *body->last = xrealloc(chunk, sizeof(*chunk) + chunk->size);
    *body->account -= room;
}
