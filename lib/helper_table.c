/* helper_table.c: a hash table of request lines. */
#include "helper_table.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "xalloc.h"

#define PLACES_MIN 16u
#define PLACES_MAX (1u << 22) /* made at once; more when the table grows */

typedef struct Sip {
    uint64_t v0, v1, v2, v3;
} Sip;

static inline uint64_t
rotate(uint64_t value, int bits)
{
    return value << bits | value >> (64 - bits);
}

static inline void
mix(Sip *s)
{
    s->v0 += s->v1;
    s->v1 = rotate(s->v1, 13) ^ s->v0;
    s->v0 = rotate(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotate(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotate(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotate(s->v1, 17) ^ s->v2;
    s->v2 = rotate(s->v2, 32);
}

static inline void
absorb(Sip *s, uint64_t word)
{
    s->v3 ^= word;
    mix(s);
    s->v0 ^= word;
}

uint64_t
helperTableSip(const uint64_t seed[2], const char *key, size_t len)
{
    Sip s = {
        .v0 = seed[0] ^ 0x736f6d6570736575u,
        .v1 = seed[1] ^ 0x646f72616e646f6du,
        .v2 = seed[0] ^ 0x6c7967656e657261u,
        .v3 = seed[1] ^ 0x7465646279746573u,
    };
    const char *end = key + (len & ~(size_t)7);
    uint64_t word = 0;

    for (; key < end; key += 8) {
        memcpy(&word, key, 8);
        absorb(&s, le64toh(word));
    }
    word = 0;
    memcpy(&word, key, len & 7);
    absorb(&s, le64toh(word) | (uint64_t)len << 56);
    s.v2 ^= 0xff;
    mix(&s);
    mix(&s);
    mix(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

void
helperTableInit(HelperTable *table, uint32_t expected)
{
    uint32_t size = PLACES_MIN;

    while (size < expected && size < PLACES_MAX)
        size *= 2;
    *table = (HelperTable){
        .places = xcalloc(size, sizeof(HelperTableNode *)),
        .mask = size - 1,
    };
    /* Early at boot there may be no randomness yet; a helper pool does not
     * wait for it. */
    if (getrandom(table->seed, sizeof(table->seed), GRND_NONBLOCK) !=
        (ssize_t)sizeof(table->seed)) {
        struct timespec now;
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        table->seed[0] = (uint64_t)now.tv_nsec << 32 ^ (uint64_t)now.tv_sec;
        table->seed[1] = (uint64_t)(uintptr_t)table->places;
    }
}

void
helperTableFini(HelperTable *table)
{
    free(table->places);
    *table = (HelperTable){0};
}

static void
grow(HelperTable *table)
{
    uint32_t size = table->mask + 1;
    HelperTableNode **old = table->places;

    table->places = xcalloc((size_t)size * 2, sizeof(HelperTableNode *));
    table->mask = size * 2 - 1;
    for (uint32_t i = 0; i < size; i++) {
        HelperTableNode *node = old[i];
        while (node) {
            HelperTableNode *next = node->next;
            HelperTableNode **place = &table->places[node->hash & table->mask];
            node->next = *place;
            *place = node;
            node = next;
        }
    }
    free(old);
}

void
helperTableAdd(HelperTable *table, HelperTableNode *node)
{
    if (table->count > table->mask && table->mask < UINT32_MAX / 2)
        grow(table);
    HelperTableNode **place = &table->places[node->hash & table->mask];
    node->next = *place;
    *place = node;
    table->count++;
}

void
helperTableRemove(HelperTable *table, HelperTableNode *node)
{
    HelperTableNode **link = &table->places[node->hash & table->mask];

    while (*link != node)
        link = &(*link)->next;
    *link = node->next;
    node->next = NULL;
    table->count--;
}
