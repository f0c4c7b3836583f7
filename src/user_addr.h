/*
 * user_addr.h: from which addresses users came lately, for acls of kind
 * max_user_ip. Time is a parameter. Thread: one.
 */
#ifndef SQUIRE_USER_ADDR_H
#define SQUIRE_USER_ADDR_H

#include <stdint.h>
#include <sys/socket.h>

#define USER_ADDR_MAX 256 /* addresses of one user; more have the last rank */

typedef struct UserAddrSet UserAddrSet;

/* Nobody is known. Returns owned. */
UserAddrSet *userAddrSetCreate(void);

/* Clears *set; NULL inside is accepted. */
void userAddrSetDestroy(UserAddrSet **set);

/*
 * The user came from addr. It is forgotten ttlMs after it was last so. Returns
 * which one it is of those that are remembered, in the order in which they
 * came first: 1 for the first.
 */
unsigned userAddrNote(UserAddrSet *set, const char *user,
                      const struct sockaddr *addr, int64_t nowMs,
                      int64_t ttlMs);

/* How many users are remembered. */
unsigned userAddrCount(const UserAddrSet *set);

#endif
