/*
 * rtt_table.h: how far away addresses are, as a pinger told. Bounded: the
 * address not used for longest makes room. Time is a parameter. Ports do not
 * count. Thread: one.
 */
#ifndef SQUIRE_RTT_TABLE_H
#define SQUIRE_RTT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define RTT_ASK_US (60 * INT64_C(1000000))        /* between two questions */
#define RTT_VALID_US (15 * 60 * INT64_C(1000000)) /* after an answer */
#define RTT_SILENT_MAX 3 /* questions without an answer: not known any more */

typedef struct RttTable RttTable;

typedef struct RttRow {
    struct sockaddr_storage addr;
    uint64_t rttUs; /* smoothed; 0: not known */
    unsigned hops;  /* 0: not known */
    uint64_t samples;
    int64_t ageUs; /* since the last answer; -1: there was none */
} RttRow;

typedef void RttRowCb(const RttRow *row, void *data);

/* A table for at most max addresses. Returns owned. */
RttTable *rttTableCreate(size_t max);

/* Clears *table; NULL inside is accepted. */
void rttTableDestroy(RttTable **table);

/* True when addr should be asked about now; the question is then noted as
 * asked. False for families other than AF_INET and AF_INET6. */
bool rttTableAsk(RttTable *table, const struct sockaddr *addr, int64_t nowUs);

/* An answer came. An address that is not there any more is left out. */
void rttTableAnswer(RttTable *table, const RttRow *sample, int64_t nowUs);

/* The smoothed round trip in microseconds, at least 1; 0: not known. */
uint64_t rttTableGet(RttTable *table, const struct sockaddr *addr,
                     int64_t nowUs);

/* Put the nearest first; those not known keep their order, behind. Returns
 * how many are known. */
size_t rttTableSort(RttTable *table, struct sockaddr_storage *addrs,
                    size_t count, int64_t nowUs);

/* Addresses in the table. */
size_t rttTableCount(const RttTable *table);

/* Call cb for each address, the one used last first. */
void rttTableForEach(const RttTable *table, int64_t nowUs, RttRowCb *cb,
                     void *data);

#endif
