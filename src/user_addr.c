/* user_addr.c: users and the addresses they came from. Debug section 29. */
#include "user_addr.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "check.h"
#include "list.h"
#include "xalloc.h"

#define USER_ADDR_SET_MAGIC 0x05e2add2u

typedef struct Place {
    struct in6_addr addr;
    int64_t untilMs;
} Place;

typedef struct User {
    UT_hash_handle hh;
    ListNode node; /* in set->users, the one seen last at the end */
    char *name;
    int64_t untilMs; /* of its last address */
    Place *places;   /* in the order in which they came */
    unsigned count;
} User;

struct UserAddrSet {
    uint32_t magic;
    User *byName;
    ListNode users;
};

UserAddrSet *
userAddrSetCreate(void)
{
    UserAddrSet *set = xcalloc(1, sizeof(*set));

    set->magic = USER_ADDR_SET_MAGIC;
    listInit(&set->users);
    return set;
}

static void
dropUser(UserAddrSet *set, User *user)
{
    HASH_DEL(set->byName, user);
    listRemove(&user->node);
    free(user->places);
    free(user->name);
    free(user);
}

void
userAddrSetDestroy(UserAddrSet **setp)
{
    UserAddrSet *set = *setp;

    if (set == NULL)
        return;
    CHECK_OBJ(set, USER_ADDR_SET_MAGIC);
    *setp = NULL;
    while (!listIsEmpty(&set->users))
        dropUser(set, LIST_OBJ(listFirst(&set->users), User, node));
    CHECK_OBJ_CLEAR(set);
    free(set);
}

/* Those that were not seen for long are first. */
static void
dropOld(UserAddrSet *set, int64_t nowMs)
{
    ListNode *first;

    while ((first = listFirst(&set->users)) != NULL) {
        User *user = LIST_OBJ(first, User, node);

        if (user->untilMs > nowMs)
            return;
        dropUser(set, user);
    }
}

static User *
openUser(UserAddrSet *set, const char *name)
{
    User *user;

    HASH_FIND_STR(set->byName, name, user);
    if (user != NULL) {
        listRemove(&user->node);
    } else {
        user = xcalloc(1, sizeof(*user));
        user->name = xstrdup(name);
        listInit(&user->node);
        HASH_ADD_KEYPTR(hh, set->byName, user->name, strlen(user->name), user);
    }
    listPushBack(&set->users, &user->node);
    return user;
}

/* IPv4 is mapped into IPv6. */
static struct in6_addr
keyOf(const struct sockaddr *addr)
{
    const void *any = addr;
    struct in6_addr key = {0};

    if (addr->sa_family == AF_INET) {
        const struct sockaddr_in *in = any;
        key.s6_addr[10] = key.s6_addr[11] = 0xff;
        memcpy(&key.s6_addr[12], &in->sin_addr, 4);
    } else if (addr->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = any;
        key = in6->sin6_addr;
    }
    return key;
}

static void
dropPlaces(User *user, int64_t nowMs)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < user->count; i++)
        if (user->places[i].untilMs > nowMs)
            user->places[kept++] = user->places[i];
    user->count = kept;
}

unsigned
userAddrNote(UserAddrSet *set, const char *user, const struct sockaddr *addr,
             int64_t nowMs, int64_t ttlMs)
{
    CHECK_OBJ(set, USER_ADDR_SET_MAGIC);
    dropOld(set, nowMs);
    User *found = openUser(set, user);
    Place place = {.addr = keyOf(addr), .untilMs = nowMs + ttlMs};
    unsigned i = 0;

    dropPlaces(found, nowMs);
    found->untilMs = place.untilMs;
    while (i < found->count && memcmp(&found->places[i].addr, &place.addr,
                                      sizeof(place.addr)) != 0)
        i++;
    if (i == USER_ADDR_MAX)
        return i + 1;
    if (i == found->count)
        found->places =
            xrealloc(found->places, ++found->count * sizeof(place));
    found->places[i] = place;
    return i + 1;
}

unsigned
userAddrCount(const UserAddrSet *set)
{
    CHECK_OBJ(set, USER_ADDR_SET_MAGIC);
    return HASH_COUNT(set->byName);
}
