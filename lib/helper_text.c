/* helper_text.c: where request lines are kept. */
#include "helper_text.h"

#include <stdlib.h>

#include "check.h"
#include "xalloc.h"

#define CHUNK_SIZE (8192 - sizeof(HelperChunk))
#define SPARE_MAX 64

static HelperChunk *
takeChunk(HelperText *store, size_t len)
{
    HelperChunk *chunk = store->spare;

    if (chunk && len <= CHUNK_SIZE) {
        store->spare = chunk->next;
        store->spareCount--;
        return chunk;
    }
    size_t size = len > CHUNK_SIZE ? len : CHUNK_SIZE;
    CHECK(size <= UINT32_MAX);
    chunk = xmalloc(sizeof(*chunk) + size);
    chunk->size = (uint32_t)size;
    return chunk;
}

void
helperTextRenew(HelperText *store, HelperChunk **current, size_t len)
{
    helperTextUnref(store, current);
    HelperChunk *chunk = takeChunk(store, len);
    chunk->refs = 1;
    chunk->used = 0;
    *current = chunk;
}

void
helperTextRecycle(HelperText *store, HelperChunk *chunk)
{
    if (chunk->size != CHUNK_SIZE || store->spareCount >= SPARE_MAX) {
        free(chunk);
        return;
    }
    chunk->next = store->spare;
    store->spare = chunk;
    store->spareCount++;
}

void
helperTextFini(HelperText *store)
{
    while (store->spare) {
        HelperChunk *chunk = store->spare;
        store->spare = chunk->next;
        free(chunk);
    }
    store->spareCount = 0;
}
