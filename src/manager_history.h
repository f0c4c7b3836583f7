/*
 * manager_history.h: what the figures were some minutes ago, for reports about
 * the last 5 minutes and the last hour. Thread: loop.
 */
#ifndef SQUIRE_MANAGER_HISTORY_H
#define SQUIRE_MANAGER_HISTORY_H

#include "helper_histogram.h"
#include "proxy.h"

/* All figures at one time. */
typedef struct ManagerMoment {
    int64_t atUs; /* commNowUs() */
    ProxyStats stats;
    HelperHistogram latencyUs;
    uint64_t loops; /* turns of the loop */
    uint64_t faults; /* pages that came from a disk */
    double cpu;      /* seconds */
} ManagerMoment;

typedef struct ManagerHistory ManagerHistory;

/* Remember what there is now, and from then on every minute. The proxy must
 * live as long. Returns owned. */
ManagerHistory *managerHistoryCreate(const Proxy *proxy);

/* Clears *history; NULL inside is accepted. */
void managerHistoryDestroy(ManagerHistory **history);

/* The moment 5 minutes ago, or isHour an hour ago, or the first one since the
 * start; borrowed until the loop's turn is over. */
const ManagerMoment *managerHistoryBack(const ManagerHistory *history,
                                        bool isHour);

/* Fill in what there is now. */
void managerMomentNow(const Proxy *proxy, ManagerMoment *momentOut);

#endif
