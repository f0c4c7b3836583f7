/*
 * helper_text.h: where request lines are kept, packed one after another.
 *
 * A line is copied once, when it is submitted, to where it is written from.
 * Lines that leave together are neighbours, so that the kernel takes them in
 * one piece. A chunk is reused when the last request that has a line in it
 * is done; a line longer than a chunk has one of its own.
 * Thread: the owner of the store.
 */
#ifndef SQUIRE_HELPER_TEXT_H
#define SQUIRE_HELPER_TEXT_H

#include <stddef.h>
#include <stdint.h>

typedef struct HelperChunk {
    struct HelperChunk *next; /* among the spare ones */
    uint32_t refs;            /* lines in use, and one while it is filled */
    uint32_t used;
    uint32_t size;
    char data[];
} HelperChunk;

typedef struct HelperText {
    HelperChunk *spare;
    unsigned spareCount;
} HelperText;

/* Let *current be a chunk with room for len octets. Takes the reference that
 * *current (NULL: none) has, gives one to the new one. */
void helperTextRenew(HelperText *store, HelperChunk **current, size_t len);

/* Take a chunk that nobody uses any more: keep or free it. */
void helperTextRecycle(HelperText *store, HelperChunk *chunk);

/* Drop a reference; clears *chunk; NULL inside is accepted. */
static inline void
helperTextUnref(HelperText *store, HelperChunk **chunk)
{
    HelperChunk *old = *chunk;

    *chunk = NULL;
    if (old && --old->refs == 0)
        helperTextRecycle(store, old);
}

/* Free the spare chunks. */
void helperTextFini(HelperText *store);

/* Room for len octets in *current; NULL inside is accepted. */
static inline char *
helperTextReserve(HelperText *store, HelperChunk **current, size_t len)
{
    HelperChunk *chunk = *current;

    if (chunk && chunk->refs == 1)
        chunk->used = 0;
    if (!chunk || chunk->size - chunk->used < len) {
        helperTextRenew(store, current, len);
        chunk = *current;
    }
    return chunk->data + chunk->used;
}

/* Keep len octets of the room reserved; returns a reference for the line. */
static inline HelperChunk *
helperTextCommit(HelperChunk *chunk, size_t len)
{
    chunk->used += (uint32_t)len;
    chunk->refs++;
    return chunk;
}

#endif
