/* How far away addresses are. */
#include "rtt_table.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "check.h"
#include "list.h"
#include "xalloc.h"

#define RTT_TABLE_MAGIC 0x9771ab1eu
#define SMOOTH 8 /* a sample counts one eighth, as in TCP */

/* An address without what does not count; zeroed where it has none. */
typedef struct Key {
    int family;
    unsigned char octets[16];
} Key;

typedef struct Entry {
    Key key;
    UT_hash_handle hh;
    ListNode node; /* in table->used, last used first */
    RttRow row;    /* without its age */
    int64_t answeredUs;
    int64_t askedUs;
    unsigned silent; /* questions since the last answer */
} Entry;

struct RttTable {
    uint32_t magic;
    size_t max;
    Entry *entries;
    ListNode used;
};

static bool
makeKey(const struct sockaddr *addr, Key *key)
{
    const struct sockaddr_in *in = (const void *)addr;
    const struct sockaddr_in6 *in6 = (const void *)addr;

    memset(key, 0, sizeof(*key));
    key->family = addr->sa_family;
    if (addr->sa_family == AF_INET)
        memcpy(key->octets, &in->sin_addr, sizeof(in->sin_addr));
    else if (addr->sa_family == AF_INET6)
        memcpy(key->octets, &in6->sin6_addr, sizeof(in6->sin6_addr));
    return addr->sa_family == AF_INET || addr->sa_family == AF_INET6;
}

RttTable *
rttTableCreate(size_t max)
{
    RttTable *table = xcalloc(1, sizeof(*table));

    table->magic = RTT_TABLE_MAGIC;
    table->max = max;
    listInit(&table->used);
    return table;
}

static void
dropEntry(RttTable *table, Entry *entry)
{
    HASH_DEL(table->entries, entry);
    listRemove(&entry->node);
    free(entry);
}

void
rttTableDestroy(RttTable **tablep)
{
    RttTable *table = *tablep;
    ListNode *it;

    if (table == NULL)
        return;
    CHECK_OBJ(table, RTT_TABLE_MAGIC);
    *tablep = NULL;
    while ((it = listFirst(&table->used)) != NULL)
        dropEntry(table, LIST_OBJ(it, Entry, node));
    CHECK_OBJ_CLEAR(table);
    free(table);
}

static Entry *
find(const RttTable *table, const struct sockaddr *addr)
{
    Entry *entry = NULL;
    Key key;

    CHECK_OBJ(table, RTT_TABLE_MAGIC);
    if (makeKey(addr, &key))
        HASH_FIND(hh, table->entries, &key, sizeof(key), entry);
    return entry;
}

static void
touch(RttTable *table, Entry *entry)
{
    listRemove(&entry->node);
    listPushFront(&table->used, &entry->node);
}

static Entry *
add(RttTable *table, const struct sockaddr *addr)
{
    Entry *entry = xcalloc(1, sizeof(*entry));

    if (!makeKey(addr, &entry->key)) {
        free(entry);
        return NULL;
    }
    if (HASH_COUNT(table->entries) >= table->max)
        dropEntry(table, LIST_OBJ(table->used.prev, Entry, node));
    memcpy(&entry->row.addr, addr,
           addr->sa_family == AF_INET ? sizeof(struct sockaddr_in)
                                      : sizeof(struct sockaddr_in6));
    HASH_ADD(hh, table->entries, key, sizeof(entry->key), entry);
    listPushFront(&table->used, &entry->node);
    return entry;
}

bool
rttTableAsk(RttTable *table, const struct sockaddr *addr, int64_t nowUs)
{
    Entry *entry = find(table, addr);

    if (entry != NULL) {
        touch(table, entry);
        if (nowUs - entry->askedUs < RTT_ASK_US)
            return false;
    } else {
        entry = add(table, addr);
    }
    if (entry == NULL)
        return false;
    entry->askedUs = nowUs;
    entry->silent++;
    return true;
}

void
rttTableAnswer(RttTable *table, const RttRow *sample, int64_t nowUs)
{
    Entry *entry = find(table, (const struct sockaddr *)&sample->addr);
    uint64_t rttUs = sample->rttUs > 0 ? sample->rttUs : 1;

    if (entry == NULL)
        return;
    if (entry->row.samples == 0 || nowUs - entry->answeredUs >= RTT_VALID_US)
        entry->row.rttUs = rttUs;
    else
        entry->row.rttUs =
            (entry->row.rttUs * (SMOOTH - 1) + rttUs + SMOOTH / 2) / SMOOTH;
    entry->row.hops = sample->hops;
    entry->row.samples++;
    entry->answeredUs = nowUs;
    entry->silent = 0;
}

static uint64_t
validRtt(const Entry *entry, int64_t nowUs)
{
    if (entry->row.samples == 0 || entry->silent > RTT_SILENT_MAX ||
        nowUs - entry->answeredUs >= RTT_VALID_US)
        return 0;
    return entry->row.rttUs > 0 ? entry->row.rttUs : 1;
}

uint64_t
rttTableGet(RttTable *table, const struct sockaddr *addr, int64_t nowUs)
{
    Entry *entry = find(table, addr);

    if (entry == NULL)
        return 0;
    touch(table, entry);
    return validRtt(entry, nowUs);
}

/* Insertion, since there are a few and equal ones must keep their order. */
size_t
rttTableSort(RttTable *table, struct sockaddr_storage *addrs, size_t count,
             int64_t nowUs)
{
    size_t known = 0;

    for (size_t i = 0; i < count; i++) {
        struct sockaddr_storage addr = addrs[i];
        uint64_t rttUs = rttTableGet(table, (struct sockaddr *)&addr, nowUs);
        size_t at = i;
        if (rttUs == 0)
            continue;
        known++;
        for (; at > 0; at--) {
            uint64_t other =
                rttTableGet(table, (struct sockaddr *)&addrs[at - 1], nowUs);
            if (other != 0 && other <= rttUs)
                break;
            addrs[at] = addrs[at - 1];
        }
        addrs[at] = addr;
    }
    return known;
}

size_t
rttTableCount(const RttTable *table)
{
    CHECK_OBJ(table, RTT_TABLE_MAGIC);
    return HASH_COUNT(table->entries);
}

void
rttTableForEach(const RttTable *table, int64_t nowUs, RttRowCb *cb, void *data)
{
    ListNode *it, *tmp;

    CHECK_OBJ(table, RTT_TABLE_MAGIC);
    LIST_FOREACH(&table->used, it, tmp) {
        const Entry *entry = LIST_OBJ(it, Entry, node);
        RttRow row = entry->row;
        row.rttUs = validRtt(entry, nowUs);
        row.ageUs = row.samples > 0 ? nowUs - entry->answeredUs : -1;
        cb(&row, data);
    }
}
