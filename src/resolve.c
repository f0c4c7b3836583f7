/* Name lookups on threads. DEBUG: section 28 */
#include "resolve.h"

#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "check.h"
#include "comm.h"
#include "debug.h"
#include "list.h"
#include "xalloc.h"

#define RESOLVE_MAGIC 0x9e501feeu
#define THREADS_MAX 8

/* Owned by its thread while that runs, else by the loop. */
struct Resolve {
    uint32_t magic;
    ListNode node; /* in `waiting` */
    CommLoop *loop;
    char *host; /* or the text of the address */
    ResolveCb *cb;
    ResolveNameCb *nameCb; /* both NULL: cancelled */
    void *data;
    struct sockaddr_storage of; /* whose name is looked up; else family 0 */
    char name[NI_MAXHOST];      /* empty: none */
    struct sockaddr_storage addrs[RESOLVE_MAX];
    size_t count;
};

static struct {
    pthread_mutex_t lock;
    bool isClosedLocked; /* the loop takes no answers any more */
    ListNode waiting;
    unsigned running;
} resolver = {.lock = PTHREAD_MUTEX_INITIALIZER,
              .waiting = {&resolver.waiting, &resolver.waiting}};

static void startWaiting(void);

static void
freeResolve(Resolve *resolve)
{
    CHECK_OBJ_CLEAR(resolve);
    free(resolve->host);
    free(resolve);
}

static void
onAnswer(void *data)
{
    Resolve *resolve = data;

    CHECK_OBJ(resolve, RESOLVE_MAGIC);
    resolver.running--;
    startWaiting();
    debug(DBG_ACL, 3, "resolve: %s: %zu addresses, name \"%s\"", resolve->host,
          resolve->count, resolve->name);
    if (resolve->cb != NULL)
        resolve->cb(resolve->addrs, resolve->count, resolve->data);
    else if (resolve->nameCb != NULL)
        resolve->nameCb(resolve->name[0] != '\0' ? resolve->name : NULL,
                        resolve->data);
    freeResolve(resolve);
}

static void
lookUp(Resolve *resolve)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;

    if (getaddrinfo(resolve->host, NULL, &hints, &list) != 0)
        return;
    for (struct addrinfo *it = list; it != NULL && resolve->count < RESOLVE_MAX;
         it = it->ai_next)
        memcpy(&resolve->addrs[resolve->count++], it->ai_addr, it->ai_addrlen);
    freeaddrinfo(list);
}

static void
lookUpName(Resolve *resolve)
{
    if (getnameinfo((const struct sockaddr *)&resolve->of, sizeof(resolve->of),
                    resolve->name, sizeof(resolve->name), NULL, 0,
                    NI_NAMEREQD) != 0)
        resolve->name[0] = '\0';
}

static void *
runLookup(void *data)
{
    Resolve *resolve = data;

    if (resolve->of.ss_family == AF_UNSPEC)
        lookUp(resolve);
    else
        lookUpName(resolve);
    pthread_mutex_lock(&resolver.lock);
    bool isLost = resolver.isClosedLocked ||
                  commPost(resolve->loop, onAnswer, resolve) < 0;
    pthread_mutex_unlock(&resolver.lock);
    if (isLost)
        freeResolve(resolve);
    return NULL;
}

static void
startThread(Resolve *resolve)
{
    pthread_t thread;
    pthread_attr_t attr;

    resolver.running++;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    int rc = pthread_create(&thread, &attr, runLookup, resolve);
    pthread_attr_destroy(&attr);
    if (rc == 0)
        return;
    debug(DBG_ACL, 1, "resolve: no thread for %s: %s", resolve->host,
          strerror(rc));
    commPost(resolve->loop, onAnswer, resolve); /* with no address */
}

static void
startWaiting(void)
{
    ListNode *it;

    while (resolver.running < THREADS_MAX &&
           (it = listFirst(&resolver.waiting)) != NULL) {
        listRemove(it);
        startThread(LIST_OBJ(it, Resolve, node));
    }
}

static Resolve *
createResolve(const char *host, void *data)
{
    Resolve *resolve = xcalloc(1, sizeof(*resolve));

    resolve->magic = RESOLVE_MAGIC;
    resolve->loop = commLoopSelf();
    resolve->host = xstrdup(host);
    resolve->data = data;
    listPushBack(&resolver.waiting, &resolve->node);
    return resolve;
}

Resolve *
resolveStart(const char *host, ResolveCb *cb, void *data)
{
    Resolve *resolve = createResolve(host, data);

    resolve->cb = cb;
    startWaiting();
    return resolve;
}

Resolve *
resolveNameStart(const struct sockaddr *addr, ResolveNameCb *cb, void *data)
{
    char text[ADDRESS_TEXT_MAX];

    addressFormat(addr, text);
    Resolve *resolve = createResolve(text, data);
    resolve->nameCb = cb;
    memcpy(&resolve->of, addr,
           addr->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                       : sizeof(struct sockaddr_in));
    startWaiting();
    return resolve;
}

void
resolveCancel(Resolve **resolve)
{
    if (*resolve == NULL)
        return;
    CHECK_OBJ(*resolve, RESOLVE_MAGIC);
    (*resolve)->cb = NULL;
    (*resolve)->nameCb = NULL;
    if (!listIsEmpty(&(*resolve)->node)) {
        listRemove(&(*resolve)->node);
        freeResolve(*resolve);
    }
    *resolve = NULL;
}

void
resolveFini(void)
{
    ListNode *it;

    pthread_mutex_lock(&resolver.lock);
    resolver.isClosedLocked = true;
    pthread_mutex_unlock(&resolver.lock);
    while ((it = listFirst(&resolver.waiting)) != NULL) {
        listRemove(it);
        freeResolve(LIST_OBJ(it, Resolve, node));
    }
}
