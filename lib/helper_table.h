/*
 * helper_table.h: a hash table of request lines; the nodes live inside
 * their objects. The hash is keyed at random, so that whoever chooses the
 * lines cannot choose their places. Thread: the owner.
 */
#ifndef SQUIRE_HELPER_TABLE_H
#define SQUIRE_HELPER_TABLE_H

#include <stddef.h>
#include <stdint.h>

typedef struct HelperTableNode {
    struct HelperTableNode *next; /* in its place */
    uint32_t hash;
    uint32_t keyLen;
} HelperTableNode;

typedef struct HelperTable {
    HelperTableNode **places;
    uint32_t mask; /* places - 1; their number is a power of two */
    uint32_t count;
    uint64_t seed[2];
} HelperTable;

/* Prepare for so many nodes; more are taken, at the price of a pause when
 * the table grows. */
void helperTableInit(HelperTable *table, uint32_t expected);

/* Free the places; the nodes belong to their owners. */
void helperTableFini(HelperTable *table);

/* SipHash-1-3 of a key under a seed. */
uint64_t helperTableSip(const uint64_t seed[2], const char *key, size_t len);

/* The hash of a key in this table. */
static inline uint32_t
helperTableHash(const HelperTable *table, const char *key, size_t len)
{
    return (uint32_t)helperTableSip(table->seed, key, len);
}

/* The first node that may have this hash; the others follow by next. */
static inline HelperTableNode *
helperTableFirst(const HelperTable *table, uint32_t hash)
{
    return table->places[hash & table->mask];
}

/* Add a node, whose hash and keyLen are set. */
void helperTableAdd(HelperTable *table, HelperTableNode *node);

/* Take out a node that is in the table. */
void helperTableRemove(HelperTable *table, HelperTableNode *node);

#endif
