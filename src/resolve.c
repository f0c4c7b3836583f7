/* Name lookups on threads. DEBUG: section 28 */
#include "resolve.h"

#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

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
    char *host;
    ResolveCb *cb; /* NULL: cancelled */
    void *data;
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
    ResolveCb *cb = resolve->cb;

    CHECK_OBJ(resolve, RESOLVE_MAGIC);
    resolver.running--;
    startWaiting();
    debug(DBG_ACL, 3, "resolve: %s: %zu addresses", resolve->host,
          resolve->count);
    if (cb != NULL)
        cb(resolve->addrs, resolve->count, resolve->data);
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

static void *
runLookup(void *data)
{
    Resolve *resolve = data;

    lookUp(resolve);
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

Resolve *
resolveStart(const char *host, ResolveCb *cb, void *data)
{
    Resolve *resolve = xcalloc(1, sizeof(*resolve));

    resolve->magic = RESOLVE_MAGIC;
    resolve->loop = commLoopSelf();
    resolve->host = xstrdup(host);
    resolve->cb = cb;
    resolve->data = data;
    listPushBack(&resolver.waiting, &resolve->node);
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
